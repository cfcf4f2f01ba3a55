//! What an audit finds, and what it is found by.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

/// How much a finding gives away, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// One wall less than there could be.
    Low,
    /// Makes an attack worse.
    Medium,
    /// Makes an attack easy.
    High,
    /// As good as root on the host, or open to everyone.
    Critical,
}

impl Severity {
    /// Its name, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A rule, apart from how it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name, which stays: `OD-A01`.
    pub code: &'static str,
    /// What is wrong when it is broken, in a few words.
    pub title: &'static str,
    /// How bad that mostly is.
    pub severity: Severity,
    /// What others call it: `CIS 5.4`, `docker-bench 5.4`, `CIS-DI-0001`, `CL-0002`.
    pub refs: &'static [&'static str],
    /// Why it matters, one sentence.
    pub why: &'static str,
    /// What mending it may break; empty where nothing does.
    pub breaks: &'static str,
}

/// What kind of thing a finding is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // Docker's words.
pub enum Kind {
    Container,
    Image,
    Network,
    Daemon,
    /// A service of a compose file.
    Compose,
}

/// What a finding is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Subject {
    /// What kind of thing.
    pub kind: Kind,
    /// A container's, image's or network's identifier; empty for the others.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The compose project it belongs to.
    pub stack: Option<String>,
    /// The compose service it belongs to.
    pub service: Option<String>,
}

/// Somebody said that a finding is meant to be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// Why.
    pub reason: String,
    /// Until when; `None` for good.
    pub until: Option<Timestamp>,
    /// Where that was said: a label, a file.
    pub by: String,
}

/// A rule that something breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule.
    pub rule: &'static Rule,
    /// How bad it is here.
    pub severity: Severity,
    /// What breaks it.
    pub subject: Subject,
    /// The fact that decided, with secrets masked: `HostConfig.Privileged is true`.
    pub observed: String,
    /// The lines of a compose file that would mend it, to be put under the service; empty where none can.
    pub compose: String,
    /// The option of `docker run` that would mend it; empty where none can.
    pub run: String,
    /// What would mend it elsewhere: a line of `daemon.json` or of a Dockerfile, a command; empty where nothing would.
    pub elsewhere: String,
    /// The file and line of it, when it stands in a file of this machine.
    pub place: Option<(PathBuf, u32)>,
    /// Set when somebody said that it is meant to be so, and that still holds.
    pub ignored: Option<Ignored>,
}

/// How many findings of each severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[allow(missing_docs)] // Named after the severities.
pub struct Counts {
    pub critical: usize,
    pub high: usize,
    pub medium: usize,
    pub low: usize,
    pub info: usize,
    /// Findings that somebody said are meant to be so; they count nowhere else.
    pub ignored: usize,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// How many things were looked at.
    pub subjects: usize,
    /// How many things could not be looked at; the notes say why.
    pub missed: usize,
    /// What could not be looked at, and why, and what is wrong with what somebody said (an ignore without a reason).
    pub notes: Vec<String>,
}

impl Report {
    /// Both together, worst first.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.findings.extend(other.findings);
        super::sort(&mut self.findings);
        for note in other.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        Self { subjects: self.subjects + other.subjects, missed: self.missed + other.missed, ..self }
    }

    /// Findings of one container, worst first.
    pub fn of_container<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |f| f.subject.kind == Kind::Container && f.subject.id == id)
    }

    /// Findings of all that belongs to a stack, worst first.
    pub fn of_stack<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |f| f.subject.stack.as_deref() == Some(name))
    }
}

impl Counts {
    /// Counts findings.
    pub fn of<'a>(findings: impl Iterator<Item = &'a Finding>) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            let n = match (&finding.ignored, finding.severity) {
                (Some(_), _) => &mut counts.ignored,
                (None, Severity::Critical) => &mut counts.critical,
                (None, Severity::High) => &mut counts.high,
                (None, Severity::Medium) => &mut counts.medium,
                (None, Severity::Low) => &mut counts.low,
                (None, Severity::Info) => &mut counts.info,
            };
            *n += 1;
        }
        counts
    }

    /// The worst there is.
    pub const fn worst(&self) -> Option<Severity> {
        match self {
            Self { critical: 1.., .. } => Some(Severity::Critical),
            Self { high: 1.., .. } => Some(Severity::High),
            Self { medium: 1.., .. } => Some(Severity::Medium),
            Self { low: 1.., .. } => Some(Severity::Low),
            Self { info: 1.., .. } => Some(Severity::Info),
            _ => None,
        }
    }
}
