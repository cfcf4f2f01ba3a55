//! What a compose project should not ask for.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::config::Secrets;

/// Something that a service should not ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Rule {
    /// All rights there are.
    Privileged,
    /// A Docker's socket, which gives all rights there are.
    DockerSocket,
    /// The host's network, processes or memory.
    HostNamespaces,
    /// Folders of the host that belong to its system.
    SystemPaths,
    /// Capabilities that are as good as all rights.
    StrongCapabilities,
    /// No limit of memory.
    NoMemoryLimit,
    /// No limit of processes.
    NoPidsLimit,
    /// Any port of the host.
    PublishedPort,
    /// A network that leads out of the host.
    LeadsOut,
    /// A password or the like in the environment.
    SecretInEnvironment,
    /// An image without a tag, or with `latest`.
    UnpinnedImage,
    /// A port at all addresses of the host.
    OpenPort,
    /// No healthcheck.
    NoHealthcheck,
}

/// The rules that hold where a lab names none.
pub(super) fn usual() -> Vec<Rule> {
    vec![Rule::Privileged, Rule::DockerSocket, Rule::HostNamespaces, Rule::SystemPaths, Rule::StrongCapabilities]
}

/// What is wrong with a project, in words.
pub(super) fn audit(model: &Value, rules: &[Rule], only: &[String]) -> Vec<String> {
    let services = model["services"].as_object().into_iter().flatten();
    services
        .filter(|(name, _)| only.is_empty() || only.contains(name))
        .flat_map(|(name, service)| rules.iter().filter_map(move |rule| broken(*rule, name, service, model)))
        .collect()
}

fn broken(rule: Rule, name: &str, service: &Value, model: &Value) -> Option<String> {
    let list = |field: &str| service[field].as_array().into_iter().flatten();
    let text = |field: &str| service[field].as_str().unwrap_or_default();
    let sources = || list("volumes").filter(|v| v["type"] == "bind").filter_map(|v| v["source"].as_str());
    match rule {
        Rule::Privileged => (service["privileged"] == true).then(|| format!("{name} is privileged")),
        Rule::DockerSocket => {
            let is = |path: &&str| ["docker.sock", "containerd.sock", "podman.sock"].iter().any(|s| path.ends_with(s));
            sources().find(is).map(|path| format!("{name} has the socket {path}"))
        }
        Rule::HostNamespaces => {
            let host =
                ["network_mode", "pid", "ipc", "uts", "userns_mode"].into_iter().find(|field| text(field) == "host");
            host.map(|field| format!("{name} has `{field}: host`"))
        }
        Rule::SystemPaths => {
            const SYSTEM: [&str; 9] =
                ["/etc", "/root", "/boot", "/usr", "/lib", "/proc", "/sys", "/dev", "/var/lib/docker"];
            let is = |path: &&str| {
                *path == "/"
                    || SYSTEM.iter().any(|s| path.strip_prefix(s).is_some_and(|r| r.is_empty() || r.starts_with('/')))
            };
            sources().find(is).map(|path| format!("{name} has the host's {path}"))
        }
        Rule::StrongCapabilities => {
            const STRONG: [&str; 6] = ["ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH"];
            let plain = |cap: &str| cap.to_uppercase().trim_start_matches("CAP_").to_owned();
            let mut added = list("cap_add").filter_map(Value::as_str);
            added
                .find(|cap| STRONG.contains(&plain(cap).as_str()))
                .map(|cap| format!("{name} adds the capability {cap}"))
        }
        Rule::NoMemoryLimit => {
            let limits = &service["deploy"]["resources"]["limits"];
            (service["mem_limit"].is_null() && limits["memory"].is_null())
                .then(|| format!("{name} has no limit of memory"))
        }
        Rule::NoPidsLimit => {
            let limits = &service["deploy"]["resources"]["limits"];
            let none = |limit: &Value| limit.as_i64().is_none_or(|most| most <= 0);
            (none(&service["pids_limit"]) && none(&limits["pids"])).then(|| format!("{name} has no limit of processes"))
        }
        Rule::PublishedPort => {
            let published = list("ports").find(|port| !port["target"].is_null());
            published.map(|port| format!("{name} publishes its port {}", port["target"]))
        }
        Rule::LeadsOut => {
            if !text("network_mode").is_empty() && text("network_mode") != "none" {
                return Some(format!("{name} has `network_mode: {}`", text("network_mode")));
            }
            let mut networks = service["networks"].as_object().into_iter().flatten();
            let out = networks.find(|(network, _)| model["networks"][network.as_str()]["internal"] != true);
            out.map(|(network, _)| format!("{name} is on the network {network}, which leads out"))
        }
        Rule::SecretInEnvironment => {
            let secrets = Secrets::default();
            let mut pairs = service["environment"].as_object().into_iter().flatten();
            let is = |(key, value): &(&String, &Value)| {
                secrets.is_secret(key) && value.as_str().is_some_and(|v| !v.is_empty())
            };
            pairs.find(is).map(|(key, _)| format!("{name} has the secret {key} in its environment"))
        }
        Rule::UnpinnedImage => {
            let image = text("image");
            let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
            let open = !image.is_empty() && !image.contains('@') && tag.is_none_or(|tag| tag == "latest");
            (open && service["build"].is_null())
                .then(|| format!("{name} has the image {image}, which may change any day"))
        }
        Rule::OpenPort => {
            let open = |port: &&Value| {
                !port["published"].is_null()
                    && port["host_ip"].as_str().is_none_or(|ip| matches!(ip, "" | "0.0.0.0" | "::"))
            };
            list("ports").find(open).map(|port| format!("{name} publishes port {} at all addresses", port["target"]))
        }
        Rule::NoHealthcheck => {
            let check = &service["healthcheck"];
            (check.is_null() || check["disable"] == true).then(|| format!("{name} has no healthcheck"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dangerous_is_named() {
        let model = serde_json::json!({ "services": {
            "good": {
                "image": "a:1", "deploy": {"resources": {"limits": {"memory": "64"}}}, "healthcheck": {"test": ["CMD", "true"]},
                "environment": {"MODE": "x"}, "ports": [{"target": 80, "published": "80", "host_ip": "127.0.0.1"}],
                "volumes": [{"type": "bind", "source": "/etcetera", "target": "/x"}, {"type": "volume", "source": "/etc"}],
                "pids_limit": 50, "networks": {"inside": null},
            },
            "bad": {
                "image": "host:5000/a", "privileged": true, "network_mode": "host", "cap_add": ["CAP_SYS_ADMIN"],
                "volumes": [{"type": "bind", "source": "/var/run/docker.sock"}, {"type": "bind", "source": "/etc/ssl"}],
                "environment": {"DB_PASSWORD": "x"}, "ports": [{"target": 80, "published": "80"}],
            },
        }, "networks": {"inside": {"internal": true}} });
        let all = [
            usual(),
            vec![
                Rule::NoMemoryLimit,
                Rule::SecretInEnvironment,
                Rule::UnpinnedImage,
                Rule::OpenPort,
                Rule::NoHealthcheck,
                Rule::NoPidsLimit,
                Rule::LeadsOut,
            ],
        ]
        .concat();
        let found = audit(&model, &all, &[]);
        assert!(found.iter().all(|words| words.starts_with("bad ")), "{found:#?}");
        assert_eq!(found.len(), all.len(), "{found:#?}");
        assert_eq!(audit(&model, &all, &["good".to_owned()]), [""; 0]);
        assert_eq!(audit(&model, &[Rule::PublishedPort], &["good".to_owned()]), ["good publishes its port 80"]);
    }
}
