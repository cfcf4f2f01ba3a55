#![allow(clippy::unwrap_used, clippy::items_after_statements)]

use std::sync::Mutex;

use super::super::testing::{lab, tree};
use super::*;

async fn judged(lab: &Lab) -> Report {
    judged_with(lab, &|_| {}, std::future::pending()).await
}

async fn judged_with(lab: &Lab, tell: &Tell<'_>, cancel: impl Future<Output = ()>) -> Report {
    let submission = Submission::of(&tree(&[("Dockerfile", "FROM scratch\n")])).unwrap();
    let planned = compile(lab).unwrap_or_else(|errors| panic!("{}", errors[0]));
    let mut draft = Draft::new(lab, Mode::Clean);
    draft.0.workspace_digest = submission.digest();
    run(Open::None, lab, &planned, &submission, draft, tell, cancel).await
}

fn statuses(report: &Report) -> Vec<(&str, CheckStatus)> {
    report.checks.iter().map(|check| (check.id.as_str(), check.status)).collect()
}

#[tokio::test]
async fn all_that_is_independent_is_looked_at() {
    let mut lab = lab("
- {id: runs, kind: test.run, points: 10, needs: [is-there]}
- {id: is-there, kind: test.file, fail: true, required: true, points: 10}
- {id: builds, kind: test.build, points: 30}
- {id: small, kind: test.image, fail: true, severity: warn, points: 5}
- {id: after, kind: test.run, needs: [runs]}
- {id: after-warning, kind: test.run, needs: [small]}
");
    lab.hints.insert("TOLD".into(), vec!["The lab's own.".into(), "The next.".into()]);
    let order = Mutex::new(Vec::new());
    let tell = |event: Event| {
        if let Event::Begins(id) = event {
            order.lock().unwrap().push(id);
        }
    };
    let report = judged_with(&lab, &tell, std::future::pending()).await;
    assert_eq!(*order.lock().unwrap(), ["is-there", "builds", "small", "after-warning"]);
    use CheckStatus::{Failed, NotReached, Passed, Warned};
    assert_eq!(
        statuses(&report),
        [
            ("runs", NotReached),
            ("is-there", Failed),
            ("builds", Passed),
            ("small", Warned),
            ("after", NotReached),
            ("after-warning", Passed)
        ]
    );
    assert_eq!(report.checks[0].because.as_deref(), Some("it needs `does as it is told`, which failed"));
    assert_eq!(report.checks[4].because.as_deref(), Some("it needs `does as it is told`, which was not reached"));
    assert_eq!((report.verdict, report.passed, report.score, report.max_score), (Verdict::Failed, false, 30, 55));
    let said: Vec<_> = report.failures.iter().map(|f| (f.check.as_str(), f.warning, f.hint.as_str())).collect();
    assert_eq!(said, [("is-there", false, "The lab's own."), ("small", true, "The lab's own.")]);
    assert_eq!((report.failures[0].file.as_deref(), report.failures[0].line), (Some("Dockerfile"), Some(3)));
}

#[tokio::test]
async fn a_lab_is_passed_with_what_is_required_and_enough_points() {
    let mut lab = lab("
- {id: one, kind: test.file, required: true, points: 60}
- {id: two, kind: test.image, fail: true, points: 40}
- {id: three, kind: test.image, fail: true, severity: warn, required: true}
");
    assert!(judged(&lab).await.passed);
    lab.judge.min_score = 60;
    let report = judged(&lab).await;
    assert_eq!((report.verdict, report.score, report.failures.len()), (Verdict::Passed, 60, 2));
    lab.judge.min_score = 61;
    assert_eq!(judged(&lab).await.verdict, Verdict::Failed);
}

#[tokio::test]
async fn a_build_that_fails_is_told_once_and_keeps_what_needs_it_from_being_reached() {
    let lab = lab("
- {id: file, kind: test.file, points: 1}
- {id: size, kind: test.image, unbuilt: true, points: 1}
- {id: user, kind: test.image, fail: true}
- {id: answers, kind: test.run}
");
    let report = judged(&lab).await;
    use CheckStatus::{NotReached, Passed};
    assert_eq!(
        statuses(&report),
        [("file", Passed), ("size", NotReached), ("user", NotReached), ("answers", NotReached)]
    );
    let codes: Vec<_> = report.failures.iter().map(|f| f.code.as_str()).collect();
    assert_eq!((report.verdict, codes), (Verdict::Failed, vec!["BUILD_FAILED"]));
    assert!(report.checks[1..].iter().all(|c| c.because.as_deref() == Some("the image was not built")));
}

#[tokio::test]
async fn what_takes_too_long_fails_with_its_kinds_code() {
    let report = judged(&lab("
- {id: slow, kind: test.image, wait: true, timeout: 200}
- {id: next, kind: test.run}
"))
    .await;
    assert_eq!(report.failures[0].code, "TOLD_LATE");
    assert_eq!(report.failures[0].message, "this took longer than 200 ms, the most that it may take");
    assert_eq!((report.failures[0].hint.as_str(), report.checks[1].status), ("Is it slow?", CheckStatus::Passed));
    let report = judged(&lab("- {id: slow, kind: test.run, wait: true, timeout: 200}")).await;
    assert_eq!((report.verdict, report.error.unwrap().code.as_str()), (Verdict::Error, "J_TIMEOUT"));
}

#[tokio::test]
async fn a_submission_that_never_ends_fails() {
    let mut lab = lab("
- {id: first, kind: test.file, points: 10}
- {id: endless, kind: test.run, wait: true, code: OWN, message: own}
- {id: never, kind: test.run, needs: [first]}
");
    lab.judge.timeout = Duration::from_millis(300);
    let report = judged(&lab).await;
    assert_eq!((report.verdict, report.score), (Verdict::Failed, 10));
    assert_eq!((report.failures[0].code.as_str(), report.failures[0].check.as_str()), (TIME_LIMIT, "endless"));
    assert!(report.failures[0].message.contains("longer than 300 ms") && !report.failures[0].hint.is_empty());
    assert_eq!(report.checks[2].because.as_deref(), Some("the time for judging, 300 ms, was over"));
}

#[tokio::test]
async fn trouble_and_cancelling_say_nothing_about_the_submission() {
    let broken = lab("
- {id: one, kind: test.file, fail: true, points: 1}
- {id: two, kind: test.file, points: 1}
- {id: three, kind: test.run, trouble: true}
- {id: four, kind: test.run}
");
    let report = judged(&broken).await;
    use CheckStatus::{Error, NotReached, Passed};
    assert_eq!(statuses(&report), [("one", NotReached), ("two", Passed), ("three", Error), ("four", NotReached)]);
    assert!(report.failures.is_empty() && !report.passed && report.score == 0);
    assert_eq!((report.verdict, report.error.unwrap().code.as_str()), (Verdict::Error, "J_DAEMON"));
    let waits = lab("- {id: one, kind: test.run, wait: true}");
    let (begun, cancel) = tokio::sync::oneshot::channel();
    let begun = Mutex::new(Some(begun));
    let tell = |event: Event| {
        if let Event::Begins(_) = event {
            begun.lock().unwrap().take().unwrap().send(()).unwrap();
        }
    };
    let report = judged_with(&waits, &tell, async { cancel.await.unwrap() }).await;
    assert_eq!((report.verdict, report.error.unwrap().code.as_str()), (Verdict::Error, "J_CANCELLED"));
}

#[tokio::test]
async fn a_lab_says_its_own_words_and_no_text_can_harm() {
    let own = lab("
- {id: one, kind: test.file, fail: true, code: MY_OWN, message: \"Say \\e[2J it\\u202e so\"}
- {id: two, kind: test.file, fail: true, says: \"a\\nb \\e]0;x\\a\"}
");
    let report = judged(&own).await;
    assert_eq!((report.failures[0].code.as_str(), report.failures[0].message.as_str()), ("MY_OWN", "Say ·[2J it· so"));
    assert_eq!(report.failures[1].message, "a b ·]0;x·");
    assert_eq!(report.notes.runtime_logs, "\na\nb \n");
    let long = "x".repeat(5000);
    let report = judged(&lab(&format!("- {{id: one, kind: test.file, fail: true, says: {long}}}"))).await;
    assert_eq!(report.failures[0].message.chars().count(), MESSAGE);
}

#[test]
fn what_is_wrong_with_checks_is_said_with_its_place() {
    let said = |checks: &str| -> Vec<String> {
        let lab = lab(checks);
        compile(&lab).err().unwrap_or_default().iter().map(|e| format!("{} {}", e.message, e.hint)).collect()
    };
    assert_eq!(
        said("- {id: a, kind: test.fil}\n- {id: a, kind: test.file, fial: true, needs: [b]}"),
        [
            "found `test.fil`, expected a kind of check did you mean `test.file`?",
            "test.file: found `fial`, expected the name of a field did you mean `fail`?",
            "found `a` for the second time, expected each check's id once ",
            "found `b`, expected the id of another check did you mean `a`?",
        ]
    );
    let circle = "- {id: a, kind: test.file, needs: [b]}\n- {id: b, kind: test.run, needs: [a]}";
    assert_eq!(said(circle), ["`a` needs itself, by way of b remove one of the needs"]);
    let inner = "- {id: a, kind: any, checks: [{kind: test.file, fail: 3}]}\n- {id: b, kind: all, checks: []}";
    assert_eq!(
        said(inner),
        [
            "any: in test.file, `fail`: found the number `3`, expected true or false ",
            "all: found no check, expected one or more "
        ]
    );
}

#[tokio::test]
async fn checks_can_be_made_of_checks() {
    let report = judged(&lab("
- {id: all, kind: all, checks: [{kind: test.file}, {kind: test.image, fail: true}, {kind: test.file, fail: true}]}
- {id: any, kind: any, checks: [{kind: test.file, fail: true}, {kind: test.file}]}
- {id: none, kind: any, checks: [{kind: test.file, fail: true}, {kind: test.file, fail: true, says: no}]}
- {id: not, kind: not, checks: [{kind: test.file, fail: true}]}
- {id: not-so, kind: not, checks: [{kind: test.file}]}
"))
    .await;
    let said: Vec<_> =
        report.failures.iter().map(|f| (f.check.as_str(), f.code.as_str(), f.message.as_str())).collect();
    assert_eq!(
        said,
        [
            ("all", "TOLD", "as told"),
            ("all", "TOLD", "as told"),
            ("none", "NONE_HOLDS", "none of 2 ways is taken: as told; no"),
            ("not-so", "MUST_NOT_HOLD", "this must not be so: does as it is told (looked)"),
        ]
    );
}

/// Judging runs beside other things, on whichever thread.
#[allow(dead_code)]
fn judging_can_be_spawned(engine: &Engine, config: &Sessions, lab: &Lab, submission: Submission) {
    fn spawned(_: impl Send) {}
    spawned(judge(engine, config, lab, submission, Way::Clean, "me", &|_| {}, std::future::pending()));
}
