//! What of a submission a build is sent.

use super::super::check::Case;
use super::super::fields::Glob;
use super::super::submission::FileKind;
use super::super::{Submission, Trouble};
use crate::dockerfile::ignore::{Ignore, Rules, clean, ignore_files};
use crate::labs::Lab;

/// The build context of a lab.
pub(in crate::judge) struct Context {
    /// The file that says what is left out, its path in the workspace.
    pub ignore_file: Option<String>,
    /// What it says.
    pub ignore: Ignore,
    /// All files and links of the folder, by paths in it, with their bytes.
    all: Vec<(String, u64)>,
    /// Those of them that are sent.
    sent: Vec<(String, u64)>,
    /// The same of its folders.
    folders: Vec<String>,
}

impl Context {
    /// The context of the lab's build plan; that of the whole workspace when it has none.
    pub(in crate::judge) fn of(lab: &Lab, submission: &Submission) -> Result<Self, Trouble> {
        let plan = lab.build.clone().unwrap_or_default();
        let folder = clean(&plan.context);
        let folder = folder.trim_start_matches('/');
        let prefix = if matches!(folder, "." | "") { String::new() } else { format!("{folder}/") };
        let dockerfile = if plan.dockerfile.is_empty() { "Dockerfile" } else { &plan.dockerfile };
        let (mut ignore_file, mut ignore) = (None, Ignore::default());
        for name in ignore_files(dockerfile, Rules::BuildKit) {
            if let Some(text) = submission.text(&format!("{prefix}{name}"))? {
                ignore = Ignore::parse(&text);
                ignore_file = Some(format!("{prefix}{name}"));
                break;
            }
        }
        let below = |wanted: bool| {
            submission
                .files()
                .iter()
                .filter(move |(_, e)| (e.kind == FileKind::Folder) == wanted)
                .filter_map(|(path, entry)| Some((path.strip_prefix(&prefix)?.to_owned(), entry.size)))
        };
        let all: Vec<_> = below(false).collect();
        let folders = below(true).map(|(path, _)| path).collect();
        let sent = all.iter().filter(|(path, _)| ignore.reaches(path)).cloned().collect();
        Ok(Self { ignore_file, ignore, all, sent, folders })
    }

    /// The context of the submission that is judged.
    pub(in crate::judge) fn of_case(case: &Case<'_>) -> Result<Self, Trouble> {
        Self::of(case.lab, case.submission)
    }

    /// Files and links that are sent, with their bytes.
    pub(in crate::judge) fn sent(&self) -> impl Iterator<Item = (&str, u64)> {
        self.sent.iter().map(|(path, size)| (path.as_str(), *size))
    }

    /// The paths that a path or glob of a manifest means: those that are there, or itself.
    pub(in crate::judge) fn meant(&self, glob: &Glob) -> Vec<String> {
        if glob.is_plain() {
            return vec![glob.text().to_owned()];
        }
        self.all.iter().map(|(path, _)| path).filter(|path| glob.is_match(path)).cloned().collect()
    }

    /// The files that a source of `COPY` brings, which may be a folder or have wildcards.
    pub(in crate::judge) fn copied_by(&self, source: &str) -> Vec<&str> {
        let source = clean(source.trim_matches(['"', '\'']));
        let source = source.trim_start_matches('/');
        if matches!(source, "." | "") {
            return self.sent().map(|(path, _)| path).collect();
        }
        let matches = |path: &str| {
            if source.contains(['*', '?', '[']) {
                // As Go matches: a star stays within a name.
                Glob::new(source).is_ok_and(|glob| glob.is_match(path))
            } else {
                path == source
            }
        };
        let brought = |path: &str| matches(path) || path.match_indices('/').any(|(at, _)| matches(&path[..at]));
        self.sent().map(|(path, _)| path).filter(|path| brought(path)).collect()
    }

    /// Whether there is a file, link or folder of this path.
    pub(in crate::judge) fn has(&self, path: &str) -> bool {
        self.all.iter().any(|(known, _)| known == path) || self.folders.iter().any(|known| known == path)
    }
}
