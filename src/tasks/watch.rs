//! What a task makes, looked at while it is being made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::record::TaskId;

/// Something that a task changes and others read. Clones are the same thing.
#[derive(Debug)]
pub struct Watch<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    task: Mutex<Option<TaskId>>,
    value: Mutex<T>,
}

impl<T> Watch<T> {
    /// Something to watch, as it is before the task begins.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Inner { task: Mutex::new(None), value: Mutex::new(value) }))
    }

    /// The task, once it has begun.
    pub fn task(&self) -> Option<TaskId> {
        *self.0.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it has come to. Held only for moments.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task begins.
    pub fn begin(&self, task: TaskId) {
        *self.0.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }
}

impl<T: Default> Default for Watch<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Clone for Watch<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> PartialEq for Watch<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
