//! Tables: columns as wide as there is room for, or, where there is not, one value below the other.

use pulldown_cmark::Alignment;

use crate::text::{count, width as cells};
use crate::ui::panes::text::TextLine;
use crate::ui::panes::wrap::{Lead, Piece, flow};
use crate::ui::view::Tone;

/// Rows and columns of a table.
const TABLE: (usize, usize) = (500, 24);
/// Cells between two columns.
const GAP: usize = 2;
/// The narrowest that a column is made to let all of them stand beside each other.
const COLUMN: usize = 6;

/// A table that is being read.
#[derive(Debug, Default)]
pub(super) struct Table {
    alignments: Vec<Alignment>,
    /// The first is the heading.
    rows: Vec<Vec<Vec<Piece>>>,
    /// Rows that are too many.
    dropped: usize,
}

impl Table {
    pub fn new(alignments: Vec<Alignment>) -> Self {
        Self { alignments, ..Self::default() }
    }

    /// A row begins.
    pub fn row(&mut self) {
        if self.rows.len() > TABLE.0 {
            self.rows.pop();
            self.dropped += 1;
        }
        self.rows.push(Vec::new());
    }

    /// The next cell of the row.
    pub fn cell(&mut self, cell: Vec<Piece>) {
        if let Some(row) = self.rows.last_mut().filter(|row| row.len() < TABLE.1) {
            row.push(cell);
        }
    }

    /// Lays it out.
    pub fn lines(mut self, room: usize) -> Vec<TextLine> {
        let columns = self.alignments.len().min(TABLE.1);
        for row in &mut self.rows {
            row.resize(columns, Vec::new());
        }
        let mut lines = match widths(&self.rows, columns, room) {
            Some(widths) => beside(&self, &widths),
            None => records(&self, room),
        };
        if self.dropped > 0 {
            lines.push(TextLine::new(Tone::Muted, format!("… {} more", count(self.dropped, "row"))));
        }
        lines
    }
}

/// How wide columns are so that all stand beside each other; `None` where they cannot.
fn widths(rows: &[Vec<Vec<Piece>>], columns: usize, room: usize) -> Option<Vec<usize>> {
    let natural = |column: usize| {
        let wide = |row: &Vec<Vec<Piece>>| row[column].iter().map(|(_, text)| cells(text)).sum::<usize>();
        rows.iter().map(wide).max().unwrap_or(0).max(1)
    };
    let mut widths: Vec<usize> = (0..columns).map(natural).collect();
    let room = room.checked_sub(GAP * columns.saturating_sub(1))?;
    let mut over = widths.iter().sum::<usize>().saturating_sub(room);
    while over > 0 {
        // The widest give first, down to the next widest, together.
        let widest = widths.iter().copied().max().filter(|w| *w > COLUMN)?;
        let next = widths.iter().copied().filter(|w| *w < widest).max().unwrap_or(0).max(COLUMN);
        let many = widths.iter().filter(|w| **w == widest).count();
        let less = (over.div_ceil(many)).min(widest - next).max(1);
        for width in widths.iter_mut().filter(|w| **w == widest) {
            let by = less.min(over);
            *width -= by;
            over -= by;
        }
    }
    Some(widths)
}

/// All rows, with as many lines each as the cell with most text needs.
fn beside(table: &Table, widths: &[usize]) -> Vec<TextLine> {
    let mut lines = Vec::new();
    for (n, row) in table.rows.iter().enumerate() {
        let cell_lines: Vec<Vec<TextLine>> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| {
                let tone = |tone: Tone| if n == 0 && tone == Tone::Plain { Tone::Strong } else { tone };
                let cell: Vec<Piece> = cell.iter().map(|(t, text)| (tone(*t), text.clone())).collect();
                flow(&cell, &Lead::default(), *width)
            })
            .collect();
        let height = cell_lines.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..height {
            let mut line = TextLine::default();
            let mut owed = 0;
            for (column, (cell, width)) in cell_lines.iter().zip(widths).enumerate() {
                let shown = cell.get(at);
                let wide = shown.map_or(0, |l| cells(&l.text()));
                let free = width.saturating_sub(wide);
                let before = match table.alignments.get(column) {
                    Some(Alignment::Right) => free,
                    Some(Alignment::Center) => free / 2,
                    _ => 0,
                };
                owed += before;
                if let Some(shown) = shown.filter(|_| wide > 0) {
                    line.push(Tone::Plain, " ".repeat(owed));
                    line.pieces.extend(shown.pieces.iter().cloned());
                    owed = 0;
                }
                owed += if wide > 0 { free - before } else { width - before } + GAP;
            }
            lines.push(line);
        }
        if n == 0 {
            let rules: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
            lines.push(TextLine::new(Tone::Muted, rules.join(&" ".repeat(GAP))));
        }
    }
    lines
}

/// A table that is too wide, row by row: each value below the name of its column.
fn records(table: &Table, width: usize) -> Vec<TextLine> {
    let mut lines = Vec::new();
    let head = table.rows.first().cloned().unwrap_or_default();
    for row in table.rows.iter().skip(1) {
        if !lines.is_empty() {
            lines.push(TextLine::blank());
        }
        for (name, cell) in head.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            let mut pieces: Vec<Piece> = name.iter().map(|(_, text)| (Tone::Strong, text.clone())).collect();
            pieces.push((Tone::Muted, ": ".to_owned()));
            pieces.extend(cell.iter().cloned());
            let lead = Lead { first: Vec::new(), rest: vec![(Tone::Plain, "  ".to_owned())] };
            lines.extend(flow(&pieces, &lead, width));
        }
    }
    lines
}
