//! How the world looks from inside a container: whether names are found there.

use std::net::IpAddr;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use crate::engine::ErrorKind;
use crate::sessions::Trial;
use crate::text::shell::quote;

use super::super::scene::{Known, Needs, Scene};
use super::{Entry, Found, LATE};

/// How long this machine may take to find a name.
const PATIENCE: Duration = Duration::from_secs(5);
/// The resolver that Docker itself has in containers of networks that were made.
const DOCKERS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 11));

pub(super) const CHECKS: &[Entry] = &[Entry {
    code: "DNS",
    title: "names inside containers",
    needs: Needs::Info,
    patience: LATE,
    look: |scene| dns_of(scene).boxed(),
}];

struct DnsFacts {
    /// What is looked for.
    name: String,
    /// What containers ask.
    resolvers: Vec<IpAddr>,
    /// Whether it is found inside.
    inside: bool,
    /// Whether this machine finds it; nothing where the engine is on another.
    outside: Option<bool>,
    proxy: bool,
}

/// The registry that the engine pulls from: what most need a name for.
fn registry(info: &Value) -> String {
    let mirror = info["RegistryConfig"]["Mirrors"][0].as_str();
    let address = mirror.or(info["IndexServerAddress"].as_str()).unwrap_or_default();
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() || host.parse::<IpAddr>().is_ok() { "docker.io".to_owned() } else { host.to_owned() }
}

async fn dns_of(scene: &Scene) -> Found {
    if !scene.ask.containers {
        return Found::skipped("it needs a container for a moment, which was not allowed");
    }
    let (engine, known) = match (scene.engine(), scene.info().await) {
        (Ok(engine), Ok(known)) => (engine, known),
        (Err(e), _) | (_, Err(e)) => return Found::skipped(e.message),
    };
    let image = match engine.helper_image().await {
        Ok(image) => image,
        Err(e) => return Found::skipped(format!("{}: {}", e.message, e.hint)),
    };
    if !engine.networks().await.is_ok_and(|all| all.iter().any(|n| n.name == "bridge")) {
        return Found::skipped("the engine has no default network");
    }
    let trial = match Trial::start(engine, &image, "dns", json!({ "HostConfig": { "NetworkMode": "bridge" } })).await {
        Ok(trial) => trial,
        Err(e) if e.kind == ErrorKind::Forbidden => return Found::skipped(e.message),
        Err(e) => {
            return Found::fail(format!("a container cannot be started: {}", e.message)).mend(if e.hint.is_empty() {
                "the engine's log has more: journalctl -u docker -n 50".to_owned()
            } else {
                e.hint
            });
        }
    };
    let name = registry(&known.raw);
    let word = quote(&name);
    let line = format!(
        "cat /etc/resolv.conf; echo ==; export RES_OPTIONS='timeout:2 attempts:2'; \
         if command -v getent >/dev/null; then timeout 8 getent hosts {word}; else timeout 8 nslookup {word}; fi"
    );
    let ran = trial.run(&line).await;
    let outside = outside(scene, known, &name);
    let ((), outside) = tokio::join!(trial.end(), outside);
    let ran = match ran {
        Ok(ran) => ran,
        Err(e) => return Found::skipped(format!("it could not be tried: {}", e.message)),
    };
    let proxy = known.raw["HttpProxy"].as_str().is_some_and(|p| !p.is_empty());
    let inside = ran.code == Some(0);
    dns(&DnsFacts { name, resolvers: resolvers(&String::from_utf8_lossy(&ran.out)), inside, outside, proxy })
}

/// Whether this machine finds a name, where it is the engine's.
async fn outside(scene: &Scene, known: &Known, name: &str) -> Option<bool> {
    if scene.elsewhere(known).is_some() {
        return None;
    }
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, 443))).await;
    Some(found.is_ok_and(|found| found.is_ok_and(|mut all| all.next().is_some())))
}

fn resolvers(text: &str) -> Vec<IpAddr> {
    let own = text.split("\n==").next().unwrap_or_default();
    let address = |line: &str| line.trim().strip_prefix("nameserver")?.trim().split('%').next()?.parse().ok();
    own.lines().filter_map(address).collect()
}

fn dns(facts: &DnsFacts) -> Found {
    let DnsFacts { name, .. } = facts;
    let asked: Vec<String> = facts.resolvers.iter().map(ToString::to_string).collect();
    let asked = if asked.is_empty() { "nobody".to_owned() } else { asked.join(", ") };
    if facts.inside {
        return Found::ok(format!("{name} is found inside a container, by asking {asked}"));
    }
    let own = "set \"dns\": [\"ADDRESS\"] in /etc/docker/daemon.json to a resolver that containers can reach, then restart the engine";
    if facts.resolvers.is_empty() {
        return Found::fail("containers have nobody to ask for names").mend(own);
    }
    let loopback = |ip: &&IpAddr| ip.is_loopback() && **ip != DOCKERS;
    if let Some(ip) = facts.resolvers.iter().find(loopback) {
        return Found::fail(format!("{name} is not found: containers ask {ip}, which inside is the container itself"))
            .mend(own);
    }
    let found = |said: String| match facts.outside {
        Some(true) => Found::fail(said),
        _ => Found::warn(said),
    };
    match facts.outside {
        Some(true) => found(format!("this machine finds {name}, containers do not: {asked} does not answer them"))
            .mend(format!("does a firewall keep the bridge from going out (see FORWARD)? else {own}")),
        Some(false) if facts.proxy => {
            Found::ok(format!("neither containers nor this machine find {name}; the engine pulls through a proxy"))
        }
        Some(false) => found(format!("neither containers (asking {asked}) nor this machine find {name}"))
            .mend("this machine is offline, or its own /etc/resolv.conf is wrong: mend that first"),
        None => found(format!("{name} is not found inside a container, which asks {asked}"))
            .mend(format!("does the engine's machine find it? if so, {own}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    fn facts(resolver: &str, inside: bool, outside: Option<bool>) -> DnsFacts {
        let resolvers = resolver.split_whitespace().map(|ip| ip.parse().unwrap()).collect();
        DnsFacts { name: "r.example".into(), resolvers, inside, outside, proxy: false }
    }

    #[test]
    fn who_does_not_find_names_is_told_apart() {
        let of = |resolver: &str, inside, outside| dns(&facts(resolver, inside, outside));
        assert_eq!(of("10.0.0.2", true, Some(true)).outcome, Outcome::Ok);
        let found = of("127.0.0.53", false, Some(true));
        assert!(found.outcome == Outcome::Fail && found.evidence.ends_with("which inside is the container itself"));
        assert!(found.fix.unwrap().words.contains("\"dns\""));
        let found = of("10.0.0.2", false, Some(true));
        assert_eq!(found.evidence, "this machine finds r.example, containers do not: 10.0.0.2 does not answer them");
        assert_eq!(of("127.0.0.11", false, Some(false)).outcome, Outcome::Warn, "that one is Docker's own");
        assert_eq!(of("", false, Some(true)).evidence, "containers have nobody to ask for names");
        assert_eq!(of("10.0.0.2", false, None).outcome, Outcome::Warn);
        assert_eq!(dns(&DnsFacts { proxy: true, ..facts("10.0.0.2", false, Some(false)) }).outcome, Outcome::Ok);
    }

    #[test]
    fn resolvers_are_read_and_registries_named() {
        let text = "# made\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\nsearch x\n==\nnameserver 9.9.9.9\n";
        assert_eq!(resolvers(text), ["10.0.0.2".parse::<IpAddr>().unwrap(), "fe80::1".parse().unwrap()]);
        assert_eq!(registry(&json!({"IndexServerAddress": "https://index.example/v1/"})), "index.example");
        assert_eq!(
            registry(&json!({"RegistryConfig": {"Mirrors": ["https://mirror.example:5000/"]}})),
            "mirror.example"
        );
        assert_eq!(registry(&json!({"IndexServerAddress": null})), "docker.io");
    }
}
