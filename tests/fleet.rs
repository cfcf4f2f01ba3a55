//! The live picture against a real engine: it must show what a fresh listing shows, whatever happened.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::docker::{IMAGE, OwnEngine};
use common::live::{Filter, Made, endpoint, endpoint_at, seen, until, watch};
use futures::StreamExt;
use ondeck::engine::model::{Container, Id, State};
use ondeck::engine::{Endpoint, Engine};
use ondeck::fleet::{Host, Link, Listing, Snapshot, stacks_of};

fn id(text: &str) -> Id {
    text.into()
}

/// Of each thing that a test made what both a listing and a snapshot say, one line each.
type Picture = BTreeMap<String, String>;

fn line(c: &Container) -> String {
    // Connecting a stopped container is no event: its networks show with its next change.
    let networks: Vec<_> = c.networks.iter().filter(|_| c.state.is_up()).map(|n| (&n.network, n.ip)).collect();
    let mounts: Vec<_> = c.mounts.iter().map(|m| (&m.kind, &m.name, &m.target, m.writable)).collect();
    let state = (c.state.word(), c.health, c.exit_code);
    format!("{} {} {} {state:?} {:?} {networks:?} {mounts:?} {:?}", c.name, c.image, c.image_id, c.ports, c.labels)
}

fn shown(snap: &Snapshot, made: &Made) -> Picture {
    let containers = snap.containers.values().filter(|c| made.owns(&c.labels));
    let networks = snap.networks.values().filter(|n| made.owns(&n.labels));
    let volumes = snap.volumes.values().filter(|v| made.owns(&v.labels));
    let mut picture: Picture = containers.map(|c| (c.id.to_string(), line(c))).collect();
    picture.extend(networks.map(|n| (n.id.to_string(), format!("{n:?}"))));
    picture.extend(volumes.map(|v| (v.name.to_string(), format!("{v:?}"))));
    picture
}

async fn listed(endpoint: &Endpoint, made: &Made) -> Picture {
    let engine = Engine::connect(endpoint).unwrap();
    let fresh = Snapshot {
        containers: engine.containers().await.unwrap().into_iter().map(|c| (c.id.clone(), c.into())).collect(),
        networks: engine.networks().await.unwrap().into_iter().map(|n| (n.id.clone(), n.into())).collect(),
        volumes: engine.volumes().await.unwrap().into_iter().map(|v| (v.name.clone(), v.into())).collect(),
        ..Snapshot::default()
    };
    shown(&fresh, made)
}

/// Waits until the watcher shows what a fresh listing shows.
async fn agrees(host: &Host, made: &Made, what: &str) {
    until(what, async || {
        let (listed, shown) =
            (listed(host.engine().endpoint(), made).await, shown(&host.snapshots().borrow().clone(), made));
        if listed == shown {
            return Ok(());
        }
        let differs = |a: &Picture, b: &Picture| -> Vec<String> {
            a.iter().filter(|(k, v)| b.get(*k) != Some(v)).map(|(_, v)| v.clone()).collect()
        };
        Err(format!("listed {:#?}\nshown {:#?}", differs(&listed, &shown), differs(&shown, &listed)))
    })
    .await;
}

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

/// One thing that may happen to a host. Much of it fails, since the thing is not there or not in that state.
fn happening(made: &Made, dice: &mut Dice) -> Vec<String> {
    let container = made.name(&format!("c{}", dice.roll(8)));
    let other = made.name(&format!("c{}", dice.roll(8)));
    let network = made.name(&format!("n{}", dice.roll(2)));
    let volume = made.name(&format!("v{}", dice.roll(2)));
    let label = made.label();
    let project = format!("com.docker.compose.project={}", made.name("p"));
    let command: &[&str] = match dice.roll(4) {
        0 => &["--restart=on-failure:2", IMAGE, "sh", "-c", "exit 3"],
        1 => &["--health-cmd=true", "--health-interval=1s", IMAGE, "sleep", "infinity"],
        2 => &["--init", IMAGE, "sleep", "1"],
        _ => &["--init", IMAGE, "sleep", "infinity"],
    };
    // Made by the way, a volume would bear no label and stay behind.
    let mount = format!("type=volume,source={volume},target=/data,volume-label={label}");
    let words: Vec<&str> = match dice.roll(20) {
        0..=2 => [&["create", "--name", &container, "--label", &label, "-p", "127.0.0.1::80"], command].concat(),
        3 => [&["create", "--name", &container, "--label", &label, "--label", &project], command].concat(),
        4 => [&["create", "--name", &container, "--label", &label, "--mount", &mount], command].concat(),
        5..=8 => vec!["start", &container],
        9 => vec!["stop", "-t", "0", &container],
        10 => vec!["restart", "-t", "0", &container],
        11 => vec!["kill", &container],
        12 => vec!["rename", &container, &other],
        13 => vec!["pause", &container],
        14 => vec!["unpause", &container],
        15 => vec!["rm", "-f", &container],
        16 => match dice.roll(3) {
            0 => vec!["network", "rm", &network],
            _ => vec!["network", "create", "--label", &label, &network],
        },
        17 => vec!["network", "connect", &network, &container],
        18 => vec!["network", "disconnect", "-f", &network, &container],
        _ => match dice.roll(3) {
            0 => vec!["volume", "rm", &volume],
            _ => vec!["volume", "create", "--label", &label, &volume],
        },
    };
    words.into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_storm_the_picture_is_what_a_fresh_listing_shows() {
    let seed: u64 = std::env::var("ONDECK_TEST_SEED").map_or_else(
        |_| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos().into(),
        |seed| seed.parse().unwrap(),
    );
    let made = Made::new("storm");
    let host = watch(&endpoint());
    seen(&host, "the first listing", |s| (s.listings.networks == Listing::Ready).then_some(())).await;
    for round in 0..3 {
        // Several at a time: what happens must not come in neat order.
        std::thread::scope(|scope| {
            for hand in 0..3 {
                let made = &made;
                let mut dice = Dice(seed + hand + 10 * round);
                scope.spawn(move || {
                    for _ in 0..25 {
                        let words = happening(made, &mut dice);
                        // That much of it is refused is part of the storm.
                        let _ = made.attempt(&words.iter().map(String::as_str).collect::<Vec<_>>());
                    }
                });
            }
        });
        agrees(&host, &made, &format!("the picture agrees (ONDECK_TEST_SEED={seed}, round {round})")).await;
        let snap = host.snapshots().borrow().clone();
        assert_eq!(*snap.stacks, stacks_of(snap.containers.values()), "ONDECK_TEST_SEED={seed}");
        assert!(snap.usage.keys().all(|id| snap.containers[id].state.is_up()), "ONDECK_TEST_SEED={seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_do_is_seen_with_its_reason() {
    let made = Made::new("kill");
    let host = watch(&endpoint());
    let killed = made.run("killed", &[], &["sleep", "infinity"]);
    seen(&host, "it runs and is measured", |s| s.usage.contains_key(&id(&killed)).then_some(())).await;
    made.docker(&["kill", &killed]);
    let (reason, usage) = seen(&host, "it was killed", |s| {
        let c = s.containers.get(&id(&killed)).filter(|c| c.state == State::Exited)?;
        Some((c.reason(), s.usage.contains_key(&c.id)))
    })
    .await;
    assert_eq!((reason.as_deref(), usage), (Some("exited 137 (killed)"), false));
    let snap = host.snapshots().borrow().clone();
    assert!(snap.events.iter().any(|e| *e.id == *killed && e.action == "die"));

    // Memory that runs out, and a healthcheck that fails: the reason comes without being asked for.
    let eats = ["perl", "-e", "my @a; push @a, 'x' x 1048576 while 1"];
    let hungry = made.run("hungry", &["--memory=32m", "--memory-swap=32m"], &eats);
    let sick = made.run(
        "sick",
        &["--health-cmd=echo no route to db; exit 1", "--health-interval=1s", "--health-retries=1"],
        &["sleep", "infinity"],
    );
    for (id, reason) in [(&hungry, "exited 137 (OOM)"), (&sick, "unhealthy: no route to db")] {
        seen(&host, reason, |s| (s.containers.get(&**id)?.reason()? == reason).then_some(())).await;
    }
    // A panel that starts only now says the same, from its first listing on.
    let late = watch(&endpoint());
    for (id, reason) in [(&hungry, "exited 137 (OOM)"), (&sick, "unhealthy: no route to db")] {
        seen(&late, reason, |s| (s.containers.get(&**id)?.reason()? == reason).then_some(())).await;
    }
    // Probes come each second; they are not what an operator calls an event.
    assert!(host.snapshots().borrow().events.iter().all(|e| !e.action.starts_with("exec_")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_those_of_docker_stats() {
    let made = Made::new("stats");
    let busy = made.run("busy", &["--cpus=0.3"], &["sh", "-c", "while :; do :; done"]);
    let large = made.run(
        "large",
        &["--memory=300m"],
        &["perl", "-e", "my $x = 'x' x (100 << 20); open F, '>', '/t'; print F 'y' x (30 << 20); close F; sleep 10000"],
    );
    // The second reads the engine's streams, since a TCP address is not this machine's.
    let proxy = Filter::new(|_, _| false).await;
    for host in [watch(&endpoint()), watch(&endpoint_at(&proxy.url))] {
        host.want_usage(vec![id(&busy), id(&large)]);
        let address = host.engine().endpoint().address.to_string();
        until("the figures agree", async || {
            let told = made.docker(&[
                "stats",
                "--no-stream",
                "--no-trunc",
                "--format={{.ID}} {{.CPUPerc}} {{.MemPerc}} {{.PIDs}}",
                &busy,
                &large,
            ]);
            let snap = host.snapshots().borrow().clone();
            for told in told.lines() {
                let words: Vec<&str> = told.split_whitespace().collect();
                let figure = |n: usize| words[n].trim_end_matches('%').parse::<f64>().unwrap();
                let ours = snap.usage.get(words[0]).ok_or("no figures yet")?;
                let memory = ours.now.memory as f64 * 100.0 / ours.now.memory_limit as f64;
                let near = |a: f64, b: f64, by: f64| (a - b).abs() <= by;
                let pids = ours.now.pids.to_string() == words[3];
                if !near(ours.cpu, figure(1), 8.0) || !near(memory, figure(2), 1.0) || !pids {
                    return Err(format!("docker says {told}; ours {} {memory} {}", ours.cpu, ours.now.pids));
                }
            }
            Ok(())
        })
        .await;
        // Counters: what the engine reads lies between what was read before and after it.
        let now = |s: &Snapshot| s.usage.get(&*busy).map(|u| u.now);
        let before = seen(&host, "a reading", now).await;
        let engine = Engine::connect(&endpoint()).unwrap();
        let told = engine.stats(&busy).await.unwrap().next().await.unwrap().unwrap();
        let after = seen(&host, "a later reading", |s| now(s).filter(|n| n.time > told.time)).await;
        assert!(before.cpu_ns <= told.cpu_ns && told.cpu_ns <= after.cpu_ns, "{before:?} {told:?} {after:?} {address}");
        assert!(told.net_rx <= after.net_rx && told.net_tx <= after.net_tx, "{told:?} {after:?} {address}");
        assert_eq!(told.memory_limit, after.memory_limit, "{address}");
        assert_eq!(host.snapshots().borrow().load.is_some(), address.starts_with("unix:"));

        host.set_stats(false);
        seen(&host, "no figures", |s| s.usage.is_empty().then_some(())).await;
        host.set_stats(true);
        seen(&host, "figures again", now).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_starts_again_has_no_figures_of_before() {
    let made = Made::new("again");
    let host = watch(&endpoint());
    let busy = made.run("busy", &["--cpus=0.3"], &["sh", "-c", "while :; do :; done"]);
    host.want_usage(vec![id(&busy)]);
    let spent = |s: &Snapshot| s.usage.get(&*busy).map(|u| u.now.cpu_ns);
    let before = seen(&host, "it has spent a second", |s| spent(s).filter(|ns| *ns > 1_000_000_000)).await;
    made.docker(&["restart", "-t", "0", &busy]);
    seen(&host, "its counters began anew", |s| spent(s).filter(|ns| *ns < before)).await;
    let snap = host.snapshots().borrow().clone();
    let usage = &snap.usage[&*busy];
    assert!(usage.history.iter().is_sorted_by_key(|s| s.cpu_ns), "{usage:?}");
    assert!(usage.cpu >= 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_stops_and_starts_is_found_again() {
    let own = OwnEngine::start();
    let made = Made::on("own", &own.address);
    let host = watch(&endpoint_at(&own.address));
    let sleeps = made.run("sleeps", &["--network=none"], &["sleep", "infinity"]);
    let volume = made.name("data");
    made.docker(&["volume", "create", "--label", &made.label(), &volume]);
    seen(&host, "the engine", |s| {
        let runs = s.containers.get(&*sleeps)?.state == State::Running;
        (s.link == Link::Up && runs && s.volumes.contains_key(&*volume)).then_some(())
    })
    .await;

    own.stop();
    let error = seen(&host, "the loss", |s| match &s.link {
        Link::Down { error, attempts, .. } if *attempts >= 2 => Some(error.clone()),
        _ => None,
    })
    .await;
    assert!(error.message.contains("docker.sock"), "{error}");
    let snap = host.snapshots().borrow().clone();
    assert!(snap.containers.contains_key(&*sleeps), "what was known stays");
    assert!(snap.cannot_write().is_some());

    own.start_again();
    made.docker(&["volume", "rm", &volume]);
    seen(&host, "the engine again", |s| {
        let stopped = s.containers.get(&*sleeps)?.state == State::Exited;
        (s.link == Link::Up && stopped && !s.volumes.contains_key(&*volume)).then_some(())
    })
    .await;
    made.docker(&["start", &sleeps]);
    seen(&host, "events flow again", |s| (s.containers.get(&*sleeps)?.state == State::Running).then_some(())).await;
    agrees(&host, &made, "the picture agrees").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_proxy_refuses_is_said_and_the_rest_works() {
    let made = Made::new("refused");
    let runs = made.run("runs", &[], &["sleep", "infinity"]);
    let proxy = Filter::new(|method, path| method != "GET" || path.starts_with("/images")).await;
    let host = watch(&endpoint_at(&proxy.url));
    let (read_only, images) = seen(&host, "what is refused", |s| {
        let Listing::Refused(images) = &s.listings.images else { return None };
        Some((s.access.read_only.clone()?, images.clone()))
    })
    .await;
    assert!(read_only.contains("proxy") && images.contains("403"), "{read_only} {images}");
    seen(&host, "the rest", |s| {
        let ready = [&s.listings.containers, &s.listings.networks, &s.listings.volumes];
        (ready.iter().all(|l| **l == Listing::Ready) && s.link == Link::Up).then_some(())
    })
    .await;
    made.docker(&["pause", &runs]);
    seen(&host, "an event", |s| (s.containers.get(&*runs)?.state == State::Paused).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_events_everything_is_listed_again_and_again() {
    let made = Made::new("polled");
    let proxy = Filter::new(|_, path| path.starts_with("/events")).await;
    let host = watch(&endpoint_at(&proxy.url));
    let reason = seen(&host, "that events are refused", |s| match &s.link {
        Link::Polling { reason } => Some(reason.clone()),
        _ => None,
    })
    .await;
    assert!(reason.contains("events"), "{reason}");
    let comes = made.run("comes", &[], &["sleep", "infinity"]);
    seen(&host, "a new container", |s| s.containers.get(&*comes).map(drop)).await;
    let network = made.name("n");
    made.docker(&["network", "create", "--label", &made.label(), &network]);
    made.docker(&["network", "connect", &network, &comes]);
    agrees(&host, &made, "the picture with a network").await;
    made.docker(&["kill", &comes]);
    seen(&host, "why it ended", |s| (s.containers.get(&*comes)?.reason()? == "exited 137 (killed)").then_some(()))
        .await;
    made.docker(&["rm", &comes]);
    seen(&host, "that it went", |s| (!s.containers.contains_key(&*comes)).then_some(())).await;
    agrees(&host, &made, "the picture").await;
}

#[tokio::test]
async fn an_engine_that_was_never_there_is_said_so() {
    let host = watch(&endpoint_at("unix:///nowhere/docker.sock"));
    let error = seen(&host, "that it is not there", |s| match &s.link {
        Link::Down { error, .. } => Some(error.clone()),
        _ => None,
    })
    .await;
    assert!(error.message.contains("/nowhere/docker.sock") && !error.hint.is_empty(), "{error}");
    let attempts = |s: &Snapshot| match s.link {
        Link::Down { attempts, .. } => attempts,
        _ => 0,
    };
    let before = attempts(&host.snapshots().borrow());
    host.retry_now();
    seen(&host, "another attempt", |s| (attempts(s) > before).then_some(())).await;
}
