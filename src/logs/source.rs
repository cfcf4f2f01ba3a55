//! Where logs come from.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::time::Instant;

use super::chunk::Chunk;
use super::reader::{Reader, Shape};
use crate::engine::model::Id;
use crate::engine::{Engine, LogAsk, Result};

/// Something that has logs: an [`Engine`], or a test's stand-in for one.
pub trait LogSource: Send + Sync {
    /// The raw body of a container's log, each line with its time.
    fn logs<'a>(&'a self, id: &'a str, ask: &'a LogAsk) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes>>>>;
}

impl LogSource for Engine {
    fn logs<'a>(&'a self, id: &'a str, ask: &'a LogAsk) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes>>>> {
        Box::pin(Engine::logs(self, id, ask))
    }
}

/// One container whose log is read. Its place in the list of sources is what its lines carry as
/// [`Line::source`](super::Line::source).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The container.
    pub id: Id,
    /// What a merged log calls it.
    pub name: Arc<str>,
    /// Whether it has a terminal, as its inspection says; decides how the log is framed.
    pub tty: bool,
}

impl Source {
    pub(super) fn reader(&self, index: usize) -> Reader {
        let shape = if self.tty { Shape::Plain } else { Shape::Framed };
        Reader::new(shape, u16::try_from(index).unwrap_or(u16::MAX))
    }
}

/// While lines keep coming one by one, a chunk is made of them this often.
const GATHER: Duration = Duration::from_millis(30);
/// After so long without a byte a line without an end is shown.
const QUIET: Duration = Duration::from_millis(250);

/// The chunks of one log as they come: at once when it is quiet, in large pieces when it is not.
/// Dropping the future of [`Chunks::next`] loses nothing.
pub(super) struct Chunks {
    stream: BoxStream<'static, Result<Bytes>>,
    reader: Reader,
    flushed: Option<Instant>,
    ended: bool,
    failure: Option<crate::engine::EngineError>,
}

impl Chunks {
    pub(super) fn new(stream: BoxStream<'static, Result<Bytes>>, reader: Reader) -> Self {
        Self { stream, reader, flushed: None, ended: false, failure: None }
    }

    pub(super) const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Whether the log was read to its end.
    pub(super) const fn ended(&self) -> bool {
        self.ended && self.failure.is_none()
    }

    pub(super) async fn next(&mut self) -> Option<Result<Arc<Chunk>>> {
        loop {
            if let Some(chunk) = self.reader.next_chunk() {
                return Some(Ok(chunk));
            }
            if self.ended {
                return self.failure.take().map(Err);
            }
            let patience = if self.reader.has_lines() {
                Some(self.flushed.map_or(Instant::now(), |then| then + GATHER))
            } else if self.reader.has_part() {
                Some(Instant::now() + QUIET)
            } else {
                None
            };
            let piece = match patience {
                None => self.stream.next().await,
                Some(until) => {
                    let Ok(piece) = tokio::time::timeout_at(until, self.stream.next()).await else {
                        self.idle();
                        continue;
                    };
                    piece
                }
            };
            match piece {
                Some(Ok(piece)) => self.reader.feed(&piece),
                Some(Err(failure)) => {
                    self.failure = Some(failure);
                    self.end();
                }
                None => self.end(),
            }
        }
    }

    fn idle(&mut self) {
        if self.reader.has_lines() {
            self.reader.flush();
            self.flushed = Some(Instant::now());
        } else {
            self.reader.quiet();
        }
    }

    fn end(&mut self) {
        self.reader.end();
        self.ended = true;
    }
}
