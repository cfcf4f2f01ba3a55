//! What a container cannot write or read.

use std::sync::LazyLock;

use regex::Regex;

use crate::health::Level;
use crate::health::facts::{Facts, Phase, has};
use crate::text::size;

use super::Said;

const FULL: [&str; 4] = ["no space left on device", "enospc", "disk quota exceeded", "not enough space"];
const READ_ONLY: [&str; 2] = ["read-only file system", "erofs"];

/// What is mounted where a path lies.
struct Place {
    target: String,
    /// `tmpfs`, `volume` or `bind`.
    kind: String,
    /// The volume's name, or the path on the host.
    source: String,
    writable: bool,
    /// How large a tmpfs may grow.
    room: Option<String>,
}

/// The first path from / on in a line.
fn path_in(line: &str) -> Option<&str> {
    static PATH: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?:^|[\s'"`‘“(=:\[])(/[^\s'"`’”:,;)\]]+)"#).ok());
    PATH.as_ref()?.captures(line)?.get(1).map(|m| m.as_str())
}

/// Mounts, also those that only the inspection has.
fn places(facts: &Facts) -> Vec<Place> {
    let mut all: Vec<Place> = facts
        .container
        .mounts
        .iter()
        .map(|m| Place {
            target: m.target.clone(),
            kind: m.kind.clone(),
            source: m.name.clone().unwrap_or_else(|| m.source.clone()),
            writable: m.writable,
            room: None,
        })
        .collect();
    for (target, options) in facts.raw("/HostConfig/Tmpfs").as_object().into_iter().flatten() {
        let options = options.as_str().unwrap_or_default();
        all.push(Place {
            target: target.clone(),
            kind: "tmpfs".to_owned(),
            source: String::new(),
            writable: !options.split(',').any(|o| o == "ro"),
            room: options.split(',').find_map(|o| o.strip_prefix("size=")).map(str::to_owned),
        });
    }
    all
}

/// The mount that a path lies in.
fn place_of(facts: &Facts, path: &str) -> Option<Place> {
    let within = |p: &Place| {
        path == p.target || path.strip_prefix(p.target.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
    };
    places(facts).into_iter().filter(within).max_by_key(|p| p.target.len())
}

impl Place {
    fn words(&self) -> String {
        match self.kind.as_str() {
            "volume" => {
                // Who gave a volume no name finds it by the beginning of the one it got.
                let unnamed = self.source.len() == 64 && self.source.bytes().all(|b| b.is_ascii_hexdigit());
                let name = if unnamed { crate::text::short_id(&self.source) } else { &self.source };
                format!("the volume {name} at {}", self.target)
            }
            "bind" => format!("{} of the host at {}", self.source, self.target),
            kind => format!("the {kind} at {}", self.target),
        }
    }
}

pub(super) fn disk_full(facts: &Facts) -> Option<Said> {
    let said = if facts.is_ill() || facts.phase() == Phase::Up { facts.said_with(&FULL) } else { None };
    let full = facts.local.as_ref().map_or(&[][..], |l| &l.full);
    if said.is_none() && full.is_empty() {
        return None;
    }
    let place = said.as_deref().and_then(path_in).and_then(|path| place_of(facts, path));
    let level = if facts.is_ill() || said.is_some() { Level::Failing } else { Level::Degraded };
    let grow = |target: &str| {
        format!(
            "make room in {target} (docker exec {} du -sh {target}), or give it a larger size",
            facts.container.name
        )
    };
    let (what, why, todo) = match (full.first(), place) {
        (Some(full), _) if full.inodes => (
            format!("{} can hold no more files", full.target),
            format!("its file system ({}) has no inodes left", full.kind),
            format!("remove files in {}", full.target),
        ),
        (Some(full), _) => (
            format!("{} is full: all its {} are used", full.target, size(full.size)),
            format!("what it writes to this {} fails", full.kind),
            grow(&full.target),
        ),
        (None, Some(place)) if place.kind == "tmpfs" => {
            let room = place.room.as_deref().map_or_else(String::new, |r| format!(" (size {r})"));
            (format!("{} is full{room}", place.words()), "what it writes there fails".to_owned(), grow(&place.target))
        }
        (None, Some(place)) => (
            format!("no room is left in {}", place.words()),
            "what it writes there fails".to_owned(),
            "make room on the disk that holds it: df -h, docker system df".to_owned(),
        ),
        (None, None) => (
            "no room is left where it writes".to_owned(),
            "a tmpfs, a volume or the host's disk is full".to_owned(),
            format!("df -h on the host, and docker exec {} df -h", facts.container.name),
        ),
    };
    Some(Said::new(level, what).why(why).todo(todo).shown_by(said))
}

pub(super) fn read_only(facts: &Facts) -> Option<Said> {
    let line = facts.said_with(&READ_ONLY).filter(|_| facts.is_ill())?;
    let path = path_in(&line).map(str::to_owned);
    let place = path.as_deref().and_then(|path| place_of(facts, path)).filter(|p| !p.writable);
    let root = facts.raw("/HostConfig/ReadonlyRootfs").as_bool().unwrap_or(false);
    let what = path
        .as_ref()
        .map_or_else(|| "it writes where it may only read".to_owned(), |p| format!("it may not write {p}: read-only"));
    let dir = path
        .as_deref()
        .map_or("/tmp", |p| p.rsplit_once('/').map_or(p, |(dir, _)| if dir.is_empty() { p } else { dir }));
    let (why, todo) = match place {
        Some(place) => (
            format!("{} is mounted read-only", place.words()),
            "take the :ro off this mount, or let it write elsewhere".to_owned(),
        ),
        None if root => (
            "its own files are read-only (read_only: true, --read-only)".to_owned(),
            format!("give it a place to write: tmpfs: [{dir}] in compose, --tmpfs {dir}, or a volume"),
        ),
        None => (
            "the file system it writes to is read-only, perhaps after an error of its disk".to_owned(),
            "look at the host: dmesg | tail, mount | grep ro,".to_owned(),
        ),
    };
    Some(Said::failing(what).why(why).todo(todo).shown_by([line]))
}

pub(super) fn permission_denied(facts: &Facts) -> Option<Said> {
    if !facts.is_ill() || facts.end().is_some_and(|e| e.code == Some(126)) {
        return None;
    }
    let told = |line: &&str| {
        has(line, &["permission denied", "eacces"]) && !has(line, &["publickey", "permission denied for", "(password)"])
    };
    let line = super::super::facts::short(facts.said().find(told)?);
    let path = path_in(&line).map(str::to_owned);
    let user = facts
        .raw("/Config/User")
        .as_str()
        .filter(|u| !u.is_empty())
        .map_or_else(|| "its user".to_owned(), |u| format!("its user {}", crate::text::clean(u)));
    let uid = facts.raw("/Config/User").as_str().filter(|u| !u.is_empty()).unwrap_or("UID");
    let place = path.as_deref().and_then(|path| place_of(facts, path));
    let what = path
        .as_ref()
        .map_or_else(|| format!("{user} may not use a file it needs"), |p| format!("{user} may not use {p}"));
    let (why, todo) = match &place {
        Some(p) if p.source.ends_with("docker.sock") => (
            "the socket belongs to the group docker, which it is not in".to_owned(),
            "group_add with the number of that group (stat -c %g /var/run/docker.sock)".to_owned(),
        ),
        Some(p) => (
            format!("{} belongs to another user", p.words()),
            match p.kind.as_str() {
                "bind" => format!("on the host: chown -R {uid} {}; or set user: to its owner", p.source),
                _ => format!(
                    "docker run --rm -u 0 -v {}:{} {} chown -R {uid} {}",
                    p.source, p.target, facts.container.image, p.target
                ),
            },
        ),
        None => (
            "owner or mode of the file do not let it".to_owned(),
            "chown it where the image is built, or run as another user".to_owned(),
        ),
    };
    Some(Said::failing(what).why(why).todo(todo).shown_by([line]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;
    use crate::engine::model::{Health, Mount};
    use crate::fleet::Strain;
    use crate::health::machine::Local;

    #[test]
    fn a_full_tmpfs_is_told_before_the_loop_it_causes() {
        let mut facts = looping(1);
        raw(&mut facts, json!({"HostConfig": {"Tmpfs": {"/data": "size=1m"}}}));
        say(&mut facts, &["dd: error writing '/data/x': No space left on device"]);
        assert_eq!(codes(&facts), ["DISK_FULL", "CRASH_LOOP"]);
        assert_eq!(cause(&facts).what, "the tmpfs at /data is full (size 1m)");
        assert!(cause(&facts).evidence[0].contains("No space left"));
    }

    #[test]
    fn a_write_to_read_only_files_is_told_with_its_remedy() {
        let mut facts = ended(1);
        raw(&mut facts, json!({"HostConfig": {"ReadonlyRootfs": true}}));
        say(&mut facts, &["sh: 1: cannot create /var/run/app.pid: Read-only file system"]);
        assert_eq!(codes(&facts), ["READ_ONLY", "EXITED"]);
        assert!(cause(&facts).todo.contains("tmpfs: [/var/run]"), "{}", cause(&facts).todo);
        facts.container.mounts = vec![mount("bind", "/srv/conf", "/var/run", false)];
        assert!(cause(&facts).why.contains("/srv/conf of the host at /var/run is mounted read-only"));
    }

    fn mount(kind: &str, source: &str, target: &str, writable: bool) -> Mount {
        Mount { kind: kind.into(), name: None, source: source.into(), target: target.into(), writable }
    }

    #[test]
    fn a_volume_of_another_user_is_told_with_both_names() {
        let mut facts = looping(1);
        raw(&mut facts, json!({"Config": {"User": "1000"}}));
        facts.container.mounts = vec![Mount { name: Some("data".into()), ..mount("volume", "", "/data", true) }];
        say(&mut facts, &["touch: cannot touch '/data/db': Permission denied"]);
        assert_eq!(codes(&facts), ["PERMISSION_DENIED", "CRASH_LOOP"]);
        assert_eq!(cause(&facts).what, "its user 1000 may not use /data/db");
        assert!(cause(&facts).why.contains("the volume data at /data"));
        // Others' permissions are not files'.
        say(&mut facts, &["git@host: Permission denied (publickey)."]);
        assert_eq!(codes(&facts), ["CRASH_LOOP"]);
    }

    #[test]
    fn what_runs_on_with_a_full_file_system_will_not_for_long() {
        let full = Local {
            strain: Strain::default(),
            full: vec![crate::health::machine::Full::of("/data", "tmpfs", 1 << 20)],
            ..Local::default()
        };
        let mut facts = Facts { local: Some(full), ..running() };
        assert_eq!((codes(&facts), level(&facts)), (vec!["DISK_FULL"], Level::Degraded));
        assert_eq!(cause(&facts).what, "/data is full: all its 1.0M are used");
        facts.container.health = Health::Unhealthy;
        assert_eq!((codes(&facts), level(&facts)), (vec!["DISK_FULL", "UNHEALTHY"], Level::Failing));
    }

    #[test]
    fn paths_are_found_in_what_programs_say() {
        for (line, path) in [
            ("touch: cannot touch '/data/db': Permission denied", Some("/data/db")),
            ("open /var/lib/x/y.log: read-only file system", Some("/var/lib/x/y.log")),
            ("PermissionError: [Errno 13] Permission denied: '/data'", Some("/data")),
            ("EACCES: permission denied, mkdir '/app/tmp'", Some("/app/tmp")),
            ("No space left on device", None),
        ] {
            assert_eq!(path_in(line), path, "{line}");
        }
    }
}
