//! One look at a host: what is suspicious is inspected, read and probed; then each container gets its verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config;
use crate::engine::Engine;
use crate::engine::model::{Container, Id, Image, Network};
use crate::fleet::Snapshot;

use super::Report;

/// What is known before one looks closer: listings, each `None` where it was not read or is refused.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// How the host is called.
    pub host: String,
    /// Containers, running or not.
    pub containers: BTreeMap<Id, Arc<Container>>,
    /// Networks.
    pub networks: Option<BTreeMap<Id, Arc<Network>>>,
    /// Images.
    pub images: Option<BTreeMap<Id, Arc<Image>>>,
}

impl Picture {
    /// What a snapshot knows.
    pub fn of(snap: &Snapshot) -> Self {
        Self {
            host: snap.host.clone(),
            containers: snap.containers.clone(),
            networks: Some(snap.networks.clone()),
            images: Some(snap.images.clone()),
        }
    }
}

/// Looks closer at what `picture` shows. `before` is the report of the last look, from which it is told what is new.
#[allow(clippy::unused_async)]
pub async fn look_at(
    _engine: &Engine,
    picture: &Picture,
    _before: Option<&Report>,
    _config: &config::Health,
) -> Report {
    Report { host: picture.host.clone(), ..Report::default() }
}

/// Lists, and looks: everything that `ondeck health` says of one engine. What cannot be told is in the report.
#[allow(clippy::unused_async)]
pub async fn look(_engine: &Engine, host: &str, _config: &config::Health) -> Report {
    Report { host: host.to_owned(), ..Report::default() }
}
