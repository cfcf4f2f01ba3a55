//! Engines of other kinds: podman, and one newer than this machine's.
#![allow(clippy::unwrap_used)]

mod common;

use common::docker::host;
use common::live::{Made, PATIENCE, endpoint_at, seen, watch};
use ondeck::builds::{Build, Ended, Source, StepPlace};
use ondeck::engine::model::{Container, State};
use ondeck::engine::{BuildAsk, Builder, Engine, LogAsk};
use ondeck::fleet::Link;
use ondeck::terminal::{Happened, Opening, Running, Screen, Size};

/// What a listing and an inspection both say.
fn common_part(c: &Container) -> impl PartialEq + std::fmt::Debug + use<> {
    let networks: Vec<_> = c.networks.iter().map(|n| (n.network.clone(), n.network_id.clone(), n.ip)).collect();
    (
        (c.id.clone(), c.name.clone(), c.image.clone(), c.image_id.clone(), c.state, c.health, c.exit_code),
        (c.ports.clone(), c.labels.clone(), c.mounts.clone(), networks, c.created),
    )
}

/// What happens to a terminal, up to its end; `typed` is typed once it runs.
async fn terminal(address: &str, opening: Opening, typed: &str) -> (Vec<Happened>, String) {
    let engine = Engine::connect(&endpoint_at(address)).unwrap();
    let screen = Screen::new(Size::new(80, 24), 100);
    let (tell, mut news) = tokio::sync::mpsc::unbounded_channel();
    let tell = move |what| {
        let _ = tell.send(what);
    };
    let session = Running::open(engine, opening, screen.clone(), tell);
    assert!(session.input(typed.as_bytes().to_vec()));
    let mut seen = Vec::new();
    while let Some(what) = tokio::time::timeout(PATIENCE, news.recv()).await.unwrap() {
        match what {
            Happened::Changed => screen.seen(),
            Happened::Started(_) => seen.push(what),
            _ => {
                seen.push(what);
                break;
            }
        }
    }
    session.end().await;
    let text = screen.lock().text();
    (seen, text)
}

async fn a_terminal_works(address: &str, container: &str) {
    let opening = Opening { container: container.into(), ..Opening::default() };
    let (seen, text) = terminal(address, opening.clone(), "echo $((6*7)); stty size; exit 9\n").await;
    assert!(matches!(&seen[..], [Happened::Started(_), Happened::Ended(Some(9))]), "{seen:?}\n{text}");
    assert!(text.contains("\n42\n24 80"), "{text}");
    let wrong = Opening { user: Some("nobody-knows".into()), ..opening };
    let (seen, text) = terminal(address, wrong, "").await;
    assert!(matches!(&seen[..], [Happened::Failed(e)] if e.message.contains("nobody-knows")), "{seen:?}\n{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_is_read_as_docker_is() {
    struct Down;
    impl Drop for Down {
        fn drop(&mut self) {
            host("podman.sh", &["down"]);
        }
    }
    let address = host("podman.sh", &["up"]);
    let _down = Down;
    let watched = watch(&endpoint_at(&address));
    let ticker = |s: &ondeck::fleet::Snapshot| {
        s.containers.values().find(|c| c.name == "ticker" && c.state == State::Running).cloned()
    };
    let container = seen(&watched, "podman's container", ticker).await;
    let engine = watched.engine();
    let info = engine.info().await.unwrap();
    assert_eq!(info.product, "podman");
    assert!(!engine.images().await.unwrap().is_empty() && !engine.networks().await.unwrap().is_empty());
    let listed = engine.containers().await.unwrap().into_iter().find(|c| c.id == container.id).unwrap();
    let inspected = engine.inspect(&container.id).await.unwrap().container;
    assert_eq!(common_part(&listed), common_part(&inspected));
    a_terminal_works(&address, &container.id).await;
    let logs = engine.logs(&container.id, &LogAsk { tail: Some(1), ..LogAsk::default() }).await.unwrap();
    let pieces: Vec<_> = futures::StreamExt::collect(logs).await;
    assert!(pieces.iter().all(Result::is_ok) && !pieces.is_empty());
    engine.kill(&container.id, "SIGKILL").await.unwrap();
    let ended =
        |s: &ondeck::fleet::Snapshot| s.containers.get(&container.id).filter(|c| c.state == State::Exited).cloned();
    seen(&watched, "its end", ended).await;
}

/// Both builders of an engine without networks build, and say which step failed.
async fn builds_work(engine: &Engine) {
    let dir = tempfile::tempdir().unwrap();
    for builder in [Builder::BuildKit, Builder::Classic] {
        for (script, line) in [("echo made > /made", None), ("exit 7", Some(2))] {
            let text = format!("FROM {}\nRUN {script}\nLABEL dev.ondeck.test=modern\n", common::docker::IMAGE);
            std::fs::write(dir.path().join("Dockerfile"), &text).unwrap();
            let ask = BuildAsk {
                tag: "ondeck-test-modern-build".into(),
                network: Some("none".into()),
                builder: Some(builder),
                ..BuildAsk::default()
            };
            let mut build = Build::new(jiff::Timestamp::now());
            let tell = |event| build.take(event, jiff::Timestamp::now());
            let source = Source::Dir(dir.path().to_owned());
            let ended = ondeck::builds::build(engine, &source, &ask, tell, std::future::pending()).await;
            match (line, ended) {
                (None, Ended::Built(built)) => assert!(built.size > 0 && !built.layers.is_empty()),
                (Some(line), Ended::Failed(failure)) => {
                    assert_eq!(failure.exit_code, Some(7), "{failure:?}");
                    let file = ondeck::dockerfile::parse(&text);
                    let at = match failure.at.unwrap() {
                        StepPlace::Stage { stage, number, .. } => file.buildkit_step(&stage, number),
                        StepPlace::Classic { number, .. } => file.classic_step(number),
                    };
                    assert_eq!(at, Some(line));
                }
                (_, other) => panic!("{builder:?} {script}: {other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_engine_is_read_as_the_older_one_is() {
    struct Down;
    impl Drop for Down {
        fn drop(&mut self) {
            host("modern-engine.sh", &["down"]);
        }
    }
    let address = host("modern-engine.sh", &["up"]);
    let _down = Down;
    let made = Made::on("modern", &address);
    let give = format!("docker save {0} | docker --host {address} load", common::docker::IMAGE);
    assert!(std::process::Command::new("sh").arg("-c").arg(give).output().unwrap().status.success());
    let watched = watch(&endpoint_at(&address));
    seen(&watched, "the engine", |s| (s.link == Link::Up).then_some(())).await;
    let info = watched.engine().info().await.unwrap();
    let minor: u32 = info.api_version.split_once('.').unwrap().1.parse().unwrap();
    assert!(minor >= 44, "{}", info.api_version);
    builds_work(watched.engine()).await;
    let id = made.run("a", &["--network", "none", "--init"], &["sh", "-c", "echo hello; sleep infinity"]);
    let up = |s: &ondeck::fleet::Snapshot| s.containers.get(&*id).filter(|c| c.state == State::Running).cloned();
    let container = seen(&watched, "the container", up).await;
    let listed = watched.engine().containers().await.unwrap().into_iter().find(|c| *c.id == *id).unwrap();
    assert_eq!(common_part(&listed), common_part(&container));
    assert!(watched.engine().disk_use().await.unwrap().layers > 0);
    a_terminal_works(&address, &id).await;
    let both = host("programs.sh", &["up"]);
    let bare = both.split_once(' ').unwrap().1;
    let give = format!("docker save {bare} | docker --host {address} load");
    assert!(std::process::Command::new("sh").arg("-c").arg(give).output().unwrap().status.success());
    let (name, label) = (made.name("bare"), made.label());
    let bare = made.docker(&["run", "-d", "--name", &name, "--label", &label, "--network", "none", bare]);
    let opening = |helper| Opening { container: bare.as_str().into(), helper, ..Opening::default() };
    assert_eq!(terminal(&address, opening(None), "").await.0, [Happened::NoShell]);
    let beside = terminal(&address, opening(Some(None)), "cat /proc/1/comm; exit\n").await;
    assert!(matches!(&beside.0[..], [Happened::Started(_), Happened::Ended(Some(0))]), "{beside:?}");
    assert!(beside.1.contains("\nwait"), "{}", beside.1);
    watched.engine().restart(&id, Some(1)).await.unwrap();
    drop(made);
    seen(&watched, "it is gone", |s| (!s.containers.contains_key(&*id)).then_some(())).await;
}
