#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::daemon::{DaemonFacts, Socket};
use super::super::facts::{ImageFacts, of_container, of_service as written};
use super::*;
use crate::engine::model::{Attachment, Container, Inspection, State};

/// Puts what an example says over what has no fault.
fn over(under: &mut Value, value: &Value) {
    match (under, value) {
        (Value::Object(under), Value::Object(map)) => {
            for (key, value) in map {
                // A healthcheck or a list of ports is as a whole what the example says.
                if value.is_object()
                    && under.get(key).is_some_and(Value::is_object)
                    && !key.eq_ignore_ascii_case("healthcheck")
                {
                    over(&mut under[key], value);
                } else {
                    under.insert(key.clone(), value.clone());
                }
            }
        }
        (under, value) => *under = value.clone(),
    }
}

fn with(under: Value, example: &str) -> Value {
    let mut value = under;
    over(&mut value, &serde_json::from_str(example).unwrap_or_else(|e| panic!("{example}: {e}")));
    value
}

/// A container without any fault.
fn hardened() -> Value {
    json!({
        "State": {"Status": "running"},
        "Config": {
            "User": "1000", "Image": "web:1.2@sha256:12", "Env": ["PATH=/bin"], "Cmd": ["web"],
            "Healthcheck": {"Test": ["CMD", "true"]},
        },
        "HostConfig": {
            "Privileged": false, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"], "ReadonlyRootfs": true,
            "Memory": 1_048_576, "NanoCpus": 1, "PidsLimit": 10, "CgroupnsMode": "private",
            "MaskedPaths": ["/proc/kcore"], "ReadonlyPaths": ["/proc/sys"], "NetworkMode": "own", "IpcMode": "private",
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "LogConfig": {"Type": "local", "Config": {}},
        },
        "Mounts": [], "NetworkSettings": {"Ports": {}, "Networks": {"own": {}}},
    })
}

/// A service without any fault.
fn hardened_service() -> Value {
    json!({
        "image": "web:1.2@sha256:12", "user": "1000", "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"],
        "read_only": true, "mem_limit": "64m", "cpus": 1, "pids_limit": 10, "healthcheck": {"test": ["CMD", "true"]},
        "restart": "on-failure:3", "networks": {"own": null},
    })
}

fn daemon(example: &str) -> DaemonFacts {
    let info = with(
        json!({
            "SecurityOptions": ["name=seccomp,profile=default", "name=userns", "name=no-new-privileges"],
            "LiveRestoreEnabled": true, "LoggingDriver": "local", "Driver": "overlay2", "CgroupVersion": "2",
            "BuildTime": "2026-06-01T00:00:00.000000000+00:00",
        }),
        example,
    );
    let mut facts = DaemonFacts::new(&info, &info);
    facts.socket = info["Socket"].as_object().map(|socket| Socket {
        path: "/run/docker.sock".into(),
        mode: u32::try_from(socket["mode"].as_u64().unwrap()).unwrap(),
        group: socket["group"].as_str().unwrap().into(),
        members: socket["members"].as_array().unwrap().iter().map(|m| (m.as_str().unwrap().into(), true)).collect(),
    });
    facts
}

fn around(
    daemon: Option<&DaemonFacts>,
    act: impl FnOnce(&Around<'_>) -> Vec<(&'static Rule, Broken)>,
) -> Vec<(&'static Rule, Broken)> {
    let (secrets, tags) = (Secrets::default(), BTreeMap::new());
    act(&Around {
        daemon,
        image: None,
        tags: &tags,
        secrets: &secrets,
        now: "2026-11-30T00:00:00Z".parse().unwrap(),
        writes: None,
        endless_logs: (0, 0),
    })
}

pub(crate) fn inspection(raw: Value) -> Inspection {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let networks = raw["NetworkSettings"]["Networks"].as_object().into_iter().flatten();
    let container = Container {
        image: text(&raw["Config"]["Image"]),
        state: State::parse(&text(&raw["State"]["Status"])),
        networks: networks.map(|(name, _)| Attachment { network: name.clone(), ..Attachment::default() }).collect(),
        ..Container::default()
    };
    Inspection { container, raw, ..Inspection::default() }
}

/// What an example of something that an engine tells breaks.
fn told(check: &Check, example: &str) -> Vec<(&'static Rule, Broken)> {
    match check {
        Check::Service(_) => {
            // One with all its walls up, so that nothing is let pass for want of one.
            let host = daemon(
                r#"{"SecurityOptions":["name=seccomp,profile=default","name=apparmor","name=selinux","name=userns"]}"#,
            );
            let facts = of_container(&inspection(with(hardened(), example)));
            around(Some(&host), |around| of_service(&facts, around))
        }
        Check::Image(_) => {
            let raw = with(
                json!({"RepoTags": ["web:1"], "Created": "2026-10-01T00:00:00Z", "Config": {
                    "User": "1000", "Env": ["PATH=/bin"], "Healthcheck": {"Test": ["CMD", "true"]},
                }}),
                example,
            );
            let steps =
                raw["History"].as_array().into_iter().flatten().map(|s| s.as_str().unwrap().to_owned()).collect();
            around(None, |around| of_image(&ImageFacts::new(&raw, steps), around))
        }
        Check::Network(_) => {
            let raw = with(json!({"Driver": "bridge", "Options": {}}), example);
            let members =
                raw["Members"].as_array().into_iter().flatten().map(|m| m.as_str().unwrap().to_owned()).collect();
            of_network(&NetworkFacts { raw: &raw, members })
        }
        Check::Daemon(_) => {
            let facts = daemon(example);
            around(Some(&facts), |around| of_daemon(&facts, around))
        }
    }
}

fn of_file(service: &Value) -> Vec<(&'static Rule, Broken)> {
    let facts = written("web", service, &Value::Null);
    around(None, |around| of_service(&facts, around))
}

fn codes(found: &[(&'static Rule, Broken)]) -> BTreeSet<&'static str> {
    found.iter().map(|(rule, _)| rule.code).collect()
}

#[test]
fn every_rule_is_broken_by_its_bad_example_alone_and_kept_by_its_good_one() {
    for entry in entries() {
        let code = entry.rule.code;
        assert!(codes(&told(&entry.check, entry.bad.told)).contains(code), "{code} is not broken: {}", entry.bad.told);
        assert!(!codes(&told(&entry.check, entry.good.told)).contains(code), "{code} is broken: {}", entry.good.told);
        let service = matches!(entry.check, Check::Service(_));
        assert_eq!(service, !entry.bad.written.is_empty() && !entry.good.written.is_empty(), "{code}");
        if service {
            let found = |example| codes(&of_file(&with(hardened_service(), example)));
            assert!(found(entry.bad.written).contains(code), "{code} is not broken: {}", entry.bad.written);
            assert!(!found(entry.good.written).contains(code), "{code} is broken: {}", entry.good.written);
        }
    }
}

#[test]
fn what_is_hardened_breaks_nothing() {
    let none = BTreeSet::new();
    assert_eq!(codes(&told(&Check::Service(|_, _, _| {}), "{}")), none);
    assert_eq!(codes(&told(&Check::Image(|_, _, _| {}), "{}")), none);
    assert_eq!(codes(&told(&Check::Network(|_, _| {}), "{}")), none);
    assert_eq!(codes(&told(&Check::Daemon(|_, _, _| {}), "{}")), none);
    assert_eq!(codes(&of_file(&hardened_service())), none);
}

#[test]
fn rules_are_whole_and_have_one_code_each() {
    let mut seen = BTreeSet::new();
    for entry in entries() {
        let rule = &entry.rule;
        assert!(seen.insert(rule.code), "{} is there twice", rule.code);
        let kind = match entry.check {
            Check::Service(_) => "OD-C",
            Check::Image(_) => "OD-I",
            Check::Network(_) => "OD-N",
            Check::Daemon(_) => "OD-D",
        };
        assert!(rule.code.starts_with(kind) && rule.code.len() == 6, "{}", rule.code);
        assert!(!rule.title.is_empty() && !rule.why.is_empty() && rule.why.ends_with('.'), "{}", rule.code);
        assert!(rule.refs.iter().all(|name| !name.is_empty()), "{}", rule.code);
    }
    assert!(seen.len() >= 35, "{}", seen.len());
}

#[test]
fn what_is_found_names_a_mend_that_mends() {
    for entry in entries() {
        for (rule, broken) in
            told(&entry.check, entry.bad.told).into_iter().filter(|(rule, _)| rule.code == entry.rule.code)
        {
            assert!(!broken.observed.is_empty(), "{}", rule.code);
            assert!(
                [&broken.compose, &broken.run, &broken.elsewhere].iter().any(|mend| !mend.is_empty()),
                "{}",
                rule.code
            );
        }
        if !matches!(entry.check, Check::Service(_)) {
            continue;
        }
        let service = with(hardened_service(), entry.bad.written);
        let found: Vec<_> = of_file(&service).into_iter().filter(|(rule, _)| rule.code == entry.rule.code).collect();
        for (_, broken) in &found {
            // What lets less through is told as what it is all the same.
            if broken.compose.starts_with("# remove") || entry.rule.code == "OD-C03" {
                continue;
            }
            let lines: Option<Value> =
                serde_yaml::from_str(&broken.compose).unwrap_or_else(|e| panic!("{}: {e}", broken.compose));
            let Some(lines) = lines.filter(|lines| !lines.is_null() && found.len() == 1) else { continue };
            let mut mended = service.clone();
            if lines.get("environment").is_some() {
                mended.as_object_mut().unwrap().remove("environment");
            }
            over(&mut mended, &lines);
            let left = codes(&of_file(&mended));
            assert!(!left.contains(entry.rule.code), "{} is not mended by\n{}", entry.rule.code, broken.compose);
        }
    }
}

#[test]
fn privileged_swallows_what_follows_from_it() {
    let found = codes(&told(
        &Check::Service(|_, _, _| {}),
        r#"{"HostConfig":{"Privileged":true,"CapAdd":["SYS_ADMIN"],"CapDrop":[],"SecurityOpt":["seccomp=unconfined","label=disable"],
            "MaskedPaths":[],"ReadonlyPaths":[],"ReadonlyRootfs":false,"Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda"}]}}"#,
    ));
    assert_eq!(found, BTreeSet::from(["OD-C01"]));
}

#[test]
fn what_does_not_apply_to_a_host_is_not_found_there() {
    let found = |info: &str, example: &str| {
        let host = daemon(info);
        let facts = of_container(&inspection(with(hardened(), example)));
        codes(&around(Some(&host), |around| of_service(&facts, around)))
    };
    let plain = r#"{"SecurityOptions":["name=seccomp,profile=default"],"CgroupVersion":"1"}"#;
    let none = BTreeSet::new();
    let unconfined =
        r#"{"AppArmorProfile":"","HostConfig":{"SecurityOpt":["no-new-privileges","apparmor=unconfined"]}}"#;
    assert_eq!(found(plain, unconfined), none);
    assert_eq!(found(plain, r#"{"HostConfig":{"UsernsMode":"host","CgroupnsMode":"host"}}"#), none);
    // The engine does it for all.
    let all = r#"{"SecurityOptions":["name=seccomp,profile=default","name=no-new-privileges"]}"#;
    assert_eq!(found(all, r#"{"HostConfig":{"SecurityOpt":null}}"#), none);
    assert_eq!(found(all, r#"{"HostConfig":{"SecurityOpt":["no-new-privileges=false"]}}"#), BTreeSet::from(["OD-C18"]));
    for spelling in ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"] {
        let example = json!({"HostConfig": {"SecurityOpt": [spelling]}}).to_string();
        assert_eq!(found(plain, &example), none, "{spelling}");
    }
}

#[test]
fn a_user_is_told_by_the_main_process_where_it_is_known() {
    let judged = |user: &str, uid| {
        let example = json!({"Config": {"User": user}}).to_string();
        let mut facts = of_container(&inspection(with(hardened(), &example)));
        facts.uid = uid;
        let found = around(None, |around| of_service(&facts, around));
        found
            .into_iter()
            .map(|(rule, broken)| (rule.code, broken.severity.unwrap_or(rule.severity)))
            .collect::<Vec<_>>()
    };
    assert_eq!(judged("", None), [("OD-C22", Severity::Medium)]);
    assert_eq!(judged("", Some(0)), [("OD-C22", Severity::Medium)]);
    assert_eq!(judged("", Some(999)), [("OD-C22", Severity::Info)]);
    assert_eq!(judged("app", Some(0)), [("OD-C22", Severity::Medium)]);
    assert_eq!(judged("app", Some(5)), []);
    for root in ["root", "0", "0:0", "root:1000", "00"] {
        assert_eq!(judged(root, None), [("OD-C22", Severity::Medium)], "{root}");
    }
}

#[test]
fn no_secret_is_ever_shown() {
    const SECRET: &str = "hunter2-Sup3r";
    let raw = with(
        hardened(),
        &json!({"Config": {
            "Env": [format!("DB_PASSWORD={SECRET}"), format!("URL=postgres://u:{SECRET}@db:5432/x")],
            "Cmd": ["app", format!("--token={SECRET}")],
        }})
        .to_string(),
    );
    let facts = of_container(&inspection(raw));
    let found = around(None, |around| of_service(&facts, around));
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(!format!("{found:?}").contains(SECRET), "{found:#?}");
    let raw = json!({"Config": {"User": "1", "Env": [format!("API_KEY={SECRET}")]}});
    let steps = vec![
        format!("RUN |1 TOKEN={SECRET} /bin/sh -c make # buildkit"),
        format!("/bin/sh -c curl https://u:{SECRET}@host/x"),
    ];
    let found = around(None, |around| of_image(&ImageFacts::new(&raw, steps), around));
    assert_eq!(found.iter().filter(|(rule, _)| rule.severity == Severity::High).count(), 3, "{found:#?}");
    assert!(!format!("{found:?}").contains(SECRET), "{found:#?}");
}

#[test]
fn a_socket_proxy_is_judged_by_what_it_lets_through() {
    let judged = |env: &[&str]| {
        let example = json!({
            "Config": {"Image": "tecnativa/docker-socket-proxy:1@sha256:1", "Env": env},
            "Mounts": [{"Type": "bind", "Source": "/var/run/docker.sock", "Destination": "/var/run/docker.sock", "RW": false}],
        });
        let found = told(&Check::Service(|_, _, _| {}), &example.to_string());
        let [(rule, broken)] = &found[..] else { panic!("{found:#?}") };
        assert_eq!(rule.code, "OD-C03");
        (broken.severity.unwrap(), broken.observed.clone())
    };
    let (severity, observed) = judged(&["CONTAINERS=1", "NETWORKS=1", "POST=0"]);
    assert_eq!(severity, Severity::Low);
    assert!(observed.ends_with("lets through CONTAINERS, NETWORKS"), "{observed}");
    assert_eq!(judged(&["CONTAINERS=1", "POST=1"]).0, Severity::Critical);
    assert_eq!(judged(&["SECRETS=1", "POST=0"]).0, Severity::High);
}
