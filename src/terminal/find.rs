//! Searching in what a terminal shows and keeps, and selecting parts of it.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Boundary, Column, Direction, Line, Point, Side};
use alacritty_terminal::selection::{Selection, SelectionType};
use alacritty_terminal::term::cell::{Flags, LineLength};
use alacritty_terminal::term::search::{Match, RegexIter, RegexSearch};
use alacritty_terminal::vi_mode::ViMotion;

use super::emulator::Emulator;

/// Matches that are marked on one screen.
const MARKED: usize = 500;

/// A search.
#[derive(Default)]
pub(super) struct Find {
    regex: Option<RegexSearch>,
    hit: Option<Match>,
}

impl Find {
    pub(super) fn hit(&self) -> Option<Match> {
        self.hit.clone()
    }

    pub(super) fn forget_hit(&mut self) {
        self.hit = None;
    }
}

/// How a selection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// Cell by cell.
    Cells,
    /// Word by word.
    Words,
    /// Line by line.
    Lines,
}

/// Where the cursor of a selection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// One cell to the left.
    Left,
    /// One cell to the right.
    Right,
    /// So many rows up, or down where negative.
    Rows(i32),
    /// To the oldest row.
    First,
    /// To the newest row.
    Last,
}

impl Emulator {
    /// Searches for `pattern`, a regular expression; what is none is taken literally. Small letters stand for
    /// both cases. Shows the newest match at or above the rows shown, else the next below. Answers whether
    /// there is one.
    pub fn search(&mut self, pattern: &str) -> bool {
        self.find = Find::default();
        if pattern.is_empty() {
            return false;
        }
        self.find.regex = RegexSearch::new(pattern).or_else(|_| RegexSearch::new(&regex::escape(pattern))).ok();
        let bottom = Point::new(Line(self.term.screen_lines() as i32 - 1) - self.offset(), self.term.last_column());
        self.go_to_match(bottom, Direction::Left)
    }

    /// Goes to the next match below, or above. Answers whether there is one.
    pub fn next_match(&mut self, down: bool) -> bool {
        let direction = if down { Direction::Right } else { Direction::Left };
        let from = match &self.find.hit {
            Some(hit) if down => hit.end().add(&self.term, Boundary::None, 1),
            Some(hit) => hit.start().sub(&self.term, Boundary::None, 1),
            None => Point::new(Line(0) - self.offset(), Column(0)),
        };
        self.go_to_match(from, direction)
    }

    fn go_to_match(&mut self, from: Point, direction: Direction) -> bool {
        let Some(regex) = &mut self.find.regex else { return false };
        let side = if direction == Direction::Left { Side::Left } else { Side::Right };
        let found = self.term.search_next(regex, from, direction, side, None);
        if let Some(hit) = &found {
            let start = *hit.start();
            self.term.scroll_to_point(start);
        }
        self.find.hit = found;
        self.find.hit.is_some()
    }

    /// Whether something is searched for.
    pub fn searches(&self) -> bool {
        self.find.regex.is_some()
    }

    /// The matches on the rows shown.
    pub(super) fn visible_matches(&mut self) -> Vec<Match> {
        let Some(regex) = &mut self.find.regex else { return Vec::new() };
        let top = Line(0) - self.term.grid().display_offset();
        let start = Point::new(top, Column(0));
        let end = Point::new(top + (self.term.screen_lines() as i32 - 1), self.term.last_column());
        RegexIter::new(start, end, Direction::Right, &self.term, regex).take(MARKED).collect()
    }

    fn point(&self, column: u16, row: u16) -> Point {
        let row = i32::from(row).min(self.term.screen_lines() as i32 - 1);
        Point::new(Line(row) - self.offset(), Column(usize::from(column).min(self.term.last_column().0)))
    }

    /// Begins a selection at a cell that is shown.
    pub fn select(&mut self, column: u16, row: u16, grain: Grain) {
        let kind = match grain {
            Grain::Cells => SelectionType::Simple,
            Grain::Words => SelectionType::Semantic,
            Grain::Lines => SelectionType::Lines,
        };
        self.selecting = false;
        self.term.selection = Some(Selection::new(kind, self.point(column, row), Side::Left));
    }

    /// Draws the selection out to a cell that is shown.
    pub fn select_to(&mut self, column: u16, row: u16) {
        let point = self.point(column, row);
        if let Some(selection) = &mut self.term.selection {
            selection.update(point, Side::Right);
            if selection.ty == SelectionType::Simple {
                selection.include_all();
            }
        }
    }

    /// Begins a selection whose end is moved by keys: at the program's cursor where it is shown. When there
    /// is one already, it is of another grain from now on.
    pub fn select_by_keys(&mut self, grain: Grain) {
        let kind = if grain == Grain::Lines { SelectionType::Lines } else { SelectionType::Simple };
        if self.selecting
            && let Some(selection) = &mut self.term.selection
        {
            selection.ty = kind;
            return;
        }
        let cursor = self.term.grid().cursor.point;
        let shown = cursor.line.0 + (self.offset() as i32) < self.term.screen_lines() as i32;
        let at = match self.find.hit() {
            Some(hit) => *hit.start(),
            None if shown => cursor,
            None => self.point(0, self.term.screen_lines() as u16 - 1),
        };
        self.selecting = true;
        self.term.vi_mode_cursor.point = at;
        let mut selection = Selection::new(kind, at, Side::Left);
        selection.update(at, Side::Right);
        self.term.selection = Some(selection);
    }

    /// Moves the end of a selection made by keys.
    pub fn move_selection(&mut self, motion: Motion) {
        let mut cursor = self.term.vi_mode_cursor;
        match motion {
            Motion::Left => cursor = cursor.motion(&mut self.term, ViMotion::Left),
            Motion::Right => cursor = cursor.motion(&mut self.term, ViMotion::Right),
            Motion::Rows(up) => {
                let (top, bottom) = (self.term.topmost_line(), self.term.bottommost_line());
                cursor.point.line = (cursor.point.line - up).clamp(top, bottom);
            }
            Motion::First => cursor.point = Point::new(self.term.topmost_line(), Column(0)),
            Motion::Last => cursor.point = Point::new(self.term.bottommost_line(), self.term.last_column()),
        }
        self.term.vi_mode_cursor = cursor;
        self.term.scroll_to_point(cursor.point);
        if let Some(selection) = &mut self.term.selection {
            selection.update(cursor.point, Side::Right);
            selection.include_all();
        }
    }

    /// Whether a selection is being made by keys.
    pub fn selects_by_keys(&self) -> bool {
        self.selecting && self.term.selection.is_some()
    }

    /// Gives the selection up; answers whether there was one.
    pub fn deselect(&mut self) -> bool {
        self.selecting = false;
        self.term.selection.take().is_some()
    }

    /// What is selected; lines that were only wrapped are one.
    pub fn selected(&self) -> Option<String> {
        let range = self.term.selection.as_ref()?.to_range(&self.term)?;
        let grid = self.term.grid();
        let (top, bottom) = (self.term.topmost_line(), self.term.bottommost_line());
        let mut text = String::new();
        for line in (range.start.line.max(top).0..=range.end.line.min(bottom).0).map(Line) {
            let row = &grid[line];
            let first = if line == range.start.line { range.start.column.0 } else { 0 };
            let last = if line == range.end.line { range.end.column.0 } else { self.term.last_column().0 };
            let end = row.line_length().0.min(last + 1);
            let mut column = first;
            while column < end {
                let cell = &row[Column(column)];
                column += 1;
                if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                    continue;
                }
                text.push(cell.c);
                text.extend(cell.zerowidth().into_iter().flatten());
                // A tab stands in its first cell; the blanks up to its stop are not text.
                while cell.c == '\t' && column < end && !column.is_multiple_of(8) && row[Column(column)].c == ' ' {
                    column += 1;
                }
            }
            if line < range.end.line && !row[self.term.last_column()].flags.contains(Flags::WRAPLINE) {
                text.truncate(text.trim_end_matches(' ').len());
                text.push('\n');
            }
        }
        let text = text.trim_end_matches(['\n', ' ']);
        (!text.is_empty()).then(|| text.to_owned())
    }
}
