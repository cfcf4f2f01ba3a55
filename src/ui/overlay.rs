//! What lies over the rest and takes the keys: the palette, choices, questions, a line to type, help.

use std::sync::Arc;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Matcher, Utf32Str};
use tui_input::Input;

use crate::tasks::Job;

use crate::engine::model::Id;

use super::action::Action;
use super::panes::terminal::TerminalId;
use super::panes::text::TextLine;

/// Something that lies over the rest.
#[derive(Debug)]
pub enum Overlay {
    /// A list to choose from, narrowed as one types.
    Choose(Choose),
    /// A question before something that cannot be undone.
    Confirm(Confirm),
    /// A line to type.
    Prompt(Prompt),
    /// Several lines to type.
    Form(Form),
    /// Two texts of one file, and the question which is to be.
    Conflict(Conflict),
    /// The keys of where one is; the figure is the first row shown.
    Help(usize),
}

/// A list to choose from.
#[derive(Debug)]
pub struct Choose {
    /// What is chosen.
    pub title: &'static str,
    /// What was typed.
    pub input: Input,
    /// Everything there is.
    pub all: Vec<Choice>,
    /// What matches, best first: places in `all`.
    pub shown: Vec<usize>,
    /// The selected place in `shown`.
    pub cursor: usize,
    /// Whether moving the cursor already applies the choice, to be taken back by Esc.
    pub live: bool,
}

/// One thing to choose.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// What it is or does.
    pub about: String,
    /// At the right: its key, or that it is the one in use.
    pub note: String,
    /// Why it cannot be chosen now.
    pub dimmed: Option<String>,
    /// What choosing it does.
    pub pick: Pick,
}

/// What choosing does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// Carries out an action.
    Act(Action),
    /// Takes a theme, by name.
    Theme(String),
    /// Goes to another host: a context's name.
    Host(String),
    /// Sends a signal to the containers in question.
    Signal(String),
    /// Goes to a terminal.
    Terminal(TerminalId),
}

impl Choose {
    /// A list with everything shown.
    pub fn new(title: &'static str, all: Vec<Choice>) -> Self {
        let shown = (0..all.len()).collect();
        Self { title, input: Input::default(), all, shown, cursor: 0, live: false }
    }

    /// Narrows the list to what was typed.
    pub fn narrow(&mut self, matcher: &mut Matcher) {
        let pattern = Pattern::parse(self.input.value(), CaseMatching::Ignore, Normalization::Smart);
        let whole = Pattern::new(self.input.value(), CaseMatching::Ignore, Normalization::Smart, AtomKind::Substring);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, usize)> = Vec::new();
        for (i, choice) in self.all.iter().enumerate() {
            // What stands in the name counts more than what stands in its description, where letters that
            // merely come in that order would match everything.
            let mut score = |pattern: &Pattern, text: &str| pattern.score(Utf32Str::new(text, &mut buffer), matcher);
            let name = score(&pattern, &choice.name).map(|s| s * 2 + 1000);
            if let Some(best) = name.max(score(&whole, &choice.about)) {
                scored.push((best, i));
            }
        }
        if !self.input.value().is_empty() {
            scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        self.shown = scored.into_iter().map(|(_, i)| i).collect();
        self.cursor = 0;
    }

    /// The selected choice.
    pub fn selected(&self) -> Option<&Choice> {
        self.shown.get(self.cursor).map(|i| &self.all[*i])
    }
}

/// A question before something that cannot be undone; the answer is no unless one says otherwise.
#[derive(Debug)]
pub struct Confirm {
    /// The question.
    pub title: String,
    /// What will happen and what will be lost.
    pub lines: Vec<String>,
    /// What yes does.
    pub then: Then,
    /// Whether yes is selected.
    pub yes: bool,
}

/// What a yes does.
#[derive(Debug, Clone)]
pub enum Then {
    /// Runs a job.
    Run(Arc<Job>),
    /// Leaves, and cancels what runs.
    Quit,
    /// Runs the user's own command of that number.
    Custom(usize),
    /// Ends a terminal.
    CloseTerminal(TerminalId),
    /// Removes a file or folder of the open workspace.
    RemoveFile(String),
    /// Closes a file of the open workspace, with what is not saved of it.
    CloseFile(String),
    /// Closes a workspace, with what is not saved in it.
    CloseDesk,
}

/// A line to type.
#[derive(Debug)]
pub struct Prompt {
    /// What is asked.
    pub title: String,
    /// An example or a rule.
    pub advice: String,
    /// What was typed.
    pub input: Input,
    /// What it is for.
    pub ask: Ask,
    /// Why it was not taken.
    pub error: Option<String>,
}

/// Several lines to type.
#[derive(Debug)]
pub struct Form {
    /// What is asked.
    pub title: String,
    /// The lines.
    pub fields: Vec<Field>,
    /// The one that is being typed.
    pub at: usize,
    /// What enter does, in a word.
    pub verb: &'static str,
    /// What it is for.
    pub ask: FormAsk,
    /// Why it was not taken.
    pub error: Option<String>,
}

/// What a form is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormAsk {
    /// How a terminal is to be opened in a container.
    Terminal(Id),
    /// How what was built in the open workspace is run.
    Run,
    /// What is replaced in the open file.
    Replace,
}

/// A file that someone else wrote while one was at it.
#[derive(Debug)]
pub struct Conflict {
    /// The file.
    pub path: String,
    /// What differs.
    pub lines: Vec<TextLine>,
    /// The first line shown.
    pub top: usize,
}

/// A line of a form.
#[derive(Debug)]
pub struct Field {
    /// What it is.
    pub label: &'static str,
    /// What may stand there.
    pub advice: &'static str,
    /// What was typed.
    pub input: Input,
}

/// What a typed line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The new name of a container.
    Rename,
    /// The file a log is saved to.
    SaveLogs,
    /// The span of time a log is shown for.
    Since,
    /// What a new session shall be.
    Session,
    /// A request to a session's service.
    Request,
    /// Which port leads to which of a session.
    Forward,
    /// A new file of the open workspace; with a `/` at its end, a folder.
    NewFile,
    /// Another path for a file.
    RenameFile(String),
    /// What is brought from this machine into a folder.
    Upload(String),
    /// Where a file is put on this machine.
    Download(String),
    /// A request to what runs.
    RunRequest,
    /// What is searched for in the open file.
    Find,
    /// A line of the open file.
    Line,
}
