//! The panel from end to end: the real program, a real terminal, a real engine.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::docker::{OwnEngine, host, unique};
use common::pty::Terminal;
use rustix::process::Signal;

const LABELS: [&str; 4] =
    ["--label", "com.docker.compose.project=harbour", "--label", "com.docker.compose.container-number=1"];

fn service(engine: &OwnEngine, name: &str, more: &[&str], script: &str) -> String {
    let label = format!("com.docker.compose.service={name}");
    let mut args = LABELS.to_vec();
    args.extend(["--label", &label]);
    args.extend(more);
    engine.run(&format!("harbour-{name}-1"), &args, script)
}

#[test]
fn from_the_deck_to_the_failing_service_its_log_and_its_recovery() {
    let engine = OwnEngine::start();
    service(&engine, "web", &[], "sleep infinity");
    // It fails on its first run and works when it is started again.
    service(
        &engine,
        "crane",
        &[],
        "test -e /fixed && exec sleep infinity; touch /fixed; echo the hook is stuck; exit 3",
    );
    let mut panel = Terminal::start(120, 36, &["--host", &engine.address], &[]);
    // The listing's words, or those of health, which comes a moment later.
    let failed = |s: &str| s.contains("exited 3") || s.contains("exit code 3");
    panel.wait("what failed", failed);
    // Two keys: Enter opens the worst thing, and its log is there.
    panel.keys("\r");
    panel.see("the hook is stuck");
    panel.keys("r");
    panel.see("restart harbour-crane-1: restarted 1 container");
    panel.wait("the stack to be whole", |s| s.contains("2/2") && !failed(s));
    // Back to the deck: nothing needs attention any more.
    panel.keys("\x1b");
    panel.see("All is well");
    // What was done can be read, with the command that does the same.
    panel.keys("0");
    panel.see("restart harbour-crane-1");
    panel.keys("g\r");
    // It goes to this engine wherever it is pasted.
    panel.see("docker --host unix://");
    panel.keys("q");
    assert!(panel.ended().success());
    panel.is_sane();
}

#[test]
fn what_happens_outside_shows_by_itself() {
    let engine = OwnEngine::start();
    service(&engine, "web", &[], "sleep infinity");
    let mut panel = Terminal::start(100, 30, &["--host", &engine.address], &[]);
    panel.see("All is well");
    engine.docker(&["kill", "harbour-web-1"]);
    panel.wait("the stack to be down", |s| s.contains("0/1"));
    engine.docker(&["rename", "harbour-web-1", "harbour-renamed"]);
    panel.keys("3");
    panel.see("harbour-renamed");
    engine.docker(&["rm", "-f", "harbour-renamed"]);
    panel.see("No containers");
    engine.run("harbour-late", &[], "echo \x1b]0;owned\x07 hello; sleep infinity");
    panel.see("harbour-late");
}

#[test]
fn the_engine_goes_and_comes_and_the_place_is_kept() {
    let engine = OwnEngine::start();
    engine.run("aaa", &["--restart", "always"], "sleep infinity");
    engine.run("bbb", &["--restart", "always"], "echo I am here; sleep infinity");
    let mut panel = Terminal::start(120, 36, &["--host", &engine.address], &[]);
    panel.see("2 up");
    panel.keys("3");
    panel.see("aaa");
    panel.keys("j");
    panel.see("I am here");
    engine.stop();
    let screen = panel.see("lost");
    assert!(screen.contains("bbb"), "what was known stays\n{screen}");
    // Keys work while it is gone, and what cannot be done says why.
    panel.keys("r");
    panel.see("Not possible now");
    engine.start_again();
    panel.wait("the engine to be back", |s| s.contains("2 up") && !s.contains("trying again"));
    panel.keys("\t");
    panel.see("╮╭ bbb");
}

type End = fn(&mut Terminal);

#[test]
fn however_it_ends_the_terminal_is_given_back() {
    let engine = OwnEngine::start();
    engine.run("aaa", &[], "sleep infinity");
    let ends: [(&str, End); 5] = [
        ("q", |t| t.keys("q")),
        ("Ctrl-C", |t| t.keys("\x03")),
        ("SIGTERM", |t| t.signal(Signal::TERM)),
        ("SIGHUP", |t| t.signal(Signal::HUP)),
        // Only there in builds for tests: a defect on purpose.
        ("a panic", |t| t.keys("\x1b[24;5~")),
    ];
    for (how, end) in ends {
        let mut panel = Terminal::start(100, 30, &["--host", &engine.address], &[("ONDECK_TEST_PANIC", "1")]);
        panel.see("1 up");
        end(&mut panel);
        let status = panel.ended();
        panel.is_sane();
        if how == "a panic" {
            assert!(!status.success(), "{how}");
            panel.see("defect of ondeck");
        } else {
            assert!(status.success(), "{how}: {status}");
        }
    }
}

#[test]
fn at_rest_it_writes_nothing() {
    let engine = OwnEngine::start();
    for name in ["aaa", "bbb"] {
        engine.run(name, &[], "sleep infinity");
    }
    let config = "stats: false\n";
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.yaml");
    std::fs::write(&file, config).unwrap();
    let panel = Terminal::start(120, 36, &["--host", &engine.address, "--config", file.to_str().unwrap()], &[]);
    panel.see("2 up");
    panel.see("API");
    // Whatever the start brought is drawn once nothing has come for a second.
    let mut before = panel.bytes().len();
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = panel.bytes().len();
        if now == before {
            break;
        }
        before = now;
    }
    // This is the one test that has to let time pass: nothing is what it waits for.
    std::thread::sleep(Duration::from_secs(5));
    let bytes = panel.bytes();
    assert_eq!(bytes.len(), before, "{:?}", String::from_utf8_lossy(&bytes[before..]));
}

#[test]
fn every_size_is_bearable_also_while_it_changes() {
    let engine = OwnEngine::start();
    engine.run("aaa", &[], "i=0; while sleep 0.01; do i=$((i+1)); echo line $i; done");
    let mut panel = Terminal::start(120, 36, &["--host", &engine.address], &[]);
    panel.see("1 up");
    panel.keys("3\r");
    panel.see("line");
    for (columns, rows) in [(200, 50), (20, 5), (80, 24), (60, 15), (1, 1), (300, 90), (100, 30)] {
        panel.resize(columns, rows);
        panel.keys("jk");
    }
    panel.wait("lines at the last size", |s| s.contains("line") && s.contains("Containers"));
    panel.resize(40, 10);
    panel.see("ondeck needs 60x15");
    panel.resize(100, 30);
    panel.keys("G");
    panel.see("following");
}

#[test]
fn behind_a_read_only_proxy_what_cannot_be_done_says_why() {
    let address = host("proxy-403.sh", &["up", "--deny", "images"]);
    let mut panel = Terminal::start(120, 36, &["--host", &address], &[]);
    panel.see("read-only");
    panel.keys("6");
    panel.see("does not list its images");
    panel.keys("3");
    panel.wait("a list", |s| s.contains("NAME") || s.contains("No containers"));
    host("proxy-403.sh", &["down"]);
}

#[test]
fn names_and_logs_cannot_give_the_terminal_orders() {
    let engine = OwnEngine::start();
    let name = unique("hostile");
    let label = "com.docker.compose.project=evil\x1b]0;owned\x07\u{9b}2J";
    engine.run(
        &name,
        &["--label", label],
        "printf 'a\\033]0;owned\\007b\\033[2Jc\\033[31mred\\033[0m\\n'; sleep infinity",
    );
    let mut panel = Terminal::start(120, 36, &["--host", &engine.address], &[]);
    panel.see("1 up");
    panel.keys("3\r");
    panel.see("red");
    panel.keys("]]/evil\r");
    panel.see("com.docker.compose.project: evil");
    let bytes = String::from_utf8_lossy(&panel.bytes()).into_owned();
    assert!(!bytes.contains("\x1b]0;owned"), "a title was set from a log or a label");
    assert!(!bytes.contains("\x1b[2J") || bytes.matches("\x1b[2J").count() <= 1, "a log cleared the screen");
}

#[test]
fn another_host_is_one_choice_away() {
    use sha2::Digest;
    use std::fmt::Write;
    let engine = OwnEngine::start();
    engine.run("only-here", &[], "sleep infinity");
    let config = tempfile::tempdir().unwrap();
    let mut hash = String::new();
    for byte in sha2::Sha256::digest(b"yard") {
        write!(hash, "{byte:02x}").unwrap();
    }
    let meta = config.path().join("contexts/meta").join(hash);
    std::fs::create_dir_all(&meta).unwrap();
    let text = serde_json::json!({"Name": "yard", "Endpoints": {"docker": {"Host": engine.address}}});
    std::fs::write(meta.join("meta.json"), text.to_string()).unwrap();
    let env = [("DOCKER_CONFIG", config.path().to_str().unwrap())];
    let mut panel = Terminal::start(120, 36, &[], &env);
    panel.see("API");
    panel.keys("3");
    panel.keys("\x0f");
    panel.see("yard");
    panel.keys("yard\r");
    panel.see("only-here");
    let screen = panel.screen();
    assert!(screen.lines().next().unwrap().contains("● yard"), "{screen}");
    // A host that cannot be reached says so, and one can go back.
    panel.keys("\x0fdefault\r");
    panel.wait("the first host again", |s| !s.contains("only-here") && s.contains("API") || s.contains("Containers"));
    panel.keys("q");
    assert!(panel.ended().success());
}

#[test]
fn ones_own_command_borrows_the_terminal_and_gives_it_back() {
    let engine = OwnEngine::start();
    engine.run("aaa", &[], "sleep infinity");
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.yaml");
    let text = "commands:\n  - name: greet\n    key: ctrl-g\n    on: container\n    command: 'echo hello from {{name}}; read line; echo you said $line'\n";
    std::fs::write(&file, text).unwrap();
    let mut panel = Terminal::start(100, 30, &["--host", &engine.address, "--config", file.to_str().unwrap()], &[]);
    panel.see("1 up");
    panel.keys("3");
    panel.see("aaa");
    panel.keys("\x07");
    panel.see("hello from aaa");
    panel.keys("qqq\r");
    // The letters went to the command; the panel is there again.
    panel.see("Containers");
    panel.see("done");
    panel.keys("q");
    assert!(panel.ended().success());
    panel.is_sane();
}
