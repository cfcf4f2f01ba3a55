//! The pages about health: what is wrong and why, how it fared, what an audit, the doctor and routes say, who reaches whom.

mod audit;
mod ways;

use std::collections::BTreeSet;

use crate::doctor::{Check, Outcome};
use crate::engine::model::Id;
use crate::health::{Course, Finding, Layer, Level, Share, Verdict};
use crate::text::{age, count};
use crate::topology::{Map, clashes};

use super::app::App;
use super::detail::{Loaded, Tab};
use super::health::{status, target};
use super::panes::page::Page;
use super::panes::text::{TextLine, table};
use super::view::{Target, Tone, status_sign};

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
