//! A Dockerfile as a build would take it: variables replaced, stages with what they inherit, what `RUN` calls.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};

use super::check::Recipe;
use crate::dockerfile::{Form, Instruction, Name, Script};
use crate::labs::Lab;

/// The longest that a text may become by its variables.
const LONGEST: usize = 4096;
/// How deep shells in shells are looked into.
const DEEP: usize = 3;

/// Which stages are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Which {
    /// The one that becomes the image.
    #[default]
    Final,
    /// The first of the file.
    First,
    /// Each.
    Any,
    /// By its name or number.
    Named(String),
}

impl Which {
    /// As a message says it.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Final => "the last stage".to_owned(),
            Self::First => "the first stage".to_owned(),
            Self::Any => "any stage".to_owned(),
            Self::Named(name) => format!("the stage {name}"),
        }
    }
}

impl<'de> Deserialize<'de> for Which {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Number(n) => Ok(Self::Named(n.to_string())),
            serde_json::Value::String(text) => Ok(match text.as_str() {
                "final" => Self::Final,
                "first" => Self::First,
                "any" | "all" | "any_stage" => Self::Any,
                _ => Self::Named(text.to_lowercase()),
            }),
            other => {
                let expected = "final, first, any, or a stage's name or number";
                Err(serde::de::Error::custom(format!("found `{other}`, expected {expected}")))
            }
        }
    }
}

impl schemars::JsonSchema for Which {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Which".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer"],
            "description": "`final`, `first`, `any`, or a stage's name or number."
        })
    }
}

/// A stage as it is built.
#[derive(Debug, Clone)]
pub(super) struct BuiltStage {
    /// Its name, in lower case.
    pub name: Option<String>,
    /// What it begins with, variables replaced; `None` when one of them is not known.
    pub base: Option<String>,
    /// The stage that it begins with.
    pub parent: Option<usize>,
    /// Its `FROM`.
    pub from: usize,
    end: usize,
}

/// Something that a `RUN` calls.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The `RUN`, by its number.
    pub at: usize,
    /// Its line.
    pub line: usize,
    /// The program, without its path; `pip` for `pip3` and `python -m pip`.
    pub program: String,
    /// What it is told.
    pub arguments: Vec<String>,
    /// Variables that are set for it: before it, or by an `export` above it.
    pub variables: Vec<(String, String)>,
}

impl Call {
    /// As one would type it, for messages.
    pub(super) fn words(&self) -> String {
        let all: Vec<&str> =
            std::iter::once(self.program.as_str()).chain(self.arguments.iter().map(String::as_str)).collect();
        crate::text::fit(&all.join(" "), 80).into_owned()
    }
}

/// A Dockerfile, read.
pub(super) struct Reading<'a> {
    pub recipe: &'a Recipe,
    /// The stages, in the order of the file.
    pub stages: Vec<BuiltStage>,
    /// The one that becomes the image.
    pub target: Option<usize>,
    /// All calls, in the order of the file.
    pub calls: Vec<Call>,
    /// What `ENV` and `ARG` set: the instruction, whether by `ENV`, name and value.
    set: Vec<(usize, bool, String, Option<String>)>,
    /// For each instruction, the words of its arguments with variables replaced; `None` for those with unknown ones.
    words: Vec<Vec<Option<String>>>,
}

impl<'a> Reading<'a> {
    /// Reads a Dockerfile as the lab's plan builds it.
    pub(super) fn of(recipe: &'a Recipe, lab: &Lab) -> Self {
        let given = lab.build.as_ref().map(|plan| plan.args.clone()).unwrap_or_default();
        let file = &recipe.file;
        let mut global: HashMap<String, Option<String>> = HashMap::new();
        let mut reading =
            Self { recipe, stages: Vec::new(), target: None, calls: Vec::new(), set: Vec::new(), words: Vec::new() };
        // What is set in each stage so far; what a parent set by ENV is looked up in it.
        let mut env: Vec<HashMap<String, Option<String>>> = Vec::new();
        let mut args: HashMap<String, Option<String>> = HashMap::new();
        for (at, instruction) in file.instructions.iter().enumerate() {
            if instruction.name == Name::From {
                let (base, complete) = instruction
                    .words()
                    .first()
                    .map_or_else(Default::default, |word| expand(&word.text, file.escape, &|n| global.get(n)?.clone()));
                let lower = base.to_lowercase();
                let parent = reading.stages.iter().position(|stage| stage.name.as_deref() == Some(lower.as_str()));
                let name = file.stages.get(env.len()).and_then(|stage| stage.name.clone());
                if let Some(last) = reading.stages.last_mut() {
                    last.end = at;
                }
                let base = complete.then_some(base);
                reading.stages.push(BuiltStage { name, base, parent, from: at, end: file.instructions.len() });
                env.push(HashMap::new());
                args.clear();
            }
            let stage = env.len().checked_sub(1);
            let lookup = |name: &str| -> Option<String> {
                let mut next = stage;
                // Nobody stacks a hundred stages.
                for _ in 0..100 {
                    let Some(number) = next else { break };
                    if let Some(value) = env[number].get(name) {
                        return value.clone();
                    }
                    next = reading.stages[number].parent;
                }
                match args.get(name) {
                    Some(value) => value.clone(),
                    None if stage.is_none() => global.get(name).cloned().flatten(),
                    None => None,
                }
            };
            let mut news = Vec::new();
            for pair in instruction.pairs() {
                let plain = |text: &str| expand(text, file.escape, &lookup);
                let name = plain(&pair.name.text).0;
                let value = pair.value.as_ref().map(|value| plain(&value.text));
                let mut value = value.and_then(|(text, complete)| complete.then_some(text));
                if instruction.name == Name::Arg {
                    let usual = || global.get(&name).cloned().flatten();
                    value = given.get(&name).cloned().or(value).or_else(usual);
                }
                news.push((name, value));
            }
            let words = match &instruction.form {
                Form::Shell(line) => vec![Some(line.text().to_owned())],
                Form::Pairs(_) => {
                    let pair = |(name, value): &(String, Option<String>)| match value {
                        Some(value) => Some(format!("{name}={value}")),
                        None => Some(name.clone()),
                    };
                    news.iter().map(pair).collect()
                }
                // What a container runs is not the build's to replace.
                Form::Json(words) if matches!(instruction.name, Name::Cmd | Name::Entrypoint | Name::Run) => {
                    words.iter().map(|word| Some(word.text.clone())).collect()
                }
                Form::Json(words) | Form::Words(words) => words
                    .iter()
                    .map(|word| expand(&word.text, file.escape, &lookup))
                    .map(|(text, complete)| complete.then_some(text))
                    .collect(),
                Form::None => Vec::new(),
            };
            if instruction.name == Name::Run
                && let Some(script) = instruction.script(&recipe.text, file.escape)
            {
                let line = file.line_of(instruction.span.start);
                collect(&script, at, line, &|span| file.line_of(span), &lookup, &mut reading.calls);
            }
            reading.words.push(words);
            for (name, value) in news {
                match (instruction.name, stage) {
                    (Name::Arg, None) => drop(global.insert(name, value)),
                    (Name::Arg, Some(_)) => {
                        reading.set.push((at, false, name.clone(), value.clone()));
                        args.insert(name, value);
                    }
                    (Name::Env, Some(stage)) => {
                        reading.set.push((at, true, name.clone(), value.clone()));
                        env[stage].insert(name, value);
                    }
                    _ => {}
                }
            }
        }
        let wanted = lab.build.as_ref().and_then(|plan| plan.target.clone());
        reading.target = match wanted {
            Some(name) => reading.stages_of(&Which::Named(name.to_lowercase())).first().copied(),
            None => reading.stages.len().checked_sub(1),
        };
        reading
    }

    /// The Dockerfile's path.
    pub(super) fn path(&self) -> &str {
        &self.recipe.path
    }

    /// An instruction.
    pub(super) fn instruction(&self, at: usize) -> Option<&'a Instruction> {
        self.recipe.file.instructions.get(at)
    }

    /// The line of an instruction.
    pub(super) fn line(&self, at: usize) -> usize {
        self.instruction(at).map_or(1, |instruction| self.recipe.file.line_of(instruction.span.start))
    }

    /// The words of an instruction with variables replaced.
    pub(super) fn words(&self, at: usize) -> &[Option<String>] {
        self.words.get(at).map_or(&[], Vec::as_slice)
    }

    /// All arguments of an instruction as one text, variables replaced where they are known.
    pub(super) fn arguments(&self, at: usize) -> String {
        let Some(instruction) = self.instruction(at) else { return String::new() };
        let known: Option<Vec<String>> = self.words(at).iter().cloned().collect();
        match known {
            Some(words) if !words.is_empty() && instruction.name != Name::Healthcheck => words.join(" "),
            _ => instruction.arguments.text().to_owned(),
        }
    }

    /// The stages that are meant.
    pub(super) fn stages_of(&self, which: &Which) -> Vec<usize> {
        match which {
            Which::Final => self.target.into_iter().collect(),
            Which::First => (!self.stages.is_empty()).then_some(0).into_iter().collect(),
            Which::Any => (0..self.stages.len()).collect(),
            Which::Named(name) => self.stage(name).into_iter().collect(),
        }
    }

    /// A stage by its name or number.
    pub(super) fn stage(&self, name: &str) -> Option<usize> {
        let lower = name.to_lowercase();
        let named = self.stages.iter().position(|stage| stage.name.as_deref() == Some(lower.as_str()));
        named.or_else(|| lower.parse().ok().filter(|number| *number < self.stages.len()))
    }

    /// The instructions that make a stage, those of the stages it begins with first.
    pub(super) fn lineage(&self, stage: usize) -> Vec<usize> {
        let mut stages = Vec::new();
        let mut next = Some(stage);
        while let Some(number) = next.filter(|number| *number < self.stages.len() && stages.len() < 100) {
            stages.push(number);
            // A parent always stands before its child.
            next = self.stages[number].parent.filter(|parent| *parent < number);
        }
        stages.into_iter().rev().flat_map(|n| self.stages[n].from..self.stages[n].end).collect()
    }

    /// The image that a stage begins with in the end, and the `FROM` that names it.
    pub(super) fn root(&self, stage: usize) -> (Option<&str>, usize) {
        let mut at = stage;
        while let Some(parent) = self.stages.get(at).and_then(|s| s.parent).filter(|parent| *parent < at) {
            at = parent;
        }
        self.stages.get(at).map_or((None, 0), |stage| (stage.base.as_deref(), stage.from))
    }

    /// The instructions of some stages, with what they inherit; all of the file for each stage.
    pub(super) fn within(&self, which: &Which) -> Vec<usize> {
        if *which == Which::Any {
            return (0..self.recipe.file.instructions.len()).collect();
        }
        self.stages_of(which).into_iter().flat_map(|stage| self.lineage(stage)).collect()
    }

    /// The last instruction of a name that counts for a stage.
    pub(super) fn last(&self, name: Name, stage: usize) -> Option<usize> {
        let is = |at: &usize| self.instruction(*at).is_some_and(|i| i.name == name && !i.broken);
        self.lineage(stage).into_iter().rev().find(is)
    }

    /// The value of a variable at an instruction, and by which instruction; only ENV's when `env`.
    pub(super) fn variable(&self, name: &str, at: usize, env: bool) -> Option<(Option<&str>, usize)> {
        let stage = self.stages.iter().rposition(|stage| stage.from <= at)?;
        let line = self.lineage(stage);
        let own = self.stages[stage].from;
        let sets = |(by, is_env, known, _): &&(usize, bool, String, Option<String>)| {
            known == name && *by < at && (*is_env || (!env && *by >= own)) && line.binary_search(by).is_ok()
        };
        // ENV counts more than an ARG of the same name.
        let all: Vec<_> = self.set.iter().filter(sets).collect();
        let last = all.iter().rev().find(|set| set.1).or(all.last())?;
        Some((last.3.as_deref(), last.0))
    }

    /// A text at an instruction, variables replaced where they are known.
    pub(super) fn expanded(&self, text: &str, at: usize) -> String {
        let lookup = |name: &str| self.variable(name, at, false)?.0.map(str::to_owned);
        expand(text, self.recipe.file.escape, &lookup).0
    }

    /// Where a stage ends: the place for asking what holds in its containers.
    #[cfg(test)]
    pub(super) fn end(&self, stage: usize) -> usize {
        self.stages.get(stage).map_or(0, |stage| stage.end)
    }
}

/// The calls of a script, with those of shells that it calls.
fn collect(
    script: &Script,
    at: usize,
    line: usize,
    line_of: &dyn Fn(usize) -> usize,
    lookup: &dyn Fn(&str) -> Option<String>,
    calls: &mut Vec<Call>,
) {
    collect_deep(script, at, &|span| line_of(span).max(line), lookup, &mut Vec::new(), DEEP, calls);
}

fn collect_deep(
    script: &Script,
    at: usize,
    line_of: &dyn Fn(usize) -> usize,
    lookup: &dyn Fn(&str) -> Option<String>,
    exported: &mut Vec<(String, String)>,
    deep: usize,
    calls: &mut Vec<Call>,
) {
    for command in &script.commands {
        let line = line_of(command.span.start);
        let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut variables: Vec<_> = command.assignments.iter().filter_map(|word| pair(&word.text)).collect();
        // `env A=1 program` sets it as well.
        let called = command.arguments().len() + 1;
        let before = command.words.len().saturating_sub(called);
        variables.extend(command.words.iter().take(before).filter_map(|word| pair(&word.text)));
        let Some(program) = command.program() else {
            // Alone they count for the rest of a shell's script only when they are exported; taken so.
            exported.extend(variables);
            continue;
        };
        let mut words = replaced(program, lookup);
        if words.is_empty() {
            continue;
        }
        let program = words.remove(0);
        let program = program.rsplit('/').next().unwrap_or_default().to_owned();
        let mut arguments = words;
        for word in command.arguments() {
            arguments.extend(replaced(&word.text, lookup));
        }
        if matches!(program.as_str(), "export" | "declare" | "typeset") {
            exported.extend(arguments.iter().filter_map(|text| pair(text)));
        }
        let shell = matches!(program.as_str(), "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh" | "eval");
        if shell && deep > 0 {
            let order = if program == "eval" {
                Some(arguments.join(" "))
            } else {
                let flag =
                    arguments.iter().position(|a| a.starts_with('-') && !a.starts_with("--") && a.ends_with('c'));
                flag.and_then(|flag| arguments.get(flag + 1).cloned())
            };
            if let Some(order) = order {
                let inner = Script::shell(&order);
                let mut known = exported.clone();
                known.extend(variables.clone());
                collect_deep(&inner, at, &|_| line, lookup, &mut known, deep - 1, calls);
            }
        }
        variables.extend(exported.iter().cloned());
        calls.push(Call { at, line, program, arguments, variables });
    }
}

/// A word of a shell's text with the build's variables replaced; one that is a variable may become several.
fn replaced(word: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    if !word.contains('$') || word.contains("$(") {
        return vec![word.to_owned()];
    }
    let (text, complete) = expand(word, '\0', lookup);
    if !complete {
        return vec![word.to_owned()];
    }
    if word.starts_with('$') { text.split_whitespace().map(str::to_owned).collect() } else { vec![text] }
}

/// A text with its variables replaced and its quotes removed, and whether all of them are known.
pub(super) fn expand(text: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> (String, bool) {
    expand_deep(text, escape, lookup, 8)
}

fn expand_deep(text: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>, deep: usize) -> (String, bool) {
    let mut out = String::new();
    let mut complete = true;
    let mut quote = None;
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if out.len() > LONGEST {
            return (out, false);
        }
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), c) if c == escape => out.extend(rest.next().map(|(_, c)| c)),
            (None | Some('"'), '$') => {
                let after = &text[at + 1..];
                let Some((length, value)) = variable(after, escape, lookup, deep) else {
                    complete &= !after.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '{'));
                    out.push('$');
                    continue;
                };
                match value {
                    Some(value) if out.len() + value.len() <= LONGEST => out.push_str(&value),
                    _ => {
                        complete = false;
                        out.push_str(&text[at..=at + length]);
                    }
                }
                while rest.next_if(|(next, _)| *next <= at + length).is_some() {}
            }
            (_, c) => out.push(c),
        }
    }
    (out, complete)
}

/// What follows a `$`: how many bytes name a variable, and its value if it is known.
fn variable(
    text: &str,
    escape: char,
    lookup: &dyn Fn(&str) -> Option<String>,
    deep: usize,
) -> Option<(usize, Option<String>)> {
    let name_of = |text: &str| {
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        begins.then_some(length)
    };
    let Some(inner) = text.strip_prefix('{') else {
        let length = name_of(text)?;
        return Some((length, lookup(&text[..length])));
    };
    let length = name_of(inner)?;
    let (name, after) = inner.split_at(length);
    // To the bracket that closes this one.
    let mut depth = 1;
    let end = after.char_indices().find(|(_, c)| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        depth == 0
    })?;
    let (end, modifier) = (1 + length + end.0 + 1, &after[..end.0]);
    let value = lookup(name);
    let (colon, rest) = modifier.strip_prefix(':').map_or((false, modifier), |rest| (true, rest));
    let is_set = value.as_ref().is_some_and(|value| !colon || !value.is_empty());
    let other = |word: &str| {
        if deep == 0 {
            return None;
        }
        let (text, complete) = expand_deep(word, escape, lookup, deep - 1);
        complete.then_some(text)
    };
    let found = match rest.chars().next() {
        None | Some('?') => value,
        Some('-') if is_set => value,
        Some('+') if !is_set => Some(String::new()),
        Some('-' | '+') => other(&rest[1..]),
        Some(_) => None,
    };
    Some((end, found))
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
