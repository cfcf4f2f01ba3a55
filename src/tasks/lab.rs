//! Labs as tasks: sessions started for them, workspaces put back.

use std::time::Instant;

use crate::config::Sessions;
use crate::engine::Engine;
use crate::labs::{self, Lab};
use crate::sessions::Session;

use super::record::Outcome;
use super::run::{Teller, seconds};
use super::session::told;
use super::watch::Watch;

/// The session that is started for a lab, once it is ready and has the lab's files.
pub type LabWatch = Watch<Option<Session>>;

pub(super) async fn start(
    engine: &Engine,
    config: &Sessions,
    (lab, owner): (&Lab, &str),
    watch: &LabWatch,
    teller: &Teller,
    began: Instant,
) -> Outcome {
    watch.begin(teller.id());
    match labs::start(engine, config, lab, owner, &told(teller), std::future::pending()).await {
        Ok(Some(session)) => {
            let words = format!("session {} is ready after {}", session.id, seconds(began));
            *watch.lock() = Some(session);
            Outcome::Done(words)
        }
        Ok(None) => Outcome::Cancelled,
        Err(e) => Outcome::Failed(e),
    }
}

pub(super) async fn reset(engine: &Engine, lab: &Lab, session: &Session, teller: &Teller) -> Outcome {
    teller.progress(0, 1, format!("putting back the files of {}", lab.id));
    match labs::reset(engine, session, lab).await {
        Ok(()) => Outcome::Done(format!("the workspace of session {} is as the lab begins", session.id)),
        Err(e) => Outcome::Failed(e),
    }
}
