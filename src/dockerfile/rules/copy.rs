//! `COPY` and `ADD`: what comes into the image, and in which order.

use std::collections::HashMap;

use super::super::arguments::nearest;
use super::super::instruction::{Instruction, Name, Word};
use super::super::lint::{Finding, Severity, Subject, insert, rewrite};
use super::super::words;
use super::stages::{GUESSES, MANY};
use super::{RULE, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        code: "DL3020",
        title: "ADD is used where COPY does",
        why: "ADD also downloads and unpacks, which surprises whoever did not ask for it.",
        mend: "Write COPY.",
        bad: "FROM debian:12\nADD app.py /app/\n",
        good: "FROM debian:12\nADD rootfs.tar.gz /\n",
        fixed: Some("FROM debian:12\nCOPY app.py /app/\n"),
        check: |subject, found| {
            for (_, instruction) in subject.each().filter(|(_, i)| i.name == Name::Add && !i.broken) {
                let Some((sources, _)) = parts(instruction) else { continue };
                let plain_flags =
                    instruction.flags.iter().all(|f| matches!(f.name.as_str(), "chown" | "chmod" | "link" | "exclude"));
                if plain_flags && sources.iter().all(|s| plain_file(&s.text)) {
                    let upper = subject.text_of(&instruction.keyword).chars().any(char::is_uppercase);
                    let copy = if upper { "COPY" } else { "copy" };
                    let edit = rewrite(&instruction.keyword, copy);
                    found.push(Finding::at(&instruction.keyword).fix("Write COPY", vec![edit]));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3021",
        severity: Severity::Error,
        title: "several sources need a directory as target",
        why: "Docker refuses to copy several files into one.",
        mend: "End the target with /.",
        bad: "FROM debian:12\nCOPY a b /app\n",
        good: "FROM debian:12\nCOPY a b /app/\n",
        fixed: Some("FROM debian:12\nCOPY a b /app/\n"),
        check: |subject, found| {
            for (_, _, sources, target) in copies(subject) {
                let text = target.text.trim_end_matches(['"', '\'']);
                let directory = text.ends_with(['/', '\\']) || matches!(text, "." | "..") || text.ends_with("/.");
                if sources.len() > 1 && !directory && !text.contains('$') {
                    let written = subject.text_of(&target.span);
                    let finding = Finding::at(&target.span);
                    // Only on one line and without escapes is the place for the slash beyond doubt.
                    let plain = written.trim_matches(['"', '\'']);
                    let sure = plain == target.text.trim_matches(['"', '\'']) && !plain.contains('\\');
                    let inside = target.span.end - usize::from(written.ends_with(['"', '\'']));
                    found.push(if sure { finding.fix("End it with /", vec![insert(inside, "/")]) } else { finding });
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3022",
        title: "COPY --from names no stage above and no image with a tag",
        why: "Docker then looks for an image of this name on the registry, which is hardly meant.",
        mend: "Name a stage that stands above, or an image with its tag.",
        bad: "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=biuld /app /app\n",
        good: "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build /app /app\n",
        fixed: Some("FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build /app /app\n"),
        check: unknown_source,
        ..RULE
    },
    Rule {
        code: "DL3023",
        severity: Severity::Error,
        title: "a stage copies from itself",
        why: "It is not finished yet when it copies, so the build stops.",
        mend: "Name another stage, or use RUN cp.",
        bad: "FROM debian:12 AS build\nCOPY --from=build /a /b\n",
        good: "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build /a /b\n",
        check: |subject, found| {
            for (_, instruction) in subject.each() {
                let Some((stage, from, span)) = from(instruction) else { continue };
                let own = subject.file.stages[stage].name.as_deref() == Some(from.to_lowercase().as_str());
                if own || from.parse() == Ok(stage) {
                    found.push(Finding::at(&span));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3067",
        title: "everything is copied from another stage",
        why: "The whole system of that stage comes along, with its tools and caches: nothing is won by the second stage.",
        mend: "Copy only what is needed, as in COPY --from=build /app /app.",
        bad: "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build / /\n",
        good: "FROM debian:12 AS build\nFROM scratch\nCOPY --from=build / /\n",
        check: |subject, found| {
            for (_, instruction, sources, _) in copies(subject) {
                let Some((stage, ..)) = from(instruction) else { continue };
                // Onto nothing it makes one layer of all, which is meant.
                if subject.file.stages[stage].base == "scratch" {
                    continue;
                }
                found.extend(sources.iter().filter(|s| s.text == "/").map(|s| Finding::at(&s.span)));
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3045",
        title: "a relative target without a WORKDIR",
        why: "Where the files end depends on the base image; mostly it is /.",
        mend: "Write WORKDIR before it, or a target that begins with /.",
        bad: "FROM debian:12\nCOPY app.py app/\n",
        good: "FROM debian:12\nWORKDIR /app\nCOPY app.py .\n",
        check: |subject, found| {
            subject.file.walk(|known: &mut bool, _, instruction| {
                if instruction.name == Name::Workdir {
                    *known = true;
                }
                if *known || !matches!(instruction.name, Name::Copy | Name::Add) || instruction.broken {
                    return;
                }
                let Some((_, target)) = parts(instruction) else { return };
                let text = target.text.trim_start_matches(['"', '\'']);
                let drive = text.as_bytes().get(1) == Some(&b':');
                if !text.starts_with(['/', '\\', '$']) && !drive {
                    found.push(Finding::at(&target.span));
                }
            });
        },
        ..RULE
    },
    Rule {
        code: "DL3010",
        severity: Severity::Info,
        title: "an archive is copied, then unpacked",
        why: "The archive stays in a layer below although nobody needs it any more.",
        mend: "Write ADD, which unpacks it while it copies, or mount it: RUN --mount=type=bind.",
        bad: "FROM debian:12\nCOPY app.tar.gz /tmp/\nRUN tar -xzf /tmp/app.tar.gz\n",
        good: "FROM debian:12\nADD app.tar.gz /app/\n",
        programs: &["tar"],
        check: archives,
        ..RULE
    },
    Rule {
        code: "OD0003",
        severity: Severity::Error,
        title: ".dockerignore hides what is copied",
        why: "The builder never sees the file, so the build stops.",
        mend: "Remove the pattern from .dockerignore, or add an exception that begins with !.",
        buildkit: &["CopyIgnoredFile"],
        bad: "FROM debian:12\nCOPY ignored.txt /app/\n",
        good: "FROM debian:12\nCOPY app.py /app/\n",
        check: |subject, found| {
            let Some(ignored) = subject.around.ignored else { return };
            for (source, path) in local_sources(subject) {
                if ignored(&path) {
                    found.push(Finding::at(&source.span).says(format!(".dockerignore hides {path}")));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0004",
        severity: Severity::Error,
        title: "the context does not have what is copied",
        why: "The build stops at this step.",
        mend: "Write a path as seen from the directory that is built.",
        bad: "FROM debian:12\nCOPY missing.txt /app/\n",
        good: "FROM debian:12\nCOPY app.py /app/\n",
        check: |subject, found| {
            let Some(files) = subject.around.files else { return };
            let ignored = |path: &str| subject.around.ignored.is_some_and(|i| i(path));
            for (source, path) in local_sources(subject) {
                if path.split('/').any(|part| part == "..") {
                    let message = format!("{path} is not in the directory that is built");
                    found.push(Finding::at(&source.span).says(message));
                } else if !files(&path) && !ignored(&path) {
                    found.push(Finding::at(&source.span).says(format!("the context has no {path}")));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0005",
        title: "dependencies are installed after the source is copied",
        why: "Every change of any file throws the cache away and installs all of them again.",
        mend: "Copy the list of dependencies first, install them, and copy the rest afterwards.",
        bad: "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci\n",
        good: "FROM node:22\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\n",
        check: order,
        ..RULE
    },
];

/// Sources and target.
fn parts(instruction: &Instruction) -> Option<(&[Word], &Word)> {
    let (target, sources) = instruction.words().split_last()?;
    (!sources.is_empty()).then_some((sources, target))
}

/// Every `COPY` and `ADD` that can be read, with sources and target.
fn copies<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (usize, &'a Instruction, &'a [Word], &'a Word)> {
    subject.each().filter(|(_, i)| matches!(i.name, Name::Copy | Name::Add) && !i.broken).filter_map(|(n, i)| {
        let (sources, target) = parts(i)?;
        Some((n, i, sources, target))
    })
}

fn plain_file(source: &str) -> bool {
    let lower = source.to_ascii_lowercase();
    let lower = lower.trim_matches(['"', '\'']);
    let archive = [".tar", ".gz", ".tgz", ".xz", ".txz", ".bz2", ".tbz2", ".tbz", ".tlz", ".lzma", ".zst", ".z"];
    !archive.iter().any(|end| lower.ends_with(end))
        && !lower.contains("://")
        && !lower.starts_with("git@")
        && !lower.contains(['$', '*', '?'])
        && !words::is_heredoc(source)
}

/// `--from=...` of a `COPY`: the stage it stands in, the value and its place.
fn from(instruction: &Instruction) -> Option<(usize, &str, super::super::source::Span)> {
    if instruction.name != Name::Copy {
        return None;
    }
    let flag = instruction.flag("from")?;
    let value = flag.value.as_deref().filter(|v| !v.is_empty() && !v.contains('$'))?;
    Some((instruction.stage?, value, flag.value_span.clone()?))
}

fn unknown_source(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (number, stage) in subject.file.stages.iter().enumerate() {
        if let Some(name) = &stage.name {
            first.entry(name).or_insert(number);
        }
    }
    for (_, instruction) in subject.each() {
        let Some((stage, from, span)) = from(instruction) else { continue };
        if from.contains(['/', ':', '@']) || from == "scratch" {
            continue;
        }
        let lower = from.to_lowercase();
        if let Ok(number) = lower.parse::<usize>() {
            if number > stage {
                let message = format!("there is no stage {number} above; the first one is 0");
                found.push(Finding::at(&span).says(message));
            }
            continue;
        }
        match first.get(lower.as_str()) {
            Some(&number) if number <= stage => {}
            Some(&number) => {
                let line = subject.file.line_of(subject.file.instructions[subject.file.stages[number].from].span.start);
                let message = format!("the stage {from} begins only in line {line}, below this");
                found.push(Finding::at(&span).says(message).mend("Move that stage above this one."));
            }
            None => {
                let finding = Finding::at(&span).says(format!("{from} is no stage above and no image with a tag"));
                let above = subject.file.stages[..stage].iter().rev().take(MANY).filter_map(|s| s.name.as_deref());
                let near = if found.len() < GUESSES { nearest(from, above) } else { None };
                found.push(match near {
                    Some(near) => finding
                        .mend(format!("Did you mean {near}?"))
                        .guess(format!("Write {near}"), vec![rewrite(&span, near)]),
                    None => finding,
                });
            }
        }
    }
}

fn archives(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    // Archives of the stage that is read, by their file's name.
    let mut copied: HashMap<&str, &Word> = HashMap::new();
    let mut stage = None;
    for (number, instruction) in subject.each() {
        if instruction.stage != stage {
            copied.clear();
            stage = instruction.stage;
        }
        if instruction.name == Name::Copy && instruction.flag("from").is_none() {
            for source in parts(instruction).map_or(&[][..], |(sources, _)| sources) {
                if !plain_file(&source.text) && source.text.contains(".t") && !source.text.contains(['$', '*']) {
                    copied.insert(source.text.rsplit('/').next().unwrap_or(""), source);
                }
            }
        }
        let Some(script) = subject.scripts[number].as_ref().filter(|_| !copied.is_empty()) else { continue };
        for call in script.commands.iter().filter_map(super::super::shell::Command::call).filter(|c| c.program == "tar")
        {
            for argument in call.arguments {
                if let Some(source) = copied.remove(argument.text.rsplit('/').next().unwrap_or("")) {
                    found.push(Finding::at(&source.span));
                }
            }
        }
    }
}

/// Sources that are paths of the context, without patterns and variables, as paths.
fn local_sources<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (&'a Word, String)> {
    copies(subject).filter(|(_, i, ..)| i.flag("from").is_none() && i.stage.is_some()).flat_map(|(_, _, sources, _)| {
        sources.iter().filter_map(|source| {
            let text = source.text.trim_matches(['"', '\'']);
            if text.contains(['$', '*', '?', '[', '\\'])
                || text.contains("://")
                || text.starts_with("git@")
                || words::is_heredoc(text)
            {
                return None;
            }
            let mut parts: Vec<&str> = Vec::new();
            for part in text.split('/').filter(|p| !p.is_empty() && *p != ".") {
                if part == ".." && parts.last().is_some_and(|p| *p != "..") {
                    parts.pop();
                } else if part != ".." || !text.starts_with('/') {
                    parts.push(part);
                }
            }
            (!parts.is_empty()).then(|| (source, parts.join("/")))
        })
    })
}

/// Commands that install what a list in the source asks for.
fn installs(call: &super::super::shell::Call<'_>) -> bool {
    let verb = call.verb().map_or("", |w| w.text.as_str());
    match call.program {
        "npm" => matches!(verb, "ci" | "install" | "i") && call.operands().next().is_none(),
        "yarn" | "pnpm" | "bun" => verb.is_empty() || (verb == "install" && call.operands().next().is_none()),
        "pip" => verb == "install" && call.has(&["-r", "--requirement"]),
        "poetry" | "bundle" | "bundler" | "composer" | "pipenv" => verb == "install",
        "uv" | "pdm" => verb == "sync",
        "go" => verb == "mod" && call.arguments.iter().any(|w| w.text == "download"),
        "cargo" => verb == "fetch",
        _ => false,
    }
}

fn order(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    // The first copy of everything in the stage; none once dependencies were installed.
    let mut all: Option<&Word> = None;
    let (mut stage, mut done) = (None, false);
    for (number, instruction) in subject.each() {
        if instruction.stage != stage {
            (stage, all, done) = (instruction.stage, None, false);
        }
        if matches!(instruction.name, Name::Copy | Name::Add) && instruction.flag("from").is_none() && all.is_none() {
            let sources = parts(instruction).map_or(&[][..], |(sources, _)| sources);
            all = sources.iter().find(|s| matches!(s.text.as_str(), "." | "./" | "*" | "./*" | "/"));
        }
        let Some(script) = subject.scripts[number].as_ref().filter(|_| !done) else { continue };
        if script.commands.iter().filter_map(super::super::shell::Command::call).any(|c| installs(&c)) {
            done = true;
            if let Some(source) = all {
                let line = subject.file.line_of(instruction.span.start);
                let message = format!("everything is copied before line {line} installs the dependencies");
                found.push(Finding::at(&source.span).says(message));
            }
        }
    }
}
