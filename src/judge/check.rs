//! What a kind of check is.

use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

use super::bench::Bench;
use super::report::{Metrics, Notes, Trouble};
use super::submission::Submission;
use crate::dockerfile::Dockerfile;
use crate::labs::Lab;

/// The fields of a check in the manifest.
pub type Fields = Map<String, Value>;

/// When a check is made. What one phase needs of those before it is clear without being said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// On the files.
    Files,
    /// On the text of the Dockerfile.
    Dockerfile,
    /// By building.
    Build,
    /// On the image.
    Image,
    /// On what runs.
    Run,
    /// By stopping what runs.
    Stop,
}

/// A failure code of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its name.
    pub name: &'static str,
    /// A hint for where the lab has none.
    pub hint: &'static str,
}

/// A kind of check: one entry of a table in [`super::checks`].
pub struct Kind {
    /// What a manifest calls it.
    pub name: &'static str,
    /// When it is made.
    pub phase: Phase,
    /// What it looks at, in a sentence.
    pub about: &'static str,
    /// The codes of its failures.
    pub codes: &'static [Code],
    /// How long it may take unless the manifest says.
    pub timeout: Duration,
    /// Reads its fields.
    pub read: fn(&Fields) -> Result<Box<dyn Check>, Wrong>,
    /// The form of its fields.
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The field; empty for the check as a whole.
    pub field: String,
    /// What was found and what was expected.
    pub message: String,
}

/// A check of a lab, ready to be made.
pub trait Check: Send + Sync {
    /// What it is called for the learner where the manifest does not say.
    fn title(&self) -> String;
    /// Looks.
    ///
    /// # Errors
    /// What prevents looking, which is not the submission's fault.
    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>>;
}

/// What a check saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// In a few words: `200 in 34 ms`.
    pub observed: String,
    /// What is wrong; nothing when the check holds.
    pub found: Vec<Found>,
}

/// Something wrong. Texts may hold anything; they are made harmless when they become a report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The file.
    pub file: Option<String>,
    /// Its line, from 1.
    pub line: Option<usize>,
    /// What should be.
    pub expected: Option<String>,
    /// What is.
    pub found: Option<String>,
}

/// A submission being judged.
pub struct Case<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// The files.
    pub submission: &'a Submission,
    /// The Dockerfile of the build plan, if there is one: path, text, what it says.
    pub dockerfile: Option<(String, String, Dockerfile)>,
    /// The Docker.
    pub bench: &'a mut Bench,
    /// What was measured.
    pub metrics: Metrics,
    /// What was printed.
    pub notes: Notes,
    /// Whoever wants to know.
    pub tell: &'a super::Tell<'a>,
}
