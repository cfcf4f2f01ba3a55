//! Files of this machine as a tar archive, and back.
//!
//! Both run on threads of their own and end with the channel to them, so dropping the other side stops them; what
//! was unpacked by then goes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::host;
use super::trouble::Why;

/// A piece of an archive; `None` says that it is whole.
pub(super) type Piece = io::Result<Option<Bytes>>;

/// Pieces that wait for the slower side.
const WAITING: usize = 8;
/// Bytes of a piece.
const SIZE: usize = 64 << 10;
/// What a file or folder is called in an archive, and while it is unpacked.
const NAME: &str = "it";

/// What was moved.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub files: u64,
    pub bytes: u64,
    pub skipped: u64,
}

/// Packs a file or folder.
pub(super) fn pack(from: PathBuf) -> (mpsc::Receiver<Piece>, JoinHandle<Count>) {
    let (pieces, receiver) = mpsc::channel(WAITING);
    let work = tokio::task::spawn_blocking(move || {
        let mut count = Count::default();
        let sink = Sink { pieces: pieces.clone(), buffer: Vec::with_capacity(SIZE) };
        let last = pack_all(&from, sink, &mut count);
        // Where nobody listens any more there is nobody to tell.
        let _ = pieces.blocking_send(last.map(|()| None));
        count
    });
    (receiver, work)
}

fn pack_all(from: &Path, sink: Sink, count: &mut Count) -> io::Result<()> {
    let mut tar = tar::Builder::new(sink);
    add(&mut tar, from, Path::new(NAME), count)?;
    tar.into_inner()?.flush()
}

fn add(tar: &mut tar::Builder<Sink>, from: &Path, name: &Path, count: &mut Count) -> io::Result<()> {
    let about = fs::symlink_metadata(from)?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&about);
    // Whose they become is said where they go.
    header.set_uid(0);
    header.set_gid(0);
    if about.is_symlink() {
        count.files += 1;
        header.set_size(0);
        return tar.append_link(&mut header, name, fs::read_link(from)?);
    }
    if about.is_dir() {
        header.set_size(0);
        tar.append_data(&mut header, name, io::empty())?;
        let mut names = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
        names.sort_by_key(fs::DirEntry::file_name);
        for below in names {
            add(tar, &below.path(), &name.join(below.file_name()), count)?;
        }
        return Ok(());
    }
    if !about.is_file() {
        count.skipped += 1;
        return Ok(());
    }
    let file = File::open(from)?;
    let size = file.metadata()?.len();
    header.set_size(size);
    let mut exactly = Exactly { file, left: size };
    tar.append_data(&mut header, name, &mut exactly)?;
    count.files += 1;
    count.bytes += size;
    Ok(())
}

/// So much of a file as its header promised: it may grow or shrink while it is read.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.file.read(&mut buffer[..most])?;
        if n == 0 && most > 0 {
            return Err(io::Error::other("a file in it became shorter meanwhile"));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// Sends what is written.
struct Sink {
    pieces: mpsc::Sender<Piece>,
    buffer: Vec<u8>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= SIZE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(SIZE));
        if full.is_empty() {
            return Ok(());
        }
        self.pieces.blocking_send(Ok(Some(full.into()))).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Where something is unpacked.
pub(super) struct Target {
    pub path: PathBuf,
    /// Whether it is a folder that comes: its archive then begins with the folder itself.
    pub folder: bool,
    /// Whether a file may take a file's place.
    pub overwrite: bool,
}

impl Target {
    /// Whether something may come there.
    pub(super) fn free(&self) -> io::Result<()> {
        match host::present(&self.path)? {
            Some(old) if old.is_dir() || self.folder || !self.overwrite => Err(io::Error::from_raw_os_error(17)),
            _ => Ok(()),
        }
    }
}

/// Unpacks what is sent; it is seen at its place once it is whole.
pub(super) fn unpack(target: Target) -> (mpsc::Sender<Piece>, JoinHandle<Result<Count, Why>>) {
    let (sender, pieces) = mpsc::channel(WAITING);
    let work = tokio::task::spawn_blocking(move || Ok(unpack_all(&target, pieces)?));
    (sender, work)
}

/// A folder that goes.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What went wrong before this is what is told.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unpack_all(target: &Target, pieces: mpsc::Receiver<Piece>) -> io::Result<Count> {
    target.free()?;
    let scratch = Scratch(host::fresh(&target.path));
    std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(&scratch.0)?;
    let it = scratch.0.join(NAME);
    let mut source = Source { pieces, piece: Bytes::new(), whole: false };
    let mut archive = tar::Archive::new(&mut source);
    // Set-user bits of programs that others made are not taken over.
    archive.set_preserve_permissions(false);
    let mut count = Count::default();
    let mut folders = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        match entry.header().entry_type() {
            // Last, as some cannot be written into.
            tar::EntryType::Directory => folders.push(entry),
            tar::EntryType::Regular
            | tar::EntryType::Continuous
            | tar::EntryType::Symlink
            | tar::EntryType::Link
            | tar::EntryType::GNUSparse => {
                count.files += 1;
                count.bytes += entry.size();
                // Nothing lands outside, whatever the archive says.
                if !entry.unpack_in(&scratch.0)? {
                    return Err(io::Error::other("the archive holds a path that leads out of it"));
                }
            }
            _ => count.skipped += 1,
        }
    }
    folders.sort_by(|a, b| b.path_bytes().cmp(&a.path_bytes()));
    for mut folder in folders {
        folder.unpack_in(&scratch.0)?;
    }
    // An archive may end before what sends it has said that all went well.
    io::copy(&mut source, &mut io::sink())?;
    target.free()?;
    if target.overwrite && !target.folder {
        fs::rename(&it, &target.path)?;
    } else {
        host::moved(&it, &target.path)?;
    }
    Ok(count)
}

/// Reads what is sent.
struct Source {
    pieces: mpsc::Receiver<Piece>,
    piece: Bytes,
    whole: bool,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if self.whole {
                return Ok(0);
            }
            match self.pieces.blocking_recv() {
                Some(Ok(Some(piece))) => self.piece = piece,
                Some(Ok(None)) => self.whole = true,
                Some(Err(error)) => return Err(error),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut off")),
            }
        }
        let n = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}
