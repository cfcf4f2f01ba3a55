//! Runs an image that was just built as the one container of its workspace, and says in words what prevents that.
//!
//! A run bears the label [`LABEL`] with the name of its workspace; nothing else is kept of it anywhere. The next run
//! of the workspace replaces it. [`start`] makes and starts the container and watches it for its first seconds,
//! in which most of what is wrong shows; [`verdict`] says the same of one that ended later, and [`look`] of one that
//! runs but does not answer. The words are made by [`explain`] and [`explain_silence`] from facts alone.

mod ended;
mod explain;
mod listen;
mod options;
mod place;
mod refused;
mod silence;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::StreamExt;
use serde::{Deserialize, Serialize};

use crate::engine::model::{Container, Id, Inspection, State};
use crate::engine::request::{Answer, Ask, Reach, Silence};
use crate::engine::{Address, Engine, EngineError, ErrorKind, ExecAsk, LogAsk};
use crate::logs::{self, Reader, Shape};

pub use explain::{End, Facts, Place, Trouble, explain, port_in};
pub use listen::{Listener, listeners};
pub use options::{ImageFacts, Options, Port, Texts, Wrong, docker_command};
pub use silence::explain_silence;

/// The label of a container that is a run: the workspace it belongs to.
pub const LABEL: &str = "dev.ondeck.run";
/// How long a run is watched for an early end.
const FIRST: Duration = Duration::from_secs(3);
/// How often it is looked at meanwhile.
const LOOKS: u32 = 3;
/// How long a run may take to end whose connection broke.
const LAST: Duration = Duration::from_secs(1);
/// How long a run that is replaced may take to stop.
const GRACE: i32 = 5;
/// The last lines of a log that are read for a reason.
const LINES: u64 = 80;

/// A run that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The image: a tag or an identifier.
    pub image: String,
    /// The container's name.
    pub name: String,
    /// The workspace it belongs to.
    pub workspace: String,
    /// How it is run.
    pub options: Options,
}

/// A run that was started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// Its container.
    pub container: Container,
    /// What is wrong although it runs, such as that it listens on another port than the published one.
    pub warning: Option<Trouble>,
}

/// What came of a start.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It runs, and has for some seconds.
    Running(Run),
    /// It ended within the first seconds; its container is kept, with its log.
    Ended(Run, Trouble),
    /// It did not start; nothing of it is left.
    Failed(Trouble),
    /// It was not wanted any more; nothing of it is left.
    Cancelled,
}

/// Starts an image in place of its workspace's run before. Called again with the same plan it runs it anew.
/// `tell` hears what is being done. Where this is dropped before its end, the next start replaces what it made.
pub async fn start(
    engine: &Engine,
    plan: &Plan,
    tell: &(dyn Fn(String) + Send + Sync),
    cancel: impl Future<Output = ()>,
) -> Outcome {
    let mut made = None;
    let outcome = tokio::select! {
        outcome = begin(engine, plan, tell, &mut made) => outcome,
        () = cancel => Outcome::Cancelled,
    };
    if matches!(outcome, Outcome::Cancelled | Outcome::Failed(_))
        && let Err(error) = take_back(engine, plan, made.as_ref(), outcome == Outcome::Cancelled).await
    {
        tell(format!("{} cannot be removed: {error}", plan.name));
    }
    outcome
}

/// Removes what was made for a run that is none, also when the answer to its making was not waited for.
async fn take_back(engine: &Engine, plan: &Plan, made: Option<&Id>, cancelled: bool) -> Result<(), EngineError> {
    let half = |c: &Container| {
        c.state == State::Created && c.name == plan.name && c.labels.get(LABEL) == Some(&plan.workspace)
    };
    let id = match made {
        Some(id) => Some(id.clone()),
        None if !cancelled => None,
        None => engine.containers().await?.into_iter().find(half).map(|c| c.id),
    };
    match id {
        Some(id) => gone(engine, &id).await,
        None => Ok(()),
    }
}

/// Removes a container; one that is gone already is fine.
async fn gone(engine: &Engine, id: &str) -> Result<(), EngineError> {
    match engine.remove(id, true, true).await {
        Err(e) if e.kind == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

async fn begin(engine: &Engine, plan: &Plan, tell: &(dyn Fn(String) + Send + Sync), made: &mut Option<Id>) -> Outcome {
    let image = match engine.inspect_image(&plan.image).await {
        Ok(image) => ImageFacts::of(&image),
        Err(error) => return Outcome::Failed(failed(engine, plan, &ImageFacts::default(), &error, None).await),
    };
    if let Err(error) = replace(engine, plan, tell).await {
        return Outcome::Failed(failed(engine, plan, &image, &error, None).await);
    }
    tell(docker_command(&plan.options, &plan.image, &plan.name));
    let body = plan.options.body(&plan.image, &plan.workspace);
    let id = match engine.create_container(&plan.name, body).await {
        Ok(id) => id,
        Err(error) => return Outcome::Failed(failed(engine, plan, &image, &error, None).await),
    };
    *made = Some(id.clone());
    if let Err(error) = engine.start(&id).await {
        return Outcome::Failed(failed(engine, plan, &image, &error, Some(&id)).await);
    }
    tell(format!("{} is started", plan.name));
    match watch(engine, plan, &image, &id).await {
        Ok(outcome) => outcome,
        // It runs; that nobody could look is another matter.
        Err(error) => {
            let container = Container { id, name: plan.name.clone(), ..Container::default() };
            Outcome::Running(Run { container, warning: Some(Trouble::of_engine(&error)) })
        }
    }
}

/// Watches the first seconds.
async fn watch(engine: &Engine, plan: &Plan, image: &ImageFacts, id: &str) -> Result<Outcome, EngineError> {
    let mut inspection = engine.inspect(id).await?;
    let tcp = || plan.options.ports.iter().filter(|p| !p.udp).map(|p| p.container);
    for _ in 0..LOOKS {
        match engine.wait(id, FIRST / LOOKS).await {
            Err(e) if e.kind != ErrorKind::Timeout => return Err(e),
            _ => {}
        }
        inspection = engine.inspect(id).await?;
        let open = |found: &[Listener]| tcp().all(|port| found.iter().any(|l| l.port == port && !l.loopback));
        // What serves already is past its beginning.
        let up = inspection.container.state.is_up();
        if !up || (tcp().next().is_some() && found(engine, &inspection).await.is_some_and(|f| open(&f))) {
            break;
        }
    }
    let container = inspection.container.clone();
    if !container.state.is_up() {
        let trouble = ended(engine, &inspection, image, &plan.options).await?;
        return Ok(Outcome::Ended(Run { container, warning: None }, trouble));
    }
    let published: Vec<u16> = tcp().collect();
    let mut warning = None;
    // What listens nowhere yet may be slow to begin.
    if let Some(found) = found(engine, &inspection).await.filter(|f| !f.is_empty() && !published.is_empty())
        && !published.iter().any(|port| found.iter().any(|l| l.port == *port && !l.loopback))
    {
        let port = published.iter().find(|p| found.iter().any(|l| l.port == **p)).unwrap_or(&published[0]);
        warning = Some(explain_silence(&Silence::Refused, *port, Some(&found), image, &plan.options));
    }
    Ok(Outcome::Running(Run { container, warning }))
}

/// Removes the workspace's run before. What merely has the wanted name is somebody else's, and stays.
async fn replace(engine: &Engine, plan: &Plan, tell: &(dyn Fn(String) + Send + Sync)) -> Result<(), EngineError> {
    let all = engine.containers().await?;
    for old in all.iter().filter(|c| c.labels.get(LABEL) == Some(&plan.workspace)) {
        tell(format!("removing {}, which ran before", old.name));
        if old.state.is_up() {
            stop(engine, &old.id, Some(GRACE)).await?;
        }
        gone(engine, &old.id).await?;
    }
    Ok(())
}

/// Stops a run: SIGTERM, then SIGKILL after `patience` seconds (ten when `None`). Its container is kept, with its log.
pub async fn stop(engine: &Engine, container: &str, patience: Option<i32>) -> Result<(), EngineError> {
    match engine.stop(container, patience).await {
        // Gone meanwhile is stopped, too.
        Err(e) if e.kind == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Why a run ended; `None` while it runs.
pub async fn verdict(engine: &Engine, container: &str, options: &Options) -> Result<Option<Trouble>, EngineError> {
    let inspection = engine.inspect(container).await?;
    if inspection.container.state.is_up() {
        return Ok(None);
    }
    let image = image_of(engine, &inspection.container).await;
    ended(engine, &inspection, &image, options).await.map(Some)
}

/// Asks what a run serves. The request's port is one of the container's, or one it is published at.
///
/// # Errors
/// Why there is no answer: it has ended, listens elsewhere, or does not speak.
pub async fn look(engine: &Engine, container: &str, ask: &Ask, options: &Options) -> Result<Answer, Trouble> {
    let inspection = engine.inspect(container).await.map_err(|e| Trouble::of_engine(&e))?;
    let run = &inspection.container;
    let image = image_of(engine, run).await;
    if !run.state.is_up() {
        return Err(ended(engine, &inspection, &image, options).await.unwrap_or_else(|e| Trouble::of_engine(&e)));
    }
    let at = |p: &&crate::engine::model::Port| p.host == Some(ask.port) && p.protocol == "tcp";
    let port = run.ports.iter().find(at).map_or(ask.port, |p| p.container);
    let asked = match Reach::of(engine.endpoint(), run, port) {
        Ok(reach) => engine.request(&reach, ask).await,
        Err(error) => Err(Silence::NoWay(error)),
    };
    let silence = match asked {
        Ok(answer) => return Ok(answer),
        Err(silence) => silence,
    };
    // It may have ended of this very request, which its engine learns a moment later than its client.
    if matches!(silence, Silence::Broke(_) | Silence::Refused) {
        match engine.wait(&run.id, LAST).await {
            Err(e) if e.kind != ErrorKind::Timeout => return Err(Trouble::of_engine(&e)),
            _ => {}
        }
    }
    let found = found(engine, &inspection).await;
    match engine.inspect(container).await {
        Ok(now) if !now.container.state.is_up() => {
            Err(ended(engine, &now, &image, options).await.unwrap_or_else(|e| Trouble::of_engine(&e)))
        }
        Ok(_) => Err(explain_silence(&silence, port, found.as_deref(), &image, options)),
        Err(e) => Err(Trouble::of_engine(&e)),
    }
}

async fn image_of(engine: &Engine, container: &Container) -> ImageFacts {
    // An image that is gone explains less; that is no reason to explain nothing.
    engine.inspect_image(&container.image_id).await.map(|i| ImageFacts::of(&i)).unwrap_or_default()
}

/// Why it was not made or not started.
async fn failed(engine: &Engine, plan: &Plan, image: &ImageFacts, error: &EngineError, id: Option<&Id>) -> Trouble {
    let containers = engine.containers().await.unwrap_or_default();
    let port = explain::port_in(&error.message);
    let holds = |c: &&Container| c.ports.iter().any(|p| p.host.is_some() && p.host == port);
    let script = match (id, explain::program_in(&error.message)) {
        (Some(id), Some(program)) => first_line(engine, id, plan.options.dir_in(image), &program).await,
        _ => None,
    };
    explain(&Facts {
        error: Some(error),
        image,
        image_name: &plan.image,
        options: &plan.options,
        holder: containers.iter().find(holds).map(|c| c.name.as_str()),
        script: script.as_deref(),
        inside: matches!(engine.endpoint().address, Address::Inside { .. }),
        ..Facts::default()
    })
}

/// Why it ended.
async fn ended(
    engine: &Engine,
    inspection: &Inspection,
    image: &ImageFacts,
    options: &Options,
) -> Result<Trouble, EngineError> {
    let container = &inspection.container;
    let detail = container.detail.clone().unwrap_or_default();
    let log = last_lines(engine, container, detail.tty).await?;
    // Old engines do not name the program.
    let nameless = || log.iter().any(|line| line.contains("exec user process caused"));
    let first = || image.entrypoint.iter().chain(options.command.as_ref().unwrap_or(&image.command)).next().cloned();
    let named = log.iter().rev().find_map(|line| explain::program_in(line));
    let script = match named.or_else(|| nameless().then(first).flatten()) {
        Some(program) => first_line(engine, &container.id, options.dir_in(image), &program).await,
        None => None,
    };
    let code = inspection.raw["State"]["ExitCode"].as_i64().unwrap_or_default();
    let end = End { code, oom_killed: detail.oom_killed, started: container.state != State::Created };
    Ok(explain(&Facts {
        error: (!detail.error.is_empty()).then(|| EngineError::new(ErrorKind::Other, &detail.error)).as_ref(),
        end: Some(end),
        image,
        image_name: &container.image,
        options,
        log: &log,
        script: script.as_deref(),
        inside: matches!(engine.endpoint().address, Address::Inside { .. }),
        ..Facts::default()
    }))
}

/// The first line of a file in a container, as seen from its working directory.
async fn first_line(engine: &Engine, container: &str, dir: &str, path: &str) -> Option<String> {
    let path = std::path::Path::new("/").join(dir).join(path);
    let start = engine.file_start(container, &path.to_string_lossy(), 256).await.ok()??;
    let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
    // Kept as it is: what matters of it may be a character that cannot be seen.
    Some(String::from_utf8_lossy(line).into_owned())
}

/// The last lines that it printed.
async fn last_lines(engine: &Engine, container: &Container, tty: bool) -> Result<Vec<String>, EngineError> {
    let ask = LogAsk { tail: Some(LINES), ..LogAsk::default() };
    let mut pieces = engine.logs(&container.id, &ask).await?;
    let mut reader = Reader::new(if tty { Shape::Plain } else { Shape::Framed }, 0);
    while let Some(piece) = pieces.next().await {
        reader.feed(&piece?);
    }
    reader.end();
    let mut lines = Vec::new();
    while let Some(chunk) = reader.next_chunk() {
        lines.extend((0..chunk.len()).filter_map(|n| chunk.line(n)).map(|line| logs::plain(&line).into_owned()));
    }
    Ok(lines)
}

/// Where its processes listen; `None` when that cannot be seen.
async fn found(engine: &Engine, inspection: &Inspection) -> Option<Vec<Listener>> {
    let container = &inspection.container;
    let ask = ExecAsk { user: Some("0".into()), ..ExecAsk::of(["cat", "/proc/net/tcp", "/proc/net/tcp6"]) };
    // Without IPv6 the second file is missing, and the first is enough.
    if let Ok(ran) = engine.exec_run(&container.id, &ask).await
        && ran.out.starts_with(b"  sl")
    {
        return Some(listeners(&String::from_utf8_lossy(&ran.out)));
    }
    // An image without programs. Whoever is beside the engine sees the same: this machine, or the session it is in.
    let pid = container.detail.as_ref()?.pid?;
    let files = ["tcp", "tcp6"].map(|file| format!("/proc/{pid}/net/{file}"));
    let text = match &engine.endpoint().address {
        Address::Unix(_) => {
            std::fs::read_to_string(&files[0]).ok()? + &std::fs::read_to_string(&files[1]).unwrap_or_default()
        }
        Address::Inside { via, container, .. } => {
            let ask = ExecAsk::of(std::iter::once("cat").chain(files.iter().map(String::as_str)));
            let ran = Engine::connect(via).ok()?.exec_run(container, &ask).await.ok()?;
            String::from_utf8_lossy(&ran.out).into_owned()
        }
        _ => return None,
    };
    text.starts_with("  sl").then(|| listeners(&text))
}
