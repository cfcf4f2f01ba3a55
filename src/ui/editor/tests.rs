//! Tests of the editor as a whole: keys in, text and cursor out.
#![allow(clippy::unwrap_used)]

mod random;
mod screens;
mod standard;
mod vim;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;

use super::{Answer, Editor, Keys, Language};

/// Keys as one writes them: letters, and `<ctrl-z>`, `<shift-left>`, `<enter>` and the like.
pub(super) fn keys(written: &str) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut rest = written;
    while let Some(c) = rest.chars().next() {
        let named = rest
            .strip_prefix('<')
            .and_then(|r| r.split_once('>'))
            .filter(|(name, _)| name.len() > 1 && name.chars().all(|c| c.is_ascii_graphic()));
        let Some((name, after)) = named else {
            keys.push(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
            rest = &rest[c.len_utf8()..];
            continue;
        };
        let mut held = KeyModifiers::NONE;
        let mut name = name;
        for (prefix, one) in
            [("ctrl-", KeyModifiers::CONTROL), ("alt-", KeyModifiers::ALT), ("shift-", KeyModifiers::SHIFT)]
        {
            if let Some(short) = name.strip_prefix(prefix) {
                name = short;
                held |= one;
            }
        }
        let code = match name {
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "tab" => KeyCode::Tab,
            "backtab" => KeyCode::BackTab,
            "bs" => KeyCode::Backspace,
            "del" => KeyCode::Delete,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "up" => KeyCode::Up,
            "down" => KeyCode::Down,
            "home" => KeyCode::Home,
            "end" => KeyCode::End,
            "pgup" => KeyCode::PageUp,
            "pgdn" => KeyCode::PageDown,
            "f3" => KeyCode::F(3),
            "lt" => KeyCode::Char('<'),
            other => KeyCode::Char(other.chars().next().unwrap()),
        };
        keys.push(KeyEvent::new(code, held));
        rest = after;
    }
    keys
}

/// An editor of text in which `|` is the cursor, and `^` where there is one the start of the selection.
pub(super) fn open(text: &str, language: Language) -> Editor {
    let plain = text.replacen('|', "", 1);
    let cursor = text.find('|').unwrap_or(0);
    let mut editor = Editor::new(&plain, language);
    let (line, column) = editor.place_of(cursor);
    editor.go_to(line, column);
    editor.screen_mut().rows = 10;
    editor
}

/// The text with `|` at the cursor.
pub(super) fn shown(editor: &Editor) -> String {
    let mut text = editor.text();
    text.insert(editor.byte_offset(), '|');
    text
}

/// Types keys; the last answer.
pub(super) fn type_in(editor: &mut Editor, written: &str, set: Keys) -> Answer {
    let mut last = Answer::Nothing;
    for key in keys(written) {
        last = editor.key(key, set, Timestamp::UNIX_EPOCH);
    }
    last
}

pub(super) fn check(set: Keys, language: Language, table: &[(&str, &str, &str)]) {
    for (before, written, after) in table {
        let mut editor = open(before, language);
        type_in(&mut editor, written, set);
        assert_eq!(shown(&editor), *after, "{before:?} with {written}");
    }
}
