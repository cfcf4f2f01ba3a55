//! Checks on the image.

mod config;
mod files;

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Trouble;
use super::super::bench::{EntryKind, Image, Layer};
use super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, read, schema};
use super::build::image;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "image.size",
        phase: Phase::Image,
        need: Need::Image,
        about: "The image is not larger than it may be, unpacked.",
        codes: &[Code {
            name: "IMAGE_SIZE",
            hint: "Which layers are the largest, and does the program need what is in them?",
        }],
        timeout: Duration::from_mins(1),
        late: None,
        read: read::<Size>,
        schema: schema::<Size>,
    },
    Kind {
        name: "image.layers",
        phase: Phase::Image,
        need: Need::Image,
        about: "The image has no more and no fewer layers than it may.",
        codes: &[Code {
            name: "IMAGE_LAYERS",
            hint: "Each instruction that changes files makes a layer; which belong together?",
        }],
        timeout: Duration::from_mins(1),
        late: None,
        read: read::<Layers>,
        schema: schema::<Layers>,
    },
    Kind {
        name: "image.waste",
        phase: Phase::Image,
        need: Need::Image,
        about: "Little of the image is hidden by its own later layers.",
        codes: &[Code {
            name: "IMAGE_WASTE",
            hint: "What a later step removes or replaces stays in the layer before; do both in one step, or in another stage.",
        }],
        timeout: Duration::from_mins(2),
        late: None,
        read: read::<Waste>,
        schema: schema::<Waste>,
    },
    config::KIND,
    files::FILE,
    files::LACKS,
    files::SETUID,
];

/// Units in which sizes of images are told.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// `image.size`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Size {
    /// Units of 1,000,000 bytes that it may have.
    max_mb: f64,
}

impl Check for Size {
    fn title(&self) -> String {
        format!("The image has at most {} MB", self.max_mb)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let image = match image(case).await? {
                Ok(image) => image,
                Err(seen) => return Ok(seen),
            };
            let size = image.size();
            let found = (size as f64 > self.max_mb * 1e6).then(|| {
                let largest = image.built.layers.iter().max_by_key(|layer| layer.size);
                let by = largest.map_or_else(String::new, |layer| {
                    format!(
                        "; the largest layer has {}: {}",
                        megabytes(layer.size),
                        crate::text::fit(&layer.created_by, 100)
                    )
                });
                let found = Found::new("IMAGE_SIZE", format!("the image has {}{by}", megabytes(size)))
                    .expected(format!("at most {} MB", self.max_mb))
                    .found(megabytes(size));
                place(case, &image, largest.and_then(|layer| layer.step.as_deref()), found)
            });
            Ok(Seen::of(megabytes(size), found.into_iter().collect()))
        }
        .boxed()
    }
}

/// Puts something found at the line of the step that made it.
fn place(case: &Case<'_>, image: &Image, step: Option<&str>, found: Found) -> Found {
    let Some(recipe) = &case.dockerfile else { return found };
    let line = image.steps(recipe).find(|(known, _)| Some(known.key.as_str()) == step).map(|(_, line)| line);
    match line {
        Some(line) => found.at(recipe.path.clone(), line),
        None => found,
    }
}

/// `image.layers`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Layers {
    /// The most layers that it may have.
    #[serde(default)]
    max: Option<usize>,
    /// The fewest.
    #[serde(default)]
    min: Option<usize>,
}

impl Check for Layers {
    fn title(&self) -> String {
        match (self.min, self.max) {
            (_, Some(max)) => format!("The image has at most {max} layers"),
            (Some(min), None) => format!("The image has at least {min} layers"),
            (None, None) => "The image's layers are counted".to_owned(),
        }
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let image = match image(case).await? {
                Ok(image) => image,
                Err(seen) => return Ok(seen),
            };
            let n = image.built.layers.iter().filter(|layer| layer.size > 0).count();
            let message = format!("the image has {} that are not empty", crate::text::count(n, "layer"));
            let expected = match (self.min, self.max) {
                (_, Some(max)) if n > max => Some(format!("at most {max}")),
                (Some(min), _) if n < min => Some(format!("at least {min}")),
                _ => None,
            };
            let found =
                expected.map(|expected| Found::new("IMAGE_LAYERS", message).expected(expected).found(n.to_string()));
            Ok(Seen::of(crate::text::count(n, "layer"), found.into_iter().collect()))
        }
        .boxed()
    }
}

/// `image.waste`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Waste {
    /// Units of 1,000,000 bytes that may be hidden.
    #[serde(default)]
    max_wasted_mb: Option<f64>,
    /// The least part of the image's own layers that is not hidden, from 0 to 1.
    #[serde(default)]
    min_efficiency: Option<f64>,
}

impl Check for Waste {
    fn title(&self) -> String {
        "Little of the image is hidden by later layers".to_owned()
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let image = match image(case).await? {
                Ok(image) => image,
                Err(seen) => return Ok(seen),
            };
            let layers = case.bench()?.layers(&image.id, false).await?;
            let total: u64 = layers.iter().flat_map(|layer| &layer.entries).map(|entry| entry.size).sum();
            let hidden = hidden(&layers);
            let wasted: u64 = hidden.iter().map(|(_, size)| size).sum();
            let efficiency = if total == 0 { 1.0 } else { 1.0 - wasted as f64 / total as f64 };
            let observed = format!("{} hidden, {:.0} % are used", megabytes(wasted), efficiency * 100.0);
            let expected = match (self.max_wasted_mb, self.min_efficiency) {
                (Some(max), _) if wasted as f64 > max * 1e6 => Some(format!("at most {max} MB")),
                (_, Some(min)) if efficiency < min => Some(format!("at least {:.0} % used", min * 100.0)),
                _ => None,
            };
            let found = expected.map(|expected| {
                let largest = hidden.iter().max_by_key(|(_, size)| *size);
                let by = largest
                    .map_or_else(String::new, |(path, size)| format!(", such as /{path} ({})", megabytes(*size)));
                Found::new(
                    "IMAGE_WASTE",
                    format!("{} of the image are hidden by its later layers{by}", megabytes(wasted)),
                )
                .expected(expected)
                .found(observed.clone())
            });
            Ok(Seen::of(observed, found.into_iter().collect()))
        }
        .boxed()
    }
}

/// Files of layers that a later layer replaces or takes away, with their sizes.
fn hidden(layers: &[Layer]) -> Vec<(&str, u64)> {
    let mut hidden = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        let later: std::collections::HashMap<&str, EntryKind> =
            layers[at + 1..].iter().flat_map(|later| &later.entries).map(|e| (e.path.as_str(), e.kind)).collect();
        let gone = |path: &str| {
            let parents = path.match_indices('/').map(|(end, _)| &path[..end]);
            later.get(path).is_some_and(|kind| *kind != EntryKind::Folder)
                || parents.into_iter().any(|folder| later.get(folder).is_some_and(|kind| *kind != EntryKind::Folder))
        };
        let files = layer.entries.iter().filter(|entry| entry.kind == EntryKind::File && gone(&entry.path));
        hidden.extend(files.map(|entry| (entry.path.as_str(), entry.size)));
    }
    hidden
}
