//! Which files a `.dockerignore` keeps out of a build, by the rules of Docker's own matcher.
//!
//! What held for a folder is carried down to what is in it: a line that matched the folder matches all of that, and a
//! line that was not asked about the folder, because nothing had to be decided, is asked only about the path itself.
//! Docker's two clients differ in one thing, which folders that are left out they enter: the classic builder's only
//! those with whose name a `!` line begins, BuildKit's every one as soon as any `!` line has wildcards. [`Rules`] says
//! which of them is followed.

use std::fmt::Write;

use regex::Regex;

/// Whose way of walking is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rules {
    /// The client of BuildKit, which the docker command is since version 23.
    #[default]
    BuildKit,
    /// The client of the classic builder.
    Classic,
}

/// A line that Docker refuses: a build with it does not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreProblem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

/// A `.dockerignore` file that was read.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    /// Lines that Docker refuses; they match nothing here.
    pub problems: Vec<IgnoreProblem>,
    patterns: Vec<Pattern>,
    rules: Rules,
}

#[derive(Debug, Clone)]
struct Pattern {
    line: usize,
    /// Whether it began with `!`.
    exception: bool,
    /// As it was cleaned, without its `!`.
    text: String,
    matches: Match,
}

#[derive(Debug, Clone)]
enum Match {
    Exactly(String),
    Begins(String),
    /// What stood after a leading `**`.
    Ends(String),
    Regex(Regex),
    Never,
}

/// Longest line that Docker reads.
const LONGEST: usize = 64 << 10;

impl Ignore {
    /// Reads a file; every text is one, but some lines may be [`Ignore::problems`].
    pub fn parse(text: &str) -> Self {
        let mut read = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (n, line) in text.split('\n').enumerate() {
            read.line(n + 1, line.strip_suffix('\r').unwrap_or(line));
        }
        read
    }

    /// The same file asked in another way.
    #[must_use]
    pub const fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The same file, but these files are sent whatever it says: what Docker does with the Dockerfile and the
    /// `.dockerignore` file itself, without which the engine cannot build.
    #[must_use]
    pub fn keeping<'a>(mut self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        for path in paths {
            if !self.reaches(path) {
                let path = clean(path);
                self.patterns.push(Pattern {
                    line: 0,
                    exception: true,
                    matches: Match::Exactly(path.clone()),
                    text: path,
                });
            }
        }
        self
    }

    /// Whether it says anything.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether the file or folder at `path` is left out; a path is relative, with slashes.
    pub fn excludes(&self, path: &str) -> bool {
        self.judge(path).0
    }

    /// The line, from 1, that decides about `path`: the one that leaves it out, or the `!` line that takes it in
    /// again. `None` when no line is about it.
    pub fn decided_by(&self, path: &str) -> Option<usize> {
        self.judge(path).1.filter(|line| *line > 0)
    }

    /// Whether anything in a folder that is left out may be sent all the same; Docker does not look into it else.
    pub fn may_hold_included(&self, folder: &str) -> bool {
        let mut exceptions = self.patterns.iter().filter(|p| p.exception).peekable();
        if exceptions.peek().is_none() {
            return false;
        }
        let folder = format!("{}/", clean(folder));
        match self.rules {
            Rules::Classic => exceptions.any(|p| format!("{}/", p.text).starts_with(&folder)),
            Rules::BuildKit => {
                let mut starts = exceptions.map(|p| without_trailing_glob(&p.text));
                let all: Vec<&str> = starts.by_ref().collect();
                all.iter().any(|p| p.contains(['*', '[', ']', '?', '^', '\\']))
                    || all.iter().any(|p| format!("{p}/").starts_with(&folder))
            }
        }
    }

    /// Whether Docker sends `path`: no folder on the way to it is one that is not entered, and it is not left out
    /// itself.
    pub fn reaches(&self, path: &str) -> bool {
        let path = clean(path);
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        folders.into_iter().all(|folder| !self.excludes(folder) || self.may_hold_included(folder))
            && !self.excludes(&path)
    }

    /// Folders that are surely not entered, as far as that can be said without looking: paths, and, beginning with
    /// `**/`, names that are not entered wherever they are. Nothing else is in them than what stands there.
    pub fn never_entered(&self) -> Vec<&str> {
        let exceptions = self.patterns.iter().any(|p| p.exception);
        let plain = |p: &&Pattern| {
            !p.exception && !p.text.starts_with('/') && p.text.split('/').all(|part| !matches!(part, "." | ".."))
        };
        let closed = self.patterns.iter().filter(plain).filter(|p| match &p.matches {
            Match::Exactly(path) => !self.reaches(path) && !self.may_hold_included(path),
            Match::Ends(_) => !exceptions && p.text.starts_with("**/"),
            _ => false,
        });
        closed.map(|p| p.text.as_str()).collect()
    }

    /// Whether any of some paths, or a folder they are in, matches any line.
    pub fn matches_any<'a>(&self, mut paths: impl Iterator<Item = &'a str>) -> bool {
        paths.any(|path| self.excludes(path))
    }

    fn judge(&self, path: &str) -> (bool, Option<usize>) {
        let path = clean(path);
        if path == "." || self.patterns.is_empty() {
            return (false, None);
        }
        let parents: Vec<&str> = path.match_indices('/').map(|(at, _)| &path[..at]).filter(|p| !p.is_empty()).collect();
        let mut matched = vec![false; self.patterns.len()];
        let mut decided = (false, None);
        for path in parents.iter().copied().chain([path.as_str()]) {
            decided = (false, None);
            for (pattern, matched) in self.patterns.iter().zip(&mut matched) {
                if !*matched {
                    *matched = pattern.exception == decided.0 && pattern.is_about(path);
                }
                if *matched {
                    decided = (!pattern.exception, Some(pattern.line));
                }
            }
        }
        decided
    }

    fn line(&mut self, line: usize, raw: &str) {
        let mut problem = |message: String| self.problems.push(IgnoreProblem { line, message });
        if raw.len() >= LONGEST {
            return problem("Docker reads no line longer than 64 KB".to_owned());
        }
        if raw.starts_with('#') {
            return;
        }
        let text = raw.trim();
        if text.is_empty() {
            return;
        }
        let mut exception = text.starts_with('!');
        let text = if exception { text[1..].trim() } else { text };
        let mut text = if text.is_empty() { String::new() } else { clean(text) };
        if text.len() > 1 && text.starts_with('/') {
            text.remove(0);
        }
        if !exception {
            // Docker reads it a second time, and so sees a ! that stood behind a slash.
            text = clean(text.trim());
            if let Some(rest) = text.strip_prefix('!') {
                (exception, text) = (true, rest.to_owned());
            }
        }
        if exception && (text.is_empty() || text == "/") {
            return problem("nothing follows the !; write the path to take in again after it".to_owned());
        }
        if let Err(why) = check(&text) {
            return problem(format!("{why}; a \\ before such a character takes its meaning away"));
        }
        let matches = compile(&text).unwrap_or_else(|why| {
            problem(format!("Docker cannot match this: {why}"));
            Match::Never
        });
        self.patterns.push(Pattern { line, exception, text, matches });
    }
}

impl Pattern {
    fn is_about(&self, path: &str) -> bool {
        match &self.matches {
            Match::Exactly(text) => path == text,
            Match::Begins(text) => path.starts_with(text.as_str()),
            Match::Ends(text) => path.ends_with(text.as_str()) || text.strip_prefix('/') == Some(path),
            Match::Regex(regex) => regex.is_match(path),
            Match::Never => false,
        }
    }
}

/// The files that may say what is ignored, the first that is there does: only BuildKit knows one of a Dockerfile's
/// own.
pub fn ignore_files(dockerfile: &str, rules: Rules) -> Vec<String> {
    let common = ".dockerignore".to_owned();
    match rules {
        Rules::BuildKit => vec![format!("{}.dockerignore", clean(dockerfile)), common],
        Rules::Classic => vec![common],
    }
}

/// The shortest path of the same meaning, as Go's `filepath.Clean` finds it: no empty parts, no `.`, and no `..`
/// but at the beginning.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

fn without_trailing_glob(pattern: &str) -> &str {
    let pattern = pattern.trim_end_matches("**");
    pattern.strip_suffix('/').unwrap_or(pattern)
}

/// Refuses what Go's `filepath.Match` refuses: classes that do not end or are malformed, a `\` at the end.
fn check(pattern: &str) -> Result<(), String> {
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' if rest.next().is_none() => return Err("there is nothing after the last \\".to_owned()),
            '[' => {
                rest.next_if_eq(&'^');
                let mut ranges = 0;
                loop {
                    match rest.peek() {
                        None => return Err("a [ has no ] that ends it".to_owned()),
                        Some(']') if ranges > 0 => {
                            rest.next();
                            break;
                        }
                        Some(_) => {}
                    }
                    bound(&mut rest)?;
                    if rest.next_if_eq(&'-').is_some() {
                        bound(&mut rest)?;
                    }
                    ranges += 1;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// One end of a range of a class.
fn bound(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<(), String> {
    let unclear = |what: &str| Err(format!("a class in [ ] {what}"));
    match rest.next() {
        None => unclear("does not end"),
        Some(c @ ('-' | ']')) => unclear(&format!("has a {c} where a character is expected")),
        Some('\\') if rest.next().is_none() => unclear("does not end"),
        Some(_) if rest.peek().is_none() => unclear("does not end"),
        Some(_) => Ok(()),
    }
}

/// What a pattern matches. Only what has a wildcard becomes a regular expression; it is written as Docker writes it,
/// with all that this brings: `[` and `*` mean something to each other, `\d` is a digit.
fn compile(pattern: &str) -> Result<Match, String> {
    #[derive(PartialEq)]
    enum Kind {
        Exact,
        Prefix,
        Suffix,
        Regex,
    }
    let mut kind = Kind::Exact;
    let mut regex = String::from("^");
    let mut rest = pattern.chars().peekable();
    let mut first = true;
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                if rest.peek().is_some() {
                    regex.push_str("(.*/)?");
                    kind = Kind::Regex;
                } else if kind == Kind::Exact {
                    kind = Kind::Prefix;
                } else {
                    regex.push_str(".*");
                    kind = Kind::Regex;
                }
                if first {
                    kind = Kind::Suffix;
                }
            }
            '*' => {
                regex.push_str("[^/]*");
                kind = Kind::Regex;
            }
            '?' => {
                regex.push_str("[^/]");
                kind = Kind::Regex;
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => regex.extend(['\\', c]),
            '\\' => {
                regex.push('\\');
                if let Some(next) = rest.next() {
                    regex.push(next);
                    kind = Kind::Regex;
                }
            }
            '[' | ']' => {
                regex.push(c);
                kind = Kind::Regex;
            }
            c => regex.push(c),
        }
        first = false;
    }
    Ok(match kind {
        Kind::Exact => Match::Exactly(pattern.to_owned()),
        Kind::Prefix => Match::Begins(pattern[..pattern.len() - 2].to_owned()),
        Kind::Suffix => Match::Ends(pattern[2..].to_owned()),
        Kind::Regex => {
            regex.push('$');
            Match::Regex(Regex::new(&ours(&regex)?).map_err(|e| one_line(&e))?)
        }
    })
}

fn one_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// A regular expression of Go's, as this crate's regular expressions want it written: theirs have operators within
/// classes, Go's take everything there as it stands.
fn ours(go: &str) -> Result<String, String> {
    let mut out = String::with_capacity(go.len());
    let mut rest = go.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.push_str(&escaped(rest.next().ok_or("a \\ at the end")?)?),
            '[' => class(&mut rest, &mut out)?,
            c => out.push(c),
        }
    }
    Ok(out)
}

fn escaped(c: char) -> Result<String, String> {
    Ok(match c {
        'd' => "[0-9]".to_owned(),
        'D' => "[^0-9]".to_owned(),
        's' => r"[\t\n\f\r ]".to_owned(),
        'S' => r"[^\t\n\f\r ]".to_owned(),
        'w' => "[0-9A-Za-z_]".to_owned(),
        'W' => "[^0-9A-Za-z_]".to_owned(),
        'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'A' | 'z' | 'b' | 'B' => format!("\\{c}"),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => regex::escape(c.encode_utf8(&mut [0; 4])),
        c => return Err(format!("\\{c} means nothing")),
    })
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Result<(), String> {
    let unclear = || "a class in [ ] is not clear".to_owned();
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let c = rest.next().ok_or_else(unclear)?;
        if c == ']' && !first {
            out.push(']');
            return Ok(());
        }
        first = false;
        if c == '[' && rest.peek() == Some(&':') {
            // A named class, such as [:alpha:]; anything else of this form is a bracket and a colon.
            let ahead: String = rest.clone().take(12).collect();
            if let Some(end) = ahead[1..].find(":]") {
                let named = format!("[{}", &ahead[..end + 3]);
                if Regex::new(&format!("[{named}]")).is_err() {
                    return Err(format!("{named} is no class of characters"));
                }
                out.push_str(&named);
                for _ in 0..end + 3 {
                    rest.next();
                }
                continue;
            }
        }
        if c == '\\' && rest.peek().is_some_and(|c| matches!(c, 'd' | 'D' | 's' | 'S' | 'w' | 'W')) {
            out.push_str(&escaped(rest.next().ok_or_else(unclear)?)?);
            continue;
        }
        let low = literal(c, rest)?;
        let mut high = low;
        let mut ahead = rest.clone();
        if ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']') {
            rest.next();
            let c = rest.next().ok_or_else(unclear)?;
            high = literal(c, rest)?;
        }
        if high < low {
            return Err(format!("{low}-{high} is no range: it ends before it begins"));
        }
        let _ = write!(out, "\\x{{{:x}}}-\\x{{{:x}}}", low as u32, high as u32);
    }
}

/// A character of a class, `c` being the first that is read of it.
fn literal(c: char, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, String> {
    if c != '\\' {
        return Ok(c);
    }
    match rest.next() {
        Some('a') => Ok('\x07'),
        Some('f') => Ok('\x0c'),
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some('v') => Ok('\x0b'),
        Some(c) if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c),
        Some(c) => Err(format!("\\{c} means nothing")),
        None => Err("a \\ at the end".to_owned()),
    }
}

#[cfg(test)]
#[path = "ignore_tests.rs"]
mod tests;
