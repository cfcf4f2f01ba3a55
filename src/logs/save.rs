//! A whole log into a file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncWriteExt, BufWriter};

use super::chunk::{Chunk, Line};
use super::line::plain;
use super::reader::Limits;
use super::source::{Chunks, LogSource, Source};
use crate::engine::{EngineError, LogAsk};

/// What was written so far, or in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Saved {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Why a log could not be saved. Nothing is left of the file then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveError {
    /// There is a file of that name already, and it was not to be replaced.
    Exists(PathBuf),
    /// The file cannot be written; why, in words.
    File(String),
    /// The log cannot be read.
    Engine(EngineError),
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(path) => write!(f, "{} is there already", crate::text::clean(&path.to_string_lossy())),
            Self::File(why) => f.write_str(why),
            Self::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SaveError {}

impl From<EngineError> for SaveError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// A line longer than this is cut even in a file: it has to be held whole while it is cleaned.
const LONGEST: usize = 64 << 20;

/// Writes the logs of `sources` to `path` as plain text: a line's time, with several sources the name of
/// its own, its text. All lines are written, merged by time, but only as many as there are now.
/// A file of that name is left alone unless `replace`. `progress` is told after each batch of lines.
/// When the future is dropped, nothing is left of the file.
pub async fn save(
    from: &dyn LogSource,
    sources: &[Source],
    path: &Path,
    replace: bool,
    mut progress: impl FnMut(Saved) + Send,
) -> Result<Saved, SaveError> {
    let mut target = Target::create(path, replace).await?;
    let mut heads = Vec::new();
    for (n, source) in sources.iter().enumerate() {
        let reader = source.reader(n).with_limits(Limits { line: LONGEST, ..Limits::default() });
        let chunks = Chunks::new(from.logs(&source.id, &LogAsk::default()).await?, reader);
        let mut head = Head { chunks, chunk: Arc::default(), at: 0, time: i64::MIN };
        if head.advance().await? {
            heads.push(head);
        }
    }
    let mut saved = Saved::default();
    let mut row = String::new();
    while let Some(n) = (0..heads.len()).min_by_key(|n| (heads[*n].time, *n)) {
        let head = &mut heads[n];
        if let Some(line) = head.chunk.line(head.at) {
            row.clear();
            write_row(&mut row, &line, (sources.len() > 1).then(|| sources.get(usize::from(line.source))).flatten());
            target.write(row.as_bytes()).await?;
            saved.lines += 1;
            saved.bytes += row.len() as u64;
        }
        head.at += 1;
        if head.at >= head.chunk.len() {
            progress(saved);
            // With an engine as quick as the disk nothing here would ever wait, and nobody could cancel.
            tokio::task::yield_now().await;
        }
        if !head.advance().await? {
            heads.remove(n);
        }
    }
    target.finish().await?;
    progress(saved);
    Ok(saved)
}

fn write_row(row: &mut String, line: &Line<'_>, source: Option<&Source>) {
    use fmt::Write;
    // Writing to a String does not fail.
    let time = line.time().unwrap_or(Timestamp::UNIX_EPOCH);
    let _ = write!(row, "{time:.9} ");
    if let Some(source) = source {
        let _ = write!(row, "{} ", crate::text::clean(&source.name));
    }
    row.push_str(&plain(line));
    if line.dropped > 0 {
        let _ = write!(row, " … {} bytes more", line.dropped);
    }
    row.push('\n');
}

/// The next line of one source.
struct Head {
    chunks: Chunks,
    chunk: Arc<Chunk>,
    at: usize,
    time: i64,
}

impl Head {
    /// Makes sure of a line at `at`; `false` at the end of the log.
    async fn advance(&mut self) -> Result<bool, EngineError> {
        while self.at >= self.chunk.len() {
            let Some(chunk) = self.chunks.next().await else { return Ok(false) };
            self.chunk = chunk?;
            self.at = 0;
        }
        self.time = self.time.max(self.chunk.line(self.at).map_or(0, |line| line.nanos));
        Ok(true)
    }
}

/// The file being written: removed when it is dropped before it was finished.
struct Target {
    file: BufWriter<File>,
    writing: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl Target {
    async fn create(path: &Path, replace: bool) -> Result<Self, SaveError> {
        // A file that is replaced stays what it was until the new one is complete.
        let writing = if replace {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}.part", std::process::id()));
            path.with_file_name(name)
        } else {
            path.to_owned()
        };
        let file = OpenOptions::new().write(true).create_new(true).open(&writing).await.map_err(|error| match error
            .kind()
        {
            io::ErrorKind::AlreadyExists => SaveError::Exists(writing.clone()),
            _ => trouble("create", &writing, &error),
        })?;
        Ok(Self { file: BufWriter::with_capacity(256 << 10, file), writing, path: path.to_owned(), finished: false })
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), SaveError> {
        self.file.write_all(bytes).await.map_err(|error| trouble("write", &self.path, &error))
    }

    async fn finish(mut self) -> Result<(), SaveError> {
        self.file.flush().await.map_err(|error| trouble("write", &self.path, &error))?;
        if self.writing != self.path {
            tokio::fs::rename(&self.writing, &self.path)
                .await
                .map_err(|error| trouble("replace", &self.path, &error))?;
        }
        self.finished = true;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = std::fs::remove_file(&self.writing)
        {
            // Nobody is left to tell; and a file that is gone already is as good.
            drop(error);
        }
    }
}

fn trouble(what: &str, path: &Path, error: &io::Error) -> SaveError {
    let path = path.to_string_lossy();
    let path = crate::text::clean(&path);
    SaveError::File(match error.kind() {
        io::ErrorKind::PermissionDenied => format!("you may not {what} {path}"),
        io::ErrorKind::NotFound => format!("the folder of {path} is not there"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("no room left for {path}"),
        io::ErrorKind::ReadOnlyFilesystem => format!("{path} is on a read-only file system"),
        io::ErrorKind::IsADirectory => format!("{path} is a folder"),
        _ => format!("cannot {what} {path}: {error}"),
    })
}
