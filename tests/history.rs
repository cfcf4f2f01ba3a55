//! The history, as programs use it: killed in the middle of writing, several at once, files they may not write; and
//! `ondeck attempts` over it.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use ondeck::store::{AttemptFile, AttemptId, Mode, NewAttempt, Store, StoreTrouble, Verdict, Wanted};
use serde_json::Value;

/// Names the history to the writer: this test program, run once more.
const WRITE: &str = "HISTORY_TO_WRITE";
const FILES: usize = 12;

fn attempt(number: usize) -> NewAttempt {
    let files = (0..FILES).map(|i| AttemptFile {
        path: format!("file{i}"),
        sha256: format!("{number}-{i}"),
        size: 3000,
        text: Some(format!("file {i} of {number}\n").repeat(200)),
    });
    NewAttempt {
        lab: "lab1".to_owned(),
        lab_digest: "l".to_owned(),
        owner: "ann".to_owned(),
        host: "local".to_owned(),
        session: None,
        mode: Mode::Clean,
        verdict: Verdict::Failed,
        score: 40,
        max_score: 100,
        started: Timestamp::UNIX_EPOCH,
        elapsed_seconds: 12.5,
        workspace_digest: format!("w{number}"),
        report: serde_json::json!({"notes": "x".repeat(9000)}).to_string(),
        codes: (0..5).map(|i| format!("CODE_{i}")).collect(),
        files: files.collect(),
    }
}

/// Not a test by itself: writes until it is killed.
#[test]
fn writer() {
    let Some(path) = std::env::var_os(WRITE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(Path::new(&path)).await.unwrap();
        for number in 0.. {
            let id = store.add_attempt(&attempt(number)).await.unwrap();
            // Past the test harness, which keeps what is printed.
            writeln!(std::io::stderr(), "kept {id}").unwrap();
        }
    });
}

fn start_writer(path: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture"])
        .env(WRITE, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_killed_leaves_whole_attempts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut kept: Vec<i64> = Vec::new();
    for round in 0..12 {
        // Two at once, so that one may hold the lock when it dies.
        let mut writers = [start_writer(&path), start_writer(&path)];
        let (told, lines) = std::sync::mpsc::channel();
        let readers: Vec<_> = writers
            .iter_mut()
            .map(|writer| {
                let (from, told) = (writer.stderr.take().unwrap(), told.clone());
                std::thread::spawn(move || {
                    for line in BufReader::new(from).lines().map_while(Result::ok) {
                        if let Some(id) = line.strip_prefix("kept ") {
                            told.send(id.parse::<i64>().unwrap()).unwrap();
                        }
                    }
                })
            })
            .collect();
        drop(told);
        // As soon as something was kept, another number each round, they die wherever they are.
        for _ in 0..=round {
            kept.push(lines.recv().unwrap());
        }
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        for reader in readers {
            reader.join().unwrap();
        }
        kept.extend(lines);

        let store = Store::open(&path).await.unwrap();
        let found = store.attempts(&Wanted::default()).await.unwrap();
        let ids: Vec<i64> = found.iter().map(|a| a.id.0).collect();
        assert!(kept.iter().all(|id| ids.contains(id)), "what was told to be kept is there");
        for attempt in found {
            assert_eq!(attempt.codes.len(), 5);
            let files = store.files(attempt.id).await.unwrap();
            assert_eq!(files.len(), FILES);
            assert!(files.iter().all(|f| f.text.as_deref().is_some_and(|t| t.len() > 1000)));
            assert!(store.report(attempt.id).await.unwrap().unwrap().len() > 9000);
        }
        store.close().await;
    }
}

/// A folder that only its owner, who is not the user of the test, can write to.
#[test]
fn what_may_not_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("old.db"), "").unwrap();
    for path in [dir.path(), &folder] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o555)).unwrap();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    // Root may write anywhere: then somebody else tries.
    if rustix::process::geteuid().is_root() {
        let open = dir.path().join("program");
        std::fs::copy(std::env::current_exe().unwrap(), &open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
        command = Command::new(open);
        command.uid(65534).gid(65534);
    }
    let output = command
        .args(["--exact", "denied", "--nocapture"])
        .env("HISTORY_DENIED", &folder)
        .current_dir("/")
        .output()
        .unwrap();
    for path in [dir.path(), &folder] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

/// Not a test by itself: somebody who may not write.
#[test]
fn denied() {
    let Some(folder) = std::env::var_os("HISTORY_DENIED") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for name in ["new.db", "old.db", "below/new.db"] {
            let error = Store::open(&Path::new(&folder).join(name)).await.unwrap_err();
            assert_eq!(error.trouble, StoreTrouble::Denied, "{error}");
            assert!(error.message.contains(name) && error.hint.contains("ONDECK_HISTORY"), "{error}");
        }
    });
}

fn ondeck(history: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ondeck"))
        .arg("attempts")
        .args(args)
        .env("ONDECK_HISTORY", history)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Three attempts: one that failed, one that could not be judged, and one that passed.
async fn some(path: &Path) -> [AttemptId; 3] {
    let store = Store::open(path).await.unwrap();
    let file = |text: &str| AttemptFile {
        path: "Dockerfile".to_owned(),
        sha256: text.to_owned(),
        size: text.len() as u64,
        text: Some(text.to_owned()),
    };
    let report = |status: &str, failures: Value| {
        let check =
            serde_json::json!({"id": "user", "title": "Not root", "status": status, "points": 0, "max_points": 100});
        serde_json::json!({"checks": [check], "failures": failures, "error": null}).to_string()
    };
    let wrong = serde_json::json!([{"code": "DF_ROOT", "message": "runs as\u{1b}[31m root", "hint": "Who?", "expected": "a user", "found": null}]);
    let first = NewAttempt {
        report: report("failed", wrong),
        codes: vec!["DF_ROOT".to_owned()],
        files: vec![file("FROM a\n")],
        ..attempt(0)
    };
    let error = serde_json::json!({"checks": [], "error": {"code": "J_DAEMON", "message": "gone", "hint": "start it"}});
    let second = NewAttempt {
        verdict: Verdict::Error,
        report: error.to_string(),
        codes: Vec::new(),
        files: Vec::new(),
        owner: "=cmd|x, \"y\"".to_owned(),
        ..attempt(0)
    };
    let third = NewAttempt {
        verdict: Verdict::Passed,
        score: 100,
        report: report("passed", serde_json::json!([])),
        codes: Vec::new(),
        files: vec![file("FROM a\nUSER \u{1b}[2Jb\n")],
        session: Some("s1".to_owned()),
        ..attempt(0)
    };
    let mut ids = Vec::new();
    for new in [first, second, third] {
        ids.push(store.add_attempt(&new).await.unwrap());
    }
    store.close().await;
    ids.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_listed_for_people_and_programs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let nothing = ondeck(&path, &[]);
    assert!(nothing.status.success() && nothing.stdout.is_empty() && text(&nothing.stderr).contains("no attempts yet"));
    assert_eq!(text(&ondeck(&path, &["--json"]).stdout), "[]\n");
    assert!(!path.exists(), "looking makes no file");
    some(&path).await;

    let table = text(&ondeck(&path, &[]).stdout);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|l| l.chars().count() <= 80) && !table.contains('\u{1b}'), "{table}");
    assert!(lines[0].starts_with("ID  STARTED") && lines[3].contains("failed   40/100   DF_ROOT"), "{table}");
    assert!(lines[1].contains("1970-01-01 00:00") && lines[2].contains(" error "), "{table}");

    let all: Vec<Value> = serde_json::from_slice(&ondeck(&path, &["--json"]).stdout).unwrap();
    let keys: Vec<&str> = all[2].as_object().unwrap().keys().map(String::as_str).collect();
    let fields = "id lab lab_digest owner host session mode verdict score max_score started elapsed_seconds \
                  workspace_digest codes";
    assert_eq!(keys, fields.split(' ').collect::<Vec<_>>());
    assert_eq!((&all[2]["id"], &all[2]["mode"], &all[2]["codes"][0]), (&1.into(), &"clean".into(), &"DF_ROOT".into()));
    assert_eq!((&all[0]["started"], &all[0]["session"]), (&"1970-01-01T00:00:00Z".into(), &"s1".into()));
    let few: Vec<Value> =
        serde_json::from_slice(&ondeck(&path, &["--json", "--owner", "ann", "--lab", "lab1", "--limit", "1"]).stdout)
            .unwrap();
    assert_eq!((few.len(), &few[0]["id"]), (1, &3.into()));

    let csv = text(&ondeck(&path, &["--csv"]).stdout);
    let rows: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(rows[0], fields.replace(' ', ","));
    assert!(rows[2].contains(",\"'=cmd|x, \"\"y\"\"\",local,,clean,error,"), "{csv}");
    assert_eq!(rows[3], "1,lab1,l,ann,local,,clean,failed,40,100,1970-01-01T00:00:00Z,12.5,w0,DF_ROOT");
    assert_eq!(ondeck(&path, &["--csv", "--json"]).status.code(), Some(2));

    // A learner's file that was handed in.
    let other = dir.path().join("ann.db");
    std::fs::copy(&path, &other).unwrap();
    let handed = ondeck(Path::new("/nowhere"), &["--json", "--history", other.to_str().unwrap()]);
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&handed.stdout).unwrap().len(), 3);
    let missing = ondeck(&path, &["--history", "/nowhere/x.db"]);
    assert!(missing.status.code() == Some(1) && text(&missing.stderr).contains("/nowhere/x.db: there is no such file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_shown_with_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let [first, second, third] = some(&path).await.map(|id| id.to_string());
    let shown = text(&ondeck(&path, &["show", &first]).stdout);
    for words in [
        "Attempt 1: lab1, clean, by ann",
        "failed, 40 of 100 points, in 12s",
        "DF_ROOT  runs as·[31m root",
        "hint: Who?",
        "expected: a user",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("Since"));
    let shown = text(&ondeck(&path, &["show", &second]).stdout);
    assert!(shown.contains("could not be judged") && shown.contains("J_DAEMON  gone\n  start it"), "{shown}");
    let shown = text(&ondeck(&path, &["show", &third]).stdout);
    for words in
        ["Since attempt 1", "Not root: failed → passed", "gone: DF_ROOT", "Dockerfile: changed", "    +USER ·[2Jb"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown: Value = serde_json::from_slice(&ondeck(&path, &["show", &third, "--json"]).stdout).unwrap();
    assert_eq!((&shown["id"], &shown["before"], &shown["score"]), (&3.into(), &1.into(), &100.into()));
    assert_eq!(shown["report"]["checks"][0]["id"], "user");
    assert_eq!(shown["changes"]["files"][0]["kind"], "changed");
    assert_eq!(shown["changes"]["checks"][0]["after"], "passed");
    let none = ondeck(&path, &["show", "99"]);
    assert!(none.status.code() == Some(1) && text(&none.stderr).contains("there is no attempt 99"));
}

#[test]
fn a_history_that_is_none_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    std::fs::write(&path, "eggs, milk\n").unwrap();
    let output = ondeck(&path, &["--json"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        output.stdout.is_empty() && told.contains("is no history of ondeck") && told.contains("move it away"),
        "{told}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"eggs, milk\n");
}
