//! Labs, proven on a real engine: each built-in one, the one that `ondeck lab new` makes, and one that is wrong.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::guest::Guest;
use ondeck::config::Config;
use ondeck::judge::{self, Proof, Proving, Standing};
use ondeck::labs::{self, Lab};

async fn proof(lab: &Lab, only: Option<&str>) -> Proof {
    let guest = Guest::new();
    let proving = Proving { jobs: 2, owner: guest.owner.clone(), only: only.map(str::to_owned) };
    judge::prove(&guest.engine, &guest.config, lab, &proving, &|_| {}, std::future::pending()).await
}

/// Proves a built-in lab.
async fn proven(name: &str) {
    let catalogue = labs::catalogue(&Config::default());
    let problems: Vec<String> = catalogue.problems.iter().map(ToString::to_string).collect();
    let lab = catalogue.get(name).unwrap_or_else(|| panic!("{name} is not there: {}", problems.join("\n")));
    assert!(lab.tests.bad.len() >= 6 && lab.tests.good.len() >= 2, "{name} has too few submissions to prove it with");
    let proof = proof(lab, None).await;
    assert_eq!(proof.standing, Standing::Right, "{}", serde_json::to_string_pretty(&proof).unwrap());
    assert_eq!(proof.submissions.len(), lab.tests.bad.len() + lab.tests.good.len() + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn lab1_is_as_its_manifest_says() {
    proven("lab1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lab2_is_as_its_manifest_says() {
    proven("lab2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lab3_is_as_its_manifest_says() {
    proven("lab3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lab4_is_as_its_manifest_says() {
    proven("lab4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lab5_is_as_its_manifest_says() {
    proven("lab5").await;
}

fn ondeck(args: &[&str], home: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ondeck"));
    command.args(args).env("HOME", home).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
    command.env_remove("ONDECK_CONFIG").output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_lab_is_right_and_what_is_made_wrong_in_it_is_found() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("my-lab");
    let name = dir.to_str().unwrap();
    let made = ondeck(&["lab", "new", name], home.path());
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let again = ondeck(&["lab", "new", name], home.path());
    assert_eq!(again.status.code(), Some(1));
    assert!(err(&again).contains("is not empty"), "{}", err(&again));
    let lab = labs::load(&dir).unwrap_or_else(|errors| panic!("{errors:?}"));
    let right = proof(&lab, None).await;
    assert_eq!(right.standing, Standing::Right, "{}", serde_json::to_string_pretty(&right).unwrap());

    // A submission that gives another code than is said, a check that looks at nothing, a code without hints.
    let manifest = std::fs::read_to_string(dir.join("lab.yaml")).unwrap();
    let changed = manifest
        .replace("silent: {codes: [LOG_MISSING]}", "silent: {codes: [RUN_EXIT_CODE]}")
        .replace("  DF_USER_ROOT:\n", "  DF_USER_NAME:\n")
        .replace(
            "      - id: user\n",
            "      - {id: nothing, kind: file.exists, paths: [greet.sh]}\n      - id: user\n",
        );
    std::fs::write(dir.join("lab.yaml"), changed).unwrap();
    let lab = labs::load(&dir).unwrap_or_else(|errors| panic!("{errors:?}"));
    let wrong = proof(&lab, None).await;
    assert_eq!(wrong.standing, Standing::Wrong);
    let silent = wrong.submissions.iter().find(|case| case.name == "bad/silent").unwrap();
    assert_eq!(silent.wrong.len(), 2, "{silent:?}");
    assert!(silent.wrong[0].contains("must give `RUN_EXIT_CODE`") && silent.wrong[1].contains("gives `LOG_MISSING`"));
    let all = wrong.problems.join("\n");
    assert!(all.contains("the check `nothing` fails in no submission"), "{all}");
    assert!(all.contains("there are no hints for `DF_USER_ROOT`"), "{all}");
    assert_eq!(wrong.problems.len(), 2, "{all}");
    let others = wrong.submissions.iter().filter(|case| case.name != "bad/silent");
    assert!(others.clone().count() > 5 && others.clone().all(|case| case.standing == Standing::Right));
}

#[test]
fn the_command_line_says_what_is_wrong_before_anything_is_judged() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("my-lab");
    let name = dir.to_str().unwrap();
    assert!(ondeck(&["lab", "new", name], home.path()).status.success());
    let manifest = std::fs::read_to_string(dir.join("lab.yaml")).unwrap();
    let check = |text: String| {
        std::fs::write(dir.join("lab.yaml"), text).unwrap();
        let checked = ondeck(&["lab", "check", name], home.path());
        (checked.status.code(), format!("{}{}", out(&checked), err(&checked)))
    };
    let (code, said) = check(manifest.replace("minutes: 10", "minutes: ten"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("lab.yaml:6:10: found `ten`, expected a whole number"), "{said}");
    let (code, said) = check(manifest.replace("kind: run.exit", "kind: run.exits"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("found `run.exits`, expected a kind of check") && said.contains("run.exit`?"), "{said}");
    let (code, said) = check(manifest.replace("as-root: {codes: [DF_USER_ROOT]}", "as-root: {codes: [DF_USER_RUT]}"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("names `DF_USER_RUT`, which no check of the lab gives"), "{said}");
    assert!(said.contains("did you mean `DF_USER_ROOT`?"), "{said}");

    // What cannot be checked is neither right nor wrong.
    let gone = ondeck(&["lab", "check", home.path().join("none").to_str().unwrap()], home.path());
    assert_eq!(gone.status.code(), Some(2), "{}", err(&gone));
    let unknown = ondeck(&["lab", "check", "lab0"], home.path());
    assert_eq!(unknown.status.code(), Some(2));
    assert!(err(&unknown).contains("there is no lab `lab0`"), "{}", err(&unknown));
    std::fs::write(dir.join("lab.yaml"), &manifest).unwrap();
    let away = ondeck(&["--host", "unix:///nowhere.sock", "lab", "check", name], home.path());
    assert_eq!(away.status.code(), Some(2), "{}{}", out(&away), err(&away));
}

#[test]
fn labs_are_listed_and_shown() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("labs/my-lab");
    assert!(ondeck(&["lab", "new", dir.to_str().unwrap()], home.path()).status.success());
    let config = home.path().join("config.yaml");
    std::fs::write(&config, "labs:\n  folders: [labs]\n  git: [{url: /nowhere/labs}]\n").unwrap();
    let run = |args: &[&str]| ondeck(&[&["--config", config.to_str().unwrap(), "lab"], args].concat(), home.path());
    let listed = run(&["ls", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&out(&listed)).unwrap();
    let mine = all.as_array().unwrap().iter().find(|lab| lab["id"] == "my-lab").unwrap();
    assert_eq!(mine["origin"], "folder");
    assert_eq!(mine["max_score"], 100);
    // What could not be read is told and counts; the others are listed all the same.
    assert_eq!(listed.status.code(), Some(1));
    assert!(err(&listed).contains("/nowhere/labs: was not fetched yet"), "{}", err(&listed));
    let updated = run(&["update"]);
    assert_eq!(updated.status.code(), Some(1));
    assert!(err(&updated).contains("/nowhere/labs: git: "), "{}", err(&updated));
    let shown = run(&["show", "my-lab"]);
    assert!(out(&shown).contains("Leave the notes out") && out(&shown).contains("## Steps"), "{}", out(&shown));
    let kinds = run(&["kinds", "run.http"]);
    assert!(out(&kinds).contains("HTTP_LOOPBACK"), "{}", out(&kinds));
    let schema: serde_json::Value = serde_json::from_str(&out(&run(&["schema"]))).unwrap();
    assert_eq!(schema["title"], "Lab");
}
