//! A copy of a workspace, held where the learner cannot change it.
//!
//! Links are kept as links. Where a check asks for a file behind one, the way there is found in what was copied, not by
//! the system, so that no link leads to a file of this machine.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Trouble;
use super::copy::{self, Copied};
use crate::engine::ErrorKind;
use crate::labs::{Limits, Tree};
use crate::workspace::{Place, Workspace};

/// The most links on the way to a file.
const HOPS: usize = 40;
/// What links of a session that name their target from the top begin with.
const ROOT: &str = "workspace";

/// What something in a submission is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, and what it names.
    Link(String),
}

/// Something in a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// What it is.
    pub kind: FileKind,
    /// Bytes of a file.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// SHA-256 of a file's bytes, in hexadecimal; empty for others.
    pub sha256: String,
}

/// A copy of a workspace. It is gone with the last clone of this.
#[derive(Debug, Clone)]
pub struct Submission {
    dir: Arc<tempfile::TempDir>,
    files: Arc<BTreeMap<String, FileEntry>>,
    skipped: Arc<Vec<String>>,
}

impl Submission {
    /// Copies a workspace: what the engine says is in a session's, without a program of the session, or a directory of
    /// this machine. No more than `limits` allow is ever copied.
    ///
    /// # Errors
    /// When it has more than that (`J_SUBMISSION`), or cannot be copied.
    pub async fn take(workspace: &Workspace, limits: &Limits, tell: &super::Tell<'_>) -> Result<Self, Trouble> {
        tell(super::Event::Step("Copying the workspace".to_owned()));
        let copied = match workspace.place() {
            Place::Session { engine, container, root } => {
                let pieces = engine.get_archive(container, root).await.map_err(|error| match error.kind {
                    ErrorKind::NotFound => Trouble::new(
                        "J_SESSION_LOST",
                        format!("the session ended before its files were copied: {}", error.message),
                        "start the lab again; its workspace was kept",
                    ),
                    _ => error.into(),
                })?;
                copy::archive(pieces, limits).await?
            }
            Place::Host { root } => copy::folder(root.clone(), limits).await?,
        };
        Ok(Self::from(copied))
    }

    /// The files of a tree, as a submission.
    pub fn of(tree: &Tree) -> io::Result<Self> {
        copy::tree(tree).map(Self::from)
    }

    /// Where the copy lies. Whoever reads in it does not follow links.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// All that is in it, by path.
    pub fn files(&self) -> &BTreeMap<String, FileEntry> {
        &self.files
    }

    /// What was left out: sockets, pipes, devices, and names that are no text.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The path of what is at `path` once all links are followed, if that is in the submission.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut waiting: Vec<String> = parts(path).rev().map(str::to_owned).collect();
        let mut at: Vec<String> = Vec::new();
        let mut hops = 0;
        while let Some(name) = waiting.pop() {
            if name == ".." {
                at.pop()?;
                continue;
            }
            at.push(name);
            let here = at.join("/");
            let entry = self.files.get(&here)?;
            let FileKind::Link(to) = &entry.kind else {
                if entry.kind == FileKind::File && !waiting.is_empty() {
                    return None;
                }
                continue;
            };
            hops += 1;
            if hops > HOPS {
                return None;
            }
            at.pop();
            let mut names: Vec<&str> = parts(to).collect();
            if to.starts_with('/') {
                at.clear();
                if names.first() != Some(&ROOT) {
                    return None;
                }
                names.remove(0);
            }
            waiting.extend(names.into_iter().rev().map(str::to_owned));
        }
        Some(at.join("/"))
    }

    /// Bytes of a file, links followed.
    pub fn size(&self, path: &str) -> Option<u64> {
        self.files.get(&self.resolve(path)?).filter(|entry| entry.kind == FileKind::File).map(|entry| entry.size)
    }

    /// A file's bytes; links within the submission are followed. `None` where there is no file.
    ///
    /// # Errors
    /// When the copy cannot be read.
    pub fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let Some(real) = self.resolve(path) else { return Ok(None) };
        if self.files.get(&real).is_none_or(|entry| entry.kind != FileKind::File) {
            return Ok(None);
        }
        self.read(&real).map(Some).map_err(|e| Trouble::disk("the copy of the workspace cannot be read", &e))
    }

    /// A file's text, bytes that are none replaced; otherwise as [`Self::bytes`].
    ///
    /// # Errors
    /// When the copy cannot be read.
    pub fn text(&self, path: &str) -> Result<Option<String>, Trouble> {
        Ok(self.bytes(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn read(&self, real: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut copy::open(&self.dir().join(real))?, &mut bytes)?;
        Ok(bytes)
    }

    /// The same for the same files with the same contents, as hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, entry) in self.files.iter().filter(|(_, entry)| entry.kind != FileKind::Folder) {
            let (kind, what) = match &entry.kind {
                FileKind::Link(to) => ("link", to.as_str()),
                _ if entry.mode & 0o100 != 0 => ("program", entry.sha256.as_str()),
                _ => ("file", entry.sha256.as_str()),
            };
            for word in [path, kind, what] {
                hash.update((word.len() as u64).to_le_bytes());
                hash.update(word);
            }
        }
        copy::hex(&hash.finalize())
    }

    /// Its files without its links.
    pub fn tree(&self) -> io::Result<Tree> {
        let files = self.files.iter().filter(|(_, entry)| entry.kind == FileKind::File);
        files.map(|(path, _)| Ok((path.clone(), self.read(path)?))).collect()
    }
}

impl From<Copied> for Submission {
    fn from(copied: Copied) -> Self {
        Self { dir: Arc::new(copied.dir), files: Arc::new(copied.files), skipped: Arc::new(copied.skipped) }
    }
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|part| !matches!(*part, "" | "."))
}

#[cfg(test)]
#[path = "submission_tests.rs"]
mod tests;
