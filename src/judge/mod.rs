//! Judging a submission: what is looked at, from outside the learner's reach, and what is said of it.
//!
//! ```text
//! Submission (a copy, held here) ─► checks, phase by phase, on a Bench (a Docker) ─► Report
//! ```
//!
//! A verdict rests on the copy of the files and on what the Docker's API says; nothing that the submission prints is
//! read for it. What prevents judging is a third outcome besides passed and failed, and is nobody's failure.

mod bench;
mod check;
mod checks;
mod compile;
mod copy;
mod fields;
mod printed;
mod prove;
mod reading;
mod report;
mod runner;
mod schema;
mod select;
mod submission;
#[cfg(test)]
mod testing;

pub use bench::Way;
pub use check::{Code, Kind, Need, Phase};
pub use checks::{kind, kinds};
pub use compile::{Planned, compile};
pub use prove::{Case as ProvenCase, Proof, Proven, Proving, Standing, TellProven, prove};
pub use report::{
    BuildMetrics, CheckResult, CheckStatus, Failure, Metrics, Mode, Notes, Report, SCHEMA, Trouble, Verdict,
    report_schema,
};
pub use runner::judge;
pub use schema::lab_schema;
pub use submission::{FileEntry, FileKind, Submission};

/// Something that happened while judging. Texts are harmless.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What is being done before the first check, between or after checks.
    Step(String),
    /// The checks there will be: name and title of each, in the order of the report.
    Plan(Vec<(String, String)>),
    /// A check begins.
    Begins(String),
    /// A check ended, with its failures.
    Ended(Box<CheckResult>, Vec<Failure>),
    /// A line of what a step or check prints.
    Line(String),
}

/// Whoever wants to know.
pub type Tell<'a> = dyn Fn(Event) + Send + Sync + 'a;
