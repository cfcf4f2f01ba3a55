//! What Docker refuses to read.

use super::super::lint::{Finding, Severity, Subject};
use super::{RULE, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        code: "DL1000",
        severity: Severity::Error,
        title: "Docker cannot read this line",
        why: "The build stops before its first step.",
        mend: "Write the instruction as Docker knows it.",
        bad: "FROM debian:12\nRUNN make\n",
        good: "FROM debian:12\nRUN make\n",
        fixed: Some("FROM debian:12\nRUN make\n"),
        check: |subject, found| problems("DL1000", subject, found),
        ..RULE
    },
    Rule {
        code: "DL3061",
        severity: Severity::Error,
        title: "Only ARG may come before the first FROM",
        why: "There is no image yet on which this could work, so the build stops.",
        mend: "Move it below the first FROM.",
        bad: "RUN make\nFROM debian:12\n",
        good: "ARG TAG=12\nFROM debian:$TAG\n",
        check: |subject, found| problems("DL3061", subject, found),
        ..RULE
    },
];

fn problems(code: &str, subject: &Subject<'_>, found: &mut Vec<Finding>) {
    found.extend(subject.file.problems.iter().filter(|p| p.code == code).map(|problem| {
        let message = if code == "DL1000" {
            format!("Docker cannot read this: {}", problem.message)
        } else {
            problem.message.clone()
        };
        let mut finding = Finding::at(&problem.span).says(message).mend(&problem.mend);
        finding.fix.clone_from(&problem.fix);
        finding
    }));
}
