//! What the panel shows and does about health, without a terminal and without Docker.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::fixture::{self, now};
use common::stage::{Stage, settings};
use common::ward;
use ondeck::engine::model::{Container, State};
use ondeck::engine::{EngineError, ErrorKind};
use ondeck::fleet::{Link, Snapshot};
use ondeck::health::{Finding, Layer, Level, Report, Verdict};
use ondeck::ui::app::Focus;
use ondeck::ui::detail::Tab;
use ondeck::ui::health::HealthNews;
use ondeck::ui::message::Msg;
use ondeck::ui::view::{Target, View};

fn looked_at(width: u16) -> Stage {
    Stage::looked_at(width, 36, fixture::snapshot(), settings())
}

fn position(text: &str, word: &str) -> usize {
    text.find(word).unwrap_or_else(|| panic!("no {word} in:\n{text}"))
}

#[test]
fn a_cause_stands_once_with_what_suffers_from_it_below() {
    let mut stage = looked_at(80);
    stage.press(&["9"]);
    let text = stage.text();
    let (cause, victim) = (position(&text, "✖ shop-api-1"), position(&text, "  ◐ shop-web-1"));
    assert!(cause < victim && victim < position(&text, "● shop-db-1"));
    assert_eq!(text.matches("shop-web-1").count(), 1);
    // Folded, only the cause is left.
    stage.press(&["down", "down", "down", "left"]);
    assert!(!stage.text().contains("shop-web-1"));
    stage.press(&["/", "OOM_KILLED", "enter"]);
    let text = stage.text();
    assert!(text.contains("blog-post-1") && !text.contains("shop-api-1"));
}

#[test]
fn a_page_says_what_is_wrong_why_what_to_try_and_how_it_fared() {
    let mut stage = looked_at(120);
    stage.press(&["9", "down", "tab"]);
    let text = stage.text();
    for words in ["failing for 1d", "killed: it needed more than", "raise mem_limit", "building the index", "99.31 %"] {
        assert!(text.contains(words), "{words} in:\n{text}");
    }
    // From the host's page a line leads to the thing it is about.
    stage.press(&["esc", "g", "tab"]);
    let line = stage.app.detail.text.lines.iter().position(|l| l.text().contains("blog-post-1")).unwrap();
    stage.press(&vec!["down"; line]).press(&["enter"]);
    assert_eq!(stage.app.name_of(stage.app.detail.target.as_ref().unwrap()), "blog-post-1");
}

#[test]
fn one_comes_to_things_that_suffer_from_each_other_to_an_end() {
    let mut snap = fixture::snapshot();
    snap.host = "loop".into();
    let suffers = |name: &str, from: &str| Verdict {
        name: name.into(),
        level: Level::Failing,
        blamed_on: Some(ondeck::health::Blame { id: None, name: from.into() }),
        ..Verdict::default()
    };
    let root = Verdict {
        id: snap.containers.keys().next().cloned(),
        name: "a".into(),
        level: Level::Failing,
        findings: vec![Finding {
            code: "EXITED",
            level: Level::Failing,
            layer: Layer::Container,
            what: "ended with exit code 1".into(),
            why: String::new(),
            todo: String::new(),
            evidence: vec![],
            since: None,
        }],
        ..Verdict::default()
    };
    let containers = vec![root, suffers("b", "a"), suffers("c", "b"), suffers("d", "e"), suffers("e", "d")];
    let report = Report { host: "loop".into(), taken: now(), containers, ..Report::default() };
    let mut stage = Stage::with(120, 36, snap, settings());
    stage.send(Msg::Health(HealthNews::Report(Arc::new(report))));
    let causes: Vec<_> = stage.app.health.causes().map(|(v, s)| (v.name.clone(), s.len())).collect();
    assert_eq!(causes, [("a".to_owned(), 2)]);
}

fn down() -> Snapshot {
    let error = EngineError::new(ErrorKind::Unreachable, "there is no engine at /var/run/docker.sock")
        .with_hint("is Docker installed and running?");
    Snapshot {
        host: "web-01".into(),
        address: "unix:///var/run/docker.sock".into(),
        link: Link::Down { since: now(), error, attempts: 1, retry_at: now() },
        ..Snapshot::default()
    }
}

#[test]
fn the_doctor_comes_by_itself_once_and_goes_when_the_engine_answers() {
    let mut stage = Stage::with(80, 24, down(), settings());
    assert_eq!(
        (stage.app.view, stage.app.focus, stage.app.detail.tab),
        (View::Health, Focus::Detail, Some(Tab::Doctor))
    );
    let text = stage.text();
    assert!(text.contains("sudo usermod -aG docker ann"), "{text}");
    stage.send(Msg::Snapshot(Arc::new(Snapshot { address: down().address, ..fixture::snapshot() })));
    assert_eq!(stage.app.view, View::Deck);
    stage.send(Msg::Snapshot(Arc::new(down())));
    assert_eq!(stage.app.view, View::Deck);
}

#[test]
fn who_has_pressed_a_key_stays_with_the_doctor() {
    let mut stage = Stage::with(80, 24, down(), settings());
    stage.press(&["down"]);
    stage.send(Msg::Snapshot(Arc::new(Snapshot { address: down().address, ..fixture::snapshot() })));
    assert_eq!((stage.app.view, stage.app.detail.tab), (View::Health, Some(Tab::Doctor)));
    // Esc leads back to the list, and once more to the Deck.
    stage.press(&["esc", "esc"]);
    assert_eq!(stage.app.view, View::Deck);
}

#[test]
fn commands_are_copied_as_they_are_run() {
    let mut stage = looked_at(120);
    stage.press(&[":", "doctor", "enter"]);
    let line = stage.app.detail.text.lines.iter().position(|l| l.text().contains("usermod")).unwrap();
    stage.press(&vec!["down"; line]).press(&["y"]);
    assert_eq!(stage.copied, ["sudo usermod -aG docker ann"]);
}

#[test]
fn one_walks_from_a_network_to_a_container_and_on_to_its_networks() {
    let mut stage = looked_at(120);
    stage.press(&["7", "/", "shop-web", "enter", "down"]);
    assert!(matches!(stage.app.list().selected().unwrap().target, Target::Member(..)));
    assert_eq!(stage.app.detail.tab, Some(Tab::Reach));
    // What is attached is a container for every action.
    stage.press(&["r"]);
    assert_eq!(stage.jobs.len(), 1);
    stage.press(&["tab", "[", "[", "[", "["]);
    assert_eq!(stage.app.detail.tab, Some(Tab::Ports));
    stage.press(&["G", "enter"]);
    let here = stage.app.detail.target.clone().unwrap();
    assert_eq!((stage.app.view, stage.app.name_of(&here)), (View::Networks, "shop_back".to_owned()));
}

#[test]
fn another_host_is_not_told_of_by_the_report_of_the_one_before() {
    let mut stage = looked_at(120);
    assert!(stage.app.health.is_known());
    let other = Snapshot { host: "other".into(), address: "tcp://other:2376".into(), ..fixture::snapshot() };
    stage.send(Msg::Snapshot(Arc::new(other)));
    assert!(!stage.app.health.is_known());
}

#[test]
fn an_audit_that_is_refused_says_why_and_is_tried_again() {
    let mut stage = looked_at(120);
    stage.press(&[":", "audit", "enter"]);
    assert!(stage.text().contains("1 critical"));
    let error = EngineError::new(ErrorKind::Forbidden, "GET /containers/json is not let through");
    stage.send(Msg::Health(HealthNews::Audited(stage.app.health.era, Err(error))));
    assert!(stage.text().contains("is not let through"));
    stage.press(&["R"]);
    assert!(stage.text().contains("1 critical"));
    assert_eq!(ward::audit(&stage.app.snap).findings.len(), 4);
}

#[test]
fn what_only_holds_images_for_sessions_is_no_container_that_is_down() {
    let (plain, mut snap) = (fixture::snapshot(), fixture::snapshot());
    let seed = Container {
        id: "seed".into(),
        name: "ondeck-seed-1a2b".into(),
        state: State::Exited,
        exit_code: Some(0),
        labels: [("dev.ondeck.seed".to_owned(), "1a2b".to_owned())].into(),
        ..Container::default()
    };
    snap.containers.insert(seed.id.clone(), Arc::new(seed));
    let mut with = Stage::looked_at(120, 36, snap, settings());
    with.press(&["9"]);
    let mut without = Stage::looked_at(120, 36, plain, settings());
    without.press(&["9"]);
    let head = |stage: &mut Stage| stage.text().lines().next().unwrap().to_owned();
    assert_eq!(head(&mut with), head(&mut without));
    assert!(!with.text().contains("ondeck-seed"), "{}", with.text());
    // It is a container all the same.
    with.press(&["3"]);
    assert!(with.text().contains("ondeck-seed-1a2b"), "{}", with.text());
}

#[test]
fn what_was_asked_of_one_host_is_not_said_of_the_next() {
    let mut stage = looked_at(120);
    stage.press(&[":", "audit", "enter"]);
    let (era, old) = (stage.app.health.era, ward::audit(&stage.app.snap));
    let other = Snapshot { host: "db-02".into(), ..fixture::snapshot() };
    stage.send(Msg::Snapshot(Arc::new(other)));
    assert!(!stage.text().contains("1 critical"), "{}", stage.text());
    // The answer about the host before comes late.
    stage.send(Msg::Health(HealthNews::Audited(era, Ok(Arc::new(old.clone())))));
    assert!(!stage.text().contains("1 critical"), "{}", stage.text());
    stage.send(Msg::Health(HealthNews::Audited(stage.app.health.era, Ok(Arc::new(old)))));
    assert!(matches!(stage.app.health.audit, ondeck::ui::detail::Loaded::Here(_)));
}

#[tokio::test]
async fn what_was_restarted_for_its_health_stands_in_the_activity() {
    let folder = tempfile::tempdir().unwrap();
    let store = ondeck::store::Store::open(&folder.path().join("history.db")).await.unwrap();
    let id = store.heal_begins("web-01", "shop-api-1", "UNHEALTHY", now(), None).await.unwrap().unwrap();
    store.heal_ended(id, &ondeck::health::Outcome::Restarted(1, 3).words()).await.unwrap();
    let mut stage = looked_at(120);
    stage.press(&["0"]);
    stage.send(Msg::Health(HealthNews::Heals(store.heals("web-01", 50).await.unwrap())));
    let text = stage.text();
    assert!(text.contains("restarted (1 of 3) by ondeck watch: UNHEALTHY"), "{text}");
    // It is the newest thing, and says in full what it was.
    stage.press(&["g", "tab"]);
    assert_eq!(stage.app.detail.target, Some(Target::Heal(id)));
    assert!(stage.text().contains("because   UNHEALTHY"));
}
