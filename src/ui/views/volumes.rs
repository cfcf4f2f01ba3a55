//! Volumes: who uses them, and how large they are once that was measured.

use crate::engine::model::Volume;
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone};

use super::missing;

/// See the module.
#[derive(Debug)]
pub struct Volumes;

static COLUMNS: [Column; 6] = [
    Column::text("VOLUME", 16, 64, 0),
    Column::figure("SIZE", 4, 1),
    Column::text("USED BY", 7, 40, 2),
    Column::figure("AGE", 3, 4),
    Column::text("STACK", 6, 20, 5),
    Column::text("DRIVER", 6, 12, 6),
];

fn at<'a>(cx: &Cx<'a>, row: &Row) -> Option<&'a Volume> {
    match &row.target {
        Target::Volume(name) => cx.snap.volumes.get(name).map(|v| &**v),
        _ => None,
    }
}

/// A volume that was not named by anyone: 64 hex digits, of which twelve tell it apart.
fn name(volume: &Volume) -> &str {
    let anonymous = volume.name.len() == 64 && volume.name.bytes().all(|b| b.is_ascii_hexdigit());
    if anonymous { crate::text::short_id(&volume.name) } else { &volume.name }
}

fn bytes(cx: &Cx<'_>, volume: &Volume) -> Option<u64> {
    cx.snap.disk.as_ref()?.volume_sizes.get(&volume.name).copied()
}

impl Rows for Volumes {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        cx.snap.volumes.keys().map(|name| Row::flat(Target::Volume(name.clone()))).collect()
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        let Some(volume) = at(cx, row) else { return Cell::default() };
        match column {
            0 => Cell::plain(name(volume)),
            1 => Cell::plain(bytes(cx, volume).map_or(String::new(), crate::text::size)),
            2 => {
                let users: Vec<_> = cx.snap.users_of_volume(&volume.name).map(|c| c.name.as_str()).collect();
                match users[..] {
                    [] => Cell::muted("unused"),
                    _ => Cell::toned(users.join(" "), Tone::Accent),
                }
            }
            3 => Cell::muted(volume.created.map_or(String::new(), |t| crate::text::age(cx.now, t))),
            4 => Cell::muted(volume.labels.get("com.docker.compose.project").cloned().unwrap_or_default()),
            _ => Cell::muted(&*volume.driver),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        let Some(volume) = at(cx, row) else { return SortKey::Number(0.0) };
        match column {
            1 => SortKey::Number(bytes(cx, volume).map_or(1.0, |b| -(b as f64))),
            3 => SortKey::Number(volume.created.map_or(0.0, |t| -(t.as_second() as f64))),
            _ => SortKey::Text(self.cell(cx, row, column).text.to_lowercase()),
        }
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        missing(
            &cx.snap.listings.volumes,
            "volumes",
            "`docker volume create NAME` makes one; compose makes those its file names.",
        )
    }
}
