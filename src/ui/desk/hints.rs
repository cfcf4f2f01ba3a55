//! Hints for whoever is stuck in a lab, and explanations of what is wrong with a build or a line.

use std::collections::BTreeMap;

use crate::builds::BuildState;
use crate::hints::{Failing, Hint, Ladders, Problem as Puzzle, Question, Rung, Source, Stuck};
use crate::judge::CheckStatus;
use crate::labs::{Lab, Task};
use crate::store::TakenHint;
use crate::tasks::Watch;
use crate::text::clean;
use crate::ui::markdown::markdown;
use crate::ui::panes::text::TextLine;
use crate::ui::panes::wrap::wrap;
use crate::ui::view::Tone;

use super::lab::{LabWork, Seen};
use super::output::{Jump, Line, OutputTab};
use super::text::Shown;
use super::{Desk, DeskOrder, Pane};

/// What is said, as far as it came.
#[derive(Debug, Default)]
pub struct Saying {
    /// As far as it came.
    pub text: String,
    /// All of it.
    pub whole: Option<Hint>,
    /// Whether what is new was announced.
    pub announced: bool,
}

/// What is said, to be looked at while it comes.
pub type SayWatch = Watch<Saying>;

/// A hint to be given.
#[derive(Debug)]
pub struct HintOrder {
    /// What is asked; files that are open have their texts in it.
    pub question: Question,
    /// The step of the lab's ladder.
    pub rung: Option<Rung>,
    /// Files that are read for it.
    pub files: Vec<String>,
    /// What is noted of it in the history.
    pub taken: Option<TakenHint>,
    /// Where it goes.
    pub watch: SayWatch,
}

/// Something to be explained.
#[derive(Debug)]
pub struct ExplainOrder {
    /// What is asked.
    pub puzzle: Puzzle,
    /// Files that are read for it.
    pub files: Vec<String>,
    /// Where it goes.
    pub watch: SayWatch,
}

/// A hint that was given here, or is on its way.
#[derive(Debug)]
struct Given {
    /// For what: a failure code, or a task's name.
    key: String,
    rung: Option<Rung>,
    watch: SayWatch,
}

/// The hints of a lab's workspace.
#[derive(Debug, Default)]
pub struct Hints {
    /// How many steps of each ladder were taken, by failure code or task.
    taken: BTreeMap<String, u32>,
    /// Those that were given in this panel.
    given: Vec<Given>,
    /// Whether one is on its way.
    asking: bool,
    /// Why the assistant was not heard, as it was told last.
    noted: Option<String>,
}

/// What is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Build,
    /// A problem: file, line, code.
    Problem(String, usize, String),
}

/// An explanation that was given, or is on its way.
#[derive(Debug)]
pub struct Explained {
    about: About,
    watch: SayWatch,
}

/// Text of a file that goes along with a question.
const FILE: usize = 64 << 10;

impl LabWork {
    fn ladders(&self) -> Ladders {
        ladders(&self.lab)
    }

    /// For what the newest hint of this panel is: a failure code, or a task.
    pub(super) fn newest_hint(&self) -> Option<&String> {
        self.hints.given.last().map(|given| &given.key)
    }

    /// What is known of hints from before.
    pub(super) fn took(&mut self, taken: BTreeMap<String, u32>) {
        for (key, count) in taken {
            let had = self.hints.taken.entry(key).or_default();
            *had = count.max(*had);
        }
    }

    /// The hints that were taken for a failure code or a task, as lines: those of this panel as they were said, those
    /// from before as the lab has them. What is known already is not said again.
    pub(super) fn hint_lines(&self, key: &str, known: &str, width: usize, indent: usize) -> Vec<TextLine> {
        let mut lines = Vec::new();
        let before = self.ladders().taken(key, self.hints.taken.get(key).copied().unwrap_or(0));
        let here = |rung: &Rung| {
            let is = |g: &&Given| g.key == key && g.rung.as_ref().is_some_and(|r| r.number == rung.number);
            self.hints.given.iter().rev().find(is)
        };
        for rung in before.iter().filter(|rung| here(rung).is_none() && !same(&rung.text, known)) {
            lines.extend(said(&format!("hint {}", rung.label()), &rung.text, true, width, indent));
        }
        for given in self.hints.given.iter().filter(|g| g.key == key) {
            let saying = given.watch.lock();
            let step = given.rung.as_ref().map_or_else(|| "hint".to_owned(), |r| format!("hint {}", r.label()));
            match &saying.whole {
                None => lines.extend(said(&format!("◐ {step}"), &saying.text, false, width, indent)),
                Some(hint) => {
                    let (label, is_markdown) = match &hint.source {
                        Source::Ladder { .. } => (step, true),
                        Source::Assistant { .. } => (format!("{step}, assistant {}", hint.source.label()), false),
                        Source::Own => (step, false),
                    };
                    lines.extend(said(&label, &hint.text, is_markdown, width, indent));
                    if given.rung.as_ref().is_some_and(Rung::is_last) {
                        lines.push(TextLine::new(
                            Tone::Muted,
                            format!("{}this was the last one", " ".repeat(indent + 2)),
                        ));
                    }
                }
            }
        }
        lines
    }
}

fn ladders(lab: &Lab) -> Ladders {
    Ladders {
        codes: lab.hints.clone(),
        tasks: lab.tasks.iter().map(|task| (task.id.clone(), task.hints.clone())).collect(),
    }
}

/// Whether two hints are the same, one of them made harmless.
fn same(one: &str, other: &str) -> bool {
    clean(one.trim()) == clean(other.trim())
}

/// What someone says, below a line that says who.
fn said(label: &str, text: &str, is_markdown: bool, width: usize, indent: usize) -> Vec<TextLine> {
    let blanks = " ".repeat(indent + 2);
    let mut lines = vec![TextLine::new(Tone::Accent, format!("{}{label}", " ".repeat(indent)))];
    let room = width.saturating_sub(indent + 2);
    let body = if is_markdown {
        markdown(text, room)
    } else {
        text.lines().flat_map(|line| wrap(&[(Tone::Plain, line.to_owned())], room, 0)).collect()
    };
    for line in body {
        let mut shown = TextLine::new(Tone::Plain, &blanks);
        shown.pieces.extend(line.pieces);
        lines.push(shown);
    }
    lines
}

impl Desk {
    /// Gives the next hint for the failure under the cursor, else for what is wrong, else for what is to be done.
    pub(super) fn hint(&mut self) {
        let Some(work) = &self.lab else {
            return self.tell(Tone::Muted, "hints are for labs; X explains a failed build or a problem");
        };
        if work.hints.asking {
            return self.tell(Tone::Muted, "a hint is on its way; ctrl-x cancels it");
        }
        let seen = work.seen().unwrap_or_default();
        if seen.report.as_ref().is_some_and(|r| r.passed) && seen.failures.is_empty() {
            return self.tell(Tone::Good, "all checks are passed; there is nothing to hint at");
        }
        let (stuck, failing) = self.stuck(work, &seen);
        let ladders = work.ladders();
        let mut taken = work.hints.taken.clone();
        for failure in &failing {
            // What the failure itself says may be the first step: that one was read.
            let first =
                ladders.codes.get(&failure.code).filter(|rungs| rungs.len() > 1).and_then(|rungs| rungs.first());
            if first.is_some_and(|first| same(first, &failure.hint)) {
                let had = taken.entry(failure.code.clone()).or_default();
                *had = (*had).max(1);
            }
        }
        let rung = ladders.next(&stuck, &taken);
        let own = failing.first().map_or(String::new(), |f| f.hint.clone());
        let key = match (&rung, stuck.first()) {
            (Some(rung), _) => rung.key.clone(),
            (None, Some(stuck)) => stuck.code.clone().unwrap_or_else(|| stuck.task.clone()),
            (None, None) => return self.tell(Tone::Muted, "this lab has nothing left to do"),
        };
        let task = work.lab.tasks.iter().find(|t| stuck.first().is_some_and(|s| s.task == t.id));
        let named = failing.iter().filter_map(|f| f.file.clone());
        let (files, read) = self.texts(named);
        let question = Question {
            session: self.session_name(),
            title: task.map_or_else(|| work.lab.title.clone(), |t| t.title.clone()),
            instructions: work.lab.readme.clone(),
            failures: failing
                .iter()
                .map(|f| Failing {
                    code: f.code.clone(),
                    message: f.message.clone(),
                    file: f.file.clone(),
                    line: f.line,
                })
                .collect(),
            files,
            solution: solution(&work.lab),
            own,
        };
        let taken = rung.as_ref().filter(|rung| !rung.again).map(|rung| TakenHint {
            owner: work.owner.clone(),
            lab: work.lab.id.clone(),
            key: rung.key.clone(),
            rung: rung.number,
            source: String::new(),
            taken: self.now,
        });
        let watch = SayWatch::default();
        if rung.as_ref().is_some_and(|r| r.again) {
            self.tell(Tone::Muted, "that was the last hint for this; here it is once more");
        }
        if let Some(work) = &mut self.lab {
            work.hints.asking = true;
            // Asked again, the newest words stand for the step.
            let number = rung.as_ref().map(|r| r.number);
            work.hints.given.retain(|g| g.key != key || g.rung.as_ref().map(|r| r.number) != number);
            work.hints.given.push(Given { key, rung: rung.clone(), watch: watch.clone() });
        }
        self.order(DeskOrder::Hint(Box::new(HintOrder { question, rung, files: read, taken, watch })));
        self.make_lab();
        self.show_hint();
    }

    /// What one is stuck with: the failure under the cursor, else all of them, else the first task that is not done.
    fn stuck(&self, work: &LabWork, seen: &Seen) -> (Vec<Stuck>, Vec<crate::judge::Failure>) {
        let task_of = |check: &str| work.lab.checks().find(|(_, c)| c.id == check).map(|(task, _)| task.id.clone());
        let here = self.check_here().filter(|_| self.output.tab == OutputTab::Results);
        let mut failing: Vec<_> = here.iter().flat_map(|check| seen.failures_of(check)).cloned().collect();
        if failing.is_empty() {
            // What prevents passing comes before what could be better.
            failing = seen.failures.iter().filter(|f| !f.warning).cloned().collect();
            failing.extend(seen.failures.iter().filter(|f| f.warning).cloned());
        }
        let of = |f: &crate::judge::Failure| Some(Stuck { code: Some(f.code.clone()), task: task_of(&f.check)? });
        let mut stuck: Vec<Stuck> = failing.iter().filter_map(of).collect();
        if stuck.is_empty() {
            let done = |task: &Task| {
                let passed = |c: &crate::labs::Check| {
                    seen.result(&c.id).is_some_and(|r| matches!(r.status, CheckStatus::Passed | CheckStatus::Warned))
                };
                !task.checks.is_empty() && task.checks.iter().all(passed)
            };
            let next = work.lab.tasks.iter().find(|task| !done(task));
            stuck.extend(next.map(|task| Stuck { code: None, task: task.id.clone() }));
        }
        (stuck, failing)
    }

    /// Shows where the hint stands: among the results, or where nothing was judged yet in the instructions.
    fn show_hint(&mut self) {
        if self.lab.as_ref().and_then(LabWork::seen).is_some() {
            self.show_output(OutputTab::Results);
            if let Some(line) = self.output.hint_at {
                self.output.stand(OutputTab::Results, line);
            }
        } else if !self.typing {
            self.beside = Pane::Guide;
            self.guide.top = 0;
            if self.narrow || self.zoomed {
                self.focus_on(Pane::Guide);
            }
        }
    }

    /// A hint came further, or is whole.
    pub(super) fn hinted(&mut self) {
        let Some(work) = &mut self.lab else { return };
        let Some(given) = work.hints.given.last() else { return };
        let (whole, key) = {
            let mut saying = given.watch.lock();
            saying.announced = false;
            (saying.whole.clone(), given.key.clone())
        };
        let mut notes = None;
        let over = whole.is_some() && work.hints.asking;
        if let Some(hint) = whole.filter(|_| over) {
            work.hints.asking = false;
            if let Some(rung) = &given.rung {
                let had = work.hints.taken.entry(key).or_default();
                *had = rung.number.max(*had);
            }
            // Why it is the lab's own is told once, not each time.
            if hint.note.is_some() && hint.note != work.hints.noted {
                work.hints.noted.clone_from(&hint.note);
                notes = hint.note;
            } else if self.typing && self.narrow {
                notes = Some(clean(hint.text.lines().next().unwrap_or_default()).into_owned());
            }
        }
        if let Some(note) = notes {
            self.tell(Tone::Muted, note);
        }
        self.make_lab();
        if over && let Some(line) = self.output.hint_at {
            self.output.stand(OutputTab::Results, line);
        }
    }

    /// Explains what is wrong here: the problem on the line, or the build that failed.
    pub(super) fn explain(&mut self) {
        if self.output.explained.as_ref().is_some_and(|e| e.watch.lock().whole.is_none()) {
            return self.tell(Tone::Muted, "an explanation is on its way; ctrl-x cancels it");
        }
        let at_problem = self.focus == Pane::Editor || self.output.tab == OutputTab::Problems;
        let asked =
            if at_problem { self.problem_puzzle().or_else(|| self.build_puzzle()) } else { self.build_puzzle() };
        let Some((about, mut puzzle)) = asked else {
            return self
                .tell(Tone::Muted, "nothing here asks for an explanation: no problem on this line, no failed build");
        };
        let named = puzzle.place.iter().map(|(path, _)| path.clone());
        let (files, read) = self.texts(named);
        puzzle.files = files;
        puzzle.solution = self.lab.as_ref().map(|w| solution(&w.lab)).unwrap_or_default();
        let watch = SayWatch::default();
        let tab = if about == About::Build { OutputTab::Build } else { OutputTab::Problems };
        self.output.explained = Some(Explained { about, watch: watch.clone() });
        self.order(DeskOrder::Explain(Box::new(ExplainOrder { puzzle, files: read, watch })));
        self.show_output(tab);
        self.explaining();
    }

    /// An explanation came further, or is whole.
    pub(super) fn explaining(&mut self) {
        let Some(explained) = &self.output.explained else { return };
        let note = {
            let mut saying = explained.watch.lock();
            saying.announced = false;
            saying.whole.as_ref().and_then(|h| h.note.clone())
        };
        let problem = matches!(explained.about, About::Problem(..));
        if let Some(note) = note.filter(|n| self.output.noted.as_ref() != Some(n)) {
            self.output.noted = Some(note.clone());
            self.tell(Tone::Muted, note);
        }
        if problem { self.make_problems() } else { self.make_build() }
    }

    /// Cancels what is on its way; answers whether there was something.
    pub(super) fn cancel_saying(&mut self) -> bool {
        let mut any = false;
        if let Some(work) = self.lab.as_mut().filter(|w| w.hints.asking) {
            work.hints.asking = false;
            work.hints.given.pop();
            any = true;
        }
        if self.output.explained.take_if(|e| e.watch.lock().whole.is_none()).is_some() {
            any = true;
        }
        if any {
            self.order(DeskOrder::Hush);
            self.make_output();
            self.make_tasks();
        }
        any
    }

    /// The problem under the cursor.
    fn problem_puzzle(&self) -> Option<(About, Puzzle)> {
        let (path, line) = if self.focus == Pane::Output {
            let cursor = self.output.cursor(OutputTab::Problems);
            match self.output.jumps(OutputTab::Problems).get(cursor)? {
                Some(Jump::File(path, line, _)) => (path.clone(), *line),
                _ => return None,
            }
        } else {
            let buffer = self.buffers.here()?;
            (buffer.path.clone(), buffer.editor.cursor().0)
        };
        let buffer = self.buffers.open.iter().find(|b| b.path == path)?;
        let problem =
            buffer.problems.iter().filter(|p| p.line == line).min_by_key(|p| super::severity_order(p.severity))?;
        let own = [&problem.why, &problem.mend].into_iter().filter(|t| !t.is_empty()).cloned().collect::<Vec<_>>();
        let puzzle = Puzzle {
            session: self.session_name(),
            title: problem.headline(),
            text: buffer.editor.line(line).to_owned(),
            place: Some((path.clone(), line + 1)),
            own: own.join(" "),
            ..Puzzle::default()
        };
        Some((About::Problem(path, line, problem.code.clone()), puzzle))
    }

    /// The build that failed.
    fn build_puzzle(&self) -> Option<(About, Puzzle)> {
        let watch = self.output.build.as_ref()?;
        let seen = watch.lock();
        let BuildState::Failed(failure) = &seen.build.state else { return None };
        let step = seen.build.steps.iter().rev().find(|s| s.state == crate::builds::StepState::Failed);
        let printed: Vec<String> =
            step.map(|s| s.output.after(0).map(|l| l.text.clone()).collect()).unwrap_or_default();
        let own = [&failure.message, &failure.hint].into_iter().filter(|t| !t.is_empty()).cloned().collect::<Vec<_>>();
        let puzzle = Puzzle {
            session: self.session_name(),
            title: step.map_or_else(|| failure.message.clone(), |s| format!("{}: {}", s.name, failure.message)),
            text: printed.join("\n"),
            place: seen.line_of_failure().map(|line| (seen.dockerfile.clone(), line)),
            own: own.join(". "),
            ..Puzzle::default()
        };
        Some((About::Build, puzzle))
    }

    /// Texts of files that are open, and the names of others that matter.
    fn texts(&self, named: impl Iterator<Item = String>) -> (Vec<(String, String)>, Vec<String>) {
        let mut wanted: Vec<String> = named.collect();
        wanted.extend(self.dockerfile());
        wanted.push(".dockerignore".to_owned());
        wanted.retain(|path| self.tree.has(path));
        let open = self.buffers.open.iter().filter(|b| b.shown == Shown::Text);
        let open: Vec<(String, String)> =
            open.map(|b| (b.path.clone(), b.editor.text())).filter(|(_, text)| text.len() <= FILE).collect();
        wanted.retain(|path| !open.iter().any(|(p, _)| p == path));
        wanted.sort();
        wanted.dedup();
        (open, wanted)
    }

    /// Whom a question counts for.
    fn session_name(&self) -> String {
        self.site.key()
    }

    /// The explanation of the build, below it.
    pub(super) fn build_explained(&self, lines: &mut Vec<Line>) {
        if let Some(explained) = self.output.explained.as_ref().filter(|e| e.about == About::Build) {
            lines.push((TextLine::blank(), None));
            lines.extend(explained.lines(self.width, 0).into_iter().map(|l| (l, None)));
        }
    }

    /// The explanation of a problem, below it.
    pub(super) fn problem_explained(&self, path: &str, line: usize, code: &str, lines: &mut Vec<Line>) {
        let is = |e: &&Explained| matches!(&e.about, About::Problem(p, l, c) if p == path && *l == line && c == code);
        if let Some(explained) = self.output.explained.as_ref().filter(is) {
            let jump = Jump::File(path.to_owned(), line, 0);
            lines.extend(explained.lines(self.width, 6).into_iter().map(|l| (l, Some(jump.clone()))));
        }
    }
}

impl Explained {
    fn lines(&self, width: usize, indent: usize) -> Vec<TextLine> {
        let saying = self.watch.lock();
        match &saying.whole {
            None => said("◐ explanation", &saying.text, false, width, indent),
            Some(hint) => {
                let label = match &hint.source {
                    Source::Assistant { .. } => format!("explanation, assistant {}", hint.source.label()),
                    _ => "explanation".to_owned(),
                };
                said(&label, &hint.text, false, width, indent)
            }
        }
    }
}

/// The texts of a lab's solution, which nobody shall say.
fn solution(lab: &Lab) -> Vec<String> {
    let texts = lab.tests.solution.iter().filter_map(|(_, bytes)| std::str::from_utf8(bytes).ok());
    texts.map(str::to_owned).collect()
}
