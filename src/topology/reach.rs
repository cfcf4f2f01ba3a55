//! Whether one container can reach another, of what a snapshot has.
//!
//! What an engine of today does: members of a network reach each other's every port; names work on networks that
//! somebody made, not on the default bridge; other networks are shut out, but for ports that the host publishes; an
//! internal network's members reach the host, and no published port, since these are redirected to another network.

use std::net::IpAddr;

use crate::engine::model::{Container, Id, Network, Port, State};

use super::map::{Map, Stack, names};
use super::{Obstacle, Reach, Through, Way, connect};

/// The host itself, where [`reach`] wants a container's identifier.
pub const HOST: &str = "host";

/// Whether a container can reach another, and how, or why not. Both by identifier, or [`HOST`].
pub fn reach(map: &Map<'_>, from: &Id, to: &Id) -> Option<Reach> {
    let end = |id: &Id| if &**id == HOST { Some(End::HOST) } else { map.container(id).map(|c| End::of(map, c)) };
    let (from, to) = (end(from)?, end(to)?);
    let mut found = Finding { map, from, to, ways: Vec::new(), obstacles: Vec::new() };
    found.look();
    found.settle();
    Some(Reach { from: from.name().to_owned(), to: to.name().to_owned(), ways: found.ways, obstacles: found.obstacles })
}

#[derive(Clone, Copy)]
struct End<'a> {
    /// `None` for the host.
    container: Option<&'a Container>,
    stack: Stack<'a>,
}

impl<'a> End<'a> {
    const HOST: Self = Self { container: None, stack: Stack::Host };

    fn of(map: &Map<'a>, container: &'a Container) -> Self {
        Self { container: Some(container), stack: map.stack(container) }
    }

    fn name(&self) -> &'a str {
        self.container.map_or(HOST, |c| &c.name)
    }
}

struct Finding<'a, 'm> {
    map: &'m Map<'a>,
    from: End<'a>,
    to: End<'a>,
    ways: Vec<Way>,
    obstacles: Vec<Obstacle>,
}

impl<'a> Finding<'a, '_> {
    fn stop(&mut self, code: &'static str, what: impl Into<String>, todo: impl Into<String>) {
        let new = Obstacle::new(code, what, todo);
        if !self.obstacles.contains(&new) {
            self.obstacles.push(new);
        }
    }

    fn look(&mut self) {
        let (a, b) = (self.from.name(), self.to.name());
        match (self.from.stack, self.to.stack) {
            (Stack::Lost, _) | (_, Stack::Lost) => {
                let lost = if matches!(self.from.stack, Stack::Lost) { a } else { b };
                self.stop(
                    "NETWORK_OWNER_GONE",
                    format!("{lost} shares the network of a container that is not there any more"),
                    format!("make {lost} anew, after the container whose network it shares"),
                );
            }
            (Stack::Host, Stack::Host) => {
                let note = if a == b { "itself" } else { "both have the host's own ports" };
                self.shared("host", note);
            }
            (Stack::Of(x), Stack::Of(y)) if x.id == y.id => {
                let note = if a == b { "itself" } else { "they share one network: each port is had by one of them" };
                self.shared(&format!("container:{}", x.name), note);
            }
            (Stack::Nothing, Stack::Nothing) if a == b => self.shared("none", "itself"),
            (Stack::Nothing, _) => self.no_network(self.from),
            (_, Stack::Nothing) => self.no_network(self.to),
            (Stack::Host, Stack::Of(target)) => self.of_the_host(target),
            (Stack::Of(source), Stack::Host) => self.at_the_host(source),
            (Stack::Of(source), Stack::Of(target)) => self.between(source, target),
        }
    }

    fn shared(&mut self, network: &str, note: &str) {
        let ports = self.inner_ports();
        let ip = Some(IpAddr::from([127, 0, 0, 1]));
        self.ways.push(Way {
            through: Through::Shared,
            network: network.to_owned(),
            names: vec!["localhost".to_owned()],
            ip,
            ports,
            note: note.to_owned(),
        });
    }

    fn no_network(&mut self, end: End<'_>) {
        let name = end.name();
        let other = if name == self.from.name() { self.to } else { self.from };
        let todo = match (self.from.container, self.to.container) {
            // A container with `none` takes no other network until it is made anew.
            (Some(_), Some(_)) => {
                let nets = other.container.into_iter().flat_map(|c| &c.networks).filter_map(|n| self.map.network(n));
                let net = nets.filter(|n| !n.is_default()).map(|n| n.name.as_str()).min().unwrap_or("NETWORK");
                format!("docker network disconnect none {name}\ndocker network connect {net} {name}")
            }
            _ => format!(
                "docker network disconnect none {name}\ndocker network connect bridge {name}\nin compose.yaml: take out `network_mode: none`"
            ),
        };
        self.stop("NETWORK_NONE", format!("{name} has no network (network_mode: none), only its own localhost"), todo);
    }

    /// Exposed and published ports, as they are inside.
    fn inner_ports(&self) -> Vec<String> {
        let mut ports: Vec<(u16, &str)> = Vec::new();
        let owner = if let Stack::Of(owner) = self.to.stack { Some(owner) } else { None };
        for container in self.to.container.into_iter().chain(owner) {
            ports.extend(container.ports.iter().map(|p| (p.container, p.protocol.as_str())));
        }
        ports.sort_unstable();
        ports.dedup();
        ports.into_iter().map(|(port, protocol)| format!("{port}/{protocol}")).collect()
    }

    /// That the ports inside are meant, where others are published.
    fn inside_hint(target: &Container) -> String {
        let other = target.ports.iter().find(|p| p.host.is_some_and(|h| h != p.container));
        other.map_or_else(String::new, |p| {
            format!("port {} here, not {}, which the host publishes", p.container, p.host.unwrap_or_default())
        })
    }

    fn between(&mut self, source: &'a Container, target: &'a Container) {
        let mut common = false;
        for here in &source.networks {
            let Some(network) = self.map.network(here) else { continue };
            let Some(there) = target.networks.iter().find(|t| self.map.network(t).is_some_and(|n| n.id == network.id))
            else {
                continue;
            };
            if network.driver == "null" {
                continue;
            }
            common = true;
            if network.is_closed() {
                self.stop(
                    "ICC_OFF",
                    format!("{} lets its members not speak to each other (enable_icc=false)", network.name),
                    connect::bring_together(self.map, source, target),
                );
                continue;
            }
            self.on_network(network, source, target, there);
        }
        // The best first: where names work.
        self.ways.sort_by_key(|w| {
            let network = self.map.networks.iter().find(|n| n.name == w.network);
            (network.is_some_and(|n| n.is_default()), !network.is_some_and(|n| n.is_bridge()))
        });
        if !common {
            let on = |c: &Container| {
                let names: Vec<&str> = c.networks.iter().map(|n| n.network.as_str()).collect();
                if names.is_empty() { "no network".to_owned() } else { names.join(", ") }
            };
            let what = format!("{} is on {}, {} on {}", source.name, on(source), target.name, on(target));
            self.stop("NO_COMMON_NETWORK", what, connect::bring_together(self.map, source, target));
        }
        self.by_the_host(source, target);
    }

    fn on_network(
        &mut self,
        network: &Network,
        source: &Container,
        target: &Container,
        there: &crate::engine::model::Attachment,
    ) {
        let mut notes = Vec::new();
        let mut called;
        if network.is_default() {
            // Links are the one way to have names there.
            called =
                source.links.iter().filter(|(to, _)| *to == target.name).map(|(_, c)| c.clone()).collect::<Vec<_>>();
            if called.is_empty() {
                self.stop(
                    "DEFAULT_BRIDGE_NO_NAMES",
                    format!(
                        "names do not work on {}, the default bridge: only the address, which may change",
                        network.name
                    ),
                    connect::bring_together(self.map, source, target),
                );
            } else {
                notes.push("by a link (--link)".to_owned());
            }
            called.extend(there.ip.map(|ip| ip.to_string()));
        } else {
            called = names(target, there);
        }
        if self.to.container.is_some_and(|c| c.id != target.id) {
            notes.push(format!("{} shares the network of {}: its names count", self.to.name(), target.name));
        }
        match network.driver.as_str() {
            "macvlan" | "ipvlan" => {
                notes.push(format!("a {} network: the host itself cannot reach it", network.driver));
            }
            "overlay" => {
                notes.push("an overlay network: other hosts may have members that are not seen here".to_owned());
            }
            _ => {}
        }
        notes.push(Self::inside_hint(target));
        self.ways.push(Way {
            through: Through::Network,
            network: network.name.clone(),
            names: called,
            ip: there.ip.or(there.ip6),
            ports: self.inner_ports(),
            note: notes.into_iter().filter(|n| !n.is_empty()).collect::<Vec<_>>().join("; "),
        });
    }

    /// By ports that the host publishes: a detour that leads also from a network that does not have the other.
    fn by_the_host(&mut self, source: &'a Container, target: &'a Container) {
        let published: Vec<&Port> = target.ports.iter().filter(|p| p.host.is_some()).collect();
        let (loopback, open): (Vec<&Port>, Vec<&Port>) =
            published.into_iter().partition(|p| p.host_ip.is_some_and(|ip| ip.is_loopback()));
        if open.is_empty() {
            if let Some(port) = loopback.first() {
                self.loopback_only(port);
            }
            return;
        }
        let out: Vec<(&Network, IpAddr)> = source
            .networks
            .iter()
            .filter_map(|at| {
                let network = self.map.network(at).filter(|n| n.is_bridge() && !n.internal)?;
                Some((network, at.gateway.or_else(|| network.gateway())?))
            })
            .collect();
        if out.is_empty() {
            let internal = source.networks.iter().filter_map(|n| self.map.network(n)).any(|n| n.internal);
            if internal && self.ways.is_empty() {
                self.stop(
                    "INTERNAL_NO_WAY_OUT",
                    format!(
                        "{} is on internal networks only, from which published ports cannot be reached",
                        source.name
                    ),
                    connect::bring_together(self.map, source, target),
                );
            }
            return;
        }
        let mut any: Vec<String> = open
            .iter()
            // At IPv6 it may be another number, and gateways are of IPv4.
            .filter(|p| p.host_ip.is_none_or(|ip| ip.is_unspecified() && ip.is_ipv4()))
            .map(|p| format!("{}/{}", p.host.unwrap_or_default(), p.protocol))
            .collect();
        any.dedup();
        any.sort();
        any.dedup();
        let note = "through the host: a firewall may refuse it, and it goes when the port is published no more";
        if !any.is_empty() {
            let mut gateways: Vec<IpAddr> = out.iter().map(|(_, ip)| *ip).collect();
            gateways.dedup();
            self.ways.push(Way {
                through: Through::Published,
                network: HOST.to_owned(),
                names: gateways.iter().map(IpAddr::to_string).collect(),
                ip: gateways.first().copied(),
                ports: any,
                note: note.to_owned(),
            });
        }
        for port in open.iter().filter(|p| p.host_ip.is_some_and(|ip| !ip.is_unspecified())) {
            let Some(ip) = port.host_ip else { continue };
            self.ways.push(Way {
                through: Through::Published,
                network: HOST.to_owned(),
                names: vec![ip.to_string()],
                ip: Some(ip),
                ports: vec![format!("{}/{}", port.host.unwrap_or_default(), port.protocol)],
                note: note.to_owned(),
            });
        }
    }

    fn loopback_only(&mut self, port: &Port) {
        if self.ways.is_empty() {
            let (host, inside) = (port.host.unwrap_or_default(), port.container);
            self.stop(
                "LOOPBACK_PUBLISHED",
                format!(
                    "port {host} is published at {} of the host only, where no other container gets",
                    port.host_ip.map_or_else(String::new, |ip| ip.to_string())
                ),
                format!("share a network and use port {inside}, rather than publish it at 0.0.0.0"),
            );
        }
    }

    fn of_the_host(&mut self, target: &'a Container) {
        let is_any6 = |p: &Port| p.host_ip.is_some_and(|ip| ip.is_unspecified() && ip.is_ipv6());
        let published = target.ports.iter().filter(|p| p.host.is_some() && !is_any6(p));
        let mut at: Vec<(String, Option<IpAddr>, String)> = published
            .map(|p| {
                let ip = p.host_ip.filter(|ip| !ip.is_unspecified());
                let name =
                    ip.filter(|ip| !ip.is_loopback()).map_or_else(|| "localhost".to_owned(), |ip| ip.to_string());
                let ip = ip.unwrap_or_else(|| IpAddr::from([127, 0, 0, 1]));
                (name, Some(ip), format!("{}/{}", p.host.unwrap_or_default(), p.protocol))
            })
            .collect();
        at.sort();
        at.dedup();
        for (name, ip, port) in at {
            match self.ways.iter_mut().find(|w| w.names.first() == Some(&name)) {
                Some(way) if way.ports.contains(&port) => {}
                Some(way) => way.ports.push(port),
                None => self.ways.push(Way {
                    through: Through::Published,
                    network: HOST.to_owned(),
                    names: vec![name],
                    ip,
                    ports: vec![port],
                    note: String::new(),
                }),
            }
        }
        let mut shut = None;
        for at in &target.networks {
            let Some(network) = self.map.network(at) else { continue };
            if network.is_bridge() {
                let ip = at.ip.or(at.ip6);
                self.ways.push(Way {
                    through: Through::Address,
                    network: network.name.clone(),
                    names: ip.iter().map(IpAddr::to_string).collect(),
                    ip,
                    ports: self.inner_ports(),
                    note: "by the address, which may change: containers' names do not work on the host".to_owned(),
                });
            } else {
                shut = Some(network);
            }
        }
        if let Some(network) = shut.filter(|_| self.ways.is_empty()) {
            self.stop(
                "NOT_FROM_HOST",
                format!("the host cannot reach members of {}, a {} network", network.name, network.driver),
                format!("docker network connect bridge {}", target.name),
            );
        } else if self.ways.is_empty() {
            self.stop(
                "NO_COMMON_NETWORK",
                format!("{} is on no network", target.name),
                format!("docker network connect bridge {}", target.name),
            );
        }
        let wanted = target.detail.as_ref().is_some_and(|d| !d.wanted_ports.is_empty());
        let mut networks = target.networks.iter().filter_map(|n| self.map.network(n)).peekable();
        if wanted && networks.peek().is_some() && networks.all(|n| n.internal) {
            self.stop(
                "INTERNAL_NOT_PUBLISHED",
                format!("the ports of {} are not published: it is on internal networks only", target.name),
                format!("docker network connect bridge {0}\ndocker restart {0}", target.name),
            );
        }
    }

    fn at_the_host(&mut self, source: &'a Container) {
        let mut shut = None;
        for at in &source.networks {
            let Some(network) = self.map.network(at) else { continue };
            if !network.is_bridge() {
                shut = Some(network);
                continue;
            }
            let ip = at.gateway.or_else(|| network.gateway());
            self.ways.push(Way {
                through: Through::Address,
                network: network.name.clone(),
                names: ip.iter().map(IpAddr::to_string).collect(),
                ip,
                ports: self.inner_ports(),
                note:
                    "the host's address there; what listens at 127.0.0.1 only is not reached, and a firewall may refuse"
                        .to_owned(),
            });
        }
        if self.ways.is_empty() {
            let (name, driver) = shut.map_or(("no network", ""), |n| (n.name.as_str(), n.driver.as_str()));
            self.stop(
                "NOT_TO_HOST",
                format!("{} is on {name} {driver}, from which the host cannot be reached", source.name),
                format!("docker network connect bridge {}", source.name),
            );
        }
    }

    /// Ways of containers that do not run are none, and what would be is told.
    fn settle(&mut self) {
        let mut down = Vec::new();
        for (end, codes) in
            [(self.from, ["SOURCE_NOT_RUNNING", "SOURCE_PAUSED"]), (self.to, ["TARGET_NOT_RUNNING", "TARGET_PAUSED"])]
        {
            let Some(container) = end.container else { continue };
            let owner =
                if let Stack::Of(owner) = end.stack { Some(owner).filter(|o| o.id != container.id) } else { None };
            let stopped = [Some(container), owner].into_iter().flatten().find(|c| c.state != State::Running);
            let Some(stopped) = stopped else { continue };
            let name = &stopped.name;
            let shares = if stopped.id == container.id {
                String::new()
            } else {
                format!(", whose network {} shares", container.name)
            };
            down.push(match stopped.state {
                State::Paused => {
                    Obstacle::new(codes[1], format!("{name}{shares} is paused"), format!("docker unpause {name}"))
                }
                state => {
                    let why = stopped.reason().unwrap_or_else(|| state.word().to_owned());
                    let todo = match state {
                        State::Restarting => format!("docker logs --tail 20 {name}"),
                        _ => format!("docker start {name}"),
                    };
                    Obstacle::new(codes[0], format!("{name}{shares} does not run: {why}"), todo)
                }
            });
        }
        down.dedup();
        if down.is_empty() {
            return;
        }
        if let Some(way) = self.ways.first()
            && let (Some(name), Some(last)) = (way.names.first(), down.last_mut())
        {
            last.what = format!("{} (else reached as {name} on {})", last.what, way.network);
        }
        self.ways.clear();
        down.append(&mut self.obstacles);
        self.obstacles = down;
    }
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
