//! What is known of a run that did not go well, and what is said of it: words, with the place that causes it.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use super::ended::ended;
use super::options::{ImageFacts, Options};
use super::refused::refused;
use crate::engine::EngineError;

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
    pub(super) fn new(what: impl AsRef<str>, why: impl AsRef<str>, place: Place, todo: impl AsRef<str>) -> Self {
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
pub(super) fn capture<'t>(regex: Option<&Regex>, text: &'t str) -> Option<&'t str> {
    regex?.captures(text)?.iter().skip(1).flatten().next().map(|m| m.as_str())
}

/// The port of the host that an engine's words say is taken.
pub fn port_in(message: &str) -> Option<u16> {
    static PORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?:Bind for|listen \w+|bind host port(?: for)?|host port for|expose privileged port) (?:(?:\[[^\]]*\]|::|[\d.]*):)?(\d+)")
            .ok()
    });
    capture(PORT.as_ref(), message)?.parse().ok()
}

/// The program that an engine's or a log's words say cannot be executed.
pub(super) fn program_in(message: &str) -> Option<String> {
    static PROGRAM: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"exec:? \\?"([^"\\]+)|^exec (\S*/\S+): (?:no such file|exec format|permission)"#).ok()
    });
    capture(PROGRAM.as_ref(), message).map(str::to_owned)
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
    pub(super) fn program_place(&self) -> Place {
        match () {
            () if !self.image.entrypoint.is_empty() => Place::Instruction("ENTRYPOINT"),
            () if self.options.command.is_some() => Place::Option("command"),
            () => Place::Instruction("CMD"),
        }
    }

    /// What names the arguments.
    pub(super) fn command_place(&self) -> Place {
        match () {
            () if self.options.command.is_some() => Place::Option("command"),
            () if !self.image.command.is_empty() => Place::Instruction("CMD"),
            () => self.program_place(),
        }
    }

    /// The program and its arguments.
    pub(super) fn words(&self) -> Vec<&str> {
        let command = self.options.command.as_ref().unwrap_or(&self.image.command);
        self.image.entrypoint.iter().chain(command).map(String::as_str).collect()
    }

    pub(super) fn user_place(&self) -> Place {
        if self.options.user.is_some() { Place::Option("user") } else { Place::Instruction("USER") }
    }

    pub(super) fn said(&self, words: &[&str]) -> Option<&str> {
        let has = |line: &&String| {
            let line = line.to_lowercase();
            words.iter().any(|w| line.contains(w))
        };
        self.log.iter().rev().find(has).map(|line| line.trim())
    }
}
