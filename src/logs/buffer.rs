//! The lines one pane holds, within a budget of bytes.

// Lines in memory are far fewer than an i64 counts.
#![allow(clippy::cast_possible_wrap)]

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::chunk::{Builder, Chunk, Line};
use super::pages::Page;

/// The name of a line within a [`LogBuffer`]. It stays the line's own while others come and go at both
/// ends; older lines have smaller ones, and the first line ever held need not be 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pos(pub i64);

impl Pos {
    /// The position `n` lines further.
    #[must_use]
    pub const fn offset(self, n: i64) -> Self {
        Self(self.0.saturating_add(n))
    }
}

/// A place in the log of one source: a time, and how many lines of that very time are known. Lines can
/// share a time, so a time alone would lose or repeat some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Nanoseconds since 1970.
    pub nanos: i64,
    /// Lines known of that time.
    pub lines: u32,
}

impl Mark {
    /// Moves `mark` on over one more line.
    pub(super) fn pass(mark: &mut Option<Self>, nanos: i64) {
        match mark {
            Some(mark) if mark.nanos == nanos => mark.lines += 1,
            // A line a moment out of order does not move the mark back.
            Some(mark) if mark.nanos > nanos => {}
            mark => *mark = Some(Self { nanos, lines: 1 }),
        }
    }
}

/// What a buffer holds of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Its oldest line.
    pub oldest: Option<Mark>,
    /// Its newest line.
    pub newest: Option<Mark>,
    /// How many of its lines.
    pub lines: u64,
}

/// The chunks of a buffer at one moment, for work away from the screen.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Position of the first line of the first chunk.
    pub first: Pos,
    /// Chunks in order, without gaps.
    pub chunks: Vec<Arc<Chunk>>,
}

/// Below this a chunk at the end takes in what comes next, so that a quiet log does not become a list
/// of tiny chunks.
const SMALL: usize = 16 << 10;
/// Text of a chunk that small ones are joined to at most.
const FULL: usize = 64 << 10;

/// Lines of a log in order, oldest first, at most as many as fit in a budget of bytes.
#[derive(Debug)]
pub struct LogBuffer {
    /// Each chunk with the position of its first line.
    chunks: VecDeque<(i64, Arc<Chunk>)>,
    budget: usize,
    size: usize,
    dropped_oldest: u64,
    dropped_newest: u64,
    at_head: bool,
    at_tail: bool,
}

impl Default for LogBuffer {
    fn default() -> Self {
        Self::new(Self::BUDGET)
    }
}

impl LogBuffer {
    /// The budget of bytes a pane has when nothing else is said.
    pub const BUDGET: usize = 32 << 20;

    /// An empty buffer that takes at most `budget` bytes, and one chunk at least.
    pub fn new(budget: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            budget,
            size: 0,
            dropped_oldest: 0,
            dropped_newest: 0,
            at_head: false,
            at_tail: true,
        }
    }

    /// Adds live lines at the newest end; the oldest go when the budget is full. Refused (`false`) when
    /// the newest lines are not held, because there would be a gap before these.
    pub fn append(&mut self, chunk: Arc<Chunk>) -> bool {
        if !self.at_tail {
            return false;
        }
        self.push_newest(chunk);
        self.evict_oldest();
        true
    }

    /// Adds a page that continues at the newest end.
    pub fn append_page(&mut self, page: Page) {
        for chunk in page.chunks {
            self.push_newest(chunk);
        }
        self.at_tail = page.complete;
        self.evict_oldest();
    }

    /// Adds a page that ends where the oldest end begins; the newest lines go when the budget is full.
    pub fn prepend_page(&mut self, page: Page) {
        for chunk in page.chunks.into_iter().rev() {
            if !chunk.is_empty() {
                self.size += chunk.size();
                let first = self.first().0 - chunk.len() as i64;
                self.chunks.push_front((first, chunk));
            }
        }
        self.at_head = page.complete;
        while self.size > self.budget && self.chunks.len() > 1 {
            if let Some((_, chunk)) = self.chunks.pop_back() {
                self.size = self.size.saturating_sub(weight(&chunk));
                self.dropped_newest += chunk.len() as u64;
                self.at_tail = false;
            }
        }
    }

    /// Forgets all lines and begins with a page that starts at the log's first line.
    pub fn start_at_head(&mut self, page: Page) {
        self.clear();
        self.append_page(page);
        self.at_head = self.dropped_oldest == 0;
    }

    /// Forgets all lines; the next live lines begin anew. Positions go on, none is used twice.
    pub fn clear(&mut self) {
        let end = self.end().0;
        *self = Self::new(self.budget);
        // An empty chunk keeps the place where numbering goes on.
        self.chunks.push_back((end, Arc::new(Chunk::default())));
    }

    /// Position of the oldest line held (or where the next one would be).
    pub fn first(&self) -> Pos {
        Pos(self.chunks.front().map_or(0, |(first, _)| *first))
    }

    /// The position after the newest line held.
    pub fn end(&self) -> Pos {
        Pos(self.chunks.back().map_or(0, |(first, chunk)| first + chunk.len() as i64))
    }

    /// The positions held.
    pub fn range(&self) -> Range<Pos> {
        self.first()..self.end()
    }

    /// How many lines are held.
    pub fn len(&self) -> usize {
        (self.end().0 - self.first().0) as usize
    }

    /// Whether no line is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory the lines take.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Lines that went at the oldest end for want of room since the start or the last clearing.
    pub const fn dropped_oldest(&self) -> u64 {
        self.dropped_oldest
    }

    /// Lines that went at the newest end.
    pub const fn dropped_newest(&self) -> u64 {
        self.dropped_newest
    }

    /// Whether the first line held is known to be the log's first.
    pub const fn at_head(&self) -> bool {
        self.at_head
    }

    /// Whether the newest line held is the newest that came, so that live lines can follow.
    pub const fn at_tail(&self) -> bool {
        self.at_tail
    }

    /// Says that the oldest line held is the log's first: the engine sent fewer lines than asked for.
    pub const fn mark_head(&mut self) {
        self.at_head = self.dropped_oldest == 0;
    }

    /// The line at `pos`.
    pub fn line(&self, pos: Pos) -> Option<Line<'_>> {
        let at = self.chunk_of(pos)?;
        let (first, chunk) = self.chunks.get(at)?;
        chunk.line(usize::try_from(pos.0 - first).ok()?)
    }

    /// The lines from `pos` on with their positions.
    pub fn lines_from(&self, pos: Pos) -> impl Iterator<Item = (Pos, Line<'_>)> {
        let at = self.chunk_of(pos.max(self.first())).unwrap_or(self.chunks.len());
        self.chunks.range(at..).flat_map(move |(first, chunk)| {
            let skip = usize::try_from(pos.0 - first).unwrap_or(0).min(chunk.len());
            chunk.lines().enumerate().skip(skip).map(move |(i, line)| (Pos(first + i as i64), line))
        })
    }

    /// All chunks, to be searched elsewhere while the buffer goes on.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { first: self.first(), chunks: self.chunks.iter().map(|(_, chunk)| Arc::clone(chunk)).collect() }
    }

    /// What is held of `source`.
    pub fn held(&self, source: u16) -> Held {
        let mut held = Held::default();
        for line in self.chunks.iter().flat_map(|(_, chunk)| chunk.lines()).filter(|line| line.source == source) {
            held.lines += 1;
            let here = Mark { nanos: line.nanos, lines: 1 };
            Mark::pass(&mut held.newest, line.nanos);
            match &mut held.oldest {
                Some(mark) if mark.nanos == line.nanos => mark.lines += 1,
                Some(mark) if mark.nanos < line.nanos => {}
                oldest => *oldest = Some(here),
            }
        }
        held
    }

    /// Time of the oldest line held, of whichever source.
    pub fn oldest(&self) -> Option<i64> {
        self.line(self.first()).map(|line| line.nanos)
    }

    fn chunk_of(&self, pos: Pos) -> Option<usize> {
        (self.first() <= pos && pos < self.end())
            .then(|| self.chunks.partition_point(|(first, _)| *first <= pos.0).saturating_sub(1))
    }

    fn push_newest(&mut self, chunk: Arc<Chunk>) {
        if chunk.is_empty() {
            return;
        }
        let end = self.end().0;
        if let Some((first, last)) = self.chunks.back_mut() {
            if last.text().len() < SMALL && last.text().len() + chunk.text().len() <= FULL {
                let mut joined = Builder::default();
                joined.extend(last);
                joined.extend(&chunk);
                if let Some(joined) = joined.take() {
                    self.size = (self.size + joined.size()).saturating_sub(weight(last));
                    (*first, *last) = (*first, joined);
                }
                return;
            }
            if last.is_empty() {
                self.chunks.pop_back();
            }
        }
        self.size += chunk.size();
        self.chunks.push_back((end, chunk));
    }

    fn evict_oldest(&mut self) {
        while self.size > self.budget && self.chunks.len() > 1 {
            if let Some((_, chunk)) = self.chunks.pop_front() {
                self.size = self.size.saturating_sub(weight(&chunk));
                self.dropped_oldest += chunk.len() as u64;
                self.at_head = false;
            }
        }
    }
}

/// What a chunk counts against the budget; the empty one that keeps a place counts nothing.
fn weight(chunk: &Chunk) -> usize {
    if chunk.is_empty() { 0 } else { chunk.size() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::chunk::Flags;
    use super::*;

    fn chunk(lines: Range<i64>, width: usize) -> Arc<Chunk> {
        let mut builder = Builder::default();
        for n in lines {
            let text = format!("{n:0width$}");
            builder.push(&Line { text: &text, nanos: n + 1, source: 0, dropped: 0, flags: Flags::default() });
        }
        builder.take().unwrap()
    }

    fn page(lines: Range<i64>, width: usize, complete: bool) -> Page {
        Page { chunks: vec![chunk(lines, width)], complete }
    }

    #[test]
    fn the_oldest_lines_go_first_and_the_budget_holds() {
        let mut buffer = LogBuffer::new(1 << 20);
        for n in 0..500 {
            assert!(buffer.append(chunk(n * 100..(n + 1) * 100, 200)));
            assert!(buffer.size() <= 1 << 20);
        }
        assert_eq!(buffer.end(), Pos(50_000));
        assert_eq!(buffer.first().0 as u64, buffer.dropped_oldest());
        assert!(buffer.dropped_oldest() > 0 && buffer.at_tail());
        for (pos, line) in buffer.lines_from(buffer.first()) {
            assert_eq!(line.text.parse(), Ok(pos.0));
            assert_eq!(buffer.line(pos), Some(line));
        }
        assert_eq!(buffer.line(Pos(buffer.first().0 - 1)), None);
        assert_eq!(buffer.line(buffer.end()), None);
    }

    #[test]
    fn a_quiet_log_does_not_become_a_list_of_tiny_chunks() {
        let mut buffer = LogBuffer::default();
        for n in 0..10_000 {
            buffer.append(chunk(n..n + 1, 50));
        }
        assert_eq!(buffer.len(), 10_000);
        assert!(buffer.snapshot().chunks.len() < 50);
        let real: usize = buffer.snapshot().chunks.iter().map(|chunk| chunk.size()).sum();
        assert_eq!(buffer.size(), real);
    }

    #[test]
    fn older_lines_push_out_the_newest_and_keep_every_position() {
        let mut buffer = LogBuffer::new(1_250_000);
        buffer.append(chunk(3000..6000, 200));
        buffer.append(chunk(6000..7000, 200));
        assert_eq!(buffer.line(Pos(10)).unwrap().text.parse(), Ok(3010));
        buffer.prepend_page(page(1000..3000, 200, true));
        assert!(!buffer.at_tail() && buffer.at_head());
        assert_eq!(buffer.dropped_newest(), 1000);
        assert_eq!(buffer.first(), Pos(-2000));
        assert_eq!(buffer.line(Pos(10)).unwrap().text.parse(), Ok(3010));
        assert_eq!(buffer.line(Pos(-1)).unwrap().text.parse(), Ok(2999));
        assert!(!buffer.append(chunk(7000..7001, 200)), "a gap must not be hidden");
        buffer.append_page(page(6000..6500, 200, true));
        assert!(buffer.at_tail());
        assert_eq!(buffer.line(buffer.end().offset(-1)).unwrap().text.parse(), Ok(6499));
    }

    #[test]
    fn positions_go_on_after_clearing() {
        let mut buffer = LogBuffer::default();
        buffer.append(chunk(0..10, 5));
        buffer.clear();
        assert!(buffer.is_empty());
        assert_eq!(buffer.line(Pos(9)), None);
        buffer.append(chunk(0..2, 5));
        assert_eq!(buffer.range(), Pos(10)..Pos(12));
        buffer.start_at_head(page(0..100, 5, false));
        assert!(buffer.at_head() && !buffer.at_tail());
        assert_eq!(buffer.lines_from(Pos(50)).count(), 62);
        assert_eq!(buffer.lines_from(Pos(-5)).count(), 100);
    }

    #[test]
    fn marks_count_lines_of_one_time() {
        let mut builder = Builder::default();
        for (nanos, source) in [(5, 0), (5, 0), (6, 1), (7, 0), (9, 0), (9, 0), (9, 0)] {
            builder.push(&Line { text: "x", nanos, source, dropped: 0, flags: Flags::default() });
        }
        let mut buffer = LogBuffer::default();
        buffer.append(builder.take().unwrap());
        let held = buffer.held(0);
        assert_eq!(held.oldest, Some(Mark { nanos: 5, lines: 2 }));
        assert_eq!(held.newest, Some(Mark { nanos: 9, lines: 3 }));
        assert_eq!((held.lines, buffer.held(1).lines, buffer.held(2)), (6, 1, Held::default()));
    }
}
