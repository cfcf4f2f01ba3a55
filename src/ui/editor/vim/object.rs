//! Pieces of text that Vim has a name for: words, what is in quotes or brackets, paragraphs.

use super::super::Editor;
use super::super::document::Place;

impl Editor {
    /// Where such a piece begins and ends, and whether it is whole lines.
    pub(super) fn vim_object(&self, around: bool, kind: char) -> Option<(Place, Place, bool)> {
        match kind {
            'w' | 'W' => Some(self.vim_word_object(around, kind == 'W')),
            '"' | '\'' | '`' => self.vim_quoted(around, kind),
            '(' | ')' | 'b' => self.vim_bracketed(around, '(', ')'),
            '[' | ']' => self.vim_bracketed(around, '[', ']'),
            '{' | '}' | 'B' => self.vim_bracketed(around, '{', '}'),
            '<' | '>' => self.vim_bracketed(around, '<', '>'),
            'p' => Some(self.vim_paragraph_object(around)),
            _ => None,
        }
    }

    fn vim_word_object(&self, around: bool, big: bool) -> (Place, Place, bool) {
        let (mut from, mut to) = self.word_at(self.cursor, big);
        if around {
            let line = self.document.line(from.line);
            let blank = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
            let on_blank = line[from.byte..to.byte].trim().is_empty();
            let behind = blank(&line[to.byte..]);
            if on_blank {
                to = self.word_at(to, big).1;
            } else if behind > 0 {
                to.byte += behind;
            } else {
                let before = line[..from.byte].trim_end_matches([' ', '\t']).len();
                from.byte = if before > 0 { before } else { from.byte };
            }
        }
        (from, to, false)
    }

    fn vim_quoted(&self, around: bool, quote: char) -> Option<(Place, Place, bool)> {
        let here = self.cursor;
        let line = self.document.line(here.line);
        let mut escaped = false;
        let mut quotes = Vec::new();
        for (at, c) in line.char_indices() {
            if c == quote && !escaped {
                quotes.push(at);
            }
            escaped = c == '\\' && !escaped;
        }
        let pair = quotes.as_chunks::<2>().0.iter().find(|[_, close]| *close >= here.byte)?;
        let [open, close] = *pair;
        if around {
            let end = close + 1;
            let blanks = line[end..].len() - line[end..].trim_start_matches([' ', '\t']).len();
            return Some((Place::new(here.line, open), Place::new(here.line, end + blanks), false));
        }
        Some((Place::new(here.line, open + 1), Place::new(here.line, close), false))
    }

    fn vim_bracketed(&self, around: bool, open: char, close: char) -> Option<(Place, Place, bool)> {
        let here = self.cursor;
        let from = if self.char_at(here) == Some(open) { here } else { self.opening(here, open, close)? };
        let to = self.closing(from, open, close)?;
        if around {
            return Some((from, Place::new(to.line, to.byte + close.len_utf8()), false));
        }
        let inner = Place::new(from.line, from.byte + open.len_utf8());
        let first = self.document.line(from.line)[inner.byte..].trim().is_empty();
        let last = self.document.line(to.line)[..to.byte].trim().is_empty();
        if first && last && to.line > from.line + 1 {
            // The lines between, not what breaks them off the brackets.
            return Some((Place::new(from.line + 1, 0), self.end_of(to.line - 1), true));
        }
        Some((inner, to, false))
    }

    fn vim_paragraph_object(&self, around: bool) -> (Place, Place, bool) {
        let blank = |line: usize| self.document.line(line).trim().is_empty();
        let (here, end) = (self.cursor.line, self.document.last());
        let kind = blank(here);
        let (mut first, mut last) = (here, here);
        while first > 0 && blank(first - 1) == kind {
            first -= 1;
        }
        while last < end && blank(last + 1) == kind {
            last += 1;
        }
        if around {
            let before = last;
            while last < end && blank(last + 1) != kind {
                last += 1;
            }
            while last == before && first > 0 && blank(first - 1) != kind {
                first -= 1;
            }
        }
        (Place::new(first, 0), self.end_of(last), true)
    }
}
