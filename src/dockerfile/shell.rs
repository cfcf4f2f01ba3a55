//! What a `RUN` runs: its simple commands, wherever they stand in the line or in a text written in place.
//!
//! No shell: nothing is replaced, and of control structures only their commands are kept. That is what rules need
//! to see `pip install` in any position.

use std::ops::Range;

use super::instruction::{Form, Instruction, Name, Word};
use super::source::{Joined, Span};

/// The commands of a `RUN`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// In the order of the text; those within `$(...)` come behind the one that they are in.
    pub commands: Vec<Command>,
    /// A quote that never ends, to the end of the text.
    pub open_quote: Option<Span>,
}

/// What stands between a command and the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// It is the first of a line, a subshell or a text.
    First,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;`, the end of a line, or a word like `then`.
    Then,
    /// `|`
    Pipe,
    /// `&`
    Beside,
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What joins it to the one before.
    pub joint: Joint,
    /// `NAME=value` before the program.
    pub assignments: Vec<Word>,
    /// Its program and what it is told, without quotes.
    pub words: Vec<Word>,
    /// From its first to its last word.
    pub span: Span,
    /// The heredoc in whose text it stands.
    pub heredoc: Option<usize>,
    /// How many subshells it is in.
    pub depth: usize,
    /// Which word names what it calls.
    called: Option<usize>,
}

/// A command as it is meant: without `sudo`, `env` and paths, `python -m pip` as `pip`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) program: &'a str,
    /// Its last word: behind it arguments can be put.
    pub(super) name: &'a Word,
    pub(super) arguments: &'a [Word],
}

impl Call<'_> {
    /// The first argument that is no option.
    pub(super) fn verb(&self) -> Option<&Word> {
        self.arguments.iter().find(|w| !w.text.starts_with('-'))
    }

    /// Arguments after the first that are no options.
    pub(super) fn operands(&self) -> impl Iterator<Item = &Word> {
        self.arguments.iter().filter(|w| !w.text.starts_with('-')).skip(1)
    }

    pub(super) fn has(&self, options: &[&str]) -> bool {
        self.arguments.iter().any(|w| {
            let word = w.text.split_once('=').map_or(w.text.as_str(), |(name, _)| name);
            options.contains(&word)
        })
    }

    /// Whether a letter is among the short options: `y` of `-qqy`.
    pub(super) fn has_short(&self, letter: char) -> bool {
        self.arguments.iter().any(|w| {
            w.text
                .strip_prefix('-')
                .is_some_and(|rest| !rest.starts_with('-') && !rest.contains('=') && rest.contains(letter))
        })
    }
}

/// Programs that only run another one.
const WRAPPERS: &[&str] = &["sudo", "env", "exec", "command", "time", "nice", "nohup", "eatmydata", "builtin"];

impl Command {
    /// The program that it calls, behind `sudo`, `env` and paths; `python3 -m pip` calls `pip`, and so does `pip3`.
    pub fn program(&self) -> Option<&str> {
        self.call().map(|call| call.program)
    }

    /// What that program is told.
    pub fn arguments(&self) -> &[Word] {
        self.call().map_or(&[], |call| call.arguments)
    }

    /// What it calls; none for assignments alone.
    pub(super) fn call(&self) -> Option<Call<'_>> {
        let at = self.called?;
        let name = self.words.get(at)?;
        let program = name.text.rsplit('/').next().unwrap_or("");
        Some(Call { program: plain_pip(program), name, arguments: self.words.get(at + 1..)? })
    }

    /// Whether it calls this program, itself or behind wrappers.
    pub(super) fn calls(&self, program: &str) -> bool {
        self.call().is_some_and(|c| c.program == program)
    }
}

/// Which word names what is called, behind `sudo`, `env` and `python -m`.
fn called(words: &[Word]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = words.get(at + 1..)?;
        let program = words[at].text.rsplit('/').next().unwrap_or("");
        if WRAPPERS.contains(&program) {
            let skip = rest.iter().take_while(|w| w.text.starts_with('-') || assignment(&w.text)).count();
            if rest.len() > skip {
                at += 1 + skip;
                continue;
            }
        }
        let python = program.strip_prefix("python").or_else(|| program.strip_prefix("pypy"));
        if python.is_some_and(version)
            && let Some(module) = rest.iter().position(|w| w.text == "-m" || !w.text.starts_with('-'))
            && rest[module].text == "-m"
            && module + 1 < rest.len()
        {
            return Some(at + 2 + module);
        }
        return Some(at);
    }
}

fn version(rest: &str) -> bool {
    rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn plain_pip(program: &str) -> &str {
    if program.strip_prefix("pip").is_some_and(version) { "pip" } else { program }
}

fn assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+'))
    })
}

/// Shells whose input or `-c` is a script as here understood.
pub(super) fn is_shell(program: &str) -> bool {
    matches!(program.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash" | "zsh" | "ksh"))
}

impl Instruction {
    /// The commands of a `RUN`, for the text and escape character of its file; none for other instructions.
    pub fn script(&self, text: &str, escape: char) -> Option<Script> {
        Script::of(self, text, escape)
    }
}

impl Script {
    /// The commands of a text for a shell, such as what follows `sh -c`.
    pub fn shell(text: &str) -> Self {
        let mut script = Self::default();
        script.read(&Joined::one(text, 0), None);
        script
    }

    /// The commands of a `RUN`; none for other instructions.
    pub(super) fn of(instruction: &Instruction, text: &str, escape: char) -> Option<Self> {
        // A backtick that escapes means Windows and its shells.
        if instruction.name != Name::Run || escape == '`' {
            return None;
        }
        let mut script = Self::default();
        match &instruction.form {
            Form::Json(words) => {
                let span = words.first().map_or(0, |w| w.span.start)..words.last().map_or(0, |w| w.span.end);
                script.commands.push(Command {
                    joint: Joint::First,
                    assignments: Vec::new(),
                    words: words.clone(),
                    span,
                    heredoc: None,
                    depth: 0,
                    called: called(words),
                });
            }
            Form::Shell(line) => {
                script.read(line, None);
                let reader = script.reader();
                for (i, heredoc) in instruction.heredocs.iter().enumerate() {
                    let body = text.get(heredoc.body.clone()).unwrap_or("");
                    if reader.runs(body) {
                        script.read(&Joined::one(body, heredoc.body.start), Some(i));
                    }
                }
            }
            Form::Words(_) | Form::Pairs(_) | Form::None => return None,
        }
        Some(script)
    }

    /// Who reads the texts written in place, as far as the commands of the line tell.
    pub(super) fn reader(&self) -> TextReader {
        // Those of the texts come behind those of the line.
        let mut calls = self.commands.iter().take_while(|c| c.heredoc.is_none()).filter_map(Command::call);
        match (calls.next(), calls.next()) {
            (None, _) => TextReader::Itself,
            (Some(one), None) if is_shell(one.program) => TextReader::Shell,
            _ => TextReader::Other,
        }
    }

    fn read(&mut self, line: &Joined, heredoc: Option<usize>) {
        let mut waiting = vec![(0..line.text().len(), 0)];
        while let Some((range, depth)) = waiting.pop() {
            let mut reader = Reader {
                line,
                bytes: line.text().as_bytes(),
                at: range.start,
                end: range.end,
                heredoc,
                depth,
                joint: Joint::First,
                words: Vec::new(),
                inner: Vec::new(),
                texts: Vec::new(),
                script: self,
            };
            reader.run();
            // Deeper ones are left alone: nobody writes them, and each level reads its text again.
            if depth < 8 {
                let inner = std::mem::take(&mut reader.inner);
                waiting.extend(inner.into_iter().rev().map(|r| (r, depth + 1)));
            }
        }
    }
}

/// Who reads the texts that a `RUN` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextReader {
    /// Without a command before it the text itself is run, by a shell unless its first line says otherwise.
    Itself,
    /// A shell.
    Shell,
    /// Another program.
    Other,
}

impl TextReader {
    /// Who reads the texts of an instruction.
    pub(super) fn of(instruction: &Instruction) -> Self {
        let mut script = Script::default();
        if instruction.name != Name::Run || instruction.heredocs.is_empty() {
            return Self::Other;
        }
        let Some(line) = instruction.shell() else { return Self::Other };
        script.read(line, None);
        script.reader()
    }

    /// Whether this text is a script for a shell.
    pub(super) fn runs(self, body: &str) -> bool {
        match self {
            Self::Itself => body
                .strip_prefix("#!")
                .is_none_or(|rest| rest.lines().next().unwrap_or("").split_whitespace().any(is_shell)),
            Self::Shell => true,
            Self::Other => false,
        }
    }
}

struct Reader<'a> {
    line: &'a Joined,
    bytes: &'a [u8],
    at: usize,
    end: usize,
    heredoc: Option<usize>,
    depth: usize,
    joint: Joint,
    words: Vec<(Word, bool)>,
    /// What stands in `$(...)`, to be read later.
    inner: Vec<Range<usize>>,
    /// Heredocs of the script itself, whose texts follow the line.
    texts: Vec<String>,
    script: &'a mut Script,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        (at < self.end).then(|| self.bytes[at])
    }

    fn run(&mut self) {
        let base = self.depth;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' => {
                    self.finish(Joint::Then);
                    self.at += 1;
                    self.skip_texts();
                }
                b'\\' if self.peek(1) == Some(b'\n') => self.at += 2,
                b'\\' if self.peek(1) == Some(b'\r') && self.peek(2) == Some(b'\n') => self.at += 3,
                0x0b => self.at += 1,
                _ if byte.is_ascii_whitespace() => self.at += 1,
                b'#' => {
                    self.at = memchr::memchr(b'\n', &self.bytes[self.at..self.end]).map_or(self.end, |i| self.at + i);
                }
                b'&' if self.peek(1) == Some(b'&') => self.join(Joint::And, 2),
                b'|' if self.peek(1) == Some(b'|') => self.join(Joint::Or, 2),
                b'|' => {
                    let length = 1 + usize::from(self.peek(1) == Some(b'&'));
                    self.join(Joint::Pipe, length);
                }
                b'&' if self.peek(1) == Some(b'>') => self.redirect(1),
                b'&' => self.join(Joint::Beside, 1),
                b';' => self.join(Joint::Then, 1),
                b'(' => {
                    self.join(Joint::First, 1);
                    self.depth += 1;
                }
                b')' => {
                    self.join(Joint::Then, 1);
                    self.depth = self.depth.saturating_sub(1).max(base);
                }
                b'<' | b'>' => self.redirect(0),
                _ => {
                    let before = self.at;
                    self.word();
                    // Whatever a word is taken to be, reading goes on.
                    self.at = self.at.max(before + 1);
                }
            }
        }
        self.finish(Joint::Then);
        self.depth = base;
    }

    fn join(&mut self, joint: Joint, length: usize) {
        // `a && (b` and `if (a`: what stood before goes on to count.
        let begun = self.words.is_empty() && joint == Joint::First;
        if begun {
            self.at += length;
            return;
        }
        self.finish(joint);
        self.at += length;
    }

    /// `2> file`, `<<EOF`, `>&2`: neither belongs to the words.
    fn redirect(&mut self, skip: usize) {
        self.at += skip;
        let start = self.at;
        while matches!(self.peek(0), Some(b'<' | b'>')) {
            self.at += 1;
        }
        let operator = &self.bytes[start..self.at];
        if self.peek(0) == Some(b'(') {
            return;
        }
        let text = operator == b"<<";
        if matches!(self.peek(0), Some(b'&' | b'|')) || (text && self.peek(0) == Some(b'-')) {
            self.at += 1;
        }
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        if self
            .peek(0)
            .is_some_and(|b| !b.is_ascii_whitespace() && !matches!(b, b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>'))
        {
            let before = self.words.len();
            self.word();
            if self.words.len() > before
                && let Some((word, _)) = self.words.pop()
                && text
                && self.heredoc.is_some()
            {
                self.texts.push(word.text);
            }
        }
    }

    /// Past the texts of heredocs that the last line of the script announced.
    fn skip_texts(&mut self) {
        for name in std::mem::take(&mut self.texts) {
            while self.at < self.end {
                let rest = &self.bytes[self.at..self.end];
                let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
                let line = rest[..length].trim_ascii();
                self.at += length;
                if line == name.as_bytes() {
                    break;
                }
            }
        }
    }

    fn word(&mut self) {
        let start = self.at;
        let mut text = Vec::new();
        let mut bare = true;
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | b';' | b'&' | b'|' | b'(' | b')' => break,
                b'<' | b'>' => {
                    if text.iter().all(u8::is_ascii_digit) && bare && self.at - start < 3 {
                        // The number of a file before `>` is no word.
                        return;
                    }
                    break;
                }
                b'\\' => {
                    let next = self.peek(1);
                    self.at += 1;
                    if next == Some(b'\n') {
                        self.at += 1;
                    } else if let Some(next) = next {
                        text.push(next);
                        self.at += 1;
                    }
                    bare = false;
                }
                b'\'' => {
                    bare = false;
                    let open = self.at;
                    let rest = &self.bytes[open + 1..self.end];
                    if let Some(i) = memchr::memchr(b'\'', rest) {
                        text.extend_from_slice(&rest[..i]);
                        self.at = open + i + 2;
                    } else {
                        self.unclosed(open);
                        self.at = self.end;
                    }
                }
                b'"' => {
                    bare = false;
                    self.double(&mut text);
                }
                b'`' => {
                    let rest = &self.bytes[self.at + 1..self.end];
                    let i = memchr::memchr(b'`', rest).unwrap_or(rest.len());
                    self.inner.push(self.at + 1..self.at + 1 + i);
                    let end = (self.at + i + 2).min(self.end);
                    text.extend_from_slice(&self.bytes[self.at..end]);
                    self.at = end;
                }
                b'$' => self.dollar(&mut text),
                _ => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        // Escapes may have cut a character: whatever that was, it is no word that a rule looks for.
        let text = String::from_utf8_lossy(&text).into_owned();
        let span = self.line.span(start..self.at.max(start));
        self.words.push((Word { text, span }, bare));
    }

    fn unclosed(&mut self, open: usize) {
        if self.script.open_quote.is_none() && self.depth == 0 {
            self.script.open_quote = Some(self.line.span(open..self.end));
        }
    }

    fn double(&mut self, text: &mut Vec<u8>) {
        let open = self.at;
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return;
                }
                b'\\' => {
                    match self.peek(1) {
                        Some(next @ (b'"' | b'\\' | b'$' | b'`')) => {
                            text.push(next);
                            self.at += 1;
                        }
                        Some(b'\n') => self.at += 1,
                        _ => text.push(b'\\'),
                    }
                    self.at += 1;
                }
                b'$' => self.dollar(text),
                _ => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        self.unclosed(open);
    }

    /// `$(...)`, `${...}` and `$((...))` are part of their word; what `$(...)` runs is read later.
    fn dollar(&mut self, text: &mut Vec<u8>) {
        let start = self.at;
        let close = match (self.peek(1), self.peek(2)) {
            (Some(b'('), _) => b')',
            (Some(b'{'), _) => b'}',
            _ => {
                text.push(b'$');
                self.at += 1;
                return;
            }
        };
        let arithmetic = self.peek(2) == Some(b'(') && close == b')';
        self.at = closing(&self.bytes[..self.end], start + 1, close);
        if close == b')' && !arithmetic {
            self.inner.push(start + 2..self.at.saturating_sub(1).max(start + 2));
        }
        text.extend_from_slice(&self.bytes[start..self.at]);
    }

    fn finish(&mut self, next: Joint) {
        let mut words = std::mem::take(&mut self.words);
        let reserved = |(word, bare): &(Word, bool)| {
            *bare
                && matches!(
                    word.text.as_str(),
                    "if" | "then"
                        | "else"
                        | "elif"
                        | "fi"
                        | "while"
                        | "until"
                        | "do"
                        | "done"
                        | "esac"
                        | "{"
                        | "}"
                        | "!"
                )
        };
        let count = words.iter().take_while(|w| reserved(w)).count();
        words.drain(..count);
        // The words of a loop and of a case are no command.
        if words
            .first()
            .is_some_and(|(w, bare)| *bare && matches!(w.text.as_str(), "for" | "case" | "select" | "function"))
        {
            let after = words
                .iter()
                .position(|(w, bare)| *bare && matches!(w.text.as_str(), "do" | "in"))
                .filter(|_| words[0].0.text == "case");
            match after {
                Some(at) => drop(words.drain(..=at)),
                None => words.clear(),
            }
        }
        if words.is_empty() {
            // `a && (b`: b is joined to a.
            if !(next == Joint::Then && matches!(self.joint, Joint::And | Joint::Or)) {
                self.joint = if count > 0 && next != Joint::First { Joint::Then } else { next };
            }
            return;
        }
        let joint = if count > 0 && self.joint != Joint::First { Joint::Then } else { self.joint };
        let count = words.iter().take_while(|(w, _)| assignment(&w.text)).count();
        let span = words[0].0.span.start..words[words.len() - 1].0.span.end;
        let mut all = words.into_iter().map(|(w, _)| w);
        let assignments = all.by_ref().take(count).collect();
        let words: Vec<Word> = all.collect();
        self.script.commands.push(Command {
            joint,
            assignments,
            called: called(&words),
            words,
            span,
            heredoc: self.heredoc,
            depth: self.depth,
        });
        self.joint = next;
    }
}

/// Past the bracket that closes the one at `open`, with quotes and brackets within; else the end.
fn closing(bytes: &[u8], open: usize, close: u8) -> usize {
    let opener = bytes[open];
    let mut depth = 0usize;
    let mut i = open;
    while let Some(&byte) = bytes.get(i) {
        match byte {
            b'\\' => i += 1,
            b'\'' => i += 1 + memchr::memchr(b'\'', bytes.get(i + 1..).unwrap_or(&[])).unwrap_or(bytes.len()),
            b'"' => {
                i += 1;
                while let Some(&byte) = bytes.get(i) {
                    match byte {
                        b'"' => break,
                        b'\\' => i += 2,
                        _ => i += 1,
                    }
                }
            }
            _ if byte == opener => depth += 1,
            _ if byte == close => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
        i += 1;
    }
    bytes.len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    fn commands(text: &str) -> Vec<String> {
        let file = parse(text);
        let script = Script::of(&file.instructions[0], text, file.escape).unwrap();
        script.commands.iter().map(|c| c.words.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn simple_commands_are_seen_in_any_position() {
        assert_eq!(commands("RUN a b && c | d; e || f &\n"), ["a b", "c", "d", "e", "f"]);
        assert_eq!(commands("RUN X=1 a 'b c' \\\n  # no\n && (d; e) 2>&1 > /x"), ["a b c", "d", "e"]);
        assert_eq!(
            commands("RUN if [ -f x ]; then a; else b; fi; for i in 1 2; do c $i; done"),
            ["[ -f x ]", "a", "b", "c $i"]
        );
        assert_eq!(commands("RUN echo \"$(pip install x) y\" && z"), ["echo $(pip install x) y", "z", "pip install x"]);
        assert_eq!(commands("RUN [\"pip\", \"install\"]"), ["pip install"]);
        assert_eq!(commands("RUN a \u{b} b\u{b}c\u{c}d"), ["a b c d"]);
        assert_eq!(commands("RUN while ! a; do { b; }; done # c"), ["a", "b"]);
    }

    #[test]
    fn texts_written_in_place_are_scripts_when_a_shell_reads_them() {
        assert_eq!(commands("RUN <<EOF\na b\nc \\\n d # no\ncat <<X >y\nno\nX\ne\nEOF\n"), ["a b", "c d", "cat", "e"]);
        assert_eq!(commands("RUN bash -e <<'EOF'\na\nEOF\n"), ["bash -e", "a"]);
        assert_eq!(commands("RUN cat <<EOF > /x\na\nEOF\n"), ["cat"]);
        assert_eq!(commands("RUN python3 <<EOF\nimport x\nEOF\n"), ["python3"]);
        assert!(commands("RUN <<EOF\n#!/usr/bin/env python3\nimport x\nEOF\n").is_empty());
        assert_eq!(commands("RUN <<EOF\n#!/bin/bash\na\nEOF\n"), ["a"]);
    }

    #[test]
    fn calls_are_what_is_meant() {
        let text = "RUN sudo -E env A=1 /usr/bin/python3.11 -m pip install -qU x && pip3 install y";
        let file = parse(text);
        let script = Script::of(&file.instructions[0], text, '\\').unwrap();
        let calls: Vec<_> = script.commands.iter().filter_map(Command::call).collect();
        assert_eq!(calls.iter().map(|c| c.program).collect::<Vec<_>>(), ["pip", "pip"]);
        assert_eq!(calls[0].verb().map(|w| w.text.as_str()), Some("install"));
        assert!(calls[0].has_short('U') && !calls[1].has_short('U'));
        assert_eq!(script.commands[1].joint, Joint::And);
    }

    #[test]
    fn spans_lead_to_the_file() {
        let text = "FROM a\nRUN x \\\n  && yy  z";
        let file = parse(text);
        let script = Script::of(&file.instructions[1], text, '\\').unwrap();
        assert_eq!(&text[script.commands[1].words[0].span.clone()], "yy");
        let text = "RUN echo 'a";
        let script = Script::of(&parse(text).instructions[0], text, '\\').unwrap();
        assert_eq!(script.open_quote, Some(9..11));
    }
}
