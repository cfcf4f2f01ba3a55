//! What a `RUN` runs: its simple commands.

use super::instruction::{Instruction, Word};

/// The commands of a `RUN`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// In the order of the text.
    pub commands: Vec<Command>,
}

/// A simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Its program and what it is told.
    pub words: Vec<Word>,
}

impl Script {
    pub(super) fn of(_instruction: &Instruction, _text: &str) -> Option<Self> {
        None
    }
}
