//! What could stand at the cursor, in a list below it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::document::{Edit, Kind, Place};
use super::{Answer, Editor};

/// One thing that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// What is put into the text.
    pub insert: String,
    /// What is shown.
    pub label: String,
    /// What it is, in a few words.
    pub about: String,
}

/// A list of what could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Popup {
    /// The character of the cursor's line from which on, up to the cursor, the chosen one is put.
    pub from_column: usize,
    /// What there is to choose. Not all are shown at once.
    pub items: Vec<Item>,
    /// Which one is chosen.
    pub selected: usize,
}

impl Editor {
    /// Opens a list, or closes it. A list that is open follows what is typed: what does not begin so goes away.
    pub fn set_completion(&mut self, popup: Option<Popup>) {
        self.popup = popup.filter(|p| !p.items.is_empty());
        if let Some(popup) = &mut self.popup {
            popup.selected = popup.selected.min(popup.items.len() - 1);
        }
    }

    /// The list that is open.
    pub fn completion(&self) -> Option<&Popup> {
        self.popup.as_ref()
    }

    /// The keys of an open list; none when the key is not one of them.
    pub(super) fn popup_key(&mut self, key: KeyEvent) -> Option<Answer> {
        let popup = self.popup.as_mut()?;
        let last = popup.items.len().saturating_sub(1);
        if !key.modifiers.difference(KeyModifiers::SHIFT).is_empty() {
            return None;
        }
        match key.code {
            KeyCode::Esc => self.popup = None,
            KeyCode::Down => popup.selected = if popup.selected == last { 0 } else { popup.selected + 1 },
            KeyCode::Up => popup.selected = popup.selected.checked_sub(1).unwrap_or(last),
            KeyCode::PageDown => popup.selected = (popup.selected + 8).min(last),
            KeyCode::PageUp => popup.selected = popup.selected.saturating_sub(8),
            KeyCode::Tab | KeyCode::Enter => {
                let (from_column, chosen) = (popup.from_column, popup.items.get(popup.selected)?.insert.clone());
                let from = self.place_at(self.cursor.line, from_column).min(self.cursor);
                self.popup = None;
                let edit = Edit { from, to: self.cursor, text: chosen };
                return Some(self.edit_to_end(edit, Kind::Other));
            }
            _ => return None,
        }
        Some(Answer::Moved)
    }

    /// After a key: what no longer begins as what is typed goes away, and the list with its last entry.
    pub(super) fn popup_follow(&mut self) {
        let Some(mut popup) = self.popup.take() else { return };
        let from = self.place_at(self.cursor.line, popup.from_column);
        if from > self.cursor || self.cursor.byte == 0 || self.anchor.is_some() {
            return;
        }
        let typed = self.document.between(from, self.cursor).to_lowercase();
        let chosen = popup.items.get(popup.selected).cloned();
        popup.items.retain(|item| item.insert.to_lowercase().starts_with(&typed));
        popup.selected = popup.items.iter().position(|item| Some(item) == chosen.as_ref()).unwrap_or(0);
        let done = matches!(popup.items.as_slice(), [only] if only.insert.to_lowercase() == typed);
        self.popup = (!popup.items.is_empty() && !done).then_some(popup);
    }

    /// Where an open list belongs: the place below which its entries stand.
    pub(super) fn popup_place(&self) -> Option<(Place, &Popup)> {
        self.popup.as_ref().map(|p| (self.place_at(self.cursor.line, p.from_column).min(self.cursor), p))
    }
}
