//! How health is watched, healed and told of; what an audit lets pass.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Period;

/// Health.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// How long between two probes of one container.
    pub interval: Period,
    /// How long a probe may take.
    pub timeout: Period,
    /// Probes of containers that have no labels for it.
    pub probes: Vec<ProbeOf>,
    /// Restarting what is unhealthy.
    pub heal: Heal,
    /// Who is told.
    pub notify: Notify,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            interval: Period(Duration::from_secs(30)),
            timeout: Period(Duration::from_secs(5)),
            probes: Vec::new(),
            heal: Heal::default(),
            notify: Notify::default(),
        }
    }
}

/// A probe that the config asks for. One of `http`, `tcp` and `tls` is set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeOf {
    /// The container's name, or `STACK/SERVICE`.
    pub container: String,
    /// As in the label `dev.ondeck.health.http`: `:8080/health`, or a whole URL.
    pub http: Option<String>,
    /// As in the label `dev.ondeck.health.tcp`: `:5432`, or `HOST:PORT`.
    pub tcp: Option<String>,
    /// As in the label `dev.ondeck.health.tls`: `:443`, or `NAME:PORT`.
    pub tls: Option<String>,
    /// The status that is expected; 200 to 399 when not set.
    pub status: Option<u16>,
    /// A regular expression that the body has to match.
    pub body: Option<String>,
    /// The longest an answer may take before it counts as slow.
    pub slow: Option<Period>,
}

/// Restarting what is unhealthy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Heal {
    /// Whether every unhealthy container is restarted; the label `dev.ondeck.heal` says so for one.
    pub enabled: bool,
    /// How long it must have been unhealthy.
    pub after: Period,
    /// How often at most, until it was healthy for an hour.
    pub limit: u32,
    /// How long to wait after the first restart; each further one waits twice as long.
    pub backoff: Period,
}

impl Default for Heal {
    fn default() -> Self {
        Self {
            enabled: false,
            after: Period(Duration::from_secs(30)),
            limit: 5,
            backoff: Period(Duration::from_mins(1)),
        }
    }
}

/// Who is told of changes, once each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// A command, run by `sh -c`, with the change as JSON on its input and in `ONDECK_*` variables.
    pub command: Option<String>,
    /// An address that gets the change as JSON by POST.
    pub webhook: Option<String>,
    /// A topic's address at ntfy or what works like it: plain text by POST, with headers for title and priority.
    pub ntfy: Option<String>,
    /// The environment variable with a bearer token for these two.
    pub token_env: Option<String>,
}

/// Audits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Rules that do not count anywhere.
    pub off: Vec<String>,
    /// A file that says what is meant to be so, with reasons.
    pub ignore_file: Option<PathBuf>,
}
