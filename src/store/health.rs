//! How containers fared: changes, when somebody looked, what was restarted for its health.
//!
//! Several programs may look at one host at once and tell the same: what is the case already is not written again, and
//! a restart is begun by the first only.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Condition, HealAct, HealId, HealthChange, HealthPast, HealthSeen, Store, StoreError};

/// How long it is kept.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(8 * 24);
/// How many changes of one container are kept.
pub(super) const CHANGES: i64 = 1000;
/// How many changes are kept at all.
const ALL: i64 = 200_000;
/// Two looks so far apart are one span of watching.
const GAP: SignedDuration = SignedDuration::from_secs(150);
/// What is said of a container that is not there any more.
const REMOVED: &str = "removed";

impl Store {
    /// Notes how all containers of a host are: what is another way than before is a change, and what is not among
    /// them was removed. Answers with the time since which each has its level.
    pub async fn health_seen(
        &self,
        host: &str,
        seen: &[HealthSeen],
        at: Timestamp,
    ) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        let mut all = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(sql)?;
        let last: Vec<(String, i64, i64, String, String)> = sqlx::query_as(
            "SELECT name, at, since, level, code FROM health_changes WHERE id IN \
             (SELECT max(id) FROM health_changes WHERE host = ? GROUP BY name)",
        )
        .bind(host)
        .fetch_all(&mut *all)
        .await
        .map_err(sql)?;
        let mut last: BTreeMap<String, Last> =
            last.into_iter().map(|(name, at, since, level, code)| (name, Last { at, since, level, code })).collect();
        let now = at.as_microsecond();
        let mut changed: Vec<(HealthSeen, i64)> = Vec::new();
        for one in seen {
            // What the engine knows of the time since the last change is more exact than when it was seen.
            let by_engine = one.since.map(Timestamp::as_microsecond).filter(|since| *since <= now);
            match last.get(&one.name) {
                Some(last) if last.level == one.level.name() && last.code == one.code => {}
                // Somebody else has looked later.
                Some(last) if last.at >= now => {}
                Some(last) => changed.push((one.clone(), by_engine.filter(|since| *since > last.at).unwrap_or(now))),
                None => changed.push((one.clone(), by_engine.unwrap_or(now))),
            }
        }
        let there: std::collections::BTreeSet<&str> = seen.iter().map(|s| s.name.as_str()).collect();
        for (name, last) in &last {
            if !there.contains(name.as_str()) && last.level != Condition::Off.name() && last.at < now {
                let (name, what) = (name.clone(), REMOVED.to_owned());
                changed.push((HealthSeen { name, level: Condition::Off, code: String::new(), what, since: None }, now));
            }
        }
        for (one, at) in changed {
            let before = last.get(&one.name).filter(|last| last.level == one.level.name());
            let since = before.map_or(at, |last| last.since);
            insert(&mut all, host, &one, at, since).await.map_err(sql)?;
            last.insert(one.name, Last { at, since, level: one.level.name().to_owned(), code: one.code });
        }
        all.commit().await.map_err(sql)?;
        last.into_iter().map(|(name, last)| Ok((name, self.time(last.since)?))).collect()
    }

    /// Notes that somebody looks at a host: now, and since the last time if that was lately. What is too old is
    /// forgotten on the way.
    pub async fn health_watched(&self, host: &str, at: Timestamp) -> Result<(), StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        let mut all = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(sql)?;
        let (now, lately) = (at.as_microsecond(), before(at, GAP));
        let longer = sqlx::query(
            "UPDATE health_watched SET ended = max(ended, ?1) WHERE id = \
             (SELECT id FROM health_watched WHERE host = ?2 AND ended >= ?3 ORDER BY ended DESC LIMIT 1)",
        )
        .bind(now)
        .bind(host)
        .bind(lately);
        if longer.execute(&mut *all).await.map_err(sql)?.rows_affected() == 0 {
            let new = sqlx::query("INSERT INTO health_watched (host, began, ended) VALUES (?1, ?2, ?2)");
            new.bind(host).bind(now).execute(&mut *all).await.map_err(sql)?;
        }
        forget(&mut all, before(at, KEPT)).await.map_err(sql)?;
        all.commit().await.map_err(sql)
    }

    /// How a container fared since a time: its changes, with the one before, and when somebody looked.
    pub async fn health_past(&self, host: &str, name: &str, since: Timestamp) -> Result<HealthPast, StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        // Both as of one moment.
        let mut all = self.pool.begin().await.map_err(sql)?;
        let changes = sqlx::query(
            "SELECT at, level, code, what FROM health_changes WHERE host = ?1 AND name = ?2 AND id >= coalesce(\
             (SELECT max(id) FROM health_changes WHERE host = ?1 AND name = ?2 AND at <= ?3), 0) ORDER BY id",
        )
        .bind(host)
        .bind(name)
        .bind(since.as_microsecond())
        .fetch_all(&mut *all)
        .await
        .map_err(sql)?;
        let watched: Vec<(i64, i64)> =
            sqlx::query_as("SELECT began, ended FROM health_watched WHERE host = ? AND ended >= ? ORDER BY began")
                .bind(host)
                .bind(since.as_microsecond())
                .fetch_all(&mut *all)
                .await
                .map_err(sql)?;
        Ok(HealthPast {
            changes: changes.iter().map(|row| self.change_of(row)).collect::<Result<_, _>>()?,
            watched: watched
                .into_iter()
                .map(|(began, ended)| Ok((self.time(began)?, self.time(ended)?)))
                .collect::<Result<_, StoreError>>()?,
        })
    }

    /// Notes that a container is about to be restarted for its health. `None` when somebody else was quicker: the
    /// newest restart of it is not the one that `last` says.
    pub async fn heal_begins(
        &self,
        host: &str,
        name: &str,
        code: &str,
        at: Timestamp,
        last: Option<HealId>,
    ) -> Result<Option<HealId>, StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        let mut all = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(sql)?;
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM health_heals WHERE host = ? AND name = ?")
            .bind(host)
            .bind(name)
            .fetch_one(&mut *all)
            .await
            .map_err(sql)?;
        if newest != last.map(|id| id.0) {
            return Ok(None);
        }
        let id: i64 =
            sqlx::query_scalar("INSERT INTO health_heals (host, name, at, code) VALUES (?, ?, ?, ?) RETURNING id")
                .bind(host)
                .bind(name)
                .bind(at.as_microsecond())
                .bind(code)
                .fetch_one(&mut *all)
                .await
                .map_err(sql)?;
        all.commit().await.map_err(sql)?;
        Ok(Some(HealId(id)))
    }

    /// Notes how a restart ended.
    pub async fn heal_ended(&self, id: HealId, outcome: &str) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE health_heals SET outcome = ? WHERE id = ?").bind(outcome).bind(id.0);
        done.execute(&self.pool).await.map(drop).map_err(|e| self.sql(&e))
    }

    /// What was restarted on a host for its health, the newest first, at most so many.
    pub async fn heals(&self, host: &str, limit: u32) -> Result<Vec<HealAct>, StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        let rows =
            sqlx::query("SELECT id, name, at, code, outcome FROM health_heals WHERE host = ? ORDER BY id DESC LIMIT ?")
                .bind(host)
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await
                .map_err(sql)?;
        let act = |row: &SqliteRow| {
            Ok(HealAct {
                id: HealId(row.try_get(0).map_err(sql)?),
                name: row.try_get(1).map_err(sql)?,
                at: self.time(row.try_get(2).map_err(sql)?)?,
                code: row.try_get(3).map_err(sql)?,
                outcome: row.try_get(4).map_err(sql)?,
            })
        };
        rows.iter().map(act).collect()
    }

    /// Notes what people are told of something: `None` that it is well again. Answers whether that is news: somebody
    /// else may have told it already.
    pub async fn health_told(
        &self,
        host: &str,
        name: &str,
        level: Option<Condition>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let told = match level {
            None => sqlx::query("DELETE FROM health_told WHERE host = ? AND name = ?").bind(host).bind(name),
            Some(level) => sqlx::query(
                "INSERT INTO health_told (host, name, level, at) VALUES (?, ?, ?, ?) ON CONFLICT (host, name) \
                 DO UPDATE SET level = excluded.level, at = excluded.at WHERE level <> excluded.level",
            )
            .bind(host)
            .bind(name)
            .bind(level.name())
            .bind(at.as_microsecond()),
        };
        told.execute(&self.pool).await.map(|done| done.rows_affected() > 0).map_err(|e| self.sql(&e))
    }

    /// What people know to be not well on a host, by name.
    pub async fn health_known(&self, host: &str) -> Result<BTreeMap<String, Condition>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT name, level FROM health_told WHERE host = ?")
            .bind(host)
            .fetch_all(&self.pool)
            .await
            .map_err(|e| self.sql(&e))?;
        Ok(rows.into_iter().filter_map(|(name, level)| Some((name, Condition::named(&level)?))).collect())
    }

    fn change_of(&self, row: &SqliteRow) -> Result<HealthChange, StoreError> {
        let sql = |e: sqlx::Error| self.sql(&e);
        let level: String = row.try_get(1).map_err(sql)?;
        Ok(HealthChange {
            at: self.time(row.try_get(0).map_err(sql)?)?,
            level: Condition::named(&level)
                .ok_or_else(|| StoreError::damaged(&self.path, "a level is none that there is"))?,
            code: row.try_get(2).map_err(sql)?,
            what: row.try_get(3).map_err(sql)?,
        })
    }
}

/// So long before a time, as it is written.
fn before(at: Timestamp, span: SignedDuration) -> i64 {
    at.checked_sub(span).unwrap_or(Timestamp::MIN).as_microsecond()
}

/// The newest change of a container.
struct Last {
    at: i64,
    since: i64,
    level: String,
    code: String,
}

async fn insert(
    db: &mut SqliteConnection,
    host: &str,
    seen: &HealthSeen,
    at: i64,
    since: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO health_changes (host, name, at, since, level, code, what) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(host)
        .bind(&seen.name)
        .bind(at)
        .bind(since)
        .bind(seen.level.name())
        .bind(&seen.code)
        .bind(&seen.what)
        .execute(db)
        .await
        .map(drop)
}

/// Forgets what is older than a time, but for how each container was then; and what is too much.
async fn forget(db: &mut SqliteConnection, horizon: i64) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM health_changes WHERE at < ?1 AND EXISTS (SELECT 1 FROM health_changes o WHERE \
         o.host = health_changes.host AND o.name = health_changes.name AND o.id > health_changes.id AND o.at <= ?1)",
        "DELETE FROM health_changes WHERE at < ?1 AND level = 'off' AND code = '' AND NOT EXISTS (SELECT 1 FROM \
         health_changes o WHERE o.host = health_changes.host AND o.name = health_changes.name AND o.id > \
         health_changes.id)",
        "DELETE FROM health_watched WHERE ended < ?1",
        "DELETE FROM health_heals WHERE at < ?1",
        "DELETE FROM health_told WHERE at < ?1 AND NOT EXISTS (SELECT 1 FROM health_changes o WHERE \
         o.host = health_told.host AND o.name = health_told.name)",
    ] {
        sqlx::query(statement).bind(horizon).execute(&mut *db).await?;
    }
    sqlx::query(
        "DELETE FROM health_changes WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER \
         (PARTITION BY host, name ORDER BY id DESC) AS n FROM health_changes) WHERE n > ?)",
    )
    .bind(CHANGES)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM health_changes WHERE id <= (SELECT id FROM health_changes ORDER BY id DESC LIMIT 1 OFFSET ?)",
    )
    .bind(ALL)
    .execute(&mut *db)
    .await?;
    Ok(())
}
