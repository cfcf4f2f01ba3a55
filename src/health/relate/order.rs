//! The order in which verdicts are told, and what they make together.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::health::gather::Gathered;
use crate::health::{Finding, Level, Report, StackVerdict, Verdict};
use crate::stacks::is_one_off;

/// The report that verdicts make.
pub(super) fn report(
    mut verdicts: Vec<Verdict>,
    gathered: &Gathered,
    host: Vec<Finding>,
    before: Option<&Report>,
) -> Report {
    if let Some(before) = before {
        for verdict in &mut verdicts {
            keep_since(verdict, before);
        }
    }
    let stacks = stacks(&verdicts, gathered);
    let level = verdicts.iter().map(|v| v.level).chain(host.iter().map(|f| f.level)).max().unwrap_or_default();
    Report { level, containers: sort(verdicts), stacks, findings: host, ..Report::default() }
}

/// What was so before is so since then.
fn keep_since(verdict: &mut Verdict, before: &Report) {
    let same = |v: &&Verdict| match (&verdict.id, &v.id) {
        (Some(a), Some(b)) => a == b,
        (None, None) => v.name == verdict.name && v.stack == verdict.stack,
        _ => false,
    };
    let old = before.containers.iter().find(same);
    // The engine's memory is short: what was known to be so is so since then.
    for finding in &mut verdict.findings {
        let known = old.iter().flat_map(|v| &v.findings).find(|f| f.code == finding.code);
        finding.since = known.and_then(|f| f.since).into_iter().chain(finding.since).min();
    }
    match old {
        Some(old) if old.level == verdict.level => verdict.since = old.since.or(verdict.since),
        Some(_) => {}
        // First seen now: that is all that is known where nothing else tells.
        None => verdict.since = verdict.since.or(Some(before.taken).filter(|_| verdict.id.is_none())),
    }
}

/// Worst first, each with its victims behind it.
fn sort(mut verdicts: Vec<Verdict>) -> Vec<Verdict> {
    let rank = |v: &Verdict| (Reverse(v.level), v.stack.clone(), v.name.clone());
    verdicts.sort_by_cached_key(rank);
    let mut victims = BTreeMap::<(Option<crate::engine::model::Id>, String), Vec<Verdict>>::new();
    let mut roots = Vec::new();
    for verdict in verdicts {
        match &verdict.blamed_on {
            Some(on) => victims.entry((on.id.clone(), on.name.clone())).or_default().push(verdict),
            None => roots.push(verdict),
        }
    }
    let mut groups: Vec<Vec<Verdict>> = roots
        .into_iter()
        .map(|root| {
            let behind = victims.remove(&(root.id.clone(), root.name.clone())).unwrap_or_default();
            std::iter::once(root).chain(behind).collect()
        })
        .collect();
    // None is lost, even if its cause is.
    groups.extend(victims.into_values());
    groups.sort_by_key(|group| Reverse(group.iter().map(|v| v.level).max()));
    groups.into_iter().flatten().collect()
}

fn stacks(verdicts: &[Verdict], gathered: &Gathered) -> Vec<StackVerdict> {
    let mut all: Vec<StackVerdict> = gathered
        .stacks
        .iter()
        .map(|stack| {
            let of = || verdicts.iter().filter(|v| v.stack.as_deref() == Some(&stack.name));
            let worst = of().max_by_key(|v| (v.level, Reverse(v.since)));
            let members = || stack.containers().filter(|c| !is_one_off(c));
            StackVerdict {
                name: stack.name.clone(),
                level: worst.map_or(Level::Off, |v| v.level),
                since: worst.and_then(|v| v.since),
                up: members().filter(|c| c.state.is_up()).count(),
                all: members().count() + of().filter(|v| v.id.is_none()).count(),
            }
        })
        .collect();
    all.sort_by_key(|s| (Reverse(s.level), s.name.clone()));
    all
}
