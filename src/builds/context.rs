//! What a build is made from: the files of a folder that `.dockerignore` does not leave out, as an archive that is
//! made while it is sent.
//!
//! A folder is listed first, then sent. Of a folder in a container only names, sizes and modes come here, from `find`
//! there; what is to be built from is then packed there by `tar` from the list of exactly those files. So an ignored
//! folder never travels, and what the archive holds is known before it begins.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::pack;
use crate::dockerfile::ignore::{self, Ignore, Rules};
use crate::engine::{Engine, EngineError, ErrorKind, Result};
use crate::text::{clean, count, size};

/// Bytes of a context that are worth a word, unless something else is said.
pub const LARGE: u64 = 50 << 20;
/// How many of the largest folders and files are named.
const NAMED: usize = 5;

/// A folder to build from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Of this machine.
    Dir(PathBuf),
    /// Of a running container that has `find` and `tar`, such as a session's.
    Container {
        /// The engine that runs the container.
        engine: Box<Engine>,
        /// The container.
        container: String,
        /// The folder in it.
        dir: String,
    },
}

/// Something in the folder that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its path.
    pub path: String,
    /// What it is.
    pub why: &'static str,
}

/// What is known of a context before it is sent. Its texts are harmless.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContextSeen {
    /// How many files it has, folders not counted.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How many files and folders are left out; what is in a folder that is not entered does not count.
    pub ignored: usize,
    /// The folders and files that make it large, largest first.
    pub largest: Vec<(String, u64)>,
    /// What cannot be sent.
    pub skipped: Vec<Skipped>,
    /// The file that says what is ignored.
    pub ignore_file: Option<String>,
    /// Whether `.dockerignore` leaves out the Dockerfile, which has to be sent all the same.
    pub dockerfile_ignored: bool,
}

impl ContextSeen {
    /// Words for a context of more than `limit` bytes: how large it is, what makes it so, and the line for
    /// `.dockerignore` that helps.
    pub fn warning(&self, limit: u64) -> Option<String> {
        if self.bytes <= limit {
            return None;
        }
        let named: Vec<String> = self.largest.iter().take(3).map(|(p, n)| format!("{p} ({})", size(*n))).collect();
        let mut words = format!(
            "the build context has {} in {}: {}",
            size(self.bytes),
            count(self.files, "file"),
            named.join(", ")
        );
        if let Some(line) = self.suggestion() {
            let file = self.ignore_file.as_deref().unwrap_or(".dockerignore");
            words = format!("{words}; where the image does not need it, a line {line} in {file} leaves it out");
        }
        Some(words)
    }

    /// The line for `.dockerignore` that makes the context smaller than any other.
    pub fn suggestion(&self) -> Option<String> {
        self.largest.first().map(|(path, _)| escaped(path))
    }
}

/// A path as a pattern that matches only it.
fn escaped(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') || (out.is_empty() && matches!(c, '!' | '#')) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether a path is part of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whether {
    /// It is sent.
    Sent,
    /// It is, or would be, left out.
    Ignored {
        /// The line that does so, from 1.
        line: Option<usize>,
        /// The file that has the line.
        file: String,
    },
    /// There is nothing of that name.
    Absent,
}

/// A file, folder or link to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Relative to the folder.
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    Fifo,
    Socket,
    Device,
}

/// A folder as it is sent to a build.
#[derive(Debug, Clone)]
pub struct Context {
    seen: ContextSeen,
    source: Source,
    entries: Arc<Vec<Entry>>,
    names: BTreeSet<String>,
    ignored: BTreeSet<String>,
    ignore: Ignore,
    dockerfile: String,
}

/// A context on its way.
pub(super) struct Sending {
    /// The archive.
    pub(super) tar: BoxStream<'static, std::io::Result<Bytes>>,
    /// Bytes of it that were taken.
    pub(super) sent: Arc<AtomicU64>,
    /// Why it broke off.
    pub(super) trouble: Arc<OnceLock<EngineError>>,
}

impl Context {
    /// Looks through a folder. `dockerfile` is relative to it.
    ///
    /// # Errors
    /// When there is no such folder or no Dockerfile in it, something in it cannot be read, or a line of `.dockerignore`
    /// is one that Docker refuses.
    pub async fn look(source: &Source, dockerfile: &str, rules: Rules) -> Result<Self> {
        let dockerfile = ignore::clean(dockerfile);
        if dockerfile.starts_with('/') || dockerfile.starts_with("..") || dockerfile == "." {
            let message = format!("the Dockerfile {dockerfile} is outside of the folder that is built");
            return Err(EngineError::new(ErrorKind::Config, message)
                .with_hint("its path is relative to that folder, such as docker/Dockerfile"));
        }
        let mut ignore = Ignore::default();
        let mut ignore_file = None;
        for name in ignore::ignore_files(&dockerfile, rules) {
            if let Some(bytes) = pack::read(source, &name).await? {
                ignore = Ignore::parse(&String::from_utf8_lossy(&bytes)).with_rules(rules);
                ignore_file = Some(name);
                break;
            }
        }
        let file = ignore_file.clone().unwrap_or_else(|| ".dockerignore".to_owned());
        if let Some(problem) = ignore.problems.first() {
            let message = format!("line {} of {file}: {}", problem.line, problem.message);
            return Err(EngineError::new(ErrorKind::Config, message));
        }
        let dockerfile_ignored = !ignore.reaches(&dockerfile);
        // The classic builder reads .dockerignore once more, to take these two out of the context again.
        let kept = [dockerfile.as_str(), ".dockerignore"];
        let ignore = ignore.keeping(kept.into_iter().take(if rules == Rules::Classic { 2 } else { 1 }));
        let Sieve { entries, ignored, skipped, ignore, .. } = pack::list(source, Sieve::new(ignore)).await?;
        let names: BTreeSet<String> = entries.iter().map(|e| String::from_utf8_lossy(&e.path).into_owned()).collect();
        if !names.contains(&dockerfile) {
            let message = format!("there is no {} in {}", dockerfile, source.words());
            return Err(EngineError::new(ErrorKind::NotFound, message));
        }
        let seen = ContextSeen {
            files: entries.iter().filter(|e| e.kind != Kind::Folder).count(),
            bytes: entries.iter().map(|e| e.size).sum(),
            ignored: ignored.len(),
            largest: largest(&entries, &dockerfile),
            skipped,
            ignore_file,
            dockerfile_ignored,
        };
        let (source, entries) = (source.clone(), Arc::new(entries));
        Ok(Self { seen, source, entries, names, ignored, ignore, dockerfile })
    }

    /// What is known of it.
    pub const fn seen(&self) -> &ContextSeen {
        &self.seen
    }

    /// The Dockerfile's path in it.
    pub fn dockerfile(&self) -> &str {
        &self.dockerfile
    }

    /// The paths that are sent, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether a path is sent. One with wildcards is when anything that it could mean is.
    pub fn whether(&self, path: &str) -> Whether {
        let path = ignore::clean(path);
        let path = path.trim_start_matches('/');
        if path == "." || path.is_empty() || self.names.contains(path) {
            return Whether::Sent;
        }
        let below = |names: &BTreeSet<String>| {
            let wild = path.contains(['*', '?', '[']);
            wild && Ignore::parse(path).matches_any(names.iter().map(String::as_str))
        };
        if below(&self.names) {
            return Whether::Sent;
        }
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        let hidden = parents.chain([path]).find(|p| self.ignored.contains(*p));
        if hidden.is_some() || below(&self.ignored) {
            let file = self.seen.ignore_file.clone().unwrap_or_else(|| ".dockerignore".to_owned());
            return Whether::Ignored { line: self.ignore.decided_by(hidden.unwrap_or(path)), file };
        }
        Whether::Absent
    }

    /// A path of the context that is spelled much like `path`: in other letters' case, or in another folder.
    pub fn similar(&self, path: &str) -> Option<&str> {
        let name = path.rsplit('/').next().filter(|n| !n.is_empty())?;
        let same_case = self.names.iter().find(|n| n.eq_ignore_ascii_case(path));
        let elsewhere = || self.names.iter().find(|n| n.rsplit('/').next() == Some(name));
        same_case.or_else(elsewhere).map(String::as_str)
    }

    /// The archive.
    pub(super) fn send(&self) -> Sending {
        let (sent, trouble) = (Arc::new(AtomicU64::new(0)), Arc::new(OnceLock::new()));
        let counted = sent.clone();
        let tar = pack::tar(&self.source, self.entries.clone(), trouble.clone())
            .inspect(move |piece| {
                let bytes = piece.as_ref().map_or(0, Bytes::len);
                counted.fetch_add(bytes as u64, Ordering::Relaxed);
            })
            .boxed();
        Sending { tar, sent, trouble }
    }
}

impl Source {
    /// The folder in words.
    pub fn words(&self) -> String {
        match self {
            Self::Dir(path) => clean(&path.display().to_string()).into_owned(),
            Self::Container { dir, .. } => clean(dir).into_owned(),
        }
    }
}

/// Takes a folder's entries, parents before what is in them, and keeps those that are sent.
pub(super) struct Sieve {
    ignore: Ignore,
    entries: Vec<Entry>,
    ignored: BTreeSet<String>,
    skipped: Vec<Skipped>,
    /// Folders that are left out but entered: sent only once something in them is.
    waiting: Vec<Entry>,
    /// A folder that is not entered.
    closed: Option<Vec<u8>>,
}

impl Sieve {
    pub(super) fn new(ignore: Ignore) -> Self {
        let (entries, ignored, skipped) = (Vec::new(), BTreeSet::new(), Vec::new());
        Self { ignore, entries, ignored, skipped, waiting: Vec::new(), closed: None }
    }

    /// What it sifts by.
    pub(super) const fn ignore(&self) -> &Ignore {
        &self.ignore
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Takes one; for a folder, whether what is in it is of interest, else whether it is sent.
    pub(super) fn take(&mut self, entry: Entry) -> bool {
        let inside = |folder: &[u8], path: &[u8]| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"));
        if self.closed.as_deref().is_some_and(|closed| inside(closed, &entry.path)) {
            return false;
        }
        self.closed = None;
        while self.waiting.last().is_some_and(|folder| !inside(&folder.path, &entry.path)) {
            self.waiting.pop();
        }
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        if self.ignore.excludes(&path) {
            let enter = entry.kind == Kind::Folder && self.ignore.may_hold_included(&path);
            if enter {
                self.waiting.push(entry);
            } else if entry.kind == Kind::Folder {
                self.closed = Some(entry.path);
            }
            self.ignored.insert(path);
            return enter;
        }
        let why = match entry.kind {
            Kind::Socket => Some("a socket"),
            Kind::Device => Some("a device"),
            _ => None,
        };
        if let Some(why) = why {
            self.skipped.push(Skipped { path: clean(&path).into_owned(), why });
            return false;
        }
        for folder in self.waiting.drain(..) {
            self.ignored.remove(&*String::from_utf8_lossy(&folder.path));
            self.entries.push(folder);
        }
        self.entries.push(entry);
        true
    }
}

/// The folders and files that hold the most; of a folder in which one folder holds nearly all, that one. Hidden ones,
/// such as `.git`, are left out whole or not at all.
fn largest(entries: &[Entry], dockerfile: &str) -> Vec<(String, u64)> {
    let mut within: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for entry in entries.iter().filter(|e| e.size > 0) {
        let path = String::from_utf8_lossy(&entry.path);
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let mut parent = "";
        for end in ends {
            let here = &path[..end];
            *within.entry(parent.to_owned()).or_default().entry(here.to_owned()).or_default() += entry.size;
            parent = here;
        }
    }
    let Some(top) = within.get("") else { return Vec::new() };
    let mut found: Vec<(String, u64)> = top
        .iter()
        .map(|(path, bytes)| {
            let (mut path, mut bytes) = (path.as_str(), *bytes);
            while !path.starts_with('.')
                && let Some((deeper, n)) = within.get(path).and_then(|inside| inside.iter().max_by_key(|(_, n)| **n))
                && *n * 10 >= bytes * 9
                && within.contains_key(deeper.as_str())
            {
                (path, bytes) = (deeper, *n);
            }
            (path.to_owned(), bytes)
        })
        .filter(|(path, _)| path != dockerfile)
        .collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found.truncate(NAMED);
    found.into_iter().map(|(path, bytes)| (clean(&path).into_owned(), bytes)).collect()
}

/// Bytes of a path as the system takes them.
pub(super) fn os(path: &[u8]) -> &OsStr {
    OsStr::from_bytes(path)
}
