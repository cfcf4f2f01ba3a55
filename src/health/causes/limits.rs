//! What a container is held back by, as this machine's own files tell.

use crate::health::facts::{Facts, Phase};
use crate::health::machine::{FLOOD, MANY_ZOMBIES, is_near};
use crate::text::{count, size};

use super::Said;

pub(super) fn oom_inside(facts: &Facts) -> Option<Said> {
    if facts.phase() != Phase::Up {
        return None;
    }
    let kills = facts.local.as_ref().map_or(0, |l| l.strain.oom_kills);
    let seen = facts.past.ooms.iter().filter(|t| facts.container.started.is_none_or(|s| **t >= s)).count() as u64;
    let kills = kills.max(seen);
    if kills == 0 {
        return None;
    }
    let limit = facts.container.detail.as_ref().and_then(|d| d.memory_limit);
    let limit = limit.or_else(|| facts.local.as_ref()?.strain.memory.map(|(_, limit)| limit));
    let limit = limit.map_or_else(|| "its limit".to_owned(), |l| format!("its limit of {}", size(l)));
    let said =
        Said::degraded(format!("the kernel killed {} in it for want of memory", count(kills as usize, "process")))
            .why(format!("together they needed more than {limit}; its first process lives on without them"))
            .todo("raise its limit (compose: mem_limit, docker update --memory), or let it use less")
            .shown_by(facts.said_with(&["killed", "out of memory", "oom"]));
    // While it does not answer, this is the most likely reason.
    let said = if facts.is_unhealthy() { Said { level: crate::health::Level::Failing, ..said } } else { said };
    Some(said.since(facts.past.ooms.first().copied()))
}

pub(super) fn memory_near_limit(facts: &Facts) -> Option<Said> {
    let (used, limit) = facts.local.as_ref()?.strain.memory.filter(|(used, limit)| is_near(*used, *limit))?;
    (facts.phase() == Phase::Up).then(|| {
        Said::degraded(format!("uses {} of its {} of memory", size(used), size(limit)))
            .why("when it needs more, the kernel kills it")
            .todo("raise its limit (docker update --memory), or find out what it keeps")
    })
}

pub(super) fn cpu_throttled(facts: &Facts) -> Option<Said> {
    let (held, of) = facts.local.as_ref()?.held?;
    if facts.phase() != Phase::Up || of < 3 || held * 2 < of {
        return None;
    }
    let nano = facts.raw("/HostConfig/NanoCpus").as_u64().filter(|n| *n > 0).map(|n| n as f64 / 1e9);
    let quota = || {
        let quota = facts.raw("/HostConfig/CpuQuota").as_f64().filter(|q| *q > 0.0)?;
        let period = facts.raw("/HostConfig/CpuPeriod").as_f64().filter(|p| *p > 0.0).unwrap_or(100_000.0);
        Some(quota / period)
    };
    let limit = nano.or_else(quota).map_or_else(
        || "its limit of processor time".to_owned(),
        |n| format!("its limit of {} of a processor", (n * 100.0).round() / 100.0),
    );
    Some(
        Said::degraded(format!("held back {}% of the time by {limit}", held * 100 / of))
            .why("it wants more processor time than it may have, and answers late")
            .todo("raise the limit (compose: cpus, docker update --cpus), or find out what it computes"),
    )
}

pub(super) fn zombies(facts: &Facts) -> Option<Said> {
    let zombies = &facts.local.as_ref()?.zombies;
    if zombies.len() < MANY_ZOMBIES {
        return None;
    }
    let mut names: Vec<&str> = zombies.values().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    Some(
        Said::degraded(format!(
            "{} that ended {} never reaped",
            count(zombies.len(), "process"),
            if zombies.len() == 1 { "was" } else { "were" }
        ))
        .why("its first process does not wait for its children; they stay until its limit of processes is reached")
        .todo("start it with an init: init: true in compose, or docker run --init")
        .shown_by([format!("zombies: {}", names.iter().take(5).copied().collect::<Vec<_>>().join(", "))]),
    )
}

pub(super) fn log_flood(facts: &Facts) -> Option<Said> {
    let log = facts.local.as_ref()?.log?;
    let bounded = facts.raw("/HostConfig/LogConfig/Config/max-size").as_str();
    let huge = log.bytes >= 5 << 30 && bounded.is_none();
    if log.per_second < FLOOD && !huge {
        return None;
    }
    let day = log.per_second.saturating_mul(86_400);
    let what = if log.per_second >= FLOOD {
        format!("writes {} of log a second", size(log.per_second))
    } else {
        format!("its log has grown to {}", size(log.bytes))
    };
    let why = match bounded {
        Some(max) => format!("its log file begins anew at {max}, so that only the last moments of it are kept"),
        None if log.per_second >= FLOOD => {
            format!(
                "nothing bounds its log file, which holds {} now and would grow by {} a day",
                size(log.bytes),
                size(day)
            )
        }
        None => "nothing bounds its log file".to_owned(),
    };
    Some(
        Said::degraded(what)
            .why(why)
            .todo("let it say less; bound the file in compose (logging: options: max-size: 10m) or in daemon.json, and make the container anew")
            .shown_by(facts.last_lines(1)),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::testing::*;
    use super::*;
    use crate::engine::model::Health;
    use crate::fleet::Strain;
    use crate::health::Level;
    use crate::health::machine::{Local, LogFile};

    fn here(local: Local) -> Facts {
        Facts { local: Some(local), ..running() }
    }

    #[test]
    fn a_process_killed_inside_is_told_although_the_first_lives() {
        let mut facts = here(Local { strain: Strain { oom_kills: 2, ..Strain::default() }, ..Local::default() });
        assert_eq!((codes(&facts), level(&facts)), (vec!["OOM_INSIDE"], Level::Degraded));
        assert!(cause(&facts).what.contains("2 processes"));
        facts.container.health = Health::Unhealthy;
        assert_eq!((codes(&facts), level(&facts)), (vec!["OOM_INSIDE", "UNHEALTHY"], Level::Failing));
        // From an engine elsewhere its events tell.
        let mut facts = running();
        facts.past.ooms = vec![ago(100)];
        assert_eq!(codes(&facts), ["OOM_INSIDE"]);
    }

    #[test]
    fn memory_that_is_nearly_used_up_is_told_in_figures() {
        let near = |used: u64| {
            here(Local {
                strain: Strain { memory: Some((used << 20, 100 << 20)), ..Strain::default() },
                ..Local::default()
            })
        };
        assert_eq!(codes(&near(95)), ["MEMORY_NEAR_LIMIT"]);
        assert_eq!(cause(&near(95)).what, "uses 95M of its 100M of memory");
        assert_eq!(codes(&near(80)), Vec::<&str>::new());
        assert_eq!(codes(&running()), Vec::<&str>::new());
    }

    #[test]
    fn throttling_counts_when_it_is_so_now() {
        let mut facts = here(Local { held: Some((5, 6)), ..Local::default() });
        raw(&mut facts, json!({"HostConfig": {"NanoCpus": 100_000_000}}));
        assert_eq!(codes(&facts), ["CPU_THROTTLED"]);
        assert_eq!(cause(&facts).what, "held back 83% of the time by its limit of 0.1 of a processor");
        for idle in [None, Some((1, 1)), Some((1, 6)), Some((0, 0))] {
            assert_eq!(codes(&here(Local { held: idle, ..Local::default() })), Vec::<&str>::new());
        }
    }

    #[test]
    fn many_zombies_are_told_with_what_they_were() {
        let zombies = |n: u32| {
            here(Local { zombies: (0..n).map(|pid| (pid, "worker".to_owned())).collect(), ..Local::default() })
        };
        assert_eq!(codes(&zombies(7)), ["ZOMBIES"]);
        assert_eq!(cause(&zombies(7)).evidence, ["zombies: worker"]);
        assert_eq!(codes(&zombies(2)), Vec::<&str>::new());
    }

    #[test]
    fn a_flood_is_a_flood_also_where_the_file_is_bounded() {
        let mut facts = here(Local { log: Some(LogFile { bytes: 90 << 20, per_second: 3 << 20 }), ..Local::default() });
        assert_eq!(codes(&facts), ["LOG_FLOOD"]);
        assert!(cause(&facts).why.contains("nothing bounds"));
        raw(&mut facts, json!({"HostConfig": {"LogConfig": {"Config": {"max-size": "10m"}}}}));
        assert!(cause(&facts).why.contains("10m"));
        let calm = here(Local { log: Some(LogFile { bytes: 90 << 20, per_second: 100 }), ..Local::default() });
        assert_eq!(codes(&calm), Vec::<&str>::new());
    }
}
