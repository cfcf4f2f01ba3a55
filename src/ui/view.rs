//! What a view of rows is: its columns, its rows, its cells. One file in [`super::views`] each.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Symbols;
use crate::engine::model::Id;
use crate::fleet::Snapshot;
use crate::fleet::snapshot::Status;
use crate::store::HealId;
use crate::tasks::{TaskId, Tasks};

use super::health::Health;
use super::labs::Labs;
use super::sessions::Times;
use super::views;

/// The views, in the order of their tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // Each is described by the module of its name.
pub enum View {
    Deck,
    Stacks,
    Containers,
    Sessions,
    Labs,
    Images,
    Networks,
    Volumes,
    Health,
    Activity,
}

impl View {
    /// All views.
    pub const ALL: [Self; 10] = [
        Self::Deck,
        Self::Stacks,
        Self::Containers,
        Self::Sessions,
        Self::Labs,
        Self::Images,
        Self::Networks,
        Self::Volumes,
        Self::Health,
        Self::Activity,
    ];

    /// Its title, and the digit that shows it.
    pub const fn tab(self) -> (char, &'static str) {
        match self {
            Self::Deck => ('1', "Deck"),
            Self::Stacks => ('2', "Stacks"),
            Self::Containers => ('3', "Containers"),
            Self::Sessions => ('4', "Sessions"),
            Self::Labs => ('5', "Labs"),
            Self::Images => ('6', "Images"),
            Self::Networks => ('7', "Networks"),
            Self::Volumes => ('8', "Volumes"),
            Self::Health => ('9', "Health"),
            Self::Activity => ('0', "Activity"),
        }
    }

    /// Its title where the room is short.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Containers => "Conts",
            Self::Sessions => "Sess",
            Self::Networks => "Nets",
            Self::Volumes => "Vols",
            Self::Activity => "Acts",
            other => other.tab().1,
        }
    }

    /// Its rows.
    pub fn rows(self) -> &'static dyn Rows {
        match self {
            Self::Deck => &views::deck::Deck,
            Self::Stacks => &views::stacks::Stacks,
            Self::Containers => &views::containers::Containers,
            Self::Sessions => &views::sessions::Sessions,
            Self::Labs => &views::labs::Labs,
            Self::Images => &views::images::Images,
            Self::Networks => &views::networks::Networks,
            Self::Volumes => &views::volumes::Volumes,
            Self::Health => &views::health::Health,
            Self::Activity => &views::activity::Activity,
        }
    }

    /// Its place in [`View::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What a row stands for. It outlives snapshots, so the cursor stays on the thing, not on the line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// The host itself.
    Host,
    /// A compose stack, by name.
    Stack(Arc<str>),
    /// A service of a stack that does not have exactly one container.
    Service(Arc<str>, Arc<str>),
    /// A container, by identifier.
    Container(Id),
    /// A session, by its container's identifier.
    Session(Id),
    /// A lab, by its name.
    Lab(Arc<str>),
    /// A lab that cannot be read, by its file.
    BrokenLab(Arc<str>),
    /// An image, by identifier.
    Image(Id),
    /// A network, by identifier.
    Network(Id),
    /// A container as a member of a network: the network's and its own identifier. A container may be in several.
    Member(Id, Id),
    /// A volume, by name.
    Volume(Id),
    /// A task of this panel.
    Task(TaskId),
    /// A restart of what was not well, by its number in the history.
    Heal(HealId),
    /// An event of the engine: its time in nanoseconds, and its place among those of one time.
    Event(i128, u16),
}

impl Target {
    /// The thing itself, whatever place it stands in.
    #[must_use]
    pub fn thing(&self) -> Self {
        match self {
            Self::Member(_, container) => Self::Container(container.clone()),
            other => other.clone(),
        }
    }
}

/// A row before its cells are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it stands for.
    pub target: Target,
    /// How deep it stands in a tree.
    pub depth: u8,
    /// Whether it can be unfolded, and whether it is.
    pub branch: Option<bool>,
}

impl Row {
    /// A row that is no part of a tree.
    pub const fn flat(target: Target) -> Self {
        Self { target, depth: 0, branch: None }
    }
}

/// How a piece of text is meant; the theme turns it into colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Ordinary text.
    #[default]
    Plain,
    /// Secondary text.
    Muted,
    /// Text that catches the eye.
    Strong,
    /// The accent colour.
    Accent,
    /// How well something is.
    Status(Status),
    /// Something good.
    Good,
    /// Something that wants attention.
    Warn,
    /// Something bad.
    Bad,
    /// Name of a field in data.
    Key,
    /// A string in data.
    Text,
    /// A number in data.
    Number,
    /// A boolean or null in data.
    Word,
    /// A word of a language itself.
    Keyword,
    /// A variable.
    Variable,
    /// A comment.
    Comment,
    /// A heading of a text.
    Heading,
    /// Emphasis in a text.
    Emphasis,
    /// A link in a text.
    Link,
    /// What does not count any more.
    Struck,
}

/// One cell of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// Its text, harmless to a terminal.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

impl Cell {
    /// Ordinary text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }

    /// Secondary text.
    pub fn muted(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Muted }
    }

    /// Text with a tone.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

/// A column of a table.
#[derive(Debug)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Whether its figures stand at the right.
    pub right: bool,
    /// The least width that is still of use.
    pub min: u16,
    /// The widest it gets while others want room.
    pub max: u16,
    /// Columns with a higher figure go first when the room is short; 0 stays.
    pub drop: u8,
}

impl Column {
    /// A column of text.
    pub const fn text(title: &'static str, min: u16, max: u16, drop: u8) -> Self {
        Self { title, right: false, min, max, drop }
    }

    /// A column of figures.
    pub const fn figure(title: &'static str, min: u16, drop: u8) -> Self {
        Self { title, right: true, min, max: 12, drop }
    }
}

/// What rows are sorted by.
#[derive(Debug, Clone, PartialEq)]
pub enum SortKey {
    /// By figure.
    Number(f64),
    /// By text, letters of either case alike.
    Text(String),
}

impl SortKey {
    /// The order of two keys; figures before texts.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => std::cmp::Ordering::Less,
            (Self::Text(_), Self::Number(_)) => std::cmp::Ordering::Greater,
        }
    }
}

/// What the making of rows and cells may look at.
#[derive(Debug, Clone, Copy)]
pub struct Cx<'a> {
    /// What Docker is.
    pub snap: &'a Snapshot,
    /// This panel's tasks.
    pub tasks: &'a Tasks,
    /// When sessions end.
    pub times: &'a Times,
    /// Labs.
    pub labs: &'a Labs,
    /// Health.
    pub health: &'a Health,
    /// Whose panel it is.
    pub owner: &'a str,
    /// The time this frame is for.
    pub now: Timestamp,
    /// Where the person's clock stands.
    pub zone: &'a TimeZone,
    /// Signs for status and trees.
    pub symbols: &'a Symbols,
    /// Branches of trees that are folded.
    pub folded: &'a BTreeSet<Target>,
    /// Whether stopped things are left out.
    pub hide_stopped: bool,
}

/// What stands where a view has no rows: what that means, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Empty {
    /// What is the case.
    pub title: String,
    /// What to do next.
    pub advice: String,
}

impl Empty {
    /// A title with advice.
    pub fn new(title: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { title: title.into(), advice: advice.into() }
    }
}

/// A view of rows.
pub trait Rows: Sync {
    /// Its columns; the first is the name and takes the room that is left.
    fn columns(&self) -> &'static [Column];
    /// Its rows in their own order, before filter and sort.
    fn rows(&self, cx: &Cx<'_>) -> Vec<Row>;
    /// One cell.
    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell;
    /// What a column sorts by; the cell's text unless the view knows better.
    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        SortKey::Text(self.cell(cx, row, column).text.to_lowercase())
    }
    /// What the filter looks at.
    fn words(&self, cx: &Cx<'_>, row: &Row) -> String {
        (0..self.columns().len()).map(|c| self.cell(cx, row, c).text).collect::<Vec<_>>().join(" ")
    }
    /// What stands there when it has no rows at all.
    fn empty(&self, cx: &Cx<'_>) -> Empty;
}

/// The sign of a status.
pub const fn status_sign(symbols: &Symbols, status: Status) -> &'static str {
    match status {
        Status::Running => symbols.running,
        Status::Partial | Status::Unhealthy => symbols.partial,
        Status::Stopped => symbols.stopped,
        Status::Paused => symbols.paused,
        Status::Failed => symbols.failed,
    }
}
