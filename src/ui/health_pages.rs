//! The pages about health: what is wrong and why, how it fared, what an audit, the doctor and routes say, who reaches whom.

use std::collections::BTreeSet;

use crate::audit::{self, Counts, Severity};
use crate::doctor::{Check, Outcome};
use crate::engine::model::Id;
use crate::fleet::snapshot::Status;
use crate::health::{Course, Finding, Layer, Level, Share, Verdict};
use crate::text::{age, count};
use crate::topology::{Map, Obstacle, Reach, Route, Routes, clashes, reach};

use super::app::App;
use super::detail::{Loaded, Tab};
use super::health::{status, target};
use super::panes::page::Page;
use super::panes::text::{TextLine, table};
use super::view::{Target, Tone, status_sign};

/// Things that are told of under one rule.
const SUBJECTS: usize = 50;
/// Containers that are told of in one list of ways.
const REACHED: usize = 200;

impl App {
    /// The lines of a page about health.
    pub(super) fn health_page(&self, of: &Target, tab: Tab) -> Vec<TextLine> {
        let mut page = Page::of(self);
        match tab {
            Tab::Doctor => page.doctor(&self.health.checks, self.health.examining),
            Tab::Audit => match &self.health.audit {
                Loaded::Nothing | Loaded::Waiting => page.say(Tone::Muted, "Looking at everything…"),
                Loaded::Failed(error) => page.error(error),
                Loaded::Here(report) => page.audit(report, of, &self.detail.text.folded),
            },
            Tab::Routes => match &self.health.routes {
                Loaded::Nothing | Loaded::Waiting => page.say(Tone::Muted, "Reading routes…"),
                Loaded::Failed(error) => page.error(error),
                Loaded::Here(routes) => page.routes(routes, &self.of_stack(of)),
            },
            Tab::Reach => {
                let Target::Container(id) = of else { return Vec::new() };
                page.reach(self, id);
            }
            _ => self.health_of(&mut page, of),
        }
        page.lines
    }

    /// The containers of a stack; none for anything else.
    fn of_stack(&self, of: &Target) -> BTreeSet<Id> {
        match of {
            Target::Stack(_) => self.containers_of(of).iter().map(|c| c.id.clone()).collect(),
            _ => BTreeSet::new(),
        }
    }

    /// What is said of a thing, and how it fared.
    fn health_of(&self, page: &mut Page<'_>, of: &Target) {
        match of {
            Target::Host => self.health_of_host(page),
            Target::Stack(name) => {
                let stack = self.health.report.stacks.iter().find(|s| s.name == **name);
                let Some(stack) = stack else { return page.say(Tone::Muted, "Nothing is said of it yet.") };
                page.level(stack.level, stack.since, &format!("{} of {} up", stack.up, stack.all));
                self.fared(page);
                self.causes(page, |v| v.stack.as_deref() == Some(&**name));
            }
            other => {
                let Some(verdict) = self.verdict(other) else {
                    return page.say(Tone::Muted, "Nothing is said of it yet.");
                };
                page.said_of(verdict);
                self.sufferers(page, verdict);
                self.fared(page);
            }
        }
    }

    /// How it fared, where that is known.
    fn fared(&self, page: &mut Page<'_>) {
        match &self.detail.course {
            Loaded::Here(course) if !course.changes.is_empty() => {
                page.blank();
                page.course(course);
            }
            Loaded::Failed(error) => {
                page.blank();
                page.say(Tone::Muted, format!("How it fared is not known: {}", error.message));
            }
            _ => {}
        }
    }

    fn health_of_host(&self, page: &mut Page<'_>) {
        let report = &self.health.report;
        if let Some(error) = &report.unknown {
            page.error(error);
            page.blank();
        }
        if !self.health.is_known() {
            return page.say(Tone::Muted, "Looking…");
        }
        let up = report.containers.iter().filter(|v| v.level >= Level::Healthy).count();
        page.level(report.level, None, &format!("{} looked at", count(up, "container")));
        self.fared(page);
        for finding in &report.findings {
            page.blank();
            page.words(finding, "");
        }
        self.causes(page, |_| true);
        if !report.stacks.is_empty() {
            page.blank();
            let rows: Vec<Vec<(Tone, String)>> = report
                .stacks
                .iter()
                .map(|s| {
                    let tone = Tone::Status(status(s.level));
                    vec![
                        (tone, format!("{} {}", status_sign(page.symbols, status(s.level)), s.name)),
                        (tone, s.level.word().to_owned()),
                        (Tone::Plain, format!("{}/{}", s.up, s.all)),
                        (Tone::Muted, s.since.map_or_else(String::new, |t| age(page.now, t))),
                    ]
                })
                .collect();
            page.lines.extend(table(&["STACK", "", "UP", "SINCE"], &rows));
        }
        let clashes = clashes(&Map::of(&self.snap));
        if !clashes.is_empty() {
            page.blank();
            page.say(Tone::Heading, "Addresses and names in each other's way");
            for clash in clashes {
                page.sign(Tone::Warn, page.symbols.warning, &clash.what);
                page.todo(&clash.todo);
            }
        }
    }

    /// The causes among some containers, each with who suffers from it.
    fn causes(&self, page: &mut Page<'_>, of: impl Fn(&Verdict) -> bool) {
        let mut any = false;
        for (cause, victims) in self.health.causes().filter(|(v, victims)| of(v) || victims.iter().any(|v| of(v))) {
            any = true;
            page.blank();
            let mut line = TextLine::default();
            let tone = Tone::Status(status(cause.level));
            line.push(tone, format!("{} ", status_sign(page.symbols, status(cause.level))));
            line.push(Tone::Strong, &*cause.name);
            line.push(Tone::Muted, cause.since.map_or_else(String::new, |t| format!("  for {}", age(page.now, t))));
            line.branch = target(cause).and_then(|t| match t {
                Target::Container(id) => Some((id.to_string(), false)),
                _ => None,
            });
            page.lines.push(line);
            if let Some(finding) = cause.cause() {
                page.words(finding, "  ");
            }
            if !victims.is_empty() {
                let names: Vec<&str> = victims.iter().map(|v| v.name.as_str()).collect();
                page.flow(&[(Tone::Muted, "so fails: ".to_owned()), (Tone::Plain, names.join(", "))], "  ");
            }
        }
        if !any {
            page.blank();
            page.say(Tone::Good, "Nothing is wrong, as far as anything tells.");
        }
    }

    fn sufferers(&self, page: &mut Page<'_>, verdict: &Verdict) {
        let names: Vec<&str> = self.health.report.victims(&verdict.name).map(|v| v.name.as_str()).collect();
        if !names.is_empty() {
            page.blank();
            page.flow(&[(Tone::Muted, "because of it fails: ".to_owned()), (Tone::Plain, names.join(", "))], "");
        }
    }
}

/// The sign and the tone of how a check ended.
pub fn sign_of(symbols: &crate::config::Symbols, outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Ok => (symbols.check, Tone::Good),
        Outcome::Warn => (symbols.warning, Tone::Warn),
        Outcome::Fail => (symbols.cross, Tone::Bad),
        Outcome::Skipped => (symbols.dot, Tone::Muted),
    }
}

/// How a severity is meant.
pub const fn tone_of(severity: Severity) -> Tone {
    match severity {
        Severity::Critical => Tone::Status(Status::Failed),
        Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warn,
        Severity::Low => Tone::Plain,
        Severity::Info => Tone::Muted,
    }
}

impl Page<'_> {
    /// How well something is, in one line.
    fn level(&mut self, level: Level, since: Option<jiff::Timestamp>, more: &str) {
        let tone = Tone::Status(status(level));
        let mut line = TextLine::new(tone, format!("{} {}", status_sign(self.symbols, status(level)), level.word()));
        line.push(Tone::Plain, since.map_or_else(String::new, |t| format!(" for {}", age(self.now, t))));
        if !more.is_empty() {
            line.push(Tone::Muted, format!("  {} {more}", self.symbols.dot));
        }
        self.lines.push(line);
    }

    /// Text behind a sign.
    fn sign(&mut self, tone: Tone, sign: &str, text: &str) {
        self.led(&[(Tone::Plain, text.to_owned())], vec![(tone, format!("{sign} "))], 2);
    }

    /// What to do.
    fn todo(&mut self, text: &str) {
        if !text.is_empty() {
            self.led(&[(Tone::Plain, text.to_owned())], vec![(Tone::Accent, "  try  ".to_owned())], 7);
        }
    }

    /// What is the case, why, what to try, and what shows it.
    fn words(&mut self, finding: &Finding, indent: &str) {
        self.flow(&[(Tone::Status(status(finding.level)), finding.what.clone())], indent);
        if !finding.why.is_empty() {
            self.flow(&[(Tone::Plain, finding.why.clone())], indent);
        }
        if !finding.todo.is_empty() {
            let first = vec![(Tone::Accent, format!("{indent}try  "))];
            self.led(&[(Tone::Plain, finding.todo.clone())], first, indent.len() + 5);
        }
        for line in &finding.evidence {
            let first = vec![(Tone::Muted, format!("{indent}{} ", self.symbols.bar))];
            self.led(&[(Tone::Muted, line.clone())], first, indent.len() + 2);
        }
    }

    fn finding(&mut self, finding: &Finding) {
        self.words(finding, "");
        let mut told = vec![(Tone::Muted, format!("{}, told by the {}", finding.code, finding.layer.word()))];
        if let Some(since) = finding.since {
            told.push((Tone::Muted, format!(", since {} ago", age(self.now, since))));
        }
        self.flow(&told, "");
    }

    fn said_of(&mut self, verdict: &Verdict) {
        self.level(verdict.level, verdict.since, "");
        for finding in &verdict.findings {
            self.blank();
            self.finding(finding);
        }
        if let Some(why) = &verdict.unprobed {
            self.blank();
            self.sign(Tone::Muted, self.symbols.dot, &format!("not probed: {why}"));
        }
        self.blank();
        let mut line = TextLine::new(Tone::Muted, "looked at  ");
        for layer in [Layer::Container, Layer::Healthcheck, Layer::Probe, Layer::Dependency] {
            let failed = verdict.findings.iter().any(|f| f.layer == layer);
            let (tone, sign) = match (failed, verdict.passed.contains(&layer)) {
                (true, _) => (Tone::Bad, self.symbols.cross),
                (false, true) => (Tone::Good, self.symbols.check),
                (false, false) => (Tone::Muted, self.symbols.dot),
            };
            line.push(tone, format!("{sign} "));
            line.push(if tone == Tone::Muted { Tone::Muted } else { Tone::Plain }, format!("{}  ", layer.word()));
        }
        if let Some(seconds) = verdict.latency_seconds {
            line.push(Tone::Muted, format!("{} ms", (seconds * 1000.0).ceil()));
        }
        self.lines.push(line);
    }

    /// How something fared: a line for the last day, shares of the time.
    fn course(&mut self, course: &Course) {
        let mut line = TextLine::new(Tone::Muted, "24 hours  ");
        for step in &course.line {
            let (tone, sign) = match step {
                None => (Tone::Muted, self.symbols.dot),
                Some(level @ (Level::Off | Level::Healthy)) => (Tone::Status(status(*level)), self.symbols.spark[7]),
                Some(level) => {
                    (Tone::Status(status(*level)), self.symbols.spark[if *level == Level::Failing { 1 } else { 4 }])
                }
            };
            line.push(tone, sign);
        }
        self.lines.push(line);
        let share = |share: &Share| match share.up {
            Some(up) if share.watched > 0.999 => format!("{} %", percent(up)),
            Some(up) => format!("{} % (seen {} %)", percent(up), percent(share.watched)),
            None => "not seen".to_owned(),
        };
        let words = format!("1 h {}, 24 h {}, 7 d {}", share(&course.hour), share(&course.day), share(&course.week));
        self.led(&[(Tone::Plain, words)], vec![(Tone::Muted, "worked    ".to_owned())], 10);
        for (time, level, what) in course.changes.iter().take(8) {
            let mut first = vec![(Tone::Muted, format!("{:>4} ago  ", age(self.now, *time)))];
            first.push((Tone::Status(status(*level)), format!("{:<8}  ", level.word())));
            let words = if what == level.word() { String::new() } else { what.clone() };
            self.led(&[(Tone::Muted, words)], first, 20);
        }
    }

    fn doctor(&mut self, checks: &[Check], examining: bool) {
        let count_of = |outcome| checks.iter().filter(|c| c.outcome == outcome).count();
        let bad = count_of(Outcome::Fail) + count_of(Outcome::Warn);
        match (examining, bad) {
            (true, _) => self.say(Tone::Muted, format!("Looking… {} so far", count(checks.len(), "check"))),
            (false, 0) => self.say(Tone::Good, format!("All is well: {}.", count(checks.len(), "check"))),
            (false, n) => {
                let words = format!(
                    "{} of {} to look at. R looks again; y copies the command under the cursor.",
                    n,
                    checks.len()
                );
                self.say(Tone::Muted, words);
            }
        }
        self.blank();
        let mut sorted: Vec<&Check> = checks.iter().collect();
        sorted.sort_by_key(|c| std::cmp::Reverse(c.outcome));
        for check in sorted {
            let (sign, tone) = sign_of(self.symbols, check.outcome);
            let quiet = check.outcome <= Outcome::Ok;
            let words = [
                (if quiet { Tone::Plain } else { Tone::Strong }, check.title.to_owned()),
                (Tone::Muted, ": ".to_owned()),
                (if quiet { Tone::Muted } else { Tone::Plain }, check.evidence.clone()),
            ];
            self.led(&words, vec![(tone, format!("{sign} "))], 2);
            if let Some(fix) = check.fix.as_ref().filter(|_| !quiet) {
                self.flow(&[(Tone::Plain, fix.words.clone())], "    ");
                if let Some(command) = &fix.command {
                    self.flow(&[(Tone::Accent, command.clone())], "    ");
                }
                self.blank();
            }
        }
    }

    fn audit(&mut self, report: &audit::Report, of: &Target, opened: &BTreeSet<String>) {
        let mine: Vec<&audit::Finding> = match of {
            Target::Container(id) | Target::Session(id) => report.of_container(id).collect(),
            Target::Stack(name) => report.of_stack(name).collect(),
            _ => report.findings.iter().collect(),
        };
        self.counts(&Counts::of(mine.iter().copied()));
        if *of == Target::Host {
            self.stacks(report);
            for note in &report.notes {
                self.sign(Tone::Warn, self.symbols.warning, note);
            }
        }
        self.blank();
        if matches!(of, Target::Container(_) | Target::Session(_)) {
            for finding in &mine {
                self.rule(std::slice::from_ref(finding), opened);
            }
            return;
        }
        // What many things have in common is told once.
        let mut groups: Vec<Vec<&audit::Finding>> = Vec::new();
        for finding in mine {
            let same = |g: &&mut Vec<&audit::Finding>| {
                let one = g[0];
                one.rule.code == finding.rule.code
                    && one.severity == finding.severity
                    && one.ignored.is_some() == finding.ignored.is_some()
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(finding),
                None => groups.push(vec![finding]),
            }
        }
        for group in &groups {
            self.rule(group, opened);
        }
    }

    /// One rule, and what breaks it.
    fn rule(&mut self, broken: &[&audit::Finding], opened: &BTreeSet<String>) {
        let Some(first) = broken.first() else { return };
        let key = format!("{}/{}/{}", first.rule.code, first.severity.word(), first.ignored.is_some());
        let open = opened.contains(&key);
        let fold = if open { self.symbols.expanded } else { self.symbols.collapsed };
        let ignored = first.ignored.is_some();
        let mut line = TextLine::new(Tone::Muted, format!("{fold} "));
        let tone = if ignored { Tone::Struck } else { tone_of(first.severity) };
        line.push(tone, format!("{:<8}  ", first.severity.word()));
        let names: Vec<&str> = broken.iter().map(|f| f.subject.name.as_str()).take(3).collect();
        if broken.len() > 1 {
            line.push(Tone::Strong, format!("{}× ", broken.len()));
        }
        line.push(if ignored { Tone::Muted } else { Tone::Plain }, first.rule.title);
        line.push(Tone::Muted, format!("  {}", names.join(", ")));
        line.push(Tone::Muted, if broken.len() > names.len() { ", …" } else { "" });
        // The pane folds what is marked as open; here what was turned is open.
        line.branch = Some((key, !open));
        self.lines.push(line);
        if open {
            self.broken(broken);
        }
    }

    /// How many findings of each severity.
    fn counts(&mut self, counts: &Counts) {
        let each = [
            (Severity::Critical, counts.critical),
            (Severity::High, counts.high),
            (Severity::Medium, counts.medium),
            (Severity::Low, counts.low),
            (Severity::Info, counts.info),
        ];
        let mut line = TextLine::default();
        for (severity, n) in each.into_iter().filter(|(_, n)| *n > 0) {
            line.push(tone_of(severity), format!("{n} {}  ", severity.word()));
        }
        if line.pieces.is_empty() {
            line.push(Tone::Good, "No rule is broken.  ");
        }
        if counts.ignored > 0 {
            line.push(Tone::Muted, format!("{} meant to be so", counts.ignored));
        }
        self.lines.push(line);
    }

    /// Counts and the worst for each stack.
    fn stacks(&mut self, report: &audit::Report) {
        let names: BTreeSet<&str> = report.findings.iter().filter_map(|f| f.subject.stack.as_deref()).collect();
        if names.is_empty() {
            return;
        }
        self.blank();
        let figure = |n: usize| if n == 0 { "·".to_owned() } else { n.to_string() };
        let rows: Vec<Vec<(Tone, String)>> = names
            .into_iter()
            .map(|name| {
                let counts = Counts::of(report.of_stack(name));
                let worst = counts.worst();
                vec![
                    (Tone::Strong, name.to_owned()),
                    (worst.map_or(Tone::Good, tone_of), worst.map_or("clean", Severity::word).to_owned()),
                    (tone_of(Severity::Critical), figure(counts.critical)),
                    (tone_of(Severity::High), figure(counts.high)),
                    (tone_of(Severity::Medium), figure(counts.medium)),
                    (tone_of(Severity::Low), figure(counts.low)),
                ]
            })
            .collect();
        self.lines.extend(table(&["STACK", "WORST", "CRIT", "HIGH", "MED", "LOW"], &rows));
    }

    /// Everything about a broken rule: why it matters, then what breaks it and how each is mended.
    fn broken(&mut self, findings: &[&audit::Finding]) {
        let indent = "    ";
        let Some(rule) = findings.first().map(|f| f.rule) else { return };
        self.flow(&[(Tone::Plain, rule.why.to_owned())], indent);
        let mut labels = vec![rule.code.to_owned()];
        labels.extend(rule.refs.iter().map(|r| (*r).to_owned()));
        self.flow(&[(Tone::Muted, labels.join(", "))], indent);
        if !rule.breaks.is_empty() {
            self.flow(&[(Tone::Warn, "may break: ".to_owned()), (Tone::Plain, rule.breaks.to_owned())], indent);
        }
        let mut mended = None;
        for finding in findings.iter().take(SUBJECTS) {
            let mut line = TextLine::new(Tone::Strong, format!("{indent}{}", finding.subject.name));
            line.push(Tone::Text, format!("  {}", finding.observed));
            if finding.subject.kind == audit::Kind::Container {
                line.branch = Some((finding.subject.id.clone(), false));
            }
            self.lines.push(line);
            if let Some((file, line)) = &finding.place {
                self.flow(&[(Tone::Muted, format!("{}:{line}", file.display()))], "      ");
            }
            if let Some(ignored) = &finding.ignored {
                let until = ignored.until.map_or_else(String::new, |t| format!(" until {}", t.strftime("%Y-%m-%d")));
                let words = format!("meant to be so{until}: {} ({})", ignored.reason, ignored.by);
                self.flow(&[(Tone::Good, words)], "      ");
            }
            // Said again only where it is another.
            if mended == Some((&finding.compose, &finding.run, &finding.elsewhere)) {
                continue;
            }
            mended = Some((&finding.compose, &finding.run, &finding.elsewhere));
            if !finding.elsewhere.is_empty() {
                self.flow(&[(Tone::Accent, finding.elsewhere.clone())], "      ");
            }
            for line in finding.compose.lines() {
                self.lines.push(TextLine::new(Tone::Accent, format!("      {line}")));
            }
            if !finding.run.is_empty() {
                self.led(
                    &[(Tone::Accent, finding.run.clone())],
                    vec![(Tone::Muted, "      docker run ".to_owned())],
                    8,
                );
            }
        }
        let hidden = findings.len().saturating_sub(SUBJECTS);
        if hidden > 0 {
            self.flow(&[(Tone::Muted, format!("and {hidden} more; `ondeck audit` tells of all"))], indent);
        }
        self.blank();
    }

    fn routes(&mut self, routes: &Routes, only: &BTreeSet<Id>) {
        let mine: Vec<&Route> = routes
            .routes
            .iter()
            .filter(|r| only.is_empty() || r.container.as_ref().is_some_and(|id| only.contains(id)))
            .collect();
        for note in &routes.notes {
            self.say(Tone::Muted, note.clone());
        }
        if mine.is_empty() {
            self.say(Tone::Muted, "No routes: no container here has labels of Traefik.");
        }
        for route in mine {
            self.blank();
            let good = route.obstacles.is_empty();
            let (sign, tone) = if good { (self.symbols.check, Tone::Good) } else { (self.symbols.cross, Tone::Bad) };
            let name = if route.router.is_empty() { &route.container_name } else { &route.router };
            let mut head = TextLine::new(tone, format!("{sign} "));
            head.push(Tone::Strong, name);
            if !route.entry_points.is_empty() {
                head.push(Tone::Muted, format!("  on {}", route.entry_points.join(", ")));
            }
            head.push(Tone::Muted, if route.tls { "  tls" } else { "" });
            head.branch = route.container.as_ref().map(|id| (id.to_string(), false));
            self.lines.push(head);
            if !route.rule.is_empty() {
                self.flow(&[(Tone::Text, route.rule.clone())], "  ");
            }
            self.flow(&[(Tone::Plain, way(route, self.symbols.right))], "  ");
            self.obstacles(&route.obstacles);
        }
        for proxy in &routes.socket_proxies {
            self.blank();
            let mut head = TextLine::new(Tone::Accent, format!("{} ", self.symbols.dot));
            head.push(Tone::Strong, &*proxy.name);
            head.push(Tone::Muted, "  passes the engine's API on");
            head.branch = Some((proxy.id.to_string(), false));
            self.lines.push(head);
            self.flow(&[(Tone::Muted, "permits  ".to_owned()), (Tone::Plain, proxy.permits.join(" "))], "  ");
            let reached = if proxy.reached_by.is_empty() { "nobody".to_owned() } else { proxy.reached_by.join(", ") };
            self.flow(&[(Tone::Muted, "for      ".to_owned()), (Tone::Plain, reached)], "  ");
            for warning in &proxy.warnings {
                self.led(
                    &[(Tone::Warn, warning.clone())],
                    vec![(Tone::Warn, format!("  {} ", self.symbols.warning))],
                    4,
                );
            }
        }
    }

    fn obstacles(&mut self, obstacles: &[Obstacle]) {
        for obstacle in obstacles {
            self.led(&[(Tone::Bad, obstacle.what.clone())], vec![(Tone::Bad, format!("  {} ", self.symbols.cross))], 4);
            if !obstacle.todo.is_empty() {
                self.led(&[(Tone::Plain, obstacle.todo.clone())], vec![(Tone::Accent, "    try  ".to_owned())], 9);
            }
        }
    }

    /// Whom a container reaches and who reaches it: those of its stack first, then its neighbours, then all others.
    fn reach(&mut self, app: &App, id: &Id) {
        let Some(me) = app.snap.containers.get(id) else {
            return self.say(Tone::Muted, "The container is gone.");
        };
        let map = Map::of(&app.snap);
        let mine = |c: &crate::engine::model::Container| c.stack().is_some() && c.stack() == me.stack();
        let mut others: Vec<_> = app.snap.containers.values().filter(|c| c.id != *id).collect();
        others.sort_by_cached_key(|c| (!mine(c), c.name.clone()));
        if others.is_empty() {
            return self.say(Tone::Muted, "There is no other container.");
        }
        let mut ways = Vec::new();
        let mut none = Vec::new();
        let mut strangers = 0;
        for other in others {
            let (there, back) = (reach(&map, id, &other.id), reach(&map, &other.id, id));
            let is_way = |r: &Option<Reach>| r.as_ref().is_some_and(|r| !r.ways.is_empty());
            match (is_way(&there) || is_way(&back), mine(other)) {
                (true, _) if ways.len() < REACHED => ways.push((other, there, back)),
                (false, true) => none.push((other, there)),
                _ => strangers += 1,
            }
        }
        if ways.is_empty() {
            self.say(Tone::Muted, "No other container is reached from here, and none reaches this one.");
        } else {
            let rows: Vec<Vec<(Tone, String)>> = ways
                .iter()
                .map(|(c, there, back)| {
                    let name = format!("{} {}", status_sign(self.symbols, c.status()), c.name);
                    vec![(Tone::Status(c.status()), name), short(there.as_ref()), short(back.as_ref())]
                })
                .collect();
            let mut lines = table(&["CONTAINER", "FROM HERE", "TO HERE"], &rows);
            for (line, (other, ..)) in lines[1..].iter_mut().zip(&ways) {
                line.branch = Some((other.id.to_string(), false));
            }
            self.lines.extend(lines);
        }
        for (other, there) in none {
            self.blank();
            let mut line = TextLine::new(Tone::Bad, format!("{} ", self.symbols.cross));
            line.push(Tone::Strong, &*other.name);
            line.branch = Some((other.id.to_string(), false));
            self.lines.push(line);
            if let Some(there) = &there {
                self.obstacles(&there.obstacles);
            }
        }
        if strangers > 0 {
            self.blank();
            let others = count(strangers, "other container");
            self.say(Tone::Muted, format!("{others}: not reached; `ondeck reach A B` tells why."));
        }
    }
}

/// How one comes to another, in a cell.
fn short(reach: Option<&Reach>) -> (Tone, String) {
    let Some(way) = reach.and_then(|r| r.ways.first()) else { return (Tone::Muted, "no".to_owned()) };
    let name = way.names.first().cloned().or_else(|| way.ip.map(|ip| ip.to_string())).unwrap_or_default();
    let ports: Vec<&str> = way.ports.iter().map(|p| p.trim_end_matches("/tcp")).take(3).collect();
    let port = if ports.is_empty() { String::new() } else { format!(":{}", ports.join(",")) };
    (Tone::Good, format!("{name}{port}"))
}

/// Where a route leads.
fn way(route: &Route, arrow: &str) -> String {
    let port = route.port.map_or_else(|| "?".to_owned(), |p| p.to_string());
    let mut steps = Vec::new();
    if let Some(proxy) = &route.proxy {
        steps.push(proxy.clone());
    }
    if !route.middlewares.is_empty() {
        steps.push(route.middlewares.join(", "));
    }
    if !route.service.is_empty() {
        steps.push(route.service.clone());
    }
    steps.push(format!("{}:{port}", route.container_name));
    let by = route.network.as_ref().map_or_else(String::new, |n| format!(" by {n}"));
    format!("{}{by}", steps.join(&format!(" {arrow} ")))
}

/// A share of 1 in percent: whole where it is all, else with what is missing visible.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 99.995 {
        "100".to_owned()
    } else if percent >= 99.0 {
        format!("{percent:.2}")
    } else {
        format!("{percent:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_share_never_rounds_up_to_all() {
        assert_eq!(
            [1.0, 0.9999, 0.99994, 0.995, 0.5, 0.0].map(percent),
            ["100", "99.99", "99.99", "99.50", "50.0", "0.0"]
        );
    }
}
