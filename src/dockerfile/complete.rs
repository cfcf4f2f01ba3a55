//! What may come next.

use std::collections::BTreeSet;
use std::ops::Range;

use super::arguments;
use super::instruction::{Dockerfile, Instruction, Name};
use super::parse::parse;
use super::source::floor;

/// What could stand at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is typed of it already.
    pub replace: Range<usize>,
    /// The best first.
    pub items: Vec<Item>,
}

/// One thing that could stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What to write.
    pub insert: String,
    /// What to show.
    pub label: String,
    /// What it is, in a few words.
    pub about: String,
}

fn item(insert: impl Into<String>, label: impl Into<String>, about: impl Into<String>) -> Item {
    Item { insert: insert.into(), label: label.into(), about: about.into() }
}

/// What could be written at a byte of the text: an instruction, a flag, a stage, a variable.
pub fn complete(text: &str, at: usize) -> Option<Completion> {
    let at = floor(text, at);
    // What comes behind cannot be meant: stages and variables are known from their line on.
    let before = &text[..at];
    let line = before.rfind('\n').map_or(0, |i| i + 1);
    let typed = before[line..].trim_start_matches('\u{feff}').trim_start();
    if typed.starts_with('#') {
        return None;
    }
    let file = parse(before);
    let last = file.instructions.last();
    if last.is_some_and(|i| i.heredocs.iter().any(|h| h.closing.is_none() && h.body.end > h.body.start)) {
        return None;
    }
    if typed.is_empty() && !file.open_end {
        return found(at..at, "", names(false));
    }
    let outer = last?;
    let instruction = outer.inner.as_deref().unwrap_or(outer);
    // The word that is typed, on its line.
    let word = before[line..]
        .rfind(char::is_whitespace)
        .map_or(line, |i| line + i + before[line + i..].chars().next().map_or(1, char::len_utf8));
    let word = if before[word..].starts_with('\u{feff}') { word + 3 } else { word };
    if outer.keyword.end == at && outer.keyword.start == word {
        return found(word..at, &before[word..], names(false));
    }
    if outer.name == Name::Onbuild
        && (outer.arguments.is_empty() || (instruction.keyword.end == at && instruction.keyword.start == word))
    {
        return found(word..at, &before[word..], names(true));
    }
    if let Some(done) = variable(&file, before, word) {
        return Some(done);
    }
    let typed = &before[word..];
    // Flags come before everything else.
    let first = instruction.arguments.is_empty() || instruction.arguments.span(0..1).start >= word;
    if typed.starts_with('-') && first {
        return flag(&file, instruction, typed, word, at);
    }
    match instruction.name {
        Name::From if first => {
            let mut all: Vec<Item> = stages(&file, true);
            all.push(item("scratch", "scratch", "Nothing at all"));
            found(word..at, typed, all)
        }
        Name::From if instruction.words().len() + usize::from(typed.is_empty()) == 2 => {
            found(word..at, typed, vec![item("AS ", "AS", "Give the stage a name")])
        }
        Name::Healthcheck if first => {
            let all = vec![
                item("CMD ", "CMD", "The command that checks"),
                item("NONE", "NONE", "No check, whatever the base says"),
            ];
            found(word..at, typed, all)
        }
        Name::Stopsignal if first => {
            let all = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL"];
            found(word..at, typed, all.map(|s| item(s, s, "A signal")).to_vec())
        }
        Name::Shell if first => {
            let bash = r#"["/bin/bash", "-eo", "pipefail", "-c"]"#;
            found(word..at, typed, vec![item(bash, bash, "bash that stops at the first error")])
        }
        _ => None,
    }
}

/// Those of all that go on as typed; none when nothing does, or the only one is typed already.
fn found(replace: Range<usize>, typed: &str, all: Vec<Item>) -> Option<Completion> {
    let begins = |i: &Item| i.insert.get(..typed.len()).is_some_and(|b| b.eq_ignore_ascii_case(typed));
    let items: Vec<Item> = all.into_iter().filter(begins).collect();
    let done = items.is_empty() || (items.len() == 1 && items[0].insert.trim_end() == typed);
    (!done).then_some(Completion { replace, items })
}

fn names(onbuild: bool) -> Vec<Item> {
    // What is written most comes first.
    let order = [
        Name::From,
        Name::Run,
        Name::Copy,
        Name::Workdir,
        Name::Env,
        Name::Arg,
        Name::Cmd,
        Name::Entrypoint,
        Name::Expose,
        Name::User,
        Name::Healthcheck,
        Name::Label,
        Name::Volume,
        Name::Add,
        Name::Shell,
        Name::Stopsignal,
        Name::Onbuild,
    ];
    order
        .into_iter()
        .filter(|n| !onbuild || !matches!(n, Name::From | Name::Onbuild))
        .map(|n| item(format!("{} ", n.as_str()), n.as_str(), n.about()))
        .collect()
}

/// The stages before the one that is typed in, or before its `FROM`.
fn stages(file: &Dockerfile, from: bool) -> Vec<Item> {
    let current = file.stages.len().saturating_sub(1);
    let mut seen = BTreeSet::new();
    let mut all: Vec<Item> = file.stages[..current.min(file.stages.len())]
        .iter()
        .rev()
        .filter_map(|s| s.name.as_deref().map(|n| (n, s)))
        .filter(|(n, _)| seen.insert(*n))
        .map(|(n, s)| item(n, n, format!("Stage from {}", s.base)))
        .collect();
    if from {
        let images =
            file.stages[..current.min(file.stages.len())].iter().filter(|s| s.parent.is_none() && !s.base.is_empty());
        let mut seen = BTreeSet::new();
        all.extend(images.filter(|s| seen.insert(&s.base)).map(|s| item(&s.base, &s.base, "Image used above")));
    }
    all
}

/// Names after `$` and `${`.
fn variable(file: &Dockerfile, before: &str, word: usize) -> Option<Completion> {
    let typed = &before[word..];
    let dollar = typed.rfind('$')?;
    let brace = typed[dollar + 1..].starts_with('{');
    let start = word + dollar + 1 + usize::from(brace);
    let name = &before[start..];
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') || typed[..dollar].ends_with('\\') {
        return None;
    }
    let stage = file.instructions.last()?.stage;
    let typing_from = file.instructions.last().is_some_and(|i| i.name == Name::From);
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for instruction in file.instructions.iter().rev().skip(1) {
        // FROM sees what stands before the first FROM, everything else its own stage.
        let visible = if typing_from { instruction.stage.is_none() } else { instruction.stage == stage };
        if !visible || !matches!(instruction.name, Name::Arg | Name::Env) {
            continue;
        }
        for pair in instruction.pairs() {
            if seen.insert(pair.name.text.clone()) {
                let value = pair.value.as_ref().map_or("", |v| v.text.as_str());
                let about = format!("{} {}", instruction.name.as_str(), value.chars().take(40).collect::<String>());
                let close = if brace { "}" } else { "" };
                all.push(item(format!("{}{close}", pair.name.text), &pair.name.text, about.trim_end()));
            }
        }
    }
    found(start..before.len(), name, all)
}

fn flag(file: &Dockerfile, instruction: &Instruction, typed: &str, word: usize, at: usize) -> Option<Completion> {
    let known = arguments::flags(instruction.name);
    let Some((name, value)) = typed.split_once('=') else {
        let all = known
            .iter()
            .filter(|k| k.many || typed.len() > 2 || instruction.flag(k.name).is_none())
            .map(|k| {
                let alone = k.values.first() == Some(&"true");
                let insert = if alone { format!("--{} ", k.name) } else { format!("--{}=", k.name) };
                item(insert, format!("--{}", k.name), k.about)
            })
            .collect();
        return found(word..at, typed, all);
    };
    let flag = known.iter().find(|k| k.name == name.trim_start_matches('-'))?;
    let start = at - value.len();
    if flag.name == "from" {
        return found(start..at, value, stages(file, false));
    }
    if flag.name == "mount" && value.contains(',') {
        return mount(file, value, at);
    }
    let all = flag.values.iter().map(|v| item(*v, v.trim_end_matches([',', '=']), flag.about)).collect();
    found(start..at, value, all)
}

/// The keys of a mount after its type.
fn mount(file: &Dockerfile, value: &str, at: usize) -> Option<Completion> {
    let (before, part) = value.rsplit_once(',')?;
    if let Some(typed) = part.strip_prefix("from=") {
        return found(at - typed.len()..at, typed, stages(file, false));
    }
    if let Some(typed) = part.strip_prefix("sharing=") {
        let all = ["shared", "private", "locked"].map(|v| item(v, v, "Who may use the cache at the same time"));
        return found(at - typed.len()..at, typed, all.to_vec());
    }
    let kind = before.split(',').find_map(|p| p.strip_prefix("type=")).unwrap_or("bind");
    let keys: &[(&str, &str)] = match kind {
        "cache" => &[
            ("target=", "Where it is"),
            ("id=", "Which cache it is"),
            ("sharing=", "Who may use it at the same time"),
            ("from=", "What it begins with"),
            ("source=", "A path in what it begins with"),
            ("mode=", "Its mode"),
            ("uid=", "Its owner"),
            ("gid=", "Its group"),
            ("readonly", "Nothing can be written"),
        ],
        "secret" => &[
            ("id=", "Which secret"),
            ("target=", "The file that it becomes"),
            ("env=", "The variable that it becomes"),
            ("required", "Fail without it"),
            ("mode=", "Its mode"),
            ("uid=", "Its owner"),
            ("gid=", "Its group"),
        ],
        "ssh" => &[
            ("id=", "Which agent"),
            ("target=", "Where its socket is"),
            ("required", "Fail without it"),
            ("mode=", "Its mode"),
            ("uid=", "Its owner"),
            ("gid=", "Its group"),
        ],
        "tmpfs" => &[("target=", "Where it is"), ("size=", "How large it may be")],
        _ => &[
            ("source=", "A path of the context"),
            ("target=", "Where it is"),
            ("from=", "A stage or an image"),
            ("readwrite", "What is written is dropped afterwards"),
        ],
    };
    let used = |key: &str| before.split(',').any(|p| p.starts_with(key));
    let all =
        keys.iter().filter(|(k, _)| !used(k)).map(|(k, about)| item(*k, k.trim_end_matches('='), *about)).collect();
    found(at - part.len()..at, part, all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at_end(text: &str) -> Vec<String> {
        complete(text, text.len()).map_or_else(Vec::new, |c| c.items.into_iter().map(|i| i.label).collect())
    }

    #[test]
    fn instructions_stand_at_the_beginning_of_a_line() {
        assert_eq!(at_end("").len(), 17);
        assert_eq!(at_end("FROM a\nco"), ["COPY"]);
        assert_eq!(at_end("FROM a\nONBUILD c"), ["COPY", "CMD"]);
        assert!(!at_end("FROM a\nONBUILD ").contains(&"FROM".to_owned()));
        let done = complete("FROM a\n  En", 11).unwrap();
        assert_eq!((done.replace, done.items[0].insert.as_str()), (9..11, "ENV "));
        for none in ["# ru", "FROM a\nRUN a \\\n", "FROM a\nRUN <<E\nru", "FROM a\nRUN x"] {
            assert!(at_end(none).is_empty(), "{none}");
        }
        assert_eq!(at_end("\u{feff}fr"), ["FROM"]);
    }

    #[test]
    fn stages_stand_after_from() {
        let file = "FROM debian:12 AS base\nFROM base AS build\n";
        assert_eq!(at_end(&format!("{file}FROM ")), ["build", "base", "debian:12", "scratch"]);
        assert_eq!(at_end(&format!("{file}FROM b")), ["build", "base"]);
        assert_eq!(at_end(&format!("{file}FROM base ")), ["AS"]);
        assert_eq!(at_end(&format!("{file}FROM x\nCOPY --from=")), ["build", "base"]);
        assert_eq!(at_end(&format!("{file}COPY --from=b")), ["base"]);
        assert_eq!(at_end(&format!("{file}FROM x\nRUN --mount=type=bind,from=bu")), ["build"]);
    }

    #[test]
    fn flags_and_their_values() {
        assert_eq!(at_end("FROM a\nCOPY --ch"), ["--chown", "--chmod"]);
        assert_eq!(at_end("FROM --"), ["--platform"]);
        assert_eq!(at_end("FROM a\nHEALTHCHECK --interval=5s --s"), ["--start-period", "--start-interval"]);
        assert_eq!(at_end("FROM a\nRUN --mount=type=c"), ["type=cache,target"]);
        assert_eq!(at_end("FROM a\nRUN --mount=type=cache,target=/x,sh"), ["sharing"]);
        assert!(at_end("FROM a\nRUN make --").is_empty());
        assert_eq!(at_end("FROM a\nHEALTHCHECK n"), ["NONE"]);
    }

    #[test]
    fn variables_of_the_stage() {
        let file = "ARG V=1\nFROM a:$";
        assert_eq!(at_end(file), ["V"]);
        let file = "ARG V=1\nFROM a:$V\nARG W\nENV PORT=80 HOST=x\nEXPOSE ${P";
        let done = complete(file, file.len()).unwrap();
        assert_eq!(done.items[0].insert, "PORT}");
        assert_eq!(&file[done.replace], "P");
        assert_eq!(at_end("FROM a\nARG W\nRUN x \\\n $"), ["W"]);
    }
}
