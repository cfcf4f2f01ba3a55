//! `ondeck watch`: watches without a screen: history, healing, notices, sessions.

mod lines;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::config::Config;
use crate::engine::{Endpoint, EngineError};
use crate::fleet::{Host, Options, Snapshot};
use crate::health::{Delivery, HEAL_LABEL, Healed, Healer, Herald, Monitor, Report, wanted};
use crate::sessions::{self, Swept};
use crate::store::{self, Store};
use crate::text::clean;

use self::lines::{Line, changes};
use super::{Failure, tell};

/// How often sessions are swept, and a history that could not be opened is tried again.
const MINUTE: Duration = Duration::from_mins(1);
/// How long the last notices may take.
const LAST: Duration = Duration::from_secs(10);

/// Watches without a screen: keeps the history of health, restarts and tells as the config says, sweeps sessions
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Look once, do what is due, and end
    #[arg(long)]
    once: bool,
    /// Restart every container that is unhealthy for long, but those whose label dev.ondeck.heal is false
    #[arg(long, conflicts_with = "no_heal")]
    heal: bool,
    /// Restart nothing, whatever config and labels say
    #[arg(long)]
    no_heal: bool,
    /// Say what would be restarted, and restart nothing
    #[arg(long, conflicts_with = "no_heal")]
    dry_run: bool,
    /// As JSON: an object a line
    #[arg(long)]
    json: bool,
}

/// Runs it; the endpoint is asked for when it is needed, since its settings may be wrong.
pub(super) fn run(
    arguments: &Arguments,
    config: &Config,
    endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    let endpoint = endpoint()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(watch_host(arguments, config, &endpoint));
    // Requests that still wait for an engine must not hold the end up.
    runtime.shutdown_background();
    result
}

async fn watch_host(arguments: &Arguments, config: &Config, endpoint: &Endpoint) -> Result<ExitCode, Failure> {
    // Asked to end before anything began, it ends all the same.
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let variable = |name: &str| std::env::var(name).ok();
    let delivery = Delivery::new(&config.health.notify, variable, |line| tell(&format!("ondeck: {line}")));
    let delivery = delivery.await.map_err(Failure::Told)?;
    let mut store = open_store().await;
    let host = Host::open(endpoint, Options { read_only: false, stats: false })?;
    let monitor = Monitor::open(&host, config.health.clone());
    if let Some(store) = &store {
        monitor.keep_in(store.clone());
    }
    let herald = Herald::new(&config.health, config.secrets.clone(), &endpoint.name, store.clone(), delivery);
    let herald = herald.await.map_err(|e| Failure::Told(format!("{}\n  {}", e.message, e.hint)))?;
    let mut watch = Watch {
        json: arguments.json,
        host: endpoint.name.clone(),
        herald,
        before: None,
        odd: BTreeSet::new(),
        heal: config.health.heal.clone(),
        complaint: None,
    };
    let (healed_tx, mut healed) = mpsc::channel::<Vec<Healed>>(16);
    let mut beside = JoinSet::new();
    let healer = |store: &Store| {
        (!arguments.no_heal).then(|| {
            let mut heal = config.health.heal.clone();
            heal.enabled |= arguments.heal;
            Healer::new(host.engine().clone(), store.clone(), heal, arguments.dry_run)
        })
    };
    if arguments.once {
        let done = once(&mut watch, &host, &monitor, store.as_ref().and_then(healer)).await;
        watch.herald.end(LAST).await;
        return done;
    }
    if let Some(healer) = store.as_ref().and_then(healer) {
        beside.spawn(heal(healer, monitor.reports(), host.snapshots(), healed_tx.clone()));
    }
    let mut reports = monitor.reports();
    let mut troubles = monitor.troubles();
    let (swept_tx, mut swept) = mpsc::channel(4);
    let mut minute = interval_at(Instant::now() + Duration::from_secs(1), MINUTE);
    minute.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let result = loop {
        let due = watch.herald.due().map(until);
        tokio::select! {
            _ = terminated.recv() => break Ok(()),
            _ = interrupted.recv() => break Ok(()),
            changed = reports.changed() => {
                if changed.is_err() {
                    break Err(Failure::Told("nobody looks any more".to_owned()));
                }
                let report = reports.borrow_and_update().clone();
                watch.labels(&host.snapshots().borrow().clone());
                if let Err(failure) = watch.take(&report).await {
                    break Err(failure);
                }
            }
            () = sleep(due.unwrap_or(MINUTE)), if due.is_some() => {
                let report = reports.borrow().clone();
                watch.notices(&report).await;
            }
            Some(done) = healed.recv() => {
                if let Err(failure) = watch.healed(&done) {
                    break Err(failure);
                }
            }
            Some(done) = swept.recv() => {
                if let Err(failure) = watch.swept(done) {
                    break Err(failure);
                }
            }
            Ok(()) = troubles.changed() => {
                let trouble = troubles.borrow_and_update().clone();
                match trouble {
                    Some(error) => tell(&format!("ondeck: nothing can be kept: {}\n  {}", error.message, error.hint)),
                    None => tell("ondeck: the history is kept again"),
                }
            }
            _ = minute.tick() => {
                if host.snapshots().borrow().cannot_write().is_none() {
                    let (engine, done) = (host.engine().clone(), swept_tx.clone());
                    beside.spawn(async move {
                        // Nobody listens any more when it ends.
                        let _ = done.send(sessions::sweep(&engine).await).await;
                    });
                }
                while beside.try_join_next().is_some() {}
                if store.is_none() {
                    store = open_store().await;
                    if let Some(store) = &store {
                        monitor.keep_in(store.clone());
                        watch.herald.keep_in(store.clone());
                        if let Some(healer) = healer(store) {
                            beside.spawn(heal(healer, monitor.reports(), host.snapshots(), healed_tx.clone()));
                        }
                    }
                }
            }
        }
    };
    // What was watched up to now counts.
    let seeing = watch.before.as_ref().is_some_and(|r| r.unknown.is_none());
    if let Some(store) = store.filter(|_| seeing)
        && let Err(error) = store.health_watched(&watch.host, Timestamp::now()).await
    {
        tell(&format!("ondeck: {}", error.message));
    }
    drop(beside);
    tokio::select! {
        () = watch.herald.end(LAST) => {}
        // Asked twice, it waits for nothing.
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    result.map(|()| ExitCode::SUCCESS)
}

/// The history; what is wrong with it is told, and one goes on without.
async fn open_store() -> Option<Store> {
    let Some(path) = Store::usual_path() else {
        tell(&format!("ondeck: there is no place for a history (no home); {} names a file", store::PATH_VARIABLE));
        return None;
    };
    match Store::open(&path).await {
        Ok(store) => Some(store),
        Err(error) => {
            tell(&format!("ondeck: no history, so nothing is restarted: {}\n  {}", error.message, error.hint));
            None
        }
    }
}

fn until(at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default()
}

/// What goes on while one watches.
struct Watch {
    json: bool,
    host: String,
    herald: Herald,
    before: Option<Arc<Report>>,
    /// Containers whose label about healing says neither yes nor no; told once.
    odd: BTreeSet<String>,
    heal: crate::config::Heal,
    /// Why sessions could not be swept the last time; told once.
    complaint: Option<EngineError>,
}

impl Watch {
    /// Tells what a report says anew.
    async fn take(&mut self, report: &Arc<Report>) -> Result<(), Failure> {
        self.print(&changes(self.before.as_deref(), report))?;
        self.before = Some(report.clone());
        self.notices(report).await;
        Ok(())
    }

    async fn notices(&mut self, report: &Report) {
        if report.taken == Timestamp::default() {
            return;
        }
        if let Err(error) = self.herald.take(report, Timestamp::now()).await {
            tell(&format!("ondeck: somebody may be told twice: {}", error.message));
        }
    }

    fn healed(&self, done: &[Healed]) -> Result<(), Failure> {
        for healed in done {
            // What is only said to be done is for whoever tries it.
            if !matches!(healed.outcome, crate::health::Outcome::WouldRestart(..)) {
                self.herald.healed(&self.host, healed);
            }
        }
        self.print(&done.iter().map(|healed| Line::of_healed(&self.host, healed)).collect::<Vec<_>>())
    }

    fn swept(&mut self, done: Result<Swept, EngineError>) -> Result<(), Failure> {
        match done {
            Ok(swept) => {
                self.complaint = None;
                self.print(&Line::of_swept(&self.host, &swept, Timestamp::now()))
            }
            Err(error) => {
                if self.complaint.as_ref() != Some(&error) {
                    tell(&format!("ondeck: what sessions left could not be removed: {error}"));
                }
                self.complaint = Some(error);
                Ok(())
            }
        }
    }

    /// Tells of labels about healing that say neither yes nor no.
    fn labels(&mut self, snap: &Snapshot) {
        let odd = |c: &&Arc<crate::engine::model::Container>| wanted(c, &self.heal).is_none();
        for container in snap.containers.values().filter(odd) {
            if self.odd.insert(container.name.clone()) {
                let label = container.labels.get(HEAL_LABEL).map(String::as_str).unwrap_or_default();
                let (name, label) = (clean(&container.name), clean(label));
                tell(&format!("ondeck: {name} is not healed: its label {HEAL_LABEL} is `{label}`, not true or false"));
            }
        }
    }

    fn print(&self, lines: &[Line]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        for line in lines {
            if self.json {
                let json = serde_json::to_string(line).map_err(|e| Failure::Told(e.to_string()))?;
                writeln!(out, "{json}")?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

/// Restarts what is due, whenever something changes or is due.
async fn heal(
    mut healer: Healer,
    mut reports: watch::Receiver<Arc<Report>>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    tx: mpsc::Sender<Vec<Healed>>,
) {
    let mut complaint = None;
    loop {
        let report = reports.borrow_and_update().clone();
        let snap = snapshots.borrow().clone();
        let mut again = None;
        if report.taken != Timestamp::default() && snap.cannot_write().is_none() {
            match healer.treat(&snap, &report).await {
                Ok((done, due)) => {
                    complaint = None;
                    again = due;
                    if !done.is_empty() && tx.send(done).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    if complaint.as_ref() != Some(&error) {
                        tell(&format!("ondeck: nothing is restarted: {}\n  {}", error.message, error.hint));
                    }
                    complaint = Some(error);
                    again = Some(Timestamp::now() + MINUTE);
                }
            }
        }
        tokio::select! {
            changed = reports.changed() => if changed.is_err() { return },
            () = sleep(again.map_or(MINUTE, until)), if again.is_some() => {}
        }
    }
}

/// Looks once, and does what is due.
async fn once(watch: &mut Watch, host: &Host, monitor: &Monitor, healer: Option<Healer>) -> Result<ExitCode, Failure> {
    let mut reports = monitor.reports();
    let first = reports.wait_for(|report| report.taken != Timestamp::default()).await;
    let report = first.map(|report| report.clone()).map_err(|_| Failure::Told("nobody looks any more".to_owned()))?;
    let snap = host.snapshots().borrow().clone();
    watch.labels(&snap);
    watch.take(&report).await?;
    if let Some(error) = report.unknown.clone().filter(|_| snap.cannot_write().is_some()) {
        return Err(error.into());
    }
    if let Some(mut healer) = healer {
        let (done, _) = healer
            .treat(&snap, &report)
            .await
            .map_err(|e| Failure::Told(format!("nothing is restarted: {}\n  {}", e.message, e.hint)))?;
        watch.healed(&done)?;
    }
    watch.swept(sessions::sweep(host.engine()).await)?;
    Ok(ExitCode::SUCCESS)
}
