//! Whether an engine can be reached: where it is, its socket, whether it answers, what it speaks, what it lets pass.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt;
use tokio::net::UnixStream;

use crate::engine::{Address, DEFAULT_SOCKET, Endpoint, EngineError, ErrorKind, Refusal, Surroundings};
use crate::text::duration;

use super::super::scan::Process;
use super::super::scene::{Needs, Scene};
use super::socket::{Opened, SocketFacts};
use super::{Entry, Found, SOON, socket, some};

/// Through ssh one logs in first.
const LOGIN: Duration = Duration::from_secs(16);
/// A daemon that is younger may still be on its way.
const YOUNG: u64 = 90;

pub(super) const CHECKS: &[Entry] = &[
    Entry {
        code: "ENDPOINT",
        title: "which engine is meant",
        needs: Needs::Nothing,
        patience: SOON,
        look: |scene| async { endpoint(&endpoint_facts(scene)) }.boxed(),
    },
    Entry {
        code: "SOCKET",
        title: "the way to the engine",
        needs: Needs::Nothing,
        patience: LOGIN,
        look: |scene| way(scene).boxed(),
    },
    Entry {
        code: "DAEMON",
        title: "the engine answers",
        needs: Needs::Nothing,
        patience: LOGIN,
        look: |scene| daemon_of(scene).boxed(),
    },
    Entry {
        code: "API",
        title: "the API's version",
        needs: Needs::Version,
        patience: SOON,
        look: |scene| api_of(scene).boxed(),
    },
    Entry {
        code: "ACCESS",
        title: "what the API lets pass",
        needs: Needs::Engine,
        patience: SOON,
        look: |scene| access_of(scene).boxed(),
    },
];

/// Everything that has a say in which engine is meant.
struct EndpointFacts {
    chosen: Result<Endpoint, EngineError>,
    /// `DOCKER_HOST`, unless a flag decides anyway.
    docker_host: Option<String>,
    /// What it would be without `DOCKER_HOST`.
    without: Result<Endpoint, EngineError>,
    /// Other sockets that are there.
    others: Vec<(PathBuf, &'static str)>,
}

fn endpoint_facts(scene: &Scene) -> EndpointFacts {
    let around = &scene.ask.around;
    let chosen = scene.endpoint.clone();
    let docker_host = around.env.get("DOCKER_HOST").filter(|h| !h.is_empty() && scene.ask.host.is_none()).cloned();
    let mut env = around.env.clone();
    env.remove("DOCKER_HOST");
    let without = Endpoint::resolve(None, &Surroundings { env, ..around.clone() });
    EndpointFacts { docker_host, without, others: others(scene), chosen }
}

/// The sockets that are there besides the one that is meant.
pub(super) fn others(scene: &Scene) -> Vec<(PathBuf, &'static str)> {
    let used = match scene.endpoint.as_ref().map(|e| &e.address) {
        Ok(Address::Unix(path)) => Some(path.clone()),
        _ => None,
    };
    let real = |path: &Path| std::fs::canonicalize(scene.machine.at(path)).unwrap_or_else(|_| path.to_owned());
    let used = used.map(|path| real(&path));
    let mut all = Endpoint::sockets(&scene.ask.around);
    all.retain(|(path, _)| scene.machine.at(path).exists() && Some(real(path)) != used);
    all
}

fn endpoint(facts: &EndpointFacts) -> Found {
    let chosen = match &facts.chosen {
        Ok(chosen) => chosen,
        Err(e) => return Found::fail(&e.message).mend(&e.hint),
    };
    let also: Vec<String> = facts.others.iter().map(|(path, kind)| format!("{} ({kind})", path.display())).collect();
    let also = if also.is_empty() { String::new() } else { format!("; also there: {}", also.join(", ")) };
    let said = format!("{}, by {}{also}", chosen.address, chosen.source);
    match (&facts.docker_host, &facts.without) {
        (Some(host), Ok(other)) if other.source != "the default" && other.address != chosen.address => {
            let name = &other.name;
            Found::warn(format!("DOCKER_HOST ({host}) wins over the context {name} ({})", other.address))
                .mend(
                    "one of the two is not meant: unset DOCKER_HOST to use the context, or: docker context use default",
                )
                .by("unset DOCKER_HOST")
        }
        (Some(host), Err(e)) => Found::warn(format!("DOCKER_HOST ({host}) is used; without it: {}", e.message))
            .mend("the context that is named beside it is wrong: docker context use default; unset DOCKER_CONTEXT")
            .by("unset DOCKER_CONTEXT; docker context use default"),
        _ => Found::ok(said),
    }
}

async fn way(scene: &Scene) -> Found {
    let endpoint = match &scene.endpoint {
        Ok(endpoint) => endpoint,
        Err(e) => return Found::skipped(format!("there is no address: {}", e.message)),
    };
    if let Address::Unix(path) = &endpoint.address {
        return socket::judge(&socket_facts(scene, path).await);
    }
    match (scene.reached().await, &endpoint.address) {
        (Err(e), _) if e.kind == ErrorKind::Timeout => Found::ok(format!("{} takes connections", endpoint.address)),
        (Err(e), _) if answered(e) => Found::ok(format!("something answers at {}", endpoint.address)),
        (Err(e), _) => Found::fail(&e.message).mend(&e.hint),
        (Ok(_), Address::Ssh { .. }) => Found::ok(format!("{} lets us in", endpoint.address)),
        (Ok(_), address) if matches!(address, Address::Tcp { .. }) && endpoint.tls.is_none() && !loopback(address) => {
            Found::warn(format!("{address} takes everybody who can reach it, without TLS"))
                .mend("whoever reaches that port is root there: use ssh://user@host, or TLS")
        }
        (Ok(_), address) => Found::ok(format!("{address} takes connections")),
    }
}

fn loopback(address: &Address) -> bool {
    matches!(address, Address::Tcp { host, .. }
        if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

/// Whether an error is an answer: then there is a way.
fn answered(error: &EngineError) -> bool {
    matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Other)
}

async fn socket_facts(scene: &Scene, path: &Path) -> SocketFacts {
    let machine = &scene.machine;
    let opened = match tokio::time::timeout(SOON, UnixStream::connect(machine.at(path))).await {
        Err(_) => Opened::Slow,
        Ok(Ok(_)) => Opened::Yes,
        Ok(Err(e)) => match e.kind() {
            io::ErrorKind::NotFound => Opened::Missing,
            io::ErrorKind::ConnectionRefused => Opened::Refused,
            io::ErrorKind::PermissionDenied => Opened::Denied,
            _ => Opened::Other(e.to_string()),
        },
    };
    let rootless = Endpoint::sockets(&scene.ask.around).iter().any(|(p, kind)| p == path && *kind == "rootless");
    let daemons = if opened == Opened::Yes { Vec::new() } else { scene.scan().await.daemons.clone() };
    SocketFacts {
        path: path.to_owned(),
        default: path == Path::new(DEFAULT_SOCKET),
        opened,
        node: socket::node(&machine.at(path)),
        closed: socket::closed(&machine.root, path),
        person: machine.person(),
        container: machine.in_container(),
        installed: scene.program("dockerd").is_some() || machine.has_unit("docker.service"),
        start: machine.start_command(rootless).filter(|_| rootless || path == Path::new(DEFAULT_SOCKET)),
        systemd: machine.has_systemd(),
        others: others(scene),
        daemons: daemons.into_iter().filter(|(p, _)| p.name == "dockerd").collect(),
        group: None,
    }
    .with_group(machine)
}

/// How the engine answers.
struct DaemonFacts {
    answer: Result<Duration, EngineError>,
    /// Whether one may hope for an answer at all.
    way: bool,
    product: Option<String>,
    daemons: Vec<(Process, u64)>,
    /// What restarts it here.
    restart: Option<String>,
}

async fn daemon_of(scene: &Scene) -> Found {
    let answer = scene.reached().await.clone();
    let known = if answer.is_ok() { scene.info().await.ok() } else { None };
    let product = known.map(|known| format!("{} {}", known.engine.product, known.engine.version));
    let local = scene.endpoint.as_ref().is_ok_and(Endpoint::is_local);
    let daemons = if local && answer.is_err() { scene.scan().await.daemons.clone() } else { Vec::new() };
    let way = answer.as_ref().err().is_none_or(|e| e.kind == ErrorKind::Timeout || answered(e));
    let restart = scene.machine.start_command(false).filter(|_| local);
    let sudo = if scene.machine.person().uid == 0 { "" } else { "sudo " };
    let restart = restart.map(|start| format!("{sudo}{}", start.replace("start", "restart")));
    daemon(&DaemonFacts { answer, way, product, daemons, restart })
}

fn daemon(facts: &DaemonFacts) -> Found {
    let error = match &facts.answer {
        Ok(took) => {
            let product = facts.product.as_deref().unwrap_or("the engine");
            return Found::ok(format!("{product} answers in {} ms", took.as_millis()));
        }
        Err(e) => e,
    };
    if !facts.way {
        return Found::skipped("there is no way to it (see above)");
    }
    let own = facts.daemons.iter().find(|(process, _)| process.name == "dockerd");
    match (error.kind, own) {
        (ErrorKind::Timeout, Some((process, age))) if *age < YOUNG => Found::fail(format!(
            "dockerd (pid {}) runs since {} and does not answer yet: it is starting",
            process.pid,
            duration(*age)
        ))
        .mend("wait a minute; journalctl -u docker shows what it does")
        .by("journalctl -u docker -n 50"),
        (ErrorKind::Timeout, own) => {
            let who =
                own.map_or_else(String::new, |(p, age)| format!("; dockerd is pid {}, up {}", p.pid, duration(*age)));
            let found = Found::fail(format!("{}{who}", error.message))
                .mend("it hangs: look at its log (journalctl -u docker -n 50) and at the disk; containers go on while it is restarted only with live-restore");
            match &facts.restart {
                Some(command) => found.by(command),
                None => found,
            }
        }
        _ => Found::fail(&error.message).mend(&error.hint),
    }
}

/// What the engine speaks, and what is asked of it.
#[derive(Default)]
struct ApiFacts {
    podman: bool,
    newest: String,
    oldest: String,
    /// The newest that the docker command here speaks.
    client: Option<String>,
    /// `DOCKER_API_VERSION`.
    forced: Option<String>,
}

async fn api_of(scene: &Scene) -> Found {
    let Ok(known) = scene.info().await else { return Found::skipped("the engine does not say") };
    // With an engine that cannot be there it says its own part at once.
    let ask = ["-H", "unix:///nowhere.sock", "version", "--format", "{{.Client.DefaultAPIVersion}}"];
    let client = match scene.run("docker", &ask).await {
        Ok(out) => Some(String::from_utf8_lossy(&out.stdout).trim().to_owned()).filter(|v| minor(v).is_some()),
        Err(_) => None,
    };
    api(&ApiFacts {
        podman: !known.is_docker(),
        newest: known.engine.api_version.clone(),
        oldest: known.engine.min_api_version.clone(),
        client,
        forced: scene.ask.around.env.get("DOCKER_API_VERSION").filter(|v| !v.is_empty()).cloned(),
    })
}

/// `1.41` as 41.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.parse().ok()
}

/// The oldest API that is tried.
const TRIED: u32 = 41;

fn api(facts: &ApiFacts) -> Found {
    let window = format!("the engine speaks {} to {}", facts.oldest, facts.newest);
    let Some((newest, oldest)) = minor(&facts.newest).zip(minor(&facts.oldest).or(Some(0))) else {
        return Found::warn(format!("the engine says a version that is not understood: {}", facts.newest));
    };
    let outside = |version: &String| minor(version).is_some_and(|v| v < oldest || v > newest);
    if let Some(forced) = facts.forced.as_ref().filter(|v| outside(v)) {
        return Found::warn(format!("{window}; DOCKER_API_VERSION={forced} is outside: the docker command is refused"))
            .mend("unset it: the docker command and ondeck find the right one themselves")
            .by("unset DOCKER_API_VERSION");
    }
    if let Some(client) = facts.client.as_ref().filter(|v| minor(v).is_some_and(|v| v < oldest)) {
        return Found::warn(format!("{window}; the docker command here knows only up to {client} and is refused"))
            .mend("ondeck takes any; update the docker command and compose, or set min-api-version in the engine's daemon.json");
    }
    if newest < TRIED && !facts.podman {
        return Found::warn(format!("{window}; ondeck is tried from 1.{TRIED} on"))
            .mend("update the engine: 20.10 is the oldest that is looked after here");
    }
    Found::ok(format!("{window}; ondeck takes its newest"))
}

async fn access_of(scene: &Scene) -> Found {
    let engine = match scene.engine() {
        Ok(engine) => engine,
        Err(e) => return Found::skipped(e.message),
    };
    match engine.refusals().await {
        Ok(refused) => access(&refused),
        Err(e) => Found::skipped(format!("it could not be tried: {}", e.message)),
    }
}

fn access(refused: &[Refusal]) -> Found {
    if refused.is_empty() {
        return Found::ok("everything");
    }
    let reads = refused.iter().any(|r| !r.changes);
    let all: Vec<String> = refused.iter().map(|r| format!("{} ({})", r.what, r.request)).collect();
    let words = "a socket proxy or an authorisation plugin stands before the engine: let it pass these, or be content with less";
    let said = format!("refused: {}", some(all, 8));
    // Without changes it is a panel to look at: somebody wanted it so.
    if reads { Found::warn(said).mend(words) } else { Found::warn(format!("read only; {said}")).mend(words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;
    use crate::doctor::scene::resolve;

    fn at(address: &str, source: &str) -> Endpoint {
        let address = Address::parse(address).expect("an address");
        Endpoint {
            name: source.rsplit(' ').next().unwrap_or_default().to_owned(),
            address,
            tls: None,
            source: source.into(),
        }
    }

    #[test]
    fn an_endpoint_says_why_it_is_the_one() {
        let mut facts = EndpointFacts {
            chosen: Ok(at("unix:///var/run/docker.sock", "the default")),
            docker_host: None,
            without: Ok(at("unix:///var/run/docker.sock", "the default")),
            others: vec![("/run/user/1000/docker.sock".into(), "rootless")],
        };
        let found = endpoint(&facts);
        assert_eq!(found.outcome, Outcome::Ok);
        assert!(found.evidence.starts_with("unix:///var/run/docker.sock, by the default; also there: /run/user/1000"));
        // Both set and at odds.
        facts.docker_host = Some("tcp://old:2375".into());
        facts.chosen = Ok(at("tcp://old:2375", "DOCKER_HOST"));
        facts.without = Ok(at("ssh://ops@web", "context web"));
        let found = endpoint(&facts);
        assert_eq!(found.outcome, Outcome::Warn);
        assert_eq!(found.evidence, "DOCKER_HOST (tcp://old:2375) wins over the context web (ssh://ops@web)");
        assert_eq!(found.fix.and_then(|f| f.command).as_deref(), Some("unset DOCKER_HOST"));
        // Both set and of one mind.
        facts.without = Ok(at("tcp://old:2375", "context web"));
        assert_eq!(endpoint(&facts).outcome, Outcome::Ok);
        facts.without = Err(EngineError::new(ErrorKind::Config, "there is no context `gone`"));
        assert_eq!(endpoint(&facts).outcome, Outcome::Warn);
        facts.chosen = Err(EngineError::new(ErrorKind::Config, "bad").with_hint("do"));
        assert_eq!((endpoint(&facts).outcome, endpoint(&facts).evidence.as_str()), (Outcome::Fail, "bad"));
    }

    #[test]
    fn a_daemon_that_starts_is_told_from_one_that_hangs() {
        let hung = EngineError::new(ErrorKind::Timeout, "unix:///x gave no answer within 5s");
        let dockerd = |age| vec![(Process { pid: 7, name: "dockerd".into() }, age)];
        let mut facts = DaemonFacts {
            answer: Err(hung),
            way: true,
            product: None,
            daemons: dockerd(4),
            restart: Some("sudo systemctl restart docker".into()),
        };
        assert!(daemon(&facts).evidence.ends_with("it is starting"));
        facts.daemons = dockerd(9000);
        let found = daemon(&facts);
        assert!(found.evidence.ends_with("dockerd is pid 7, up 2h"), "{found:?}");
        assert!(found.fix.as_ref().is_some_and(|f| !f.harmless && f.command.is_some()), "{found:?}");
        facts.way = false;
        assert_eq!(daemon(&facts).outcome, Outcome::Skipped);
        facts.answer = Ok(Duration::from_millis(3));
        facts.product = Some("docker 28.2.2".into());
        assert_eq!(daemon(&facts), Found::ok("docker 28.2.2 answers in 3 ms"));
    }

    #[test]
    fn versions_that_do_not_meet_are_told() {
        let facts = |newest: &str, oldest: &str| ApiFacts {
            newest: newest.into(),
            oldest: oldest.into(),
            client: Some("1.50".into()),
            ..ApiFacts::default()
        };
        assert_eq!(api(&facts("1.52", "1.44")).outcome, Outcome::Ok);
        let old = ApiFacts { client: Some("1.41".into()), ..facts("1.52", "1.44") };
        assert!(api(&old).evidence.contains("knows only up to 1.41 and is refused"));
        let forced = ApiFacts { forced: Some("1.39".into()), ..facts("1.52", "1.44") };
        assert_eq!(api(&forced).fix.and_then(|f| f.command).as_deref(), Some("unset DOCKER_API_VERSION"));
        assert_eq!(api(&facts("1.38", "1.12")).outcome, Outcome::Warn);
        assert_eq!(api(&ApiFacts { podman: true, ..facts("1.40", "1.24") }).outcome, Outcome::Ok);
        assert_eq!(api(&facts("", "")).outcome, Outcome::Warn);
    }

    #[test]
    fn what_a_proxy_refuses_is_named() {
        assert_eq!(access(&[]), Found::ok("everything"));
        let refusal = |what, request: &str, changes| Refusal { what, request: request.into(), changes };
        let found = access(&[refusal("start, stop, remove", "POST /containers/x/start", true)]);
        assert!(found.outcome == Outcome::Warn && found.evidence.starts_with("read only; refused: start, stop"));
        let found = access(&[refusal("images", "GET /images/json", false)]);
        assert_eq!(found.evidence, "refused: images (GET /images/json)");
    }

    #[test]
    fn only_loopback_may_be_without_tls() {
        let is = |text: &str| loopback(&Address::parse(text).expect("an address"));
        assert!(
            is("tcp://127.0.0.1:2375") && is("tcp://localhost:1") && is("tcp://[::1]:1") && !is("tcp://10.0.0.1:1")
        );
    }

    #[test]
    fn the_config_decides_only_where_the_shell_does_not() {
        let mut config = crate::config::Config::default();
        config.host = Some("tcp://config:1".into());
        let ask = |env: &[(&str, &str)]| crate::doctor::Ask {
            host: None,
            around: Surroundings {
                env: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
                home: "/nowhere".into(),
                root: "/".into(),
            },
            config: config.clone(),
            terminal: crate::doctor::Terminal::default(),
            containers: false,
        };
        let address = |env: &[(&str, &str)]| resolve(&ask(env)).map(|e| e.address.to_string()).unwrap_or_default();
        assert_eq!(address(&[]), "tcp://config:1");
        assert_eq!(address(&[("DOCKER_HOST", "tcp://shell:2")]), "tcp://shell:2");
    }
}
