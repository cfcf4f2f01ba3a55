//! What is wrong with a text, whatever it is written in.

use std::collections::BTreeSet;

use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::{self, Severity, Surroundings};
use crate::ui::editor::Language;

use super::{LintOrder, Problem};

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
