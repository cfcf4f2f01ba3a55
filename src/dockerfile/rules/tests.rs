//! Every rule finds what it should, and its fix mends it.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::super::lint::{Diagnostic, RuleChoice, Severity, Surroundings, lint, mended};
use super::rules;

fn found(text: &str, choice: &RuleChoice) -> Vec<Diagnostic> {
    let files = |path: &str| path != "missing.txt";
    let ignored = |path: &str| path == "ignored.txt";
    lint(text, &Surroundings { files: Some(&files), ignored: Some(&ignored), rules: choice })
}

fn codes(all: &[Diagnostic]) -> Vec<&str> {
    all.iter().map(|d| d.code).collect()
}

#[test]
fn every_rule_is_whole_and_finds_exactly_its_example() {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for rule in rules() {
        assert!(seen.insert(rule.code), "{} is there twice", rule.code);
        assert!(!rule.title.is_empty() && !rule.why.is_empty() && !rule.mend.is_empty(), "{}", rule.code);
        let choice = RuleChoice::usual().with(rule.code);
        let bad = found(rule.bad, &choice);
        if codes(&bad) != [rule.code] {
            wrong.push(format!("{}: the bad example gives {:?}", rule.code, codes(&bad)));
            continue;
        }
        let good = found(rule.good, &choice);
        if !good.is_empty() {
            wrong.push(format!("{}: the good example gives {:?}", rule.code, codes(&good)));
        }
        let fixed = bad[0].fix.as_ref().map(|fix| mended(rule.bad, fix));
        if fixed.as_deref() != rule.fixed {
            wrong.push(format!("{}: the fix gives {fixed:?}", rule.code));
        }
        if let Some(fixed) = fixed {
            let after = found(&fixed, &choice);
            if after.iter().any(|d| d.code == rule.code || d.severity == Severity::Error) {
                wrong.push(format!("{}: mended, it still gives {:?}", rule.code, codes(&after)));
            }
        }
        assert!(!bad[0].message.is_empty() && !bad[0].mend.is_empty(), "{}", rule.code);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() >= 40, "{}", seen.len());
}

#[test]
fn rules_can_be_chosen() {
    let text = "FROM debian\nRUN cd /app && make\n";
    assert_eq!(codes(&found(text, &RuleChoice::usual())), ["DL3006", "DL3003"]);
    assert_eq!(codes(&found(text, &RuleChoice::usual().without("dl3006"))), ["DL3003"]);
    assert_eq!(codes(&found(text, &RuleChoice::usual().only("DL3006"))), ["DL3006"]);
}

#[test]
fn comments_silence_rules() {
    let usual = RuleChoice::usual();
    for text in [
        "# hadolint ignore=DL3006\nFROM debian\n",
        "# hadolint global ignore=DL3000, DL3006\nFROM debian\n",
        "# hadolint stage ignore=DL3006\nFROM debian\n",
        "# check=skip=WorkdirRelativePath;error=true\nFROM debian:12\nWORKDIR a\n",
        "FROM debian:12\n# check=skip=all\nWORKDIR a\n",
        "FROM debian:12\nRUN a && \\\n # hadolint ignore=DL3004\n sudo b\n",
    ] {
        assert_eq!(codes(&found(text, &usual)), Vec::<&str>::new(), "{text}");
    }
    // Only the next instruction, only this stage.
    let text = "FROM debian:12\n# hadolint ignore=DL3004\nRUN sudo a\nRUN sudo b\n";
    assert_eq!(found(text, &usual).iter().map(|d| d.start.line).collect::<Vec<_>>(), [4]);
    let text = "FROM debian:12 AS a\n# hadolint stage ignore=DL3004\nRUN sudo a\nFROM debian:12\nRUN sudo b\n";
    assert_eq!(found(text, &usual).iter().map(|d| d.start.line).collect::<Vec<_>>(), [5]);
    let strict = "# check=error=true\nFROM debian:12\nWORKDIR a\n";
    assert_eq!(found(strict, &usual)[0].severity, Severity::Error);
}

#[test]
fn rules_know_their_stage() {
    let usual = RuleChoice::usual();
    for good in [
        // What is not shipped may be root, keep indexes, and use the shell form.
        "FROM debian:12 AS build\nUSER root\nRUN apt-get update && apt-get install -y --no-install-recommends gcc\n\
         FROM debian:12\nUSER 1000\nCMD [\"a\"]\n",
        // What a parent set counts for its children.
        "FROM debian:12 AS base\nWORKDIR /app\nENV PIP_NO_CACHE_DIR=1\nUSER 1000\nFROM base\nCOPY a .\nRUN pip install a==1\n\
         CMD [\"a\"]\n",
        "FROM debian:12 AS a\nRUN curl -f x\nFROM debian:12\nRUN wget x\n",
        "ARG V=12\nFROM debian:$V\nRUN V=1; echo $V\n",
    ] {
        assert_eq!(codes(&found(good, &usual)), Vec::<&str>::new(), "{good}");
    }
}

#[test]
fn packages_are_seen_in_any_position() {
    let usual = RuleChoice::usual();
    let lines = |text: &str| found(text, &usual).iter().map(|d| (d.code, d.start.line)).collect::<Vec<_>>();
    let text = "FROM python:3.13\nRUN <<EOF\nset -e\npython3 -m pip install -r r.txt\nEOF\nRUN [\"pip3\", \"install\", \"-r\", \"r.txt\"]\n";
    assert_eq!(lines(text), [("DL3042", 4), ("DL3042", 6)]);
    let fixes: Vec<_> = found(text, &usual).into_iter().map(|d| mended(text, &d.fix.unwrap())).collect();
    assert!(
        fixes[0].contains("pip install --no-cache-dir -r")
            && fixes[1].contains("\"install\", \"--no-cache-dir\", \"-r\"")
    );
    let text = "FROM debian:12\nRUN set -eux; \\\n  # first\n  if true; then \\\n    sudo apt-get install curl; fi\n";
    assert_eq!(lines(text), [("DL3004", 5), ("DL3014", 5), ("DL3015", 5)]);
}
