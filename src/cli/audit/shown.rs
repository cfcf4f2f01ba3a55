//! What an audit found, for people and as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::audit::{Counts, Finding, Ignored, Kind, Report, Severity};
use crate::text::clean;

use super::super::{columns, wrapped};
use super::kind;

/// One finding as `--json` prints it. Names of fields stay.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    code: &'a str,
    severity: &'static str,
    title: &'a str,
    refs: &'a [&'a str],
    kind: &'static str,
    id: &'a str,
    name: &'a str,
    stack: Option<&'a str>,
    service: Option<&'a str>,
    observed: &'a str,
    why: &'a str,
    breaks: &'a str,
    compose: &'a str,
    run: &'a str,
    elsewhere: &'a str,
    file: Option<String>,
    line: Option<u32>,
    ignored: Option<&'a Ignored>,
}

/// What a stack has.
#[derive(Debug, Serialize)]
struct ShownStack<'a> {
    name: &'a str,
    worst: Option<&'static str>,
    counts: Counts,
}

/// The whole report as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct ShownReport<'a> {
    findings: Vec<Shown<'a>>,
    counts: Counts,
    worst: Option<&'static str>,
    stacks: Vec<ShownStack<'a>>,
    subjects: usize,
    missed: usize,
    notes: &'a [String],
}

fn stacks(report: &Report) -> Vec<(&str, Counts)> {
    let mut names: Vec<&str> = report.findings.iter().filter_map(|f| f.subject.stack.as_deref()).collect();
    names.sort_unstable();
    names.dedup();
    let mut all: Vec<_> = names.into_iter().map(|name| (name, Counts::of(report.of_stack(name)))).collect();
    all.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.worst()));
    all
}

pub(super) fn json(report: &Report, least: Severity) -> ShownReport<'_> {
    let word = |counts: &Counts| counts.worst().map(Severity::word);
    let shown = |f: &'_ Finding| f.severity >= least;
    let counts = Counts::of(report.findings.iter());
    ShownReport {
        findings: report.findings.iter().filter(|f| shown(f)).map(one).collect(),
        worst: word(&counts),
        counts,
        stacks: stacks(report)
            .into_iter()
            .map(|(name, counts)| ShownStack { name, worst: word(&counts), counts })
            .collect(),
        subjects: report.subjects,
        missed: report.missed,
        notes: &report.notes,
    }
}

fn one(f: &Finding) -> Shown<'_> {
    Shown {
        code: f.rule.code,
        severity: f.severity.word(),
        title: f.rule.title,
        refs: f.rule.refs,
        kind: kind(f.subject.kind),
        id: &f.subject.id,
        name: &f.subject.name,
        stack: f.subject.stack.as_deref(),
        service: f.subject.service.as_deref(),
        observed: &f.observed,
        why: f.rule.why,
        breaks: f.rule.breaks,
        compose: &f.compose,
        run: &f.run,
        elsewhere: &f.elsewhere,
        file: f.place.as_ref().map(|(path, _)| path.display().to_string()),
        line: f.place.as_ref().map(|(_, line)| *line),
        ignored: f.ignored.as_ref(),
    }
}

/// Where a finding is told: its stack, or what else there is.
fn part(f: &Finding) -> (u8, &str) {
    match (&f.subject.stack, f.subject.kind) {
        (Some(stack), _) => (0, stack),
        (None, Kind::Container | Kind::Compose) => (1, "containers outside of stacks"),
        (None, Kind::Image) => (2, "images"),
        (None, Kind::Network) => (3, "networks"),
        (None, Kind::Daemon) => (4, "the engine"),
    }
}

/// Prints findings by stack, worst first, and a table of all.
pub(super) fn print(out: &mut impl Write, report: &Report, least: Severity, colours: bool) -> io::Result<()> {
    let mut parts: BTreeMap<(u8, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        parts.entry(part(finding)).or_default().push(finding);
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    let worst = |all: &[&Finding]| Counts::of(all.iter().copied()).worst();
    parts.sort_by_key(|((order, _), all)| (*order, std::cmp::Reverse(worst(all))));
    for ((_, name), all) in &parts {
        let shown: Vec<&Finding> = all.iter().copied().filter(|f| f.ignored.is_none() && f.severity >= least).collect();
        if shown.is_empty() {
            continue;
        }
        writeln!(out, "{}", paint(colours, "1", name))?;
        for group in alike(&shown) {
            block(out, &group, colours)?;
        }
        writeln!(out)?;
    }
    table(out, &parts)
}

/// Findings of one rule that are the same but for what they are of.
fn alike<'a>(all: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in all {
        let same = |group: &&mut Vec<&Finding>| {
            group.first().is_some_and(|first| {
                first.rule.code == finding.rule.code
                    && first.severity == finding.severity
                    && first.observed == finding.observed
                    && first.compose == finding.compose
                    && first.run == finding.run
            })
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

fn block(out: &mut impl Write, group: &[&Finding], colours: bool) -> io::Result<()> {
    let Some(first) = group.first() else { return Ok(()) };
    let colour = match first.severity {
        Severity::Critical | Severity::High => "1;31",
        Severity::Medium => "1;33",
        Severity::Low | Severity::Info => "1;36",
    };
    let head = paint(colours, colour, &format!("{:<8} {}", first.severity.word(), first.rule.code));
    writeln!(out, "  {head} {}", first.rule.title)?;
    let mut names: Vec<&str> = group.iter().map(|f| f.subject.name.as_str()).collect();
    names.dedup();
    beside(out, "of", &names.join(", "))?;
    let mut places: Vec<String> = group
        .iter()
        .filter_map(|f| f.place.as_ref())
        .map(|(path, line)| format!("{}:{line}", path.display()))
        .collect();
    places.dedup();
    if !places.is_empty() {
        beside(out, "at", &places.join(", "))?;
    }
    beside(out, "because", &first.observed)?;
    beside(out, "why", first.rule.why)?;
    if !first.rule.refs.is_empty() {
        beside(out, "see", &first.rule.refs.join(", "))?;
    }
    let label = |at: usize, label: &'static str| if at == 0 { label } else { "" };
    for (at, line) in first.compose.lines().enumerate() {
        writeln!(out, "    {:<8} {}", label(at, "compose"), clean(line))?;
    }
    if !first.run.is_empty() {
        beside(out, "run", &first.run)?;
    }
    if !first.elsewhere.is_empty() {
        beside(out, "or", &first.elsewhere)?;
    }
    if !first.rule.breaks.is_empty() {
        beside(out, "breaks", first.rule.breaks)?;
    }
    Ok(())
}

/// A text beside its label, in lines that fit.
fn beside(out: &mut impl Write, label: &str, text: &str) -> io::Result<()> {
    wrapped(out, &format!("    {label:<8} "), &clean(text))
}

/// How many of what each part has.
fn table(out: &mut impl Write, parts: &[((u8, &str), Vec<&Finding>)]) -> io::Result<()> {
    let mut rows =
        vec![["", "WORST", "CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO", "IGNORED"].map(str::to_owned).to_vec()];
    for ((_, name), all) in parts {
        let counts = Counts::of(all.iter().copied());
        let worst = counts.worst().map_or("-", Severity::word);
        let numbers = [counts.critical, counts.high, counts.medium, counts.low, counts.info, counts.ignored];
        let mut row = vec![crate::text::fit(name, 28).into_owned(), worst.to_owned()];
        row.extend(numbers.iter().map(|n| if *n == 0 { "-".to_owned() } else { n.to_string() }));
        rows.push(row);
    }
    if rows.len() > 1 { columns(out, &rows) } else { Ok(()) }
}

fn paint(colours: bool, code: &str, text: &str) -> String {
    if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
