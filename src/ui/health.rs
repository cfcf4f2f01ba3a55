//! Health in the panel: what is said of the host, how things fared, what an audit, the doctor and routes say.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::audit;
use crate::doctor::Check;
use crate::engine::EngineError;
use crate::engine::model::Id;
use crate::fleet::Link;
use crate::fleet::snapshot::Status;
use crate::health::{Course, Finding, Level, Report, Verdict};
use crate::store::HealAct;
use crate::topology::Routes;

use super::app::{App, Focus};
use super::detail::{Loaded, Tab};
use super::message::{Effect, Msg};
use super::view::{Target, Tone, View};

/// Something to do outside for health.
#[derive(Debug)]
pub enum HealthOrder {
    /// Read how a container fared: its name. The figure comes back with the answer.
    Course(u64, String),
    /// Look at the host's own troubles. This figure and those below come back with the answer.
    Examine(u64),
    /// Look whether all is hardened.
    Audit(u64),
    /// Read the routes.
    Routes(u64),
    /// Read what was restarted for its health.
    Heals,
}

/// What comes back.
#[derive(Debug)]
pub enum HealthNews {
    /// The host was looked at.
    Report(Arc<Report>),
    /// How the container fared that was asked for at that turn.
    Course(u64, Result<Arc<Course>, EngineError>),
    /// What was said at that turn of how a container fared is old.
    CourseOld(u64),
    /// A check ended.
    Check(u64, Check),
    /// All checks ended; in their order.
    Examined(u64, Vec<Check>),
    /// The audit ended.
    Audited(u64, Result<Arc<audit::Report>, EngineError>),
    /// The routes were read.
    Routes(u64, Result<Arc<Routes>, EngineError>),
    /// What was restarted for its health, the newest first.
    Heals(Vec<HealAct>),
}

/// What one person's panel knows of health.
#[derive(Debug, Default)]
pub struct Health {
    /// The newest report; empty before the first.
    pub report: Arc<Report>,
    /// What the doctor found so far.
    pub checks: Vec<Check>,
    /// Whether the doctor is still at it.
    pub examining: bool,
    /// What the audit found.
    pub audit: Loaded<Arc<audit::Report>>,
    /// The routes.
    pub routes: Loaded<Arc<Routes>>,
    /// What was restarted for its health, by `ondeck watch`, the newest first.
    pub heals: Vec<HealAct>,
    /// Counts the hosts that were looked at: what was asked of one says nothing of the next.
    pub era: u64,
    /// The containers that audit and routes were read for: with others they are read again.
    read_for: [BTreeSet<Id>; 2],
    /// Whether the doctor was opened by itself, which happens once.
    called: bool,
    /// Whether nobody pressed a key since.
    pub(super) alone: bool,
}

impl Health {
    /// What is said of a container, as long as that is no older than what is known of it.
    pub fn of(&self, id: &str) -> Option<&Verdict> {
        self.report.of(id)
    }

    /// Whether any report came yet.
    pub fn is_known(&self) -> bool {
        !self.report.host.is_empty()
    }

    /// A restart, while it is kept.
    pub fn heal(&self, target: &Target) -> Option<&HealAct> {
        let Target::Heal(id) = target else { return None };
        self.heals.iter().find(|h| h.id == *id)
    }

    /// Containers and services with a trouble of their own, worst first, each with those that suffer from it.
    pub fn causes(&self) -> impl Iterator<Item = (&Verdict, Vec<&Verdict>)> {
        let own = self.report.containers.iter().filter(|v| v.level >= Level::Degraded && v.blamed_on.is_none());
        own.map(|v| (v, self.victims(v)))
    }

    /// All that suffer from a trouble, also those that suffer from those.
    fn victims<'a>(&'a self, of: &'a Verdict) -> Vec<&'a Verdict> {
        let mut all: Vec<&Verdict> = self.report.victims(&of.name).collect();
        let mut at = 0;
        while at < all.len() {
            let more: Vec<&Verdict> = self.report.victims(&all[at].name).collect();
            for verdict in more {
                // Things may suffer from each other.
                if verdict.name != of.name && !all.iter().any(|v| v.name == verdict.name) {
                    all.push(verdict);
                }
            }
            at += 1;
        }
        all
    }
}

/// The status that looks like a level.
pub const fn status(level: Level) -> Status {
    match level {
        Level::Off => Status::Stopped,
        Level::Healthy => Status::Running,
        Level::Degraded => Status::Unhealthy,
        Level::Failing => Status::Failed,
    }
}

/// What a row of a list stands for that a verdict is of.
pub fn target(verdict: &Verdict) -> Option<Target> {
    match (&verdict.id, &verdict.stack, &verdict.service) {
        (Some(id), ..) => Some(Target::Container(id.clone())),
        (None, Some(stack), Some(service)) => Some(Target::Service(stack.as_str().into(), service.as_str().into())),
        _ => None,
    }
}

impl App {
    /// What is said of a thing with a verdict of its own.
    pub fn verdict(&self, target: &Target) -> Option<&Verdict> {
        let report = &self.health.report;
        match target {
            Target::Container(id) | Target::Session(id) => report.of(id),
            Target::Service(stack, service) => report.containers.iter().find(|v| {
                v.id.is_none() && v.stack.as_deref() == Some(&**stack) && v.service.as_deref() == Some(&**service)
            }),
            _ => None,
        }
    }

    /// The findings that explain how a thing is: its own, a stack's by its containers, the host's.
    pub fn findings(&self, target: &Target) -> Vec<(&str, &Finding)> {
        let report = &self.health.report;
        match target {
            Target::Host => report.findings.iter().map(|f| (report.host.as_str(), f)).collect(),
            Target::Stack(name) => {
                let of = report.containers.iter().filter(|v| v.stack.as_deref() == Some(&**name));
                of.filter(|v| v.blamed_on.is_none())
                    .filter_map(|v| v.findings.first().map(|f| (v.name.as_str(), f)))
                    .collect()
            }
            other => {
                self.verdict(other).map_or(Vec::new(), |v| v.findings.iter().map(|f| (v.name.as_str(), f)).collect())
            }
        }
    }

    /// Takes in what came of health.
    pub(super) fn health_news(&mut self, news: HealthNews) {
        let era = self.health.era;
        match news {
            HealthNews::Check(of, _)
            | HealthNews::Examined(of, _)
            | HealthNews::Audited(of, _)
            | HealthNews::Routes(of, _)
                if of != era => {}
            HealthNews::Report(report) => {
                self.health.report = report;
                match self.view {
                    View::Health | View::Deck => self.refresh(),
                    View::Activity => self.out.push(Effect::Health(HealthOrder::Heals)),
                    _ => {}
                }
                // Its probes below are to be those that are spoken of.
                if self.detail.tab == Some(Tab::Health) && self.shows_detail() {
                    self.load_detail();
                }
            }
            HealthNews::Course(turn, course) if turn == self.detail.turn => {
                // What was seen first is kept a moment later.
                let soon = course.as_ref().is_ok_and(|c| c.changes.is_empty());
                let wait = Duration::from_secs(if soon { 3 } else { 60 });
                self.out.push(Effect::After(wait, Msg::Health(HealthNews::CourseOld(turn))));
                self.detail.course = loaded(course);
            }
            HealthNews::CourseOld(turn) if turn == self.detail.turn && self.shows_detail() => {
                self.load_health(Tab::Health, true);
            }
            HealthNews::Course(..) | HealthNews::CourseOld(_) => {}
            HealthNews::Check(_, check) => {
                if self.health.examining && !self.health.checks.iter().any(|c| c.code == check.code) {
                    self.health.checks.push(check);
                }
            }
            HealthNews::Examined(_, checks) => {
                self.health.checks = checks;
                self.health.examining = false;
            }
            HealthNews::Audited(_, result) => self.health.audit = loaded(result),
            HealthNews::Routes(_, result) => self.health.routes = loaded(result),
            HealthNews::Heals(heals) => {
                self.health.heals = heals;
                if self.view == View::Activity {
                    self.refresh();
                }
            }
        }
        if matches!(self.detail.tab, Some(Tab::Health | Tab::Doctor | Tab::Audit | Tab::Routes)) {
            self.make_text();
        }
    }

    /// Asks for what a tab about health needs; `again` also when it is there.
    pub(super) fn load_health(&mut self, tab: Tab, again: bool) {
        match tab {
            Tab::Doctor if again || self.health.checks.is_empty() && !self.health.examining => {
                self.health.checks.clear();
                self.health.examining = true;
                self.out.push(Effect::Health(HealthOrder::Examine(self.health.era)));
            }
            Tab::Audit if again || self.is_stale(0) => {
                self.health.audit = waiting(&self.health.audit);
                self.out.push(Effect::Health(HealthOrder::Audit(self.health.era)));
            }
            Tab::Routes if again || self.is_stale(1) => {
                self.health.routes = waiting(&self.health.routes);
                self.out.push(Effect::Health(HealthOrder::Routes(self.health.era)));
            }
            Tab::Health => {
                let name = match &self.detail.target {
                    Some(Target::Host) => Some(crate::health::WHOLE.to_owned()),
                    Some(Target::Stack(name)) => Some(crate::health::stack(name)),
                    Some(target) => self.verdict(target).map(|v| v.name.clone()),
                    None => None,
                };
                if let Some(name) = name {
                    self.out.push(Effect::Health(HealthOrder::Course(self.detail.turn, name)));
                }
            }
            _ => {}
        }
    }

    /// Whether there are other containers than those that something was read for; then it counts as read for these.
    fn is_stale(&mut self, which: usize) -> bool {
        let now: BTreeSet<Id> = self.snap.containers.keys().cloned().collect();
        let nothing = match which {
            0 => matches!(self.health.audit, Loaded::Nothing | Loaded::Failed(_)),
            _ => matches!(self.health.routes, Loaded::Nothing | Loaded::Failed(_)),
        };
        let stale = nothing || self.health.read_for[which] != now;
        self.health.read_for[which] = now;
        stale
    }

    /// Another host: nothing that was said counts any more.
    pub(super) fn forget_health(&mut self) {
        let Health { called, alone, era, .. } = self.health;
        self.health = Health { called, alone, era: era + 1, ..Health::default() };
    }

    /// An engine that never answered: the doctor is opened by itself, once, where nothing else is being done.
    pub(super) fn call_doctor(&mut self) {
        let never = matches!(self.snap.link, Link::Down { .. }) && self.snap.engine.is_none();
        if never && !self.health.called && self.overlay.is_none() && self.inside.is_none() && self.desk().is_none() {
            self.health.called = true;
            self.health.alone = true;
            self.open_of_host(Tab::Doctor);
        }
    }

    /// The engine answers: who only waited for it goes on, who looks at the doctor is told anew.
    pub(super) fn dismiss_doctor(&mut self) {
        if std::mem::take(&mut self.health.alone) {
            self.focus = Focus::List;
            self.show(View::Deck);
        } else if self.detail.tab == Some(Tab::Doctor) {
            self.load_health(Tab::Doctor, true);
        }
    }

    /// Opens a tab of the host.
    pub(super) fn open_of_host(&mut self, tab: Tab) {
        self.go_to(Target::Host);
        self.focus_detail();
        self.detail.open_tab(tab);
        self.load_health(tab, false);
        self.load_detail();
    }

    /// Reads again what the open tab shows.
    pub(super) fn examine_again(&mut self) {
        let Some(tab) = self.detail.tab.filter(|_| self.focus == Focus::Detail) else { return };
        match tab {
            Tab::Doctor | Tab::Audit | Tab::Routes => {
                self.load_health(tab, true);
                self.make_text();
                self.tell(Tone::Muted, "looking again");
            }
            _ => {
                self.out.push(Effect::Reconnect);
                self.tell(Tone::Muted, "reading everything again");
            }
        }
    }
}

fn loaded<T>(result: Result<T, EngineError>) -> Loaded<T> {
    match result {
        Ok(value) => Loaded::Here(value),
        Err(error) => Loaded::Failed(error),
    }
}

/// What is there stays on screen until the new one comes.
fn waiting<T: Clone>(now: &Loaded<T>) -> Loaded<T> {
    match now {
        Loaded::Here(value) => Loaded::Here(value.clone()),
        _ => Loaded::Waiting,
    }
}
