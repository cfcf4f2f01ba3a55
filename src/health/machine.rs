//! What this machine's own files tell of the containers of an engine that is here: limits, room, zombies, log files.
//! It is read beside the engine's answers, and costs a few file reads a container.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::statvfs;

use crate::engine::model::{Container, Id};
use crate::fleet::{Strain, container_in, strains};
use crate::text::clean;

/// How long between two readings of what is doubtful.
pub(super) const WINDOW: Duration = Duration::from_millis(600);
/// Zombies of a container from which on somebody forgets to reap.
pub(super) const MANY_ZOMBIES: usize = 5;
/// Bytes of log a second that no disk bears for long.
pub(super) const FLOOD: u64 = 256 << 10;
/// Where engines keep their data unless they are told otherwise.
pub(super) const USUAL: &str = "/var/lib/docker";
/// A log file of this size is looked at for its growth.
const GROWN: u64 = 1 << 20;

/// A file system within a container that has no room left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Full {
    /// Where it is mounted in the container.
    pub target: String,
    /// `tmpfs`, `ext4`...
    pub kind: String,
    /// How large it is.
    pub size: u64,
    /// Whether it has room, but no more files can be made.
    pub inodes: bool,
    /// Its device; what is on the host's own disk is the host's trouble.
    device: u64,
}

impl Full {
    /// One that is full, for tests.
    #[cfg(test)]
    pub(super) fn of(target: &str, kind: &str, size: u64) -> Self {
        Self { target: target.into(), kind: kind.into(), size, inodes: false, device: 0 }
    }
}

/// A container's log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LogFile {
    /// How large it is.
    pub bytes: u64,
    /// How fast it grew just now.
    pub per_second: u64,
}

/// What this machine tells of one container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Local {
    /// What holds it back.
    pub strain: Strain,
    /// Periods just now in which its limit of processor time held it back, of how many in which it wanted any.
    pub held: Option<(u64, u64)>,
    /// Processes of it that ended and that nobody reaped, by number, with their names.
    pub zombies: BTreeMap<u32, String>,
    /// Where it has no room left.
    pub full: Vec<Full>,
    /// Its log file.
    pub log: Option<LogFile>,
}

impl Local {
    /// Whether something of it wants a closer look.
    pub(super) fn is_notable(&self) -> bool {
        let near = self.strain.memory.is_some_and(|(used, limit)| is_near(used, limit));
        near || self.strain.oom_kills > 0 || !self.full.is_empty() || self.is_doubtful()
    }

    /// Whether one reading is not enough to tell.
    fn is_doubtful(&self) -> bool {
        self.zombies.len() >= MANY_ZOMBIES
            || self.log.is_some_and(|log| log.bytes >= GROWN && log.per_second > 0)
            || self.strain.throttled * 4 > self.strain.periods && self.strain.periods > 0
    }
}

/// Whether hardly any memory is left.
pub(super) const fn is_near(used: u64, limit: u64) -> bool {
    used >= limit / 10 * 9
}

/// Room on the disk that holds the engine's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk {
    /// Where.
    pub dir: PathBuf,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
}

/// What was read of this machine.
#[derive(Debug)]
pub(super) struct Machine {
    /// Running containers, of whichever engine.
    pub containers: HashMap<Id, Local>,
    /// Where the engine keeps its data; empty while that is not known.
    root: PathBuf,
    /// The disk of it.
    pub disk: Option<Disk>,
    taken: Instant,
}

impl Machine {
    /// Reads all that needs no word of an engine; `None` where this machine's control groups cannot be read.
    pub(super) fn read() -> Option<Self> {
        let mut containers: HashMap<Id, Local> =
            strains()?.into_iter().map(|(id, strain)| (id, Local { strain, ..Local::default() })).collect();
        if containers.values().any(|l| l.strain.unreaped >= MANY_ZOMBIES as u64) {
            for (id, (pid, name)) in zombies() {
                if let Some(local) = containers.get_mut(id.as_str()) {
                    local.zombies.insert(pid, name);
                }
            }
        }
        let mut rooms = HashMap::new();
        for local in containers.values_mut().filter(|l| l.strain.shared > 0) {
            local.full = local.strain.pid.map(|pid| full(pid, &mut rooms)).unwrap_or_default();
        }
        Some(Self { containers, root: PathBuf::new(), disk: None, taken: Instant::now() })
    }

    /// Whether an engine that knows one of these containers has its data at `root`.
    pub(super) fn keeps<'a>(&self, root: &Path, mut ids: impl Iterator<Item = &'a Id>) -> bool {
        ids.any(|id| self.containers.contains_key(id) && root.join("containers").join(&**id).is_dir())
    }

    /// Reads what lies where the engine keeps its data, and where its containers mount something.
    pub(super) fn enter(&mut self, root: &Path, listed: &[Arc<Container>]) {
        root.clone_into(&mut self.root);
        self.disk = room(root).map(|(free, size, _)| Disk { dir: root.to_owned(), free, size });
        let own = rustix::fs::stat(root).map(|stat| stat.st_dev).ok();
        for container in listed {
            let Some(local) = self.containers.get_mut(&container.id) else { continue };
            for mount in container.mounts.iter().filter(|m| m.writable && !m.source.is_empty()) {
                let Ok(stat) = rustix::fs::stat(&mount.source) else { continue };
                let known = local.full.iter().any(|f| f.device == stat.st_dev);
                // What is on the host's own disk is the host's trouble.
                if Some(stat.st_dev) == own || known {
                    continue;
                }
                if let Some((size, inodes)) = room(Path::new(&mount.source)).and_then(is_full) {
                    let (target, kind) = (mount.target.clone(), mount.kind.clone());
                    local.full.push(Full { target, kind, size, inodes, device: stat.st_dev });
                }
            }
            let Ok(meta) = std::fs::metadata(log_path(root, &container.id)) else { continue };
            let lately = meta.modified().ok().and_then(|m| m.elapsed().ok()).is_some_and(|age| age.as_secs() < 2);
            local.log = Some(LogFile { bytes: meta.len(), per_second: u64::from(lately) });
        }
        for local in self.containers.values_mut() {
            local.full.retain(|full| Some(full.device) != own);
        }
    }

    /// Whether a second reading is needed, and how long from now it should be made.
    pub(super) fn doubtful(&self) -> Option<Duration> {
        let any = self.containers.values().any(Local::is_doubtful);
        any.then(|| WINDOW.saturating_sub(self.taken.elapsed()))
    }

    /// Reads once more what one reading could not tell.
    pub(super) fn again(&mut self) {
        let seconds = self.taken.elapsed().as_secs_f64().max(0.001);
        let now = strains().unwrap_or_default();
        let mut still: HashMap<Id, BTreeMap<u32, String>> = HashMap::new();
        if self.containers.values().any(|l| l.zombies.len() >= MANY_ZOMBIES) {
            for (id, (pid, name)) in zombies() {
                still.entry(id.into()).or_default().insert(pid, name);
            }
        }
        for (id, local) in &mut self.containers {
            if let Some(after) = now.get(id) {
                let since = |after: u64, before: u64| after.saturating_sub(before);
                local.held =
                    Some((since(after.throttled, local.strain.throttled), since(after.periods, local.strain.periods)));
                local.strain = *after;
            }
            let after = still.remove(id).unwrap_or_default();
            local.zombies.retain(|pid, _| after.contains_key(pid));
            if let Some(log) = &mut local.log
                && log.per_second > 0
                && let Ok(meta) = std::fs::metadata(log_path(&self.root, id))
            {
                // A file that is smaller than before was begun anew.
                let grown = meta.len().checked_sub(log.bytes).unwrap_or(meta.len());
                log.per_second = (grown as f64 / seconds) as u64;
                log.bytes = meta.len();
            }
        }
    }
}

fn log_path(root: &Path, id: &str) -> PathBuf {
    root.join("containers").join(id).join(format!("{id}-json.log"))
}

/// Bytes that are free, bytes in all, and whether no more files can be made.
fn room(path: &Path) -> Option<(u64, u64, bool)> {
    let stat = statvfs(path).ok()?;
    Some((stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize, stat.f_files > 0 && stat.f_ffree == 0))
}

/// Processes of this machine that ended and were not reaped, with the container that their parent is in.
fn zombies() -> Vec<(String, (u32, String))> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((name, parent)) = zombie(&stat) else { continue };
        let groups = std::fs::read_to_string(format!("/proc/{parent}/cgroup")).unwrap_or_default();
        if let Some(id) = container_in(&groups) {
            found.push((id.to_owned(), (pid, name)));
        }
    }
    found
}

/// Name and parent of a process that is a zombie, from its `/proc/PID/stat`.
fn zombie(stat: &str) -> Option<(String, u32)> {
    // The name may hold brackets and blanks.
    let (before, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    if fields.next()? != "Z" {
        return None;
    }
    let (_, name) = before.split_once('(')?;
    Some((clean(name).into_owned(), fields.next()?.parse().ok()?))
}

/// Where a process's container has no room left.
fn full(pid: u32, rooms: &mut HashMap<u64, Option<(u64, u64, bool)>>) -> Vec<Full> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let text = std::fs::read_to_string(proc.join("mountinfo")).unwrap_or_default();
    let mut found = Vec::new();
    for (device, target, kind) in text.lines().filter_map(mount) {
        let path = proc.join("root").join(target.trim_start_matches('/'));
        let room = *rooms.entry(device).or_insert_with(|| room(&path));
        if let Some((size, inodes)) = room.and_then(is_full) {
            found.push(Full {
                target: clean(&target).into_owned(),
                kind: clean(kind).into_owned(),
                size,
                inodes,
                device,
            });
        }
    }
    found
}

/// Of room that is used up: how large it is, and whether what lacks is room for more files.
const fn is_full((free, size, no_files): (u64, u64, bool)) -> Option<(u64, bool)> {
    let used_up = free < size / 50;
    if size > 0 && (used_up || no_files) { Some((size, !used_up)) } else { None }
}

/// Device, target and kind of a mount that can be written and whose room is its own.
fn mount(line: &str) -> Option<(u64, String, &str)> {
    const ELSEWHERE: [&str; 9] =
        ["overlay", "proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "aufs", "fuse-overlayfs"];
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let kind = right.split(' ').next()?;
    let (target, options) = (unescape(left.get(4)?), left.get(5)?);
    let inner = ["/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
    let apart = inner.iter().any(|p| target == *p || target.starts_with(&format!("{p}/")));
    // `/dev` itself is the engine's.
    if apart || target == "/dev" || target == "/" || ELSEWHERE.contains(&kind) || options.split(',').any(|o| o == "ro")
    {
        return None;
    }
    let (major, minor) = left.get(2)?.split_once(':')?;
    Some((rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?), target, kind))
}

/// The kernel writes blanks and backslashes as three octal digits.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_zombie_is_told_from_its_stat_whatever_its_name() {
        assert_eq!(zombie("7 (a) b (c) Z 3 7 7 0"), Some(("a) b (c".to_owned(), 3)));
        assert_eq!(zombie("7 (sh) S 3 7 7 0"), None);
        assert_eq!(zombie(""), None);
    }

    #[test]
    fn mounts_with_room_of_their_own_are_told_from_the_engines() {
        let read = |line| mount(line).map(|(_, target, kind)| (target, kind.to_owned()));
        let tmpfs = "137 67 0:57 / /my\\040data rw,nosuid - tmpfs tmpfs rw,size=1024k";
        assert_eq!(read(tmpfs), Some(("/my data".to_owned(), "tmpfs".to_owned())));
        assert_eq!(read("1 2 8:1 /v /var/lib/db rw - ext4 /dev/sda1 rw").unwrap().0, "/var/lib/db");
        for other in [
            "1 2 0:48 / / rw - overlay overlay rw",
            "1 2 0:50 / /dev rw,nosuid - tmpfs tmpfs rw",
            "1 2 0:56 / /sys/firmware ro - tmpfs tmpfs ro",
            "1 2 0:58 / /data ro,relatime - tmpfs tmpfs rw",
            "1 2 254:0 /x /etc/hosts rw - ext4 /dev/vda rw",
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn the_second_reading_is_for_what_the_first_cannot_tell() {
        let calm = Local { strain: Strain { periods: 100, throttled: 20, ..Strain::default() }, ..Local::default() };
        assert!(!calm.is_notable());
        let held = Local { strain: Strain { periods: 100, throttled: 30, ..Strain::default() }, ..Local::default() };
        assert!(held.is_doubtful() && held.is_notable());
        let near = Local { strain: Strain { memory: Some((95, 100)), ..Strain::default() }, ..Local::default() };
        assert!(near.is_notable() && !near.is_doubtful());
    }
}
