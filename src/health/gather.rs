//! What is read for a look: around the listing, and closer where something is suspicious.
//!
//! Hundreds of containers that are well cost one listing, the engine's memory of events and a few file reads each; an
//! inspection is made, and a log's end read, only of what is not well or may not be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::config;
use crate::engine::model::{Container, Health, Id, Image, State};
use crate::engine::{Engine, EngineError, ErrorKind, LogAsk};
use crate::fleet::{Stack, stacks_of};
use crate::logs::{self, Reader, Shape};
use crate::stacks::{self, Waits};

use super::causes::port_wanted;
use super::facts::{Facts, LATELY, Line, Past};
use super::look::Picture;
use super::machine::{FLOOD, Machine, USUAL};
use super::probe::{Probed, Prober, probe};
use super::{Level, Report};

/// Containers looked at closer at once.
const AT_ONCE: usize = 12;
/// The last lines of a log that are read.
const LINES: u64 = 50;
/// Bytes of a log's end that are read, at most.
const BYTES: usize = 1 << 20;
/// How long a log may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How far back the engine's events are asked for.
const BACK: SignedDuration = SignedDuration::from_hours(1);
/// Members of a stack that are looked at because others of it fail, at most.
const MEMBERS: usize = 40;
/// How long this machine's own files may take. A mount whose server is gone (NFS, FUSE) never answers.
const FILES: Duration = Duration::from_secs(3);
/// Threads that read files; those of a mount that hangs do not come back.
static READERS: Semaphore = Semaphore::const_new(8);

/// What is read around a listing, and does not wait for it.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// This machine's own files, where the engine is here.
    machine: Option<Machine>,
    /// Whether they did not answer.
    hangs: bool,
    /// The past of each container; `None` where the engine does not tell.
    past: Option<HashMap<Id, Past>>,
}

/// A service that a compose file names and that has no container, though its image is not there to make one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// The stack.
    pub stack: String,
    /// The service.
    pub service: String,
    /// Its image, as written.
    pub image: String,
}

/// All that was read.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Of each container.
    pub facts: BTreeMap<Id, Facts>,
    /// What probes gave.
    pub probed: Vec<Probed>,
    /// Compose projects.
    pub stacks: Vec<Stack>,
    /// What their services wait for.
    pub waits: HashMap<String, Waits>,
    /// Services without a container and without an image.
    pub missing: Vec<Missing>,
    /// The disk with the engine's data.
    pub disk: Option<super::machine::Disk>,
    /// Why not everything could be read.
    pub unknown: Option<EngineError>,
}

/// Reads what does not wait for a listing.
pub(super) async fn around(engine: &Engine, now: Timestamp) -> Around {
    let local = engine.endpoint().is_local();
    let machine = read(FILES, move || if local { Machine::read() } else { None });
    // An engine that refuses its events is judged without them.
    let (machine, past) = tokio::join!(machine, engine.past_events(now - BACK, now, &Past::ACTIONS));
    let past = past.ok().map(|events| {
        let mut all = HashMap::<Id, Past>::new();
        for event in &events {
            all.entry(event.id.clone()).or_default().add(event);
        }
        all
    });
    Around { hangs: machine.is_none(), machine: machine.flatten(), past }
}

/// What `work` reads of files; `None` when that takes longer than `patience`.
async fn read<T: Send + 'static>(patience: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let work = async {
        let turn = READERS.acquire().await.ok()?;
        let read = move || {
            let read = work();
            drop(turn);
            read
        };
        tokio::task::spawn_blocking(read).await.ok()
    };
    tokio::time::timeout(patience, work).await.ok().flatten()
}

/// Reads what lies where the engine keeps its data; whether this machine is the engine's own for sure. Without a
/// machine where its files hang.
async fn enter(engine: &Engine, picture: &Picture, machine: Option<Machine>) -> (Option<Machine>, bool) {
    let Some(mut machine) = machine else { return (None, false) };
    let usual = Path::new(USUAL);
    let info = match &picture.engine {
        Some(info) => Some((**info).clone()),
        // Mostly it can be seen, and need not be asked for.
        None if machine.keeps(usual, picture.containers.keys()) => None,
        None => engine.info().await.ok(),
    };
    let root = info.as_ref().map_or(usual, |info| Path::new(&info.root_dir)).to_owned();
    let here = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let same = picture.containers.keys().any(|id| machine.containers.contains_key(id))
        || info.as_ref().is_some_and(|info| here.trim() == info.name);
    if !same || root.as_os_str().is_empty() || (info.is_none() && !machine.keeps(usual, picture.containers.keys())) {
        return (Some(machine), same);
    }
    let listed: Vec<_> = picture.containers.values().cloned().collect();
    let entered = read(FILES, move || {
        machine.enter(&root, &listed);
        machine
    });
    (entered.await, true)
}

/// Looks closer at what `picture` shows. A prober knows which probes are due; without one all are made.
pub(super) async fn gather(
    engine: &Engine,
    picture: &Picture,
    around: Around,
    before: Option<&Report>,
    config: &config::Health,
    prober: Option<&mut Prober>,
    now: Timestamp,
) -> Gathered {
    let Around { machine, mut hangs, past } = around;
    let told = machine.is_some();
    let (machine, same) = enter(engine, picture, machine).await;
    hangs |= told && machine.is_none();
    let told = machine.is_some();
    let look = Look { engine, now, past: &past, before };
    let wanted = look.suspicious(picture, machine.as_ref());
    let running: Vec<&Container> =
        picture.containers.values().map(Arc::as_ref).filter(|c| c.state == State::Running).collect();
    let stacks = stacks_of(picture.containers.values());
    let written = stacks.clone();
    let files = read(FILES, move || read_stacks(&written));
    let probed = async {
        match prober {
            Some(prober) => prober.probe(engine, &running, config).await,
            None => probe(engine, &running, config).await,
        }
    };
    let (mut closer, machine, probed, files) = tokio::join!(look.all(wanted), again(machine), probed, files);
    hangs |= files.is_none() || (told && machine.is_none());
    // What answers as it should not wants an explanation, too.
    let failed = |c: &&Arc<Container>| probed.iter().any(|p| p.container == c.id && p.finding.is_some());
    let more = picture.containers.values().filter(failed).filter(|c| !closer.contains_key(&c.id));
    closer.extend(look.all(more.map(|c| (c.clone(), true)).collect()).await);

    let mut gathered = Gathered { probed, stacks, ..Gathered::default() };
    for (id, listed) in &picture.containers {
        let mut facts = look.facts(listed);
        facts.local = machine.as_ref().and_then(|m| m.containers.get(id)).cloned();
        match closer.remove(id) {
            Some(Ok((inspection, log))) => {
                facts.container = Container { name: listed.name.clone(), ..inspection.container.clone() };
                facts.more = Some(inspection);
                facts.log = log;
            }
            // Gone since it was listed.
            Some(Err(e)) if e.kind == ErrorKind::NotFound => continue,
            Some(Err(e)) => gathered.unknown = Some(not_everything(&e)),
            None => {}
        }
        let bound = bound(&facts);
        if same && !hangs && !bound.is_empty() {
            let read = read(FILES, move || lost(bound)).await;
            hangs = read.is_none();
            facts.lost = read.unwrap_or_default();
        }
        if let Some(port) = facts.refusal().and_then(port_wanted) {
            let holds = |c: &&Arc<Container>| c.id != *id && c.ports.iter().any(|p| p.host == Some(port));
            facts.holder = picture.containers.values().find(holds).map(|c| c.name.clone());
        }
        gathered.facts.insert(id.clone(), facts);
    }
    if hangs {
        gathered.unknown = Some(hanging());
    }
    let (waits, mut missing) = files.unwrap_or_default();
    gathered.waits = waits;
    let down = |f: &&mut Facts| f.end().is_some() || f.refusal().is_some();
    if !missing.is_empty() || gathered.facts.values_mut().any(|f| down(&f)) {
        match images(engine, picture).await {
            Some(images) => {
                for facts in gathered.facts.values_mut().filter(down) {
                    let id = &facts.container.image_id;
                    facts.image_gone = (!id.is_empty()).then(|| !images.iter().any(|i| *i.id == **id));
                }
                missing.retain(|m| !images.iter().any(|i| is_named(i, &m.image)));
                gathered.missing = missing;
            }
            // Without a list of images nothing is missing for sure.
            None => missing.clear(),
        }
    }
    gathered.disk = machine.filter(|_| same).and_then(|m| m.disk);
    gathered
}

/// Paths of this machine that a container binds and that have to be there. Binds of the older kind are made by the
/// engine.
fn bound(facts: &Facts) -> Vec<String> {
    let mounts = facts.raw("/HostConfig/Mounts").as_array().map(Vec::as_slice).unwrap_or_default();
    let bound = |m: &&Value| m["Type"] == "bind" && m["BindOptions"]["CreateMountpoint"] != true;
    let paths = mounts.iter().filter(bound).filter_map(|m| m["Source"].as_str());
    paths.filter(|_| !facts.container.state.is_up()).map(str::to_owned).collect()
}

/// Those of these paths that are not there.
fn lost(paths: Vec<String>) -> Vec<String> {
    let gone = |path: &String| std::fs::symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound);
    paths.into_iter().filter(gone).map(|p| crate::text::clean(&p).into_owned()).collect()
}

/// Files of this machine do not answer.
fn hanging() -> EngineError {
    let message = format!("files of this machine did not answer within {}s", FILES.as_secs());
    EngineError::new(ErrorKind::Other, message).with_hint(
        "a mount hangs, as NFS and FUSE do when their server is gone: `mount -t nfs,nfs4,cifs,fuse` lists such; \
         room, limits and zombies are not judged",
    )
}

fn not_everything(error: &EngineError) -> EngineError {
    let hint = if error.kind == ErrorKind::Forbidden {
        "a proxy before the engine refuses inspections (GET /containers/ID/json); containers are judged by their listing alone"
    } else {
        "containers are judged by their listing alone"
    };
    EngineError::new(error.kind, format!("details are not known: {}", error.message)).with_hint(hint)
}

/// Reads once more, a moment later, what the first reading could not tell.
async fn again(machine: Option<Machine>) -> Option<Machine> {
    let mut machine = machine?;
    let Some(wait) = machine.doubtful() else { return Some(machine) };
    tokio::time::sleep(wait).await;
    read(FILES, move || {
        machine.again();
        machine
    })
    .await
}

/// What services wait for, and which have neither a container nor a recipe for an image.
fn read_stacks(stacks: &[Stack]) -> (HashMap<String, Waits>, Vec<Missing>) {
    let (mut waits, mut missing) = (HashMap::new(), Vec::new());
    for stack in stacks {
        waits.insert(stack.name.clone(), stacks::waits(stack).0);
        // Of a stack that is down as a whole nothing is expected.
        if !stack.containers().any(|c| c.state.is_up() || c.state == State::Restarting) {
            continue;
        }
        let there = |name: &str| stack.services.iter().any(|s| s.name == name);
        for service in stacks::written(stack).0 {
            if let Some(image) = service.image.filter(|_| service.wanted && !service.builds && !there(&service.name)) {
                missing.push(Missing { stack: stack.name.clone(), service: service.name, image });
            }
        }
    }
    (waits, missing)
}

async fn images(engine: &Engine, picture: &Picture) -> Option<Vec<Image>> {
    match &picture.images {
        Some(images) => Some(images.values().map(|i| (**i).clone()).collect()),
        // Refused, or too slow: then it is not judged.
        None => engine.images().await.ok(),
    }
}

/// Whether an image goes by a name as a compose file writes it. Variables may stand for anything.
fn is_named(image: &Image, written: &str) -> bool {
    let (name, digest) = written.split_once('@').map_or((written, None), |(n, d)| (n, Some(d)));
    if let Some(digest) = digest {
        return image.digests.iter().any(|d| d.ends_with(digest)) || *image.id == *digest;
    }
    if written.starts_with("sha256:") {
        return image.id.starts_with(written);
    }
    let tagged = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    let name = if tagged || name.ends_with('}') { name.to_owned() } else { format!("{name}:latest") };
    let plain = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    };
    let name = plain(&name);
    if !name.contains('$') {
        return image.tags.iter().any(|tag| plain(tag) == name);
    }
    // Whatever the variables are: no image that could be meant means that there is none.
    let pattern = regex::Regex::new(r"\$\{[^}]*\}|\$\w+").ok().map(|variable| {
        let fixed: Vec<String> = variable.split(&name).map(regex::escape).collect();
        fixed.join(".*")
    });
    let matcher = pattern.and_then(|p| regex::Regex::new(&format!("^{p}$")).ok());
    image.tags.iter().any(|tag| matcher.as_ref().is_none_or(|m| m.is_match(&plain(tag)) || m.is_match(tag)))
}

type Closer = Result<(crate::engine::model::Inspection, Vec<Line>), EngineError>;

#[derive(Clone, Copy)]
struct Look<'a> {
    engine: &'a Engine,
    now: Timestamp,
    past: &'a Option<HashMap<Id, Past>>,
    before: Option<&'a Report>,
}

impl Look<'_> {
    /// What the listing and the engine's memory tell.
    fn facts(&self, listed: &Container) -> Facts {
        let past = self.past.as_ref().and_then(|p| p.get(&listed.id)).cloned().unwrap_or_default();
        let flapped = self.before.and_then(|b| b.of(&listed.id));
        let flapped = flapped.is_some_and(|v| v.findings.iter().any(|f| f.code == "FLAPPING"));
        Facts { container: listed.clone(), past, flapped, now: self.now, ..Facts::default() }
    }

    /// The containers that are not well for sure, and whether more of their logs is wanted than their state says.
    fn suspicious(&self, picture: &Picture, machine: Option<&Machine>) -> Vec<(Arc<Container>, bool)> {
        let mut wanted = BTreeMap::new();
        let mut failing = BTreeSet::new();
        for (id, c) in &picture.containers {
            let local = machine.and_then(|m| m.containers.get(id));
            let loud = local.is_some_and(|l| !l.full.is_empty() || l.log.is_some_and(|l| l.per_second >= FLOOD));
            if is_failing(c) {
                failing.extend(c.stack());
            }
            if is_failing(c) || self.may_fail(c) || local.is_some_and(super::machine::Local::is_notable) {
                wanted.insert(id.clone(), (c.clone(), loud));
            }
        }
        let mut members = BTreeMap::<&str, usize>::new();
        for (id, c) in &picture.containers {
            let Some(stack) = c.stack().filter(|s| failing.contains(s) && !wanted.contains_key(id)) else { continue };
            let count = members.entry(stack).or_default();
            *count += 1;
            // The environment of those that run tells whom they need.
            if *count <= MEMBERS && c.state == State::Running {
                wanted.insert(id.clone(), (c.clone(), false));
            }
        }
        wanted.into_values().collect()
    }

    /// Whether it may be worse than its listing says.
    fn may_fail(&self, c: &Container) -> bool {
        let age = |t: Option<Timestamp>| t.map(|t| self.now.duration_since(t));
        let told = self.before.and_then(|b| b.of(&c.id)).is_some_and(|v| v.level > Level::Healthy);
        let past = self.past.as_ref().and_then(|p| p.get(&c.id));
        match c.state {
            State::Created => true,
            State::Running => {
                let young = age(c.started).is_none_or(|a| a < LATELY);
                // Without the engine's memory: one that was made long before it started has run before.
                let first = || {
                    let gap = c.created.zip(c.started).map(|(made, started)| started.duration_since(made));
                    gap.is_some_and(|g| g < SignedDuration::from_secs(10))
                };
                let again = young && past.map_or_else(|| !first(), |p| !p.ends.is_empty() || !first());
                let slow =
                    c.health == Health::Starting && age(c.started).is_none_or(|a| a > SignedDuration::from_secs(20));
                let turns = past
                    .is_some_and(|p| !p.ooms.is_empty() || c.health != Health::None && (p.failed || p.turns.len() > 1));
                told || again || slow || turns
            }
            _ => false,
        }
    }

    /// Inspects each, and reads the end of its log where that may tell more.
    async fn all(self, wanted: Vec<(Arc<Container>, bool)>) -> HashMap<Id, Closer> {
        futures::stream::iter(wanted)
            .map(|(c, loud)| async move { (c.id.clone(), self.closer(&c, loud).await) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await
    }

    async fn closer(self, listed: &Container, loud: bool) -> Closer {
        let inspection = self.engine.inspect(&listed.id).await?;
        let mut facts = self.facts(listed);
        facts.container = inspection.container.clone();
        facts.more = Some(inspection);
        let log = if loud || facts.is_ill() {
            let tty = facts.container.detail.as_ref().is_some_and(|d| d.tty);
            let read = tokio::time::timeout(PATIENCE, tail(self.engine, &listed.id, tty)).await;
            // Some drivers keep no log that can be read: that is less evidence, and no other verdict.
            read.ok().and_then(Result::ok).unwrap_or_default()
        } else {
            Vec::new()
        };
        facts.more.map(|more| (more, log)).ok_or_else(|| EngineError::new(ErrorKind::Other, "no inspection"))
    }
}

/// Whether its listing says that it does not work.
fn is_failing(c: &Container) -> bool {
    match c.state {
        State::Restarting | State::Dead | State::Paused => true,
        State::Exited => !matches!(c.exit_code, None | Some(0 | 130 | 143)),
        State::Running => c.health == Health::Unhealthy,
        State::Created | State::Removing => false,
    }
}

/// The last lines of a log.
async fn tail(engine: &Engine, id: &str, tty: bool) -> Result<Vec<Line>, EngineError> {
    let ask = LogAsk { tail: Some(LINES), ..LogAsk::default() };
    let mut pieces = engine.logs(id, &ask).await?;
    let mut reader = Reader::new(if tty { Shape::Plain } else { Shape::Framed }, 0);
    let mut read = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        read += piece.len();
        reader.feed(&piece);
        if read > BYTES {
            break;
        }
    }
    reader.end();
    let mut lines = Vec::new();
    while let Some(chunk) = reader.next_chunk() {
        let line = |n| chunk.line(n).map(|l| Line { at: l.time(), text: logs::plain(&l).into_owned() });
        lines.extend((0..chunk.len()).filter_map(line));
    }
    Ok(lines)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_that_do_not_answer_are_waited_for_no_longer_than_said() {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let hangs = read(Duration::from_millis(20), move || ended.recv()).await;
        assert!(hangs.is_none());
        drop(end);
        assert_eq!(read(Duration::from_mins(1), || 7).await, Some(7));
        let (here, gone) = (std::env::temp_dir().display().to_string(), "/no/such/\u{1b}path".to_owned());
        assert_eq!(lost(vec![here, gone]), ["/no/such/·path"]);
    }

    #[test]
    fn images_go_by_the_names_that_compose_files_write() {
        let image = Image {
            id: "sha256:abc".into(),
            tags: vec!["redis:7".into(), "redis:latest".into(), "shop/web:2".into()],
            digests: vec!["redis@sha256:def".into()],
            ..Image::default()
        };
        for name in [
            "redis",
            "redis:7",
            "docker.io/library/redis:7",
            "redis:7@sha256:def",
            "shop/web:2",
            "shop/web:${TAG}",
            "${REPO}/web:2",
            "$IMAGE",
            "shop/${NAME:-web}:2",
        ] {
            assert!(is_named(&image, name), "{name}");
        }
        for name in ["redis:8", "web", "other/redis", "redis@sha256:000", "shop/api:${TAG}", "${REPO}/web:3"] {
            assert!(!is_named(&image, name), "{name}");
        }
    }
}
