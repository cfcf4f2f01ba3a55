//! A service of a compose file, in the short and the long forms that files and the programs that read them have.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Check, Device, Facts, Mount, Port, capabilities, list, option, pairs, text, texts, words};
use crate::config::Size;
use crate::text::clean;

/// What rules look at, of a service.
pub(crate) fn of_service(name: &str, service: &Value, model: &Value) -> Facts {
    let limits = &service["deploy"]["resources"]["limits"];
    let (restart, restart_most) = restart(service);
    let (volumes, mut tmpfs) = mounts(&service["volumes"]);
    for entry in texts(&service["tmpfs"]) {
        let (path, options) = entry.split_once(':').unwrap_or((&entry, ""));
        tmpfs.insert(path.to_owned(), options.to_owned());
    }
    let waited_for = model["services"]
        .as_object()
        .into_iter()
        .flatten()
        .any(|(_, other)| other["depends_on"][name]["condition"] == "service_completed_successfully");
    let built = !service["build"].is_null();
    let pids = [&service["pids_limit"], &limits["pids"]].into_iter().find(|v| !v.is_null());
    Facts {
        written: true,
        running: false,
        one_shot: waited_for,
        image: text(&service["image"]),
        image_id: String::new(),
        built,
        user: (!service["user"].is_null()).then(|| text(&service["user"])),
        uid: None,
        processes: Vec::new(),
        privileged: service["privileged"] == true,
        mounts: volumes,
        tmpfs,
        pid: text(&service["pid"]),
        ipc: text(&service["ipc"]),
        network: text(&service["network_mode"]),
        uts: text(&service["uts"]),
        userns: text(&service["userns_mode"]),
        cgroupns: text(&service["cgroup"]),
        cap_add: capabilities(&service["cap_add"]),
        cap_drop: capabilities(&service["cap_drop"]),
        security: texts(&service["security_opt"]).into_iter().map(option).collect(),
        unmasked: texts(&service["security_opt"]).iter().any(|o| o.replace(':', "=") == "systempaths=unconfined"),
        apparmor: None,
        read_only: service["read_only"] == true,
        ports: list(&service["ports"]).flat_map(ports).collect(),
        memory: [&service["mem_limit"], &limits["memory"]].into_iter().map(bytes).max().unwrap_or_default(),
        oom_kill_disabled: service["oom_kill_disable"] == true,
        cpu: [&service["cpus"], &service["cpu_quota"], &service["cpu_shares"], &limits["cpus"]]
            .into_iter()
            .any(|limit| text(limit).parse::<f64>().is_ok_and(|n| n > 0.0)),
        pids: pids.and_then(|limit| text(limit).parse().ok()),
        health: match &service["healthcheck"] {
            Value::Null => Check::None,
            check if check["disable"] == true || texts(&check["test"]).first().is_some_and(|t| t == "NONE") => {
                Check::Off
            }
            _ => Check::On,
        },
        restart,
        restart_most,
        restarted: 0,
        env: pairs(&service["environment"]),
        words: [words(&service["entrypoint"]), words(&service["command"])].concat(),
        devices: list(&service["devices"]).map(device).collect(),
        device_requests: list(&service["deploy"]["resources"]["reservations"]["devices"])
            .map(|request| {
                let caps = texts(&request["capabilities"]);
                if caps.is_empty() { text(&request["driver"]) } else { caps.join(", ") }
            })
            .collect(),
        log_driver: text(&service["logging"]["driver"]),
        log_options: pairs(&service["logging"]["options"]).into_iter().collect(),
        cgroup_parent: text(&service["cgroup_parent"]),
        networks: match &service["networks"] {
            Value::Object(map) => map.keys().map(|name| clean(name).into_owned()).collect(),
            other => texts(other),
        },
        labels: pairs(&service["labels"]).into_iter().map(|(name, value)| (name, clean(&value).into_owned())).collect(),
    }
}

fn bytes(limit: &Value) -> u64 {
    let written = text(limit);
    written.parse::<u64>().ok().or_else(|| written.parse::<Size>().ok().map(|size| size.0)).unwrap_or_default()
}

fn restart(service: &Value) -> (String, i64) {
    let policy = &service["deploy"]["restart_policy"];
    let written = text(&service["restart"]);
    let (name, most) = written.split_once(':').unwrap_or((&written, ""));
    let (name, most) = match policy["condition"].as_str() {
        Some("on-failure") if name.is_empty() => ("on-failure", text(&policy["max_attempts"])),
        Some("any") if name.is_empty() => ("always", text(&policy["max_attempts"])),
        _ => (name, most.to_owned()),
    };
    let name = if matches!(name, "no" | "false") { "" } else { name };
    (name.to_owned(), most.parse().unwrap_or_default())
}

fn device(raw: &Value) -> Device {
    if raw.is_object() {
        return Device { host: text(&raw["source"]), container: text(&raw["target"]) };
    }
    let written = text(raw);
    let mut parts = written.split(':');
    let host = parts.next().unwrap_or_default().to_owned();
    Device { container: parts.next().unwrap_or(&host).to_owned(), host }
}

/// Mounts, and options of each tmpfs among them.
fn mounts(volumes: &Value) -> (Vec<Mount>, BTreeMap<String, String>) {
    let (mut all, mut tmpfs) = (Vec::new(), BTreeMap::new());
    for volume in list(volumes) {
        if volume.is_object() {
            let kind = text(&volume["type"]);
            if kind == "tmpfs" {
                tmpfs.insert(text(&volume["target"]), String::new());
                continue;
            }
            all.push(Mount {
                kind,
                source: text(&volume["source"]),
                target: text(&volume["target"]),
                writable: volume["read_only"] != true,
                propagation: text(&volume["bind"]["propagation"]),
            });
            continue;
        }
        let written = text(volume);
        let mut parts = written.split(':');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        let Some(target) = second else {
            all.push(Mount { kind: "volume".into(), target: first.to_owned(), writable: true, ..Mount::default() });
            continue;
        };
        let options: Vec<&str> = parts.flat_map(|options| options.split(',')).collect();
        let path = first.starts_with(['/', '.', '~', '$']);
        all.push(Mount {
            kind: if path { "bind" } else { "volume" }.into(),
            source: first.to_owned(),
            target: target.to_owned(),
            writable: !options.contains(&"ro"),
            propagation: options
                .iter()
                .find(|o| o.contains("shared") || o.contains("slave"))
                .map_or_else(String::new, |o| (*o).to_owned()),
        });
    }
    (all, tmpfs)
}

/// `[IP:][HOST:]CONTAINER[/PROTOCOL]`, a number, or the long form. What is not published is left out.
fn ports(raw: &Value) -> Vec<Port> {
    if raw.is_object() {
        let published = text(&raw["published"]);
        let container = text(&raw["target"]).parse().unwrap_or_default();
        let protocol = Some(text(&raw["protocol"])).filter(|p| !p.is_empty()).unwrap_or_else(|| "tcp".into());
        return vec![Port { ip: text(&raw["host_ip"]), host: published, container, protocol }];
    }
    let written = text(raw);
    let (whole, protocol) = written.split_once('/').unwrap_or((&written, "tcp"));
    let (before, container) = whole.rsplit_once(':').unwrap_or(("", whole));
    // An address of version 6 has colons too, in brackets.
    let (ip, host) = match before.rsplit_once(':') {
        Some((ip, host)) if !host.contains(']') => (ip, host),
        _ if before.contains(']') || before.contains('.') => (before, ""),
        _ => ("", before),
    };
    let Ok(first) = container.split('-').next().unwrap_or_default().parse() else { return Vec::new() };
    vec![Port { ip: ip.to_owned(), host: host.to_owned(), container: first, protocol: protocol.to_owned() }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_and_long_forms_are_the_same() {
        let short = json!({
            "ports": ["127.0.0.1:8080:80", "53:53/udp", "[::1]:81:81", "8443", 9000, "127.0.0.1::70"],
            "volumes": ["/etc:/host:ro", "data:/data", "/anonymous", "./here:/there:rw,rshared"],
            "restart": "on-failure:5", "environment": ["A=b", "C"], "mem_limit": "64m", "pids_limit": 10,
            "security_opt": ["no-new-privileges:true"], "cap_add": ["cap_net_admin"], "devices": ["/dev/sda:/dev/x:r"],
            "cpus": "0.5", "command": "sh -c 'a b'",
        });
        let facts = of_service("a", &short, &Value::Null);
        let port = |ip: &str, host: &str, container, protocol: &str| Port {
            ip: ip.into(),
            host: host.into(),
            container,
            protocol: protocol.into(),
        };
        assert_eq!(
            facts.ports,
            [
                port("127.0.0.1", "8080", 80, "tcp"),
                port("", "53", 53, "udp"),
                port("[::1]", "81", 81, "tcp"),
                port("", "", 8443, "tcp"),
                port("", "", 9000, "tcp"),
                port("127.0.0.1", "", 70, "tcp"),
            ]
        );
        assert!(!facts.ports[2].open() && facts.ports[1].open() && port("[::]", "1", 1, "tcp").open());
        let long = json!({
            "volumes": [
                {"type": "bind", "source": "/etc", "target": "/host", "read_only": true},
                {"type": "volume", "source": "data", "target": "/data"},
                {"type": "volume", "target": "/anonymous"},
                {"type": "bind", "source": "./here", "target": "/there", "bind": {"propagation": "rshared"}},
            ],
            "deploy": {"resources": {"limits": {"memory": "67108864", "pids": 10, "cpus": 0.5}},
                       "restart_policy": {"condition": "on-failure", "max_attempts": 5}},
            "environment": {"A": "b", "C": null}, "security_opt": ["no-new-privileges"], "cap_add": ["NET_ADMIN"],
            "devices": [{"source": "/dev/sda", "target": "/dev/x"}], "command": ["sh", "-c", "a b"],
        });
        let other = of_service("a", &long, &Value::Null);
        assert_eq!(other, Facts { ports: Vec::new(), ..facts });
    }
}
