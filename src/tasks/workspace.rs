//! Work in a workspace as tasks: builds, runs, files brought and taken.

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;

use crate::builds::run::{self, ImageFacts, Options, Plan};
use crate::builds::{self, Build, BuildAsk, BuildEvent, BuildState, Built, Failure, Site, StepPlace};
use crate::dockerfile;
use crate::engine::model::Id;
use crate::engine::{EngineError, ErrorKind};
use crate::text::size;
use crate::workspace::{Moved, Opened};

use super::record::Outcome;
use super::run::{Teller, seconds};
use super::watch::Watch;

/// A build as it goes, with the Dockerfile it is of.
#[derive(Debug)]
pub struct BuildSeen {
    /// The build.
    pub build: Build,
    /// The path of the Dockerfile.
    pub dockerfile: String,
    /// Its text as it was built.
    text: Option<dockerfile::Dockerfile>,
}

/// A build to be looked at while it goes.
pub type BuildWatch = Watch<BuildSeen>;
/// A start to be looked at once it is over.
pub type StartWatch = Watch<Option<run::Outcome>>;

impl BuildSeen {
    /// One that begins.
    pub fn new(dockerfile: impl Into<String>, now: Timestamp) -> Self {
        Self { build: Build::new(now), dockerfile: dockerfile.into(), text: None }
    }

    /// The Dockerfile that is built, read anew.
    pub fn read(&mut self, text: &str) {
        self.text = Some(dockerfile::parse(text));
    }

    /// The line of the Dockerfile, from 1, that a step is.
    pub fn line_of(&self, place: &StepPlace) -> Option<usize> {
        let text = self.text.as_ref()?;
        match place {
            StepPlace::Stage { stage, number, .. } => text.buildkit_step(stage, *number),
            StepPlace::Classic { number, .. } => text.classic_step(*number),
        }
    }

    /// The line of the Dockerfile, from 1, that a failure is about.
    pub fn line(&self, failure: &Failure) -> Option<usize> {
        failure.line.or_else(|| self.line_of(failure.at.as_ref()?))
    }

    /// The line that this build failed at.
    pub fn line_of_failure(&self) -> Option<usize> {
        match &self.build.state {
            BuildState::Failed(failure) => self.line(failure),
            _ => None,
        }
    }

    /// The image, if there is one.
    pub fn built(&self) -> Option<&Built> {
        match &self.build.state {
            BuildState::Done(built) => Some(built),
            _ => None,
        }
    }
}

/// Ends what its task began, however that ends.
struct Ended<'a>(&'a BuildWatch);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut seen = self.0.lock();
        if seen.build.is_running() {
            seen.build.take(BuildEvent::Cancelled, Timestamp::now());
        }
    }
}

pub(super) async fn build(site: &Site, ask: &BuildAsk, watch: &BuildWatch, teller: &Teller) -> Outcome {
    watch.begin(teller.id());
    let _ended = Ended(watch);
    // The folder that the Dockerfile stands in is what is built.
    let (folder, file) = ask.dockerfile().rsplit_once('/').unwrap_or(("", ask.dockerfile()));
    let prepared = || Ok::<_, EngineError>((site.engine()?, site.workspace()?, site.source(folder)?));
    let (engine, workspace, source) = match prepared() {
        Ok(all) => all,
        Err(e) => return failed(watch, e),
    };
    // Of the Dockerfile only its lines are wanted here; whether it can be built the engine says.
    if let Ok(Opened::Text(file)) = workspace.read(&watch.lock_path()).await {
        watch.lock().read(&file.text);
    }
    let tell = |event: BuildEvent| {
        if let BuildEvent::Output { bytes, .. } = &event {
            for line in String::from_utf8_lossy(bytes).lines() {
                teller.hold(line);
            }
        }
        let mut seen = watch.lock();
        if let BuildEvent::Step(step) = &event
            && step.started.is_some()
            && !seen.build.steps.iter().any(|s| s.key == step.key && s.started.is_some())
        {
            teller.hold(&step.name);
        }
        seen.build.take(event, Timestamp::now());
        let (over, all) = seen.build.counts();
        drop(seen);
        teller.at(over as u64, (all > 0).then_some(all as u64), format!("{over} of {all} steps"));
        teller.pass_on();
    };
    let within = BuildAsk { dockerfile: file.to_owned(), ..ask.clone() };
    match builds::build(&engine, &source, &within, tell, std::future::pending()).await {
        builds::Ended::Built(built) => {
            Outcome::Done(format!("{} in {:.1} s", size(built.size), built.took.as_secs_f64()))
        }
        builds::Ended::Failed(failure) => {
            let line = watch.lock().line(&failure);
            let place = line.map_or(String::new(), |l| format!("{}:{l}: ", ask.dockerfile));
            Outcome::Failed(
                EngineError::new(ErrorKind::Other, format!("{place}{}", failure.message))
                    .with_hint(failure.hint.clone()),
            )
        }
        builds::Ended::Cancelled => Outcome::Cancelled,
    }
}

fn failed(watch: &BuildWatch, error: EngineError) -> Outcome {
    let failure = Failure { message: error.message.clone(), hint: error.hint.clone(), ..Failure::default() };
    watch.lock().build.take(BuildEvent::Failed(Box::new(failure)), Timestamp::now());
    Outcome::Failed(error)
}

impl BuildWatch {
    fn lock_path(&self) -> String {
        self.lock().dockerfile.clone()
    }
}

pub(super) async fn start(
    site: &Site,
    (image, name): (&str, &str),
    options: Option<&Options>,
    watch: &StartWatch,
    teller: &Teller,
) -> Outcome {
    watch.begin(teller.id());
    let engine = match site.engine() {
        Ok(engine) => engine,
        Err(e) => return Outcome::Failed(e),
    };
    let options = match options {
        Some(options) => options.clone(),
        // As the image asks to be run.
        None => match engine.inspect_image(image).await {
            Ok(inspection) => Options::for_image(&ImageFacts::of(&inspection)),
            Err(_) => Options::default(),
        },
    };
    let plan = Plan { image: image.to_owned(), name: name.to_owned(), workspace: site.key(), options };
    let outcome = run::start(&engine, &plan, &|line| teller.line(line), std::future::pending()).await;
    *watch.lock() = Some(outcome.clone());
    match outcome {
        run::Outcome::Running(run) => Outcome::Done(match run.warning {
            Some(trouble) => format!("{name} runs, but {}", trouble.what),
            None => format!("{name} runs"),
        }),
        run::Outcome::Ended(_, trouble) | run::Outcome::Failed(trouble) => {
            let message = format!("{}: {}", trouble.what, trouble.why);
            Outcome::Failed(EngineError::new(ErrorKind::Other, message).with_hint(trouble.todo))
        }
        run::Outcome::Cancelled => Outcome::Cancelled,
    }
}

pub(super) async fn stop(site: &Site, container: &Id) -> Outcome {
    let stopped = match site.engine() {
        Ok(engine) => run::stop(&engine, container, None).await,
        Err(e) => Err(e),
    };
    match stopped {
        Ok(()) => Outcome::Done("stopped".to_owned()),
        Err(e) => Outcome::Failed(e),
    }
}

pub(super) async fn upload(site: &Site, from: &Path, to: &str, teller: &Teller, began: Instant) -> Outcome {
    let workspace = match site.workspace() {
        Ok(workspace) => workspace,
        Err(e) => return Outcome::Failed(e),
    };
    moved(workspace.upload(from, to, false, &told(teller)).await, to, began)
}

pub(super) async fn download(site: &Site, path: &str, to: &Path, teller: &Teller, began: Instant) -> Outcome {
    let workspace = match site.workspace() {
        Ok(workspace) => workspace,
        Err(e) => return Outcome::Failed(e),
    };
    moved(workspace.download(path, to, false, &told(teller)).await, &to.display().to_string(), began)
}

fn told(teller: &Teller) -> impl Fn(Moved) + Send + Sync + '_ {
    |moved: Moved| {
        teller.at(moved.bytes, Some(moved.total), format!("{} of {}", size(moved.bytes), size(moved.total)));
        teller.pass_on();
    }
}

fn moved(result: Result<Moved, EngineError>, to: &str, began: Instant) -> Outcome {
    match result {
        Ok(moved) => {
            let skipped = if moved.skipped > 0 {
                format!(", without {}", crate::text::count(moved.skipped as usize, "socket or device"))
            } else {
                String::new()
            };
            let files = crate::text::count(moved.files as usize, "file");
            Outcome::Done(format!("{files}, {} at {to} in {}{skipped}", size(moved.bytes), seconds(began)))
        }
        Err(e) => Outcome::Failed(e),
    }
}
