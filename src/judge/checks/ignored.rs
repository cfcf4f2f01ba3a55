//! Checks on what a build is sent.

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Trouble;
use super::super::check::{Case, Check, Found, Kind, Phase, Seen, Wrong};
use super::super::fields::Glob;
use super::context::Context;
use super::files::listed;
use crate::text::count;

pub(super) const KINDS: &[Kind] = &[
    kind!(Phase::Files, "dockerignore.covers", Covers, "`.dockerignore` leaves out what it should, and nothing that is needed.", [
        "DOCKERIGNORE_MISSING": "Without a .dockerignore beside the Dockerfile the whole folder is sent to the build.",
        "DOCKERIGNORE_SYNTAX": "Docker refuses a line of .dockerignore; the message says which and why.",
        "DOCKERIGNORE_GAP": "Something that should stay out still gets through; which line should match it, and in which folder?",
        "DOCKERIGNORE_OVERREACH": "Something that is needed is left out; which line matches it?",
    ]),
    kind!(Phase::Files, "context.size", Size, "What is sent to the build is small.", [
        "CONTEXT_TOO_BIG": "Which of the files that are sent does the image not need? .dockerignore leaves them out.",
    ]),
];

/// `dockerignore.covers`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Covers {
    /// Paths of the build context that must be left out, whether or not they are there; globs mean what is there.
    #[serde(default)]
    ignored: Vec<Glob>,
    /// Paths that must not be left out.
    #[serde(default)]
    kept: Vec<Glob>,
}

impl Covers {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let context = Context::of_case(case)?;
        let Some(file) = &context.ignore_file else {
            let should: Vec<String> = self.ignored.iter().map(|glob| glob.text().to_owned()).collect();
            if should.is_empty() {
                return Ok(Seen::well("no .dockerignore"));
            }
            let message = format!("there is no .dockerignore, so the build is sent {}", listed(&should));
            let folder = case.lab.build.as_ref().map_or("", |build| build.context.trim_matches(['.', '/']));
            let file = if folder.is_empty() { ".dockerignore".to_owned() } else { format!("{folder}/.dockerignore") };
            let found = Found::new("DOCKERIGNORE_MISSING", message)
                .in_file(file)
                .expected(format!("{} left out", listed(&should)));
            return Ok(Seen::of("no .dockerignore", vec![found.found("everything is sent")]));
        };
        let mut found = Vec::new();
        for problem in &context.ignore.problems {
            let message = format!("{file}:{}: {}", problem.line, problem.message);
            found.push(Found::new("DOCKERIGNORE_SYNTAX", message).at(file.clone(), problem.line));
        }
        let meant = |globs: &[Glob]| globs.iter().flat_map(|glob| context.meant(glob)).collect::<Vec<_>>();
        let place = |path: &str| match context.ignore.decided_by(path) {
            Some(line) => (format!("{file}:{line}"), Some(line)),
            None => (file.clone(), None),
        };
        let through: Vec<String> =
            meant(&self.ignored).into_iter().filter(|path| context.ignore.reaches(path)).collect();
        if let Some(first) = through.first() {
            let (place, line) = place(first);
            let why = if line.is_some() { "this takes in again" } else { "no line leaves out" };
            let message = format!("{place}: {why} {}, expected to be left out of the build", listed(&through));
            let gap = Found::new("DOCKERIGNORE_GAP", message).in_file(file.clone());
            found.push(Found { line, ..gap }.expected("left out").found(format!("sent: {}", listed(&through))));
        }
        let lost: Vec<String> = meant(&self.kept).into_iter().filter(|path| !context.ignore.reaches(path)).collect();
        if let Some(first) = lost.first() {
            // What leaves out a folder leaves out what is in it.
            let parents = first.match_indices('/').map(|(at, _)| &first[..at]);
            let guilty = parents.chain([first.as_str()]).find(|path| context.ignore.excludes(path)).unwrap_or(first);
            let (place, line) = place(guilty);
            let message = format!("{place}: this leaves out {}, which the build needs", listed(&lost));
            let over = Found::new("DOCKERIGNORE_OVERREACH", message).in_file(file.clone());
            found.push(Found { line, ..over }.expected("sent").found(format!("left out: {}", listed(&lost))));
        }
        Ok(Seen::of(if found.is_empty() { "covers all" } else { "does not fit" }, found))
    }
}

impl Check for Covers {
    fn title(&self) -> String {
        ".dockerignore leaves out what it should, and nothing that is needed".to_owned()
    }

    fn wrong(&self) -> Option<Wrong> {
        let none = self.ignored.is_empty() && self.kept.is_empty();
        none.then(|| Wrong::new("", "`ignored` or `kept` is missing here, a list of paths"))
    }

    at_once!();
}

/// `context.size`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Size {
    /// The most units of 1,000,000 bytes that are sent.
    max_mb: f64,
    /// The most files that are sent.
    max_files: Option<usize>,
}

impl Size {
    fn see(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let context = Context::of_case(case)?;
        let mut sent: Vec<(&str, u64)> = context.sent().collect();
        let bytes: u64 = sent.iter().map(|(_, bytes)| bytes).sum();
        case.metrics.context_bytes = Some(bytes);
        let mb = |bytes: u64| format!("{:.2} MB", bytes as f64 / 1e6);
        let is = format!("{} in {}", mb(bytes), count(sent.len(), "file"));
        let most = self.max_files.filter(|most| sent.len() > *most);
        if bytes as f64 <= self.max_mb * 1e6 && most.is_none() {
            return Ok(Seen::well(is));
        }
        sent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let largest: Vec<String> =
            sent.iter().take(3).map(|(path, bytes)| format!("{path} ({})", mb(*bytes))).collect();
        let should = match most {
            Some(most) => format!("at most {}", count(most, "file")),
            None => format!("at most {} MB", self.max_mb),
        };
        let message = format!("the build is sent {is}, expected {should}; the largest are {}", listed(&largest));
        let found = Found::new("CONTEXT_TOO_BIG", message).expected(should).found(is.clone());
        Ok(Seen::of(is, vec![found]))
    }
}

impl Check for Size {
    fn title(&self) -> String {
        format!("The build is sent at most {} MB", self.max_mb)
    }

    fn wrong(&self) -> Option<Wrong> {
        let message = format!("found {}, expected a number above 0", self.max_mb);
        (self.max_mb.is_nan() || self.max_mb <= 0.0).then(|| Wrong::new("max_mb", message))
    }

    at_once!();
}
