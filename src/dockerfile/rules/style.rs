//! How it is written.

use super::super::instruction::{Instruction, Name};
use super::super::lint::{Finding, Severity, Subject, rewrite};
use super::{RULE, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        code: "OD0017",
        title: "an empty line within an instruction",
        why: "It looks as if the instruction ended there, but it goes on; a later Docker will refuse it.",
        mend: "Remove the empty line, or write # in it.",
        buildkit: &["NoEmptyContinuation"],
        bad: "FROM debian:12\nRUN make \\\n\n  install\n",
        good: "FROM debian:12\nRUN make \\\n  install\n",
        fixed: Some("FROM debian:12\nRUN make \\\n  install\n"),
        check: |subject, found| {
            for instruction in &subject.file.instructions {
                let Some(first) = instruction.empty_lines.first() else { continue };
                let edits = instruction.empty_lines.iter().map(|span| rewrite(span, "")).collect();
                found.push(Finding::at(&(first.start..first.start)).fix("Remove empty lines", edits));
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0018",
        severity: Severity::Info,
        title: "instructions are written in different cases",
        why: "It reads as if it were something else.",
        mend: "Write all of them in capitals.",
        buildkit: &["ConsistentInstructionCasing"],
        bad: "FROM debian:12\nrun make\n",
        good: "FROM debian:12\nRUN make\n",
        fixed: Some("FROM debian:12\nRUN make\n"),
        check: casing,
        ..RULE
    },
    Rule {
        code: "OD0019",
        severity: Severity::Info,
        title: "FROM and AS are written in different cases",
        why: "They are one instruction.",
        mend: "Write both in the same case.",
        buildkit: &["FromAsCasing"],
        bad: "FROM debian:12 as base\n",
        good: "FROM debian:12 AS base\n",
        fixed: Some("FROM debian:12 AS base\n"),
        check: |subject, found| {
            for stage in &subject.file.stages {
                let instruction = &subject.file.instructions[stage.from];
                let Some(word) = instruction.words().get(1).filter(|_| stage.name.is_some()) else { continue };
                let keyword = subject.text_of(&instruction.keyword);
                let upper = !keyword.bytes().any(|b| b.is_ascii_lowercase());
                let lower = !keyword.bytes().any(|b| b.is_ascii_uppercase());
                let right = if upper { "AS" } else { "as" };
                if (upper || lower) && word.text != right {
                    found.push(Finding::at(&word.span).fix(format!("Write {right}"), vec![rewrite(&word.span, right)]));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0020",
        severity: Severity::Info,
        title: "the name of this stage has capitals",
        why: "Docker takes names of stages in small letters, so two that look different may be the same.",
        mend: "Write it in small letters.",
        buildkit: &["StageNameCasing"],
        bad: "FROM debian:12 AS Base\n",
        good: "FROM debian:12 AS base\n",
        fixed: Some("FROM debian:12 AS base\n"),
        check: |subject, found| {
            for stage in &subject.file.stages {
                let Some(word) = subject.file.instructions[stage.from].words().get(2) else { continue };
                if stage.name.is_some() && word.text.bytes().any(|b| b.is_ascii_uppercase()) {
                    let edit = rewrite(&word.span, word.text.to_lowercase());
                    found.push(Finding::at(&word.span).fix("Write it in small letters", vec![edit]));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0021",
        severity: Severity::Info,
        title: "the last line says that it goes on",
        why: "Whatever is added to the file later becomes part of this instruction.",
        mend: "Remove the sign at its end.",
        bad: "FROM debian:12\nRUN make \\\n",
        good: "FROM debian:12\nRUN make\n",
        fixed: Some("FROM debian:12\nRUN make\n"),
        check: |subject, found| {
            let Some(last) = subject.file.instructions.last().filter(|i| subject.file.open_end && !i.broken) else {
                return;
            };
            if let Some(&at) = last.continuations.last() {
                let before = subject.text.get(..at).map_or(at, |t| t.trim_end_matches([' ', '\t']).len());
                found.push(Finding::at(&(at..at + 1)).fix("Remove it", vec![rewrite(&(before..at + 1), "")]));
            }
        },
        ..RULE
    },
];

/// What is known in each case; others are told to be as most are.
fn casing(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let both = |i: &'_ Instruction| {
        let inner = i.inner.as_deref().map(|i| (i.keyword.clone(), i.name));
        [Some((i.keyword.clone(), i.name)), inner]
    };
    let all: Vec<_> = subject
        .file
        .instructions
        .iter()
        .flat_map(both)
        .flatten()
        .filter(|(_, name)| *name != Name::Unknown)
        .map(|(span, name)| (subject.text_of(&span), span, name))
        .collect();
    let lower = all.iter().filter(|(text, ..)| !text.bytes().any(|b| b.is_ascii_uppercase())).count();
    let upper = all.iter().filter(|(text, ..)| !text.bytes().any(|b| b.is_ascii_lowercase())).count();
    for (text, span, name) in all {
        let right = if lower > upper { name.as_str().to_ascii_lowercase() } else { name.as_str().to_owned() };
        // Continued within the word it is left alone.
        if text.len() == right.len() && text != right {
            found.push(
                Finding::at(&span)
                    .says(format!("{text} is written in another case than the rest"))
                    .mend(format!("Write {right}."))
                    .fix(format!("Write {right}"), vec![rewrite(&span, right)]),
            );
        }
    }
}
