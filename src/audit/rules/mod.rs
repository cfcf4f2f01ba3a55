//! The rules: one entry in one table each, with what decides it and examples beside it.

mod daemon;
mod image;
mod limits;
mod mounts;
mod namespaces;
mod network;
mod privileges;
mod secrets;
mod setup;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::Value;

use super::daemon::DaemonFacts;
use super::facts::{Facts, ImageFacts};
use super::report::{Rule, Severity};
use crate::config::Secrets;

/// A rule, how it is decided, and examples of it.
pub(crate) struct Entry {
    pub(crate) rule: Rule,
    pub(crate) check: Check,
    /// Whether a privileged container has this anyway, so that it is not said again.
    pub(crate) with_privileged: bool,
    /// Something that breaks it.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) bad: Example,
    /// The same as it should be.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) good: Example,
}

/// An example of a rule: what is other than in something without any fault.
#[derive(Clone, Copy)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) struct Example {
    /// Of what the engine says: an inspection, an image, a network, `/info`.
    pub(crate) told: &'static str,
    /// Of a service in a compose file; empty for what stands in none.
    pub(crate) written: &'static str,
}

/// What decides.
pub(crate) enum Check {
    /// Of containers and services.
    Service(fn(&Facts, &Around<'_>, &mut Vec<Broken>)),
    /// Of images.
    Image(fn(&ImageFacts, &Around<'_>, &mut Vec<Broken>)),
    /// Of networks.
    Network(fn(&NetworkFacts<'_>, &mut Vec<Broken>)),
    /// Of the engine.
    Daemon(fn(&DaemonFacts, &Around<'_>, &mut Vec<Broken>)),
}

/// A network, and who is in it.
pub(crate) struct NetworkFacts<'a> {
    pub(crate) raw: &'a Value,
    pub(crate) members: Vec<String>,
}

/// What else counts in deciding.
pub(crate) struct Around<'a> {
    pub(crate) daemon: Option<&'a DaemonFacts>,
    /// The image of what is looked at, when it is known.
    pub(crate) image: Option<&'a ImageFacts>,
    /// Which image each tag means now; empty when that is not known.
    pub(crate) tags: &'a BTreeMap<String, String>,
    pub(crate) secrets: &'a Secrets,
    pub(crate) now: Timestamp,
    /// Paths that the container writes to, when it was asked.
    pub(crate) writes: Option<&'a BTreeSet<String>>,
    /// Containers whose logs have no end, and all containers.
    pub(crate) endless_logs: (usize, usize),
}

/// How a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Broken {
    /// How bad, where that is not as mostly.
    pub(crate) severity: Option<Severity>,
    pub(crate) observed: String,
    pub(crate) compose: String,
    pub(crate) run: String,
    pub(crate) elsewhere: String,
    /// Where in a service of a compose file it is to be found: keys, and a word of the entry in a list. The first that
    /// is there counts.
    pub(crate) at: Vec<(&'static str, String)>,
}

impl Broken {
    /// With the fact that decided.
    fn by(observed: impl Into<String>) -> Self {
        Self { observed: observed.into(), ..Self::default() }
    }

    /// How bad it is here.
    fn severe(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// The lines of a compose file that mend it.
    fn compose(mut self, lines: impl Into<String>) -> Self {
        self.compose = lines.into();
        self
    }

    /// The option of `docker run` that mends it.
    fn run(mut self, option: impl Into<String>) -> Self {
        self.run = option.into();
        self
    }

    /// What mends it elsewhere.
    fn elsewhere(mut self, what: impl Into<String>) -> Self {
        self.elsewhere = what.into();
        self
    }

    /// The key of a service that it stands at.
    fn key(self, key: &'static str) -> Self {
        self.entry(key, "")
    }

    /// The entry of a list of a service that it stands at.
    fn entry(mut self, key: &'static str, word: impl Into<String>) -> Self {
        self.at.push((key, word.into()));
        self
    }
}

/// What most rules have in common.
const RULE: Rule = Rule { code: "", title: "", severity: Severity::Medium, refs: &[], why: "", breaks: "" };

static TABLES: &[&[Entry]] = &[
    privileges::RULES,
    mounts::RULES,
    namespaces::RULES,
    limits::RULES,
    network::RULES,
    setup::RULES,
    secrets::RULES,
    image::RULES,
    daemon::RULES,
];

/// All rules, by code.
pub(crate) fn entries() -> &'static [&'static Entry] {
    static ALL: LazyLock<Vec<&Entry>> = LazyLock::new(|| {
        let mut all: Vec<&Entry> = TABLES.iter().copied().flatten().collect();
        all.sort_by_key(|entry| entry.rule.code);
        all
    });
    &ALL
}

/// What is broken in a container or a service.
pub(crate) fn of_service(facts: &Facts, around: &Around<'_>) -> Vec<(&'static Rule, Broken)> {
    let mut all = Vec::new();
    for entry in entries() {
        if let Check::Service(check) = entry.check
            && !(facts.privileged && entry.with_privileged)
        {
            each(entry, &mut all, |found| check(facts, around, found));
        }
    }
    all
}

/// What is broken in an image.
pub(crate) fn of_image(facts: &ImageFacts, around: &Around<'_>) -> Vec<(&'static Rule, Broken)> {
    let mut all = Vec::new();
    for entry in entries() {
        if let Check::Image(check) = entry.check {
            each(entry, &mut all, |found| check(facts, around, found));
        }
    }
    all
}

/// What is broken in a network.
pub(crate) fn of_network(facts: &NetworkFacts<'_>) -> Vec<(&'static Rule, Broken)> {
    let mut all = Vec::new();
    for entry in entries() {
        if let Check::Network(check) = entry.check {
            each(entry, &mut all, |found| check(facts, found));
        }
    }
    all
}

/// What is broken in an engine.
pub(crate) fn of_daemon(facts: &DaemonFacts, around: &Around<'_>) -> Vec<(&'static Rule, Broken)> {
    let mut all = Vec::new();
    for entry in entries() {
        if let Check::Daemon(check) = entry.check {
            each(entry, &mut all, |found| check(facts, around, found));
        }
    }
    all
}

fn each(entry: &'static Entry, all: &mut Vec<(&'static Rule, Broken)>, check: impl FnOnce(&mut Vec<Broken>)) {
    let mut found = Vec::new();
    check(&mut found);
    all.extend(found.into_iter().map(|broken| (&entry.rule, broken)));
}

/// A text as YAML has it, quoted where it has to be.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !text.is_empty() && text.chars().all(plain) && text.chars().any(|c| c.is_ascii_alphabetic()) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}
