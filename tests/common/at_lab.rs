//! The workspace of a lab on the stage, and submissions that are judged as a test wants.

#![allow(clippy::unwrap_used, dead_code)]

use std::sync::Arc;

use ondeck::judge::{
    self, BuildMetrics, CheckResult, CheckStatus, Event, Failure, Metrics, Mode, Notes, Report, Trouble, Verdict,
};
use ondeck::store::{Attempt, AttemptId, ChangeKind, Changes, CheckChange, FileChange};
use ondeck::tasks::{Job, JudgeWatch, Outcome, TaskEvent, TaskId};
use ondeck::ui::desk::{DeskNews, Known, Newest};
use ondeck::ui::labs::LabsNews;
use ondeck::ui::message::Msg;
use ondeck::ui::settings::Settings;

use super::stage::Stage;
use super::{fixture, labs};

pub const DOCKERFILE: &str = "FROM lab/python:3.11\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n\
                              CMD [\"python\", \"app/main.py\"]\n";

/// The files of the lab's workspace.
pub const FILES: &[(&str, &str)] =
    &[("Dockerfile", DOCKERFILE), ("app/main.py", "print(1)\n"), ("README.md", "# Mine\n"), (".env", "A=1\n")];

/// A panel at the workspace of lab1.
pub fn at_lab(width: u16, height: u16) -> Stage {
    at_lab_with(width, height, labs::ann())
}

/// The same with other settings.
pub fn at_lab_with(width: u16, height: u16, settings: Settings) -> Stage {
    let settings = Settings { owner: "ann".into(), ..settings };
    let mut stage = Stage::with(width, height, labs::snapshot(), settings);
    let mut all = labs::catalogue();
    let mut lab = (*all.labs[0]).clone();
    let ladder = |rungs: &[&str]| rungs.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>();
    lab.tasks[0].hints = ladder(&["Look at what lies in the workspace.", "Read what a `.dockerignore` is."]);
    lab.tasks[1].hints = ladder(&["What does the Dockerfile copy?"]);
    let code = [
        "What does a build get to see of it?",
        "Read what a `.dockerignore` does.",
        "Put `.git` and \
        `.env` into a `.dockerignore`:\n\n```\n.git\n.env\n```\n",
    ];
    lab.hints.insert("DOCKERIGNORE_MISSING".into(), ladder(&code));
    all.labs[0] = Arc::new(lab);
    stage.send(Msg::Labs(LabsNews::Catalogue(Arc::new(all))));
    stage.files = FILES.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
    stage.press(&["5", "enter"]);
    assert!(stage.app.desk().is_some_and(|d| d.lab.is_some()), "{}", stage.text());
    stage
}

/// What is judged.
pub fn judging(stage: &Stage) -> JudgeWatch {
    match stage.jobs.last().unwrap() {
        Job::Judge { watch, .. } => watch.clone(),
        other => panic!("{other:?}"),
    }
}

/// Judging begins, and comes as far as a failed build.
pub fn goes_on(stage: &mut Stage, task: u64) {
    let watch = judging(stage);
    watch.begin(TaskId(task));
    let (title, command) = (stage.jobs.last().unwrap().title(), stage.jobs.last().unwrap().command());
    stage.send(Msg::Task(TaskEvent::Started { id: TaskId(task), title, command, at: fixture::now() }));
    {
        let mut seen = watch.lock();
        let report = failed();
        seen.take(Event::Plan(report.checks.iter().map(|c| (c.id.clone(), c.title.clone())).collect()));
        for check in &report.checks[..2] {
            seen.take(Event::Begins(check.id.clone()));
            let failures = report.failures.iter().filter(|f| f.check == check.id).cloned().collect();
            seen.take(Event::Ended(Box::new(check.clone()), failures));
        }
        seen.take(Event::Step("building the image".into()));
        seen.take(Event::Begins("builds".into()));
        seen.take(Event::Line("Collecting flask==3.0".into()));
    }
    stage.send(Msg::Desk(stage.app.desk().unwrap().id, DeskNews::Second));
}

/// And ends.
pub fn ends(stage: &mut Stage, task: u64, report: Report) {
    let watch = judging(stage);
    watch.begin(TaskId(task));
    {
        let mut seen = watch.lock();
        seen.results.clone_from(&report.checks);
        seen.failures.clone_from(&report.failures);
        seen.attempt = Some(AttemptId(7));
        seen.running = None;
        seen.report = Some(Arc::new(report));
        seen.ended = true;
    }
    stage.send(Msg::Task(TaskEvent::Ended {
        id: TaskId(task),
        outcome: Outcome::Done("judged".into()),
        at: fixture::now(),
    }));
}

fn check(id: &str, task: &str, title: &str, kind: &str, status: CheckStatus, max: u32) -> CheckResult {
    let got = matches!(status, CheckStatus::Passed);
    CheckResult {
        id: id.into(),
        task: task.into(),
        title: title.into(),
        kind: kind.into(),
        status,
        points: if got { max } else { 0 },
        max_points: max,
        required: id != "small",
        elapsed_seconds: 0.2,
        observed: match id {
            "small" => "12 kB".into(),
            "answers" if got => "200 in 34 ms".into(),
            _ => String::new(),
        },
        because: (status == CheckStatus::NotReached).then(|| "it needs The image builds".into()),
    }
}

fn report(verdict: Verdict, status: [CheckStatus; 4]) -> Report {
    let checks = vec![
        check("ignore", "leave-out", "The context holds neither .git nor .env", "dockerignore.covers", status[0], 30),
        check("small", "leave-out", "The context is below 1 MB", "context.size", status[1], 10),
        check("builds", "run", "The image builds", "build.succeeds", status[2], 20),
        check("answers", "run", "/health answers with 200", "run.http", status[3], 40),
    ];
    let lab = labs::catalogue().labs[0].clone();
    Report {
        schema: judge::SCHEMA,
        lab: lab.id.clone(),
        lab_digest: lab.digest.clone(),
        mode: Mode::Quick,
        verdict,
        passed: verdict == Verdict::Passed,
        score: checks.iter().map(|c| c.points).sum(),
        max_score: 100,
        started: fixture::now() - jiff::SignedDuration::from_secs(700),
        elapsed_seconds: 6.2,
        workspace_digest: "1".into(),
        checks,
        failures: vec![],
        error: None,
        metrics: Metrics::default(),
        notes: Notes::default(),
    }
}

fn failure(code: &str, check: &str, message: &str, hint: &str, place: (&str, Option<usize>)) -> Failure {
    Failure {
        code: code.into(),
        check: check.into(),
        message: message.into(),
        hint: hint.into(),
        file: Some(place.0.into()),
        line: place.1,
        expected: None,
        found: None,
        warning: false,
    }
}

/// Two checks failed; the build is one of them, so that another was not reached.
pub fn failed() -> Report {
    use CheckStatus::{Failed, NotReached, Passed};
    let mut ignore = failure(
        "DOCKERIGNORE_MISSING",
        "ignore",
        ".dockerignore is missing, so the build sends .git/config and .env",
        "What does a build get to see of this folder?",
        (".dockerignore", None),
    );
    ignore.expected = Some("a .dockerignore that leaves out .git/config, .env".into());
    let mut build = failure(
        "BUILD_FAILED",
        "builds",
        "RUN pip install -r requirements.txt ended with exit code 1",
        "Look at what the step printed.",
        ("Dockerfile", Some(4)),
    );
    build.found = Some("exit code 1".into());
    let output: String = (1..=14).map(|n| format!("Looking in links: /wheels ({n})\n")).collect::<Vec<_>>().concat();
    Report {
        failures: vec![ignore, build],
        metrics: Metrics { context_bytes: Some(12_345), ..Metrics::default() },
        notes: Notes {
            build_logs: output + "ERROR: Could not open requirements file: requirements.txt\n",
            runtime_logs: String::new(),
        },
        ..report(Verdict::Failed, [Failed, Passed, Failed, NotReached])
    }
}

/// All is as it should be.
pub fn passed() -> Report {
    let metrics = Metrics {
        build: Some(BuildMetrics { elapsed_seconds: 1.2, steps: 5, cached_steps: 3 }),
        image_size_mb: Some(142.3),
        layers: Some(9),
        context_bytes: Some(2_345),
        ready_seconds: Some(0.4),
    };
    Report { metrics, ..report(Verdict::Passed, [CheckStatus::Passed; 4]) }
}

/// It could not be judged.
pub fn troubled() -> Report {
    let trouble = Trouble::new(
        "J_SESSION_LOST",
        "the session ended while it was being judged",
        "start it again, and submit once more",
    );
    Report { error: Some(trouble), checks: vec![], ..report(Verdict::Error, [CheckStatus::Error; 4]) }
}

/// What the history says of the attempt that was made last.
pub fn known(report: Report, before: u32) -> Known {
    let of = |id: i64, ago: i64, score| Attempt {
        id: AttemptId(id),
        lab: "lab1".into(),
        lab_digest: report.lab_digest.clone(),
        owner: "ann".into(),
        host: "default".into(),
        session: Some("k3f9".into()),
        mode: ondeck::store::Mode::Quick,
        verdict: ondeck::store::Verdict::Failed,
        score,
        max_score: 100,
        started: fixture::now() - jiff::SignedDuration::from_secs(ago),
        elapsed_seconds: 6.2,
        workspace_digest: id.to_string(),
        codes: vec![],
    };
    let file = |path: &str, kind| FileChange { path: path.into(), kind, diff: None };
    let changed = |id: &str, title: &str, before: &str, after: &str| CheckChange {
        id: id.into(),
        title: title.into(),
        before: Some(before.into()),
        after: Some(after.into()),
    };
    let changes = Changes {
        files: vec![file(".dockerignore", ChangeKind::Added), file("Dockerfile", ChangeKind::Changed)],
        checks: vec![
            changed("ignore", "The context holds neither .git nor .env", "failed", "passed"),
            changed("answers", "/health answers with 200", "passed", "failed"),
        ],
        ..Changes::default()
    };
    let mut changes = changes;
    changes.checks.truncate(if report.passed { 1 } else { 2 });
    let newest = Newest {
        attempt: of(7, 700, report.score),
        before: Some((of(6, 1500, before), changes)),
        report: Some(Arc::new(report)),
    };
    Known { newest: Some(newest), ..Known::default() }
}

/// A screen of a lab's workspace, by its name.
pub fn scene(width: u16, height: u16, name: &str, settings: Settings) -> Stage {
    let mut stage = at_lab_with(width, height, settings);
    if name == "lab-guide" {
        stage.press(&["1"]);
        return stage;
    }
    stage.press(&["S"]);
    match name {
        "lab-judging" => goes_on(&mut stage, 1),
        "lab-failed" | "lab-hint" => {
            ends(&mut stage, 1, failed());
            stage.news(DeskNews::LookedBack(Box::new(Ok(known(failed(), 0)))));
            if name == "lab-hint" {
                stage.press(&["H", "H"]);
            }
        }
        "lab-passed" => {
            ends(&mut stage, 1, passed());
            stage.news(DeskNews::LookedBack(Box::new(Ok(known(passed(), 10)))));
        }
        _ => ends(&mut stage, 1, troubled()),
    }
    stage
}
