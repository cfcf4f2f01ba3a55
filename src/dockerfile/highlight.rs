//! Colours: what each part of the text is.

use super::instruction::{Form, Instruction, Name};
use super::parse::parse;
use super::shell::TextReader;
use super::source::{Joined, Span};

/// A part of the text that is something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a part of the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An instruction, `AS`, the `CMD` of a healthcheck.
    Keyword,
    /// `--name`.
    Flag,
    /// A quoted text.
    String,
    /// `$NAME`, and the names that `ARG`, `ENV` and `LABEL` give.
    Variable,
    /// A comment.
    Comment,
    /// A number.
    Number,
    /// `&&`, `|`, `=`, a continuation.
    Operator,
    /// A text written in place, and the words around it.
    Heredoc,
}

/// The parts of a text, in order, not overlapping. Works on broken text, too.
pub fn highlight(text: &str) -> Vec<Token> {
    let file = parse(text);
    let mut painter = Painter { tokens: Vec::new(), escape: file.escape as u8 };
    for comment in &file.comments {
        painter.put(comment.span.clone(), Kind::Comment);
    }
    for instruction in &file.instructions {
        for &at in &instruction.continuations {
            painter.put(at..at + 1, Kind::Operator);
        }
        painter.instruction(text, instruction);
        if let Some(inner) = &instruction.inner {
            painter.instruction(text, inner);
        }
    }
    let mut tokens = painter.tokens;
    tokens.sort_by_key(|t| (t.span.start, std::cmp::Reverse(t.span.end)));
    let mut end = 0;
    tokens.retain(|t| {
        let fits = t.span.start >= end && t.span.start < t.span.end;
        if fits {
            end = t.span.end;
        }
        fits
    });
    tokens
}

/// What is special in a text that is painted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Quotes and variables.
    Words,
    /// Operators, too.
    Shell,
    /// Comments, too: a script with lines of its own.
    Script,
}

struct Painter {
    tokens: Vec<Token>,
    escape: u8,
}

impl Painter {
    fn put(&mut self, span: Span, kind: Kind) {
        self.tokens.push(Token { span, kind });
    }

    fn part(&mut self, line: &Joined, range: Span, kind: Kind) {
        self.tokens.extend(line.segments(range).map(|span| Token { span, kind }));
    }

    fn instruction(&mut self, text: &str, instruction: &Instruction) {
        if instruction.name != Name::Unknown {
            self.put(instruction.keyword.clone(), Kind::Keyword);
        }
        for flag in &instruction.flags {
            if flag.name_span.start == flag.span.start + 2 {
                self.put(flag.span.start..flag.name_span.end, Kind::Flag);
            } else {
                // A continuation stands between the dashes and the name.
                self.put(flag.span.start..flag.span.start + 1, Kind::Flag);
                self.put(flag.name_span.clone(), Kind::Flag);
            }
            if let Some(span) = &flag.value_span {
                // A value may go on over lines; then it is left as it is.
                if let Some(value) = text.get(span.clone()).filter(|v| !v.contains('\n')) {
                    self.scan(&Joined::one(value, span.start), Manner::Words);
                }
            }
        }
        let line = &instruction.arguments;
        for heredoc in &instruction.heredocs {
            if !heredoc.opening.is_empty() && instruction.inner.is_none() {
                self.put(heredoc.opening.clone(), Kind::Heredoc);
            }
            if let Some(closing) = &heredoc.closing {
                self.put(closing.clone(), Kind::Heredoc);
            }
        }
        match &instruction.form {
            _ if instruction.inner.is_some() => return,
            Form::Json(words) => {
                for word in words {
                    self.put(word.span.clone(), Kind::String);
                }
                self.punctuation(line);
            }
            Form::Pairs(pairs) => {
                for pair in pairs {
                    self.put(pair.name.span.clone(), Kind::Variable);
                    let equals = pair.value.as_ref().and_then(|v| v.span.start.checked_sub(1)).filter(|_| !pair.old);
                    if let Some(at) = equals.filter(|at| text.as_bytes().get(*at) == Some(&b'=')) {
                        self.put(at..at + 1, Kind::Operator);
                    }
                }
                self.scan(line, Manner::Words);
            }
            Form::Words(words) => {
                if let (Name::From, Some(word)) = (instruction.name, words.get(1))
                    && word.text.eq_ignore_ascii_case("as")
                {
                    self.put(word.span.clone(), Kind::Keyword);
                }
                self.scan(line, Manner::Words);
            }
            Form::Shell(_) => self.scan(line, Manner::Shell),
            Form::None => {}
        }
        if instruction.name == Name::Healthcheck {
            let end = line.text().find(char::is_whitespace).unwrap_or(line.text().len());
            if ["CMD", "NONE"].iter().any(|k| k.eq_ignore_ascii_case(&line.text()[..end])) {
                self.part(line, 0..end, Kind::Keyword);
            }
        }
        let reader = TextReader::of(instruction);
        for heredoc in &instruction.heredocs {
            let body = text.get(heredoc.body.clone()).unwrap_or("");
            if reader.runs(body) {
                self.scan(&Joined::one(body, heredoc.body.start), Manner::Script);
            } else {
                self.put(heredoc.body.clone(), Kind::Heredoc);
            }
        }
    }

    /// Brackets and commas of a JSON array.
    fn punctuation(&mut self, line: &Joined) {
        let bytes = line.text().as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    at += 1;
                    while bytes.get(at).is_some_and(|b| *b != b'"') {
                        at += if bytes[at] == b'\\' { 2 } else { 1 };
                    }
                }
                b'[' | b']' | b',' => self.part(line, at..at + 1, Kind::Operator),
                _ => {}
            }
            at += 1;
        }
    }

    fn scan(&mut self, line: &Joined, manner: Manner) {
        let bytes = line.text().as_bytes();
        let mut at = 0;
        let mut fresh = true;
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            at += 1;
            match byte {
                b'\'' => {
                    at = memchr::memchr(b'\'', &bytes[at..]).map_or(bytes.len(), |i| at + i + 1);
                    self.part(line, start..at, Kind::String);
                }
                b'"' => at = self.double(line, start),
                b'$' => {
                    at = variable(bytes, start);
                    if at > start + 1 {
                        self.part(line, start..at, Kind::Variable);
                    }
                }
                b'#' if manner == Manner::Script && fresh => {
                    at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i);
                    self.part(line, start..at, Kind::Comment);
                }
                b'&' | b'|' | b';' | b'<' | b'>' | b'(' | b')' if manner != Manner::Words => {
                    while bytes.get(at) == Some(&byte) {
                        at += 1;
                    }
                    self.part(line, start..at, Kind::Operator);
                    fresh = true;
                    continue;
                }
                b'0'..=b'9' if fresh => {
                    at += bytes[at..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
                    if bytes.get(at).is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'-' | b';' | b')')) {
                        self.part(line, start..at, Kind::Number);
                    }
                }
                _ if byte == self.escape || (byte == b'\\' && manner != Manner::Words) => {
                    let next = line.text()[at.min(bytes.len())..].chars().next().filter(|_| byte.is_ascii());
                    at += next.map_or(0, char::len_utf8);
                }
                _ => {}
            }
            fresh = byte.is_ascii_whitespace() || byte == b'=';
        }
    }

    /// A text in double quotes, with the variables in it.
    fn double(&mut self, line: &Joined, open: usize) -> usize {
        let bytes = line.text().as_bytes();
        let (mut from, mut at) = (open, open + 1);
        while let Some(&byte) = bytes.get(at) {
            if byte == b'"' {
                at += 1;
                break;
            } else if byte == b'$' {
                let end = variable(bytes, at);
                if end > at + 1 {
                    self.part(line, from..at, Kind::String);
                    self.part(line, at..end, Kind::Variable);
                    from = end;
                }
                at = end;
            } else if byte == b'\\' || byte == self.escape {
                at += 1 + line.text()[at + 1..].chars().next().map_or(0, char::len_utf8);
            } else {
                at += 1;
            }
        }
        self.part(line, from..at.min(bytes.len()), Kind::String);
        at
    }
}

/// Past `$NAME` or `${...}`; past the `$` when it begins neither.
fn variable(bytes: &[u8], at: usize) -> usize {
    let start = at + 1;
    if bytes.get(start) == Some(&b'{') {
        // What is given instead may hold spaces; a bracket that never closes takes its name only.
        let name = bytes[start + 1..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let mut end = start + 1 + name;
        for (i, byte) in bytes[end..].iter().enumerate().take(256) {
            match byte {
                b'}' => return end + i + 1,
                b'\n' | b'{' => break,
                _ => {}
            }
        }
        if name == 0 {
            end = start;
        }
        return end;
    }
    start + bytes[start..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, kind: Kind) -> Vec<&str> {
        highlight(text).into_iter().filter(|t| t.kind == kind).map(|t| &text[t.span]).collect()
    }

    #[test]
    fn each_part_has_its_kind() {
        let text = "# c\nFROM a:1 AS b\nENV A=\"x $B\" C=1\nRUN --mount=type=cache,target=/x a 'b' && \\\n # d\n c\n";
        assert_eq!(of(text, Kind::Keyword), ["FROM", "AS", "ENV", "RUN"]);
        assert_eq!(of(text, Kind::Comment), ["# c", "# d"]);
        assert_eq!(of(text, Kind::Variable), ["A", "$B", "C"]);
        assert_eq!(of(text, Kind::String), ["\"x ", "\"", "'b'"]);
        assert_eq!(of(text, Kind::Flag), ["--mount"]);
        assert_eq!(of(text, Kind::Operator), ["=", "=", "&&", "\\"]);
        assert_eq!(of(text, Kind::Number), ["1"]);
    }

    #[test]
    fn texts_written_in_place() {
        let text = "COPY <<EOF /x\na $b\nEOF\nRUN <<E\n# c\na | b\nE\nONBUILD RUN [\"a\"]\nHEALTHCHECK cmd x\n";
        assert_eq!(of(text, Kind::Heredoc), ["<<EOF", "a $b\n", "EOF", "<<E", "E"]);
        assert_eq!(of(text, Kind::Comment), ["# c"]);
        assert_eq!(of(text, Kind::Keyword), ["COPY", "RUN", "ONBUILD", "RUN", "HEALTHCHECK", "cmd"]);
    }
}
