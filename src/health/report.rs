//! What is said of a host: a [`Verdict`] for each container, each failure named once, at its cause.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::engine::EngineError;
use crate::engine::model::Id;

/// How well something is, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Stopped in order, or never started: nobody expects anything of it.
    #[default]
    Off,
    /// Does what it should, as far as anything tells.
    Healthy,
    /// Works, but not as it should, or will not for long.
    Degraded,
    /// Does not work.
    Failing,
}

impl Level {
    /// Its name, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }
}

/// What was looked at. Each layer counts only where those before it are well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The container itself: state, exit code, memory, processor, files.
    Container,
    /// Its own healthcheck, made by the engine.
    Healthcheck,
    /// A probe of ours, from outside.
    Probe,
    /// What it needs.
    Dependency,
}

impl Layer {
    /// Its name, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Healthcheck => "healthcheck",
            Self::Probe => "probe",
            Self::Dependency => "dependency",
        }
    }
}

/// One trouble of a container (or of the host), where it is and not where it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which one; see [`super::CAUSES`]. The names stay.
    pub code: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What showed it.
    pub layer: Layer,
    /// What is the case, one short line: `killed: it needed more than its 64M of memory`.
    pub what: String,
    /// Why; empty where `what` says it all.
    pub why: String,
    /// What to try.
    pub todo: String,
    /// The lines of log or probe output that show it, cleaned, oldest first, at most three.
    pub evidence: Vec<String>,
    /// Since when, as far as anything tells.
    pub since: Option<Timestamp>,
}

/// Whose trouble explains another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blame {
    /// The container, when there is one.
    pub id: Option<Id>,
    /// Its name.
    pub name: String,
}

/// What is said of one container, or of a service that has none.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Verdict {
    /// The container; `None` for a service of a compose file that has no container.
    pub id: Option<Id>,
    /// Its name.
    pub name: String,
    /// The compose project it belongs to.
    pub stack: Option<String>,
    /// The compose service it belongs to.
    pub service: Option<String>,
    /// How well it is.
    pub level: Level,
    /// Since when it is so, as far as anything tells: the history when there is one, else the engine's times.
    pub since: Option<Timestamp>,
    /// What is wrong, the cause first.
    pub findings: Vec<Finding>,
    /// The container whose trouble is the cause of this one's; that one is told, this one stands under it.
    pub blamed_on: Option<Blame>,
    /// The layers that were looked at and found well; without any but the first, nothing checks whether it works.
    pub passed: Vec<Layer>,
    /// What the newest probe of ours took, in seconds.
    pub latency_seconds: Option<f64>,
    /// Why a probe that was asked for cannot be made from here; it then says nothing, good or bad.
    pub unprobed: Option<String>,
}

/// What is said of a stack as a whole.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct StackVerdict {
    /// Its name.
    pub name: String,
    /// The worst of its containers.
    pub level: Level,
    /// Since when that one is so.
    pub since: Option<Timestamp>,
    /// How many containers run.
    pub up: usize,
    /// How many there are, or should be.
    pub all: usize,
}

/// What is said of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Report {
    /// How the host is called.
    pub host: String,
    /// When it was looked at.
    pub taken: Timestamp,
    /// The worst of all.
    pub level: Level,
    /// All containers, worst first; those whose trouble is another's directly behind that one.
    pub containers: Vec<Verdict>,
    /// Stacks, worst first.
    pub stacks: Vec<StackVerdict>,
    /// What is wrong with the host itself.
    pub findings: Vec<Finding>,
    /// Why nothing, or not everything, can be told. In JSON its words, or `null`.
    #[serde(serialize_with = "in_words")]
    pub unknown: Option<EngineError>,
}

// serde hands a field over as it is.
#[allow(clippy::ref_option)]
fn in_words<S: Serializer>(error: &Option<EngineError>, to: S) -> Result<S::Ok, S::Error> {
    error.as_ref().map(ToString::to_string).serialize(to)
}

impl Report {
    /// What is said of a container.
    pub fn of(&self, id: &str) -> Option<&Verdict> {
        self.containers.iter().find(|v| v.id.as_deref() == Some(id))
    }

    /// Those whose trouble is explained by `name`'s.
    pub fn victims<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Verdict> {
        self.containers.iter().filter(move |v| v.blamed_on.as_ref().is_some_and(|b| b.name == name))
    }
}

impl Verdict {
    /// The finding that names the cause.
    pub fn cause(&self) -> Option<&Finding> {
        self.findings.first()
    }
}
