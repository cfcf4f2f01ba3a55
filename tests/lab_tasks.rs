//! Labs as tasks: what is judged is kept, what cannot be kept is told, what is cancelled is taken back.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::guest::Guest;
use common::live::{endpoint, until};
use ondeck::builds::Site;
use ondeck::judge::Verdict;
use ondeck::labs::{Lab, Origin, Tree};
use ondeck::sessions;
use ondeck::store::{Store, Wanted};
use ondeck::tasks::{History, Job, JudgeWatch, Outcome, Runner, Task, TaskEvent, TaskId, Tasks};
use tokio::sync::mpsc;

const MANIFEST: &str = "\
schema: lab/v1
id: greet
title: Greet whoever comes
summary: A file is made.
minutes: 5
difficulty: beginner
tags: []
session: {memory: 400m}
judge: {timeout: 1m, min_score: 10}
build: {context: .}
tasks:
  - id: write
    title: Write a greeting
    hints: [a nudge, the answer]
    checks:
      - {id: there, kind: file.exists, points: 10, required: true, path: greeting.txt}
BUILDS
tests:
  starter: {codes: [FILE_MISSING]}
  bad: {empty: {codes: [FILE_MISSING]}}
  good: {other: {}}
";

/// A lab that looks at a file, and, if so wanted, builds.
fn lab(builds: bool) -> Arc<Lab> {
    let check = "      - {id: builds, kind: build.succeeds, points: 0}";
    let manifest = MANIFEST.replace("BUILDS\n", if builds { format!("{check}\n") } else { String::new() }.as_str());
    let files: Tree = [
        ("lab.yaml", manifest.as_str()),
        ("README.md", "# Greet\n"),
        ("starter/Dockerfile", "FROM scratch\n"),
        ("solution/greeting.txt", "hello\n"),
        ("bad/empty/other.txt", "\n"),
        ("good/other/greeting.txt", "good day\n"),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .collect();
    match Lab::from_tree(&files, Origin::Folder("labs/greet".into()), "labs/greet/lab.yaml") {
        Ok(lab) => Arc::new(lab),
        Err(errors) => panic!("{errors:?}"),
    }
}

struct Desk {
    runner: Runner,
    events: mpsc::UnboundedReceiver<TaskEvent>,
    tasks: Tasks,
    guest: Guest,
    home: tempfile::TempDir,
}

impl Desk {
    /// Work of a guest, whose history is the file of that name.
    fn new() -> Self {
        let (guest, home) = (Guest::new(), tempfile::tempdir().unwrap());
        let (tx, events) = mpsc::unbounded_channel();
        let runner = Runner::new(guest.engine.clone(), tx).with_history(History::at(Some(history(home.path()))));
        Self { runner, events, tasks: Tasks::default(), guest, home }
    }

    /// A folder with these files is submitted.
    fn submit(&self, files: &[(&str, &str)], lab: Arc<Lab>) -> (TaskId, JudgeWatch) {
        let dir = self.home.path().join("work");
        std::fs::create_dir_all(&dir).unwrap();
        for (path, text) in files {
            std::fs::write(dir.join(path), text).unwrap();
        }
        let watch = JudgeWatch::default();
        let id = self.runner.run(Job::Judge {
            lab,
            site: Box::new(Site::Folder { name: "work".into(), dir, endpoint: endpoint() }),
            owner: self.guest.owner.clone(),
            config: self.guest.config.clone(),
            clean: false,
            watch: watch.clone(),
        });
        (id, watch)
    }

    async fn ended(&mut self, id: TaskId) -> Task {
        while self.tasks.get(id).is_none_or(|t| t.outcome.is_none()) {
            let event = self.events.recv().await.unwrap();
            self.tasks.apply(event);
        }
        self.tasks.get(id).unwrap().clone()
    }
}

fn history(home: &Path) -> PathBuf {
    home.join("history.db")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_judged_check_by_check_and_kept_with_its_files() {
    let mut desk = Desk::new();
    let (id, watch) = desk.submit(&[("Dockerfile", "FROM scratch\n")], lab(false));
    let task = desk.ended(id).await;
    let Some(Outcome::Partly { done: 0, failed }) = &task.outcome else { panic!("{task:?}") };
    assert_eq!(failed[0].0, "there");
    assert!(task.command.starts_with("ondeck judge greet --dir "), "{}", task.command);
    let first = watch.lock().attempt.unwrap();
    {
        let seen = watch.lock();
        assert_eq!((seen.plan.len(), seen.results.len(), seen.failures.len()), (1, 1, 1));
        assert!(seen.ended && seen.running.is_none() && seen.not_kept.is_none());
        assert_eq!(seen.report.as_ref().unwrap().verdict, Verdict::Failed);
    }
    let (id, watch) = desk.submit(&[("greeting.txt", "hello\n")], lab(false));
    let task = desk.ended(id).await;
    assert!(matches!(&task.outcome, Some(Outcome::Done(words)) if words.starts_with("passed, 10 of 10")), "{task:?}");
    let second = watch.lock().attempt.unwrap();
    let store = Store::open(&history(desk.home.path())).await.unwrap();
    let kept = store.attempts(&Wanted::default()).await.unwrap();
    assert_eq!(kept.iter().map(|a| a.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!(
        (kept[1].owner.as_str(), kept[1].codes.clone()),
        (desk.guest.owner.as_str(), vec!["FILE_MISSING".into()])
    );
    let files = store.files(second).await.unwrap();
    assert_eq!(files.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["Dockerfile", "greeting.txt"]);
    assert_eq!(files[1].text.as_deref(), Some("hello\n"));
    assert_eq!(store.changes(first, second).await.unwrap().files[0].path, "greeting.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_cannot_be_kept_is_told_and_its_verdict_stands() {
    let mut desk = Desk::new();
    let file = history(desk.home.path());
    std::fs::write(&file, "somebody's letters, not to be lost").unwrap();
    let (id, watch) = desk.submit(&[("greeting.txt", "hello\n")], lab(false));
    let task = desk.ended(id).await;
    let Some(Outcome::Done(words)) = &task.outcome else { panic!("{task:?}") };
    assert!(words.starts_with("passed") && words.contains("not in the history"), "{words}");
    assert!(task.lines.iter().any(|l| l.contains("not in the history")), "{:?}", task.lines);
    assert!(watch.lock().not_kept.as_ref().unwrap().contains("history.db"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "somebody's letters, not to be lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_that_is_cancelled_takes_its_session_back() {
    let mut desk = Desk::new();
    // A fresh session is started for what has to be built.
    let (id, watch) = desk.submit(&[("Dockerfile", "FROM scratch\n"), ("greeting.txt", "hello\n")], lab(true));
    let mine = async |guest: &Guest| {
        let all = guest.engine.containers().await.unwrap();
        let label = |c: &ondeck::engine::model::Container, l: &str| c.labels.get(l).cloned();
        let own = |c: &ondeck::engine::model::Container| {
            label(c, sessions::OWNER) == Some(format!("judge of {}", guest.owner))
                && label(c, sessions::JUDGE).is_some()
        };
        all.iter().filter(|c| own(c)).count()
    };
    until("the judge's session", async || match mine(&desk.guest).await {
        0 if watch.lock().ended => panic!("{:?}", watch.lock()),
        0 => Err("none yet".to_owned()),
        _ => Ok(()),
    })
    .await;
    desk.runner.cancel(id);
    let task = desk.ended(id).await;
    assert_eq!(task.outcome, Some(Outcome::Cancelled));
    until("nothing of it to be left", async || match mine(&desk.guest).await {
        0 => Ok(()),
        n => Err(n.to_string()),
    })
    .await;
    assert!(watch.lock().ended && watch.lock().report.is_none());
    let store = Store::open(&history(desk.home.path())).await.unwrap();
    assert!(store.attempts(&Wanted::default()).await.unwrap().is_empty(), "it decided nothing");
}
