//! Checks on the files.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::check::{Case, Check, Found, Kind, Phase, Seen, Wrong};
use super::super::fields::{Glob, OneOrMore, Pattern};
use super::super::submission::{FileEntry, FileKind};
use super::super::{Submission, Trouble};
use super::value::{Format, query};
use crate::text::{count, size};

pub(super) const KINDS: &[Kind] = &[
    kind!(Phase::Files, "file.exists", Exists, "A file, folder or link is there, with a size and mode as wanted.", [
        "FILE_MISSING": "Is the file there, in the folder and with the spelling that the task names?",
        "FILE_EMPTY": "The file is there, but what should be in it is not.",
        "FILE_TOO_BIG": "The file holds more than it should; what of it is needed?",
        "FILE_MODE": "What may be done with a file is part of it; chmod changes it.",
    ]),
    kind!(Phase::Files, "file.absent", Absent, "No file, folder or link of these names is there.", [
        "FILE_FORBIDDEN": "This file should not be in the workspace; is it needed for anything?",
    ]),
    kind!(Phase::Files, "file.contains", Contains, "The text of a file matches patterns.", [
        "FILE_MISSING": "Is the file there, in the folder and with the spelling that the task names?",
        "FILE_CONTENT": "The file is there, but something that the task asks for is not in it.",
    ]),
    kind!(Phase::Files, "file.excludes", Excludes, "The text of files matches none of some patterns.", [
        "FILE_CONTENT_FORBIDDEN": "The file holds something that the task wants gone; the message names its line.",
    ]),
    kind!(Phase::Files, "file.value", Value, "A JSON, YAML, TOML or env file has a value.", [
        "FILE_MISSING": "Is the file there, in the folder and with the spelling that the task names?",
        "FILE_PARSE": "The file cannot be read as what its name says that it is; look at the line that the message names.",
        "FILE_VALUE": "The file can be read, but this value in it is not what the task asks for.",
    ]),
    kind!(Phase::Files, "file.unchanged", Unchanged, "Files are as the lab gave them.", [
        "FILE_TAMPERED": "This file is given, and the task can be solved without changing it; put it back as it was.",
    ]),
];

/// `a`, `a and b`, `a, b and 3 more`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= 4 => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", names[..3].join(", "), names.len() - 3),
    }
}

fn globs(path: Option<&Glob>, paths: &[Glob]) -> Vec<Glob> {
    path.into_iter().chain(paths).cloned().collect()
}

fn no_path(path: Option<&Glob>, paths: &[Glob]) -> Option<Wrong> {
    let none = path.is_none() && paths.is_empty();
    none.then(|| Wrong::new("", "`path` is missing here, a path, or `paths`, a list of them"))
}

fn named(globs: &[Glob]) -> String {
    listed(&globs.iter().map(|glob| glob.text().to_owned()).collect::<Vec<_>>())
}

fn matching<'a>(submission: &'a Submission, glob: &'a Glob) -> impl Iterator<Item = (&'a String, &'a FileEntry)> {
    submission.files().iter().filter(|(path, _)| glob.is_match(path))
}

fn what(kind: &FileKind) -> &'static str {
    match kind {
        FileKind::File => "a file",
        FileKind::Folder => "a folder",
        FileKind::Link(_) => "a link",
    }
}

/// What something may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Type {
    File,
    Folder,
    Link,
    Any,
}

impl Type {
    fn fits(self, kind: &FileKind) -> bool {
        match self {
            Self::File => *kind == FileKind::File,
            Self::Folder => *kind == FileKind::Folder,
            Self::Link => matches!(kind, FileKind::Link(_)),
            Self::Any => true,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Folder => "a folder",
            Self::Link => "a link",
            Self::Any => "something",
        }
    }
}

/// `file.exists`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Exists {
    /// A path of the workspace, or a glob of which one is enough.
    path: Option<Glob>,
    /// The same several times; all have to be there.
    #[serde(default)]
    paths: Vec<Glob>,
    /// What it is: `file` (default), `folder`, `link`, `any`.
    #[serde(rename = "type")]
    kind: Option<Type>,
    /// The least bytes of a file.
    min_bytes: Option<u64>,
    /// The most bytes of a file.
    max_bytes: Option<u64>,
    /// Its permission bits in octal, in quotes: `"755"`.
    mode: Option<Mode>,
    /// Whether its owner can run it.
    executable: Option<bool>,
}

/// Permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
struct Mode(#[schemars(with = "String")] u32);

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bits = u32::from_str_radix(text.trim_start_matches("0o"), 8).ok().filter(|bits| *bits <= 0o7777);
        let wrong = || serde::de::Error::custom(format!("found `{text}`, expected a mode in octal, such as \"755\""));
        bits.map(Self).ok_or_else(wrong)
    }
}

impl Exists {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let (mut found, mut observed) = (Vec::new(), Vec::new());
        for glob in globs(self.path.as_ref(), &self.paths) {
            let mut wrong = None;
            let mut fits = None;
            for (path, entry) in matching(case.submission, &glob) {
                // A link is what it leads to, unless a link is asked for.
                let real = case.submission.resolve(path).and_then(|real| case.submission.files().get(&real));
                let entry = if self.kind == Some(Type::Link) { entry } else { real.unwrap_or(entry) };
                match self.judge(path, entry) {
                    None => fits = Some(format!("{path}, {}", size(entry.size))),
                    Some(why) => wrong = wrong.or(Some(why)),
                }
            }
            match (fits, wrong) {
                (Some(seen), _) => observed.push(seen),
                (None, Some(wrong)) => found.push(wrong),
                (None, None) => found.push(missing(glob.text())),
            }
        }
        Ok(Seen::of(if observed.is_empty() { "not there".into() } else { listed(&observed) }, found))
    }

    fn judge(&self, path: &str, entry: &FileEntry) -> Option<Found> {
        let wanted = self.kind.unwrap_or(Type::File);
        if !wanted.fits(&entry.kind) {
            let (is, should) = (what(&entry.kind), wanted.words());
            let message = format!("{path} is {is}, expected {should}");
            return Some(Found::new("FILE_MISSING", message).in_file(path).expected(should).found(is));
        }
        let bytes = |n: u64| count(usize::try_from(n).unwrap_or(usize::MAX), "byte");
        let is = bytes(entry.size);
        if let Some(least) = self.min_bytes.filter(|least| entry.size < *least) {
            let should = format!("{} or more", bytes(least));
            let message = format!("{path} has {is}, expected {should}");
            return Some(Found::new("FILE_EMPTY", message).in_file(path).expected(should).found(is));
        }
        if let Some(most) = self.max_bytes.filter(|most| entry.size > *most) {
            let should = format!("at most {}", bytes(most));
            let message = format!("{path} has {is}, expected {should}");
            return Some(Found::new("FILE_TOO_BIG", message).in_file(path).expected(should).found(is));
        }
        let is = format!("{:03o}", entry.mode & 0o7777);
        if let Some(Mode(mode)) = self.mode.filter(|mode| mode.0 != entry.mode & 0o7777) {
            let should = format!("{mode:03o}");
            let message = format!("{path} has the mode {is}, expected {should}");
            return Some(Found::new("FILE_MODE", message).in_file(path).expected(should).found(is));
        }
        if let Some(should) = self.executable.filter(|should| *should != (entry.mode & 0o100 != 0)) {
            let message = format!(
                "{path} has the mode {is}, so its owner {} run it, expected that {} can",
                if should { "cannot" } else { "can" },
                if should { "they" } else { "nobody" },
            );
            return Some(Found::new("FILE_MODE", message).in_file(path).found(is));
        }
        None
    }
}

fn missing(path: &str) -> Found {
    Found::new("FILE_MISSING", format!("there is no {path} in the workspace"))
        .in_file(path)
        .expected(path)
        .found("nothing")
}

impl Check for Exists {
    fn title(&self) -> String {
        format!("{} is there", named(&globs(self.path.as_ref(), &self.paths)))
    }

    fn wrong(&self) -> Option<Wrong> {
        no_path(self.path.as_ref(), &self.paths)
    }

    at_once!();
}

/// `file.absent`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Absent {
    /// A path of the workspace, or a glob.
    path: Option<Glob>,
    /// The same several times.
    #[serde(default)]
    paths: Vec<Glob>,
}

impl Absent {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let mut there: Vec<String> = Vec::new();
        for glob in globs(self.path.as_ref(), &self.paths) {
            there.extend(matching(case.submission, &glob).map(|(path, _)| path.clone()));
        }
        there.sort();
        there.dedup();
        let Some(first) = there.first() else { return Ok(Seen::well("not there")) };
        let is = if there.len() == 1 { "is" } else { "are" };
        let message = format!("{} {is} there, expected nothing of that name", listed(&there));
        let found = Found::new("FILE_FORBIDDEN", message).in_file(first.clone()).found(listed(&there));
        Ok(Seen::of(listed(&there), vec![found]))
    }
}

impl Check for Absent {
    fn title(&self) -> String {
        format!("{} is not there", named(&globs(self.path.as_ref(), &self.paths)))
    }

    fn wrong(&self) -> Option<Wrong> {
        no_path(self.path.as_ref(), &self.paths)
    }

    at_once!();
}

/// A text with its comments blanked, so that lines stay lines.
fn without_comments(path: &str, text: &str) -> String {
    let slashes = [".js", ".mjs", ".ts", ".go", ".rs", ".c", ".h", ".cpp", ".java", ".kt", ".swift"];
    let mark = if slashes.iter().any(|end| path.ends_with(end)) { "//" } else { "#" };
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        // Within a line, a mark behind white space begins a comment, unless a quote is open.
        let mut quote = None;
        let mut end = line.len();
        for (at, c) in line.char_indices() {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), c) if open == c => quote = None,
                (None, _)
                    if line[at..].starts_with(mark)
                        && line[..at].chars().next_back().is_none_or(char::is_whitespace) =>
                {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        out.push_str(line[..end].trim_end());
        out.push('\n');
    }
    out
}

/// `file.contains`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Contains {
    /// A path of the workspace.
    path: String,
    /// Patterns of which one has to match.
    #[serde(default)]
    any: OneOrMore<Pattern>,
    /// Patterns that all have to match.
    #[serde(default)]
    all: OneOrMore<Pattern>,
    /// How many times at least (1).
    count: Option<usize>,
    /// Whether comments are left out first.
    #[serde(default)]
    strip_comments: bool,
}

impl Contains {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let Some(text) = case.submission.text(&self.path)? else {
            return Ok(Seen::of("not there", vec![missing(&self.path)]));
        };
        let text = if self.strip_comments { without_comments(&self.path, &text) } else { text };
        let least = self.count.unwrap_or(1);
        let times = |pattern: &Pattern| pattern.0.find_iter(&text).count();
        let mut found = Vec::new();
        let mut lacks = |what: String, is: usize| {
            let how = if least == 1 { String::new() } else { format!(" {least} times") };
            let is = if is == 0 { "no match".to_owned() } else { count(is, "match") };
            let message = format!("{} does not match {what}{how}, expected that it does; found {is}", self.path);
            found.push(Found::new("FILE_CONTENT", message).in_file(self.path.clone()).expected(what).found(is));
        };
        for pattern in self.all.0.iter().filter(|pattern| times(pattern) < least) {
            lacks(format!("/{}/", pattern.text()), times(pattern));
        }
        let any: usize = self.any.0.iter().map(times).sum();
        if !self.any.0.is_empty() && any < least {
            let all: Vec<String> = self.any.0.iter().map(|p| format!("/{}/", p.text())).collect();
            lacks(all.join(" or "), any);
        }
        Ok(Seen::of(if found.is_empty() { "all found" } else { "not all found" }, found))
    }
}

impl Check for Contains {
    fn title(&self) -> String {
        format!("{} says what it should", self.path)
    }

    fn wrong(&self) -> Option<Wrong> {
        let none = self.any.0.is_empty() && self.all.0.is_empty();
        none.then(|| Wrong::new("", "`any` or `all` is missing here, a list of patterns"))
    }

    at_once!();
}

/// `file.excludes`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Excludes {
    /// A path of the workspace, or a glob.
    path: Option<Glob>,
    /// The same several times.
    #[serde(default)]
    paths: Vec<Glob>,
    /// Patterns of which none may match.
    any: OneOrMore<Pattern>,
    /// Whether comments are left out first.
    #[serde(default)]
    strip_comments: bool,
}

impl Excludes {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let (mut found, mut looked) = (Vec::new(), 0);
        for glob in globs(self.path.as_ref(), &self.paths) {
            for (path, _) in matching(case.submission, &glob) {
                let Some(text) = case.submission.text(path)? else { continue };
                looked += 1;
                let text = if self.strip_comments { without_comments(path, &text) } else { text };
                for pattern in &self.any.0 {
                    let Some(hit) = pattern.0.find(&text) else { continue };
                    let line = text[..hit.start()].matches('\n').count() + 1;
                    let what = pattern.text();
                    let message =
                        format!("{path}:{line}: found `{}`, expected nothing that matches /{what}/", hit.as_str());
                    let hit = Found::new("FILE_CONTENT_FORBIDDEN", message).at(path.clone(), line).found(hit.as_str());
                    found.push(hit.expected(format!("nothing that matches /{what}/")));
                }
            }
        }
        Ok(Seen::of(format!("{} looked through", count(looked, "file")), found))
    }
}

impl Check for Excludes {
    fn title(&self) -> String {
        format!("{} does not say what it should not", named(&globs(self.path.as_ref(), &self.paths)))
    }

    fn wrong(&self) -> Option<Wrong> {
        no_path(self.path.as_ref(), &self.paths)
    }

    at_once!();
}

/// `file.value`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Value {
    /// A path of the workspace.
    path: String,
    /// How it is written, where its name does not tell: `json`, `yaml`, `toml`, `env`.
    format: Option<Format>,
    /// Where the value is: `a.b.0`, or a JSONPath that begins with `$`.
    query: String,
    /// What it is.
    eq: Option<serde_json::Value>,
    /// A pattern that it matches, as text.
    matches: Option<Pattern>,
    /// That there is none.
    #[serde(default)]
    absent: bool,
}

impl Value {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let Some(text) = case.submission.text(&self.path)? else {
            return Ok(Seen::of("not there", vec![missing(&self.path)]));
        };
        let format = self.format.unwrap_or_else(|| Format::of(&self.path));
        let document = match format.read(&self.path, &text) {
            Ok(document) => document,
            Err((line, why)) => {
                let place = line.map_or_else(|| self.path.clone(), |line| format!("{}:{line}", self.path));
                let found = Found::new("FILE_PARSE", format!("{place}: this is no {}: {why}", format.words()));
                let found = Found { line, ..found.in_file(self.path.clone()) };
                return Ok(Seen::of("cannot be read", vec![found]));
            }
        };
        let values = query(&document, &self.query).map_err(|why| Trouble::new("J_LAB_INVALID", why, ""))?;
        let is = match values.as_slice() {
            [] => "nothing".to_owned(),
            [one] => plain(one),
            several => several.iter().map(|value| plain(value)).collect::<Vec<_>>().join(", "),
        };
        let wrong = |should: String| {
            let message = format!("{}: `{}` is {is}, expected {should}", self.path, self.query);
            Found::new("FILE_VALUE", message).in_file(self.path.clone()).expected(should).found(is.clone())
        };
        let found = if self.absent {
            (!values.is_empty()).then(|| wrong("nothing".into()))
        } else if let Some(eq) = &self.eq {
            let same = |value: &serde_json::Value| same(value, eq);
            (values.is_empty() || !values.iter().all(|value| same(value))).then(|| wrong(plain(eq)))
        } else if let Some(pattern) = &self.matches {
            let fits = |value: &serde_json::Value| pattern.is_in(value.as_str().unwrap_or(&plain(value)));
            (values.is_empty() || !values.iter().all(|value| fits(value)))
                .then(|| wrong(format!("a match of /{}/", pattern.text())))
        } else {
            values.is_empty().then(|| wrong("a value".into()))
        };
        Ok(Seen::of(is, found.into_iter().collect()))
    }
}

/// A value as people write it.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether two values are the same, a number being the same however it is written.
fn same(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => (one - other).abs() <= f64::EPSILON * one.abs(),
        // Files of variables know text only.
        (None, Some(_)) if one.is_string() => plain(one) == plain(other),
        _ => one == other || (one.is_string() && other.is_boolean() && plain(one) == plain(other)),
    }
}

impl Check for Value {
    fn title(&self) -> String {
        format!("{}: `{}` is what it should be", self.path, self.query)
    }

    fn wrong(&self) -> Option<Wrong> {
        if let Err(why) = query(&serde_json::Value::Null, &self.query) {
            return Some(Wrong::new("query", why));
        }
        let said = [self.eq.is_some(), self.matches.is_some(), self.absent];
        let several = said.iter().filter(|said| **said).count() > 1;
        several.then(|| Wrong::new("", "found several of `eq`, `matches` and `absent`, expected one"))
    }

    at_once!();
}

/// `file.unchanged`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Unchanged {
    /// A path of the starter, or a glob.
    path: Option<Glob>,
    /// The same several times.
    #[serde(default)]
    paths: Vec<Glob>,
}

impl Unchanged {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let (mut found, mut same) = (Vec::new(), 0);
        let globs = globs(self.path.as_ref(), &self.paths);
        for glob in &globs {
            let mut known = false;
            for (path, bytes) in case.lab.starter.iter().filter(|(path, _)| glob.is_match(path)) {
                known = true;
                let hash = super::super::copy::hex(&Sha256::digest(bytes));
                let wrong =
                    |message: String| Found::new("FILE_TAMPERED", message).in_file(path).expected("as it was given");
                match case.submission.files().get(path) {
                    None => found.push(wrong(format!("{path} is gone, expected it as it was given")).found("nothing")),
                    Some(entry) if entry.kind != FileKind::File => {
                        let is = what(&entry.kind);
                        found.push(wrong(format!("{path} is {is}, expected the file that was given")).found(is));
                    }
                    Some(entry) if entry.sha256 != hash => {
                        let line = changed(bytes, case.submission.bytes(path)?.as_deref().unwrap_or_default());
                        let message = format!("{path}:{line}: this was changed, expected the file as it was given");
                        found.push(Found { line: Some(line), ..wrong(message).found("another content") });
                    }
                    Some(_) => same += 1,
                }
            }
            if !known {
                let message = format!("file.unchanged names {}, which the lab's starter does not have", glob.text());
                return Err(Trouble::new("J_LAB_INVALID", message, "this is the lab's fault, not the submission's"));
            }
        }
        Ok(Seen::of(format!("{} as given", count(same, "file")), found))
    }
}

/// The first line that differs.
fn changed(before: &[u8], after: &[u8]) -> usize {
    let (mut one, mut other) = (before.split(|b| *b == b'\n'), after.split(|b| *b == b'\n'));
    let mut line = 1;
    while let (Some(one), Some(other)) = (one.next(), other.next()) {
        if one != other {
            return line;
        }
        line += 1;
    }
    // One ended: the last line that both have.
    line.saturating_sub(1).max(1)
}

impl Check for Unchanged {
    fn title(&self) -> String {
        format!("{} is as it was given", named(&globs(self.path.as_ref(), &self.paths)))
    }

    fn wrong(&self) -> Option<Wrong> {
        no_path(self.path.as_ref(), &self.paths)
    }

    at_once!();
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
