//! What is wrong with a text, whatever it is written in.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::{self, Diagnostic, Severity, Surroundings};
use crate::ui::editor::{self, Language, Mark};

use super::LintOrder;

/// Changes of a text: bytes, and what shall stand there.
pub type Edits = Vec<(Range<usize>, String)>;

/// What mends a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuickFix {
    /// What it does.
    pub title: String,
    /// Whether it is what anyone would want; else it is a guess.
    pub sure: bool,
    /// How.
    pub edits: Edits,
}

/// Something wrong with a text: of a Dockerfile by a rule, of other files by their grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The rule, such as `DL3006`; empty for what a grammar says.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// First line, from 0, and its characters.
    pub line: usize,
    /// The first character of it, from 0.
    pub from: usize,
    /// The character after the last one on that line.
    pub to: usize,
    /// What is wrong.
    pub message: String,
    /// Why that is bad.
    pub why: String,
    /// How to mend it.
    pub mend: String,
    /// How it can be mended by a key.
    pub fix: Option<QuickFix>,
}

impl Problem {
    /// What a rule found.
    pub fn of(found: Diagnostic) -> Self {
        let line = found.start.line.saturating_sub(1);
        let from = found.start.column.saturating_sub(1);
        // A mark stands on one line: where something is wrong with several, on the first.
        let to = if found.end.line == found.start.line { found.end.column.saturating_sub(1) } else { usize::MAX };
        Self {
            code: found.code.to_owned(),
            severity: found.severity,
            line,
            from,
            to: to.max(from + 1),
            message: found.message,
            why: found.why.to_owned(),
            mend: found.mend,
            fix: found.fix.map(|f| QuickFix {
                title: f.title,
                sure: f.sure,
                edits: f.edits.into_iter().map(|e| (e.span, e.text)).collect(),
            }),
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            line: self.line,
            from_column: self.from,
            to_column: self.to,
            severity: match self.severity {
                Severity::Error => editor::Severity::Error,
                Severity::Warning => editor::Severity::Warning,
                Severity::Info => editor::Severity::Info,
            },
            text: self.headline(),
        }
    }

    /// Code and message.
    pub fn headline(&self) -> String {
        if self.code.is_empty() { self.message.clone() } else { format!("{} {}", self.code, self.message) }
    }
}

/// Errors before warnings before what is merely good to know.
pub fn severity_order(severity: Severity) -> u8 {
    match severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    }
}

/// What is wrong with a text.
pub fn judge(order: &LintOrder, ignore: Option<&str>) -> Vec<Problem> {
    match Language::of(&order.path, order.text.lines().next().unwrap_or_default()) {
        Language::Dockerfile => {
            // The folder that a Dockerfile stands in is what is built.
            let folder = order.path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            let known: BTreeSet<&str> = order.files.iter().filter_map(|f| f.strip_prefix(&folder)).collect();
            let has = |path: &str| known.contains(path.trim_matches('/'));
            // The .dockerignore that is known is the topmost folder's.
            let ignore = ignore.filter(|_| folder.is_empty()).map(Ignore::parse);
            let hides = |path: &str| ignore.as_ref().is_some_and(|i| i.excludes(path.trim_matches('/')));
            let around = Surroundings {
                files: (!known.is_empty()).then_some(&has as &dyn Fn(&str) -> bool),
                ignored: ignore.is_some().then_some(&hides as &dyn Fn(&str) -> bool),
                rules: &order.rules,
            };
            dockerfile::lint(&order.text, &around).into_iter().map(Problem::of).collect()
        }
        Language::Yaml => {
            let trouble = crate::config::Source::new(&order.path, &order.text).yaml();
            let at = |e: crate::config::ConfigError| {
                let (line, column) = e.place.map_or((1, 1), |p| (p.line, p.column));
                grammar((line, column, e.message))
            };
            trouble.map(at).into_iter().collect()
        }
        Language::Json => match serde_json::from_str::<serde::de::IgnoredAny>(&order.text) {
            Err(e) if !order.text.trim().is_empty() => {
                vec![grammar((e.line(), e.column(), e.to_string()))]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// What a grammar says: line and column, both from 1.
fn grammar((line, column, message): (usize, usize, String)) -> Problem {
    let from = column.saturating_sub(1);
    Problem {
        code: String::new(),
        severity: Severity::Error,
        line: line.saturating_sub(1),
        from,
        to: from + 1,
        message: crate::text::clean(&message).into_owned(),
        why: String::new(),
        mend: String::new(),
        fix: None,
    }
}
