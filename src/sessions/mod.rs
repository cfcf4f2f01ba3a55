//! Sessions: machines with a Docker of their own, that end by themselves.
//!
//! A session is one container of an image that this crate builds on first use. It runs a Docker daemon, has
//! limits that hold for all that runs in it, no network but its own, and a named volume at `/workspace` that
//! outlives it. Its first process ends at its deadline, whereupon the engine removes it: nobody need be left
//! to do that. What makes a container a session is its labels; nothing about sessions is kept elsewhere, so every
//! panel finds them. When the engine itself restarts, sessions are over (engines remove such containers then, 20.10
//! even with `live-restore`); workspaces are found by their labels, and what else is left is swept.
//!
//! # What protects the host
//!
//! The daemon inside needs more rights than containers have. How many is a choice of the config:
//!
//! * **The small set (default).** Docker's own capabilities with `SYS_ADMIN`, `NET_ADMIN` and `SYS_PTRACE` (which
//!   reaches the session's own processes only: it sees no others); no other device than containers have; a list of
//!   system calls that is refused (modules, kexec, clocks, block devices, new mounts by file handle, making a
//!   read-only mount writable). The session's control groups are shut in ([`enclosed`](self#limits)). It keeps
//!   curious people and runaway programs in. It is no wall against someone who sets out to break it: `SYS_ADMIN`
//!   reaches kernel settings under `/proc/sys` that hold for the whole host.
//! * **`runtime: sysbox-runc`.** The container gets a user namespace, so root in it is nobody on the host.
//!   The choice for people one does not know; has to be installed on the host.
//! * **`privileged: true`.** All capabilities and devices: root in the session is root on the host in two
//!   commands. Only for hosts where nothing else works, and people one trusts with the host.
//!
//! A virtual machine for the engine that carries sessions helps in all three cases.
//!
//! # Limits
//!
//! Memory (without swap), processor time and processes are limits of the container's control groups. Inner
//! containers live in groups below them, so they count towards them. Root inside could raise limits of
//! a group whose files it sees, so the first process moves everything one group down and makes that the topmost
//! one that can be seen.
//!
//! # Network
//!
//! A session is attached to no network: it has a loopback, and what its own Docker makes. Even an internal
//! network of Docker's would let it reach every port of the host that listens on all addresses. Everything
//! that has to get in (files, the inner Docker's API, requests to a learner's service) goes through commands
//! that the engine runs in the container. With `egress` it gets a bridge of its own, which leads out, and
//! to the host's open ports.

mod image;
mod life;
mod seed;
mod service;
mod start;
mod trial;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::config::Sessions;
use crate::engine::model::{Container, Id, State};
use crate::engine::{Address, Endpoint};

pub use crate::engine::request::{Answer, Ask};
pub use image::tag as image_name;
pub use life::{Left, Swept, end, extend, forget, left, leftovers, list, sweep};
pub use seed::{is_seed, seeded};
pub use service::look;
pub use start::{Progress, Tell, places, start};
pub use trial::{Nested, TRIAL, Trial, nested, settled};

/// The label that says that a container or network is a session's, and which.
pub const LABEL: &str = "dev.ondeck.session";
/// The label of a volume that is a workspace: its name as people know it.
pub const WORKSPACE: &str = "dev.ondeck.workspace";
/// The owner of a session or workspace.
pub const OWNER: &str = "dev.ondeck.owner";
/// The lab that a session or workspace is for.
pub const LAB: &str = "dev.ondeck.lab";
/// The label of the volume with the data of a session's Docker.
const DATA: &str = "dev.ondeck.session.data";
/// The label of what a judge made, in a session or as one: which judge.
pub const JUDGE: &str = "dev.ondeck.judge";
const TTL: &str = "dev.ondeck.session.ttl";
const MEMORY: &str = "dev.ondeck.session.memory";
const CPUS: &str = "dev.ondeck.session.cpus";
const PORT: &str = "dev.ondeck.session.port";
const EGRESS: &str = "dev.ondeck.session.egress";
/// The program in the session image, as the image's first process and as what is run in it.
const PROGRAM: &str = "/usr/local/bin/session";
/// The program in the session image that connects with its Docker or a port.
const DIAL: &str = "/usr/local/bin/dial";
/// Where a learner's service is looked for unless something else is said.
pub const SERVICE_PORT: u16 = 8080;

/// What a session shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Whose it is.
    pub owner: String,
    /// The lab it is for.
    pub lab: Option<String>,
    /// The name of its workspace, when not that of the lab.
    pub workspace: Option<String>,
    /// Seconds that it lives.
    pub ttl: u64,
    /// Seconds that it may live, however often it is extended.
    pub longest: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Processors' worth of time.
    pub cpus: f64,
    /// Processes and threads.
    pub pids: u32,
    /// Whether it reaches networks outside.
    pub egress: bool,
    /// Images of the host that the inner Docker shall have.
    pub images: Vec<String>,
    /// The port that a learner's service listens on.
    pub port: u16,
    /// The judge that it is for. Such a session does not count among those that people may have, but its memory does.
    pub judge: Option<String>,
}

impl Spec {
    /// What the config says, for someone.
    pub fn new(config: &Sessions, owner: impl Into<String>) -> Self {
        let longest = config.longest.0.as_secs();
        Self {
            owner: owner.into(),
            lab: None,
            workspace: None,
            ttl: config.ttl.0.as_secs().min(longest),
            longest,
            memory: config.memory.0,
            cpus: config.cpus,
            pids: config.pids,
            egress: config.egress,
            images: Vec::new(),
            port: SERVICE_PORT,
            judge: None,
        }
    }

    /// Whether its figures can be right; else what is wrong and what would be right.
    pub fn check(&self) -> Result<(), String> {
        const MEMORY: u64 = 256 << 20;
        if self.memory < MEMORY {
            return Err(format!(
                "{} is too little memory: the Docker of a session needs 256m",
                crate::text::size(self.memory)
            ));
        }
        if !(0.1..=1024.0).contains(&self.cpus) {
            return Err(format!("{} is no number of processors: expected 0.1 or more", self.cpus));
        }
        if self.pids < 64 {
            return Err(format!("{} processes are too few: expected 64 or more", self.pids));
        }
        if self.ttl < 10 || self.ttl > self.longest {
            return Err(format!(
                "a session may live from 10s to {} (`sessions.longest` in the config), not {}",
                crate::text::duration(self.longest),
                crate::text::duration(self.ttl)
            ));
        }
        Ok(())
    }
}

/// A session as its container's labels tell of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Short enough to type.
    pub id: String,
    /// Its container.
    pub container: Id,
    /// The container's name.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// The lab it is for.
    pub lab: Option<String>,
    /// The name of its workspace.
    pub workspace: String,
    /// The state of its container.
    pub state: State,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// When it ends, unless it was extended.
    pub deadline: Option<Timestamp>,
    /// Bytes of memory it may use.
    pub memory: u64,
    /// Processors' worth of time it may use.
    pub cpus: f64,
    /// The port a service in it is looked for at.
    pub port: u16,
    /// Whether it reaches networks outside.
    pub egress: bool,
    /// The judge that it was started for.
    pub judge: Option<String>,
}

impl Session {
    /// The session that a container is, if it is one.
    pub fn of(container: &Container) -> Option<Self> {
        let label = |name: &str| container.labels.get(name).cloned();
        let ttl: i64 = label(TTL).and_then(|t| t.parse().ok()).unwrap_or_default();
        let started = container.started.filter(|_| container.state.is_up());
        Some(Self {
            id: label(LABEL)?,
            container: container.id.clone(),
            name: container.name.clone(),
            owner: label(OWNER).unwrap_or_default(),
            lab: label(LAB),
            workspace: label(WORKSPACE).unwrap_or_default(),
            state: container.state,
            started,
            deadline: started.and_then(|t| t.checked_add(SignedDuration::from_secs(ttl)).ok()),
            memory: label(MEMORY).and_then(|m| m.parse().ok()).unwrap_or_default(),
            cpus: label(CPUS).and_then(|c| c.parse().ok()).unwrap_or(1.0),
            port: label(PORT).and_then(|p| p.parse().ok()).unwrap_or(SERVICE_PORT),
            egress: label(EGRESS).is_some(),
            judge: label(JUDGE),
        })
    }

    /// The Docker within.
    pub fn endpoint(&self, outer: &Endpoint) -> Endpoint {
        inside(outer, &self.name, &format!("session {}", self.id))
    }

    /// A command in its container that connects with a port of the session.
    pub fn port_command(port: u16) -> Vec<String> {
        vec![DIAL.into(), port.to_string()]
    }
}

/// Reads `PORT`, `LOCAL:PORT` or nothing, as people type it: the port here, the port of the session.
pub fn ports(text: &str, port: u16) -> Result<(u16, u16), String> {
    let number = |word: &str| word.trim().parse::<u16>().map_err(|_| format!("{word} is no port; expected 1 to 65535"));
    match text.trim().split_once(':') {
        Some((local, port)) => Ok((number(local)?, number(port)?)),
        None if text.trim().is_empty() => Ok((port, port)),
        None => number(text).map(|port| (port, port)),
    }
}

/// The Docker within a container of the session image.
fn inside(outer: &Endpoint, container: &str, name: &str) -> Endpoint {
    Endpoint {
        name: name.to_owned(),
        address: Address::Inside {
            via: Box::new(outer.clone()),
            container: container.to_owned(),
            command: vec![DIAL.into(), "docker".into()],
        },
        tls: None,
        source: "session".to_owned(),
    }
}

/// The name of whoever runs this.
pub fn owner() -> String {
    ["USER", "LOGNAME"].iter().find_map(|v| std::env::var(v).ok().filter(|n| !n.is_empty())).unwrap_or_else(|| {
        let uid = rustix::process::getuid().as_raw().to_string();
        // A service or a cron job has no USER, but mostly a line here.
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let line = users.lines().map(|l| l.split(':').collect::<Vec<_>>()).find(|l| l.get(2) == Some(&uid.as_str()));
        line.and_then(|l| l.first().map(|n| (*n).to_owned())).unwrap_or_else(|| format!("uid-{uid}"))
    })
}

/// The container of a session of that identifier.
pub fn container_name(id: &str) -> String {
    format!("ondeck-session-{id}")
}

/// The volume of a workspace: one for each owner and name.
fn volume_name(owner: &str, workspace: &str) -> String {
    let word = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect()
    };
    format!("ondeck-workspace-{}-{}", word(owner), word(workspace))
}

/// What an audit finds in each container of the session image, and why that is meant to be so, in the words of the
/// audit's own label. All rights there are (`privileged`) are not among it: who sets that is to be told of it.
pub(crate) const MEANT: (&str, &str) = (
    "dev.ondeck.audit.ignore",
    "OD-C15 a session's own Docker mounts, and a filter of system calls of its own holds what SYS_ADMIN would let through; \
     OD-C16 a session's own Docker makes networks, and a shell beside it has to be possible; \
     OD-C17 a session's own Docker gives these capabilities to its containers; \
     OD-C18 in a session anyone is root anyway; \
     OD-C20 the profile of other containers forbids the mounts of a session's own Docker; \
     OD-C22 a session is a machine whose user is root; \
     OD-C23 in a session one may write everywhere, and all of it goes with the session; \
     OD-C28 one that only holds images for sessions runs once, for a minute; \
     OD-C30 a session is looked after by its own program; \
     OD-C33 the image of sessions is built here, and its tag says from what",
);

fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_what_its_labels_say() {
        let now = Timestamp::now();
        let mut container = Container {
            name: container_name("k3f9"),
            labels: labels([
                (LABEL, "k3f9".into()),
                (OWNER, "ann".into()),
                (TTL, "60".into()),
                (MEMORY, "1024".into()),
            ]),
            state: State::Running,
            started: Some(now),
            ..Container::default()
        };
        let session = Session::of(&container);
        let session = session.as_ref();
        assert_eq!(session.map(|s| (s.id.as_str(), s.owner.as_str(), s.memory)), Some(("k3f9", "ann", 1024)));
        assert_eq!(session.and_then(|s| s.deadline), Some(now + SignedDuration::from_secs(60)));
        container.state = State::Exited;
        assert_eq!(Session::of(&container).and_then(|s| s.deadline), None);
        assert_eq!(Session::of(&Container::default()), None);
    }

    #[test]
    fn workspaces_of_strange_names_have_volumes_that_docker_takes() {
        assert_eq!(volume_name("jörg@host", "lab 1/x"), "ondeck-workspace-j_rg_host-lab_1_x");
    }
}
