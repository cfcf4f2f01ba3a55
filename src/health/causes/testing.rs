//! Facts that tests begin with.
#![allow(clippy::unwrap_used)]

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::engine::model::{Container, Detail, Health, Inspection, Probe, State};
use crate::health::facts::{Facts, Line};
use crate::health::{Finding, Level};

/// When all tests take place.
pub fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

pub fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn of(container: Container) -> Facts {
    Facts {
        more: Some(Inspection { container: container.clone(), raw: json!({}), ..Inspection::default() }),
        container,
        now: now(),
        ..Facts::default()
    }
}

/// Runs well for a day.
pub fn running() -> Facts {
    of(Container {
        id: "ab".into(),
        name: "web".into(),
        image: "shop/web:1".into(),
        state: State::Running,
        created: Some(ago(86_400)),
        started: Some(ago(86_400)),
        detail: Some(Detail { pid: Some(7), ..Detail::default() }),
        ..Container::default()
    })
}

/// Ended a minute ago.
pub fn ended(code: i64) -> Facts {
    let mut facts = running();
    facts.container.state = State::Exited;
    facts.container.exit_code = Some(code);
    facts.container.started = Some(ago(120));
    facts.container.finished = Some(ago(60));
    facts
}

/// Was started again five times, and waits for the next.
pub fn looping(code: i64) -> Facts {
    let mut facts = ended(code);
    facts.container.state = State::Restarting;
    detail(&mut facts).restart_count = 5;
    detail(&mut facts).restart_policy = "always".into();
    facts
}

/// Made, and not started.
pub fn refused_with(message: &str) -> Facts {
    let mut facts = running();
    facts.container.state = State::Created;
    facts.container.started = None;
    detail(&mut facts).error = message.to_owned();
    facts
}

/// Runs, with these results of its healthcheck (exit code and output), ten seconds apart.
pub fn checked(health: Health, results: &[(i64, &str)]) -> Facts {
    let mut facts = running();
    facts.container.health = health;
    let probe = |(n, (code, output)): (usize, &(i64, &str))| {
        let at = ago(10 * (results.len() - n) as i64);
        Probe { start: Some(at), end: Some(at), exit_code: *code, output: (*output).to_owned() }
    };
    facts.more.as_mut().unwrap().probes = results.iter().enumerate().map(probe).collect();
    detail(&mut facts).failing_streak = results.iter().rev().take_while(|(code, _)| *code != 0).count() as i64;
    facts
}

pub fn detail(facts: &mut Facts) -> &mut Detail {
    facts.container.detail.as_mut().unwrap()
}

/// Sets a field of the inspection's raw answer.
pub fn raw(facts: &mut Facts, value: serde_json::Value) {
    facts.more.as_mut().unwrap().raw = value;
}

/// The log, just before the end of the run.
pub fn say(facts: &mut Facts, lines: &[&str]) {
    let at = facts.container.finished.or(Some(ago(30)));
    facts.log = lines.iter().map(|l| Line { at, text: (*l).to_owned() }).collect();
}

pub fn codes(facts: &Facts) -> Vec<&'static str> {
    super::judge(facts).findings.iter().map(|f| f.code).collect()
}

pub fn cause(facts: &Facts) -> Finding {
    super::judge(facts).cause().unwrap().clone()
}

pub fn level(facts: &Facts) -> Level {
    super::judge(facts).level
}
