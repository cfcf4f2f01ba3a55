//! Draws an editor: signs, line numbers, the text with its colours, what is said of it, the cursor.

use std::sync::PoisonError;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::document::Place;
use super::highlight::{Colours, Role};
use super::marks::{Held, worst};
use super::{Editor, Keys, Severity, layout, search};
use crate::config::{Symbols, Theme};
use crate::text::{clean, fit, width};

/// What an editor is drawn with.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The colours.
    pub theme: &'a Theme,
    /// The signs.
    pub symbols: &'a Symbols,
    /// Whether it has the keys: then it shows the cursor.
    pub focused: bool,
    /// Whether lines have numbers. In a narrow pane they have none.
    pub line_numbers: bool,
    /// With Vim's keys the last line tells the mode.
    pub keys: Keys,
}

/// What part of the text was last on the screen.
#[derive(Debug, Default)]
pub(super) struct Screen {
    pub top: usize,
    pub left: usize,
    pub rows: u16,
    pub columns: u16,
    /// How many cells at the left are not text.
    pub gutter: u16,
    /// The next frame shows the cursor.
    pub follow: bool,
    /// The next frame shows the cursor with what is around it.
    pub center: bool,
    pub colours: Colours,
}

/// So many lines stay in sight above and below the cursor, where there is room.
const AROUND: usize = 2;

/// Narrower than this, a pane has no room for line numbers.
const NARROW: u16 = 24;

/// The fewest cells a message beside the text is shown in.
const MESSAGE: usize = 12;

/// The most entries of a list that are on the screen at once.
const LISTED: usize = 8;

/// Lines longer than this are searched only around what is on the screen.
const SEARCHED: usize = 20_000;

/// Draws the editor and puts the terminal's cursor where its own is.
pub fn draw(frame: &mut Frame<'_>, area: Rect, editor: &Editor, look: &Look<'_>) {
    if area.is_empty() {
        return;
    }
    let mut screen = editor.screen.lock().unwrap_or_else(PoisonError::into_inner);
    let screen = &mut *screen;
    let status = editor.status(look.keys).filter(|_| area.height > 1);
    let text = Rect { height: area.height - u16::from(status.is_some()), ..area };
    fit_screen(screen, editor, text, look);
    let lines = editor.document.lines();
    let bottom = (screen.top + usize::from(screen.rows)).min(lines.len());
    screen.colours.prepare(lines, editor.language, screen.top, bottom);
    let buffer = frame.buffer_mut();
    buffer.set_style(area, look.theme.text);
    let bar = lines.len() > usize::from(screen.rows) && text.width > 10;
    let painter = Painter { editor, look, screen, selection: editor.shown_selection() };
    for (row, n) in (screen.top..bottom).enumerate() {
        let y = text.y + row as u16;
        painter.line(buffer, Rect { y, height: 1, width: text.width - u16::from(bar), ..text }, n);
    }
    if bar {
        painter.scroll_bar(buffer, text);
    }
    let cursor = painter.cursor(text);
    if let Some(at) = cursor.filter(|_| look.focused) {
        painter.list(buffer, text, at);
    }
    if let Some(status) = status {
        let y = area.bottom() - 1;
        let shown = clean(&status);
        buffer.set_stringn(area.x, y, &shown, usize::from(area.width), look.theme.muted);
        if look.focused && editor.vim.asks() {
            let x = area.x + (width(&shown) as u16).min(area.width - 1);
            frame.set_cursor_position((x, y));
            return;
        }
    }
    if let Some(at) = cursor.filter(|_| look.focused) {
        frame.set_cursor_position(at);
    }
}

/// Gives the screen its size, and moves it to the cursor where that is wanted.
fn fit_screen(screen: &mut Screen, editor: &Editor, area: Rect, look: &Look<'_>) {
    let count = editor.document.lines().len();
    let digits = count.to_string().len().max(2) as u16;
    screen.gutter = if look.line_numbers && area.width >= NARROW { digits + 2 } else { 1 }.min(area.width - 1);
    let resized = (screen.rows, screen.columns);
    screen.rows = area.height;
    let bar = u16::from(count > usize::from(area.height) && area.width > 10);
    screen.columns = (area.width - screen.gutter).saturating_sub(bar).max(1);
    let rows = usize::from(screen.rows);
    screen.top = screen.top.min(count - 1);
    let first = std::mem::take(&mut screen.follow) || resized != (screen.rows, screen.columns);
    let center = std::mem::take(&mut screen.center);
    if !first && !center {
        return;
    }
    let line = editor.cursor.line;
    let around = AROUND.min(rows.saturating_sub(1) / 2);
    if line < screen.top + around || line + around >= screen.top + rows {
        if center || line + rows < screen.top || line > screen.top + 2 * rows {
            screen.top = line.saturating_sub(rows / 3);
        } else if line < screen.top + around {
            screen.top = line.saturating_sub(around);
        } else {
            screen.top = line + around + 1 - rows;
        }
    }
    // Never more than one line of nothing below the text.
    screen.top = screen.top.min((count + 1).saturating_sub(rows)).min(count - 1);
    if screen.top > line {
        screen.top = line;
    }
    let columns = usize::from(screen.columns);
    let text = editor.document.line(line);
    let column = layout::column(text, editor.cursor.byte);
    if column < columns.saturating_sub(1) {
        screen.left = 0;
    } else if column < screen.left || column + 1 >= screen.left + columns {
        screen.left = column.saturating_sub(columns * 2 / 3);
    }
}

struct Painter<'a> {
    editor: &'a Editor,
    look: &'a Look<'a>,
    screen: &'a Screen,
    selection: Option<(Place, Place)>,
}

impl Painter<'_> {
    fn line(&self, buffer: &mut Buffer, row: Rect, n: usize) {
        let theme = self.look.theme;
        let text = self.editor.document.line(n);
        let current = n == self.editor.cursor.line;
        if let Some(shade) = shade(theme).filter(|_| current && self.look.focused) {
            buffer.set_style(row, shade);
        }
        let marks = self.editor.marks_of(n);
        self.gutter(buffer, row, n, marks, current);
        let (left, columns) = (self.screen.left, usize::from(self.screen.columns));
        let start = row.x + self.screen.gutter;
        let matched = self.matches(text);
        let selected = self.selected_bytes(n, text);
        let trailing = text.trim_end_matches([' ', '\t']).len();
        let tokens = self.editor_tokens(n);
        let mut token = tokens.iter().peekable();
        let mut end = 0;
        for glyph in layout::glyphs(text, left) {
            if glyph.column >= left + columns {
                end = glyph.column;
                break;
            }
            end = glyph.column + glyph.width;
            if end <= left {
                continue;
            }
            while token.next_if(|t| t.to <= glyph.from).is_some() {}
            let role = token.peek().filter(|t| t.from <= glyph.from).map(|t| t.role);
            let mut style = role.map_or(Style::new(), |role| role_style(theme, role));
            if glyph.escaped {
                style = theme.warning;
            }
            if let Some(held) = worst_at(marks, n, glyph.from) {
                style = underlined(theme, style, held.mark.severity);
            }
            if let Some((from, to)) = matched.iter().find(|(from, to)| (*from..*to).contains(&glyph.from)) {
                let here = selected.is_some_and(|(a, b)| (a, b) == (*from, *to));
                style = style.patch(if here { theme.search_current } else { theme.search });
            }
            let inside = selected.is_some_and(|(from, to)| (from..to).contains(&glyph.from));
            if inside {
                style = self.selected(style);
            }
            let blank = inside && glyph.from >= trailing;
            let shown = match text.as_bytes()[glyph.from] {
                b'\t' if inside => self.look.symbols.right,
                b' ' if blank => {
                    if self.look.symbols.ascii {
                        "."
                    } else {
                        self.look.symbols.dot
                    }
                }
                _ => &glyph.shown,
            };
            if inside && (blank || shown != glyph.shown) {
                style = style.patch(Style { fg: theme.muted.fg, ..Style::new() });
            }
            cells(buffer, row, start, left, columns, (glyph.column, glyph.width, glyph.escaped), shown, style);
        }
        self.line_end(buffer, row, n, text, end, marks);
    }

    /// What stands behind the text of a line: the selected line feed, a mark on the end, what is said of it.
    fn line_end(&self, buffer: &mut Buffer, row: Rect, n: usize, text: &str, end: usize, marks: &[Held]) {
        let theme = self.look.theme;
        let (left, columns) = (self.screen.left, usize::from(self.screen.columns));
        if end < left || end >= left + columns {
            return;
        }
        let x = row.x + self.screen.gutter + (end - left) as u16;
        if let Some(held) = worst_at(marks, n, text.len()) {
            let cell = &mut buffer[(x, row.y)];
            cell.set_style(underlined(theme, Style::new(), held.mark.severity));
        }
        let last = self.editor.document.last();
        if n < last && self.selection.is_some_and(|(from, to)| from.line <= n && n < to.line) {
            buffer[(x, row.y)].set_style(self.selected(Style::new()));
        }
        let flagged = self.editor.flag.as_ref().filter(|(place, words)| place.line == n && !words.is_empty());
        let (words, look) = match (flagged, worst(marks)) {
            (Some((_, words)), _) => (words, theme.error),
            (None, Some(held)) if n == self.editor.cursor.line => {
                let here = worst_at(marks, n, self.editor.cursor.byte).unwrap_or(held);
                (
                    &here.mark.text,
                    theme.muted.patch(Style { fg: severity(theme, here.mark.severity).fg, ..Style::new() }),
                )
            }
            _ => return,
        };
        let room = (left + columns).saturating_sub(end + 2);
        if room >= MESSAGE {
            let words = clean(words);
            buffer.set_stringn(x + 2, row.y, fit(&words, room), room, look.add_modifier(Modifier::ITALIC));
        }
    }

    fn gutter(&self, buffer: &mut Buffer, row: Rect, n: usize, marks: &[Held], current: bool) {
        let (theme, symbols) = (self.look.theme, self.look.symbols);
        let flagged = self.editor.flag_line() == Some(n);
        let sign = if flagged {
            Some((symbols.collapsed, theme.error))
        } else {
            worst(marks).map(|held| (sign(symbols, held.mark.severity), severity(theme, held.mark.severity)))
        };
        if self.screen.gutter > 2 {
            let digits = usize::from(self.screen.gutter) - 2;
            let look = if flagged {
                theme.error
            } else if current {
                theme.title
            } else {
                theme.muted
            };
            buffer.set_stringn(row.x + 1, row.y, format!("{:>digits$}", n + 1), digits, look);
        }
        if let Some((sign, look)) = sign {
            buffer.set_stringn(row.x, row.y, sign, 1, look);
        }
    }

    /// The matches in a line, as bytes.
    fn matches(&self, text: &str) -> Vec<(usize, usize)> {
        let Some(search) = &self.editor.search else { return Vec::new() };
        let (from, to) = if text.len() <= SEARCHED {
            (0, text.len())
        } else {
            let near = |byte: usize| (byte..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            let first = layout::byte(text, self.screen.left);
            (near(first.saturating_sub(SEARCHED / 4)), near((first + SEARCHED / 2).min(text.len())))
        };
        search::matches(&search.pattern, &text[from..to]).map(|(a, b)| (a + from, b + from)).collect()
    }

    /// The selected bytes of a line.
    fn selected_bytes(&self, n: usize, text: &str) -> Option<(usize, usize)> {
        let (from, to) = self.selection?;
        let first = if from.line < n { 0 } else { from.byte };
        let last = if to.line > n { text.len() } else { to.byte };
        (from.line <= n && n <= to.line && first < last).then_some((first, last))
    }

    fn selected(&self, style: Style) -> Style {
        let theme = self.look.theme;
        style.patch(if self.look.focused { theme.selection } else { theme.selection_unfocused })
    }

    fn editor_tokens(&self, n: usize) -> &[super::highlight::Token] {
        self.screen.colours.of(n)
    }

    /// The cell of the cursor, where it is on the screen.
    fn cursor(&self, area: Rect) -> Option<(u16, u16)> {
        let cursor = self.editor.cursor;
        let row = cursor.line.checked_sub(self.screen.top).filter(|row| *row < usize::from(self.screen.rows))?;
        let column = layout::column(self.editor.document.line(cursor.line), cursor.byte);
        let column = column.checked_sub(self.screen.left).filter(|c| *c < usize::from(self.screen.columns))?;
        Some((area.x + self.screen.gutter + column as u16, area.y + row as u16))
    }

    /// Which part of the text is on the screen, and where its marks are.
    fn scroll_bar(&self, buffer: &mut Buffer, area: Rect) {
        let (theme, symbols) = (self.look.theme, self.look.symbols);
        let (rows, count) = (usize::from(area.height), self.editor.document.lines().len());
        let thumb = (rows * rows / count).max(1);
        let first = (self.screen.top * rows).div_ceil(count).min(rows - thumb);
        let mut worst = vec![None; rows];
        for held in &self.editor.marks {
            let row = &mut worst[(held.from.line * rows / count).min(rows - 1)];
            *row = (*row).max(Some(held.mark.severity));
        }
        for (row, mark) in worst.into_iter().enumerate() {
            let on = (first..first + thumb).contains(&row);
            let look = if on { theme.muted } else { theme.faint };
            let look = mark.map_or(look, |found| severity(theme, found));
            let sign = if on { symbols.scroll_thumb } else { symbols.scroll_track };
            buffer[(area.right() - 1, area.y + row as u16)].set_symbol(sign).set_style(look);
        }
    }

    /// The open list of what could stand at the cursor.
    fn list(&self, buffer: &mut Buffer, area: Rect, cursor: (u16, u16)) {
        let Some((place, popup)) = self.editor.popup_place() else { return };
        let theme = self.look.theme;
        let below = usize::from(area.bottom() - cursor.1 - 1);
        let above = usize::from(cursor.1 - area.y);
        let shown = popup.items.len().min(LISTED).min(below.max(above));
        if shown == 0 {
            return;
        }
        let y = if below >= shown { cursor.1 + 1 } else { cursor.1 - shown as u16 };
        let labels = popup.items.iter().map(|i| width(&i.label)).max().unwrap_or(0).min(40);
        let abouts = popup.items.iter().map(|i| width(&i.about)).max().unwrap_or(0);
        let room = usize::from(area.width).min(labels + if abouts > 0 { abouts + 2 } else { 0 } + 2);
        let column = layout::column(self.editor.document.line(place.line), place.byte).saturating_sub(self.screen.left);
        let x = (area.x + self.screen.gutter + column as u16).saturating_sub(1);
        let x = x.min(area.right() - room as u16).max(area.x);
        let first = (popup.selected + 1).saturating_sub(shown).min(popup.items.len() - shown);
        for (row, item) in popup.items.iter().enumerate().skip(first).take(shown) {
            let line = Rect { x, y: y + (row - first) as u16, width: room as u16, height: 1 };
            let look = theme.background.patch(theme.text).patch(theme.popup);
            let look = if row == popup.selected { look.patch(theme.selection) } else { look };
            for x in line.left()..line.right() {
                buffer[(x, line.y)].reset();
                buffer[(x, line.y)].set_style(look);
            }
            let label = clean(&item.label);
            buffer.set_stringn(x + 1, line.y, fit(&label, labels), room.saturating_sub(2), look);
            let left = room.saturating_sub(labels + 4);
            if left > 3 && !item.about.is_empty() {
                let muted = Style { fg: theme.muted.fg, ..Style::new() };
                let look = if row == popup.selected { look } else { look.patch(muted) };
                buffer.set_stringn(x + 3 + labels as u16, line.y, fit(&clean(&item.about), left), left, look);
            }
        }
    }
}

/// Puts a glyph into its cells, as far as they are on the screen.
#[allow(clippy::too_many_arguments)]
fn cells(
    buffer: &mut Buffer,
    row: Rect,
    start: u16,
    left: usize,
    columns: usize,
    (column, cells, spelled): (usize, usize, bool),
    shown: &str,
    style: Style,
) {
    let whole = column >= left && column + cells <= left + columns;
    let mut letters = shown.chars();
    for n in 0..cells {
        let letter = if spelled { letters.next() } else { None };
        let Some(at) = (column + n).checked_sub(left).filter(|at| *at < columns) else { continue };
        let cell = &mut buffer[(start + at as u16, row.y)];
        cell.set_style(style);
        match letter {
            Some(letter) => cell.set_char(letter),
            // A wide character that is cut by the edge leaves blanks.
            None if n == 0 && whole => cell.set_symbol(shown),
            None => cell.set_symbol(" "),
        };
    }
}

fn worst_at(marks: &[Held], line: usize, byte: usize) -> Option<&Held> {
    let at = Place::new(line, byte);
    marks.iter().filter(|h| h.from <= at && (at < h.to || h.from == at)).max_by_key(|h| h.mark.severity)
}

fn underlined(theme: &Theme, style: Style, found: Severity) -> Style {
    let style = style.add_modifier(Modifier::UNDERLINED);
    match severity(theme, found).fg {
        Some(color) => style.underline_color(color),
        None => style,
    }
}

fn severity(theme: &Theme, severity: Severity) -> Style {
    match severity {
        Severity::Error => theme.error,
        Severity::Warning => theme.warning,
        Severity::Info => theme.info,
    }
}

fn sign(symbols: &Symbols, severity: Severity) -> &'static str {
    match severity {
        Severity::Error => symbols.running,
        Severity::Warning => symbols.warning,
        Severity::Info => symbols.dot,
    }
}

fn role_style(theme: &Theme, role: Role) -> Style {
    match role {
        Role::Key => theme.syntax_key,
        Role::Keyword => theme.syntax_keyword,
        Role::Text => theme.syntax_string,
        Role::Number => theme.syntax_number,
        Role::Bool => theme.syntax_bool,
        Role::Null => theme.syntax_null,
        Role::Variable => theme.syntax_variable,
        Role::Comment => theme.syntax_comment,
    }
}

/// The shade of the cursor's line: a little of the selection's, where the colours can be mixed.
fn shade(theme: &Theme) -> Option<Style> {
    let (Some(Color::Rgb(r, g, b)), Some(Color::Rgb(sr, sg, sb))) = (theme.background.bg, theme.selection.bg) else {
        return None;
    };
    let mix = |a: u8, b: u8| ((u16::from(a) * 2 + u16::from(b)) / 3) as u8;
    Some(Style::new().bg(Color::Rgb(mix(r, sr), mix(g, sg), mix(b, sb))))
}
