//! The history as tasks use it: opened when it is first needed, told of attempts and sessions.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use crate::engine::{EngineError, ErrorKind};
use crate::judge::{FileKind, Mode, Report, Submission, Verdict};
use crate::store::{self, AttemptFile, NewAttempt, Store, StoreError, TEXT_LIMIT};

/// The history of a panel. It is opened when it is first needed; clones share it.
#[derive(Debug, Clone)]
pub struct History(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: Option<PathBuf>,
    store: OnceCell<Store>,
}

impl History {
    /// The history in a file; `None` where nobody knows in which.
    pub fn at(path: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner { path, store: OnceCell::new() }))
    }

    /// The person's own history.
    pub fn usual() -> Self {
        Self::at(Store::usual_path())
    }

    /// Does something with the history, on a thread where that may take its time. It is done to its end, also when
    /// nobody waits for it any more.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub async fn with<T, F>(&self, act: F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    {
        let history = self.clone();
        let work = async move || act(history.store().await?).await.map_err(trouble);
        let done = tokio::task::spawn_blocking(move || Handle::current().block_on(work())).await;
        done.unwrap_or_else(|e| Err(EngineError::new(ErrorKind::Other, format!("the history: {e}"))))
    }

    /// The history, opened. What could not be opened is tried again the next time.
    async fn store(&self) -> Result<&Store, EngineError> {
        let Some(path) = &self.0.path else {
            return Err(EngineError::new(
                ErrorKind::Other,
                "there is no place to keep a history in: no home directory",
            )
            .with_hint(format!("{} names a file for it", store::PATH_VARIABLE)));
        };
        self.0.store.get_or_try_init(|| Store::open(path)).await.map_err(trouble)
    }
}

/// What is wrong with the history, as other errors are told.
fn trouble(error: StoreError) -> EngineError {
    EngineError::new(ErrorKind::Other, error.message).with_hint(error.hint)
}

/// Who submitted, and where.
#[derive(Debug, Clone)]
pub struct Submitter {
    /// Whose attempt it is.
    pub owner: String,
    /// The host, as its endpoint is called.
    pub host: String,
    /// The session whose workspace was judged; `None` for a directory.
    pub session: Option<String>,
}

/// An attempt as the history keeps it: the report, and the files that were judged. Reads files: not for where one may
/// not wait.
pub fn attempt(report: &Report, submission: &Submission, by: Submitter) -> NewAttempt {
    let files = submission.files().iter().filter(|(_, file)| file.kind == FileKind::File);
    let files = files.map(|(path, file)| {
        // Files with names that lead elsewhere are no part of a submission; links are not followed.
        let small = file.size <= TEXT_LIMIT as u64;
        let text = small.then(|| std::fs::read(submission.dir().join(path)).ok()).flatten();
        AttemptFile {
            path: path.clone(),
            sha256: file.sha256.clone(),
            size: file.size,
            text: text.and_then(|bytes| String::from_utf8(bytes).ok()),
        }
    });
    NewAttempt {
        lab: report.lab.clone(),
        lab_digest: report.lab_digest.clone(),
        owner: by.owner,
        host: by.host,
        session: by.session,
        mode: match report.mode {
            Mode::Quick => store::Mode::Quick,
            Mode::Clean => store::Mode::Clean,
        },
        verdict: match report.verdict {
            Verdict::Passed => store::Verdict::Passed,
            Verdict::Failed => store::Verdict::Failed,
            Verdict::Error => store::Verdict::Error,
        },
        score: report.score,
        max_score: report.max_score,
        started: report.started,
        elapsed_seconds: report.elapsed_seconds,
        workspace_digest: report.workspace_digest.clone(),
        report: serde_json::to_string(report).unwrap_or_default(),
        codes: report.failures.iter().map(|f| f.code.clone()).collect(),
        files: files.collect(),
    }
}
