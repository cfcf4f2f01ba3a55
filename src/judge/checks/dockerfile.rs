//! Checks on the text of the Dockerfile: whether it can be read, and what it says.

use std::collections::BTreeSet;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Trouble;
use super::super::check::{Case, Check, Found, Kind, Phase, Recipe, Seen, Wrong};
use super::super::fields::{Glob, OneOrMore, Pattern};
use super::super::reading::{Reading, Which};
use super::super::select::{CallPattern, Instr, Selector};
use super::context::Context;
use crate::dockerfile::{self, RuleChoice, Severity, Surroundings, ignore, lint};
use crate::text::{count, size};

pub(super) const KINDS: &[Kind] = &[
    kind!(Phase::Dockerfile, "df.parses", Parses, "Docker can read the Dockerfile.", [
        "DF_SYNTAX": "Docker cannot read the Dockerfile; the message says which line it stumbles over.",
    ]),
    kind!(Phase::Dockerfile, "df.lint", Lint, "The linter finds nothing in the Dockerfile that is denied.", [
        "DF_LINT": "The editor underlines what it finds, and says why and how to mend it.",
    ]),
    kind!(Phase::Dockerfile, "df.stages", Stages, "The Dockerfile has as many stages as wanted, with the names that are wanted.", [
        "DF_STAGE_COUNT": "Each FROM begins a stage. What should happen in one of its own?",
        "DF_STAGE_NAME": "FROM image AS name gives a stage its name.",
    ]),
    kind!(Phase::Dockerfile, "df.base", Base, "Stages begin with images that are wanted, and with the same ones tomorrow.", [
        "DF_BASE_UNPINNED": "Without a tag, or with `latest`, tomorrow's build may begin with another image than today's.",
        "DF_BASE_IMAGE": "This stage begins with an image that does not fit its purpose; which one would?",
    ]),
    kind!(Phase::Dockerfile, "df.has", Has, "The Dockerfile has an instruction.", [
        "DF_MISSING": "The Dockerfile lacks an instruction that the task asks for.",
    ]),
    kind!(Phase::Dockerfile, "df.lacks", Lacks, "The Dockerfile does not have an instruction.", [
        "DF_FORBIDDEN": "The Dockerfile holds an instruction that the task wants gone.",
    ]),
];

/// A Dockerfile and what it builds from.
pub(super) struct View<'a> {
    pub reading: Reading<'a>,
    pub context: Context,
}

impl View<'_> {
    /// Something wrong with an instruction; the message says where.
    pub(super) fn found(&self, code: &'static str, at: usize, message: &str) -> Found {
        let (path, line) = (self.reading.path(), self.reading.line(at));
        Found::new(code, format!("{path}:{line}: {message}")).at(path, line)
    }

    /// Something wrong with the file as a whole.
    pub(super) fn lacks(&self, code: &'static str, message: &str) -> Found {
        let path = self.reading.path();
        Found::new(code, format!("{path}: {message}")).in_file(path)
    }

    /// The stages that are meant; else what to say where there is none.
    pub(super) fn stages(&self, which: &Which, code: &'static str) -> Result<Vec<usize>, Seen> {
        let stages = self.reading.stages_of(which);
        if stages.is_empty() {
            let message = format!("there is no stage: {} was looked for", which.words());
            return Err(Seen::of("no such stage", vec![self.lacks(code, &message).expected(which.words())]));
        }
        Ok(stages)
    }
}

/// Looks at the Dockerfile; where there is none, that is what is wrong.
pub(super) fn view(
    case: &Case<'_>,
    code: &'static str,
    look: impl FnOnce(&View<'_>) -> Result<Seen, Seen>,
) -> Result<Seen, Trouble> {
    let Some(recipe) = &case.dockerfile else { return Ok(no_dockerfile(case, code)) };
    let view = View { reading: Reading::of(recipe, case.lab), context: Context::of_case(case)? };
    Ok(look(&view).unwrap_or_else(|seen| seen))
}

fn no_dockerfile(case: &Case<'_>, code: &'static str) -> Seen {
    let path = Recipe::path_of(case.lab);
    let message = match case.submission.size(&path) {
        Some(bytes) => format!("{path} has {}, and no more than {} is read", size(bytes), size(Recipe::LARGEST)),
        None => format!("there is no {path} in the workspace"),
    };
    Seen::of("no Dockerfile", vec![Found::new(code, message).in_file(path.clone()).expected(path).found("nothing")])
}

/// `df.parses`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Parses {}

impl Parses {
    #[allow(clippy::unused_self)]
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        const SHOWN: usize = 5;
        view(case, "DF_SYNTAX", |view| {
            let recipe = view.reading.recipe;
            let mut found: Vec<Found> = Vec::new();
            for problem in recipe.file.problems.iter().take(SHOWN) {
                let line = recipe.file.line_of(problem.span.start);
                let is = recipe.text.get(problem.span.clone()).unwrap_or_default();
                let message = format!("{}:{line}: {}. {}", recipe.path, problem.message, problem.mend);
                found.push(Found::new("DF_SYNTAX", message).at(recipe.path.clone(), line).found(is));
            }
            if found.is_empty() && view.reading.stages.is_empty() {
                found.push(
                    view.lacks("DF_SYNTAX", "there is no FROM, so there is nothing to build").expected("FROM image"),
                );
            }
            let more = recipe.file.problems.len().saturating_sub(SHOWN);
            if let (Some(last), 1..) = (found.last_mut(), more) {
                last.message = format!("{} (And {more} more.)", last.message);
            }
            let instructions = count(recipe.file.instructions.len(), "instruction");
            Ok(Seen::of(if found.is_empty() { instructions } else { "cannot be read".to_owned() }, found))
        })
    }
}

impl Check for Parses {
    fn title(&self) -> String {
        "The Dockerfile can be read".to_owned()
    }

    at_once!();
}

/// How bad a finding of the linter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Worst {
    /// Nothing may be found.
    None,
    Info,
    Warning,
}

/// `df.lint`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Lint {
    /// Rules that must find nothing, by their codes.
    #[serde(default)]
    deny: Vec<String>,
    /// The worst that may be found by any rule: `none`, `info`, `warning`. `info` when `deny` is not given.
    max_severity: Option<Worst>,
    /// Rules that do not count.
    #[serde(default)]
    allow: Vec<String>,
}

impl Lint {
    fn denied(&self, code: &str, severity: Severity) -> bool {
        let is = |codes: &[String]| codes.iter().any(|known| known.eq_ignore_ascii_case(code));
        let worst = self.max_severity.or_else(|| self.deny.is_empty().then_some(Worst::Info));
        let too_bad = match worst {
            Some(Worst::None) => true,
            Some(Worst::Info) => severity != Severity::Info,
            Some(Worst::Warning) => severity == Severity::Error,
            None => false,
        };
        !is(&self.allow) && (is(&self.deny) || too_bad)
    }

    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_LINT", |view| {
            let rules = self.deny.iter().fold(RuleChoice::usual(), RuleChoice::with);
            let context = &view.context;
            let has = |path: &str| {
                let path = ignore::clean(path);
                path == "." || context.has(path.trim_start_matches('/')) || !context.copied_by(&path).is_empty()
            };
            let ignored = |path: &str| {
                let path = ignore::clean(path);
                let path = path.trim_start_matches('/');
                context.has(path) && !context.ignore.reaches(path)
            };
            let around = Surroundings { files: Some(&has), ignored: Some(&ignored), rules: &rules };
            let path = view.reading.path();
            let found: Vec<Found> = lint(&without_pragmas(view.reading.recipe), &around)
                .into_iter()
                .filter(|finding| self.denied(finding.code, finding.severity))
                .map(|finding| {
                    let line = finding.start.line;
                    let message = format!("{path}:{line}: {}: {}. {}", finding.code, finding.message, finding.mend);
                    let is = view.reading.recipe.text.get(finding.span).unwrap_or_default();
                    Found::new("DF_LINT", message).at(path, line).found(is)
                })
                .collect();
            Ok(Seen::of(if found.is_empty() { "nothing".to_owned() } else { count(found.len(), "finding") }, found))
        })
    }
}

/// The text of a Dockerfile with its comments blanked, by which a rule could be silenced; all places stay.
fn without_pragmas(recipe: &Recipe) -> String {
    let kept = |name: &str| matches!(name, "escape" | "syntax");
    let directives: BTreeSet<usize> =
        recipe.file.directives.iter().filter(|d| kept(&d.name)).map(|d| d.span.start).collect();
    let comments = recipe.file.comments.iter().map(|comment| comment.span.clone());
    let checks = recipe.file.directives.iter().filter(|d| !kept(&d.name)).map(|d| d.span.clone());
    let mut bytes = recipe.text.clone().into_bytes();
    for span in comments.chain(checks).filter(|span| !directives.contains(&span.start)) {
        if let Some(comment) = bytes.get_mut(span) {
            comment.iter_mut().skip(1).filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Check for Lint {
    fn title(&self) -> String {
        "The linter has no complaint".to_owned()
    }

    fn wrong(&self) -> Option<Wrong> {
        let known = |code: &String| dockerfile::rules().iter().any(|rule| rule.code.eq_ignore_ascii_case(code));
        let all = self.deny.iter().map(|code| ("deny", code)).chain(self.allow.iter().map(|code| ("allow", code)));
        let (field, code) = all.into_iter().find(|(_, code)| !known(code))?;
        let hint = crate::config::suggestion(code, dockerfile::rules().iter().map(|rule| rule.code));
        Some(Wrong { hint, ..Wrong::new(field, format!("found `{code}`, expected the code of a rule")) })
    }

    at_once!();
}

/// `df.stages`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Stages {
    /// How many at least.
    min: Option<usize>,
    /// How many at most.
    max: Option<usize>,
    /// Names of stages that must be there.
    #[serde(default)]
    names: Vec<String>,
    /// The name of the last one.
    final_named: Option<String>,
}

impl Stages {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_STAGE_COUNT", |view| {
            let stages = &view.reading.stages;
            let is = count(stages.len(), "stage");
            let mut found = Vec::new();
            let limits = [
                (self.min.filter(|min| stages.len() < *min), "at least"),
                (self.max.filter(|max| stages.len() > *max), "at most"),
            ];
            for (limit, words) in limits {
                let Some(limit) = limit else { continue };
                let should = format!("{words} {}", count(limit, "stage"));
                let wrong =
                    view.lacks("DF_STAGE_COUNT", &format!("there {} {is}, expected {should}", be(stages.len())));
                found.push(wrong.expected(should).found(is.clone()));
            }
            let known: Vec<&str> = stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
            let names = if known.is_empty() { "no names".to_owned() } else { known.join(", ") };
            for name in self.names.iter().filter(|name| !known.contains(&name.to_lowercase().as_str())) {
                let wrong = view.lacks("DF_STAGE_NAME", &format!("no stage is named {name}; found {names}"));
                found.push(wrong.expected(format!("FROM ... AS {name}")).found(names.clone()));
            }
            if let Some(name) = &self.final_named {
                let last = view.reading.target.and_then(|at| stages.get(at));
                let own = last.and_then(|stage| stage.name.clone()).unwrap_or_default();
                if own != name.to_lowercase() {
                    let is = if own.is_empty() { "has no name".to_owned() } else { format!("is named {own}") };
                    let at = last.map_or(0, |stage| stage.from);
                    let message = format!("the last stage {is}, expected the name {name}");
                    found.push(view.found("DF_STAGE_NAME", at, &message).expected(name.clone()).found(own));
                }
            }
            Ok(Seen::of(is, found))
        })
    }
}

fn be(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

impl Check for Stages {
    fn title(&self) -> String {
        match (self.min, self.max) {
            (Some(min), None) => format!("There are {min} stages or more"),
            (None, Some(max)) => format!("There are {max} stages or fewer"),
            _ => "The stages are as they should be".to_owned(),
        }
    }

    at_once!();
}

/// How an image's tag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tag {
    /// There is one, and it is not `latest`; or there is a digest.
    Pinned,
}

/// `df.base`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Base {
    /// Which stages (`final`); `all` for each that begins with an image.
    #[serde(default)]
    stage: Which,
    /// `pinned`: there is a tag that is not `latest`, or a digest.
    tag: Option<Tag>,
    /// Whether a digest is there.
    #[serde(default)]
    digest: bool,
    /// Globs for the image, with or without its tag; one of them matches.
    #[serde(default)]
    image: OneOrMore<Glob>,
    /// Globs of which none matches.
    #[serde(default)]
    not: OneOrMore<Glob>,
}

/// An image's name, tag and digest.
fn parts_of(image: &str) -> (&str, Option<&str>, Option<&str>) {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    // A colon before the last slash is that of a port.
    let last = name.rfind('/').map_or(0, |at| at + 1);
    match name[last..].rfind(':') {
        Some(at) => (&name[..last + at], Some(&name[last + at + 1..]), digest),
        None => (name, None, digest),
    }
}

fn is_image(glob: &Glob, image: &str) -> bool {
    let short = |name: &str| name.trim_start_matches("docker.io/").trim_start_matches("library/").to_owned();
    let (name, tag, _) = parts_of(image);
    let tagged = tag.map(|tag| format!("{name}:{tag}"));
    let all = [Some(image.to_owned()), Some(name.to_owned()), tagged];
    all.into_iter().flatten().any(|name| glob.is_match(&name) || glob.is_match(&short(&name)))
}

impl Base {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_BASE_IMAGE", |view| {
            let mut found = Vec::new();
            let mut seen: Vec<String> = Vec::new();
            let mut looked = BTreeSet::new();
            for stage in view.stages(&self.stage, "DF_BASE_IMAGE")? {
                let (base, from) = view.reading.root(stage);
                if !looked.insert(from) {
                    continue;
                }
                let Some(base) = base else {
                    let is = view.reading.arguments(from);
                    let message = format!("FROM {is}: a variable in it is not set, so nobody knows the image");
                    found.push(view.found("DF_BASE_UNPINNED", from, &message).expected("an image").found(is));
                    continue;
                };
                seen.push(base.to_owned());
                found.extend(self.judge(view, from, base));
            }
            Ok(Seen::of(super::files::listed(&seen), found))
        })
    }

    fn judge(&self, view: &View<'_>, from: usize, base: &str) -> Vec<Found> {
        let mut found = Vec::new();
        let (_, tag, digest) = parts_of(base);
        let empty = base.eq_ignore_ascii_case("scratch");
        if !empty && self.digest && digest.is_none() {
            let message = format!("FROM {base} has no digest, expected one, as in name@sha256:...");
            found.push(view.found("DF_BASE_UNPINNED", from, &message).expected("a digest").found(base));
        } else if !empty && self.tag.is_some() && digest.is_none() && matches!(tag, None | Some("latest" | "")) {
            let why =
                if tag.is_some() { "has the tag `latest`, which moves" } else { "has no tag, which means `latest`" };
            let message = format!("FROM {base} {why}; expected a tag that stays, or a digest");
            found.push(view.found("DF_BASE_UNPINNED", from, &message).expected("a tag that stays").found(base));
        }
        let globs = |all: &[Glob]| all.iter().map(|glob| glob.text().to_owned()).collect::<Vec<_>>().join(" or ");
        if !self.image.0.is_empty() && !self.image.0.iter().any(|glob| is_image(glob, base)) {
            let should = globs(&self.image.0);
            let message = format!("the stage begins with {base}, expected {should}");
            found.push(view.found("DF_BASE_IMAGE", from, &message).expected(should).found(base));
        }
        if let Some(glob) = self.not.0.iter().find(|glob| is_image(glob, base)) {
            let message = format!("the stage begins with {base}, expected an image that is not {}", glob.text());
            let should = format!("not {}", globs(&self.not.0));
            found.push(view.found("DF_BASE_IMAGE", from, &message).expected(should).found(base));
        }
        found
    }
}

impl Check for Base {
    fn title(&self) -> String {
        match (&self.tag, self.digest) {
            (Some(Tag::Pinned), _) | (_, true) => "Base images do not move".to_owned(),
            _ => "The base image is a fitting one".to_owned(),
        }
    }

    fn wrong(&self) -> Option<Wrong> {
        let none = self.tag.is_none() && !self.digest && self.image.0.is_empty() && self.not.0.is_empty();
        none.then(|| Wrong::new("", "one of `tag`, `digest`, `image` and `not` is missing here"))
    }

    at_once!();
}

/// `df.has`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Has {
    /// An instruction's name.
    instr: Option<Instr>,
    /// A command that a `RUN` calls.
    run: Option<CallPattern>,
    /// A file of the build context that a `COPY` or `ADD` brings.
    copies: Option<Glob>,
    /// In which stage (any).
    stage: Option<Which>,
    /// A pattern that the instruction's arguments match, variables replaced.
    value: Option<Pattern>,
    /// How many at least (1).
    count: Option<usize>,
}

/// `df.lacks`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Lacks {
    /// An instruction's name.
    instr: Option<Instr>,
    /// A command that a `RUN` calls.
    run: Option<CallPattern>,
    /// A file of the build context that a `COPY` or `ADD` brings.
    copies: Option<Glob>,
    /// In which stage (any).
    stage: Option<Which>,
    /// A pattern that the instruction's arguments match, variables replaced.
    value: Option<Pattern>,
    /// How many at most (0).
    count: Option<usize>,
}

/// The selector that the fields of a check are.
macro_rules! selector {
    ($of:expr) => {
        Selector {
            run: $of.run.clone(),
            copies: $of.copies.clone(),
            instr: $of.instr,
            stage: $of.stage.clone(),
            value: $of.value.clone(),
        }
    };
}

impl Has {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        view(case, "DF_MISSING", |view| {
            let selector = selector!(self);
            let (least, there) = (self.count.unwrap_or(1), selector.find(&view.reading, &view.context).len());
            let mut found = Vec::new();
            if there < least {
                let place = self.stage.as_ref().map_or_else(String::new, |which| format!(" in {}", which.words()));
                let what = selector.words();
                let should =
                    if least == 1 { format!("{what}{place}") } else { format!("{what}{place}, {least} times") };
                let is = if there == 0 { "none".to_owned() } else { there.to_string() };
                let wrong = view.lacks("DF_MISSING", &format!("expected {should}; found {is}"));
                found.push(wrong.expected(should).found(is));
            }
            Ok(Seen::of(format!("{there} found"), found))
        })
    }
}

impl Check for Has {
    fn title(&self) -> String {
        format!("The Dockerfile has {}", selector!(self).words())
    }

    fn wrong(&self) -> Option<Wrong> {
        selector!(self).wrong("")
    }

    at_once!();
}

impl Lacks {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        if case.dockerfile.is_none() && case.submission.size(&Recipe::path_of(case.lab)).is_none() {
            return Ok(Seen::well("no Dockerfile"));
        }
        view(case, "DF_FORBIDDEN", |view| {
            let selector = selector!(self);
            let all = selector.find(&view.reading, &view.context);
            let most = self.count.unwrap_or(0);
            let found = all.get(most).map(|at| {
                let what = selector.words();
                let should = if most == 0 { format!("no {what}") } else { format!("at most {most} of {what}") };
                let is = view.reading.arguments(*at);
                let name = view.reading.instruction(*at).map_or("", |instruction| instruction.name.as_str());
                let is = crate::text::fit(&format!("{name} {is}"), 80).into_owned();
                let message = format!("found `{is}`, expected {should}");
                view.found("DF_FORBIDDEN", *at, &message).expected(should).found(is)
            });
            Ok(Seen::of(format!("{} found", all.len()), found.into_iter().collect()))
        })
    }
}

impl Check for Lacks {
    fn title(&self) -> String {
        format!("The Dockerfile does not have {}", selector!(self).words())
    }

    fn wrong(&self) -> Option<Wrong> {
        selector!(self).wrong("")
    }

    at_once!();
}

#[cfg(test)]
#[path = "dockerfile_tests.rs"]
mod tests;
