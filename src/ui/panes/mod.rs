//! The panes of the detail view that have a state of their own.

pub mod logs;
pub mod page;
pub mod terminal;
pub mod text;
pub mod wrap;
