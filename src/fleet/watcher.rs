//! Keeps the [`Snapshot`] of one host true.
//!
//! One events stream and one listing at connect; after that an event leads to one targeted inspection.
//! When the engine goes away, what was known stays, and the connection is tried again by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::engine::model::{
    Attachment, Container, DiskUse, EngineInfo, Event, Id, Image, Inspection, Network, State, Volume,
};
use crate::engine::{Endpoint, Engine, EngineError, ErrorKind, Result};

use super::snapshot::{EVENTS_KEPT, Link, Listing, Snapshot, Status};
use super::stacks::stacks_of;
use super::usage::{Reading, Usages};

/// Inspections under way at once.
const AT_ONCE: usize = 8;
/// The least time between two publications.
const FRAME: Duration = Duration::from_millis(33);
/// How long events of one kind are gathered before its list is read again.
const GATHER: Duration = Duration::from_millis(50);
/// After so much silence the engine is asked whether it still lives.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a listing may lag behind the events (20.10 writes the new state after it has told of it, and
/// after it has cleaned up).
const LAG: jiff::SignedDuration = jiff::SignedDuration::from_secs(15);
/// How far back the engine is asked for what it remembers.
const HISTORY: jiff::SignedDuration = jiff::SignedDuration::from_secs(3600);
/// How often everything is listed where events are refused.
const POLL: Duration = Duration::from_secs(3);
/// After so long a container in passing state is looked at again: some changes have no event.
const SETTLE: Duration = Duration::from_secs(2);

/// How a host is watched.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Nothing may be changed, whatever the API lets pass.
    pub read_only: bool,
    /// Whether statistics are read.
    pub stats: bool,
}

/// A watched host. Dropping it ends everything.
#[derive(Debug)]
pub struct Host {
    engine: Engine,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    asks: mpsc::UnboundedSender<Ask>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Ask {
    WantUsage(Vec<Id>),
    Stats(bool),
    DiskUse,
    Retry,
}

impl Host {
    /// Begins to watch the engine at `endpoint`. Fails only on settings that cannot be right, such as
    /// unreadable certificates; an engine that cannot be reached shows in the snapshot.
    pub fn open(endpoint: &Endpoint, options: Options) -> Result<Self> {
        let engine = Engine::connect(endpoint)?;
        let mut snap = Snapshot {
            host: endpoint.name.clone(),
            address: endpoint.address.to_string(),
            endpoint: Some(Arc::new(endpoint.clone())),
            ..Snapshot::default()
        };
        if options.read_only {
            snap.access.read_only = Some("the panel was started with --read-only".to_owned());
        }
        let (tx, snapshots) = watch::channel(Arc::new(snap.clone()));
        let (asks, asked) = mpsc::unbounded_channel();
        let (usages, readings) = Usages::new(engine.clone(), options.stats);
        let watcher = Watcher {
            engine: engine.clone(),
            options,
            snap,
            tx,
            asked,
            usages,
            readings,
            changed: false,
            stacks_changed: false,
            published: Instant::now(),
            dirty: BTreeSet::new(),
            inspecting: BTreeSet::new(),
            reading: BTreeSet::new(),
            touched: BTreeSet::new(),
            failed: BTreeSet::new(),
            relist: BTreeMap::new(),
            pending: FuturesUnordered::new(),
        };
        let task = tokio::spawn(watcher.run());
        Ok(Self { engine, snapshots, asks, task })
    }

    /// The picture, as it changes.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// The engine, for actions; they share its connections.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// These containers are on screen: their statistics are read, whatever it costs.
    pub fn want_usage(&self, ids: Vec<Id>) {
        self.ask(Ask::WantUsage(ids));
    }

    /// Reads statistics, or stops reading them.
    pub fn set_stats(&self, on: bool) {
        self.ask(Ask::Stats(on));
    }

    /// Measures disk use.
    pub fn refresh_disk(&self) {
        self.ask(Ask::DiskUse);
    }

    /// Connects now, or lists everything afresh.
    pub fn retry_now(&self) {
        self.ask(Ask::Retry);
    }

    fn ask(&self, ask: Ask) {
        // The watcher ends only with this handle, so someone always listens.
        let _ = self.asks.send(ask);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a request of the watcher answered.
enum Found {
    Containers(Result<Vec<Container>>),
    Images(Result<Vec<Image>>),
    Networks(Result<Vec<Network>>),
    Volumes(Result<Vec<Volume>>),
    Info(Box<Result<EngineInfo>>),
    CanWrite(Result<()>),
    Inspected(Id, Box<Result<Inspection>>),
    Disk(Result<DiskUse>),
    Pong(Result<()>),
}

/// A list that can be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Containers,
    Images,
    Networks,
    Volumes,
}

struct Watcher {
    engine: Engine,
    options: Options,
    snap: Snapshot,
    tx: watch::Sender<Arc<Snapshot>>,
    asked: mpsc::UnboundedReceiver<Ask>,
    usages: Usages,
    readings: mpsc::Receiver<Reading>,
    changed: bool,
    stacks_changed: bool,
    published: Instant,
    dirty: BTreeSet<Id>,
    inspecting: BTreeSet<Id>,
    /// Lists being read; each only once at a time, or an older answer could come after a newer one.
    reading: BTreeSet<List>,
    /// Containers that had an event while their list was being read: the list may be older than that.
    touched: BTreeSet<Id>,
    /// Containers whose inspection failed for another reason than that they are gone.
    failed: BTreeSet<Id>,
    relist: BTreeMap<List, Instant>,
    pending: FuturesUnordered<BoxFuture<'static, Found>>,
}

impl Watcher {
    async fn run(mut self) {
        let mut attempts = 0;
        loop {
            let error = match self.live(&mut attempts).await {
                Ok(()) => return,
                Err(error) => error,
            };
            attempts += 1;
            // Quick at first, since most restarts are; then every ten seconds, not all panels at once.
            let jitter = u64::from(Timestamp::now().subsec_nanosecond().unsigned_abs() % 100);
            let wait = if error.kind == ErrorKind::Config {
                Duration::from_mins(1)
            } else {
                Duration::from_millis((250 << attempts.min(6)).min(10_000) + jitter)
            };
            self.down(error, attempts, wait);
            let deadline = Instant::now() + wait;
            loop {
                tokio::select! {
                    () = sleep_until(deadline) => break,
                    ask = self.asked.recv() => match ask {
                        None => return,
                        Some(Ask::Retry) => break,
                        Some(ask) => self.asked(ask),
                    },
                    // Whatever is still read of a lost engine is of no use.
                    Some(_) = self.readings.recv() => {}
                }
            }
        }
    }

    fn down(&mut self, error: EngineError, attempts: u32, wait: Duration) {
        let now = Timestamp::now();
        let since = match &self.snap.link {
            Link::Down { since, .. } => *since,
            _ => now,
        };
        self.pending.clear();
        self.dirty.clear();
        self.inspecting.clear();
        self.failed.clear();
        self.reading.clear();
        self.touched.clear();
        self.relist.clear();
        self.usages.forget();
        self.snap.usage = Arc::default();
        self.snap.load = None;
        self.snap.link = Link::Down { since, error, attempts, retry_at: now.checked_add(wait).unwrap_or(now) };
        self.publish();
    }

    /// Connects and keeps the picture true until the connection is lost. `Ok` means that nobody looks any more.
    async fn live(&mut self, attempts: &mut u32) -> Result<()> {
        // What happens between this request and the listing comes as an event, so nothing is missed.
        // What happened shortly before comes with it, for those who ask what went wrong.
        let began = Timestamp::now();
        let mut polling = None;
        let since = began.checked_sub(HISTORY).unwrap_or(began);
        // An engine tells of an end before its listing shows it: what is younger than this is looked at.
        let settled = began.checked_sub(LAG).unwrap_or(began);
        // Asked for together: what happens between the two answers comes as an event all the same.
        let (events, containers) = tokio::join!(self.engine.events(Some(since)), self.engine.containers());
        let mut events: BoxStream<'static, Result<Event>> = match events {
            Ok(events) => events,
            Err(e) if e.kind == ErrorKind::Forbidden => {
                polling = Some(e.message);
                futures::stream::pending().boxed()
            }
            Err(e) => return Err(e),
        };
        match containers {
            Ok(list) => self.take_containers(list),
            Err(e) if e.kind == ErrorKind::Forbidden => self.snap.listings.containers = Listing::Refused(e.to_string()),
            Err(e) => return Err(e),
        }
        self.snap.link = polling.clone().map_or(Link::Up, |reason| Link::Polling { reason });
        self.publish();
        *attempts = 0;
        for list in [List::Images, List::Networks, List::Volumes] {
            self.read(list);
        }
        let engine = self.engine.clone();
        self.pending.push(Box::pin(async move { Found::Info(Box::new(engine.info().await)) }));
        if !self.options.read_only {
            let engine = self.engine.clone();
            self.pending.push(Box::pin(async move { Found::CanWrite(engine.can_write().await) }));
        }
        let mut heard = Instant::now();
        let mut poll = Instant::now() + POLL;
        let mut settle = Instant::now() + SETTLE;
        loop {
            self.inspect_dirty();
            let passing = !self.failed.is_empty() || self.snap.containers.values().any(|c| is_passing(c));
            let due = self.relist.iter().filter(|(l, _)| !self.reading.contains(l)).map(|(_, at)| *at).min();
            tokio::select! {
                event = events.next() => {
                    heard = Instant::now();
                    match event {
                        Some(Ok(event)) if event.time < settled => self.remember(event),
                        Some(Ok(event)) => self.event(event),
                        Some(Err(e)) => return Err(e),
                        None => return Err(EngineError::new(ErrorKind::Unreachable, format!("{} closed the connection", self.snap.address))),
                    }
                }
                Some(found) = self.pending.next() => {
                    heard = Instant::now();
                    self.found(found)?;
                }
                ask = self.asked.recv() => match ask {
                    None => return Ok(()),
                    Some(Ask::Retry) => {
                        self.relist_all(Instant::now());
                    }
                    Some(ask) => self.asked(ask),
                },
                Some(reading) = self.readings.recv() => {
                    self.usages.take(reading, &mut self.snap);
                    self.changed = true;
                }
                () = sleep_until(due.unwrap_or(heard)), if due.is_some() => {
                    let now = Instant::now();
                    let ready: Vec<List> = self.relist.iter().filter(|(l, at)| **at <= now && !self.reading.contains(l)).map(|(l, _)| *l).collect();
                    for list in ready {
                        self.relist.remove(&list);
                        self.read(list);
                    }
                }
                () = sleep_until(self.published + FRAME), if self.changed => self.publish(),
                () = sleep_until(poll), if polling.is_some() => {
                    poll = Instant::now() + POLL;
                    self.relist_all(Instant::now());
                }
                () = sleep_until(settle), if passing => {
                    settle = Instant::now() + SETTLE;
                    let ids: Vec<Id> = self.snap.containers.values().filter(|c| is_passing(c)).map(|c| c.id.clone()).collect();
                    self.dirty.extend(ids);
                    self.dirty.append(&mut self.failed);
                }
                () = sleep_until(heard + SILENCE) => {
                    heard = Instant::now();
                    let engine = self.engine.clone();
                    self.pending.push(Box::pin(async move { Found::Pong(engine.ping().await) }));
                }
            }
        }
    }

    fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::WantUsage(ids) => self.usages.want(ids),
            Ask::Stats(on) => {
                self.usages.turn(on);
                if !on {
                    self.snap.usage = Arc::default();
                    self.snap.load = None;
                    self.changed = true;
                }
            }
            Ask::DiskUse => {
                let engine = self.engine.clone();
                self.pending.push(Box::pin(async move { Found::Disk(engine.disk_use().await) }));
            }
            Ask::Retry => {}
        }
    }

    fn relist_all(&mut self, at: Instant) {
        for list in [List::Containers, List::Images, List::Networks, List::Volumes] {
            self.relist.entry(list).or_insert(at);
        }
    }

    fn read(&mut self, list: List) {
        if list == List::Containers {
            self.touched.clear();
        }
        self.reading.insert(list);
        let engine = self.engine.clone();
        self.pending.push(match list {
            List::Containers => Box::pin(async move { Found::Containers(engine.containers().await) }),
            List::Images => Box::pin(async move { Found::Images(engine.images().await) }),
            List::Networks => Box::pin(async move { Found::Networks(engine.networks().await) }),
            List::Volumes => Box::pin(async move { Found::Volumes(engine.volumes().await) }),
        });
    }

    /// Inspects what changed, one inspection at a time for each container.
    fn inspect_dirty(&mut self) {
        while self.inspecting.len() < AT_ONCE {
            let Some(id) = self.dirty.iter().find(|id| !self.inspecting.contains(*id)).cloned() else { return };
            self.dirty.remove(&id);
            self.inspecting.insert(id.clone());
            let engine = self.engine.clone();
            self.pending.push(Box::pin(async move {
                let result = engine.inspect(&id).await;
                Found::Inspected(id, Box::new(result))
            }));
        }
    }

    fn mark(&mut self, id: Id) {
        self.touched.insert(id.clone());
        self.dirty.insert(id);
    }

    fn event(&mut self, event: Event) {
        let soon = Instant::now() + GATHER;
        let action = event.action.split(':').next().unwrap_or_default().to_owned();
        if is_noise(&event) {
            return;
        }
        match (event.kind.as_str(), action.as_str()) {
            (_, "prune") => {
                self.relist_all(soon);
            }
            ("container", "destroy" | "remove") => {
                self.remove(&event.id);
                self.touched.insert(event.id.clone());
                // An inspection under way may have been answered before it went.
                if self.inspecting.contains(&event.id) {
                    self.dirty.insert(event.id.clone());
                }
            }
            ("container", _) => self.mark(event.id.clone()),
            ("image", _) => {
                self.relist.entry(List::Images).or_insert(soon);
            }
            ("network", "connect" | "disconnect") => {
                if let Some(id) = event.attributes.get("container") {
                    self.mark(id.as_str().into());
                }
            }
            ("network", _) => {
                self.relist.entry(List::Networks).or_insert(soon);
            }
            ("volume", _) => {
                self.relist.entry(List::Volumes).or_insert(soon);
            }
            ("daemon", "reload") => {
                let engine = self.engine.clone();
                self.pending.push(Box::pin(async move { Found::Info(Box::new(engine.info().await)) }));
            }
            _ => {}
        }
        self.remember(event);
    }

    /// Keeps an event, unless it is one of those that drown the others.
    fn remember(&mut self, event: Event) {
        // The engine gives what it remembers again after each reconnect.
        let known = self.snap.events.back().is_some_and(|newest| event.time <= newest.time);
        if is_noise(&event) || known && self.snap.events.contains(&event) {
            return;
        }
        let events = Arc::make_mut(&mut self.snap.events);
        if events.len() >= EVENTS_KEPT {
            events.pop_front();
        }
        events.push_back(event);
        self.changed = true;
    }

    /// Takes an answer in; fails when it shows that the engine is gone.
    fn found(&mut self, found: Found) -> Result<()> {
        match found {
            Found::Containers(result) => {
                self.reading.remove(&List::Containers);
                if let Some(list) = sort(result, &mut self.snap.listings.containers, &mut self.changed)? {
                    self.take_containers(list);
                }
            }
            Found::Images(result) => {
                self.reading.remove(&List::Images);
                if let Some(list) = sort(result, &mut self.snap.listings.images, &mut self.changed)? {
                    self.changed |= replace(&mut self.snap.images, list, |i| i.id.clone());
                }
            }
            Found::Networks(result) => {
                self.reading.remove(&List::Networks);
                if let Some(list) = sort(result, &mut self.snap.listings.networks, &mut self.changed)? {
                    self.changed |= replace(&mut self.snap.networks, list, |n| n.id.clone());
                }
            }
            Found::Volumes(result) => {
                self.reading.remove(&List::Volumes);
                if let Some(list) = sort(result, &mut self.snap.listings.volumes, &mut self.changed)? {
                    self.changed |= replace(&mut self.snap.volumes, list, |v| v.name.clone());
                }
            }
            Found::Info(result) => match *result {
                Ok(info) => {
                    let info = Some(Arc::new(info));
                    self.changed |= info != self.snap.engine;
                    self.snap.engine = info;
                }
                // The panel works without; what needs it says so.
                Err(e) => lost(e)?,
            },
            Found::CanWrite(result) => {
                let reason = result.err().filter(|e| e.kind == ErrorKind::Forbidden).map(|e| e.hint);
                self.changed |= reason != self.snap.access.read_only;
                self.snap.access.read_only = reason;
            }
            Found::Inspected(id, result) => {
                self.inspecting.remove(&id);
                match *result {
                    Ok(inspection) => self.take_container(inspection.container),
                    Err(e) if e.kind == ErrorKind::NotFound => self.remove(&id),
                    // It is not known how it is now, so it is asked again.
                    Err(e) => {
                        self.failed.insert(id);
                        lost(e)?;
                    }
                }
            }
            Found::Disk(Ok(disk)) => {
                self.snap.disk = Some(Arc::new(disk));
                self.changed = true;
            }
            Found::Disk(Err(e)) => lost(e)?,
            Found::Pong(result) => result.or_else(|e| if e.kind == ErrorKind::Forbidden { Ok(()) } else { Err(e) })?,
        }
        Ok(())
    }

    fn take_containers(&mut self, list: Vec<Container>) {
        let listed: BTreeSet<Id> = list.iter().map(|c| c.id.clone()).collect();
        let touched = std::mem::take(&mut self.touched);
        let gone: Vec<Id> =
            self.snap.containers.keys().filter(|id| !listed.contains(*id) && !touched.contains(*id)).cloned().collect();
        for id in gone {
            self.remove(&id);
        }
        for mut container in list {
            if touched.contains(&container.id) {
                // What the event says is newer than the list: only an inspection can tell.
                self.dirty.insert(container.id.clone());
                continue;
            }
            let old = self.snap.containers.get(&container.id);
            let as_before = old.is_some_and(|o| {
                (o.state, o.health, o.exit_code) == (container.state, container.health, container.exit_code)
                    && same_places(&o.networks, &container.networks)
                    && !is_restarted(o, &container)
            });
            if let Some(old) = old.filter(|o| as_before && o.detail.is_some()) {
                // What an inspection said is more exact than the listing's words.
                container.detail.clone_from(&old.detail);
                container.command.clone_from(&old.command);
                (container.started, container.finished) = (old.started, old.finished);
                container.networks.clone_from(&old.networks);
                container.mounts.clone_from(&old.mounts);
                if container.image_id == old.image_id {
                    container.image.clone_from(&old.image);
                }
            } else if (old.is_some() && !as_before)
                || container.status() >= Status::Unhealthy
                || container.exit_code == Some(137)
                || is_passing(&container)
            {
                self.dirty.insert(container.id.clone());
            }
            self.take_container(container);
        }
        self.changed |= self.snap.listings.containers != Listing::Ready;
        self.snap.listings.containers = Listing::Ready;
    }

    fn take_container(&mut self, container: Container) {
        let old = self.snap.containers.get(&container.id);
        if old.is_some_and(|o| **o == container) {
            return;
        }
        self.stacks_changed |= container.stack().is_some() || old.is_some_and(|o| o.stack().is_some());
        self.snap.containers.insert(container.id.clone(), Arc::new(container));
        self.changed = true;
    }

    fn remove(&mut self, id: &Id) {
        self.dirty.remove(id);
        if let Some(old) = self.snap.containers.remove(id) {
            self.stacks_changed |= old.stack().is_some();
            self.changed = true;
        }
    }

    fn publish(&mut self) {
        if std::mem::take(&mut self.stacks_changed) {
            self.snap.stacks = Arc::new(stacks_of(self.snap.containers.values()));
        }
        let running = self.snap.containers.values().filter(|c| c.state.is_up()).map(|c| c.id.clone());
        self.usages.running(running);
        let usage: &HashMap<_, _> = &self.snap.usage;
        if usage.keys().any(|id| !self.snap.containers.get(id).is_some_and(|c| c.state.is_up())) {
            let containers = &self.snap.containers;
            Arc::make_mut(&mut self.snap.usage).retain(|id, _| containers.get(id).is_some_and(|c| c.state.is_up()));
        }
        self.changed = false;
        self.published = Instant::now();
        self.tx.send_replace(Arc::new(self.snap.clone()));
    }
}

/// Whether an event changes nothing: probes of healthchecks run commands and would drown everything else.
fn is_noise(event: &Event) -> bool {
    let action = event.action.split(':').next().unwrap_or_default();
    match event.kind.as_str() {
        "container" => matches!(
            action,
            "exec_create"
                | "exec_start"
                | "exec_die"
                | "exec_detach"
                | "top"
                | "attach"
                | "resize"
                | "archive-path"
                | "export"
        ),
        "volume" => matches!(action, "mount" | "unmount"),
        _ => false,
    }
}

/// Whether both say the same of networks; a listing leaves other names out.
fn same_places(old: &[Attachment], new: &[Attachment]) -> bool {
    let place = |a: &Attachment| (a.network.clone(), a.ip, a.ip6);
    old.iter().map(place).eq(new.iter().map(place))
}

/// Whether a listing shows that a container runs anew, as far as its rough words ("Up 2 hours") can.
fn is_restarted(old: &Container, new: &Container) -> bool {
    let (Some(old), Some(new)) = (old.started, new.started) else { return false };
    let age = |t: Timestamp| Timestamp::now().duration_since(t).as_secs();
    age(new) + 5 < age(old) && age(new) * 2 < age(old)
}

/// Whether a container will be in another state soon.
fn is_passing(container: &Container) -> bool {
    matches!(container.state, State::Restarting | State::Removing)
}

/// Sorts an answer: the list, or that it is refused, or that the engine is gone.
fn sort<T>(result: Result<Vec<T>>, listing: &mut Listing, changed: &mut bool) -> Result<Option<Vec<T>>> {
    let (new, list) = match result {
        Ok(list) => (Listing::Ready, Some(list)),
        Err(e) if e.kind == ErrorKind::Unreachable => return Err(e),
        // Slow is not gone; whether the engine still lives is what pings are for. What is known stays.
        Err(e) if e.kind == ErrorKind::Timeout && *listing == Listing::Ready => return Ok(None),
        Err(e) => (Listing::Refused(e.to_string()), None),
    };
    *changed |= *listing != new;
    *listing = new;
    Ok(list)
}

/// Passes an error on when it means that the engine is gone.
fn lost(error: EngineError) -> Result<()> {
    if error.kind == ErrorKind::Unreachable { Err(error) } else { Ok(()) }
}

/// Puts a fresh list in the place of the old one; what is equal stays the same allocation.
fn replace<T: PartialEq>(old: &mut BTreeMap<Id, Arc<T>>, list: Vec<T>, id: impl Fn(&T) -> Id) -> bool {
    let fresh: BTreeMap<Id, Arc<T>> = list
        .into_iter()
        .map(|item| {
            let id = id(&item);
            let same = old.get(&id).filter(|o| ***o == item).cloned();
            (id, same.unwrap_or_else(|| Arc::new(item)))
        })
        .collect();
    let changed = fresh != *old;
    *old = fresh;
    changed
}
