//! What `--fix` may do: only that by which nothing is lost and nothing of others is interrupted.
//!
//! There are three such things: to start the engine's service where it is installed and down, to remove build cache
//! that nothing used for a day, and to remove what ended sessions left behind. Everything else (groups, kernel
//! settings, images, volumes, restarts) is said and left to the person.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::engine::{Engine, EngineError, ErrorKind, Result};
use crate::text::{clean, count, shell, size};

use super::checks::CACHE_AGE;
use super::scene::resolve;
use super::{Ask, Check};

/// How long a service may take to start.
const START: Duration = Duration::from_mins(1);
/// How long an engine that was started may take until it answers.
const ANSWER: Duration = Duration::from_secs(30);
/// What starts an engine; nothing else is ever run.
const STARTS: [&str; 4] =
    ["systemctl start docker", "systemctl --user start docker", "rc-service docker start", "service docker start"];

/// A harmless thing that mends what a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// The check's code.
    pub code: &'static str,
    /// What is done, in words.
    pub words: String,
    /// The command that does the same.
    pub command: String,
    act: Act,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Start,
    Cache,
    Leftovers,
}

/// The harmless things that would mend what was found.
pub fn mends(checks: &[Check]) -> Vec<Mend> {
    let mend = |check: &Check| {
        let fix = check.fix.as_ref().filter(|fix| fix.harmless)?;
        let command = fix.command.clone()?;
        let (act, words) = match check.code {
            "SOCKET" if STARTS.contains(&command.as_str()) => (Act::Start, "start the engine".to_owned()),
            "DISK" => (Act::Cache, format!("remove build cache that nothing used for {CACHE_AGE}")),
            "LEFTOVERS" => (Act::Leftovers, format!("remove what ended sessions left: {}", check.evidence)),
            _ => return None,
        };
        Some(Mend { code: check.code, words, command, act })
    };
    checks.iter().filter_map(mend).collect()
}

/// Does it; answers with what was done.
///
/// # Errors
/// When the engine or the service does not let it be done.
pub async fn apply(ask: &Ask, mend: &Mend) -> Result<String> {
    let engine = || Engine::connect(&resolve(ask)?);
    match mend.act {
        Act::Start => start(ask, &mend.command, &engine()?).await,
        Act::Cache => {
            let freed = engine()?.prune_cache(CACHE_AGE).await?.freed;
            Ok(format!("{} of build cache removed", size(freed)))
        }
        Act::Leftovers => {
            let swept = crate::sessions::sweep(&engine()?).await?;
            Ok(format!(
                "removed {}, {}, {}",
                count(swept.containers.len(), "container"),
                count(swept.networks.len(), "network"),
                count(swept.volumes.len(), "volume")
            ))
        }
    }
}

async fn start(ask: &Ask, command: &str, engine: &Engine) -> Result<String> {
    let failed = |why: String| EngineError::new(ErrorKind::Other, format!("{command}: {}", clean(&why)));
    let words = shell::words(command).map_err(failed)?;
    let (program, arguments) = words.split_first().ok_or_else(|| failed("there is nothing to run".to_owned()))?;
    let mut child = Command::new(program);
    child.args(arguments).env_clear().envs(&ask.around.env).stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(START, child.output()).await {
        Err(_) => return Err(failed(format!("not done within {} s", START.as_secs()))),
        Ok(Err(e)) => return Err(failed(e.to_string())),
        Ok(Ok(out)) if !out.status.success() => {
            let said = String::from_utf8_lossy(&out.stderr);
            let line = said.lines().find(|l| !l.trim().is_empty()).unwrap_or("it failed and does not say why");
            return Err(failed(line.trim().to_owned()).with_hint("journalctl -u docker -n 50 tells why"));
        }
        Ok(Ok(_)) => {}
    }
    let answers = async {
        while engine.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    match tokio::time::timeout(ANSWER, answers).await {
        Ok(()) => Ok("the engine was started and answers".to_owned()),
        Err(_) => Ok("the engine was started, but does not answer yet".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Fix, Outcome};

    fn check(code: &'static str, command: &str, harmless: bool) -> Check {
        let fix = Fix { words: "do".into(), command: Some(command.into()), harmless };
        Check { code, title: "", outcome: Outcome::Fail, evidence: "e".into(), fix: Some(fix) }
    }

    #[test]
    fn only_what_is_harmless_and_known_is_mended() {
        let all = [
            check("SOCKET", "systemctl start docker", true),
            check("SOCKET", "sudo usermod -aG docker ann", false),
            check("SOCKET", "rm -rf /", true),
            check("INOTIFY", "sysctl -w x=1", true),
            check("DISK", "docker builder prune --force --filter until=24h", true),
            check("DISK", "docker image prune --all", false),
            check("LEFTOVERS", "docker rm x", true),
        ];
        let found: Vec<_> = mends(&all).into_iter().map(|m| (m.code, m.act)).collect();
        assert_eq!(found, [("SOCKET", Act::Start), ("DISK", Act::Cache), ("LEFTOVERS", Act::Leftovers)]);
    }
}
