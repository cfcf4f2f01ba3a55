//! `RUN`: what shells do.

use super::super::instruction::{Form, Instruction, Name};
use super::super::lint::{Finding, Severity, Subject, insert, rewrite};
use super::super::shell::{Call, Command, Joint, Script, TextReader};
use super::super::source::Span;
use super::{RULE, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        code: "DL3003",
        severity: Severity::Info,
        title: "`cd` lasts for one RUN only",
        why: "The next instruction begins in the old directory again, which is easily overlooked.",
        mend: "Write WORKDIR before it.",
        bad: "FROM debian:12\nRUN cd /app && make\n",
        good: "FROM debian:12\nWORKDIR /app\nRUN make\n",
        programs: &["cd"],
        check: |subject, found| {
            for (_, instruction, script) in subject.runs() {
                let mut calls = script.commands.iter().filter(|c| c.depth == 0 && c.heredoc.is_none());
                let Some(cd) = calls.next().filter(|c| c.calls("cd")) else { continue };
                let alone = calls.next().is_none() && instruction.heredocs.is_empty();
                let finding = Finding::at(&cd.span);
                found.push(if alone {
                    let finding =
                        finding.says("`cd` alone does nothing: the next instruction begins in the old directory");
                    into_workdir(subject, instruction, cd, finding)
                } else {
                    finding
                });
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3004",
        title: "`sudo` is not needed",
        why: "RUN works as root unless USER says otherwise, and sudo in an image is one more way to become root.",
        mend: "Remove sudo; write USER root before what needs it.",
        bad: "FROM debian:12\nRUN sudo make install\n",
        good: "FROM debian:12\nRUN make install\n",
        fixed: Some("FROM debian:12\nRUN make install\n"),
        programs: &["sudo"],
        check: |subject, found| {
            for (_, instruction, command) in commands(subject) {
                let [sudo, rest @ ..] = command.words.as_slice() else { continue };
                if sudo.text != "sudo" {
                    continue;
                }
                let finding = Finding::at(&sudo.span);
                found.push(match rest.first() {
                    Some(next) if !next.text.starts_with('-') && !next.text.contains('=') && !json(instruction) => {
                        finding.fix("Remove sudo", vec![rewrite(&(sudo.span.start..next.span.start), "")])
                    }
                    _ => finding,
                });
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3001",
        severity: Severity::Info,
        title: "this command makes no sense in a build",
        why: "A build has no services, no terminal and nobody who looks on.",
        mend: "Remove it, or do it when the container starts.",
        bad: "FROM debian:12\nRUN service nginx start\n",
        good: "FROM debian:12\nRUN nginx -t\n",
        programs: SENSELESS,
        check: |subject, found| {
            for (_, _, command) in commands(subject) {
                if let Some(call) = command.call().filter(|c| SENSELESS.contains(&c.program)) {
                    let message = format!("`{}` makes no sense in a build", call.program);
                    found.push(Finding::at(&call.name.span).says(message));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL4001",
        severity: Severity::Info,
        title: "one stage uses both curl and wget",
        why: "One of them is enough; the other one makes the image larger.",
        mend: "Choose one of them.",
        bad: "FROM debian:12\nRUN curl -fO https://a.example/x\nRUN wget https://a.example/y\n",
        good: "FROM debian:12\nRUN curl -fO https://a.example/x\nRUN curl -fO https://a.example/y\n",
        programs: &["curl", "wget"],
        check: |subject, found| {
            let (mut stage, mut first, mut told) = (None, "", false);
            for (_, instruction, command) in commands(subject) {
                if instruction.stage != stage {
                    (stage, first, told) = (instruction.stage, "", false);
                }
                let Some(call) = command.call().filter(|c| matches!(c.program, "curl" | "wget")) else { continue };
                let program = if call.program == "curl" { "curl" } else { "wget" };
                if first.is_empty() {
                    first = program;
                } else if first != program && !told {
                    told = true;
                    let message = format!("this stage uses {first} already, and here {program}");
                    found.push(Finding::at(&call.name.span).says(message));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL4005",
        severity: Severity::Info,
        title: "/bin/sh is replaced by hand",
        why: "SHELL says the same in one line, and does not change the image.",
        mend: "Write SHELL [\"/bin/bash\", \"-c\"].",
        bad: "FROM debian:12\nRUN ln -sf /bin/bash /bin/sh\n",
        good: "FROM debian:12\nSHELL [\"/bin/bash\", \"-c\"]\n",
        programs: &["ln"],
        check: |subject, found| {
            for (_, _, command) in commands(subject) {
                if command
                    .call()
                    .is_some_and(|c| c.program == "ln" && c.arguments.last().is_some_and(|w| w.text == "/bin/sh"))
                {
                    found.push(Finding::at(&command.span));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL4006",
        title: "a pipe hides that its first command failed",
        why: "The shell looks only at the last command of a pipe, so a failed download builds happily on.",
        mend: "Write SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"] before it, or set -o pipefail in the RUN.",
        bad: "FROM debian:12\nRUN curl -f https://a.example/x | tar -xz\n",
        good: "FROM debian:12\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN curl -f https://a.example/x | tar -xz\n",
        check: pipes,
        ..RULE
    },
    Rule {
        code: "OD0006",
        title: "this RUN goes on after a command that fails",
        why: "A shell reads the text to its end whatever fails in it; only the last command decides.",
        mend: "Write set -e as its first line.",
        bad: "FROM debian:12\nRUN <<EOF\nmake\nmake install\nEOF\n",
        good: "FROM debian:12\nRUN <<EOF\nset -e\nmake\nmake install\nEOF\n",
        fixed: Some("FROM debian:12\nRUN <<EOF\nset -e\nmake\nmake install\nEOF\n"),
        check: careless,
        ..RULE
    },
    Rule {
        code: "OD0007",
        severity: Severity::Error,
        title: "a quote begins here and never ends",
        why: "The shell reads to the end, finds no second quote and fails.",
        mend: "Write the quote that ends it, or escape this one with \\.",
        bad: "FROM debian:12\nRUN echo 'hello\n",
        good: "FROM debian:12\nRUN echo 'hello'\n",
        check: |subject, found| {
            for (_, instruction, script) in subject.runs() {
                if let Some(span) = script.open_quote.as_ref().filter(|_| !instruction.broken) {
                    found.push(Finding::at(span));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0008",
        title: "what is downloaded is run unread",
        why: "Whoever changes what the server says runs commands in your image, as root and unseen.",
        mend: "Download it to a file, compare its checksum, then run it.",
        bad: "FROM debian:12\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN curl -f https://a.example/x | sh\n",
        good: "FROM debian:12\nADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://a.example/x /x\nRUN sh /x\n",
        programs: &["curl", "wget"],
        check: |subject, found| {
            for (_, _, script) in subject.runs() {
                for pair in script.commands.windows(2) {
                    let [from, to] = pair else { continue };
                    let shell = to
                        .call()
                        .is_some_and(|c| super::super::shell::is_shell(c.program) || c.program.starts_with("python"));
                    if to.joint == Joint::Pipe && shell && (from.calls("curl") || from.calls("wget")) {
                        found.push(Finding::at(&(from.span.start..to.span.end.max(from.span.start))));
                    }
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "OD0009",
        title: "everyone may change these files",
        why: "Whoever breaks into the program may also change what it runs.",
        mend: "Give the files to the user who needs them: COPY --chown, chown, or a smaller mode such as 755.",
        bad: "FROM debian:12\nRUN chmod -R 777 /app\n",
        good: "FROM debian:12\nRUN chmod -R 755 /app\n",
        programs: &["chmod"],
        check: |subject, found| {
            for (_, _, command) in commands(subject) {
                let Some(call) = command.call().filter(|c| c.program == "chmod") else { continue };
                if let Some(mode) =
                    call.verb().filter(|w| matches!(w.text.as_str(), "777" | "0777" | "a+rwx" | "ugo+rwx" | "a=rwx"))
                {
                    found.push(Finding::at(&mode.span));
                }
            }
        },
        ..RULE
    },
    Rule {
        code: "DL3059",
        severity: Severity::Info,
        title: "several RUN in a row",
        why: "Each makes a layer, and what a later one removes stays in the earlier one.",
        mend: "Join them with && or a text: RUN <<EOF.",
        on: false,
        bad: "FROM debian:12\nRUN make\nRUN make install\n",
        good: "FROM debian:12\nRUN make && make install\n",
        check: |subject, found| {
            for pair in subject.file.instructions.windows(2) {
                let [a, b] = pair else { continue };
                if a.name == Name::Run && b.name == Name::Run && a.flags == b.flags {
                    found.push(Finding::at(&b.keyword));
                }
            }
        },
        ..RULE
    },
];

/// What needs a system, a terminal or somebody who looks on.
const SENSELESS: &[&str] = &[
    "ssh",
    "vim",
    "vi",
    "nano",
    "shutdown",
    "reboot",
    "service",
    "systemctl",
    "ps",
    "free",
    "top",
    "htop",
    "kill",
    "mount",
    "umount",
    "ifconfig",
];

/// Every command of every `RUN`.
pub(super) fn commands<'s>(subject: &'s Subject<'_>) -> impl Iterator<Item = (usize, &'s Instruction, &'s Command)> {
    subject
        .runs()
        .flat_map(|(number, instruction, script)| script.commands.iter().map(move |c| (number, instruction, c)))
}

pub(super) fn json(instruction: &Instruction) -> bool {
    matches!(instruction.form, Form::Json(_))
}

/// `RUN cd /x` as `WORKDIR /x`, where that is plain.
fn into_workdir(subject: &Subject<'_>, instruction: &Instruction, cd: &Command, finding: Finding) -> Finding {
    let plain = instruction.continuations.is_empty() && instruction.flags.is_empty() && !json(instruction);
    match cd.words.as_slice() {
        [_, directory]
            if plain && subject.text_of(&directory.span).starts_with('/') && cd.span.end == instruction.span.end =>
        {
            let edit = rewrite(&(instruction.keyword.start..directory.span.start), "WORKDIR ");
            finding.fix("Write WORKDIR", vec![edit])
        }
        _ => finding,
    }
}

/// What the `SHELL` of a stage says, as far as it matters.
#[derive(Debug, Clone, Copy, Default)]
struct Shell {
    /// Not one whose language is understood here.
    other: bool,
    pipefail: bool,
    stops: bool,
}

/// The shell of each `RUN`, by the number of its instruction.
fn shells(subject: &Subject<'_>) -> Vec<Shell> {
    let mut shells = vec![Shell::default(); subject.file.instructions.len()];
    subject.file.walk(|shell: &mut Shell, number, instruction| {
        if instruction.name == Name::Shell {
            let words = instruction.words();
            let program = words.first().map_or("", |w| w.text.as_str());
            shell.other = !super::super::shell::is_shell(program);
            shell.pipefail = words.iter().any(|w| w.text == "pipefail");
            shell.stops = words.iter().skip(1).any(|w| errexit(&w.text));
        }
        shells[number] = *shell;
    });
    shells
}

fn errexit(option: &str) -> bool {
    option == "errexit"
        || option
            .strip_prefix('-')
            .is_some_and(|o| !o.starts_with('-') && o.contains('e') && o.bytes().all(|b| b.is_ascii_alphabetic()))
}

fn pipes(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let shells = shells(subject);
    for (number, instruction, script) in subject.runs() {
        let shell = shells[number];
        if shell.other || shell.pipefail || json(instruction) {
            continue;
        }
        let mut before: Option<&Command> = None;
        for command in &script.commands {
            if command.words.iter().any(|w| w.text == "pipefail") {
                break;
            }
            if command.joint == Joint::Pipe
                && let Some(first) = before
                // What only prints cannot fail.
                && first.call().is_some_and(|c| !matches!(c.program, "echo" | "printf" | "yes" | "true"))
            {
                found.push(Finding::at(&first.span));
                break;
            }
            before = Some(command);
        }
    }
}

fn careless(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let shells = shells(subject);
    for (number, instruction, script) in subject.runs() {
        let reader = if instruction.heredocs.is_empty() { TextReader::Other } else { script.reader() };
        if reader == TextReader::Other || shells[number].other {
            continue;
        }
        let option = |c: Call<'_>| c.arguments.iter().any(|w| errexit(&w.text));
        // `bash -e <<EOF`.
        let stops = match reader {
            TextReader::Shell => {
                script.commands.iter().filter(|c| c.heredoc.is_none()).filter_map(Command::call).any(option)
            }
            _ => shells[number].stops,
        };
        if stops {
            continue;
        }
        let mut at = 0;
        for (i, heredoc) in instruction.heredocs.iter().enumerate() {
            // Commands stand in the order of the heredocs.
            while script.commands.get(at).is_some_and(|c| c.heredoc.is_none_or(|h| h < i)) {
                at += 1;
            }
            let from = at;
            while script.commands.get(at).is_some_and(|c| c.heredoc == Some(i)) {
                at += 1;
            }
            let commands = &script.commands[from..at];
            let body = subject.text_of(&heredoc.body);
            if heredoc.closing.is_none() || !careless_text(commands, body) {
                continue;
            }
            let first = body.lines().next().unwrap_or("");
            let shebang = first.starts_with("#!");
            if shebang && first.split_whitespace().skip(1).any(errexit) {
                continue;
            }
            let start = heredoc.body.start + if shebang { body.find('\n').map_or(0, |i| i + 1) } else { 0 };
            let ending = if body.contains("\r\n") { "\r\n" } else { "\n" };
            let fix = insert(start, format!("set -e{ending}"));
            found.push(Finding::at(&heredoc.opening).guess("Write set -e", vec![fix]));
        }
    }
}

/// Several commands one after the other, of which a failing one would not be seen.
fn careless_text(commands: &[Command], body: &str) -> bool {
    if body.is_empty() {
        return false;
    }
    let sets = commands
        .iter()
        .filter_map(Command::call)
        .any(|c| c.program == "set" && c.arguments.iter().any(|w| errexit(&w.text)));
    let steps = commands.iter().filter(|c| c.depth == 0 && matches!(c.joint, Joint::First | Joint::Then)).count();
    !sets && steps > 1
}

/// The script of a `RUN` as one list of `&&`: behind its end one more command may be written.
pub(super) fn one_list(instruction: &Instruction, script: &Script) -> Option<Span> {
    let line = instruction.shell()?;
    let text = line.text();
    let plain = instruction.heredocs.is_empty()
        && script.open_quote.is_none()
        && !text.contains('#')
        && !text.ends_with(['\\', ';', '&', '|', '`'])
        && script
            .commands
            .iter()
            .filter(|c| c.depth == 0)
            .all(|c| matches!(c.joint, Joint::First | Joint::And | Joint::Pipe))
        && script.commands.iter().all(|c| c.depth == 0);
    plain.then(|| line.span(0..text.len()))
}
