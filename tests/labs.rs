//! Labs, proven on a real engine: each built-in one, the one that `ondeck lab new` makes, and one that is wrong.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::guest::Guest;
use ondeck::config::Config;
use ondeck::judge::{self, Proof, Proving, Standing};
use ondeck::labs::{self, Lab, Origin, Tree};

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
async fn a_new_lab_is_right() {
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
    assert!(right.problems.is_empty() && right.error.is_none());
}

/// A lab on files alone, which needs no session: all that it asks for is a text with the word `yes`.
fn small(tests: &str, hints: &str) -> Lab {
    let manifest = format!(
        "schema: lab/v1\nid: small\ntitle: Small\nminutes: 1\njudge: {{min_score: 2}}\ntasks:\n  - id: one\n    title: One\n    checks:\n      - {{id: there, kind: file.exists, path: a, points: 1, required: true}}\n      - {{id: says, kind: file.contains, path: a, all: ['yes'], needs: [there], points: 1, required: true}}\n      - {{id: kept, kind: file.unchanged, paths: [b], severity: warn}}\nhints: {hints}\ntests:\n  starter: {{codes: [FILE_MISSING]}}\n{tests}"
    );
    let files: Tree = [
        ("lab.yaml", manifest.as_str()),
        ("README.md", "# Small\n"),
        ("starter/b", "b"),
        ("solution/a", "yes"),
        ("bad/no/a", "no"),
        ("bad/other/b", "c"),
        ("good/long/a", "oh yes"),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .collect();
    Lab::from_tree(&files, Origin::BuiltIn, "small/lab.yaml").unwrap_or_else(|errors| panic!("{errors:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_lab_is_found() {
    let hints = "{FILE_MISSING: [a], FILE_CONTENT: [b], FILE_TAMPERED: [c]}";
    let right = "  bad:\n    no: {codes: [FILE_CONTENT]}\n    other: {codes: [FILE_TAMPERED]}\n  good: {long: {}}\n";
    let proven = proof(&small(right, hints), None).await;
    assert_eq!(proven.standing, Standing::Right, "{proven:?}");
    assert_eq!(proven.submissions.len(), 6);
    // Only a warning: all the same it is passed, which is worth a word.
    assert!(proven.notes.iter().any(|note| note.contains("in spite of") && note.contains("bad/other")), "{proven:?}");

    // Another code than is said, and a solution among the bad ones.
    let tests = right.replace("no: {codes: [FILE_CONTENT]}", "no: {codes: [FILE_EMPTY]}");
    let proven = proof(&small(&tests, hints), None).await;
    assert_eq!(proven.standing, Standing::Wrong);
    let case = proven.submissions.iter().find(|case| case.name == "bad/no").unwrap();
    assert_eq!(case.wrong.len(), 2, "{case:?}");
    assert!(case.wrong[0].contains("must give `FILE_EMPTY`") && case.wrong[1].contains("gives `FILE_CONTENT`"));
    let others = proven.submissions.iter().filter(|case| case.name != "bad/no");
    assert!(others.clone().all(|case| case.standing == Standing::Right), "{proven:?}");
    // Hints for what is expected and for what is given.
    assert!(proven.problems.iter().any(|problem| problem.contains("no hints for `FILE_EMPTY`")), "{proven:?}");

    // A check that nothing fails, a code without hints.
    let mut lab = small(right, "{FILE_MISSING: [a], FILE_TAMPERED: [c]}");
    lab.tests.bad.remove("other");
    let proven = proof(&lab, None).await;
    let all = proven.problems.join("\n");
    assert_eq!((proven.standing, proven.problems.len()), (Standing::Wrong, 2), "{all}");
    assert!(all.contains("small/lab.yaml:12:9: the check `kept` fails in no submission"), "{all}");
    assert!(all.contains("there are no hints for `FILE_CONTENT`"), "{all}");

    // A starter that passes, a good one that fails, a solution that warns.
    let mut lab = small(right, hints);
    lab.starter = lab.tests.solution.clone();
    lab.tests.good.insert("none".into(), Tree::new());
    lab.tests.solution.put("b", &b"changed"[..]);
    let proven = proof(&lab, None).await;
    let wrong = |name: &str| {
        let case = proven.submissions.iter().find(|case| case.name == name).unwrap();
        assert_eq!(case.standing, Standing::Wrong, "{case:?}");
        case.wrong.join("; ")
    };
    assert!(wrong("starter").contains("a learner would have nothing to do"), "{}", wrong("starter"));
    assert!(wrong("good/none").contains("it must pass"), "{}", wrong("good/none"));
    assert!(wrong("solution").contains("no warning") && wrong("solution again").contains("no warning"));

    // Some of them only; none.
    let lab = small(right, hints);
    assert_eq!(proof(&lab, Some("solution")).await.submissions.len(), 2);
    let none = proof(&lab, Some("nothing")).await;
    assert_eq!(none.standing, Standing::Unknown);
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
