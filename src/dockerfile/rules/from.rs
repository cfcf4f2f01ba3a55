//! `FROM`: base images and stages.

use std::collections::HashMap;

use super::super::arguments::nearest;
use super::super::instruction::{Dockerfile, Instruction, Stage};
use super::super::lint::{Finding, Severity, Subject, insert, rewrite};
use super::super::variables::{self, uses_of};
use super::super::words::unquoted;
use super::stages::{GUESSES, MANY};
use super::{RULE, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        code: "DL3006",
        title: "the base image has no tag",
        why: "Without a tag Docker takes `latest`, which is another image tomorrow.",
        mend: "Write the tag that you tested with, as in debian:12.",
        bad: "FROM debian\n",
        good: "FROM debian:12 AS base\nFROM base\n",
        check: |subject, found| {
            for (stage, instruction, base) in bases(subject.file) {
                if tag(&base).is_none() && stage.base != "scratch" {
                    let word = &instruction.words()[0];
                    found.push(Finding::at(&word.span).says(format!("the base image {base} has no tag")));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3007",
        title: "`latest` will be another image tomorrow",
        why: "A build that worked today may fail or behave otherwise tomorrow, and nobody sees why.",
        mend: "Write the tag that you tested with, as in debian:12.",
        bad: "FROM debian:latest\n",
        good: "FROM debian:12\n",
        check: |subject, found| {
            for (_, instruction, base) in bases(subject.file) {
                if tag(&base) == Some("latest") {
                    found.push(Finding::at(&instruction.words()[0].span));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3024",
        severity: Severity::Error,
        title: "two stages have the same name",
        why: "Nobody can say which one COPY --from or FROM means.",
        mend: "Give one of them another name.",
        buildkit: &["DuplicateStageName"],
        bad: "FROM debian:12 AS a\nFROM debian:12 AS a\n",
        good: "FROM debian:12 AS a\nFROM debian:12 AS b\n",
        check: |subject, found| {
            let mut seen = HashMap::new();
            for stage in &subject.file.stages {
                let Some(name) = &stage.name else { continue };
                let instruction = &subject.file.instructions[stage.from];
                let Some(word) = instruction.words().get(2) else { continue };
                if let Some(line) = seen.insert(name, subject.file.line_of(instruction.span.start)) {
                    let message = format!("a stage with the name {name} begins in line {line} already");
                    found.push(Finding::at(&word.span).says(message));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3063",
        title: "the name of this stage is reserved",
        why: "`scratch` means nothing at all and `context` the build context, so the stage cannot be used by its name.",
        mend: "Give it another name.",
        buildkit: &["ReservedStageName"],
        bad: "FROM debian:12 AS context\n",
        good: "FROM debian:12 AS build\n",
        check: |subject, found| {
            for stage in &subject.file.stages {
                if matches!(stage.name.as_deref(), Some("scratch" | "context"))
                    && let Some(word) = subject.file.instructions[stage.from].words().get(2)
                {
                    found.push(Finding::at(&word.span));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3029",
        severity: Severity::Info,
        title: "the platform is fixed",
        why: "On other machines the image is emulated, or does not run at all.",
        mend: "Leave --platform out and choose it when building, or write --platform=$BUILDPLATFORM for a stage that compiles.",
        buildkit: &["FromPlatformFlagConstDisallowed"],
        bad: "FROM --platform=linux/amd64 debian:12\n",
        good: "FROM --platform=$BUILDPLATFORM debian:12\n",
        check: |subject, found| {
            for stage in &subject.file.stages {
                let instruction = &subject.file.instructions[stage.from];
                let Some(flag) = instruction.flag("platform") else { continue };
                let Some(value) = flag.value.as_deref().filter(|v| !v.is_empty() && !v.contains('$')) else { continue };
                // A stage for one platform says so in its name.
                let meant = stage.name.as_ref().is_some_and(|n| value.split('/').any(|part| n.contains(part)));
                if !meant {
                    found.push(Finding::at(&flag.span));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3065",
        severity: Severity::Info,
        title: "this platform is meant anyway",
        why: "$TARGETPLATFORM is what FROM takes when nothing is said.",
        mend: "Remove the flag.",
        buildkit: &["RedundantTargetPlatform"],
        bad: "FROM --platform=$TARGETPLATFORM debian:12\n",
        good: "FROM debian:12\n",
        fixed: Some("FROM debian:12\n"),
        check: |subject, found| {
            for stage in &subject.file.stages {
                let instruction = &subject.file.instructions[stage.from];
                let Some(flag) = instruction.flag("platform") else { continue };
                if matches!(flag.value.as_deref(), Some("$TARGETPLATFORM" | "${TARGETPLATFORM}")) {
                    let rest = subject.text.get(flag.span.end..).unwrap_or("");
                    let space = rest.len() - rest.trim_start_matches([' ', '\t']).len();
                    let edit = rewrite(&(flag.span.start..flag.span.end + space), "");
                    found.push(Finding::at(&flag.span).fix("Remove the flag", vec![edit]));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0001",
        title: "FROM uses a variable that is not set before the first FROM",
        why: "FROM sees only ARGs that stand before the first FROM; everything else is empty there.",
        mend: "Write ARG with this name, and a default, before the first FROM.",
        buildkit: &["UndefinedArgInFrom"],
        bad: "ARG TAG=12\nFROM debian:12-$TGA\n",
        good: "ARG TAG=12\nFROM debian:$TAG\n",
        fixed: Some("ARG TAG=12\nFROM debian:12-$TAG\n"),
        check: undefined_in_from,
        ..RULE
    },
    Rule {
        code: "OD0002",
        title: "without a value for its ARG this is no image",
        why: "Whoever builds without --build-arg gets an error that says nothing of the ARG.",
        mend: "Give the ARG a default, as in ARG TAG=12.",
        buildkit: &["InvalidDefaultArgInFrom"],
        bad: "ARG TAG\nFROM debian:$TAG\n",
        good: "ARG TAG=12\nFROM debian:$TAG\n",
        check: |subject, found| {
            let known = defaults(subject.file);
            for stage in &subject.file.stages {
                let instruction = &subject.file.instructions[stage.from];
                let Some(word) = instruction.words().first().filter(|w| w.text.contains('$')) else { continue };
                let Some(base) = expanded(&word.text, &known) else { continue };
                if base.is_empty() || base.ends_with([':', '@', '/']) || base.starts_with([':', '/', '@']) {
                    let shown = if base.is_empty() { "nothing".to_owned() } else { format!("{base:?}") };
                    found.push(
                        Finding::at(&word.span)
                            .says(format!("without a value for its ARG this is {shown}, which is no image")),
                    );
                }
            }
        },
        ..RULE
    },
];

/// The tag or digest of an image.
fn tag(image: &str) -> Option<&str> {
    if let Some((_, digest)) = image.split_once('@') {
        return Some(digest);
    }
    image.rsplit('/').next()?.split_once(':').map(|(_, tag)| tag)
}

/// Stages made from an image, with the image's name as the defaults make it; those that depend on what is given
/// to the build are left out.
fn bases(file: &Dockerfile) -> impl Iterator<Item = (&Stage, &Instruction, String)> {
    let known = defaults(file);
    file.stages.iter().filter(|s| s.parent.is_none() && !s.base.is_empty()).filter_map(move |stage| {
        let instruction = &file.instructions[stage.from];
        let base = expanded(&stage.base, &known).filter(|b| !b.is_empty())?;
        (!instruction.words().is_empty()).then_some((stage, instruction, base))
    })
}

/// The ARGs before the first FROM, with their defaults.
fn defaults(file: &Dockerfile) -> HashMap<String, Option<String>> {
    let mut known: HashMap<String, Option<String>> = HashMap::new();
    for pair in file.global_arguments().flat_map(Instruction::pairs) {
        let value = pair.value.as_ref().and_then(|v| expanded(&v.text, &known));
        known.insert(pair.name.text.clone(), value);
    }
    known
}

/// A word with its variables replaced; none when one of them is not known here.
fn expanded(word: &str, known: &HashMap<String, Option<String>>) -> Option<String> {
    let word = unquoted(word, '\\');
    let mut out = String::new();
    let mut at = 0;
    // What grows without end is no image.
    for (range, optional) in variables::uses(&word, '\\') {
        if optional || range.start < at || out.len() > 1000 {
            return None;
        }
        let brace = word[..range.start].ends_with('{');
        let start = range.start - 1 - usize::from(brace);
        let end = range.end + usize::from(brace);
        if brace && !word[range.end..].starts_with('}') {
            return None;
        }
        out.push_str(word.get(at..start)?);
        out.push_str(known.get(&word[range])?.as_deref().unwrap_or(""));
        at = end;
    }
    out.push_str(word.get(at..)?);
    Some(out)
}

/// What BuildKit sets for every build.
pub(super) const PLATFORM: &[&str] = &[
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETOSVERSION",
    "TARGETSTAGE",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "BUILDOSVERSION",
];

fn undefined_in_from(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let known = defaults(subject.file);
    for stage in &subject.file.stages {
        let instruction = &subject.file.instructions[stage.from];
        let of_flags = instruction.flags.iter().filter_map(|f| {
            let span = f.value_span.clone()?;
            Some(super::super::source::Joined::one(subject.text_of(&span), span.start))
        });
        for line in std::iter::once(instruction.arguments.clone()).chain(of_flags) {
            for one in uses_of(&line, subject.file.escape) {
                if one.optional || known.contains_key(&one.name) || PLATFORM.contains(&one.name.as_str()) {
                    continue;
                }
                let mut finding =
                    Finding::at(&one.span).says(format!("${} is not set before the first FROM", one.name));
                let names = known.keys().map(String::as_str).filter(|_| known.len() <= MANY);
                let guess = found.len() < GUESSES;
                let near = guess.then(|| nearest(&one.name, sorted(names.chain(PLATFORM.iter().copied())))).flatten();
                if let Some(near) = near {
                    let title = format!("Write {near}");
                    finding =
                        finding.mend(format!("Did you mean ${near}?")).guess(title, vec![rewrite(&one.span, near)]);
                }
                found.push(finding);
            }
        }
    }
}

/// The same answer every time, whatever order a map has.
fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

/// An edit that puts a line before an instruction.
pub(super) fn line_before(text: &str, instruction: &Instruction, line: &str) -> super::super::lint::Edit {
    let ending = if text.get(..instruction.span.end).is_some_and(|t| t.contains("\r\n")) { "\r\n" } else { "\n" };
    insert(instruction.span.start, format!("{line}{ending}"))
}
