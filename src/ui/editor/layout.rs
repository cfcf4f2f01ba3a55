//! Which cells a line takes: wide characters, tabs, and signs for what must not reach a terminal.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use crate::text::{is_unsafe, width};

/// A tab goes to the next multiple of this.
pub(super) const TAB: usize = 4;

/// More characters than this on one cell are no letter any more.
const STACKED: usize = 12;

/// One character as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glyph<'a> {
    /// Its bytes in the line.
    pub from: usize,
    pub to: usize,
    /// Its first cell in the line, and how many it takes.
    pub column: usize,
    pub width: usize,
    /// What is shown.
    pub shown: Cow<'a, str>,
    /// Whether a sign is shown in its place.
    pub escaped: bool,
}

/// The glyphs of a line, from left to right.
pub(super) struct Glyphs<'a> {
    line: &'a str,
    byte: usize,
    column: usize,
}

/// Whether every byte is one cell: then columns are bytes, however long the line.
fn plain(line: &str) -> bool {
    line.as_bytes().chunks(64).all(|chunk| chunk.iter().fold(true, |all, b| all & matches!(b, b' '..=b'~')))
}

/// The glyphs of a line, without those that end before `column` where these need not be looked at.
pub(super) fn glyphs(line: &str, column: usize) -> Glyphs<'_> {
    let at = if column > 0 && plain(line) { column.min(line.len()) } else { 0 };
    Glyphs { line, byte: at, column: at }
}

impl<'a> Iterator for Glyphs<'a> {
    type Item = Glyph<'a>;

    fn next(&mut self) -> Option<Glyph<'a>> {
        let from = self.byte;
        let to = next(self.line, from)?;
        let text = &self.line[from..to];
        let (shown, escaped, width) = match text.as_bytes() {
            [b'\t'] => (Cow::Borrowed(" "), false, TAB - self.column % TAB),
            [b' '..=b'~'] => (Cow::Borrowed(text), false, 1),
            _ => show(text),
        };
        let glyph = Glyph { from, to, column: self.column, width, shown, escaped };
        self.byte = to;
        self.column += width;
        Some(glyph)
    }
}

fn show(text: &str) -> (Cow<'_, str>, bool, usize) {
    let first = text.chars().next().unwrap_or_default();
    let cells = width(text);
    if cells == 0 || is_unsafe(first) {
        let sign = match first {
            '\0'..='\x1f' => format!("^{}", char::from(first as u8 + b'@')),
            '\x7f' => "^?".to_owned(),
            _ => format!("<{:04X}>", u32::from(first)),
        };
        let cells = sign.len();
        return (Cow::Owned(sign), true, cells);
    }
    if text.chars().any(is_unsafe) || text.chars().count() > STACKED {
        let base = first.to_string();
        let cells = width(&base);
        return if cells == 0 { (Cow::Borrowed("?"), true, 1) } else { (Cow::Owned(base), true, cells) };
    }
    (Cow::Borrowed(text), false, cells)
}

/// The end of the character, as people see it, that begins at a byte.
pub(super) fn next(line: &str, byte: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    // Between two of ASCII there is always a border; nothing needs to be looked up.
    if bytes.get(byte)?.is_ascii() && bytes.get(byte + 1).is_none_or(u8::is_ascii) {
        return Some(byte + 1);
    }
    let rest = line.get(byte..)?;
    rest.graphemes(true).next().map(|g| byte + g.len())
}

/// The start of the character, as people see it, that ends at a byte.
pub(super) fn previous(line: &str, byte: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    let last = byte.checked_sub(1)?;
    if bytes.get(last)?.is_ascii() {
        return Some(last);
    }
    line.get(..byte)?.graphemes(true).next_back().map(|g| byte - g.len())
}

/// The cell at which the character at a byte begins.
pub(super) fn column(line: &str, byte: usize) -> usize {
    if plain(line) {
        return byte.min(line.len());
    }
    let mut end = 0;
    for glyph in glyphs(line, 0) {
        if glyph.to > byte {
            return glyph.column;
        }
        end = glyph.column + glyph.width;
    }
    end
}

/// The byte of the character that has a cell; the end of the line where none has.
pub(super) fn byte(line: &str, column: usize) -> usize {
    glyphs(line, column).find(|g| g.column + g.width > column).map_or(line.len(), |g| g.from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_its_cells() {
        let shown = |line| -> Vec<(usize, usize, String)> {
            glyphs(line, 0).map(|g| (g.column, g.width, g.shown.into_owned())).collect()
        };
        assert_eq!(shown("a\tb"), [(0, 1, "a".into()), (1, 3, " ".into()), (4, 1, "b".into())]);
        assert_eq!(shown("漢e\u{301}"), [(0, 2, "漢".into()), (2, 1, "e\u{301}".into())]);
        assert_eq!(shown("\x1b[\u{200b}"), [(0, 2, "^[".into()), (2, 1, "[".into()), (3, 6, "<200B>".into())]);
        assert_eq!(shown("\u{202e}"), [(0, 6, "<202E>".into())]);
    }

    #[test]
    fn columns_and_bytes_answer_each_other() {
        let line = "a漢\tb👩‍👩‍👧c";
        for glyph in glyphs(line, 0) {
            assert_eq!(column(line, glyph.from), glyph.column);
            assert_eq!(byte(line, glyph.column), glyph.from);
            assert_eq!(byte(line, glyph.column + glyph.width - 1), glyph.from);
            assert_eq!(next(line, glyph.from), Some(glyph.to));
            assert_eq!(previous(line, glyph.to), Some(glyph.from));
        }
        assert_eq!((byte("ab", 9), column("ab", 9)), (2, 2));
    }
}
