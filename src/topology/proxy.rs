//! A Traefik: which container is one, and how it was told to work (file, arguments, environment).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::Engine;
use crate::engine::model::{Container, Id, Inspection};

use super::labels::{normal, truth};

/// The most of a config file that is read.
const LARGEST: usize = 256 << 10;
/// Where it looks for one by itself.
const USUAL: [&str; 3] = ["/etc/traefik/traefik.yml", "/etc/traefik/traefik.yaml", "/etc/traefik/traefik.toml"];

/// A Traefik and what it was told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Proxy {
    pub id: Id,
    pub name: String,
    pub up: bool,
    /// Names and addresses of its entry points.
    pub entry_points: BTreeMap<String, String>,
    pub exposed_by_default: bool,
    /// The network it takes where containers say nothing.
    pub network: Option<String>,
    pub default_rule: String,
    /// Which containers it looks at, as it was told.
    pub constraints: Option<String>,
    /// The engine it asks: `unix:///var/run/docker.sock` where nothing else is said.
    pub endpoint: String,
    /// Whether the engine's socket is mounted.
    pub has_socket: bool,
    /// Whether it knows the host by name, for containers on the host's network.
    pub knows_host: bool,
    /// The port its API answers at without a router; `None` when it is closed.
    pub api_port: Option<u16>,
    /// Whether it looks at containers at all.
    pub sees_docker: bool,
    /// Something could not be read.
    pub notes: Vec<String>,
}

/// Whether a container is a Traefik, of what a listing tells.
pub(super) fn is_traefik(container: &Container) -> bool {
    let title =
        container.labels.get("org.opencontainers.image.title").is_some_and(|t| t.eq_ignore_ascii_case("traefik"));
    let command = container.command.to_ascii_lowercase();
    title
        || image_name(&container.image) == "traefik"
        || ["--providers.docker", "--providers.swarm", "--entrypoints."].iter().any(|flag| command.contains(flag))
}

/// The last part of an image's name, without its tag.
pub(super) fn image_name(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let name = name.rsplit('/').next().unwrap_or(name);
    name.split(':').next().unwrap_or(name)
}

/// Whether the engine's socket is mounted, and where from.
pub(super) fn socket(container: &Container) -> Option<&crate::engine::model::Mount> {
    container.mounts.iter().find(|m| m.source.ends_with("docker.sock") || m.target.ends_with("docker.sock"))
}

/// Reads how a Traefik was told to work.
pub(super) async fn read(engine: &Engine, inspection: &Inspection) -> Proxy {
    let words = arguments(&inspection.raw);
    let told = flags(&words);
    let environment = environment(&inspection.env);
    let named = told.get("configfile").or_else(|| environment.get("configfile")).cloned();
    let mut notes = Vec::new();
    let mut settings = None;
    let paths: Vec<&str> = named.as_deref().map_or_else(|| USUAL.to_vec(), |p| vec![p]);
    for path in paths {
        match engine.file_start(&inspection.container.id, path, LARGEST).await {
            Ok(Some(bytes)) => match of_file(path, &bytes) {
                Ok(read) => {
                    settings = Some(read);
                    break;
                }
                Err(why) => notes.push(format!("{path} of {} is not understood: {why}", inspection.container.name)),
            },
            Ok(None) if named.is_some() => {
                notes.push(format!("{} is told to read {path}, which it does not have", inspection.container.name));
            }
            Ok(None) => {}
            Err(e) => notes.push(format!("{path} of {} cannot be read: {e}", inspection.container.name)),
        }
    }
    // It takes the first of these that says anything, and does not mix them.
    let said = |map: &BTreeMap<String, String>| map.keys().any(|k| k != "configfile");
    let settings = settings.unwrap_or_else(|| if said(&told) { told } else { environment });
    let mut proxy = Proxy::of(&inspection.container, &settings);
    let hosts = inspection.raw.pointer("/HostConfig/ExtraHosts").and_then(Value::as_array).into_iter().flatten();
    proxy.knows_host = hosts.filter_map(Value::as_str).any(|h| h.starts_with("host.docker.internal"));
    proxy.notes.extend(notes.iter().map(|n| crate::text::clean(n).into_owned()));
    proxy
}

impl Proxy {
    /// A Traefik with these settings, whose names are in small letters: `entrypoints.web.address`.
    pub(super) fn of(container: &Container, settings: &BTreeMap<String, String>) -> Self {
        let get = |key: &str| settings.get(key).map(|v| crate::text::clean(v).into_owned()).filter(|v| !v.is_empty());
        let on = |key: &str| settings.get(key).is_some_and(|v| v.is_empty() || truth(v) == Some(true));
        let mut entry_points = BTreeMap::new();
        for (key, value) in settings {
            let Some((name, field)) = key.strip_prefix("entrypoints.").and_then(|k| k.split_once('.')) else {
                continue;
            };
            let address = entry_points.entry(crate::text::clean(name).into_owned()).or_insert_with(String::new);
            if field == "address" {
                *address = crate::text::clean(value).into_owned();
            }
        }
        if entry_points.keys().all(|name| name == "traefik") {
            entry_points.insert("http".to_owned(), ":80".to_owned());
        }
        let insecure = on("api.insecure");
        if insecure {
            entry_points.entry("traefik".to_owned()).or_insert_with(|| ":8080".to_owned());
        }
        let api_port = insecure.then(|| port_of(&entry_points["traefik"])).flatten();
        let docker =
            |key: &str| get(&format!("providers.docker.{key}")).or_else(|| get(&format!("providers.swarm.{key}")));
        Self {
            id: container.id.clone(),
            name: container.name.clone(),
            up: container.state == crate::engine::model::State::Running,
            entry_points,
            exposed_by_default: docker("exposedbydefault").and_then(|v| truth(&v)).unwrap_or(true),
            network: docker("network"),
            default_rule: docker("defaultrule").unwrap_or_else(|| "Host(`{{ normalize .Name }}`)".to_owned()),
            constraints: docker("constraints"),
            endpoint: docker("endpoint").unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned()),
            has_socket: socket(container).is_some(),
            knows_host: false,
            api_port,
            sees_docker: settings.keys().any(|k| k.starts_with("providers.docker") || k.starts_with("providers.swarm")),
            notes: Vec::new(),
        }
    }

    /// The rule of a router that says none.
    pub(super) fn rule_for(&self, name: &str, container: &str) -> String {
        let mut rule = self.default_rule.clone();
        for (from, to) in [
            ("{{ normalize .Name }}", normal(name)),
            ("{{normalize .Name}}", normal(name)),
            ("{{ .Name }}", name.to_owned()),
            ("{{.Name}}", name.to_owned()),
            ("{{ .ContainerName }}", container.to_owned()),
            ("{{ normalize .ContainerName }}", normal(container)),
        ] {
            rule = rule.replace(from, &to);
        }
        rule
    }

    /// The name of an entry point as it has it; letters of any size count as the same.
    pub(super) fn entry_point(&self, name: &str) -> Option<&str> {
        self.entry_points.keys().find(|k| k.eq_ignore_ascii_case(name)).map(String::as_str)
    }
}

/// The port of `:8080`, `127.0.0.1:8080/tcp`, `[::1]:80`.
fn port_of(address: &str) -> Option<u16> {
    address.split('/').next()?.rsplit(':').next()?.parse().ok()
}

/// What a container was started with, as words.
fn arguments(raw: &Value) -> Vec<String> {
    let words = raw.get("Args").and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Flags as settings. A shell's line within one word counts, too: some start it by `sh -c`.
fn flags(words: &[String]) -> BTreeMap<String, String> {
    let mut all: Vec<String> = Vec::new();
    for word in words {
        if word.contains(" --") && !word.starts_with("--") {
            all.extend(crate::text::shell::words(word).unwrap_or_else(|_| vec![word.clone()]));
        } else {
            all.push(word.clone());
        }
    }
    let mut found = BTreeMap::new();
    let mut words = all.iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (key, value) = match flag.split_once('=') {
            Some((key, value)) => (key, value.to_owned()),
            None => (flag, words.next_if(|next| !next.starts_with('-')).cloned().unwrap_or_default()),
        };
        if !key.is_empty() {
            found.insert(key.to_ascii_lowercase(), value);
        }
    }
    found
}

/// Variables as settings: `TRAEFIK_ENTRYPOINTS_WEB_ADDRESS`.
fn environment(env: &[String]) -> BTreeMap<String, String> {
    env.iter()
        .filter_map(|line| line.split_once('='))
        .filter_map(|(name, value)| {
            let key = name.strip_prefix("TRAEFIK_")?.to_ascii_lowercase().replace('_', ".");
            Some((key, value.to_owned()))
        })
        .collect()
}

/// A config file as settings.
fn of_file(path: &str, bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
    let value: Value = if path.to_ascii_lowercase().ends_with(".toml") {
        toml::from_str(text).map_err(|e| e.to_string())?
    } else {
        serde_yaml::from_str(text).map_err(|e| e.to_string())?
    };
    let mut found = BTreeMap::new();
    flatten(&value, String::new(), &mut found);
    Ok(found)
}

fn flatten(value: &Value, at: String, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            // `docker: {}` says something, too.
            if map.is_empty() && !at.is_empty() {
                into.insert(at.clone(), String::new());
            }
            for (key, value) in map {
                let key = key.to_ascii_lowercase();
                flatten(value, if at.is_empty() { key } else { format!("{at}.{key}") }, into);
            }
        }
        Value::Array(items) => {
            let words: Vec<String> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            into.insert(at, words.join(","));
        }
        Value::Null => drop(into.insert(at, String::new())),
        Value::String(text) => drop(into.insert(at, text.clone())),
        other => drop(into.insert(at, other.to_string())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::container;
    use super::*;

    fn of(settings: &BTreeMap<String, String>) -> Proxy {
        Proxy::of(&container("traefik"), settings)
    }

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn a_traefik_is_told_by_its_image_its_title_or_its_command() {
        let named = |image: &str, command: &str| {
            is_traefik(&Container { image: image.into(), command: command.into(), ..container("x") })
        };
        assert!(named("traefik:v3.1", "") && named("docker.io/library/traefik@sha256:00", ""));
        assert!(
            named("sha256:12", "/entrypoint.sh --providers.docker=true")
                && named("x", "x --entryPoints.web.address=:80")
        );
        assert!(!named("traefik/whoami", "/whoami") && !named("thomseddon/traefik-forward-auth:2", ""));
    }

    #[test]
    fn arguments_environment_and_files_say_the_same() {
        let flags = flags(&words(&[
            "--providers.docker",
            "--providers.docker.exposedByDefault=false",
            "--providers.docker.network",
            "proxy",
            "--entryPoints.web.address=:80",
            "--entrypoints.websecure.address=:443/tcp",
            "--api.insecure=true",
        ]));
        let env = environment(&words(&[
            "TRAEFIK_PROVIDERS_DOCKER=true",
            "TRAEFIK_PROVIDERS_DOCKER_EXPOSEDBYDEFAULT=false",
            "TRAEFIK_PROVIDERS_DOCKER_NETWORK=proxy",
            "TRAEFIK_ENTRYPOINTS_WEB_ADDRESS=:80",
            "TRAEFIK_ENTRYPOINTS_WEBSECURE_ADDRESS=:443/tcp",
            "TRAEFIK_API_INSECURE=true",
            "PATH=/bin",
        ]));
        let yaml = "providers:\n  docker:\n    exposedByDefault: false\n    network: proxy\napi: {insecure: true}\n\
             entryPoints:\n  web:\n    address: ':80'\n  websecure:\n    address: ':443/tcp'\n";
        let toml = "[providers.docker]\nexposedByDefault = false\nnetwork = \"proxy\"\n[api]\ninsecure = true\n\
             [entryPoints.web]\naddress = \":80\"\n[entryPoints.websecure]\naddress = \":443/tcp\"\n";
        let first = of(&flags);
        assert_eq!(first.entry_points.keys().map(String::as_str).collect::<Vec<_>>(), ["traefik", "web", "websecure"]);
        assert_eq!(
            (first.exposed_by_default, first.network.as_deref(), first.api_port),
            (false, Some("proxy"), Some(8080))
        );
        assert!(first.sees_docker);
        for other in [env, of_file("a.yml", yaml.as_bytes()).unwrap(), of_file("a.toml", toml.as_bytes()).unwrap()] {
            assert_eq!(of(&other), first);
        }
        assert!(
            of_file("a.yml", b"a: [").is_err()
                && of_file("a.toml", b"a = ").is_err()
                && of_file("a.yml", b"\xff").is_err()
        );
    }

    #[test]
    fn what_is_not_said_is_as_traefik_takes_it() {
        let plain = of(&BTreeMap::new());
        assert_eq!(plain.entry_points, BTreeMap::from([("http".to_owned(), ":80".to_owned())]));
        assert_eq!((plain.exposed_by_default, plain.api_port, plain.sees_docker), (true, None, false));
        assert_eq!(plain.rule_for("web_shop", "shop-web-1"), "Host(`web-shop`)");
        let moved = of(&flags(&words(&["--api.insecure", "--entrypoints.traefik.address=127.0.0.1:9000"])));
        assert_eq!(moved.api_port, Some(9000));
        assert_eq!(moved.entry_point("HTTP"), Some("http"));
        let by_shell = flags(&words(&["-c", "exec traefik --entrypoints.web.address=:81 --api.insecure=false"]));
        assert_eq!((of(&by_shell).entry_points["web"].as_str(), of(&by_shell).api_port), (":81", None));
    }
}
