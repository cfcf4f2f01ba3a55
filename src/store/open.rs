//! Opening the history: what the file is, before anything is written to it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{Connection, SqlSafeStr};

use super::error::{StoreError, StoreTrouble, is_busy};

/// The forms of the file, each made of the one before. One that was released is never changed: a new form is a new
/// file with the next number, and a line here.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "history", include_str!("migrations/0001_history.sql")),
    (2, "health", include_str!("migrations/0002_health.sql")),
];

/// `application_id` of our files; the first migration sets it.
const APPLICATION: i32 = i32::from_be_bytes(*b"ondk");
/// How long one waits for others that write.
const PATIENCE: Duration = Duration::from_secs(10);
/// Files up to this size are looked through for damage when they are opened; that takes well below a second.
const LOOKED_THROUGH: u64 = 64 << 20;
/// What every `SQLite` database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The length of a database's head, in bytes.
const HEADER: u64 = 100;

/// The form that this program writes.
pub(super) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.0)
}

fn migrator() -> Migrator {
    Migrator::with_migrations(
        MIGRATIONS
            .iter()
            .map(|(version, name, sql)| {
                Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
            })
            .collect(),
    )
}

/// How connections to a history are made.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(PATIENCE)
        // Attempts are few; what was said to be kept is on the disk, also when the power goes.
        .synchronous(SqliteSynchronous::Full)
}

/// Makes the file ready: there, ours, whole, in the newest form, for its owner's eyes only.
pub(super) async fn prepare(path: &Path) -> Result<(), StoreError> {
    make(path)?;
    let sql = |e: sqlx::Error| StoreError::sql(path, &e);
    let mut db = SqliteConnection::connect_with(&options(path)).await.map_err(sql)?;
    let form = examine(&mut db, path).await?;
    if form < newest() {
        write_ahead(&mut db).await.map_err(sql)?;
        // All in one: whoever comes at the same time waits, and finds nothing left to do.
        let mut all = db.begin_with("BEGIN IMMEDIATE").await.map_err(sql)?;
        migrator().run_direct(None, &mut *all, false).await.map_err(|e| StoreError::migration(path, &e))?;
        all.commit().await.map_err(sql)?;
    }
    db.close().await.map_err(sql)?;
    private(path)
}

/// Makes an empty file where there is none; `SQLite` itself would let others read it.
fn make(path: &Path) -> Result<(), StoreError> {
    let io = |e: io::Error| StoreError::io(path, &e);
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::metadata(path).map_err(io)?;
            if !there.is_file() {
                return Err(StoreError::new(
                    StoreTrouble::Foreign,
                    path,
                    "this is no history of ondeck: it is no file",
                ));
            }
            begins_right(path)
        }
        Err(e) => Err(io(e)),
    }
}

/// `SQLite` takes a few bytes of something else for an empty database, and would write over them.
fn begins_right(path: &Path) -> Result<(), StoreError> {
    let mut start = Vec::new();
    let mut file = File::open(path).map_err(|e| StoreError::io(path, &e))?.take(HEADER);
    file.read_to_end(&mut start).map_err(|e| StoreError::io(path, &e))?;
    if start.is_empty() || (start.len() as u64 == HEADER && start.starts_with(MAGIC)) {
        return Ok(());
    }
    if start.starts_with(MAGIC) {
        return Err(StoreError::damaged(path, "it ends within its first lines"));
    }
    Err(StoreError::not_a_database(path))
}

fn private(path: &Path) -> Result<(), StoreError> {
    let io = |e: io::Error| StoreError::io(path, &e);
    let mode = fs::metadata(path).map_err(io)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o700)).map_err(io)?;
    }
    Ok(())
}

/// The form of the file, 0 for an empty one; an error when it is not ours, damaged or newer. Changes nothing.
async fn examine(db: &mut SqliteConnection, path: &Path) -> Result<i64, StoreError> {
    let sql = |e: sqlx::Error| StoreError::sql(path, &e);
    // One read, so that another program that is just making the tables is seen before or after, not between.
    let mut all = db.begin().await.map_err(sql)?;
    let application: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *all).await.map_err(sql)?;
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *all).await.map_err(sql)?;
    if application == 0 && tables == 0 {
        return Ok(0);
    }
    if application != APPLICATION {
        let what = "this is no history of ondeck: it is a database of another program";
        return Err(StoreError::new(StoreTrouble::Foreign, path, what));
    }
    let form: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut *all).await.map_err(sql)?;
    let form = form.unwrap_or(0);
    if form > newest() {
        return Err(StoreError::newer(path, form));
    }
    if fs::metadata(path).is_ok_and(|m| m.len() <= LOOKED_THROUGH) {
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *all).await.map_err(sql)?;
        if found != "ok" {
            return Err(StoreError::damaged(path, found.lines().next_back().unwrap_or_default()));
        }
    }
    all.commit().await.map_err(sql)?;
    Ok(form)
}

/// Lets readers go on while someone writes. `SQLite` does not wait by itself for this switch when several programs
/// make it at once; where the file system knows no such files, it stays as it is and works all the same.
async fn write_ahead(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let since = Instant::now();
    loop {
        match sqlx::query("PRAGMA journal_mode = WAL").execute(&mut *db).await {
            Err(e) if is_busy(&e) && since.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(20)).await,
            other => return other.map(drop),
        }
    }
}
