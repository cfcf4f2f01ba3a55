//! Whether health names what is broken: real wrecks on a real engine, the real program, one table.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::live::endpoint;
use common::pty::Terminal;
use common::wrecks::{LATE, VICTIMS, WELL, WRECKS, Wreck, Yard};
use serde_json::Value;

/// How long it may take until the last wreck is as broken as it will be: some only show in time.
const PATIENCE: Duration = Duration::from_secs(110);

/// Runs `ondeck health ARGS` without anything of whoever runs the tests.
fn health(home: &tempfile::TempDir, args: &[&str], columns: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ondeck"));
    command.arg("health").args(["--host", &endpoint().address.to_string()]).args(args);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home.path());
    command.env("LANG", "C.UTF-8").env("COLUMNS", columns).stdin(Stdio::null()).output().unwrap()
}

/// All that the yard has, as the command line calls it.
fn names(yard: &Yard) -> Vec<String> {
    let wrecks = WRECKS.iter().map(|w| w.name);
    wrecks.chain(WELL.iter().chain(VICTIMS).map(|(name, _)| *name)).map(|name| yard.called(name)).collect()
}

fn report(names: &[String], home: &tempfile::TempDir) -> Value {
    let mut args = vec!["--json"];
    args.extend(names.iter().map(String::as_str));
    let output = health(home, &args, "80");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What is said of one.
fn said<'a>(report: &'a Value, yard: &Yard, name: &str) -> Option<&'a Value> {
    let called = yard.called(name);
    report["containers"].as_array().unwrap().iter().find(|v| match called.split_once('/') {
        Some((stack, service)) => v["stack"] == stack && v["service"] == service,
        None => v["name"] == called.as_str(),
    })
}

/// The cause that is named, and how bad; what is wrong with how it is told.
fn judged(report: &Value, yard: &Yard, wreck: &Wreck) -> (String, Option<String>) {
    let Some(verdict) = said(report, yard, wreck.name) else { return ("nothing".into(), Some("not told of".into())) };
    let cause = &verdict["findings"][0];
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let told = format!("{} {}", word(&cause["code"]), word(&verdict["level"]));
    let wrong = || {
        if told != format!("{} {}", wreck.code, wreck.level) {
            return Some("another cause".to_owned());
        }
        if !verdict["blamed_on"].is_null() {
            return Some(format!("blamed on {}", verdict["blamed_on"]["name"]));
        }
        if let Some(empty) = ["what", "todo"].into_iter().find(|key| word(&cause[key]).trim().is_empty()) {
            return Some(format!("no {empty}"));
        }
        let words = format!("{} {} {}", cause["what"], cause["why"], cause["evidence"]);
        (!words.contains(wreck.shows)).then(|| format!("does not show `{}`: {words}", wreck.shows))
    };
    (told.clone(), wrong())
}

/// Kinds with what was expected and said; how many are right.
fn rows(report: &Value, yard: &Yard, wrecks: &[Wreck]) -> (String, usize) {
    let mut text = String::new();
    let mut right = 0;
    for wreck in wrecks {
        let (told, wrong) = judged(report, yard, wreck);
        right += usize::from(wrong.is_none());
        let expected = format!("{} {}", wreck.code, wreck.level);
        let wrong = wrong.map_or(String::new(), |wrong| format!("  <- {wrong}"));
        let _ = writeln!(text, "{:<36} | {expected:<26} | {told}{wrong}", wreck.kind);
    }
    (text, right)
}

/// All that stands in the yard from the beginning.
fn table(report: &Value, yard: &Yard) -> (String, usize) {
    let (mut text, mut right) = rows(report, yard, WRECKS);
    for (name, level) in WELL {
        let told = said(report, yard, name).map_or("nothing", |v| v["level"].as_str().unwrap_or("-"));
        right += usize::from(told == *level);
        let _ = writeln!(text, "{:<36} | {level:<26} | {told}", format!("nothing is wrong with {name}"));
    }
    for (victim, cause) in VICTIMS {
        let blamed = said(report, yard, victim).and_then(|v| v["blamed_on"]["name"].as_str()).unwrap_or("nobody");
        let expected = said(report, yard, cause).and_then(|v| v["name"].as_str()).unwrap_or("-");
        right += usize::from(blamed == expected);
        let _ = writeln!(
            text,
            "{:<36} | {:<26} | {}",
            format!("suffers: {victim}"),
            format!("because of {cause}"),
            if blamed == expected { "the same" } else { blamed }
        );
    }
    (text, right)
}

#[test]
fn each_wreck_is_told_with_its_own_cause() {
    let home = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let yard = Yard::full();
    eprintln!("{} wrecks made in {:.1} s", WRECKS.len(), begun.elapsed().as_secs_f64());
    let all = WRECKS.len() + WELL.len() + VICTIMS.len();
    let wait = Instant::now();
    let last = loop {
        let report = report(&names(&yard), &home);
        let right = table(&report, &yard).1;
        if right == all || wait.elapsed() > PATIENCE {
            break report;
        }
        std::thread::sleep(Duration::from_secs(1));
    };
    let (text, right) = table(&last, &yard);
    eprintln!("{text}{right} of {all} right after {:.1} s", wait.elapsed().as_secs_f64());
    assert_eq!(right, all, "\n{text}");
    panel(&yard, &last);
    late(&yard, &home);
    exit_codes(&yard, &home);
    pages(&yard, &home);
}

/// The panel says of each what the command says, in a row of its own.
fn panel(yard: &Yard, report: &Value) {
    let host = endpoint().address.to_string();
    let mut panel = Terminal::start(200, 100, &["--host", &host], &[]);
    panel.see("Lately");
    panel.keys("9");
    panel.see("WHAT IS THE CASE");
    panel.keys("/");
    panel.keys(&yard.called(""));
    panel.keys("\r");
    for wreck in WRECKS {
        let verdict = said(report, yard, wreck.name).unwrap();
        let name = verdict["name"].as_str().unwrap();
        // Numbers further on may have changed since, and what is long is cut.
        let what: String = verdict["findings"][0]["what"].as_str().unwrap().chars().take(8).collect();
        let sign = if wreck.level == "failing" { '✖' } else { '◐' };
        // A long name is cut, too, but not so far that it could be another's.
        let forms: Vec<String> =
            std::iter::once(name.to_owned()).chain((30..name.len()).map(|n| format!("{}…", &name[..n]))).collect();
        let is_told = |row: &str| {
            let row = row.split('│').nth(1).unwrap_or_default();
            forms.iter().filter_map(|form| row.split_once(form.as_str())).any(|(before, after)| {
                (wreck.level == "off" || before.trim().ends_with(sign)) && after.trim().starts_with(&what)
            })
        };
        panel.wait(&format!("{name}: {what}"), |screen| screen.lines().any(is_told));
    }
    panel.keys("q");
    assert!(panel.ended().success());
    panel.is_sane();
}

/// What only the engine's memory tells, while it lasts.
fn late(yard: &Yard, home: &tempfile::TempDir) {
    yard.late();
    let names: Vec<String> = LATE.iter().map(|w| yard.called(w.name)).collect();
    let wait = Instant::now();
    loop {
        let report = report(&names, home);
        let (text, right) = rows(&report, yard, LATE);
        if right == LATE.len() {
            eprint!("{text}");
            return;
        }
        assert!(wait.elapsed() < Duration::from_secs(10), "\n{text}");
    }
}

/// The exit code is that of what is asked for alone.
fn exit_codes(yard: &Yard, home: &tempfile::TempDir) {
    for (names, code) in [
        (&["plain", "checked", "done"][..], 0),
        (&["plain", "paused"], 1),
        (&["paused", "exit-1"], 2),
        (&["good"], 0),
        (&["chain"], 2),
        (&["no-such-thing"], 3),
    ] {
        let called: Vec<String> = names.iter().map(|name| yard.called(name)).collect();
        let output = health(home, &called.iter().map(String::as_str).collect::<Vec<_>>(), "80");
        assert_eq!(output.status.code(), Some(code), "{names:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// For a person: fits 60 columns, each cause once, colours only in a terminal.
fn pages(yard: &Yard, home: &tempfile::TempDir) {
    let mut names = names(yard);
    names.push(yard.called("chain"));
    let output = health(home, &names.iter().map(String::as_str).collect::<Vec<_>>(), "60");
    let text = String::from_utf8(output.stdout).unwrap();
    eprintln!("{text}");
    let wide: Vec<&str> = text.lines().filter(|line| ondeck::text::width(line) > 60).collect();
    assert!(wide.is_empty(), "wider than 60: {wide:#?}");
    assert!(!text.contains('\x1b'), "{text:?}");
    for wreck in WRECKS.iter().filter(|w| !w.name.contains('/')) {
        let name = yard.called(wreck.name);
        let head = |line: &&str| line.strip_prefix(['✖', '◐', '○']).is_some_and(|l| l.trim().starts_with(&name));
        assert!(text.lines().any(|line| head(&line)), "{name} is not told of");
    }
    assert!(text.contains(&format!("✖ {}", yard.called("pictures/resize"))), "{text}");
    // Those that suffer stand under the cause and nowhere else.
    let (db, api) = (format!("{}-db-1", yard.called("chain")), format!("{}-api-1", yard.called("chain")));
    assert!(!text.contains(&format!("✖ {api}")) && text.contains(&format!("✖ {db}")), "{text}");
    let (at, under) = (text.find(&db).unwrap(), text.find(&api).unwrap());
    assert!(at < under && text[at..under].contains("so also"), "{text}");
    // In a terminal of 60 columns, in colours.
    let host = endpoint().address.to_string();
    let mut args = vec!["health", "--host", &host];
    args.extend(names.iter().map(String::as_str));
    let mut terminal = Terminal::start(60, 400, &args, &[]);
    assert_eq!(terminal.ended().code(), Some(2));
    let screen = terminal.wait("the page", |s| s.contains("1 stack") && s.contains("2 of 3 up"));
    assert!(terminal.bytes().windows(5).any(|w| w == b"\x1b[31m"), "{screen}");
    let rows: Vec<&str> = screen.lines().filter(|l| !l.is_empty()).collect();
    let lines: Vec<&str> = text.lines().filter(|l| !l.is_empty()).collect();
    // A line that is too wide would take a second row.
    assert!(rows.len() <= lines.len() + 2, "{} rows for {} lines:\n{screen}", rows.len(), lines.len());
}
