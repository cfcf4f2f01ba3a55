//! Vim's keys.

use crossterm::event::KeyEvent;

use super::document::Place;
use super::{Answer, Editor};

#[derive(Debug, Default)]
pub(super) struct Vim {}

impl Vim {
    pub fn status(&self) -> String {
        String::new()
    }
    pub fn inserts(&self) -> bool {
        true
    }
    pub fn asks(&self) -> bool {
        false
    }
}

impl Editor {
    pub(super) fn vim_key(&mut self, key: KeyEvent) -> Answer {
        self.standard_key(key)
    }
    pub(super) fn vim_selected(&mut self) {}
    pub(super) fn shown_selection(&self) -> Option<(Place, Place)> {
        self.selection()
    }
}
