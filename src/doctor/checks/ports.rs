//! Ports of the host that are wanted and taken: who wants them, who has them, which is free.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use serde::Deserialize;
use serde_json::Value;

use crate::engine::Engine;
use crate::engine::model::{Container, State};
use crate::fleet::stacks_of;
use crate::stacks;

use super::super::scan::Scan;
use super::super::scene::{Needs, Scene};
use super::{Entry, Found, SOON, some};

/// Containers that do not run and are asked why.
const ASKED: usize = 40;
/// Clashes that are told one by one.
const SHOWN: usize = 8;
/// Requests at once.
const AT_ONCE: usize = 8;
/// The largest compose file that is read.
const LARGEST: u64 = 1 << 20;
/// What compose looks for in a directory.
const FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

pub(super) const CHECKS: &[Entry] = &[Entry {
    code: "PORTS",
    title: "ports of the host",
    needs: Needs::Engine,
    patience: SOON,
    look: |scene| ports_of(scene).boxed(),
}];

/// A port of the host that something wants.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Want {
    /// `web`, or `service web of shop`.
    who: String,
    /// The directory of the project that wants it: its own containers are no trouble.
    project: Option<String>,
    service: Option<String>,
    ip: Option<IpAddr>,
    port: u16,
    protocol: String,
    inner: u16,
    /// Whether it was tried and refused.
    refused: bool,
}

/// What is published, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Published {
    name: String,
    stack: Option<String>,
    project: Option<String>,
    service: Option<String>,
    ip: Option<IpAddr>,
    port: u16,
    protocol: String,
}

struct PortFacts {
    wants: Vec<Want>,
    published: Vec<Published>,
    /// Who listens on the engine's machine; nothing where that is another.
    scan: Option<Scan>,
}

async fn ports_of(scene: &Scene) -> Found {
    let (engine, containers) = match (scene.engine(), scene.containers().await) {
        (Ok(engine), Ok(containers)) => (engine, containers),
        (Err(e), _) | (_, Err(e)) => return Found::skipped(e.message),
    };
    let local = scene.here().await.is_ok();
    let scan = if local { Some(scene.scan().await.clone()) } else { None };
    let mut wants = refused(engine, containers).await;
    if scene.endpoint.as_ref().is_ok_and(crate::engine::Endpoint::is_local) {
        wants.extend(composed(scene, containers));
    }
    ports(&PortFacts { wants, published: containers.iter().flat_map(published).collect(), scan })
}

fn label<'a>(container: &'a Container, name: &str) -> Option<&'a String> {
    container.labels.get(&format!("com.docker.compose.{name}"))
}

fn published(container: &Container) -> Vec<Published> {
    let of = |port: &crate::engine::model::Port| {
        Some(Published {
            name: container.name.clone(),
            stack: container.stack().map(str::to_owned),
            project: label(container, "project.working_dir").cloned(),
            service: container.service().map(str::to_owned),
            ip: port.host_ip,
            port: port.host?,
            protocol: port.protocol.clone(),
        })
    };
    container.ports.iter().filter_map(of).collect()
}

/// The ports of containers that do not run, as far as these were made for some and it failed, or were never started.
async fn refused(engine: &Engine, containers: &[Container]) -> Vec<Want> {
    let mut idle: Vec<&Container> =
        containers.iter().filter(|c| matches!(c.state, State::Created | State::Exited | State::Dead)).collect();
    idle.sort_by_key(|c| std::cmp::Reverse(c.finished.max(c.created)));
    idle.truncate(ASKED);
    let asked = idle.into_iter().cloned().map(|container| async move {
        // One that is just being removed wants nothing.
        let Ok(seen) = engine.inspect(&container.id).await else { return Vec::new() };
        let error = seen.raw["State"]["Error"].as_str().unwrap_or_default();
        if !about_ports(error) && container.state != State::Created {
            return Vec::new();
        }
        bindings(&seen.raw["HostConfig"]["PortBindings"])
            .into_iter()
            .map(|(ip, port, protocol, inner)| Want {
                who: container.name.clone(),
                project: None,
                service: None,
                ip,
                port,
                protocol,
                inner,
                refused: about_ports(error),
            })
            .collect()
    });
    futures::stream::iter(asked).buffered(AT_ONCE).concat().await
}

/// Whether an engine's words are about a port that is taken.
fn about_ports(error: &str) -> bool {
    let error = error.to_lowercase();
    ["port is already allocated", "address already in use", "ports are not available"].iter().any(|w| error.contains(w))
}

/// The host's ports that a container is to have.
fn bindings(raw: &Value) -> Vec<(Option<IpAddr>, u16, String, u16)> {
    let mut all = Vec::new();
    for (key, hosts) in raw.as_object().into_iter().flatten() {
        let (inner, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
        for host in hosts.as_array().into_iter().flatten() {
            let ip = host["HostIp"].as_str().and_then(|ip| ip.parse().ok());
            let port = host["HostPort"].as_str().and_then(|port| port.parse().ok()).filter(|port| *port > 0);
            if let (Some(port), Ok(inner)) = (port, inner.parse()) {
                all.push((ip, port, protocol.to_owned(), inner));
            }
        }
    }
    all
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ComposeFile {
    services: BTreeMap<String, ComposeService>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ComposeService {
    ports: Vec<Value>,
    profiles: Vec<Value>,
    network_mode: String,
}

/// What services of compose files want: of the stacks that are there, and of the directory one is in.
fn composed(scene: &Scene, containers: &[Container]) -> Vec<Want> {
    let shared: Vec<Arc<Container>> = containers.iter().map(|c| Arc::new(c.clone())).collect();
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for stack in stacks_of(shared.iter()) {
        let dir = stack.working_dir.clone().unwrap_or_default().display().to_string();
        files.extend(stacks::files(&stack).into_iter().map(|file| (file, dir.clone())));
    }
    if let Some(dir) = scene.ask.around.env.get("PWD").map(PathBuf::from)
        && let Some(file) = FILES.iter().map(|name| dir.join(name)).find(|file| scene.machine.at(file).is_file())
        && !files.iter().any(|(known, _)| *known == file)
    {
        files.push((file, dir.display().to_string()));
    }
    let mut wants = Vec::new();
    for (file, dir) in files {
        let path = scene.machine.at(&file);
        if std::fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= LARGEST)
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            wants.extend(wanted(&text, &dir, &scene.ask.around.env));
        }
    }
    wants
}

/// The ports that a compose file publishes. What cannot be understood is compose's to complain of.
fn wanted(text: &str, dir: &str, env: &BTreeMap<String, String>) -> Vec<Want> {
    let Ok(file) = serde_yaml::from_str::<ComposeFile>(text) else { return Vec::new() };
    let name = Path::new(dir).file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let mut all = Vec::new();
    // Services with a profile are not part of a plain `up`; those on the host's own network publish nothing.
    let plain = |s: &ComposeService| s.profiles.is_empty() && s.network_mode != "host";
    for (service, found) in file.services.into_iter().filter(|(_, s)| plain(s)) {
        for entry in &found.ports {
            let Some((ip, port, inner, protocol)) = entry_of(entry, env) else { continue };
            all.push(Want {
                who: format!("service {service} of {name}"),
                project: Some(dir.to_owned()),
                service: Some(service.clone()),
                ip,
                port,
                protocol,
                inner,
                refused: false,
            });
        }
    }
    all
}

/// `8080:80`, `127.0.0.1:8080:80/udp`, or the same as a map; ranges and ports that Docker chooses are left out.
fn entry_of(entry: &Value, env: &BTreeMap<String, String>) -> Option<(Option<IpAddr>, u16, u16, String)> {
    if let Some(map) = entry.as_object() {
        let number = |name: &str| match map.get(name)? {
            Value::Number(n) => n.as_u64().and_then(|n| u16::try_from(n).ok()),
            Value::String(text) => filled(text, env)?.parse().ok(),
            _ => None,
        };
        let protocol = map.get("protocol").and_then(Value::as_str).unwrap_or("tcp").to_owned();
        let ip = map.get("host_ip").and_then(Value::as_str).and_then(|ip| ip.parse().ok());
        return Some((ip, number("published")?, number("target")?, protocol));
    }
    let text = filled(entry.as_str()?, env)?;
    let (text, protocol) = text.rsplit_once('/').unwrap_or((&text, "tcp"));
    let (rest, inner) = text.rsplit_once(':')?;
    let (ip, port) = match rest.rsplit_once(':') {
        Some((ip, port)) => (Some(ip.trim_matches(['[', ']']).parse().ok()?), port),
        None => (None, rest),
    };
    Some((ip, port.parse().ok().filter(|p| *p > 0)?, inner.parse().ok()?, protocol.to_owned()))
}

/// `${NAME}`, `${NAME:-else}` and `$NAME` with what they stand for; `None` when that is not known.
fn filled(text: &str, env: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (name, other);
        if let Some(inner) = rest.strip_prefix('{') {
            let end = inner.find('}')?;
            let whole = &inner[..end];
            rest = &inner[end + 1..];
            (name, other) = match whole.split_once('-') {
                Some((name, other)) => (name.trim_end_matches(':'), Some(other)),
                None => (whole, None),
            };
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            (name, other) = (&rest[..end], None);
            rest = &rest[end..];
        }
        out.push_str(env.get(name).filter(|v| !v.is_empty()).map(String::as_str).or(other)?);
    }
    out.push_str(rest);
    Some(out)
}

/// Who has a port that is wanted, if somebody else has.
fn holder(want: &Want, facts: &PortFacts) -> Option<String> {
    let all = |ip: Option<IpAddr>| ip.is_none_or(|ip| ip.is_unspecified());
    let meets = |p: &&Published| {
        p.port == want.port && p.protocol == want.protocol && (all(p.ip) || all(want.ip) || p.ip == want.ip)
    };
    if let Some(held) = facts.published.iter().find(meets) {
        let own = want.project.is_some() && held.project == want.project && held.service == want.service;
        if own || held.name == want.who {
            return None;
        }
        let stack = held.stack.as_ref().map_or_else(String::new, |stack| format!(" (compose: {stack})"));
        return Some(format!("container {}{stack}", held.name));
    }
    let scan = facts.scan.as_ref()?;
    let listener = scan.at(&want.protocol, want.ip, want.port)?;
    Some(match &listener.process {
        Some(process) => format!("{} (pid {})", process.name, process.pid),
        None => "a program that only root may see".to_owned(),
    })
}

/// A port near one that is taken and that nothing has, nor wants.
fn free(port: u16, protocol: &str, facts: &PortFacts, given: &mut BTreeSet<u16>) -> Option<u16> {
    // Below 1024 are root's; people take the same with 8000 added.
    let first = if port < 1024 { port + 8000 } else { port.checked_add(1)? };
    let busy = |port: u16| {
        facts.published.iter().any(|p| p.port == port && p.protocol == protocol)
            || facts.wants.iter().any(|w| w.port == port && w.protocol == protocol)
            || facts.scan.as_ref().is_some_and(|scan| scan.at(protocol, None, port).is_some())
    };
    let found = (first..=first.saturating_add(200)).find(|port| !busy(*port) && !given.contains(port))?;
    given.insert(found);
    Some(found)
}

fn ports(facts: &PortFacts) -> Found {
    let (mut clashes, mut advice, mut given, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new(), BTreeSet::new());
    let (mut failed, mut hidden) = (false, None);
    for want in &facts.wants {
        let Some(holder) = holder(want, facts) else { continue };
        if !seen.insert((want.who.clone(), want.port, want.protocol.clone())) {
            continue;
        }
        let kind = if want.protocol == "tcp" { String::new() } else { format!("/{}", want.protocol) };
        let verb = if want.refused { "could not start" } else { "wants it" };
        clashes.push(format!("port {}{kind} is held by {holder}; {} {verb}", want.port, want.who));
        if holder.ends_with("only root may see") {
            hidden = Some(want.port);
        }
        if let Some(free) = free(want.port, &want.protocol, facts, &mut given) {
            advice.push(format!("publish {free}:{} for {}, {free} is free", want.inner, want.who));
        }
        failed |= want.refused;
    }
    if clashes.is_empty() {
        let all: BTreeSet<(u16, &str)> = facts.published.iter().map(|p| (p.port, p.protocol.as_str())).collect();
        return Found::ok(match all.len() {
            0 => "none is published, and none that is wanted is taken".to_owned(),
            1 => "1 is published, and none that is wanted is taken".to_owned(),
            n => format!("{n} are published, and none that is wanted is taken"),
        });
    }
    let words = format!("{}; or stop who has it", some(advice, SHOWN));
    let found = if failed { Found::fail(some(clashes, SHOWN)) } else { Found::warn(some(clashes, SHOWN)) };
    match hidden {
        Some(port) => found.mend(words).by(format!("sudo ss -lntup 'sport = :{port}'")),
        None => found.mend(words),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::super::scan::{Listener, Process};
    use super::*;
    use crate::doctor::Outcome;

    fn want(who: &str, port: u16, refused: bool) -> Want {
        Want {
            who: who.into(),
            project: None,
            service: None,
            ip: None,
            port,
            protocol: "tcp".into(),
            inner: 80,
            refused,
        }
    }

    fn web(port: u16) -> Published {
        Published {
            name: "web".into(),
            stack: Some("shop".into()),
            project: Some("/srv/shop".into()),
            service: Some("web".into()),
            ip: Some("0.0.0.0".parse().unwrap()),
            port,
            protocol: "tcp".into(),
        }
    }

    fn listener(port: u16, process: Option<Process>) -> Scan {
        let address = "127.0.0.1".parse().unwrap();
        Scan { listeners: vec![Listener { protocol: "tcp", address, port, process }], ..Scan::default() }
    }

    #[test]
    fn a_container_that_holds_a_port_is_named_with_a_free_one() {
        let facts =
            PortFacts { wants: vec![want("new", 8080, true)], published: vec![web(8080), web(8081)], scan: None };
        let found = ports(&facts);
        assert_eq!(found.outcome, Outcome::Fail);
        assert_eq!(found.evidence, "port 8080 is held by container web (compose: shop); new could not start");
        assert!(found.fix.unwrap().words.starts_with("publish 8082:80 for new, 8082 is free"));
    }

    #[test]
    fn a_process_that_holds_a_port_is_named() {
        let own = Some(Process { pid: 4121, name: "node".into() });
        let facts = |process| PortFacts {
            wants: vec![want("service web of shop", 80, false)],
            published: vec![],
            scan: Some(listener(80, process)),
        };
        let found = ports(&facts(own));
        assert_eq!(found.outcome, Outcome::Warn);
        assert_eq!(found.evidence, "port 80 is held by node (pid 4121); service web of shop wants it");
        assert!(found.fix.unwrap().words.starts_with("publish 8080:80"));
        let hidden = ports(&facts(None));
        assert_eq!(hidden.fix.and_then(|f| f.command).as_deref(), Some("sudo ss -lntup 'sport = :80'"));
    }

    #[test]
    fn ones_own_port_and_another_address_are_no_clash() {
        let mut own = want("service web of shop", 8080, false);
        (own.project, own.service) = (Some("/srv/shop".into()), Some("web".into()));
        let mut facts = PortFacts { wants: vec![own], published: vec![web(8080)], scan: None };
        assert_eq!(ports(&facts), Found::ok("1 is published, and none that is wanted is taken"));
        facts.published[0].service = Some("other".into());
        assert_eq!(ports(&facts).outcome, Outcome::Warn);
        facts.published[0].ip = Some("10.0.0.1".parse().unwrap());
        facts.wants[0].ip = Some("127.0.0.1".parse().unwrap());
        assert_eq!(ports(&facts).outcome, Outcome::Ok);
        facts.published[0].ip = None;
        facts.wants[0].protocol = "udp".into();
        assert_eq!(ports(&facts).outcome, Outcome::Ok);
    }

    #[test]
    fn ports_of_compose_files_are_read_in_all_their_forms() {
        let env = BTreeMap::from([("P".to_owned(), "9000".to_owned())]);
        let text = r#"
services:
  web:
    ports: ["8080:80", "127.0.0.1:8443:443/tcp", "${P}:1", "${Q:-9001}:2", "${NONE}:3", "5000", "7000-7001:7000-7001"]
  db:
    ports:
      - {target: 5432, published: "5433", host_ip: 127.0.0.1}
      - target: 53
        published: 5353
        protocol: udp
  host:
    network_mode: host
    ports: ["2:2"]
  extra:
    profiles: [debug]
    ports: ["1:1"]
"#;
        let all = wanted(text, "/srv/shop", &env);
        let short: Vec<_> = all.iter().map(|w| (w.who.as_str(), w.port, w.inner, w.protocol.as_str())).collect();
        assert_eq!(
            short,
            [
                ("service db of shop", 5433, 5432, "tcp"),
                ("service db of shop", 5353, 53, "udp"),
                ("service web of shop", 8080, 80, "tcp"),
                ("service web of shop", 8443, 443, "tcp"),
                ("service web of shop", 9000, 1, "tcp"),
                ("service web of shop", 9001, 2, "tcp"),
            ]
        );
        assert!(wanted("services: [", "/x", &env).is_empty());
    }

    #[test]
    fn what_a_container_was_to_have_is_read() {
        let raw = serde_json::json!({
            "80/tcp": [{"HostIp": "", "HostPort": "8080"}], "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}],
            "9/tcp": [{"HostPort": ""}], "10/tcp": null
        });
        let mut all = bindings(&raw);
        all.sort();
        let local = Some("127.0.0.1".parse().unwrap());
        assert_eq!(all, [(None, 8080, "tcp".to_owned(), 80), (local, 53, "udp".to_owned(), 53)]);
        assert!(about_ports("driver failed: Bind for 0.0.0.0:80 failed: port is already allocated"));
        assert!(!about_ports("no such file"));
    }
}
