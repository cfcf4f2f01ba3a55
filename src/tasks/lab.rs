//! Labs as tasks: sessions started for them, workspaces put back.

use std::time::Instant;

use jiff::Timestamp;

use crate::config::Sessions;
use crate::engine::Engine;
use crate::labs::{self, Lab};
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
        Ok(_) => Outcome::Done(format!("the workspace of session {} is as the lab begins", session.id)),
        Err(e) => Outcome::Failed(e),
    }
}
