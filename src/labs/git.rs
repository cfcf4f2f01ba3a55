//! Labs from git repositories: fetched when one asks for it, read from a copy.
//!
//! ```text
//! DATA/labs/NAME/COMMIT/...     the files as of a commit, without git's own
//! DATA/labs/NAME/current        which commit is read
//! ```
//!
//! `current` is replaced at once, so whoever reads finds the copy before or the one after, and a fetch that fails
//! changes nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::config::{Config, ConfigError, GitLabs};
use crate::text::clean;

use super::tree::hex;

/// How long one repository may take.
const PATIENCE: Duration = Duration::from_mins(3);
/// Most that is kept of what git says.
const MOST: u64 = 64 << 10;
/// Where the name of the commit that is read stands.
const CURRENT: &str = "current";

/// What the name of a fetch that goes on begins with.
const BEGUN: &str = "new-";

/// Where copies of repositories lie for this user.
pub(super) fn home() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "ondeck").map(|dirs| dirs.data_dir().join("labs"))
}

/// A repository's address without the password or token that may be in it.
pub(super) fn shown(url: &str) -> String {
    let login = url.split_once("://").and_then(|(protocol, rest)| {
        let host = rest.split('/').next().unwrap_or_default();
        let (login, _) = host.rsplit_once('@')?;
        let kept = if protocol == "ssh" { login.split(':').next().unwrap_or_default() } else { "…" };
        Some(format!("{protocol}://{kept}{}", &rest[login.len()..]))
    });
    clean(login.as_deref().unwrap_or(url)).into_owned()
}

/// The folder of a repository's copies.
fn folder(copies: &Path, source: &GitLabs) -> PathBuf {
    let mut hash = Sha256::new();
    hash.update(&source.url);
    hash.update([0]);
    hash.update(source.branch.as_deref().unwrap_or_default());
    let digest = hex(&hash.finalize()[..6]);
    let last = source.url.trim_end_matches('/').trim_end_matches(".git").rsplit(['/', ':']).next().unwrap_or_default();
    let plain = |ch: &char| ch.is_ascii_alphanumeric() || matches!(ch, '-' | '_');
    let name: String = last.chars().filter(plain).take(40).collect();
    copies.join(format!("{name}-{digest}"))
}

/// Where a repository's files lie, if it was fetched.
pub(super) fn current(copies: &Path, source: &GitLabs) -> Option<PathBuf> {
    let folder = folder(copies, source);
    let commit = std::fs::read_to_string(folder.join(CURRENT)).ok()?;
    let commit = commit.trim();
    let plain = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(folder.join(commit)).filter(|copy| plain && copy.is_dir())
}

/// What came of fetching.
#[derive(Debug, Clone, Default)]
pub struct Updated {
    /// What came of each repository that was fetched, in words.
    pub done: Vec<String>,
    /// What is wrong with the others; their copies are as they were.
    pub errors: Vec<ConfigError>,
}

/// Fetches the repositories of the config. One that cannot be fetched holds no others up.
pub async fn update(config: &Config, tell: &(dyn Fn(String) + Send + Sync)) -> Updated {
    update_in(home().as_deref(), config, tell).await
}

/// As [`update`], into a folder.
pub(super) async fn update_in(
    copies: Option<&Path>,
    config: &Config,
    tell: &(dyn Fn(String) + Send + Sync),
) -> Updated {
    let mut updated = Updated::default();
    let Some(copies) = copies else {
        let error = ConfigError::whole("labs", "there is no folder for copies: this user has no home", "set HOME");
        updated.errors.push(error);
        return updated;
    };
    for source in &config.labs.git {
        tell(format!("fetching {}", shown(&source.url)));
        match fetch(copies, source).await {
            Ok(words) => updated.done.push(format!("{}: {words}", shown(&source.url))),
            Err((message, hint)) => updated.errors.push(ConfigError::whole(shown(&source.url), message, hint)),
        }
    }
    updated
}

/// Takes away what fetches left that were killed.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        let begun = entry.file_name().to_string_lossy().starts_with(BEGUN);
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if begun && age > 2 * PATIENCE {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// What went wrong, and what to do.
type Wrong = (String, String);

async fn fetch(copies: &Path, source: &GitLabs) -> Result<String, Wrong> {
    let folder = folder(copies, source);
    let refused = |error: io::Error| (format!("{} cannot be written to: {error}", folder.display()), String::new());
    std::fs::create_dir_all(&folder).map_err(refused)?;
    sweep(&folder).map_err(refused)?;
    let new = tempfile::Builder::new().prefix(BEGUN).tempdir_in(&folder).map_err(refused)?;
    let copy = new.path().join("copy");
    let mut clone = git(new.path());
    clone.args(["clone", "--quiet", "--depth", "1", "--single-branch", "--no-tags", "--no-recurse-submodules"]);
    clone.arg("--template=");
    if let Some(branch) = &source.branch {
        clone.args(["--branch", branch]);
    }
    clone.arg("--").arg(&source.url).arg(&copy);
    run(clone).await.map_err(|(message, hint)| (message.replace(&source.url, &shown(&source.url)), hint))?;
    let mut head = git(&copy);
    head.args(["rev-parse", "HEAD"]);
    let commit = run(head).await?.trim().to_owned();
    if commit.is_empty() || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err((format!("git names no commit but {}", crate::config::quoted(&commit)), String::new()));
    }
    let before = current(copies, source);
    let kept = folder.join(&commit);
    if !kept.is_dir() {
        // A copy is read, never worked in: what git keeps of itself goes before it is one.
        std::fs::remove_dir_all(copy.join(".git")).map_err(refused)?;
        match std::fs::rename(&copy, &kept) {
            // Somebody else fetched the same in this moment.
            Err(_) if kept.is_dir() => {}
            renamed => renamed.map_err(refused)?,
        }
    }
    let name = new.path().join(CURRENT);
    std::fs::write(&name, format!("{commit}\n")).map_err(refused)?;
    std::fs::rename(&name, folder.join(CURRENT)).map_err(refused)?;
    let short = &commit[..commit.len().min(10)];
    match before {
        Some(before) if before == kept => Ok(format!("is at {short} already")),
        Some(before) => {
            // Nobody reads it any more but whoever just began; a copy that stays costs only its room.
            let _ = std::fs::remove_dir_all(before);
            Ok(format!("is at {short} now"))
        }
        None => Ok(format!("was fetched at {short}")),
    }
}

/// git, so that it asks nobody, runs nobody's hooks and programs, and speaks English.
fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    command.env("GIT_ALLOW_PROTOCOL", "https:ssh:git:file").env("GIT_LFS_SKIP_SMUDGE", "1");
    // Whoever runs this from a hook of git's means another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"] {
        command.env_remove(name);
    }
    if std::env::var_os("GIT_SSH_COMMAND").is_none() {
        command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=15");
    }
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]);
    command
}

/// A child with the processes it made; dropped, it ends them.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Without a number it has ended and was waited for.
        if let Some(pid) = self.0.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            // They may all have ended by themselves in this moment.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Runs git to its end; answers with what it printed.
async fn run(mut command: Command) -> Result<String, Wrong> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let child = command.spawn().map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "install git, or put a copy of the labs into a folder of `labs.folders`",
            _ => "",
        };
        (format!("git cannot be run: {error}"), hint.to_owned())
    })?;
    let mut group = Group(child);
    let (out, err) = (group.0.stdout.take(), group.0.stderr.take());
    let read = async {
        let (mut printed, mut said) = (Vec::new(), Vec::new());
        let out = async {
            if let Some(out) = out {
                out.take(MOST).read_to_end(&mut printed).await?;
            }
            io::Result::Ok(())
        };
        let err = async {
            if let Some(err) = err {
                err.take(MOST).read_to_end(&mut said).await?;
            }
            io::Result::Ok(())
        };
        tokio::try_join!(out, err)?;
        io::Result::Ok((printed, said, group.0.wait().await?))
    };
    let (printed, said, status) = tokio::time::timeout(PATIENCE, read)
        .await
        .map_err(|_| {
            let message = format!("git was not done within {} s", PATIENCE.as_secs());
            (message, "is the network slow, or the repository large? Try again".to_owned())
        })?
        .map_err(|error| (format!("git cannot be listened to: {error}"), String::new()))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&printed).into_owned());
    }
    Err(words(&String::from_utf8_lossy(&said)))
}

/// What git says when it fails, in one line, and what to do about it.
fn words(said: &str) -> Wrong {
    let lines: Vec<String> = said
        .lines()
        .map(|line| clean(line.trim()).into_owned())
        .filter(|line| !line.is_empty() && !line.starts_with("hint:") && !line.starts_with("warning:"))
        .collect();
    let best = lines.iter().find(|line| line.starts_with("fatal:")).or(lines.last());
    let message = best.map_or("failed and did not say why", |line| {
        line.trim_start_matches("fatal:").trim_start_matches("error:").trim()
    });
    let all = said.to_lowercase();
    let hint = if all.contains("could not read username") || all.contains("permission denied") {
        "it wants a login: set up git so that `git clone` asks for none (a credential helper or an ssh key)"
    } else if all.contains("could not resolve host") || all.contains("could not connect") || all.contains("timed out") {
        "is there a network? What was fetched before is used meanwhile"
    } else if all.contains("remote branch") {
        "is `branch` in the config right?"
    } else if all.contains("not found") || all.contains("does not exist") || all.contains("not appear to be") {
        "is its address in the config right?"
    } else {
        ""
    };
    (format!("git: {message}"), hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("https://ann:secret@host/labs.git"), "https://…@host/labs.git");
        assert_eq!(shown("https://host/a@b"), "https://host/a@b");
        assert_eq!(shown("git@host:labs.git"), "git@host:labs.git");
        assert_eq!(shown("https://token@host"), "https://…@host");
        assert_eq!(shown("ssh://me:x@host/labs"), "ssh://me@host/labs");
    }

    #[test]
    fn what_git_says_becomes_one_line() {
        let said =
            "Cloning...\nwarning: x\nfatal: could not read Username for 'https://host': terminal prompts disabled\n";
        let (message, hint) = words(said);
        assert_eq!(message, "git: could not read Username for 'https://host': terminal prompts disabled");
        assert!(hint.contains("login"));
        assert_eq!(words("").0, "git: failed and did not say why");
        assert!(!words("fatal: \u{1b}[2J evil").0.contains('\u{1b}'));
    }
}
