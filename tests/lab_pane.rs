//! A lab from end to end at its workspace: the real program in a real terminal, a real session, a real judge.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::guest::Guest;
use common::live::until;
use common::pty::Terminal;
use ondeck::config::Config;
use ondeck::labs;
use ondeck::sessions::{self, Session};

const SUBMIT: &str = "\x1b[18~";
const OUT: &str = "\x1d";
const END: &str = "\x1b[1;5F";
const TO_END_OF_LINE: &str = "\x1b[1;2F";
const CANCEL: &str = "\x18";

/// A panel of this guest's at the workspace of lab1, for which it started a session.
async fn at_lab(guest: &Guest, home: &Path) -> Terminal {
    // Where this is its first use the image is built, which takes as long as the packages take to come.
    let catalogue = labs::catalogue(&Config::default());
    labs::ensure_images(&guest.engine, catalogue.get("lab1").unwrap(), &|_| {}).await.unwrap();
    // Tests run beside one another.
    let config = home.join("config.yaml");
    std::fs::write(&config, "sessions: {max: 100, budget: 900g}\n").unwrap();
    let env = [("USER", guest.owner.as_str()), ("HOME", home.to_str().unwrap())];
    let mut panel = Terminal::start(120, 36, &["--config", config.to_str().unwrap()], &env);
    panel.see("5 Labs");
    panel.keys("5");
    panel.see("Ship a small API");
    panel.keys("/lab1\r");
    panel.wait("the lab's instructions", |s| s.contains("⏎ start"));
    panel.keys("\r");
    panel.wait("its workspace", |s| s.contains("2 Files") && s.contains("FROM lab/python:3.11"));
    panel.see("1. Keep secrets and clutter");
    panel
}

async fn session(guest: &Guest) -> Session {
    until("a session", async || {
        let all = sessions::list(&guest.engine).await.unwrap();
        all.into_iter().find(|s| s.owner == guest.owner).ok_or_else(|| "none".to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_fails_reads_takes_a_hint_mends_and_passes() {
    let guest = Guest::new();
    let home = tempfile::tempdir().unwrap();
    let mut panel = at_lab(&guest, home.path()).await;
    // The Dockerfile is broken, and handed in as it is typed.
    panel.keys("\r");
    panel.see("ctrl-] leaves");
    panel.keys(END);
    panel.keys("RUN false");
    panel.see("6 RUN false");
    panel.keys(SUBMIT);
    let screen = panel.wait("what is said of it", |s| s.contains("✖ Failed"));
    assert!(screen.contains("practice run"), "{screen}");
    // The first failure is a file that is missing: it is begun where that is said.
    panel.keys(OUT);
    panel.keys("5");
    panel.see("is not there yet");
    panel.keys("\r");
    panel.see("ctrl-] leaves");
    panel.keys(".env\r.git\r**/__pycache__");
    panel.keys(SUBMIT);
    // The next one leads to its line.
    // Once all of it is said: until then nothing else can be handed in.
    panel.wait("the failed step", |s| {
        s.contains("✔ .dockerignore leaves out") && s.contains("Dockerfile:6") && s.contains("✖ Failed")
    });
    panel.keys(OUT);
    panel.keys("5H");
    panel.wait("a hint", |s| s.contains("hint 2 of 4") && s.contains("If COPY failed"));
    panel.keys("\r");
    panel.see("6:1 ⏎ writes");
    panel.keys("\r\x1b[H");
    panel.keys(TO_END_OF_LINE);
    panel.keys("ENV HOST=0.0.0.0");
    panel.see("6 ENV HOST=0.0.0.0");
    panel.keys(SUBMIT);
    panel.wait("judging", |s| {
        assert!(!s.contains("not saved:") && !s.contains("Not possible"), "{s}");
        s.contains("Judging") || s.contains("✔ Passed")
    });
    panel.see("✔ Passed, 100 of 100");
    let screen = panel.wait("what changed", |s| s.contains("points more") && s.contains("now good"));
    assert!(screen.contains("Dockerfile changed"), "{screen}");
    panel.keys(OUT);
    panel.keys("5G");
    panel.see("What next");
    // All three are in the history.
    panel.keys("L");
    panel.see("TITLE");
    panel.keys("\t]]");
    panel.wait("the attempts", |s| s.contains("100/100") && s.matches("failed").count() >= 2);
    panel.keys("q");
    assert!(panel.ended().success());
    // Another panel knows what was said, and which hint was taken.
    let mut panel = {
        let env = [("USER", guest.owner.as_str()), ("HOME", home.path().to_str().unwrap())];
        Terminal::start(80, 24, &[], &env)
    };
    panel.see("5 Labs");
    panel.keys("5");
    // The Deck names the session too: only the list of labs has tries.
    panel.see("TRIES");
    panel.keys("/lab1\r");
    panel.wait("its session", |s| s.contains("TRIES") && s.contains("esc clears") && s.contains("⏎ workspace"));
    panel.keys("\r");
    panel.wait("the guide with what is done", |s| s.contains("✔ 1.") && s.contains("✔ passed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_answers_while_a_fork_bomb_is_judged() {
    let guest = Guest::new();
    let home = tempfile::tempdir().unwrap();
    let mut panel = at_lab(&guest, home.path()).await;
    panel.keys("\r");
    panel.see("ctrl-] leaves");
    panel.keys(END);
    panel.keys("RUN bomb() { bomb | bomb & }; bomb; sleep 4321");
    panel.keys(SUBMIT);
    let session = session(&guest).await;
    until("the step to run", async || match guest.run(&session, "pgrep --full 'sleep 432[1]'").await.code {
        Some(0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    // Each key is answered, by what it does.
    panel.keys("x");
    panel.see("sleep 4321x");
    panel.keys(OUT);
    panel.keys("2");
    panel.wait("the files", |s| s.contains("menu.json") || s.contains("▸ app"));
    panel.keys("1");
    panel.see("◐ being judged");
    panel.keys("5");
    panel.see("◐ Judging");
    panel.keys(CANCEL);
    panel.see("○ Cancelled; nothing was judged");
    until("nothing of it to run", async || match guest.run(&session, "pgrep --full 'sleep 432[1]'").await.code {
        Some(1) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    panel.keys("q");
    panel.wait("the end, or a question", |s| s.contains("Leave") || !s.contains("ondeck"));
}
