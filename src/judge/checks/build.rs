//! Checks that build the image.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Trouble;
use super::super::bench::{self, Edit, Edited, Image, Layer, Made, Wish};
use super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, Wrong, read, schema};
use super::super::fields::Pattern;
use crate::text::fit;

pub(super) const BUILD_FAILED: Code =
    Code { name: "BUILD_FAILED", hint: "The image is not built; what does the failing step say in the build's log?" };
pub(super) const BUILD_TIMEOUT: Code = Code {
    name: "BUILD_TIMEOUT",
    hint: "The build does not end in time; does a step wait for something, or fetch too much?",
};
pub(super) const BUILD_OOM: Code =
    Code { name: "BUILD_OOM", hint: "A step was killed, mostly because it took more memory than there is." };
pub(super) const BUILD_DISK: Code =
    Code { name: "BUILD_DISK", hint: "The build fills the disk; what does it write, and for what?" };

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "build.succeeds",
        phase: Phase::Build,
        need: Need::Docker,
        about: "The image is built.",
        codes: &[BUILD_FAILED, BUILD_TIMEOUT, BUILD_OOM, BUILD_DISK],
        timeout: Duration::from_mins(15),
        late: Some("BUILD_TIMEOUT"),
        read: read::<Succeeds>,
        schema: schema::<Succeeds>,
    },
    Kind {
        name: "build.time",
        phase: Phase::Build,
        need: Need::Image,
        about: "The image is built fast enough, anew or out of the cache.",
        codes: &[Code { name: "BUILD_SLOW", hint: "Which step takes longest, and has it to be done on each build?" }],
        timeout: Duration::from_mins(15),
        late: Some("BUILD_SLOW"),
        read: read::<Fast>,
        schema: schema::<Fast>,
    },
    Kind {
        name: "build.fails",
        phase: Phase::Build,
        need: Need::Docker,
        about: "A build fails that has to.",
        codes: &[Code { name: "BUILD_SHOULD_FAIL", hint: "This build has to fail; what is it that should stop it?" }],
        timeout: Duration::from_mins(15),
        late: None,
        read: read::<Fails>,
        schema: schema::<Fails>,
    },
    Kind {
        name: "build.log",
        phase: Phase::Build,
        need: Need::Image,
        about: "The build prints something, or does not.",
        codes: &[Code { name: "BUILD_LOG", hint: "What do the build's steps print?" }],
        timeout: Duration::from_mins(15),
        late: None,
        read: read::<Log>,
        schema: schema::<Log>,
    },
    Kind {
        name: "build.no_leak",
        phase: Phase::Image,
        need: Need::Image,
        about: "A secret that the build is given is not found in the image.",
        codes: &[Code {
            name: "SECRET_LEAK",
            hint: "What a step reads or is told stays in the image's layers or history, also when a later step removes it.",
        }],
        timeout: Duration::from_mins(15),
        late: None,
        read: read::<NoLeak>,
        schema: schema::<NoLeak>,
    },
];

/// The lab's image; what the check saw where there is none.
pub(super) async fn image(case: &mut Case<'_>) -> Result<Result<std::sync::Arc<Image>, Seen>, Trouble> {
    Ok(match bench::build(case, &Wish::default()).await? {
        Made::Image(image) => Ok(image),
        Made::Broken(broken) => Err(Seen::unbuilt(broken.observed.clone(), vec![broken.found.clone()])),
    })
}

/// `build.succeeds`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Succeeds {
    /// The stage, in place of the build plan's.
    #[serde(default)]
    target: Option<String>,
    /// Build arguments, besides the build plan's.
    #[serde(default)]
    args: BTreeMap<String, String>,
    /// Whether every step is done anew.
    #[serde(default)]
    no_cache: bool,
}

impl Check for Succeeds {
    fn title(&self) -> String {
        match &self.target {
            Some(target) => format!("The stage {target} is built"),
            None => "The image is built".to_owned(),
        }
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let wish =
                Wish { target: self.target.clone(), args: self.args.clone(), no_cache: self.no_cache, timeout: None };
            Ok(match bench::build(case, &wish).await? {
                Made::Image(image) => {
                    let (cached, steps) = image.built.cached;
                    let seconds = image.built.took.as_secs_f64();
                    Seen::well(format!("{steps} steps in {seconds:.1} s, {cached} of them cached"))
                }
                // Where something else than the lab's image was asked for, that may still be there.
                Made::Broken(broken) => Seen {
                    unbuilt: wish == Wish::default(),
                    ..Seen::of(broken.observed.clone(), vec![broken.found.clone()])
                },
            })
        }
        .boxed()
    }
}

/// Which build is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Which {
    /// One that does every step anew.
    Cold,
    /// One for which nothing has changed.
    #[default]
    Warm,
}

/// `build.time`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Fast {
    /// How long it may take.
    max_seconds: f64,
    /// Which build.
    #[serde(default)]
    which: Which,
}

impl Check for Fast {
    fn title(&self) -> String {
        let which = if self.which == Which::Cold { "anew" } else { "once more" };
        format!("The image is built {which} within {} s", self.max_seconds)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let first = match image(case).await? {
                Ok(first) => first,
                Err(seen) => return Ok(seen),
            };
            // The first one was as cold as it could be where nobody built before.
            let done_cold = self.which == Which::Cold && first.built.cached.0 == 0;
            let took = if done_cold {
                first.built.took
            } else {
                let timeout = Duration::try_from_secs_f64(self.max_seconds + 5.0).ok();
                let wish = Wish { no_cache: self.which == Which::Cold, timeout, ..Wish::default() };
                let dir = case.submission.dir().to_owned();
                match bench::build_in(case, &dir, &wish).await? {
                    Made::Image(image) => image.built.took,
                    Made::Broken(broken) => {
                        let found = Found { code: "BUILD_SLOW", ..broken.found.clone() };
                        return Ok(Seen::of(broken.observed.clone(), vec![found]));
                    }
                }
            };
            let seconds = took.as_secs_f64();
            let observed = format!("{seconds:.1} s");
            let found = (seconds > self.max_seconds).then(|| {
                Found::new("BUILD_SLOW", format!("the build took {seconds:.1} s"))
                    .expected(format!("at most {} s", self.max_seconds))
                    .found(observed.clone())
            });
            Ok(Seen::of(observed, found.into_iter().collect()))
        }
        .boxed()
    }
}

/// `build.fails`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Fails {
    /// The stage, in place of the build plan's.
    #[serde(default)]
    target: Option<String>,
    /// Build arguments, besides the build plan's.
    #[serde(default)]
    args: BTreeMap<String, String>,
    /// Changes of files that have to make it fail.
    #[serde(default)]
    edit: BTreeMap<String, EditOf>,
    /// A regular expression for what the failing build prints.
    #[serde(default)]
    log: Option<Pattern>,
}

impl Check for Fails {
    fn title(&self) -> String {
        "A build that has to fail does".to_owned()
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let wish = Wish { target: self.target.clone(), args: self.args.clone(), ..Wish::default() };
            let made = if self.edit.is_empty() {
                bench::build(case, &wish).await?
            } else {
                let copy = match edited(case, &self.edit)? {
                    Ok(copy) => copy,
                    Err(why) => return Ok(Seen::of("not edited", vec![Found::new("BUILD_SHOULD_FAIL", why)])),
                };
                bench::build_in(case, copy.dir(), &wish).await?
            };
            Ok(match made {
                Made::Image(_) => Seen::of("it is built", vec![Found::new("BUILD_SHOULD_FAIL", "the build went well")]),
                Made::Broken(broken) => match &self.log {
                    Some(pattern) if !pattern.is_in(&broken.log) && !pattern.is_in(&broken.observed) => {
                        let message = format!("the build failed, but not by `{pattern}`");
                        Seen::of(
                            "it fails otherwise",
                            vec![Found::new("BUILD_SHOULD_FAIL", message).found(broken.observed.clone())],
                        )
                    }
                    _ => Seen::well(format!("it fails: {}", fit(&broken.observed, 100))),
                },
            })
        }
        .boxed()
    }
}

/// A change of a file, as manifests say it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum EditOf {
    /// `append_comment`
    Word(EditWord),
    /// `{replace: [from, to]}`
    Replace {
        /// A text of the file, and what takes its place.
        replace: [String; 2],
    },
    /// `{add: text}`
    Add {
        /// What is put at the end of the file; a file that is not there is made.
        add: String,
    },
}

/// A change of a file that needs no more words.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EditWord {
    /// A comment at its end, in the file's own syntax.
    AppendComment,
}

/// A copy of the submission with changes; why not, where the submission prevents that.
pub(super) fn edited(case: &Case<'_>, edits: &BTreeMap<String, EditOf>) -> Result<Result<Edited, String>, Trouble> {
    let edits: Vec<(String, Edit)> = edits
        .iter()
        .map(|(path, edit)| {
            let edit = match edit {
                EditOf::Word(EditWord::AppendComment) => Edit::Comment,
                EditOf::Replace { replace: [from, to] } => Edit::Replace(from.clone(), to.clone()),
                EditOf::Add { add } => Edit::Add(add.clone()),
            };
            (path.clone(), edit)
        })
        .collect();
    Edited::of(case.submission.dir(), &edits)
        .map_err(|e| Trouble::disk("the copy of the workspace cannot be changed", &e))
}

/// `build.log`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Log {
    /// A regular expression for what is printed.
    #[serde(default)]
    contains: Option<Pattern>,
    /// A regular expression for what must not be printed.
    #[serde(default)]
    excludes: Option<Pattern>,
}

impl Check for Log {
    fn title(&self) -> String {
        match (&self.contains, &self.excludes) {
            (Some(pattern), _) => format!("The build prints `{pattern}`"),
            (None, Some(pattern)) => format!("The build does not print `{pattern}`"),
            (None, None) => "The build's log can be read".to_owned(),
        }
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let mut built = match image(case).await? {
                Ok(image) => image,
                Err(seen) => return Ok(seen),
            };
            // What comes out of the cache prints nothing.
            if built.built.cached.0 > 0 {
                match bench::build(case, &Wish { no_cache: true, ..Wish::default() }).await? {
                    Made::Image(image) => built = image,
                    Made::Broken(broken) => {
                        return Ok(Seen::unbuilt(broken.observed.clone(), vec![broken.found.clone()]));
                    }
                }
            }
            let found = match (&self.contains, &self.excludes) {
                (Some(pattern), _) if !pattern.is_in(&built.log) => {
                    Some(format!("the build does not print `{pattern}`"))
                }
                (_, Some(pattern)) if pattern.is_in(&built.log) => Some(format!("the build prints `{pattern}`")),
                _ => None,
            };
            let found = found.map(|message| Found::new("BUILD_LOG", message));
            Ok(Seen::of("", found.into_iter().collect()))
        }
        .boxed()
    }
}

/// `build.no_leak`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoLeak {
    /// A build argument that the secret is given by.
    #[serde(default)]
    arg: Option<String>,
    /// A file of the workspace that the secret is in; it takes the place of what is there.
    #[serde(default)]
    file: Option<String>,
}

impl Check for NoLeak {
    fn title(&self) -> String {
        let what = self.arg.as_ref().or(self.file.as_ref()).map_or("a secret", String::as_str);
        format!("The image does not hold the secret in {what}")
    }

    fn wrong(&self) -> Option<Wrong> {
        let message = "found neither, expected `arg:` or `file:`, which the build gets the secret by";
        (self.arg.is_none() == self.file.is_none()).then(|| Wrong::new("", message))
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let canary =
                format!("ondeck{:016x}{:016x}", RandomState::new().hash_one(1), RandomState::new().hash_one(2));
            let mut wish = Wish::default();
            let made = match (&self.arg, &self.file) {
                (Some(arg), _) => {
                    wish.args.insert(arg.clone(), canary.clone());
                    let dir = case.submission.dir().to_owned();
                    bench::build_in(case, &dir, &wish).await?
                }
                (None, Some(file)) => {
                    let add = EditOf::Add { add: format!("\n{canary}\n") };
                    let copy = match edited(case, &BTreeMap::from([(file.clone(), add)]))? {
                        Ok(copy) => copy,
                        Err(why) => return Ok(Seen::of("not edited", vec![Found::new("SECRET_LEAK", why)])),
                    };
                    bench::build_in(case, copy.dir(), &wish).await?
                }
                (None, None) => return Ok(Seen::default()),
            };
            let built = match made {
                Made::Image(built) => built,
                Made::Broken(broken) => return Ok(Seen::unbuilt(broken.observed.clone(), vec![broken.found.clone()])),
            };
            let found = leak(case, &built, &canary).await?;
            Ok(Seen::of(if found.is_none() { "not found" } else { "found" }, found.into_iter().collect()))
        }
        .boxed()
    }
}

/// Where a word stands in an image: its settings, its history, its layers.
async fn leak(case: &mut Case<'_>, built: &Image, canary: &str) -> Result<Option<Found>, Trouble> {
    let recipe = case.dockerfile.clone();
    let bench = case.bench()?;
    let (config, history) =
        match futures::try_join!(bench.engine().inspect_image(&built.id), bench.engine().history(&built.id)) {
            Ok(both) => both,
            Err(error) => return Err(bench.trouble(error).await),
        };
    let found = |message: String| Some(Found::new("SECRET_LEAK", message));
    for part in ["Config", "ContainerConfig"] {
        if config[part].to_string().contains(canary) {
            return Ok(found("the secret stands in the image's settings, where docker inspect shows it".to_owned()));
        }
    }
    if let Some(row) = history.iter().find(|row| row.created_by.contains(canary)) {
        let by = row.created_by.replace(canary, "…");
        return Ok(found(format!("the secret stands in the image's history: {}", fit(&by, 120))));
    }
    let layers = bench.scan(&built.id, false, &[canary.as_bytes().to_vec()]).await?;
    let hit = |layer: &Layer| layer.entries.iter().find(|entry| !entry.has.is_empty()).map(|entry| entry.path.clone());
    let Some((layer, path)) = layers.iter().find_map(|layer| Some((layer, hit(layer)?))) else { return Ok(None) };
    let step = built.built.layers.iter().find(|known| known.digest.as_ref() == Some(&layer.digest));
    let place = recipe.and_then(|recipe| {
        let line = built.steps(&recipe).find(|(s, _)| step.and_then(|l| l.step.as_ref()) == Some(&s.key))?.1;
        Some((recipe.path, line))
    });
    let mut leak = Found::new("SECRET_LEAK", format!("the secret is in /{path} of a layer of the image"));
    if let Some((file, line)) = place {
        leak = leak.at(file, line);
    }
    Ok(Some(leak))
}
