//! One line on its way to the screen: its colours, its rows, how grave it is.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::chunk::Line;
use crate::text::width as cells;

/// A colour as SGR names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Colour {
    /// The terminal's own.
    #[default]
    Default,
    /// One of 256; the first 16 are the theme's.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How SGR sequences dress a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[allow(clippy::struct_excessive_bools)]
pub struct Style {
    /// Of the text.
    pub fg: Colour,
    /// Behind it.
    pub bg: Colour,
    /// Bold.
    pub bold: bool,
    /// Faint.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Text and background change places.
    pub inverse: bool,
}

impl Style {
    /// The style after the parameters of one SGR sequence, such as `1;38;5;208`.
    fn apply(&mut self, parameters: &str) {
        // A group is what stands between semicolons; its colons are another way to write a colour.
        let mut groups = parameters.split(';');
        while let Some(group) = groups.next() {
            let mut own = group.split(':');
            let code = own.next().unwrap_or_default();
            match code.parse::<u8>().unwrap_or(u8::from(!code.is_empty()) * u8::MAX) {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = own.next() != Some("0"),
                7 => self.inverse = true,
                21 => self.underline = true,
                22 => (self.bold, self.dim) = (false, false),
                23 => self.italic = false,
                24 => self.underline = false,
                27 => self.inverse = false,
                code @ 30..=37 => self.fg = Colour::Indexed(code - 30),
                code @ 40..=47 => self.bg = Colour::Indexed(code - 40),
                code @ 90..=97 => self.fg = Colour::Indexed(code - 90 + 8),
                code @ 100..=107 => self.bg = Colour::Indexed(code - 100 + 8),
                39 => self.fg = Colour::Default,
                49 => self.bg = Colour::Default,
                code @ (38 | 48) => {
                    let colour = if group.contains(':') {
                        // `38:2::r:g:b` names a colour space (mostly empty), `38:2:r:g:b` does not.
                        let numbers: Vec<&str> = own.collect();
                        match (numbers.first(), numbers.len()) {
                            (Some(&"2"), 5..) => rgb(numbers[2..5].iter().copied()),
                            (Some(&"2"), 4) => rgb(numbers[1..4].iter().copied()),
                            (Some(&"5"), 2) => numbers[1].parse().ok().map(Colour::Indexed),
                            _ => None,
                        }
                    } else {
                        match groups.next() {
                            Some("2") => rgb(groups.by_ref().take(3)),
                            Some("5") => groups.next().and_then(|n| n.parse().ok()).map(Colour::Indexed),
                            _ => None,
                        }
                    };
                    if let Some(colour) = colour {
                        *(if code == 38 { &mut self.fg } else { &mut self.bg }) = colour;
                    }
                }
                _ => {}
            }
        }
    }
}

fn rgb<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Colour> {
    let mut parts = parts.map(|part| part.parse().ok());
    Some(Colour::Rgb(parts.next()??, parts.next()??, parts.next()??))
}

/// Text in one style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// How it looks.
    pub style: Style,
    /// Never empty, no control characters.
    pub text: &'a str,
}

/// A line's text by its styles. The pieces' texts together are its visible text.
pub fn pieces<'a>(line: &Line<'a>) -> Vec<Piece<'a>> {
    let mut all: Vec<Piece<'a>> = Vec::new();
    let mut style = Style::default();
    for (n, part) in line.text.split('\x1b').enumerate() {
        let mut text = part;
        if n > 0 {
            let (sequence, rest) = part.split_once('m').unwrap_or((part, ""));
            style.apply(sequence.strip_prefix('[').unwrap_or_default());
            text = rest;
        }
        if !text.is_empty() {
            all.push(Piece { style, text });
        }
    }
    all
}

/// A line's visible text: what is searched, copied and saved.
pub fn plain<'a>(line: &Line<'a>) -> Cow<'a, str> {
    if line.text.contains('\x1b') {
        Cow::Owned(pieces(line).iter().map(|piece| piece.text).collect())
    } else {
        Cow::Borrowed(line.text)
    }
}

/// `pieces` in rows of at most `width` cells (a character wider than that has a row for itself); no
/// character, however it is composed, is split. There is always one row.
pub fn wrap<'a>(pieces: &[Piece<'a>], width: usize) -> Vec<Vec<Piece<'a>>> {
    let width = width.max(1);
    let mut rows = vec![Vec::new()];
    let mut used = 0;
    let mut put = |style: Style, text: &'a str, new: bool| {
        if new {
            rows.push(Vec::new());
        }
        if let Some(row) = rows.last_mut().filter(|_| !text.is_empty()) {
            row.push(Piece { style, text });
        }
    };
    for Piece { style, text } in pieces.iter().copied() {
        let mut rest = text;
        if text.is_ascii() {
            while !rest.is_empty() {
                let new = used >= width;
                if new {
                    used = 0;
                }
                let (now, later) = rest.split_at((width - used).min(rest.len()));
                put(style, now, new);
                used += now.len();
                rest = later;
            }
            continue;
        }
        let (mut start, mut new) = (0, false);
        for (at, grapheme) in text.grapheme_indices(true) {
            let wide = cells(grapheme);
            if used > 0 && used + wide > width {
                put(style, &text[start..at], new);
                (start, new, used) = (at, true, 0);
            }
            used += wide;
        }
        put(style, &text[start..], new);
    }
    rows
}

/// How grave a line says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For developers.
    Debug,
    /// As usual.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
}

impl Severity {
    fn of_word(word: &str) -> Option<Self> {
        const WORDS: [(&str, Severity); 18] = [
            ("error", Severity::Error),
            ("err", Severity::Error),
            ("fatal", Severity::Error),
            ("panic", Severity::Error),
            ("critical", Severity::Error),
            ("crit", Severity::Error),
            ("alert", Severity::Error),
            ("emerg", Severity::Error),
            ("severe", Severity::Error),
            ("exception", Severity::Error),
            ("warning", Severity::Warn),
            ("warn", Severity::Warn),
            ("info", Severity::Info),
            ("notice", Severity::Info),
            ("debug", Severity::Debug),
            ("trace", Severity::Debug),
            ("dbg", Severity::Debug),
            ("verbose", Severity::Debug),
        ];
        (3..=9)
            .contains(&word.len())
            .then(|| WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)))?
            .map(|(_, s)| *s)
    }

    /// As pino and bunyan count: 30 is info, 50 is error.
    fn of_number(number: &str) -> Option<Self> {
        match number.parse::<u32>().ok()? {
            10..=29 => Some(Self::Debug),
            30..=39 => Some(Self::Info),
            40..=49 => Some(Self::Warn),
            50..=69 => Some(Self::Error),
            _ => None,
        }
    }
}

/// No line says later than this how grave it is.
const BEGINNING: usize = 160;

/// How grave `line` says it is: by its level (`level=warn`, `"level":"error"`), or by a word near its
/// beginning that stands there as a level does (`ERROR`, `[warn]`, `error:`).
pub fn severity(line: &Line<'_>) -> Option<Severity> {
    let text = plain(line);
    let text = text.trim_start();
    if text.starts_with('{') {
        return json_level(text);
    }
    let end = (0..=BEGINNING.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let beginning = &text[..end];
    let bytes = beginning.as_bytes();
    let mut start = 0;
    for word in beginning.split(|c: char| !c.is_ascii_alphanumeric()) {
        let at = start;
        start += word.len() + beginning[at + word.len()..].chars().next().map_or(0, char::len_utf8);
        let Some(found) = Severity::of_word(word) else { continue };
        let before = at.checked_sub(1).map(|at| bytes[at]);
        let after = bytes.get(at + word.len()).copied();
        let shouted = word.bytes().all(|b| b.is_ascii_uppercase());
        let named = matches!(before, Some(b'[' | b'<' | b'=' | b'(')) || matches!(after, Some(b':' | b']' | b'>'));
        if at == 0 || shouted || named || matches!(before, Some(b'"')) {
            return Some(found);
        }
    }
    None
}

/// The value of the first key that names a level. No parser: this is asked for each line on the screen.
fn json_level(text: &str) -> Option<Severity> {
    ["\"level\"", "\"severity\"", "\"lvl\"", "\"log.level\"", "\"levelname\""].iter().find_map(|key| {
        let at = text.find(key)?;
        let value = text[at + key.len()..].trim_start().strip_prefix(':')?.trim_start();
        let word = value.strip_prefix('"').unwrap_or(value);
        let word = &word[..word.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word.len())];
        Severity::of_word(word).or_else(|| Severity::of_number(word))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::chunk::Flags;
    use super::*;

    fn line(text: &str) -> Line<'_> {
        Line { text, nanos: 1, source: 0, dropped: 0, flags: Flags::default() }
    }

    #[test]
    fn colours_are_read_in_every_way_they_are_written() {
        let text = "a\x1b[1;31mb\x1b[38;5;208mc\x1b[48;2;1;2;3md\x1b[38:2::4:5:6me\x1b[38:2:7:8:9mf\x1b[39;49;22mg\x1b[7;97mh\x1b[mi\x1b[4:0mj\x1b[99999mk";
        let all = pieces(&line(text));
        let of = |c: &str| all.iter().find(|piece| piece.text == c).unwrap().style;
        assert_eq!(of("a"), Style::default());
        assert_eq!(of("b"), Style { fg: Colour::Indexed(1), bold: true, ..Style::default() });
        assert_eq!(of("c").fg, Colour::Indexed(208));
        assert_eq!((of("d").fg, of("d").bg), (Colour::Indexed(208), Colour::Rgb(1, 2, 3)));
        assert_eq!((of("e").fg, of("f").fg), (Colour::Rgb(4, 5, 6), Colour::Rgb(7, 8, 9)));
        assert_eq!(of("g"), Style::default());
        assert_eq!(of("h"), Style { fg: Colour::Indexed(15), inverse: true, ..Style::default() });
        assert_eq!([of("i"), of("j"), of("k")], [Style::default(); 3]);
        assert_eq!(plain(&line(text)), "abcdefghijk");
    }

    #[test]
    fn rows_split_no_character() {
        let text = "ab漢字c\x1b[1me\u{301}👩\u{200d}🚀z";
        let all = pieces(&line(text));
        let rows: Vec<String> = wrap(&all, 3).iter().map(|row| row.iter().map(|piece| piece.text).collect()).collect();
        assert_eq!(rows, ["ab", "漢", "字c", "e\u{301}👩\u{200d}🚀", "z"]);
        assert_eq!(wrap(&[], 5), [vec![]]);
        assert_eq!(wrap(&pieces(&line("abcdef")), 3).len(), 2);
        assert_eq!(wrap(&pieces(&line("漢漢")), 1).len(), 2);
    }

    proptest! {
        #[test]
        fn rows_hold_all_text_and_keep_to_the_width(text in "(\x1b\\[[0-9;:]{0,6}m|[a-z]|[漢字é🚀\u{301}]){0,60}", width in 2_usize..20) {
            let all = pieces(&line(&text));
            let rows = wrap(&all, width);
            let joined: String = rows.iter().flatten().map(|piece| piece.text).collect();
            prop_assert_eq!(joined, plain(&line(&text)).into_owned());
            for row in &rows {
                let text: String = row.iter().map(|piece| piece.text).collect();
                prop_assert!(row.iter().map(|piece| cells(piece.text)).sum::<usize>() <= width, "{:?}", text);
            }
        }
    }

    #[test]
    fn severity_is_what_the_line_says_of_itself() {
        for (text, wanted) in [
            ("2026-11-21 10:00:00 ERROR could not", Some(Severity::Error)),
            ("\x1b[33mWARN\x1b[0m disk", Some(Severity::Warn)),
            ("[ERR] x", Some(Severity::Error)),
            ("error: no such file", Some(Severity::Error)),
            ("time=\"x\" level=warning msg=\"error\"", Some(Severity::Warn)),
            ("{\"msg\":\"error\",\"level\":\"info\"}", Some(Severity::Info)),
            ("{\"level\": 50, \"msg\":\"x\"}", Some(Severity::Error)),
            ("GET /error/page 200", None),
            ("found no error here", None),
            ("漢字 INFO ok", Some(Severity::Info)),
            ("", None),
        ] {
            assert_eq!(severity(&line(text)), wanted, "{text}");
        }
    }
}
