//! The detail pane: its tabs and the text of the open one.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::text::width;
use crate::ui::app::{App, Focus};
use crate::ui::detail::Tab;
use crate::ui::view::Empty;

use super::{cut, nothing, pane, stats, style};

/// The tabs that fit beside the title: first cell, tab. The open one always does.
fn tabs(app: &App, room: u16) -> Vec<(u16, Tab)> {
    let Some(target) = &app.detail.target else { return Vec::new() };
    let all = Tab::of(target);
    let gap = gap(app, room);
    let cells = |t: &Tab| width(t.title()) as u16 + gap;
    let start = title_width(app, room) + 2;
    let room = room.saturating_sub(start + 1);
    let mut first = 0;
    let open = all.iter().position(|t| Some(*t) == app.detail.tab).unwrap_or(0);
    while first < open && all[first..=open].iter().map(cells).sum::<u16>() > room {
        first += 1;
    }
    let mut x = start;
    let mut shown = Vec::new();
    for tab in &all[first..] {
        if x + cells(tab) > start + room {
            break;
        }
        shown.push((x, *tab));
        x += cells(tab);
    }
    shown
}

/// Cells between two tabs: two, where all of them fit so.
fn gap(app: &App, room: u16) -> u16 {
    let all = app.detail.target.as_ref().map_or(&[][..], Tab::of);
    let wide = all.iter().map(|t| width(t.title()) as u16 + 2).sum::<u16>();
    if title_width(app, room) + 3 + wide <= room { 2 } else { 1 }
}

fn title(app: &App) -> String {
    if app.detail.tab == Some(Tab::Logs)
        && app.detail.logs.sources().len() > 1
        && !matches!(app.detail.target, Some(crate::ui::view::Target::Stack(_) | crate::ui::view::Target::Service(..)))
    {
        return format!("logs of {}", crate::text::count(app.detail.logs.sources().len(), "container"));
    }
    app.detail.target.as_ref().map_or(String::new(), |t| app.crumb(t))
}

/// Cells of the title: names are long, but tabs are needed too.
fn title_width(app: &App, room: u16) -> u16 {
    (width(&title(app)) as u16 + 2).min(room * 2 / 5)
}

/// The tab at a cell of the pane's first line.
pub fn tab_at(app: &App, x: u16) -> Option<Tab> {
    let room = app.areas().detail?.width;
    tabs(app, room).into_iter().rfind(|(start, _)| *start <= x).map(|(_, tab)| tab)
}

/// Draws the pane.
pub fn draw(app: &App, frame: &mut Frame<'_>, area: Rect, inside: Rect) {
    let theme = &app.settings.theme;
    let focused = app.focus == Focus::Detail && app.overlay.is_none();
    let name = crate::text::fit(&title(app), usize::from(title_width(app, area.width)).saturating_sub(2)).into_owned();
    let mut spans = vec![Span::styled(format!(" {name} "), theme.title)];
    let between = " ".repeat(usize::from(gap(app, area.width)));
    spans.push(Span::raw(" "));
    for (_, tab) in tabs(app, area.width) {
        let open = Some(tab) == app.detail.tab;
        spans.push(Span::styled(tab.title(), if open { theme.tab_active } else { theme.tab_inactive }));
        spans.push(Span::raw(between.clone()));
    }
    let mut block = pane(app, Line::from(spans), focused);
    for line in notes(app) {
        block = block.title_bottom(line);
    }
    frame.render_widget(block, area);
    match app.detail.tab {
        None => nothing(app, frame, inside, &Empty::new("Nothing is selected", "Choose a row at the left.")),
        Some(Tab::Logs) => super::logs::draw(app, frame, inside),
        Some(Tab::Stats) => stats::draw(app, frame, inside),
        Some(_) => text(app, frame, inside),
    }
}

/// What the lower border says: the search, and where one is.
fn notes(app: &App) -> Vec<Line<'static>> {
    let theme = &app.settings.theme;
    let typing = app.typing.as_ref().filter(|t| t.focus == Focus::Detail);
    let mut lines = Vec::new();
    let (query, found) = match app.detail.tab {
        Some(Tab::Logs) => (app.detail.logs.query().to_owned(), app.detail.logs.search_words()),
        Some(Tab::Stats) | None => return lines,
        Some(_) => {
            let n = app.detail.text.matches();
            (app.detail.text.query.clone(), if n == 0 { "no match".to_owned() } else { crate::text::count(n, "line") })
        }
    };
    if typing.is_some() || !query.is_empty() {
        let mut spans =
            vec![Span::styled(" / ", theme.key), Span::styled(crate::text::clean(&query).into_owned(), theme.input)];
        if typing.is_some() {
            spans.push(Span::styled("▏", theme.accent));
        }
        if !query.is_empty() {
            spans.push(Span::styled(format!(" {found}"), theme.muted));
        }
        spans.push(Span::raw(" "));
        lines.push(Line::from(spans));
    }
    let place = if let Some(Tab::Logs) = app.detail.tab {
        app.detail.logs.place_words(app)
    } else {
        let height = usize::from(app.areas().inside.height);
        let n = app.detail.text.lines.len();
        if n > height {
            format!("{}–{} of {n}", app.detail.text.offset + 1, (app.detail.text.offset + height).min(n))
        } else {
            String::new()
        }
    };
    if !place.is_empty() {
        lines.push(Line::styled(format!(" {place} "), theme.muted).alignment(Alignment::Right));
    }
    lines
}

/// Draws the lines of a text pane.
fn text(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    let pane = &app.detail.text;
    let pattern = pane.pattern();
    for (n, line) in pane.lines.iter().skip(pane.offset).take(usize::from(area.height)).enumerate() {
        let row = Rect { y: area.y + n as u16, height: 1, ..area };
        let spans: Vec<Span<'_>> =
            line.pieces.iter().map(|(tone, text)| Span::styled(text.as_str(), style(theme, *tone))).collect();
        let spans = match &pattern {
            Some(pattern) => {
                let here = pane.offset + n == pane.cursor;
                let text = line.text();
                let hits: Vec<_> = pattern.find_iter(&text).filter(|m| !m.is_empty()).map(|m| m.range()).collect();
                mark(spans, &hits, if here { theme.search_current } else { theme.search })
            }
            None => spans,
        };
        frame.render_widget(Paragraph::new(Line::from(cut(spans, usize::from(area.width)))), row);
        if pane.has_cursor && pane.offset + n == pane.cursor && app.focus == Focus::Detail {
            frame.buffer_mut().set_style(row, theme.selection);
        }
    }
}

/// Marks byte ranges over spans.
pub fn mark<'a>(spans: Vec<Span<'a>>, hits: &[std::ops::Range<usize>], look: Style) -> Vec<Span<'a>> {
    if hits.is_empty() {
        return spans;
    }
    let mut out = Vec::new();
    let mut start = 0;
    for span in spans {
        let text = span.content.into_owned();
        let end = start + text.len();
        let mut at = start;
        for hit in hits.iter().filter(|h| h.start < end && h.end > start) {
            let (from, to) = (hit.start.max(start), hit.end.min(end));
            if from > at {
                out.push(Span::styled(text[at - start..from - start].to_owned(), span.style));
            }
            out.push(Span::styled(text[from - start..to - start].to_owned(), span.style.patch(look)));
            at = to;
        }
        if at < end {
            out.push(Span::styled(text[at - start..].to_owned(), span.style));
        }
        start = end;
    }
    out
}
