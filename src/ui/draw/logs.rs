//! The log pane's lines: time, name, text in its own colours, matches marked.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::Paragraph;

use crate::config::Theme;
use crate::logs::{Colour, Line, Piece, Severity, pieces, pretty, severity, wrap};
use crate::ui::app::App;
use crate::ui::panes::logs::Times;
use crate::ui::view::Empty;

use super::detail::mark;
use super::{cut, nothing};

/// Draws the pane.
pub fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    let pane = &app.detail.logs;
    if pane.buffer.is_empty() || pane.only && pane.hits.is_empty() {
        return nothing(app, frame, area, &empty(app));
    }
    let names = if pane.sources.len() > 1 {
        pane.sources.iter().map(|s| crate::text::width(&s.name)).max().unwrap_or(0).min(16)
    } else {
        0
    };
    let mut rows: Vec<Row<'_>> = Vec::new();
    let height = usize::from(area.height);
    for pos in pane.upwards(pane.bottom()) {
        let Some(line) = pane.buffer.line(pos) else { break };
        let mut here = line_rows(app, &line, usize::from(area.width), names, pane.hit == Some(pos));
        here.reverse();
        rows.extend(here);
        if rows.len() >= height {
            break;
        }
    }
    rows.truncate(height);
    // Lines begin at the top while there are few; else the last stands at the bottom.
    rows.reverse();
    let mut below = pane.bottom();
    while rows.len() < height {
        let next = pane.step(below, 1);
        let Some(line) = pane.buffer.line(next).filter(|_| next > below) else { break };
        rows.extend(line_rows(app, &line, usize::from(area.width), names, pane.hit == Some(next)));
        below = next;
    }
    frame.render_widget(Paragraph::new(rows), area);
    if let Some(error) = &pane.error {
        let row = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
        frame.render_widget(Paragraph::new(Row::styled(error.to_string(), theme.error)), row);
    }
}

fn empty(app: &App) -> Empty {
    let pane = &app.detail.logs;
    if let Some(error) = &pane.error {
        return Empty::new(error.message.clone(), error.hint.clone());
    }
    if pane.only {
        return Empty::new(
            format!("No line matches `{}`", crate::text::clean(pane.query())),
            "& shows all lines again, / searches for something else.",
        );
    }
    if pane.wanted.is_empty() {
        return Empty::new("No container, so no log", "It may have been removed.");
    }
    if !pane.backlog && !pane.ended.iter().all(|e| *e) {
        return Empty::new("Reading…", "");
    }
    let up = pane.wanted.iter().any(|w| app.snap.containers.get(&w.id).is_some_and(|c| c.state.is_up()));
    if !pane.since.is_empty() {
        return Empty::new(format!("Nothing was written since {}", pane.since), "@ chooses another span, or none.");
    }
    if up {
        Empty::new("Nothing was written yet", "New lines show here at once.")
    } else {
        Empty::new("It wrote nothing", "It does not run; s starts it.")
    }
}

/// One line of a log in rows of the screen.
fn line_rows<'a>(app: &App, line: &Line<'a>, width: usize, names: usize, current: bool) -> Vec<Row<'a>> {
    let theme = &app.settings.theme;
    let pane = &app.detail.logs;
    let grave = severity(line);
    let mut head: Vec<Span<'a>> = Vec::new();
    let time_style = match grave {
        Some(Severity::Error) => theme.error,
        Some(Severity::Warn) => theme.warning,
        _ if line.flags.stderr => theme.log_stderr,
        _ => theme.log_time,
    };
    if let Some(time) = line.time() {
        match pane.times {
            Times::None => {}
            Times::Clock => head.push(Span::styled(
                time.to_zoned(app.settings.zone.clone()).strftime("%H:%M:%S ").to_string(),
                time_style,
            )),
            Times::Full => head.push(Span::styled(format!("{time:.3} "), time_style)),
        }
    }
    if names > 0 {
        let source = usize::from(line.source);
        let name = pane.sources.get(source).map_or("?", |s| &s.name);
        let name = crate::text::fit(name, names).into_owned();
        let space = " ".repeat(names - crate::text::width(&name) + 1);
        head.push(Span::styled(format!("{name}{space}"), theme.source(source)));
    }
    let indent: usize = head.iter().map(|s| crate::text::width(&s.content)).sum();
    let room = width.saturating_sub(indent).max(8);
    let look = if current { theme.search_current } else { theme.search };
    let mut rows: Vec<Vec<Span<'a>>> = Vec::new();
    if let Some(laid_out) = pane.pretty.then(|| pretty(line)).flatten() {
        for text in laid_out {
            rows.push(json_row(theme, &text));
        }
    } else {
        let found = pane.query.as_ref().map_or_else(Vec::new, |q| q.matches(line));
        let parts = pieces(line);
        let pieces = if pane.wrap { wrap(&parts, room) } else { vec![parts] };
        let mut start = 0;
        for row in pieces {
            let length: usize = row.iter().map(|p| p.text.len()).sum();
            // Matches are counted in the whole line, spans in this row of it.
            let here: Vec<_> = found
                .iter()
                .filter(|h| h.end > start && h.start < start + length)
                .map(|h| h.start.saturating_sub(start)..(h.end - start).min(length))
                .collect();
            let spans = row.iter().map(|p| Span::styled(p.text, dress(p, theme.text))).collect();
            rows.push(mark(spans, &here, look));
            start += length;
        }
        if line.dropped > 0
            && let Some(last) = rows.last_mut()
        {
            last.push(Span::styled(format!(" … {} more", crate::text::size(line.dropped.into())), theme.warning));
        }
        if line.flags.binary
            && let Some(first) = rows.first_mut()
        {
            first.insert(0, Span::styled("binary ", theme.muted));
        }
    }
    rows.into_iter()
        .enumerate()
        .map(|(n, spans)| {
            let lead = if n == 0 { std::mem::take(&mut head) } else { vec![Span::raw(" ".repeat(indent))] };
            let mut all = lead;
            all.extend(cut(spans, room));
            Row::from(all)
        })
        .collect()
}

/// A row of laid out JSON in the theme's colours.
fn json_row(theme: &Theme, row: &str) -> Vec<Span<'static>> {
    let indent = row.len() - row.trim_start().len();
    let (space, rest) = row.split_at(indent);
    let mut spans = vec![Span::raw(space.to_owned())];
    let (key, value) = match rest.split_once("\": ") {
        Some((key, value)) if key.starts_with('"') => (Some(format!("{key}\"")), value),
        _ => (None, rest),
    };
    if let Some(key) = key {
        spans.push(Span::styled(key, theme.syntax_key));
        spans.push(Span::styled(": ", theme.muted));
    }
    let look = match value.bytes().next() {
        Some(b'"') => theme.syntax_string,
        Some(b'0'..=b'9' | b'-') => theme.syntax_number,
        Some(b't' | b'f' | b'n') => theme.syntax_bool,
        _ => theme.text,
    };
    spans.push(Span::styled(value.to_owned(), look));
    spans
}

/// A log's own colours over the theme's text.
fn dress(piece: &Piece<'_>, text: Style) -> Style {
    let own = piece.style;
    let colour = |c: Colour| match c {
        Colour::Default => None,
        Colour::Indexed(n) => Some(Color::Indexed(n)),
        Colour::Rgb(r, g, b) => Some(Color::Rgb(r, g, b)),
    };
    let mut style = text;
    if let Some(fg) = colour(own.fg) {
        style = style.fg(fg);
    }
    if let Some(bg) = colour(own.bg) {
        style = style.bg(bg);
    }
    let marks = [
        (own.bold, Modifier::BOLD),
        (own.dim, Modifier::DIM),
        (own.italic, Modifier::ITALIC),
        (own.underline, Modifier::UNDERLINED),
        (own.inverse, Modifier::REVERSED),
    ];
    marks.into_iter().filter(|(on, _)| *on).fold(style, |s, (_, m)| s.add_modifier(m))
}
