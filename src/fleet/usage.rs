//! Statistics: from control groups where the engine is this machine's, else from the engine's streams
//! for what is on screen.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::engine::Engine;
use crate::engine::model::{Id, Sample};

use super::cgroup::{Cgroups, HostReader};
use super::snapshot::{HostLoad, SAMPLES_KEPT, Snapshot, Usage};

/// Streams of statistics open at once, at most: each costs the engine some milliseconds a second.
const STREAMS: usize = 60;
/// Time between two readings.
const PERIOD: Duration = Duration::from_secs(1);

/// Something that was read.
#[derive(Debug)]
pub(super) enum Reading {
    /// One round over the control groups.
    Round {
        /// What containers use.
        samples: Vec<(Id, Sample)>,
        /// Busy share, memory in use, memory.
        host: Option<(f64, u64, u64)>,
        /// Whether there are containers that the control groups do not show: then streams are needed.
        blind: bool,
    },
    /// One reading of a stream.
    Streamed(Id, Sample),
}

/// What the reader of control groups works on.
#[derive(Debug, Clone, Default, PartialEq)]
struct Round {
    on: bool,
    running: BTreeSet<Id>,
    shown: BTreeSet<Id>,
}

/// Decides what is read, and takes readings over into a snapshot.
#[derive(Debug)]
pub(super) struct Usages {
    engine: Engine,
    tx: mpsc::Sender<Reading>,
    round: Round,
    /// The thread that reads control groups; `None` for an engine elsewhere.
    reader: Option<std_mpsc::Sender<Round>>,
    /// Whether the control groups cannot be relied on.
    blind: bool,
    streams: HashMap<Id, JoinHandle<()>>,
}

impl Usages {
    /// A reader for `engine`, and where its readings arrive.
    pub(super) fn new(engine: Engine, on: bool) -> (Self, mpsc::Receiver<Reading>) {
        let (tx, rx) = mpsc::channel(64);
        let local = engine.endpoint().is_local();
        let reader = if local { Cgroups::find() } else { None }.and_then(|groups| start(groups, tx.clone()));
        let blind = reader.is_none();
        let round = Round { on, ..Round::default() };
        (Self { engine, tx, round, reader, blind, streams: HashMap::new() }, rx)
    }

    /// These are on screen.
    pub(super) fn want(&mut self, ids: Vec<Id>) {
        self.round.shown = ids.into_iter().collect();
        self.pass_on();
    }

    /// Reads, or stops reading.
    pub(super) fn turn(&mut self, on: bool) {
        self.round.on = on;
        self.pass_on();
    }

    /// These run.
    pub(super) fn running(&mut self, ids: impl Iterator<Item = Id>) {
        let running: BTreeSet<Id> = ids.collect();
        if running != self.round.running {
            self.round.running = running;
            self.pass_on();
        }
    }

    /// The engine is gone.
    pub(super) fn forget(&mut self) {
        self.round.running.clear();
        self.pass_on();
    }

    fn pass_on(&mut self) {
        if let Some(reader) = &self.reader {
            // A reader that ended has said so by being blind.
            let _ = reader.send(self.round.clone());
        }
        let wanted: BTreeSet<Id> = if self.blind && self.round.on {
            self.round.shown.intersection(&self.round.running).take(STREAMS).cloned().collect()
        } else {
            BTreeSet::new()
        };
        self.streams.retain(|id, task| {
            let keep = wanted.contains(id) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for id in wanted {
            if !self.streams.contains_key(&id) {
                let task = tokio::spawn(stream(self.engine.clone(), id.clone(), self.tx.clone()));
                self.streams.insert(id, task);
            }
        }
    }

    /// Takes a reading over into `snap`.
    pub(super) fn take(&mut self, reading: Reading, snap: &mut Snapshot) {
        if !self.round.on {
            return;
        }
        let usage = Arc::make_mut(&mut snap.usage);
        match reading {
            Reading::Round { samples, host, blind } => {
                for (id, sample) in samples {
                    record(usage, id, sample);
                }
                if let Some((cpu, memory, memory_total)) = host {
                    let mut load = snap.load.as_deref().cloned().unwrap_or_default();
                    if load.history.len() >= SAMPLES_KEPT {
                        load.history.pop_front();
                    }
                    load.history.push_back(cpu);
                    snap.load = Some(Arc::new(HostLoad { cpu, memory, memory_total, ..load }));
                }
                if blind != self.blind {
                    self.blind = blind;
                    self.pass_on();
                }
            }
            Reading::Streamed(id, sample) => record(usage, id, sample),
        }
    }
}

impl Drop for Usages {
    fn drop(&mut self) {
        for task in self.streams.values() {
            task.abort();
        }
    }
}

fn record(usage: &mut HashMap<Id, Arc<Usage>>, id: Id, sample: Sample) {
    let entry = Arc::make_mut(usage.entry(id).or_default());
    if let Some(before) = entry.history.back() {
        let wall = sample.time.as_nanosecond() - before.time.as_nanosecond();
        if sample.cpu_ns < before.cpu_ns {
            // It was started again: the counters began anew.
            entry.history.clear();
            entry.cpu = 0.0;
        } else if wall > 0 {
            entry.cpu = (sample.cpu_ns - before.cpu_ns) as f64 * 100.0 / wall as f64;
        }
    }
    if entry.history.len() >= SAMPLES_KEPT {
        entry.history.pop_front();
    }
    entry.history.push_back(sample);
    entry.now = sample;
}

/// One container's statistics from the engine, until the container or the stream ends.
async fn stream(engine: Engine, id: Id, tx: mpsc::Sender<Reading>) {
    // Without statistics the columns stay empty; the link's own state says when the engine is gone.
    let Ok(mut samples) = engine.stats(&id).await else { return };
    while let Some(Ok(sample)) = samples.next().await {
        if tx.send(Reading::Streamed(id.clone(), sample)).await.is_err() {
            return;
        }
    }
}

/// Starts the thread that reads control groups, once a second while there is something to read.
fn start(mut groups: Cgroups, tx: mpsc::Sender<Reading>) -> Option<std_mpsc::Sender<Round>> {
    let (send, receive) = std_mpsc::channel::<Round>();
    let read = move || {
        let mut host = HostReader::below(Path::new("/proc"));
        let mut round = Round::default();
        let mut next = Instant::now();
        loop {
            let message = if round.on {
                match receive.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Ok(message) => Some(message),
                    Err(std_mpsc::RecvTimeoutError::Timeout) => None,
                    Err(std_mpsc::RecvTimeoutError::Disconnected) => return,
                }
            } else {
                // Nothing to read: sleep until that changes.
                match receive.recv() {
                    Ok(message) => Some(message),
                    Err(_) => return,
                }
            };
            if let Some(message) = message {
                // What was just started or came on screen should not wait for its first figures.
                if message.running.difference(&round.running).next().is_some() {
                    next = next.min(Instant::now() + PERIOD / 5);
                }
                round = message;
                continue;
            }
            next = Instant::now() + PERIOD;
            let samples = groups.sample(&round.running, &round.shown);
            let blind = !round.running.is_empty() && groups.found() == 0;
            if tx.blocking_send(Reading::Round { samples, host: host.read(), blind }).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("cgroups".into()).spawn(read).ok().map(|_| send)
}
