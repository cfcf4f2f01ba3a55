//! The keys of most editors today.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::document::Place;
use super::{Answer, Editor, Prompt};

impl Editor {
    pub(super) fn standard_key(&mut self, key: KeyEvent) -> Answer {
        let held = key.modifiers;
        let select = held.contains(KeyModifiers::SHIFT);
        let control = held.contains(KeyModifiers::CONTROL);
        let alt = held.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Char(c) if !alt && control => self.control(c.to_ascii_lowercase(), select),
            // AltGr arrives as both on some keyboards: then it is a letter.
            KeyCode::Char(c) if alt == control => self.type_char(c),
            KeyCode::Char('d') if alt => self.erase_to(Some(self.word_end(self.cursor))),
            KeyCode::Char(_) => Answer::Ignored,
            KeyCode::Enter => self.enter(),
            KeyCode::Tab if !control && !alt => self.tab(),
            KeyCode::BackTab => {
                let (first, last) = self.touched();
                self.unindent_lines(first, last, 1)
            }
            KeyCode::Backspace if control || alt => self.erase_to(Some(self.word_start(self.cursor))),
            KeyCode::Backspace => self.backspace(),
            KeyCode::Delete if control || alt => self.erase_to(Some(self.word_end(self.cursor))),
            KeyCode::Delete if select => self.cut(),
            KeyCode::Delete => self.erase_to(self.right_of(self.cursor)),
            KeyCode::Insert if select => self.put(),
            KeyCode::Insert if control => self.copy(),
            KeyCode::F(3) => self.find_from_key(!select),
            KeyCode::Esc => self.leave(),
            _ => self.move_key(key),
        }
    }

    /// Keys with ctrl.
    fn control(&mut self, c: char, shift: bool) -> Answer {
        match c {
            'a' => {
                self.move_to(Place::default(), false);
                self.move_to(self.document.end(), true);
                self.screen_mut().follow = false;
                Answer::Moved
            }
            'z' if shift => self.redo(),
            'z' => self.undo(),
            'y' => self.redo(),
            'c' => self.copy(),
            'x' => self.cut(),
            'v' => self.put(),
            'd' => self.duplicate(),
            'k' => {
                let (first, last) = self.touched();
                self.delete_lines(first, last)
            }
            // What a terminal makes of ctrl with `/`: itself, `_` or `7`.
            '/' | '_' | '7' => {
                let (first, last) = self.touched();
                self.comment_lines(first, last)
            }
            // Ctrl with h is what Backspace is on some terminals; with w, what it is in shells with ctrl.
            'h' => self.backspace(),
            'w' => self.erase_to(Some(self.word_start(self.cursor))),
            'f' => Answer::Ask(Prompt::Find),
            'r' => Answer::Ask(Prompt::Replace),
            'l' => Answer::Ask(Prompt::GoToLine),
            'g' => self.find_from_key(!shift),
            _ => Answer::Ignored,
        }
    }

    /// Escape: first the selection goes, then the search.
    fn leave(&mut self) -> Answer {
        if self.selection().is_some() {
            self.anchor = None;
            Answer::Moved
        } else if self.search.take().is_some() {
            Answer::Moved
        } else {
            Answer::Ignored
        }
    }

    /// Keys that move the cursor, or with alt what it is on. Vim has them, too, while it inserts.
    pub(super) fn move_key(&mut self, key: KeyEvent) -> Answer {
        let select = key.modifiers.contains(KeyModifiers::SHIFT);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let word = control || alt;
        let before = (self.cursor, self.anchor);
        let page = self.page() as isize;
        let place = match key.code {
            KeyCode::Up | KeyCode::Down if alt => return self.move_touched(key.code == KeyCode::Down),
            KeyCode::Up if control => return self.scroll(-1),
            KeyCode::Down if control => return self.scroll(1),
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => {
                let by = match key.code {
                    KeyCode::Up => -1,
                    KeyCode::Down => 1,
                    KeyCode::PageUp => -page,
                    _ => page,
                };
                let line = self.cursor.line;
                self.move_lines(by, select);
                // At the first and the last line there is still their start and their end.
                if self.cursor.line == line && by != 0 {
                    let goal = self.goal;
                    let edge = if by < 0 { Place::default() } else { self.document.end() };
                    self.move_to(edge, select);
                    self.goal = goal;
                }
                return self.moved(before);
            }
            KeyCode::Left if word => self.word_start(self.cursor),
            KeyCode::Right if word => self.word_end(self.cursor),
            KeyCode::Left => match self.selection() {
                Some((from, _)) if !select => from,
                _ => self.left_of(self.cursor).unwrap_or(self.cursor),
            },
            KeyCode::Right => match self.selection() {
                Some((_, to)) if !select => to,
                _ => self.right_of(self.cursor).unwrap_or(self.cursor),
            },
            KeyCode::Home if control => Place::default(),
            KeyCode::End if control => self.document.end(),
            KeyCode::Home => {
                let first = self.first_of(self.cursor.line);
                if self.cursor == first { Place::new(first.line, 0) } else { first }
            }
            KeyCode::End => self.end_of(self.cursor.line),
            _ => return Answer::Ignored,
        };
        self.move_to(place, select);
        self.moved(before)
    }

    fn moved(&self, before: (Place, Option<Place>)) -> Answer {
        if before == (self.cursor, self.anchor) { Answer::Nothing } else { Answer::Moved }
    }

    /// How many lines a page key moves.
    pub(super) fn page(&mut self) -> usize {
        usize::from(self.screen_mut().rows).saturating_sub(1).max(1)
    }
}
