//! Labs that stand still: what there is, how far one is, what was said.

#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use ondeck::config::ConfigError;
use ondeck::engine::model::Id;
use ondeck::fleet::Snapshot;
use ondeck::judge::{self, CheckResult, CheckStatus, Failure, Metrics, Notes, Report, Trouble};
use ondeck::labs::{Catalogue, Lab, Origin, Tree};
use ondeck::store::{Attempt, AttemptId, ChangeKind, Changes, CheckChange, FileChange, Mode, Progress, Verdict};
use ondeck::ui::labs::{Past, PastAttempt};
use ondeck::ui::settings::Settings;

use super::fixture;
use super::stage::settings;

const README: &str = "# Ship a small API without shipping your secrets\n\nThe API works. Its image holds the whole \
repository, `.git` and `.env` with it.\n\n## Goal\n\n1. Write a **`.dockerignore`**.\n2. Build the image.\n3. Let it \
say that it is well:\n\n```dockerfile\nHEALTHCHECK CMD curl --fail http://localhost:8000/health\n```\n\nRead: \
[build context](https://docs.docker.com/build/concepts/context/)\n";

const LAB1: &str = "
schema: lab/v1
id: lab1
title: Ship a small API without shipping your secrets
summary: What a build context is, and how to keep things out of it.
minutes: 20
difficulty: beginner
tags: [dockerfile, context]
session: {memory: 1g, ttl: 40m, port: 8000}
images:
  - {name: 'lab/python:3.11', build: images/python}
  - {name: 'debian:bookworm-slim'}
judge: {timeout: 3m, min_score: 70}
build: {context: .}
run: {app: {}}
tasks:
  - id: leave-out
    title: Leave out what the image does not need
    hints: [a nudge, the answer]
    checks:
      - {id: ignore, kind: dockerignore.covers, title: The context holds neither .git nor .env, points: 30,
         required: true, ignored: [.git/config, .env], kept: [app/main.py]}
      - {id: small, kind: context.size, title: The context is below 1 MB, points: 10, severity: warn, max_mb: 1}
  - id: run
    title: Build it, and let it run
    hints: [a nudge, the answer]
    checks:
      - {id: builds, kind: build.succeeds, title: The image builds, points: 20, required: true}
      - {id: answers, kind: run.http, title: /health answers with 200, points: 40, required: true, needs: [builds],
         container: app, port: 8000, path: /health, expect: {status: 200}}
tests:
  starter: {codes: [DOCKERIGNORE_MISSING]}
  bad: {gap: {codes: [DOCKERIGNORE_GAP]}}
  good: {other: {}}
";

/// A lab of these, by its place.
pub fn lab(id: &str, title: &str, minutes: u32, difficulty: &str, tags: &str) -> Lab {
    let manifest = LAB1
        .replace("id: lab1", &format!("id: {id}"))
        .replace("title: Ship a small API without shipping your secrets", &format!("title: {title}"))
        .replace("minutes: 20", &format!("minutes: {minutes}"))
        .replace("beginner", difficulty)
        .replace("[dockerfile, context]", tags);
    let files: Tree = [
        ("lab.yaml", manifest.as_str()),
        ("README.md", README),
        ("images/python/Dockerfile", "FROM debian:bookworm-slim\n"),
        ("starter/Dockerfile", "FROM lab/python:3.11\n"),
        ("starter/app/main.py", "pass\n"),
        ("solution/.dockerignore", ".git\n.env\n"),
        ("bad/gap/.dockerignore", "*.md\n"),
        ("good/other/.dockerignore", ".git/\n.env\n"),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .collect();
    let origin = Origin::Folder(format!("/srv/labs/{id}").into());
    match Lab::from_tree(&files, origin, &format!("/srv/labs/{id}/lab.yaml")) {
        Ok(lab) => lab,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

pub fn catalogue() -> Catalogue {
    let labs = [
        lab("lab1", "Ship a small API without shipping your secrets", 20, "beginner", "[dockerfile, context]"),
        lab("lab2", "Rebuild in seconds, by the order of layers", 25, "beginner", "[cache, pip]"),
        lab("lab3", "One image for building, another for running", 30, "intermediate", "[multi-stage, size]"),
        lab("lab4", "An image that trusts nobody", 35, "advanced", "[hardening, signals]"),
        lab("lab5", "A stack that waits until its database is well", 30, "intermediate", "[compose, health]"),
    ];
    let problem = ConfigError::whole(
        "/srv/labs/networks/lab.yaml",
        "found no `title`, expected what the lab is called",
        "title: A few words",
    );
    Catalogue { labs: labs.into_iter().map(Arc::new).collect(), problems: vec![problem], ..Catalogue::default() }
}

pub fn progress() -> BTreeMap<String, Progress> {
    let at = |attempts, passed, best_score| Progress {
        attempts,
        passed,
        best_score,
        max_score: if attempts > 0 { 100 } else { 0 },
        last: fixture::now() - SignedDuration::from_secs(700),
        started: true,
    };
    [("lab1", at(3, false, 50)), ("lab2", at(2, true, 100)), ("lab3", at(0, false, 0))]
        .map(|(lab, progress)| (lab.to_owned(), progress))
        .into()
}

fn result(id: &str, task: &str, title: &str, status: CheckStatus, points: u32, max: u32) -> CheckResult {
    CheckResult {
        id: id.into(),
        task: task.into(),
        title: title.into(),
        kind: "x".into(),
        status,
        points,
        max_points: max,
        required: id != "small",
        elapsed_seconds: 0.2,
        observed: if id == "small" { "12 kB".into() } else { String::new() },
        because: (status == CheckStatus::NotReached).then(|| "it needs The image builds".into()),
    }
}

/// What was said of a submission that has a `.dockerignore` but does not build.
pub fn report() -> Report {
    use CheckStatus::{Failed, NotReached, Passed};
    let failure = |code: &str, check: &str, message: &str| Failure {
        code: code.into(),
        check: check.into(),
        message: message.into(),
        hint: "look at what the step printed".into(),
        file: Some("Dockerfile".into()),
        line: Some(4),
        expected: None,
        found: Some("exit code 1".into()),
        warning: false,
    };
    Report {
        schema: judge::SCHEMA,
        lab: "lab1".into(),
        lab_digest: "0".into(),
        mode: judge::Mode::Quick,
        verdict: judge::Verdict::Failed,
        passed: false,
        score: 40,
        max_score: 100,
        started: fixture::now() - SignedDuration::from_secs(700),
        elapsed_seconds: 8.4,
        workspace_digest: "1".into(),
        checks: vec![
            result("ignore", "leave-out", "The context holds neither .git nor .env", Passed, 30, 30),
            result("small", "leave-out", "The context is below 1 MB", Passed, 10, 10),
            result("builds", "run", "The image builds", Failed, 0, 20),
            result("answers", "run", "/health answers with 200", NotReached, 0, 40),
        ],
        failures: vec![failure(
            "BUILD_FAILED",
            "builds",
            "Dockerfile:4: RUN pip install -r requirements.txt ended with exit code 1",
        )],
        error: None,
        metrics: Metrics::default(),
        notes: Notes::default(),
    }
}

pub fn past() -> Past {
    let attempt = |id: i64, ago: i64, mode, verdict, score, codes: &[&str]| Attempt {
        id: AttemptId(id),
        lab: "lab1".into(),
        lab_digest: "0".into(),
        owner: "ann".into(),
        host: "default".into(),
        session: Some("k3f9".into()),
        mode,
        verdict,
        score,
        max_score: 100,
        started: fixture::now() - SignedDuration::from_secs(ago),
        elapsed_seconds: 8.4,
        workspace_digest: id.to_string(),
        codes: codes.iter().map(|c| (*c).to_owned()).collect(),
    };
    let trouble = Report {
        verdict: judge::Verdict::Error,
        error: Some(Trouble {
            code: "J_IMAGE".into(),
            message: "lab/python:3.11 is not there and could not be built".into(),
            hint: "ask whoever runs the host".into(),
        }),
        failures: vec![],
        ..report()
    };
    let changes = Changes {
        files: vec![
            FileChange { path: ".dockerignore".into(), kind: ChangeKind::Added, diff: Some("+.git\n+.env\n".into()) },
            FileChange {
                path: "Dockerfile".into(),
                kind: ChangeKind::Changed,
                diff: Some(
                    "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -2,3 +2,3 @@\n WORKDIR /app\n-COPY app .\n+COPY . .\n RUN pip install -r requirements.txt\n"
                        .into(),
                ),
            },
        ],
        checks: vec![CheckChange {
            id: "ignore".into(),
            title: "The context holds neither .git nor .env".into(),
            before: Some("failed".into()),
            after: Some("passed".into()),
        }],
        codes_new: vec![],
        codes_gone: vec!["DOCKERIGNORE_MISSING".into()],
    };
    let of = |attempt, report: Report, changes| PastAttempt { attempt, report: Some(Arc::new(report)), changes };
    Past {
        attempts: vec![
            of(attempt(4, 700, Mode::Quick, Verdict::Failed, 40, &["BUILD_FAILED"]), report(), Some(changes)),
            of(attempt(3, 1500, Mode::Clean, Verdict::Error, 0, &[]), trouble, None),
            of(
                attempt(2, 100_000, Mode::Quick, Verdict::Failed, 10, &["DOCKERIGNORE_MISSING"]),
                report(),
                Some(Changes::default()),
            ),
            of(attempt(1, 100_700, Mode::Quick, Verdict::Failed, 10, &["DOCKERIGNORE_MISSING"]), report(), None),
        ],
        more: false,
    }
}

/// The host with sessions, two of them for labs.
pub fn snapshot() -> Snapshot {
    let mut snap = fixture::sessions();
    let mine: Vec<Id> =
        snap.containers.iter().filter(|(_, c)| c.name.ends_with("k3f9")).map(|(i, _)| i.clone()).collect();
    for id in mine {
        let mut container = (*snap.containers[&id]).clone();
        container.labels.insert("dev.ondeck.lab".into(), "lab1".into());
        snap.containers.insert(id, Arc::new(container));
    }
    snap
}

/// Settings of the person whose labs these are.
pub fn ann() -> Settings {
    Settings { owner: "ann".into(), ..settings() }
}
