//! `ondeck ps`: containers.

use std::io::Write;

use serde::Serialize;

use crate::engine::model::{Container, Health};
use crate::fleet::snapshot::Status;

use super::{Failure, columns, tell};

/// One container as `--json` prints it. Names of fields stay.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    id: &'a str,
    name: &'a str,
    image: &'a str,
    command: &'a str,
    state: &'static str,
    /// `running`, `partial`, `unhealthy`, `failed`, `paused` or `stopped`.
    status: &'static str,
    /// `null` without a healthcheck.
    health: Option<&'static str>,
    exit_code: Option<i64>,
    /// RFC 3339.
    created: Option<String>,
    stack: Option<&'a str>,
    service: Option<&'a str>,
    ports: Vec<ShownPort<'a>>,
    networks: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct ShownPort<'a> {
    container: u16,
    protocol: &'a str,
    host: Option<u16>,
    host_ip: Option<String>,
}

/// One word for how well something is.
pub(super) const fn word(status: Status) -> &'static str {
    match status {
        Status::Stopped => "stopped",
        Status::Running => "running",
        Status::Paused => "paused",
        Status::Partial => "partial",
        Status::Unhealthy => "unhealthy",
        Status::Failed => "failed",
    }
}

impl<'a> Shown<'a> {
    pub(super) fn of(c: &'a Container) -> Self {
        Self {
            id: &c.id,
            name: &c.name,
            image: &c.image,
            command: &c.command,
            state: c.state.word(),
            status: word(c.status()),
            health: match c.health {
                Health::None => None,
                Health::Starting => Some("starting"),
                Health::Healthy => Some("healthy"),
                Health::Unhealthy => Some("unhealthy"),
            },
            exit_code: c.exit_code,
            created: c.created.map(|t| t.to_string()),
            stack: c.stack(),
            service: c.service(),
            ports: c
                .ports
                .iter()
                .map(|p| ShownPort {
                    container: p.container,
                    protocol: &p.protocol,
                    host: p.host,
                    host_ip: p.host_ip.map(|ip| ip.to_string()),
                })
                .collect(),
            networks: c.networks.iter().map(|n| n.network.as_str()).collect(),
        }
    }
}

pub(super) fn print(out: &mut impl Write, mut containers: Vec<Container>, json: bool) -> Result<(), Failure> {
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    if json {
        let shown: Vec<_> = containers.iter().map(Shown::of).collect();
        let text = serde_json::to_string_pretty(&shown).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
        return Ok(());
    }
    let mut rows = vec![["NAME", "STATUS", "STACK", "IMAGE"].map(str::to_owned).to_vec()];
    for c in &containers {
        let status =
            c.reason().unwrap_or_else(|| if c.health == Health::Healthy { "healthy" } else { "running" }.to_owned());
        rows.push(vec![c.name.clone(), status, c.stack().unwrap_or("").to_owned(), c.image.clone()]);
    }
    if containers.is_empty() {
        tell("No containers.");
        return Ok(());
    }
    Ok(columns(out, &rows)?)
}
