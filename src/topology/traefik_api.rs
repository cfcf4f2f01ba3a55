//! What a Traefik says of itself, where its API answers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::model::Container;
use crate::engine::request::{Ask, Reach, Silence};
use crate::text::clean;

use super::labels::Protocol;

/// How long an answer may take: this is one's own network.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pages that are asked for at most, of 100 entries each.
const PAGES: u32 = 20;

/// What it has.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    pub routers: Vec<SaidRouter>,
    /// Addresses that services send to, by `name@provider`.
    pub services: BTreeMap<(Protocol, String), Vec<String>>,
    pub middlewares: Vec<(Protocol, String)>,
    pub entry_points: Vec<String>,
}

/// A router that it has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SaidRouter {
    pub protocol: Protocol,
    /// `shop@docker`.
    pub name: String,
    pub rule: String,
    pub entry_points: Vec<String>,
    pub middlewares: Vec<String>,
    pub service: String,
    pub tls: bool,
    /// What it complains of.
    pub errors: Vec<String>,
    /// Whether it does not use it.
    pub disabled: bool,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawRouter {
    name: String,
    rule: String,
    entry_points: Option<Vec<String>>,
    middlewares: Option<Vec<String>>,
    service: String,
    tls: Option<serde_json::Value>,
    error: Option<Vec<String>>,
    status: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawService {
    name: String,
    load_balancer: Option<RawBalancer>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawBalancer {
    servers: Option<Vec<RawServer>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawServer {
    url: String,
    address: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawNamed {
    name: String,
}

/// Asks a Traefik's API for all that it has.
///
/// # Errors
/// Why it does not answer, in words.
pub(super) async fn ask(engine: &Engine, container: &Container, port: u16) -> Result<Said, String> {
    let way = Reach::of(engine.endpoint(), container, port).map_err(|e| e.to_string())?;
    let client = Asking { engine, way, port };
    let mut said = Said::default();
    let points: Vec<RawNamed> = client.all("/api/entrypoints").await?;
    said.entry_points = points.into_iter().map(|p| clean(&p.name).into_owned()).collect();
    for protocol in [Protocol::Http, Protocol::Tcp, Protocol::Udp] {
        let word = protocol.word();
        let routers: Vec<RawRouter> = client.all(&format!("/api/{word}/routers")).await?;
        said.routers.extend(routers.into_iter().map(|r| router(protocol, r)));
        let services: Vec<RawService> = client.all(&format!("/api/{word}/services")).await?;
        for service in services {
            let servers = service.load_balancer.unwrap_or_default().servers.unwrap_or_default();
            let at = servers.into_iter().map(|s| if s.url.is_empty() { s.address } else { s.url });
            let at = at.map(|a| clean(&a).into_owned()).collect();
            said.services.insert((protocol, clean(&service.name).into_owned()), at);
        }
        if protocol != Protocol::Udp {
            let middlewares: Vec<RawNamed> = client.all(&format!("/api/{word}/middlewares")).await?;
            said.middlewares.extend(middlewares.into_iter().map(|m| (protocol, clean(&m.name).into_owned())));
        }
    }
    Ok(said)
}

fn router(protocol: Protocol, raw: RawRouter) -> SaidRouter {
    let list = |all: Option<Vec<String>>| -> Vec<String> {
        all.unwrap_or_default().iter().map(|t| clean(t).into_owned()).collect()
    };
    SaidRouter {
        protocol,
        name: clean(&raw.name).into_owned(),
        rule: clean(&raw.rule).into_owned(),
        entry_points: list(raw.entry_points),
        middlewares: list(raw.middlewares),
        service: clean(&raw.service).into_owned(),
        tls: raw.tls.is_some_and(|t| !t.is_null()),
        errors: list(raw.error),
        disabled: raw.status == "disabled",
    }
}

/// The address and port that a service's server stands for: `http://172.18.0.3:80`, `172.18.0.3:5432`.
pub(super) fn server(text: &str) -> Option<(IpAddr, u16)> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let rest = rest.split('/').next()?;
    if let Ok(at) = rest.parse::<std::net::SocketAddr>() {
        return Some((at.ip(), at.port()));
    }
    let usual = if scheme == "https" { 443 } else { 80 };
    rest.trim_matches(['[', ']']).parse().ok().map(|ip| (ip, usual))
}

struct Asking<'a> {
    engine: &'a Engine,
    way: Reach,
    port: u16,
}

impl Asking<'_> {
    /// All entries of a list, page by page.
    async fn all<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<Vec<T>, String> {
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let path = format!("{path}?page={page}&per_page=100");
            let ask = Ask { method: "GET".to_owned(), path: path.clone(), port: self.port, ..Ask::default() };
            let answer = self.engine.request_within(&self.way, &ask, PATIENCE).await.map_err(|e| words(&e))?;
            if answer.code != 200 {
                return Err(format!("{path} answers {}", clean(&answer.status)));
            }
            if answer.cut {
                return Err(format!("the answer of {path} is too long"));
            }
            let items: Vec<T> = serde_json::from_slice(&answer.body)
                .map_err(|e| format!("the answer of {path} is not understood: {}", clean(&e.to_string())))?;
            all.extend(items);
            let next = answer.headers.iter().find(|(name, _)| name == "x-next-page").map(|(_, v)| v.trim().to_owned());
            // After the last it names the first.
            if next.and_then(|n| n.parse::<u32>().ok()).is_none_or(|n| n <= page) {
                break;
            }
        }
        Ok(all)
    }
}

fn words(silence: &Silence) -> String {
    match silence {
        Silence::Refused => "nothing listens there".to_owned(),
        Silence::Slow => "it does not answer in time".to_owned(),
        Silence::Broke(why) => clean(why).into_owned(),
        Silence::NoWay(error) => error.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_addresses_and_ports() {
        for (text, expected) in [
            ("http://172.18.0.3:8000", Some("172.18.0.3:8000")),
            ("https://172.18.0.3", Some("172.18.0.3:443")),
            ("http://[fd00::3]:80/x", Some("[fd00::3]:80")),
            ("172.18.0.3:5432", Some("172.18.0.3:5432")),
            ("http://example.com:80", None),
            ("", None),
        ] {
            let found = server(text).map(|(ip, port)| std::net::SocketAddr::new(ip, port).to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_router_is_read_whatever_is_missing_and_made_harmless() {
        let raw: RawRouter = serde_json::from_str(
            r#"{"name":"a@docker","rule":"Host(`x\u001b[2J`)","entryPoints":null,"status":"disabled","error":["no\u0007"]}"#,
        )
        .unwrap();
        let read = router(Protocol::Http, raw);
        assert_eq!((read.rule.as_str(), read.errors[0].as_str(), read.disabled), ("Host(`x·[2J`)", "no·", true));
        let raw: RawRouter = serde_json::from_str(r#"{"name":"b@file","tls":{},"using":["web"],"new":1}"#).unwrap();
        assert!(router(Protocol::Http, raw).tls);
    }
}
