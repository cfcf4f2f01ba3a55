//! Terminals in containers: an emulator for what a program prints, bytes for what a person does, and the
//! program itself, from its first byte to its exit code.
//!
//! It knows nothing of the panel. Whatever a program prints ends as text and looks of cells; no byte of it
//! goes any further.

mod emulator;
mod encode;
mod find;
mod guard;
mod running;
mod shell;

#[cfg(test)]
mod tests;

pub use emulator::{Emulator, Mark, Modes, Reports, Shape, Size};
pub use encode::{key, mouse, paste};
pub use find::{Grain, Motion};
pub use running::{Happened, Opening, Running, Screen};
