//! The host's own troubles: whether an engine can be reached and used, what will run out, and what to do.

//!
//! A check is an entry of a table in `checks`: its code, what it needs, and a function that reads the machine or the
//! engine into facts, which another function judges. So every outcome can be tried without a machine that has the
//! trouble. What can be looked at only on the engine's own machine is skipped, with the reason, when that is another.

mod checks;
mod fix;
mod machine;
mod scan;
mod scene;
mod terminal;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde::Serialize;

use crate::config::{Config, ConfigError};
use crate::engine::Surroundings;

use checks::{Entry, Found};
use scene::Scene;

pub use crate::sessions::settled;
pub use fix::{Mend, apply, mends};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It cannot be told here, and why.
    Skipped,
    /// As it should be.
    Ok,
    /// Works, but should be looked at.
    Warn,
    /// Does not work.
    Fail,
}

/// What would mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// In words.
    pub words: String,
    /// The command, ready to be copied; `None` where there is no single one.
    pub command: Option<String>,
    /// Whether `ondeck doctor --fix` may do it: nothing can be lost by it.
    pub harmless: bool,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, which stays: `SOCKET`.
    pub code: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The fact that decided, one line.
    pub evidence: String,
    /// What to do; `None` when all is well.
    pub fix: Option<Fix>,
}

/// What the person's terminal can do, as far as whoever asks knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Columns and rows; `None` without a terminal.
    pub size: Option<(u16, u16)>,
    /// Colours: `none`, `16`, `256`, `true`.
    pub colours: String,
    /// Whether the locale is UTF-8.
    pub utf8: bool,
    /// `TERM`.
    pub kind: String,
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The engine as the person names it (`--host`), or nothing.
    pub host: Option<String>,
    /// The environment.
    pub around: Surroundings,
    /// The config file.
    pub config: Config,
    /// The terminal.
    pub terminal: Terminal,
    /// Whether a container may be made for a moment (DNS inside, nested Docker); without it these are skipped.
    pub containers: bool,
}

/// Looks at everything, and tells of each check as it ends. Answers with all of them, in their order.
///
/// Every check has a time of its own to end in, so the whole does, whatever hangs. Nothing is changed but for the
/// momentary container that [`Ask::containers`] allows; it is removed also when this is dropped before its end.
pub async fn examine(ask: &Ask, told: impl FnMut(&Check) + Send) -> Vec<Check> {
    examine_despite(ask, None, told).await
}

/// The same for someone whose config file is wrong: `trouble` says how, and [`Ask::config`] is what goes without it.
pub async fn examine_despite(
    ask: &Ask,
    trouble: Option<&ConfigError>,
    mut told: impl FnMut(&Check) + Send,
) -> Vec<Check> {
    let scene = Scene::new(ask, trouble);
    let mut running: FuturesUnordered<_> = checks::all()
        .enumerate()
        .map(|(place, entry)| {
            let scene = &scene;
            async move { (place, look(entry, scene).await) }
        })
        .collect();
    let mut ended = Vec::new();
    while let Some((place, check)) = running.next().await {
        told(&check);
        ended.push((place, check));
    }
    ended.sort_by_key(|(place, _)| *place);
    ended.into_iter().map(|(_, check)| check).collect()
}

/// Makes one check, within its time.
async fn look(entry: &'static Entry, scene: &Scene) -> Check {
    let found = match scene.ready(entry.needs).await {
        Err(why) => Found::skipped(why),
        Ok(()) => match tokio::time::timeout(entry.patience, (entry.look)(scene)).await {
            Ok(found) => found,
            Err(_) => Found::skipped(format!("no answer within {} s", entry.patience.as_secs())),
        },
    };
    found.without_sudo(scene.is_root()).check(entry)
}
