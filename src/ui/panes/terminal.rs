//! The terminals: which are open, which one is shown, who gets the keys.
//!
//! While one is *inside*, every key but the way out goes to the program. Outside, keys scroll, search and
//! select. A terminal lives on while other things are shown.

use crossterm::event::{KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use jiff::Timestamp;
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;
use tui_input::Input;

use crate::config::Chord;
use crate::engine::EngineError;
use crate::engine::model::{Container, Id};
use crate::terminal::{Grain, Happened, Motion, Opening, Reports, Screen, Shape, Size, key, mouse, paste};
use crate::ui::action::{Action, Scope};
use crate::ui::app::{App, Effect, Focus};
use crate::ui::overlay::{Choice, Choose, Confirm, Field, Form, Overlay, Pick, Then};
use crate::ui::view::{Target, Tone, View};

/// Which terminal.
pub type TerminalId = u64;

/// Rows that one turn of the wheel goes.
const WHEEL: i32 = 3;
/// Two clicks within so many milliseconds are one double click.
const DOUBLE: i64 = 400;

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
        self.focus == Focus::Detail && self.terminals.shown().is_some()
    }

    /// The scopes of keys while a terminal has the focus.
    pub(in crate::ui) fn terminal_scopes(&self) -> Vec<Scope> {
        match self.terminals.shown() {
            Some(t) if self.terminals.inside && t.alive() => vec![Scope::Program],
            Some(t) if self.terminals.inside && t.life == Life::NoShell => vec![Scope::NoShell, Scope::Over],
            Some(_) if self.terminals.inside => vec![Scope::Over],
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

    fn reopen_terminal(&mut self) {
        let pane = &mut self.terminals;
        let Some(terminal) = pane.open.get_mut(pane.current) else { return };
        terminal.life = Life::Starting;
        terminal.screen.lock().renew();
        let order = TerminalOrder::Open(terminal.id, terminal.opening.clone(), terminal.screen.clone());
        self.out.push(Effect::Terminals(order));
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
        self.focus = Focus::Detail;
        if let Some(terminal) = self.terminals.shown() {
            terminal.screen.seen();
        }
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
        self.terminals.put_away();
        self.leave_detail();
    }

    fn close_terminal(&mut self) {
        let Some(terminal) = self.terminals.shown() else { return };
        if !terminal.alive() {
            return self.drop_terminal(terminal.id);
        }
        self.overlay = Some(Overlay::Confirm(Confirm {
            title: format!("End the terminal in {}?", terminal.opening.name),
            lines: vec![format!("{} and what runs in it are ended", terminal.program)],
            then: Then::CloseTerminal(terminal.id),
            yes: false,
        }));
    }

    /// Ends a terminal; the next one is shown, or what was there before.
    pub(in crate::ui) fn drop_terminal(&mut self, id: TerminalId) {
        let Some(place) = self.terminals.place(id) else { return };
        self.terminals.open.remove(place);
        self.out.push(Effect::Terminals(TerminalOrder::Close(id)));
        let pane = &mut self.terminals;
        if place < pane.current || pane.current >= pane.open.len() {
            pane.current = pane.current.saturating_sub(1);
        }
        pane.inside = false;
        if pane.open.is_empty() {
            pane.put_away();
            if self.focus == Focus::Detail {
                self.leave_detail();
            }
        }
    }

    /// Opens a terminal in what is selected, or goes back to the one that is open there.
    pub(in crate::ui) fn terminal_here(&mut self) {
        let another = self.in_terminal();
        let Some(container) = self.container_for_terminal() else { return };
        let open = self.terminals.open.iter().rposition(|t| t.opening.container == container.id && t.alive());
        match open {
            Some(place) if !another => {
                self.show_terminal(place);
                self.enter_terminal();
            }
            _ => self.open_terminal(self.opening(&container)),
        }
    }

    /// Asks for command, user and directory.
    pub(in crate::ui) fn ask_terminal(&mut self) {
        let Some(container) = self.container_for_terminal() else { return };
        let field = |label, advice| Field { label, advice, input: Input::default() };
        self.overlay = Some(Overlay::Form(Form {
            title: format!("A terminal in {}", container.name),
            fields: vec![
                field("command", "empty: bash, zsh, ash or sh, the first that is there"),
                field("user", "empty: the container's own; a name, a number, or uid:gid"),
                field("directory", "empty: the container's own"),
            ],
            at: 0,
            container: container.id.clone(),
        }));
    }

    /// Opens the terminal that was asked for.
    pub(in crate::ui) fn terminal_asked(&mut self, form: &Form) {
        let Some(container) = self.snap.containers.get(&form.container).cloned() else {
            return self.tell(Tone::Warn, "the container is gone");
        };
        let field =
            |n: usize| form.fields.get(n).map(|f| f.input.value().trim().to_owned()).filter(|text| !text.is_empty());
        let opening = Opening { command: field(0), user: field(1), dir: field(2), ..self.opening(&container) };
        self.open_terminal(opening);
    }

    fn opening(&self, container: &Container) -> Opening {
        let mut env = vec!["TERM=xterm-256color".to_owned()];
        env.extend(self.settings.true_color.then(|| "COLORTERM=truecolor".to_owned()));
        Opening { container: container.id.clone(), name: container.name.clone(), env, ..Opening::default() }
    }

    /// The container a terminal is wanted in; says why there is none.
    fn container_for_terminal(&mut self) -> Option<std::sync::Arc<Container>> {
        if let Some(terminal) = self.terminals.shown().filter(|_| self.in_terminal()) {
            let id = terminal.opening.container.clone();
            let found = self.snap.containers.get(&id).filter(|c| c.state.is_up()).cloned();
            if found.is_none() {
                self.tell(Tone::Warn, "its container does not run");
            }
            return found;
        }
        let target = self.here()?;
        let all = self.containers_of(&target);
        let found = all.iter().find(|c| c.state == crate::engine::model::State::Running).cloned();
        if found.is_none() {
            let paused = all.iter().any(|c| c.state == crate::engine::model::State::Paused);
            self.tell(
                Tone::Warn,
                if paused {
                    "a paused container runs no new program; p lets it go on"
                } else {
                    "only in what runs can a terminal be opened; s starts it"
                },
            );
        } else if self.view == View::Deck {
            self.go_to(target);
        }
        found
    }

    fn open_terminal(&mut self, opening: Opening) {
        let config = &self.settings.config.terminal;
        let area = self.areas().detail.unwrap_or(Rect::new(0, 0, self.size.width, self.size.height.saturating_sub(3)));
        let size = Size::new(area.width.saturating_sub(2), area.height.saturating_sub(2));
        let screen = Screen::new(size, config.scrollback as usize);
        if let (Some(Color::Rgb(r, g, b)), Some(Color::Rgb(x, y, z))) =
            (self.settings.theme.text.fg, self.settings.theme.background.bg)
        {
            screen.lock().set_ground([r, g, b], [x, y, z]);
        }
        let pane = &mut self.terminals;
        pane.count += 1;
        let id = pane.count;
        let program = opening.command.clone().unwrap_or_else(|| "shell".to_owned());
        let host = self.snap.host.clone();
        pane.open.push(OpenTerminal {
            id,
            opening: opening.clone(),
            host,
            program,
            life: Life::Starting,
            screen: screen.clone(),
            size,
        });
        let place = pane.open.len() - 1;
        self.show_terminal(place);
        self.terminals.inside = true;
        self.list_mut().touched = true;
        // The pane may be of another size than the one before it: the program is started in the right one.
        self.fit_terminal();
        let size = self.terminals.open[place].size;
        screen.lock().resize(size);
        self.out.retain(|e| !matches!(e, Effect::Terminals(TerminalOrder::Resize(n, _)) if *n == id));
        self.out.push(Effect::Terminals(TerminalOrder::Open(id, opening, screen)));
    }

    /// A shell beside a container that has none.
    fn debug_shell(&mut self) {
        let Some(terminal) = self.terminals.shown() else { return };
        if terminal.life != Life::NoShell {
            return self.tell(Tone::Muted, "this container has a shell");
        }
        let image = self.settings.config.terminal.debug_image.clone();
        let pane = &mut self.terminals;
        if let Some(terminal) = pane.open.get_mut(pane.current) {
            terminal.opening.helper = Some(image);
            (terminal.opening.user, terminal.opening.dir, terminal.opening.command) = (None, None, None);
        }
        pane.inside = true;
        self.reopen_terminal();
    }

    /// The shape that the program in sight has given its cursor.
    pub fn cursor_shape(&self) -> Shape {
        let shown = self.terminals.shown().filter(|_| self.overlay.is_none() && self.types_in_terminal());
        shown.and_then(|t| t.screen.lock().cursor()).map_or(Shape::Default, |(_, _, shape)| shape)
    }

    /// The list of all that are open.
    pub(in crate::ui) fn choose_terminal(&mut self) {
        if self.terminals.open.is_empty() {
            return self.tell(Tone::Muted, "no terminal is open; t on a container opens one");
        }
        let all = self.terminals.open.iter().map(|t| Choice {
            name: t.opening.name.clone(),
            about: match &t.life {
                Life::Starting => "starting".to_owned(),
                Life::Running => match t.screen.lock().title() {
                    "" => t.program.clone(),
                    title => format!("{}  {title}", t.program),
                },
                Life::Ended(_) | Life::Failed(_) | Life::NoShell => format!("{}  {}", t.program, life_words(t)),
            },
            note: if t.host == self.snap.host { String::new() } else { t.host.clone() },
            dimmed: None,
            pick: Pick::Terminal(t.id),
        });
        let mut choose = Choose::new("Terminals", all.collect());
        choose.cursor = self.terminals.current.min(self.terminals.open.len() - 1);
        self.overlay = Some(Overlay::Choose(choose));
    }

    /// Goes to a terminal, and into it.
    pub(in crate::ui) fn go_to_terminal(&mut self, id: TerminalId) {
        if let Some(place) = self.terminals.place(id) {
            self.show_terminal(place);
            if self.terminals.open[place].alive() {
                self.enter_terminal();
            }
        }
    }

    /// Something happened to a terminal.
    pub(in crate::ui) fn terminal_news(&mut self, id: TerminalId, what: Happened) {
        let allowed = self.settings.config.terminal.clipboard;
        let Some(place) = self.terminals.place(id) else { return };
        let shown = self.terminals.shown().is_some_and(|t| t.id == id);
        let terminal = &mut self.terminals.open[place];
        match what {
            Happened::Changed => terminal.screen.seen(),
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
        if self.terminals.shown().is_none() || inside.width == 0 || inside.height == 0 || !self.shows_pane() {
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

    /// The mouse on the terminal; answers whether it was for it.
    pub(in crate::ui) fn terminal_mouse(&mut self, event: MouseEvent) -> bool {
        let Some(terminal) = self.terminals.shown().filter(|_| self.shows_pane()) else { return false };
        let (areas, place) = (self.areas(), Position::new(event.column, event.row));
        let inside = areas.inside;
        let dragging = self.terminals.press.is_some_and(|p| p.held);
        if !inside.contains(place) && !dragging {
            let tab = areas.detail.is_some_and(|d| d.contains(place) && place.y == d.y);
            if tab
                && event.kind == MouseEventKind::Down(MouseButton::Left)
                && let Some(n) = crate::ui::draw::terminal::tab_at(self, place.x)
            {
                self.show_terminal(n);
            }
            return tab;
        }
        let (x, y) = (
            place.x.clamp(inside.x, inside.right().saturating_sub(1)) - inside.x,
            place.y.clamp(inside.y, inside.bottom().saturating_sub(1)) - inside.y,
        );
        let (id, modes) = (terminal.id, terminal.screen.lock().modes());
        if self.types_in_terminal() && modes.mouse != Reports::None && !event.modifiers.contains(KeyModifiers::SHIFT) {
            let bytes = mouse(event.kind, event.modifiers, x, y, modes);
            self.send_to_terminal(id, bytes);
            return true;
        }
        match event.kind {
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown => {
                let up = event.kind == MouseEventKind::ScrollUp;
                if self.types_in_terminal() && modes.alternate_screen && modes.alternate_scroll {
                    let code = if up { crossterm::event::KeyCode::Up } else { crossterm::event::KeyCode::Down };
                    let bytes = key(KeyEvent::from(code), modes).repeat(WHEEL as usize);
                    self.send_to_terminal(id, bytes);
                } else if let Some(terminal) = self.terminals.shown() {
                    terminal.screen.lock().scroll(if up { WHEEL } else { -WHEEL });
                }
            }
            MouseEventKind::Down(MouseButton::Left) => self.press_in_terminal(Position::new(x, y)),
            MouseEventKind::Drag(MouseButton::Left) => self.drag_in_terminal(Position::new(x, y), place.y < inside.y),
            MouseEventKind::Up(MouseButton::Left) => self.release_in_terminal(),
            _ => {}
        }
        true
    }

    fn press_in_terminal(&mut self, at: Position) {
        let now = self.now;
        let again = self
            .terminals
            .press
            .filter(|p| p.at == at && now.as_millisecond() - p.time.as_millisecond() < DOUBLE && p.clicks < 3);
        let clicks = again.map_or(1, |p| p.clicks + 1);
        self.terminals.press = Some(Press { at, time: now, clicks, held: true });
        if !self.in_terminal() || !self.terminals.inside {
            self.focus = Focus::Detail;
            if self.terminals.shown().is_some_and(OpenTerminal::alive) {
                self.terminals.inside = true;
                self.terminal_focus(true);
            }
        }
        let Some(terminal) = self.terminals.shown() else { return };
        let mut emulator = terminal.screen.lock();
        emulator.deselect();
        match clicks {
            2 => emulator.select(at.x, at.y, Grain::Words),
            3 => emulator.select(at.x, at.y, Grain::Lines),
            _ => {}
        }
    }

    fn drag_in_terminal(&mut self, at: Position, above: bool) {
        let (Some(press), Some(terminal)) = (self.terminals.press.filter(|p| p.held), self.terminals.shown()) else {
            return;
        };
        let mut emulator = terminal.screen.lock();
        if press.clicks == 1 && emulator.selected().is_none() && at != press.at {
            emulator.select(press.at.x, press.at.y, Grain::Cells);
        }
        if above {
            emulator.scroll(1);
        }
        emulator.select_to(at.x, at.y);
    }

    fn release_in_terminal(&mut self) {
        if let Some(press) = &mut self.terminals.press {
            press.held = false;
        }
        let text = self.terminals.shown().and_then(|t| t.screen.lock().selected());
        if let Some(text) = text {
            self.copy_text(text);
        }
    }

    /// The terminals whose programs run: what is lost when the panel is left.
    pub(in crate::ui) fn live_terminals(&self) -> Vec<String> {
        let alive = self.terminals.open.iter().filter(|t| t.alive());
        alive.map(|t| format!("{} in {} is ended", t.program, t.opening.name)).collect()
    }

    /// Whether a container has a terminal.
    pub fn has_terminal(&self, id: &Id) -> bool {
        self.terminals.open.iter().any(|t| t.alive() && t.opening.container == *id)
    }

    /// What a terminal that is over has to say: what happened, and what to do next.
    pub fn terminal_words(&self, terminal: &OpenTerminal) -> Option<String> {
        let key = |scope, action: &Action| {
            let chord = self.settings.keymap.chords(scope, action).first();
            chord.map_or(String::new(), |c| c.label(self.settings.symbols.ascii))
        };
        let again = format!("{} starts it again", key(Scope::Over, &Action::Open));
        let stopped = match self.container(&Target::Container(terminal.opening.container.clone())) {
            _ if terminal.host != self.snap.host => "",
            Some(c) if c.state.is_up() => "",
            Some(_) => "; its container stopped",
            None => "; its container is gone",
        };
        Some(match &terminal.life {
            Life::Starting | Life::Running => return None,
            Life::Ended(_) => format!("{} {}{stopped}. {again}.", terminal.program, life_words(terminal)),
            Life::Failed(error) => format!("{error}. {again}."),
            Life::NoShell => format!(
                "{} has no shell. {} opens one beside it, from an image of this host: same processes, same network.",
                terminal.opening.name,
                key(Scope::NoShell, &Action::DebugShell)
            ),
        })
    }
}

/// How a program ended, in a few words.
pub(in crate::ui) fn life_words(terminal: &OpenTerminal) -> String {
    match &terminal.life {
        Life::Starting => "starting…".to_owned(),
        Life::Running => String::new(),
        Life::Ended(Some(0)) => "ended".to_owned(),
        Life::Ended(Some(code @ 129..=192)) => format!("ended with {code} (signal {})", code - 128),
        Life::Ended(Some(code)) => format!("ended with {code}"),
        Life::Ended(None) => "ended; the engine does not know how".to_owned(),
        Life::Failed(error) => error.message.clone(),
        Life::NoShell => "there is no shell".to_owned(),
    }
}
