//! What may come next.

use std::ops::Range;

/// What could stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is typed of it already.
    pub replace: Range<usize>,
    /// The best first.
    pub items: Vec<Item>,
}

/// One thing that could stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What to write.
    pub insert: String,
    /// What to show.
    pub label: String,
    /// What it is, in a few words.
    pub about: String,
}

/// What could be written at a byte of the text.
pub fn complete(_text: &str, _at: usize) -> Option<Completion> {
    None
}
