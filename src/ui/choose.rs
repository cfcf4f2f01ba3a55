//! What is chosen from a list that lies over the rest: commands, themes, hosts, signals; and the user's
//! own commands.

use crate::config::On;
use crate::tasks::{Job, Verb};

use super::action::{ACTIONS, Action};
use super::app::{App, refusal};
use super::message::Effect;
use super::overlay::{Choice, Choose, Confirm, Overlay, Pick, Then};
use super::view::{Target, Tone};

/// Signals offered by `kill`, the gentlest first.
const SIGNALS: [(&str, &str); 8] = [
    ("SIGTERM", "ask it to end"),
    ("SIGINT", "as Ctrl-C would"),
    ("SIGHUP", "many servers read their configuration again"),
    ("SIGQUIT", "end with a core dump, or gracefully for nginx"),
    ("SIGUSR1", "whatever the program makes of it"),
    ("SIGUSR2", "whatever the program makes of it"),
    ("SIGWINCH", "the window's size changed; apache ends gracefully"),
    ("SIGKILL", "end at once, without a chance to clean up"),
];

impl App {
    pub(super) fn choose_signal(&mut self) {
        if self.chosen_containers().iter().all(|c| !c.state.is_up()) {
            return self.tell(Tone::Warn, "only what runs can get a signal");
        }
        let choice = |(name, about): (&str, &str)| Choice {
            name: name.to_owned(),
            about: about.to_owned(),
            note: String::new(),
            dimmed: None,
            pick: Pick::Signal(name.to_owned()),
        };
        self.overlay = Some(Overlay::Choose(Choose::new("Send a signal", SIGNALS.map(choice).to_vec())));
    }

    pub(super) fn send_signal(&mut self, signal: String) {
        let up: Vec<_> = self.chosen_containers().into_iter().filter(|c| c.state.is_up()).collect();
        self.on_containers(Verb::Kill { signal }, &up);
    }

    pub(super) fn choose_theme(&mut self) {
        let now = self.settings.theme.name.clone();
        let all = self.settings.themes.iter().map(|t| Choice {
            name: t.name.clone(),
            about: t.description.clone(),
            note: if t.name == now { "in use".into() } else { String::new() },
            dimmed: None,
            pick: Pick::Theme(t.name.clone()),
        });
        let mut choose = Choose::new("Theme", all.collect());
        choose.cursor = choose.all.iter().position(|c| c.name == now).unwrap_or(0);
        choose.live = true;
        self.overlay = Some(Overlay::Choose(choose));
    }

    pub(super) fn choose_host(&mut self) {
        let all = self.settings.hosts.iter().map(|(name, address)| Choice {
            name: name.clone(),
            about: address.clone(),
            note: if *name == self.snap.host { "connected".into() } else { String::new() },
            dimmed: None,
            pick: Pick::Host(name.clone()),
        });
        self.overlay = Some(Overlay::Choose(Choose::new("Host", all.collect())));
    }

    pub(super) fn open_palette(&mut self) {
        let scopes = self.scopes();
        let mut all: Vec<Choice> = Vec::new();
        for entry in ACTIONS.iter().filter(|e| scopes.contains(&e.scope)) {
            if matches!(entry.action, Action::Palette | Action::Up | Action::Down)
                || all.iter().any(|c| c.pick == Pick::Act(entry.action.clone()))
            {
                continue;
            }
            let keys = self.settings.keymap.chords(entry.scope, &entry.action);
            all.push(Choice {
                name: entry.name.to_owned(),
                about: entry.about.to_owned(),
                note: keys.first().map_or(String::new(), ToString::to_string),
                dimmed: refusal(self, &entry.action, entry.scope),
                pick: Pick::Act(entry.action.clone()),
            });
        }
        for (index, command) in self.settings.config.commands.iter().enumerate() {
            let on_this = self.here().is_some_and(|t| self.command_fits(index, &t));
            all.push(Choice {
                name: command.name.clone(),
                about: command.written().to_owned(),
                note: command.key.map_or(String::new(), |k| k.to_string()),
                dimmed: (!on_this).then(|| "not for what is selected".to_owned()),
                pick: Pick::Act(Action::Custom(index)),
            });
        }
        self.overlay = Some(Overlay::Choose(Choose::new("Commands", all)));
    }

    fn command_fits(&self, index: usize, target: &Target) -> bool {
        self.custom(index).is_some_and(|c| match c.on {
            On::Host => true,
            On::Container => matches!(target, Target::Container(_)),
            On::Service => {
                matches!(target, Target::Service(..)) || self.container(target).is_some_and(|c| c.service().is_some())
            }
            On::Stack => matches!(target, Target::Stack(_)),
            On::Image => matches!(target, Target::Image(_)),
            On::Network => matches!(target, Target::Network(_)),
            On::Volume => matches!(target, Target::Volume(_)),
        })
    }

    pub(super) fn custom_command(&mut self, index: usize) {
        let Some(target) = self.here() else { return };
        if !self.command_fits(index, &target) {
            return self.tell(Tone::Warn, "this command is not for what is selected");
        }
        let Some(command) = self.custom(index) else { return };
        match command.expand(&self.fields(&target)) {
            Err(error) => self.tell(Tone::Bad, error),
            Ok(line) if command.confirm => {
                self.overlay = Some(Overlay::Confirm(Confirm {
                    title: format!("{}?", command.name),
                    lines: vec![line],
                    then: Then::Custom(index),
                    yes: false,
                }));
            }
            Ok(_) => self.run_custom(index),
        }
    }

    pub(super) fn run_custom(&mut self, index: usize) {
        let (Some(target), Some(command)) = (self.here(), self.custom(index)) else { return };
        match command.expand(&self.fields(&target)) {
            Err(error) => self.tell(Tone::Bad, error),
            Ok(line) if command.terminal => self.out.push(Effect::Terminal(line)),
            Ok(line) => {
                let name = command.name.clone();
                self.out.push(Effect::Run(Job::Custom { name, command: line }));
            }
        }
    }
}
