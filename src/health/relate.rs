//! What hangs on what: each failure is told once, at its cause, and what fails because of it stands behind.

mod needs;
mod order;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::stacks::is_one_off;

use super::causes::judge;
use super::facts::{Facts, Phase};
use super::gather::{Gathered, Missing};
use super::{Blame, Finding, Layer, Level, Report, Verdict};
use needs::{How, Need, Needs};

/// Causes that something else may be the reason of. Whatever is more special is its own.
const EXPLAINED: [&str; 13] = [
    "EXITED",
    "CRASH_LOOP",
    "UNHEALTHY",
    "FLAPPING",
    "SLOW_START",
    "DNS_FAILED",
    "NOT_STARTED",
    "PROBE_REFUSED",
    "PROBE_TIMEOUT",
    "PROBE_SLOW",
    "PROBE_FAILED",
    "HTTP_STATUS",
    "HTTP_BODY",
];

/// One that a verdict is about.
struct Party<'a> {
    /// What is known of its container; `None` for a service without one.
    facts: Option<&'a Facts>,
    verdict: Verdict,
}

/// The report of a host: verdicts of all containers and of services without one, related and in order.
pub(super) fn relate(gathered: &Gathered, host: Vec<Finding>, before: Option<&Report>) -> Report {
    let mut parties: Vec<Party<'_>> = gathered.facts.values().map(|facts| party(facts, gathered)).collect();
    parties.extend(gathered.missing.iter().map(|m| Party { facts: None, verdict: missing(m) }));
    let needs = Needs::of(&parties, gathered);
    let mut blamed = BTreeMap::new();
    for n in 0..parties.len() {
        let needed = needs.of_party(n);
        unreachable(&mut parties, n, needed);
        if let Some(on) = blame(&parties, n, needed) {
            blamed.insert(n, on);
        } else if !needed.is_empty() && parties[n].verdict.findings.iter().all(|f| f.layer != Layer::Dependency) {
            let well = |need: &Need| need.on.iter().any(|on| parties[*on].verdict.level != Level::Failing);
            if parties[n].verdict.level == Level::Healthy && needed.iter().all(well) {
                parties[n].verdict.passed.push(Layer::Dependency);
            }
        }
    }
    waiting(&mut parties, &blamed);
    tell(&mut parties, &blamed);
    let verdicts = parties.into_iter().map(|p| p.verdict).collect();
    order::report(verdicts, gathered, host, before)
}

/// A container with the verdict of its own layers, and what probes of ours found.
fn party<'a>(facts: &'a Facts, gathered: &Gathered) -> Party<'a> {
    let mut verdict = judge(facts);
    for probed in gathered.probed.iter().filter(|p| *p.container == *facts.container.id) {
        verdict.latency_seconds = probed.latency_seconds.or(verdict.latency_seconds);
        match &probed.finding {
            Some(finding) => verdict.findings.push(finding.clone()),
            None if probed.unasked.is_some() => verdict.unprobed.clone_from(&probed.unasked),
            None if !verdict.passed.contains(&Layer::Probe) => verdict.passed.push(Layer::Probe),
            None => {}
        }
    }
    if verdict.findings.iter().any(|f| f.layer == Layer::Probe) {
        verdict.passed.retain(|l| *l != Layer::Probe);
        settle(&mut verdict);
    }
    Party { facts: Some(facts), verdict }
}

/// The worst finding first, and the level that it makes.
fn settle(verdict: &mut Verdict) {
    verdict.findings.sort_by_key(|f| std::cmp::Reverse(f.level));
    if let Some(first) = verdict.findings.first()
        && first.level > verdict.level
    {
        verdict.level = first.level;
        verdict.since = first.since;
    }
}

fn missing(missing: &Missing) -> Verdict {
    let finding = Finding {
        code: "IMAGE_MISSING",
        level: Level::Failing,
        layer: Layer::Container,
        what: format!("has no container, and its image {} is not on the host", missing.image),
        why: "the image could not be pulled, or was never built here".to_owned(),
        todo: format!("docker pull {} says why; then docker compose up -d {}", missing.image, missing.service),
        evidence: Vec::new(),
        since: None,
    };
    Verdict {
        name: missing.service.clone(),
        stack: Some(missing.stack.clone()),
        service: Some(missing.service.clone()),
        level: Level::Failing,
        findings: vec![finding],
        ..Verdict::default()
    }
}

/// Tells of needs that cannot be reached because no network has both.
fn unreachable(parties: &mut [Party<'_>], n: usize, needed: &[Need]) {
    let Some(facts) = parties[n].facts.filter(|f| matches!(f.phase(), Phase::Up | Phase::Ended | Phase::Looping))
    else {
        return;
    };
    let ill = parties[n].verdict.level == Level::Failing;
    let mut told: Option<Finding> = None;
    for need in needed {
        let up: Vec<usize> =
            need.on.iter().copied().filter(|on| parties[*on].facts.is_some_and(|f| f.phase() == Phase::Up)).collect();
        if up.is_empty() || up.iter().any(|on| parties[*on].facts.is_some_and(|f| needs::reaches(facts, f, &need.how)))
        {
            continue;
        }
        // That it is to start later does not mean that it talks to it: what works is not doubted for that.
        let checked = parties[n].verdict.passed.iter().any(|l| matches!(l, Layer::Healthcheck | Layer::Probe));
        let own = parties[n].verdict.cause().is_some_and(|f| !EXPLAINED.contains(&f.code) && f.level == Level::Failing);
        if checked || own {
            continue;
        }
        let other = parties[up[0]].facts.map(|f| (f, parties[up[0]].verdict.name.clone()));
        if let Some((other, name)) = other {
            let finding =
                needs::wrong_network(facts, other, &name, need, if ill { Level::Failing } else { Level::Degraded });
            // What it says itself is told before what is only declared.
            if told.is_none() || matches!(need.how, How::Said(_)) {
                told = Some(finding);
            }
        }
    }
    if let Some(finding) = told {
        let verdict = &mut parties[n].verdict;
        let named = !finding.evidence.is_empty();
        verdict.findings.retain(|f| !(named && f.code == "DNS_FAILED"));
        verdict.findings.insert(0, finding);
        settle(verdict);
    }
}

/// What is the reason of this one's trouble, or will be.
fn blame(parties: &[Party<'_>], n: usize, needed: &[Need]) -> Option<usize> {
    let verdict = &parties[n].verdict;
    let waiting = parties[n].facts.is_some_and(|f| f.phase() == Phase::Waiting);
    if verdict.level == Level::Off && !waiting {
        return None;
    }
    let own = |f: &Finding| !EXPLAINED.contains(&f.code) && f.level == Level::Failing;
    if verdict.findings.iter().any(own) {
        return None;
    }
    let down = |need: &&Need| {
        let all = need.on.iter().all(|on| *on != n && is_down(&parties[*on], need));
        all && !need.on.is_empty()
    };
    let mut candidates: Vec<&Need> = needed.iter().filter(down).collect();
    // What it says itself weighs more than what is declared.
    candidates.sort_by_key(|need| !matches!(need.how, How::Said(_)));
    candidates.first().map(|need| need.on[0])
}

/// Whether what is needed does not work.
fn is_down(party: &Party<'_>, need: &Need) -> bool {
    let Some(facts) = party.facts else { return true };
    match party.verdict.level {
        Level::Failing => true,
        Level::Degraded => facts.phase() == Phase::Paused,
        Level::Healthy => false,
        Level::Off => match (facts.phase(), facts.container.exit_code) {
            (Phase::Waiting, _) => true,
            // Done, as a migration is; unless what needs it says that it is missed.
            (_, None | Some(0)) => matches!(need.how, How::Said(_)),
            _ => true,
        },
    }
}

/// Of a stack that runs, what was never started is missing. Alone it is but a container that somebody made.
fn waiting(parties: &mut [Party<'_>], blamed: &BTreeMap<usize, usize>) {
    let live = |p: &&Party<'_>| p.facts.is_some_and(|f| matches!(f.phase(), Phase::Up | Phase::Looping));
    let stacks: BTreeSet<String> = parties.iter().filter(live).filter_map(|p| p.verdict.stack.clone()).collect();
    for (n, party) in parties.iter_mut().enumerate() {
        let waits = party.facts.is_some_and(|f| f.phase() == Phase::Waiting && !is_one_off(&f.container));
        let expected = party.verdict.stack.as_ref().is_some_and(|s| stacks.contains(s));
        if !waits || !expected || blamed.contains_key(&n) {
            continue;
        }
        if let Some(finding) = party.verdict.findings.iter_mut().find(|f| f.code == "NOT_STARTED") {
            finding.level = Level::Degraded;
            "others of its stack run; the command that made it stopped before it came to this one"
                .clone_into(&mut finding.why);
        }
        settle(&mut party.verdict);
    }
}

/// Tells of each that it suffers from another, and of what was stopped that others need it.
fn tell(parties: &mut [Party<'_>], blamed: &BTreeMap<usize, usize>) {
    let mut wanted = BTreeMap::<usize, (Level, Vec<String>)>::new();
    let roots: Vec<(usize, usize)> = blamed.keys().map(|n| (*n, root(blamed, *n))).filter(|(n, on)| n != on).collect();
    for (n, on) in roots {
        let level = match parties[n].verdict.level {
            Level::Off | Level::Failing => Level::Failing,
            _ => Level::Degraded,
        };
        let cause = &parties[on].verdict;
        let state = match cause.level {
            Level::Failing | Level::Degraded => {
                cause.cause().map_or_else(|| "does not work".to_owned(), |f| format!("does not work: {}", f.what))
            }
            _ if parties[on].facts.is_some_and(|f| f.phase() == Phase::Waiting) => "was never started".to_owned(),
            _ => "is stopped".to_owned(),
        };
        let finding = Finding {
            code: "DEPENDENCY_DOWN",
            level,
            layer: Layer::Dependency,
            what: format!("needs {}, which {state}", cause.name),
            why: String::new(),
            todo: format!("mend {}; this one may then want a restart", cause.name),
            evidence: Vec::new(),
            since: cause.since,
        };
        let blame = Blame { id: cause.id.clone(), name: cause.name.clone() };
        let name = parties[n].verdict.name.clone();
        let entry = wanted.entry(on).or_default();
        entry.0 = entry.0.max(level);
        entry.1.push(name);
        let verdict = &mut parties[n].verdict;
        verdict.findings.insert(0, finding);
        verdict.blamed_on = Some(blame);
        verdict.passed.retain(|l| *l != Layer::Dependency);
        let since = verdict.since;
        if level > verdict.level {
            verdict.level = level;
            verdict.since = verdict.findings[0].since.max(since);
        }
    }
    for (on, (level, names)) in wanted {
        missed(&mut parties[on], level, &names);
    }
}

/// What was stopped, or never started, is a failure where what runs needs it.
fn missed(party: &mut Party<'_>, level: Level, by: &[String]) {
    let Some(facts) = party.facts.filter(|_| party.verdict.level == Level::Off) else { return };
    let verdict = &mut party.verdict;
    let by: BTreeSet<&str> = by.iter().map(String::as_str).collect();
    let by: Vec<&str> = by.into_iter().collect();
    let waiting = facts.phase() == Phase::Waiting;
    verdict.findings.retain(|f| f.code != "NOT_STARTED");
    let code = facts.container.exit_code;
    let what = match (waiting, code) {
        (true, _) => "made, but never started".to_owned(),
        (_, Some(code)) => format!("stopped (exit code {code}{})", crate::fleet::snapshot::exit_words(code, false)),
        _ => "stopped".to_owned(),
    };
    verdict.findings.insert(
        0,
        Finding {
            code: if waiting { "NOT_STARTED" } else { "STOPPED" },
            level,
            layer: Layer::Container,
            what: format!("{what}, and needed by {}", by.join(", ")),
            why: "it was stopped in order, while what needs it goes on".to_owned(),
            todo: format!("docker start {}", verdict.name),
            evidence: Vec::new(),
            since: facts.container.finished.or(facts.container.created),
        },
    );
    verdict.level = level;
    verdict.since = verdict.findings[0].since;
}

/// The end of the chain of reasons; in a circle the one that comes first.
fn root(blamed: &BTreeMap<usize, usize>, from: usize) -> usize {
    let mut seen = vec![from];
    let mut at = from;
    while let Some(next) = blamed.get(&at) {
        if let Some(begin) = seen.iter().position(|s| s == next) {
            return seen[begin..].iter().copied().min().unwrap_or(at);
        }
        seen.push(*next);
        at = *next;
    }
    at
}
