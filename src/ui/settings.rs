//! What a person brought along.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::config::{Config, Depth, Symbols, Theme};

use super::desk::Remembered;
use super::keymap::Keymap;

/// What a person brought along: config, keys, colours.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The config file.
    pub config: Arc<Config>,
    /// Keys.
    pub keymap: Keymap,
    /// Colours, fit for the terminal.
    pub theme: Theme,
    /// All themes there are, as fit for the terminal.
    pub themes: Vec<Theme>,
    /// Signs.
    pub symbols: Symbols,
    /// How many colours the terminal has.
    pub depth: Depth,
    /// Whether it says that it has all of them.
    pub true_color: bool,
    /// Where the person's clock stands.
    pub zone: TimeZone,
    /// Whose sessions are started here.
    pub owner: String,
    /// What is remembered of workspaces.
    pub remembered: Remembered,
    /// Contexts of the docker CLI: name and address.
    pub hosts: Vec<(String, String)>,
}
