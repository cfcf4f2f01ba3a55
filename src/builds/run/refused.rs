//! What an engine says that does not make or start a container.

use std::sync::LazyLock;

use regex::Regex;

use super::explain::{Facts, Place, Trouble, capture, port_in, program_in};
use crate::engine::{EngineError, ErrorKind};
use crate::text::size;

/// What an engine says that did not make or start a container.
pub(super) fn refused(facts: &Facts<'_>, error: &EngineError) -> Option<Trouble> {
    let message = error.message.as_str();
    let lower = message.to_lowercase();
    let says = |words: &str| lower.contains(words);
    let options = facts.options;
    let program = program_in(message);
    Some(match () {
        () if says("port is already allocated")
            || says("address already in use")
            || says("ports are not available")
            || says("eaddrinuse") =>
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
        () if says("cannot assign requested address") => Trouble::new(
            "the host has no such address to publish at",
            message,
            Place::Option("ports"),
            "leave the address out, or name one that the host has",
        ),
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
            let name = capture(NAME.as_ref(), message).unwrap_or("this name");
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
            let who = capture(WHO.as_ref(), message).or(options.user.as_deref()).unwrap_or(&facts.image.user);
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
            let least = capture(LEAST.as_ref(), message).unwrap_or("6MB").trim_end_matches('.');
            too_small(facts, &format!("the engine gives no container less than {least}"))
        }
        () if says("range of cpus") => {
            static MOST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"from ([0-9.]+ to [0-9.]+)").ok());
            let range = capture(MOST.as_ref(), message).unwrap_or("0.01 to the number it has").trim_end_matches('.');
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
    let place = if facts.inside { "session" } else { "host" };
    let port = port.or_else(|| facts.options.ports.iter().find_map(|p| p.host));
    let number = port.map_or_else(|| "a port".to_owned(), |p| format!("port {p}"));
    let why = match facts.holder {
        Some(name) => format!("the container {name} has it"),
        None => format!("a program of the {place} that is no container listens there"),
    };
    let inner = port.and_then(|port| facts.options.ports.iter().find(|p| p.host == Some(port)));
    let other = match port {
        Some(p @ ..1024) => p + 8000,
        Some(p) if p < u16::MAX => p + 1,
        _ => 8080,
    };
    let instead = inner.map(|p| format!("publish another, such as {other}:{}", p.container));
    let find = match (facts.holder, port) {
        (Some(name), _) => Some(format!("or stop it: docker stop {name}")),
        (None, Some(port)) => Some(format!("ss -ltnp 'sport = :{port}' on the {place} names the program")),
        (None, None) => None,
    };
    let todo = instead.into_iter().chain(find).collect::<Vec<_>>().join("; ");
    Trouble::new(format!("{number} of the {place} is taken"), why, Place::Option("ports"), todo)
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
pub(super) fn no_such_file(facts: &Facts<'_>, program: &str) -> Trouble {
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

pub(super) fn not_executable(facts: &Facts<'_>, program: &str) -> Trouble {
    Trouble::new(
        format!("{program} may not be executed"),
        "it is a directory, or its mode does not allow it to the user it runs as",
        facts.program_place(),
        format!("COPY --chmod=755, or RUN chmod +x {program}; or run its interpreter: [\"sh\", \"{program}\"]"),
    )
}

pub(super) fn format_error(facts: &Facts<'_>, program: Option<&str>) -> Trouble {
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
