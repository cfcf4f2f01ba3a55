//! Everything that takes long: what is to be done, how far it is, how it ended.
//!
//! A [`Job`] is plain data. [`Runner`] carries it out and tells of it in [`TaskEvent`]s, which
//! [`Tasks`] keeps.

mod child;
mod history;
mod job;
mod judging;
mod lab;
mod record;
mod run;
mod session;
mod stack;
mod watch;
mod workspace;

pub use history::{History, Submitter, attempt};
pub use job::{Job, Named, StackVerb, Verb, shell_quote};
pub use judging::{JudgeWatch, Judging};
pub use lab::LabWatch;
pub use record::{Outcome, Progress, Task, TaskEvent, TaskId, Tasks, Words};
pub use run::Runner;
pub use watch::Watch;
pub use workspace::{BuildSeen, BuildWatch, StartWatch};
