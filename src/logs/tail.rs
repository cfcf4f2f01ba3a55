//! The live end of one log or of several.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::buffer::Mark;
use super::chunk::Chunk;
use super::merge::merge;
use super::source::{Chunks, LogSource, Source};
use crate::engine::{EngineError, LogAsk};

/// Which lines to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowAsk {
    /// Only so many lines of each source; `None` is all.
    pub tail: Option<u64>,
    /// Only lines from this time on.
    pub since: Option<Timestamp>,
    /// Only lines up to this time; the log ends there.
    pub until: Option<Timestamp>,
}

impl Default for FollowAsk {
    fn default() -> Self {
        Self { tail: Some(1000), since: None, until: None }
    }
}

/// What [`follow`] tells.
#[derive(Debug, Clone)]
pub enum LogEvent {
    /// Lines, newer than all before (several sources: in the order of time as far as they came in time).
    Chunk(Arc<Chunk>),
    /// What the logs held is here; what follows is new. Comes once.
    BacklogDone,
    /// A source's log ended, because its container stopped. [`Tail::resume`] goes on when it runs again.
    Ended {
        /// Which one.
        source: u16,
    },
    /// A source's log cannot be read. [`Tail::resume`] tries again.
    Failed {
        /// Which one.
        source: u16,
        /// Why.
        error: EngineError,
    },
}

/// Logs being followed; dropping it ends all its requests.
#[derive(Debug)]
pub struct Tail {
    events: mpsc::Receiver<LogEvent>,
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Command {
    Resume(u16, Option<Mark>),
    Add(Source),
}

impl Tail {
    /// What happens next. As long as nobody asks, the engine waits too: nothing piles up.
    pub async fn next(&mut self) -> Option<LogEvent> {
        self.events.recv().await
    }

    /// What has happened already, without waiting.
    pub fn try_next(&mut self) -> Option<LogEvent> {
        self.events.try_recv().ok()
    }

    /// Goes on with a source that ended or failed, after the newest line that came of it.
    pub fn resume(&self, source: u16) {
        // The task is gone only when there is nobody to resume for.
        drop(self.commands.send(Command::Resume(source, None)));
    }

    /// The same, after a line that the caller knows.
    pub fn resume_after(&self, source: u16, mark: Mark) {
        drop(self.commands.send(Command::Resume(source, Some(mark))));
    }

    /// Follows one more container, which began after the others are followed: what it has said already
    /// comes as new. Its number is the next after the last.
    pub fn add(&self, source: Source) {
        drop(self.commands.send(Command::Add(source)));
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Follows the logs of `sources`, merged by time. With `marks` (one a source, or none at all) it goes on
/// after lines that are known already, instead of beginning as `ask` says.
/// Must be called within a tokio runtime.
pub fn follow(from: Arc<dyn LogSource>, sources: Vec<Source>, ask: FollowAsk, marks: &[Option<Mark>]) -> Tail {
    let (out, events) = mpsc::channel(8);
    let (commands, orders) = mpsc::unbounded_channel();
    let (inbox, arrivals) = mpsc::channel(8);
    let marks = (0..sources.len()).map(|n| marks.get(n).copied().flatten()).collect();
    let queues = vec![VecDeque::new(); sources.len()];
    let session = Session {
        from,
        sources,
        ask,
        marks,
        out,
        inbox,
        readers: JoinSet::new(),
        queues,
        gathered: 0,
        open: 0,
        words: Vec::new(),
    };
    Tail { events, commands, task: tokio::spawn(session.run(arrivals, orders)) }
}

enum Arrival {
    Opened,
    Chunk(Arc<Chunk>),
    Ended,
    Failed(EngineError),
}

/// The backlog is complete after so long without a line,
const BACKLOG_QUIET: Duration = Duration::from_millis(100);
/// or after this since all sources answered,
const BACKLOG_MOST: Duration = Duration::from_millis(500);
/// or after this at all: one slow source must not hold up the rest.
const BACKLOG_LAST: Duration = Duration::from_secs(3);
/// Lines of several sources wait this long for older lines of the others.
const WINDOW: Duration = Duration::from_millis(50);
/// No more than this is gathered before it is handed on.
const MOST: usize = 16 << 20;
/// Live lines are not held back once there are so many.
const BUSY: usize = 1 << 20;

struct Session {
    from: Arc<dyn LogSource>,
    sources: Vec<Source>,
    ask: FollowAsk,
    marks: Vec<Option<Mark>>,
    out: mpsc::Sender<LogEvent>,
    inbox: mpsc::Sender<(u16, Arrival)>,
    readers: JoinSet<()>,
    queues: Vec<VecDeque<Arc<Chunk>>>,
    gathered: usize,
    open: usize,
    /// Words about sources that wait until the lines before them are handed on.
    words: Vec<LogEvent>,
}

/// The receiver of the events is gone.
struct Gone;

impl Session {
    async fn run(mut self, mut arrivals: mpsc::Receiver<(u16, Arrival)>, mut orders: mpsc::UnboundedReceiver<Command>) {
        for n in 0..self.sources.len() {
            self.open(n);
        }
        let start = Instant::now();
        let mut unanswered = self.sources.len();
        let mut backlog = Some(start + BACKLOG_LAST);
        let mut answered = None;
        let mut deadline = backlog;
        loop {
            let done = tokio::select! {
                biased;
                order = orders.recv() => {
                    match order {
                        Some(Command::Resume(n, mark)) => self.resume(usize::from(n), mark),
                        Some(Command::Add(source)) => {
                            self.sources.push(source);
                            self.marks.push(None);
                            self.queues.push(VecDeque::new());
                            self.open(self.sources.len() - 1);
                        }
                        None => return,
                    }
                    Ok(())
                }
                () = tokio::time::sleep_until(deadline.unwrap_or(start)), if deadline.is_some() => {
                    deadline = None;
                    self.hand_on(&mut backlog).await
                }
                arrival = arrivals.recv() => {
                    let Some((n, arrival)) = arrival else { return };
                    let first_word = backlog.is_some() && matches!(arrival, Arrival::Opened | Arrival::Failed(_));
                    let done = self.arrive(n, arrival, &mut backlog).await;
                    let now = Instant::now();
                    if let Some(last) = backlog {
                        if first_word {
                            unanswered = unanswered.saturating_sub(1);
                        }
                        if unanswered == 0 {
                            let most = *answered.get_or_insert(now + BACKLOG_MOST);
                            deadline = Some(last.min(most).min(now + BACKLOG_QUIET));
                        }
                    } else if self.gathered == 0 {
                        deadline = None;
                    } else if self.gathered >= BUSY {
                        deadline = Some(now);
                    } else {
                        deadline.get_or_insert(now + WINDOW);
                    }
                    done
                }
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn arrive(&mut self, n: u16, arrival: Arrival, backlog: &mut Option<Instant>) -> Result<(), Gone> {
        match arrival {
            Arrival::Opened => Ok(()),
            Arrival::Chunk(chunk) => {
                self.remember(usize::from(n), &chunk);
                // Nothing to wait for: its order is its own.
                if self.sources.len() == 1 || (backlog.is_none() && self.open == 1 && self.gathered == 0) {
                    return self.tell(LogEvent::Chunk(chunk)).await;
                }
                self.gathered += chunk.size();
                self.queues[usize::from(n)].push_back(chunk);
                if self.gathered >= MOST { self.hand_on(backlog).await } else { Ok(()) }
            }
            Arrival::Ended => self.leave(LogEvent::Ended { source: n }, backlog).await,
            Arrival::Failed(error) => self.leave(LogEvent::Failed { source: n, error }, backlog).await,
        }
    }

    /// A source went: its last lines come before the word about it. In the backlog they have to wait for
    /// the others.
    async fn leave(&mut self, word: LogEvent, backlog: &mut Option<Instant>) -> Result<(), Gone> {
        self.open = self.open.saturating_sub(1);
        self.words.push(word);
        if backlog.is_none() || self.open == 0 { self.hand_on(backlog).await } else { Ok(()) }
    }

    /// Hands on what was gathered; the first time it is the backlog.
    async fn hand_on(&mut self, backlog: &mut Option<Instant>) -> Result<(), Gone> {
        let first = backlog.take().is_some();
        let within = if first { self.horizon() } else { i64::MIN..=i64::MAX };
        let queues = self.queues.iter_mut().map(std::mem::take).collect();
        self.gathered = 0;
        for chunk in merge(queues, &within) {
            self.tell(LogEvent::Chunk(chunk)).await?;
        }
        if first {
            self.tell(LogEvent::BacklogDone).await?;
        }
        for word in std::mem::take(&mut self.words) {
            self.tell(word).await?;
        }
        Ok(())
    }

    /// From when on all sources are complete. A chatty source's last lines reach back a minute, a quiet
    /// one's days: shown together they would say that the chatty one was silent. Older pages bring both.
    fn horizon(&self) -> RangeInclusive<i64> {
        let Some(tail) = self.ask.tail.filter(|_| self.sources.len() > 1) else { return i64::MIN..=i64::MAX };
        let full = self.queues.iter().filter(|queue| queue.iter().map(|chunk| chunk.len() as u64).sum::<u64>() >= tail);
        let from = full.filter_map(|queue| Some(queue.front()?.line(0)?.nanos)).max();
        from.unwrap_or(i64::MIN)..=i64::MAX
    }

    async fn tell(&self, event: LogEvent) -> Result<(), Gone> {
        self.out.send(event).await.map_err(|_| Gone)
    }

    fn remember(&mut self, n: usize, chunk: &Chunk) {
        for line in chunk.lines() {
            Mark::pass(&mut self.marks[n], line.nanos);
        }
    }

    fn resume(&mut self, n: usize, mark: Option<Mark>) {
        if n < self.sources.len() {
            if mark.is_some() {
                self.marks[n] = mark;
            }
            self.open(n);
        }
    }

    fn open(&mut self, n: usize) {
        self.open += 1;
        let source = self.sources[n].clone();
        let mark = self.marks[n];
        let known = mark.and_then(|mark| Timestamp::from_nanosecond(i128::from(mark.nanos)).ok());
        let ask = LogAsk {
            follow: true,
            tail: if mark.is_some() { None } else { self.ask.tail },
            since: known.or(self.ask.since),
            until: self.ask.until,
        };
        let from = Arc::clone(&self.from);
        let inbox = self.inbox.clone();
        while self.readers.try_join_next().is_some() {}
        self.readers.spawn(async move {
            let to = (u16::try_from(n).unwrap_or(u16::MAX), inbox);
            let mut mark = mark;
            let Some(mut last) = read(&*from, &source, &ask, &mut mark, &to).await else { return };
            // With its container an older engine may end what is followed before all of it was sent. It is
            // there still, unless the container is gone with it.
            if matches!(last, Arrival::Ended) && ask.until.is_none() {
                let since = mark.and_then(|mark| Timestamp::from_nanosecond(i128::from(mark.nanos)).ok());
                let tail = if mark.is_some() { None } else { ask.tail };
                let rest = LogAsk { follow: false, tail, since: since.or(ask.since), until: None };
                if read(&*from, &source, &rest, &mut mark, &to).await.is_none() {
                    return;
                }
                last = Arrival::Ended;
            }
            let (n16, inbox) = to;
            // Without anyone to tell there is nothing left to do.
            drop(inbox.send((n16, last)).await);
        });
    }
}

/// Reads one log as far as it goes, and tells how that ended; `None` when nobody listens any more.
async fn read(
    from: &dyn LogSource,
    source: &Source,
    ask: &LogAsk,
    mark: &mut Option<Mark>,
    (n, inbox): &(u16, mpsc::Sender<(u16, Arrival)>),
) -> Option<Arrival> {
    let stream = match from.logs(&source.id, ask).await {
        Ok(stream) => stream,
        Err(error) => return Some(Arrival::Failed(error)),
    };
    let mut chunks = Chunks::new(stream, source.reader(usize::from(*n)).after(*mark));
    if ask.follow {
        inbox.send((*n, Arrival::Opened)).await.ok()?;
    }
    loop {
        match chunks.next().await {
            Some(Ok(chunk)) => {
                for line in chunk.lines() {
                    Mark::pass(mark, line.nanos);
                }
                inbox.send((*n, Arrival::Chunk(chunk))).await.ok()?;
            }
            Some(Err(error)) => return Some(Arrival::Failed(error)),
            None => return Some(Arrival::Ended),
        }
    }
}
