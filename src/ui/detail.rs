//! The detail pane: which tabs a thing has, what is loaded for it, where one stands in it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::EngineError;
use crate::engine::model::{Inspection, Layer};
use crate::health::Course;

use crate::sessions::Answer;

use super::panes::logs::LogPane;
use super::panes::text::TextPane;
use super::view::Target;

/// A tab of the detail pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // Each is named after what it shows.
pub enum Tab {
    Logs,
    Service,
    Stats,
    Services,
    Inspect,
    Env,
    Ports,
    Mounts,
    Health,
    Top,
    Layers,
    Attached,
    UsedBy,
    Output,
    Event,
    Instructions,
    Tasks,
    History,
    About,
    Problem,
    Reach,
    Audit,
    Routes,
    Doctor,
}

impl Tab {
    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Logs => "Logs",
            Self::Service => "Service",
            Self::Stats => "Stats",
            Self::Services => "Services",
            Self::Inspect => "Inspect",
            Self::Env => "Env",
            Self::Ports => "Ports",
            Self::Mounts => "Mounts",
            Self::Health => "Health",
            Self::Top => "Top",
            Self::Layers => "Layers",
            Self::Attached => "Attached",
            Self::UsedBy => "Used by",
            Self::Output => "Output",
            Self::Event => "Event",
            Self::Instructions => "Instructions",
            Self::Tasks => "Tasks",
            Self::History => "History",
            Self::About => "About",
            Self::Problem => "Problem",
            Self::Reach => "Reach",
            Self::Audit => "Audit",
            Self::Routes => "Routes",
            Self::Doctor => "Doctor",
        }
    }

    /// Whether its page is one about health, which goes over as many lines as the pane is wide.
    pub const fn is_of_health(self) -> bool {
        matches!(self, Self::Health | Self::Audit | Self::Routes | Self::Doctor | Self::Reach)
    }

    /// The tabs of a thing; the first is shown first.
    pub const fn of(target: &Target) -> &'static [Self] {
        match target {
            Target::Host => &[Self::Health, Self::Audit, Self::Routes, Self::Doctor],
            Target::Container(_) | Target::Member(..) => &[
                Self::Logs,
                Self::Stats,
                Self::Inspect,
                Self::Env,
                Self::Ports,
                Self::Mounts,
                Self::Health,
                Self::Top,
                Self::Reach,
                Self::Audit,
            ],
            Target::Session(_) => {
                &[Self::Stats, Self::Service, Self::Logs, Self::Top, Self::Mounts, Self::Env, Self::Inspect]
            }
            Target::Stack(_) => &[Self::Logs, Self::Services, Self::Stats, Self::Health, Self::Routes, Self::Audit],
            Target::Service(..) => &[Self::Logs, Self::Services, Self::Stats, Self::Health],
            Target::Lab(_) => &[Self::Instructions, Self::Tasks, Self::History, Self::About],
            Target::BrokenLab(_) => &[Self::Problem],
            Target::Image(_) => &[Self::Layers, Self::UsedBy, Self::Inspect],
            Target::Network(_) => &[Self::Attached, Self::Inspect],
            Target::Volume(_) => &[Self::UsedBy, Self::Inspect],
            Target::Task(_) => &[Self::Output],
            Target::Event(..) | Target::Heal(_) => &[Self::Event],
        }
    }
}

/// Titles of columns, and a row for each process.
pub type Processes = (Vec<String>, Vec<Vec<String>>);

/// Something that was asked for.
#[derive(Debug, Clone, Default)]
pub enum Loaded<T> {
    /// Not asked for, or not needed.
    #[default]
    Nothing,
    /// On its way.
    Waiting,
    /// Here.
    Here(T),
    /// It could not be had.
    Failed(EngineError),
}

/// What one person sees in the detail pane.
#[derive(Debug, Default)]
pub struct Detail {
    /// What it shows.
    pub target: Option<Target>,
    /// The open tab.
    pub tab: Option<Tab>,
    /// The tab last used of things of one kind: going to the next container keeps the tab.
    pub last: HashMap<Tab, Tab>,
    /// Counts what was asked for, so that late answers to old questions are known as such.
    pub turn: u64,
    /// A container's inspection.
    pub inspection: Loaded<Arc<Inspection>>,
    /// Whatever the engine says of an image, network or volume.
    pub raw: Loaded<Arc<Value>>,
    /// An image's layers.
    pub layers: Loaded<Arc<Vec<Layer>>>,
    /// A container's processes.
    pub processes: Loaded<Arc<Processes>>,
    /// What a session's service answered.
    pub served: Loaded<Arc<Answer>>,
    /// The request to a session's service, as it was typed.
    pub request: String,
    /// How the container fared.
    pub course: Loaded<Arc<Course>>,
    /// Whether secret values are shown.
    pub reveal: bool,
    /// The pane of text, for all tabs but logs and statistics.
    pub text: TextPane,
    /// The log pane.
    pub logs: LogPane,
}

impl Detail {
    /// Turns to `target` (or away); keeps the tab that was used last for things of its kind.
    pub fn turn_to(&mut self, target: Option<Target>) {
        self.turn += 1;
        self.tab = target.as_ref().map(|t| {
            let tabs = Tab::of(t);
            self.last.get(&tabs[0]).copied().filter(|tab| tabs.contains(tab)).unwrap_or(tabs[0])
        });
        self.target = target;
        self.inspection = Loaded::Nothing;
        self.raw = Loaded::Nothing;
        self.layers = Loaded::Nothing;
        self.processes = Loaded::Nothing;
        self.served = Loaded::Nothing;
        self.course = Loaded::Nothing;
        self.reveal = false;
        self.text = TextPane::default();
    }

    /// Opens `tab`, if the thing has it.
    pub fn open_tab(&mut self, tab: Tab) -> bool {
        let has = self.target.as_ref().is_some_and(|t| Tab::of(t).contains(&tab));
        if has && self.tab != Some(tab) {
            self.turn += 1;
            self.tab = Some(tab);
            if let Some(kind) = self.target.as_ref().map(|t| Tab::of(t)[0]) {
                self.last.insert(kind, tab);
            }
            self.text = TextPane { query: self.text.query.clone(), ..TextPane::default() };
        }
        has
    }

    /// The tab `by` places further, round the end.
    pub fn neighbour(&self, by: isize) -> Option<Tab> {
        let tabs = Tab::of(self.target.as_ref()?);
        let now = tabs.iter().position(|t| Some(*t) == self.tab)?;
        tabs.get((now as isize + by).rem_euclid(tabs.len() as isize) as usize).copied()
    }
}
