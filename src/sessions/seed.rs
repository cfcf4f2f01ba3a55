//! Images for inner Dockers.
//!
//! To load an image takes an engine as long as to unpack it, some 50 MB a second. So a set of images is loaded
//! once, by a session that lives for nothing else and leaves its Docker's data behind in a volume. Sessions mount
//! that read-only; what describes the images is copied (some kilobytes), the layers are links into the seed.
//! Whatever a session does to its images happens on its own side.
//!
//! Which images a seed has is told by its container, which stays, ended with 0: it is the proof that the
//! seed is whole, and keeps the volume from being pruned.
//!
//! Where root in a session could write to a mount that is read-only (`privileged`), or the runtime does mounts its
//! own way, images are loaded into each session instead.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::config::Sessions;
use crate::engine::model::{Container, State};
use crate::engine::{Engine, EngineError, ErrorKind, ExecAsk, Result};

use super::start::{Cleanup, Progress, Rights, Tell, container, label, ready};
use super::{PROGRAM, Session, image, inside, labels};

const SEED: &str = "dev.ondeck.seed";
const IMAGES: &str = "dev.ondeck.seed.images";
/// The session image that a seed was made by; another one's data may be of another form.
const MADE_BY: &str = "dev.ondeck.seed.made-by";
/// How long a seed may take to be made; whoever makes it may be gone.
const PATIENCE: u64 = 1800;

/// The volume of a seed with these images, after it was made if need be; `None` where sessions are seeded another way.
pub(super) async fn ensure(
    engine: &Engine,
    config: &Sessions,
    session_image: &str,
    images: &[String],
    tell: &Tell<'_>,
) -> Result<Option<String>> {
    if images.is_empty() || config.privileged || config.runtime.is_some() {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    hash.update(session_image);
    for name in images {
        let id = image::identifier(engine, name).await.map_err(|e| missing(name, e))?;
        hash.update(format!("{name} {id}\n"));
    }
    let hex = image::short(hash);
    let name = format!("ondeck-seed-{hex}");
    let mut told = false;
    loop {
        match engine.inspect(&name).await {
            Ok(found) if found.container.state == State::Exited && found.container.exit_code == Some(0) => {
                return Ok(Some(name));
            }
            Ok(found) if is_being_made(&found.container) => {}
            Ok(_) => {
                engine.remove(&name, true, true).await?;
                continue;
            }
            // What a seed that was not finished left.
            Err(e) if e.kind == ErrorKind::NotFound => match engine.remove_volume(&name, true).await {
                // In use: someone else began in this moment.
                Err(e) if e.kind == ErrorKind::Conflict => {}
                Err(e) if e.kind != ErrorKind::NotFound => return Err(e),
                _ => break,
            },
            Err(e) => return Err(e),
        }
        if !told {
            tell(Progress::Step(format!("waiting for {name}, which is being prepared")));
        }
        told = true;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    tell(Progress::Step(format!("preparing {} for sessions (once)", images.join(", "))));
    engine.create_volume(&name, &labels([(SEED, hex.clone()), (IMAGES, images.join(" "))])).await?;
    let mut body = container(config, session_image, Rights::of(config));
    label(&mut body, labels([(SEED, hex), (IMAGES, images.join(" ")), (MADE_BY, session_image.to_owned())]));
    body["Env"] = serde_json::json!([format!("ONDECK_TTL={PATIENCE}"), format!("ONDECK_LONGEST={PATIENCE}")]);
    body["HostConfig"]["Mounts"] =
        serde_json::json!([{ "Type": "volume", "Source": name, "Target": "/var/lib/docker" }]);
    let id = match engine.create_container(&name, body).await {
        // Someone else began in the same moment; theirs is looked at in the next round.
        Err(e) if e.kind == ErrorKind::Conflict => {
            return Box::pin(ensure(engine, config, session_image, images, tell)).await;
        }
        made => made?,
    };
    let mut cleanup = Cleanup::new(engine);
    (cleanup.container, cleanup.volume) = (Some(id.to_string()), Some(name.clone()));
    engine.start(&id).await?;
    ready(engine, &id).await?;
    let inner = Engine::connect(&inside(engine.endpoint(), &name, &name))?;
    stream(engine, &inner, images, tell).await?;
    let sealed = engine.exec_run(&id, &ExecAsk::of([PROGRAM, "seal"])).await?;
    let code = engine.wait(&id, Duration::from_mins(1)).await?;
    if sealed.code != Some(0) || code != 0 {
        return Err(EngineError::new(ErrorKind::Other, format!("{name} could not be finished (it ended with {code})")));
    }
    cleanup.keep();
    outdated(engine, session_image).await?;
    Ok(Some(name))
}

/// Whether a container only holds images for sessions. It never runs again, and nobody waits for it.
pub fn is_seed(container: &Container) -> bool {
    container.labels.contains_key(SEED) && !container.state.is_up()
}

/// Whether someone else is at it: it runs, or is only just going to.
fn is_being_made(container: &Container) -> bool {
    let young = |t| Timestamp::now().duration_since(t) < SignedDuration::from_secs(60);
    container.state == State::Running || container.state == State::Created && container.created.is_some_and(young)
}

/// Removes the seeds that another session image made, unless a session still uses them.
async fn outdated(engine: &Engine, session_image: &str) -> Result<()> {
    for container in engine.containers().await? {
        let labels = &container.labels;
        if !labels.contains_key(SEED) || labels.get(MADE_BY).is_some_and(|made_by| made_by == session_image) {
            continue;
        }
        for result in
            [engine.remove(&container.id, false, false).await, engine.remove_volume(&container.name, false).await]
        {
            match result {
                Err(e) if !matches!(e.kind, ErrorKind::NotFound | ErrorKind::Conflict) => return Err(e),
                _ => {}
            }
        }
    }
    Ok(())
}

fn missing(name: &str, error: EngineError) -> EngineError {
    if error.kind != ErrorKind::NotFound {
        return error;
    }
    EngineError::new(ErrorKind::NotFound, format!("the image {name} is not on this host"))
        .with_hint(format!("docker pull {name}, or build it; then start the session again"))
}

/// Loads those of `images` that a session's Docker does not have; answers with how many bytes that were.
pub async fn seeded(engine: &Engine, session: &Session, images: &[String], tell: &Tell<'_>) -> Result<u64> {
    if images.is_empty() {
        return Ok(0);
    }
    let inner = Engine::connect(&session.endpoint(engine.endpoint()))?;
    let mut lacking = Vec::new();
    for name in images {
        match inner.inspect_image(name).await {
            Ok(_) => {}
            Err(e) if e.kind == ErrorKind::NotFound => lacking.push(name.clone()),
            Err(e) => return Err(e),
        }
    }
    if lacking.is_empty() { Ok(0) } else { stream(engine, &inner, &lacking, tell).await }
}

/// Streams images from one engine into another.
async fn stream(from: &Engine, into: &Engine, images: &[String], tell: &Tell<'_>) -> Result<u64> {
    let mut total = 0;
    for name in images {
        let raw = from.inspect_image(name).await.map_err(|e| missing(name, e))?;
        total += raw["Size"].as_u64().unwrap_or_default();
    }
    let counter = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = counter.clone();
    let tar = from.save_images(images).await?;
    let tar = tar
        .inspect_ok(move |piece| {
            counted.fetch_add(piece.len() as u64, std::sync::atomic::Ordering::Relaxed);
        })
        .map_err(std::io::Error::other);
    let mut load = std::pin::pin!(into.load_images(tar.boxed()));
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            done = &mut load => {
                done?;
                return Ok(counter.load(std::sync::atomic::Ordering::Relaxed));
            }
            _ = tick.tick() => tell(Progress::Bytes(counter.load(std::sync::atomic::Ordering::Relaxed).min(total), total)),
        }
    }
}
