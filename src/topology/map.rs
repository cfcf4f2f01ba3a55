//! What lies between containers: whose network is whose, and which of them a network has.

use std::net::IpAddr;

use crate::engine::model::{Attachment, Container, Id, Network};

use super::Subnet;

/// Containers and networks, to be asked about ways.
#[derive(Debug, Clone)]
pub struct Map<'a> {
    /// Containers, running or not.
    pub containers: Vec<&'a Container>,
    /// Networks.
    pub networks: Vec<&'a Network>,
}

/// Where a container's ports are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stack<'a> {
    /// Those of the host itself.
    Host,
    /// Those of this container, which is its own or the one whose network it shares.
    Of(&'a Container),
    /// Nowhere but within itself.
    Nothing,
    /// It shares the network of a container that is not there.
    Lost,
}

impl<'a> Map<'a> {
    /// A map of a snapshot.
    pub fn of(snap: &'a crate::fleet::Snapshot) -> Self {
        Self {
            containers: snap.containers.values().map(|c| &**c).collect(),
            networks: snap.networks.values().map(|n| &**n).collect(),
        }
    }

    /// A container by its identifier.
    pub fn container(&self, id: &str) -> Option<&'a Container> {
        self.containers.iter().find(|c| *c.id == *id).copied()
    }

    /// The network that a container is attached to.
    pub fn network(&self, at: &Attachment) -> Option<&'a Network> {
        self.networks.iter().find(|n| is_of(at, n)).copied()
    }

    /// The containers on a network, each with its place there, by name.
    pub fn members(&self, network: &Network) -> Vec<(&'a Container, &'a Attachment)> {
        let place = |c: &&'a Container| c.networks.iter().find(|a| is_of(a, network)).map(|a| (*c, a));
        let mut members: Vec<_> = self.containers.iter().filter_map(place).collect();
        members.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        members
    }

    /// Where a container's ports are.
    pub(super) fn stack(&self, container: &'a Container) -> Stack<'a> {
        let mut at = container;
        // One shares the network of one that shares that of a third; a ring cannot be, but may be read.
        for _ in 0..8 {
            let mode = at.network_mode.as_str();
            if let Some(owner) = mode.strip_prefix("container:") {
                let found = self.containers.iter().find(|c| *c.id == *owner || c.name == owner);
                let Some(found) = found else { return Stack::Lost };
                at = found;
                continue;
            }
            let on = |name: &str| mode == name || (mode.is_empty() && at.networks.iter().any(|a| a.network == name));
            return match () {
                () if on("host") => Stack::Host,
                // One that was attached later has that network all the same.
                () if on("none") && at.networks.iter().all(|a| a.network == "none") => Stack::Nothing,
                () => Stack::Of(at),
            };
        }
        Stack::Lost
    }
}

fn is_of(at: &Attachment, network: &Network) -> bool {
    if at.network_id.is_empty() { at.network == network.name } else { *at.network_id == *network.id }
}

impl Network {
    /// Whether it is the one that containers are on which ask for none: names do not work there.
    pub fn is_default(&self) -> bool {
        self.option("com.docker.network.bridge.default_bridge") == Some("true")
            || matches!(&*self.name, "bridge" | "podman")
    }

    /// Whether the host itself has an address on it, by which members reach the host.
    pub fn is_bridge(&self) -> bool {
        self.driver == "bridge"
    }

    /// Whether its members may not speak to each other.
    pub fn is_closed(&self) -> bool {
        self.option("com.docker.network.bridge.enable_icc") == Some("false")
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// The host's address on it. Some engines do not tell that of the default bridge; it is the first then.
    pub fn gateway(&self) -> Option<IpAddr> {
        let (subnet, gateway) = self.subnets.first()?;
        gateway.parse().ok().or_else(|| subnet.parse().ok().map(|s: Subnet| s.first()))
    }

    /// The compose project that made it, and what that calls it.
    pub fn compose(&self) -> Option<(&str, &str)> {
        let project = self.labels.get("com.docker.compose.project").filter(|p| !p.is_empty())?;
        let key = self.labels.get("com.docker.compose.network").map(String::as_str);
        let own = || self.name.strip_prefix(project.as_str())?.strip_prefix('_');
        Some((project, key.or_else(own).unwrap_or(&self.name)))
    }
}

/// The names a container answers to on a network where names work, the shortest first.
pub fn names(container: &Container, at: &Attachment) -> Vec<String> {
    let id = crate::text::short_id(&container.id).to_owned();
    let mut names: Vec<String> = at.aliases.iter().filter(|a| **a != id && !a.is_empty()).cloned().collect();
    // A listing leaves the other names out; compose gives each service's containers its name.
    if at.aliases.is_empty() && !crate::stacks::is_one_off(container) {
        names.extend(container.service().map(str::to_owned));
    }
    names.push(container.name.clone());
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    names.dedup();
    // It always works, and nobody wants it.
    names.push(id);
    names
}

/// Where to find a container: one, none of that name, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This one.
    One(Id),
    /// None; names that are like it.
    None(Vec<String>),
    /// More than one: their names.
    Several(Vec<String>),
}

/// The container that a person means: by name, identifier or its beginning, `stack/service`, or a service's name.
pub fn find(containers: &[&Container], text: &str) -> Found {
    let text = text.trim_start_matches('/');
    if let Some(exact) = containers.iter().find(|c| c.name == text || *c.id == *text) {
        return Found::One(exact.id.clone());
    }
    let hex = text.len() >= 4 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let service = |c: &Container| match text.split_once('/') {
        Some((stack, service)) => c.stack() == Some(stack) && c.service() == Some(service),
        None => c.service() == Some(text) && c.stack().is_some(),
    };
    for matching in [
        &(|c: &Container| hex && c.id.starts_with(text)) as &dyn Fn(&Container) -> bool,
        &(|c: &Container| service(c) && !crate::stacks::is_one_off(c)),
        &service,
    ] {
        let mut found: Vec<_> = containers.iter().filter(|c| matching(c)).collect();
        match found.len() {
            0 => {}
            1 => return Found::One(found.remove(0).id.clone()),
            _ => {
                let mut names: Vec<String> = found.iter().map(|c| c.name.clone()).collect();
                names.sort();
                return Found::Several(names);
            }
        }
    }
    Found::None(like(containers, text))
}

/// Names that are like one, at most three.
fn like(containers: &[&Container], text: &str) -> Vec<String> {
    let asked = text.to_lowercase();
    let within = |c: &&&Container| !asked.is_empty() && c.name.to_lowercase().contains(&asked);
    let mut names: Vec<String> = containers.iter().filter(within).map(|c| c.name.clone()).collect();
    if names.is_empty() {
        let known = containers.iter().flat_map(|c| [Some(c.name.as_str()), c.service()]).flatten();
        names.extend(crate::dockerfile::nearest(text, known).map(str::to_owned));
    }
    names.sort();
    names.truncate(3);
    names
}
