//! What can go wrong with the history's file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

use crate::text::clean;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreTrouble {
    /// The file is something else.
    Foreign,
    /// The file is damaged.
    Damaged,
    /// A later version of ondeck wrote it.
    Newer,
    /// It may not be read or written, or cannot be made.
    Denied,
    /// There is no room on the disk.
    Full,
    /// Others write it all the time.
    Busy,
    /// What was to be kept is not as it must be.
    Invalid,
    /// Anything else.
    Other,
}

/// Why the history cannot be read or written. The file is as it was before. Its texts are harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// What kind of trouble it is.
    pub trouble: StoreTrouble,
    /// The file.
    pub path: PathBuf,
    /// What happened, with the file.
    pub message: String,
    /// What to do; empty when there is nothing better than trying again.
    pub hint: String,
}

impl StoreError {
    pub(super) fn new(trouble: StoreTrouble, path: &Path, what: impl fmt::Display) -> Self {
        let shown = path.display();
        let hint = match trouble {
            StoreTrouble::Foreign => format!(
                "it was left as it is; move it away to begin a new history, or name another file in {}",
                super::PATH_VARIABLE
            ),
            StoreTrouble::Damaged => format!(
                "it was left as it is; move it away to begin a new history (`mv {shown} {shown}.damaged`), or bring \
                 back a copy; `sqlite3 {shown}.damaged .recover` may save what is in it"
            ),
            StoreTrouble::Newer => "it was left as it is; use the newer ondeck".to_owned(),
            StoreTrouble::Denied => format!(
                "its folder must be writable too, for the files beside it; {} names another file",
                super::PATH_VARIABLE
            ),
            StoreTrouble::Full => "make room on the disk and try again; what was kept before is safe".to_owned(),
            StoreTrouble::Busy => "another program holds it; try again when that is done".to_owned(),
            StoreTrouble::Invalid | StoreTrouble::Other => String::new(),
        };
        Self {
            trouble,
            path: path.to_owned(),
            message: clean(&format!("{shown}: {what}")).into_owned(),
            hint: clean(&hint).into_owned(),
        }
    }

    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let trouble = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreTrouble::Full,
            io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists => StoreTrouble::Denied,
            _ => StoreTrouble::Other,
        };
        Self::new(trouble, path, format_args!("the history cannot be kept here: {error}"))
    }

    pub(super) fn sql(path: &Path, error: &sqlx::Error) -> Self {
        let code = match error {
            sqlx::Error::Database(e) => e.code().and_then(|c| c.parse::<i32>().ok()),
            sqlx::Error::PoolTimedOut => Some(BUSY),
            _ => None,
        };
        // The low byte is the kind, what is above it the details.
        match code.map(|c| c & 0xff) {
            Some(NOT_A_DATABASE) => Self::not_a_database(path),
            Some(CORRUPT) => Self::damaged(path, error),
            Some(READ_ONLY | CANNOT_OPEN | PERMISSION) => {
                Self::new(StoreTrouble::Denied, path, format_args!("the history cannot be written: {}", said(error)))
            }
            Some(FULL) => Self::new(StoreTrouble::Full, path, "the history cannot be written: the disk is full"),
            Some(BUSY | LOCKED) => Self::new(StoreTrouble::Busy, path, "the history is being written by others"),
            _ => Self::new(StoreTrouble::Other, path, format_args!("the history cannot be used: {}", said(error))),
        }
    }

    pub(super) fn not_a_database(path: &Path) -> Self {
        Self::new(StoreTrouble::Foreign, path, "this is no history of ondeck: it is no SQLite database")
    }

    pub(super) fn damaged(path: &Path, what: impl fmt::Display) -> Self {
        Self::new(StoreTrouble::Damaged, path, format_args!("the history is damaged: {what}"))
    }

    pub(super) fn migration(path: &Path, error: &MigrateError) -> Self {
        match error {
            MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => Self::sql(path, e),
            MigrateError::VersionMissing(version) => Self::newer(path, *version),
            MigrateError::VersionMismatch(_) => {
                Self::new(StoreTrouble::Newer, path, "another build of ondeck made this history in another form")
            }
            other => Self::new(StoreTrouble::Other, path, format_args!("the history cannot be used: {other}")),
        }
    }

    pub(super) fn newer(path: &Path, version: i64) -> Self {
        let known = super::open::newest();
        let what = format!("a newer ondeck made this history: its form is {version}, this program knows {known}");
        Self::new(StoreTrouble::Newer, path, what)
    }
}

const PERMISSION: i32 = 3;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const NOT_A_DATABASE: i32 = 26;

/// Whether waiting may help.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(e)
        if e.code().and_then(|c| c.parse::<i32>().ok()).is_some_and(|c| matches!(c & 0xff, BUSY | LOCKED)))
}

/// What the database said.
fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(e) => e.message().to_owned(),
        other => other.to_string(),
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for StoreError {}
