//! Where a container is asked: at its own address, at a published port, or nowhere that this machine reaches.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use crate::engine::model::{Container, Network};
use crate::engine::{Address, Endpoint, Engine, EngineError};

/// Where to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// A name or an address.
    pub(super) host: String,
    /// The port there.
    pub(super) port: u16,
    /// Through a published port: the engine's own proxy may answer where the container does not.
    pub(super) published: bool,
    /// On this machine's engine and in a network of the container's own, so that its sockets can be looked at.
    pub(super) own: bool,
}

impl Spot {
    /// Somewhere that has nothing to do with the container's own address.
    pub(super) fn elsewhere(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, published: false, own: false }
    }
}

/// What this machine reaches of an engine.
#[derive(Debug)]
pub(super) struct Ways {
    host: Host,
    /// Bridges by their identifier; their subnets.
    bridges: BTreeMap<String, Vec<String>>,
    /// Why these are not known.
    unknown: Option<EngineError>,
}

#[derive(Debug, PartialEq, Eq)]
enum Host {
    /// Its socket is a file here.
    Here,
    /// On a host that is known by a name.
    At(String),
    /// In a container of another engine.
    Inside,
}

impl Ways {
    /// What there is; asks the engine only where that helps.
    pub(super) async fn of(engine: &Engine) -> Self {
        let host = Host::of(engine.endpoint());
        let mut ways = Self { host, bridges: BTreeMap::new(), unknown: None };
        if ways.host == Host::Here {
            match engine.networks().await {
                Ok(networks) => ways.bridges = bridges(&networks),
                Err(error) => ways.unknown = Some(error),
            }
        }
        ways
    }

    /// Where a port of a container is asked; else why it cannot be.
    pub(super) fn to(&self, container: &Container, port: u16) -> Result<Spot, String> {
        self.to_with(container, port, is_beside)
    }

    fn to_with(
        &self,
        container: &Container,
        port: u16,
        beside: impl Fn(IpAddr, &[String]) -> bool,
    ) -> Result<Spot, String> {
        let on_host = container.networks.iter().any(|n| n.network == "host");
        match &self.host {
            Host::Inside => Err("its engine is in a container, from where no port leads here".to_owned()),
            Host::At(host) if on_host => Ok(Spot::elsewhere(host, port)),
            Host::Here if on_host => Ok(Spot::elsewhere("127.0.0.1", port)),
            Host::At(host) => {
                let published = published(container, port);
                if let Some((_, at)) = published.iter().find(|(ip, _)| !ip.is_some_and(|ip| ip.is_loopback())) {
                    return Ok(Spot { host: host.clone(), port: *at, published: true, own: false });
                }
                Err(if published.is_empty() {
                    format!("port {port} is not published, and its engine is on another host ({host})")
                } else {
                    format!("port {port} is published on the loopback address of another host only ({host})")
                })
            }
            Host::Here => {
                for attached in &container.networks {
                    let Some(subnets) = self.bridges.get(&attached.network_id) else { continue };
                    for ip in [attached.ip, attached.ip6].into_iter().flatten() {
                        if beside(ip, subnets) {
                            return Ok(Spot { host: ip.to_string(), port, published: false, own: true });
                        }
                    }
                }
                if let Some((ip, at)) = published(container, port).first() {
                    let ip = match ip {
                        Some(IpAddr::V4(ip)) if !ip.is_unspecified() => IpAddr::V4(*ip),
                        Some(IpAddr::V6(ip)) if !ip.is_unspecified() => IpAddr::V6(*ip),
                        Some(IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::LOCALHOST),
                        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
                    };
                    return Ok(Spot { host: ip.to_string(), port: *at, published: true, own: true });
                }
                Err(match &self.unknown {
                    Some(error) => format!("port {port} is not published, and its networks are not shown: {error}"),
                    None if container.networks.iter().all(|n| n.ip.is_none() && n.ip6.is_none()) => {
                        format!("it has no address of its own, and port {port} is not published")
                    }
                    None => format!("this machine is in none of its networks, and port {port} is not published"),
                })
            }
        }
    }
}

impl Host {
    fn of(endpoint: &Endpoint) -> Self {
        match &endpoint.address {
            Address::Unix(_) => Self::Here,
            Address::Tcp { host, .. } | Address::Ssh { host, .. } => Self::At(host.clone()),
            Address::Inside { .. } => Self::Inside,
        }
    }
}

/// Bridges with their subnets. Hosts are kept out of networks of other kinds, or have no part in them.
fn bridges(networks: &[Network]) -> BTreeMap<String, Vec<String>> {
    let own = networks.iter().filter(|n| n.driver == "bridge");
    own.map(|n| (n.id.to_string(), n.subnets.iter().map(|(subnet, _)| subnet.clone()).collect())).collect()
}

/// Where a port is published, IPv4 first.
fn published(container: &Container, port: u16) -> Vec<(Option<IpAddr>, u16)> {
    let mut all: Vec<_> = container
        .ports
        .iter()
        .filter(|p| p.container == port && p.protocol == "tcp")
        .filter_map(|p| Some((p.host_ip, p.host?)))
        .collect();
    all.sort_by_key(|(ip, _)| ip.is_some_and(|ip| ip.is_ipv6()));
    all
}

/// Whether this machine is in one of the subnets itself and would send to `ip` from there. An engine in a virtual
/// machine, or one without root's rights, has its bridges elsewhere. Nothing is sent for this.
fn is_beside(ip: IpAddr, subnets: &[String]) -> bool {
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((ip, 9))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| subnets.iter().any(|subnet| contains(subnet, from.ip())))
}

/// Whether a subnet such as `172.18.0.0/16` has an address.
fn contains(subnet: &str, ip: IpAddr) -> bool {
    let Some((net, bits)) = subnet.split_once('/') else { return false };
    let (Ok(net), Ok(bits)) = (net.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let same =
        |a: u128, b: u128, width: u32| bits <= width && (bits == 0 || a >> (width - bits) == b >> (width - bits));
    match (net, ip) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => same(u32::from(net).into(), u32::from(ip).into(), 32),
        (IpAddr::V6(net), IpAddr::V6(ip)) => same(net.into(), ip.into(), 128),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::model::{Attachment, Port};

    fn container(networks: &[(&str, &str, &str)], ports: &[(&str, u16, u16)]) -> Container {
        Container {
            networks: networks
                .iter()
                .map(|(name, id, ip)| Attachment {
                    network: (*name).into(),
                    network_id: (*id).into(),
                    ip: ip.parse().ok(),
                    ..Attachment::default()
                })
                .collect(),
            ports: ports
                .iter()
                .map(|(ip, host, container)| Port {
                    host_ip: ip.parse().ok(),
                    host: Some(*host).filter(|p| *p > 0),
                    container: *container,
                    protocol: "tcp".into(),
                })
                .collect(),
            ..Container::default()
        }
    }

    fn ways(host: Host) -> Ways {
        let bridges = [("b1".to_owned(), vec!["172.20.0.0/16".to_owned()])].into();
        Ways { host, bridges, unknown: None }
    }

    fn shown(ways: &Ways, container: &Container, beside: bool) -> Result<String, String> {
        ways.to_with(container, 80, |_, _| beside).map(|s| format!("{}:{}", s.host, s.port))
    }

    #[test]
    fn a_container_here_is_asked_at_its_own_address_where_this_machine_is_beside_it() {
        let here = ways(Host::Here);
        let of = |networks: &[_], ports: &[_], beside| shown(&here, &container(networks, ports), beside);
        let bridge = ("net", "b1", "172.20.0.2");
        assert_eq!(of(&[bridge], &[("0.0.0.0", 8080, 80)], true).unwrap(), "172.20.0.2:80");
        assert_eq!(of(&[bridge], &[("::", 8081, 80), ("0.0.0.0", 8080, 80)], false).unwrap(), "127.0.0.1:8080");
        assert_eq!(of(&[bridge], &[("::", 8081, 80)], false).unwrap(), "::1:8081");
        assert_eq!(of(&[bridge], &[("10.0.0.1", 8081, 80)], false).unwrap(), "10.0.0.1:8081");
        assert_eq!(of(&[("host", "h", "")], &[], false).unwrap(), "127.0.0.1:80");
        assert!(of(&[("lan", "macvlan", "10.0.0.9")], &[], true).unwrap_err().contains("in none of its networks"));
        assert!(of(&[("none", "n", "")], &[("", 0, 80)], true).unwrap_err().contains("no address"));
    }

    #[test]
    fn a_container_elsewhere_is_asked_at_a_published_port_of_its_host() {
        let there = ways(Host::At("web-01".into()));
        let of = |networks: &[_], ports: &[_]| shown(&there, &container(networks, ports), true);
        let bridge = ("net", "b1", "172.20.0.2");
        assert_eq!(of(&[bridge], &[("0.0.0.0", 8080, 80)]).unwrap(), "web-01:8080");
        assert_eq!(of(&[("host", "", "")], &[]).unwrap(), "web-01:80");
        assert!(of(&[bridge], &[]).unwrap_err().contains("not published"));
        assert!(of(&[bridge], &[("127.0.0.1", 8080, 80)]).unwrap_err().contains("loopback"));
        assert!(shown(&ways(Host::Inside), &container(&[bridge], &[]), true).is_err());
    }

    #[test]
    fn subnets_have_their_addresses() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(contains("172.17.0.0/16", ip("172.17.255.1")) && !contains("172.17.0.0/16", ip("172.18.0.1")));
        assert!(contains("fd00::/64", ip("fd00::5")) && !contains("fd00::/64", ip("fd01::5")));
        assert!(contains("0.0.0.0/0", ip("1.2.3.4")) && !contains("0.0.0.0/0", ip("::1")));
        assert!(!contains("172.17.0.0/40", ip("172.17.0.1")) && !contains("x", ip("1.1.1.1")));
        // The loopback network is one that every machine is in.
        assert!(
            is_beside(ip("127.0.0.5"), &["127.0.0.0/8".into()]) && !is_beside(ip("127.0.0.5"), &["10.0.0.0/8".into()])
        );
    }
}
