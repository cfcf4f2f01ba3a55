//! Attempts: kept in one piece, listed, summed up.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::error::StoreTrouble;
use super::{
    Attempt, AttemptFile, AttemptId, Mode, NewAttempt, Progress, Store, StoreError, TEXT_LIMIT, Verdict, Wanted,
};

/// The columns of an [`Attempt`].
const ATTEMPT: &str = "SELECT id, lab, lab_digest, owner, host, session, mode, verdict, score, max_score, started, \
                       elapsed_seconds, workspace_digest FROM attempts WHERE 1";

impl Store {
    /// Keeps an attempt, with its report and files; all of it is on the disk when this is done.
    pub async fn add_attempt(&self, new: &NewAttempt) -> Result<AttemptId, StoreError> {
        if let Err(e) = serde_json::from_str::<serde::de::IgnoredAny>(&new.report) {
            let what = format_args!("the attempt is not kept: its report is no JSON: {e}");
            return Err(StoreError::new(StoreTrouble::Invalid, self.path(), what));
        }
        let sql = |e: sqlx::Error| self.sql(&e);
        let mut all = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(sql)?;
        let id = insert(&mut all, new).await.map_err(sql)?;
        all.commit().await.map_err(sql)?;
        Ok(id)
    }

    /// Attempts, the newest first.
    pub async fn attempts(&self, wanted: &Wanted) -> Result<Vec<Attempt>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(ATTEMPT);
        for (column, value) in
            [(" AND lab = ", &wanted.lab), (" AND owner = ", &wanted.owner), (" AND host = ", &wanted.host)]
        {
            if let Some(value) = value {
                query.push(column).push_bind(value);
            }
        }
        if let Some(before) = wanted.before {
            query.push(" AND id < ").push_bind(before.0);
        }
        query.push(" ORDER BY id DESC");
        if let Some(limit) = wanted.limit {
            query.push(" LIMIT ").push_bind(i64::from(limit));
        }
        // Attempts and their codes, as of one moment.
        let mut all = self.pool.begin().await.map_err(|e| self.sql(&e))?;
        let rows = query.build().fetch_all(&mut *all).await.map_err(|e| self.sql(&e))?;
        let mut attempts = rows.iter().map(|row| self.attempt_of(row)).collect::<Result<Vec<_>, _>>()?;
        self.add_codes(&mut all, &mut attempts).await?;
        Ok(attempts)
    }

    /// One attempt; `None` when there is none of this number.
    pub async fn attempt(&self, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(ATTEMPT);
        query.push(" AND id = ").push_bind(id.0);
        let mut all = self.pool.begin().await.map_err(|e| self.sql(&e))?;
        let Some(row) = query.build().fetch_optional(&mut *all).await.map_err(|e| self.sql(&e))? else {
            return Ok(None);
        };
        let mut found = [self.attempt_of(&row)?];
        self.add_codes(&mut all, &mut found).await?;
        Ok(Some(found).map(|[attempt]| attempt))
    }

    /// The report of an attempt, as it was given: JSON.
    pub async fn report(&self, id: AttemptId) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT report FROM attempts WHERE id = ?")
            .bind(id.0)
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| self.sql(&e))
    }

    /// The files of an attempt, by their paths.
    pub async fn files(&self, id: AttemptId) -> Result<Vec<AttemptFile>, StoreError> {
        let rows = sqlx::query(
            "SELECT path, attempt_files.sha256, size, text FROM attempt_files \
             LEFT JOIN contents ON contents.id = content WHERE attempt = ? ORDER BY path",
        )
        .bind(id.0)
        .fetch_all(&self.pool)
        .await
        .map_err(|e| self.sql(&e))?;
        let file = |row: &SqliteRow| -> Result<AttemptFile, sqlx::Error> {
            Ok(AttemptFile {
                path: row.try_get(0)?,
                sha256: row.try_get(1)?,
                size: row.try_get::<i64, _>(2)?.unsigned_abs(),
                text: row.try_get(3)?,
            })
        };
        rows.iter().map(file).collect::<Result<_, _>>().map_err(|e| self.sql(&e))
    }

    /// The attempt that the same person made at the same lab before this one, and that could be judged.
    pub async fn attempt_before(&self, id: AttemptId) -> Result<Option<AttemptId>, StoreError> {
        sqlx::query_scalar(
            "SELECT b.id FROM attempts a JOIN attempts b ON b.owner = a.owner AND b.lab = a.lab AND b.id < a.id \
             WHERE a.id = ? AND b.verdict <> 'error' ORDER BY b.id DESC LIMIT 1",
        )
        .bind(id.0)
        .fetch_optional(&self.pool)
        .await
        .map(|found| found.map(AttemptId))
        .map_err(|e| self.sql(&e))
    }

    /// How far someone is, by lab; labs that were never begun are not in it.
    pub async fn progress(&self, owner: &str) -> Result<BTreeMap<String, Progress>, StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        let mut all = self.pool.begin().await.map_err(sql)?;
        let touched: Vec<(String, i64)> = sqlx::query_as(
            "SELECT lab, max(at) FROM (\
             SELECT lab, began AS at FROM sessions WHERE owner = ?1 AND lab IS NOT NULL \
             UNION ALL SELECT lab, started FROM attempts WHERE owner = ?1) GROUP BY lab",
        )
        .bind(owner)
        .fetch_all(&mut *all)
        .await
        .map_err(sql)?;
        // With one max(), SQLite takes the other columns from the row that has it: the best attempt's points.
        let judged: Vec<(String, u32, bool, u32, u32, f64)> = sqlx::query_as(
            "SELECT lab, n, passed, score, max_score, max(share) FROM (\
             SELECT lab, score, max_score, CAST(score AS REAL) / max(max_score, 1) AS share, \
             count(*) OVER (PARTITION BY lab) AS n, max(verdict = 'passed') OVER (PARTITION BY lab) AS passed \
             FROM attempts WHERE owner = ? AND verdict <> 'error') GROUP BY lab",
        )
        .bind(owner)
        .fetch_all(&mut *all)
        .await
        .map_err(sql)?;
        let mut progress = BTreeMap::new();
        for (lab, last) in touched {
            let last = self.time(last)?;
            let begun = Progress { attempts: 0, passed: false, best_score: 0, max_score: 0, last, started: true };
            progress.insert(lab, begun);
        }
        for (lab, attempts, passed, best_score, max_score, _) in judged {
            if let Some(of) = progress.get_mut(&lab) {
                *of = Progress { attempts, passed, best_score, max_score, ..*of };
            }
        }
        Ok(progress)
    }

    /// Forgets all that is known of someone and a lab: attempts, files, hints, sessions. Answers with how many
    /// attempts there were.
    pub async fn forget(&self, lab: &str, owner: &str) -> Result<u64, StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        let mut all = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(sql)?;
        let mut forgotten = 0;
        for (i, statement) in [
            "DELETE FROM attempts WHERE lab = ? AND owner = ?",
            "DELETE FROM hints WHERE lab = ? AND owner = ?",
            "DELETE FROM sessions WHERE lab = ? AND owner = ?",
        ]
        .into_iter()
        .enumerate()
        {
            let done = sqlx::query(statement).bind(lab).bind(owner).execute(&mut *all).await.map_err(sql)?;
            if i == 0 {
                forgotten = done.rows_affected();
            }
        }
        sqlx::query("DELETE FROM contents WHERE NOT EXISTS (SELECT 1 FROM attempt_files WHERE content = contents.id)")
            .execute(&mut *all)
            .await
            .map_err(sql)?;
        all.commit().await.map_err(sql)?;
        Ok(forgotten)
    }

    fn attempt_of(&self, row: &SqliteRow) -> Result<Attempt, StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        let text = |column: &'static str| row.try_get::<String, _>(column).map_err(sql);
        let odd = |what: &str| StoreError::damaged(&self.path, format_args!("{what} is none that there is"));
        let mode = text("mode")?;
        let verdict = text("verdict")?;
        Ok(Attempt {
            id: AttemptId(row.try_get("id").map_err(sql)?),
            lab: text("lab")?,
            lab_digest: text("lab_digest")?,
            owner: text("owner")?,
            host: text("host")?,
            session: row.try_get("session").map_err(sql)?,
            mode: Mode::named(&mode).ok_or_else(|| odd("a mode"))?,
            verdict: Verdict::named(&verdict).ok_or_else(|| odd("a verdict"))?,
            score: row.try_get("score").map_err(sql)?,
            max_score: row.try_get("max_score").map_err(sql)?,
            started: self.time(row.try_get("started").map_err(sql)?)?,
            elapsed_seconds: row.try_get("elapsed_seconds").map_err(sql)?,
            workspace_digest: text("workspace_digest")?,
            codes: Vec::new(),
        })
    }

    /// Gives attempts, which are sorted from new to old, their codes.
    async fn add_codes(&self, db: &mut SqliteConnection, attempts: &mut [Attempt]) -> Result<(), StoreError> {
        let (Some(newest), Some(oldest)) = (attempts.first(), attempts.last()) else { return Ok(()) };
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT attempt, code FROM attempt_codes WHERE attempt BETWEEN ? AND ? ORDER BY attempt, place",
        )
        .bind(oldest.id.0)
        .bind(newest.id.0)
        .fetch_all(db)
        .await
        .map_err(|e| self.sql(&e))?;
        for (id, code) in rows {
            if let Ok(at) = attempts.binary_search_by(|a| id.cmp(&a.id.0)) {
                attempts[at].codes.push(code);
            }
        }
        Ok(())
    }

    /// A time, as it is written.
    pub(super) fn time(&self, microseconds: i64) -> Result<Timestamp, StoreError> {
        Timestamp::from_microsecond(microseconds).map_err(|e| StoreError::damaged(&self.path, e))
    }
}

async fn insert(db: &mut SqliteConnection, new: &NewAttempt) -> Result<AttemptId, sqlx::Error> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO attempts (lab, lab_digest, owner, host, session, mode, verdict, score, max_score, started, \
         elapsed_seconds, workspace_digest, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(&new.lab)
    .bind(&new.lab_digest)
    .bind(&new.owner)
    .bind(&new.host)
    .bind(&new.session)
    .bind(new.mode.name())
    .bind(new.verdict.name())
    .bind(new.score)
    .bind(new.max_score)
    .bind(new.started.as_microsecond())
    // SQLite keeps what is no number as nothing at all.
    .bind(if new.elapsed_seconds.is_finite() { new.elapsed_seconds } else { 0.0 })
    .bind(&new.workspace_digest)
    .bind(&new.report)
    .fetch_one(&mut *db)
    .await?;
    for (place, code) in new.codes.iter().enumerate() {
        sqlx::query("INSERT INTO attempt_codes (attempt, place, code) VALUES (?, ?, ?)")
            .bind(id)
            .bind(place as i64)
            .bind(code)
            .execute(&mut *db)
            .await?;
    }
    for file in &new.files {
        let content = match file.text.as_deref().filter(|t| t.len() <= TEXT_LIMIT) {
            Some(text) => Some(content(&mut *db, text).await?),
            None => None,
        };
        // The last one counts, should a path be there twice.
        sqlx::query(
            "INSERT OR REPLACE INTO attempt_files (attempt, path, sha256, size, content) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(id)
        .bind(&file.path)
        .bind(&file.sha256)
        .bind(i64::try_from(file.size).unwrap_or(i64::MAX))
        .bind(content)
        .execute(&mut *db)
        .await?;
    }
    Ok(AttemptId(id))
}

/// The number of a text, which is kept once. Its digest is made here: one that is wrong would give someone the text
/// of another.
async fn content(db: &mut SqliteConnection, text: &str) -> Result<i64, sqlx::Error> {
    let digest = Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut digest, byte| {
        let _ = write!(digest, "{byte:02x}");
        digest
    });
    let there: Option<i64> =
        sqlx::query_scalar("SELECT id FROM contents WHERE sha256 = ?").bind(&digest).fetch_optional(&mut *db).await?;
    if let Some(id) = there {
        return Ok(id);
    }
    sqlx::query_scalar("INSERT INTO contents (sha256, text) VALUES (?, ?) RETURNING id")
        .bind(&digest)
        .bind(text)
        .fetch_one(db)
        .await
}
