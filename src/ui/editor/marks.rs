//! Marks: what a check has to say about a piece of a line, and the line at which something else failed.

use super::document::{Place, Shift};
use super::{Answer, Editor};

/// How bad it is. The worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// To know.
    Info,
    /// To look at.
    Warning,
    /// Wrong.
    Error,
}

/// Something to say about a piece of a line. Lines and columns (characters) are from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// Its first character.
    pub from_column: usize,
    /// Behind its last character.
    pub to_column: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in one line.
    pub text: String,
}

/// A mark, and what it stands on.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub mark: Mark,
    pub from: Place,
    pub to: Place,
}

/// Moves marks along with a change, until a check of the new text brings new ones. What a mark stood on may be
/// gone: then it is gone, too.
pub(super) fn shift(marks: &mut Vec<Held>, shift: Shift) {
    marks.retain_mut(|held| {
        let empty = held.from == held.to;
        (held.from, held.to) = (shift.of(held.from), shift.of(held.to));
        empty || held.from < held.to
    });
}

impl Editor {
    /// Puts the marks of a check in the place of those before. Until the next ones, they move along with the
    /// changes above and before them.
    pub fn set_marks(&mut self, mut marks: Vec<Mark>) {
        marks.sort_by_key(|mark| (mark.line, mark.from_column, std::cmp::Reverse(mark.severity)));
        self.marks = marks
            .into_iter()
            .map(|mark| Held {
                from: self.place_at(mark.line, mark.from_column),
                to: self.place_at(mark.line, mark.to_column.max(mark.from_column)),
                mark,
            })
            .collect();
    }

    /// All marks where they are now, in the order of the text.
    pub fn marks(&self) -> Vec<Mark> {
        self.marks.iter().map(|held| self.now(held)).collect()
    }

    /// Flags a line, such as the one at which a build failed, with what is to be said of it; or none.
    pub fn set_flag_line(&mut self, line: Option<usize>, text: impl Into<String>) {
        self.flag = line.map(|line| (Place::new(line.min(self.document.last()), 0), text.into()));
    }

    /// The flagged line.
    pub fn flag_line(&self) -> Option<usize> {
        self.flag.as_ref().map(|(place, _)| place.line)
    }

    /// The mark at the cursor; else the worst on its line.
    pub fn mark_here(&self) -> Option<Mark> {
        let here = self.marks_of(self.cursor.line);
        let at = here.iter().filter(|h| h.from <= self.cursor && (self.cursor < h.to || h.from == self.cursor));
        at.max_by_key(|h| h.mark.severity).or_else(|| worst(here)).map(|held| self.now(held))
    }

    /// Goes to the next mark, from the last to the first.
    pub fn next_mark(&mut self) -> Answer {
        let next = self.marks.iter().find(|h| h.from > self.cursor).or_else(|| self.marks.first());
        self.show_mark(next.map(|h| h.from))
    }

    /// Goes to the mark before, from the first to the last.
    pub fn previous_mark(&mut self) -> Answer {
        let next = self.marks.iter().rev().find(|h| h.from < self.cursor).or_else(|| self.marks.last());
        self.show_mark(next.map(|h| h.from))
    }

    fn show_mark(&mut self, place: Option<Place>) -> Answer {
        let Some(place) = place else { return Answer::Nothing };
        self.move_to(place, false);
        self.screen_mut().center = true;
        Answer::Moved
    }

    fn now(&self, held: &Held) -> Mark {
        let (line, from_column) = self.column_of(held.from);
        let (to_line, to_column) = self.column_of(held.to);
        let to_column = if to_line == line { to_column } else { self.document.line(line).chars().count() };
        Mark { line, from_column, to_column, ..held.mark.clone() }
    }

    /// The marks that begin on one line.
    pub(super) fn marks_of(&self, line: usize) -> &[Held] {
        let from = self.marks.partition_point(|h| h.from.line < line);
        let to = self.marks.partition_point(|h| h.from.line <= line);
        self.marks.get(from..to).unwrap_or_default()
    }
}

/// The worst of some marks, the first of equals.
pub(super) fn worst(marks: &[Held]) -> Option<&Held> {
    marks.iter().rev().max_by_key(|h| h.mark.severity)
}
