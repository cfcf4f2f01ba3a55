//! Whether this host carries sessions: nested Docker, room, and what ended ones left.

use futures::FutureExt;

use crate::engine::ErrorKind;
use crate::sessions::{self, Nested, Session, Swept};
use crate::text::{count, shell::quote, size};

use super::super::scene::{Known, Needs, Scene};
use super::{Entry, Found, LATE, SOON, some};

pub(super) const CHECKS: &[Entry] = &[
    Entry {
        code: "NESTED",
        title: "Docker inside of containers",
        needs: Needs::Info,
        patience: LATE,
        look: |scene| nested_of(scene).boxed(),
    },
    Entry {
        code: "MEMORY",
        title: "room for sessions",
        needs: Needs::Info,
        patience: SOON,
        look: |scene| memory_of(scene).boxed(),
    },
    Entry {
        code: "LEFTOVERS",
        title: "what ended sessions left",
        needs: Needs::Engine,
        patience: SOON,
        look: |scene| leftovers_of(scene).boxed(),
    },
];

#[derive(Default)]
struct NestedFacts {
    podman: bool,
    rootless: bool,
    userns: bool,
    /// The file system that the engine's data is on.
    backing: String,
    privileged: bool,
    runtime: Option<String>,
    /// The runtimes that the engine has.
    runtimes: Vec<String>,
    /// What a trial said; an error says why there was none.
    tried: Option<Result<Nested, String>>,
}

async fn nested_of(scene: &Scene) -> Found {
    let (engine, known) = match (scene.engine(), scene.info().await) {
        (Ok(engine), Ok(known)) => (engine, known),
        (Err(e), _) | (_, Err(e)) => return Found::skipped(e.message),
    };
    let config = &scene.ask.config.sessions;
    let tried = if scene.ask.containers {
        match sessions::nested(engine, config).await {
            Err(e) if e.kind == ErrorKind::NotFound => Some(Err(format!("{}: {}", e.message, e.hint))),
            other => Some(other.map_err(|e| e.message)),
        }
    } else {
        None
    };
    nested(&NestedFacts {
        tried,
        privileged: config.privileged,
        runtime: config.runtime.clone(),
        ..NestedFacts::of(known)
    })
}

impl NestedFacts {
    fn of(known: &Known) -> Self {
        Self {
            podman: !known.is_docker(),
            rootless: known.has_option("rootless"),
            userns: known.has_option("userns"),
            backing: known.driver_status("Backing Filesystem").unwrap_or_default().to_owned(),
            runtimes: known.raw["Runtimes"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default(),
            ..Self::default()
        }
    }
}

fn nested(facts: &NestedFacts) -> Found {
    if let Some(runtime) = facts.runtime.as_ref().filter(|r| !facts.runtimes.contains(r)) {
        return Found::fail(format!("the config wants sessions to run by {runtime}, which the engine does not have"))
            .mend("install it and name it in `runtimes` of /etc/docker/daemon.json, or take sessions.runtime out of the config");
    }
    let way = match (&facts.runtime, facts.privileged) {
        (Some(runtime), _) => format!("by {runtime}"),
        (None, true) => "with all rights (privileged): root in a session is root on the host".to_owned(),
        (None, false) => "with the small set of rights".to_owned(),
    };
    let sysbox = facts.runtimes.iter().any(|r| r == "sysbox-runc");
    let words = if sysbox && facts.runtime.is_none() {
        "set sessions.runtime to sysbox-runc in the config: the engine has it"
    } else {
        "other ways: sessions.runtime: sysbox-runc (has to be installed), or sessions.privileged: true; sessions on another machine: --host"
    };
    match &facts.tried {
        Some(Ok(Nested::Runs)) => Found::ok(format!("tried, and the Docker inside answered; {way}")),
        Some(Ok(Nested::Allowed)) => Found::ok(format!(
            "tried: rights are given and layers can be mounted; {way} (more once the session image is built)"
        )),
        Some(Ok(Nested::Refused(why))) => Found::fail(format!("sessions do not run here: {why}")).mend(words),
        tried => {
            let why = match tried {
                Some(Err(why)) => why.as_str(),
                _ => "not tried, as that needs a container for a moment",
            };
            match () {
                () if facts.podman => Found::warn(format!("podman is not tried with sessions ({why})"))
                    .mend("use a Docker Engine for sessions"),
                () if facts.rootless || facts.userns => Found::warn(format!(
                    "root in containers is not root here, so a Docker inside mostly cannot mount its layers ({why})"
                ))
                .mend(words),
                () if facts.backing == "overlayfs" => Found::warn(format!(
                    "the engine's data is on overlay itself, on which no other overlay can be ({why})"
                ))
                .mend("give the engine's machine a real file system at its data directory"),
                () => Found::skipped(format!("nothing speaks against it, but it was not tried: {why}")),
            }
        }
    }
}

struct MemoryFacts {
    /// Memory of the engine's machine.
    whole: u64,
    /// What is free of it; nothing where it is another machine.
    free: Option<u64>,
    /// What a session gets.
    each: u64,
    /// How many more there is room for.
    places: u64,
    running: usize,
}

async fn memory_of(scene: &Scene) -> Found {
    let (known, containers) = match (scene.info().await, scene.containers().await) {
        (Ok(known), Ok(containers)) => (known, containers),
        (Err(e), _) | (_, Err(e)) => return Found::skipped(e.message),
    };
    let others: Vec<Session> = containers.iter().filter_map(Session::of).filter(|s| s.state.is_up()).collect();
    let config = &scene.ask.config.sessions;
    let text = scene.machine.read("/proc/meminfo").filter(|_| scene.elsewhere(known).is_none()).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let free = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map(|k| k * 1024);
    memory(&MemoryFacts {
        whole: known.engine.memory,
        free,
        each: config.memory.0,
        places: sessions::places(config, known.engine.memory, &others),
        running: others.len(),
    })
}

fn memory(facts: &MemoryFacts) -> Found {
    if facts.whole == 0 {
        return Found::skipped("the engine does not say how much memory it has");
    }
    let free = facts.free.map_or_else(String::new, |free| format!("{} free of ", size(free)));
    let has = format!("{free}{}", size(facts.whole));
    let each = size(facts.each);
    let said = format!("{has}; room for {} of {each} more", count(facts.places as usize, "session"));
    if facts.free.is_some_and(|free| free < facts.whole / 20) {
        return Found::warn(format!("{has}: memory runs out on this machine"))
            .mend("see who has it (the panel's statistics, or docker stats), and give limits to what grows");
    }
    if facts.places == 0 && facts.running == 0 {
        return Found::warn(format!("{has}: too little for even one session of {each}"))
            .mend("make sessions smaller: sessions.memory in the config (256m is the least)");
    }
    if facts.places > 0 && facts.free.is_some_and(|free| free < facts.each) {
        return Found::warn(format!("{said} by the config, but less than that is free just now"))
            .mend("end what is not needed, or make sessions smaller: sessions.memory in the config");
    }
    let runs = if facts.running > 0 { format!("; {} run", facts.running) } else { String::new() };
    Found::ok(format!("{said}{runs}"))
}

async fn leftovers_of(scene: &Scene) -> Found {
    let engine = match scene.engine() {
        Ok(engine) => engine,
        Err(e) => return Found::skipped(e.message),
    };
    match sessions::leftovers(engine).await {
        Ok(left) => leftovers(&left),
        Err(e) => Found::skipped(e.message),
    }
}

fn leftovers(left: &Swept) -> Found {
    let mut parts = Vec::new();
    let mut commands = Vec::new();
    for (names, what, remove) in [
        (&left.containers, "container", "docker rm --force --volumes"),
        (&left.networks, "network", "docker network rm"),
        (&left.volumes, "volume", "docker volume rm"),
    ] {
        if names.is_empty() {
            continue;
        }
        parts.push(format!("{} ({})", count(names.len(), what), some(names.clone(), 3)));
        commands.push(format!("{remove} {}", names.iter().map(|n| quote(n)).collect::<Vec<_>>().join(" ")));
    }
    if parts.is_empty() {
        return Found::ok("nothing");
    }
    Found::warn(parts.join(", "))
        .mend("remove them: no workspace is among them, and the next session that starts would do it as well")
        .by(commands.join("; "))
        .harmless()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn nested_docker_is_judged_by_a_trial_first() {
        let of = |tried| nested(&NestedFacts { tried, ..NestedFacts::default() });
        assert_eq!(of(Some(Ok(Nested::Runs))).outcome, Outcome::Ok);
        assert_eq!(of(Some(Ok(Nested::Allowed))).outcome, Outcome::Ok);
        let found = of(Some(Ok(Nested::Refused("operation not permitted".into()))));
        assert_eq!(
            (found.outcome, found.evidence.as_str()),
            (Outcome::Fail, "sessions do not run here: operation not permitted")
        );
        assert_eq!(of(None).outcome, Outcome::Skipped);
        assert_eq!(of(Some(Err("no image".into()))).outcome, Outcome::Skipped);
        for facts in [
            NestedFacts { podman: true, ..NestedFacts::default() },
            NestedFacts { rootless: true, ..NestedFacts::default() },
            NestedFacts { backing: "overlayfs".into(), ..NestedFacts::default() },
        ] {
            assert_eq!(nested(&facts).outcome, Outcome::Warn);
        }
        let wanted = NestedFacts { runtime: Some("sysbox-runc".into()), ..NestedFacts::default() };
        assert_eq!(nested(&wanted).outcome, Outcome::Fail);
        let there = NestedFacts {
            runtimes: vec!["sysbox-runc".into()],
            tried: Some(Ok(Nested::Refused("x".into()))),
            ..NestedFacts::default()
        };
        assert!(nested(&there).fix.is_some_and(|f| f.words.contains("the engine has it")));
    }

    #[test]
    fn room_for_sessions_is_counted() {
        const G: u64 = 1 << 30;
        let facts = |whole, free, places, running| MemoryFacts { whole, free, each: 3 * G / 2, places, running };
        assert_eq!(
            memory(&facts(8 * G, Some(5 * G), 4, 0)),
            Found::ok("5.0G free of 8.0G; room for 4 sessions of 1.5G more")
        );
        assert_eq!(
            memory(&facts(8 * G, Some(G / 4), 4, 0)).evidence,
            "256M free of 8.0G: memory runs out on this machine"
        );
        assert!(memory(&facts(8 * G, Some(G), 4, 0)).evidence.ends_with("less than that is free just now"));
        assert_eq!(memory(&facts(G, None, 0, 0)).outcome, Outcome::Warn);
        assert_eq!(memory(&facts(8 * G, None, 0, 4)).outcome, Outcome::Ok, "they are all in use, which is no trouble");
        assert_eq!(memory(&facts(0, None, 0, 0)).outcome, Outcome::Skipped);
    }

    #[test]
    fn leftovers_come_with_what_removes_them() {
        assert_eq!(leftovers(&Swept::default()), Found::ok("nothing"));
        let left =
            Swept { containers: vec!["ondeck-session-a".into()], volumes: vec!["x y".into()], ..Swept::default() };
        let found = leftovers(&left);
        assert_eq!(found.evidence, "1 container (ondeck-session-a), 1 volume (x y)");
        let fix = found.fix.unwrap_or_else(|| unreachable!());
        assert!(fix.harmless);
        assert_eq!(
            fix.command.as_deref(),
            Some("docker rm --force --volumes ondeck-session-a; docker volume rm 'x y'")
        );
    }
}
