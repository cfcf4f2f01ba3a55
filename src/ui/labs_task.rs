//! Carries out what the panel needs to know of labs.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::Config;
use crate::judge::Report;
use crate::labs::Catalogue;
use crate::store::{Attempt, Store, StoreError, Verdict, Wanted};
use crate::tasks::History;

use super::labs::{LabsNews, LabsOrder, Past, PastAttempt};
use super::message::Msg;

/// How many attempts are shown.
const SHOWN: usize = 50;

/// What is read of labs.
#[derive(Debug)]
pub struct LabsTasks {
    config: Arc<Config>,
    history: History,
    msgs: mpsc::UnboundedSender<Msg>,
}

impl LabsTasks {
    /// Reads what the config names, and that history.
    pub const fn new(config: Arc<Config>, history: History, msgs: mpsc::UnboundedSender<Msg>) -> Self {
        Self { config, history, msgs }
    }

    /// Carries out an order.
    pub fn order(&self, order: LabsOrder) {
        let (history, config, msgs) = (self.history.clone(), self.config.clone(), self.msgs.clone());
        tokio::spawn(async move {
            let news = match order {
                LabsOrder::Catalogue => LabsNews::Catalogue(catalogue(config).await),
                LabsOrder::Progress(owner) => {
                    LabsNews::Progress(history.with(async move |store| store.progress(&owner).await).await)
                }
                LabsOrder::History(owner, lab) => {
                    let of = lab.clone();
                    let past = history.with(async move |store| past(store, owner, of).await).await;
                    LabsNews::History(lab, past.map(Arc::new))
                }
            };
            // The panel may be gone.
            let _ = msgs.send(Msg::Labs(news));
        });
    }
}

/// Reading is quick, but it is files.
async fn catalogue(config: Arc<Config>) -> Arc<Catalogue> {
    let read = tokio::task::spawn_blocking(move || crate::labs::catalogue(&config)).await;
    Arc::new(read.unwrap_or_default())
}

async fn past(store: &Store, owner: String, lab: String) -> Result<Past, StoreError> {
    let limit = u32::try_from(SHOWN + 1).unwrap_or(u32::MAX);
    let wanted = Wanted { lab: Some(lab), owner: Some(owner), limit: Some(limit), ..Wanted::default() };
    let mut attempts = store.attempts(&wanted).await?;
    let more = attempts.len() > SHOWN;
    attempts.truncate(SHOWN);
    let mut past = Past { attempts: Vec::new(), more };
    for attempt in attempts {
        past.attempts.push(whole(store, attempt).await?);
    }
    Ok(past)
}

/// An attempt with what was said of it, and what is different from the one before.
async fn whole(store: &Store, attempt: Attempt) -> Result<PastAttempt, StoreError> {
    let report = store.report(attempt.id).await?;
    let report: Option<Report> = report.and_then(|text| serde_json::from_str(&text).ok());
    let before = match attempt.verdict {
        // Nothing was looked at.
        Verdict::Error => None,
        _ => store.attempt_before(attempt.id).await?,
    };
    let changes = match before {
        Some(before) => Some(store.changes(before, attempt.id).await?),
        None => None,
    };
    Ok(PastAttempt { attempt, report: report.map(Arc::new), changes })
}
