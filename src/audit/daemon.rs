//! What is known of the engine itself and of who may use it.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::{Address, Engine, Result};
use crate::text::clean;

/// What the engine says of itself, and what this machine says of its socket.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DaemonFacts {
    /// The host's name.
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) built: Option<Timestamp>,
    /// `name=seccomp,profile=default`, `name=apparmor`, `name=rootless`...
    pub(crate) security: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// Registries that are spoken to without TLS or without knowing them.
    pub(crate) insecure: Vec<String>,
    pub(crate) live_restore: bool,
    pub(crate) swarm: bool,
    pub(crate) experimental: bool,
    pub(crate) debug: bool,
    pub(crate) log_driver: String,
    pub(crate) storage_driver: String,
    pub(crate) cgroup_version: String,
    /// What a limit would not do here, such as `memory`.
    pub(crate) lacking: Vec<&'static str>,
    /// The address of its own that we speak to over the network without TLS.
    pub(crate) plain: Option<String>,
    /// Of a socket on this machine.
    pub(crate) socket: Option<Socket>,
    /// Whether `/info` was to be had.
    pub(crate) known: bool,
}

/// The engine's socket on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Socket {
    pub(crate) path: String,
    /// Permissions.
    pub(crate) mode: u32,
    /// The group that may use it.
    pub(crate) group: String,
    /// Who is in it, besides root; of each whether there is such a user.
    pub(crate) members: Vec<(String, bool)>,
}

impl DaemonFacts {
    /// Asks the engine for it.
    ///
    /// # Errors
    /// When it cannot say its version; where a proxy gives only that, the rest is not known.
    pub async fn ask(engine: &Engine) -> Result<Self> {
        let (version, info) = engine.whole_info().await?;
        let mut facts = Self::new(&version, &info);
        match &engine.endpoint().address {
            Address::Tcp { .. } if engine.endpoint().tls.is_none() => {
                facts.plain = Some(engine.endpoint().address.to_string());
            }
            Address::Unix(path) => facts.socket = socket(path),
            _ => {}
        }
        Ok(facts)
    }

    /// From what `/version` and `/info` say; `info` is null where it was refused.
    pub fn new(version: &Value, info: &Value) -> Self {
        let text = |value: &Value| clean(value.as_str().unwrap_or_default()).into_owned();
        let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
        let registries = &info["RegistryConfig"];
        let named = registries["IndexConfigs"].as_object().into_iter().flatten();
        let mut insecure: Vec<String> =
            named.filter(|(_, index)| index["Secure"] == false).map(|(name, _)| clean(name).into_owned()).collect();
        // The engine trusts its own machine by itself.
        let own = |range: &String| range.starts_with("127.") || range.starts_with("::1");
        insecure.extend(texts(&registries["InsecureRegistryCIDRs"]).into_iter().filter(|range| !own(range)));
        let limits = [
            ("MemoryLimit", "memory"),
            ("PidsLimit", "processes"),
            ("CpuCfsQuota", "processor time"),
            ("SwapLimit", "swap"),
        ];
        Self {
            name: text(&info["Name"]),
            version: text(&version["Version"]),
            built: text(&version["BuildTime"]).parse().ok(),
            security: texts(&info["SecurityOptions"]),
            warnings: texts(&info["Warnings"]),
            insecure,
            live_restore: info["LiveRestoreEnabled"] == true,
            swarm: info["Swarm"]["LocalNodeState"] == "active",
            experimental: info["ExperimentalBuild"] == true,
            debug: info["Debug"] == true,
            log_driver: text(&info["LoggingDriver"]),
            storage_driver: text(&info["Driver"]),
            cgroup_version: text(&info["CgroupVersion"]),
            lacking: limits.iter().filter(|(field, _)| info[field] == false).map(|(_, what)| *what).collect(),
            plain: None,
            socket: None,
            known: info.is_object(),
        }
    }

    /// Whether it says that it has this security option.
    pub(crate) fn has(&self, name: &str) -> bool {
        let plain =
            |option: &String| option.split(',').next().map(|first| first.trim_start_matches("name=").to_owned());
        self.security.iter().filter_map(plain).any(|option| option == name)
    }

    /// Whether root in a container is somebody else on the host.
    pub(crate) fn remaps(&self) -> bool {
        self.has("userns") || self.has("rootless")
    }
}

/// What this machine says of a socket; `None` where nothing is to be found out.
fn socket(path: &Path) -> Option<Socket> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let (group, members) = members(&groups, &users, metadata.gid());
    Some(Socket { path: clean(&path.to_string_lossy()).into_owned(), mode: metadata.mode() & 0o777, group, members })
}

/// A group's name and who is in it besides root, by the files of the machine.
fn members(groups: &str, users: &str, gid: u32) -> (String, Vec<(String, bool)>) {
    let users: Vec<Vec<&str>> = users.lines().map(|line| line.split(':').collect()).collect();
    let is = |fields: &[&str], at: usize| fields.get(at).and_then(|id| id.parse::<u32>().ok()) == Some(gid);
    let group: Option<Vec<&str>> = groups.lines().map(|line| line.split(':').collect()).find(|f: &Vec<&str>| is(f, 2));
    let name = group.as_ref().and_then(|fields| fields.first().copied()).unwrap_or_default();
    let listed = group.iter().filter_map(|fields| fields.get(3)).flat_map(|names| names.split(','));
    // Those whose own group it is stand in no list.
    let own = users.iter().filter(|fields| is(fields, 3)).filter_map(|fields| fields.first().copied());
    let mut all: Vec<&str> = listed.chain(own).map(str::trim).filter(|n| !n.is_empty() && *n != "root").collect();
    all.sort_unstable();
    all.dedup();
    let known = |name: &str| users.iter().any(|fields| fields.first() == Some(&name));
    let members = all.into_iter().map(|name| (clean(name).into_owned(), known(name))).collect();
    (clean(name).into_owned(), members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_group_are_those_listed_and_those_whose_own_it_is() {
        let groups = "root:x:0:\ndocker:x:105:alice,gone,root\nother:x:106:bob\n";
        let users = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nci:x:1001:105::/:/bin/sh\n";
        let named = |name: &str, known| (name.to_owned(), known);
        assert_eq!(
            members(groups, users, 105),
            ("docker".to_owned(), vec![named("alice", true), named("ci", true), named("gone", false)])
        );
        assert_eq!(members(groups, users, 7), (String::new(), Vec::new()));
    }
}
