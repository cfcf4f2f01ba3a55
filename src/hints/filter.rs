//! What of an assistant's answer may be seen: whole sentences, so many words, and none that gives the answer away.

use std::sync::LazyLock;

use regex::Regex;

use crate::text;

/// The most words of an answer.
const WORDS: usize = 120;
/// The most bytes of one, whatever a word is.
const BYTES: usize = 2 << 10;
/// A line of the solution counts from this length on; shorter ones are what everybody writes.
const TELLING: usize = 25;
/// A sentence longer than this, in bytes, is none.
const SENTENCE: usize = 4 << 10;

/// Lines that must not be said.
#[derive(Debug, Default)]
pub(super) struct Guard {
    lines: Vec<String>,
}

impl Guard {
    /// Lines of the solution that do not stand in what is known already: the learner's own files, the hint it is about.
    pub(super) fn new<'a>(solution: &[String], known: impl Iterator<Item = &'a str>) -> Self {
        let known: Vec<String> = known.map(squeezed).collect();
        let mut lines: Vec<String> = solution
            .iter()
            .flat_map(|text| text.lines())
            .map(str::trim)
            .filter(|line| line.chars().count() >= TELLING)
            .map(squeezed)
            .filter(|line| !line.is_empty() && !known.iter().any(|text| text.contains(line.as_str())))
            .collect();
        lines.sort();
        lines.dedup();
        Self { lines }
    }

    fn stops(&self, said: &str) -> bool {
        let said = squeezed(said);
        self.lines.iter().any(|line| said.contains(line.as_str()))
    }
}

/// Only what carries meaning: spaces, quotes and marks around code do not hide a line.
fn squeezed(text: &str) -> String {
    let counts =
        |c: &char| (c.is_alphanumeric() || c.is_ascii_punctuation()) && !matches!(c, '`' | '*' | '"' | '\'' | '\\');
    text.chars().filter(counts).flat_map(char::to_lowercase).collect()
}

/// It gives the answer away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GivesAway;

/// An answer as it comes in.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    guard: &'a Guard,
    /// What is no whole sentence yet.
    pending: String,
    shown: String,
    words: usize,
    full: bool,
    thinking: bool,
}

impl<'a> Answer<'a> {
    pub(super) fn new(guard: &'a Guard) -> Self {
        Self { guard, pending: String::new(), shown: String::new(), words: 0, full: false, thinking: false }
    }

    /// Takes a piece; answers with what may be shown now, perhaps nothing.
    pub(super) fn feed(&mut self, piece: &str) -> Result<String, GivesAway> {
        self.pending.push_str(piece);
        let before = self.shown.len();
        while !self.full && !self.in_thought() {
            let Some(end) = sentence(&self.pending) else { break };
            let unit: String = self.pending.drain(..end).collect();
            self.show(&unit)?;
        }
        Ok(self.shown[before..].to_owned())
    }

    /// The rest, when the answer is at its end. One that was cut off ends with its last whole sentence.
    pub(super) fn end(&mut self, cut: bool) -> Result<String, GivesAway> {
        let before = self.shown.len();
        let dropped = self.full || self.in_thought() || (cut && self.words > 0);
        if !dropped {
            let unit = std::mem::take(&mut self.pending);
            self.show(&unit)?;
        }
        Ok(self.shown[before..].to_owned())
    }

    /// Whether nothing more will be shown.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// All that may be seen.
    pub(super) fn text(&self) -> &str {
        self.shown.trim()
    }

    /// Some models think aloud first; that is no part of the answer.
    fn in_thought(&mut self) -> bool {
        const BEGIN: &str = "<think>";
        const END: &str = "</think>";
        if !self.thinking {
            let start = self.pending.trim_start();
            if self.words > 0 || start.is_empty() {
                return false;
            }
            if !start.starts_with(BEGIN) {
                // It may still become one.
                return BEGIN.starts_with(start);
            }
            self.thinking = true;
        }
        if let Some(end) = self.pending.find(END) {
            self.pending.drain(..end + END.len());
            self.thinking = false;
            return false;
        }
        // Thoughts may be long; all that matters is whether their end begins here.
        let length = self.pending.len();
        let kept = (length.saturating_sub(END.len())..length).find(|at| self.pending.is_char_boundary(*at));
        self.pending.drain(..kept.unwrap_or(0));
        true
    }

    fn show(&mut self, unit: &str) -> Result<(), GivesAway> {
        let unit = harmless(unit);
        if unit.contains("```") || unit.trim_start().starts_with("~~~") {
            return Err(GivesAway);
        }
        let words = unit.split_whitespace().count();
        let fits = self.words + words <= WORDS && self.shown.len() + unit.len() <= BYTES;
        let unit = if fits {
            unit
        } else {
            self.full = true;
            if self.words > 0 {
                return Ok(());
            }
            let kept: Vec<&str> = unit.split_whitespace().take(WORDS).collect();
            let kept = kept.join(" ");
            let end = (0..=BYTES.min(kept.len())).rev().find(|at| kept.is_char_boundary(*at)).unwrap_or(0);
            format!("{} …", &kept[..end])
        };
        if self.guard.stops(&format!("{}{unit}", self.shown)) {
            return Err(GivesAway);
        }
        if words > 0 || self.words > 0 {
            self.words += words;
            self.shown.push_str(&unit);
        }
        Ok(())
    }
}

/// Where the first sentence or line ends, behind what follows it; `None` while it goes on.
fn sentence(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    let mut before = ' ';
    let mut code = false;
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' => return Some(at + 1),
            '`' => code = !code,
            // Within code, and in `e.g. x` or `app.py`, a dot ends nothing.
            '.' | '!' | '?'
                if !code && (before.is_alphanumeric() || matches!(before, ')' | '`' | '"' | '\'' | '*')) =>
            {
                if let Some((next, space)) = chars.peek()
                    && space.is_whitespace()
                {
                    return Some(next + space.len_utf8());
                }
            }
            _ => {}
        }
        before = c;
        if at > SENTENCE {
            return Some(at + c.len_utf8());
        }
    }
    None
}

/// Orders to terminals that hold text: titles, clipboards, links.
static TEXTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\x1b[\]P^_X](?s:.*?)(?:\x07|\x1b\\|\z)").ok());
/// All other orders.
static ORDERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\x1b\u{9b}]\[?[0-?]*[ -/]*[@-~]").ok());

/// The text without anything that a terminal obeys.
fn harmless(text: &str) -> String {
    let mut text = text.replace('\t', " ");
    for orders in [TEXTS.as_ref(), ORDERS.as_ref()].into_iter().flatten() {
        text = orders.replace_all(&text, "").into_owned();
    }
    text.chars().filter(|c| *c == '\n' || !text::is_unsafe(*c)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn guard(solution: &str) -> Guard {
        Guard::new(&[solution.to_owned()], ["FROM python:3.11-slim-bookworm AS build"].into_iter())
    }

    /// All of an answer, given in pieces of so many characters.
    fn whole(guard: &Guard, text: &str, size: usize) -> Result<String, GivesAway> {
        let mut answer = Answer::new(guard);
        let mut shown = String::new();
        for piece in text.chars().collect::<Vec<_>>().chunks(size) {
            shown += &answer.feed(&piece.iter().collect::<String>())?;
        }
        shown += &answer.end(false)?;
        assert_eq!(shown.trim(), answer.text());
        Ok(answer.text().to_owned())
    }

    #[test]
    fn sentences_come_whole() {
        let guard = Guard::default();
        let mut answer = Answer::new(&guard);
        assert_eq!(answer.feed("Look at app.py and e.g. `COPY . .` fi").unwrap(), "Look at app.py and e.g. ");
        assert_eq!(answer.feed("rst! Then").unwrap(), "`COPY . .` first! ");
        assert_eq!(answer.feed(" line\nnext").unwrap(), "Then line\n");
        assert_eq!(answer.end(true).unwrap(), "");
        let mut answer = Answer::new(&guard);
        assert_eq!(answer.feed("No end").unwrap(), "");
        assert_eq!(answer.end(true).unwrap(), "No end");
    }

    #[test]
    fn the_answer_is_not_given_away() {
        let guard = guard(
            "RUN pip install --no-cache-dir -r requirements.txt\nUSER app\nFROM python:3.11-slim-bookworm AS build\n",
        );
        for leak in [
            "Write `RUN pip install --no-cache-dir -r requirements.txt` there.",
            "Write run  PIP install **--no-cache-dir** -r\n requirements.txt",
            "Use RUN pip install --no-cache-dir \\\n  -r \"requirements.txt\" now",
            "Try:\n```dockerfile\nUSER app\n```\n",
            "Try ```USER app```.",
            "Try this.\n~~~\nUSER app",
        ] {
            for size in [1, 3, 1000] {
                assert_eq!(whole(&guard, leak, size), Err(GivesAway), "{leak}");
            }
        }
        for fine in [
            "Which user runs it? Look at USER app, perhaps.",
            "The line FROM python:3.11-slim-bookworm AS build is yours already.",
            "Think about --no-cache-dir.",
        ] {
            assert_eq!(whole(&guard, fine, 2).unwrap(), fine);
        }
    }

    #[test]
    fn so_many_words_and_no_more() {
        let guard = Guard::default();
        let ten = "One two three four five six seven eight nine ten. ";
        let text = whole(&guard, &ten.repeat(30), 7).unwrap();
        assert_eq!(text.split_whitespace().count(), WORDS);
        assert!(text.ends_with("ten."));
        let endless = whole(&guard, &"word ".repeat(5000), 11).unwrap();
        assert_eq!(endless.split_whitespace().count(), WORDS + 1);
        assert!(endless.ends_with('…'));
        let solid = whole(&guard, &"x".repeat(100_000), 1000).unwrap();
        assert!(solid.len() <= BYTES + 4);
    }

    #[test]
    fn nothing_a_terminal_obeys_is_shown() {
        let guard = Guard::default();
        let text =
            "A \x1b[31mred\x1b[0m\x07 \x1b]52;c;AAAA\x07word\u{202e} and\t\x1b]0;title\x1b\\more\r\n\u{9b}2JEnd\0.";
        for size in [1, 2, 100] {
            assert_eq!(whole(&guard, text, size).unwrap(), "A red word and more\nEnd.");
        }
    }

    #[test]
    fn thoughts_are_not_shown() {
        let guard = Guard::default();
        let text = "<think>\nThe user is stuck. Hm.\n</think>\n\nLook at line 3. Then think.";
        for size in [1, 4, 100] {
            assert_eq!(whole(&guard, text, size).unwrap(), "Look at line 3. Then think.");
        }
        assert_eq!(whole(&guard, "<think>for ever. And ever.", 3).unwrap(), "");
    }

    proptest::proptest! {
        #[test]
        fn anything_in_any_pieces(text in "([a-z`.!?\n \u{1b}\\[;é]{0,8}){0,60}", size in 1usize..9) {
            let guard = Guard::default();
            if let Ok(shown) = whole(&guard, &text, size) {
                proptest::prop_assert!(!shown.chars().any(|c| c != '\n' && text::is_unsafe(c)));
                proptest::prop_assert!(shown.split_whitespace().count() <= WORDS + 1);
            }
        }
    }
}
