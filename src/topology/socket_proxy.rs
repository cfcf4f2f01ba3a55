//! Containers that pass a part of the engine's API on: what they permit, and to whom.

use serde::Serialize;

use crate::engine::model::{Container, Id, Inspection};

use super::map::{Map, Stack};
use super::proxy::{Proxy, image_name, socket};

/// A container that passes some of the engine's API on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SocketProxy {
    /// The container.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Parts of the API that it lets pass: `CONTAINERS`, `EVENTS`, `POST`...
    pub permits: Vec<String>,
    /// Who can reach it, by name.
    pub reached_by: Vec<String>,
    /// What is dangerous about that; empty mostly.
    pub warnings: Vec<String>,
}

/// What docker-socket-proxy and those that are made after it know, and whether it is on when nothing is said.
const SECTIONS: [(&str, bool); 29] = [
    ("ALLOW_PAUSE", false),
    ("ALLOW_RESTARTS", false),
    ("ALLOW_START", false),
    ("ALLOW_STOP", false),
    ("ALLOW_UNPAUSE", false),
    ("AUTH", false),
    ("BUILD", false),
    ("COMMIT", false),
    ("CONFIGS", false),
    ("CONTAINERS", false),
    ("DISTRIBUTION", false),
    ("EVENTS", true),
    ("EXEC", false),
    ("GRPC", false),
    ("IMAGES", false),
    ("INFO", false),
    ("NETWORKS", false),
    ("NODES", false),
    ("PING", true),
    ("PLUGINS", false),
    ("POST", false),
    ("SECRETS", false),
    ("SERVICES", false),
    ("SESSION", false),
    ("SWARM", false),
    ("SYSTEM", false),
    ("TASKS", false),
    ("VERSION", true),
    ("VOLUMES", false),
];
/// Sections so special that two of them tell what a container is, whatever its image is called.
const TELLING: [&str; 12] = [
    "ALLOW_RESTARTS",
    "ALLOW_START",
    "ALLOW_STOP",
    "CONTAINERS",
    "DISTRIBUTION",
    "EXEC",
    "IMAGES",
    "NETWORKS",
    "NODES",
    "POST",
    "SERVICES",
    "VOLUMES",
];

/// Whether a listing's container may be one: it has the engine's socket.
pub(super) fn may_be(container: &Container) -> bool {
    socket(container).is_some()
}

/// What an inspected container permits, if it is one.
pub(super) fn permits(inspection: &Inspection) -> Option<Vec<String>> {
    socket(&inspection.container)?;
    let set = |name: &str| {
        let line = inspection.env.iter().rev().find_map(|l| l.split_once('=').filter(|(k, _)| *k == name));
        line.map(|(_, value)| !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "false"))
    };
    let by_rules = by_rules(inspection);
    let named = image_name(&inspection.container.image).contains("socket-proxy");
    let telling = TELLING.iter().filter(|name| set(name).is_some()).count();
    if !by_rules.is_empty() {
        return Some(by_rules);
    }
    if !named && telling < 2 {
        return None;
    }
    let on = SECTIONS.iter().filter(|(name, usual)| set(name).unwrap_or(*usual));
    Some(on.map(|(name, _)| (*name).to_owned()).collect())
}

/// Other proxies take a pattern of paths for each method: `-allowGET=/v1\..{1,2}/(version|containers/.*)`.
fn by_rules(inspection: &Inspection) -> Vec<String> {
    let args = inspection.raw.get("Args").and_then(serde_json::Value::as_array).into_iter().flatten();
    let args = args.filter_map(|a| a.as_str()?.trim_start_matches('-').strip_prefix("allow")?.split_once('='));
    let env = inspection.env.iter().filter_map(|l| l.strip_prefix("SP_ALLOW_")?.split_once('='));
    let method = |m: &str| m.len() >= 3 && m.bytes().all(|b| b.is_ascii_uppercase());
    let mut found: Vec<String> = args
        .chain(env)
        .filter(|(m, _)| method(m))
        .map(|(m, pattern)| format!("{m} {}", crate::text::clean(pattern)))
        .collect();
    found.sort();
    found
}

impl SocketProxy {
    /// Whether it lets pass what this section is about.
    pub fn has(&self, section: &str) -> bool {
        self.permits.iter().any(|p| p == section)
            || match section {
                // Patterns: whoever may read all of them, or names them.
                "CONTAINERS" => self
                    .permits
                    .iter()
                    .any(|p| p.starts_with("GET ") && (p.contains("containers") || p.contains("/.*"))),
                "POST" => self.permits.iter().any(|p| p.starts_with("POST ")),
                _ => false,
            }
    }

    /// Puts together who can reach it and what is dangerous about it. Proxies are those who need it.
    pub(super) fn of(map: &Map<'_>, container: &Container, permits: Vec<String>, proxies: &[Proxy]) -> Self {
        let mut reached: Vec<String> = Vec::new();
        let mut open_networks = Vec::new();
        let host = matches!(map.container(&container.id).map(|c| map.stack(c)), Some(Stack::Host));
        for at in &container.networks {
            let Some(network) = map.network(at).filter(|n| !n.is_closed() && n.driver != "host") else { continue };
            let members = map.members(network);
            reached.extend(members.iter().filter(|(c, _)| c.id != container.id).map(|(c, _)| c.name.clone()));
            if !network.internal {
                open_networks.push(network.name.clone());
            }
        }
        reached.sort();
        reached.dedup();
        let mut made = Self {
            id: container.id.clone(),
            name: container.name.clone(),
            permits,
            reached_by: reached,
            warnings: vec![],
        };
        made.warn(container, host, &open_networks, proxies);
        made
    }

    fn warn(&mut self, container: &Container, host: bool, open_networks: &[String], proxies: &[Proxy]) {
        let mut warnings = Vec::new();
        if self.has("POST") {
            for (section, can) in [
                ("CONTAINERS", "make a container that has the whole host"),
                ("EXEC", "run commands in every container"),
                ("BUILD", "build images, which runs commands"),
                ("IMAGES", "replace and remove images"),
                ("VOLUMES", "make volumes of any path of the host, and remove volumes"),
                ("NETWORKS", "put itself on every network"),
                ("SWARM", "change the swarm"),
                ("SERVICES", "change services"),
            ] {
                if self.has(section) {
                    warnings.push(format!("POST with {section}: whoever reaches it can {can}"));
                }
            }
        }
        if self.has("SECRETS") {
            warnings.push("SECRETS: whoever reaches it can list the swarm's secrets".to_owned());
        }
        for port in container.ports.iter().filter(|p| p.host.is_some()) {
            let ip = port.host_ip.map_or_else(|| "0.0.0.0".to_owned(), |ip| ip.to_string());
            let who = match port.host_ip {
                Some(ip) if ip.is_loopback() => "every program of the host",
                _ => "whoever reaches the host",
            };
            let told =
                format!("published at {ip}:{}: {who} can ask it; take `ports` out", port.host.unwrap_or_default());
            // Published at all addresses, it stands there once for each kind of address.
            if !warnings.iter().any(|w: &String| w.starts_with("published at 0.0.0.0")) {
                warnings.push(told);
            }
        }
        if host {
            warnings.push("on the host's network: whoever reaches the host can ask it".to_owned());
        }
        let others: Vec<&str> = self
            .reached_by
            .iter()
            .map(String::as_str)
            .filter(|name| !proxies.iter().any(|p| p.name == *name))
            .collect();
        if !proxies.is_empty() && !others.is_empty() {
            let some = if others.len() > 4 {
                format!("{} and {} more", others[..3].join(", "), others.len() - 3)
            } else {
                others.join(", ")
            };
            warnings.push(format!("{some} can ask it, too: give it a network of its own, with the proxy only"));
        }
        if !open_networks.is_empty() {
            warnings.push(format!(
                "{} has a way out: make its network internal (internal: true)",
                open_networks.join(", ")
            ));
        }
        self.warnings = warnings;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::testing::{attached, bridge, container, port};
    use super::*;
    use crate::engine::model::{Mount, Network};

    fn with_socket(image: &str, env: &[&str], args: &[&str]) -> Inspection {
        let mount = Mount {
            kind: "bind".into(),
            name: None,
            source: "/var/run/docker.sock".into(),
            target: "/var/run/docker.sock".into(),
            writable: false,
        };
        Inspection {
            container: Container { image: image.into(), mounts: vec![mount], ..container("sp") },
            env: env.iter().map(|l| (*l).to_owned()).collect(),
            raw: serde_json::json!({ "Args": args }),
            ..Inspection::default()
        }
    }

    #[test]
    fn what_it_permits_is_what_it_is_told_and_else_what_it_does_by_itself() {
        let usual = ["EVENTS", "PING", "VERSION"];
        assert_eq!(permits(&with_socket("tecnativa/docker-socket-proxy:0.3", &[], &[])).unwrap(), usual);
        let set = ["CONTAINERS=1", "POST=0", "EVENTS=0", "NETWORKS=true", "VERSION=0", "IMAGES="];
        assert_eq!(permits(&with_socket("x/y:1", &set, &[])).unwrap(), ["CONTAINERS", "NETWORKS", "PING"]);
        assert_eq!(permits(&with_socket("portainer/portainer-ce", &["PATH=/bin", "POST=1"], &[])), None);
        let mut without = with_socket("tecnativa/docker-socket-proxy", &[], &[]);
        without.container.mounts.clear();
        assert_eq!(permits(&without), None);
        let rules = with_socket(
            "wollomatic/socket-proxy:1",
            &[],
            &["-loglevel=info", "-allowGET=/v1\\..{1,2}/(version|containers/.*)"],
        );
        assert_eq!(permits(&rules).unwrap(), ["GET /v1\\..{1,2}/(version|containers/.*)"]);
    }

    #[test]
    fn what_is_dangerous_about_it_is_told() {
        let (own, proxy) = (Network { internal: true, ..bridge("socket", 20) }, bridge("proxy", 21));
        let permits = |all: &[&str]| all.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let traefik = attached(container("traefik"), &[(&own, 2), (&proxy, 2)]);
        let told = Proxy::of(&traefik, &BTreeMap::new());
        let right = attached(container("sp"), &[(&own, 3)]);
        let map = Map { containers: vec![&traefik, &right], networks: vec![&own, &proxy] };
        let made = SocketProxy::of(&map, &right, permits(&["CONTAINERS", "EVENTS"]), std::slice::from_ref(&told));
        assert_eq!((made.reached_by, made.warnings), (vec!["traefik".to_owned()], vec![]));
        let app = attached(container("app"), &[(&proxy, 4)]);
        let mut wrong = attached(container("sp"), &[(&proxy, 3)]);
        wrong.ports = vec![port(Some(("0.0.0.0", 2375)), 2375), port(Some(("::", 2375)), 2375)];
        let map = Map { containers: vec![&traefik, &wrong, &app], networks: vec![&own, &proxy] };
        let made = SocketProxy::of(&map, &wrong, permits(&["CONTAINERS", "POST"]), &[told]);
        assert_eq!(made.reached_by, ["app", "traefik"]);
        assert_eq!(
            made.warnings,
            [
                "POST with CONTAINERS: whoever reaches it can make a container that has the whole host",
                "published at 0.0.0.0:2375: whoever reaches the host can ask it; take `ports` out",
                "app can ask it, too: give it a network of its own, with the proxy only",
                "proxy has a way out: make its network internal (internal: true)",
            ]
        );
    }
}
