//! `ondeck judge` as people and programs call it, on a real engine.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::court::{BASE, Court, tree};
use common::live::until;
use ondeck::workspace::Workspace;
use serde_json::Value;

/// A lab in a folder, the folders of submissions, and a history of their own.
struct Desk {
    court: Court,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new(images: &str, checks: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let checks: String = checks.lines().map(|line| format!("      {line}\n")).collect::<Vec<_>>().concat();
        let manifest = format!(
            "schema: lab/v1\nid: tiny\ntitle: Tiny\nsummary: A lab of a test.\nminutes: 1\ndifficulty: beginner\n\
             session: {{memory: 400m, pids: 200}}\nimages: [{images}]\njudge: {{timeout: 2m}}\nbuild: {{context: .}}\n\
             tests: {{starter: {{codes: [BUILD_FAILED]}}}}\n\
             tasks:\n  - id: only\n    title: Only one task\n    hints: [Look.]\n    checks:\n{checks}"
        );
        tree(&[
            ("tiny/lab.yaml", &manifest),
            ("tiny/README.md", "# Tiny\n"),
            ("tiny/starter/Dockerfile", "FROM x\n"),
            ("tiny/solution/Dockerfile", "FROM x\n"),
            ("config.yaml", "sessions: {max: 100, budget: 900g}\n"),
        ])
        .write_to(dir.path())
        .unwrap();
        Self { court: Court::new(), dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A folder with a submission.
    fn submission(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = self.path(name);
        tree(files).write_to(&path).unwrap();
        path
    }

    fn ondeck(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ondeck"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("config.yaml"))
            .env("USER", &self.court.guest.owner)
            .env("ONDECK_HISTORY", self.path("history.db"))
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn judge(&self, arguments: &[&str]) -> Output {
        let lab = self.path("tiny");
        self.ondeck(&[&["judge", lab.to_str().unwrap()], arguments].concat()).output().unwrap()
    }

    fn judge_dir(&self, dir: &Path, arguments: &[&str]) -> Output {
        self.judge(&[&["--dir", dir.to_str().unwrap()], arguments].concat())
    }

    fn attempts(&self) -> Value {
        let output = self.ondeck(&["attempts", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {} {}", text(&output.stdout), text(&output.stderr)))
}

const CHECKS: &str = "- {id: parses, kind: df.parses, required: true}\n\
    - {id: user, kind: df.user, title: Not as root, points: 40, required: true}\n\
    - {id: builds, kind: build.succeeds, points: 30, required: true, needs: [parses]}\n\
    - {id: small, kind: image.size, max_mb: 400, points: 30}";

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_passes_or_is_told_all_that_is_wrong() {
    let desk = Desk::new(&format!("{{name: \"{BASE}\"}}"), CHECKS);
    let good = desk.submission("good", &[("Dockerfile", &format!("FROM {BASE}\nCOPY a /a\nUSER 1000\n")), ("a", "1")]);
    let output = desk.judge_dir(&good, &["--json"]);
    let passed = report(&output);
    assert_eq!(output.status.code(), Some(0), "{passed:#} {}", text(&output.stderr));
    assert_eq!((&passed["verdict"], &passed["passed"], &passed["schema"]), (&"passed".into(), &true.into(), &1.into()));
    assert_eq!((&passed["score"], &passed["max_score"], &passed["mode"]), (&100.into(), &100.into(), &"clean".into()));
    assert!(passed["metrics"]["image_size_mb"].as_f64().unwrap() > 1.0, "{passed:#}");
    assert!(passed["failures"].as_array().unwrap().is_empty() && passed["error"].is_null());

    let bad = desk.submission("bad", &[("Dockerfile", &format!("FROM {BASE}\nUSER root\nRUN exit 3\n"))]);
    let output = desk.judge_dir(&bad, &[]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(out.starts_with("tiny: failed, 0 of 100 points (in a fresh session, "), "{out}");
    for words in [
        "\n  ✔   The Dockerfile can be read\n",
        "\n  ✖   Not as root",
        "\n  ▷   ",
        "\n      the image was not built\n",
        "\nDF_USER_ROOT  Dockerfile:2\n  Dockerfile:2: USER root is root, expected another user\n",
        "\nBUILD_FAILED",
        "\n  hint      ",
    ] {
        assert!(out.contains(words), "{words:?} is not in:\n{out}");
    }
    assert!(err.contains("passed: The Dockerfile can be read\n") && err.contains("failed: Not as root\n"), "{err}");
    assert!(!out.contains(|c: char| c.is_control() && c != '\n'), "{out:?}");

    // Both are kept, with what was submitted.
    let attempts = desk.attempts();
    let verdicts: Vec<&str> = attempts.as_array().unwrap().iter().map(|a| a["verdict"].as_str().unwrap()).collect();
    assert_eq!(
        {
            let mut v = verdicts.clone();
            v.sort_unstable();
            v
        },
        ["failed", "passed"],
        "{attempts:#}"
    );
    desk.court.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_judged_is_nobodys_failure() {
    let desk = Desk::new("{name: \"ondeck-test/no-such-image:1\"}", CHECKS);
    let dir = desk.submission("any", &[("Dockerfile", "FROM ondeck-test/no-such-image:1\nUSER root\n")]);
    let output = desk.judge_dir(&dir, &["--json", "--no-record"]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(2), "{report:#}");
    assert_eq!((&report["verdict"], &report["passed"]), (&"error".into(), &false.into()));
    assert!(report["failures"].as_array().unwrap().is_empty(), "{report:#}");
    assert!(report["error"]["code"] == "J_IMAGE" && report["error"]["hint"] != "", "{report:#}");
    assert!(desk.attempts().as_array().unwrap().is_empty());

    let told = |arguments: &[&str]| {
        let output = desk.ondeck(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        text(&output.stderr)
    };
    let lab = desk.path("tiny");
    let lab = lab.to_str().unwrap();
    assert!(told(&["judge", "no-such-lab"]).contains("there is no lab `no-such-lab`"));
    assert!(told(&["judge", lab]).contains("you have no session for tiny"));
    assert!(told(&["judge", lab, "--session", "zzzz"]).contains("there is no session zzzz"));
    assert!(told(&["judge", lab, "--dir", "/no/such/dir"]).contains("/no/such/dir"));
    assert!(told(&["judge", lab, "--host", "nowhere"]).contains("nowhere"));
    let manifest = std::fs::read_to_string(desk.path("tiny/lab.yaml")).unwrap();
    std::fs::write(desk.path("tiny/lab.yaml"), manifest.replace("df.user", "df.usr")).unwrap();
    let said = told(&["judge", lab, "--dir", dir.to_str().unwrap()]);
    assert!(said.contains("lab.yaml:") && said.contains("did you mean `df.user`?"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_session_is_judged_and_cancelling_leaves_nothing() {
    let desk = Desk::new(&format!("{{name: \"{BASE}\"}}"), CHECKS);
    let guest = &desk.court.guest;
    let spec = ondeck::sessions::Spec { lab: Some("tiny".into()), ..guest.spec() };
    let session = guest.start(&spec).await;
    let workspace = Workspace::session(&guest.engine, session.name.clone());
    let dockerfile = format!("FROM {BASE}\nUSER 1\n");
    workspace.save("Dockerfile", &dockerfile, ondeck::workspace::Form::default(), None, false).await.unwrap();
    guest.told(&session, "ln -s /etc/passwd out; mkfifo pipe; ln -s /dev/zero zero").await;
    let output = desk.judge(&["--json"]);
    let passed = report(&output);
    assert_eq!(output.status.code(), Some(0), "{passed:#}");
    assert_eq!((&passed["mode"], &passed["passed"]), (&"quick".into(), &true.into()));
    assert!(text(&output.stderr).contains("left out, since it is no file, folder or link: pipe"));
    assert_eq!(desk.attempts()[0]["session"], session.id.as_str());
    // What was made for it is gone from the session's Docker.
    let left = guest.told(&session, "docker ps -aq; docker images -q -f label=dev.ondeck.judge").await;
    assert_eq!(left, "");

    let endless = desk.submission("endless", &[("Dockerfile", &format!("FROM {BASE}\nUSER 1\nRUN sleep 600\n"))]);
    let lab = desk.path("tiny");
    let arguments = ["judge", lab.to_str().unwrap(), "--json", "--dir", endless.to_str().unwrap()];
    let child = desk.ondeck(&arguments).spawn().unwrap();
    until(
        "its session is there",
        async || {
            if desk.court.left().is_empty() { Err("nothing".to_owned()) } else { Ok(()) }
        },
    )
    .await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    let cancelled = report(&output);
    assert_eq!(output.status.code(), Some(2), "{cancelled:#}");
    assert_eq!(cancelled["error"]["code"], "J_CANCELLED");
    assert_eq!(desk.attempts().as_array().unwrap().len(), 1);
    desk.court.gone().await;
}
