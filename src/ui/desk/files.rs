//! The tree of a workspace's files: which folders are open, where the cursor is.

use std::collections::BTreeSet;

use crate::ui::list::scrolled;
use crate::workspace::{Entry, Inside, Kind, Listing};

/// One line of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// The path below the workspace, parts divided by `/`.
    pub path: String,
    /// How deep it stands.
    pub depth: usize,
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// For a folder: whether it is open.
    pub open: bool,
}

impl FileRow {
    /// Its last part.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether others may stand below it.
    pub fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder(_))
    }
}

/// What one person sees of the files.
#[derive(Debug, Default)]
pub struct Tree {
    /// The lines shown.
    pub rows: Vec<FileRow>,
    /// The line of the cursor.
    pub cursor: usize,
    /// The first line on screen.
    pub offset: usize,
    /// Whether the workspace was listed at all.
    pub known: bool,
    /// What could not be shown: a listing that was cut, or one that failed.
    pub note: Option<String>,
    listing: Vec<Entry>,
    open: BTreeSet<String>,
    /// What the cursor goes to once it is listed.
    come_to: Option<String>,
}

impl Tree {
    /// Takes a new listing; the cursor stays on its file.
    pub fn take(&mut self, listing: Listing) {
        self.note = listing.cut.then(|| "there are more files than are shown".to_owned());
        if !self.known {
            // What is small is shown whole.
            let folders: Vec<&Entry> = listing.entries.iter().filter(|e| e.is_folder()).collect();
            if listing.entries.len() <= 40 {
                self.open = folders.iter().map(|e| e.path.clone()).collect();
            }
        }
        self.known = true;
        self.listing = listing.entries;
        self.lay_out();
    }

    /// The files and folders as they were listed last.
    pub fn listing(&self) -> &[Entry] {
        &self.listing
    }

    /// Whether there is a file or folder of that path.
    pub fn has(&self, path: &str) -> bool {
        self.listing.iter().any(|e| e.path == path)
    }

    /// The line under the cursor.
    pub fn here(&self) -> Option<&FileRow> {
        self.rows.get(self.cursor)
    }

    /// The folder that something new would stand in: empty for the workspace itself, else with a `/` at the end.
    pub fn folder_here(&self) -> String {
        match self.here() {
            Some(row) if row.is_folder() && row.open => format!("{}/", row.path),
            Some(row) => row.path.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/")),
            None => String::new(),
        }
    }

    /// Opens or closes the folder under the cursor; answers whether it was one.
    pub fn fold(&mut self, open: Option<bool>) -> bool {
        let Some(row) = self.here().filter(|r| r.is_folder()) else { return false };
        let (path, wanted) = (row.path.clone(), open.unwrap_or(!row.open));
        if wanted == row.open {
            return false;
        }
        if wanted {
            self.open.insert(path)
        } else {
            self.open.remove(&path)
        };
        self.lay_out();
        true
    }

    /// Goes to the folder that the line under the cursor stands in.
    pub fn to_folder(&mut self) {
        if let Some(depth) = self.here().map(|r| r.depth).filter(|d| *d > 0)
            && let Some(up) = self.rows[..self.cursor].iter().rposition(|r| r.depth < depth)
        {
            self.cursor = up;
        }
    }

    /// Moves the cursor.
    pub fn step(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.rows.len().saturating_sub(1));
    }

    /// Puts the cursor on a file, opening the folders above it; as soon as it is listed if it is not yet.
    pub fn go_to(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.open.insert(path[..at].to_owned());
        }
        self.come_to = Some(path.to_owned());
        self.lay_out();
    }

    /// Keeps the cursor on screen.
    pub fn scroll_into(&mut self, height: usize) {
        self.offset = scrolled(self.offset, self.cursor, self.rows.len(), height);
    }

    fn lay_out(&mut self) {
        let on = self.come_to.clone().or_else(|| self.here().map(|r| r.path.clone()));
        let shown = |entry: &&Entry| entry.path.match_indices('/').all(|(at, _)| self.open.contains(&entry.path[..at]));
        self.rows = self
            .listing
            .iter()
            .filter(shown)
            .map(|e| FileRow {
                path: e.path.clone(),
                depth: e.depth(),
                kind: e.kind.clone(),
                size: e.size,
                open: matches!(e.kind, Kind::Folder(Inside::Listed | Inside::Cut)) && self.open.contains(&e.path),
            })
            .collect();
        let place = on.and_then(|path| self.rows.iter().position(|r| r.path == path));
        if place.is_some() {
            self.come_to = None;
        }
        self.cursor = place.unwrap_or(self.cursor).min(self.rows.len().saturating_sub(1));
    }
}
