//! Where things stand in a text: spans of bytes, places for people, and lines joined by continuation.

use std::collections::HashMap;
use std::ops::Range;

/// Bytes of the text, always on the boundaries of characters.
pub type Span = Range<usize>;

/// A place as people say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// 1 is the first.
    pub line: usize,
    /// In characters; 1 is the first.
    pub column: usize,
}

/// The places of many bytes of one text, found in one pass however many they are.
pub fn places(text: &str, offsets: impl IntoIterator<Item = usize>) -> HashMap<usize, Place> {
    places_in_order(text, offsets).into_iter().collect()
}

/// The same, in the order of the text.
pub(super) fn places_in_order(text: &str, offsets: impl IntoIterator<Item = usize>) -> Vec<(usize, Place)> {
    let mut offsets: Vec<usize> = offsets.into_iter().map(|o| o.min(text.len())).collect();
    offsets.sort_unstable();
    offsets.dedup();
    let mut found = Vec::with_capacity(offsets.len());
    let (mut at, mut line, mut column) = (0, 1, 1);
    // A byte order mark takes no column on anyone's screen.
    if text.starts_with('\u{feff}') {
        at = '\u{feff}'.len_utf8();
    }
    for offset in offsets {
        if offset > at {
            let between = &text.as_bytes()[at..offset];
            let breaks = memchr::memchr_iter(b'\n', between).count();
            let tail = if breaks == 0 {
                between
            } else {
                line += breaks;
                column = 1;
                &between[memchr::memrchr(b'\n', between).map_or(0, |i| i + 1)..]
            };
            column += tail.iter().filter(|b| (**b & 0xc0) != 0x80).count();
            at = offset;
        }
        found.push((offset, Place { line, column }));
    }
    found
}

/// Several pieces of a text as one, which still knows where each byte came from: an instruction without its
/// continuations and the comments between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    text: String,
    /// Where each piece begins here, and in the whole text.
    pieces: Vec<(usize, usize)>,
}

impl Joined {
    /// Nothing, standing at a place.
    pub(super) fn nothing(at: usize) -> Self {
        Self { text: String::new(), pieces: vec![(0, at)] }
    }

    /// One piece only.
    pub(super) fn one(piece: &str, at: usize) -> Self {
        Self { text: piece.to_owned(), pieces: vec![(0, at)] }
    }

    pub(super) fn push(&mut self, piece: &str, at: usize) {
        if piece.is_empty() && !self.pieces.is_empty() {
            return;
        }
        if self.text.is_empty() {
            self.pieces.clear();
        }
        self.pieces.push((self.text.len(), at));
        self.text.push_str(piece);
    }

    /// What is read: without continuations.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Where a byte of this text stands in the whole text.
    pub(super) fn source(&self, at: usize) -> usize {
        if at > 0 && at >= self.text.len() {
            return self.source(self.text.len() - 1) + 1;
        }
        let i = self.pieces.partition_point(|p| p.0 <= at);
        self.pieces.get(i.wrapping_sub(1)).map_or(0, |(here, there)| there + (at - here))
    }

    /// Where a range of this text stands in the whole text, from its first to its last byte.
    pub fn span(&self, range: Span) -> Span {
        let start = self.source(range.start);
        if range.end <= range.start { start..start } else { start..self.source(range.end - 1) + 1 }
    }

    /// The same without what stands between its pieces.
    pub(super) fn segments(&self, range: Span) -> impl Iterator<Item = Span> {
        let first = self.pieces.partition_point(|p| p.0 <= range.start).saturating_sub(1);
        let ends = self.pieces[first..].iter().skip(1).map(|p| p.0).chain([self.text.len()]);
        self.pieces[first..].iter().zip(ends).take_while(move |(p, _)| p.0 < range.end).filter_map({
            let range = range.clone();
            move |(&(here, there), end)| {
                let (start, end) = (range.start.max(here), range.end.min(end));
                (start < end).then(|| there + (start - here)..there + (end - here))
            }
        })
    }

    /// A part of it.
    pub(super) fn part(&self, range: Span) -> Self {
        if range.start >= range.end {
            return Self::nothing(self.source(range.start));
        }
        let first = self.pieces.partition_point(|p| p.0 <= range.start).saturating_sub(1);
        let pieces = self.pieces[first..]
            .iter()
            .take_while(|p| p.0 < range.end)
            .map(
                |&(here, there)| {
                    if here < range.start { (0, there + (range.start - here)) } else { (here - range.start, there) }
                },
            )
            .collect();
        Self { text: self.text[range].to_owned(), pieces }
    }
}

/// The boundary of a character at or before a byte.
pub fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The part of a text without white space around it.
pub(super) fn trimmed(text: &str) -> Span {
    let start = text.len() - text.trim_start().len();
    start..start.max(text.trim_end().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_text_knows_where_it_came_from() {
        let mut joined = Joined::nothing(0);
        joined.push("RUN a ", 0);
        joined.push("  b", 20);
        assert_eq!(joined.text(), "RUN a   b");
        assert_eq!(joined.span(4..9), 4..23);
        assert_eq!(joined.span(8..9), 22..23);
        assert_eq!(joined.span(9..9), 23..23);
        let part = joined.part(5..9);
        assert_eq!((part.text(), part.span(0..4), part.span(3..4)), ("   b", 5..23, 22..23));
        assert_eq!(joined.part(8..9).span(0..1), 22..23);
    }

    #[test]
    fn places_count_characters() {
        let text = "\u{feff}aé\nx\r\nß!";
        let end = text.len();
        let found = places(text, [end, 0, 3, 4, 7, end - 1]);
        let said: Vec<_> = [0, 3, 4, 7, end - 1, end].iter().map(|at| (found[at].line, found[at].column)).collect();
        assert_eq!(said, [(1, 1), (1, 1), (1, 2), (2, 1), (3, 2), (3, 3)]);
    }
}
