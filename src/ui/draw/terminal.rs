//! A terminal: its cells as they are, in a frame that tells where one is and how to get out.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use crate::terminal::Mark;
use crate::text::{fit, width};
use crate::ui::action::{Action, Scope};
use crate::ui::app::{App, Focus};
use crate::ui::panes::terminal::{Life, OpenTerminal, life_words};
use crate::ui::sessions::{countdown, urgency};
use crate::ui::view::Tone;

use super::{cut, pane, style};

/// The widest name of a terminal in the frame.
const NAME: usize = 24;

/// What each terminal is called in the frame: first cell, text.
fn tabs(app: &App) -> Vec<(u16, String)> {
    let mut x = app.areas().detail.map_or(0, |d| d.x) + u16::from(!whole(app));
    let all = app.terminals.open();
    let mut tabs = Vec::new();
    for (n, terminal) in all.iter().enumerate() {
        let name = &terminal.opening.name;
        let twice = all.iter().filter(|t| t.opening.container == terminal.opening.container).count() > 1;
        let name = if twice { format!("{name} {}", terminal.program) } else { name.clone() };
        let name = fit(&crate::text::clean(&name), NAME).into_owned();
        let text = if all.len() > 1 { format!(" {} {name} ", n + 1) } else { format!(" {name} ") };
        let cells = width(&text) as u16;
        tabs.push((x, text));
        x += cells;
    }
    tabs
}

/// The terminal whose name stands at a column of the frame's first line.
pub fn tab_at(app: &App, column: u16) -> Option<usize> {
    tabs(app).iter().rposition(|(x, text)| *x <= column && column < x + width(text) as u16)
}

/// Whether it has the whole screen, with one line of frame.
fn whole(app: &App) -> bool {
    app.zoomed && app.in_terminal()
}

/// Draws the terminal that is shown.
pub fn draw(app: &App, terminal: &OpenTerminal, frame: &mut Frame<'_>, area: Rect, inside: Rect) {
    let theme = &app.settings.theme;
    let focused = app.in_terminal() && app.overlay.is_none();
    let mut title: Vec<Span<'_>> = Vec::new();
    for (n, (_, text)) in tabs(app).into_iter().enumerate() {
        let open = app.terminals.open().get(n).is_some_and(|t| t.id == terminal.id);
        title.push(Span::styled(text, if open { theme.tab_active } else { theme.tab_inactive }));
    }
    let room = usize::from(area.width).saturating_sub(2);
    if whole(app) {
        let line = Rect { height: 1, ..area };
        frame.buffer_mut().set_style(line, theme.header);
        let notes = notes(app, terminal);
        let right: Vec<Span<'_>> = match &app.notice {
            Some(notice) => vec![Span::styled(notice.text.clone(), style(theme, notice.tone)), Span::raw(" ")],
            None => notes.into_iter().flat_map(|(spans, _)| spans).collect(),
        };
        let used: usize = right.iter().map(|s| width(&s.content)).sum();
        let left = cut(title, room.saturating_sub(used));
        frame.render_widget(Paragraph::new(Line::from(left)), line);
        frame.render_widget(Paragraph::new(Line::from(cut(right, room)).alignment(Alignment::Right)), line);
    } else {
        let mut block = pane(app, Line::from(cut(title, room)), focused);
        for (spans, alignment) in notes(app, terminal) {
            block = block.title_bottom(Line::from(cut(spans, room)).alignment(alignment));
        }
        frame.render_widget(block, area);
    }
    cells(app, terminal, frame, inside);
    if let Some(words) = app.terminal_words(terminal) {
        over(app, terminal, frame, inside, &words);
    }
}

/// What the frame says besides the names: the search or the title; where one is and what the keys do.
fn notes<'a>(app: &App, terminal: &OpenTerminal) -> Vec<(Vec<Span<'a>>, Alignment)> {
    let theme = &app.settings.theme;
    let mut left = Vec::new();
    let typing = app.typing.as_ref().is_some_and(|t| t.focus == Focus::Detail);
    let (query, missed) = app.terminals.search();
    let (title, offset, history) = {
        let emulator = terminal.screen.lock();
        (emulator.title().to_owned(), emulator.offset(), emulator.history())
    };
    if typing || !query.is_empty() {
        left.push(Span::styled(" / ", theme.key));
        left.push(Span::styled(crate::text::clean(query).into_owned(), theme.input));
        left.push(Span::styled(if typing { "▏" } else { "" }, theme.accent));
        left.push(Span::styled(if missed { " no match " } else { " " }, theme.muted));
    } else if !title.is_empty() {
        left.push(Span::styled(format!(" {} ", fit(&title, 40)), theme.muted));
    }
    let ascii = app.settings.symbols.ascii;
    let key = |scope, action: &Action| {
        let chord = app.settings.keymap.chords(scope, action).first();
        Span::styled(chord.map_or(String::new(), |c| format!(" {}", c.label(ascii))), theme.key)
    };
    let mut right = Vec::new();
    if let Some(seconds) = app.left_of(&terminal.opening.container) {
        right.push(Span::styled(format!(" {} left ", countdown(seconds)), style(theme, urgency(seconds))));
    }
    if terminal.host != app.snap.host {
        right.push(Span::styled(format!(" {} ", crate::text::clean(&terminal.host)), theme.warning));
    }
    match &terminal.life {
        Life::Running => {}
        Life::Starting => right.push(Span::styled(" starting… ", style(theme, Tone::Warn))),
        Life::Ended(Some(0)) => right.push(Span::styled(" ended ", theme.muted)),
        Life::NoShell => right.push(Span::styled(" no shell ", theme.warning)),
        Life::Failed(_) => right.push(Span::styled(" failed ", theme.error)),
        Life::Ended(_) => right.push(Span::styled(format!(" {} ", life_words(terminal)), theme.error)),
    }
    if offset > 0 {
        right.push(Span::styled(format!(" {offset} of {history} rows up "), theme.muted));
    }
    if !app.in_terminal() {
    } else if app.terminals.inside() {
        right.push(key(if terminal.alive() { Scope::Program } else { Scope::Over }, &Action::LeaveTerminal));
        right.push(Span::styled(" leaves ", theme.hint));
    } else {
        right.push(key(Scope::Terminal, &Action::Open));
        right.push(Span::styled(if terminal.alive() { " goes in " } else { " starts again " }, theme.hint));
    }
    [(left, Alignment::Left), (right, Alignment::Right)].into_iter().filter(|(spans, _)| !spans.is_empty()).collect()
}

/// Copies the emulator's cells, and shows its cursor.
fn cells(app: &App, terminal: &OpenTerminal, frame: &mut Frame<'_>, inside: Rect) {
    let theme = &app.settings.theme;
    let depth = app.settings.depth;
    let fits = |look: Style| Style {
        fg: look.fg.map(|c| depth.nearest(c)),
        bg: look.bg.map(|c| depth.nearest(c)),
        underline_color: look.underline_color.map(|c| depth.nearest(c)),
        ..look
    };
    let buffer = frame.buffer_mut();
    buffer.set_style(inside, theme.text);
    let mut emulator = terminal.screen.lock();
    emulator.cells(|x, y, text, look, mark, wide| {
        let (Some(x), Some(y)) = (inside.x.checked_add(x), inside.y.checked_add(y)) else { return };
        // While its size follows the pane's, parts of it may be outside.
        if x + u16::from(wide) >= inside.right() || y >= inside.bottom() {
            return;
        }
        let look = match mark {
            Mark::None => fits(look),
            Mark::Selected => theme.selection,
            Mark::Match => fits(look).patch(theme.search),
            Mark::Current => fits(look).patch(theme.search_current),
            Mark::Cursor => theme.selection.add_modifier(Modifier::REVERSED),
        };
        let cell = &mut buffer[(x, y)];
        cell.set_symbol(text).set_style(look);
        if wide {
            buffer[(x + 1, y)].set_symbol(" ").set_style(look);
        }
    });
    let cursor = emulator.cursor();
    drop(emulator);
    if let Some((x, y, _)) = cursor.filter(|_| app.in_terminal() && app.terminals.inside() && terminal.alive())
        && app.overlay.is_none()
        && x < inside.width
        && y < inside.height
    {
        frame.set_cursor_position((inside.x + x, inside.y + y));
    }
}

/// What a terminal that is over has to say, below what it printed.
fn over(app: &App, terminal: &OpenTerminal, frame: &mut Frame<'_>, inside: Rect, words: &str) {
    let theme = &app.settings.theme;
    let room = usize::from(inside.width.saturating_sub(2)).max(1);
    let rows = (width(words).div_ceil(room) + usize::from(width(words) > room)) as u16;
    let height = rows.min(inside.height);
    // Under its last line, but never below the pane.
    let last = (inside.y..inside.bottom())
        .rev()
        .find(|y| (inside.x..inside.right()).any(|x| frame.buffer_mut()[(x, *y)].symbol() != " "));
    let y = last.map_or(inside.y, |y| y + 2).min(inside.bottom().saturating_sub(height));
    let area = Rect { y, height, ..inside };
    frame.render_widget(ratatui::widgets::Clear, area);
    frame.buffer_mut().set_style(area, theme.background);
    let look = match &terminal.life {
        Life::Ended(Some(0)) => theme.muted,
        Life::NoShell => theme.warning,
        _ => theme.error,
    };
    let text = Paragraph::new(Line::styled(crate::text::clean(words).into_owned(), look)).wrap(Wrap { trim: true });
    frame.render_widget(text, Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area });
}
