//! What is kept, in types of the store's own.

use jiff::Timestamp;
use serde::Serialize;

/// The number of an attempt; later ones are higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AttemptId(pub i64);

impl std::fmt::Display for AttemptId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for AttemptId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Where an attempt was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In the learner's session.
    Quick,
    /// In a fresh one.
    Clean,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It passed.
    Passed,
    /// It did not.
    Failed,
    /// It could not be judged: it is kept, and counts as no attempt.
    Error,
}

impl Mode {
    /// Its name: `quick`, `clean`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Clean => "clean",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Quick, Self::Clean].into_iter().find(|m| m.name() == name)
    }
}

impl Verdict {
    /// Its name: `passed`, `failed`, `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Passed, Self::Failed, Self::Error].into_iter().find(|v| v.name() == name)
    }
}

/// An attempt to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAttempt {
    /// The lab.
    pub lab: String,
    /// The digest of the lab's files.
    pub lab_digest: String,
    /// Whose attempt it is.
    pub owner: String,
    /// The host, as its endpoint is called.
    pub host: String,
    /// The learner's session; `None` for files of a directory.
    pub session: Option<String>,
    /// Where it was judged.
    pub mode: Mode,
    /// What came of it.
    pub verdict: Verdict,
    /// Points.
    pub score: u32,
    /// Points that could be had.
    pub max_score: u32,
    /// When judging began.
    pub started: Timestamp,
    /// How long it took.
    pub elapsed_seconds: f64,
    /// A digest of the files.
    pub workspace_digest: String,
    /// The whole report, as JSON.
    pub report: String,
    /// The codes of what was wrong, in the order of the report.
    pub codes: Vec<String>,
    /// The files that were judged.
    pub files: Vec<AttemptFile>,
}

/// A file of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFile {
    /// Its path in the workspace.
    pub path: String,
    /// The digest of its bytes.
    pub sha256: String,
    /// How many bytes it has.
    pub size: u64,
    /// What is in it, for text of up to [`TEXT_LIMIT`](super::TEXT_LIMIT) bytes; more is not kept.
    pub text: Option<String>,
}

/// An attempt that was kept, without its report and files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attempt {
    /// Its number.
    pub id: AttemptId,
    /// The lab.
    pub lab: String,
    /// The digest of the lab's files.
    pub lab_digest: String,
    /// Whose it is.
    pub owner: String,
    /// The host.
    pub host: String,
    /// The learner's session, if there was one.
    pub session: Option<String>,
    /// Where it was judged.
    pub mode: Mode,
    /// What came of it.
    pub verdict: Verdict,
    /// Points.
    pub score: u32,
    /// Points that could be had.
    pub max_score: u32,
    /// When judging began.
    pub started: Timestamp,
    /// How long it took.
    pub elapsed_seconds: f64,
    /// A digest of the files.
    pub workspace_digest: String,
    /// The codes of what was wrong, in the order of the report.
    pub codes: Vec<String>,
}

/// Which attempts or sessions are asked for; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this lab.
    pub lab: Option<String>,
    /// Of this person.
    pub owner: Option<String>,
    /// On this host.
    pub host: Option<String>,
    /// Older than this attempt, to read on where a list ended.
    pub before: Option<AttemptId>,
    /// At most so many, the newest.
    pub limit: Option<u32>,
}

/// How far someone is with a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Attempts that could be judged.
    pub attempts: u32,
    /// Whether one of them passed.
    pub passed: bool,
    /// Points of the best one, by its share of what could be had; 0 without any.
    pub best_score: u32,
    /// Points that could be had in that one; 0 without any.
    pub max_score: u32,
    /// When something was done last: a session begun, an attempt judged.
    pub last: Timestamp,
    /// Whether it was begun: a session for it, or an attempt.
    pub started: bool,
}

/// A session someone has or had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionOf {
    /// Its id.
    pub session: String,
    /// The host it is on.
    pub host: String,
    /// Whose it is.
    pub owner: String,
    /// The lab it is for.
    pub lab: Option<String>,
}

/// A session in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastSession {
    /// Which one.
    #[serde(flatten)]
    pub of: SessionOf,
    /// When it began.
    pub began: Timestamp,
    /// When its end was seen; `None` while it lives, or when nobody was there to see.
    pub ended: Option<Timestamp>,
}

/// A hint that was given to someone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenHint {
    /// To whom.
    pub owner: String,
    /// In which lab.
    pub lab: String,
    /// For what: a failure code, or a task's name.
    pub key: String,
    /// Which step of the ladder, from 1.
    pub rung: u32,
    /// From where: `ladder`, or the assistant's model.
    pub source: String,
    /// When.
    pub taken: Timestamp,
}

/// What is different from one attempt to another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Files, by their paths.
    pub files: Vec<FileChange>,
    /// Checks whose outcome is another, in the order of the later report.
    pub checks: Vec<CheckChange>,
    /// Codes that are new.
    pub codes_new: Vec<String>,
    /// Codes that are gone.
    pub codes_gone: Vec<String>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// There is something else in it.
    Changed,
}

/// A file that is different. Its texts are as the learner wrote them: clean them before they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// What happened.
    pub kind: ChangeKind,
    /// The difference, unified; `None` where the text of either was not kept.
    pub diff: Option<String>,
}

/// A check with another outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckChange {
    /// Its name.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// How it ended before, as the report calls it; `None` where it was not there.
    pub before: Option<String>,
    /// How it ended after.
    pub after: Option<String>,
}

/// How well a container was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// Stopped in order, removed, or never started.
    Off,
    /// It did what it should.
    Healthy,
    /// It worked, but not as it should.
    Degraded,
    /// It did not work.
    Failing,
}

impl Condition {
    /// Its name: `off`, `healthy`, `degraded`, `failing`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::Healthy, Self::Degraded, Self::Failing].into_iter().find(|c| c.name() == name)
    }
}

/// How a container is seen to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSeen {
    /// Its name.
    pub name: String,
    /// How well it is.
    pub level: Condition,
    /// What is wrong; empty when nothing is.
    pub code: String,
    /// The same in words.
    pub what: String,
    /// Since when, by the engine; counts when nothing is known of it yet.
    pub since: Option<Timestamp>,
}

/// One change of a container's health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthChange {
    /// When.
    pub at: Timestamp,
    /// How well it was from then on.
    pub level: Condition,
    /// What was wrong; empty when nothing was.
    pub code: String,
    /// The same in words.
    pub what: String,
}

/// How a container fared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthPast {
    /// Its changes, the oldest first; the first may be of before the time that was asked for.
    pub changes: Vec<HealthChange>,
    /// When somebody looked: from and until.
    pub watched: Vec<(Timestamp, Timestamp)>,
}

/// The number of a restart; later ones are higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HealId(pub(super) i64);

/// A restart of what was not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealAct {
    /// Its number.
    pub id: HealId,
    /// The container's name.
    pub name: String,
    /// When it began.
    pub at: Timestamp,
    /// What was wrong.
    pub code: String,
    /// How it ended: `restarted`, or why it could not be; `None` while nobody knows.
    pub outcome: Option<String>,
}
