//! Sessions: how long they still live, what they use; and the workspaces of those that are over.

use crate::engine::model::Container;
use crate::fleet::snapshot::Status;
use crate::sessions::{OWNER, Session, WORKSPACE};
use crate::tasks::Task;
use crate::text::size;
use crate::ui::sessions::{all, countdown, of_judges, urgency};
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone, status_sign};

use super::{missing, named, percent, used};

/// See the module.
#[derive(Debug)]
pub struct Sessions;

static COLUMNS: [Column; 7] = [
    Column::text("SESSION", 12, 40, 0),
    Column::figure("LEFT", 5, 0),
    Column::text("WORKSPACE", 9, 28, 1),
    Column::figure("CPU", 5, 3),
    Column::figure("MEM", 11, 2),
    Column::text("OWNER", 5, 16, 4),
    Column::text("STATE", 10, 60, 1),
];

/// The session that a row stands for, with its container.
pub fn session<'a>(cx: &Cx<'a>, target: &Target) -> Option<(Session, &'a Container)> {
    let Target::Session(id) = target else { return None };
    let container = cx.snap.containers.get(id)?;
    Some((Session::of(container)?, container))
}

/// Tasks that start a session.
fn starting<'a>(cx: &Cx<'a>) -> impl Iterator<Item = &'a Task> {
    cx.tasks.iter().filter(|t| t.outcome.is_none() && t.title.starts_with("start a session"))
}

/// How it is, in words.
fn state(cx: &Cx<'_>, session: &Session, container: &Container) -> Cell {
    if !container.state.is_up() {
        return Cell::toned("starting", Tone::Status(Status::Partial));
    }
    if session.judge.is_some() {
        return Cell::muted("judges a submission");
    }
    let starved = cx.snap.events.iter().rev().find(|e| e.action == "oom" && e.id == container.id);
    if let Some(event) = starved {
        return Cell::toned(format!("out of memory {} ago", crate::text::age(cx.now, event.time)), Tone::Bad);
    }
    let up = container.started.map_or_else(|| "up".to_owned(), |t| format!("up {}", crate::text::age(cx.now, t)));
    let lab = session.lab.as_deref().and_then(|lab| cx.labs.get(lab));
    let more = [lab.map(|lab| lab.title.as_str()), session.egress.then_some("reaches networks outside")];
    Cell::muted(more.into_iter().flatten().fold(up, |all, one| format!("{all}, {one}")))
}

/// How long it still lives.
pub fn left(cx: &Cx<'_>, session: &Session) -> Cell {
    match cx.times.left(session, cx.now) {
        Some(seconds) => Cell::toned(countdown(seconds), urgency(seconds)),
        None => Cell::default(),
    }
}

impl Rows for Sessions {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        let running = all(cx.snap);
        let mut rows: Vec<Row> = starting(cx).map(|t| Row::flat(Target::Task(t.id))).collect();
        let judging = of_judges(cx.snap);
        rows.extend(running.iter().chain(&judging).map(|s| Row::flat(Target::Session(s.container.clone()))));
        let kept = cx.snap.volumes.values().filter(|v| {
            let (owner, name) = (v.labels.get(OWNER), v.labels.get(WORKSPACE));
            let used = |s: &Session| Some(&s.owner) == owner && Some(&s.workspace) == name;
            name.is_some() && !running.iter().any(used)
        });
        if !cx.hide_stopped {
            rows.extend(kept.map(|v| Row::flat(Target::Volume(v.name.clone()))));
        }
        rows
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        if let Target::Volume(name) = &row.target {
            let Some(volume) = cx.snap.volumes.get(name) else { return Cell::default() };
            let label = |name: &str| volume.labels.get(name).cloned().unwrap_or_default();
            return match column {
                0 => Cell::toned(format!("{} –", status_sign(cx.symbols, Status::Stopped)), Tone::Muted),
                2 => Cell::plain(label(WORKSPACE)),
                5 => Cell::muted(label(OWNER)),
                6 => Cell::muted("kept; n resumes it"),
                _ => Cell::default(),
            };
        }
        if let Target::Task(id) = &row.target {
            let Some(task) = cx.tasks.get(*id) else { return Cell::default() };
            let note = &task.progress.2;
            return match column {
                0 => named(cx, Status::Partial, "new"),
                2 => Cell::plain(task.title.strip_prefix("start a session for ").unwrap_or_default()),
                6 => Cell::toned(note, Tone::Status(Status::Partial)),
                _ => Cell::default(),
            };
        }
        let Some((session, container)) = session(cx, &row.target) else { return Cell::default() };
        let used = used(cx, std::iter::once(container));
        match column {
            0 => named(cx, if session.state.is_up() { Status::Running } else { Status::Partial }, &session.id),
            1 => left(cx, &session),
            2 => Cell::plain(session.workspace),
            3 => Cell::plain(used.map_or(String::new(), |(cpu, _)| percent(cpu))),
            4 => match used {
                Some((_, memory)) => {
                    let tone = if memory * 10 > session.memory * 9 { Tone::Warn } else { Tone::Plain };
                    Cell::toned(format!("{} / {}", size(memory), size(session.memory)), tone)
                }
                None => Cell::muted(size(session.memory)),
            },
            5 => Cell::muted(session.owner),
            _ => state(cx, &session, container),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        let here = session(cx, &row.target);
        match (column, here) {
            // Those that end first come first.
            (1, Some((s, _))) => SortKey::Number(cx.times.left(&s, cx.now).unwrap_or(i64::MAX) as f64),
            (3, Some((_, c))) => SortKey::Number(used(cx, std::iter::once(c)).map_or(1.0, |(cpu, _)| -cpu)),
            (4, Some((_, c))) => SortKey::Number(used(cx, std::iter::once(c)).map_or(1.0, |(_, m)| -(m as f64))),
            (1 | 3 | 4, None) => SortKey::Number(f64::MAX),
            _ => SortKey::Text(self.cell(cx, row, column).text.to_lowercase()),
        }
    }

    fn words(&self, cx: &Cx<'_>, row: &Row) -> String {
        let lab = session(cx, &row.target).and_then(|(s, _)| s.lab).unwrap_or_default();
        let title = cx.labs.title(&lab);
        let cells: Vec<String> = [0, 2, 5].iter().map(|c| self.cell(cx, row, *c).text).collect();
        format!("{} {lab} {title}", cells.join(" "))
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        missing(
            &cx.snap.listings.containers,
            "sessions",
            "n starts one: a machine with a Docker of its own, that ends by itself. What is in its /workspace is kept.",
        )
    }
}
