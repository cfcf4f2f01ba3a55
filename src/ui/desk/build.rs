//! A build on the screen: begun, cancelled, its steps as lines, the line of the Dockerfile that failed.

use crate::builds::{Build, BuildAsk, BuildState, LARGE, Step, StepPlace, StepState, compare};
use crate::tasks::{BuildSeen, BuildWatch, Job};
use crate::text::{count, size};
use crate::ui::editor::Language;
use crate::ui::panes::text::TextLine;
use crate::ui::view::Tone;

use super::output::{Jump, OutputTab, seconds};
use super::{Desk, Pane, Wish};

/// Lines of a running step that are shown while nobody unfolds it.
const TAIL: usize = 12;
/// Lines of a step that are shown when it is unfolded.
const MOST: usize = 4000;

impl Desk {
    /// Asks for the build to end.
    pub(super) fn cancel_build(&mut self) {
        let running = self.output.build.as_ref().filter(|b| b.lock().build.is_running()).and_then(BuildWatch::task);
        match running {
            Some(task) => self.wishes.push(Wish::Cancel(task)),
            None => self.tell(Tone::Muted, "no build is running"),
        }
    }

    /// Builds the image. All is saved by now.
    pub(super) fn build(&mut self, clean: bool) {
        if self.output.build.as_ref().is_some_and(|b| b.lock().build.is_running()) {
            return self.tell(Tone::Warn, "a build is running; ctrl-x cancels it");
        }
        let Some(dockerfile) = self.dockerfile() else {
            return self.tell(Tone::Warn, "there is no Dockerfile; 2 shows the files, n makes one");
        };
        let watch = BuildWatch::new(BuildSeen::new(&dockerfile, self.now));
        for buffer in &mut self.buffers.open {
            buffer.editor.set_flag_line(None, "");
        }
        self.output.build = Some(watch.clone());
        self.output.turned.clear();
        self.output.explained = None;
        let tag = self.tag();
        let ask = BuildAsk { tag, dockerfile, no_cache: clean, ..BuildAsk::default() };
        self.wishes.push(Wish::Run(Job::Build { site: Box::new(self.site.clone()), ask: Box::new(ask), watch }));
        self.show_output(OutputTab::Build);
        self.make_build();
        self.tick();
    }

    /// The Dockerfile that is built: the one that is open, else the one of that name.
    pub fn dockerfile(&self) -> Option<String> {
        let open = self.buffers.here().filter(|b| b.editor.language() == Language::Dockerfile);
        let open = open.map(|b| b.path.clone());
        open.or_else(|| self.tree.has("Dockerfile").then(|| "Dockerfile".to_owned())).or_else(|| {
            let named = |path: &str| Language::of(path, "") == Language::Dockerfile;
            self.tree.listing().iter().find(|e| !e.is_folder() && named(&e.path)).map(|e| e.path.clone())
        })
    }

    /// What is built is called so.
    pub fn tag(&self) -> String {
        format!("{}:latest", self.site.plain_name())
    }

    /// The build ended: says so, marks the line that failed.
    pub(super) fn build_ended(&mut self) {
        let Some(watch) = self.output.build.clone() else { return };
        let (failure, line, path, built) = {
            let seen = watch.lock();
            match &seen.build.state {
                BuildState::Failed(failure) => {
                    (Some(failure.clone()), seen.line(failure), seen.dockerfile.clone(), None)
                }
                BuildState::Done(built) => (None, None, seen.dockerfile.clone(), Some(built.clone())),
                BuildState::Running | BuildState::Cancelled => (None, None, String::new(), None),
            }
        };
        if let Some(built) = built {
            self.output.difference = self.output.built.as_ref().map(|before| compare(before, &built));
            self.output.built = Some(built);
        }
        if let Some(failure) = failure {
            if let Some(line) = line {
                let typing = self.typing;
                self.open_file(&path, Some(line - 1));
                if let Some(buffer) = self.buffers.of(&path) {
                    // The line itself says what was to be done.
                    let words = match failure.exit_code {
                        Some(code) => format!("failed with exit code {code}"),
                        None => failure.message.clone(),
                    };
                    buffer.editor.set_flag_line(Some(line - 1), words);
                }
                self.focus_on(if self.zoomed { Pane::Editor } else { self.focus });
                self.typing = typing && self.focus == Pane::Editor;
            }
            self.tell(Tone::Bad, failure.message.clone());
        }
        self.make_build();
    }

    /// The lines of the build.
    pub(super) fn make_build(&mut self) {
        let Some(watch) = self.output.build.clone() else {
            let mut line = TextLine::new(Tone::Muted, "Nothing was built yet. ");
            line.push(Tone::Accent, "b");
            line.push(Tone::Muted, " saves all and builds the image.");
            return self.output.set(OutputTab::Build, vec![(line, None)]);
        };
        let mut lines = {
            let seen = watch.lock();
            let mut lines = Vec::new();
            self.build_head(&seen.build, &mut lines);
            for (n, step) in seen.build.steps.iter().enumerate() {
                let line = step.at.as_ref().and_then(|at| seen.line_of(at));
                self.step_lines(n, step, line, &seen.dockerfile, &mut lines);
            }
            self.build_foot(&seen.build, seen.line_of_failure(), &seen.dockerfile, &mut lines);
            lines
        };
        self.build_explained(&mut lines);
        self.output.set(OutputTab::Build, lines);
    }

    fn build_head(&self, build: &Build, lines: &mut Vec<(TextLine, Option<Jump>)>) {
        let took = seconds(build.took(self.now).as_secs_f64());
        let mut head = match &build.state {
            BuildState::Running => {
                let (over, all) = build.counts();
                let mut line = TextLine::new(Tone::Warn, format!("◐ building {}", self.tag()));
                if all > 0 {
                    line.push(Tone::Muted, format!("  {over} of {all} steps"));
                }
                line
            }
            BuildState::Done(_) => TextLine::new(Tone::Good, format!("✔ built {}", self.tag())),
            BuildState::Failed(_) => TextLine::new(Tone::Bad, format!("✖ {} was not built", self.tag())),
            BuildState::Cancelled => TextLine::new(Tone::Warn, "○ cancelled; nothing was built"),
        };
        head.push(Tone::Muted, format!("  {took}"));
        if build.cached() > 0 {
            head.push(Tone::Muted, format!("  {} cached", count(build.cached(), "step")));
        }
        lines.push((head, None));
        if let Some(context) = &build.context {
            let mut line = TextLine::new(Tone::Muted, "  context  ");
            let large = context.bytes > LARGE;
            let words = format!("{}, {}", count(context.files, "file"), size(context.bytes));
            line.push(if large { Tone::Warn } else { Tone::Muted }, words);
            if context.ignored > 0 {
                line.push(Tone::Muted, format!(", {} left out", context.ignored));
            }
            if build.is_running() && build.sent > 0 && build.steps.is_empty() {
                line.push(Tone::Muted, format!(", {} sent", size(build.sent)));
            }
            lines.push((line, None));
        }
        for note in &build.notes {
            self.long(&[(Tone::Warn, format!("  {note}"))], 2, None, lines);
        }
    }

    fn step_lines(
        &self,
        n: usize,
        step: &Step,
        place: Option<usize>,
        path: &str,
        lines: &mut Vec<(TextLine, Option<Jump>)>,
    ) {
        let failed = step.state == StepState::Failed;
        // The builder's own steps are of interest only while they take their time.
        if step.internal && !failed && step.state != StepState::Running {
            return;
        }
        let (sign, tone) = match step.state {
            StepState::Running => ("◐", Tone::Warn),
            StepState::Cached => ("✔", Tone::Muted),
            StepState::Done => ("✔", Tone::Good),
            StepState::Failed => ("✖", Tone::Bad),
            StepState::Waiting | StepState::Cancelled => ("○", Tone::Muted),
        };
        let time = match step.state {
            StepState::Cached => "cached".to_owned(),
            StepState::Waiting => String::new(),
            _ => step.took(self.now).map_or(String::new(), |t| seconds(t.as_secs_f64())),
        };
        let mut line = TextLine::new(tone, format!("{sign} "));
        line.push(Tone::Muted, format!("{time:>7} "));
        match &step.at {
            Some(StepPlace::Stage { stage, number, of }) if stage.is_empty() => {
                line.push(Tone::Muted, format!("{number}/{of} "));
            }
            Some(StepPlace::Stage { stage, number, of }) => line.push(Tone::Muted, format!("{stage} {number}/{of} ")),
            Some(StepPlace::Classic { number, of }) => line.push(Tone::Muted, format!("{number}/{of} ")),
            None => {}
        }
        line.push(if failed { Tone::Bad } else { Tone::Plain }, &step.name);
        if let Some((done, all)) = step.progress.filter(|_| step.state == StepState::Running) {
            let words =
                if all > 0 { format!("  {} of {}", size(done), size(all)) } else { format!("  {}", size(done)) };
            line.push(Tone::Muted, words);
        }
        lines.push((line, Some(Jump::Step(n))));
        let unfolded = matches!(step.state, StepState::Running | StepState::Failed) != self.output.turned.contains(&n);
        if !unfolded {
            return;
        }
        let running = step.state == StepState::Running;
        let shown = if running { TAIL } else { MOST };
        let first = step.output.len().saturating_sub(shown);
        let hidden = first + step.output.dropped() as usize;
        if hidden > 0 {
            lines.push((TextLine::new(Tone::Muted, format!("          … {hidden} lines before")), None));
        }
        let place = place.map(|line| Jump::File(path.to_owned(), line - 1, 0));
        for out in step.output.after(first) {
            let tone = if out.stderr { Tone::Warn } else { Tone::Plain };
            let mut line = TextLine::new(Tone::Muted, "        │ ");
            line.push(tone, &out.text);
            lines.push((line, place.clone()));
        }
        if let Some(error) = &step.error {
            lines.push((TextLine::new(Tone::Bad, format!("          {error}")), place));
        }
    }

    fn build_foot(
        &self,
        build: &Build,
        failed_at: Option<usize>,
        path: &str,
        lines: &mut Vec<(TextLine, Option<Jump>)>,
    ) {
        match &build.state {
            BuildState::Failed(failure) => {
                let place = failed_at.map(|line| Jump::File(path.to_owned(), line - 1, 0));
                lines.push((TextLine::blank(), None));
                self.long(&[(Tone::Bad, failure.message.clone())], 0, place.as_ref(), lines);
                if let Some(line) = failed_at {
                    let mut text = TextLine::new(Tone::Accent, format!("{path}:{line}"));
                    text.push(Tone::Muted, "  enter goes there");
                    lines.push((text, place));
                }
                if !failure.hint.is_empty() {
                    self.long(&[(Tone::Plain, failure.hint.clone())], 0, None, lines);
                }
                let mut next = TextLine::new(Tone::Accent, "X");
                next.push(Tone::Muted, " explains it");
                lines.push((next, None));
            }
            BuildState::Done(built) => {
                lines.push((TextLine::blank(), None));
                let mut total = TextLine::new(Tone::Strong, size(built.size));
                total.push(Tone::Muted, format!(" in {}", count(built.layers.len(), "layer")));
                if let Some(difference) = &self.output.difference {
                    let (tone, words) = match difference.size {
                        0 => (Tone::Muted, "  as large as the build before".to_owned()),
                        more if more > 0 => (Tone::Warn, format!("  {} more than before", size(more.unsigned_abs()))),
                        less => (Tone::Good, format!("  {} less than before", size(less.unsigned_abs()))),
                    };
                    total.push(tone, words);
                    let words =
                        format!("; {} kept, {} new", count(difference.reused.len(), "layer"), difference.new.len());
                    total.push(Tone::Muted, words);
                }
                lines.push((total, None));
                for layer in built.layers.iter().filter(|l| l.size > 0) {
                    let mut line = TextLine::new(Tone::Number, format!("{:>9}  ", size(layer.size)));
                    let base = layer.created_by.is_empty();
                    line.push(Tone::Muted, if base { "the base image's own" } else { &layer.created_by });
                    lines.push((line, None));
                }
                lines.push((TextLine::blank(), None));
                let mut next = TextLine::new(Tone::Accent, "R");
                next.push(Tone::Muted, " runs it, f9 asks with what");
                lines.push((next, None));
            }
            BuildState::Running | BuildState::Cancelled => {}
        }
    }
}
