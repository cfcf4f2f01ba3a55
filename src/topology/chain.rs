//! From routers to containers: what each router leads to, and what stops it. Made of what was read, and waits for nothing.

use std::collections::HashMap;

use crate::dockerfile::nearest;
use crate::engine::model::{Container, Health, Id, State};

use super::labels::{Labels, Protocol, Router, Service, normal};
use super::listen::Listener;
use super::proxy::{Proxy, is_traefik};
use super::socket_proxy::SocketProxy;
use super::traefik_api::{Said, SaidRouter, server};
use super::{Map, Obstacle, Route, RouteSource, stops};

/// Ports that are hardly ever those of a web application.
const NO_WEB: [u16; 22] = [
    21, 22, 25, 53, 110, 143, 389, 587, 1433, 1883, 2181, 2375, 2376, 3306, 4222, 5432, 5672, 6379, 9042, 9092, 11211,
    27017,
];

/// Everything that was read.
pub(super) struct Scene<'a> {
    pub map: &'a Map<'a>,
    pub proxies: &'a [Proxy],
    pub socket_proxies: &'a [SocketProxy],
    /// What each proxy's API said, where it did.
    pub said: &'a HashMap<Id, Said>,
    /// What listens, by the container whose network it is.
    pub listeners: &'a HashMap<Id, Vec<Listener>>,
}

/// A container that has routers, or should.
struct App<'a> {
    container: &'a Container,
    labels: Labels,
    /// Traefik's name for it, where labels give none.
    name: String,
    proxy: Option<&'a Proxy>,
}

impl App<'_> {
    fn enabled(&self) -> bool {
        self.labels.enable.unwrap_or_else(|| self.proxy.is_none_or(|p| p.exposed_by_default))
    }

    /// Whether Traefik takes it into account at all.
    fn visible(&self) -> bool {
        self.enabled()
            && self.labels.wrong.is_empty()
            && self.container.state == State::Running
            && matches!(self.container.health, Health::None | Health::Healthy)
    }

    /// Whether it is only about TCP and UDP: then there is no HTTP router of itself.
    fn no_http(&self) -> bool {
        let http = |p: &Protocol| *p == Protocol::Http;
        let (mut routers, mut services) =
            (self.labels.routers.iter().map(|r| r.protocol), self.labels.services.iter().map(|s| s.protocol));
        let any = !self.labels.routers.is_empty() || !self.labels.services.is_empty();
        any && !routers.any(|p| http(&p))
            && !services.any(|p| http(&p))
            && !self.labels.middlewares.iter().any(|(p, _)| http(p))
    }

    /// Its routers, also those that Traefik makes by itself.
    fn routers(&self) -> Vec<Router> {
        let mut all = self.labels.routers.clone();
        // With a label that it does not know it makes none.
        let makes = self.labels.wrong.is_empty() && !self.no_http();
        if makes && !all.iter().any(|r| r.protocol == Protocol::Http) {
            all.push(Router {
                protocol: Protocol::Http,
                name: self.name.clone(),
                rule: None,
                entry_points: Vec::new(),
                middlewares: Vec::new(),
                service: None,
                priority: None,
                tls: false,
            });
        }
        for router in all.iter_mut().filter(|r| r.rule.is_none() && r.protocol == Protocol::Http) {
            router.rule = self.proxy.map(|p| p.rule_for(&self.name, &self.container.name));
        }
        all
    }

    /// Its services, also the one that Traefik makes by itself.
    fn services(&self, protocol: Protocol) -> Vec<Service> {
        let mut all: Vec<Service> = self.labels.services.iter().filter(|s| s.protocol == protocol).cloned().collect();
        if all.is_empty() {
            all.push(Service { protocol, name: self.name.clone(), port: None, wrong_port: None, url: None });
        }
        all
    }
}

/// All routes, those with obstacles first.
pub(super) fn lay(scene: &Scene<'_>) -> Vec<Route> {
    let apps = apps(scene);
    let mut routes: Vec<Route> = Vec::new();
    // Which router of which app each route is; what several say is compared by it.
    let mut of: Vec<(usize, Router)> = Vec::new();
    for app in &apps {
        if !Labels::any(&app.container.labels) && !app.enabled() {
            routes.push(without_label(app));
            continue;
        }
        for router in app.routers() {
            routes.push(route(scene, &apps, app, &router));
            of.push((routes.len() - 1, router));
        }
        // A label with a mistake may be all there is of a router.
        if of.iter().all(|(at, _)| routes[*at].container_name != app.container.name) && !app.labels.wrong.is_empty() {
            let mut bare = without_label(app);
            bare.obstacles = before(scene, app);
            routes.push(bare);
        }
    }
    doubles(&mut routes, &of);
    for proxy in scene.proxies {
        if let Some(said) = scene.said.get(&proxy.id) {
            with_said(scene, proxy, said, &mut routes);
        }
    }
    for route in &mut routes {
        // Traefik and the labels may say the same.
        let mut codes = Vec::new();
        route.obstacles.retain(|o| {
            let new = !codes.contains(&(o.code, o.what.clone()));
            codes.push((o.code, o.what.clone()));
            new
        });
    }
    routes.sort_by(|a, b| {
        let key = |r: &Route| (r.obstacles.is_empty(), r.router.is_empty(), r.router.clone(), r.container_name.clone());
        key(a).cmp(&key(b))
    });
    routes
}

/// Containers with labels for Traefik, and those beside one that look like web applications.
fn apps<'a>(scene: &Scene<'a>) -> Vec<App<'a>> {
    let mut found = Vec::new();
    for container in &scene.map.containers {
        let labelled = Labels::any(&container.labels);
        let labels = Labels::read(&container.labels);
        // Who says no means it.
        if labels.enable == Some(false) || (is_traefik(container) && !labelled) {
            continue;
        }
        let proxy = proxy_of(scene, container);
        let socket = scene.socket_proxies.iter().any(|s| s.id == container.id);
        let beside = proxy.is_some_and(|p| stops::share(scene.map, container, p));
        let web = container.ports.iter().any(|p| p.protocol == "tcp" && !NO_WEB.contains(&p.container));
        if labelled || (beside && web && !socket) {
            let own = container.stack().zip(container.service()).map(|(stack, service)| format!("{service}_{stack}"));
            let name = normal(&own.unwrap_or_else(|| container.name.clone()));
            found.push(App { container, labels, name, proxy });
        }
    }
    found.sort_by(|a, b| a.container.name.cmp(&b.container.name));
    found
}

/// The proxy that a container is for: one that runs and shares a network with it, before others.
fn proxy_of<'a>(scene: &Scene<'a>, container: &Container) -> Option<&'a Proxy> {
    let all = || scene.proxies.iter().filter(|p| p.id != container.id || scene.proxies.len() == 1);
    all().min_by_key(|p| (!stops::share(scene.map, container, p), !p.up, !p.sees_docker))
}

fn without_label(app: &App<'_>) -> Route {
    let mut route = blank(app);
    let port = app.container.ports.iter().filter(|p| p.protocol == "tcp").map(|p| p.container).min();
    route.port = port;
    route.obstacles.push(disabled(app));
    route
}

fn blank(app: &App<'_>) -> Route {
    Route {
        protocol: "http",
        router: String::new(),
        rule: String::new(),
        entry_points: Vec::new(),
        tls: false,
        middlewares: Vec::new(),
        service: String::new(),
        container: Some(app.container.id.clone()),
        container_name: app.container.name.clone(),
        port: None,
        network: None,
        proxy: app.proxy.map(|p| p.name.clone()),
        source: RouteSource::Labels,
        obstacles: Vec::new(),
    }
}

fn disabled(app: &App<'_>) -> Obstacle {
    let name = &app.container.name;
    let proxy = app.proxy.map_or("Traefik", |p| p.name.as_str());
    Obstacle::new(
        "TRAEFIK_DISABLED",
        format!(
            "{name} has no label traefik.enable=true, and {proxy} takes only those that have it (exposedByDefault=false)"
        ),
        "labels:\n  traefik.enable: \"true\"".to_owned(),
    )
}

/// What stops every router of a container.
fn before(scene: &Scene<'_>, app: &App<'_>) -> Vec<Obstacle> {
    let mut found = Vec::new();
    let name = &app.container.name;
    match app.proxy {
        None => found.push(Obstacle::new(
            "NO_PROXY",
            format!("{name} has labels for Traefik, and no Traefik is here"),
            "start one, with the provider docker and on a network with it",
        )),
        Some(proxy) if !proxy.up => {
            let why = scene.map.container(&proxy.id).and_then(Container::reason).unwrap_or_default();
            found.push(Obstacle::new(
                "PROXY_DOWN",
                format!("{} does not run: {why}", proxy.name),
                format!("docker start {}", proxy.name),
            ));
        }
        Some(_) => {}
    }
    found.extend(app.proxy.filter(|p| p.up).and_then(|p| stops::blind(scene, p)));
    for wrong in &app.labels.wrong {
        let todo = match &wrong.meant {
            Some(meant) => format!("write {meant}"),
            None => "take it out, or look its name up in Traefik's reference".to_owned(),
        };
        found.push(Obstacle::new(
            "LABEL_UNKNOWN",
            format!("Traefik does not know {}, and leaves {name} out for it", wrong.label),
            todo,
        ));
    }
    if !app.enabled() {
        found.push(disabled(app));
    }
    if app.container.state != State::Running {
        let why = app.container.reason().unwrap_or_else(|| app.container.state.word().to_owned());
        found.push(Obstacle::new(
            "CONTAINER_DOWN",
            format!("{name} does not run: {why}"),
            format!("docker start {name}"),
        ));
    } else if matches!(app.container.health, Health::Unhealthy | Health::Starting) {
        let why = app.container.reason().unwrap_or_default();
        found.push(Obstacle::new(
            "UNHEALTHY",
            format!("{name} is not healthy, and Traefik leaves such out: {why}"),
            format!("docker inspect --format '{{{{json .State.Health}}}}' {name}"),
        ));
    }
    found
}

fn route(scene: &Scene<'_>, apps: &[App<'_>], app: &App<'_>, router: &Router) -> Route {
    let mut route = blank(app);
    route.protocol = router.protocol.word();
    route.router.clone_from(&router.name);
    route.rule = router.rule.clone().unwrap_or_default();
    route.entry_points.clone_from(&router.entry_points);
    route.tls = router.tls;
    route.middlewares.clone_from(&router.middlewares);
    route.obstacles = before(scene, app);
    if let Some(proxy) = app.proxy {
        let said = scene.said.get(&proxy.id);
        route.obstacles.extend(stops::entry_points(proxy, said, &router.entry_points, &router.name));
    }
    route.obstacles.extend(stops::rule(router));
    route.obstacles.extend(middlewares(scene, apps, app, router));
    let (service, target) = match service(scene, apps, app, router) {
        Ok(Some(found)) => found,
        // Of another provider, or Traefik's own: it has no container.
        Ok(None) => {
            route.service = router.service.clone().unwrap_or_default();
            if route.service.ends_with("@internal") {
                route.container = app.proxy.map(|p| p.id.clone());
                route.container_name = app.proxy.map(|p| p.name.clone()).unwrap_or_default();
            }
            return route;
        }
        Err(obstacle) => {
            route.service = router.service.clone().unwrap_or_default();
            route.obstacles.push(obstacle);
            return route;
        }
    };
    route.service.clone_from(&service.name);
    route.container = Some(target.container.id.clone());
    route.container_name.clone_from(&target.container.name);
    if service.url.is_some() {
        return route;
    }
    let (network, found) = stops::network(scene.map, app.proxy, target.container, target.labels.network.as_deref());
    route.network = network;
    route.obstacles.extend(found);
    let (port, found) = stops::port(scene, target.container, &service, route.network.as_deref());
    route.port = port;
    route.obstacles.extend(found);
    route
}

/// The service that a router leads to, and the container that has it; `None` for one of another provider.
fn service<'s, 'a>(
    scene: &Scene<'_>,
    apps: &'s [App<'a>],
    app: &'s App<'a>,
    router: &Router,
) -> Result<Option<(Service, &'s App<'a>)>, Obstacle> {
    let mut own = app.services(router.protocol);
    let Some(asked) = &router.service else {
        return match own.len() {
            1 => Ok(Some((own.remove(0), app))),
            n => Err(Obstacle::new(
                "SERVICE_UNKNOWN",
                format!("{} says none of its {n} services, and Traefik does not choose", router.name),
                format!("traefik.{}.routers.{}.service: {}", router.protocol.word(), router.name, own[0].name),
            )),
        };
    };
    let (name, provider) = asked.split_once('@').unwrap_or((asked, "docker"));
    if !matches!(provider, "docker" | "swarm") {
        let said = app.proxy.and_then(|p| scene.said.get(&p.id));
        let known = said.is_none_or(|s| {
            provider == "internal" || s.services.contains_key(&(router.protocol, format!("{name}@{provider}")))
        });
        return if known { Ok(None) } else { Err(unknown_service(router, asked, &[])) };
    }
    if let Some(at) = own.iter().position(|s| s.name == name) {
        return Ok(Some((own.remove(at), app)));
    }
    let others = apps.iter().filter(|a| a.visible() && a.proxy.map(|p| &p.id) == app.proxy.map(|p| &p.id));
    let all: Vec<(Service, &App<'a>)> =
        others.flat_map(|a| a.services(router.protocol).into_iter().map(move |s| (s, a))).collect();
    if let Some(at) = all.iter().position(|(s, _)| s.name == name) {
        return Ok(all.into_iter().nth(at));
    }
    let mut names: Vec<&str> = own.iter().map(|s| s.name.as_str()).collect();
    names.extend(all.iter().map(|(s, _)| s.name.as_str()));
    Err(unknown_service(router, asked, &names))
}

fn unknown_service(router: &Router, asked: &str, known: &[&str]) -> Obstacle {
    let word = router.protocol.word();
    let todo = match nearest(asked, known.iter().copied()).or(known.first().copied()) {
        Some(near) => format!("traefik.{word}.routers.{}.service: {near}", router.name),
        None => format!("traefik.{word}.services.{asked}.loadbalancer.server.port: PORT"),
    };
    Obstacle::new("SERVICE_UNKNOWN", format!("{} wants the service {asked}, which nothing has", router.name), todo)
}

fn middlewares(scene: &Scene<'_>, apps: &[App<'_>], app: &App<'_>, router: &Router) -> Vec<Obstacle> {
    let said = app.proxy.and_then(|p| scene.said.get(&p.id));
    let known: Vec<&str> = apps
        .iter()
        .filter(|a| a.visible() || a.container.id == app.container.id)
        .flat_map(|a| &a.labels.middlewares)
        .filter(|(protocol, _)| *protocol == router.protocol)
        .map(|(_, name)| name.as_str())
        .collect();
    let missing = |asked: &&String| {
        let (name, provider) = asked.split_once('@').unwrap_or((asked, "docker"));
        if matches!(provider, "docker" | "swarm") {
            return !known.contains(&name);
        }
        said.is_some_and(|s| provider != "internal" && !s.middlewares.contains(&(router.protocol, (*asked).clone())))
    };
    let told = |asked: &String| {
        let todo = match nearest(asked, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!(
                "make it (traefik.{}.middlewares.{asked}...), or name its provider: {asked}@file",
                router.protocol.word()
            ),
        };
        Obstacle::new(
            "MIDDLEWARE_UNKNOWN",
            format!("{} wants the middleware {asked}, which nothing has", router.name),
            todo,
        )
    };
    router.middlewares.iter().filter(missing).map(told).collect()
}

/// What stops routers because of each other: one rule of two, one name of two.
fn doubles(routes: &mut [Route], of: &[(usize, Router)]) {
    let mut found: Vec<(usize, Obstacle)> = Vec::new();
    for (at, a) in of {
        for (other, b) in of {
            let (x, y) = (&routes[*at], &routes[*other]);
            if at == other || x.proxy != y.proxy || x.proxy.is_none() || a.protocol != b.protocol {
                continue;
            }
            // What is left out already stops nobody else.
            let gone = |r: &Route| {
                ["TRAEFIK_DISABLED", "CONTAINER_DOWN", "UNHEALTHY", "LABEL_UNKNOWN"]
                    .iter()
                    .any(|code| r.obstacles.iter().any(|o| o.code == *code))
            };
            if gone(x) || gone(y) {
                continue;
            }
            let same_rule = squeezed(&x.rule) == squeezed(&y.rule);
            if a.name == b.name {
                let same = same_rule
                    && (&a.entry_points, &a.middlewares, a.priority, a.tls, &x.service)
                        == (&b.entry_points, &b.middlewares, b.priority, b.tls, &y.service);
                if !same && x.container != y.container {
                    found.push((
                        *at,
                        Obstacle::new(
                            "ROUTER_TWICE",
                            format!(
                                "{} and {} each have a router {}, and they differ: Traefik takes none",
                                x.container_name, y.container_name, a.name
                            ),
                            format!(
                                "give one of them another name: traefik.{}.routers.{}-2.rule",
                                a.protocol.word(),
                                a.name
                            ),
                        ),
                    ));
                }
                continue;
            }
            let meet = a.entry_points.is_empty()
                || b.entry_points.is_empty()
                || a.entry_points.iter().any(|e| b.entry_points.contains(e));
            let rank = |r: &Router| r.priority.filter(|p| *p != 0);
            if same_rule && !x.rule.is_empty() && meet && a.tls == b.tls && rank(a) == rank(b) {
                found.push((
                    *at,
                    Obstacle::new(
                        "DUPLICATE_RULE",
                        format!(
                            "{} of {} has the same rule, entry point and priority: which of both answers is chance",
                            b.name, y.container_name
                        ),
                        format!(
                            "change one rule, or let one come first: traefik.{}.routers.{}.priority: 100",
                            a.protocol.word(),
                            a.name
                        ),
                    ),
                ));
            }
        }
    }
    for (at, obstacle) in found {
        routes[at].obstacles.push(obstacle);
    }
}

fn squeezed(rule: &str) -> String {
    rule.chars().filter(|c| !c.is_whitespace()).map(|c| if matches!(c, '"' | '\'') { '`' } else { c }).collect()
}

/// What Traefik itself says of the routes, and routes that only it knows.
fn with_said(scene: &Scene<'_>, proxy: &Proxy, said: &Said, routes: &mut Vec<Route>) {
    let ours = |r: &SaidRouter, route: &Route| {
        let (name, provider) = r.name.rsplit_once('@').unwrap_or((&r.name, "docker"));
        matches!(provider, "docker" | "swarm")
            && r.protocol.word() == route.protocol
            && name == route.router
            && route.proxy.as_ref() == Some(&proxy.name)
    };
    for route in routes.iter_mut().filter(|r| r.proxy.as_ref() == Some(&proxy.name) && !r.router.is_empty()) {
        match said.routers.iter().find(|r| ours(r, route)) {
            Some(router) => {
                route.source = RouteSource::Api;
                let told = router.errors.iter().map(|e| stops::said(e, proxy));
                let fresh: Vec<Obstacle> = told.filter(|t| !route.obstacles.iter().any(|o| o.code == t.code)).collect();
                route.obstacles.extend(fresh);
                if router.disabled && route.obstacles.is_empty() {
                    route.obstacles.push(Obstacle::new(
                        "ROUTER_DISABLED",
                        format!("{} has it, and does not use it", proxy.name),
                        format!("docker logs --tail 50 {}", proxy.name),
                    ));
                }
            }
            None if route.obstacles.is_empty() => route.obstacles.push(Obstacle::new(
                "NOT_IN_TRAEFIK",
                format!("{} does not have this router, though its labels are right", proxy.name),
                format!("docker logs --tail 50 {}", proxy.name),
            )),
            None => {}
        }
    }
    for router in &said.routers {
        let provider = router.name.rsplit_once('@').map_or("", |(_, p)| p);
        if provider == "internal" || routes.iter().any(|r| ours(router, r)) {
            continue;
        }
        let service = if router.service.contains('@') {
            router.service.clone()
        } else {
            format!("{}@{provider}", router.service)
        };
        let at = said.services.get(&(router.protocol, service)).and_then(|s| s.iter().find_map(|s| server(s)));
        let target = at.and_then(|(ip, _)| {
            let mut all = scene.map.containers.iter();
            all.find_map(|c| c.networks.iter().find(|n| n.ip == Some(ip) || n.ip6 == Some(ip)).map(|n| (*c, n)))
        });
        routes.push(Route {
            protocol: router.protocol.word(),
            router: router.name.clone(),
            rule: router.rule.clone(),
            entry_points: router.entry_points.clone(),
            tls: router.tls,
            middlewares: router.middlewares.clone(),
            service: router.service.clone(),
            container: target.map(|(c, _)| c.id.clone()),
            container_name: target.map_or_else(String::new, |(c, _)| c.name.clone()),
            port: at.map(|(_, port)| port),
            network: target.map(|(_, n)| n.network.clone()),
            proxy: Some(proxy.name.clone()),
            source: RouteSource::Api,
            obstacles: router.errors.iter().map(|e| stops::said(e, proxy)).collect(),
        });
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
