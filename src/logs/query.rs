//! Finding in logs.

// Lines in memory are far fewer than an i64 counts.
#![allow(clippy::cast_possible_wrap)]

use std::borrow::Cow;
use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::buffer::{Pos, Snapshot};
use super::chunk::{Chunk, Line};
use super::line::plain;

/// Which way to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards newer lines.
    Forward,
    /// Towards older lines.
    Backward,
}

/// What is searched for. It is a regular expression; capital letters matter only when it has some; it
/// sees the text that is shown, without colours.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    regex: Option<Regex>,
    error: Option<String>,
    /// Its anchors mean ends of the text: lines have to be searched one by one.
    anchored: bool,
}

impl Query {
    /// A query for `text`. One that is no regular expression is searched as it stands.
    pub fn new(text: &str) -> Self {
        let build = |pattern: &str| {
            RegexBuilder::new(pattern).case_insensitive(!has_capital(text)).multi_line(true).size_limit(4 << 20).build()
        };
        let (regex, error) = match build(text) {
            _ if text.is_empty() => (None, None),
            Ok(regex) => (Some(regex), None),
            Err(error) => {
                let reason = match error {
                    regex::Error::CompiledTooBig(_) => "this pattern is too large".to_owned(),
                    error => error.to_string().lines().last().unwrap_or_default().trim().replace("error: ", ""),
                };
                (build(&regex::escape(text)).ok(), Some(crate::text::clean(&reason).into_owned()))
            }
        };
        let anchored = text.contains("\\A") || text.contains("\\z") || text.contains("(?");
        Self { text: text.to_owned(), regex, error, anchored }
    }

    /// What was searched for, as it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Why it is no regular expression and is searched as it stands.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Where it matches within the visible text of `line` (see [`plain`]), in bytes.
    pub fn matches(&self, line: &Line<'_>) -> Vec<Range<usize>> {
        let Some(regex) = &self.regex else { return Vec::new() };
        let text = visible(line);
        regex.find_iter(&text).map(|found| found.range()).filter(|range| !range.is_empty()).collect()
    }

    /// Whether it matches `line` at all.
    pub fn is_match(&self, line: &Line<'_>) -> bool {
        self.regex.as_ref().is_some_and(|regex| regex.is_match(&visible(line)))
    }

    /// The next line with a match after `from` (before it, backwards), not `from` itself.
    pub fn find(&self, within: &Snapshot, from: Pos, direction: Direction) -> Option<Pos> {
        let mut first = within.first.0;
        let starts: Vec<(i64, &Chunk)> = within
            .chunks
            .iter()
            .map(|chunk| {
                let start = first;
                first += chunk.len() as i64;
                (start, &**chunk)
            })
            .collect();
        match direction {
            Direction::Forward => starts.into_iter().find_map(|(start, chunk)| {
                let skip = usize::try_from(from.0 + 1 - start).unwrap_or(0);
                self.next_in(chunk, skip).map(|at| Pos(start + at as i64))
            }),
            Direction::Backward => {
                starts.into_iter().rev().filter(|(start, _)| *start < from.0).find_map(|(start, chunk)| {
                    let all = self.lines_in(chunk, 0).map(|at| Pos(start + at as i64));
                    all.take_while(|pos| *pos < from).last()
                })
            }
        }
    }

    /// All lines with a match from `from` on. For lines that came later, ask again from the old end.
    pub fn filter(&self, within: &Snapshot, from: Pos) -> Vec<Pos> {
        self.all(within, from).collect()
    }

    /// How many lines have a match, counted to `most` at most.
    pub fn count(&self, within: &Snapshot, most: usize) -> usize {
        self.all(within, within.first).take(most).count()
    }

    fn all<'a>(&'a self, within: &'a Snapshot, from: Pos) -> impl Iterator<Item = Pos> + 'a {
        let mut first = within.first.0;
        within.chunks.iter().flat_map(move |chunk| {
            let start = first;
            first += chunk.len() as i64;
            let skip = usize::try_from(from.0 - start).unwrap_or(0);
            self.lines_in(chunk, skip).map(move |at| Pos(start + at as i64))
        })
    }

    fn lines_in<'a>(&'a self, chunk: &'a Chunk, from: usize) -> impl Iterator<Item = usize> + 'a {
        let mut next = from;
        std::iter::from_fn(move || {
            let found = self.next_in(chunk, next)?;
            next = found + 1;
            Some(found)
        })
    }

    /// The first line with a match from line `from` of `chunk` on.
    fn next_in(&self, chunk: &Chunk, from: usize) -> Option<usize> {
        let regex = self.regex.as_ref()?;
        let mut at = from;
        if chunk.styled() || self.anchored {
            return (at..chunk.len()).find(|n| chunk.line(*n).is_some_and(|line| self.is_match(&line)));
        }
        // One search over many lines. What it finds may go over a line's end, so the line where it
        // begins is asked again, alone.
        while at < chunk.len() {
            let found = regex.find_at(chunk.text(), chunk.start_of(at))?;
            at = chunk.line_at(found.start()).max(at);
            let line = chunk.line(at)?;
            if found.end() <= chunk.start_of(at) + line.text.len() || regex.is_match(line.text) {
                return Some(at);
            }
            at += 1;
        }
        None
    }
}

fn visible<'a>(line: &Line<'a>) -> Cow<'a, str> {
    if line.flags.styled { plain(line) } else { Cow::Borrowed(line.text) }
}

/// Whether `pattern` has a capital letter that stands for itself.
fn has_capital(pattern: &str) -> bool {
    let mut escaped = false;
    pattern.chars().any(|c| {
        let own = !escaped && c.is_uppercase();
        escaped = c == '\\' && !escaped;
        own
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::buffer::LogBuffer;
    use super::super::reader::{Reader, Shape};
    use super::*;

    fn buffer(text: &str) -> LogBuffer {
        let mut reader = Reader::new(Shape::Plain, 0);
        reader.feed(text.as_bytes());
        reader.end();
        let mut buffer = LogBuffer::default();
        while let Some(chunk) = reader.next_chunk() {
            buffer.append(chunk);
        }
        buffer
    }

    #[test]
    fn it_finds_both_ways_and_never_over_a_line_end() {
        let buffer = buffer("one foo\nbar two\nfoo bar\n\x1b[31mf\x1b[0moo\x1b[1m bar\nend\n");
        let all = buffer.snapshot();
        let query = Query::new(r"foo\s+bar");
        assert_eq!(query.filter(&all, all.first), [Pos(2), Pos(3)]);
        assert_eq!(query.find(&all, Pos(-1), Direction::Forward), Some(Pos(2)));
        assert_eq!(query.find(&all, Pos(2), Direction::Forward), Some(Pos(3)));
        assert_eq!(query.find(&all, Pos(3), Direction::Forward), None);
        assert_eq!(query.find(&all, Pos(9), Direction::Backward), Some(Pos(3)));
        assert_eq!(query.find(&all, Pos(2), Direction::Backward), None);
        assert_eq!(query.matches(&buffer.line(Pos(3)).unwrap()).first(), Some(&(0..7)));
        assert_eq!(query.count(&all, 1), 1);
    }

    #[test]
    fn capitals_matter_only_when_typed_and_nonsense_is_searched_as_it_stands() {
        let buffer = buffer("Error (a\nerror b\nERROR\n");
        let count = |text: &str| Query::new(text).count(&buffer.snapshot(), 100);
        assert_eq!([count("error"), count("Error"), count(r"\Werror"), count(r"^\S+$"), count("")], [3, 1, 0, 1, 0]);
        let query = Query::new("(a");
        assert!(query.error().unwrap().contains("unclosed"), "{query:?}");
        assert_eq!(query.count(&buffer.snapshot(), 9), 1);
    }

    proptest! {
        #[test]
        fn one_search_over_many_lines_finds_what_each_line_alone_does(
            lines in prop::collection::vec("[ab \\[]{0,6}", 0..30),
            pattern in "(\\^|a|b|\\[\\^a\\]|\\\\s|\\.|\\$|a\\*|\\\\b){1,4}",
        ) {
            let mut buffer = buffer(&(lines.join("\n") + "\n"));
            if lines.is_empty() { buffer.clear(); }
            let query = Query::new(&pattern);
            let all = buffer.snapshot();
            let found = query.filter(&all, all.first);
            let wanted: Vec<Pos> = buffer.lines_from(buffer.first()).filter(|(_, line)| query.is_match(line)).map(|(pos, _)| pos).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
