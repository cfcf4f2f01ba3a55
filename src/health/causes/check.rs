//! What a container's own healthcheck says.

use jiff::{SignedDuration, Timestamp};

use crate::engine::model::Health;
use crate::health::facts::{Facts, Phase, could_not_run, is_timeout};
use crate::text::{count, duration};

use super::Said;

/// How long a start may take before it is told.
const LONG: SignedDuration = SignedDuration::from_secs(30);
/// Within this time changes of mind count as flapping.
const FLAPS: SignedDuration = SignedDuration::from_mins(15);

fn outputs(facts: &Facts) -> Vec<String> {
    let output = facts.last_check().map_or("", |p| p.output.trim());
    let mut lines: Vec<String> = output.lines().filter(|l| !l.trim().is_empty()).map(str::to_owned).collect();
    lines.drain(..lines.len().saturating_sub(3));
    lines
}

fn command(facts: &Facts) -> &str {
    facts.more.as_ref().map_or("", |m| m.health_test.as_str())
}

/// When the row of failures began that goes on.
fn streak_began(facts: &Facts) -> Option<Timestamp> {
    let more = facts.more.as_ref()?;
    let failing = more.probes.iter().rev().take_while(|p| p.exit_code != 0);
    let first = failing.last().and_then(|p| p.start)?;
    let kept = more.probes.iter().rev().take_while(|p| p.exit_code != 0).count();
    // The engine keeps but the last five results.
    let before = facts.container.detail.as_ref().map_or(0, |d| d.failing_streak) - kept as i64;
    let interval = more.health_interval.unwrap_or(30);
    if before <= 0 || kept < more.probes.len() {
        return Some(first);
    }
    let earlier = SignedDuration::from_secs(before.saturating_mul(interval as i64));
    Some(first.checked_sub(earlier).unwrap_or(first).max(facts.container.started.unwrap_or(first)))
}

pub(super) fn broken(facts: &Facts) -> Option<Said> {
    if facts.phase() != Phase::Up || facts.container.health == Health::Healthy {
        return None;
    }
    let last = facts.last_check().filter(|p| could_not_run(p))?;
    let code = match last.exit_code {
        -1 => String::new(),
        code => format!(" (exit code {code})"),
    };
    Some(
        Said::degraded(format!("its healthcheck cannot run{code}: {}", crate::text::fit(command(facts), 60)))
            .why("the command of the check is not in the image, or may not be executed; whether the service itself works, nobody knows")
            .todo("write the check with a program that the image has, or put curl or wget into the image")
            .shown_by(outputs(facts))
            .since(streak_began(facts)),
    )
}

pub(super) fn unhealthy(facts: &Facts) -> Option<Said> {
    if !facts.is_unhealthy() || broken(facts).is_some() {
        return None;
    }
    let streak = facts.container.detail.as_ref().map_or(0, |d| d.failing_streak);
    let what = match facts.last_check() {
        Some(p) if is_timeout(p) => "unhealthy: its healthcheck gets no answer in time".to_owned(),
        Some(p) => {
            let said = outputs(facts).pop().unwrap_or_default();
            let said =
                if said.is_empty() { format!("its healthcheck ends with exit code {}", p.exit_code) } else { said };
            format!("unhealthy: {}", crate::text::fit(&said, 100))
        }
        None => "unhealthy: its healthcheck fails".to_owned(),
    };
    let times = if streak > 0 {
        format!("; it failed {} in a row", count(streak.unsigned_abs() as usize, "time"))
    } else {
        String::new()
    };
    let check = command(facts);
    let why =
        if check.is_empty() { String::new() } else { format!("the check is: {}{times}", crate::text::fit(check, 120)) };
    Some(
        Said::failing(what)
            .why(why)
            .todo(format!(
                "docker logs --tail 50 {0}; make the check by hand: docker exec {0} ...",
                facts.container.name
            ))
            .shown_by(outputs(facts).into_iter().chain(if outputs(facts).is_empty() {
                facts.last_lines(2)
            } else {
                Vec::new()
            }))
            .since(streak_began(facts)),
    )
}

pub(super) fn flapping(facts: &Facts) -> Option<Said> {
    if facts.phase() != Phase::Up || facts.container.health == Health::None {
        return None;
    }
    let probes = facts.more.as_ref().map_or(&[][..], |m| &m.probes);
    let changes = probes.windows(2).filter(|w| (w[0].exit_code == 0) != (w[1].exit_code == 0)).count();
    // A restart makes it well again, or should: only what came after the last start is a change of mind.
    let began = facts.container.started.unwrap_or(jiff::Timestamp::MIN);
    let lately = |t: &jiff::Timestamp| facts.now.duration_since(*t) < FLAPS && *t >= began;
    let recent = facts.past.turns.iter().filter(|(t, _)| lately(t)).count();
    // What flapped before does so until all that is kept is of one mind.
    let (what, since) = if changes >= if facts.flapped { 1 } else { 3 } {
        let failed = probes.iter().filter(|p| p.exit_code != 0).count();
        let what = format!("its healthcheck passes and fails in turn: {failed} of the last {} failed", probes.len());
        (what, probes.first().and_then(|p| p.start))
    } else if recent >= 3 {
        let what =
            format!("its health changed {} in {}", count(recent, "time"), duration(FLAPS.as_secs().unsigned_abs()));
        (what, facts.past.turns.iter().map(|(t, _)| *t).find(lately))
    } else {
        return None;
    };
    let failed = probes.iter().rev().find(|p| p.exit_code != 0);
    let shown = failed.and_then(|p| p.output.lines().rev().find(|l| !l.trim().is_empty())).map(str::to_owned);
    Some(
        Said::degraded(what)
            .why("it works at times: mostly a lack of processor time, memory or connections, or one broken of several behind one name")
            .todo("compare the times of the failures with its load and with its log; a longer timeout of the check hides it only")
            .shown_by(shown)
            .since(since),
    )
}

pub(super) fn slow_start(facts: &Facts) -> Option<Said> {
    let c = &facts.container;
    if facts.phase() != Phase::Up || c.health != Health::Starting || broken(facts).is_some() {
        return None;
    }
    let up = facts.now.duration_since(c.started?);
    // Before the first result nothing is late.
    let failed = facts.last_check().is_some_and(|p| p.exit_code != 0);
    if up < LONG || (facts.more.is_some() && !failed) {
        return None;
    }
    let period = facts.raw("/Config/Healthcheck/StartPeriod").as_u64().unwrap_or(0) / 1_000_000_000;
    let patience = if period > 0 { format!("; its start period is {}", duration(period)) } else { String::new() };
    Some(
        Said::degraded(format!("still starting after {}", duration(up.as_secs().unsigned_abs())))
            .why(format!("its healthcheck has not passed yet{patience}"))
            .todo(format!(
                "docker logs -f {} shows what it is at; if it is always so slow, give it a longer start_period",
                c.name
            ))
            .shown_by(outputs(facts).into_iter().chain(if outputs(facts).is_empty() {
                facts.last_lines(2)
            } else {
                Vec::new()
            }))
            .since(c.started),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::health::Level;

    #[test]
    fn what_the_check_said_is_the_words() {
        let facts = checked(
            Health::Unhealthy,
            &[(0, ""), (1, "ok\ncurl: (7) connection refused\n"), (1, "curl: (7) connection refused")],
        );
        assert_eq!(codes(&facts), ["UNHEALTHY"]);
        assert_eq!(cause(&facts).what, "unhealthy: curl: (7) connection refused");
        assert_eq!((cause(&facts).since, level(&facts)), (Some(ago(20)), Level::Failing));
        let facts = checked(Health::Unhealthy, &[(-1, "Health check exceeded timeout (3s)")]);
        assert_eq!(codes(&facts), ["UNHEALTHY"]);
        assert!(cause(&facts).what.contains("no answer in time"));
    }

    #[test]
    fn a_streak_that_is_longer_than_what_is_kept_began_before() {
        let mut facts = checked(Health::Unhealthy, &[(1, "x"); 5]);
        detail(&mut facts).failing_streak = 105;
        facts.more.as_mut().unwrap().health_interval = Some(10);
        assert_eq!(cause(&facts).since, Some(ago(1050)));
    }

    #[test]
    fn a_check_that_cannot_run_says_nothing_of_the_service() {
        for (code, output) in [
            (
                -1,
                "OCI runtime exec failed: exec failed: unable to start container process: exec: \"curl\": executable file not found in $PATH: unknown",
            ),
            (127, "/bin/sh: 1: curl: not found"),
            (126, "sh: 1: /check.sh: Permission denied"),
        ] {
            let facts = checked(Health::Unhealthy, &[(code, output)]);
            assert_eq!((codes(&facts)[0], level(&facts)), ("CHECK_BROKEN", Level::Degraded), "{output}");
        }
    }

    #[test]
    fn flapping_is_told_by_results_in_turn_or_by_changes_of_mind() {
        let facts = checked(Health::Healthy, &[(0, ""), (1, "timeout"), (0, ""), (1, "timeout"), (0, "")]);
        assert_eq!((codes(&facts), level(&facts)), (vec!["FLAPPING"], Level::Degraded));
        assert_eq!(cause(&facts).evidence, ["timeout"]);
        let mut facts = checked(Health::Healthy, &[(0, ""), (0, ""), (1, "x"), (0, ""), (0, "")]);
        assert_eq!(codes(&facts), Vec::<&str>::new());
        facts.past.turns = vec![(ago(300), false), (ago(200), true), (ago(100), false), (ago(50), true)];
        assert_eq!(codes(&facts), ["FLAPPING"]);
        // What was restarted for it has not changed its mind since.
        facts.container.started = Some(ago(60));
        assert_eq!(codes(&facts), Vec::<&str>::new());
    }

    #[test]
    fn a_start_is_slow_when_it_fails_its_check_for_long() {
        let mut facts = checked(Health::Starting, &[(1, "not yet")]);
        facts.container.started = Some(ago(45));
        assert_eq!((codes(&facts), level(&facts)), (vec!["SLOW_START"], Level::Degraded));
        assert!(cause(&facts).what.contains("45s"));
        facts.container.started = Some(ago(10));
        assert_eq!((codes(&facts), level(&facts)), (vec![], Level::Healthy));
        let mut facts = checked(Health::Starting, &[]);
        facts.container.started = Some(ago(45));
        assert_eq!(codes(&facts), Vec::<&str>::new());
    }
}
