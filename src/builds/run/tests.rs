//! What is said of what engines and programs say, old and new.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::engine::ErrorKind;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn image(entrypoint: &[&str], command: &[&str]) -> ImageFacts {
    ImageFacts { entrypoint: words(entrypoint), command: words(command), dir: "/app".into(), ..ImageFacts::default() }
}

#[track_caller]
fn is(trouble: &Trouble, what: &str, why: &str, place: &Place) {
    assert!(trouble.what.contains(what) && trouble.why.contains(why) && trouble.place == *place, "{trouble:#?}");
    assert!(!trouble.todo.is_empty() && !trouble.to_string().chars().any(char::is_control), "{trouble:?}");
}

#[test]
fn engines_old_and_new_and_podman_are_understood() {
    let ports = Options::parse(&Texts { ports: "8080:80, [::1]:53:53/udp".into(), ..Texts::default() }).unwrap();
    let image = image(&[], &["serve"]);
    let said = |message: &str| {
        let error = EngineError::new(ErrorKind::Other, message);
        explain(&Facts { error: Some(&error), image: &image, image_name: "web", options: &ports, ..Facts::default() })
    };
    let oci = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";
    let option = Place::Option;
    for (message, what, why, place) in [
        (
            "driver failed programming external connectivity on endpoint x (ab): Bind for 0.0.0.0:8080 failed: port is already allocated",
            "port 8080 of the host is taken",
            "a program of the host",
            option("ports"),
        ),
        (
            "failed to set up container networking: driver failed programming external connectivity on endpoint x (ab): failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use",
            "port 8080 of the host is taken",
            "",
            option("ports"),
        ),
        (
            "failed to bind host port 0.0.0.0:8080/tcp: address already in use",
            "port 8080 of the host is taken",
            "",
            option("ports"),
        ),
        (
            "Error starting userland proxy: listen udp6 [::1]:53: bind: address already in use",
            "port 53 of the host is taken",
            "",
            option("ports"),
        ),
        (
            "rootlessport cannot expose privileged port 80, you can add 'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf",
            "port 80 of the host may not be used",
            "root",
            option("ports"),
        ),
        (
            "driver failed programming external connectivity on endpoint x (ab): Error starting userland proxy: listen tcp 172.17.42.1:10000: bind: cannot assign requested address",
            "no such address",
            "172.17.42.1",
            option("ports"),
        ),
        (
            "OCI runtime create failed: container_linux.go:346: starting container process caused \"exec: \\\"./run.sh\\\": executable file not found in $PATH\": unknown",
            "./run.sh is not found",
            "",
            Place::Instruction("CMD"),
        ),
        ("no command specified", "nothing to run", "CMD", Place::Instruction("CMD")),
        ("No such image: web:latest", "there is no image web", "", option("image")),
        (
            "Conflict. The container name \"/web\" is already in use by container \"ab\". You have to remove (or rename) that container to be able to reuse that name.",
            "another container is called web",
            "",
            Place::Engine,
        ),
        (
            &format!("{oci}exec: \"serve\": executable file not found in $PATH: unknown"),
            "serve is not found",
            "PATH",
            Place::Instruction("CMD"),
        ),
        (
            &format!(
                "{oci}error during container init: exec: \"/app/serve\": stat /app/serve: no such file or directory: unknown"
            ),
            "/app/serve is not there",
            "",
            Place::Instruction("CMD"),
        ),
        (
            &format!("{oci}exec: \"/app\": is a directory: unknown"),
            "/app may not be executed",
            "",
            Place::Instruction("CMD"),
        ),
        (
            &format!("{oci}chdir to cwd (\"/root/x\") set in config.json failed: permission denied: unknown"),
            "may not go to its working directory /app",
            "no right",
            Place::Instruction("WORKDIR"),
        ),
        ("unable to find user app: no matching entries in passwd file", "no user app", "", Place::Instruction("USER")),
        ("Minimum memory limit allowed is 6MB", "its limit of memory is too little", "6MB", option("memory")),
        (
            "OCI runtime create failed: runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?): unknown",
            "memory is too little",
            "",
            option("memory"),
        ),
        ("exec format error", "serve is no program", "", Place::Instruction("CMD")),
    ] {
        is(&said(message), what, why, &place);
    }
    let unknown = said("something else\u{1b}[2J happened");
    assert_eq!((unknown.place, unknown.why.as_str()), (Place::Engine, "something else·[2J happened"));
}

#[test]
fn ends_are_explained_by_code_and_last_words() {
    type Row<'a> = (&'a [&'a str], i64, &'a str, &'a str, &'a str, Place);
    let file = |path: &str, line| Place::File { path: path.into(), line };
    let cmd = || Place::Instruction("CMD");
    let rows: [Row<'_>; 19] = [
        (&["bash"], 0, "", "ended by itself", "nobody who types", cmd()),
        (&["/usr/bin/python3"], 0, "", "ended by itself", "waits for input", cmd()),
        (&["sh", "-c", "service nginx start"], 0, "", "ended by itself", "background", cmd()),
        (&["nginx"], 0, "", "ended by itself", "background", cmd()),
        (&["nginx", "-g", "daemon off;"], 0, "", "ended by itself", "background", cmd()),
        (&["./job"], 0, "done", "ended by itself", "it was done", cmd()),
        (&["sh", "-c", "x"], 127, "sh: 1: x: not found", "x is not found", "", cmd()),
        (&["bash", "-c", "x"], 127, "bash: line 1: x: command not found", "x is not found", "", cmd()),
        (&["./x"], 127, "env: 'python': No such file or directory", "python is not found", "", cmd()),
        (
            &["./x"],
            127,
            "./x: error while loading shared libraries: libpq.so.5: cannot open shared object file",
            "library libpq.so.5 is missing",
            "",
            Place::Instruction("RUN"),
        ),
        (&["sh", "-c", "./x"], 126, "sh: 1: ./x: Permission denied", "./x may not be executed", "", cmd()),
        (&["./x"], 139, "", "it crashed", "SIGSEGV", Place::Program),
        (&["./x"], 134, "x.c:7: assertion failed", "it crashed", "SIGABRT", file("x.c", 7)),
        (&["./x"], 137, "", "it was killed", "host's memory", Place::Engine),
        (&["./x"], 143, "", "told to end", "SIGTERM", Place::Engine),
        (&["x"], 255, "exec /app/run.sh: no such file or directory", "/app/run.sh is not there", "", cmd()),
        (
            &["x"],
            1,
            "standard_init_linux.go:228: exec user process caused: exec format error",
            "x is no program",
            "",
            cmd(),
        ),
        (
            &["x"],
            1,
            "starting\nOSError: [Errno 98] Address already in use\nbye",
            "exit code 1",
            "Address already in use",
            cmd(),
        ),
        (
            &["x"],
            1,
            "node:internal\nError: Cannot find module 'express'\n    at Object.<anonymous> (/app/server.js:3:9)\n\nNode.js v20",
            "exit code 1",
            "Error: Cannot find module 'express'",
            file("server.js", 3),
        ),
    ];
    for (command, code, log, what, why, place) in rows {
        let image = image(&[], command);
        let log: Vec<String> = log.lines().map(str::to_owned).collect();
        let end = End { code, started: true, ..End::default() };
        let trouble = explain(&Facts { end: Some(end), image: &image, log: &log, ..Facts::default() });
        if command.contains(&"daemon off;") {
            assert!(trouble.why.contains("it was done"), "{trouble}");
            continue;
        }
        is(&trouble, what, why, &place);
        assert_eq!(trouble.code, Some(code));
    }
    // Where the run's own options are the cause, they are named.
    let image = image(&["/entry"], &["x"]);
    let options = Options { memory: Some(8 << 20), read_only: true, ..Options::default() };
    let ended = |code, oom_killed, log: &[String], inside| {
        let end = Some(End { code, oom_killed, started: true });
        explain(&Facts { end, image: &image, options: &options, log, inside, ..Facts::default() })
    };
    is(&ended(1, true, &[], false), "ran out of memory", "8.0M", &Place::Option("memory"));
    is(&ended(137, false, &[], true), "it was killed", "8.0M", &Place::Option("memory"));
    let log = words(&["OSError: [Errno 30] Read-only file system: '/x'"]);
    is(&ended(1, false, &log, false), "may not write", "'/x'", &Place::Option("read_only"));
    let inside = End { code: 137, started: true, ..End::default() };
    let trouble = explain(&Facts { end: Some(inside), inside: true, ..Facts::default() });
    is(&trouble, "it was killed", "session's memory", &Place::Engine);
}

#[test]
fn hostile_or_endless_last_words_are_harmless() {
    let log = vec![format!("Error: \u{1b}]0;x\u{7}{}", "x".repeat(100_000))];
    let end = End { code: 1, started: true, ..End::default() };
    let trouble = explain(&Facts { end: Some(end), log: &log, ..Facts::default() });
    assert!(trouble.why.chars().count() <= 301 && !trouble.why.chars().any(char::is_control), "{trouble}");
}

#[test]
fn silence_is_explained_by_where_it_listens() {
    let at = |port, loopback| Listener { port, loopback };
    let image = image(&[], &["serve"]);
    let options = Options::parse(&Texts { ports: "8080:80".into(), ..Texts::default() }).unwrap();
    let broke = Silence::Broke("reset".into());
    let cmd = Place::Instruction("CMD");
    for (silence, found, why, place) in [
        (&Silence::Refused, Some(&[at(80, true)][..]), "127.0.0.1:80", &cmd),
        (&broke, Some(&[at(80, true), at(5000, false)]), "127.0.0.1:80", &cmd),
        (&broke, Some(&[at(5000, false)]), "listens on 5000", &Place::Option("ports")),
        (&broke, Some(&[at(5000, true)]), "127.0.0.1:5000 only", &cmd),
        (&broke, Some(&[]), "nothing listens in the container", &cmd),
        (&Silence::Slow, Some(&[at(80, false)]), "said nothing", &Place::Program),
        (&broke, Some(&[at(80, false)]), "no HTTP: reset", &Place::Program),
        (&Silence::Refused, Some(&[at(80, false)]), "only just", &Place::Program),
        (&broke, None, "connection broke: reset", &Place::Program),
        (&Silence::Slow, None, "said nothing", &Place::Program),
        (&Silence::Refused, None, "nothing listens", &cmd),
    ] {
        is(&explain_silence(silence, 80, found, &image, &options), "port 80 does not answer", why, place);
    }
}

proptest::proptest! {
    #[test]
    fn nothing_typed_or_said_is_too_strange(
        text in "(?s)(.|[:,/'\"\\\\ \n=-]|GET|80|-H|exec|File \"|line | port |: no such file or directory|#!){0,24}",
        code in -1_i64..300,
        oom_killed in proptest::bool::ANY,
    ) {
        let texts = |text: &str| Texts {
            ports: text.into(), env: text.into(), command: text.into(), memory: text.into(), cpus: text.into(),
            user: text.into(), dir: text.into(), read_only: oom_killed,
        };
        let _ = Options::parse(&texts(&text));
        for field in 0..3 {
            let part = |n| if field == n { text.clone() } else { String::new() };
            let typed = Texts { ports: part(0), env: part(1), command: part(2), ..Texts::default() };
            if let Ok(options) = Options::parse(&typed) {
                proptest::prop_assert_eq!(Options::parse(&options.texts()).unwrap(), options);
            }
        }
        let _ = Ask::parse(&text, 80);
        let _ = listeners(&text);
        let error = EngineError::new(ErrorKind::Other, &text);
        let log: Vec<String> = text.lines().map(str::to_owned).collect();
        let image = image(&[], &[&text]);
        for (error, started) in [(Some(&error), false), (None, true), (None, false)] {
            let end = Some(End { code, oom_killed, started });
            let facts = Facts { error, end, log: &log, image: &image, script: Some(&text), ..Facts::default() };
            let said = explain(&facts).to_string();
            proptest::prop_assert!(!said.chars().any(crate::text::is_unsafe), "{}", said);
        }
    }
}
