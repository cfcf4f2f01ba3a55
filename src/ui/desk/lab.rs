//! The lab that is worked on at a desk: its tasks and how far they are, submissions, what was said of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Sessions;
use crate::dockerfile::Severity;
use crate::judge::{CheckResult, CheckStatus, Failure, Report, Trouble, Verdict};
use crate::labs::{Check, Lab, Task};
use crate::store::{Attempt, AttemptId, Changes};
use crate::tasks::{Job, JudgeWatch};
use crate::ui::panes::text::TextLine;
use crate::ui::panes::wrap::{Lead, flow};
use crate::ui::view::Tone;

use super::judge::Problem;
use super::output::OutputTab;
use super::{Desk, DeskOrder, Hints, Reach, Wish};

/// A lab at a desk.
#[derive(Debug)]
pub struct LabWork {
    /// The lab.
    pub lab: Arc<Lab>,
    /// Whose attempts are made here.
    pub owner: String,
    /// What sessions are like.
    config: Sessions,
    /// What the lab after it is called.
    pub next: Option<String>,
    /// What is being judged, or was last in this panel.
    pub judging: Option<JudgeWatch>,
    /// When that began.
    pub(super) began: Timestamp,
    /// What the history knows of the newest attempt that could be judged.
    pub newest: Option<Newest>,
    /// Checks that a person unfolded or folded.
    pub(super) turned: BTreeSet<String>,
    /// Whether the end of what was judged was seen.
    ended: bool,
    /// Hints that were taken.
    pub(super) hints: Hints,
}

/// What the history knows of someone at a lab.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// The newest attempt that could be judged.
    pub newest: Option<Newest>,
    /// How many hints were taken, by failure code or task.
    pub taken: BTreeMap<String, u32>,
}

/// The newest attempt, and what is different from the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct Newest {
    /// The attempt.
    pub attempt: Attempt,
    /// What was said of it.
    pub report: Option<Arc<Report>>,
    /// The one before, and what is different from it.
    pub before: Option<(Attempt, Changes)>,
}

/// What is known of a submission, while it is judged and after.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Whether it is being judged.
    pub live: bool,
    /// What is being done, the check that is being made, how many there are.
    pub step: String,
    pub running: Option<String>,
    pub of: usize,
    /// What was printed last.
    pub lines: Vec<String>,
    pub results: Vec<CheckResult>,
    pub failures: Vec<Failure>,
    pub report: Option<Arc<Report>>,
    pub trouble: Option<Trouble>,
    pub not_kept: Option<String>,
    pub attempt: Option<AttemptId>,
    /// Whether it ended without a word.
    pub cancelled: bool,
    titles: Vec<(String, String)>,
}

/// Lines of what is printed while judging that are shown.
const LAST: usize = 3;

impl LabWork {
    /// What is known of what is being judged here, or was last.
    pub(super) fn seen(&self) -> Option<Seen> {
        let Some(watch) = &self.judging else {
            let newest = self.newest.as_ref()?;
            let report = newest.report.clone()?;
            return Some(Seen {
                results: report.checks.clone(),
                failures: report.failures.clone(),
                report: Some(report),
                attempt: Some(newest.attempt.id),
                ..Seen::default()
            });
        };
        let seen = watch.lock();
        let skipped = seen.lines.len().saturating_sub(LAST);
        Some(Seen {
            live: !seen.ended,
            step: seen.step.clone(),
            running: seen.running.clone(),
            of: seen.plan.len(),
            lines: seen.lines.iter().skip(skipped).cloned().collect(),
            results: seen.results.clone(),
            failures: seen.failures.clone(),
            report: seen.report.clone(),
            trouble: seen.trouble.clone().or_else(|| seen.report.as_ref().and_then(|r| r.error.clone())),
            not_kept: seen.not_kept.clone(),
            attempt: seen.attempt,
            cancelled: seen.ended && seen.report.is_none() && seen.trouble.is_none(),
            titles: seen.plan.clone(),
        })
    }

    /// Whether something is being judged.
    pub fn is_judged(&self) -> bool {
        self.judging.as_ref().is_some_and(|w| !w.lock().ended)
    }
}

impl Seen {
    /// How a check ended, if it has.
    pub fn result(&self, check: &str) -> Option<&CheckResult> {
        self.results.iter().find(|r| r.id == check)
    }

    /// What is wrong by a check.
    pub fn failures_of(&self, check: &str) -> impl Iterator<Item = &Failure> {
        self.failures.iter().filter(move |f| f.check == check)
    }

    /// What a check is called.
    pub fn title<'a>(&'a self, check: &'a Check) -> &'a str {
        let result = self.result(&check.id).map(|r| r.title.as_str());
        let planned = || self.titles.iter().find(|(id, _)| *id == check.id).map(|(_, title)| title.as_str());
        result.or_else(planned).or(check.title.as_deref()).unwrap_or(&check.kind)
    }

    /// The sign of a check.
    pub fn sign(&self, check: &str) -> (&'static str, Tone) {
        match self.result(check).map(|r| r.status) {
            Some(CheckStatus::Passed) => ("✔", Tone::Good),
            Some(CheckStatus::Failed) => ("✖", Tone::Bad),
            Some(CheckStatus::Warned) => ("▲", Tone::Warn),
            Some(CheckStatus::NotReached) => ("▷", Tone::Muted),
            Some(CheckStatus::Error) => ("▲", Tone::Bad),
            None if self.running.as_deref() == Some(check) => ("◐", Tone::Warn),
            None => ("○", Tone::Muted),
        }
    }

    /// The sign of a task: what is worst of its checks.
    pub fn task_sign(&self, task: &Task) -> (&'static str, Tone) {
        let all = || task.checks.iter().map(|check| self.sign(&check.id));
        let has = |sign: &str| all().find(|(s, _)| *s == sign);
        if task.checks.is_empty() {
            return ("○", Tone::Muted);
        }
        has("✖")
            .or_else(|| has("◐"))
            .or_else(|| has("▷"))
            .or_else(|| has("○"))
            .or_else(|| has("▲"))
            .unwrap_or(("✔", Tone::Good))
    }

    /// Points of a task: those it has, those it could have; `None` before anything of it was looked at.
    pub fn points(&self, task: &Task) -> Option<(u32, u32)> {
        let own: Vec<_> = task.checks.iter().filter_map(|c| self.result(&c.id)).collect();
        let most: u32 = task.checks.iter().map(|c| c.points).sum();
        (!own.is_empty() && most > 0).then(|| (own.iter().map(|r| r.points).sum(), most))
    }
}

impl Desk {
    /// The lab that this desk's session is for is known.
    pub fn set_lab(&mut self, lab: &Arc<Lab>, owner: &str, config: &Sessions, next: Option<String>) {
        if let Some(work) = &mut self.lab {
            work.next = next;
            if work.lab.digest == lab.digest {
                return;
            }
            work.lab = lab.clone();
        } else {
            self.lab = Some(LabWork {
                lab: lab.clone(),
                owner: owner.to_owned(),
                config: config.clone(),
                next,
                judging: None,
                began: self.now,
                newest: None,
                turned: BTreeSet::new(),
                ended: false,
                hints: Hints::default(),
            });
            self.beside = super::Pane::Guide;
            self.look_back();
        }
        let readme = if lab.readme.trim().is_empty() { lab.summary.clone() } else { lab.readme.clone() };
        self.guide.take(readme);
        self.make_lab();
    }

    /// Asks what the history knows.
    pub(super) fn look_back(&mut self) {
        if let Some(work) = &self.lab {
            let (owner, lab) = (work.owner.clone(), work.lab.id.clone());
            self.order(DeskOrder::LookBack { owner, lab });
        }
    }

    /// The history is read.
    pub(super) fn looked_back(&mut self, known: Known) {
        if let Some(work) = &mut self.lab {
            work.newest = known.newest;
            work.took(known.taken);
            self.make_lab();
        }
    }

    /// Everything that is said of the lab, anew.
    pub(super) fn make_lab(&mut self) {
        self.make_tasks();
        self.make_results();
    }

    /// Hands what is saved in: judged in this session, or `clean` in a fresh one.
    pub(super) fn submit(&mut self, clean: bool) {
        let Some(work) = &self.lab else {
            return self.tell(Tone::Muted, "this workspace is of no lab; 5 in the lists shows the labs");
        };
        if let Reach::Lost(why) = &self.reach {
            let text = format!("nothing can be judged here: {why}");
            return self.tell(Tone::Warn, text);
        }
        if work.is_judged() {
            return self.tell(Tone::Warn, "it is being judged; ctrl-x cancels that");
        }
        self.save_then(super::Next::Submit { clean });
    }

    /// Judges what is saved.
    pub(super) fn judge_saved(&mut self, clean: bool) {
        let Some(work) = &self.lab else { return };
        let watch = JudgeWatch::default();
        let job = Job::Judge {
            lab: work.lab.clone(),
            site: Box::new(self.site.clone()),
            owner: work.owner.clone(),
            config: work.config.clone(),
            clean,
            watch: watch.clone(),
        };
        for buffer in &mut self.buffers.open {
            buffer.handed_in = Some(buffer.editor.revision());
        }
        self.wishes.push(Wish::Run(job));
        self.follow_judging(watch);
        self.show_output(OutputTab::Results);
        if !self.typing {
            self.focus_on(super::Pane::Output);
        }
    }

    /// Something of this workspace is judged.
    pub(super) fn follow_judging(&mut self, watch: JudgeWatch) {
        let now = self.now;
        let Some(work) = self.lab.as_mut().filter(|w| w.judging.as_ref() != Some(&watch)) else { return };
        work.judging = Some(watch);
        work.turned.clear();
        (work.began, work.ended) = (now, false);
        self.make_lab();
        self.output.begin(OutputTab::Results);
        self.tick();
    }

    /// What is judged may have come further.
    pub(super) fn judging_goes_on(&mut self) {
        self.make_lab();
        let over = self.lab.as_mut().is_some_and(|w| !w.is_judged() && !std::mem::replace(&mut w.ended, true));
        if over {
            self.output.begin(OutputTab::Results);
            self.go_to_first_failure();
            self.mark_failures();
            self.look_back();
        }
    }

    /// Marks what was found wrong in the files that are open, as long as they are as they were handed in.
    fn mark_failures(&mut self) {
        let open: Vec<(String, u64)> =
            self.buffers.open.iter().map(|b| (b.path.clone(), b.editor.revision())).collect();
        for (path, revision) in open {
            self.judge(&path, revision);
        }
    }

    /// What was found wrong in a file as it was handed in.
    pub(super) fn failures_in(&self, path: &str, revision: u64) -> Vec<Problem> {
        let handed_in = self.buffers.open.iter().find(|b| b.path == path && b.handed_in == Some(revision));
        let Some(buffer) = handed_in else { return Vec::new() };
        let Some(seen) = self.lab.as_ref().and_then(LabWork::seen) else { return Vec::new() };
        let here = seen.failures.iter().filter(|f| f.file.as_deref() == Some(path));
        here.filter_map(|failure| {
            Some(Problem {
                code: failure.code.clone(),
                severity: if failure.warning { Severity::Warning } else { Severity::Error },
                line: failure.line.filter(|line| *line <= buffer.editor.lines())?.saturating_sub(1),
                from: 0,
                to: usize::MAX,
                message: failure.message.clone(),
                why: String::new(),
                mend: failure.hint.clone(),
                fix: None,
            })
        })
        .collect()
    }

    /// What the tab of the results has to tell beside its name.
    pub(super) fn result_note(&self) -> Option<(String, Tone)> {
        let seen = self.lab.as_ref()?.seen()?;
        let (sign, tone) = match &seen.report {
            _ if seen.live => ("◐", Tone::Warn),
            _ if seen.trouble.is_some() => ("▲", Tone::Warn),
            Some(report) if report.passed => ("✔", Tone::Good),
            Some(_) => ("✖", Tone::Bad),
            None => ("○", Tone::Muted),
        };
        Some((sign.to_owned(), tone))
    }

    /// Cancels what is being judged; answers whether there is something.
    pub(super) fn cancel_judging(&mut self) -> bool {
        let Some(watch) = self.lab.as_ref().filter(|w| w.is_judged()).and_then(|w| w.judging.clone()) else {
            return false;
        };
        if let Some(task) = watch.task() {
            self.wishes.push(Wish::Cancel(task));
        }
        true
    }

    /// What is to be done, and how far it is, above the instructions.
    pub(super) fn make_tasks(&mut self) {
        let Some(work) = &self.lab else { return };
        let width = self.guide.width();
        let seen = work.seen().unwrap_or_default();
        let mut lines = Vec::new();
        for (n, task) in work.lab.tasks.iter().enumerate() {
            let (sign, tone) = seen.task_sign(task);
            let mut pieces = vec![(if sign == "✔" { Tone::Muted } else { Tone::Strong }, task.title.clone())];
            if let Some((got, most)) = seen.points(task) {
                pieces.push((Tone::Muted, format!("  {got}/{most}")));
            }
            let number = format!("{}. ", n + 1);
            let indent = 2 + number.len();
            let lead = Lead {
                first: vec![(tone, format!("{sign} ")), (Tone::Muted, number)],
                rest: vec![(Tone::Plain, " ".repeat(indent))],
            };
            lines.extend(flow(&pieces, &lead, width));
            let codes = task.checks.iter().flat_map(|check| seen.failures_of(&check.id)).map(|f| f.code.as_str());
            let mut keys: Vec<&str> = codes.collect();
            keys.push(&task.id);
            keys.dedup();
            for key in keys {
                lines.extend(work.hint_lines(key, "", width, indent));
            }
        }
        lines.push(standing(&seen, work));
        lines.push(TextLine::new(Tone::Muted, "─".repeat(width)));
        self.guide.head(lines);
    }
}

/// Where one stands, in a line: nothing submitted, judged now, points.
fn standing(seen: &Seen, work: &LabWork) -> TextLine {
    let mut line = TextLine::default();
    match (seen.live, &seen.report) {
        (true, _) => line.push(Tone::Warn, "◐ being judged"),
        (false, Some(report)) => {
            let (tone, word) = match report.verdict {
                Verdict::Passed => (Tone::Good, "✔ passed"),
                Verdict::Failed => (Tone::Bad, "✖ not passed"),
                Verdict::Error => (Tone::Warn, "▲ could not be judged"),
            };
            line.push(tone, word);
            if report.verdict != Verdict::Error {
                line.push(Tone::Muted, format!("  {} of {} points", report.score, report.max_score));
            }
        }
        (false, None) => {
            let points = match work.lab.max_score() {
                0 => String::new(),
                most => format!("{most} points; "),
            };
            line.push(Tone::Muted, points);
            line.push(Tone::Accent, "S");
            line.push(Tone::Muted, " submits");
        }
    }
    line
}
