//! One immutable picture of what an engine has, shared by everyone who looks at it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::engine::model::{Container, DiskUse, EngineInfo, Event, Health, Id, Image, Network, Sample, State, Volume};
use crate::engine::{Endpoint, EngineError};

/// How many engine events are kept; the oldest go first.
pub const EVENTS_KEPT: usize = 500;
/// How many readings of each container are kept: two minutes at one a second.
pub const SAMPLES_KEPT: usize = 120;

/// What Docker is at one moment. Cheap to clone: everything large is behind an [`Arc`].
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// How the host is called: its context's name, or its address.
    pub host: String,
    /// The address that is connected to, such as `unix:///var/run/docker.sock`.
    pub address: String,
    /// How to reach it again; `None` before anything is known.
    pub endpoint: Option<Arc<Endpoint>>,
    /// What the engine says of itself; `None` until it did.
    pub engine: Option<Arc<EngineInfo>>,
    /// Whether the engine can be reached.
    pub link: Link,
    /// What the API lets us do.
    pub access: Access,
    /// Which listings have arrived.
    pub listings: Listings,
    /// Containers, running or not, by identifier.
    pub containers: BTreeMap<Id, Arc<Container>>,
    /// Images by identifier.
    pub images: BTreeMap<Id, Arc<Image>>,
    /// Networks by identifier.
    pub networks: BTreeMap<Id, Arc<Network>>,
    /// Volumes by name.
    pub volumes: BTreeMap<Id, Arc<Volume>>,
    /// Compose projects, by name; made from the containers' labels.
    pub stacks: Arc<Vec<Stack>>,
    /// What containers use.
    pub usage: Arc<HashMap<Id, Arc<Usage>>>,
    /// The host's own load; only of an engine on this machine.
    pub load: Option<Arc<HostLoad>>,
    /// Disk use, when it was asked for.
    pub disk: Option<Arc<DiskUse>>,
    /// The newest events, oldest first.
    pub events: Arc<VecDeque<Event>>,
}

/// Whether the engine can be reached.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Link {
    /// The first connection is being made.
    #[default]
    Connecting,
    /// Connected; events flow.
    Up,
    /// Connected, but events are refused: the picture is read again every few seconds.
    Polling {
        /// Why.
        reason: String,
    },
    /// Lost, or never had. What the snapshot holds is the last that was known.
    Down {
        /// Since when.
        since: Timestamp,
        /// Why.
        error: EngineError,
        /// How many attempts were made since.
        attempts: u32,
        /// When the next one comes.
        retry_at: Timestamp,
    },
}

/// What the API lets us do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Why nothing may be changed; `None` when it may.
    pub read_only: Option<String>,
}

/// How far one listing has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Listing {
    /// Not yet arrived.
    #[default]
    Loading,
    /// Arrived and kept right.
    Ready,
    /// The API does not give it, and why.
    Refused(String),
}

/// How far each listing has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listings {
    /// `GET /containers/json`.
    pub containers: Listing,
    /// `GET /images/json`.
    pub images: Listing,
    /// `GET /networks`.
    pub networks: Listing,
    /// `GET /volumes`.
    pub volumes: Listing,
}

/// A compose project, from the labels of its containers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stack {
    /// Project name.
    pub name: String,
    /// Where `docker compose` was run, when the label says so.
    pub working_dir: Option<PathBuf>,
    /// Its compose files; relative ones are below the working directory.
    pub config_files: Vec<PathBuf>,
    /// Services by name.
    pub services: Vec<Service>,
}

/// One service of a compose project.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its containers by number; one-off containers (`compose run`) come last.
    pub containers: Vec<Arc<Container>>,
    /// Services it waits for.
    pub depends_on: Vec<String>,
}

/// What a container uses now, and did lately.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage {
    /// Percent of one processor, as `docker stats` counts: 200 is two of them.
    pub cpu: f64,
    /// The newest reading.
    pub now: Sample,
    /// Readings before and with the newest, oldest first, at most [`SAMPLES_KEPT`].
    pub history: VecDeque<Sample>,
}

/// The host's own load.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HostLoad {
    /// Busy share of all processors, 0 to 100.
    pub cpu: f64,
    /// Shares before and with the newest, oldest first, at most [`SAMPLES_KEPT`].
    pub history: VecDeque<f64>,
    /// Memory in use, without caches.
    pub memory: u64,
    /// Memory of the host.
    pub memory_total: u64,
}

/// How well something is, worst last. One word for a container, service, stack or host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Status {
    /// Stopped in order, or nothing there.
    #[default]
    Stopped,
    /// Running, and healthy if it can tell.
    Running,
    /// Paused.
    Paused,
    /// Starting, or some of its parts do not run.
    Partial,
    /// Running but unhealthy.
    Unhealthy,
    /// Failed: exited with an error, killed, or restarting in a loop.
    Failed,
}

impl Container {
    /// How well it is.
    pub fn status(&self) -> Status {
        match (self.state, self.health) {
            (State::Running, Health::Unhealthy) => Status::Unhealthy,
            (State::Running, Health::Starting) => Status::Partial,
            (State::Running, _) => Status::Running,
            (State::Paused, _) => Status::Paused,
            (State::Restarting | State::Dead, _) => Status::Failed,
            // 143 and 130: ended by SIGTERM or SIGINT, as asked.
            (State::Exited, _) if !matches!(self.exit_code, None | Some(0 | 130 | 143)) => {
                // 137 without an OOM kill is mostly `docker stop` on a program that ignores SIGTERM.
                if self.exit_code == Some(137) && !self.detail.as_ref().is_some_and(|d| d.oom_killed) {
                    Status::Stopped
                } else {
                    Status::Failed
                }
            }
            (State::Exited | State::Created | State::Removing, _) => Status::Stopped,
        }
    }

    /// Why it is not simply running, in words; `None` when it is.
    pub fn reason(&self) -> Option<String> {
        let detail = self.detail.as_ref();
        let code = self.exit_code;
        match self.state {
            State::Running if self.health == Health::Unhealthy => {
                let probe = detail.map(|d| d.last_probe.as_str()).filter(|p| !p.is_empty());
                Some(probe.map_or_else(|| "unhealthy".into(), |p| format!("unhealthy: {p}")))
            }
            State::Running if self.health == Health::Starting => Some("health: starting".into()),
            State::Running => None,
            State::Restarting => {
                let times = detail.map(|d| d.restart_count).filter(|n| *n > 0);
                let times = times.map_or(String::new(), |n| format!(" {n}×"));
                Some(code.map_or_else(
                    || format!("restarting{times}"),
                    |c| format!("restarting{times}, exits {c}{}", exit_words(c, detail.is_some_and(|d| d.oom_killed))),
                ))
            }
            State::Exited => {
                let oom = detail.is_some_and(|d| d.oom_killed);
                Some(code.map_or_else(|| "exited".into(), |c| format!("exited {c}{}", exit_words(c, oom))))
            }
            State::Created => match detail.map(|d| d.error.as_str()) {
                Some(error) if !error.is_empty() => Some(crate::text::clean(error).into_owned()),
                _ => Some("never started".into()),
            },
            State::Paused | State::Removing | State::Dead => Some(self.state.word().into()),
        }
    }

    /// The compose project it belongs to.
    pub fn stack(&self) -> Option<&str> {
        self.labels.get("com.docker.compose.project").map(String::as_str).filter(|s| !s.is_empty())
    }

    /// The compose service it belongs to.
    pub fn service(&self) -> Option<&str> {
        self.labels.get("com.docker.compose.service").map(String::as_str)
    }
}

/// What an exit code means, in brackets; empty where the number says it all.
pub fn exit_words(code: i64, oom: bool) -> &'static str {
    match code {
        137 if oom => " (OOM)",
        137 => " (killed)",
        139 => " (crashed)",
        143 => " (terminated)",
        126 => " (not executable)",
        127 => " (command not found)",
        130 => " (interrupted)",
        _ => "",
    }
}

impl Service {
    /// How well it is: the worst of its containers; partly stopped counts as partial.
    pub fn status(&self) -> Status {
        roll_up(self.containers.iter().map(|c| c.status()))
    }
}

impl Stack {
    /// How well it is: the worst of its services; partly stopped counts as partial.
    pub fn status(&self) -> Status {
        roll_up(self.services.iter().map(Service::status))
    }

    /// All its containers.
    pub fn containers(&self) -> impl Iterator<Item = &Arc<Container>> {
        self.services.iter().flat_map(|s| &s.containers)
    }
}

/// The worst of `parts`; running beside stopped is partial.
fn roll_up(parts: impl Iterator<Item = Status>) -> Status {
    let (mut worst, mut any_up, mut any_stopped) = (Status::Stopped, false, false);
    for part in parts {
        worst = worst.max(part);
        any_up |= part != Status::Stopped;
        any_stopped |= part == Status::Stopped;
    }
    if any_up && any_stopped { worst.max(Status::Partial) } else { worst }
}

impl Snapshot {
    /// Why nothing may be changed now; `None` when it may.
    pub fn cannot_write(&self) -> Option<&str> {
        match &self.link {
            Link::Down { .. } => Some("the engine cannot be reached"),
            _ => self.access.read_only.as_deref(),
        }
    }

    /// The containers that use a volume.
    pub fn users_of_volume<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<Container>> {
        self.containers.values().filter(move |c| c.mounts.iter().any(|m| m.name.as_deref() == Some(name)))
    }

    /// The containers made from an image.
    pub fn users_of_image<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Arc<Container>> {
        self.containers.values().filter(move |c| c.image_id == id)
    }

    /// The containers attached to a network, each with its place there.
    pub fn members_of<'a>(
        &'a self,
        network: &'a Network,
    ) -> impl Iterator<Item = (&'a Arc<Container>, &'a crate::engine::model::Attachment)> {
        self.containers.values().filter_map(move |c| {
            let here = |a: &&crate::engine::model::Attachment| {
                if a.network_id.is_empty() { a.network == network.name } else { *a.network_id == *network.id }
            };
            c.networks.iter().find(here).map(|a| (c, a))
        })
    }

    /// The stack of that name.
    pub fn stack(&self, name: &str) -> Option<&Stack> {
        self.stacks.iter().find(|s| s.name == name)
    }
}
