//! One walk through the processes of this machine: who listens at which port, who watches files, which engines run.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the walk may take; what comes later is not seen.
const PATIENCE: Duration = Duration::from_secs(3);
/// The states of listening sockets in `/proc/net`: TCP's LISTEN, UDP's only one.
const LISTENS: [(&str, &str); 2] = [("tcp", "0A"), ("udp", "07")];

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) name: String,
}

/// A port that something listens at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listener {
    /// `tcp` or `udp`.
    pub(super) protocol: &'static str,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// Whose it is; `None` when that may not be seen.
    pub(super) process: Option<Process>,
}

/// What one user's processes watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Watches {
    pub(super) instances: u64,
    pub(super) watches: u64,
}

/// What the walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) listeners: Vec<Listener>,
    /// By user.
    pub(super) inotify: BTreeMap<u32, Watches>,
    /// Whether all processes could be looked into.
    pub(super) whole: bool,
    /// Engines' daemons, with how many seconds they run.
    pub(super) daemons: Vec<(Process, u64)>,
}

impl Scan {
    /// Walks through `/proc` below `root`.
    pub(super) fn of(root: &Path) -> Self {
        let proc = root.join("proc");
        let begun = Instant::now();
        let mut scan = Self { whole: true, ..Self::default() };
        let (mut sockets, mut owners) = (Vec::new(), HashMap::new());
        for (protocol, state) in LISTENS {
            for file in [protocol.to_owned(), format!("{protocol}6")] {
                let text = fs::read_to_string(proc.join("net").join(file)).unwrap_or_default();
                sockets.extend(listening(&text, state).map(|(address, port, inode)| (protocol, address, port, inode)));
            }
        }
        let up = fs::read_to_string(proc.join("uptime")).ok();
        let up = up.and_then(|text| text.split('.').next()?.parse::<u64>().ok()).unwrap_or_default();
        let entries = fs::read_dir(&proc).into_iter().flatten().flatten();
        let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
        for pid in pids {
            if begun.elapsed() > PATIENCE {
                scan.whole = false;
                break;
            }
            let dir = proc.join(pid.to_string());
            let process = || {
                let name = fs::read_to_string(dir.join("comm")).unwrap_or_default();
                Process { pid, name: name.trim().to_owned() }
            };
            let own = process();
            if matches!(own.name.as_str(), "dockerd" | "podman") {
                let stat = fs::read_to_string(dir.join("stat")).unwrap_or_default();
                scan.daemons.push((own, up.saturating_sub(started(&stat).unwrap_or_default())));
            }
            let Ok(files) = fs::read_dir(dir.join("fd")) else {
                scan.whole = false;
                continue;
            };
            let uid = fs::metadata(&dir).map(|m| m.uid()).unwrap_or_default();
            for file in files.flatten() {
                let Ok(target) = fs::read_link(file.path()) else { continue };
                let target = target.to_string_lossy();
                if let Some(inode) =
                    target.strip_prefix("socket:[").and_then(|t| t.trim_end_matches(']').parse::<u64>().ok())
                {
                    if sockets.iter().any(|(.., known)| *known == inode) {
                        owners.entry(inode).or_insert_with(process);
                    }
                } else if target.contains("inotify") && target.starts_with("anon_inode:") {
                    let info = fs::read_to_string(dir.join("fdinfo").join(file.file_name())).unwrap_or_default();
                    let seen = scan.inotify.entry(uid).or_default();
                    seen.instances += 1;
                    seen.watches += info.lines().filter(|line| line.starts_with("inotify ")).count() as u64;
                }
            }
        }
        scan.listeners = sockets
            .into_iter()
            .map(|(protocol, address, port, inode)| Listener {
                protocol,
                address,
                port,
                process: owners.get(&inode).cloned(),
            })
            .collect();
        scan
    }

    /// Who listens at a port of an address; all addresses when `None`.
    pub(super) fn at(&self, protocol: &str, address: Option<IpAddr>, port: u16) -> Option<&Listener> {
        self.listeners.iter().find(|l| {
            l.protocol == protocol
                && l.port == port
                && (address.is_none_or(|a| a.is_unspecified() || a == l.address) || l.address.is_unspecified())
        })
    }
}

/// The listening sockets of a table in `/proc/net`: address, port, inode.
fn listening<'a>(table: &'a str, state: &'a str) -> impl Iterator<Item = (IpAddr, u16, u64)> + use<'a> {
    table.lines().skip(1).filter_map(move |line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, port) = fields.get(1)?.split_once(':')?;
        (fields.get(3) == Some(&state)).then_some(())?;
        let inode = fields.get(9)?.parse().ok()?;
        Some((ip(address)?, u16::from_str_radix(port, 16).ok()?, inode))
    })
}

/// An address as the kernel writes it: words of four bytes, each in the order of this machine.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    if hex.len() == 8 {
        return word(0).map(|bytes| Ipv4Addr::from(bytes).into());
    }
    let mut all = [0; 16];
    for n in 0..4 {
        all[n * 4..n * 4 + 4].copy_from_slice(&word(n * 8)?);
    }
    Some(IpAddr::from(Ipv6Addr::from(all)).to_canonical())
}

/// Seconds after the machine's start at which a process began; its name may hold anything.
fn started(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    // Ticks are a hundredth of a second on every Linux that runs Docker.
    rest.split_whitespace().nth(19)?.parse::<u64>().ok().map(|ticks| ticks / 100)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_from_the_kernels_tables() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0 100 0 0 10 0\n   \
            1: 0100007F:1F91 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 778 1 0 100 0 0 10 0\n";
        let all: Vec<_> = listening(table, "0A").collect();
        assert_eq!(all, [("127.0.0.1".parse().unwrap(), 8080, 777)]);
        assert_eq!(ip("00000000000000000000000000000000"), Some("::".parse().unwrap()));
        assert_eq!(ip("0000000000000000FFFF00000100007F"), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(ip("xyz"), None);
    }

    #[test]
    fn a_process_of_a_strange_name_has_a_start() {
        let stat = format!("7 (a) b) S {} 12345 0", (1..=18).map(|n| n.to_string()).collect::<Vec<_>>().join(" "));
        assert_eq!(started(&stat), Some(123));
        assert_eq!(started("7 (x"), None);
    }

    #[test]
    fn this_process_is_found_where_it_listens() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let scan = Scan::of(Path::new("/"));
        let found = scan.at("tcp", None, port).unwrap();
        assert_eq!(found.process.as_ref().map(|p| p.pid), Some(std::process::id()));
        let v = |address: &str| scan.at("tcp", Some(address.parse().unwrap()), port).is_some();
        assert!(v("0.0.0.0") && v("127.0.0.1") && !v("127.0.0.9"), "an address of its own is no clash");
        drop(socket);
        assert_eq!(Scan::of(Path::new("/")).at("tcp", None, port), None);
    }
}
