//! Traefik's routes and socket proxies, in the arrangement that people build: a socket proxy on a network of its own, a
//! proxy network, apps that are right and apps with one mistake each.
//!
//! Traefik's image cannot be had here, so `examples/stacks/proxy/traefik` stands in: started with Traefik's arguments, it
//! listens at its entry points and answers its API with what a Traefik answers. The socket proxy really is one.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use common::live::{Made, endpoint, endpoint_at, until};
use ondeck::engine::model::Id;
use ondeck::engine::{Engine, ErrorKind};
use ondeck::topology::{RouteSource, Routes, routes};
use serde_json::{Value, json};

/// Builds an image of the example; the second time from the cache.
fn image(made: &Made, name: &str) -> String {
    let tag = format!("ondeck-test/{name}");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/stacks/proxy").join(match name {
        "docker-socket-proxy" => "socket-proxy",
        "proxied-app" => "app",
        other => other,
    });
    made.docker(&["build", "--quiet", "--tag", &tag, &dir.to_string_lossy()]);
    tag
}

/// An app's name, its network, and its labels.
type App<'a> = (&'a str, &'a str, Vec<(String, &'a str)>);

struct Arrangement {
    made: Made,
    app: String,
}

impl Arrangement {
    fn network(&self, name: &str, more: &[&str]) -> String {
        let (name, label) = (self.made.name(name), self.made.label());
        self.made.docker(&[&["network", "create", "--label", &label], more, &[&name]].concat());
        name
    }

    fn start(&self, name: &str, image: &str, options: &[&str], command: &[&str]) -> String {
        let (name, label) = (self.made.name(name), self.made.label());
        self.made.docker(&[&["run", "-d", "--name", &name, "--label", &label], options, &[image], command].concat())
    }

    /// An app with a router of its own and more labels (written without `traefik.http.`).
    fn app(&self, name: &str, network: &str, labels: &[(&str, &str)]) {
        // Names of routers are shared by all that one Traefik sees; so are those of tests that run at once.
        let router = self.made.name(name);
        let mut all = BTreeMap::from([
            ("traefik.enable".to_owned(), "true".to_owned()),
            (format!("traefik.http.routers.{router}.rule"), format!("Host(`{router}.example.com`)")),
        ]);
        for (label, value) in labels {
            all.insert(label.replace("NAME", &router), (*value).to_owned());
        }
        let all: Vec<String> = all.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let mut options = vec!["--network", network];
        options.extend(all.iter().flat_map(|l| ["--label", l.as_str()]));
        self.start(name, &self.app, &options, &[]);
    }

    async fn routes(&self) -> Routes {
        let mut found = routes(&Engine::connect(&endpoint()).unwrap()).await.unwrap();
        found.routes.retain(|r| r.container_name.starts_with(&self.made.tag));
        found.socket_proxies.retain(|s| s.name.starts_with(&self.made.tag));
        found
    }

    /// The obstacles' codes of each container's route.
    fn codes(&self, found: &Routes) -> BTreeMap<String, String> {
        let name = |full: &str| full.trim_start_matches(&self.made.tag).trim_start_matches('-').to_owned();
        let codes = |r: &ondeck::topology::Route| r.obstacles.iter().map(|o| o.code).collect::<Vec<_>>().join(" ");
        found.routes.iter().map(|r| (name(&r.container_name), codes(r))).collect()
    }
}

/// A router as Traefik's API shows it.
fn answer(made: &Made, name: &str, errors: &[&str]) -> Value {
    let name = made.name(name);
    json!({
        "entryPoints": ["web"], "service": name, "rule": format!("Host(`{name}.example.com`)"), "priority": 30,
        "status": if errors.is_empty() { "enabled" } else { "disabled" }, "using": ["web"],
        "name": format!("{name}@docker"), "provider": "docker", "error": errors,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_arrangement_is_named() {
    let made = Made::new("routes");
    let (traefik, socket) = (image(&made, "traefik"), image(&made, "docker-socket-proxy"));
    let app = image(&made, "proxied-app");
    let here = Arrangement { made, app };
    let made = &here.made;
    let own = here.network("socket", &["--internal"]);
    let (net, other) = (here.network("proxy", &[]), here.network("other", &[]));
    here.start(
        "sp",
        &socket,
        &[
            "--network",
            &own,
            "--network-alias",
            "socket-proxy",
            "-v",
            "/var/run/docker.sock:/var/run/docker.sock:ro",
            "-e",
            "CONTAINERS=1",
        ],
        &[],
    );
    let routers = json!([
        answer(made, "right", &[]),
        answer(made, "same1", &[]),
        answer(made, "same2", &[]),
        answer(made, "entry", &["entryPoint \"nosuch\" doesn't exist", "no valid entryPoint for this router"]),
        answer(
            made,
            "rule",
            &["error while adding rule Hots(`x`): error while parsing rule: unsupported function: Hots"]
        ),
    ]);
    let recorded = format!("ANSWER_api_http_routers={routers}");
    let points = r#"ANSWER_api_entrypoints=[{"address":":80","name":"web"},{"address":":8080","name":"traefik"}]"#;
    here.start(
        "traefik",
        &traefik,
        &["--network", &net, "-e", &recorded, "-e", points],
        &[
            "--providers.docker.endpoint=tcp://socket-proxy:2375",
            "--providers.docker.exposedbydefault=false",
            "--entrypoints.web.address=:80",
            "--api.insecure=true",
        ],
    );
    let host = "Host(`same.example.com`)";
    let router = |name: &str| format!("traefik.http.routers.NAME.{name}");
    let server = "traefik.http.services.NAME.loadbalancer.server.port";
    std::thread::scope(|s| {
        let apps: [App<'_>; 11] = [
            ("right", &net, vec![(router("entrypoints"), "web")]),
            ("far", &other, vec![]),
            ("wrong", &net, vec![("traefik.docker.network".into(), &other)]),
            ("silent", &net, vec![(server.into(), "9999")]),
            ("same1", &net, vec![(router("rule"), host)]),
            ("same2", &net, vec![(router("rule"), host)]),
            ("entry", &net, vec![(router("entrypoints"), "nosuch")]),
            ("rule", &net, vec![(router("rule"), "Hots(`x`)")]),
            ("typo", &net, vec![("traefik.http.router.NAME.tls".into(), "true")]),
            ("lost", &net, vec![(router("service"), "nobody-has-this")]),
            ("middle", &net, vec![(router("middlewares"), "nobody-has-this")]),
        ];
        for (name, network, labels) in apps {
            let here = &here;
            s.spawn(move || {
                let labels: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (k.as_str(), *v)).collect();
                here.app(name, network, &labels);
            });
        }
        s.spawn(|| here.start("bare", &here.app, &["--network", &net], &[]));
        // An image without EXPOSE.
        let hello = "use IO::Socket::INET; $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 9) or die; \
             while ($c = $s->accept) { close $c }";
        s.spawn(|| {
            made.run("portless", &["--network", &net, "--label", "traefik.enable=true"], &["perl", "-e", hello]);
        });
    });
    // The app that goes by the wrong network is on the right one, too.
    made.docker(&["network", "connect", &other, &made.name("wrong")]);

    // Traefik is not on the socket proxy's network yet: it sees nothing at all.
    let found = here.routes().await;
    let right = found.routes.iter().find(|r| r.container_name == made.name("right")).unwrap();
    assert_eq!(right.obstacles[0].code, "SOCKET_PROXY_UNREACHABLE", "{right:#?}");
    assert!(right.obstacles[0].todo.starts_with(&format!("docker network connect {own} ")), "{right:#?}");
    made.docker(&["network", "connect", &own, &made.name("traefik")]);

    let expected: BTreeMap<String, String> = [
        ("right", ""),
        ("far", "NO_COMMON_NETWORK"),
        ("wrong", "WRONG_DOCKER_NETWORK"),
        ("silent", "PORT_NOT_LISTENING"),
        ("same1", "DUPLICATE_RULE"),
        ("same2", "DUPLICATE_RULE"),
        ("entry", "ENTRY_POINT_UNKNOWN"),
        ("rule", "RULE_WRONG"),
        ("typo", "LABEL_UNKNOWN"),
        ("lost", "SERVICE_UNKNOWN"),
        ("middle", "MIDDLEWARE_UNKNOWN"),
        ("bare", "TRAEFIK_DISABLED"),
        ("portless", "PORT_NOT_EXPOSED"),
    ]
    .map(|(name, code)| (name.to_owned(), code.to_owned()))
    .into();
    // The apps may take a moment before they listen.
    let found = until("each fault is named", async || {
        let found = here.routes().await;
        let codes = here.codes(&found);
        if codes == expected { Ok(found) } else { Err(format!("{codes:#?} {:?}", found.notes)) }
    })
    .await;
    let of = |name: &str| found.routes.iter().find(|r| r.container_name == made.name(name)).unwrap();
    let right = of("right");
    assert_eq!((right.port, right.network.as_deref(), right.source), (Some(8000), Some(&*net), RouteSource::Api));
    assert_eq!(right.proxy.as_deref(), Some(&*made.name("traefik")));
    assert_eq!((of("bare").router.as_str(), of("bare").port), ("", Some(8000)));
    assert!(of("portless").obstacles[0].todo.ends_with("server.port: 8000"), "{:#?}", of("portless"));

    // What is said to be right is right, and what is said to be stopped is: asked from where Traefik is.
    let hears = |host: &str, port: u16| {
        let script = format!("exec 3<>/dev/tcp/{host}/{port}");
        made.attempt(&["exec", &made.name("traefik"), "timeout", "3", "bash", "-c", &script]).is_ok()
    };
    assert!(hears(&made.name("right"), 8000) && !hears(&made.name("far"), 8000) && !hears(&made.name("silent"), 9999));

    let [sp] = &found.socket_proxies[..] else { panic!("{:#?}", found.socket_proxies) };
    assert_eq!(sp.permits, ["CONTAINERS", "EVENTS", "PING", "VERSION"]);
    assert_eq!((sp.reached_by.clone(), sp.warnings.len()), (vec![made.name("traefik")], 0), "{sp:#?}");

    // The same by the command, of ours only; then the proxy goes down.
    let run = |args: &[&str]| {
        let command = [&["routes", "--json"], args].concat();
        let output = Command::new(env!("CARGO_BIN_EXE_ondeck")).args(&command).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default())
    };
    let (code, said) = run(&[&made.name("right")]);
    assert_eq!((code, &said["routes"][0]["obstacles"]), (Some(0), &json!([])), "{said}");
    let (code, said) = run(&[&made.tag]);
    // Those that other tests have on the same engine may name our proxy.
    let ours = |r: &&Value| r["container_name"].as_str().unwrap().starts_with(&made.tag);
    assert_eq!(
        (code, said["routes"].as_array().unwrap().iter().filter(ours).count()),
        (Some(1), expected.len()),
        "{said}"
    );
    assert_eq!(run(&["no-route-has-such-a-name"]).0, Some(2));
    made.docker(&["stop", "-t", "1", &made.name("traefik")]);
    let found = here.routes().await;
    assert_eq!(here.codes(&found)["right"], "PROXY_DOWN");
}

/// Whether an engine lets a request pass.
fn passes<T>(answer: Result<T, ondeck::engine::EngineError>) -> bool {
    match answer {
        Ok(_) => true,
        Err(e) if e.kind == ErrorKind::Forbidden => false,
        Err(e) => panic!("{e}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_socket_proxy_is_said_to_permit_is_what_it_lets_pass() {
    let made = Made::new("socketproxy");
    let socket = image(&made, "docker-socket-proxy");
    let here = Arrangement { made, app: String::new() };
    let made = &here.made;
    let (own, apps) = (here.network("socket", &["--internal"]), here.network("apps", &[]));
    let mount = "/var/run/docker.sock:/var/run/docker.sock:ro";
    let first =
        here.start("first", &socket, &["--network", &own, "-v", mount, "-e", "CONTAINERS=1", "-e", "VOLUMES=1"], &[]);
    let second = here.start(
        "second",
        &socket,
        &[
            "--network",
            &apps,
            "-v",
            mount,
            "-e",
            "NETWORKS=1",
            "-e",
            "IMAGES=1",
            "-e",
            "POST=1",
            "-e",
            "PING=0",
            "-p",
            "127.0.0.1::2375",
        ],
        &[],
    );
    made.run("app", &["--network", &apps], &["sleep", "infinity"]);
    let found = here.routes().await;
    let of = |id: &str| found.socket_proxies.iter().find(|s| s.id == Id::from(id)).unwrap();
    assert_eq!(of(&first).permits, ["CONTAINERS", "EVENTS", "PING", "VERSION", "VOLUMES"]);
    assert_eq!(of(&second).permits, ["EVENTS", "IMAGES", "NETWORKS", "POST", "VERSION"]);
    assert_eq!(of(&second).reached_by, [made.name("app")]);
    let warnings = of(&second).warnings.join("\n");
    for part in ["POST with IMAGES", "POST with NETWORKS", "published at 127.0.0.1:", "has a way out"] {
        assert!(warnings.contains(part), "{part} in\n{warnings}");
    }
    let engine = Engine::connect(&endpoint()).unwrap();
    for id in [&first, &second] {
        let ip = engine.inspect(id).await.unwrap().container.networks[0].ip.unwrap();
        let behind = Engine::connect(&endpoint_at(&format!("tcp://{ip}:2375"))).unwrap();
        // A path that no part has: refused means that it listens.
        until("it listens", async || match behind.info().await {
            Ok(_) => Ok(()),
            Err(e) if e.kind == ErrorKind::Forbidden => Ok(()),
            Err(e) => Err(e.to_string()),
        })
        .await;
        let permits = |section: &str| of(id).permits.iter().any(|p| p == section);
        for (section, passed) in [
            ("CONTAINERS", passes(behind.containers().await)),
            ("IMAGES", passes(behind.images().await)),
            ("NETWORKS", passes(behind.networks().await)),
            ("VOLUMES", passes(behind.volumes().await)),
            ("PING", passes(behind.ping().await)),
            ("EVENTS", passes(behind.events(None).await)),
            ("VERSION", passes(behind.info().await)),
        ] {
            assert_eq!(permits(section), passed, "{section} of {id}");
        }
        let body = json!({ "Name": made.name("made"), "Labels": { common::live::LABEL: made.tag } });
        let may = permits("POST") && permits("NETWORKS");
        assert_eq!(passes(behind.create_network(body).await), may, "POST of {id}");
    }
}
