//! Files of a directory of this machine.

use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::model::{self, Entry, Inside, Kind, Listing, Opened, Saved, Stamp, Weight};
use super::trouble::{Tried, Why, io};
use super::{Expect, LARGEST, LEFT, MOST, form};
use crate::engine::{EngineError, ErrorKind, Result};

/// Does something with the real folder, where waiting for a disk holds nobody up.
pub(super) async fn run<T: Send + 'static>(
    root: &Path,
    work: impl FnOnce(&Path) -> Result<T> + Send + 'static,
) -> Result<T> {
    let root = root.to_owned();
    let done = tokio::task::spawn_blocking(move || {
        let shown = root.to_string_lossy().into_owned();
        let real = fs::canonicalize(&root).map_err(io(Tried { what: "opened", path: &shown }))?;
        work(&real)
    });
    done.await.map_err(|e| EngineError::new(ErrorKind::Other, format!("a worker ended: {e}")))?
}

/// A path whose folder is real, and lies in the workspace; its last name may be a link.
pub(super) fn named(root: &Path, path: &str) -> io::Result<PathBuf> {
    real(root, &root.join(path))
}

fn real(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        // It ends with `..`, or is the topmost of all folders.
        let whole = fs::canonicalize(path)?;
        return if whole.starts_with(root) { Ok(whole) } else { Err(io::Error::other(Why::Outside)) };
    };
    let folder = fs::canonicalize(folder)?;
    if !folder.is_dir() {
        return Err(io::Error::from_raw_os_error(20));
    }
    if !folder.starts_with(root) {
        return Err(io::Error::other(Why::Outside));
    }
    Ok(folder.join(name))
}

/// The same with links followed to the end, and all of it in the workspace.
pub(super) fn place(root: &Path, path: &str) -> io::Result<PathBuf> {
    let mut path = named(root, path)?;
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(to) => path = real(root, &path.parent().unwrap_or(root).join(to))?,
            // No link, or nothing at all.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::from_raw_os_error(40))
}

/// A name in the same folder that nothing has.
pub(super) fn fresh(path: &Path) -> PathBuf {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let chance = RandomState::new().hash_one((std::process::id(), count));
    path.with_file_name(format!(".ondeck-{chance:016x}.tmp"))
}

/// Whether a name is one that [`fresh`] gives.
pub(super) fn is_ours(name: &str) -> bool {
    let middle = name.strip_prefix(".ondeck-").and_then(|n| n.strip_suffix(".tmp"));
    middle.is_some_and(|m| m.len() == 16 && m.bytes().all(|b| b.is_ascii_hexdigit()))
}

pub(super) fn modified(about: &Metadata) -> Timestamp {
    Timestamp::new(about.mtime(), about.mtime_nsec() as i32).unwrap_or_default()
}

fn stamp(about: &Metadata, hash: String) -> Stamp {
    Stamp { size: about.len(), modified: modified(about), inode: about.ino(), hash }
}

pub(super) fn list(root: &Path) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut less = std::collections::HashMap::new();
    let mut queue = std::collections::VecDeque::from([PathBuf::new()]);
    while let Some(at) = queue.pop_front() {
        let shown = at.to_string_lossy().into_owned();
        if listing.cut {
            less.insert(shown, Inside::Cut);
            continue;
        }
        let names = match fs::read_dir(root.join(&at)) {
            Ok(names) => names,
            Err(e) if shown.is_empty() => {
                return Err(Why::from(e).of(Tried { what: "listed", path: &root.to_string_lossy() }));
            }
            Err(e) => {
                less.insert(shown, Inside::Unreadable(e.to_string()));
                continue;
            }
        };
        for found in names {
            // What went meanwhile is not there.
            let Ok(found) = found else { continue };
            let (name, Ok(about)) = (found.file_name(), found.metadata()) else { continue };
            if listing.entries.len() >= MOST {
                listing.cut = true;
                less.insert(shown, Inside::Cut);
                break;
            }
            let below = at.join(&name);
            let name = name.to_string_lossy();
            if is_ours(&name) && Timestamp::now().duration_since(modified(&about)).as_hours() < 1 {
                continue;
            }
            let kind = if about.is_symlink() {
                let to = fs::read_link(found.path()).map(|to| to.to_string_lossy().into_owned()).unwrap_or_default();
                Kind::Link { to, folder: found.path().is_dir() }
            } else if about.is_dir() {
                let left = LEFT.contains(&name.as_ref());
                if !left {
                    queue.push_back(below.clone());
                }
                Kind::Folder(if left { Inside::Left } else { Inside::Listed })
            } else if about.is_file() {
                Kind::File
            } else {
                Kind::Other
            };
            listing.entries.push(Entry {
                exact: below.to_str().is_some(),
                path: below.to_string_lossy().into_owned(),
                kind,
                size: about.len(),
                mode: about.mode() & 0o7777,
                modified: modified(&about),
            });
        }
    }
    for entry in &mut listing.entries {
        if let (Kind::Folder(inside), Some(why)) = (&mut entry.kind, less.remove(&entry.path)) {
            *inside = why;
        }
    }
    model::in_order(&mut listing.entries);
    Ok(listing)
}

pub(super) fn read(root: &Path, path: &str) -> Result<Opened> {
    let tried = Tried { what: "opened", path };
    let place = place(root, path).map_err(io(tried))?;
    look(&place).map(|(opened, _)| opened).map_err(|why| why.of(tried))
}

/// A file, and what to expect of it.
fn look(path: &Path) -> std::result::Result<(Opened, Option<Stamp>), Why> {
    let about = fs::metadata(path)?;
    regular(&about)?;
    let large = |size| Ok((Opened::TooLarge { size, limit: LARGEST }, None));
    if about.len() > LARGEST {
        return large(about.len());
    }
    let file = File::open(path)?;
    let about = file.metadata()?;
    let mut bytes = Vec::with_capacity(about.len() as usize);
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return large(bytes.len() as u64);
    }
    let stamp = Stamp { size: bytes.len() as u64, ..stamp(&about, form::hash(&bytes)) };
    Ok((form::opened(bytes, stamp.clone(), writable(path).is_ok()), Some(stamp)))
}

fn regular(about: &Metadata) -> std::result::Result<(), Why> {
    match about {
        a if a.is_dir() => Err(io::Error::from_raw_os_error(21).into()),
        a if a.is_file() => Ok(()),
        _ => Err(Why::Special),
    }
}

/// Whether a file may be written. Opening it for that would tell whoever watches that it was written.
fn writable(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

/// A file that goes unless it is kept.
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // What went wrong before this is what is told.
            let _ = fs::remove_file(path);
        }
    }
}

pub(super) fn save(root: &Path, path: &str, bytes: &[u8], expect: &Expect) -> Result<Saved> {
    let tried = Tried { what: "saved", path };
    replace(root, path, bytes, expect).map_err(|why| why.of(tried))
}

fn replace(root: &Path, path: &str, bytes: &[u8], expect: &Expect) -> std::result::Result<Saved, Why> {
    let path = place(root, path)?;
    let old = present(&path)?;
    if let Some(old) = &old {
        regular(old)?;
        writable(&path)?;
    }
    let folder = path.parent().unwrap_or(root);
    let temporary = fresh(&path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let mut undo = Temporary(Some(temporary.clone()));
    file.write_all(bytes)?;
    let (model, mine) = (old.as_ref().map_or_else(|| fs::metadata(folder), |old| Ok(old.clone()))?, file.metadata()?);
    if (model.uid(), model.gid()) != (mine.uid(), mine.gid()) {
        let given = fchown(&file, Some(model.uid()), Some(model.gid()));
        // Of what is new nobody expects an owner; what is someone's stays so.
        if given.is_err() && old.is_some() {
            return Err(Why::Owner);
        }
    }
    let mode = old.as_ref().map_or(0o644, |old| old.mode() & 0o7777);
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    let changed = || {
        Ok(match look(&path) {
            Ok((theirs, stamp)) => Saved::Changed { theirs: Some(theirs), stamp },
            Err(Why::System(2, _)) => Saved::Changed { theirs: None, stamp: None },
            Err(why) => return Err(why),
        })
    };
    match expect {
        Expect::Anything => fs::rename(&temporary, &path)?,
        Expect::Nothing => match moved(&temporary, &path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return changed(),
            done => done?,
        },
        Expect::Hash(hash) => {
            let Some(before) = present(&path)? else { return changed() };
            if before.len() > LARGEST || form::hash(&fs::read(&path)?) != *hash {
                return changed();
            }
            // Between here and the renaming only a moment is left.
            let same = |a: &Metadata, b: &Metadata| {
                (a.ino(), a.len(), a.mtime(), a.mtime_nsec(), a.ctime(), a.ctime_nsec())
                    == (b.ino(), b.len(), b.mtime(), b.mtime_nsec(), b.ctime(), b.ctime_nsec())
            };
            if !present(&path)?.is_some_and(|now| same(&before, &now)) {
                return changed();
            }
            fs::rename(&temporary, &path)?;
        }
    }
    undo.0 = None;
    // The name, too, shall be there after a loss of power; file systems that cannot do that are none to save on.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(Saved::Done(stamp(&file.metadata()?, form::hash(bytes))))
}

/// What is at a path, not following a link; `None` when nothing is.
pub(super) fn present(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(about) => Ok(Some(about)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Gives a file or folder another name, where nothing may be.
pub(super) fn moved(from: &Path, to: &Path) -> io::Result<()> {
    let about = fs::symlink_metadata(from)?;
    if present(to)?.is_some() {
        return Err(io::Error::from_raw_os_error(17));
    }
    if about.is_dir() {
        return fs::rename(from, to);
    }
    // Unlike renaming, linking never replaces what came in between.
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(e),
        // Not every file system can.
        Err(_) => fs::rename(from, to),
    }
}

pub(super) fn create(root: &Path, path: &str, folder: bool) -> Result<()> {
    let make = || {
        let place = named(root, path)?;
        if folder {
            fs::create_dir(&place)?;
        } else {
            OpenOptions::new().write(true).create_new(true).mode(0o644).open(&place)?;
        }
        let (model, made) = (fs::metadata(place.parent().unwrap_or(root))?, fs::symlink_metadata(&place)?);
        if (model.uid(), model.gid()) != (made.uid(), made.gid()) {
            // Only root can give things away, and need not in folders where others may write.
            let _ = lchown(&place, Some(model.uid()), Some(model.gid()));
        }
        Ok(())
    };
    make().map_err(io(Tried { what: "made", path }))
}

pub(super) fn rename(root: &Path, from: &str, to: &str) -> Result<()> {
    let go = || moved(&named(root, from)?, &named(root, to)?);
    go().map_err(io(Tried { what: &format!("renamed to {to}"), path: from }))
}

pub(super) fn remove(root: &Path, path: &str) -> Result<()> {
    let go = || {
        let place = named(root, path)?;
        if fs::symlink_metadata(&place)?.is_dir() { fs::remove_dir_all(&place) } else { fs::remove_file(&place) }
    };
    go().map_err(io(Tried { what: "removed", path }))
}

pub(super) fn weigh(root: &Path, path: &str) -> Result<Weight> {
    let mut sum = Weight::default();
    named(root, path).and_then(|place| weight(&place, &mut sum)).map_err(io(Tried { what: "weighed", path }))?;
    Ok(sum)
}

/// Adds what lies at and below a path.
pub(super) fn weight(path: &Path, sum: &mut Weight) -> io::Result<()> {
    let about = fs::symlink_metadata(path)?;
    if about.is_dir() {
        sum.folders += 1;
        for name in fs::read_dir(path)? {
            weight(&name?.path(), sum)?;
        }
    } else {
        sum.files += 1;
        sum.bytes += if about.is_file() { about.len() } else { 0 };
    }
    Ok(())
}
