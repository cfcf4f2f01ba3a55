//! What the log pane needs from outside: following, pages, searches over what is held.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::engine::model::Id;
use crate::engine::{Engine, EngineError, Result};
use crate::logs::{
    Direction, FollowAsk, Held, LogEvent, Mark, Page, Pos, Query, Snapshot, Source, Tail, first_page, follow, newer,
    older,
};

/// A container whose log is wanted; whether it has a terminal may not be known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The container.
    pub id: Id,
    /// What a merged log calls it.
    pub name: Arc<str>,
    /// Whether it has a terminal.
    pub tty: Option<bool>,
}

/// Something to do for the log pane. The figure tells which log it is about; answers to old ones are dropped.
#[derive(Debug)]
pub enum LogOrder {
    /// Follow these logs, after what is known of them.
    Open(u64, Vec<Wanted>, FollowAsk, Vec<Option<Mark>>),
    /// Stop following.
    Close,
    /// A source runs again.
    Resume(u16, Option<Mark>),
    /// Lines before those held.
    Older(u64, Vec<Source>, Vec<Held>, usize),
    /// Lines after those held.
    Newer(u64, Vec<Source>, Vec<Held>, usize),
    /// The first lines there are.
    First(u64, Vec<Source>, Option<Timestamp>, usize),
    /// The next match.
    Find(u64, Snapshot, Box<Query>, Pos, Direction),
    /// All matches from a line on; the second position is where the snapshot ends.
    Filter(u64, Snapshot, Box<Query>, Pos, Pos),
}

/// An answer to an order.
#[derive(Debug)]
pub enum LogAnswer {
    /// The logs are followed; now it is known which have a terminal.
    Opened(u64, Vec<Source>),
    /// They cannot be followed.
    Failed(u64, EngineError),
    /// Something was followed.
    Event(u64, LogEvent),
    /// Lines before those held.
    Older(u64, Result<Page>),
    /// Lines after those held.
    Newer(u64, Result<Page>),
    /// The first lines there are.
    First(u64, Result<Page>),
    /// Where the next match is.
    Found(u64, Option<Pos>, Direction),
    /// All matches up to a position.
    Filtered(u64, Vec<Pos>, Pos),
}

impl LogAnswer {
    /// Which log it is about.
    pub const fn about(&self) -> u64 {
        match self {
            Self::Opened(n, _)
            | Self::Failed(n, _)
            | Self::Event(n, _)
            | Self::Older(n, _)
            | Self::Newer(n, _)
            | Self::First(n, _)
            | Self::Found(n, ..)
            | Self::Filtered(n, ..) => *n,
        }
    }
}

enum Inner {
    Tail(u64, Tail, Vec<Source>),
    Answer(LogAnswer),
}

/// Carries orders of one log pane out. Dropping it ends everything.
pub struct LogTask {
    tail: Option<(u64, Tail)>,
    work: JoinSet<()>,
    tx: mpsc::Sender<Inner>,
    rx: mpsc::Receiver<Inner>,
}

impl std::fmt::Debug for LogTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogTask").field("following", &self.tail.is_some()).finish_non_exhaustive()
    }
}

impl Default for LogTask {
    fn default() -> Self {
        let (tx, rx) = mpsc::channel(8);
        Self { tail: None, work: JoinSet::new(), tx, rx }
    }
}

impl LogTask {
    /// The next answer. While nobody asks, the engine waits: nothing piles up.
    pub async fn next(&mut self) -> Option<LogAnswer> {
        enum Step {
            Inner(Option<Inner>),
            Followed(u64, Option<LogEvent>),
        }
        loop {
            let tail = self.tail.as_mut();
            let followed = async move {
                match tail {
                    Some((n, tail)) => (*n, tail.next().await),
                    None => std::future::pending().await,
                }
            };
            let step = tokio::select! {
                biased;
                inner = self.rx.recv() => Step::Inner(inner),
                (n, event) = followed => Step::Followed(n, event),
            };
            match step {
                Step::Inner(None) => return None,
                Step::Inner(Some(Inner::Tail(n, tail, sources))) => {
                    self.tail = Some((n, tail));
                    return Some(LogAnswer::Opened(n, sources));
                }
                Step::Inner(Some(Inner::Answer(answer))) => return Some(answer),
                Step::Followed(n, Some(event)) => return Some(LogAnswer::Event(n, event)),
                Step::Followed(_, None) => self.tail = None,
            }
        }
    }

    /// Carries an order out.
    pub fn order(&mut self, order: LogOrder, engine: &Engine) {
        let engine = engine.clone();
        // Finished work is of no use any more.
        while self.work.try_join_next().is_some() {}
        match order {
            LogOrder::Close => {
                self.tail = None;
                self.work.abort_all();
            }
            LogOrder::Resume(source, mark) => {
                if let Some((_, tail)) = &self.tail {
                    match mark {
                        Some(mark) => tail.resume_after(source, mark),
                        None => tail.resume(source),
                    }
                }
            }
            LogOrder::Open(n, wanted, ask, marks) => {
                self.tail = None;
                self.work.abort_all();
                let tx = self.tx.clone();
                self.work.spawn(async move {
                    let answer = match sources(&engine, wanted).await {
                        Ok(sources) => Inner::Tail(n, follow(Arc::new(engine), sources.clone(), ask, &marks), sources),
                        Err(e) => Inner::Answer(LogAnswer::Failed(n, e)),
                    };
                    // The pane may be gone by now.
                    let _ = tx.send(answer).await;
                });
            }
            LogOrder::Older(n, sources, held, budget) => {
                self.answer(async move { LogAnswer::Older(n, older(&engine, &sources, &held, budget).await) });
            }
            LogOrder::Newer(n, sources, held, budget) => {
                self.answer(async move { LogAnswer::Newer(n, newer(&engine, &sources, &held, budget).await) });
            }
            LogOrder::First(n, sources, since, budget) => {
                self.answer(async move { LogAnswer::First(n, first_page(&engine, &sources, since, budget).await) });
            }
            LogOrder::Find(n, within, query, from, direction) => {
                self.compute(move || LogAnswer::Found(n, query.find(&within, from, direction), direction));
            }
            LogOrder::Filter(n, within, query, from, end) => {
                self.compute(move || LogAnswer::Filtered(n, query.filter(&within, from), end));
            }
        }
    }

    fn answer(&mut self, answer: impl Future<Output = LogAnswer> + Send + 'static) {
        let tx = self.tx.clone();
        self.work.spawn(async move {
            let answer = answer.await;
            let _ = tx.send(Inner::Answer(answer)).await;
        });
    }

    fn compute(&mut self, work: impl FnOnce() -> LogAnswer + Send + 'static) {
        let tx = self.tx.clone();
        self.work.spawn_blocking(move || {
            let _ = tx.blocking_send(Inner::Answer(work()));
        });
    }
}

/// Finds out which containers have a terminal, where that is not known.
async fn sources(engine: &Engine, wanted: Vec<Wanted>) -> Result<Vec<Source>> {
    let each = wanted.into_iter().map(|w| async move {
        let tty = match w.tty {
            Some(tty) => tty,
            None => engine.inspect(&w.id).await?.container.detail.is_some_and(|d| d.tty),
        };
        Ok(Source { id: w.id, name: w.name, tty })
    });
    futures::future::try_join_all(each).await
}
