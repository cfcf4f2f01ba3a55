//! `lab.yaml` as it is written. The texts here are what editors show of it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{At, Named, Part, Period, Rest, Size};

use super::Difficulty;

/// A lab: what a learner is to do, and how it is judged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Lab")]
pub(super) struct Form {
    /// The version of this form: `lab/v1`.
    #[schemars(extend("const" = "lab/v1"))]
    pub schema: Part<At<String>>,
    /// The name of the lab's folder: lower-case letters, digits and `-`.
    #[schemars(extend("pattern" = "^[a-z0-9][a-z0-9-]*$"))]
    pub id: Part<At<String>>,
    /// What it is called.
    pub title: Part<At<String>>,
    /// What one learns, in a sentence.
    #[serde(default)]
    pub summary: Part<String>,
    /// How many minutes it takes.
    pub minutes: Part<At<u32>>,
    /// How much it asks of the learner.
    #[serde(default)]
    pub difficulty: Part<Difficulty>,
    /// Words it can be found by.
    #[serde(default)]
    pub tags: Part<Vec<String>>,
    /// What a submission may be.
    #[serde(default)]
    pub workspace: Part<Workspace>,
    /// What a session for it gets; what is not said is as in the user's configuration.
    #[serde(default)]
    pub session: Part<Session>,
    /// The images that the Docker of a session has. There is no network in sessions to pull others.
    #[serde(default)]
    pub images: Part<Vec<Part<Image>>>,
    /// When it is passed.
    #[serde(default)]
    pub judge: Part<Judge>,
    /// How the learner's image is built, if one is.
    #[serde(default)]
    pub build: Part<Option<At<Build>>>,
    /// How containers are run, by the names that checks use.
    #[serde(default)]
    pub run: Part<Named<Part<Run>>>,
    /// What is to be done, in order.
    pub tasks: Part<At<Vec<Part<TaskForm>>>>,
    /// Hints for failure codes, each from a nudge to the answer.
    #[serde(default)]
    pub hints: Part<Named<Part<At<Vec<String>>>>>,
    /// What the lab's judge is proven with; the folder `solution` must pass with all points.
    pub tests: Part<Proof>,
}

/// What a submission may be.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Workspace {
    /// Bytes of all files, `8m` unless said.
    pub max_bytes: Part<Option<At<Size>>>,
    /// How many files, 500 unless said.
    pub max_files: Part<Option<At<usize>>>,
}

/// What a session for the lab gets.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Session {
    /// Memory for its Docker and all that runs in it: `1g`.
    pub memory: Part<Option<At<Size>>>,
    /// Processors' worth of time.
    pub cpus: Part<Option<At<f64>>>,
    /// How many processes and threads.
    pub pids: Part<Option<At<u32>>>,
    /// How long it lives: `40m`.
    pub ttl: Part<Option<At<Period>>>,
    /// Whether it reaches networks outside.
    pub egress: Part<Option<bool>>,
    /// The port that the learner's service listens on.
    pub port: Part<Option<At<u16>>>,
}

/// An image that the Docker of a session has.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Image {
    /// Its name with a tag: `lab/python:3.11`.
    pub name: At<String>,
    /// The lab's folder that it is built from when it is missing: `images/python`. Without, the host has it or pulls
    /// it.
    #[serde(default)]
    pub build: Option<At<String>>,
}

/// When a lab is passed.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Judge {
    /// How long judging may take in all, `5m` unless said.
    pub timeout: Part<Option<At<Period>>>,
    /// The points that are needed, besides all required checks.
    pub min_score: Part<Option<At<u32>>>,
}

/// How the learner's image is built.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Build {
    /// The folder of the workspace that is sent, `.` unless said.
    pub context: Part<Option<At<String>>>,
    /// The Dockerfile by its path in that folder, `Dockerfile` unless said.
    pub dockerfile: Part<Option<At<String>>>,
    /// The stage, if not the last.
    pub target: Part<Option<String>>,
    /// Build arguments.
    pub args: Part<Named<String>>,
    /// How long it may take.
    pub timeout: Part<Option<At<Period>>>,
}

/// How a container is run.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Run {
    /// An image of the lab to run in place of the one that was built.
    pub image: Part<Option<At<String>>>,
    /// The command, in place of the image's.
    pub command: Part<Option<Vec<String>>>,
    /// Environment variables.
    pub env: Part<Named<String>>,
    /// How much memory it may use: `256m`.
    pub memory: Part<Option<At<Size>>>,
    /// How many processes and threads.
    pub pids: Part<Option<At<u32>>>,
    /// Whether its file system cannot be written to.
    pub read_only: Part<bool>,
    /// Folders that can be written to all the same.
    pub tmpfs: Part<Vec<At<String>>>,
    /// Capabilities taken away, `ALL` for all.
    pub cap_drop: Part<Vec<String>>,
    /// Whether programs in it can gain no rights.
    pub no_new_privileges: Part<bool>,
    /// The user, in place of the image's.
    pub user: Part<Option<String>>,
}

/// Something to be done.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Task")]
pub(super) struct TaskForm {
    /// A short name: lower-case letters, digits and `-`.
    pub id: At<String>,
    /// What is to be done, in words.
    pub title: Part<At<String>>,
    /// Hints, from a nudge to the answer.
    #[serde(default)]
    pub hints: Part<Vec<At<String>>>,
    /// How it is seen that it is done.
    pub checks: Part<Vec<Part<At<CheckForm>>>>,
}

/// Something that is looked at. `ondeck lab kinds` tells what there is.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Check")]
pub(super) struct CheckForm {
    /// A short name, the only one of its kind in the lab.
    pub id: At<String>,
    /// What is looked at: `build.succeeds`.
    pub kind: At<String>,
    /// What it is called for the learner.
    #[serde(default)]
    pub title: Part<Option<String>>,
    /// What it is worth.
    #[serde(default)]
    pub points: Part<Option<At<u32>>>,
    /// Whether the lab is not passed without it.
    #[serde(default)]
    pub required: Part<bool>,
    /// Checks without which it cannot be made.
    #[serde(default)]
    pub needs: Part<Vec<At<String>>>,
    /// How long it may take.
    #[serde(default)]
    pub timeout: Part<Option<At<Period>>>,
    /// Whether its failure is one, or a warning that only costs its points.
    #[serde(default)]
    pub severity: Part<Severity>,
    /// The code of its failures, in place of the kind's. (A number is a field of the kind: an exit code.)
    #[serde(default)]
    pub code: Part<Option<At<Code>>>,
    /// The message of its failures, in place of the kind's.
    #[serde(default)]
    pub message: Part<Option<String>>,
    /// What the kind has besides.
    #[serde(default, rename = "...")]
    #[schemars(skip)]
    pub rest: Rest,
}

/// A failure code, or what a kind means by a code.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a failure code, such as `DF_USER_ROOT`")]
pub(super) enum Code {
    /// An exit code.
    Exit(i64),
    /// A failure code.
    Failure(String),
}

/// How bad a failure is.
#[derive(Deserialize, JsonSchema, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// It prevents passing where the check is required.
    #[default]
    Fail,
    /// It costs the check's points.
    Warn,
}

/// What a lab's judge is proven with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Tests")]
pub(super) struct Proof {
    /// The starter, which must fail.
    pub starter: Part<At<StarterForm>>,
    /// Submissions that must fail, by the names of their folders in `bad`.
    #[serde(default)]
    pub bad: Part<Submissions<BadForm>>,
    /// Submissions that must pass, by the names of their folders in `good`.
    #[serde(default)]
    pub good: Part<Submissions<GoodForm>>,
}

/// Submissions by the names of their folders.
pub(super) type Submissions<T> = Option<At<Named<Part<At<T>>>>>;

/// What the starter gives.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Starter")]
pub(super) struct StarterForm {
    /// The codes it gives, warnings' too: these and no others.
    pub codes: Vec<At<String>>,
}

/// A submission that must fail: the solution with something wrong.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Bad")]
pub(super) struct BadForm {
    /// The codes it gives, warnings' too: these and no others.
    pub codes: Vec<At<String>>,
    /// Codes it may give besides.
    #[serde(default)]
    pub may: Vec<At<String>>,
    /// Files and folders of the solution that it has not.
    #[serde(default)]
    pub remove: Vec<At<String>>,
}

/// A submission that must pass: another solution.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Good")]
pub(super) struct GoodForm {
    /// Files and folders of the solution that it has not.
    #[serde(default)]
    pub remove: Vec<At<String>>,
}
