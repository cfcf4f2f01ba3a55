//! How far tasks are and how they ended.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
    Said { id: TaskId, words: Words },
    Ended { id: TaskId, outcome: Outcome, at: Timestamp },
}

/// Parts done, parts in all, and what a task is at.
pub type Progress = (u64, Option<u64>, String);

/// What a task said that nobody took in yet. It says more into the same place until somebody does, so
/// that a chatty task that is not listened to costs no more than its log may be long.
#[derive(Debug, Clone, Default)]
pub struct Words(Arc<Mutex<Untold>>);

#[derive(Debug, Default)]
struct Untold {
    lines: VecDeque<String>,
    dropped: usize,
    progress: Option<Progress>,
    /// An event that says there is something is on its way.
    announced: bool,
}

impl Words {
    fn with<T>(&self, act: impl FnOnce(&mut Untold) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One more line.
    pub(super) fn line(&self, text: String) {
        self.with(|untold| untold.dropped += keep(&mut untold.lines, text));
    }

    /// How far it is now.
    pub(super) fn progress(&self, progress: Progress) {
        self.with(|untold| untold.progress = Some(progress));
    }

    /// Whether there is something that nobody was told to take in.
    pub(super) fn announce(&self) -> bool {
        self.with(|untold| {
            let news = !untold.lines.is_empty() || untold.progress.is_some();
            news && !std::mem::replace(&mut untold.announced, true)
        })
    }

    fn take(&self) -> Untold {
        self.with(std::mem::take)
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Adds a line; answers with how many went for it.
fn keep(lines: &mut VecDeque<String>, text: String) -> usize {
    let full = lines.len() >= LINES_KEPT;
    if full {
        lines.pop_front();
    }
    lines.push_back(text);
    usize::from(full)
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
    /// How far it is.
    pub progress: Progress,
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
            TaskEvent::Said { id, words } => {
                let said = words.take();
                if let Some(task) = self.find(id) {
                    task.dropped += said.dropped;
                    for line in said.lines {
                        task.dropped += keep(&mut task.lines, line);
                    }
                    if let Some(progress) = said.progress {
                        task.progress = progress;
                    }
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
        let words = Words::default();
        for n in 0..2500 {
            words.line(n.to_string());
            if n == 99 {
                tasks.apply(TaskEvent::Said { id: TaskId(5), words: words.clone() });
            }
        }
        tasks.apply(TaskEvent::Said { id: TaskId(5), words });
        let task = tasks.get(TaskId(5));
        assert_eq!(task.map(|t| (t.lines.len(), t.dropped, t.lines[0].as_str())), Some((2000, 500, "500")));
    }

    #[test]
    fn what_nobody_takes_in_is_announced_once_and_bounded() {
        let words = Words::default();
        assert!(!words.announce());
        for n in 0..100_000 {
            words.line(n.to_string());
        }
        words.progress((1, Some(2), String::new()));
        assert!(words.announce() && !words.announce());
        let untold = words.take();
        assert_eq!((untold.lines.len(), untold.dropped), (LINES_KEPT, 100_000 - LINES_KEPT));
        words.line("more".into());
        assert!(words.announce());
    }
}
