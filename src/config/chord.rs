//! A key with its modifiers, written as people write it and compared as terminals send it.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde::de::{Deserialize, Deserializer};

use super::source::{hinted, quoted};

/// A key press. Two presses that mean the same are equal, however the terminal reports them: `G` is a
/// capital letter with or without a shift flag, and control letters are small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Keys that are written as words; the sign is what a hint shows. Other spellings follow the first.
const NAMED: &[(KeyCode, &str, &[&str])] = &[
    (KeyCode::Char(' '), "space", &["space"]),
    (KeyCode::Enter, "⏎", &["enter", "return", "⏎"]),
    (KeyCode::Esc, "esc", &["esc", "escape"]),
    (KeyCode::Tab, "tab", &["tab"]),
    (KeyCode::Backspace, "⌫", &["backspace", "⌫"]),
    (KeyCode::Delete, "del", &["delete", "del"]),
    (KeyCode::Insert, "ins", &["insert", "ins"]),
    (KeyCode::Up, "↑", &["up", "↑"]),
    (KeyCode::Down, "↓", &["down", "↓"]),
    (KeyCode::Left, "←", &["left", "←"]),
    (KeyCode::Right, "→", &["right", "→"]),
    (KeyCode::Home, "home", &["home"]),
    (KeyCode::End, "end", &["end"]),
    (KeyCode::PageUp, "pgup", &["pageup", "pgup", "page-up"]),
    (KeyCode::PageDown, "pgdn", &["pagedown", "pgdn", "page-down"]),
];

const MODIFIERS: &[(&str, KeyModifiers)] = &[
    ("ctrl-", KeyModifiers::CONTROL),
    ("ctrl+", KeyModifiers::CONTROL),
    ("alt-", KeyModifiers::ALT),
    ("alt+", KeyModifiers::ALT),
    ("shift-", KeyModifiers::SHIFT),
    ("shift+", KeyModifiers::SHIFT),
];

impl Chord {
    /// A key with modifiers, in the form in which chords are compared.
    pub fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let mut modifiers = modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let code = match code {
            KeyCode::BackTab => {
                modifiers |= KeyModifiers::SHIFT;
                KeyCode::Tab
            }
            KeyCode::Char(ch) if modifiers.contains(KeyModifiers::CONTROL) => {
                modifiers -= KeyModifiers::SHIFT;
                KeyCode::Char(control(ch))
            }
            KeyCode::Char(ch) => {
                // The character already says what shift did, except where a terminal sends the small letter.
                let shifted = modifiers.contains(KeyModifiers::SHIFT);
                modifiers -= KeyModifiers::SHIFT;
                KeyCode::Char(if shifted { capital(ch) } else { ch })
            }
            other => other,
        };
        Self { code, modifiers }
    }

    /// The chord of a key event.
    pub fn of(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }

    /// The key.
    pub fn code(self) -> KeyCode {
        self.code
    }

    /// What is held down with it.
    pub fn modifiers(self) -> KeyModifiers {
        self.modifiers
    }

    /// The character that is typed, if it is one: no control, no alt.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(ch) if self.modifiers.is_empty() => Some(ch),
            _ => None,
        }
    }

    /// How a hint shows it: `ctrl-d`, `↑`, `⏎`; in ASCII the words of the configuration: `up`, `enter`.
    pub fn label(self, ascii: bool) -> String {
        let mut label = String::new();
        for (name, modifier) in MODIFIERS.iter().step_by(2) {
            if self.modifiers.contains(*modifier) {
                label.push_str(name);
            }
        }
        match (NAMED.iter().find(|(named, ..)| *named == self.code), self.code) {
            (Some((_, _, spellings)), _) if ascii => label + spellings[0],
            (Some((_, sign, _)), _) => label + sign,
            (None, KeyCode::Char(ch)) => format!("{label}{ch}"),
            (None, KeyCode::F(number)) => format!("{label}f{number}"),
            (None, other) => label + &format!("{other:?}").to_lowercase(),
        }
    }
}

/// The one character of those that a terminal cannot tell apart under control. Without a newer protocol
/// `ctrl-]` arrives as `ctrl-5`, since both are the same byte.
fn control(ch: char) -> char {
    match ch.to_ascii_lowercase() {
        '2' | '@' => ' ',
        '4' => '\\',
        '5' => ']',
        '6' => '^',
        '7' | '/' | '-' => '_',
        other => other,
    }
}

fn capital(ch: char) -> char {
    let mut upper = ch.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => ch,
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label(false))
    }
}

impl From<KeyCode> for Chord {
    fn from(code: KeyCode) -> Self {
        Self::new(code, KeyModifiers::NONE)
    }
}

impl From<char> for Chord {
    fn from(ch: char) -> Self {
        KeyCode::Char(ch).into()
    }
}

/// Why a text is no chord, with a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAChord {
    /// What was found and what was expected.
    pub message: String,
    /// What to write.
    pub hint: String,
}

impl fmt::Display for NotAChord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

impl std::error::Error for NotAChord {}

impl FromStr for Chord {
    type Err = NotAChord;

    fn from_str(text: &str) -> Result<Self, NotAChord> {
        let wrong = |hint: &str| NotAChord {
            message: format!("found {}, expected a key", quoted(text)),
            hint: hint.to_owned(),
        };
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        'next: while rest.chars().count() > 1 {
            for (prefix, modifier) in MODIFIERS {
                if let Some((head, tail)) = rest.split_at_checked(prefix.len())
                    && head.eq_ignore_ascii_case(prefix)
                    && !tail.is_empty()
                {
                    if modifiers.contains(*modifier) {
                        return Err(wrong(&format!("`{prefix}` stands there twice")));
                    }
                    modifiers |= *modifier;
                    rest = tail;
                    continue 'next;
                }
            }
            break;
        }
        let lower = rest.to_lowercase();
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(ch), None) if !NAMED.iter().any(|(.., spellings)| spellings.contains(&rest)) => {
                if ch.is_control() || ch.is_whitespace() {
                    return Err(wrong("write `space`, `tab` or `enter` as words"));
                }
                KeyCode::Char(ch)
            }
            _ => match NAMED.iter().find(|(.., spellings)| spellings.contains(&lower.as_str())) {
                Some((code, ..)) => *code,
                None => match lower.strip_prefix('f').and_then(|number| number.parse().ok()) {
                    Some(number @ 1..=24) => KeyCode::F(number),
                    _ => {
                        return Err(wrong(
                            "a key is one character, f1 to f24, or space, enter, esc, tab, backspace, delete, insert, up, down, left, right, home, end, pageup, pagedown; ctrl-, alt- and shift- go before it",
                        ));
                    }
                },
            },
        };
        if modifiers.contains(KeyModifiers::CONTROL) {
            let same = match code {
                KeyCode::Char('i' | 'I') => "tab",
                KeyCode::Char('m' | 'M') => "enter",
                KeyCode::Char('[') => "esc",
                _ => "",
            };
            if !same.is_empty() {
                return Err(wrong(&format!("a terminal sends the same for it as for `{same}`")));
            }
            if matches!(code, KeyCode::Char(_)) && modifiers.contains(KeyModifiers::SHIFT) {
                return Err(wrong("a terminal cannot tell it from the one without shift"));
            }
        } else if let KeyCode::Char(ch) = code
            && modifiers.contains(KeyModifiers::SHIFT)
            && capital(ch) == ch
        {
            return Err(wrong("write the character that shift gives, such as `!` or `G`"));
        }
        Ok(Self::new(code, modifiers))
    }
}

impl<'de> Deserialize<'de> for Chord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: NotAChord| hinted(error.message, error.hint))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn chord(text: &str) -> Chord {
        text.parse().unwrap()
    }

    fn event(code: KeyCode, modifiers: KeyModifiers) -> Chord {
        Chord::of(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn what_is_written_is_what_is_pressed() {
        use KeyModifiers as M;
        for (text, code, modifiers) in [
            ("g", KeyCode::Char('g'), M::NONE),
            ("G", KeyCode::Char('G'), M::SHIFT),
            ("G", KeyCode::Char('G'), M::NONE),
            ("G", KeyCode::Char('g'), M::SHIFT),
            ("shift-g", KeyCode::Char('G'), M::SHIFT),
            ("?", KeyCode::Char('?'), M::SHIFT),
            ("ctrl-d", KeyCode::Char('d'), M::CONTROL),
            ("Ctrl-D", KeyCode::Char('D'), M::CONTROL | M::SHIFT),
            ("ctrl-]", KeyCode::Char('5'), M::CONTROL),
            ("ctrl-]", KeyCode::Char(']'), M::CONTROL),
            ("ctrl-\\", KeyCode::Char('4'), M::CONTROL),
            ("ctrl-/", KeyCode::Char('7'), M::CONTROL),
            ("ctrl-space", KeyCode::Char(' '), M::CONTROL),
            ("alt-x", KeyCode::Char('x'), M::ALT),
            ("alt-X", KeyCode::Char('X'), M::ALT | M::SHIFT),
            ("ctrl-alt-x", KeyCode::Char('x'), M::ALT | M::CONTROL),
            ("shift-tab", KeyCode::BackTab, M::SHIFT),
            ("shift-tab", KeyCode::BackTab, M::NONE),
            ("shift-up", KeyCode::Up, M::SHIFT),
            ("ctrl-left", KeyCode::Left, M::CONTROL),
            ("space", KeyCode::Char(' '), M::NONE),
            ("space", KeyCode::Char(' '), M::SHIFT),
            ("enter", KeyCode::Enter, M::NONE),
            ("⏎", KeyCode::Enter, M::NONE),
            ("f5", KeyCode::F(5), M::NONE),
            ("PageDown", KeyCode::PageDown, M::NONE),
            ("-", KeyCode::Char('-'), M::NONE),
            ("ctrl+a", KeyCode::Char('a'), M::CONTROL),
            ("alt--", KeyCode::Char('-'), M::ALT),
            ("+", KeyCode::Char('+'), M::NONE),
            ("ä", KeyCode::Char('ä'), M::NONE),
        ] {
            assert_eq!(chord(text), event(code, modifiers), "{text}");
        }
    }

    #[test]
    fn both_labels_read_back() {
        let texts = [
            "g",
            "G",
            "ctrl-d",
            "alt-x",
            "ctrl-alt-x",
            "shift-tab",
            "up",
            "down",
            "left",
            "right",
            "enter",
            "esc",
            "space",
            "tab",
            "backspace",
            "delete",
            "insert",
            "home",
            "end",
            "pageup",
            "pagedown",
            "f12",
            "ctrl-up",
            "?",
            "-",
            "+",
            "ctrl-]",
            "ctrl-space",
        ];
        for text in texts {
            let chord = chord(text);
            assert_eq!(chord.to_string().parse(), Ok(chord), "{text}");
            assert_eq!(chord.label(true), text);
        }
        assert_eq!(chord("up").to_string(), "↑");
        assert_eq!(chord("enter").to_string(), "⏎");
        assert_eq!(chord("ctrl-d").to_string(), "ctrl-d");
    }

    #[test]
    fn what_is_no_key() {
        for text in [
            "",
            "foo",
            "ctrl-",
            "ctrl-ctrl-a",
            "ctrl-i",
            "ctrl-m",
            "ctrl-[",
            "f0",
            "f25",
            "fx",
            " ",
            "\t",
            "\n",
            "ctrl-shift-a",
            "shift-1",
            "a b",
            "hyper-x",
            "\u{1b}",
        ] {
            assert!(text.parse::<Chord>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_plain_characters_are_typed() {
        assert_eq!(chord("G").typed(), Some('G'));
        assert_eq!(chord("space").typed(), Some(' '));
        assert_eq!(chord("ctrl-g").typed(), None);
        assert_eq!(chord("enter").typed(), None);
    }
}
