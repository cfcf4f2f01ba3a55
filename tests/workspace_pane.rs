//! Workspaces from end to end: the real program in a real terminal, a real session, real builds and runs.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::docker::{IMAGE, OwnEngine, unique};
use common::guest::Guest;
use common::live::until;
use common::pty::Terminal;
use ondeck::sessions::Session;
use rustix::process::Signal;

const BUILD: &str = "\x1b[15~";
const RUN: &str = "\x1b[17~";
const FIX: &str = "\x1bOS";
const OUT: &str = "\x1d";
const SAVE: &str = "\x13";
const END: &str = "\x1b[1;5F";

/// A panel of this guest's, at the workspace of a session.
fn open(guest: &Guest, session: &Session, home: Option<&Path>) -> Terminal {
    let home = home.map(|h| h.to_str().unwrap().to_owned());
    let mut env = vec![("USER", guest.owner.as_str())];
    env.extend(home.as_deref().map(|h| ("HOME", h)));
    let mut panel = Terminal::start(120, 36, &[], &env);
    panel.keys("4");
    panel.see(&session.id);
    // Other tests have sessions, too.
    panel.keys(&format!("/{}\r", session.id));
    panel.see(&format!("session {}", session.id));
    panel.keys("\r");
    panel.see("2 Files");
    panel
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_workspace_to_a_service_that_answers() {
    let guest = Guest::new();
    let session = guest.start(&guest.spec()).await;
    let mut panel = open(&guest, &session, None);
    panel.see("puts a small service here");
    panel.keys("\r");
    // The starter's Dockerfile is open; an error in it is marked, and a key mends it.
    panel.see("FROM debian:bookworm-slim");
    panel.keys("3\r");
    panel.see("ctrl-] leaves");
    panel.keys(END);
    panel.keys("EXPOS 9090");
    panel.see("EXPOSE?");
    panel.keys(FIX);
    panel.wait("the mended word", |s| s.contains("EXPOSE 9090") && !s.contains("EXPOSE?"));
    panel.keys(BUILD);
    panel.wait("the image", |s| s.contains("built ") && s.contains("layers"));
    panel.keys(BUILD);
    panel.wait("a rebuild of what is cached", |s| s.contains("built ") && s.contains("steps cached"));
    panel.keys(RUN);
    panel.see("listening on 8080");
    panel.keys(OUT);
    panel.keys("w");
    panel.see("Request to what runs");
    panel.keys("\r");
    panel.see("200 OK");
    panel.see("Hello from a container");
    panel.keys("s");
    panel.wait("its end", |s| s.contains("stopped"));
    let running = guest.told(&session, "docker ps --quiet | wc -l").await;
    assert_eq!(running, "0");
    // The terminal beside it is in the same folder, with the same Docker.
    panel.keys("t");
    panel.see("/workspace#");
    panel.keys("docker images --format 'have {{.Repository}}' | sort\r");
    panel.see(&format!("have {}", session.workspace));
    panel.keys(OUT);
    panel.keys("\x1b");
    panel.see("⏎ writes");
    panel.keys("\x1b");
    panel.see("SESSION");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_build_points_to_its_line_and_a_cancelled_one_leaves_nothing() {
    let guest = Guest::new();
    let session = guest.start(&guest.spec()).await;
    guest
        .told(
            &session,
            "printf 'FROM debian:bookworm-slim\\nRUN echo fine\\nRUN echo the reason >&2; exit 3\\n' > Dockerfile",
        )
        .await;
    let mut panel = open(&guest, &session, None);
    panel.see("exit 3");
    panel.keys("b");
    panel.see("Dockerfile:3");
    let screen = panel.see("failed with exit code 3");
    assert!(screen.contains("the reason"), "{screen}");
    // A build in the middle of something long: cancelled, nothing of it runs any more.
    guest.told(&session, "printf 'FROM debian:bookworm-slim\\nRUN sleep 4321\\n' > Dockerfile").await;
    panel.see("sleep 4321");
    panel.keys("b");
    until("the step to run", async || match guest.told(&session, "pgrep --count --full 'sleep 4321' || true").await {
        n if n != "0" => Ok(()),
        n => Err(n),
    })
    .await;
    panel.keys("\x18");
    panel.see("cancelled");
    until("nothing of it to run", async || {
        match guest.told(&session, "pgrep --count --full 'sleep 432[1]' || true").await {
            n if n == "0" => Ok(()),
            n => Err(n),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_typed_is_lost() {
    let guest = Guest::new();
    let session = guest.start(&guest.spec()).await;
    guest.told(&session, "echo 'FROM debian:bookworm-slim' > Dockerfile").await;
    let home = tempfile::tempdir().unwrap();

    // Someone else writes the file that one is at: both are shown, nothing is written.
    let mut panel = open(&guest, &session, Some(home.path()));
    panel.see("FROM debian");
    panel.keys("\r");
    panel.see("ctrl-] leaves");
    panel.keys("# one's own");
    guest.told(&session, "echo '# theirs' >> Dockerfile").await;
    panel.see("changed by someone else");
    panel.keys(SAVE);
    panel.wait("both texts", |s| s.contains("- # theirs") && s.contains("+ # one's own"));
    panel.keys("\x1b");
    assert!(!guest.told(&session, "cat Dockerfile").await.contains("own"));
    panel.keys(SAVE);
    panel.see("- # theirs");
    panel.keys("m");
    panel.see("Dockerfile is saved");
    assert!(guest.told(&session, "cat Dockerfile").await.starts_with("# one's own"));

    // No room is left on the disk: the old text stays there, the new one here.
    guest.told(&session, "mkdir small && mount -t tmpfs -o size=16k none small && echo old > small/a.txt").await;
    guest.told(&session, "head --bytes=12k /dev/zero > small/b || true").await;
    panel.keys(OUT);
    panel.keys("2");
    panel.see("small/");
    panel.keys("gl");
    panel.see("a.txt");
    panel.keys("j\r");
    panel.wait("the file", |s| s.contains("old") && s.contains("⏎ writes"));
    panel.keys("\r");
    panel.see("ctrl-] leaves");
    // Pasted: more than there is room for.
    panel.keys(&format!("\x1b[200~{}\x1b[201~", "much text\n".repeat(2000)));
    panel.keys(SAVE);
    panel.see("is not saved");
    assert_eq!(guest.told(&session, "cat small/a.txt; ls -A small").await, "old\na.txt\nb");

    // Killed: what was not saved comes back.
    kept(home.path(), "much text").await;
    panel.signal(Signal::KILL);
    panel.ended();
    let mut panel = open(&guest, &session, Some(home.path()));
    panel.see("never saved is back");
    panel.see("much text");

    // The session ends: the text stays, and comes back with the workspace in another one.
    panel.keys("3[");
    panel.see("FROM debian");
    panel.keys("\r");
    panel.see("ctrl-] leaves");
    panel.keys("# before the end");
    ondeck::sessions::end(&guest.engine, &session).await.unwrap();
    panel.see("has ended");
    panel.keys(SAVE);
    panel.see("comes back with the workspace");
    panel.signal(Signal::TERM);
    panel.ended();
    panel.is_sane();
    kept(home.path(), "# before the end").await;
    let spec = ondeck::sessions::Spec { workspace: Some(session.workspace.clone()), ..guest.spec() };
    let again: Session = guest.start(&spec).await;
    assert_ne!(again.id, session.id);
    let mut panel = open(&guest, &again, Some(home.path()));
    // Both files are open again, one beside the other.
    panel.wait("both", |s| s.contains("Dockerfile ●") && s.contains("a.txt ●"));
    panel.keys("[");
    panel.see("# before the end");
    panel.keys("\x1b");
    panel.see("SESSION");
}

/// Waits until text is kept aside.
async fn kept(home: &Path, text: &str) {
    let drafts = home.join(".local/share/ondeck/drafts");
    until("the text to be kept aside", async || {
        let folders = std::fs::read_dir(&drafts).map_err(|e| e.to_string())?;
        let files = folders.flatten().filter_map(|f| std::fs::read_dir(f.path()).ok()).flat_map(Iterator::flatten);
        let found = files.filter_map(|f| std::fs::read_to_string(f.path()).ok()).any(|t| t.contains(text));
        if found { Ok(()) } else { Err("not there".to_owned()) }
    })
    .await;
}

#[test]
fn a_stack_of_the_host_is_edited_and_built_where_it_is() {
    let engine = OwnEngine::start();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("compose.yaml"), "services:\n  web:\n    build: .\n").unwrap();
    std::fs::write(dir.path().join("Dockerfile"), format!("FROM {IMAGE}\nCOPY . /site\nCMD [\"true\"]\n")).unwrap();
    let name = unique("stack");
    let labels = [
        format!("com.docker.compose.project={name}"),
        "com.docker.compose.service=web".to_owned(),
        "com.docker.compose.container-number=1".to_owned(),
        format!("com.docker.compose.project.working_dir={}", dir.path().display()),
        "com.docker.compose.project.config_files=compose.yaml".to_owned(),
    ];
    let labels: Vec<&str> = labels.iter().flat_map(|l| ["--label", l.as_str()]).collect();
    engine.run(&format!("{name}-web-1"), &labels, "sleep infinity");
    let mut panel = Terminal::start(80, 24, &["--host", &engine.address], &[]);
    panel.keys("2");
    panel.see(&name);
    panel.keys("e");
    panel.see("build: .");
    // Broken YAML is marked where it breaks, and saved all the same if one wants that.
    panel.keys("\r");
    panel.see("ctrl-] leaves");
    panel.keys("a: [\r");
    panel.wait("a mark", |s| s.contains('●'));
    panel.keys("\x1a\x1a\x1a");
    panel.keys(OUT);
    panel.keys("2");
    panel.see("Dockerfile");
    panel.keys("gj");
    panel.keys("\r");
    panel.see("COPY . /site");
    panel.keys("b");
    panel.wait("the image", |s| s.contains("built ") && s.contains("layers"));
    // Its image is there, by the name of the stack.
    assert!(engine.docker(&["images", "--format", "{{.Repository}}"]).contains(&name));
    panel.keys("R");
    panel.see("ended");
    panel.keys("3");
    panel.see("COPY . /site");
    panel.keys("q");
    panel.wait("the end or a question", |s| s.contains("Leave") || !s.contains("COPY"));
    panel.keys("y");
    assert!(panel.ended().success());
    panel.is_sane();
}
