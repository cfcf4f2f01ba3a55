//! Containers and networks for tests that need no engine.
#![allow(clippy::unwrap_used)]

use crate::engine::model::{Attachment, Container, Network, Port, State};

/// A running container whose identifier is its name.
pub(crate) fn container(name: &str) -> Container {
    Container { id: name.into(), name: name.into(), state: State::Running, ..Container::default() }
}

/// A service of a compose project.
pub(crate) fn service(stack: &str, name: &str) -> Container {
    let mut made = container(&format!("{stack}-{name}-1"));
    for (key, value) in [("project", stack), ("service", name)] {
        made.labels.insert(format!("com.docker.compose.{key}"), value.to_owned());
    }
    made
}

/// A bridge network `172.N.0.0/16`.
pub(crate) fn bridge(name: &str, n: u8) -> Network {
    Network {
        id: format!("id-{name}").into(),
        name: name.into(),
        driver: "bridge".into(),
        scope: "local".into(),
        subnets: vec![(format!("172.{n}.0.0/16"), format!("172.{n}.0.1"))],
        ..Network::default()
    }
}

/// The container on these networks, with the last number of its address in each.
pub(crate) fn attached(mut container: Container, networks: &[(&Network, u8)]) -> Container {
    container.networks = networks
        .iter()
        .map(|(network, n)| Attachment {
            network: network.name.clone(),
            network_id: network.id.to_string(),
            ip: format!("{}{n}", network.subnets[0].1.trim_end_matches('1')).parse().ok(),
            gateway: network.subnets[0].1.parse().ok(),
            ..Attachment::default()
        })
        .collect();
    container
}

/// A port, and where the host publishes it.
pub(crate) fn port(host: Option<(&str, u16)>, inside: u16) -> Port {
    Port {
        host_ip: host.map(|(ip, _)| ip.parse().unwrap()),
        host: host.map(|(_, port)| port),
        container: inside,
        protocol: "tcp".into(),
    }
}
