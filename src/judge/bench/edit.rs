//! A copy of a submission in which something is changed, to see what is built anew.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A comment at its end, in the file's own syntax.
    Comment,
    /// A text in place of another.
    Replace(String, String),
    /// A text at its end, or a file that was not there.
    Add(String),
}

/// A changed copy; it is gone with this.
pub struct Edited {
    dir: tempfile::TempDir,
}

impl Edited {
    /// Copies a folder and changes files in it. Links are kept as links; no change goes through one.
    ///
    /// # Errors
    /// When a file cannot be copied; inside, what prevents a change.
    pub fn of(dir: &Path, edits: &[(String, Edit)]) -> io::Result<Result<Self, String>> {
        let copy = tempfile::tempdir()?;
        copy_all(dir, copy.path())?;
        for (path, edit) in edits {
            if let Err(why) = change(copy.path(), path, edit)? {
                return Ok(Err(why));
            }
        }
        Ok(Ok(Self { dir: copy }))
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, target)?;
        } else if kind.is_dir() {
            fs::create_dir(&target)?;
            copy_all(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// The file at a path, if no part of the path is a link.
fn plain(dir: &Path, path: &str) -> Option<PathBuf> {
    let mut at = dir.to_owned();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            return None;
        }
        at.push(part);
        if fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_symlink()) {
            return None;
        }
    }
    Some(at)
}

fn change(dir: &Path, path: &str, edit: &Edit) -> io::Result<Result<(), String>> {
    let Some(file) = plain(dir, path) else { return Ok(Err(format!("{path} is a link"))) };
    let known = match fs::read(&file) {
        Ok(bytes) => Some(bytes),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => None,
        Err(e) => return Err(e),
    };
    let mut bytes = match (known, edit) {
        (None, Edit::Add(_)) if file.is_dir() => return Ok(Err(format!("{path} is a folder"))),
        (None, Edit::Add(_)) => Vec::new(),
        (None, _) => return Ok(Err(format!("there is no {path}"))),
        (Some(bytes), _) => bytes,
    };
    match edit {
        Edit::Comment => {}
        Edit::Add(text) => bytes.extend_from_slice(text.as_bytes()),
        Edit::Replace(from, to) => {
            let Some(at) = memchr::memmem::find(&bytes, from.as_bytes()) else {
                return Ok(Err(format!("{path} does not have `{from}`")));
            };
            bytes.splice(at..at + from.len(), to.bytes());
        }
    }
    // Of an earlier judge's the same change may still be in the builder's cache.
    bytes.extend_from_slice(&unique(path));
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut out = fs::OpenOptions::new();
    let mut out = out.write(true).create(true).truncate(true).custom_flags(libc_nofollow()).open(&file)?;
    out.write_all(&bytes)?;
    Ok(Ok(()))
}

fn libc_nofollow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default()
}

/// An end for a file that no other has, and that changes nothing of what it means.
fn unique(path: &str) -> Vec<u8> {
    let number = RandomState::new().hash_one(path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind).to_ascii_lowercase();
    let (begin, end) = match kind.as_str() {
        "json" | "lock" | "sum" | "csv" => {
            // White space is all that may follow.
            let spaces = usize::try_from(number % 3000).unwrap_or_default() + 1;
            return format!("\n{}\n", " ".repeat(spaces)).into_bytes();
        }
        "js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs" | "go" | "mod" | "rs" | "java" | "kt" | "c" | "h" | "cc"
        | "cpp" | "hpp" | "cs" | "swift" | "scala" | "php" | "jsonc" => ("// ", ""),
        "css" | "scss" | "less" => ("/* ", " */"),
        "html" | "htm" | "xml" | "svg" | "md" | "vue" => ("<!-- ", " -->"),
        "sql" | "lua" | "hs" => ("-- ", ""),
        "ini" | "lisp" | "el" => ("; ", ""),
        "tex" | "erl" => ("% ", ""),
        _ => ("# ", ""),
    };
    format!("\n{begin}edited {number:016x}{end}\n").into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_changed_and_the_original_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir(at("app")).unwrap();
        fs::write(at("app/main.py"), "x = 1\n").unwrap();
        fs::write(at("package.json"), "{}").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        let edits = [
            ("app/main.py".to_owned(), Edit::Replace("1".into(), "2".into())),
            ("package.json".to_owned(), Edit::Comment),
            ("new/file.go".to_owned(), Edit::Add("package main\n".into())),
        ];
        let copy = Edited::of(dir.path(), &edits).unwrap().ok().unwrap();
        let read = |path: &str| fs::read_to_string(copy.dir().join(path)).unwrap();
        assert!(read("app/main.py").starts_with("x = 2\n\n# edited "));
        assert!(
            serde_json::from_str::<serde_json::Value>(&read("package.json")).is_ok() && read("package.json").len() > 4
        );
        assert!(read("new/file.go").starts_with("package main\n\n// edited "));
        assert_eq!(fs::read_link(copy.dir().join("link")).unwrap(), Path::new("/etc/passwd"));
        assert_eq!(fs::read_to_string(at("app/main.py")).unwrap(), "x = 1\n");
        for (path, edit, why) in [
            ("link", Edit::Comment, "link is a link"),
            ("../x", Edit::Add(String::new()), "../x is a link"),
            ("none", Edit::Comment, "there is no none"),
            ("app", Edit::Add("x".into()), "app is a folder"),
            ("app/main.py", Edit::Replace("z".into(), String::new()), "app/main.py does not have `z`"),
        ] {
            assert_eq!(Edited::of(dir.path(), &[(path.to_owned(), edit)]).unwrap().err().as_deref(), Some(why));
        }
    }
}
