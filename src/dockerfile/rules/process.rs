//! What a container runs, as whom and how: `USER`, `CMD`, `ENTRYPOINT`, `HEALTHCHECK`, `EXPOSE`, `WORKDIR`.

use super::super::arguments::nearest;
use super::super::instruction::{Form, Instruction, Name};
use super::super::lint::{Finding, Severity, Subject, insert, rewrite};
use super::{RULE, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        code: "DL3000",
        title: "WORKDIR is relative",
        why: "Where it ends depends on the base image, which may change.",
        mend: "Begin it with /.",
        buildkit: &["WorkdirRelativePath"],
        bad: "FROM debian:12\nWORKDIR app\n",
        good: "FROM debian:12\nWORKDIR /app\nWORKDIR src\n",
        fixed: Some("FROM debian:12\nWORKDIR /app\n"),
        check: |subject, found| {
            subject.file.walk(|known: &mut bool, _, instruction| {
                let Some(word) = instruction.words().first().filter(|_| instruction.name == Name::Workdir) else {
                    return;
                };
                let text = word.text.trim_matches(['"', '\'']);
                let drive = text.as_bytes().get(1) == Some(&b':');
                if text.starts_with(['/', '\\', '$']) || drive {
                    *known = true;
                } else if !*known && !instruction.broken {
                    let finding = Finding::at(&word.span);
                    let plain = subject.text_of(&word.span);
                    let rest = plain.trim_start_matches("./");
                    found.push(if plain == word.text && !plain.starts_with(['"', '\'', '.']) && !rest.is_empty() {
                        finding.fix("Begin it with /", vec![insert(word.span.start, "/")])
                    } else {
                        finding
                    });
                }
            });
        },
        ..RULE
    },
    Rule {
        code: "DL3002",
        title: "the program runs as root",
        why: "Whoever breaks into it is root in the container, one flaw away from root on the host.",
        mend: "End the last stage with USER and a number, as in USER 1000.",
        bad: "FROM debian:12\nCMD [\"app\"]\n",
        good: "FROM debian:12\nUSER 1000\nCMD [\"app\"]\n",
        check: |subject, found| {
            let Some(stage) = subject.file.last_stage() else { return };
            if let Some(instruction) = last_user(subject) {
                if instruction.words().first().is_some_and(|w| is_root(&w.text)) {
                    found.push(Finding::at(&instruction.span).says("the last USER is root"));
                }
                return;
            }
            // Nothing is said: then it is root, unless the base says otherwise (as its name may tell).
            let instructions = subject.file.of_stage(&subject.file.stages[stage]);
            let base = root_base(subject);
            let runs = instructions.iter().rev().find(|i| matches!(i.name, Name::Cmd | Name::Entrypoint));
            if let Some(runs) = runs.filter(|_| !base.contains("nonroot") && !base.contains("rootless")) {
                found.push(Finding::at(&runs.keyword).says("the program runs as root: no USER is set"));
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3066",
        severity: Severity::Info,
        title: "the last USER is a name",
        why: "Kubernetes cannot see that a name is not root, and refuses it where root is forbidden.",
        mend: "Write the user's number, as in USER 1000.",
        bad: "FROM debian:12\nUSER app\n",
        good: "FROM debian:12\nUSER 1000:1000\n",
        check: |subject, found| {
            let Some(word) = last_user(subject).and_then(|i| i.words().first()) else { return };
            let user = word.text.split(':').next().unwrap_or("");
            if !is_root(&word.text) && !user.contains('$') && user.parse::<u32>().is_err() {
                found.push(Finding::at(&word.span));
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3025",
        title: "the shell form puts a shell before your program",
        why: "Signals such as SIGTERM reach the shell and not the program, so stopping takes ten seconds and a kill.",
        mend: "Write a JSON array, as in CMD [\"python3\", \"app.py\"].",
        buildkit: &["JSONArgsRecommended"],
        bad: "FROM debian:12\nUSER 1000\nCMD python3 app.py\n",
        good: "FROM debian:12\nUSER 1000\nCMD [\"python3\", \"app.py\"]\n",
        fixed: Some("FROM debian:12\nUSER 1000\nCMD [\"python3\", \"app.py\"]\n"),
        check: |subject, found| {
            subject.file.walk(|own_shell: &mut bool, _, outer| {
                let instruction = outer.inner.as_deref().unwrap_or(outer);
                // Whoever sets a shell wants it.
                *own_shell |= instruction.name == Name::Shell;
                if *own_shell || !matches!(instruction.name, Name::Cmd | Name::Entrypoint) || instruction.broken {
                    return;
                }
                let Some(line) = instruction.shell() else { return };
                if almost_json(line.text()) {
                    return;
                }
                let span = line.span(0..line.text().len());
                let finding = Finding::at(&span);
                found.push(match as_json(line.text()).filter(|_| subject.text_of(&span) == line.text()) {
                    Some(json) => finding.fix("Write it as JSON", vec![rewrite(&span, json)]),
                    None => finding,
                });
            });
        },
        ..RULE
    },
    Rule {
        code: "OD0011",
        title: "this looks like JSON, but is none",
        why: "Docker then gives all of it, brackets and commas too, to a shell.",
        mend: "Use double quotes, commas between the strings, and no comma at the end.",
        bad: "FROM debian:12\nUSER 1000\nCMD ['python3', 'app.py']\n",
        good: "FROM debian:12\nUSER 1000\nCMD [\"python3\", \"app.py\"]\n",
        fixed: Some("FROM debian:12\nUSER 1000\nCMD [\"python3\", \"app.py\"]\n"),
        check: |subject, found| {
            for (_, instruction) in subject.each() {
                let takes = matches!(
                    instruction.name,
                    Name::Run
                        | Name::Cmd
                        | Name::Entrypoint
                        | Name::Healthcheck
                        | Name::Copy
                        | Name::Add
                        | Name::Volume
                );
                let line = instruction.shell().unwrap_or(&instruction.arguments);
                if !takes || matches!(instruction.form, Form::Json(_) | Form::None) || !almost_json(line.text()) {
                    continue;
                }
                // `[ "$a" = b ]` is a command.
                if instruction.name == Name::Run && !line.text().contains(',') {
                    continue;
                }
                let span = line.span(0..line.text().len());
                let written = subject.text_of(&span);
                let better = written.replace('\'', "\"");
                let sure = written == line.text()
                    && !written.contains(['"', '\\'])
                    && matches!(super::super::words::json(&better), super::super::words::Json::Strings(_));
                let finding = Finding::at(&span);
                found.push(if sure { finding.fix("Use double quotes", vec![rewrite(&span, better)]) } else { finding });
            }
        },
        ..RULE
    },
    Rule {
        code: "DL4003",
        title: "only the last CMD counts",
        why: "This one is never run.",
        mend: "Remove it, or write RUN if the build should run it.",
        buildkit: &["MultipleInstructionsDisallowed"],
        bad: "FROM debian:12\nUSER 1000\nCMD [\"a\"]\nCMD [\"b\"]\n",
        good: "FROM debian:12\nUSER 1000\nCMD [\"b\"]\n",
        fixed: Some("FROM debian:12\nUSER 1000\nCMD [\"b\"]\n"),
        check: |subject, found| only_last(subject, Name::Cmd, found),
        ..RULE
    },
    Rule {
        code: "DL4004",
        title: "only the last ENTRYPOINT counts",
        why: "This one is never run.",
        mend: "Remove it.",
        buildkit: &["MultipleInstructionsDisallowed"],
        bad: "FROM debian:12\nUSER 1000\nENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]\n",
        good: "FROM debian:12\nUSER 1000\nENTRYPOINT [\"b\"]\n",
        fixed: Some("FROM debian:12\nUSER 1000\nENTRYPOINT [\"b\"]\n"),
        check: |subject, found| only_last(subject, Name::Entrypoint, found),
        ..RULE
    },
    Rule {
        code: "DL3012",
        title: "only the last HEALTHCHECK counts",
        why: "This one is never run.",
        mend: "Remove it.",
        buildkit: &["MultipleInstructionsDisallowed"],
        bad: "FROM debian:12\nHEALTHCHECK NONE\nHEALTHCHECK CMD [\"a\"]\n",
        good: "FROM debian:12\nHEALTHCHECK CMD [\"a\"]\n",
        fixed: Some("FROM debian:12\nHEALTHCHECK CMD [\"a\"]\n"),
        check: |subject, found| only_last(subject, Name::Healthcheck, found),
        ..RULE
    },
    Rule {
        code: "DL3057",
        severity: Severity::Info,
        title: "there is no HEALTHCHECK",
        why: "Docker then sees that the program runs, not that it answers.",
        mend: "Write HEALTHCHECK CMD and a command that fails when the program is not well.",
        on: false,
        bad: "FROM debian:12\nEXPOSE 8080\n",
        good: "FROM debian:12\nEXPOSE 8080\nHEALTHCHECK CMD [\"app\", \"--check\"]\n",
        check: |subject, found| {
            let mut number = subject.file.last_stage();
            let Some(last) = number.and_then(|n| subject.file.stages.get(n)) else { return };
            while let Some(stage) = number.and_then(|n| subject.file.stages.get(n)) {
                if subject.file.of_stage(stage).iter().any(|i| i.name == Name::Healthcheck) {
                    return;
                }
                number = stage.parent;
            }
            found.push(Finding::at(&subject.file.instructions[last.from].keyword));
        },
        ..RULE
    },
    Rule {
        code: "DL4000",
        title: "MAINTAINER is deprecated",
        why: "Tools look for a label.",
        mend: "Write LABEL org.opencontainers.image.authors.",
        buildkit: &["MaintainerDeprecated"],
        bad: "FROM debian:12\nMAINTAINER Ada <ada@example.org>\n",
        good: "FROM debian:12\nLABEL org.opencontainers.image.authors=\"Ada <ada@example.org>\"\n",
        fixed: Some("FROM debian:12\nLABEL org.opencontainers.image.authors=\"Ada <ada@example.org>\"\n"),
        check: |subject, found| {
            for (_, instruction) in subject.each().filter(|(_, i)| i.name == Name::Maintainer) {
                let finding = Finding::at(&instruction.keyword);
                let plain = instruction.words().first().map(|w| w.text.trim_matches(['"', '\'']));
                let simple =
                    instruction.continuations.is_empty() && instruction.flags.is_empty() && !instruction.broken;
                found.push(match plain.filter(|p| simple && !p.contains(['"', '\\', '$', '`', '\''])) {
                    Some(name) => {
                        let label = format!("LABEL org.opencontainers.image.authors=\"{name}\"");
                        finding.fix("Write a label", vec![rewrite(&instruction.span, label)])
                    }
                    None => finding,
                });
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3011",
        severity: Severity::Error,
        title: "EXPOSE takes a port of the container",
        why: "Docker refuses anything but a number up to 65535, or two with a dash between, and tcp, udp or sctp.",
        mend: "Write it as in EXPOSE 8080 or EXPOSE 53/udp; which port of the host it gets is said when it is run.",
        buildkit: &["ExposeInvalidFormat"],
        bad: "FROM debian:12\nEXPOSE 8080:80\n",
        good: "FROM debian:12\nEXPOSE 80 53/udp 7000-7010\n",
        fixed: Some("FROM debian:12\nEXPOSE 80\n"),
        check: expose,
        ..RULE
    },
    Rule {
        code: "OD0012",
        severity: Severity::Info,
        title: "the protocol is written in capitals",
        why: "Everywhere else it is written in small letters.",
        mend: "Write it in small letters.",
        buildkit: &["ExposeProtoCasing"],
        bad: "FROM debian:12\nEXPOSE 53/UDP\n",
        good: "FROM debian:12\nEXPOSE 53/udp\n",
        fixed: Some("FROM debian:12\nEXPOSE 53/udp\n"),
        check: |subject, found| {
            for (_, instruction) in subject.each().filter(|(_, i)| i.name == Name::Expose) {
                for word in instruction.words() {
                    let Some((_, protocol)) = word.text.split_once('/') else { continue };
                    if protocol.chars().any(|c| c.is_ascii_uppercase()) && !protocol.contains('$') {
                        let span = word.span.end - protocol.len()..word.span.end;
                        let finding = Finding::at(&word.span);
                        let sure = subject.text_of(&span) == protocol;
                        let edit = rewrite(&span, protocol.to_ascii_lowercase());
                        found.push(if sure { finding.fix("Write it in small letters", vec![edit]) } else { finding });
                    }
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0013",
        severity: Severity::Error,
        title: "there is no such signal",
        why: "The build stops here, or the container cannot be asked to end.",
        mend: "Write a name as SIGTERM or a number.",
        bad: "FROM debian:12\nSTOPSIGNAL SIGTREM\n",
        good: "FROM debian:12\nSTOPSIGNAL SIGTERM\n",
        fixed: Some("FROM debian:12\nSTOPSIGNAL SIGTERM\n"),
        check: |subject, found| {
            for (_, instruction) in subject.each().filter(|(_, i)| i.name == Name::Stopsignal) {
                let Some(word) = instruction.words().first().filter(|w| !w.text.contains('$')) else { continue };
                let text = word.text.trim_matches(['"', '\'']);
                let name = text.to_ascii_uppercase();
                let name = name.strip_prefix("SIG").unwrap_or(&name);
                let number = text.parse::<u8>().is_ok_and(|n| (1..=64).contains(&n));
                if number || SIGNALS.contains(&name) || name.starts_with("RTMIN") || name.starts_with("RTMAX") {
                    continue;
                }
                let finding = Finding::at(&word.span).says(format!("there is no signal {text}"));
                let full: Vec<String> = SIGNALS.iter().map(|s| format!("SIG{s}")).collect();
                found.push(match nearest(text, full.iter().map(String::as_str)) {
                    Some(near) => finding
                        .mend(format!("Did you mean {near}?"))
                        .guess(format!("Write {near}"), vec![rewrite(&word.span, near)]),
                    None => finding,
                });
            }
        },
        ..RULE
    },
];

const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// The last `USER` of the image: of the last stage, or of those that it is made from.
fn last_user<'a>(subject: &Subject<'a>) -> Option<&'a Instruction> {
    let mut number = subject.file.last_stage();
    while let Some(stage) = number.and_then(|n| subject.file.stages.get(n)) {
        let users = subject.file.of_stage(stage).iter().rev().find(|i| i.name == Name::User && !i.broken);
        if users.is_some() {
            return users;
        }
        number = stage.parent;
    }
    None
}

/// The image at the bottom of the last stage.
fn root_base<'a>(subject: &Subject<'a>) -> &'a str {
    let mut number = subject.file.last_stage();
    while let Some(stage) = number.and_then(|n| subject.file.stages.get(n)) {
        if stage.parent.is_none() {
            return &stage.base;
        }
        number = stage.parent;
    }
    ""
}

fn is_root(user: &str) -> bool {
    matches!(user.trim_matches(['"', '\'']).split(':').next(), Some("root" | "0"))
}

/// Begins with a bracket and a quote and ends with a bracket: meant as JSON.
pub(super) fn almost_json(text: &str) -> bool {
    text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['"', '\'', '\u{201c}']))
        && text.ends_with(']')
}

/// Plain words as JSON.
fn as_json(text: &str) -> Option<String> {
    let plain = |w: &str| w.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./:@%+,-=".contains(&b));
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let first = words.first()?;
    // Builtins and assignments need the shell.
    if !words.iter().all(|w| plain(w))
        || first.contains('=')
        || matches!(*first, "exec" | "cd" | "source" | "." | "set" | "export")
    {
        return None;
    }
    Some(format!("[{}]", words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ")))
}

fn only_last(subject: &Subject<'_>, name: Name, found: &mut Vec<Finding>) {
    for stage in &subject.file.stages {
        let mut all = subject.file.of_stage(stage).iter().filter(|i| i.name == name).rev();
        let Some(last) = all.next() else { continue };
        let line = subject.file.line_of(last.span.start);
        for instruction in all {
            let finding = Finding::at(&instruction.keyword)
                .says(format!("only the last {} counts, in line {line}", name.as_str()));
            let rest = subject.text.get(instruction.span.end..).unwrap_or("");
            let ending = rest.len() - rest.trim_start_matches('\r').strip_prefix('\n').unwrap_or(rest).len();
            let whole = instruction.span.start..instruction.span.end + ending;
            found.push(finding.guess("Remove this one", vec![rewrite(&whole, "")]));
        }
    }
}

fn expose(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let port = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()) && p.parse::<u16>().is_ok();
    for (_, instruction) in subject.each().filter(|(_, i)| i.name == Name::Expose && !i.broken) {
        for word in instruction.words() {
            let text = word.text.trim_matches(['"', '\'']);
            if text.contains('$') || text.is_empty() {
                continue;
            }
            let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
            if !matches!(protocol.to_ascii_lowercase().as_str(), "tcp" | "udp" | "sctp") {
                found.push(Finding::at(&word.span).says(format!("there is no protocol {protocol}: tcp, udp or sctp")));
                continue;
            }
            let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
            if port(first) && port(last) {
                if first.parse::<u16>().ok() > last.parse::<u16>().ok() {
                    found.push(Finding::at(&word.span).says("the range ends before it begins"));
                }
                continue;
            }
            let inside = ports.rsplit(':').next().unwrap_or("");
            if ports.contains(':') && port(inside) {
                let finding = Finding::at(&word.span).says("EXPOSE takes the port of the container only");
                let at = word.span.end - (text.len() - (ports.len() - inside.len()));
                let sure = subject.text_of(&word.span) == text;
                let edit = rewrite(&(word.span.start..at), "");
                found.push(if sure { finding.fix(format!("Write {inside}"), vec![edit]) } else { finding });
            } else {
                found.push(Finding::at(&word.span).says(format!("{ports} is no port: a number up to 65535 is")));
            }
        }
    }
}
