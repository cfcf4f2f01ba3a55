//! Who can reach whom: networks, names, ports, and the routes of a Traefik before them.
//!
//! [`Map`], [`reach`], [`tree`] and [`clashes`] are made of a snapshot alone and wait for nothing. [`examine`] and
//! [`routes()`] ask the engine for what a snapshot does not have.

mod chain;
mod clash;
mod connect;
mod labels;
mod listen;
mod map;
mod proxy;
mod reach;
mod route;
mod socket_proxy;
mod stops;
mod subnet;
#[cfg(test)]
mod testing;
mod traefik_api;
mod walk;

use std::net::IpAddr;

use serde::Serialize;

pub use clash::{HostNet, clashes, clashes_with, host_nets};
pub use listen::{Listener, examine, heard};
pub use map::{Found, Map, find, names};
pub use reach::{HOST, reach};
pub use route::{Route, RouteSource, Routes, routes};
pub use socket_proxy::SocketProxy;
pub use subnet::Subnet;
pub use walk::{Node, NodeKind, published, tree};

/// What prevents something, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// Its name, which stays: `NO_COMMON_NETWORK`.
    pub code: &'static str,
    /// What is the case, one line.
    pub what: String,
    /// What would mend it, often a command first and compose lines below it. May have several lines.
    pub todo: String,
}

impl Obstacle {
    pub(crate) fn new(code: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { code, what: what.into(), todo: todo.into() }
    }
}

/// What a way leads through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// Both have the same ports and the same `localhost`.
    Shared,
    /// A network that both are on.
    Network,
    /// The host is on that network, too, or what is looked for is on the host.
    Address,
    /// A port that the host publishes.
    Published,
}

/// A way from one container to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// What it leads through.
    pub through: Through,
    /// The network both are on, or `host` where it goes by a published port.
    pub network: String,
    /// Names that work there, the shortest first; addresses where names do not work (the default bridge).
    pub names: Vec<String>,
    /// The address there.
    pub ip: Option<IpAddr>,
    /// Ports that are known there: exposed or published ones, with their protocol (`8000/tcp`). Others may listen, too.
    pub ports: Vec<String>,
    /// What else is to be known of it; empty mostly.
    pub note: String,
}

/// Whether one container can reach another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// From this one, by name.
    pub from: String,
    /// To this one, by name.
    pub to: String,
    /// How it can, the best first; none when it cannot.
    pub ways: Vec<Way>,
    /// Why it cannot, or what is doubtful about the ways.
    pub obstacles: Vec<Obstacle>,
}

/// Networks whose addresses are the same, in part or whole, or that take addresses which the host uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clash {
    /// Its name, which stays: `SUBNETS_OVERLAP`, `HOST_ROUTE`, `VPN_ROUTE`, `NAME_TWICE`, `HOST_PORT_TWICE`.
    pub code: &'static str,
    /// Whose: names of networks, of the host's interfaces, or of containers.
    pub between: Vec<String>,
    /// What is the case.
    pub what: String,
    /// What would mend it.
    pub todo: String,
}
