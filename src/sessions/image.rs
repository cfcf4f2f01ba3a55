//! The image that sessions run: built on the engine that carries them, when it is not there yet.

use std::collections::BTreeMap;

use futures::StreamExt;
use sha2::{Digest, Sha256};

use crate::config::Sessions;
use crate::engine::{BuildAsk, Engine, EngineError, ErrorKind, Result};

use super::start::{Progress, Tell};

/// The label of an image that ondeck builds, and what it is.
const KIND: &str = "dev.ondeck.image";
/// The build context: name, mode, content.
const CONTEXT: [(&str, u32, &[u8]); 4] = [
    ("Dockerfile", 0o644, include_bytes!("../../assets/session/Dockerfile")),
    ("session", 0o755, include_bytes!("../../assets/session/session")),
    ("dial", 0o755, include_bytes!("../../assets/session/dial")),
    ("bashrc", 0o644, include_bytes!("../../assets/session/bashrc")),
];

/// The image's name: another context or base makes another tag, so that an old one is never run.
pub fn tag(config: &Sessions) -> String {
    let mut hash = Sha256::new();
    for (name, _, content) in CONTEXT {
        hash.update(name);
        hash.update([0]);
        hash.update(content);
    }
    hash.update(&config.base);
    format!("ondeck/session:{}", short(hash))
}

/// The first twelve hex digits of a hash.
pub(super) fn short(hash: Sha256) -> String {
    let start = hash.finalize().iter().take(6).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{start:012x}")
}

/// Builds the session image, unless it is there; answers with its name.
pub(super) async fn ensure(engine: &Engine, config: &Sessions, tell: &Tell<'_>) -> Result<String> {
    let tag = tag(config);
    match engine.inspect_image(&tag).await {
        Err(e) if e.kind == ErrorKind::NotFound => {}
        known => return known.map(|_| tag),
    }
    tell(Progress::Step(format!("building the session image {tag} from {} (once; about a minute)", config.base)));
    let ask = BuildAsk {
        tag: tag.clone(),
        args: BTreeMap::from([("BASE".to_owned(), config.base.clone())]),
        labels: BTreeMap::from([(KIND.to_owned(), "session".to_owned())]),
        ..BuildAsk::default()
    };
    let mut lines = engine.build_image(&ask, context()?).await?;
    while let Some(line) = lines.next().await {
        tell(Progress::Line(line.map_err(|e| {
            EngineError::new(e.kind, format!("the session image cannot be built: {}", e.message)).with_hint(format!(
                "it needs the image {} and Debian's packages; `sessions.base` in the config names another base",
                config.base
            ))
        })?));
    }
    outdated(engine, &tag).await?;
    Ok(tag)
}

/// Removes the images that other versions built, unless something still uses them. Layers that they share with
/// the new one stay.
async fn outdated(engine: &Engine, tag: &str) -> Result<()> {
    let images = engine.images().await?;
    let old = images.iter().filter(|i| i.labels.get(KIND).is_some_and(|kind| kind == "session")).flat_map(|i| &i.tags);
    for name in old.filter(|name| *name != tag && name.starts_with("ondeck/session:")) {
        match engine.remove_image(name, false).await {
            Err(e) if !matches!(e.kind, ErrorKind::NotFound | ErrorKind::Conflict) => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// An image's identifier.
pub(super) async fn identifier(engine: &Engine, name: &str) -> Result<String> {
    let raw = engine.inspect_image(name).await?;
    Ok(raw["Id"].as_str().unwrap_or(name).to_owned())
}

fn context() -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, mode, content) in CONTEXT {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        // One moment for all builds, so that equal files are equal to the build cache.
        header.set_mtime(0);
        tar.append_data(&mut header, name, content).map_err(|e| unpacked(&e))?;
    }
    tar.into_inner().map_err(|e| unpacked(&e))
}

fn unpacked(error: &std::io::Error) -> EngineError {
    EngineError::new(ErrorKind::Other, format!("the session image's files: {error}"))
}
