//! The panel: what one person sees and does.
//!
//! A key becomes an [`action`], [`app::App::update`] changes what one is looking at and answers with
//! effects, [`run`] carries them out and brings the answers back, [`draw`] only reads.

mod act;
pub mod action;
pub mod app;
mod choose;
pub mod desk;
mod desk_lab;
mod desk_task;
pub mod detail;
pub mod draw;
pub mod editor;
pub mod health;
mod health_pages;
mod health_task;
pub mod input;
pub mod keymap;
pub mod labs;
mod labs_pages;
mod labs_task;
pub mod layout;
pub mod list;
mod load;
pub mod log_task;
pub mod markdown;
pub mod message;
pub mod overlay;
pub mod panes;
mod run;
pub mod sessions;
pub mod settings;
mod targets;
pub mod terminal;
mod terminal_task;
pub mod view;
pub mod views;

pub use run::{PanelOptions, run, settings};
