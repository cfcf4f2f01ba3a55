//! One look at a host: what is suspicious is inspected, read and probed; then each container gets its verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config;
use crate::engine::Engine;
use crate::engine::model::{Container, EngineInfo, Id, Image, Network};
use crate::fleet::Snapshot;
use crate::text::size;

use super::machine::Disk;
use super::probe::Prober;
use super::relate::relate;
use super::{Finding, Layer, Level, Report, gather};

/// Bytes that are free on a disk that is not nearly full, however small it is.
const LEAST: u64 = 2 << 30;

/// What is known before one looks closer: listings, each `None` where it was not read or is refused.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// How the host is called.
    pub host: String,
    /// What the engine says of itself; asked for where it is needed.
    pub engine: Option<Arc<EngineInfo>>,
    /// Containers, running or not.
    pub containers: BTreeMap<Id, Arc<Container>>,
    /// Networks.
    pub networks: Option<BTreeMap<Id, Arc<Network>>>,
    /// Images.
    pub images: Option<BTreeMap<Id, Arc<Image>>>,
}

impl Picture {
    /// What a snapshot knows.
    pub fn of(snap: &Snapshot) -> Self {
        Self {
            host: snap.host.clone(),
            engine: snap.engine.clone(),
            containers: snap.containers.clone(),
            networks: Some(snap.networks.clone()),
            images: Some(snap.images.clone()),
        }
    }
}

/// Looks closer at what `picture` shows. `before` is the report of the last look, from which it is told what is new.
pub async fn look_at(engine: &Engine, picture: &Picture, before: Option<&Report>, config: &config::Health) -> Report {
    let now = Timestamp::now();
    let around = gather::around(engine, now).await;
    report(engine, picture, around, before, config, None, now).await
}

/// As [`look_at`], with probes made only when they are due.
pub(super) async fn look_again(
    engine: &Engine,
    picture: &Picture,
    before: Option<&Report>,
    config: &config::Health,
    prober: &mut Prober,
) -> Report {
    let now = Timestamp::now();
    let around = gather::around(engine, now).await;
    report(engine, picture, around, before, config, Some(prober), now).await
}

/// Lists, and looks: everything that `ondeck health` says of one engine. What cannot be told is in the report.
pub async fn look(engine: &Engine, host: &str, config: &config::Health) -> Report {
    let now = Timestamp::now();
    // The rest is read while the engine lists, and for nothing where it cannot be reached.
    let (listed, around) = tokio::join!(engine.containers(), gather::around(engine, now));
    match listed {
        Ok(containers) => {
            let containers = containers.into_iter().map(|c| (c.id.clone(), Arc::new(c))).collect();
            let picture = Picture { host: host.to_owned(), containers, ..Picture::default() };
            report(engine, &picture, around, None, config, None, now).await
        }
        Err(error) => Report { host: host.to_owned(), taken: now, unknown: Some(error), ..Report::default() },
    }
}

async fn report(
    engine: &Engine,
    picture: &Picture,
    around: gather::Around,
    before: Option<&Report>,
    config: &config::Health,
    prober: Option<&mut Prober>,
    now: Timestamp,
) -> Report {
    let mut gathered = gather::gather(engine, picture, around, before, config, prober, now).await;
    let unknown = gathered.unknown.take();
    let findings = gathered.disk.as_ref().and_then(host_disk).into_iter().collect();
    Report { host: picture.host.clone(), taken: now, unknown, ..relate(&gathered, findings, before) }
}

/// What is wrong with the disk that holds the engine's data.
fn host_disk(disk: &Disk) -> Option<Finding> {
    if disk.size == 0 || (disk.free >= disk.size / 10 && disk.free >= LEAST) {
        return None;
    }
    // With less than this nothing can be written any more.
    let level = if disk.free < 256 << 20 { Level::Failing } else { Level::Degraded };
    Some(Finding {
        code: "HOST_DISK",
        level,
        layer: Layer::Container,
        what: format!(
            "{} of {} are free where the engine keeps its data ({})",
            size(disk.free),
            size(disk.size),
            crate::text::clean(&disk.dir.to_string_lossy())
        ),
        why: "when nothing is left, containers cannot write and none can be started".to_owned(),
        todo: "docker system df shows what takes the room; docker builder prune and docker image prune free the most without losing data"
            .to_owned(),
        evidence: Vec::new(),
        since: None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_by_share_or_by_bytes() {
        let told = |free: u64, size: u64| {
            host_disk(&Disk { dir: "/var/lib/docker".into(), free: free << 20, size: size << 20 }).map(|f| f.level)
        };
        assert_eq!(told(50_000, 100_000), None);
        assert_eq!(told(9_000, 100_000), Some(Level::Degraded));
        assert_eq!(told(1_500, 4_000), Some(Level::Degraded));
        assert_eq!(told(100, 100_000), Some(Level::Failing));
        assert_eq!(told(0, 0), None);
    }
}
