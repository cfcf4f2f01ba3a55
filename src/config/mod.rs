//! What a person can set: `config.yaml`, keys, themes, signs.

mod chord;
mod depth;
mod keymap;
mod source;
mod symbols;
mod theme;
mod theme_file;

pub use chord::{Chord, NotAChord};
pub use keymap::{Binding, Preset};
pub use source::{ConfigError, Place, Source};
pub use symbols::Symbols;
pub use theme::{DEFAULT as DEFAULT_THEME, Depth, Kind, Theme, ThemeEntry};
