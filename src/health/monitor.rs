//! Health that goes on: looks again when Docker changes and every so often, keeps the history.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::config;
use crate::engine::{Engine, EngineError, ErrorKind};
use crate::fleet::{Host, Link, Listing, Snapshot};
use crate::store::{Store, StoreError};

use super::look::{Picture, look_again};
use super::{Prober, Report, Verdict, history};

/// So long changes are gathered before one looks again.
const GATHER: Duration = Duration::from_secs(1);
/// A look takes at most this share of the time, however much changes: one part in so many.
const SHARE: u32 = 5;
/// How often it is written down that somebody looks.
const WATCHED: Duration = Duration::from_mins(1);

/// Looks at a host again and again. Dropping it ends that.
#[derive(Debug)]
pub struct Monitor {
    reports: watch::Receiver<Arc<Report>>,
    troubles: watch::Receiver<Option<StoreError>>,
    stores: watch::Sender<Option<Store>>,
    task: JoinHandle<()>,
}

impl Monitor {
    /// Begins to look at `host`. A report that says the same as the one before is not published. The first that is
    /// there is empty, with a time of 1970.
    pub fn open(host: &Host, config: config::Health) -> Self {
        let name = host.snapshots().borrow().host.clone();
        let (tx, reports) = watch::channel(Arc::new(Report { host: name, ..Report::default() }));
        let (stores, kept_in) = watch::channel(None);
        let (told, troubles) = watch::channel(None);
        let looker = Looker {
            engine: host.engine().clone(),
            snapshots: host.snapshots(),
            config,
            prober: Prober::default(),
            last: None,
            looked_at: None,
            kept_in,
            told,
            tx,
        };
        Self { reports, troubles, stores, task: tokio::spawn(looker.run()) }
    }

    /// From now on what is seen is kept in a history, and reports say since when things are so by it.
    pub fn keep_in(&self, store: Store) {
        self.keeper()(store);
    }

    /// The same for whoever has the history only later.
    pub fn keeper(&self) -> impl FnOnce(Store) + Send + 'static {
        let stores = self.stores.clone();
        move |store| {
            stores.send_replace(Some(store));
        }
    }

    /// The reports as they change.
    pub fn reports(&self) -> watch::Receiver<Arc<Report>> {
        self.reports.clone()
    }

    /// What is wrong with the history, as it changes; `None` while it can be written.
    pub fn troubles(&self) -> watch::Receiver<Option<StoreError>> {
        self.troubles.clone()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Looker {
    engine: Engine,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    config: config::Health,
    prober: Prober,
    /// The newest report, also when it was not published.
    last: Option<Arc<Report>>,
    /// The snapshot it is of.
    looked_at: Option<Arc<Snapshot>>,
    kept_in: watch::Receiver<Option<Store>>,
    told: watch::Sender<Option<StoreError>>,
    tx: watch::Sender<Arc<Report>>,
}

impl Looker {
    async fn run(mut self) {
        // The first look comes as soon as there is something to see.
        let mut at = Some(Instant::now());
        let mut watched = Instant::now() + WATCHED;
        let mut begun = false;
        let (mut looked, mut took) = (Instant::now(), Duration::ZERO);
        loop {
            let due = at.unwrap_or_else(|| self.due(looked, took));
            tokio::select! {
                changed = self.snapshots.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let snap = self.snapshots.borrow_and_update().clone();
                    if self.looked_at.as_ref().is_none_or(|before| matters(before, &snap)) {
                        let soon = Instant::now() + GATHER.max(took * SHARE);
                        // From a state in which nothing is known one comes at once.
                        let first = self.last.is_none();
                        at = Some(if first { Instant::now() } else { at.map_or(soon, |at| at.min(soon)) });
                    }
                }
                // Whoever gives a history wants it to be filled at once.
                changed = self.kept_in.changed() => match changed {
                    Ok(()) => at = Some(Instant::now()),
                    // Only the handle can give one, and its end is ours.
                    Err(_) => return,
                },
                () = sleep_until(due) => {
                    at = None;
                    let began = Instant::now();
                    let snap = self.snapshots.borrow_and_update().clone();
                    if self.look(snap).await {
                        took = began.elapsed();
                    }
                    looked = Instant::now();
                    // The first time comes with the first look, and with a history that comes later.
                    if !begun && self.watches().await {
                        begun = true;
                        watched = Instant::now() + WATCHED;
                    }
                }
                () = sleep_until(watched) => {
                    watched = Instant::now() + WATCHED;
                    begun |= self.watches().await;
                }
            }
        }
    }

    /// When one looks again though nothing changed. It counts from the last look: snapshots come more often.
    fn due(&self, looked: Instant, took: Duration) -> Instant {
        let usual = looked + self.config.interval.0;
        let least = looked + GATHER.max(took * SHARE);
        let probes = self.prober.due().map_or(usual, Instant::from_std);
        // While nothing can be seen, the snapshot's next change is what counts.
        let seeing = self.last.as_deref().is_some_and(history::is_whole);
        if seeing { usual.min(probes.max(least)) } else { usual }
    }

    /// Looks; answers whether there was something to look at.
    async fn look(&mut self, snap: Arc<Snapshot>) -> bool {
        if let Link::Down { error, .. } = &snap.link {
            self.lost(&snap, error.clone());
            return false;
        }
        match &snap.listings.containers {
            Listing::Loading => return false,
            Listing::Refused(why) => {
                self.lost(&snap, EngineError::new(ErrorKind::Forbidden, why));
                return false;
            }
            Listing::Ready => {}
        }
        let ready = |listing: &Listing| *listing == Listing::Ready;
        let mut picture = Picture::of(&snap);
        picture.networks = picture.networks.filter(|_| ready(&snap.listings.networks));
        picture.images = picture.images.filter(|_| ready(&snap.listings.images));
        let before = self.last.as_deref().filter(|r| r.taken != Timestamp::default());
        let mut report = look_again(&self.engine, &picture, before, &self.config, &mut self.prober).await;
        self.looked_at = Some(snap);
        let store = self.kept_in.borrow_and_update().clone();
        if let Some(store) = store {
            let kept = history::keep(&store, &mut report).await;
            self.tell(kept.err());
        }
        self.publish(report);
        true
    }

    /// The engine cannot be asked: what was known stays, and says so.
    fn lost(&mut self, snap: &Arc<Snapshot>, error: EngineError) {
        self.looked_at = Some(snap.clone());
        let known = self.last.as_deref().cloned().unwrap_or_default();
        self.publish(Report { host: snap.host.clone(), taken: Timestamp::now(), unknown: Some(error), ..known });
    }

    fn publish(&mut self, report: Report) {
        let report = Arc::new(report);
        let published = self.tx.borrow().clone();
        if published.taken == Timestamp::default() || !same(&published, &report) {
            self.tx.send_replace(report.clone());
        }
        self.last = Some(report);
    }

    /// Writes down that somebody looks, unless there is nothing to see.
    async fn watches(&self) -> bool {
        let seeing = self.last.as_ref().filter(|r| history::is_whole(r));
        let (Some(report), Some(store)) = (seeing, self.kept_in.borrow().clone()) else { return false };
        let kept = store.health_watched(&report.host, Timestamp::now()).await;
        let well = kept.is_ok();
        self.tell(kept.err());
        well
    }

    fn tell(&self, trouble: Option<StoreError>) {
        self.told.send_if_modified(|told| {
            let changed = *told != trouble;
            *told = trouble;
            changed
        });
    }
}

/// Whether something else may be said of `after` than of `before`. Statistics and events alone are no reason to look.
fn matters(before: &Snapshot, after: &Snapshot) -> bool {
    let link = |snap: &Snapshot| std::mem::discriminant(&snap.link);
    link(before) != link(after)
        || before.listings.containers != after.listings.containers
        || !alike(&before.containers, &after.containers)
        || !alike(&before.networks, &after.networks)
        || before.images.len() != after.images.len()
}

/// Whether two lists have the same things: mostly they are the very same.
fn alike<K: Ord, V: PartialEq>(
    a: &std::collections::BTreeMap<K, Arc<V>>,
    b: &std::collections::BTreeMap<K, Arc<V>>,
) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((ka, va), (kb, vb))| ka == kb && (Arc::ptr_eq(va, vb) || va == vb))
}

/// Whether two reports say the same. That an answer took a little longer is no news.
fn same(a: &Report, b: &Report) -> bool {
    let quick = |v: &Verdict| Verdict { latency_seconds: None, ..v.clone() };
    let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 0.05 + a.max(b) / 2.0,
        (a, b) => a == b,
    };
    let verdicts = |a: &Report, b: &Report| {
        a.containers.len() == b.containers.len()
            && a.containers
                .iter()
                .zip(&b.containers)
                .all(|(a, b)| near(a.latency_seconds, b.latency_seconds) && quick(a) == quick(b))
    };
    a.host == b.host
        && a.level == b.level
        && a.stacks == b.stacks
        && a.findings == b.findings
        && a.unknown == b.unknown
        && verdicts(a, b)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::model::{Container, State};
    use crate::engine::{Address, Endpoint};
    use crate::health::Level;

    fn snap() -> Snapshot {
        let mut snap = Snapshot { link: Link::Up, ..Snapshot::default() };
        for name in ["a", "b"] {
            let container = Container { id: name.into(), state: State::Running, ..Container::default() };
            snap.containers.insert(name.into(), Arc::new(container));
        }
        snap
    }

    #[test]
    fn usage_and_events_are_no_reason_to_look_again() {
        let before = snap();
        let mut after = before.clone();
        after.usage = Arc::new([("a".into(), Arc::default())].into());
        after.events = Arc::new(std::collections::VecDeque::new());
        assert!(!matters(&before, &after) && !matters(&before, &snap()), "the same once more is nothing new");
        after.containers.insert("a".into(), Arc::default());
        assert!(matters(&before, &after));
        let mut down = before.clone();
        down.link = Link::Down {
            since: Timestamp::default(),
            error: EngineError::new(ErrorKind::Unreachable, "gone"),
            attempts: 1,
            retry_at: Timestamp::default(),
        };
        assert!(matters(&before, &down) && matters(&down, &before));
        let mut later = down.clone();
        if let Link::Down { attempts, .. } = &mut later.link {
            *attempts = 2;
        }
        assert!(!matters(&down, &later), "another attempt is nothing new");
    }

    #[tokio::test]
    async fn one_looks_again_however_often_statistics_come() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("engine.sock");
        let engine = tokio::net::UnixListener::bind(&socket).unwrap();
        let endpoint =
            Endpoint { name: "here".to_owned(), address: Address::Unix(socket), tls: None, source: "test".to_owned() };
        let mut now = snap();
        now.listings.containers = Listing::Ready;
        let (snaps, snapshots) = watch::channel(Arc::new(now.clone()));
        let (stores, kept_in) = watch::channel(None);
        let every = config::Period(Duration::from_millis(400));
        let looker = Looker {
            engine: Engine::connect(&endpoint).unwrap(),
            snapshots,
            config: config::Health { interval: every, ..config::Health::default() },
            prober: Prober::default(),
            last: None,
            looked_at: None,
            kept_in,
            told: watch::channel(None).0,
            tx: watch::channel(Arc::default()).0,
        };
        let looking = tokio::spawn(looker.run());
        // Each look asks this engine something, which only hangs up. Statistics come more often than looks are due.
        let mut asked = Vec::new();
        let looks_at_different_times = async {
            while asked.last().zip(asked.first()).is_none_or(|(l, f): (&Instant, &Instant)| *l - *f < every.0 * 5) {
                drop(engine.accept().await.unwrap());
                asked.push(Instant::now());
            }
        };
        let statistics = async {
            loop {
                now.usage = Arc::new([("a".into(), Arc::default())].into());
                snaps.send_replace(Arc::new(now.clone()));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let patience = Duration::from_mins(1);
        tokio::select! {
            () = looks_at_different_times => {}
            () = statistics => {}
            () = tokio::time::sleep(patience) => panic!("nobody looks again"),
        }
        looking.abort();
        drop(stores);
    }

    #[test]
    fn a_report_is_news_only_when_it_says_something_else() {
        let one = |level, latency| Report {
            containers: vec![Verdict { name: "web".into(), level, latency_seconds: latency, ..Verdict::default() }],
            ..Report::default()
        };
        let before = one(Level::Healthy, Some(0.010));
        let later = Report { taken: Timestamp::now(), ..one(Level::Healthy, Some(0.030)) };
        assert!(same(&before, &later));
        assert!(!same(&before, &one(Level::Healthy, Some(0.9))));
        assert!(!same(&before, &one(Level::Healthy, None)));
        assert!(!same(&before, &one(Level::Failing, Some(0.010))));
        let lost = EngineError::new(ErrorKind::Unreachable, "gone");
        assert!(!same(&before, &Report { unknown: Some(lost), ..before.clone() }));
    }
}
