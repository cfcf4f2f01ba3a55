//! All containers, running or not.

use crate::engine::model::Container;
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone};

use super::{condition, missing, named, percent, ports, used};

/// See the module.
#[derive(Debug)]
pub struct Containers;

static COLUMNS: [Column; 8] = [
    Column::text("NAME", 14, 48, 0),
    Column::figure("CPU", 4, 3),
    Column::figure("MEM", 4, 4),
    Column::text("STATUS", 12, 34, 1),
    Column::text("PORTS", 10, 28, 5),
    Column::text("IMAGE", 10, 36, 6),
    Column::text("STACK", 6, 20, 7),
    Column::figure("AGE", 3, 8),
];

fn at<'a>(cx: &Cx<'a>, row: &Row) -> Option<&'a Container> {
    match &row.target {
        Target::Container(id) => cx.snap.containers.get(id).map(|c| &**c),
        _ => None,
    }
}

impl Rows for Containers {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        let shown = cx.snap.containers.values().filter(|c| !cx.hide_stopped || c.state.is_up());
        let mut all: Vec<&Container> = shown.map(|c| &**c).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
        all.into_iter().map(|c| Row::flat(Target::Container(c.id.clone()))).collect()
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        let Some(c) = at(cx, row) else { return Cell::default() };
        match column {
            0 => named(cx, c.status(), &c.name),
            1 => Cell::plain(used(cx, std::iter::once(c)).map_or(String::new(), |(cpu, _)| percent(cpu))),
            2 => Cell::plain(used(cx, std::iter::once(c)).map_or(String::new(), |(_, m)| crate::text::size(m))),
            3 => condition(cx, c),
            4 => Cell::toned(ports(&c.ports), Tone::Accent),
            5 => Cell::muted(image(c)),
            6 => Cell::muted(c.stack().unwrap_or_default()),
            _ => Cell::muted(c.created.map_or(String::new(), |t| crate::text::age(cx.now, t))),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        let Some(c) = at(cx, row) else { return SortKey::Number(0.0) };
        // The greatest, worst or newest first: that is what one sorts figures for.
        match column {
            0 => SortKey::Text(c.name.to_lowercase()),
            1 => SortKey::Number(used(cx, std::iter::once(c)).map_or(1.0, |(cpu, _)| -cpu)),
            2 => SortKey::Number(used(cx, std::iter::once(c)).map_or(1.0, |(_, m)| -(m as f64))),
            3 => SortKey::Number(-f64::from(c.status() as u8)),
            7 => SortKey::Number(c.created.map_or(0.0, |t| -(t.as_second() as f64))),
            _ => SortKey::Text(self.cell(cx, row, column).text.to_lowercase()),
        }
    }

    fn words(&self, cx: &Cx<'_>, row: &Row) -> String {
        at(cx, row).map_or(String::new(), |c| {
            let reason = c.reason().unwrap_or_default();
            format!("{} {} {} {} {reason}", c.name, c.stack().unwrap_or_default(), image(c), c.state.word())
        })
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        missing(&cx.snap.listings.containers, "containers", "Start one with `docker run`; it shows here at once.")
    }
}

fn image(c: &Container) -> &str {
    if c.image.starts_with("sha256:") { crate::text::short_id(&c.image) } else { &c.image }
}
