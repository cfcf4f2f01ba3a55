//! Batches of lines that never change.

use std::sync::Arc;

use jiff::Timestamp;

/// What is special about a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Flags {
    /// It came from standard error.
    pub stderr: bool,
    /// It is mostly not text.
    pub binary: bool,
    /// It has colours (SGR sequences) in its text.
    pub styled: bool,
    /// It had no end yet when it was taken, such as a prompt; what follows comes as a line of its own.
    pub partial: bool,
}

impl Flags {
    const fn pack(self) -> u8 {
        self.stderr as u8 | (self.binary as u8) << 1 | (self.styled as u8) << 2 | (self.partial as u8) << 3
    }

    const fn unpack(bits: u8) -> Self {
        Self { stderr: bits & 1 != 0, binary: bits & 2 != 0, styled: bits & 4 != 0, partial: bits & 8 != 0 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meta {
    time: i64,
    offset: u32,
    len: u32,
    dropped: u32,
    source: u16,
    flags: u8,
}

/// One line of a [`Chunk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its text: no control characters but SGR sequences, no tabs, no end of line.
    pub text: &'a str,
    /// When it was written, in nanoseconds since 1970; 0 when the engine did not say.
    pub nanos: i64,
    /// Which of the followed sources wrote it.
    pub source: u16,
    /// How many bytes of it were not kept.
    pub dropped: u32,
    /// What is special about it.
    pub flags: Flags,
}

impl Line<'_> {
    /// When it was written.
    pub fn time(&self) -> Option<Timestamp> {
        (self.nanos != 0).then(|| Timestamp::from_nanosecond(i128::from(self.nanos)).ok()).flatten()
    }
}

/// An immutable batch of lines: one text and twenty-four bytes a line, no allocation per line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The lines' texts, each followed by `\n` so that one search can go over all of them.
    text: String,
    lines: Vec<Meta>,
    styled: bool,
}

impl Chunk {
    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it has no line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Its line number `index`, from 0.
    pub fn line(&self, index: usize) -> Option<Line<'_>> {
        self.lines.get(index).map(|meta| self.view(meta))
    }

    /// Its lines in order.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = Line<'_>> + ExactSizeIterator {
        self.lines.iter().map(|meta| self.view(meta))
    }

    /// Memory it takes, in bytes.
    pub fn size(&self) -> usize {
        self.text.capacity() + self.lines.capacity() * size_of::<Meta>() + size_of::<Self>() + 32
    }

    /// All texts, one a line.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether any line has SGR sequences.
    pub(super) const fn styled(&self) -> bool {
        self.styled
    }

    /// The line that holds the byte `offset` of [`Chunk::text`].
    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.lines.partition_point(|meta| meta.offset as usize <= offset).saturating_sub(1)
    }

    /// Where line `index` begins in [`Chunk::text`]; the text's end after the last.
    pub(super) fn start_of(&self, index: usize) -> usize {
        self.lines.get(index).map_or(self.text.len(), |meta| meta.offset as usize)
    }

    fn view(&self, meta: &Meta) -> Line<'_> {
        let start = meta.offset as usize;
        Line {
            text: self.text.get(start..start + meta.len as usize).unwrap_or_default(),
            nanos: meta.time,
            source: meta.source,
            dropped: meta.dropped,
            flags: Flags::unpack(meta.flags),
        }
    }
}

/// Bytes of text, and lines, that a builder keeps room for.
const ROOM: usize = 256 << 10;

/// Gathers lines into a [`Chunk`].
#[derive(Debug, Default)]
pub struct Builder {
    text: String,
    lines: Vec<Meta>,
    styled: bool,
}

impl Builder {
    /// Adds a line as it is; its text must be harmless already.
    pub fn push(&mut self, line: &Line<'_>) {
        self.arena().push_str(line.text);
        self.end_line(line.nanos, line.source, line.dropped, line.flags);
    }

    /// Adds all lines of `chunk`.
    pub fn extend(&mut self, chunk: &Chunk) {
        let base = self.text.len() as u32;
        self.text.push_str(&chunk.text);
        self.lines.extend(chunk.lines.iter().map(|meta| Meta { offset: meta.offset + base, ..*meta }));
        self.styled |= chunk.styled;
    }

    /// The text so far; what is appended to it becomes the text of the line that
    /// [`Builder::end_line`] ends.
    pub(super) const fn arena(&mut self) -> &mut String {
        &mut self.text
    }

    /// Where the line that is being written begins.
    pub(super) fn line_start(&self) -> usize {
        self.lines.last().map_or(0, |meta| (meta.offset + meta.len) as usize + 1)
    }

    /// Makes what was appended since the last call a line.
    pub(super) fn end_line(&mut self, nanos: i64, source: u16, dropped: u32, flags: Flags) {
        let start = self.line_start();
        let len = self.text.len() - start;
        self.text.push('\n');
        self.styled |= flags.styled;
        let flags = flags.pack();
        self.lines.push(Meta { time: nanos, offset: start as u32, len: len as u32, dropped, source, flags });
    }

    /// How many bytes of text it holds.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Whether it holds no line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines so far as a chunk, and begins anew; `None` when there is none.
    pub fn take(&mut self) -> Option<Arc<Chunk>> {
        if self.is_empty() {
            return None;
        }
        // Copied to their exact size; the room stays for the next lines, unless a giant made it.
        let (text, lines) = (self.text.as_str().to_owned(), self.lines.as_slice().to_owned());
        self.text.clear();
        self.text.shrink_to(ROOM);
        self.lines.clear();
        self.lines.shrink_to(ROOM);
        Some(Arc::new(Chunk { text, lines, styled: std::mem::take(&mut self.styled) }))
    }
}
