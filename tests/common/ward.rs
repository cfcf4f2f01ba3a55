//! What is said of the health of the host that stands still.

#![allow(clippy::unwrap_used, dead_code)]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ondeck::audit::{self, Ignored, Kind, Rule, Severity, Subject};
use ondeck::doctor::{Check, Fix, Outcome};
use ondeck::fleet::Snapshot;
use ondeck::health::{Blame, Course, Finding, Layer, Level, Report, Share, StackVerdict, Verdict};
use ondeck::topology::{Obstacle, Route, RouteSource, Routes, SocketProxy};

use super::fixture::now;

fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn finding(code: &'static str, level: Level, layer: Layer, words: [&str; 3], evidence: &[&str]) -> Finding {
    let [what, why, todo] = words.map(str::to_owned);
    let evidence = evidence.iter().map(|l| (*l).to_owned()).collect();
    Finding { code, level, layer, what, why, todo, evidence, since: Some(ago(1300)) }
}

/// What is said of [`super::fixture::snapshot`].
pub fn report(snap: &Snapshot) -> Report {
    let mut containers: Vec<Verdict> = snap
        .containers
        .values()
        .map(|c| {
            let verdict = Verdict {
                id: Some(c.id.clone()),
                name: c.name.clone(),
                stack: c.stack().map(str::to_owned),
                service: c.service().map(str::to_owned),
                level: if c.state.is_up() { Level::Healthy } else { Level::Off },
                since: Some(ago(7200)),
                passed: vec![Layer::Container, Layer::Healthcheck],
                ..Verdict::default()
            };
            match c.name.as_str() {
                "blog-post-1" => Verdict {
                    level: Level::Failing,
                    since: Some(ago(86_400)),
                    findings: vec![finding(
                        "OOM_KILLED",
                        Level::Failing,
                        Layer::Container,
                        [
                            "killed: it needed more than its 64M of memory",
                            "The kernel ended it when its limit was reached.",
                            "raise mem_limit, or let it use less",
                        ],
                        &["building the index of 180,000 posts"],
                    )],
                    passed: vec![],
                    ..verdict
                },
                "shop-mailer-1" => Verdict {
                    level: Level::Failing,
                    since: Some(ago(1300)),
                    findings: vec![finding(
                        "CRASH_LOOP",
                        Level::Failing,
                        Layer::Container,
                        [
                            "ends and starts again and again: 12 times, exit code 1",
                            "Its program says why in its log.",
                            "mend what the last line says, then restart it",
                        ],
                        &["mailer: SMTP_HOST is not set"],
                    )],
                    passed: vec![],
                    ..verdict
                },
                "shop-api-1" => Verdict {
                    level: Level::Failing,
                    since: Some(ago(720)),
                    findings: vec![finding(
                        "UNHEALTHY",
                        Level::Failing,
                        Layer::Healthcheck,
                        [
                            "its healthcheck fails, 4 times in a row",
                            "",
                            "look at its log; a restart may help for a while",
                        ],
                        &["db: connection refused"],
                    )],
                    passed: vec![Layer::Container],
                    ..verdict
                },
                "shop-web-1" => Verdict {
                    level: Level::Degraded,
                    since: Some(ago(720)),
                    findings: vec![finding(
                        "DEPENDENCY_DOWN",
                        Level::Degraded,
                        Layer::Dependency,
                        ["needs api, whose healthcheck fails", "", ""],
                        &[],
                    )],
                    blamed_on: Some(Blame { id: None, name: "shop-api-1".into() }),
                    latency_seconds: Some(0.0031),
                    ..verdict
                },
                _ => verdict,
            }
        })
        .collect();
    let place = |v: &Verdict| match v.name.as_str() {
        "blog-post-1" => 0,
        "shop-mailer-1" => 1,
        "shop-api-1" => 2,
        "shop-web-1" => 3,
        _ => 10 - v.level as u8,
    };
    containers.sort_by_key(|v| (place(v), v.name.clone()));
    Report {
        host: snap.host.clone(),
        taken: now(),
        level: Level::Failing,
        containers,
        stacks: vec![
            StackVerdict { name: "blog".into(), level: Level::Failing, since: Some(ago(86_400)), up: 0, all: 1 },
            StackVerdict { name: "shop".into(), level: Level::Failing, since: Some(ago(1300)), up: 5, all: 6 },
        ],
        findings: vec![finding(
            "HOST_DISK",
            Level::Degraded,
            Layer::Container,
            ["the disk is nearly full: 3.1G of 80G are left", "", "docker builder prune frees 9.2G"],
            &[],
        )],
        unknown: None,
    }
}

/// How everything fared.
pub fn course() -> Course {
    let mut line = vec![None; 12];
    line.extend([Some(Level::Healthy); 30]);
    line.extend([Some(Level::Degraded), Some(Level::Healthy), Some(Level::Failing)].repeat(2));
    Course {
        since: Some(ago(720)),
        hour: Share { up: Some(0.8), watched: 1.0 },
        day: Share { up: Some(0.9931), watched: 0.75 },
        week: Share { up: Some(0.998), watched: 0.31 },
        line,
        changes: vec![
            (ago(720), Level::Failing, "its healthcheck fails".into()),
            (ago(5000), Level::Healthy, String::new()),
        ],
    }
}

/// What a doctor found.
pub fn checks() -> Vec<Check> {
    let check = |code, title, outcome, evidence: &str, fix: Option<(&str, Option<&str>)>| Check {
        code,
        title,
        outcome,
        evidence: evidence.to_owned(),
        fix: fix.map(|(words, command)| Fix {
            words: words.to_owned(),
            command: command.map(str::to_owned),
            harmless: false,
        }),
    };
    vec![
        check("ENDPOINT", "Engine", Outcome::Ok, "unix:///var/run/docker.sock, from context default", None),
        check(
            "SOCKET",
            "Socket",
            Outcome::Fail,
            "/var/run/docker.sock belongs to group docker (998), and ann is not in it",
            Some((
                "Join the group, then log in again. Whoever is in it is as good as root.",
                Some("sudo usermod -aG docker ann"),
            )),
        ),
        check(
            "DISK",
            "Disk",
            Outcome::Warn,
            "3.1G of 80G are left",
            Some(("Build cache takes 9.2G.", Some("docker builder prune"))),
        ),
        check("INOTIFY", "File watches", Outcome::Ok, "8192 of 65536 in use", None),
        check("DNS", "DNS in containers", Outcome::Skipped, "needs an engine", None),
    ]
}

static SOCKET: Rule = Rule {
    code: "OD-C02",
    title: "the engine's socket is mounted",
    severity: Severity::Critical,
    refs: &["CIS 5.32", "CL-0001"],
    why: "Whoever can use the socket is root on the host; :ro does not change that.",
    breaks: "programs that manage containers need a socket proxy instead",
};

static MEMORY: Rule = Rule {
    code: "OD-C19",
    title: "no limit of memory",
    severity: Severity::Medium,
    refs: &["CIS 5.11", "CL-0026"],
    why: "It may take all memory of the host, and then others are killed.",
    breaks: "",
};

/// What an audit found.
pub fn audit(snap: &Snapshot) -> audit::Report {
    let find = |name: &str, rule: &'static Rule, observed: &str, compose: &str, run: &str| {
        let c = snap.containers.values().find(|c| c.name == name).unwrap();
        audit::Finding {
            rule,
            severity: rule.severity,
            subject: Subject {
                kind: Kind::Container,
                id: c.id.to_string(),
                name: c.name.clone(),
                stack: c.stack().map(str::to_owned),
                service: c.service().map(str::to_owned),
            },
            observed: observed.to_owned(),
            compose: compose.to_owned(),
            run: run.to_owned(),
            place: None,
            elsewhere: String::new(),
            ignored: None,
        }
    };
    let mut meant = find("shop-db-1", &MEMORY, "HostConfig.Memory is 0", "mem_limit: 512m", "--memory 512m");
    meant.ignored = Some(Ignored { reason: "it is measured by hand".into(), until: None, by: "label".into() });
    audit::Report {
        findings: vec![
            find("shop-api-1", &SOCKET, "/var/run/docker.sock is mounted at /var/run/docker.sock", "", ""),
            find("shop-api-1", &MEMORY, "HostConfig.Memory is 0", "mem_limit: 512m", "--memory 512m"),
            find("blog-post-1", &MEMORY, "HostConfig.Memory is 0", "mem_limit: 512m", "--memory 512m"),
            meant,
        ],
        subjects: snap.containers.len(),
        missed: 0,
        notes: vec!["shop-worker-1: an ignore of OD-C19 gives no reason, so it does not count".into()],
    }
}

/// Routes, one of which leads nowhere.
pub fn routes(snap: &Snapshot) -> Routes {
    let id = |name: &str| snap.containers.values().find(|c| c.name == name).map(|c| c.id.clone());
    let route = |router: &str, rule: &str, container: &str, obstacles| Route {
        router: router.to_owned(),
        protocol: "http",
        rule: rule.to_owned(),
        entry_points: vec!["websecure".into()],
        tls: true,
        middlewares: vec!["compress".into()],
        service: router.to_owned(),
        container: id(container),
        container_name: container.to_owned(),
        port: Some(8080),
        network: Some("shop_front".into()),
        proxy: Some("traefik".into()),
        source: RouteSource::Labels,
        obstacles,
    };
    Routes {
        routes: vec![
            route(
                "shop-api",
                "Host(`shop.example.com`) && PathPrefix(`/api`)",
                "shop-api-1",
                vec![Obstacle {
                    code: "NO_COMMON_NETWORK",
                    what: "traefik is not on shop_back, the only network of shop-api-1".into(),
                    todo: "docker network connect proxy shop-api-1".into(),
                }],
            ),
            route("shop-web", "Host(`shop.example.com`)", "shop-web-1", vec![]),
        ],
        socket_proxies: vec![SocketProxy {
            id: id("shop-db-1").unwrap_or_else(|| Arc::from("")),
            name: "socket-proxy".into(),
            permits: ["CONTAINERS", "EVENTS", "PING", "VERSION"].map(str::to_owned).to_vec(),
            reached_by: vec!["traefik".into()],
            warnings: vec![],
        }],
        notes: vec!["Traefik's own API does not answer: only labels are read".into()],
    }
}
