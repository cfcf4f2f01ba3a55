//! `RUN`: package managers.

use super::super::instruction::{Instruction, Name, Word};
use super::super::lint::{Finding, Severity, Subject, insert, rewrite};
use super::super::shell::{Call, Command, Script};
use super::run::{commands, one_list};
use super::{RULE, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        code: "DL3009",
        severity: Severity::Info,
        title: "the package index stays in the image",
        why: "It is some 20 MB that are stale tomorrow; removing them in a later RUN wins nothing.",
        mend: "End the same RUN with rm -rf /var/lib/apt/lists/*.",
        bad: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl\n",
        good: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\n",
        fixed: Some(
            "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\n",
        ),
        programs: &["apt", "apt-get"],
        check: |subject, found| {
            let shipped = subject.file.shipped();
            for (_, instruction, script) in subject.runs() {
                if !instruction.stage.is_some_and(|s| shipped[s]) || only_updates(script) {
                    continue;
                }
                let Some(update) = script.commands.iter().find(|c| apt(c, &["update"])) else { continue };
                let removed = script.commands.iter().any(|c| {
                    c.call().is_some_and(|c| {
                        matches!(c.program, "rm" | "find")
                            && c.arguments.iter().any(|w| w.text.starts_with("/var/lib/apt"))
                    })
                });
                if removed || mounts(instruction, "/var/lib/apt") {
                    continue;
                }
                let finding = Finding::at(&update.span);
                found.push(match one_list(instruction, script) {
                    Some(list) => {
                        finding.fix("Remove the index", vec![insert(list.end, " && rm -rf /var/lib/apt/lists/*")])
                    }
                    None => finding,
                });
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3019",
        severity: Severity::Info,
        title: "apk keeps its index in the image",
        why: "It is of no use once the packages are installed.",
        mend: "Write apk add --no-cache.",
        bad: "FROM alpine:3.22\nRUN apk add curl\n",
        good: "FROM alpine:3.22\nRUN apk add --no-cache curl\n",
        fixed: Some("FROM alpine:3.22\nRUN apk add --no-cache curl\n"),
        programs: &["apk"],
        check: |subject, found| {
            for (instruction, _, call) in calls(subject, "apk") {
                let Some(add) = argument(&call, &["add"]) else { continue };
                if !call.has(&["--no-cache"]) && !mounts(instruction, "apk") {
                    let edit = Subject::option(instruction, add, "--no-cache");
                    found.push(Finding::at(&add.span).fix("Add --no-cache", vec![edit]));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3014",
        severity: Severity::Error,
        title: "apt-get asks, and nobody answers",
        why: "Without -y it wants a yes; in a build it gets none and stops.",
        mend: "Write apt-get install -y.",
        bad: "FROM debian:12\nRUN apt-get install --no-install-recommends curl\n",
        good: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n",
        fixed: Some("FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n"),
        programs: &["apt", "apt-get"],
        check: |subject, found| {
            let mut before = None;
            for (_, instruction, command) in commands(subject) {
                let answered = before.replace(command).is_some_and(|c| c.calls("yes"));
                let Some(call) = command.call().filter(|c| matches!(c.program, "apt-get" | "apt")) else { continue };
                let Some(install) = argument(&call, INSTALL) else { continue };
                if !agrees(&call) && !answered {
                    let edit = Subject::option(instruction, install, "-y");
                    found.push(Finding::at(&install.span).fix("Add -y", vec![edit]));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3015",
        severity: Severity::Info,
        title: "apt-get installs what it merely recommends",
        why: "Recommended packages are often larger than what was asked for.",
        mend: "Write apt-get install --no-install-recommends.",
        bad: "FROM debian:12\nRUN apt-get install -y curl\n",
        good: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n",
        fixed: Some("FROM debian:12\nRUN apt-get install --no-install-recommends -y curl\n"),
        programs: &["apt", "apt-get"],
        check: |subject, found| {
            for (instruction, _, call) in calls(subject, "apt-get").chain(calls(subject, "apt")) {
                let Some(install) = argument(&call, &["install"]) else { continue };
                let said = call.arguments.iter().any(|w| w.text.contains("nstall-") && w.text.contains("ecommends"));
                if !said {
                    let edit = Subject::option(instruction, install, "--no-install-recommends");
                    found.push(Finding::at(&install.span).fix("Add --no-install-recommends", vec![edit]));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3027",
        title: "`apt` is made for people",
        why: "What it prints and asks may change with every version; apt-get stays as it is.",
        mend: "Write apt-get.",
        bad: "FROM debian:12\nRUN apt install -y --no-install-recommends curl\n",
        good: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n",
        fixed: Some("FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n"),
        programs: &["apt"],
        check: |subject, found| {
            for (_, _, call) in calls(subject, "apt") {
                let finding = Finding::at(&call.name.span);
                let same = matches!(
                    call.verb().map(|w| w.text.as_str()),
                    Some("install" | "update" | "upgrade" | "remove" | "purge" | "autoremove" | "clean" | "download")
                );
                let plain = matches!(subject.text_of(&call.name.span), "apt" | "\"apt\"");
                found.push(if same && plain {
                    let quote = usize::from(subject.text_of(&call.name.span).starts_with('"'));
                    let span = call.name.span.start + quote..call.name.span.end - quote;
                    finding.fix("Write apt-get", vec![rewrite(&span, "apt-get")])
                } else {
                    finding
                });
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0010",
        title: "`update` in a RUN of its own",
        why: "Its layer is cached: later the next RUN asks for packages of an old index, and does not find them.",
        mend: "Join it with the install: apt-get update && apt-get install.",
        bad: "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y --no-install-recommends curl\n",
        good: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\n",
        programs: &["apt", "apt-get", "apk"],
        check: |subject, found| {
            for (_, instruction, script) in subject.runs() {
                if only_updates(script) && !mounts(instruction, "/var/") {
                    found.push(Finding::at(&script.commands[0].span));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3042",
        title: "pip keeps what it downloaded in the image",
        why: "The cache is as large as the packages, and nobody installs them a second time.",
        mend: "Write pip install --no-cache-dir, or mount a cache: RUN --mount=type=cache,target=/root/.cache/pip.",
        bad: "FROM python:3.13\nRUN pip install flask==3.1.0\n",
        good: "FROM python:3.13\nRUN pip install --no-cache-dir flask==3.1.0\n",
        fixed: Some("FROM python:3.13\nRUN pip install --no-cache-dir flask==3.1.0\n"),
        programs: &["pip"],
        check: pip_cache,
        ..RULE
    },
    Rule {
        code: "DL3013",
        severity: Severity::Info,
        title: "pip installs whatever version is newest",
        why: "Tomorrow's build may get another one, and fail or behave otherwise.",
        mend: "Write a version, as in flask==3.1.0, or install from a list: pip install -r requirements.txt.",
        bad: "FROM python:3.13\nRUN pip install --no-cache-dir flask\n",
        good: "FROM python:3.13\nRUN pip install --no-cache-dir flask==3.1.0\n",
        programs: &["pip"],
        check: |subject, found| {
            for (_, _, call) in calls(subject, "pip") {
                if argument(&call, &["install"]).is_none() || call.has(&["-r", "--requirement", "-c", "--constraint"]) {
                    continue;
                }
                let pinned = |p: &str| {
                    p.contains(['=', '<', '>', '~', '@', '$', '/', '`'])
                        || p == "."
                        || p.starts_with(".[")
                        || ends(p, "whl")
                };
                found.extend(unpinned(&call, "install", PIP_VALUES, pinned));
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3016",
        severity: Severity::Info,
        title: "npm installs whatever version is newest",
        why: "Tomorrow's build may get another one, and fail or behave otherwise.",
        mend: "Write a version, as in express@5.1.0.",
        bad: "FROM node:22\nRUN npm install -g typescript\n",
        good: "FROM node:22\nRUN npm install -g typescript@5.9.2\n",
        programs: &["npm"],
        check: |subject, found| {
            for (_, _, call) in calls(subject, "npm") {
                let Some(install) = argument(&call, &["install", "i", "add"]) else { continue };
                let pinned = |p: &str| {
                    p.get(1..).is_some_and(|p| p.contains('@'))
                        || p.contains(['$', ':', '#'])
                        || p.starts_with(['.', '/', '~'])
                        || ends(p, "tgz")
                };
                found.extend(unpinned(&call, &install.text, &["--prefix", "--registry", "-C", "--loglevel"], pinned));
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3028",
        severity: Severity::Info,
        title: "gem installs whatever version is newest",
        why: "Tomorrow's build may get another one, and fail or behave otherwise.",
        mend: "Write a version, as in rake:13.3.0.",
        bad: "FROM ruby:3.4\nRUN gem install rake\n",
        good: "FROM ruby:3.4\nRUN gem install rake:13.3.0\n",
        programs: &["gem"],
        check: |subject, found| {
            for (_, _, call) in calls(subject, "gem") {
                if call.has(&["-v", "--version"]) || argument(&call, &["install"]).is_none() {
                    continue;
                }
                let pinned = |p: &str| p.contains([':', '$']) || ends(p, "gem");
                found.extend(unpinned(
                    &call,
                    "install",
                    &["-i", "--install-dir", "-n", "--bindir", "--source", "-s"],
                    pinned,
                ));
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3062",
        severity: Severity::Info,
        title: "go installs whatever version is newest",
        why: "Tomorrow's build may get another one, and fail or behave otherwise.",
        mend: "Write a version, as in example.com/tool@v1.2.0.",
        bad: "FROM golang:1.25\nRUN go install example.com/tool@latest\n",
        good: "FROM golang:1.25\nRUN go install example.com/tool@v1.2.0\n",
        programs: &["go"],
        check: |subject, found| {
            for (_, _, call) in calls(subject, "go") {
                let Some(install) = argument(&call, &["install", "get"]) else { continue };
                let pinned = |p: &str| {
                    p.starts_with(['.', '/', '$'])
                        || !p.contains('.')
                        || p.split_once('@').is_some_and(|(_, v)| !matches!(v, "latest" | ""))
                };
                found.extend(unpinned(&call, &install.text, &["-o", "-p", "-tags", "-ldflags", "-gcflags"], pinned));
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3030",
        severity: Severity::Error,
        title: "yum asks, and nobody answers",
        why: "Without -y it wants a yes; in a build it gets none and stops.",
        mend: "Write yum install -y.",
        bad: "FROM rockylinux:9\nRUN yum install curl && yum clean all\n",
        good: "FROM rockylinux:9\nRUN yum install -y curl && yum clean all\n",
        fixed: Some("FROM rockylinux:9\nRUN yum install -y curl && yum clean all\n"),
        programs: &["yum"],
        check: |subject, found| asks(subject, &["yum"], found),
        ..RULE
    },
    Rule {
        code: "DL3038",
        severity: Severity::Error,
        title: "dnf asks, and nobody answers",
        why: "Without -y it wants a yes; in a build it gets none and stops.",
        mend: "Write dnf install -y.",
        bad: "FROM fedora:42\nRUN dnf install curl && dnf clean all\n",
        good: "FROM fedora:42\nRUN dnf install -y curl && dnf clean all\n",
        fixed: Some("FROM fedora:42\nRUN dnf install -y curl && dnf clean all\n"),
        programs: &["dnf", "microdnf"],
        check: |subject, found| asks(subject, &["dnf", "microdnf"], found),
        ..RULE
    },
    Rule {
        code: "DL3032",
        severity: Severity::Info,
        title: "yum keeps its cache in the image",
        why: "It is of no use once the packages are installed.",
        mend: "End the same RUN with yum clean all.",
        bad: "FROM rockylinux:9\nRUN yum install -y curl\n",
        good: "FROM rockylinux:9\nRUN yum install -y curl && yum clean all\n",
        fixed: Some("FROM rockylinux:9\nRUN yum install -y curl && yum clean all\n"),
        programs: &["yum"],
        check: |subject, found| keeps(subject, &["yum"], found),
        ..RULE
    },
    Rule {
        code: "DL3040",
        severity: Severity::Info,
        title: "dnf keeps its cache in the image",
        why: "It is of no use once the packages are installed.",
        mend: "End the same RUN with dnf clean all.",
        bad: "FROM fedora:42\nRUN dnf install -y curl\n",
        good: "FROM fedora:42\nRUN dnf install -y curl && dnf clean all\n",
        fixed: Some("FROM fedora:42\nRUN dnf install -y curl && dnf clean all\n"),
        programs: &["dnf", "microdnf"],
        check: |subject, found| keeps(subject, &["dnf", "microdnf"], found),
        ..RULE
    },
    Rule {
        code: "DL3008",
        severity: Severity::Info,
        title: "apt-get installs whatever version is newest",
        why: "Tomorrow's build may get another one; but old versions vanish from the mirrors, so this is off by default.",
        mend: "Write a version, as in curl=8.14.*.",
        on: false,
        bad: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n",
        good: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl=8.14.*\n",
        programs: &["apt", "apt-get"],
        check: |subject, found| {
            for (_, _, call) in calls(subject, "apt-get").chain(calls(subject, "apt")) {
                if argument(&call, &["install"]).is_some() {
                    let pinned = |p: &str| p.contains(['=', '$', '/', '`']) || ends(p, "deb");
                    found.extend(unpinned(&call, "install", &["-t", "--target-release", "-o", "-c"], pinned));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3018",
        severity: Severity::Info,
        title: "apk installs whatever version is newest",
        why: "Tomorrow's build may get another one; but old versions vanish from the mirrors, so this is off by default.",
        mend: "Write a version, as in curl=~8.14.",
        on: false,
        bad: "FROM alpine:3.22\nRUN apk add --no-cache curl\n",
        good: "FROM alpine:3.22\nRUN apk add --no-cache curl=~8.14\n",
        programs: &["apk"],
        check: |subject, found| {
            for (_, _, call) in calls(subject, "apk") {
                if argument(&call, &["add"]).is_some() {
                    let pinned = |p: &str| p.contains(['=', '$', '/', '<', '>', '~', '`']) || ends(p, "apk");
                    found.extend(unpinned(
                        &call,
                        "add",
                        &["-t", "--virtual", "-X", "--repository", "-p", "--root"],
                        pinned,
                    ));
                }
            }
        },
        ..RULE
    },
];

/// What apt-get asks about.
const INSTALL: &[&str] =
    &["install", "upgrade", "dist-upgrade", "full-upgrade", "build-dep", "remove", "purge", "autoremove"];

/// Options of pip that take the next word.
const PIP_VALUES: &[&str] = &[
    "-e",
    "--editable",
    "-t",
    "--target",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--prefix",
    "--root",
    "--src",
    "--trusted-host",
    "--timeout",
    "--proxy",
    "--python-version",
    "--platform",
];

/// Every call of a program in every `RUN`.
fn calls<'s>(
    subject: &'s Subject<'_>,
    program: &'static str,
) -> impl Iterator<Item = (&'s Instruction, &'s Command, Call<'s>)> {
    commands(subject).filter_map(move |(_, instruction, command)| {
        let call = command.call().filter(|c| c.program == program)?;
        Some((instruction, command, call))
    })
}

fn argument<'s>(call: &Call<'s>, words: &[&str]) -> Option<&'s Word> {
    call.arguments.iter().find(|w| words.contains(&w.text.as_str()))
}

fn apt(command: &Command, verbs: &[&str]) -> bool {
    command.call().is_some_and(|c| matches!(c.program, "apt-get" | "apt") && argument(&c, verbs).is_some())
}

/// Whether a package manager goes on without asking.
fn agrees(call: &Call<'_>) -> bool {
    call.has_short('y')
        || call.has(&["--yes", "--assume-yes", "--assumeyes", "-qq", "-q=2"])
        || call.arguments.iter().any(|w| {
            let options = w.text.starts_with('$') && ["OPT", "FLAG", "ARG"].iter().any(|o| w.text.contains(o));
            options || w.text.to_ascii_lowercase().contains("assume-yes")
        })
}

/// Whether nothing but an index is fetched.
fn only_updates(script: &Script) -> bool {
    let mut calls = script.commands.iter().filter_map(Command::call).peekable();
    calls.peek().is_some()
        && calls.all(|c| match c.program {
            "apt-get" | "apt" => argument(&c, &["update"]).is_some(),
            "apk" => c.verb().is_some_and(|w| w.text == "update"),
            _ => false,
        })
}

/// Whether a cache or a file system in memory is mounted on such a path.
fn mounts(instruction: &Instruction, path: &str) -> bool {
    instruction.flags.iter().filter(|f| f.name == "mount").any(|f| {
        f.value.as_deref().is_some_and(|v| {
            (v.contains("type=cache") || v.contains("type=tmpfs"))
                && v.split(',').any(|part| {
                    part.split_once('=').is_some_and(|(key, value)| {
                        matches!(key, "target" | "dst" | "destination") && value.contains(path)
                    })
                })
        })
    })
}

/// Packages after a verb that say no version.
fn unpinned(call: &Call<'_>, verb: &str, values: &[&str], pinned: impl Fn(&str) -> bool) -> Vec<Finding> {
    let Some(at) = call.arguments.iter().position(|w| w.text == verb) else { return Vec::new() };
    let mut found = Vec::new();
    let mut value = false;
    for word in &call.arguments[at + 1..] {
        if std::mem::take(&mut value) {
            continue;
        }
        value = values.contains(&word.text.as_str());
        if !word.text.is_empty() && !word.text.starts_with(['-', '$']) && !pinned(&word.text) {
            found.push(
                Finding::at(&word.span)
                    .says(format!("{} installs whatever version of {} is newest", call.program, word.text)),
            );
        }
    }
    found
}

/// Whether it is a file of such a kind.
fn ends(package: &str, kind: &str) -> bool {
    std::path::Path::new(package).extension().is_some_and(|e| e.eq_ignore_ascii_case(kind))
}

fn asks(subject: &Subject<'_>, programs: &[&str], found: &mut Vec<Finding>) {
    for (_, instruction, command) in commands(subject) {
        let Some(call) = command.call().filter(|c| programs.contains(&c.program)) else { continue };
        let Some(verb) =
            argument(&call, &["install", "groupinstall", "localinstall", "reinstall", "update", "upgrade"])
        else {
            continue;
        };
        if !agrees(&call) {
            let edit = Subject::option(instruction, verb, "-y");
            found.push(Finding::at(&verb.span).fix("Add -y", vec![edit]));
        }
    }
}

fn keeps(subject: &Subject<'_>, programs: &[&str], found: &mut Vec<Finding>) {
    let shipped = subject.file.shipped();
    for (_, instruction, script) in subject.runs() {
        let call_of = |c: &Command, verb: &str| {
            c.call().is_some_and(|c| programs.contains(&c.program) && argument(&c, &[verb]).is_some())
        };
        let Some(install) = script.commands.iter().find(|c| call_of(c, "install")) else { continue };
        let cleaned = script.commands.iter().any(|c| {
            call_of(c, "clean")
                || c.call()
                    .is_some_and(|c| c.program == "rm" && c.arguments.iter().any(|w| w.text.starts_with("/var/cache")))
        });
        if cleaned || mounts(instruction, "/var/cache") || !instruction.stage.is_some_and(|s| shipped[s]) {
            continue;
        }
        let finding = Finding::at(&install.span);
        let program = install.call().map_or("", |c| c.program);
        found.push(match one_list(instruction, script) {
            Some(list) => finding.fix("Clean it", vec![insert(list.end, format!(" && {program} clean all"))]),
            None => finding,
        });
    }
}

fn pip_cache(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let shipped = subject.file.shipped();
    // `ENV PIP_NO_CACHE_DIR` counts from its line on.
    let mut off = vec![false; subject.file.instructions.len()];
    subject.file.walk(|known: &mut bool, number, instruction| {
        if matches!(instruction.name, Name::Env | Name::Arg) {
            *known |= instruction.pairs().iter().any(|p| p.name.text == "PIP_NO_CACHE_DIR");
        }
        off[number] = *known;
    });
    for (number, instruction, command) in commands(subject) {
        let Some(call) = command.call().filter(|c| c.program == "pip") else { continue };
        let Some(install) = argument(&call, &["install"]) else { continue };
        let cached = instruction.flags.iter().any(|f| f.value.as_deref().is_some_and(|v| v.contains("type=cache")));
        let set = command.assignments.iter().any(|w| w.text.starts_with("PIP_NO_CACHE_DIR="));
        if call.has(&["--no-cache-dir"])
            || cached
            || set
            || off[number]
            || !instruction.stage.is_some_and(|s| shipped[s])
        {
            continue;
        }
        let edit = Subject::option(instruction, install, "--no-cache-dir");
        found.push(Finding::at(&install.span).fix("Add --no-cache-dir", vec![edit]));
    }
}
