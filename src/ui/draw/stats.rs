//! Charts of what a container, or all of a stack together, used in the last two minutes.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph};

use crate::engine::model::Sample;
use crate::fleet::Usage;
use crate::fleet::snapshot::SAMPLES_KEPT;
use crate::text::size;
use crate::ui::app::App;
use crate::ui::view::Empty;

use super::nothing;

/// One curve: figures a second apart, newest last.
type Curve = Vec<f64>;

/// The curves of some containers together.
#[derive(Default)]
struct Curves {
    cpu: Curve,
    memory: Curve,
    rx: Curve,
    tx: Curve,
    read: Curve,
    write: Curve,
}

/// Draws the charts.
pub fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let Some(target) = &app.detail.target else { return };
    let containers = app.containers_of(target);
    let usages: Vec<Arc<Usage>> = containers.iter().filter_map(|c| app.snap.usage.get(&c.id)).cloned().collect();
    if usages.is_empty() {
        let up = containers.iter().any(|c| c.state.is_up());
        let empty = match (app.stats, up) {
            (false, _) => Empty::new("Statistics are switched off", "The command `toggle-stats` reads them again."),
            (true, false) => Empty::new("It does not run", "Statistics begin when it is started; s starts it."),
            (true, true) => Empty::new("Reading…", "The first figures come within two seconds."),
        };
        return nothing(app, frame, area, &empty);
    }
    let curves = add_up(&usages);
    let theme = &app.settings.theme;
    let limit: u64 = usages.iter().map(|u| u.now.memory_limit).max().unwrap_or(0);
    let sum = |f: fn(&Sample) -> u64| usages.iter().map(|u| f(&u.now)).sum::<u64>();
    let last = |c: &Curve| c.last().copied().unwrap_or(0.0);
    let rate = |v: f64| format!("{}/s", size(v.max(0.0) as u64));
    let share = sum(|s| s.memory) as f64 * 100.0 / limit.max(1) as f64;
    let parts = [
        Part {
            title: vec![
                ("CPU ".into(), theme.muted),
                (super::super::views::percent(usages.iter().map(|u| u.cpu).sum()), theme.text),
                (format!("  {}", crate::text::count(sum(|s| s.pids) as usize, "process")), theme.muted),
            ],
            curves: vec![(&curves.cpu, theme.cpu)],
            top: curves.cpu.iter().copied().fold(10.0, f64::max),
            label: |v| format!("{v:.0}%"),
        },
        Part {
            title: vec![
                ("Memory ".into(), theme.muted),
                (size(sum(|s| s.memory)), theme.text),
                (format!("  {share:.1}% of {}", size(limit)), theme.muted),
            ],
            curves: vec![(&curves.memory, theme.memory)],
            top: curves.memory.iter().copied().fold(1_048_576.0, f64::max) * 1.2,
            label: |v| size(v as u64),
        },
        Part {
            title: vec![
                ("Network ".into(), theme.muted),
                (format!("in {}", rate(last(&curves.rx))), theme.rx),
                (format!("  out {}", rate(last(&curves.tx))), theme.tx),
                (format!("  {} / {} in all", size(sum(|s| s.net_rx)), size(sum(|s| s.net_tx))), theme.muted),
            ],
            curves: vec![(&curves.rx, theme.rx), (&curves.tx, theme.tx)],
            top: curves.rx.iter().chain(&curves.tx).copied().fold(1024.0, f64::max),
            label: |v| size(v as u64),
        },
        Part {
            title: vec![
                ("Block I/O ".into(), theme.muted),
                (format!("read {}", rate(last(&curves.read))), theme.disk_read),
                (format!("  write {}", rate(last(&curves.write))), theme.disk_write),
                (format!("  {} / {} in all", size(sum(|s| s.block_read)), size(sum(|s| s.block_write))), theme.muted),
            ],
            curves: vec![(&curves.read, theme.disk_read), (&curves.write, theme.disk_write)],
            top: curves.read.iter().chain(&curves.write).copied().fold(1024.0, f64::max),
            label: |v| size(v as u64),
        },
    ];
    // Two beside each other where there is room for it.
    let across = if area.width >= 90 { 2 } else { 1 };
    let down = 4 / across;
    let (w, h) = (area.width / across, area.height / down);
    for (i, part) in parts.iter().enumerate() {
        let (column, row) = (i as u16 % across, i as u16 / across);
        let place = Rect { x: area.x + column * w, y: area.y + row * h, width: w, height: h };
        part.draw(app, frame, place);
    }
}

struct Part<'a> {
    title: Vec<(String, Style)>,
    curves: Vec<(&'a Curve, Style)>,
    top: f64,
    label: fn(f64) -> String,
}

impl Part<'_> {
    fn draw(&self, app: &App, frame: &mut Frame<'_>, area: Rect) {
        let theme = &app.settings.theme;
        let title: Vec<Span<'_>> = self.title.iter().map(|(t, s)| Span::styled(t.as_str(), *s)).collect();
        let head = Rect { height: 1.min(area.height), x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        frame.render_widget(Paragraph::new(Line::from(super::cut(title, usize::from(head.width)))), head);
        if area.height < 4 {
            return;
        }
        let points: Vec<(Vec<(f64, f64)>, Style)> = self
            .curves
            .iter()
            .map(|(curve, look)| {
                let start = SAMPLES_KEPT.saturating_sub(curve.len());
                (curve.iter().enumerate().map(|(i, v)| ((start + i) as f64, *v)).collect(), *look)
            })
            .collect();
        let marker = if app.settings.symbols.ascii { Marker::Dot } else { Marker::Braille };
        let sets = points
            .iter()
            .map(|(p, look)| Dataset::default().marker(marker).graph_type(GraphType::Line).style(*look).data(p))
            .collect();
        let labels = [Line::from((self.label)(0.0)), Line::from((self.label)(self.top))];
        let chart = Chart::new(sets)
            .style(theme.background)
            .x_axis(Axis::default().bounds([0.0, SAMPLES_KEPT as f64]).style(theme.faint))
            .y_axis(Axis::default().bounds([0.0, self.top]).labels(labels).style(theme.muted));
        frame.render_widget(chart, Rect { y: area.y + 1, height: area.height - 1, ..area });
    }
}

/// Adds curves up, aligned at their newest point.
fn add_up(usages: &[Arc<Usage>]) -> Curves {
    let longest = usages.iter().map(|u| u.history.len()).max().unwrap_or(0);
    let mut curves = Curves::default();
    let mut add = |pick: fn(&mut Curves) -> &mut Curve, value: &dyn Fn(&Sample, &Sample) -> f64, rates: bool| {
        let points = if rates { longest.saturating_sub(1) } else { longest };
        let mut sum = vec![0.0; points];
        for usage in usages {
            let h = &usage.history;
            let skip = usize::from(rates);
            let offset = points - (h.len().saturating_sub(skip)).min(points);
            for i in skip..h.len() {
                if let Some(slot) = sum.get_mut(offset + i - skip) {
                    *slot += value(&h[i.saturating_sub(skip)], &h[i]);
                }
            }
        }
        *pick(&mut curves) = sum;
    };
    add(|c| &mut c.cpu, &|a, b| per_second(a, b, |s| s.cpu_ns) / 1e7, true);
    add(|c| &mut c.memory, &|_, b| b.memory as f64, false);
    add(|c| &mut c.rx, &|a, b| per_second(a, b, |s| s.net_rx), true);
    add(|c| &mut c.tx, &|a, b| per_second(a, b, |s| s.net_tx), true);
    add(|c| &mut c.read, &|a, b| per_second(a, b, |s| s.block_read), true);
    add(|c| &mut c.write, &|a, b| per_second(a, b, |s| s.block_write), true);
    curves
}

/// How fast a counter ran between two readings.
fn per_second(a: &Sample, b: &Sample, value: fn(&Sample) -> u64) -> f64 {
    let wall = (b.time.as_nanosecond() - a.time.as_nanosecond()) as f64 / 1e9;
    if wall > 0.0 { value(b).saturating_sub(value(a)) as f64 / wall } else { 0.0 }
}
