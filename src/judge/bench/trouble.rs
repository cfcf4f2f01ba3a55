//! What prevents judging, told from what is the submission's own doing.

use super::Bench;
use crate::engine::{EngineError, ErrorKind};
use crate::judge::Trouble;

/// Why no session could be started.
pub(super) fn starting(error: &EngineError) -> Trouble {
    let code = match error.kind {
        ErrorKind::NotFound => "J_IMAGE",
        _ if is_full(&error.message) => "J_DISK",
        _ => "J_DAEMON",
    };
    let hint =
        if error.hint.is_empty() { "docker info tells how the engine is; then judge again" } else { &error.hint };
    Trouble::new(code, &error.message, hint)
}

/// Why an image of the lab cannot be had.
pub(super) fn lacking(error: &EngineError) -> Trouble {
    let trouble = starting(error);
    match error.kind {
        ErrorKind::Unreachable | ErrorKind::Timeout => trouble,
        _ if trouble.code == "J_DISK" => trouble,
        _ => Trouble { code: "J_IMAGE".to_owned(), ..trouble },
    }
}

/// Whether an engine's words are of a full disk.
pub(super) fn is_full(words: &str) -> bool {
    let words = words.to_lowercase();
    words.contains("no space left") || words.contains("disk quota exceeded")
}

impl Bench {
    /// What prevents judging, of an engine's error: which of the engines is lost, or what else.
    pub async fn trouble(&self, error: EngineError) -> Trouble {
        if let Some(lost) = self.lost().await {
            return lost;
        }
        if is_full(&error.message) {
            return Trouble::new("J_DISK", &error.message, "make room on the engine's disk: docker system df");
        }
        error.into()
    }

    /// Why nothing can be done with it any more: its session or its Docker's engine is gone. Asked when something took
    /// too long, to tell a submission that never ends from a Docker that is lost.
    pub async fn lost(&self) -> Option<Trouble> {
        let over = |why: &str| {
            let hint =
                if self.fresh { "judge again" } else { "start the lab again, its workspace was kept; or submit" };
            Some(Trouble::new(
                "J_SESSION_LOST",
                format!("session {} {why} while it was judged in", self.session.id),
                hint,
            ))
        };
        match self.outer.inspect(&self.session.container).await {
            Ok(found) if !found.container.state.is_up() => over("ended"),
            Ok(found) if found.container.state == crate::engine::model::State::Paused => over("was paused"),
            Ok(_) => None,
            Err(e) if e.kind == ErrorKind::NotFound => over("ended"),
            Err(e) => Some(e.into()),
        }
    }

    /// Whether the session's Docker answers, or does so again soon: its first process starts it anew when it ended,
    /// which a submission that takes all memory can bring about.
    pub(super) async fn recovers(&self) -> bool {
        for _ in 0..40 {
            if self.engine.ping().await.is_ok() {
                return true;
            }
            if self.lost().await.is_some() {
                return false;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        false
    }
}
