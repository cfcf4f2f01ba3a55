//! What does not work and why, the causes first, those that suffer from them below; then what works.

use crate::health::{Layer, Level, Verdict};
use crate::sessions::is_seed;
use crate::ui::health::{status, target};
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone};

use super::{missing, named};

/// See the module.
#[derive(Debug)]
pub struct Health;

static COLUMNS: [Column; 4] = [
    Column::text("NAME", 14, 40, 0),
    Column::text("WHAT IS THE CASE", 28, 120, 0),
    Column::figure("SINCE", 3, 2),
    Column::text("STACK", 6, 20, 3),
];

fn at<'a>(cx: &Cx<'a>, row: &Row) -> Option<&'a Verdict> {
    match &row.target {
        Target::Container(id) => cx.health.of(id),
        Target::Service(..) => cx.health.report.containers.iter().find(|v| target(v).as_ref() == Some(&row.target)),
        _ => None,
    }
}

/// What is the case with a container, in one line.
pub fn case(verdict: &Verdict) -> Cell {
    if let Some(cause) = verdict.cause() {
        return Cell::toned(&*cause.what, Tone::Status(status(verdict.level)));
    }
    let has = |layer| verdict.passed.contains(&layer);
    Cell::muted(match (verdict.level, has(Layer::Healthcheck), has(Layer::Probe), verdict.latency_seconds) {
        (Level::Off, ..) => "stopped in order".to_owned(),
        (_, _, true, Some(seconds)) => format!("answers within {} ms", (seconds * 1000.0).ceil()),
        (_, true, ..) => "its healthcheck passes".to_owned(),
        _ => "runs; nothing checks whether it works".to_owned(),
    })
}

impl Rows for Health {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        let report = &cx.health.report;
        let mut rows = vec![Row::flat(Target::Host)];
        for (cause, victims) in cx.health.causes() {
            let Some(target) = target(cause) else { continue };
            let open = !cx.folded.contains(&target);
            rows.push(Row { target, depth: 0, branch: (!victims.is_empty()).then_some(open) });
            if open {
                let each = victims.into_iter().filter_map(self::target);
                rows.extend(each.map(|target| Row { target, depth: 1, branch: None }));
            }
        }
        let well = report.containers.iter().filter(|v| v.level < Level::Degraded);
        let well = well.filter(|v| !cx.hide_stopped || v.level > Level::Off);
        let container = |v: &Verdict| v.id.as_ref().and_then(|id| cx.snap.containers.get(id));
        let well = well.filter(|v| !container(v).is_some_and(|c| is_seed(c)));
        rows.extend(well.filter_map(target).map(Row::flat));
        rows
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        if row.target == Target::Host {
            return host(cx, column);
        }
        let Some(verdict) = at(cx, row) else { return Cell::default() };
        match column {
            0 => named(cx, status(verdict.level), &verdict.name),
            1 => case(verdict),
            2 => Cell::muted(verdict.since.map_or_else(String::new, |t| crate::text::age(cx.now, t))),
            _ => Cell::muted(verdict.stack.as_deref().unwrap_or_default()),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        let level = |level: Level| SortKey::Number(-f64::from(level as u8));
        match (column, at(cx, row)) {
            // The host stays on top.
            (_, None) => SortKey::Number(f64::MIN),
            (0, Some(v)) => SortKey::Text(v.name.to_lowercase()),
            (1, Some(v)) => level(v.level),
            (2, Some(v)) => SortKey::Number(v.since.map_or(0.0, |t| -(t.as_second() as f64))),
            _ => SortKey::Text(self.cell(cx, row, column).text.to_lowercase()),
        }
    }

    fn words(&self, cx: &Cx<'_>, row: &Row) -> String {
        at(cx, row).map_or_else(
            || cx.snap.name().to_owned(),
            |v| {
                let codes: Vec<&str> = v.findings.iter().map(|f| f.code).collect();
                let stack = v.stack.as_deref().unwrap_or_default();
                format!("{} {stack} {} {} {}", v.name, v.level.word(), case(v).text, codes.join(" "))
            },
        )
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        missing(&cx.snap.listings.containers, "containers", "Whatever runs shows here, with what is wrong with it.")
    }
}

/// The host as a whole.
fn host(cx: &Cx<'_>, column: usize) -> Cell {
    let report = &cx.health.report;
    let name = if cx.snap.host.is_empty() { "host" } else { cx.snap.name() };
    let count = |level| report.containers.iter().filter(|v| v.level == level).count();
    match column {
        0 => named(cx, status(report.level), name),
        1 if !cx.health.is_known() => Cell::muted("looking…"),
        1 => {
            let mut words: Vec<String> = report.findings.iter().map(|f| f.what.clone()).collect();
            if let Some(error) = &report.unknown {
                words.push(error.message.clone());
            }
            let counts = [(Level::Failing, "failing"), (Level::Degraded, "degraded"), (Level::Healthy, "healthy")];
            words.extend(
                counts.map(|(l, w)| (count(l), w)).into_iter().filter(|(n, _)| *n > 0).map(|(n, w)| format!("{n} {w}")),
            );
            Cell::toned(words.join(", "), Tone::Status(status(report.level)))
        }
        _ => Cell::default(),
    }
}
