//! Carries out what workspaces on the screen need from outside.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

use crate::builds::Site;
use crate::builds::run::{self, LABEL, Options};
use crate::engine::model::Id;
use crate::engine::{Engine, EngineError, ErrorKind, LogAsk, Result};
use crate::logs::{self, Reader, Shape};
use crate::tasks::History;
use crate::workspace::{Change, Drafts, Key, Opened, Owner, Workspace};

use super::desk::{AskOrder, DeskId, DeskNews, DeskOrder, LintOrder, RunWatch, judge};
use super::desk_lab::{Advice, known};
use super::message::Msg;
use super::view::Tone;

/// Drafts that nobody came back for go after so long.
const FORGOTTEN: std::time::Duration = std::time::Duration::from_hours(90 * 24);

/// The files of a small service, for a workspace that has none.
const STARTER: [(&str, &str); 4] = [
    ("README.md", include_str!("../../assets/starter/README.md")),
    ("Dockerfile", include_str!("../../assets/starter/Dockerfile")),
    (".dockerignore", include_str!("../../assets/starter/.dockerignore")),
    ("server.pl", include_str!("../../assets/starter/server.pl")),
];

/// Something for the drafts, one after the other.
enum Kept {
    Put(DeskId, Key, String, Box<crate::workspace::Draft>),
    Forget(Key, String),
    Find(DeskId, Key),
}

/// A workspace that is reached.
#[derive(Debug)]
struct Reached {
    site: Site,
    workspace: Workspace,
    engine: Engine,
    key: Key,
    watch: AbortHandle,
    follow: Option<AbortHandle>,
    /// Whether the files are being listed, and whether they have to be once more.
    listing: Arc<Mutex<(bool, bool)>>,
    /// The `.dockerignore` as it was read last: when it was changed, its text.
    ignore: Arc<tokio::sync::Mutex<Option<(Timestamp, String)>>>,
}

impl Drop for Reached {
    fn drop(&mut self) {
        self.watch.abort();
        if let Some(follow) = &self.follow {
            follow.abort();
        }
    }
}

/// The workspaces on the screen.
#[derive(Debug)]
pub struct DeskTasks {
    open: HashMap<DeskId, Reached>,
    msgs: mpsc::UnboundedSender<Msg>,
    history: History,
    advice: Advice,
    drafts: Option<mpsc::UnboundedSender<Kept>>,
    worker: Option<JoinHandle<()>>,
}

impl DeskTasks {
    /// None yet. Drafts are kept below `data`, the person's own directory; `None` where there is none.
    pub fn new(msgs: mpsc::UnboundedSender<Msg>, data: Option<PathBuf>, advice: Advice, history: History) -> Self {
        let Some(dir) = data.map(|d| d.join("drafts")) else {
            return Self { open: HashMap::new(), msgs, history, advice, drafts: None, worker: None };
        };
        let (sender, inbox) = mpsc::unbounded_channel();
        let worker = tokio::spawn(keep(dir, inbox, msgs.clone()));
        Self { open: HashMap::new(), msgs, history, advice, drafts: Some(sender), worker: Some(worker) }
    }

    /// Waits until all that was to be kept is.
    pub async fn end(&mut self) {
        self.open.clear();
        self.drafts = None;
        if let Some(worker) = self.worker.take() {
            // A disk that hangs must not keep the panel.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), worker).await;
        }
    }

    fn tell(&self, id: DeskId, news: DeskNews) {
        // The panel may be gone.
        let _ = self.msgs.send(Msg::Desk(id, news));
    }

    fn drafts(&self, order: Kept) {
        if let Some(drafts) = &self.drafts {
            let _ = drafts.send(order);
        }
    }

    /// Runs something for a desk, and brings back what it tells.
    fn ask<F>(&self, id: DeskId, answer: F)
    where
        F: Future<Output = DeskNews> + Send + 'static,
    {
        let msgs = self.msgs.clone();
        tokio::spawn(async move {
            let _ = msgs.send(Msg::Desk(id, answer.await));
        });
    }

    /// Carries out an order.
    pub fn order(&mut self, id: DeskId, order: DeskOrder) {
        match order {
            DeskOrder::Open(site) => return self.reach(id, *site),
            DeskOrder::Close => {
                self.open.remove(&id);
                self.advice.hush(id);
                return;
            }
            DeskOrder::Hint(order) => {
                let workspace = self.open.get(&id).map(|one| one.workspace.clone());
                return self.advice.hint(id, *order, workspace);
            }
            DeskOrder::Explain(order) => {
                let workspace = self.open.get(&id).map(|one| one.workspace.clone());
                return self.advice.explain(id, *order, workspace);
            }
            DeskOrder::Hush => return self.advice.hush(id),
            DeskOrder::LookBack { owner, lab } => {
                let history = self.history.clone();
                return self.ask(id, async move {
                    let read = history.with(async move |store| known(store, owner, lab).await).await;
                    DeskNews::LookedBack(Box::new(read))
                });
            }
            _ => {}
        }
        let Some(one) = self.open.get_mut(&id) else { return };
        let workspace = one.workspace.clone();
        match order {
            DeskOrder::Open(_)
            | DeskOrder::Close
            | DeskOrder::Outside(_)
            | DeskOrder::LookBack { .. }
            | DeskOrder::Hint(_)
            | DeskOrder::Explain(_)
            | DeskOrder::Hush => {}
            DeskOrder::List => self.list(id),
            DeskOrder::Read(path) => self.ask(id, async move {
                let result = workspace.read(&path).await;
                DeskNews::Read(path, Box::new(result))
            }),
            DeskOrder::Save(save) => self.ask(id, async move {
                let saved = workspace.save(&save.path, &save.text, save.form, save.expected.as_ref(), save.force).await;
                DeskNews::Saved(save.path, save.revision, Box::new(saved))
            }),
            DeskOrder::CreateFile(path) => self.ask(id, async move {
                let result = workspace.create_file(&path).await;
                DeskNews::Done(format!("made {path}"), Some(path), result)
            }),
            DeskOrder::CreateFolder(path) => self.ask(id, async move {
                let result = workspace.create_folder(&path).await;
                DeskNews::Done(format!("made {path}"), Some(path), result)
            }),
            DeskOrder::Rename(from, to) => {
                let msgs = self.msgs.clone();
                self.ask(id, async move {
                    let result = workspace.rename(&from, &to).await;
                    if result.is_ok() {
                        let _ = msgs.send(Msg::Desk(id, DeskNews::Renamed(from.clone(), to.clone())));
                    }
                    DeskNews::Done(format!("renamed {from}"), Some(to), result)
                });
            }
            DeskOrder::Remove(path) => self.ask(id, async move {
                let result = workspace.remove(&path).await;
                DeskNews::Done(format!("removed {path}"), None, result)
            }),
            DeskOrder::Weigh(path) => self.ask(id, async move {
                let weight = workspace.weigh(&path).await.map(|w| (w.files, w.bytes));
                DeskNews::Weighed(path, weight)
            }),
            DeskOrder::Starter => {
                let engine = one.engine.clone();
                self.ask(id, async move { DeskNews::Started(starter(&workspace, &engine).await) });
            }
            DeskOrder::Keep(path, draft) => {
                let key = one.key.clone();
                self.drafts(Kept::Put(id, key, path, draft));
            }
            DeskOrder::Drop(path) => {
                let key = one.key.clone();
                self.drafts(Kept::Forget(key, path));
            }
            DeskOrder::Lint(order) => {
                let cache = one.ignore.clone();
                self.ask(id, async move {
                    let ignore = ignore_text(&workspace, &order, &cache).await;
                    let (path, revision) = (order.path.clone(), order.revision);
                    let judged = tokio::task::spawn_blocking(move || judge(&order, ignore.as_deref())).await;
                    DeskNews::Linted(path, revision, judged.unwrap_or_default())
                });
            }
            DeskOrder::Follow(container, options, watch) => {
                if let Some(before) = one.follow.take() {
                    before.abort();
                }
                let (engine, msgs) = (one.engine.clone(), self.msgs.clone());
                let following = tokio::spawn(follow(engine, container, options, watch, move || {
                    let _ = msgs.send(Msg::Desk(id, DeskNews::Ran));
                }));
                one.follow = Some(following.abort_handle());
            }
            DeskOrder::FindRun => {
                let (engine, key, msgs) = (one.engine.clone(), one.site.key(), self.msgs.clone());
                tokio::spawn(async move {
                    // An engine that does not answer tells of it elsewhere.
                    let Ok(all) = engine.containers().await else { return };
                    if let Some(found) = all.into_iter().find(|c| c.labels.get(LABEL) == Some(&key)) {
                        let _ = msgs.send(Msg::Desk(id, DeskNews::Found(Box::new(found))));
                    }
                });
            }
            DeskOrder::Ask(ask) => {
                let engine = one.engine.clone();
                self.ask(id, async move {
                    let AskOrder { container, ask, options } = *ask;
                    DeskNews::Answered(run::look(&engine, &container, &ask, &options).await)
                });
            }
        }
    }

    /// Reaches a workspace: its files, what happens to them, what was never saved.
    fn reach(&mut self, id: DeskId, site: Site) {
        let reached = site.workspace().and_then(|workspace| Ok((workspace, site.engine()?)));
        let (workspace, engine) = match reached {
            Ok(reached) => reached,
            Err(e) => return self.tell(id, DeskNews::Listed(Err(e))),
        };
        let key = match &site {
            Site::Session { session, carrier } => {
                Key::session(&format!("{} {}", session.owner, session.workspace), &carrier.address.to_string())
            }
            Site::Folder { dir, .. } => Key::host(dir),
        };
        self.drafts(Kept::Find(id, key.clone()));
        let (watched, msgs) = (workspace.clone(), self.msgs.clone());
        let watch = tokio::spawn(async move {
            // The panel may be gone.
            let here = |change| msgs.send(Msg::Desk(id, DeskNews::Changed(change))).is_ok();
            match watched.watch().await {
                Ok(mut changes) => while changes.next().await.is_some_and(here) {},
                Err(e) => drop(here(Change::Over(e.to_string()))),
            }
        });
        let one = Reached {
            site,
            workspace,
            engine,
            key,
            watch: watch.abort_handle(),
            follow: None,
            listing: Arc::default(),
            ignore: Arc::default(),
        };
        self.open.insert(id, one);
        self.list(id);
    }

    /// Lists the files; once more when that was asked for meanwhile.
    fn list(&self, id: DeskId) {
        let Some(one) = self.open.get(&id) else { return };
        let (workspace, state, msgs) = (one.workspace.clone(), one.listing.clone(), self.msgs.clone());
        {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 {
                state.1 = true;
                return;
            }
            state.0 = true;
        }
        tokio::spawn(async move {
            loop {
                let listing = workspace.list().await;
                let _ = msgs.send(Msg::Desk(id, DeskNews::Listed(listing)));
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if !std::mem::take(&mut state.1) {
                    state.0 = false;
                    return;
                }
            }
        });
    }
}

/// Keeps drafts, in the order in which they come.
async fn keep(dir: PathBuf, mut inbox: mpsc::UnboundedReceiver<Kept>, msgs: mpsc::UnboundedSender<Msg>) {
    // Only whoever types something, or comes back, needs them.
    let mut drafts: Option<Drafts> = None;
    while let Some(order) = inbox.recv().await {
        let (dir, there, msgs) = (dir.clone(), drafts.take(), msgs.clone());
        let done = tokio::task::spawn_blocking(move || {
            let opened = there.map_or_else(|| Drafts::new(&dir), Ok);
            match opened {
                Ok(drafts) => {
                    one_draft(&drafts, order, &msgs);
                    Some(drafts)
                }
                Err(e) => {
                    let text = format!("what is not saved cannot be kept aside in {}: {e}", dir.display());
                    let _ = msgs.send(Msg::Tell(Tone::Bad, text));
                    None
                }
            }
        });
        drafts = done.await.unwrap_or_default();
    }
}

fn one_draft(drafts: &Drafts, order: Kept, msgs: &mpsc::UnboundedSender<Msg>) {
    let tell = |id, news| {
        let _ = msgs.send(Msg::Desk(id, news));
    };
    match order {
        Kept::Put(id, key, path, draft) => {
            if let Err(e) = drafts.put(&key, &path, &draft) {
                tell(id, DeskNews::NotKept(path, e.to_string()));
            }
        }
        Kept::Forget(key, path) => {
            // Those of panels that are gone were taken over when the file was opened: they are saved with it.
            let mut result = drafts.forget(&key, &path);
            if let Ok(shelf) = drafts.read(&key, &path) {
                for found in shelf.found.iter().filter(|f| f.owner == Owner::Left) {
                    result = result.and(drafts.discard(found));
                }
            }
            if let Err(e) = result {
                let text = format!("the text of {path} that was kept aside cannot be removed: {e}");
                let _ = msgs.send(Msg::Tell(Tone::Warn, text));
            }
        }
        Kept::Find(id, key) => {
            let swept = drafts.sweep(FORGOTTEN);
            match drafts.list(&key) {
                Ok(shelf) => {
                    let mut found: Vec<(String, crate::workspace::Draft)> = Vec::new();
                    // The newest of each file; older ones stay where they are until it is saved.
                    for one in shelf.found.into_iter().filter(|f| f.owner != Owner::Other) {
                        if !found.iter().any(|(path, _)| *path == one.path) {
                            found.push((one.path, one.draft));
                        }
                    }
                    let unread = shelf.unreadable.iter().map(|(file, why)| {
                        format!("text kept in {} cannot be read: {why}; it stays there", file.display())
                    });
                    let troubles = unread.chain(swept.err().map(|e| format!("old drafts: {e}"))).collect();
                    tell(id, DeskNews::Drafts(found, troubles));
                }
                Err(e) => tell(id, DeskNews::Drafts(Vec::new(), vec![format!("text kept aside: {e}")])),
            }
        }
    }
}

/// Puts the starter's files into an empty workspace.
async fn starter(workspace: &Workspace, engine: &Engine) -> Result<()> {
    // It is built from an image that is there.
    let images = engine.images().await.unwrap_or_default();
    let tag = images.iter().flat_map(|i| &i.tags).find(|t| t.starts_with("debian:"));
    let tag = tag.cloned().unwrap_or_else(|| "debian:bookworm-slim".to_owned());
    for (path, text) in STARTER {
        let text = text.replace("debian:bookworm-slim", &tag);
        let saved = workspace.save(path, &text, crate::workspace::Form::default(), None, false).await?;
        if !matches!(saved, crate::workspace::Saved::Done(_)) {
            return Err(EngineError::new(ErrorKind::Conflict, format!("{path} is there already")));
        }
    }
    Ok(())
}

/// The text of the `.dockerignore`, read when it is another than before.
async fn ignore_text(
    workspace: &Workspace,
    order: &LintOrder,
    cache: &tokio::sync::Mutex<Option<(Timestamp, String)>>,
) -> Option<String> {
    if let Some(text) = &order.ignore {
        return Some(text.clone());
    }
    let changed = order.ignore_changed?;
    let mut cache = cache.lock().await;
    if cache.as_ref().is_none_or(|(at, _)| *at != changed) {
        // One that cannot be read hides nothing as far as anyone can tell.
        let Ok(Opened::Text(file)) = workspace.read(".dockerignore").await else { return None };
        *cache = Some((changed, file.text));
    }
    cache.as_ref().map(|(_, text)| text.clone())
}

/// Follows what a container prints until it ends, then says why it did.
async fn follow(engine: Engine, container: Id, options: Options, watch: RunWatch, tell: impl Fn()) {
    let announce = || {
        let mut seen = watch.lock();
        if !std::mem::replace(&mut seen.announced, true) {
            drop(seen);
            tell();
        }
    };
    let read = async {
        let tty = engine.inspect(&container).await?.container.detail.as_ref().is_some_and(|d| d.tty);
        let ask = LogAsk { tail: Some(super::desk::KEPT as u64), follow: true, ..LogAsk::default() };
        let mut pieces = engine.logs(&container, &ask).await?;
        let mut reader = Reader::new(if tty { Shape::Plain } else { Shape::Framed }, 0);
        let take = |reader: &mut Reader| {
            let mut seen = watch.lock();
            while let Some(chunk) = reader.next_chunk() {
                for line in (0..chunk.len()).filter_map(|n| chunk.line(n)) {
                    seen.push(line.flags.stderr, logs::plain(&line).into_owned());
                }
            }
        };
        while let Some(piece) = pieces.next().await {
            reader.feed(&piece?);
            reader.flush();
            take(&mut reader);
            announce();
        }
        reader.end();
        take(&mut reader);
        Ok::<_, EngineError>(())
    };
    let ended = match read.await {
        Ok(()) => ended(&engine, &container, &options).await.map_err(|e| e.to_string()),
        Err(e) => Err(e.to_string()),
    };
    {
        let mut seen = watch.lock();
        if seen.ended.is_none() {
            seen.ended = Some(ended);
        }
        seen.announced = false;
    }
    announce();
}

/// Why it ended. Its log may end a moment before it does.
async fn ended(engine: &Engine, container: &Id, options: &Options) -> Result<Option<run::Trouble>> {
    match engine.wait(container, std::time::Duration::from_secs(30)).await {
        Ok(_) => {}
        Err(e) if e.kind == ErrorKind::Timeout => {}
        Err(e) => return Err(e),
    }
    run::verdict(engine, container, options).await
}
