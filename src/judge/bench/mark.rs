//! What tells the things that a judge makes from a learner's.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use jiff::Timestamp;

use crate::sessions::JUDGE;

/// The label that says whose a judge is: the machine, the process, and when it began.
const BY: &str = "dev.ondeck.judge.by";

/// One judge's mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    token: String,
    by: String,
}

impl Mark {
    pub(super) fn new() -> Self {
        let now = Timestamp::now();
        let token = format!("{:016x}", RandomState::new().hash_one(now.as_nanosecond()));
        Self { token, by: format!("{} {} {}", machine(), std::process::id(), now.as_second()) }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(JUDGE.to_owned(), self.token.clone()), (BY.to_owned(), self.by.clone())])
    }

    pub(super) fn is_on(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(JUDGE) == Some(&self.token)
    }

    /// Whether something is a judge's whose program is gone, or that is older than judging may take.
    pub(super) fn is_left(labels: &BTreeMap<String, String>, longest: u64) -> bool {
        if !labels.contains_key(JUDGE) {
            return false;
        }
        let by = labels.get(BY).map(String::as_str).unwrap_or_default();
        let mut words = by.split(' ');
        let (Some(host), Some(process), Some(began)) = (words.next(), words.next(), words.next()) else { return true };
        let (Ok(process), Ok(began)) = (process.parse::<i32>(), began.parse::<i64>()) else { return true };
        let age = Timestamp::now().as_second().saturating_sub(began);
        // A clock that is wrong by so much says nothing.
        age > i64::try_from(longest).unwrap_or(i64::MAX) || age < -86_400 || host == machine() && !is_alive(process)
    }
}

/// This machine's name, in one word; one that nothing else has where it cannot be had.
fn machine() -> String {
    let name =
        ["/proc/sys/kernel/hostname", "/etc/hostname"].iter().find_map(|file| std::fs::read_to_string(file).ok());
    name.map(|name| name.trim().replace(char::is_whitespace, "-"))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("?{}", std::process::id()))
}

fn is_alive(process: i32) -> bool {
    let Some(process) = rustix::process::Pid::from_raw(process) else { return false };
    // Somebody else's may not be asked, but is there.
    !matches!(rustix::process::test_kill_process(process), Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_judge_left_is_told_from_what_one_uses() {
        let mark = Mark::new();
        let labels = mark.labels();
        assert!(mark.is_on(&labels) && !Mark::is_left(&labels, 60));
        assert!(!Mark::new().is_on(&labels));
        let by = |by: String| BTreeMap::from([(JUDGE.to_owned(), "x".to_owned()), (BY.to_owned(), by)]);
        let now = Timestamp::now().as_second();
        let me = std::process::id();
        assert!(Mark::is_left(&by(format!("{} {me} {}", machine(), now - 100)), 60), "too old");
        assert!(Mark::is_left(&by(format!("{} {} {now}", machine(), i32::MAX)), 60), "its program is gone");
        assert!(!Mark::is_left(&by(format!("elsewhere. {} {now}", i32::MAX)), 60), "who knows");
        assert!(Mark::is_left(&by("?".into()), 60));
        assert!(!Mark::is_left(&BTreeMap::new(), 0), "no judge's");
    }
}
