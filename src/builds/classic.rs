//! What the classic builder prints, and podman's, which speaks like it.

use jiff::Timestamp;

use super::place::StepPlace;
use super::steps::{BuildEvent, StepSeen};

/// Reads the text as it comes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The step that is being done.
    step: Option<StepSeen>,
    /// The container in which its command runs.
    container: Option<String>,
    /// The image that a step ended with last.
    image: Option<String>,
    /// Whether the step's own line has not ended yet.
    heading: bool,
    /// The stage that podman is at, how many steps the stages before it have, and how many it has itself.
    stage: (usize, usize, usize),
    /// Whether the last step is one for the labels that were asked for, and stands in no Dockerfile.
    labels: bool,
}

impl Reader {
    /// One for a build with labels, or without.
    pub(super) fn new(labels: bool) -> Self {
        Self { labels, ..Self::default() }
    }

    /// The events in one piece of text, which came at `now`. Pieces are as the engine sends them: what the builder
    /// itself says comes in pieces of its own.
    pub(super) fn take(&mut self, piece: &str, now: Timestamp) -> Vec<BuildEvent> {
        let mut events = Vec::new();
        if self.heading && piece.trim().is_empty() {
            self.heading = false;
            return events;
        }
        self.heading = false;
        if self.container.is_none()
            && let Some((stage, number, of, name)) = heading(piece)
        {
            let (number, of) = self.through(stage, number, of);
            events.extend(self.over(now));
            self.heading = !piece.ends_with('\n');
            let own = of.saturating_sub(usize::from(self.labels));
            let step = StepSeen {
                key: number.to_string(),
                place: if self.labels && number == of && name.starts_with("LABEL ") {
                    None
                } else {
                    Some(StepPlace::Classic { number, of: own })
                },
                name,
                inputs: (number > 1).then(|| (number - 1).to_string()).into_iter().collect(),
                started: Some(now),
                ..StepSeen::default()
            };
            events.push(BuildEvent::Step(step.clone()));
            self.step = Some(step);
            return events;
        }
        let line = piece.trim_end();
        if let Some(container) = &self.container {
            if line.strip_prefix("Removing intermediate container ") == Some(container) {
                self.container = None;
                return events;
            }
        } else if let Some(container) = line.strip_prefix(" ---> Running in ").filter(|id| is_id(id)) {
            self.container = Some(container.to_owned());
            return events;
        }
        if line == " ---> Using cache" || line.starts_with("--> Using cache ") {
            if let Some(step) = &mut self.step {
                step.cached = true;
            }
            return events;
        }
        if let Some(id) = line.strip_prefix(" ---> ").or_else(|| line.strip_prefix("--> ")).filter(|id| is_id(id)) {
            // A command whose container is removed only at the end: what it printed is over with this.
            self.container = None;
            self.image = Some(id.to_owned());
            events.extend(self.over(now));
            return events;
        }
        if self.container.is_none() {
            if let Some(id) = line.strip_prefix("Successfully built ") {
                self.image = Some(id.to_owned());
                events.extend(self.over(now));
                return events;
            }
            if line.starts_with("Successfully tagged ") || line.starts_with("COMMIT") {
                return events;
            }
            if let Some(warning) = line.trim_start().trim_start_matches("---> ").strip_prefix("[Warning] ") {
                events.push(BuildEvent::Note(warning.to_owned()));
                return events;
            }
        }
        if let Some(step) = &self.step {
            let (bytes, stderr) = channel(piece);
            events.push(BuildEvent::Output { step: step.key.clone(), bytes: bytes.as_bytes().to_vec(), stderr });
        }
        events
    }

    /// A step's number, and how many there are as far as is known, through all stages: podman counts anew in each.
    fn through(&mut self, stage: usize, number: usize, of: usize) -> (usize, usize) {
        let (at, before, size) = self.stage;
        let before = if stage > at { before.saturating_add(size) } else { before };
        self.stage = (stage, before, of);
        (before.saturating_add(number), before.saturating_add(of))
    }

    /// What is told of a base image that is fetched.
    pub(super) fn fetched(&self, id: &str, status: &str, current: u64, total: u64) -> Option<BuildEvent> {
        let step = self.step.as_ref()?.key.clone();
        Some(if total > 0 {
            BuildEvent::Progress { step, work: format!("{id} {status}"), current, total }
        } else {
            let line = if id.is_empty() { format!("{status}\n") } else { format!("{id}: {status}\n") };
            BuildEvent::Output { step, bytes: line.into_bytes(), stderr: false }
        })
    }

    /// The step that is being done failed.
    pub(super) fn failed(&mut self, why: &str, now: Timestamp) -> Option<BuildEvent> {
        let mut step = self.step.take()?;
        step.ended = Some(now);
        why.clone_into(&mut step.error);
        Some(BuildEvent::Step(step))
    }

    /// The build went well; answers with the image, as far as it was named.
    pub(super) fn finish(&mut self, now: Timestamp) -> (Option<BuildEvent>, Option<String>) {
        (self.over(now), self.image.take())
    }

    /// The step that is being done is done.
    fn over(&mut self, now: Timestamp) -> Option<BuildEvent> {
        let mut step = self.step.take()?;
        step.ended = Some(now);
        Some(BuildEvent::Step(step))
    }
}

/// The stage, the number, the count and the instruction of a line that begins a step: `Step 2/7 : RUN make`, and
/// podman's `STEP 2/7: RUN make`, before which it says the stage where there are several: `[1/2] STEP 2/2: RUN x`.
fn heading(piece: &str) -> Option<(usize, usize, usize, String)> {
    let staged = piece.strip_prefix('[').and_then(|p| p.split_once("] ")).filter(|(_, p)| p.starts_with("STEP "));
    let (stage, piece) = match staged {
        Some((stage, rest)) => (stage.split_once('/')?.0.parse().ok()?, rest),
        None => (0, piece),
    };
    let rest = piece.strip_prefix("Step ").or_else(|| piece.strip_prefix("STEP "))?;
    let (count, name) = rest.split_once(" : ").or_else(|| rest.split_once(": "))?;
    let (number, of) = count.split_once('/')?;
    Some((stage, number.parse().ok()?, of.parse().ok()?, name.trim_end().to_owned()))
}

fn is_id(text: &str) -> bool {
    // Docker shows twelve digits, podman eleven.
    text.len() >= 11 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What a command printed: the builder puts what came from standard error in red.
fn channel(piece: &str) -> (&str, bool) {
    match piece.strip_prefix("\x1b[91m").and_then(|p| p.strip_suffix("\x1b[0m")) {
        Some(inside) => (inside, true),
        None => (piece, false),
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps::{Build, StepState};
    use super::*;

    fn fed(reader: &mut Reader, pieces: &[&str]) -> Build {
        let mut build = Build::new(Timestamp::UNIX_EPOCH);
        for piece in pieces {
            for event in reader.take(piece, Timestamp::UNIX_EPOCH) {
                build.take(event, Timestamp::UNIX_EPOCH);
            }
        }
        build
    }

    #[test]
    fn steps_cache_and_output_are_told_apart() {
        let mut reader = Reader::new(false);
        let build = fed(
            &mut reader,
            &[
                "Step 1/3 : FROM x",
                "\n",
                " ---> 0123456789ab\n",
                "Step 2/3 : RUN a",
                "\n",
                " ---> Using cache\n",
                " ---> 1123456789ab\n",
                "Step 3/3 : RUN b",
                "\n",
                " ---> Running in 2123456789ab\n",
                "Step 9/9 : said by b\n",
                " ---> Using what\n",
                "\u{1b}[91mbad\n\u{1b}[0m",
                "Removing intermediate container no\n",
                "Removing intermediate container 2123456789ab\n",
                " ---> [Warning] careful\n",
                " ---> 3123456789ab\n",
                "Successfully built 3123456789ab\n",
            ],
        );
        let states: Vec<_> = build.steps.iter().map(|s| s.state).collect();
        assert_eq!(states, [StepState::Done, StepState::Cached, StepState::Done], "{build:#?}");
        let lines: Vec<_> = build.steps[2].output.lines().map(|l| (l.text, l.stderr)).collect();
        let lines: Vec<_> = lines.iter().map(|(text, stderr)| (text.as_str(), *stderr)).collect();
        assert_eq!(
            lines,
            [
                ("Step 9/9 : said by b", false),
                (" ---> Using what", false),
                ("bad", true),
                ("Removing intermediate container no", false),
            ]
        );
        assert_eq!(build.notes, ["careful"]);
        assert_eq!(reader.finish(Timestamp::UNIX_EPOCH).1.as_deref(), Some("3123456789ab"));
    }

    #[test]
    fn the_step_for_labels_is_no_instruction() {
        let build = fed(
            &mut Reader::new(true),
            &["Step 1/2 : FROM x", "\n", " ---> 0123456789ab\n", "Step 2/2 : LABEL a=b", "\n"],
        );
        assert_eq!(build.steps[0].at, Some(StepPlace::Classic { number: 1, of: 1 }));
        assert!(build.steps[1].internal && build.instructions().count() == 1);
    }
}
