//! Sessions that someone had, and hints that someone took.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{PastSession, SessionOf, Store, StoreError, TakenHint, Wanted};

impl Store {
    /// Notes that a session began. Told twice, the first time counts.
    pub async fn session_began(&self, session: &SessionOf, when: Timestamp) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sessions (host, session, owner, lab, began) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (host, session) DO NOTHING",
        )
        .bind(&session.host)
        .bind(&session.session)
        .bind(&session.owner)
        .bind(&session.lab)
        .bind(when.as_microsecond())
        .execute(&self.pool)
        .await
        .map(drop)
        .map_err(|e| self.sql(&e))
    }

    /// Notes that a session ended. Told twice, the first time counts; one that is not known stays so.
    pub async fn session_ended(&self, host: &str, session: &str, when: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET ended = ? WHERE host = ? AND session = ? AND ended IS NULL")
            .bind(when.as_microsecond())
            .bind(host)
            .bind(session)
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(|e| self.sql(&e))
    }

    /// Sessions, the newest first. `before` of what is wanted does not count.
    pub async fn sessions(&self, wanted: &Wanted) -> Result<Vec<PastSession>, StoreError> {
        let mut query =
            QueryBuilder::<Sqlite>::new("SELECT session, host, owner, lab, began, ended FROM sessions WHERE 1");
        for (column, value) in
            [(" AND lab = ", &wanted.lab), (" AND owner = ", &wanted.owner), (" AND host = ", &wanted.host)]
        {
            if let Some(value) = value {
                query.push(column).push_bind(value);
            }
        }
        query.push(" ORDER BY began DESC, session");
        if let Some(limit) = wanted.limit {
            query.push(" LIMIT ").push_bind(i64::from(limit));
        }
        let rows = query.build().fetch_all(&self.pool).await.map_err(|e| self.sql(&e))?;
        rows.iter().map(|row| self.session_of(row)).collect()
    }

    fn session_of(&self, row: &SqliteRow) -> Result<PastSession, StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        let ended: Option<i64> = row.try_get("ended").map_err(sql)?;
        Ok(PastSession {
            of: SessionOf {
                session: row.try_get("session").map_err(sql)?,
                host: row.try_get("host").map_err(sql)?,
                owner: row.try_get("owner").map_err(sql)?,
                lab: row.try_get("lab").map_err(sql)?,
            },
            began: self.time(row.try_get("began").map_err(sql)?)?,
            ended: ended.map(|at| self.time(at)).transpose()?,
        })
    }

    /// Notes that a hint was given.
    pub async fn hint_taken(&self, hint: &TakenHint) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO hints (owner, lab, key, rung, source, taken) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(&hint.owner)
            .bind(&hint.lab)
            .bind(&hint.key)
            .bind(hint.rung)
            .bind(&hint.source)
            .bind(hint.taken.as_microsecond())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(|e| self.sql(&e))
    }

    /// How far up the ladders someone is in a lab: the highest step that was taken, by failure code or task.
    pub async fn hints_taken(&self, owner: &str, lab: &str) -> Result<BTreeMap<String, u32>, StoreError> {
        let rows: Vec<(String, u32)> =
            sqlx::query_as("SELECT key, max(rung) FROM hints WHERE owner = ? AND lab = ? GROUP BY key")
                .bind(owner)
                .bind(lab)
                .fetch_all(&self.pool)
                .await
                .map_err(|e| self.sql(&e))?;
        Ok(rows.into_iter().collect())
    }
}
