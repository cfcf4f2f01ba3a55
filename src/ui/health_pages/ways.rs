//! Routes and what stops them, socket proxies, and who reaches whom.

use std::collections::BTreeSet;

use crate::engine::model::Id;
use crate::text::count;
use crate::topology::{Map, Obstacle, Reach, Route, Routes, reach};
use crate::ui::app::App;
use crate::ui::panes::page::Page;
use crate::ui::panes::text::{TextLine, table};
use crate::ui::view::{Tone, status_sign};

/// Containers that are told of in one list of ways.
const REACHED: usize = 200;

impl Page<'_> {
    pub(super) fn routes(&mut self, routes: &Routes, only: &BTreeSet<Id>) {
        let mine: Vec<&Route> = routes
            .routes
            .iter()
            .filter(|r| only.is_empty() || r.container.as_ref().is_some_and(|id| only.contains(id)))
            .collect();
        for note in &routes.notes {
            self.say(Tone::Muted, note.clone());
        }
        if mine.is_empty() {
            self.say(Tone::Muted, "No routes: no container here has labels of Traefik.");
        }
        for route in mine {
            self.blank();
            let good = route.obstacles.is_empty();
            let (sign, tone) = if good { (self.symbols.check, Tone::Good) } else { (self.symbols.cross, Tone::Bad) };
            let name = if route.router.is_empty() { &route.container_name } else { &route.router };
            let mut head = TextLine::new(tone, format!("{sign} "));
            head.push(Tone::Strong, name);
            if !route.entry_points.is_empty() {
                head.push(Tone::Muted, format!("  on {}", route.entry_points.join(", ")));
            }
            head.push(Tone::Muted, if route.tls { "  tls" } else { "" });
            head.branch = route.container.as_ref().map(|id| (id.to_string(), false));
            self.lines.push(head);
            if !route.rule.is_empty() {
                self.flow(&[(Tone::Text, route.rule.clone())], "  ");
            }
            self.flow(&[(Tone::Plain, way(route, self.symbols.right))], "  ");
            self.obstacles(&route.obstacles);
        }
        for proxy in &routes.socket_proxies {
            self.blank();
            let mut head = TextLine::new(Tone::Accent, format!("{} ", self.symbols.dot));
            head.push(Tone::Strong, &*proxy.name);
            head.push(Tone::Muted, "  passes the engine's API on");
            head.branch = Some((proxy.id.to_string(), false));
            self.lines.push(head);
            self.flow(&[(Tone::Muted, "permits  ".to_owned()), (Tone::Plain, proxy.permits.join(" "))], "  ");
            let reached = if proxy.reached_by.is_empty() { "nobody".to_owned() } else { proxy.reached_by.join(", ") };
            self.flow(&[(Tone::Muted, "for      ".to_owned()), (Tone::Plain, reached)], "  ");
            for warning in &proxy.warnings {
                self.led(
                    &[(Tone::Warn, warning.clone())],
                    vec![(Tone::Warn, format!("  {} ", self.symbols.warning))],
                    4,
                );
            }
        }
    }

    fn obstacles(&mut self, obstacles: &[Obstacle]) {
        for obstacle in obstacles {
            self.led(&[(Tone::Bad, obstacle.what.clone())], vec![(Tone::Bad, format!("  {} ", self.symbols.cross))], 4);
            if !obstacle.todo.is_empty() {
                self.led(&[(Tone::Plain, obstacle.todo.clone())], vec![(Tone::Accent, "    try  ".to_owned())], 9);
            }
        }
    }

    /// Whom a container reaches and who reaches it: those of its stack first, then its neighbours, then all others.
    pub(super) fn reach(&mut self, app: &App, id: &Id) {
        let Some(me) = app.snap.containers.get(id) else {
            return self.say(Tone::Muted, "The container is gone.");
        };
        let map = Map::of(&app.snap);
        let mine = |c: &crate::engine::model::Container| c.stack().is_some() && c.stack() == me.stack();
        let mut others: Vec<_> = app.snap.containers.values().filter(|c| c.id != *id).collect();
        others.sort_by_cached_key(|c| (!mine(c), c.name.clone()));
        if others.is_empty() {
            return self.say(Tone::Muted, "There is no other container.");
        }
        let mut ways = Vec::new();
        let mut none = Vec::new();
        let mut strangers = 0;
        for other in others {
            let (there, back) = (reach(&map, id, &other.id), reach(&map, &other.id, id));
            let is_way = |r: &Option<Reach>| r.as_ref().is_some_and(|r| !r.ways.is_empty());
            match (is_way(&there) || is_way(&back), mine(other)) {
                (true, _) if ways.len() < REACHED => ways.push((other, there, back)),
                (false, true) => none.push((other, there)),
                _ => strangers += 1,
            }
        }
        if ways.is_empty() {
            self.say(Tone::Muted, "No other container is reached from here, and none reaches this one.");
        } else {
            let rows: Vec<Vec<(Tone, String)>> = ways
                .iter()
                .map(|(c, there, back)| {
                    let name = format!("{} {}", status_sign(self.symbols, c.status()), c.name);
                    vec![(Tone::Status(c.status()), name), short(there.as_ref()), short(back.as_ref())]
                })
                .collect();
            let mut lines = table(&["CONTAINER", "FROM HERE", "TO HERE"], &rows);
            for (line, (other, ..)) in lines[1..].iter_mut().zip(&ways) {
                line.branch = Some((other.id.to_string(), false));
            }
            self.lines.extend(lines);
        }
        for (other, there) in none {
            self.blank();
            let mut line = TextLine::new(Tone::Bad, format!("{} ", self.symbols.cross));
            line.push(Tone::Strong, &*other.name);
            line.branch = Some((other.id.to_string(), false));
            self.lines.push(line);
            if let Some(there) = &there {
                self.obstacles(&there.obstacles);
            }
        }
        if strangers > 0 {
            self.blank();
            let others = count(strangers, "other container");
            self.say(Tone::Muted, format!("{others}: not reached; `ondeck reach A B` tells why."));
        }
    }
}

/// How one comes to another, in a cell.
fn short(reach: Option<&Reach>) -> (Tone, String) {
    let Some(way) = reach.and_then(|r| r.ways.first()) else { return (Tone::Muted, "no".to_owned()) };
    let name = way.names.first().cloned().or_else(|| way.ip.map(|ip| ip.to_string())).unwrap_or_default();
    let ports: Vec<&str> = way.ports.iter().map(|p| p.trim_end_matches("/tcp")).take(3).collect();
    let port = if ports.is_empty() { String::new() } else { format!(":{}", ports.join(",")) };
    (Tone::Good, format!("{name}{port}"))
}

/// Where a route leads.
fn way(route: &Route, arrow: &str) -> String {
    let port = route.port.map_or_else(|| "?".to_owned(), |p| p.to_string());
    let mut steps = Vec::new();
    if let Some(proxy) = &route.proxy {
        steps.push(proxy.clone());
    }
    if !route.middlewares.is_empty() {
        steps.push(route.middlewares.join(", "));
    }
    if !route.service.is_empty() {
        steps.push(route.service.clone());
    }
    steps.push(format!("{}:{port}", route.container_name));
    let by = route.network.as_ref().map_or_else(String::new, |n| format!(" by {n}"));
    format!("{}{by}", steps.join(&format!(" {arrow} ")))
}
