//! The line one types after `:`, `/` or `?`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::document::Place;
use super::super::search::{Search, pattern};
use super::super::{Answer, Case, Editor, FindOptions, VimCommand};
use super::Mode;

impl Editor {
    pub(super) fn vim_asks_key(&mut self, key: KeyEvent) -> Answer {
        let Mode::Asks(first, mut typed) = std::mem::take(&mut self.vim.mode) else { return Answer::Nothing };
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter if first == ':' => return self.vim_line(typed.trim()),
            KeyCode::Enter => return self.vim_search(&typed, first == '?'),
            KeyCode::Esc => return Answer::Moved,
            KeyCode::Char('c' | '[') if control => return Answer::Moved,
            KeyCode::Backspace if typed.is_empty() => return Answer::Moved,
            KeyCode::Backspace => drop(typed.pop()),
            KeyCode::Char('h') if control => drop(typed.pop()),
            KeyCode::Char('u') if control => typed.clear(),
            KeyCode::Char('w') if control => {
                typed.truncate(typed.trim_end().rfind(' ').map_or(0, |at| at + 1));
            }
            KeyCode::Char(c) if !control => typed.push(c),
            _ => {}
        }
        self.vim.mode = Mode::Asks(first, typed);
        Answer::Moved
    }

    fn vim_search(&mut self, query: &str, backwards: bool) -> Answer {
        self.vim.backwards = backwards;
        if !query.is_empty() {
            let options = FindOptions { regex: true, whole_words: false, case: Case::Smart };
            // What is no expression is taken as it is.
            let found = pattern(query, options).or_else(|_| pattern(query, FindOptions { regex: false, ..options }));
            match found {
                Ok(found) => self.search = Some(Search::new(found, true, self.cursor)),
                Err(words) => return Answer::Say(words),
            }
        }
        match self.vim_match(self.cursor, !backwards, 1) {
            Some(place) => {
                self.move_to(place, false);
                self.screen_mut().center = true;
                Answer::Moved
            }
            None => Answer::Say(format!("not found: {query}")),
        }
    }

    fn vim_line(&mut self, line: &str) -> Answer {
        let Some((first, last, given, rest)) = self.vim_range(line) else {
            return Answer::Say(format!("not a range: {line}"));
        };
        let rest = rest.trim();
        match rest {
            "" if given => {
                let place = self.first_of(last);
                self.move_to(place, false);
                self.screen_mut().center = true;
                return Answer::Moved;
            }
            "" => return Answer::Nothing,
            "w" | "w!" | "write" | "up" | "update" => return Answer::Command(VimCommand::Save),
            "x" | "xit" | "xa" if self.dirty() => return Answer::Command(VimCommand::SaveQuit),
            "q" | "quit" | "close" | "x" | "xit" | "xa" => return Answer::Command(VimCommand::Quit),
            "q!" | "quit!" | "qa!" => return Answer::Command(VimCommand::QuitUnsaved),
            "wq" | "wq!" | "wqa" => return Answer::Command(VimCommand::SaveQuit),
            "e!" | "edit!" => return Answer::Command(VimCommand::Reload),
            "noh" | "nohl" | "nohlsearch" => {
                self.search = None;
                return Answer::Moved;
            }
            "u" | "undo" => return self.vim_undo(true),
            "red" | "redo" => return self.vim_undo(false),
            "d" | "delete" => return self.vim_on_lines(super::Op::Delete, first, last, 1),
            "y" | "yank" => return self.vim_on_lines(super::Op::Copy, first, last, 1),
            "j" | "join" => {
                self.cursor = Place::new(first, 0);
                return self.vim_join((last - first).max(1));
            }
            ">" => return self.vim_on_lines(super::Op::Indent, first, last, 1),
            "<" => return self.vim_on_lines(super::Op::Unindent, first, last, 1),
            _ => {}
        }
        let body = rest.strip_prefix("substitute").or_else(|| rest.strip_prefix('s'));
        match body.and_then(|body| Some((body.chars().next().filter(char::is_ascii_punctuation)?, body))) {
            Some((mark, body)) => self.vim_substitute(first, last, mark, &body[1..]),
            None => Answer::Say(format!("not a command: {rest}")),
        }
    }

    /// The lines a command is for (first, last, whether they were given) and the rest of it.
    fn vim_range<'a>(&self, line: &'a str) -> Option<(usize, usize, bool, &'a str)> {
        let end = self.document.last();
        if let Some(rest) = line.strip_prefix('%') {
            return Some((0, end, true, rest));
        }
        let here = self.cursor.line;
        let Some((first, rest)) = self.vim_address(line) else { return Some((here, here, false, line)) };
        let (last, rest) = match rest.strip_prefix(',') {
            Some(rest) => self.vim_address(rest)?,
            None => (first, rest),
        };
        Some((first.min(last).min(end), first.max(last).min(end), true, rest))
    }

    /// A line by number, `.` or `$`, and what is added to it.
    fn vim_address<'a>(&self, text: &'a str) -> Option<(usize, &'a str)> {
        let digits =
            |text: &'a str| text.split_at(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len());
        let (base, mut rest) = if let Some(rest) = text.strip_prefix('.') {
            (self.cursor.line, rest)
        } else if let Some(rest) = text.strip_prefix('$') {
            (self.document.last(), rest)
        } else {
            let (number, rest) = digits(text);
            if number.is_empty() {
                (self.cursor.line, text.starts_with(['+', '-']).then_some(text)?)
            } else {
                (number.parse::<usize>().unwrap_or(usize::MAX).saturating_sub(1), rest)
            }
        };
        let mut line = base;
        while let Some(sign) = rest.chars().next().filter(|c| matches!(c, '+' | '-')) {
            let (number, behind) = digits(&rest[1..]);
            let by = if number.is_empty() { 1 } else { number.parse().unwrap_or(usize::MAX) };
            line = if sign == '+' { line.saturating_add(by) } else { line.saturating_sub(by) };
            rest = behind;
        }
        Some((line, rest))
    }

    fn vim_substitute(&mut self, first: usize, last: usize, mark: char, body: &str) -> Answer {
        let mut parts = [const { String::new() }; 3];
        let mut at = 0;
        let mut letters = body.chars();
        while let Some(c) = letters.next() {
            match c {
                '\\' => match letters.next() {
                    Some(next) if next == mark => parts[at].push(next),
                    Some(next) => parts[at].extend(['\\', next]),
                    None => parts[at].push('\\'),
                },
                c if c == mark && at < 2 => at += 1,
                c => parts[at].push(c),
            }
        }
        let [query, with, flags] = &parts;
        let (with, flags) = (expansion(with), flags.trim());
        if let Some(unknown) = flags.chars().find(|c| !matches!(c, 'g' | 'i' | 'I' | 'e')) {
            return Answer::Say(format!("not a flag of :s here: {unknown}"));
        }
        let case = match flags {
            f if f.contains('i') => Case::Alike,
            f if f.contains('I') => Case::Exact,
            _ => Case::Smart,
        };
        if !query.is_empty() {
            match pattern(query, FindOptions { regex: true, whole_words: false, case }) {
                Ok(found) => self.search = Some(Search::new(found, true, self.cursor)),
                Err(words) => return Answer::Say(words),
            }
        }
        let Some(search) = self.search.take() else { return Answer::Say("nothing to search for".to_owned()) };
        let lines = self.document.lines().get(first..=last).unwrap_or_default();
        let reached = lines.iter().rposition(|line| search.pattern.is_match(line)).map(|n| first + n);
        let count = self.replace_in(first, last, &search.pattern, &with, true, flags.contains('g'));
        self.search = Some(search);
        if count == 0 {
            return Answer::Say(format!("not found: {query}"));
        }
        if let Some(line) = reached {
            self.cursor = self.first_of(line.min(self.document.last()));
            self.document.stands((self.cursor, None));
        }
        self.vim.said = Some(format!("{count} replaced"));
        Answer::Changed
    }
}

/// Vim's `\1` and `&` in a replacement as `${1}` and `${0}`.
fn expansion(with: &str) -> String {
    let mut text = String::new();
    let mut letters = with.chars();
    while let Some(c) = letters.next() {
        match c {
            '$' => text.push_str("$$"),
            '&' => text.push_str("${0}"),
            '\\' => match letters.next() {
                Some(n @ '0'..='9') => text.extend(["${", n.encode_utf8(&mut [0; 4]), "}"]),
                Some('n' | 'r') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('$') => text.push_str("$$"),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn replacements_are_written_as_in_vim() {
        assert_eq!(super::expansion(r"a\1&\&$x\n"), "a${1}${0}&$$x\n");
    }
}
