//! Networks, names and ports that are in each other's way.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use crate::engine::model::{Container, Network, Port};

use super::map::{Map, names};
use super::{Clash, Subnet};

/// Where the host sends a range of addresses to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostNet {
    /// The interface: `eth0`, `tun0`, `wg0`.
    pub interface: String,
    /// The range.
    pub subnet: Subnet,
}

impl HostNet {
    /// Whether it looks like a VPN's.
    fn is_vpn(&self) -> bool {
        ["tun", "tap", "wg", "ppp", "utun", "tailscale", "zt", "nordlynx", "proton"]
            .iter()
            .any(|start| self.interface.starts_with(start))
    }
}

/// The routes of this machine, but those to everywhere and to itself. Empty where it does not tell them.
pub fn host_nets() -> Vec<HostNet> {
    host_nets_below(Path::new("/proc"))
}

fn host_nets_below(proc: &Path) -> Vec<HostNet> {
    let read = |file: &str| std::fs::read_to_string(proc.join("net").join(file)).unwrap_or_default();
    let mut nets: Vec<HostNet> = read("route").lines().skip(1).filter_map(route4).collect();
    nets.extend(read("ipv6_route").lines().filter_map(route6));
    nets.retain(|n| !n.subnet.is_default() && n.interface != "lo");
    nets.sort_by(|a, b| (&a.interface, a.subnet).cmp(&(&b.interface, b.subnet)));
    nets.dedup();
    nets
}

/// A line of `/proc/net/route`; its numbers stand backwards.
fn route4(line: &str) -> Option<HostNet> {
    let cells: Vec<&str> = line.split_whitespace().collect();
    let number = |i: usize| cells.get(i).and_then(|c| u32::from_str_radix(c, 16).ok()).map(u32::swap_bytes);
    let address = IpAddr::V4(Ipv4Addr::from_bits(number(1)?));
    let subnet = Subnet::around(address, number(7)?.leading_ones() as u8)?;
    Some(HostNet { interface: crate::text::clean(cells.first()?).into_owned(), subnet })
}

/// A line of `/proc/net/ipv6_route`. What every interface has anyway (link-local, multicast) is left out.
fn route6(line: &str) -> Option<HostNet> {
    let cells: Vec<&str> = line.split_whitespace().collect();
    let address = Ipv6Addr::from_bits(u128::from_str_radix(cells.first()?, 16).ok()?);
    if address.is_unicast_link_local() || address.is_multicast() || address.is_loopback() {
        return None;
    }
    let subnet = Subnet::around(address.into(), u8::from_str_radix(cells.get(1)?, 16).ok()?)?;
    Some(HostNet { interface: crate::text::clean(cells.last()?).into_owned(), subnet })
}

/// What is in each other's way, without the host's own routes.
pub fn clashes(map: &Map<'_>) -> Vec<Clash> {
    clashes_with(map, &[])
}

/// What is in each other's way: ranges of addresses, also with the host's own routes; names; ports of the host.
pub fn clashes_with(map: &Map<'_>, host: &[HostNet]) -> Vec<Clash> {
    let mut found = ranges(map, host);
    found.extend(doubles(map));
    found.extend(ports(map));
    found
}

fn subnets(network: &Network) -> Vec<Subnet> {
    network.subnets.iter().filter_map(|(subnet, _)| subnet.parse().ok()).collect()
}

/// The interface that the engine made for a network.
fn own_interface(network: &Network) -> String {
    let named = network.options.get("com.docker.network.bridge.name").or_else(|| network.options.get("parent"));
    named.cloned().unwrap_or_else(|| format!("br-{}", crate::text::short_id(&network.id)))
}

fn ranges(map: &Map<'_>, host: &[HostNet]) -> Vec<Clash> {
    let mut networks: Vec<(&Network, Vec<Subnet>)> = map.networks.iter().map(|n| (*n, subnets(n))).collect();
    networks.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let taken: Vec<Subnet> =
        networks.iter().flat_map(|(_, s)| s.iter().copied()).chain(host.iter().map(|h| h.subnet)).collect();
    let own: Vec<String> = networks.iter().map(|(n, _)| own_interface(n)).collect();
    let mut found = Vec::new();
    for (i, (a, left)) in networks.iter().enumerate() {
        for (b, right) in &networks[i + 1..] {
            for x in left {
                for y in right.iter().filter(|y| x.overlaps(y)) {
                    let what = if x == y {
                        format!("{} and {} both have {x}", a.name, b.name)
                    } else {
                        format!("{x} of {} and {y} of {} overlap", a.name, b.name)
                    };
                    found.push(Clash {
                        code: "SUBNETS_OVERLAP",
                        between: vec![a.name.clone(), b.name.clone()],
                        what: format!("{what}: a container on both reaches only one of them"),
                        todo: other_range(b, &taken),
                    });
                }
            }
        }
        for x in left {
            for net in host.iter().filter(|h| !own.contains(&h.interface) && x.overlaps(&h.subnet)) {
                // Bridges of networks that are not seen here belong to another engine, and so do their ranges.
                let (code, owner) = if net.is_vpn() {
                    ("VPN_ROUTE", format!("{}, a VPN", net.interface))
                } else {
                    ("HOST_ROUTE", net.interface.clone())
                };
                found.push(Clash {
                    code,
                    between: vec![a.name.clone(), net.interface.clone()],
                    what: format!(
                        "{x} of {} takes addresses of {}, which the host sends to {owner}",
                        a.name, net.subnet
                    ),
                    todo: other_range(a, &taken),
                });
            }
        }
    }
    found
}

/// Compose lines that give a network a range that is free.
fn other_range(network: &Network, taken: &[Subnet]) -> String {
    let candidates = (16..32_u8).flat_map(|b| (0..=255_u8).map(move |c| [172, b, c, 0]));
    let free = candidates
        .filter_map(|octets| Subnet::around(IpAddr::from(octets), 24))
        .find(|subnet| !taken.iter().any(|t| t.overlaps(subnet)))
        .map_or_else(|| "10.201.0.0/24".to_owned(), |s| s.to_string());
    let key = network.compose().map_or(network.name.as_str(), |(_, key)| key);
    if network.is_default() {
        return format!("in /etc/docker/daemon.json: \"bip\": \"{}\"", free.replacen(".0/", ".1/", 1));
    }
    format!("networks:\n  {key}:\n    ipam:\n      config: [{{subnet: {free}}}]")
}

/// One name in one network that containers of different services answer to: whoever asks gets now one, now the other.
fn doubles(map: &Map<'_>) -> Vec<Clash> {
    let mut found: Vec<Clash> = Vec::new();
    let mut networks = map.networks.clone();
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    for network in networks.into_iter().filter(|n| !n.is_default()) {
        let mut called: BTreeMap<String, Vec<&Container>> = BTreeMap::new();
        for (container, at) in map.members(network).into_iter().filter(|(c, _)| c.state.is_up()) {
            for name in names(container, at) {
                called.entry(name).or_default().push(container);
            }
        }
        for (name, containers) in called {
            let same = |a: &Container, b: &Container| {
                a.stack().is_some() && (a.stack(), a.service()) == (b.stack(), b.service())
            };
            // Copies of one service share its name on purpose.
            if containers.len() < 2 || containers.iter().all(|c| same(c, containers[0])) {
                continue;
            }
            let between: Vec<String> = containers.iter().map(|c| c.name.clone()).collect();
            found.push(Clash {
                code: "NAME_TWICE",
                what: format!(
                    "{} all answer to {name} on {}: who asks for it gets one of them by chance",
                    between.join(", "),
                    network.name
                ),
                todo: format!(
                    "use the whole name ({}), or take one of them off {}: docker network disconnect {} {}",
                    between[0],
                    network.name,
                    network.name,
                    between[between.len() - 1]
                ),
                between,
            });
        }
    }
    found
}

/// Containers that do not run and want a port of the host that another has.
fn ports(map: &Map<'_>) -> Vec<Clash> {
    let meets = |a: &Port, b: &Port| {
        let (x, y) = (a.host_ip.filter(|ip| !ip.is_unspecified()), b.host_ip.filter(|ip| !ip.is_unspecified()));
        a.host.is_some_and(|p| p > 0)
            && a.host == b.host
            && a.protocol == b.protocol
            && (x == y || x.is_none() || y.is_none())
    };
    let mut found: Vec<Clash> = Vec::new();
    for down in map.containers.iter().filter(|c| !c.state.is_up()) {
        for wanted in down.detail.iter().flat_map(|d| &d.wanted_ports) {
            let Some(has) = map.containers.iter().find(|c| c.state.is_up() && c.ports.iter().any(|p| meets(p, wanted)))
            else {
                continue;
            };
            let port = wanted.host.unwrap_or_default();
            let clash = Clash {
                code: "HOST_PORT_TWICE",
                between: vec![down.name.clone(), has.name.clone()],
                what: format!("{} wants port {port} of the host, which {} has: it cannot start", down.name, has.name),
                todo: format!(
                    "publish it elsewhere, \"{}:{}\", or stop the other: docker stop {}",
                    port.saturating_add(1),
                    wanted.container,
                    has.name
                ),
            };
            if !found.contains(&clash) {
                found.push(clash);
            }
        }
    }
    found.sort_by(|a, b| a.between.cmp(&b.between));
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{attached, bridge, container, port, service};
    use super::*;
    use crate::engine::model::{Detail, State};

    fn codes(found: &[Clash]) -> Vec<(&str, String)> {
        found.iter().map(|c| (c.code, c.between.join("+"))).collect()
    }

    #[test]
    fn ranges_that_overlap_are_told_and_a_free_one_is_named() {
        let (a, mut b) = (bridge("a", 18), bridge("b", 18));
        b.subnets[0].0 = "172.18.4.0/24".into();
        let map = Map { containers: vec![], networks: vec![&a, &b] };
        let found = clashes(&map);
        assert_eq!(codes(&found), [("SUBNETS_OVERLAP", "a+b".to_owned())]);
        assert!(found[0].todo.contains("subnet: 172.16.0.0/24"), "{}", found[0].todo);
        assert_eq!(clashes(&Map { containers: vec![], networks: vec![&a] }), []);
    }

    #[test]
    fn a_network_takes_no_addresses_that_the_host_sends_elsewhere() {
        let a = bridge("a", 18);
        let net =
            |interface: &str, subnet: &str| HostNet { interface: interface.into(), subnet: subnet.parse().unwrap() };
        let host = [net("tun0", "172.16.0.0/12"), net("eth0", "192.0.2.0/24"), net("br-id-a", "172.18.0.0/16")];
        let map = Map { containers: vec![], networks: vec![&a] };
        let found = clashes_with(&map, &host);
        assert_eq!(codes(&found), [("VPN_ROUTE", "a+tun0".to_owned())]);
        // All of 172.16.0.0/12 is taken.
        assert!(found[0].todo.contains("10.201.0.0/24"), "{}", found[0].todo);
        let office = [net("eth1", "172.18.7.0/24")];
        assert_eq!(codes(&clashes_with(&map, &office)), [("HOST_ROUTE", "a+eth1".to_owned())]);
    }

    #[test]
    fn routes_are_read_as_the_kernel_writes_them() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("net")).unwrap();
        let lines = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
             eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
             docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
             wg0\t0008000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\nbroken\n";
        std::fs::write(dir.path().join("net/route"), lines).unwrap();
        let six = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 \
             00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n\
             fe800000000000000000000000000000 40 00000000000000000000000000000000 00 \
             00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n";
        std::fs::write(dir.path().join("net/ipv6_route"), six).unwrap();
        let shown: Vec<String> =
            host_nets_below(dir.path()).iter().map(|n| format!("{} {}", n.interface, n.subnet)).collect();
        assert_eq!(shown, ["docker0 172.17.0.0/16", "eth0 fd00::/64", "wg0 10.0.8.0/24"]);
        assert_eq!(host_nets_below(Path::new("/nowhere")), []);
    }

    #[test]
    fn one_name_of_two_services_is_a_surprise_and_of_copies_it_is_none() {
        let net = bridge("proxy", 18);
        let shop = attached(service("shop", "web"), &[(&net, 2)]);
        let blog = attached(service("blog", "web"), &[(&net, 3)]);
        let mut copy = attached(service("shop", "web"), &[(&net, 4)]);
        (copy.id, copy.name) = ("shop-web-2".into(), "shop-web-2".into());
        let found = clashes(&Map { containers: vec![&shop, &blog], networks: vec![&net] });
        assert_eq!(codes(&found), [("NAME_TWICE", "blog-web-1+shop-web-1".to_owned())]);
        assert_eq!(clashes(&Map { containers: vec![&shop, &copy], networks: vec![&net] }), []);
    }

    #[test]
    fn a_port_that_another_has_is_told_of_what_does_not_run() {
        let mut has = container("has");
        has.ports = vec![port(Some(("0.0.0.0", 8080)), 80)];
        let mut wants = container("wants");
        wants.state = State::Created;
        let want =
            |ip: &str, number| Some(Detail { wanted_ports: vec![port(Some((ip, number)), 80)], ..Detail::default() });
        wants.detail = want("127.0.0.1", 8080);
        assert_eq!(
            codes(&clashes(&Map { containers: vec![&has, &wants], networks: vec![] })),
            [("HOST_PORT_TWICE", "wants+has".to_owned())]
        );
        wants.detail = want("127.0.0.1", 8081);
        assert_eq!(clashes(&Map { containers: vec![&has, &wants], networks: vec![] }), []);
    }
}
