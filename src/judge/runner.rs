//! Making the checks of a lab, one after another.
//!
//! Three things may end a check before it is done. Its own time is up: where its kind has a code for that, the
//! submission fails with it. The time for the whole lab is up: the submission fails with `TIME_LIMIT`, what was not
//! made is not reached. In both cases the Docker is asked first whether it is still there; when it is not, nothing is
//! said about the submission. Or whoever asked cancels: then nothing is said either.

use std::pin::pin;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::bench::{Bench, Way};
use super::check::{Case, Found, Need, Phase, Recipe, Seen};
use super::compile::{Planned, compile, order};
use super::printed::{Printed, one_line};
use super::report::{CheckResult, CheckStatus, Failure, Metrics, Mode, Report, SCHEMA, Trouble, Verdict};
use super::submission::Submission;
use super::{Event, Tell};
use crate::config::Sessions;
use crate::engine::Engine;
use crate::labs::Lab;

/// The most characters of a message.
const MESSAGE: usize = 500;
/// The most characters of what was seen, expected or found.
const OBSERVED: usize = 200;
/// How long taking away what was made may take.
const CLOSING: Duration = Duration::from_mins(1);
/// How long a Docker that may be gone is asked.
const ASKING: Duration = Duration::from_secs(20);
/// The code of a submission that takes longer than the whole lab may.
const TIME_LIMIT: &str = "TIME_LIMIT";
const TIME_LIMIT_HINT: &str = "Something in it never ends; look at what ran last, and whether it waits for anything.";

/// Judges a submission. Never ends without an answer: what prevents judging is in the report.
#[allow(clippy::too_many_arguments)] // Each is something else, and none is there without the others.
pub async fn judge(
    engine: &Engine,
    config: &Sessions,
    lab: &Lab,
    submission: Submission,
    way: Way,
    owner: &str,
    tell: &Tell<'_>,
    cancel: impl Future<Output = ()>,
) -> Report {
    let mode = if way == Way::Clean { Mode::Clean } else { Mode::Quick };
    let mut report = Draft::new(lab, mode);
    report.0.workspace_digest = submission.digest();
    let tell = &|event: Event| tell(harmless(event));
    let planned = match compile(lab) {
        Ok(planned) => planned,
        Err(errors) => {
            let all: Vec<String> = errors.iter().map(crate::config::ConfigError::headline).collect();
            let hint = "this is the lab's fault: ondeck lab check says more";
            return report.error(Trouble::new("J_LAB_INVALID", all.join("; "), hint));
        }
    };
    let open = Open::Bench { engine, config, way, owner };
    run(open, lab, &planned, &submission, report, tell, cancel).await
}

/// What a bench is opened with.
enum Open<'a> {
    /// One on an engine.
    Bench { engine: &'a Engine, config: &'a Sessions, way: Way, owner: &'a str },
    /// None: for kinds that only say that they need one.
    #[cfg(test)]
    None,
}

impl Open<'_> {
    async fn open(
        &self,
        lab: &Lab,
        tell: &Tell<'_>,
        cancel: impl Future<Output = ()>,
    ) -> Result<Option<Bench>, Trouble> {
        match self {
            Self::Bench { engine, config, way, owner } => {
                Bench::open(engine, config, lab, way.clone(), owner, tell, cancel).await.map(Some)
            }
            #[cfg(test)]
            Self::None => Ok(None),
        }
    }
}

/// How a check ended.
enum End {
    Seen(Seen),
    Late(Duration),
    OutOfTime,
    Trouble(Trouble),
    Cancelled,
}

async fn run(
    open: Open<'_>,
    lab: &Lab,
    planned: &[Planned<'_>],
    submission: &Submission,
    mut report: Draft<'_>,
    tell: &Tell<'_>,
    cancel: impl Future<Output = ()>,
) -> Report {
    let Ok(order) = order(planned) else {
        return report.error(Trouble::new("J_LAB_INVALID", "checks need each other", "ondeck lab check says which"));
    };
    report.plan(planned);
    tell(Event::Plan(report.0.checks.iter().map(|check| (check.id.clone(), check.title.clone())).collect()));
    let dockerfile = match recipe(lab, submission) {
        Ok(recipe) => recipe,
        Err(trouble) => return report.error(trouble),
    };
    let (metrics, printed) = (Metrics::default(), Printed::default());
    let mut case = Case { lab, submission, dockerfile, bench: None, metrics, printed, tell };
    let mut cancel = pin!(cancel);
    // What the submission itself takes; making its Docker ready does not count.
    let mut left = lab.judge.timeout;
    let (mut opened, mut trouble, mut over) = (false, None, None::<String>);
    for at in order {
        let plan = &planned[at];
        if let Some(because) = report.prevented(planned, at, over.as_deref()) {
            report.not_reached(plan, at, &because, tell);
            continue;
        }
        let id = plan.check.id.clone();
        if plan.need() != Need::Files && !opened {
            match open.open(lab, tell, cancel.as_mut()).await {
                Ok(bench) => case.bench = bench,
                Err(error) => trouble = Some(error),
            }
            opened = true;
            if trouble.is_some() {
                report.broken(at);
                break;
            }
        }
        tell(Event::Begins(id));
        let begun = Instant::now();
        let own = plan.timeout();
        let end = tokio::select! {
            biased;
            () = &mut cancel => End::Cancelled,
            looked = tokio::time::timeout(own.min(left), plan.look.look(&mut case)) => match looked {
                Ok(Ok(seen)) => End::Seen(seen),
                Ok(Err(error)) => End::Trouble(error),
                Err(_) if own <= left => End::Late(own),
                Err(_) => End::OutOfTime,
            },
        };
        left = left.saturating_sub(begun.elapsed());
        let took = begun.elapsed();
        let end = match end {
            End::Late(_) | End::OutOfTime => match lost(&case).await {
                Some(trouble) => End::Trouble(trouble),
                None => end,
            },
            end => end,
        };
        match end {
            End::Seen(seen) => report.seen(plan, at, took, &seen, tell),
            End::Late(own) => {
                let own = seconds(own);
                if let Some(code) = plan.late() {
                    let message = format!("this took longer than {own}, the most that it may take");
                    let found = Found::new(code, message).expected(format!("at most {own}"));
                    report.seen(plan, at, took, &Seen::of(format!("not done after {own}"), vec![found]), tell);
                } else {
                    let message = format!("looking at `{}` took longer than {own}", plan.title);
                    trouble = Some(Trouble::new("J_TIMEOUT", message, "the Docker is slow or stuck; judge again"));
                }
            }
            End::OutOfTime => {
                let all = seconds(lab.judge.timeout);
                let message = format!("judging took longer than {all}, the most that this lab gives a submission");
                let found = Found::new(TIME_LIMIT, message).expected(format!("all of it within {all}"));
                report.seen(plan, at, took, &Seen::of("not done when the time was up", vec![found]), tell);
                report.1.doomed = true;
                over = Some(format!("the time for judging, {all}, was over"));
            }
            End::Trouble(error) => trouble = Some(error),
            End::Cancelled => trouble = Some(Trouble::cancelled()),
        }
        if trouble.is_some() {
            report.broken(at);
            break;
        }
    }
    report.0.metrics = case.metrics;
    report.0.notes = case.printed.notes();
    if let Some(bench) = case.bench.take() {
        tell(Event::Step("Taking away what was made".to_owned()));
        // What it cannot take away is labelled, and ends with its session.
        let _ = tokio::time::timeout(CLOSING, bench.close()).await;
    }
    match trouble {
        Some(trouble) => report.error(trouble),
        None => report.verdict(),
    }
}

/// Whether a check is the one that builds the image that others look at.
fn builds(plan: &Planned<'_>) -> bool {
    plan.kind.name == "build.succeeds" && !plan.check.fields.contains_key("target")
}

/// Why the Docker that was asked too much of is gone, if it is.
async fn lost(case: &Case<'_>) -> Option<Trouble> {
    let bench = case.bench.as_ref()?;
    // One that does not even say whether it is there: then what it runs keeps it from answering.
    tokio::time::timeout(ASKING, bench.lost()).await.unwrap_or_default()
}

/// The Dockerfile of the lab's build plan (of the workspace, where there is no plan), if the submission has it.
pub(super) fn recipe(lab: &Lab, submission: &Submission) -> Result<Option<Recipe>, Trouble> {
    let path = Recipe::path_of(lab);
    if submission.size(&path).is_some_and(|size| size > Recipe::LARGEST) {
        return Ok(None);
    }
    Ok(submission.text(&path)?.map(|text| Recipe::new(path, text)))
}

fn seconds(time: Duration) -> String {
    match time.as_millis() {
        ms if ms < 1000 => format!("{ms} ms"),
        ms if ms % 1000 == 0 => format!("{} s", ms / 1000),
        ms => format!("{:.1} s", ms as f64 / 1000.0),
    }
}

/// An event whose texts no terminal obeys.
fn harmless(event: Event) -> Event {
    match event {
        Event::Step(text) => Event::Step(one_line(&text, OBSERVED)),
        Event::Line(text) => Event::Line(one_line(&text, MESSAGE)),
        other => other,
    }
}

/// A report that is being made, and what it does not say.
struct Draft<'a>(Report, State<'a>);

struct State<'a> {
    lab: &'a Lab,
    begun: Instant,
    /// The image was not built.
    unbuilt: bool,
    /// Something failed with which no lab is passed.
    doomed: bool,
}

impl<'a> Draft<'a> {
    fn new(lab: &'a Lab, mode: Mode) -> Self {
        let report = Report {
            schema: SCHEMA,
            lab: lab.id.clone(),
            lab_digest: lab.digest.clone(),
            mode,
            verdict: Verdict::Error,
            passed: false,
            score: 0,
            max_score: lab.max_score(),
            started: Timestamp::now(),
            elapsed_seconds: 0.0,
            workspace_digest: String::new(),
            checks: Vec::new(),
            failures: Vec::new(),
            error: None,
            metrics: Metrics::default(),
            notes: super::Notes::default(),
        };
        Self(report, State { lab, begun: Instant::now(), unbuilt: false, doomed: false })
    }

    fn plan(&mut self, planned: &[Planned<'_>]) {
        let result = |plan: &Planned<'_>| CheckResult {
            id: plan.check.id.clone(),
            task: plan.task.id.clone(),
            title: one_line(&plan.title, OBSERVED),
            kind: plan.kind.name.to_owned(),
            status: CheckStatus::NotReached,
            points: 0,
            max_points: plan.check.points,
            required: plan.check.required,
            elapsed_seconds: 0.0,
            observed: String::new(),
            because: None,
        };
        self.0.checks = planned.iter().map(result).collect();
    }

    /// Why a check is not made.
    fn prevented(&self, planned: &[Planned<'_>], at: usize, over: Option<&str>) -> Option<String> {
        if let Some(over) = over {
            return Some(over.to_owned());
        }
        let plan = &planned[at];
        for need in &plan.check.needs {
            let needed = self.0.checks.iter().find(|check| check.id == *need);
            if let Some(needed) = needed.filter(|c| !matches!(c.status, CheckStatus::Passed | CheckStatus::Warned)) {
                let how = if needed.status == CheckStatus::Failed { "failed" } else { "was not reached" };
                return Some(format!("it needs `{}`, which {how}", needed.title));
            }
        }
        (self.1.unbuilt && plan.need() == Need::Image).then(|| "the image was not built".to_owned())
    }

    fn not_reached(&mut self, plan: &Planned<'_>, at: usize, because: &str, tell: &Tell<'_>) {
        self.1.unbuilt |= builds(plan);
        self.0.checks[at].because = Some(one_line(because, OBSERVED));
        tell(Event::Ended(Box::new(self.0.checks[at].clone()), Vec::new()));
    }

    /// The check during which judging broke off.
    fn broken(&mut self, at: usize) {
        self.0.checks[at].status = CheckStatus::Error;
    }

    fn seen(&mut self, plan: &Planned<'_>, at: usize, took: Duration, seen: &Seen, tell: &Tell<'_>) {
        let failures: Vec<Failure> = seen.found.iter().map(|found| self.failure(plan, found)).collect();
        let warned = plan.check.warn;
        let result = &mut self.0.checks[at];
        result.elapsed_seconds = took.as_secs_f64();
        result.observed = one_line(&seen.observed, OBSERVED);
        if seen.unbuilt {
            self.1.unbuilt = true;
            self.1.doomed = true;
        }
        if seen.unbuilt && plan.phase() > Phase::Build {
            // The build's failure is not that of what needed it.
            result.because = Some("the image was not built".to_owned());
        } else if failures.is_empty() {
            result.status = CheckStatus::Passed;
            result.points = plan.check.points;
        } else {
            result.status = if warned { CheckStatus::Warned } else { CheckStatus::Failed };
            self.1.unbuilt |= builds(plan);
        }
        tell(Event::Ended(Box::new(result.clone()), failures.clone()));
        self.0.failures.extend(failures);
    }

    fn failure(&self, plan: &Planned<'_>, found: &Found) -> Failure {
        // The time for all is nothing that a check could call otherwise.
        let own = |text: &Option<String>| text.clone().filter(|_| found.code != TIME_LIMIT);
        let code = own(&plan.check.code).unwrap_or_else(|| found.code.to_owned());
        let ladder = self.1.lab.hints.get(&code).and_then(|rungs| rungs.first()).cloned();
        let usual = || {
            let kinds = super::checks::kinds().iter().flat_map(|kind| kind.codes);
            let hint = plan.kind.codes.iter().chain(kinds).find(|code| code.name == found.code).map(|code| code.hint);
            hint.unwrap_or(if found.code == TIME_LIMIT { TIME_LIMIT_HINT } else { "" }).to_owned()
        };
        let short = |text: &Option<String>| text.as_deref().map(|text| one_line(text, OBSERVED));
        Failure {
            check: plan.check.id.clone(),
            message: one_line(own(&plan.check.message).as_deref().unwrap_or(&found.message), MESSAGE),
            hint: one_line(&ladder.unwrap_or_else(usual), MESSAGE),
            file: short(&found.file),
            line: found.line,
            expected: short(&found.expected),
            found: short(&found.found),
            warning: plan.check.warn && found.code != TIME_LIMIT,
            code,
        }
    }

    /// All was looked at.
    fn verdict(mut self) -> Report {
        let report = &mut self.0;
        // In the order of the checks, though they were made in another.
        let places: Vec<String> = report.checks.iter().map(|check| check.id.clone()).collect();
        report.failures.sort_by_key(|failure| places.iter().position(|id| *id == failure.check));
        report.score = report.checks.iter().map(|check| check.points).sum();
        let holds = |c: &CheckResult| matches!(c.status, CheckStatus::Passed | CheckStatus::Warned);
        let hold = report.checks.iter().filter(|c| c.required).all(holds);
        report.passed = hold && !self.1.doomed && report.score >= self.1.lab.judge.min_score;
        report.verdict = if report.passed { Verdict::Passed } else { Verdict::Failed };
        self.end()
    }

    /// It could not be judged: nothing counts as failed, and nothing as done.
    fn error(mut self, trouble: Trouble) -> Report {
        let report = &mut self.0;
        report.failures.clear();
        for check in &mut report.checks {
            check.points = 0;
            if !matches!(check.status, CheckStatus::Passed | CheckStatus::Error) {
                check.status = CheckStatus::NotReached;
                check.because = Some("judging broke off".to_owned());
                check.observed.clear();
            }
        }
        report.error = Some(trouble);
        self.end()
    }

    fn end(mut self) -> Report {
        self.0.elapsed_seconds = self.1.begun.elapsed().as_secs_f64();
        self.0
    }
}

#[cfg(test)]
#[path = "runner_tests.rs"]
mod tests;
