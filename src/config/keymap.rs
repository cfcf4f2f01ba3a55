//! Which keys do what, as the configuration says it. What an action name means is the panel's business.

use super::chord::Chord;
use super::source::Place;

/// A key map that an operator's hands already know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The panel's own.
    #[default]
    Ondeck,
    /// As lazydocker has it.
    Lazydocker,
    /// As k9s has it.
    K9s,
}

impl Preset {
    /// Every preset with its name in the configuration.
    pub const ALL: [(&str, Self); 3] = [("ondeck", Self::Ondeck), ("lazydocker", Self::Lazydocker), ("k9s", Self::K9s)];
}

/// One line under `keys:`. It replaces every key that the preset gives to the action; no chords at all
/// takes the action off the keyboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The action's name, not checked yet.
    pub action: String,
    /// Its keys.
    pub chords: Vec<Chord>,
    /// Where the file says so, for an error about an action that is not there.
    pub place: Place,
}
