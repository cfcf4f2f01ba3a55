//! Why there is no image, in words.

use super::context::{Context, Whether};
use super::place::StepPlace;
use super::steps::{Build, StepState, one_line};
use crate::engine::{EngineError, ErrorKind};

/// Why a build failed. Its texts are harmless.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// What happened, one sentence.
    pub message: String,
    /// What to do next; empty when the message says it all.
    pub hint: String,
    /// What the step's program ended with.
    pub exit_code: Option<i64>,
    /// The step, by its key; `None` when no step failed, such as where the Dockerfile cannot be read.
    pub step: Option<String>,
    /// Which instruction of the Dockerfile it was.
    pub at: Option<StepPlace>,
    /// The line of the Dockerfile, from 1, when the engine named it.
    pub line: Option<usize>,
    /// The last lines that the step printed.
    pub last: Vec<String>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

/// Lines of a step that are repeated.
const LAST: usize = 20;

/// The words for what the engine said of a build that it gave up.
pub(super) fn explain(build: &Build, context: Option<&Context>, said: &EngineError) -> Failure {
    let step = build.failed_step().or_else(|| {
        // The classic builder does not say which step failed: it is the one it was at.
        build.steps.iter().rev().find(|s| s.state == StepState::Running && said.kind != ErrorKind::Unreachable)
    });
    let text = one_line(&said.message);
    let mut failure = Failure {
        exit_code: exit_code(&text),
        step: step.map(|s| s.key.clone()),
        at: step.and_then(|s| s.at.clone()),
        line: line(&text),
        last: step.map(|s| s.output.last(LAST)).unwrap_or_default(),
        ..Failure::default()
    };
    let name = step.map(|s| s.name.as_str()).unwrap_or_default();
    (failure.message, failure.hint) = words(&text, name, &failure, context);
    if failure.hint.is_empty() {
        failure.hint.clone_from(&said.hint);
    }
    failure
}

fn words(text: &str, step: &str, failure: &Failure, context: Option<&Context>) -> (String, String) {
    let low = text.to_lowercase();
    let has = |words: &str| low.contains(words);
    let short = crate::text::fit(step, 120);
    let last = failure.last.join(" ").to_lowercase();
    if has("no space left on device") || last.contains("no space left on device") {
        return (
            format!("the disk of the engine is full: {}", bare(text)),
            "docker system df shows what takes the room; docker builder prune and docker image prune make some".into(),
        );
    }
    if let Some(code) = failure.exit_code {
        let message = format!("{short} ended with exit code {code}");
        let hint = match code {
            127 => "exit code 127: a command was not found; is it installed in an earlier step, and spelled right?",
            126 => "exit code 126: a file may not be executed; chmod +x it, or COPY it with --chmod=755",
            137 => {
                "exit code 137: it was killed, mostly because memory ran out; give the engine more, or build with less at once"
            }
            139 => "exit code 139: the program crashed (segmentation fault)",
            _ => "",
        };
        return (message, hint.to_owned());
    }
    if let Some(line) = failure.line.filter(|_| has("parse error") || has("unknown instruction")) {
        return (format!("line {line} of the Dockerfile: {}", after_line(text)), String::new());
    }
    if let Some(found) = not_copied(text, step, context) {
        return found;
    }
    if has("no active session") || has("could not find default ssh") || (has("secret") && has("not found")) {
        return (
            format!("{short} asks for a secret or an ssh key, which this build cannot give"),
            "docker build --secret or --ssh on the command line can".to_owned(),
        );
    }
    if has("unable to find user") {
        let what = low.find("unable to find").and_then(|at| text.get(at..)).unwrap_or(text);
        return (format!("{short}: {what}"), "USER wants one that an earlier step made, or a number".to_owned());
    }
    if NO_IMAGE.iter().any(|words| has(words)) {
        return no_image(text, step);
    }
    if has("cannot locate specified dockerfile") || has("failed to read dockerfile") {
        let name = context.map_or("Dockerfile", Context::dockerfile);
        return (format!("there is no {name} in the build context"), String::new());
    }
    if has("target stage") && has("could not be found") || has("failed to reach build target") {
        return (bare(text), "the name after AS of a FROM line is what a target can be".to_owned());
    }
    (bare(text), String::new())
}

/// The engine's words without the layers of its own that it names.
fn bare(text: &str) -> String {
    let mut text = text;
    for prefix in [
        "failed to solve with frontend dockerfile.v0: ",
        "failed to solve: ",
        "failed to create LLB definition: ",
        "failed to build LLB: ",
        "rpc error: code = Unknown desc = ",
        "failed to compute cache key: ",
        "failed to load cache key: ",
        "failed to parse Dockerfile: ",
        "ADD failed: ",
        "COPY failed: ",
    ] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    // The command stands before this as the step's name.
    match text.split_once("]: ") {
        Some((command, rest)) if command.starts_with("executor failed running [") => rest.to_owned(),
        _ => text.to_owned(),
    }
}

fn first_word(step: &str) -> &str {
    step.split_whitespace().next().unwrap_or("a step")
}

/// A number that stands right behind some words.
fn number_after(text: &str, words: &str) -> Option<u64> {
    let at = text.to_lowercase().find(words)? + words.len();
    let digits: String = text.get(at..)?.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn exit_code(text: &str) -> Option<i64> {
    ["exit code:", "returned a non-zero code:", "exit status"]
        .iter()
        .find_map(|w| number_after(text, w))
        .map(|n| n as i64)
}

/// The line of the Dockerfile that a message names.
fn line(text: &str) -> Option<usize> {
    ["parse error line", "parse error on line", "dockerfile line"]
        .iter()
        .find_map(|w| number_after(text, w))
        .and_then(|n| usize::try_from(n).ok())
        .filter(|n| *n > 0)
}

fn after_line(text: &str) -> String {
    let low = text.to_lowercase();
    let rest = low.find("parse error").and_then(|at| text.get(at..)).and_then(|t| t.split_once(": "));
    rest.map_or_else(|| bare(text), |(_, what)| what.to_owned())
}

/// The words for a file that COPY or ADD did not find; `None` when that is not what happened.
fn not_copied(text: &str, step: &str, context: Option<&Context>) -> Option<(String, String)> {
    let mut words = step.split_whitespace();
    let word = words.next().filter(|w| w.eq_ignore_ascii_case("copy") || w.eq_ignore_ascii_case("add"))?;
    if !["not found", "no such file", "does not exist"].iter().any(|w| text.contains(w)) {
        return None;
    }
    if let Some(from) = words.clone().find_map(|w| w.strip_prefix("--from=")) {
        let path = text.split_once("stat ").map_or("a file", |(_, rest)| rest.split(": ").next().unwrap_or(rest));
        let path = path.split_once("/merged").map_or(path, |(_, inside)| inside);
        let message = format!("{word} --from={from} does not find /{} there", path.trim_start_matches('/'));
        return Some((message, "what an earlier stage has is what its own steps made".to_owned()));
    }
    // What it wants stands in the instruction; messages name it after parents, or by a path of the engine's own.
    let mut wanted: Vec<String> = words
        .filter(|w| !w.starts_with("--"))
        .map(|w| w.trim_matches(['[', ']', ',', '"', '\'']).to_owned())
        .filter(|w| !w.is_empty())
        .collect();
    wanted.pop();
    wanted.retain(|w| !w.contains("://") && !w.contains('$'));
    let absent = |path: &&String| context.is_some_and(|c| c.whether(path) != Whether::Sent);
    let path = wanted.iter().find(absent).or(wanted.first())?;
    Some((format!("{word} does not find {path} in the build context"), hidden(path, context)))
}

/// What engines say when a base image cannot be had.
const NO_IMAGE: [&str; 10] = [
    "pull access denied",
    "failed to resolve source metadata",
    "manifest unknown",
    "no such image",
    "dial tcp",
    "failed to do request",
    "no match for platform",
    "no matching manifest",
    "tls handshake",
    "i/o timeout",
];

/// The words for an image, or a file by its address, that cannot be fetched.
fn no_image(text: &str, step: &str) -> (String, String) {
    let low = text.to_lowercase();
    let has = |words: &str| low.contains(words);
    let unreachable =
        ["dial tcp", "failed to do request", "i/o timeout", "tls handshake", "no such host"].iter().any(|w| has(w));
    if let Some(url) = step.split_whitespace().find(|w| w.contains("://") && !w.starts_with("docker-image:")) {
        let hint = "the engine fetches it: has its machine a way out?".to_owned();
        return (format!("{} cannot fetch {url}: {}", first_word(step), bare(text)), hint);
    }
    let image = image_of(step).or_else(|| image(text)).unwrap_or_else(|| "an image".to_owned());
    let image = image.strip_prefix("docker.io/library/").or(image.strip_prefix("docker.io/")).unwrap_or(&image);
    if has("gateway.v0") || step.starts_with("resolve image config") {
        return (
            format!("the # syntax= line wants the image {image}, which is not on this engine and cannot be fetched"),
            "without that line the engine reads the Dockerfile itself".to_owned(),
        );
    }
    let why = if has("no match for platform") || has("no matching manifest") {
        "is not there for this platform"
    } else if unreachable {
        "is not on this engine, and no registry can be reached from it"
    } else {
        "is not on this engine, and the registry does not give it: is the name right, or does it want a login?"
    };
    let hint =
        "docker images shows what is there; docker pull, with a login where one is needed, or docker load brings it";
    (format!("the image {image} {why}"), hint.to_owned())
}

/// Why a file that COPY wants is not in the context.
fn hidden(path: &str, context: Option<&Context>) -> String {
    let Some(context) = context else { return String::new() };
    match context.whether(path) {
        Whether::Ignored { line: Some(line), file } => format!("line {line} of {file} leaves it out"),
        Whether::Ignored { line: None, file } => format!("{file} leaves it out"),
        Whether::Sent => "it is in the build context; with --from it is looked for in that stage".to_owned(),
        Whether::Absent => match context.similar(path) {
            Some(other) => format!("there is {other}; paths are relative to the folder that is built"),
            None => {
                "paths are relative to the folder that is built, and nothing outside of it can be copied".to_owned()
            }
        },
    }
}

/// The image that a message names.
fn image(text: &str) -> Option<String> {
    for words in ["pull access denied for ", "manifest for ", "No such image: "] {
        if let Some((_, rest)) = text.split_once(words) {
            let name = rest.split([' ', ',', ':']).next().filter(|n| !n.is_empty())?;
            return Some(name.to_owned());
        }
    }
    None
}

fn image_of(step: &str) -> Option<String> {
    let mut words = step.split_whitespace().skip_while(|w| !w.eq_ignore_ascii_case("FROM") && *w != "for");
    words.next()?;
    words.find(|w| !w.starts_with("--")).map(|w| w.split('@').next().unwrap_or(w).to_owned())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::steps::{BuildEvent, StepSeen};
    use super::*;

    /// The words for what an engine says of a step.
    fn of(step: &str, said: &str) -> Failure {
        let mut build = Build::new(Timestamp::UNIX_EPOCH);
        let seen = StepSeen { key: "k".into(), name: step.into(), error: said.into(), ..StepSeen::default() };
        if !step.is_empty() {
            build.take(BuildEvent::Step(seen), Timestamp::UNIX_EPOCH);
        }
        explain(&build, None, &EngineError::new(ErrorKind::Other, said))
    }

    #[test]
    fn engines_words_become_words_for_people() {
        for (step, said, message, hint) in [
            (
                "[2/2] RUN x",
                "executor failed running [/bin/sh -c x]: exit code: 127",
                "RUN x ended with exit code 127",
                "not found",
            ),
            (
                "RUN x",
                "The command '/bin/sh -c x' returned a non-zero code: 137",
                "RUN x ended with exit code 137",
                "memory",
            ),
            (
                "[2/2] RUN x",
                "process \"/bin/sh -c x\" did not complete successfully: exit code: 2",
                "RUN x ended with exit code 2",
                "",
            ),
            (
                "",
                "failed to solve: dockerfile parse error on line 7: unknown instruction: X",
                "line 7 of the Dockerfile: unknown",
                "",
            ),
            ("", "Dockerfile parse error line 3: FROM requires", "line 3 of the Dockerfile: FROM requires", ""),
            ("COPY a b", "write /x: no space left on device", "the disk of the engine is full: write /x", "prune"),
            (
                "[2/2] COPY --from=base /x /y",
                "lstat /var/lib/docker/overlay2/ab/merged/x: no such file or directory",
                "COPY --from=base does not find /x there",
                "stage",
            ),
            (
                "[2/2] COPY [\"a b\", \"/y\"]",
                "failed to compute cache key: failed to walk /tmp/m/a: no such file or directory",
                "COPY does not find a",
                "",
            ),
            (
                "[internal] load metadata for docker.io/library/none:1",
                "failed to do request: Head \"https://r.invalid/v2\": dial tcp: lookup r.invalid: no such host",
                "the image none:1 is not on this engine, and no registry can be reached",
                "docker load",
            ),
            (
                "FROM private",
                "pull access denied for private, repository does not exist",
                "the image private is not",
                "login",
            ),
            (
                "ADD https://a.invalid/x /x",
                "ADD failed: Get \"https://a.invalid/x\": dial tcp: no such host",
                "ADD cannot fetch https://a.invalid/x",
                "way out",
            ),
            (
                "RUN --mount=type=secret x",
                "no active sessions",
                "RUN --mount=type=secret x asks for a secret",
                "--secret",
            ),
            (
                "resolve image config for docker.io/docker/dockerfile:1",
                "failed to solve with frontend gateway.v0: failed to do request: x",
                "the # syntax= line wants the image docker/dockerfile:1",
                "without that line",
            ),
            (
                "RUN x",
                "executor failed running [/bin/sh -c x]: unable to find user u: y",
                "RUN x: unable to find user u",
                "USER",
            ),
            ("", "failed to solve: something new", "something new", ""),
        ] {
            let failure = of(step, said);
            assert!(failure.message.starts_with(message), "{said}: {failure:?}");
            assert!(failure.hint.contains(hint), "{said}: {failure:?}");
        }
    }

    #[test]
    fn nothing_a_terminal_obeys_comes_through() {
        let failure = of("[1/2] RUN \u{1b}[2J", "x\u{1b}]0;t\u{7}: exit code: 1\nmore");
        assert!(!failure.to_string().contains(crate::text::is_unsafe), "{failure:?}");
    }
}
