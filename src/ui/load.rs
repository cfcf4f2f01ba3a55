//! Fills the detail pane: asks for what its tab needs, and makes lines of what came.

use crate::engine::Prune;
use crate::engine::model::Inspection;
use crate::fleet::snapshot::Status;
use crate::tasks::Job;

use super::app::App;
use super::detail::{Loaded, Tab};
use super::message::Effect;
use super::panes::text::{self, TextLine};
use super::view::{Target, Tone, View, status_sign};
use super::views::{self, activity};

impl App {
    /// Asks for what the open tab needs and does not have yet.
    pub fn load_detail(&mut self) {
        if !self.shows_detail() {
            return;
        }
        let (Some(target), Some(tab)) = (self.detail.target.clone(), self.detail.tab) else { return };
        let turn = self.detail.turn;
        if tab == Tab::Logs {
            let containers = self.containers_of(&target);
            self.open_logs(&containers);
        } else {
            self.close_logs();
        }
        match (&target, tab) {
            (Target::Host | Target::Stack(_) | Target::Service(..), tab) if tab.is_of_health() => {
                self.load_health(tab, false);
            }
            (Target::Container(_), Tab::Audit) => self.load_health(tab, false),
            (Target::Lab(id), Tab::History | Tab::Tasks) => self.load_history(&id.clone()),
            (Target::Session(id), Tab::Service) => self.load_service(&id.clone()),
            (Target::Container(id) | Target::Session(id), Tab::Top) => {
                if matches!(self.detail.processes, Loaded::Nothing) {
                    self.detail.processes = Loaded::Waiting;
                }
                self.out.push(Effect::Processes(turn, id.clone()));
            }
            (Target::Container(id) | Target::Session(id), _)
                if matches!(tab, Tab::Inspect | Tab::Env | Tab::Health | Tab::Ports | Tab::Mounts) =>
            {
                if matches!(self.detail.inspection, Loaded::Nothing) {
                    self.detail.inspection = Loaded::Waiting;
                }
                self.out.push(Effect::Inspect(turn, id.clone()));
                if tab == Tab::Health {
                    self.load_health(tab, false);
                }
            }
            (Target::Image(id), Tab::Layers) => {
                if matches!(self.detail.layers, Loaded::Nothing) {
                    self.detail.layers = Loaded::Waiting;
                    self.out.push(Effect::Layers(turn, id.clone()));
                }
            }
            (Target::Image(_) | Target::Network(_) | Target::Volume(_), Tab::Inspect) => {
                if matches!(self.detail.raw, Loaded::Nothing) {
                    self.detail.raw = Loaded::Waiting;
                    self.out.push(Effect::InspectOther(turn, target));
                }
            }
            _ => {}
        }
        self.make_text();
    }

    /// Makes the lines of the open tab from what is known now.
    pub fn make_text(&mut self) {
        let (Some(target), Some(tab)) = (self.detail.target.clone(), self.detail.tab) else {
            self.detail.text.set(Vec::new());
            return;
        };
        let lines = match tab {
            Tab::Logs | Tab::Stats => return,
            Tab::Service => shown(&self.detail.served, |answer| {
                super::sessions::answer_lines(
                    if self.detail.request.is_empty() { "/" } else { &self.detail.request },
                    answer,
                )
            }),
            Tab::Inspect => {
                let raw = match &target {
                    Target::Container(_) | Target::Session(_) => shown(&self.detail.inspection, |i| self.tree(&i.raw)),
                    _ => shown(&self.detail.raw, |raw| self.tree(raw)),
                };
                self.detail.text.has_cursor = true;
                raw
            }
            Tab::Env => {
                self.detail.text.has_cursor = true;
                shown(&self.detail.inspection, |i| self.env(i))
            }
            Tab::Ports => {
                self.detail.text.has_cursor = true;
                shown(&self.detail.inspection, |i| ports(i))
            }
            Tab::Mounts => shown(&self.detail.inspection, |i| mounts(i)),
            Tab::Health => {
                let mut lines = self.health_page(&target, tab);
                self.detail.text.has_cursor = !matches!(target, Target::Container(_));
                if matches!(target, Target::Container(_)) {
                    lines.push(TextLine::blank());
                    lines.extend(shown(&self.detail.inspection, |i| self.health(i)));
                }
                lines
            }
            Tab::Audit | Tab::Routes | Tab::Doctor | Tab::Reach => {
                self.detail.text.has_cursor = true;
                self.health_page(&target, tab)
            }
            Tab::Top => shown(&self.detail.processes, |p| {
                let titles: Vec<&str> = p.0.iter().map(String::as_str).collect();
                let rows: Vec<_> = p.1.iter().map(|r| r.iter().map(|c| (Tone::Plain, c.clone())).collect()).collect();
                text::table(&titles, &rows)
            }),
            Tab::Layers => shown(&self.detail.layers, |layers| self.layers(layers)),
            Tab::Services => {
                self.detail.text.has_cursor = true;
                self.services(&target)
            }
            Tab::Attached => {
                self.detail.text.has_cursor = true;
                self.attached(&target)
            }
            Tab::UsedBy => {
                self.detail.text.has_cursor = true;
                self.used_by(&target)
            }
            Tab::Output => self.output(&target),
            Tab::Event => self.event(&target),
            Tab::Instructions | Tab::Tasks | Tab::History | Tab::About => {
                let Target::Lab(id) = &target else { return };
                self.detail.text.has_cursor = tab == Tab::History;
                self.lab_page(id, tab)
            }
            Tab::Problem => {
                let Target::BrokenLab(file) = &target else { return };
                let width = usize::from(self.areas().inside.width);
                super::labs_pages::problems(&self.labs.problems(file), width)
            }
        };
        self.detail.text.set(lines);
    }

    fn tree(&self, value: &serde_json::Value) -> Vec<TextLine> {
        text::tree(value, &self.detail.text.folded, &|name| self.is_secret(name))
    }

    /// Folds everything, or unfolds it.
    pub(super) fn fold_all(&mut self) {
        let raw = match (&self.detail.inspection, &self.detail.raw) {
            (Loaded::Here(i), _) => &i.raw,
            (_, Loaded::Here(raw)) => raw,
            _ => return,
        };
        let all = text::branches(raw);
        self.detail.text.folded =
            if self.detail.text.folded.is_empty() { all } else { std::collections::BTreeSet::new() };
        self.make_text();
    }

    fn env(&self, inspection: &Inspection) -> Vec<TextLine> {
        if inspection.env.is_empty() {
            return vec![TextLine::new(Tone::Muted, "It has no environment of its own.")];
        }
        let mut env: Vec<&str> = inspection.env.iter().map(String::as_str).collect();
        env.sort_unstable();
        env.iter()
            .map(|entry| {
                let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
                let mut line = TextLine::new(Tone::Key, name);
                line.push(Tone::Muted, "=");
                if self.is_secret(name) && !value.is_empty() {
                    line.push(Tone::Muted, text::MASK);
                } else {
                    line.push(Tone::Text, value);
                }
                line
            })
            .collect()
    }

    fn health(&self, inspection: &Inspection) -> Vec<TextLine> {
        let c = &inspection.container;
        let mut lines = vec![TextLine::field(
            "state",
            10,
            Tone::Status(c.status()),
            c.reason().unwrap_or_else(|| "running".to_owned()),
        )];
        let age = |t: Option<jiff::Timestamp>| {
            t.map_or_else(|| "–".to_owned(), |t| format!("{} ago", crate::text::age(self.now, t)))
        };
        lines.push(TextLine::field("started", 10, Tone::Plain, age(c.started)));
        if !c.state.is_up() {
            lines.push(TextLine::field("ended", 10, Tone::Plain, age(c.finished)));
        }
        if let Some(detail) = &c.detail {
            let policy = if detail.restart_policy.is_empty() { "no" } else { &detail.restart_policy };
            lines.push(TextLine::field(
                "restarts",
                10,
                Tone::Plain,
                format!("{} (policy {policy})", detail.restart_count),
            ));
            if !detail.error.is_empty() {
                lines.push(TextLine::field("error", 10, Tone::Bad, &detail.error));
            }
        }
        lines.push(TextLine::blank());
        if inspection.health_test.is_empty() {
            lines.push(TextLine::new(Tone::Muted, "It has no healthcheck, so nobody knows whether it works."));
            return lines;
        }
        lines.push(TextLine::field("probe", 10, Tone::Plain, &inspection.health_test));
        if let Some(seconds) = inspection.health_interval {
            lines.push(TextLine::field("every", 10, Tone::Plain, crate::text::duration(seconds)));
        }
        lines.push(TextLine::blank());
        for probe in inspection.probes.iter().rev() {
            let good = probe.exit_code == 0;
            let mut line = TextLine::default();
            let sign = if good { self.settings.symbols.check } else { self.settings.symbols.cross };
            line.push(if good { Tone::Good } else { Tone::Bad }, sign);
            line.push(
                Tone::Muted,
                format!(" {}  ", probe.start.map_or_else(String::new, |t| activity::clock(t, &self.settings.zone))),
            );
            line.push(
                Tone::Plain,
                if probe.exit_code == -1 { "could not run".to_owned() } else { format!("exit {}", probe.exit_code) },
            );
            if let (Some(start), Some(end)) = (probe.start, probe.end) {
                line.push(Tone::Muted, format!("  {} ms", end.as_millisecond() - start.as_millisecond()));
            }
            lines.push(line);
            for text in crate::logs::harmless(&probe.output).lines().filter(|l| !l.trim().is_empty()).take(20) {
                lines.push(TextLine::new(if good { Tone::Muted } else { Tone::Plain }, format!("    {text}")));
            }
        }
        if inspection.probes.is_empty() {
            lines.push(TextLine::new(Tone::Muted, "No probe has ended yet."));
        }
        lines
    }

    fn layers(&self, layers: &[crate::engine::model::Layer]) -> Vec<TextLine> {
        let largest = layers.iter().map(|l| l.size).max().unwrap_or(0).max(1);
        let total: u64 = layers.iter().map(|l| l.size).sum();
        let mut lines = vec![TextLine::new(
            Tone::Muted,
            format!("{}, {} in all; newest first", crate::text::count(layers.len(), "layer"), crate::text::size(total)),
        )];
        for layer in layers {
            let mut line = TextLine::default();
            let size = if layer.size == 0 { String::new() } else { crate::text::size(layer.size) };
            line.push(if layer.size > total / 4 { Tone::Warn } else { Tone::Plain }, format!("{size:>5} "));
            let cells = (layer.size * 8).div_ceil(largest) as usize;
            line.push(
                Tone::Accent,
                self.settings.symbols.gauge_full.repeat(if layer.size == 0 { 0 } else { cells.max(1) }),
            );
            line.push(Tone::Plain, " ".repeat(9 - cells.clamp(usize::from(layer.size > 0), 8)));
            let text = layer.created_by.trim_start_matches("/bin/sh -c ").trim_start_matches("#(nop) ").trim();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = if text.is_empty() && !layer.comment.is_empty() { layer.comment.clone() } else { text };
            line.push(if layer.size == 0 { Tone::Muted } else { Tone::Plain }, text);
            lines.push(line);
        }
        lines
    }

    fn services(&self, target: &Target) -> Vec<TextLine> {
        let mut lines = Vec::new();
        if let Target::Stack(name) = target
            && let Some(stack) = self.snap.stack(name)
        {
            let dir = stack.working_dir.as_ref().map_or_else(|| "not known".to_owned(), |d| d.display().to_string());
            lines.push(TextLine::field("directory", 10, Tone::Plain, dir));
            for file in crate::stacks::files(stack) {
                lines.push(TextLine::field("file", 10, Tone::Plain, file.display().to_string()));
            }
            let networks: Vec<&str> = self
                .snap
                .networks
                .values()
                .filter(|n| n.labels.get("com.docker.compose.project").is_some_and(|p| **p == **name))
                .map(|n| n.name.as_str())
                .collect();
            let volumes: Vec<&str> = self
                .snap
                .volumes
                .values()
                .filter(|v| v.labels.get("com.docker.compose.project").is_some_and(|p| **p == **name))
                .map(|v| &*v.name)
                .collect();
            for (what, names) in [("networks", networks), ("volumes", volumes)] {
                if !names.is_empty() {
                    lines.push(TextLine::field(what, 10, Tone::Plain, names.join(", ")));
                }
            }
            lines.push(TextLine::blank());
        }
        let containers = self.containers_of(target);
        let rows: Vec<Vec<(Tone, String)>> = containers
            .iter()
            .map(|c| {
                let waits = match target {
                    Target::Stack(name) => self
                        .snap
                        .stack(name)
                        .and_then(|s| s.services.iter().find(|x| Some(x.name.as_str()) == c.service())),
                    _ => None,
                };
                vec![
                    (
                        Tone::Status(c.status()),
                        format!(
                            "{} {}",
                            status_sign(&self.settings.symbols, c.status()),
                            c.service().unwrap_or(&c.name)
                        ),
                    ),
                    (Tone::Status(c.status()), c.reason().unwrap_or_else(|| "running".into())),
                    (Tone::Muted, waits.map_or(String::new(), |s| s.depends_on.join(", "))),
                    (Tone::Muted, c.image.clone()),
                ]
            })
            .collect();
        let mut table = text::table(&["SERVICE", "STATE", "WAITS FOR", "IMAGE"], &rows);
        link(&mut table[1..], containers.iter().map(|c| &*c.id));
        lines.extend(table);
        lines
    }

    fn attached(&self, target: &Target) -> Vec<TextLine> {
        let Target::Network(id) = target else { return Vec::new() };
        let Some(network) = self.snap.networks.get(id) else {
            return vec![TextLine::new(Tone::Muted, "The network is gone.")];
        };
        let mut lines: Vec<TextLine> = network
            .subnets
            .iter()
            .map(|(subnet, gateway)| TextLine::field("subnet", 8, Tone::Plain, format!("{subnet}  gateway {gateway}")))
            .collect();
        if network.internal {
            lines.push(TextLine::field("access", 8, Tone::Good, "internal: no way out to the host's networks"));
        }
        if !lines.is_empty() {
            lines.push(TextLine::blank());
        }
        let members: Vec<_> = self.snap.members_of(network).collect();
        if members.is_empty() {
            lines.push(TextLine::new(Tone::Muted, "Nothing is attached to it."));
            return lines;
        }
        let rows: Vec<Vec<(Tone, String)>> = members
            .iter()
            .map(|(c, a)| {
                let addresses: Vec<String> = a.ip.into_iter().chain(a.ip6).map(|ip| ip.to_string()).collect();
                vec![
                    (
                        Tone::Status(c.status()),
                        format!("{} {}", status_sign(&self.settings.symbols, c.status()), c.name),
                    ),
                    (Tone::Plain, addresses.join(" ")),
                    (
                        Tone::Muted,
                        a.aliases
                            .iter()
                            .filter(|n| !c.id.starts_with(n.as_str()))
                            .cloned()
                            .collect::<Vec<_>>()
                            .join(", "),
                    ),
                ]
            })
            .collect();
        let mut table = text::table(&["CONTAINER", "ADDRESS", "ALSO CALLED"], &rows);
        link(&mut table[1..], members.iter().map(|(c, _)| &*c.id));
        lines.extend(table);
        lines
    }

    fn used_by(&self, target: &Target) -> Vec<TextLine> {
        let users: Vec<_> = match target {
            Target::Image(id) => self.snap.users_of_image(id).map(|c| (c.clone(), c.image.clone())).collect(),
            Target::Volume(name) => {
                let place = |c: &crate::engine::model::Container| {
                    let mounts = c.mounts.iter().filter(|m| m.name.as_deref() == Some(name));
                    mounts
                        .map(|m| format!("{}{}", m.target, if m.writable { "" } else { " (read-only)" }))
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                self.snap.users_of_volume(name).map(|c| (c.clone(), place(c))).collect()
            }
            _ => Vec::new(),
        };
        let mut lines = Vec::new();
        if let Target::Volume(name) = target
            && let Some(volume) = self.snap.volumes.get(name)
        {
            lines.push(TextLine::field("path", 6, Tone::Plain, &volume.mountpoint));
            let size = self.snap.disk.as_ref().and_then(|d| d.volume_sizes.get(name)).map(|b| crate::text::size(*b));
            lines.push(TextLine::field(
                "size",
                6,
                Tone::Plain,
                size.unwrap_or_else(|| "not measured; % measures".to_owned()),
            ));
            lines.push(TextLine::blank());
        }
        if users.is_empty() {
            lines.push(TextLine::new(Tone::Muted, "No container uses it; X removes everything unused here."));
            return lines;
        }
        let rows: Vec<Vec<(Tone, String)>> = users
            .iter()
            .map(|(c, how)| {
                vec![
                    (
                        Tone::Status(c.status()),
                        format!("{} {}", status_sign(&self.settings.symbols, c.status()), c.name),
                    ),
                    (Tone::Plain, how.clone()),
                    (Tone::Status(c.status()), c.reason().unwrap_or_else(|| "running".into())),
                ]
            })
            .collect();
        let title = if matches!(target, Target::Volume(_)) { "MOUNTED AT" } else { "AS" };
        let mut table = text::table(&["CONTAINER", title, "STATE"], &rows);
        link(&mut table[1..], users.iter().map(|(c, _)| &*c.id));
        lines.extend(table);
        lines
    }

    fn output(&self, target: &Target) -> Vec<TextLine> {
        let Target::Task(id) = target else { return Vec::new() };
        let Some(task) = self.tasks.get(*id) else { return Vec::new() };
        let cell = activity::outcome(task);
        let mut lines = vec![
            TextLine::field("command", 8, Tone::Accent, &task.command),
            TextLine::field("began", 8, Tone::Plain, activity::clock(task.started, &self.settings.zone)),
            TextLine::field("outcome", 8, cell.tone, cell.text),
            TextLine::blank(),
        ];
        if let Some(crate::tasks::Outcome::Partly { failed, .. }) = &task.outcome {
            lines.extend(failed.iter().map(|(name, e)| TextLine::new(Tone::Bad, format!("{name}: {e}"))));
        }
        if task.dropped > 0 {
            lines.push(TextLine::new(
                Tone::Muted,
                format!("… {} are not kept", crate::text::count(task.dropped, "earlier line")),
            ));
        }
        lines.extend(task.lines.iter().map(|l| TextLine::new(Tone::Plain, l)));
        lines
    }

    fn event(&self, target: &Target) -> Vec<TextLine> {
        if let Some(act) = self.health.heal(target) {
            let cell = activity::healed(act);
            return vec![
                TextLine::field("time", 8, Tone::Plain, act.at.to_string()),
                TextLine::field("name", 8, Tone::Plain, &act.name),
                TextLine::field("because", 8, Tone::Plain, &act.code),
                TextLine::field("outcome", 8, cell.tone, cell.text),
                TextLine::blank(),
                TextLine::new(Tone::Muted, "What may be restarted, and how often, stands in the config and in labels."),
            ];
        }
        let Some(event) = activity::event(&self.snap, target) else {
            return vec![TextLine::new(Tone::Muted, "This event is not kept any more.")];
        };
        let mut lines = vec![
            TextLine::field("time", 8, Tone::Plain, event.time.to_string()),
            TextLine::field("kind", 8, Tone::Plain, &event.kind),
            TextLine::field("action", 8, activity::happened(&self.snap, event).tone, &event.action),
            TextLine::field("name", 8, Tone::Plain, &event.name),
            TextLine::field("id", 8, Tone::Plain, &*event.id),
            TextLine::blank(),
        ];
        let width = event.attributes.keys().map(String::len).max().unwrap_or(0).min(40);
        lines.extend(
            event
                .attributes
                .iter()
                .map(|(k, v)| TextLine::field(k, width, Tone::Text, if self.is_secret(k) { text::MASK } else { v })),
        );
        lines
    }

    /// What a prune would remove, as far as the snapshot tells; then asks.
    pub(super) fn ask_prune(&mut self, what: Prune) {
        let snap = &self.snap;
        let disk = snap.disk.as_deref();
        let size = |bytes: u64| crate::text::size(bytes);
        let finds: Vec<String> = match what {
            Prune::Containers => snap
                .containers
                .values()
                .filter(|c| !c.state.is_up() && c.status() != Status::Partial)
                .filter(|c| c.state != crate::engine::model::State::Restarting)
                .map(|c| c.name.clone())
                .collect(),
            Prune::Images { .. } => {
                let dangling =
                    snap.images.values().filter(|i| i.tags.is_empty() && snap.users_of_image(&i.id).next().is_none());
                dangling.map(|i| format!("{}  {}", crate::text::short_id(&i.id), size(i.size))).collect()
            }
            Prune::Networks => {
                let builtin = |name: &str| matches!(name, "bridge" | "host" | "none" | "podman");
                let unused =
                    snap.networks.values().filter(|n| !builtin(&n.name) && snap.members_of(n).next().is_none());
                unused.map(|n| n.name.clone()).collect()
            }
            Prune::Volumes => {
                let unused = snap.volumes.values().filter(|v| snap.users_of_volume(&v.name).next().is_none());
                unused
                    .map(|v| {
                        let bytes = disk
                            .and_then(|d| d.volume_sizes.get(&v.name))
                            .map_or(String::new(), |b| format!("  {}", size(*b)));
                        format!("{}{bytes}", v.name)
                    })
                    .collect()
            }
            Prune::BuildCache => match disk {
                Some(disk) if disk.build_cache_reclaimable == 0 => Vec::new(),
                Some(disk) => vec![format!("build cache  {}", size(disk.build_cache_reclaimable))],
                None => vec!["build cache (not measured yet)".to_owned()],
            },
        };
        if finds.is_empty() {
            let job = Job::Prune { what, finds };
            self.tell(Tone::Muted, format!("nothing to {}", job.title()));
            return;
        }
        self.start(Job::Prune { what, finds });
    }

    /// Scrolls the detail pane.
    pub(super) fn scroll_detail(&mut self, by: isize) {
        let height = usize::from(self.areas().inside.height);
        match self.detail.tab {
            Some(Tab::Logs) => self.scroll_logs(by),
            Some(Tab::Stats) | None => {}
            Some(_) => self.detail.text.step(by, height),
        }
    }

    /// Goes to the beginning or the end of the detail pane.
    pub(super) fn detail_end(&mut self, first: bool) {
        let height = usize::from(self.areas().inside.height);
        match self.detail.tab {
            Some(Tab::Logs) => self.logs_end(first),
            Some(Tab::Stats) | None => {}
            Some(_) => self.detail.text.go_to(if first { 0 } else { usize::MAX }, height),
        }
    }

    /// Goes to the next or previous match of the search.
    pub(super) fn find(&mut self, forward: bool) {
        let height = usize::from(self.areas().inside.height);
        if self.detail.tab == Some(Tab::Logs) {
            return self.find_in_logs(forward);
        }
        if self.detail.text.query.is_empty() {
            return self.tell(Tone::Muted, "nothing is searched for; / searches");
        }
        if !self.detail.text.find(forward, false, height) {
            let query = self.detail.text.query.clone();
            self.tell(Tone::Warn, format!("no match for {query}"));
        }
    }

    /// Takes the search of the detail pane back; returns whether there was one.
    pub(super) fn clear_search(&mut self) -> bool {
        if self.detail.tab == Some(Tab::Logs) {
            return self.clear_log_search();
        }
        !std::mem::take(&mut self.detail.text.query).is_empty()
    }

    /// A container that is shown was started again, or first came to be inspected: what is open follows.
    pub(super) fn follow_restarts(&mut self) {
        if let (Some(Target::Container(id)), Some(tab)) = (self.detail.target.clone(), self.detail.tab)
            && self.shows_detail()
            && let Some(container) = self.snap.containers.get(&id)
            && let Loaded::Here(inspection) = &self.detail.inspection
            && tab != Tab::Logs
            && (
                inspection.container.state,
                inspection.container.health,
                inspection.container.started.map(jiff::Timestamp::as_second),
            ) != (container.state, container.health, container.started.map(jiff::Timestamp::as_second))
            && container.detail.is_some()
        {
            self.out.push(Effect::Inspect(self.detail.turn, id));
        }
        self.reopen_logs();
    }

    /// The view that a target is at home in; for crumbs.
    pub fn crumb(&self, target: &Target) -> String {
        match target {
            Target::Container(id) => match self.snap.containers.get(id) {
                Some(c) => match (c.stack(), c.service()) {
                    (Some(stack), Some(service)) if self.view != View::Containers => {
                        format!("{stack} {} {service}", self.settings.symbols.crumb)
                    }
                    _ => c.name.clone(),
                },
                None => format!("{} (gone)", crate::text::short_id(id)),
            },
            Target::Image(id) => self
                .snap
                .images
                .get(id)
                .map_or_else(|| "image (gone)".to_owned(), |i| views::images::name(i).to_owned()),
            other => self.name_of(other),
        }
    }
}

fn shown<T>(loaded: &Loaded<T>, lines: impl Fn(&T) -> Vec<TextLine>) -> Vec<TextLine> {
    match loaded {
        Loaded::Nothing | Loaded::Waiting => vec![TextLine::new(Tone::Muted, "Reading…")],
        Loaded::Here(value) => lines(value),
        Loaded::Failed(error) => {
            let mut all = vec![TextLine::new(Tone::Bad, &error.message)];
            if !error.hint.is_empty() {
                all.push(TextLine::new(Tone::Muted, &error.hint));
            }
            all
        }
    }
}

/// Makes lines lead to containers.
fn link<'a>(lines: &mut [TextLine], ids: impl Iterator<Item = &'a str>) {
    for (line, id) in lines.iter_mut().zip(ids) {
        line.branch = Some((id.to_owned(), false));
    }
}

fn ports(inspection: &Inspection) -> Vec<TextLine> {
    let rows: Vec<Vec<(Tone, String)>> = inspection
        .container
        .ports
        .iter()
        .map(|p| {
            let host = match (p.host, p.host_ip) {
                (Some(port), Some(ip)) => std::net::SocketAddr::new(ip, port).to_string(),
                (Some(port), None) => format!("*:{port}"),
                _ => "not published".to_owned(),
            };
            let open = p.host.is_some() && p.host_ip.is_none_or(|ip| ip.is_unspecified());
            vec![
                (Tone::Plain, format!("{}/{}", p.container, p.protocol)),
                (if p.host.is_some() { Tone::Accent } else { Tone::Muted }, host),
                (Tone::Warn, if open { "from every network".to_owned() } else { String::new() }),
            ]
        })
        .collect();
    let mut lines = Vec::new();
    if rows.is_empty() {
        lines
            .push(TextLine::new(Tone::Muted, "It has no ports: others reach it by its name in a shared network only."));
    } else {
        lines.extend(text::table(&["CONTAINER", "HOST", "REACHED"], &rows));
    }
    lines.push(TextLine::blank());
    let rows: Vec<Vec<(Tone, String)>> = inspection
        .container
        .networks
        .iter()
        .map(|a| {
            vec![
                (Tone::Plain, a.network.clone()),
                (Tone::Plain, a.ip.map_or_else(|| "–".to_owned(), |ip| ip.to_string())),
                (Tone::Muted, a.aliases.join(", ")),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let mut table = text::table(&["NETWORK", "ADDRESS", "ALSO CALLED"], &rows);
        link(&mut table[1..], inspection.container.networks.iter().map(|a| a.network_id.as_str()));
        lines.extend(table);
    }
    lines
}

fn mounts(inspection: &Inspection) -> Vec<TextLine> {
    let rows: Vec<Vec<(Tone, String)>> = inspection
        .container
        .mounts
        .iter()
        .map(|m| {
            vec![
                (Tone::Plain, m.target.clone()),
                (Tone::Muted, m.kind.clone()),
                (if m.writable { Tone::Plain } else { Tone::Muted }, if m.writable { "rw" } else { "ro" }.to_owned()),
                (Tone::Accent, m.name.clone().unwrap_or_else(|| m.source.clone())),
            ]
        })
        .collect();
    if rows.is_empty() {
        return vec![TextLine::new(Tone::Muted, "Nothing is mounted: what it writes is lost when it is removed.")];
    }
    text::table(&["IN THE CONTAINER", "KIND", "", "FROM"], &rows)
}
