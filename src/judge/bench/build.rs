//! Images of submissions: each is built once, from the copy.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;

use super::Bench;
use super::inside::Disk;
use super::trouble::is_full;
use crate::builds::{self, Build, BuildAsk, BuildEvent, Built, Ended, Failure, Source, Step, StepPlace, StepState};
use crate::judge::check::{Case, Found, Recipe};
use crate::judge::printed::Kept;
use crate::judge::report::BuildMetrics;
use crate::judge::{Event, Tell, Trouble};
use crate::labs::BuildPlan;

/// How long a build may take where the lab does not say.
const USUAL: Duration = Duration::from_mins(2);
/// Bytes that a build may put on the disk.
const MOST: u64 = 4 << 30;
/// Free bytes without which nothing can be built.
const ROOM: u64 = 256 << 20;
/// How often that is looked at.
const OFTEN: Duration = Duration::from_secs(2);
/// Lines of a build that are told while it goes on.
const TOLD: usize = 2000;

/// An image that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// The stage, in place of the build plan's.
    pub target: Option<String>,
    /// Build arguments, besides the build plan's.
    pub args: std::collections::BTreeMap<String, String>,
    /// Whether every step is done anew.
    pub no_cache: bool,
    /// How long it may take, in place of what the build plan says.
    pub timeout: Option<Duration>,
}

/// An image that was built.
#[derive(Debug)]
pub struct Image {
    /// Its identifier.
    pub id: String,
    /// What is known of it.
    pub built: Built,
    /// How it was built.
    pub build: Build,
    /// What the build printed.
    pub log: String,
}

/// A build that came to nothing.
#[derive(Debug)]
pub struct Broken {
    /// Why, in a few words.
    pub observed: String,
    /// Why.
    pub found: Found,
    /// What it printed.
    pub log: String,
}

/// What came of a wish.
#[derive(Debug, Clone)]
pub enum Made {
    /// An image.
    Image(Arc<Image>),
    /// None.
    Broken(Arc<Broken>),
}

/// Why a build was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Cut {
    No,
    Late,
    /// It put too much on the disk.
    Disk,
    /// There was no room on the disk to begin with.
    Full,
}

impl Image {
    /// The steps that are instructions, each with the line where it stands.
    pub fn steps<'a>(&'a self, recipe: &'a Recipe) -> impl Iterator<Item = (&'a Step, usize)> {
        self.build.instructions().filter_map(|step| Some((step, line_of(recipe, step.at.as_ref()?)?)))
    }
}

/// The line of a Dockerfile in which a step stands.
fn line_of(recipe: &Recipe, place: &StepPlace) -> Option<usize> {
    match place {
        StepPlace::Stage { stage, number, .. } => recipe.file.buildkit_step(stage, *number),
        StepPlace::Classic { number, .. } => recipe.file.classic_step(*number),
    }
}

/// The image of the lab's build plan, or another one of the same files. What was built once is not built again.
///
/// # Errors
/// What prevents building and is not the submission's doing.
pub(crate) async fn build(case: &mut Case<'_>, wish: &Wish) -> Result<Made, Trouble> {
    if let Some((_, made)) = case.bench()?.builds.iter().find(|(known, _)| known == wish) {
        return Ok(made.clone());
    }
    let dir = case.submission.dir().to_owned();
    let made = build_in(case, &dir, wish).await?;
    if let Made::Image(image) = &made
        && case.metrics.build.is_none()
    {
        case.metrics.build = Some(BuildMetrics {
            elapsed_seconds: image.built.took.as_secs_f64(),
            steps: u32::try_from(image.built.cached.1).unwrap_or(u32::MAX),
            cached_steps: u32::try_from(image.built.cached.0).unwrap_or(u32::MAX),
        });
        case.metrics.context_bytes.get_or_insert(image.built.context.bytes);
        let layers = image.built.layers.iter().filter(|layer| layer.size > 0).count();
        case.metrics.layers = Some(u32::try_from(layers).unwrap_or(u32::MAX));
        case.metrics.image_size_mb = Some(image.size() as f64 / 1e6);
    }
    case.bench()?.builds.push((wish.clone(), made.clone()));
    Ok(made)
}

impl Image {
    /// Bytes of all its layers, unpacked: what stores of either kind tell in an image's history.
    pub fn size(&self) -> u64 {
        self.built.layers.iter().map(|layer| layer.size).sum()
    }
}

/// Builds what lies in a folder: the submission, or a changed copy of it.
pub(crate) async fn build_in(case: &mut Case<'_>, dir: &Path, wish: &Wish) -> Result<Made, Trouble> {
    let plan = case.lab.build.clone().ok_or_else(|| {
        Trouble::new(
            "J_LAB_INVALID",
            "a check needs an image, but the lab has no `build:`",
            "add `build: {context: .}`",
        )
    })?;
    let context = match context(dir, &plan) {
        Ok(context) => context,
        Err(message) => return Ok(broken(Found::new("BUILD_FAILED", message), &Kept::default())),
    };
    let Case { bench, printed, dockerfile, tell, .. } = case;
    let bench = bench.as_ref().ok_or_else(|| Trouble::new("J_DAEMON", "there is no Docker to build with", ""))?;
    let ask = BuildAsk {
        tag: format!("{}:{}", bench.name("image"), bench.builds.len()),
        dockerfile: plan.dockerfile.clone(),
        target: wish.target.clone().or_else(|| plan.target.clone()),
        args: plan.args.iter().chain(&wish.args).map(|(k, v)| (k.clone(), v.clone())).collect(),
        labels: bench.labels(),
        no_cache: wish.no_cache,
        ..BuildAsk::default()
    };
    let timeout = wish.timeout.or(plan.timeout).unwrap_or(USUAL);
    let (mut build, mut log, mut lines) = (Build::new(Timestamp::now()), Kept::default(), Lines::default());
    let cut = AtomicU8::new(Cut::No as u8);
    let first = OnceLock::new();
    let ended = {
        let watch = async {
            let why = tokio::select! {
                () = tokio::time::sleep(timeout) => Cut::Late,
                cut = fills(bench, &first) => cut,
            };
            cut.store(why as u8, Ordering::Relaxed);
        };
        let taken = |event: BuildEvent| {
            if let BuildEvent::Output { bytes, .. } = &event {
                log.push(bytes);
                printed.build.push(bytes);
                // Not into the steps: there may be any amount of it in any number of them.
                lines.take(bytes, *tell);
            } else {
                lines.step(&event, *tell);
                build.take(event, Timestamp::now());
            }
        };
        builds::build(&bench.engine, &Source::Dir(context), &ask, taken, watch).await
    };
    let lost = match &ended {
        Ended::Built(_) => None,
        _ => bench.lost().await,
    };
    if let Some(lost) = lost {
        return Err(lost);
    }
    // Where the build was over before that was known, it cannot have put much there.
    let before: Disk = first.get().copied().unwrap_or_default();
    let recipe = dockerfile.as_ref();
    Ok(match ended {
        Ended::Built(built) => {
            let id = built.image.clone();
            Made::Image(Arc::new(Image { id, built: *built, build, log: log.text() }))
        }
        Ended::Cancelled if cut.load(Ordering::Relaxed) == Cut::Full as u8 => return Err(full(before)),
        Ended::Cancelled if cut.load(Ordering::Relaxed) == Cut::Disk as u8 => {
            let most = crate::text::size(MOST);
            broken(Found::new("BUILD_DISK", format!("the build put more than {most} on the disk and was ended")), &log)
        }
        Ended::Cancelled => {
            let running = build.steps.iter().find(|s| {
                s.state == StepState::Running || s.state == StepState::Cancelled && s.started.is_some() && !s.internal
            });
            let step = running.map_or_else(String::new, |s| format!(", in {}", crate::text::fit(&s.name, 100)));
            let seconds = timeout.as_secs_f64();
            let message = format!("the build was not done after {seconds} s and was ended{step}");
            let place = running.and_then(|s| s.at.as_ref()).and_then(|at| line_of(recipe?, at));
            broken(placed(Found::new("BUILD_TIMEOUT", message), recipe, place), &log)
        }
        Ended::Failed(failure) => failed(bench, recipe, &failure, before, &log).await?,
    })
}

/// Why there is no image: the submission's doing, or what prevents judging.
async fn failed(
    bench: &Bench,
    recipe: Option<&Recipe>,
    failure: &Failure,
    before: Disk,
    log: &Kept,
) -> Result<Made, Trouble> {
    if let Err(error) = bench.engine.ping().await {
        if !bench.recovers().await {
            return Err(bench.trouble(error).await);
        }
        let message = "the build took so much memory or so many processes that Docker itself was ended";
        return Ok(broken(Found::new("BUILD_OOM", message), log));
    }
    if is_full(&failure.message) || failure.last.iter().any(|line| is_full(line)) {
        let disk = match bench.disk().await {
            Ok(disk) => disk,
            Err(error) => return Err(bench.trouble(error).await),
        };
        // What is full may also be a small file system of the step's own.
        if disk.free < ROOM && disk.used.saturating_sub(before.used) < MOST / 4 {
            return Err(full(disk));
        }
    }
    let code = if failure.exit_code == Some(137) { "BUILD_OOM" } else { "BUILD_FAILED" };
    let line = failure.line.or_else(|| line_of(recipe?, failure.at.as_ref()?));
    let mut found = Found::new(code, failure.message.clone());
    if let Some(last) = failure.last.last() {
        found = found.found(last.clone());
    } else if !failure.hint.is_empty() {
        found = found.found(failure.hint.clone());
    }
    Ok(broken(placed(found, recipe, line), log))
}

fn placed(found: Found, recipe: Option<&Recipe>, line: Option<usize>) -> Found {
    match (recipe, line) {
        (Some(recipe), Some(line)) => found.at(recipe.path.clone(), line),
        (Some(recipe), None) => found.in_file(recipe.path.clone()),
        _ => found,
    }
}

fn broken(found: Found, log: &Kept) -> Made {
    Made::Broken(Arc::new(Broken { observed: found.message.clone(), found, log: log.text() }))
}

/// Comes to its end once a build has put too much on the disk, or had no room to begin with. `first` is how it was at
/// the beginning.
async fn fills(bench: &Bench, first: &OnceLock<Disk>) -> Cut {
    loop {
        // A look that fails is followed by the next; that the session is lost shows in the build itself.
        if let Ok(now) = bench.disk().await {
            let before = *first.get_or_init(|| now);
            if before.free < ROOM {
                return Cut::Full;
            }
            if now.used.saturating_sub(before.used) > MOST {
                return Cut::Disk;
            }
        }
        tokio::time::sleep(OFTEN).await;
    }
}

/// The host's disk is nearly full.
fn full(disk: Disk) -> Trouble {
    let free = crate::text::size(disk.free);
    Trouble::new(
        "J_DISK",
        format!("the disk of the engine's host has only {free} left"),
        "docker system df shows what takes the room; docker builder prune and docker image prune make some",
    )
}

/// The folder that is built, if it is one of the submission's own.
fn context(dir: &Path, plan: &BuildPlan) -> Result<PathBuf, String> {
    let mut at = dir.to_owned();
    let link = |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    for part in plan.context.split('/').filter(|part| !matches!(*part, "" | ".")) {
        at.push(part);
        if part == ".." || link(&at) {
            return Err(format!("{} is a link, and so cannot be what is built", plan.context));
        }
    }
    if !at.is_dir() {
        return Err(format!("there is no folder {}", plan.context));
    }
    // These two are read here, so a link would have this machine's files read.
    let mut read =
        vec![plan.dockerfile.clone(), format!("{}.dockerignore", plan.dockerfile), ".dockerignore".to_owned()];
    if plan.dockerfile.is_empty() {
        read.splice(..2, ["Dockerfile".to_owned(), "Dockerfile.dockerignore".to_owned()]);
    }
    match read.into_iter().find(|name| link(&at.join(name))) {
        Some(name) => Err(format!("{name} is a link; it has to be a file of its own")),
        None => Ok(at),
    }
}

/// What is told of a build while it goes on: so much of it that one sees what happens, and no more.
#[derive(Default)]
struct Lines {
    told: usize,
    open: Vec<u8>,
    steps: std::collections::BTreeSet<String>,
}

impl Lines {
    fn take(&mut self, bytes: &[u8], tell: &Tell<'_>) {
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            if self.told > TOLD {
                return;
            }
            let room = 2000_usize.saturating_sub(self.open.len()).min(part.len());
            self.open.extend_from_slice(&part[..room]);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.open);
                self.told += 1;
                let more = self.told > TOLD;
                let text =
                    if more { "…".into() } else { String::from_utf8_lossy(line.trim_ascii_end()).into_owned() };
                tell(Event::Line(text));
            }
        }
    }

    fn step(&mut self, event: &BuildEvent, tell: &Tell<'_>) {
        if let BuildEvent::Step(step) = event
            && step.started.is_some()
            && StepPlace::of_name(&step.name).0.or_else(|| step.place.clone()).is_some()
            && self.steps.len() < TOLD
            && self.steps.insert(step.key.clone())
        {
            tell(Event::Line(step.name.clone()));
        }
    }
}
