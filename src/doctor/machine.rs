//! What is read of this machine's own files: who the person is, what runs here, what starts an engine.

use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::engine::Surroundings;

use super::scene::Known;

/// This machine, below a directory that is `/` outside of tests.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) root: PathBuf,
    home: PathBuf,
}

/// Who runs this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Person {
    /// The name, or the number where there is none.
    pub(super) name: String,
    pub(super) uid: u32,
    /// All groups that this process is in.
    pub(super) groups: Vec<u32>,
}

/// A line of `/etc/group`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) members: Vec<String>,
}

impl Machine {
    pub(super) fn new(around: &Surroundings) -> Self {
        Self { root: around.root.clone(), home: around.home.clone() }
    }

    /// A path of this machine as one that can be opened.
    pub(super) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A file's text; `None` when it cannot be read.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        let bytes = std::fs::read(self.at(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A number that a file holds.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.read(path)?.split_whitespace().next()?.parse().ok()
    }

    pub(super) fn is_there(&self, path: &str) -> bool {
        self.at(path).exists()
    }

    /// Who runs this process.
    pub(super) fn person(&self) -> Person {
        let status = self.read("/proc/self/status").unwrap_or_default();
        let (uid, groups) = ids(&status);
        let users = self.read("/etc/passwd").unwrap_or_default();
        Person { name: user_named(&users, uid).unwrap_or_else(|| uid.to_string()), uid, groups }
    }

    /// The group of a number.
    pub(super) fn group(&self, gid: u32) -> Option<Group> {
        group_of(&self.read("/etc/group").unwrap_or_default(), gid)
    }

    /// Whether this process is in a container.
    pub(super) fn in_container(&self) -> bool {
        ["/.dockerenv", "/run/.containerenv", "/var/run/.containerenv"].iter().any(|p| self.is_there(p))
            || self.read("/proc/1/environ").is_some_and(|env| env.split('\0').any(|v| v.starts_with("container=")))
    }

    /// Why an engine on a socket of this machine is not on this machine all the same: its socket may be mounted
    /// into a container, or be forwarded.
    pub(super) fn apart(&self, known: &Known) -> Option<String> {
        let here = |path: &str| self.read(path).map(|text| text.trim().to_owned());
        let (name, kernel) = (here("/proc/sys/kernel/hostname"), here("/proc/sys/kernel/osrelease"));
        let other = |a: &Option<String>, b: &str| a.as_ref().is_some_and(|a| a != b);
        if other(&name, &known.engine.name) || other(&kernel, &known.engine.kernel) {
            return Some(if self.in_container() {
                "ondeck runs in a container and does not see the engine's machine; run ondeck doctor there".to_owned()
            } else {
                format!("the socket leads to another machine ({}); run ondeck doctor there", known.engine.name)
            });
        }
        None
    }

    /// Whether this system starts services with systemd.
    pub(super) fn has_systemd(&self) -> bool {
        self.is_there("/run/systemd/system")
    }

    /// Whether an engine is installed as a service of this system.
    pub(super) fn has_unit(&self, unit: &str) -> bool {
        ["/etc/systemd", "/run/systemd", "/usr/lib/systemd", "/lib/systemd", "/usr/local/lib/systemd"]
            .iter()
            .any(|dir| ["system", "user"].iter().any(|kind| self.is_there(&format!("{dir}/{kind}/{unit}"))))
            || self.home.join(".config/systemd/user").join(unit).exists()
    }

    /// What starts the engine's service, for someone who may: none where no service is known.
    pub(super) fn start_command(&self, rootless: bool) -> Option<&'static str> {
        match () {
            () if self.has_systemd() && rootless => Some("systemctl --user start docker"),
            () if self.has_systemd() => self.has_unit("docker.service").then_some("systemctl start docker"),
            () if rootless => None,
            () if self.is_there("/sbin/openrc-run") => {
                self.is_there("/etc/init.d/docker").then_some("rc-service docker start")
            }
            () => self.is_there("/etc/init.d/docker").then_some("service docker start"),
        }
    }

    /// The id and version of the distribution: `debian`, `12`.
    pub(super) fn distribution(&self) -> (String, String) {
        let text = self.read("/etc/os-release").or_else(|| self.read("/usr/lib/os-release")).unwrap_or_default();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        (value("ID"), value("VERSION_ID"))
    }
}

/// Whether this process may do something with a file.
pub(super) fn may(path: &Path, access: Access) -> bool {
    rustix::fs::access(path, access).is_ok()
}

/// Effective user and all groups, as `/proc/PID/status` has them.
fn ids(status: &str) -> (u32, Vec<u32>) {
    let numbers = |name: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().split_whitespace().filter_map(|n| n.parse().ok()).collect()
    };
    let uid = numbers("Uid:").get(1).copied().unwrap_or(u32::MAX);
    let mut groups = numbers("Groups:");
    groups.extend(numbers("Gid:").get(1));
    groups.sort_unstable();
    groups.dedup();
    (uid, groups)
}

fn user_named(users: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    let line = users.lines().find(|line| line.split(':').nth(2) == Some(&uid))?;
    Some(line.split(':').next()?.to_owned())
}

fn group_of(groups: &str, gid: u32) -> Option<Group> {
    let gid = gid.to_string();
    let line = groups.lines().find(|line| line.split(':').nth(2) == Some(&gid))?;
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let members = fields.nth(2).unwrap_or_default().split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect();
    Some(Group { name, members })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_one_is_stands_in_proc() {
        let status = "Name:\tx\nUid:\t1000\t1001\t1000\t1000\nGid:\t1000\t1002\t0\t0\nGroups:\t27 998 \n";
        assert_eq!(ids(status), (1001, vec![27, 998, 1002]));
        assert_eq!(user_named("root:x:0:0::/:/bin/sh\nann:x:1001:1::/:/x\n", 1001).as_deref(), Some("ann"));
        let group = group_of("root:x:0:\ndocker:x:998:ann,bob\n", 998).unwrap();
        assert_eq!((group.name.as_str(), group.members), ("docker", vec!["ann".to_owned(), "bob".to_owned()]));
        assert_eq!(group_of("docker:x:998:\n", 998).unwrap().members, Vec::<String>::new());
    }

    #[test]
    fn services_are_started_as_the_system_does() {
        let dir = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        let around =
            Surroundings { root: dir.path().to_owned(), home: dir.path().join("h"), ..Surroundings::default() };
        let machine = Machine::new(&around);
        assert_eq!(machine.start_command(false), None);
        make("etc/init.d/docker");
        assert_eq!(machine.start_command(false), Some("service docker start"));
        make("sbin/openrc-run");
        assert_eq!(machine.start_command(false), Some("rc-service docker start"));
        make("run/systemd/system/x");
        assert_eq!(machine.start_command(false), None, "systemd knows no such service");
        make("usr/lib/systemd/system/docker.service");
        assert_eq!(machine.start_command(false), Some("systemctl start docker"));
        assert_eq!(machine.start_command(true), Some("systemctl --user start docker"));
    }
}
