//! Judging a workspace as a task: check by check, to be looked at while it goes.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::builds::Site;
use crate::config::Sessions;
use crate::engine::{Engine, EngineError, ErrorKind};
use crate::judge::{self, CheckResult, CheckStatus, Event, Failure, Report, Submission, Trouble, Verdict, Way};
use crate::labs::Lab;
use crate::store::AttemptId;

use super::history::{History, Submitter, attempt};
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
    /// What prevented judging before anything was looked at.
    pub trouble: Option<Trouble>,
    /// Its number in the history.
    pub attempt: Option<AttemptId>,
    /// Why it is not in the history, if so.
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

pub(super) async fn judge(ask: JudgeAsk, history: &History, watch: &JudgeWatch, teller: &Teller) -> Outcome {
    watch.begin(teller.id());
    let _ended = Ended(watch);
    let by = ask.submitter();
    let (report, submission) = match aside(ask, watch, teller).await {
        Ok(judged) => judged,
        Err(trouble) => {
            let error = EngineError::new(ErrorKind::Other, format!("not judged: {}", trouble.message));
            let error = error.with_hint(trouble.hint.clone());
            watch.lock().trouble = Some(trouble);
            return Outcome::Failed(error);
        }
    };
    let report = Arc::new(report);
    let kept = report.clone();
    let kept = history.with(async move |store| store.add_attempt(&attempt(&kept, &submission, by)).await).await;
    let mut seen = watch.lock();
    seen.end(report.clone());
    match kept {
        Ok(id) => seen.attempt = Some(id),
        Err(e) => {
            teller.line(format!("this attempt is not in the history: {e}"));
            seen.not_kept = Some(e.to_string());
        }
    }
    outcome(&report, seen.not_kept.as_deref())
}

/// Judges in a thread of its own. That goes on until it has taken back what it made: whoever waits for this may be
/// dropped at any moment, which tells it to stop.
async fn aside(ask: JudgeAsk, watch: &JudgeWatch, teller: &Teller) -> Result<(Report, Submission), Trouble> {
    let (stop, stopped) = oneshot::channel::<()>();
    let (done, judged) = oneshot::channel();
    let (watch, teller) = (watch.clone(), teller.clone());
    let (busy, runtime) = (teller.busy(), Handle::current());
    let work = move || {
        let tell = |event: Event| told(&watch, &teller, event);
        // Nothing is ever sent: the other end goes with the task.
        let cancel = async {
            let _ = stopped.await;
        };
        // Nobody waits any more when it was cancelled.
        let _ = done.send(runtime.block_on(ask.judge(&tell, cancel)));
        drop(busy);
    };
    let thread = std::thread::Builder::new().name("judge".to_owned()).spawn(work);
    thread.map_err(|e| Trouble::new("J_HOST", format!("this machine is too busy to judge: {e}"), "submit again"))?;
    let judged = judged.await;
    drop(stop);
    judged.unwrap_or_else(|_| Err(Trouble::new("J_LOST", "the judge ended without a word", "submit again")))
}

/// Passes on what the judge tells.
fn told(watch: &JudgeWatch, teller: &Teller, event: Event) {
    let mut seen = watch.lock();
    let title = |id: &str| seen.plan.iter().find(|(known, _)| known == id).map_or(id, |(_, title)| title).to_owned();
    let line = match &event {
        Event::Step(step) => Some(step.clone()),
        Event::Plan(_) => None,
        Event::Begins(id) => Some(title(id)),
        Event::Ended(result, failures) => {
            teller.hold(format!("{}: {}", result.title, status_word(result.status)));
            for failure in failures {
                teller.hold(format!("  {}: {}", failure.code, failure.message));
            }
            None
        }
        Event::Line(line) => {
            teller.hold(line);
            None
        }
    };
    seen.take(event);
    let (over, all) = (seen.results.len() as u64, seen.plan.len() as u64);
    drop(seen);
    if let Some(line) = &line {
        teller.at(over, (all > 0).then_some(all), line);
    }
    teller.pass_on();
}

/// How a check ended, in words.
const fn status_word(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Passed => "passed",
        CheckStatus::Failed => "failed",
        CheckStatus::Warned => "could be better",
        CheckStatus::NotReached => "not reached",
        CheckStatus::Error => "not judged",
    }
}

impl JudgeAsk {
    fn submitter(&self) -> Submitter {
        let (host, session) = match &self.site {
            Site::Session { session, carrier } => (carrier.name.clone(), Some(session.id.clone())),
            Site::Folder { endpoint, .. } => (endpoint.name.clone(), None),
        };
        Submitter { owner: self.owner.clone(), host, session }
    }

    /// Judges a copy of the files as they are now.
    async fn judge(
        self,
        tell: &judge::Tell<'_>,
        cancel: impl Future<Output = ()>,
    ) -> Result<(Report, Submission), Trouble> {
        let (engine, way) = match &self.site {
            Site::Session { session, carrier } if !self.clean => {
                (Engine::connect(carrier)?, Way::Quick(session.clone()))
            }
            Site::Session { carrier, .. } => (Engine::connect(carrier)?, Way::Clean),
            Site::Folder { endpoint, .. } => (Engine::connect(endpoint)?, Way::Clean),
        };
        let workspace = self.site.workspace()?;
        let mut cancel = pin!(cancel);
        let submission = tokio::select! {
            taken = Submission::take(&workspace, &self.lab.workspace, tell) => taken?,
            () = &mut cancel => return Err(Trouble::new("J_CANCELLED", "it was cancelled", "")),
        };
        let kept = submission.clone();
        let (config, owner) = (&self.config, &self.owner);
        let report = judge::judge(&engine, config, &self.lab, submission, way, owner, tell, cancel).await;
        Ok((report, kept))
    }
}

/// How judging ended, as the end of a task: that something is wrong with a submission is no failure of judging it.
fn outcome(report: &Report, not_kept: Option<&str>) -> Outcome {
    let points = format!("{} of {} points", report.score, report.max_score);
    let passed = report.checks.iter().filter(|c| c.status == CheckStatus::Passed).count();
    match report.verdict {
        Verdict::Passed => {
            let but = not_kept.map_or(String::new(), |why| format!("; not in the history: {why}"));
            Outcome::Done(format!("passed, {points} in {:.1} s{but}", report.elapsed_seconds))
        }
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
