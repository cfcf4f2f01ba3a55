//! What a workspace tells of its files.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything in a workspace, as far as it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// In the order of a tree: a folder, then what is in it; folders before files.
    pub entries: Vec<Entry>,
    /// Whether there is more than was listed.
    pub cut: bool,
}

/// One name in a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Below the workspace, with `/` between names. May hold any characters: clean it before it is shown.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes; of a link, those of its target's name.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// When it was changed.
    pub modified: Timestamp,
    /// Whether `path` is all of its name. A name that is not UTF-8 is shown with replacements, and cannot be used.
    pub exact: bool,
}

impl Entry {
    /// The last part of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// How many folders it lies in.
    pub fn depth(&self) -> usize {
        self.path.matches('/').count()
    }

    /// Whether it is a folder itself (a link to one is not).
    pub const fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder(_))
    }
}

/// Sorts entries as a tree is read: a folder, what is in it; folders first, then by name.
pub(super) fn in_order(entries: &mut [Entry]) {
    entries.sort_by_cached_key(|entry| {
        let names: Vec<&str> = entry.path.split('/').collect();
        let last = names.len() - 1;
        let part = |(n, name): (usize, &&str)| {
            // Every name but the last is a folder's.
            (n == last && !entry.is_folder(), name.to_lowercase(), (*name).to_owned())
        };
        names.iter().enumerate().map(part).collect::<Vec<_>>()
    });
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder(Inside),
    /// A symbolic link.
    Link {
        /// What it names, as it is written in it.
        to: String,
        /// Whether it leads to a folder.
        folder: bool,
    },
    /// A socket, pipe or device.
    Other,
}

/// How much of a folder was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// All of it.
    Listed,
    /// Nothing: it is one of those that programs fill, such as `.git`.
    Left,
    /// Not all: there was too much.
    Cut,
    /// Nothing: it cannot be read, and why.
    Unreadable(String),
}

/// What a file was when it was read or saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// When it was changed.
    pub modified: Timestamp,
    /// Its number in its file system.
    pub inode: u64,
    /// SHA-256 of its bytes, in hexadecimal. This alone decides whether it is another.
    pub hash: String,
}

/// A file that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Text that can be worked on.
    Text(TextFile),
    /// Something else.
    Binary {
        /// Bytes.
        size: u64,
        /// What it seems to be, such as `a PNG image`.
        what: &'static str,
    },
    /// More than is read.
    TooLarge {
        /// Bytes.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
}

/// A text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Its text. Lines end as [`Form::ending`] says, which is `\n` here unless they differ among themselves.
    pub text: String,
    /// How its text is written.
    pub form: Form,
    /// What it was when it was read.
    pub stamp: Stamp,
    /// Whether it may be written.
    pub writable: bool,
}

/// How a text is written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Form {
    /// How its lines end.
    pub ending: Ending,
    /// Whether it begins with a byte order mark, which is not part of its text.
    pub bom: bool,
}

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Ending {
    /// `\n`.
    #[default]
    Lf,
    /// `\r\n`, which is `\n` in the text.
    CrLf,
    /// Now so, now so: the text has them as they are.
    Mixed,
}

/// How saving went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// The file is what was given.
    Done(Stamp),
    /// Nothing was written: the file is not what was expected.
    Changed {
        /// What is there now; `None` when the file is gone.
        theirs: Option<Opened>,
        /// What to expect when this is to be replaced; `None` when it is gone or too large to be compared.
        stamp: Option<Stamp>,
    },
}

/// What lies at and below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// Files, links and other things that are no folders.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// How far an upload or download is, or what it was in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// Bytes of files that were moved.
    pub bytes: u64,
    /// Bytes that there are in all.
    pub total: u64,
    /// Files that were moved.
    pub files: u64,
    /// Sockets, pipes and devices, which were left out.
    pub skipped: u64,
}

/// Something that happened in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Something came, went or was renamed: the listing is old.
    Tree,
    /// This file may have another content.
    File(String),
    /// More happened than can be told one by one: everything may be different.
    Many,
    /// From now on the workspace is looked at every few seconds only; and why.
    Polling(String),
    /// Nothing more will be told; and why.
    Over(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_reads_like_a_tree() {
        let entry = |(path, folder): &(&str, bool)| Entry {
            path: (*path).to_owned(),
            kind: if *folder { Kind::Folder(Inside::Listed) } else { Kind::File },
            size: 0,
            mode: 0,
            modified: Timestamp::default(),
            exact: true,
        };
        let mut entries: Vec<_> = [
            ("a", false),
            ("src/b", false),
            ("B", true),
            ("src", true),
            ("src-x", true),
            ("src/a", true),
            ("B/z", false),
        ]
        .iter()
        .map(entry)
        .collect();
        in_order(&mut entries);
        let paths: Vec<_> = entries.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["B", "B/z", "src", "src/a", "src/b", "src-x", "a"]);
        assert_eq!((entries[3].depth(), entries[3].name()), (1, "a"));
    }
}
