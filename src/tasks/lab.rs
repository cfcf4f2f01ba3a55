//! Labs as tasks: sessions started for them, workspaces put back.

use std::time::Instant;

use jiff::Timestamp;

use crate::config::{Config, Sessions};
use crate::engine::{Engine, EngineError, ErrorKind};
use crate::labs::{self, Lab, Updated};
use crate::sessions::Session;
use crate::store::SessionOf;

use super::history::History;
use super::record::Outcome;
use super::run::{Teller, seconds};
use super::session::told;
use super::watch::Watch;

/// The session that is started for a lab, once it is ready and has the lab's files.
pub type LabWatch = Watch<Option<Session>>;

pub(super) async fn start(
    engine: &Engine,
    history: &History,
    config: &Sessions,
    (lab, owner): (&Lab, &str),
    watch: &LabWatch,
    teller: &Teller,
    began: Instant,
) -> Outcome {
    watch.begin(teller.id());
    match labs::start(engine, config, lab, owner, &told(teller), std::future::pending()).await {
        Ok(Some(session)) => {
            note(engine, history, &session, teller).await;
            let words = format!("session {} is ready after {}", session.id, seconds(began));
            *watch.lock() = Some(session);
            Outcome::Done(words)
        }
        Ok(None) => Outcome::Cancelled,
        Err(e) => Outcome::Failed(e),
    }
}

/// Puts the session into the history. What cannot be kept is told, and is no reason not to work.
async fn note(engine: &Engine, history: &History, session: &Session, teller: &Teller) {
    let of = SessionOf {
        session: session.id.clone(),
        host: engine.endpoint().name.clone(),
        owner: session.owner.clone(),
        lab: session.lab.clone(),
    };
    let began = session.started.unwrap_or_else(Timestamp::now);
    let noted = history.with(async move |store| store.session_began(&of, began).await);
    if let Err(e) = noted.await {
        teller.line(format!("the session is not in the history: {e}"));
    }
}

pub(super) async fn reset(engine: &Engine, lab: &Lab, session: &Session, teller: &Teller) -> Outcome {
    teller.progress(0, 1, format!("putting back the files of {}", lab.id));
    match labs::reset(engine, session, lab).await {
        Ok(kept) => {
            let kept = kept.map_or(String::new(), |path| format!("; what was there is kept in {}", path.display()));
            Outcome::Done(format!("the workspace of session {} is as {} begins{kept}", session.id, lab.id))
        }
        Err(e) => Outcome::Failed(e),
    }
}

pub(super) async fn update(config: &Config, teller: &Teller) -> Outcome {
    let tell = |line: String| {
        teller.at(0, None, &line);
        teller.line(line);
    };
    let Updated { mut done, errors } = labs::update(config, &tell).await;
    for line in &done {
        teller.line(line);
    }
    for error in &errors {
        error.to_string().lines().for_each(|line| teller.line(line));
    }
    let failed: Vec<_> = errors
        .into_iter()
        .map(|e| (e.file.clone(), EngineError::new(ErrorKind::Other, e.message).with_hint(e.hint)))
        .collect();
    match (done.len(), failed.is_empty()) {
        (1, true) => Outcome::Done(done.remove(0)),
        (n, true) => Outcome::Done(format!("{} fetched", crate::text::count(n, "repository"))),
        (done, false) => Outcome::Partly { done, failed },
    }
}
