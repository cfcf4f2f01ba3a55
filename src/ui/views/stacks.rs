//! Compose stacks as a tree: stack, service, container.

use std::sync::Arc;

use crate::fleet::snapshot::{Service, Stack, Status};
use crate::ui::view::{Cell, Column, Cx, Empty, Row, Rows, SortKey, Target, Tone};

use super::{condition, missing, named, percent, ports, used};

/// See the module.
#[derive(Debug)]
pub struct Stacks;

static COLUMNS: [Column; 6] = [
    Column::text("NAME", 12, 48, 0),
    Column::figure("UP", 3, 3),
    Column::figure("CPU", 4, 4),
    Column::figure("MEM", 4, 5),
    Column::text("STATUS", 10, 34, 1),
    Column::text("PORTS", 10, 30, 6),
];

enum At<'a> {
    Stack(&'a Stack),
    Service(&'a Service),
    Container(&'a crate::engine::model::Container),
    Gone,
}

impl At<'_> {
    /// CPU and memory of all that hangs on it.
    fn used(&self, cx: &Cx<'_>) -> Option<(f64, u64)> {
        match self {
            Self::Stack(s) => used(cx, s.containers().map(|c| &**c)),
            Self::Service(s) => used(cx, s.containers.iter().map(|c| &**c)),
            Self::Container(c) => used(cx, std::iter::once(*c)),
            Self::Gone => None,
        }
    }
}

fn at<'a>(cx: &Cx<'a>, target: &Target) -> At<'a> {
    match target {
        Target::Stack(name) => cx.snap.stack(name).map_or(At::Gone, At::Stack),
        Target::Service(stack, service) => {
            let found = cx.snap.stack(stack).and_then(|s| s.services.iter().find(|x| *x.name == **service));
            found.map_or(At::Gone, At::Service)
        }
        Target::Container(id) => cx.snap.containers.get(id).map_or(At::Gone, |c| At::Container(c)),
        _ => At::Gone,
    }
}

impl Rows for Stacks {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, cx: &Cx<'_>) -> Vec<Row> {
        let mut rows = Vec::new();
        for stack in cx.snap.stacks.iter() {
            if cx.hide_stopped && stack.status() == Status::Stopped {
                continue;
            }
            let name: Arc<str> = stack.name.as_str().into();
            let target = Target::Stack(name.clone());
            let open = !cx.folded.contains(&target);
            rows.push(Row { target, depth: 0, branch: Some(open) });
            if !open {
                continue;
            }
            for service in &stack.services {
                // A service with one container is that container: one row, and every action works on it.
                if let [only] = &service.containers[..] {
                    rows.push(Row { target: Target::Container(only.id.clone()), depth: 1, branch: None });
                    continue;
                }
                let target = Target::Service(name.clone(), service.name.as_str().into());
                let open = !cx.folded.contains(&target);
                rows.push(Row { target, depth: 1, branch: Some(open) });
                if open {
                    let each = service.containers.iter();
                    rows.extend(each.map(|c| Row { target: Target::Container(c.id.clone()), depth: 2, branch: None }));
                }
            }
        }
        rows
    }

    fn cell(&self, cx: &Cx<'_>, row: &Row, column: usize) -> Cell {
        let here = at(cx, &row.target);
        match (column, here) {
            (0, At::Stack(s)) => named(cx, s.status(), &s.name),
            (0, At::Service(s)) => named(cx, s.status(), &s.name),
            (0, At::Container(c)) => {
                named(cx, c.status(), if row.depth == 1 { c.service().unwrap_or(&c.name) } else { &c.name })
            }
            (1, At::Stack(s)) => up(s.containers().map(|c| &**c)),
            (1, At::Service(s)) => up(s.containers.iter().map(|c| &**c)),
            (2 | 3, here) => {
                let sum = here.used(cx);
                let text = sum.map(|(cpu, memory)| if column == 2 { percent(cpu) } else { crate::text::size(memory) });
                Cell::plain(text.unwrap_or_default())
            }
            (4, At::Stack(s)) => summary(cx, s),
            (4, At::Service(s)) => Cell::muted(crate::text::count(s.containers.len(), "container")),
            (4, At::Container(c)) => condition(cx, c),
            (5, At::Container(c)) => Cell::toned(ports(&c.ports), Tone::Accent),
            _ => Cell::default(),
        }
    }

    fn key(&self, cx: &Cx<'_>, row: &Row, column: usize) -> SortKey {
        let status = |s: Status| SortKey::Number(-f64::from(s as u8));
        match (column, at(cx, &row.target)) {
            (0, At::Stack(s)) => SortKey::Text(s.name.to_lowercase()),
            (0, At::Service(s)) => SortKey::Text(s.name.to_lowercase()),
            (0, At::Container(c)) => SortKey::Text(c.name.to_lowercase()),
            (4, At::Stack(s)) => status(s.status()),
            (4, At::Service(s)) => status(s.status()),
            (4, At::Container(c)) => status(c.status()),
            (2 | 3, here) => {
                let sum = here.used(cx);
                // The greatest first: that is what one sorts figures for.
                SortKey::Number(sum.map_or(1.0, |(cpu, memory)| if column == 2 { -cpu } else { -(memory as f64) }))
            }
            _ => SortKey::Text(self.cell(cx, row, column).text),
        }
    }

    fn empty(&self, cx: &Cx<'_>) -> Empty {
        missing(
            &cx.snap.listings.containers,
            "compose stacks",
            "Run `docker compose up -d` beside a compose file; the stack shows here at once.",
        )
    }
}

fn up<'a>(containers: impl Iterator<Item = &'a crate::engine::model::Container>) -> Cell {
    let (mut up, mut all) = (0, 0);
    for container in containers {
        up += usize::from(container.state.is_up());
        all += 1;
    }
    Cell::toned(format!("{up}/{all}"), if up == all { Tone::Plain } else { Tone::Warn })
}

/// What is wrong with a stack in words, or how long it is up.
fn summary(cx: &Cx<'_>, stack: &Stack) -> Cell {
    let status = stack.status();
    if matches!(status, Status::Failed | Status::Unhealthy) {
        let bad: Vec<_> =
            stack.services.iter().filter(|s| s.status() >= Status::Unhealthy).map(|s| s.name.as_str()).collect();
        let word = if status == Status::Failed { "failing" } else { "unhealthy" };
        return Cell::toned(format!("{} {word}", bad.join(", ")), Tone::Status(status));
    }
    let newest = stack.containers().filter(|c| c.state.is_up()).filter_map(|c| c.started).min();
    match (status, newest) {
        (Status::Stopped, _) => Cell::muted("stopped"),
        (_, Some(started)) => Cell::muted(format!("up {}", crate::text::age(cx.now, started))),
        (_, None) => Cell::default(),
    }
}
