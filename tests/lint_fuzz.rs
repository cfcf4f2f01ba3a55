//! Dockerfiles made by chance: nothing may panic, and what is told of them must fit the text.
//!
//! `ONDECK_LINT_CASES` says how many are tried of each kind (a few hundred else), for long runs by hand.

#![allow(clippy::unwrap_used)]

use ondeck::dockerfile::{Surroundings, complete, floor, highlight, lint, mend_all, mended, parse};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult};

fn cases() -> u32 {
    std::env::var("ONDECK_LINT_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
}

fn config() -> Config {
    Config { cases: cases(), failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() }
}

/// What lines are made of: each kind of thing a Dockerfile holds, whole and broken.
const PIECES: &[&str] = &[
    "FROM",
    "from",
    "RUN",
    "COPY",
    "ADD",
    "ENV",
    "ARG",
    "LABEL",
    "CMD",
    "ENTRYPOINT",
    "WORKDIR",
    "USER",
    "EXPOSE",
    "VOLUME",
    "HEALTHCHECK",
    "ONBUILD",
    "SHELL",
    "STOPSIGNAL",
    "MAINTAINER",
    "RUNN",
    "AS",
    "as",
    "NONE",
    "scratch",
    "debian:12",
    "debian",
    "debian:latest",
    "base",
    "Base",
    "build",
    "$V",
    "${V}",
    "${V:-x}",
    "${",
    "$",
    "V=1",
    "V",
    "A=\"b c\"",
    "A='",
    "PASSWORD=x",
    "--from=base",
    "--from=",
    "--chown=a:b",
    "--mount=type=cache,target=/x",
    "--mount=type=",
    "--platform=$TARGETPLATFORM",
    "--interval=5s",
    "--x",
    "--",
    "\\",
    "`",
    "\\\n",
    "\\\r\n",
    " \\ \n",
    "\n",
    "\r\n",
    "\n\n",
    "\t",
    " ",
    "  ",
    "#",
    "# c\n",
    "# escape=`\n",
    "# syntax=a\n",
    "# check=skip=all\n",
    "# hadolint ignore=DL3006\n",
    "# hadolint stage ignore=DL3004\n",
    "<<EOF",
    "<<-EOF",
    "<<\"EOF\"",
    "<<",
    "<<<",
    "<< EOF",
    "EOF",
    "\nEOF\n",
    "\n\tEOF\n",
    "3<<X",
    "\nX\n",
    "[\"a\", \"b\"]",
    "[\"a\"",
    "['a']",
    "[1]",
    "[]",
    "[",
    "]",
    "\"",
    "'",
    ",",
    "apt-get",
    "apt",
    "install",
    "update",
    "-y",
    "pip",
    "python3 -m pip",
    "npm install",
    "apk add",
    "yum install",
    "dnf install",
    "curl x",
    "wget",
    "tar -xzf",
    "a.tar.gz",
    "sudo",
    "cd /x",
    "&&",
    "||",
    ";",
    "|",
    "&",
    ">",
    "<",
    "(",
    ")",
    "$(",
    "`a`",
    "$((",
    "))",
    "if true; then",
    "fi",
    "for i in 1; do",
    "done",
    "set -e",
    "/",
    ".",
    "./",
    "/app",
    "a",
    "b",
    "8080",
    "8080:80",
    "53/UDP",
    "1-2",
    "SIGTREM",
    "0",
    "root",
    "é",
    "漢字",
    "\u{feff}",
    "\u{a0}",
    "\u{2028}",
    "🦀",
    "\u{301}",
    "\0",
    "\x0b",
    "\x0c",
    "\u{85}",
    "\x1b[31m",
    "GET=",
    "=",
    "==",
    ":",
    "@sha256:0",
    "*",
    "?",
    "!",
];

const FILES: &[&str] = &[
    "# syntax=docker/dockerfile:1\nARG V=12\nFROM debian:$V AS base\nRUN apt-get update && \\\n    # why\n    apt-get install -y curl | cat\n\
     COPY --chown=a:b . /app/\nFROM base\nENV A=1 B=\"x y\"\nEXPOSE 80 443/tcp\nCMD python3 app.py\n",
    "FROM python:3.13\nRUN <<EOF\nset -e\npip install flask\nEOF\nCOPY <<-\"A\" <<B /etc/\n\tx\n\tA\ny\nB\nHEALTHCHECK --interval=5s CMD curl -f x\n",
    "# escape=`\nFROM windows\nRUN dir c:\\ `\n  && copy a b\nWORKDIR c:\\app\nMAINTAINER me\n",
    "from a as B\nrun [\"a\", \"b\"]\nonbuild run x \\\n\n  y\nlabel a b c\nstopsignal 9\nvolume /a /b\nshell [\"/bin/bash\", \"-c\"]\n",
    "\u{feff}FROM a:1\r\nENV A b c\r\nRUN x \\\r\n  y\r\nUSER root\r\nCMD [\"a\"]\r\nCMD [\"b\"]\r\n",
];

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        12 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => any::<char>().prop_map(String::from),
    ];
    let gap = prop::sample::select(&[" ", " ", " ", "", "\n", "\n", "\r\n", "\\\n", "\t"][..]);
    prop::collection::vec((piece, gap), 0..60)
        .prop_map(|all| all.into_iter().flat_map(|(piece, gap)| [piece, gap.to_owned()]).collect())
}

/// A good file with pieces taken out, put in and doubled.
fn mutations() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..12usize, prop::sample::select(PIECES), any::<bool>());
    (prop::sample::select(FILES), prop::collection::vec(change, 1..8)).prop_map(|(file, changes)| {
        let mut text = file.to_owned();
        for (place, length, piece, twice) in changes {
            let at = floor(&text, place.index(text.len() + 1));
            let end = floor(&text, at + length);
            let taken = text[at..end].to_owned();
            text.replace_range(at..end, if twice { &taken } else { "" });
            text.insert_str(at, piece);
        }
        text
    })
}

fn bytes() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn fits(text: &str, span: &std::ops::Range<usize>) -> bool {
    span.start <= span.end && text.get(span.clone()).is_some()
}

fn check(text: &str) -> TestCaseResult {
    let file = parse(text);
    let mut end = 0;
    for i in &file.instructions {
        prop_assert!(fits(text, &i.span) && fits(text, &i.keyword), "{i:?}");
        prop_assert!(i.span.start >= end && i.keyword.start >= i.span.start && i.keyword.end <= i.span.end, "{i:?}");
        end = i.span.end;
        let inner = i.inner.as_deref().unwrap_or(i);
        let spans = inner.flags.iter().map(|f| &f.span).chain(inner.words().iter().map(|w| &w.span));
        let spans = spans.chain(inner.pairs().iter().map(|p| &p.name.span)).chain(i.empty_lines.iter());
        for span in spans.chain(inner.heredocs.iter().flat_map(|h| [&h.opening, &h.body])) {
            let inside = fits(text, span) && span.start >= i.span.start;
            // A text written in place ends with its last line's end, the instruction before it.
            let over = text.get(i.span.end..span.end).unwrap_or("");
            prop_assert!(inside && over.trim_matches(['\r', '\n']).is_empty(), "{span:?} in {i:?}");
        }
    }
    prop_assert!(file.comments.iter().all(|c| fits(text, &c.span) && text[c.span.clone()].starts_with('#')));
    prop_assert!(file.comments.is_sorted_by_key(|c| c.span.start));
    for number in 0..6 {
        file.classic_step(number);
        for stage in ["", "base", "stage-1", "a b c"] {
            file.buildkit_step(stage, number);
        }
    }

    let around = Surroundings::default();
    let found = lint(text, &around);
    prop_assert_eq!(&found, &lint(text, &around));
    prop_assert!(found.is_sorted_by_key(|d| d.span.start));
    for d in &found {
        prop_assert!(fits(text, &d.span), "{d:?}");
        prop_assert!(d.start <= d.end && d.start.line >= 1 && d.start.column >= 1, "{d:?}");
        prop_assert!(!d.message.chars().any(char::is_control) && !d.mend.chars().any(char::is_control), "{d:?}");
        if let Some(fix) = &d.fix {
            let mut at = 0;
            for edit in &fix.edits {
                prop_assert!(fits(text, &edit.span) && edit.span.start >= at, "{d:?}");
                at = edit.span.end;
            }
            prop_assert!(mended(text, fix) != text, "a fix that changes nothing: {d:?}");
        }
    }
    mend_all(text, &around);

    let mut end = 0;
    for token in highlight(text) {
        prop_assert!(fits(text, &token.span) && !token.span.is_empty() && token.span.start >= end, "{token:?}");
        end = token.span.end;
    }
    Ok(())
}

/// At every place, so only for short texts.
fn check_completion(text: &str) -> TestCaseResult {
    for at in 0..=text.len().min(400) {
        if let Some(done) = complete(text, at) {
            prop_assert!(
                fits(text, &done.replace) && done.replace.end <= at && !done.items.is_empty(),
                "{at}: {done:?}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn pieces_in_any_order(text in pieces()) {
        check(&text)?;
    }

    #[test]
    fn good_files_with_changes(text in mutations()) {
        check(&text)?;
    }

    #[test]
    fn any_bytes(text in bytes()) {
        check(&text)?;
    }
}

proptest! {
    #![proptest_config(Config { cases: (cases() / 10).max(20), ..config() })]

    #[test]
    fn completion_at_every_place(text in prop_oneof![pieces(), mutations(), bytes()]) {
        check_completion(&text)?;
    }
}
