//! The images of labs: built or pulled on the host once, from where sessions get them.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::builds::{self, BuildAsk, BuildEvent, Ended, Source};
use crate::dockerfile;
use crate::engine::{Engine, EngineError, ErrorKind, Result};
use crate::sessions::{Progress, Tell};
use crate::text::clean;

use super::tree::hex;
use super::{Lab, LabImage, Tree};

/// The label of an image that was built for a lab: a digest of what it was built from.
pub const LABEL: &str = "dev.ondeck.lab.image";

/// Two that want the same image at once would both build it. Another process may; then the later one's has the name,
/// and both are right.
static BUILDING: Mutex<()> = Mutex::const_new(());

/// Sees to it that the engine has all images of a lab: builds or pulls those that are missing. When this is dropped
/// before its end, the engine ends what it was at.
///
/// # Errors
/// When one can neither be built nor pulled, or somebody else's image has its name.
pub async fn ensure_images(engine: &Engine, lab: &Lab, tell: &Tell<'_>) -> Result<()> {
    for image in &lab.images {
        match &image.build {
            None => pulled(engine, lab, image, tell).await?,
            Some(files) => {
                if !is_current(engine, lab, image, files).await? {
                    let _building = BUILDING.lock().await;
                    // Whoever was before may have built it.
                    if !is_current(engine, lab, image, files).await? {
                        build(engine, lab, image, files, tell).await?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// What the engine knows of an image, if it has it.
async fn look(engine: &Engine, name: &str) -> Result<Option<serde_json::Value>> {
    match engine.inspect_image(name).await {
        Ok(raw) => Ok(Some(raw)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn pulled(engine: &Engine, lab: &Lab, image: &LabImage, tell: &Tell<'_>) -> Result<()> {
    let name = &image.name;
    if look(engine, name).await?.is_some() {
        return Ok(());
    }
    tell(Progress::Step(format!("pulling {name} for {} (once)", lab.id)));
    let mut lines = engine.pull(name);
    while let Some(line) = lines.next().await {
        let line = line.map_err(|error| {
            let message = format!(
                "the image {name}, which {} needs, is not on this host and cannot be pulled: {}",
                lab.id, error.message
            );
            EngineError::new(error.kind, message).with_hint(format!(
                "docker pull {name} shows more; without a network, docker load -i FILE brings it from a host that has it"
            ))
        })?;
        tell(Progress::Line(line));
    }
    Ok(())
}

/// Whether the image is there and made of these files on the base images that are there now.
async fn is_current(engine: &Engine, lab: &Lab, image: &LabImage, files: &Tree) -> Result<bool> {
    let Some(raw) = look(engine, &image.name).await? else { return Ok(false) };
    let Some(label) = raw["Config"]["Labels"][LABEL].as_str() else {
        let message =
            format!("the image {} on this host is not the one of {}: somebody else made it", image.name, lab.id);
        return Err(EngineError::new(ErrorKind::Conflict, message).with_hint(format!(
            "give it another name (docker tag {0} NAME; docker rmi {0}), or change its name in {1}'s manifest",
            image.name, lab.id
        )));
    };
    Ok(label == digest(engine, files).await?)
}

/// The same for the same files on the same base images.
async fn digest(engine: &Engine, files: &Tree) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(files.digest());
    for base in bases(files) {
        let raw = look(engine, &base).await?;
        let id = raw.as_ref().and_then(|raw| raw["Id"].as_str());
        hash.update(format!("{base} {}\n", id.unwrap_or_default()));
    }
    Ok(hex(&hash.finalize()))
}

/// The images that a folder's Dockerfile begins with; those whose names are put together are not known before.
fn bases(files: &Tree) -> BTreeSet<String> {
    let read = dockerfile::parse(files.text("Dockerfile").unwrap_or_default());
    let outside = read.stages.iter().filter(|stage| stage.parent.is_none());
    let known = outside.filter(|stage| !stage.base.is_empty() && stage.base != "scratch" && !stage.base.contains('$'));
    known.map(|stage| stage.base.clone()).collect()
}

async fn build(engine: &Engine, lab: &Lab, image: &LabImage, files: &Tree, tell: &Tell<'_>) -> Result<()> {
    let name = &image.name;
    let failed = |message: String, hint: &str| {
        let message = format!("the image {name}, which {} needs, cannot be built: {message}", lab.id);
        EngineError::new(ErrorKind::Other, message).with_hint(hint)
    };
    tell(Progress::Step(format!("building {name} for {} (once)", lab.id)));
    let label = digest(engine, files).await?;
    let dir = tempfile::tempdir().map_err(|error| failed(error.to_string(), ""))?;
    files.write_to(dir.path()).map_err(|error| failed(error.to_string(), "is the disk full?"))?;
    let ask =
        BuildAsk { tag: name.clone(), labels: BTreeMap::from([(LABEL.to_owned(), label)]), ..BuildAsk::default() };
    let mut lines = Lines { tell, rest: BTreeMap::new(), begun: BTreeSet::new() };
    let source = Source::Dir(dir.path().to_path_buf());
    match builds::build(engine, &source, &ask, |event| lines.take(event), std::future::pending()).await {
        Ended::Built(built) => {
            if let Some(old) = built.replaced {
                // What an older version of the lab had; a session may still use it.
                match engine.remove_image(&old, false).await {
                    Err(error) if !matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict) => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
            Ok(())
        }
        Ended::Failed(failure) => {
            let last = failure.last.iter().rev().find(|line| !line.trim().is_empty());
            let words = last.map_or(String::new(), |line| format!("; its last words: {line}"));
            Err(failed(format!("{}{words}", failure.message), &failure.hint))
        }
        Ended::Cancelled => Err(failed("the build was cancelled".to_owned(), "")),
    }
}

/// A build's steps and what they print, as lines.
struct Lines<'a> {
    tell: &'a Tell<'a>,
    rest: BTreeMap<String, Vec<u8>>,
    begun: BTreeSet<String>,
}

/// What is kept of a line that does not end.
const LONGEST: usize = 4 << 10;

impl Lines<'_> {
    fn take(&mut self, event: BuildEvent) {
        match event {
            BuildEvent::Step(step) if step.started.is_some() && self.begun.insert(step.key.clone()) => {
                self.line(step.name.as_bytes());
            }
            BuildEvent::Output { step, bytes, .. } => {
                let mut rest = self.rest.remove(&step).unwrap_or_default();
                rest.extend_from_slice(&bytes);
                let mut lines = rest.split(|byte| *byte == b'\n');
                let last = lines.next_back().unwrap_or_default();
                for line in lines {
                    self.line(line);
                }
                let last = last[..last.len().min(LONGEST)].to_vec();
                self.rest.insert(step, last);
            }
            BuildEvent::Note(text) => self.line(text.as_bytes()),
            _ => {}
        }
    }

    fn line(&self, bytes: &[u8]) {
        // What comes after a carriage return is what would be seen.
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end().rsplit('\r').next().unwrap_or_default();
        if !text.is_empty() {
            (self.tell)(Progress::Line(clean(text).into_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_is_built_on_is_known() {
        let files: Tree = [(
            "Dockerfile".to_owned(),
            b"ARG V=1\nFROM debian:bookworm-slim AS base\nFROM base AS two\nFROM scratch\nFROM x:$V\nFROM lab/a:1\n"
                .to_vec(),
        )]
        .into_iter()
        .collect();
        let bases: Vec<String> = bases(&files).into_iter().collect();
        assert_eq!(bases, ["debian:bookworm-slim", "lab/a:1"]);
    }

    #[test]
    fn pieces_become_lines() {
        let told = std::sync::Mutex::new(Vec::new());
        let tell = |progress: Progress| {
            if let (Progress::Line(line), Ok(mut told)) = (progress, told.lock()) {
                told.push(line);
            }
        };
        let mut lines = Lines { tell: &tell, rest: BTreeMap::new(), begun: BTreeSet::new() };
        for (step, text) in [("a", "one\ntw"), ("b", "other\n"), ("a", "o\r\n10%\r20%\nrest")] {
            lines.take(BuildEvent::Output { step: step.into(), bytes: text.into(), stderr: false });
        }
        let told = told.lock().map(|told| told.clone()).unwrap_or_default();
        assert_eq!(told, ["one", "other", "two", "20%"]);
    }
}
