//! Which labs there are: built in, from git repositories, from folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use crate::config::{Config, ConfigError};
use crate::text::clean;

use super::manifest::{MANIFEST, load_as};
use super::{Lab, Origin, Tree, git};

/// The labs that are part of the program.
static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/examples/labs");

/// The labs there are, and what is wrong with those that cannot be read.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// The labs, in the order in which they are shown: what is easy first.
    pub labs: Vec<Arc<Lab>>,
    /// What is wrong with others.
    pub problems: Vec<ConfigError>,
    /// What is worth knowing: a lab that takes the place of another.
    pub notes: Vec<String>,
}

impl Catalogue {
    /// A lab by its name.
    pub fn get(&self, id: &str) -> Option<&Arc<Lab>> {
        self.labs.iter().find(|lab| lab.id == id)
    }

    /// Takes a lab in; one with its name that came before goes.
    fn add(&mut self, lab: Result<Lab, Vec<ConfigError>>) {
        let lab = match lab {
            Ok(lab) => lab,
            Err(errors) => return self.problems.extend(errors),
        };
        if let Some(place) = self.labs.iter().position(|other| other.id == lab.id) {
            let other = self.labs.remove(place);
            self.notes.push(format!("{} {} takes the place of the one {}", lab.id, lab.origin, other.origin));
        }
        self.labs.push(Arc::new(lab));
    }

    /// Takes in the lab that a folder is, or those that are in it.
    fn add_folder(&mut self, folder: &Path, origin: impl Fn(PathBuf) -> Origin) {
        let shown = || clean(&folder.display().to_string()).into_owned();
        if folder.join(MANIFEST).is_file() {
            return self.add(load_as(folder, &origin));
        }
        let paths = || folder.read_dir()?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>();
        let mut inner = match paths() {
            Ok(inner) => inner,
            Err(error) => {
                let hint = "is `labs.folders` in the config right?";
                self.problems.push(ConfigError::whole(shown(), format!("cannot be read: {error}"), hint));
                return;
            }
        };
        inner.sort();
        inner.retain(|path| path.join(MANIFEST).is_file());
        if inner.is_empty() {
            let message = format!("holds no labs, expected a {MANIFEST} in it or in folders in it");
            self.problems.push(ConfigError::whole(shown(), message, "`ondeck lab new DIR` makes one to start from"));
        }
        for path in inner {
            self.add(load_as(&path, &origin));
        }
    }
}

impl std::fmt::Display for Origin {
    /// As it continues a sentence: `built in`, `from /srv/labs/x`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built in"),
            Self::Folder(path) => write!(f, "from {}", clean(&path.display().to_string())),
            Self::Git(url, _) => write!(f, "from {}", git::shown(url)),
        }
    }
}

/// Reads the labs that are built in and those of the config. Reads files: not for where one may not wait.
pub fn catalogue(config: &Config) -> Catalogue {
    read(config, git::home().as_deref())
}

/// As [`catalogue`], with copies of repositories in a folder.
pub(super) fn read(config: &Config, copies: Option<&Path>) -> Catalogue {
    let mut all = Catalogue::default();
    for (name, files) in built_in() {
        all.add(Lab::from_tree(&files, Origin::BuiltIn, &format!("built-in/{name}/{MANIFEST}")));
    }
    for source in &config.labs.git {
        match copies.and_then(|copies| git::current(copies, source)) {
            Some(copy) => {
                let folder = source.folder.as_ref().map_or(copy.clone(), |folder| copy.join(folder));
                all.add_folder(&folder, |path| Origin::Git(source.url.clone(), path));
            }
            None => all.problems.push(ConfigError::whole(
                git::shown(&source.url),
                "was not fetched yet",
                "`ondeck lab update` fetches it",
            )),
        }
    }
    for folder in &config.labs.folders {
        all.add_folder(folder, Origin::Folder);
    }
    all.labs.sort_by(|a, b| (a.difficulty, &a.id).cmp(&(b.difficulty, &b.id)));
    all
}

/// The built-in labs' names and files.
fn built_in() -> impl Iterator<Item = (String, Tree)> {
    BUILT_IN.dirs().filter_map(|dir| {
        let name = dir.path().to_str()?.to_owned();
        let mut files = Tree::new();
        take(dir, dir.path(), &mut files);
        files.get(MANIFEST)?;
        Some((name, files))
    })
}

fn take(dir: &Dir<'_>, root: &Path, files: &mut Tree) {
    for file in dir.files() {
        if let Some(path) = file.path().strip_prefix(root).ok().and_then(Path::to_str) {
            files.put(path, file.contents());
        }
    }
    for inner in dir.dirs() {
        take(inner, root, files);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "catalogue_tests.rs"]
mod tests;
