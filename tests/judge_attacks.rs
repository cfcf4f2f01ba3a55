//! Submissions that do not want to be judged: each is judged all the same, in time, and leaves nothing behind.

#![allow(clippy::unwrap_used, clippy::large_futures)]

mod common;

use std::time::{Duration, Instant};

use common::court::{BASE, Court, codes, message, says, server, tree};
use common::guest::Guest;
use common::live::until;
use ondeck::engine::Engine;
use ondeck::judge::{Event, Report, Submission, Verdict, Way};

/// A judge that is fooled takes as long as what it judges; none here may take so long.
const LONGEST: Duration = Duration::from_secs(150);

/// Judges in a fresh session; it must end in time, failed, with nothing left.
async fn attack(head: &str, checks: &str, files: &[(&str, &str)]) -> (Court, Report) {
    let court = Court::new();
    let lab = Court::lab(head, checks);
    let began = Instant::now();
    let report = court.clean(&lab, files).await;
    assert_eq!(report.verdict, Verdict::Failed, "{report:#?}");
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    for event in court.told.lock().unwrap().iter() {
        let harmless = |text: &str| assert!(!text.contains(['\x1b', '\u{9b}', '\u{202e}', '\r']), "{text:?}");
        match event {
            Event::Step(text) | Event::Line(text) => harmless(text),
            _ => {}
        }
    }
    for text in [&report.notes.build_logs, &report.notes.runtime_logs] {
        assert!(text.len() < 80 << 10 && !text.contains(['\x1b', '\u{9b}', '\u{202e}']), "{} {text:.200}", text.len());
    }
    court.gone().await;
    (court, report)
}

const BUILDS: &str = "- {id: builds, kind: build.succeeds, required: true}";

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_never_ends_is_ended() {
    let dockerfile = format!("FROM {BASE}\nRUN echo begun\nRUN sleep 1000\n");
    let (_, report) = attack("build: {context: ., timeout: 4s}", BUILDS, &[("Dockerfile", &dockerfile)]).await;
    assert_eq!(codes(&report), ["BUILD_TIMEOUT"]);
    assert_eq!(report.failures[0].line, Some(3), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_ended_build_goes_on_in_a_learners_session() {
    let court = Court::new();
    let lab = Court::lab("build: {context: ., timeout: 4s}", BUILDS);
    let session = court.session(&lab).await;
    let dockerfile = format!("FROM {BASE}\nRUN echo begun; sleep 4321\n");
    let report = court.quick(&lab, &[("Dockerfile", &dockerfile)], &session).await;
    assert_eq!(codes(&report), ["BUILD_TIMEOUT"], "{report:#?}");
    until("no command of the build runs any more", async || {
        let all = court.guest.told(&session, "pgrep -af 'sleep 4321' | grep -v pgrep || true").await;
        if all.is_empty() { Ok(()) } else { Err(all) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_without_end_is_cut() {
    let dockerfile = format!(
        "FROM {BASE}\nRUN printf '\\033]0;owned\\007\\033[31m\\n'; yes \"$(printf '\\033[2J\\342\\200\\256attack')\"\n"
    );
    let (court, report) = attack("build: {context: ., timeout: 5s}", BUILDS, &[("Dockerfile", &dockerfile)]).await;
    assert_eq!(codes(&report), ["BUILD_TIMEOUT"]);
    assert!(report.notes.build_logs.contains("attack"), "{:.300}", report.notes.build_logs);
    assert!(court.told.lock().unwrap().len() < 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_in_a_build_takes_nobody_with_it() {
    let dockerfile = format!("FROM {BASE}\nRUN b() {{ b | b & }}; b; sleep 60\n");
    let (_, report) = attack("build: {context: ., timeout: 8s}", BUILDS, &[("Dockerfile", &dockerfile)]).await;
    let codes = codes(&report);
    assert!(matches!(codes[..], ["BUILD_TIMEOUT" | "BUILD_FAILED" | "BUILD_OOM"]), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_in_a_container_takes_nobody_with_it() {
    let dockerfile = format!("FROM {BASE}\nCMD [\"bash\", \"-c\", \"b() {{ b | b & }}; b; sleep 100\"]\n");
    let checks = "- {id: builds, kind: build.succeeds}\n- {id: http, kind: run.http, port: 8000, within: 4s, required: true}\n\
         - {id: stops, kind: run.stops, within: 2s}";
    let (_, report) =
        attack("build: {context: .}\nrun: {app: {memory: 64m, pids: 50}}", checks, &[("Dockerfile", &dockerfile)])
            .await;
    let codes = codes(&report);
    assert!(matches!(codes[0], "HTTP_REFUSED" | "RUN_EXITED" | "RUN_OOM"), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_without_end_is_the_builds_own_fault() {
    let dockerfile = format!(
        "FROM {BASE}\nRUN perl -e 'my $x = \"x\" x 100_000_000; my @all; push @all, $x . $_ for 1 .. 100; sleep 100'\n"
    );
    let (_, report) = attack("build: {context: ., timeout: 30s}", BUILDS, &[("Dockerfile", &dockerfile)]).await;
    let codes = codes(&report);
    assert!(matches!(codes[..], ["BUILD_OOM" | "BUILD_FAILED"]), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drips_is_not_waited_for() {
    let drip = "for (1 .. 10000) { last if !print $c 'H'; $c->flush; select undef, undef, undef, 0.2 }";
    let program = server("0.0.0.0", 8000, drip);
    let endless = server("0.0.0.0", 8001, "print $c \"HTTP/1.1 200 OK\\r\\n\\r\\n\"; while (print $c 'x' x 100000) {}");
    let checks = "- {id: slow, kind: run.http, port: 8000, within: 3s, required: true}\n\
         - {id: endless, kind: run.http, container: other, port: 8001, within: 3s, expect: {body: never}}";
    let dockerfile = format!("FROM {BASE}\nCOPY *.pl /\nCMD [\"perl\", \"/slow.pl\"]\n");
    let head = "build: {context: .}\nrun: {app: {memory: 64m}, other: {memory: 64m, command: [perl, /endless.pl]}}";
    let files = [("Dockerfile", dockerfile.as_str()), ("slow.pl", &program), ("endless.pl", &endless)];
    let (_, report) = attack(head, checks, &files).await;
    let codes = codes(&report);
    assert!(matches!(codes[0], "HTTP_TIMEOUT" | "HTTP_BROKEN"), "{report:#?}");
    assert_eq!(codes[1], "HTTP_BODY", "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_too_large_fails_and_its_room_comes_back() {
    let dockerfile = format!("FROM {BASE}\nRUN dd if=/dev/zero of=/big bs=1M count=300\n");
    let checks = "- {id: builds, kind: build.succeeds}\n- {id: size, kind: image.size, max_mb: 250, required: true}";
    let (_, report) = attack("build: {context: .}", checks, &[("Dockerfile", &dockerfile)]).await;
    assert_eq!(codes(&report), ["IMAGE_SIZE"]);
    assert_eq!(report.failures[0].line, Some(2), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_out_of_the_workspace_lead_nowhere() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "not for learners\n").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("Dockerfile"), format!("FROM {BASE}\nCOPY . /all\nRUN cat /all/link /all/dir/passwd\n")).unwrap();
    std::os::unix::fs::symlink(secret.path(), at("link")).unwrap();
    std::os::unix::fs::symlink("/etc", at("dir")).unwrap();
    let court = Court::new();
    let tell = |_: Event| {};
    let judge = async |lab: &ondeck::labs::Lab| {
        let workspace = ondeck::workspace::Workspace::host(dir.path().to_owned());
        let submission = Submission::take(&workspace, &lab.workspace, &tell).await.unwrap();
        court.judge(lab, submission, Way::Clean).await
    };
    let report = judge(&Court::lab("build: {context: .}", BUILDS)).await;
    assert_eq!(codes(&report), ["BUILD_FAILED"], "{report:#?}");
    assert!(!report.notes.build_logs.contains("not for learners"), "{:?}", report.notes);
    // A link as what is built, or as a file that is read here.
    let report = judge(&Court::lab("build: {context: dir}", BUILDS)).await;
    assert_eq!(
        (codes(&report), message(&report, "builds")),
        (vec!["BUILD_FAILED"], "dir is a link, and so cannot be what is built")
    );
    std::os::unix::fs::symlink(secret.path(), at(".dockerignore")).unwrap();
    let report = judge(&Court::lab("build: {context: .}", BUILDS)).await;
    assert!(message(&report, "builds").contains(".dockerignore is a link"), "{report:#?}");
    court.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_output_with_escapes_are_harmless() {
    let program = "print \"\\e]0;owned\\a\\e[2J PASSED \\xe2\\x80\\xae\\n\"; sleep 1; exit 7";
    let dockerfile = format!("FROM {BASE}\nCOPY . /\nLABEL a=\"\x1b[2Jb\"\nCMD [\"perl\", \"/app.pl\"]\n");
    let checks = "- {id: up, kind: run.starts, required: true}\n- {id: ready, kind: run.logs, excludes: 'PASSED', within: 2s}\n\
         - {id: label, kind: image.config, labels: {a: b}}";
    let files = [("Dockerfile", dockerfile.as_str()), ("app.pl", program), ("x\x1b[2Jy", "\x1b]52;c;eA==\x07")];
    let (_, report) = attack("build: {context: .}\nrun: {app: {}}", checks, &files).await;
    assert_eq!(codes(&report), ["RUN_EXITED", "LOG_FORBIDDEN", "IMAGE_CONFIG_LABELS"], "{report:#?}");
    for failure in &report.failures {
        let all = format!("{failure:?}");
        assert!(!all.contains("\\u{1b}") && !all.contains("\\u{7}") && !all.contains("\\u{202e}"), "{all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learners_session_is_left_as_it_was_and_cannot_lie_by_its_programs() {
    let court = Court::new();
    let lab = Court::lab(
        "build: {context: .}\nrun: {app: {memory: 64m}}",
        "- {id: http, kind: run.http, port: 8000, within: 4s, required: true}\n- {id: up, kind: run.starts}",
    );
    let session = court.session(&lab).await;
    let inner = Engine::connect(&session.endpoint(&common::live::endpoint())).unwrap();
    // A docker that says yes to everything, and things of the learner's own that are in the way.
    let script = format!(
        "docker run -d --name mine --label a=b {BASE} sleep 1000 >/dev/null && docker network create own >/dev/null && \
         docker volume create own >/dev/null && docker tag {BASE} mine:1 && \
         printf '#!/bin/sh\\necho PASSED\\nexit 0\\n' | tee /usr/local/bin/docker /usr/local/bin/sh /usr/local/bin/cat >/dev/null && \
         chmod +x /usr/local/bin/docker /usr/local/bin/sh /usr/local/bin/cat"
    );
    court.guest.told(&session, &script).await;
    // What a judge left whose program was killed.
    let stale = serde_json::json!({ "Image": BASE, "Cmd": ["sleep", "1000"],
        "Labels": { "dev.ondeck.judge": "old", "dev.ondeck.judge.by": "elsewhere 1 1000" } });
    let stale = inner.create_container("stale", stale).await.unwrap();
    let things = async || {
        let names: Vec<String> = inner.containers().await.unwrap().into_iter().map(|c| c.name).collect();
        let mut networks: Vec<String> = inner.networks().await.unwrap().into_iter().map(|n| n.name).collect();
        let mut volumes: Vec<String> = inner.volumes().await.unwrap().into_iter().map(|v| v.name.to_string()).collect();
        let mut images: Vec<String> = inner.images().await.unwrap().into_iter().flat_map(|i| i.tags).collect();
        networks.sort();
        volumes.sort();
        images.sort();
        (names, networks, volumes, images)
    };
    inner.start(&stale).await.unwrap();
    let mut before = things().await;
    let dockerfile = format!("FROM {BASE}\nCMD [\"sleep\", \"100\"]\n");
    let report = court.quick(&lab, &[("Dockerfile", &dockerfile)], &session).await;
    assert_eq!(codes(&report), ["HTTP_REFUSED"], "{report:#?}");
    before.0.retain(|name| name != "stale");
    assert_eq!(things().await, before);
    // Right is right there as well, and the session goes on.
    let program = server("0.0.0.0", 8000, &says("fine"));
    let dockerfile = format!("FROM {BASE}\nCOPY app.pl /\nCMD [\"perl\", \"/app.pl\"]\n");
    let report = court.quick(&lab, &[("Dockerfile", &dockerfile), ("app.pl", &program)], &session).await;
    assert_eq!(codes(&report), [""; 0], "{report:#?}");
    println!(
        "quick: {} s: {:#?}",
        report.elapsed_seconds,
        report.checks.iter().map(|c| (&c.id, c.elapsed_seconds)).collect::<Vec<_>>()
    );
    assert_eq!(things().await, before);
    // A session that ends meanwhile is nobody's failure.
    let files = tree(&[("Dockerfile", &format!("FROM {BASE}\nRUN sleep 30\n"))]);
    let ending = async {
        until("the build has begun", async || {
            let told = court.told.lock().unwrap();
            let begun = |event: &Event| matches!(event, Event::Line(line) if line.contains("RUN sleep 30"));
            if told.iter().any(begun) { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
        Guest::docker(&["rm", "-f", "-v", &session.container]);
    };
    let judging = court.judge(&lab, Submission::of(&files).unwrap(), Way::Quick(Box::new(session.clone())));
    let (report, ()) = futures::join!(judging, ending);
    assert_eq!(report.verdict, Verdict::Error, "{report:#?}");
    assert_eq!(report.error.unwrap().code, "J_SESSION_LOST");
}
