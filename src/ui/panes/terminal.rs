//! The terminals: which are open, which one is shown, who gets the keys.
//!
//! While one is *inside*, every key but the way out goes to the program. Outside, keys scroll, search and
//! select. A terminal lives on while other things are shown.

mod open;
mod pointer;

use crossterm::event::KeyEvent;
use jiff::Timestamp;
use ratatui::layout::Position;

use crate::config::Chord;
use crate::engine::EngineError;
use crate::terminal::{Grain, Happened, Motion, Opening, Screen, Shape, Size, key, paste};
use crate::ui::action::{Action, Scope};
use crate::ui::app::{App, Focus};
use crate::ui::desk::Pane;
use crate::ui::layout;
use crate::ui::message::Effect;
use crate::ui::view::Tone;

pub(in crate::ui) use open::life_words;

/// Which terminal.
pub type TerminalId = u64;

/// Something to do for the terminals.
#[derive(Debug, Clone)]
pub enum TerminalOrder {
    /// Start a program; what it prints goes to this screen.
    Open(TerminalId, Opening, Screen),
    /// Send it bytes.
    Input(TerminalId, Vec<u8>),
    /// Give it another size.
    Resize(TerminalId, Size),
    /// End it.
    Close(TerminalId),
}

/// How far a terminal's program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It ended, with this code where the engine knows it.
    Ended(Option<i64>),
    /// It could not be started, or the connection broke.
    Failed(EngineError),
    /// The container has no shell.
    NoShell,
}

/// One open terminal.
#[derive(Debug)]
pub struct OpenTerminal {
    /// Which one.
    pub id: TerminalId,
    /// What was opened.
    pub opening: Opening,
    /// The host it is on.
    pub host: String,
    /// Its program's name.
    pub program: String,
    /// How far that is.
    pub life: Life,
    /// What it shows.
    pub screen: Screen,
    /// The size it was given last.
    size: Size,
    /// Whether its bell rang while something else was shown.
    rang: bool,
}

impl OpenTerminal {
    /// Whether its program runs, or is about to.
    pub fn alive(&self) -> bool {
        matches!(self.life, Life::Starting | Life::Running)
    }
}

/// A button held down, and since where.
#[derive(Debug, Clone, Copy)]
struct Press {
    at: Position,
    time: Timestamp,
    clicks: u8,
    held: bool,
}

/// One person's terminals.
#[derive(Debug, Default)]
pub struct TerminalPane {
    open: Vec<OpenTerminal>,
    current: usize,
    /// Whether the pane stands where the detail pane does.
    shown: bool,
    /// Whether the keys go to the program.
    inside: bool,
    /// Whether the last key was the way out.
    left: bool,
    /// What is searched for.
    query: String,
    missed: bool,
    press: Option<Press>,
    count: u64,
}

impl TerminalPane {
    /// All that are open.
    pub fn open(&self) -> &[OpenTerminal] {
        &self.open
    }

    /// The one that is shown.
    pub fn shown(&self) -> Option<&OpenTerminal> {
        self.open.get(self.current).filter(|_| self.shown)
    }

    /// Whether keys go to the program.
    pub fn inside(&self) -> bool {
        self.inside
    }

    /// What is searched for, and whether it was not found.
    pub fn search(&self) -> (&str, bool) {
        (&self.query, self.missed)
    }

    /// Shows the newest one in a container whose program runs; none where there is none.
    pub(in crate::ui) fn show_of(&mut self, container: &str) {
        match self.open.iter().rposition(|t| *t.opening.container == *container && t.alive()) {
            Some(place) => (self.current, self.shown, self.inside) = (place, true, false),
            None => self.put_away(),
        }
    }

    fn place(&self, id: TerminalId) -> Option<usize> {
        self.open.iter().position(|t| t.id == id)
    }

    /// Puts the pane away; the terminals live on.
    pub(in crate::ui) fn put_away(&mut self) {
        (self.shown, self.inside, self.left) = (false, false, false);
    }
}

impl App {
    /// Whether a terminal has the focus.
    pub fn in_terminal(&self) -> bool {
        let here = match self.desk() {
            Some(desk) => desk.focus == Pane::Terminal,
            None => self.focus == Focus::Detail,
        };
        here && self.terminals.shown().is_some()
    }

    /// The scopes of keys while a terminal has the focus.
    pub(in crate::ui) fn terminal_scopes(&self) -> Vec<Scope> {
        match self.terminals.shown() {
            Some(t) if self.terminals.inside && t.alive() => vec![Scope::Program],
            Some(t) if self.terminals.inside && t.life == Life::NoShell => vec![Scope::NoShell, Scope::Over],
            Some(_) if self.terminals.inside => vec![Scope::Over],
            _ if self.desk().is_some() => vec![Scope::Terminal, Scope::Desk, Scope::Anywhere],
            _ => vec![Scope::Terminal, Scope::Anywhere],
        }
    }

    /// Whether the shown terminal's program takes the keys.
    pub(in crate::ui) fn types_in_terminal(&self) -> bool {
        self.in_terminal() && self.terminals.inside && self.terminals.shown().is_some_and(OpenTerminal::alive)
    }

    /// A key for the program, unless it is the way out; answers whether it was taken.
    pub(in crate::ui) fn terminal_key(&mut self, event: KeyEvent) -> bool {
        if !self.types_in_terminal() {
            return false;
        }
        let way_out = self.settings.keymap.lookup(&[Scope::Program], Chord::of(event)).is_some();
        if !way_out {
            self.type_into_terminal(event);
        }
        !way_out
    }

    fn type_into_terminal(&mut self, event: KeyEvent) {
        let Some(terminal) = self.terminals.shown() else { return };
        let (id, bytes) = {
            let mut emulator = terminal.screen.lock();
            emulator.deselect();
            emulator.scroll_to_bottom();
            (terminal.id, key(event, emulator.modes()))
        };
        self.send_to_terminal(id, bytes);
    }

    fn send_to_terminal(&mut self, id: TerminalId, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.out.push(Effect::Terminals(TerminalOrder::Input(id, bytes)));
        }
    }

    /// Pasted text for the program; answers whether it was taken.
    pub(in crate::ui) fn terminal_paste(&mut self, text: &str) -> bool {
        let Some(terminal) = self.terminals.shown().filter(|_| self.overlay.is_none() && self.types_in_terminal())
        else {
            return false;
        };
        let (id, bytes) = {
            let mut emulator = terminal.screen.lock();
            emulator.scroll_to_bottom();
            (terminal.id, paste(text, emulator.modes()))
        };
        self.send_to_terminal(id, bytes);
        true
    }

    /// Tells the program whether it has the keys, if it wants to know.
    pub(in crate::ui) fn terminal_focus(&mut self, gained: bool) {
        let Some(terminal) = self.terminals.shown().filter(|t| t.alive()) else { return };
        let (id, wanted) = (terminal.id, terminal.screen.lock().modes().focus);
        if wanted {
            self.send_to_terminal(id, if gained { b"\x1b[I".to_vec() } else { b"\x1b[O".to_vec() });
        }
    }

    /// Carries out an action while a terminal has the focus; answers whether it was one for it.
    pub(in crate::ui) fn terminal_action(&mut self, action: &Action) -> bool {
        let height = i32::from(self.areas().inside.height);
        match action {
            Action::LeaveTerminal => self.leave_terminal(),
            Action::Open => self.enter_terminal(),
            Action::Up => self.move_in_terminal(Motion::Rows(1)),
            Action::Down => self.move_in_terminal(Motion::Rows(-1)),
            Action::PageUp => self.move_in_terminal(Motion::Rows((height / 2).max(1))),
            Action::PageDown => self.move_in_terminal(Motion::Rows(-(height / 2).max(1))),
            Action::First => self.move_in_terminal(Motion::First),
            Action::Last => self.move_in_terminal(Motion::Last),
            Action::Left => self.move_in_terminal(Motion::Left),
            Action::Right => self.move_in_terminal(Motion::Right),
            Action::SelectCells => self.select_in_terminal(Grain::Cells),
            Action::SelectLines => self.select_in_terminal(Grain::Lines),
            Action::Copy => self.copy_from_terminal(),
            Action::NextTab => self.turn_terminal(1),
            Action::PreviousTab => self.turn_terminal(-1),
            Action::NextMatch => self.next_in_terminal(true),
            Action::PreviousMatch => self.next_in_terminal(false),
            Action::CloseTerminal => self.close_terminal(),
            Action::DebugShell => self.debug_shell(),
            Action::Back => self.back_from_terminal(),
            _ => return false,
        }
        if !matches!(action, Action::LeaveTerminal) {
            self.terminals.left = false;
        }
        true
    }

    fn leave_terminal(&mut self) {
        let over = self.terminals.shown().is_some_and(|t| !t.alive());
        if self.terminals.inside && over {
            self.terminals.put_away();
            if self.desk().is_some() {
                return self.at_desk(|desk| desk.focus_on(Pane::Editor));
            }
            return self.leave_detail();
        }
        if self.terminals.inside {
            (self.terminals.inside, self.terminals.left) = (false, true);
            return self.terminal_focus(false);
        }
        // Twice: it was meant for the program.
        if self.terminals.left {
            let chords = self.settings.keymap.chords(Scope::Program, &Action::LeaveTerminal);
            if let Some(chord) = chords.first().copied() {
                self.enter_terminal();
                self.type_into_terminal(KeyEvent::new(chord.code(), chord.modifiers()));
            }
        } else {
            self.enter_terminal();
        }
    }

    /// Gives the program the keys; starts it anew when it is over.
    fn enter_terminal(&mut self) {
        let Some(terminal) = self.terminals.shown() else { return };
        {
            let mut emulator = terminal.screen.lock();
            emulator.deselect();
            emulator.search("");
            emulator.scroll_to_bottom();
        }
        let over = !terminal.alive();
        let pane = &mut self.terminals;
        (pane.inside, pane.left, pane.missed) = (true, false, false);
        pane.query.clear();
        if over {
            self.reopen_terminal();
        } else {
            self.terminal_focus(true);
        }
    }

    fn move_in_terminal(&mut self, motion: Motion) {
        let Some(terminal) = self.terminals.shown() else { return };
        let mut emulator = terminal.screen.lock();
        if emulator.selects_by_keys() {
            return emulator.move_selection(motion);
        }
        match motion {
            Motion::Rows(rows) => emulator.scroll(rows),
            Motion::First => emulator.scroll_to_top(),
            Motion::Last => emulator.scroll_to_bottom(),
            Motion::Left | Motion::Right => {}
        }
    }

    fn select_in_terminal(&mut self, grain: Grain) {
        if let Some(terminal) = self.terminals.shown() {
            terminal.screen.lock().select_by_keys(grain);
        }
    }

    /// Copies what is selected, else what is shown.
    fn copy_from_terminal(&mut self) {
        let Some(terminal) = self.terminals.shown() else { return };
        let text = {
            let mut emulator = terminal.screen.lock();
            let text = emulator.selected().unwrap_or_else(|| emulator.text());
            emulator.deselect();
            text
        };
        self.copy_text(text);
    }

    fn copy_text(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        let lines = text.lines().count();
        let what = if lines == 1 { text.clone() } else { crate::text::count(lines, "line") };
        self.out.push(Effect::Copy(text));
        self.tell(Tone::Good, format!("copied {what}"));
    }

    fn turn_terminal(&mut self, by: isize) {
        let n = self.terminals.open.len() as isize;
        if n > 1 {
            self.show_terminal((self.terminals.current as isize + by).rem_euclid(n) as usize);
        }
    }

    fn show_terminal(&mut self, place: usize) {
        let pane = &mut self.terminals;
        (pane.current, pane.shown) = (place.min(pane.open.len().saturating_sub(1)), true);
        (pane.missed, pane.left) = (false, false);
        pane.query.clear();
        if let Some(terminal) = pane.open.get_mut(pane.current) {
            terminal.rang = false;
            terminal.screen.seen();
        }
        self.focus = Focus::Detail;
    }

    /// Searches as one types.
    pub(in crate::ui) fn search_terminal(&mut self, text: &str) {
        text.clone_into(&mut self.terminals.query);
        let Some(terminal) = self.terminals.shown() else { return };
        let found = terminal.screen.lock().search(text);
        self.terminals.missed = !found && !text.is_empty();
    }

    fn next_in_terminal(&mut self, down: bool) {
        let Some(terminal) = self.terminals.shown() else { return };
        let (searches, found) = {
            let mut emulator = terminal.screen.lock();
            (emulator.searches(), emulator.next_match(down))
        };
        self.terminals.missed = searches && !found;
        if !searches {
            self.tell(Tone::Muted, "nothing is searched for; / searches");
        }
    }

    fn back_from_terminal(&mut self) {
        let Some(terminal) = self.terminals.shown() else { return };
        {
            let mut emulator = terminal.screen.lock();
            if emulator.deselect() {
                return;
            }
            if emulator.searches() {
                emulator.search("");
                drop(emulator);
                self.terminals.query.clear();
                self.terminals.missed = false;
                return;
            }
        }
        if self.desk().is_some() {
            return self.at_desk(|desk| desk.focus_on(Pane::Editor));
        }
        self.terminals.put_away();
        self.leave_detail();
    }

    /// The shape that the program in sight has given its cursor.
    pub fn cursor_shape(&self) -> Shape {
        let shown = self.terminals.shown().filter(|_| self.overlay.is_none() && self.types_in_terminal());
        shown.and_then(|t| t.screen.lock().cursor()).map_or(Shape::Default, |(_, _, shape)| shape)
    }

    /// Something happened to a terminal.
    pub(in crate::ui) fn terminal_news(&mut self, id: TerminalId, what: Happened) {
        let allowed = self.settings.config.terminal.clipboard;
        let Some(place) = self.terminals.place(id) else { return };
        let shown = self.terminals.shown().is_some_and(|t| t.id == id);
        let terminal = &mut self.terminals.open[place];
        match what {
            Happened::Changed => {
                terminal.screen.seen();
                if terminal.screen.lock().take_bell() && !shown && !terminal.rang {
                    terminal.rang = true;
                    let text = format!("the bell of the terminal in {}", terminal.opening.name);
                    self.tell(Tone::Warn, text);
                }
            }
            Happened::Started(program) => (terminal.program, terminal.life) = (program, Life::Running),
            Happened::Ended(code) => {
                terminal.life = Life::Ended(code);
                if !shown {
                    let text = format!("the terminal in {} ended: {}", terminal.opening.name, life_words(terminal));
                    self.tell(Tone::Muted, text);
                }
            }
            Happened::Failed(error) => terminal.life = Life::Failed(error),
            Happened::NoShell => terminal.life = Life::NoShell,
            Happened::Copied(text) if allowed => self.copy_text(text),
            Happened::Copied(text) => {
                let name = terminal.opening.name.clone();
                let size = crate::text::size(text.len() as u64);
                self.tell(
                    Tone::Muted,
                    format!(
                        "a program in {name} wanted {size} on the clipboard; terminal.clipboard in the config allows it"
                    ),
                );
            }
        }
    }

    /// After the screen's parts changed: the program is told the size of its pane.
    pub(in crate::ui) fn fit_terminal(&mut self) {
        let inside = self.areas().inside;
        let nowhere = inside.width == 0 || inside.height == 0 || !self.shows_pane() || layout::too_small(self);
        if self.terminals.shown().is_none() || nowhere {
            return;
        }
        let size = Size::new(inside.width, inside.height);
        let pane = &mut self.terminals;
        if let Some(terminal) = pane.open.get_mut(pane.current)
            && terminal.size != size
        {
            terminal.size = size;
            self.out.push(Effect::Terminals(TerminalOrder::Resize(terminal.id, size)));
        }
    }
}
