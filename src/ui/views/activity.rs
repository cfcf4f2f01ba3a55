//! What happened: this panel's tasks, what was restarted for its health, and the engine's events, newest first.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::engine::model::Event;
use crate::fleet::Snapshot;
use crate::fleet::snapshot::Status;
use crate::store::HealAct;
use crate::tasks::{Outcome, Task};
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone};

/// See the module.
#[derive(Debug)]
pub struct Activity;

static COLUMNS: [Column; 4] = [
    Column::text("WHAT", 18, 60, 0),
    Column::text("KIND", 5, 10, 3),
    Column::text("OUTCOME", 10, 70, 1),
    Column::figure("TIME", 8, 2),
];

enum At<'a> {
    Task(&'a Task),
    Event(&'a Event),
    Heal(&'a HealAct),
    Gone,
}

fn at<'a>(cx: &Cx<'a>, target: &Target) -> At<'a> {
    match target {
        Target::Task(id) => cx.tasks.get(*id).map_or(At::Gone, At::Task),
        Target::Event(..) => event(cx.snap, target).map_or(At::Gone, At::Event),
        Target::Heal(_) => cx.health.heal(target).map_or(At::Gone, At::Heal),
        _ => At::Gone,
    }
}

/// What an event happened to: anonymous things by the first digits of their identifiers.
fn name<'a>(snap: &'a Snapshot, event: &'a Event) -> &'a str {
    let given = if event.name.is_empty() { &*event.id } else { event.name.as_str() };
    let hex = given.strip_prefix("sha256:").unwrap_or(given);
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return given;
    }
    match snap.images.get(given) {
        Some(image) if !image.tags.is_empty() => super::images::name(image),
        _ => crate::text::short_id(given),
    }
}

/// The event that a target stands for, while it is kept.
pub fn event<'a>(snap: &'a Snapshot, target: &Target) -> Option<&'a Event> {
    let Target::Event(time, nth) = target else { return None };
    snap.events.iter().filter(|e| e.time.as_nanosecond() == *time).nth(usize::from(*nth))
}

/// The time of day where the person is.
pub fn clock(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// The time of day of what happened lately, the date of what is older.
fn when(cx: &Cx<'_>, time: Timestamp) -> String {
    let lately = cx.now.as_second() - time.as_second() < 20 * 3600;
    if lately { clock(time, cx.zone) } else { time.to_zoned(cx.zone.clone()).strftime("%d %b").to_string() }
}

impl Rows for Activity {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        // A task stands above the events that it caused, one that still runs above everything.
        let tasks =
            cx.tasks.iter().map(|t| (t.ended.map_or(i128::MAX, jiff::Timestamp::as_nanosecond), Target::Task(t.id)));
        let mut all: Vec<(i128, Target)> = tasks.collect();
        all.extend(cx.health.heals.iter().map(|h| (h.at.as_nanosecond(), Target::Heal(h.id))));
        let (mut last, mut nth) = (0, 0);
        for event in cx.snap.events.iter() {
            let time = event.time.as_nanosecond();
            nth = if time == last { nth + 1 } else { 0 };
            last = time;
            all.push((time, Target::Event(time, nth)));
        }
        all.sort_by(|a, b| b.cmp(a));
        all.into_iter().map(|(_, target)| Row::flat(target)).collect()
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        match (column, at(cx, &row.target)) {
            (0, At::Task(t)) => Cell::toned(&*t.title, Tone::Strong),
            (0, At::Event(e)) => Cell::plain(name(cx.snap, e)),
            (0, At::Heal(h)) => Cell::toned(&*h.name, Tone::Strong),
            (1, At::Heal(_)) => Cell::toned("healing", Tone::Accent),
            (2, At::Heal(h)) => healed(h),
            (3, At::Heal(h)) => Cell::muted(when(cx, h.at)),
            (1, At::Task(_)) => Cell::toned("task", Tone::Accent),
            (1, At::Event(e)) => Cell::muted(&*e.kind),
            (2, At::Task(t)) => outcome(t),
            (2, At::Event(e)) => happened(cx.snap, e),
            (3, At::Task(t)) => Cell::muted(when(cx, t.started)),
            (3, At::Event(e)) => Cell::muted(when(cx, e.time)),
            _ => Cell::default(),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        match (column, &row.target) {
            (3, Target::Event(time, _)) => SortKey::Number(-(*time as f64)),
            (3, Target::Heal(_)) => {
                SortKey::Number(cx.health.heal(&row.target).map_or(0.0, |h| -(h.at.as_nanosecond() as f64)))
            }
            (3, Target::Task(id)) => {
                SortKey::Number(cx.tasks.get(*id).map_or(0.0, |t| -(t.started.as_nanosecond() as f64)))
            }
            _ => SortKey::Text(self.cell(cx, row, column).text.to_lowercase()),
        }
    }

    fn empty(&self, _: &Cx<'_>) -> Empty {
        Empty::new("Nothing happened yet", "Whatever the engine or you do from now on shows here.")
    }
}

/// What was done for something that was not well, and how it ended.
pub fn healed(act: &HealAct) -> Cell {
    let outcome = act.outcome.as_deref().unwrap_or("being restarted");
    let tone = if outcome.starts_with("restarted") { Tone::Good } else { Tone::Warn };
    Cell::toned(crate::text::clean(&format!("{outcome} by ondeck watch: {}", act.code)).into_owned(), tone)
}

/// How far a task is, or how it ended.
pub fn outcome(task: &Task) -> Cell {
    match &task.outcome {
        None => Cell::toned(task.progress_words(), Tone::Status(Status::Partial)),
        Some(Outcome::Done(summary)) => Cell::toned(&**summary, Tone::Good),
        Some(Outcome::Cancelled) => Cell::toned("cancelled", Tone::Warn),
        Some(other) => Cell::toned(other.to_string(), Tone::Bad),
    }
}

/// What an event says, in words.
pub fn happened(snap: &Snapshot, event: &Event) -> Cell {
    let tone = match event.action.as_str() {
        "die" | "oom" | "kill" | "health_status: unhealthy" => Tone::Warn,
        "start" | "health_status: healthy" | "unpause" => Tone::Good,
        _ => Tone::Plain,
    };
    let more = match (event.action.as_str(), event.attributes.get("exitCode")) {
        ("die", Some(code)) => format!(" (exit {code})"),
        ("kill", _) => event.attributes.get("signal").map_or(String::new(), |s| format!(" (signal {s})")),
        ("connect" | "disconnect", _) => {
            let id = event.attributes.get("container").map_or("", String::as_str);
            let name = snap.containers.get(id).map_or(crate::text::short_id(id), |c| &c.name);
            format!(" {name}")
        }
        ("rename", _) => {
            event.attributes.get("oldName").map_or(String::new(), |o| format!(" (was {})", o.trim_start_matches('/')))
        }
        _ => String::new(),
    };
    Cell::toned(format!("{}{more}", event.action.replace("health_status: ", "")), tone)
}
