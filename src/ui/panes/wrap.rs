//! Text over as many lines as it needs, by the width of what a terminal shows of it.

use unicode_segmentation::UnicodeSegmentation;

use crate::text::{clean, width as cells};
use crate::ui::view::Tone;

use super::text::TextLine;

/// A piece of text and how it is meant.
pub type Piece = (Tone, String);

/// What stands before the text of a line.
#[derive(Debug, Clone, Default)]
pub struct Lead {
    /// Before the first line.
    pub first: Vec<Piece>,
    /// Before the others, as wide.
    pub rest: Vec<Piece>,
}

/// Room for text beside what stands before it, however narrow the pane.
const LEAST: usize = 8;

/// Lays pieces out in lines of at most `width` cells. They break between words, also where a word has several tones,
/// and within one only where it is wider than a line. A line break within a piece is kept.
pub fn flow(pieces: &[Piece], lead: &Lead, width: usize) -> Vec<TextLine> {
    let taken = |pieces: &[Piece]| pieces.iter().map(|(_, text)| cells(text)).sum::<usize>();
    let (first, rest) = (taken(&lead.first), taken(&lead.rest));
    let width = width.max(match first.max(rest) {
        0 => 2,
        taken => taken + LEAST,
    });
    let mut page = Page { lines: Vec::new(), lead, line: TextLine::default(), used: 0, room: 0, empty: true };
    page.begin(&lead.first, width - first);
    let room = width - rest;
    let mut word: Vec<(Tone, &str)> = Vec::new();
    let mut blank: Option<(Tone, &str)> = None;
    for (tone, text) in pieces {
        for part in parts(text) {
            match part {
                Part::Break => {
                    page.word(&mut word, blank.take(), room);
                    page.next(room);
                }
                Part::Blank(text) => {
                    page.word(&mut word, blank.take(), room);
                    blank = Some((*tone, text));
                }
                Part::Word(text) => word.push((*tone, text)),
            }
        }
    }
    page.word(&mut word, blank, room);
    page.lines.push(page.line);
    page.lines
}

/// Pieces over as many lines as they need; all but the first are indented.
pub fn wrap(pieces: &[Piece], width: usize, indent: usize) -> Vec<TextLine> {
    flow(pieces, &Lead { first: Vec::new(), rest: vec![(Tone::Plain, " ".repeat(indent))] }, width)
}

enum Part<'a> {
    Word(&'a str),
    Blank(&'a str),
    Break,
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        if first == '\n' {
            rest = &rest[1..];
            return Some(Part::Break);
        }
        let blank = first == ' ';
        let end = rest.find(|c| c == '\n' || (c == ' ') != blank).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(if blank { Part::Blank(part) } else { Part::Word(part) })
    })
}

struct Page<'a> {
    lines: Vec<TextLine>,
    lead: &'a Lead,
    line: TextLine,
    /// Cells of the line that are taken, without what stands before it.
    used: usize,
    room: usize,
    /// Whether the line has no word yet.
    empty: bool,
}

impl Page<'_> {
    fn begin(&mut self, lead: &[Piece], room: usize) {
        for (tone, text) in lead {
            self.line.push(*tone, text);
        }
        (self.used, self.room, self.empty) = (0, room, true);
    }

    fn next(&mut self, room: usize) {
        self.lines.push(std::mem::take(&mut self.line));
        let lead = self.lead;
        self.begin(&lead.rest, room);
    }

    fn push(&mut self, tone: Tone, text: &str) {
        let text = clean(text);
        match self.line.pieces.last_mut().filter(|(last, _)| *last == tone && !self.empty) {
            Some((_, last)) => last.push_str(&text),
            None => self.line.push(tone, text),
        }
    }

    /// Takes a word with the blanks before it. `room` is that of the lines after this.
    fn word(&mut self, word: &mut Vec<(Tone, &str)>, blank: Option<(Tone, &str)>, room: usize) {
        let wide: usize = word.iter().map(|(_, text)| cells(&clean(text))).sum();
        if wide == 0 {
            return word.clear();
        }
        // Blanks at the beginning of a text are meant; those where a line breaks are not.
        let blank = blank.filter(|_| !self.empty || self.lines.is_empty());
        let gap = blank.map_or(0, |(_, text)| text.len());
        if !self.empty && self.used + gap + wide > self.room {
            self.next(room);
        } else if let Some((tone, text)) = blank.filter(|_| gap < self.room) {
            self.push(tone, text);
            self.used += gap;
        }
        for (tone, text) in word.drain(..) {
            let text = clean(text);
            if self.used + cells(&text) <= self.room {
                self.push(tone, &text);
                self.used += cells(&text);
                self.empty = false;
                continue;
            }
            for grapheme in text.graphemes(true) {
                let wide = cells(grapheme);
                if self.used + wide > self.room && self.used > 0 {
                    self.next(room);
                }
                self.push(tone, grapheme);
                self.used += wide;
                self.empty = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pieces: &[(Tone, &str)], width: usize, indent: usize) -> Vec<String> {
        let pieces: Vec<Piece> = pieces.iter().map(|(tone, text)| (*tone, (*text).to_owned())).collect();
        wrap(&pieces, width, indent).iter().map(TextLine::text).collect()
    }

    #[test]
    fn lines_break_between_words_and_not_between_tones() {
        let pieces = [(Tone::Plain, "say "), (Tone::Text, "hello"), (Tone::Plain, ", world"), (Tone::Muted, "!")];
        assert_eq!(shown(&pieces, 10, 0), ["say hello,", "world!"]);
        assert_eq!(shown(&pieces, 9, 1), ["say", " hello,", " world!"]);
        assert_eq!(shown(&[(Tone::Plain, "  a  b\nc")], 20, 2), ["  a  b", "  c"]);
        assert_eq!(shown(&[], 20, 2), [""]);
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        for text in [
            "日本語日本語日本語日本語 日本語",
            &"x".repeat(300),
            "a\u{1b}[31mb \u{202e}",
            "e\u{301}".repeat(50).as_str(),
        ] {
            for width in 10..40 {
                for line in shown(&[(Tone::Plain, text), (Tone::Text, text)], width, 2) {
                    assert!(cells(&line) <= width && !line.contains('\u{1b}'), "{width}: {line}");
                }
            }
        }
        let long = shown(&[(Tone::Plain, "https://example.org/a/very/long/path")], 20, 2);
        assert_eq!(long, ["https://example.org/", "  a/very/long/path"]);
    }
}
