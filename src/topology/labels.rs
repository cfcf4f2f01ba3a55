//! What a container's `traefik.*` labels say, in the words of versions 2 and 3.

use std::collections::BTreeMap;

use crate::dockerfile::nearest;

/// What routers, services and middlewares are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Protocol {
    Http,
    Tcp,
    Udp,
}

impl Protocol {
    const ALL: [(&'static str, Self); 3] = [("http", Self::Http), ("tcp", Self::Tcp), ("udp", Self::Udp)];

    pub(super) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, p)| *p == self).map_or("http", |(w, _)| w)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Router {
    pub protocol: Protocol,
    pub name: String,
    pub rule: Option<String>,
    pub entry_points: Vec<String>,
    pub middlewares: Vec<String>,
    pub service: Option<String>,
    pub priority: Option<i64>,
    pub tls: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub protocol: Protocol,
    pub name: String,
    /// The label's value, when it is a port.
    pub port: Option<u16>,
    /// The label's value, when it is none.
    pub wrong_port: Option<String>,
    /// An address in place of the container's own.
    pub url: Option<String>,
}

/// A label that Traefik does not know, and what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub label: String,
    pub meant: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Labels {
    pub enable: Option<bool>,
    /// `traefik.docker.network`.
    pub network: Option<String>,
    pub routers: Vec<Router>,
    pub services: Vec<Service>,
    /// Names of middlewares that are made here.
    pub middlewares: Vec<(Protocol, String)>,
    pub wrong: Vec<Wrong>,
}

const FIRST: [&str; 8] = ["enable", "http", "tcp", "udp", "docker", "swarm", "tls", "tags"];
const KINDS: [&str; 4] = ["routers", "services", "middlewares", "serverstransports"];
const OF_ROUTER: [&str; 9] =
    ["rule", "rulesyntax", "entrypoints", "middlewares", "service", "priority", "tls", "observability", "parentrefs"];
const OF_SERVICE: [&str; 5] = ["loadbalancer", "weighted", "mirroring", "failover", "highestrandomweight"];
const OF_BALANCER: [&str; 12] = [
    "server",
    "servers",
    "healthcheck",
    "passivehealthcheck",
    "sticky",
    "passhostheader",
    "responseforwarding",
    "serverstransport",
    "proxyprotocol",
    "terminationdelay",
    "strategy",
    "url",
];
const OF_SERVER: [&str; 6] = ["port", "scheme", "url", "weight", "preservepath", "tls"];
const MIDDLEWARES: [&str; 27] = [
    "addprefix",
    "basicauth",
    "buffering",
    "chain",
    "circuitbreaker",
    "compress",
    "contenttype",
    "digestauth",
    "encodedcharacters",
    "errors",
    "forwardauth",
    "grpcweb",
    "headers",
    "inflightconn",
    "inflightreq",
    "ipallowlist",
    "ipwhitelist",
    "passtlsclientcert",
    "plugin",
    "ratelimit",
    "redirectregex",
    "redirectscheme",
    "replacepath",
    "replacepathregex",
    "retry",
    "stripprefix",
    "stripprefixregex",
];
const OF_DOCKER: [&str; 3] = ["network", "lbswarm", "allownonrunning"];

impl Labels {
    /// Whether there is any label for Traefik.
    pub(super) fn any(labels: &BTreeMap<String, String>) -> bool {
        labels.keys().any(|k| k.to_ascii_lowercase().starts_with("traefik."))
    }

    pub(super) fn read(labels: &BTreeMap<String, String>) -> Self {
        let mut read = Self::default();
        for (label, value) in labels {
            let parts: Vec<&str> = label.split('.').collect();
            if parts.len() >= 2 && parts[0].eq_ignore_ascii_case("traefik") {
                read.take(label, &parts, value.trim());
            }
        }
        read
    }

    fn take(&mut self, label: &str, parts: &[&str], value: &str) {
        let lower: Vec<String> = parts.iter().map(|p| bare(p)).collect();
        // What version 1 had: nothing of it works now.
        if let old @ ("frontend" | "frontends" | "backend" | "port" | "protocol" | "weight" | "basic") =
            lower[1].as_str()
        {
            let meant = match old {
                "port" => "traefik.http.services.NAME.loadbalancer.server.port",
                "backend" => "traefik.http.routers.NAME.service",
                _ => "traefik.http.routers.NAME.rule",
            };
            self.wrong.push(Wrong { label: label.to_owned(), meant: Some(meant.to_owned()) });
            return;
        }
        if !self.known(label, &lower, 1, &FIRST) {
            return;
        }
        match lower[1].as_str() {
            "enable" => self.enable = truth(value),
            "docker" | "swarm" if self.known(label, &lower, 2, &OF_DOCKER) && lower[2] == "network" => {
                self.network = Some(value.to_owned()).filter(|v| !v.is_empty());
            }
            word => {
                if let Some((_, protocol)) = Protocol::ALL.iter().find(|(w, _)| *w == word) {
                    self.of_protocol(*protocol, label, parts, &lower, value);
                }
            }
        }
    }

    /// Whether the part of a label is one of those that can stand there; else it is noted, with the nearest.
    fn known(&mut self, label: &str, lower: &[String], at: usize, words: &[&str]) -> bool {
        let word = lower.get(at).map_or("", String::as_str);
        if words.contains(&word) {
            return true;
        }
        let meant = nearest(word, words.iter().copied()).map(|near| {
            let mut parts: Vec<&str> = label.split('.').collect();
            parts[at] = near;
            parts.join(".")
        });
        self.wrong.push(Wrong { label: label.to_owned(), meant });
        false
    }

    fn of_protocol(&mut self, protocol: Protocol, label: &str, parts: &[&str], lower: &[String], value: &str) {
        if !self.known(label, lower, 2, &KINDS) {
            return;
        }
        let (Some(name), Some(field)) = (parts.get(3).filter(|n| !n.is_empty()), lower.get(4)) else {
            self.wrong.push(Wrong { label: label.to_owned(), meant: None });
            return;
        };
        match lower[2].as_str() {
            "routers" if self.known(label, lower, 4, &OF_ROUTER) => {
                let router = self.router(protocol, name);
                match field.as_str() {
                    "rule" => router.rule = Some(value.to_owned()),
                    "entrypoints" => router.entry_points.extend(list(value)),
                    "middlewares" => router.middlewares.extend(list(value)),
                    "service" => router.service = Some(value.to_owned()).filter(|v| !v.is_empty()),
                    "priority" => router.priority = value.parse().ok(),
                    "tls" => router.tls |= lower.len() > 5 || truth(value) == Some(true),
                    _ => {}
                }
            }
            "services" if self.known(label, lower, 4, &OF_SERVICE) => {
                let balancer = field == "loadbalancer";
                if balancer && !self.known(label, lower, 5, &OF_BALANCER) {
                    return;
                }
                let server = balancer && matches!(lower[5].as_str(), "server" | "servers");
                if server && !self.known(label, lower, 6, &OF_SERVER) {
                    return;
                }
                let service = self.service(protocol, name);
                match lower.get(6).map(String::as_str).filter(|_| server) {
                    Some("port") => match value.parse() {
                        Ok(port) if port > 0 => service.port = Some(port),
                        _ => service.wrong_port = Some(value.to_owned()),
                    },
                    Some("url") => service.url = Some(value.to_owned()),
                    _ => {}
                }
            }
            "middlewares" if self.known(label, lower, 4, &MIDDLEWARES) => {
                let one = (protocol, (*name).to_owned());
                if !self.middlewares.contains(&one) {
                    self.middlewares.push(one);
                }
            }
            _ => {}
        }
    }

    fn router(&mut self, protocol: Protocol, name: &str) -> &mut Router {
        let at = self.routers.iter().position(|r| r.protocol == protocol && r.name == name).unwrap_or_else(|| {
            self.routers.push(Router {
                protocol,
                name: name.to_owned(),
                rule: None,
                entry_points: Vec::new(),
                middlewares: Vec::new(),
                service: None,
                priority: None,
                tls: false,
            });
            self.routers.len() - 1
        });
        &mut self.routers[at]
    }

    fn service(&mut self, protocol: Protocol, name: &str) -> &mut Service {
        let at = self.services.iter().position(|s| s.protocol == protocol && s.name == name).unwrap_or_else(|| {
            let name = name.to_owned();
            self.services.push(Service { protocol, name, port: None, wrong_port: None, url: None });
            self.services.len() - 1
        });
        &mut self.services[at]
    }
}

/// A part of a label in small letters, without the number of a list's item: `entryPoints[0]`.
fn bare(part: &str) -> String {
    part.split('[').next().unwrap_or(part).to_ascii_lowercase()
}

fn list(value: &str) -> impl Iterator<Item = String> + '_ {
    value.split(',').map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
}

/// What counts as yes and no there.
pub(super) fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" => Some(true),
        "false" | "0" | "f" => Some(false),
        _ => None,
    }
}

/// A name as Traefik makes it of a container's: letters and digits, with `-` between them.
pub(super) fn normal(name: &str) -> String {
    name.split(|c: char| !c.is_alphanumeric()).filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(labels: &[(&str, &str)]) -> Labels {
        Labels::read(&labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn a_router_is_read_with_all_that_it_has() {
        let read = read(&[
            ("traefik.enable", "true"),
            ("traefik.docker.network", "proxy"),
            ("traefik.http.routers.shop.rule", "Host(`shop.example.com`) && PathPrefix(`/api.v1`)"),
            ("traefik.http.routers.shop.entrypoints", "web, websecure"),
            ("traefik.http.routers.shop.middlewares", "auth@file,strip"),
            ("traefik.http.routers.shop.service", "api"),
            ("traefik.http.routers.shop.priority", "42"),
            ("traefik.http.routers.shop.tls.certresolver", "le"),
            ("traefik.http.services.api.loadbalancer.server.port", "8000"),
            ("traefik.http.middlewares.strip.stripprefix.prefixes", "/api"),
            ("com.example.traefik.enable", "false"),
        ]);
        assert_eq!((read.enable, read.network.as_deref()), (Some(true), Some("proxy")));
        assert_eq!(
            read.routers,
            [Router {
                protocol: Protocol::Http,
                name: "shop".into(),
                rule: Some("Host(`shop.example.com`) && PathPrefix(`/api.v1`)".into()),
                entry_points: vec!["web".into(), "websecure".into()],
                middlewares: vec!["auth@file".into(), "strip".into()],
                service: Some("api".into()),
                priority: Some(42),
                tls: true,
            }]
        );
        assert_eq!((read.services[0].name.as_str(), read.services[0].port), ("api", Some(8000)));
        assert_eq!(read.middlewares, [(Protocol::Http, "strip".to_owned())]);
        assert_eq!(read.wrong, []);
    }

    #[test]
    fn letters_of_any_size_lists_with_numbers_and_other_protocols_are_read() {
        let read = read(&[
            ("Traefik.Enable", "1"),
            ("traefik.HTTP.Routers.Shop.EntryPoints[0]", "web"),
            ("traefik.http.routers.Shop.entryPoints[1]", "other"),
            ("traefik.tcp.routers.db.rule", "HostSNI(`*`)"),
            ("traefik.tcp.routers.db.tls", "false"),
            ("traefik.tcp.services.db.loadbalancer.server.port", "5432"),
            ("traefik.udp.routers.dns.entrypoints", "dns"),
            ("traefik.http.services.far.loadbalancer.server.url", "http://192.0.2.1:80"),
        ]);
        let routers: Vec<_> = read.routers.iter().map(|r| (r.protocol.word(), r.name.as_str(), r.tls)).collect();
        assert_eq!(routers, [("http", "Shop", false), ("tcp", "db", false), ("udp", "dns", false)]);
        assert_eq!((read.enable, read.routers[0].entry_points.join("+")), (Some(true), "web+other".into()));
        assert_eq!(read.services.iter().filter(|s| s.url.is_some()).count(), 1);
        assert_eq!(read.wrong, []);
    }

    #[test]
    fn what_traefik_does_not_know_is_told_with_what_was_meant() {
        for (label, meant) in [
            ("traefik.http.router.shop.rule", Some("traefik.http.routers.shop.rule")),
            ("traefik.http.routers.shop.rules", Some("traefik.http.routers.shop.rule")),
            ("traefik.http.routers.shop.entrypoint", Some("traefik.http.routers.shop.entrypoints")),
            (
                "traefik.http.service.shop.loadbalancer.server.port",
                Some("traefik.http.services.shop.loadbalancer.server.port"),
            ),
            (
                "traefik.http.services.shop.loadbalancers.server.port",
                Some("traefik.http.services.shop.loadbalancer.server.port"),
            ),
            ("traefik.http.services.shop.loadbalancer.port", None),
            (
                "traefik.http.services.shop.loadbalancer.server.ports",
                Some("traefik.http.services.shop.loadbalancer.server.port"),
            ),
            ("traefik.http.middlewares.a.basicauths.users", Some("traefik.http.middlewares.a.basicauth.users")),
            ("traefik.enabled", Some("traefik.enable")),
            ("traefik.htpp.routers.a.rule", Some("traefik.http.routers.a.rule")),
            ("traefik.docker.networks", Some("traefik.docker.network")),
            ("traefik.frontend.rule", Some("traefik.http.routers.NAME.rule")),
            ("traefik.port", Some("traefik.http.services.NAME.loadbalancer.server.port")),
            ("traefik.http.routers", None),
            ("traefik.http.routers..rule", None),
            ("traefik.http", None),
            ("traefik.zzzzzz", None),
        ] {
            let read = read(&[(label, "x")]);
            let told: Vec<_> = read.wrong.iter().map(|w| (w.label.as_str(), w.meant.as_deref())).collect();
            assert_eq!(told, [(label, meant)]);
            assert_eq!(read.routers, [], "{label}");
        }
        assert_eq!(read(&[("traefik", "x"), ("traefikx.enable", "x"), ("", "x")]), Labels::default());
    }

    #[test]
    fn values_that_are_none_are_kept_apart() {
        let read = read(&[
            ("traefik.enable", "yes"),
            ("traefik.http.services.a.loadbalancer.server.port", "http"),
            ("traefik.http.services.b.loadbalancer.server.port", "0"),
            ("traefik.http.routers.a.priority", "high"),
            ("traefik.http.routers.a.entrypoints", " , "),
        ]);
        assert_eq!((read.enable, read.routers[0].priority, read.routers[0].entry_points.len()), (None, None, 0));
        assert_eq!(
            read.services.iter().map(|s| s.wrong_port.as_deref()).collect::<Vec<_>>(),
            [Some("http"), Some("0")]
        );
    }

    #[test]
    fn names_become_what_traefik_makes_of_them() {
        assert_eq!([normal("web_shop"), normal("my.app/x"), normal("_a__b-")], ["web-shop", "my-app-x", "a-b"]);
    }
}
