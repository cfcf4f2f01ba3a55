//! Whom a container needs: as compose says, as its environment says, as it complains itself.

use std::sync::LazyLock;

use regex::Regex;

use crate::engine::model::Container;
use crate::health::causes::{Complaints, unresolved};
use crate::health::facts::{Facts, Phase};
use crate::health::gather::Gathered;
use crate::health::{Finding, Layer, Level};
use crate::stacks::{Condition, is_one_off};

use super::Party;

/// How it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum How {
    /// Compose says so.
    Declared(Condition),
    /// A variable of its environment names it.
    Env(String),
    /// It shares its network, and has none without it.
    Shared,
    /// It says itself that it cannot reach it; the line.
    Said(String),
}

/// Something that is needed: one of these containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub on: Vec<usize>,
    /// By which name.
    pub name: String,
    pub how: How,
}

/// The needs of all.
pub(super) struct Needs(Vec<Vec<Need>>);

impl Needs {
    /// Reads them from what is known.
    pub(super) fn of(parties: &[Party<'_>], gathered: &Gathered) -> Self {
        Self(parties.iter().enumerate().map(|(n, party)| needs(parties, n, party, gathered)).collect())
    }

    pub(super) fn of_party(&self, n: usize) -> &[Need] {
        &self.0[n]
    }
}

fn needs(parties: &[Party<'_>], n: usize, party: &Party<'_>, gathered: &Gathered) -> Vec<Need> {
    let Some(facts) = party.facts else { return Vec::new() };
    let mut needs = Vec::new();
    let declared = party.verdict.stack.as_ref().and_then(|stack| gathered.waits.get(stack));
    let declared = declared.zip(party.verdict.service.as_ref()).and_then(|(waits, service)| waits.get(service));
    for (name, condition) in declared.into_iter().flatten() {
        let on = of_service(parties, n, name);
        if !on.is_empty() {
            needs.push(Need { on, name: name.clone(), how: How::Declared(*condition) });
        }
    }
    if let Some(id) = facts.raw("/HostConfig/NetworkMode").as_str().and_then(|m| m.strip_prefix("container:")) {
        let on = |(_, p): &(usize, &Party<'_>)| p.verdict.id.as_deref() == Some(id) || p.verdict.name == id;
        if let Some((on, other)) = parties.iter().enumerate().find(on) {
            needs.push(Need { on: vec![on], name: other.verdict.name.clone(), how: How::Shared });
        }
    }
    for (variable, host) in facts.more.iter().flat_map(|m| &m.env).filter_map(|v| host_in(v)) {
        let on = resolve(parties, n, facts, host, false);
        if !on.is_empty() {
            let variable = crate::text::clean(variable).into_owned();
            needs.push(Need { on, name: host.to_owned(), how: How::Env(variable) });
        }
    }
    if facts.is_ill() || party.verdict.level == Level::Failing {
        if let Some((name, line)) = unresolved(facts).filter(|(name, _)| !name.is_empty()) {
            let on = resolve(parties, n, facts, &name, true);
            if !on.is_empty() {
                needs.push(Need { on, name, how: How::Said(line) });
            }
        }
        let complaints = Complaints::of(facts);
        if complaints.is_empty() {
            return needs;
        }
        let mut names: Vec<String> =
            (0..parties.len()).filter(|o| *o != n).flat_map(|o| names_of(parties, facts, o)).collect();
        names.sort();
        names.dedup();
        for name in names {
            if let Some(line) = complaints.about(&name) {
                needs.push(Need { on: resolve(parties, n, facts, &name, false), name, how: How::Said(line) });
            }
        }
    }
    needs
}

/// The names by which `facts`' container may speak of another.
fn names_of(parties: &[Party<'_>], facts: &Facts, other: usize) -> Vec<String> {
    let verdict = &parties[other].verdict;
    let same = verdict.stack.is_some() && verdict.stack.as_deref() == facts.container.stack();
    let near = parties[other].facts.is_some_and(|f| !common(&facts.container, &f.container).is_empty());
    let mut names = Vec::new();
    if same {
        names.extend(verdict.service.clone());
    }
    if same || near {
        names.push(verdict.name.clone());
        names.extend(parties[other].facts.into_iter().flat_map(aliases));
    }
    names
}

/// The names that it has in its networks; its short identifier is no name that anyone writes.
fn aliases(facts: &Facts) -> Vec<String> {
    let id = &facts.container.id;
    facts.container.networks.iter().flat_map(|a| &a.aliases).filter(|a| !id.starts_with(a.as_str())).cloned().collect()
}

fn of_service(parties: &[Party<'_>], from: usize, service: &str) -> Vec<usize> {
    let stack = parties[from].verdict.stack.as_deref();
    let is = |(n, p): &(usize, &Party<'_>)| {
        *n != from
            && p.verdict.stack.as_deref() == stack
            && p.verdict.service.as_deref() == Some(service)
            && !p.facts.is_some_and(|f| is_one_off(&f.container))
    };
    parties.iter().enumerate().filter(is).map(|(n, _)| n).collect()
}

/// The containers that a name means to another one: of its stack, or in a network with it; `anywhere` also of those that
/// it cannot reach.
fn resolve(parties: &[Party<'_>], from: usize, facts: &Facts, name: &str, anywhere: bool) -> Vec<usize> {
    let stack = facts.container.stack();
    if stack.is_some() {
        let of = of_service(parties, from, name);
        if !of.is_empty() {
            return of;
        }
    }
    let find = |test: &dyn Fn(&Party<'_>) -> bool| -> Vec<usize> {
        parties.iter().enumerate().filter(|(n, p)| *n != from && test(p)).map(|(n, _)| n).collect()
    };
    let near = find(&|p| {
        p.facts
            .is_some_and(|f| !common(&facts.container, &f.container).is_empty() && aliases(f).iter().any(|a| a == name))
    });
    let stack = stack.is_some();
    let same = |p: &Party<'_>| stack && p.verdict.stack.as_deref() == facts.container.stack();
    let near_or_same =
        |p: &Party<'_>| same(p) || p.facts.is_some_and(|f| !common(&facts.container, &f.container).is_empty());
    let named = find(&|p| p.verdict.name == name && (anywhere || near_or_same(p)));
    if named.is_empty() { near } else { named }
}

/// A variable and the host that its value names, alone or in an address.
fn host_in(variable: &str) -> Option<(&str, &str)> {
    static URL: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[a-z][a-z0-9+.-]*://(?:[^@/\s]*@)?([A-Za-z0-9_][A-Za-z0-9_.-]*)").ok());
    static BARE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^([A-Za-z0-9_][A-Za-z0-9_.-]*)(?::\d+)?$").ok());
    let (name, value) = variable.split_once('=')?;
    let capture = |regex: &LazyLock<Option<Regex>>| (**regex).as_ref()?.captures(value)?.get(1).map(|m| m.as_str());
    let upper = name.to_uppercase();
    // What a container is called itself is no need.
    if upper == "HOSTNAME" || upper == "HOST" {
        return None;
    }
    let bare = ["HOST", "SERVER", "ADDR", "BROKER", "ENDPOINT", "UPSTREAM"].iter().any(|w| upper.contains(w));
    capture(&URL).or_else(|| if bare { capture(&BARE) } else { None }).map(|host| (name, host))
}

/// The networks that both are in.
fn common<'a>(a: &'a Container, b: &Container) -> Vec<&'a str> {
    let both = |n: &&crate::engine::model::Attachment| {
        b.networks.iter().any(|m| {
            if n.network_id.is_empty() || m.network_id.is_empty() {
                m.network == n.network
            } else {
                m.network_id == n.network_id
            }
        })
    };
    a.networks.iter().filter(both).map(|n| n.network.as_str()).filter(|n| *n != "none").collect()
}

/// Whether a container can reach another one in the way that it wants to.
pub(super) fn reaches(from: &Facts, to: &Facts, how: &How) -> bool {
    let apart = |f: &Facts| {
        let mode = f.raw("/HostConfig/NetworkMode").as_str().unwrap_or_default();
        // With the host's network, or another container's, what is reached is another question.
        f.container.networks.iter().any(|n| n.network == "host")
            || f.container.networks.is_empty()
            || mode.starts_with("container:")
    };
    if apart(from) || apart(to) || *how == How::Shared {
        return true;
    }
    let common = common(&from.container, &to.container);
    // The default bridge knows no names; only addresses, and links, which are rare.
    let nameless = common == ["bridge"] && matches!(how, How::Said(_)) && unresolved(from).is_some();
    !common.is_empty() && !nameless
}

/// The words for two that should be in one network.
pub(super) fn wrong_network(from: &Facts, to: &Facts, other: &str, need: &Need, level: Level) -> Finding {
    let list = |c: &Container| {
        let names: Vec<&str> = c.networks.iter().map(|n| n.network.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let shared = common(&from.container, &to.container);
    let theirs = to.container.networks.iter().map(|n| n.network.as_str()).find(|n| *n != "bridge");
    let (what, why, todo) = if shared.is_empty() {
        (
            format!("shares no network with {other}, which it needs"),
            format!("it is in {}, {other} in {}", list(&from.container), list(&to.container)),
            match theirs {
                Some(network) => format!(
                    "add the network to its networks: in compose, or at once: docker network connect {network} {}",
                    from.container.name
                ),
                None => format!(
                    "put both into one network of their own: docker network create NAME, docker network connect NAME {} and {other}",
                    from.container.name
                ),
            },
        )
    } else {
        (
            format!("asks for {} by name on the default bridge, which knows no names", need.name),
            "containers find each other by name only in networks that were made for them".to_owned(),
            format!(
                "docker network create NAME, then docker network connect NAME {} and the same for {other}",
                from.container.name
            ),
        )
    };
    let evidence = match &need.how {
        How::Said(line) => vec![line.clone()],
        _ => Vec::new(),
    };
    let why = match &need.how {
        How::Env(variable) => format!("{why}; its variable {variable} names it"),
        How::Declared(_) => format!("{why}; compose lets it depend on it"),
        _ => why,
    };
    let since = if from.phase() == Phase::Up { from.container.started } else { from.container.finished };
    Finding { code: "WRONG_NETWORK", level, layer: Layer::Dependency, what, why, todo, evidence, since }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_the_environment() {
        for (variable, host) in [
            ("DATABASE_URL=postgres://user:secret@db:5432/app", Some("db")),
            ("REDIS_URL=redis://cache", Some("cache")),
            ("DB_HOST=db", Some("db")),
            ("KAFKA_BROKER=kafka:9092", Some("kafka")),
            ("HOSTNAME=ab12", None),
            ("GREETING=db", None),
            ("PATH=/bin:/usr/bin", None),
        ] {
            assert_eq!(host_in(variable).map(|(_, h)| h), host, "{variable}");
        }
    }
}
