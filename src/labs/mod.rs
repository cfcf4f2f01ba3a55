//! Labs: tasks for learners, as folders that instructors write without Rust.
//!
//! ```text
//! lab1/ lab.yaml  README.md  images/NAME/Dockerfile  starter/  solution/  bad/NAME/  good/NAME/
//! ```
//!
//! `solution` is laid over `starter`, each folder in `bad` and `good` over both. What a check means is known to
//! [`judge`](crate::judge) alone; here it is a name and fields with their places in the file.

mod catalogue;
mod form;
mod git;
mod images;
mod manifest;
mod schema;
mod start;
mod tree;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, Place, Sessions};
use crate::sessions::Spec;

pub use catalogue::{Catalogue, catalogue};
pub use git::{Updated, update};
pub use images::{LABEL as IMAGE_LABEL, ensure_images};
pub use manifest::load;
pub use schema::schema;
pub use start::{kept_folder, plant, reset, reset_keeping, start, start_as};
pub use tree::Tree;

/// How much a lab asks of the learner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Difficulty {
    /// Nothing is taken for granted.
    #[default]
    Beginner,
    /// One has built images before.
    Intermediate,
    /// One runs containers for others.
    Advanced,
}

/// Where a lab is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Part of the program.
    BuiltIn,
    /// A folder of this machine.
    Folder(PathBuf),
    /// A git repository, by its address, and where its copy lies.
    Git(String, PathBuf),
}

/// A lab.
#[derive(Debug, Clone)]
pub struct Lab {
    /// A short name: lower-case letters, digits, `-`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What one learns, in a sentence.
    pub summary: String,
    /// How many minutes it takes.
    pub minutes: u32,
    /// How much it asks.
    pub difficulty: Difficulty,
    /// Words it can be found by.
    pub tags: Vec<String>,
    /// The instructions, in Markdown.
    pub readme: String,
    /// Where it is from.
    pub origin: Origin,
    /// A digest of all its files: two labs with the same one are the same.
    pub digest: String,
    /// Images that a session for it has.
    pub images: Vec<LabImage>,
    /// What a session for it gets.
    pub session: Needs,
    /// What a submission may be.
    pub workspace: Limits,
    /// When it is passed.
    pub judge: Rules,
    /// How its image is built; `None` where no image is.
    pub build: Option<BuildPlan>,
    /// How containers of the image are run, by the names that checks use.
    pub run: BTreeMap<String, RunPlan>,
    /// What is to be done, in order.
    pub tasks: Vec<Task>,
    /// Hints for failure codes, from a nudge to the answer.
    pub hints: BTreeMap<String, Vec<String>>,
    /// What its judge is proven with.
    pub tests: Tests,
    /// The files a learner begins with.
    pub starter: Tree,
    /// The text of its manifest, for errors that say where.
    pub(crate) source: Arc<crate::config::Source>,
}

impl PartialEq for Lab {
    /// Two labs are the same when their files are.
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.origin, &self.digest) == (&other.id, &other.origin, &other.digest)
    }
}

impl Lab {
    /// All checks, in the order of the tasks, each with its task.
    pub fn checks(&self) -> impl Iterator<Item = (&Task, &Check)> {
        self.tasks.iter().flat_map(|task| task.checks.iter().map(move |check| (task, check)))
    }

    /// The points that can be had.
    pub fn max_score(&self) -> u32 {
        self.checks().map(|(_, check)| check.points).sum()
    }

    /// The session that someone gets for it.
    pub fn spec(&self, config: &Sessions, owner: impl Into<String>) -> Spec {
        let usual = Spec::new(config, owner);
        let needs = &self.session;
        Spec {
            lab: Some(self.id.clone()),
            ttl: needs.ttl.unwrap_or(usual.ttl).min(usual.longest),
            memory: needs.memory.unwrap_or(usual.memory),
            cpus: needs.cpus.unwrap_or(usual.cpus),
            pids: needs.pids.unwrap_or(usual.pids),
            egress: needs.egress.unwrap_or(usual.egress),
            port: needs.port.unwrap_or(usual.port),
            images: self.images.iter().map(|image| image.name.clone()).collect(),
            ..usual
        }
    }

    /// An error about a place of the manifest.
    pub fn error(&self, place: Place, message: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        self.source.error(place, message, hint)
    }
}

/// An image that a session for a lab has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabImage {
    /// Its name with a tag.
    pub name: String,
    /// What it is built from; without, it is one that the host has or can pull.
    pub build: Option<Tree>,
}

/// What a session for a lab gets; `None` is what the config says.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)] // As in `sessions::Spec`.
pub struct Needs {
    pub memory: Option<u64>,
    pub cpus: Option<f64>,
    pub pids: Option<u32>,
    pub ttl: Option<u64>,
    pub egress: Option<bool>,
    pub port: Option<u16>,
}

/// What a submission may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all its files.
    pub max_bytes: u64,
    /// How many files.
    pub max_files: usize,
}

/// When a lab is passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long judging may take in all.
    pub timeout: Duration,
    /// Points that are needed besides all required checks.
    pub min_score: u32,
}

/// How a lab's image is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildPlan {
    /// The folder of the workspace; empty for the workspace itself.
    pub context: String,
    /// The Dockerfile, by its path in that folder.
    pub dockerfile: String,
    /// The stage, if not the last.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// How a container of a lab is run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunPlan {
    /// The command, in place of the image's.
    pub command: Option<Vec<String>>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// Whether its file system cannot be written to.
    pub read_only: bool,
    /// Folders that can be written to all the same, and are empty at the start.
    pub tmpfs: Vec<String>,
    /// Capabilities taken away, `ALL` for all.
    pub cap_drop: Vec<String>,
    /// Whether programs in it can gain no rights.
    pub no_new_privileges: bool,
    /// The user, in place of the image's.
    pub user: Option<String>,
    /// An image to run in place of the one that was built.
    pub image: Option<String>,
}

/// Something to be done in a lab.
#[derive(Debug, Clone)]
pub struct Task {
    /// A short name.
    pub id: String,
    /// What is to be done, in words.
    pub title: String,
    /// Hints, from a nudge to the answer.
    pub hints: Vec<String>,
    /// How it is seen that it is done.
    pub checks: Vec<Check>,
}

/// Something that is looked at. What kinds there are and what their fields mean is [`judge`](crate::judge)'s.
#[derive(Debug, Clone)]
pub struct Check {
    /// A short name, one of its kind in the lab.
    pub id: String,
    /// What is looked at: `build.succeeds`.
    pub kind: String,
    /// What it is called for the learner; made of its kind when not said.
    pub title: Option<String>,
    /// What it is worth.
    pub points: u32,
    /// Whether the lab is not passed without it.
    pub required: bool,
    /// Whether its failure is only a warning: it costs its points and prevents nothing.
    pub warn: bool,
    /// Checks without which it cannot be made, by their names.
    pub needs: Vec<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// The code of its failures, in place of the kind's.
    pub code: Option<String>,
    /// The message of its failures, in place of the kind's.
    pub message: Option<String>,
    /// The fields of its kind, and where each stands.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Where it stands in the manifest.
    pub place: Place,
    /// Where its fields stand.
    pub places: BTreeMap<String, Place>,
}

/// What a lab's judge is proven with. The solution must pass with all points.
#[derive(Debug, Clone, Default)]
pub struct Tests {
    /// The files of the solution.
    pub solution: Tree,
    /// The codes that the starter gives.
    pub starter: Vec<String>,
    /// Submissions that must fail.
    pub bad: BTreeMap<String, Bad>,
    /// Submissions that must pass.
    pub good: BTreeMap<String, Tree>,
}

/// A submission that must fail.
#[derive(Debug, Clone, Default)]
pub struct Bad {
    /// Its files.
    pub files: Tree,
    /// The codes it gives: these and no others.
    pub codes: Vec<String>,
    /// Codes it may give besides.
    pub may: Vec<String>,
    /// Where it stands in the manifest.
    pub place: Option<Place>,
}
