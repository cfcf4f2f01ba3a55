//! What every set of keys is made of: moving, typing, erasing, whole lines, copying.

use super::document::{Edit, Kind, Place, Shift, Stand, after};
use super::{Answer, Editor, layout};

/// What was last copied here.
#[derive(Debug, Clone, Default)]
pub(super) struct Copied {
    pub text: String,
    /// Whole lines: they are put between lines, wherever in a line the cursor is.
    pub lines: bool,
}

impl Editor {
    /// Puts the cursor somewhere, with or without the selection.
    pub(super) fn move_to(&mut self, place: Place, select: bool) {
        self.anchor = if select { self.anchor.or(Some(self.cursor)) } else { None };
        self.cursor = self.document.clamp(place);
        self.goal = None;
        self.document.close();
        self.screen_mut().follow = true;
    }

    /// The same for moves up and down, which keep to a column.
    pub(super) fn move_lines(&mut self, by: isize, select: bool) {
        let place = self.lines_away(by);
        let goal = self.goal;
        self.move_to(place, select);
        self.goal = goal;
    }

    /// Makes changes as one step, and leaves the cursor at `cursor`.
    pub(super) fn edit(&mut self, edits: Vec<Edit>, kind: Kind, cursor: Place, anchor: Option<Place>) -> Answer {
        let before = (self.cursor, self.anchor);
        let shifts = self.document.change(edits, kind, before);
        if shifts.is_empty() {
            self.cursor = self.document.clamp(cursor);
            self.anchor = anchor.map(|anchor| self.document.clamp(anchor));
            return Answer::Nothing;
        }
        self.cursor = cursor;
        self.anchor = anchor;
        self.changed(&shifts);
        self.document.stands((self.cursor, self.anchor));
        Answer::Changed
    }

    /// Makes one change, and leaves the cursor behind what is new.
    pub(super) fn edit_to_end(&mut self, edit: Edit, kind: Kind) -> Answer {
        let text = edit.text.replace("\r\n", "\n").replace('\r', "\n");
        let end = after(self.document.clamp(edit.from), &text);
        self.edit(vec![edit], kind, end, None)
    }

    /// Puts text at the cursor, in the place of the selection.
    pub(super) fn insert(&mut self, text: &str, kind: Kind) -> Answer {
        let (from, to) = self.selection().unwrap_or((self.cursor, self.cursor));
        self.edit_to_end(Edit { from, to, text: text.to_owned() }, if from == to { kind } else { Kind::Other })
    }

    /// Types a character.
    pub(super) fn type_char(&mut self, c: char) -> Answer {
        self.insert(c.encode_utf8(&mut [0; 4]), Kind::Type)
    }

    /// Erases the selection; else what is between the cursor and `place`.
    pub(super) fn erase_to(&mut self, place: Option<Place>) -> Answer {
        let selected = self.selection();
        let Some((from, to)) = selected.or_else(|| place.map(|p| (p.min(self.cursor), p.max(self.cursor)))) else {
            return Answer::Nothing;
        };
        let kind = if selected.is_some() { Kind::Other } else { Kind::Erase };
        self.edit(vec![Edit::delete(from, to)], kind, from, None)
    }

    /// Text from the terminal's clipboard, as it is.
    pub fn paste(&mut self, text: &str) -> Answer {
        self.popup = None;
        self.document.close();
        if text.is_empty() {
            return Answer::Nothing;
        }
        self.insert(text, Kind::Other)
    }

    /// The lines of the selection, or that of the cursor. A line of which only its start is reached is not one.
    pub(super) fn touched(&self) -> (usize, usize) {
        match self.selection() {
            Some((from, to)) if to.byte == 0 && to.line > from.line => (from.line, to.line - 1),
            Some((from, to)) => (from.line, to.line),
            None => (self.cursor.line, self.cursor.line),
        }
    }

    /// The text of lines, with the end of the last.
    pub(super) fn lines_text(&self, first: usize, last: usize) -> String {
        let mut text = self.document.between(Place::new(first, 0), self.end_of(last));
        text.push('\n');
        text
    }

    /// Takes lines out.
    pub(super) fn delete_lines(&mut self, first: usize, last: usize) -> Answer {
        let edit = if last < self.document.last() {
            Edit::delete(Place::new(first, 0), Place::new(last + 1, 0))
        } else if first > 0 {
            Edit::delete(self.end_of(first - 1), self.end_of(last))
        } else {
            Edit::delete(Place::new(first, 0), self.end_of(last))
        };
        let line = first.min(self.document.last() - (last - first + 1).min(self.document.last()));
        let column = layout::column(self.document.line(self.cursor.line), self.cursor.byte);
        let answer = self.edit(vec![edit], Kind::Other, Place::new(line, 0), None);
        self.cursor = Place::new(line, layout::byte(self.document.line(line), column));
        self.document.stands((self.cursor, None));
        answer
    }

    /// Copies the selection, or the line of the cursor.
    pub(super) fn copy(&mut self) -> Answer {
        let copied = match self.selection() {
            Some((from, to)) => Copied { text: self.document.between(from, to), lines: false },
            None => Copied { text: self.lines_text(self.cursor.line, self.cursor.line), lines: true },
        };
        self.copied = copied;
        Answer::Copy(self.copied.text.clone())
    }

    /// Copies the same and takes it out.
    pub(super) fn cut(&mut self) -> Answer {
        let answer = self.copy();
        if self.selection().is_some() {
            self.erase_to(None);
        } else {
            self.delete_lines(self.cursor.line, self.cursor.line);
        }
        answer
    }

    /// Puts in what was last copied here.
    pub(super) fn put(&mut self) -> Answer {
        let Copied { text, lines } = self.copied.clone();
        if !lines || self.selection().is_some() {
            return self.paste(&text);
        }
        let moved = Place::new(self.cursor.line + text.matches('\n').count(), self.cursor.byte);
        self.edit(vec![Edit::insert(Place::new(self.cursor.line, 0), text)], Kind::Other, moved, None)
    }

    /// The lines of the selection or the cursor once more below.
    pub(super) fn duplicate(&mut self) -> Answer {
        let (first, last) = self.touched();
        let text = self.lines_text(first, last);
        let down = |place: Place| Place::new(place.line + last - first + 1, place.byte);
        let (cursor, anchor) = (down(self.cursor), self.anchor.map(down));
        self.edit(vec![Edit::insert(Place::new(first, 0), text)], Kind::Other, cursor, anchor)
    }

    /// Moves the lines of the selection or the cursor past the line above or below.
    pub(super) fn move_touched(&mut self, down: bool) -> Answer {
        let (first, last) = self.touched();
        if (down && last == self.document.last()) || (!down && first == 0) {
            return Answer::Nothing;
        }
        let (from, to) = if down { (first, last + 1) } else { (first - 1, last) };
        let mut lines: Vec<&str> = (from..=to).map(|line| self.document.line(line)).collect();
        if down {
            lines.rotate_right(1);
        } else {
            lines.rotate_left(1);
        }
        let text = lines.join("\n");
        let moved = |place: Place| Place::new(if down { place.line + 1 } else { place.line - 1 }, place.byte);
        let (cursor, anchor) = (moved(self.cursor), self.anchor.map(moved));
        let edit = Edit { from: Place::new(from, 0), to: self.end_of(to), text };
        self.edit(vec![edit], Kind::Other, cursor, anchor)
    }

    /// One step back.
    pub(super) fn undo(&mut self) -> Answer {
        let undone = self.document.undo();
        self.went(undone)
    }

    /// Makes again what was undone.
    pub(super) fn redo(&mut self) -> Answer {
        let redone = self.document.redo();
        self.went(redone)
    }

    fn went(&mut self, step: Option<(Vec<Shift>, Stand)>) -> Answer {
        let Some((shifts, (cursor, anchor))) = step else { return Answer::Nothing };
        (self.cursor, self.anchor) = (cursor, anchor);
        self.changed(&shifts);
        Answer::Changed
    }

    /// The same with Vim's keys, which lead to where the text is another.
    pub(super) fn vim_undo(&mut self, back: bool) -> Answer {
        let step = if back { self.document.undo() } else { self.document.redo() };
        let first = step.as_ref().and_then(|(shifts, _)| shifts.iter().map(|shift| shift.from).min());
        let answer = self.went(step);
        if let Some(first) = first {
            self.move_to(first, false);
        }
        answer
    }
}
