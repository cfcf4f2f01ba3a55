//! Uploads and downloads: a tar archive is made on one side while the other unpacks it.
//!
//! In a session that is its own `tar`, not the engine's copying of files: that one silently misses what is mounted
//! in memory, shows half of a file to whoever reads it meanwhile, and cannot be taken back.

use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::archive::{self, Count, Piece, Target};
use super::model::{Moved, Weight};
use super::session::{self, Answer};
use super::trouble::{Tried, Why, io};
use super::{Place, Tell, host};
use crate::engine::{Channel, EngineError, ErrorKind, ExecAsk, PipedExec, Ran, Result};

/// How much of what a program complains of is kept.
const WORDS: usize = 4096;

pub(super) async fn upload(place: &Place, from: &Path, to: &str, overwrite: bool, tell: &Tell<'_>) -> Result<Moved> {
    let shown = from.to_string_lossy().into_owned();
    let tried = Tried { what: "uploaded", path: &shown };
    let (source, weight, folder) = source(from.to_owned()).await.map_err(io(tried))?;
    let mut progress = Progress::new(weight.bytes, tell);
    match place {
        Place::Session { engine, container, root } => {
            let ask = session::ask(root, "unpack", &[to, if overwrite && !folder { "1" } else { "" }]);
            let exec = engine.exec_piped(container, &ExecAsk { stdin: true, ..ask }).await?;
            let (pieces, packing) = archive::pack(source);
            feed(exec, pieces, &mut progress, tried, to).await?;
            let count = packing.await.map_err(|e| broken(tried, &e))?;
            Ok(progress.end(count))
        }
        Place::Host { root } => {
            let name = to.to_owned();
            let path =
                host::run(root, move |root| host::named(root, &name).map_err(io(Tried { what: "made", path: &name })));
            let target = Target { path: path.await?, folder, overwrite };
            let (pieces, _) = archive::pack(source);
            let (sender, unpacking) = archive::unpack(target);
            pass_on(pieces, sender, &mut progress).await;
            let count = unpacking.await.map_err(|e| broken(tried, &e))?;
            count.map(|count| progress.end(count)).map_err(|why| why.of(Tried { what: "made", path: to }))
        }
    }
}

pub(super) async fn download(place: &Place, path: &str, to: &Path, overwrite: bool, tell: &Tell<'_>) -> Result<Moved> {
    let tried = Tried { what: "downloaded", path };
    let shown = to.to_string_lossy().into_owned();
    let made = Tried { what: "made", path: &shown };
    let target = |folder| Target { path: to.to_owned(), folder, overwrite };
    let mut progress;
    let unpacking = match place {
        Place::Session { engine, container, root } => {
            let ask = session::ask(root, "pack", &[path]);
            let exec = engine.exec_piped(container, &ExecAsk { stdin: true, ..ask }).await?;
            let (id, mut arriving) = (exec.id.clone(), Arriving::new(exec));
            let (folder, total) = arriving.head(tried).await?;
            progress = Progress::new(total, tell);
            let (sender, unpacking) = archive::unpack(target(folder));
            let all = async {
                while let Some(piece) = arriving.next(tried).await? {
                    progress.add(piece.len());
                    if sender.send(Ok(Some(piece))).await.is_err() {
                        // It ended, and says why.
                        return Ok(());
                    }
                }
                let code = engine.exec_state(&id).await?.code;
                // One: some file changed while it was read, which is nothing unusual.
                if !matches!(code, Some(0 | 1)) {
                    return Err(arriving.failed(tried));
                }
                let _ = sender.send(Ok(None)).await;
                Ok(())
            };
            if let Err(error) = all.await {
                drop(sender);
                // It tidies up first.
                let _ = unpacking.await;
                return Err(error);
            }
            drop(sender);
            unpacking
        }
        Place::Host { root } => {
            let name = path.to_owned();
            let found = host::run(root, move |root| {
                host::place(root, &name).map_err(io(Tried { what: "downloaded", path: &name }))
            });
            let (source, weight, folder) = source(found.await?).await.map_err(io(tried))?;
            progress = Progress::new(weight.bytes, tell);
            let (pieces, _) = archive::pack(source);
            let (sender, unpacking) = archive::unpack(target(folder));
            pass_on(pieces, sender, &mut progress).await;
            unpacking
        }
    };
    let count = unpacking.await.map_err(|e| broken(tried, &e))?;
    count.map(|count| progress.end(count)).map_err(|why| why.of(made))
}

/// What is to be packed, what it weighs, whether it is a folder.
async fn source(from: std::path::PathBuf) -> io::Result<(std::path::PathBuf, Weight, bool)> {
    let look = move || {
        let from = fs::canonicalize(from)?;
        let about = fs::metadata(&from)?;
        if !about.is_dir() && !about.is_file() {
            return Err(io::Error::other(Why::Special));
        }
        let mut weight = Weight::default();
        host::weight(&from, &mut weight)?;
        Ok((from, weight, about.is_dir()))
    };
    tokio::task::spawn_blocking(look).await.map_err(io::Error::other)?
}

fn broken(tried: Tried<'_>, error: &tokio::task::JoinError) -> EngineError {
    Why::System(0, format!("a worker ended: {error}")).of(tried)
}

/// From one thread to another; what goes wrong on the way in is told by the one that unpacks.
async fn pass_on(mut pieces: mpsc::Receiver<Piece>, to: mpsc::Sender<Piece>, progress: &mut Progress<'_>) {
    while let Some(piece) = pieces.recv().await {
        if let Ok(Some(bytes)) = &piece {
            progress.add(bytes.len());
        }
        if to.send(piece).await.is_err() {
            return;
        }
    }
}

/// Sends an archive to the session's program and waits for its answer.
async fn feed(
    exec: PipedExec,
    mut pieces: mpsc::Receiver<Piece>,
    progress: &mut Progress<'_>,
    tried: Tried<'_>,
    to: &str,
) -> Result<()> {
    let PipedExec { mut input, mut output, .. } = exec;
    let sending = async {
        while let Some(piece) = pieces.recv().await {
            // Leaving without the last word makes the program undo what it did.
            let piece = piece.map_err(io(tried))?.unwrap_or_default();
            let length = u32::try_from(piece.len()).unwrap_or_default().to_be_bytes();
            let sent = async {
                input.write_all(&length).await?;
                input.write_all(&piece).await
            };
            if sent.await.is_err() {
                // It ended before, and says why.
                return Ok(());
            }
            progress.add(piece.len());
            if piece.is_empty() {
                break;
            }
        }
        // An answer, or its absence, tells how it went.
        let _ = input.shutdown().await;
        Ok(())
    };
    let reading = async {
        let mut ran = Ran::default();
        while let Some(Ok((channel, piece))) = output.next().await {
            keep(if channel == Channel::Out { &mut ran.out } else { &mut ran.err }, &piece);
        }
        Ok::<_, EngineError>(ran)
    };
    // The program may be over before all was sent.
    let ((), ran) = tokio::try_join!(sending, reading)?;
    Answer::of(&ran.out, &ran.err, Tried { what: "made", path: to }).map(drop)
}

fn keep(words: &mut Vec<u8>, piece: &[u8]) {
    words.extend_from_slice(&piece[..piece.len().min(WORDS.saturating_sub(words.len()))]);
}

/// An archive that comes out of a session.
struct Arriving {
    exec: PipedExec,
    start: Vec<u8>,
    err: Vec<u8>,
}

impl Arriving {
    fn new(exec: PipedExec) -> Self {
        Self { exec, start: Vec::new(), err: Vec::new() }
    }

    async fn piece(&mut self, tried: Tried<'_>) -> Result<Option<Bytes>> {
        loop {
            match self.exec.output.try_next().await {
                Ok(Some((Channel::Out, piece))) => return Ok(Some(piece)),
                Ok(Some((Channel::Err, piece))) => keep(&mut self.err, &piece),
                Ok(None) => return Ok(None),
                Err(_) => return Err(self.failed(tried)),
            }
        }
    }

    /// Whether a folder comes, and how many bytes its files have.
    async fn head(&mut self, tried: Tried<'_>) -> Result<(bool, u64)> {
        loop {
            let ends: Vec<usize> = memchr::memchr_iter(0, &self.start).take(3).collect();
            if let [.., end] = ends[..]
                && ends.len() == 3
            {
                let rest = self.start.split_off(end + 1);
                let head = std::mem::replace(&mut self.start, rest);
                let (mut answer, _) = Answer::of(&head, &self.err, tried)?;
                let folder = answer.field() == Some(b"folder");
                return Ok((folder, answer.number().unwrap_or_default()));
            }
            match self.piece(tried).await? {
                Some(piece) => self.start.extend_from_slice(&piece),
                None => return Err(self.failed(tried)),
            }
        }
    }

    async fn next(&mut self, tried: Tried<'_>) -> Result<Option<Bytes>> {
        if self.start.is_empty() {
            return self.piece(tried).await;
        }
        Ok(Some(std::mem::take(&mut self.start).into()))
    }

    fn failed(&self, tried: Tried<'_>) -> EngineError {
        let ran = Ran { err: self.err.clone(), ..Ran::default() };
        let words = ran.last_words();
        let why = if words.is_empty() { "the session ended or was cut off" } else { &words };
        EngineError::new(ErrorKind::Unreachable, format!("{} cannot be {}: {why}", tried.path, tried.what))
            .with_hint("does the session still run? (ondeck session ls)")
    }
}

/// Tells how far it is. An archive is a little larger than what is in it.
struct Progress<'a> {
    moved: Moved,
    tell: &'a Tell<'a>,
}

impl<'a> Progress<'a> {
    fn new(total: u64, tell: &'a Tell<'a>) -> Self {
        let moved = Moved { total, ..Moved::default() };
        tell(moved);
        Self { moved, tell }
    }

    fn add(&mut self, bytes: usize) {
        self.moved.bytes = (self.moved.bytes + bytes as u64).min(self.moved.total);
        (self.tell)(self.moved);
    }

    fn end(mut self, count: Count) -> Moved {
        let Count { files, bytes, skipped } = count;
        self.moved = Moved { bytes, total: bytes, files, skipped };
        (self.tell)(self.moved);
        self.moved
    }
}
