//! A session is watched by `inotifywait` in it.

use futures::TryStreamExt;

use super::super::{LEFT, session};
use super::Teller;
use crate::engine::{Channel, Engine, EngineError, ErrorKind, ExecAsk, PipedExec, Ran, Result};

/// The most that is kept of what it complains of, and of one event.
const LONGEST: usize = 64 << 10;

/// A running `inotifywait`. Dropping this ends it, as its input ends with that.
pub(super) struct Watch {
    exec: PipedExec,
    root: String,
    rest: Vec<u8>,
}

impl Watch {
    /// Answers once everything is watched; inside with why it cannot be.
    pub(super) async fn begin(
        engine: &Engine,
        container: &str,
        root: &str,
    ) -> Result<std::result::Result<Self, String>> {
        let exclude = format!("/({})/", LEFT.map(|name| name.replace('.', "\\.")).join("|"));
        let mut args: Vec<&str> = vec!["--no-newline", "--format", "%e%0%w%f%0", "--exclude", &exclude];
        for event in ["modify", "close_write", "attrib", "create", "delete", "move"] {
            args.extend(["--event", event]);
        }
        let ask = ExecAsk { stdin: true, ..session::ask(root, "watch", &args) };
        let mut exec = engine.exec_piped(container, &ask).await?;
        let broke = |e: std::io::Error| {
            EngineError::new(ErrorKind::Unreachable, format!("watching the session broke off: {e}"))
        };
        let (mut err, mut rest) = (Vec::new(), Vec::new());
        while let Some((channel, piece)) = exec.output.try_next().await.map_err(broke)? {
            match channel {
                Channel::Out => rest.extend_from_slice(&piece),
                Channel::Err => err.extend_from_slice(&piece),
            }
            if memchr::memmem::find(&err, b"Watches established").is_some() {
                return Ok(Ok(Self { exec, root: root.to_owned(), rest }));
            }
            if err.len() + rest.len() > LONGEST {
                break;
            }
        }
        // Whether it ended by itself or with its container is told by looking.
        let why = Ran { err, ..Ran::default() }.last_words();
        Ok(Err(if why.is_empty() { "the session's inotifywait ended".to_owned() } else { why }))
    }

    /// Tells what happens until watching breaks off.
    pub(super) async fn run(mut self, teller: &Teller) {
        self.events(teller);
        while let Ok(Some((channel, piece))) = self.exec.output.try_next().await {
            if channel == Channel::Out {
                self.rest.extend_from_slice(&piece);
                self.events(teller);
            } else if memchr::memmem::find(&piece, b"upper limit").is_some() {
                // New folders are not watched any more.
                return;
            }
        }
    }

    /// Tells the events that have come whole: what happened, a path, each ended by a zero byte.
    fn events(&mut self, teller: &Teller) {
        let mut used = 0;
        loop {
            let mut fields = self.rest[used..].splitn(3, |b| *b == 0);
            let (Some(what), Some(path), Some(_)) = (fields.next(), fields.next(), fields.next()) else { break };
            used += what.len() + path.len() + 2;
            let what = String::from_utf8_lossy(what);
            let path = String::from_utf8_lossy(path);
            if what.contains("Q_OVERFLOW") {
                teller.tell(super::Change::Many);
                continue;
            }
            let Some(path) = path.strip_prefix(self.root.as_str()).map(|p| p.trim_matches('/').to_owned()) else {
                continue;
            };
            if path.is_empty() {
                continue;
            }
            if what.contains("ISDIR") && what.starts_with("ATTRIB") {
                teller.tell(super::Change::Tree);
            } else if what.starts_with("MODIFY") || what.starts_with("CLOSE_WRITE") {
                teller.content(path);
            } else {
                teller.name(path);
            }
        }
        self.rest.drain(..used);
        if self.rest.len() > LONGEST {
            self.rest.clear();
            teller.tell(super::Change::Many);
        }
    }
}
