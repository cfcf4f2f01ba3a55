//! What is remembered of one's workspaces from one panel to the next: shares of the screen, options of runs.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::builds::run::Options;

use super::Pane;

/// Shares of the screen, in percent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shares {
    /// Of Guide and Files, where all panes are on screen.
    pub left: u16,
    /// Of Terminal and Output, there.
    pub right: u16,
    /// Of the upper pane of a column, there.
    pub upper: u16,
    /// Of Guide or Files beside the editor.
    pub left_of_two: u16,
    /// Of Terminal or Output beside the editor.
    pub right_of_two: u16,
}

impl Default for Shares {
    fn default() -> Self {
        Self { left: 20, right: 38, upper: 50, left_of_two: 30, right_of_two: 45 }
    }
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// Shares of the screen.
    pub shares: Shares,
    /// The pane beside the editor.
    pub beside: Option<Pane>,
    /// How what was built is run, by site.
    pub runs: BTreeMap<String, Options>,
    /// The request that was sent last, by site.
    pub requests: BTreeMap<String, String>,
}

impl Remembered {
    /// Reads it. What cannot be read counts as nothing remembered, with the reason.
    pub fn read(path: &Path) -> (Self, Option<String>) {
        match std::fs::read(path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(all) => (all, None),
                Err(e) => (Self::default(), Some(format!("{}: {e}; layouts begin afresh", path.display()))),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => (Self::default(), None),
            Err(e) => (Self::default(), Some(format!("{}: {e}", path.display()))),
        }
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let next = path.with_extension(format!("{}.next", std::process::id()));
        std::fs::write(&next, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(&next, path)
    }
}
