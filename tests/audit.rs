//! `ondeck audit` on real containers, each wrong in another way, and on compose files.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::live::{Filter, LABEL, Made};
use serde_json::Value;

fn ondeck(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ondeck")).arg("audit").args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The report as JSON.
fn report(args: &[&str]) -> Value {
    let output = ondeck(&[args, &["--json", "--severity", "info"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stderr)))
}

fn findings(report: &Value) -> &Vec<Value> {
    report["findings"].as_array().unwrap()
}

/// The codes of what breaks rules under a name.
fn codes(report: &Value, name: &str) -> BTreeSet<String> {
    let of = findings(report).iter().filter(|f| f["name"] == name && f["ignored"].is_null());
    of.map(|f| f["code"].as_str().unwrap().to_owned()).collect()
}

/// What every container has that is started without any option.
const PLAIN: [&str; 11] =
    ["OD-C17", "OD-C18", "OD-C22", "OD-C23", "OD-C27", "OD-C28", "OD-C29", "OD-C30", "OD-C33", "OD-C36", "OD-C37"];

const SLEEP: &[&str] = &["sleep", "infinity"];

/// What a container is started with, what it runs, whether it is only made, and what it has besides [`PLAIN`] or has not.
type Kind = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    bool,
    &'static [&'static str],
    &'static [&'static str],
);

const KINDS: &[Kind] = &[
    ("plain", &[], SLEEP, true, &[], &[]),
    (
        "hardened",
        &[
            "--user",
            "1000:1000",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges:true",
            "--read-only",
            "--memory",
            "64m",
            "--cpus",
            "0.5",
            "--pids-limit",
            "50",
            "--health-cmd",
            "true",
            "--network",
            "none",
            "--restart",
            "on-failure:5",
            "--log-opt",
            "max-size=1m",
            "-p",
            "127.0.0.1::80",
        ],
        SLEEP,
        true,
        &[],
        &["OD-C17", "OD-C18", "OD-C22", "OD-C23", "OD-C27", "OD-C28", "OD-C29", "OD-C30", "OD-C36", "OD-C37"],
    ),
    // Not every host lets these be started; what is only made is judged all the same.
    (
        "privileged",
        &["--privileged", "--device", "/dev/null:/dev/own"],
        SLEEP,
        false,
        &["OD-C01"],
        &["OD-C17", "OD-C18", "OD-C23", "OD-C30"],
    ),
    ("socket", &["-v", "/var/run/docker.sock:/engine:ro"], SLEEP, true, &["OD-C02"], &[]),
    (
        "proxy",
        &["-v", "/var/run/docker.sock:/var/run/docker.sock", "-e", "CONTAINERS=1", "-e", "POST=0", "-e", "EXEC=0"],
        SLEEP,
        true,
        &["OD-C03"],
        &[],
    ),
    (
        "host-paths",
        &["-v", "/etc:/host/etc", "-v", "/proc:/host/proc:ro", "-v", "/etc/hostname:/name:ro"],
        SLEEP,
        true,
        &["OD-C04", "OD-C05"],
        &[],
    ),
    (
        "namespaces",
        &["--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host"],
        SLEEP,
        true,
        &["OD-C08", "OD-C09", "OD-C10", "OD-C11"],
        &["OD-C36"],
    ),
    (
        "rights",
        &[
            "--cap-add",
            "SYS_ADMIN",
            "--cap-add",
            "net_admin",
            "--security-opt",
            "seccomp=unconfined",
            "--security-opt",
            "systempaths=unconfined",
            "--security-opt",
            "no-new-privileges=true",
            "--cgroupns",
            "host",
        ],
        SLEEP,
        true,
        &["OD-C13", "OD-C15", "OD-C16", "OD-C19", "OD-C21"],
        &["OD-C18"],
    ),
    ("ports", &["-p", "80", "-p", "5432", "-p", "127.0.0.1::6379"], SLEEP, true, &["OD-C24", "OD-C25"], &[]),
    ("low-port", &["-p", "127.0.0.1:1023:80", "-p", "127.0.0.1:1024:81"], SLEEP, false, &["OD-C26"], &["OD-C30"]),
    (
        "secrets",
        &[
            "-e",
            "DB_PASSWORD=hunter2hunter2",
            "-e",
            "URL=postgres://app:hunter2hunter2@db/app",
            "-e",
            "KEYBOARD=de",
            "-e",
            "API_KEY_FILE=/run/secrets/key",
            "-e",
            "GPG_KEY=A035C8C1",
        ],
        SLEEP,
        true,
        &["OD-C34", "OD-C35"],
        &[],
    ),
    (
        "endless",
        &["--restart", "always", "--device", "/dev/zero:/dev/own", "--tmpfs", "/run:exec"],
        SLEEP,
        true,
        &["OD-C07", "OD-C31", "OD-C40"],
        &[],
    ),
    ("job", &[], &["true"], true, &[], &["OD-C30"]),
];

#[test]
fn each_container_is_found_for_what_is_wrong_with_it_and_for_nothing_else() {
    let made = Made::new("audit");
    for (name, options, command, start, _, _) in KINDS {
        if *start {
            made.run(name, options, command);
        } else {
            let (name, label) = (made.name(name), made.label());
            let all = [&["create", "--name", &name, "--label", &label], *options, &[common::docker::IMAGE], command];
            made.docker(&all.concat());
        }
    }
    made.docker(&["wait", &made.name("job")]);
    let names: Vec<String> = KINDS.iter().map(|kind| made.name(kind.0)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let report = report(&names);
    // What depends on the host: whether it has AppArmor, and whether an engine for all has no-new-privileges.
    let by_host = ["OD-C20"];
    for (name, _, _, _, more, less) in KINDS {
        let mut expected: BTreeSet<String> = PLAIN.iter().chain(*more).map(|code| (*code).to_owned()).collect();
        expected.retain(|code| !less.contains(&code.as_str()));
        let mut found = codes(&report, &made.name(name));
        found.retain(|code| !by_host.contains(&code.as_str()));
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(report["missed"], 0, "{}", report["notes"]);
    assert!(!report.to_string().contains("hunter2"), "a secret is shown");
    let said = |name: &str, code: &str| {
        let name = made.name(name);
        findings(&report).iter().find(|f| f["name"] == *name && f["code"] == code).unwrap().clone()
    };
    let open = said("ports", "OD-C24");
    let line = open["compose"].as_str().unwrap();
    assert!(line.starts_with("ports:\n  - \"127.0.0.1:") && line.ends_with(":80\""), "{line}");
    assert_eq!(said("proxy", "OD-C03")["severity"], "low");
    assert!(said("proxy", "OD-C03")["observed"].as_str().unwrap().ends_with("lets through CONTAINERS"));
    assert!(said("plain", "OD-C22")["observed"].as_str().unwrap().contains("runs as uid 0"));

    // By its inspection alone the same is known of a container, but for where its image's name leads now.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (config, now) = (ondeck::config::Config::default(), jiff::Timestamp::now());
    let engine = ondeck::engine::Engine::connect(&common::live::endpoint()).unwrap();
    let daemon = runtime.block_on(ondeck::audit::DaemonFacts::ask(&engine)).unwrap();
    for (name, ..) in KINDS {
        let inspection = runtime.block_on(engine.inspect(&made.name(name))).unwrap();
        let found =
            ondeck::audit::of_inspection(&inspection, Some(&daemon), &config, &ondeck::audit::Meant::default(), now);
        assert!(found.is_sorted_by(|a, b| a.severity >= b.severity), "{name}");
        let found: BTreeSet<String> = found.iter().map(|finding| finding.rule.code.to_owned()).collect();
        assert_eq!(found, codes(&report, &made.name(name)), "{name}");
    }
}

#[test]
fn a_main_process_that_drops_root_and_what_a_container_wrote_are_seen() {
    let made = Made::new("audit-drop");
    made.run("drops", &["--network", "none"], &["setpriv", "--reuid=1234", "--clear-groups", "sleep", "infinity"]);
    made.run(
        "writes",
        &["--network", "none"],
        &["sh", "-c", "echo x > /opt/x; echo y > /var/cache/y; exec sleep infinity"],
    );
    let (drops, writes) = (made.name("drops"), made.name("writes"));
    // A shell takes its time until it wrote.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(common::live::until("the container writes and drops root", async || {
        let report = report(&[&drops, &writes]);
        let of =
            |name: &str, code: &str| findings(&report).iter().find(|f| f["name"] == name && f["code"] == code).cloned();
        let root = of(&drops, "OD-C22").ok_or("no finding")?;
        let tmpfs = of(&writes, "OD-C23").ok_or("no finding")?;
        let done = root["severity"] == "info" && tmpfs["compose"].as_str().is_some_and(|c| c.contains("/var/cache"));
        if done { Ok((root, tmpfs)) } else { Err(format!("{root} {tmpfs}")) }
    }));
    assert!(report.0["observed"].as_str().unwrap().ends_with("changed to uid 1234"), "{}", report.0);
    assert_eq!(report.1["compose"], "read_only: true\ntmpfs:\n  - /opt\n  - /var/cache");
    assert_eq!(report.1["run"], "--read-only --tmpfs /opt --tmpfs /var/cache");
}

const FILE: &str = "\
x-base: &base
  image: debian:bookworm-slim
  mem_limit: 64m
services:
  web:
    <<: *base
    privileged: true
    ports:
      - \"127.0.0.1:8081:81\"
      - \"${PORT:-8080}:80\"
    volumes:
      - ./data:/data
      - type: bind
        source: /etc
        target: /host
  db:
    <<: *base
    environment:
      POSTGRES_PASSWORD: hunter2hunter2
      POSTGRES_USER: app
    labels:
      dev.ondeck.audit.ignore: OD-C34 a throw-away database until 2999-01-31; OD-C27; OD-C99 what
";

#[test]
fn a_compose_file_is_judged_where_it_stands_without_an_engine() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("compose.yaml");
    std::fs::write(&file, FILE).unwrap();
    let file = file.display().to_string();
    let output = ondeck(&["--host", "unix:///nowhere/docker.sock", &file, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let line = |service: &str, code: &str| {
        let found = findings(&report).iter().find(|f| f["service"] == service && f["code"] == code);
        found.unwrap_or_else(|| panic!("{code} of {service} is not found: {report:#}"))["line"].as_u64().unwrap()
    };
    assert_eq!(line("web", "OD-C01"), 7);
    assert_eq!(line("web", "OD-C24"), 10);
    assert_eq!(line("web", "OD-C04"), 13);
    // What is not there stands at the service.
    assert_eq!(line("web", "OD-C29"), 5);
    assert_eq!(line("db", "OD-C34"), 19);
    let secret = findings(&report).iter().find(|f| f["code"] == "OD-C34").unwrap();
    assert_eq!(secret["ignored"]["reason"], "a throw-away database");
    assert!(secret["ignored"]["until"].as_str().unwrap().starts_with("2999-01-31"));
    assert!(codes(&report, "x").is_empty() && !report.to_string().contains("hunter2"));
    let notes = text(&output.stderr);
    assert!(notes.contains("OD-C27 has no reason") && notes.contains("no rule OD-C99"), "{notes}");

    let output = ondeck(&[&file, "--sarif"]);
    let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let all = run["results"].as_array().unwrap();
    let one = all.iter().find(|result| result["ruleId"] == "OD-C01").unwrap();
    assert_eq!(
        (&one["level"], &one["locations"][0]["physicalLocation"]["region"]["startLine"]),
        (&"error".into(), &7.into())
    );
    let index = usize::try_from(one["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "OD-C01");
    let ignored = all.iter().find(|result| result["ruleId"] == "OD-C34").unwrap();
    assert_eq!(ignored["suppressions"][0]["justification"], "a throw-away database");

    let plain = text(&ondeck(&[&file]).stdout);
    assert!(plain.contains("critical OD-C01 has all rights there are") && plain.contains("compose.yaml:7"), "{plain}");
    let long: Vec<&str> = plain
        .lines()
        .filter(|line| line.chars().count() > 80 && !line.contains(&*dir.path().to_string_lossy()))
        .collect();
    assert!(long.is_empty() && !plain.contains('\x1b'), "{long:#?}");

    std::fs::write(dir.path().join("broken.yaml"), "services: [").unwrap();
    let output = ondeck(&[&dir.path().join("broken.yaml").display().to_string()]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let hardened = "services:\n  a:\n    image: debian:12\n    build: .\n    user: '1000'\n    cap_drop: [ALL]\n    read_only: true\n    \
                    security_opt: ['no-new-privileges:true']\n    mem_limit: 64m\n    cpus: 1\n    pids_limit: 20\n    \
                    healthcheck: {test: [CMD, 'true']}\n    logging: {driver: local}\n";
    std::fs::write(dir.path().join("good.yaml"), hardened).unwrap();
    let output = ondeck(&[&dir.path().join("good.yaml").display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// A stack whose containers say which file made them.
fn stack(made: &Made, dir: &Path, service: &str, options: &[&str]) {
    let project = format!("com.docker.compose.project={}", made.tag);
    let service_label = format!("com.docker.compose.service={service}");
    let folder = format!("com.docker.compose.project.working_dir={}", dir.display());
    let files = format!("com.docker.compose.project.config_files={}", dir.join("compose.yaml").display());
    let labels = ["--label", &project, "--label", &service_label, "--label", &folder, "--label", &files];
    made.run(service, &[&labels, options].concat(), SLEEP);
}

#[test]
fn a_container_of_a_stack_shows_the_line_that_made_it() {
    let made = Made::new("audit-stack");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("compose.yaml"),
        "services:\n  web:\n    image: debian:bookworm-slim\n    pid: host\n  later:\n    image: debian:bookworm-slim\n    ipc: host\n",
    )
    .unwrap();
    stack(&made, dir.path(), "web", &["--pid", "host", "--network", "none"]);
    let report = report(&["--stack", &made.tag]);
    let of = |code: &str| findings(&report).iter().filter(|f| f["code"] == code).cloned().collect::<Vec<_>>();
    let [web] = &of("OD-C09")[..] else { panic!("{report:#}") };
    assert_eq!((&web["kind"], &web["line"]), (&"container".into(), &4.into()));
    assert!(web["file"].as_str().unwrap().ends_with("compose.yaml"));
    // What only the file asks for comes with the next `up`.
    let [later] = &of("OD-C10")[..] else { panic!("{report:#}") };
    assert_eq!((&later["kind"], &later["service"], &later["line"]), (&"compose".into(), &"later".into(), &7.into()));
    let stack = &report["stacks"][0];
    assert_eq!((&stack["name"], &stack["worst"]), (&made.tag.as_str().into(), &"high".into()));
    assert_eq!(stack["counts"]["high"], 2);
}

#[test]
fn what_is_meant_to_be_so_is_said_with_a_reason_in_a_file() {
    let made = Made::new("audit-ignore");
    made.run("web", &["--pid", "host", "--network", "none"], SLEEP);
    let web = made.name("web");
    let dir = tempfile::tempdir().unwrap();
    let ignore = dir.path().join("ignore.yaml");
    let config = dir.path().join("config.yaml");
    std::fs::write(&config, format!("audit:\n  off: [OD-C37, OD-C3]\n  ignore_file: {}\n", ignore.display())).unwrap();
    let config = config.display().to_string();
    let judged = |entries: &str| {
        std::fs::write(&ignore, entries).unwrap();
        let output = ondeck(&["--config", &config, "--json", "--severity", "high", &web]);
        (output.status.code(), text(&output.stderr), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let (code, _, _) = judged("[]");
    assert_eq!(code, Some(1));
    let (code, notes, report) =
        judged(&format!("- {{rule: OD-C09, subject: '{}*', reason: it watches the host}}\n", made.tag));
    assert_eq!(code, Some(0), "{notes}");
    assert_eq!(findings(&report)[0]["ignored"]["by"], format!("{}:1", ignore.display()));
    assert!(notes.contains("there is no rule OD-C3"), "{notes}");
    let (code, notes, _) = judged(&format!("- {{rule: OD-C09, subject: '{web}', reason: over, until: 2020-01-31}}\n"));
    assert!(code == Some(1) && notes.contains("counts again"), "{notes}");
    let (code, notes, _) = judged(&format!("- {{rule: OD-C09, subject: '{web}'}}\n"));
    assert!(code == Some(1) && notes.contains("ignore.yaml:1:10: OD-C09 has no reason"), "{notes}");
}

#[test]
fn the_whole_host_has_images_networks_and_the_engine() {
    let made = Made::new("audit-host");
    made.run("one", &[], SLEEP);
    made.run("two", &[], SLEEP);
    let image = format!("ondeck-test/audit:{}", std::process::id());
    let label = format!("LABEL {LABEL}={}", made.tag);
    made.docker(&[
        "commit",
        "--change",
        "ENV API_TOKEN=hunter2hunter2",
        "--change",
        "EXPOSE 22",
        "--change",
        "VOLUME /usr",
        "--change",
        "LABEL dev.ondeck.audit.ignore=\"OD-C22 not_mine\"",
        "--change",
        &label,
        &made.name("one"),
        &image,
    ]);
    let of_it = made.attempt(&[
        "run",
        "-d",
        "--name",
        &made.name("three"),
        "--label",
        &made.label(),
        "--network",
        "none",
        &image,
        "sleep",
        "infinity",
    ]);
    let report = report(&[]);
    made.docker(&["rm", "-f", &made.name("three")]);
    made.docker(&["rmi", "-f", &image]);
    of_it.unwrap();
    let found = codes(&report, &image);
    let expected = ["OD-I01", "OD-I02", "OD-I03", "OD-I06", "OD-I07"];
    assert!(expected.iter().all(|code| found.contains(*code)), "{found:?}");
    assert!(!report.to_string().contains("hunter2"));
    // The image's secret is not told again of its container, and its label does not excuse it.
    let three = codes(&report, &made.name("three"));
    assert!(!three.contains("OD-C34") && three.contains("OD-C22"), "{three:?}");
    assert!(report["notes"].to_string().contains("comes from its image"), "{}", report["notes"]);
    assert!(findings(&report).iter().any(|f| f["kind"] == "daemon"));
    assert!(
        findings(&report).iter().any(|f| f["code"] == "OD-N01" && f["name"] == "bridge"),
        "{:#}",
        report["findings"]
    );
}

#[test]
fn what_cannot_be_seen_is_said_and_is_no_clean_bill() {
    let made = Made::new("audit-refused");
    made.run("web", &["--network", "none"], SLEEP);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let filter = runtime.block_on(Filter::new(|_, path| {
        path.ends_with("/info")
            || path.contains("/images/")
            || (path.contains("/containers/") && !path.contains("/containers/json"))
    }));
    let output = ondeck(&["--host", &filter.url, "--severity", "high", &made.name("web")]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let told = text(&output.stderr);
    assert!(told.contains("could not be looked at"), "{told}");
    let output = ondeck(&["--host", "unix:///nowhere/docker.sock"]);
    assert_eq!(output.status.code(), Some(2));
    let output = ondeck(&["no-such-stack"]);
    assert!(
        output.status.code() == Some(2) && text(&output.stderr).contains("no container and no stack no-such-stack")
    );
    let output = ondeck(&["--rules", "--json"]);
    let rules: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(rules.len() >= 35 && rules.iter().all(|rule| rule["code"].is_string() && rule["refs"].is_array()));
    assert_eq!(text(&ondeck(&["--rules"]).stdout).lines().count(), rules.len() + 1);
}
