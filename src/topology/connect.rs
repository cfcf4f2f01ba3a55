//! The commands and compose lines that put a container on a network.

use crate::engine::model::{Container, Network};

use super::Map;

/// How a container gets onto a network: now, and for good.
pub(super) fn connect(map: &Map<'_>, network: &Network, container: &Container) -> String {
    let now = format!("docker network connect {} {}", network.name, container.name);
    match compose_lines(map, container, network) {
        Some(lines) => format!("{now}\n{lines}"),
        None => now,
    }
}

/// What a container's compose file has to say so that it is on a network besides those that it is on.
fn compose_lines(map: &Map<'_>, container: &Container, network: &Network) -> Option<String> {
    let (project, service) = (container.stack()?, container.service()?);
    let mut keys: Vec<(String, Option<String>)> = Vec::new();
    let on = container.networks.iter().filter_map(|a| map.network(a)).filter(|n| !n.is_default());
    for network in on.chain([network]) {
        let entry = match network.compose() {
            Some((owner, key)) if owner == project => (key.to_owned(), None),
            Some((_, key)) if key != "default" => (key.to_owned(), Some(network.name.clone())),
            _ => (network.name.clone(), Some(network.name.clone())),
        };
        if !keys.contains(&entry) {
            keys.push(entry);
        }
    }
    let named = keys.iter().map(|(k, _)| k.as_str()).collect::<Vec<_>>().join(", ");
    let mut lines = vec![format!("services:\n  {service}:\n    networks: [{named}]\nnetworks:")];
    lines.extend(keys.iter().map(|(key, external)| match external {
        // Compose looks for an external network of the key's name.
        Some(name) if name == key => format!("  {key}: {{external: true}}"),
        Some(name) => format!("  {key}: {{external: true, name: {name}}}"),
        None => format!("  {key}: {{}}"),
    }));
    Some(lines.join("\n"))
}

/// The network that two containers would best share: one of the second's, else one of the first's, and who has to be
/// put on it. A network that names work on, and one with a way out before an internal one.
pub(super) fn bring_together(map: &Map<'_>, a: &Container, b: &Container) -> String {
    for (has, lacks) in [(b, a), (a, b)] {
        let mut fit: Vec<&Network> =
            has.networks.iter().filter_map(|n| map.network(n)).filter(|n| n.is_bridge() && !n.is_default()).collect();
        fit.sort_by_key(|n| (n.is_closed(), n.internal, n.name.clone()));
        if let Some(network) = fit.first().filter(|n| !n.is_closed()) {
            return connect(map, network, lacks);
        }
    }
    let name = b.stack().or(a.stack()).map_or_else(|| "shared".to_owned(), |s| format!("{s}-shared"));
    format!(
        "docker network create {name}\ndocker network connect {name} {}\ndocker network connect {name} {}",
        a.name, b.name
    )
}
