//! What prevented a start, ended a run or keeps it from answering: in words, with the place that causes it.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use super::listen::Listener;
use super::options::{ImageFacts, Options};
use super::place::blamed;
use crate::engine::request::Silence;
use crate::engine::{EngineError, ErrorKind};
use crate::text::size;

/// Where the cause is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An instruction of the Dockerfile: `CMD`, `ENTRYPOINT`, `EXPOSE`, `USER`, `WORKDIR`, `FROM`, `RUN`, `COPY`.
    Instruction(&'static str),
    /// A field of the run's options: `ports`, `env`, `command`, `memory`, `cpus`, `read_only`, `user`, `dir`, `image`.
    Option(&'static str),
    /// A line of a file of the program; the path is as seen from WORKDIR where it lies below.
    File {
        /// The file.
        path: String,
        /// Counted from 1.
        line: u32,
    },
    /// The engine or its host.
    Engine,
    /// The program, no one knows where.
    Program,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instruction(name) => write!(f, "{name} in the Dockerfile"),
            Self::Option(name) => write!(f, "{} of the run", name.replace('_', "-")),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Engine => f.write_str("the engine"),
            Self::Program => f.write_str("the program"),
        }
    }
}

/// Something that went wrong, for people; no text of it holds control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// Where the cause is.
    pub place: Place,
    /// What would mend it.
    pub todo: String,
    /// What the program ended with, where it ran.
    pub code: Option<i64>,
}

impl Trouble {
    fn new(what: impl AsRef<str>, why: impl AsRef<str>, place: Place, todo: impl AsRef<str>) -> Self {
        let clean = |text: &str| crate::text::clean(text).into_owned();
        let place = match place {
            Place::File { path, line } => Place::File { path: clean(&path), line },
            other => other,
        };
        Self { what: clean(what.as_ref()), why: clean(why.as_ref()), place, todo: clean(todo.as_ref()), code: None }
    }

    /// What an engine says, as it says it.
    pub(super) fn of_engine(error: &EngineError) -> Self {
        Self::new("the engine refuses", &error.message, Place::Engine, &error.hint)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}", self.what, self.why, self.place)?;
        if !self.todo.is_empty() {
            write!(f, "; {}", self.todo)?;
        }
        f.write_str(")")
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct End {
    /// Exit code.
    pub code: i64,
    /// Whether the kernel killed something in it for want of memory.
    pub oom_killed: bool,
    /// Whether its program ever began.
    pub started: bool,
}

/// What is known of a run that did not go well.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the engine said when it was to make or start it.
    pub error: Option<&'a EngineError>,
    /// How it ended, when it ran.
    pub end: Option<End>,
    /// Its image.
    pub image: &'a ImageFacts,
    /// What the image was asked for as.
    pub image_name: &'a str,
    /// How it was run.
    pub options: &'a Options,
    /// The last lines that it printed.
    pub log: &'a [String],
    /// The container that has the port that is wanted.
    pub holder: Option<&'a str>,
    /// The first line of the program's file, as it is.
    pub script: Option<&'a str>,
    /// Whether the engine is within a session.
    pub inside: bool,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        static IMAGE: LazyLock<ImageFacts> = LazyLock::new(ImageFacts::default);
        static OPTIONS: LazyLock<Options> = LazyLock::new(Options::default);
        Self {
            error: None,
            end: None,
            image: &IMAGE,
            image_name: "",
            options: &OPTIONS,
            log: &[],
            holder: None,
            script: None,
            inside: false,
        }
    }
}

/// A pattern's first group.
fn capture<'t>(regex: &Option<Regex>, text: &'t str) -> Option<&'t str> {
    regex.as_ref()?.captures(text)?.iter().skip(1).flatten().next().map(|m| m.as_str())
}

/// The port of the host that an engine's words say is taken.
pub(super) fn port_in(message: &str) -> Option<u16> {
    static PORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?:Bind for|listen \w+|bind host port(?: for)?|host port for|expose privileged port) (?:\[?[0-9a-fA-F.:]*\]?:)?(\d+)")
            .ok()
    });
    capture(&PORT, message)?.parse().ok()
}

/// The program that an engine's or a log's words say cannot be executed.
pub(super) fn program_in(message: &str) -> Option<String> {
    static PROGRAM: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"exec:? "([^"]+)"|^(?:.*\()?exec (/\S+): (?:no such file|exec format|permission)"#).ok()
    });
    capture(&PROGRAM, message).map(str::to_owned)
}

/// What prevented a start, or ended a run.
pub fn explain(facts: &Facts<'_>) -> Trouble {
    let known = facts.error.and_then(|error| refused(facts, error));
    match (known, facts.end, facts.error) {
        (Some(trouble), ..) => trouble,
        (None, Some(end), _) if end.started => Trouble { code: Some(end.code), ..ended(facts, end) },
        (None, _, Some(error)) => Trouble::of_engine(error),
        (None, ..) => Trouble::new("it was never started", "it was made, but nobody started it", Place::Engine, ""),
    }
}

impl Facts<'_> {
    /// What names the program that is run.
    fn program_place(&self) -> Place {
        match () {
            () if !self.image.entrypoint.is_empty() => Place::Instruction("ENTRYPOINT"),
            () if self.options.command.is_some() => Place::Option("command"),
            () => Place::Instruction("CMD"),
        }
    }

    /// What names the arguments.
    fn command_place(&self) -> Place {
        match () {
            () if self.options.command.is_some() => Place::Option("command"),
            () if !self.image.command.is_empty() => Place::Instruction("CMD"),
            () => self.program_place(),
        }
    }

    /// The program and its arguments.
    fn words(&self) -> Vec<&str> {
        let command = self.options.command.as_ref().unwrap_or(&self.image.command);
        self.image.entrypoint.iter().chain(command).map(String::as_str).collect()
    }

    fn user_place(&self) -> Place {
        if self.options.user.is_some() { Place::Option("user") } else { Place::Instruction("USER") }
    }

    fn said(&self, words: &[&str]) -> Option<&str> {
        let has = |line: &&String| {
            let line = line.to_lowercase();
            words.iter().any(|w| line.contains(w))
        };
        self.log.iter().rev().find(has).map(|line| line.trim())
    }
}

/// What an engine says that did not make or start a container.
fn refused(facts: &Facts<'_>, error: &EngineError) -> Option<Trouble> {
    let message = error.message.as_str();
    let lower = message.to_lowercase();
    let says = |words: &str| lower.contains(words);
    let options = facts.options;
    let program = program_in(message);
    Some(match () {
        () if says("port is already allocated")
            || says("address already in use")
            || says("ports are not available") =>
        {
            port_taken(facts, port_in(message))
        }
        () if says("privileged port") || (says("bind") && says("permission denied")) => {
            let port = port_in(message).map_or_else(|| "a port below 1024".to_owned(), |p| format!("port {p}"));
            Trouble::new(
                format!("{port} of the host may not be used"),
                "this engine does not run as root, and ports below 1024 are root's",
                Place::Option("ports"),
                "publish it at a port from 1024 on, such as 8080",
            )
        }
        () if says("no command specified") => Trouble::new(
            "there is nothing to run",
            "the image has neither CMD nor ENTRYPOINT, and the run names no command",
            Place::Instruction("CMD"),
            "end the Dockerfile with a line such as CMD [\"python\", \"app.py\"], or give a command",
        ),
        () if says("no such image") || (error.kind == ErrorKind::NotFound && says("image")) => Trouble::new(
            format!("there is no image {}", facts.image_name),
            "it was never built here, or has been removed since",
            Place::Option("image"),
            "build it first",
        ),
        () if says("is already in use by container") || (error.kind == ErrorKind::Conflict && says("name")) => {
            static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"name "?/?([^" ]+)"?"#).ok());
            let name = capture(&NAME, message).unwrap_or("this name");
            Trouble::new(
                format!("another container is called {name}"),
                "it is no run of this workspace, so it was left alone",
                Place::Engine,
                format!("rename or remove it: docker rm {name}"),
            )
        }
        () if says("unable to find user") || says("unable to find group") || says("no matching entries") => {
            static WHO: LazyLock<Option<Regex>> =
                LazyLock::new(|| Regex::new(r"unable to find (?:user|group) ([^:\s]+)").ok());
            let group = says("find group") || says("group file");
            let (kind, file, make) = if group {
                ("group", "/etc/group", "groupadd")
            } else {
                ("user", "/etc/passwd", "useradd --create-home")
            };
            let who = capture(&WHO, message).or(options.user.as_deref()).unwrap_or(&facts.image.user);
            Trouble::new(
                format!("the image has no {kind} {who}"),
                format!("it is to run as {who}, which {file} of the image does not name"),
                facts.user_place(),
                format!("make it before: RUN {make} {who}; or give a number, such as 1000"),
            )
        }
        () if says("cannot mkdir") || says("chdir to cwd") || says("mkdir ") && says("not a directory") => {
            let dir = options.dir.as_deref().unwrap_or(&facts.image.dir);
            let place = if options.dir.is_some() { Place::Option("dir") } else { Place::Instruction("WORKDIR") };
            if says("permission denied") {
                Trouble::new(
                    format!("it may not go to its working directory {dir}"),
                    "the user it runs as has no right to enter it",
                    place,
                    format!("RUN chown USER {dir} before USER, or another user"),
                )
            } else {
                Trouble::new(
                    format!("its working directory {dir} is none"),
                    format!("{dir} is a file, or something on the way to it is"),
                    place,
                    "name a directory; one that is missing is made",
                )
            }
        }
        () if says("memory limit too low") || says("init was oom-killed") => {
            too_small(facts, "not even its start fits")
        }
        () if says("minimum memory limit") => {
            static LEAST: LazyLock<Option<Regex>> =
                LazyLock::new(|| Regex::new(r"(?i)minimum memory limit allowed is (\S+)").ok());
            let least = capture(&LEAST, message).unwrap_or("6MB").trim_end_matches('.');
            too_small(facts, &format!("the engine gives no container less than {least}"))
        }
        () if says("range of cpus") => {
            static MOST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"from ([0-9.]+ to [0-9.]+)").ok());
            let range = capture(&MOST, message).unwrap_or("0.01 to the number it has").trim_end_matches('.');
            Trouble::new(
                format!("{} processors cannot be had", options.cpus.unwrap_or_default()),
                format!("this host can give {range}"),
                Place::Option("cpus"),
                "ask for less, or leave it empty for no limit",
            )
        }
        () if says("executable file not found") => {
            let program = program.as_deref().or(facts.words().first().copied()).unwrap_or("the program").to_owned();
            missing(facts, &program)
        }
        () if says("exec format error") => format_error(facts, program.as_deref()),
        () if says("no such file or directory") && program.is_some() => {
            no_such_file(facts, program.as_deref().unwrap_or_default())
        }
        () if (says("permission denied") || says("is a directory")) && program.is_some() => {
            not_executable(facts, program.as_deref().unwrap_or_default())
        }
        () if says("invalid environment variable") || says("invalid env") => {
            Trouble::new("a variable is not accepted", message, Place::Option("env"), "expected NAME=value")
        }
        () => return None,
    })
}

fn port_taken(facts: &Facts<'_>, port: Option<u16>) -> Trouble {
    let port = port.or_else(|| facts.options.ports.iter().find_map(|p| p.host));
    let number = port.map_or_else(|| "a port".to_owned(), |p| format!("port {p}"));
    let why = match facts.holder {
        Some(name) => format!("the container {name} has it"),
        None => "a program of the host that is no container listens there".to_owned(),
    };
    let inner = port.and_then(|port| facts.options.ports.iter().find(|p| p.host == Some(port)));
    let other = port.map_or(8080, |p| if p < 1024 { p.saturating_add(8000) } else { p.saturating_add(1) });
    let instead = inner.map_or_else(String::new, |p| format!("publish another, such as {other}:{}", p.container));
    let todo = match (facts.holder, port) {
        (Some(name), _) => format!("{instead}; or stop it: docker stop {name}"),
        (None, Some(port)) => format!("{instead}; ss -ltnp 'sport = :{port}' on the host names the program"),
        (None, None) => instead,
    };
    Trouble::new(format!("{number} of the host is taken"), why, Place::Option("ports"), todo)
}

fn too_small(facts: &Facts<'_>, why: &str) -> Trouble {
    let limit = facts.options.memory.map_or_else(|| "its limit".to_owned(), size);
    Trouble::new(
        format!("{limit} of memory is too little"),
        why,
        Place::Option("memory"),
        "raise the limit; 64m is enough for many programs",
    )
}

/// A shell that is missing is mostly one that the image never had.
fn missing(facts: &Facts<'_>, program: &str) -> Trouble {
    let words = facts.words();
    let todo = match program.rsplit('/').next().unwrap_or(program) {
        "sh" | "bash" if words.get(1) == Some(&"-c") => {
            "the image has no such shell: write the instruction as a list, [\"program\", \"argument\"], which needs none"
                .to_owned()
        }
        _ if program.contains(char::is_whitespace) => {
            "program and arguments are one word there: write [\"program\", \"argument\"], each in quotes of its own".to_owned()
        }
        _ => format!("is it spelled so? install it (RUN apt-get install ...), COPY it to a directory of PATH, or write its whole path instead of {program}"),
    };
    Trouble::new(
        format!("{program} is not found"),
        "the image has no such program in the directories of its PATH",
        facts.program_place(),
        todo,
    )
}

/// The file may be there, and what it needs to run not.
fn no_such_file(facts: &Facts<'_>, program: &str) -> Trouble {
    let place = facts.program_place();
    let what = format!("{program} cannot be executed");
    match facts.script {
        Some(line) if line.starts_with("#!") && line.ends_with('\r') => Trouble::new(
            what,
            format!("its lines end as on Windows (CR LF), so it asks for `{}` with a CR at the end", line[2..].trim()),
            Place::File { path: program.to_owned(), line: 1 },
            format!("save it with LF only, or RUN sed -i 's/\\r$//' {program}"),
        ),
        Some(line) if line.starts_with("#!") => {
            let interpreter = line[2..].split_whitespace().next().unwrap_or_default();
            Trouble::new(
                what,
                format!("its first line asks for {interpreter}, which the image does not have"),
                Place::File { path: program.to_owned(), line: 1 },
                format!("install {interpreter}, or name one that is there, such as #!/bin/sh"),
            )
        }
        Some(line) if line.starts_with("\u{7f}ELF") => Trouble::new(
            what,
            "it is there, but the loader that it is built for is not (glibc and musl differ; scratch has none)",
            Place::Instruction("FROM"),
            "build it statically, or use the base image it was built on",
        ),
        Some(_) => Trouble::new(
            what,
            "it is there, but something that it needs to be executed is not",
            place,
            "begin it with the interpreter it is for, such as #!/bin/sh",
        ),
        None => Trouble::new(
            format!("{program} is not there"),
            "the image has no such file",
            place,
            format!(
                "is the path right, and did a COPY bring it? docker run --rm --entrypoint ls {} -l / shows what is there",
                facts.image_name
            ),
        ),
    }
}

fn not_executable(facts: &Facts<'_>, program: &str) -> Trouble {
    Trouble::new(
        format!("{program} may not be executed"),
        "it is a directory, or its mode does not allow it to the user it runs as",
        facts.program_place(),
        format!("COPY --chmod=755, or RUN chmod +x {program}; or run its interpreter: [\"sh\", \"{program}\"]"),
    )
}

fn format_error(facts: &Facts<'_>, program: Option<&str>) -> Trouble {
    let what = format!("{} is no program for this machine", program.or(facts.words().first().copied()).unwrap_or("it"));
    match facts.script {
        Some(line) if line.starts_with("\u{7f}ELF") || program.is_none() => Trouble::new(
            what,
            format!("it is made for another processor ({} says the image), or is damaged", facts.image.arch),
            Place::Instruction("FROM"),
            "build it on this machine, or for its platform: FROM --platform=...",
        ),
        Some(_) => Trouble::new(
            what,
            "it is text, and its first line does not say what it is for",
            program.map_or_else(|| facts.program_place(), |p| Place::File { path: p.to_owned(), line: 1 }),
            "begin it with #!/bin/sh, or what else runs it",
        ),
        None => Trouble::new(
            what,
            "it is made for another processor, or is a script without #! in its first line",
            facts.program_place(),
            "begin a script with #!/bin/sh; build a program for this machine's platform",
        ),
    }
}

/// How a program ended that ran.
fn ended(facts: &Facts<'_>, end: End) -> Trouble {
    let options = facts.options;
    if end.oom_killed {
        let limit = options.memory.map(|m| format!(" of {}", size(m))).unwrap_or_default();
        return Trouble::new(
            "it ran out of memory",
            format!("it needed more than its limit{limit}, and the kernel killed it"),
            Place::Option("memory"),
            "raise the limit, or let it use less",
        );
    }
    if let Some(trouble) = unexecuted(facts) {
        return trouble;
    }
    if end.code != 0
        && let Some(line) = facts.said(&["read-only file system"]).filter(|_| options.read_only)
    {
        return Trouble::new(
            "it may not write its own files",
            line,
            Place::Option("read_only"),
            "turn read-only off, or let it write to a volume or /tmp",
        );
    }
    match end.code {
        0 => by_itself(facts),
        125..=127 => shell_failed(facts, end.code),
        137 => killed(facts),
        143 | 130 | 129 => Trouble::new(
            "it was told to end",
            format!("it got {} and obeyed", signal(end.code - 128)),
            Place::Engine,
            "it was stopped; run it again",
        ),
        132 | 134..=136 | 138 | 139 | 159 => Trouble::new(
            "it crashed",
            format!("{} ended it: {}", signal(end.code - 128), meaning(end.code)),
            blamed(facts.log, &facts.image.dir).map_or(Place::Program, |f| Place::File { path: f.path, line: f.line }),
            last_words(facts.log).map_or_else(
                || "it is a fault of the program, or of a library built for another system".to_owned(),
                |line| format!("it said last: {line}"),
            ),
        ),
        code => crashed(facts, code),
    }
}

/// What the kernel says when the program's file is no program; engines up to 25 or so let that be the program's
/// output.
fn unexecuted(facts: &Facts<'_>) -> Option<Trouble> {
    let line = facts.log.last().filter(|_| facts.log.len() == 1)?;
    let line = line.trim();
    if !line.starts_with("exec ") && !line.contains("exec user process caused") {
        return None;
    }
    let program = program_in(line).unwrap_or_else(|| facts.words().first().copied().unwrap_or("it").to_owned());
    let says = |words: &str| line.contains(words);
    match () {
        () if says("exec format error") => Some(format_error(facts, Some(&program))),
        () if says("no such file or directory") => Some(no_such_file(facts, &program)),
        () if says("permission denied") => Some(not_executable(facts, &program)),
        () => None,
    }
}

fn by_itself(facts: &Facts<'_>) -> Trouble {
    const SHELLS: [&str; 6] = ["sh", "bash", "ash", "dash", "zsh", "busybox"];
    const PROMPTS: [&str; 6] = ["python", "python3", "node", "irb", "perl", "ghci"];
    let words = facts.words();
    let name = words.first().map_or("", |w| w.rsplit('/').next().unwrap_or(w));
    let (why, todo) = match () {
        () if SHELLS.contains(&name) && words.len() == 1 => (
            format!("{name} reads commands, and there is nobody who types any"),
            "name the program that is to run, such as CMD [\"python\", \"app.py\"]".to_owned(),
        ),
        () if PROMPTS.contains(&name) && words.len() == 1 => (
            format!("{name} without a file waits for input, and there is none"),
            format!("name the file that it is to run: [\"{name}\", \"FILE\"]"),
        ),
        () if words.iter().any(|w| daemonises(w)) => (
            "it went into the background, and a container lasts as long as its first program".to_owned(),
            "let it stay in the foreground: nginx -g 'daemon off;', apachectl -D FOREGROUND, or its own such option"
                .to_owned(),
        ),
        () => (
            "it was done; a program that is to serve does not stay in the foreground".to_owned(),
            "if it is to go on, let its server run in the foreground, not in the background (&, start, --daemon)"
                .to_owned(),
        ),
    };
    Trouble::new("it ended by itself, without a failure", why, facts.command_place(), todo)
}

fn daemonises(word: &str) -> bool {
    let word = word.trim();
    let service = (word.starts_with("service ") || word.contains(" service ")) && word.contains("start");
    let nginx = word.split_whitespace().next().is_some_and(|w| w.ends_with("nginx")) && !word.contains("daemon off");
    service || nginx || word.ends_with('&') || ["--daemon", "--daemonize", "--background"].contains(&word)
}

/// What a shell that was to run something says.
fn shell_failed(facts: &Facts<'_>, code: i64) -> Trouble {
    static LIBRARY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"loading shared librar\w+: ([^:\s]+)").ok());
    static NOT_FOUND: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"([^\s:]+): (?:command )?not found|(?:env|exec): [\x22'‘]?([^'’\x22:]+)[\x22'’]?: No such file")
            .ok()
    });
    static DENIED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)([^\s:]+): (?:permission denied|is a directory)").ok());
    let within = |regex: &Option<Regex>| facts.log.iter().rev().find_map(|line| capture(regex, line));
    let place = || {
        blamed(facts.log, &facts.image.dir)
            .map_or_else(|| facts.command_place(), |f| Place::File { path: f.path, line: f.line })
    };
    if let Some(library) = within(&LIBRARY) {
        return Trouble::new(
            format!("the library {library} is missing"),
            "the program needs it, and the image does not have it",
            Place::Instruction("RUN"),
            "install the package it is in; a program copied from another image needs what that image had",
        );
    }
    if code == 127 {
        let name = within(&NOT_FOUND).unwrap_or("a command").to_owned();
        return Trouble::new(
            format!("{name} is not found"),
            "the shell has no such command in the directories of its PATH",
            place(),
            format!("is it spelled so? install it with RUN, or write its whole path instead of {name}"),
        );
    }
    if code == 126 {
        let name = within(&DENIED).unwrap_or("a file").to_owned();
        return Trouble::new(
            format!("{name} may not be executed"),
            "the shell found it, but its mode does not allow it, or it is a directory",
            place(),
            format!("COPY --chmod=755, or RUN chmod +x {name}"),
        );
    }
    crashed(facts, code)
}

fn killed(facts: &Facts<'_>) -> Trouble {
    let (why, place, todo) = match facts.options.memory {
        Some(limit) => (
            format!(
                "someone killed it (docker kill, or a stop that took too long), or its {} of memory ran out",
                size(limit)
            ),
            Place::Option("memory"),
            "if nobody stopped it, raise the limit",
        ),
        None if facts.inside => (
            "someone killed it (docker kill, or a stop that took too long), or the session's memory ran out".to_owned(),
            Place::Engine,
            "if nobody stopped it, let it use less, or start a session with more memory",
        ),
        None => (
            "someone killed it (docker kill, or a stop that took too long), or the host's memory ran out".to_owned(),
            Place::Engine,
            "if nobody stopped it, look whether the host is out of memory: dmesg | grep -i oom",
        ),
    };
    Trouble::new("it was killed", why, place, todo)
}

fn crashed(facts: &Facts<'_>, code: i64) -> Trouble {
    let file = blamed(facts.log, &facts.image.dir);
    let what = format!("it ended with exit code {code}");
    let Some(line) = last_words(facts.log) else {
        return Trouble::new(what, "it printed nothing", facts.command_place(), "let it say why: print before it ends");
    };
    let lower = line.to_lowercase();
    let own = |otherwise: Place| file.clone().map_or(otherwise, |f| Place::File { path: f.path, line: f.line });
    let (place, todo) = match () {
        () if lower.contains("modulenotfounderror")
            || lower.contains("cannot find module")
            || lower.contains("can't locate ") =>
        {
            (
                own(Place::Instruction("RUN")),
                "install what it needs while the image is built (RUN pip install, npm ci...), or COPY the file",
            )
        }
        () if lower.contains("address already in use") || lower.contains("eaddrinuse") => {
            (own(facts.command_place()), "two programs of the container want the same port; start only one")
        }
        () if lower.contains("no space left") => (Place::Engine, "the host's disk is full: docker system df"),
        () if lower.contains("permission denied") || lower.contains("eacces") || lower.contains("permissionerror") => (
            own(facts.user_place()),
            "the user it runs as has no right to that: RUN chown before USER, or ports from 1024 on",
        ),
        () if lower.contains("no such file") || lower.contains("can't open") || lower.contains("enoent") => {
            (own(facts.command_place()), "is it COPYed to where the program looks for it (WORKDIR)?")
        }
        () if lower.contains("keyerror") || lower.contains("environment variable") || lower.contains("not set") => {
            (own(Place::Option("env")), "does it need a variable that the run does not set?")
        }
        () if file.is_some() => (own(Place::Program), "the line it names is where to look"),
        () => (Place::Program, "its log says more"),
    };
    Trouble::new(what, line, place, todo)
}

/// The line that says most about the end.
fn last_words(log: &[String]) -> Option<String> {
    static DECISIVE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?i)error|exception|fatal|panic|cannot|can't|could not|unable|no such|denied|refused|failed|not found|invalid|in use|emerg|abort").ok()
    });
    let plain = |line: &&String| !line.trim().is_empty() && !line.starts_with(char::is_whitespace);
    let decisive = |line: &&String| DECISIVE.as_ref().is_some_and(|r| r.is_match(line));
    let lines = || log.iter().rev().filter(plain);
    let line = lines()
        .take(20)
        .find(decisive)
        .or_else(|| lines().next())
        .or_else(|| log.iter().rev().find(|l| !l.trim().is_empty()))?;
    let line = line.trim();
    Some(line.char_indices().nth(300).map_or_else(|| line.to_owned(), |(end, _)| format!("{}…", &line[..end])))
}

fn signal(number: i64) -> &'static str {
    match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => "a signal",
    }
}

fn meaning(code: i64) -> &'static str {
    match code {
        132 => "an instruction that this processor does not have",
        134 => "it gave itself up (abort)",
        136 => "a calculation without a result, such as a division by zero",
        139 | 135 | 138 => "it touched memory that is not its own",
        159 => "a system call that containers may not make",
        _ => "the kernel or itself",
    }
}

/// Why a run does not answer at one of its ports. `found` is where it listens, when that can be seen.
pub fn explain_silence(
    silence: &Silence,
    port: u16,
    found: Option<&[Listener]>,
    image: &ImageFacts,
    options: &Options,
) -> Trouble {
    if let Silence::NoWay(error) = silence {
        return Trouble { what: format!("port {port} cannot be reached"), ..Trouble::of_engine(error) };
    }
    let facts = Facts { image, options, ..Facts::default() };
    let what = format!("port {port} does not answer");
    let found = found.unwrap_or_default();
    let here = found.iter().filter(|l| l.port == port);
    let open: Vec<String> = found.iter().filter(|l| !l.loopback).map(|l| l.port.to_string()).collect();
    if here.clone().any(|l| !l.loopback) {
        return match silence {
            Silence::Slow => Trouble::new(
                what,
                "it listens there, but said nothing within the time it was given",
                Place::Program,
                "its log may say what it is doing",
            ),
            Silence::Broke(why) => Trouble::new(
                what,
                format!("it listens there, but what came was no HTTP: {why}"),
                Place::Program,
                "does it speak HTTP without TLS on this port?",
            ),
            _ => Trouble::new(what, "it listens there now; it may only just have begun", Place::Program, "ask again"),
        };
    }
    if here.count() > 0 {
        return Trouble::new(
            what,
            format!(
                "the program listens on 127.0.0.1:{port} in its container, where only the container itself reaches it"
            ),
            facts.command_place(),
            "let it listen on 0.0.0.0 (an option or variable such as --host 0.0.0.0, HOST=0.0.0.0)",
        );
    }
    if !open.is_empty() {
        let publish = options.ports.iter().find(|p| p.container == port && !p.udp).map_or_else(
            || format!("ask for :{}/", open[0]),
            |p| format!("publish {}:{}", p.host.unwrap_or(p.container), open[0]),
        );
        let exposed = options.ports.is_empty() && image.exposed.contains(&(port, false));
        return Trouble::new(
            what,
            format!("nothing listens there; the program listens on {}", open.join(", ")),
            if exposed { Place::Instruction("EXPOSE") } else { Place::Option("ports") },
            format!("{publish}, or let it listen on {port}"),
        );
    }
    if let Some(only) = found.first() {
        return Trouble::new(
            what,
            format!(
                "the program listens on 127.0.0.1:{} only, which is neither this port nor reached from outside",
                only.port
            ),
            facts.command_place(),
            format!("let it listen on 0.0.0.0:{port}"),
        );
    }
    match silence {
        Silence::Slow => {
            Trouble::new(what, "it said nothing within the time it was given", Place::Program, "its log may say why")
        }
        Silence::Broke(why) => Trouble::new(
            what,
            format!("the connection broke: {why}"),
            Place::Program,
            "does it listen on 0.0.0.0 in its container, and speak HTTP? its log may say more",
        ),
        _ => Trouble::new(
            what,
            "nothing listens in the container yet",
            facts.command_place(),
            "it may still be starting, or serves nothing; its log may say more",
        ),
    }
}
