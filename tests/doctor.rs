//! The doctor before real troubles: sockets, daemons, proxies, ports, containers.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ondeck::config::Config;
use ondeck::doctor::{self, Ask, Check, Outcome, Terminal};
use ondeck::engine::{Engine, Surroundings};
use ondeck::store::Store;
use serde_json::Value;

use common::docker::{self, IMAGE, OwnEngine};
use common::live::{Filter, Made, endpoint, endpoint_at, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ondeck");

/// Runs the doctor in a home of its own.
fn run(home: &Path, env: &[(&str, &str)], args: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("doctor")
        .args(args)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", home)
        .envs(env.iter().copied())
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What it found, and its exit code.
fn found(home: &Path, env: &[(&str, &str)], args: &[&str]) -> (i32, Vec<Value>) {
    let out = run(home, env, &[&["--json"], args].concat());
    (out.status.code().unwrap(), parsed(&out))
}

fn parsed(out: &Output) -> Vec<Value> {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"))
}

/// A check by its code: outcome, evidence, command.
fn of<'a>(checks: &'a [Value], code: &str) -> (&'a str, &'a str, &'a str) {
    let check = checks.iter().find(|c| c["code"] == code).unwrap_or_else(|| panic!("no {code} in {checks:#?}"));
    let text = |value: &'a Value| value.as_str().unwrap_or_default();
    (text(&check["outcome"]), text(&check["evidence"]), text(&check["fix"]["command"]))
}

#[test]
fn without_a_socket_all_that_needs_it_is_skipped() {
    let home = tempfile::tempdir().unwrap();
    let host = format!("unix://{}/none.sock", home.path().display());
    let (code, checks) = found(home.path(), &[("DOCKER_HOST", &host)], &[]);
    assert_eq!(code, 1);
    let (outcome, evidence, _) = of(&checks, "SOCKET");
    assert_eq!(outcome, "fail");
    assert!(evidence.starts_with("there is no ") && evidence.contains("none.sock"), "{evidence}");
    assert!(of(&checks, "ENDPOINT").1.ends_with("by DOCKER_HOST") || of(&checks, "ENDPOINT").1.contains("also there"));
    for code in ["DAEMON", "API", "ACCESS", "DISK", "DNS", "POOLS", "PORTS"] {
        assert_eq!(of(&checks, code).0, "skipped", "{code}");
    }
    // The shape: an array of objects, whose words are known.
    for check in &checks {
        let keys: Vec<&str> = check.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "title", "outcome", "evidence", "fix"]);
        assert!(["ok", "warn", "fail", "skipped"].contains(&check["outcome"].as_str().unwrap()), "{check}");
        assert!(check["fix"].is_null() || check["fix"]["harmless"].is_boolean(), "{check}");
    }
    // The same for people: readable at 80 columns (commands are whole), worst first.
    let out = run(home.path(), &[("DOCKER_HOST", &host)], &[]);
    let page = String::from_utf8(out.stdout).unwrap();
    assert!(page.starts_with("X SOCKET the way to the engine\n  there is no "), "{page}");
    assert!(page.lines().filter(|l| !l.starts_with("      ")).all(|l| l.chars().count() <= 80), "{page}");
    assert!(!page.contains('\x1b'), "no colours where this is no terminal");
}

#[test]
fn a_socket_without_a_listener_and_a_config_that_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("docker.sock");
    drop(UnixListener::bind(&path).unwrap());
    std::fs::write(home.path().join("c.yaml"), "theme: [\n").unwrap();
    let config = home.path().join("c.yaml").display().to_string();
    let host = format!("unix://{}", path.display());
    let (code, checks) = found(home.path(), &[], &["--host", &host, "--config", &config]);
    assert_eq!(code, 1);
    let (outcome, evidence, _) = of(&checks, "SOCKET");
    assert!(outcome == "fail" && evidence.contains("is there, but nobody listens"), "{evidence}");
    let (outcome, evidence, _) = of(&checks, "CONFIG");
    assert!(outcome == "fail" && evidence.contains("c.yaml"), "{evidence}");
}

#[test]
fn an_engine_that_never_answers_is_told_from_one_that_is_not_there() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        // Takes all connections and says nothing.
        while let Ok((stream, _)) = listener.accept() {
            open.push(stream);
        }
    });
    let (code, checks) = found(home.path(), &[("DOCKER_HOST", &format!("unix://{}", path.display()))], &[]);
    assert_eq!(code, 1);
    assert_eq!(of(&checks, "SOCKET").0, "ok");
    let (outcome, evidence, _) = of(&checks, "DAEMON");
    assert!(outcome == "fail" && evidence.contains("gave no answer within 5s"), "{evidence}");
    assert_eq!(of(&checks, "DISK").0, "skipped");
}

#[test]
fn the_reasons_for_a_closed_socket_are_told_apart() {
    let made = Made::new("doctor-eacces");
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("ondeck");
    std::fs::copy(PROGRAM, &program).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // In a container one is root, may make users and groups, and may take away the sign that it is a container.
    let script = "set -e
        perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Local => shift, Listen => 9) or die $!; sleep 60' /var/run/docker.sock &
        until [ -S /var/run/docker.sock ]; do sleep 0.05; done
        groupadd -g 998 docker; useradd -u 1000 ann; chgrp 998 /var/run/docker.sock; chmod 660 /var/run/docker.sock
        look() { HOME=/tmp setpriv --reuid 1000 --regid 1000 --clear-groups /ondeck doctor --json --no-containers || true; echo ,; }
        echo '['; look
        rm /.dockerenv; look
        usermod -aG docker ann; look
        chgrp 0 /var/run/docker.sock; look
        chgrp 998 /var/run/docker.sock; chmod 600 /var/run/docker.sock
        HOME=/tmp setpriv --reuid 1000 --regid 1000 --groups 998 /ondeck doctor --json --no-containers || true; echo ']'";
    let mount = format!("{}:/ondeck:ro", program.display());
    let (name, label) = (made.name("x"), made.label());
    let out = made.docker(&[
        "run",
        "--name",
        &name,
        "--label",
        &label,
        "--network",
        "none",
        "-v",
        &mount,
        IMAGE,
        "bash",
        "-c",
        script,
    ]);
    let runs: Vec<Vec<Value>> = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
    let told: Vec<(&str, &str, &str)> = runs.iter().map(|checks| of(checks, "SOCKET")).collect();
    assert!(told.iter().all(|(outcome, ..)| *outcome == "fail"), "{told:#?}");
    let wanted = [
        ("and this process, in a container, is not in it", "docker run --group-add 998 ..."),
        ("belongs to the group docker (gid 998), and ann is not in it", "sudo usermod -aG docker ann"),
        ("and ann is a member, but this login is older than that", "newgrp docker"),
        ("is root's alone", "sudo ondeck"),
        ("although its group would be right (mode 600)", ""),
    ];
    for ((_, evidence, command), (words, wanted)) in told.iter().zip(wanted) {
        assert!(evidence.contains(words) && *command == wanted, "{evidence} / {command}; expected {words} / {wanted}");
    }
}

#[test]
fn docker_host_and_a_context_that_contradict_each_other() {
    use sha2::{Digest, Sha256};
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join(".docker");
    let hash = Sha256::digest(b"web").iter().fold(String::new(), |hash, b| hash + &format!("{b:02x}"));
    let meta = config.join("contexts/meta").join(hash);
    std::fs::create_dir_all(&meta).unwrap();
    let context = serde_json::json!({"Name": "web", "Endpoints": {"docker": {"Host": "tcp://127.0.0.1:9"}}});
    std::fs::write(meta.join("meta.json"), context.to_string()).unwrap();
    std::fs::write(config.join("config.json"), r#"{"currentContext": "web"}"#).unwrap();
    let host = endpoint().address.to_string();
    let (_, checks) = found(home.path(), &[("DOCKER_HOST", &host)], &["--no-containers"]);
    let (outcome, evidence, command) = of(&checks, "ENDPOINT");
    assert_eq!((outcome, command), ("warn", "unset DOCKER_HOST"));
    assert!(evidence.ends_with("wins over the context web (tcp://127.0.0.1:9)"), "{evidence}");
    // What is meant is said where they do not.
    let (_, checks) = found(home.path(), &[], &["--no-containers"]);
    assert_eq!(of(&checks, "ENDPOINT").1.split("; also").next(), Some("tcp://127.0.0.1:9, by context web"));
    let (outcome, evidence, _) = of(&checks, "SOCKET");
    assert!(outcome == "fail" && evidence.contains("nobody listens at tcp://127.0.0.1:9"), "{evidence}");
}

#[test]
fn harmless_mends_are_said_first_and_nothing_else_is_done_and_a_stopped_daemon_is_named() {
    let engine = OwnEngine::start();
    let home = tempfile::tempdir().unwrap();
    let host = ["--host", &engine.address, "--no-containers"];
    for (name, label) in [("left", "dev.ondeck.session.data=zzzz"), ("mine", "dev.ondeck.test=x")] {
        engine.docker(&["volume", "create", "--label", label, name]);
    }
    engine.docker(&["create", "--name", "idle", "--network", "none", IMAGE, "true"]);
    let things = || (engine.docker(&["volume", "ls", "-q"]), engine.docker(&["ps", "-aq"]));
    let before = things();
    let (_, checks) = found(home.path(), &[], &host);
    assert_eq!(of(&checks, "LEFTOVERS"), ("warn", "1 volume (left)", "docker volume rm left"));
    assert_eq!(things(), before, "looking changes nothing");
    // Nobody is there to be asked.
    let out = run(home.path(), &[], &[&host[..], &["--json", "--fix"]].concat());
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("docker volume rm left") && said.contains("--yes does it\nnothing was done"), "{said}");
    assert_eq!(things(), before);
    let out = run(home.path(), &[], &[&host[..], &["--json", "--fix", "--yes"]].concat());
    let said = String::from_utf8(out.stderr.clone()).unwrap();
    assert!(said.contains("LEFTOVERS: was warning, is ok: nothing"), "{said}");
    assert_eq!(of(&parsed(&out), "LEFTOVERS").0, "ok");
    assert_eq!(things(), ("mine".to_owned(), before.1), "what is not a session's is left alone");
    // The other harmless thing, which needs a disk that is nearly full to be offered.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pruned = async { Engine::connect(&endpoint_at(&engine.address))?.prune_cache("24h").await };
    assert_eq!(runtime.block_on(pruned).unwrap().removed, Vec::<String>::new());
    engine.stop();
    let (code, checks) = found(home.path(), &[], &host);
    assert_eq!(code, 1);
    let (outcome, evidence, _) = of(&checks, "SOCKET");
    assert!(
        outcome == "fail" && (evidence.contains("there is no ") || evidence.contains("nobody listens")),
        "{evidence}"
    );
    engine.start_again();
    let (_, checks) = found(home.path(), &[], &host);
    assert_eq!((of(&checks, "SOCKET").0, of(&checks, "DAEMON").0), ("ok", "ok"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_refuses_is_named() {
    let refuse = |method: &str, path: &str| method != "GET" || path.contains("/networks");
    let proxy = Filter::new(refuse).await;
    let home = tempfile::tempdir().unwrap();
    let (code, checks) =
        tokio::task::block_in_place(|| found(home.path(), &[("DOCKER_HOST", &proxy.url)], &["--no-containers"]));
    assert_eq!(code, 1);
    let (outcome, evidence, _) = of(&checks, "ACCESS");
    assert_eq!(outcome, "warn");
    for words in
        ["networks (GET /networks)", "start, stop, remove (POST /containers/ID/start)", "terminals and commands"]
    {
        assert!(evidence.contains(words), "{evidence}");
    }
    assert!(!evidence.contains("GET /containers"), "{evidence}");
    assert_eq!(of(&checks, "POOLS").0, "skipped");
    assert!(of(&checks, "DISK").1.contains("run ondeck doctor there"), "{checks:#?}");
    // With less than that it still says what it can.
    let strict = Filter::new(|_, path| path != "/_ping" && path != "/version").await;
    let (_, checks) =
        tokio::task::block_in_place(|| found(home.path(), &[("DOCKER_HOST", &strict.url)], &["--no-containers"]));
    assert_eq!((of(&checks, "DAEMON").0, of(&checks, "API").0), ("ok", "ok"), "{checks:#?}");
    assert!(of(&checks, "ACCESS").1.contains("what the engine is (GET /info)"), "{checks:#?}");
    assert_eq!(of(&checks, "CGROUP"), ("skipped", "the API refuses GET /info, which would tell", ""));
}

#[test]
fn ports_that_are_taken_are_named_with_who_has_them() {
    let made = Made::new("doctor-ports");
    let home = tempfile::tempdir().unwrap();
    made.run("holder", &["-p", "127.0.0.1:0:80"], &["sleep", "300"]);
    let shown = made.docker(&["port", &made.name("holder"), "80/tcp"]);
    let port = shown.lines().next().unwrap().rsplit(':').next().unwrap().to_owned();
    let publish = format!("127.0.0.1:{port}:80");
    made.attempt(&["run", "-d", "--name", &made.name("late"), "--label", &made.label(), "-p", &publish, IMAGE, "true"])
        .unwrap_err();
    // And one that a program has.
    let own = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = own.local_addr().unwrap().port();
    std::fs::write(home.path().join("compose.yaml"), format!("services: {{web: {{ports: ['{taken}:80']}}}}")).unwrap();
    let host = endpoint().address.to_string();
    let pwd = home.path().display().to_string();
    let (_, checks) = found(home.path(), &[("DOCKER_HOST", &host), ("PWD", &pwd)], &["--no-containers"]);
    let (outcome, evidence, _) = of(&checks, "PORTS");
    assert_eq!(outcome, "fail");
    let (holder, late) = (made.name("holder"), made.name("late"));
    assert!(
        evidence.contains(&format!("port {port} is held by container {holder}; {late} could not start")),
        "{evidence}"
    );
    let pid = format!("(pid {})", std::process::id());
    assert!(evidence.contains(&format!("port {taken} is held by ")) && evidence.contains(&pid), "{evidence}");
}

#[test]
fn a_history_is_looked_at_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("history.db");
    let file = path.display().to_string();
    let history = || {
        let nowhere = format!("unix://{}/none.sock", home.path().display());
        let (_, checks) = found(home.path(), &[("ONDECK_HISTORY", &file), ("DOCKER_HOST", &nowhere)], &[]);
        let (outcome, evidence, _) = of(&checks, "HISTORY");
        (outcome.to_owned(), evidence.to_owned())
    };
    assert!(history().1.starts_with("none yet") && !path.exists(), "looking makes none");
    std::fs::write(&path, "shopping list").unwrap();
    let (outcome, evidence) = history();
    assert!(outcome == "fail" && evidence.contains("no history of ondeck"), "{evidence}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "shopping list");
    std::fs::remove_file(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Store::open(&path).await.unwrap().close().await });
    let before = std::fs::read(&path).unwrap();
    assert_eq!(history(), ("ok".to_owned(), file.clone()));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

fn ask(root: &Path, env: &[(&str, String)], containers: bool) -> Ask {
    let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    Ask {
        host: None,
        around: Surroundings { env, home: root.to_owned(), root: root.to_owned() },
        config: Config::default(),
        terminal: Terminal::default(),
        containers,
    }
}

fn check<'a>(checks: &'a [Check], code: &str) -> &'a Check {
    checks.iter().find(|c| c.code == code).unwrap()
}

/// Identifiers of momentary containers that are there.
fn trials() -> Vec<String> {
    let out = docker::docker(&endpoint().address.to_string(), &["ps", "-aq", "--filter", "label=dev.ondeck.trial"]);
    out.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_made_for_a_moment_and_is_gone_whatever_happens() {
    let path = std::env::var("PATH").unwrap();
    let host = endpoint().address.to_string();
    let ask = ask(Path::new("/"), &[("PATH", path), ("DOCKER_HOST", host)], true);
    let mut told = Vec::new();
    let checks = doctor::examine(&ask, |check| told.push(check.code)).await;
    let mut all: Vec<&str> = checks.iter().map(|c| c.code).collect();
    assert_eq!((all[0], all.len()), ("ENDPOINT", told.len()), "told as they end, answered in order");
    all.sort_unstable();
    told.sort_unstable();
    assert_eq!(all, told);
    let dns = check(&checks, "DNS");
    assert!(dns.outcome != Outcome::Skipped && dns.evidence.contains("asking"), "{dns:?}");
    assert_ne!(check(&checks, "NESTED").outcome, Outcome::Skipped, "{checks:#?}");
    until("all momentary containers gone", async || {
        let left = trials();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    // Given up in the middle: as soon as the first of them is there.
    let begun = tokio::spawn(async move { doctor::examine(&ask, |_| {}).await });
    until("one is there", async || if trials().is_empty() { Err("none".to_owned()) } else { Ok(()) }).await;
    begun.abort();
    let _ = begun.await;
    doctor::settled().await;
    until("all gone again", async || {
        let left = trials();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_is_started_and_nothing_else_is_run() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let file = |path: &str, text: &str, mode: u32| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    file("proc/self/status", "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0\n", 0o644);
    file("run/systemd/system/x", "", 0o644);
    file("usr/lib/systemd/system/docker.service", "", 0o644);
    let log = root.join("log");
    for program in ["systemctl", "sudo", "sysctl", "usermod", "docker"] {
        file(&format!("bin/{program}"), &format!("#!/bin/sh\necho {program} \"$@\" >>{}\n", log.display()), 0o755);
    }
    let path = format!("{}/bin:/usr/bin:/bin", root.display());
    // The socket that is looked at is below the directory; the engine that then answers is the real one.
    let ask = ask(root, &[("PATH", path)], false);
    let checks = doctor::examine(&ask, |_| {}).await;
    let socket = check(&checks, "SOCKET");
    assert_eq!(socket.outcome, Outcome::Fail, "{socket:?}");
    let ran = || std::fs::read_to_string(&log).unwrap_or_default();
    assert!(!ran().contains("systemctl"), "looking starts nothing: {}", ran());
    std::fs::write(&log, "").unwrap();
    let mends: Vec<_> = doctor::mends(&checks).into_iter().filter(|m| m.code == "SOCKET").collect();
    assert_eq!(mends.iter().map(|m| m.command.as_str()).collect::<Vec<_>>(), ["systemctl start docker"]);
    doctor::apply(&ask, &mends[0]).await.unwrap();
    assert_eq!(ran(), "systemctl start docker\n");
}
