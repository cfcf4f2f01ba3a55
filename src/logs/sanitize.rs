//! What a container wrote, made harmless: text and SGR sequences stay, nothing else a terminal obeys.

use unicode_width::UnicodeWidthChar;

use crate::text::is_unsafe;

/// What was found in one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cleaned {
    pub(super) styled: bool,
    pub(super) binary: bool,
    /// Bytes at the end that had no room.
    pub(super) dropped: usize,
}

/// Stands for a control character, as everywhere in the panel.
const PLACEHOLDER: char = '·';
/// No SGR sequence that means something is longer.
const LONGEST_SGR: usize = 64;
const TAB: usize = 8;

/// Appends `raw`, one line without its end, to `out`: at most `cap` bytes and a little.
pub(super) fn append(raw: &[u8], out: &mut String, cap: usize) -> Cleaned {
    let kept = &raw[..boundary(raw, cap)];
    let dropped = raw.len() - kept.len();
    if is_plain(kept)
        && let Ok(text) = std::str::from_utf8(kept)
    {
        out.push_str(text);
        return Cleaned { dropped, ..Cleaned::default() };
    }
    let text = String::from_utf8_lossy(kept);
    let mut found = if text.contains(['\r', '\x08']) {
        let mut cells = Overwritten::default();
        let found = walk(&text, &mut cells);
        cells.write(out, cap);
        found
    } else {
        let mut straight = Straight { start: out.len(), out, column: 0, cap };
        walk(&text, &mut straight)
    };
    found.dropped += dropped;
    found
}

/// Printable ASCII and nothing else: by far the most lines. Written so that it is vectorised.
fn is_plain(raw: &[u8]) -> bool {
    raw.chunks(64).all(|part| !part.iter().fold(false, |other, b| other | (b.wrapping_sub(0x20) >= 0x5f)))
}

/// `cap`, or a little less so that no character is cut.
fn boundary(raw: &[u8], cap: usize) -> usize {
    if raw.len() <= cap {
        return raw.len();
    }
    (cap.saturating_sub(3)..=cap).rev().find(|at| raw[*at] & 0xc0 != 0x80).unwrap_or(cap)
}

/// Where the parts of a line go.
trait Sink {
    /// Text of which nothing is unsafe; whether more is wanted.
    fn text(&mut self, text: &str) -> bool;
    fn tab(&mut self) -> bool;
    fn style(&mut self, sequence: &str) -> bool;
    /// Any other control sequence, by its final byte and first parameter.
    fn control(&mut self, _kind: u8, _parameter: usize) {}
}

fn walk(text: &str, sink: &mut impl Sink) -> Cleaned {
    let mut found = Cleaned::default();
    let (mut bad, mut good) = (0_usize, 0_usize);
    // Once one string sequence has no end, no later one has: without this a line of nothing but
    // beginnings would be searched once for each.
    let mut endless = false;
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.bytes().position(|b| !(0x20..0x7f).contains(&b)).unwrap_or(rest.len());
        if run > 0 {
            good += run;
            if !sink.text(&rest[..run]) {
                found.dropped = rest.len() - run;
                break;
            }
            rest = &rest[run..];
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        let mut used = c.len_utf8();
        let more = match c {
            '\t' => sink.tab(),
            '\r' | '\x08' => {
                sink.control(c as u8, 0);
                true
            }
            '\x1b' => {
                let (len, sequence) = escape(rest.as_bytes(), &mut endless);
                used = len;
                match sequence {
                    Sequence::Style => {
                        found.styled = true;
                        sink.style(&rest[..len])
                    }
                    Sequence::Control(kind, parameter) => {
                        sink.control(kind, parameter);
                        true
                    }
                    Sequence::Nothing => true,
                    Sequence::Lone => {
                        bad += 1;
                        sink.text("·")
                    }
                }
            }
            c if is_unsafe(c) => {
                bad += 1;
                sink.text(PLACEHOLDER.encode_utf8(&mut [0; 4]))
            }
            c => {
                *(if c == char::REPLACEMENT_CHARACTER { &mut bad } else { &mut good }) += 1;
                sink.text(&rest[..used])
            }
        };
        rest = &rest[used..];
        if !more {
            found.dropped = rest.len();
            break;
        }
    }
    found.binary = bad > 3 && bad * 6 > good;
    found
}

enum Sequence {
    /// SGR: colours and the like.
    Style,
    /// Another control sequence, by its final byte and first parameter.
    Control(u8, usize),
    /// Something without an effect on text.
    Nothing,
    /// An escape that begins nothing.
    Lone,
}

/// The sequence at the beginning of `text`, which begins with an escape, and its length.
fn escape(text: &[u8], endless: &mut bool) -> (usize, Sequence) {
    match text.get(1) {
        Some(b'[') => {
            let parameters = text[2..].iter().take_while(|b| (0x30..=0x3f).contains(*b)).count();
            let between = text[2 + parameters..].iter().take_while(|b| (0x20..=0x2f).contains(*b)).count();
            let end = 2 + parameters + between;
            let Some(kind) = text.get(end).copied().filter(|b| (0x40..=0x7e).contains(b)) else {
                return (end, Sequence::Nothing);
            };
            let parameters = &text[2..2 + parameters];
            let simple = between == 0 && parameters.iter().all(|b| b.is_ascii_digit() || matches!(b, b';' | b':'));
            let sequence = match kind {
                b'm' if simple && parameters.len() <= LONGEST_SGR => Sequence::Style,
                b'm' => Sequence::Nothing,
                _ if simple => Sequence::Control(kind, first_number(parameters)),
                _ => Sequence::Nothing,
            };
            (end + 1, sequence)
        }
        Some(b']' | b'P' | b'X' | b'^' | b'_') if !*endless => {
            let mut from = 2;
            while let Some(at) = memchr::memchr2(0x07, 0x1b, &text[from..]) {
                let at = from + at;
                if text[at] == 0x07 {
                    return (at + 1, Sequence::Nothing);
                }
                if text.get(at + 1) == Some(&b'\\') {
                    return (at + 2, Sequence::Nothing);
                }
                from = at + 1;
            }
            *endless = true;
            (1, Sequence::Lone)
        }
        Some(0x20..=0x2f) => {
            let between = text[1..].iter().take_while(|b| (0x20..=0x2f).contains(*b)).count();
            match text.get(1 + between) {
                Some(0x30..=0x7e) => (2 + between, Sequence::Nothing),
                _ => (1 + between, Sequence::Nothing),
            }
        }
        Some(b']' | b'P' | b'X' | b'^' | b'_') => (1, Sequence::Lone),
        Some(0x30..=0x7e) => (2, Sequence::Nothing),
        _ => (1, Sequence::Lone),
    }
}

fn first_number(parameters: &[u8]) -> usize {
    let digits = parameters.iter().take_while(|b| b.is_ascii_digit());
    digits.fold(0_usize, |n, b| n.saturating_mul(10).saturating_add(usize::from(b - b'0')))
}

fn cells(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(|c| c.width().unwrap_or(0)).sum() }
}

/// Writes a line that only goes forward.
struct Straight<'a> {
    out: &'a mut String,
    start: usize,
    column: usize,
    cap: usize,
}

impl Straight<'_> {
    fn is_full(&self) -> bool {
        self.out.len() - self.start >= self.cap
    }
}

impl Sink for Straight<'_> {
    fn text(&mut self, text: &str) -> bool {
        self.out.push_str(text);
        self.column += cells(text);
        !self.is_full()
    }

    fn tab(&mut self) -> bool {
        for _ in 0..TAB - self.column % TAB {
            self.out.push(' ');
            self.column += 1;
        }
        !self.is_full()
    }

    fn style(&mut self, sequence: &str) -> bool {
        self.out.push_str(sequence);
        !self.is_full()
    }
}

/// How far a sequence may move the cursor past what is written.
const FURTHEST: usize = 512;

/// A line that goes back over itself (progress bars, overstruck bold), as a terminal would leave it.
#[derive(Default)]
struct Overwritten {
    cells: Vec<Cell>,
    column: usize,
    /// Everything ever written; cells are ranges of it.
    written: String,
    /// Style sequences since the last reset, by number; 0 is none.
    styles: Vec<String>,
    style: usize,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    start: usize,
    end: usize,
    style: usize,
    /// It is the second half of the character before.
    second_half: bool,
}

impl Overwritten {
    fn put(&mut self, c: char) {
        let start = self.written.len();
        self.written.push(c);
        let end = self.written.len();
        let width = c.width().unwrap_or(0);
        if width == 0 {
            // A combining character joins the last one written, if that stands before the cursor.
            match self.column.checked_sub(1).and_then(|at| self.cells.get_mut(at)) {
                Some(cell) if cell.end == start => cell.end = end,
                _ => self.written.truncate(start),
            }
            return;
        }
        self.grow(self.column + width);
        for at in self.column..self.column + width {
            self.split(at);
        }
        let cell = Cell { start, end, style: self.style, second_half: false };
        self.cells[self.column] = cell;
        for at in self.column + 1..self.column + width {
            self.cells[at] = Cell { start: end, end, second_half: true, ..cell };
        }
        self.column += width;
    }

    fn grow(&mut self, to: usize) {
        while self.cells.len() < to {
            self.cells.push(Cell::default());
        }
    }

    /// Blanks the other half of a wide character of which `at` is to be overwritten.
    fn split(&mut self, at: usize) {
        if self.cells[at].second_half && at > 0 && !self.cells[at - 1].second_half {
            self.cells[at - 1] = Cell::default();
        }
        if let Some(next) = self.cells.get_mut(at + 1).filter(|next| next.second_half) {
            *next = Cell::default();
        }
    }

    fn write(&self, out: &mut String, cap: usize) {
        let start = out.len();
        let mut style = 0;
        for cell in self.cells.iter().filter(|cell| !cell.second_half) {
            if out.len() - start >= cap {
                break;
            }
            if cell.style != style {
                style = cell.style;
                out.push_str("\x1b[0m");
                out.push_str(self.style_of(style));
            }
            match &self.written[cell.start..cell.end] {
                "" => out.push(' '),
                text => out.push_str(text),
            }
        }
    }

    fn style_of(&self, number: usize) -> &str {
        number.checked_sub(1).and_then(|at| self.styles.get(at)).map_or("", String::as_str)
    }
}

impl Sink for Overwritten {
    fn text(&mut self, text: &str) -> bool {
        text.chars().for_each(|c| self.put(c));
        true
    }

    fn tab(&mut self) -> bool {
        self.column += TAB - self.column % TAB;
        self.grow(self.column);
        true
    }

    fn style(&mut self, sequence: &str) -> bool {
        if matches!(sequence, "\x1b[m" | "\x1b[0m") {
            self.style = 0;
            return true;
        }
        let before = self.style_of(self.style);
        let before = if before.len() > LONGEST_SGR { "" } else { before };
        let next = format!("{before}{sequence}");
        if self.styles.last() != Some(&next) {
            self.styles.push(next);
        }
        self.style = self.styles.len();
        true
    }

    fn control(&mut self, kind: u8, parameter: usize) {
        let far = self.cells.len() + FURTHEST;
        match kind {
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'G' => self.column = parameter.saturating_sub(1).min(far),
            b'C' => self.column = self.column.saturating_add(parameter.max(1)).min(far),
            b'D' => self.column = self.column.saturating_sub(parameter.max(1)),
            b'K' if parameter == 0 && self.column < self.cells.len() => {
                self.split(self.column);
                self.cells.truncate(self.column);
            }
            b'K' if parameter == 2 => self.cells.clear(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(raw: &str) -> String {
        let mut out = String::new();
        append(raw.as_bytes(), &mut out, 1000);
        out
    }

    #[test]
    fn only_text_and_colours_pass() {
        assert_eq!(
            clean("\x1b[1;31mred\x1b[0m \x1b[2J\x1b[?25lplain\x1b[38:2:1:2:3mx"),
            "\x1b[1;31mred\x1b[0m plain\x1b[38:2:1:2:3mx"
        );
        assert_eq!(clean("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\x1b]8;;\x1b\\c"), "abc");
        assert_eq!(clean("a\x1bPq#0~\x1b\\b\x1b(0c\x1bcd\x1b7e\x07f\u{9b}31mg\u{202e}h"), "abcde·f·31mg·h");
        assert_eq!(clean("\x1b[>4;2mx\x1b[31"), "x");
        assert_eq!(clean("cut \x1b]0;no end"), "cut ·]0;no end");
        assert_eq!(clean("\x1b"), "·");
        assert_eq!(clean("\x1b[1\x1b[31mx"), "\x1b[31mx");
    }

    #[test]
    fn tabs_go_to_every_eighth_column() {
        assert_eq!(clean("a\tb"), "a       b");
        assert_eq!(clean("漢字\tb\tc"), "漢字    b       c");
        assert_eq!(clean("\x1b[31mab\tc"), "\x1b[31mab      c");
    }

    #[test]
    fn a_line_over_itself_is_what_a_terminal_would_show() {
        assert_eq!(clean("10%\r 20%\r100%"), "100%");
        assert_eq!(clean("abcdef\rxy"), "xycdef");
        assert_eq!(clean("long line\r\x1b[Kok"), "ok");
        assert_eq!(clean("long line\x1b[2K\rok"), "ok");
        assert_eq!(clean("N\x08NA\x08AM\x08M"), "NAM");
        assert_eq!(clean("漢字\rx"), "x 字");
        assert_eq!(clean("abc\r漢"), "漢c");
        assert_eq!(clean("x\re\u{301}f"), "e\u{301}f");
        assert_eq!(clean("\x1b[31mred\x1b[0m\rR"), "R\x1b[0m\x1b[31med");
        assert_eq!(clean("a\r\x1b[5Cb\x1b[999999999Cc").len(), 6 + FURTHEST + 1);
    }

    #[test]
    fn a_line_keeps_to_its_cap_and_counts_the_rest() {
        let mut out = String::new();
        assert_eq!(append(&[b'x'; 100], &mut out, 64).dropped, 36);
        assert_eq!(out.len(), 64);
        out.clear();
        assert_eq!(append("é".repeat(50).as_bytes(), &mut out, 33).dropped, 68);
        assert_eq!(out, "é".repeat(16));
        out.clear();
        let found = append(&[b'\t'; 64], &mut out, 64);
        assert_eq!((out.len(), found.dropped), (64, 56));
    }

    #[test]
    fn garbage_is_known_as_such() {
        let mut out = String::new();
        assert!(append(&[0x00, 0xff, 0x01, 0xfe, 0x80, 0x90, b'a'], &mut out, 100).binary);
        out.clear();
        assert!(!append(b"text with \x1b[1mbold\x1b[0m and a bell\x07", &mut out, 100).binary);
    }
}
