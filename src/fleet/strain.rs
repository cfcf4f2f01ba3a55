//! What holds containers of this machine back, in one walk over its control groups: memory near its limit, processes
//! killed for want of it, processor time refused.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::engine::model::Id;

use super::cgroup::{SEARCHED, container_of, field, memory_info};

/// One reading of what holds a container back. Counters are since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strain {
    /// Memory in use, without the cache that could be dropped, and its limit; `None` without a limit of its own.
    pub memory: Option<(u64, u64)>,
    /// Processes that the kernel killed for want of memory.
    pub oom_kills: u64,
    /// Periods in which it wanted processor time; counted only where it has a limit.
    pub periods: u64,
    /// Those of them in which it did not get all it wanted.
    pub throttled: u64,
    /// Its first process; not read where it is the only one and no tmpfs can be full.
    pub pid: Option<u32>,
    /// Memory that files in a tmpfs and shared memory take; not read where it cannot be much.
    pub shared: u64,
    /// Processes that ended and that nobody reaped, as far as counts tell.
    pub unreaped: u64,
}

/// What uses less memory than this fills no tmpfs: then its statistics, which are dear, need not be read.
const LITTLE: u64 = 512 << 10;

/// What holds back the running containers of this machine; `None` where its control groups cannot be read.
pub fn strains() -> Option<HashMap<Id, Strain>> {
    below(Path::new("/sys/fs/cgroup"), Path::new("/proc"))
}

/// The container whose control group a process is in, from its `/proc/PID/cgroup`.
pub fn container_in(cgroup: &str) -> Option<&str> {
    // The outermost: what is within is another engine's.
    cgroup.lines().flat_map(|line| line.split('/')).find_map(identifier)
}

/// The identifier that a control group's name bears.
fn identifier(group: &str) -> Option<&str> {
    container_of(group).filter(|id| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn below(root: &Path, proc: &Path) -> Option<HashMap<Id, Strain>> {
    let two = root.join("cgroup.controllers").exists();
    let base = if two { root.to_owned() } else { root.join("memory") };
    if !base.is_dir() {
        return None;
    }
    let (_, total) = memory_info(proc)?;
    let mut found = HashMap::new();
    let mut queue = VecDeque::from([std::path::PathBuf::new()]);
    for _ in 0..SEARCHED {
        let Some(here) = queue.pop_front() else { break };
        for entry in std::fs::read_dir(base.join(&here)).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|t| t.is_dir()) {
                continue;
            }
            let place = here.join(entry.file_name());
            match identifier(&entry.file_name().to_string_lossy()) {
                Some(id) => drop(found.insert(id.into(), read(root, two, &place, total))),
                None => queue.push_back(place),
            }
        }
    }
    Some(found)
}

/// What a small file says, in as few calls as possible: there are hundreds of them.
fn contents(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut buffer = [0; 4096];
    let mut read = file.read(&mut buffer)?;
    // The kernel gives such a file at once; a long one may come in parts.
    if read < 1024 {
        return Ok(String::from_utf8_lossy(&buffer[..read]).into_owned());
    }
    let mut all = Vec::new();
    while read > 0 {
        all.extend_from_slice(&buffer[..read]);
        read = file.read(&mut buffer)?;
    }
    Ok(String::from_utf8_lossy(&all).into_owned())
}

fn read(root: &Path, two: bool, place: &Path, total: u64) -> Strain {
    let text = |controller: &str, name: &str| {
        let dir = if two { root.to_owned() } else { root.join(controller) };
        contents(&dir.join(place).join(name)).unwrap_or_default()
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    // "max" and version 1's number for it are no limit. Without one the rest of it need not be read.
    let limit =
        number(&text("memory", if two { "memory.max" } else { "memory.limit_in_bytes" })).filter(|l| *l < total);
    let used = number(&text("memory", if two { "memory.current" } else { "memory.usage_in_bytes" })).unwrap_or(0);
    let stat = if limit.is_some() || used >= LITTLE { text("memory", "memory.stat") } else { String::new() };
    let of_stat = |one: &str, other: &str| field(&stat, if two { other } else { one }).unwrap_or(0);
    let cpu = text("cpu", "cpu.stat");
    let shared = of_stat("total_shmem", "shmem");
    // Counted are threads, too, and what ended until it is reaped; listed is only what lives.
    let counted = number(&text("pids", "pids.current"));
    // Where there is but one nothing can be unreaped, and who it is matters only where it may have filled something.
    let processes = if counted == Some(1) && shared == 0 { String::new() } else { text("memory", "cgroup.procs") };
    let counted = counted.filter(|_| !processes.is_empty()).unwrap_or(0);
    let more = counted > processes.lines().count() as u64;
    let living = if more { text("memory", if two { "cgroup.threads" } else { "tasks" }) } else { String::new() };
    Strain {
        memory: limit.map(|limit| (used.saturating_sub(of_stat("total_inactive_file", "inactive_file")), limit)),
        oom_kills: field(&text("memory", if two { "memory.events" } else { "memory.oom_control" }), "oom_kill")
            .unwrap_or(0),
        periods: field(&cpu, "nr_periods").unwrap_or(0),
        throttled: field(&cpu, "nr_throttled").unwrap_or(0),
        pid: processes.lines().next().and_then(|l| l.parse().ok()),
        shared,
        unreaped: if more { counted.saturating_sub(living.lines().count() as u64) } else { 0 },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn put(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn version_one_tells_limits_kills_and_refused_time() {
        let dir = tempfile::tempdir().unwrap();
        let (root, proc) = (dir.path().join("cg"), dir.path().join("proc"));
        put(&proc, "meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
        let put = |file: &str, text: &str| put(&root, &file.replace("ID", ID), text);
        put("memory/docker/ID/memory.limit_in_bytes", "9000\n");
        put("memory/docker/ID/memory.usage_in_bytes", "8500\n");
        put("memory/docker/ID/memory.stat", "inactive_file 1\ntotal_inactive_file 500\ntotal_shmem 30\n");
        put("pids/docker/ID/pids.current", "9\n");
        put("memory/docker/ID/tasks", "7\n8\n17\n");
        put("memory/docker/ID/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
        put("memory/docker/ID/cgroup.procs", "7\n8\n");
        put("cpu/docker/ID/cpu.stat", "nr_periods 10\nnr_throttled 9\nthrottled_time 5\n");
        // What an engine within made is not this one's.
        put(&format!("memory/docker/ID/docker/{}/cgroup.procs", ID.replace('0', "f")), "9\n");
        let all = below(&root, &proc).unwrap();
        let want = Strain {
            memory: Some((8000, 9000)),
            oom_kills: 2,
            periods: 10,
            throttled: 9,
            pid: Some(7),
            shared: 30,
            unreaped: 6,
        };
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [(ID.into(), want)]);
    }

    #[test]
    fn version_two_without_a_limit_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let (root, proc) = (dir.path().join("cg"), dir.path().join("proc"));
        put(&proc, "meminfo", "MemTotal: 1000 kB\nMemAvailable: 400 kB\n");
        let place = format!("system.slice/docker-{ID}.scope");
        put(&root, "cgroup.controllers", "cpu memory");
        put(&root, &format!("{place}/memory.max"), "max\n");
        put(&root, &format!("{place}/memory.events"), "low 0\noom 1\noom_kill 1\n");
        put(&root, &format!("{place}/memory.current"), "900000\n");
        put(&root, &format!("{place}/memory.stat"), "anon 5\nshmem 70\n");
        put(&root, &format!("{place}/cpu.stat"), "usage_usec 7\nnr_periods 4\nnr_throttled 1\n");
        let all = below(&root, &proc).unwrap();
        assert_eq!(all[ID], Strain { oom_kills: 1, periods: 4, throttled: 1, shared: 70, ..Strain::default() });
        assert_eq!(below(&dir.path().join("none"), &proc), None);
    }

    #[test]
    fn a_process_is_its_outermost_containers() {
        let inner = ID.replace('0', "f");
        let text = format!("12:pids:/docker/{ID}/docker/{inner}\n1:name=systemd:/docker/{ID}\n");
        assert_eq!(container_in(&text), Some(ID));
        assert_eq!(container_in(&format!("0::/system.slice/docker-{ID}.scope\n")), Some(ID));
        assert_eq!(container_in("0::/user.slice/session-1.scope\n"), None);
    }
}
