//! A list: headings, rows, the cursor, marks, what is filtered.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::fleet::Link;
use crate::text::{fit, width};
use crate::ui::app::{App, Focus};
use crate::ui::list::fit_columns;
use crate::ui::view::{Empty, View};
use crate::ui::views::deck;

use super::{cut, list_focused, nothing, pane, style};

/// Draws the open list into `area`; its rows into `rows`.
pub fn draw(app: &App, frame: &mut Frame<'_>, area: Rect, rows: Rect) {
    let theme = &app.settings.theme;
    let symbols = &app.settings.symbols;
    let list = app.list();
    let view = app.view.rows();
    let title = match (app.view, deck::attention(&app.snap, &app.health).len()) {
        (View::Deck, 0) if app.snap.containers.is_empty() => Span::styled(" Deck ", theme.title),
        (View::Deck, 0) => Span::styled(" All is well ", theme.success),
        (View::Deck, 1) => Span::styled(" 1 needs attention ", theme.failed),
        (View::Deck, n) => Span::styled(format!(" {n} need attention "), theme.failed),
        (view, _) => Span::styled(format!(" {} ", view.tab().1), theme.title),
    };
    let title = Line::from(title);
    let mut count = Vec::new();
    if !list.marked.is_empty() {
        count.push(Span::styled(format!(" {} marked", list.marked.len()), theme.mark));
    }
    if app.hide_stopped && matches!(app.view, View::Stacks | View::Containers) {
        count.push(Span::styled(" stopped hidden", theme.warning));
    }
    let rows_shown = list.rows.len();
    let of =
        if list.filter.is_empty() { format!(" {rows_shown} ") } else { format!(" {rows_shown} of {} ", list.total) };
    count.push(Span::styled(of, theme.muted));
    let mut block = pane(app, title, list_focused(app));
    if app.view != View::Deck {
        block = block.title(Line::from(count).alignment(Alignment::Right));
    }
    let typing = app.typing.as_ref().filter(|t| t.focus == Focus::List);
    if typing.is_some() || !list.filter.is_empty() {
        let mut filter = vec![Span::styled(" / ", theme.key), Span::styled(list.filter.clone(), theme.input)];
        if typing.is_some() {
            filter.push(Span::styled("▏", theme.accent));
        } else {
            filter.push(Span::styled(" esc clears", theme.muted));
        }
        filter.push(Span::raw(" "));
        block = block.title_bottom(Line::from(filter));
    }
    let below = list.rows.len().saturating_sub(list.offset + usize::from(rows.height));
    if below > 0 {
        block = block.title_bottom(
            Line::styled(format!(" {below} more {} ", symbols.down), theme.muted).alignment(Alignment::Right),
        );
    }
    frame.render_widget(block, area);
    let cx = app.cx();
    if list.rows.is_empty() {
        let empty = if list.filter.is_empty() || list.total == 0 {
            down(app).unwrap_or_else(|| view.empty(&cx))
        } else {
            Empty::new(format!("Nothing matches `{}`", list.filter), "Esc clears the filter.")
        };
        let inner = Rect { y: rows.y.saturating_sub(1), height: rows.height + 1, ..rows };
        return nothing(app, frame, inner, &empty);
    }
    // Two cells at the left are for the tree and the marks.
    let columns = fit_columns(view.columns(), &list.widths, rows.width.saturating_sub(2));
    let mut heading = vec![Span::raw("  ")];
    for (i, (column, w)) in columns.iter().enumerate() {
        let about = &view.columns()[*column];
        let sorted =
            list.sort.filter(|(c, _)| c == column).map(|(_, r)| if r { symbols.descending } else { symbols.ascending });
        let text = format!("{}{}", about.title, sorted.unwrap_or(""));
        let look = if sorted.is_some() { theme.accent } else { theme.muted };
        heading.push(Span::styled(aligned(&text, *w, about.right), look));
        if i + 1 < columns.len() {
            heading.push(Span::raw("  "));
        }
    }
    let top = Rect { y: rows.y.saturating_sub(1), height: 1, ..rows };
    frame.render_widget(Paragraph::new(Line::from(heading)), top);
    let marked_depth = matches!(app.view, View::Stacks | View::Networks | View::Health | View::Deck);
    for (n, row) in list.rows.iter().skip(list.offset).take(usize::from(rows.height)).enumerate() {
        let area = Rect { y: rows.y + n as u16, height: 1, ..rows };
        let selected = list.offset + n == list.cursor;
        let marked = list.marked.contains(&row.target);
        let lead = match (marked, row.branch) {
            (true, _) => Span::styled(format!("{} ", symbols.mark), theme.mark),
            (false, Some(true)) => Span::styled(format!("{} ", symbols.expanded), theme.muted),
            (false, Some(false)) => Span::styled(format!("{} ", symbols.collapsed), theme.muted),
            (false, None) => Span::raw("  "),
        };
        let indent = if marked_depth { usize::from(row.depth) * 2 } else { 0 };
        // A branch's sign stands right before its name, a mark at the edge.
        let mut spans = if marked || row.branch.is_none() {
            vec![lead, Span::raw(" ".repeat(indent))]
        } else {
            vec![Span::raw(" ".repeat(indent)), lead]
        };
        for (i, (column, w)) in columns.iter().enumerate() {
            let cell = view.cell(&cx, row, *column);
            let room = if i == 0 { w.saturating_sub(indent as u16) } else { *w };
            let right = view.columns()[*column].right;
            if i == 0 {
                // The sign keeps its colour, the name is text.
                let (sign, name) = split_sign(&cell.text, app);
                if sign.is_empty() {
                    spans.push(Span::styled(aligned(&cell.text, room, right), style(theme, cell.tone)));
                } else {
                    spans.push(Span::styled(format!("{sign} "), style(theme, cell.tone)));
                    let look = if cell.tone == crate::ui::view::Tone::Status(crate::fleet::snapshot::Status::Stopped) {
                        theme.stopped
                    } else {
                        theme.text
                    };
                    spans.push(Span::styled(aligned(name, room.saturating_sub(width(sign) as u16 + 1), right), look));
                }
            } else {
                spans.push(Span::styled(aligned(&cell.text, room, right), style(theme, cell.tone)));
            }
            if i + 1 < columns.len() {
                spans.push(Span::raw("  "));
            }
        }
        frame.render_widget(Paragraph::new(Line::from(cut(spans, usize::from(rows.width)))), area);
        if selected {
            let look =
                if list_focused(app) || app.typing.is_some() { theme.selection } else { theme.selection_unfocused };
            frame.buffer_mut().set_style(area, look);
        }
    }
}

/// The status sign at the beginning of a name, if it has one.
fn split_sign<'a>(text: &'a str, app: &App) -> (&'a str, &'a str) {
    let s = &app.settings.symbols;
    match text.split_once(' ') {
        Some((sign, name)) if [s.running, s.partial, s.stopped, s.failed, s.paused].contains(&sign) => (sign, name),
        _ => ("", text),
    }
}

/// `text` in exactly `room` cells.
fn aligned(text: &str, room: u16, right: bool) -> String {
    let room = usize::from(room);
    let text = fit(text, room);
    let space = " ".repeat(room.saturating_sub(width(&text)));
    if right { format!("{space}{text}") } else { format!("{text}{space}") }
}

/// What to say when the engine cannot be reached and nothing is known.
fn down(app: &App) -> Option<Empty> {
    match &app.snap.link {
        Link::Down { error, .. } if app.view != View::Activity => {
            let hint = if error.hint.is_empty() { "It is tried again by itself; F5 tries now." } else { &error.hint };
            Some(Empty::new(error.message.clone(), hint))
        }
        _ => None,
    }
}
