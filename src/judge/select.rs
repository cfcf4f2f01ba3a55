//! Pointing at instructions by what they do: `{run: pip install}`, `{copies: "app/**"}`, `{instr: USER}`.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::check::Wrong;
use super::checks::Context;
use super::fields::{Glob, Pattern};
use super::reading::{Call, Reading, Which};
use crate::dockerfile::{Name, Script, ignore};

/// A command as a manifest names it: a program and what it is told first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallPattern {
    text: String,
    program: String,
    words: Vec<String>,
}

impl CallPattern {
    fn new(text: &str) -> Option<Self> {
        let script = Script::shell(text);
        let [command] = script.commands.as_slice() else { return None };
        let words = command.arguments().iter().map(|word| word.text.clone()).collect();
        Some(Self { text: text.to_owned(), program: command.program()?.to_owned(), words })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a call is one of these: the same program, its first words (options between them do not count), and the
    /// options that are named.
    pub(super) fn is_match(&self, call: &Call) -> bool {
        if call.program != self.program {
            return false;
        }
        let (options, words): (Vec<&String>, Vec<&String>) = self.words.iter().partition(|word| word.starts_with('-'));
        if !options.iter().all(|option| has_option(call, option)) {
            return false;
        }
        let mut words = words.into_iter().peekable();
        let mut after_option = false;
        for argument in &call.arguments {
            let Some(wanted) = words.peek() else { break };
            if argument.starts_with('-') {
                after_option = !argument.contains('=');
            } else if argument == *wanted {
                words.next();
                after_option = false;
            } else if after_option {
                // It may be the option's value.
                after_option = false;
            } else {
                return false;
            }
        }
        words.next().is_none()
    }
}

/// Whether a call is given an option: `--name`, `--name=value`, `-y` also within `-qy`.
pub(super) fn has_option(call: &Call, option: &str) -> bool {
    let short = option.strip_prefix('-').filter(|rest| rest.chars().count() == 1 && !rest.starts_with('-'));
    // Behind a bare -- there are none.
    call.arguments.iter().take_while(|argument| *argument != "--").any(|argument| {
        let name = argument.split_once('=').map_or(argument.as_str(), |(name, _)| name);
        let within = |letter: &str| argument.starts_with('-') && !argument.starts_with("--") && name.contains(letter);
        argument == option || name == option || short.is_some_and(within)
    })
}

impl<'de> Deserialize<'de> for CallPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("found `{text}`, expected one command, such as `pip install`"))
        })
    }
}

impl JsonSchema for CallPattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Command".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

/// The name of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instr(pub Name);

impl<'de> Deserialize<'de> for Instr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Name::of(&text) {
            Name::Unknown => {
                let hint = crate::config::suggestion(&text, Name::ALL.iter().map(|name| name.as_str()));
                Err(serde::de::Error::custom(format!("found `{text}`, expected the name of an instruction\n{hint}")))
            }
            name => Ok(Self(name)),
        }
    }
}

impl JsonSchema for Instr {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instruction".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<&str> = Name::ALL.iter().map(|name| name.as_str()).collect();
        schemars::json_schema!({ "type": "string", "enum": names })
    }
}

/// What points at instructions. One of `run`, `copies` and `instr` is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Selector {
    /// A `RUN` that calls this, anywhere in it.
    pub run: Option<CallPattern>,
    /// A `COPY` or `ADD` that brings a file of the build context that this means.
    pub copies: Option<Glob>,
    /// An instruction of this name.
    pub instr: Option<Instr>,
    /// In which stage (any).
    pub stage: Option<Which>,
    /// A pattern that the instruction's arguments match, variables replaced.
    pub value: Option<Pattern>,
}

impl Selector {
    /// What is wrong with it; `field` is where it stands.
    pub(super) fn wrong(&self, field: &str) -> Option<Wrong> {
        let said = [self.run.is_some(), self.copies.is_some(), self.instr.is_some()];
        let one = said.iter().filter(|said| **said).count() == 1;
        (!one).then(|| Wrong::new(field, "expected one of `run`, `copies` and `instr`"))
    }

    /// As a message says it.
    pub(super) fn words(&self) -> String {
        let what = match (&self.run, &self.copies, &self.instr) {
            (Some(run), _, _) => format!("RUN {}", run.text()),
            (_, Some(copies), _) => format!("a COPY of {}", copies.text()),
            (_, _, Some(Instr(name))) => name.as_str().to_owned(),
            _ => "nothing".to_owned(),
        };
        match &self.value {
            Some(value) => format!("{what} with /{}/", value.text()),
            None => what,
        }
    }

    /// The instructions that it points at, by their numbers, in the order of the file.
    pub(super) fn find(&self, reading: &Reading<'_>, context: &Context) -> Vec<usize> {
        let mut found: Vec<usize> = match (&self.run, &self.copies, &self.instr) {
            (Some(run), _, _) => reading.calls.iter().filter(|call| run.is_match(call)).map(|call| call.at).collect(),
            (_, Some(copies), _) => {
                (0..reading.recipe.file.instructions.len()).filter(|at| brings(reading, context, *at, copies)).collect()
            }
            (_, _, Some(Instr(name))) => {
                let is = |at: &usize| reading.instruction(*at).is_some_and(|i| i.name == *name && !i.broken);
                (0..reading.recipe.file.instructions.len()).filter(is).collect()
            }
            _ => Vec::new(),
        };
        found.dedup();
        if let Some(value) = &self.value {
            found.retain(|at| value.is_in(&reading.arguments(*at)));
        }
        if let Some(which) = &self.stage {
            let mut within = reading.within(which);
            within.sort_unstable();
            found.retain(|at| within.binary_search(at).is_ok());
        }
        found
    }
}

/// Whether a `COPY` or `ADD` brings a file of the context that a glob means.
fn brings(reading: &Reading<'_>, context: &Context, at: usize, glob: &Glob) -> bool {
    let Some(instruction) = reading.instruction(at) else { return false };
    if !matches!(instruction.name, Name::Copy | Name::Add) || instruction.broken || instruction.flag("from").is_some() {
        return false;
    }
    let words = reading.words(at);
    let Some((_, sources)) = words.split_last() else { return false };
    let excluded: String = instruction
        .flags
        .iter()
        .filter(|flag| flag.name == "exclude")
        .filter_map(|flag| flag.value.as_deref())
        .fold(String::new(), |all, line| all + line + "\n");
    let excluded = ignore::Ignore::parse(&excluded);
    let local = |source: &str| !source.contains("://") && !source.starts_with("git@") && !source.contains("<<");
    sources.iter().flatten().filter(|source| local(source)).any(|source| {
        let brought = context.copied_by(source);
        brought.into_iter().any(|path| glob.is_match(path) && !excluded.excludes(path))
    })
}
