//! Checks on what a Dockerfile says of its containers: user, form of the command, directory, ports, variables.

use std::sync::LazyLock;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::super::Trouble;
use super::super::check::{Case, Check, Found, Kind, Phase, Seen, Wrong};
use super::super::fields::{OneOrMore, Pattern};
use super::super::reading::Which;
use super::super::select::Instr;
use super::dockerfile::{View, view};
use crate::config::{Period, Secrets};
use crate::dockerfile::{Form, Name};

pub(super) const KINDS: &[Kind] = &[
    kind!(Phase::Dockerfile, "df.user", User, "Containers of the image run as a user that is wanted.", [
        "DF_USER_ROOT": "As whom does the program run? USER says so, and the last one in the last stage counts.",
        "DF_USER_NAME": "USER takes a number, too; a number can be checked from outside, a name only within the image.",
    ]),
    kind!(Phase::Dockerfile, "df.healthcheck", Healthcheck, "The image says how to see that its containers are well.", [
        "DF_NO_HEALTHCHECK": "HEALTHCHECK tells Docker how to ask whether the program is well.",
        "DF_HEALTHCHECK": "There is a HEALTHCHECK, but not as the task asks for it.",
    ]),
    kind!(Phase::Dockerfile, "df.exec_form", ExecForm, "The program is started itself, not a shell that starts it.", [
        "DF_SHELL_FORM": "Without brackets a shell is started, and gets the signals in place of the program.",
    ]),
    kind!(Phase::Dockerfile, "df.workdir", Workdir, "The directory of the image is as wanted.", [
        "DF_WORKDIR": "WORKDIR says in which directory everything below it happens, and the program is started.",
    ]),
    kind!(Phase::Dockerfile, "df.expose", Expose, "The image says on which port its program listens.", [
        "DF_EXPOSE": "EXPOSE tells people, and other programs, on which port the program listens.",
    ]),
    kind!(Phase::Dockerfile, "df.label", Label, "The image has a label.", [
        "DF_LABEL": "LABEL name=value says something about the image; is the name spelled as asked for?",
    ]),
    kind!(Phase::Dockerfile, "df.env", Env, "Containers of the image have a variable.", [
        "DF_ENV": "ENV name=value sets a variable for the build and for containers; is it in the stage that counts?",
    ]),
    kind!(Phase::Dockerfile, "df.stopsignal", Stopsignal, "The image says by which signal its program is asked to end.", [
        "DF_STOPSIGNAL": "STOPSIGNAL says which signal asks the program to end.",
    ]),
    kind!(Phase::Dockerfile, "df.no_secret", NoSecret, "No secret is written into the Dockerfile.", [
        "DF_SECRET": "Whatever a Dockerfile says, everyone who has the image can read in its history.",
    ]),
];

/// What an instruction of a stage says; else that there is none.
fn last(view: &View<'_>, name: Name, stage: usize) -> Option<(usize, String)> {
    view.reading.last(name, stage).map(|at| (at, view.reading.arguments(at)))
}

/// `df.user`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct User {
    /// Which stage (`final`).
    #[serde(default)]
    stage: Which,
    /// Whether it must not be root (yes).
    #[serde(default = "yes")]
    nonroot: bool,
    /// Whether it must be a number.
    #[serde(default)]
    numeric: bool,
    /// A pattern that the user matches.
    matches: Option<Pattern>,
}

fn yes() -> bool {
    true
}

impl User {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_USER_ROOT", |view| {
            let (mut found, mut seen) = (Vec::new(), Vec::new());
            for stage in view.stages(&self.stage, "DF_USER_ROOT")? {
                let Some((at, user)) = last(view, Name::User, stage) else {
                    let from = view.reading.stages[stage].from;
                    seen.push("no USER".to_owned());
                    if self.nonroot || self.numeric || self.matches.is_some() {
                        let message =
                            "the stage that begins here has no USER, so it runs as root, expected another user";
                        let wrong = view.found("DF_USER_ROOT", from, message);
                        found.push(wrong.expected("USER with another user than root").found("no USER"));
                    }
                    continue;
                };
                let own = user.split(':').next().unwrap_or_default().trim();
                let number = own.parse::<u64>().ok();
                seen.push(format!("USER {user}"));
                if self.nonroot && (own.is_empty() || own == "root" || number == Some(0)) {
                    let message = format!("USER {user} is root, expected another user");
                    found.push(view.found("DF_USER_ROOT", at, &message).expected("not root").found(user));
                } else if own.contains('$') {
                    let message = format!("USER {user}: this variable is not set, expected a user");
                    found.push(view.found("DF_USER_ROOT", at, &message).expected("a user").found(user));
                } else if self.numeric && number.is_none() {
                    let message = format!("USER {user} is a name, expected a number");
                    found.push(view.found("DF_USER_NAME", at, &message).expected("a number").found(user));
                } else if let Some(pattern) = self.matches.as_ref().filter(|pattern| !pattern.is_in(&user)) {
                    let should = format!("a match of /{}/", pattern.text());
                    let message = format!("found USER {user}, expected {should}");
                    found.push(view.found("DF_USER_NAME", at, &message).expected(should).found(user));
                }
            }
            Ok(Seen::of(super::files::listed(&seen), found))
        })
    }
}

impl Check for User {
    fn title(&self) -> String {
        if self.nonroot { "The image does not run as root" } else { "The image runs as the right user" }.to_owned()
    }

    at_once!();
}

/// How a command is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Written {
    Exec,
    Shell,
    Any,
}

/// `df.healthcheck`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Healthcheck {
    /// Which stage (`final`).
    #[serde(default)]
    stage: Which,
    /// How its command is written: `exec`, `shell`, `any`.
    form: Option<Written>,
    /// The longest time between two probes, such as `30s`.
    max_interval: Option<String>,
    /// A pattern that the command matches.
    cmd: Option<Pattern>,
}

/// A duration as Dockerfiles have it: `1m30s`, `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut all = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let units = [("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
        let (unit, seconds) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        all = all.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = &rest[unit.len()..];
    }
    Some(all)
}

impl Healthcheck {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_NO_HEALTHCHECK", |view| {
            let mut found = Vec::new();
            let mut seen = Vec::new();
            for stage in view.stages(&self.stage, "DF_NO_HEALTHCHECK")? {
                let Some((at, text)) = last(view, Name::Healthcheck, stage) else {
                    let from = view.reading.stages[stage].from;
                    let message = "the stage that begins here has no HEALTHCHECK, expected one";
                    found.push(view.found("DF_NO_HEALTHCHECK", from, message).expected("HEALTHCHECK").found("none"));
                    continue;
                };
                if text.trim().eq_ignore_ascii_case("none") {
                    let message = "HEALTHCHECK NONE takes away every check, expected one";
                    found.push(view.found("DF_NO_HEALTHCHECK", at, message).expected("HEALTHCHECK CMD").found("NONE"));
                    continue;
                }
                seen.push(text.clone());
                found.extend(self.judge(view, at, &text));
            }
            Ok(Seen::of(super::files::listed(&seen), found))
        })
    }

    fn judge(&self, view: &View<'_>, at: usize, text: &str) -> Vec<Found> {
        let mut found = Vec::new();
        let Some(instruction) = view.reading.instruction(at) else { return found };
        let json = matches!(instruction.form, Form::Json(_));
        let wanted = self.form.filter(|form| *form != Written::Any && (*form == Written::Exec) != json);
        if let Some(form) = wanted {
            let should = if form == Written::Exec { "a list in brackets" } else { "a line for the shell" };
            let message = format!("the command of HEALTHCHECK is written in another form, expected {should}");
            found.push(view.found("DF_HEALTHCHECK", at, &message).expected(should).found(text));
        }
        if let Some(most) = self.max_interval.as_deref().and_then(|text| text.parse::<Period>().ok()) {
            let said = instruction.flag("interval").and_then(|flag| flag.value.as_deref());
            let said = said.map_or_else(|| "30s".to_owned(), |text| view.reading.expanded(text, at));
            // 0 means what nothing means.
            let interval = duration(&said).filter(|time| !time.is_zero()).unwrap_or(Duration::from_secs(30));
            if interval > most.0 {
                let should = format!("at most {most}");
                let message = format!("HEALTHCHECK asks every {said}, expected {should}");
                found.push(view.found("DF_HEALTHCHECK", at, &message).expected(should).found(said));
            }
        }
        if let Some(pattern) = self.cmd.as_ref().filter(|pattern| !pattern.is_in(text)) {
            let should = format!("a match of /{}/", pattern.text());
            let message = format!("the command of HEALTHCHECK is `{text}`, expected {should}");
            found.push(view.found("DF_HEALTHCHECK", at, &message).expected(should).found(text));
        }
        found
    }
}

impl Check for Healthcheck {
    fn title(&self) -> String {
        "The image says how to see that it is well".to_owned()
    }

    fn wrong(&self) -> Option<Wrong> {
        let text = self.max_interval.as_ref()?;
        let error = text.parse::<Period>().err()?;
        Some(Wrong { hint: error.hint.to_owned(), ..Wrong::new("max_interval", error.message) })
    }

    at_once!();
}

/// `df.exec_form`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExecForm {
    /// Which instructions (`CMD` and `ENTRYPOINT`); those that are not there do not count.
    #[serde(default)]
    of: Vec<Instr>,
    /// Which stage (`final`).
    #[serde(default)]
    stage: Which,
}

impl ExecForm {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_SHELL_FORM", |view| {
            let usual = [Name::Cmd, Name::Entrypoint];
            let own: Vec<Name> = self.of.iter().map(|Instr(name)| *name).collect();
            let (mut found, mut seen) = (Vec::new(), Vec::new());
            for stage in view.stages(&self.stage, "DF_SHELL_FORM")? {
                let entrypoint = view.reading.last(Name::Entrypoint, stage);
                for name in if own.is_empty() { &usual[..] } else { &own[..] } {
                    let Some(at) = view.reading.last(*name, stage) else { continue };
                    let Some(instruction) = view.reading.instruction(at) else { continue };
                    // An ENTRYPOINT does away with the CMD of a stage below.
                    let stage_of = |at: usize| view.reading.stages.iter().rposition(|stage| stage.from <= at);
                    if *name == Name::Cmd && entrypoint.is_some_and(|e| e > at && stage_of(e) != stage_of(at)) {
                        continue;
                    }
                    seen.push(format!("{} {}", name.as_str(), instruction.arguments.text()));
                    let Some(why) = by_shell(&instruction.form) else { continue };
                    let is = crate::text::fit(instruction.arguments.text(), 80).into_owned();
                    let should = "a list in brackets that begins with the program";
                    let message = format!("{} {is}: {why}, expected {should}", name.as_str());
                    found.push(view.found("DF_SHELL_FORM", at, &message).expected(should).found(is));
                }
            }
            Ok(Seen::of(super::files::listed(&seen), found))
        })
    }
}

/// Whether a shell stays between Docker and the program, and how.
fn by_shell(form: &Form) -> Option<&'static str> {
    let hands_over = |line: &str| line.trim_start().starts_with("exec ");
    match form {
        Form::Shell(line) if hands_over(line.text()) => None,
        Form::Shell(_) => Some("a shell is started, which starts the program"),
        Form::Json(words) => {
            let program = words.first()?.text.rsplit('/').next()?;
            let shell = matches!(program, "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh");
            let order = words.iter().skip(1).position(|word| word.text.starts_with('-') && word.text.ends_with('c'))?;
            let line = words.get(order + 2)?;
            (shell && !hands_over(&line.text)).then_some("the list begins with a shell, which starts the program")
        }
        _ => None,
    }
}

impl Check for ExecForm {
    fn title(&self) -> String {
        "The program is started without a shell".to_owned()
    }

    fn wrong(&self) -> Option<Wrong> {
        let known = [Name::Cmd, Name::Entrypoint, Name::Healthcheck, Name::Run];
        let other = self.of.iter().find(|Instr(name)| !known.contains(name))?;
        let message = format!("found `{}`, expected CMD, ENTRYPOINT, HEALTHCHECK or RUN", other.0.as_str());
        Some(Wrong::new("of", message))
    }

    at_once!();
}

/// `df.workdir`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Workdir {
    /// Which stage (`final`).
    #[serde(default)]
    stage: Which,
    /// The directory.
    eq: Option<String>,
    /// A pattern that it matches.
    matches: Option<Pattern>,
    /// Whether each WORKDIR of the stage has to begin with `/`.
    #[serde(default)]
    absolute: bool,
}

impl Workdir {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_WORKDIR", |view| {
            let (mut found, mut seen) = (Vec::new(), Vec::new());
            for stage in view.stages(&self.stage, "DF_WORKDIR")? {
                let mut dir: Option<(usize, String)> = None;
                for at in view.reading.lineage(stage) {
                    let is = view.reading.instruction(at).is_some_and(|i| i.name == Name::Workdir && !i.broken);
                    if !is {
                        continue;
                    }
                    let text = view.reading.arguments(at);
                    if self.absolute && !text.starts_with('/') {
                        let message = format!(
                            "WORKDIR {text} depends on what stands above it, expected a path that begins with /"
                        );
                        found
                            .push(view.found("DF_WORKDIR", at, &message).expected("a path from /").found(text.clone()));
                    }
                    let above = dir.as_ref().map_or("/", |(_, dir)| dir.as_str());
                    let whole = if text.starts_with('/') { text } else { format!("{above}/{text}") };
                    dir = Some((at, crate::dockerfile::ignore::clean(&whole)));
                }
                let Some((at, dir)) = dir else {
                    let from = view.reading.stages[stage].from;
                    let message = "the stage that begins here has no WORKDIR, expected one";
                    found.push(view.found("DF_WORKDIR", from, message).expected("WORKDIR").found("none"));
                    continue;
                };
                if let Some(should) = wrong_text(&dir, self.eq.as_deref(), self.matches.as_ref()) {
                    let message = format!("the directory is {dir}, expected {should}");
                    found.push(view.found("DF_WORKDIR", at, &message).expected(should).found(dir.clone()));
                }
                seen.push(dir);
            }
            Ok(Seen::of(super::files::listed(&seen), found))
        })
    }
}

/// What a text should be, if it is not.
fn wrong_text(is: &str, eq: Option<&str>, matches: Option<&Pattern>) -> Option<String> {
    if let Some(eq) = eq.filter(|eq| *eq != is) {
        return Some(eq.to_owned());
    }
    matches.filter(|pattern| !pattern.is_in(is)).map(|pattern| format!("a match of /{}/", pattern.text()))
}

impl Check for Workdir {
    fn title(&self) -> String {
        match &self.eq {
            Some(dir) => format!("The program is started in {dir}"),
            None => "The image has a directory of its own".to_owned(),
        }
    }

    at_once!();
}

/// `df.expose`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Expose {
    /// Which stage (`final`).
    #[serde(default)]
    stage: Which,
    /// Ports that are told: `8000`, or `53/udp`.
    #[serde(default)]
    eq: OneOrMore<Value>,
    /// A pattern that one of the ports matches, with its protocol.
    matches: Option<Pattern>,
}

fn port(text: &str) -> String {
    if text.contains('/') { text.to_lowercase() } else { format!("{text}/tcp") }
}

impl Expose {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_EXPOSE", |view| {
            let (mut found, mut seen) = (Vec::new(), Vec::new());
            for stage in view.stages(&self.stage, "DF_EXPOSE")? {
                let mut ports: Vec<String> = Vec::new();
                let mut place = view.reading.stages[stage].from;
                for at in view.reading.lineage(stage) {
                    if view.reading.instruction(at).is_some_and(|i| i.name == Name::Expose) {
                        ports.extend(view.reading.words(at).iter().flatten().map(|text| port(text)));
                        place = at;
                    }
                }
                let is = super::files::listed(&ports);
                let mut lacks = |should: String| {
                    let message = format!("EXPOSE tells of {is}, expected {should}");
                    found.push(view.found("DF_EXPOSE", place, &message).expected(should).found(is.clone()));
                };
                for wanted in self.eq.0.iter().map(|value| port(&plain(value))) {
                    let (number, protocol) = wanted.split_once('/').unwrap_or((&wanted, "tcp"));
                    let in_range = |text: &String| {
                        let (range, own) = text.split_once('/').unwrap_or((text, "tcp"));
                        let Some((from, to)) = range.split_once('-') else { return false };
                        let number = number.parse::<u32>().ok();
                        own == protocol && from.parse().ok() <= number && number <= to.parse().ok() && number.is_some()
                    };
                    if !ports.contains(&wanted) && !ports.iter().any(in_range) {
                        lacks(wanted.clone());
                    }
                }
                if let Some(pattern) = self.matches.as_ref().filter(|p| !ports.iter().any(|port| p.is_in(port))) {
                    lacks(format!("a match of /{}/", pattern.text()));
                }
                if self.eq.0.is_empty() && self.matches.is_none() && ports.is_empty() {
                    lacks("a port".to_owned());
                }
                seen.push(is);
            }
            Ok(Seen::of(super::files::listed(&seen), found))
        })
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Check for Expose {
    fn title(&self) -> String {
        "The image says on which port it listens".to_owned()
    }

    at_once!();
}

/// `df.label`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Label {
    /// Which stage (`final`).
    #[serde(default)]
    stage: Which,
    /// Its name.
    name: String,
    /// Its value.
    eq: Option<Value>,
    /// A pattern that its value matches.
    matches: Option<Pattern>,
    /// That there is none.
    #[serde(default)]
    absent: bool,
}

/// `df.env`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Env {
    /// Which stage (`final`).
    #[serde(default)]
    stage: Which,
    /// Its name.
    name: String,
    /// Its value.
    eq: Option<Value>,
    /// A pattern that its value matches.
    matches: Option<Pattern>,
    /// That there is none.
    #[serde(default)]
    absent: bool,
}

/// A name that a stage sets, and what it should be.
struct Setting<'a> {
    code: &'static str,
    instr: Name,
    stage: &'a Which,
    name: &'a str,
    eq: Option<&'a Value>,
    matches: Option<&'a Pattern>,
    absent: bool,
}

impl Setting<'_> {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, self.code, |view| {
            let (mut found, mut seen) = (Vec::new(), Vec::new());
            let (word, name) = (self.instr.as_str(), self.name);
            for stage in view.stages(self.stage, self.code)? {
                let prefix = format!("{name}=");
                let mut value: Option<(usize, String)> = None;
                for at in view.reading.lineage(stage) {
                    if view.reading.instruction(at).is_some_and(|i| i.name == self.instr) {
                        let pairs = view.reading.words(at).iter().flatten();
                        let pairs: Vec<&str> = pairs.filter_map(|pair| pair.strip_prefix(&prefix)).collect();
                        value = pairs.last().map(|text| (at, (*text).to_owned())).or(value);
                    }
                }
                let from = view.reading.stages[stage].from;
                let Some((at, is)) = value else {
                    seen.push("not set".to_owned());
                    if !self.absent {
                        let should = self.eq.map_or_else(|| name.to_owned(), |eq| format!("{name}={}", plain(eq)));
                        let message =
                            format!("{name} is not set in the stage that begins here, expected {word} {should}");
                        found.push(view.found(self.code, from, &message).expected(should).found("not set"));
                    }
                    continue;
                };
                let eq = self.eq.map(plain);
                let should = if self.absent {
                    Some(format!("no {word} {name}"))
                } else {
                    wrong_text(&is, eq.as_deref(), self.matches)
                };
                if let Some(should) = should {
                    let message = format!("{word} {name} is `{is}`, expected {should}");
                    found.push(view.found(self.code, at, &message).expected(should).found(is.clone()));
                }
                seen.push(format!("{name}={is}"));
            }
            Ok(Seen::of(super::files::listed(&seen), found))
        })
    }
}

impl Label {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let Self { stage, name, eq, matches, absent } = self;
        let (eq, matches) = (eq.as_ref(), matches.as_ref());
        Setting { code: "DF_LABEL", instr: Name::Label, stage, name, eq, matches, absent: *absent }.see(case)
    }
}

impl Check for Label {
    fn title(&self) -> String {
        format!("The label {} is as it should be", self.name)
    }

    at_once!();
}

impl Env {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let Self { stage, name, eq, matches, absent } = self;
        let (eq, matches) = (eq.as_ref(), matches.as_ref());
        Setting { code: "DF_ENV", instr: Name::Env, stage, name, eq, matches, absent: *absent }.see(case)
    }
}

impl Check for Env {
    fn title(&self) -> String {
        format!("The variable {} is as it should be", self.name)
    }

    at_once!();
}

/// `df.stopsignal`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Stopsignal {
    /// Which stage (`final`).
    #[serde(default)]
    stage: Which,
    /// The signal: `SIGINT`, `INT` or its number.
    eq: Option<Value>,
    /// A pattern that it matches, as it is written.
    matches: Option<Pattern>,
}

/// A signal by its name without `SIG`.
fn signal(text: &str) -> String {
    const NUMBERS: [(&str, &str); 7] =
        [("1", "HUP"), ("2", "INT"), ("3", "QUIT"), ("9", "KILL"), ("10", "USR1"), ("12", "USR2"), ("15", "TERM")];
    let name = text.trim().to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    NUMBERS.iter().find(|(number, _)| *number == name).map_or(name, |(_, name)| name).to_owned()
}

impl Stopsignal {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_STOPSIGNAL", |view| {
            let (mut found, mut seen) = (Vec::new(), Vec::new());
            for stage in view.stages(&self.stage, "DF_STOPSIGNAL")? {
                let said = last(view, Name::Stopsignal, stage);
                // Docker's own where nothing is said.
                let (at, is) = said.unwrap_or_else(|| (view.reading.stages[stage].from, "SIGTERM".to_owned()));
                let eq = self.eq.as_ref().map(plain);
                let fits = eq.as_ref().is_none_or(|eq| signal(eq) == signal(&is));
                let should = match (fits, &eq) {
                    (false, Some(eq)) => Some(eq.clone()),
                    _ => wrong_text(&is, None, self.matches.as_ref()),
                };
                if let Some(should) = should {
                    let message = format!("the signal that asks it to end is {is}, expected {should}");
                    found.push(view.found("DF_STOPSIGNAL", at, &message).expected(should).found(is.clone()));
                }
                seen.push(is);
            }
            Ok(Seen::of(super::files::listed(&seen), found))
        })
    }
}

impl Check for Stopsignal {
    fn title(&self) -> String {
        "The image says by which signal it is asked to end".to_owned()
    }

    fn wrong(&self) -> Option<Wrong> {
        let none = self.eq.is_none() && self.matches.is_none();
        none.then(|| Wrong::new("", "`eq` or `matches` is missing here"))
    }

    at_once!();
}

/// `df.no_secret`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoSecret {
    /// Names that are secrets besides those that look like one.
    #[serde(default)]
    keys: Vec<String>,
}

impl NoSecret {
    fn is_secret(&self, name: &str) -> bool {
        static USUAL: LazyLock<Secrets> = LazyLock::new(Secrets::default);
        let harmless = ["_PATH", "_URL", "_DIR"].iter().any(|end| name.to_ascii_uppercase().ends_with(end));
        self.keys.iter().any(|key| key.eq_ignore_ascii_case(name)) || (!harmless && USUAL.is_secret(name))
    }

    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        static LOGIN: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r#"[a-zA-Z][a-zA-Z+.-]*://[^/\s:@"'$]+:([^/\s@"'$]+)@"#).ok());
        view(case, "DF_SECRET", |view| {
            let mut found: Vec<Found> = Vec::new();
            for (at, instruction) in view.reading.recipe.file.instructions.iter().enumerate() {
                let mut hit = |name: &str, how: &str| {
                    let message = format!("{how} {name} puts a secret into the image, expected none in the Dockerfile");
                    found.push(
                        view.found("DF_SECRET", at, &message).expected("no secret").found(format!("{how} {name}")),
                    );
                };
                let word = instruction.name.as_str();
                if matches!(instruction.name, Name::Arg | Name::Env | Name::Label) {
                    for pair in instruction.pairs() {
                        let name = pair.name.text.trim_matches(['"', '\'']);
                        let value = pair.value.as_ref().map(|value| value.text.trim_matches(['"', '\'']));
                        let harmless = match value {
                            // Given to the build, it is in its history; so asking for one is as bad as having one.
                            None => false,
                            Some(value) => {
                                (value.is_empty() && instruction.name != Name::Arg)
                                    || value.starts_with("/run/secrets/")
                            }
                        };
                        if self.is_secret(name) && !harmless {
                            hit(name, word);
                        }
                    }
                }
                // The values of a step's own variables are in the history, too.
                for call in view.reading.calls.iter().filter(|call| call.at == at) {
                    let names =
                        call.variables.iter().filter(|(_, value)| !value.is_empty() && !value.contains(['$', '`']));
                    let mut names: Vec<&str> =
                        names.map(|(name, _)| name.as_str()).filter(|n| self.is_secret(n)).collect();
                    names.dedup();
                    for name in names {
                        hit(name, word);
                    }
                }
                let text = view.reading.recipe.text.get(instruction.span.clone()).unwrap_or_default();
                if LOGIN.as_ref().is_some_and(|login| login.is_match(text)) {
                    hit("with a password in an address", word);
                }
            }
            found.dedup();
            Ok(Seen::of(if found.is_empty() { "none".to_owned() } else { found.len().to_string() }, found))
        })
    }
}

impl Check for NoSecret {
    fn title(&self) -> String {
        "No secret is written into the Dockerfile".to_owned()
    }

    at_once!();
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
