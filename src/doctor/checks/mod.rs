//! The checks, as tables: one file a subject, each check with its code, its words and its tests.

mod connection;
mod disk;
mod engine;
mod inside;
mod kernel;
mod network;
mod ports;
mod sessions;
mod socket;
mod terminal;
mod tools;

use std::time::Duration;

use futures::future::BoxFuture;

use super::scene::{Needs, Scene};
use super::{Check, Fix, Outcome};

pub(super) use disk::CACHE_AGE;

/// How long a check that reads may take.
pub(super) const SOON: Duration = Duration::from_secs(5);
/// How long one may take that makes a container for a moment.
pub(super) const LATE: Duration = Duration::from_secs(20);

/// One check.
pub(super) struct Entry {
    /// Its name, which stays.
    pub(super) code: &'static str,
    /// What it is about.
    pub(super) title: &'static str,
    /// What has to be there before it can be made.
    pub(super) needs: Needs,
    /// How long it may take.
    pub(super) patience: Duration,
    /// Reads and judges.
    pub(super) look: for<'a> fn(&'a Scene) -> BoxFuture<'a, Found>,
}

/// All checks, in their order: what the ones before find explains the ones behind.
pub(super) fn all() -> impl Iterator<Item = &'static Entry> {
    [
        connection::CHECKS,
        tools::CHECKS,
        disk::CHECKS,
        kernel::CHECKS,
        engine::CHECKS,
        network::CHECKS,
        ports::CHECKS,
        inside::CHECKS,
        sessions::CHECKS,
        terminal::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) outcome: Outcome,
    pub(super) evidence: String,
    pub(super) fix: Option<Fix>,
}

impl Found {
    fn of(outcome: Outcome, evidence: impl Into<String>) -> Self {
        Self { outcome, evidence: evidence.into(), fix: None }
    }

    /// As it should be.
    pub(super) fn ok(evidence: impl Into<String>) -> Self {
        Self::of(Outcome::Ok, evidence)
    }

    /// Works, but should be looked at.
    pub(super) fn warn(evidence: impl Into<String>) -> Self {
        Self::of(Outcome::Warn, evidence)
    }

    /// Does not work.
    pub(super) fn fail(evidence: impl Into<String>) -> Self {
        Self::of(Outcome::Fail, evidence)
    }

    /// Cannot be told, and why.
    pub(super) fn skipped(why: impl Into<String>) -> Self {
        Self::of(Outcome::Skipped, why)
    }

    /// With what to do, in words.
    pub(super) fn mend(mut self, words: impl Into<String>) -> Self {
        let words = words.into();
        if !words.is_empty() {
            self.fix = Some(Fix { words, command: None, harmless: false });
        }
        self
    }

    /// With the command for it.
    pub(super) fn by(mut self, command: impl Into<String>) -> Self {
        if let Some(fix) = &mut self.fix {
            fix.command = Some(command.into());
        }
        self
    }

    /// And that command may be run without asking back: nothing can be lost by it.
    pub(super) fn harmless(mut self) -> Self {
        if let Some(fix) = &mut self.fix {
            fix.harmless = true;
        }
        self
    }

    /// With commands as root types them, who may have no `sudo`.
    pub(super) fn without_sudo(mut self, root: bool) -> Self {
        if let Some(fix) = self.fix.as_mut().filter(|_| root) {
            fix.words = fix.words.replace("sudo ", "");
            fix.command = fix.command.take().map(|command| command.replace("sudo ", ""));
        }
        self
    }

    /// As people get it: every text harmless and in one line.
    pub(super) fn check(self, entry: &Entry) -> Check {
        let line = |text: &str| {
            let words: Vec<&str> = text.split_whitespace().collect();
            crate::text::clean(&words.join(" ")).into_owned()
        };
        Check {
            code: entry.code,
            title: entry.title,
            outcome: self.outcome,
            evidence: line(&self.evidence),
            fix: self.fix.map(|fix| Fix {
                words: line(&fix.words),
                command: fix.command.map(|c| crate::text::clean(&c).into_owned()),
                harmless: fix.harmless,
            }),
        }
    }
}

/// Things in a row: the first few, and how many more.
pub(super) fn some(mut all: Vec<String>, most: usize) -> String {
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{rest}", all.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_written_alike() {
        let mut codes: Vec<&str> = all().map(|entry| entry.code).collect();
        let count = codes.len();
        assert!(codes.iter().all(|c| c.chars().all(|s| s.is_ascii_uppercase() || s == '_')), "{codes:?}");
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
        assert!(all().all(|entry| entry.patience <= LATE && entry.title.len() < 32 && !entry.title.ends_with('.')));
    }

    #[test]
    fn what_is_told_is_one_harmless_line() {
        let entry = all().next().expect("there are checks");
        let check = Found::warn("a\nb\x1b[2J").mend("do\tthis").by("x \x07").check(entry);
        assert_eq!(check.evidence, "a b·[2J");
        assert_eq!(check.fix, Some(Fix { words: "do this".into(), command: Some("x ·".into()), harmless: false }));
    }

    #[test]
    fn root_needs_no_sudo() {
        let found = || Found::warn("x").mend("see sudo du").by("sudo a && sudo b");
        assert_eq!(found().without_sudo(false), found());
        assert_eq!(found().without_sudo(true), Found::warn("x").mend("see du").by("a && b"));
    }

    #[test]
    fn long_rows_are_cut_and_say_so() {
        let all = |n: usize| (0..n).map(|i| i.to_string()).collect();
        assert_eq!(some(all(2), 3), "0; 1");
        assert_eq!(some(all(5), 3), "0; 1; 2; and 2 more");
    }
}
