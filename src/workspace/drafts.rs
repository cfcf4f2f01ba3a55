//! Text that was typed and not yet saved, kept on this machine's disk.
//!
//! It outlives the panel (also `kill -9`), the connection and the session. Each panel writes files of its own, so
//! two that work on one file never touch each other's: whoever opens the file next is offered both. A panel holds
//! a lock while it lives, by which others see that a draft is being worked on. What cannot be read is reported and
//! left as it is.
//!
//! These functions wait for the disk: call them where that holds nobody up.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::form::hash;
use super::model::{Form, Stamp};

/// The version of the files that this writes and reads.
const VERSION: u32 = 1;
/// The longest first line that is one of ours.
const HEAD: u64 = 64 << 10;
const DRAFT: &str = "draft";
const LOCK: &str = "lock";

/// A workspace, as drafts know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(String);

impl Key {
    /// A session's: the volume that its workspace is, and what tells its host from others. Sessions end, these stay.
    pub fn session(volume: &str, host: &str) -> Self {
        Self(format!("volume {volume} on {host}"))
    }

    /// A directory of this machine, by its real path where there is one.
    pub fn host(root: &Path) -> Self {
        let real = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        Self(format!("directory {}", real.to_string_lossy()))
    }

    /// In words for people.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// All of it.
    pub text: String,
    /// How it would be written to the file.
    pub form: Form,
    /// The file that it was made of; `None` for one that was not there yet.
    pub base: Option<Stamp>,
    /// Line and column of the cursor, from 0.
    pub cursor: (usize, usize),
    /// When it was typed.
    pub at: Timestamp,
}

/// A draft that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The workspace.
    pub key: Key,
    /// The file in it.
    pub path: String,
    /// What was typed.
    pub draft: Draft,
    /// Whose it is.
    pub owner: Owner,
    /// Where it is kept.
    pub kept: PathBuf,
}

/// Whose a draft is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// This panel's.
    Own,
    /// That of another panel, which is running: somebody may be typing.
    Other,
    /// That of a panel which is gone.
    Left,
}

/// Drafts, the newest first, and what could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    /// Drafts.
    pub found: Vec<Found>,
    /// Files that are left as they are, and why they cannot be read.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// The first line of a draft's file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    ondeck_draft: u32,
    key: Key,
    path: String,
    #[serde(default)]
    form: Form,
    base: Option<Stamp>,
    cursor: (usize, usize),
    at: Timestamp,
    /// Of the text, which follows.
    bytes: u64,
    sha256: String,
}

/// Where drafts are kept. Clones are the same panel.
#[derive(Debug, Clone)]
pub struct Drafts {
    dir: PathBuf,
    /// Tells this panel's files from others'.
    token: String,
    #[allow(dead_code)] // Held while the panel lives; the system lets go of it however that ends.
    lock: Arc<File>,
}

impl Drafts {
    /// Keeps drafts in a directory, which is made when it is not there. Only its owner may look into it.
    pub fn new(dir: impl Into<PathBuf>) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let dir = dir.into();
        private(&dir)?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let chance = RandomState::new().hash_one((std::process::id(), count, Timestamp::now()));
        let token = format!("{chance:016x}");
        let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(lock_of(&dir, &token))?;
        // Some network file systems have no locks: drafts are kept there all the same, and each looks like a left one.
        let _ = lock.try_lock();
        Ok(Self { dir, token, lock: Arc::new(lock) })
    }

    /// Where they are kept.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps what was typed, in place of what this panel kept for the file before. That is lost only once the new
    /// one is on the disk.
    pub fn put(&self, key: &Key, path: &str, draft: &Draft) -> io::Result<()> {
        let head = Head {
            ondeck_draft: VERSION,
            key: key.clone(),
            path: path.to_owned(),
            form: draft.form,
            base: draft.base.clone(),
            cursor: draft.cursor,
            at: draft.at,
            bytes: draft.text.len() as u64,
            sha256: hash(draft.text.as_bytes()),
        };
        let mut bytes = serde_json::to_vec(&head)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(draft.text.as_bytes());
        private(&self.folder(key))?;
        let kept = self.file(key, path);
        let temporary = kept.with_extension("tmp");
        let written = write(&temporary, &bytes).and_then(|()| fs::rename(&temporary, &kept));
        if written.is_err() {
            // What went wrong before this is what is told.
            let _ = fs::remove_file(&temporary);
        }
        written?;
        File::open(self.folder(key))?.sync_all()
    }

    /// All drafts of a file.
    pub fn read(&self, key: &Key, path: &str) -> io::Result<Shelf> {
        let start = format!("{}.", short(path));
        self.shelf(&[self.folder(key)], |name| name.starts_with(&start)).map(|mut shelf| {
            shelf.found.retain(|f| f.key == *key && f.path == path);
            shelf
        })
    }

    /// All drafts of a workspace.
    pub fn list(&self, key: &Key) -> io::Result<Shelf> {
        let mut shelf = self.shelf(&[self.folder(key)], |_| true)?;
        shelf.found.retain(|f| f.key == *key);
        Ok(shelf)
    }

    /// All drafts that there are.
    pub fn list_all(&self) -> io::Result<Shelf> {
        self.shelf(&self.folders()?, |_| true)
    }

    /// Drops what this panel kept for a file, such as after it was saved. Drafts of others stay.
    pub fn forget(&self, key: &Key, path: &str) -> io::Result<()> {
        gone(fs::remove_file(self.file(key, path)))
    }

    /// Drops one that was found and is not wanted, or that was made this panel's own by [`Self::put`]. One that
    /// another panel has written anew since stays, and so does one that another panel works on.
    pub fn discard(&self, found: &Found) -> io::Result<()> {
        if found.owner == Owner::Other || self.owner(&found.kept) == Owner::Other {
            return Ok(());
        }
        match parse(&found.kept) {
            Ok((_, _, draft)) if draft == found.draft => gone(fs::remove_file(&found.kept)),
            Err(Unread::Io(e)) => gone(Err(e)),
            Ok(_) | Err(Unread::Words(_)) => Ok(()),
        }
    }

    /// Drops drafts that panels which are gone left behind, and that are older than this; answers with how many.
    /// What cannot be read stays.
    pub fn sweep(&self, older_than: Duration) -> io::Result<usize> {
        let all = self.list_all()?;
        let now = Timestamp::now();
        let mut dropped = 0;
        for found in all.found.iter().filter(|f| f.owner == Owner::Left) {
            let age = Duration::try_from(now.duration_since(found.draft.at)).unwrap_or_default();
            if age > older_than {
                gone(fs::remove_file(&found.kept))?;
                dropped += 1;
            }
        }
        self.tidy()?;
        Ok(dropped)
    }

    /// Removes what only running panels need: locks, unfinished files, empty folders.
    fn tidy(&self) -> io::Result<()> {
        for folder in self.folders()? {
            for file in names(&folder)? {
                if file.extension() == Some(OsStr::new("tmp")) && self.owner(&file) == Owner::Left {
                    gone(fs::remove_file(&file))?;
                }
            }
            // One that is not empty stays.
            let _ = fs::remove_dir(&folder);
        }
        for file in names(&self.dir)? {
            let token = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
            if file.extension() == Some(OsStr::new(LOCK)) && self.owner_by(token) == Owner::Left {
                gone(fs::remove_file(&file))?;
            }
        }
        Ok(())
    }

    fn folder(&self, key: &Key) -> PathBuf {
        self.dir.join(short(&key.0))
    }

    /// `FILE.PANEL.draft`.
    fn file(&self, key: &Key, path: &str) -> PathBuf {
        self.folder(key).join(format!("{}.{}.{DRAFT}", short(path), self.token))
    }

    fn folders(&self) -> io::Result<Vec<PathBuf>> {
        Ok(names(&self.dir)?.into_iter().filter(|path| path.is_dir()).collect())
    }

    fn shelf(&self, folders: &[PathBuf], wanted: impl Fn(&str) -> bool) -> io::Result<Shelf> {
        let mut shelf = Shelf::default();
        for folder in folders {
            for kept in names(folder)? {
                let name = kept.file_name().and_then(OsStr::to_str).unwrap_or_default();
                if kept.extension() != Some(OsStr::new(DRAFT)) || !wanted(name) {
                    continue;
                }
                match parse(&kept) {
                    Ok((key, path, draft)) => {
                        let owner = self.owner(&kept);
                        shelf.found.push(Found { key, path, draft, owner, kept });
                    }
                    // Saved, or discarded, in this moment.
                    Err(Unread::Io(e)) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(why) => shelf.unreadable.push((kept, why.to_string())),
                }
            }
        }
        shelf.found.sort_by_key(|f| std::cmp::Reverse(f.draft.at));
        shelf.unreadable.sort();
        Ok(shelf)
    }

    fn owner(&self, kept: &Path) -> Owner {
        let name = kept.file_name().and_then(OsStr::to_str).unwrap_or_default();
        self.owner_by(name.split('.').nth(1).unwrap_or_default())
    }

    fn owner_by(&self, token: &str) -> Owner {
        if token == self.token {
            return Owner::Own;
        }
        match File::open(lock_of(&self.dir, token)).map(|file| file.try_lock_shared()) {
            Ok(Err(TryLockError::WouldBlock)) => Owner::Other,
            // Let go of, or not there at all.
            _ => Owner::Left,
        }
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        if Arc::strong_count(&self.lock) == 1 {
            // One that stays is swept later.
            let _ = fs::remove_file(lock_of(&self.dir, &self.token));
        }
    }
}

fn lock_of(dir: &Path, token: &str) -> PathBuf {
    dir.join(format!("{token}.{LOCK}"))
}

/// Part of a file's name that any text can be.
fn short(text: &str) -> String {
    let mut hex = hash(text.as_bytes());
    hex.truncate(32);
    hex
}

fn private(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    // Also one that someone made before.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What is in a directory; nothing when that is not there.
fn names(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Ok(names) => names.map(|name| name.map(|n| n.path())).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// What is not there need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|e| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
}

/// Why a draft cannot be read.
enum Unread {
    Io(io::Error),
    Words(String),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Words(words) => f.write_str(words),
        }
    }
}

fn parse(kept: &Path) -> Result<(Key, String, Draft), Unread> {
    #[derive(Deserialize)]
    struct Version {
        ondeck_draft: u32,
    }
    let words = |words: &str| Err(Unread::Words(words.to_owned()));
    let mut file = BufReader::new(File::open(kept)?);
    let mut line = Vec::new();
    file.by_ref().take(HEAD).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return words("it is empty");
    }
    let Ok(version) = serde_json::from_slice::<Version>(&line) else {
        return words("its first line is not that of a draft");
    };
    if version.ondeck_draft > VERSION {
        return words("a newer ondeck wrote it");
    }
    let head: Head = match serde_json::from_slice(&line) {
        Ok(head) => head,
        Err(e) => return Err(Unread::Words(format!("its first line is not understood: {e}"))),
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    if text.len() as u64 != head.bytes {
        return Err(Unread::Words(format!("{} bytes of text were written, {} are there", head.bytes, text.len())));
    }
    if hash(&text) != head.sha256 {
        return words("its text is not what was written");
    }
    let Ok(text) = String::from_utf8(text) else { return words("its text is not UTF-8") };
    let draft = Draft { text, form: head.form, base: head.base, cursor: head.cursor, at: head.at };
    Ok((head.key, head.path, draft))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "drafts_tests.rs"]
mod tests;
