//! Networks, who is on them, and where that can be reached, as rows of a tree.

use serde::Serialize;

use crate::engine::model::{Container, Id, Network, Port};

use super::map::{Map, Stack, names};

/// What a row stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A network.
    Network(Id),
    /// A container, in a network or without one.
    Container(Id),
    /// A port, as it is inside (`8000/tcp`).
    Port(String),
    /// Where the host publishes the port above it (`0.0.0.0:8080`).
    HostAddress(String),
    /// A heading: what is not on a network that containers share.
    Heading,
}

/// A row of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// How deep it is: 0 for networks and headings, 1 for containers, 2 for ports, 3 for the host's addresses.
    pub depth: u8,
    /// What it stands for.
    pub kind: NodeKind,
    /// Its name.
    pub label: String,
    /// What else is to be known of it: subnet and driver, address and other names.
    pub note: String,
}

impl Node {
    fn new(depth: u8, kind: NodeKind, label: impl Into<String>, note: impl Into<String>) -> Self {
        Self { depth, kind, label: label.into(), note: note.into() }
    }
}

/// All networks by name, those with members first, each with its members, their ports and where the host publishes
/// these; last, containers that have the host's network, that of another, or none.
pub fn tree(map: &Map<'_>) -> Vec<Node> {
    let mut rows = Vec::new();
    let mut networks: Vec<&Network> =
        map.networks.iter().filter(|n| !matches!(n.driver.as_str(), "host" | "null")).copied().collect();
    networks.sort_by_key(|n| (map.members(n).is_empty(), n.name.clone()));
    for network in networks {
        rows.push(Node::new(0, NodeKind::Network(network.id.clone()), &network.name, of_network(network)));
        for (container, at) in map.members(network) {
            let mut note: Vec<String> = at.ip.or(at.ip6).map(|ip| ip.to_string()).into_iter().collect();
            if !container.state.is_up() {
                note.push(container.state.word().to_owned());
            }
            if !network.is_default() {
                // The container's own name stands there already, and nobody uses the short identifier.
                let mut called = names(container, at);
                called.pop();
                called.retain(|n| *n != container.name);
                note.extend((!called.is_empty()).then(|| format!("also {}", called.join(", "))));
            }
            push(&mut rows, container, &note.join(" · "));
        }
    }
    let mut others: Vec<(&str, &Container, String)> = Vec::new();
    for container in &map.containers {
        let sharing = container.network_mode.starts_with("container:");
        match map.stack(container) {
            Stack::Host if !sharing => others.push(("host network", container, "the host's own ports".to_owned())),
            Stack::Nothing if !sharing => others.push(("no network", container, "only its own localhost".to_owned())),
            Stack::Of(owner) if owner.id != container.id => {
                others.push(("another container's network", container, format!("that of {}", owner.name)));
            }
            Stack::Lost => {
                others.push(("another container's network", container, "whose container is gone".to_owned()));
            }
            Stack::Of(_) if container.networks.is_empty() => others.push(("no network", container, String::new())),
            _ => {}
        }
    }
    others.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
    let mut heading = "";
    for (under, container, note) in others {
        if under != heading {
            rows.push(Node::new(0, NodeKind::Heading, under, ""));
            heading = under;
        }
        push(&mut rows, container, &note);
    }
    rows
}

fn of_network(network: &Network) -> String {
    let mut note = vec![network.driver.clone()];
    note.extend(network.subnets.iter().map(|(subnet, _)| subnet.clone()).filter(|s| !s.is_empty()));
    for (is, word) in [
        (network.internal, "internal: no way out"),
        (network.is_default(), "names do not work"),
        (network.is_closed(), "members may not speak to each other"),
    ] {
        note.extend(is.then(|| word.to_owned()));
    }
    note.join(" · ")
}

fn push(rows: &mut Vec<Node>, container: &Container, note: &str) {
    rows.push(Node::new(1, NodeKind::Container(container.id.clone()), &container.name, note));
    let mut last = None;
    // Ports are sorted by the host's side; here those of one port stand together.
    let mut ports: Vec<&Port> = container.ports.iter().collect();
    ports.sort_by_key(|p| (p.container, p.protocol.clone(), p.host_ip, p.host));
    for port in ports {
        let inside = format!("{}/{}", port.container, port.protocol);
        if last.as_ref() != Some(&inside) {
            let note = if port.host.is_none() { "exposed, not published" } else { "" };
            rows.push(Node::new(2, NodeKind::Port(inside.clone()), &inside, note));
            last = Some(inside);
        }
        if let Some(host) = port.host {
            let ip = port.host_ip.map_or_else(|| "0.0.0.0".to_owned(), |ip| ip.to_string());
            let at = if ip.contains(':') { format!("[{ip}]:{host}") } else { format!("{ip}:{host}") };
            let note = match port.host_ip {
                Some(ip) if ip.is_loopback() => "this host only",
                Some(ip) if !ip.is_unspecified() => "",
                _ => "every address of the host",
            };
            rows.push(Node::new(3, NodeKind::HostAddress(at.clone()), at, note));
        }
    }
}

/// The same from the other side: where the host is reached, what answers there, and the networks that it is on.
pub fn published(map: &Map<'_>) -> Vec<Node> {
    let mut at: Vec<(u16, &Port, &Container)> =
        map.containers.iter().flat_map(|c| c.ports.iter().filter_map(|p| Some((p.host?, p, *c)))).collect();
    at.sort_by(|a, b| (a.0, a.1.host_ip, &a.2.name).cmp(&(b.0, b.1.host_ip, &b.2.name)));
    let mut rows: Vec<Node> = Vec::new();
    for (host, port, container) in at {
        let ip = port.host_ip.map_or_else(|| "0.0.0.0".to_owned(), |ip| ip.to_string());
        let address = if ip.contains(':') { format!("[{ip}]:{host}") } else { format!("{ip}:{host}") };
        let inside = format!("{}/{}", port.container, port.protocol);
        rows.push(Node::new(0, NodeKind::HostAddress(address.clone()), address, ""));
        rows.push(Node::new(1, NodeKind::Container(container.id.clone()), &container.name, format!("port {inside}")));
        for at in &container.networks {
            let Some(network) = map.network(at) else { continue };
            let ip = at.ip.or(at.ip6).map_or_else(String::new, |ip| ip.to_string());
            rows.push(Node::new(2, NodeKind::Network(network.id.clone()), &network.name, ip));
        }
    }
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{attached, bridge, container, port};
    use super::*;

    fn drawn(rows: &[Node]) -> Vec<String> {
        let line = |n: &Node| format!("{}{} [{}]", "  ".repeat(n.depth.into()), n.label, n.note);
        rows.iter().map(line).collect()
    }

    #[test]
    fn networks_lead_to_members_to_ports_to_the_hosts_addresses_and_back() {
        let (back, front) = (bridge("shop_back", 20), bridge("shop_front", 21));
        let mut web = attached(container("web"), &[(&back, 2), (&front, 2)]);
        web.ports = vec![port(Some(("0.0.0.0", 8080)), 80), port(Some(("::", 8080)), 80), port(None, 9000)];
        let mut agent = container("agent");
        agent.network_mode = "host".into();
        let mut side = container("side");
        side.network_mode = "container:web".into();
        let map = Map { containers: vec![&web, &agent, &side], networks: vec![&back, &front] };
        assert_eq!(
            drawn(&tree(&map)[..6]),
            [
                "shop_back [bridge · 172.20.0.0/16]",
                "  web [172.20.0.2]",
                "    80/tcp []",
                "      0.0.0.0:8080 [every address of the host]",
                "      [::]:8080 [every address of the host]",
                "    9000/tcp [exposed, not published]",
            ]
        );
        let rest = drawn(&tree(&map));
        let end = [
            "another container's network []",
            "  side [that of web]",
            "host network []",
            "  agent [the host's own ports]",
        ];
        assert_eq!(rest[rest.len() - 4..], end);
        assert_eq!(
            drawn(&published(&map)[..4]),
            ["0.0.0.0:8080 []", "  web [port 80/tcp]", "    shop_back [172.20.0.2]", "    shop_front [172.21.0.2]"]
        );
    }
}
