//! What a kind of check is.

use std::time::Duration;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::bench::Bench;
use super::printed::Printed;
use super::report::{Metrics, Trouble};
use super::submission::Submission;
use crate::dockerfile::{self, Dockerfile};
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

/// What has to be there before a check can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// The files only.
    Files,
    /// A Docker: [`Case::bench`].
    Docker,
    /// The image that the lab's build plan makes, where it has one.
    Image,
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
    /// What has to be there.
    pub need: Need,
    /// What it looks at, in a sentence.
    pub about: &'static str,
    /// The codes of its failures.
    pub codes: &'static [Code],
    /// How long it may take unless the manifest says.
    pub timeout: Duration,
    /// The code of the failure that it is to take longer; without one, the judge is in trouble then.
    pub late: Option<&'static str>,
    /// Reads its fields: [`read`].
    pub read: fn(&Fields) -> Result<Box<dyn Check>, Wrong>,
    /// The form of its fields: [`schema`].
    pub schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kind({})", self.name)
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The field; empty for the check as a whole. Of what is in it, `.name` and `[0]` may follow.
    pub field: String,
    /// What was found and what was expected.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

impl Wrong {
    /// Something wrong with a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), hint: String::new() }
    }
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

    /// What is wrong with its fields together.
    fn wrong(&self) -> Option<Wrong> {
        None
    }

    /// The checks that it is made of.
    fn inner(&self) -> Vec<(&'static Kind, &dyn Check)> {
        Vec::new()
    }
}

/// Reads a check's fields as a struct: the `read` of a [`Kind`].
///
/// # Errors
/// What is wrong with which field.
pub fn read<T: DeserializeOwned + JsonSchema + Check + 'static>(fields: &Fields) -> Result<Box<dyn Check>, Wrong> {
    super::fields::read::<T>(fields).and_then(|check| match check.wrong() {
        Some(wrong) => Err(wrong),
        None => Ok(Box::new(check) as Box<dyn Check>),
    })
}

/// The form of a check's fields: the `schema` of a [`Kind`].
pub fn schema<T: JsonSchema>(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.root_schema_for::<T>()
}

/// What a check saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// In a few words: `200 in 34 ms`.
    pub observed: String,
    /// What is wrong; nothing when the check holds.
    pub found: Vec<Found>,
    /// There is no image to look at, because its build failed; `found` says why. What needs the image is not reached,
    /// and the build's failure is told once, whichever check met it first.
    pub unbuilt: bool,
}

impl Seen {
    /// All is well.
    pub fn well(observed: impl Into<String>) -> Self {
        Self { observed: observed.into(), ..Self::default() }
    }

    /// Well when nothing was found.
    pub fn of(observed: impl Into<String>, found: Vec<Found>) -> Self {
        Self { observed: observed.into(), found, unbuilt: false }
    }

    /// The lab's image could not be built.
    pub fn unbuilt(observed: impl Into<String>, found: Vec<Found>) -> Self {
        Self { observed: observed.into(), found, unbuilt: true }
    }
}

/// Something wrong. Texts may hold anything; they are made harmless when they become a report.
#[allow(clippy::struct_field_names)] // What was found, beside what was expected.
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

impl Found {
    /// Something wrong.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), ..Self::default() }
    }

    /// In a file, without a line.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// In a line of a file.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: usize) -> Self {
        self.line = Some(line);
        self.in_file(file)
    }

    /// What should be.
    #[must_use]
    pub fn expected(mut self, what: impl Into<String>) -> Self {
        self.expected = Some(what.into());
        self
    }

    /// What is.
    #[must_use]
    pub fn found(mut self, what: impl Into<String>) -> Self {
        self.found = Some(what.into());
        self
    }
}

/// A Dockerfile of a submission.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Its path in the workspace.
    pub path: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub file: Dockerfile,
}

impl Recipe {
    /// The most bytes of one that is read; nobody writes so much.
    pub const LARGEST: u64 = 64 << 10;

    /// Where a lab's Dockerfile is in the workspace.
    pub fn path_of(lab: &Lab) -> String {
        let (context, file) = lab.build.as_ref().map_or(("", ""), |plan| (&plan.context, &plan.dockerfile));
        let file = if file.is_empty() { "Dockerfile" } else { file };
        dockerfile::ignore::clean(&format!("{context}/{file}")).trim_start_matches('/').to_owned()
    }

    /// A Dockerfile that was read.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { path: path.into(), file: dockerfile::parse(&text), text }
    }
}

/// A submission being judged.
pub struct Case<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// The files.
    pub submission: &'a Submission,
    /// The Dockerfile of the build plan, if it is there.
    pub dockerfile: Option<Recipe>,
    /// The Docker; there for checks whose kind says that they need one.
    pub bench: Option<Bench>,
    /// What was measured.
    pub metrics: Metrics,
    /// What was printed.
    pub printed: Printed,
    /// Whoever wants to know. Texts may hold anything.
    pub tell: &'a super::Tell<'a>,
}

impl Case<'_> {
    /// The Docker.
    ///
    /// # Errors
    /// When the kind of the check does not say that it needs one.
    pub fn bench(&mut self) -> Result<&mut Bench, Trouble> {
        self.bench
            .as_mut()
            .ok_or_else(|| Trouble::new("J_LAB_INVALID", "a check needs a Docker, but its kind does not say so", ""))
    }
}
