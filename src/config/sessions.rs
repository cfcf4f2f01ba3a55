//! What a session gets, and how many there may be.

use serde::{Deserialize, Deserializer};

use super::source::hinted;
use super::{Period, Size};

/// Sessions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// How much memory one gets, its Docker and all containers in it together; no swap is added.
    #[serde(deserialize_with = "memory")]
    pub memory: Size,
    /// How many processors' worth of time.
    #[serde(deserialize_with = "cpus")]
    pub cpus: f64,
    /// How many processes and threads.
    #[serde(deserialize_with = "pids")]
    pub pids: u32,
    /// How long it lives.
    pub ttl: Period,
    /// How long it may live at most, however often it is extended.
    pub longest: Period,
    /// How many may be at once on one host.
    pub max: u32,
    /// How much memory all of them together may be promised; three quarters of the host's when not set.
    pub budget: Option<Size>,
    /// Whether sessions reach networks outside.
    pub egress: bool,
    /// The image that the session image is built from: Debian 12 or one made from it.
    pub base: String,
    /// Runs the inner Docker with `--privileged`, where the smaller set of rights does not do.
    pub privileged: bool,
    /// The engine's runtime for sessions, such as `sysbox-runc`.
    pub runtime: Option<String>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            memory: Size(1536 << 20),
            cpus: 1.0,
            pids: 1024,
            ttl: Period(std::time::Duration::from_mins(30)),
            longest: Period(std::time::Duration::from_hours(4)),
            max: 8,
            budget: None,
            egress: false,
            base: "debian:bookworm-slim".to_owned(),
            privileged: false,
            runtime: None,
        }
    }
}

/// Below this the inner Docker itself does not live.
const LEAST_MEMORY: u64 = 256 << 20;

fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
    let size = Size::deserialize(deserializer)?;
    if size.0 >= LEAST_MEMORY {
        return Ok(size);
    }
    Err(hinted(
        format_args!("found `{size}`, expected at least 256m"),
        "the Docker in a session needs about 100m itself",
    ))
}

fn cpus<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let cpus = f64::deserialize(deserializer)?;
    if (0.1..=1024.0).contains(&cpus) {
        return Ok(cpus);
    }
    Err(hinted(format_args!("found `{cpus}`, expected processors from 0.1 up"), "1 is one processor's whole time"))
}

fn pids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let pids = u32::deserialize(deserializer)?;
    if pids >= 64 {
        return Ok(pids);
    }
    Err(hinted(
        format_args!("found `{pids}`, expected at least 64"),
        "the Docker in a session has about 20 threads itself",
    ))
}
