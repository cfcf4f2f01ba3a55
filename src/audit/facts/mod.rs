//! What rules look at: one form for containers, services of compose files and images, so that a rule is written once.

mod composed;
mod image;
mod inspected;

pub(crate) use composed::of_service;
pub use image::ImageFacts;
pub(super) use inspected::of_container;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::text::clean;

/// What a container has, or will have that a compose file asks for. Names and paths in it are harmless, values of
/// variables and words of commands are not, and may be secrets: they are looked at, never shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Facts {
    /// Whether it is what a file asks for, not what is there.
    pub written: bool,
    /// Whether its main process runs.
    pub running: bool,
    /// Whether it ran to its end, or is made to: nobody waits for its health.
    pub one_shot: bool,
    /// The image as it was asked for.
    pub image: String,
    /// The image it really has; empty when that is not known.
    pub image_id: String,
    /// Whether its image is built from files beside it.
    pub built: bool,
    /// The user; `None` when only the image knows.
    pub user: Option<String>,
    /// User of its main process, when it was asked for.
    pub uid: Option<u32>,
    /// Names of its processes, when they were asked for.
    pub processes: Vec<String>,
    pub privileged: bool,
    pub mounts: Vec<Mount>,
    /// Options of each tmpfs, by path.
    pub tmpfs: BTreeMap<String, String>,
    pub pid: String,
    pub ipc: String,
    pub network: String,
    pub uts: String,
    pub userns: String,
    pub cgroupns: String,
    /// Capabilities that are added, in capitals, without `CAP_`.
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    /// Each as `name=value`, whichever way it was spelled.
    pub security: Vec<String>,
    /// Whether the kernel's files that Docker hides are not hidden.
    pub unmasked: bool,
    /// The profile of `AppArmor`, when it is known.
    pub apparmor: Option<String>,
    pub read_only: bool,
    pub ports: Vec<Port>,
    /// Bytes; 0 for no limit.
    pub memory: u64,
    pub oom_kill_disabled: bool,
    /// Whether there is a limit or a share of processor time.
    pub cpu: bool,
    /// Processes; `None` and what is not above 0 for no limit.
    pub pids: Option<i64>,
    pub health: Check,
    /// Name of the restart policy; empty for none.
    pub restart: String,
    /// How often it is tried; 0 for ever.
    pub restart_most: i64,
    /// How often it was.
    pub restarted: i64,
    pub env: Vec<(String, String)>,
    /// Entrypoint and command.
    pub words: Vec<String>,
    pub devices: Vec<Device>,
    /// Devices by what they can (graphics cards).
    pub device_requests: Vec<String>,
    /// Driver of its logs; empty for the engine's own.
    pub log_driver: String,
    pub log_options: BTreeMap<String, String>,
    pub cgroup_parent: String,
    pub networks: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

/// Something of the host in a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Mount {
    /// `bind`, `volume`, `tmpfs`...
    pub kind: String,
    /// Path on the host, or a volume's name.
    pub source: String,
    /// Path in the container.
    pub target: String,
    pub writable: bool,
    pub propagation: String,
}

/// A port that the host publishes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Port {
    /// Address on the host, as written; empty for all.
    pub ip: String,
    /// Port or ports on the host; empty for any.
    pub host: String,
    /// Port in the container.
    pub container: u16,
    /// `tcp` when it says nothing.
    pub protocol: String,
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Device {
    pub host: String,
    pub container: String,
}

/// A healthcheck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Check {
    /// There is none, or only the image knows.
    #[default]
    None,
    /// The image's is switched off.
    Off,
    /// There is one.
    On,
}

impl Port {
    /// Whether everyone who reaches the host reaches it.
    pub(crate) fn open(&self) -> bool {
        let ip = self.ip.trim_start_matches('[').trim_end_matches(']');
        ip.is_empty() || ip.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_unspecified())
    }
}

impl Facts {
    /// The value of a security option.
    pub(crate) fn security(&self, name: &str) -> Option<&str> {
        self.security.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Whether a user is root, as images and containers name users.
pub(super) fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    name == "root" || name.is_empty() || name.parse::<u64>() == Ok(0)
}

/// Text of a value, harmless.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text).into_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => String::new(),
    }
}

/// The values of a list.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The texts of a list, harmless; of one text, that.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(_) => vec![text(value)],
        _ => list(value).map(text).collect(),
    }
}

/// Names with texts of a map or of a list of `name=value`, values as they are.
fn pairs(value: &Value) -> Vec<(String, String)> {
    let plain = |value: &Value| value.as_str().map_or_else(|| text(value), str::to_owned);
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| (clean(name).into_owned(), plain(value))).collect(),
        _ => list(value)
            .filter_map(Value::as_str)
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (clean(name).into_owned(), value.to_owned()))
            .collect(),
    }
}

fn capabilities(value: &Value) -> Vec<String> {
    texts(value).into_iter().map(|cap| cap.to_uppercase().trim_start_matches("CAP_").to_owned()).collect()
}

/// A security option as `name=value`: `no-new-privileges` has three spellings, others two.
fn option(value: String) -> String {
    match value.split_once(['=', ':']) {
        Some((name, value)) => format!("{name}={value}"),
        None if value == "no-new-privileges" => format!("{value}=true"),
        None => value,
    }
}

/// Words of a command, as they are.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(line) => {
            crate::text::shell::words(line).unwrap_or_else(|_| line.split_whitespace().map(str::to_owned).collect())
        }
        _ => list(value).filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}
