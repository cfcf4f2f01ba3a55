//! Parts of a log that the buffer does not hold.
//!
//! An engine cannot be asked for the lines before a time: it takes the last lines first and filters
//! them by `until` afterwards. So older lines are had by asking for more of the last lines and keeping
//! those that are not held; the connection is dropped at the first line that is.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::future::try_join_all;
use jiff::Timestamp;

use super::buffer::{Held, Mark};
use super::chunk::{Builder, Chunk};
use super::merge::merge;
use super::source::{Chunks, LogSource, Source};
use crate::engine::{LogAsk, Result};

/// Lines fetched on demand.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The lines in order.
    pub chunks: Vec<Arc<Chunk>>,
    /// Whether the log goes no further this way.
    pub complete: bool,
}

impl Page {
    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// Whether it has no line.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Lines asked for beyond twice those held.
const MORE: u64 = 1000;

/// One source's part of a page.
struct Part {
    chunks: VecDeque<Arc<Chunk>>,
    complete: bool,
}

/// The lines before those held (one [`Held`] a source), about `budget` bytes of them, to be put before.
/// With several sources none of it is older than what is known of all of them.
pub async fn older(from: &dyn LogSource, sources: &[Source], held: &[Held], budget: usize) -> Result<Page> {
    let oldest = held.iter().filter_map(|held| held.oldest).map(|mark| mark.nanos).min();
    let parts = try_join_all(sources.iter().enumerate().map(|(n, source)| {
        let held = held.get(n).copied().unwrap_or_default();
        // A source of which nothing is held has nothing from the oldest line held on.
        let bound = held.oldest.or(oldest.map(|nanos| Mark { nanos, lines: u32::MAX }));
        back(from, source, n, bound, held.lines, budget / sources.len())
    }))
    .await?;
    let complete = parts.iter().all(|part| part.complete);
    let open = parts.iter().filter(|part| !part.complete);
    let horizon = open.filter_map(|part| Some(part.chunks.front()?.line(0)?.nanos)).max().unwrap_or(i64::MIN);
    let chunks = merge(parts.into_iter().map(|part| part.chunks).collect(), &(horizon..=i64::MAX));
    Ok(Page { chunks, complete })
}

/// The lines from the log's first on (from `since` on, when given), about `budget` bytes of them.
pub async fn first_page(
    from: &dyn LogSource,
    sources: &[Source],
    since: Option<Timestamp>,
    budget: usize,
) -> Result<Page> {
    let ask = LogAsk { since, ..LogAsk::default() };
    forward(from, sources, &ask, &[], budget).await
}

/// The lines after those held (one [`Held`] a source), about `budget` bytes of them. When the page is
/// complete, [`follow`](super::follow) with the marks of what is held then goes on without a gap.
pub async fn newer(from: &dyn LogSource, sources: &[Source], held: &[Held], budget: usize) -> Result<Page> {
    let newest = held.iter().filter_map(|held| held.newest).map(|mark| mark.nanos).max();
    let unknown = newest.map(|nanos| Mark { nanos, lines: 0 });
    let marks: Vec<_> = (0..sources.len()).map(|n| held.get(n).and_then(|held| held.newest).or(unknown)).collect();
    forward(from, sources, &LogAsk::default(), &marks, budget).await
}

async fn forward(
    from: &dyn LogSource,
    sources: &[Source],
    ask: &LogAsk,
    marks: &[Option<Mark>],
    budget: usize,
) -> Result<Page> {
    let parts = try_join_all(sources.iter().enumerate().map(|(n, source)| async move {
        let mark = marks.get(n).copied().flatten();
        let known = mark.and_then(|mark| Timestamp::from_nanosecond(i128::from(mark.nanos)).ok());
        let ask = LogAsk { since: known.or(ask.since), ..ask.clone() };
        let mut chunks = Chunks::new(from.logs(&source.id, &ask).await?, source.reader(n).after(mark));
        let mut part = Part { chunks: VecDeque::new(), complete: true };
        let mut size = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            size += chunk.size();
            part.chunks.push_back(chunk);
            if size >= budget / sources.len() {
                part.complete = false;
                break;
            }
        }
        Ok(part)
    }))
    .await?;
    let complete = parts.iter().all(|part| part.complete);
    let open = parts.iter().filter(|part| !part.complete);
    let horizon =
        open.filter_map(|part| Some(part.chunks.back()?.lines().next_back()?.nanos)).min().unwrap_or(i64::MAX);
    let chunks = merge(parts.into_iter().map(|part| part.chunks).collect(), &(i64::MIN..=horizon));
    Ok(Page { chunks, complete })
}

/// The last lines of one source up to `bound`, without the lines of that time that are held.
async fn back(
    from: &dyn LogSource,
    source: &Source,
    n: usize,
    bound: Option<Mark>,
    have: u64,
    budget: usize,
) -> Result<Part> {
    let bound = bound.unwrap_or(Mark { nanos: i64::MAX, lines: 0 });
    let head = first_time(from, source).await?;
    let mut tail = have.saturating_mul(2).saturating_add(MORE);
    loop {
        let ask = LogAsk { tail: Some(tail), ..LogAsk::default() };
        let mut chunks = Chunks::new(from.logs(&source.id, &ask).await?, source.reader(n));
        let mut part = Part { chunks: VecDeque::new(), complete: true };
        let mut size = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            let past = chunk.lines().next_back().is_some_and(|line| line.nanos > bound.nanos);
            size += chunk.size();
            part.chunks.push_back(chunk);
            if past {
                break;
            }
            // The newest of the older lines are wanted: they follow what is held.
            while size > budget && part.chunks.len() > 2 {
                size -= part.chunks.pop_front().map_or(0, |chunk| chunk.size());
                part.complete = false;
            }
        }
        let reader = chunks.reader();
        let whole = chunks.ended() && reader.lines() < tail;
        part.complete &= whole || reader.first() == head;
        trim(&mut part.chunks, bound);
        if !part.chunks.is_empty() || part.complete {
            return Ok(part);
        }
        // More was written since than is held: further back.
        tail = tail.saturating_mul(4);
    }
}

/// Time of a log's first line.
async fn first_time(from: &dyn LogSource, source: &Source) -> Result<Option<i64>> {
    let mut chunks = Chunks::new(from.logs(&source.id, &LogAsk::default()).await?, source.reader(0));
    chunks.next().await.transpose()?;
    Ok(chunks.reader().first())
}

/// Cuts off what is held already: lines after `bound`, and of its very time as many as are held.
fn trim(chunks: &mut VecDeque<Arc<Chunk>>, bound: Mark) {
    let equal = chunks.iter().flat_map(|chunk| chunk.lines()).filter(|line| line.nanos == bound.nanos).count();
    let mut keep_equal = equal.saturating_sub(bound.lines as usize);
    for chunk in chunks.iter_mut() {
        if chunk.lines().all(|line| line.nanos < bound.nanos) {
            continue;
        }
        let mut builder = Builder::default();
        for line in chunk.lines() {
            let keep = line.nanos < bound.nanos || (line.nanos == bound.nanos && keep_equal > 0);
            if line.nanos == bound.nanos {
                keep_equal = keep_equal.saturating_sub(1);
            }
            if keep {
                builder.push(&line);
            }
        }
        *chunk = builder.take().unwrap_or_default();
    }
    chunks.retain(|chunk| !chunk.is_empty());
}
