#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::engine::model::{Attachment, Health, State};
use crate::fleet::stacks_of;
use crate::health::causes::testing::*;
use crate::stacks::Condition;

/// A member of the stack `shop`, in its network.
fn member(service: &str, mut facts: Facts) -> Facts {
    facts.container.id = format!("id-{service}").into();
    facts.container.name = format!("shop-{service}-1");
    facts.container.networks = vec![network("shop_default")];
    for (key, value) in [("project", "shop"), ("service", service)] {
        facts.container.labels.insert(format!("com.docker.compose.{key}"), value.to_owned());
    }
    facts
}

fn network(name: &str) -> Attachment {
    Attachment { network: name.into(), network_id: format!("id-{name}"), ..Attachment::default() }
}

/// `web>db` means that web waits for db.
fn seen(facts: Vec<Facts>, waits: &[&str]) -> Gathered {
    let containers: Vec<_> = facts.iter().map(|f| Arc::new(f.container.clone())).collect();
    let mut all = crate::stacks::Waits::new();
    for wait in waits {
        let (from, to) = wait.split_once('>').unwrap();
        all.entry(from.to_owned()).or_default().insert(to.to_owned(), Condition::Started);
    }
    Gathered {
        facts: facts.into_iter().map(|f| (f.container.id.clone(), f)).collect::<BTreeMap<_, _>>(),
        stacks: stacks_of(containers.iter()),
        waits: HashMap::from([("shop".to_owned(), all)]),
        ..Gathered::default()
    }
}

fn report(facts: Vec<Facts>, waits: &[&str]) -> Report {
    relate(&seen(facts, waits), Vec::new(), None)
}

fn oom(mut facts: Facts) -> Facts {
    facts.container.state = State::Exited;
    facts.container.exit_code = Some(137);
    facts.container.finished = Some(ago(60));
    detail(&mut facts).oom_killed = true;
    facts
}

/// `name level code <blamed`.
fn told(report: &Report) -> Vec<String> {
    let line = |v: &Verdict| {
        let code = v.cause().map_or("-", |f| f.code);
        let blamed = v.blamed_on.as_ref().map_or(String::new(), |b| format!(" <{}", b.name));
        format!("{} {} {code}{blamed}", v.name.trim_start_matches("shop-"), v.level.word())
    };
    report.containers.iter().map(line).collect()
}

#[test]
fn a_failure_is_told_once_at_the_root_of_its_chain() {
    let mut web = member("web", looping(1));
    say(&mut web, &["api: connection refused"]);
    let api = member("api", checked(Health::Unhealthy, &[(1, "no database")]));
    let db = member("db", oom(running()));
    let report = report(vec![web, api, db, running()], &["web>api", "api>db"]);
    assert_eq!(
        told(&report),
        [
            "db-1 failing OOM_KILLED",
            "api-1 failing DEPENDENCY_DOWN <shop-db-1",
            "web-1 failing DEPENDENCY_DOWN <shop-db-1",
            "web healthy -",
        ]
    );
    let web = &report.containers[2];
    assert!(
        web.findings[0].what.starts_with("needs shop-db-1, which does not work: killed"),
        "{}",
        web.findings[0].what
    );
    assert_eq!(web.findings[1].code, "CRASH_LOOP");
    assert_eq!(
        (report.level, report.stacks[0].level, report.stacks[0].up, report.stacks[0].all),
        (Level::Failing, Level::Failing, 1, 3)
    );
    assert_eq!(report.victims("shop-db-1").count(), 2);
}

#[test]
fn who_has_a_trouble_of_its_own_is_not_blamed_on_another() {
    let web = member("web", looping(127));
    let report = report(vec![web, member("db", oom(running()))], &["web>db"]);
    assert_eq!(told(&report), ["db-1 failing OOM_KILLED", "web-1 failing COMMAND_NOT_FOUND"]);
}

#[test]
fn a_circle_has_one_root() {
    let (mut a, mut b) = (member("a", looping(1)), member("b", looping(1)));
    say(&mut a, &["b: connection refused"]);
    say(&mut b, &["a: connection refused"]);
    let report = report(vec![a, b], &["a>b", "b>a"]);
    assert_eq!(told(&report), ["a-1 failing CRASH_LOOP", "b-1 failing DEPENDENCY_DOWN <shop-a-1"]);
}

#[test]
fn what_works_is_degraded_while_what_it_needs_does_not() {
    let report = report(vec![member("web", running()), member("db", oom(running()))], &["web>db"]);
    assert_eq!(told(&report), ["db-1 failing OOM_KILLED", "web-1 degraded DEPENDENCY_DOWN <shop-db-1"]);
}

#[test]
fn the_environment_and_complaints_tell_whom_one_needs_without_compose() {
    let (mut web, mut db) = (running(), oom(running()));
    web.container.id = "web".into();
    db.container.id = "db".into();
    db.container.name = "db".into();
    for facts in [&mut web, &mut db] {
        facts.container.networks = vec![network("back")];
    }
    web.more.as_mut().unwrap().env = vec!["DATABASE_URL=postgres://app@db:5432/app".into()];
    let told_of = |web: Facts, db: Facts| told(&report(vec![web, db], &[]));
    assert_eq!(told_of(web.clone(), db.clone()), ["db failing OOM_KILLED", "web degraded DEPENDENCY_DOWN <db"]);
    let mut ill = ended(1);
    ill.container.id = "web".into();
    ill.container.networks = vec![network("back")];
    say(&mut ill, &["could not connect to server: Connection refused, is db running?"]);
    assert_eq!(told_of(ill, db), ["db failing OOM_KILLED", "web failing DEPENDENCY_DOWN <db"]);
}

#[test]
fn one_that_is_stopped_is_missed_where_something_needs_it() {
    let mut db = member("db", ended(143));
    let mut web = member("web", looping(1));
    say(&mut web, &["dial tcp: lookup db on 127.0.0.11:53: no such host"]);
    let report_of = |db: &Facts, web: &Facts| told(&report(vec![db.clone(), web.clone()], &["web>db"]));
    assert_eq!(report_of(&db, &web), ["db-1 failing STOPPED", "web-1 failing DEPENDENCY_DOWN <shop-db-1"]);
    // What was only to run once is done.
    db.container.exit_code = Some(0);
    assert_eq!(report_of(&db, &member("web", running())), ["web-1 healthy -", "db-1 off -"]);
}

#[test]
fn a_name_in_another_network_is_told_as_such() {
    let mut web = member("web", looping(1));
    web.container.networks = vec![network("shop_front")];
    say(&mut web, &["could not translate host name \"db\" to address: Name or service not known"]);
    let db = member("db", running());
    let report = report(vec![web.clone(), db.clone()], &[]);
    assert_eq!(told(&report), ["web-1 failing WRONG_NETWORK", "db-1 healthy -"]);
    let cause = report.containers[0].cause().unwrap();
    assert_eq!(cause.what, "shares no network with shop-db-1, which it needs");
    assert!(cause.todo.contains("docker network connect shop_default shop-web-1"), "{}", cause.todo);
    assert!(!report.containers[0].findings.iter().any(|f| f.code == "DNS_FAILED"));
    // In one network the name is just not found.
    web.container.networks = db.container.networks.clone();
    assert_eq!(told(&relate(&seen(vec![web, db], &[]), Vec::new(), None))[0], "web-1 failing DNS_FAILED");
}

#[test]
fn the_default_bridge_knows_no_names() {
    let (mut web, mut db) = (looping(1), running());
    web.container.id = "id-web".into();
    db.container.id = "id-db".into();
    db.container.name = "db".into();
    for facts in [&mut web, &mut db] {
        facts.container.networks = vec![network("bridge")];
    }
    say(&mut web, &["ping: db: Name or service not known"]);
    let report = report(vec![web, db], &[]);
    assert_eq!(told(&report)[0], "web failing WRONG_NETWORK");
    assert!(report.containers[0].cause().unwrap().what.contains("default bridge"));
}

#[test]
fn a_declared_need_without_a_network_is_doubted_unless_a_check_says_it_works() {
    let mut web = member("web", running());
    web.container.networks = vec![network("front")];
    let db = member("db", running());
    assert_eq!(told(&report(vec![web.clone(), db.clone()], &["web>db"]))[0], "web-1 degraded WRONG_NETWORK");
    web.container.health = Health::Healthy;
    assert_eq!(told(&report(vec![web, db], &["web>db"])), ["db-1 healthy -", "web-1 healthy -"]);
}

#[test]
fn a_service_without_container_and_image_fails_and_takes_others_with_it() {
    let mut gathered = seen(vec![member("web", looping(1))], &["web>db"]);
    gathered.missing = vec![Missing { stack: "shop".into(), service: "db".into(), image: "postgres:99".into() }];
    let report = relate(&gathered, Vec::new(), None);
    assert_eq!(told(&report), ["db failing IMAGE_MISSING", "web-1 failing DEPENDENCY_DOWN <db"]);
    assert_eq!((report.containers[0].id.clone(), report.stacks[0].all), (None, 2));
    assert!(report.containers[0].cause().unwrap().what.contains("postgres:99"));
}

#[test]
fn one_that_waits_for_what_fails_is_its_victim() {
    let mut web = member("web", running());
    web.container.state = State::Created;
    let report_of = |web: &Facts, db: Facts| told(&report(vec![web.clone(), db], &["web>db"]));
    assert_eq!(
        report_of(&web, member("db", oom(running()))),
        ["db-1 failing OOM_KILLED", "web-1 failing DEPENDENCY_DOWN <shop-db-1"]
    );
    assert_eq!(report_of(&web, member("db", running())), ["web-1 degraded NOT_STARTED", "db-1 healthy -"]);
}

#[test]
fn a_name_in_the_environment_means_no_stranger() {
    let mut web = member("web", running());
    web.more.as_mut().unwrap().env = vec!["DB_HOST=db".into()];
    let mut stranger = running();
    stranger.container.id = "other".into();
    stranger.container.name = "db".into();
    stranger.container.networks = vec![network("elsewhere")];
    assert_eq!(told(&report(vec![web, stranger], &[])), ["db healthy -", "web-1 healthy -"]);
}

#[test]
fn a_run_for_one_time_that_failed_is_nobodys_trouble_any_more() {
    let mut run = member("web", ended(1));
    run.container.labels.insert("com.docker.compose.oneoff".into(), "True".into());
    assert_eq!(report(vec![run], &[]).level, Level::Off);
}

#[test]
fn since_is_kept_while_the_level_stays() {
    let gathered = seen(vec![member("web", looping(1))], &[]);
    let mut before = relate(&gathered, Vec::new(), None);
    before.containers[0].since = Some(ago(5000));
    // The engine has forgotten by now that it was so before.
    before.containers[0].findings[0].since = Some(ago(4000));
    let again = relate(&gathered, Vec::new(), Some(&before));
    assert_eq!(again.containers[0].since, Some(ago(5000)));
    assert_eq!(again.containers[0].findings[0].since, Some(ago(4000)));
    before.containers[0].level = Level::Healthy;
    assert_eq!(relate(&gathered, Vec::new(), Some(&before)).containers[0].since, Some(ago(60)));
}

#[test]
fn one_that_shares_anothers_network_fails_with_it() {
    let (mut app, mut vpn) = (looping(1), oom(running()));
    app.container.id = "app".into();
    app.container.name = "app".into();
    vpn.container.id = "vpn".into();
    vpn.container.name = "vpn".into();
    raw(&mut app, json!({"HostConfig": {"NetworkMode": "container:vpn"}}));
    assert_eq!(told(&report(vec![app, vpn], &[])), ["vpn failing OOM_KILLED", "app failing DEPENDENCY_DOWN <vpn"]);
}

#[test]
fn probes_of_ours_count_behind_the_layers_before_them() {
    let finding = Finding {
        code: "PROBE_REFUSED",
        level: Level::Failing,
        layer: Layer::Probe,
        what: "nothing listens".into(),
        why: String::new(),
        todo: String::new(),
        evidence: Vec::new(),
        since: None,
    };
    let mut gathered = seen(vec![member("web", running())], &[]);
    let probed = crate::health::probe::Probed {
        container: "id-web".into(),
        latency_seconds: None,
        finding: Some(finding),
        ..Default::default()
    };
    gathered.probed = vec![probed.clone()];
    assert_eq!(told(&relate(&gathered, Vec::new(), None)), ["web-1 failing PROBE_REFUSED"]);
    let unasked = Some("it is elsewhere".to_owned());
    gathered.probed = vec![crate::health::probe::Probed { finding: None, unasked, ..probed.clone() }];
    assert_eq!(relate(&gathered, Vec::new(), None).containers[0].passed, [Layer::Container]);
    gathered.probed = vec![crate::health::probe::Probed { finding: None, latency_seconds: Some(0.2), ..probed }];
    let report = relate(&gathered, Vec::new(), None);
    assert_eq!(report.containers[0].passed, [Layer::Container, Layer::Probe]);
    assert_eq!(report.containers[0].latency_seconds, Some(0.2));
}
