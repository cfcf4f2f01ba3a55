//! Programs that ended, once or again and again.

use crate::builds::run::{self, ImageFacts, Options};
use crate::engine::model::State;
use crate::fleet::snapshot::exit_words;
use crate::health::Level;
use crate::health::facts::{End, Facts, Phase, undated};
use crate::text::{count, size};

use super::Said;

/// What the words for a program that ended say of this one.
pub(super) fn explained(facts: &Facts, end: End) -> run::Trouble {
    let image = facts.more.as_ref().map(|m| ImageFacts::of(&m.raw)).unwrap_or_default();
    let log: Vec<String> = facts.log.iter().map(|l| l.text.clone()).collect();
    let options = Options {
        memory: facts.container.detail.as_ref().and_then(|d| d.memory_limit),
        read_only: facts.raw("/HostConfig/ReadonlyRootfs").as_bool().unwrap_or(false),
        ..Options::default()
    };
    run::explain(&run::Facts {
        end: Some(run::End { code: end.code.unwrap_or(1), oom_killed: end.oom, started: true }),
        image: &image,
        image_name: &facts.container.image,
        options: &options,
        log: &log,
        ..run::Facts::default()
    })
}

/// `137 (killed)`.
fn code_words(end: End) -> String {
    end.code.map_or_else(|| "an unknown code".to_owned(), |code| format!("{code}{}", exit_words(code, end.oom)))
}

fn logs(facts: &Facts) -> String {
    format!("docker logs --tail 50 {}", facts.container.name)
}

fn again(facts: &Facts) -> &'static str {
    if facts.phase() == Phase::Looping { ", again and again" } else { "" }
}

pub(super) fn oom_killed(facts: &Facts) -> Option<Said> {
    let end = facts.end().filter(|e| e.oom && e.code != Some(0))?;
    let limit = facts.container.detail.as_ref().and_then(|d| d.memory_limit);
    let (need, todo) = match limit {
        Some(limit) => (
            format!("its {} of memory", size(limit)),
            "raise its limit (compose: mem_limit, docker update --memory), or let it use less",
        ),
        None => (
            "the memory that the host had left".to_owned(),
            "give the host more memory, or set limits for what uses it up",
        ),
    };
    // A wrapper that reports 1 for its killed child has lost it all the same.
    let who = if end.code.is_none_or(|c| c == 137) { "it" } else { "one of its processes" };
    Some(
        Said::failing(format!("killed{}: {who} needed more than {need}", again(facts)))
            .why(format!("the kernel killed it for want of memory; it ended with {}", code_words(end)))
            .todo(todo)
            .shown_by(facts.last_lines(1)),
    )
}

pub(super) fn crashed(facts: &Facts) -> Option<Said> {
    let end = facts.end().filter(|e| !e.oom && matches!(e.code, Some(132 | 134..=136 | 138 | 139 | 159)))?;
    let told = explained(facts, end);
    Some(
        Said::failing(format!("crashed{}: exit code {}", again(facts), code_words(end)))
            .why(told.why)
            .todo("it is a fault of the program, or it was built for another system: try the version before, and report it to who makes it")
            .shown_by(facts.last_lines(2)),
    )
}

pub(super) fn killed(facts: &Facts) -> Option<Said> {
    let c = &facts.container;
    if c.state == State::Exited && c.exit_code == Some(137) && facts.phase() == Phase::Off {
        let what = match facts.stop_asked() {
            Some("stop") => "stopped: it did not end in time when asked to, and was killed",
            Some(_) => "killed by docker kill",
            None => {
                "killed, not for want of memory as far as its limit goes: most likely by docker kill or docker stop"
            }
        };
        return Some(Said::new(Level::Off, what).todo(format!("if it is to run: docker start {}", c.name)));
    }
    let end = facts.end().filter(|e| !e.oom && e.code == Some(137))?;
    Some(
        Said::failing(format!("killed{}: exit code {}, and not by its memory limit", again(facts), code_words(end)))
            .why("nobody stopped it through the engine: a process of the host killed it, the host's memory ran out, or the program ended so itself")
            .todo("dmesg | grep -i -e oom -e killed on the host tells whether its memory ran out")
            .shown_by(facts.last_lines(2)),
    )
}

pub(super) fn crash_loop(facts: &Facts) -> Option<Said> {
    if facts.phase() != Phase::Looping {
        return None;
    }
    let end = facts.end()?;
    let times = match facts.restarts() {
        0 => "again and again".to_owned(),
        n => count(n.unsigned_abs() as usize, "time"),
    };
    let policy = facts.container.detail.as_ref().map(|d| d.restart_policy.as_str()).filter(|p| !p.is_empty());
    let policy = policy.map_or_else(|| "its restart policy".to_owned(), |p| format!("its restart policy ({p})"));
    // One restart is none yet; while it waits for the next it does not work.
    let few = facts.restarts() < 3 && facts.container.state == State::Running;
    let level = if few { Level::Degraded } else { Level::Failing };
    let mut why = format!("{policy} starts it whenever it ends");
    let what = match end.code {
        Some(0) => {
            why.push_str("; its program is done each time, and does not stay");
            format!("restarted {times}: it ends without an error (exit code 0)")
        }
        Some(_) => {
            let told = explained(facts, end);
            why = format!("{why}; {}", if told.why.is_empty() { &told.what } else { undated(&told.why) });
            format!("restarted {times}: it ends with exit code {}", code_words(end))
        }
        None => format!("restarted {times}: it does not stay up"),
    };
    Some(
        Said::new(level, what)
            .why(why)
            .todo(format!("{} shows what it says before it ends", logs(facts)))
            .shown_by(facts.last_lines(3)),
    )
}

pub(super) fn exited(facts: &Facts) -> Option<Said> {
    // What has a rule of its own is not told twice.
    let own = |end: &End| end.oom || matches!(end.code, Some(126 | 127 | 132 | 134..=139 | 159));
    let end = facts.end().filter(|end| facts.phase() == Phase::Ended && !own(end))?;
    let told = explained(facts, end);
    Some(
        Said::failing(format!("ended with exit code {}", code_words(end)))
            .why(if told.why.is_empty() { told.what } else { told.why })
            .todo(format!("{} says more; docker start {} tries again", logs(facts), facts.container.name))
            .shown_by(facts.last_lines(3)),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn out_of_memory_is_told_with_the_limit() {
        let mut facts = ended(137);
        detail(&mut facts).oom_killed = true;
        detail(&mut facts).memory_limit = Some(64 << 20);
        assert_eq!(codes(&facts)[0], "OOM_KILLED");
        assert_eq!(cause(&facts).what, "killed: it needed more than its 64M of memory");
        facts.container.exit_code = Some(1);
        assert!(cause(&facts).what.contains("one of its processes"));
        // What ended well in spite of it is done.
        facts.container.exit_code = Some(0);
        assert_eq!(level(&facts), Level::Off);
    }

    #[test]
    fn a_loop_is_told_with_its_code_and_its_last_line() {
        let mut facts = looping(1);
        say(&mut facts, &["starting", "error: no configuration"]);
        assert_eq!(codes(&facts), ["CRASH_LOOP"]);
        let cause = cause(&facts);
        assert!(cause.what.contains("restarted 5 times") && cause.what.contains("exit code 1"), "{}", cause.what);
        assert_eq!(cause.evidence.last().unwrap(), "error: no configuration");
        assert_eq!(level(&facts), Level::Failing);
        facts.container.exit_code = Some(0);
        assert!(super::super::judge(&facts).findings[0].what.contains("without an error"));
    }

    #[test]
    fn what_is_said_at_each_start_is_shown_once_and_without_its_time_in_the_reason() {
        let mut facts = looping(1);
        let lines = [
            "2026-12-01T13:16:14Z FATAL no host",
            "[2026-12-01 13:16:21,123] starting",
            "2026-12-01T13:16:22Z FATAL no host",
        ];
        say(&mut facts, &lines);
        let cause = cause(&facts);
        assert_eq!(cause.evidence, lines[1..]);
        assert!(cause.why.ends_with("; FATAL no host"), "{}", cause.why);
    }

    #[test]
    fn a_loop_is_seen_also_while_it_runs_for_a_moment() {
        let mut facts = looping(1);
        facts.container.state = State::Running;
        facts.container.exit_code = None;
        facts.container.started = Some(ago(3));
        facts.past.ends = vec![(ago(20), 127), (ago(4), 127)];
        assert_eq!(codes(&facts), ["COMMAND_NOT_FOUND", "CRASH_LOOP"]);
        assert_eq!(super::super::judge(&facts).since, Some(ago(20)));
        // What has stayed up since is well.
        facts.container.started = Some(ago(600));
        assert_eq!(level(&facts), Level::Healthy);
    }

    #[test]
    fn an_error_is_an_error_and_a_stop_is_none() {
        let mut facts = ended(3);
        say(&mut facts, &["fatal: cannot read settings"]);
        assert_eq!(codes(&facts), ["EXITED"]);
        assert_eq!(cause(&facts).what, "ended with exit code 3");
        for code in [0, 130, 143] {
            assert_eq!(level(&ended(code)), Level::Off, "{code}");
        }
        // Its policy would have started it again, had it ended by itself.
        detail(&mut facts).restart_policy = "always".into();
        assert_eq!(level(&facts), Level::Off);
    }

    #[test]
    fn a_kill_without_want_of_memory_counts_only_when_nobody_asked_for_it() {
        let mut facts = ended(137);
        // Nothing is known of it: most likely a stop.
        assert_eq!((level(&facts), codes(&facts)), (Level::Off, vec!["KILLED"]));
        facts.past.ends = vec![(ago(60), 137)];
        assert_eq!((level(&facts), codes(&facts)[0]), (Level::Failing, "KILLED"));
        facts.past.kills = vec![(ago(70), "15".into()), (ago(60), "9".into()), (ago(60), "stop".into())];
        assert_eq!(level(&facts), Level::Off);
        assert!(cause(&facts).what.starts_with("stopped: it did not end in time"));
        // A signal that it survived, long ago, is no reason.
        facts.past.kills = vec![(ago(3000), "9".into())];
        assert_eq!(level(&facts), Level::Failing);
    }

    #[test]
    fn a_crash_names_its_signal() {
        let facts = ended(139);
        assert_eq!(codes(&facts)[0], "CRASHED");
        assert!(cause(&facts).why.contains("SIGSEGV"), "{}", cause(&facts).why);
        assert_eq!(codes(&ended(134))[0], "CRASHED");
    }
}
