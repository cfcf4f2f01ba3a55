//! The text of one open file: its lines, every change to them, and the way back.
//!
//! This is the one place that goes round `TextArea`, the text field the editor was first meant to stand on. It
//! measures every line of the file after each edit, cannot put its cursor past row or column 65,535, and
//! undoes one edit at a time, so that typing in a long file lags and a replacement of everything is undone
//! match by match. `benches/editor.rs` has both side by side. Here a change costs what it touches, and a
//! change of many places is one step back.

use std::collections::VecDeque;

/// A place in the text: a line, and a byte of it that is the start of a character or the line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    pub line: usize,
    pub byte: usize,
}

impl Place {
    pub fn new(line: usize, byte: usize) -> Self {
        Self { line, byte }
    }
}

/// What is between `from` and `to` becomes `text`.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pub from: Place,
    pub to: Place,
    pub text: String,
}

impl Edit {
    pub fn insert(at: Place, text: impl Into<String>) -> Self {
        Self { from: at, to: at, text: text.into() }
    }

    pub fn delete(from: Place, to: Place) -> Self {
        Self { from, to, text: String::new() }
    }
}

/// What a change did to places: all between `from` and `was` is now between `from` and `is`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift {
    pub from: Place,
    pub was: Place,
    pub is: Place,
}

impl Shift {
    /// Where a place is after the change; one within what went is at its end.
    pub fn of(self, place: Place) -> Place {
        if place < self.from {
            place
        } else if place < self.was {
            self.is.min(place.max(self.from))
        } else if place.line == self.was.line {
            Place::new(self.is.line, self.is.byte + (place.byte - self.was.byte))
        } else {
            Place::new(place.line - self.was.line + self.is.line, place.byte)
        }
    }
}

/// Where one stood: the cursor, and where the selection began.
pub(super) type Stand = (Place, Option<Place>);

/// What kind of change it is: letters that are typed or erased in one go are one step back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Type,
    Erase,
    Other,
}

#[derive(Debug)]
struct Done {
    from: Place,
    removed: String,
    inserted: String,
}

#[derive(Debug)]
struct Step {
    kind: Kind,
    /// It is undone and made again together with the one before it.
    joined: bool,
    /// In the order in which they were made: from the last place in the text to the first.
    done: Vec<Done>,
    before: Stand,
    after: Stand,
    /// Which text was there before and after.
    texts: (u64, u64),
}

impl Step {
    fn bytes(&self) -> usize {
        64 + self.done.iter().map(|d| 64 + d.removed.len() + d.inserted.len()).sum::<usize>()
    }
}

/// What all steps together may hold, in bytes; the oldest go first.
const REMEMBERED: usize = 64 << 20;

/// From this many places on, a change is made as one of all that lies between them.
const MANY: usize = 256;

#[derive(Debug)]
pub(super) struct Document {
    /// Never empty; none contains a line feed.
    lines: Vec<String>,
    steps: VecDeque<Step>,
    /// How many of the steps are done; the rest can be made again.
    at: usize,
    bytes: usize,
    /// Whether the last step may grow.
    open: bool,
    /// Whether steps belong together now, and whether there is one already.
    group: Option<bool>,
    /// How many texts there have been, and which one this is: undo comes back to one that was.
    texts: u64,
    text: u64,
    saved: u64,
    revision: u64,
}

impl Document {
    pub fn new(text: &str) -> Self {
        Self {
            lines: text.split('\n').map(str::to_owned).collect(),
            steps: VecDeque::new(),
            at: 0,
            bytes: 0,
            open: false,
            group: None,
            texts: 0,
            text: 0,
            saved: 0,
            revision: 0,
        }
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    pub fn line(&self, line: usize) -> &str {
        self.lines.get(line).map_or("", String::as_str)
    }

    pub fn last(&self) -> usize {
        self.lines.len() - 1
    }

    pub fn end(&self) -> Place {
        Place::new(self.last(), self.line(self.last()).len())
    }

    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn dirty(&self) -> bool {
        self.text != self.saved
    }

    pub fn saved(&mut self) {
        self.saved = self.text;
        self.open = false;
    }

    /// From here on, all changes are one step together.
    pub fn begin_group(&mut self) {
        self.open = false;
        self.group = self.group.or(Some(false));
    }

    /// What comes now is a step of its own again.
    pub fn end_group(&mut self) {
        self.open = false;
        self.group = None;
    }

    /// What was typed so far is a step of its own.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// The nearest place that is in the text and at the start of a character.
    pub fn clamp(&self, place: Place) -> Place {
        if place.line > self.last() {
            return self.end();
        }
        let line = self.line(place.line);
        let mut byte = place.byte.min(line.len());
        while !line.is_char_boundary(byte) {
            byte -= 1;
        }
        Place::new(place.line, byte)
    }

    /// What stands between two places.
    pub fn between(&self, from: Place, to: Place) -> String {
        let (from, to) = (self.clamp(from), self.clamp(to));
        if from >= to {
            return String::new();
        }
        if from.line == to.line {
            return self.line(from.line)[from.byte..to.byte].to_owned();
        }
        let mut text = self.line(from.line)[from.byte..].to_owned();
        for line in &self.lines[from.line + 1..to.line] {
            text.push('\n');
            text.push_str(line);
        }
        text.push('\n');
        text.push_str(&self.line(to.line)[..to.byte]);
        text
    }

    /// The place of a byte of [`Document::text`].
    pub fn place_of(&self, byte: usize) -> Place {
        let mut left = byte;
        for (n, line) in self.lines.iter().enumerate() {
            if left <= line.len() {
                return self.clamp(Place::new(n, left));
            }
            left -= line.len() + 1;
        }
        self.end()
    }

    /// The byte of [`Document::text`] at a place.
    pub fn byte_of(&self, place: Place) -> usize {
        let place = self.clamp(place);
        self.lines[..place.line].iter().map(|l| l.len() + 1).sum::<usize>() + place.byte
    }

    /// Makes changes as one step. Those that overlap one before them are left out. Tells what moved, in the
    /// order of the changes made.
    pub fn change(&mut self, mut edits: Vec<Edit>, kind: Kind, before: Stand) -> Vec<Shift> {
        for edit in &mut edits {
            (edit.from, edit.to) = (self.clamp(edit.from), self.clamp(edit.to.max(edit.from)));
            if edit.text.contains('\r') {
                edit.text = edit.text.replace("\r\n", "\n").replace('\r', "\n");
            }
        }
        edits.sort_by_key(|e| (e.from, e.to));
        let mut end = Place::default();
        edits.retain(|edit| {
            let apart = edit.from >= end;
            end = if apart { edit.to } else { end };
            apart && (edit.from < edit.to || !edit.text.is_empty())
        });
        if edits.is_empty() {
            return Vec::new();
        }
        if edits.len() > MANY {
            edits = vec![self.joined(&edits)];
        }
        let grows = self.open && edits.len() == 1 && self.at == self.steps.len();
        let from = self.text;
        self.texts += 1;
        self.text = self.texts;
        let mut shifts = Vec::new();
        let mut done = Vec::new();
        for edit in edits.into_iter().rev() {
            let (removed, shift) = self.splice(edit.from, edit.to, &edit.text);
            shifts.push(shift);
            done.push(Done { from: edit.from, removed, inserted: edit.text });
        }
        self.forget_undone();
        let rest = match self.steps.back_mut() {
            Some(step) if grows && step.kind == kind => Self::grow(step, done, self.text, &mut self.bytes),
            _ => Some(done),
        };
        if let Some(done) = rest {
            let joined = self.group == Some(true);
            self.group = self.group.map(|_| true);
            let step = Step { kind, joined, done, before, after: before, texts: (from, self.text) };
            self.bytes += step.bytes();
            self.steps.push_back(step);
        }
        self.open = kind != Kind::Other;
        while self.bytes > REMEMBERED && self.steps.len() > 1 {
            if let Some(oldest) = self.steps.pop_front() {
                self.bytes -= oldest.bytes();
            }
        }
        self.at = self.steps.len();
        shifts
    }

    /// Where one stands after the step just made.
    pub fn stands(&mut self, after: Stand) {
        if self.at == self.steps.len()
            && let Some(step) = self.steps.back_mut()
        {
            step.after = after;
        }
    }

    /// One step back: what moved, and where one stood.
    pub fn undo(&mut self) -> Option<(Vec<Shift>, Stand)> {
        self.end_group();
        let mut shifts = Vec::new();
        loop {
            let step = self.steps.get(self.at.checked_sub(1)?)?;
            self.at -= 1;
            self.text = step.texts.0;
            let (joined, stand) = (step.joined, step.before);
            let moves = step.done.iter().rev().map(|d| (d.from, d.inserted.clone(), d.removed.clone())).collect();
            shifts.extend(self.swap(moves));
            if !joined || self.at == 0 {
                return Some((shifts, stand));
            }
        }
    }

    /// Makes again what was undone.
    pub fn redo(&mut self) -> Option<(Vec<Shift>, Stand)> {
        self.end_group();
        let mut shifts = Vec::new();
        loop {
            let step = self.steps.get(self.at)?;
            self.at += 1;
            self.text = step.texts.1;
            let stand = step.after;
            let moves = step.done.iter().map(|d| (d.from, d.removed.clone(), d.inserted.clone())).collect();
            shifts.extend(self.swap(moves));
            if !self.steps.get(self.at).is_some_and(|next| next.joined) {
                return Some((shifts, stand));
            }
        }
    }

    fn swap(&mut self, moves: Vec<(Place, String, String)>) -> Vec<Shift> {
        moves.into_iter().map(|(from, old, new)| self.splice(from, after(from, &old), &new).1).collect()
    }

    fn forget_undone(&mut self) {
        while self.steps.len() > self.at {
            if let Some(step) = self.steps.pop_back() {
                self.bytes -= step.bytes();
            }
        }
    }

    /// Adds to a step what goes on where it ended; gives back what does not.
    fn grow(step: &mut Step, mut done: Vec<Done>, text: u64, bytes: &mut usize) -> Option<Vec<Done>> {
        let (Some(new), [last]) = (done.pop(), step.done.as_mut_slice()) else { return None };
        let typed = new.removed.is_empty() && !new.inserted.contains('\n');
        let joins = match step.kind {
            // A word and the blanks behind it are one step.
            Kind::Type => {
                let goes_on = after(last.from, &last.inserted) == new.from;
                let new_word = last.inserted.ends_with(char::is_whitespace);
                typed && goes_on && (!new_word || new.inserted.starts_with(char::is_whitespace))
            }
            Kind::Erase => {
                new.inserted.is_empty()
                    && last.inserted.is_empty()
                    && !new.removed.contains('\n')
                    && (new.from == last.from || after(new.from, &new.removed) == last.from)
            }
            Kind::Other => false,
        };
        if !joins {
            return Some(vec![new]);
        }
        *bytes += new.inserted.len() + new.removed.len();
        last.inserted.push_str(&new.inserted);
        if new.from == last.from && step.kind == Kind::Erase {
            last.removed.push_str(&new.removed);
        } else if step.kind == Kind::Erase {
            last.removed.insert_str(0, &new.removed);
            last.from = new.from;
        }
        step.texts.1 = text;
        None
    }

    /// Many changes as one, so that a text of many lines is not moved for each.
    fn joined(&self, edits: &[Edit]) -> Edit {
        let (mut text, mut at) = (String::new(), edits[0].from);
        for edit in edits {
            text.push_str(&self.between(at, edit.from));
            text.push_str(&edit.text);
            at = edit.to;
        }
        Edit { from: edits[0].from, to: at, text }
    }

    fn splice(&mut self, from: Place, to: Place, text: &str) -> (String, Shift) {
        self.revision += 1;
        let (from, to) = (self.clamp(from), self.clamp(to.max(from)));
        let removed = self.between(from, to);
        let is = after(from, text);
        if from.line == to.line && is.line == from.line {
            self.lines[from.line].replace_range(from.byte..to.byte, text);
        } else {
            let tail = self.lines[to.line].split_off(to.byte);
            self.lines[from.line].truncate(from.byte);
            let mut pieces = text.split('\n');
            self.lines[from.line].push_str(pieces.next().unwrap_or_default());
            let between: Vec<String> = pieces.map(str::to_owned).collect();
            self.lines.splice(from.line + 1..=to.line, between);
            self.lines[is.line].push_str(&tail);
        }
        (removed, Shift { from, was: to, is })
    }
}

/// The place behind `text` that begins at `from`.
pub(super) fn after(from: Place, text: &str) -> Place {
    match text.rfind('\n') {
        None => Place::new(from.line, from.byte + text.len()),
        Some(last) => {
            Place::new(from.line + memchr::memchr_iter(b'\n', text.as_bytes()).count(), text.len() - last - 1)
        }
    }
}
