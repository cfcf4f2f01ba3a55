//! What the view of labs shows and does, without a terminal and without Docker.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::desk::{begin, end};
use common::labs::{ann, report, snapshot};
use common::stage::Stage;
use ondeck::builds::Site;
use ondeck::engine::{EngineError, ErrorKind};
use ondeck::fleet::Snapshot;
use ondeck::fleet::snapshot::Access;
use ondeck::judge::{CheckStatus, Event};
use ondeck::labs::Catalogue;
use ondeck::sessions::Session;
use ondeck::tasks::{Job, JudgeWatch, LabWatch, Outcome};
use ondeck::ui::app::Focus;
use ondeck::ui::labs::LabsNews;
use ondeck::ui::message::Msg;
use ondeck::ui::view::{Target, View};

/// A panel of someone with labs, in their view.
fn labs_with(snapshot: Snapshot, width: u16) -> Stage {
    let mut stage = Stage::with(width, 36, snapshot, ann());
    stage.press(&["5"]);
    stage
}

fn labs() -> Stage {
    labs_with(snapshot(), 160)
}

/// The line of a lab in the list.
fn line(stage: &mut Stage, lab: &str) -> String {
    let text = stage.text();
    let line = text.lines().find(|l| l.contains(&format!(" {lab} ")) && l.starts_with('│'));
    line.unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn started(stage: &Stage) -> LabWatch {
    match stage.jobs.last() {
        Some(Job::StartLab { watch, .. }) => watch.clone(),
        other => panic!("{other:?}"),
    }
}

fn judged(stage: &Stage) -> JudgeWatch {
    match stage.jobs.last() {
        Some(Job::Judge { watch, .. }) => watch.clone(),
        other => panic!("{other:?}"),
    }
}

/// A session of the host, as its labels tell of it.
fn session(stage: &Stage, id: &str) -> Session {
    stage.app.snap.containers.values().filter_map(|c| Session::of(c)).find(|s| s.id == id).unwrap()
}

#[test]
fn each_lab_shows_how_far_one_is() {
    let mut stage = labs();
    assert!(line(&mut stage, "lab1").contains("✖ lab1") && line(&mut stage, "lab1").contains("50/100"));
    assert!(line(&mut stage, "lab1").contains("k3f9 12m"));
    assert!(line(&mut stage, "lab2").contains("● lab2") && line(&mut stage, "lab2").contains("100/100"));
    assert!(line(&mut stage, "lab3").contains("◐ lab3"));
    assert!(line(&mut stage, "lab4").contains("○ lab4"));
    // What cannot be read is there too, and says where.
    stage.press(&["G"]);
    let text = stage.text();
    assert!(text.contains("✖ networks") && text.contains("/srv/labs/networks/lab.yaml"), "{text}");
    assert!(text.contains("title: A few words"), "{text}");
}

#[test]
fn labs_are_found_by_what_they_are_about() {
    for (words, found) in [("signals", "lab4"), ("intermediate", "lab3"), ("passed", "lab2"), ("new", "lab4")] {
        let mut stage = labs();
        stage.press(&["/", words, "enter"]);
        let rows: Vec<_> = stage.app.list().rows.iter().map(|r| r.target.clone()).collect();
        assert!(rows.contains(&Target::Lab(found.into())), "{words}: {rows:?}");
        assert!(rows.len() < 6, "{words}: {rows:?}");
    }
}

#[test]
fn enter_starts_a_session_once_and_its_workspace_opens_when_it_is_ready() {
    let mut stage = labs();
    stage.press(&["down", "down", "down", "enter"]);
    assert!(matches!(&stage.jobs[..], [Job::StartLab { lab, owner, .. }] if lab.id == "lab4" && owner == "ann"));
    assert_eq!(stage.jobs[0].command(), "ondeck session start --lab lab4");
    begin(&mut stage, 1);
    assert!(line(&mut stage, "lab4").contains("starting") && line(&mut stage, "lab4").contains("◐"));
    assert!(stage.text().contains("◐ running"), "how far it is stands above its pages");
    stage.press(&["enter"]);
    assert_eq!(stage.jobs.len(), 1, "it is being started already");
    let ready = session(&stage, "qv7e");
    *started(&stage).lock() = Some(ready);
    end(&mut stage, 1, Outcome::Done("session qv7e is ready".into()));
    assert!(matches!(&stage.app.desk().unwrap().site, Site::Session { session, .. } if session.id == "qv7e"));
    // Left, one stands on the lab again.
    stage.press(&["esc"]);
    assert_eq!((stage.app.view, stage.app.lab_here()), (View::Labs, Some("lab4".to_owned())));
}

#[test]
fn whoever_went_elsewhere_meanwhile_is_left_there() {
    let there: [&[&str]; 4] = [&["up"], &["3"], &["/", "x"], &[":"]];
    for keys in there {
        let mut stage = labs();
        stage.press(&["down", "down", "down", "enter"]);
        begin(&mut stage, 1);
        stage.press(keys);
        let ready = session(&stage, "qv7e");
        *started(&stage).lock() = Some(ready);
        end(&mut stage, 1, Outcome::Done("session qv7e is ready".into()));
        assert!(stage.app.desk().is_none(), "{keys:?}");
    }
    // A start that failed opens nothing, and can be tried again.
    let mut stage = labs();
    stage.press(&["down", "down", "down", "enter"]);
    begin(&mut stage, 1);
    end(&mut stage, 1, Outcome::Failed(EngineError::new(ErrorKind::Conflict, "no room")));
    assert!(stage.app.desk().is_none() && stage.text().contains("no room"));
    stage.press(&["enter"]);
    assert_eq!(stage.jobs.len(), 2);
}

#[test]
fn enter_goes_to_the_session_that_runs() {
    let mut stage = labs();
    stage.press(&["enter"]);
    assert!(stage.jobs.is_empty());
    assert!(matches!(&stage.app.desk().unwrap().site, Site::Session { session, .. } if session.id == "k3f9"));
    // Also from a page about it.
    let mut stage = labs();
    stage.press(&["tab", "]"]);
    assert_eq!(stage.app.focus, Focus::Detail);
    stage.press(&["enter"]);
    assert!(stage.app.desk().is_some());
}

#[test]
fn what_others_have_and_what_judges_have_is_not_ones_own() {
    for (owner, judge) in [("bob", None), ("ann", Some("x"))] {
        let mut snap = snapshot();
        for container in snap.containers.values_mut().filter(|c| c.name.ends_with("h2mz")) {
            let container = Arc::make_mut(container);
            container.labels.insert("dev.ondeck.lab".into(), "lab3".into());
            container.labels.insert("dev.ondeck.owner".into(), owner.into());
            container.labels.extend(judge.map(|j: &str| ("dev.ondeck.judge".to_owned(), j.to_owned())));
        }
        let mut stage = labs_with(snap, 160);
        stage.press(&["down", "down"]);
        assert!(!line(&mut stage, "lab3").contains("h2mz"));
        assert!(stage.text().contains("⏎ start") && !stage.text().contains("S submit"));
        stage.press(&["d"]);
        assert!(stage.app.overlay.is_none(), "nothing of one's own can be ended");
        stage.press(&["S"]);
        assert!(stage.jobs.is_empty() && stage.text().contains("no session of yours runs for lab3"));
        stage.press(&["enter"]);
        assert!(matches!(&stage.jobs[..], [Job::StartLab { .. }]));
    }
}

#[test]
fn submitting_shows_check_by_check_what_is_said() {
    let mut stage = labs();
    stage.press(&["S"]);
    let Some(Job::Judge { lab, site, clean: false, owner, .. }) = stage.jobs.last() else { panic!() };
    assert_eq!((lab.id.as_str(), owner.as_str(), site.title()), ("lab1", "ann", "session k3f9".to_owned()));
    assert_eq!(stage.jobs[0].command(), "ondeck judge lab1 --session k3f9");
    begin(&mut stage, 1);
    stage.press(&["S"]);
    assert!(stage.jobs.len() == 1 && stage.text().contains("is being judged already"));
    let watch = judged(&stage);
    let checks = report().checks;
    watch.lock().take(Event::Plan(checks.iter().map(|c| (c.id.clone(), c.title.clone())).collect()));
    watch.lock().take(Event::Ended(Box::new(checks[0].clone()), vec![]));
    watch.lock().take(Event::Begins("small".into()));
    stage.send(Msg::Tick);
    begin(&mut stage, 1);
    assert!(line(&mut stage, "lab1").contains("judging 1/4"));
    let text = stage.text();
    assert!(text.contains("judging  1 of 4") && text.contains("✔  30"), "{text}");
    assert!(text.contains("◐  10") && text.contains("○  40"), "{text}");
    {
        let mut seen = watch.lock();
        seen.report = Some(Arc::new(report()));
        seen.not_kept = Some("the disk is full".into());
        seen.ended = true;
    }
    end(&mut stage, 1, Outcome::Partly { done: 2, failed: vec![] });
    let text = stage.text();
    assert!(text.contains("not passed  40 of 100 points") && text.contains("Dockerfile:4: RUN pip"), "{text}");
    assert!(text.contains("not reached: it needs The image builds"), "{text}");
    assert!(text.contains("not in the history: the disk is full"), "{text}");
    // Another one in a fresh session.
    stage.press(&["alt-s"]);
    assert_eq!(stage.jobs[1].command(), "ondeck judge lab1 --session k3f9 --clean");
    assert_eq!(report().checks[2].status, CheckStatus::Failed);
}

#[test]
fn a_host_that_lets_nothing_be_written_says_so_and_shows_what_is_there() {
    let mut snap = snapshot();
    snap.access = Access { read_only: Some("a proxy does not let this pass".into()) };
    let mut stage = labs_with(snap, 160);
    for keys in [&["S"][..], &["alt-s"], &["r"], &["d"], &["down", "down", "enter"]] {
        stage.press(keys);
        assert!(stage.text().contains("a proxy does not let this pass"), "{keys:?}");
        assert!(stage.jobs.is_empty() && stage.app.overlay.is_none(), "{keys:?}");
    }
    stage.press(&["g", "enter"]);
    assert!(stage.app.desk().is_some(), "looking is allowed");
}

#[test]
fn ending_and_resetting_ask_and_say_what_is_lost() {
    let mut stage = labs();
    stage.press(&["d"]);
    assert!(stage.text().contains("session k3f9 of ann"));
    stage.press(&["y"]);
    assert!(matches!(&stage.jobs[..], [Job::EndSessions { on }] if on.len() == 1 && on[0].id == "k3f9"));
    stage.press(&["r"]);
    assert!(stage.text().contains("/workspace of session k3f9"));
    stage.press(&["enter"]);
    assert_eq!(stage.jobs.len(), 1, "the answer is no by itself");
    stage.press(&["r", "y"]);
    assert!(matches!(&stage.jobs[1], Job::ResetLab { lab, session } if lab.id == "lab1" && session.id == "k3f9"));
}

#[test]
fn attempts_unfold_to_what_was_wrong_and_what_changed() {
    let mut stage = labs();
    stage.press(&["tab", "]", "]"]);
    let text = stage.text();
    assert!(text.contains("2 files, 1 check changed") && text.contains("nothing changed"), "{text}");
    assert!(!text.contains("Since the attempt before"), "{text}");
    stage.press(&["enter"]);
    let text = stage.text();
    assert!(text.contains("-COPY app .") && text.contains("+COPY . .") && text.contains("failed › passed"), "{text}");
    assert!(text.contains("RUN pip install -r requirements.txt ended"), "{text}");
    stage.press(&["enter", "down", "enter"]);
    let text = stage.text();
    assert!(!text.contains("-COPY app .") && text.contains("J_IMAGE: lab/python:3.11 is not there"), "{text}");
    // Of another lab there is none.
    stage.press(&["esc", "down", "tab"]);
    assert!(stage.text().contains("No attempt yet"));
}

#[test]
fn a_history_that_cannot_be_read_is_told_and_labs_work_all_the_same() {
    let mut stage = labs();
    let trouble = || EngineError::new(ErrorKind::Other, "history.db: the history is damaged").with_hint("move it away");
    stage.send(Msg::Labs(LabsNews::Progress(Err(trouble()))));
    assert!(stage.text().contains("the history is damaged"));
    stage.press(&["tab", "]", "]"]);
    stage.send(Msg::Labs(LabsNews::History("lab1".into(), Err(trouble()))));
    let text = stage.text();
    assert!(text.contains("the history is damaged") && text.contains("move it away"), "{text}");
}

#[test]
fn where_there_are_no_labs_it_is_said_what_to_do() {
    let mut stage = labs();
    stage.send(Msg::Labs(LabsNews::Catalogue(Arc::new(Catalogue::default()))));
    assert!(stage.text().contains("ondeck lab new DIR"));
    stage.press(&["enter", "S", "d", "r", "+"]);
    assert!(stage.jobs.is_empty() && stage.app.desk().is_none());
}

#[test]
fn sessions_are_called_by_the_titles_of_their_labs() {
    let mut stage = Stage::with(200, 36, snapshot(), ann());
    assert!(stage.text().contains("Ship a small API without shipping your secrets, best 50 of 100"));
    stage.press(&["4"]);
    assert!(stage.text().contains("up 18m, Ship a small API"), "{}", stage.text());
    stage.press(&["/", "ship a small", "enter"]);
    assert_eq!(stage.app.list().rows.len(), 1);
}
