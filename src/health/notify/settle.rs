//! When a change is one that people have to know: after it lasted, and the less often the more it comes and goes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{ENGINE, HOST, Kind, Notice};
use crate::health::{Finding, Level, Report};

/// So long what was told counts for how much of it people want.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// So often in that time each change is told as it comes.
const CALM: usize = 2;
/// The longest that a change has to last.
const LONGEST: SignedDuration = SignedDuration::from_mins(30);
/// What comes and goes for so many times that is told as it is at its worst.
const RESTLESS: i32 = 4;

/// What people know, and what has not lasted for long enough to tell them.
#[derive(Debug)]
pub struct Settling {
    least: SignedDuration,
    told: BTreeMap<String, Level>,
    pending: BTreeMap<String, Pending>,
    lately: BTreeMap<String, VecDeque<Timestamp>>,
    taken: Option<Timestamp>,
    /// The engine is silent: of nothing else is it known whether it lasts.
    lost: bool,
}

#[derive(Debug)]
struct Pending {
    level: Level,
    since: Timestamp,
    /// When it stopped being as people know it.
    left: Timestamp,
    worst: Level,
}

/// Something that people are told of.
struct Subject<'a> {
    name: String,
    stack: Option<&'a str>,
    level: Level,
    since: Option<Timestamp>,
    cause: Option<&'a Finding>,
    /// What is said when there is no cause.
    what: &'a str,
}

impl Settling {
    /// A change is told when it has lasted for `least`. `told` is what people know to be not well.
    pub fn new(least: Duration, told: BTreeMap<String, Level>) -> Self {
        let least = SignedDuration::try_from(least).unwrap_or(LONGEST).min(LONGEST);
        Self { least, told, pending: BTreeMap::new(), lately: BTreeMap::new(), taken: None, lost: false }
    }

    /// Takes what is the case; answers with what is to be told now.
    pub fn take(&mut self, report: &Report, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        let lost = report
            .unknown
            .as_ref()
            .filter(|e| matches!(e.kind, crate::engine::ErrorKind::Unreachable | crate::engine::ErrorKind::Timeout));
        let engine = Subject {
            name: ENGINE.to_owned(),
            stack: None,
            level: if lost.is_some() { Level::Failing } else { Level::Healthy },
            since: None,
            cause: None,
            what: lost.map_or("the engine answers", |e| e.message.as_str()),
        };
        notices.extend(self.one(report, &engine, now));
        self.lost = lost.is_some();
        // Nothing is known of the rest while the engine is silent.
        if lost.is_none() {
            // What another is to blame for by now is told with that one.
            self.pending
                .retain(|name, _| !report.containers.iter().any(|v| v.blamed_on.is_some() && name_of(v) == *name));
            for subject in subjects(report) {
                notices.extend(self.one(report, &subject, now));
            }
            let there =
                |name: &str| name == ENGINE || name == HOST || report.containers.iter().any(|v| name_of(v) == name);
            let gone: Vec<String> =
                self.told.keys().chain(self.pending.keys()).filter(|name| !there(name)).cloned().collect();
            for name in gone {
                let what = "it was removed";
                let gone = Subject { name, stack: None, level: Level::Off, since: None, cause: None, what };
                notices.extend(self.one(report, &gone, now));
            }
        }
        self.taken = Some(now);
        notices
    }

    /// When something will have lasted for long enough, if nothing changes.
    pub fn due(&self) -> Option<Timestamp> {
        let known = self.pending.iter().filter(|(name, _)| !self.lost || *name == ENGINE);
        let due = known.map(|(name, pending)| {
            let lasted = pending.since.checked_add(self.least_for(name)).unwrap_or(Timestamp::MAX);
            let known = self.told.get(name).copied().unwrap_or(Level::Healthy);
            if pending.worst > known {
                let restless = pending.left.checked_add(self.restless(name)).unwrap_or(Timestamp::MAX);
                lasted.min(restless)
            } else {
                lasted
            }
        });
        due.min()
    }

    /// How long a change has to last: longer for what was told of often.
    fn least_for(&self, name: &str) -> SignedDuration {
        let often = self.lately.get(name).map_or(0, VecDeque::len).saturating_sub(CALM);
        let factor = 1_i32 << often.min(16);
        self.least.checked_mul(factor).unwrap_or(LONGEST).min(LONGEST.max(self.least))
    }

    fn restless(&self, name: &str) -> SignedDuration {
        self.least_for(name).checked_mul(RESTLESS).unwrap_or(SignedDuration::MAX)
    }

    fn one(&mut self, report: &Report, subject: &Subject<'_>, now: Timestamp) -> Option<Notice> {
        if let Some(lately) = self.lately.get_mut(&subject.name) {
            lately.retain(|at| now.duration_since(*at) < HOUR);
        }
        let known = self.told.get(&subject.name).copied().unwrap_or(Level::Healthy);
        // That something is off is as good as well: nobody expects anything of it.
        let level = subject.level.max(Level::Healthy);
        if level == known && !self.pending.contains_key(&subject.name) {
            return None;
        }
        let (least, restless) = (self.least_for(&subject.name), self.restless(&subject.name));
        // It was otherwise when one looked last.
        let since = subject.since.unwrap_or(now).min(now);
        let since = self.taken.map_or(since, |taken| since.max(taken.min(now)));
        let fresh = || Pending { level, since, left: now, worst: level };
        let pending = self.pending.entry(subject.name.clone()).or_insert_with(fresh);
        if pending.level != level {
            (pending.level, pending.since) = (level, since);
        }
        pending.worst = pending.worst.max(level);
        let lasted = now.duration_since(pending.since) >= least;
        if level == known {
            if lasted {
                self.pending.remove(&subject.name);
            }
            return None;
        }
        let comes_and_goes = now.duration_since(pending.left) >= restless && pending.worst > known;
        if !lasted && !comes_and_goes {
            return None;
        }
        let level = if lasted { level } else { pending.worst };
        let since = subject.since.unwrap_or(pending.since);
        self.pending.remove(&subject.name);
        self.lately.entry(subject.name.clone()).or_default().push_back(now);
        if level == Level::Healthy {
            self.told.remove(&subject.name);
        } else {
            self.told.insert(subject.name.clone(), level);
        }
        Some(notice(report, subject, level, known, since, now, !lasted))
    }
}

fn notice(
    report: &Report,
    subject: &Subject<'_>,
    level: Level,
    was: Level,
    since: Timestamp,
    now: Timestamp,
    comes_and_goes: bool,
) -> Notice {
    let bad = level > Level::Healthy;
    let cause = subject.cause.filter(|_| bad);
    let mut what = cause.map_or_else(|| subject.what.to_owned(), |f| f.what.clone());
    if comes_and_goes {
        what = if what.is_empty() { "it comes and goes".to_owned() } else { format!("it comes and goes: {what}") };
    }
    Notice {
        kind: match level {
            Level::Failing => Kind::Failing,
            Level::Degraded => Kind::Degraded,
            Level::Healthy | Level::Off => Kind::Recovered,
        },
        host: report.host.clone(),
        name: subject.name.clone(),
        stack: subject.stack.map(ToOwned::to_owned),
        level: if bad { level } else { subject.level },
        was,
        code: cause.map(|f| f.code.to_owned()),
        what,
        why: cause.map(|f| f.why.clone()).unwrap_or_default(),
        todo: cause.map(|f| f.todo.clone()).unwrap_or_default(),
        since: Some(since),
        at: now,
        victims: report.victims(&subject.name).filter(|_| bad).map(|v| v.name.clone()).collect(),
    }
}

/// A name that nothing else on the host has: a service without a container may be called as a container is.
fn name_of(verdict: &crate::health::Verdict) -> String {
    match (&verdict.id, &verdict.stack) {
        (None, Some(stack)) => format!("{stack}/{}", verdict.name),
        _ => verdict.name.clone(),
    }
}

/// What people are told of: causes, not what fails because of them.
fn subjects(report: &Report) -> Vec<Subject<'_>> {
    let causes = report.containers.iter().filter(|v| v.blamed_on.is_none()).map(|verdict| Subject {
        name: name_of(verdict),
        stack: verdict.stack.as_deref(),
        level: verdict.level,
        since: verdict.since,
        cause: verdict.cause(),
        what: if verdict.level == Level::Off { "it is stopped" } else { "it works" },
    });
    let worst = report.findings.iter().max_by_key(|f| f.level);
    let host = Subject {
        name: HOST.to_owned(),
        stack: None,
        level: worst.map_or(Level::Healthy, |f| f.level),
        since: worst.and_then(|f| f.since),
        cause: worst,
        what: "nothing is wrong with the host itself any more",
    };
    causes.chain([host]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::{EngineError, ErrorKind};
    use crate::health::{Blame, Layer, Verdict};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn verdict(name: &str, level: Level, on: Option<&str>) -> Verdict {
        let finding = |level| Finding {
            code: "UNHEALTHY",
            level,
            layer: Layer::Healthcheck,
            what: format!("{name} is ill"),
            why: String::new(),
            todo: String::new(),
            evidence: Vec::new(),
            since: None,
        };
        Verdict {
            id: Some(name.into()),
            name: name.into(),
            level,
            findings: (level > Level::Healthy).then(|| finding(level)).into_iter().collect(),
            blamed_on: on.map(|on| Blame { id: Some(on.into()), name: on.into() }),
            ..Verdict::default()
        }
    }

    fn report(verdicts: &[Verdict]) -> Report {
        Report { host: "h".into(), containers: verdicts.to_vec(), ..Report::default() }
    }

    fn settling() -> Settling {
        Settling::new(Duration::from_secs(30), BTreeMap::new())
    }

    /// What is told when a container is at a level from each of these times on, looked at every five seconds.
    fn course(settling: &mut Settling, levels: &[(i64, Level)], end: i64) -> Vec<(i64, Kind)> {
        let mut told = Vec::new();
        for second in (0..end).step_by(5) {
            let level = levels.iter().rev().find(|(from, _)| *from <= second).unwrap().1;
            let notices = settling.take(&report(&[verdict("web", level, None)]), at(second));
            told.extend(notices.into_iter().map(|n| (second, n.kind)));
        }
        told
    }

    use Level::{Degraded, Failing, Healthy, Off};

    #[test]
    fn each_change_that_lasts_is_told_once() {
        let levels = [(0, Healthy), (100, Failing), (300, Healthy)];
        assert_eq!(course(&mut settling(), &levels, 900), [(130, Kind::Failing), (330, Kind::Recovered)]);
        let levels = [(0, Healthy), (100, Degraded), (200, Failing), (300, Off)];
        let told = course(&mut settling(), &levels, 900);
        assert_eq!(told, [(130, Kind::Degraded), (230, Kind::Failing), (330, Kind::Recovered)]);
        assert_eq!(course(&mut settling(), &[(0, Healthy), (100, Failing), (120, Healthy)], 900), []);
        assert_eq!(course(&mut settling(), &[(0, Off), (100, Healthy), (200, Off)], 900), []);
    }

    #[test]
    fn what_people_know_is_not_told_again() {
        let mut known = Settling::new(Duration::from_secs(30), [("web".to_owned(), Failing)].into());
        assert_eq!(course(&mut known, &[(0, Failing), (100, Healthy)], 900), [(130, Kind::Recovered)]);
    }

    #[test]
    fn what_was_so_for_long_when_one_begins_is_told_at_once() {
        let mut ill = verdict("web", Failing, None);
        ill.since = Some(at(-600));
        let told = settling().take(&report(&[ill]), at(0));
        assert_eq!((told.len(), told[0].since), (1, Some(at(-600))));
    }

    #[test]
    fn what_comes_and_goes_is_told_little() {
        // Quicker than anything lasts: once, and that it is so.
        let quick: Vec<_> = (0..360).map(|n| (n * 10, if n % 2 == 0 { Failing } else { Healthy })).collect();
        let told = course(&mut settling(), &quick, 3600);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].1, Kind::Failing);
        // Slower: ever less often.
        let slow: Vec<_> = (0..45).map(|n| (n * 80, if n % 2 == 0 { Failing } else { Healthy })).collect();
        let told = course(&mut settling(), &slow, 3600);
        assert!(told.len() <= 6, "{told:?}");
    }

    #[test]
    fn victims_stand_in_the_notice_of_their_cause() {
        let mut settling = settling();
        let well = report(&[verdict("db", Healthy, None), verdict("web", Healthy, None)]);
        let ill = report(&[verdict("db", Failing, None), verdict("web", Failing, Some("db"))]);
        let mut told = Vec::new();
        for (second, report) in [(0, &well), (10, &ill), (60, &ill), (100, &well), (200, &well)] {
            told.extend(settling.take(report, at(second)));
        }
        let shown: Vec<_> = told.iter().map(|n| (n.kind, n.name.as_str(), n.victims.join(" "))).collect();
        assert_eq!(shown, [(Kind::Failing, "db", "web".to_owned()), (Kind::Recovered, "db", String::new())]);
        assert_eq!((told[0].code.as_deref(), &*told[0].what), (Some("UNHEALTHY"), "db is ill"));
    }

    #[test]
    fn a_lost_engine_is_told_and_nothing_of_what_it_has() {
        let mut settling = settling();
        let ill = report(&[verdict("web", Failing, None)]);
        let error = EngineError::new(ErrorKind::Unreachable, "no socket");
        let lost = Report { unknown: Some(error), ..report(&[verdict("web", Healthy, None)]) };
        let mut told = Vec::new();
        for (second, report) in
            [(0, &ill), (40, &ill), (50, &lost), (100, &lost), (300, &lost), (310, &ill), (400, &ill)]
        {
            told.extend(settling.take(report, at(second)).into_iter().map(|n| (second, n.kind, n.name)));
        }
        assert_eq!(
            told,
            [
                (40, Kind::Failing, "web".to_owned()),
                (100, Kind::Failing, ENGINE.to_owned()),
                (400, Kind::Recovered, ENGINE.to_owned())
            ]
        );
    }

    #[test]
    fn nothing_is_due_of_what_cannot_be_judged() {
        let mut settling = settling();
        settling.take(&report(&[verdict("web", Failing, None)]), at(0));
        assert_eq!(settling.due(), Some(at(30)));
        // Another turns out to be the cause, and is told with its victims.
        let blamed = report(&[verdict("db", Failing, None), verdict("web", Failing, Some("db"))]);
        settling.take(&blamed, at(10));
        assert_eq!(settling.due(), Some(at(40)));
        assert_eq!(settling.take(&blamed, at(40)).len(), 1);
        assert_eq!(settling.due(), None);
        // Nor of anything while the engine is silent, but of the engine.
        settling.take(&report(&[verdict("db", Failing, None), verdict("web", Failing, None)]), at(50));
        let error = EngineError::new(ErrorKind::Unreachable, "no socket");
        let lost = Report { unknown: Some(error), ..Report::default() };
        settling.take(&lost, at(60));
        assert_eq!(settling.due(), Some(at(90)));
        assert_eq!(settling.take(&lost, at(90)).len(), 1);
        assert_eq!(settling.due(), None);
    }

    #[test]
    fn what_is_removed_is_over() {
        let mut settling = settling();
        let ill = report(&[verdict("web", Failing, None)]);
        settling.take(&ill, at(0));
        assert_eq!(settling.due(), Some(at(30)));
        assert_eq!(settling.take(&ill, at(30)).len(), 1);
        assert_eq!(settling.due(), None);
        settling.take(&report(&[]), at(40));
        let told = settling.take(&report(&[]), at(80));
        assert_eq!((told[0].kind, told[0].level, told[0].title()), (Kind::Recovered, Off, "web is off (h)".to_owned()));
        assert_eq!(settling.take(&report(&[]), at(200)), []);
    }
}
