//! A pane of text one can walk, search and fold: Inspect, Env, Ports, Mounts, Health, Top and the like.
//!
//! The lines are made when what they show changes, not when they are drawn.

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::ui::view::Tone;

/// One line, in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextLine {
    /// Its pieces, harmless to a terminal.
    pub pieces: Vec<(Tone, String)>,
    /// For a branch of a tree: its path, and whether it is open.
    pub branch: Option<(String, bool)>,
}

impl TextLine {
    /// A line of one piece.
    pub fn new(tone: Tone, text: impl AsRef<str>) -> Self {
        Self { pieces: vec![(tone, crate::text::clean(text.as_ref()).into_owned())], branch: None }
    }

    /// An empty line.
    pub fn blank() -> Self {
        Self::default()
    }

    /// `key` in its own column, then `value`.
    pub fn field(key: &str, width: usize, tone: Tone, value: impl AsRef<str>) -> Self {
        let mut line = Self::default();
        line.push(Tone::Muted, format!("{key:width$}  "));
        line.push(tone, value);
        line
    }

    /// Adds a piece.
    pub fn push(&mut self, tone: Tone, text: impl AsRef<str>) {
        self.pieces.push((tone, crate::text::clean(text.as_ref()).into_owned()));
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.pieces.iter().map(|(_, t)| t.as_str()).collect()
    }
}

/// Where one stands in such a pane.
#[derive(Debug, Default)]
pub struct TextPane {
    /// All lines.
    pub lines: Vec<TextLine>,
    /// The line of the cursor.
    pub cursor: usize,
    /// The first line on screen.
    pub offset: usize,
    /// What is searched for.
    pub query: String,
    /// Folded branches, by path.
    pub folded: BTreeSet<String>,
    /// Whether the cursor is drawn: in trees and tables it is, in plain text one scrolls.
    pub has_cursor: bool,
}

impl TextPane {
    /// Puts new lines in; the place stays where it was.
    pub fn set(&mut self, lines: Vec<TextLine>) {
        self.lines = lines;
        self.cursor = self.cursor.min(self.lines.len().saturating_sub(1));
    }

    /// Moves by `by` lines.
    pub fn step(&mut self, by: isize, height: usize) {
        let last = self.lines.len().saturating_sub(1);
        if self.has_cursor {
            self.cursor = self.cursor.saturating_add_signed(by).min(last);
            self.show_cursor(height);
        } else {
            self.offset = self.offset.saturating_add_signed(by).min(self.lines.len().saturating_sub(height));
        }
    }

    /// Goes to line `index`.
    pub fn go_to(&mut self, index: usize, height: usize) {
        self.cursor = index.min(self.lines.len().saturating_sub(1));
        if self.has_cursor {
            self.show_cursor(height);
        } else {
            self.offset = index.min(self.lines.len().saturating_sub(height));
        }
    }

    fn show_cursor(&mut self, height: usize) {
        if self.cursor < self.offset {
            self.offset = self.cursor;
        } else if self.cursor >= self.offset + height.max(1) {
            self.offset = self.cursor + 1 - height.max(1);
        }
    }

    /// The search as a pattern; letters of either case alike unless it has capitals, and what is no
    /// regular expression is taken literally.
    pub fn pattern(&self) -> Option<Regex> {
        if self.query.is_empty() {
            return None;
        }
        let alike = !self.query.chars().any(char::is_uppercase);
        let build = |p: &str| RegexBuilder::new(p).case_insensitive(alike).size_limit(1 << 20).build().ok();
        build(&self.query).or_else(|| build(&regex::escape(&self.query)))
    }

    /// Goes to the next line that matches, round the end; returns whether there is one.
    pub fn find(&mut self, forward: bool, include_here: bool, height: usize) -> bool {
        let Some(pattern) = self.pattern() else { return false };
        let n = self.lines.len();
        let here = if self.has_cursor { self.cursor } else { self.cursor.clamp(self.offset, self.offset + height) };
        let hit = (usize::from(!include_here)..=n)
            .map(|i| if forward { (here + i) % n.max(1) } else { (here + 2 * n - i) % n.max(1) });
        let hit = hit.take(n + 1).find(|i| self.lines.get(*i).is_some_and(|l| pattern.is_match(&l.text())));
        if let Some(i) = hit {
            self.cursor = i;
            if i < self.offset || i >= self.offset + height {
                self.offset = i.saturating_sub(height / 3).min(n.saturating_sub(height));
            }
        }
        hit.is_some()
    }

    /// How many lines match.
    pub fn matches(&self) -> usize {
        self.pattern().map_or(0, |p| self.lines.iter().filter(|l| p.is_match(&l.text())).count())
    }

    /// Folds or unfolds the branch under the cursor, or the one that it hangs on; returns whether the
    /// lines have to be made anew.
    pub fn toggle(&mut self) -> bool {
        let Some((path, open)) = self.lines.get(self.cursor).and_then(|l| l.branch.clone()) else { return false };
        if open { self.folded.insert(path) } else { self.folded.remove(&path) }
    }
}

/// Whether the value of a field or variable of this name has to be hidden.
pub type IsSecret<'a> = &'a dyn Fn(&str) -> bool;

/// What stands for a hidden value.
pub const MASK: &str = "••••••••";

/// A JSON value as YAML-like lines; branches whose path is in `folded` are closed.
pub fn tree(value: &Value, folded: &BTreeSet<String>, secret: IsSecret<'_>) -> Vec<TextLine> {
    let mut lines = Vec::new();
    let mut walk = Walk { folded, secret, lines: &mut lines };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                walk.entry(value, 0, &format!("/{key}"), Some(key), false);
            }
        }
        other => walk.entry(other, 0, "", None, false),
    }
    lines
}

/// All branches of a value, for folding everything at once.
pub fn branches(value: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, path: &str, into: &mut BTreeSet<String>) {
        let mut child = |key: &str, value: &Value| {
            if matches!(value, Value::Object(o) if !o.is_empty()) || matches!(value, Value::Array(a) if !a.is_empty()) {
                let path = format!("{path}/{key}");
                collect(value, &path, into);
                into.insert(path);
            }
        };
        match value {
            Value::Object(fields) => fields.iter().for_each(|(k, v)| child(k, v)),
            Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| child(&i.to_string(), v)),
            _ => {}
        }
    }
    let mut all = BTreeSet::new();
    collect(value, "", &mut all);
    all
}

struct Walk<'a> {
    folded: &'a BTreeSet<String>,
    secret: IsSecret<'a>,
    lines: &'a mut Vec<TextLine>,
}

impl Walk<'_> {
    /// One field (`key: value`) or item (`- value`), and what hangs on it.
    fn entry(&mut self, value: &Value, depth: usize, path: &str, key: Option<&str>, in_env: bool) {
        let mut line = TextLine::default();
        line.push(Tone::Plain, "  ".repeat(depth));
        let size = match value {
            Value::Object(o) if !o.is_empty() => Some(o.len()),
            Value::Array(a) if !a.is_empty() => Some(a.len()),
            _ => None,
        };
        let open = !self.folded.contains(path);
        match key {
            Some(key) => {
                line.push(Tone::Key, key);
                line.push(Tone::Muted, ": ");
            }
            None => line.push(Tone::Muted, "- "),
        }
        if let Some(size) = size {
            line.branch = Some((path.to_owned(), open));
            if !open {
                line.push(Tone::Muted, format!("… {}", crate::text::count(size, "entry")));
            }
            self.lines.push(line);
            if !open {
                return;
            }
            match value {
                Value::Object(fields) => {
                    for (k, v) in fields {
                        self.entry(v, depth + 1, &format!("{path}/{k}"), Some(k), false);
                    }
                }
                Value::Array(items) => {
                    let env = key == Some("Env");
                    for (i, v) in items.iter().enumerate() {
                        self.entry(v, depth + 1, &format!("{path}/{i}"), None, env);
                    }
                }
                _ => {}
            }
            return;
        }
        match value {
            Value::String(_) if key.is_some_and(self.secret) => line.push(Tone::Muted, MASK),
            Value::String(s) if in_env => {
                let (name, value) = s.split_once('=').unwrap_or((s, ""));
                line.push(Tone::Text, format!("{name}={}", if (self.secret)(name) { MASK } else { value }));
            }
            Value::String(s) if s.is_empty() => line.push(Tone::Muted, "\"\""),
            Value::String(s) => line.push(Tone::Text, s),
            Value::Number(n) => line.push(Tone::Number, n.to_string()),
            Value::Bool(b) => line.push(Tone::Word, b.to_string()),
            Value::Null => line.push(Tone::Word, "null"),
            Value::Object(_) => line.push(Tone::Muted, "{}"),
            Value::Array(_) => line.push(Tone::Muted, "[]"),
        }
        self.lines.push(line);
    }
}

/// Rows of equal columns, with a heading. A column without any content is left out.
pub fn table(titles: &[&str], rows: &[Vec<(Tone, String)>]) -> Vec<TextLine> {
    let cells = |i: usize| rows.iter().filter_map(move |r| r.get(i)).map(|(_, text)| crate::text::width(text));
    let shown: Vec<usize> = (0..titles.len()).filter(|i| cells(*i).any(|w| w > 0)).collect();
    let width = |i: usize| cells(i).chain([crate::text::width(titles[i])]).max().unwrap_or(0).min(60);
    let pad = |text: &str, i: usize| {
        let last = shown.last() == Some(&i);
        let room = if last { 0 } else { width(i).saturating_sub(crate::text::width(text)) + 2 };
        format!("{text}{}", " ".repeat(room))
    };
    let mut head = TextLine::default();
    for i in &shown {
        head.push(Tone::Muted, pad(titles[*i], *i));
    }
    let body = rows.iter().map(|row| {
        let mut line = TextLine::default();
        for i in &shown {
            if let Some((tone, text)) = row.get(*i) {
                line.push(*tone, pad(text, *i));
            }
        }
        line
    });
    std::iter::once(head).chain(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[TextLine]) -> Vec<String> {
        lines.iter().map(TextLine::text).collect()
    }

    #[test]
    fn json_reads_like_yaml_and_hides_secrets_and_escapes() {
        let value = serde_json::json!({
            "Name": "/web\u{1b}[31m", "Env": ["A=1", "DB_PASSWORD=hunter2"], "Token": "abc", "Empty": {}, "N": [1, {"x": null}],
        });
        let secret = |name: &str| name.contains("PASSWORD") || name == "Token";
        let lines = tree(&value, &BTreeSet::new(), &secret);
        assert_eq!(
            shown(&lines),
            [
                "Name: /web·[31m",
                "Env: ",
                "  - A=1",
                "  - DB_PASSWORD=••••••••",
                "Token: ••••••••",
                "Empty: {}",
                "N: ",
                "  - 1",
                "  - ",
                "    x: null",
            ]
        );
        let all = branches(&value);
        assert_eq!(all.iter().collect::<Vec<_>>(), ["/Env", "/N", "/N/1"]);
        assert_eq!(shown(&tree(&value, &all, &secret))[1], "Env: … 2 entries");
    }

    #[test]
    fn search_goes_round_and_takes_a_broken_pattern_literally() {
        let mut pane = TextPane { has_cursor: true, ..TextPane::default() };
        pane.set(["one", "t(wo", "three", "t(wo"].map(|t| TextLine::new(Tone::Plain, t)).into());
        pane.query = "t(w".into();
        let places: Vec<_> = (0..3).map(|_| (pane.find(true, false, 2), pane.cursor)).collect();
        assert_eq!(places, [(true, 1), (true, 3), (true, 1)]);
        assert!(pane.find(false, false, 2));
        assert_eq!((pane.cursor, pane.matches()), (3, 2));
        pane.query = "nowhere".into();
        assert!(!pane.find(true, true, 2));
    }
}
