//! Search and replacement.

use regex::{Captures, Regex, RegexBuilder};

use super::document::{Edit, Kind, Place};
use super::{Answer, Editor, Prompt};

/// Whether letters of either case are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Case {
    /// Unless the query has capitals.
    #[default]
    Smart,
    /// Never.
    Exact,
    /// Always.
    Alike,
}

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FindOptions {
    /// The query is a regular expression, and `$1` in a replacement is what its first group found.
    pub regex: bool,
    /// Only whole words.
    pub whole_words: bool,
    /// Upper and lower case.
    pub case: Case,
}

/// What is searched.
#[derive(Debug)]
pub(super) struct Search {
    pub pattern: Regex,
    expands: bool,
    /// Where the search began, and where it left the cursor: more letters search from the same place.
    origin: Place,
    left: Place,
}

impl Search {
    pub fn new(pattern: Regex, expands: bool, here: Place) -> Self {
        Self { pattern, expands, origin: here, left: here }
    }
}

/// Matches are counted up to this.
const COUNTED: usize = 99_999;

/// A query as a pattern, or what is wrong with it in one line.
pub(super) fn pattern(query: &str, options: FindOptions) -> Result<Regex, String> {
    let alike = match options.case {
        Case::Smart => !query.chars().any(char::is_uppercase),
        Case::Exact => false,
        Case::Alike => true,
    };
    let mut source = if options.regex { query.to_owned() } else { regex::escape(query) };
    if options.whole_words {
        source = format!(r"\b(?:{source})\b");
    }
    RegexBuilder::new(&source).case_insensitive(alike).size_limit(1 << 20).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "this expression is too large".to_owned(),
        other => {
            let told = other.to_string();
            let last = told.lines().last().unwrap_or_default();
            crate::text::clean(last.trim_start_matches("error: ")).into_owned()
        }
    })
}

/// The matches in a line that are not empty.
pub(super) fn matches<'a>(pattern: &'a Regex, line: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    pattern.find_iter(line).map(|m| (m.start(), m.end())).filter(|(from, to)| from < to)
}

impl Editor {
    /// Searches from where one was when the search began, selects the first match and shows all others. An
    /// empty query ends the search. Gives how many matches there are, or what is wrong with the expression.
    pub fn find(&mut self, query: &str, options: FindOptions) -> Result<usize, String> {
        let start = self.selection().map_or(self.cursor, |(from, _)| from);
        let origin = self.search.as_ref().filter(|s| s.left == self.cursor).map_or(start, |s| s.origin);
        if query.is_empty() {
            self.search = None;
            return Ok(0);
        }
        let pattern = pattern(query, options)?;
        self.search = Some(Search { pattern, expands: options.regex, origin, left: self.cursor });
        match self.match_after(origin, true) {
            Some(found) => self.select_match(found),
            None => self.move_to(origin, false),
        }
        if let Some(search) = &mut self.search {
            search.left = self.cursor;
        }
        Ok(self.count_matches())
    }

    /// Ends the search: matches are not shown any more.
    pub fn end_search(&mut self) {
        self.search = None;
    }

    /// Goes to the next match, from the last to the first.
    pub fn find_next(&mut self) -> Answer {
        let from = self.selection().map_or(self.cursor, |(_, to)| to);
        self.show_match(self.match_after(from, true))
    }

    /// Goes to the match before, from the first to the last.
    pub fn find_previous(&mut self) -> Answer {
        let from = self.selection().map_or(self.cursor, |(from, _)| from);
        self.show_match(self.match_before(from))
    }

    /// Which of how many matches the selection is, counted from 1; 0 when it is none.
    pub fn match_count(&self) -> Option<(usize, usize)> {
        let search = self.search.as_ref()?;
        let selected = self.selection().map(|(from, _)| from);
        let (mut which, mut count) = (0, 0);
        for (n, line) in self.document.lines().iter().enumerate() {
            for (from, _) in matches(&search.pattern, line).take(COUNTED - count) {
                count += 1;
                if selected == Some(Place::new(n, from)) {
                    which = count;
                }
            }
        }
        Some((which, count))
    }

    /// Replaces the selected match and goes to the next; when none is selected it only goes there. Tells
    /// whether it replaced.
    pub fn replace(&mut self, with: &str) -> bool {
        let replaced = self.selection().and_then(|(from, to)| {
            let search = self.search.as_ref()?;
            let line = self.document.line(from.line);
            let captures = search.pattern.captures_at(line, from.byte)?;
            let whole = captures.get(0)?;
            let selected = from.line == to.line && (whole.start(), whole.end()) == (from.byte, to.byte);
            selected.then(|| Edit { from, to, text: expanded(&captures, with, search.expands) })
        });
        let done = replaced.is_some();
        if let Some(edit) = replaced {
            self.edit_to_end(edit, Kind::Other);
        }
        self.find_next();
        done
    }

    /// Replaces every match, as one step of undo; gives how many there were.
    pub fn replace_all(&mut self, with: &str) -> usize {
        let Some(search) = self.search.take() else { return 0 };
        let count = self.replace_in(0, self.document.last(), &search.pattern, with, search.expands, true);
        self.search = Some(search);
        count
    }

    /// Replaces in some lines each match or the first of each line, as one step.
    pub(super) fn replace_in(
        &mut self,
        first: usize,
        last: usize,
        pattern: &Regex,
        with: &str,
        expands: bool,
        every: bool,
    ) -> usize {
        let mut edits = Vec::new();
        for n in first..=last.min(self.document.last()) {
            let found = pattern.captures_iter(self.document.line(n)).take(if every { usize::MAX } else { 1 });
            edits.extend(found.filter_map(|captures| {
                let whole = captures.get(0)?;
                Some(Edit {
                    from: Place::new(n, whole.start()),
                    to: Place::new(n, whole.end()),
                    text: expanded(&captures, with, expands),
                })
            }));
        }
        let count = edits.len();
        let before = (self.cursor, self.anchor);
        self.anchor = None;
        let shifts = self.document.change(edits, Kind::Other, before);
        // Many changes are told as one: then the cursor keeps its line.
        let cursor = self.cursor;
        self.cursor = shifts.iter().fold(cursor, |place, shift| shift.of(place));
        if shifts.len() == 1 && self.cursor.line != cursor.line && !with.contains('\n') {
            self.cursor = cursor;
        }
        self.changed(&shifts);
        self.document.stands((self.cursor, None));
        count
    }

    /// The next match from a key: what is searched is asked when nothing is.
    pub(super) fn find_from_key(&mut self, forward: bool) -> Answer {
        if self.search.is_none() {
            return Answer::Ask(Prompt::Find);
        }
        if forward { self.find_next() } else { self.find_previous() }
    }

    fn show_match(&mut self, found: Option<(Place, Place)>) -> Answer {
        match found {
            Some(found) => {
                self.select_match(found);
                Answer::Moved
            }
            None if self.search.is_none() => Answer::Nothing,
            None => Answer::Say("not found".to_owned()),
        }
    }

    fn select_match(&mut self, (from, to): (Place, Place)) {
        self.move_to(from, false);
        self.move_to(to, true);
        self.screen_mut().center = true;
    }

    fn count_matches(&self) -> usize {
        let Some(search) = &self.search else { return 0 };
        self.document.lines().iter().flat_map(|line| matches(&search.pattern, line)).take(COUNTED).count()
    }

    /// The first match after a place, or at it; from the end one goes on at the start.
    pub(super) fn match_after(&self, from: Place, here: bool) -> Option<(Place, Place)> {
        let pattern = &self.search.as_ref()?.pattern;
        let lines = self.document.lines().len();
        let least = from.byte + usize::from(!here);
        (0..=lines).find_map(|n| {
            let line = (from.line + n) % lines;
            let found = matches(pattern, self.document.line(line)).find(|(start, _)| match n {
                0 => *start >= least,
                n if n == lines => *start < least,
                _ => true,
            });
            found.map(|(a, b)| (Place::new(line, a), Place::new(line, b)))
        })
    }

    /// The last match before a place; from the start one goes on at the end.
    pub(super) fn match_before(&self, from: Place) -> Option<(Place, Place)> {
        let pattern = &self.search.as_ref()?.pattern;
        let lines = self.document.lines().len();
        (0..=lines).find_map(|n| {
            let line = (from.line + lines - n % lines) % lines;
            let fits = |(start, _): &(usize, usize)| match n {
                0 => *start < from.byte,
                n if n == lines => *start >= from.byte,
                _ => true,
            };
            let found = matches(pattern, self.document.line(line)).filter(fits).last();
            found.map(|(a, b)| (Place::new(line, a), Place::new(line, b)))
        })
    }
}

fn expanded(captures: &Captures<'_>, with: &str, expands: bool) -> String {
    if !expands {
        return with.to_owned();
    }
    let mut text = String::new();
    captures.expand(with, &mut text);
    text
}
