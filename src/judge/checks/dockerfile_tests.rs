#![allow(clippy::unwrap_used)]

use super::super::super::testing::{codes as codes_of, lab, look};

const NONE: [&str; 0] = [];

fn codes(check: &str, dockerfile: &str) -> Vec<&'static str> {
    codes_of(check, &[("Dockerfile", dockerfile), ("app/main.py", ""), ("requirements.txt", "x")])
}

fn message(check: &str, dockerfile: &str) -> String {
    let seen = look(check, &[("Dockerfile", dockerfile), ("app/main.py", ""), ("requirements.txt", "x")]);
    seen.found.iter().map(|found| found.message.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_docker_cannot_read_is_said_with_its_line() {
    assert_eq!(codes("kind: df.parses", "FROM a\nRUN b\n"), NONE);
    let said = message("kind: df.parses", "FROM a\nCOPPY a b\n");
    assert!(said.starts_with("Dockerfile:2: there is no instruction COPPY. Did you mean COPY?"), "{said}");
    assert_eq!(
        message("kind: df.parses", "# nothing\n"),
        "Dockerfile:1: there is no instruction in this file. Begin with FROM and an image."
    );
    assert_eq!(codes_of("kind: df.parses", &[("x", "")]), ["DF_SYNTAX"]);
    let many = "FOO\n".repeat(50);
    let seen = look("kind: df.parses", &[("Dockerfile", many.as_str())]);
    assert_eq!(seen.found.len(), 5);
    assert!(seen.found[4].message.ends_with("(And 45 more.)"), "{}", seen.found[4].message);
    let huge = format!("FROM a\n{}", "# x\n".repeat(20_000));
    let seen = look("kind: df.parses", &[("Dockerfile", huge.as_str())]);
    assert_eq!(seen.found[0].message, "Dockerfile has 78K, and no more than 64K is read");
}

#[test]
fn the_linter_cannot_be_silenced() {
    let bad = "FROM debian:12\nADD app/main.py /app/\nCMD [\"a\"]\n";
    assert_eq!(codes("kind: df.lint, deny: [DL3020]", bad), ["DF_LINT"]);
    assert!(
        message("kind: df.lint, deny: [DL3020]", bad)
            .starts_with("Dockerfile:2: DL3020: ADD is used where COPY does. ")
    );
    let silenced = "# hadolint global ignore=DL3020\nFROM debian:12\n# hadolint ignore=DL3020\nADD app/main.py /app/\n";
    assert_eq!(codes("kind: df.lint, deny: [DL3020]", silenced), ["DF_LINT"]);
    assert_eq!(
        codes("kind: df.lint, deny: [DL3020]", "# check=skip=all\nFROM debian:12\nADD app/main.py /a/\n"),
        ["DF_LINT"]
    );
    assert_eq!(codes("kind: df.lint, deny: [DL3020]", "FROM debian:12\nCOPY app/main.py /app/\n"), NONE);
    assert_eq!(codes("kind: df.lint, max_severity: warning, allow: [OD0004]", "FROM a:1\nCOPY nope /x\n"), NONE);
    assert_eq!(codes("kind: df.lint, max_severity: warning", "FROM a:1\nCOPY nope /x\n"), ["DF_LINT"]);
    // What an escape directive means stays.
    assert_eq!(codes("kind: df.lint, deny: [DL3020]", "# escape=`\nFROM a:1\nCOPY `\n app/main.py /x\n"), NONE);
    let errors = super::super::super::compile(&lab("- {id: a, kind: df.lint, deny: [DL302]}")).err().unwrap();
    assert!(errors[0].message.contains("expected the code of a rule"), "{}", errors[0].message);
}

#[test]
fn stages_are_counted_and_named() {
    let two = "FROM a AS Build\nFROM b AS final\n";
    assert_eq!(codes("kind: df.stages, min: 2, names: [build], final_named: final", two), NONE);
    assert_eq!(codes("kind: df.stages, max: 1", two), ["DF_STAGE_COUNT"]);
    assert_eq!(
        message("kind: df.stages, min: 2", "FROM a\n# FROM b\nRUN echo FROM c\n"),
        "Dockerfile: there is 1 stage, expected at least 2 stages"
    );
    assert_eq!(codes("kind: df.stages, names: [test], final_named: app", two), ["DF_STAGE_NAME", "DF_STAGE_NAME"]);
}

#[test]
fn base_images_are_known_through_variables_and_stages() {
    let pinned = "kind: df.base, stage: all, tag: pinned";
    for good in [
        "FROM python:3.12\n",
        "ARG V=3.12\nFROM python:${V}-slim\n",
        "FROM a@sha256:0123 AS b\nFROM b\n",
        "FROM scratch\n",
        "FROM host:5000/a:1\n",
    ] {
        assert_eq!(codes(pinned, good), NONE, "{good}");
    }
    for bad in [
        "FROM python\n",
        "FROM python:latest\n",
        "ARG V=latest\nFROM python:$V\n",
        "ARG V\nFROM python:$V\n",
        "FROM host:5000/a\n",
        "FROM a:1\nFROM b\n",
    ] {
        assert_eq!(codes(pinned, bad), ["DF_BASE_UNPINNED"], "{bad}");
    }
    assert_eq!(
        message(pinned, "FROM a:1\nFROM b\n"),
        "Dockerfile:2: FROM b has no tag, which means `latest`; expected a tag that stays, or a digest"
    );
    assert_eq!(codes("kind: df.base, digest: true", "FROM a:1\n"), ["DF_BASE_UNPINNED"]);
    let not = "kind: df.base, not: ['golang*']";
    assert_eq!(codes(not, "FROM golang:1.24 AS b\nFROM alpine:3\n"), NONE);
    assert_eq!(codes(not, "FROM golang:1.24 AS b\nFROM b\n"), ["DF_BASE_IMAGE"]);
    assert_eq!(codes(not, "FROM docker.io/library/golang:1.24\n"), ["DF_BASE_IMAGE"]);
    assert_eq!(codes("kind: df.base, image: ['debian:*-slim', 'lab/**']", "FROM lab/go:1\n"), NONE);
    assert_eq!(codes("kind: df.base, image: 'debian:*-slim'", "FROM debian:12\n"), ["DF_BASE_IMAGE"]);
    assert_eq!(codes("kind: df.base, stage: build, not: ['golang*']", "FROM golang\n"), ["DF_BASE_IMAGE"]);
}

#[test]
fn instructions_are_there_or_not() {
    let file = "FROM a AS b\nRUN <<EOF\nset -e\npython3 -m pip install x\nEOF\nFROM c\nENV P=80\nEXPOSE $P\n# VOLUME /x\nCOPY app /srv\n";
    for (selector, there) in [
        ("instr: EXPOSE, value: '^80$'", true),
        ("instr: expose, value: '^81$'", false),
        ("instr: VOLUME", false),
        ("run: pip install", true),
        ("run: pip install, stage: final", false),
        ("run: pip install, stage: b", true),
        ("run: pip install, stage: 0", true),
        ("run: pip uninstall", false),
        ("copies: 'app/**'", true),
        ("copies: requirements.txt", false),
        ("instr: FROM, count: 2", true),
    ] {
        let has: &[&str] = if there { &[] } else { &["DF_MISSING"] };
        assert_eq!(codes(&format!("kind: df.has, {selector}"), file), has, "{selector}");
        if !selector.contains("count") {
            let lacks: &[&str] = if there { &["DF_FORBIDDEN"] } else { &[] };
            assert_eq!(codes(&format!("kind: df.lacks, {selector}"), file), lacks, "{selector}");
        }
    }
    assert_eq!(message("kind: df.lacks, instr: EXPOSE", file), "Dockerfile:8: found `EXPOSE 80`, expected no EXPOSE");
    assert_eq!(
        message("kind: df.has, instr: USER, stage: final", file),
        "Dockerfile: expected USER in the last stage; found none"
    );
    assert_eq!(codes_of("kind: df.lacks, instr: USER", &[]), NONE);
    assert_eq!(codes_of("kind: df.has, instr: USER", &[]), ["DF_MISSING"]);
    for (bad, expected) in [
        ("kind: df.has", "expected one of `run`, `copies` and `instr`"),
        ("kind: df.has, instr: USR", "found `USR`, expected the name of an instruction"),
        ("kind: df.has, run: 'a && b'", "expected one command"),
        ("kind: df.order, first: {run: a, instr: USER}, then: {run: b}", "expected one of"),
        ("kind: df.order, first: {ran: a}, then: {run: b}", "found `ran`, expected one of run, copies"),
    ] {
        let lab = lab(&format!("- {{id: a, {bad}}}"));
        let errors = super::super::super::compile(&lab).err().unwrap();
        assert!(errors[0].message.contains(expected), "{bad}: {}", errors[0].message);
    }
}

#[test]
fn the_target_of_the_plan_is_the_last_stage() {
    let mut lab = lab("- {id: a, kind: df.has, instr: USER, stage: final}");
    lab.build.as_mut().unwrap().target = Some("app".into());
    let text = "FROM a AS app\nUSER 1\nFROM b AS test\n";
    let submission = super::super::super::Submission::of(&super::super::super::testing::tree(&[("Dockerfile", text)]));
    let seen = super::super::super::testing::look_with(&lab, &submission.unwrap());
    assert!(seen.found.is_empty(), "{:?}", seen.found);
}
