//! Networks and who is attached.

use crate::engine::model::Network;
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone};

use super::missing;

/// See the module.
#[derive(Debug)]
pub struct Networks;

static COLUMNS: [Column; 6] = [
    Column::text("NETWORK", 14, 48, 0),
    Column::text("DRIVER", 6, 12, 4),
    Column::figure("ATTACHED", 3, 0),
    Column::text("SUBNET", 10, 40, 3),
    Column::text("ACCESS", 8, 10, 2),
    Column::text("STACK", 6, 20, 5),
];

fn at<'a>(cx: &Cx<'a>, row: &Row) -> Option<&'a Network> {
    match &row.target {
        Target::Network(id) => cx.snap.networks.get(id).map(|n| &**n),
        _ => None,
    }
}

impl Rows for Networks {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        let mut all: Vec<&Network> = cx.snap.networks.values().map(|n| &**n).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
        all.into_iter().map(|n| Row::flat(Target::Network(n.id.clone()))).collect()
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        let Some(network) = at(cx, row) else { return Cell::default() };
        match column {
            0 => Cell::plain(&*network.name),
            1 => Cell::muted(&*network.driver),
            2 => match cx.snap.members_of(network).count() {
                0 => Cell::muted("0"),
                n => Cell::plain(n.to_string()),
            },
            3 => Cell::muted(network.subnets.iter().map(|(subnet, _)| subnet.as_str()).collect::<Vec<_>>().join(" ")),
            4 if network.internal => Cell::toned("internal", Tone::Good),
            4 => Cell::default(),
            _ => Cell::muted(network.labels.get("com.docker.compose.project").cloned().unwrap_or_default()),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        let Some(network) = at(cx, row) else { return SortKey::Number(0.0) };
        match column {
            2 => SortKey::Number(-(cx.snap.members_of(network).count() as f64)),
            _ => SortKey::Text(self.cell(cx, row, column).text.to_lowercase()),
        }
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        missing(&cx.snap.listings.networks, "networks", "Compose makes one for each stack.")
    }
}
