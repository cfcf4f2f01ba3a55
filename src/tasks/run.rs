//! Carries jobs out.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::engine::model::{Health, Id, State};
use crate::engine::{Engine, EngineError, ErrorKind};
use crate::fleet::Stack;
use crate::logs::{SaveError, Saved};
use crate::stacks;

use super::job::{Job, Named, StackVerb, Verb};
use super::record::{Outcome, TaskEvent, TaskId};

/// Containers that are worked on at once.
const AT_ONCE: usize = 8;
/// How long a restart waits for a service to become healthy before it goes on.
const PATIENCE: Duration = Duration::from_secs(90);

/// Carries jobs out on one engine.
#[derive(Debug, Clone)]
pub struct Runner {
    engine: Engine,
    events: mpsc::UnboundedSender<TaskEvent>,
    running: Arc<Mutex<HashMap<TaskId, AbortHandle>>>,
    /// Shared by the runners of one panel, so that a task keeps its number when the host is switched.
    next: Arc<AtomicU64>,
}

impl Runner {
    /// A runner whose tasks tell of themselves on `events`.
    pub fn new(engine: Engine, events: mpsc::UnboundedSender<TaskEvent>) -> Self {
        Self { engine, events, running: Arc::default(), next: Arc::default() }
    }

    /// The same runner for another engine; what runs goes on on the old one.
    #[must_use]
    pub fn on(&self, engine: Engine) -> Self {
        Self { engine, ..self.clone() }
    }

    /// Starts a job.
    pub fn run(&self, job: Job) -> TaskId {
        let id = TaskId(self.next.fetch_add(1, Ordering::Relaxed));
        let title = crate::text::clean(&job.title()).into_owned();
        let command = crate::text::clean(&job.command()).into_owned();
        let teller = Teller { id, events: self.events.clone() };
        teller.send(TaskEvent::Started { id, title, command, at: Timestamp::now() });
        let (engine, running) = (self.engine.clone(), self.running.clone());
        let task = tokio::spawn(async move {
            let outcome = carry_out(&engine, job, &teller).await;
            teller.send(TaskEvent::Ended { id, outcome, at: Timestamp::now() });
            if let Ok(mut running) = running.lock() {
                running.remove(&id);
            }
        });
        if !task.is_finished()
            && let Ok(mut running) = self.running.lock()
        {
            running.insert(id, task.abort_handle());
        }
        id
    }

    /// Cancels a task: what was not yet begun is not begun, child processes end.
    pub fn cancel(&self, id: TaskId) {
        let handle = self.running.lock().ok().and_then(|mut r| r.remove(&id));
        if let Some(handle) = handle.filter(|h| !h.is_finished()) {
            handle.abort();
            let teller = Teller { id, events: self.events.clone() };
            teller.send(TaskEvent::Ended { id, outcome: Outcome::Cancelled, at: Timestamp::now() });
        }
    }

    /// Cancels everything.
    pub fn cancel_all(&self) {
        let ids: Vec<TaskId> = self.running.lock().map(|r| r.keys().copied().collect()).unwrap_or_default();
        for id in ids {
            self.cancel(id);
        }
    }
}

/// Tells of one task.
#[derive(Clone)]
struct Teller {
    id: TaskId,
    events: mpsc::UnboundedSender<TaskEvent>,
}

impl Teller {
    fn send(&self, event: TaskEvent) {
        // Nobody listens once the panel is gone; then there is nobody to tell.
        let _ = self.events.send(event);
    }

    fn line(&self, text: impl AsRef<str>) {
        self.send(TaskEvent::Line { id: self.id, text: crate::text::clean(text.as_ref()).into_owned() });
    }

    fn progress(&self, done: usize, total: usize, note: impl Into<String>) {
        self.send(TaskEvent::Progress { id: self.id, done: done as u64, total: Some(total as u64), note: note.into() });
    }
}

async fn carry_out(engine: &Engine, job: Job, teller: &Teller) -> Outcome {
    let began = Instant::now();
    match job {
        Job::Containers { verb, on } => {
            let done = verb.words().1;
            let result = each(teller, &on, |one| {
                let (engine, verb) = (engine.clone(), verb.clone());
                Box::pin(async move { on_container(&engine, &verb, &one.id).await })
            })
            .await;
            summed(result, done, "container", began)
        }
        Job::Rename { container, to } => match engine.rename(&container.id, &to).await {
            Ok(()) => Outcome::Done(format!("it is called {to} now")),
            Err(e) => Outcome::Failed(e),
        },
        Job::RemoveImages { on, force } => {
            let result = each(teller, &on, |one| {
                let (engine, teller) = (engine.clone(), teller.clone());
                // By name where it has one: then only that tag goes, as with the docker CLI.
                Box::pin(async move {
                    for line in engine.remove_image(&one.name, force).await? {
                        teller.line(line);
                    }
                    Ok(())
                })
            })
            .await;
            summed(result, "removed", "image", began)
        }
        Job::RemoveNetworks { on } => {
            let result = each(teller, &on, |one| {
                let engine = engine.clone();
                Box::pin(async move { engine.remove_network(&one.id).await })
            })
            .await;
            summed(result, "removed", "network", began)
        }
        Job::RemoveVolumes { on } => {
            let result = each(teller, &on, |one| {
                let engine = engine.clone();
                Box::pin(async move { engine.remove_volume(&one.id, false).await })
            })
            .await;
            summed(result, "removed", "volume", began)
        }
        Job::Prune { what, .. } => match engine.prune(what).await {
            Ok(pruned) => {
                pruned.removed.iter().for_each(|r| teller.line(r));
                let freed = if pruned.freed > 0 {
                    format!(", {} free", crate::text::size(pruned.freed))
                } else {
                    String::new()
                };
                Outcome::Done(format!("removed {}{freed}", crate::text::count(pruned.removed.len(), "thing")))
            }
            Err(e) => Outcome::Failed(e),
        },
        Job::Stack { verb, stack } => match on_stack(engine, verb, &stack, teller).await {
            Ok(summary) => Outcome::Done(format!("{summary} in {}", seconds(began))),
            Err(e) => Outcome::Failed(e),
        },
        Job::SaveLogs { on, path } => {
            let told = |saved: Saved| teller.progress(0, 0, format!("{} lines", saved.lines));
            match crate::logs::save(engine, &on, &path, false, told).await {
                Ok(saved) => Outcome::Done(format!(
                    "{} lines, {} in {}",
                    saved.lines,
                    crate::text::size(saved.bytes),
                    path.display()
                )),
                Err(SaveError::Engine(e)) => Outcome::Failed(e),
                Err(e @ SaveError::Exists(_)) => Outcome::Failed(
                    EngineError::new(ErrorKind::Conflict, e.to_string()).with_hint("choose another name"),
                ),
                Err(e) => Outcome::Failed(EngineError::new(ErrorKind::Other, e.to_string())),
            }
        }
        Job::Custom { command, .. } => {
            let mut child = Command::new("sh");
            child.arg("-c").arg(&command);
            child.envs(engine.endpoint().docker_env());
            match run_child(child, teller).await {
                Ok(()) => Outcome::Done(format!("done in {}", seconds(began))),
                Err(e) => Outcome::Failed(e),
            }
        }
    }
}

fn seconds(began: Instant) -> String {
    format!("{:.1} s", began.elapsed().as_secs_f64())
}

async fn on_container(engine: &Engine, verb: &Verb, id: &str) -> Result<(), EngineError> {
    match verb {
        Verb::Start => engine.start(id).await,
        Verb::Stop => engine.stop(id, None).await,
        Verb::Restart => engine.restart(id, None).await,
        Verb::Pause => engine.pause(id).await,
        Verb::Unpause => engine.unpause(id).await,
        Verb::Kill { signal } => engine.kill(id, signal).await,
        Verb::Remove { force, volumes } => match engine.remove(id, *force, *volumes).await {
            // Someone else was quicker; what was wanted is so.
            Err(e) if e.kind == ErrorKind::NotFound => Ok(()),
            other => other,
        },
    }
}

type Parts = (usize, Vec<(String, EngineError)>);

/// Does something to each, some at once; a failure does not stop the rest.
async fn each<F>(teller: &Teller, on: &[Named], act: F) -> Parts
where
    F: Fn(Named) -> BoxFuture<'static, Result<(), EngineError>>,
{
    teller.progress(0, on.len(), "");
    let mut work: Vec<BoxFuture<'static, (String, Result<(), EngineError>)>> = Vec::new();
    for one in on {
        let (name, doing) = (one.name.clone(), act(one.clone()));
        work.push(Box::pin(async move { (name, doing.await) }));
    }
    let mut results = futures::stream::iter(work).buffer_unordered(AT_ONCE);
    let (mut done, mut failed) = (0, Vec::new());
    while let Some((name, result)) = results.next().await {
        match result {
            Ok(()) => {
                done += 1;
                teller.line(format!("{name}: done"));
            }
            Err(e) => {
                let e = if e.kind == ErrorKind::NotFound {
                    EngineError::new(e.kind, "it is not there any more")
                } else {
                    e
                };
                teller.line(format!("{name}: {e}"));
                failed.push((name, e));
            }
        }
        teller.progress(done + failed.len(), on.len(), "");
    }
    (done, failed)
}

fn summed((done, mut failed): Parts, verb: &str, what: &str, began: Instant) -> Outcome {
    match (done, failed.len()) {
        (_, 0) => Outcome::Done(format!("{verb} {} in {}", crate::text::count(done, what), seconds(began))),
        (0, 1) => Outcome::Failed(failed.remove(0).1),
        _ => Outcome::Partly { done, failed },
    }
}

async fn on_stack(engine: &Engine, verb: StackVerb, stack: &Stack, teller: &Teller) -> Result<String, EngineError> {
    if matches!(verb, StackVerb::Up | StackVerb::Pull) {
        stacks::check_files(stack)?;
        let compose = stacks::compose().await?;
        let mut child = Command::new(&compose[0]);
        child.args(&compose[1..]).args(stacks::arguments(stack)).arg(verb.word());
        if verb == StackVerb::Up {
            child.arg("--detach");
        }
        child.envs(engine.endpoint().docker_env());
        run_child(child, teller).await?;
        return Ok(if verb == StackVerb::Up { "up" } else { "pulled" }.to_owned());
    }
    let order = stacks::order(stack, &stacks::depends_on(stack));
    if !order.circle.is_empty() {
        teller.line(format!("{} wait for each other; their order is by name", order.circle.join(", ")));
    }
    let mut waves: Vec<Vec<Named>> = Vec::new();
    for wave in &order.waves {
        let services = stack.services.iter().filter(|s| wave.contains(&s.name));
        waves.push(
            services.flat_map(|s| &s.containers).map(|c| Named { id: c.id.clone(), name: c.name.clone() }).collect(),
        );
    }
    let total: usize = waves.iter().map(Vec::len).sum();
    let backwards = matches!(verb, StackVerb::Stop | StackVerb::Down);
    if backwards {
        waves.reverse();
    }
    let action = match verb {
        StackVerb::Restart => Verb::Restart,
        StackVerb::Stop => Verb::Stop,
        StackVerb::Down => Verb::Remove { force: true, volumes: true },
        _ => Verb::Start,
    };
    let mut done = 0;
    let last = waves.len().saturating_sub(1);
    for (i, wave) in waves.iter().enumerate() {
        let names: Vec<&str> = wave.iter().map(|n| n.name.as_str()).collect();
        teller.progress(done, total, format!("{} {}", action.words().0, names.join(", ")));
        let mut work = Vec::new();
        for one in wave {
            let (engine, action, one) = (engine.clone(), action.clone(), one.clone());
            work.push(async move {
                if verb == StackVerb::Down {
                    // Asked to end before it is removed, as compose does.
                    match engine.stop(&one.id, None).await {
                        Err(e) if e.kind != ErrorKind::NotFound => return Err((one.name.clone(), e)),
                        _ => {}
                    }
                }
                on_container(&engine, &action, &one.id).await.map_err(|e| (one.name.clone(), e))
            });
        }
        for result in futures::future::join_all(work).await {
            match result {
                Ok(()) => done += 1,
                Err((name, e)) => {
                    return Err(EngineError::new(e.kind, format!("{name}: {}", e.message)).with_hint(e.hint));
                }
            }
        }
        teller.line(format!("{}: {}", action.words().1, names.join(", ")));
        if !backwards && i < last {
            for one in wave {
                wait_until_ready(engine, &one.id, &one.name, teller, (done, total)).await?;
            }
        }
    }
    if verb == StackVerb::Down {
        let ours = engine.networks().await?;
        for network in ours.iter().filter(|n| n.labels.get("com.docker.compose.project") == Some(&stack.name)) {
            engine.remove_network(&network.id).await?;
            teller.line(format!("removed network {}", network.name));
        }
    }
    Ok(format!("{} {}", action.words().1, crate::text::count(done, "container")))
}

/// Waits until a container runs, and is healthy where it can tell. One that does not get there is told
/// of, and the rest goes on: what depends on it decides for itself.
async fn wait_until_ready(
    engine: &Engine,
    id: &Id,
    name: &str,
    teller: &Teller,
    (done, total): (usize, usize),
) -> Result<(), EngineError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let container = engine.inspect(id).await?.container;
        match (container.state, container.health) {
            (State::Running, Health::Starting) => {}
            (State::Running, Health::Unhealthy) => {
                teller.line(format!("{name} is unhealthy; going on without it"));
                return Ok(());
            }
            (State::Running | State::Paused, _) => return Ok(()),
            // It ran to its end, or fails: nothing to wait for.
            _ => {
                teller.line(format!("{name} is {}; going on without it", container.state.word()));
                return Ok(());
            }
        }
        if Instant::now() >= until {
            teller.line(format!("{name} is not healthy after {} s; going on without it", PATIENCE.as_secs()));
            return Ok(());
        }
        teller.progress(done, total, format!("waiting for {name} to be healthy"));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Ends the whole group of a child when the task is cancelled.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0.and_then(|p| i32::try_from(p).ok()).and_then(rustix::process::Pid::from_raw) {
            // It may have ended by itself in this moment.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::TERM);
        }
    }
}

/// Runs a child to its end; every line it says becomes a line of the task.
async fn run_child(mut command: Command, teller: &Teller) -> Result<(), EngineError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child =
        command.spawn().map_err(|e| EngineError::new(ErrorKind::Config, format!("{program} cannot be run: {e}")))?;
    let mut group = Group(child.id());
    let last = Mutex::new(String::new());
    let stdout = child.stdout.take().map(|p| Box::new(p) as Box<dyn AsyncRead + Send + Unpin>);
    let stderr = child.stderr.take().map(|p| Box::new(p) as Box<dyn AsyncRead + Send + Unpin>);
    futures::join!(read_lines(stdout, teller, &last), read_lines(stderr, teller, &last));
    let status = child.wait().await;
    group.0 = None;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let said = last.into_inner().unwrap_or_default();
            let words = status.code().map_or_else(|| "was killed".to_owned(), |c| format!("ended with {c}"));
            Err(EngineError::new(ErrorKind::Other, format!("{program} {words}: {said}")))
        }
        Err(e) => Err(EngineError::new(ErrorKind::Other, format!("{program}: {e}"))),
    }
}

/// Every line of a pipe becomes a line of the task.
async fn read_lines(pipe: Option<Box<dyn AsyncRead + Send + Unpin>>, teller: &Teller, last: &Mutex<String>) {
    let Some(pipe) = pipe else { return };
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(n) = reader.read_until(b'\n', &mut line).await {
        if n == 0 {
            break;
        }
        // Progress bars go back to the beginning of their line: the last state counts.
        let text = String::from_utf8_lossy(&line);
        let text = crate::logs::harmless(text.trim_end().rsplit('\r').next().unwrap_or_default());
        if !text.trim().is_empty() {
            teller.line(&text);
            teller.send(TaskEvent::Progress { id: teller.id, done: 0, total: None, note: text.clone() });
            if let Ok(mut last) = last.lock() {
                *last = text;
            }
        }
        line.clear();
    }
}
