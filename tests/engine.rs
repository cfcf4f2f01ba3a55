//! The client against a real engine: what it lists, streams and changes.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use common::docker::{IMAGE, OwnEngine};
use common::live::{LABEL, Made, PATIENCE, endpoint, endpoint_at, until};
use futures::{Stream, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use ondeck::engine::model::{Container, Event, Health, State};
use ondeck::engine::{Engine, EngineError, ErrorKind, LogAsk, Prune, Result};
use tokio::time::timeout;

/// The engine that the docker command would use. Without one nothing here can be tried.
async fn engine() -> Engine {
    let engine = Engine::connect(&endpoint()).unwrap();
    if let Err(e) = engine.ping().await {
        panic!("these tests need a Docker Engine; tests/run.sh sets one up and runs them. {e}");
    }
    engine
}

/// All of a stream that ends by itself.
async fn whole<T>(stream: impl Stream<Item = Result<T>>) -> Vec<T> {
    timeout(PATIENCE, stream.try_collect()).await.expect("the stream did not end").unwrap()
}

async fn next<T>(stream: &mut (impl Stream<Item = Result<T>> + Unpin)) -> T {
    timeout(PATIENCE, stream.next()).await.expect("nothing came").expect("the stream ended").unwrap()
}

async fn listed(engine: &Engine, id: &str) -> std::result::Result<Container, String> {
    let all = engine.containers().await.map_err(|e| e.to_string())?;
    all.into_iter().find(|c| *c.id == *id).ok_or_else(|| format!("{id} is not listed"))
}

/// What a listing and an inspection must say alike.
fn said(c: &Container) -> String {
    let networks: Vec<_> = c.networks.iter().map(|n| (&n.network, &n.network_id, n.ip, n.ip6, &n.mac)).collect();
    // Where a volume lies, a listing does not always tell.
    let place = |kind: &str, source: &str| if kind == "volume" { String::new() } else { source.to_owned() };
    let mounts: Vec<_> =
        c.mounts.iter().map(|m| (&m.kind, &m.name, place(&m.kind, &m.source), &m.target, m.writable)).collect();
    format!(
        "{} {} {} {} {:?} {:?}\n{:?} {:?} {:?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}",
        c.id,
        c.name,
        c.image,
        c.image_id,
        c.command,
        c.created,
        c.state,
        c.health,
        c.exit_code,
        c.ports,
        c.labels,
        networks,
        mounts
    )
}

/// The listing's word for a container once an inspection agrees with it and it is as expected.
async fn agreed(engine: &Engine, id: &str, what: &str, as_expected: impl Fn(&Container) -> bool) -> Container {
    until(what, async || {
        let (listed, inspected) = (listed(engine, id).await?, engine.inspect(id).await.map_err(|e| e.to_string())?);
        let (a, b) = (said(&listed), said(&inspected.container));
        if a != b {
            return Err(format!("the listing says {a}\nthe inspection says {b}"));
        }
        if as_expected(&listed) { Ok(listed) } else { Err(a) }
    })
    .await
}

#[tokio::test]
async fn listing_and_inspection_say_the_same_of_a_container() {
    let (engine, made) = (engine().await, Made::new("agree"));
    let (front, back, volume) = (made.name("front"), made.name("back"), made.name("data"));
    let label = made.label();
    made.docker(&["network", "create", "--label", &label, &front]);
    made.docker(&["network", "create", "--label", &label, &back]);
    made.docker(&["volume", "create", "--label", &label, &volume]);
    let (mount, odd) = (format!("{volume}:/data:ro"), format!("{LABEL}.odd=a\u{1b}[31mb\nc"));

    let idle = ["sh", "-c", "while :; do sleep 1; done"];
    let plain = made.run("plain", &["--label", &odd, "--network", &front], &idle);
    made.docker(&["network", "connect", &back, &plain]);
    let plain = agreed(&engine, &plain, "a running container", |c| c.networks.len() == 2).await;
    assert_eq!((plain.state, plain.exit_code, plain.health), (State::Running, None, Health::None));
    assert_eq!(plain.command, "sh -c 'while :; do sleep 1; done'");
    assert_eq!(plain.labels[&format!("{LABEL}.odd")], "a·[31mb·c");
    assert_eq!(plain.networks.iter().map(|n| n.network.clone()).collect::<Vec<_>>(), [back, front]);
    assert!(plain.networks.iter().all(|n| n.ip.is_some()), "{plain:#?}");

    let ports = ["-p", "127.0.0.1::80", "-p", "8080", "-p", "53/udp", "--expose", "9000"];
    let published = made.run("published", &ports, &idle);
    let published = agreed(&engine, &published, "published ports", |c| c.ports.len() >= 4).await;
    let local = published.ports.iter().find(|p| p.container == 80).unwrap();
    assert!(local.host_ip.unwrap().is_loopback() && local.host.is_some(), "{published:#?}");
    assert!(published.ports.iter().any(|p| p.container == 9000 && p.host.is_none()), "{published:#?}");
    assert!(published.ports.iter().any(|p| p.container == 53 && p.protocol == "udp"), "{published:#?}");
    made.docker(&["stop", "-t", "0", &published.id]);
    agreed(&engine, &published.id, "what is stopped publishes nothing", |c| c.ports.is_empty()).await;

    let mounts = ["-v", &mount, "-v", "/etc:/host-etc", "-v", "/anonymous", "--mount", "type=tmpfs,target=/scratch"];
    let mounted = made.run("mounted", &mounts, &idle);
    let mounted = agreed(&engine, &mounted, "mounts", |c| c.mounts.len() >= 3).await;
    let data = mounted.mounts.iter().find(|m| m.target == "/data").unwrap();
    assert_eq!((data.name.as_deref(), data.writable), (Some(&*volume), false));
    assert!(mounted.mounts.iter().any(|m| m.kind == "bind" && m.source == "/etc" && m.writable), "{mounted:#?}");

    let ended = made.run("ended", &[], &["sh", "-c", "exit 3"]);
    let ended = agreed(&engine, &ended, "an end", |c| c.state == State::Exited).await;
    assert_eq!(ended.exit_code, Some(3));
    assert!(ended.finished.is_some() && ended.started.is_none(), "{ended:#?}");

    let paused = made.run("paused", &["--health-cmd", "true", "--health-interval", "1s"], &idle);
    agreed(&engine, &paused, "a healthy container", |c| c.health == Health::Healthy).await;
    engine.pause(&paused).await.unwrap();
    let paused = agreed(&engine, &paused, "a paused container", |c| c.state == State::Paused).await;
    assert_eq!((paused.health, paused.exit_code), (Health::None, None));

    let failing = ["--health-cmd", "echo no; exit 1", "--health-interval", "1s", "--health-retries", "1"];
    let failing = made.run("failing", &failing, &idle);
    agreed(&engine, &failing, "an unhealthy container", |c| c.health == Health::Unhealthy).await;
    let inspection = engine.inspect(&failing).await.unwrap();
    let detail = inspection.container.detail.unwrap();
    assert!(detail.failing_streak > 0 && detail.last_probe == "no", "{detail:#?}");
    assert_eq!((inspection.health_test.as_str(), inspection.health_interval), ("echo no; exit 1", Some(1)));
    assert!(inspection.probes.iter().all(|p| p.exit_code == 1 && p.output == "no\n"), "{:#?}", inspection.probes);

    let restarting = made.run("restarting", &["--restart", "always"], &["sh", "-c", "exit 7"]);
    let restarting = agreed(&engine, &restarting, "a restart", |c| c.state == State::Restarting).await;
    assert_eq!(restarting.exit_code, Some(7));
    made.docker(&["rm", "-f", &restarting.id]);

    let created =
        made.docker(&["create", "--name", &made.name("created"), "--label", &label, "--network", "host", IMAGE]);
    let created = agreed(&engine, &created, "a created container", |c| c.state == State::Created).await;
    assert_eq!((created.exit_code, created.started, created.finished), (None, None, None));
}

#[tokio::test]
async fn an_image_whose_tag_moved_is_named_by_the_inspection() {
    let (engine, made) = (engine().await, Made::new("moved"));
    let tag = format!("{}:1", made.name("image"));
    let image = Image::commit(&made, &tag);
    let id = made.docker(&["run", "-d", "--label", &made.label(), &tag, "sleep", "600"]);
    agreed(&engine, &id, "the tag as it was asked for", |c| c.image == tag).await;
    let newer = Image::commit(&made, &tag);
    assert_ne!(newer.id, image.id);
    let (listed, inspected) = (listed(&engine, &id).await.unwrap(), engine.inspect(&id).await.unwrap().container);
    assert_eq!((&listed.image_id, &inspected.image_id), (&image.id, &image.id));
    assert!(listed.image.contains(&image.id[7..19]), "{listed:#?}");
    assert_eq!(inspected.image, tag);
    made.docker(&["rm", "-f", &id]);
}

/// An image of a test's own, gone with this value.
struct Image<'a> {
    made: &'a Made,
    tag: String,
    id: String,
}

impl<'a> Image<'a> {
    fn commit(made: &'a Made, tag: &str) -> Self {
        let from = made.docker(&["create", "--label", &made.label(), IMAGE, "true"]);
        let change = format!("LABEL {LABEL}={}", made.tag);
        let id = made.docker(&["commit", "--change", &change, "--message", "a test's", &from, tag]);
        Self { made, tag: tag.to_owned(), id }
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        let filter = format!("ancestor={}", self.id);
        let using = self.made.attempt(&["ps", "-aq", "--filter", &filter]).unwrap_or_default();
        for id in using.lines() {
            let _ = self.made.attempt(&["rm", "-f", id]);
        }
        // One or both may be gone already: that is what some tests are about.
        let _ = self.made.attempt(&["rmi", "-f", &self.tag]);
        let _ = self.made.attempt(&["rmi", "-f", &self.id]);
    }
}

#[tokio::test]
async fn failures_say_what_happened_in_the_engines_words() {
    let (engine, made) = (engine().await, Made::new("errors"));
    let nothing = made.name("nothing");
    let is = |e: &EngineError, kind: ErrorKind, words: &str| {
        assert_eq!(e.kind, kind, "{e}");
        assert!(e.message.contains(words) && !e.message.contains(['\n', '\u{1b}', '{']), "{e}");
    };
    for result in [
        engine.inspect(&nothing).await.map(drop),
        engine.start(&nothing).await,
        engine.top(&nothing).await.map(drop),
        engine.logs(&nothing, &LogAsk::default()).await.map(drop),
        engine.stats(&nothing).await.map(drop),
    ] {
        is(&result.unwrap_err(), ErrorKind::NotFound, &format!("No such container: {nothing}"));
    }
    is(&engine.inspect_image(&nothing).await.unwrap_err(), ErrorKind::NotFound, "No such image");
    is(&engine.remove_volume(&nothing, false).await.unwrap_err(), ErrorKind::NotFound, &nothing);

    let network = made.name("net");
    made.docker(&["network", "create", "--label", &made.label(), &network]);
    let one = made.run("one", &["--network", &network], &["sleep", "600"]);
    let two = made.docker(&["create", "--name", &made.name("two"), "--label", &made.label(), IMAGE]);
    is(&engine.rename(&two, &made.name("one")).await.unwrap_err(), ErrorKind::Conflict, "already in use");
    is(&engine.remove(&one, false, false).await.unwrap_err(), ErrorKind::Conflict, "running container");
    is(&engine.pause(&two).await.unwrap_err(), ErrorKind::Conflict, "not running");
    is(&engine.kill(&one, "SIGNOTHING").await.unwrap_err(), ErrorKind::Other, "SIGNOTHING");
    // The engine answers these with 403; nobody forbids anything.
    is(&engine.remove_network(&network).await.unwrap_err(), ErrorKind::Conflict, "active endpoints");
    // An image of this test's own: the base image is everybody's, and would lose its tag had it another one.
    let tag = format!("{}:1", made.name("image"));
    let image = Image::commit(&made, &tag);
    made.docker(&["run", "-d", "--label", &made.label(), &tag, "sleep", "600"]);
    is(&engine.remove_image(&tag, false).await.unwrap_err(), ErrorKind::Conflict, "using");
    drop(image);
    // Nobody listens there: the engine is fine, the registry is not.
    let pulled: Result<Vec<String>> = engine.pull("localhost:1/nothing@sha256:00").try_collect().await;
    is(&pulled.unwrap_err(), ErrorKind::Other, "");
    let pulled: Result<Vec<String>> = engine.pull("localhost:1/nothing:1").try_collect().await;
    is(&pulled.unwrap_err(), ErrorKind::Other, "localhost:1");
}

#[tokio::test]
async fn what_happens_comes_as_events_and_can_be_asked_for_later() {
    let (engine, made) = (engine().await, Made::new("events"));
    let before = Timestamp::now();
    let mut live = engine.events(None).await.unwrap();
    let id = made.run("one", &[], &["sh", "-c", "exit 5"]);
    let ours = |e: &Event| *e.id == *id;
    let check = |events: &[Event]| {
        let actions: Vec<_> = events.iter().map(|e| e.action.as_str()).collect();
        for action in ["create", "start", "die"] {
            assert!(actions.contains(&action), "{actions:?}");
        }
        assert!(events.iter().all(|e| e.kind == "container" && e.name == made.name("one")), "{events:#?}");
        let die = events.iter().find(|e| e.action == "die").unwrap();
        assert_eq!((&*die.attributes["exitCode"], &*die.attributes[LABEL]), ("5", &*made.tag));
        assert!(die.time > before, "{die:?}");
    };
    let mut seen = Vec::new();
    while seen.last().is_none_or(|e: &Event| e.action != "die") {
        let event = next(&mut live).await;
        if ours(&event) {
            seen.push(event);
        }
    }
    check(&seen);
    let mut again = engine.events(Some(before)).await.unwrap();
    let mut replayed = Vec::new();
    while replayed.len() < seen.len() {
        let event = next(&mut again).await;
        if ours(&event) {
            replayed.push(event);
        }
    }
    assert_eq!(replayed, seen);
}

/// The frames of a log without a terminal: which output, and what.
fn frames(log: &[Bytes]) -> Vec<(u8, String)> {
    let mut rest = Bytes::from(log.concat());
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (output, length) = (rest[0], (&rest[4..8]).get_u32() as usize);
        rest.advance(8);
        frames.push((output, String::from_utf8(rest.split_to(length).to_vec()).unwrap()));
    }
    frames
}

#[tokio::test]
async fn logs_come_as_the_engine_sends_them() {
    let (engine, made) = (engine().await, Made::new("logs"));
    let script = "echo one; echo two >&2; echo three; sleep 0.1; echo four";
    let ended = made.run("framed", &[], &["sh", "-c", script]);
    let tty = made.run("tty", &["-t"], &["sh", "-c", "printf '\\001\\002raw\\n'"]);
    for id in [&ended, &tty] {
        agreed(&engine, id, "the end of a container", |c| c.state == State::Exited).await;
    }
    let read = async |id: &str, ask: LogAsk| whole(engine.logs(id, &ask).await.unwrap()).await;

    let all = frames(&read(&ended, LogAsk::default()).await);
    // Each output is in order; how the two mix is the engine's matter.
    let of = |output: u8| -> Vec<&str> {
        all.iter().filter(|f| f.0 == output).map(|f| f.1.split_once(' ').unwrap().1.trim_end()).collect()
    };
    assert_eq!((of(1), of(2)), (vec!["one", "three", "four"], vec!["two"]));
    let time = |text: &str| text.split_once(' ').unwrap().0.parse::<Timestamp>().unwrap();
    let followed = frames(&read(&ended, LogAsk { follow: true, ..LogAsk::default() }).await);
    assert_eq!(followed.len(), 4);

    let last = frames(&read(&ended, LogAsk { tail: Some(1), ..LogAsk::default() }).await);
    assert!(last.len() == 1 && last[0].1.ends_with("four\n"), "{last:?}");
    let four = time(&last[0].1);
    let since = frames(&read(&ended, LogAsk { since: Some(four), ..LogAsk::default() }).await);
    assert_eq!(since, last);
    let before = four - SignedDuration::from_nanos(1);
    let until = frames(&read(&ended, LogAsk { until: Some(before), ..LogAsk::default() }).await);
    assert!(until.len() == 3 && until.iter().all(|f| time(&f.1) < four), "{until:?}");

    // A terminal's log has no frames, whatever bytes it begins with.
    assert!(engine.inspect(&tty).await.unwrap().container.detail.unwrap().tty);
    let raw = read(&tty, LogAsk::default()).await.concat();
    assert!(raw.ends_with(b" \x01\x02raw\r\n"), "{raw:?}");
}

#[tokio::test]
async fn statistics_are_counters_since_the_start() {
    let (engine, made) = (engine().await, Made::new("stats"));
    let busy = made.run("busy", &["-m", "64m"], &["sh", "-c", "while :; do :; done"]);
    let mut stats = engine.stats(&busy).await.unwrap();
    let first = next(&mut stats).await;
    let second = next(&mut stats).await;
    assert!(second.time > first.time && second.cpu_ns > first.cpu_ns, "{first:?} {second:?}");
    assert_eq!(second.memory_limit, 64 << 20);
    assert!(second.memory > 0 && second.memory < 64 << 20 && second.pids == 1, "{second:?}");
    // The stream of what goes away ends or fails, but does not stand still.
    made.docker(&["rm", "-f", &busy]);
    let drained = async { while let Some(Ok(_)) = stats.next().await {} };
    timeout(PATIENCE, drained).await.expect("the statistics of a removed container stand still");
}

#[tokio::test]
async fn containers_can_be_driven_through_their_life() {
    let (engine, made) = (engine().await, Made::new("life"));
    engine.can_write().await.unwrap();
    let script = "trap 'exit 9' USR1; trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done";
    let label = made.label();
    let id = made.docker(&["create", "--label", &label, "-v", "/anonymous", IMAGE, "sh", "-c", script]);
    let state = async || listed(&engine, &id).await.unwrap().state;
    // Before it has said so the times given, a signal may find no trap.
    let ready = async |times: usize| {
        until("the container's traps", async || {
            let log = whole(engine.logs(&id, &LogAsk::default()).await.unwrap()).await;
            let found = frames(&log).len();
            if found >= times { Ok(()) } else { Err(format!("ready {found} times")) }
        })
        .await;
    };

    engine.start(&id).await.unwrap();
    engine.start(&id).await.expect("one that runs already is fine");
    ready(1).await;
    let (titles, rows) = engine.top(&id).await.unwrap();
    assert!(titles.iter().any(|t| t == "CMD") && rows.iter().all(|r| r.len() == titles.len()), "{titles:?} {rows:?}");
    assert!(rows.iter().flatten().any(|cell| cell.contains("trap")), "{rows:?}");
    engine.pause(&id).await.unwrap();
    assert_eq!(state().await, State::Paused);
    engine.unpause(&id).await.unwrap();
    let before = engine.inspect(&id).await.unwrap().container.started.unwrap();
    engine.restart(&id, Some(0)).await.unwrap();
    assert!(engine.inspect(&id).await.unwrap().container.started.unwrap() > before);
    ready(2).await;
    engine.kill(&id, "SIGUSR1").await.unwrap();
    let ended = agreed(&engine, &id, "the end by a signal", |c| c.state == State::Exited).await;
    assert_eq!(ended.exit_code, Some(9));
    engine.start(&id).await.unwrap();
    ready(3).await;
    engine.stop(&id, Some(1)).await.unwrap();
    engine.stop(&id, None).await.expect("one that is stopped already is fine");
    assert_eq!(state().await, State::Exited);
    engine.rename(&id, &made.name("renamed")).await.unwrap();
    let renamed = listed(&engine, &id).await.unwrap();
    assert_eq!(renamed.name, made.name("renamed"));
    let anonymous = renamed.mounts[0].name.clone().unwrap();
    engine.start(&id).await.unwrap();
    engine.remove(&id, true, true).await.unwrap();
    assert!(listed(&engine, &id).await.is_err());
    assert_eq!(engine.inspect_volume(&anonymous).await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn images_networks_and_volumes_are_listed_and_removed() {
    let (engine, made) = (engine().await, Made::new("things"));
    let info = engine.info().await.unwrap();
    assert!(!info.version.is_empty() && info.cpus > 0 && info.memory > 0 && info.product == "docker", "{info:#?}");

    let tag = format!("{}:1", made.name("image"));
    let image = Image::commit(&made, &tag);
    let found = engine.images().await.unwrap().into_iter().find(|i| *i.id == *image.id).unwrap();
    assert_eq!((&found.tags[..], &found.labels[LABEL]), (&[tag.clone()][..], &made.tag));
    assert!(found.size > 1 << 20 && found.created.is_some(), "{found:#?}");
    let history = engine.history(&tag).await.unwrap();
    assert!(history.len() >= 2 && history[0].tags == [tag.clone()] && history[0].comment == "a test's", "{history:#?}");
    assert_eq!(engine.inspect_image(&tag).await.unwrap()["Id"], *image.id);
    let gone = engine.remove_image(&tag, false).await.unwrap();
    assert!(gone.contains(&format!("untagged {tag}")) && gone.contains(&format!("deleted {}", image.id)), "{gone:?}");

    let (network, volume, label) = (made.name("net"), made.name("vol"), made.label());
    let id =
        made.docker(&["network", "create", "--internal", "--label", &label, "--subnet", "10.231.77.0/24", &network]);
    let found = engine.networks().await.unwrap().into_iter().find(|n| *n.id == *id).unwrap();
    assert_eq!((&*found.name, &*found.driver, found.internal), (&*network, "bridge", true));
    assert_eq!((&*found.subnets[0].0, &found.labels[LABEL]), ("10.231.77.0/24", &made.tag));
    assert_eq!(engine.inspect_network(&id).await.unwrap()["Name"], *network);
    engine.remove_network(&id).await.unwrap();
    assert!(engine.networks().await.unwrap().iter().all(|n| *n.id != *id));

    made.docker(&["volume", "create", "--label", &label, &volume]);
    let mount = format!("{volume}:/data");
    made.docker(&[
        "run",
        "--rm",
        "--label",
        &label,
        "-v",
        &mount,
        IMAGE,
        "sh",
        "-c",
        "head -c 100000 /dev/zero >/data/x",
    ]);
    let found = engine.volumes().await.unwrap().into_iter().find(|v| *v.name == *volume).unwrap();
    assert_eq!((&*found.driver, &found.labels[LABEL]), ("local", &made.tag));
    let used = engine.disk_use().await.unwrap();
    assert!(used.layers > 0 && used.volume_sizes[&*volume] >= 100_000, "{used:#?}");
    engine.remove_volume(&volume, false).await.unwrap();
    assert_eq!(engine.inspect_volume(&volume).await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn pruning_says_what_went_and_leaves_what_is_in_use() {
    // On an engine of its own: a prune takes whatever it finds.
    let own = OwnEngine::start();
    let engine = Engine::connect(&endpoint_at(&own.address)).unwrap();
    own.docker(&["volume", "create", "used"]);
    own.docker(&["volume", "create", "unused"]);
    let running = own.run("running", &["-v", "used:/data"], "exec sleep 600");
    let ended = own.run("ended", &[], "echo some bytes >/x");
    agreed(&engine, &ended, "the end of a container", |c| c.state == State::Exited).await;
    let untagged = own.docker(&["commit", &ended]);
    let unused = own.docker(&["commit", &ended, "unused:1"]);

    let pruned = engine.prune(Prune::Containers).await.unwrap();
    assert_eq!(pruned.removed, [ended]);
    assert!(pruned.freed > 0, "{pruned:?}");
    let pruned = engine.prune(Prune::Volumes).await.unwrap();
    assert_eq!(pruned.removed, ["unused"]);
    let pruned = engine.prune(Prune::Images { all: false }).await.unwrap();
    assert!(pruned.removed.contains(&untagged), "{pruned:?}");
    assert_eq!(engine.prune(Prune::Networks).await.unwrap().removed, [""; 0]);
    engine.prune(Prune::BuildCache).await.unwrap();
    let pruned = engine.prune(Prune::Images { all: true }).await.unwrap();
    assert!(pruned.removed.contains(&unused), "{pruned:?}");

    let left: BTreeMap<_, _> = engine.containers().await.unwrap().into_iter().map(|c| (c.id, c.state)).collect();
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [(running.as_str().into(), State::Running)]);
    let images: Vec<_> = engine.images().await.unwrap().into_iter().flat_map(|i| i.tags).collect();
    assert_eq!(images, [IMAGE]);
    let volumes: Vec<_> = engine.volumes().await.unwrap().into_iter().map(|v| v.name.to_string()).collect();
    assert_eq!(volumes, ["used"]);
}
