//! Proving a lab: whether its judge says of submissions what its author says of them.
//!
//! The solution must have all points, twice, so that nothing hangs on luck. The starter and every known-bad submission
//! must give exactly their codes: an author who only asks for some of them does not see what else a learner would be
//! told. Other solutions must pass, so that the judge does not look for one way only. Every check must fail somewhere,
//! or it looks at nothing. And whoever fails with a code must find hints for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures::{FutureExt, StreamExt};
use serde::Serialize;

use super::bench::Way;
use super::compile::{Planned, compile};
use super::report::{CheckStatus, Failure, Report, Trouble, Verdict};
use super::runner::judge;
use super::submission::Submission;
use super::{Event, checks};
use crate::config::{ConfigError, Place, Sessions, quoted, suggestion};
use crate::engine::Engine;
use crate::labs::{self, Lab, Tree};
use crate::sessions::Progress;

/// A code that any check may give.
const TIME_LIMIT: &str = "TIME_LIMIT";

/// What is to be proven, and how.
#[derive(Debug, Clone)]
pub struct Proving {
    /// How many submissions are judged at once.
    pub jobs: usize,
    /// Whose sessions they are.
    pub owner: String,
    /// Only submissions with this in their names; then nothing is said of the lab as a whole.
    pub only: Option<String>,
}

/// What happens while a lab is proven. Texts are harmless.
#[derive(Debug, Clone)]
pub enum Proven<'a> {
    /// A step before the first submission.
    Step(String),
    /// A line of what a step prints.
    Line(String),
    /// A submission is being judged.
    Begins(&'a str),
    /// What came of it, how many are done, of how many.
    Ended(&'a Case, usize, usize),
}

/// Whoever wants to know.
pub type TellProven<'a> = dyn Fn(Proven<'_>) + Send + Sync + 'a;

/// How something stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is as the manifest says.
    #[default]
    Right,
    /// It is not.
    Wrong,
    /// It could not be found out.
    Unknown,
}

/// What came of proving a lab. Its JSON form is what `ondeck lab check --json` prints.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Proof {
    /// The lab.
    pub lab: String,
    /// The digest of its files.
    pub lab_digest: String,
    /// How it stands.
    pub standing: Standing,
    /// What came of each submission.
    pub submissions: Vec<Case>,
    /// What is wrong with the lab as a whole, one sentence each, with the place in its manifest where there is one.
    pub problems: Vec<String>,
    /// What is worth knowing and not wrong.
    pub notes: Vec<String>,
    /// What prevented proving it.
    pub error: Option<Trouble>,
    /// How long it took.
    pub elapsed_seconds: f64,
}

/// What came of a submission.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// Its name: `solution`, `bad/typo`.
    pub name: String,
    /// How it stands.
    pub standing: Standing,
    /// What is wrong, one sentence each.
    pub wrong: Vec<String>,
    /// The codes it had to give; none where it had to pass.
    pub expected: Vec<String>,
    /// The codes it gave.
    pub codes: Vec<String>,
    /// Whether it passed.
    pub passed: bool,
    /// Points.
    pub score: u32,
    /// Points that could be had.
    pub max_score: u32,
    /// How long it took.
    pub elapsed_seconds: f64,
    /// What failed.
    pub failures: Vec<Failure>,
    /// Checks that failed or warned.
    pub failed_checks: Vec<String>,
    /// What prevented judging.
    pub error: Option<Trouble>,
}

/// What a submission must do.
enum Must<'a> {
    /// Pass with all points.
    Shine,
    /// Pass.
    Pass,
    /// Fail with these codes, and perhaps those.
    Fail { codes: &'a [String], may: &'a [String], starter: bool },
}

struct Wanted<'a> {
    name: String,
    files: &'a Tree,
    must: Must<'a>,
}

/// Proves a lab. Never ends without an answer: what prevents it is in the proof.
pub async fn prove(
    engine: &Engine,
    config: &Sessions,
    lab: &Lab,
    proving: &Proving,
    tell: &TellProven<'_>,
    cancel: impl Future<Output = ()> + Send,
) -> Proof {
    let begun = Instant::now();
    let mut proof = Proof { lab: lab.id.clone(), lab_digest: lab.digest.clone(), ..Proof::default() };
    let planned = match compile(lab) {
        Ok(planned) => planned,
        Err(errors) => {
            proof.problems = errors.iter().map(ConfigError::to_string).collect();
            return proof.ended(begun);
        }
    };
    proof.problems = impossible(lab, &planned);
    if !proof.problems.is_empty() {
        return proof.ended(begun);
    }
    let mut wanted = wanted(lab);
    if let Some(only) = &proving.only {
        wanted.retain(|wanted| wanted.name.contains(only.as_str()));
        if wanted.is_empty() {
            let message = format!("no submission of {} has {} in its name", lab.id, quoted(only));
            proof.error =
                Some(Trouble::new("J_SUBMISSION", message, "such as `solution`, or the name of a folder in `bad`"));
            return proof.ended(begun);
        }
    }
    let cancel = cancel.shared();
    let images = async {
        labs::ensure_images(engine, lab, &|progress| match progress {
            Progress::Step(text) => tell(Proven::Step(text)),
            Progress::Line(text) => tell(Proven::Line(text)),
            Progress::Bytes(..) => {}
        })
        .await
        .map_err(|error| Trouble::new("J_IMAGE", &error.message, &error.hint))
    };
    let images = tokio::select! {
        images = images => images,
        () = cancel.clone() => Err(cancelled()),
    };
    if let Err(trouble) = images {
        proof.error = Some(trouble);
        return proof.ended(begun);
    }
    let all = wanted.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let cases = wanted.iter().enumerate().map(|(place, wanted)| {
        let (cancel, done) = (cancel.clone(), &done);
        async move {
            tell(Proven::Begins(&wanted.name));
            let case = wanted.judged(engine, config, lab, &proving.owner, cancel).await;
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            tell(Proven::Ended(&case, done, all));
            (place, case)
        }
    });
    // Those that take long hold no others up.
    let cases: BTreeMap<usize, Case> =
        futures::stream::iter(cases).buffer_unordered(proving.jobs.max(1)).collect().await;
    proof.submissions = cases.into_values().collect();
    if proving.only.is_none() {
        proof.whole(lab, &planned);
    }
    proof.ended(begun)
}

fn cancelled() -> Trouble {
    Trouble::new("J_CANCELLED", "proving was cancelled", "")
}

/// The submissions of a lab, the most telling first.
fn wanted(lab: &Lab) -> Vec<Wanted<'_>> {
    let tests = &lab.tests;
    let shine = |name: &str| Wanted { name: name.to_owned(), files: &tests.solution, must: Must::Shine };
    let starter = Must::Fail { codes: &tests.starter, may: &[], starter: true };
    let mut all = vec![shine("solution"), Wanted { name: "starter".to_owned(), files: &lab.starter, must: starter }];
    all.extend(tests.bad.iter().map(|(name, bad)| Wanted {
        name: format!("bad/{name}"),
        files: &bad.files,
        must: Must::Fail { codes: &bad.codes, may: &bad.may, starter: false },
    }));
    all.extend(tests.good.iter().map(|(name, files)| Wanted { name: format!("good/{name}"), files, must: Must::Pass }));
    // Last, when the host is in another state than at the first time.
    all.push(shine("solution again"));
    all
}

/// What can be said without judging anything: codes that nothing gives.
fn impossible(lab: &Lab, planned: &[Planned<'_>]) -> Vec<String> {
    let given: BTreeSet<String> = planned
        .iter()
        .flat_map(Planned::codes)
        .map(|(code, _)| code)
        .chain(std::iter::once(TIME_LIMIT.to_owned()))
        .collect();
    let mut problems = Vec::new();
    let mut look = |codes: &[String], place: Option<Place>, whose: &str| {
        for code in codes.iter().filter(|code| !given.contains(*code)) {
            let elsewhere = checks::kinds().iter().find(|kind| kind.codes.iter().any(|known| known.name == code));
            let hint = match elsewhere {
                Some(kind) => format!("a check of kind `{}` gives it", kind.name),
                None => suggestion(code, given.iter().map(String::as_str)),
            };
            let message = format!("{whose} names {}, which no check of the lab gives", quoted(code));
            let place = place.unwrap_or(Place { line: 0, column: 0 });
            problems.push(lab.error(place, message, hint).to_string());
        }
    };
    look(&lab.tests.starter, None, "`tests.starter`");
    for (name, bad) in &lab.tests.bad {
        look(&bad.codes, bad.place, &format!("`tests.bad.{name}`"));
        look(&bad.may, bad.place, &format!("`tests.bad.{name}`"));
    }
    let hints: Vec<String> = lab.hints.keys().cloned().collect();
    look(&hints, None, "`hints`");
    problems
}

impl Wanted<'_> {
    async fn judged(
        &self,
        engine: &Engine,
        config: &Sessions,
        lab: &Lab,
        owner: &str,
        cancel: impl Future<Output = ()> + Clone,
    ) -> Case {
        let submission = match Submission::of(self.files) {
            Ok(submission) => submission,
            Err(error) => return self.case(None, Some(Trouble::disk("the submission cannot be laid out", &error))),
        };
        let once = || judge(engine, config, lab, submission.clone(), Way::Clean, owner, &|_: Event| {}, cancel.clone());
        let mut report = once().await;
        // What has nothing to do with the lab may be over a moment later.
        if report.error.as_ref().is_some_and(|error| !matches!(error.code.as_str(), "J_CANCELLED" | "J_LAB_INVALID")) {
            report = once().await;
        }
        let error = report.error.clone();
        self.case(Some(report), error)
    }

    /// How a submission stands with what was said of it.
    fn case(&self, report: Option<Report>, error: Option<Trouble>) -> Case {
        let mut case = Case {
            name: self.name.clone(),
            standing: Standing::Right,
            wrong: Vec::new(),
            expected: Vec::new(),
            codes: Vec::new(),
            passed: false,
            score: 0,
            max_score: 0,
            elapsed_seconds: 0.0,
            failures: Vec::new(),
            failed_checks: Vec::new(),
            error,
        };
        if let Must::Fail { codes, .. } = &self.must {
            case.expected = codes.to_vec();
        }
        let Some(report) = report else {
            case.standing = Standing::Unknown;
            return case;
        };
        let codes: BTreeSet<&str> = report.failures.iter().map(|failure| failure.code.as_str()).collect();
        case.codes = codes.iter().map(|code| (*code).to_owned()).collect();
        (case.passed, case.score, case.max_score) = (report.passed, report.score, report.max_score);
        case.elapsed_seconds = report.elapsed_seconds;
        let failed = |status| matches!(status, CheckStatus::Failed | CheckStatus::Warned);
        case.failed_checks =
            report.checks.iter().filter(|check| failed(check.status)).map(|check| check.id.clone()).collect();
        if report.verdict == Verdict::Error {
            case.standing = Standing::Unknown;
            case.failures = report.failures;
            return case;
        }
        let wrong = &mut case.wrong;
        match &self.must {
            Must::Shine | Must::Pass if !report.passed => {
                wrong.push(format!("it must pass, and failed with {} of {} points", report.score, report.max_score));
            }
            Must::Shine if report.score < report.max_score || !report.failures.is_empty() => {
                wrong.push(format!(
                    "it must have all points and no warning, and has {} of {} points",
                    report.score, report.max_score
                ));
            }
            Must::Shine | Must::Pass => {}
            Must::Fail { codes: expected, may, starter } => {
                let lacking: Vec<String> =
                    expected.iter().filter(|code| !codes.contains(code.as_str())).map(|code| quoted(code)).collect();
                let known = |code: &&&str| !expected.iter().chain(*may).any(|known| known == *code);
                let more: Vec<String> = codes.iter().filter(known).map(|code| quoted(code)).collect();
                if !lacking.is_empty() {
                    wrong.push(format!("it must give {}, and does not", lacking.join(", ")));
                }
                if !more.is_empty() {
                    wrong.push(format!("it gives {}, which is not expected", more.join(", ")));
                }
                if *starter && report.passed {
                    wrong.push("it passes: a learner would have nothing to do".to_owned());
                }
            }
        }
        case.failures = report.failures;
        if !case.wrong.is_empty() {
            case.standing = Standing::Wrong;
        }
        case
    }
}

impl Proof {
    /// What only all submissions together tell.
    fn whole(&mut self, lab: &Lab, planned: &[Planned<'_>]) {
        let unknown = self.submissions.iter().any(|case| case.standing == Standing::Unknown);
        let bad = || self.submissions.iter().filter(|case| !case.expected.is_empty());
        let failed: BTreeSet<&str> = bad().flat_map(|case| &case.failed_checks).map(String::as_str).collect();
        let mut problems = Vec::new();
        if !unknown {
            for plan in planned.iter().filter(|plan| !failed.contains(plan.check.id.as_str())) {
                let message = format!("the check `{}` fails in no submission that must fail", plan.check.id);
                let hint = "add one to `tests.bad` that it finds, or take the check away";
                problems.push(lab.error(plan.check.place, message, hint).to_string());
            }
        }
        let mut needed: BTreeMap<&str, &str> = BTreeMap::new();
        for case in bad() {
            for code in case.codes.iter().chain(&case.expected) {
                needed.entry(code).or_insert(&case.name);
            }
        }
        for (code, name) in needed {
            if lab.hints.get(code).is_none_or(Vec::is_empty) {
                let message = format!("there are no hints for `{code}`, which {name} gives");
                let place = Place { line: 0, column: 0 };
                problems.push(lab.error(place, message, format!("add `{code}: [...]` to `hints`")).to_string());
            }
        }
        let passing: Vec<&str> = bad().filter(|case| case.passed).map(|case| case.name.as_str()).collect();
        if !passing.is_empty() {
            self.notes.push(format!("passed in spite of what they give: {}", passing.join(", ")));
        }
        let usual = planned.iter().flat_map(Planned::codes).map(|(code, _)| code);
        let usual: BTreeSet<String> = usual.filter(|code| !lab.hints.contains_key(code)).collect();
        if !usual.is_empty() {
            let usual: Vec<String> = usual.into_iter().collect();
            self.notes.push(format!("codes with only their kinds' own hint: {}", usual.join(", ")));
        }
        self.problems = problems;
    }

    fn ended(mut self, begun: Instant) -> Self {
        let cases = self.submissions.iter().map(|case| case.standing).max().unwrap_or_default();
        let whole = if self.problems.is_empty() { Standing::Right } else { Standing::Wrong };
        let error = if self.error.is_some() { Standing::Unknown } else { Standing::Right };
        self.standing = cases.max(whole).max(error);
        self.elapsed_seconds = begun.elapsed().as_secs_f64();
        self
    }
}
