//! What each instruction takes: the flags it knows, the form of its arguments, and what BuildKit refuses.

use super::instruction::{Form, Instruction, Name, Pair, Problem, Word};
use super::parse::{refused, replace};
use super::source::{Joined, Span};
use super::words::{self, Json};

/// A flag that an instruction knows.
pub(super) struct Known {
    pub(super) name: &'static str,
    /// Values to offer; the first of `true` marks a flag that may stand alone.
    pub(super) values: &'static [&'static str],
    pub(super) many: bool,
    pub(super) about: &'static str,
}

const fn known(name: &'static str, values: &'static [&'static str], about: &'static str) -> Known {
    Known { name, values, many: false, about }
}

const fn many(name: &'static str, values: &'static [&'static str], about: &'static str) -> Known {
    Known { name, values, many: true, about }
}

const YES: &[&str] = &["true", "false"];
const MOUNTS: &[&str] = &["type=bind,", "type=cache,target=", "type=secret,id=", "type=ssh", "type=tmpfs,target="];

static RUN: &[Known] = &[
    many("mount", MOUNTS, "Something that is there only while the command runs"),
    known("network", &["default", "none", "host"], "The network of the command"),
    known("security", &["sandbox", "insecure"], "How far the command is shut in"),
    many("device", &[], "A device that the command may use"),
];
static COPY: &[Known] = &[
    known("from", &[], "A stage, an image or a named context to copy from"),
    known("chown", &[], "Owner of the copies: user:group"),
    known("chmod", &[], "Mode of the copies, as 0644"),
    known("link", YES, "A layer of its own, independent of those before"),
    known("parents", YES, "Keep the directories of the sources"),
    many("exclude", &[], "What not to copy, as a pattern"),
];
static ADD: &[Known] = &[
    known("chown", &[], "Owner of the copies: user:group"),
    known("chmod", &[], "Mode of the copies, as 0644"),
    known("link", YES, "A layer of its own, independent of those before"),
    known("keep-git-dir", YES, "Keep .git of a repository"),
    known("checksum", &["sha256:"], "What the download must be"),
    known("unpack", YES, "Unpack archives, or leave them as they are"),
    many("exclude", &[], "What not to copy, as a pattern"),
];
static FROM: &[Known] = &[known(
    "platform",
    &["$BUILDPLATFORM", "$TARGETPLATFORM", "linux/amd64", "linux/arm64"],
    "Which platform's image",
)];
static HEALTHCHECK: &[Known] = &[
    known("interval", &["30s"], "Time between two checks"),
    known("timeout", &["30s"], "Time a check may take"),
    known("start-period", &["10s"], "Time in which failures do not count"),
    known("start-interval", &["5s"], "Time between checks in the start period"),
    known("retries", &["3"], "Failures in a row that make it unhealthy"),
];

/// The flags of an instruction.
pub(super) fn flags(name: Name) -> &'static [Known] {
    match name {
        Name::Run => RUN,
        Name::Copy => COPY,
        Name::Add => ADD,
        Name::From => FROM,
        Name::Healthcheck => HEALTHCHECK,
        _ => &[],
    }
}

/// A file with more problems than this gets no guesses of what was meant: it is something else than a Dockerfile.
const MANY: usize = 200;

/// The nearest of several words, if one is near.
pub(crate) fn nearest<'a>(word: &str, all: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 40 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    all.into_iter()
        .filter(|known| known.len().abs_diff(word.len()) <= 1 + known.len() / 4)
        .map(|known| (distance(&word, &known.to_ascii_lowercase()), known))
        .filter(|(d, known)| *d > 0 && *d <= 1 + known.len() / 4)
        .min_by_key(|(d, _)| *d)
        .map(|(_, known)| known)
}

/// Letters to insert, remove, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let other = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j - 1] + other).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Notes flags that the instruction does not know, that stand twice, or that have no fitting value.
pub(super) fn known_flags(instruction: &Instruction, problems: &mut Vec<Problem>) {
    let table = flags(instruction.name);
    let name = instruction.name.as_str();
    for (i, flag) in instruction.flags.iter().enumerate() {
        let Some(known) = table.iter().find(|k| k.name == flag.name) else {
            let mut problem = refused(flag.span.clone(), format!("{name} has no flag --{}", flag.name), "Remove it.");
            if problems.len() < MANY
                && let Some(near) = nearest(&flag.name, table.iter().map(|k| k.name))
            {
                problem.mend = format!("Did you mean --{near}?");
                problem.fix = Some(replace(format!("Write --{near}"), flag.name_span.clone(), near));
            } else if !table.is_empty() {
                let all: Vec<_> = table.iter().map(|k| format!("--{}", k.name)).collect();
                problem.mend = format!("It knows {}.", all.join(", "));
            }
            problems.push(problem);
            continue;
        };
        // Bounded: more flags than an instruction knows are noted once each.
        if !known.many && instruction.flags[..i].iter().take(64).any(|f| f.name == flag.name) {
            problems.push(refused(flag.span.clone(), format!("--{} is given twice", flag.name), "Remove one of them."));
        }
        let yes_no = known.values == YES;
        match &flag.value {
            None if !yes_no => {
                let message = format!("--{} needs a value", flag.name);
                problems.push(refused(flag.span.clone(), message, format!("Write --{}=...", flag.name)));
            }
            Some(v) if yes_no && !matches!(v.as_str(), "" | "true" | "false") => {
                let message = format!("--{} is true or false", flag.name);
                let span = flag.value_span.clone().unwrap_or_else(|| flag.span.clone());
                problems.push(refused(span, message, "Write true or false."));
            }
            _ => {}
        }
        if flag.name == "mount" {
            mount(flag, problems);
        }
        if instruction.name == Name::Healthcheck {
            health(flag, problems);
        }
    }
}

fn mount(flag: &super::instruction::Flag, problems: &mut Vec<Problem>) {
    let Some(value) = &flag.value else { return };
    let kind = value.split(',').find_map(|part| part.trim().strip_prefix("type=")).unwrap_or("bind");
    if !matches!(kind, "bind" | "cache" | "tmpfs" | "secret" | "ssh") && !kind.contains('$') {
        let span = flag.value_span.clone().unwrap_or_else(|| flag.span.clone());
        let message = format!("there is no mount of type {kind}");
        problems.push(refused(span, message, "Types are bind, cache, tmpfs, secret and ssh."));
    }
}

/// Go's durations: `1m30s`, `500ms`.
fn is_duration(text: &str) -> bool {
    let mut rest = text.trim_start_matches(['+', '-']);
    if rest == "0" {
        return true;
    }
    let mut any = false;
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let Some(unit) = ["ns", "us", "µs", "ms", "s", "m", "h"].iter().find(|u| {
            rest[number..]
                .strip_prefix(**u)
                .is_some_and(|after| after.is_empty() || after.as_bytes()[0].is_ascii_digit())
        }) else {
            return false;
        };
        if !rest[..number].bytes().any(|b| b.is_ascii_digit()) {
            return false;
        }
        rest = &rest[number + unit.len()..];
        any = true;
    }
    any
}

fn health(flag: &super::instruction::Flag, problems: &mut Vec<Problem>) {
    let Some(value) = flag.value.as_deref().filter(|v| !v.is_empty() && !v.contains('$')) else { return };
    let span = flag.value_span.clone().unwrap_or_else(|| flag.span.clone());
    if flag.name == "retries" {
        if value.parse::<u32>().is_err() {
            problems.push(refused(span, "--retries is a number that is not negative", "Write --retries=3."));
        }
    } else if !is_duration(value) {
        let message = format!("{value} is no duration");
        problems.push(refused(span, message, "Write a number with its unit: 500ms, 30s, 1m30s."));
    } else if value.starts_with('-') {
        problems.push(refused(span, "a duration cannot be negative", "Remove the minus."));
    }
}

/// Reads the arguments of everything but `ONBUILD`.
pub(super) fn read(text: &str, escape: char, instruction: &mut Instruction, problems: &mut Vec<Problem>) {
    let name = instruction.name;
    if name == Name::Unknown {
        unknown(text, instruction, problems);
        return;
    }
    let line = std::mem::take(&mut instruction.arguments);
    let upper = name.as_str();
    let missing = |what: &str, example: &str| {
        refused(instruction.keyword.clone(), format!("{upper} needs {what}"), format!("As in {example}."))
    };
    let mut noted = Vec::new();
    let form = match name {
        _ if line.is_empty() => {
            noted.push(match name {
                Name::Add | Name::Copy => missing("a source and a target", "COPY app.py /app/"),
                Name::Arg => missing("a name", "ARG VERSION=1.2"),
                Name::Cmd => missing("a command", r#"CMD ["python3", "app.py"]"#),
                Name::Entrypoint => missing("a command", r#"ENTRYPOINT ["/app"]"#),
                Name::Env => missing("a name and a value", "ENV MODE=production"),
                Name::Expose => missing("a port", "EXPOSE 8080"),
                Name::From => missing("an image", "FROM debian:12"),
                Name::Healthcheck => missing("a command", r#"HEALTHCHECK CMD ["/app", "--check"]"#),
                Name::Label => missing("a name and a value", "LABEL version=1.2"),
                Name::Maintainer => missing("a name", "LABEL org.opencontainers.image.authors=..."),
                Name::Shell => missing("a command as JSON", r#"SHELL ["/bin/bash", "-c"]"#),
                Name::Stopsignal => missing("a signal", "STOPSIGNAL SIGTERM"),
                Name::User => missing("a user", "USER 1000"),
                Name::Volume => missing("a path", "VOLUME /data"),
                Name::Workdir => missing("a directory", "WORKDIR /app"),
                Name::Run | Name::Onbuild | Name::Unknown => missing("a command", "RUN make"),
            });
            Form::None
        }
        Name::Run | Name::Cmd | Name::Entrypoint | Name::Shell => shell_or_json(&line, &mut noted),
        Name::Healthcheck => healthcheck(&line, &mut noted),
        Name::Copy | Name::Add | Name::Volume => match words::json(line.text()) {
            Json::Strings(strings) => strings_of(&line, strings),
            Json::Others => others(&line, &mut noted),
            Json::Not => Form::Words(words::placed(&line, words::plain(line.text()))),
        },
        Name::From | Name::Expose => Form::Words(words::placed(&line, words::plain(line.text()))),
        Name::Workdir | Name::User | Name::Stopsignal | Name::Maintainer => {
            Form::Words(words::placed(&line, std::iter::once(0..line.text().len())))
        }
        Name::Arg | Name::Env | Name::Label => pairs(name, &line, escape, &mut noted),
        Name::Onbuild | Name::Unknown => Form::None,
    };
    instruction.arguments = line;
    instruction.form = form;
    // `HEALTHCHECK NONE` looks at no flags.
    let none = name == Name::Healthcheck && instruction.arguments.text().eq_ignore_ascii_case("none");
    if !none {
        known_flags(instruction, problems);
    }
    if noted.is_empty() {
        check(escape, instruction, &mut noted);
    }
    problems.append(&mut noted);
}

fn unknown(text: &str, instruction: &Instruction, problems: &mut Vec<Problem>) {
    let word = &text[instruction.keyword.clone()];
    let shown: String = word.chars().take(40).collect();
    let mut problem = refused(
        instruction.keyword.clone(),
        format!("there is no instruction {shown}"),
        "Remove it, or write a known one.",
    );
    // Continued within the word, an edit of its span would take more than the word.
    if problems.len() < MANY
        && let Some(near) = nearest(word, Name::ALL.iter().map(|n| n.as_str()))
    {
        problem.mend = format!("Did you mean {near}?");
        problem.fix = Some(replace(format!("Write {near}"), instruction.keyword.clone(), near));
    } else if word.starts_with("//") {
        "Comments begin with #.".clone_into(&mut problem.mend);
    }
    problems.push(problem);
}

fn strings_of(line: &Joined, strings: Vec<(String, Span)>) -> Form {
    Form::Json(strings.into_iter().map(|(text, range)| Word { text, span: line.span(range) }).collect())
}

fn others(line: &Joined, noted: &mut Vec<Problem>) -> Form {
    let span = line.span(0..line.text().len());
    noted.push(refused(span, "a JSON array may hold only strings here", "Put every element in double quotes."));
    Form::None
}

fn shell_or_json(line: &Joined, noted: &mut Vec<Problem>) -> Form {
    match words::json(line.text()) {
        Json::Strings(strings) => strings_of(line, strings),
        Json::Others => others(line, noted),
        Json::Not => Form::Shell(line.clone()),
    }
}

/// `NONE`, or `CMD` and a command; the form is the command's.
fn healthcheck(line: &Joined, noted: &mut Vec<Problem>) -> Form {
    let text = line.text();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let rest = end + (text[end..].len() - text[end..].trim_start().len());
    let kind = &text[..end];
    if kind.eq_ignore_ascii_case("none") {
        if rest < text.len() {
            let span = line.span(rest..text.len());
            noted.push(refused(span, "HEALTHCHECK NONE takes nothing more", "Remove what follows NONE."));
        }
        return Form::None;
    }
    if !kind.eq_ignore_ascii_case("cmd") {
        let mut problem = refused(
            line.span(0..end),
            format!("HEALTHCHECK knows CMD and NONE, not {kind}"),
            "Write CMD before the command.",
        );
        problem.fix = Some(replace("Write CMD before it", line.span(0..0), "CMD "));
        noted.push(problem);
        return Form::None;
    }
    if rest >= text.len() {
        noted.push(refused(
            line.span(0..end),
            "the command is missing",
            r#"As in HEALTHCHECK CMD ["/app", "--check"]."#,
        ));
        return Form::None;
    }
    shell_or_json(&line.part(rest..text.len()), noted)
}

fn pairs(name: Name, line: &Joined, escape: char, noted: &mut Vec<Problem>) -> Form {
    let text = line.text();
    let ranges = words::quoted(text, escape);
    let word = |range: Span| Word { text: text[range.clone()].to_owned(), span: line.span(range) };
    let upper = name.as_str();
    let first = ranges.first().cloned().unwrap_or(0..text.len());
    if name != Name::Arg && !text[first.clone()].contains('=') {
        // The old form: all that follows the name is its value.
        let end = text.bytes().position(words::blank).unwrap_or(text.len());
        let start = end + text[end..].bytes().take_while(|b| words::blank(*b)).count();
        if start >= text.len() {
            let mut problem = refused(
                line.span(0..end),
                format!("{upper} needs a value for {text}"),
                format!("Write {upper} {text}=..."),
            );
            problem.fix = Some(replace(format!("Write {text}="), line.span(end..end), "="));
            noted.push(problem);
        }
        let value = (start < text.len()).then(|| word(start..text.len()));
        return Form::Pairs(vec![Pair { name: word(0..end), value, old: true }]);
    }
    let mut pairs = Vec::with_capacity(ranges.len());
    for range in ranges {
        let equals = text[range.clone()].find('=').map(|i| range.start + i);
        if equals.is_none() && name != Name::Arg {
            let shown: String = text[range.clone()].chars().take(40).collect();
            let message = format!("{upper} has {shown} without a =");
            noted.push(refused(
                line.span(range.clone()),
                message,
                "Write name=value, and quotes around values with spaces.",
            ));
        }
        let end = equals.unwrap_or(range.end);
        if end == range.start {
            noted.push(refused(
                line.span(range.clone()),
                format!("{upper} has a value without a name"),
                "Write a name before the =.",
            ));
        }
        pairs.push(Pair { name: word(range.start..end), value: equals.map(|i| word(i + 1..range.end)), old: false });
    }
    Form::Pairs(pairs)
}

/// What BuildKit refuses although it could be read.
fn check(escape: char, instruction: &Instruction, noted: &mut Vec<Problem>) {
    let line = &instruction.arguments;
    let words = instruction.words();
    match instruction.name {
        Name::From => from(words, noted),
        Name::Copy | Name::Add => {
            if words.len() < 2 {
                let upper = instruction.name.as_str();
                let span = words.first().map_or_else(|| instruction.keyword.clone(), |w| w.span.clone());
                noted.push(refused(
                    span,
                    format!("{upper} needs a target, too"),
                    format!("As in {upper} app.py /app/."),
                ));
            } else if let Some(last) = words.last().filter(|w| words::is_heredoc(&w.text)) {
                noted.push(refused(last.span.clone(), "the target cannot be a heredoc", "Write a path at the end."));
            }
        }
        Name::Volume => {
            if let Some(word) = words.iter().find(|w| w.text.is_empty()) {
                noted.push(refused(word.span.clone(), "a volume needs a path", "Write a path, or remove it."));
            }
            if words.is_empty() {
                noted.push(refused(instruction.keyword.clone(), "VOLUME needs a path", "As in VOLUME /data."));
            }
        }
        Name::Shell => match &instruction.form {
            Form::Json(words) if words.is_empty() => {
                noted.push(refused(
                    instruction.keyword.clone(),
                    "SHELL needs a command",
                    r#"As in SHELL ["/bin/bash", "-c"]."#,
                ));
            }
            Form::Json(_) => {}
            _ => {
                let span = line.span(0..line.text().len());
                noted.push(refused(span, "SHELL must be a JSON array", r#"As in SHELL ["/bin/bash", "-c"]."#));
            }
        },
        _ => {}
    }
    let expands = matches!(
        instruction.name,
        Name::From
            | Name::Copy
            | Name::Add
            | Name::Volume
            | Name::Expose
            | Name::Workdir
            | Name::User
            | Name::Stopsignal
            | Name::Arg
            | Name::Env
            | Name::Label
    );
    if expands && !matches!(instruction.form, Form::Json(_)) && noted.is_empty() {
        // Sources that are heredocs may hold quotes of their own.
        if let Some(at) = words::open_quote(line.text(), escape) {
            let span = line.span(at..line.text().len());
            noted.push(refused(
                span,
                "a quote begins here and never ends",
                "Write the quote that ends it, or escape this one.",
            ));
        }
    }
}

fn from(words: &[Word], noted: &mut Vec<Problem>) {
    let valid = |name: &str| {
        let name = name.to_lowercase();
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
    };
    match words {
        [] | [_] => {}
        [_, between, name] if between.text.eq_ignore_ascii_case("as") => {
            if !valid(&name.text) {
                let message = format!("{} cannot be the name of a stage", name.text);
                let mend = "Names begin with a letter; then letters, digits, `-`, `_` and `.` may follow.";
                noted.push(refused(name.span.clone(), message, mend));
            }
        }
        [_, last] => {
            let mut problem = refused(
                last.span.clone(),
                "FROM takes an image, or an image, AS and a name",
                "Write AS and a name, or remove this.",
            );
            if valid(&last.text) && !last.text.eq_ignore_ascii_case("as") {
                problem.fix = Some(replace("Write AS before it", last.span.start..last.span.start, "AS "));
            }
            noted.push(problem);
        }
        [_, more @ ..] => {
            let span = more.first().map_or(0, |w| w.span.start)..more.last().map_or(0, |w| w.span.end);
            noted.push(refused(span, "FROM takes an image, or an image, AS and a name", "Remove what is too much."));
        }
    }
}
