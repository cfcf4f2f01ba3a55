//! What is there: lists and inspections, read tolerantly and made harmless.
//!
//! Names, labels and other words of one line are cleaned of control characters here. The raw
//! inspection, environment and probe outputs stay as they are; whoever shows them cleans them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::http::{LONG, SHORT, escape};
use super::model::{
    Attachment, Container, Detail, DiskUse, EngineInfo, Health, Image, Inspection, Layer, Mount, Network, Port, Probe,
    State, Volume,
};
use super::{Engine, Result};

/// `null` and absent alike become the default.
fn lax<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> std::result::Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

macro_rules! raw {
    ($(struct $name:ident { $($field:ident $(= $rename:literal)?: $type:ty),* $(,)? })*) => {$(
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "PascalCase")]
        struct $name {
            $(#[serde(deserialize_with = "lax" $(, rename = $rename)?)] $field: $type,)*
        }
    )*};
}

type Labels = BTreeMap<String, String>;

raw! {
    struct RawContainer {
        id: String, names: Vec<String>, image: String, image_id = "ImageID": String, command: Value, created: Value,
        ports: Vec<RawPort>, labels: Labels, state: String, status: String, mounts: Vec<RawMount>,
        network_settings: RawNetworks,
    }
    struct RawPort { ip = "IP": String, private_port: u16, public_port: u16, kind = "Type": String }
    struct RawMount { kind = "Type": String, name: String, source: String, destination: String, rw = "RW": bool }
    struct RawNetworks { networks: BTreeMap<String, RawAttachment>, ports: BTreeMap<String, Option<Vec<RawBinding>>> }
    struct RawAttachment {
        network_id = "NetworkID": String, ip_address = "IPAddress": String, ip6 = "GlobalIPv6Address": String,
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
    struct RawHostConfig { restart_policy: RawPolicy, memory: u64 }
    struct RawPolicy { name: String, maximum_retry_count: i64 }
    struct RawImage { id: String, repo_tags: Vec<String>, repo_digests: Vec<String>, created: Value, size: u64, labels: Labels }
    struct RawNetwork {
        id: String, name: String, driver: String, scope: String, internal: bool, created: String, labels: Labels,
        ipam = "IPAM": RawIpam,
    }
    struct RawIpam { config: Vec<RawSubnet> }
    struct RawSubnet { subnet: String, gateway: String }
    struct RawVolumes { volumes: Vec<RawVolume> }
    struct RawVolume { name: String, driver: String, mountpoint: String, created_at: String, labels: Labels, usage_data: RawUsage }
    struct RawUsage { size: i64, ref_count: i64 }
    struct RawLayer { id: String, created: i64, created_by: String, size: u64, tags: Vec<String>, comment: String }
    struct RawTop { titles: Vec<String>, processes: Vec<Vec<String>> }
    struct RawDf {
        layers_size: u64, images: Vec<RawDfImage>, containers: Vec<RawDfContainer>, volumes: Vec<RawVolume>,
        build_cache: Vec<RawCache>, image_usage: RawDfUsage, container_usage: RawDfUsage, volume_usage: RawDfVolumes,
        build_cache_usage: RawDfUsage,
    }
    struct RawDfImage { size: u64, shared_size: i64, containers: i64 }
    struct RawDfContainer { size_rw: u64, state: String }
    struct RawCache { size: u64, in_use: bool, shared: bool }
    struct RawDfUsage { total_size: u64, reclaimable: u64 }
    struct RawDfVolumes { total_size: u64, reclaimable: u64, items: Vec<RawVolume> }
    struct RawVersion { version: String, api_version: String, min_api_version = "MinAPIVersion": String, arch: String, kernel_version: String, components: Vec<RawComponent> }
    struct RawComponent { name: String }
    struct RawInfo {
        id = "ID": String, name: String, operating_system: String, architecture: String, kernel_version: String,
        ncpu = "NCPU": u32, mem_total: u64, cgroup_driver: String, cgroup_version: String, driver: String,
        docker_root_dir: String, warnings: Vec<String>,
    }
}

fn clean(text: &str) -> String {
    crate::text::clean(text).into_owned()
}

fn labels(raw: &Labels) -> Labels {
    raw.iter().map(|(k, v)| (clean(k), clean(v))).collect()
}

/// A time as engines write it; the year 1 and nothing are no time.
fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|t| t.as_second() > 0)
}

/// Seconds since 1970, or a time in words: podman and docker differ.
fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(n) => n.as_i64().filter(|n| *n > 0).and_then(|n| Timestamp::from_second(n).ok()),
        Value::String(s) => time(s),
        _ => None,
    }
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

impl Engine {
    /// What the engine says of itself.
    pub async fn info(&self) -> Result<EngineInfo> {
        let version: RawVersion = self.http.get("/version", SHORT).await?;
        // A proxy may let only one of the two pass; the version alone is worth having.
        let info: RawInfo = match self.http.get("/info", SHORT).await {
            Ok(info) => info,
            Err(e) if e.kind == super::ErrorKind::Forbidden => RawInfo::default(),
            Err(e) => return Err(e),
        };
        let podman = version.components.iter().any(|c| c.name.to_lowercase().contains("podman"));
        let or = |a: &str, b: &str| clean(if a.is_empty() { b } else { a });
        Ok(EngineInfo {
            product: if podman { "podman" } else { "docker" }.to_owned(),
            version: clean(&version.version),
            api_version: clean(&version.api_version),
            min_api_version: clean(&version.min_api_version),
            name: clean(&info.name),
            os: clean(&info.operating_system),
            kernel: or(&info.kernel_version, &version.kernel_version),
            arch: or(&info.architecture, &version.arch),
            cpus: info.ncpu,
            memory: info.mem_total,
            cgroup_driver: clean(&info.cgroup_driver),
            cgroup_version: clean(&info.cgroup_version),
            storage_driver: clean(&info.driver),
            root_dir: clean(&info.docker_root_dir),
            id: clean(&info.id),
            warnings: info.warnings.iter().map(|w| clean(w)).collect(),
        })
    }

    /// Whether the engine still answers.
    pub async fn ping(&self) -> Result<()> {
        self.http.send(hyper::Method::GET, "/_ping", SHORT).await.map(drop)
    }

    /// All containers, running or not, as the listing has them.
    pub async fn containers(&self) -> Result<Vec<Container>> {
        let raw: Vec<RawContainer> = self.http.get("/containers/json?all=1", SHORT).await?;
        let now = Timestamp::now();
        Ok(raw.into_iter().map(|c| listed(c, now)).collect())
    }

    /// Everything about one container.
    pub async fn inspect(&self, id: &str) -> Result<Inspection> {
        let raw: Value = self.http.get(&format!("/containers/{}/json", escape(id)), SHORT).await?;
        let parsed: RawInspection = RawInspection::deserialize(&raw).map_err(|e| {
            super::EngineError::new(super::ErrorKind::Other, format!("the inspection of {id} is not understood: {e}"))
        })?;
        Ok(inspected(parsed, raw))
    }

    /// All images but intermediate ones.
    pub async fn images(&self) -> Result<Vec<Image>> {
        let raw: Vec<RawImage> = self.http.get("/images/json", SHORT).await?;
        let real = |tag: &String| tag != "<none>:<none>" && tag != "<none>@<none>";
        Ok(raw
            .into_iter()
            .map(|i| {
                let mut tags: Vec<String> = i.repo_tags.iter().filter(|t| real(t)).map(|t| clean(t)).collect();
                tags.sort();
                Image {
                    // Podman leaves the algorithm out.
                    id: if i.id.contains(':') { clean(&i.id) } else { format!("sha256:{}", clean(&i.id)) }.into(),
                    tags,
                    digests: i.repo_digests.iter().filter(|t| real(t)).map(|t| clean(t)).collect(),
                    created: moment(&i.created),
                    size: i.size,
                    labels: labels(&i.labels),
                }
            })
            .collect())
    }

    /// All networks. Who is attached stands with the containers.
    pub async fn networks(&self) -> Result<Vec<Network>> {
        let raw: Vec<RawNetwork> = self.http.get("/networks", SHORT).await?;
        Ok(raw
            .into_iter()
            .map(|n| Network {
                id: clean(&n.id).into(),
                name: clean(&n.name),
                driver: clean(&n.driver),
                scope: clean(&n.scope),
                internal: n.internal,
                subnets: n.ipam.config.iter().map(|s| (clean(&s.subnet), clean(&s.gateway))).collect(),
                created: time(&n.created),
                labels: labels(&n.labels),
            })
            .collect())
    }

    /// All volumes.
    pub async fn volumes(&self) -> Result<Vec<Volume>> {
        let raw: RawVolumes = self.http.get("/volumes", SHORT).await?;
        Ok(raw
            .volumes
            .into_iter()
            .map(|v| Volume {
                name: clean(&v.name).into(),
                driver: clean(&v.driver),
                mountpoint: clean(&v.mountpoint),
                created: time(&v.created_at),
                labels: labels(&v.labels),
            })
            .collect())
    }

    /// Everything about an image, as the engine says it.
    pub async fn inspect_image(&self, id: &str) -> Result<Value> {
        self.any(&format!("/images/{}/json", escape(id))).await
    }

    /// Everything about a network.
    pub async fn inspect_network(&self, id: &str) -> Result<Value> {
        self.any(&format!("/networks/{}", escape(id))).await
    }

    /// Everything about a volume.
    pub async fn inspect_volume(&self, name: &str) -> Result<Value> {
        self.any(&format!("/volumes/{}", escape(name))).await
    }

    async fn any<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.http.get(path, SHORT).await
    }

    /// An image's layers, newest first.
    pub async fn history(&self, image: &str) -> Result<Vec<Layer>> {
        let raw: Vec<RawLayer> = self.any(&format!("/images/{}/history", escape(image))).await?;
        Ok(raw
            .into_iter()
            .map(|l| Layer {
                id: clean(&l.id),
                created: Timestamp::from_second(l.created).ok().filter(|t| t.as_second() > 0),
                created_by: clean(&l.created_by),
                size: l.size,
                tags: l.tags.iter().map(|t| clean(t)).collect(),
                comment: clean(&l.comment),
            })
            .collect())
    }

    /// A container's processes: titles, and a row for each.
    pub async fn top(&self, id: &str) -> Result<(Vec<String>, Vec<Vec<String>>)> {
        let raw: RawTop = self.any(&format!("/containers/{}/top", escape(id))).await?;
        let row = |cells: Vec<String>| cells.iter().map(|c| clean(c)).collect();
        Ok((row(raw.titles), raw.processes.into_iter().map(row).collect()))
    }

    /// Disk use by kind. The engine measures every volume for it, which can take seconds.
    pub async fn disk_use(&self) -> Result<DiskUse> {
        let raw: RawDf = self.http.get("/system/df", LONG).await?;
        let volumes: Vec<RawVolume> = if raw.volumes.is_empty() { raw.volume_usage.items } else { raw.volumes };
        let size = |v: &RawVolume| v.usage_data.size.max(0).unsigned_abs();
        let unused_image = |i: &&RawDfImage| i.containers <= 0;
        let idle = |c: &&RawDfContainer| !State::parse(&c.state).is_up();
        // Engines from 29 on say sums; older ones say the parts.
        Ok(DiskUse {
            layers: raw.layers_size.max(raw.image_usage.total_size),
            images_reclaimable: raw.image_usage.reclaimable.max(
                raw.images
                    .iter()
                    .filter(unused_image)
                    .map(|i| i.size.saturating_sub(i.shared_size.max(0).unsigned_abs()))
                    .sum(),
            ),
            containers: raw.container_usage.total_size.max(raw.containers.iter().map(|c| c.size_rw).sum()),
            containers_reclaimable: raw
                .container_usage
                .reclaimable
                .max(raw.containers.iter().filter(idle).map(|c| c.size_rw).sum()),
            volumes: raw.volume_usage.total_size.max(volumes.iter().map(size).sum()),
            volumes_reclaimable: raw
                .volume_usage
                .reclaimable
                .max(volumes.iter().filter(|v| v.usage_data.ref_count == 0).map(size).sum()),
            build_cache: raw
                .build_cache_usage
                .total_size
                .max(raw.build_cache.iter().filter(|c| !c.shared).map(|c| c.size).sum()),
            build_cache_reclaimable: raw
                .build_cache_usage
                .reclaimable
                .max(raw.build_cache.iter().filter(|c| !c.shared && !c.in_use).map(|c| c.size).sum()),
            volume_sizes: volumes
                .iter()
                .filter(|v| v.usage_data.size >= 0)
                .map(|v| (clean(&v.name).into(), size(v)))
                .collect(),
        })
    }
}

fn listed(raw: RawContainer, now: Timestamp) -> Container {
    let state = State::parse(&raw.state);
    let words = Words::read(&raw.status, now);
    let command = match &raw.command {
        Value::String(s) => clean(s),
        Value::Array(parts) => clean(&parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
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
        name: clean(raw.names.first().map_or("", |n| n.trim_start_matches('/'))),
        id: clean(&raw.id).into(),
        image: clean(&raw.image),
        image_id: clean(&raw.image_id),
        command,
        created: moment(&raw.created),
        state,
        health: if state == State::Running { words.health } else { Health::None },
        exit_code: if up { None } else { words.exit_code },
        ports,
        labels: labels(&raw.labels),
        networks: attachments(&raw.network_settings.networks, up),
        mounts: mounts(raw.mounts),
        started: if up { words.since } else { None },
        finished: if up { None } else { words.since },
        detail: None,
    }
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
    Some(SignedDuration::from_secs(number * seconds))
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
    let mut ports = Vec::new();
    for (key, bindings) in raw.network_settings.ports.iter().filter(|_| up) {
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
    };
    let command: Vec<&str> = std::iter::once(raw.path.as_str()).chain(raw.args.iter().map(String::as_str)).collect();
    let container = Container {
        id: clean(&raw.id).into(),
        name: clean(raw.name.trim_start_matches('/')),
        image: clean(&raw.config.image),
        image_id: clean(&raw.image),
        command: clean(&command.join(" ")),
        created: time(&raw.created).and_then(|t| Timestamp::from_second(t.as_second()).ok()),
        state,
        health,
        exit_code: (!up && state != State::Created).then_some(raw.state.exit_code),
        ports,
        labels: labels(&raw.config.labels),
        networks: attachments(&raw.network_settings.networks, up),
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
