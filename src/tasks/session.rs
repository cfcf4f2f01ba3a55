//! Sessions as tasks.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::config::Sessions;
use crate::engine::{Engine, ErrorKind};
use crate::sessions::{self, Progress, Session, Spec};

use super::history::History;
use super::record::Outcome;
use super::run::{Teller, seconds};

/// Passes on what is being done for a session.
pub(super) fn told(teller: &Teller) -> impl Fn(Progress) + Send + Sync + '_ {
    |progress: Progress| match progress {
        Progress::Step(text) => {
            teller.at(0, None, &text);
            teller.line(text);
        }
        Progress::Line(text) => teller.line(text),
        Progress::Bytes(done, total) => {
            teller.at(done, Some(total), format!("{} of {}", crate::text::size(done), crate::text::size(total)));
            teller.pass_on();
        }
    }
}

pub(super) async fn start(engine: &Engine, config: &Sessions, spec: &Spec, teller: &Teller, began: Instant) -> Outcome {
    match sessions::start(engine, config, spec, &told(teller), std::future::pending()).await {
        Ok(Some(session)) => Outcome::Done(format!("session {} is ready after {}", session.id, seconds(began))),
        Ok(None) => Outcome::Cancelled,
        Err(e) => Outcome::Failed(e),
    }
}

pub(super) async fn extend(engine: &Engine, session: &Session, by: i64) -> Outcome {
    let before = sessions::left(engine, &session.container).await;
    match (before, sessions::extend(engine, &session.container, by).await) {
        (Ok(before), Ok(left)) => {
            let words = crate::text::duration(left.seconds.max(0).unsigned_abs());
            // A second may have passed between the two.
            let capped = left.seconds + 2 < before.seconds + by;
            Outcome::Done(format!("{words} left{}", if capped { ", which is the most it may have" } else { "" }))
        }
        (Err(e), _) | (_, Err(e)) => Outcome::Failed(e),
    }
}

pub(super) async fn end(engine: &Engine, history: &History, on: &[Session], teller: &Teller) -> Outcome {
    let mut failed = Vec::new();
    for (n, session) in on.iter().enumerate() {
        teller.progress(n, on.len(), &session.id);
        match sessions::end(engine, session).await {
            Ok(()) => {
                teller.line(format!("session {} has ended; its workspace {} is kept", session.id, session.workspace));
                note_end(engine, history, session, teller).await;
            }
            Err(e) => {
                teller.line(format!("session {}: {e}", session.id));
                failed.push((session.id.clone(), e));
            }
        }
    }
    match (on.len() - failed.len(), failed.len()) {
        (_, 0) => Outcome::Done(match on {
            [one] => format!("its workspace {} is kept", one.workspace),
            _ => "their workspaces are kept".to_owned(),
        }),
        (0, 1) => Outcome::Failed(failed.remove(0).1),
        (done, _) => Outcome::Partly { done, failed },
    }
}

/// Puts the end of a lab's session into the history. What cannot be kept is told, and changes nothing.
async fn note_end(engine: &Engine, history: &History, session: &Session, teller: &Teller) {
    if session.lab.is_none() {
        return;
    }
    let (host, id) = (engine.endpoint().name.clone(), session.id.clone());
    let noted = history.with(async move |store| store.session_ended(&host, &id, Timestamp::now()).await);
    if let Err(e) = noted.await {
        teller.line(format!("its end is not in the history: {e}"));
    }
}

pub(super) async fn forward(engine: &Engine, session: &Session, port: u16, local: u16, teller: &Teller) -> Outcome {
    let at = (Ipv4Addr::LOCALHOST, local).into();
    let relay = match engine.forward(&session.name, Session::port_command(port), at).await {
        Ok(relay) => relay,
        Err(e) => return Outcome::Failed(e),
    };
    teller.at(0, None, format!("http://{}", relay.address));
    teller.line(format!(
        "http://{} leads to port {port} of session {} until this is cancelled",
        relay.address, session.id
    ));
    match engine.wait(&session.container, Duration::from_hours(7 * 24)).await {
        Err(e) if e.kind != ErrorKind::NotFound => Outcome::Failed(e),
        _ => Outcome::Done(format!("session {} has ended", session.id)),
    }
}
