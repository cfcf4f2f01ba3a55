//! From the bytes of an engine's answer to chunks of harmless lines.

use std::collections::VecDeque;
use std::sync::Arc;

use super::buffer::Mark;
use super::chunk::{Builder, Chunk, Flags};
use super::sanitize;
use super::stamp::{self, Stamps};

/// How an engine sends a log: framed, unless the container has a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Eight bytes before each piece say which stream it came from and how long it is.
    Framed,
    /// The terminal's bytes as they were, lines ended by `\r\n`.
    Plain,
}

/// What a [`Reader`] keeps and when it hands it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes kept of one line.
    pub line: usize,
    /// Bytes of text that make a chunk full.
    pub chunk: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 64 << 10, chunk: 64 << 10 }
    }
}

/// Engines hand a line on in parts of this size, each with the line's time before it.
const PART: usize = 16 << 10;
/// Frames up to this size are read as one; no engine is known to send larger ones.
const WHOLE_FRAME: usize = 1 << 20;
const HEADER: usize = 8;

/// A line of which the end has not come yet.
#[derive(Debug, Default)]
struct Pending {
    raw: Vec<u8>,
    open: bool,
    nanos: i64,
    /// Bytes that came after `raw` was full.
    over: usize,
}

/// Turns the pieces of one log, split anywhere, into lines. It never waits and never fails: whatever
/// comes is shown as well as it can be.
#[derive(Debug)]
pub struct Reader {
    shape: Shape,
    source: u16,
    limits: Limits,
    after: Option<Mark>,
    builder: Builder,
    ready: VecDeque<Arc<Chunk>>,
    /// Beginning of a frame whose end has not come yet.
    carry: Vec<u8>,
    /// Rest of a frame too large to be read as one.
    large: Option<(bool, usize)>,
    pending: [Pending; 2],
    stamps: Stamps,
    last: i64,
    first: Option<i64>,
    lines: u64,
}

impl Reader {
    /// A reader of the log of source number `source`.
    pub fn new(shape: Shape, source: u16) -> Self {
        Self {
            shape,
            source,
            limits: Limits::default(),
            after: None,
            builder: Builder::default(),
            ready: VecDeque::new(),
            carry: Vec::new(),
            large: None,
            pending: [Pending::default(), Pending::default()],
            stamps: Stamps::default(),
            last: 0,
            first: None,
            lines: 0,
        }
    }

    /// The same reader with other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same reader that leaves out all lines up to `mark`.
    #[must_use]
    pub const fn after(mut self, mark: Option<Mark>) -> Self {
        self.after = mark;
        self
    }

    /// Takes the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        match self.shape {
            Shape::Framed => self.framed(piece),
            Shape::Plain => self.plain(piece),
        }
    }

    /// The next full chunk.
    pub fn next_chunk(&mut self) -> Option<Arc<Chunk>> {
        self.ready.pop_front()
    }

    /// Whether lines wait for their chunk to become full.
    pub fn has_lines(&self) -> bool {
        !self.builder.is_empty()
    }

    /// Whether the beginning of a line waits for its end.
    pub fn has_part(&self) -> bool {
        self.pending.iter().any(|pending| pending.open && Self::is_short(pending))
    }

    /// Makes a chunk of the lines that wait.
    pub fn flush(&mut self) {
        self.ready.extend(self.builder.take());
    }

    /// Nothing came for a moment: a line without an end, such as a prompt, is shown as it is. A long one
    /// is left alone: its end is on the way.
    pub fn quiet(&mut self) {
        for stderr in [false, true] {
            if Self::is_short(&self.pending[usize::from(stderr)]) {
                self.close(stderr, true);
            }
        }
    }

    /// The log ended: nothing more will come.
    pub fn end(&mut self) {
        let carry = std::mem::take(&mut self.carry);
        if let Some((header, body)) = carry.split_at_checked(HEADER) {
            self.part(header[0] == 2, body, true);
        }
        self.close(false, false);
        self.close(true, false);
        self.flush();
    }

    /// How many lines came, those left out included.
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Time of the first line that came, even if it was left out.
    pub const fn first(&self) -> Option<i64> {
        self.first
    }

    const fn is_short(pending: &Pending) -> bool {
        pending.over == 0 && pending.raw.len() < PART
    }

    fn framed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while !rest.is_empty() {
            if let Some((stderr, left)) = self.large.take() {
                let (now, later) = rest.split_at(left.min(rest.len()));
                self.part(stderr, now, false);
                if left > now.len() {
                    self.large = Some((stderr, left - now.len()));
                }
                rest = later;
                continue;
            }
            if !self.carry.is_empty() {
                let wanted = Self::frame(&self.carry).map_or(HEADER, |frame| HEADER + frame.wanted());
                let (now, later) = rest.split_at(wanted.saturating_sub(self.carry.len()).min(rest.len()));
                self.carry.extend_from_slice(now);
                rest = later;
                if self.carry.len() < HEADER {
                    continue;
                }
                let Some(frame) = Self::frame(&self.carry) else {
                    return self.unframed(rest);
                };
                if self.carry.len() >= HEADER + frame.wanted() {
                    let mut carry = std::mem::take(&mut self.carry);
                    self.begin(frame, &carry[HEADER..]);
                    carry.clear();
                    self.carry = carry;
                }
                continue;
            }
            if rest.len() < HEADER {
                self.carry.extend_from_slice(rest);
                return;
            }
            let Some(frame) = Self::frame(rest) else {
                return self.unframed(rest);
            };
            if rest.len() < HEADER + frame.wanted() {
                self.carry.extend_from_slice(rest);
                return;
            }
            let (now, later) = rest[HEADER..].split_at(frame.wanted());
            self.begin(frame, now);
            rest = later;
        }
    }

    /// The frame that begins `bytes`: `None` when these are not a frame's first bytes.
    fn frame(bytes: &[u8]) -> Option<Frame> {
        let [kind @ 0..=3, 0, 0, 0, a, b, c, d] = *bytes.first_chunk::<HEADER>()? else { return None };
        Some(Frame { stderr: kind >= 2, len: u32::from_be_bytes([a, b, c, d]) as usize })
    }

    fn begin(&mut self, frame: Frame, body: &[u8]) {
        self.part(frame.stderr, body, true);
        if frame.len > body.len() {
            self.large = Some((frame.stderr, frame.len - body.len()));
        }
    }

    /// What comes has no frames, though it should: it is read as a terminal's.
    fn unframed(&mut self, rest: &[u8]) {
        self.shape = Shape::Plain;
        let carry = std::mem::take(&mut self.carry);
        self.plain(&carry);
        self.plain(rest);
    }

    /// A part of one stream; `begins` when it is a frame's beginning, where a time stands.
    fn part(&mut self, stderr: bool, body: &[u8], begins: bool) {
        let at = usize::from(stderr);
        let mut rest = body;
        let mut time = if begins { self.stamps.read(rest) } else { None };
        while !rest.is_empty() {
            if let Some((nanos, len)) = time {
                rest = &rest[len..];
                if !self.pending[at].open {
                    self.last = nanos;
                }
            }
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.hold(at, rest);
                return;
            };
            // A line longer than is kept takes the same way whether it came in one piece or in many.
            if self.pending[at].open || end >= self.room() {
                self.hold(at, &rest[..end]);
                self.close(stderr, false);
            } else {
                self.emit(&rest[..end], self.last, 0, Flags { stderr, ..Flags::default() });
            }
            rest = &rest[end + 1..];
            // Within a frame only the engine's own form counts: a program may print times too.
            time = if begins { self.stamps.exact(rest).map(|nanos| (nanos, stamp::LEN)) } else { None };
        }
    }

    fn plain(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if self.pending[0].open || end >= self.room() {
                self.hold(0, &rest[..end]);
                self.close(false, false);
            } else {
                self.plain_line(&rest[..end], 0, Flags::default());
            }
            rest = &rest[end + 1..];
        }
        if !rest.is_empty() {
            self.hold(0, rest);
        }
    }

    /// How much of a line is gathered: what is kept of it and the times before its parts.
    const fn room(&self) -> usize {
        self.limits.line + self.limits.line / 256 + 2 * stamp::LEN
    }

    /// Adds to a line without an end, as much as is ever shown of it.
    fn hold(&mut self, at: usize, bytes: &[u8]) {
        let cap = self.room();
        let pending = &mut self.pending[at];
        if !pending.open {
            pending.open = true;
            pending.nanos = self.last;
        }
        let mut rest = bytes;
        while !rest.is_empty() && pending.over == 0 {
            let (now, later) = rest.split_at((cap - pending.raw.len()).min(rest.len()));
            pending.raw.extend_from_slice(now);
            rest = later;
            if pending.raw.len() < cap {
                break;
            }
            // A progress bar can go over itself for hours: only its last state is worth the room.
            let keep =
                if self.shape == Shape::Plain { self.stamps.read(&pending.raw).map_or(0, |(_, len)| len) } else { 0 };
            match memchr::memrchr(b'\r', &pending.raw[keep..cap - 1]) {
                Some(back) => drop(pending.raw.drain(keep..=keep + back)),
                None => break,
            }
        }
        if pending.raw.len() >= cap {
            pending.over += rest.len();
        }
    }

    /// Ends the line that waits for its end.
    fn close(&mut self, stderr: bool, partial: bool) {
        let mut pending = std::mem::take(&mut self.pending[usize::from(stderr)]);
        if pending.open {
            let flags = Flags { stderr, partial, ..Flags::default() };
            match self.shape {
                Shape::Plain => self.plain_line(&pending.raw, pending.over, flags),
                Shape::Framed => self.emit(&pending.raw, pending.nanos, pending.over, flags),
            }
        }
        // The room is used again for the next long line, without the line.
        pending.raw.clear();
        self.pending[usize::from(stderr)] = Pending { raw: pending.raw, ..Pending::default() };
    }

    fn plain_line(&mut self, line: &[u8], over: usize, flags: Flags) {
        let Some((nanos, len)) = self.stamps.read(line) else {
            return self.emit(line, self.last, over, flags);
        };
        self.last = nanos;
        let (time, text) = line.split_at(len);
        if text.len() <= PART / 4 {
            return self.emit(text, nanos, over, flags);
        }
        // Each part of a long line has the line's own time before it. Parts are counted in the bytes a
        // container wrote, but what an engine stores of bytes that are no text is longer or shorter.
        let mut joined = Vec::with_capacity(text.len());
        let mut from = 0;
        for at in memchr::memmem::find_iter(text, time) {
            joined.extend_from_slice(&text[from..at]);
            from = at + len;
        }
        joined.extend_from_slice(&text[from..]);
        self.emit(&joined, nanos, over - over / (PART + len) * len, flags);
    }

    fn emit(&mut self, line: &[u8], nanos: i64, over: usize, mut flags: Flags) {
        self.lines += 1;
        self.first.get_or_insert(nanos);
        if let Some(mark) = &mut self.after {
            if nanos < mark.nanos {
                return;
            }
            if nanos == mark.nanos && mark.lines > 0 {
                mark.lines -= 1;
                return;
            }
        }
        let end = line.iter().rposition(|b| *b != b'\r').map_or(0, |at| at + 1);
        let line = if over == 0 { &line[..end] } else { line };
        let found = sanitize::append(line, self.builder.arena(), self.limits.line);
        flags.styled = found.styled;
        flags.binary = found.binary;
        self.builder.end_line(nanos, self.source, u32::try_from(found.dropped + over).unwrap_or(u32::MAX), flags);
        if self.builder.text_len() >= self.limits.chunk {
            self.flush();
        }
    }
}

#[derive(Clone, Copy)]
struct Frame {
    stderr: bool,
    len: usize,
}

impl Frame {
    /// Bytes of the body that must be there before it is read: all, or of a large one the time.
    const fn wanted(self) -> usize {
        if self.len <= WHOLE_FRAME { self.len } else { 2 * stamp::LEN }
    }
}

#[cfg(test)]
mod tests;
