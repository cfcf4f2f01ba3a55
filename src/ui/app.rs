//! What one person is looking at, and how messages change it.
//!
//! [`App::update`] takes a [`Msg`] and answers with [`Effect`]s (both in `ui::message`). It never waits, never touches Docker,
//! the clock or the disk; `ui::run` does, and brings the answers back as messages.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, KeyEventKind};
use jiff::Timestamp;
use nucleo_matcher::Matcher;
use ratatui::layout::Size;
use tui_input::Input;

use crate::config::{Chord, CustomCommand};
use crate::engine::EngineError;
use crate::engine::model::Id;
use crate::fleet::{Link, Snapshot};
use crate::tasks::{TaskEvent, Tasks};

use super::action::{Action, Scope};
use super::desk::{Desks, Remembered};
use super::detail::{Detail, Loaded, Tab};
use super::health::Health;
use super::labs::Labs;
use super::layout::{self, Areas};
use super::list::ListState;
use super::message::{Effect, Msg};
use super::overlay::Overlay;
use super::panes::terminal::TerminalPane;
use super::sessions::{Inside, Times};
use super::settings::Settings;
use super::targets::scope_of;
use super::view::{Cx, Target, Tone, View};

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Focus {
    /// The list.
    #[default]
    List,
    /// The detail pane.
    Detail,
}

/// Where typed letters go, when not to the key map.
#[derive(Debug)]
pub struct Typing {
    /// The line.
    pub input: Input,
    /// What it said before, for Esc.
    pub before: String,
    /// The pane it belongs to.
    pub focus: Focus,
}

/// What the last line says for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its text.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

/// The host's load as the header shows it: it moves when the load really did, so that a panel at rest
/// rests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShownLoad {
    /// Busy share of all processors.
    pub cpu: f64,
    /// Its course, newest last, in eighths.
    pub course: Vec<u8>,
    /// Memory in use.
    pub memory: u64,
}

/// What one person is looking at.
#[derive(Debug)]
pub struct App {
    /// What Docker is.
    pub snap: Arc<Snapshot>,
    /// The time of the last message.
    pub now: Timestamp,
    /// Size of the terminal.
    pub size: Size,
    /// The open view.
    pub view: View,
    /// Where Esc leads from this view.
    pub came_from: Option<View>,
    /// One list for each view.
    pub lists: [ListState; View::ALL.len()],
    /// Which pane has the keys.
    pub focus: Focus,
    /// Whether that pane has the whole screen.
    pub zoomed: bool,
    /// Share of the list in the width, in percent.
    pub split: u16,
    /// Whether stopped things are left out.
    pub hide_stopped: bool,
    /// Whether statistics are read.
    pub stats: bool,
    /// The workspaces on the screen.
    pub desks: Desks,
    /// What is remembered of them.
    pub remembered: Remembered,
    /// The detail pane.
    pub detail: Detail,
    /// The terminals.
    pub terminals: TerminalPane,
    /// What lies over the rest.
    pub overlay: Option<Overlay>,
    /// Where typed letters go.
    pub typing: Option<Typing>,
    /// This panel's tasks.
    pub tasks: Tasks,
    /// What the last line says.
    pub notice: Option<Notice>,
    /// The header's load.
    pub load: ShownLoad,
    /// What the person brought along.
    pub settings: Settings,
    /// When sessions end.
    pub times: Times,
    /// Labs.
    pub labs: Labs,
    /// Health.
    pub health: Health,
    /// The session whose Docker is looked at.
    pub inside: Option<Inside>,
    /// What the cursor goes to once it is there.
    pub(super) come_to: Option<Target>,
    /// The split is being dragged.
    pub dragging: bool,
    pub(super) notices: u64,
    pub(super) wanted: Vec<Id>,
    pub(super) matcher: Matcher,
    pub(super) out: Vec<Effect>,
}

impl App {
    /// A panel that has seen nothing yet.
    pub fn new(settings: Settings, size: Size, now: Timestamp) -> Self {
        let config = settings.config.clone();
        let mut app = Self {
            snap: Arc::default(),
            now,
            size,
            view: View::Deck,
            came_from: None,
            lists: std::array::from_fn(|_| ListState::default()),
            focus: Focus::List,
            zoomed: false,
            split: 44,
            hide_stopped: false,
            stats: config.stats,
            desks: Desks::default(),
            remembered: settings.remembered.clone(),
            detail: Detail::default(),
            terminals: TerminalPane::default(),
            overlay: None,
            typing: None,
            tasks: Tasks::default(),
            notice: None,
            load: ShownLoad::default(),
            settings,
            times: Times::default(),
            labs: Labs::default(),
            health: Health::default(),
            inside: None,
            come_to: None,
            dragging: false,
            notices: 0,
            wanted: Vec::new(),
            matcher: Matcher::default(),
            out: Vec::new(),
        };
        app.configure();
        app
    }

    /// Takes a message in; answers with what is to be done outside.
    pub fn update(&mut self, msg: Msg, now: Timestamp) -> Vec<Effect> {
        self.now = now;
        match msg {
            Msg::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Msg::Mouse(mouse) => self.mouse(mouse),
            Msg::Paste(text) => self.paste(&text),
            Msg::Terminal(id, what) => self.terminal_news(id, what),
            Msg::Focus(gained) => {
                if self.terminals.inside() {
                    self.terminal_focus(gained);
                }
            }
            Msg::Resize(size) => {
                self.size = size;
                self.fit_output();
                self.settle();
                if matches!(self.detail.target, Some(Target::Lab(_) | Target::BrokenLab(_)))
                    || self.detail.tab.is_some_and(Tab::is_of_health)
                {
                    // Its pages go over as many lines as the pane is wide.
                    self.make_text();
                }
            }
            Msg::Snapshot(snap) => self.snapshot(snap),
            Msg::Task(event) => self.task(event),
            Msg::Logs(answer) => self.log_answer(answer),
            Msg::Rest(turn) if turn == self.detail.turn => self.load_detail(),
            Msg::Inspected(turn, result) if turn == self.detail.turn => {
                let first = !matches!(self.detail.inspection, Loaded::Here(_));
                self.detail.inspection = loaded(result);
                self.arrived(first);
            }
            Msg::Raw(turn, result) if turn == self.detail.turn => {
                let first = !matches!(self.detail.raw, Loaded::Here(_));
                self.detail.raw = loaded(result);
                self.arrived(first);
            }
            Msg::Layers(turn, result) if turn == self.detail.turn => {
                let first = !matches!(self.detail.layers, Loaded::Here(_));
                self.detail.layers = loaded(result);
                self.arrived(first);
            }
            Msg::Processes(turn, result) if turn == self.detail.turn => {
                let first = !matches!(self.detail.processes, Loaded::Here(_));
                self.detail.processes = loaded(result);
                self.arrived(first);
                self.out.push(Effect::After(Duration::from_secs(3), Msg::ProcessesOld(turn)));
            }
            Msg::ProcessesOld(turn) if turn == self.detail.turn && self.shows_detail() => {
                if let Some(Target::Container(id) | Target::Session(id)) = &self.detail.target {
                    self.out.push(Effect::Processes(turn, id.clone()));
                }
            }
            Msg::AskLeft(container) => self.ask_left(container),
            Msg::Left(container, left) => self.told_left(container, &left),
            Msg::Countdown => self.count_down(),
            Msg::Served(turn, answer) if turn == self.detail.turn => {
                let first = !matches!(self.detail.served, Loaded::Here(_));
                self.served(answer);
                self.arrived(first);
            }
            // Keys let go, and answers to questions that nobody asks any more.
            Msg::Key(_)
            | Msg::Rest(_)
            | Msg::Inspected(..)
            | Msg::Raw(..)
            | Msg::Layers(..)
            | Msg::Processes(..)
            | Msg::Served(..)
            | Msg::ProcessesOld(_) => {}
            Msg::NoticeOver(n) => {
                if n == self.notices {
                    self.notice = None;
                }
            }
            Msg::HostFailed(error) => {
                self.inside = None;
                self.tell(Tone::Bad, error.to_string());
            }
            Msg::Desk(id, news) => self.desk_news(id, news),
            Msg::Labs(news) => self.labs_news(news),
            Msg::Health(news) => self.health_news(news),
            Msg::Tell(tone, text) => self.tell(tone, text),
            Msg::Terminate => self.leave(),
            Msg::Tick => self.refresh(),
        }
        self.fit_terminal();
        std::mem::take(&mut self.out)
    }

    /// The open list.
    pub fn list(&self) -> &ListState {
        &self.lists[self.view.index()]
    }

    /// The open list, to be changed.
    pub fn list_mut(&mut self) -> &mut ListState {
        &mut self.lists[self.view.index()]
    }

    /// What rows and cells of the open view are made from.
    pub fn cx(&self) -> Cx<'_> {
        Cx {
            snap: &self.snap,
            tasks: &self.tasks,
            times: &self.times,
            labs: &self.labs,
            health: &self.health,
            owner: &self.settings.owner,
            now: self.now,
            zone: &self.settings.zone,
            symbols: &self.settings.symbols,
            folded: &self.list().folded,
            hide_stopped: self.hide_stopped,
        }
    }

    /// Where everything is on screen.
    pub fn areas(&self) -> Areas {
        layout::areas(self)
    }

    /// Whether the pane beside the list is on screen.
    pub fn shows_pane(&self) -> bool {
        self.areas().detail.is_some()
    }

    /// Whether the detail pane is on screen.
    pub fn shows_detail(&self) -> bool {
        self.shows_pane() && self.terminals.shown().is_none()
    }

    /// Says something in the last line for a while.
    pub fn tell(&mut self, tone: Tone, text: impl AsRef<str>) {
        self.notices += 1;
        self.notice = Some(Notice { text: crate::text::clean(text.as_ref()).into_owned(), tone });
        let long = if tone == Tone::Bad { 12 } else { 5 };
        self.out.push(Effect::After(Duration::from_secs(long), Msg::NoticeOver(self.notices)));
    }

    /// The scopes whose keys count, the most special first.
    pub fn scopes(&self) -> Vec<Scope> {
        if self.in_terminal() {
            return self.terminal_scopes();
        }
        if let Some(scopes) = self.desk_scopes() {
            return scopes;
        }
        let mut scopes = Vec::new();
        let target = if self.focus == Focus::Detail {
            match self.detail.tab {
                Some(Tab::Logs) => scopes.push(Scope::Logs),
                Some(Tab::Stats) | None => {}
                Some(Tab::Instructions | Tab::Tasks | Tab::About | Tab::Problem) => scopes.push(Scope::Page),
                Some(tab) if tab.is_of_health() => scopes.push(Scope::Checkup),
                Some(_) => scopes.push(Scope::Text),
            }
            scopes.push(Scope::Detail);
            self.detail.target.as_ref()
        } else {
            self.list().selected().map(|r| &r.target)
        };
        scopes.extend(target.and_then(scope_of));
        if self.on_sessions() {
            scopes.push(Scope::Sessions);
        }
        if self.view == View::Labs {
            scopes.push(Scope::Labs);
        }
        if self.inside.is_some() {
            scopes.push(Scope::Inside);
        }
        if self.focus == Focus::List {
            scopes.push(Scope::List);
        }
        scopes.push(Scope::Anywhere);
        scopes
    }

    /// The user's own command of that number.
    pub fn custom(&self, index: usize) -> Option<&CustomCommand> {
        self.settings.config.commands.get(index)
    }

    fn key(&mut self, key: KeyEvent) {
        self.health.alone = false;
        if self.overlay.is_some() {
            return self.overlay_key(key);
        }
        if self.typing.is_some() {
            return self.typing_key(key);
        }
        if self.terminal_key(key) || self.desk_key(key) {
            return;
        }
        let chord = Chord::of(key);
        if let Some(action) = self.settings.keymap.lookup(&self.scopes(), chord).cloned() {
            self.act(&action);
        }
    }

    fn snapshot(&mut self, snap: Arc<Snapshot>) {
        let first = matches!(self.snap.link, Link::Connecting) && !matches!(snap.link, Link::Connecting);
        let same = self.snap.address == snap.address;
        let was_down = same && matches!(self.snap.link, Link::Down { .. });
        if self.snap.host != snap.host || self.snap.address != snap.address {
            // Another host: nothing of the old one may stay selected or marked.
            for list in &mut self.lists {
                *list = ListState { sort: list.sort, ..ListState::default() };
            }
            self.detail.turn_to(None);
            self.forget_health();
        }
        let back = was_down && matches!(snap.link, Link::Up);
        let before = std::mem::replace(&mut self.snap, snap);
        if first && self.inside.is_none() && self.snap.cannot_write().is_none() {
            self.out.push(Effect::Sweep);
        }
        self.follow_sessions(&before);
        self.follow_labs();
        self.follow_desks();
        if back {
            self.dismiss_doctor();
            self.reach_desks_again();
            self.tell(Tone::Good, format!("{} is back", self.snap.host));
        }
        self.shown_load();
        self.refresh();
        if first || back {
            self.load_detail();
        }
        self.follow_restarts();
        self.call_doctor();
        self.make_text();
    }

    /// Takes the host's load over where it moved by more than a person cares for.
    fn shown_load(&mut self) {
        let Some(load) = self.snap.load.clone() else { return };
        let shown = &mut self.load;
        if (load.cpu - shown.cpu).abs() >= 4.0 || load.cpu < 1.0 && shown.cpu >= 1.0 {
            shown.cpu = load.cpu;
        }
        if load.memory.abs_diff(shown.memory) > load.memory_total / 100 {
            shown.memory = load.memory;
        }
        // Each sign is the mean of five seconds, newest last.
        let newest: Vec<f64> = load.history.iter().rev().take(40).copied().collect();
        let means = newest.chunks(5).map(|c| c.iter().sum::<f64>() / c.len() as f64);
        let mut course: Vec<u8> = means.map(|m| (m / 12.5).clamp(0.0, 7.0) as u8).collect();
        course.reverse();
        shown.course = course;
    }

    /// Makes the open list anew, and turns the detail pane to its cursor.
    pub fn refresh(&mut self) {
        let index = self.view.index();
        let mut list = std::mem::take(&mut self.lists[index]);
        let folded = std::mem::take(&mut list.folded);
        let cx = Cx {
            snap: &self.snap,
            tasks: &self.tasks,
            times: &self.times,
            labs: &self.labs,
            health: &self.health,
            owner: &self.settings.owner,
            now: self.now,
            zone: &self.settings.zone,
            symbols: &self.settings.symbols,
            folded: &folded,
            hide_stopped: self.hide_stopped,
        };
        list.refresh(self.view.rows(), &cx, &mut self.matcher);
        list.folded = folded;
        self.lists[index] = list;
        self.settle();
    }

    /// After the cursor, the view or the size changed: scrolls, and lets the detail pane follow.
    pub fn settle(&mut self) {
        let areas = self.areas();
        let rows = areas.rows.height;
        self.list_mut().scroll_into(usize::from(rows));
        let list = self.list();
        let shown = list.rows.iter().skip(list.offset).take(usize::from(rows));
        let mut wanted: Vec<Id> = shown
            .flat_map(|r| self.containers_of(&r.target))
            .filter(|c| c.state.is_up())
            .map(|c| c.id.clone())
            .collect();
        if let Some(target) = &self.detail.target {
            wanted.extend(self.containers_of(target).iter().filter(|c| c.state.is_up()).map(|c| c.id.clone()));
        }
        wanted.sort_unstable();
        wanted.dedup();
        if wanted != self.wanted {
            self.wanted.clone_from(&wanted);
            self.out.push(Effect::WantUsage(wanted));
        }
        let on = self.list().selected().map(|r| r.target.thing());
        // With the keys in the detail pane it stays on what it shows, even when that is gone from the list.
        let stay = self.focus == Focus::Detail && self.detail.target.is_some();
        if !stay && self.view != View::Deck && on != self.detail.target {
            self.turn_detail(on);
        }
    }

    /// Turns the detail pane to `target`; it is loaded once the cursor rests.
    pub fn turn_detail(&mut self, target: Option<Target>) {
        self.detail.turn_to(target);
        // Some views are opened for what one tab says.
        let wanted = match self.view {
            View::Health => Some(Tab::Health),
            View::Networks => Some(Tab::Reach),
            _ => None,
        };
        let has = |tab: &Tab| self.detail.target.as_ref().is_some_and(|t| Tab::of(t).contains(tab));
        if let Some(tab) = wanted.filter(has) {
            self.detail.tab = Some(tab);
        }
        self.make_text();
        if self.detail.target.is_some() {
            self.out.push(Effect::After(Duration::from_millis(80), Msg::Rest(self.detail.turn)));
        } else {
            self.close_logs();
        }
    }

    /// Something came for the detail pane; what was searched for before it came is looked for now.
    fn arrived(&mut self, first: bool) {
        self.make_text();
        if first && !self.detail.text.query.is_empty() {
            let height = usize::from(self.areas().inside.height);
            self.detail.text.find(true, true, height);
        }
    }

    fn task(&mut self, event: TaskEvent) {
        let ended = match &event {
            TaskEvent::Ended { id, .. } => Some(*id),
            _ => None,
        };
        let id = match &event {
            TaskEvent::Started { id, .. } | TaskEvent::Said { id, .. } | TaskEvent::Ended { id, .. } => *id,
        };
        self.tasks.apply(event);
        self.desk_task(id, ended.is_some());
        self.labs_task(id, ended.is_some());
        // What the host tells of a session is not heard within it.
        if let Some(inside) = self.inside.as_ref().filter(|_| ended.is_some()) {
            self.ask_left(inside.session.container.clone());
        }
        if let Some(task) = ended.and_then(|id| self.tasks.get(id)) {
            let cell = super::views::activity::outcome(task);
            let text = format!("{}: {}", task.title, cell.text);
            self.tell(cell.tone, text);
        }
        if matches!(self.view, View::Activity | View::Sessions | View::Labs) {
            self.refresh();
            self.make_text();
        }
    }

    /// Takes over from the config what can change while running.
    fn configure(&mut self) {
        let config = &self.settings.config;
        self.split = u16::from(config.layout.split).clamp(20, 80);
        self.view =
            View::ALL.into_iter().find(|v| v.tab().1.eq_ignore_ascii_case(&config.start_view)).unwrap_or(View::Deck);
        self.detail.logs.configure(&config.logs);
    }

    /// Signs of environment that must not be shown.
    pub fn is_secret(&self, name: &str) -> bool {
        !self.detail.reveal && self.settings.config.secrets.is_secret(name)
    }
}

fn loaded<T>(result: Result<T, EngineError>) -> Loaded<T> {
    match result {
        Ok(value) => Loaded::Here(value),
        Err(error) => Loaded::Failed(error),
    }
}

/// What an action is refused for.
pub fn refusal(app: &App, action: &Action, scope: Scope) -> Option<String> {
    let entry = super::action::ACTIONS.iter().find(|e| e.action == *action && e.scope == scope)?;
    if let Some(reason) = app.lab_refusal(action, scope) {
        return Some(reason);
    }
    if entry.writes { app.snap.cannot_write().map(str::to_owned) } else { None }
}
