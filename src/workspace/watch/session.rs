//! A session is watched by `inotifywait` in it.

use std::time::Duration;

use futures::TryStreamExt;
use futures::future::BoxFuture;

use super::super::model::Change;
use super::super::{LEFT, session};
use super::{GATHER, Teller};
use crate::engine::{Channel, Engine, EngineError, ErrorKind, ExecAsk, PipedExec, Ran, Result};

/// The most that is kept of what it complains of, and of one event.
const LONGEST: usize = 64 << 10;

/// What it complains of when it cannot watch any more.
const LIMIT: &[u8] = b"upper limit";
/// How long after a new folder everything is watched anew.
const RENEW: Duration = Duration::from_millis(500);

/// A running `inotifywait`. Dropping this ends it, as its input ends with that.
pub(super) struct Watch {
    engine: Engine,
    container: String,
    root: String,
    exec: PipedExec,
    rest: Vec<u8>,
    /// Whether a folder came. `inotifywait` looks for folders in it before it watches it, and never sees one that
    /// comes in between.
    incomplete: bool,
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
                let (engine, container, root) = (engine.clone(), container.to_owned(), root.to_owned());
                return Ok(Ok(Self { engine, container, root, exec, rest, incomplete: false }));
            }
            if err.len() + rest.len() > LONGEST {
                break;
            }
        }
        if memchr::memmem::find(&err, LIMIT).is_some() {
            let why =
                "the limit of watched folders of the session's host is reached (sysctl fs.inotify.max_user_watches)";
            return Ok(Err(why.to_owned()));
        }
        // Whether it ended by itself or with its container is told by looking.
        let why = Ran { err, ..Ran::default() }.last_words();
        Ok(Err(if why.is_empty() { "the session's inotifywait ended".to_owned() } else { why }))
    }

    /// Tells what happens until watching breaks off.
    pub(super) async fn run(mut self, teller: &Teller) {
        self.events(teller);
        let mut renewal: Option<BoxFuture<'static, _>> = None;
        loop {
            if self.incomplete && renewal.is_none() {
                self.incomplete = false;
                let (engine, container, root) = (self.engine.clone(), self.container.clone(), self.root.clone());
                renewal = Some(Box::pin(async move {
                    tokio::time::sleep(RENEW).await;
                    Self::begin(&engine, &container, &root).await
                }));
            }
            let renewed = async {
                match &mut renewal {
                    Some(renewal) => renewal.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                read = self.exec.output.try_next() => match read {
                    Ok(Some(piece)) => if !self.take(piece, teller) { return },
                    Ok(None) | Err(_) => return,
                },
                renewed = renewed => {
                    renewal = None;
                    let Ok(Ok(new)) = renewed else { return };
                    let mut old = std::mem::replace(&mut self, new);
                    // What it has seen and not yet told; for the rest there is another now.
                    let end = tokio::time::Instant::now() + 2 * GATHER;
                    while let Ok(Ok(Some(piece))) = tokio::time::timeout_at(end, old.exec.output.try_next()).await {
                        if !old.take(piece, teller) {
                            break;
                        }
                    }
                    self.incomplete |= old.incomplete;
                    teller.tell(Change::Tree);
                    self.events(teller);
                }
            }
        }
    }

    /// Takes in what was printed; false when it cannot watch everything any more.
    fn take(&mut self, (channel, piece): (Channel, bytes::Bytes), teller: &Teller) -> bool {
        if channel == Channel::Err {
            return memchr::memmem::find(&piece, LIMIT).is_none();
        }
        self.rest.extend_from_slice(&piece);
        self.events(teller);
        true
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
                teller.tell(Change::Many);
                continue;
            }
            let Some(path) = path.strip_prefix(self.root.as_str()).map(|p| p.trim_matches('/').to_owned()) else {
                continue;
            };
            if path.is_empty() {
                continue;
            }
            self.incomplete |= what.contains("ISDIR") && (what.contains("CREATE") || what.contains("MOVED_TO"));
            if what.contains("ISDIR") && what.starts_with("ATTRIB") {
                teller.tell(Change::Tree);
            } else if what.starts_with("MODIFY") || what.starts_with("CLOSE_WRITE") {
                teller.content(path);
            } else {
                teller.name(path);
            }
        }
        self.rest.drain(..used);
        if self.rest.len() > LONGEST {
            self.rest.clear();
            teller.tell(Change::Many);
        }
    }
}
