//! Who can reach whom: what is said must be what programs in the containers really can.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::{Command, Output, Stdio};

use common::docker::IMAGE;
use common::live::{Made, endpoint, until};
use ondeck::engine::Engine;
use ondeck::engine::model::{Container, Id, Network};
use ondeck::topology::{HOST, Map, Reach, clashes, examine, reach};

/// Says `hi` to whoever connects.
fn listen(address: &str, port: u16) -> Vec<String> {
    let program = format!(
        "use IO::Socket::INET; $SIG{{TERM}} = sub {{ exit }}; $s = IO::Socket::INET->new(LocalAddr => '{address}', \
         LocalPort => {port}, Listen => 9, ReuseAddr => 1) or die; while ($c = $s->accept) {{ print $c \"hi\\n\"; close $c }}"
    );
    vec!["perl".to_owned(), "-e".to_owned(), program]
}

/// Whether a program in a container (or on the host) hears the other one's `hi`.
fn hears(made: &Made, from: &str, host: &str, port: &str) -> bool {
    let script = format!("exec 3<>/dev/tcp/{host}/{port} && read -t 2 -r line <&3 && [ \"$line\" = hi ]");
    let words = ["timeout", "3", "bash", "-c", &script];
    if from == HOST {
        return Command::new("timeout").args(&words[1..]).stderr(Stdio::null()).status().unwrap().success();
    }
    made.attempt(&[&["exec", &made.name(from)], &words[..]].concat()).is_ok()
}

struct Seen {
    containers: Vec<Container>,
    networks: Vec<Network>,
}

impl Seen {
    async fn now(engine: &Engine) -> Self {
        Self { containers: engine.containers().await.unwrap(), networks: engine.networks().await.unwrap() }
    }

    fn map(&self) -> Map<'_> {
        Map { containers: self.containers.iter().collect(), networks: self.networks.iter().collect() }
    }

    fn id(&self, made: &Made, name: &str) -> Id {
        if name == HOST {
            return HOST.into();
        }
        self.containers.iter().find(|c| c.name == made.name(name)).unwrap().id.clone()
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn codes(found: &Reach) -> Vec<&'static str> {
    found.obstacles.iter().map(|o| o.code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_reaching_is_what_can_be_done() {
    let made = Made::new("reach");
    let label = made.label();
    let network = |name: &str, more: &[&str]| {
        let name = made.name(name);
        made.docker(&[&["network", "create", "--label", &label], more, &[&name]].concat());
        name
    };
    let (one, two) = (network("one", &[]), network("two", &[]));
    let shut = network("shut", &["--internal"]);
    let mute = network("mute", &["-o", "com.docker.network.bridge.enable_icc=false"]);
    let (port, owner, linked) =
        (free_port(), format!("container:{}", made.name("b1")), format!("{}:zz", made.name("bd")));
    let service = ["com.docker.compose.project=reachtest", "com.docker.compose.service=store"];
    let run = |name: &str, args: &[&str], command: &[String]| {
        made.run(name, args, &command.iter().map(String::as_str).collect::<Vec<_>>());
    };
    let hi = listen("0.0.0.0", 8000);
    std::thread::scope(|s| {
        for (name, args) in [
            ("a1", &["--network", &one][..]),
            (
                "b1",
                &[
                    "--network",
                    &one,
                    "-p",
                    "8000",
                    "--network-alias",
                    "store",
                    "--label",
                    service[0],
                    "--label",
                    service[1],
                ],
            ),
            ("bl", &["--network", &one, "-p", "127.0.0.1::8000"]),
            ("a2", &["--network", &two]),
            ("ai", &["--network", &shut]),
            ("bi", &["--network", &shut, "-p", "8000"]),
            ("am", &["--network", &mute]),
            ("bm", &["--network", &mute, "-p", "8000"]),
            ("ad", &[]),
            ("bd", &[]),
            ("nn", &["--network", "none"]),
            ("pa", &["--network", &one]),
            ("st", &["--network", &one]),
        ] {
            let (run, hi) = (&run, &hi);
            let args = args.to_vec();
            s.spawn(move || run(name, &args, hi));
        }
        let run = &run;
        s.spawn(|| run("lo", &["--network", &one], &listen("127.0.0.1", 8000)));
        s.spawn(|| run("si", &["--network", &one], &["sleep".to_owned(), "infinity".to_owned()]));
        s.spawn(|| run("hh", &["--network", "host"], &listen("0.0.0.0", port)));
    });
    // These need others.
    run("ss", &["--network", &owner], &listen("0.0.0.0", 8001));
    run("al", &["--link", &linked], &hi);
    made.docker(&["pause", &made.name("pa")]);
    made.docker(&["kill", &made.name("st")]);
    let engine = Engine::connect(&endpoint()).unwrap();
    let none: &[&str] = &[];
    for (from, to, port, ways, expected) in [
        ("a1", "b1", 8000, 2, none),
        ("b1", "a1", 8000, 1, none),
        ("a1", "bl", 8000, 1, none),
        ("a2", "b1", 8000, 1, &["NO_COMMON_NETWORK"]),
        ("a2", "a1", 8000, 0, &["NO_COMMON_NETWORK"]),
        ("a2", "bl", 8000, 0, &["NO_COMMON_NETWORK", "LOOPBACK_PUBLISHED"]),
        ("ai", "bi", 8000, 1, none),
        ("ai", "b1", 8000, 0, &["NO_COMMON_NETWORK", "INTERNAL_NO_WAY_OUT"]),
        ("a2", "bi", 8000, 0, &["NO_COMMON_NETWORK"]),
        ("am", "bm", 8000, 1, &["ICC_OFF"]),
        ("bm", "am", 8000, 0, &["ICC_OFF"]),
        ("ad", "bd", 8000, 1, &["DEFAULT_BRIDGE_NO_NAMES"]),
        ("al", "bd", 8000, 1, none),
        ("ad", "b1", 8000, 1, &["NO_COMMON_NETWORK"]),
        ("nn", "b1", 8000, 0, &["NETWORK_NONE"]),
        ("a1", "nn", 8000, 0, &["NETWORK_NONE"]),
        ("a1", "hh", port, 1, none),
        ("ai", "hh", port, 1, none),
        ("ad", HOST, port, 1, none),
        ("hh", HOST, port, 1, none),
        ("hh", "b1", 8000, 2, none),
        (HOST, "b1", 8000, 2, none),
        (HOST, "bl", 8000, 2, none),
        (HOST, "bi", 8000, 1, &["INTERNAL_NOT_PUBLISHED"]),
        (HOST, "bm", 8000, 2, none),
        (HOST, "nn", 8000, 0, &["NETWORK_NONE"]),
        ("ss", "b1", 8000, 1, none),
        ("b1", "ss", 8001, 1, none),
        ("a1", "ss", 8001, 1, none),
        ("a1", "lo", 8000, 0, &["LOOPBACK_ONLY"]),
        ("lo", "lo", 8000, 1, none),
        ("a1", "si", 8000, 0, &["NOT_LISTENING"]),
        ("a1", "b1", 9, 0, &["NOT_LISTENING"]),
        ("a1", HOST, 9, 0, &["NOT_LISTENING"]),
        ("a1", "pa", 8000, 0, &["TARGET_PAUSED"]),
        ("a1", "st", 8000, 0, &["TARGET_NOT_RUNNING"]),
    ] {
        let case = format!("{from} to {to}:{port}");
        // A program may take a moment before it listens.
        let found = until(&case, async || {
            let seen = Seen::now(&engine).await;
            let (a, b) = (seen.id(&made, from), seen.id(&made, to));
            let found = examine(&engine, &seen.map(), &a, &b, Some((port, "tcp"))).await.unwrap().unwrap();
            if codes(&found) == expected && found.ways.len() == ways { Ok(found) } else { Err(format!("{found:#?}")) }
        })
        .await;
        for way in &found.ways {
            for name in &way.names {
                for number in way.ports.iter().map(|p| p.trim_end_matches("/tcp")) {
                    assert!(hears(&made, from, name, number), "{case}: said, but not so: {name}:{number}\n{found:#?}");
                }
            }
        }
        if found.ways.is_empty() && from != "st" {
            let seen = Seen::now(&engine).await;
            let Some(target) = seen.containers.iter().find(|c| c.id == seen.id(&made, to)) else { continue };
            let mut tried: Vec<(String, u16)> = vec![(target.name.clone(), port)];
            tried.extend(target.networks.iter().filter_map(|n| n.ip).map(|ip| (ip.to_string(), port)));
            let published = target.ports.iter().filter(|p| p.container == port).filter_map(|p| p.host);
            let source = seen.containers.iter().find(|c| c.id == seen.id(&made, from));
            let gateways: Vec<_> = source.into_iter().flat_map(|c| &c.networks).filter_map(|n| n.gateway).collect();
            tried.extend(published.flat_map(|p| gateways.iter().map(move |g| (g.to_string(), p))));
            for (host, number) in tried {
                assert!(
                    !hears(&made, from, &host, &number.to_string()),
                    "{case}: works by {host}:{number}\n{found:#?}"
                );
            }
        }
    }
    // Of a listing alone, the service's name is known as well.
    let seen = Seen::now(&engine).await;
    let found = reach(&seen.map(), &seen.id(&made, "a1"), &seen.id(&made, "b1")).unwrap();
    assert_eq!((found.ways[0].names[0].as_str(), found.ways[0].network.as_str()), ("store", &*one));
    // What is told to be done, done: then it is reached.
    let (a, b) = (seen.id(&made, "a2"), seen.id(&made, "a1"));
    let todo = reach(&seen.map(), &a, &b).unwrap().obstacles[0].todo.clone();
    let words: Vec<&str> = todo.lines().next().unwrap().strip_prefix("docker ").unwrap().split(' ').collect();
    made.docker(&words);
    assert!(hears(&made, "a2", &made.name("a1"), "8000"));
}

#[tokio::test]
async fn a_name_that_two_have_and_a_port_that_another_has_are_told() {
    let made = Made::new("clash");
    let net = made.name("net");
    made.docker(&["network", "create", "--label", &made.label(), &net]);
    let sleep = ["sleep", "infinity"];
    let port = free_port().to_string();
    let bound = format!("127.0.0.1:{port}:80");
    made.run("a", &["--network", &net, "--network-alias", "db", "-p", &bound], &sleep);
    made.run("b", &["--network", &net, "--network-alias", "db"], &sleep);
    let (name, label) = (made.name("c"), made.label());
    made.docker(&["create", "--name", &name, "--label", &label, "--network", &net, "-p", &bound, IMAGE, "true"]);
    let engine = Engine::connect(&endpoint()).unwrap();
    let mut seen = Seen::now(&engine).await;
    seen.networks.retain(|n| made.owns(&n.labels));
    let mut ours = Vec::new();
    for container in seen.containers.iter().filter(|c| made.owns(&c.labels)) {
        ours.push(engine.inspect(&container.id).await.unwrap().container);
    }
    seen.containers = ours;
    let found = clashes(&seen.map());
    let told: Vec<_> = found.iter().map(|c| (c.code, c.between.clone())).collect();
    assert_eq!(
        told,
        [
            ("NAME_TWICE", vec![made.name("a"), made.name("b")]),
            ("HOST_PORT_TWICE", vec![made.name("c"), made.name("a")])
        ]
    );
    // And it is as told.
    assert!(made.attempt(&["start", &name]).unwrap_err().contains(&port));
}

fn ondeck(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_ondeck")).args(args).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[tokio::test]
async fn the_command_says_by_its_exit_code_what_it_found() {
    let made = Made::new("reachcli");
    let net = made.name("net");
    made.docker(&["network", "create", "--label", &made.label(), &net]);
    let hi = listen("0.0.0.0", 8000);
    let hi: Vec<&str> = hi.iter().map(String::as_str).collect();
    let id = made.run("a", &["--network", &net], &["sleep", "infinity"]);
    made.run("b", &["--network", &net], &hi);
    made.run("far", &["--network", "none"], &["sleep", "infinity"]);
    let (a, b, far) = (made.name("a"), made.name("b"), made.name("far"));
    until("it listens", async || if hears(&made, "a", &b, "8000") { Ok(()) } else { Err("not yet".to_owned()) }).await;
    let (code, out, _) = ondeck(&["reach", &id[..12], &b, "--port", "8000"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("reaches") && out.contains("8000/tcp") && !out.contains('\x1b'), "{out}");
    let (code, out, _) = ondeck(&["reach", &a, &far, "--json"]);
    let said: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &said["reachable"], &said["obstacles"][0]["code"]),
        (Some(1), &false.into(), &"NETWORK_NONE".into())
    );
    let (code, out, told) = ondeck(&["reach", &a, &format!("{b}x")]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(told.contains(&format!("did you mean {b}?")), "{told}");
    let (code, _, told) = ondeck(&["reach", &a, &b, "--port", "http"]);
    assert_eq!(code, Some(2), "{told}");
    assert_eq!(ondeck(&["reach", "host", &b, "--host", "unix:///nowhere/docker.sock"]).0, Some(2));
}
