//! What is kept over time: attempts and their reports, hints that were taken, sessions that were, how containers fared.
//!
//! One `SQLite` database in the person's data directory. It keeps history, never what Docker itself knows, and knows no
//! judge: a report is JSON. Several panels and commands may use it at once. What is written is there whole or not at
//! all, however a program ends. A file that is damaged, newer or somebody else's is an error that says so, and is left
//! as it is.

mod attempts;
mod changes;
mod error;
mod health;
mod model;
mod open;
mod people;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

pub use error::{StoreError, StoreTrouble};
pub use model::{
    Attempt, AttemptFile, AttemptId, ChangeKind, Changes, CheckChange, Condition, FileChange, HealAct, HealId,
    HealthChange, HealthPast, HealthSeen, Mode, NewAttempt, PastSession, Progress, SessionOf, TakenHint, Verdict,
    Wanted,
};

/// The variable that names the history's file in place of the usual one.
pub const PATH_VARIABLE: &str = "ONDECK_HISTORY";

/// The longest text of a file that is kept, in bytes.
pub const TEXT_LIMIT: usize = 256 << 10;

/// The history. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
    path: Arc<Path>,
}

impl Store {
    /// Opens a history; makes it when it is not there, with its folder.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        open::prepare(path).await?;
        Ok(Self::connected(path, open::options(path)))
    }

    /// Where the history is: the file that `ONDECK_HISTORY` names, else `history.db` in the person's data directory.
    /// `None` for someone without a home.
    pub fn usual_path() -> Option<PathBuf> {
        std::env::var_os(PATH_VARIABLE)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
            .or_else(|| directories::ProjectDirs::from("", "", "ondeck").map(|d| d.data_dir().join("history.db")))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for what is being written, and closes the file. Not needed: it may be dropped, also in the middle.
    pub async fn close(self) {
        self.pool.close().await;
    }

    fn connected(path: &Path, options: SqliteConnectOptions) -> Self {
        let pool = SqlitePoolOptions::new().max_connections(4).connect_lazy_with(options);
        Self { pool, path: path.into() }
    }

    /// What the database says, as an error of this file.
    fn sql(&self, error: &sqlx::Error) -> StoreError {
        StoreError::sql(&self.path, error)
    }
}
