//! Containers of submissions: started when a check first asks for them, and kept for the checks after it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde_json::{Value, json};

use super::Bench;
use super::build::{Made, Wish, build};
use crate::engine::model::{Container, Id, Inspection};
use crate::engine::{EngineError, ErrorKind, LogAsk};
use crate::judge::Trouble;
use crate::judge::check::{Case, Found, Seen};
use crate::labs::RunPlan;
use crate::logs::{self, Reader, Shape};

/// Memory of a container where the lab does not say.
const MEMORY: u64 = 256 << 20;
/// Processes of a container where the lab does not say.
const PIDS: u32 = 100;
/// The most of a log that is read.
const LOG: usize = 1 << 20;
/// Last lines of a log that are shown with a failure.
const LAST: usize = 5;

/// How a container differs from what the lab's plan says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variant {
    /// Whether its file system cannot be written to.
    pub read_only: bool,
    /// Folders that can be written to, besides the plan's.
    pub tmpfs: Vec<String>,
    /// Capabilities taken away, besides the plan's.
    pub cap_drop: Vec<String>,
    /// Whether programs in it can gain no rights.
    pub no_new_privileges: bool,
    /// Volumes, each by its name and where it is mounted.
    pub volumes: Vec<(String, String)>,
    /// The command in place of the image's.
    pub command: Option<Vec<String>>,
}

/// A container that was started.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its identifier.
    pub id: Id,
    /// When it was started.
    pub since: Instant,
    /// How many bytes of its log are in the notes.
    noted: usize,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its text, harmless.
    pub text: String,
    /// Whether it came from standard error.
    pub stderr: bool,
}

/// A container that a check can go on with, or what the check saw instead.
pub type Up = Result<Running, Seen>;

/// The container of a run plan, started if it is not there. One that has ended is not started again.
///
/// # Errors
/// What prevents that and is not the submission's doing.
pub(crate) async fn run(case: &mut Case<'_>, name: &str) -> Result<Up, Trouble> {
    let variant = match case.bench()?.runs.get(name) {
        Some(running) => return Ok(Ok(running.clone())),
        None => Variant::default(),
    };
    start(case, name, name, &variant).await
}

/// Starts a container of a run plan under a key of its own, which later checks find it by.
pub(crate) async fn start(case: &mut Case<'_>, key: &str, plan: &str, variant: &Variant) -> Result<Up, Trouble> {
    let Some(plan) = case.lab.run.get(plan).cloned() else {
        let known: Vec<&str> = case.lab.run.keys().map(String::as_str).collect();
        return Err(Trouble::new(
            "J_LAB_INVALID",
            format!(
                "a check asks for a container `{plan}`, but `run:` of the lab has {}",
                if known.is_empty() { "none".into() } else { known.join(", ") }
            ),
            "add it to `run:`, or name one that is there",
        ));
    };
    let image = match &plan.image {
        Some(image) => image.clone(),
        None => match build(case, &Wish::default()).await? {
            Made::Image(image) => image.id.clone(),
            Made::Broken(broken) => return Ok(Err(Seen::unbuilt(broken.observed.clone(), vec![broken.found.clone()]))),
        },
    };
    let alone = case.lab.run.len() < 2;
    let bench = case.bench()?;
    let network = if alone { None } else { Some(bench.network().await?) };
    let body = body(&image, key, &plan, variant, network.as_deref(), &bench.labels());
    let started = async {
        let id = bench.engine.create_container(&bench.name(&plain(key)), body).await?;
        match bench.engine.start(&id).await {
            Ok(()) => Ok(Ok(id)),
            Err(error) => Ok(Err((id, error))),
        }
    };
    let refused = |error: EngineError| async {
        let fault = !matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::Forbidden);
        if fault && bench.lost().await.is_none() {
            let message = format!("the container could not be started: {}", error.message);
            return Ok(Err(Seen::of("not started", vec![Found::new("RUN_FAILED", message)])));
        }
        if bench.lost().await.is_none() && bench.recovers().await {
            let message = "starting it took so much memory or so many processes that Docker itself was ended";
            return Ok(Err(Seen::of("not started", vec![Found::new("RUN_OOM", message)])));
        }
        Err(bench.trouble(error).await)
    };
    let id = match started.await {
        Ok(Ok(id)) => id,
        Ok(Err((id, error))) => {
            let seen = refused(error).await;
            // What goes wrong here goes with the rest at the end.
            let _ = bench.engine.remove(&id, true, true).await;
            return seen;
        }
        Err(error) => return refused(error).await,
    };
    let running = Running { id, since: Instant::now(), noted: 0 };
    bench.runs.insert(key.to_owned(), running.clone());
    Ok(Ok(running))
}

/// A key as part of a container's name.
fn plain(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

fn body(
    image: &str,
    name: &str,
    plan: &RunPlan,
    variant: &Variant,
    network: Option<&str>,
    labels: &BTreeMap<String, String>,
) -> Value {
    let memory = plan.memory.unwrap_or(MEMORY);
    let tmpfs: BTreeMap<&str, &str> =
        plan.tmpfs.iter().chain(&variant.tmpfs).map(|t| t.split_once(':').unwrap_or((t, ""))).collect();
    let cap_drop: Vec<&String> = plan.cap_drop.iter().chain(&variant.cap_drop).collect();
    let mut body = json!({
        "Image": image,
        "Env": plan.env.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
        "Labels": labels,
        "Hostname": plain(name),
        "HostConfig": {
            "Memory": memory, "MemorySwap": memory, "PidsLimit": plan.pids.unwrap_or(PIDS),
            "ReadonlyRootfs": plan.read_only || variant.read_only,
            "Tmpfs": tmpfs,
            "CapDrop": cap_drop,
            "SecurityOpt": if plan.no_new_privileges || variant.no_new_privileges { vec!["no-new-privileges"] } else { vec![] },
            "LogConfig": { "Type": "json-file", "Config": { "max-size": "2m", "max-file": "2" } },
            "Mounts": variant.volumes.iter().map(|(name, at)| json!({ "Type": "volume", "Source": name, "Target": at })).collect::<Vec<_>>(),
        },
    });
    if let Some(user) = &plan.user {
        body["User"] = json!(user);
    }
    if let Some(command) = variant.command.as_ref().or(plan.command.as_ref()) {
        body["Cmd"] = json!(command);
    }
    if let Some(network) = network {
        body["HostConfig"]["NetworkMode"] = json!(network);
        body["NetworkingConfig"] = json!({ "EndpointsConfig": { network: { "Aliases": [name] } } });
    }
    body
}

impl Bench {
    /// The network of several containers, in which they know each other by the names of their plans.
    async fn network(&mut self) -> Result<String, Trouble> {
        if let Some(network) = &self.network {
            return Ok(network.clone());
        }
        let name = self.name("net");
        let body = json!({ "Name": name, "Driver": "bridge", "CheckDuplicate": true, "Labels": self.labels() });
        if let Err(error) = self.engine.create_network(body).await {
            return Err(self.trouble(error).await);
        }
        Ok(self.network.insert(name).clone())
    }

    /// What the Docker says of a container now; that it is gone is the session's loss.
    pub async fn inspect(&self, id: &str) -> Result<Inspection, Trouble> {
        match self.engine.inspect(id).await {
            Ok(found) => Ok(found),
            Err(error) if error.kind == ErrorKind::NotFound && self.lost().await.is_none() => Err(Trouble::new(
                "J_SESSION_LOST",
                "a container was removed while it was judged",
                "leave the judge's containers alone until it is done, or submit: then a fresh session is used",
            )),
            Err(error) if error.kind == ErrorKind::Unreachable && self.recovers().await => {
                match self.engine.inspect(id).await {
                    Ok(found) => Ok(found),
                    Err(error) => Err(self.trouble(error).await),
                }
            }
            Err(error) => Err(self.trouble(error).await),
        }
    }

    /// What is wrong with a container that has ended; `None` while it runs.
    pub async fn ended(&self, id: &str) -> Result<Option<Seen>, Trouble> {
        let inspection = self.inspect(id).await?;
        if inspection.container.state.is_up() {
            return Ok(None);
        }
        let (observed, mut found) = end(&inspection);
        let last = self.last_lines(&inspection.container).await?;
        if !last.is_empty() {
            found = found.found(last);
        }
        Ok(Some(Seen::of(observed, vec![found])))
    }

    /// The last lines that a container printed, in one.
    async fn last_lines(&self, container: &Container) -> Result<String, Trouble> {
        let lines = self.log(container, Some(40)).await?;
        let lines: Vec<&str> = lines.iter().map(|l| l.text.trim()).filter(|l| !l.is_empty()).collect();
        Ok(lines[lines.len().saturating_sub(LAST)..].join(" / "))
    }

    /// What a container printed, at most so many lines from the end and at most a mebibyte.
    pub async fn log(&self, container: &Container, tail: Option<u64>) -> Result<Vec<LogLine>, Trouble> {
        let ask = LogAsk { tail, ..LogAsk::default() };
        let tty = container.detail.as_ref().is_some_and(|detail| detail.tty);
        let read = async {
            let mut pieces = self.engine.logs(&container.id, &ask).await?;
            let mut reader = Reader::new(if tty { Shape::Plain } else { Shape::Framed }, 0);
            let mut bytes = 0;
            while let Some(piece) = pieces.next().await {
                let piece = piece?;
                bytes += piece.len();
                reader.feed(&piece);
                if bytes > LOG {
                    break;
                }
            }
            reader.end();
            let mut lines = Vec::new();
            while let Some(chunk) = reader.next_chunk() {
                lines.extend(
                    chunk
                        .lines()
                        .map(|line| LogLine { text: logs::plain(&line).into_owned(), stderr: line.flags.stderr }),
                );
            }
            Ok::<_, EngineError>(lines)
        };
        // A container that prints without end has a log that does so, too.
        match tokio::time::timeout(Duration::from_secs(10), read).await {
            Ok(Ok(lines)) => Ok(lines),
            Ok(Err(error)) => Err(self.trouble(error).await),
            Err(_) => Err(Trouble::new("J_DAEMON", "a container's log was not answered within 10 s", "judge again")),
        }
    }

    /// Lets checks find a container by a name that is no run plan's.
    pub(crate) fn adopt(&mut self, name: &str, id: &str) {
        self.runs.insert(name.to_owned(), Running { id: id.into(), since: Instant::now(), noted: 0 });
    }

    /// Forgets a container, which is removed.
    pub(crate) async fn drop_run(&mut self, key: &str) -> Result<(), Trouble> {
        let Some(running) = self.runs.remove(key) else { return Ok(()) };
        match self.engine.remove(&running.id, true, true).await {
            Err(error) if error.kind != ErrorKind::NotFound => Err(self.trouble(error).await),
            _ => Ok(()),
        }
    }

    /// Lets checks that ask for a container find another one in its place; answers with what stood there before.
    pub(crate) fn stand_in(&mut self, name: &str, other: Option<Running>) -> Option<Running> {
        match other {
            Some(other) => self.runs.insert(name.to_owned(), other),
            None => self.runs.remove(name),
        }
    }
}

/// How a container ended.
fn end(inspection: &Inspection) -> (String, Found) {
    let detail = inspection.container.detail.clone().unwrap_or_default();
    let code = inspection.raw["State"]["ExitCode"].as_i64().unwrap_or_default();
    let observed = format!("ended with exit code {code}");
    // Whether memory was the reason is told by some engines too late or not at all; but nobody else here kills.
    if detail.oom_killed || code == 137 {
        let limit = detail.memory_limit.map_or(String::new(), |m| format!(" of {}", crate::text::size(m)));
        let sure = if detail.oom_killed { "" } else { ", it seems," };
        return (
            observed,
            Found::new("RUN_OOM", format!("the container was killed because its memory{limit}{sure} ran out")),
        );
    }
    let why = match code {
        0 => ": its program came to its end, and a container lives no longer than that",
        126 => ": its program may not be executed",
        127 => ": its program was not found",
        139 => ": its program crashed (segmentation fault)",
        _ => "",
    };
    (observed, Found::new("RUN_EXITED", format!("the container ended with exit code {code}{why}")))
}

/// Puts what a container printed since the last time into the notes.
pub(crate) async fn note_log(case: &mut Case<'_>, key: &str) -> Result<(), Trouble> {
    let bench = case.bench()?;
    let Some(running) = bench.runs.get(key).cloned() else { return Ok(()) };
    let container = match bench.engine.inspect(&running.id).await {
        Ok(inspection) => inspection.container,
        // What is gone has no log.
        Err(_) => return Ok(()),
    };
    let lines = bench.log(&container, Some(2000)).await?;
    let text: String = lines.iter().flat_map(|line| [line.text.as_str(), "\n"]).collect();
    let new = text.get(running.noted..).unwrap_or_default().to_owned();
    if let Some(running) = bench.runs.get_mut(key) {
        running.noted = text.len();
    }
    case.printed.runtime.push(&new);
    Ok(())
}
