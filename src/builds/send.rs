//! From a folder to an image, or to why there is none.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;

use super::context::{Context, LARGE, Sending, Source};
use super::failure::{self, Failure};
use super::layers::{self, Built};
use super::steps::{Build, BuildEvent, StepState, one_line};
use super::{classic, trace};
use crate::dockerfile::ignore::Rules;
use crate::engine::{BuildAsk, BuildSaid, Builder, Engine, EngineError, ErrorKind, Result};

/// How a build ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// There is an image.
    Built(Box<Built>),
    /// There is none.
    Failed(Box<Failure>),
    /// It was cancelled.
    Cancelled,
}

/// Lines of a step that are kept for the words of a failure.
const KEPT: usize = 40;
/// How often it is told how much was sent.
const OFTEN: Duration = Duration::from_millis(100);

/// Builds an image on `engine` from a folder, which may be another engine's. All that happens is told, the end, too.
/// When `cancel` comes first, or this is dropped, the engine ends the build.
pub async fn build(
    engine: &Engine,
    source: &Source,
    ask: &BuildAsk,
    mut tell: impl FnMut(BuildEvent) + Send,
    cancel: impl Future<Output = ()> + Send,
) -> Ended {
    let mut run = Run { build: Build::new(Timestamp::now()).keeping(KEPT), tell: &mut tell };
    let ended = tokio::select! {
        biased;
        () = cancel => Ended::Cancelled,
        ended = run.whole(engine, source, ask) => ended,
    };
    run.tell(match &ended {
        Ended::Built(built) => BuildEvent::Built(built.clone()),
        Ended::Failed(failure) => BuildEvent::Failed(failure.clone()),
        Ended::Cancelled => BuildEvent::Cancelled,
    });
    ended
}

/// Ends a build of BuildKit's on the engine unless it came to its end.
struct Guard {
    engine: Engine,
    id: Option<String>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else { return };
        let engine = self.engine.clone();
        // The connection has been closed as well, which says the same to an engine that is slow to answer this.
        runtime.spawn(async move { engine.cancel_build(&id).await });
    }
}

struct Run<'a> {
    build: Build,
    tell: &'a mut (dyn FnMut(BuildEvent) + Send),
}

impl Run<'_> {
    fn tell(&mut self, event: BuildEvent) {
        self.build.take(event.clone(), Timestamp::now());
        (self.tell)(event);
    }

    async fn whole(&mut self, engine: &Engine, source: &Source, ask: &BuildAsk) -> Ended {
        let builder = match ask.builder {
            Some(builder) => Ok(builder),
            None => engine.builder().await,
        };
        let mut builder = match builder {
            Ok(builder) => builder,
            Err(e) => return self.failed(None, &e),
        };
        loop {
            let rules = match builder {
                Builder::BuildKit => Rules::BuildKit,
                Builder::Classic => Rules::Classic,
            };
            let context = match Context::look(source, ask.dockerfile(), rules).await {
                Ok(context) => context,
                Err(e) => return self.failed(None, &e),
            };
            match self.with(engine, &context, ask, builder).await {
                Err(e) if builder == Builder::BuildKit && ask.builder.is_none() && self.has_no_buildkit(&e) => {
                    self.tell(BuildEvent::Note(format!(
                        "BuildKit cannot be used here ({}); the classic builder is",
                        e.message
                    )));
                    builder = Builder::Classic;
                }
                Err(e) => return self.failed(Some(&context), &e),
                Ok(built) => return Ended::Built(Box::new(built)),
            }
        }
    }

    fn failed(&self, context: Option<&Context>, error: &EngineError) -> Ended {
        Ended::Failed(Box::new(failure::explain(&self.build, context, error)))
    }

    /// Whether the engine failed before any step because it has no BuildKit.
    fn has_no_buildkit(&self, error: &EngineError) -> bool {
        let said = error.message.to_lowercase();
        let about = said.contains("buildkit") || said.contains("builder version") || said.contains("version 2");
        about
            && ["not supported", "unsupported", "not available", "disabled", "not enabled", "unknown", "invalid"]
                .iter()
                .any(|w| said.contains(w))
            && !self.build.steps.iter().any(|s| !s.internal && s.state != StepState::Waiting)
    }

    async fn with(&mut self, engine: &Engine, context: &Context, ask: &BuildAsk, builder: Builder) -> Result<Built> {
        self.tell(BuildEvent::Begins(builder));
        self.tell(BuildEvent::Context(context.seen().clone()));
        if let Some(warning) = context.seen().warning(LARGE) {
            self.tell(BuildEvent::Note(warning));
        }
        for skipped in &context.seen().skipped {
            self.tell(BuildEvent::Note(format!("{} is {} and cannot be sent", skipped.path, skipped.why)));
        }
        if builder == Builder::BuildKit && context.seen().dockerfile_ignored {
            let file = context.seen().ignore_file.as_deref().unwrap_or(".dockerignore");
            self.tell(BuildEvent::Note(format!(
                "{file} leaves out {}, but it has to be sent: COPY of its whole folder copies it, too",
                context.dockerfile()
            )));
        }
        let before = previous(engine, &ask.tag).await?;
        let id = format!("ondeck-{:016x}", {
            use std::hash::{BuildHasher, RandomState};
            RandomState::new().hash_one(Timestamp::now().as_nanosecond())
        });
        let mut guard = Guard { engine: engine.clone(), id: (builder == Builder::BuildKit).then(|| id.clone()) };
        let Sending { tar, sent, trouble } = context.send();
        let result = self.answered(engine, ask, builder, &id, tar, &sent).await;
        if result.is_ok() {
            guard.id = None;
        }
        let image = match (result, trouble.get()) {
            // The request failed because what it carries did.
            (Err(_), Some(trouble)) => return Err(trouble.clone()),
            (result, _) => result?,
        };
        let seen = context.seen().clone();
        let mut built = layers::read(engine, &image, &ask.tag, &self.build, seen, builder).await?;
        built.replaced = before.filter(|before| *before != built.image);
        Ok(built)
    }

    /// Sends the context and reads the answer to its end; answers with the image.
    async fn answered(
        &mut self,
        engine: &Engine,
        ask: &BuildAsk,
        builder: Builder,
        id: &str,
        tar: futures::stream::BoxStream<'static, std::io::Result<bytes::Bytes>>,
        sent: &std::sync::atomic::AtomicU64,
    ) -> Result<String> {
        let mut request = Box::pin(engine.build(ask, builder, id, tar));
        let mut ticks = tokio::time::interval(OFTEN);
        let mut told = 0;
        let mut said = loop {
            tokio::select! {
                answer = &mut request => break answer?,
                _ = ticks.tick() => {
                    let now = sent.load(Ordering::Relaxed);
                    if now != told {
                        told = now;
                        self.tell(BuildEvent::Sent(now));
                    }
                }
            }
        };
        drop(request);
        let mut reader = classic::Reader::new(builder == Builder::Classic && !ask.labels.is_empty());
        let mut image = None;
        let mut counted = false;
        while let Some(said) = said.next().await {
            if !counted {
                counted = true;
                self.tell(BuildEvent::Sent(sent.load(Ordering::Relaxed)));
            }
            let now = Timestamp::now();
            match said? {
                BuildSaid::Trace(message) => {
                    let events = trace::events(&message).map_err(|why| EngineError::new(ErrorKind::Other, why))?;
                    for event in events {
                        self.tell(event);
                    }
                }
                BuildSaid::Image(id) => image = Some(id),
                BuildSaid::Text(piece) => {
                    for event in reader.take(&piece, now) {
                        self.tell(event);
                    }
                }
                BuildSaid::Fetch { id, status, current, total } => {
                    if let Some(event) = reader.fetched(&id, &status, current, total) {
                        self.tell(event);
                    }
                }
                BuildSaid::Failed { message, code } => {
                    if let Some(event) = reader.failed(&message, now) {
                        self.tell(event);
                    }
                    let message = match code {
                        Some(code) if !message.contains("code") => format!("{message} (exit code: {code})"),
                        _ => message,
                    };
                    return Err(EngineError::new(ErrorKind::Other, one_line(&message)));
                }
            }
        }
        let (last, named) = reader.finish(Timestamp::now());
        if let Some(event) = last {
            self.tell(event);
        }
        image.or(named).ok_or_else(|| {
            EngineError::new(ErrorKind::Unreachable, "the engine stopped telling of the build before its end")
        })
    }
}

/// The image that has a tag.
async fn previous(engine: &Engine, tag: &str) -> Result<Option<String>> {
    if tag.is_empty() {
        return Ok(None);
    }
    match engine.inspect_image(tag).await {
        Ok(image) => Ok(image["Id"].as_str().map(str::to_owned)),
        Err(e) if e.kind == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
