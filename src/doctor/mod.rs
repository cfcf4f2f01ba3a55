//! The host's own troubles: whether an engine can be reached and used, what will run out, and what to do.

use serde::Serialize;

use crate::config::Config;
use crate::engine::Surroundings;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It cannot be told here, and why.
    Skipped,
    /// As it should be.
    Ok,
    /// Works, but should be looked at.
    Warn,
    /// Does not work.
    Fail,
}

/// What would mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// In words.
    pub words: String,
    /// The command, ready to be copied; `None` where there is no single one.
    pub command: Option<String>,
    /// Whether `ondeck doctor --fix` may do it: nothing can be lost by it.
    pub harmless: bool,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, which stays: `SOCKET`.
    pub code: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The fact that decided, one line.
    pub evidence: String,
    /// What to do; `None` when all is well.
    pub fix: Option<Fix>,
}

/// What the person's terminal can do, as far as whoever asks knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Columns and rows; `None` without a terminal.
    pub size: Option<(u16, u16)>,
    /// Colours: `none`, `16`, `256`, `true`.
    pub colours: String,
    /// Whether the locale is UTF-8.
    pub utf8: bool,
    /// `TERM`.
    pub kind: String,
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The engine as the person names it (`--host`), or nothing.
    pub host: Option<String>,
    /// The environment.
    pub around: Surroundings,
    /// The config file.
    pub config: Config,
    /// The terminal.
    pub terminal: Terminal,
    /// Whether a container may be made for a moment (DNS inside, nested Docker); without it these are skipped.
    pub containers: bool,
}

/// Looks at everything, and tells of each check as it ends. Answers with all of them, in their order.
#[allow(clippy::unused_async)]
pub async fn examine(_ask: &Ask, mut _told: impl FnMut(&Check) + Send) -> Vec<Check> {
    Vec::new()
}
