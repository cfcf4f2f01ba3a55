//! Where Vim's moves lead.

use super::super::document::Place;
use super::super::motion::{Class, class};
use super::super::search::{Search, pattern};
use super::super::{Answer, Case, Editor, FindOptions, layout};

/// A move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui::editor) enum Motion {
    Left,
    Right,
    Up,
    Down,
    /// `w`, `b`, `e`: with capitals, all that is not blank is a word.
    Word(bool),
    Back(bool),
    End(bool),
    LineStart,
    LineFirst,
    LineEnd,
    /// `gg` and `G`: a line by number, else the first or the last.
    Top,
    Bottom,
    /// `f`, `F`, `t`, `T` and their letter.
    Seek(char, char),
    SeekAgain,
    SeekBack,
    ParagraphDown,
    ParagraphUp,
    Bracket,
    ScreenTop,
    ScreenMiddle,
    ScreenBottom,
    Next,
    Previous,
    /// `*` and `#`.
    WordHere(bool),
    /// `+`, Enter and `-`.
    NextLine,
    PreviousLine,
}

/// What an operator takes that gets a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui::editor) enum Span {
    /// Up to where it leads.
    Before,
    /// With what it leads to.
    With,
    /// Whole lines.
    Lines,
}

/// What some keys are as a move.
pub(in crate::ui::editor) enum Read {
    Whole(Motion),
    /// The start of one.
    More,
    Nothing,
}

impl Motion {
    /// The move that keys are.
    pub fn read(keys: &str) -> Read {
        let mut letters = keys.chars();
        let Some(first) = letters.next() else { return Read::More };
        let second = letters.next();
        Read::Whole(match (first, second) {
            ('g' | 'f' | 'F' | 't' | 'T', None) => return Read::More,
            ('g', Some('g')) => Self::Top,
            ('f' | 'F' | 't' | 'T', Some(c)) if !c.is_control() => Self::Seek(first, c),
            ('h', _) => Self::Left,
            ('l' | ' ', _) => Self::Right,
            ('k', _) => Self::Up,
            ('j', _) => Self::Down,
            ('w' | 'W', _) => Self::Word(first == 'W'),
            ('b' | 'B', _) => Self::Back(first == 'B'),
            ('e' | 'E', _) => Self::End(first == 'E'),
            ('0', _) => Self::LineStart,
            ('^' | '_', _) => Self::LineFirst,
            ('$', _) => Self::LineEnd,
            ('G', _) => Self::Bottom,
            (';', _) => Self::SeekAgain,
            (',', _) => Self::SeekBack,
            ('}', _) => Self::ParagraphDown,
            ('{', _) => Self::ParagraphUp,
            ('%', _) => Self::Bracket,
            ('H', _) => Self::ScreenTop,
            ('M', _) => Self::ScreenMiddle,
            ('L', _) => Self::ScreenBottom,
            ('n', _) => Self::Next,
            ('N', _) => Self::Previous,
            ('*', _) => Self::WordHere(true),
            ('#', _) => Self::WordHere(false),
            ('+' | '\n', _) => Self::NextLine,
            ('-', _) => Self::PreviousLine,
            _ => return Read::Nothing,
        })
    }
}

impl Editor {
    /// Moves the cursor.
    pub(super) fn vim_move(&mut self, motion: Motion, count: Option<usize>, select: bool) -> Answer {
        let keeps = matches!(motion, Motion::Up | Motion::Down);
        let Some((place, _)) = self.vim_leads(motion, count) else {
            let seeks = matches!(motion, Motion::Next | Motion::Previous | Motion::WordHere(_));
            return if seeks { Answer::Say("not found".to_owned()) } else { Answer::Nothing };
        };
        let goal = self.goal;
        self.move_to(place, select);
        match motion {
            _ if keeps => self.goal = goal,
            // From the end of a line one stays at the ends of lines.
            Motion::LineEnd => self.goal = Some(usize::MAX),
            Motion::Next | Motion::Previous | Motion::WordHere(_) | Motion::Top | Motion::Bottom => {
                self.screen_mut().center = true;
            }
            _ => {}
        }
        Answer::Moved
    }

    /// Where a move leads, and what an operator takes of it; none when it leads nowhere.
    pub(super) fn vim_leads(&mut self, motion: Motion, count: Option<usize>) -> Option<(Place, Span)> {
        let times = count.unwrap_or(1);
        let here = self.cursor;
        let last = self.document.last();
        let line = self.document.line(here.line);
        let repeated = |step: &dyn Fn(Place) -> Place| {
            let mut place = here;
            for _ in 0..times {
                let next = step(place);
                if next == place {
                    break;
                }
                place = next;
            }
            (place != here).then_some(place)
        };
        let found = match motion {
            Motion::Up | Motion::PreviousLine if here.line == 0 => return None,
            Motion::Down | Motion::NextLine if here.line == last => return None,
            Motion::Left => {
                let step = |p: Place| layout::previous(line, p.byte).map_or(p, |byte| Place::new(p.line, byte));
                (repeated(&step)?, Span::Before)
            }
            Motion::Right => {
                let step = |p: Place| layout::next(line, p.byte).map_or(p, |byte| Place::new(p.line, byte));
                (repeated(&step)?, Span::Before)
            }
            Motion::Up => (self.lines_away(-(times as isize)), Span::Lines),
            Motion::Down => (self.lines_away(times as isize), Span::Lines),
            Motion::Word(big) => (repeated(&|p| self.vim_word(p, big))?, Span::Before),
            Motion::Back(big) => (repeated(&|p| self.vim_back(p, big))?, Span::Before),
            Motion::End(big) => (repeated(&|p| self.vim_word_end(p, big))?, Span::With),
            Motion::LineStart => (Place::new(here.line, 0), Span::Before),
            Motion::LineFirst => (self.first_of(here.line), Span::Before),
            Motion::LineEnd => (self.end_of((here.line + times - 1).min(last)), Span::Before),
            Motion::Top => (self.first_of(count.map_or(0, |n| n - 1).min(last)), Span::Lines),
            Motion::Bottom => (self.first_of(count.map_or(last, |n| n - 1).min(last)), Span::Lines),
            Motion::Seek(kind, c) => {
                self.vim.sought = Some((kind, c));
                self.vim_seek(kind, c, times, false)?
            }
            Motion::SeekAgain => {
                let (kind, c) = self.vim.sought?;
                self.vim_seek(kind, c, times, true)?
            }
            Motion::SeekBack => {
                let (kind, c) = self.vim.sought?;
                let turned = if kind.is_lowercase() { kind.to_ascii_uppercase() } else { kind.to_ascii_lowercase() };
                self.vim_seek(turned, c, times, true)?
            }
            Motion::ParagraphDown => (repeated(&|p| self.vim_paragraph(p, true))?, Span::Before),
            Motion::ParagraphUp => (repeated(&|p| self.vim_paragraph(p, false))?, Span::Before),
            Motion::Bracket => (self.bracket(here)?, Span::With),
            Motion::ScreenTop | Motion::ScreenMiddle | Motion::ScreenBottom => {
                let screen = self.screen_mut();
                let (top, rows) = (screen.top, usize::from(screen.rows.max(1)));
                let bottom = (top + rows - 1).min(last);
                let line = match motion {
                    Motion::ScreenTop => (top + times - 1).min(bottom),
                    Motion::ScreenMiddle => top + (bottom - top.min(bottom)) / 2,
                    _ => bottom.saturating_sub(times - 1).max(top.min(bottom)),
                };
                (self.first_of(line), Span::Lines)
            }
            Motion::Next | Motion::Previous => {
                let forward = (motion == Motion::Next) != self.vim.backwards;
                (self.vim_match(here, forward, times)?, Span::Before)
            }
            Motion::WordHere(forward) => {
                let at = line[here.byte..].find(|c| class(c, false) == Class::Word)?;
                let (from, to) = self.word_at(Place::new(here.line, here.byte + at), false);
                let word = self.document.between(from, to);
                let options = FindOptions { regex: false, whole_words: true, case: Case::Exact };
                self.search = Some(Search::new(pattern(&word, options).ok()?, true, here));
                self.vim.backwards = !forward;
                (self.vim_match(from, forward, times)?, Span::Before)
            }
            Motion::NextLine => (self.first_of((here.line + times).min(last)), Span::Lines),
            Motion::PreviousLine => (self.first_of(here.line.saturating_sub(times)), Span::Lines),
        };
        Some(found)
    }

    pub(super) fn vim_match(&self, from: Place, forward: bool, times: usize) -> Option<Place> {
        let mut at = from;
        for _ in 0..times {
            at = if forward { self.match_after(at, false)?.0 } else { self.match_before(at)?.0 };
        }
        Some(at)
    }

    fn vim_word(&self, from: Place, big: bool) -> Place {
        let mut at = from;
        if let Some(kind) = self.char_at(at).filter(|c| !c.is_whitespace()).map(|c| class(c, big)) {
            while let Some(c) = self.char_at(at).filter(|c| *c != '\n' && class(*c, big) == kind) {
                at.byte += c.len_utf8();
            }
        }
        loop {
            match self.char_at(at) {
                Some('\n') => {
                    at = Place::new(at.line + 1, 0);
                    if self.document.line(at.line).is_empty() {
                        return at;
                    }
                }
                Some(c) if c.is_whitespace() => at.byte += c.len_utf8(),
                _ => return at,
            }
        }
    }

    fn vim_back(&self, from: Place, big: bool) -> Place {
        let mut at = from;
        loop {
            let head = &self.document.line(at.line)[..at.byte];
            let word = head.trim_end();
            if let Some(kind) = word.chars().next_back().map(|c| class(c, big)) {
                return Place::new(at.line, word.trim_end_matches(|c| class(c, big) == kind).len());
            }
            if at.line == 0 {
                return Place::default();
            }
            at = self.end_of(at.line - 1);
            if at.byte == 0 {
                return at;
            }
        }
    }

    fn vim_word_end(&self, from: Place, big: bool) -> Place {
        let Some(mut at) = self.right_of(from) else { return from };
        loop {
            match self.char_at(at) {
                Some('\n') => at = Place::new(at.line + 1, 0),
                Some(c) if c.is_whitespace() => at.byte += c.len_utf8(),
                Some(_) => break,
                None => return self.left_of(at).unwrap_or(at).max(from),
            }
        }
        let rest = &self.document.line(at.line)[at.byte..];
        let Some(kind) = rest.chars().next().map(|c| class(c, big)) else { return at };
        let word = rest.len() - rest.trim_start_matches(|c| class(c, big) == kind).len();
        let line = self.document.line(at.line);
        Place::new(at.line, layout::previous(line, at.byte + word).unwrap_or(at.byte))
    }

    fn vim_paragraph(&self, from: Place, down: bool) -> Place {
        let blank = |line: usize| self.document.line(line).trim().is_empty();
        let last = self.document.last();
        let mut line = from.line;
        if down {
            while line < last && blank(line) {
                line += 1;
            }
            while line < last && !blank(line) {
                line += 1;
            }
            return if blank(line) { Place::new(line, 0) } else { self.end_of(line) };
        }
        while line > 0 && blank(line) {
            line -= 1;
        }
        while line > 0 && !blank(line) {
            line -= 1;
        }
        Place::new(line, 0)
    }

    fn vim_seek(&self, kind: char, c: char, times: usize, again: bool) -> Option<(Place, Span)> {
        let here = self.cursor;
        let line = self.document.line(here.line);
        let forward = kind.is_lowercase();
        let till = kind.eq_ignore_ascii_case(&'t');
        let place = |byte| Place::new(here.line, byte);
        if forward {
            // `t` again would stay before the same letter.
            let mut from = layout::next(line, here.byte)?;
            if till && again && line[from..].starts_with(c) && times == 1 {
                from += c.len_utf8();
            }
            let (at, _) = line.get(from..)?.match_indices(c).nth(times - 1)?;
            let at = from + at;
            Some((place(if till { layout::previous(line, at)? } else { at }), Span::With))
        } else {
            let mut to = here.byte;
            if till && again && line[..to].ends_with(c) && times == 1 {
                to -= c.len_utf8();
            }
            let (at, _) = line[..to].rmatch_indices(c).nth(times - 1)?;
            Some((place(if till { layout::next(line, at)? } else { at }), Span::Before))
        }
    }
}
