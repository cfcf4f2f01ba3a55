//! Files of a lab or of a submission, held in memory.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::config::ConfigError;

/// How many files a folder may hold.
const MAX_FILES: usize = 2000;

/// How many bytes they may have.
const MAX_BYTES: u64 = 64 << 20;

/// A file that was this long a moment ago; what has grown since then is left.
fn read_file(path: &Path, length: u64) -> io::Result<Vec<u8>> {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Files by their paths, which have `/` and no beginning one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Arc<[u8]>>);

impl Tree {
    /// Reads a folder with all that is in it. A link, a device and what is too much are refused in words.
    pub fn read(dir: &Path) -> Result<Self, ConfigError> {
        let mut tree = Self::new();
        let mut bytes = 0;
        let mut folders = vec![(dir.to_path_buf(), String::new())];
        while let Some((folder, name)) = folders.pop() {
            let refused = |path: &Path, error: &io::Error| {
                ConfigError::whole(path.display().to_string(), format!("cannot be read: {error}"), "")
            };
            for entry in folder.read_dir().map_err(|error| refused(&folder, &error))? {
                let entry = entry.map_err(|error| refused(&folder, &error))?;
                let path = entry.path();
                let wrong = |message: &str, hint: &str| ConfigError::whole(path.display().to_string(), message, hint);
                let Some(inner) = entry.file_name().to_str().map(|entry| format!("{name}{entry}")) else {
                    return Err(wrong("its name is not UTF-8, expected one in UTF-8", "give it another name"));
                };
                // `file_type` does not follow links.
                let kind = entry.file_type().map_err(|error| refused(&path, &error))?;
                if kind.is_dir() {
                    // What git keeps of itself is no part of what it keeps.
                    if !(name.is_empty() && inner == ".git") {
                        folders.push((path, format!("{inner}/")));
                    }
                    continue;
                }
                if kind.is_symlink() {
                    return Err(wrong(
                        "is a symbolic link, expected files and folders only",
                        "put a copy in its place",
                    ));
                }
                if !kind.is_file() {
                    return Err(wrong("is neither a file nor a folder", "take it away"));
                }
                let length = entry.metadata().map_err(|error| refused(&path, &error))?.len();
                bytes += length;
                if bytes > MAX_BYTES || tree.len() >= MAX_FILES {
                    let message = format!(
                        "holds more than a lab may: {MAX_FILES} files, {} in all",
                        crate::text::size(MAX_BYTES)
                    );
                    return Err(ConfigError::whole(dir.display().to_string(), message, "is it the right folder?"));
                }
                tree.put(inner, read_file(&path, length).map_err(|error| refused(&path, &error))?);
            }
        }
        Ok(tree)
    }

    /// A tree with nothing in it.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Puts a file in, in place of one that is there.
    pub fn put(&mut self, path: impl Into<String>, bytes: impl Into<Arc<[u8]>>) {
        self.0.insert(path.into(), bytes.into());
    }

    /// Takes a file out, or all files of a folder.
    pub fn remove(&mut self, path: &str) {
        let folder = format!("{path}/");
        self.0.retain(|p, _| p != path && !p.starts_with(&folder));
    }

    /// A file's bytes.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(AsRef::as_ref)
    }

    /// A file's text.
    pub fn text(&self, path: &str) -> Option<&str> {
        std::str::from_utf8(self.get(path)?).ok()
    }

    /// The files, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, bytes)| (path.as_str(), bytes.as_ref()))
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This tree with the files of another laid over it.
    #[must_use]
    pub fn under(&self, over: &Self) -> Self {
        let mut all = self.clone();
        all.0.extend(over.0.iter().map(|(path, bytes)| (path.clone(), bytes.clone())));
        all
    }

    /// The part in a folder, with paths from there.
    #[must_use]
    pub fn folder(&self, name: &str) -> Self {
        let folder = format!("{name}/");
        let inside =
            |(path, bytes): (&String, &Arc<[u8]>)| Some((path.strip_prefix(&folder)?.to_owned(), bytes.clone()));
        Self(self.0.iter().filter_map(inside).collect())
    }

    /// The names of the folders directly in a folder.
    pub fn folders(&self, name: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .folder(name)
            .0
            .keys()
            .filter_map(|path| path.split_once('/'))
            .map(|(first, _)| first.to_owned())
            .collect();
        names.dedup();
        names
    }

    /// The same for the same files with the same contents, as hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, bytes) in self.iter() {
            hash.update((path.len() as u64).to_le_bytes());
            hash.update(path);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        hex(&hash.finalize())
    }

    /// Whether a file is a program: it begins as scripts do.
    pub fn is_program(bytes: &[u8]) -> bool {
        bytes.starts_with(b"#!")
    }

    /// Writes all files into a folder, which may be there. Scripts can be run there.
    pub fn write_to(&self, dir: &Path) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir_all(dir)?;
        for (path, bytes) in self.iter() {
            let path = dir.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&path, bytes)?;
            let mode = if Self::is_program(bytes) { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }
}

impl FromIterator<(String, Vec<u8>)> for Tree {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(files: I) -> Self {
        Self(files.into_iter().map(|(path, bytes)| (path, bytes.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn trees_lie_over_each_other() {
        let starter = tree(&[("Dockerfile", "FROM a"), ("app/main.py", "1")]);
        let both = starter.under(&tree(&[("Dockerfile", "FROM b"), (".dockerignore", ".git")]));
        assert_eq!(both.text("Dockerfile"), Some("FROM b"));
        assert_eq!(both.len(), 3);
        let mut without = both.clone();
        without.remove("app");
        assert_eq!(without.len(), 2);
        assert_eq!(both.folder("app").text("main.py"), Some("1"));
        assert_eq!(
            tree(&[("bad/one/x", ""), ("bad/one/y", ""), ("bad/two/x", ""), ("bad/z", "")]).folders("bad"),
            ["one", "two"]
        );
    }

    #[test]
    fn a_digest_tells_names_and_contents_apart() {
        assert_eq!(tree(&[("a", "bc")]).digest(), tree(&[("a", "bc")]).digest());
        assert_ne!(tree(&[("a", "bc")]).digest(), tree(&[("ab", "c")]).digest());
        assert_ne!(tree(&[("a", "")]).digest(), tree(&[("b", "")]).digest());
    }
}
