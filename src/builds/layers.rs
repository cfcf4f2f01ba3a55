//! What a build made: the image's layers and sizes, and what differs from the one before.

use std::time::Duration;

use super::context::ContextSeen;
use super::steps::{Build, StepState, one_line};
use crate::engine::{Builder, Engine, Result};

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerOf {
    /// What it is recognised by: the digest of its content where it has one, `None` for an instruction that only
    /// changes settings.
    pub digest: Option<String>,
    /// The instruction that made it, in one line.
    pub created_by: String,
    /// Bytes it adds.
    pub size: u64,
    /// The key of the step of this build that made it, where one is found.
    pub step: Option<String>,
}

/// An image that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its identifier, `sha256:...`.
    pub image: String,
    /// What it is tagged with.
    pub tag: String,
    /// Its size with all layers, in bytes.
    pub size: u64,
    /// Its layers, from the base up.
    pub layers: Vec<LayerOf>,
    /// How long the build took.
    pub took: Duration,
    /// How many steps had nothing to do, and how many there were.
    pub cached: (usize, usize),
    /// What was sent.
    pub context: ContextSeen,
    /// Who built it.
    pub builder: Builder,
    /// The image that had the tag before and has lost it, when that is another one.
    pub replaced: Option<String>,
}

/// What differs between two images.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Bytes that the new one is larger; smaller when negative.
    pub size: i64,
    /// Layers that both have, by their place in the new one.
    pub reused: Vec<usize>,
    /// Layers that only the new one has, by their place in it.
    pub new: Vec<usize>,
    /// Layers that only the old one had, by their place in it.
    pub gone: Vec<usize>,
}

/// What differs between the image of a build before and that of a new one. Layers without content are compared by
/// their instruction.
pub fn compare(previous: &Built, new: &Built) -> Difference {
    let same = |a: &LayerOf, b: &LayerOf| match (&a.digest, &b.digest) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.created_by == b.created_by,
        _ => false,
    };
    let mut left: Vec<usize> = (0..previous.layers.len()).collect();
    let mut difference = Difference {
        size: i64::try_from(i128::from(new.size) - i128::from(previous.size)).unwrap_or_default(),
        ..Difference::default()
    };
    for (n, layer) in new.layers.iter().enumerate() {
        // Equal content may be there twice: each is compared with one of its own.
        if let Some(at) = left.iter().position(|old| same(&previous.layers[*old], layer)) {
            left.remove(at);
            difference.reused.push(n);
        } else {
            difference.new.push(n);
        }
    }
    difference.gone = left;
    difference
}

/// Reads what the engine has of an image that a build has just made.
pub(super) async fn read(
    engine: &Engine,
    image: &str,
    tag: &str,
    build: &Build,
    context: ContextSeen,
    builder: Builder,
) -> Result<Built> {
    let seen = engine.inspect_image(image).await?;
    let history = engine.history(image).await?;
    let digests: Vec<String> =
        seen["RootFS"]["Layers"].as_array().into_iter().flatten().filter_map(|d| d.as_str().map(one_line)).collect();
    let id = seen["Id"].as_str().map_or_else(|| image.to_owned(), one_line);
    Ok(Built {
        image: if id.contains(':') { id } else { format!("sha256:{id}") },
        tag: tag.to_owned(),
        size: seen["Size"].as_u64().unwrap_or_default(),
        layers: layers(history.iter().rev().map(|l| (l.created_by.as_str(), l.size)), &digests, build),
        took: Duration::try_from(build.took(jiff::Timestamp::now())).unwrap_or_default(),
        cached: (build.cached(), build.instructions().count()),
        context,
        builder,
        replaced: None,
    })
}

/// Puts together the history, which has an entry for each instruction, and the digests, which are only of those that
/// changed files. Entries that add nothing may be either; where the numbers do not say which, none gets a digest.
fn layers<'a>(history: impl Iterator<Item = (&'a str, u64)>, digests: &[String], build: &Build) -> Vec<LayerOf> {
    let entries: Vec<(String, u64)> = history.map(|(by, size)| (instruction(by), size)).collect();
    let changes = |by: &str, size: u64| size > 0 || changes_files(by);
    let sure = entries.iter().filter(|(by, size)| changes(by, *size)).count() == digests.len();
    let filled = entries.iter().filter(|(_, size)| *size > 0).count() == digests.len();
    let mut next = digests.iter();
    let mut steps: Vec<_> = build.instructions().filter(|s| s.state != StepState::Waiting).collect();
    let mut layers: Vec<LayerOf> = entries
        .into_iter()
        .map(|(created_by, size)| {
            let has = if sure { changes(&created_by, size) } else { filled && size > 0 };
            LayerOf { digest: has.then(|| next.next().cloned()).flatten(), created_by, size, step: None }
        })
        .collect();
    // From the top down: what is built last is also what is found first.
    for layer in layers.iter_mut().rev() {
        if let Some(at) = steps.iter().rposition(|s| same_instruction(&s.name, &layer.created_by)) {
            layer.step = Some(steps.remove(at).key.clone());
        }
    }
    layers
}

/// An entry of a history as it stands in a Dockerfile.
fn instruction(by: &str) -> String {
    let by = one_line(by);
    let by = by.strip_suffix("# buildkit").unwrap_or(&by).trim();
    if let Some(rest) = by.strip_prefix("/bin/sh -c #(nop) ") {
        return rest.trim().to_owned();
    }
    let by = by.strip_prefix("RUN ").unwrap_or(by);
    match shell(by) {
        Some(rest) => format!("RUN {rest}"),
        None => by.to_owned(),
    }
}

/// What a shell was told to do, without the build arguments that stand before it: `|1 VERSION=2 /bin/sh -c make`.
fn shell(by: &str) -> Option<&str> {
    let at = by.find("/bin/sh -c ").filter(|at| *at == 0 || by.starts_with('|'))?;
    Some(by[at + "/bin/sh -c ".len()..].trim())
}

fn changes_files(by: &str) -> bool {
    ["RUN ", "COPY ", "ADD ", "WORKDIR "].iter().any(|word| by.starts_with(word))
}

fn same_instruction(step: &str, layer: &str) -> bool {
    let words = |text: &str| -> String { text.split_whitespace().collect::<Vec<_>>().join(" ") };
    let (step, layer) = (words(step), words(layer));
    if step == layer {
        return true;
    }
    let (Some((step_word, step_rest)), Some((layer_word, layer_rest))) = (step.split_once(' '), layer.split_once(' '))
    else {
        return false;
    };
    // The classic builder names copied files by the hash of what they hold, and says where they go.
    step_word.eq_ignore_ascii_case(layer_word)
        && match step_word.to_ascii_uppercase().as_str() {
            "RUN" => step_rest == layer_rest,
            "COPY" | "ADD" => {
                let last = |text: &str| text.rsplit(' ').next().map(|w| w.trim_end_matches('/').to_owned());
                last(step_rest) == last(layer_rest)
            }
            _ => false,
        }
}
