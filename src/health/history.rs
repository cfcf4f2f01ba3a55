//! How a container fared: since when it is as it is, how much of the last hour, day and week it worked.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::engine::ErrorKind;
use crate::store::{Condition, HealthChange, HealthPast, HealthSeen, Store, StoreError};
use crate::text::clean;

use super::{Level, Report};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(24 * 7);
/// How many steps a line has.
const STEPS: usize = 48;
/// How many changes are told.
const TOLD: usize = 50;

/// How much of a span something worked.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Share {
    /// Share of the time somebody looked in which it worked (healthy or degraded), 0 to 1; `None` when nobody looked.
    pub up: Option<f64>,
    /// Share of the span in which somebody looked, 0 to 1.
    pub watched: f64,
}

/// How something fared.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Course {
    /// Since when it is as it is.
    pub since: Option<Timestamp>,
    /// The last hour.
    pub hour: Share,
    /// The last 24 hours.
    pub day: Share,
    /// The last seven days.
    pub week: Share,
    /// The last 24 hours in 48 steps, oldest first: the worst of each; `None` where nobody looked.
    pub line: Vec<Option<Level>>,
    /// The newest changes, newest first: when, to what, and why.
    pub changes: Vec<(Timestamp, Level, String)>,
}

/// How a container of a host fared, by its name.
///
/// # Errors
/// What is wrong with the history's file.
pub async fn course(store: &Store, host: &str, name: &str, now: Timestamp) -> Result<Course, StoreError> {
    let past = store.health_past(host, name, ago(now, WEEK)).await?;
    Ok(course_of(&past, now))
}

/// Keeps what a report says, and tells its verdicts since when they are so. A report of an engine that could not be
/// asked is not kept: what it leaves out is not gone.
pub(super) async fn keep(store: &Store, report: &mut Report) -> Result<(), StoreError> {
    if !is_whole(report) {
        return Ok(());
    }
    let seen: Vec<HealthSeen> = report.containers.iter().filter(|v| v.id.is_some()).map(seen).collect();
    let since = store.health_seen(&report.host, &seen, report.taken).await?;
    for verdict in report.containers.iter_mut().filter(|v| v.id.is_some()) {
        verdict.since = since.get(&verdict.name).copied().or(verdict.since);
    }
    let Report { stacks, containers, .. } = report;
    for stack in stacks {
        let worst = containers.iter().filter(|v| v.stack.as_ref() == Some(&stack.name) && v.level == stack.level);
        stack.since = worst.filter_map(|v| v.since).min().or(stack.since);
    }
    Ok(())
}

/// Whether a report tells of all that there is. A proxy that keeps details back does not change that.
pub(super) fn is_whole(report: &Report) -> bool {
    let gone = |e: &crate::engine::EngineError| matches!(e.kind, ErrorKind::Unreachable | ErrorKind::Timeout);
    report.taken != Timestamp::default() && !report.unknown.as_ref().is_some_and(gone)
}

fn seen(verdict: &super::Verdict) -> HealthSeen {
    let cause = verdict.cause();
    let (code, what) = match (&verdict.blamed_on, cause) {
        (Some(blame), _) => ("DEPENDENCY_DOWN".to_owned(), format!("{} does not work", blame.name)),
        (None, Some(cause)) => (cause.code.to_owned(), cause.what.clone()),
        (None, None) => (String::new(), String::new()),
    };
    HealthSeen {
        name: verdict.name.clone(),
        level: match verdict.level {
            Level::Off => Condition::Off,
            Level::Healthy => Condition::Healthy,
            Level::Degraded => Condition::Degraded,
            Level::Failing => Condition::Failing,
        },
        code,
        what: clean(&what).into_owned(),
        since: verdict.since,
    }
}

fn level(condition: Condition) -> Level {
    match condition {
        Condition::Off => Level::Off,
        Condition::Healthy => Level::Healthy,
        Condition::Degraded => Level::Degraded,
        Condition::Failing => Level::Failing,
    }
}

fn ago(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// Times in which somebody looked and it is known how it was: from, until, how.
type Known = (Timestamp, Timestamp, Level);

fn course_of(past: &HealthPast, now: Timestamp) -> Course {
    let known = known(past, now);
    let step = SignedDuration::from_millis(i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX) / STEPS as i64);
    let line = (0..STEPS).map(|i| {
        let until = ago(now, step * i32::try_from(STEPS - 1 - i).unwrap_or_default());
        within(&known, ago(until, step), until).map(|(_, level)| level).max()
    });
    let same = past.changes.last().map(|last| last.level);
    Course {
        since: past.changes.iter().rev().take_while(|c| Some(c.level) == same).last().map(|c| c.at),
        hour: share(&known, now, HOUR),
        day: share(&known, now, DAY),
        week: share(&known, now, WEEK),
        line: line.collect(),
        changes: past.changes.iter().rev().take(TOLD).map(|c| (c.at, level(c.level), why(c))).collect(),
    }
}

fn why(change: &HealthChange) -> String {
    if change.what.is_empty() { level(change.level).word().to_owned() } else { change.what.clone() }
}

/// What is known: changes cut down to when somebody looked. What was before the first change nobody knows.
fn known(past: &HealthPast, now: Timestamp) -> Vec<Known> {
    let mut known = Vec::new();
    for (i, change) in past.changes.iter().enumerate() {
        let end = past.changes.get(i + 1).map_or(now, |next| next.at);
        for (began, ended) in &past.watched {
            let (from, until) = (change.at.max(*began), end.min(*ended).min(now));
            if from < until {
                known.push((from, until, level(change.level)));
            }
        }
    }
    known
}

/// Of what is known, what falls between two times: how long, and how it was.
fn within(known: &[Known], from: Timestamp, until: Timestamp) -> impl Iterator<Item = (SignedDuration, Level)> {
    known.iter().filter_map(move |(began, ended, level)| {
        let (began, ended) = (from.max(*began), until.min(*ended));
        (began < ended).then(|| (ended.duration_since(began), *level))
    })
}

fn share(known: &[Known], now: Timestamp, span: SignedDuration) -> Share {
    let (mut looked, mut up) = (0.0, 0.0);
    for (length, level) in within(known, ago(now, span), now) {
        looked += length.as_secs_f64();
        if matches!(level, Level::Healthy | Level::Degraded) {
            up += length.as_secs_f64();
        }
    }
    Share { up: (looked > 0.0).then(|| up / looked), watched: (looked / span.as_secs_f64()).min(1.0) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000_000;

    fn at(minutes_ago: i64) -> Timestamp {
        Timestamp::from_second(NOW - minutes_ago * 60).unwrap()
    }

    fn past(changes: &[(i64, Condition, &str)], watched: &[(i64, i64)]) -> HealthPast {
        HealthPast {
            changes: changes
                .iter()
                .map(|(ago, level, what)| HealthChange {
                    at: at(*ago),
                    level: *level,
                    code: what.to_uppercase(),
                    what: (*what).to_owned(),
                })
                .collect(),
            watched: watched.iter().map(|(from, until)| (at(*from), at(*until))).collect(),
        }
    }

    fn near(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-9)
    }

    use Condition::{Degraded, Failing, Healthy, Off};

    #[test]
    fn only_time_that_somebody_looked_counts() {
        // Looked at from 60 to 30 and from 10 minutes ago until now; it failed from 40 to 20 minutes ago.
        let past = past(&[(3000, Healthy, ""), (40, Failing, "down"), (20, Degraded, "slow")], &[(60, 30), (10, 0)]);
        let course = course_of(&past, at(0));
        assert!(near(course.hour.up, 30.0 / 40.0), "{course:?}");
        assert!((course.hour.watched - 40.0 / 60.0).abs() < 1e-9);
        assert!(near(course.day.up, 30.0 / 40.0) && (course.day.watched - 40.0 / 1440.0).abs() < 1e-9);
        assert!((course.week.watched - 40.0 / 10080.0).abs() < 1e-9);
        assert_eq!(course.since, Some(at(20)));
        assert_eq!(
            course.changes,
            [
                (at(20), Level::Degraded, "slow".to_owned()),
                (at(40), Level::Failing, "down".to_owned()),
                (at(3000), Level::Healthy, "healthy".to_owned()),
            ]
        );
    }

    #[test]
    fn what_was_before_the_first_change_is_not_known() {
        let course = course_of(&past(&[(15, Healthy, "")], &[(600, 0)]), at(0));
        assert!(near(course.hour.up, 1.0) && (course.hour.watched - 0.25).abs() < 1e-9, "{course:?}");
        assert_eq!(course_of(&HealthPast::default(), at(0)), Course { line: vec![None; 48], ..Course::default() });
        let unwatched = course_of(&past(&[(15, Failing, "x")], &[]), at(0));
        assert_eq!((unwatched.hour, unwatched.since), (Share::default(), Some(at(15))));
    }

    #[test]
    fn since_is_that_of_the_level_whatever_the_cause() {
        let course = course_of(
            &past(&[(90, Healthy, ""), (60, Failing, "a"), (50, Failing, "b"), (40, Failing, "c")], &[]),
            at(0),
        );
        assert_eq!(course.since, Some(at(60)));
    }

    #[test]
    fn a_line_has_the_worst_of_each_half_hour() {
        let past = past(
            &[(1440, Healthy, ""), (100, Failing, "x"), (95, Healthy, ""), (45, Off, ""), (20, Degraded, "y")],
            &[(1440, 120), (110, 0)],
        );
        let line = course_of(&past, at(0)).line;
        assert_eq!(line.len(), 48);
        assert_eq!(line[..44], vec![Some(Level::Healthy); 44]);
        // 120 to 90, 90 to 60, 60 to 30 and 30 to 0 minutes ago.
        assert_eq!(
            line[44..],
            [Some(Level::Failing), Some(Level::Healthy), Some(Level::Healthy), Some(Level::Degraded)]
        );
        let gap = course_of(&self::past(&[(1440, Healthy, "")], &[(20, 0)]), at(0)).line;
        assert_eq!((gap[46], gap[47]), (None, Some(Level::Healthy)));
    }
}
