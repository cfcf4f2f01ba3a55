//! What listens in a container, as the kernel of a local engine tells it, and what that means for a way there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use crate::engine::model::{Container, Id};
use crate::engine::{Engine, EngineError};

use super::map::{Map, Stack};
use super::reach::{HOST, reach};
use super::{Obstacle, Reach, Through, Way};

/// The address at which Docker answers the names that a container asks for.
const EMBEDDED_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// A port that something listens at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// The port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// At this address; the unspecified one stands for all.
    pub ip: IpAddr,
}

/// Whether and how one container can reach another, with what an inspection of both and the kernel add: other names,
/// and whether anything listens there. `port` is the one inside, and its protocol. `None` when one is not there.
///
/// # Errors
/// When the engine answers neither of both inspections.
pub async fn examine(
    engine: &Engine,
    map: &Map<'_>,
    from: &Id,
    to: &Id,
    port: Option<(u16, &str)>,
) -> Result<Option<Reach>, EngineError> {
    let mut fresh: Vec<Container> = Vec::new();
    let mut wanted = vec![from.clone(), to.clone()];
    for id in [from, to] {
        // The one whose network is shared counts as much.
        let Some(container) = map.container(id) else { continue };
        if let Stack::Of(owner) = map.stack(container) {
            wanted.push(owner.id.clone());
        }
    }
    wanted.sort();
    wanted.dedup();
    for id in wanted.iter().filter(|id| &***id != HOST) {
        fresh.push(engine.inspect(id).await?.container);
    }
    let newer = |old: &'_ Container| !fresh.iter().any(|c| c.id == old.id);
    let mut containers: Vec<&Container> = map.containers.iter().copied().filter(|c| newer(c)).collect();
    containers.extend(&fresh);
    let map = Map { containers, networks: map.networks.clone() };
    let Some(mut found) = reach(&map, from, to) else { return Ok(None) };
    if engine.endpoint().is_local() && !found.ways.is_empty() {
        let listeners = match map.container(to).map(|c| (c, map.stack(c))) {
            Some((_, Stack::Of(owner))) => {
                owner.detail.as_ref().and_then(|d| d.pid).and_then(|pid| listeners(Path::new("/proc"), pid, &owner.id))
            }
            Some((container, Stack::Host)) => {
                container.detail.as_ref().and_then(|d| d.pid).and_then(|pid| listeners(Path::new("/proc"), pid, to))
            }
            // Its process 1 has the host's network where we see the host's processes.
            None => read(&Path::new("/proc").join("1/net")),
            _ => None,
        };
        if let Some(listeners) = listeners {
            let target = map.container(to);
            let host = target.is_none_or(|c| matches!(map.stack(c), Stack::Host));
            // Of the host's ports nobody can say which are the container's: only a certain one is looked at.
            if !host || port.is_some() {
                heard(&mut found, target, &listeners, port);
            }
            return Ok(Some(found));
        }
    }
    if let Some((number, protocol)) = port.filter(|_| !found.ways.is_empty()) {
        // Nobody says whether anything listens: what is known of the ports is all there is.
        for way in found.ways.iter_mut().filter(|w| w.through != Through::Published) {
            way.ports = vec![format!("{number}/{protocol}")];
            let unknown = "whether anything listens there cannot be seen from here";
            way.note = if way.note.is_empty() { unknown.to_owned() } else { format!("{}; {unknown}", way.note) };
        }
        by_published(&mut found, map.container(to), (number, protocol));
        if found.ways.is_empty() {
            found.obstacles.push(not_published(&found.to, number));
        }
    }
    Ok(Some(found))
}

/// What listens in the network of a process; `None` when it cannot be told, also when the process is not the
/// container's: numbers of processes mean something else where this program is in a container itself.
pub(super) fn listeners(proc: &Path, pid: u32, container: &str) -> Option<Vec<Listener>> {
    let dir = proc.join(pid.to_string());
    let groups = std::fs::read_to_string(dir.join("cgroup")).ok()?;
    if !groups.contains(container) {
        return None;
    }
    read(&dir.join("net"))
}

fn read(net: &Path) -> Option<Vec<Listener>> {
    let mut found = Vec::new();
    let mut any = false;
    for (file, protocol) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
        let Ok(text) = std::fs::read_to_string(net.join(file)) else { continue };
        any = true;
        found.extend(text.lines().skip(1).filter_map(|line| listener(line, protocol)));
    }
    found.retain(|l| l.ip != EMBEDDED_DNS);
    found.sort();
    found.dedup();
    any.then_some(found)
}

/// A line of `/proc/net/tcp`, if it is of a socket that listens (of UDP: of one that is connected with nobody).
fn listener(line: &str, protocol: &'static str) -> Option<Listener> {
    let mut cells = line.split_whitespace().skip(1);
    let (local, _, state) = (cells.next()?, cells.next()?, cells.next()?);
    if state != if protocol == "tcp" { "0A" } else { "07" } {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from_bits(u32::from_str_radix(address, 16).ok()?.swap_bytes())),
        32 => {
            // Four words, each of them backwards.
            let whole = u128::from_str_radix(address, 16).ok()?;
            let word = |i: u32| u128::from(((whole >> (32 * i)) as u32).swap_bytes()) << (32 * i);
            let v6 = Ipv6Addr::from_bits((0..4).map(word).sum());
            v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)
        }
        _ => return None,
    };
    Some(Listener { port: u16::from_str_radix(port, 16).ok()?, protocol, ip })
}

/// Takes out ways that lead to no listener, and says why: nothing listens, or at the loopback only. `target` is `None`
/// for the host.
pub fn heard(found: &mut Reach, target: Option<&Container>, listeners: &[Listener], port: Option<(u16, &str)>) {
    if found.ways.is_empty() {
        return;
    }
    let to = found.to.clone();
    // A socket for UDP may be a client's: it counts only where that port is exposed or asked for.
    let exposed = |l: &Listener| {
        target.is_some_and(|t| t.ports.iter().any(|p| p.container == l.port && p.protocol == l.protocol))
    };
    let meant: Vec<&Listener> = match port {
        Some((number, protocol)) => listeners.iter().filter(|l| l.port == number && l.protocol == protocol).collect(),
        None => listeners.iter().filter(|l| l.protocol == "tcp" || exposed(l)).collect(),
    };
    let serves = |l: &Listener, way: &Way| {
        if way.through == Through::Shared {
            l.ip.is_loopback() || l.ip.is_unspecified()
        } else if l.ip.is_unspecified() {
            true
        } else if way.through == Through::Published {
            // The engine sends it on to the container's address on one of its networks.
            !l.ip.is_loopback() && target.is_none_or(|t| t.networks.iter().any(|n| n.ip == Some(l.ip)))
        } else {
            way.ip == Some(l.ip)
        }
    };
    let named = |l: &Listener| format!("{}/{}", l.port, l.protocol);
    let known: Vec<String> = found.ways.iter().flat_map(|w| w.ports.clone()).collect();
    for way in &mut found.ways {
        let open: Vec<&&Listener> = meant.iter().filter(|l| serves(l, way)).collect();
        if way.through == Through::Published {
            let bound = |text: &String| {
                let inside = target
                    .into_iter()
                    .flat_map(|t| &t.ports)
                    .filter(|p| p.host.is_some_and(|h| format!("{h}/{}", p.protocol) == *text));
                inside.into_iter().any(|p| open.iter().any(|l| l.port == p.container && l.protocol == p.protocol))
            };
            way.ports.retain(bound);
        } else {
            let mut ports: Vec<(u16, String)> = open.iter().map(|l| (l.port, named(l))).collect();
            ports.sort();
            ports.dedup();
            way.ports = ports.into_iter().map(|(_, text)| text).collect();
        }
    }
    let published = found.ways.iter().any(|w| w.through == Through::Published);
    found.ways.retain(|w| !w.ports.is_empty());
    let direct = found.ways.iter().any(|w| w.through != Through::Published);
    let loopback: Vec<&&Listener> = meant.iter().filter(|l| l.ip.is_loopback()).collect();
    let at = |list: &[&&Listener]| {
        let mut ports: Vec<String> = list.iter().map(|l| named(l)).collect();
        ports.dedup();
        ports.join(", ")
    };
    if !direct && !loopback.is_empty() && meant.len() == loopback.len() {
        let ports = at(&loopback);
        found.obstacles.push(Obstacle::new(
            "LOOPBACK_ONLY",
            format!("{to} listens at its own localhost only ({ports}), where nothing else gets"),
            format!("let the program in {to} listen at 0.0.0.0, such as with --host 0.0.0.0 or bind 0.0.0.0"),
        ));
    } else if found.ways.is_empty() {
        let others: Vec<&Listener> = listeners.iter().filter(|l| !l.ip.is_loopback() && l.protocol == "tcp").collect();
        let mut ports: Vec<String> = others.iter().map(|l| named(l)).collect();
        ports.dedup();
        found.obstacles.push(match port {
            Some((number, _)) if !meant.is_empty() || (published && direct) => not_published(&to, number),
            Some((number, protocol)) => {
                let listens = if ports.is_empty() || target.is_none() {
                    String::new()
                } else {
                    format!("; it listens at {}", ports.join(", "))
                };
                let todo = match ports.first() {
                    Some(other) if target.is_some() => {
                        format!("use port {other}, or look why: docker logs --tail 20 {to}")
                    }
                    _ if target.is_some() => format!("docker logs --tail 20 {to}"),
                    _ => format!("start what should listen at port {number} of the host"),
                };
                Obstacle::new("NOT_LISTENING", format!("nothing listens at {number}/{protocol} in {to}{listens}"), todo)
            }
            None => Obstacle::new(
                "NOT_LISTENING",
                format!("nothing listens in {to}: it may still be starting, or be no server"),
                format!("docker logs --tail 20 {to}"),
            ),
        });
    } else if port.is_none() {
        let silent = |p: &&String| {
            p.ends_with("/tcp")
                && !meant.iter().any(|l| named(l) == **p)
                && target
                    .is_some_and(|t| t.ports.iter().any(|port| format!("{}/{}", port.container, port.protocol) == **p))
        };
        let mut silent: Vec<String> = known.iter().filter(silent).cloned().collect();
        silent.sort();
        silent.dedup();
        if !silent.is_empty() {
            found.obstacles.push(Obstacle::new(
                "NOT_LISTENING",
                format!("{} is exposed by {to}, but nothing listens there", silent.join(", ")),
                "use a port that is listened at".to_owned(),
            ));
        }
    }
}

/// Keeps of the published ways what leads to a port inside.
fn by_published(found: &mut Reach, target: Option<&Container>, (number, protocol): (u16, &str)) {
    let leads = |text: &String| {
        target.into_iter().flat_map(|t| &t.ports).any(|p| {
            p.container == number
                && p.protocol == protocol
                && p.host.is_some_and(|h| format!("{h}/{protocol}") == *text)
        })
    };
    for way in found.ways.iter_mut().filter(|w| w.through == Through::Published) {
        way.ports.retain(leads);
    }
    found.ways.retain(|w| !w.ports.is_empty());
}

fn not_published(to: &str, number: u16) -> Obstacle {
    Obstacle::new(
        "NOT_PUBLISHED",
        format!("port {number} of {to} is not published, and there is no other way to it"),
        format!("share a network with {to}, or publish it: ports: [\"{number}:{number}\"]"),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{attached, bridge, container, port};
    use super::*;

    #[test]
    fn sockets_are_read_as_the_kernel_writes_them() {
        let dir = tempfile::tempdir().unwrap();
        let head = "  sl  local_address rem_address   st\n";
        let write = |name: &str, lines: &str| std::fs::write(dir.path().join(name), format!("{head}{lines}")).unwrap();
        write(
            "tcp",
            "   0: 0B00007F:ABF3 00000000:0000 0A 0\n   1: 00000000:1F40 00000000:0000 0A 0\n\
             \x20  2: 020013AC:1F40 010013AC:EA0C 06 0\n   3: 0100007F:0050 00000000:0000 0A 0\nbroken\n",
        );
        write(
            "tcp6",
            "   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0\n\
             \x20  1: 0000000000000000FFFF00000100007F:0017 00000000000000000000000000000000:0000 0A 0\n\
             \x20  2: 00000000000000000000000001000000:0018 00000000000000000000000000000000:0000 0A 0\n",
        );
        write("udp", "   0: 0B00007F:9999 00000000:0000 07 0\n   1: 00000000:0035 00000000:0000 07 0\n");
        let shown: Vec<String> =
            read(dir.path()).unwrap().iter().map(|l| format!("{} {}/{}", l.ip, l.port, l.protocol)).collect();
        assert_eq!(
            shown,
            [":: 22/tcp", "127.0.0.1 23/tcp", "::1 24/tcp", "0.0.0.0 53/udp", "127.0.0.1 80/tcp", "0.0.0.0 8000/tcp"]
        );
        assert_eq!(read(std::path::Path::new("/nowhere")), None);
    }

    fn listener(ip: &str, port: u16) -> Listener {
        Listener { port, protocol: "tcp", ip: ip.parse().unwrap() }
    }

    #[test]
    fn a_way_counts_only_where_something_listens() {
        let (net, other) = (bridge("back", 20), bridge("other", 21));
        let a = attached(container("a1"), &[(&net, 2)]);
        let mut b = attached(container("b1"), &[(&net, 3), (&other, 3)]);
        b.ports = vec![port(Some(("0.0.0.0", 8080)), 80)];
        let map = Map { containers: vec![&a, &b], networks: vec![&net, &other] };
        let said = |listeners: &[Listener], port: Option<(u16, &str)>| {
            let mut found = reach(&map, &"a1".into(), &"b1".into()).unwrap();
            heard(&mut found, Some(&b), listeners, port);
            let ways: Vec<String> = found.ways.iter().map(|w| format!("{}:{}", w.network, w.ports.join(","))).collect();
            let obstacles: Vec<&str> = found.obstacles.iter().map(|o| o.code).collect();
            (ways.join(" "), obstacles.join(" "))
        };
        let both = |ways: &str, codes: &str| (ways.to_owned(), codes.to_owned());
        assert_eq!(said(&[listener("0.0.0.0", 80)], None), both("back:80/tcp host:8080/tcp", ""));
        assert_eq!(said(&[listener("::", 80)], Some((80, "tcp"))), both("back:80/tcp host:8080/tcp", ""));
        assert_eq!(said(&[listener("0.0.0.0", 81)], Some((81, "tcp"))), both("back:81/tcp", ""));
        assert_eq!(said(&[listener("0.0.0.0", 81)], Some((80, "tcp"))), both("", "NOT_LISTENING"));
        assert_eq!(said(&[listener("0.0.0.0", 81)], Some((81, "udp"))), both("", "NOT_LISTENING"));
        assert_eq!(said(&[listener("127.0.0.1", 80)], None), both("", "LOOPBACK_ONLY"));
        assert_eq!(said(&[listener("::1", 80)], Some((80, "tcp"))), both("", "LOOPBACK_ONLY"));
        assert_eq!(said(&[], None), both("", "NOT_LISTENING"));
        // Something else listens than what the image promises.
        assert_eq!(said(&[listener("0.0.0.0", 81)], None), both("back:81/tcp", "NOT_LISTENING"));
        // At its address on one network only.
        assert_eq!(said(&[listener("172.20.0.3", 80)], None), both("back:80/tcp host:8080/tcp", ""));
        assert_eq!(said(&[listener("172.21.0.3", 81)], None), both("", "NOT_LISTENING"));
    }

    #[test]
    fn a_process_that_is_not_the_containers_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("7/net")).unwrap();
        std::fs::write(dir.path().join("7/net/tcp"), "head\n").unwrap();
        std::fs::write(dir.path().join("7/cgroup"), "1:cpu:/docker/abc\n").unwrap();
        assert_eq!(listeners(dir.path(), 7, "abc"), Some(vec![]));
        assert_eq!(listeners(dir.path(), 7, "def"), None);
        assert_eq!(listeners(dir.path(), 8, "abc"), None);
    }
}
