//! What `ondeck watch` prints: a line for each change.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::ErrorKind;
use crate::health::{ENGINE, HOST, Healed, Level, Report, Verdict};
use crate::sessions::Swept;
use crate::text::count;

/// One line of output. Names of fields stay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    /// When.
    pub(super) at: Timestamp,
    /// `health`, `restart` or `sweep`.
    pub(super) kind: &'static str,
    pub(super) host: String,
    /// The container, `(host)` or `(engine)`.
    pub(super) name: String,
    pub(super) stack: Option<String>,
    /// How it is now; `null` where that is not the point.
    pub(super) level: Option<Level>,
    /// How it was before; `null` when it was not there.
    pub(super) was: Option<Level>,
    /// What is wrong.
    pub(super) code: Option<String>,
    pub(super) what: String,
    pub(super) why: String,
    pub(super) todo: String,
    /// The container whose trouble is the cause.
    pub(super) blamed_on: Option<String>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.level.map_or(self.kind, Level::word);
        // Parts of a second tell nobody anything here.
        let at = Timestamp::from_second(self.at.as_second()).unwrap_or(self.at);
        write!(f, "{at}  {word:<8}  {}", self.name)?;
        let what = match &self.blamed_on {
            Some(on) => format!("{} (because of {on})", self.what),
            None => self.what.clone(),
        };
        if what.is_empty() { Ok(()) } else { write!(f, "  {what}") }
    }
}

impl Line {
    fn new(kind: &'static str, host: &str, name: &str, at: Timestamp) -> Self {
        Self {
            at,
            kind,
            host: host.to_owned(),
            name: name.to_owned(),
            stack: None,
            level: None,
            was: None,
            code: None,
            what: String::new(),
            why: String::new(),
            todo: String::new(),
            blamed_on: None,
        }
    }

    /// The line of a restart.
    pub(super) fn of_healed(host: &str, healed: &Healed) -> Self {
        Self {
            stack: healed.stack.clone(),
            code: Some(healed.code.clone()),
            what: healed.outcome.words(),
            why: healed.what.clone(),
            ..Self::new("restart", host, &healed.name, healed.at)
        }
    }

    /// The line of what sessions had left, if they had.
    pub(super) fn of_swept(host: &str, swept: &Swept, at: Timestamp) -> Vec<Self> {
        if *swept == Swept::default() {
            return Vec::new();
        }
        let things = swept.containers.len() + swept.networks.len() + swept.volumes.len();
        let what = format!("removed {} that ended sessions had left behind", count(things, "thing"));
        let all = [&swept.containers, &swept.networks, &swept.volumes];
        let why = all.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
        vec![Self { what, why, ..Self::new("sweep", host, "sessions", at) }]
    }
}

/// How one thing is, as far as lines tell.
#[derive(Debug, Clone, PartialEq)]
struct State<'a> {
    level: Level,
    code: &'a str,
    what: &'a str,
    why: &'a str,
    todo: &'a str,
    stack: Option<&'a str>,
    blamed_on: Option<&'a str>,
}

/// What is another way than before. At first: all that is not well.
pub(super) fn changes(before: Option<&Report>, after: &Report) -> Vec<Line> {
    let (old, new) = (before.map(states).unwrap_or_default(), states(after));
    let mut lines = Vec::new();
    for (name, state) in &new {
        let was = old.get(name);
        let same =
            was.is_some_and(|was| (was.level, was.code, was.blamed_on) == (state.level, state.code, state.blamed_on));
        // What is well and was not known before is nothing to tell.
        if same || (was.is_none() && state.level <= Level::Healthy) {
            continue;
        }
        lines.push(Line {
            stack: state.stack.map(ToOwned::to_owned),
            level: Some(state.level),
            was: was.map(|was| was.level),
            code: Some(state.code.to_owned()).filter(|code| !code.is_empty()),
            what: state.what.to_owned(),
            why: state.why.to_owned(),
            todo: state.todo.to_owned(),
            blamed_on: state.blamed_on.map(ToOwned::to_owned),
            ..Line::new("health", &after.host, name, after.taken)
        });
    }
    for (name, was) in old.iter().filter(|(name, was)| !new.contains_key(*name) && was.level > Level::Off) {
        lines.push(Line {
            stack: was.stack.map(ToOwned::to_owned),
            level: Some(Level::Off),
            was: Some(was.level),
            what: "removed".to_owned(),
            ..Line::new("health", &after.host, name, after.taken)
        });
    }
    // The worst first; then by name, as they come.
    lines.sort_by_key(|line| std::cmp::Reverse(line.level));
    lines
}

fn states(report: &Report) -> BTreeMap<String, State<'_>> {
    let mut all: BTreeMap<String, State<'_>> =
        report.containers.iter().map(|verdict| (name_of(verdict), state(verdict))).collect();
    let plain = |level, code, what| State { level, code, what, why: "", todo: "", stack: None, blamed_on: None };
    let mut host = plain(Level::Healthy, "", "nothing is wrong with the host itself");
    if let Some(worst) = report.findings.iter().max_by_key(|f| f.level) {
        host = State { why: &worst.why, todo: &worst.todo, ..plain(worst.level, worst.code, &worst.what) };
    }
    all.insert(HOST.to_owned(), host);
    let gone = report.unknown.as_ref().filter(|e| matches!(e.kind, ErrorKind::Unreachable | ErrorKind::Timeout));
    let engine = match (gone, &report.unknown) {
        (Some(error), _) => State { todo: &error.hint, ..plain(Level::Failing, "", &error.message) },
        (None, Some(error)) => State { todo: &error.hint, ..plain(Level::Degraded, "", &error.message) },
        (None, None) => plain(Level::Healthy, "", "the engine answers"),
    };
    all.insert(ENGINE.to_owned(), engine);
    all
}

fn name_of(verdict: &Verdict) -> String {
    match (&verdict.id, &verdict.stack) {
        (None, Some(stack)) => format!("{stack}/{}", verdict.name),
        _ => verdict.name.clone(),
    }
}

fn state(verdict: &Verdict) -> State<'_> {
    let cause = verdict.cause();
    State {
        level: verdict.level,
        code: cause.map_or("", |f| f.code),
        what: cause.map_or("", |f| &f.what),
        why: cause.map_or("", |f| &f.why),
        todo: cause.map_or("", |f| &f.todo),
        stack: verdict.stack.as_deref(),
        blamed_on: verdict.blamed_on.as_ref().map(|blame| blame.name.as_str()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::EngineError;
    use crate::health::{Blame, Finding, Layer};

    fn report(all: &[(&str, Level, &'static str, Option<&str>)]) -> Report {
        let verdict = |(name, level, code, on): &(&str, Level, &'static str, Option<&str>)| Verdict {
            id: Some((*name).into()),
            name: (*name).to_owned(),
            level: *level,
            findings: Some(*code)
                .filter(|code| !code.is_empty())
                .map(|code| Finding {
                    code,
                    level: *level,
                    layer: Layer::Container,
                    what: format!("{code} it is"),
                    why: String::new(),
                    todo: String::new(),
                    evidence: Vec::new(),
                    since: None,
                })
                .into_iter()
                .collect(),
            blamed_on: on.map(|on| Blame { id: None, name: on.to_owned() }),
            ..Verdict::default()
        };
        let taken = Timestamp::from_second(1_800_000_000).unwrap();
        Report { host: "h".into(), taken, containers: all.iter().map(verdict).collect(), ..Report::default() }
    }

    fn shown(before: Option<&Report>, after: &Report) -> Vec<String> {
        let line = |line: Line| line.to_string().split_once("  ").unwrap().1.to_owned();
        changes(before, after).into_iter().map(line).collect()
    }

    #[test]
    fn each_change_is_one_line() {
        use Level::{Degraded, Failing, Healthy, Off};
        let first = report(&[("a", Healthy, "", None), ("b", Off, "", None), ("c", Degraded, "FLAPPING", None)]);
        assert_eq!(shown(None, &first), ["degraded  c  FLAPPING it is"]);
        assert_eq!(shown(Some(&first), &first), [""; 0]);
        let second = report(&[("a", Failing, "EXITED", None), ("b", Failing, "UNHEALTHY", Some("a"))]);
        assert_eq!(
            shown(Some(&first), &second),
            ["failing   a  EXITED it is", "failing   b  UNHEALTHY it is (because of a)", "off       c  removed"]
        );
        assert_eq!(shown(Some(&second), &first)[1..], ["healthy   a", "off       b"]);
        let line = &changes(Some(&first), &second)[0];
        assert_eq!(line.to_string(), "2027-01-15T08:00:00Z  failing   a  EXITED it is");
        let json = serde_json::to_value(line).unwrap();
        assert_eq!((json["level"].as_str(), json["was"].as_str()), (Some("failing"), Some("healthy")));
    }

    #[test]
    fn a_lost_engine_is_a_line_and_so_is_its_return() {
        let well = report(&[("a", Level::Healthy, "", None)]);
        let error = EngineError::new(ErrorKind::Unreachable, "nobody listens at unix:///x");
        let lost = Report { unknown: Some(error), ..well.clone() };
        assert_eq!(shown(Some(&well), &lost), ["failing   (engine)  nobody listens at unix:///x"]);
        assert_eq!(shown(Some(&lost), &well), ["healthy   (engine)  the engine answers"]);
    }

    #[test]
    fn what_was_swept_is_a_line() {
        let at = Timestamp::default();
        assert_eq!(Line::of_swept("h", &Swept::default(), at), []);
        let swept = Swept { containers: vec!["x".into()], volumes: vec!["y".into()], ..Swept::default() };
        let line = &Line::of_swept("h", &swept, at)[0];
        assert_eq!((line.kind, &*line.why), ("sweep", "x, y"));
        assert!(line.to_string().ends_with("removed 2 things that ended sessions had left behind"));
    }
}
