//! Logs: from the raw body of an engine's answer to lines that can be shown, searched and saved.
//!
//! A [`Reader`] turns bytes into harmless text once, so that nothing after it has to think of control
//! characters, broken UTF-8, frames or lines without an end. What it makes are [`Chunk`]s: immutable
//! batches of lines that the screen, a search in the background and a filter share without copying.
//! A [`LogBuffer`] holds the chunks of one pane within a budget and names every line by a [`Pos`] that
//! stays its own while older and newer lines come and go. [`follow`] is the live end of one log or of
//! several merged by time, [`older`], [`newer`] and [`first_page`] fetch what the buffer does not hold,
//! [`Query`] finds, [`save`] writes the whole log to a file.
//!
//! ```text
//! LogSource ─► Reader ─► Chunk ─► merge ─► LogBuffer ─► Line ─► pieces ─► wrap
//! ```

mod buffer;
mod chunk;
mod json;
mod line;
mod merge;
mod pages;
mod query;
mod reader;
mod sanitize;
mod save;
mod source;
mod stamp;
mod tail;

pub use buffer::{Held, LogBuffer, Mark, Pos, Snapshot};
pub use chunk::{Builder, Chunk, Flags, Line};
pub use json::pretty;
pub use line::{Colour, Piece, Severity, Style, pieces, plain, severity, wrap};
pub use pages::{Page, first_page, newer, older};
pub use query::{Direction, Query};
pub use reader::{Limits, Reader, Shape};
pub use save::{SaveError, Saved, save};
pub use source::{LogSource, Source};
pub use tail::{FollowAsk, LogEvent, Tail, follow};

/// `text` as it may be shown: without colours and without anything a terminal obeys, line by line.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, line) in text.lines().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let mut cleaned = String::new();
        sanitize::append(line.as_bytes(), &mut cleaned, usize::MAX);
        let line = Line { text: &cleaned, nanos: 0, source: 0, dropped: 0, flags: Flags::default() };
        out.push_str(&plain(&line));
    }
    out
}
