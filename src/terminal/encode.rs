//! The bytes that keys, mouse and pasted text are for a program, in the modes it has asked for.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEventKind};

use super::emulator::{Modes, Reports};

/// The bytes of a key, as xterm sends them; none for keys that have no bytes.
pub fn key(key: KeyEvent, modes: Modes) -> Vec<u8> {
    let modifiers = key.modifiers;
    let (alt, ctrl) = (modifiers.contains(KeyModifiers::ALT), modifiers.contains(KeyModifiers::CONTROL));
    let shift = modifiers.contains(KeyModifiers::SHIFT);
    let held = 1 + u8::from(shift) + 2 * u8::from(alt) + 4 * u8::from(ctrl);
    // Cursor keys and the like: a letter, or a number and a tilde.
    let letter = |letter: char| match (held, modes.application_cursor) {
        (1, true) => format!("\x1bO{letter}"),
        (1, false) => format!("\x1b[{letter}"),
        _ => format!("\x1b[1;{held}{letter}"),
    };
    let tilde = |n: u8| if held == 1 { format!("\x1b[{n}~") } else { format!("\x1b[{n};{held}~") };
    let sequence = match key.code {
        KeyCode::Up => letter('A'),
        KeyCode::Down => letter('B'),
        KeyCode::Right => letter('C'),
        KeyCode::Left => letter('D'),
        KeyCode::Home => letter('H'),
        KeyCode::End => letter('F'),
        KeyCode::KeypadBegin => letter('E'),
        KeyCode::Insert => tilde(2),
        KeyCode::Delete => tilde(3),
        KeyCode::PageUp => tilde(5),
        KeyCode::PageDown => tilde(6),
        KeyCode::F(n @ 1..=4) => {
            let letter = char::from(b'P' + n - 1);
            if held == 1 { format!("\x1bO{letter}") } else { format!("\x1b[1;{held}{letter}") }
        }
        KeyCode::F(n @ 5..=20) => {
            const NUMBERS: [u8; 16] = [15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34];
            tilde(NUMBERS[usize::from(n - 5)])
        }
        KeyCode::BackTab => "\x1b[Z".to_owned(),
        KeyCode::Tab if shift => "\x1b[Z".to_owned(),
        _ => return plain(key.code, ctrl, alt, modes),
    };
    sequence.into_bytes()
}

/// Keys that are one byte or character; with Alt an escape goes before it.
fn plain(code: KeyCode, ctrl: bool, alt: bool, modes: Modes) -> Vec<u8> {
    let mut bytes = Vec::new();
    if alt {
        bytes.push(0x1b);
    }
    match code {
        KeyCode::Enter if modes.newline => bytes.extend(b"\r\n"),
        KeyCode::Enter => bytes.push(b'\r'),
        KeyCode::Tab => bytes.push(b'\t'),
        KeyCode::Esc => bytes.push(0x1b),
        KeyCode::Backspace => bytes.push(if ctrl { 0x08 } else { 0x7f }),
        KeyCode::Null => bytes.push(0),
        KeyCode::Char(c) => match control(c).filter(|_| ctrl) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        },
        _ => bytes.clear(),
    }
    bytes
}

/// The byte of a character with Control, as keyboards have given it since the teletype.
const fn control(c: char) -> Option<u8> {
    Some(match c {
        'a'..='z' | 'A'..='Z' => c as u8 & 0x1f,
        ' ' | '@' | '2' => 0,
        '[' | '3' => 0x1b,
        '\\' | '4' => 0x1c,
        ']' | '5' => 0x1d,
        '^' | '6' => 0x1e,
        '_' | '/' | '-' | '7' => 0x1f,
        '?' | '8' => 0x7f,
        _ => return None,
    })
}

/// The bytes of pasted text. It cannot end the marking itself, so a pasted line is never run as a command
/// by a shell that marks.
pub fn paste(text: &str, modes: Modes) -> Vec<u8> {
    if !modes.bracketed_paste {
        // As typed: Enter is a carriage return.
        return text.replace("\r\n", "\r").replace('\n', "\r").into_bytes();
    }
    let harmless: String = text.chars().filter(|c| *c != '\x1b' && *c != '\u{9b}').collect();
    format!("\x1b[200~{}\x1b[201~", harmless.replace("\r\n", "\r").replace('\n', "\r")).into_bytes()
}

/// The bytes of something the mouse did at a cell, counted from 0; none where the program wants none.
pub fn mouse(kind: MouseEventKind, held: KeyModifiers, column: u16, row: u16, modes: Modes) -> Vec<u8> {
    let number = |button: MouseButton| match button {
        MouseButton::Left => 0_u16,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    };
    let (mut button, least, up) = match kind {
        MouseEventKind::Down(b) => (number(b), Reports::Clicks, false),
        MouseEventKind::Up(b) => (number(b), Reports::Clicks, true),
        MouseEventKind::Drag(b) => (number(b) + 32, Reports::Drags, false),
        MouseEventKind::Moved => (3 + 32, Reports::Motion, false),
        MouseEventKind::ScrollUp => (64, Reports::Clicks, false),
        MouseEventKind::ScrollDown => (65, Reports::Clicks, false),
        MouseEventKind::ScrollLeft => (66, Reports::Clicks, false),
        MouseEventKind::ScrollRight => (67, Reports::Clicks, false),
    };
    if (modes.mouse as u8) < (least as u8) || modes.mouse == Reports::None {
        return Vec::new();
    }
    for (modifier, value) in [(KeyModifiers::SHIFT, 4), (KeyModifiers::ALT, 8), (KeyModifiers::CONTROL, 16)] {
        if held.contains(modifier) {
            button += value;
        }
    }
    if modes.sgr {
        let end = if up { 'm' } else { 'M' };
        return format!("\x1b[<{button};{};{}{end}", column + 1, row + 1).into_bytes();
    }
    if up {
        // The older forms do not say which button was let go.
        button = button & !3 | 3;
    }
    let mut bytes = b"\x1b[M".to_vec();
    for value in [button + 32, column + 33, row + 33] {
        if modes.utf8 {
            let Some(c) = char::from_u32(u32::from(value)).filter(|_| value < 2048) else { return Vec::new() };
            bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            let Ok(byte) = u8::try_from(value) else { return Vec::new() };
            bytes.push(byte);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;
    const ALT: KeyModifiers = KeyModifiers::ALT;
    const SHIFT: KeyModifiers = KeyModifiers::SHIFT;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> String {
        String::from_utf8(key(KeyEvent::new(code, modifiers), Modes::default())).unwrap_or_default()
    }

    #[test]
    fn keys_are_what_xterm_sends() {
        for (code, modifiers, bytes) in [
            (KeyCode::Char('a'), NONE, "a"),
            (KeyCode::Char('ä'), NONE, "ä"),
            (KeyCode::Char('A'), SHIFT, "A"),
            (KeyCode::Char('c'), CTRL, "\x03"),
            (KeyCode::Char(' '), CTRL, "\0"),
            (KeyCode::Char('5'), CTRL, "\x1d"),
            (KeyCode::Char(']'), CTRL, "\x1d"),
            (KeyCode::Char('4'), CTRL, "\x1c"),
            (KeyCode::Char('7'), CTRL, "\x1f"),
            (KeyCode::Char('x'), ALT, "\x1bx"),
            (KeyCode::Char('x'), ALT | CTRL, "\x1b\x18"),
            (KeyCode::Char('1'), CTRL, "1"),
            (KeyCode::Enter, NONE, "\r"),
            (KeyCode::Enter, ALT, "\x1b\r"),
            (KeyCode::Tab, NONE, "\t"),
            (KeyCode::BackTab, SHIFT, "\x1b[Z"),
            (KeyCode::Esc, NONE, "\x1b"),
            (KeyCode::Esc, ALT, "\x1b\x1b"),
            (KeyCode::Backspace, NONE, "\x7f"),
            (KeyCode::Backspace, CTRL, "\x08"),
            (KeyCode::Backspace, ALT, "\x1b\x7f"),
            (KeyCode::Up, NONE, "\x1b[A"),
            (KeyCode::Left, CTRL, "\x1b[1;5D"),
            (KeyCode::Right, ALT | SHIFT, "\x1b[1;4C"),
            (KeyCode::Home, NONE, "\x1b[H"),
            (KeyCode::End, SHIFT, "\x1b[1;2F"),
            (KeyCode::Delete, NONE, "\x1b[3~"),
            (KeyCode::PageUp, CTRL, "\x1b[5;5~"),
            (KeyCode::F(1), NONE, "\x1bOP"),
            (KeyCode::F(4), SHIFT, "\x1b[1;2S"),
            (KeyCode::F(5), NONE, "\x1b[15~"),
            (KeyCode::F(12), CTRL, "\x1b[24;5~"),
            (KeyCode::F(20), NONE, "\x1b[34~"),
            (KeyCode::CapsLock, NONE, ""),
            (KeyCode::CapsLock, ALT, ""),
        ] {
            assert_eq!(pressed(code, modifiers), bytes, "{code:?} {modifiers:?}");
        }
    }

    #[test]
    fn cursor_keys_have_another_form_where_a_program_asked() {
        let modes = Modes { application_cursor: true, ..Modes::default() };
        let press = |code, held| key(KeyEvent::new(code, held), modes);
        assert_eq!(press(KeyCode::Up, NONE), b"\x1bOA");
        assert_eq!(press(KeyCode::Home, NONE), b"\x1bOH");
        assert_eq!(press(KeyCode::Up, CTRL), b"\x1b[1;5A");
    }

    #[test]
    fn pasted_text_stays_text() {
        assert_eq!(paste("a\nb\r\n", Modes::default()), b"a\rb\r");
        let marked = Modes { bracketed_paste: true, ..Modes::default() };
        assert_eq!(paste("rm\x1b[201~\n-rf", marked), b"\x1b[200~rm[201~\r-rf\x1b[201~");
    }

    #[test]
    fn the_mouse_is_reported_as_asked_and_no_more() {
        let at = |kind, modes| String::from_utf8_lossy(&mouse(kind, NONE, 9, 4, modes)).into_owned();
        let down = MouseEventKind::Down(MouseButton::Left);
        let sgr = Modes { mouse: Reports::Clicks, sgr: true, ..Modes::default() };
        assert_eq!(at(down, Modes::default()), "");
        assert_eq!(at(down, sgr), "\x1b[<0;10;5M");
        assert_eq!(at(MouseEventKind::Up(MouseButton::Right), sgr), "\x1b[<2;10;5m");
        assert_eq!(at(MouseEventKind::ScrollDown, sgr), "\x1b[<65;10;5M");
        assert_eq!(at(MouseEventKind::Drag(MouseButton::Left), sgr), "");
        assert_eq!(at(MouseEventKind::Moved, Modes { mouse: Reports::Motion, ..sgr }), "\x1b[<35;10;5M");
        let old = Modes { mouse: Reports::Drags, ..Modes::default() };
        assert_eq!(at(down, old), "\x1b[M *%");
        assert_eq!(at(MouseEventKind::Up(MouseButton::Left), old), "\x1b[M#*%");
        assert_eq!(at(MouseEventKind::Drag(MouseButton::Left), old), "\x1b[M@*%");
        // A place that the old form has no byte for is not reported; the UTF-8 form has a character.
        assert_eq!(mouse(down, NONE, 300, 4, old), b"");
        let utf8 = Modes { utf8: true, ..old };
        assert_eq!(String::from_utf8_lossy(&mouse(down, CTRL, 300, 4, utf8)), "\x1b[M0\u{14d}%");
    }
}
