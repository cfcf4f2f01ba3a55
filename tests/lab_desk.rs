//! What keys do at the workspace of a lab, without a terminal and without Docker.

#![allow(clippy::unwrap_used)]

mod common;

use common::at_lab::{at_lab, ends, failed, goes_on, judging, known, passed, troubled};
use common::desk::{at_workspace, build};
use common::fixture;
use common::stage::Stage;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ondeck::builds::{BuildEvent, Failure};
use ondeck::engine::{EngineError, ErrorKind};
use ondeck::judge::{CheckStatus, Mode, Report};
use ondeck::tasks::{Job, Outcome, TaskEvent, TaskId};
use ondeck::ui::desk::{DeskNews, Known, OutputTab, Pane};
use ondeck::ui::message::{Effect, Msg};

fn guide(stage: &Stage) -> String {
    stage.app.desk().unwrap().guide.lines.iter().map(|l| l.text().trim_end().to_owned() + "\n").collect()
}

fn results(stage: &Stage) -> String {
    let desk = stage.app.desk().unwrap();
    assert_eq!(desk.output.tab, OutputTab::Results);
    desk.output.pane().lines.iter().map(|l| l.text().trim_end().to_owned() + "\n").collect()
}

/// The same in one line, however it is wrapped.
fn said(stage: &Stage) -> String {
    results(stage).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The line of the output that the cursor is on.
fn line(stage: &Stage) -> String {
    let pane = stage.app.desk().unwrap().output.pane();
    pane.lines[pane.cursor].text().trim().to_owned()
}

fn looked_back(stage: &mut Stage, known: Known) {
    stage.news(DeskNews::LookedBack(Box::new(Ok(known))));
}

#[test]
fn the_guide_is_the_labs_own_with_its_tasks_above() {
    let stage = at_lab(120, 36);
    let text = guide(&stage);
    assert!(text.starts_with("○ 1. Leave out what the image"), "{text}");
    assert!(text.contains("100 points; S submits") && text.contains("Write a .dockerignore"), "{text}");
    assert!(!text.contains("Mine"), "the README of the workspace may be another");
    assert_eq!(stage.app.desk().unwrap().beside, Pane::Guide);
    // Where only one pane is seen, one begins with it.
    assert_eq!(at_lab(80, 24).app.desk().unwrap().focus, Pane::Guide);
}

#[test]
fn handing_in_saves_first_and_judges_in_the_session() {
    let mut stage = at_lab(120, 36);
    stage.press(&["3", "enter", "# mine", "f7"]);
    assert!(stage.files["Dockerfile"].starts_with("# mine"));
    let [Job::Judge { lab, owner, clean: false, .. }] = &stage.jobs[..] else { panic!("{:?}", stage.jobs) };
    assert_eq!((lab.id.as_str(), owner.as_str()), ("lab1", "ann"));
    assert!(stage.app.desk().unwrap().typing, "whoever types goes on typing");
    // One at a time.
    stage.press(&["f7"]);
    assert_eq!(stage.jobs.len(), 1);
    assert!(stage.text().contains("ctrl-x cancels"));
    goes_on(&mut stage, 1);
    let text = results(&stage);
    assert!(text.contains("Judging  2 of 4 checks") && text.contains("Collecting flask"), "{text}");
    assert!(text.contains("✖ The context holds") && text.contains("◐ The image builds"), "{text}");
    assert!(guide(&stage).contains("✖ 1. Leave out") && guide(&stage).contains("◐ 2. Build it"), "{}", guide(&stage));
}

#[test]
fn a_fresh_session_is_another_key() {
    let mut stage = at_lab(120, 36);
    stage.press(&["C"]);
    assert!(matches!(&stage.jobs[..], [Job::Judge { clean: true, .. }]), "{:?}", stage.jobs);
    ends(&mut stage, 1, Report { mode: Mode::Clean, ..passed() });
    let text = said(&stage);
    assert!(text.contains("Passed, 100 of 100; in 6.2 s, in a fresh session"), "{text}");
    assert!(!text.contains("judges it once more"), "{text}");
}

#[test]
fn nothing_old_is_judged_when_saving_fails() {
    let mut stage = at_lab(120, 36);
    stage.full = Some(EngineError::new(ErrorKind::Other, "no room is left on the disk"));
    stage.press(&["3", "enter", "# mine", "f7"]);
    assert!(stage.jobs.is_empty() && stage.text().contains("no room is left"));
}

#[test]
fn a_failure_leads_to_its_line_and_marks_it() {
    let mut stage = at_lab(200, 50);
    stage.press(&["S"]);
    ends(&mut stage, 1, failed());
    let text = said(&stage);
    for expected in [
        "✖ Failed, 10 of 100: 2 checks failed, 1 not reached; in 6.2 s, practice run in your session",
        "Dockerfile:4 enter goes there",
        "expected a .dockerignore that leaves out .git/config, .env",
        "found exit code 1",
        "│ ERROR: Could not open requirements file",
        "▷ /health answers with 200 0/40 required not reached: it needs The image builds",
        "context 12K",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    // The file is as it was handed in: the failure is marked in it, and listed.
    let desk = stage.app.desk().unwrap();
    let marked = |stage: &Stage| {
        let problems = &stage.app.desk().unwrap().buffers.open[0].problems;
        problems.iter().find(|p| p.code == "BUILD_FAILED").map(|p| p.line)
    };
    assert_eq!((desk.focus, marked(&stage)), (Pane::Output, Some(3)));
    stage.press(&["5", "g"]);
    while !line(&stage).starts_with("Dockerfile:4") {
        stage.press(&["down"]);
    }
    stage.press(&["enter"]);
    let desk = stage.app.desk().unwrap();
    let buffer = desk.buffers.here().unwrap();
    assert_eq!((desk.focus, buffer.path.as_str(), buffer.editor.cursor().0), (Pane::Editor, "Dockerfile", 3));
    // What is typed is another text, of which nothing was said.
    stage.press(&["enter", "# new"]);
    assert_eq!(marked(&stage), None);
}

#[test]
fn a_file_that_is_missing_is_begun_and_handed_in() {
    let mut stage = at_lab(120, 36);
    stage.press(&["S"]);
    ends(&mut stage, 1, failed());
    // The cursor stands on the first failure.
    assert!(line(&stage).starts_with(".dockerignore is missing"), "{}", line(&stage));
    stage.press(&["enter", ".git", "enter", ".env", "f7"]);
    assert_eq!(stage.files[".dockerignore"].trim_end(), ".git\n.env");
    assert_eq!(stage.jobs.len(), 2);
}

#[test]
fn checks_unfold_and_fold() {
    let mut stage = at_lab(120, 36);
    stage.press(&["S"]);
    ends(&mut stage, 1, failed());
    stage.press(&["5", "g"]);
    while !line(&stage).contains("below 1 MB") {
        stage.press(&["down"]);
    }
    assert!(!results(&stage).contains("12 kB"));
    stage.press(&["right"]);
    assert!(results(&stage).contains("12 kB"));
    stage.press(&["left"]);
    assert!(!results(&stage).contains("12 kB"));
    stage.press(&["enter"]);
    assert!(results(&stage).contains("12 kB"));
    // Where nothing is to be unfolded, these keys turn to other tabs.
    stage.press(&["right"]);
    assert_eq!(stage.app.desk().unwrap().output.tab, OutputTab::Problems);
}

#[test]
fn what_an_attempt_changed_is_said() {
    let mut stage = at_lab(120, 36);
    stage.press(&["S"]);
    ends(&mut stage, 1, failed());
    looked_back(&mut stage, known(failed(), 0));
    let text = said(&stage);
    for expected in [
        "Since the attempt before: 10 points more; Dockerfile changed, .dockerignore new",
        "now good The context holds neither .git nor .env",
        "now wrong /health answers with 200",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn a_workspace_that_is_opened_again_shows_what_was_said_and_the_hints_that_were_taken() {
    let mut stage = at_lab(120, 36);
    let mut before = known(failed(), 0);
    before.taken = [("DOCKERIGNORE_MISSING".to_owned(), 2), ("run".to_owned(), 1)].into();
    looked_back(&mut stage, before);
    stage.press(&["5", "["]);
    let text = results(&stage);
    assert!(
        text.contains("11m ago") && text.contains("hint 1 of 3") && text.contains("Read what a .dockerignore"),
        "{text}"
    );
    assert!(!text.contains("hint 3 of 3"), "{text}");
    let text = guide(&stage);
    assert!(text.contains("✖ 1. Leave out") && text.contains("hint 2 of 3") && text.contains("hint 1 of 1"), "{text}");
}

#[test]
fn an_attempt_that_could_not_be_judged_is_no_failure() {
    let mut stage = at_lab(120, 36);
    stage.press(&["S"]);
    ends(&mut stage, 1, troubled());
    let text = said(&stage);
    assert!(text.starts_with("▲ Could not be judged: the session ended"), "{text}");
    assert!(text.contains("does not count") && !text.contains('✖'), "{text}");
    assert!(guide(&stage).contains("▲ could not be judged") && !guide(&stage).contains('✖'));
}

#[test]
fn a_passed_lab_says_what_to_do_next() {
    let mut stage = at_lab(120, 36);
    stage.press(&["S"]);
    ends(&mut stage, 1, passed());
    let text = said(&stage);
    for expected in [
        "✔ Passed, 100 of 100; in 6.2 s",
        "build 1.2s, 3 of 5 steps cached",
        "image 142 MB in 9 layers",
        "What next",
        "C judges it once more",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    stage.press(&["5", "L"]);
    assert!(stage.app.desk().is_none() && stage.text().contains("Rebuild in seconds"), "{}", stage.text());
}

#[test]
fn judging_is_cancelled_by_a_key() {
    let mut stage = at_lab(120, 36);
    stage.press(&["S"]);
    goes_on(&mut stage, 3);
    let effects = stage.app.update(Msg::Key(KeyEvent::new(KeyCode::Char('x'), KeyModifiers::CONTROL)), fixture::now());
    assert!(effects.iter().any(|e| matches!(e, Effect::Cancel(TaskId(3)))), "{effects:?}");
    judging(&stage).lock().ended = true;
    stage.send(Msg::Task(TaskEvent::Ended { id: TaskId(3), outcome: Outcome::Cancelled, at: fixture::now() }));
    assert!(results(&stage).starts_with("○ Cancelled"), "{}", results(&stage));
    // And the next may begin.
    stage.press(&["S"]);
    assert_eq!(stage.jobs.len(), 2);
}

#[test]
fn hints_come_one_step_at_a_time_for_the_failure_under_the_cursor() {
    let mut stage = at_lab(120, 36);
    stage.press(&["S"]);
    ends(&mut stage, 1, failed());
    stage.press(&["H"]);
    let text = results(&stage);
    assert!(text.contains("hint 1 of 3") && !text.contains("hint 2 of 3"), "{text}");
    assert!(guide(&stage).contains("hint 1 of 3"), "{}", guide(&stage));
    stage.press(&["H", "H"]);
    let text = results(&stage);
    assert!(
        text.contains("hint 3 of 3") && text.contains("│ .env") && text.contains("this was the last one"),
        "{text}"
    );
    // The ladder of the code ends; that of its task goes on, and then nothing new comes.
    stage.press(&["H", "H"]);
    assert!(results(&stage).contains("hint 2 of 2"), "{}", results(&stage));
    stage.press(&["H"]);
    assert!(stage.text().contains("once more"), "{}", stage.text());
    // Another failure has other hints.
    while !line(&stage).contains("Dockerfile:4") {
        stage.press(&["down"]);
    }
    stage.press(&["H"]);
    assert!(results(&stage).contains("What does the Dockerfile copy?"), "{}", results(&stage));
}

#[test]
fn what_the_failure_says_itself_is_no_step_of_its_ladder_any_more() {
    let mut stage = at_lab(120, 36);
    stage.press(&["S"]);
    let mut report = failed();
    report.failures[0].hint = "What does a build get to see of it?".into();
    ends(&mut stage, 1, report);
    stage.press(&["H"]);
    let text = results(&stage);
    assert!(text.contains("hint 2 of 3") && !text.contains("hint 1 of 3"), "{text}");
}

#[test]
fn before_anything_is_handed_in_hints_are_the_tasks() {
    let mut stage = at_lab(80, 24);
    stage.press(&["H"]);
    assert!(guide(&stage).contains("hint 1 of 2") && guide(&stage).contains("Look at what lies"), "{}", guide(&stage));
    assert_eq!(stage.app.desk().unwrap().focus, Pane::Guide);
    stage.press(&["S"]);
    ends(&mut stage, 1, passed());
    stage.press(&["H"]);
    assert!(stage.text().contains("nothing to hint at"));
}

#[test]
fn why_the_assistant_is_not_heard_is_told_once() {
    let mut stage = at_lab(120, 36);
    stage.assistant = Some("Think of what is sent.".into());
    stage.press(&["H"]);
    assert!(guide(&stage).contains("hint 1 of 2, assistant"), "{}", guide(&stage));
    assert!(guide(&stage).contains("Think of what is sent."), "{}", guide(&stage));
    (stage.assistant, stage.note) = (None, Some("GEMINI_API_KEY is not set".into()));
    stage.press(&["H"]);
    assert!(stage.text().contains("GEMINI_API_KEY is not set"));
    stage.press(&["down", "H"]);
    assert!(!stage.text().contains("GEMINI_API_KEY is not set"));
}

#[test]
fn what_is_wrong_is_explained_on_demand() {
    let mut stage = at_workspace(200, 50, &[("Dockerfile", "FROM debian:12\nRUN sudo ls\nUSER 1\n")]);
    stage.press(&["3", "down", "X"]);
    let text = stage.text();
    assert!(text.contains("explanation") && stage.app.desk().unwrap().output.tab == OutputTab::Problems, "{text}");
    stage.press(&["3", "b"]);
    let watch = build(&stage);
    common::desk::begin(&mut stage, 3);
    let failure = Failure { message: "it failed".into(), hint: "look at it".into(), ..Failure::default() };
    watch.lock().build.take(BuildEvent::Failed(Box::new(failure)), fixture::now());
    common::desk::end(&mut stage, 3, Outcome::Failed(EngineError::new(ErrorKind::Other, "it failed")));
    stage.press(&["5", "X"]);
    let text = stage.text();
    assert!(text.contains("it failed. look at it"), "{text}");
    // Where nothing is wrong, that is said.
    let mut stage = at_workspace(120, 36, &[("Dockerfile", "FROM scratch\n")]);
    stage.press(&["X"]);
    assert!(stage.text().contains("nothing here asks for an explanation"), "{}", stage.text());
}

#[test]
fn what_was_handed_in_where_labs_are_listed_is_seen_at_the_desk() {
    let mut stage = at_lab(120, 36);
    stage.press(&["L", "S"]);
    assert_eq!(stage.jobs.len(), 1);
    stage.press(&["enter", "5", "["]);
    assert!(results(&stage).contains("Judging"), "{}", results(&stage));
}

#[test]
fn a_workspace_of_no_lab_has_no_results() {
    let mut stage = at_workspace(120, 36, &[("Dockerfile", "FROM scratch\n")]);
    stage.press(&["S", "H", "5", "["]);
    assert!(stage.jobs.is_empty());
    assert_eq!(stage.app.desk().unwrap().output.tab, OutputTab::Answer);
    assert!(!stage.text().contains("Results") && !stage.text().contains("submit"));
}

#[test]
fn reports_of_any_kind_are_shown_harmless_and_within_the_pane() {
    for (width, height) in [(80, 24), (120, 36), (200, 50)] {
        let mut stage = at_lab(width, height);
        stage.press(&["S"]);
        let mut report = failed();
        for failure in &mut report.failures {
            failure.message = format!("\u{1b}[2J{}", "日本語x".repeat(60));
            failure.found = Some("\u{202e}\u{7}".repeat(500));
            failure.file = Some("../../etc/passwd".into());
            failure.line = Some(usize::MAX);
        }
        report.checks[3].status = CheckStatus::Error;
        report.checks[3].title = "y".repeat(500);
        ends(&mut stage, 1, report);
        stage.press(&["5", "g"]);
        for _ in 0..60 {
            stage.press(&["down", "enter", "5"]);
            let text = stage.text();
            assert!(!text.chars().any(|c| c != '\n' && ondeck::text::is_unsafe(c)));
            assert!(text.lines().all(|l| ondeck::text::width(l) <= usize::from(width)));
        }
    }
}
