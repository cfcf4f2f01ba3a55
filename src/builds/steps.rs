//! A build as it goes: its steps, made of what the engine tells.

use jiff::{SignedDuration, Timestamp};

use super::context::ContextSeen;
use super::failure::Failure;
use super::layers::Built;
use super::output::Output;
use super::place::StepPlace;
use crate::engine::Builder;
use crate::text::clean;

/// What happened, as the engine tells it or as it is seen here. Texts may hold anything until [`Build::take`].
#[derive(Debug, Clone, PartialEq)]
pub enum BuildEvent {
    /// The context was looked through.
    Context(ContextSeen),
    /// The build begins with this builder.
    Begins(Builder),
    /// Worth knowing, and no failure: another builder is used, the context is large.
    Note(String),
    /// So many bytes of the context's archive have been sent.
    Sent(u64),
    /// What is known of a step now.
    Step(StepSeen),
    /// A step did so much of so much: bytes mostly. Several can go on in one step.
    Progress {
        /// The step.
        step: String,
        /// Which of the step's works it is.
        work: String,
        /// Done so far.
        current: u64,
        /// To do; 0 when not known.
        total: u64,
    },
    /// A step printed something.
    Output {
        /// The step.
        step: String,
        /// What, split anywhere.
        bytes: Vec<u8>,
        /// Whether to standard error.
        stderr: bool,
    },
    /// The image is there.
    Built(Box<Built>),
    /// There will be no image.
    Failed(Box<Failure>),
    /// It was ended before its end.
    Cancelled,
}

/// What an engine knows of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepSeen {
    /// What it is recognised by.
    pub key: String,
    /// Its name, as the engine has it.
    pub name: String,
    /// Where it stands, when its name does not say so.
    pub place: Option<StepPlace>,
    /// The steps it needs.
    pub inputs: Vec<String>,
    /// Whether nothing had to be done for it.
    pub cached: bool,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it failed; empty when it did not.
    pub error: String,
}

/// How far a build is.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum BuildState {
    /// It goes on.
    #[default]
    Running,
    /// There is an image.
    Done(Box<Built>),
    /// There is none.
    Failed(Box<Failure>),
    /// It was ended before its end.
    Cancelled,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StepState {
    /// It waits for others.
    #[default]
    Waiting,
    /// It goes on.
    Running,
    /// Nothing had to be done: its result was there.
    Cached,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It was ended, or never begun, because the build ended.
    Cancelled,
}

/// One step of a build. Its texts are harmless.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// What it is recognised by.
    pub key: String,
    /// Its name without its place, in one line: `RUN make`.
    pub name: String,
    /// Which instruction of the Dockerfile it is.
    pub at: Option<StepPlace>,
    /// Whether it is the builder's own, and no instruction.
    pub internal: bool,
    /// How far it is.
    pub state: StepState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Done so far, and to do (0 when not known), of all that goes on in it.
    pub progress: Option<(u64, u64)>,
    /// What it printed.
    pub output: Output,
    /// Why it failed.
    pub error: Option<String>,
    /// The steps it needs, by their keys.
    pub inputs: Vec<String>,
    works: Vec<(String, u64, u64)>,
}

impl Step {
    /// How long it took, or has taken until `now`.
    pub fn took(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(self.ended.unwrap_or(now).duration_since(self.started?).max(SignedDuration::ZERO))
    }
}

/// A build.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// Its steps, in the order in which the engine told of them, and within a stage in theirs.
    pub steps: Vec<Step>,
    /// What is sent; `None` until it was looked through.
    pub context: Option<ContextSeen>,
    /// Bytes of the context's archive that were sent.
    pub sent: u64,
    /// Who builds; `None` until that is known.
    pub builder: Option<Builder>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// How far it is.
    pub state: BuildState,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    lines: Option<usize>,
}

/// Works of one step, such as layers being pulled, that are told apart.
const WORKS: usize = 200;
/// Steps of one build; no Dockerfile has so many.
const STEPS: usize = 5000;
/// Notes that are kept.
const NOTES: usize = 100;

impl Build {
    /// One that begins.
    pub const fn new(started: Timestamp) -> Self {
        Self {
            steps: Vec::new(),
            context: None,
            sent: 0,
            builder: None,
            notes: Vec::new(),
            state: BuildState::Running,
            started,
            ended: None,
            lines: None,
        }
    }

    /// The same, but only so many lines of each step are kept.
    pub(super) const fn keeping(mut self, lines: usize) -> Self {
        self.lines = Some(lines);
        self
    }

    /// Takes what happened at `now`.
    pub fn take(&mut self, event: BuildEvent, now: Timestamp) {
        match event {
            BuildEvent::Context(context) => self.context = Some(context),
            BuildEvent::Begins(builder) => {
                self.builder = Some(builder);
                // A builder before this one did not get anywhere.
                self.steps.clear();
                self.sent = 0;
            }
            BuildEvent::Note(note) if self.notes.len() < NOTES => self.notes.push(one_line(&note)),
            BuildEvent::Note(_) => {}
            BuildEvent::Sent(bytes) => self.sent = bytes,
            BuildEvent::Step(seen) => self.seen(seen),
            BuildEvent::Progress { step, work, current, total } => {
                if let Some(step) = self.step_mut(&step) {
                    step.progressed(work, current, total);
                }
            }
            BuildEvent::Output { step, bytes, stderr } => {
                if let Some(step) = self.step_mut(&step) {
                    // What it prints may be told before that it began.
                    if step.state == StepState::Waiting {
                        (step.state, step.started) = (StepState::Running, Some(now));
                    }
                    step.output.take(&bytes, stderr);
                }
            }
            BuildEvent::Built(built) => self.end(BuildState::Done(built), now),
            BuildEvent::Failed(failure) => self.end(BuildState::Failed(failure), now),
            BuildEvent::Cancelled => self.end(BuildState::Cancelled, now),
        }
    }

    /// Whether it goes on.
    pub const fn is_running(&self) -> bool {
        matches!(self.state, BuildState::Running)
    }

    /// The step that failed.
    pub fn failed_step(&self) -> Option<&Step> {
        self.steps.iter().find(|s| s.state == StepState::Failed)
    }

    /// The steps that are instructions of the Dockerfile.
    pub fn instructions(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|s| !s.internal)
    }

    /// How many instructions are over, and how many there are.
    pub fn counts(&self) -> (usize, usize) {
        let over = |s: &&Step| matches!(s.state, StepState::Done | StepState::Cached);
        (self.instructions().filter(over).count(), self.instructions().count())
    }

    /// How many instructions had nothing to do.
    pub fn cached(&self) -> usize {
        self.instructions().filter(|s| s.state == StepState::Cached).count()
    }

    /// How long it took, or has taken until `now`.
    pub fn took(&self, now: Timestamp) -> SignedDuration {
        self.ended.unwrap_or(now).duration_since(self.started).max(SignedDuration::ZERO)
    }

    fn step_mut(&mut self, key: &str) -> Option<&mut Step> {
        self.steps.iter_mut().rev().find(|s| s.key == key)
    }

    fn seen(&mut self, seen: StepSeen) {
        if let Some(step) = self.steps.iter_mut().find(|s| s.key == seen.key) {
            return step.seen(seen);
        }
        if self.steps.len() >= STEPS {
            return;
        }
        let mut step = Step { key: seen.key.clone(), ..Step::default() };
        if let Some(lines) = self.lines {
            step.output = Output::keeping(lines);
        }
        step.seen(seen);
        // BuildKit tells of several at once in no order; those of one stage stand in theirs.
        let later = self.steps.iter().position(|s| comes_after(s.at.as_ref(), step.at.as_ref()));
        self.steps.insert(later.unwrap_or(self.steps.len()), step);
    }

    fn end(&mut self, state: BuildState, now: Timestamp) {
        for step in &mut self.steps {
            step.output.close();
            if matches!(step.state, StepState::Waiting | StepState::Running) {
                if step.state == StepState::Running {
                    step.ended = Some(now);
                }
                // One that was not needed stays waiting where the build went well.
                step.state = match state {
                    BuildState::Done(_) if step.state == StepState::Running => StepState::Done,
                    BuildState::Done(_) => StepState::Waiting,
                    _ => StepState::Cancelled,
                };
            }
        }
        self.state = state;
        self.ended = Some(now);
    }
}

/// Whether a step stands behind another of the same stage.
fn comes_after(one: Option<&StepPlace>, other: Option<&StepPlace>) -> bool {
    match (one, other) {
        (Some(StepPlace::Stage { stage: a, number: m, .. }), Some(StepPlace::Stage { stage: b, number: n, .. })) => {
            a == b && m > n
        }
        _ => false,
    }
}

impl Step {
    fn seen(&mut self, seen: StepSeen) {
        let (place, rest) = StepPlace::of_name(&seen.name);
        // Nobody writes the whole name of an image of the usual registry.
        self.name = one_line(rest).replace("docker.io/library/", "").replace("docker.io/", "");
        self.at = seen.place.or(place);
        if let Some(StepPlace::Stage { stage, .. }) = &mut self.at {
            *stage = clean(stage).into_owned();
        }
        self.internal = self.at.is_none();
        self.inputs = seen.inputs;
        (self.started, self.ended) = (seen.started, seen.ended);
        self.error = (!seen.error.is_empty()).then(|| one_line(&seen.error));
        self.state = match (&self.error, seen.cached, seen.started, seen.ended) {
            (Some(why), ..) if why.contains("context canceled") => StepState::Cancelled,
            (Some(_), ..) => StepState::Failed,
            (None, true, ..) => StepState::Cached,
            (None, false, _, Some(_)) => StepState::Done,
            (None, false, Some(_), None) => StepState::Running,
            (None, false, None, None) => StepState::Waiting,
        };
        if self.ended.is_some() {
            self.output.close();
        }
    }

    fn progressed(&mut self, work: String, current: u64, total: u64) {
        if let Some(known) = self.works.iter_mut().find(|w| w.0 == work) {
            (known.1, known.2) = (current, total.max(known.2));
        } else if self.works.len() < WORKS {
            self.works.push((work, current, total));
        }
        let sum = |part: fn(&(String, u64, u64)) -> u64| self.works.iter().map(part).fold(0, u64::saturating_add);
        self.progress = Some((sum(|w| w.1), sum(|w| w.2))).filter(|(current, total)| current + total > 0);
    }
}

/// Text of one line, harmless; what was on several lines stands behind one another.
pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(['\n', '\r', '\t']).map(str::trim).filter(|w| !w.is_empty()).collect();
    clean(&words.join(" ")).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_a_stage_stand_in_their_order_and_what_prints_has_begun() {
        let mut build = Build::new(Timestamp::UNIX_EPOCH);
        let step = |name: &str| {
            BuildEvent::Step(StepSeen { key: name.to_owned(), name: name.to_owned(), ..StepSeen::default() })
        };
        for name in
            ["[internal] x", "[a 3/3] RUN c", "[b 2/2] RUN e", "[a 1/3] FROM a", "[a 2/3] RUN b", "[b 1/2] FROM b"]
        {
            build.take(step(name), Timestamp::UNIX_EPOCH);
        }
        let keys: Vec<&str> = build.steps.iter().map(|s| s.key.as_str()).collect();
        let expected =
            ["[internal] x", "[a 1/3] FROM a", "[a 2/3] RUN b", "[a 3/3] RUN c", "[b 1/2] FROM b", "[b 2/2] RUN e"];
        assert_eq!(keys, expected);
        let output = BuildEvent::Output { step: "[b 2/2] RUN e".into(), bytes: b"words\n".to_vec(), stderr: false };
        build.take(output, Timestamp::UNIX_EPOCH);
        assert_eq!(build.steps[5].state, StepState::Running);
    }
}
