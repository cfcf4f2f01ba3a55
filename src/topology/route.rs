//! Routes of Traefik, read from labels, and from Traefik itself where its API answers; socket proxies.

use std::collections::HashMap;
use std::path::Path;

use futures::{StreamExt, stream};
use serde::Serialize;

use crate::engine::model::{Container, Id, Inspection, Network};
use crate::engine::{Engine, EngineError, ErrorKind};

use super::chain::{Scene, lay};
use super::labels::Labels;
use super::listen::{Listener, listeners};
use super::map::Stack;
use super::proxy;
use super::socket_proxy::{self, SocketProxy};
use super::{Map, Obstacle, traefik_api};

/// How many containers are inspected at once.
const AT_ONCE: usize = 8;

/// Where a route was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteSource {
    /// In a container's labels.
    Labels,
    /// In Traefik's own API: it has it.
    Api,
}

/// A rule → service → container:port → network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// `http`, `tcp` or `udp`.
    pub protocol: &'static str,
    /// The router's name; empty where a container should have one and has none.
    pub router: String,
    /// The rule, such as ``Host(`shop.example.com`)``.
    pub rule: String,
    /// Entry points; empty for all of the proxy's default ones.
    pub entry_points: Vec<String>,
    /// Whether it wants TLS.
    pub tls: bool,
    /// Middlewares, in order.
    pub middlewares: Vec<String>,
    /// The service's name.
    pub service: String,
    /// The container that answers.
    pub container: Option<Id>,
    /// Its name.
    pub container_name: String,
    /// Its port.
    pub port: Option<u16>,
    /// The network the proxy reaches it by.
    pub network: Option<String>,
    /// The proxy's container, by name.
    pub proxy: Option<String>,
    /// Where it was read.
    pub source: RouteSource,
    /// What stops it; none when traffic gets there.
    pub obstacles: Vec<Obstacle>,
}

/// All routes of a host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Routes {
    /// Routes, those with obstacles first.
    pub routes: Vec<Route>,
    /// Socket proxies.
    pub socket_proxies: Vec<SocketProxy>,
    /// What could not be looked at, and why: no Traefik, its API closed.
    pub notes: Vec<String>,
}

/// Reads the routes of a host.
///
/// # Errors
/// When the containers or networks cannot be listed.
pub async fn routes(engine: &Engine) -> Result<Routes, EngineError> {
    let (containers, networks) = tokio::try_join!(engine.containers(), engine.networks())?;
    let containers: Vec<&Container> = containers.iter().collect();
    let networks: Vec<&Network> = networks.iter().collect();
    let map = Map { containers, networks };
    let (inspected, mut notes) = inspect(engine, &map).await;
    // The inspections say more: other names, and what is mounted where.
    let newer = map.containers.iter().map(|c| inspected.get(&c.id).map_or(*c, |i| &i.container)).collect();
    let map = Map { containers: newer, networks: map.networks };

    let mut proxies = Vec::new();
    for container in map.containers.iter().filter(|c| proxy::is_traefik(c)) {
        if let Some(inspection) = inspected.get(&container.id) {
            proxies.push(proxy::read(engine, inspection).await);
        }
    }
    proxies.sort_by(|a, b| a.name.cmp(&b.name));
    let mut said = HashMap::new();
    for proxy in proxies.iter().filter(|p| p.up) {
        let container = map.container(&proxy.id);
        match (proxy.api_port, container) {
            (Some(port), Some(container)) => match traefik_api::ask(engine, container, port).await {
                Ok(answer) => drop(said.insert(proxy.id.clone(), answer)),
                Err(why) => notes.push(format!(
                    "the API of {} at port {port} does not tell its routes: {why}; labels are all that is known",
                    proxy.name
                )),
            },
            _ => notes.push(format!(
                "the API of {} is closed (api.insecure is off): labels are all that is known of its routes",
                proxy.name
            )),
        }
    }
    for proxy in &proxies {
        notes.extend(proxy.notes.iter().cloned());
        if let Some(constraints) = &proxy.constraints {
            notes.push(format!("{} looks only at some containers, which is not checked: {constraints}", proxy.name));
        }
    }
    let mut socket_proxies: Vec<SocketProxy> = map
        .containers
        .iter()
        .filter_map(|c| Some((*c, socket_proxy::permits(inspected.get(&c.id)?)?)))
        .map(|(c, permits)| SocketProxy::of(&map, c, permits, &proxies))
        .collect();
    socket_proxies.sort_by(|a, b| a.name.cmp(&b.name));
    let listeners = if engine.endpoint().is_local() { heard(&map) } else { HashMap::new() };
    let scene =
        Scene { map: &map, proxies: &proxies, socket_proxies: &socket_proxies, said: &said, listeners: &listeners };
    let routes = lay(&scene);
    if proxies.is_empty() {
        notes.insert(0, "no Traefik is here".to_owned());
    }
    Ok(Routes { routes, socket_proxies, notes })
}

/// Inspections of all containers that matter, and what could not be inspected. One that has just been removed is no
/// trouble.
async fn inspect(engine: &Engine, map: &Map<'_>) -> (HashMap<Id, Inspection>, Vec<String>) {
    let proxies: Vec<&&Container> = map.containers.iter().filter(|c| proxy::is_traefik(c)).collect();
    let beside = |c: &Container| {
        c.networks.iter().any(|a| proxies.iter().any(|p| p.networks.iter().any(|b| a.network_id == b.network_id)))
    };
    let matters = |c: &&&Container| {
        proxy::is_traefik(c) || socket_proxy::may_be(c) || Labels::any(&c.labels) || (!c.ports.is_empty() && beside(c))
    };
    let wanted = map.containers.iter().filter(matters).copied();
    // Made before they are awaited: a closure over references in a stream can be no task of its own.
    let asked: Vec<_> = wanted.map(|c| async move { (c, engine.inspect(&c.id).await) }).collect();
    let answers: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
    let (mut found, mut notes) = (HashMap::new(), Vec::new());
    for (container, answer) in answers {
        match answer {
            Ok(inspection) => drop(found.insert(container.id.clone(), inspection)),
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) => notes.push(format!("{} cannot be inspected: {e}", container.name)),
        }
    }
    notes.sort();
    (found, notes)
}

/// What listens in the inspected containers, by the one whose network it is.
fn heard(map: &Map<'_>) -> HashMap<Id, Vec<Listener>> {
    let mut found = HashMap::new();
    for container in map.containers.iter().filter(|c| c.state.is_up()) {
        let Stack::Of(owner) = map.stack(container) else { continue };
        // The process of one that shares the network tells as much as its owner's.
        let process = container.detail.as_ref().and_then(|d| d.pid);
        let Some(pid) = process.filter(|_| !found.contains_key(&owner.id)) else { continue };
        if let Some(all) = listeners(Path::new("/proc"), pid, &container.id) {
            found.insert(owner.id.clone(), all);
        }
    }
    found
}
