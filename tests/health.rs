//! Health on real containers: what an engine says of them becomes the right cause.
#![allow(clippy::unwrap_used)]

mod common;

use common::live::{Filter, Made, endpoint, endpoint_at, until};
use ondeck::config;
use ondeck::engine::{Endpoint, Engine, ErrorKind};
use ondeck::health::{Level, Report, Verdict, look};

async fn report_of(endpoint: &Endpoint) -> Report {
    let engine = Engine::connect(endpoint).unwrap();
    look(&engine, "here", &config::Health::default()).await
}

/// The verdicts of what a test made, by their names without its tag.
fn own(made: &Made, report: &Report) -> Vec<(String, Verdict)> {
    let name = |v: &Verdict| v.name.strip_prefix(&format!("{}-", made.tag)).map(str::to_owned);
    report.containers.iter().filter_map(|v| Some((name(v)?, v.clone()))).collect()
}

/// Waits until each of `wanted` (name, code; `-` for none) is told.
async fn told(made: &Made, wanted: &[(&str, &str)]) -> Vec<(String, Verdict)> {
    until("each has its cause", async || {
        let all = own(made, &report_of(&endpoint()).await);
        let wrong: Vec<String> = wanted
            .iter()
            .filter_map(|(name, code)| {
                let Some((_, verdict)) = all.iter().find(|(n, _)| n == name) else {
                    return Some(format!("{name} is not there"));
                };
                let said = verdict.cause().map_or("-", |f| f.code);
                (said != *code).then(|| format!("{name}: {code} expected, {verdict:#?}"))
            })
            .collect();
        if wrong.is_empty() { Ok(all) } else { Err(wrong.join("\n")) }
    })
    .await
}

fn of<'a>(all: &'a [(String, Verdict)], name: &str) -> &'a Verdict {
    &all.iter().find(|(n, _)| n == name).unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_run_is_told_with_its_cause() {
    let made = Made::new("health-ended");
    made.run("oom", &["-m", "24m", "--memory-swap", "24m"], &["perl", "-e", "$x = 'a' x (200 << 20); sleep 1"]);
    made.run("loop", &["--restart", "always"], &["sh", "-c", "echo fatal: no settings; exit 3"]);
    made.run("done", &[], &["true"]);
    made.run("crash", &[], &["perl", "-e", "kill 11, $$; sleep 9"]);
    made.run("segv", &[], &["sh", "-c", "sh -c 'kill -11 $$'; exit $?"]);
    made.run(
        "full",
        &["--restart", "always", "--tmpfs", "/data:size=64k"],
        &["sh", "-c", "dd if=/dev/zero of=/data/x bs=64k count=4"],
    );
    made.run("stopped", &[], &["sleep", "1000"]);
    let (nosuch, label) = (made.name("nosuch"), made.label());
    made.attempt(&["run", "-d", "--name", &nosuch, "--label", &label, common::docker::IMAGE, "/nosuch"]).unwrap_err();
    made.docker(&["stop", "-t", "0", &made.name("stopped")]);
    let all = told(
        &made,
        &[
            ("oom", "OOM_KILLED"),
            ("loop", "CRASH_LOOP"),
            ("done", "-"),
            ("segv", "CRASHED"),
            ("full", "DISK_FULL"),
            ("nosuch", "COMMAND_NOT_FOUND"),
            ("stopped", "KILLED"),
        ],
    )
    .await;
    let looping = of(&all, "loop");
    assert_eq!(looping.level, Level::Failing);
    assert_eq!(looping.cause().unwrap().evidence.last().unwrap(), "fatal: no settings");
    assert!(looping.cause().unwrap().what.contains("exit code 3"), "{looping:?}");
    assert!(of(&all, "oom").cause().unwrap().what.contains("24M"));
    assert!(of(&all, "full").cause().unwrap().what.contains("/data"));
    assert_eq!((of(&all, "done").level, of(&all, "stopped").level), (Level::Off, Level::Off));
    assert!(of(&all, "stopped").cause().unwrap().what.starts_with("stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_badly_is_told_by_its_check_and_by_this_machines_files() {
    let made = Made::new("health-running");
    let check = |command: &'static str| ["--health-interval", "1s", "--health-retries", "2", "--health-cmd", command];
    made.run("sick", &check("echo no database; false"), &["sleep", "1000"]);
    made.run("broken", &check("curl -f localhost"), &["sleep", "1000"]);
    made.run("well", &check("true"), &["sleep", "1000"]);
    made.run("flapping", &check("test $(($(date +%s) % 2)) = 0"), &["sleep", "1000"]);
    made.run("throttled", &["--cpus", "0.05"], &["sh", "-c", "while :; do :; done"]);
    made.run("zombies", &[], &["perl", "-e", "for (1..8) { fork or exit } sleep 1000"]);
    made.run(
        "flood",
        &["--cpus", "0.3"],
        &["sh", "-c", "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done"],
    );
    made.run(
        "tmpfs",
        &["--tmpfs", "/data:size=1m"],
        &["sh", "-c", "dd if=/dev/zero of=/data/x bs=64k count=32; sleep 1000"],
    );
    made.run("paused", &[], &["sleep", "1000"]);
    made.docker(&["pause", &made.name("paused")]);
    let all = told(
        &made,
        &[
            ("sick", "UNHEALTHY"),
            ("broken", "CHECK_BROKEN"),
            ("well", "-"),
            ("throttled", "CPU_THROTTLED"),
            ("zombies", "ZOMBIES"),
            ("tmpfs", "DISK_FULL"),
            ("paused", "PAUSED"),
        ],
    )
    .await;
    assert_eq!(of(&all, "sick").cause().unwrap().what, "unhealthy: no database");
    assert!(of(&all, "well").passed.contains(&ondeck::health::Layer::Healthcheck));
    assert!(of(&all, "tmpfs").cause().unwrap().what.contains("/data is full"));
    // These two are so at times only.
    told(&made, &[("flapping", "FLAPPING")]).await;
    until("the flood is told", async || {
        let all = own(&made, &report_of(&endpoint()).await);
        let flood = of(&all, "flood");
        let any = flood.findings.iter().any(|f| f.code == "LOG_FLOOD");
        if any { Ok(()) } else { Err(format!("{flood:#?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_fails_where_its_cause_is() {
    let made = Made::new("health-stack");
    let net = made.name("net");
    made.docker(&["network", "create", "--label", &made.label(), &net]);
    let labels = |service: &str| {
        [
            format!("com.docker.compose.project={}", made.tag),
            format!("com.docker.compose.service={service}"),
            format!("com.docker.compose.depends_on={}", if service == "web" { "db:service_started:false" } else { "" }),
        ]
    };
    let run = |service: &str, network: &str, command: &str| {
        let [a, b, c] = labels(service);
        let args = [
            "--network",
            network,
            "--network-alias",
            service,
            "--label",
            &a,
            "--label",
            &b,
            "--label",
            &c,
            "--restart",
            "on-failure",
        ];
        let args = if network == "bridge" { [&args[..2], &args[4..]].concat() } else { args.to_vec() };
        made.run(service, &args, &["sh", "-c", command]);
    };
    run("db", &net, "exec perl -e 'die qq(bad settings\\n)'");
    run("web", &net, "echo db: connection refused; exit 1");
    run("job", "bridge", "echo 'lookup db: no such host'; exit 1");
    let all = told(&made, &[("db", "CRASH_LOOP"), ("web", "DEPENDENCY_DOWN"), ("job", "DEPENDENCY_DOWN")]).await;
    let db = all.iter().position(|(n, _)| n == "db").unwrap();
    let behind: Vec<&str> = all[db + 1..].iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(behind, ["job", "web"], "{all:#?}");
    assert_eq!(of(&all, "web").blamed_on.as_ref().unwrap().name, made.name("db"));
    assert_eq!(of(&all, "web").findings[1].code, "CRASH_LOOP");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_or_be_found_is_told_with_its_place() {
    let made = Made::new("health-missing");
    let (front, back) = (made.name("front"), made.name("back"));
    for network in [&front, &back] {
        made.docker(&["network", "create", "--label", &made.label(), network]);
    }
    let dir = tempfile::tempdir().unwrap();
    let file = "services: {app: {image: 'app'}, db: {image: 'ondeck-test/nosuch:${TAG:-1}'}, dev: {image: x, profiles: [dev]}}";
    std::fs::write(dir.path().join("compose.yaml"), file).unwrap();
    let labels = [
        format!("com.docker.compose.project={}", made.tag),
        "com.docker.compose.service=app".to_owned(),
        format!("com.docker.compose.project.working_dir={}", dir.path().display()),
        "com.docker.compose.project.config_files=compose.yaml".to_owned(),
    ];
    let labels: Vec<&str> = labels.iter().flat_map(|l| ["--label", l]).collect();
    made.run("app", &labels, &["sleep", "1000"]);

    let gone = dir.path().join("gone");
    std::fs::create_dir(&gone).unwrap();
    let (bound, label) = (made.name("bound"), made.label());
    let mount = format!("type=bind,src={},dst=/x", gone.display());
    made.docker(&["create", "--name", &bound, "--label", &label, "--mount", &mount, common::docker::IMAGE, "true"]);
    std::fs::remove_dir(&gone).unwrap();
    made.attempt(&["start", &bound]).unwrap_err();

    // The test's own names stand in for those of services.
    let db = made.name("store");
    made.run("store", &["--network", &back], &["sleep", "1000"]);
    let ask = format!("getent hosts {db} || {{ echo 'could not resolve host: {db}'; exit 1; }}");
    made.run("lost", &["--network", &front], &["sh", "-c", &ask]);
    made.run(
        "nowhere",
        &["--network", &front],
        &["sh", "-c", "echo 'ping: nosuch.example: Name or service not known'; exit 2"],
    );
    made.run("denied", &["-u", "1000"], &["touch", "/etc/motd"]);
    made.run("fixed", &["--read-only"], &["touch", "/srv/x"]);
    let all = told(
        &made,
        &[
            ("app", "-"),
            ("bound", "MOUNT_MISSING"),
            ("lost", "WRONG_NETWORK"),
            ("nowhere", "DNS_FAILED"),
            ("denied", "PERMISSION_DENIED"),
            ("fixed", "READ_ONLY"),
        ],
    )
    .await;
    assert!(of(&all, "lost").cause().unwrap().todo.contains(&back), "{:#?}", of(&all, "lost"));
    let report = report_of(&endpoint()).await;
    let missing: Vec<&Verdict> =
        report.containers.iter().filter(|v| v.stack.as_ref() == Some(&made.tag) && v.id.is_none()).collect();
    assert_eq!(missing.len(), 1, "{missing:#?}");
    assert_eq!((missing[0].name.as_str(), missing[0].cause().unwrap().code), ("db", "IMAGE_MISSING"));
    assert!(missing[0].cause().unwrap().what.contains("ondeck-test/nosuch:${TAG:-1}"));
    let stack = report.stacks.iter().find(|s| s.name == made.tag).unwrap();
    assert_eq!((stack.level, stack.up, stack.all), (Level::Failing, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_inspections_make_nothing_fail() {
    let made = Made::new("health-refused");
    let id = made.run("well", &["--health-interval", "1s", "--health-cmd", "true"], &["sleep", "1000"]);
    made.run("ended", &[], &["sh", "-c", "exit 3"]);
    made.docker(&["wait", &made.name("ended")]);
    let proxy = Filter::new(|_, path| path.contains("/containers/") && !path.starts_with("/containers/json")).await;
    let report = report_of(&endpoint_at(&proxy.url)).await;
    let unknown = report.unknown.clone().unwrap();
    assert_eq!(unknown.kind, ErrorKind::Forbidden);
    assert!(unknown.message.starts_with("details are not known"), "{unknown}");
    assert!(report.of(&id).unwrap().level <= Level::Healthy);
    let all = own(&made, &report);
    assert_eq!((of(&all, "ended").level, of(&all, "ended").cause().unwrap().code), (Level::Failing, "EXITED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_cannot_be_reached_is_no_verdict() {
    let report = report_of(&endpoint_at("tcp://127.0.0.1:1")).await;
    assert_eq!(report.unknown.unwrap().kind, ErrorKind::Unreachable);
    assert_eq!(report.containers.len(), 0);
}
