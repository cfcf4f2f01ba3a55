//! What containers use, read from this host's own control groups: hundreds of containers a second cost
//! next to nothing, where the same from the engine costs it half a core.
//!
//! Files stay open and are read again from their beginning. The figures are those of `docker stats`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::engine::model::{Id, Sample};

/// Directories looked at for one container, at most.
pub(super) const SEARCHED: usize = 5000;
/// Readings before a container that was not found is looked for again.
const AGAIN: u32 = 5;

/// The control groups of this host.
#[derive(Debug)]
pub(super) struct Cgroups {
    root: PathBuf,
    proc: PathBuf,
    two: bool,
    known: HashMap<Id, Known>,
    memory_total: u64,
}

#[derive(Debug)]
enum Known {
    Files(Box<Files>),
    /// Not found; the figure counts down to the next search.
    Missing(u32),
}

#[derive(Debug)]
struct Files {
    cpu: File,
    memory: File,
    memory_stat: File,
    pids: Option<File>,
    io: Option<File>,
    /// Its limit can be changed while it runs.
    limit: Option<File>,
    procs: Option<File>,
    last: Sample,
}

impl Cgroups {
    /// Those of this machine, if it has any that can be read.
    pub(super) fn find() -> Option<Self> {
        Self::below(Path::new("/sys/fs/cgroup"), Path::new("/proc"))
    }

    /// Those below `root`.
    pub(super) fn below(root: &Path, proc: &Path) -> Option<Self> {
        let two = root.join("cgroup.controllers").exists();
        if !two && !root.join("memory").is_dir() {
            return None;
        }
        let memory_total = memory_info(proc).map_or(0, |(_, total)| total);
        Some(Self { root: root.to_owned(), proc: proc.to_owned(), two, known: HashMap::new(), memory_total })
    }

    /// Reads what `ids` use; of those in `shown` also processes, networks and block devices.
    /// What is not asked for is forgotten.
    pub(super) fn sample(&mut self, ids: &BTreeSet<Id>, shown: &BTreeSet<Id>) -> Vec<(Id, Sample)> {
        self.known.retain(|id, _| ids.contains(id));
        self.search(ids);
        let mut samples = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(Known::Files(files)) = self.known.get_mut(id) else { continue };
            match files.read(self.two, shown.contains(id), &self.proc, self.memory_total) {
                Some(sample) => samples.push((id.clone(), sample)),
                // Its group is gone: it stopped, or runs anew in another one.
                None => drop(self.known.insert(id.clone(), Known::Missing(0))),
            }
        }
        samples
    }

    /// How many of the containers asked for last could be read.
    pub(super) fn found(&self) -> usize {
        self.known.values().filter(|k| matches!(k, Known::Files(_))).count()
    }

    /// Looks for containers that are not known, all in one walk.
    fn search(&mut self, ids: &BTreeSet<Id>) {
        let mut wanted = BTreeSet::new();
        for id in ids {
            match self.known.get_mut(id) {
                Some(Known::Files(_)) => {}
                Some(Known::Missing(wait)) if *wait > 0 => *wait -= 1,
                _ => drop(wanted.insert(id.clone())),
            }
        }
        if wanted.is_empty() {
            return;
        }
        let mut places = self.places(&wanted);
        for id in wanted {
            let files = places.remove(&id).and_then(|place| self.open(&place));
            self.known.insert(id, files.map_or(Known::Missing(AGAIN), |f| Known::Files(Box::new(f))));
        }
    }

    /// The groups of containers, relative to their hierarchy.
    fn places(&self, wanted: &BTreeSet<Id>) -> HashMap<Id, PathBuf> {
        let base = if self.two { self.root.clone() } else { self.root.join("memory") };
        let mut places = HashMap::new();
        for id in wanted {
            let usual = [
                format!("docker/{id}"),
                format!("system.slice/docker-{id}.scope"),
                format!("machine.slice/libpod-{id}.scope"),
            ];
            if let Some(place) = usual.iter().find(|p| base.join(p).is_dir()) {
                places.insert(id.clone(), place.into());
            }
        }
        let mut queue = VecDeque::from([PathBuf::new()]);
        for _ in 0..SEARCHED {
            if places.len() == wanted.len() {
                break;
            }
            let Some(here) = queue.pop_front() else { break };
            for entry in std::fs::read_dir(base.join(&here)).into_iter().flatten().flatten() {
                if !entry.file_type().is_ok_and(|t| t.is_dir()) {
                    continue;
                }
                let place = here.join(entry.file_name());
                match container_of(&entry.file_name().to_string_lossy()).and_then(|id| wanted.get(id)) {
                    // Groups within a container's own are not another container of that engine.
                    Some(id) => drop(places.entry(id.clone()).or_insert(place)),
                    None => queue.push_back(place),
                }
            }
        }
        places
    }

    fn open(&self, place: &Path) -> Option<Files> {
        let file = |controller: &str, name: &str| {
            let dir = if self.two { self.root.clone() } else { self.root.join(controller) };
            File::open(dir.join(place).join(name)).ok()
        };
        Some(Files {
            cpu: if self.two { file("", "cpu.stat") } else { file("cpuacct", "cpuacct.usage") }?,
            memory: if self.two { file("", "memory.current") } else { file("memory", "memory.usage_in_bytes") }?,
            memory_stat: file("memory", "memory.stat")?,
            pids: file("pids", "pids.current"),
            io: if self.two {
                file("", "io.stat")
            } else {
                file("blkio", "blkio.throttle.io_service_bytes_recursive")
                    .or_else(|| file("blkio", "blkio.throttle.io_service_bytes"))
            },
            limit: if self.two { file("", "memory.max") } else { file("memory", "memory.limit_in_bytes") },
            procs: file("memory", "cgroup.procs"),
            last: Sample::default(),
        })
    }
}

/// The container that a group of this name is for. Mounts and podman's monitors bear the identifier too.
pub(super) fn container_of(group: &str) -> Option<&str> {
    let name = group.strip_suffix(".scope").unwrap_or(group);
    let (owner, id) = name.rsplit_once('-').unwrap_or(("", name));
    (!owner.ends_with("conmon")).then_some(id)
}

impl Files {
    fn read(&mut self, two: bool, shown: bool, proc: &Path, memory_total: u64) -> Option<Sample> {
        let mut sample = Sample { time: Timestamp::now(), ..self.last };
        sample.cpu_ns = if two { field(&text(&self.cpu)?, "usage_usec")? * 1000 } else { number(&self.cpu)? };
        let usage = number(&self.memory)?;
        let cache =
            field(&text(&self.memory_stat)?, if two { "inactive_file" } else { "total_inactive_file" }).unwrap_or(0);
        sample.memory = if cache < usage { usage - cache } else { usage };
        if shown || sample.memory_limit == 0 {
            // "max" and version 1's number for it are the host's memory.
            let limit = self.limit.as_ref().and_then(number).filter(|l| *l < memory_total);
            sample.memory_limit = limit.unwrap_or(memory_total);
        }
        if shown {
            sample.pids = self.pids.as_ref().and_then(number).unwrap_or(0);
            if let Some(io) = self.io.as_ref().and_then(text) {
                (sample.block_read, sample.block_write) = if two { io_two(&io) } else { io_one(&io) };
            }
            let pid = self.procs.as_ref().and_then(text).and_then(|t| t.lines().next()?.parse::<u32>().ok());
            let net = pid.and_then(|pid| std::fs::read_to_string(proc.join(pid.to_string()).join("net/dev")).ok());
            if let Some(net) = net {
                (sample.net_rx, sample.net_tx) = network(&net);
            }
        }
        self.last = sample;
        Some(sample)
    }
}

/// Reads an open file from its beginning.
fn text(file: &File) -> Option<String> {
    let mut buffer = [0; 8192];
    let n = file.read_at(&mut buffer, 0).ok()?;
    String::from_utf8(buffer[..n].to_vec()).ok()
}

fn number(file: &File) -> Option<u64> {
    let mut buffer = [0; 32];
    let n = file.read_at(&mut buffer, 0).ok()?;
    std::str::from_utf8(&buffer[..n]).ok()?.trim().parse().ok()
}

pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

fn io_one(text: &str) -> (u64, u64) {
    let sum = |op: &str| {
        text.lines().filter(|l| l.contains(op)).filter_map(|l| l.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    (sum(" Read "), sum(" Write "))
}

fn io_two(text: &str) -> (u64, u64) {
    let sum = |key: &str| text.split_whitespace().filter_map(|w| w.strip_prefix(key)?.parse::<u64>().ok()).sum();
    (sum("rbytes="), sum("wbytes="))
}

fn network(text: &str) -> (u64, u64) {
    let rows = text.lines().filter_map(|l| l.split_once(':')).filter(|(name, _)| name.trim() != "lo");
    rows.fold((0, 0), |(rx, tx), (_, figures)| {
        let column = |n: usize| figures.split_whitespace().nth(n).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        (rx + column(0), tx + column(8))
    })
}

/// Memory in use (without caches) and in all, in bytes.
pub(super) fn memory_info(proc: &Path) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(proc.join("meminfo")).ok()?;
    let kib = |name: &str| {
        text.lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(':')?.trim().trim_end_matches(" kB").parse::<u64>().ok())
    };
    let total = kib("MemTotal")? * 1024;
    Some((total.saturating_sub(kib("MemAvailable")? * 1024), total))
}

/// The load of this host.
#[derive(Debug)]
pub(super) struct HostReader {
    proc: PathBuf,
    /// Busy and all ticks of the reading before.
    before: Option<(u64, u64)>,
}

impl HostReader {
    /// Reads below `proc`.
    pub(super) fn below(proc: &Path) -> Self {
        Self { proc: proc.to_owned(), before: None }
    }

    /// Busy share of all processors since the reading before, in percent; memory in use, and in all.
    pub(super) fn read(&mut self) -> Option<(f64, u64, u64)> {
        let stat = std::fs::read_to_string(self.proc.join("stat")).ok()?;
        let ticks: Vec<u64> =
            stat.lines().next()?.split_whitespace().skip(1).take(8).filter_map(|t| t.parse().ok()).collect();
        let all: u64 = ticks.iter().sum();
        let idle = ticks.get(3)? + ticks.get(4)?;
        let now = (all - idle, all);
        let before = self.before.replace(now);
        let (memory, total) = memory_info(&self.proc)?;
        let (busy, all) = before.map(|(b, a)| (now.0.saturating_sub(b), now.1.saturating_sub(a)))?;
        Some((if all == 0 { 0.0 } else { busy as f64 * 100.0 / all as f64 }, memory, total))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn put(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn only(id: &str) -> BTreeSet<Id> {
        BTreeSet::from([id.into()])
    }

    const NET: &str = "Inter-|   Receive\n face |bytes\n    lo: 99 0 0 0 0 0 0 0 99 0\n  eth0: 100 1 0 0 0 0 0 0 200 1\n  eth1: 1 1 0 0 0 0 0 0 2 1\n";

    #[test]
    fn version_one_with_its_own_driver() {
        let dir = tempfile::tempdir().unwrap();
        let (root, proc) = (dir.path().join("cg"), dir.path().join("proc"));
        put(&proc, "meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
        put(&proc, "7/net/dev", NET);
        put(&root, "cpuacct/docker/abc/cpuacct.usage", "5000\n");
        put(&root, "memory/docker/abc/memory.usage_in_bytes", "9000\n");
        put(&root, "memory/docker/abc/memory.stat", "inactive_file 1\ntotal_inactive_file 4000\n");
        put(&root, "memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
        put(&root, "memory/docker/abc/cgroup.procs", "7\n8\n");
        put(&root, "pids/docker/abc/pids.current", "3\n");
        put(
            &root,
            "blkio/docker/abc/blkio.throttle.io_service_bytes",
            "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n",
        );
        let mut groups = Cgroups::below(&root, &proc).unwrap();
        let (_, sample) = groups.sample(&only("abc"), &only("abc"))[0].clone();
        assert_eq!((sample.cpu_ns, sample.memory, sample.memory_limit, sample.pids), (5000, 5000, 1_024_000, 3));
        assert_eq!((sample.block_read, sample.block_write, sample.net_rx, sample.net_tx), (10, 20, 101, 202));
        // An open file is read anew.
        put(&root, "cpuacct/docker/abc/cpuacct.usage", "6000\n");
        assert_eq!(groups.sample(&only("abc"), &BTreeSet::new())[0].1.cpu_ns, 6000);
        assert_eq!(groups.sample(&only("gone"), &BTreeSet::new()), []);
        assert_eq!(groups.found(), 0);
    }

    #[test]
    fn version_two_with_systemd_and_an_own_parent() {
        let dir = tempfile::tempdir().unwrap();
        let (root, proc) = (dir.path().join("cg"), dir.path().join("proc"));
        put(&proc, "meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
        put(&root, "cgroup.controllers", "cpu memory");
        let place = "user.slice/mine.slice/docker-abc.scope";
        put(&root, &format!("{place}/cpu.stat"), "usage_usec 7\nuser_usec 3\n");
        put(&root, &format!("{place}/memory.current"), "900\n");
        put(&root, &format!("{place}/memory.stat"), "anon 5\ninactive_file 100\n");
        put(&root, &format!("{place}/memory.max"), "2000\n");
        put(&root, &format!("{place}/io.stat"), "8:0 rbytes=1 wbytes=2 rios=1\n8:16 rbytes=10 wbytes=20\n");
        let mut groups = Cgroups::below(&root, &proc).unwrap();
        let (_, sample) = groups.sample(&only("abc"), &only("abc"))[0].clone();
        assert_eq!((sample.cpu_ns, sample.memory, sample.memory_limit), (7000, 800, 2000));
        assert_eq!((sample.block_read, sample.block_write, sample.pids), (11, 22, 0));
    }

    #[test]
    fn one_walk_finds_rootless_groups_and_nothing_that_only_bears_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let (root, proc) = (dir.path().join("cg"), dir.path().join("proc"));
        put(&proc, "meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
        put(&root, "cgroup.controllers", "cpu memory");
        let user = "user.slice/user-1000.slice/user@1000.service";
        for (place, usec) in [
            (format!("{user}/user.slice/libpod-conmon-abc.scope"), 1),
            ("system.slice/var-lib-docker-containers-abc-mounts-shm.mount".to_owned(), 2),
            (format!("{user}/user.slice/libpod-abc.scope"), 3),
            (format!("{user}/user.slice/libpod-abc.scope/container/abc"), 4),
            (format!("{user}/app.slice/docker-def.scope"), 5),
        ] {
            put(&root, &format!("{place}/cpu.stat"), &format!("usage_usec {usec}\n"));
            put(&root, &format!("{place}/memory.current"), "900\n");
            put(&root, &format!("{place}/memory.stat"), "inactive_file 0\n");
        }
        let mut groups = Cgroups::below(&root, &proc).unwrap();
        let ids = ["abc", "def", "gone"].map(Id::from).into();
        let read: Vec<(Id, u64)> =
            groups.sample(&ids, &BTreeSet::new()).into_iter().map(|(id, s)| (id, s.cpu_ns)).collect();
        assert_eq!(read, [("abc".into(), 3000), ("def".into(), 5000)]);
    }

    #[test]
    fn a_limit_that_is_changed_shows() {
        let dir = tempfile::tempdir().unwrap();
        let (root, proc) = (dir.path().join("cg"), dir.path().join("proc"));
        put(&proc, "meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
        put(&root, "cgroup.controllers", "cpu memory");
        let place = "system.slice/docker-abc.scope";
        for (file, text) in [
            ("cpu.stat", "usage_usec 1\n"),
            ("memory.current", "9\n"),
            ("memory.stat", "inactive_file 0\n"),
            ("memory.max", "max\n"),
        ] {
            put(&root, &format!("{place}/{file}"), text);
        }
        let mut groups = Cgroups::below(&root, &proc).unwrap();
        assert_eq!(groups.sample(&only("abc"), &BTreeSet::new())[0].1.memory_limit, 1_024_000);
        put(&root, &format!("{place}/memory.max"), "5000\n");
        assert_eq!(groups.sample(&only("abc"), &only("abc"))[0].1.memory_limit, 5000);
    }

    #[test]
    fn the_hosts_load_is_the_share_since_the_last_reading() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
        put(dir.path(), "stat", "cpu 10 0 10 80 0 0 0 0 0 0\n");
        let mut host = HostReader::below(dir.path());
        assert_eq!(host.read(), None);
        put(dir.path(), "stat", "cpu 20 0 20 160 0 0 0 0 0 0\n");
        assert_eq!(host.read(), Some((20.0, 614_400, 1_024_000)));
    }
}
