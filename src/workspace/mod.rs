//! A folder that is worked in: a session's `/workspace`, or a directory of the host.
//!
//! Files are listed, read, saved and watched the same way in both; text that was typed and not yet saved is
//! kept aside as a draft.
//!
//! In a session everything goes through one small program (`session.pl`) that the engine runs in the session's
//! container: one command answers a whole question, checks and acts without a gap between, and also sees what
//! is mounted there, which the engine's own copying of files does not. Paths are its arguments, never part of a
//! shell's text.

mod archive;
mod drafts;
mod form;
mod host;
mod model;
mod path;
mod session;
mod transfer;
mod trouble;
mod watch;

use std::path::{Path, PathBuf};

use futures::stream::BoxStream;

use crate::engine::{Engine, Result};

pub use drafts::{Draft, Drafts, Found, Key, Owner, Shelf};
pub use model::{Change, Ending, Entry, Form, Inside, Kind, Listing, Moved, Opened, Saved, Stamp, TextFile, Weight};
pub use path::check as check_path;

/// The largest file that is opened as text.
pub const LARGEST: u64 = 2 << 20;
/// The most entries that a listing has.
const MOST: usize = 5000;
/// Folders that programs fill: listed, but not entered and not watched.
const LEFT: [&str; 8] = [".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".mypy_cache", ".pytest_cache"];

/// Told how far an upload or download is.
pub type Tell<'a> = dyn Fn(Moved) + Send + Sync + 'a;

/// Where a workspace is. Directories of hosts that are reached through ssh would be a third kind.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // There are a few of them.
pub enum Place {
    /// A folder of a running container that is a session.
    Session {
        /// The engine that runs the container.
        engine: Engine,
        /// The container's identifier or name.
        container: String,
        /// The folder in it.
        root: String,
    },
    /// A folder of the machine that the panel runs on.
    Host {
        /// The folder.
        root: PathBuf,
    },
}

/// A folder that is worked in. Paths are relative to it, with `/` between names.
///
/// Links are followed within the folder; one that leads out of it is neither read nor saved through.
#[derive(Debug, Clone)]
pub struct Workspace {
    place: Place,
}

impl Workspace {
    /// The workspace of a session.
    pub fn session(engine: &Engine, container: impl Into<String>) -> Self {
        let place = Place::Session { engine: engine.clone(), container: container.into(), root: "/workspace".into() };
        Self { place }
    }

    /// A directory of this machine.
    pub fn host(root: impl Into<PathBuf>) -> Self {
        Self { place: Place::Host { root: root.into() } }
    }

    /// Where it is.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Everything in it.
    pub async fn list(&self) -> Result<Listing> {
        match &self.place {
            Place::Session { engine, container, root } => session::At { engine, container, root }.list().await,
            Place::Host { root } => host::run(root, host::list).await,
        }
    }

    /// Opens a file.
    pub async fn read(&self, path: &str) -> Result<Opened> {
        path::check(path)?;
        match &self.place {
            Place::Session { engine, container, root } => session::At { engine, container, root }.read(path).await,
            Place::Host { root } => {
                let path = path.to_owned();
                host::run(root, move |root| host::read(root, &path)).await
            }
        }
    }

    /// Puts a text into a file, at once or not at all: whoever reads it sees the old text or the new one. Owner and
    /// permissions stay; a new file gets its folder's owner. Other names of the same file (hard links) keep the old.
    ///
    /// Nothing is written when the file is not `expected` (`None`: a file that is not there), unless `force`.
    pub async fn save(
        &self,
        path: &str,
        text: &str,
        form: Form,
        expected: Option<&Stamp>,
        force: bool,
    ) -> Result<Saved> {
        path::check(path)?;
        if expected.is_none() {
            path::check_new(path)?;
        }
        let bytes = form::encode(text, form);
        let expect = match (expected, force) {
            (_, true) => Expect::Anything,
            (None, false) => Expect::Nothing,
            (Some(stamp), false) => Expect::Hash(stamp.hash.clone()),
        };
        match &self.place {
            Place::Session { engine, container, root } => {
                session::At { engine, container, root }.save(path, &bytes, &expect).await
            }
            Place::Host { root } => {
                let path = path.to_owned();
                host::run(root, move |root| host::save(root, &path, &bytes, &expect)).await
            }
        }
    }

    /// Makes an empty file, which must not be there.
    pub async fn create_file(&self, path: &str) -> Result<()> {
        self.create(path, false).await
    }

    /// Makes a folder, which must not be there.
    pub async fn create_folder(&self, path: &str) -> Result<()> {
        self.create(path, true).await
    }

    async fn create(&self, path: &str, folder: bool) -> Result<()> {
        path::check_new(path)?;
        match &self.place {
            Place::Session { engine, container, root } => {
                session::At { engine, container, root }.create(path, folder).await
            }
            Place::Host { root } => {
                let path = path.to_owned();
                host::run(root, move |root| host::create(root, &path, folder)).await
            }
        }
    }

    /// Gives a file or folder another name or place; nothing may be there.
    pub async fn rename(&self, from: &str, to: &str) -> Result<()> {
        path::check(from)?;
        path::check_new(to)?;
        match &self.place {
            Place::Session { engine, container, root } => {
                session::At { engine, container, root }.rename(from, to).await
            }
            Place::Host { root } => {
                let (from, to) = (from.to_owned(), to.to_owned());
                host::run(root, move |root| host::rename(root, &from, &to)).await
            }
        }
    }

    /// Removes a file, a link (not what it leads to), or a folder with all that is in it.
    pub async fn remove(&self, path: &str) -> Result<()> {
        path::check(path)?;
        match &self.place {
            Place::Session { engine, container, root } => session::At { engine, container, root }.remove(path).await,
            Place::Host { root } => {
                let path = path.to_owned();
                host::run(root, move |root| host::remove(root, &path)).await
            }
        }
    }

    /// What would be lost with a file or folder.
    pub async fn weigh(&self, path: &str) -> Result<Weight> {
        path::check(path)?;
        match &self.place {
            Place::Session { engine, container, root } => session::At { engine, container, root }.weigh(path).await,
            Place::Host { root } => {
                let path = path.to_owned();
                host::run(root, move |root| host::weigh(root, &path)).await
            }
        }
    }

    /// Copies a file or folder of this machine to `to`. A file may replace a file when `overwrite`; a folder never
    /// replaces anything. It appears whole; when this is dropped before its end, nothing is left of it.
    pub async fn upload(&self, from: &Path, to: &str, overwrite: bool, tell: &Tell<'_>) -> Result<Moved> {
        path::check_new(to)?;
        transfer::upload(&self.place, from, to, overwrite, tell).await
    }

    /// Copies a file or folder to `to` on this machine, under the same terms as [`Self::upload`].
    pub async fn download(&self, path: &str, to: &Path, overwrite: bool, tell: &Tell<'_>) -> Result<Moved> {
        path::check(path)?;
        transfer::download(&self.place, path, to, overwrite, tell).await
    }

    /// What happens in it from now on, gathered for a tenth of a second each. Ends after [`Change::Over`]; watching
    /// ends when this is dropped.
    pub async fn watch(&self) -> Result<BoxStream<'static, Change>> {
        watch::watch(self).await
    }
}

/// What is expected to be there when a file is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expect {
    Anything,
    Nothing,
    Hash(String),
}
