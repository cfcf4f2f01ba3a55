//! The views, one file each: which columns, which rows, which cells.

pub mod activity;
pub mod containers;
pub mod deck;
pub mod health;
pub mod images;
pub mod labs;
pub mod networks;
pub mod sessions;
pub mod stacks;
pub mod volumes;

use crate::engine::model::{Container, Port};
use crate::fleet::Listing;
use crate::fleet::snapshot::Status;

use super::view::{Cell, Cx, Empty, Tone, status_sign};

/// A name behind the sign of how well it is.
pub(super) fn named(cx: &Cx<'_>, status: Status, name: &str) -> Cell {
    Cell::toned(format!("{} {name}", status_sign(cx.symbols, status)), Tone::Status(status))
}

/// CPU in percent of one processor, with one decimal below 100.
pub(super) fn percent(cpu: f64) -> String {
    if cpu < 99.95 { format!("{cpu:.1}%") } else { format!("{cpu:.0}%") }
}

/// CPU and memory of some containers together; `None` where none was measured.
pub(super) fn used<'a>(cx: &Cx<'_>, containers: impl Iterator<Item = &'a Container>) -> Option<(f64, u64)> {
    let measured = containers.filter(|c| c.state.is_up()).filter_map(|c| cx.snap.usage.get(&c.id));
    measured.fold(None, |sum, u| {
        let (cpu, memory) = sum.unwrap_or((0.0, 0));
        Some((cpu + u.cpu, memory + u.now.memory))
    })
}

/// Published ports in short: `:8080→80`, with the address where it is not every one.
pub(super) fn ports(ports: &[Port]) -> String {
    let mut shown: Vec<String> = Vec::new();
    for port in ports {
        let Some(host) = port.host else { continue };
        let ip = port.host_ip.filter(|ip| !ip.is_unspecified()).map_or(String::new(), |ip| ip.to_string());
        let inside = if host == port.container { String::new() } else { format!("→{}", port.container) };
        let protocol = if port.protocol == "tcp" { "" } else { port.protocol.as_str() };
        let text = format!("{ip}:{host}{inside}{}{protocol}", if protocol.is_empty() { "" } else { "/" });
        if !shown.contains(&text) {
            shown.push(text);
        }
    }
    shown.join(" ")
}

/// How long a container has been as it is: `up 2h`, `exited 137 (OOM) 5m ago`.
pub(super) fn condition(cx: &Cx<'_>, c: &Container) -> Cell {
    let since = if c.state.is_up() { c.started } else { c.finished.or(c.created) };
    let age = since.map(|t| crate::text::age(cx.now, t));
    let status = c.status();
    match (c.reason(), age) {
        (None, Some(age)) => Cell::muted(format!("up {age}")),
        (None, None) => Cell::muted("up"),
        (Some(reason), Some(age)) if !c.state.is_up() => {
            Cell::toned(format!("{reason}, {age} ago"), Tone::Status(status))
        }
        (Some(reason), _) => Cell::toned(reason, Tone::Status(status)),
    }
}

/// What stands where a listing has nothing to show.
pub(super) fn missing(listing: &Listing, what: &str, advice: &str) -> Empty {
    match listing {
        Listing::Loading => Empty::new(format!("Reading {what}…"), ""),
        Listing::Refused(reason) => Empty::new(format!("The engine does not list its {what}"), reason.clone()),
        Listing::Ready => Empty::new(format!("No {what}"), advice),
    }
}
