//! How often the assistant is asked.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_mins(1);
/// How many sessions' worth of questions the whole process may ask.
const SESSIONS: u32 = 3;

/// Who has asked, and when. Of the last minute only.
#[derive(Debug)]
pub(super) struct Limits {
    per_minute: u32,
    asked: HashMap<String, VecDeque<Instant>>,
    all: VecDeque<Instant>,
    /// Nobody asks before.
    closed_until: Option<Instant>,
}

/// Why nobody may ask now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limited {
    /// This session has asked often.
    Session(Duration),
    /// All sessions together have.
    All(Duration),
    /// The assistant said that it is asked too often.
    Closed(Duration),
}

impl Limits {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, asked: HashMap::new(), all: VecDeque::new(), closed_until: None }
    }

    /// Counts a question, or says how long to wait.
    pub(super) fn take(&mut self, session: &str, now: Instant) -> Result<(), Limited> {
        let old = |at: &Instant| now.saturating_duration_since(*at) >= MINUTE;
        self.all.retain(|at| !old(at));
        self.asked.retain(|_, times| {
            times.retain(|at| !old(at));
            !times.is_empty()
        });
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Err(Limited::Closed(until - now));
        }
        self.closed_until = None;
        let wait = |times: &VecDeque<Instant>| {
            times.front().map_or(MINUTE, |first| MINUTE.saturating_sub(now.saturating_duration_since(*first)))
        };
        if let Some(times) = self.asked.get(session).filter(|times| times.len() >= self.per_minute as usize) {
            return Err(Limited::Session(wait(times)));
        }
        if self.all.len() >= self.per_minute.saturating_mul(SESSIONS) as usize {
            return Err(Limited::All(wait(&self.all)));
        }
        self.asked.entry(session.to_owned()).or_default().push_back(now);
        self.all.push_back(now);
        Ok(())
    }

    /// Nobody asks for a while.
    pub(super) fn close(&mut self, now: Instant, wait: Duration) {
        self.closed_until = Some(now + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_and_then_again() {
        let mut limits = Limits::new(5);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for i in 0..5 {
            assert_eq!(limits.take("a", at(i)), Ok(()));
        }
        assert_eq!(limits.take("a", at(10)), Err(Limited::Session(Duration::from_secs(50))));
        assert_eq!(limits.take("b", at(10)), Ok(()));
        assert_eq!(limits.take("a", at(60)), Ok(()));
        assert_eq!(limits.take("a", at(60)), Err(Limited::Session(Duration::from_secs(1))));
    }

    #[test]
    fn all_sessions_together_have_a_limit() {
        let mut limits = Limits::new(2);
        let now = Instant::now();
        for i in 0..6 {
            assert_eq!(limits.take(&i.to_string(), now), Ok(()));
        }
        assert_eq!(limits.take("new", now), Err(Limited::All(MINUTE)));
        assert_eq!(limits.take("new", now + MINUTE), Ok(()));
        assert_eq!(limits.asked.len(), 1);
    }

    #[test]
    fn what_is_closed_opens_again() {
        let mut limits = Limits::new(5);
        let now = Instant::now();
        limits.close(now, MINUTE);
        assert_eq!(limits.take("a", now + Duration::from_secs(20)), Err(Limited::Closed(Duration::from_secs(40))));
        assert_eq!(limits.take("a", now + MINUTE), Ok(()));
    }
}
