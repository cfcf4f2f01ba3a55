//! Copying a workspace to a folder of this machine, whatever is in it.
//!
//! What is copied may be made by someone who wants to get at other files: nothing is written but into a fresh folder
//! that only this user can enter, nothing below a link, nothing twice, and no more than was agreed.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::BoxStream;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::Trouble;
use super::submission::{FileEntry, FileKind};
use crate::engine::EngineError;
use crate::labs::{Limits, Tree};
use crate::text::{clean, count, size};

/// Pieces of an archive that wait to be unpacked.
const WAITING: usize = 8;
/// The longest path, in bytes.
const LONGEST: usize = 1024;
/// How many of the things left out are named.
const NAMED: usize = 100;
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// A copy.
#[derive(Debug)]
pub(super) struct Copied {
    pub dir: tempfile::TempDir,
    pub files: BTreeMap<String, FileEntry>,
    pub skipped: Vec<String>,
}

/// Why copying ended.
#[derive(Debug)]
enum Stop {
    /// It holds more than was agreed, or what no workspace holds.
    Refused(String, &'static str),
    /// The archive broke off.
    Engine(EngineError),
    /// This machine's disk, or an archive that is none.
    Io(io::Error),
    /// A file or folder of this machine cannot be read.
    Unreadable(String, io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|e| e.downcast_ref::<EngineError>()) {
            Some(error) => Self::Engine(error.clone()),
            None => Self::Io(error),
        }
    }
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(message, hint) => Self::new("J_SUBMISSION", message, hint),
            Stop::Engine(error) => error.into(),
            Stop::Io(error) => Self::disk("the workspace cannot be copied", &error),
            Stop::Unreadable(path, error) => Self::new(
                "J_SUBMISSION",
                format!("{path} cannot be read: {error}"),
                "look at its owner and permissions",
            ),
        }
    }
}

/// Unpacks what an engine sends of a folder.
pub(super) async fn archive(
    mut pieces: BoxStream<'static, crate::engine::Result<Bytes>>,
    limits: &Limits,
) -> Result<Copied, Trouble> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let limits = limits.clone();
    let unpacking = tokio::task::spawn_blocking(move || unpack(Source { receiver, piece: Bytes::new() }, &limits));
    while let Some(piece) = pieces.next().await {
        // It ended, and says why.
        if sender.send(piece.map_err(io::Error::other)).await.is_err() {
            break;
        }
    }
    drop(sender);
    done(unpacking.await)
}

/// Copies a folder of this machine.
pub(super) async fn folder(root: PathBuf, limits: &Limits) -> Result<Copied, Trouble> {
    let limits = limits.clone();
    done(tokio::task::spawn_blocking(move || walk(&root, &limits)).await)
}

fn done(result: Result<Result<Copied, Stop>, tokio::task::JoinError>) -> Result<Copied, Trouble> {
    result.map_err(|e| Trouble::new("J_DISK", format!("the workspace was not copied: {e}"), ""))?.map_err(Into::into)
}

/// The files of a tree.
pub(super) fn tree(tree: &Tree) -> io::Result<Copied> {
    let limits = Limits { max_bytes: u64::MAX, max_files: usize::MAX };
    let mut copy = Copy::new(&limits)?;
    for (path, bytes) in tree.iter() {
        let mode = if Tree::is_program(bytes) { 0o755 } else { 0o644 };
        copy.file(path, mode, &mut &*bytes).map_err(|stop| match stop {
            Stop::Io(error) | Stop::Unreadable(_, error) => error,
            Stop::Refused(message, _) => io::Error::other(message),
            Stop::Engine(error) => io::Error::other(error),
        })?;
    }
    Ok(copy.done)
}

/// Opens a file that is no link.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // A pipe that took its place must not hold us up.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file any more")) }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Into a text nothing can fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// A copy that is being made.
struct Copy<'a> {
    done: Copied,
    limits: &'a Limits,
    bytes: u64,
    files: usize,
    folders: usize,
}

impl<'a> Copy<'a> {
    fn new(limits: &'a Limits) -> io::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("ondeck-submission-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?;
        let done = Copied { dir, files: BTreeMap::new(), skipped: Vec::new() };
        Ok(Self { done, limits, bytes: 0, files: 0, folders: 0 })
    }

    /// Where something new comes: its folders are there and are folders, and nothing is there yet.
    fn place(&mut self, path: &str) -> Result<PathBuf, Stop> {
        if let Err(error) = crate::workspace::check_path(path) {
            return Err(Stop::Refused(format!("a path cannot be that of a file: {}", error.message), ""));
        }
        if path.len() > LONGEST {
            return Err(Stop::Refused(format!("a path has {} bytes; {LONGEST} are the most", path.len()), ""));
        }
        if self.done.files.contains_key(path) {
            return Err(Stop::Refused(format!("{} comes twice", clean(path)), ""));
        }
        if let Some((folder, _)) = path.rsplit_once('/') {
            match self.done.files.get(folder).map(|entry| &entry.kind) {
                Some(FileKind::Folder) => {}
                Some(_) => {
                    return Err(Stop::Refused(format!("{} lies in what is no folder", clean(path)), ""));
                }
                None => self.folder(folder, 0o755)?,
            }
        }
        Ok(self.done.dir.path().join(path))
    }

    fn count_file(&mut self) -> Result<(), Stop> {
        self.files += 1;
        let most = self.limits.max_files;
        if self.files > most {
            let message = format!("the workspace has more than {}, the most that this lab takes", count(most, "file"));
            return Err(Stop::Refused(message, "remove what does not belong to the solution, then submit again"));
        }
        Ok(())
    }

    fn folder(&mut self, path: &str, mode: u32) -> Result<(), Stop> {
        let place = self.place(path)?;
        self.folders += 1;
        let most = self.limits.max_files;
        if self.folders > most {
            let message = format!("the workspace has more than {}", count(most, "folder"));
            return Err(Stop::Refused(message, "remove what does not belong to the solution, then submit again"));
        }
        // We have to write into it, whatever its owner may.
        DirBuilder::new().mode(0o700).create(&place)?;
        fs::set_permissions(&place, Permissions::from_mode(mode & 0o777 | 0o700))?;
        self.note(path, FileKind::Folder, 0, mode, String::new());
        Ok(())
    }

    fn link(&mut self, path: &str, to: &str) -> Result<(), Stop> {
        self.count_file()?;
        symlink(to, self.place(path)?)?;
        self.note(path, FileKind::Link(to.to_owned()), 0, 0o777, String::new());
        Ok(())
    }

    fn file(&mut self, path: &str, mode: u32, from: &mut impl Read) -> Result<(), Stop> {
        self.count_file()?;
        let place = self.place(path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place)?;
        let (mut hash, mut size) = (Sha256::new(), 0u64);
        let mut piece = vec![0; PIECE];
        loop {
            let n = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e.into()),
            };
            size += n as u64;
            self.bytes += n as u64;
            if self.bytes > self.limits.max_bytes {
                return Err(self.too_large(path));
            }
            hash.update(&piece[..n]);
            file.write_all(&piece[..n])?;
        }
        file.set_permissions(Permissions::from_mode(mode & 0o777 | 0o400))?;
        self.note(path, FileKind::File, size, mode, hex(&hash.finalize()));
        Ok(())
    }

    fn too_large(&self, path: &str) -> Stop {
        let largest = self.done.files.iter().max_by_key(|(_, entry)| entry.size);
        // The one that was too much, or the one that left no room for it.
        let guilty = largest.filter(|(_, entry)| entry.size * 2 > self.limits.max_bytes).map_or(path, |(path, _)| path);
        let message = format!(
            "the workspace has more than {}, the most that this lab takes; look at {}",
            size(self.limits.max_bytes),
            clean(guilty)
        );
        Stop::Refused(message, "remove what does not belong to the solution, then submit again")
    }

    fn note(&mut self, path: &str, kind: FileKind, size: u64, mode: u32, sha256: String) {
        self.done.files.insert(path.to_owned(), FileEntry { kind, size, mode: mode & 0o7777, sha256 });
    }

    fn skip(&mut self, path: &str) -> Result<(), Stop> {
        self.count_file()?;
        if self.done.skipped.len() < NAMED {
            self.done.skipped.push(clean(path).into_owned());
        }
        Ok(())
    }
}

fn unpack(source: Source, limits: &Limits) -> Result<Copied, Stop> {
    let mut copy = Copy::new(limits)?;
    let mut archive = tar::Archive::new(source);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        let mode = entry.header().mode().unwrap_or(0o644);
        let bytes = entry.path_bytes().into_owned();
        let Some(path) = inside(&bytes).map_err(|why| Stop::Refused(why, ""))? else {
            copy.skip(&String::from_utf8_lossy(&bytes))?;
            continue;
        };
        if path.is_empty() {
            continue;
        }
        match kind {
            tar::EntryType::Directory => copy.folder(&path, mode)?,
            tar::EntryType::Symlink => match entry.link_name_bytes().map(|to| String::from_utf8(to.into_owned())) {
                Some(Ok(to)) if !to.is_empty() && !to.contains('\0') => copy.link(&path, &to)?,
                _ => copy.skip(&path)?,
            },
            // Another name of a file that came before.
            tar::EntryType::Link => {
                let first = entry.link_name_bytes().map(|to| inside(&to)).transpose();
                let first = first.map_err(|why| Stop::Refused(why, ""))?.flatten().unwrap_or_default();
                if copy.done.files.get(&first).is_none_or(|entry| entry.kind != FileKind::File) {
                    let why = format!("{} is another name of what is no file", clean(&path));
                    return Err(Stop::Refused(why, ""));
                }
                let mut file = open(&copy.done.dir.path().join(&first))?;
                let mode = copy.done.files[&first].mode;
                copy.file(&path, mode, &mut file)?;
            }
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                let promised = entry.size();
                copy.file(&path, mode, &mut entry)?;
                if copy.done.files[&path].size != promised {
                    let why = format!("the copy of {} broke off", clean(&path));
                    return Err(Stop::Refused(
                        why,
                        "something in the workspace changes all the time; stop it, then submit again",
                    ));
                }
            }
            _ => copy.skip(&path)?,
        }
    }
    Ok(copy.done)
}

/// A path of an archive without the name of the folder that it is of; nothing when it is no text.
fn inside(bytes: &[u8]) -> Result<Option<String>, String> {
    let Ok(path) = std::str::from_utf8(bytes) else { return Ok(None) };
    let mut names = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => names.push(name.to_string_lossy()),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(format!("the archive holds a path that leads out of it: {}", clean(path)));
            }
        }
    }
    Ok(Some(names.get(1..).unwrap_or_default().join("/")))
}

fn walk(root: &Path, limits: &Limits) -> Result<Copied, Stop> {
    let mut copy = Copy::new(limits)?;
    let shown = |path: &str| if path.is_empty() { root.display().to_string() } else { path.to_owned() };
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let unreadable = |e: io::Error| Stop::Unreadable(shown(&folder), e);
        for found in fs::read_dir(root.join(&folder)).map_err(unreadable)? {
            let found = found.map_err(unreadable)?;
            let Ok(name) = found.file_name().into_string() else {
                copy.skip(&found.file_name().to_string_lossy())?;
                continue;
            };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let unreadable = |e| Stop::Unreadable(path.clone(), e);
            let about = match fs::symlink_metadata(found.path()) {
                // It went meanwhile.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                known => known.map_err(unreadable)?,
            };
            if about.is_symlink() {
                match fs::read_link(found.path()).map_err(unreadable)?.into_os_string().into_string() {
                    Ok(to) => copy.link(&path, &to)?,
                    Err(_) => copy.skip(&path)?,
                }
            } else if about.is_dir() {
                copy.folder(&path, about.mode())?;
                folders.push(path);
            } else if about.is_file() {
                let mut file = open(&found.path()).map_err(unreadable)?;
                copy.file(&path, about.mode(), &mut file)?;
            } else {
                copy.skip(&path)?;
            }
        }
    }
    Ok(copy.done)
}

/// Reads what is sent.
struct Source {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let n = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}
