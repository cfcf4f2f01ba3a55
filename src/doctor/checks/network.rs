//! The ways between containers and the world: addresses for networks, forwarding, the firewall.

use std::net::Ipv4Addr;

use futures::FutureExt;
use serde_json::Value;

use crate::engine::model::Network;
use crate::text::count;

use super::super::machine::Machine;
use super::super::scene::{Known, Needs, Scene};
use super::{Entry, Found, SOON, some};

pub(super) const CHECKS: &[Entry] = &[
    Entry {
        code: "POOLS",
        title: "addresses for networks",
        needs: Needs::Info,
        patience: SOON,
        look: |scene| pools_of(scene).boxed(),
    },
    Entry {
        code: "FORWARD",
        title: "the way out of containers",
        needs: Needs::Info,
        patience: SOON,
        look: |scene| forward_of(scene).boxed(),
    },
];

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Net {
    base: u32,
    bits: u8,
}

impl Net {
    const fn new(base: u32, bits: u8) -> Self {
        Self { base: base & Self::mask(bits), bits }
    }

    const fn mask(bits: u8) -> u32 {
        if bits == 0 { 0 } else { u32::MAX << (32 - bits) }
    }

    /// `172.17.0.0/16`.
    fn parse(text: &str) -> Option<Self> {
        let (base, bits) = text.split_once('/')?;
        let bits = bits.parse().ok().filter(|b| *b <= 32)?;
        Some(Self::new(base.parse::<Ipv4Addr>().ok()?.into(), bits))
    }

    fn overlaps(self, other: Self) -> bool {
        let mask = Self::mask(self.bits.min(other.bits));
        self.base & mask == other.base & mask
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.bits)
    }
}

/// Where new networks get their addresses: a pool, and how large a piece of it each gets.
type Pool = (Net, u8);

/// What Docker takes unless told otherwise.
const DEFAULTS: [Pool; 5] = [
    (Net::new(0xac11_0000, 16), 16),
    (Net::new(0xac12_0000, 15), 16),
    (Net::new(0xac14_0000, 14), 16),
    (Net::new(0xac18_0000, 13), 16),
    (Net::new(0xc0a8_0000, 16), 20),
];

/// With more pieces than that nobody counts.
const COUNTED: u32 = 4096;

/// A way that this machine has: where to, and by which interface.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    net: Net,
    interface: String,
}

struct PoolFacts {
    pools: Vec<Pool>,
    /// The networks that Docker has, with their names.
    networks: Vec<(String, Net)>,
    /// Ways that are not Docker's; none are seen where the engine is elsewhere.
    routes: Vec<Route>,
}

async fn pools_of(scene: &Scene) -> Found {
    let Ok(known) = scene.info().await else { return Found::skipped("the engine does not say") };
    let listed = match scene.engine() {
        Ok(engine) => engine.networks().await,
        Err(e) => Err(e),
    };
    let listed = match listed {
        Ok(listed) => listed,
        Err(e) => return Found::skipped(e.message),
    };
    let networks = networks(&listed);
    let routes =
        if scene.elsewhere(known).is_none() { routes_of(&scene.machine, &listed, &networks) } else { Vec::new() };
    pools(&PoolFacts { pools: configured(&known.raw).unwrap_or_else(|| DEFAULTS.to_vec()), networks, routes })
}

fn configured(info: &Value) -> Option<Vec<Pool>> {
    let all = info["DefaultAddressPools"].as_array().filter(|all| !all.is_empty())?;
    let pool = |pool: &Value| Some((Net::parse(pool["Base"].as_str()?)?, u8::try_from(pool["Size"].as_u64()?).ok()?));
    Some(all.iter().filter_map(pool).filter(|(net, size)| (net.bits..=32).contains(size)).collect())
}

fn networks(listed: &[Network]) -> Vec<(String, Net)> {
    let own = listed.iter().filter(|n| n.scope != "swarm");
    own.flat_map(|n| n.subnets.iter().filter_map(|(subnet, _)| Some((n.name.clone(), Net::parse(subnet)?)))).collect()
}

fn routes_of(machine: &Machine, listed: &[Network], networks: &[(String, Net)]) -> Vec<Route> {
    let mut all = routes(&machine.read("/proc/net/route").unwrap_or_default());
    let bridges: Vec<String> = listed.iter().map(|n| format!("br-{}", n.id.get(..12).unwrap_or(&n.id))).collect();
    all.retain(|route| {
        let name = &route.interface;
        let bridge = machine.is_there(&format!("/sys/class/net/{name}/bridge"));
        let docker = name == "docker0" || bridges.contains(name);
        // A bridge may have been given a name; then it leads just where its network is.
        !(docker || bridge && networks.iter().any(|(_, net)| *net == route.net))
    });
    all
}

/// The kernel's table of ways, but for those that lead everywhere.
fn routes(table: &str) -> Vec<Route> {
    let number = |hex: &str| u32::from_str_radix(hex, 16).ok().map(u32::swap_bytes);
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let bits = number(fields.get(7)?)?.leading_ones() as u8;
        let net = Net::new(number(fields.get(1)?)?, bits);
        // Halves of everything are how tunnels say everything.
        (bits > 1).then(|| Route { net, interface: (*fields.first().unwrap_or(&"")).to_owned() })
    };
    table.lines().skip(1).filter_map(route).collect()
}

/// How many pieces of the pools are taken, of how many; nothing where there are too many to count.
fn taken(facts: &PoolFacts) -> Option<(u32, u32)> {
    let (mut used, mut all) = (0, 0);
    for (pool, bits) in &facts.pools {
        let pieces = 1_u32.checked_shl(u32::from(bits - pool.bits)).filter(|n| *n <= COUNTED)?;
        for n in 0..pieces {
            // A pool of one piece may be all there is.
            let step = if *bits == 0 { 0 } else { n << (32 - bits) };
            let piece = Net::new(pool.base + step, *bits);
            let by_network = facts.networks.iter().any(|(_, net)| net.overlaps(piece));
            used += u32::from(by_network || facts.routes.iter().any(|route| route.net.overlaps(piece)));
        }
        all += pieces;
    }
    Some((used, all))
}

fn pools(facts: &PoolFacts) -> Found {
    let clashes: Vec<String> = facts
        .networks
        .iter()
        .filter_map(|(name, net)| {
            let route = facts.routes.iter().find(|route| route.net.overlaps(*net))?;
            Some(format!("network {name} ({net}) and {} ({}) want the same addresses", route.interface, route.net))
        })
        .collect();
    let counted = taken(facts);
    let said = match counted {
        Some((used, all)) => format!("{used} of {all} are taken; {}", count(facts.networks.len(), "network")),
        None => format!("plenty; {}", count(facts.networks.len(), "network")),
    };
    if !clashes.is_empty() {
        let tunnel = facts.routes.iter().any(|r| {
            ["tun", "tap", "wg", "ppp", "tailscale", "zt", "utun", "nordlynx"]
                .iter()
                .any(|kind| r.interface.starts_with(kind))
        });
        let what = if tunnel { "the VPN" } else { "that interface" };
        return Found::warn(some(clashes, 3)).mend(format!(
            "containers there cannot reach what is behind {what}, or it not them: give Docker other addresses, \"default-address-pools\": [{{\"base\": \"10.201.0.0/16\", \"size\": 24}}] in /etc/docker/daemon.json, and make the network anew"
        ));
    }
    let words = "remove networks that nothing uses, or give Docker more: \"default-address-pools\": [{\"base\": \"10.201.0.0/16\", \"size\": 24}] in /etc/docker/daemon.json";
    match counted {
        Some((used, all)) if used >= all => {
            Found::fail(format!("{said}: no network can be made any more")).mend(words).by("docker network prune")
        }
        Some((used, all)) if all - used <= 3 && all > 3 => {
            Found::warn(format!("{said}: the next stacks will find none")).mend(words).by("docker network prune")
        }
        _ => Found::ok(said),
    }
}

#[derive(Default)]
struct ForwardFacts {
    ip_forward: Option<bool>,
    bridge_nf: Option<bool>,
    /// Whether Docker's chain is in the firewall; nothing where that cannot be seen.
    chain: Option<bool>,
    firewalld: bool,
    ufw: bool,
}

async fn forward_of(scene: &Scene) -> Found {
    let Ok(known) = scene.info().await else { return Found::skipped("the engine does not say") };
    let here = scene.elsewhere(known).is_none();
    let machine = &scene.machine;
    forward(&ForwardFacts {
        ip_forward: known.flag("IPv4Forwarding"),
        bridge_nf: known.flag("BridgeNfIptables"),
        chain: if here { chain(scene, known).await } else { None },
        // What systemd notes of units that run.
        firewalld: here
            && std::fs::symlink_metadata(machine.at("/run/systemd/units/invocation:firewalld.service")).is_ok(),
        ufw: here && machine.read("/etc/ufw/ufw.conf").is_some_and(|t| t.lines().any(|l| l.trim() == "ENABLED=yes")),
    })
}

/// Whether the chain that Docker publishes ports with is there. Only root may see it.
async fn chain(scene: &Scene, known: &Known) -> Option<bool> {
    let firewall = known.raw["FirewallBackend"]["Driver"].as_str().unwrap_or("iptables");
    // Where there is no default bridge the engine may do without.
    if scene.machine.person().uid != 0
        || !firewall.starts_with("iptables")
        || !known.is_docker()
        || !bridge(scene).await
    {
        return None;
    }
    let program = scene.program("iptables")?;
    let out = scene.run(&program.to_string_lossy(), &["-w", "2", "-t", "nat", "-S", "DOCKER"]).await.ok()?;
    let said = String::from_utf8_lossy(&out.stderr);
    match () {
        () if out.status.success() => Some(true),
        () if said.contains("No chain/target/match") || said.contains("does not exist") => Some(false),
        () => None,
    }
}

async fn bridge(scene: &Scene) -> bool {
    match scene.engine() {
        Ok(engine) => engine.networks().await.is_ok_and(|all| all.iter().any(|n| n.name == "bridge")),
        Err(_) => false,
    }
}

fn forward(facts: &ForwardFacts) -> Found {
    if facts.ip_forward == Some(false) {
        return Found::fail("the kernel does not forward (ip_forward is off): containers reach nothing outside")
            .mend("switch it on, also for after a restart of the machine")
            .by("echo net.ipv4.ip_forward=1 | sudo tee /etc/sysctl.d/60-docker.conf && sudo sysctl --system");
    }
    if facts.chain == Some(false) {
        let who = if facts.firewalld { "firewalld was reloaded, or something else" } else { "something" };
        return Found::warn(format!("Docker's rules are not in the firewall (no chain DOCKER): {who} flushed them, or the engine runs with iptables=false"))
            .mend("the engine writes them when it starts; containers stop meanwhile unless live-restore is on")
            .by("sudo systemctl restart docker");
    }
    if facts.bridge_nf == Some(false) {
        return Found::warn("the firewall does not see what goes over bridges (bridge-nf-call-iptables is off): networks are not kept apart")
            .mend("load the kernel's module for it, also for after a restart of the machine")
            .by("echo br_netfilter | sudo tee /etc/modules-load.d/br_netfilter.conf && sudo modprobe br_netfilter");
    }
    if facts.ip_forward.is_none() {
        return Found::skipped("the engine does not say");
    }
    let note = match (facts.firewalld, facts.ufw) {
        (_, true) => "; ufw is on, but ports that containers publish go past it",
        (true, _) => "; firewalld is on: after a reload of it restart the engine",
        _ => "",
    };
    Found::ok(format!("the kernel forwards{note}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    fn net(text: &str) -> Net {
        Net::parse(text).unwrap()
    }

    fn facts(networks: &[&str], routes: &[(&str, &str)]) -> PoolFacts {
        PoolFacts {
            pools: DEFAULTS.to_vec(),
            networks: networks.iter().enumerate().map(|(n, text)| (format!("n{n}"), net(text))).collect(),
            routes: routes.iter().map(|(i, text)| Route { net: net(text), interface: (*i).to_owned() }).collect(),
        }
    }

    #[test]
    fn pieces_of_the_pools_are_counted() {
        assert_eq!(taken(&facts(&[], &[])), Some((0, 31)));
        assert_eq!(taken(&facts(&["172.17.0.0/16", "10.0.0.0/8"], &[])), Some((1, 31)));
        // One piece of 20 bits is taken also by what is smaller; a route takes what it covers.
        assert_eq!(taken(&facts(&["192.168.7.0/24"], &[("eth0", "172.16.0.0/12")])), Some((16, 31)));
        let all: Vec<String> = (17..32).map(|n| format!("172.{n}.0.0/16")).collect();
        let mut all: Vec<&str> = all.iter().map(String::as_str).collect();
        let rest: Vec<String> = (0..13).map(|n| format!("192.168.{}.0/20", n * 16)).collect();
        all.extend(rest.iter().map(String::as_str));
        let found = pools(&facts(&all, &[]));
        assert!(found.outcome == Outcome::Warn && found.evidence.starts_with("28 of 31 are taken"), "{found:?}");
        assert_eq!(found.fix.and_then(|f| f.command).as_deref(), Some("docker network prune"));
        all.extend(["192.168.208.0/20", "192.168.224.0/20", "192.168.240.0/20"]);
        assert_eq!(pools(&facts(&all, &[])).outcome, Outcome::Fail);
        let large = PoolFacts { pools: vec![(net("10.0.0.0/8"), 24)], ..facts(&["10.0.1.0/24"], &[]) };
        assert_eq!(pools(&large), Found::ok("plenty; 1 network"));
    }

    #[test]
    fn networks_that_clash_with_other_ways_are_named() {
        let found = pools(&facts(&["172.18.0.0/16"], &[("eth0", "10.0.0.0/24"), ("tun0", "172.18.4.0/24")]));
        assert_eq!(found.outcome, Outcome::Warn);
        assert_eq!(found.evidence, "network n0 (172.18.0.0/16) and tun0 (172.18.4.0/24) want the same addresses");
        assert!(found.fix.unwrap().words.contains("behind the VPN"));
    }

    #[test]
    fn tables_and_settings_are_read() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\n\
            tun0\t00000080\t00000000\t0003\t0\t0\t0\t00000080\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n";
        assert_eq!(routes(table), [Route { net: net("172.17.0.0/16"), interface: "docker0".into() }]);
        let info = serde_json::json!({"DefaultAddressPools": [{"Base": "10.201.0.0/16", "Size": 24}]});
        assert_eq!(configured(&info), Some(vec![(net("10.201.0.0/16"), 24)]));
        assert_eq!(configured(&serde_json::json!({})), None);
        assert_eq!((net("10.1.2.3/8").to_string().as_str(), Net::parse("fd00::/8")), ("10.0.0.0/8", None));
    }

    #[test]
    fn a_way_out_that_is_closed_is_told() {
        let fine = || ForwardFacts {
            ip_forward: Some(true),
            bridge_nf: Some(true),
            chain: Some(true),
            ..ForwardFacts::default()
        };
        assert_eq!(forward(&fine()), Found::ok("the kernel forwards"));
        assert_eq!(forward(&ForwardFacts { ip_forward: Some(false), ..fine() }).outcome, Outcome::Fail);
        let flushed = forward(&ForwardFacts { chain: Some(false), firewalld: true, ..fine() });
        assert!(flushed.outcome == Outcome::Warn && flushed.evidence.contains("firewalld was reloaded"));
        assert_eq!(forward(&ForwardFacts { bridge_nf: Some(false), ..fine() }).outcome, Outcome::Warn);
        assert!(forward(&ForwardFacts { ufw: true, ..fine() }).evidence.contains("go past it"));
        assert_eq!(forward(&ForwardFacts::default()).outcome, Outcome::Skipped);
    }
}
