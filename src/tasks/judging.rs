//! Judging a workspace as a task: check by check, to be looked at while it goes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::builds::Site;
use crate::config::Sessions;
use crate::judge::{CheckResult, CheckStatus, Event, Failure, Report, Verdict};
use crate::labs::Lab;

use super::record::Outcome;
use super::run::Teller;
use super::watch::Watch;

/// Lines kept of what checks print; the oldest go first.
const LINES_KEPT: usize = 2000;

/// A submission being judged.
#[derive(Debug, Default)]
pub struct Judging {
    /// The checks there will be: name and title of each, in the order of the report.
    pub plan: Vec<(String, String)>,
    /// What is being done besides checks.
    pub step: String,
    /// The check that is being made.
    pub running: Option<String>,
    /// Checks that have ended, in the order in which they did.
    pub results: Vec<CheckResult>,
    /// What is wrong, as far as is known.
    pub failures: Vec<Failure>,
    /// What was printed, oldest first.
    pub lines: VecDeque<String>,
    /// Lines that went because there were too many.
    pub dropped: usize,
    /// What came of it.
    pub report: Option<Arc<Report>>,
    /// Why it was not kept in the history, if so.
    pub not_kept: Option<String>,
    /// Whether it is over, with a report or without.
    pub ended: bool,
}

/// A submission to be looked at while it is judged.
pub type JudgeWatch = Watch<Judging>;

impl Judging {
    /// Takes in what the judge tells.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Step(step) => self.step = step,
            Event::Plan(plan) => self.plan = plan,
            Event::Begins(check) => self.running = Some(check),
            Event::Ended(result, failures) => {
                self.running.take_if(|r| *r == result.id);
                self.failures.extend(failures);
                self.results.push(*result);
            }
            Event::Line(line) => {
                if self.lines.len() >= LINES_KEPT {
                    self.lines.pop_front();
                    self.dropped += 1;
                }
                self.lines.push_back(line);
            }
        }
    }

    /// How a check ended, if it has.
    pub fn result(&self, check: &str) -> Option<&CheckResult> {
        self.results.iter().find(|r| r.id == check)
    }

    /// Takes in the end.
    fn end(&mut self, report: Arc<Report>) {
        self.results.clone_from(&report.checks);
        self.failures.clone_from(&report.failures);
        self.running = None;
        self.step.clear();
        self.report = Some(report);
    }
}

/// What is to be judged.
#[derive(Debug)]
pub(super) struct JudgeAsk {
    pub lab: Arc<Lab>,
    pub site: Site,
    pub owner: String,
    pub config: Sessions,
    pub clean: bool,
}

/// Marks the end, however that comes.
struct Ended<'a>(&'a JudgeWatch);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut seen = self.0.lock();
        seen.running = None;
        seen.ended = true;
    }
}

pub(super) async fn judge(ask: JudgeAsk, watch: &JudgeWatch, teller: &Teller) -> Outcome {
    watch.begin(teller.id());
    let _ended = Ended(watch);
    let _ = ask;
    Outcome::Failed(crate::engine::EngineError::new(crate::engine::ErrorKind::Other, "there is no judge yet"))
}

/// How judging ended, as the end of a task: that something is wrong with a submission is no failure of judging it.
fn outcome(report: &Report) -> Outcome {
    use crate::engine::{EngineError, ErrorKind};
    let points = format!("{} of {} points", report.score, report.max_score);
    let passed = report.checks.iter().filter(|c| c.status == CheckStatus::Passed).count();
    match report.verdict {
        Verdict::Passed => Outcome::Done(format!("passed, {points} in {:.1} s", report.elapsed_seconds)),
        Verdict::Failed => {
            let failed = report.failures.iter().filter(|f| !f.warning);
            let failed: Vec<_> = failed
                .map(|f| {
                    let error = EngineError::new(ErrorKind::Other, f.message.clone()).with_hint(f.hint.clone());
                    (f.check.clone(), error)
                })
                .collect();
            if failed.is_empty() {
                return Outcome::Failed(EngineError::new(ErrorKind::Other, format!("not passed, {points}")));
            }
            Outcome::Partly { done: passed, failed }
        }
        Verdict::Error => {
            let trouble = report.error.clone();
            let (message, hint) = trouble.map_or_else(Default::default, |t| (t.message, t.hint));
            Outcome::Failed(EngineError::new(ErrorKind::Other, format!("not judged: {message}")).with_hint(hint))
        }
    }
}
