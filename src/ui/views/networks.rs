//! Networks and who is attached, as a tree: what a network carries stands below it, with its way to the host.

use crate::engine::model::{Attachment, Container, Network};
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone};

use super::{missing, named, ports};

/// See the module.
#[derive(Debug)]
pub struct Networks;

static COLUMNS: [Column; 7] = [
    Column::text("NETWORK", 14, 48, 0),
    Column::text("DRIVER", 6, 12, 5),
    Column::figure("ATTACHED", 3, 0),
    Column::text("ADDRESS", 10, 40, 3),
    Column::text("ACCESS", 8, 10, 2),
    Column::text("PORTS", 8, 28, 1),
    Column::text("STACK", 6, 20, 6),
];

enum At<'a> {
    Network(&'a Network),
    Member(&'a Container, Option<&'a Attachment>),
    Gone,
}

/// The network, or the member of the network with that name's address; a container may stand below several.
fn at<'a>(cx: &Cx<'a>, row: &Row) -> At<'a> {
    match &row.target {
        Target::Network(id) => cx.snap.networks.get(id).map_or(At::Gone, |n| At::Network(n)),
        Target::Member(network, id) => match (cx.snap.networks.get(network), cx.snap.containers.get(id)) {
            (Some(network), Some(container)) => {
                let place = cx.snap.members_of(network).find(|(c, _)| c.id == container.id).map(|(_, a)| a);
                At::Member(container, place)
            }
            _ => At::Gone,
        },
        _ => At::Gone,
    }
}

impl Rows for Networks {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        let mut all: Vec<&Network> = cx.snap.networks.values().map(|n| &**n).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
        let mut rows = Vec::new();
        for network in all {
            let mut members: Vec<&Container> = cx.snap.members_of(network).map(|(c, _)| &**c).collect();
            members.retain(|c| !cx.hide_stopped || c.state.is_up());
            members.sort_unstable_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
            let target = Target::Network(network.id.clone());
            let open = !cx.folded.contains(&target);
            rows.push(Row { target, depth: 0, branch: (!members.is_empty()).then_some(open) });
            if open {
                let each = members.into_iter().map(|c| Target::Member(network.id.clone(), c.id.clone()));
                rows.extend(each.map(|target| Row { target, depth: 1, branch: None }));
            }
        }
        rows
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        match (column, at(cx, row)) {
            (0, At::Network(n)) => Cell::plain(&*n.name),
            (0, At::Member(c, _)) => named(cx, c.status(), &c.name),
            (1, At::Network(n)) => Cell::muted(&*n.driver),
            (2, At::Network(n)) => match cx.snap.members_of(n).count() {
                0 => Cell::muted("0"),
                n => Cell::plain(n.to_string()),
            },
            (3, At::Network(n)) => {
                Cell::muted(n.subnets.iter().map(|(subnet, _)| subnet.as_str()).collect::<Vec<_>>().join(" "))
            }
            (3, At::Member(_, Some(a))) => {
                let addresses: Vec<String> = a.ip.into_iter().chain(a.ip6).map(|ip| ip.to_string()).collect();
                Cell::plain(addresses.join(" "))
            }
            (4, At::Network(n)) if n.internal => Cell::toned("internal", Tone::Good),
            (5, At::Member(c, _)) => Cell::toned(ports(&c.ports), Tone::Accent),
            (6, At::Network(n)) => Cell::muted(n.labels.get("com.docker.compose.project").cloned().unwrap_or_default()),
            _ => Cell::default(),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        match (column, at(cx, row)) {
            (2, At::Network(n)) => SortKey::Number(-(cx.snap.members_of(n).count() as f64)),
            (_, At::Gone) => SortKey::Number(0.0),
            _ => SortKey::Text(self.cell(cx, row, column).text.to_lowercase()),
        }
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        missing(&cx.snap.listings.networks, "networks", "Compose makes one for each stack.")
    }
}
