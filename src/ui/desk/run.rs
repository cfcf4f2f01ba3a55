//! What was built, run: its start, what it prints, why it ended, what it answers.

use std::collections::VecDeque;

use crate::builds::run::{Options, Outcome, Place, Trouble};
use crate::engine::model::{Container, Id};
use crate::engine::request::{Answer, Ask};
use crate::tasks::{Job, StartWatch, Watch};
use crate::ui::panes::text::TextLine;
use crate::ui::view::Tone;

use super::output::{Jump, OutputTab};
use super::{Desk, DeskOrder, Wish};

/// Lines of what runs that are kept.
pub const KEPT: usize = 2000;

/// What runs, as it is followed.
#[derive(Debug, Default)]
pub struct RunSeen {
    /// Its container.
    pub container: Container,
    /// What is wrong although it runs.
    pub warning: Option<Trouble>,
    /// What it printed, harmless; the oldest go first.
    pub lines: VecDeque<(bool, String)>,
    /// How many went.
    pub dropped: u64,
    /// Whether it ended; and why, where that is not by being stopped.
    pub ended: Option<Result<Option<Trouble>, String>>,
    /// Whether what is new was announced.
    pub announced: bool,
}

impl RunSeen {
    /// Takes a line.
    pub fn push(&mut self, stderr: bool, line: String) {
        if self.lines.len() >= KEPT {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back((stderr, line));
    }
}

/// What runs, to be looked at while it does.
pub type RunWatch = Watch<RunSeen>;

/// A request to what runs.
#[derive(Debug)]
pub struct AskOrder {
    /// Its container.
    pub container: Id,
    /// The request.
    pub ask: Ask,
    /// How it is run.
    pub options: Options,
}

impl Desk {
    /// The name of the container.
    fn run_name(&self) -> String {
        format!("ondeck-run-{}", self.site.plain_name())
    }

    /// Whether something runs.
    pub fn runs(&self) -> bool {
        self.output.run.as_ref().is_some_and(|r| r.lock().ended.is_none())
    }

    /// Runs what was built, in place of what runs.
    pub(super) fn run(&mut self) {
        if self.output.start.as_ref().is_some_and(|s| s.lock().is_none()) {
            return self.tell(Tone::Muted, "it is being started");
        }
        let watch = StartWatch::new(None);
        self.output.start = Some(watch.clone());
        self.output.run = None;
        self.output.answer = None;
        self.wishes.push(Wish::Run(Job::RunImage {
            site: Box::new(self.site.clone()),
            image: self.tag(),
            name: self.run_name(),
            options: self.output.options.clone().map(Box::new),
            watch,
        }));
        self.show_output(OutputTab::Run);
        self.make_run();
    }

    /// Stops what runs.
    pub(super) fn stop(&mut self) {
        let running =
            self.output.run.as_ref().filter(|r| r.lock().ended.is_none()).map(|r| r.lock().container.id.clone());
        match running {
            Some(container) => {
                let name = self.run_name();
                self.output.stopping = true;
                self.wishes.push(Wish::Run(Job::StopRun { site: Box::new(self.site.clone()), container, name }));
            }
            None => self.tell(Tone::Muted, "nothing runs; R runs what was built"),
        }
    }

    /// The start is over.
    pub(super) fn run_started(&mut self) {
        let outcome = self.output.start.as_ref().and_then(|s| s.lock().clone());
        match outcome {
            Some(Outcome::Running(run)) => {
                if let Some(trouble) = &run.warning {
                    self.tell(Tone::Warn, format!("it runs, but {}: {}", trouble.what, trouble.why));
                }
                self.follow_run(run.container, run.warning);
            }
            Some(Outcome::Ended(run, trouble)) => {
                self.tell(Tone::Bad, format!("{}: {}", trouble.what, trouble.why));
                // Its log is there still.
                self.follow_run(run.container, None);
                if let Some(run) = &self.output.run {
                    run.lock().ended = Some(Ok(Some(trouble)));
                }
            }
            Some(Outcome::Failed(trouble)) => self.tell(Tone::Bad, format!("{}: {}", trouble.what, trouble.why)),
            Some(Outcome::Cancelled) | None => {}
        }
        self.make_run();
    }

    /// Follows a container.
    pub(super) fn follow_run(&mut self, container: Container, warning: Option<Trouble>) {
        let id = container.id.clone();
        let watch = RunWatch::new(RunSeen { container, warning, ..RunSeen::default() });
        self.output.stopping = false;
        self.output.run = Some(watch.clone());
        let options = self.output.options.clone().unwrap_or_default();
        self.order(DeskOrder::Follow(id, options, watch));
        self.make_run();
    }

    /// Sends a request to what runs.
    pub(super) fn request(&mut self, text: &str) -> Result<(), String> {
        let Some(run) = self.output.run.clone() else {
            return Err("nothing runs; R runs what was built".to_owned());
        };
        let (container, port) = {
            let seen = run.lock();
            let tcp = |p: &&crate::engine::model::Port| p.protocol == "tcp";
            // A published port is what it shall be asked at.
            let ports = &seen.container.ports;
            let port = ports.iter().filter(tcp).find(|p| p.host.is_some()).or_else(|| ports.iter().find(tcp));
            (seen.container.id.clone(), port.map_or(crate::sessions::SERVICE_PORT, |p| p.container))
        };
        let ask = Ask::parse(text, port)?;
        text.trim().clone_into(&mut self.output.request);
        self.output.asking = true;
        let options = self.output.options.clone().unwrap_or_default();
        self.order(DeskOrder::Ask(Box::new(AskOrder { container, ask, options })));
        self.show_output(OutputTab::Answer);
        self.make_answer();
        Ok(())
    }

    /// It answered, or did not.
    pub(super) fn answered(&mut self, result: Result<Answer, Trouble>) {
        self.output.asking = false;
        match &result {
            Ok(answer) => {
                let tone = if answer.code < 400 { Tone::Good } else { Tone::Warn };
                let text = format!("{}: {} after {} ms", self.output.request, answer.status, answer.took.as_millis());
                self.tell(tone, text);
            }
            Err(trouble) => self.tell(Tone::Bad, format!("{}: {}", trouble.what, trouble.why)),
        }
        self.output.answer = Some(result);
        self.make_answer();
    }

    /// The lines of what runs.
    pub(super) fn make_run(&mut self) {
        let mut lines: Vec<(TextLine, Option<Jump>)> = Vec::new();
        let starting = self.output.start.as_ref().is_some_and(|s| s.lock().is_none());
        let failed = self.output.start.as_ref().and_then(|s| match &*s.lock() {
            Some(Outcome::Failed(trouble)) => Some(trouble.clone()),
            _ => None,
        });
        let name = self.run_name();
        if starting {
            lines.push((TextLine::new(Tone::Warn, format!("◐ starting {name}")), None));
        }
        if let Some(trouble) = failed {
            lines.push((TextLine::new(Tone::Bad, format!("✖ {name} did not start")), None));
            self.trouble_lines(&trouble, &mut lines);
        }
        if let Some(run) = self.output.run.clone() {
            let mut seen = run.lock();
            seen.announced = false;
            let container = &seen.container;
            let published = container.ports.iter().filter_map(|p| p.host.map(|h| format!("{h} → {}", p.container)));
            let mut published: Vec<String> = published.collect();
            published.dedup();
            let ports = published.join(", ");
            match &seen.ended {
                None => {
                    let mut line = TextLine::new(Tone::Good, format!("● {} runs", container.name));
                    if !ports.is_empty() {
                        line.push(Tone::Plain, format!("  {ports}"));
                    }
                    line.push(Tone::Accent, "  w");
                    line.push(Tone::Muted, " asks it  ");
                    line.push(Tone::Accent, "s");
                    line.push(Tone::Muted, " stops it");
                    lines.push((line, None));
                    if let Some(trouble) = &seen.warning {
                        self.trouble_lines(trouble, &mut lines);
                    }
                }
                Some(Ok(Some(trouble))) if !self.output.stopping => {
                    let code = trouble.code.map_or(String::new(), |c| format!(" with exit code {c}"));
                    lines.push((TextLine::new(Tone::Bad, format!("✖ {} ended{code}", container.name)), None));
                    self.trouble_lines(trouble, &mut lines);
                }
                Some(Ok(trouble)) => {
                    let code =
                        trouble.as_ref().and_then(|t| t.code).map_or(String::new(), |c| format!(", exit code {c}"));
                    let mut line = TextLine::new(Tone::Muted, format!("○ {} is stopped{code}", container.name));
                    line.push(Tone::Accent, "  R");
                    line.push(Tone::Muted, " runs it again");
                    lines.push((line, None));
                }
                Some(Err(why)) => {
                    lines.push((
                        TextLine::new(Tone::Warn, format!("○ {} cannot be seen any more: {why}", container.name)),
                        None,
                    ));
                }
            }
            lines.push((TextLine::blank(), None));
            if seen.dropped > 0 {
                lines.push((TextLine::new(Tone::Muted, format!("… {} lines before", seen.dropped)), None));
            }
            for (stderr, text) in &seen.lines {
                lines.push((TextLine::new(if *stderr { Tone::Warn } else { Tone::Plain }, text), None));
            }
        } else if !starting && lines.is_empty() {
            let mut line = TextLine::new(Tone::Muted, "Nothing runs. ");
            line.push(Tone::Accent, "b");
            line.push(Tone::Muted, " builds, then ");
            line.push(Tone::Accent, "R");
            line.push(Tone::Muted, " runs it; ");
            line.push(Tone::Accent, "f9");
            line.push(Tone::Muted, " asks with what.");
            lines.push((line, None));
        }
        self.output.set(OutputTab::Run, lines);
    }

    /// What went wrong: what, why, where, what to do.
    fn trouble_lines(&self, trouble: &Trouble, lines: &mut Vec<(TextLine, Option<Jump>)>) {
        let jump = self.place_of(&trouble.place);
        self.long(&[(Tone::Strong, format!("  {}", trouble.what))], 2, jump.as_ref(), lines);
        self.long(&[(Tone::Plain, format!("  {}", trouble.why))], 2, jump.as_ref(), lines);
        let mut place = TextLine::new(Tone::Accent, format!("  {}", trouble.place));
        if let Some(Jump::File(path, line, _)) = &jump {
            place.push(Tone::Muted, format!(", {path}:{}; enter goes there", line + 1));
        } else if matches!(trouble.place, Place::Option(_)) {
            place.push(Tone::Muted, "; f9 changes it");
        }
        lines.push((place, jump));
        if !trouble.todo.is_empty() {
            self.long(&[(Tone::Muted, format!("  {}", trouble.todo))], 2, None, lines);
        }
    }

    /// Where a cause is in the files.
    fn place_of(&self, place: &Place) -> Option<Jump> {
        match place {
            Place::Instruction(name) => {
                let path = self.dockerfile()?;
                let buffer = self.buffers.open.iter().find(|b| b.path == path)?;
                let text = buffer.editor.text();
                let file = crate::dockerfile::parse(&text);
                let found = file.instructions.iter().rev().find(|i| i.name.as_str().eq_ignore_ascii_case(name))?;
                Some(Jump::File(path, buffer.editor.place_of(found.span.start).0, 0))
            }
            Place::File { path, line } => {
                let name = path.rsplit('/').next().unwrap_or(path);
                let all = self.tree.listing();
                let exact = all.iter().find(|e| e.path == path.trim_start_matches(['/', '.']));
                // Where it was copied to has another path: the name decides, if there is only one of it.
                let mut named = all.iter().filter(|e| !e.is_folder() && e.name() == name);
                let entry = exact.or_else(|| named.next().filter(|_| named.next().is_none()))?;
                Some(Jump::File(entry.path.clone(), (*line as usize).saturating_sub(1), 0))
            }
            Place::Option(_) | Place::Engine | Place::Program => None,
        }
    }

    /// The lines of the answer.
    pub(super) fn make_answer(&mut self) {
        let mut lines: Vec<(TextLine, Option<Jump>)> = Vec::new();
        let request = if self.output.request.is_empty() { "/" } else { &self.output.request };
        match &self.output.answer {
            _ if self.output.asking => lines.push((TextLine::new(Tone::Warn, format!("◐ {request}")), None)),
            Some(Ok(answer)) => {
                lines.extend(crate::ui::sessions::answer_lines(request, answer).into_iter().map(|l| (l, None)));
            }
            Some(Err(trouble)) => {
                lines.push((TextLine::new(Tone::Bad, format!("✖ {request}")), None));
                self.trouble_lines(trouble, &mut lines);
            }
            None => lines.push((TextLine::new(Tone::Muted, "Nothing was asked yet. w asks what runs."), None)),
        }
        self.output.set(OutputTab::Answer, lines);
        if self.output.tab == OutputTab::Answer {
            self.output.follow = false;
            self.output.top();
        }
    }
}
