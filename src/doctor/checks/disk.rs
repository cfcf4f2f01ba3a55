//! Room for the engine's data, what would make more, and logs that grow without an end.

use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt;

use crate::engine::model::{Container, DiskUse};
use crate::text::{shell::quote, size};

use super::super::scene::{Needs, Scene};
use super::{Entry, Found, SOON, some};

/// How old build cache is that `--fix` may remove.
pub(in crate::doctor) const CACHE_AGE: &str = "24h";
/// How long the engine may take to add up what it has; it measures every volume for it.
const MEASURE: Duration = Duration::from_secs(4);
const G: u64 = 1 << 30;
/// Build cache below this is not worth a word.
const WORTH: u64 = 100 << 20;
/// A log that is larger should have a limit.
const LARGE: u64 = 500 << 20;

pub(super) const CHECKS: &[Entry] = &[
    Entry {
        code: "DISK",
        title: "room for the engine's data",
        needs: Needs::Info,
        patience: SOON,
        look: |scene| disk_of(scene).boxed(),
    },
    Entry {
        code: "LOGS",
        title: "the logs of containers",
        needs: Needs::Info,
        patience: SOON,
        look: |scene| logs_of(scene).boxed(),
    },
];

/// How full the file system is that the engine's data is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Room {
    free: u64,
    size: u64,
    /// Files that can still be made, and all; nothing where the file system does not count them.
    inodes: Option<(u64, u64)>,
}

/// A container's log and how large it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LogSize {
    name: String,
    bytes: u64,
    /// Whether it has a limit, and one that is reached is thrown away.
    bounded: bool,
}

#[derive(Default)]
struct DiskFacts {
    dir: String,
    room: Option<Room>,
    /// Why the room cannot be seen.
    hidden: String,
    used: Option<DiskUse>,
    largest: Option<LogSize>,
}

async fn disk_of(scene: &Scene) -> Found {
    let Ok(known) = scene.info().await else { return Found::skipped("the engine does not say where its data is") };
    let dir = known.engine.root_dir.clone();
    let measure = async { scene.engine().ok()?.disk_use().await.ok() };
    let measured = tokio::time::timeout(MEASURE, measure);
    let (room, hidden) = match scene.elsewhere(known) {
        Some(why) => (None, why),
        None => match room(scene.machine.at(&dir)).await {
            Ok(room) => (Some(room), String::new()),
            Err(e) => (None, format!("{dir}: {e}")),
        },
    };
    let largest = if room.is_some() { logs(scene, &dir).await.ok().and_then(|l| l.into_iter().next()) } else { None };
    disk(&DiskFacts { dir, room, hidden, used: measured.await.ok().flatten(), largest })
}

async fn room(path: PathBuf) -> std::io::Result<Room> {
    let read = move || {
        let stat = rustix::fs::statvfs(&path)?;
        Ok(Room {
            free: stat.f_bavail * stat.f_frsize,
            size: stat.f_blocks * stat.f_frsize,
            inodes: (stat.f_files > 0).then_some((stat.f_favail, stat.f_files)),
        })
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}

impl Room {
    fn is_gone(&self) -> bool {
        self.free < G || (self.free * 50 < self.size && self.free < 20 * G) || self.inodes_below(1)
    }

    fn is_little(&self) -> bool {
        self.free < 5 * G || (self.free * 10 < self.size && self.free < 50 * G) || self.inodes_below(5)
    }

    fn inodes_below(&self, percent: u64) -> bool {
        self.inodes.is_some_and(|(free, all)| free * 100 < all * percent)
    }
}

fn disk(facts: &DiskFacts) -> Found {
    let mut freed = Vec::new();
    let used = facts.used.clone().unwrap_or_default();
    for (bytes, what) in [
        (used.build_cache_reclaimable, "build cache"),
        (used.images_reclaimable, "images that no container uses"),
        (used.containers_reclaimable, "containers that do not run"),
    ] {
        if bytes >= WORTH {
            freed.push(format!("{} of {what}", size(bytes)));
        }
    }
    let could = match (&facts.used, freed.is_empty()) {
        (None, _) => "; what could be freed was not measured in time".to_owned(),
        (_, true) => String::new(),
        _ => format!("; could be freed: {}", freed.join(", ")),
    };
    let Some(room) = facts.room else {
        return Found::skipped(format!("how full the disk is cannot be seen: {}{could}", facts.hidden));
    };
    let inodes = match room.inodes {
        Some((free, all)) if room.inodes_below(5) => format!(", and {free} of {all} files can still be made"),
        _ => String::new(),
    };
    let log = match &facts.largest {
        Some(log) if log.bytes >= WORTH => format!("; the log of {} has {}", log.name, size(log.bytes)),
        _ => String::new(),
    };
    let said = format!("{} of {} are left at {}{inodes}{could}{log}", size(room.free), size(room.size), facts.dir);
    if !room.is_little() {
        return Found::ok(said);
    }
    let found = if room.is_gone() { Found::fail(said) } else { Found::warn(said) };
    let mut words = Vec::new();
    if used.images_reclaimable >= WORTH {
        words.push(format!(
            "docker image prune --all removes images that no container uses ({})",
            size(used.images_reclaimable)
        ));
    }
    if used.containers_reclaimable >= WORTH {
        words.push(format!("docker container prune removes what does not run ({})", size(used.containers_reclaimable)));
    }
    if let Some(log) = facts.largest.as_ref().filter(|log| log.bytes >= WORTH && !log.bounded) {
        words.push(format!("--log-opt max-size=10m (compose: logging.options) keeps the log of {} small", log.name));
    }
    words.push("volumes are never pruned by us".to_owned());
    if used.build_cache_reclaimable >= WORTH {
        words.insert(0, format!("remove build cache that nothing used for {CACHE_AGE}"));
        return found
            .mend(words.join("; "))
            .by(format!("docker builder prune --force --filter until={CACHE_AGE}"))
            .harmless();
    }
    if used.images_reclaimable >= WORTH {
        return found.mend(words.join("; ")).by("docker image prune --all");
    }
    words.insert(0, format!("find what fills it: sudo du -xh --max-depth=2 {} | sort -h | tail", quote(&facts.dir)));
    found.mend(words.join("; "))
}

async fn logs_of(scene: &Scene) -> Found {
    let Ok(known) = scene.info().await else { return Found::skipped("the engine does not say where its data is") };
    if let Some(why) = scene.elsewhere(known) {
        return Found::skipped(format!("their sizes cannot be seen: {why}"));
    }
    let driver = known.raw["LoggingDriver"].as_str().unwrap_or_default().to_owned();
    judge_logs(&logs(scene, &known.engine.root_dir).await, &driver)
}

/// The logs of containers that are kept as files of JSON, the largest first.
async fn logs(scene: &Scene, root: &str) -> Result<Vec<LogSize>, String> {
    let dir = scene.machine.at(root).join("containers");
    let shown = dir.display().to_string();
    let listed = move || -> std::io::Result<Vec<(String, u64)>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(dir)?.flatten() {
            let files = std::fs::read_dir(entry.path()).into_iter().flatten().flatten();
            let own = files.filter(|f| f.file_name().to_string_lossy().contains("-json.log"));
            let bytes = own.filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum::<u64>();
            all.push((entry.file_name().to_string_lossy().into_owned(), bytes));
        }
        all.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        Ok(all)
    };
    let listed = tokio::task::spawn_blocking(listed).await.map_err(|e| e.to_string())?;
    let listed = listed.map_err(|e| match e.kind() {
        std::io::ErrorKind::PermissionDenied => "only root may see them: sudo ondeck doctor".to_owned(),
        _ => format!("{shown}: {e}"),
    })?;
    let containers = scene.containers().await.map_err(|e| e.message)?;
    let mut all = Vec::new();
    for (id, bytes) in listed.into_iter().take(3) {
        // One that is just being made or removed is in no listing.
        let Some(container) = containers.iter().find(|c| *c.id == *id) else { continue };
        all.push(LogSize { name: container.name.clone(), bytes, bounded: bounded(scene, container).await });
    }
    Ok(all)
}

async fn bounded(scene: &Scene, container: &Container) -> bool {
    let Ok(engine) = scene.engine() else { return false };
    match engine.inspect(&container.id).await {
        Ok(seen) => seen.raw["HostConfig"]["LogConfig"]["Config"]["max-size"].as_str().is_some(),
        Err(_) => false,
    }
}

fn judge_logs(logs: &Result<Vec<LogSize>, String>, driver: &str) -> Found {
    let logs = match logs {
        Ok(logs) => logs,
        Err(why) => return Found::skipped(why),
    };
    let large: Vec<&LogSize> = logs.iter().filter(|log| log.bytes >= LARGE && !log.bounded).collect();
    let Some(first) = large.first() else {
        let largest = logs.first().filter(|log| log.bytes > 0);
        return Found::ok(match largest {
            Some(log) => format!("the largest is that of {} with {}", log.name, size(log.bytes)),
            None => format!("none that takes room ({driver})"),
        });
    };
    let told = large.iter().map(|log| format!("{} has {}", log.name, size(log.bytes))).collect();
    Found::warn(format!("logs without a limit: {}", some(told, 3)))
        .mend(format!(
            "make {} anew with --log-opt max-size=10m --log-opt max-file=3 (compose: logging: {{options: {{max-size: 10m, max-file: \"3\"}}}}); for all new containers: \"log-opts\" in /etc/docker/daemon.json",
            first.name
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    fn facts(free: u64, all: u64, used: DiskUse) -> DiskFacts {
        let room = Some(Room { free, size: all, inodes: Some((900, 1000)) });
        DiskFacts { dir: "/var/lib/docker".into(), room, used: Some(used), ..DiskFacts::default() }
    }

    #[test]
    fn what_frees_room_is_named_when_there_is_little() {
        let used = DiskUse { build_cache_reclaimable: 9 * G, images_reclaimable: 3 * G, ..DiskUse::default() };
        let found = disk(&facts(80 * G, 250 * G, used.clone()));
        assert_eq!((found.outcome, found.fix), (Outcome::Ok, None));
        let found = disk(&facts(4 * G, 250 * G, used.clone()));
        assert_eq!(found.outcome, Outcome::Fail, "less than a fiftieth");
        assert!(
            found.evidence.starts_with("4.0G of 250G are left at /var/lib/docker; could be freed: 9.0G of build cache")
        );
        let fix = found.fix.unwrap_or_else(|| unreachable!());
        assert_eq!(fix.command.as_deref(), Some("docker builder prune --force --filter until=24h"));
        assert!(
            fix.harmless && fix.words.contains("docker image prune --all") && fix.words.contains("volumes are never")
        );
        let found = disk(&facts(4 * G, 20 * G, DiskUse { images_reclaimable: G, ..DiskUse::default() }));
        assert_eq!(found.outcome, Outcome::Warn);
        assert!(found.fix.is_some_and(|f| !f.harmless && f.command.as_deref() == Some("docker image prune --all")));
        let found = disk(&facts(G / 2, 20 * G, DiskUse::default()));
        assert!(found.fix.is_some_and(|f| !f.harmless && f.command.is_none() && f.words.contains("du -xh")));
    }

    #[test]
    fn files_run_out_before_bytes_do() {
        let mut full = facts(80 * G, 250 * G, DiskUse::default());
        full.room = Some(Room { free: 80 * G, size: 250 * G, inodes: Some((5, 1000)) });
        let found = disk(&full);
        assert!(found.outcome == Outcome::Fail && found.evidence.contains("5 of 1000 files"), "{found:?}");
        // btrfs counts none.
        full.room = Some(Room { free: 80 * G, size: 250 * G, inodes: None });
        assert_eq!(disk(&full).outcome, Outcome::Ok);
    }

    #[test]
    fn what_is_elsewhere_is_skipped_but_not_what_the_engine_says() {
        let mut far = facts(1, 1, DiskUse { images_reclaimable: 3 * G, ..DiskUse::default() });
        (far.room, far.hidden) = (None, "the engine is at ssh://web".into());
        let found = disk(&far);
        assert_eq!(found.outcome, Outcome::Skipped);
        assert!(found.evidence.contains("ssh://web; could be freed: 3.0G of images"), "{}", found.evidence);
        far.used = None;
        assert!(disk(&far).evidence.ends_with("was not measured in time"));
    }

    #[test]
    fn large_logs_without_a_limit_are_named() {
        let log = |name: &str, bytes, bounded| LogSize { name: name.into(), bytes, bounded };
        let found =
            judge_logs(&Ok(vec![log("web", 2 * G, false), log("db", G, true), log("x", 9, false)]), "json-file");
        assert_eq!((found.outcome, found.evidence.as_str()), (Outcome::Warn, "logs without a limit: web has 2.0G"));
        assert!(found.fix.is_some_and(|f| f.words.contains("make web anew with --log-opt max-size=10m")));
        assert_eq!(judge_logs(&Ok(vec![log("db", G, true)]), "json-file").outcome, Outcome::Ok);
        assert_eq!(judge_logs(&Ok(vec![]), "journald"), Found::ok("none that takes room (journald)"));
        assert_eq!(judge_logs(&Err("only root".into()), "x").outcome, Outcome::Skipped);
    }
}
