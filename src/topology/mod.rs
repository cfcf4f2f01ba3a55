//! Who can reach whom: networks, names, ports, and the routes of a Traefik before them.
//!
//! [`Map`], [`reach`] and [`clashes`] are made of a snapshot alone and wait for nothing.

mod route;

use std::net::IpAddr;

use serde::Serialize;

use crate::engine::model::{Container, Id, Network};

pub use route::{Route, RouteSource, Routes, SocketProxy, routes};

/// What prevents something, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// Its name, which stays: `NO_COMMON_NETWORK`.
    pub code: &'static str,
    /// What is the case, one line.
    pub what: String,
    /// What would mend it; compose lines where they can.
    pub todo: String,
}

/// A way from one container to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
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
    /// Whose: names of networks or of the host's interfaces.
    pub between: Vec<String>,
    /// What is the case.
    pub what: String,
    /// What would mend it.
    pub todo: String,
}

/// Containers and networks, to be asked about ways.
#[derive(Debug, Clone)]
pub struct Map<'a> {
    /// Containers, running or not.
    pub containers: Vec<&'a Container>,
    /// Networks.
    pub networks: Vec<&'a Network>,
}

impl<'a> Map<'a> {
    /// A map of a snapshot.
    pub fn of(snap: &'a crate::fleet::Snapshot) -> Self {
        Self {
            containers: snap.containers.values().map(|c| &**c).collect(),
            networks: snap.networks.values().map(|n| &**n).collect(),
        }
    }
}

/// Whether a container can reach another, and how, or why not. Both by identifier.
pub fn reach(_map: &Map<'_>, _from: &Id, _to: &Id) -> Option<Reach> {
    None
}

/// Networks that are in each other's way.
pub fn clashes(_map: &Map<'_>) -> Vec<Clash> {
    Vec::new()
}
