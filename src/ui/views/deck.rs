//! The first screen: what needs attention, worst first; then the stacks.
//!
//! The host's load and the latest events stand beside these rows; `ui::draw` puts them there.

use std::sync::Arc;

use crate::engine::model::Container;
use crate::fleet::snapshot::Status;
use crate::fleet::{Link, Snapshot};
use crate::health::{Level, Verdict};
use crate::ui::health::{Health, status, target};
use crate::ui::sessions::all;
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, Target, View};

use super::health::case;
use super::named;

/// See the module.
#[derive(Debug)]
pub struct Deck;

static COLUMNS: [Column; 3] =
    [Column::text("NAME", 16, 40, 0), Column::text("STATUS", 16, 120, 0), Column::text("STACK", 6, 20, 2)];

/// What needs attention, worst first: causes, what suffers from each below it, then what no report tells of yet.
pub fn attention(snap: &Snapshot, health: &Health) -> Vec<Row> {
    let is_there = |t: &Target| !matches!(t, Target::Container(id) if !snap.containers.contains_key(id));
    let mut rows = Vec::new();
    for (cause, victims) in health.causes() {
        let all = std::iter::once((cause, 0)).chain(victims.into_iter().map(|v| (v, 1)));
        let all = all.filter_map(|(v, depth)| target(v).filter(is_there).map(|t| (t, depth)));
        rows.extend(all.map(|(target, depth)| Row { target, depth, branch: None }));
    }
    // A report may be a moment older than what Docker says.
    let told = |c: &Container| {
        let changed = c.finished.or(c.started);
        let is_newer = changed.is_none_or(|t| health.report.taken >= t);
        health.of(&c.id).is_some_and(|v| v.level >= Level::Degraded || is_newer)
    };
    let mut bad: Vec<_> = snap.containers.values().filter(|c| c.status() >= Status::Unhealthy && !told(c)).collect();
    bad.sort_by(|a, b| b.status().cmp(&a.status()).then_with(|| a.name.cmp(&b.name)));
    rows.extend(bad.into_iter().map(|c| Row::flat(Target::Container(c.id.clone()))));
    rows
}

/// What is the case with something that needs attention, and since when.
fn case_since(cx: &Cx<'_>, verdict: &Verdict) -> Cell {
    let mut cell = case(verdict);
    if let Some(since) = verdict.since {
        cell.text = format!("{}, {}", cell.text, crate::text::age(cx.now, since));
    }
    cell
}

/// How far the person is with the lab of a session.
fn lab(cx: &Cx<'_>, target: &Target) -> Option<String> {
    let (session, _) = super::sessions::session(cx, target)?;
    let lab = session.lab.filter(|_| session.owner == cx.owner)?;
    let progress = cx.labs.progress(&lab).filter(|p| p.attempts > 0);
    let far = match progress {
        Some(p) if p.passed => ", passed".to_owned(),
        Some(p) => format!(", best {} of {}", p.best_score, p.max_score),
        None => String::new(),
    };
    Some(format!("{}{far}", cx.labs.title(&lab)))
}

impl Rows for Deck {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        let bad = attention(cx.snap, cx.health);
        let stacks = cx.snap.stacks.iter().map(|s| Row::flat(Target::Stack(Arc::from(s.name.as_str()))));
        let sessions = all(cx.snap).into_iter().map(|s| Row::flat(Target::Session(s.container)));
        bad.into_iter().chain(stacks).chain(sessions).collect()
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        match &row.target {
            // The cells of the other views serve here too.
            Target::Service(..) => match column {
                0 | 1 => View::Health.rows().cell(cx, row, column),
                _ => View::Health.rows().cell(cx, row, 3),
            },
            Target::Container(id) => match (column, cx.health.of(id).filter(|v| v.cause().is_some())) {
                (0, Some(v)) => named(cx, status(v.level), &v.name),
                (1, Some(v)) => case_since(cx, v),
                (0, None) => View::Containers.rows().cell(cx, row, 0),
                (1, None) => View::Containers.rows().cell(cx, row, 3),
                _ => View::Containers.rows().cell(cx, row, 6),
            },
            Target::Stack(_) => match column {
                0 => {
                    let up = View::Stacks.rows().cell(cx, row, 1).text;
                    let mut cell = View::Stacks.rows().cell(cx, row, 0);
                    cell.text = format!("{}  {up}", cell.text);
                    cell
                }
                1 => View::Stacks.rows().cell(cx, row, 4),
                _ => Cell::default(),
            },
            Target::Session(_) => match column {
                0 => {
                    let mut cell = View::Sessions.rows().cell(cx, row, 0);
                    cell.text = format!("{}  session", cell.text);
                    cell
                }
                1 => {
                    let mut left = View::Sessions.rows().cell(cx, row, 1);
                    let what = lab(cx, &row.target).unwrap_or_else(|| View::Sessions.rows().cell(cx, row, 6).text);
                    left.text = format!("{} left, {what}", left.text);
                    left
                }
                _ => Cell::muted(View::Sessions.rows().cell(cx, row, 2).text),
            },
            _ => Cell::default(),
        }
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        match &cx.snap.link {
            Link::Connecting => Empty::new("Connecting…", cx.snap.address.clone()),
            Link::Down { error, .. } => Empty::new(error.message.clone(), error.hint.clone()),
            _ if !cx.snap.containers.is_empty() => {
                let up = cx.snap.containers.values().filter(|c| c.state.is_up()).count();
                let down = cx.snap.containers.len() - up;
                let stopped = if down > 0 { format!(", {down} stopped in order") } else { String::new() };
                Empty::new(
                    format!("{}{stopped}", crate::text::count(up, "container") + " up"),
                    "Nothing needs you. 3 shows them all.",
                )
            }
            _ => super::missing(
                &cx.snap.listings.containers,
                "containers",
                "Start one with `docker run`, or a stack with `docker compose up -d`; it shows here at once.",
            ),
        }
    }
}
