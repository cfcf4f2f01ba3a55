//! What was said of a submission, check by check: what is wrong, where, what was expected, what is measured.

use std::collections::BTreeSet;

use crate::judge::{CheckStatus, Failure, Metrics, Mode, Report, Verdict};
use crate::labs::{Check, Task};
use crate::store::{ChangeKind, Changes};
use crate::text::{age, count, size};
use crate::ui::markdown::markdown;
use crate::ui::panes::text::TextLine;
use crate::ui::view::Tone;

use super::Desk;
use super::lab::{LabWork, Newest, Seen};
use super::output::{Jump, Line, OutputTab, seconds};

/// Lines of what a build or a container printed that are shown below a failure.
const EXCERPT: usize = 10;
/// Names that are told; the others are counted.
const NAMED: usize = 4;

/// What was told already, and is not told again further down.
#[derive(Default)]
struct Told {
    outputs: BTreeSet<&'static str>,
    /// Failure codes whose hints stand there.
    codes: BTreeSet<String>,
    /// The last line of the hint that was given last.
    hint: Option<usize>,
}

impl Desk {
    /// The lines of the results.
    pub(super) fn make_results(&mut self) {
        let Some(work) = &self.lab else { return };
        let mut lines: Vec<Line> = Vec::new();
        let mut told = Told::default();
        match work.seen() {
            None => {
                let mut line = TextLine::new(Tone::Muted, "Nothing was submitted yet. ");
                line.push(Tone::Accent, "S");
                line.push(Tone::Muted, " saves all and judges what is there.");
                lines.push((line, None));
            }
            Some(seen) => {
                self.verdict(work, &seen, &mut lines);
                if !seen.live {
                    self.measures(&seen, &mut lines);
                    self.since(work, &seen, &mut lines);
                }
                for (n, task) in work.lab.tasks.iter().enumerate() {
                    lines.push((TextLine::blank(), None));
                    self.task_lines(work, &seen, (n, task), &mut told, &mut lines);
                }
                if seen.report.as_ref().is_some_and(|r| r.passed) {
                    self.what_next(work, &seen, &mut lines);
                }
            }
        }
        // The cursor stays with what it is on, also when something comes or goes above it.
        let here = self.place_in_check();
        self.output.set(OutputTab::Results, lines);
        self.output.hint_at = told.hint;
        if let Some((check, below)) = here {
            let first = self.first_line_of(&check);
            self.output.stand(OutputTab::Results, first.map_or(0, |line| line + below));
        }
    }

    /// The check under the cursor, and how far below its first line that is.
    fn place_in_check(&self) -> Option<(String, usize)> {
        let check = self.check_here()?;
        let below = self.output.cursor(OutputTab::Results).checked_sub(self.first_line_of(&check)?)?;
        Some((check, below))
    }

    fn first_line_of(&self, check: &str) -> Option<usize> {
        let is = |jump: &Option<Jump>| matches!(jump, Some(Jump::Check(id)) if id == check);
        self.output.jumps(OutputTab::Results).iter().position(is)
    }

    /// What came of it, in words.
    fn verdict(&self, work: &LabWork, seen: &Seen, lines: &mut Vec<Line>) {
        if seen.live {
            let took = self.now.duration_since(work.began).as_secs_f64().max(0.0);
            let mut head = vec![(Tone::Warn, "◐ Judging".to_owned())];
            if seen.of > 0 {
                head.push((Tone::Plain, format!("  {} of {}", seen.results.len(), count(seen.of, "check"))));
            }
            head.push((Tone::Muted, format!("  {}", seconds(took))));
            self.long(&head, 2, None, lines);
            if !seen.step.is_empty() {
                lines.push((TextLine::new(Tone::Muted, format!("  {}", seen.step)), None));
            }
            for line in &seen.lines {
                lines.push((TextLine::new(Tone::Muted, format!("  │ {line}")), None));
            }
            return;
        }
        if seen.cancelled {
            return lines.push((TextLine::new(Tone::Warn, "○ Cancelled; nothing was judged"), None));
        }
        if let Some(trouble) = &seen.trouble {
            self.long(&[(Tone::Warn, format!("▲ Could not be judged: {}", trouble.message))], 2, None, lines);
            if !trouble.hint.is_empty() {
                let pieces = [(Tone::Muted, "  what to do  ".to_owned()), (Tone::Plain, trouble.hint.clone())];
                self.long(&pieces, 14, None, lines);
            }
            let words = "  This says nothing about your files, and does not count as an attempt.";
            self.long(&[(Tone::Plain, words.to_owned())], 2, None, lines);
        } else if let Some(report) = &seen.report {
            let (tone, words) = verdict_words(report, work.lab.judge.min_score);
            let mut pieces = vec![(tone, words), (Tone::Muted, format!("; {}", place_words(report)))];
            if work.judging.is_none() {
                pieces.push((Tone::Muted, format!(", {} ago", age(self.now, report.started))));
            }
            self.long(&pieces, 2, None, lines);
            if report.lab_digest != work.lab.digest {
                self.long(&[(Tone::Warn, "  The lab is another since.".to_owned())], 2, None, lines);
            }
        }
        if let Some(why) = &seen.not_kept {
            self.long(&[(Tone::Warn, format!("  It is not in the history: {why}"))], 2, None, lines);
        }
    }

    /// What was measured, in a line.
    fn measures(&self, seen: &Seen, lines: &mut Vec<Line>) {
        let Some(report) = &seen.report else { return };
        let words = metrics(&report.metrics);
        if !words.is_empty() {
            self.long(&[(Tone::Muted, format!("  {}", words.join(" · ")))], 2, None, lines);
        }
    }

    /// What is different from the attempt before.
    fn since(&self, work: &LabWork, seen: &Seen, lines: &mut Vec<Line>) {
        let newest = work.newest.as_ref().filter(|n| seen.attempt == Some(n.attempt.id) && seen.trouble.is_none());
        let Some(Newest { attempt, before: Some((before, changes)), .. }) = newest else { return };
        let points = i64::from(attempt.score) - i64::from(before.score);
        let mut pieces = vec![(Tone::Muted, "  Since the attempt before: ".to_owned())];
        match points {
            0 => pieces.push((Tone::Muted, "as many points".to_owned())),
            more if more > 0 => pieces.push((Tone::Good, format!("{} more", count(more as usize, "point")))),
            less => pieces.push((Tone::Bad, format!("{} less", count(less.unsigned_abs() as usize, "point")))),
        }
        pieces.push((Tone::Muted, format!("; {}", changed_files(changes))));
        self.long(&pieces, 4, None, lines);
        for (tone, words, names) in changed_checks(changes) {
            if !names.is_empty() {
                self.long(&[(tone, format!("    {words}  ")), (Tone::Plain, named(&names))], 15, None, lines);
            }
        }
    }

    fn task_lines(
        &self,
        work: &LabWork,
        seen: &Seen,
        (n, task): (usize, &Task),
        told: &mut Told,
        lines: &mut Vec<Line>,
    ) {
        let mut title = vec![(Tone::Strong, format!("{}. {}", n + 1, task.title))];
        if let Some((got, most)) = seen.points(task) {
            title.push((if got == most { Tone::Good } else { Tone::Muted }, format!("  {got}/{most}")));
        }
        self.long(&title, 3, None, lines);
        // The task's own hints stand where someone is stuck with it.
        let stuck = task.checks.iter().find(|check| seen.failures_of(&check.id).next().is_some());
        if stuck.is_none() {
            self.hints(work, (&task.id, ""), None, told, lines);
        }
        for check in &task.checks {
            let more = stuck.filter(|s| s.id == check.id).map(|_| task.id.as_str());
            self.check_lines(work, seen, (check, more), told, lines);
        }
    }

    /// The hints for a failure code or a task.
    fn hints(
        &self,
        work: &LabWork,
        (key, known): (&str, &str),
        jump: Option<&Jump>,
        told: &mut Told,
        lines: &mut Vec<Line>,
    ) {
        let indent = if jump.is_some() { 4 } else { 3 };
        let hints = work.hint_lines(key, known, self.width, indent);
        lines.extend(hints.into_iter().map(|line| (line, jump.cloned())));
        if work.newest_hint().is_some_and(|newest| newest == key) {
            told.hint = lines.len().checked_sub(1);
        }
    }

    fn check_lines(
        &self,
        work: &LabWork,
        seen: &Seen,
        (check, task): (&Check, Option<&str>),
        told: &mut Told,
        lines: &mut Vec<Line>,
    ) {
        let jump = Jump::Check(check.id.clone());
        let (sign, tone) = seen.sign(&check.id);
        let result = seen.result(&check.id);
        let title = seen.title(check).to_owned();
        let mut pieces = vec![(tone, format!("  {sign} "))];
        pieces.push((if result.is_none() { Tone::Muted } else { Tone::Plain }, title));
        match result {
            Some(result) if check.points > 0 => {
                pieces.push((Tone::Muted, format!("  {}/{}", result.points, result.max_points)));
            }
            None if check.points > 0 => pieces.push((Tone::Muted, format!("  {}", check.points))),
            _ => {}
        }
        if check.required {
            pieces.push((Tone::Muted, "  required".to_owned()));
        }
        if let Some(because) = result.and_then(|r| r.because.as_ref()) {
            pieces.push((Tone::Muted, format!("  not reached: {because}")));
        }
        self.long(&pieces, 4, Some(&jump), lines);
        let Some(result) = result else { return };
        if unfolds(result.status) == work.turned.contains(&check.id) {
            return;
        }
        let mut any = false;
        for failure in seen.failures_of(&check.id) {
            any = true;
            self.failure_lines(failure, &jump, lines);
            if told.codes.insert(failure.code.clone()) {
                let place = lines.last().and_then(|(_, jump)| jump.clone());
                self.hints(work, (&failure.code, &failure.hint), place.as_ref(), told, lines);
            }
        }
        if let Some(task) = task {
            self.hints(work, (task, ""), Some(&jump), told, lines);
        }
        if !any && !result.observed.is_empty() {
            self.long(&[(Tone::Muted, format!("    {}", result.observed))], 4, Some(&jump), lines);
        }
        if let Some(report) = seen.report.as_ref().filter(|_| any) {
            Self::excerpt(report, &check.kind, &jump, told, lines);
        }
    }

    /// What is wrong: words, place, what was expected and found, what to think about.
    fn failure_lines(&self, failure: &Failure, check: &Jump, lines: &mut Vec<Line>) {
        let there = failure.file.as_ref().is_some_and(|file| self.tree.has(file));
        let jump = failure.file.clone().map(|file| match failure.line {
            _ if !there => Jump::New(file),
            line => Jump::File(file, line.unwrap_or(1).saturating_sub(1), 0),
        });
        let jump = jump.or_else(|| Some(check.clone()));
        let tone = if failure.warning { Tone::Warn } else { Tone::Bad };
        self.long(&[(tone, format!("    {}", failure.message))], 4, jump.as_ref(), lines);
        if let Some(file) = &failure.file {
            let place = failure.line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
            let mut pieces = vec![(Tone::Accent, format!("    {place}"))];
            let words = if there { "  enter goes there" } else { "  is not there yet; enter begins it" };
            pieces.push((Tone::Muted, words.to_owned()));
            self.long(&pieces, 4, jump.as_ref(), lines);
        }
        for (what, text) in [("expected", &failure.expected), ("found", &failure.found)] {
            if let Some(text) = text {
                let pieces = [(Tone::Muted, format!("    {what:<8}  ")), (Tone::Plain, text.clone())];
                self.long(&pieces, 14, jump.as_ref(), lines);
            }
        }
        if !failure.hint.is_empty() {
            for line in markdown(&failure.hint, self.width.saturating_sub(4)) {
                let mut shown = TextLine::new(Tone::Plain, "    ");
                shown.pieces.extend(line.pieces);
                lines.push((shown, jump.clone()));
            }
        }
    }

    /// The end of what the build or the containers printed, below the first failure that it may explain.
    fn excerpt(report: &Report, kind: &str, check: &Jump, told: &mut Told, lines: &mut Vec<Line>) {
        let (what, text) = match kind.split('.').next() {
            Some("build") => ("build", &report.notes.build_logs),
            Some("run" | "stop") => ("run", &report.notes.runtime_logs),
            _ => return,
        };
        let all: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
        if all.is_empty() || !told.outputs.insert(what) {
            return;
        }
        let first = all.len().saturating_sub(EXCERPT);
        if first > 0 {
            let words = format!("    … {} before", count(first, "line"));
            lines.push((TextLine::new(Tone::Muted, words), Some(check.clone())));
        }
        for line in &all[first..] {
            let mut shown = TextLine::new(Tone::Muted, "    │ ");
            shown.push(Tone::Muted, line.replace('\t', "    "));
            lines.push((shown, Some(check.clone())));
        }
    }

    /// A lab that is passed is not the end.
    fn what_next(&self, work: &LabWork, seen: &Seen, lines: &mut Vec<Line>) {
        lines.push((TextLine::blank(), None));
        lines.push((TextLine::new(Tone::Strong, "What next"), None));
        if seen.report.as_ref().is_some_and(|r| r.mode == Mode::Quick) {
            let pieces = [
                (Tone::Accent, "  C".to_owned()),
                (Tone::Plain, " judges it once more in a fresh session, in which nothing was prepared".to_owned()),
            ];
            self.long(&pieces, 4, None, lines);
        }
        let words = match &work.next {
            Some(next) => format!(" leads back to the labs; the next one is {next}"),
            None => " leads back to the labs; this was the last one".to_owned(),
        };
        self.long(&[(Tone::Accent, "  L".to_owned()), (Tone::Plain, words)], 4, None, lines);
    }

    /// Puts the cursor on the first thing that is wrong.
    pub(super) fn go_to_first_failure(&mut self) {
        let Some(work) = &self.lab else { return };
        let Some(seen) = work.seen() else { return };
        let first = seen.results.iter().find(|r| matches!(r.status, CheckStatus::Failed));
        let first = first.or_else(|| seen.results.iter().find(|r| r.status == CheckStatus::Warned));
        let Some(check) = first.map(|r| Jump::Check(r.id.clone())) else { return };
        let jumps = self.output.jumps(OutputTab::Results);
        if let Some(at) = jumps.iter().position(|jump| jump.as_ref() == Some(&check)) {
            // What is wrong stands below, if there is anything to go to.
            let own = jumps[at..].iter().take_while(|jump| jump.as_ref() == Some(&check)).count();
            let below = matches!(jumps.get(at + own), Some(Some(Jump::File(..) | Jump::New(_))));
            self.output.stand(OutputTab::Results, if below { at + own } else { at });
        }
    }

    /// The check that the line under the cursor of the results belongs to.
    pub(super) fn check_here(&self) -> Option<String> {
        let cursor = self.output.cursor(OutputTab::Results);
        // All lines of a check lead somewhere; those between checks do not.
        let above = self.output.jumps(OutputTab::Results).get(..=cursor)?.iter().rev();
        above.map_while(Option::as_ref).find_map(|jump| match jump {
            Jump::Check(id) => Some(id.clone()),
            _ => None,
        })
    }

    /// Unfolds or folds a check.
    pub(super) fn turn_check(&mut self, id: &str) {
        if let Some(work) = &mut self.lab {
            if !work.turned.remove(id) {
                work.turned.insert(id.to_owned());
            }
            self.make_results();
        }
    }

    /// Whether a check is unfolded.
    pub(super) fn check_is_open(&self, id: &str) -> bool {
        let Some(work) = &self.lab else { return false };
        let status = work.seen().and_then(|seen| seen.result(id).map(|r| r.status));
        status.is_some_and(unfolds) != work.turned.contains(id)
    }
}

/// Whether a check is unfolded as long as nobody turned it.
const fn unfolds(status: CheckStatus) -> bool {
    matches!(status, CheckStatus::Failed | CheckStatus::Warned | CheckStatus::Error)
}

/// What came of it: passed or not, points, how many checks failed.
pub fn verdict_words(report: &Report, least: u32) -> (Tone, String) {
    let points = format!("{} of {}", report.score, report.max_score);
    let of = |status: CheckStatus| report.checks.iter().filter(|c| c.status == status).count();
    match report.verdict {
        Verdict::Passed => {
            let advice = match of(CheckStatus::Warned) {
                0 => String::new(),
                n => format!(", {n} could be better"),
            };
            (Tone::Good, format!("✔ Passed, {points}{advice}"))
        }
        Verdict::Failed => {
            let mut why = Vec::new();
            match of(CheckStatus::Failed) {
                0 if report.score < least => why.push(format!("{least} are needed")),
                0 => {}
                n => why.push(format!("{} failed", count(n, "check"))),
            }
            match of(CheckStatus::NotReached) {
                0 => {}
                n => why.push(format!("{n} not reached")),
            }
            (Tone::Bad, format!("✖ Failed, {points}: {}", why.join(", ")))
        }
        Verdict::Error => (Tone::Warn, "▲ Could not be judged".to_owned()),
    }
}

/// How long it took, and where.
fn place_words(report: &Report) -> String {
    let place = match report.mode {
        Mode::Quick => "practice run in your session",
        Mode::Clean => "in a fresh session",
    };
    format!("in {:.1} s, {place}", report.elapsed_seconds)
}

/// What was measured, each in a few words.
fn metrics(metrics: &Metrics) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(build) = &metrics.build {
        let cached = if build.steps > 0 {
            format!(", {} of {} cached", build.cached_steps, count(build.steps as usize, "step"))
        } else {
            String::new()
        };
        words.push(format!("build {}{cached}", seconds(build.elapsed_seconds)));
    }
    let layers = metrics.layers.map_or(String::new(), |n| format!(" in {}", count(n as usize, "layer")));
    match metrics.image_size_mb {
        Some(mb) if mb < 10.0 => words.push(format!("image {mb:.1} MB{layers}")),
        Some(mb) => words.push(format!("image {mb:.0} MB{layers}")),
        None => {}
    }
    words.extend(metrics.context_bytes.map(|bytes| format!("context {}", size(bytes))));
    words.extend(metrics.ready_seconds.map(|s| format!("answers after {}", seconds(s))));
    words
}

/// Checks that ended otherwise than before: how they are meant, in which words, which.
fn changed_checks(changes: &Changes) -> [(Tone, &'static str, Vec<&str>); 2] {
    let with = |passed: bool| {
        let is = |status: &Option<String>| status.as_deref() == Some("passed");
        let changed = changes.checks.iter().filter(move |c| is(&c.after) == passed && is(&c.before) != passed);
        changed.filter(|c| c.after.as_deref() != Some("not_reached")).map(|c| c.title.as_str()).collect()
    };
    [(Tone::Good, "now good ", with(true)), (Tone::Bad, "now wrong", with(false))]
}

fn changed_files(changes: &Changes) -> String {
    let of = |kind: ChangeKind| -> Vec<&str> {
        changes.files.iter().filter(|f| f.kind == kind).map(|f| f.path.as_str()).collect()
    };
    let kinds = [(ChangeKind::Changed, "changed"), (ChangeKind::Added, "new"), (ChangeKind::Removed, "gone")];
    let words: Vec<String> = kinds
        .into_iter()
        .map(|(kind, word)| (of(kind), word))
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, word)| format!("{} {word}", named(&names)))
        .collect();
    if words.is_empty() { "no file changed".to_owned() } else { words.join(", ") }
}

/// Names, the first few of them.
fn named(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        n => format!("{shown} and {n} more"),
    }
}
