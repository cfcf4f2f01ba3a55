//! Opening terminals, coming back to them, ending them, and the words for how they ended.

use ratatui::layout::Rect;
use ratatui::style::Color;
use tui_input::Input;

use crate::engine::model::{Container, Id};
use crate::sessions::Session;
use crate::terminal::{Opening, Screen, Size};
use crate::ui::action::{Action, Scope};
use crate::ui::app::{App, Focus};
use crate::ui::desk::Pane;
use crate::ui::message::Effect;
use crate::ui::overlay::{Choice, Choose, Confirm, Field, Form, FormAsk, Overlay, Pick, Then};
use crate::ui::view::{Target, Tone, View};

use super::{Life, OpenTerminal, TerminalId, TerminalOrder};

impl App {
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

    /// Goes into a terminal of a container; opens one where there is none.
    pub(in crate::ui) fn terminal_in(&mut self, container: &Id) {
        self.terminals.show_of(container);
        if self.terminals.shown().is_some() {
            return self.enter_terminal();
        }
        match self.snap.containers.get(container).filter(|c| c.state.is_up()).cloned() {
            Some(container) => self.open_terminal(self.opening(&container)),
            None => self.tell(Tone::Warn, "the session does not run"),
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
            verb: "opens",
            ask: FormAsk::Terminal(container.id.clone()),
            error: None,
        }));
    }

    /// Opens the terminal that was asked for.
    pub(in crate::ui) fn terminal_asked(&mut self, container: &Id, form: &Form) {
        let Some(container) = self.snap.containers.get(container).cloned() else {
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
        let session = Session::of(container).map(|s| format!("session {}", s.id));
        let name = session.unwrap_or_else(|| container.name.clone());
        Opening { container: container.id.clone(), name, env, ..Opening::default() }
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
            rang: false,
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

    pub(super) fn reopen_terminal(&mut self) {
        let pane = &mut self.terminals;
        let Some(terminal) = pane.open.get_mut(pane.current) else { return };
        terminal.life = Life::Starting;
        terminal.screen.lock().renew();
        let order = TerminalOrder::Open(terminal.id, terminal.opening.clone(), terminal.screen.clone());
        self.out.push(Effect::Terminals(order));
    }

    /// A shell beside a container that has none.
    pub(super) fn debug_shell(&mut self) {
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
            let container = &self.terminals.open[place].opening.container;
            match self.desk().map(|d| d.site.container() == Some(container)) {
                Some(true) => self.at_desk(|desk| desk.focus_on(Pane::Terminal)),
                Some(false) => self.leave_desk(),
                None => {}
            }
            self.show_terminal(place);
            if self.terminals.open[place].alive() {
                self.enter_terminal();
            }
        }
    }

    pub(super) fn close_terminal(&mut self) {
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
            if self.desk().is_some() {
                self.at_desk(|desk| desk.focus_on(Pane::Editor));
            } else if self.focus == Focus::Detail {
                self.leave_detail();
            }
        }
    }

    /// The terminals whose programs run: what is lost when the panel is left.
    pub(in crate::ui) fn live_terminals(&self) -> Vec<String> {
        let alive = self.terminals.open.iter().filter(|t| t.alive());
        alive.map(|t| format!("{} in {} is ended", t.program, t.opening.name)).collect()
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
