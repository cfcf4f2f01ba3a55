//! Checks on what the steps of a Dockerfile do: what they run, in which order, from where they copy.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Trouble;
use super::super::check::{Case, Check, Found, Kind, Phase, Seen, Wrong};
use super::super::fields::{Glob, OneOrMore, Pattern};
use super::super::reading::{Call, Which};
use super::super::select::{CallPattern, Selector, has_option};
use super::dockerfile::{View, view};
use crate::dockerfile::{Name, ignore};

pub(super) const KINDS: &[Kind] = &[
    kind!(Phase::Dockerfile, "df.order", Order, "One instruction comes before another, in each stage that has both.", [
        "DF_LAYER_ORDER": "What changes often belongs below what takes long; everything below a changed step is done anew.",
    ]),
    kind!(Phase::Dockerfile, "df.run", Run, "Commands that are run are given what they should be, and not what they should not.", [
        "DF_RUN_FLAG": "The command is run without something that the task asks for; a comment does not count.",
        "DF_RUN_FORBIDDEN": "The command is run with something that the task wants gone.",
    ]),
    kind!(Phase::Dockerfile, "df.mount", MountCheck, "A RUN has a mount.", [
        "DF_MOUNT": "RUN --mount=... makes something available only while the command runs; which one is wanted here?",
    ]),
    kind!(Phase::Dockerfile, "df.copy_from", CopyFrom, "A stage takes from another stage what it needs.", [
        "DF_COPY_FROM": "COPY --from=name takes files from another stage. Which files does the image really need?",
    ]),
];

/// `df.order`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    /// What comes first.
    first: Selector,
    /// What comes after all of those.
    then: Selector,
    /// In which stages (any).
    #[serde(default = "any")]
    stage: Which,
}

fn any() -> Which {
    Which::Any
}

impl Order {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_LAYER_ORDER", |view| {
            let firsts = self.first.find(&view.reading, &view.context);
            let thens = self.then.find(&view.reading, &view.context);
            let (first, then) = (self.first.words(), self.then.words());
            if firsts.is_empty() {
                let found = view.lacks("DF_LAYER_ORDER", &format!("expected {first}; found none")).expected(first);
                return Ok(Seen::of("not there", vec![found.found("none")]));
            }
            let mut found: Vec<Found> = Vec::new();
            for stage in view.stages(&self.stage, "DF_LAYER_ORDER")? {
                let line = view.reading.lineage(stage);
                let Some(last) = line.iter().rposition(|at| firsts.contains(at)) else { continue };
                let Some(early) = line[..last].iter().find(|at| thens.contains(at)) else { continue };
                if found.iter().any(|known| known.line == Some(view.reading.line(*early))) {
                    continue;
                }
                let below = view.reading.line(line[last]);
                let message = format!("{then} comes before {first} in line {below}, expected it after that");
                let wrong = view.found("DF_LAYER_ORDER", *early, &message);
                found.push(wrong.expected(format!("below line {below}")).found("above it"));
            }
            Ok(Seen::of(if found.is_empty() { "in order" } else { "out of order" }, found))
        })
    }
}

impl Check for Order {
    fn title(&self) -> String {
        format!("{} comes before {}", self.first.words(), self.then.words())
    }

    fn wrong(&self) -> Option<Wrong> {
        self.first.wrong("first").or_else(|| self.then.wrong("then"))
    }

    at_once!();
}

/// A mount of a `RUN`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Mount {
    /// `bind`, `cache`, `secret`, `tmpfs`, `ssh`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Where it is seen.
    target: Option<String>,
    /// Its name.
    id: Option<String>,
    /// What is seen there.
    source: Option<String>,
    /// The stage or image that it is from.
    from: Option<String>,
}

impl Mount {
    /// Reads `type=cache,target=/x`.
    fn parse(value: &str) -> Self {
        let mut mount = Self::default();
        for part in value.split(',') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = Some(value.trim_matches(['"', '\'']).to_owned());
            match name.trim().to_ascii_lowercase().as_str() {
                "type" => mount.kind = value,
                "target" | "dst" | "destination" => mount.target = value,
                "id" => mount.id = value,
                "source" | "src" => mount.source = value,
                "from" => mount.from = value,
                _ => {}
            }
        }
        mount.kind.get_or_insert_with(|| "bind".to_owned());
        mount
    }

    /// Those of an instruction.
    fn of(view: &View<'_>, at: usize) -> Vec<Self> {
        let flags = view.reading.instruction(at).into_iter().flat_map(|i| &i.flags).filter(|f| f.name == "mount");
        flags.filter_map(|flag| Some(Self::parse(&view.reading.expanded(flag.value.as_deref()?, at)))).collect()
    }

    /// Whether a mount is what this asks for.
    fn is_match(&self, mount: &Self) -> bool {
        let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        let place = |path: &Option<String>| path.as_ref().map(|path| ignore::clean(path));
        // A secret is seen under its name where nothing else is said.
        let target = |mount: &Self| match (place(&mount.target), mount.kind.as_deref(), &mount.id) {
            (None, Some("secret"), Some(id)) => Some(format!("/run/secrets/{id}")),
            (target, ..) => target,
        };
        same(&self.kind, &mount.kind)
            && same(&self.id, &mount.id)
            && same(&self.from, &mount.from)
            && (self.target.is_none() || target(self) == target(mount))
            && (self.source.is_none() || place(&self.source) == place(&mount.source))
    }

    fn words(&self) -> String {
        let parts = [
            ("type", &self.kind),
            ("id", &self.id),
            ("from", &self.from),
            ("source", &self.source),
            ("target", &self.target),
        ];
        let all: Vec<String> =
            parts.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect();
        format!("--mount={}", all.join(","))
    }
}

/// Something that a command has. All that is given holds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Condition {
    /// An option that it is given.
    flag: Option<String>,
    /// A variable that is set for it to something that does not mean no; or `NAME=value`.
    env: Option<String>,
    /// A mount that its `RUN` has.
    mount: Option<Mount>,
    /// A pattern that one of the words it is given matches.
    arg: Option<Pattern>,
}

impl Condition {
    fn holds(&self, view: &View<'_>, call: &Call) -> bool {
        let mounts = || Mount::of(view, call.at);
        self.flag.as_ref().is_none_or(|flag| has_option(call, flag))
            && self.env.as_ref().is_none_or(|env| is_set(view, call, env))
            && self.mount.as_ref().is_none_or(|wanted| mounts().iter().any(|mount| wanted.is_match(mount)))
            && self.arg.as_ref().is_none_or(|arg| call.arguments.iter().any(|word| arg.is_in(word)))
    }

    fn words(&self) -> String {
        let all = [
            self.flag.clone(),
            self.env.clone(),
            self.mount.as_ref().map(Mount::words),
            self.arg.as_ref().map(|arg| format!("/{}/", arg.text())),
        ];
        all.into_iter().flatten().collect::<Vec<_>>().join(" with ")
    }

    fn is_empty(&self) -> bool {
        self.flag.is_none() && self.env.is_none() && self.mount.is_none() && self.arg.is_none()
    }
}

fn is_set(view: &View<'_>, call: &Call, wanted: &str) -> bool {
    let (name, exact) = wanted.split_once('=').map_or((wanted, None), |(name, value)| (name, Some(value)));
    let own = call.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let value = own.or_else(|| view.reading.variable(name, call.at, false)?.0);
    let no = |value: &str| matches!(value.to_ascii_lowercase().as_str(), "" | "0" | "no" | "off" | "false");
    value.is_some_and(|value| exact.map_or(!no(value), |exact| exact == value))
}

/// `df.run`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Run {
    /// The command that is looked at: `pip install`.
    #[serde(rename = "match")]
    call: CallPattern,
    /// Whether each such command has to fit (default), or one of them.
    #[serde(default = "yes")]
    each: bool,
    /// In which stages (any).
    #[serde(default = "any")]
    stage: Which,
    /// Of these one is there.
    #[serde(default)]
    any_of: Vec<Condition>,
    /// Of these all are there.
    #[serde(default)]
    all_of: Vec<Condition>,
    /// Of these none is there.
    #[serde(default)]
    forbid: Vec<Condition>,
}

fn yes() -> bool {
    true
}

impl Run {
    /// What is wrong with a call: the code, what was expected.
    fn judge(&self, view: &View<'_>, call: &Call) -> Option<(&'static str, String)> {
        let words = |all: &[Condition]| all.iter().map(Condition::words).collect::<Vec<_>>().join(" or ");
        if let Some(lacks) = self.all_of.iter().find(|condition| !condition.holds(view, call)) {
            return Some(("DF_RUN_FLAG", lacks.words()));
        }
        if !self.any_of.is_empty() && !self.any_of.iter().any(|condition| condition.holds(view, call)) {
            return Some(("DF_RUN_FLAG", words(&self.any_of)));
        }
        let has = self.forbid.iter().find(|condition| condition.holds(view, call))?;
        Some(("DF_RUN_FORBIDDEN", format!("nothing like {}", has.words())))
    }

    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_RUN_FLAG", |view| {
            let within = view.reading.within(&self.stage);
            let fits = |call: &&Call| self.call.is_match(call) && within.contains(&call.at);
            let calls: Vec<&Call> = view.reading.calls.iter().filter(fits).collect();
            let what = self.call.text();
            if calls.is_empty() {
                if self.any_of.is_empty() && self.all_of.is_empty() {
                    return Ok(Seen::well(format!("no {what}")));
                }
                let found = view.lacks("DF_RUN_FLAG", &format!("expected a RUN that calls {what}; found none"));
                return Ok(Seen::of("none", vec![found.expected(format!("RUN {what}")).found("none")]));
            }
            let mut found: Vec<Found> = Vec::new();
            for call in &calls {
                let Some((code, should)) = self.judge(view, call) else { continue };
                let (path, is) = (view.reading.path(), call.words());
                let message = format!("{path}:{}: found `{is}`, expected {should}", call.line);
                found.push(Found::new(code, message).at(path, call.line).expected(should).found(is));
            }
            if !self.each && found.len() < calls.len() {
                found.clear();
            }
            Ok(Seen::of(format!("{} looked at", crate::text::count(calls.len(), "command")), found))
        })
    }
}

impl Check for Run {
    fn title(&self) -> String {
        format!("{} is called as it should be", self.call.text())
    }

    fn wrong(&self) -> Option<Wrong> {
        let all = [("any_of", &self.any_of), ("all_of", &self.all_of), ("forbid", &self.forbid)];
        if all.iter().all(|(_, conditions)| conditions.is_empty()) {
            return Some(Wrong::new("", "one of `any_of`, `all_of` and `forbid` is missing here"));
        }
        let (field, _) = all.into_iter().find(|(_, conditions)| conditions.iter().any(Condition::is_empty))?;
        Some(Wrong::new(field, "found an empty condition, expected `flag`, `env`, `mount` or `arg`"))
    }

    at_once!();
}

/// `df.mount`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MountCheck {
    /// `bind`, `cache`, `secret`, `tmpfs`, `ssh`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Where it is seen.
    target: Option<String>,
    /// Its id (`id` itself is the check's name).
    mount_id: Option<String>,
    /// What is seen there.
    source: Option<String>,
    /// The stage or image that it is from.
    from: Option<String>,
    /// A command that the same `RUN` calls.
    #[serde(rename = "match")]
    call: Option<CallPattern>,
    /// In which stages (any).
    #[serde(default = "any")]
    stage: Which,
}

impl MountCheck {
    fn mount(&self) -> Mount {
        Mount {
            kind: self.kind.clone(),
            target: self.target.clone(),
            id: self.mount_id.clone(),
            source: self.source.clone(),
            from: self.from.clone(),
        }
    }

    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_MOUNT", |view| {
            let wanted = self.mount();
            let calls = |at: usize| match &self.call {
                Some(pattern) => view.reading.calls.iter().any(|call| call.at == at && pattern.is_match(call)),
                None => true,
            };
            let runs = view.reading.within(&self.stage).into_iter();
            let runs: Vec<usize> = runs
                .filter(|at| view.reading.instruction(*at).is_some_and(|i| i.name == Name::Run) && calls(*at))
                .collect();
            let has = runs.iter().find(|at| Mount::of(view, **at).iter().any(|mount| wanted.is_match(mount)));
            if let Some(at) = has {
                return Ok(Seen::well(format!("in line {}", view.reading.line(*at))));
            }
            let should = match &self.call {
                Some(call) => format!("RUN {} ... {}", wanted.words(), call.text()),
                None => format!("RUN {}", wanted.words()),
            };
            let others: Vec<String> = runs.iter().flat_map(|at| Mount::of(view, *at)).map(|m| m.words()).collect();
            let is = if others.is_empty() { "no mount".to_owned() } else { super::files::listed(&others) };
            let message = format!("expected {should}; found {is}");
            let found = match runs.first() {
                Some(at) => view.found("DF_MOUNT", *at, &message),
                None => view.lacks("DF_MOUNT", &message),
            };
            Ok(Seen::of(is.clone(), vec![found.expected(should).found(is)]))
        })
    }
}

impl Check for MountCheck {
    fn title(&self) -> String {
        format!("A RUN has {}", self.mount().words())
    }

    fn wrong(&self) -> Option<Wrong> {
        let kinds = ["bind", "cache", "secret", "tmpfs", "ssh"];
        match &self.kind {
            Some(kind) if !kinds.contains(&kind.as_str()) => {
                let message = format!("found `{kind}`, expected one of {}", kinds.join(", "));
                Some(Wrong::new("type", message))
            }
            None if self.target.is_none() && self.mount_id.is_none() => {
                Some(Wrong::new("", "one of `type`, `target` and `mount_id` is missing here"))
            }
            _ => None,
        }
    }

    at_once!();
}

/// `df.copy_from`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CopyFrom {
    /// The stage that takes (`final`).
    #[serde(default)]
    into: Which,
    /// From where: `any_stage` (default), a stage's name or number, or a glob for an image.
    from: Option<String>,
    /// A path, or glob, that is taken.
    path: Option<Glob>,
    /// Paths, or globs, that are not taken.
    #[serde(default)]
    not_path: OneOrMore<Glob>,
}

/// Something that is taken from a stage or image.
struct Taken {
    at: usize,
    stage: Option<usize>,
    from: String,
    path: String,
    /// By `COPY`, not only seen while a command runs.
    copied: bool,
}

impl CopyFrom {
    /// What a stage takes.
    fn taken(view: &View<'_>, stage: usize) -> Vec<Taken> {
        let mut all = Vec::new();
        for at in view.reading.lineage(stage) {
            let Some(instruction) = view.reading.instruction(at).filter(|i| !i.broken) else { continue };
            let own = view.reading.stages.iter().rposition(|stage| stage.from <= at);
            // Only stages above can be meant.
            let stage = |from: &str| view.reading.stage(from).filter(|stage| own.is_some_and(|own| *stage < own));
            if instruction.name == Name::Copy
                && let Some(from) = instruction.flag("from").and_then(|flag| flag.value.as_deref())
            {
                let from = view.reading.expanded(from, at);
                let Some((_, sources)) = view.reading.words(at).split_last() else { continue };
                for path in sources.iter().flatten() {
                    let path = ignore::clean(&format!("/{path}"));
                    all.push(Taken { at, stage: stage(&from), from: from.clone(), path, copied: true });
                }
            }
            for mount in Mount::of(view, at) {
                let Some(from) = mount.from else { continue };
                let path = ignore::clean(&format!("/{}", mount.source.unwrap_or_default()));
                all.push(Taken { at, stage: stage(&from), from, path, copied: false });
            }
        }
        all
    }

    fn is_from(&self, view: &View<'_>, taken: &Taken) -> bool {
        match self.from.as_deref() {
            None | Some("any_stage") => taken.stage.is_some(),
            Some("any") => true,
            Some(name) => match view.reading.stage(name) {
                Some(stage) => taken.stage == Some(stage),
                None => Glob::new(name).is_ok_and(|glob| glob.is_match(&taken.from)),
            },
        }
    }

    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_COPY_FROM", |view| {
            let from = match self.from.as_deref() {
                None | Some("any_stage") => "another stage",
                Some("any") => "anywhere",
                Some(name) => name,
            };
            let is_path = |glob: &Glob, path: &str| {
                let text = ignore::clean(&format!("/{}", glob.text()));
                Glob::new(&text).is_ok_and(|glob| glob.is_match(path))
            };
            let (mut found, mut seen) = (Vec::new(), Vec::new());
            for stage in view.stages(&self.into, "DF_COPY_FROM")? {
                let all = Self::taken(view, stage);
                let right: Vec<&Taken> = all.iter().filter(|taken| self.is_from(view, taken)).collect();
                let line = view.reading.stages[stage].from;
                let what = self.path.as_ref().map_or("something", Glob::text);
                let fits = |taken: &&&Taken| self.path.as_ref().is_none_or(|glob| is_path(glob, &taken.path));
                if let Some(taken) = right.iter().find(fits) {
                    seen.push(format!("{} from {}", taken.path, taken.from));
                } else {
                    let others: Vec<String> =
                        all.iter().map(|taken| format!("{} from {}", taken.path, taken.from)).collect();
                    let is = super::files::listed(&others);
                    let message = format!("the stage that begins here takes {is}, expected {what} from {from}");
                    let wrong = view.found("DF_COPY_FROM", line, &message);
                    found.push(wrong.expected(format!("{what} from {from}")).found(is));
                }
                for taken in right.iter().filter(|taken| taken.copied) {
                    let Some(glob) = self.not_path.0.iter().find(|glob| is_path(glob, &taken.path)) else { continue };
                    let is = format!("{} from {}", taken.path, taken.from);
                    let message = format!("this takes {is}, expected only what is needed of it");
                    let should = format!("not {}", ignore::clean(&format!("/{}", glob.text())));
                    found.push(view.found("DF_COPY_FROM", taken.at, &message).expected(should).found(is));
                }
            }
            Ok(Seen::of(super::files::listed(&seen), found))
        })
    }
}

impl Check for CopyFrom {
    fn title(&self) -> String {
        format!("{} takes files from another stage", self.into.words())
    }

    at_once!();
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
