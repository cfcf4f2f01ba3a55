//! Why a program ended that ran.

use std::sync::LazyLock;

use regex::Regex;

use super::explain::{End, Facts, Place, Trouble, capture, program_in};
use super::place::blamed;
use super::refused::{format_error, no_such_file, not_executable};
use crate::text::size;

/// How a program ended that ran.
pub(super) fn ended(facts: &Facts<'_>, end: End) -> Trouble {
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
        () if words.iter().any(|w| daemonises(w)) && !words.iter().any(|w| w.contains("daemon off")) => (
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
    let nginx = word.split_whitespace().next().is_some_and(|w| w.ends_with("nginx"));
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
    let within = |regex: Option<&Regex>| facts.log.iter().rev().find_map(|line| capture(regex, line));
    let place = || {
        blamed(facts.log, &facts.image.dir)
            .map_or_else(|| facts.command_place(), |f| Place::File { path: f.path, line: f.line })
    };
    if let Some(library) = within(LIBRARY.as_ref()) {
        return Trouble::new(
            format!("the library {library} is missing"),
            "the program needs it, and the image does not have it",
            Place::Instruction("RUN"),
            "install the package it is in; a program copied from another image needs what that image had",
        );
    }
    if code == 127 {
        let name = within(NOT_FOUND.as_ref()).unwrap_or("a command").to_owned();
        return Trouble::new(
            format!("{name} is not found"),
            "the shell has no such command in the directories of its PATH",
            place(),
            format!("is it spelled so? install it with RUN, or write its whole path instead of {name}"),
        );
    }
    if code == 126 {
        let name = within(DENIED.as_ref()).unwrap_or("a file").to_owned();
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
