//! Submissions judged on a real engine: what is built, what is in the image, what runs.

#![allow(clippy::unwrap_used)]

mod common;

use common::court::{BASE, Court, codes, message, says, server};
use ondeck::judge::{CheckStatus, Verdict};

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_built_run_and_asked_in_a_fresh_session() {
    let court = Court::new();
    let lab = Court::lab(
        "build: {context: .}\nrun: {app: {memory: 64m}}",
        "- {id: builds, kind: build.succeeds, points: 10, required: true}\n\
         - {id: size, kind: image.size, max_mb: 250, points: 10}\n\
         - {id: health, kind: run.http, port: 8000, path: /health, points: 10, required: true, \
            expect: {status: 200, body: '^\\{', header: {x-made-by: perl}, json: {$.status: ok, '$.n': 3}}}\n\
         - {id: up, kind: run.starts, points: 10}\n\
         - {id: user, kind: run.nonroot, points: 10}\n\
         - {id: stops, kind: run.stops, within: 5s, exit: 0, points: 10}",
    );
    let program = server("0.0.0.0", 8000, &says(r#"{"status": "ok", "n": 3}"#));
    let dockerfile = format!("FROM {BASE}\nCOPY app.pl /app.pl\nUSER 1000\nCMD [\"perl\", \"/app.pl\"]\n");
    let report = court.clean(&lab, &[("Dockerfile", &dockerfile), ("app.pl", &program)]).await;
    assert_eq!(codes(&report), [""; 0], "{report:#?}");
    assert_eq!((report.verdict, report.score), (Verdict::Passed, 60), "{report:#?}");
    assert!(report.checks.iter().all(|check| check.status == CheckStatus::Passed && !check.observed.is_empty()));
    assert!(report.metrics.ready_seconds.is_some() && report.metrics.build.is_some(), "{:?}", report.metrics);
    assert!(report.notes.runtime_logs.contains("listening"), "{:?}", report.notes);
    println!(
        "{} s: {:#?}",
        report.elapsed_seconds,
        report.checks.iter().map(|c| (&c.id, c.elapsed_seconds, &c.observed)).collect::<Vec<_>>()
    );
    court.gone().await;
    let _ = message;
}
