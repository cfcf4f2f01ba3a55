//! What stands beside the Deck's rows: the host, and the latest events.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::text::size;
use crate::ui::app::App;
use crate::ui::view::{Rows, Target};
use crate::ui::views::activity::{Activity, event};

use super::{cut, pane, style};

/// The host: what it is, how much it has to do, what it holds.
pub fn host(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    let symbols = &app.settings.symbols;
    let snap = &app.snap;
    frame.render_widget(pane(app, Line::styled(" Host ", theme.title), false), area);
    let inner = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    };
    let mut lines: Vec<Line<'_>> = Vec::new();
    let gauge = |share: f64, look| {
        let cells = usize::from(inner.width).saturating_sub(26).min(24);
        let full = ((share / 100.0) * cells as f64).round() as usize;
        vec![
            Span::styled(symbols.gauge_full.repeat(full.min(cells)), look),
            Span::styled(symbols.gauge_empty.repeat(cells - full.min(cells)), theme.faint),
        ]
    };
    if let Some(load) = snap.load.as_ref().filter(|_| app.stats) {
        let mut cpu = vec![Span::styled("cpu     ", theme.muted)];
        cpu.extend(gauge(app.load.cpu, theme.cpu));
        cpu.push(Span::styled(format!(" {:>3.0}%", app.load.cpu), theme.text));
        lines.push(cpu.into());
        let share = app.load.memory as f64 * 100.0 / load.memory_total.max(1) as f64;
        let mut memory = vec![Span::styled("memory  ", theme.muted)];
        memory.extend(gauge(share, theme.memory));
        memory.push(Span::styled(format!(" {} of {}", size(app.load.memory), size(load.memory_total)), theme.text));
        lines.push(memory.into());
    }
    match &snap.disk {
        Some(disk) => {
            let all = disk.layers + disk.volumes + disk.build_cache + disk.containers;
            let free = disk.images_reclaimable
                + disk.build_cache_reclaimable
                + disk.containers_reclaimable
                + disk.volumes_reclaimable;
            lines.push(Line::from(vec![
                Span::styled("disk    ", theme.muted),
                Span::styled(format!("{} by Docker", size(all)), theme.text),
                Span::styled(if free > 0 { format!("  {} unused", size(free)) } else { String::new() }, theme.warning),
            ]));
        }
        None => lines.push(Line::from(vec![
            Span::styled("disk    ", theme.muted),
            Span::styled("% ", theme.key),
            Span::styled("measures it", theme.muted),
        ])),
    }
    let counts = [(snap.images.len(), "image"), (snap.networks.len(), "network"), (snap.volumes.len(), "volume")];
    let words: Vec<String> = counts.iter().map(|(n, what)| crate::text::count(*n, what)).collect();
    lines.push(Line::from(vec![Span::styled("holds   ", theme.muted), Span::styled(words.join(", "), theme.text)]));
    if let Some(engine) = &snap.engine {
        let version = engine.version.split('+').next().unwrap_or_default();
        lines.push(Line::from(vec![
            Span::styled("engine  ", theme.muted),
            Span::styled(format!("{} {version}", engine.product), theme.text),
            Span::styled(format!("  API {}  cgroup v{}", engine.api_version, engine.cgroup_version), theme.muted),
        ]));
        lines.push(Line::from(vec![
            Span::styled("system  ", theme.muted),
            Span::styled(format!("{}, {} CPUs", engine.os, engine.cpus), theme.text),
        ]));
    }
    lines
        .push(Line::from(vec![Span::styled("at      ", theme.muted), Span::styled(snap.address.clone(), theme.muted)]));
    for (n, line) in lines.into_iter().take(usize::from(inner.height)).enumerate() {
        let spans = cut(line.spans, usize::from(inner.width));
        frame.render_widget(Paragraph::new(Line::from(spans)), Rect { y: inner.y + n as u16, height: 1, ..inner });
    }
}

/// The latest tasks and events, newest first.
pub fn events(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    let title = Line::from(vec![Span::styled(" Lately ", theme.title)]);
    frame.render_widget(pane(app, title, false), area);
    let inner = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    };
    let cx = app.cx();
    // Comings and goings in networks accompany each start and stop; they would drown the rest.
    let is_noise = |target: &Target| {
        event(&app.snap, target).is_some_and(|e| e.kind == "network" && e.action.ends_with("connect"))
    };
    let rows = Activity.rows(&cx);
    let shown: Vec<_> = rows.iter().filter(|r| !is_noise(&r.target)).take(usize::from(inner.height)).collect();
    if shown.is_empty() {
        let line = Line::styled("Nothing happened since the panel was opened.", theme.muted);
        return frame.render_widget(Paragraph::new(line), inner);
    }
    let names = shown.iter().map(|r| crate::text::width(&Activity.cell(&cx, r, 0).text)).max().unwrap_or(0);
    let names = names.clamp(8, (usize::from(inner.width) / 2).saturating_sub(6).max(8));
    for (n, row) in shown.into_iter().enumerate() {
        let cell = |i| Activity.cell(&cx, row, i);
        let name = crate::text::fit(&cell(0).text, names).into_owned();
        let space = " ".repeat(names - crate::text::width(&name));
        // That it is a container goes without saying.
        let kind = match event(&app.snap, &row.target) {
            Some(e) if e.kind != "container" => format!("{} ", e.kind),
            _ => String::new(),
        };
        let what = cell(2);
        let spans = vec![
            Span::styled(format!("{:8}  ", cell(3).text), theme.muted),
            Span::styled(format!("{name}{space}  "), style(theme, cell(0).tone)),
            Span::styled(kind, theme.muted),
            Span::styled(what.text, style(theme, what.tone)),
        ];
        let line = Line::from(cut(spans, usize::from(inner.width)));
        frame.render_widget(Paragraph::new(line), Rect { y: inner.y + n as u16, height: 1, ..inner });
    }
}
