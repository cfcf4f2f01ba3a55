//! What is known of one container when it is judged: no more than was read, and nothing is asked for any more.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::Value;

use crate::engine::model::{Container, Event, Health, Inspection, Probe, State};

use crate::stacks::is_one_off;

use super::machine::Local;

/// A container that started again within this time may do so once more.
pub(super) const LATELY: SignedDuration = SignedDuration::from_secs(90);

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Line {
    /// When it was written.
    pub at: Option<Timestamp>,
    /// Its text, harmless.
    pub text: String,
}

/// What the engine remembers of a container, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Past {
    /// When its program ended, and with what.
    pub ends: Vec<(Timestamp, i64)>,
    /// When somebody stopped or killed it through the engine, and with which signal.
    pub kills: Vec<(Timestamp, String)>,
    /// When the kernel killed something in it for want of memory.
    pub ooms: Vec<Timestamp>,
    /// When its healthcheck changed its mind: whether to healthy.
    pub turns: Vec<(Timestamp, bool)>,
    /// Whether commands within it failed lately, such as a healthcheck's.
    pub failed: bool,
}

impl Past {
    /// The events that are read for it.
    pub(super) const ACTIONS: [&str; 6] = ["die", "kill", "stop", "oom", "health_status", "exec_die"];

    /// Takes over an event.
    pub(super) fn add(&mut self, event: &Event) {
        let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
        match event.action.as_str() {
            "die" => self.ends.push((event.time, attribute("exitCode").parse().unwrap_or(-1))),
            "kill" => self.kills.push((event.time, attribute("signal").to_owned())),
            "stop" => self.kills.push((event.time, "stop".to_owned())),
            "oom" => self.ooms.push(event.time),
            "exec_die" => self.failed |= attribute("exitCode") != "0",
            "health_status: healthy" => self.turns.push((event.time, true)),
            "health_status: unhealthy" => self.turns.push((event.time, false)),
            _ => {}
        }
    }
}

/// What a container is in, beyond Docker's own word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Stopped in order, or done.
    Off,
    /// Made, never started.
    Waiting,
    /// The engine could not start it.
    Refused,
    /// It ended, and not in order.
    Ended,
    /// It ends and is started again.
    Looping,
    /// It runs.
    Up,
    /// Frozen.
    Paused,
    /// Cannot be removed.
    Dead,
}

/// How the last run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The exit code; `None` where it is not known, as while it runs again.
    pub code: Option<i64>,
    /// Whether the kernel killed something in it for want of memory.
    pub oom: bool,
}

/// What is known of one container.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// The container: of its inspection where there is one, else of the listing.
    pub container: Container,
    /// Its inspection; `None` where nothing was suspicious, or the engine refused it.
    pub more: Option<Inspection>,
    /// The last lines of its log, oldest first.
    pub log: Vec<Line>,
    /// What this machine tells; `None` for an engine elsewhere.
    pub local: Option<Local>,
    /// What the engine remembers.
    pub past: Past,
    /// What it binds and is not on this machine; such a start is refused.
    pub lost: Vec<String>,
    /// Whether its image is gone from the host; `None` where that is not known.
    pub image_gone: Option<bool>,
    /// Who has the port of the host that it wants.
    pub holder: Option<String>,
    /// Whether its health flapped when it was looked at before.
    pub flapped: bool,
    /// When it was looked at.
    pub now: Timestamp,
}

impl Facts {
    /// What it is in.
    pub(super) fn phase(&self) -> Phase {
        let c = &self.container;
        let error = c.detail.as_ref().is_some_and(|d| !d.error.is_empty());
        match c.state {
            State::Running if self.restarts() > 0 && self.is_young() => Phase::Looping,
            State::Running => Phase::Up,
            State::Paused => Phase::Paused,
            State::Restarting => Phase::Looping,
            State::Dead => Phase::Dead,
            State::Removing => Phase::Off,
            State::Created if error => Phase::Refused,
            State::Created => Phase::Waiting,
            State::Exited if error && !self.was_stopped() => Phase::Refused,
            // Whoever made it by `compose run` saw how it ended.
            State::Exited if is_one_off(c) => Phase::Off,
            State::Exited if self.ended_in_order() => Phase::Off,
            State::Exited => Phase::Ended,
        }
    }

    /// How often its restart policy started it again.
    pub(super) fn restarts(&self) -> i64 {
        self.container.detail.as_ref().map_or(0, |d| d.restart_count)
    }

    fn is_young(&self) -> bool {
        self.container.started.is_some_and(|t| self.now.duration_since(t) < LATELY)
    }

    fn ended_in_order(&self) -> bool {
        match self.container.exit_code {
            // 143 and 130: ended by SIGTERM or SIGINT, as asked.
            None | Some(0 | 130 | 143) => true,
            _ if self.was_stopped() => true,
            // Without more to go by this is a stop that took too long.
            Some(137) => !self.is_oom() && !self.end_is_known(),
            _ => false,
        }
    }

    /// Whether somebody stopped it on purpose.
    pub(super) fn was_stopped(&self) -> bool {
        let c = &self.container;
        let policy = c.detail.as_ref().map_or("", |d| d.restart_policy.as_str());
        // Its policy would have started it again, had it ended by itself.
        if c.state == State::Exited && matches!(policy, "always" | "unless-stopped") {
            return c.detail.as_ref().is_none_or(|d| d.error.is_empty());
        }
        self.stop_asked().is_some()
    }

    /// The signal, or `stop`, by which somebody ended its last run through the engine.
    pub(super) fn stop_asked(&self) -> Option<&str> {
        let ended = self.past.ends.last().map(|(t, _)| *t).or(self.container.finished)?;
        // A kill that the run survived, such as a SIGHUP to read its settings anew, is none.
        let near = |t: &Timestamp| {
            let before = ended.duration_since(*t);
            before > SignedDuration::from_secs(-5) && before < SignedDuration::from_mins(2)
        };
        let deadly =
            |s: &str| matches!(s, "stop" | "9" | "15" | "2" | "3" | "SIGKILL" | "SIGTERM" | "SIGINT" | "SIGQUIT");
        self.past.kills.iter().rev().find(|(t, s)| near(t) && deadly(s)).map(|(_, s)| s.as_str())
    }

    /// Whether the engine remembers the end of its last run.
    fn end_is_known(&self) -> bool {
        self.past.ends.last().is_some_and(|(t, _)| {
            self.container.finished.is_none_or(|f| f.duration_since(*t).abs() < SignedDuration::from_secs(5))
        })
    }

    /// Whether the kernel killed something in its last run for want of memory.
    pub(super) fn is_oom(&self) -> bool {
        let flagged = self.container.detail.as_ref().is_some_and(|d| d.oom_killed);
        let last = self.past.ends.last().map(|(t, _)| *t);
        let seen =
            self.past.ooms.last().is_some_and(|oom| {
                last.is_some_and(|end| end.duration_since(*oom).abs() < SignedDuration::from_secs(10))
            });
        flagged || seen
    }

    /// How its last run ended; `None` where it did not end, or in order.
    pub(super) fn end(&self) -> Option<End> {
        if !matches!(self.phase(), Phase::Ended | Phase::Looping) {
            return None;
        }
        let code = self.container.exit_code.or_else(|| self.past.ends.last().map(|(_, code)| *code));
        Some(End { code, oom: self.is_oom() })
    }

    /// The engine's words for why it could not start it.
    pub(super) fn refusal(&self) -> Option<&str> {
        let detail = self.container.detail.as_ref().filter(|_| self.phase() == Phase::Refused)?;
        Some(detail.error.as_str())
    }

    /// Whether it runs, and its healthcheck says that it does not work.
    pub(super) fn is_unhealthy(&self) -> bool {
        self.phase() == Phase::Up && self.container.health == Health::Unhealthy
    }

    /// Whether it does not work, so that its log may say why.
    pub(super) fn is_ill(&self) -> bool {
        let trying = self.container.health == Health::Starting && self.last_check().is_some_and(|p| p.exit_code != 0);
        matches!(self.phase(), Phase::Ended | Phase::Looping) || self.is_unhealthy() || trying
    }

    /// The newest result of its healthcheck.
    pub(super) fn last_check(&self) -> Option<&crate::engine::model::Probe> {
        self.more.as_ref().and_then(|m| m.probes.last())
    }

    /// What a field of the inspection says, such as `/HostConfig/ReadonlyRootfs`.
    pub(super) fn raw(&self, pointer: &str) -> &Value {
        const NOTHING: &Value = &Value::Null;
        self.more.as_ref().and_then(|m| m.raw.pointer(pointer)).unwrap_or(NOTHING)
    }

    /// What it said lately, newest first: its log, and before that its healthcheck's output.
    pub(super) fn said(&self) -> impl Iterator<Item = &str> {
        let after = match self.phase() {
            // A second earlier, since the clocks of engine and log are not the same.
            Phase::Ended => self.container.started.map(|t| t - SignedDuration::from_secs(1)),
            _ => Some(self.now - SignedDuration::from_mins(15)),
        };
        let recent = move |line: &&Line| line.at.zip(after).is_none_or(|(at, after)| at >= after);
        // What says that the check cannot run says nothing of the container.
        let checks = self.last_check().filter(|p| p.exit_code != 0 && !could_not_run(p)).into_iter();
        let checks = checks.flat_map(|p| p.output.lines().rev().take(5)).filter(|_| self.phase() == Phase::Up);
        checks.chain(self.log.iter().rev().filter(recent).take(30).map(|l| l.text.as_str())).map(str::trim)
    }

    /// The newest thing it said that one of `words` is in, case aside.
    pub(super) fn said_with(&self, words: &[&str]) -> Option<String> {
        self.said().find(|line| has(line, words)).map(short)
    }

    /// The last lines that it printed, oldest first; what it says again and again is told once.
    pub(super) fn last_lines(&self, n: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for line in self.log.iter().rev().map(|l| short(&l.text)).filter(|l| !l.is_empty()) {
            if !lines.iter().any(|told| undated(told) == undated(&line)) {
                lines.push(line);
            }
            if lines.len() == n {
                break;
            }
        }
        lines.reverse();
        lines
    }
}

/// A line without the time that it begins with: the same words at another time say the same.
pub(super) fn undated(line: &str) -> &str {
    static TIME: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S*\s+").ok());
    TIME.as_ref().and_then(|time| time.find(line)).map_or(line, |time| &line[time.end()..])
}

/// Whether one of `words` is in `line`, case aside.
pub(super) fn has(line: &str, words: &[&str]) -> bool {
    let line = line.to_lowercase();
    words.iter().any(|w| line.contains(w))
}

/// A line as evidence: harmless, and no longer than anyone reads.
pub(super) fn short(line: &str) -> String {
    let line = crate::text::clean(line.trim());
    line.char_indices().nth(300).map_or_else(|| line.to_string(), |(end, _)| format!("{}…", &line[..end]))
}

/// Whether a result says that the check could not be made at all.
pub(super) fn could_not_run(probe: &Probe) -> bool {
    let words =
        ["executable file not found", "oci runtime exec failed", "exec failed", "no such file or directory: unknown"];
    match probe.exit_code {
        -1 => !is_timeout(probe),
        126 | 127 => true,
        _ => has(&probe.output, &words),
    }
}

/// Whether the check took too long.
pub(super) fn is_timeout(probe: &Probe) -> bool {
    has(&probe.output, &["exceeded timeout", "timed out"])
}
