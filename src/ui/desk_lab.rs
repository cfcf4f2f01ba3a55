//! What workspaces of labs on the screen need of the history.

use std::sync::Arc;

use crate::judge::Report;
use crate::store::{Store, StoreError, Verdict, Wanted};

use super::desk::Newest;

/// Attempts that are looked through for one that could be judged.
const LOOKED_AT: u32 = 20;

/// Someone's newest attempt at a lab that could be judged.
pub async fn newest(store: &Store, owner: String, lab: String) -> Result<Option<Newest>, StoreError> {
    let wanted = Wanted { lab: Some(lab), owner: Some(owner), limit: Some(LOOKED_AT), ..Wanted::default() };
    let attempts = store.attempts(&wanted).await?;
    let Some(attempt) = attempts.into_iter().find(|a| a.verdict != Verdict::Error) else { return Ok(None) };
    let report: Option<Report> = store.report(attempt.id).await?.and_then(|text| serde_json::from_str(&text).ok());
    let before = match store.attempt_before(attempt.id).await? {
        Some(id) => match store.attempt(id).await? {
            Some(before) => Some((before, store.changes(id, attempt.id).await?)),
            None => None,
        },
        None => None,
    };
    Ok(Some(Newest { attempt, report: report.map(Arc::new), before }))
}
