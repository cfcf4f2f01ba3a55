//! What programs printed, however much it was: the beginning and the end are kept.

use std::collections::VecDeque;
use std::sync::LazyLock;

use regex::Regex;

use super::report::Notes;
use crate::config::Secrets;

/// Bytes of the beginning that are kept.
const HEAD: usize = 16 << 10;
/// Bytes of the end that are kept.
const TAIL: usize = 48 << 10;

/// What was printed while judging.
#[derive(Debug, Clone, Default)]
pub struct Printed {
    /// By builds.
    pub build: Kept,
    /// By containers.
    pub runtime: Kept,
}

impl Printed {
    /// As a report shows it.
    pub fn notes(&self) -> Notes {
        Notes { build_logs: self.build.text(), runtime_logs: self.runtime.text() }
    }
}

/// The first and last kilobytes of an output.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Kept {
    /// Takes more, of which there may be any amount.
    pub fn push(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let (first, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
        self.head.extend_from_slice(first);
        let skip = rest.len().saturating_sub(TAIL);
        let over = (self.tail.len() + rest.len() - skip).saturating_sub(TAIL);
        self.tail.drain(..over);
        self.tail.extend(&rest[skip..]);
        self.dropped += (skip + over) as u64;
    }

    /// Takes a line.
    pub fn line(&mut self, line: &str) {
        self.push(line);
        self.push("\n");
    }

    /// Whether nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty()
    }

    /// What is kept, made harmless: line ends stay, colours and all else that a terminal would obey go, and values of
    /// variables whose names say that they are secrets.
    pub fn text(&self) -> String {
        let mut text = harmless(&String::from_utf8_lossy(&self.head));
        if self.dropped > 0 {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            text = format!("{text}… {} bytes left out\n", self.dropped);
        }
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        text.push_str(&harmless(&String::from_utf8_lossy(&tail)));
        text
    }
}

/// Text of several lines that no terminal obeys, without secrets.
fn harmless(text: &str) -> String {
    static ORDERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        // CSI, OSC and other strings, and orders of two characters.
        Regex::new(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])").ok()
    });
    let text = ORDERS.as_ref().map_or(text.into(), |orders| orders.replace_all(text, ""));
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let clean: String =
        text.chars().map(|c| if !matches!(c, '\n' | '\t') && crate::text::is_unsafe(c) { '·' } else { c }).collect();
    without_secrets(&clean)
}

/// Without the values of `NAME=value` whose name says that it is a secret.
fn without_secrets(text: &str) -> String {
    static PAIRS: LazyLock<Option<(Regex, Secrets)>> = LazyLock::new(|| {
        let pairs = Regex::new(r#"([A-Za-z_][A-Za-z0-9_]*)=("[^"\n]*"|'[^'\n]*'|[^\s"']+)"#).ok()?;
        Some((pairs, Secrets::default()))
    });
    let Some((pairs, secrets)) = PAIRS.as_ref() else { return text.to_owned() };
    let masked = |found: &regex::Captures<'_>| {
        if secrets.is_secret(&found[1]) { format!("{}=****", &found[1]) } else { found[0].to_owned() }
    };
    pairs.replace_all(text, masked).into_owned()
}

/// One line that no terminal obeys, of at most so many characters.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let line = text.trim().replace("\r\n", " ").replace(['\n', '\t', '\r'], " ");
    let line = crate::text::clean(&line);
    match line.char_indices().nth(most) {
        None => line.into_owned(),
        Some(_) => line.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_endless_output_the_beginning_and_the_end_are_kept() {
        let mut kept = Kept::default();
        assert!(kept.is_empty());
        for n in 0..50_000 {
            kept.line(&format!("line {n}"));
        }
        let text = kept.text();
        assert!(text.starts_with("line 0\n") && text.ends_with("line 49999\n"), "{}", &text[..40]);
        assert!(text.contains(" bytes left out\n") && text.len() < HEAD + TAIL + 100);
        let mut once = Kept::default();
        once.push(vec![b'x'; 5 << 20]);
        assert!(once.text().contains(&format!("… {} bytes left out", (5 << 20) - HEAD - TAIL)));
        let mut little = Kept::default();
        little.push("a");
        little.push("b\n");
        assert_eq!(little.text(), "ab\n");
    }

    #[test]
    fn notes_hold_nothing_that_a_terminal_obeys() {
        let mut kept = Kept::default();
        kept.push(b"\x1b[31mred\x1b[0m\x1b]0;title\x07 10%\r20%\r\n\x1b]52;c;eA==\x1b\\\x9b2J\xe2\x80\xaetxt\tx\x00\n");
        let text = kept.text();
        assert_eq!(text, "red 10%\n20%\n\u{fffd}2J·txt\tx·\n");
        assert_eq!(one_line("a\nb\x1b[2J\u{202e}", 50), "a b·[2J·");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }

    #[test]
    fn secrets_are_masked() {
        let mut kept = Kept::default();
        kept.push("DB_PASSWORD=hunter2 PATH=/bin API_TOKEN='a b' PUBLIC_KEY=x\n");
        assert_eq!(kept.text(), "DB_PASSWORD=**** PATH=/bin API_TOKEN=**** PUBLIC_KEY=x\n");
    }
}
