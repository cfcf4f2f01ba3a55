//! How health is watched, healed and told of; what an audit lets pass.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::source::{hinted, unshown};
use super::{HttpTarget, INTERVAL, NotAProbe, Period, PortTarget, TIMEOUT, body_pattern, within};

/// Health.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// How long between two probes of one container.
    #[serde(deserialize_with = "interval")]
    pub interval: Period,
    /// How long a probe may take.
    #[serde(deserialize_with = "timeout")]
    pub timeout: Period,
    /// Probes of containers that have no labels for it.
    #[serde(deserialize_with = "probes")]
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
    #[serde(deserialize_with = "named")]
    pub container: String,
    /// As in the label `dev.ondeck.health.http`: `:8080/health`, or a whole URL.
    #[serde(deserialize_with = "http")]
    pub http: Option<String>,
    /// As in the label `dev.ondeck.health.tcp`: `:5432`, or `HOST:PORT`.
    #[serde(deserialize_with = "tcp")]
    pub tcp: Option<String>,
    /// As in the label `dev.ondeck.health.tls`: `:443`, or `NAME:PORT`.
    #[serde(deserialize_with = "tls")]
    pub tls: Option<String>,
    /// The status that is expected; 200 to 399 when not set.
    #[serde(deserialize_with = "status")]
    pub status: Option<u16>,
    /// A regular expression that the body has to match.
    #[serde(deserialize_with = "body")]
    pub body: Option<String>,
    /// The longest an answer may take before it counts as slow.
    #[serde(deserialize_with = "some_timeout")]
    pub slow: Option<Period>,
    /// How long between two probes, when not as for all.
    #[serde(deserialize_with = "some_interval")]
    pub interval: Option<Period>,
    /// How long it may take, when not as for all.
    #[serde(deserialize_with = "some_timeout")]
    pub timeout: Option<Period>,
    /// Whether a certificate may be for another name and by an unknown issuer.
    pub insecure: bool,
}

/// Restarting what is unhealthy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Heal {
    /// Whether every unhealthy container is restarted; the label `dev.ondeck.heal` says so for one.
    pub enabled: bool,
    /// How long it must have been unhealthy.
    #[serde(deserialize_with = "after")]
    pub after: Period,
    /// How often at most, until it was healthy for an hour.
    #[serde(deserialize_with = "limit")]
    pub limit: u32,
    /// How long to wait after the first restart; each further one waits twice as long.
    #[serde(deserialize_with = "backoff")]
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
    #[serde(deserialize_with = "url")]
    pub webhook: Option<String>,
    /// A topic's address at ntfy or what works like it: plain text by POST, with headers for title and priority.
    #[serde(deserialize_with = "url")]
    pub ntfy: Option<String>,
    /// The environment variable with a bearer token for these two.
    #[serde(deserialize_with = "super::hints::variable")]
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

fn told<E: serde::de::Error>(error: &NotAProbe) -> E {
    if error.secret { unshown(&error.message, error.hint) } else { hinted(&error.message, error.hint) }
}

fn interval<'de, D: Deserializer<'de>>(from: D) -> Result<Period, D::Error> {
    within(Period::deserialize(from)?, INTERVAL.0, INTERVAL.1).map_err(|e| told(&e))
}

fn timeout<'de, D: Deserializer<'de>>(from: D) -> Result<Period, D::Error> {
    within(Period::deserialize(from)?, TIMEOUT.0, TIMEOUT.1).map_err(|e| told(&e))
}

fn some_interval<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Period>, D::Error> {
    let period = Option::<Period>::deserialize(from)?;
    period.map(|p| within(p, INTERVAL.0, INTERVAL.1)).transpose().map_err(|e| told(&e))
}

fn some_timeout<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Period>, D::Error> {
    let period = Option::<Period>::deserialize(from)?;
    period.map(|p| within(p, TIMEOUT.0, TIMEOUT.1)).transpose().map_err(|e| told(&e))
}

/// Text that has to be readable as something, and stays as it was written.
fn readable<'de, D: Deserializer<'de>, T>(
    from: D,
    read: impl FnOnce(&str) -> Result<T, NotAProbe>,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.as_deref().map(read).transpose().map_err(|e| told(&e))?;
    Ok(text)
}

fn http<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    readable(from, HttpTarget::parse)
}

fn tcp<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    readable(from, PortTarget::tcp)
}

fn tls<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    readable(from, PortTarget::tls)
}

fn body<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    readable(from, body_pattern)
}

fn status<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    let status = Option::<u16>::deserialize(from)?;
    match status {
        Some(status) => super::status(&status.to_string()).map(Some).map_err(|e| told(&e)),
        None => Ok(None),
    }
}

fn named<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    if !name.trim().is_empty() {
        return Ok(name);
    }
    Err(hinted("found nothing, expected a container", "its name, or `STACK/SERVICE`"))
}

/// Each probe has to say of what, and what.
fn probes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ProbeOf>, D::Error> {
    let probes = Vec::<ProbeOf>::deserialize(from)?;
    for probe in &probes {
        if probe.container.is_empty() {
            return Err(hinted("found a probe without `container`", "its name, or `STACK/SERVICE`"));
        }
        if probe.http.is_none() && probe.tcp.is_none() && probe.tls.is_none() {
            let message = format!("found a probe of {} that asks nothing", super::quoted(&probe.container));
            return Err(hinted(message, "one of `http`, `tcp` and `tls` says what, such as `http: ':8080/health'`"));
        }
    }
    Ok(probes)
}

const DAY: Duration = Duration::from_hours(24);

fn after<'de, D: Deserializer<'de>>(from: D) -> Result<Period, D::Error> {
    within(Period::deserialize(from)?, Duration::ZERO, DAY).map_err(|e| told(&e))
}

fn backoff<'de, D: Deserializer<'de>>(from: D) -> Result<Period, D::Error> {
    within(Period::deserialize(from)?, Duration::from_secs(1), DAY).map_err(|e| told(&e))
}

fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let limit = u32::deserialize(from)?;
    if (1..=100).contains(&limit) {
        return Ok(limit);
    }
    Err(hinted(format_args!("found `{limit}`, expected restarts from 1 to 100"), "`enabled: false` restarts nothing"))
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let Some(url) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|r| r.split(['/', '?', '#']).next()).unwrap_or_default();
    let odd = |ch: char| ch.is_control() || ch.is_whitespace();
    // Addresses of webhooks are often secrets themselves: none is shown.
    if host.contains('@') {
        return Err(unshown(
            "found an address with a name or password in it, expected one without",
            "put the token into an environment variable, and name that in `token_env`",
        ));
    }
    if host.is_empty() || url.contains(odd) {
        return Err(unshown("found no address, expected one", "such as https://ntfy.example.org/mine"));
    }
    Ok(Some(url))
}
