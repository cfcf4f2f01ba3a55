//! What a person can set: `config.yaml`, keys, themes, signs.
//!
//! `Config::load` reads and checks everything at once; what is wrong is said with file, line and column.
//! Only the names of actions and views are checked later, by `Config::check`, since the panel knows them.

mod chord;
mod command;
mod depth;
mod editor;
mod explain;
mod file;
mod health;
mod hints;
mod keymap;
mod labs;
mod located;
mod probe;
mod secrets;
mod sessions;
mod source;
mod symbols;
mod theme;
mod theme_file;
mod units;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod theme_tests;

use std::path::{Path, PathBuf};

pub use chord::{Chord, NotAChord};
pub use command::{CustomCommand, Fields, On};
pub use editor::{Editor, EditorKeys, Lint};
pub use health::{Audit, Heal, Health, Notify, ProbeOf};
pub use hints::{Hints, Provider};
pub use keymap::{Binding, Preset};
pub use labs::{GitLabs, Labs};
pub(crate) use located::{At, Named, Part, Rest};
pub use probe::{HttpTarget, INTERVAL, NotAProbe, PortTarget, TIMEOUT, body_pattern, status, within};
pub use secrets::Secrets;
pub use sessions::Sessions;
pub use source::{ConfigError, Place, Source};
pub(crate) use source::{quoted, suggestion};
pub use symbols::Symbols;
pub use theme::{DEFAULT as DEFAULT_THEME, Depth, Kind, Theme, ThemeEntry};
pub use units::{NotAQuantity, Period, Size};

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The theme's name; it is there and has no errors.
    pub theme: String,
    /// Whether to draw in plain ASCII.
    pub ascii: Ascii,
    /// Whether the panel takes mouse clicks.
    pub mouse: bool,
    /// The key map to start from.
    pub keymap: Preset,
    /// Keys of the user's own, over those of the key map.
    pub keys: Vec<Binding>,
    /// Commands of the user's own.
    pub commands: Vec<CustomCommand>,
    /// Whether processor and memory use are read.
    pub stats: bool,
    /// Logs.
    pub logs: Logs,
    /// Terminals.
    pub terminal: Terminal,
    /// Sessions.
    pub sessions: Sessions,
    /// Where labs are from, besides those that are built in.
    pub labs: Labs,
    /// The editor of workspaces.
    pub editor: Editor,
    /// Which rules Dockerfiles are judged by.
    pub lint: Lint,
    /// The assistant that may be asked for hints.
    pub hints: Hints,
    /// How health is watched, healed and told of.
    pub health: Health,
    /// What audits let pass.
    pub audit: Audit,
    /// Which environment variables are masked.
    pub secrets: Secrets,
    /// Which actions ask first.
    pub confirm: Confirm,
    /// The engine to connect to, an address or a context; none means as the docker command does.
    pub host: Option<String>,
    /// How the screen is divided.
    pub layout: Layout,
    /// The view to open first; see `check`.
    pub start_view: String,
    /// The file that was read.
    source: Option<Source>,
    /// The folder that `config.yaml` and `themes/` are in.
    folder: Option<PathBuf>,
    start_view_place: Option<Place>,
}

/// Whether to draw in plain ASCII.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ascii {
    /// If the locale is not UTF-8.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which actions ask first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// Those that lose something: remove, prune, kill, down.
    #[default]
    Destructive,
    /// Those that interrupt something too: stop, restart, pause.
    All,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Logs {
    /// How many of the newest lines are read at first.
    pub tail: u32,
    /// How much memory the lines of all log panes may take.
    #[serde(deserialize_with = "file::budget")]
    pub budget: Size,
    /// Whether the time stands before each line.
    pub timestamps: bool,
    /// Whether long lines are wrapped.
    pub wrap: bool,
    /// Nothing older is read.
    pub since: Option<Period>,
}

impl Default for Logs {
    fn default() -> Self {
        Self { tail: 1000, budget: Size(32 << 20), timestamps: true, wrap: false, since: None }
    }
}

/// Terminals.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terminal {
    /// How many rows are kept after they have left the screen.
    #[serde(deserialize_with = "file::scrollback")]
    pub scrollback: u32,
    /// Whether programs may put text on the clipboard.
    pub clipboard: bool,
    /// The image of a shell beside a container that has none.
    pub debug_image: Option<String>,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { scrollback: 5000, clipboard: false, debug_image: None }
    }
}

/// How the screen is divided.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layout {
    /// How many percent of the width a list takes beside its detail pane.
    #[serde(deserialize_with = "file::split")]
    pub split: u8,
}

impl Default for Layout {
    fn default() -> Self {
        Self { split: 42 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            theme: DEFAULT_THEME.to_owned(),
            ascii: Ascii::default(),
            mouse: true,
            keymap: Preset::default(),
            keys: Vec::new(),
            commands: Vec::new(),
            stats: true,
            logs: Logs::default(),
            terminal: Terminal::default(),
            sessions: Sessions::default(),
            labs: Labs::default(),
            editor: Editor::default(),
            lint: Lint::default(),
            hints: Hints::default(),
            health: Health::default(),
            audit: Audit::default(),
            secrets: Secrets::default(),
            confirm: Confirm::default(),
            host: None,
            layout: Layout::default(),
            start_view: "deck".to_owned(),
            source: None,
            folder: None,
            start_view_place: None,
        }
    }
}

impl Config {
    /// Reads the configuration: the file at `path`, or the one that `ONDECK_CONFIG` names, or
    /// `config.yaml` in the user's configuration folder. Only the last may be missing.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let named = path
            .map(Path::to_path_buf)
            .or_else(|| std::env::var_os("ONDECK_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from));
        if let Some(path) = named {
            return Self::parse(Source::read(&path)?, path.parent().map(Path::to_path_buf));
        }
        let Some(folder) = directories::ProjectDirs::from("", "", "ondeck").map(|dirs| dirs.config_dir().to_path_buf())
        else {
            return Ok(Self::default());
        };
        let path = folder.join("config.yaml");
        // Only a file that is not there is no configuration; one that cannot be read is an error.
        match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self { folder: Some(folder), ..Self::default() })
            }
            _ => Self::parse(Source::read(&path)?, Some(folder)),
        }
    }

    /// The default configuration as a file with every setting explained.
    pub fn documented() -> &'static str {
        include_str!("default.yaml")
    }

    /// Checks the names that only the panel knows: of actions under `keys`, and of `start_view`.
    pub fn check(&self, actions: &[&str], views: &[&str]) -> Result<(), ConfigError> {
        for binding in &self.keys {
            if !actions.contains(&binding.action.as_str()) {
                return Err(self.error(Some(binding.place), "an action", &binding.action, actions));
            }
        }
        if !views.contains(&self.start_view.as_str()) {
            return Err(self.error(self.start_view_place, "a view", &self.start_view, views));
        }
        Ok(())
    }

    fn error(&self, place: Option<Place>, what: &str, found: &str, known: &[&str]) -> ConfigError {
        let message = format!("found {}, expected {what}", source::quoted(found));
        let hint = source::suggestion(found, known.iter().copied());
        match (&self.source, place) {
            (Some(source), Some(place)) => source.error(place, message, hint),
            _ => ConfigError::whole("config", message, hint),
        }
    }

    /// The folder of the user's own themes, whether it is there or not.
    pub fn themes_folder(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join("themes"))
    }

    /// A theme by name in the colours that the terminal can show.
    pub fn theme_named(&self, name: &str, depth: Depth) -> Result<Theme, ConfigError> {
        Ok(Theme::load(name, self.themes_folder().as_deref())?.downgrade(depth))
    }

    /// The themes that can be chosen.
    pub fn themes(&self) -> Vec<ThemeEntry> {
        Theme::list(self.themes_folder().as_deref())
    }

    /// The signs to draw with.
    pub fn symbols(&self) -> Symbols {
        match self.ascii {
            Ascii::Auto => Symbols::detect(),
            Ascii::Always => Symbols::ASCII,
            Ascii::Never => Symbols::UNICODE,
        }
    }
}
