//! What kept a container from starting, or its program from being run.

use std::sync::LazyLock;

use regex::Regex;

use crate::builds::run::{self, ImageFacts, Options};
use crate::engine::{EngineError, ErrorKind};
use crate::health::Level;
use crate::health::facts::{Facts, Phase, has};

use super::Said;
use super::ended::explained;

const PORT: [&str; 4] =
    ["port is already allocated", "address already in use", "ports are not available", "eaddrinuse"];
const MOUNT: [&str; 10] = [
    "bind source path does not exist",
    "no such volume",
    "error while mounting volume",
    "failed to mount local volume",
    "error mounting",
    "error while creating mount source path",
    "are you trying to mount a directory onto a file",
    "not a directory: unknown: are you trying",
    "failed to populate volume",
    "invalid mount config",
];
const IMAGE: [&str; 4] = ["no such image", "manifest unknown", "pull access denied", "image does not exist"];

/// What the words for a start that is refused say of this one.
fn words(facts: &Facts, message: &str) -> run::Trouble {
    let image = facts.more.as_ref().map(|m| ImageFacts::of(&m.raw)).unwrap_or_default();
    run::explain(&run::Facts {
        error: Some(&EngineError::new(ErrorKind::Other, message)),
        image: &image,
        image_name: &facts.container.image,
        options: &Options {
            memory: facts.container.detail.as_ref().and_then(|d| d.memory_limit),
            ..Options::default()
        },
        holder: facts.holder.as_deref(),
        ..run::Facts::default()
    })
}

/// What an engine says of a refusal, without the programs it went through on the way.
fn essence(message: &str) -> String {
    static WAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^.*(?:unable to start container process|runtime create failed|failed to create shim task): |driver failed programming external connectivity on endpoint \S+ \([0-9a-f]+\): ")
            .ok()
    });
    let short = WAY.as_ref().map_or(message.into(), |way| way.replace(message, ""));
    short.strip_suffix(": unknown").unwrap_or(&short).to_owned()
}

/// The port of the host that a refusal says is taken.
pub(in crate::health) fn port_wanted(message: &str) -> Option<u16> {
    if has(message, &PORT) { run::port_in(message) } else { None }
}

fn refusal<'a>(facts: &'a Facts, words: &[&str]) -> Option<&'a str> {
    facts.refusal().filter(|message| has(message, words))
}

pub(super) fn port_taken(facts: &Facts) -> Option<Said> {
    if let Some(message) = refusal(facts, &PORT) {
        let told = words(facts, message);
        let port = run::port_in(message).map_or_else(|| "it".to_owned(), |p| p.to_string());
        let todo = facts.holder.as_ref().map_or_else(
            || format!("publish it at another port, or find who listens there: ss -ltnp 'sport = :{port}'"),
            |name| format!("publish it at another port, or stop {name}: docker stop {name}"),
        );
        return Some(Said::failing(told.what).why(told.why).todo(todo).shown_by([essence(message)]));
    }
    // With the host's network, or twice in one container, the program itself finds it taken.
    facts.end()?;
    let line = facts.said_with(&["address already in use", "eaddrinuse", "address in use"])?;
    let host = facts.raw("/HostConfig/NetworkMode").as_str() == Some("host");
    let (why, todo) = if host {
        (
            "it has the host's network, and another program of the host listens there",
            "let one of the two listen elsewhere: ss -ltnp on the host tells who it is",
        )
    } else {
        ("two programs of this container want the same port", "start only one of them")
    };
    Some(Said::failing("the port it wants to listen on is taken").why(why).todo(todo).shown_by([line]))
}

pub(super) fn mount_missing(facts: &Facts) -> Option<Said> {
    static PATH: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"source path does not exist: ([^"\s]+)|mount source path '([^']+)'|no such volume: ([^"\s]+)|local volume: mount ([^:\s]+):|error mounting "([^"]+)"|rootfs "([^"]+)""#)
            .ok()
    });
    // Engines up to 25 or so keep no word of such a start.
    if let Some(path) = facts.lost.first().filter(|_| matches!(facts.phase(), Phase::Waiting | Phase::Ended)) {
        let said = Said::new(
            if facts.phase() == Phase::Waiting { Level::Failing } else { Level::Degraded },
            format!("{path} is not there, and it wants to mount it"),
        );
        return Some(
            said.why("the engine refuses to start it without: the path was removed, was never made, or its disk is not mounted")
                .todo(format!("make or mount {path} on the engine's host, then: docker start {}", facts.container.name)),
        );
    }
    let message = refusal(facts, &MOUNT)?;
    let lower = message.to_lowercase();
    let path = PATH
        .as_ref()
        .and_then(|r| r.captures(message))
        .and_then(|c| c.iter().skip(1).flatten().next().map(|m| m.as_str().to_owned()));
    let path = path.unwrap_or_else(|| "what it mounts".to_owned());
    let kinds = ["not a directory", "directory onto a file"];
    Some(if has(&lower, &kinds) {
        Said::failing(format!("{path} cannot be mounted: one end is a file, the other a directory"))
            .why("a path that is missing on the host was perhaps made as an empty directory by the engine, where a file was meant")
            .todo(format!("look at it on the host (ls -ld {path}); put the file there and make the container anew"))
            .shown_by([essence(message)])
    } else {
        Said::failing(format!("{path} is not there, and it wants to mount it"))
            .why("the path or volume was removed, was never made, or its device cannot be mounted")
            .todo(format!("make or mount {path} on the engine's host, or take it out of the container's mounts"))
            .shown_by([essence(message)])
    })
}

pub(super) fn image_missing(facts: &Facts) -> Option<Said> {
    if let Some(message) = refusal(facts, &IMAGE) {
        return Some(
            Said::failing(format!("its image {} is not on the host", facts.container.image))
                .why("it was removed, or could not be pulled")
                .todo(format!("docker pull {}", facts.container.image))
                .shown_by([essence(message)]),
        );
    }
    // Worth saying only of what does not run and should.
    let down = matches!(facts.phase(), Phase::Refused | Phase::Ended);
    (down && facts.image_gone == Some(true)).then(|| {
        Said::degraded(format!("its image {} is no longer on the host", facts.container.image))
            .why("it can be started as it is, but not be made anew")
            .todo(format!("docker pull {}, or build it", facts.container.image))
    })
}

pub(super) fn not_found(facts: &Facts) -> Option<Said> {
    const TODO: &str =
        "is it spelled so, and is it in this image? see command and entrypoint (docker inspect, or the compose file)";
    if let Some(message) = refusal(facts, &["executable file not found", "no such file or directory"])
        && !has(message, &MOUNT)
        && has(message, &["exec"])
    {
        let told = words(facts, message);
        return Some(Said::failing(told.what).why(told.why).todo(TODO).shown_by([essence(message)]));
    }
    let end = facts.end()?;
    let unexecuted = facts.log.len() == 1 && facts.said().any(|l| l.starts_with("exec ") && has(l, &["no such file"]));
    if end.oom || (end.code != Some(127) && !unexecuted) {
        return None;
    }
    let told = explained(facts, end);
    Some(Said::failing(told.what).why(told.why).todo(TODO).shown_by(facts.last_lines(1)))
}

pub(super) fn not_executable(facts: &Facts) -> Option<Said> {
    const TODO: &str = "chmod +x the file where the image is built or on the host it is mounted from; a script needs a first line such as #!/bin/sh";
    const WORDS: [&str; 3] = ["permission denied", "exec format error", "is a directory"];
    if let Some(message) = refusal(facts, &WORDS)
        && has(message, &["exec"])
        && !has(message, &MOUNT)
    {
        let told = words(facts, message);
        return Some(Said::failing(told.what).why(told.why).todo(TODO).shown_by([essence(message)]));
    }
    let end = facts.end()?;
    let unexecuted = facts.log.len() == 1 && facts.said().any(|l| l.starts_with("exec ") && has(l, &WORDS));
    if end.oom || (end.code != Some(126) && !unexecuted) {
        return None;
    }
    let told = explained(facts, end);
    Some(Said::failing(told.what).why(told.why).todo(TODO).shown_by(facts.last_lines(1)))
}

/// The network that a refusal says is not there.
fn network_gone(message: &str) -> Option<&str> {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"network (\S+) not found").ok());
    let name = NAME.as_ref()?.captures(message)?.get(1)?.as_str();
    // Compose's networks are named here by their identifier.
    let id = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
    Some(if id { crate::text::short_id(name) } else { name })
}

pub(super) fn refused(facts: &Facts) -> Option<Said> {
    let message = facts.refusal()?;
    let special = [port_taken, mount_missing, not_found, not_executable];
    if special.iter().any(|rule| rule(facts).is_some()) || has(message, &IMAGE) {
        return None;
    }
    if let Some(network) = network_gone(message) {
        return Some(
            Said::failing(format!("the network {network} that it wants is gone"))
                .why("it was removed since the container was made")
                .todo("make the container anew (docker compose up -d), which makes its networks, too")
                .shown_by([essence(message)]),
        );
    }
    let told = words(facts, message);
    // Words of nobody's own are the engine's, as it said them.
    let own = told.what != "the engine refuses";
    let (what, why) = if own { (told.what, told.why) } else { ("the engine could not start it".to_owned(), told.why) };
    Some(
        Said::new(Level::Failing, what)
            .why(why)
            .todo(format!("mend that, then: docker start {}", facts.container.name))
            .shown_by([essence(message)]),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn of_what_an_engine_says_the_end_is_what_counts() {
        for (message, end) in [
            (
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"x\": executable file not found in $PATH: unknown",
                "exec: \"x\": executable file not found in $PATH",
            ),
            (
                "driver failed programming external connectivity on endpoint web (660f): Bind for 0.0.0.0:80 failed: port is already allocated",
                "Bind for 0.0.0.0:80 failed: port is already allocated",
            ),
            ("network shop_default not found", "network shop_default not found"),
        ] {
            assert_eq!(essence(message), end);
        }
    }

    #[test]
    fn a_network_and_a_device_that_are_gone_are_named() {
        let facts = refused_with("network shop_default not found");
        assert_eq!(
            (codes(&facts), &*cause(&facts).what),
            (vec!["START_REFUSED"], "the network shop_default that it wants is gone")
        );
        let facts = refused_with(
            "error while mounting volume '/v/_data': failed to mount local volume: mount /srv/x:/v/_data, flags: 0x1000: no such file or directory",
        );
        assert_eq!(
            (codes(&facts), &*cause(&facts).what),
            (vec!["MOUNT_MISSING"], "/srv/x is not there, and it wants to mount it")
        );
    }

    #[test]
    fn each_refusal_has_its_cause() {
        let exec = |what: &str| {
            format!(
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: {what}: unknown"
            )
        };
        for (message, code) in [
            ("driver failed programming external connectivity on endpoint web (ab): Bind for 0.0.0.0:8080 failed: port is already allocated".to_owned(), "PORT_TAKEN"),
            ("driver failed programming external connectivity on endpoint web: Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use".to_owned(), "PORT_TAKEN"),
            ("invalid mount config for type \"bind\": bind source path does not exist: /srv/data".to_owned(), "MOUNT_MISSING"),
            ("error while mounting volume '/var/lib/docker/volumes/x/_data': failed to mount local volume: mount /dev/none:/x: no such file or directory".to_owned(), "MOUNT_MISSING"),
            (exec("exec: \"nosuch\": executable file not found in $PATH"), "COMMAND_NOT_FOUND"),
            (exec("exec: \"/nosuch\": stat /nosuch: no such file or directory"), "COMMAND_NOT_FOUND"),
            (exec("exec: \"/etc/hostname\": permission denied"), "NOT_EXECUTABLE"),
            (exec("exec /run.sh: exec format error"), "NOT_EXECUTABLE"),
            ("No such image: shop/web:1".to_owned(), "IMAGE_MISSING"),
            ("unable to find user nobody9: no matching entries in passwd file".to_owned(), "START_REFUSED"),
            ("something that nobody has seen before".to_owned(), "START_REFUSED"),
        ] {
            let facts = refused_with(&message);
            assert_eq!(codes(&facts), [code], "{message}");
            assert_eq!(cause(&facts).evidence.len(), 1);
        }
    }

    #[test]
    fn a_path_that_is_gone_is_told_though_the_engine_kept_no_word_of_it() {
        let mut facts = refused_with("");
        facts.lost = vec!["/srv/data".into()];
        assert_eq!((codes(&facts)[0], level(&facts)), ("MOUNT_MISSING", Level::Failing));
        let mut facts = ended(1);
        facts.lost = vec!["/srv/data".into()];
        assert_eq!(codes(&facts), ["EXITED", "MOUNT_MISSING"]);
    }

    #[test]
    fn the_holder_of_a_port_is_named() {
        let mut facts = refused_with("Bind for 0.0.0.0:8080 failed: port is already allocated");
        facts.holder = Some("old-web".into());
        assert_eq!(cause(&facts).what, "port 8080 of the host is taken");
        assert_eq!(cause(&facts).why, "the container old-web has it");
        assert!(cause(&facts).todo.contains("docker stop old-web"));
        assert_eq!(port_wanted("Bind for 0.0.0.0:8080 failed: port is already allocated"), Some(8080));
    }

    #[test]
    fn a_shell_that_finds_nothing_is_told_by_its_code() {
        let mut facts = looping(127);
        say(&mut facts, &["sh: 1: serve: not found"]);
        assert_eq!(codes(&facts), ["COMMAND_NOT_FOUND", "CRASH_LOOP"]);
        assert_eq!(cause(&facts).what, "serve is not found");
        let mut facts = ended(126);
        say(&mut facts, &["sh: 1: /app/run: Permission denied"]);
        assert_eq!(codes(&facts)[0], "NOT_EXECUTABLE");
        assert_eq!(cause(&facts).what, "/app/run may not be executed");
    }

    #[test]
    fn an_image_that_is_gone_is_told_only_of_what_should_run_and_does_not() {
        let mut facts = ended(1);
        facts.image_gone = Some(true);
        assert_eq!(codes(&facts), ["EXITED", "IMAGE_MISSING"]);
        facts.container.exit_code = Some(0);
        assert_eq!(codes(&facts), Vec::<&str>::new());
        let mut facts = running();
        facts.image_gone = Some(true);
        assert_eq!(codes(&facts), Vec::<&str>::new());
    }

    #[test]
    fn a_program_that_finds_its_port_taken_says_so_itself() {
        let mut facts = ended(1);
        say(&mut facts, &["nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)"]);
        assert_eq!(codes(&facts)[0], "PORT_TAKEN");
    }
}
