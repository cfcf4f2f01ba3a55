//! An engine's socket on this machine: missing, nobody behind it, or closed to this person, and which of the reasons.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::text::duration;
use crate::text::shell::quote;

use super::super::machine::{Group, Machine, Person, may};
use super::super::scan::Process;
use super::Found;

/// How an attempt to connect ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opened {
    Yes,
    Missing,
    Refused,
    Denied,
    Slow,
    Other(String),
}

/// What stands at the socket's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    socket: bool,
    directory: bool,
    gid: u32,
    uid: u32,
    mode: u32,
}

/// What decides about a socket.
#[derive(Debug, Clone)]
pub(super) struct SocketFacts {
    pub(super) path: PathBuf,
    /// Whether it is where engines listen unless told otherwise.
    pub(super) default: bool,
    pub(super) opened: Opened,
    pub(super) node: Option<Node>,
    /// A directory on the way that this person may not enter.
    pub(super) closed: Option<PathBuf>,
    pub(super) person: Person,
    /// The socket's group, where it has a name here.
    pub(super) group: Option<Group>,
    pub(super) container: bool,
    /// Whether an engine is installed.
    pub(super) installed: bool,
    /// What starts its service, for someone who may.
    pub(super) start: Option<&'static str>,
    pub(super) systemd: bool,
    pub(super) others: Vec<(PathBuf, &'static str)>,
    /// Daemons that run, and for how many seconds.
    pub(super) daemons: Vec<(Process, u64)>,
}

impl SocketFacts {
    pub(super) fn with_group(mut self, machine: &Machine) -> Self {
        self.group = self.node.as_ref().and_then(|node| machine.group(node.gid));
        self
    }
}

/// What stands at a path.
pub(super) fn node(path: &Path) -> Option<Node> {
    let meta = std::fs::metadata(path).ok()?;
    Some(Node {
        socket: meta.file_type().is_socket(),
        directory: meta.is_dir(),
        gid: meta.gid(),
        uid: meta.uid(),
        mode: meta.mode() & 0o777,
    })
}

/// The first directory on the way to a path that may not be entered.
pub(super) fn closed(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut all: Vec<&Path> = path.parent()?.ancestors().collect();
    all.reverse();
    let there = |dir: &Path| root.join(dir.strip_prefix("/").unwrap_or(dir));
    all.into_iter().find(|dir| there(dir).is_dir() && !may(&there(dir), Access::EXEC_OK)).map(Path::to_owned)
}

pub(super) fn judge(facts: &SocketFacts) -> Found {
    let path = facts.path.display();
    match &facts.opened {
        Opened::Yes => {
            let node = facts.node.as_ref();
            let open = node.is_some_and(|n| n.mode & 0o002 != 0);
            if open {
                return Found::warn(format!("{path} may be opened by everybody on this machine, who is then root"))
                    .mend("close it to others")
                    .by(format!("sudo chmod o-rwx {}", quote(&path.to_string())));
            }
            Found::ok(format!("{path} takes connections"))
        }
        Opened::Denied => denied(facts),
        Opened::Slow => Found::fail(format!("{path} is there, but takes no connection: its engine is stuck"))
            .mend("its queue is full: look at the engine's log, then restart it")
            .by("journalctl -u docker -n 50"),
        Opened::Missing => missing(facts),
        Opened::Refused if facts.node.as_ref().is_some_and(|n| n.directory) => directory(facts),
        Opened::Refused if facts.node.as_ref().is_some_and(|n| !n.socket) => {
            Found::fail(format!("{path} is no socket"))
                .mend("name the engine's socket: --host unix:///path, or DOCKER_HOST")
        }
        Opened::Refused => refused(facts),
        Opened::Other(_) if facts.node.as_ref().is_some_and(|n| n.directory) => directory(facts),
        Opened::Other(why) => Found::fail(format!("{path} cannot be opened: {why}")),
    }
}

/// What Docker itself makes when a container mounts the socket while no engine listens.
fn directory(facts: &SocketFacts) -> Found {
    let path = quote(&facts.path.display().to_string());
    Found::fail(format!("{path} is a directory, not a socket: a container mounted it while no engine was there"))
        .mend("remove the empty directory, then start the engine")
        .by(format!("sudo rmdir {path} && sudo {}", facts.start.unwrap_or("systemctl start docker")))
}

/// With `sudo` for those who need it.
fn as_root(facts: &SocketFacts, command: &str) -> String {
    if facts.person.uid == 0 || command.contains("--user") { command.to_owned() } else { format!("sudo {command}") }
}

/// What starts the engine; harmless where this person may do it.
fn started(facts: &SocketFacts, found: Found, words: &str) -> Found {
    let Some(start) = facts.start else { return found.mend(words) };
    let found = found.mend(words).by(as_root(facts, start));
    if facts.person.uid == 0 || start.contains("--user") { found.harmless() } else { found }
}

/// A daemon that runs all the same.
fn running(facts: &SocketFacts) -> Option<String> {
    let (process, age) = facts.daemons.first()?;
    Some(format!("a dockerd runs (pid {}, since {})", process.pid, duration(*age)))
}

fn missing(facts: &SocketFacts) -> Found {
    let path = facts.path.display();
    let other = facts.others.first();
    let also = other.map_or_else(String::new, |(path, kind)| format!("; but {} ({kind}) is there", path.display()));
    let found = |why: &str| Found::fail(format!("there is no {path}{why}{also}"));
    if let Some((other, _)) = other {
        let at = format!("unix://{}", other.display());
        return found("").mend("name the socket that is there").by(format!("ondeck --host {}", quote(&at)));
    }
    match () {
        () if facts.container => found(": this is a container, and the socket is not mounted into it")
            .mend("start this container with the engine's socket, and know that whoever has it is root on the host")
            .by("docker run -v /var/run/docker.sock:/var/run/docker.sock ..."),
        () if !facts.default => match running(facts) {
            Some(daemon) => {
                found(&format!("; {daemon}")).mend("it listens elsewhere: check DOCKER_HOST, the context or --host")
            }
            None => found("")
                .mend("is the engine running, and is its socket there? check DOCKER_HOST, the context or --host"),
        },
        () if !facts.installed && facts.daemons.is_empty() => found(", and no Docker is installed here")
            .mend("install Docker Engine (docker.io or docker-ce), or name another machine's: --host ssh://user@host"),
        () => match running(facts) {
            Some(daemon) => found(&format!(", although {daemon}"))
                .mend("it was told to listen elsewhere: see `hosts` in /etc/docker/daemon.json and its command line"),
            None => started(
                facts,
                found(": the engine does not run"),
                "start it; enable it, so that it also starts with the machine",
            ),
        },
    }
}

fn refused(facts: &SocketFacts) -> Found {
    let path = facts.path.display();
    let found = |more: &str| Found::fail(format!("{path} is there, but nobody listens{more}"));
    if let Some((process, age)) = facts.daemons.first().filter(|(_, age)| *age < 30) {
        return found(&format!("; dockerd (pid {}) runs since {}: it is starting", process.pid, duration(*age)))
            .mend("wait a moment and look again");
    }
    if facts.container {
        return found(": the engine outside does not run, or was started anew since this container was")
            .mend("start the engine; this container then needs a restart, as it holds the old socket");
    }
    let log = if facts.systemd { "journalctl -u docker -n 50" } else { "its log (/var/log/docker.log)" };
    let words =
        format!("start the engine; when it does not stay, {log} tells why, and dockerd --validate checks daemon.json");
    let found = found(": the engine has stopped");
    match facts.start {
        Some(_) => started(facts, found, &words),
        None => found.mend(words),
    }
}

fn denied(facts: &SocketFacts) -> Found {
    let path = facts.path.display();
    let who = &facts.person.name;
    if let Some(dir) = &facts.closed {
        return Found::fail(format!("{path} is in {}, which {who} may not enter", dir.display()))
            .mend("it is another user's engine: run as that user, or as root")
            .by(format!("sudo ondeck --host unix://{path}"));
    }
    let Some(node) = &facts.node else {
        return Found::fail(format!("{path} may not be opened by {who}")).mend("run as the user it belongs to");
    };
    let gid = node.gid;
    let group = facts.group.as_ref();
    let name = group.map_or_else(|| gid.to_string(), |g| g.name.clone());
    let said = |why: &str| Found::fail(format!("{path} belongs to the group {name} (gid {gid}), {why}"));
    if facts.person.groups.contains(&gid) || node.mode & 0o060 != 0o060 && gid != 0 {
        return Found::fail(format!(
            "{path} may not be opened by {who}, although its group would be right (mode {:o})",
            node.mode
        ))
        .mend(if facts.container {
            "SELinux forbids it in this container: run it with --security-opt label=disable"
        } else {
            "its mode is wrong; the engine sets it when it starts: restart it, and see `group` in daemon.json"
        });
    }
    if facts.container {
        return said("and this process, in a container, is not in it")
            .mend(format!("run the container with that group (compose: group_add: [\"{gid}\"]); it then is as good as root on the host"))
            .by(format!("docker run --group-add {gid} ..."));
    }
    if gid == 0 {
        let other = facts.others.first();
        let found = Found::fail(format!("{path} is root's alone (uid {}, gid 0)", node.uid));
        return match other {
            Some((other, kind)) => found
                .mend(format!("use the {kind} engine that is there"))
                .by(format!("ondeck --host unix://{}", other.display())),
            None => found
                .mend("run as root; or let the engine give its socket to a group: `group` in daemon.json")
                .by("sudo ondeck"),
        };
    }
    if group.is_some_and(|g| g.members.contains(who)) {
        return said(&format!("and {who} is a member, but this login is older than that"))
            .mend("log in again; or for this shell only:")
            .by(format!("newgrp {name}"));
    }
    if group.is_none() {
        return said(&format!("which has no name here, and {who} is not in it"))
            .mend("make the group and join it, then log in again; it can do what root can")
            .by(format!("sudo groupadd -g {gid} docker && sudo usermod -aG docker {}", quote(who)));
    }
    said(&format!("and {who} is not in it"))
        .mend("join it, then log in again; members of this group can do what root can")
        .by(format!("sudo usermod -aG {} {}", quote(&name), quote(who)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    fn facts(opened: Opened) -> SocketFacts {
        SocketFacts {
            path: "/var/run/docker.sock".into(),
            default: true,
            opened,
            node: Some(Node { socket: true, directory: false, gid: 998, uid: 0, mode: 0o660 }),
            closed: None,
            person: Person { name: "ann".into(), uid: 1000, groups: vec![1000] },
            group: Some(Group { name: "docker".into(), members: vec!["bob".into()] }),
            container: false,
            installed: true,
            start: Some("systemctl start docker"),
            systemd: true,
            others: Vec::new(),
            daemons: Vec::new(),
        }
    }

    fn told(facts: &SocketFacts) -> (String, String, bool) {
        let found = judge(facts);
        assert_eq!(found.outcome, Outcome::Fail, "{found:?}");
        let fix = found.fix.unwrap_or_else(|| panic!("no advice: {}", found.evidence));
        (found.evidence, fix.command.unwrap_or_default(), fix.harmless)
    }

    #[test]
    fn the_reasons_for_a_closed_socket_are_told_apart() {
        let mut f = facts(Opened::Denied);
        let (evidence, command, harmless) = told(&f);
        assert_eq!(evidence, "/var/run/docker.sock belongs to the group docker (gid 998), and ann is not in it");
        assert_eq!((command.as_str(), harmless), ("sudo usermod -aG docker ann", false));
        // A member, but not this login.
        f.group = Some(Group { name: "docker".into(), members: vec!["ann".into()] });
        let (evidence, command, _) = told(&f);
        assert!(evidence.ends_with("this login is older than that"), "{evidence}");
        assert_eq!(command, "newgrp docker");
        // In a container the host's names mean nothing.
        f.container = true;
        f.group = None;
        assert_eq!(told(&f).1, "docker run --group-add 998 ...");
        f.container = false;
        assert!(told(&f).1.starts_with("sudo groupadd -g 998"));
        f.node = Some(Node { gid: 0, mode: 0o600, ..f.node.unwrap_or_else(|| unreachable!()) });
        assert_eq!(told(&f).1, "sudo ondeck");
        f.closed = Some("/run/user/1001".into());
        assert!(told(&f).0.contains("in /run/user/1001, which ann may not enter"));
    }

    #[test]
    fn a_group_that_is_right_does_not_help_against_a_mode_that_is_wrong() {
        let mut f = facts(Opened::Denied);
        f.person.groups.push(998);
        assert!(told(&f).0.contains("although its group would be right (mode 660)"));
        f.container = true;
        assert!(judge(&f).fix.is_some_and(|fix| fix.words.contains("SELinux")));
    }

    #[test]
    fn a_missing_socket_has_a_reason() {
        let missing = SocketFacts { node: None, ..facts(Opened::Missing) };
        let (evidence, command, harmless) = told(&missing);
        assert_eq!(evidence, "there is no /var/run/docker.sock: the engine does not run");
        assert_eq!((command.as_str(), harmless), ("sudo systemctl start docker", false));
        let mut root = missing.clone();
        root.person.uid = 0;
        assert_eq!(told(&root).1, "systemctl start docker");
        assert!(told(&root).2, "root may start a service that is installed and down");
        let none = SocketFacts { installed: false, start: None, ..missing.clone() };
        assert!(told(&none).0.ends_with("and no Docker is installed here"));
        let container = SocketFacts { container: true, ..missing.clone() };
        assert!(told(&container).0.contains("not mounted into it"));
        let rootless =
            SocketFacts { others: vec![("/run/user/1000/docker.sock".into(), "rootless")], ..missing.clone() };
        assert_eq!(told(&rootless).1, "ondeck --host unix:///run/user/1000/docker.sock");
        let elsewhere =
            SocketFacts { daemons: vec![(Process { pid: 5, name: "dockerd".into() }, 99)], ..missing.clone() };
        assert!(told(&elsewhere).0.ends_with("although a dockerd runs (pid 5, since 1m)"));
        let other = SocketFacts { default: false, path: "/tmp/x.sock".into(), start: None, ..missing };
        assert_eq!(told(&other).0, "there is no /tmp/x.sock");
    }

    #[test]
    fn a_socket_without_anyone_behind_it() {
        let mut f = facts(Opened::Refused);
        let (evidence, command, _) = told(&f);
        assert_eq!(evidence, "/var/run/docker.sock is there, but nobody listens: the engine has stopped");
        assert_eq!(command, "sudo systemctl start docker");
        f.daemons = vec![(Process { pid: 9, name: "dockerd".into() }, 3)];
        assert!(told(&f).0.ends_with("dockerd (pid 9) runs since 3s: it is starting"));
        f.daemons.clear();
        f.node = Some(Node { socket: false, directory: true, gid: 0, uid: 0, mode: 0o755 });
        assert_eq!(told(&f).1, "sudo rmdir /var/run/docker.sock && sudo systemctl start docker");
        f.opened = Opened::Slow;
        assert!(told(&f).0.contains("takes no connection"));
    }

    #[test]
    fn a_socket_for_everybody_is_a_warning() {
        let mut f = facts(Opened::Yes);
        assert_eq!(judge(&f), Found::ok("/var/run/docker.sock takes connections"));
        f.node = Some(Node { socket: true, directory: false, gid: 998, uid: 0, mode: 0o666 });
        assert_eq!(judge(&f).outcome, Outcome::Warn);
    }
}
