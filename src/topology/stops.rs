//! What stops a route, one check each.

use crate::dockerfile::nearest;
use crate::engine::model::{Attachment, Container, Network};

use super::chain::Scene;
use super::labels::{Protocol, Router, Service};
use super::map::{Map, Stack, names};
use super::proxy::Proxy;
use super::traefik_api::Said;
use super::{Obstacle, connect};

/// Whether a container and a proxy are on one network, or the proxy is on the host's, from where all are reached.
pub(super) fn share(map: &Map<'_>, container: &Container, proxy: &Proxy) -> bool {
    !common(map, container, proxy).is_empty()
}

/// The container's places on networks from which a proxy reaches it.
fn common<'a>(map: &Map<'a>, container: &'a Container, proxy: &Proxy) -> Vec<(&'a Network, &'a Attachment)> {
    let here = |c: &'a Container| c.networks.iter().filter_map(|a| Some((map.network(a)?, a)));
    let Some(proxy) = map.container(&proxy.id) else { return Vec::new() };
    let found = here(container).filter(|(n, _)| !matches!(n.driver.as_str(), "host" | "null"));
    match map.stack(proxy) {
        Stack::Host => found.filter(|(n, _)| n.is_bridge()).collect(),
        Stack::Of(owner) => found.filter(|(n, _)| !n.is_closed() && here(owner).any(|(m, _)| m.id == n.id)).collect(),
        Stack::Nothing | Stack::Lost => Vec::new(),
    }
}

/// Why a proxy sees no containers at all.
pub(super) fn blind(scene: &Scene<'_>, proxy: &Proxy) -> Option<Obstacle> {
    if !proxy.sees_docker {
        return Some(Obstacle::new(
            "PROVIDER_OFF",
            format!("{} does not look at containers: its provider docker is off", proxy.name),
            "command: [--providers.docker=true]",
        ));
    }
    let Some(address) = proxy.endpoint.strip_prefix("tcp://").or_else(|| proxy.endpoint.strip_prefix("http://")) else {
        return (!proxy.has_socket && proxy.endpoint.starts_with("unix://")).then(|| {
            Obstacle::new(
                "NO_DOCKER_SOCKET",
                format!("{} cannot ask the engine: its socket is not mounted", proxy.name),
                "volumes: [/var/run/docker.sock:/var/run/docker.sock:ro], or better by a socket proxy:\n\
                 command: [--providers.docker.endpoint=tcp://socket-proxy:2375]",
            )
        });
    };
    let host = address.split(['/', ':']).next().unwrap_or(address);
    if host.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let traefik = scene.map.container(&proxy.id)?;
    let called = |c: &&&Container| c.networks.iter().any(|a| names(c, a).iter().any(|n| n == host));
    let (near, far): (Vec<&Container>, Vec<&Container>) =
        scene.map.containers.iter().filter(|c| c.id != proxy.id).filter(called).partition(|c| {
            super::reach(scene.map, &proxy.id, &c.id)
                .is_some_and(|r| r.ways.iter().any(|w| w.names.iter().any(|n| n == host)))
        });
    let Some(found) = near.first() else {
        let what = format!("{} asks the engine at {}, and cannot reach {host}", proxy.name, proxy.endpoint);
        // Of several of that name, that of its own stack is meant; and a stopped one is still the one.
        let meant = far.iter().find(|c| c.stack().is_some() && c.stack() == traefik.stack()).or(far.first());
        return Some(match meant {
            Some(meant) => {
                let why = super::reach(scene.map, &proxy.id, &meant.id).and_then(|r| r.obstacles.into_iter().next());
                let (why, todo) = why.map_or_else(Default::default, |o| (format!(": {}", o.what), o.todo));
                Obstacle::new("SOCKET_PROXY_UNREACHABLE", format!("{what}{why}"), todo)
            }
            None => Obstacle::new(
                "SOCKET_PROXY_UNREACHABLE",
                format!("{what}: no container is called so"),
                format!("start {host} on a network with {}", proxy.name),
            ),
        });
    };
    let socket = scene.socket_proxies.iter().find(|s| s.id == found.id)?;
    let patterns = socket.permits.iter().any(|p| p.contains(' '));
    let lacks: Vec<&str> = ["CONTAINERS", "EVENTS", "VERSION"]
        .into_iter()
        .filter(|s| !(socket.has(s) || patterns && *s != "CONTAINERS"))
        .collect();
    (!lacks.is_empty()).then(|| {
        let set = lacks.iter().map(|s| format!("{s}: 1")).collect::<Vec<_>>().join(", ");
        Obstacle::new(
            "SOCKET_PROXY_FORBIDS",
            format!("{} asks {} for containers, which permits no {}", proxy.name, socket.name, lacks.join(", ")),
            format!("environment: {{{set}}}   (of {})", socket.name),
        )
    })
}

pub(super) fn entry_points(proxy: &Proxy, said: Option<&Said>, asked: &[String], router: &str) -> Vec<Obstacle> {
    let known = |name: &&String| {
        proxy.entry_point(name).is_some()
            || said.is_some_and(|s| s.entry_points.iter().any(|e| e.eq_ignore_ascii_case(name)))
    };
    let told = |name: &String| {
        let has: Vec<&str> = proxy.entry_points.keys().map(String::as_str).filter(|n| *n != "traefik").collect();
        let todo = match nearest(name, has.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("use one of {}, or add it: --entrypoints.{name}.address=:PORT", has.join(", ")),
        };
        let what = format!("{router} wants the entry point {name}; {} has {}", proxy.name, has.join(", "));
        Obstacle::new("ENTRY_POINT_UNKNOWN", what, todo)
    };
    asked.iter().filter(|n| !known(n)).map(told).collect()
}

/// What is wrong with a rule that can be seen without knowing what it means.
pub(super) fn rule(router: &Router) -> Option<Obstacle> {
    let word = router.protocol.word();
    let wrong = |what: String| {
        let todo = format!("traefik.{word}.routers.{}.rule: \"Host(`shop.example.com`)\"", router.name);
        Some(Obstacle::new("RULE_WRONG", what, todo))
    };
    let Some(rule) = router.rule.as_deref() else {
        // TCP has no rule of its own, and UDP needs none.
        return (router.protocol == Protocol::Tcp)
            .then(|| wrong(format!("{} has no rule, which TCP needs", router.name)))
            .flatten();
    };
    let (mut depth, mut quote) = (0_i32, None);
    for c in rule.chars() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (None, '`' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth -= 1;
                if depth < 0 {
                    break;
                }
            }
            _ => {}
        }
    }
    if quote.is_some() || depth != 0 {
        return wrong(format!("the rule of {} has a bracket or quote too many or too few: {rule}", router.name));
    }
    // A shell or compose takes backquotes and dollars away.
    if rule.contains("()") && !rule.contains('`') {
        return wrong(format!("the rule of {} has nothing in its brackets: {rule}", router.name));
    }
    None
}

/// The network by which a proxy gets to a container, and what stops it.
pub(super) fn network(
    map: &Map<'_>,
    proxy: Option<&Proxy>,
    target: &Container,
    label: Option<&str>,
) -> (Option<String>, Vec<Obstacle>) {
    let Some(proxy) = proxy else { return (None, Vec::new()) };
    let Some(traefik) = map.container(&proxy.id) else { return (None, Vec::new()) };
    let owner = match map.stack(target) {
        Stack::Of(owner) => owner,
        Stack::Host => return (Some("host".to_owned()), to_host(map, proxy, traefik, target)),
        Stack::Nothing | Stack::Lost => {
            let what = format!("{} has no network, so {} cannot reach it", target.name, proxy.name);
            return (None, vec![Obstacle::new("NO_COMMON_NETWORK", what, todo(map, proxy, traefik, target))]);
        }
    };
    if owner.id == traefik.id {
        return (Some(format!("container:{}", owner.name)), Vec::new());
    }
    let common = common(map, owner, proxy);
    let first = common.first().map(|(n, _)| n.name.clone());
    let mut found = Vec::new();
    let asked = label.or(proxy.network.as_deref());
    let on = |name: &str| owner.networks.iter().any(|a| a.network == name);
    let list = |all: &mut dyn Iterator<Item = &str>| all.collect::<Vec<_>>().join(", ");
    let all = list(&mut owner.networks.iter().map(|a| a.network.as_str()));
    match asked {
        Some(asked) if on(asked) => {
            if common.iter().any(|(n, _)| n.name == asked) {
                return (Some(asked.to_owned()), found);
            }
            let theirs = list(&mut traefik.networks.iter().map(|a| a.network.as_str()));
            let todo = match &first {
                Some(name) => format!("traefik.docker.network: {name}"),
                None => map
                    .networks
                    .iter()
                    .find(|n| n.name == asked)
                    .map_or_else(String::new, |n| connect::connect(map, n, traefik)),
            };
            let what =
                format!("traefik.docker.network says {asked}, which {} is not on: it is on {theirs}", proxy.name);
            found.push(Obstacle::new("WRONG_DOCKER_NETWORK", what, todo));
            return (None, found);
        }
        Some(asked) if label.is_some() => {
            let prefixed = target.stack().map(|s| format!("{s}_{asked}")).filter(|n| on(n));
            let hint = prefixed.as_ref().map_or_else(String::new, |n| format!("; compose calls it {n}"));
            let what =
                format!("traefik.docker.network says {asked}, which {} is not on: it is on {all}{hint}", target.name);
            let better = first.clone().or(prefixed).unwrap_or_else(|| "NETWORK".to_owned());
            found.push(Obstacle::new("WRONG_DOCKER_NETWORK", what, format!("traefik.docker.network: {better}")));
        }
        _ => {}
    }
    if common.is_empty() {
        let theirs = list(&mut traefik.networks.iter().map(|a| a.network.as_str()));
        let what = format!("{} is on {all}, {} on {theirs}", target.name, proxy.name);
        found.push(Obstacle::new("NO_COMMON_NETWORK", what, todo(map, proxy, traefik, target)));
    } else if owner.networks.len() > common.len() && found.is_empty() {
        let what = format!(
            "{} is on {all}, and Traefik takes one of them by chance: only {} leads there",
            target.name,
            list(&mut common.iter().map(|(n, _)| n.name.as_str()))
        );
        let todo = format!("traefik.docker.network: {}", first.clone().unwrap_or_default());
        found.push(Obstacle::new("SEVERAL_NETWORKS", what, todo));
    }
    (first, found)
}

fn to_host(map: &Map<'_>, proxy: &Proxy, traefik: &Container, target: &Container) -> Vec<Obstacle> {
    if matches!(map.stack(traefik), Stack::Host) || proxy.knows_host {
        return Vec::new();
    }
    vec![Obstacle::new(
        "HOST_UNKNOWN",
        format!("{} is on the host's network, which {} does not know by name", target.name, proxy.name),
        format!("extra_hosts: [\"host.docker.internal:host-gateway\"]   (of {})", proxy.name),
    )]
}

/// How a container gets onto a network of the proxy: the one it takes by itself, else one with a way out.
fn todo(map: &Map<'_>, proxy: &Proxy, traefik: &Container, target: &Container) -> String {
    let mut fit: Vec<&Network> =
        traefik.networks.iter().filter_map(|a| map.network(a)).filter(|n| n.is_bridge() && !n.is_default()).collect();
    fit.sort_by_key(|n| (proxy.network.as_deref() != Some(&n.name), n.internal, n.is_closed(), n.name.clone()));
    match fit.first() {
        Some(network) => connect::connect(map, network, target),
        None => connect::bring_together(map, traefik, target),
    }
}

/// The port of a container that a service sends to, and what stops it.
pub(super) fn port(
    scene: &Scene<'_>,
    target: &Container,
    service: &Service,
    network: Option<&str>,
) -> (Option<u16>, Vec<Obstacle>) {
    let name = &target.name;
    let word = service.protocol.word();
    let transport = if service.protocol == Protocol::Udp { "udp" } else { "tcp" };
    let label = |port: &str| format!("traefik.{word}.services.{}.loadbalancer.server.port: {port}", service.name);
    if let Some(wrong) = &service.wrong_port {
        let what = format!("the port of the service {} is no number: {wrong}", service.name);
        return (None, vec![Obstacle::new("PORT_NOT_EXPOSED", what, label("8000"))]);
    }
    // What does not run tells no ports.
    if !target.state.is_up() {
        return (service.port, Vec::new());
    }
    let mut exposed: Vec<u16> = target.ports.iter().filter(|p| p.protocol == transport).map(|p| p.container).collect();
    exposed.sort_unstable();
    exposed.dedup();
    let owner = match scene.map.stack(target) {
        Stack::Of(owner) => Some(owner),
        _ => None,
    };
    let listeners = owner.and_then(|o| scene.listeners.get(&o.id)).map(Vec::as_slice);
    let ip = owner.and_then(|o| o.networks.iter().find(|a| Some(a.network.as_str()) == network)).and_then(|a| a.ip);
    let open = |port: u16| {
        listeners.is_none_or(|all| {
            all.iter().any(|l| {
                l.port == port
                    && l.protocol == transport
                    && (l.ip.is_unspecified() || ip.is_none_or(|ip| l.ip == ip) && !l.ip.is_loopback())
            })
        })
    };
    let listening: Vec<u16> = listeners
        .unwrap_or_default()
        .iter()
        .filter(|l| l.protocol == transport && !l.ip.is_loopback())
        .map(|l| l.port)
        .collect();
    let some = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let Some(port) = service.port.or(exposed.first().copied()) else {
        let listens =
            if listening.is_empty() { String::new() } else { format!("; it listens at {}", some(&listening)) };
        let what = format!("{name} exposes no port, and no label says which it is{listens}");
        let better = listening.first().map_or_else(|| "8000".to_owned(), u16::to_string);
        return (None, vec![Obstacle::new("PORT_NOT_EXPOSED", what, label(&better))]);
    };
    if open(port) {
        // Which of several is meant is certain only where the kernel says that it is listened at.
        if service.port.is_none() && exposed.len() > 1 && listeners.is_none() {
            let what =
                format!("{name} exposes {}, and Traefik takes the lowest; no label says which it is", some(&exposed));
            return (Some(port), vec![Obstacle::new("PORT_NOT_EXPOSED", what, label(&port.to_string()))]);
        }
        return (Some(port), Vec::new());
    }
    let all = listeners.unwrap_or_default();
    let loopback = all.iter().any(|l| l.port == port && l.ip.is_loopback());
    let (what, todo) = match (loopback, listening.first()) {
        (true, _) => (
            format!("{name} listens at port {port} of its own localhost only"),
            "let the program listen at 0.0.0.0".to_owned(),
        ),
        (false, Some(other)) if service.port.is_none() && exposed.len() > 1 => (
            format!(
                "Traefik takes the lowest port that {name} exposes, {port}, where nothing listens; it listens at {}",
                some(&listening)
            ),
            label(&other.to_string()),
        ),
        (false, Some(other)) => (
            format!("nothing listens at port {port} in {name}; it listens at {}", some(&listening)),
            label(&other.to_string()),
        ),
        (false, None) => (format!("nothing listens at port {port} in {name}"), format!("docker logs --tail 20 {name}")),
    };
    (Some(port), vec![Obstacle::new("PORT_NOT_LISTENING", what, todo)])
}

/// What Traefik complains of, with the name that such has here.
pub(super) fn said(error: &str, proxy: &Proxy) -> Obstacle {
    let lower = error.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    let missing = has(&["not exist", "doesn't exist", "not found", "unknown", "no valid"]);
    let (code, todo) = match () {
        () if missing && has(&["entrypoint", "entry point"]) => {
            let names: Vec<&str> = proxy.entry_points.keys().map(String::as_str).collect();
            ("ENTRY_POINT_UNKNOWN", format!("use one of {}", names.join(", ")))
        }
        () if missing && has(&["middleware"]) => {
            ("MIDDLEWARE_UNKNOWN", "make it, or name its provider: NAME@file".to_owned())
        }
        () if missing && has(&["service"]) => ("SERVICE_UNKNOWN", "make the service, or take the label out".to_owned()),
        () if has(&["rule", "parsing", "matcher", "unexpected", "syntax"]) => {
            ("RULE_WRONG", "write it as Host(`shop.example.com`), more of them with || between".to_owned())
        }
        () => ("TRAEFIK_SAYS", format!("docker logs --tail 50 {}", proxy.name)),
    };
    Obstacle::new(code, format!("{} says: {error}", proxy.name), todo)
}
