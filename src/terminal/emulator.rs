//! A terminal without a screen: a program's bytes in; cells, answers and wishes out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use alacritty_terminal::Term;
use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::grid::{Dimensions, Scroll};
use alacritty_terminal::index::{Column, Line, Point};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::term::color::Colors;
use alacritty_terminal::term::{Config, Osc52, TermMode};
use alacritty_terminal::vte::ansi::{
    Color as AnsiColor, CursorShape, CursorStyle, NamedColor, Processor, Rgb, StdSyncHandler, Timeout,
};
use ratatui::style::{Color, Modifier, Style};

use super::find::Find;
use super::guard::{Guard, Piece, Strings};

/// Bytes of answers that wait for a program which does not read them; further ones are dropped.
const ANSWERS: usize = 64 << 10;
/// The cursor of a program that asked for none; it is a shape that none can ask for.
const UNASKED: CursorShape = CursorShape::HollowBlock;

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Cells in a row.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

impl Size {
    /// A size that a terminal can have.
    pub fn new(columns: u16, rows: u16) -> Self {
        Self { columns: columns.clamp(2, 1000), rows: rows.clamp(1, 1000) }
    }
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.screen_lines()
    }

    fn screen_lines(&self) -> usize {
        usize::from(self.rows)
    }

    fn columns(&self) -> usize {
        usize::from(self.columns)
    }
}

/// What the mouse is to be reported for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reports {
    /// Nothing: it is the panel's.
    #[default]
    None,
    /// Buttons.
    Clicks,
    /// Buttons, and motion while one is held.
    Drags,
    /// Buttons and all motion.
    Motion,
}

/// What a program has asked of its terminal, as far as keys, mouse and pasted text depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// Cursor keys are sent in their other form.
    pub application_cursor: bool,
    /// Enter sends a line feed too.
    pub newline: bool,
    /// Pasted text is marked as such.
    pub bracketed_paste: bool,
    /// Getting and losing the focus is reported.
    pub focus: bool,
    /// What of the mouse is reported.
    pub mouse: Reports,
    /// Mouse reports are decimal.
    pub sgr: bool,
    /// Mouse reports are UTF-8.
    pub utf8: bool,
    /// The alternate screen is shown.
    pub alternate_screen: bool,
    /// On it the wheel sends cursor keys.
    pub alternate_scroll: bool,
}

/// How the cursor looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// As the outer terminal has it.
    #[default]
    Default,
    /// A block; whether it blinks.
    Block(bool),
    /// A line below; whether it blinks.
    Underline(bool),
    /// A line before; whether it blinks.
    Bar(bool),
}

/// What a cell is besides what the program made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    /// Nothing.
    #[default]
    None,
    /// It is selected.
    Selected,
    /// A match of the search.
    Match,
    /// The match one stands on.
    Current,
    /// The cursor of a selection made by keys.
    Cursor,
}

/// What the emulator has to say, collected while it parses.
#[derive(Clone, Default)]
pub(super) struct Mailbox(Arc<Mutex<Vec<Event>>>);

impl EventListener for Mailbox {
    fn send_event(&self, event: Event) {
        if !matches!(event, Event::MouseCursorDirty | Event::CursorBlinkingChange | Event::Wakeup) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        }
    }
}

/// A terminal without a screen.
pub struct Emulator {
    pub(super) term: Term<Mailbox>,
    parser: Processor<StdSyncHandler>,
    strings: Strings,
    mailbox: Mailbox,
    answers: Vec<u8>,
    title: String,
    bell: bool,
    copied: Option<String>,
    /// The colours of text and background, for programs that ask.
    ground: Option<([u8; 3], [u8; 3])>,
    pub(super) find: Find,
    /// Whether a selection is being made by keys.
    pub(super) selecting: bool,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").field("size", &self.size()).field("title", &self.title).finish_non_exhaustive()
    }
}

impl Emulator {
    /// An empty terminal that keeps so many rows after they have left the screen.
    pub fn new(size: Size, scrollback: usize) -> Self {
        let mailbox = Mailbox::default();
        let default_cursor_style = CursorStyle { shape: UNASKED, blinking: false };
        let config =
            Config { scrolling_history: scrollback, osc52: Osc52::OnlyCopy, default_cursor_style, ..Config::default() };
        Self {
            term: Term::new(config, &size, mailbox.clone()),
            parser: Processor::new(),
            strings: Strings::default(),
            mailbox,
            answers: Vec::new(),
            title: String::new(),
            bell: false,
            copied: None,
            ground: None,
            find: Find::default(),
            selecting: false,
        }
    }

    /// Tells programs that ask which colours text and background have.
    pub fn set_ground(&mut self, text: [u8; 3], background: [u8; 3]) {
        self.ground = Some((text, background));
    }

    /// Takes a program's output in.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(piece) = self.strings.next(&mut bytes) {
            let piece = match piece {
                Piece::Parse(piece) => piece,
                Piece::Cancel => b"\x18",
            };
            self.parser.advance(&mut Guard(&mut self.term), piece);
        }
        self.parsed();
    }

    /// Until when a program asked that nothing be drawn (synchronized output).
    pub fn held_until(&self) -> Option<Instant> {
        self.parser.sync_timeout().sync_timeout()
    }

    /// Shows what was held back.
    pub fn release(&mut self) {
        if self.parser.sync_timeout().pending_timeout() {
            self.parser.stop_sync(&mut Guard(&mut self.term));
            self.parsed();
        }
    }

    fn parsed(&mut self) {
        // Lines scrolled in a part of the screen move the place one has scrolled to, even to before the oldest
        // row; scrolling by nothing brings it back.
        if self.offset() > 0 {
            self.scroll(0);
        }
        let events = std::mem::take(&mut *self.mailbox.0.lock().unwrap_or_else(PoisonError::into_inner));
        for event in events {
            match event {
                Event::PtyWrite(text) => self.answer(text.as_bytes()),
                Event::Title(title) => self.title = crate::text::clean(title.trim()).into_owned(),
                Event::ResetTitle => self.title.clear(),
                Event::Bell => self.bell = true,
                Event::ClipboardStore(_, text) => self.copied = Some(text),
                Event::ColorRequest(index, form) => {
                    let own = self.term.colors()[index];
                    let ground = match NamedColor::Foreground as usize {
                        text if index == text => self.ground.map(|g| g.0),
                        text if index == text + 1 => self.ground.map(|g| g.1),
                        _ => None,
                    };
                    if let Some(rgb) = own.or(ground.map(|[r, g, b]| Rgb { r, g, b })) {
                        self.answer(form(rgb).as_bytes());
                    }
                }
                _ => {}
            }
        }
    }

    fn answer(&mut self, bytes: &[u8]) {
        if self.answers.len() + bytes.len() <= ANSWERS {
            self.answers.extend_from_slice(bytes);
        }
    }

    /// What is to be sent to the program: answers to its questions.
    pub fn take_answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.answers)
    }

    /// What the program wants on the clipboard.
    pub fn take_copied(&mut self) -> Option<String> {
        self.copied.take()
    }

    /// Whether the bell rang since this was asked last.
    pub fn take_bell(&mut self) -> bool {
        std::mem::take(&mut self.bell)
    }

    /// The title the program gave it, harmless.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its size.
    pub fn size(&self) -> Size {
        Size { columns: self.term.columns() as u16, rows: self.term.screen_lines() as u16 }
    }

    /// Gives it another size; lines that were wrapped are laid out anew.
    pub fn resize(&mut self, size: Size) {
        if size != self.size() {
            self.find.forget_hit();
            self.term.resize(size);
            self.selecting &= self.term.selection.is_some();
        }
    }

    /// Makes it ready for another program; what the one before printed stays.
    pub fn renew(&mut self) {
        self.release();
        // Given up: whatever was begun, the alternate screen, margins, modes, looks, the other letters.
        self.feed(b"\x18\x1b[?1049l\x1b7\x1b[r\x1b[?6l\x1b8\x1b[0m\x1b(B\x0f\x1b[4l\x1b[20l\x1b>\x1b[0 q");
        self.feed(
            b"\x1b[?1l\x1b[?7h\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?2004l",
        );
        self.title.clear();
        self.scroll_to_bottom();
        if self.term.grid().cursor.point != Point::new(Line(0), Column(0)) {
            self.feed(b"\r\n\n");
        }
        self.take_answers();
    }

    /// What the program has asked for.
    pub fn modes(&self) -> Modes {
        let mode = self.term.mode();
        let mouse = match () {
            () if mode.contains(TermMode::MOUSE_MOTION) => Reports::Motion,
            () if mode.contains(TermMode::MOUSE_DRAG) => Reports::Drags,
            () if mode.contains(TermMode::MOUSE_REPORT_CLICK) => Reports::Clicks,
            () => Reports::None,
        };
        Modes {
            application_cursor: mode.contains(TermMode::APP_CURSOR),
            newline: mode.contains(TermMode::LINE_FEED_NEW_LINE),
            bracketed_paste: mode.contains(TermMode::BRACKETED_PASTE),
            focus: mode.contains(TermMode::FOCUS_IN_OUT),
            mouse,
            sgr: mode.contains(TermMode::SGR_MOUSE),
            utf8: mode.contains(TermMode::UTF8_MOUSE),
            alternate_screen: mode.contains(TermMode::ALT_SCREEN),
            alternate_scroll: mode.contains(TermMode::ALTERNATE_SCROLL),
        }
    }

    /// Column and row of the cursor on the part that is shown, and how it looks.
    pub fn cursor(&self) -> Option<(u16, u16, Shape)> {
        if !self.term.mode().contains(TermMode::SHOW_CURSOR) {
            return None;
        }
        let point = self.term.grid().cursor.point;
        let row = point.line.0 + self.offset() as i32;
        if row >= self.term.screen_lines() as i32 {
            return None;
        }
        let mut column = point.column.0;
        if self.term.grid()[point].flags.contains(Flags::WIDE_CHAR_SPACER) {
            column = column.saturating_sub(1);
        }
        let style = self.term.cursor_style();
        let shape = match style.shape {
            UNASKED if !style.blinking => Shape::Default,
            CursorShape::Block | CursorShape::HollowBlock => Shape::Block(style.blinking),
            CursorShape::Underline => Shape::Underline(style.blinking),
            CursorShape::Beam => Shape::Bar(style.blinking),
            CursorShape::Hidden => return None,
        };
        Some((column as u16, row as u16, shape))
    }

    /// How many rows above the newest the shown part ends.
    pub fn offset(&self) -> usize {
        self.term.grid().display_offset()
    }

    /// How many rows have left the screen and are kept.
    pub fn history(&self) -> usize {
        self.term.history_size()
    }

    /// Shows older rows (up, positive) or newer ones.
    pub fn scroll(&mut self, rows: i32) {
        self.term.scroll_display(Scroll::Delta(rows));
    }

    /// Shows the oldest rows kept.
    pub fn scroll_to_top(&mut self) {
        self.term.scroll_display(Scroll::Top);
    }

    /// Shows the newest rows.
    pub fn scroll_to_bottom(&mut self) {
        self.term.scroll_display(Scroll::Bottom);
    }

    /// Goes through the cells that are shown: column, row, text, look, mark, whether it is two cells wide.
    pub fn cells(&mut self, mut each: impl FnMut(u16, u16, &str, Style, Mark, bool)) {
        let matches = self.visible_matches();
        let current = self.find.hit();
        let selection = self.term.selection.as_ref().and_then(|s| s.to_range(&self.term));
        let key_cursor = self.selecting.then_some(self.term.vi_mode_cursor.point);
        let offset = self.offset() as i32;
        let colors = self.term.colors();
        let grid = self.term.grid();
        let mut text = String::new();
        for y in 0..self.term.screen_lines() as i32 {
            let line = Line(y - offset);
            let row = &grid[line];
            for x in 0..grid.columns() {
                let cell = &row[Column(x)];
                if cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
                    continue;
                }
                let point = Point::new(line, Column(x));
                let mark = if key_cursor == Some(point) {
                    Mark::Cursor
                } else if selection.is_some_and(|s| s.contains(point)) {
                    Mark::Selected
                } else if current.as_ref().is_some_and(|m| m.contains(&point)) {
                    Mark::Current
                } else if matches.iter().any(|m| m.contains(&point)) {
                    Mark::Match
                } else {
                    Mark::None
                };
                let wide = cell.flags.contains(Flags::WIDE_CHAR);
                symbol(cell, wide, &mut text);
                each(x as u16, y as u16, &text, look(cell, colors), mark, wide);
            }
        }
    }

    /// The rows that are shown, as text.
    pub fn text(&mut self) -> String {
        let mut out = String::new();
        let mut row = 0;
        self.cells(|_, y, text, _, _, _| {
            if y != row {
                row = y;
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
            }
            out.push_str(text);
        });
        out.truncate(out.trim_end().len());
        out
    }
}

/// The text of a cell; it takes exactly the cells that it stands in and is no order to any terminal.
fn symbol(cell: &Cell, wide: bool, out: &mut String) {
    out.clear();
    if cell.flags.contains(Flags::HIDDEN) {
        return out.push_str(if wide { "  " } else { " " });
    }
    // A tab is kept as such, for copying.
    let c = if cell.c == '\t' { ' ' } else { cell.c };
    out.push(if crate::text::is_unsafe(c) { '·' } else { c });
    // One character is three cells wide; nothing has room for it.
    if crate::text::width(out) > 1 + usize::from(wide) {
        out.clear();
        out.push_str(if wide { "· " } else { "·" });
    }
    if let Some(marks) = cell.zerowidth() {
        out.extend(marks);
        // A variation selector can make a character wider than the program was told it is.
        if crate::text::width(out) != 1 + usize::from(wide) {
            out.truncate(out.chars().next().map_or(0, char::len_utf8));
        }
    }
}

fn look(cell: &Cell, colors: &Colors) -> Style {
    let flags = cell.flags;
    let mut style = Style::new();
    style.fg = color(cell.fg, colors);
    style.bg = color(cell.bg, colors);
    style.underline_color = cell.underline_color().and_then(|c| color(c, colors));
    for (flag, modifier) in [
        (Flags::BOLD, Modifier::BOLD),
        (Flags::DIM, Modifier::DIM),
        (Flags::ITALIC, Modifier::ITALIC),
        (Flags::INVERSE, Modifier::REVERSED),
        (Flags::STRIKEOUT, Modifier::CROSSED_OUT),
    ] {
        if flags.contains(flag) {
            style = style.add_modifier(modifier);
        }
    }
    if flags.intersects(Flags::ALL_UNDERLINES) {
        style = style.add_modifier(Modifier::UNDERLINED);
    }
    style
}

/// A colour; none where it is that of the ground.
fn color(color: AnsiColor, colors: &Colors) -> Option<Color> {
    let index = match color {
        AnsiColor::Spec(Rgb { r, g, b }) => return Some(Color::Rgb(r, g, b)),
        AnsiColor::Indexed(n) => usize::from(n),
        AnsiColor::Named(name) => name as usize,
    };
    if let Some(Rgb { r, g, b }) = colors[index] {
        return Some(Color::Rgb(r, g, b));
    }
    let dim = NamedColor::DimBlack as usize;
    match index {
        0..256 => Some(Color::Indexed(index as u8)),
        n if (dim..dim + 8).contains(&n) => Some(Color::Indexed((n - dim) as u8)),
        _ => None,
    }
}
