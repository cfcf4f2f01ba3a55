//! The Docker that a submission is judged on.

use super::{Tell, Trouble};
use crate::config::Sessions;
use crate::engine::Engine;
use crate::labs::Lab;
use crate::sessions::Session;

/// Where to judge.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// In a session that is there.
    Quick(Box<Session>),
    /// In one that is started for it.
    Clean,
}

/// The Docker that a submission is judged on.
pub struct Bench {}

impl Bench {
    /// Makes it ready.
    #[allow(clippy::unused_async)]
    pub async fn open(
        _engine: &Engine,
        _config: &Sessions,
        _lab: &Lab,
        _way: Way,
        _owner: &str,
        _tell: &Tell<'_>,
    ) -> Result<Self, Trouble> {
        Err(Trouble::new("J_DAEMON", "nothing can be built or run yet", ""))
    }

    /// Why nothing can be done with it any more: its session or its Docker's engine is gone. Asked when something took
    /// too long, to tell a submission that never ends from a Docker that is lost.
    #[allow(clippy::unused_async)]
    pub async fn lost(&self) -> Option<Trouble> {
        None
    }

    /// Takes away all that was made in it.
    #[allow(clippy::unused_async)]
    pub async fn close(self) {}
}
