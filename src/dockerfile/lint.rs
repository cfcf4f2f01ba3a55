//! What is wrong with a Dockerfile, in the order of the file, and what would mend it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use super::instruction::{Dockerfile, Form, Instruction, Word};
use super::parse::parse;
use super::pragma::Pragmas;
use super::rules::{self, Rule};
use super::shell::Script;
use super::source::{Place, Span, places_in_order};
use crate::text;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The build fails, or the image is unsafe.
    Error,
    /// It works, but not as one would want.
    Warning,
    /// A matter of style, size or speed.
    Info,
}

impl Severity {
    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// As in [`rules`](super::rules()).
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// Where it begins, as people say it.
    pub start: Place,
    /// Where it ends: the place after its last character.
    pub end: Place,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Why that is bad.
    pub why: &'static str,
    /// What to do.
    pub mend: String,
    /// When it can be mended by a machine.
    pub fix: Option<Fix>,
}

/// A change that mends something and does nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an order.
    pub title: String,
    /// The meaning stays, or is what was plainly meant; else it is a guess, which a person should see first.
    pub sure: bool,
    /// In the order of the text, not overlapping.
    pub edits: Vec<Edit>,
}

/// Other text for a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty to insert.
    pub span: Range<usize>,
    /// What comes in its place.
    pub text: String,
}

/// The text with a fix applied. Edits that do not fit the text are left out.
pub fn mended(text: &str, fix: &Fix) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for edit in &fix.edits {
        let fits = edit.span.start >= at && edit.span.start <= edit.span.end;
        if let (true, Some(between), Some(_)) = (fits, text.get(at..edit.span.start), text.get(edit.span.clone())) {
            out.push_str(between);
            out.push_str(&edit.text);
            at = edit.span.end;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// Which rules count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleChoice {
    off: BTreeSet<String>,
    on: BTreeSet<String>,
    only: BTreeSet<String>,
}

impl RuleChoice {
    /// Those that are on by default.
    pub const fn usual() -> Self {
        Self { off: BTreeSet::new(), on: BTreeSet::new(), only: BTreeSet::new() }
    }

    /// Without this one.
    #[must_use]
    pub fn without(mut self, code: impl Into<String>) -> Self {
        self.off.insert(code.into().to_ascii_uppercase());
        self
    }

    /// With this one, which is off by default.
    #[must_use]
    pub fn with(mut self, code: impl Into<String>) -> Self {
        self.on.insert(code.into().to_ascii_uppercase());
        self
    }

    /// With none but this one, and others chosen like this.
    #[must_use]
    pub fn only(mut self, code: impl Into<String>) -> Self {
        self.only.insert(code.into().to_ascii_uppercase());
        self
    }

    /// Whether a rule counts.
    pub fn has(&self, rule: &Rule) -> bool {
        let code = rule.code;
        !self.off.contains(code)
            && if self.only.is_empty() { rule.on || self.on.contains(code) } else { self.only.contains(code) }
    }
}

static USUAL: RuleChoice = RuleChoice::usual();

/// What is known beside the text. By default nothing.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Whether the context has a path.
    pub files: Option<&'a dyn Fn(&str) -> bool>,
    /// Whether `.dockerignore` keeps a path of the context from the builder.
    pub ignored: Option<&'a dyn Fn(&str) -> bool>,
    /// Which rules count.
    pub rules: &'a RuleChoice,
}

impl Default for Surroundings<'_> {
    fn default() -> Self {
        Self { files: None, ignored: None, rules: &USUAL }
    }
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings")
            .field("files", &self.files.is_some())
            .field("ignored", &self.ignored.is_some())
            .field("rules", &self.rules)
            .finish()
    }
}

/// What a rule looks at.
pub(super) struct Subject<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a Dockerfile,
    pub(super) around: &'a Surroundings<'a>,
    /// The commands of each `RUN` (also within `ONBUILD`), beside the instructions.
    pub(super) scripts: Vec<Option<Script>>,
}

impl<'a> Subject<'a> {
    /// Every instruction with its number; what `ONBUILD` holds counts as itself.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, &'a Instruction)> {
        self.file.instructions.iter().map(|i| i.inner.as_deref().unwrap_or(i)).enumerate()
    }

    /// Every `RUN` with what it runs.
    pub(super) fn runs(&self) -> impl Iterator<Item = (usize, &'a Instruction, &Script)> {
        self.each().filter_map(|(i, instruction)| Some((i, instruction, self.scripts[i].as_ref()?)))
    }

    /// All that is called, itself or behind others.
    fn programs(&self) -> HashSet<&str> {
        let mut programs = HashSet::new();
        for command in self.scripts.iter().flatten().flat_map(|s| &s.commands) {
            programs.extend(command.words.first().map(|w| w.text.as_str()));
            programs.extend(command.call().map(|c| c.program));
        }
        programs
    }

    /// An edit that puts an option behind a word of a command.
    pub(super) fn option(instruction: &Instruction, word: &Word, option: &str) -> Edit {
        let json = matches!(instruction.form, Form::Json(_));
        insert(word.span.end, if json { format!(", \"{option}\"") } else { format!(" {option}") })
    }

    pub(super) fn text_of(&self, span: &Span) -> &'a str {
        self.text.get(span.clone()).unwrap_or("")
    }
}

/// An edit that writes something at a place.
pub(super) fn insert(at: usize, text: impl Into<String>) -> Edit {
    Edit { span: at..at, text: text.into() }
}

/// An edit that writes something else for a span.
pub(super) fn rewrite(span: &Span, text: impl Into<String>) -> Edit {
    Edit { span: span.clone(), text: text.into() }
}

/// What a rule found; what is not said is as in the table.
pub(super) struct Finding {
    pub(super) span: Span,
    pub(super) message: Option<String>,
    pub(super) mend: Option<String>,
    pub(super) fix: Option<Fix>,
}

impl Finding {
    pub(super) fn at(span: &Span) -> Self {
        Self { span: span.clone(), message: None, mend: None, fix: None }
    }

    pub(super) fn says(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    pub(super) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    pub(super) fn fix(mut self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.fix = Some(Fix { title: title.into(), sure: true, edits });
        self
    }

    /// A fix that a person should see first.
    pub(super) fn guess(mut self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.fix = Some(Fix { title: title.into(), sure: false, edits });
        self
    }
}

/// Judges a Dockerfile. The findings are in the order of the text.
pub fn lint(text: &str, around: &Surroundings<'_>) -> Vec<Diagnostic> {
    let file = parse(text);
    let scripts =
        file.instructions.iter().map(|i| Script::of(i.inner.as_deref().unwrap_or(i), text, file.escape)).collect();
    let subject = Subject { text, file: &file, around, scripts };
    let pragmas = Pragmas::of(text, &file);
    let mut found: Vec<(&Rule, Finding)> = Vec::new();
    let programs = subject.programs();
    for rule in rules::rules() {
        if !around.rules.has(rule) || pragmas.everywhere(rule) {
            continue;
        }
        if !rule.programs.is_empty() && !rule.programs.iter().any(|p| programs.contains(p)) {
            continue;
        }
        let mut findings = Vec::new();
        (rule.check)(&subject, &mut findings);
        found.extend(findings.into_iter().filter(|f| !pragmas.silent(&file, rule, &f.span)).map(|f| (rule, f)));
    }
    found.sort_by(|(a, f), (b, g)| (f.span.start, f.span.end, a.code).cmp(&(g.span.start, g.span.end, b.code)));
    let places = places_in_order(text, found.iter().flat_map(|(_, f)| [f.span.start, f.span.end]));
    let place = |at: usize| {
        let found = places.binary_search_by_key(&at, |p| p.0).ok().and_then(|i| places.get(i));
        found.map_or(Place { line: 1, column: 1 }, |p| p.1)
    };
    found
        .into_iter()
        .map(|(rule, finding)| Diagnostic {
            code: rule.code,
            severity: if pragmas.strict && rule.severity != Severity::Info && !rule.buildkit.is_empty() {
                Severity::Error
            } else {
                rule.severity
            },
            start: place(finding.span.start),
            end: place(finding.span.end),
            span: finding.span,
            message: finding.message.map_or_else(|| rule.title.to_owned(), |m| shown(&m)),
            why: rule.why,
            mend: finding.mend.map_or_else(|| rule.mend.to_owned(), |m| shown(&m)),
            fix: finding.fix.map(|fix| Fix { title: shown(&fix.title), ..fix }),
        })
        .collect()
}

/// Sentences quote the file: harmless, and not as long as a file may be.
fn shown(sentence: &str) -> String {
    if sentence.len() < 300 && sentence.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return sentence.to_owned();
    }
    text::fit(&text::clean(sentence), 300).into_owned()
}

/// The text with all sure fixes applied, and how many these were. What a fix reveals is mended, too.
pub fn mend_all(text: &str, around: &Surroundings<'_>) -> (String, usize) {
    let mut text = text.to_owned();
    let mut count = 0;
    // Each round mends what does not overlap; a few are enough for fixes at the same place.
    for _ in 0..8 {
        let mut edits: Vec<Edit> = Vec::new();
        // What is taken already, from the first to the last edit of a fix; nothing of it overlaps.
        let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
        for diagnostic in lint(&text, around) {
            let Some(fix) = diagnostic.fix.filter(|f| f.sure) else { continue };
            let (Some(first), Some(last)) = (fix.edits.first(), fix.edits.last()) else { continue };
            if taken.range(..=last.span.end).next_back().is_some_and(|(_, end)| *end >= first.span.start) {
                continue;
            }
            taken.insert(first.span.start, last.span.end);
            edits.extend(fix.edits);
            count += 1;
        }
        if edits.is_empty() {
            break;
        }
        edits.sort_by_key(|e| e.span.start);
        text = mended(&text, &Fix { title: String::new(), sure: true, edits });
    }
    (text, count)
}
