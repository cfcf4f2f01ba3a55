//! `ondeck audit`: whether what runs is hardened.

mod shown;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::audit::{self, Counts, Finding, Kind, Report, Severity, Wanted};
use crate::config::Config;
use crate::engine::{Endpoint, Engine};
use crate::text::{clean, count};

use super::sarif::{self, Level};
use super::{Failure, columns, tell};

/// Whether what runs is hardened: containers, images, networks, the engine and compose files
///
/// Without names, all of the host is looked at; with names of stacks, containers or STACK/SERVICE, these only. Compose
/// files (and folders, as `./shop`) are looked at without an engine. A container's finding shows the line of the
/// compose file that it comes from, where that can be read here.
///
/// Exit code: 0 when there is nothing of at least --severity, 1 when there is, 2 when it cannot be told. Infos never
/// count, nor does what is meant to be so: by the label `dev.ondeck.audit.ignore: OD-C01 WHY until 2027-01-31; OD-C08
/// WHY`, or by the file of the setting `audit.ignore_file`, a list of {rule, subject, reason, until}.
///
/// --json prints an object: findings (code, severity, title, refs, kind, id, name, stack, service, observed, why,
/// breaks, compose, run, elsewhere, file, line, ignored: null or reason, until, by), counts by severity, stacks (name,
/// worst, counts), subjects, missed and notes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Stacks, containers, STACK/SERVICE, or compose files
    #[arg(value_name = "NAME|FILE")]
    what: Vec<String>,
    /// A stack only
    #[arg(long, value_name = "NAME")]
    stack: Vec<String>,
    /// The least that is shown and counts
    #[arg(long, value_name = "SEVERITY", default_value = "low")]
    severity: Least,
    /// As JSON: an object
    #[arg(long)]
    json: bool,
    /// As SARIF 2.1.0, which code hosts read
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
    /// List all rules
    #[arg(long, conflicts_with = "sarif")]
    rules: bool,
}

/// A severity as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Least {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Least {
    const fn severity(self) -> Severity {
        match self {
            Self::Info => Severity::Info,
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        }
    }
}

/// Runs it; the endpoint is asked for when it is needed, since its settings may be wrong.
pub(super) fn run(
    arguments: &Arguments,
    config: &Config,
    endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    let out = &mut io::stdout().lock();
    if arguments.rules {
        list(out, arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (files, names): (Vec<&String>, Vec<&String>) = arguments.what.iter().partition(|what| is_file(what));
    let names: Vec<String> = names.into_iter().chain(&arguments.stack).cloned().collect();
    let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut report = Report::default();
    if !files.is_empty() {
        let told = |why: String| Failure::Told(why);
        report = runtime.block_on(audit::of_files(&files, config)).map_err(told)?;
    }
    if files.is_empty() || !names.is_empty() {
        let endpoint = endpoint()?;
        let wanted = Wanted { names };
        let asked = runtime.block_on(async { audit::audit_of(&Engine::connect(&endpoint)?, config, &wanted).await })?;
        report = report.and(asked);
    }
    let least = arguments.severity.severity();
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&shown::json(&report, least)).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
    } else if arguments.sarif {
        let text = serde_json::to_string_pretty(&sarif_of(&report, least)).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        shown::print(out, &report, least, colours)?;
    }
    out.flush()?;
    for note in &report.notes {
        for (at, line) in note.lines().enumerate() {
            tell(&format!("{}{}", if at == 0 { "note: " } else { "" }, clean(line)));
        }
    }
    sum(&report, least, arguments.json || arguments.sarif);
    let counts = |f: &&Finding| f.ignored.is_none() && f.severity >= least.max(Severity::Low);
    Ok(if report.findings.iter().any(|f| counts(&f)) {
        ExitCode::FAILURE
    } else if report.missed > 0 {
        // Nothing was found, but not everything was seen.
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    })
}

/// One line on what was seen and what was not shown.
fn sum(report: &Report, least: Severity, machine: bool) {
    if machine {
        return;
    }
    let counts = Counts::of(report.findings.iter());
    let hidden = report.findings.iter().filter(|f| f.ignored.is_none() && f.severity < least).count();
    let mut parts = Vec::new();
    if hidden > 0 {
        parts.push(format!("{hidden} below {} not shown (--severity info shows all)", least.word()));
    }
    if counts.ignored > 0 {
        parts.push(format!("{} meant to be so (--json has the reasons)", counts.ignored));
    }
    if report.missed > 0 {
        parts.push(format!("{} could not be looked at", count(report.missed, "thing")));
    }
    let rest = if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", ")) };
    tell(&format!("{} looked at{rest}", count(report.subjects, "thing")));
}

/// Whether an argument names a file, or a folder as one writes it when it is no name.
fn is_file(what: &str) -> bool {
    let path = Path::new(what);
    let written = what.starts_with(['.', '/', '~']) || [".yaml", ".yml"].iter().any(|end| what.ends_with(end));
    written || path.is_file()
}

/// The rules as a table, or as JSON.
fn list(out: &mut impl Write, json: bool) -> Result<(), Failure> {
    if json {
        let all: Vec<_> = audit::rules().collect();
        let text = serde_json::to_string_pretty(&all).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
        return Ok(());
    }
    let mut rows = vec![["CODE", "SEVERITY", "WHAT", "ELSEWHERE"].map(str::to_owned).to_vec()];
    for rule in audit::rules() {
        rows.push(vec![rule.code.into(), rule.severity.word().into(), rule.title.into(), rule.refs.join(", ")]);
    }
    Ok(columns(out, &rows)?)
}

fn sarif_of(report: &Report, least: Severity) -> Value {
    let level = |severity: Severity| match severity {
        Severity::Critical | Severity::High => Level::Error,
        Severity::Medium => Level::Warning,
        Severity::Low | Severity::Info => Level::Note,
    };
    let rules: Vec<_> = audit::rules().collect();
    let described: Vec<_> = rules
        .iter()
        .map(|rule| sarif::Described {
            code: rule.code,
            title: rule.title,
            why: rule.why,
            mend: format!("Also known as {}. {}", rule.refs.join(", "), rule.breaks).replace("Also known as . ", ""),
            on: true,
            level: level(rule.severity),
        })
        .collect();
    let result = |f: &Finding| {
        let mends: Vec<&str> =
            [&f.compose, &f.run, &f.elsewhere].into_iter().map(String::as_str).filter(|m| !m.is_empty()).collect();
        let name = format!("{}/{}", kind(f.subject.kind), f.subject.name);
        let mut location = json!({ "logicalLocations": [{ "fullyQualifiedName": name, "kind": "resource" }] });
        if let Some((path, line)) = &f.place {
            location["physicalLocation"] = json!({
                "artifactLocation": { "uri": sarif::uri(&path.display().to_string()) }, "region": { "startLine": line },
            });
        }
        let message = format!("{} {}: {}. {}", f.subject.name, f.rule.title, f.observed, mends.join(" | "));
        let mut result = json!({
            "ruleId": f.rule.code,
            "ruleIndex": rules.iter().position(|rule| rule.code == f.rule.code),
            "level": level(f.severity).word(),
            "message": { "text": message },
            "locations": [location],
            "properties": { "severity": f.severity.word() },
        });
        if let Some(ignored) = &f.ignored {
            result["suppressions"] = json!([{ "kind": "external", "justification": ignored.reason }]);
        }
        result
    };
    let results: Vec<Value> = report.findings.iter().filter(|f| f.severity >= least).map(result).collect();
    sarif::document(&described, &results)
}

/// A kind in one word.
const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Container => "container",
        Kind::Image => "image",
        Kind::Network => "network",
        Kind::Daemon => "daemon",
        Kind::Compose => "compose",
    }
}
