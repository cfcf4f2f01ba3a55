//! A workspace on the stage: its files, and builds and runs that go as a test wants.

#![allow(clippy::unwrap_used, dead_code)]

use std::time::Duration;

use ondeck::builds::{BuildEvent, Built, ContextSeen, LayerOf, StepSeen};
use ondeck::engine::Builder;
use ondeck::tasks::{BuildWatch, Job, Outcome, TaskEvent, TaskId};
use ondeck::ui::message::Msg;

use super::fixture;
use super::stage::{Stage, settings};

/// A panel at the workspace of a session.
pub fn at_workspace(width: u16, height: u16, files: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::with(width, height, fixture::sessions(), settings());
    stage.files = files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
    stage.press(&["4", "enter"]);
    stage
}

/// The build that was asked for last.
pub fn build(stage: &Stage) -> BuildWatch {
    match stage.jobs.last().unwrap() {
        Job::Build { watch, .. } => watch.clone(),
        other => panic!("{other:?}"),
    }
}

/// The task of the newest job begins.
pub fn begin(stage: &mut Stage, id: u64) {
    let (title, command) = (stage.jobs.last().unwrap().title(), stage.jobs.last().unwrap().command());
    match stage.jobs.last().unwrap() {
        Job::Build { watch, .. } => watch.begin(TaskId(id)),
        Job::RunImage { watch, .. } => watch.begin(TaskId(id)),
        Job::StartLab { watch, .. } => watch.begin(TaskId(id)),
        Job::Judge { watch, .. } => watch.begin(TaskId(id)),
        _ => {}
    }
    stage.send(Msg::Task(TaskEvent::Started { id: TaskId(id), title, command, at: fixture::now() }));
}

/// And ends.
pub fn end(stage: &mut Stage, id: u64, outcome: Outcome) {
    stage.send(Msg::Task(TaskEvent::Ended { id: TaskId(id), outcome, at: fixture::now() }));
}

/// What an engine tells of a step that began two seconds ago.
pub fn step(key: &str, name: &str, ended: bool) -> BuildEvent {
    BuildEvent::Step(seen(key, name, ended))
}

/// The same, to be changed.
pub fn seen(key: &str, name: &str, ended: bool) -> StepSeen {
    let at = Some(fixture::now());
    StepSeen {
        key: key.into(),
        name: name.into(),
        started: at.map(|t| t - jiff::SignedDuration::from_secs(2)),
        ended: at.filter(|_| ended),
        ..StepSeen::default()
    }
}

/// An image of some layers: what made them, and their bytes.
pub fn built(size: u64, layers: &[(&str, u64)]) -> Built {
    let layer = |(by, size): &(&str, u64)| LayerOf {
        digest: Some(format!("sha256:{by}")),
        created_by: (*by).to_owned(),
        size: *size,
        step: None,
    };
    Built {
        image: format!("sha256:{size}"),
        tag: "scratch:latest".into(),
        size,
        layers: layers.iter().map(layer).collect(),
        took: Duration::from_secs(4),
        cached: (1, 3),
        context: ContextSeen::default(),
        builder: Builder::BuildKit,
        replaced: None,
    }
}
