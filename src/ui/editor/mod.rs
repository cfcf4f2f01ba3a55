//! The editor: the text of one file, changed with the keys one knows, drawn with colours and marks.
//!
//! It knows nothing of Docker, of files on disk or of the panel around it. The caller gives it keys and the
//! time, looks at [`Editor::revision`] to see whether the text is another, and puts marks in.

mod completion;
mod document;
mod draw;
mod edit;
mod highlight;
mod indent;
mod language;
mod layout;
mod marks;
mod motion;
mod mouse;
mod search;
mod standard;
#[cfg(test)]
mod tests;
mod vim;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crossterm::event::{KeyEvent, KeyEventKind};
use jiff::Timestamp;

pub use crate::config::EditorKeys as Keys;
pub use completion::{Item, Popup};
use document::{Document, Edit, Kind, Place, Shift};
pub use draw::{Look, draw};
pub use highlight::coloured;
use indent::Indent;
pub use language::Language;
pub use marks::{Mark, Severity};
pub use search::{Case, FindOptions};

/// What became of a key, a click or a paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The text is another.
    Changed,
    /// The cursor, the selection or what is on the screen is another.
    Moved,
    /// It was the editor's, and nothing came of it.
    Nothing,
    /// It was not the editor's: the caller may use it.
    Ignored,
    /// This is for the clipboard. A cut has changed the text, too: see [`Editor::revision`].
    Copy(String),
    /// The caller should ask something and come back with the answer.
    Ask(Prompt),
    /// A Vim command that is the caller's.
    Command(VimCommand),
    /// This should be told, such as that nothing was found.
    Say(String),
}

/// What the editor wants asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// What to search: then [`Editor::find`].
    Find,
    /// What to search and what to put there: then [`Editor::find`], [`Editor::replace`] or
    /// [`Editor::replace_all`].
    Replace,
    /// Which line: then [`Editor::go_to`].
    GoToLine,
}

/// A Vim command that concerns the file and not its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VimCommand {
    /// `:w`
    Save,
    /// `:q`
    Quit,
    /// `:wq`, `:x` when the text is not what is saved, `ZZ`
    SaveQuit,
    /// `:q!`, `ZQ`
    QuitUnsaved,
    /// `:e!`
    Reload,
}

/// One open file's text, and where one is in it.
#[derive(Debug)]
pub struct Editor {
    document: Document,
    language: Language,
    indent: Indent,
    cursor: Place,
    /// Where the selection began: it goes from here to the cursor.
    anchor: Option<Place>,
    /// The column that moving up and down keeps to.
    goal: Option<usize>,
    marks: Vec<marks::Held>,
    flag: Option<(Place, String)>,
    search: Option<search::Search>,
    popup: Option<Popup>,
    copied: edit::Copied,
    vim: vim::Vim,
    press: Option<mouse::Press>,
    /// When the last key came.
    last_key: Option<Timestamp>,
    /// What was last on the screen, and the colours worked out for it: drawing, which only reads, keeps these.
    screen: Mutex<draw::Screen>,
}

/// Typing again after so many milliseconds is a step of undo by itself.
const PAUSE: i64 = 1500;

impl Editor {
    /// An editor of this text. Lines end with `\n`: who opens files of other habits turns them.
    pub fn new(text: &str, language: Language) -> Self {
        let document = Document::new(text);
        Self {
            indent: Indent::of(document.lines(), language),
            document,
            language,
            cursor: Place::default(),
            anchor: None,
            goal: None,
            marks: Vec::new(),
            flag: None,
            search: None,
            popup: None,
            copied: edit::Copied::default(),
            vim: vim::Vim::default(),
            press: None,
            last_key: None,
            screen: Mutex::default(),
        }
    }

    /// The whole text, its lines joined with `\n`.
    pub fn text(&self) -> String {
        self.document.text()
    }

    /// Another number for another text.
    pub fn revision(&self) -> u64 {
        self.document.revision()
    }

    /// Whether the text is another than the one that was saved.
    pub fn dirty(&self) -> bool {
        self.document.dirty()
    }

    /// The text is on disk now as it is here; undoing back to it makes it clean again.
    pub fn saved(&mut self) {
        self.document.saved();
    }

    /// What the text is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// How many lines there are; never none.
    pub fn lines(&self) -> usize {
        self.document.lines().len()
    }

    /// One line, without its end.
    pub fn line(&self, line: usize) -> &str {
        self.document.line(line)
    }

    /// Where the cursor is: line and character in it, both from 0.
    pub fn cursor(&self) -> (usize, usize) {
        self.column_of(self.cursor)
    }

    /// The selected text, none when nothing is selected.
    pub fn selected(&self) -> Option<String> {
        self.selection().map(|(from, to)| self.document.between(from, to))
    }

    /// Goes to a line and a character in it, both from 0, as near as there are such.
    pub fn go_to(&mut self, line: usize, column: usize) {
        self.move_to(self.place_at(line, column), false);
        self.screen_mut().center = true;
    }

    /// The byte of [`Editor::text`] at which the cursor is.
    pub fn byte_offset(&self) -> usize {
        self.document.byte_of(self.cursor)
    }

    /// The byte of [`Editor::text`] at a line and a character in it.
    pub fn byte_of(&self, line: usize, column: usize) -> usize {
        self.document.byte_of(self.place_at(line, column))
    }

    /// The line and the character in it at a byte of [`Editor::text`].
    pub fn place_of(&self, byte: usize) -> (usize, usize) {
        self.column_of(self.document.place_of(byte))
    }

    /// Another text in the place of this one, as one step of undo, for a file that was changed by others. Only
    /// what differs is changed, so that the cursor and the marks stay with their lines.
    pub fn replace_all_text(&mut self, text: &str) {
        let old = self.text();
        let head: usize = old.chars().zip(text.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
        let (rest_old, rest_new) = (&old[head..], &text[head..]);
        let tail: usize = rest_old
            .chars()
            .rev()
            .zip(rest_new.chars().rev())
            .take_while(|(a, b)| a == b)
            .map(|(c, _)| c.len_utf8())
            .sum();
        self.apply(&[(head..old.len() - tail, rest_new[..rest_new.len() - tail].to_owned())]);
    }

    /// Makes changes, each a range of bytes of [`Editor::text`] and what comes there, as one step of undo.
    /// The cursor stays at what it was at. A change that overlaps one before it is left out.
    pub fn apply(&mut self, edits: &[(Range<usize>, String)]) {
        let edits = edits.iter().map(|(range, text)| Edit {
            from: self.document.place_of(range.start),
            to: self.document.place_of(range.end.max(range.start)),
            text: text.clone(),
        });
        let edits = edits.collect();
        let before = (self.cursor, self.anchor);
        let shifts = self.document.change(edits, Kind::Other, before);
        self.anchor = None;
        self.popup = None;
        self.cursor = shifts.iter().fold(self.cursor, |place, shift| shift.of(place));
        self.changed(&shifts);
        self.document.stands((self.cursor, None));
    }

    /// Takes a key. `now` tells typing in one go from typing after a pause.
    pub fn key(&mut self, key: KeyEvent, keys: Keys, now: Timestamp) -> Answer {
        if key.kind == KeyEventKind::Release {
            return Answer::Nothing;
        }
        if self.last_key.is_some_and(|last| now.as_millisecond() - last.as_millisecond() > PAUSE) {
            self.document.close();
        }
        self.last_key = Some(now);
        self.press = None;
        if let Some(answer) = self.popup_key(key) {
            return answer;
        }
        let answer = match keys {
            Keys::Standard => self.standard_key(key),
            Keys::Vim => self.vim_key(key),
        };
        match answer {
            Answer::Changed => self.popup_follow(),
            Answer::Ignored | Answer::Nothing => {}
            _ => self.popup = None,
        }
        answer
    }

    /// What the last line of the editor says with Vim's keys: the mode, or the command being typed.
    pub fn status(&self, keys: Keys) -> Option<String> {
        (keys == Keys::Vim).then(|| self.vim.status())
    }

    /// Whether keys such as letters are typed into the text now: not so in Vim's other modes.
    pub fn typing(&self, keys: Keys) -> bool {
        keys == Keys::Standard || self.vim.inserts()
    }

    /// The selection, in the order of the text.
    fn selection(&self) -> Option<(Place, Place)> {
        let anchor = self.anchor?;
        (anchor != self.cursor).then(|| (anchor.min(self.cursor), anchor.max(self.cursor)))
    }

    fn place_at(&self, line: usize, column: usize) -> Place {
        let line = line.min(self.document.last());
        let text = self.document.line(line);
        Place::new(line, text.char_indices().nth(column).map_or(text.len(), |(at, _)| at))
    }

    fn column_of(&self, place: Place) -> (usize, usize) {
        let place = self.document.clamp(place);
        (place.line, self.document.line(place.line)[..place.byte].chars().count())
    }

    /// What must follow every change: marks and colours move along, the cursor is in the text and in sight.
    fn changed(&mut self, shifts: &[Shift]) {
        for shift in shifts {
            marks::shift(&mut self.marks, *shift);
            if let Some((place, _)) = &mut self.flag {
                *place = shift.of(*place);
            }
            self.screen_mut().colours.shift(*shift);
        }
        self.cursor = self.document.clamp(self.cursor);
        self.anchor = self.anchor.map(|anchor| self.document.clamp(anchor));
        self.goal = None;
        self.screen_mut().follow = true;
    }

    fn screen_mut(&mut self) -> &mut draw::Screen {
        self.screen.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}
