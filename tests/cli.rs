//! The command line, as a person or a script uses it.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::{Command, Output, Stdio};

use common::live::Made;
use serde_json::Value;

fn ondeck(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ondeck")).args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn containers_and_stacks_as_json_have_their_documented_shape() {
    let made = Made::new("cli");
    let project = format!("com.docker.compose.project={}", made.tag);
    let labels = ["--label", &project, "--label", "com.docker.compose.service=web", "--network", "none"];
    let id = made.run("web", &labels, &["sleep", "infinity"]);
    let output = ondeck(&["ps", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let ours = all.iter().find(|c| c["id"] == id).unwrap();
    assert_eq!((&ours["state"], &ours["service"]), (&"running".into(), &"web".into()));
    assert!(ours["created"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(ours["health"].is_null() && ours["exit_code"].is_null() && ours["ports"].is_array());
    let output = ondeck(&["stacks", "--json"]);
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let ours = all.iter().find(|s| s["name"] == made.tag).unwrap();
    assert_eq!((&ours["running"], &ours["status"]), (&1.into(), &"running".into()));
    assert_eq!(ours["services"][0]["containers"][0]["id"], id);
    // For people: a heading and the row, no colour.
    let plain = text(&ondeck(&["ps"]).stdout);
    assert!(plain.starts_with("NAME") && plain.contains(&made.name("web")) && !plain.contains('\x1b'), "{plain}");
}

#[test]
fn the_panel_wants_a_terminal_and_says_what_else_there_is() {
    let output = ondeck(&[]);
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("needs a terminal") && told.contains("ondeck ps"), "{told}");
    assert!(output.stdout.is_empty());
}

#[test]
fn an_engine_that_is_not_there_is_told_with_what_to_do() {
    let output = ondeck(&["ps", "--host", "unix:///nowhere/docker.sock"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("no engine at /nowhere/docker.sock") && told.contains("DOCKER_HOST"), "{told}");
    let output = ondeck(&["ps", "--host", "no-such-context"]);
    assert!(text(&output.stderr).contains("there is no context `no-such-context`"));
    let output = ondeck(&["ps", "--host", "ftp://x"]);
    assert!(text(&output.stderr).contains("ftp:// is not known"));
}

#[test]
fn health_that_nobody_can_tell_has_an_exit_code_of_its_own() {
    let gone = ["health", "--host", "unix:///nowhere/docker.sock"];
    let output = ondeck(&gone);
    assert_eq!(output.status.code(), Some(3));
    let told = text(&output.stdout);
    assert!(told.contains("cannot tell") && told.contains("no engine at /nowhere/docker.sock"), "{told}");
    assert!(told.contains("ondeck doctor") && !told.contains('\x1b'), "{told}");
    let output = ondeck(&[&gone[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(3));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(said["unknown"].as_str().unwrap().contains("no engine"), "{said}");
    assert!(said["containers"].as_array().unwrap().is_empty());
    // Several hosts: an array, and a context that is not there hides none of the others.
    let output = ondeck(&[&gone[..], &["--host", "no-such-context", "--json"]].concat());
    let said: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((said.len(), output.status.code()), (2, Some(3)));
    assert!(said[1]["unknown"].as_str().unwrap().contains("no context `no-such-context`"), "{said:?}");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let script = format!("{} man | head -c 10 >/dev/null; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_ondeck"));
    let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn nobody_left_to_read_what_went_wrong_is_no_crash() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ondeck"));
    let status = command.args(["ps", "--host", "unix:///nowhere"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn scripts_pages_and_the_config_come_without_an_engine() {
    for shell in ["bash", "zsh", "fish"] {
        let output = ondeck(&["completions", shell, "--host", "unix:///nowhere"]);
        assert!(output.status.success() && text(&output.stdout).contains("stacks"), "{shell}");
    }
    assert!(text(&ondeck(&["man"]).stdout).contains(".TH ondeck"));
    assert!(text(&ondeck(&["--version"]).stdout).starts_with("ondeck 0."));
    let config = text(&ondeck(&["--print-config"]).stdout);
    assert!(config.contains("theme:") && config.contains("keymap:"));
}

#[test]
fn a_wrong_config_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.yaml");
    for (wrong, place, words) in [
        ("theme: harbour\n", ":1:8", "harbor"),
        ("keys:\n  restrat: [x]\n", ":2:3", "restart"),
        ("logs:\n\ttail: 1\n", ":2", "tab"),
        ("colour: red\n", ":1:1", "colour"),
    ] {
        std::fs::write(&file, wrong).unwrap();
        // In a terminal of its own, since the panel is what reads all of it.
        let script = format!("{} --config {} --host unix:///nowhere", env!("CARGO_BIN_EXE_ondeck"), file.display());
        let output = Command::new("script").args(["-qec", &script, "/dev/null"]).stdin(Stdio::null()).output().unwrap();
        let told = text(&output.stdout);
        assert!(told.contains(&format!("config.yaml{place}")) && told.contains(words), "{wrong:?}: {told}");
        assert!(!told.contains("\x1b[?1049h"), "the screen was taken over: {told:?}");
    }
}
