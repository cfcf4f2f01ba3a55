//! Labs from end to end: the real program in a real terminal, a real session, a lab of a folder.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::guest::Guest;
use common::live::until;
use common::pty::Terminal;
use ondeck::sessions::{self, Session};

const MANIFEST: &str = "\
schema: lab/v1
id: greet
title: Greet whoever comes
summary: A file is made.
minutes: 5
difficulty: beginner
tags: [files]
session: {memory: 400m, ttl: 20m}
judge: {timeout: 1m, min_score: 10}
tasks:
  - id: write
    title: Write a greeting
    hints: [a nudge, the answer]
    checks:
      - {id: there, kind: file.exists, title: There is a greeting, points: 10, required: true, path: greeting.txt}
tests:
  starter: {codes: [FILE_MISSING]}
  bad: {empty: {codes: [FILE_MISSING]}}
  good: {other: {}}
";

/// A lab in a folder, and a config that names it.
fn prepare(home: &Path) -> String {
    let files = [
        ("lab.yaml", MANIFEST),
        ("README.md", "# Greet\n\nMake a file `greeting.txt`.\n"),
        ("starter/notes.txt", "nothing yet\n"),
        ("solution/greeting.txt", "hello\n"),
        ("bad/empty/other.txt", "\n"),
        ("good/other/greeting.txt", "good day\n"),
    ];
    for (path, text) in files {
        let path = home.join("labs/greet").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let config = home.join("config.yaml");
    std::fs::write(&config, format!("labs: {{folders: [{}]}}\n", home.join("labs").display())).unwrap();
    config.to_str().unwrap().to_owned()
}

/// The session that this guest has.
async fn session(guest: &Guest) -> Session {
    until("a session", async || {
        let all = sessions::list(&guest.engine).await.unwrap();
        all.into_iter().find(|s| s.owner == guest.owner).ok_or_else(|| "none".to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_is_picked_started_judged_put_back_and_ended() {
    let guest = Guest::new();
    let home = tempfile::tempdir().unwrap();
    let config = prepare(home.path());
    let env = [("USER", guest.owner.as_str()), ("HOME", home.path().to_str().unwrap())];
    let mut panel = Terminal::start(120, 36, &["--config", &config], &env);
    panel.see("5 Labs");
    panel.keys("5");
    panel.see("greet");
    panel.keys("/greet\r");
    panel.wait("the lab's instructions", |s| s.contains("Make a file") && s.contains("⏎ start"));
    panel.keys("\r");
    panel.see("its workspace opens when it is ready");
    // Nobody moved: the workspace opens by itself, with the files that one begins with.
    panel.see("2 Files");
    panel.see("notes.txt");
    let running = session(&guest).await;
    assert_eq!(running.lab.as_deref(), Some("greet"));
    panel.keys("\x1b");
    panel.wait("the list with the session", |s| s.contains("TITLE") && s.contains(&running.id));
    panel.keys("S");
    panel.wait("what is said of it", |s| s.contains("not passed") && s.contains("0 of 10 points"));
    guest.told(&running, "echo hello > greeting.txt").await;
    panel.keys("S");
    panel.see("10 of 10 points");
    // Both are in the history, the newer one with what changed.
    panel.keys("\t]");
    panel.wait("two attempts", |s| s.contains("1 file, 1 check changed") && s.contains("10/10") && s.contains(" 0/10"));
    panel.keys("\r");
    panel.wait("what changed", |s| s.contains("greeting.txt") && s.contains("failed › passed"));
    panel.keys("\x1b");
    panel.wait("the list with its sign", |s| s.contains("● greet") && s.contains("⏎ workspace"));
    panel.keys("r");
    panel.see("/workspace of session");
    panel.keys("y");
    panel.see("what was there is kept in");
    assert_eq!(guest.told(&running, "ls").await, "notes.txt");
    let kept = std::fs::read_dir(home.path().join(".local/share/ondeck/kept")).unwrap().count();
    assert_eq!(kept, 1);
    panel.keys("d");
    panel.see("Its Docker is lost");
    panel.keys("y");
    panel.wait("its end", |s| !s.contains(&format!("{} ", running.id)) && s.contains("⏎ start"));
    assert!(guest.mine(&["ps", "--all"]).is_empty());
    panel.keys("q");
    assert!(panel.ended().success());
    panel.is_sane();
    // The next panel knows how far one is.
    let mut panel = Terminal::start(80, 24, &["--config", &config], &env);
    panel.see("5 Labs");
    panel.keys("5");
    panel.wait("what was done before", |s| s.contains("● greet") && s.contains("10/10"));
    panel.keys("q");
    assert!(panel.ended().success());
}
