//! How far tasks are and how they ended.

use std::collections::VecDeque;
use std::fmt;

use jiff::Timestamp;

use crate::engine::EngineError;

/// Lines kept of one task; the oldest go first.
const LINES_KEPT: usize = 2000;
/// Ended tasks kept; the oldest go first.
const TASKS_KEPT: usize = 200;

/// Tells tasks of one panel apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// Something a task says. All texts are harmless to a terminal.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // Described with Task.
pub enum TaskEvent {
    Started { id: TaskId, title: String, command: String, at: Timestamp },
    Progress { id: TaskId, done: u64, total: Option<u64>, note: String },
    Line { id: TaskId, text: String },
    Ended { id: TaskId, outcome: Outcome, at: Timestamp },
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well; with what was done.
    Done(String),
    /// Not at all.
    Failed(EngineError),
    /// With some of its parts failed: name and reason.
    Partly {
        /// Parts that went well.
        done: usize,
        /// Parts that did not.
        failed: Vec<(String, EngineError)>,
    },
    /// Because it was told to.
    Cancelled,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(summary) => f.write_str(summary),
            Self::Failed(error) => write!(f, "{error}"),
            Self::Partly { done, failed } => {
                write!(f, "{} of {} failed", failed.len(), failed.len() + done)?;
                failed.first().map_or(Ok(()), |(name, error)| write!(f, "; {name}: {error}"))
            }
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// One task.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Tells it apart.
    pub id: TaskId,
    /// What it does.
    pub title: String,
    /// The docker command that does the same.
    pub command: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// Parts done, parts in all, and what it is at.
    pub progress: (u64, Option<u64>, String),
    /// What it said, oldest first.
    pub lines: VecDeque<String>,
    /// Lines that went because there were too many.
    pub dropped: usize,
}

impl Task {
    /// How far it is, in words.
    pub fn progress_words(&self) -> String {
        let (done, total, note) = &self.progress;
        let count = total.filter(|t| *t > 1).map_or(String::new(), |t| format!("{done}/{t} "));
        if note.is_empty() { format!("{count}running") } else { format!("{count}{note}") }
    }
}

/// The tasks of one panel.
#[derive(Debug, Default)]
pub struct Tasks {
    /// Newest first.
    all: VecDeque<Task>,
}

impl Tasks {
    /// Takes in what a task said.
    pub fn apply(&mut self, event: TaskEvent) {
        match event {
            TaskEvent::Started { id, title, command, at } => {
                self.all.push_front(Task {
                    id,
                    title,
                    command,
                    started: at,
                    ended: None,
                    outcome: None,
                    progress: (0, None, String::new()),
                    lines: VecDeque::new(),
                    dropped: 0,
                });
                if self.all.len() > TASKS_KEPT
                    && let Some(oldest) = self.all.iter().rposition(|t| t.outcome.is_some())
                {
                    self.all.remove(oldest);
                }
            }
            TaskEvent::Progress { id, done, total, note } => {
                if let Some(task) = self.find(id) {
                    task.progress = (done, total, note);
                }
            }
            TaskEvent::Line { id, text } => {
                if let Some(task) = self.find(id) {
                    if task.lines.len() >= LINES_KEPT {
                        task.lines.pop_front();
                        task.dropped += 1;
                    }
                    task.lines.push_back(text);
                }
            }
            TaskEvent::Ended { id, outcome, at } => {
                if let Some(task) = self.find(id) {
                    task.outcome = Some(outcome);
                    task.ended = Some(at);
                }
            }
        }
    }

    fn find(&mut self, id: TaskId) -> Option<&mut Task> {
        self.all.iter_mut().find(|t| t.id == id)
    }

    /// One task.
    pub fn get(&self, id: TaskId) -> Option<&Task> {
        self.all.iter().find(|t| t.id == id)
    }

    /// All tasks, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        self.all.iter()
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.all.iter().filter(|t| t.outcome.is_none()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_tasks_go_before_running_ones_and_logs_are_bounded() {
        let mut tasks = Tasks::default();
        let at = Timestamp::UNIX_EPOCH;
        for n in 0..300 {
            let id = TaskId(n);
            tasks.apply(TaskEvent::Started { id, title: n.to_string(), command: String::new(), at });
            if n != 5 {
                tasks.apply(TaskEvent::Ended { id, outcome: Outcome::Done("ok".into()), at });
            }
        }
        assert_eq!((tasks.iter().count(), tasks.running()), (TASKS_KEPT, 1));
        for n in 0..2500 {
            tasks.apply(TaskEvent::Line { id: TaskId(5), text: n.to_string() });
        }
        let task = tasks.get(TaskId(5));
        assert_eq!(task.map(|t| (t.lines.len(), t.dropped, t.lines[0].as_str())), Some((2000, 500, "500")));
    }
}
