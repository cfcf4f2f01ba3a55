//! What there is to judge, asked of an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;

use super::composed::{self, Composed};
use super::daemon::DaemonFacts;
use super::facts::{self, Facts, ImageFacts};
use super::report::{Finding, Kind, Report, Subject};
use super::rules::{self, NetworkFacts};
use super::{Bench, Meant, sort, subject_of};
use crate::config::Config;
use crate::engine::model::{Container, Image, Inspection, Network};
use crate::engine::{Engine, EngineError, ErrorKind};

/// How many requests are under way at once.
const AT_ONCE: usize = 12;
/// For how many containers, if they are named, it is asked what they wrote.
const FEW: usize = 8;

/// What shall be looked at; everything unless something is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Stacks and containers by name; a service as `STACK/SERVICE`.
    pub names: Vec<String>,
}

impl Wanted {
    fn all(&self) -> bool {
        self.names.is_empty()
    }

    fn has(&self, container: &Container) -> bool {
        self.all()
            || self.names.iter().any(|name| {
                let service = container.stack().zip(container.service());
                *name == container.name
                    || container.stack() == Some(name)
                    || service.is_some_and(|(stack, service)| *name == format!("{stack}/{service}"))
                    || (name.len() >= 12 && container.id.starts_with(name.as_str()))
            })
    }
}

/// Looks at everything an engine has, and at the compose files of its stacks where they can be read.
///
/// # Errors
/// When not even the containers can be listed; what else is refused stands in the report's notes.
pub async fn audit(engine: &Engine, config: &Config) -> Result<Report, EngineError> {
    audit_of(engine, config, &Wanted::default()).await
}

/// Looks at what is wanted of it. Where something is named, images, networks and the engine are not judged.
///
/// # Errors
/// When not even the containers can be listed, or a name is nobody's.
pub async fn audit_of(engine: &Engine, config: &Config, wanted: &Wanted) -> Result<Report, EngineError> {
    let containers: Vec<Arc<Container>> = engine.containers().await?.into_iter().map(Arc::new).collect();
    let chosen: Vec<&Arc<Container>> = containers.iter().filter(|container| wanted.has(container)).collect();
    if let Some(name) = wanted.names.iter().find(|name| {
        let one = Wanted { names: vec![(*name).clone()] };
        !containers.iter().any(|container| one.has(container))
    }) {
        let message = format!("there is no container and no stack {name}");
        return Err(
            EngineError::new(ErrorKind::NotFound, message).with_hint("`ondeck ps` and `ondeck stacks` list them")
        );
    }
    let meant = Meant::read(config);
    let bench = Bench { config, meant: &meant, now: Timestamp::now() };
    let mut look = Look { engine, bench, report: Report { notes: meant.notes().to_vec(), ..Report::default() } };
    let (daemon, images, networks) = tokio::join!(DaemonFacts::ask(engine), engine.images(), engine.networks());
    let daemon = look.had("the engine itself", daemon);
    let images = look.had("images", images).unwrap_or_default();
    let networks = look.had("networks", networks).unwrap_or_default();
    let tags = tags(&images);
    let inspections = look.inspect(&chosen).await;
    let ids = inspections.iter().map(|inspection| inspection.container.image_id.clone()).filter(|id| !id.is_empty());
    let mut ids: BTreeSet<String> = ids.collect();
    let used = ids.clone();
    if wanted.all() {
        ids.extend(images.iter().filter(|image| !image.tags.is_empty()).map(|image| image.id.to_string()));
    }
    let known = look.images(ids.into_iter().collect()).await;
    let stacks = crate::fleet::stacks_of(chosen.iter().copied());
    let composed = composed::of_stacks(&stacks, &mut look.report.notes).await;
    let local = Local { daemon: daemon.as_ref(), known: &known, tags: &tags };
    let few = !wanted.all() && inspections.len() <= FEW;
    let facts = look.containers(inspections, &local, few).await;
    look.composed(&composed, &local);
    if wanted.all() {
        look.rest(&facts, &local, &used, &networks, &containers).await;
    }
    sort(&mut look.report.findings);
    Ok(look.report)
}

/// Which image each tag means.
fn tags(images: &[Image]) -> BTreeMap<String, String> {
    let pairs = images.iter().flat_map(|image| image.tags.iter().map(|tag| (tag.clone(), image.id.to_string())));
    pairs.collect()
}

/// What is known of the engine and its images.
struct Local<'a> {
    daemon: Option<&'a DaemonFacts>,
    known: &'a BTreeMap<String, ImageFacts>,
    tags: &'a BTreeMap<String, String>,
}

/// A report that is being made.
struct Look<'a> {
    engine: &'a Engine,
    bench: Bench<'a>,
    report: Report,
}

impl Look<'_> {
    /// What was answered; why not is noted.
    fn had<T>(&mut self, what: &str, answer: Result<T, EngineError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.report.missed += 1;
                self.report.notes.push(format!("{what} could not be looked at: {error}"));
                None
            }
        }
    }

    async fn inspect(&mut self, containers: &[&Arc<Container>]) -> Vec<Inspection> {
        let engine = self.engine;
        let ask = |container: Arc<Container>| async move {
            let answer = engine.inspect(&container.id).await;
            (container, answer)
        };
        let asked: Vec<_> = containers.iter().map(|container| ask(Arc::clone(container))).collect();
        let mut all = Vec::new();
        for (container, answer) in futures::stream::iter(asked).buffered(AT_ONCE).collect::<Vec<_>>().await {
            // What went away in the meantime needs no mending.
            if !answer.as_ref().is_err_and(|error| error.kind == ErrorKind::NotFound) {
                all.extend(self.had(&format!("the container {}", container.name), answer));
            }
        }
        all
    }

    async fn images(&mut self, ids: Vec<String>) -> BTreeMap<String, ImageFacts> {
        let engine = self.engine;
        let ask = |id: String| async move {
            let (raw, steps) = tokio::join!(engine.inspect_image(&id), engine.history(&id));
            (id, raw, steps)
        };
        let asked: Vec<_> = ids.into_iter().map(ask).collect();
        let mut known = BTreeMap::new();
        for (id, raw, steps) in futures::stream::iter(asked).buffered(AT_ONCE).collect::<Vec<_>>().await {
            let gone = |error: &EngineError| error.kind == ErrorKind::NotFound;
            if raw.as_ref().is_err_and(gone) {
                continue;
            }
            let Some(raw) = self.had(&format!("the image {}", crate::text::short_id(&id)), raw) else { continue };
            let steps = self.had(&format!("the history of the image {}", crate::text::short_id(&id)), steps);
            // The engine has the newest first.
            let steps = steps.unwrap_or_default().into_iter().rev().map(|layer| layer.created_by).collect();
            known.insert(id, ImageFacts::new(&raw, steps));
        }
        known
    }

    /// Judges containers; of those that seem to run as root the main process is looked at.
    async fn containers(&mut self, inspections: Vec<Inspection>, local: &Local<'_>, few: bool) -> Vec<Facts> {
        let engine = self.engine;
        let ask = |inspection: Inspection| async move {
            let mut facts = facts::of_container(&inspection);
            let pid = inspection.container.detail.as_ref().and_then(|detail| detail.pid);
            let root = facts.user.as_deref().is_some_and(facts::is_root);
            if let (true, true, Some(pid)) = (root, facts.running, pid) {
                // An engine without ps does without.
                if let Ok((_, rows)) = engine.top_of(&inspection.container.id, "-eo pid,uid,comm").await {
                    let main = rows.iter().find(|row| row.first().is_some_and(|cell| cell.parse() == Ok(pid)));
                    facts.uid = main.and_then(|row| row.get(1)?.parse().ok());
                    facts.processes = rows.into_iter().filter_map(|mut row| row.pop()).collect();
                }
            }
            let writes =
                if few && !facts.read_only { engine.changes(&inspection.container.id).await.ok() } else { None };
            (inspection, facts, writes)
        };
        let asked: Vec<_> = inspections.into_iter().map(ask).collect();
        let mut all = Vec::new();
        for (inspection, facts, writes) in futures::stream::iter(asked).buffered(AT_ONCE).collect::<Vec<_>>().await {
            let folders = writes.map(|paths| folders(&paths, &facts));
            let mut around = self.bench.around(local.daemon, local.known.get(&facts.image_id), local.tags);
            around.writes = folders.as_ref();
            let subject = subject_of(&inspection);
            let found = self.bench.judge(&facts, &around, &subject, &mut self.report.notes);
            self.report.findings.extend(found.into_iter().map(|(finding, _)| finding));
            self.report.subjects += 1;
            all.push(facts);
        }
        all
    }

    /// Judges the files of stacks: what a container of theirs breaks gets its place, what only the file breaks is new.
    fn composed(&mut self, all: &[Composed], local: &Local<'_>) {
        for composed in all {
            for (name, facts) in &composed.services {
                let tag =
                    if facts.image.contains(':') { facts.image.clone() } else { format!("{}:latest", facts.image) };
                let image = local.tags.get(&tag).and_then(|id| local.known.get(id)).filter(|_| !facts.built);
                let around = self.bench.around(local.daemon, image, local.tags);
                let subject = composed.subject(name);
                let found = self.bench.judge(facts, &around, &subject, &mut self.report.notes);
                self.report.subjects += 1;
                for (mut finding, at) in found {
                    finding.place = composed.place(name, &at);
                    self.join(finding);
                }
            }
        }
    }

    /// Adds a finding of a file, or its place to the same of its containers.
    fn join(&mut self, finding: Finding) {
        let same = |other: &Finding| {
            other.subject.kind == Kind::Container
                && other.rule.code == finding.rule.code
                && other.subject.stack == finding.subject.stack
                && other.subject.service == finding.subject.service
        };
        // Of several of one rule each has a line of its own: what mends it says which is which.
        let alike = |other: &Finding| other.run == finding.run || other.observed == finding.observed;
        let mut theirs: Vec<&mut Finding> = self.report.findings.iter_mut().filter(|other| same(other)).collect();
        if theirs.is_empty() {
            self.report.findings.push(finding);
            return;
        }
        let exact = theirs.iter().any(|other| alike(other));
        for other in &mut theirs {
            if alike(other) || (!exact && other.place.is_none()) {
                other.place.clone_from(&finding.place);
            }
        }
    }

    /// Judges images, networks and the engine.
    async fn rest(
        &mut self,
        facts: &[Facts],
        local: &Local<'_>,
        used: &BTreeSet<String>,
        networks: &[Network],
        containers: &[Arc<Container>],
    ) {
        let plain = |kind, id: &str, name: &str| Subject {
            kind,
            id: id.to_owned(),
            name: name.to_owned(),
            stack: None,
            service: None,
        };
        for (id, image) in local.known.iter().filter(|(id, image)| used.contains(*id) || !image.tags.is_empty()) {
            self.report.subjects += 1;
            let name = image.tags.first().map_or_else(|| crate::text::short_id(id), String::as_str);
            let found = rules::of_image(image, &self.bench.around(local.daemon, None, local.tags));
            self.add(found, &plain(Kind::Image, id, name));
        }
        for network in networks {
            self.report.subjects += 1;
            // Only of these the options matter.
            if !(matches!(network.driver.as_str(), "overlay" | "macvlan" | "ipvlan") || network.name == "bridge") {
                continue;
            }
            let answer = self.engine.inspect_network(&network.id).await;
            let Some(raw) = self.had(&format!("the network {}", network.name), answer) else { continue };
            let there = |c: &&Arc<Container>| c.state.is_up() && c.networks.iter().any(|a| a.network == network.name);
            let members = containers.iter().filter(there).map(|container| container.name.clone()).collect();
            let found = rules::of_network(&NetworkFacts { raw: &raw, members });
            self.add(found, &plain(Kind::Network, &network.id, &network.name));
        }
        if let Some(daemon) = local.daemon {
            self.report.subjects += 1;
            if !daemon.known {
                self.report.missed += 1;
                let note = "the engine's own settings could not be looked at: /info is refused";
                self.report.notes.push(note.to_owned());
            }
            let mut around = self.bench.around(local.daemon, None, local.tags);
            let endless = |f: &&Facts| f.log_driver == "json-file" && !f.log_options.contains_key("max-size");
            around.endless_logs = (facts.iter().filter(endless).count(), facts.len());
            let name = if daemon.name.is_empty() { "daemon" } else { &daemon.name };
            let found = rules::of_daemon(daemon, &around);
            self.add(found, &plain(Kind::Daemon, "", name));
        }
    }

    fn add(&mut self, found: Vec<(&'static super::Rule, rules::Broken)>, subject: &Subject) {
        for (rule, broken) in found {
            let notes = &mut self.report.notes;
            let finding = self.bench.finding(rule, broken, subject, &self.bench.meant.0, notes);
            self.report.findings.extend(finding);
        }
    }
}

/// The folders that a container wrote in: those of changed files, without what is below another.
fn folders(paths: &[String], facts: &Facts) -> BTreeSet<String> {
    let all: BTreeSet<&str> = paths.iter().map(String::as_str).collect();
    let leaf = |path: &&&str| {
        let below = format!("{path}/");
        !all.range(below.as_str()..).next().is_some_and(|next| next.starts_with(&below))
    };
    let mounted = |path: &str| facts.mounts.iter().any(|mount| mount.target == path);
    let parents = all.iter().filter(leaf).filter(|path| !mounted(path)).filter_map(|path| path.rsplit_once('/'));
    // Docker itself writes in these.
    let own = |folder: &str| folder.is_empty() || folder == "/etc" || folder.starts_with("/dev");
    let mut folders: BTreeSet<String> = parents.map(|(folder, _)| folder.to_owned()).filter(|f| !own(f)).collect();
    let copy = folders.clone();
    folders.retain(|folder| !copy.iter().any(|other| folder.starts_with(&format!("{other}/"))));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_were_written_in() {
        let paths = [
            "/var",
            "/var/lib",
            "/var/lib/x",
            "/var/lib/x/a",
            "/var/lib/x/sub",
            "/var/lib/x/sub/b",
            "/etc/hosts",
            "/run",
            "/data",
        ];
        let paths: Vec<String> = paths.map(str::to_owned).to_vec();
        let found = folders(&paths, &Facts::default());
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["/var/lib/x"]);
    }
}
