//! Folders of this machine and of containers: listed, read, and packed as archives.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::context::{Entry, Kind, Sieve, Source, os};
use crate::engine::{Channel, Engine, EngineError, ErrorKind, ExecAsk, Result};

/// Bytes of an archive that are made before they are sent.
const PIECE: usize = 64 << 10;
/// Pieces that wait to be sent.
const WAITING: usize = 8;

/// A file of the folder, whole; `None` when it is not there. For small ones: at most a mebibyte.
pub(super) async fn read(source: &Source, name: &str) -> Result<Option<Vec<u8>>> {
    match source {
        Source::Dir(dir) => match small(dir, name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(unreadable(name, &e)),
        },
        Source::Container { engine, container, dir } => {
            let script = "[ -f \"$1\" ] || exit 44; exec cat -- \"$1\"";
            let ask = ExecAsk { dir: Some(dir.clone()), ..ExecAsk::of(["sh", "-c", script, "sh", name]) };
            let ran = engine.exec_run(container, &ask).await?;
            match ran.code {
                Some(0) => Ok(Some(ran.out)),
                Some(44) => Ok(None),
                _ => Err(EngineError::new(ErrorKind::Other, format!("{name} cannot be read: {}", ran.last_words()))),
            }
        }
    }
}

/// A file of a folder of this machine, of which nobody knows who made it: a link may lead out of it, to a device that
/// never ends.
fn small(dir: &Path, name: &str) -> io::Result<Vec<u8>> {
    const MOST: u64 = 1 << 20;
    let path = fs::canonicalize(dir.join(name))?;
    if !path.starts_with(fs::canonicalize(dir)?) {
        return Err(io::Error::other("it is a link that leads out of the folder"));
    }
    let about = fs::metadata(&path)?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if about.len() > MOST {
        return Err(io::Error::other("it has more than a mebibyte"));
    }
    let mut bytes = Vec::new();
    File::open(&path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Passes all that is in the folder through a sieve, parents before what is in them.
pub(super) async fn list(source: &Source, mut sieve: Sieve) -> Result<Sieve> {
    match source {
        Source::Dir(dir) => {
            let dir = dir.clone();
            let walked = tokio::task::spawn_blocking(move || walk(&dir, b"", &mut sieve).map(|()| sieve));
            walked.await.map_err(|e| EngineError::new(ErrorKind::Other, format!("the folder was not read: {e}")))?
        }
        Source::Container { engine, container, dir } => {
            find(engine, container, dir, &mut sieve).await?;
            Ok(sieve)
        }
    }
}

/// The archive of `entries`. When it breaks off, `trouble` says why.
pub(super) fn tar(
    source: &Source,
    entries: Arc<Vec<Entry>>,
    trouble: Arc<OnceLock<EngineError>>,
) -> BoxStream<'static, io::Result<Bytes>> {
    let pieces = match source {
        Source::Dir(dir) => {
            let (sender, mut receiver) = mpsc::channel(WAITING);
            let dir = dir.clone();
            tokio::task::spawn_blocking(move || {
                let mut out = Pieces { sender, piece: Vec::with_capacity(PIECE) };
                if let Err(e) = pack(&dir, &entries, &mut out)
                    && e.kind != ErrorKind::Unreachable
                {
                    // Whoever reads may be gone, which is why it broke off then.
                    let _ = out.sender.blocking_send(Err(io::Error::other(e)));
                }
            });
            futures::stream::poll_fn(move |cx| receiver.poll_recv(cx)).boxed()
        }
        Source::Container { engine, container, dir } => {
            let (engine, container, dir) = (Engine::clone(engine), container.clone(), dir.clone());
            futures::stream::once(async move { packed_there(&engine, &container, &dir, &entries).await })
                .try_flatten()
                .boxed()
        }
    };
    pieces
        .inspect_err(move |e| {
            let told = e.get_ref().and_then(|e| e.downcast_ref::<EngineError>()).cloned();
            let _ = trouble.set(told.unwrap_or_else(|| EngineError::new(ErrorKind::Other, e.to_string())));
        })
        .boxed()
}

fn unreadable(path: &str, error: &io::Error) -> EngineError {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        _ => error.to_string(),
    };
    EngineError::new(ErrorKind::Config, format!("{path} cannot be read: {why}"))
        .with_hint("where the image does not need it, a line in .dockerignore leaves it out")
}

fn walk(dir: &Path, folder: &[u8], sieve: &mut Sieve) -> Result<()> {
    let shown = |path: &[u8]| if path.is_empty() { dir.display().to_string() } else { lossy(path) };
    let failed = |e: &io::Error, path: &[u8]| unreadable(&shown(path), e);
    let mut names: Vec<_> = fs::read_dir(dir.join(os(folder)))
        .and_then(|entries| entries.map(|e| e.map(|e| e.file_name())).collect::<io::Result<Vec<_>>>())
        .map_err(|e| failed(&e, folder))?;
    names.sort();
    for name in names {
        let mut path = folder.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        let full = dir.join(os(&path));
        let meta = match fs::symlink_metadata(&full) {
            // It went since its folder was read.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            known => known.map_err(|e| failed(&e, &path))?,
        };
        let kind = kind_of(meta.file_type());
        let size = if kind == Kind::File { meta.len() } else { 0 };
        let wanted = sieve.take(Entry { path: path.clone(), kind, size });
        match kind {
            Kind::Folder if wanted => walk(dir, &path, sieve)?,
            Kind::File if wanted => drop(File::open(&full).map_err(|e| failed(&e, &path))?),
            _ => {}
        }
    }
    Ok(())
}

fn kind_of(kind: fs::FileType) -> Kind {
    match kind {
        k if k.is_dir() => Kind::Folder,
        k if k.is_symlink() => Kind::Link,
        k if k.is_fifo() => Kind::Fifo,
        k if k.is_socket() => Kind::Socket,
        k if k.is_file() => Kind::File,
        _ => Kind::Device,
    }
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// What is written goes on its way in pieces.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Writes an archive: everything belongs to root, as docker's own client sends it.
pub(super) fn pack(dir: &Path, entries: &[Entry], out: &mut impl Write) -> Result<()> {
    let mut tar = tar::Builder::new(out);
    // Files of which there are several names, by device and number: the first name is the one that has the content.
    let mut known = std::collections::HashMap::new();
    for entry in entries {
        let path = Path::new(os(&entry.path));
        let full = dir.join(path);
        let shown = lossy(&entry.path);
        let opened = |e: &io::Error| unreadable(&shown, e);
        let meta = fs::symlink_metadata(&full).map_err(|e| opened(&e))?;
        let mut header = ::tar::Header::new_gnu();
        header.set_mode(meta.mode() & 0o7777);
        header.set_mtime(meta.mtime().max(0).unsigned_abs());
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        let written = match entry.kind {
            Kind::File if meta.nlink() > 1 && known.contains_key(&(meta.dev(), meta.ino())) => {
                header.set_entry_type(::tar::EntryType::Link);
                let first: &Vec<u8> = &known[&(meta.dev(), meta.ino())];
                tar.append_link(&mut header, path, Path::new(os(first)))
            }
            Kind::File => {
                let file = File::open(&full).map_err(|e| opened(&e))?;
                if meta.nlink() > 1 {
                    known.insert((meta.dev(), meta.ino()), entry.path.clone());
                }
                header.set_entry_type(::tar::EntryType::Regular);
                header.set_size(meta.len());
                let mut content = Whole { from: file.take(meta.len()), left: meta.len(), path: &shown };
                tar.append_data(&mut header, path, &mut content)
            }
            Kind::Link => {
                header.set_entry_type(::tar::EntryType::Symlink);
                let target = fs::read_link(&full).map_err(|e| opened(&e))?;
                tar.append_link(&mut header, path, target)
            }
            Kind::Folder => {
                header.set_entry_type(::tar::EntryType::Directory);
                tar.append_data(&mut header, path, io::empty())
            }
            Kind::Fifo => {
                header.set_entry_type(::tar::EntryType::Fifo);
                tar.append_data(&mut header, path, io::empty())
            }
            Kind::Socket | Kind::Device => Ok(()),
        };
        written.map_err(|e| gone_or(&shown, &e))?;
    }
    tar.into_inner().and_then(Write::flush).map_err(|e| gone_or("the archive", &e))
}

/// Nobody reads any more, or a file could not be read.
fn gone_or(path: &str, error: &io::Error) -> EngineError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => EngineError::new(ErrorKind::Unreachable, "the build took no more of its context"),
        _ => unreadable(path, error),
    }
}

/// A file that must not have become shorter since its size was told.
struct Whole<'a, R> {
    from: R,
    left: u64,
    path: &'a str,
}

impl<R: Read> Read for Whole<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.left = self.left.saturating_sub(n as u64);
        if n == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("{} became shorter while it was sent", self.path)));
        }
        Ok(n)
    }
}

/// Lists a folder of a container.
async fn find(engine: &Engine, container: &str, dir: &str, sieve: &mut Sieve) -> Result<()> {
    let mut words = vec!["find".to_owned(), dir.to_owned(), "-mindepth".into(), "1".into()];
    // Of what is ignored whole, not even the names need come here.
    for closed in sieve.ignore().never_entered() {
        let pattern = match closed.strip_prefix("**/") {
            Some(name) => format!("*/{}", literally(name)),
            None => format!("{}/{}", literally(dir.trim_end_matches('/')), literally(closed)),
        };
        words.extend(["-path", &pattern, "-prune", "-printf", PRINTED, "-o"].map(str::to_owned));
    }
    words.extend(["-printf", PRINTED].map(str::to_owned));
    let ask = ExecAsk::of(words);
    let mut exec = engine.exec_piped(container, &ask).await?;
    let mut rest = Vec::new();
    let mut complaint = Vec::new();
    while let Some((channel, piece)) = exec.output.try_next().await.map_err(|e| broke(&e))? {
        if channel == Channel::Err {
            let room = 4096_usize.saturating_sub(complaint.len()).min(piece.len());
            complaint.extend_from_slice(&piece[..room]);
            continue;
        }
        rest.extend_from_slice(&piece);
        let mut from = 0;
        while let Some(end) = memchr::memchr(0, &rest[from..]) {
            if let Some(entry) = found(&rest[from..from + end]) {
                sieve.take(entry);
            }
            from += end + 1;
        }
        rest.drain(..from);
    }
    match engine.exec_state(&exec.id).await?.code {
        Some(0) => Ok(()),
        _ => Err(there(&format!("{dir} cannot be listed"), &complaint)),
    }
}

/// What `find` prints of each: kind, size, path.
const PRINTED: &str = "%y %s %P\\0";

/// A text as a pattern of `find` that matches only it.
fn literally(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '*' | '?' | '[' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

/// A line of `find`.
fn found(line: &[u8]) -> Option<Entry> {
    let mut parts = line.splitn(3, |b| *b == b' ');
    let kind = match parts.next()? {
        b"f" => Kind::File,
        b"d" => Kind::Folder,
        b"l" => Kind::Link,
        b"p" => Kind::Fifo,
        b"s" => Kind::Socket,
        _ => Kind::Device,
    };
    let size: u64 = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let path = parts.next().filter(|p| !p.is_empty())?.to_vec();
    Some(Entry { path, kind, size: if kind == Kind::File { size } else { 0 } })
}

/// Packs files of a container's folder there.
async fn packed_there(
    engine: &Engine,
    container: &str,
    dir: &str,
    entries: &[Entry],
) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
    let words = [
        "tar",
        "--create",
        "--file=-",
        "--format=gnu",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--no-recursion",
        "--null",
        "--verbatim-files-from",
        "--files-from=-",
    ];
    let ask = ExecAsk { stdin: true, dir: Some(dir.to_owned()), ..ExecAsk::of(words) };
    let exec = engine.exec_piped(container, &ask).await.map_err(io::Error::other)?;
    let mut names = Vec::new();
    for entry in entries {
        names.extend_from_slice(&entry.path);
        names.push(0);
    }
    let mut input = exec.input;
    tokio::spawn(async move {
        // When it reads no more it has failed, and says why on its own.
        if input.write_all(&names).await.is_ok() {
            let _ = input.shutdown().await;
        }
    });
    let state = (Some(exec.output), Vec::new(), engine.clone(), exec.id);
    let stream = futures::stream::try_unfold(state, |(output, mut complaint, engine, id)| async move {
        let Some(mut output) = output else { return Ok(None) };
        loop {
            match output.try_next().await? {
                Some((Channel::Out, piece)) => return Ok(Some((piece, (Some(output), complaint, engine, id)))),
                Some((Channel::Err, piece)) => {
                    let room = 4096_usize.saturating_sub(complaint.len()).min(piece.len());
                    complaint.extend_from_slice(&piece[..room]);
                }
                None => break,
            }
        }
        match engine.exec_state(&id).await.map_err(io::Error::other)?.code {
            // 1: a file changed while it was packed, which a build may do with as well as docker's client can.
            Some(0 | 1) => Ok(None),
            _ => Err(io::Error::other(there("the files cannot be packed", &complaint))),
        }
    });
    Ok(stream.boxed())
}

fn broke(error: &io::Error) -> EngineError {
    EngineError::new(ErrorKind::Unreachable, format!("a command's connection broke: {error}"))
}

/// A command in a container that failed.
fn there(what: &str, complaint: &[u8]) -> EngineError {
    let text = String::from_utf8_lossy(complaint);
    let why = text.lines().find(|l| !l.trim().is_empty()).unwrap_or("no reason was given");
    EngineError::new(ErrorKind::Other, format!("{what}: {why}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::dockerfile::ignore::Ignore;

    fn packed(dir: &Path, ignore: &str) -> BTreeMap<Vec<u8>, (::tar::EntryType, Vec<u8>)> {
        let mut sieve = Sieve::new(Ignore::parse(ignore));
        walk(dir, b"", &mut sieve).unwrap();
        let mut out = Vec::new();
        pack(dir, sieve.entries(), &mut out).unwrap();
        let mut read = BTreeMap::new();
        for entry in ::tar::Archive::new(&out[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let link = entry.link_name_bytes().map(|l| l.to_vec());
            read.insert(entry.path_bytes().to_vec(), (entry.header().entry_type(), link.unwrap_or(content)));
        }
        read
    }

    #[test]
    fn links_modes_and_odd_names_are_kept_and_a_lost_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &[u8]| dir.path().join(os(path));
        let odd = b"not \xff utf-8\n\t";
        fs::write(at(odd), "x").unwrap();
        fs::hard_link(at(odd), at(b"z")).unwrap();
        fs::create_dir(at(b"empty")).unwrap();
        std::os::unix::fs::symlink("/far/away".repeat(30), at(b"link")).unwrap();
        let read = packed(dir.path(), "");
        assert_eq!(read[&odd.to_vec()], (::tar::EntryType::Regular, b"x".to_vec()));
        assert_eq!(read[&b"z".to_vec()], (::tar::EntryType::Link, odd.to_vec()));
        assert_eq!(read[&b"link".to_vec()].1.len(), 270);
        assert!(read.keys().any(|k| k.starts_with(b"empty")));
        let gone = Entry { path: b"gone".to_vec(), kind: Kind::File, size: 1 };
        let error = pack(dir.path(), &[gone], &mut Vec::new()).unwrap_err();
        assert_eq!(error.message, "gone cannot be read: it is not there");
    }

    #[test]
    fn what_find_prints_is_read() {
        let entry = found(b"f 12 a b/c d").unwrap();
        assert_eq!((entry.path.as_slice(), entry.kind, entry.size), (&b"a b/c d"[..], Kind::File, 12));
        assert_eq!(found(b"d 4096 x").map(|e| (e.kind, e.size)), Some((Kind::Folder, 0)));
        assert_eq!([&b""[..], b"f", b"f 1 ", b"f x y"].map(found), [None, None, None, None]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
        #[test]
        fn what_is_not_ignored_arrives_whole(
            files in prop::collection::btree_map(
                prop::collection::vec("[a-c*!#é \\[\\\\.-]{1,12}|[x]{90,200}", 1..4), prop::collection::vec(any::<u8>(), 0..2000), 1..12),
            ignore in prop::collection::vec("!?[a-c*/?é]{1,6}", 0..5),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut planted = BTreeMap::new();
            for (parts, content) in files {
                if parts.iter().any(|p| matches!(p.as_str(), "." | "..")) {
                    continue;
                }
                let path = parts.join("/");
                let full = dir.path().join(&path);
                // A name may be a file already where a folder is wanted, and the other way round.
                if fs::create_dir_all(full.parent().unwrap()).is_ok() && !full.is_dir() {
                    fs::write(&full, &content).unwrap();
                    planted.insert(path, content);
                }
            }
            let text = ignore.join("\n");
            let rules = Ignore::parse(&text);
            let read = packed(dir.path(), &text);
            for (path, content) in &planted {
                let found = read.get(path.as_bytes()).map(|(_, content)| content);
                prop_assert_eq!(found, rules.reaches(path).then_some(content), "{} {:?}", path, text);
            }
            let folders = read.values().filter(|(kind, _)| kind.is_dir()).count();
            prop_assert_eq!(read.len() - folders, planted.keys().filter(|p| rules.reaches(p)).count());
        }
    }
}
