//! `ondeck attempts`: what was submitted, and what came of it.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use crate::store::{Attempt, AttemptId, ChangeKind, Changes, PATH_VARIABLE, Store, StoreError, Verdict, Wanted};
use crate::text;

use super::{Failure, columns, tell};

/// The width of the table.
const WIDTH: usize = 80;

/// List attempts at labs, the newest first
///
/// The history is a file of this user, history.db in the user's data directory; $ONDECK_HISTORY or --history name
/// another, such as a learner's that was handed in.
///
/// --json prints an array of objects: id, lab, lab_digest, owner, host, session (null for a directory), mode (quick,
/// clean), verdict (passed, failed, error), score, max_score, started (RFC 3339), elapsed_seconds, workspace_digest,
/// codes. --csv has the same columns with a header; codes are separated by spaces, and a quote stands before what a
/// spreadsheet would take for a formula.
// It is help on a terminal, where no mark-up is shown.
#[allow(clippy::doc_markdown)]
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    list: List,
    /// The file with the history
    #[arg(long, global = true, value_name = "FILE")]
    history: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct List {
    /// Of this lab only
    #[arg(long, value_name = "LAB")]
    lab: Option<String>,
    /// Of this person only
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// As JSON: an array of objects
    #[arg(long)]
    json: bool,
    /// As CSV, for spreadsheets
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// The newest only, so many
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

#[allow(clippy::doc_markdown)]
#[derive(Debug, Subcommand)]
enum Command {
    /// Show an attempt: what was checked, what was wrong, what changed since the one before
    ///
    /// --json prints an object: what the list has of it, and report (as `ondeck judge --json` printed it), before (the
    /// id of the attempt before, or null) and changes since that (files with path, kind and diff; checks with id,
    /// title, before and after; codes_new, codes_gone), or null.
    Show {
        /// Which, by its number
        id: AttemptId,
        /// As JSON: an object
        #[arg(long)]
        json: bool,
    },
}

/// An attempt as `show --json` prints it. Names of fields stay.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    attempt: &'a Attempt,
    report: &'a Value,
    before: Option<AttemptId>,
    changes: Option<&'a Changes>,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let hint = if error.hint.is_empty() { String::new() } else { format!("\n  {}", error.hint) };
        Self::Told(format!("{}{hint}", error.message))
    }
}

pub(super) fn run(out: &mut impl Write, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let path = arguments.history.clone().or_else(Store::usual_path).ok_or_else(|| {
        Failure::Told(format!("this user has no home directory; name the history's file in {PATH_VARIABLE}"))
    })?;
    if arguments.history.is_some() && !path.exists() {
        return Err(Failure::Told(text::clean(&format!("{}: there is no such file", path.display())).into_owned()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Whoever only looks makes no file.
        let store = if path.exists() { Some(Store::open(&path).await?) } else { None };
        match &arguments.command {
            None => list(out, store.as_ref(), &arguments.list).await?,
            Some(Command::Show { id, json }) => show(out, store.as_ref(), *id, *json).await?,
        }
        if let Some(store) = store {
            store.close().await;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn list(out: &mut impl Write, store: Option<&Store>, list: &List) -> Result<(), Failure> {
    let wanted = Wanted { lab: list.lab.clone(), owner: list.owner.clone(), limit: list.limit, ..Wanted::default() };
    let attempts = match store {
        Some(store) => store.attempts(&wanted).await?,
        None => Vec::new(),
    };
    if list.json {
        writeln!(out, "{}", json(&attempts)?)?;
    } else if list.csv {
        csv(out, &attempts)?;
    } else if attempts.is_empty() {
        tell("no attempts yet; `ondeck judge LAB` makes one");
    } else {
        table(out, &attempts)?;
    }
    Ok(())
}

/// JSON that a terminal bears as well: all that it could obey is escaped.
fn json(value: &impl Serialize) -> Result<String, Failure> {
    let plain = serde_json::to_string_pretty(value).map_err(|e| Failure::Told(e.to_string()))?;
    let mut text = String::with_capacity(plain.len());
    for c in plain.chars() {
        if c != '\n' && text::is_unsafe(c) {
            // All of them are one unit of UTF-16, and stand within strings.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    Ok(text)
}

fn csv(out: &mut impl Write, attempts: &[Attempt]) -> Result<(), Failure> {
    const HEADER: &str = "id,lab,lab_digest,owner,host,session,mode,verdict,score,max_score,started,elapsed_seconds,\
                          workspace_digest,codes";
    write!(out, "{HEADER}\r\n")?;
    for a in attempts {
        let row = [
            a.id.to_string(),
            field(&a.lab),
            field(&a.lab_digest),
            field(&a.owner),
            field(&a.host),
            field(a.session.as_deref().unwrap_or_default()),
            a.mode.name().to_owned(),
            a.verdict.name().to_owned(),
            a.score.to_string(),
            a.max_score.to_string(),
            a.started.to_string(),
            a.elapsed_seconds.to_string(),
            field(&a.workspace_digest),
            field(&a.codes.join(" ")),
        ];
        write!(out, "{}\r\n", row.join(","))?;
    }
    Ok(())
}

/// A text as a field of CSV (RFC 4180), which no spreadsheet takes for a formula.
fn field(text: &str) -> String {
    let text = text::clean(text);
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']);
    let text = if formula { format!("'{text}") } else { text.into_owned() };
    let plain = !text.contains([',', '"', '\'', ';']) && text.trim() == text;
    if plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// The time here, to the minute.
fn local(attempt: &Attempt) -> String {
    attempt.started.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Points, where there are any.
fn points(attempt: &Attempt) -> String {
    match attempt.verdict {
        Verdict::Error => "-".to_owned(),
        _ => format!("{}/{}", attempt.score, attempt.max_score),
    }
}

fn table(out: &mut impl Write, attempts: &[Attempt]) -> Result<(), Failure> {
    let cell = |text: &str, width: usize| text::fit(&text::clean(text), width).into_owned();
    let mut rows: Vec<Vec<String>> =
        vec![["ID", "STARTED", "LAB", "OWNER", "MODE", "VERDICT", "SCORE", "WRONG"].map(str::to_owned).into()];
    rows.extend(attempts.iter().map(|a| {
        vec![
            a.id.to_string(),
            local(a),
            cell(&a.lab, 12),
            cell(&a.owner, 10),
            a.mode.name().to_owned(),
            a.verdict.name().to_owned(),
            points(a),
        ]
    }));
    // What is left of the width is for the codes.
    let used: usize =
        (0..7).map(|i| rows.iter().filter_map(|r| r.get(i)).map(|c| text::width(c)).max().unwrap_or(0) + 2).sum();
    for (row, attempt) in rows.iter_mut().skip(1).zip(attempts) {
        let (codes, room) = (&attempt.codes, WIDTH.saturating_sub(used));
        let all = text::clean(&codes.join(" ")).into_owned();
        // A number says more than the beginning of a name.
        let shown = if text::width(&all) <= room { all } else { text::count(codes.len(), "code") };
        row.push(text::fit(&shown, room.max(5)).into_owned());
    }
    columns(out, &rows)?;
    Ok(())
}

async fn show(out: &mut impl Write, store: Option<&Store>, id: AttemptId, as_json: bool) -> Result<(), Failure> {
    let none = || Failure::Told(format!("there is no attempt {id}; `ondeck attempts` lists them"));
    let store = store.ok_or_else(none)?;
    let attempt = store.attempt(id).await?.ok_or_else(none)?;
    let report: Value = store.report(id).await?.and_then(|r| serde_json::from_str(&r).ok()).unwrap_or_default();
    let before = store.attempt_before(id).await?;
    let changes = match before {
        Some(before) => Some(store.changes(before, id).await?),
        None => None,
    };
    if as_json {
        let shown = Shown { attempt: &attempt, report: &report, before, changes: changes.as_ref() };
        writeln!(out, "{}", json(&shown)?)?;
        return Ok(());
    }
    let head =
        format!("Attempt {id}: {}, {}, by {}, {}", attempt.lab, attempt.mode.name(), attempt.owner, local(&attempt));
    writeln!(out, "{}", text::clean(&head))?;
    let took = text::duration(attempt.elapsed_seconds as u64);
    match attempt.verdict {
        Verdict::Error => writeln!(out, "could not be judged, after {took}")?,
        verdict => {
            writeln!(out, "{}, {} of {} points, in {took}", verdict.name(), attempt.score, attempt.max_score)?;
        }
    }
    print_report(out, &report)?;
    if let (Some(before), Some(changes)) = (before, &changes) {
        writeln!(out, "\nSince attempt {before}")?;
        print_changes(out, changes)?;
    }
    Ok(())
}

/// A text of a report; empty when it is not there.
fn said<'a>(of: &'a Value, name: &str) -> std::borrow::Cow<'a, str> {
    text::clean(of.get(name).and_then(Value::as_str).unwrap_or_default())
}

/// Entries of a report; none when they are not there.
fn entries<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn print_report(out: &mut impl Write, report: &Value) -> Result<(), Failure> {
    if let Some(error) = report.get("error").filter(|e| !e.is_null()) {
        writeln!(out, "\n{}  {}", said(error, "code"), said(error, "message"))?;
        if !said(error, "hint").is_empty() {
            writeln!(out, "  {}", said(error, "hint"))?;
        }
    }
    let checks = entries(report, "checks");
    if !checks.is_empty() {
        writeln!(out, "\nChecks")?;
        let number = |check: &Value, name: &str| check.get(name).and_then(Value::as_u64).unwrap_or(0);
        let rows: Vec<Vec<String>> = checks
            .iter()
            .map(|check| {
                let points = format!("{}/{}", number(check, "points"), number(check, "max_points"));
                let status = said(check, "status").replace('_', " ");
                vec![format!("  {status}"), points, said(check, "title").into_owned()]
            })
            .collect();
        columns(out, &rows)?;
    }
    let failures = entries(report, "failures");
    if !failures.is_empty() {
        writeln!(out, "\nWrong")?;
    }
    for failure in failures {
        writeln!(out, "  {}  {}", said(failure, "code"), said(failure, "message"))?;
        for (name, what) in [("expected", "expected"), ("found", "found"), ("hint", "hint")] {
            if !said(failure, name).is_empty() {
                writeln!(out, "    {what}: {}", said(failure, name))?;
            }
        }
    }
    Ok(())
}

fn print_changes(out: &mut impl Write, changes: &Changes) -> Result<(), Failure> {
    if *changes == Changes::default() {
        writeln!(out, "  nothing changed")?;
    }
    for check in &changes.checks {
        let outcome = |status: &Option<String>| status.as_deref().unwrap_or("not there").replace('_', " ");
        let name = if check.title.is_empty() { &check.id } else { &check.title };
        let line = format!("  {name}: {} → {}", outcome(&check.before), outcome(&check.after));
        writeln!(out, "{}", text::clean(&line))?;
    }
    for (what, codes) in [("gone", &changes.codes_gone), ("new", &changes.codes_new)] {
        if !codes.is_empty() {
            writeln!(out, "  {what}: {}", text::clean(&codes.join(" ")))?;
        }
    }
    for file in &changes.files {
        let kind = match file.kind {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Changed => "changed",
        };
        writeln!(out, "\n  {}: {kind}", text::clean(&file.path))?;
        // The first two lines name the file, which stands above.
        for line in file.diff.as_deref().unwrap_or_default().lines().skip(2) {
            writeln!(out, "    {}", text::clean(line))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_csv() {
        for (text, shown) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("-2", "\"'-2\""),
            ("+2", "\"'+2\""),
            ("  =1", "\"'  =1\""),
            ("\t=1", "·=1"),
            ("a\r\nb", "a··b"),
            ("＝1", "\"'＝1\""),
        ] {
            assert_eq!(field(text), shown, "{text:?}");
        }
    }

    #[test]
    fn json_that_a_terminal_bears() {
        let text = json(&["a\u{9b}2J\u{1b}\u{202e}\n漢"]).unwrap_or_default();
        assert_eq!(text, "[\n  \"a\\u009b2J\\u001b\\u202e\\n漢\"\n]");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap_or_default()[0], "a\u{9b}2J\u{1b}\u{202e}\n漢");
    }
}
