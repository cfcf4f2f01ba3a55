//! What stands between a program's output and the emulator: bounds for what the emulator itself would
//! hold without limit. Whoever prints is not trusted.

use alacritty_terminal::Term;
use alacritty_terminal::event::EventListener;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::Column;
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, LineClearMode, Mode, PrivateMode, Rgb,
    StandardCharset, TabulationClearMode,
};
use unicode_width::UnicodeWidthChar;

/// The longest operating system command that is taken, such as text for the clipboard.
const LONGEST: usize = 256 << 10;
/// The longest title.
const TITLE: usize = 256;
/// Marks over one character. More are only printed to harm.
const COMBINING: usize = 5;

/// Where in the stream of bytes one is, as far as unbounded strings are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Text,
    Escape,
    /// In an operating system command, so many bytes long.
    Command(usize),
    /// In the rest of one that was too long.
    Dropped,
}

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// To be parsed.
    Parse(&'a [u8]),
    /// The command in progress is to be given up.
    Cancel,
}

/// Finds operating system commands that are too long; the parser would keep them whole.
#[derive(Debug, Default)]
pub(super) struct Strings {
    place: Place,
}

impl Strings {
    /// Takes the next piece off `bytes`.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Piece<'a>> {
        let mut at = 0;
        while at < bytes.len() {
            match self.place {
                Place::Text => match memchr::memchr(0x1b, &bytes[at..]) {
                    None => at = bytes.len(),
                    Some(n) => {
                        at += n + 1;
                        self.place = Place::Escape;
                    }
                },
                Place::Escape => {
                    self.place = match bytes[at] {
                        b']' => Place::Command(0),
                        // Other controls are carried out in the middle of a sequence; these two end it.
                        0x18 | 0x1a => Place::Text,
                        0..=0x1f | 0x7f => Place::Escape,
                        _ => Place::Text,
                    };
                    at += 1;
                }
                Place::Command(held) => {
                    let rest = &bytes[at..];
                    let end = rest.iter().position(|b| matches!(b, 0x07 | 0x18 | 0x1a | 0x1b));
                    let n = end.unwrap_or(rest.len());
                    if held + n > LONGEST {
                        if at + LONGEST - held > 0 {
                            let (piece, rest) = bytes.split_at(at + LONGEST - held);
                            *bytes = rest;
                            self.place = Place::Command(LONGEST);
                            return Some(Piece::Parse(piece));
                        }
                        self.place = Place::Dropped;
                        return Some(Piece::Cancel);
                    }
                    at += n;
                    self.place = match end {
                        None => Place::Command(held + n),
                        Some(_) if bytes[at] == 0x1b => Place::Escape,
                        Some(_) => Place::Text,
                    };
                    at += usize::from(end.is_some());
                }
                Place::Dropped => {
                    let end = bytes.iter().position(|b| matches!(b, 0x07 | 0x18 | 0x1a | 0x1b));
                    let Some(n) = end else {
                        *bytes = &[];
                        return None;
                    };
                    self.place = if bytes[n] == 0x1b { Place::Escape } else { Place::Text };
                    // The escape is still to be parsed, any other end is not.
                    let from = if bytes[n] == 0x1b { n } else { n + 1 };
                    *bytes = &bytes[from..];
                    at = usize::from(self.place == Place::Escape);
                }
            }
        }
        let piece = std::mem::take(bytes);
        (!piece.is_empty()).then_some(Piece::Parse(piece))
    }
}

/// The emulator as its parser sees it.
pub(super) struct Guard<'a, T>(pub(super) &'a mut Term<T>);

impl<T: EventListener> Guard<'_, T> {
    /// Marks over the character before the cursor.
    fn marks(&self) -> usize {
        let grid = self.0.grid();
        let mut column = grid.cursor.point.column.0;
        if !grid.cursor.input_needs_wrap {
            column = column.saturating_sub(1);
        }
        let row = &grid[grid.cursor.point.line];
        if row[Column(column)].flags.contains(Flags::WIDE_CHAR_SPACER) {
            column = column.saturating_sub(1);
        }
        row[Column(column.min(self.0.last_column().0))].zerowidth().map_or(0, <[char]>::len)
    }
}

macro_rules! passed_on {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(#[inline] fn $name(&mut self, $($arg: $type),*) { Handler::$name(self.0, $($arg),*); })*
    };
}

/// Everything that is not here is not taken: hyperlinks (each with an address of any length), the newer
/// keyboard protocols (the outer terminal does not speak them), reading the clipboard.
impl<T: EventListener> Handler for Guard<'_, T> {
    #[inline]
    fn input(&mut self, c: char) {
        if !c.is_ascii() && c.width() == Some(0) && (self.marks() >= COMBINING || crate::text::is_unsafe(c)) {
            return;
        }
        self.0.input(c);
    }

    fn set_title(&mut self, title: Option<String>) {
        self.0.set_title(title.map(|t| t.chars().take(TITLE).collect()));
    }

    passed_on! {
        set_cursor_style(style: Option<CursorStyle>);
        set_cursor_shape(shape: CursorShape);
        goto(line: i32, col: usize);
        goto_line(line: i32);
        goto_col(col: usize);
        insert_blank(n: usize);
        move_up(n: usize);
        move_down(n: usize);
        identify_terminal(intermediate: Option<char>);
        device_status(n: usize);
        move_forward(n: usize);
        move_backward(n: usize);
        move_down_and_cr(n: usize);
        move_up_and_cr(n: usize);
        put_tab(n: u16);
        backspace();
        carriage_return();
        linefeed();
        bell();
        newline();
        set_horizontal_tabstop();
        scroll_up(n: usize);
        scroll_down(n: usize);
        insert_blank_lines(n: usize);
        delete_lines(n: usize);
        erase_chars(n: usize);
        delete_chars(n: usize);
        move_backward_tabs(n: u16);
        move_forward_tabs(n: u16);
        save_cursor_position();
        restore_cursor_position();
        clear_line(mode: LineClearMode);
        clear_screen(mode: ClearMode);
        clear_tabs(mode: TabulationClearMode);
        reset_state();
        reverse_index();
        terminal_attribute(attr: Attr);
        set_mode(mode: Mode);
        unset_mode(mode: Mode);
        report_mode(mode: Mode);
        set_private_mode(mode: PrivateMode);
        unset_private_mode(mode: PrivateMode);
        report_private_mode(mode: PrivateMode);
        set_scrolling_region(top: usize, bottom: Option<usize>);
        set_keypad_application_mode();
        unset_keypad_application_mode();
        set_active_charset(index: CharsetIndex);
        configure_charset(index: CharsetIndex, charset: StandardCharset);
        set_color(index: usize, color: Rgb);
        dynamic_color_sequence(prefix: String, index: usize, terminator: &str);
        reset_color(index: usize);
        clipboard_store(clipboard: u8, data: &[u8]);
        decaln();
        push_title();
        pop_title();
        text_area_size_chars();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(stream: &[&[u8]]) -> (Vec<u8>, usize) {
        let (mut strings, mut kept, mut cancels) = (Strings::default(), Vec::new(), 0);
        for mut bytes in stream.iter().copied() {
            while let Some(piece) = strings.next(&mut bytes) {
                match piece {
                    Piece::Parse(piece) => kept.extend_from_slice(piece),
                    Piece::Cancel => cancels += 1,
                }
            }
        }
        (kept, cancels)
    }

    #[test]
    fn what_is_short_enough_passes_however_it_is_cut() {
        let text = b"a\x1b[31mb\x1b]0;title\x07c\x1b]52;c;aGk=\x1b\\d\x1b\n]2;x\x18e";
        assert_eq!(split(&[text]), (text.to_vec(), 0));
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(split(&single), (text.to_vec(), 0));
    }

    #[test]
    fn an_endless_command_is_given_up_and_what_follows_is_text_again() {
        let mut long = b"a\x1b]0;".to_vec();
        long.resize(long.len() + 3 * LONGEST, b'x');
        for end in [&b"\x07"[..], b"\x1b\\", b"\x18"] {
            let (kept, cancels) = split(&[&long, &long[4..], end, b"after"]);
            assert_eq!(cancels, 1);
            assert!(kept.len() <= LONGEST + 20, "{}", kept.len());
            assert!(kept.ends_with(b"after"));
        }
    }
}
