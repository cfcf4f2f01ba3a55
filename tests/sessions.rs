//! Sessions on a real engine: what one can do in them, what one cannot, and how they end.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use common::docker::IMAGE;
use common::guest::Guest;
use common::live::{endpoint, seen, until, watch};
use ondeck::config::Size;
use ondeck::engine::{Engine, ErrorKind, ExecAsk};
use ondeck::sessions::{self, Ask, Progress, Session, Spec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Older engines give a terminal its size only once the program runs.
const GROWN: &str = "while [ \"$(stty size)\" = '0 0' ]; do sleep 0.05; done; stty size; exit 4";

async fn gone(engine: &Engine, container: &str) {
    until("the session's container is gone", async || match engine.inspect(container).await {
        Err(e) if e.kind == ErrorKind::NotFound => Ok(()),
        other => Err(format!("{:?}", other.map(|i| i.container.state))),
    })
    .await;
}

#[tokio::test]
async fn images_are_built_and_run_without_a_network_and_the_end_leaves_only_the_workspace() {
    let guest = Guest::new();
    let session = guest.start(&guest.spec()).await;
    let built = "printf 'FROM debian:bookworm-slim\\nRUN echo made > /made\\nCMD [\"cat\", \"/made\"]\\n' > Dockerfile
        docker build --quiet --tag try . >&2 && docker run --rm try";
    assert_eq!(guest.told(&session, built).await, "made");
    assert_eq!(
        guest.told(&session, "DOCKER_BUILDKIT=1 docker build --quiet --tag again . >&2 && docker run --rm again").await,
        "made"
    );
    let mounts = guest.engine.inspect(&session.container).await.unwrap().container.mounts;
    let volumes: BTreeMap<String, String> = mounts.into_iter().map(|m| (m.target, m.name.unwrap())).collect();
    let (data, kept) = (&volumes["/var/lib/docker"], &volumes["/workspace"]);

    // What a session may do is meant to be so, and no alarm of an audit.
    let audit = Command::new(env!("CARGO_BIN_EXE_ondeck"))
        .args(["audit", &session.container, "--severity", "info", "--json"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&audit.stdout).unwrap();
    let of =
        report["findings"].as_array().unwrap().iter().filter(|f| f["name"] == sessions::container_name(&session.id));
    let (meant, told): (Vec<_>, Vec<_>) = of.partition(|f| !f["ignored"].is_null());
    assert!(told.is_empty() && meant.iter().any(|f| f["code"] == "OD-C15"), "{told:#?}");

    sessions::end(&guest.engine, &session).await.unwrap();
    assert!(guest.mine(&["ps", "--all"]).is_empty());
    assert_eq!(Guest::docker(&["volume", "ls", "--quiet", "--filter", &format!("name={data}")]), "");
    assert_eq!(
        Guest::docker(&["network", "ls", "--quiet", "--filter", &format!("label=dev.ondeck.session={}", session.id)]),
        ""
    );
    assert_eq!(&guest.mine(&["volume", "ls"]), std::slice::from_ref(kept));

    // Whoever comes back finds the work, and the images that the lab brings, but not what was made of them.
    let again = guest.start(&guest.spec()).await;
    assert_eq!(again.workspace, session.workspace);
    assert_eq!(
        guest.told(&again, "cat Dockerfile | wc -l; docker images --format '{{.Repository}}'").await,
        "3\ndebian"
    );
    sessions::end(&guest.engine, &again).await.unwrap();
    sessions::forget(&guest.engine, &again.owner, &again.workspace).await.unwrap();
    assert!(guest.mine(&["volume", "ls"]).is_empty());
}

#[tokio::test]
async fn containers_of_another_user_than_root_can_be_entered_and_asked_how_they_are() {
    let guest = Guest::new();
    let session = guest.start(&guest.spec()).await;
    guest
        .told(
            &session,
            "docker run --detach --name other --user 10001:10001 --cap-drop ALL --security-opt no-new-privileges --read-only \
                --health-cmd true --health-interval 1s debian:bookworm-slim sleep 600",
        )
        .await;
    assert_eq!(guest.told(&session, "docker exec other id --user").await, "10001");
    let health =
        "until docker inspect --format '{{.State.Health.Status}}' other | grep -v starting; do sleep 0.1; done";
    assert_eq!(guest.told(&session, health).await, "healthy");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leads_out_of_a_session() {
    let guest = Guest::new();
    let session = guest.start(&guest.spec()).await;
    let other = guest.start(&guest.spec()).await;
    guest.told(&other, "nohup socat TCP-LISTEN:7777,fork,reuseaddr EXEC:'echo in' >/dev/null 2>&1 & sleep 0.2").await;

    // A service of the host, on all its addresses; and the host's own of each bridge.
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut c, _)) = listener.accept().await {
            let _ = c.write_all(b"HTTP/1.0 200 OK\r\n\r\nhost").await;
        }
    });
    let addresses = Command::new("hostname").arg("-I").output().unwrap();
    let addresses = String::from_utf8(addresses.stdout).unwrap();
    let here = Command::new("curl").args(["-s", &format!("http://127.0.0.1:{port}/")]).output().unwrap();
    assert_eq!(here.stdout, b"host", "the service that must not be reached is there");
    for address in addresses.split_whitespace().filter(|a| !a.contains(':')) {
        guest.refused(&session, &format!("curl --silent --max-time 3 http://{address}:{port}/ | grep host")).await;
        guest
            .refused(
                &session,
                &format!("docker run --rm debian:bookworm-slim timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}'"),
            )
            .await;
    }
    // Names, registries, the other session (whose addresses are its own), the host's Docker.
    guest.refused(&session, "getent hosts deb.debian.org").await;
    guest.refused(&session, "timeout 20 docker pull hello-world").await;
    guest.refused(&session, "curl --silent --max-time 3 http://127.0.0.1:7777/").await;
    assert_eq!(
        guest.told(&session, "ls /sys/class/net | grep -v -e ^lo$ -e ^docker0$ -e ^veth || echo none").await,
        "none"
    );
    let inner = guest.told(&session, "docker info --format '{{.ID}}'").await;
    assert_ne!(inner, Guest::docker(&["info", "--format", "{{.ID}}"]));
    // Its own Docker, asked for everything, gives no more than the session has.
    assert_eq!(
        guest.told(&session, "docker run --rm --pid host --network host debian:bookworm-slim ls /sys/class/net | grep -vc -e lo -e docker0 -e veth || true").await,
        "0"
    );
    // The host's processes: this one, and the daemon that carries the session.
    let pid = std::process::id();
    guest.refused(&session, &format!("grep -a sessions /proc/{pid}/cmdline")).await;
    let seen = guest.told(&session, "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'").await;
    assert!(!seen.contains("nextest") && !seen.contains("ondeck-session-"), "{seen}");
}

#[tokio::test]
async fn root_in_a_session_gets_neither_the_hosts_disk_nor_past_its_limits() {
    let guest = Guest::new();
    let session = guest.start(&guest.spec()).await;
    let number = "n=$(cat /sys/class/block/$(lsblk -ndo NAME 2>/dev/null | head -1)/dev 2>/dev/null || cat /sys/class/block/*/dev | tail -1)";
    guest.refused(&session, &format!("{number}; mknod /tmp/disk b ${{n%:*}} ${{n#*:}}")).await;
    guest.refused(
        &session,
        "mkdir -p /tmp/dev && mount -t devtmpfs dev /tmp/dev && for d in /tmp/dev/vd* /tmp/dev/sd* /tmp/dev/nvme* /tmp/dev/loop0; do
            [ -b $d ] && { head -c 512 $d >/dev/null 2>&1 || mount $d /mnt 2>/dev/null; } && echo $d && exit 0; done; exit 1",
    )
    .await;
    guest.refused(&session, "docker run --rm --privileged debian:bookworm-slim sh -c 'for d in /dev/vd* /dev/sd*; do head -c 1 $d && exit 0; done; exit 1'").await;
    // Rights to devices and memory that the engine did not give.
    guest.refused(&session, "echo a > /sys/fs/cgroup/devices/devices.allow").await;
    let limit =
        "for f in $(find /sys/fs/cgroup -maxdepth 2 -name memory.max -o -maxdepth 2 -name memory.limit_in_bytes); do
        case $(cat $f) in 419430400) echo -1 > $f || echo max > $f; cat $f;; esac; done | grep -v 419430400";
    guest.refused(&session, limit).await;
    // Whoever makes a group below, goes there and takes that for the top, may write to the one above; not to the
    // one that counts.
    guest
        .run(&session, "for top in /sys/fs/cgroup /sys/fs/cgroup/memory; do [ -e $top/cgroup.procs ] || continue
            mkdir -p $top/below && sh -c \"echo \\$\\$ > $top/below/cgroup.procs && unshare -C sh -c '
            for f in $top/memory.max $top/memory.limit_in_bytes; do [ -e \\$f ] && { echo max > \\$f || echo -1 > \\$f; }; done'\"; done")
        .await;
    guest
        .refused(&session, "docker run --rm debian:bookworm-slim perl -e '$x = chr(97) x (1 << 30); print length $x'")
        .await;
    // What all sessions share.
    guest.refused(&session, "touch /seed/mine").await;
    guest.refused(&session, "mount -o remount,bind,rw /seed && touch /seed/mine").await;
    guest.refused(&session, "mount -o remount,rw /proc/sys").await;
    guest.refused(&session, "echo x > /proc/sys/kernel/core_pattern").await;
    // Where memory was short, its Docker may need a moment, or be started again by the session's first process.
    let again =
        "for n in $(seq 60); do docker run --rm debian:bookworm-slim echo still works && exit; sleep 0.5; done; exit 1";
    assert_eq!(guest.told(&session, again).await, "still works");
}

#[tokio::test]
async fn limits_hold_for_inner_containers_and_the_host_hears_of_a_hog() {
    let guest = Guest::new();
    let spec = Spec { pids: 200, ..guest.spec() };
    let session = guest.start(&spec).await;
    let host = watch(&endpoint());
    seen(&host, "the session", |s| s.containers.contains_key(&session.container).then_some(())).await;
    let hog =
        "docker run --name hog debian:bookworm-slim tail /dev/zero; docker inspect --format '{{.State.ExitCode}}' hog";
    assert_eq!(guest.told(&session, hog).await, "137");
    assert_eq!(guest.told(&session, "docker run --rm debian:bookworm-slim echo alive").await, "alive");
    seen(&host, "that memory ran out", |s| {
        s.events.iter().any(|e| e.action == "oom" && e.id == session.container).then_some(())
    })
    .await;
    // Processes: far fewer than asked for, and still there afterwards.
    let forks = guest
        .run(&session, "docker run --rm debian:bookworm-slim sh -c 'for i in $(seq 500); do sleep 3 & done; wait' 2>&1")
        .await;
    let said = format!("{}{}", String::from_utf8_lossy(&forks.out), String::from_utf8_lossy(&forks.err));
    assert!(said.to_lowercase().contains("fork") || said.contains("resource"), "{said}");
    let alive = async || {
        let ran = guest.engine.exec_run(&session.container, &ExecAsk::of(["docker", "ps", "--quiet"])).await;
        ran.map_err(|e| e.to_string()).and_then(|r| if r.code == Some(0) { Ok(()) } else { Err(r.last_words()) })
    };
    until("its Docker answers again", alive).await;
    // Time: two busy loops get one processor's worth between them.
    let quota = guest
        .told(&session, "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null || true")
        .await;
    assert!(quota.starts_with("100000"), "{quota}");
}

#[tokio::test]
async fn a_session_ends_by_itself_and_the_next_one_resumes_its_work() {
    let guest = Guest::new();
    // An emulated host needs a while for what is done before the end.
    let ttl = if endpoint().is_local() { 12 } else { 60 };
    let spec = Spec { ttl, lab: Some("lab-x".into()), ..guest.spec() };
    let session = guest.start(&spec).await;
    guest.told(&session, "echo precious > work; docker run -d debian:bookworm-slim sleep 1000").await;
    let error =
        sessions::start(&guest.engine, &guest.config, &spec, &|_| {}, std::future::pending()).await.unwrap_err();
    assert!(error.to_string().contains(&format!("session {} of", session.id)), "{error}");
    // Nobody does anything from here on.
    gone(&guest.engine, &session.container).await;
    assert!(guest.mine(&["ps", "--all"]).is_empty());
    let next = guest.start(&Spec { ttl: 600, ..spec }).await;
    assert_ne!(next.id, session.id);
    assert_eq!(guest.told(&next, "cat work").await, "precious");
}

#[tokio::test]
async fn a_session_can_be_extended_up_to_what_it_may_live() {
    let guest = Guest::new();
    let session = guest.start(&Spec { ttl: 60, longest: 120, images: vec![], ..guest.spec() }).await;
    let left = sessions::left(&guest.engine, &session.container).await.unwrap();
    assert!((1..=60).contains(&left.seconds) && (left.seconds..=120).contains(&left.longest), "{left:?}");
    let more = sessions::extend(&guest.engine, &session.container, 30).await.unwrap();
    assert!((61..=90).contains(&more.seconds), "{more:?}");
    let most = sessions::extend(&guest.engine, &session.container, 3600).await.unwrap();
    assert!((91..=120).contains(&most.seconds), "{most:?}");
    // Whoever is root in there cannot give itself more: it ends when the deadline that it was born with comes.
    sessions::extend(&guest.engine, &session.container, -most.seconds).await.unwrap();
    gone(&guest.engine, &session.container).await;
}

#[tokio::test]
async fn a_host_that_is_full_says_so_with_its_figures() {
    let mut guest = Guest::new();
    let start = async |guest: &Guest| {
        sessions::start(&guest.engine, &guest.config, &guest.spec(), &|_| {}, std::future::pending()).await.unwrap_err()
    };
    guest.config.max = 0;
    let error = start(&guest).await;
    assert!(error.message.contains("of at most 0 run on this host") && !error.hint.is_empty(), "{error}");
    (guest.config.max, guest.config.budget) = (100, Some(Size(100 << 20)));
    let error = start(&guest).await;
    assert!(error.message.contains("another 400M of memory would go over the 100M"), "{error}");
    let missing = Spec { images: vec!["no/such:image".into()], ..guest.spec() };
    guest.config.budget = Some(Size(1 << 50));
    let error =
        sessions::start(&guest.engine, &guest.config, &missing, &|_| {}, std::future::pending()).await.unwrap_err();
    assert!(error.message.contains("no/such:image is not on this host"), "{error}");
    assert!(guest.mine(&["ps", "--all"]).is_empty());
}

#[tokio::test]
async fn the_docker_within_is_watched_like_a_hosts_and_its_service_can_be_asked() {
    let guest = Guest::new();
    let session = guest.start(&guest.spec()).await;
    let host = watch(&session.endpoint(&endpoint()));
    seen(&host, "an image", |s| s.images.values().any(|i| i.tags.contains(&IMAGE.to_owned())).then_some(())).await;
    let serve = r#"docker run -d --name web -p 8080:80 debian:bookworm-slim perl -MSocket -e '
        socket(S,PF_INET,SOCK_STREAM,0); setsockopt(S,SOL_SOCKET,SO_REUSEADDR,1); bind(S,sockaddr_in(80,INADDR_ANY)); listen(S,9);
        while (accept(C,S)) { my $line = <C>; while (<C>) { last if /^\r/ } print "asked\n"; $| = 1;
        syswrite C, "HTTP/1.0 200 OK\r\n\r\n{\"you\":\"" . (split / /, $line)[1] . "\"}"; close C }'"#;
    guest.told(&session, serve).await;
    let web =
        seen(&host, "the container", |s| s.containers.values().find(|c| c.name == "web" && c.state.is_up()).cloned())
            .await;
    host.want_usage(vec![web.id.clone()]);
    seen(&host, "what it uses", |s| s.usage.get(&web.id).filter(|u| u.now.memory > 0).map(drop)).await;

    let ask = Ask::parse("/health?x=1", session.port).unwrap();
    let answer = until("the service answers", async || {
        sessions::look(&guest.engine, &session, &ask).await.map_err(|e| e.to_string())
    })
    .await;
    assert_eq!((answer.code, &answer.body[..]), (200, &b"{\"you\":\"/health?x=1\"}"[..]));
    let nobody = sessions::look(&guest.engine, &session, &Ask::parse(":81/", 80).unwrap()).await.unwrap_err();
    assert!(nobody.message.contains("nothing listens on port 81"), "{nobody}");

    // The same through a port of this machine.
    let relay =
        guest.engine.forward(&session.name, Session::port_command(8080), ([127, 0, 0, 1], 0).into()).await.unwrap();
    let mut wire = tokio::net::TcpStream::connect(&relay.address).await.unwrap();
    wire.write_all(b"GET /through HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    wire.read_to_string(&mut text).await.unwrap();
    assert!(text.contains("{\"you\":\"/through\"}"), "{text}");

    // And its log, which went through the same tunnel.
    let inner = host.engine();
    let asked = async || {
        use futures::StreamExt;
        let pieces: Vec<_> = inner.logs(&web.id, &ondeck::engine::LogAsk::default()).await.unwrap().collect().await;
        let all: Vec<u8> = pieces.into_iter().flat_map(|p| p.unwrap().to_vec()).collect();
        if String::from_utf8_lossy(&all).contains("asked") { Ok(()) } else { Err(format!("{all:?}")) }
    };
    until("the log", asked).await;

    // A command in an inner container: what it reads ends, and so does what it prints.
    let ran = inner.exec_fed(&web.id, &ExecAsk::of(["sh", "-c", "cat; exit 3"]), b"both ways").await.unwrap();
    assert_eq!((ran.code, &ran.out[..]), (Some(3), &b"both ways"[..]));
    let tty = ExecAsk { tty: Some((40, 10)), ..ExecAsk::of(["sh", "-c", GROWN]) };
    let mut exec = inner.exec_tty(&web.id, &tty).await.unwrap();
    let mut screen = String::new();
    exec.output.read_to_string(&mut screen).await.unwrap();
    assert_eq!((screen.trim(), inner.exec_state(&exec.id).await.unwrap().code), ("10 40", Some(4)));

    // With the session its Docker is gone, and says so.
    sessions::end(&guest.engine, &session).await.unwrap();
    let why = seen(&host, "that it has ended", |s| match &s.link {
        ondeck::fleet::Link::Down { error, .. } if error.kind == ErrorKind::NotFound => Some(error.message.clone()),
        _ => None,
    })
    .await;
    assert!(why.contains("has ended"), "{why}");
}

#[tokio::test]
async fn a_start_that_is_cancelled_or_fails_leaves_nothing() {
    let guest = Guest::new();
    let (at, begun) = tokio::sync::oneshot::channel();
    let at = std::sync::Mutex::new(Some(at));
    let tell = |progress: Progress| {
        if let Progress::Step(text) = progress
            && text.starts_with("starting session")
            && let Some(at) = at.lock().unwrap().take()
        {
            at.send(()).unwrap();
        }
    };
    let cancel = async {
        begun.await.unwrap();
        // In the middle of it: once there is something to take back.
        until(
            "a container",
            async || if guest.mine(&["ps", "--all"]).is_empty() { Err(String::new()) } else { Ok(()) },
        )
        .await;
    };
    let started = sessions::start(&guest.engine, &guest.config, &guest.spec(), &tell, cancel).await.unwrap();
    // The container may have been quicker.
    if let Some(session) = started {
        sessions::end(&guest.engine, &session).await.unwrap();
    }
    assert!(guest.mine(&["ps", "--all"]).is_empty());
}

#[tokio::test]
async fn what_dead_sessions_left_is_swept() {
    let guest = Guest::new();
    let owner = format!("dev.ondeck.owner={}", guest.owner);
    let dead = Guest::docker(&[
        "run",
        "-d",
        "--network",
        "none",
        "--label",
        &owner,
        "--label",
        "dev.ondeck.session=dead",
        IMAGE,
        "true",
    ]);
    until("it ended", async || {
        let state = guest.engine.inspect(&dead).await.unwrap().container.state;
        if state.is_up() { Err(format!("{state:?}")) } else { Ok(()) }
    })
    .await;
    // Another test's start may sweep at the same moment.
    sessions::sweep(&guest.engine).await.unwrap();
    gone(&guest.engine, &dead).await;
}

#[test]
fn the_command_line_starts_lists_uses_and_ends_sessions() {
    let guest = Guest::new();
    let ondeck = |args: &[&str], input: Option<&str>| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ondeck"))
            .args(args)
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
            std::io::Write::write_all(&mut pipe, text.as_bytes()).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let text = |b: &[u8]| String::from_utf8_lossy(b).trim().to_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, id, progress) = ondeck(
        &[
            "session",
            "start",
            "--owner",
            &guest.owner,
            "--workspace",
            "cli",
            "--memory",
            "300m",
            "--ttl",
            "5m",
            "--image",
            IMAGE,
        ],
        None,
    );
    assert_eq!(code, Some(0), "{progress}");
    assert!(id.len() == 4 && progress.contains("starting session") && progress.contains("ready:"), "{id} {progress}");

    let (_, list, _) = ondeck(&["session", "ls", "--json"], None);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let own = list.as_array().unwrap().iter().find(|s| s["id"] == *id).unwrap();
    assert_eq!(
        (&own["owner"], &own["workspace"], &own["memory"]),
        (&guest.owner.clone().into(), &"cli".into(), &(300_u64 << 20).into())
    );
    assert!((1..=300).contains(&own["seconds_left"].as_i64().unwrap()), "{own}");
    assert!(ondeck(&["session", "ls"], None).1.contains(&id));

    assert_eq!(
        ondeck(&["session", "exec", &id, "--", "sh", "-c", "cat; exit 7"], Some("piped")),
        (Some(7), "piped".into(), String::new())
    );
    // A start that took no whole second leaves all of it.
    let left = ondeck(&["session", "extend", &id, "10m"], None).1;
    assert!(["14m left", "15m left"].contains(&left.as_str()), "{left}");
    assert!(ondeck(&["session", "logs", &id], None).1.contains("session: ends at"));
    let (code, _, complaint) = ondeck(&["session", "attach", &id], None);
    assert!(code == Some(1) && complaint.contains("needs a terminal"), "{complaint}");
    let (code, _, complaint) = ondeck(&["session", "end", "zzzz"], None);
    assert!(code == Some(1) && complaint.contains("there is no session zzzz"), "{complaint}");

    let (code, _, told) = ondeck(&["session", "end", "--forget", &id], None);
    assert_eq!(code, Some(0), "{told}");
    assert!(guest.mine(&["ps", "--all"]).is_empty() && guest.mine(&["volume", "ls"]).is_empty());
}

/// The panel of a test's own owner.
fn panel(guest: &Guest, folder: &std::path::Path) -> common::pty::Terminal {
    let config = folder.join("config.yaml");
    std::fs::write(&config, "sessions: {max: 100, memory: 400m}\n").unwrap();
    let panel = common::pty::Terminal::start(
        120,
        36,
        &["--config", config.to_str().unwrap(), "--host", &endpoint().address.to_string()],
        &[("USER", &guest.owner)],
    );
    panel.see("Sessions");
    panel
}

#[test]
fn one_lives_in_a_session_through_the_panel_and_finds_it_again_after_a_crash() {
    let guest = Guest::new();
    // Where this is the first session of all, its image is built now, for which no panel is waited so long.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let session = guest.start(&guest.spec()).await;
        sessions::end(&guest.engine, &session).await.unwrap();
        sessions::forget(&guest.engine, &session.owner, &session.workspace).await.unwrap();
    });
    let folder = tempfile::tempdir().unwrap();
    let mut first = panel(&guest, folder.path());
    first.keys("4");
    first.see("SESSION");
    first.keys(&format!("/{}\r", guest.owner));
    first.see(&format!("/ {}", guest.owner));
    first.keys("n");
    first.see("New session");
    first.keys(&format!("e2e 10m {IMAGE}\r"));
    first.wait("the session", |s| s.contains("is ready after"));
    first.wait("its row, with what it has left", |s| s.contains("9m  e2e") || s.contains("10m  e2e"));

    first.keys("t");
    first.see("/workspace#");
    first.keys("vim note.txt\r");
    first.see("\"note.txt\" [New]");
    first.keys("iwritten in vim\x1b:wq\r");
    // vim throws away what was typed before it ended.
    first.wait("the shell again", |s| s.matches("/workspace#").count() == 2);
    first.keys("clear; echo \"file: $(cat note.txt)\"\r");
    first.see("file: written in vim");
    first.keys("top\r");
    first.see("load average");
    first.resize(100, 30);
    first.wait("top in the new size", |s| s.contains("load average") && s.contains("PID USER"));
    first.keys("q");
    // top had the screen for itself, and throws away what is typed before it ended.
    first.wait("the shell again", |s| s.contains("/workspace#") && !s.contains("load average"));
    first.keys("clear; head -c 50000000 /dev/zero | tr '\\0' x | fold -w 99; echo; echo done-$((6*7))\r");
    // Keys are taken while it pours: this one leaves the terminal, and the panel answers.
    first.keys("\x1d");
    first.see("goes in");
    first.keys("\x1b");
    first.see("⏎ workspace");
    first.keys("t");
    first.see("done-42");
    first.keys("docker run --rm debian:bookworm-slim echo inner-$((1+1))\r");
    first.see("inner-2");
    first.signal(rustix::process::Signal::KILL);
    first.ended();

    // Whoever comes next finds the session, its Docker, its file; and ends it.
    let mut second = panel(&guest, folder.path());
    second.keys("4");
    second.see("SESSION");
    second.keys(&format!("/{}\r", guest.owner));
    second.wait("the session that is still there", |s| s.contains("m  e2e"));
    second.keys("I");
    second.see("› session");
    second.keys("6");
    second.see(IMAGE);
    second.keys("1");
    second.see("No containers");
    second.keys("\x1b");
    second.see("SESSION");
    second.keys("dy");
    second.see("its workspace e2e is kept");
    assert!(guest.mine(&["ps", "--all"]).is_empty());
    assert_eq!(guest.mine(&["volume", "ls"]).len(), 1);
    second.keys("q");
    second.ended();
    second.is_sane();
}

#[tokio::test]
async fn with_egress_a_session_has_a_network_that_goes_with_it() {
    let guest = Guest::new();
    let session = guest.start(&Spec { egress: true, images: vec![], ..guest.spec() }).await;
    let own = format!("label=dev.ondeck.session={}", session.id);
    assert_eq!(Guest::docker(&["network", "ls", "--filter", &own, "--format", "{{.Name}}"]), session.name);
    assert!(guest.told(&session, "ip route").await.contains("default via"));
    sessions::end(&guest.engine, &session).await.unwrap();
    assert_eq!(Guest::docker(&["network", "ls", "--quiet", "--filter", &own]), "");
}

/// With its engine a session ends, as containers do; what is left of it is swept, and the work is found again.
#[tokio::test]
async fn after_the_engine_restarted_work_is_found_again_and_nothing_else_is_left() {
    let guest = Guest::new();
    // So that the image is there; the engine that restarts has no network to build it.
    let session = guest.start(&Spec { images: vec![], ..guest.spec() }).await;
    let own = common::docker::OwnEngine::start();
    let image = sessions::image_name(&guest.config);
    let copy = format!("docker save {image} | docker --host {} load", own.address);
    assert!(Command::new("sh").args(["-c", &copy]).stdout(Stdio::null()).status().unwrap().success());
    sessions::end(&guest.engine, &session).await.unwrap();

    let engine = Engine::connect(&common::live::endpoint_at(&own.address)).unwrap();
    let spec = Spec { images: vec![], ..guest.spec() };
    let start = async || {
        sessions::start(&engine, &guest.config, &spec, &|_| {}, std::future::pending()).await.unwrap().unwrap()
    };
    let read = async |session: &Session| {
        let ran = engine.exec_run(&session.container, &ExecAsk::of(["cat", "/workspace/work"])).await.unwrap();
        String::from_utf8(ran.out).unwrap()
    };
    let session = start().await;
    let write = ["sh", "-c", "echo precious > /workspace/work"];
    assert_eq!(engine.exec_run(&session.container, &ExecAsk::of(write)).await.unwrap().code, Some(0));
    own.stop();
    own.start_again();
    // The connections from before are dead, which nobody notices.
    assert!(sessions::list(&engine).await.unwrap().is_empty());
    sessions::sweep(&engine).await.unwrap();
    assert_eq!(own.docker(&["ps", "--all", "--quiet"]), "");
    assert_eq!(own.docker(&["volume", "ls", "--quiet"]).lines().count(), 1);
    let next = start().await;
    assert_eq!(read(&next).await, "precious\n");
    sessions::end(&engine, &next).await.unwrap();
    assert_eq!(own.docker(&["volume", "ls", "--quiet"]).lines().count(), 1);
}
