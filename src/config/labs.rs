//! Where labs are from, besides those that are built in.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use super::source::{hinted, quoted};

/// Where labs are from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Labs {
    /// Folders of this machine: each a lab, or full of labs.
    pub folders: Vec<PathBuf>,
    /// Git repositories.
    pub git: Vec<GitLabs>,
}

/// A git repository with labs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitLabs {
    /// Its address.
    #[serde(deserialize_with = "address")]
    pub url: String,
    /// The branch or tag, when not the repository's usual one.
    #[serde(default, deserialize_with = "branch")]
    pub branch: Option<String>,
    /// The folder in it that is a lab or full of labs, when not all of it.
    #[serde(default, deserialize_with = "inside")]
    pub folder: Option<String>,
}

impl Labs {
    /// These with paths that mean the same from everywhere: `~` is the home, and what is relative begins at the
    /// configuration's own folder.
    #[must_use]
    pub(super) fn from(mut self, folder: Option<&Path>) -> Self {
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
        for path in &mut self.folders {
            *path = match (path.strip_prefix("~"), &home, folder) {
                (Ok(rest), Some(home), _) => home.join(rest),
                (Err(_), _, Some(folder)) => folder.join(&path),
                _ => continue,
            };
        }
        self
    }
}

/// What `git` fetches from without running anything else on the way.
const PROTOCOLS: [&str; 4] = ["https://", "ssh://", "git://", "file://"];

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let url = String::deserialize(deserializer)?;
    let plain = !url.starts_with('-') && !url.chars().any(|ch| ch.is_control() || ch.is_whitespace());
    // `git@host:path`; what has `::` names a program to run.
    let short = url.split_once(':').is_some_and(|(host, path)| {
        host.contains('@') && !host.contains('/') && !path.is_empty() && !path.starts_with(':')
    });
    let known = PROTOCOLS.iter().any(|protocol| url.strip_prefix(protocol).is_some_and(|rest| !rest.is_empty()));
    if plain && (known || short || url.starts_with('/')) {
        return Ok(url);
    }
    Err(hinted(
        format_args!("found {}, expected the address of a git repository", quoted(&url)),
        "https://HOST/PATH, ssh://USER@HOST/PATH, git@HOST:PATH, git://, file:// or a path of this machine",
    ))
}

fn branch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(branch) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let plain = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '-' | '_' | '.' | '/' | '+');
    if branch.is_empty() || branch.starts_with('-') || !branch.chars().all(plain) {
        return Err(hinted(
            format_args!("found {}, expected the name of a branch or tag", quoted(&branch)),
            "such as `main` or `v1.2`",
        ));
    }
    Ok(Some(branch))
}

fn inside<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(folder) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let folder = folder.trim_end_matches('/');
    if folder.is_empty() || folder.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(hinted(
            format_args!("found {}, expected a folder of the repository", quoted(folder)),
            "with `/` between names, not beginning with `/`, without `..`",
        ));
    }
    Ok(Some(folder.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Config, Source};
    use super::*;

    fn read(text: &str) -> Result<Labs, String> {
        let source = Source::new("config.yaml", format!("labs:\n{text}"));
        Config::parse(source, Some("/etc/ondeck".into())).map(|config| config.labs).map_err(|e| e.to_string())
    }

    #[test]
    fn folders_mean_the_same_from_everywhere() {
        let labs = read("  folders: [/srv/labs, mine, ~/labs]\n").unwrap();
        assert_eq!(labs.folders[..2], [PathBuf::from("/srv/labs"), PathBuf::from("/etc/ondeck/mine")]);
        assert!(labs.folders[2].is_absolute() && labs.folders[2].ends_with("labs"), "{labs:?}");
    }

    #[test]
    fn addresses_run_nothing() {
        for url in ["https://host/labs.git", "ssh://me@host/labs", "git@host:labs.git", "file:///srv/labs", "/srv/labs"]
        {
            assert_eq!(read(&format!("  git: [{{url: '{url}'}}]\n")).unwrap().git[0].url, url);
        }
        for url in
            ["ext::sh -c id", "ext::id", "a@ext::id", "-u/bin/id", "http://host/x", "labs", "https://", "https://a b"]
        {
            let error = read(&format!("  git: [{{url: '{url}'}}]\n")).unwrap_err();
            assert!(error.starts_with("config.yaml:2:"), "{error}");
            assert!(error.contains("expected the address of a git repository"), "{error}");
        }
        let wrong = |entry: &str| read(&format!("  git: [{{url: /x, {entry}}}]\n")).unwrap_err();
        assert!(wrong("branch: --upload-pack=id").contains("expected the name of a branch"));
        assert!(wrong("folder: ../x").contains("expected a folder of the repository"));
        assert!(wrong("fodler: x").contains("did you mean `folder`"));
    }
}
