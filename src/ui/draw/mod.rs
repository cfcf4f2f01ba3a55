//! Draws the whole screen from [`App`]. It only reads.

pub mod deck;
pub mod desk;
pub mod detail;
pub mod footer;
pub mod list;
pub mod logs;
pub mod overlay;
pub mod stats;
pub mod terminal;

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Wrap};

use crate::config::Theme;
use crate::fleet::Link;
use crate::fleet::snapshot::Status;
use crate::sessions::is_seed;
use crate::text::{fit, width};

use super::app::{App, Focus};
use super::layout::{self, LEAST, ViewTab, tabs};
use super::sessions::{self, countdown, urgency};
use super::view::{Empty, Tone, status_sign};

/// How a tone looks.
pub fn style(theme: &Theme, tone: Tone) -> Style {
    match tone {
        Tone::Plain => theme.text,
        Tone::Muted => theme.muted,
        Tone::Strong => theme.title,
        Tone::Accent => theme.accent,
        Tone::Good => theme.success,
        Tone::Warn => theme.warning,
        Tone::Bad => theme.error,
        Tone::Key => theme.syntax_key,
        Tone::Text => theme.syntax_string,
        Tone::Number => theme.syntax_number,
        Tone::Word => theme.syntax_bool,
        Tone::Keyword => theme.syntax_keyword,
        Tone::Variable => theme.syntax_variable,
        Tone::Comment => theme.syntax_comment,
        Tone::Heading => theme.accent.add_modifier(Modifier::BOLD),
        Tone::Emphasis => theme.text.add_modifier(Modifier::ITALIC),
        Tone::Link => theme.accent.add_modifier(Modifier::UNDERLINED),
        Tone::Struck => theme.muted.add_modifier(Modifier::CROSSED_OUT),
        Tone::Status(status) => match status {
            Status::Running => theme.running,
            Status::Partial => theme.starting,
            Status::Unhealthy => theme.unhealthy,
            Status::Failed => theme.failed,
            Status::Stopped => theme.stopped,
            Status::Paused => theme.paused,
        },
    }
}

/// Draws everything.
pub fn draw(app: &App, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let screen = frame.area();
    frame.buffer_mut().set_style(screen, theme.background);
    if layout::too_small(app) {
        let text =
            format!("ondeck needs {}x{}; this terminal has {}x{}", LEAST.0, LEAST.1, app.size.width, app.size.height);
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }).alignment(Alignment::Center), frame.area());
        return;
    }
    let areas = app.areas();
    header(app, frame, areas.header);
    if let Some(desk) = app.desk() {
        desk::bar(app, desk, frame, areas.tabs);
        desk::draw(app, desk, frame);
    } else {
        tab_line(app, frame, areas.tabs);
        panes(app, frame, &areas);
    }
    footer::draw(app, frame, areas.footer);
    if let Some(overlay) = &app.overlay {
        overlay::draw(app, overlay, frame);
    }
    if app.settings.symbols.ascii {
        to_ascii(frame);
    }
}

/// A view: its list, and what stands beside it.
fn panes(app: &App, frame: &mut Frame<'_>, areas: &layout::Areas) {
    if let Some(area) = areas.list {
        list::draw(app, frame, area, areas.rows);
    }
    if let Some(area) = areas.host {
        deck::host(app, frame, area);
    }
    if let Some(area) = areas.events {
        deck::events(app, frame, area);
    }
    if let Some(area) = areas.detail {
        match app.terminals.shown() {
            Some(shown) => terminal::draw(app, shown, frame, area, areas.inside),
            None => detail::draw(app, frame, area, areas.inside),
        }
    }
}

/// Signs that a terminal without UTF-8 cannot show become ones that it can; letters it has not, a mark.
fn to_ascii(frame: &mut Frame<'_>) {
    for cell in &mut frame.buffer_mut().content {
        if cell.symbol().is_ascii() {
            continue;
        }
        cell.set_symbol(match cell.symbol() {
            "…" => "~",
            "×" | "✖" => "x",
            "→" | "›" | "▷" => ">",
            "←" => "<",
            "↓" => "v",
            "↑" => "^",
            "–" | "─" => "-",
            "│" | "▏" => "|",
            "•" | "·" | "◦" | "▪" | "●" => "*",
            "○" | "◐" => "o",
            "┌" | "┐" | "└" | "┘" | "├" | "┤" | "┬" | "┴" | "┼" | "✔" => "+",
            _ => "?",
        });
    }
}

/// A frame around a pane: title at the left, notes at the right and below.
pub fn pane<'a>(app: &App, title: Line<'a>, focused: bool) -> Block<'a> {
    let theme = &app.settings.theme;
    let (set, style) = if focused {
        (app.settings.symbols.border_focused, theme.border_focused)
    } else {
        (app.settings.symbols.border, theme.border)
    };
    Block::bordered().border_set(set).border_style(style).title(title)
}

/// Where nothing is: what that means, and what to do.
pub fn nothing(app: &App, frame: &mut Frame<'_>, area: Rect, empty: &Empty) {
    let theme = &app.settings.theme;
    let lines = vec![
        Line::styled(empty.title.clone(), theme.text),
        Line::default(),
        Line::styled(empty.advice.clone(), theme.muted),
    ];
    let space = (area.height.saturating_sub(4)) / 3;
    let inner = Rect {
        y: area.y + space,
        height: area.height.saturating_sub(space),
        x: area.x + 1,
        width: area.width.saturating_sub(2),
    };
    frame.render_widget(Paragraph::new(lines).alignment(Alignment::Center).wrap(Wrap { trim: true }), inner);
}

/// The first line: which host, how it is, how much it has to do.
fn header(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    frame.buffer_mut().set_style(area, theme.header);
    let symbols = &app.settings.symbols;
    let snap = &app.snap;
    let mut left = vec![Span::styled(" ondeck ", theme.accent.patch(ratatui::style::Modifier::BOLD)), Span::raw(" ")];
    let (status, words) = match &snap.link {
        Link::Connecting => (Status::Partial, Some("connecting…".to_owned())),
        Link::Up => (Status::Running, None),
        Link::Polling { .. } => (Status::Partial, Some("no events: read every 3 s".to_owned())),
        Link::Down { since, attempts, .. } => {
            let age = crate::text::age(app.now, *since);
            let words = if snap.engine.is_some() { format!("lost {age} ago") } else { "not reached".to_owned() };
            (Status::Failed, Some(format!("{words}, trying again ({attempts})")))
        }
    };
    left.push(Span::styled(status_sign(symbols, status), style(theme, Tone::Status(status))));
    if let Some(inside) = &app.inside {
        left.push(Span::styled(format!(" {} ›", inside.host), theme.muted));
        left.push(Span::styled(format!(" session {}", inside.session.id), theme.accent));
        if let Some(seconds) = app.times.left(&inside.session, app.now) {
            left.push(Span::styled(format!(" {} left", countdown(seconds)), style(theme, urgency(seconds))));
        }
    } else {
        left.push(Span::styled(format!(" {}", app.host_name()), theme.header));
    }
    if let Some(engine) = &snap.engine {
        left.push(Span::styled(
            format!("  {} {}", engine.product, engine.version.split('+').next().unwrap_or_default()),
            theme.muted,
        ));
    }
    if let Some(words) = words {
        left.push(Span::styled(format!("  {words}"), style(theme, Tone::Status(status))));
    } else {
        let mut counts = [0_usize; 3];
        for container in snap.containers.values().filter(|c| !is_seed(c)) {
            match container.status() {
                Status::Failed | Status::Unhealthy => counts[2] += 1,
                Status::Stopped => counts[1] += 1,
                _ => counts[0] += 1,
            }
        }
        left.push(Span::styled(format!("  {} up", counts[0]), if counts[0] > 0 { theme.running } else { theme.muted }));
        if counts[1] > 0 {
            left.push(Span::styled(format!("  {} down", counts[1]), theme.stopped));
        }
        if counts[2] > 0 {
            left.push(Span::styled(format!("  {} failing", counts[2]), theme.failed));
        }
    }
    // What stands at the right, and how much it deserves to when the room is short.
    let mut right: Vec<(u8, Vec<Span<'_>>)> = Vec::new();
    if app.tasks.running() > 0 {
        let words = format!("{} running  ", crate::text::count(app.tasks.running(), "task"));
        right.push((3, vec![Span::styled(words, theme.starting)]));
    }
    if snap.access.read_only.is_some() {
        right.push((4, vec![Span::styled("read-only  ", theme.warning)]));
    }
    if let Some(load) = snap.load.as_ref().filter(|_| app.stats) {
        let course: String = app.load.course.iter().map(|l| symbols.spark[usize::from(*l).min(7)]).collect();
        let cpu = vec![
            Span::styled("cpu ", theme.muted),
            Span::styled(format!("{course} "), theme.cpu),
            Span::styled(format!("{:>2.0}%  ", app.load.cpu), theme.header),
        ];
        let memory = format!("{}/{} ", crate::text::size(app.load.memory), crate::text::size(load.memory_total));
        right.push((1, cpu));
        right.push((2, vec![Span::styled("mem ", theme.muted), Span::styled(memory, theme.header)]));
    }
    let sessions = if app.inside.is_some() { Vec::new() } else { sessions::all(snap) };
    if !sessions.is_empty() {
        // The one that ends first, once that is soon.
        let least = sessions.iter().filter_map(|s| app.times.left(s, app.now)).min().filter(|s| *s <= 300);
        let words = least.map_or_else(String::new, |s| format!(" {}", countdown(s)));
        let spans = vec![
            Span::styled(" sessions ", theme.muted),
            Span::styled(sessions.len().to_string(), theme.header),
            Span::styled(format!("{words} "), style(theme, urgency(least.unwrap_or(i64::MAX)))),
        ];
        right.push((5, spans));
    }
    let terminals = app.terminals.open().len();
    if terminals > 0 {
        let words = format!(" {} ", crate::text::count(terminals, "terminal"));
        right.push((4, vec![Span::styled(words, theme.accent)]));
    }
    let sum = |spans: &[Span<'_>]| spans.iter().map(|s| width(&s.content)).sum::<usize>();
    let all = |groups: &[(u8, Vec<Span<'_>>)]| groups.iter().map(|(_, spans)| sum(spans)).sum::<usize>();
    // The host and its troubles are worth more than its load: what does not fit beside them goes.
    while sum(&left) + all(&right) + 2 > usize::from(area.width)
        && let Some(least) = (0..right.len()).min_by_key(|i| right[*i].0)
    {
        right.remove(least);
    }
    let right: Vec<Span<'_>> = right.into_iter().flat_map(|(_, spans)| spans).collect();
    let room = sum(&right) as u16;
    frame.render_widget(Paragraph::new(Line::from(left)), Rect { width: area.width.saturating_sub(room), ..area });
    frame.render_widget(
        Paragraph::new(Line::from(right)).alignment(Alignment::Right),
        area.intersection(Rect { x: area.right().saturating_sub(room), width: room, ..area }),
    );
}

/// The tabs of the views.
fn tab_line(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    for ViewTab { x, width: w, view, title } in tabs(area.width) {
        if x + w > area.width {
            break;
        }
        let digit = view.tab().0;
        let active = view == app.view;
        let look = if active { theme.tab_active } else { theme.tab_inactive };
        let line = Line::from(vec![
            Span::styled(digit.to_string(), if active { look } else { theme.key }),
            Span::styled(format!(" {title}"), look),
        ]);
        frame.render_widget(Paragraph::new(line), Rect { x: area.x + x, width: w, ..area });
    }
}

/// Spans cut to `room` cells.
pub fn cut(spans: Vec<Span<'_>>, room: usize) -> Vec<Span<'_>> {
    let mut left = room;
    let mut out = Vec::new();
    for span in spans {
        let w = width(&span.content);
        if w <= left {
            left -= w;
            out.push(span);
        } else {
            if left > 0 {
                let text = fit(&span.content, left).into_owned();
                out.push(Span::styled(text, span.style));
            }
            break;
        }
    }
    out
}

/// Whether the list has the keys.
pub fn list_focused(app: &App) -> bool {
    app.focus == Focus::List && app.overlay.is_none()
}
