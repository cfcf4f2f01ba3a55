//! `ARG`, `ENV` and `LABEL`, and who asks for what they set.

use std::collections::HashSet;

use super::super::arguments::nearest;
use super::super::instruction::{Instruction, Name};
use super::super::lint::{Finding, Severity, Subject, insert, rewrite};
use super::super::variables::uses_of;
use super::from::{PLATFORM, line_before};
use super::stages::{GUESSES, Names};
use super::{RULE, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        code: "DL3064",
        severity: Severity::Error,
        title: "a secret stays in the image",
        why: "Everyone who has the image reads it in its history, whatever is removed afterwards.",
        mend: "Give it to the build with RUN --mount=type=secret, or to the container when it starts.",
        buildkit: &["SecretsUsedInArgOrEnv"],
        bad: "FROM debian:12\nENV DB_PASSWORD=hunter2\n",
        good: "FROM debian:12\nENV DB_PASSWORD_FILE=/run/secrets/db PUBLIC_KEY=a\n",
        check: |subject, found| {
            for (_, instruction) in subject.each().filter(|(_, i)| matches!(i.name, Name::Arg | Name::Env)) {
                for pair in instruction.pairs() {
                    let empty = pair.value.as_ref().is_some_and(|v| v.text.trim_matches(['"', '\'']).is_empty());
                    if is_secret(&pair.name.text) && !(empty && instruction.name == Name::Env) {
                        let message = format!("{} looks like a secret, and stays in the image", pair.name.text);
                        found.push(Finding::at(&pair.name.span).says(message));
                    }
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3044",
        title: "this variable is set only by the same line",
        why: "All of a line is read before any of it is set, so the variable is still empty.",
        mend: "Write it on a line of its own before.",
        bad: "FROM debian:12\nENV HOME_DIR=/app BIN=$HOME_DIR/bin\n",
        good: "FROM debian:12\nENV HOME_DIR=/app\nENV BIN=$HOME_DIR/bin\n",
        check: same_line,
        ..RULE
    },
    Rule {
        code: "OD0014",
        title: "this variable is not set here",
        why: "It is empty, and what uses it becomes something else without a word.",
        mend: "Write ARG with its name in this stage; what stands before FROM counts for FROM only.",
        buildkit: &["UndefinedVar"],
        bad: "ARG VERSION=1\nFROM debian:12\nENV APP=$VERSION\n",
        good: "ARG VERSION=1\nFROM debian:12\nARG VERSION\nENV APP=$VERSION\n",
        fixed: Some("ARG VERSION=1\nFROM debian:12\nARG VERSION\nENV APP=$VERSION\n"),
        check: undefined,
        ..RULE
    },
    Rule {
        code: "OD0015",
        severity: Severity::Info,
        title: "the old form without =",
        why: "It takes one variable only, and everything to the end of the line belongs to its value.",
        mend: "Write name=value.",
        buildkit: &["LegacyKeyValueFormat"],
        bad: "FROM debian:12\nENV MODE production\n",
        good: "FROM debian:12\nENV MODE=production\n",
        fixed: Some("FROM debian:12\nENV MODE=production\n"),
        check: |subject, found| {
            for (_, instruction) in subject.each().filter(|(_, i)| matches!(i.name, Name::Env | Name::Label)) {
                let [pair] = instruction.pairs() else { continue };
                let Some(value) = pair.value.as_ref().filter(|_| pair.old && !instruction.broken) else { continue };
                let finding = Finding::at(&(pair.name.span.start..value.span.end));
                let between = pair.name.span.end..value.span.start;
                let quotes = value.text.contains(['"', '\'', '\\', '`']);
                let spaces = value.text.contains(char::is_whitespace);
                let name = pair.name.text.contains(['"', '\'', '\\', '`']);
                found.push(if (quotes && spaces) || name {
                    finding
                } else if spaces {
                    let edits = vec![rewrite(&between, "=\""), insert(value.span.end, "\"")];
                    finding.fix("Write name=value", edits)
                } else {
                    finding.fix("Write name=value", vec![rewrite(&between, "=")])
                });
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0016",
        severity: Severity::Info,
        title: "DEBIAN_FRONTEND stays set in containers",
        why: "Whoever later works in a container is never asked anything, and does not know why.",
        mend: "Write ARG DEBIAN_FRONTEND=noninteractive, which counts for the build only.",
        bad: "FROM debian:12\nENV DEBIAN_FRONTEND=noninteractive\n",
        good: "FROM debian:12\nARG DEBIAN_FRONTEND=noninteractive\n",
        fixed: Some("FROM debian:12\nARG DEBIAN_FRONTEND=noninteractive\n"),
        check: |subject, found| {
            for (_, instruction) in subject.each().filter(|(_, i)| i.name == Name::Env && !i.broken) {
                let Some(pair) = instruction.pairs().iter().find(|p| p.name.text == "DEBIAN_FRONTEND") else {
                    continue;
                };
                let finding = Finding::at(&pair.name.span);
                let alone = instruction.pairs().len() == 1 && !pair.old;
                found.push(if alone {
                    finding.fix("Write ARG", vec![rewrite(&instruction.keyword, "ARG")])
                } else {
                    finding
                });
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3048",
        severity: Severity::Info,
        title: "this name is no good for a label",
        why: "Names of labels are small letters and digits with `.`, `-` and `_` between; Docker keeps some for itself.",
        mend: "Write it as in org.example.version.",
        bad: "FROM debian:12\nLABEL com.docker.mine=1\n",
        good: "FROM debian:12\nLABEL org.example.mine=1\n",
        check: |subject, found| {
            for (_, instruction) in subject.each().filter(|(_, i)| i.name == Name::Label && !i.broken) {
                for pair in instruction.pairs() {
                    let name = pair.name.text.trim_matches(['"', '\'']);
                    let reserved =
                        ["com.docker.", "io.docker.", "org.dockerproject."].iter().any(|p| name.starts_with(p));
                    let letters = name.bytes().all(|b| {
                        b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_' | b'/')
                    });
                    let ends = name.starts_with(|c: char| c.is_ascii_lowercase())
                        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
                    if !name.contains('$')
                        && (reserved || !letters || !ends || name.contains("..") || name.contains("--"))
                    {
                        found.push(Finding::at(&pair.name.span));
                    }
                }
            }
        },
        ..RULE
    },
];

fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
    has(&["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"])
        && !has(&["public", "file", "version", "path", "url"])
}

fn same_line(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let file = subject.file;
    let mut known = Names::of(file);
    for instruction in file.instructions.iter().filter(|i| matches!(i.name, Name::Env | Name::Arg)) {
        let Some(stage) = instruction.stage else { continue };
        let pairs = instruction.pairs();
        if instruction.name == Name::Env && instruction.arguments.text().contains('$') {
            let own: HashSet<&str> = pairs.iter().map(|p| p.name.text.as_str()).collect();
            for one in uses_of(&instruction.arguments, file.escape) {
                let name = one.name.as_str();
                let itself = pairs.partition_point(|p| p.name.span.start <= one.span.start);
                let itself = itself.checked_sub(1).and_then(|i| pairs.get(i)).is_some_and(|p| p.name.text == name);
                if own.contains(name) && !itself && name != "PATH" && !known.has(stage, name) {
                    let message = format!("{name} is set only by this line, so here it is empty");
                    found.push(Finding::at(&one.span).says(message));
                }
            }
        }
        for pair in pairs {
            known.set(stage, &pair.name.text);
        }
    }
}

/// What a base image or a shell sets.
const USUAL: &[&str] = &["PATH", "HOME", "USER", "PWD", "HOSTNAME", "SHELL", "LANG", "TERM", "UID", "TMPDIR"];
/// ARGs that need no ARG.
const PROXY: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];

fn undefined(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let file = subject.file;
    let global: HashSet<&str> =
        file.global_arguments().flat_map(Instruction::pairs).map(|p| p.name.text.as_str()).collect();
    // A name is told once in a stage; when it is declared for one use it is for all that follow.
    let mut told: HashSet<(usize, String)> = HashSet::new();
    // What a parent's ARG set ends with its stage for BuildKit; its children are taken to know it all the same.
    let mut known = Names::of(file);
    let mut guesses = GUESSES;
    for (number, instruction) in file.instructions.iter().enumerate().filter(|(_, i)| i.name != Name::From) {
        let Some(stage) = instruction.stage else { continue };
        let line = instruction.shell().unwrap_or(&instruction.arguments);
        let shell = instruction.name == Name::Run;
        let replaces = matches!(
            instruction.name,
            Name::Add
                | Name::Copy
                | Name::Env
                | Name::Expose
                | Name::Label
                | Name::User
                | Name::Volume
                | Name::Workdir
                | Name::Stopsignal
                | Name::Arg
        );
        if (shell || replaces) && line.text().contains('$') && !instruction.broken {
            for one in uses_of(line, file.escape) {
                let name = one.name.as_str();
                if one.optional || PROXY.contains(&name) || (instruction.name == Name::Env && name == "PATH") {
                    continue;
                }
                let outside = global.contains(name) || PLATFORM.contains(&name);
                // A base image may set anything: without a name like it nearby nothing is said.
                if (!outside && (shell || guesses == 0 || USUAL.contains(&name))) || known.has(stage, name) {
                    continue;
                }
                // An ARG of the same line is set from left to right.
                if instruction.pairs().iter().take(64).any(|p| p.name.text == name)
                    || (shell && sets(subject, number, name))
                    || !told.insert((stage, one.name.clone()))
                {
                    continue;
                }
                let finding = Finding::at(&one.span).says(format!("${name} is not set in this stage"));
                if outside {
                    let edit = line_before(subject.text, instruction, &format!("ARG {name}"));
                    found.push(finding.fix(format!("Write ARG {name} before it"), vec![edit]));
                    continue;
                }
                guesses -= 1;
                if let Some(near) = nearest(name, known.own(stage)) {
                    let finding = finding.mend(format!("Did you mean ${near}?"));
                    found.push(finding.guess(format!("Write {near}"), vec![rewrite(&one.span, near)]));
                }
            }
        }
        if matches!(instruction.name, Name::Arg | Name::Env) {
            for pair in instruction.pairs() {
                known.set(stage, &pair.name.text);
            }
        }
    }
}

/// Whether a `RUN` sets a variable of its own.
fn sets(subject: &Subject<'_>, number: usize, name: &str) -> bool {
    subject.scripts.get(number).and_then(Option::as_ref).is_some_and(|script| {
        script.commands.iter().any(|c| {
            let assigned = c.assignments.iter().any(|w| w.text.split('=').next() == Some(name));
            let read = c.call().is_some_and(|call| {
                matches!(call.program, "read" | "export" | "local" | "declare" | "." | "source" | "eval")
                    && (matches!(call.program, "." | "source" | "eval")
                        || call.arguments.iter().any(|w| w.text.split('=').next() == Some(name)))
            });
            assigned || read
        }) || subject
            .file
            .instructions
            .get(number)
            .is_some_and(|i| i.arguments.text().contains(&format!("for {name} ")))
    })
}
