//! What Docker has, in its own words: containers, images, networks, volumes, events.
//!
//! Optional fields are really optional: engines from 20.10 to 29 and podman leave different
//! ones out. Times are UTC; sizes are bytes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

/// An engine's identifier of a container, image or network (64 hex digits for containers;
/// images keep their `sha256:` prefix); for a volume its name.
pub type Id = Arc<str>;

/// What `GET /version` and `GET /info` say of an engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EngineInfo {
    /// The engine's version, such as `28.2.2`.
    pub version: String,
    /// The newest API it speaks, such as `1.51`.
    pub api_version: String,
    /// The oldest API it accepts.
    pub min_api_version: String,
    /// `docker`, `podman`, or what else it calls itself.
    pub product: String,
    /// The host's name.
    pub name: String,
    /// The operating system, such as `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// Processor architecture.
    pub arch: String,
    /// Number of processors.
    pub cpus: u32,
    /// Memory of the host.
    pub memory: u64,
    /// `cgroupfs` or `systemd`.
    pub cgroup_driver: String,
    /// `1` or `2`.
    pub cgroup_version: String,
    /// Storage driver.
    pub storage_driver: String,
    /// Where the engine keeps its data.
    pub root_dir: String,
    /// The engine's identifier for itself.
    pub id: String,
    /// Warnings the engine gives about its host.
    pub warnings: Vec<String>,
}

/// The state of a container, in Docker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum State {
    /// Made, never started.
    #[default]
    Created,
    /// Its main process runs.
    Running,
    /// Frozen by `pause`.
    Paused,
    /// Between two attempts of its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Its main process ended.
    Exited,
    /// The engine failed to remove it.
    Dead,
}

impl State {
    /// The state from Docker's own word for it; an unknown word counts as [`State::Dead`].
    pub fn parse(word: &str) -> Self {
        match word {
            "created" | "configured" | "initialized" => Self::Created,
            "running" | "stopping" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            "removing" => Self::Removing,
            "exited" | "stopped" => Self::Exited,
            _ => Self::Dead,
        }
    }

    /// Docker's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// Whether it has processes, frozen or not.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// What a container's own healthcheck says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Health {
    /// It has no healthcheck, or is not running.
    #[default]
    None,
    /// Within its start period, or before its first result.
    Starting,
    /// The last probe passed.
    Healthy,
    /// As many probes as it may have failed.
    Unhealthy,
}

/// A port of a container and where the host publishes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// Address on the host it is published at; `None` when only exposed.
    pub host_ip: Option<IpAddr>,
    /// Port on the host; `None` when only exposed.
    pub host: Option<u16>,
    /// Port in the container.
    pub container: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// A container's place in a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attachment {
    /// Name of the network.
    pub network: String,
    /// Identifier of the network; empty until the container has run.
    pub network_id: String,
    /// Its address there; `None` while it is not running.
    pub ip: Option<IpAddr>,
    /// Its IPv6 address there.
    pub ip6: Option<IpAddr>,
    /// The gateway it has there: on a bridge, the host's own address; `None` while it is not running.
    pub gateway: Option<IpAddr>,
    /// Other names it answers to there.
    pub aliases: Vec<String>,
    /// Hardware address.
    pub mac: Option<String>,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mount {
    /// `volume`, `bind` or `tmpfs`.
    pub kind: String,
    /// The volume's name, for volumes.
    pub name: Option<String>,
    /// Path on the host; empty for a tmpfs, and for anonymous volumes in a listing.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// Whether the container may write there.
    pub writable: bool,
}

/// One container, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Container {
    /// Its identifier.
    pub id: Id,
    /// Its name, without the leading slash.
    pub name: String,
    /// The image as it was asked for, such as `redis:7`. In a listing its identifier where that tag has
    /// moved to another image since; an inspection keeps to what was asked for.
    pub image: String,
    /// The image it really runs.
    pub image_id: String,
    /// What it runs, as one line.
    pub command: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// State, in Docker's words.
    pub state: State,
    /// What its healthcheck says.
    pub health: Health,
    /// Exit code of its last run; `None` while it runs or when it never ran.
    pub exit_code: Option<i64>,
    /// Ports, sorted.
    pub ports: Vec<Port>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Networks it is attached to, sorted by name.
    pub networks: Vec<Attachment>,
    /// How it has a network at all: the name of its first one, `host`, `none`, or `container:ID` whose network it
    /// shares; empty where the engine does not say.
    pub network_mode: String,
    /// Containers it is linked to (`--link`): the other's name, and what it calls it. Sorted.
    pub links: Vec<(String, String)>,
    /// Mounts, sorted.
    pub mounts: Vec<Mount>,
    /// When it last started: exact from an inspection, else from the listing's words ("Up 2 hours").
    pub started: Option<Timestamp>,
    /// When its last run ended, likewise.
    pub finished: Option<Timestamp>,
    /// What only an inspection tells; `None` until one was made.
    pub detail: Option<Detail>,
}

/// What an inspection adds to the listing of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// Whether the kernel killed it for want of memory.
    pub oom_killed: bool,
    /// How often its restart policy started it again.
    pub restart_count: i64,
    /// The engine's words for why it could not start.
    pub error: String,
    /// Probes failed in a row.
    pub failing_streak: i64,
    /// The newest probe's output, cleaned of control characters, first line.
    pub last_probe: String,
    /// Whether it has a terminal (decides how its logs are framed).
    pub tty: bool,
    /// The restart policy, such as `always` or `on-failure:3`.
    pub restart_policy: String,
    /// Its main process on the engine's host.
    pub pid: Option<u32>,
    /// Memory limit, when it has one.
    pub memory_limit: Option<u64>,
    /// Ports of the host it asks for, sorted; `host` is `None` where any will do.
    pub wanted_ports: Vec<Port>,
}

/// Newest probe results of a healthcheck and the rest that the detail pane shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inspection {
    /// The container as a listing would show it, with its detail.
    pub container: Container,
    /// Environment, as `NAME=value`.
    pub env: Vec<String>,
    /// The healthcheck's command, as one line; empty when it has none.
    pub health_test: String,
    /// Seconds between two probes.
    pub health_interval: Option<u64>,
    /// Last probes, oldest first.
    pub probes: Vec<Probe>,
    /// Everything the engine said, as it said it.
    pub raw: serde_json::Value,
}

/// One result of a healthcheck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// When it began.
    pub start: Option<Timestamp>,
    /// When it ended.
    pub end: Option<Timestamp>,
    /// Exit code: 0 healthy, 1 unhealthy, -1 could not run.
    pub exit_code: i64,
    /// What it printed, as it printed it.
    pub output: String,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Image {
    /// Its identifier, `sha256:...`.
    pub id: Id,
    /// Its tags, sorted; empty when dangling.
    pub tags: Vec<String>,
    /// Its digests.
    pub digests: Vec<String>,
    /// When it was built.
    pub created: Option<Timestamp>,
    /// Unpacked size.
    pub size: u64,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// One layer of an image's history, newest first in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The image at this step, or `<missing>`.
    pub id: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The instruction that made it.
    pub created_by: String,
    /// Bytes it adds.
    pub size: u64,
    /// Tags at this step.
    pub tags: Vec<String>,
    /// Comment, such as `buildkit.dockerfile.v0`.
    pub comment: String,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network {
    /// Its identifier.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// `bridge`, `overlay`, `host`, `none`, `macvlan`...
    pub driver: String,
    /// `local` or `swarm`.
    pub scope: String,
    /// Whether it has no way out.
    pub internal: bool,
    /// Subnets with their gateways, such as (`172.18.0.0/16`, `172.18.0.1`).
    pub subnets: Vec<(String, String)>,
    /// Options of its driver, such as `com.docker.network.bridge.enable_icc`.
    pub options: BTreeMap<String, String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// One volume.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Volume {
    /// Its name.
    pub name: Id,
    /// Driver, mostly `local`.
    pub driver: String,
    /// Path on the host.
    pub mountpoint: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Disk use by kind, from `GET /system/df`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DiskUse {
    /// Bytes of image layers, each counted once.
    pub layers: u64,
    /// Bytes of images that no container uses.
    pub images_reclaimable: u64,
    /// Bytes in containers' writable layers.
    pub containers: u64,
    /// Of these, bytes of containers that do not run.
    pub containers_reclaimable: u64,
    /// Bytes of volumes.
    pub volumes: u64,
    /// Of these, bytes of volumes that no container uses.
    pub volumes_reclaimable: u64,
    /// Bytes of build cache.
    pub build_cache: u64,
    /// Of these, bytes not in use.
    pub build_cache_reclaimable: u64,
    /// Bytes of each volume, by name.
    pub volume_sizes: BTreeMap<Id, u64>,
}

/// One event of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// `container`, `image`, `network`, `volume`, `builder`, `daemon`...
    pub kind: String,
    /// What happened: `start`, `die`, `health_status: healthy`...
    pub action: String,
    /// What it happened to.
    pub id: Id,
    /// Its name, when the engine says it.
    pub name: String,
    /// Everything else the engine says.
    pub attributes: BTreeMap<String, String>,
}

/// One reading of what a container uses. Counters are since its start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    /// When it was read.
    pub time: Timestamp,
    /// Processor time of all its processes, in nanoseconds.
    pub cpu_ns: u64,
    /// Memory, without the page cache that could be dropped (as `docker stats` counts it).
    pub memory: u64,
    /// The most it may use; the host's memory when it has no limit of its own.
    pub memory_limit: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Bytes received, over all its networks but loopback.
    pub net_rx: u64,
    /// Bytes sent.
    pub net_tx: u64,
    /// Bytes read from block devices.
    pub block_read: u64,
    /// Bytes written to block devices.
    pub block_write: u64,
}
