//! What happens in a workspace: told by the system where it can, else by looking every few seconds.

mod host;
mod session;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::model::{Change, Inside, Kind, Listing};
use super::{Place, Workspace};
use crate::engine::{EngineError, ErrorKind, Result};

/// How long changes are gathered before they are told.
const GATHER: Duration = Duration::from_millis(100);
/// How often a workspace is looked at that cannot be watched.
const LOOK: Duration = Duration::from_secs(2);
/// Files that are told one by one.
const FILES: usize = 256;

/// What waits to be told.
#[derive(Debug, Default)]
struct Waiting {
    changes: BTreeSet<Change>,
    over: Option<String>,
}

/// Gathers what happens; holds only so much, however slowly it is asked for.
#[derive(Debug, Clone, Default)]
struct Teller(Arc<(Mutex<Waiting>, Notify)>);

impl Teller {
    fn with(&self, change: impl FnOnce(&mut Waiting)) {
        let (waiting, news) = &*self.0;
        change(&mut waiting.lock().unwrap_or_else(PoisonError::into_inner));
        news.notify_one();
    }

    fn tell(&self, change: Change) {
        self.with(|waiting| {
            waiting.changes.insert(change);
            if waiting.changes.len() > FILES {
                waiting.changes.retain(|c| matches!(c, Change::Polling(_)));
                waiting.changes.insert(Change::Many);
            }
        });
    }

    /// A name came, went, or is another's now; a file of that name may have another content.
    fn name(&self, path: String) {
        if !super::host::is_ours(path.rsplit('/').next().unwrap_or_default()) {
            self.tell(Change::Tree);
            self.tell(Change::File(path));
        }
    }

    /// A file was written to.
    fn content(&self, path: String) {
        if !super::host::is_ours(path.rsplit('/').next().unwrap_or_default()) {
            self.tell(Change::File(path));
        }
    }

    fn over(&self, why: &str) {
        self.with(|waiting| waiting.over = Some(crate::text::clean(why).into_owned()));
    }

    async fn next(&self) -> Waiting {
        let (waiting, news) = &*self.0;
        loop {
            news.notified().await;
            tokio::time::sleep(GATHER).await;
            let mut taken = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if taken.changes.contains(&Change::Many) {
                taken.changes.retain(|c| matches!(c, Change::Many | Change::Polling(_)));
            }
            if !taken.changes.is_empty() || taken.over.is_some() {
                return taken;
            }
        }
    }
}

/// A task that ends with this.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What watches, once it does.
#[allow(clippy::large_enum_variant)] // There is one of it for each open workspace.
enum Watching {
    Session(session::Watch),
    Host(host::Watch),
    /// Nothing does, and why.
    Looking(String, Listing),
}

pub(super) async fn watch(workspace: &Workspace) -> Result<BoxStream<'static, Change>> {
    let begun = begin(workspace).await?;
    let teller = Teller::default();
    let task = Task(tokio::spawn(follow(workspace.clone(), teller.clone(), begun)));
    let state = (task, teller, VecDeque::new(), false);
    let changes = futures::stream::unfold(state, |(task, teller, mut queue, mut over)| async move {
        while queue.is_empty() {
            if over {
                return None;
            }
            let taken = teller.next().await;
            queue.extend(taken.changes);
            over = taken.over.is_some();
            queue.extend(taken.over.map(Change::Over));
        }
        queue.pop_front().map(|change| (change, (task, teller, queue, over)))
    });
    Ok(changes.boxed())
}

async fn begin(workspace: &Workspace) -> Result<Watching> {
    let begun = match &workspace.place {
        Place::Session { engine, container, root } => {
            session::Watch::begin(engine, container, root).await?.map(Watching::Session)
        }
        Place::Host { root } => host::Watch::begin(root).await?.map(Watching::Host),
    };
    match begun {
        Ok(watching) => Ok(watching),
        Err(why) => Ok(Watching::Looking(why, workspace.list().await?)),
    }
}

async fn follow(workspace: Workspace, teller: Teller, mut watching: Watching) {
    loop {
        // Whatever ends it at once may do so again and again.
        let earliest = tokio::time::Instant::now() + LOOK;
        match watching {
            Watching::Session(watch) => watch.run(&teller).await,
            Watching::Host(watch) => watch.run(&teller).await,
            Watching::Looking(why, known) => {
                teller.tell(Change::Polling(why));
                look(&workspace, &teller, known).await;
                return;
            }
        }
        tokio::time::sleep_until(earliest).await;
        // It broke off. Either there is nothing to watch any more, or it is begun anew.
        watching = loop {
            match begin(&workspace).await {
                Ok(again) => break again,
                Err(error) if is_over(&error) => {
                    teller.over(&error.to_string());
                    return;
                }
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        };
        teller.tell(Change::Many);
    }
}

/// Whether trying again is in vain.
fn is_over(error: &EngineError) -> bool {
    match error.kind {
        ErrorKind::NotFound => true,
        // It does not run. One that is only paused goes on some time.
        ErrorKind::Conflict => !error.message.contains("paused"),
        _ => false,
    }
}

/// Looks every few seconds, until there is nothing to look at.
async fn look(workspace: &Workspace, teller: &Teller, mut known: Listing) {
    loop {
        tokio::time::sleep(LOOK).await;
        match workspace.list().await {
            Ok(now) => {
                compare(&known, &now, teller);
                known = now;
            }
            Err(error) if is_over(&error) => return teller.over(&error.to_string()),
            // What is not to be reached now may be later.
            Err(_) => {}
        }
    }
}

/// Tells what is different.
fn compare(before: &Listing, now: &Listing, teller: &Teller) {
    let map = |listing: &Listing| -> BTreeMap<String, _> {
        let entries = listing.entries.iter();
        entries.map(|e| (e.path.clone(), (e.kind.clone(), e.size, e.mode, e.modified))).collect()
    };
    let (before, mut rest) = (map(before), map(now));
    for (path, old) in before {
        let Some(new) = rest.remove(&path) else {
            teller.name(path);
            continue;
        };
        let same = (&new.0, new.2) == (&old.0, old.2);
        match new.0 {
            _ if new == old => {}
            Kind::File if same => teller.content(path),
            // Whatever happened to a folder's time happened to what is in it.
            Kind::Folder(Inside::Listed) if same => {}
            _ => teller.name(path),
        }
    }
    for path in rest.into_keys() {
        teller.name(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_is_bounded_and_told_once() {
        let teller = Teller::default();
        for _ in 0..3 {
            teller.name("a".into());
        }
        teller.content("b".into());
        teller.name(".ondeck-0123456789abcdef.tmp".into());
        let told: Vec<_> = teller.next().await.changes.into_iter().collect();
        assert_eq!(told, [Change::Tree, Change::File("a".into()), Change::File("b".into())]);
        teller.tell(Change::Polling("why".into()));
        (0..10_000).for_each(|n| teller.content(n.to_string()));
        teller.over("gone");
        let taken = teller.next().await;
        assert_eq!(taken.changes.into_iter().collect::<Vec<_>>(), [Change::Many, Change::Polling("why".into())]);
        assert_eq!(taken.over.as_deref(), Some("gone"));
    }
}
