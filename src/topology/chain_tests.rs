#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::super::testing::{attached, bridge, container, port, service};
use super::*;
use crate::engine::model::{Mount, Network};

/// A Traefik with its socket, on these networks.
fn traefik(networks: &[(&Network, u8)], settings: &[(&str, &str)]) -> (Container, Proxy) {
    let mut made = attached(container("traefik"), networks);
    made.image = "traefik:v3".into();
    made.mounts = vec![Mount {
        kind: "bind".into(),
        name: None,
        source: "/var/run/docker.sock".into(),
        target: "/var/run/docker.sock".into(),
        writable: false,
    }];
    let mut all: BTreeMap<String, String> = [
        ("providers.docker.exposedbydefault", "false"),
        ("entrypoints.web.address", ":80"),
        ("entrypoints.websecure.address", ":443"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into();
    all.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    let proxy = Proxy::of(&made, &all);
    (made, proxy)
}

/// An app with a router of its name, and what else its labels say.
fn app(name: &str, networks: &[(&Network, u8)], labels: &[(&str, &str)]) -> Container {
    let mut made = attached(container(name), networks);
    made.ports = vec![port(None, 8000)];
    let mut all = BTreeMap::from([
        ("traefik.enable".to_owned(), "true".to_owned()),
        (format!("traefik.http.routers.{name}.rule"), format!("Host(`{name}.example.com`)")),
    ]);
    for (label, value) in labels {
        all.insert((*label).to_owned(), (*value).to_owned());
    }
    made.labels = all;
    made
}

struct Stage {
    containers: Vec<Container>,
    networks: Vec<Network>,
    proxies: Vec<Proxy>,
    sockets: Vec<SocketProxy>,
    said: HashMap<Id, Said>,
    listeners: HashMap<Id, Vec<Listener>>,
}

impl Stage {
    fn of(networks: &[&Network], traefik: (Container, Proxy), apps: &[&Container]) -> Self {
        Self {
            containers: std::iter::once(traefik.0).chain(apps.iter().map(|c| (*c).clone())).collect(),
            networks: networks.iter().map(|n| (*n).clone()).collect(),
            proxies: vec![traefik.1],
            sockets: vec![],
            said: HashMap::new(),
            listeners: HashMap::new(),
        }
    }

    fn routes(&self) -> Vec<Route> {
        let map = Map { containers: self.containers.iter().collect(), networks: self.networks.iter().collect() };
        lay(&Scene {
            map: &map,
            proxies: &self.proxies,
            socket_proxies: &self.sockets,
            said: &self.said,
            listeners: &self.listeners,
        })
    }

    /// `router container:port network codes`, one line each.
    fn said(&self) -> Vec<String> {
        let line = |r: &Route| {
            let codes: Vec<&str> = r.obstacles.iter().map(|o| o.code).collect();
            let port = r.port.map_or_else(String::new, |p| format!(":{p}"));
            let network = r.network.as_deref().unwrap_or("-");
            format!("{} {}{port} {network} {}", r.router, r.container_name, codes.join(",")).trim().to_owned()
        };
        self.routes().iter().map(line).collect()
    }
}

#[test]
fn an_app_that_is_right_has_nothing_in_its_way() {
    let net = bridge("proxy", 20);
    let shop = app("shop", &[(&net, 3)], &[("traefik.http.routers.shop.entrypoints", "web")]);
    let stage = Stage::of(&[&net], traefik(&[(&net, 2)], &[]), &[&shop]);
    assert_eq!(stage.said(), ["shop shop:8000 proxy"]);
    let route = &stage.routes()[0];
    assert_eq!(
        (route.service.as_str(), route.proxy.as_deref(), route.rule.as_str()),
        ("shop", Some("traefik"), "Host(`shop.example.com`)")
    );
}

#[test]
fn each_mistake_has_its_name() {
    let (net, other, socket) = (bridge("proxy", 20), bridge("other", 21), bridge("shop_front", 22));
    let far = app("far", &[(&other, 3)], &[]);
    let mut bare = attached(container("bare"), &[(&net, 4)]);
    bare.ports = vec![port(None, 80)];
    let mut database = attached(container("database"), &[(&net, 5)]);
    database.ports = vec![port(None, 5432)];
    let wrong = app("wrong", &[(&net, 6), (&other, 6)], &[("traefik.docker.network", "other")]);
    let chance = app("chance", &[(&net, 7), (&other, 7)], &[]);
    let mut prefix = app("prefix", &[(&socket, 3)], &[("traefik.docker.network", "front")]);
    prefix.labels.insert("com.docker.compose.project".into(), "shop".into());
    let mut portless = app("portless", &[(&net, 8)], &[]);
    portless.ports.clear();
    let entry = app("entry", &[(&net, 9)], &[("traefik.http.routers.entry.entrypoints", "webb,web")]);
    let lost = app("lost", &[(&net, 10)], &[("traefik.http.routers.lost.service", "loost")]);
    let middle = app("middle", &[(&net, 11)], &[("traefik.http.routers.middle.middlewares", "auth,x@file")]);
    let typo = app("typo", &[(&net, 12)], &[("traefik.http.router.typo.tls", "true")]);
    let mut down = app("down", &[(&net, 13)], &[]);
    (down.state, down.exit_code) = (State::Exited, Some(1));
    let mut ill = app("ill", &[(&net, 14)], &[]);
    ill.health = Health::Unhealthy;
    let off = app("off", &[(&net, 15)], &[("traefik.enable", "false")]);
    let brackets = app("brackets", &[(&net, 16)], &[("traefik.http.routers.brackets.rule", "Host(`x`")]);
    let mut forgot = app("forgot", &[(&net, 17)], &[]);
    forgot.labels.remove("traefik.enable");
    let all = [
        &far, &bare, &database, &wrong, &chance, &prefix, &portless, &entry, &lost, &middle, &typo, &down, &ill, &off,
        &brackets, &forgot,
    ];
    let stage = Stage::of(&[&net, &other, &socket], traefik(&[(&net, 2)], &[]), &all);
    assert_eq!(
        stage.said(),
        [
            "brackets brackets:8000 proxy RULE_WRONG",
            "chance chance:8000 proxy SEVERAL_NETWORKS",
            "down down proxy CONTAINER_DOWN",
            "entry entry:8000 proxy ENTRY_POINT_UNKNOWN",
            "far far:8000 - NO_COMMON_NETWORK",
            "forgot forgot:8000 proxy TRAEFIK_DISABLED",
            "ill ill:8000 proxy UNHEALTHY",
            "lost lost - SERVICE_UNKNOWN",
            "middle middle:8000 proxy MIDDLEWARE_UNKNOWN",
            "portless portless proxy PORT_NOT_EXPOSED",
            "prefix prefix:8000 - WRONG_DOCKER_NETWORK,NO_COMMON_NETWORK",
            "typo typo:8000 proxy LABEL_UNKNOWN",
            "wrong wrong:8000 - WRONG_DOCKER_NETWORK",
            "bare:80 - TRAEFIK_DISABLED",
        ]
    );
    let todo = |name: &str| {
        let routes = stage.routes();
        routes.iter().find(|r| r.container_name == name).unwrap().obstacles[0].todo.clone()
    };
    assert_eq!(todo("far"), "docker network connect proxy far");
    assert_eq!(todo("wrong"), "traefik.docker.network: proxy");
    assert_eq!(todo("prefix"), "traefik.docker.network: shop_front");
    assert_eq!(todo("entry"), "did you mean web?");
    assert_eq!(todo("lost"), "traefik.http.routers.lost.service: lost");
    assert_eq!(todo("typo"), "write traefik.http.routers.typo.tls");
}

#[test]
fn two_routers_with_one_rule_are_told_of_both() {
    let net = bridge("proxy", 20);
    let rule =
        [("traefik.http.routers.a.rule", "Host(`same.example.com`)"), ("traefik.http.routers.a.entrypoints", "web")];
    let a = app("a", &[(&net, 3)], &rule);
    let b = app("b", &[(&net, 4)], &[("traefik.http.routers.b.rule", "Host( \"same.example.com\" )")]);
    let told = |more: &[(&str, &str)]| {
        let mut b = b.clone();
        b.labels.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Stage::of(&[&net], traefik(&[(&net, 2)], &[]), &[&a, &b]).said()
    };
    assert_eq!(told(&[]), ["a a:8000 proxy DUPLICATE_RULE", "b b:8000 proxy DUPLICATE_RULE"]);
    for apart in [
        ("traefik.http.routers.b.priority", "100"),
        ("traefik.http.routers.b.entrypoints", "websecure"),
        ("traefik.http.routers.b.tls", "true"),
    ] {
        assert_eq!(told(&[apart]), ["a a:8000 proxy", "b b:8000 proxy"], "{apart:?}");
    }
    // One name that two have, and differently: Traefik takes none.
    let c = app("c", &[(&net, 5)], &[("traefik.http.routers.a.rule", "Host(`c.example.com`)")]);
    let mut c = c;
    c.labels.remove("traefik.http.routers.c.rule");
    let said = Stage::of(&[&net], traefik(&[(&net, 2)], &[]), &[&a, &c]).said();
    assert_eq!(said, ["a a:8000 proxy ROUTER_TWICE", "a c:8000 proxy ROUTER_TWICE"]);
}

#[test]
fn copies_of_a_service_are_no_doubles() {
    let net = bridge("proxy", 20);
    let copy = |n: u8| {
        let mut made = app("web", &[(&net, n)], &[]);
        (made.id, made.name) = (format!("web-{n}").into(), format!("web-{n}"));
        for (key, value) in [("project", "shop"), ("service", "web")] {
            made.labels.insert(format!("com.docker.compose.{key}"), value.to_owned());
        }
        made
    };
    let (one, two) = (copy(3), copy(4));
    let stage = Stage::of(&[&net], traefik(&[(&net, 2)], &[]), &[&one, &two]);
    assert_eq!(stage.said(), ["web web-3:8000 proxy", "web web-4:8000 proxy"]);
    // Without compose each has a service of its own name, so the routers differ.
    let apart = |c: &Container| {
        let mut c = c.clone();
        c.labels.retain(|k, _| k.starts_with("traefik."));
        c
    };
    let (one, two) = (apart(&one), apart(&two));
    let stage = Stage::of(&[&net], traefik(&[(&net, 2)], &[]), &[&one, &two]);
    assert_eq!(stage.said(), ["web web-3:8000 proxy ROUTER_TWICE", "web web-4:8000 proxy ROUTER_TWICE"]);
}

#[test]
fn what_traefik_makes_by_itself_is_known() {
    let net = bridge("proxy", 20);
    let mut web = attached(service("shop", "web"), &[(&net, 3)]);
    web.ports = vec![port(None, 9000), port(None, 8080)];
    let settings = [
        ("providers.docker.exposedbydefault", "true"),
        ("providers.docker.defaultrule", "Host(`{{ normalize .Name }}.lan`)"),
    ];
    let mut stage = Stage::of(&[&net], traefik(&[(&net, 2)], &settings), &[&web]);
    // Which of several ports is meant cannot be seen where nobody tells what listens.
    assert_eq!(stage.said(), ["web-shop shop-web-1:8080 proxy PORT_NOT_EXPOSED"]);
    assert_eq!(stage.routes()[0].rule, "Host(`web-shop.lan`)");
    let listener = |ip: &str, port| Listener { port, protocol: "tcp", ip: ip.parse().unwrap() };
    stage.listeners.insert(web.id.clone(), vec![listener("0.0.0.0", 8080)]);
    assert_eq!(stage.said(), ["web-shop shop-web-1:8080 proxy"]);
    stage.listeners.insert(web.id.clone(), vec![listener("::", 9000)]);
    assert_eq!(stage.said(), ["web-shop shop-web-1:8080 proxy PORT_NOT_LISTENING"]);
    assert!(stage.routes()[0].obstacles[0].todo.ends_with("server.port: 9000"));
    stage.listeners.insert(web.id.clone(), vec![listener("127.0.0.1", 8080)]);
    assert!(stage.routes()[0].obstacles[0].what.contains("its own localhost only"));
    // TCP alone makes no HTTP router.
    let mut db = attached(container("db"), &[(&net, 4)]);
    db.ports = vec![port(None, 5432)];
    db.labels = [
        ("traefik.enable", "true"),
        ("traefik.tcp.routers.db.rule", "HostSNI(`*`)"),
        ("traefik.tcp.routers.db.entrypoints", "websecure"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into();
    let stage = Stage::of(&[&net], traefik(&[(&net, 2)], &[]), &[&db]);
    assert_eq!(stage.said(), ["db db:5432 proxy"]);
    assert_eq!(stage.routes()[0].protocol, "tcp");
}

#[test]
fn a_proxy_that_is_down_blind_or_missing_stops_everything() {
    let (net, own) = (bridge("proxy", 20), bridge("socket", 21));
    let shop = app("shop", &[(&net, 3)], &[]);
    let mut down = traefik(&[(&net, 2)], &[]);
    (down.0.state, down.1.up) = (State::Exited, false);
    assert_eq!(Stage::of(&[&net], down, &[&shop]).said(), ["shop shop:8000 proxy PROXY_DOWN"]);
    let (blind, mut told) = traefik(&[(&net, 2)], &[]);
    told.has_socket = false;
    assert_eq!(Stage::of(&[&net], (blind, told), &[&shop]).said(), ["shop shop:8000 proxy NO_DOCKER_SOCKET"]);
    let mut none = Stage::of(&[&net], traefik(&[(&net, 2)], &[]), &[&shop]);
    (none.containers, none.proxies) = (vec![shop.clone()], vec![]);
    assert_eq!(none.said(), ["shop shop:8000 - NO_PROXY"]);
    // By a socket proxy: it has to be reached, and to permit.
    let by = [("providers.docker.endpoint", "tcp://sp:2375")];
    let sp = attached(container("sp"), &[(&own, 3)]);
    let socket = |permits: &[&str]| SocketProxy {
        id: "sp".into(),
        name: "sp".into(),
        permits: permits.iter().map(|p| (*p).to_owned()).collect(),
        reached_by: vec![],
        warnings: vec![],
    };
    for (on, permits, code) in [
        (true, &["CONTAINERS", "EVENTS", "PING", "VERSION"][..], ""),
        (true, &["EVENTS", "PING", "VERSION"], " SOCKET_PROXY_FORBIDS"),
        (true, &["GET /v1\\..{1,2}/(version|events|containers/.*)"], ""),
        (false, &["CONTAINERS", "EVENTS", "VERSION"], " SOCKET_PROXY_UNREACHABLE"),
    ] {
        let networks: &[(&Network, u8)] = if on { &[(&net, 2), (&own, 2)] } else { &[(&net, 2)] };
        let mut stage = Stage::of(&[&net, &own], traefik(networks, &by), &[&shop, &sp]);
        stage.sockets = vec![socket(permits)];
        assert_eq!(stage.said(), [format!("shop shop:8000 proxy{code}")], "{permits:?}");
    }
}

#[test]
fn what_traefik_says_counts_and_what_only_it_has_is_shown() {
    let net = bridge("proxy", 20);
    let (shop, blog) = (app("shop", &[(&net, 3)], &[]), app("blog", &[(&net, 4)], &[]));
    let mut stage = Stage::of(&[&net], traefik(&[(&net, 2)], &[]), &[&shop, &blog]);
    let router = |name: &str, service: &str, errors: &[&str]| SaidRouter {
        protocol: Protocol::Http,
        name: name.into(),
        rule: "Host(`x`)".into(),
        entry_points: vec!["web".into()],
        middlewares: vec![],
        service: service.into(),
        tls: false,
        errors: errors.iter().map(|e| (*e).to_owned()).collect(),
        disabled: !errors.is_empty(),
    };
    let said = Said {
        routers: vec![
            router("shop@docker", "shop", &["error while adding rule Host(: unexpected end"]),
            router("old@file", "old", &[]),
            router("api@internal", "api@internal", &[]),
        ],
        services: HashMap::from([((Protocol::Http, "old@file".to_owned()), vec!["http://172.20.0.4:9000".to_owned()])])
            .into_iter()
            .collect(),
        middlewares: vec![],
        entry_points: vec!["web".into()],
    };
    stage.said.insert("traefik".into(), said);
    assert_eq!(
        stage.said(),
        ["blog blog:8000 proxy NOT_IN_TRAEFIK", "shop shop:8000 proxy RULE_WRONG", "old@file blog:9000 proxy"]
    );
    assert_eq!(stage.routes().iter().map(|r| r.source == RouteSource::Api).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_label_with_a_mistake_may_be_all_there_is() {
    let net = bridge("proxy", 20);
    let mut docs = app("docs", &[(&net, 3)], &[("traefik.http.router.docs.rule", "Host(`x`)")]);
    docs.labels.remove("traefik.http.routers.docs.rule");
    let stage = Stage::of(&[&net], traefik(&[(&net, 2)], &[]), &[&docs]);
    assert_eq!(stage.said(), ["docs:8000 - LABEL_UNKNOWN"]);
}
