//! ondeck: a full-screen terminal control panel for Docker.
//!
//! The modules form layers; each uses only those below it:
//! `cli` and `ui` → `tasks` → `stacks`, `sessions` → `fleet` → `terminal`, `logs` → `engine` → `config`, `text`.

pub mod cli;
pub mod config;
pub mod engine;
pub mod fleet;
pub mod logs;
pub mod sessions;
pub mod stacks;
pub mod tasks;
pub mod terminal;
pub mod text;
pub mod ui;
