//! What building, running and judging say: one pane with a tab for each.

use std::collections::BTreeSet;

use crate::builds::run::Options;
use crate::builds::run::Trouble;
use crate::builds::{BuildState, Built, Difference};
use crate::dockerfile::Severity;
use crate::engine::model::Container;
use crate::engine::request::Answer;
use crate::tasks::{BuildWatch, StartWatch};
use crate::text::count;
use crate::ui::panes::text::{TextLine, TextPane};
use crate::ui::panes::wrap::wrap;
use crate::ui::view::Tone;

use super::judge::severity_order;
use super::run::RunWatch;
use super::text::Shown;
use super::{Desk, DeskNews, Explained, Pane};

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
    /// What was said of a submission.
    Results,
}

impl OutputTab {
    /// All of them; the last only where there is a lab.
    pub const ALL: [Self; 5] = [Self::Problems, Self::Build, Self::Run, Self::Answer, Self::Results];

    /// Whether its newest line is of most interest.
    pub const fn follows(self) -> bool {
        !matches!(self, Self::Problems | Self::Results)
    }

    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Problems => "Problems",
            Self::Build => "Build",
            Self::Run => "Run",
            Self::Answer => "Answer",
            Self::Results => "Results",
        }
    }
}

/// Where a line of the output leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jump {
    /// A place in a file; lines and columns from 0.
    File(String, usize, usize),
    /// A file that is not there yet.
    New(String),
    /// A step, which unfolds.
    Step(usize),
    /// A check, which unfolds.
    Check(String),
}

/// A line of the output, and where it leads.
pub(super) type Line = (TextLine, Option<Jump>);

/// The output of one desk.
#[derive(Debug, Default)]
pub struct Output {
    /// The tab that is shown.
    pub tab: OutputTab,
    /// The lines of each tab.
    panes: [TextPane; 5],
    jumps: [Vec<Option<Jump>>; 5],
    /// Whether the newest line is followed.
    pub follow: bool,
    /// The build that goes on, or the last one.
    pub build: Option<BuildWatch>,
    /// The last image that was built, to compare with.
    pub built: Option<Box<Built>>,
    /// How it differs from the one before.
    pub(super) difference: Option<Difference>,
    /// Steps that a person unfolded or folded.
    pub(super) turned: BTreeSet<usize>,
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
    /// The last line of the hint that was given last, in the results.
    pub(super) hint_at: Option<usize>,
    /// What was explained last.
    pub(super) explained: Option<Explained>,
    /// Why the assistant was not heard, as it was told last.
    pub(super) noted: Option<String>,
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
            OutputTab::Problems | OutputTab::Answer | OutputTab::Results => false,
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

    /// Where the lines of a tab lead.
    pub(super) fn jumps(&self, tab: OutputTab) -> &[Option<Jump>] {
        &self.jumps[tab as usize]
    }

    /// The line of the cursor in a tab.
    pub(super) fn cursor(&self, tab: OutputTab) -> usize {
        self.panes[tab as usize].cursor
    }

    /// Puts the cursor of a tab on a line.
    pub(super) fn stand(&mut self, tab: OutputTab, line: usize) {
        let pane = &mut self.panes[tab as usize];
        pane.cursor = line.min(pane.lines.len().saturating_sub(1));
    }

    /// A tab is read from its beginning.
    pub(super) fn begin(&mut self, tab: OutputTab) {
        let pane = &mut self.panes[tab as usize];
        (pane.cursor, pane.offset) = (0, 0);
    }

    /// The workspace is gone, and with it what ran in it.
    pub(super) fn lost(&mut self) {
        self.asking = false;
    }

    /// Shows a tab, from its newest line.
    pub(super) fn show(&mut self, tab: OutputTab) {
        self.tab = tab;
        if tab == OutputTab::Results {
            self.follow = false;
            return;
        }
        self.follow = true;
        let pane = &mut self.panes[tab as usize];
        pane.cursor = pane.lines.len().saturating_sub(1);
    }
}

impl Desk {
    /// Shows another tab of the output.
    pub(super) fn turn_output(&mut self, by: isize) {
        let all = self.output_tabs();
        let at = (self.output.tab as isize + by).rem_euclid(all.len() as isize);
        self.output.tab = all[at as usize];
        self.output.follow = self.output.tab.follows();
    }

    /// The tabs there are.
    pub fn output_tabs(&self) -> &'static [OutputTab] {
        if self.lab.is_some() { &OutputTab::ALL } else { &OutputTab::ALL[..4] }
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
            OutputTab::Results => self.result_note(),
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
            Some(Jump::New(path)) => self.begin_file(&path),
            Some(Jump::Check(id)) => self.turn_check(&id),
            None => {}
        }
    }

    /// Unfolds or folds what the line under the cursor is, or shows the next tab, or the one before.
    pub(super) fn sideways(&mut self, right: bool) {
        let cursor = self.output.cursor(self.output.tab);
        let jump = self.output.jumps(self.output.tab).get(cursor).cloned().flatten();
        match jump {
            Some(Jump::Check(id)) if self.check_is_open(&id) != right => self.turn_check(&id),
            _ => self.turn_output(if right { 1 } else { -1 }),
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
                if let Some(fix) = &problem.fix {
                    let words = if fix.sure { "  f4 does it".to_owned() } else { format!("  f4: {}?", fix.title) };
                    more.push((Tone::Accent, words));
                }
                self.long(&more, 8, place.as_ref(), &mut lines);
                self.problem_explained(&buffer.path, problem.line, &problem.code, &mut lines);
            }
        }
        if lines.is_empty() {
            let any = self.buffers.open.iter().any(|b| b.shown == Shown::Text);
            let text = if any { "Nothing is wrong in the open files." } else { "No file is open." };
            lines.push((TextLine::new(Tone::Muted, text), None));
        }
        self.output.set(OutputTab::Problems, lines);
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
        self.make_results();
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
        let judged = self.lab.as_ref().is_some_and(super::LabWork::is_judged);
        if building {
            self.make_build();
        }
        if judged {
            self.make_lab();
        }
        if building || judged {
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
