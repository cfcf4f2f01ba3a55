//! A page of text as wide as its pane: sentences, fields, things behind a sign, each over as many lines as it needs.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Symbols;
use crate::engine::EngineError;
use crate::ui::app::App;
use crate::ui::view::Tone;

use super::text::TextLine;
use super::wrap::{Lead, Piece, flow};

/// What pages are made with.
#[derive(Debug)]
pub struct Page<'a> {
    /// The signs.
    pub symbols: &'a Symbols,
    /// Where the person's clock stands.
    pub zone: &'a TimeZone,
    /// The time the page is for.
    pub now: Timestamp,
    /// Its width, in cells.
    pub width: usize,
    /// What is on it so far.
    pub lines: Vec<TextLine>,
}

impl<'a> Page<'a> {
    /// An empty page for the detail pane.
    pub fn of(app: &'a App) -> Self {
        Self {
            symbols: &app.settings.symbols,
            zone: &app.settings.zone,
            now: app.now,
            width: usize::from(app.areas().inside.width),
            lines: Vec::new(),
        }
    }

    /// A sentence.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.flow(&[(tone, text.into())], "");
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.lines.push(TextLine::blank());
    }

    /// Pieces over as many lines as they need, each behind the blanks of `indent`.
    pub fn flow(&mut self, pieces: &[Piece], indent: &str) {
        let blanks = vec![(Tone::Plain, indent.to_owned())];
        self.led(pieces, blanks.clone(), indent.len());
    }

    /// Pieces behind `first`, which is as wide as `indent`.
    pub fn led(&mut self, pieces: &[Piece], first: Vec<Piece>, indent: usize) {
        let lead = Lead { first, rest: vec![(Tone::Plain, " ".repeat(indent))] };
        self.lines.extend(flow(pieces, &lead, self.width));
    }

    /// What went wrong, and what to do.
    pub fn error(&mut self, error: &EngineError) {
        self.say(Tone::Bad, error.message.clone());
        if !error.hint.is_empty() {
            self.say(Tone::Muted, error.hint.clone());
        }
    }
}
