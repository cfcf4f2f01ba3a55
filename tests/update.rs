//! What keys do, without a terminal and without Docker.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::fixture;
use common::stage::{Stage, settings};
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use jiff::{SignedDuration, Timestamp};
use ondeck::config::Config;
use ondeck::engine::model::Event;
use ondeck::engine::{EngineError, ErrorKind};
use ondeck::fleet::Link;
use ondeck::fleet::snapshot::Access;
use ondeck::sessions::{Left, Session};
use ondeck::tasks::{Job, Outcome, StackVerb, TaskEvent, TaskId, Verb};
use ondeck::ui::app::Focus;
use ondeck::ui::message::Msg;
use ondeck::ui::overlay::Overlay;
use ondeck::ui::view::{Target, View};

fn names(job: &Job) -> Vec<&str> {
    match job {
        Job::Containers { on, .. } => on.iter().map(|n| n.name.as_str()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_worst_thing_is_two_keys_from_its_log_and_three_from_its_restart() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["enter"]);
    assert!(stage.text().contains("listening on :8000"));
    stage.press(&["r"]);
    assert!(matches!(&stage.jobs[..], [Job::Containers { verb: Verb::Restart, .. }]));
    assert_eq!(names(&stage.jobs[0]), ["blog-post-1"]);
}

#[test]
fn a_stack_is_restarted_as_a_stack_and_a_service_as_its_containers() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["2", "down", "down", "r"]);
    assert!(matches!(&stage.jobs[..], [Job::Stack { verb: StackVerb::Restart, stack }] if stack.name == "shop"));
    stage.press(&["G", "up", "up", "s"]);
    assert_eq!(names(&stage.jobs[1]), ["shop-worker-1", "shop-worker-2"]);
    assert!(matches!(&stage.jobs[1], Job::Containers { verb: Verb::Stop, .. }));
}

#[test]
fn marked_rows_take_an_action_together_and_lose_their_marks() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "/", "worker", "enter", "ctrl-a", "p"]);
    assert_eq!(names(&stage.jobs[0]), ["shop-worker-1", "shop-worker-2"]);
    assert!(stage.app.list().marked.is_empty());
    // Logs of marked containers are read together.
    stage.press(&["ctrl-a", "l"]);
    assert!(stage.text().contains("logs of 2 containers"));
}

#[test]
fn what_loses_something_asks_and_the_answer_is_no_by_itself() {
    let mut stage = Stage::new(80, 24);
    stage.press(&["8", "d"]);
    assert!(stage.text().contains("lost for good"));
    stage.press(&["enter"]);
    assert!(stage.jobs.is_empty() && stage.app.overlay.is_none());
    stage.press(&["d", "left", "enter"]);
    assert!(matches!(&stage.jobs[..], [Job::RemoveVolumes { on }] if on[0].name == "blog_posts"));
    stage.press(&["d", "y"]);
    assert_eq!(stage.jobs.len(), 2);
    stage.press(&["d", "esc"]);
    assert_eq!(stage.jobs.len(), 2);
}

#[test]
fn a_prune_says_what_it_finds_before_it_does_anything() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["8", "X"]);
    let text = stage.text();
    assert!(text.contains("blog_posts  88M") && !text.contains("shop_data  812M"), "{text}");
    stage.press(&["n", "6", "X"]);
    assert!(stage.text().contains("212M"));
    stage.press(&["n", "7", "X", "y"]);
    assert!(matches!(&stage.jobs[..], [Job::Prune { finds, .. }] if finds == &["shop_front"]));
}

#[test]
fn names_are_checked_and_signals_chosen() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "down", "f2"]);
    assert!(stage.text().contains("Rename shop-api-1 to"));
    stage.press(&["ctrl-u", "a b", "enter"]);
    assert!(stage.text().contains("two or more letters"));
    stage.press(&["ctrl-u", "api-2", "enter"]);
    assert!(matches!(&stage.jobs[..], [Job::Rename { to, .. }] if to == "api-2"));
    stage.press(&["ctrl-k", "hup", "enter"]);
    assert!(matches!(&stage.jobs[1], Job::Containers { verb: Verb::Kill { signal }, .. } if signal == "SIGHUP"));
    // The one that cannot be taken back asks.
    stage.press(&["ctrl-k", "sigkill", "enter"]);
    assert!(matches!(stage.app.overlay, Some(Overlay::Confirm(_))));
}

#[test]
fn esc_goes_one_step_back_and_never_leaves() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "/", "shop", "enter", "space", "tab", "/", "refused", "enter"]);
    assert_eq!(stage.app.detail.logs.query(), "refused");
    stage.press(&["esc"]);
    assert_eq!((stage.app.detail.logs.query(), stage.app.focus), ("", Focus::Detail));
    stage.press(&["esc"]);
    assert_eq!(stage.app.focus, Focus::List);
    stage.press(&["esc"]);
    assert_eq!((stage.app.list().filter.as_str(), stage.app.list().marked.len()), ("", 1));
    stage.press(&["esc"]);
    assert_eq!((stage.app.list().marked.len(), stage.app.view), (0, View::Containers));
    stage.press(&["esc", "esc", "esc"]);
    assert_eq!(stage.app.view, View::Deck);
    assert!(!stage.left);
    stage.press(&["q"]);
    assert!(stage.left);
}

#[test]
fn leaving_asks_while_a_task_runs() {
    let mut stage = Stage::new(120, 36);
    let at = Timestamp::UNIX_EPOCH;
    let started =
        TaskEvent::Started { id: TaskId(1), title: "pull shop".into(), command: "docker compose pull".into(), at };
    stage.send(Msg::Task(started));
    stage.press(&["q"]);
    assert!(stage.text().contains("Leave while a task is running?") && !stage.left);
    stage.press(&["n", "0", "g", "c"]);
    assert_eq!(stage.copied, ["docker compose pull"]);
    stage.send(Msg::Task(TaskEvent::Ended { id: TaskId(1), outcome: Outcome::Done("pulled in 2.0 s".into()), at }));
    assert!(stage.text().contains("pull shop: pulled in 2.0 s"));
    stage.press(&["q"]);
    assert!(stage.left);
}

#[test]
fn what_may_not_be_done_says_why_and_is_dimmed_in_the_palette() {
    let mut snapshot = fixture::snapshot();
    snapshot.access = Access { read_only: Some("a proxy does not let this pass".into()) };
    let mut stage = Stage::with(120, 36, snapshot, settings());
    stage.press(&["3", "r"]);
    assert!(stage.jobs.is_empty());
    assert!(stage.text().contains("Not possible now: a proxy does not let this pass"));
    stage.press(&[":", "restart"]);
    assert!(stage.text().contains("a proxy does not let this pass"));
    // Reading goes on.
    stage.press(&["esc", "l"]);
    assert!(stage.text().contains("listening on"));
}

#[test]
fn a_lost_engine_leaves_what_was_known_on_screen() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "down", "down"]);
    let mut snapshot = fixture::snapshot();
    let error = EngineError::new(ErrorKind::Unreachable, "nobody listens");
    snapshot.link = Link::Down { since: fixture::now(), error, attempts: 3, retry_at: fixture::now() };
    stage.send(Msg::Snapshot(Arc::new(snapshot)));
    let text = stage.text();
    assert!(text.contains("lost 0s ago, trying again (3)") && text.contains("shop-db-1"), "{text}");
    stage.send(Msg::Snapshot(Arc::new(fixture::snapshot())));
    assert!(stage.text().contains("web-01 is back"));
    assert!(
        matches!(&stage.app.list().selected().unwrap().target, Target::Container(id) if stage.app.snap.containers[id].name == "shop-db-1")
    );
}

#[test]
fn the_cursor_stays_on_its_thing_when_rows_come_and_go() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "down", "down"]);
    let on = stage.app.list().on.clone();
    let mut snapshot = fixture::snapshot();
    let mut first = fixture::container(90, "shop", "aaa");
    first.name = "aaa".into();
    snapshot.containers.insert(first.id.clone(), Arc::new(first));
    stage.send(Msg::Snapshot(Arc::new(snapshot.clone())));
    assert_eq!((stage.app.list().on.clone(), stage.app.list().cursor), (on.clone(), 3));
    let Some(Target::Container(id)) = on else { panic!() };
    snapshot.containers.remove(&id);
    stage.send(Msg::Snapshot(Arc::new(snapshot)));
    assert_eq!(stage.app.list().cursor, 3, "its neighbour is selected");
}

#[test]
fn lists_filter_sort_and_hide() {
    let mut stage = Stage::new(200, 50);
    stage.press(&["3", "o", "o"]);
    let first = |s: &Stage| match &s.app.list().rows[0].target {
        Target::Container(id) => s.app.snap.containers[id].name.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(first(&stage), "shop-worker-1", "the greatest CPU first");
    stage.press(&["O"]);
    assert_eq!(first(&stage), "blog-post-1");
    stage.press(&["H"]);
    assert!(!stage.text().contains("blog-post-1"));
    stage.press(&["/", "zzz"]);
    assert!(stage.text().contains("Nothing matches `zzz`"));
}

#[test]
fn secrets_are_masked_until_asked_for() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "down", "enter", "]", "]", "]"]);
    let text = stage.text();
    assert!(text.contains("DB_PASSWORD=••••••••") && !text.contains("hunter2"), "{text}");
    stage.press(&["x"]);
    assert!(stage.text().contains("DB_PASSWORD=hunter2"));
    // The next container begins masked again.
    stage.press(&["esc", "down", "tab"]);
    assert!(!stage.text().contains("hunter2"));
}

#[test]
fn logs_are_searched_filtered_and_copied() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "down", "l", "/", "refused", "enter", "N", "y"]);
    assert_eq!(stage.copied, ["ERROR db: connection refused"]);
    stage.press(&["&"]);
    let text = stage.text();
    assert!(text.contains("refused") && !text.contains("checkpoint") && text.contains("2 lines"), "{text}");
    stage.press(&["esc"]);
    assert!(stage.text().contains("checkpoint"));
    // What stands below the screen only is found too.
    stage.lines = (0..100).map(|n| (0, 100 - n, format!("row {n}"))).collect();
    stage.press(&["esc", "down", "l", "g", "/", "row 99", "enter", "y"]);
    assert_eq!(stage.copied.last().unwrap(), "row 99");
    stage.press(&["/", "(broken", "enter"]);
    assert!(stage.text().contains("taken literally"));
    stage.press(&["esc", "@", "soon", "enter"]);
    assert!(matches!(&stage.app.overlay, Some(Overlay::Prompt(p)) if p.error.is_some()));
}

#[test]
fn a_theme_is_seen_while_it_is_chosen_and_taken_back_by_esc() {
    let mut stage = Stage::new(120, 36);
    stage.press(&[":", "theme", "enter", "down"]);
    assert_eq!(stage.app.settings.theme.name, "daylight");
    stage.press(&["esc"]);
    assert_eq!(stage.app.settings.theme.name, "harbor");
    stage.press(&[":", "theme", "enter", "ember", "enter"]);
    assert_eq!(stage.app.settings.theme.name, "ember");
}

#[test]
fn the_mouse_selects_opens_scrolls_and_drags() {
    let mut stage = Stage::new(120, 36);
    let mouse = |kind, column, row| Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    let left = MouseEventKind::Down(MouseButton::Left);
    stage.send(mouse(left, 22, 1));
    assert_eq!(stage.app.view, View::Containers);
    stage.send(mouse(left, 10, 6));
    assert_eq!(stage.app.list().cursor, 2);
    stage.send(mouse(left, 10, 6));
    assert_eq!(stage.app.focus, Focus::Detail);
    stage.send(mouse(MouseEventKind::ScrollDown, 10, 6));
    assert_eq!(stage.app.list().cursor, 5);
    let split = stage.app.areas().list.unwrap().right();
    stage.send(mouse(left, split, 10));
    stage.send(mouse(MouseEventKind::Drag(MouseButton::Left), 90, 10));
    stage.send(mouse(MouseEventKind::Up(MouseButton::Left), 90, 10));
    assert_eq!(stage.app.areas().list.unwrap().right(), 90);
    // A place where nothing is does nothing.
    stage.send(mouse(left, 119, 35));
    stage.send(mouse(left, 10, 30));
}

#[test]
fn pasted_text_is_no_commands() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3"]);
    stage.send(Msg::Paste("dqrs\n".into()));
    assert!(stage.jobs.is_empty() && !stage.left && stage.app.overlay.is_none());
    stage.press(&["/"]);
    stage.send(Msg::Paste("api\x1b[2J\nrest".into()));
    assert_eq!(stage.app.list().filter, "api[2J");
}

#[test]
fn commands_of_ones_own_are_quoted_and_bound() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.yaml");
    let text = "commands:\n  - name: hello\n    key: ctrl-h\n    on: container\n    terminal: false\n    command: echo {{name}} {{stack}}\n";
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file)).unwrap();
    let mut own = ondeck::ui::settings(config, None).unwrap();
    own.zone = jiff::tz::TimeZone::UTC;
    let mut stage = Stage::with(120, 36, fixture::snapshot(), own);
    stage.press(&["3", "down", "ctrl-h"]);
    let Some(Job::Custom { name, command }) = stage.jobs.first() else { panic!("{:?}", stage.jobs) };
    assert_eq!(name, "hello");
    assert!(command.contains("shop-api-1") && command.contains("shop"), "{command}");
    stage.press(&["6", ":", "hello"]);
    assert!(stage.text().contains("not for what is selected"));
}

#[test]
fn who_wants_to_be_asked_always_is() {
    let mut own = settings();
    let mut config = Config::default();
    config.confirm = ondeck::config::Confirm::All;
    own.config = Arc::new(config);
    let mut stage = Stage::with(120, 36, fixture::snapshot(), own);
    stage.press(&["3", "down", "r"]);
    assert!(stage.jobs.is_empty() && stage.text().contains("docker restart shop-api-1"));
    stage.press(&["y"]);
    assert_eq!(stage.jobs.len(), 1);
}

#[test]
fn too_small_a_terminal_is_told() {
    let mut stage = Stage::new(40, 10);
    assert!(stage.text().contains("ondeck needs 60x15"));
    stage.press(&["3", "enter", "?", "esc", ":", "x", "esc"]);
    stage.send(Msg::Resize(ratatui::layout::Size { width: 80, height: 24 }));
}

#[test]
fn until_the_cursor_is_moved_the_worst_thing_is_selected() {
    let mut snapshot = fixture::snapshot();
    let bad: Vec<_> = snapshot.containers.values().filter(|c| c.name != "shop-web-1").map(|c| c.id.clone()).collect();
    for id in bad {
        snapshot.containers.remove(&id);
    }
    snapshot.stacks = Arc::new(ondeck::fleet::stacks_of(snapshot.containers.values()));
    let mut stage = Stage::with(120, 36, snapshot, settings());
    assert!(stage.text().contains("All is well"));
    stage.send(Msg::Snapshot(Arc::new(fixture::snapshot())));
    assert_eq!(stage.app.name_of(&stage.app.here().unwrap()), "blog-post-1");
    stage.press(&["down"]);
    let mut fewer = fixture::snapshot();
    fewer.containers.retain(|_, c| c.name != "blog-post-1");
    stage.send(Msg::Snapshot(Arc::new(fewer)));
    assert_eq!(stage.app.name_of(&stage.app.here().unwrap()), "shop-mailer-1");
}

/// A panel on the host with sessions.
fn with_sessions() -> Stage {
    Stage::with(120, 36, fixture::sessions(), settings())
}

fn session(stage: &Stage, name: &str) -> Session {
    let all: Vec<Session> = stage.app.snap.containers.values().filter_map(|c| Session::of(c)).collect();
    all.into_iter().find(|s| s.id == name).unwrap()
}

#[test]
fn a_session_is_started_extended_and_ended_by_keys() {
    let mut stage = with_sessions();
    stage.press(&["4", "n", "lab7 20m 1g debian:12", "enter"]);
    let Some(Job::StartSession { spec, .. }) = stage.jobs.pop() else { panic!("nothing was started") };
    assert_eq!((spec.workspace.as_deref(), spec.ttl, spec.memory), (Some("lab7"), 1200, 1 << 30));
    assert_eq!(spec.images, ["debian:12"]);
    // What cannot be is told where it is typed.
    stage.press(&["n", "lab7 9h", "enter"]);
    assert!(stage.jobs.is_empty() && stage.text().contains("may live from 10s to 4h"));
    stage.press(&["esc", "down", "+"]);
    let Some(Job::ExtendSession { session, seconds: 900 }) = stage.jobs.pop() else { panic!("nothing was extended") };
    assert_eq!(session.id, "k3f9");
    // The end asks, and no is the answer unless one says otherwise.
    stage.press(&["d", "enter"]);
    assert!(stage.jobs.is_empty());
    stage.press(&["d", "y"]);
    assert!(matches!(&stage.jobs[..], [Job::EndSessions { on }] if on[0].id == "k3f9"));
    // The workspace that nobody works on is resumed.
    stage.press(&["G", "n"]);
    assert!(stage.text().contains("› lab2"));
}

#[test]
fn people_are_warned_once_at_five_minutes_and_once_at_one() {
    let mut stage = with_sessions();
    let (now, ending) = (fixture::now(), session(&stage, "qv7e"));
    stage.send(Msg::Left(ending.container.clone(), Ok(Left { seconds: 400, longest: 7200 })));
    let mut after = |seconds: i64| {
        stage.app.notice = None;
        stage.app.update(Msg::Countdown, now + SignedDuration::from_secs(seconds));
        stage.app.notice.as_ref().map(|n| n.text.clone())
    };
    assert_eq!(after(50), None);
    assert_eq!(after(100).unwrap(), "session qv7e ends in 5:00: 4 shows it, + extends it");
    assert_eq!(after(101), None);
    assert_eq!(after(341).unwrap(), "session qv7e ends in 0:59: 4 shows it, + extends it");
    assert_eq!(after(350), None);
    // Extended: then the warnings come again.
    stage.send(Msg::Left(ending.container.clone(), Ok(Left { seconds: 400, longest: 7200 })));
    stage.app.notice = None;
    stage.app.update(Msg::Countdown, now + SignedDuration::from_secs(101));
    assert!(stage.app.notice.is_some());
}

#[test]
fn the_end_of_a_session_and_its_want_of_memory_are_told() {
    let mut stage = with_sessions();
    let starved = session(&stage, "k3f9");
    let mut snap = (*stage.app.snap).clone();
    let mut events = (*snap.events).clone();
    let oom = events.back().unwrap().clone();
    events.push_back(Event { time: fixture::now(), id: starved.container.clone(), ..oom });
    snap.events = Arc::new(events);
    stage.send(Msg::Snapshot(Arc::new(snap.clone())));
    assert!(stage.text().contains("session k3f9: its 1.5G of memory were used up"));
    snap.containers.remove(&starved.container);
    stage.send(Msg::Snapshot(Arc::new(snap)));
    assert!(stage.text().contains("session k3f9 has ended; its workspace lab1 is kept"));
}

#[test]
fn one_looks_into_a_session_and_comes_back_by_itself_when_it_ends() {
    let mut stage = with_sessions();
    let host = stage.app.snap.clone();
    stage.press(&["4", "down", "I"]);
    let mut inner = fixture::snapshot();
    (inner.host, inner.address) = ("session k3f9".into(), "ondeck-session-k3f9 on unix:///x".into());
    stage.send(Msg::Snapshot(Arc::new(inner.clone())));
    assert!(stage.text().lines().next().unwrap().contains("web-01 › session k3f9 12m left"), "{}", stage.text());
    assert_eq!(stage.app.view, View::Containers);
    // What it is about can be said from within.
    stage.press(&["+"]);
    assert!(matches!(&stage.jobs[..], [Job::ExtendSession { session, .. }] if session.id == "k3f9"));
    let error = EngineError::new(ErrorKind::NotFound, "ondeck-session-k3f9 has ended");
    inner.link = Link::Down { since: fixture::now(), error, attempts: 1, retry_at: fixture::now() };
    stage.send(Msg::Snapshot(Arc::new(inner)));
    assert!(stage.app.inside.is_none() && stage.app.view == View::Sessions);
    stage.send(Msg::Snapshot(host));
    assert!(stage.text().contains("session k3f9 has ended; its workspace lab1 is kept"));
}
