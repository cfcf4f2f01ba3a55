//! What is in an image's layers, read from the session's disk by the engine that carries it.
//!
//! Each layer is a folder of the session's Docker. The engine outside packs that folder, so nothing of the image is run,
//! images without programs are read like others, and the layers of the lab's own images are passed over where they do not
//! matter.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc;

use super::Bench;
use crate::engine::{EngineError, ErrorKind};
use crate::judge::Trouble;

/// The most entries of one layer.
const ENTRIES: usize = 400_000;

/// Something in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path, without a slash at the beginning.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with those for set-user-id.
    pub mode: u32,
    /// The user that it belongs to.
    pub uid: u64,
    /// Bytes of a file.
    pub size: u64,
    /// The words among those looked for that its content has, by their places.
    pub has: Vec<usize>,
}

/// What something in a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link.
    Link,
    /// The mark that a layer below has this, and the image has not.
    Gone,
    /// A device or the like.
    Other,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its digest.
    pub digest: String,
    /// Whether it is one of the lab's own images.
    pub base: bool,
    /// What is in it; nothing for one of the lab's own unless those were asked for, too.
    pub entries: Vec<Entry>,
}

impl Bench {
    /// The layers of an image, from the base up; `all` with what is in those of the lab's own images.
    pub async fn layers(&mut self, image: &str, all: bool) -> Result<Arc<Vec<Layer>>, Trouble> {
        let key = format!("{image} {all}");
        if let Some(known) = self.scans.get(&key) {
            return Ok(known.clone());
        }
        let layers = Arc::new(self.scan(image, all, &[]).await?);
        self.scans.insert(key, layers.clone());
        Ok(layers)
    }

    /// The same, with which of some words is in which file.
    pub async fn scan(&mut self, image: &str, all: bool, words: &[Vec<u8>]) -> Result<Vec<Layer>, Trouble> {
        let base = self.base_layers().await?;
        let seen = match self.engine.inspect_image(image).await {
            Ok(seen) => seen,
            Err(error) => return Err(self.trouble(error).await),
        };
        let digests = strings(&seen["RootFS"]["Layers"]);
        let data = &seen["GraphDriver"]["Data"];
        let mut folders: Vec<&str> = data["LowerDir"].as_str().into_iter().flat_map(|dirs| dirs.split(':')).collect();
        folders.reverse();
        folders.extend(data["UpperDir"].as_str());
        if folders.len() != digests.len() {
            return Err(Trouble::new(
                "J_DAEMON",
                "the session's Docker keeps images in a way that cannot be read",
                "sessions use overlay2; was that changed in this one? Submit for a judgement in a fresh session",
            ));
        }
        let here = &*self;
        let folders: Vec<String> = folders.into_iter().map(str::to_owned).collect();
        let reads = folders.into_iter().zip(digests).map(|(folder, digest)| {
            let base = base.contains(&digest);
            async move {
                let entries = if base && !all { Vec::new() } else { here.entries(&folder, words).await? };
                Ok::<_, EngineError>(Layer { digest, base, entries })
            }
        });
        let layers: Vec<_> = futures::stream::iter(reads).buffered(2).collect().await;
        match layers.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(layers) => Ok(layers),
            Err(error) => Err(self.trouble(error).await),
        }
    }

    /// The layers of the lab's own images.
    async fn base_layers(&mut self) -> Result<BTreeSet<String>, Trouble> {
        if let Some(base) = &self.base {
            return Ok(base.clone());
        }
        let mut base = BTreeSet::new();
        for name in &self.images {
            match self.engine.inspect_image(name).await {
                Ok(seen) => base.extend(strings(&seen["RootFS"]["Layers"])),
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(self.trouble(error).await),
            }
        }
        Ok(self.base.insert(base).clone())
    }

    /// What is in a folder of the session.
    async fn entries(&self, folder: &str, words: &[Vec<u8>]) -> Result<Vec<Entry>, EngineError> {
        // With the dot a link to the folder leads into it: layers of a seed are such links.
        let mut pieces = self.outer.get_archive(&self.session.container, &format!("{folder}/.")).await?;
        let (sender, receiver) = mpsc::channel(8);
        let words = words.to_vec();
        let read = tokio::task::spawn_blocking(move || entries(Feed { receiver, piece: Bytes::new() }, &words));
        while let Some(piece) = pieces.next().await {
            if sender.send(piece.map_err(io::Error::other)).await.is_err() {
                break;
            }
        }
        drop(sender);
        let read = read.await.map_err(io::Error::other).and_then(|read| read);
        read.map_err(|e| EngineError::new(ErrorKind::Other, format!("a layer of the image cannot be read: {e}")))
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Pieces of an archive as they come.
struct Feed {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Feed {
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

fn entries(from: impl Read, words: &[Vec<u8>]) -> io::Result<Vec<Entry>> {
    let mut archive = tar::Archive::new(from);
    let mut all = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        // Every path begins with the folder's own name, or with the dot that was asked for.
        let path = path.split_once('/').map_or("", |(_, rest)| rest).trim_matches('/').to_owned();
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::Link => EntryKind::File,
            tar::EntryType::Directory => EntryKind::Folder,
            tar::EntryType::Symlink => EntryKind::Link,
            tar::EntryType::Char if header.device_major()? == Some(0) && header.device_minor()? == Some(0) => {
                EntryKind::Gone
            }
            _ => EntryKind::Other,
        };
        let (mode, uid, size) = (header.mode()? & 0o7777, header.uid()?, header.size()?);
        if path.is_empty() {
            continue;
        }
        let has = if words.is_empty() { Vec::new() } else { found(&mut entry, words)? };
        all.push(Entry { path, kind, mode, uid, size, has });
        if all.len() > ENTRIES {
            return Err(io::Error::other(format!("it has more than {ENTRIES} files")));
        }
    }
    Ok(all)
}

/// Which of some words a text has, however long it is.
fn found(from: &mut impl Read, words: &[Vec<u8>]) -> io::Result<Vec<usize>> {
    let longest = words.iter().map(Vec::len).max().unwrap_or_default();
    let mut found = BTreeSet::new();
    let mut window = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        let n = from.read(&mut piece)?;
        if n == 0 {
            return Ok(found.into_iter().collect());
        }
        window.extend_from_slice(&piece[..n]);
        let hits = words.iter().enumerate().filter(|(_, word)| memchr::memmem::find(&window, word).is_some());
        found.extend(hits.map(|(at, _)| at));
        window.drain(..window.len().saturating_sub(longest));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_read_with_its_marks_and_words() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, kind: tar::EntryType, mode: u32, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(7);
            header.set_gid(0);
            header.set_size(content.len() as u64);
            if kind == tar::EntryType::Char {
                header.set_device_major(0).unwrap();
                header.set_device_minor(0).unwrap();
            }
            tar.append_data(&mut header, path, content).unwrap();
        };
        let long = [vec![b'x'; 65_530], b"canary".to_vec(), vec![b'y'; 100]].concat();
        add("diff", tar::EntryType::Directory, 0o755, b"");
        add("diff/app", tar::EntryType::Directory, 0o755, b"");
        add("diff/app/run", tar::EntryType::Regular, 0o4755, &long);
        add("diff/app/old", tar::EntryType::Char, 0, b"");
        let bytes = tar.into_inner().unwrap();
        let all = entries(&bytes[..], &[b"none".to_vec(), b"canary".to_vec()]).unwrap();
        let seen: Vec<_> = all.iter().map(|e| (e.path.as_str(), e.kind, e.mode)).collect();
        assert_eq!(
            seen,
            [("app", EntryKind::Folder, 0o755), ("app/run", EntryKind::File, 0o4755), ("app/old", EntryKind::Gone, 0)]
        );
        assert_eq!((all[1].has.clone(), all[1].uid, all[1].size), (vec![1], 7, long.len() as u64));
    }
}
