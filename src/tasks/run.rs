//! Carries jobs out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::process::Command;
use tokio::sync::{OwnedRwLockReadGuard, RwLock, mpsc};
use tokio::task::AbortHandle;

use crate::engine::{Engine, EngineError, ErrorKind};
use crate::logs::{SaveError, Saved};

use super::child::run_child;
use super::history::History;
use super::job::{Job, Named, Verb};
use super::record::{Outcome, TaskEvent, TaskId, Words};
use super::stack::on_stack;

/// Containers that are worked on at once.
const AT_ONCE: usize = 8;

/// What runs. Whoever takes a task out of here tells its end.
type Running = Arc<Mutex<HashMap<TaskId, (AbortHandle, Teller)>>>;

fn lock(running: &Running) -> MutexGuard<'_, HashMap<TaskId, (AbortHandle, Teller)>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries jobs out on one engine.
#[derive(Debug, Clone)]
pub struct Runner {
    engine: Engine,
    events: mpsc::UnboundedSender<TaskEvent>,
    running: Running,
    history: History,
    /// Held by what tasks have still to take back.
    busy: Arc<RwLock<()>>,
    /// Shared by the runners of one panel, so that a task keeps its number when the host is switched.
    next: Arc<AtomicU64>,
}

impl Runner {
    /// A runner whose tasks tell of themselves on `events`.
    pub fn new(engine: Engine, events: mpsc::UnboundedSender<TaskEvent>) -> Self {
        Self {
            engine,
            events,
            running: Arc::default(),
            history: History::usual(),
            busy: Arc::default(),
            next: Arc::default(),
        }
    }

    /// The same runner with another history.
    #[must_use]
    pub fn with_history(self, history: History) -> Self {
        Self { history, ..self }
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
        let command = crate::text::clean(&job.command_on(self.engine.endpoint())).into_owned();
        let teller = Teller { id, events: self.events.clone(), words: Words::default(), busy: self.busy.clone() };
        teller.send(TaskEvent::Started { id, title, command, at: Timestamp::now() });
        let (engine, running, told) = (self.engine.clone(), self.running.clone(), teller.clone());
        let history = self.history.clone();
        // Held until it is listed: it may end at once.
        let mut listed = lock(&self.running);
        let task = tokio::spawn(async move {
            let outcome = carry_out(&engine, &history, job, &told).await;
            let ended = lock(&running).remove(&id);
            if let Some((_, teller)) = ended {
                teller.end(outcome);
            }
        });
        listed.insert(id, (task.abort_handle(), teller));
        id
    }

    /// Cancels a task: what was not yet begun is not begun, child processes end.
    pub fn cancel(&self, id: TaskId) {
        let running = lock(&self.running).remove(&id);
        if let Some((handle, teller)) = running {
            handle.abort();
            teller.end(Outcome::Cancelled);
        }
    }

    /// Cancels everything.
    pub fn cancel_all(&self) {
        let ids: Vec<TaskId> = lock(&self.running).keys().copied().collect();
        for id in ids {
            self.cancel(id);
        }
    }

    /// Waits a while until cancelled tasks have taken back what they made.
    pub async fn settle(&self, patience: Duration) {
        // What is not taken back by then ends by itself, or is swept later.
        let _ = tokio::time::timeout(patience, self.busy.write()).await;
    }
}

/// Tells of one task.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    id: TaskId,
    events: mpsc::UnboundedSender<TaskEvent>,
    words: Words,
    busy: Arc<RwLock<()>>,
}

impl Teller {
    /// The task.
    pub(super) const fn id(&self) -> TaskId {
        self.id
    }

    /// While this is held, a panel that is left waits a while for what goes on after the task was cancelled.
    pub(super) fn busy(&self) -> Option<OwnedRwLockReadGuard<()>> {
        self.busy.clone().try_read_owned().ok()
    }

    fn send(&self, event: TaskEvent) {
        // Nobody listens once the panel is gone; then there is nobody to tell.
        let _ = self.events.send(event);
    }

    /// A line.
    pub(super) fn line(&self, text: impl AsRef<str>) {
        self.hold(text);
        self.pass_on();
    }

    /// A line that can wait for others.
    pub(super) fn hold(&self, text: impl AsRef<str>) {
        self.words.line(crate::text::clean(text.as_ref()).into_owned());
    }

    /// How far it is.
    pub(super) fn progress(&self, done: usize, total: usize, note: impl AsRef<str>) {
        self.at(done as u64, Some(total as u64), note);
        self.pass_on();
    }

    /// How far it is, when that can wait.
    pub(super) fn at(&self, done: u64, total: Option<u64>, note: impl AsRef<str>) {
        self.words.progress((done, total, crate::text::clean(note.as_ref()).into_owned()));
    }

    /// Tells what waited.
    pub(super) fn pass_on(&self) {
        if self.words.announce() {
            self.send(TaskEvent::Said { id: self.id, words: self.words.clone() });
        }
    }

    fn end(&self, outcome: Outcome) {
        self.pass_on();
        self.send(TaskEvent::Ended { id: self.id, outcome, at: Timestamp::now() });
    }
}

async fn carry_out(engine: &Engine, history: &History, job: Job, teller: &Teller) -> Outcome {
    let began = Instant::now();
    match job {
        Job::StartSession { spec, config } => super::session::start(engine, &config, &spec, teller, began).await,
        Job::StartLab { lab, owner, config, watch } => {
            super::lab::start(engine, history, &config, (&lab, &owner), &watch, teller, began).await
        }
        Job::ResetLab { lab, session } => super::lab::reset(engine, &lab, &session, teller).await,
        Job::UpdateLabs { config } => super::lab::update(&config, teller).await,
        Job::Judge { lab, site, owner, config, clean, watch } => {
            let ask = super::judging::JudgeAsk { lab, site: *site, owner, config, clean };
            super::judging::judge(ask, history, &watch, teller).await
        }
        Job::ExtendSession { session, seconds } => super::session::extend(engine, &session, seconds).await,
        Job::EndSessions { on } => super::session::end(engine, history, &on, teller).await,
        Job::Forward { session, port, local } => super::session::forward(engine, &session, port, local, teller).await,
        Job::Build { site, ask, watch } => super::workspace::build(&site, &ask, &watch, teller).await,
        Job::RunImage { site, image, name, options, watch } => {
            super::workspace::start(&site, (&image, &name), options.as_deref(), &watch, teller).await
        }
        Job::StopRun { site, container, .. } => super::workspace::stop(&site, &container).await,
        Job::Upload { site, from, to } => super::workspace::upload(&site, &from, &to, teller, began).await,
        Job::Download { site, path, to } => super::workspace::download(&site, &path, &to, teller, began).await,
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
        Job::Stack { verb, stack } => {
            on_stack(engine, verb, &stack, teller, began).await.unwrap_or_else(Outcome::Failed)
        }
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
            let to_engine = match engine.for_child() {
                Ok(to_engine) => to_engine,
                Err(e) => return Outcome::Failed(e),
            };
            child.envs(to_engine.env.clone());
            match run_child(child, teller).await {
                Ok(()) => Outcome::Done(format!("done in {}", seconds(began))),
                Err(e) => Outcome::Failed(e),
            }
        }
    }
}

pub(super) fn seconds(began: Instant) -> String {
    format!("{:.1} s", began.elapsed().as_secs_f64())
}

pub(super) async fn on_container(engine: &Engine, verb: &Verb, id: &str) -> Result<(), EngineError> {
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

/// How many parts went well, and which did not.
pub(super) type Parts = (usize, Vec<(String, EngineError)>);

/// Does something to each, some at once; a failure does not stop the rest.
async fn each<F>(teller: &Teller, on: &[Named], act: F) -> Parts
where
    F: Fn(Named) -> BoxFuture<'static, Result<(), EngineError>>,
{
    let mut parts = Parts::default();
    teller.progress(0, on.len(), "");
    each_of(teller, on, (&mut parts, on.len(), ""), act).await;
    parts
}

/// Does something to some of `total` things; how that went is added to `parts`.
pub(super) async fn each_of<F>(teller: &Teller, on: &[Named], (parts, total, note): (&mut Parts, usize, &str), act: F)
where
    F: Fn(Named) -> BoxFuture<'static, Result<(), EngineError>>,
{
    let mut work: Vec<BoxFuture<'static, (Named, Result<(), EngineError>)>> = Vec::new();
    for one in on.iter().cloned() {
        let doing = act(one.clone());
        work.push(Box::pin(async move { (one, doing.await) }));
    }
    let mut results = futures::stream::iter(work).buffer_unordered(AT_ONCE);
    while let Some((one, result)) = results.next().await {
        match result {
            Ok(()) => {
                parts.0 += 1;
                teller.line(format!("{}: done", one.name));
            }
            Err(e) => {
                let e = if is_gone(&e, &one) { EngineError::new(e.kind, "it is not there any more") } else { e };
                teller.line(format!("{}: {e}", one.name));
                parts.1.push((one.name, e));
            }
        }
        teller.progress(parts.0 + parts.1.len(), total, note);
    }
}

/// Whether the thing itself is missing, not a network that it needs: the engine says what it looked for.
fn is_gone(error: &EngineError, one: &Named) -> bool {
    let looked_for = |name: &str| error.message.contains(name);
    error.kind == ErrorKind::NotFound && (looked_for(&one.id) || looked_for(&format!("No such image: {}", one.name)))
}

pub(super) fn summed((done, mut failed): Parts, verb: &str, what: &str, began: Instant) -> Outcome {
    match (done, failed.len()) {
        (_, 0) => Outcome::Done(format!("{verb} {} in {}", crate::text::count(done, what), seconds(began))),
        (0, 1) => Outcome::Failed(failed.remove(0).1),
        _ => Outcome::Partly { done, failed },
    }
}
