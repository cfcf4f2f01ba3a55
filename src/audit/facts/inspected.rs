//! A container, as the engine tells it.

use serde_json::Value;

use super::{Check, Device, Facts, Mount, Port, capabilities, list, option, pairs, text, texts, words};
use crate::engine::model::{Inspection, State};
use crate::text::clean;

/// What rules look at, of a container that runs or does not.
pub(in crate::audit) fn of_container(inspection: &Inspection) -> Facts {
    let raw = &inspection.raw;
    let (config, host) = (&raw["Config"], &raw["HostConfig"]);
    let container = &inspection.container;
    let running = matches!(container.state, State::Running | State::Paused | State::Restarting);
    let restart = text(&host["RestartPolicy"]["Name"]);
    let restart = if restart == "no" { String::new() } else { restart };
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let compose_job = crate::stacks::is_one_off(container);
    Facts {
        written: false,
        running,
        one_shot: compose_job || (!running && restart.is_empty()),
        image: container.image.clone(),
        image_id: container.image_id.clone(),
        built: false,
        user: Some(text(&config["User"])),
        uid: None,
        processes: Vec::new(),
        privileged: host["Privileged"] == true,
        mounts: list(&raw["Mounts"]).map(mount).collect(),
        tmpfs: pairs(&host["Tmpfs"]).into_iter().map(|(path, options)| (path, clean(&options).into_owned())).collect(),
        pid: text(&host["PidMode"]),
        ipc: text(&host["IpcMode"]),
        network: text(&host["NetworkMode"]),
        uts: text(&host["UTSMode"]),
        userns: text(&host["UsernsMode"]),
        cgroupns: text(&host["CgroupnsMode"]),
        cap_add: capabilities(&host["CapAdd"]),
        cap_drop: capabilities(&host["CapDrop"]),
        security: texts(&host["SecurityOpt"]).into_iter().map(option).collect(),
        unmasked: empty(&host["MaskedPaths"]) && empty(&host["ReadonlyPaths"]),
        apparmor: raw["AppArmorProfile"].as_str().map(|profile| clean(profile).into_owned()),
        read_only: host["ReadonlyRootfs"] == true,
        ports: ports(raw),
        memory: number(&host["Memory"]).max(0).unsigned_abs(),
        oom_kill_disabled: host["OomKillDisable"] == true,
        cpu: ["NanoCpus", "CpuQuota", "CpuShares"].iter().any(|limit| number(&host[*limit]) > 0),
        pids: host["PidsLimit"].as_i64(),
        health: match list(&config["Healthcheck"]["Test"]).next().and_then(Value::as_str) {
            None | Some("") => Check::None,
            Some("NONE") => Check::Off,
            Some(_) => Check::On,
        },
        restart,
        restart_most: number(&host["RestartPolicy"]["MaximumRetryCount"]),
        restarted: number(&raw["RestartCount"]),
        env: pairs(&config["Env"]),
        words: [words(&config["Entrypoint"]), words(&config["Cmd"])].concat(),
        devices: list(&host["Devices"])
            .map(|device| Device { host: text(&device["PathOnHost"]), container: text(&device["PathInContainer"]) })
            .collect(),
        device_requests: list(&host["DeviceRequests"])
            .map(|request| {
                let caps: Vec<String> = list(&request["Capabilities"]).flat_map(texts).collect();
                let driver = text(&request["Driver"]);
                if caps.is_empty() { driver } else { caps.join(", ") }
            })
            .collect(),
        log_driver: text(&host["LogConfig"]["Type"]),
        log_options: pairs(&host["LogConfig"]["Config"]).into_iter().collect(),
        cgroup_parent: text(&host["CgroupParent"]),
        networks: container.networks.iter().map(|attachment| attachment.network.clone()).collect(),
        labels: container.labels.clone(),
    }
}

fn mount(raw: &Value) -> Mount {
    let kind = text(&raw["Type"]);
    let name = text(&raw["Name"]);
    Mount {
        source: if kind == "volume" && !name.is_empty() { name } else { text(&raw["Source"]) },
        kind,
        target: text(&raw["Destination"]),
        writable: raw["RW"] == true,
        propagation: text(&raw["Propagation"]),
    }
}

/// What is published; of a container that does not run, what would be.
fn ports(raw: &Value) -> Vec<Port> {
    let now = &raw["NetworkSettings"]["Ports"];
    let bound =
        |value: &Value| value.as_object().is_some_and(|ports| ports.values().any(|bindings| !bindings.is_null()));
    let from = if bound(now) { now } else { &raw["HostConfig"]["PortBindings"] };
    let mut all = Vec::new();
    for (key, bindings) in from.as_object().into_iter().flatten() {
        let (number, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
        let Ok(container) = number.parse() else { continue };
        all.extend(list(bindings).map(|binding| Port {
            ip: text(&binding["HostIp"]),
            host: text(&binding["HostPort"]),
            container,
            protocol: clean(protocol).into_owned(),
        }));
    }
    all.sort_unstable();
    all.dedup();
    all
}
