//! What workspaces on the screen need of the history, and of whoever gives hints.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::hints::{self, Assistant, Piece};
use crate::judge::Report;
use crate::store::{Store, StoreError, Verdict, Wanted};
use crate::tasks::History;
use crate::workspace::{Opened, Workspace};

use super::desk::{DeskId, DeskNews, ExplainOrder, HintOrder, Known, Newest, SayWatch};
use super::message::Msg;
use super::view::Tone;

/// Attempts that are looked through for one that could be judged.
const LOOKED_AT: u32 = 20;
/// Files that are read for one question.
const FILES: usize = 8;

/// What the history knows of someone at a lab.
pub async fn known(store: &Store, owner: String, lab: String) -> Result<Known, StoreError> {
    let taken = store.hints_taken(&owner, &lab).await?;
    let wanted = Wanted { lab: Some(lab), owner: Some(owner), limit: Some(LOOKED_AT), ..Wanted::default() };
    let attempts = store.attempts(&wanted).await?;
    let Some(attempt) = attempts.into_iter().find(|a| a.verdict != Verdict::Error) else {
        return Ok(Known { newest: None, taken });
    };
    let report: Option<Report> = store.report(attempt.id).await?.and_then(|text| serde_json::from_str(&text).ok());
    let before = match store.attempt_before(attempt.id).await? {
        Some(id) => match store.attempt(id).await? {
            Some(before) => Some((before, store.changes(id, attempt.id).await?)),
            None => None,
        },
        None => None,
    };
    Ok(Known { newest: Some(Newest { attempt, report: report.map(Arc::new), before }), taken })
}

/// Whoever gives hints to workspaces on the screen.
#[derive(Debug)]
pub struct Advice {
    assistant: Option<Assistant>,
    history: History,
    msgs: mpsc::UnboundedSender<Msg>,
    asked: HashMap<DeskId, AbortHandle>,
}

impl Advice {
    /// With an assistant, where there is one.
    pub fn new(assistant: Option<Assistant>, history: History, msgs: mpsc::UnboundedSender<Msg>) -> Self {
        Self { assistant, history, msgs, asked: HashMap::new() }
    }

    /// Ends what is on its way for a workspace.
    pub fn hush(&mut self, id: DeskId) {
        if let Some(asked) = self.asked.remove(&id) {
            asked.abort();
        }
    }

    /// Gives a hint.
    pub fn hint(&mut self, id: DeskId, order: HintOrder, workspace: Option<Workspace>) {
        let (assistant, history, msgs) = (self.assistant.clone(), self.history.clone(), self.msgs.clone());
        let asked = tokio::spawn(async move {
            let HintOrder { mut question, rung, files, taken, watch } = order;
            if let Some(workspace) = workspace.filter(|_| assistant.is_some()) {
                question.files.extend(read(&workspace, files).await);
            }
            let tell = |piece: Piece| take(&watch, &msgs, (id, || DeskNews::Hinted), piece);
            let hint = hints::hint(assistant.as_ref(), &question, rung.as_ref(), tell).await;
            let source = hint.source.name().to_owned();
            watch.lock().whole = Some(hint);
            let _ = msgs.send(Msg::Desk(id, DeskNews::Hinted));
            if let Some(taken) = taken {
                let taken = crate::store::TakenHint { source, ..taken };
                // It is given all the same.
                if let Err(e) = history.with(async move |store| store.hint_taken(&taken).await).await {
                    let _ = msgs.send(Msg::Tell(Tone::Warn, format!("the hint is not in the history: {e}")));
                }
            }
        });
        self.asked.insert(id, asked.abort_handle());
    }

    /// Explains something.
    pub fn explain(&mut self, id: DeskId, order: ExplainOrder, workspace: Option<Workspace>) {
        let (assistant, msgs) = (self.assistant.clone(), self.msgs.clone());
        let asked = tokio::spawn(async move {
            let ExplainOrder { mut puzzle, files, watch } = order;
            if let Some(workspace) = workspace.filter(|_| assistant.is_some()) {
                puzzle.files.extend(read(&workspace, files).await);
            }
            let tell = |piece: Piece| take(&watch, &msgs, (id, || DeskNews::Explained), piece);
            let hint = hints::explain(assistant.as_ref(), &puzzle, tell).await;
            watch.lock().whole = Some(hint);
            let _ = msgs.send(Msg::Desk(id, DeskNews::Explained));
        });
        self.asked.insert(id, asked.abort_handle());
    }
}

/// Takes in a piece, and says once that there is something new.
fn take(watch: &SayWatch, msgs: &mpsc::UnboundedSender<Msg>, (id, news): (DeskId, fn() -> DeskNews), piece: Piece) {
    let mut saying = watch.lock();
    match piece {
        Piece::Text(text) => saying.text.push_str(&text),
        Piece::Withdrawn => saying.text.clear(),
    }
    if !std::mem::replace(&mut saying.announced, true) {
        // The panel may be gone.
        let _ = msgs.send(Msg::Desk(id, news()));
    }
}

/// Texts of files; one that cannot be read is left out: the question can do without.
async fn read(workspace: &Workspace, files: Vec<String>) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for path in files.into_iter().take(FILES) {
        if let Ok(Opened::Text(file)) = workspace.read(&path).await {
            texts.push((path, file.text));
        }
    }
    texts
}
