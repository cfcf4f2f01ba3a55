//! What can be wrong with one container, told from facts about it alone: one table, the most special cause first.

mod check;
mod ended;
mod limits;
mod names;
mod start;
mod state;
#[cfg(test)]
pub(super) mod testing;
mod writes;

use jiff::Timestamp;

use crate::engine::model::Health;

use super::facts::{Facts, Phase};
use super::{Finding, Layer, Level, Verdict};

pub(super) use names::{Complaints, unresolved};
pub(super) use start::port_wanted;

/// One way to tell what is wrong.
pub(super) struct Rule {
    /// The cause that it tells; see [`super::CAUSES`].
    pub code: &'static str,
    /// What shows it.
    pub layer: Layer,
    /// Looks; `None` where it is not so.
    pub look: fn(&Facts) -> Option<Said>,
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    level: Level,
    what: String,
    why: String,
    todo: String,
    evidence: Vec<String>,
    since: Option<Timestamp>,
}

impl Said {
    fn new(level: Level, what: impl Into<String>) -> Self {
        let clean = crate::text::clean(&what.into()).into_owned();
        Self { level, what: clean, why: String::new(), todo: String::new(), evidence: Vec::new(), since: None }
    }

    fn failing(what: impl Into<String>) -> Self {
        Self::new(Level::Failing, what)
    }

    fn degraded(what: impl Into<String>) -> Self {
        Self::new(Level::Degraded, what)
    }

    fn why(self, why: impl AsRef<str>) -> Self {
        Self { why: crate::text::clean(why.as_ref()).into_owned(), ..self }
    }

    fn todo(self, todo: impl AsRef<str>) -> Self {
        Self { todo: crate::text::clean(todo.as_ref()).into_owned(), ..self }
    }

    /// Lines that show it; at most three of the last are kept.
    fn shown_by(self, lines: impl IntoIterator<Item = String>) -> Self {
        let all: Vec<String> = lines.into_iter().filter(|l| !l.is_empty()).map(|l| super::facts::short(&l)).collect();
        Self { evidence: all[all.len().saturating_sub(3)..].to_vec(), ..self }
    }

    fn since(self, since: Option<Timestamp>) -> Self {
        Self { since, ..self }
    }
}

const fn rule(code: &'static str, look: fn(&Facts) -> Option<Said>) -> Rule {
    Rule { code, layer: Layer::Container, look }
}

const fn check(code: &'static str, look: fn(&Facts) -> Option<Said>) -> Rule {
    Rule { code, layer: Layer::Healthcheck, look }
}

/// All rules; where several apply, the first names the cause.
pub(super) const RULES: &[Rule] = &[
    rule("OOM_KILLED", ended::oom_killed),
    rule("PORT_TAKEN", start::port_taken),
    rule("MOUNT_MISSING", start::mount_missing),
    rule("IMAGE_MISSING", start::image_missing),
    rule("COMMAND_NOT_FOUND", start::not_found),
    rule("NOT_EXECUTABLE", start::not_executable),
    rule("START_REFUSED", start::refused),
    rule("CRASHED", ended::crashed),
    rule("DISK_FULL", writes::disk_full),
    rule("READ_ONLY", writes::read_only),
    rule("PERMISSION_DENIED", writes::permission_denied),
    rule("DNS_FAILED", names::dns_failed),
    rule("OOM_INSIDE", limits::oom_inside),
    rule("KILLED", ended::killed),
    rule("CRASH_LOOP", ended::crash_loop),
    rule("EXITED", ended::exited),
    rule("STUCK", state::stuck),
    rule("PAUSED", state::paused),
    rule("NOT_STARTED", state::not_started),
    check("CHECK_BROKEN", check::broken),
    check("UNHEALTHY", check::unhealthy),
    check("FLAPPING", check::flapping),
    check("SLOW_START", check::slow_start),
    rule("MEMORY_NEAR_LIMIT", limits::memory_near_limit),
    rule("CPU_THROTTLED", limits::cpu_throttled),
    rule("ZOMBIES", limits::zombies),
    rule("LOG_FLOOD", limits::log_flood),
];

/// What a container's own layers say of it: its state, and its healthcheck.
pub(super) fn judge(facts: &Facts) -> Verdict {
    let c = &facts.container;
    let mut findings: Vec<Finding> = RULES.iter().filter_map(|rule| told(rule, facts)).collect();
    // Stable: among findings of one level the table's order stays.
    findings.sort_by_key(|f| std::cmp::Reverse(f.level));
    let phase = facts.phase();
    let base = if phase == Phase::Up { Level::Healthy } else { Level::Off };
    let level = findings.iter().map(|f| f.level).fold(base, Level::max);
    let well = |layer| phase == Phase::Up && !findings.iter().any(|f| f.layer == layer && f.level > Level::Healthy);
    let mut passed = Vec::new();
    if well(Layer::Container) {
        passed.push(Layer::Container);
        if c.health == Health::Healthy && well(Layer::Healthcheck) {
            passed.push(Layer::Healthcheck);
        }
    }
    Verdict {
        id: Some(c.id.clone()),
        name: c.name.clone(),
        stack: c.stack().map(str::to_owned),
        service: c.service().map(str::to_owned),
        level,
        since: since(facts, &findings),
        findings,
        passed,
        ..Verdict::default()
    }
}

fn told(rule: &Rule, facts: &Facts) -> Option<Finding> {
    let said = (rule.look)(facts)?;
    Some(Finding {
        code: rule.code,
        level: said.level,
        layer: rule.layer,
        what: said.what,
        why: said.why,
        todo: said.todo,
        evidence: said.evidence,
        since: said.since.or_else(|| begun(facts)),
    })
}

/// Since when it is as it is, by the engine's times.
fn begun(facts: &Facts) -> Option<Timestamp> {
    let c = &facts.container;
    match facts.phase() {
        Phase::Off | Phase::Ended => c.finished,
        Phase::Waiting | Phase::Refused => c.created,
        // What is remembered of a loop may begin before the first of its runs that is still known.
        Phase::Looping => facts.past.ends.first().map(|(t, _)| *t).or(c.finished).or(c.started),
        Phase::Up | Phase::Paused | Phase::Dead => c.started,
    }
}

fn since(facts: &Facts, findings: &[Finding]) -> Option<Timestamp> {
    findings.first().map_or_else(|| begun(facts), |f| f.since)
}
