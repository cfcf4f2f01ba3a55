//! What is done in the session beside its Docker: kernel tables, ports of containers, room on the disk.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::Bench;
use crate::builds::run::{Listener, listeners};
use crate::engine::{EngineError, ErrorKind, ExecAsk, Ran};
use crate::judge::Trouble;

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where files for programs in the session are put.
const FILES: &str = "/run/ondeck-judge";

/// What a Docker's data takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Disk {
    /// Bytes that it uses.
    pub(super) used: u64,
    /// Bytes that are free.
    pub(super) free: u64,
}

impl Bench {
    /// Runs a program of the session, by its whole path, without what a learner may have put in its way.
    pub async fn inside<S: Into<String>>(&self, words: impl IntoIterator<Item = S>) -> Result<Ran, EngineError> {
        self.inside_within(words, PATIENCE).await
    }

    /// The same, of a program that may take so long.
    pub async fn inside_within<S: Into<String>>(
        &self,
        words: impl IntoIterator<Item = S>,
        patience: Duration,
    ) -> Result<Ran, EngineError> {
        let ask = ExecAsk {
            env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "LD_PRELOAD="].map(str::to_owned).to_vec(),
            dir: Some("/".to_owned()),
            user: Some("0".to_owned()),
            ..ExecAsk::of(words)
        };
        let running = self.outer.exec_kept(&self.session.container, &ask, &[], 4 << 20);
        tokio::time::timeout(patience, running).await.map_err(|_| {
            let message = format!("{} gave no answer within {} s in the session", ask.command[0], patience.as_secs());
            EngineError::new(ErrorKind::Timeout, message)
        })?
    }

    /// Keeps some processes for the session's Docker: all that it builds and runs together gets fewer than the session
    /// has, so that a submission that begins processes without end does not take the Docker with it.
    pub(super) async fn reserve(&self) -> Result<(), Trouble> {
        const SCRIPT: &str = "for top in /sys/fs/cgroup/pids /sys/fs/cgroup; do \
            [ -e $top/cgroup.procs ] && most=$(cat $top/pids.max) && [ \"$most\" -gt 0 ] && mkdir -p $top/docker || continue; \
            keep=$((most / 3)); [ $keep -gt 160 ] && keep=160; \
            [ -e $top/docker/pids.max ] && echo $((most - keep)) > $top/docker/pids.max; \
            done 2>/dev/null; exit 0";
        match self.inside(["/bin/sh", "-c", SCRIPT]).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.trouble(error).await),
        }
    }

    /// What the Docker's data takes, and what is free.
    pub(super) async fn disk(&self) -> Result<Disk, EngineError> {
        const SCRIPT: &str = "du -sx -B1 /var/lib/docker/overlay2 /var/lib/docker/tmp /var/lib/docker/volumes 2>/dev/null | \
            awk '{ n += $1 } END { print n + 0 }'; df -B1 --output=avail /var/lib/docker | tail -n 1";
        let ran = self.inside(["/bin/sh", "-c", SCRIPT]).await?;
        let text = String::from_utf8_lossy(&ran.out);
        let mut numbers = text.split_whitespace().filter_map(|n| n.parse().ok());
        match (numbers.next(), numbers.next()) {
            (Some(used), Some(free)) => Ok(Disk { used, free }),
            _ => Err(EngineError::new(
                ErrorKind::Other,
                format!("the session's disk cannot be read: {}", ran.last_words()),
            )),
        }
    }

    /// Where a process listens, as the kernel's tables tell; nothing where they cannot be read.
    pub async fn listeners(&self, pid: u32) -> Vec<Listener> {
        let files = ["tcp", "tcp6"].map(|file| format!("/proc/{pid}/net/{file}"));
        let cat = std::iter::once("/bin/cat".to_owned()).chain(files);
        // It says more about a port that did not answer; without it, less is said.
        let text = self.inside(cat).await.map(|ran| ran.out).unwrap_or_default();
        listeners(&String::from_utf8_lossy(&text))
    }

    /// Whether a process, in its own network, can connect with an address.
    pub async fn connects(&self, pid: u32, to: IpAddr, port: u16) -> Result<bool, EngineError> {
        let to = if to.is_ipv6() { format!("TCP6:[{to}]:{port}") } else { format!("TCP:{to}:{port}") };
        let words = [
            "/usr/bin/nsenter".to_owned(),
            format!("--net=/proc/{pid}/ns/net"),
            "/usr/bin/socat".to_owned(),
            "/dev/null".to_owned(),
            format!("{to},connect-timeout=2"),
        ];
        let ran = self.inside(words).await?;
        match ran.code {
            Some(126 | 127) | None => {
                Err(EngineError::new(ErrorKind::Other, format!("no connection can be tried: {}", ran.last_words())))
            }
            code => Ok(code == Some(0)),
        }
    }

    /// Puts a folder's files into the session; answers with where they are there.
    pub async fn put_files(&self, dir: &Path) -> Result<String, Trouble> {
        let there = format!("{FILES}/{}", self.mark.token());
        let dir = dir.to_owned();
        let packed = tokio::task::spawn_blocking(move || {
            let mut tar = tar::Builder::new(Vec::new());
            tar.follow_symlinks(false);
            tar.append_dir_all(".", &dir)?;
            tar.into_inner()
        });
        let packed = packed.await.map_err(std::io::Error::other).and_then(|packed| packed);
        let packed = packed.map_err(|e| Trouble::disk("the copy of the workspace cannot be read", &e))?;
        let put = async {
            self.inside(["/bin/mkdir", "-p", &there]).await?;
            self.outer.put_archive(&self.session.container, &there, packed).await
        };
        match put.await {
            Ok(()) => Ok(there),
            Err(error) => Err(self.trouble(error).await),
        }
    }

    /// Unpacks an archive in a folder of the session.
    pub async fn put_archive(&self, dir: &str, tar: Vec<u8>) -> Result<(), EngineError> {
        self.outer.put_archive(&self.session.container, dir, tar).await
    }

    /// Whether a learner has put something else in the place of a program of the session.
    pub async fn is_changed(&self, program: &str) -> Result<bool, Trouble> {
        if self.fresh {
            return Ok(false);
        }
        match self.outer.changes(&self.session.container).await {
            Ok(changes) => Ok(changes.iter().any(|path| path == program)),
            Err(error) => Err(self.trouble(error).await),
        }
    }

    /// Removes what was put there.
    pub(super) async fn sweep_files(&self) -> Result<(), EngineError> {
        self.inside(["/bin/rm", "-rf", &format!("{FILES}/{}", self.mark.token())]).await.map(drop)
    }
}
