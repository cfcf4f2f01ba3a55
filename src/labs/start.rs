//! From a lab to a session that one works in, and back to its beginning.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;

use futures::StreamExt;
use jiff::Timestamp;

use crate::config::Sessions;
use crate::engine::{Channel, Engine, EngineError, ErrorKind, ExecAsk, PipedExec, Result};
use crate::sessions::{self, Progress, Session, Spec, Tell};
use crate::text::size;

use super::{Lab, Tree, ensure_images};

/// Where sessions have what one works on.
const WORKSPACE: &str = "/workspace";

/// What is kept of a workspace at most, packed: more is no work on a lab.
const MOST: u64 = 512 << 20;

/// Starts a session for a lab: its images, and its starter's files where the workspace is empty. `None` when `cancel`
/// came first; then, and when something fails, the session is ended.
pub async fn start(
    engine: &Engine,
    config: &Sessions,
    lab: &Lab,
    owner: &str,
    tell: &Tell<'_>,
    cancel: impl Future<Output = ()>,
) -> Result<Option<Session>> {
    start_as(engine, config, lab, &lab.spec(config, owner), tell, cancel).await
}

/// As [`start`], with a session of another kind than the lab's own.
pub async fn start_as(
    engine: &Engine,
    config: &Sessions,
    lab: &Lab,
    spec: &Spec,
    tell: &Tell<'_>,
    cancel: impl Future<Output = ()>,
) -> Result<Option<Session>> {
    let mut cancel = pin!(cancel);
    tokio::select! {
        ready = ensure_images(engine, lab, tell) => ready?,
        () = &mut cancel => return Ok(None),
    }
    let Some(session) = sessions::start(engine, config, spec, tell, &mut cancel).await? else { return Ok(None) };
    let mut unfinished = Unfinished { engine: engine.clone(), session: Some(session.clone()) };
    let planted = tokio::select! {
        planted = plant_if_empty(engine, &session, lab, tell) => planted.map(Some),
        () = &mut cancel => Ok(None),
    };
    if let Ok(Some(())) = planted {
        unfinished.session = None;
        return Ok(Some(session));
    }
    unfinished.session = None;
    // What cannot be ended now ends by itself; why it was not finished says more.
    let _ = sessions::end(engine, &session).await;
    planted.map(|_| None)
}

/// Ends a session when nobody waits any more for it to be finished.
struct Unfinished {
    engine: Engine,
    session: Option<Session>,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let (Some(session), Ok(runtime)) = (self.session.take(), tokio::runtime::Handle::try_current()) else { return };
        let engine = self.engine.clone();
        runtime.spawn(async move { sessions::end(&engine, &session).await });
    }
}

async fn plant_if_empty(engine: &Engine, session: &Session, lab: &Lab, tell: &Tell<'_>) -> Result<()> {
    if lab.starter.is_empty() || !is_empty(engine, session).await? {
        return Ok(());
    }
    tell(Progress::Step("putting the files into the workspace".to_owned()));
    plant(engine, session, &lab.starter).await
}

async fn is_empty(engine: &Engine, session: &Session) -> Result<bool> {
    let ran = engine.exec_run(&session.container, &find(&["-print", "-quit"])).await?;
    if ran.code != Some(0) {
        return Err(EngineError::new(
            ErrorKind::Other,
            format!("the workspace of {} cannot be looked at: {}", session.id, ran.last_words()),
        ));
    }
    Ok(ran.out.is_empty())
}

/// What `find` does with all that is in the workspace.
fn find(what: &[&str]) -> ExecAsk {
    ExecAsk { dir: Some("/".into()), ..ExecAsk::of(["find", WORKSPACE, "-mindepth", "1"].iter().chain(what).copied()) }
}

/// Puts files into a session's workspace, in place of those of the same names. Scripts can be run there.
pub async fn plant(engine: &Engine, session: &Session, files: &Tree) -> Result<()> {
    let packed =
        pack(files).map_err(|error| EngineError::new(ErrorKind::Other, format!("the lab's files: {error}")))?;
    engine.put_archive(&session.container, WORKSPACE, packed).await
}

/// Files as a tar archive. Folders stand before what is in them, so that they are everyone's to enter.
fn pack(files: &Tree) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let now = Timestamp::now().as_second().unsigned_abs();
    let mut known = std::collections::BTreeSet::new();
    for (path, bytes) in files.iter() {
        for (at, _) in path.match_indices('/') {
            if known.insert(path[..at].to_owned()) {
                let mut header = header(now, 0o755, 0);
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, format!("{}/", &path[..at]), std::io::empty())?;
            }
        }
        let mode = if Tree::is_program(bytes) { 0o755 } else { 0o644 };
        tar.append_data(&mut header(now, mode, bytes.len() as u64), path, bytes)?;
    }
    tar.into_inner()
}

fn header(time: u64, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mtime(time);
    header.set_mode(mode);
    header.set_size(size);
    header
}

/// Puts a session's workspace back to the lab's starter. What was there is kept as an archive in the user's data
/// directory, whose path is the answer; `None` when nothing was there.
pub async fn reset(engine: &Engine, session: &Session, lab: &Lab) -> Result<Option<PathBuf>> {
    let Some(kept) = kept_folder() else {
        return Err(EngineError::new(
            ErrorKind::Config,
            "there is nowhere to keep the old files: this user has no home",
        )
        .with_hint("set HOME"));
    };
    reset_keeping(engine, session, lab, &kept).await
}

/// Where the files of workspaces that were put back are kept; `None` for a user without a home.
pub fn kept_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "ondeck").map(|dirs| dirs.data_dir().join("kept"))
}

/// As [`reset`], keeping the old files in a folder.
pub async fn reset_keeping(engine: &Engine, session: &Session, lab: &Lab, kept: &Path) -> Result<Option<PathBuf>> {
    let archive = if is_empty(engine, session).await? { None } else { Some(keep(engine, session, lab, kept).await?) };
    let again = async {
        let ran = engine.exec_run(&session.container, &find(&["-delete"])).await?;
        if ran.code != Some(0) {
            return Err(EngineError::new(
                ErrorKind::Other,
                format!("the workspace of {} cannot be emptied: {}", session.id, ran.last_words()),
            ));
        }
        plant(engine, session, &lab.starter).await
    };
    match (again.await, &archive) {
        (Err(error), Some(archive)) => {
            let hint = format!("the old files are kept in {}", archive.display());
            Err(EngineError::new(error.kind, error.message).with_hint(hint))
        }
        (done, _) => done.map(|()| archive),
    }
}

/// Keeps all files of a workspace as an archive.
async fn keep(engine: &Engine, session: &Session, lab: &Lab, kept: &Path) -> Result<PathBuf> {
    let wrong = |why: String| {
        EngineError::new(ErrorKind::Other, format!("the old files cannot be kept, so nothing was changed: {why}"))
    };
    let io = |error: std::io::Error| wrong(error.to_string());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(kept).map_err(io)?;
    let plain = |ch: char| if ch.is_ascii_alphanumeric() || matches!(ch, '-' | '_') { ch } else { '-' };
    let owner: String = session.owner.chars().take(40).map(plain).collect();
    let time = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3f").to_string().replace('.', "-");
    let path = kept.join(format!("{}-{owner}-{time}.tar.gz", lab.id));
    let part = tempfile::Builder::new().prefix(".part-").tempfile_in(kept).map_err(io)?;
    let mut file = std::fs::OpenOptions::new().write(true).mode(0o600).open(part.path()).map_err(io)?;
    let command = ExecAsk::of(["tar", "--create", "--gzip", "--directory", WORKSPACE, "."]);
    let PipedExec { id, mut output, .. } = engine.exec_piped(&session.container, &command).await?;
    let (mut bytes, mut words) = (0, Vec::new());
    while let Some(piece) = output.next().await {
        match piece.map_err(|error| wrong(format!("the connection broke: {error}")))? {
            (Channel::Out, piece) => {
                bytes += piece.len() as u64;
                if bytes > MOST {
                    return Err(wrong(format!("they are more than {}", size(MOST)))
                        .with_hint("download what you need and remove what is large, then try again"));
                }
                file.write_all(&piece).map_err(io)?;
            }
            (Channel::Err, piece) if words.len() < 4096 => words.extend_from_slice(&piece),
            (Channel::Err, _) => {}
        }
    }
    // One: some file changed while it was read, which is nothing unusual.
    if !matches!(engine.exec_state(&id).await?.code, Some(0 | 1)) {
        let ran = crate::engine::Ran { err: words, ..Default::default() };
        return Err(wrong(ran.last_words()));
    }
    file.sync_all().map_err(io)?;
    part.persist_noclobber(&path).map_err(|error| io(error.error))?;
    Ok(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn scripts_can_be_run_and_folders_be_entered() {
        let files: Tree = [("a/b/run", "#!/bin/sh\n"), ("a/c", "x"), ("d", "")]
            .map(|(p, t)| (p.into(), t.into()))
            .into_iter()
            .collect();
        let packed = pack(&files).unwrap();
        let mut archive = tar::Archive::new(packed.as_slice());
        let seen: Vec<(String, u32)> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap()))
            .collect();
        let seen: Vec<(&str, u32)> = seen.iter().map(|(path, mode)| (path.as_str(), *mode)).collect();
        assert_eq!(seen, [("a/", 0o755), ("a/b/", 0o755), ("a/b/run", 0o755), ("a/c", 0o644), ("d", 0o644)]);
    }
}
