//! Restarting what is not well: off unless the config or a label says so, with ever longer waits and an end.
//!
//! What was done is in the history, and what is to be done is decided by it: a watcher that begins anew goes on where
//! the one before was. Each restart is claimed there first, so of several watchers with one history only one acts.

use std::collections::HashMap;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::config;
use crate::engine::Engine;
use crate::engine::model::{Container, Id, State};
use crate::fleet::Snapshot;
use crate::sessions;
use crate::store::{Condition, HealAct, HealthPast, Store, StoreError};

use super::{Finding, Layer, Level, Report, Verdict};

/// The label that says for one container whether it is restarted.
pub const LABEL: &str = "dev.ondeck.heal";
/// After so long in health, what was done before does not count any more.
const WELL: SignedDuration = SignedDuration::from_hours(1);
/// How many restarts are looked back at.
const BACK: u32 = 1000;
/// Probes' findings that a restart may mend. Certificates, clocks and addresses it does not.
const MENDED: [&str; 5] = ["PROBE_REFUSED", "PROBE_TIMEOUT", "PROBE_FAILED", "HTTP_STATUS", "HTTP_BODY"];

/// What is to be done with a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: it is well, or its trouble is none that a restart mends, or nobody wants it restarted.
    Leave,
    /// It is restarted at this time, if it is then as it is now.
    Wait(Timestamp),
    /// It is restarted now, the how manieth time since it was last well.
    Restart(u32),
    /// It was restarted so often in vain: somebody has to look.
    GiveUp(u32),
}

/// What was done, or would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healed {
    /// The container.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// The compose project it belongs to.
    pub stack: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What was wrong.
    pub code: String,
    /// The same in words.
    pub what: String,
    /// How it went.
    pub outcome: Outcome,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was restarted: the how manieth time, of how many.
    Restarted(u32, u32),
    /// It could not be, and why.
    Failed(String),
    /// It would have been restarted (`--dry-run`).
    WouldRestart(u32, u32),
    /// It was restarted so often in vain, and is left alone now.
    GaveUp(u32),
}

impl Outcome {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Restarted(nth, of) => format!("restarted ({nth} of {of})"),
            Self::Failed(why) => format!("could not be restarted: {why}"),
            Self::WouldRestart(nth, of) => format!("would be restarted ({nth} of {of})"),
            Self::GaveUp(times) => format!("is left alone after {}", crate::text::count(*times as usize, "restart")),
        }
    }
}

/// Whether a container is to be healed: its label decides, else the config. `None` for a label that says neither.
pub fn wanted(container: &Container, config: &config::Heal) -> Option<bool> {
    match container.labels.get(LABEL).map(|l| l.trim().to_ascii_lowercase()) {
        None => Some(config.enabled),
        Some(word) => match word.as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
    }
}

/// What is to be done with a container. `acts` are its restarts, the newest first.
pub fn plan(
    container: &Container,
    verdict: &Verdict,
    past: &HealthPast,
    acts: &[&HealAct],
    now: Timestamp,
    config: &config::Heal,
) -> Plan {
    let Some(trouble) = trouble(container, verdict, config) else { return Plan::Leave };
    let later = |from: Timestamp, by: SignedDuration| from.checked_add(by).unwrap_or(Timestamp::MAX);
    let span = |period: config::Period| SignedDuration::try_from(period.0).unwrap_or(SignedDuration::MAX);
    // What was before its start was another run's trouble.
    let since = verdict.since.or(trouble.since).unwrap_or(now).max(container.started.unwrap_or(Timestamp::MIN));
    let mut due = later(since, span(config.after));
    let well = last_well(past, now);
    let count = acts.iter().filter(|act| well.is_none_or(|well| act.at > well)).count() as u32;
    if count >= config.limit {
        return Plan::GiveUp(count);
    }
    if let Some(last) = acts.first().filter(|_| count > 0) {
        let factor = 1_i32.checked_shl((count - 1).min(20)).unwrap_or(i32::MAX);
        let wait = span(config.backoff).checked_mul(factor).unwrap_or(SignedDuration::MAX);
        due = due.max(later(last.at, wait));
    }
    if due <= now { Plan::Restart(count + 1) } else { Plan::Wait(due) }
}

/// The trouble that a restart may mend, of a container that is to be healed and that nobody stopped.
fn trouble<'a>(container: &Container, verdict: &'a Verdict, config: &config::Heal) -> Option<&'a Finding> {
    let session = [sessions::LABEL, sessions::JUDGE].iter().any(|label| container.labels.contains_key(*label));
    // Where another's trouble is the cause, that one is to be mended.
    let own = verdict.blamed_on.is_none() && verdict.level == Level::Failing;
    if session || !own || container.state != State::Running || wanted(container, config) != Some(true) {
        return None;
    }
    let mended = |f: &&Finding| {
        f.level == Level::Failing && (f.code == "UNHEALTHY" || (f.layer == Layer::Probe && MENDED.contains(&f.code)))
    };
    verdict.findings.iter().find(mended)
}

/// The last time at which it had been well for so long that what was done before does not count.
fn last_well(past: &HealthPast, now: Timestamp) -> Option<Timestamp> {
    let mut last = None;
    let mut began = None;
    for change in &past.changes {
        if change.level == Condition::Healthy {
            began.get_or_insert(change.at);
        } else if let Some(from) = began.take().filter(|from| change.at.duration_since(*from) >= WELL) {
            last = Some(from.max(change.at));
        }
    }
    match began {
        Some(from) if now.duration_since(from) >= WELL => Some(now),
        _ => last,
    }
}

/// Restarts what is to be restarted.
#[derive(Debug)]
pub struct Healer {
    engine: Engine,
    store: Store,
    config: config::Heal,
    dry: bool,
    /// What was said of a container and is not said again while it is so.
    said: HashMap<Id, Plan>,
}

impl Healer {
    /// One that acts by a history, and keeps in it what it does. With `dry` it only tells what it would do.
    pub fn new(engine: Engine, store: Store, config: config::Heal, dry: bool) -> Self {
        Self { engine, store, config, dry, said: HashMap::new() }
    }

    /// Restarts what is due; tells what was done, and when to come again if nothing changes.
    ///
    /// # Errors
    /// What is wrong with the history: without it nothing is restarted.
    pub async fn treat(
        &mut self,
        snap: &Snapshot,
        report: &Report,
    ) -> Result<(Vec<Healed>, Option<Timestamp>), StoreError> {
        let ill: Vec<(&Container, &Verdict, &Finding)> = report
            .containers
            .iter()
            .filter_map(|verdict| {
                let container = snap.containers.get(verdict.id.as_ref()?)?;
                Some((container.as_ref(), verdict, trouble(container, verdict, &self.config)?))
            })
            .collect();
        self.said.retain(|id, _| ill.iter().any(|(c, ..)| c.id == *id));
        if ill.is_empty() {
            return Ok((Vec::new(), None));
        }
        let all = self.store.heals(&report.host, BACK).await?;
        let (mut told, mut again, mut due) = (Vec::new(), None::<Timestamp>, Vec::new());
        for (container, verdict, trouble) in ill {
            let now = Timestamp::now();
            let acts: Vec<&HealAct> = all.iter().filter(|act| act.name == container.name).collect();
            let oldest = acts.last().map_or(now, |act| act.at);
            let past = self.store.health_past(&report.host, &container.name, oldest).await?;
            let plan = plan(container, verdict, &past, &acts, now, &self.config);
            let healed = |outcome| Healed {
                id: container.id.clone(),
                name: container.name.clone(),
                stack: verdict.stack.clone(),
                at: now,
                code: trouble.code.to_owned(),
                what: trouble.what.clone(),
                outcome,
            };
            match plan {
                Plan::Leave => {}
                Plan::Wait(at) => again = Some(again.map_or(at, |again| again.min(at))),
                Plan::GiveUp(times) => {
                    if self.said.insert(container.id.clone(), plan.clone()) != Some(plan) {
                        told.push(healed(Outcome::GaveUp(times)));
                    }
                }
                Plan::Restart(nth) if self.dry => {
                    if self.said.insert(container.id.clone(), plan.clone()) != Some(plan) {
                        told.push(healed(Outcome::WouldRestart(nth, self.config.limit)));
                    }
                }
                Plan::Restart(nth) => {
                    let last = acts.first().map(|act| act.id);
                    let claimed =
                        self.store.heal_begins(&report.host, &container.name, trouble.code, now, last).await?;
                    // Without a claim another watcher is at it.
                    if let Some(claim) = claimed {
                        due.push((claim, healed(Outcome::Restarted(nth, self.config.limit))));
                    }
                }
            }
        }
        let restarts = due.into_iter().map(async |(claim, mut healed)| {
            if let Err(error) = self.engine.restart(&healed.id, None).await {
                healed.outcome = Outcome::Failed(error.to_string());
            }
            self.store.heal_ended(claim, &healed.outcome.words()).await.map(|()| healed)
        });
        for done in join_all(restarts).await {
            told.push(done?);
            // The wait for the next one begins.
            again.get_or_insert(Timestamp::now());
        }
        Ok((told, again))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Period;
    use crate::health::Blame;
    use crate::store::HealthChange;
    use std::time::Duration;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(100_000 + second).unwrap()
    }

    fn config() -> config::Heal {
        let secs = |s| Period(Duration::from_secs(s));
        config::Heal { enabled: true, after: secs(30), limit: 3, backoff: secs(60) }
    }

    fn container(label: Option<&str>) -> Container {
        let labels = label.map(|l| (LABEL.to_owned(), l.to_owned())).into_iter().collect();
        Container {
            id: "c".into(),
            name: "web".into(),
            state: State::Running,
            started: Some(at(-1000)),
            labels,
            ..Container::default()
        }
    }

    fn verdict(code: &'static str, layer: Layer) -> Verdict {
        let finding = Finding {
            code,
            level: Level::Failing,
            layer,
            what: String::new(),
            why: String::new(),
            todo: String::new(),
            evidence: Vec::new(),
            since: None,
        };
        Verdict {
            name: "web".into(),
            level: Level::Failing,
            since: Some(at(0)),
            findings: vec![finding],
            ..Verdict::default()
        }
    }

    /// Restarts at these times, from a real history: their numbers are none that anybody may make.
    async fn acts(times: &[i64]) -> Vec<HealAct> {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("h.db")).await.unwrap();
        let mut last = None;
        for time in times {
            last = store.heal_begins("h", "web", "UNHEALTHY", at(*time), last).await.unwrap();
        }
        store.heals("h", 100).await.unwrap()
    }

    fn past(changes: &[(i64, Condition)]) -> HealthPast {
        let change = |(second, level): &(i64, Condition)| HealthChange {
            at: at(*second),
            level: *level,
            code: String::new(),
            what: String::new(),
        };
        HealthPast { changes: changes.iter().map(change).collect(), watched: Vec::new() }
    }

    fn on(container: &Container, verdict: &Verdict, acts: &[HealAct], past: &HealthPast, now: i64) -> Plan {
        plan(container, verdict, past, &acts.iter().collect::<Vec<_>>(), at(now), &config())
    }

    fn simple(container: &Container, verdict: &Verdict, now: i64) -> Plan {
        on(container, verdict, &[], &HealthPast::default(), now)
    }

    #[test]
    fn what_is_ill_for_long_enough_is_restarted() {
        let ill = verdict("UNHEALTHY", Layer::Healthcheck);
        assert_eq!(simple(&container(None), &ill, 29), Plan::Wait(at(30)));
        assert_eq!(simple(&container(None), &ill, 30), Plan::Restart(1));
        for code in MENDED {
            assert_eq!(simple(&container(None), &verdict(code, Layer::Probe), 30), Plan::Restart(1), "{code}");
        }
        let young = Container { started: Some(at(20)), ..container(None) };
        assert_eq!(simple(&young, &ill, 40), Plan::Wait(at(50)), "what was before its start does not count");
    }

    #[test]
    fn nothing_else_is_touched() {
        let ill = verdict("UNHEALTHY", Layer::Healthcheck);
        for code in ["TLS_EXPIRED", "TLS_INVALID", "LOOPBACK_ONLY", "CLOCK_SKEW"] {
            assert_eq!(simple(&container(None), &verdict(code, Layer::Probe), 999), Plan::Leave, "{code}");
        }
        assert_eq!(simple(&container(None), &verdict("OOM_KILLED", Layer::Container), 999), Plan::Leave);
        for state in [State::Paused, State::Exited, State::Created, State::Restarting, State::Removing, State::Dead] {
            assert_eq!(simple(&Container { state, ..container(None) }, &ill, 999), Plan::Leave, "{state:?}");
        }
        for label in [sessions::LABEL, sessions::JUDGE] {
            let mut session = container(Some("true"));
            session.labels.insert(label.to_owned(), "x".to_owned());
            assert_eq!(simple(&session, &ill, 999), Plan::Leave, "{label}");
        }
        let victim = Verdict { blamed_on: Some(Blame { id: None, name: "db".into() }), ..ill.clone() };
        assert_eq!(simple(&container(None), &victim, 999), Plan::Leave);
        assert_eq!(simple(&container(None), &Verdict { level: Level::Degraded, ..ill }, 999), Plan::Leave);
    }

    #[test]
    fn the_label_decides() {
        let ill = verdict("UNHEALTHY", Layer::Healthcheck);
        let off = config::Heal { enabled: false, ..config() };
        let with =
            |label, config: &config::Heal| plan(&container(label), &ill, &HealthPast::default(), &[], at(999), config);
        assert_eq!(with(None, &off), Plan::Leave);
        assert_eq!(with(Some("true"), &off), Plan::Restart(1));
        assert_eq!(with(Some("false"), &config()), Plan::Leave);
        assert_eq!(with(Some("perhaps"), &config()), Plan::Leave);
        assert_eq!(wanted(&container(Some("perhaps")), &config()), None);
    }

    #[tokio::test]
    async fn each_further_restart_waits_twice_as_long_and_then_nobody_tries_any_more() {
        let (c, ill) = (container(None), verdict("UNHEALTHY", Layer::Healthcheck));
        let none = HealthPast::default();
        assert_eq!(on(&c, &ill, &acts(&[30]).await, &none, 40), Plan::Wait(at(90)));
        assert_eq!(on(&c, &ill, &acts(&[30]).await, &none, 90), Plan::Restart(2));
        assert_eq!(on(&c, &ill, &acts(&[30, 90]).await, &none, 209), Plan::Wait(at(210)));
        assert_eq!(on(&c, &ill, &acts(&[30, 90]).await, &none, 210), Plan::Restart(3));
        assert_eq!(on(&c, &ill, &acts(&[30, 90, 210]).await, &none, 100_000), Plan::GiveUp(3));
    }

    #[tokio::test]
    async fn an_hour_of_health_begins_anew() {
        use Condition::{Degraded, Failing, Healthy};
        let (c, mut ill) = (container(None), verdict("UNHEALTHY", Layer::Healthcheck));
        let acts = acts(&[10, 20, 30]).await;
        ill.since = Some(at(5000));
        let with = |changes: &[_], now| on(&c, &ill, &acts, &past(changes), now);
        assert_eq!(with(&[(0, Failing), (40, Healthy), (5000, Failing)], 6000), Plan::Restart(1));
        assert_eq!(with(&[(0, Failing), (2000, Healthy), (5000, Failing)], 6000), Plan::GiveUp(3));
        assert_eq!(
            with(&[(0, Failing), (40, Healthy), (2000, Degraded), (2100, Healthy), (5000, Failing)], 6000),
            Plan::GiveUp(3)
        );
    }
}
