//! Submissions judged on a real engine: what is built, what is in the image, what runs.

#![allow(clippy::unwrap_used)]

mod common;

use common::court::{BASE, Court, codes, message, says, server, status};
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
         - {id: exit, kind: run.exit, container: once, exit: 3}\n\
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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_with_its_place_and_layer() {
    let court = Court::new();
    // A build that fails says in which line; nothing that needs the image is made.
    let lab = Court::lab(
        "build: {context: .}\nrun: {app: {}}",
        "- {id: builds, kind: build.succeeds, required: true}\n- {id: up, kind: run.starts}",
    );
    let broken = format!("FROM {BASE}\n\nRUN echo so && \\\n    no-such-command\n");
    let report = court.clean(&lab, &[("Dockerfile", &broken)]).await;
    assert_eq!(codes(&report), ["BUILD_FAILED"], "{report:#?}");
    assert_eq!(
        (report.failures[0].file.as_deref(), report.failures[0].line),
        (Some("Dockerfile"), Some(3)),
        "{report:#?}"
    );
    assert_eq!(status(&report, "up"), CheckStatus::NotReached);

    let lab = Court::lab(
        "build: {context: .}\nrun:\n  app: {memory: 64m}\n  lost: {command: [/no/such]}\n  crash: {command: [sh, -c, 'echo last words; exit 9']}\n\
         \x20 deaf: {command: [sh, -c, 'trap \"\" TERM; while :; do sleep 1; done']}\n  greedy: {memory: 16m, command: [perl, -e, 'my $x = \"x\" x 900_000_000; sleep 9']}\n\
         \x20 wrong: {command: [perl, /wrong.pl]}",
        "- {id: loopback, kind: run.http, port: 8000, within: 10s}\n\
         - {id: refused, kind: run.http, port: 8001, within: 2s}\n\
         - {id: user, kind: run.nonroot}\n\
         - {id: no-health, kind: run.healthy}\n\
         - {id: lost, kind: run.starts, container: lost}\n\
         - {id: crash, kind: run.http, container: crash, port: 1}\n\
         - {id: greedy, kind: run.starts, container: greedy, stays_up: 5s}\n\
         - {id: status, kind: run.http, container: wrong, port: 8000, path: /a, expect: {status: 200}}\n\
         - {id: json, kind: run.http, container: wrong, port: 8000, path: /a, expect: {status: 404, json: {$.a: 2}}}\n\
         - {id: body, kind: run.http, container: wrong, port: 8000, path: /a, expect: {body: other}}\n\
         - {id: deaf, kind: run.stops, container: deaf, within: 1s}",
    );
    let dockerfile = format!("FROM {BASE}\nCOPY *.pl /\nCMD [\"perl\", \"/app.pl\"]\n");
    let wrong = "print $c \"HTTP/1.0 404 Not Found\\r\\n\\r\\n{\\\"a\\\": 1}\";";
    let files = [
        ("Dockerfile", dockerfile.as_str()),
        ("app.pl", &server("127.0.0.1", 8000, &says("fine"))),
        ("wrong.pl", &server("0.0.0.0", 8000, wrong)),
    ];
    let report = court.clean(&lab, &files).await;
    let expected = [
        "HTTP_LOOPBACK",
        "HTTP_REFUSED",
        "RUN_AS_ROOT",
        "HEALTH_NONE",
        "RUN_FAILED",
        "RUN_EXITED",
        "RUN_OOM",
        "HTTP_STATUS",
        "HTTP_JSON",
        "HTTP_BODY",
        "STOP_SLOW",
    ];
    assert_eq!(codes(&report), expected, "{report:#?}");
    let crash = report.failures.iter().find(|failure| failure.check == "crash").unwrap();
    assert!(crash.message.contains("exit code 9") && crash.found.as_deref() == Some("last words"), "{crash:#?}");
    court.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compose_projects_come_up_in_a_session() {
    let court = Court::new();
    // Services stand in for the run plans of their names.
    let lab = Court::lab(
        "run: {web: {image: \"debian:bookworm-slim\"}}",
        "- {id: valid, kind: compose.valid, services: [db, web]}\n\
         - {id: audit, kind: compose.audit, deny: [docker_socket, privileged, no_memory_limit]}\n\
         - {id: up, kind: compose.up, within: 60s, order: [db, web], needs: [valid]}\n\
         - {id: http, kind: run.http, container: web, port: 8000, needs: [up], expect: {body: fine}}",
    );
    let service = |more: &str| {
        format!(
            "image: {BASE}\n    command: [perl, /app/app.pl]\n    volumes: ['./app:/app:ro', 'data:/data']\n    {more}"
        )
    };
    let file = |db: &str| {
        format!(
            "services:\n  db:\n    image: {BASE}\n    mem_limit: 64m\n    command: [sleep, '100']\n    {db}\n  web:\n    {}\n\
             volumes:\n  data: {{}}\n",
            service(
                "mem_limit: 64m\n    ports: ['8000:8000']\n    container_name: web\n    depends_on: {db: {condition: service_healthy}}"
            )
        )
    };
    let program = server("0.0.0.0", 8000, &says("fine"));
    let healthy = file("healthcheck: {test: [CMD, 'true'], interval: 1s}");
    let report = court.clean(&lab, &[("compose.yaml", &healthy), ("app/app.pl", &program)]).await;
    assert_eq!(codes(&report), [""; 0], "{report:#?}");
    println!("compose: {} s", report.elapsed_seconds);

    // In a learner's session the learner's own project of that name stays, and nothing of the judge's does.
    let session = court.session(&lab).await;
    let sick = file("healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 1}")
        .replace("    mem_limit: 64m\n    command", "    command");
    let report = court.quick(&lab, &[("compose.yaml", &sick), ("app/app.pl", &program)], &session).await;
    assert_eq!(codes(&report), ["COMPOSE_AUDIT", "COMPOSE_UP"], "{report:#?}");
    assert!(message(&report, "up").contains("db"), "{report:#?}");
    let left = court
        .guest
        .told(
            &session,
            "docker ps -aq; docker volume ls -q; docker network ls -q --filter type=custom; ls -A /run/ondeck-judge",
        )
        .await;
    assert_eq!(left, "");
    let report = court.quick(&lab, &[("compose.yaml", "services:\n  web: [\n")], &session).await;
    assert_eq!(codes(&report)[0], "COMPOSE_SYNTAX", "{report:#?}");
    court.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_learner_made_by_hand_is_looked_at_where_it_is() {
    let court = Court::new();
    let lab = Court::lab(
        "",
        "- {id: answer, kind: answer, path: answers/1.txt, normalise: [spaces, lower], sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}\n\
         - {id: runs, kind: state.container, name: '^web$', fields: {$.State.Status: running, $.HostConfig.Memory: 33554432}}\n\
         - {id: limit, kind: state.container, label: tier=front, fields: {$.HostConfig.Memory: 1}}\n\
         - {id: image, kind: state.image, name: 'web:1$'}\n\
         - {id: network, kind: state.network, name: '^front$'}\n\
         - {id: volume, kind: state.volume, name: '^old$', exists: false}",
    );
    let session = court.session(&lab).await;
    let script = format!(
        "docker run -d --name web -m 32m --label tier=front {BASE} sleep 1000 && docker network create front && docker volume create old"
    );
    court.guest.told(&session, &script).await;
    let report = court.quick(&lab, &[("answers/1.txt", " ABC\n")], &session).await;
    assert_eq!(codes(&report), ["STATE_FIELD", "STATE_MISSING", "STATE_UNWANTED"], "{report:#?}");
    let report = court.quick(&lab, &[("answers/1.txt", "abd")], &session).await;
    assert_eq!(codes(&report)[0], "ANSWER_WRONG");
    // Of a fresh session nothing can be said of what was made in another.
    let report = court.clean(&lab, &[("answers/1.txt", "abc")]).await;
    assert_eq!(report.error.unwrap().code, "J_LAB_INVALID");
    court.gone().await;
}
