//! Containers: the listing and the inspection, which say the same of one container.
//!
//! They differ only in `started` and `finished` (the listing has words such as "2 hours ago"), in the
//! networks' aliases and the place of anonymous volumes (only an inspection has them), and in `image` where its tag has moved to another
//! image since: the listing then names the image by its identifier, the inspection as it was asked for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::http::{LONG, SHORT, escape};
use super::model::{Attachment, Container, Detail, Health, Inspection, Mount, Port, Probe, State};
use super::raw::{Labels, clean, image_id, labels, moment, raw, time};
use super::{Engine, Result};

raw! {
    "PascalCase":
    struct RawContainer {
        id: String, names: Vec<String>, image: String, image_id = "ImageID": String, command: Value, created: Value,
        ports: Vec<RawPort>, labels: Labels, state: String, status: String, mounts: Vec<RawMount>,
        network_settings: RawNetworks, host_config: RawMode,
    }
    struct RawMode { network_mode: String }
    struct RawPort { ip = "IP": String, private_port: u16, public_port: u16, kind = "Type": String }
    struct RawMount { kind = "Type": String, name: String, source: String, destination: String, rw = "RW": bool }
    struct RawNetworks { networks: BTreeMap<String, RawAttachment>, ports: BTreeMap<String, Option<Vec<RawBinding>>> }
    struct RawAttachment {
        network_id = "NetworkID": String, ip_address = "IPAddress": String, ip6 = "GlobalIPv6Address": String, gateway: String,
        aliases: Vec<String>, mac_address: String,
    }
    struct RawBinding { host_ip: String, host_port: String }
    struct RawInspection {
        id: String, name: String, image: String, created: String, path: String, args: Vec<String>, state: RawState,
        restart_count: i64, config: RawConfig, host_config: RawHostConfig, mounts: Vec<RawMount>,
        network_settings: RawNetworks,
    }
    struct RawState {
        status: String, exit_code: i64, oom_killed = "OOMKilled": bool, error: String, started_at: String,
        finished_at: String, pid: u32, health: RawHealth,
    }
    struct RawHealth { status: String, failing_streak: i64, log: Vec<RawProbe> }
    struct RawProbe { start: String, end: String, exit_code: i64, output: String }
    struct RawConfig { image: String, labels: Labels, env: Vec<String>, tty: bool, healthcheck: RawCheck }
    struct RawCheck { test: Vec<String>, interval: u64 }
    struct RawHostConfig {
        restart_policy: RawPolicy, memory: u64, network_mode: String, links: Vec<String>,
        port_bindings: BTreeMap<String, Option<Vec<RawBinding>>>,
    }
    struct RawPolicy { name: String, maximum_retry_count: i64 }
    struct RawChange { path: String }
    struct RawTop { titles: Vec<String>, processes: Vec<Vec<String>> }
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

impl Engine {
    /// All containers, running or not, as the listing has them.
    pub async fn containers(&self) -> Result<Vec<Container>> {
        let raw: Vec<RawContainer> = self.http.get("/containers/json?all=1", SHORT).await?;
        Ok(all_listed(raw, Timestamp::now()))
    }

    /// Everything about one container.
    pub async fn inspect(&self, id: &str) -> Result<Inspection> {
        let raw: Value = self.http.get(&format!("/containers/{}/json", escape(id)), SHORT).await?;
        let parsed: RawInspection = RawInspection::deserialize(&raw).map_err(|e| {
            super::EngineError::new(super::ErrorKind::Other, format!("the inspection of {id} is not understood: {e}"))
        })?;
        Ok(inspected(parsed, raw))
    }

    /// A container's processes: titles, and a row for each.
    pub async fn top(&self, id: &str) -> Result<(Vec<String>, Vec<Vec<String>>)> {
        self.top_of(id, "").await
    }

    /// The same with options of the engine's `ps`, such as `-eo pid,uid`; its own when empty.
    pub async fn top_of(&self, id: &str, options: &str) -> Result<(Vec<String>, Vec<Vec<String>>)> {
        let options = if options.is_empty() { String::new() } else { format!("?ps_args={}", escape(options)) };
        let raw: RawTop = self.http.get(&format!("/containers/{}/top{options}", escape(id)), SHORT).await?;
        let row = |cells: Vec<String>| cells.iter().map(|c| clean(c)).collect();
        Ok((row(raw.titles), raw.processes.into_iter().map(row).collect()))
    }

    /// The paths in a container that are not as its image has them, volumes aside.
    pub async fn changes(&self, id: &str) -> Result<Vec<String>> {
        let raw: Option<Vec<RawChange>> = self.http.get(&format!("/containers/{}/changes", escape(id)), LONG).await?;
        Ok(raw.unwrap_or_default().into_iter().map(|change| clean(&change.path)).collect())
    }
}

/// A listing. Who is linked to whom stands there among the names of the one that is linked to: `/web/db`.
fn all_listed(raw: Vec<RawContainer>, now: Timestamp) -> Vec<Container> {
    let mut links: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for container in &raw {
        for name in &container.names {
            if let Some((from, called)) = name.trim_start_matches('/').split_once('/') {
                let link = (clean(own_name(&container.names)), clean(called));
                links.entry(clean(from)).or_default().push(link);
            }
        }
    }
    let with_links = |mut c: Container| {
        c.links = links.remove(&c.name).unwrap_or_default();
        c.links.sort_unstable();
        c
    };
    raw.into_iter().map(|c| listed(c, now)).map(with_links).collect()
}

fn listed(raw: RawContainer, now: Timestamp) -> Container {
    let state = State::parse(&raw.state);
    let words = Words::read(&raw.status, now);
    let command = match &raw.command {
        Value::String(line) => clean(line),
        Value::Array(words) => command_line(words.iter().filter_map(Value::as_str)),
        _ => String::new(),
    };
    let up = state.is_up();
    let mut ports: Vec<Port> = raw
        .ports
        .into_iter()
        // As with addresses: some listings keep what a container published when it ran.
        .filter(|_| up)
        .map(|p| Port {
            host_ip: address(&p.ip),
            host: (p.public_port > 0).then_some(p.public_port),
            container: p.private_port,
            protocol: clean(&p.kind),
        })
        .collect();
    tidy(&mut ports);
    Container {
        name: clean(own_name(&raw.names)),
        id: clean(&raw.id).into(),
        image: clean(&raw.image),
        image_id: image_id(&raw.image_id),
        command,
        created: moment(&raw.created),
        state,
        health: if state == State::Running { words.health } else { Health::None },
        exit_code: words.exit_code,
        ports,
        labels: labels(&raw.labels),
        networks: attachments(&raw.network_settings.networks, up),
        network_mode: clean(&raw.host_config.network_mode),
        links: Vec::new(),
        mounts: mounts(raw.mounts),
        started: if up { words.since } else { None },
        finished: if up { None } else { words.since },
        detail: None,
    }
}

/// A container's own name; the others, with a second slash, are what linked containers call it.
fn own_name(names: &[String]) -> &str {
    let mut names = names.iter().map(|n| n.strip_prefix('/').unwrap_or(n));
    names.clone().find(|n| !n.contains('/')).or_else(|| names.next()).unwrap_or("")
}

/// A command as one line, quoted as docker's listing quotes it.
fn command_line<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let quoted = |(i, word): (usize, &'a str)| {
        if i > 0 && word.contains(' ') { format!("'{word}'") } else { word.to_owned() }
    };
    clean(&words.enumerate().map(quoted).collect::<Vec<_>>().join(" "))
}

/// Ports and where each is bound, by `8000/tcp`.
fn bound(raw: &BTreeMap<String, Option<Vec<RawBinding>>>) -> Vec<Port> {
    let mut ports = Vec::new();
    for (key, bindings) in raw {
        let (number, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
        let Ok(container) = number.parse() else { continue };
        let protocol = clean(protocol);
        match bindings {
            Some(bindings) if !bindings.is_empty() => ports.extend(bindings.iter().map(|b| Port {
                host_ip: address(&b.host_ip),
                host: b.host_port.parse().ok(),
                container,
                protocol: protocol.clone(),
            })),
            _ => ports.push(Port { host_ip: None, host: None, container, protocol }),
        }
    }
    tidy(&mut ports);
    ports
}

/// Links as an inspection has them: `/db:/web/store`, in which `web` calls `db` `store`.
fn links(raw: &[String]) -> Vec<(String, String)> {
    let mut links: Vec<_> = raw
        .iter()
        .filter_map(|link| link.split_once(':'))
        .map(|(to, called)| (clean(to.trim_start_matches('/')), clean(called.rsplit('/').next().unwrap_or(called))))
        .collect();
    links.sort_unstable();
    links
}

fn tidy(ports: &mut Vec<Port>) {
    ports.sort_unstable();
    ports.dedup();
}

fn mounts(raw: Vec<RawMount>) -> Vec<Mount> {
    let mut all: Vec<Mount> = raw
        .into_iter()
        .map(|m| Mount {
            name: Some(clean(&m.name)).filter(|n| !n.is_empty()),
            kind: clean(&m.kind),
            source: clean(&m.source),
            target: clean(&m.destination),
            writable: m.rw,
        })
        .collect();
    all.sort_unstable();
    all
}

fn attachments(raw: &BTreeMap<String, RawAttachment>, up: bool) -> Vec<Attachment> {
    raw.iter()
        .map(|(name, a)| Attachment {
            network: clean(name),
            network_id: clean(&a.network_id),
            // A stopped container keeps its old address in some listings; it is not there.
            ip: address(&a.ip_address).filter(|_| up),
            ip6: address(&a.ip6).filter(|_| up),
            gateway: address(&a.gateway).filter(|_| up),
            aliases: a.aliases.iter().map(|n| clean(n)).collect(),
            mac: Some(clean(&a.mac_address)).filter(|m| up && !m.is_empty()),
        })
        .collect()
}

/// What the listing's status text says: `Up 2 hours (healthy)`, `Exited (137) 5 minutes ago`.
#[derive(Debug, PartialEq)]
struct Words {
    health: Health,
    exit_code: Option<i64>,
    since: Option<Timestamp>,
}

impl Words {
    fn read(status: &str, now: Timestamp) -> Self {
        let health = match () {
            () if status.contains("(healthy)") => Health::Healthy,
            () if status.contains("(unhealthy)") => Health::Unhealthy,
            () if status.contains("(health: starting)") || status.contains("(starting)") => Health::Starting,
            () => Health::None,
        };
        let exit_code =
            ["Exited (", "Restarting ("].iter().find_map(|p| status.strip_prefix(p)?.split_once(')')?.0.parse().ok());
        let text = status.strip_prefix("Up ").or_else(|| status.split_once(") ").map(|(_, t)| t));
        Self { health, exit_code, since: text.and_then(ago).and_then(|d| now.checked_sub(d).ok()) }
    }
}

/// How long ago the engine's words say it was: `2 hours`, `About a minute`, `Less than a second`.
fn ago(text: &str) -> Option<SignedDuration> {
    let text = text.trim_end_matches(" ago");
    let text = text.split(" (").next().unwrap_or(text).trim_end_matches(" ago");
    if text.starts_with("Less than a second") {
        return Some(SignedDuration::ZERO);
    }
    let text = text.strip_prefix("About ").unwrap_or(text);
    let (number, unit) = text.split_once(' ')?;
    let number: i64 = if number == "a" || number == "an" { 1 } else { number.parse().ok()? };
    let seconds = match unit.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 604_800,
        "month" => 2_592_000,
        "year" => 31_536_000,
        _ => return None,
    };
    number.checked_mul(seconds).map(SignedDuration::from_secs)
}

fn inspected(raw: RawInspection, whole: Value) -> Inspection {
    let state = State::parse(&raw.state.status);
    let up = state.is_up();
    let health = match raw.state.health.status.as_str() {
        _ if state != State::Running => Health::None,
        "healthy" => Health::Healthy,
        "unhealthy" => Health::Unhealthy,
        "starting" => Health::Starting,
        _ => Health::None,
    };
    let ports = if up { bound(&raw.network_settings.ports) } else { Vec::new() };
    let started = time(&raw.state.started_at);
    let last = raw.state.health.log.last().map_or("", |p| p.output.trim());
    let policy = &raw.host_config.restart_policy;
    let detail = Detail {
        oom_killed: raw.state.oom_killed,
        restart_count: raw.restart_count,
        error: clean(raw.state.error.trim()),
        failing_streak: raw.state.health.failing_streak,
        last_probe: clean(last.lines().next().unwrap_or("")),
        tty: raw.config.tty,
        restart_policy: match policy.maximum_retry_count {
            n if n > 0 => format!("{}:{n}", clean(&policy.name)),
            _ => clean(&policy.name),
        },
        pid: Some(raw.state.pid).filter(|p| *p > 0),
        memory_limit: Some(raw.host_config.memory).filter(|m| *m > 0),
        wanted_ports: bound(&raw.host_config.port_bindings),
    };
    let container = Container {
        id: clean(&raw.id).into(),
        name: clean(raw.name.trim_start_matches('/')),
        image: clean(&raw.config.image),
        image_id: image_id(&raw.image),
        command: command_line(std::iter::once(raw.path.as_str()).chain(raw.args.iter().map(String::as_str))),
        created: time(&raw.created).and_then(|t| Timestamp::from_second(t.as_second()).ok()),
        state,
        health,
        // Of other states the listing does not tell it.
        exit_code: matches!(state, State::Exited | State::Restarting).then_some(raw.state.exit_code),
        ports,
        labels: labels(&raw.config.labels),
        networks: attachments(&raw.network_settings.networks, up),
        network_mode: clean(&raw.host_config.network_mode),
        links: links(&raw.host_config.links),
        mounts: mounts(raw.mounts),
        started,
        finished: time(&raw.state.finished_at).filter(|_| !up),
        detail: Some(detail),
    };
    Inspection {
        container,
        env: raw.config.env,
        health_test: clean(
            &raw.config
                .healthcheck
                .test
                .iter()
                .filter(|t| *t != "CMD" && *t != "CMD-SHELL")
                .cloned()
                .collect::<Vec<_>>()
                .join(" "),
        ),
        health_interval: Some(raw.config.healthcheck.interval / 1_000_000_000).filter(|s| *s > 0),
        probes: raw
            .state
            .health
            .log
            .into_iter()
            .map(|p| Probe { start: time(&p.start), end: time(&p.end), exit_code: p.exit_code, output: p.output })
            .collect(),
        raw: whole,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_listings_words_are_understood() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let read = |text: &str| {
            let w = Words::read(text, now);
            (w.health, w.exit_code, w.since.map(|s| now.as_second() - s.as_second()))
        };
        assert_eq!(read("Up 2 hours (healthy)"), (Health::Healthy, None, Some(7200)));
        assert_eq!(read("Up About a minute (health: starting)"), (Health::Starting, None, Some(60)));
        assert_eq!(read("Up Less than a second"), (Health::None, None, Some(0)));
        assert_eq!(read("Up 3 weeks (Paused)"), (Health::None, None, Some(3 * 604_800)));
        assert_eq!(read("Exited (137) 5 minutes ago"), (Health::None, Some(137), Some(300)));
        assert_eq!(read("Restarting (1) 4 seconds ago"), (Health::None, Some(1), Some(4)));
        assert_eq!(read("Exited (0) About an hour ago"), (Health::None, Some(0), Some(3600)));
        assert_eq!(read("Created"), (Health::None, None, None));
        assert_eq!(read("Up 9223372036854775807 years"), (Health::None, None, None));
        assert_eq!(read(""), (Health::None, None, None));
    }

    #[test]
    fn an_answer_with_hardly_anything_in_it_is_read() {
        let raw: RawContainer =
            serde_json::from_str(r#"{"Id":"ab","Names":null,"Ports":null,"Labels":null,"State":"running"}"#).unwrap();
        let c = listed(raw, Timestamp::UNIX_EPOCH);
        assert_eq!((&*c.id, c.state, c.ports.len()), ("ab", State::Running, 0));
        let raw: RawInspection =
            serde_json::from_str(r#"{"Id":"ab","State":{"Status":"exited","Health":null},"Config":null}"#).unwrap();
        assert_eq!(inspected(raw, Value::Null).container.exit_code, Some(0));
    }

    #[test]
    fn a_name_is_a_containers_own_and_not_that_of_a_link() {
        let names = |names: &[&str]| own_name(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).to_owned();
        assert_eq!(names(&["/web/db", "/store"]), "store");
        assert_eq!(names(&["podman-names-have-no-slash"]), "podman-names-have-no-slash");
        assert_eq!(names(&["/web/db"]), "web/db");
        assert_eq!(names(&[]), "");
    }

    #[test]
    fn links_are_the_same_in_a_listing_and_an_inspection() {
        let raw = serde_json::from_str(r#"[{"Id":"1","Names":["/store","/web/db"]},{"Id":"2","Names":["/web"]}]"#);
        let listed = all_listed(raw.unwrap(), Timestamp::UNIX_EPOCH);
        let expected = [("store".to_owned(), "db".to_owned())];
        assert_eq!((listed[0].links.len(), &listed[1].links[..]), (0, &expected[..]));
        assert_eq!(links(&["/store:/web/db".to_owned()]), expected);
    }

    #[test]
    fn podmans_answers_become_the_same_containers() {
        let raw: RawContainer = serde_json::from_str(
            r#"{"Id":"ab","Names":["/t"],"Image":"localhost/x:1","ImageID":"12ef","Command":["sh","-c","sleep 1"],
                "Created":1700000000,"Ports":null,"State":"running","Status":"Up 2 hours (starting)","Mounts":[],
                "NetworkSettings":null}"#,
        )
        .unwrap();
        let c = listed(raw, Timestamp::UNIX_EPOCH);
        assert_eq!((c.command.as_str(), c.image_id.as_str()), ("sh -c 'sleep 1'", "sha256:12ef"));
        assert_eq!((c.health, c.networks.len()), (Health::Starting, 0));
        let raw: RawInspection = serde_json::from_str(
            r#"{"Id":"ab","Name":"t","Image":"12ef","Path":"sh","Args":["-c","sleep 1"],
                "State":{"Status":"stopped","ExitCode":137,"Healthcheck":{"Status":""}},"NetworkSettings":{"Ports":{"80/tcp":null}}}"#,
        )
        .unwrap();
        let i = inspected(raw, Value::Null).container;
        assert_eq!((i.command.as_str(), i.image_id.as_str()), ("sh -c 'sleep 1'", "sha256:12ef"));
        assert_eq!((i.state, i.exit_code, i.ports.len()), (State::Exited, Some(137), 0));
    }

    #[test]
    fn hostile_names_and_labels_lose_their_escapes() {
        let raw: RawContainer = serde_json::from_str(
            r#"{"Id":"ab","Names":["/a\u001b[2J"],"Image":"x\u009b","Labels":{"k\u0007":"v\u001b]0;t\u0007"},"State":"running"}"#,
        )
        .unwrap();
        let c = listed(raw, Timestamp::UNIX_EPOCH);
        assert_eq!((c.name.as_str(), c.image.as_str()), ("a·[2J", "x·"));
        assert_eq!(c.labels.iter().next().unwrap(), (&"k·".to_owned(), &"v·]0;t·".to_owned()));
    }
}
