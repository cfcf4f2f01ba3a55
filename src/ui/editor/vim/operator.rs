//! What Vim's operators do with a piece of text.

use super::super::document::{Edit, Kind, Place};
use super::super::edit::Copied;
use super::super::motion::{Class, class};
use super::super::{Answer, Editor, layout};
use super::motion::{Motion, Span};
use super::parse::Target;

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui::editor) enum Op {
    Delete,
    Change,
    Copy,
    Indent,
    Unindent,
    Comment,
    Lower,
    Upper,
    Swap,
}

fn recased(op: Op, text: &str) -> String {
    match op {
        Op::Lower => text.to_lowercase(),
        Op::Upper => text.to_uppercase(),
        _ => text
            .chars()
            .flat_map(|c| {
                if c.is_uppercase() { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() }
                    .chars()
                    .collect::<Vec<_>>()
            })
            .collect(),
    }
}

impl Editor {
    /// An operator with what it is about.
    pub(super) fn vim_operate(&mut self, op: Op, target: Target, count: Option<usize>) -> Answer {
        let here = self.cursor;
        let (from, mut to, mut span, motion) = match target {
            Target::Lines => {
                let last = (here.line + count.unwrap_or(1) - 1).min(self.document.last());
                (here, Place::new(last, 0), Span::Lines, None)
            }
            Target::Object(around, kind) => {
                let Some((from, to, lines)) = self.vim_object(around, kind) else { return Answer::Nothing };
                (from, to, if lines { Span::Lines } else { Span::Before }, None)
            }
            Target::Motion(asked) => {
                // Changing a word leaves the blanks behind it.
                let on_word = self.char_at(here).is_some_and(|c| class(c, false) != Class::Blank);
                let asked = match asked {
                    Motion::Word(big) if op == Op::Change && on_word => {
                        if self.word_at(here, big).1.byte == self.after(here).byte && count.is_none() {
                            Motion::Right
                        } else {
                            Motion::End(big)
                        }
                    }
                    other => other,
                };
                let goal = self.goal;
                let Some((place, asked_span)) = self.vim_leads(asked, count) else { return Answer::Nothing };
                self.goal = goal;
                (here.min(place), here.max(place), asked_span, Some(asked))
            }
            Target::Simple(_) | Target::Letter(..) => return Answer::Nothing,
        };
        if span == Span::With {
            to = self.after(to);
        }
        if span == Span::Before && to.line > from.line && motion.is_some() {
            let word = matches!(motion, Some(Motion::Word(_)));
            let blank = self.document.line(to.line)[..to.byte].trim().is_empty();
            if (word && blank) || to.byte == 0 {
                // What ends at the start of a line ends with the line before.
                to = self.end_of(to.line - 1);
                let whole = from.byte <= self.first_of(from.line).byte && !word;
                span = if whole { Span::Lines } else { Span::Before };
            }
        }
        if span == Span::Lines || matches!(op, Op::Indent | Op::Unindent | Op::Comment) {
            let down = target == Target::Lines || motion.is_some();
            let answer = self.vim_on_lines(op, from.line, to.line, 1);
            if op == Op::Copy && down {
                // The cursor goes to the start of what was copied, in its column.
                let line = from.line;
                let column = if here.line == line {
                    here.byte
                } else {
                    layout::column(self.document.line(here.line), here.byte)
                };
                self.cursor = self.document.clamp(Place::new(line, column));
            }
            return answer;
        }
        self.vim_on_range(op, from, to)
    }

    fn after(&self, place: Place) -> Place {
        layout::next(self.document.line(place.line), place.byte).map_or(place, |byte| Place::new(place.line, byte))
    }

    /// An operator on a piece of text.
    pub(super) fn vim_on_range(&mut self, op: Op, from: Place, to: Place) -> Answer {
        let text = self.document.between(from, to);
        self.anchor = None;
        match op {
            Op::Copy => {
                self.copied = Copied { text: text.clone(), lines: false };
                self.move_to(from, false);
                Answer::Copy(text)
            }
            Op::Delete | Op::Change => {
                if op == Op::Change {
                    self.vim_insert('c', 1);
                }
                if !text.is_empty() {
                    self.copied = Copied { text, lines: false };
                }
                self.edit(vec![Edit::delete(from, to)], Kind::Other, from, None)
            }
            Op::Lower | Op::Upper | Op::Swap => {
                let text = recased(op, &text);
                self.edit(vec![Edit { from, to, text }], Kind::Other, from, None)
            }
            Op::Indent | Op::Unindent | Op::Comment => self.vim_on_lines(op, from.line, to.line, 1),
        }
    }

    /// An operator on whole lines.
    pub(super) fn vim_on_lines(&mut self, op: Op, first: usize, last: usize, times: usize) -> Answer {
        self.anchor = None;
        let (from, to) = (Place::new(first, 0), self.end_of(last));
        match op {
            Op::Copy => {
                self.copied = Copied { text: self.lines_text(first, last), lines: true };
                self.move_to(Place::new(first, self.cursor.byte.min(self.end_of(first).byte)), false);
                Answer::Copy(self.copied.text.clone())
            }
            Op::Delete => {
                self.copied = Copied { text: self.lines_text(first, last), lines: true };
                let answer = self.delete_lines(first, last);
                self.vim_to_first(self.cursor.line);
                answer
            }
            Op::Change => {
                self.copied = Copied { text: self.lines_text(first, last), lines: true };
                let start = self.first_of(first);
                self.vim_insert('c', 1);
                self.edit(vec![Edit::delete(start, to)], Kind::Other, start, None)
            }
            Op::Lower | Op::Upper | Op::Swap => {
                let text = recased(op, &self.document.between(from, to));
                let cursor = self.cursor;
                self.edit(vec![Edit { from, to, text }], Kind::Other, cursor, None)
            }
            Op::Indent | Op::Unindent | Op::Comment => {
                let answer = match op {
                    Op::Indent => self.indent_lines(first, last, times),
                    Op::Unindent => self.unindent_lines(first, last, times),
                    _ => self.comment_lines(first, last),
                };
                if op != Op::Comment || self.cursor.line != first {
                    self.vim_to_first(first);
                }
                answer
            }
        }
    }

    fn vim_to_first(&mut self, line: usize) {
        self.cursor = self.first_of(line);
        self.document.stands((self.cursor, None));
    }

    /// `J`: the lines below at the end of this one, with one blank between.
    pub(super) fn vim_join(&mut self, times: usize) -> Answer {
        let line = self.cursor.line;
        let last = (line + times).min(self.document.last());
        if line == last {
            return Answer::Nothing;
        }
        let from = Place::new(line, self.document.line(line).trim_end_matches([' ', '\t']).len());
        let (mut text, mut at) = (String::new(), from.byte);
        for n in line + 1..=last {
            let next = self.document.line(n).trim();
            at = from.byte + text.len();
            let gap = !next.is_empty() && !next.starts_with(')') && at > 0;
            text.push_str(if gap { " " } else { "" });
            text.push_str(next);
        }
        self.edit(vec![Edit { from, to: self.end_of(last), text }], Kind::Other, Place::new(line, at), None)
    }

    /// `~`
    pub(super) fn vim_swap_letters(&mut self, times: usize) -> Answer {
        let mut to = self.cursor;
        for _ in 0..times {
            to = self.after(to);
        }
        let text = recased(Op::Swap, &self.document.between(self.cursor, to));
        self.edit_to_end(Edit { from: self.cursor, to, text }, Kind::Other)
    }

    /// `r`
    pub(super) fn vim_replace_letters(&mut self, with: char, times: usize) -> Answer {
        let mut to = self.cursor;
        for _ in 0..times {
            let next = self.after(to);
            if next == to {
                return Answer::Nothing;
            }
            to = next;
        }
        let from = self.cursor;
        if with == '\n' {
            return self.edit_to_end(Edit { from, to, text: "\n".to_owned() }, Kind::Other);
        }
        let cursor = Place::new(from.line, from.byte + with.len_utf8() * (times - 1));
        self.edit(vec![Edit { from, to, text: with.to_string().repeat(times) }], Kind::Other, cursor, None)
    }

    /// `p` and `P`
    pub(super) fn vim_put(&mut self, behind: bool, times: usize) -> Answer {
        let Copied { text, lines } = self.copied.clone();
        if text.is_empty() {
            return Answer::Nothing;
        }
        // Nobody means to put in a million lines.
        let times = times.min((1 << 20) / text.len().max(1) + 1);
        let text = text.repeat(times);
        let line = self.cursor.line;
        if lines {
            let (edit, first) = match (behind, line == self.document.last()) {
                (true, true) => {
                    (Edit::insert(self.end_of(line), format!("\n{}", text.trim_end_matches('\n'))), line + 1)
                }
                (true, false) => (Edit::insert(Place::new(line + 1, 0), text), line + 1),
                (false, _) => (Edit::insert(Place::new(line, 0), text), line),
            };
            let answer = self.edit(vec![edit], Kind::Other, Place::new(first, 0), None);
            self.vim_to_first(first);
            return answer;
        }
        let at = if behind { self.after(self.cursor) } else { self.cursor };
        let several = text.contains('\n');
        let answer = self.edit_to_end(Edit::insert(at, text), Kind::Other);
        self.cursor = if several { at } else { self.left_of(self.cursor).unwrap_or(self.cursor) };
        self.document.stands((self.cursor, None));
        answer
    }
}
