//! A workspace on the screen: instructions, files, editor, terminal and output beside each other.
//!
//! A [`Desk`] knows what lies on it and nothing of the rest of the panel: what it wants done outside it leaves in
//! [`Desk::wishes`], which [`App`](super::app::App) takes after each message. A desk that is left stays as it is,
//! with its unsaved text, and is found again by its site.

mod actions;
mod app;
mod asked;
mod build;
mod conflict;
mod files;
mod guide;
mod hints;
mod judge;
mod keys;
mod lab;
pub mod layout;
mod news;
mod output;
mod pointer;
mod remembered;
mod results;
mod run;
mod text;

use std::time::Duration;

use jiff::Timestamp;

use crate::builds::Site;
use crate::builds::run::{Options, Trouble};
use crate::dockerfile::RuleChoice;
use crate::engine::EngineError;
use crate::engine::model::{Container, Id};
use crate::engine::request::Answer;
use crate::tasks::{Job, TaskId};
use crate::workspace::{Change, Draft, Form, Listing, Opened, Saved, Stamp};

use super::overlay::Overlay;
use super::view::Tone;

pub use app::Desks;
pub use files::{FileRow, Tree};
pub use guide::Guide;
pub use hints::{ExplainOrder, Explained, HintOrder, Hints, SayWatch, Saying};
pub use judge::{Edits, Problem, QuickFix, judge, severity_order};
pub use lab::{Known, LabWork, Newest};
pub use output::{Jump, Output, OutputTab};
pub use remembered::{Remembered, Shares};
pub use run::{AskOrder, KEPT, RunSeen, RunWatch};
pub use text::{Buffer, Buffers, Shown};

/// The file whose text stands in the guide.
const GUIDE: &str = "README.md";

/// What waits for files to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    /// Build; without what is cached, if `clean`.
    Build { clean: bool },
    /// Have it judged; in a fresh session, if `clean`.
    Submit { clean: bool },
}

/// Which desk.
pub type DeskId = u64;

/// One part of a workspace on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pane {
    /// What is to be done.
    Guide,
    /// The files.
    Files,
    /// The open file.
    Editor,
    /// A terminal in the session.
    Terminal,
    /// Problems, build, run, answers.
    Output,
}

impl Pane {
    /// All panes, in the order of their digits.
    pub const ALL: [Self; 5] = [Self::Guide, Self::Files, Self::Editor, Self::Terminal, Self::Output];

    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Guide => "Guide",
            Self::Files => "Files",
            Self::Editor => "Editor",
            Self::Terminal => "Terminal",
            Self::Output => "Output",
        }
    }

    /// Whether it stands at the left of the editor.
    pub const fn is_left(self) -> bool {
        matches!(self, Self::Guide | Self::Files)
    }
}

/// Something to do outside for a desk.
#[derive(Debug)]
pub enum DeskOrder {
    /// Reach the workspace: list it, watch it, look for drafts.
    Open(Box<Site>),
    /// Let it go.
    Close,
    /// List the files.
    List,
    /// Read a file.
    Read(String),
    /// Save a file: its text, what was there when it was read, whether it may overwrite what is there now; the
    /// figure is the text's revision.
    Save(Box<SaveOrder>),
    /// Make an empty file.
    CreateFile(String),
    /// Make a folder.
    CreateFolder(String),
    /// Give a file or folder another path.
    Rename(String, String),
    /// Remove a file or a folder with all that is in it.
    Remove(String),
    /// Ask how much a folder holds, before it is removed.
    Weigh(String),
    /// Put the starter's files there.
    Starter,
    /// Keep text that is not saved.
    Keep(String, Box<Draft>),
    /// Text is saved, or was given up: its draft is of no use any more.
    Drop(String),
    /// Judge a text. The figure is its revision.
    Lint(Box<LintOrder>),
    /// Follow what runs.
    Follow(Id, Options, RunWatch),
    /// Look for a container that was run from this workspace before.
    FindRun,
    /// Send a request to what runs.
    Ask(Box<AskOrder>),
    /// Edit a text with the person's own editor: file name, text, place.
    Outside(Box<OutsideOrder>),
    /// Read what the history knows of someone's newest attempt at a lab.
    LookBack {
        /// Whose.
        owner: String,
        /// At which lab.
        lab: String,
    },
    /// Give a hint.
    Hint(Box<HintOrder>),
    /// Explain something.
    Explain(Box<ExplainOrder>),
    /// End what is on its way of either.
    Hush,
}

/// A file to be saved.
#[derive(Debug)]
pub struct SaveOrder {
    /// Where.
    pub path: String,
    /// What.
    pub text: String,
    /// How it is written.
    pub form: Form,
    /// What was there when it was read; `None` for a file that shall be new.
    pub expected: Option<Stamp>,
    /// Whether it may overwrite what is there now.
    pub force: bool,
    /// Which state of the text it is.
    pub revision: u64,
}

/// A text to be judged.
#[derive(Debug)]
pub struct LintOrder {
    /// The file.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Which state of the text it is.
    pub revision: u64,
    /// The files there are.
    pub files: Vec<String>,
    /// The text of the `.dockerignore`, if it is open.
    pub ignore: Option<String>,
    /// When the `.dockerignore` on the disk was changed; `None` where there is none.
    pub ignore_changed: Option<Timestamp>,
    /// Which rules count.
    pub rules: RuleChoice,
}

/// A text for the person's own editor.
#[derive(Debug)]
pub struct OutsideOrder {
    /// The file.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The line of the cursor, from 1.
    pub line: usize,
}

/// Something that happened to a desk.
#[derive(Debug)]
pub enum DeskNews {
    /// The files.
    Listed(Result<Listing, EngineError>),
    /// A file's text.
    Read(String, Box<Result<Opened, EngineError>>),
    /// Text that was typed before and never saved; and what could not be read of it.
    Drafts(Vec<(String, Draft)>, Vec<String>),
    /// A file was saved, or not.
    Saved(String, u64, Box<Result<Saved, EngineError>>),
    /// Something was done to the files; what it was, and the file to go to.
    Done(String, Option<String>, Result<(), EngineError>),
    /// The starter's files are there, or not.
    Started(Result<(), EngineError>),
    /// A file or folder has another path.
    Renamed(String, String),
    /// How many files and bytes a folder holds.
    Weighed(String, Result<(u64, u64), EngineError>),
    /// Something changed in the workspace.
    Changed(Change),
    /// The typing rests: judge the text, if it is still of this revision.
    Rests(String, u64),
    /// Time to keep what is not saved.
    Keep(String),
    /// Keeping what is not saved failed.
    NotKept(String, String),
    /// What is wrong with a text.
    Linted(String, u64, Vec<Problem>),
    /// What runs said something or ended.
    Ran,
    /// A container that was run from this workspace before is there.
    Found(Box<Container>),
    /// What a service answered.
    Answered(Result<Answer, Trouble>),
    /// What came back from the person's own editor.
    Edited(String, Result<String, String>),
    /// A second went by while something is in progress.
    Second,
    /// What the history knows of the lab.
    LookedBack(Box<Result<Known, EngineError>>),
    /// A hint came further, or is whole.
    Hinted,
    /// An explanation came further, or is whole.
    Explained,
}

/// What a desk wants of the panel.
#[derive(Debug)]
pub enum Wish {
    /// Something outside.
    Order(DeskOrder),
    /// News for itself, later.
    Later(Duration, DeskNews),
    /// Something to tell in the last line.
    Tell(Tone, String),
    /// Something to ask.
    Ask(Overlay),
    /// A job as a task.
    Run(Job),
    /// A task to be cancelled.
    Cancel(TaskId),
    /// Text for the clipboard.
    Copy(String),
}

/// How far the workspace is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// It was not listed yet.
    Opening,
    /// It is there.
    Here,
    /// It is not, and why.
    Lost(String),
}

/// A workspace on the screen.
#[derive(Debug)]
pub struct Desk {
    /// Which one.
    pub id: DeskId,
    /// What is worked on.
    pub site: Site,
    /// How far it is.
    pub reach: Reach,
    /// The pane that has the keys.
    pub focus: Pane,
    /// The pane beside the editor where there is room for two.
    pub beside: Pane,
    /// Whether that pane has the whole screen.
    pub zoomed: bool,
    /// Whether letters go into the text.
    pub typing: bool,
    /// Whether there is room for one pane only.
    narrow: bool,
    /// How many cells a line of the output has.
    width: usize,
    /// The instructions.
    pub guide: Guide,
    /// The files.
    pub tree: Tree,
    /// The open files.
    pub buffers: Buffers,
    /// Problems, build, run, answers.
    pub output: Output,
    /// The lab that is worked on.
    pub lab: Option<LabWork>,
    /// Text that was typed before and never saved, by path.
    drafts: Vec<(String, Draft)>,
    /// What is opened as soon as the files are listed.
    open_first: Option<String>,
    /// What waits for files to be saved.
    next: Option<Next>,
    /// Which rules Dockerfiles are judged by.
    rules: RuleChoice,
    /// The time of the last message.
    now: Timestamp,
    wishes: Vec<Wish>,
}

impl Desk {
    /// A desk on which nothing lies yet; `first` is opened when it is there.
    pub fn new(id: DeskId, site: Site, first: Option<String>, now: Timestamp) -> Self {
        let mut desk = Self {
            id,
            reach: Reach::Opening,
            focus: Pane::Files,
            beside: Pane::Files,
            zoomed: false,
            typing: false,
            narrow: false,
            width: 60,
            guide: Guide::default(),
            tree: Tree::default(),
            buffers: Buffers::default(),
            output: Output::default(),
            lab: None,
            drafts: Vec::new(),
            open_first: first,
            next: None,
            rules: RuleChoice::usual(),
            now,
            wishes: Vec::new(),
            site,
        };
        desk.order(DeskOrder::Open(Box::new(desk.site.clone())));
        desk.make_output();
        desk
    }

    /// Whether a terminal can be had.
    pub fn has_terminal(&self) -> bool {
        matches!(self.site, Site::Session { .. })
    }

    /// Gives a pane the keys.
    pub fn focus_on(&mut self, pane: Pane) {
        if pane == Pane::Terminal && !self.has_terminal() {
            return self.tell(Tone::Muted, "a terminal can be had in a session; this is a directory of the host");
        }
        self.focus = pane;
        self.typing = pane == Pane::Editor && self.typing;
        if pane != Pane::Editor {
            self.beside = pane;
        }
    }

    /// Shows the output without taking the keys from whoever types.
    fn show_output(&mut self, tab: OutputTab) {
        self.output.show(tab);
        self.beside = Pane::Output;
        if (self.narrow || self.zoomed) && !self.typing || matches!(self.focus, Pane::Files | Pane::Guide) {
            self.focus_on(Pane::Output);
        }
    }

    /// What is not saved.
    pub fn unsaved(&self) -> Vec<String> {
        self.buffers.open.iter().filter(|b| b.is_dirty()).map(|b| b.path.clone()).collect()
    }

    /// What it wants done since it was asked last.
    pub(super) fn wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.wishes)
    }

    fn order(&mut self, order: DeskOrder) {
        self.wishes.push(Wish::Order(order));
    }

    fn later(&mut self, millis: u64, news: DeskNews) {
        self.wishes.push(Wish::Later(Duration::from_millis(millis), news));
    }

    fn tell(&mut self, tone: Tone, text: impl Into<String>) {
        self.wishes.push(Wish::Tell(tone, text.into()));
    }

    fn ask(&mut self, overlay: Overlay) {
        self.wishes.push(Wish::Ask(overlay));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(in crate::ui) mod tests {
    use super::*;
    use crate::engine::Endpoint;
    use crate::sessions::Session;

    /// A desk of a session on which nothing lies yet.
    pub(in crate::ui) fn desk() -> Desk {
        let container = Container {
            id: "c0ffee".into(),
            name: "ondeck-session-ab12".to_owned(),
            labels: [(crate::sessions::LABEL, "ab12"), (crate::sessions::WORKSPACE, "shop")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            ..Container::default()
        };
        let carrier = Endpoint {
            name: "default".into(),
            address: crate::engine::Address::Unix("/var/run/docker.sock".into()),
            tls: None,
            source: String::new(),
        };
        let session = Box::new(Session::of(&container).unwrap());
        Desk::new(1, Site::Session { session, carrier }, None, Timestamp::UNIX_EPOCH)
    }
}
