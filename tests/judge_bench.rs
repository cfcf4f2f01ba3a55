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

#[tokio::test(flavor = "multi_thread")]
async fn a_change_shows_what_a_build_does_again() {
    let court = Court::new();
    let lab = Court::lab(
        "build: {context: .}",
        "- {id: code, kind: build.cache, edit: {app/main.pl: append_comment}, cached: [{run: grep}], rebuilt: [{copies: app/main.pl}]}\n\
         - {id: deps, kind: build.cache, edit: {needs.txt: {add: more}}, rebuilt: [{run: grep}]}\n\
         - {id: warm, kind: build.time, max_seconds: 60}\n\
         - {id: fails, kind: build.fails, edit: {app/main.pl: {replace: [one, two]}}, log: 'no one'}\n\
         - {id: log, kind: build.log, contains: '^found$', excludes: 'never'}",
    );
    let good = "FROM BASE\nCOPY needs.txt /\nRUN grep -q . /needs.txt && echo found\nCOPY app/ /app/\n\
        RUN perl -e 'open F, q(/app/main.pl); local $/; \
        exit 0 if <F> =~ /one/; print qq(no one\\n); exit 1'\n"
        .replace("BASE", BASE);
    let files = |dockerfile: &str| {
        [
            ("Dockerfile", dockerfile.to_owned()),
            ("needs.txt", "x\n".to_owned()),
            ("app/main.pl", "print 'one';\n".to_owned()),
        ]
    };
    let judge = async |dockerfile: &str| {
        let files = files(dockerfile);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        court.clean(&lab, &files).await
    };
    let report = judge(&good).await;
    assert_eq!(codes(&report), [""; 0], "{report:#?}");

    let bad = good.replace("COPY needs.txt /\n", "COPY . /\n").replace("COPY app/ /app/\n", "");
    let report = judge(&bad).await;
    assert_eq!(codes(&report), ["CACHE_MISS"], "{report:#?}");
    let failure = &report.failures[0];
    assert_eq!((failure.file.as_deref(), failure.line), (Some("Dockerfile"), Some(2)), "{failure:#?}");
    assert!(failure.message.contains("in line 3 is done again: COPY . / in line 2 changes with it"), "{failure:#?}");

    // What is never copied in cannot be done again.
    let stale = good.replace("COPY needs.txt /\n", "RUN echo x > /needs.txt\n");
    let report = judge(&stale).await;
    assert_eq!(codes(&report), ["CACHE_STALE"], "{report:#?}");
    court.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_looked_at_without_running_it() {
    let court = Court::new();
    let lab = Court::lab(
        "build: {context: ., args: {WHO: me}}",
        "- {id: config, kind: image.config, user: '1000', cmd: [/app/run], env: {MODE: prod}, labels: {a: b}, exposed: [8000], \
            workdir: /app, healthcheck: {absent: true}, stop_signal: SIGINT, platform: {matches: linux}}\n\
         - {id: file, kind: image.file, path: /app/run, mode: '0755', uid: 0, executable: true, contains: 'true'}\n\
         - {id: linked, kind: image.file, path: /app/link, contains: 'true'}\n\
         - {id: lacks, kind: image.lacks, globs: ['**/.env', '**/.git'], binaries: [gcc]}\n\
         - {id: perl, kind: image.lacks, binaries: [perl]}\n\
         - {id: setuid, kind: image.setuid, allow: [/app/other]}\n\
         - {id: layers, kind: image.layers, max: 2}\n\
         - {id: waste, kind: image.waste, max_wasted_mb: 0.5}\n\
         - {id: small, kind: image.size, max_mb: 1}\n\
         - {id: leak, kind: build.no_leak, arg: TOKEN}\n\
         - {id: file-leak, kind: build.no_leak, file: .env}",
    );
    let settings = "USER 1000\nENV MODE=prod\nLABEL a=b\nEXPOSE 8000\nSTOPSIGNAL SIGINT\nCMD [\"/app/run\"]\n";
    // Nothing that could be run is in it but the program itself.
    let scratch = format!(
        "FROM {BASE} AS build\nWORKDIR /app\nCOPY run .\nRUN chmod 755 run && ln -s run link\nFROM scratch\nWORKDIR /app\nCOPY --from=build /app /app\n{settings}"
    );
    let run = ("run", "#!/bin/sh\ntrue\n");
    let report = court.clean(&lab, &[("Dockerfile", &scratch), run, (".env", "SECRET=1\n")]).await;
    assert_eq!(codes(&report), [""; 0], "{report:#?}");

    let bad = format!(
        "FROM {BASE}\nARG TOKEN\nRUN echo \"$TOKEN\" > /token && rm /token\nWORKDIR /srv\nCOPY . /srv/\nRUN rm .env && \
         head -c 2000000 /dev/zero > /junk\nRUN rm /junk && cp /bin/true /usr/bin/gcc && chmod u+s /usr/bin/gcc\nCMD [\"x\"]\n"
    );
    let report = court.clean(&lab, &[("Dockerfile", &bad), run, (".env", "SECRET=1\n")]).await;
    let of = |check: &str| -> Vec<&str> {
        report.failures.iter().filter(|f| f.check == check).map(|f| f.code.as_str()).collect()
    };
    assert_eq!(of("config").len(), 7, "{report:#?}");
    assert_eq!((of("file"), of("linked")), (vec!["IMAGE_FILE"], vec!["IMAGE_FILE"]));
    let junk: Vec<_> = report.failures.iter().filter(|f| f.check == "lacks").collect();
    assert_eq!(junk.len(), 2, "{report:#?}");
    assert!(junk[0].message.contains("has /srv/.env; a later layer hides it") && junk[0].line == Some(5), "{junk:#?}");
    assert!(junk[1].message.contains("/usr/bin/gcc"), "{junk:#?}");
    assert_eq!(of("perl"), ["IMAGE_JUNK"]);
    assert!(message(&report, "setuid").contains("/usr/bin/gcc"), "{report:#?}");
    assert_eq!(
        (of("layers"), of("waste"), of("small")),
        (vec!["IMAGE_LAYERS"], vec!["IMAGE_WASTE"], vec!["IMAGE_SIZE"])
    );
    assert!(message(&report, "leak").contains("history"), "{report:#?}");
    assert!(message(&report, "file-leak").contains("/srv/.env"), "{report:#?}");
    court.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_looked_at_from_all_sides() {
    let court = Court::new();
    let lab = Court::lab(
        "build: {context: .}\nrun:\n  app: {memory: 64m, env: {WHO: court}}\n  once: {memory: 64m, command: [sh, -c, 'echo done; exit 3']}\n\
         \x20 client: {memory: 64m, command: [sleep, '60']}",
        "- {id: http, kind: run.http, port: 8000, stable: 2}\n\
         - {id: exec, kind: run.exec, cmd: [sh, -c, 'echo hello $WHO; echo bad >&2; exit 4'], exit: 4, stdout: 'hello court', stderr: bad}\n\
         - {id: no-binary, kind: run.exec, cmd: [/no/such], code: GONE}\n\
         - {id: slow, kind: run.exec, cmd: [sleep, '50'], timeout: 1s}\n\
         - {id: logs, kind: run.logs, contains: listening, stream: stdout}\n\
         - {id: quiet, kind: run.logs, excludes: listening, within: 1s}\n\
         - {id: healthy, kind: run.healthy}\n\
         - {id: readonly, kind: run.readonly, stays_up: 1s, then: [http]}\n\
         - {id: hardened, kind: run.hardened, stays_up: 1s, then: [http]}\n\
         - {id: exit, kind: run.exit, container: once, code: 3}\n\
         - {id: tcp, kind: run.tcp, port: 8000, send: \"GET / HTTP/1.0\\r\\n\\r\\n\", expect: 'HTTP/1.0 200'}\n\
         - {id: open, kind: run.tcp, port: 8000}\n\
         - {id: net, kind: run.net, from: client, to: app, port: 8000}\n\
         - {id: no-net, kind: run.net, from: client, to: app, port: 8001, reachable: false, within: 1s}\n\
         - {id: kept, kind: run.persists, volume: /data, write: [sh, -c, 'echo x > /data/x'], read: [cat, /data/x], expect: x}\n\
         - {id: lost, kind: run.persists, write: [sh, -c, 'echo x > /x'], read: [cat, /x]}\n\
         - {id: restarted, kind: run.persists, how: restart, write: [sh, -c, 'echo x > /x'], read: [cat, /x]}\n\
         - {id: stops, kind: run.stops, exit: 0}",
    );
    let dockerfile =
        format!("FROM {BASE}\nCOPY app.pl /\nHEALTHCHECK --interval=1s CMD [\"true\"]\nCMD [\"perl\", \"/app.pl\"]\n");
    let program = server("0.0.0.0", 8000, &says("fine"));
    let report = court.clean(&lab, &[("Dockerfile", &dockerfile), ("app.pl", &program)]).await;
    assert_eq!(codes(&report), ["GONE", "EXEC_TIMEOUT", "LOG_FORBIDDEN", "STATE_LOST"], "{report:#?}");
    println!(
        "{} s: {:#?}",
        report.elapsed_seconds,
        report.checks.iter().map(|c| (&c.id, c.elapsed_seconds, &c.observed)).collect::<Vec<_>>()
    );
    court.gone().await;
}
