//! A host that stands still: what views look like on it can be compared.

#![allow(clippy::unwrap_used, dead_code)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ondeck::engine::model::{
    Attachment, Container, Detail, DiskUse, EngineInfo, Event, Health, Image, Mount, Network, Port, Sample, State,
    Volume,
};
use ondeck::engine::{Address, Endpoint};
use ondeck::fleet::snapshot::{HostLoad, Listing, Listings, Usage};
use ondeck::fleet::{Link, Snapshot, stacks_of};

/// The moment at which everything stands still.
pub fn now() -> Timestamp {
    "2026-03-14T14:02:00Z".parse().unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn id(n: u64) -> Arc<str> {
    format!("{:064x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into()
}

/// One container of a stack, healthy and up for two hours.
pub fn container(n: u64, stack: &str, service: &str) -> Container {
    let labels = [
        ("com.docker.compose.project", stack),
        ("com.docker.compose.service", service),
        ("com.docker.compose.container-number", "1"),
        ("com.docker.compose.project.working_dir", "/srv/shop"),
        ("com.docker.compose.project.config_files", "compose.yaml"),
    ];
    Container {
        id: id(n),
        name: format!("{stack}-{service}-1"),
        image: format!("example/{service}:1.4"),
        image_id: format!("sha256:{}", id(n + 1000)),
        command: format!("/usr/bin/{service} --serve"),
        created: Some(ago(90_000)),
        state: State::Running,
        health: Health::Healthy,
        labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        networks: vec![Attachment {
            network: format!("{stack}_back"),
            network_id: id(501).to_string(),
            ip: Some(format!("172.20.{}.{}", n / 250 % 250, n % 250 + 1).parse().unwrap()),
            aliases: vec![service.to_owned()],
            ..Attachment::default()
        }],
        started: Some(ago(7200)),
        detail: Some(Detail::default()),
        ..Container::default()
    }
}

fn usage(cpu: f64, memory: u64) -> Arc<Usage> {
    let mut history = VecDeque::new();
    for i in 0..100_i64 {
        // A course with some life in it, the same every time.
        let wave = ((i * 7919) % 13) as u64;
        history.push_back(Sample {
            time: ago(100 - i),
            cpu_ns: (i as u64 * 1_000_000_000) / 100 * (cpu as u64 + 1) + wave * 2_000_000,
            memory: memory + wave * memory / 60,
            memory_limit: 512 << 20,
            pids: 7,
            net_rx: i as u64 * 3000 + wave * 1500,
            net_tx: i as u64 * 1200 + wave * 600,
            block_read: i as u64 * 100,
            block_write: i as u64 * 900 + wave * 4000,
        });
    }
    let mut newest = *history.back().unwrap();
    newest.memory = memory;
    *history.back_mut().unwrap() = newest;
    Arc::new(Usage { cpu, now: newest, history })
}

/// A small shop of which two services have trouble, a stopped blog, and a container of its own.
pub fn snapshot() -> Snapshot {
    let mut web = container(1, "shop", "web");
    web.ports = vec![Port {
        host_ip: Some("0.0.0.0".parse().unwrap()),
        host: Some(8080),
        container: 80,
        protocol: "tcp".into(),
    }];
    web.labels.insert("com.docker.compose.depends_on".into(), "api:service_started:false".into());
    let mut api = container(2, "shop", "api");
    api.health = Health::Unhealthy;
    api.labels.insert("com.docker.compose.depends_on".into(), "db:service_healthy:true".into());
    api.detail = Some(Detail { failing_streak: 4, last_probe: "db: connection refused".into(), ..Detail::default() });
    let mut db = container(3, "shop", "db");
    db.mounts = vec![Mount {
        kind: "volume".into(),
        name: Some("shop_data".into()),
        source: "/var/lib/docker/volumes/shop_data/_data".into(),
        target: "/var/lib/data".into(),
        writable: true,
    }];
    let mut mailer = container(4, "shop", "mailer");
    (mailer.state, mailer.health, mailer.exit_code) = (State::Restarting, Health::None, Some(1));
    (mailer.started, mailer.finished) = (None, Some(ago(21)));
    mailer.detail = Some(Detail { restart_count: 12, ..Detail::default() });
    let mut post = container(5, "blog", "post");
    (post.state, post.health, post.exit_code) = (State::Exited, Health::None, Some(137));
    post.finished = Some(ago(86_400));
    post.detail = Some(Detail { oom_killed: true, ..Detail::default() });
    let mut worker = container(6, "shop", "worker");
    worker.health = Health::None;
    let second = Container { id: id(7), name: "shop-worker-2".into(), ..worker.clone() };
    let hostile = Container {
        id: id(8),
        name: "日本語-コンテナ".into(),
        image: "debian:bookworm-slim".into(),
        image_id: format!("sha256:{}", id(1008)),
        created: Some(ago(30)),
        state: State::Running,
        started: Some(ago(30)),
        ..Container::default()
    };
    let containers: BTreeMap<_, _> = [web, api, db, mailer, post, worker, second, hostile]
        .into_iter()
        .map(|c| (c.id.clone(), Arc::new(c)))
        .collect();
    let figures = [
        (1, 0.1, 12 << 20),
        (2, 2.3, 88 << 20),
        (3, 0.4, 120 << 20),
        (6, 14.0, 31 << 20),
        (7, 12.5, 30 << 20),
        (8, 0.0, 400 << 10),
    ];
    let images = containers.values().enumerate().map(|(i, c)| Image {
        id: c.image_id.as_str().into(),
        tags: vec![c.image.clone()],
        created: Some(ago(86_400 * (i as i64 + 1))),
        size: (30 + 41 * i as u64) << 20,
        ..Image::default()
    });
    let dangling = Image {
        id: format!("sha256:{}", id(1099)).into(),
        created: Some(ago(500_000)),
        size: 212 << 20,
        ..Image::default()
    };
    let network = |n, name: &str, internal, subnet: &str, stack: &str| Network {
        id: id(n),
        name: name.into(),
        driver: "bridge".into(),
        scope: "local".into(),
        internal,
        subnets: vec![(subnet.into(), subnet.replace("0/16", "1"))],
        labels: if stack.is_empty() {
            BTreeMap::new()
        } else {
            BTreeMap::from([("com.docker.compose.project".into(), stack.into())])
        },
        ..Network::default()
    };
    let networks = [
        network(500, "bridge", false, "172.17.0.0/16", ""),
        network(501, "shop_back", true, "172.20.0.0/16", "shop"),
        network(502, "shop_front", false, "172.21.0.0/16", "shop"),
    ];
    let volume = |name: &str, stack: &str| Volume {
        name: name.into(),
        driver: "local".into(),
        mountpoint: format!("/var/lib/docker/volumes/{name}/_data"),
        created: Some(ago(864_000)),
        labels: BTreeMap::from([("com.docker.compose.project".into(), stack.into())]),
    };
    let volumes = [volume("shop_data", "shop"), volume("blog_posts", "blog")];
    let event = |seconds, action: &str, name: &str, code: Option<&str>| Event {
        time: ago(seconds),
        kind: "container".into(),
        action: action.into(),
        id: id(seconds.unsigned_abs()),
        name: name.into(),
        attributes: code.map(|c| ("exitCode".to_owned(), c.to_owned())).into_iter().collect(),
    };
    let ready = Listing::Ready;
    Snapshot {
        host: "web-01".into(),
        address: "ssh://ops@web-01".into(),
        endpoint: Some(Arc::new(Endpoint {
            name: "web-01".into(),
            address: Address::parse("ssh://ops@web-01").unwrap(),
            tls: None,
            source: "context web-01".into(),
        })),
        engine: Some(Arc::new(EngineInfo {
            version: "28.2.2".into(),
            api_version: "1.50".into(),
            product: "docker".into(),
            name: "web-01".into(),
            os: "Debian GNU/Linux 12 (bookworm)".into(),
            cpus: 4,
            memory: 16 << 30,
            cgroup_version: "2".into(),
            ..EngineInfo::default()
        })),
        link: Link::Up,
        listings: Listings {
            containers: ready.clone(),
            images: ready.clone(),
            networks: ready.clone(),
            volumes: ready,
        },
        stacks: Arc::new(stacks_of(containers.values())),
        usage: Arc::new(figures.iter().map(|(n, cpu, memory)| (id(*n), usage(*cpu, *memory))).collect()),
        load: Some(Arc::new(HostLoad {
            cpu: 23.0,
            history: (0..40).map(|i| f64::from((i * 37) % 60)).collect(),
            memory: 3_328_599_654,
            memory_total: 16 << 30,
        })),
        disk: Some(Arc::new(DiskUse {
            layers: 2_400 << 20,
            images_reclaimable: 212 << 20,
            volumes: 900 << 20,
            volume_sizes: BTreeMap::from([("shop_data".into(), 812 << 20), ("blog_posts".into(), 88 << 20)]),
            ..DiskUse::default()
        })),
        events: Arc::new(VecDeque::from([
            event(86_400, "oom", "blog-post-1", None),
            event(86_399, "die", "blog-post-1", Some("137")),
            event(40, "health_status: unhealthy", "shop-api-1", None),
            event(22, "start", "shop-mailer-1", None),
            event(21, "die", "shop-mailer-1", Some("1")),
        ])),
        images: images.chain([dangling]).map(|i| (i.id.clone(), Arc::new(i))).collect(),
        networks: networks.into_iter().map(|n| (n.id.clone(), Arc::new(n))).collect(),
        volumes: volumes.into_iter().map(|v| (v.name.clone(), Arc::new(v))).collect(),
        containers,
        ..Snapshot::default()
    }
}

/// The same host with three sessions, of which one is nearly over and one was short of memory, and the
/// workspace of one that has ended.
pub fn sessions() -> Snapshot {
    let mut snap = snapshot();
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| (format!("dev.ondeck.{k}"), (*v).to_owned())).collect()
    };
    let mut usage = (*snap.usage).clone();
    let some = [("k3f9", "ann", "lab1", 1080), ("h2mz", "bob", "lab3", 260), ("qv7e", "ann", "scratch", 1530)];
    for (n, (name, owner, workspace, up)) in (300..).zip(some) {
        let container = Container {
            id: id(n),
            name: format!("ondeck-session-{name}"),
            image: "ondeck/session:0123456789ab".into(),
            created: Some(ago(up)),
            started: Some(ago(up)),
            state: State::Running,
            labels: labels(&[
                ("session", name),
                ("owner", owner),
                ("workspace", workspace),
                ("session.ttl", "1800"),
                ("session.memory", "1610612736"),
            ]),
            detail: Some(Detail::default()),
            ..Container::default()
        };
        let mut used = (*self::usage(3.0 * (n - 299) as f64, (n - 299) << 28)).clone();
        used.now.memory_limit = 1536 << 20;
        used.history.iter_mut().for_each(|s| s.memory_limit = 1536 << 20);
        usage.insert(id(n), Arc::new(used));
        snap.containers.insert(id(n), Arc::new(container));
    }
    let mut events = (*snap.events).clone();
    events.push_back(Event {
        time: ago(70),
        kind: "container".into(),
        action: "oom".into(),
        id: id(301),
        name: "ondeck-session-h2mz".into(),
        attributes: BTreeMap::new(),
    });
    let kept = Volume {
        name: "ondeck-workspace-bob-lab2".into(),
        driver: "local".into(),
        created: Some(ago(90_000)),
        labels: labels(&[("owner", "bob"), ("workspace", "lab2")]),
        ..Volume::default()
    };
    snap.volumes.insert(kept.name.clone(), Arc::new(kept));
    (snap.usage, snap.events) = (Arc::new(usage), Arc::new(events));
    snap
}
