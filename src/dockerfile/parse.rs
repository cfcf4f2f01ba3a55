//! Lines become instructions, as BuildKit's parser does it; but what it would refuse is noted and reading goes on.

use std::collections::HashMap;

use super::arguments;
use super::instruction::{Comment, Directive, Dockerfile, Flag, Form, Heredoc, Instruction, Name, Problem, Stage};
use super::lint::{Edit, Fix};
use super::source::{Joined, Span, trimmed};
use super::words;

/// Reads a Dockerfile. Never fails: what cannot be read is among the [`Dockerfile::problems`].
pub fn parse(text: &str) -> Dockerfile {
    let mut reader = Reader {
        text,
        next: if text.starts_with('\u{feff}') { 3 } else { 0 },
        file: Dockerfile { escape: '\\', lines: vec![0], ..Dockerfile::default() },
        lasts: [None, None],
    };
    reader.file.lines.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|i| i + 1));
    reader.directives();
    while let Some(line) = reader.line() {
        reader.first(line);
    }
    let mut file = reader.file;
    if file.instructions.is_empty() && file.problems.is_empty() {
        file.problems.push(refused(0..0, "there is no instruction in this file", "Begin with FROM and an image."));
    }
    stages(&mut file);
    file
}

/// A `DL1000` without a fix.
pub(super) fn refused(span: Span, message: impl Into<String>, mend: impl Into<String>) -> Problem {
    Problem { code: "DL1000", span, message: message.into(), mend: mend.into(), fix: None }
}

/// One line of the file.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// Without its end.
    text: &'a str,
    start: usize,
}

struct Reader<'a> {
    text: &'a str,
    next: usize,
    file: Dockerfile,
    /// Where each line stands last, as it is and without tabs before it, so that a heredoc without an end is known
    /// without searching for it.
    lasts: [Option<HashMap<&'a str, usize>>; 2],
}

impl<'a> Reader<'a> {
    fn line(&mut self) -> Option<Line<'a>> {
        if self.next >= self.text.len() {
            return None;
        }
        let start = self.next;
        let rest = &self.text[start..];
        let length = memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |i| i + 1);
        self.next += length;
        Some(Line { text: rest[..length].trim_end_matches(['\r', '\n']), start })
    }

    /// `# name=value` before everything else.
    fn directives(&mut self) {
        loop {
            let before = self.next;
            let Some(line) = self.line() else { return };
            let Some(directive) = directive(line) else {
                self.next = before;
                return;
            };
            let span = directive.span.clone();
            self.file.comments.push(Comment { span: span.clone(), instruction: 0, within: false });
            if self.file.directives.iter().any(|d| d.name == directive.name) {
                let message = format!("the directive {} is given twice", directive.name);
                self.file.problems.push(refused(span, message, "Remove one of them."));
            } else {
                if directive.name == "escape" {
                    match directive.value.as_str() {
                        "\\" => {}
                        "`" => self.file.escape = '`',
                        _ => self.file.problems.push(refused(
                            directive.value_span.clone(),
                            "only \\ or ` can be the escape character",
                            "Write `# escape=\\` or `# escape=` with a backtick.",
                        )),
                    }
                }
                self.file.directives.push(directive);
            }
        }
    }

    /// Whether the line goes on in the next one, and what it says without that sign.
    fn continued(&self, line: &'a str) -> Option<&'a str> {
        let body = line.trim_end_matches([' ', '\t']).strip_suffix(self.file.escape)?;
        // An escaped escape character continues nothing.
        (!body.ends_with(self.file.escape)).then_some(body)
    }

    fn comment(&mut self, line: Line<'_>, within: bool) -> bool {
        let body = line.text.trim_start();
        if !body.starts_with('#') {
            return false;
        }
        let end = line.start + line.text.len();
        let instruction = self.file.instructions.len();
        self.file.comments.push(Comment { span: end - body.len()..end, instruction, within });
        true
    }

    /// A line that is no continuation: a comment, nothing, or the beginning of an instruction.
    fn first(&mut self, line: Line<'a>) {
        if self.comment(line, false) {
            return;
        }
        let body = line.text.trim_start();
        if body.is_empty() {
            return;
        }
        let start = line.start + line.text.len() - body.len();
        let mut joined = Joined::nothing(start);
        let mut empty_lines = Vec::new();
        let mut end = line.start + line.text.len();
        let mut continuations = Vec::new();
        let mut more = self.continued(body);
        continuations.extend(more.map(|m| start + m.len()));
        joined.push(more.unwrap_or(body), start);
        while more.is_some() {
            let Some(line) = self.line() else { break };
            if self.comment(line, true) {
                continue;
            }
            if line.text.trim_start().is_empty() {
                empty_lines.push(line.start..self.next);
                continue;
            }
            end = line.start + line.text.len();
            more = self.continued(line.text);
            continuations.extend(more.map(|m| line.start + m.len()));
            joined.push(more.unwrap_or(line.text), line.start);
        }
        if more.is_some() {
            // The file ends within the instruction: what stands behind its last words belongs to nobody.
            empty_lines.clear();
            self.file.open_end = true;
        }
        let inside = trimmed(joined.text());
        if inside.is_empty() {
            let problem = refused(start..end, "a continuation of nothing", "Remove this line.");
            self.file.problems.push(problem);
            return;
        }
        let joined = joined.part(inside);
        let mut instruction = self.instruction(&joined, false);
        instruction.span = start..end.max(instruction.span.end);
        instruction.empty_lines = empty_lines;
        instruction.continuations = continuations;
        self.heredocs(&joined, &mut instruction);
        self.file.instructions.push(instruction);
    }

    /// The bodies of the heredocs that the line announces.
    fn heredocs(&mut self, joined: &Joined, instruction: &mut Instruction) {
        let target = instruction.inner.as_deref().unwrap_or(instruction);
        if !matches!(target.name, Name::Run | Name::Copy | Name::Add) || matches!(target.form, Form::Json(_)) {
            return;
        }
        let announced = words::heredocs(joined.text());
        let mut found = Vec::new();
        for one in announced {
            let opening = joined.span(one.span);
            let body = self.next;
            let mut heredoc = Heredoc {
                name: one.name,
                opening,
                body: body..body,
                closing: None,
                expand: one.expand,
                chomp: one.chomp,
            };
            if self.ends(&heredoc) {
                while let Some(line) = self.line() {
                    if is_end(&heredoc, line.text) {
                        heredoc.closing = Some(line.start..line.start + line.text.len());
                        break;
                    }
                    heredoc.body.end = self.next;
                }
            } else {
                // Up to what looks like the next instruction: the rest of the file keeps its meaning.
                loop {
                    let before = self.next;
                    let Some(line) = self.line() else { break };
                    if looks_like_instruction(line.text) {
                        self.next = before;
                        break;
                    }
                    heredoc.body.end = self.next;
                }
                let mend = format!("Write a line with nothing but {} where the text ends.", heredoc.name);
                let message = format!("the text that begins with <<{} never ends", heredoc.name);
                self.file.problems.push(refused(heredoc.opening.clone(), message, mend));
                instruction.broken = true;
            }
            let last = heredoc.closing.as_ref().map_or(heredoc.body.end, |c| c.end);
            let last = last - trailing_breaks(&self.text[..last]);
            instruction.span.end = instruction.span.end.max(last);
            found.push(heredoc);
        }
        instruction.heredocs.clone_from(&found);
        if let Some(inner) = &mut instruction.inner {
            inner.heredocs = found;
            inner.span.end = instruction.span.end;
        }
    }

    /// Whether a line further on ends the heredoc.
    fn ends(&mut self, heredoc: &Heredoc) -> bool {
        let text = self.text;
        let chomp = heredoc.chomp;
        let lasts = self.lasts[usize::from(chomp)].get_or_insert_with(|| {
            let mut lasts = HashMap::new();
            let mut start = 0;
            for line in text.split_inclusive('\n') {
                let body = line.trim_end_matches(['\r', '\n']);
                lasts.insert(if chomp { body.trim_start_matches('\t') } else { body }, start);
                start += line.len();
            }
            lasts
        });
        lasts.get(heredoc.name.as_str()).is_some_and(|&last| last >= self.next)
    }

    /// An instruction whose lines are joined. `inside` an `ONBUILD` there is no other.
    fn instruction(&mut self, line: &Joined, inside: bool) -> Instruction {
        let text = line.text();
        let word = text.bytes().position(words::blank).unwrap_or(text.len());
        let keyword = line.span(0..word);
        let name = Name::of(&text[..word]);
        let mut instruction = Instruction {
            span: line.span(0..text.len()),
            keyword: keyword.clone(),
            name,
            flags: Vec::new(),
            arguments: Joined::nothing(line.span(0..text.len()).end),
            form: Form::None,
            heredocs: Vec::new(),
            inner: None,
            stage: None,
            broken: false,
            empty_lines: Vec::new(),
            continuations: Vec::new(),
        };
        let flags_end = flags(line, word, &mut instruction.flags);
        let rest = trimmed(&text[flags_end..]);
        let rest = flags_end + rest.start..flags_end + rest.end;
        if !rest.is_empty() {
            instruction.arguments = line.part(rest);
        }
        let before = self.file.problems.len();
        if name == Name::Onbuild {
            self.onbuild(&mut instruction, inside);
        } else {
            arguments::read(self.text, self.file.escape, &mut instruction, &mut self.file.problems);
        }
        instruction.broken = self.file.problems.len() > before;
        instruction
    }

    fn onbuild(&mut self, instruction: &mut Instruction, inside: bool) {
        let problems = &mut self.file.problems;
        if inside {
            let mend = "Remove one ONBUILD.";
            problems.push(refused(instruction.keyword.clone(), "ONBUILD cannot stand within ONBUILD", mend));
            return;
        }
        arguments::known_flags(instruction, problems);
        if instruction.arguments.is_empty() {
            let mend = "Write the instruction after it, as in ONBUILD RUN make.";
            problems.push(refused(instruction.keyword.clone(), "ONBUILD needs an instruction", mend));
            return;
        }
        let line = instruction.arguments.clone();
        let inner = self.instruction(&line, true);
        if matches!(inner.name, Name::From | Name::Maintainer) {
            let message = format!("{} cannot stand within ONBUILD", inner.name.as_str());
            self.file.problems.push(refused(inner.keyword.clone(), message, "Remove ONBUILD, or the instruction."));
        }
        instruction.inner = Some(Box::new(inner));
    }
}

fn is_end(heredoc: &Heredoc, line: &str) -> bool {
    let line = if heredoc.chomp { line.trim_start_matches('\t') } else { line };
    line == heredoc.name
}

/// The end of the last line.
fn trailing_breaks(text: &str) -> usize {
    text.len() - text.strip_suffix('\n').unwrap_or(text).trim_end_matches('\r').len()
}

fn looks_like_instruction(line: &str) -> bool {
    let word = line.split(' ').next().unwrap_or("");
    word.bytes().all(|b| b.is_ascii_uppercase()) && Name::of(word) != Name::Unknown && line.len() > word.len()
}

fn directive(line: Line<'_>) -> Option<Directive> {
    let body = line.text.trim_start();
    let start = line.start + line.text.len() - body.len();
    let rest = body.strip_prefix('#')?.trim_start();
    let (name, value) = rest.split_once('=')?;
    let name = name.trim_end();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let value = value.trim();
    if value.is_empty() || !matches!(name.as_str(), "syntax" | "escape" | "check") {
        return None;
    }
    let end = line.start + line.text.len();
    let value_end = end - (line.text.len() - line.text.trim_end().len());
    Some(Directive { name, value: value.to_owned(), span: start..end, value_span: value_end - value.len()..value_end })
}

/// Reads `--name=value` from here on; answers where the arguments begin.
fn flags(line: &Joined, from: usize, found: &mut Vec<Flag>) -> usize {
    let text = line.text();
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if !bytes[at..].starts_with(b"--") {
            return at;
        }
        let start = at;
        let mut word = String::new();
        let mut quote = None;
        let mut chars = text[at..].char_indices();
        let mut end = text.len();
        while let Some((i, c)) = chars.next() {
            match quote {
                None if c.is_whitespace() => {
                    end = start + i;
                    break;
                }
                None if c == '\'' || c == '"' => quote = Some(c),
                Some(q) if c == q => quote = None,
                _ if c == '\\' => word.extend(chars.next().map(|(_, c)| c)),
                _ => word.push(c),
            }
        }
        at = end;
        if word == "--" {
            return at;
        }
        let equals = text[start..end].find('=').map(|i| start + i);
        let (name, value) = match word[2..].split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word[2..].to_owned(), None),
        };
        found.push(Flag {
            name,
            value,
            span: line.span(start..end),
            name_span: line.span(start + 2..equals.unwrap_or(end).max(start + 2)),
            value_span: equals.map(|i| line.span(i + 1..end)),
        });
    }
}

/// Which instruction belongs to which stage, and what only the whole file tells.
fn stages(file: &mut Dockerfile) {
    let mut names: HashMap<String, usize> = HashMap::new();
    for i in 0..file.instructions.len() {
        let instruction = &file.instructions[i];
        if instruction.name == Name::From {
            if let Some(last) = file.stages.last_mut() {
                last.end = i;
            }
            let words = instruction.words();
            let base = words.first().map_or_else(String::new, |w| w.text.clone());
            let name = match words {
                [_, between, name] if between.text.eq_ignore_ascii_case("as") => Some(name.text.to_lowercase()),
                _ => None,
            };
            let parent = names.get(&base.to_lowercase()).copied();
            let number = file.stages.len();
            if let Some(name) = &name {
                names.entry(name.clone()).or_insert(number);
            }
            file.stages.push(Stage { from: i, end: file.instructions.len(), name, base, parent });
        } else if file.stages.is_empty() && !matches!(instruction.name, Name::Arg | Name::Unknown) {
            let message = format!("{} stands before the first FROM", instruction.name.as_str());
            file.problems.push(Problem {
                code: "DL3061",
                span: instruction.keyword.clone(),
                message,
                mend: "Only ARG may come before the first FROM: move this below it.".to_owned(),
                fix: None,
            });
        }
        let stage = file.stages.len().checked_sub(1);
        let instruction = &mut file.instructions[i];
        instruction.stage = stage;
        if let Some(inner) = &mut instruction.inner {
            inner.stage = stage;
        }
    }
    file.problems.sort_by_key(|p| p.span.start);
}

/// A guess at what was meant.
pub(super) fn replace(title: impl Into<String>, span: Span, text: impl Into<String>) -> Fix {
    Fix { title: title.into(), sure: false, edits: vec![Edit { span, text: text.into() }] }
}
