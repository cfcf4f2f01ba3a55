//! Where a move leads: by character, by word, by line, by page.

use super::document::Place;
use super::{Editor, layout};

/// What a character is to moves by word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Blank,
    Sign,
    Word,
}

/// The class of a character; with `big`, all that is not blank is a word.
pub(super) fn class(c: char, big: bool) -> Class {
    match c {
        c if c.is_whitespace() => Class::Blank,
        c if big || c.is_alphanumeric() || c == '_' => Class::Word,
        _ => Class::Sign,
    }
}

impl Editor {
    /// The character at a place; a line's end is one, too, but for the last.
    pub(super) fn char_at(&self, place: Place) -> Option<char> {
        let line = self.document.line(place.line);
        match line.get(place.byte..).and_then(|rest| rest.chars().next()) {
            None if place.line < self.document.last() => Some('\n'),
            found => found,
        }
    }

    /// The place one character to the right, on the next line behind the end of this one.
    pub(super) fn right_of(&self, place: Place) -> Option<Place> {
        match layout::next(self.document.line(place.line), place.byte) {
            Some(byte) => Some(Place::new(place.line, byte)),
            None => (place.line < self.document.last()).then(|| Place::new(place.line + 1, 0)),
        }
    }

    /// The place one character to the left, on the line before from the start of this one.
    pub(super) fn left_of(&self, place: Place) -> Option<Place> {
        match layout::previous(self.document.line(place.line), place.byte) {
            Some(byte) => Some(Place::new(place.line, byte)),
            None => place.line.checked_sub(1).map(|line| self.end_of(line)),
        }
    }

    pub(super) fn end_of(&self, line: usize) -> Place {
        Place::new(line, self.document.line(line).len())
    }

    /// The first place of a line that is not blank; its end when all is.
    pub(super) fn first_of(&self, line: usize) -> Place {
        let text = self.document.line(line);
        Place::new(line, text.len() - text.trim_start().len())
    }

    /// Behind the word at or after a place, where ctrl with the right arrow leads.
    pub(super) fn word_end(&self, place: Place) -> Place {
        let mut at = place;
        if self.char_at(at) == Some('\n') {
            return self.first_of(at.line + 1);
        }
        while let Some(c) = self.char_at(at).filter(|c| c.is_whitespace() && *c != '\n') {
            at.byte += c.len_utf8();
        }
        let Some(kind) = self.char_at(at).map(|c| class(c, false)) else { return at };
        while let Some(c) = self.char_at(at).filter(|c| *c != '\n' && class(*c, false) == kind) {
            at.byte += c.len_utf8();
        }
        at
    }

    /// The start of the word at or before a place, where ctrl with the left arrow leads.
    pub(super) fn word_start(&self, place: Place) -> Place {
        if place.byte == 0 {
            return place.line.checked_sub(1).map_or(place, |line| self.end_of(line));
        }
        let head = &self.document.line(place.line)[..place.byte];
        let word = head.trim_end();
        let Some(kind) = word.chars().next_back().map(|c| class(c, false)) else { return Place::new(place.line, 0) };
        Place::new(place.line, word.trim_end_matches(|c| class(c, false) == kind).len())
    }

    /// The word, run of signs or of blanks at a place.
    pub(super) fn word_at(&self, place: Place, big: bool) -> (Place, Place) {
        let line = self.document.line(place.line);
        let Some(c) = line[place.byte..].chars().next().or_else(|| line.chars().next_back()) else {
            return (place, place);
        };
        let at = place.byte.min(line.len() - line.chars().next_back().map_or(0, char::len_utf8));
        let kind = class(c, big);
        let from = line[..at].trim_end_matches(|c| class(c, big) == kind).len();
        let to = line.len() - line[at..].trim_start_matches(|c| class(c, big) == kind).len();
        (Place::new(place.line, from), Place::new(place.line, to))
    }

    /// The place some lines away, in the column that one came from.
    pub(super) fn lines_away(&mut self, by: isize) -> Place {
        let goal = self.goal.unwrap_or_else(|| layout::column(self.document.line(self.cursor.line), self.cursor.byte));
        self.goal = Some(goal);
        let line = self.cursor.line.saturating_add_signed(by).min(self.document.last());
        Place::new(line, layout::byte(self.document.line(line), goal))
    }

    /// The bracket that belongs to the first one at or after a place on its line.
    pub(super) fn bracket(&self, place: Place) -> Option<Place> {
        const PAIRS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];
        let line = self.document.line(place.line);
        let (at, c) = line[place.byte..].char_indices().find(|(_, c)| PAIRS.iter().any(|p| p.0 == *c || p.1 == *c))?;
        let start = Place::new(place.line, place.byte + at);
        let (open, close) = *PAIRS.iter().find(|p| p.0 == c || p.1 == c)?;
        if c == open { self.closing(start, open, close) } else { self.opening(start, open, close) }
    }

    /// The bracket that closes what is open at a place, which is not looked at itself.
    pub(super) fn closing(&self, from: Place, open: char, close: char) -> Option<Place> {
        let mut depth = 0_usize;
        for line in from.line..=self.document.last() {
            let start = if line == from.line { from.byte + open.len_utf8() } else { 0 };
            for (at, c) in self.document.line(line).get(start..).unwrap_or_default().char_indices() {
                if c == close && depth == 0 {
                    return Some(Place::new(line, start + at));
                }
                depth = if c == open { depth + 1 } else { depth - usize::from(c == close) };
            }
        }
        None
    }

    /// The bracket that opens what a place is in, which is not looked at itself.
    pub(super) fn opening(&self, from: Place, open: char, close: char) -> Option<Place> {
        let mut depth = 0_usize;
        for line in (0..=from.line).rev() {
            let text = self.document.line(line);
            let end = if line == from.line { from.byte } else { text.len() };
            for (at, c) in text.get(..end).unwrap_or_default().char_indices().rev() {
                if c == open && depth == 0 {
                    return Some(Place::new(line, at));
                }
                depth = if c == close { depth + 1 } else { depth - usize::from(c == open) };
            }
        }
        None
    }
}
