//! What a build does again after a file was changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Trouble;
use super::super::bench::{self, Image, Made, Wish};
use super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Recipe, Seen, Wrong, read, schema};
use super::super::reading::Reading;
use super::super::select::Selector;
use super::build::{EditOf, edited, image};
use super::context::Context;
use crate::builds::{Step, StepState};
use crate::text::fit;

pub(super) const KINDS: &[Kind] = &[Kind {
    name: "build.cache",
    phase: Phase::Build,
    need: Need::Image,
    about: "After a file was changed, a build does again what depends on it, and nothing else.",
    codes: &[
        Code {
            name: "CACHE_MISS",
            hint: "A step is done again when anything it is made from has changed, and so is all below it; what comes before it that need not?",
        },
        Code {
            name: "CACHE_STALE",
            hint: "A change of this file does not reach the step that should use it; is it copied in before?",
        },
    ],
    timeout: Duration::from_mins(15),
    late: Some("CACHE_MISS"),
    read: read::<Cache>,
    schema: schema::<Cache>,
}];

/// `build.cache`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Cache {
    /// What is changed in a copy, by path: `append_comment`, `{replace: [from, to]}` or `{add: text}`.
    edit: BTreeMap<String, EditOf>,
    /// Instructions that must not be done again.
    #[serde(default)]
    cached: Vec<Selector>,
    /// Instructions that have to be done again.
    #[serde(default)]
    rebuilt: Vec<Selector>,
}

impl Check for Cache {
    fn title(&self) -> String {
        let files = self.edit.keys().cloned().collect::<Vec<_>>().join(", ");
        let words = |all: &[Selector]| all.iter().map(Selector::words).collect::<Vec<_>>().join(", ");
        if self.cached.is_empty() {
            format!("A change of {files} does {} again", words(&self.rebuilt))
        } else {
            format!("A change of {files} does not do {} again", words(&self.cached))
        }
    }

    fn wrong(&self) -> Option<Wrong> {
        if self.edit.is_empty() {
            return Some(Wrong::new(
                "edit",
                "found no file to change, expected one, such as `{app/main.py: append_comment}`",
            ));
        }
        if self.cached.is_empty() && self.rebuilt.is_empty() {
            return Some(Wrong::new("", "found nothing to look at, expected `cached:` or `rebuilt:`"));
        }
        let all = self.cached.iter().map(|s| ("cached", s)).chain(self.rebuilt.iter().map(|s| ("rebuilt", s)));
        all.into_iter().find_map(|(field, selector)| selector.wrong(field))
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            // What is in the cache after the first build is all that the second could find there.
            if let Err(seen) = image(case).await? {
                return Ok(seen);
            }
            let Some(recipe) = case.dockerfile.clone() else {
                return Ok(Seen::of("no Dockerfile", vec![Found::new("CACHE_MISS", "there is no Dockerfile to read")]));
            };
            let context = Context::of_case(case)?;
            let code = if self.cached.is_empty() { "CACHE_STALE" } else { "CACHE_MISS" };
            let copy = match edited(case, &self.edit)? {
                Ok(copy) => copy,
                Err(why) => return Ok(Seen::of("not changed", vec![Found::new(code, why)])),
            };
            let second = match bench::build_in(case, copy.dir(), &Wish::default()).await? {
                Made::Image(image) => image,
                Made::Broken(broken) => {
                    let message = format!("the build fails after the change: {}", broken.observed);
                    let found = Found { code, message, ..broken.found.clone() };
                    return Ok(Seen::of("not built after the change", vec![found]));
                }
            };
            let recipe_of_copy = recipe_in(&recipe, copy.dir(), case);
            let found = self.compare(&Reading::of(&recipe, case.lab), &context, &second, &recipe_of_copy);
            let (cached, steps) = second.built.cached;
            Ok(Seen::of(format!("{} of {steps} steps done again", steps - cached), found))
        }
        .boxed()
    }
}

/// The Dockerfile of a changed copy: it may be what was changed.
fn recipe_in(recipe: &Recipe, dir: &std::path::Path, case: &Case<'_>) -> Recipe {
    let changed = std::fs::read_to_string(dir.join(&recipe.path))
        .ok()
        .filter(|_| case.submission.resolve(&recipe.path).as_deref() == Some(&recipe.path));
    changed.map_or_else(|| recipe.clone(), |text| Recipe::new(recipe.path.clone(), text))
}

impl Cache {
    /// What the second build did, held against what it should do.
    fn compare(&self, reading: &Reading<'_>, context: &Context, second: &Image, recipe: &Recipe) -> Vec<Found> {
        let steps: BTreeMap<usize, &Step> = second.steps(recipe).map(|(step, line)| (line, step)).collect();
        let files = self.edit.keys().cloned().collect::<Vec<_>>().join(", ");
        let mut found = Vec::new();
        for selector in &self.cached {
            let at = selector.find(reading, context);
            if at.is_empty() {
                found.push(
                    Found::new("CACHE_MISS", format!("the Dockerfile has no {}", selector.words()))
                        .in_file(reading.path()),
                );
            }
            for at in at {
                let line = reading.line(at);
                // What no stage of the image needs is not done at all.
                let Some(step) = steps.get(&line).filter(|step| is_done(step)) else { continue };
                let cause = cause(second, step, &steps);
                let (cause_line, why) = match cause.filter(|(cause, _)| *cause != line) {
                    Some((line, cause)) => (line, format!(": {} in line {line} changes with it", fit(&cause.name, 80))),
                    None => (line, String::new()),
                };
                let message =
                    format!("after a change of {files}, {} in line {line} is done again{why}", fit(&step.name, 80));
                found.push(
                    Found::new("CACHE_MISS", message)
                        .at(reading.path(), cause_line)
                        .expected("cached")
                        .found("done again"),
                );
            }
        }
        for selector in &self.rebuilt {
            let at = selector.find(reading, context);
            if at.is_empty() {
                found.push(
                    Found::new("CACHE_STALE", format!("the Dockerfile has no {}", selector.words()))
                        .in_file(reading.path()),
                );
            }
            // One is enough where several are meant: the others may be of other files.
            let again = at.iter().any(|at| steps.get(&reading.line(*at)).is_some_and(|step| is_done(step)));
            if let Some(first) = at.first().filter(|_| !again) {
                let message = format!("after a change of {files}, {} is not done again", selector.words());
                found.push(
                    Found::new("CACHE_STALE", message)
                        .at(reading.path(), reading.line(*first))
                        .expected("done again")
                        .found("cached"),
                );
            }
        }
        found
    }
}

/// Whether something had to be done for a step.
fn is_done(step: &Step) -> bool {
    !matches!(step.state, StepState::Cached | StepState::Waiting)
}

/// The first step that was done again among those that a step is made from, and its line. A `FROM` is none: an image
/// that is there already is not said to be cached, though nothing is done for it.
fn cause<'a>(second: &'a Image, step: &'a Step, steps: &BTreeMap<usize, &'a Step>) -> Option<(usize, &'a Step)> {
    let mut before: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = vec![&step.key];
    while let Some(key) = open.pop() {
        if before.insert(key) {
            let known = second.build.steps.iter().find(|known| known.key == key);
            open.extend(known.into_iter().flat_map(|known| known.inputs.iter().map(String::as_str)));
        }
    }
    steps
        .iter()
        .filter(|(_, step)| !step.name.starts_with("FROM "))
        .find(|(_, step)| is_done(step) && before.contains(step.key.as_str()))
        .map(|(line, step)| (*line, *step))
}
