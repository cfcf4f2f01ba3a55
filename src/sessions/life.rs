//! What becomes of sessions: found, extended, ended, swept.

use jiff::{SignedDuration, Timestamp};

use crate::engine::model::{Container, Network, State, Volume};
use crate::engine::{Engine, EngineError, ErrorKind, ExecAsk, Result};

use super::{DATA, JUDGE, LABEL, PROGRAM, Session, TRIAL, WORKSPACE, volume_name};

/// What was made for a session but is not in use after so long was given up.
const GIVEN_UP: SignedDuration = SignedDuration::from_mins(10);

/// How long a session still lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Seconds until its end.
    pub seconds: i64,
    /// Seconds that it could be extended to live, from now.
    pub longest: i64,
}

/// What a sweep removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Containers of sessions that ended without being removed, or never began.
    pub containers: Vec<String>,
    /// Networks of sessions that are gone.
    pub networks: Vec<String>,
    /// Volumes with the data of their Dockers. Workspaces are never swept, but for those of judges.
    pub volumes: Vec<String>,
}

/// The sessions of a host, the oldest first.
pub async fn list(engine: &Engine) -> Result<Vec<Session>> {
    let mut all: Vec<Session> = engine.containers().await?.iter().filter_map(Session::of).collect();
    all.retain(|s| s.state.is_up() || s.state == State::Created);
    all.sort_by(|a, b| (a.started, &a.id).cmp(&(b.started, &b.id)));
    Ok(all)
}

/// How long a session still lives, by its own clock.
pub async fn left(engine: &Engine, container: &str) -> Result<Left> {
    ask(engine, container, &["left"]).await
}

/// Lets a session live so many seconds longer, or shorter, within what it may.
pub async fn extend(engine: &Engine, container: &str, seconds: i64) -> Result<Left> {
    ask(engine, container, &["extend", &seconds.to_string()]).await
}

async fn ask(engine: &Engine, container: &str, words: &[&str]) -> Result<Left> {
    let command = std::iter::once(PROGRAM).chain(words.iter().copied());
    let ran = engine.exec_run(container, &ExecAsk::of(command)).await?;
    let text = String::from_utf8_lossy(&ran.out);
    let mut numbers = text.split_whitespace().filter_map(|n| n.parse().ok());
    match (ran.code, numbers.next(), numbers.next()) {
        (Some(0), Some(seconds), Some(longest)) => Ok(Left { seconds, longest }),
        _ => Err(EngineError::new(
            ErrorKind::Other,
            format!("the session does not say how long it lives: {}", ran.last_words()),
        )),
    }
}

/// Ends a session: its container and all its Docker has are gone; the workspace stays.
pub async fn end(engine: &Engine, session: &Session) -> Result<()> {
    match engine.remove(&session.container, true, true).await {
        // Its end came first.
        Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Conflict) => {}
        other => other?,
    }
    // It may still be in the middle of being removed by its own end.
    for _ in 0..200 {
        match engine.inspect(&session.container).await {
            Err(e) if e.kind == ErrorKind::NotFound => break,
            Err(e) => return Err(e),
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
    if session.egress { networks(engine, |id, _| id == session.id).await.map(drop) } else { Ok(()) }
}

/// Removes the workspace that a session had, with all that is in it.
pub async fn forget(engine: &Engine, owner: &str, workspace: &str) -> Result<()> {
    engine.remove_volume(&volume_name(owner, workspace), false).await
}

/// Removes what sessions left that are gone: after a host or its engine went down, or a panel was killed while it
/// started one.
pub async fn sweep(engine: &Engine) -> Result<Swept> {
    let over = Over::seen(engine).await?;
    let mut swept = Swept::default();
    for container in &over.containers {
        match engine.remove(&container.id, true, true).await {
            Ok(()) => swept.containers.push(container.name.clone()),
            // The engine is removing it itself.
            Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Conflict) => {}
            Err(e) => return Err(e),
        }
    }
    // One that is being started has its network before its container.
    swept.networks = networks(engine, |id, made| over.gone(id) && over.old(made)).await?;
    for volume in over.volumes(engine).await? {
        match engine.remove_volume(&volume.name, false).await {
            Ok(()) => swept.volumes.push(volume.name.to_string()),
            // In use: by a session that began after the containers were listed.
            Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Conflict) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(swept)
}

/// What a sweep would remove; removes nothing.
pub async fn leftovers(engine: &Engine) -> Result<Swept> {
    let over = Over::seen(engine).await?;
    let networks = engine.networks().await?;
    let left = |n: &&Network| n.labels.get(LABEL).is_some_and(|id| over.gone(id)) && over.old(n.created);
    Ok(Swept {
        containers: over.containers.iter().map(|c| c.name.clone()).collect(),
        networks: networks.iter().filter(left).map(|n| n.name.clone()).collect(),
        volumes: over.volumes(engine).await?.into_iter().map(|v| v.name.to_string()).collect(),
    })
}

/// What is over of sessions, at one moment.
struct Over {
    now: Timestamp,
    /// Containers of sessions that ended without being removed, or never began.
    containers: Vec<Container>,
    all: Vec<Container>,
}

impl Over {
    async fn seen(engine: &Engine) -> Result<Self> {
        let now = Timestamp::now();
        let all = engine.containers().await?;
        let over = |container: &&Container| match container.state {
            State::Exited | State::Dead => true,
            State::Created => container.created.is_some_and(|t| now.duration_since(t) > GIVEN_UP),
            _ => false,
        };
        let session = |c: &&Container| c.labels.contains_key(LABEL) && over(c);
        // One that is there for a moment removes itself; what is there for longer was never started, or cannot end.
        let trial = |c: &&Container| {
            c.labels.contains_key(TRIAL) && c.created.is_some_and(|t| now.duration_since(t) > GIVEN_UP)
        };
        let containers = all.iter().filter(|c| session(c) || trial(c)).cloned().collect();
        Ok(Self { now, containers, all })
    }

    /// Whether no container is that session.
    fn gone(&self, id: &str) -> bool {
        !self.all.iter().any(|c| c.labels.get(LABEL).is_some_and(|l| l == id))
    }

    fn old(&self, made: Option<Timestamp>) -> bool {
        made.is_none_or(|t| self.now.duration_since(t) > GIVEN_UP)
    }

    /// Volumes of sessions and judges that are gone.
    async fn volumes(&self, engine: &Engine) -> Result<Vec<Volume>> {
        let mut volumes = engine.volumes().await?;
        let judging = |judge: &str| self.all.iter().any(|c| c.labels.get(JUDGE).is_some_and(|j| j == judge));
        volumes.retain(|v| {
            v.labels.get(DATA).is_some_and(|id| self.gone(id))
                || v.labels.contains_key(WORKSPACE)
                    && v.labels.get(JUDGE).is_some_and(|judge| !judging(judge) && self.old(v.created))
        });
        Ok(volumes)
    }
}

/// Removes networks of sessions; answers with their names.
async fn networks(engine: &Engine, over: impl Fn(&str, Option<Timestamp>) -> bool) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for network in engine.networks().await? {
        if !network.labels.get(LABEL).is_some_and(|id| over(id, network.created)) {
            continue;
        }
        match engine.remove_network(&network.id).await {
            Ok(()) => removed.push(network.name.clone()),
            Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Conflict) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(removed)
}
