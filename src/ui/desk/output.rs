//! What building, running and judging say: one pane with a tab for each.

use std::collections::BTreeSet;

use crate::builds::BuildAsk;
use crate::builds::run::Options;
use crate::builds::run::Trouble;
use crate::builds::{Build, BuildState, Built, Difference, LARGE, Step, StepPlace, StepState, compare};
use crate::dockerfile::Severity;
use crate::engine::model::Container;
use crate::engine::request::Answer;
use crate::tasks::{BuildSeen, BuildWatch, Job, StartWatch};
use crate::text::{count, size};
use crate::ui::panes::text::{TextLine, TextPane};
use crate::ui::view::Tone;

use super::guide::wrap;
use super::run::RunWatch;
use super::text::{Shown, severity_order};
use super::{Desk, DeskNews, Pane, Wish};

/// Lines of a running step that are shown while nobody unfolds it.
const TAIL: usize = 12;
/// Lines of a step that are shown when it is unfolded.
const MOST: usize = 4000;

/// A tab of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputTab {
    /// What is wrong with the open files.
    #[default]
    Problems,
    /// The build.
    Build,
    /// What runs.
    Run,
    /// What it answered.
    Answer,
}

impl OutputTab {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Problems, Self::Build, Self::Run, Self::Answer];

    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Problems => "Problems",
            Self::Build => "Build",
            Self::Run => "Run",
            Self::Answer => "Answer",
        }
    }
}

/// Where a line of the output leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jump {
    /// A place in a file; lines and columns from 0.
    File(String, usize, usize),
    /// A step, which unfolds.
    Step(usize),
}

/// The output of one desk.
#[derive(Debug, Default)]
pub struct Output {
    /// The tab that is shown.
    pub tab: OutputTab,
    /// The lines of each tab.
    panes: [TextPane; 4],
    jumps: [Vec<Option<Jump>>; 4],
    /// Whether the newest line is followed.
    pub follow: bool,
    /// The build that goes on, or the last one.
    pub build: Option<BuildWatch>,
    /// The last image that was built, to compare with.
    pub built: Option<Box<Built>>,
    /// How it differs from the one before.
    difference: Option<Difference>,
    /// Steps that a person unfolded or folded.
    turned: BTreeSet<usize>,
    /// What is being started.
    pub start: Option<StartWatch>,
    /// What runs, or ran last.
    pub run: Option<RunWatch>,
    /// How it is run.
    pub options: Option<Options>,
    /// The last request.
    pub request: String,
    /// Whether an answer is waited for.
    pub asking: bool,
    /// What was answered.
    pub answer: Option<Result<Answer, Trouble>>,
    /// Whether what runs was told to stop.
    pub(super) stopping: bool,
    /// Whether a second is being waited for.
    pub(super) ticking: bool,
}

impl Output {
    /// The lines of the tab that is shown.
    pub fn pane(&self) -> &TextPane {
        &self.panes[self.tab as usize]
    }

    /// Whether more may come.
    pub fn is_moving(&self) -> bool {
        match self.tab {
            OutputTab::Build => self.build.as_ref().is_some_and(|b| b.lock().build.is_running()),
            OutputTab::Run => self.run.as_ref().is_some_and(|r| r.lock().ended.is_none()),
            OutputTab::Problems | OutputTab::Answer => false,
        }
    }

    /// Moves in it. Whoever goes up wants to read; at the end the newest is followed again.
    pub(super) fn step(&mut self, by: isize, height: usize) {
        let pane = &mut self.panes[self.tab as usize];
        pane.has_cursor = true;
        pane.step(by, height);
        self.follow = pane.cursor + 1 >= pane.lines.len();
    }

    /// Puts the cursor on a line.
    pub(super) fn select(&mut self, line: usize) {
        let pane = &mut self.panes[self.tab as usize];
        pane.cursor = line.min(pane.lines.len().saturating_sub(1));
        self.follow = false;
    }

    /// The text of the line under the cursor.
    pub(super) fn line_here(&self) -> Option<String> {
        let pane = self.pane();
        pane.lines.get(pane.cursor).map(|l| l.text().trim().to_owned())
    }

    pub(super) fn set(&mut self, tab: OutputTab, lines: Vec<(TextLine, Option<Jump>)>) {
        let (lines, jumps): (Vec<_>, Vec<_>) = lines.into_iter().unzip();
        let pane = &mut self.panes[tab as usize];
        pane.has_cursor = true;
        pane.set(lines);
        self.jumps[tab as usize] = jumps;
        if self.follow && self.tab == tab {
            pane.cursor = pane.lines.len().saturating_sub(1);
        }
    }

    /// The first line to draw so that the cursor is seen.
    pub fn offset(&self, height: usize) -> usize {
        let pane = self.pane();
        let least = (pane.cursor + 1).saturating_sub(height.max(1));
        pane.offset.clamp(least, pane.cursor.max(least))
    }

    /// Shows the beginning of the tab.
    pub(super) fn top(&mut self) {
        let pane = &mut self.panes[self.tab as usize];
        (pane.cursor, pane.offset) = (0, 0);
    }

    /// The workspace is gone, and with it what ran in it.
    pub(super) fn lost(&mut self) {
        self.asking = false;
    }

    /// Shows a tab, from its newest line.
    pub(super) fn show(&mut self, tab: OutputTab) {
        self.tab = tab;
        self.follow = true;
        let pane = &mut self.panes[tab as usize];
        pane.cursor = pane.lines.len().saturating_sub(1);
    }
}

impl Desk {
    /// Shows another tab of the output.
    pub(super) fn turn_output(&mut self, by: isize) {
        let all = OutputTab::ALL;
        let at = (self.output.tab as isize + by).rem_euclid(all.len() as isize);
        self.output.tab = all[at as usize];
        self.output.follow = self.output.tab != OutputTab::Problems;
    }

    /// What a tab has to tell beside its name.
    pub fn output_note(&self, tab: OutputTab) -> Option<(String, Tone)> {
        match tab {
            OutputTab::Problems => {
                let all = || self.buffers.open.iter().flat_map(|b| &b.problems);
                let worst = all().map(|p| p.severity).min_by_key(|s| severity_order(*s))?;
                let tone = match worst {
                    Severity::Error => Tone::Bad,
                    Severity::Warning => Tone::Warn,
                    Severity::Info => Tone::Muted,
                };
                let more: usize = self.buffers.open.iter().map(|b| b.unshown).sum();
                Some(((all().count() + more).to_string(), tone))
            }
            OutputTab::Build => Some(match self.output.build.as_ref()?.lock().build.state {
                BuildState::Running => ("◐".to_owned(), Tone::Warn),
                BuildState::Done(_) => ("✔".to_owned(), Tone::Good),
                BuildState::Failed(_) => ("✖".to_owned(), Tone::Bad),
                BuildState::Cancelled => ("○".to_owned(), Tone::Muted),
            }),
            OutputTab::Run => Some(match self.output.run.as_ref()?.lock().ended {
                None => ("●".to_owned(), Tone::Good),
                Some(Ok(Some(_))) if !self.output.stopping => ("✖".to_owned(), Tone::Bad),
                Some(_) => ("○".to_owned(), Tone::Muted),
            }),
            OutputTab::Answer => match self.output.answer.as_ref()? {
                Ok(answer) if answer.code < 400 => Some((answer.code.to_string(), Tone::Good)),
                Ok(answer) => Some((answer.code.to_string(), Tone::Warn)),
                Err(_) => Some(("✖".to_owned(), Tone::Bad)),
            },
        }
    }

    /// Goes where the line under the cursor leads.
    pub(super) fn open_line(&mut self) {
        let tab = self.output.tab as usize;
        let cursor = self.output.panes[tab].cursor;
        match self.output.jumps[tab].get(cursor).cloned().flatten() {
            Some(Jump::File(path, line, column)) => {
                self.open_file(&path, Some(line));
                if let Some(buffer) = self.buffers.here_mut().filter(|b| b.shown == Shown::Text) {
                    buffer.editor.go_to(line, column);
                }
                self.focus_on(Pane::Editor);
            }
            Some(Jump::Step(step)) => {
                if !self.output.turned.remove(&step) {
                    self.output.turned.insert(step);
                }
                self.output.follow = false;
                self.make_build();
            }
            None => {}
        }
    }

    /// The list of problems of all open files.
    pub(super) fn make_problems(&mut self) {
        let mut lines = Vec::new();
        for buffer in self.buffers.open.iter().filter(|b| !b.problems.is_empty()) {
            let mut head = TextLine::new(Tone::Strong, &buffer.path);
            head.push(Tone::Muted, format!("  {}", count(buffer.problems.len() + buffer.unshown, "problem")));
            if buffer.unshown > 0 {
                head.push(Tone::Muted, format!(", the worst {} of them", buffer.problems.len()));
            }
            lines.push((head, None));
            let mut problems: Vec<_> = buffer.problems.iter().collect();
            problems.sort_by_key(|p| (severity_order(p.severity), p.line, p.from));
            for problem in problems {
                let tone = match problem.severity {
                    Severity::Error => Tone::Bad,
                    Severity::Warning => Tone::Warn,
                    Severity::Info => Tone::Muted,
                };
                let place = Some(Jump::File(buffer.path.clone(), problem.line, problem.from));
                let mut line = TextLine::new(Tone::Muted, format!("{:>4}  ", problem.line + 1));
                line.push(tone, format!("{:7}", problem.code));
                line.push(Tone::Plain, &problem.message);
                lines.push((line, place.clone()));
                let mut more = vec![(Tone::Muted, format!("        {}", problem.mend))];
                if problem.fix.is_some() {
                    more.push((Tone::Accent, "  f4 does it".to_owned()));
                }
                self.long(&more, 8, place.as_ref(), &mut lines);
            }
        }
        if lines.is_empty() {
            let any = self.buffers.open.iter().any(|b| b.shown == Shown::Text);
            let text = if any { "Nothing is wrong in the open files." } else { "No file is open." };
            lines.push((TextLine::new(Tone::Muted, text), None));
        }
        self.output.set(OutputTab::Problems, lines);
    }

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
        let tag = self.tag();
        let ask = BuildAsk { tag, dockerfile, no_cache: clean, ..BuildAsk::default() };
        self.wishes.push(Wish::Run(Job::Build { site: Box::new(self.site.clone()), ask: Box::new(ask), watch }));
        self.show_output(OutputTab::Build);
        self.make_build();
        self.tick();
    }

    /// The Dockerfile that is built: the one that is open, else the one of that name.
    pub fn dockerfile(&self) -> Option<String> {
        let open = self.buffers.here().filter(|b| b.editor.language() == crate::ui::editor::Language::Dockerfile);
        let open = open.map(|b| b.path.clone());
        open.or_else(|| self.tree.has("Dockerfile").then(|| "Dockerfile".to_owned())).or_else(|| {
            let named =
                |path: &str| crate::ui::editor::Language::of(path, "") == crate::ui::editor::Language::Dockerfile;
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
        let lines = {
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
        let all: Vec<_> = step.output.lines().collect();
        let hidden = all.len().saturating_sub(shown) + step.output.dropped() as usize;
        if hidden > 0 {
            lines.push((TextLine::new(Tone::Muted, format!("          … {hidden} lines before")), None));
        }
        let place = place.map(|line| Jump::File(path.to_owned(), line - 1, 0));
        for out in all.iter().skip(all.len().saturating_sub(shown)) {
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

    /// A text over as many lines as it needs; all of them lead to the same place.
    pub(super) fn long(
        &self,
        pieces: &[(Tone, String)],
        indent: usize,
        jump: Option<&Jump>,
        lines: &mut Vec<(TextLine, Option<Jump>)>,
    ) {
        lines.extend(wrap(pieces, self.width, indent).into_iter().map(|line| (line, jump.cloned())));
    }

    /// All tabs anew.
    pub(super) fn make_output(&mut self) {
        self.make_problems();
        self.make_build();
        self.make_run();
        self.make_answer();
    }

    /// While something is in progress, its time goes on.
    pub(super) fn tick(&mut self) {
        if !self.output.ticking {
            self.output.ticking = true;
            self.later(1000, DeskNews::Second);
        }
    }

    /// A second went by.
    pub(super) fn second(&mut self) {
        self.output.ticking = false;
        let building = self.output.build.as_ref().is_some_and(|b| b.lock().build.is_running());
        if building {
            self.make_build();
            self.tick();
        }
    }

    /// Something that was run from here before is still there.
    pub(super) fn found_run(&mut self, container: Container) {
        if self.output.run.is_none() {
            self.follow_run(container, None);
        }
    }
}

/// Seconds for people: `0.4s`, `12s`, `3m 05s`.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1}s"),
        s if s < 60.0 => format!("{s:.0}s"),
        s => format!("{}m {:02}s", (s / 60.0) as u64, (s % 60.0) as u64),
    }
}
