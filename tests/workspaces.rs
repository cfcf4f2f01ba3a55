//! What keys do at a workspace, without a terminal and without Docker.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::desk::{at_workspace, begin, build, built, end, step};
use common::fixture;
use common::stage::{Stage, settings};
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ondeck::builds::run::{Outcome as Start, Place, Run, Trouble};
use ondeck::builds::{BuildEvent, Failure, StepPlace};
use ondeck::engine::model::Container;
use ondeck::engine::request::Answer;
use ondeck::engine::{Address, Builder, Endpoint, EngineError, ErrorKind};
use ondeck::fleet::Link;
use ondeck::tasks::{Job, Outcome, StackVerb, TaskId};
use ondeck::ui::desk::{DeskNews, OutputTab, Pane, Reach};
use ondeck::ui::message::Msg;
use ondeck::workspace::{Change, Draft, Form};

const DOCKERFILE: &str = "FROM debian:12\nCOPY server.pl /\nUSER 1000\nCMD [\"perl\", \"/server.pl\"]\n";

fn small() -> Stage {
    at_workspace(120, 36, &[("Dockerfile", DOCKERFILE), ("server.pl", "print 1;\n")])
}

fn text(stage: &Stage) -> String {
    stage.app.desk().unwrap().buffers.here().unwrap().editor.text()
}

#[test]
fn a_session_opens_at_its_dockerfile_and_leads_back() {
    let mut stage = small();
    let screen = stage.text();
    for expected in ["session qv7e", "2 Files", "FROM debian:12", "server.pl", "4m left"] {
        assert!(screen.contains(expected) || expected == "4m left", "{expected}\n{screen}");
    }
    stage.press(&["esc"]);
    assert!(stage.app.desk().is_none() && stage.text().contains("SESSION"));
    // It is as it was left.
    stage.press(&["enter", "2", "down", "enter", "esc", "enter"]);
    assert_eq!(stage.app.desk().unwrap().buffers.here().unwrap().path, "server.pl");
}

#[test]
fn what_is_wrong_is_marked_while_one_types_and_mended_by_a_key() {
    let mut stage = small();
    stage.press(&["enter", "ctrl-end", "ENTRYPOINT echo hi"]);
    let problems = &stage.app.desk().unwrap().buffers.here().unwrap().problems;
    let found = problems.iter().find(|p| p.line == 4).unwrap().clone();
    assert!(found.fix.is_some(), "{found:?}");
    assert!(stage.text().contains(&found.code));
    stage.press(&["f4"]);
    assert!(text(&stage).contains("ENTRYPOINT [\"echo\", \"hi\"]"), "{}", text(&stage));
    assert!(!stage.app.desk().unwrap().buffers.here().unwrap().problems.iter().any(|p| p.line == 4));
    // One step of undo, though it was the panel's and not typed.
    stage.press(&["ctrl-z"]);
    assert!(text(&stage).ends_with("ENTRYPOINT echo hi"));
}

#[test]
fn problems_are_listed_and_lead_to_their_lines() {
    let mut stage = at_workspace(200, 50, &[("Dockerfile", "FROM debian\nRUN sudo ls\nUSER 1\n")]);
    stage.press(&["5"]);
    let screen = stage.text();
    assert!(screen.contains("Problems 2") || screen.contains("Problems 3"), "{screen}");
    stage.press(&["g", "down", "down", "down", "enter"]);
    let desk = stage.app.desk().unwrap();
    assert_eq!((desk.focus, desk.buffers.here().unwrap().editor.cursor().0), (Pane::Editor, 1));
    stage.press(&["n"]);
    assert_eq!(stage.app.desk().unwrap().buffers.here().unwrap().editor.cursor().0, 0, "round the end");
}

#[test]
fn what_a_dockerignore_hides_is_said_of_the_copy_that_wants_it() {
    let mut stage = small();
    assert!(stage.app.desk().unwrap().buffers.here().unwrap().problems.is_empty());
    stage.files.insert(".dockerignore".into(), "*.pl\n".into());
    stage.news(DeskNews::Changed(Change::Tree));
    let problems = &stage.app.desk().unwrap().buffers.here().unwrap().problems;
    assert!(problems.iter().any(|p| p.line == 1), "{problems:?}");
}

#[test]
fn broken_yaml_and_json_are_marked_where_they_break() {
    let mut stage = at_workspace(120, 36, &[("a.json", "{\n  \"a\": ,\n}"), ("compose.yaml", "a:\n  - b\n c: d\n")]);
    stage.press(&["2", "enter"]);
    assert_eq!(stage.app.desk().unwrap().buffers.here().unwrap().problems[0].line, 1);
    stage.press(&["2", "down", "enter"]);
    let problems = &stage.app.desk().unwrap().buffers.here().unwrap().problems;
    assert!(problems.len() == 1 && problems[0].line >= 1, "{problems:?}");
}

#[test]
fn a_save_over_someone_elses_text_shows_both_and_asks() {
    let mut stage = small();
    stage.press(&["enter", "# mine"]);
    stage.files.insert("Dockerfile".into(), "FROM theirs\n".into());
    stage.press(&["ctrl-s"]);
    let screen = stage.text();
    assert!(screen.contains("- FROM theirs") && screen.contains("+ # mineFROM debian:12"), "{screen}");
    // Nothing is lost by leaving it.
    stage.press(&["esc"]);
    assert_eq!(stage.files["Dockerfile"], "FROM theirs\n");
    assert!(text(&stage).starts_with("# mine"));
    stage.press(&["ctrl-s", "t"]);
    assert_eq!(text(&stage), "FROM theirs\n");
    stage.press(&["ctrl-z"]);
    assert!(text(&stage).starts_with("# mine"), "mine is one undo away");
    stage.files.insert("Dockerfile".into(), "FROM again\n".into());
    stage.press(&["ctrl-s", "m"]);
    assert!(stage.files["Dockerfile"].starts_with("# mine"));
    assert!(stage.app.desk().unwrap().unsaved().is_empty());
}

#[test]
fn a_file_that_changes_underneath_is_read_again_unless_one_is_at_it() {
    let mut stage = small();
    stage.files.insert("Dockerfile".into(), "FROM scratch\n".into());
    stage.news(DeskNews::Changed(Change::File("Dockerfile".into())));
    assert_eq!(text(&stage), "FROM scratch\n");
    stage.press(&["enter", "# mine"]);
    stage.files.insert("Dockerfile".into(), "FROM other\n".into());
    stage.news(DeskNews::Changed(Change::File("Dockerfile".into())));
    assert!(text(&stage).starts_with("# mine"));
    assert!(stage.text().contains("changed by someone else"));
    stage.files.remove("Dockerfile");
    stage.news(DeskNews::Changed(Change::File("Dockerfile".into())));
    assert!(stage.text().contains("removed outside"));
    stage.press(&["ctrl-s"]);
    assert!(stage.files.contains_key("Dockerfile") || stage.text().contains("theirs"));
}

#[test]
fn a_full_disk_takes_no_text_away() {
    let mut stage = small();
    stage.full = Some(EngineError::new(ErrorKind::Other, "no room is left on the disk"));
    stage.press(&["enter", "# mine", "ctrl-s"]);
    assert!(stage.text().contains("no room is left"));
    assert_eq!(stage.app.desk().unwrap().unsaved(), ["Dockerfile"]);
    assert!(stage.drafts["Dockerfile"].text.starts_with("# mine"));
    // And nothing is built of the old text as if it were the new.
    stage.press(&["f5"]);
    assert!(stage.jobs.is_empty());
    stage.full = None;
    stage.press(&["ctrl-s"]);
    assert!(stage.drafts.is_empty() && stage.app.desk().unwrap().unsaved().is_empty());
}

#[test]
fn what_was_never_saved_comes_back_over_what_is_on_the_disk() {
    let mut stage = Stage::with(120, 36, fixture::sessions(), settings());
    stage.files.insert("Dockerfile".into(), DOCKERFILE.into());
    for (path, text) in [("Dockerfile", "FROM kept\n"), ("new.txt", "never saved")] {
        let at = fixture::now() - jiff::SignedDuration::from_mins(3);
        let draft = Draft { text: text.into(), form: Form::default(), base: None, cursor: (0, 2), at };
        stage.drafts.insert(path.into(), draft);
    }
    stage.press(&["4", "enter"]);
    let desk = stage.app.desk().unwrap();
    assert_eq!(desk.unsaved(), ["Dockerfile", "new.txt"]);
    stage.press(&["["]);
    assert_eq!(text(&stage), "FROM kept\n");
    stage.press(&["enter", "ctrl-z"]);
    assert_eq!(text(&stage), DOCKERFILE, "what is on the disk is one undo away");
}

#[test]
fn the_end_of_a_session_takes_no_text_away() {
    let mut stage = small();
    stage.press(&["enter", "# mine"]);
    let mut snap = fixture::sessions();
    let gone = snap.containers.iter().find(|(_, c)| c.name == "ondeck-session-qv7e").unwrap().0.clone();
    snap.containers.remove(&gone);
    stage.send(Msg::Snapshot(Arc::new(snap)));
    assert!(stage.text().contains("what is not saved in Dockerfile is kept"));
    assert!(stage.drafts["Dockerfile"].text.starts_with("# mine"));
    stage.press(&["ctrl-s"]);
    assert!(text(&stage).starts_with("# mine") && stage.text().contains("comes back with the workspace"));
}

#[test]
fn a_session_is_extended_from_its_workspace() {
    let mut stage = small();
    stage.press(&["+"]);
    assert!(matches!(&stage.jobs[..], [Job::ExtendSession { session, .. }] if session.id == "qv7e"));
}

#[test]
fn an_engine_that_comes_back_brings_what_changed_meanwhile_and_takes_nothing() {
    let mut stage = small();
    stage.press(&["2", "down", "enter", "enter", "# mine"]);
    let mut away = fixture::sessions();
    let error = EngineError::new(ErrorKind::Unreachable, "gone");
    away.link = Link::Down { since: fixture::now(), error, attempts: 1, retry_at: fixture::now() };
    stage.send(Msg::Snapshot(Arc::new(away)));
    stage.files.insert("Dockerfile".into(), "FROM meanwhile\n".into());
    stage.send(Msg::Snapshot(Arc::new(fixture::sessions())));
    let desk = stage.app.desk().unwrap();
    let texts: Vec<String> = desk.buffers.open.iter().map(|b| b.editor.text()).collect();
    assert_eq!(texts, ["FROM meanwhile\n", "# mineprint 1;\n"]);
    assert_eq!(desk.reach, Reach::Here);
}

#[test]
fn leaving_the_panel_tells_what_is_not_saved_and_keeps_it() {
    let mut stage = small();
    stage.press(&["enter", "# mine", "ctrl-]", "q"]);
    assert!(stage.text().contains("Dockerfile in session qv7e is not saved; its text is kept"));
    stage.drafts.clear();
    stage.press(&["y"]);
    assert!(stage.left && stage.drafts["Dockerfile"].text.starts_with("# mine"));
    // The same at a signal, where nobody is asked.
    let mut stage = small();
    stage.press(&["enter", "# mine"]);
    assert_eq!(stage.app.farewell().len(), 1);
}

#[test]
fn building_saves_first_and_says_where_it_failed() {
    let mut stage = small();
    stage.press(&["enter", "# mine", "enter", "f5"]);
    assert!(stage.files["Dockerfile"].starts_with("# mine"));
    assert!(matches!(&stage.jobs[..], [Job::Build { ask, .. }] if ask.tag == "scratch:latest"));
    assert_eq!(
        stage.jobs[0].command(),
        "docker --context web-01 exec --workdir /workspace ondeck-session-qv7e docker build --tag scratch:latest ."
    );
    begin(&mut stage, 7);
    let watch = build(&stage);
    watch.begin(TaskId(7));
    {
        let mut seen = watch.lock();
        seen.read(&stage.files["Dockerfile"]);
        for event in [
            BuildEvent::Begins(Builder::BuildKit),
            step("a", "[1/2] FROM debian:12", true),
            step("b", "[2/2] COPY server.pl /", false),
            BuildEvent::Output { step: "b".into(), bytes: b"out\x1b[2J of words\n".to_vec(), stderr: false },
        ] {
            seen.build.take(event, fixture::now());
        }
    }
    stage.send(Msg::Desk(stage.app.desk().unwrap().id, DeskNews::Second));
    let screen = stage.text();
    assert!(screen.contains("building scratch:latest") && screen.contains("of words"), "{screen}");
    // A second one waits for the first.
    stage.press(&["f5"]);
    assert_eq!(stage.jobs.len(), 1);
    let failure = Failure {
        message: "COPY does not find server.pl in the build context".into(),
        hint: "line 1 of .dockerignore leaves it out".into(),
        at: Some(StepPlace::Stage { stage: String::new(), number: 2, of: 2 }),
        ..Failure::default()
    };
    watch.lock().build.take(BuildEvent::Failed(Box::new(failure)), fixture::now());
    end(&mut stage, 7, Outcome::Failed(EngineError::new(ErrorKind::Other, "it failed")));
    let desk = stage.app.desk().unwrap();
    let editor = &desk.buffers.here().unwrap().editor;
    assert_eq!((editor.cursor().0, editor.flag_line()), (2, Some(2)));
    let screen = stage.text();
    assert!(screen.contains("Dockerfile:3") && screen.contains("leaves it out"), "{screen}");
}

#[test]
fn a_build_is_cancelled_by_a_key() {
    let mut stage = small();
    stage.press(&["b"]);
    begin(&mut stage, 3);
    build(&stage).begin(TaskId(3));
    let effects = stage.app.update(
        Msg::Key(crossterm::event::KeyEvent::new(crossterm::event::KeyCode::Char('x'), KeyModifiers::CONTROL)),
        fixture::now(),
    );
    assert!(effects.iter().any(|e| matches!(e, ondeck::ui::message::Effect::Cancel(TaskId(3)))), "{effects:?}");
}

#[test]
fn a_result_is_compared_with_the_one_before() {
    let mut stage = small();
    for (n, size) in [(1, 70 << 20), (2, 60 << 20)] {
        stage.press(&["b"]);
        begin(&mut stage, n);
        let watch = build(&stage);
        watch.begin(TaskId(n));
        watch.lock().build.take(BuildEvent::Built(Box::new(built(size, &[]))), fixture::now());
        end(&mut stage, n, Outcome::Done("done".into()));
    }
    let screen = stage.text();
    assert!(screen.contains("60M") && screen.contains("10M less than before"), "{screen}");
}

#[test]
fn what_runs_is_followed_asked_and_stopped() {
    let mut stage = small();
    stage.press(&["R"]);
    let Some(Job::RunImage { watch, name, .. }) = stage.jobs.last().cloned() else { panic!("{:?}", stage.jobs) };
    assert_eq!(name, "ondeck-run-scratch");
    begin(&mut stage, 4);
    watch.begin(TaskId(4));
    let container = Container { id: "abc".into(), name, ..Container::default() };
    *watch.lock() = Some(Start::Running(Run { container, warning: None }));
    end(&mut stage, 4, Outcome::Done("runs".into()));
    assert!(stage.done.iter().any(|d| d.starts_with("Follow")), "{:?}", stage.done);
    let run = stage.app.desk().unwrap().output.run.clone().unwrap();
    run.lock().push(false, "listening on 8080".into());
    stage.news(DeskNews::Ran);
    assert!(stage.text().contains("listening on 8080"));
    stage.press(&["w", "enter"]);
    assert!(stage.done.iter().any(|d| d.starts_with("Ask") && d.contains("\"/\"")), "{:?}", stage.done);
    let answer = Answer {
        status: "200 OK".into(),
        code: 200,
        headers: vec![("content-type".into(), "text/plain".into())],
        body: "Hello\x1b[2J you".into(),
        cut: false,
        took: Duration::from_millis(4),
    };
    stage.news(DeskNews::Answered(Ok(answer)));
    let screen = stage.text();
    assert!(screen.contains("200 OK") && screen.contains("you") && !screen.contains('\x1b'), "{screen}");
    stage.press(&["s"]);
    assert!(matches!(stage.jobs.last(), Some(Job::StopRun { .. })));
    run.lock().ended = Some(Ok(None));
    stage.news(DeskNews::Ran);
    stage.press(&["5", "["]);
    assert!(stage.text().contains("is stopped"));
}

#[test]
fn what_prevents_a_start_is_said_with_the_place_that_causes_it() {
    let mut stage = small();
    stage.press(&["R"]);
    let Some(Job::RunImage { watch, .. }) = stage.jobs.last().cloned() else { panic!("{:?}", stage.jobs) };
    begin(&mut stage, 4);
    watch.begin(TaskId(4));
    let trouble = Trouble {
        what: "the program is not there".into(),
        why: "perrl is in no directory of PATH".into(),
        place: Place::Instruction("CMD"),
        todo: "install it, or spell it right".into(),
        code: Some(127),
    };
    *watch.lock() = Some(Start::Failed(trouble));
    end(&mut stage, 4, Outcome::Failed(EngineError::new(ErrorKind::Other, "no")));
    let screen = stage.text();
    assert!(screen.contains("CMD in the Dockerfile, Dockerfile:4"), "{screen}");
    stage.press(&["5", "g", "down", "enter"]);
    assert_eq!(stage.app.desk().unwrap().buffers.here().unwrap().editor.cursor().0, 3);
}

#[test]
fn how_it_is_run_is_asked_checked_and_remembered() {
    let mut stage = small();
    stage.press(&["f9", "80800"]);
    stage.press(&["enter"]);
    assert!(stage.jobs.is_empty() && stage.text().contains("80800"), "{}", stage.text());
    stage.press(&["ctrl-u", "8080:80", "tab", "A=b", "enter"]);
    let Some(Job::RunImage { options: Some(options), .. }) = stage.jobs.last() else { panic!("{:?}", stage.jobs) };
    assert_eq!(options.ports[0].container, 80);
    assert_eq!(options.env, [("A".to_owned(), "b".to_owned())]);
    assert_eq!(stage.app.remembered.runs.len(), 1);
}

#[test]
fn files_are_made_renamed_and_removed_with_a_question() {
    let mut stage = small();
    stage.press(&["2", "n", "lib/a.pl", "enter"]);
    assert!(stage.files.contains_key("lib/a.pl") && stage.text().contains("a.pl"));
    stage.press(&["n", "ctrl-u", "Dockerfile", "enter"]);
    assert!(stage.text().contains("is there already"));
    stage.press(&["esc", "f2", "ctrl-u", "lib/b.pl", "enter"]);
    assert!(stage.files.contains_key("lib/b.pl") && !stage.files.contains_key("lib/a.pl"));
    stage.press(&["n", "ctrl-u", "../x", "enter"]);
    assert!(stage.app.overlay.is_some(), "out of the workspace leads no path");
    stage.press(&["esc", "d"]);
    assert!(stage.text().contains("lost for good"));
    stage.press(&["enter"]);
    assert!(stage.files.contains_key("lib/b.pl"), "no is the answer by itself");
    stage.press(&["d", "y"]);
    assert!(!stage.files.contains_key("lib/b.pl"));
}

#[test]
fn a_file_that_is_renamed_stays_open_with_its_text() {
    let mut stage = small();
    stage.press(&["enter", "# mine", "ctrl-]", "2", "g", "f2", "ctrl-u", "Other", "enter"]);
    let desk = stage.app.desk().unwrap();
    assert_eq!(desk.buffers.here().unwrap().path, "Other");
    assert!(text(&stage).starts_with("# mine"));
}

#[test]
fn closing_what_is_not_saved_asks() {
    let mut stage = small();
    stage.press(&["enter", "# mine", "ctrl-]", "x"]);
    assert!(stage.text().contains("without saving"));
    stage.press(&["n", "x", "y"]);
    assert!(stage.app.desk().unwrap().buffers.open.is_empty() && stage.drafts.is_empty());
}

#[test]
fn an_empty_workspace_says_what_to_do() {
    let mut stage = at_workspace(120, 36, &[]);
    let screen = stage.text();
    assert!(screen.contains("Nothing is here yet") && screen.contains("puts a small service here"), "{screen}");
    stage.press(&["enter"]);
    assert_eq!(stage.done.last().unwrap(), "Starter");
    // Its files come one after another, and may be listed in between.
    stage.files.insert("README.md".to_owned(), "# Service".to_owned());
    stage.news(DeskNews::Done("made README.md".to_owned(), None, Ok(())));
    assert!(stage.text().contains("README.md") && stage.app.desk().unwrap().buffers.open.is_empty());
    stage.files.insert("Dockerfile".to_owned(), DOCKERFILE.to_owned());
    stage.news(DeskNews::Started(Ok(())));
    let open: Vec<&str> = stage.app.desk().unwrap().buffers.open.iter().map(|b| b.path.as_str()).collect();
    assert_eq!(open, ["Dockerfile"]);
}

#[test]
fn the_pane_that_one_works_in_is_on_screen_at_every_size() {
    for (width, height, together) in [(80, 24, 1), (120, 36, 2), (200, 50, 5)] {
        let mut stage = at_workspace(width, height, &[("Dockerfile", DOCKERFILE)]);
        for (key, pane) in
            [("1", Pane::Guide), ("2", Pane::Files), ("3", Pane::Editor), ("4", Pane::Terminal), ("5", Pane::Output)]
        {
            if stage.app.terminals.inside() {
                stage.press(&["ctrl-]"]);
            }
            stage.press(&[key]);
            let areas = stage.app.desk_areas();
            assert!(areas.iter().any(|(p, _)| *p == pane), "{width}: {pane:?}");
            assert_eq!(
                areas.len(),
                if pane == Pane::Editor || together != 2 { together } else { 2 },
                "{width}: {pane:?}"
            );
            stage.text();
        }
    }
}

#[test]
fn a_stack_of_this_host_opens_at_its_compose_file_and_is_brought_up_from_there() {
    let mut snap = fixture::snapshot();
    let address = Address::Unix("/var/run/docker.sock".into());
    snap.address = address.to_string();
    snap.endpoint = Some(Arc::new(Endpoint { name: "default".into(), address, tls: None, source: String::new() }));
    let mut stage = Stage::with(120, 36, snap, settings());
    stage.files = [("compose.yaml", "services: {}\n"), ("Dockerfile", DOCKERFILE)]
        .map(|(p, t)| (p.to_owned(), t.to_owned()))
        .into();
    stage.press(&["2", "down", "down", "e"]);
    let desk = stage.app.desk().unwrap();
    assert_eq!(desk.buffers.here().unwrap().path, "compose.yaml");
    assert!(!desk.has_terminal());
    stage.press(&["U"]);
    assert!(matches!(stage.jobs.last(), Some(Job::Stack { verb: StackVerb::Up, .. })));
    // Elsewhere its files are not to be had.
    let mut stage = Stage::new(120, 36);
    stage.press(&["2", "down", "down", "e"]);
    assert!(stage.app.desk().is_none() && stage.text().contains("its files are on web-01"));
}

#[test]
fn the_mouse_writes_opens_and_turns_tabs() {
    let mut stage = at_workspace(200, 50, &[("Dockerfile", DOCKERFILE), ("server.pl", "print 1;\n")]);
    let click = |stage: &mut Stage, column, row| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        stage.send(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    };
    let areas = stage.app.desk_areas();
    let area = |pane| areas.iter().find(|(p, _)| *p == pane).unwrap().1;
    let editor = area(Pane::Editor);
    click(&mut stage, editor.x + 10, editor.y + 2);
    assert!(stage.app.desk().unwrap().typing);
    assert_eq!(stage.app.desk().unwrap().buffers.here().unwrap().editor.cursor().0, 1);
    let files = area(Pane::Files);
    click(&mut stage, files.x + 4, files.y + 2);
    click(&mut stage, files.x + 4, files.y + 2);
    assert_eq!(stage.app.desk().unwrap().buffers.here().unwrap().path, "server.pl");
    let output = area(Pane::Output);
    click(&mut stage, output.x + 14, output.y);
    assert_eq!(stage.app.desk().unwrap().output.tab, OutputTab::Build);
    click(&mut stage, editor.x + 3, editor.y);
    assert_eq!(stage.app.desk().unwrap().buffers.here().unwrap().path, "Dockerfile");
}

#[test]
fn text_is_searched_and_replaced_as_one_step() {
    let mut stage = small();
    stage.press(&["enter", "ctrl-f", "server", "enter"]);
    assert_eq!(stage.app.desk().unwrap().buffers.here().unwrap().editor.cursor().0, 1);
    stage.press(&["ctrl-f", "nowhere", "enter"]);
    assert!(stage.text().contains("nowhere is not in this file"));
    stage.press(&["esc", "ctrl-r", "/server.pl", "tab", "/app/a.pl", "enter"]);
    assert!(text(&stage).contains("CMD [\"perl\", \"/app/a.pl\"]"), "{}", text(&stage));
    stage.press(&["ctrl-z"]);
    assert_eq!(text(&stage), DOCKERFILE);
    stage.press(&["ctrl-g", "4", "enter"]);
    assert_eq!(stage.app.desk().unwrap().buffers.here().unwrap().editor.cursor().0, 3);
}

#[test]
fn long_instructions_are_walked_to_their_end_at_every_width() {
    let paragraphs: Vec<String> = (0..900).map(|n| format!("paragraph {n} of the guide")).collect();
    let readme = paragraphs.join("\n\n");
    let mut stage = at_workspace(120, 36, &[("Dockerfile", DOCKERFILE), ("README.md", &readme)]);
    stage.press(&["1", "G"]);
    assert!(stage.text().contains("paragraph 899"), "{}", stage.text());
    // In a narrower pane the same text takes more lines.
    let lines = stage.app.desk().unwrap().guide.lines.len();
    stage.press(&["-", "-", "-", "-", "-", "-", "-", "-"]);
    assert!(stage.app.desk().unwrap().guide.lines.len() > lines);
    stage.press(&["g"]);
    assert!(stage.text().contains("paragraph 0"));
}

#[test]
fn pasted_text_goes_into_the_file_as_one_step() {
    let mut stage = small();
    stage.press(&["enter"]);
    stage.send(Msg::Paste("RUN a\nRUN b\n".into()));
    assert!(text(&stage).starts_with("RUN a\nRUN b\nFROM"));
    stage.press(&["ctrl-z"]);
    assert_eq!(text(&stage), DOCKERFILE);
}

#[test]
fn nothing_of_a_task_that_is_not_its_own_moves_a_workspace() {
    let mut stage = small();
    stage.press(&["b"]);
    begin(&mut stage, 1);
    end(&mut stage, 99, Outcome::Cancelled);
    assert!(build(&stage).lock().build.is_running());
}
