//! Which chord means which action where: the table of actions, a preset, and the user's config.

use std::collections::HashMap;

use crate::config::{Binding, Chord, Preset};

use super::action::{ACTIONS, Action, Scope};

/// Keys that a preset adds for hands that know another program. They come before the table's own.
type Rows = &'static [(Scope, &'static str, &'static [&'static str])];

const LAZYDOCKER: Rows = &[
    (Scope::Container, "stop-start", &["s", "S"]),
    (Scope::Container, "logs", &["l", "m"]),
    (Scope::Stack, "logs", &["l", "m"]),
    (Scope::Container, "terminal", &["t", "E"]),
    (Scope::Stack, "up", &["u", "U"]),
    (Scope::Stack, "restart", &["r", "R"]),
    (Scope::List, "toggle-stopped", &["e"]),
    (Scope::List, "prune", &["b"]),
    (Scope::Anywhere, "palette", &[":", "x"]),
];

const K9S: Rows = &[
    (Scope::List, "inspect", &["d", "i"]),
    (Scope::Container, "remove", &["ctrl-d"]),
    (Scope::Image, "remove", &["ctrl-d"]),
    (Scope::Network, "remove", &["ctrl-d"]),
    (Scope::Volume, "remove", &["ctrl-d"]),
    (Scope::Session, "end-session", &["ctrl-d"]),
    (Scope::Anywhere, "page-down", &["pagedown", "ctrl-f"]),
    (Scope::Anywhere, "page-up", &["pageup", "ctrl-b"]),
];

/// The key map of one person.
#[derive(Debug, Clone, Default)]
pub struct Keymap {
    actions: HashMap<(Scope, Chord), Action>,
    chords: HashMap<(Scope, Action), Vec<Chord>>,
}

impl Keymap {
    /// The table's keys, changed by a preset, then by the user's bindings, then by the keys of the
    /// user's own commands (each with the scope it works on).
    /// An action that does not exist is the config's to refuse, where it is read.
    pub fn new(preset: Preset, bindings: &[Binding], commands: &[(Scope, Option<Chord>)]) -> Self {
        let rows = match preset {
            Preset::Ondeck => &[][..],
            Preset::Lazydocker => LAZYDOCKER,
            Preset::K9s => K9S,
        };
        let mut map = Self::default();
        for entry in ACTIONS {
            let own = bindings.iter().rfind(|b| b.action == entry.name).map(|b| b.chords.clone());
            let preset = rows.iter().find(|(scope, name, _)| *scope == entry.scope && *name == entry.name);
            let keys = preset.map_or(entry.keys, |(_, _, keys)| keys);
            let chords = own.unwrap_or_else(|| keys.iter().filter_map(|k| k.parse().ok()).collect());
            map.bind(entry.scope, &entry.action, chords);
        }
        for (index, (scope, chord)) in commands.iter().enumerate() {
            map.bind(*scope, &Action::Custom(index), chord.iter().copied().collect());
        }
        map
    }

    fn bind(&mut self, scope: Scope, action: &Action, chords: Vec<Chord>) {
        for chord in &chords {
            self.actions.insert((scope, *chord), action.clone());
        }
        self.chords.insert((scope, action.clone()), chords);
    }

    /// What `chord` means in the first of `scopes` that has it.
    pub fn lookup(&self, scopes: &[Scope], chord: Chord) -> Option<&Action> {
        scopes.iter().find_map(|scope| self.actions.get(&(*scope, chord)))
    }

    /// The chords of an action in a scope.
    pub fn chords(&self, scope: Scope, action: &Action) -> &[Chord] {
        self.chords.get(&(scope, action.clone())).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_key_in_the_tables_is_a_chord_and_means_one_thing() {
        let mut seen: HashMap<(Scope, Chord), &str> = HashMap::new();
        for entry in ACTIONS {
            for key in entry.keys {
                let chord: Chord = key.parse().unwrap_or_else(|e| panic!("{key}: {e:?}"));
                let before = seen.insert((entry.scope, chord), entry.name);
                assert_eq!(before, None, "{key} in {:?} is also {}", entry.scope, entry.name);
            }
        }
        for (scope, name, keys) in LAZYDOCKER.iter().chain(K9S) {
            assert!(ACTIONS.iter().any(|e| e.scope == *scope && e.name == *name), "{scope:?} {name}");
            assert!(keys.iter().all(|k| k.parse::<Chord>().is_ok()), "{keys:?}");
        }
    }

    #[test]
    fn a_special_scope_wins_over_a_general_one() {
        let map = Keymap::new(Preset::Ondeck, &[], &[]);
        let c: Chord = "c".parse().unwrap();
        assert_eq!(map.lookup(&[Scope::Task, Scope::Anywhere], c), Some(&Action::CopyCommand));
        assert_eq!(map.lookup(&[Scope::Container, Scope::Anywhere], c), Some(&Action::Stats));
        assert_eq!(map.lookup(&[Scope::Image, Scope::Anywhere], c), None);
    }

    #[test]
    fn presets_put_no_removal_on_a_key_that_is_harmless_there() {
        let map = Keymap::new(Preset::K9s, &[], &[]);
        let d: Chord = "d".parse().unwrap();
        assert_eq!(map.lookup(&[Scope::Container, Scope::List, Scope::Anywhere], d), Some(&Action::Inspect));
        assert_eq!(map.lookup(&[Scope::Session, Scope::List, Scope::Anywhere], d), Some(&Action::Inspect));
    }
}
