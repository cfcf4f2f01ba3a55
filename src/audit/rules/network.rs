//! Who reaches a container, and networks themselves.

use super::super::facts::Port;
use super::super::report::{Rule, Severity};
use super::{Broken, Check, Entry, Example, NetworkFacts, RULE, scalar};

/// Ports of databases and engines, which trust whoever reaches them.
const GUARDED: [(u16, &str); 17] = [
    (2375, "Docker without TLS"),
    (2376, "Docker"),
    (2379, "etcd"),
    (3306, "MySQL"),
    (5432, "PostgreSQL"),
    (6379, "Redis"),
    (8500, "Consul"),
    (9000, "ClickHouse or MinIO"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (11211, "memcached"),
    (15672, "RabbitMQ"),
    (27017, "MongoDB"),
    (5984, "CouchDB"),
    (1433, "SQL Server"),
];

fn guarded(port: &Port) -> Option<&'static str> {
    // 9000 is many things; only what is surely a database counts for it.
    let known = GUARDED.iter().find(|(number, _)| *number == port.container && *number != 9000);
    known.map(|(_, name)| *name).filter(|_| port.protocol == "tcp")
}

/// The ports at all addresses, each once with the addresses that it has.
fn open(ports: &[Port]) -> Vec<(&Port, String)> {
    let mut all: Vec<(&Port, Vec<&str>)> = Vec::new();
    for port in ports.iter().filter(|port| port.open()) {
        let same = |other: &&mut (&Port, Vec<&str>)| {
            other.0.container == port.container && other.0.host == port.host && other.0.protocol == port.protocol
        };
        match all.iter_mut().find(same) {
            Some((_, addresses)) => addresses.push(&port.ip),
            None => all.push((port, vec![&port.ip])),
        }
    }
    let words = |addresses: Vec<&str>| {
        let named: Vec<&str> = addresses.iter().map(|ip| if ip.is_empty() { "all addresses" } else { ip }).collect();
        named.join(" and ")
    };
    all.into_iter().map(|(port, addresses)| (port, words(addresses))).collect()
}

/// A port on this machine only.
fn on_loopback(port: &Port, broken: Broken) -> Broken {
    let protocol = if port.protocol == "tcp" { String::new() } else { format!("/{}", port.protocol) };
    let entry = format!("127.0.0.1:{}:{}{protocol}", port.host, port.container);
    let quoted = serde_json::Value::from(entry.as_str()).to_string();
    broken
        .compose(format!("ports:\n  - {quoted}"))
        .run(format!("-p {entry}"))
        .entry("ports", port.container.to_string())
        .key("ports")
}

fn shown(port: &Port, addresses: &str) -> String {
    let host = if port.host.is_empty() { "a port".to_owned() } else { format!("port {}", port.host) };
    format!("{host} of the host at {addresses} leads to its port {}/{}", port.container, port.protocol)
}

pub(super) static RULES: &[Entry] = &[
    Entry {
        rule: Rule {
            code: "OD-C24",
            title: "can be reached from everywhere",
            refs: &["CIS 5.14", "docker-bench 5.14", "CL-0005"],
            why: "Docker opens the port past the host's firewall (ufw, firewalld), on IPv6 too.",
            breaks: "Who came from another machine has to come through a proxy; a public web server stays open.",
            ..RULE
        },
        check: Check::Service(|facts, _, found| {
            for (port, addresses) in open(&facts.ports).into_iter().filter(|(port, _)| guarded(port).is_none()) {
                found.push(on_loopback(port, Broken::by(shown(port, &addresses))));
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"::","HostPort":"8080"}]}}}"#,
            written: r#"{"ports":["8080:80"]}"#,
        },
        good: Example {
            told: r#"{"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}],"81/tcp":null}}}"#,
            written: r#"{"ports":[{"target":80,"published":"8080","host_ip":"::1"}]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C25",
            title: "a database or an engine can be reached from everywhere",
            severity: Severity::High,
            refs: &["CIS 5.14", "docker-bench 5.14", "CL-0005"],
            why: "These ports are tried on every address of the internet within hours; many of them ask for no password.",
            breaks: "Who used it from another machine needs a tunnel (ssh -L) or a VPN; containers reach it by a common network.",
        },
        check: Check::Service(|facts, _, found| {
            for (port, addresses) in open(&facts.ports) {
                let Some(name) = guarded(port) else { continue };
                let broken = Broken::by(format!("{} ({name})", shown(port, &addresses)));
                let severity = if port.container == 2375 { Severity::Critical } else { Severity::High };
                found.push(on_loopback(port, broken.severe(severity)));
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"HostConfig":{"PortBindings":{"5432/tcp":[{"HostIp":"","HostPort":"5432"}]}}}"#,
            written: r#"{"ports":["6379:6379"]}"#,
        },
        good: Example {
            told: r#"{"HostConfig":{"PortBindings":{"5432/tcp":[{"HostIp":"127.0.0.1","HostPort":"5432"}]}}}"#,
            written: r#"{"ports":["127.0.0.1:6379:6379"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C26",
            title: "has a port of the host that belongs to its system",
            severity: Severity::Info,
            refs: &["CIS 5.8", "docker-bench 5.8"],
            why: "Whoever connects to a port below 1024 trusts that root of the host opened it.",
            breaks: "Who connects has to name another port; a proxy on 80 and 443 is meant so.",
        },
        check: Check::Service(|facts, _, found| {
            let mut ports: Vec<&Port> = Vec::new();
            for port in &facts.ports {
                let low = port
                    .host
                    .split('-')
                    .next()
                    .and_then(|p| p.parse::<u16>().ok())
                    .is_some_and(|p| (1..1024).contains(&p));
                if low && !ports.iter().any(|other| other.host == port.host && other.protocol == port.protocol) {
                    ports.push(port);
                }
            }
            for port in ports {
                let host = port.host.parse::<u16>().unwrap_or_default().saturating_add(8000);
                let other = format!(
                    "{}{host}:{}",
                    if port.ip.is_empty() { String::new() } else { format!("{}:", port.ip) },
                    port.container
                );
                found.push(
                    Broken::by(format!("port {}/{} of the host is its", port.host, port.protocol))
                        .compose(format!("ports:\n  - {}", serde_json::Value::from(other.as_str())))
                        .run(format!("-p {other}"))
                        .entry("ports", port.host.clone())
                        .key("ports"),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"HostConfig":{"PortBindings":{"8080/tcp":[{"HostIp":"127.0.0.1","HostPort":"1023"}]}}}"#,
            written: r#"{"ports":["127.0.0.1:443:8443"]}"#,
        },
        good: Example {
            told: r#"{"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"1024"}]}}}"#,
            written: r#"{"ports":["127.0.0.1:1024:80"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C36",
            title: "is in the default bridge network",
            severity: Severity::Info,
            refs: &["CIS 5.30", "docker-bench 5.30"],
            why: "All that name no network are in it together and reach each other, without names.",
            breaks: "Others reach it by its name, no more by its address.",
        },
        check: Check::Service(|facts, _, found| {
            let there = facts.networks.iter().any(|network| network == "bridge") && facts.network != "host";
            if (!facts.written && there) || (facts.written && facts.network == "bridge") {
                found.push(
                    Broken::by("it is attached to the network bridge")
                        .compose("# remove network_mode: bridge; compose makes a network for the project")
                        .run(format!(
                            "--network {}",
                            scalar(facts.labels.get("com.docker.compose.project").map_or("my-network", String::as_str))
                        ))
                        .key("network_mode"),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"NetworkSettings":{"Networks":{"bridge":{}}}}"#,
            written: r#"{"network_mode":"bridge"}"#,
        },
        good: Example { told: r#"{"NetworkSettings":{"Networks":{"own":{}}}}"#, written: r#"{"networks":["own"]}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-N01",
            title: "containers in the default bridge network reach each other",
            severity: Severity::Low,
            refs: &["CIS 2.2", "docker-bench 2.2"],
            why: "They have nothing to do with each other, but whoever is in one of them can attack the others.",
            breaks: "Containers there that speak with each other by address need a network of their own.",
        },
        check: Check::Network(|facts, found| {
            let is_default = facts.raw["Options"]["com.docker.network.bridge.default_bridge"] == "true";
            let open = facts.raw["Options"]["com.docker.network.bridge.enable_icc"] != "false";
            if is_default && open && facts.members.len() > 1 {
                found.push(
                    Broken::by(format!("enable_icc is true, and in it are {}", listed(facts)))
                        .run("--network NAME for each of them")
                        .elsewhere("/etc/docker/daemon.json: \"icc\": false"),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Driver":"bridge","Options":{"com.docker.network.bridge.default_bridge":"true","com.docker.network.bridge.enable_icc":"true"},"Members":["a","b"]}"#,
            written: "",
        },
        good: Example {
            told: r#"{"Driver":"bridge","Options":{"com.docker.network.bridge.default_bridge":"true","com.docker.network.bridge.enable_icc":"true"},"Members":["a"]}"#,
            written: "",
        },
    },
    Entry {
        rule: Rule {
            code: "OD-N02",
            title: "what goes between hosts is not encrypted",
            severity: Severity::Low,
            refs: &["CIS 7.3", "docker-bench 7.3"],
            why: "An overlay network sends what containers say to each other as it is, for everyone on the way to read.",
            breaks: "The network has to be made again; encryption takes some processor time.",
        },
        check: Check::Network(|facts, found| {
            let encrypted = facts.raw["Options"].get("encrypted").is_some_and(|value| value != "false");
            if facts.raw["Driver"] == "overlay" && facts.raw["Ingress"] != true && !encrypted {
                found.push(
                    Broken::by("its driver is overlay, without the option encrypted")
                        .compose("# at the network:\ndriver_opts:\n  encrypted: \"true\"")
                        .elsewhere("docker network create --driver overlay --opt encrypted NAME"),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Driver":"overlay","Options":{"com.docker.network.driver.overlay.vxlanid_list":"4097"}}"#,
            written: "",
        },
        good: Example { told: r#"{"Driver":"overlay","Options":{"encrypted":""}}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-N03",
            title: "its containers stand in the network around the host",
            severity: Severity::Info,
            why: "With macvlan and ipvlan every port of a container is open to that network, published or not.",
            breaks: "",
            ..RULE
        },
        check: Check::Network(|facts, found| {
            let driver = facts.raw["Driver"].as_str().unwrap_or_default();
            if matches!(driver, "macvlan" | "ipvlan") && !facts.members.is_empty() && facts.raw["Internal"] != true {
                found.push(
                    Broken::by(format!("its driver is {driver}, and in it are {}", listed(facts)))
                        .elsewhere("a firewall on the router, or docker network create --internal"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Driver":"macvlan","Options":{"parent":"eth0"},"Members":["a"]}"#, written: "" },
        good: Example {
            told: r#"{"Driver":"macvlan","Internal":true,"Options":{"parent":"eth0"},"Members":["a"]}"#,
            written: "",
        },
    },
];

fn listed(facts: &NetworkFacts<'_>) -> String {
    let first: Vec<&str> = facts.members.iter().take(5).map(String::as_str).collect();
    let more = facts.members.len().saturating_sub(first.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", first.join(", "))
}
