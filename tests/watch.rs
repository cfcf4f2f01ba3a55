//! `ondeck watch` and probes on real engines: what is unhealthy is healed once and told once, by however many watch;
//! an engine that goes and comes back is survived.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use common::docker::OwnEngine;
use common::live::{Made, endpoint, until};
use jiff::Timestamp;
use ondeck::config;
use ondeck::engine::Engine;
use ondeck::health::{self, Level, Probed};
use ondeck::store::Store;
use serde_json::Value;

/// What a server was sent: the path, the headers, the body.
type Sent = Arc<Mutex<Vec<(String, String, String)>>>;

/// A server that takes whatever is posted to it.
fn server() -> (u16, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Sent::default();
    let kept = sent.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) < 3 {
                    break;
                }
                if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = number.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            kept.lock().unwrap().push((path, head, String::from_utf8(body).unwrap()));
            let _ = reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    (port, sent)
}

/// A place of a test's own for config and history.
struct Place {
    dir: tempfile::TempDir,
    engine: String,
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn ondeck(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ondeck"));
        command
            .args(["--host", &self.engine, "--config"])
            .arg(self.path("config.yaml"))
            .arg("watch")
            .args(args)
            .env("ONDECK_HISTORY", self.path("history.db"))
            .env("XDG_CONFIG_HOME", self.dir.path())
            .env("WATCH_TOKEN", "tk_of_the_test")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    async fn history(&self) -> Store {
        Store::open(&self.path("history.db")).await.unwrap()
    }
}

/// A program that watches, and what it has printed. It is killed when a test ends before it.
struct Watcher {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    told: Arc<Mutex<String>>,
}

impl Watcher {
    fn start(place: &Place) -> Self {
        let mut child = place.ondeck(&["--json"]).spawn().unwrap();
        let (lines, told) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(String::new())));
        let (out, kept) = (child.stdout.take().unwrap(), lines.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let (err, kept) = (child.stderr.take().unwrap(), told.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                kept.lock().unwrap().extend([line.as_str(), "\n"]);
            }
        });
        Self { child, lines, told }
    }

    /// Waits for a line of something at a level.
    async fn says(&self, name: &str, level: &str) {
        let fits = |line: &Value| line["name"] == name && line["level"] == level;
        until(&format!("{name} is said to be {level}"), async || {
            let lines = self.lines.lock().unwrap();
            if lines.iter().any(fits) { Ok(()) } else { Err(format!("{lines:#?}\n{}", self.told.lock().unwrap())) }
        })
        .await;
    }

    fn forget(&self) {
        self.lines.lock().unwrap().clear();
    }

    /// Asks it to end: its exit code.
    fn end(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds<'a>(notices: impl IntoIterator<Item = &'a Value>, name: &str) -> Vec<String> {
    let of = notices.into_iter().filter(|n| n["name"] == name);
    of.map(|n| n["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unhealthy_is_healed_and_told_once_and_a_lost_engine_is_survived() {
    let engine = OwnEngine::start();
    let place = Place { dir: tempfile::tempdir().unwrap(), engine: engine.address.clone() };
    let (port, sent) = server();
    let file = place.path("notices");
    let config = format!(
        "health:\n  interval: 1s\n  heal: {{after: 2s, limit: 3, backoff: 30s}}\n  notify:\n    \
         command: 'cat >> {}'\n    webhook: 'http://127.0.0.1:{port}/hook'\n    \
         ntfy: 'http://127.0.0.1:{port}/topic'\n    token_env: WATCH_TOKEN\n",
        file.display()
    );
    std::fs::write(place.path("config.yaml"), config).unwrap();
    let check = ["--health-cmd", "test -e /tmp/ok", "--health-interval", "1s", "--health-retries", "2"];
    let script = "touch /tmp/ok; exec sleep infinity";
    engine.run("healed", &[&check[..], &["--label", "dev.ondeck.heal=true"]].concat(), script);
    engine.run("left", &check, script);

    // Two with one history: neither heals nor tells what the other did.
    let (one, two) = (Watcher::start(&place), Watcher::start(&place));
    let host = engine.address.strip_prefix("unix://").unwrap().to_owned();
    let course = async |name: &str| {
        health::course(&place.history().await, &host, name, Timestamp::now()).await.map_err(|e| e.to_string())
    };
    let last = async |name: &str, level: Level| {
        until(&format!("{name} is {level:?} in the history"), async || match course(name).await?.changes.first() {
            Some((_, now, _)) if *now == level => Ok(()),
            other => Err(format!("{other:?}\n{}{}", one.told.lock().unwrap(), two.told.lock().unwrap())),
        })
        .await;
    };
    last("healed", Level::Healthy).await;
    last("left", Level::Healthy).await;
    for name in ["healed", "left"] {
        engine.docker(&["exec", name, "rm", "/tmp/ok"]);
    }
    one.says("healed", "failing").await;
    two.says("healed", "failing").await;
    until("the one is told to be well again, the other to fail", async || {
        let notices = lines(&file);
        let (healed, left) = (kinds(&notices, "healed"), kinds(&notices, "left"));
        if healed.len() >= 3 && !left.is_empty() { Ok(()) } else { Err(format!("{notices:#?}")) }
    })
    .await;
    one.says("healed", "healthy").await;

    let notices = lines(&file);
    assert_eq!(kinds(&notices, "healed"), ["failing", "restarted", "recovered"], "{notices:#?}");
    assert_eq!(kinds(&notices, "left"), ["failing"]);
    assert!(notices.iter().filter(|n| n["kind"] == "failing").all(|n| n["code"] == "UNHEALTHY"), "{notices:#?}");
    let store = place.history().await;
    let acts = store.heals(&host, 10).await.unwrap();
    assert_eq!(acts.len(), 1, "{acts:?}");
    assert_eq!((acts[0].name.as_str(), acts[0].code.as_str()), ("healed", "UNHEALTHY"));
    assert_eq!(acts[0].outcome.as_deref(), Some("restarted (1 of 3)"));
    let course_of_it = course("healed").await.unwrap();
    let mut levels: Vec<Level> = course_of_it.changes.iter().map(|c| c.1).collect();
    // Between its end and its new start it may have been seen as stopped.
    levels.retain(|level| *level != Level::Off);
    levels.dedup();
    assert_eq!(levels, [Level::Healthy, Level::Failing, Level::Healthy], "{course_of_it:#?}");
    until("webhook and topic have the same", async || {
        let sent = sent.lock().unwrap();
        let hook: Vec<Value> =
            sent.iter().filter(|s| s.0 == "/hook").map(|s| serde_json::from_str(&s.2).unwrap()).collect();
        let titles = sent.iter().filter(|s| s.0 == "/topic").count();
        let all = kinds(&hook, "healed") == ["failing", "restarted", "recovered"] && titles >= hook.len();
        if all { Ok(()) } else { Err(format!("{sent:#?}")) }
    })
    .await;
    // The host itself may have a trouble of its own that is told of, too.
    let of_it = |s: &&(String, String, String)| s.0 == "/topic" && s.1.contains("healed is failing (");
    let topic = sent.lock().unwrap().iter().find(of_it).cloned().unwrap();
    let head = topic.1.to_ascii_lowercase();
    assert!(head.contains("authorization: bearer tk_of_the_test") && head.contains("priority: 4"), "{head}");
    assert!(head.contains(" is failing (") && topic.2.contains("healthcheck"), "{topic:?}");

    // The engine goes, and comes back.
    one.forget();
    engine.stop();
    one.says("(engine)", "failing").await;
    engine.start_again();
    one.says("(engine)", "healthy").await;
    engine.docker(&["start", "healed"]);
    one.says("healed", "healthy").await;
    assert_eq!((one.end(), two.end()), (Some(0), Some(0)));
    // How long somebody looked is written every minute, and at the end.
    let whole = course("healed").await.unwrap();
    assert!(whole.hour.up.is_some_and(|up| up > 0.0 && up < 1.0) && whole.hour.watched < 1.0, "{whole:#?}");

    // A look from time to time says what is the case; without an engine it cannot.
    let said = place.ondeck(&["--once", "--no-heal"]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    engine.stop();
    let said = place.ondeck(&["--once"]).output().unwrap();
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stderr).contains(&host), "{said:?}");
}

/// A server in a container: waits at an address for connections, and answers each.
fn listener(address: &str) -> String {
    format!(
        "use IO::Socket::INET; my $l = IO::Socket::INET->new(LocalAddr => '{address}', Listen => 5, ReuseAddr => 1) \
         or die; while (my $c = $l->accept) {{ sysread $c, my $r, 4096; \
         print $c \"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok\"; close $c }}"
    )
}

#[tokio::test]
async fn containers_are_asked_at_their_own_address_and_it_is_told_why_a_port_is_closed() {
    let made = Made::new("probe");
    let http = "dev.ondeck.health.http=:8080/";
    let published = ["--publish", "127.0.0.1::8080"];
    let run = |name: &str, args: &[&str], address: &str| {
        made.run(name, &[&["--label", http], args].concat(), &["perl", "-e", &listener(address)])
    };
    let well = run("well", &[], "0.0.0.0:8080");
    let loopback = run("loopback", &published, "127.0.0.1:8080");
    let other = run("other", &[], "0.0.0.0:9090");
    let none = run("none", &["--network", "none"], "0.0.0.0:8080");
    let engine = Engine::connect(&endpoint()).unwrap();
    let of = |all: &[Probed], id: &str| all.iter().find(|p| &*p.container == id).cloned().unwrap();
    let code = |probed: &Probed| probed.finding.as_ref().map_or("", |f| f.code);
    // What listens begins a moment after its container.
    let all = until("all answer as they should", async || {
        let containers = engine.containers().await.map_err(|e| e.to_string())?;
        let mine: Vec<_> = containers.iter().filter(|c| made.owns(&c.labels)).collect();
        let all = health::probe(&engine, &mine, &config::Health::default()).await;
        let listens = |id: &str| of(&all, id).finding.is_some_and(|f| f.why.contains("9090"));
        let right = code(&of(&all, &well)).is_empty() && code(&of(&all, &loopback)) == "LOOPBACK_ONLY";
        if right && listens(&other) { Ok(all) } else { Err(format!("{all:#?}")) }
    })
    .await;
    assert!(of(&all, &well).latency_seconds.is_some());
    let finding = of(&all, &loopback).finding.unwrap();
    assert!(finding.why.contains("127.0.0.1") && finding.todo.contains("0.0.0.0"), "{finding:?}");
    assert_eq!(code(&of(&all, &other)), "PROBE_REFUSED");
    let unasked = of(&all, &none);
    assert!(unasked.finding.is_none() && unasked.unasked.unwrap().contains("no address"));
}
