//! The pages about a lab: what to do, how it is judged, what was said of attempts, what it is.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::{ConfigError, Symbols};
use crate::fleet::snapshot::Status;
use crate::judge::{CheckResult, CheckStatus, Failure, Report};
use crate::labs::Lab;
use crate::store::{ChangeKind, Changes, Mode, Verdict};
use crate::tasks::Judging;
use crate::text::{count, duration, size};

use super::app::App;
use super::detail::{Loaded, Tab};
use super::labs::{Past, PastAttempt};
use super::markdown::markdown;
use super::panes::page::Page;
use super::panes::text::TextLine;
use super::panes::wrap::{Piece, wrap};
use super::view::Tone;
use super::views::labs::{State, level};

/// Lines of the difference of one file that are shown.
const DIFF: usize = 60;

impl App {
    /// The lines of a page about a lab.
    pub(super) fn lab_page(&self, id: &str, tab: Tab) -> Vec<TextLine> {
        let Some(lab) = self.labs.get(id) else {
            return vec![TextLine::new(Tone::Muted, format!("There is no lab {id} any more."))];
        };
        let mut page = Page::of(self);
        if let Some(task) = self.labs.start_of(id).and_then(|w| self.tasks.get(w.task()?)) {
            let sign = format!("{} ", self.settings.symbols.partial);
            page.led(&[(Tone::Plain, task.progress_words())], vec![(Tone::Status(Status::Partial), sign)], 2);
            page.blank();
        }
        match tab {
            Tab::Tasks => {
                let judged = self.labs.judged(id).map(|w| w.lock());
                page.tasks(lab, judged.as_deref(), self.labs.past(id));
            }
            Tab::History => page.history(self.labs.past(id), &self.detail.text.folded),
            Tab::About => {
                page.about(lab, State::of(&self.cx(), id));
            }
            _ if lab.readme.trim().is_empty() => {
                page.flow(&[(Tone::Plain, lab.summary.clone())], "");
                page.say(Tone::Muted, "This lab has no instructions besides its tasks.");
            }
            _ => page.lines.extend(markdown(&lab.readme, page.width)),
        }
        page.lines
    }
}

/// What is wrong with a lab, as it is told on the command line.
pub(super) fn problems(problems: &[&ConfigError], width: usize) -> Vec<TextLine> {
    let mut lines = Vec::new();
    for problem in problems {
        let text = problem.to_string();
        for (n, line) in text.lines().enumerate() {
            match (n, line.strip_prefix("  hint: ")) {
                (0, _) => lines.extend(wrap(&[(Tone::Bad, line.to_owned())], width, 2)),
                (_, Some(hint)) => lines.extend(wrap(&[(Tone::Accent, format!("  {hint}"))], width, 2)),
                // The line of the file, and what points into it.
                _ => lines.push(TextLine::new(Tone::Plain, line)),
            }
        }
        lines.push(TextLine::blank());
    }
    let advice = "F5 reads the labs again; `ondeck lab check DIR` looks at one whole.";
    lines.extend(wrap(&[(Tone::Muted, advice.to_owned())], width, 0));
    lines
}

impl Page<'_> {
    /// What is to be done, and what was said of it last.
    fn tasks(&mut self, lab: &Lab, judged: Option<&Judging>, past: &Loaded<Arc<Past>>) {
        let newest = match past {
            Loaded::Here(past) => past.attempts.first(),
            _ => None,
        };
        let report = judged.and_then(|j| j.report.clone()).or_else(|| newest.and_then(|a| a.report.clone()));
        let live = judged.filter(|j| !j.ended);
        match (live, &report) {
            (Some(judging), _) => self.progress(judging),
            (None, Some(report)) => self.verdict(report),
            (None, None) => self.say(Tone::Muted, "Nothing was submitted yet. S judges what is in the workspace."),
        }
        if let Some(trouble) = judged.and_then(|j| j.trouble.as_ref()) {
            self.say(Tone::Warn, format!("The last submission was not judged: {}", trouble.message));
            self.say(Tone::Muted, trouble.hint.clone());
        }
        if let Some(why) = judged.and_then(|j| j.not_kept.as_ref()) {
            self.say(Tone::Warn, format!("This attempt is not in the history: {why}"));
        }
        let (results, failures): (&[CheckResult], &[Failure]) = match (live, &report) {
            (Some(judging), _) => (&judging.results, &judging.failures),
            (None, Some(report)) => (&report.checks, &report.failures),
            (None, None) => (&[], &[]),
        };
        let running = live.and_then(|j| j.running.as_deref());
        for (n, task) in lab.tasks.iter().enumerate() {
            self.blank();
            let own: Vec<&CheckResult> =
                task.checks.iter().filter_map(|c| results.iter().find(|r| r.id == c.id)).collect();
            let of: u32 = task.checks.iter().map(|c| c.points).sum();
            let mut title = vec![(Tone::Strong, task.title.clone())];
            if !own.is_empty() {
                let got: u32 = own.iter().map(|r| r.points).sum();
                let tone = if got == of { Tone::Good } else { Tone::Muted };
                title.push((tone, format!("  {got}/{of}")));
            }
            self.led(&title, vec![(Tone::Accent, format!("{:<3}", n + 1))], 3);
            for check in &task.checks {
                let result = own.iter().find(|r| r.id == check.id).copied();
                let title = result.map(|r| r.title.clone()).or_else(|| check.title.clone());
                let title = title.unwrap_or_else(|| check.kind.clone());
                let (sign, tone) = match result {
                    Some(result) => sign(self.symbols, result.status),
                    None if running == Some(&check.id) => (self.symbols.partial, Tone::Accent),
                    None => (self.symbols.stopped, Tone::Muted),
                };
                let mut pieces = vec![(Tone::Plain, title)];
                if check.required {
                    pieces.push((Tone::Muted, "  required".to_owned()));
                }
                if check.warn {
                    pieces.push((Tone::Muted, "  advice".to_owned()));
                }
                let points = if check.points > 0 { check.points.to_string() } else { String::new() };
                let first = vec![(tone, format!("   {sign} ")), (Tone::Muted, format!("{points:>3}  "))];
                self.led(&pieces, first, 10);
                self.check(result, failures.iter().filter(|f| f.check == check.id));
            }
        }
    }

    /// What is below a check.
    fn check<'f>(&mut self, result: Option<&CheckResult>, failures: impl Iterator<Item = &'f Failure>) {
        let indent = " ".repeat(10);
        if let Some(why) = result.and_then(|r| r.because.as_ref()) {
            self.flow(&[(Tone::Muted, format!("not reached: {why}"))], &indent);
        }
        let mut any = false;
        for failure in failures {
            any = true;
            self.failure(failure, &indent);
        }
        if let Some(result) = result.filter(|r| !any && !r.observed.is_empty() && r.because.is_none()) {
            self.flow(&[(Tone::Muted, result.observed.clone())], &indent);
        }
    }

    fn failure(&mut self, failure: &Failure, indent: &str) {
        let tone = if failure.warning { Tone::Warn } else { Tone::Bad };
        self.flow(&[(tone, failure.message.clone())], indent);
        for (what, text) in [("expected", &failure.expected), ("found", &failure.found)] {
            if let Some(text) = text {
                self.flow(&[(Tone::Muted, format!("{what:<8}  ")), (Tone::Plain, text.clone())], indent);
            }
        }
    }

    fn progress(&mut self, judging: &Judging) {
        let mut pieces = vec![(Tone::Accent, "judging".to_owned())];
        if !judging.plan.is_empty() {
            pieces.push((Tone::Plain, format!("  {} of {}", judging.results.len(), judging.plan.len())));
        }
        if !judging.step.is_empty() {
            pieces.push((Tone::Muted, format!("  {}", judging.step)));
        }
        self.flow(&pieces, "");
    }

    fn verdict(&mut self, report: &Report) {
        use crate::judge::{Mode, Verdict};
        let (word, tone) = match report.verdict {
            Verdict::Passed => ("passed", Tone::Good),
            Verdict::Failed => ("not passed", Tone::Bad),
            Verdict::Error => ("not judged", Tone::Warn),
        };
        let mode = if report.mode == Mode::Clean { "in a fresh session" } else { "in your session" };
        let age = crate::text::age(self.now, report.started);
        self.flow(
            &[
                (tone, word.to_owned()),
                (Tone::Strong, format!("  {} of {} points", report.score, report.max_score)),
                (Tone::Muted, format!("  {age} ago, {mode}, in {:.1} s", report.elapsed_seconds)),
            ],
            "",
        );
        if let Some(trouble) = &report.error {
            self.say(Tone::Warn, format!("{}: {}", trouble.code, trouble.message));
            self.say(Tone::Muted, trouble.hint.clone());
        }
    }

    /// Attempts, each to be unfolded.
    fn history(&mut self, past: &Loaded<Arc<Past>>, turned: &std::collections::BTreeSet<String>) {
        let past = match past {
            Loaded::Nothing | Loaded::Waiting => return self.say(Tone::Muted, "Reading…"),
            Loaded::Failed(error) => return self.error(error),
            Loaded::Here(past) => past.clone(),
        };
        if past.attempts.is_empty() {
            return self.say(Tone::Muted, "No attempt yet. S judges what is in the workspace.");
        }
        for one in &past.attempts {
            let key = one.attempt.id.to_string();
            let open = turned.contains(&key);
            self.attempt(one, key, open);
        }
        if past.more {
            self.say(Tone::Muted, "Older ones: ondeck attempts");
        }
    }

    fn attempt(&mut self, one: &PastAttempt, key: String, open: bool) {
        let attempt = &one.attempt;
        let (sign, tone, word) = match attempt.verdict {
            Verdict::Passed => (self.symbols.check, Tone::Good, "passed"),
            Verdict::Failed => (self.symbols.failed, Tone::Bad, "failed"),
            Verdict::Error => (self.symbols.warning, Tone::Warn, "error"),
        };
        let fold = if open { self.symbols.expanded } else { self.symbols.collapsed };
        let mut line = TextLine::new(Tone::Muted, format!("{fold} "));
        line.push(tone, format!("{sign} "));
        line.push(Tone::Plain, format!("{:<12}  ", self.when(attempt.started)));
        line.push(tone, format!("{word:<6}  "));
        let points = format!("{}/{}", attempt.score, attempt.max_score);
        line.push(Tone::Strong, format!("{:>7}  ", if attempt.verdict == Verdict::Error { "" } else { &points }));
        line.push(Tone::Muted, format!("{:<5}  ", attempt.mode.name()));
        line.push(Tone::Muted, one.changes.as_ref().map_or(String::new(), changes_in_short));
        // The pane folds what is marked as open; here what was turned is open.
        line.branch = Some((key, !open));
        self.lines.push(line);
        if open {
            self.unfolded(one);
            self.blank();
        }
    }

    fn unfolded(&mut self, one: &PastAttempt) {
        let indent = " ".repeat(4);
        let mode = match one.attempt.mode {
            Mode::Clean => "in a fresh session",
            Mode::Quick => "in your session",
        };
        let said = format!("{mode}, in {:.1} s", one.attempt.elapsed_seconds);
        self.flow(&[(Tone::Muted, said)], &indent);
        match &one.report {
            Some(report) => {
                if let Some(trouble) = &report.error {
                    self.flow(&[(Tone::Warn, format!("{}: {}", trouble.code, trouble.message))], &indent);
                    self.flow(&[(Tone::Muted, trouble.hint.clone())], &indent);
                }
                for failure in &report.failures {
                    self.failure(failure, &indent);
                }
            }
            None => self.flow(&[(Tone::Muted, one.attempt.codes.join(", "))], &indent),
        }
        let Some(changes) = &one.changes else { return };
        if changes.files.is_empty() && changes.checks.is_empty() {
            return self.flow(&[(Tone::Muted, "Nothing is different from the attempt before.".to_owned())], &indent);
        }
        self.blank();
        self.flow(&[(Tone::Strong, "Since the attempt before".to_owned())], &indent);
        for check in &changes.checks {
            let word = |status: &Option<String>| status.clone().unwrap_or_else(|| "not there".to_owned());
            let after = word(&check.after);
            let tone = if after == "passed" { Tone::Good } else { Tone::Warn };
            let before = word(&check.before).replace('_', " ");
            let pieces = [
                (Tone::Plain, format!("{}  ", check.title)),
                (Tone::Muted, format!("{before} {} ", self.symbols.crumb)),
                (tone, after.replace('_', " ")),
            ];
            self.flow(&pieces, &indent);
        }
        for file in &changes.files {
            let (word, tone) = match file.kind {
                ChangeKind::Added => ("new", Tone::Good),
                ChangeKind::Removed => ("gone", Tone::Bad),
                ChangeKind::Changed => ("changed", Tone::Accent),
            };
            self.flow(&[(tone, format!("{word:<7}  ")), (Tone::Plain, file.path.clone())], &indent);
            if file.kind == ChangeKind::Changed {
                self.diff(file.diff.as_deref());
            }
        }
    }

    /// A difference; what it begins with, the names of the files, is known.
    fn diff(&mut self, diff: Option<&str>) {
        let Some(diff) = diff else { return };
        let lines: Vec<&str> = diff.lines().filter(|l| !l.starts_with("--- ") && !l.starts_with("+++ ")).collect();
        for line in lines.iter().take(DIFF) {
            let tone = match line.as_bytes().first() {
                Some(b'+') => Tone::Good,
                Some(b'-') => Tone::Bad,
                Some(b'@') => Tone::Accent,
                _ => Tone::Muted,
            };
            self.lines.push(TextLine::new(tone, format!("      {}", line.replace('\t', "    "))));
        }
        if lines.len() > DIFF {
            let more = count(lines.len() - DIFF, "more line");
            self.lines.push(TextLine::new(Tone::Muted, format!("      … {more}")));
        }
    }

    fn when(&self, time: Timestamp) -> String {
        let lately = self.now.as_second() - time.as_second() < 20 * 3600;
        let form = if lately { "%H:%M" } else { "%d %b %H:%M" };
        time.to_zoned(self.zone.clone()).strftime(form).to_string()
    }

    /// What the lab is.
    fn about(&mut self, lab: &Lab, state: State) {
        self.flow(&[(Tone::Strong, lab.title.clone())], "");
        self.flow(&[(Tone::Plain, lab.summary.clone())], "");
        self.blank();
        self.field("state", state.word());
        self.field("level", format!("{}, about {} minutes", level(lab.difficulty), lab.minutes));
        if !lab.tags.is_empty() {
            self.field("tags", lab.tags.join(", "));
        }
        let required = lab.checks().filter(|(_, c)| c.required).count();
        let least = match (required, lab.judge.min_score) {
            (0, least) => format!("{least} of {} points", lab.max_score()),
            (n, 0) => format!("the {}", count(n, "required check")),
            (n, least) => format!("the {} and {least} of {} points", count(n, "required check"), lab.max_score()),
        };
        self.field("passed by", least);
        let checks = count(lab.checks().count(), "check");
        self.field("tasks", format!("{} with {checks}", lab.tasks.len()));
        let longest = duration(lab.judge.timeout.as_secs());
        self.field("judging", format!("ends after {longest} at the latest"));
        self.blank();
        self.session(lab);
        self.blank();
        let from = lab.origin.to_string();
        self.field("from", from.strip_prefix("from ").unwrap_or("ondeck itself"));
        let tests = &lab.tests;
        let proofs = [
            (tests.bad.len(), "submission that must fail", "submissions that must fail"),
            (tests.good.len() + 1, "that must pass", "that must pass"),
        ];
        let words: Vec<String> =
            proofs.iter().map(|(n, one, more)| format!("{n} {}", if *n == 1 { one } else { more })).collect();
        self.field("proven by", words.join(", "));
        self.field("digest", lab.digest.get(..12).unwrap_or(&lab.digest));
    }

    /// What a session for it has.
    fn session(&mut self, lab: &Lab) {
        let needs = &lab.session;
        let mut words: Vec<String> = Vec::new();
        words.extend(needs.ttl.map(|t| format!("{} to live", duration(t))));
        words.extend(needs.memory.map(|m| format!("{} of memory", size(m))));
        words.extend(needs.cpus.map(|c| format!("{c} CPUs")));
        words.extend(needs.port.map(|p| format!("service at port {p}")));
        if needs.egress == Some(true) {
            words.push("reaches networks outside".to_owned());
        }
        self.field("session", if words.is_empty() { "as the config says".to_owned() } else { words.join(", ") });
        for (n, image) in lab.images.iter().enumerate() {
            let how = if image.build.is_some() { "  built when missing" } else { "" };
            self.pieces(
                if n == 0 { "images" } else { "" },
                &[(Tone::Plain, image.name.clone()), (Tone::Muted, how.to_owned())],
            );
        }
        let limits = format!("{} files, {} at most", lab.workspace.max_files, size(lab.workspace.max_bytes));
        self.field("workspace", limits);
    }

    fn field(&mut self, key: &str, value: impl Into<String>) {
        self.pieces(key, &[(Tone::Plain, value.into())]);
    }

    fn pieces(&mut self, key: &str, pieces: &[Piece]) {
        self.led(pieces, vec![(Tone::Muted, format!("{key:<11}"))], 11);
    }
}

/// The sign of how a check ended.
pub fn sign(symbols: &Symbols, status: CheckStatus) -> (&'static str, Tone) {
    match status {
        CheckStatus::Passed => (symbols.check, Tone::Good),
        CheckStatus::Failed => (symbols.failed, Tone::Bad),
        CheckStatus::Warned => (symbols.warning, Tone::Warn),
        CheckStatus::NotReached => ("▷", Tone::Muted),
        CheckStatus::Error => (symbols.warning, Tone::Bad),
    }
}

/// What is different from the attempt before, in a few words.
fn changes_in_short(changes: &Changes) -> String {
    let mut words = Vec::new();
    if !changes.files.is_empty() {
        words.push(count(changes.files.len(), "file"));
    }
    if !changes.checks.is_empty() {
        words.push(count(changes.checks.len(), "check"));
    }
    if words.is_empty() { "nothing changed".to_owned() } else { format!("{} changed", words.join(", ")) }
}
