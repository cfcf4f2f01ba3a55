//! A directory of this machine is watched by the system.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::super::LEFT;
use super::super::model::Change;
use super::Teller;
use crate::engine::Result;

/// Events that wait to be looked at; more than these make it look at everything.
const WAITING: usize = 1024;

/// A watched directory, with each folder in it that programs do not fill.
pub(super) struct Watch {
    root: PathBuf,
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    events: mpsc::Receiver<notify::Result<Event>>,
    /// Whether some events did not fit.
    lost: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Watch {
    /// Answers once everything is watched; inside with why it cannot be.
    pub(super) async fn begin(root: &Path) -> Result<std::result::Result<Self, String>> {
        super::super::host::run(root, |root| Ok(Self::all(root).map_err(|e| words(&e)))).await
    }

    fn all(root: &Path) -> notify::Result<Self> {
        let (sender, events) = mpsc::channel(WAITING);
        let lost = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let full = lost.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Programs that read are not of interest, and would be the most.
            let reads = matches!(&event, Ok(Event { kind: EventKind::Access(kind), .. })
                if *kind != AccessKind::Close(AccessMode::Write));
            if !reads && sender.try_send(event).is_err() {
                full.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        })?;
        let mut watch = Self { root: root.to_owned(), watcher, watched: BTreeSet::new(), events, lost };
        watch.add(root)?;
        Ok(watch)
    }

    /// Watches a folder and those in it.
    fn add(&mut self, folder: &Path) -> notify::Result<()> {
        let mut todo = vec![folder.to_owned()];
        while let Some(folder) = todo.pop() {
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // It went meanwhile, or is none of ours; what is in it cannot be seen anyway.
                Err(e) if folder != self.root && !is_limit(&e) => continue,
                Err(e) => return Err(e),
            }
            for found in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let left = LEFT.iter().any(|name| found.file_name() == **name);
                if !left && found.file_type().is_ok_and(|kind| kind.is_dir()) {
                    todo.push(found.path());
                }
            }
            self.watched.insert(folder);
        }
        Ok(())
    }

    /// Watches no more what was at a path.
    fn drop_below(&mut self, path: &Path) {
        let below: Vec<_> = self.watched.iter().filter(|folder| folder.starts_with(path)).cloned().collect();
        for folder in below {
            // Of one that was removed the system has let go already.
            let _ = self.watcher.unwatch(&folder);
            self.watched.remove(&folder);
        }
    }

    /// Tells what happens until watching breaks off.
    pub(super) async fn run(mut self, teller: &Teller) {
        while let Some(event) = self.events.recv().await {
            if self.lost.swap(false, std::sync::atomic::Ordering::Relaxed) {
                teller.tell(Change::Many);
                return;
            }
            let Ok(event) = event else { return };
            if event.need_rescan() || event.kind == EventKind::Any {
                teller.tell(Change::Many);
                return;
            }
            for path in &event.paths {
                if *path == self.root {
                    if matches!(event.kind, EventKind::Remove(_)) {
                        return;
                    }
                    continue;
                }
                if self.one(event.kind, path, teller).is_err() {
                    return;
                }
            }
        }
    }

    fn one(&mut self, kind: EventKind, path: &Path, teller: &Teller) -> notify::Result<()> {
        let Ok(below) = path.strip_prefix(&self.root) else { return Ok(()) };
        let shown = below.to_string_lossy().into_owned();
        match kind {
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Data(_)) => teller.content(shown),
            _ => {
                if matches!(kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
                    self.drop_below(path);
                }
                let left = LEFT.iter().any(|name| path.file_name().is_some_and(|n| n == *name));
                if !left && fs::symlink_metadata(path).is_ok_and(|about| about.is_dir()) && !self.watched.contains(path)
                {
                    self.add(path)?;
                }
                teller.name(shown);
            }
        }
        Ok(())
    }
}

fn is_limit(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::MaxFilesWatch => true,
        // No space, too many open files.
        ErrorKind::Io(e) => matches!(e.raw_os_error(), Some(28 | 24 | 23)),
        _ => false,
    }
}

fn words(error: &notify::Error) -> String {
    if is_limit(error) {
        return "this machine's limit of watched folders is reached (sysctl fs.inotify.max_user_watches)".to_owned();
    }
    crate::text::clean(&error.to_string()).into_owned()
}
