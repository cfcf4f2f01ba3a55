//! ondeck: a full-screen terminal control panel for Docker.
//!
//! The modules form layers; each uses only those below it:
//! `cli` and `ui` → `tasks` → `judge` → `labs`, `health` → `doctor`, `audit` → `topology` → `builds`, `stacks` → `sessions` → `fleet`, `workspace` → `terminal`,
//! `logs` → `engine` → `hints`, `store` → `config` → `dockerfile`, `text`.

pub mod audit;
pub mod builds;
pub mod cli;
pub mod config;
pub mod dockerfile;
pub mod doctor;
pub mod engine;
pub mod fleet;
pub mod health;
pub mod hints;
pub mod judge;
pub mod labs;
pub mod logs;
pub mod sessions;
pub mod stacks;
pub mod store;
pub mod tasks;
pub mod terminal;
pub mod text;
pub mod topology;
pub mod ui;
pub mod workspace;
