//! Images: size, age, who uses them.

use crate::engine::model::Image;
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone};

use super::missing;

/// See the module.
#[derive(Debug)]
pub struct Images;

static COLUMNS: [Column; 5] = [
    Column::text("IMAGE", 16, 60, 0),
    Column::figure("SIZE", 4, 0),
    Column::figure("AGE", 3, 4),
    Column::text("USED BY", 7, 40, 2),
    Column::text("ID", 12, 12, 5),
];

fn at<'a>(cx: &Cx<'a>, row: &Row) -> Option<&'a Image> {
    match &row.target {
        Target::Image(id) => cx.snap.images.get(id).map(|i| &**i),
        _ => None,
    }
}

/// Its first tag, or that it has none.
pub fn name(image: &Image) -> &str {
    image.tags.first().map_or("<dangling>", String::as_str)
}

impl Rows for Images {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        let mut all: Vec<&Image> = cx.snap.images.values().map(|i| &**i).collect();
        all.sort_unstable_by(|a, b| (a.tags.is_empty(), name(a), &a.id).cmp(&(b.tags.is_empty(), name(b), &b.id)));
        all.into_iter().map(|i| Row::flat(Target::Image(i.id.clone()))).collect()
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        let Some(image) = at(cx, row) else { return Cell::default() };
        match column {
            0 if image.tags.is_empty() => Cell::muted("<dangling>"),
            0 => Cell::plain(match image.tags.len() {
                1 => image.tags[0].clone(),
                n => format!("{} +{}", image.tags[0], n - 1),
            }),
            1 => Cell::plain(crate::text::size(image.size)),
            2 => Cell::muted(image.created.map_or(String::new(), |t| crate::text::age(cx.now, t))),
            3 => {
                let users: Vec<_> = cx.snap.users_of_image(&image.id).map(|c| c.name.as_str()).collect();
                match users[..] {
                    [] => Cell::muted("unused"),
                    [one] => Cell::toned(one, Tone::Accent),
                    _ => Cell::toned(crate::text::count(users.len(), "container"), Tone::Accent),
                }
            }
            _ => Cell::muted(crate::text::short_id(&image.id)),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        let Some(image) = at(cx, row) else { return SortKey::Number(0.0) };
        match column {
            1 => SortKey::Number(-(image.size as f64)),
            2 => SortKey::Number(image.created.map_or(0.0, |t| -(t.as_second() as f64))),
            3 => SortKey::Number(-(cx.snap.users_of_image(&image.id).count() as f64)),
            _ => SortKey::Text(self.cell(cx, row, column).text.to_lowercase()),
        }
    }

    fn words(&self, cx: &Cx<'_>, row: &Row) -> String {
        at(cx, row).map_or(String::new(), |i| {
            let unused = if cx.snap.users_of_image(&i.id).next().is_none() { "unused" } else { "" };
            let dangling = if i.tags.is_empty() { "dangling" } else { "" };
            format!("{} {} {unused} {dangling}", i.tags.join(" "), crate::text::short_id(&i.id))
        })
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        missing(&cx.snap.listings.images, "images", "`docker pull NAME` brings one, `docker build .` makes one.")
    }
}
