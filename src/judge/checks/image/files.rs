//! Checks on what is in an image, without running anything of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::time::Duration;

use futures::FutureExt;
use futures::StreamExt;
use futures::future::BoxFuture;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::super::super::Trouble;
use super::super::super::bench::{Entry, EntryKind, Image, Layer};
use super::super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, Wrong, read, schema};
use super::super::super::fields::Pattern;
use super::super::build::image;
use super::place;
use crate::engine::{EngineError, ErrorKind};

/// The most of a file that is read.
const MOST: usize = 1 << 20;
/// Links that are followed on the way to a file.
const HOPS: usize = 8;
/// Things found that are told.
const TOLD: usize = 3;

pub(super) const FILE: Kind = Kind {
    name: "image.file",
    phase: Phase::Image,
    need: Need::Image,
    about: "A file is in the image, and is as it should be.",
    codes: &[Code {
        name: "IMAGE_FILE",
        hint: "Which instruction puts the file into the last stage, where to, and with which rights?",
    }],
    timeout: Duration::from_mins(1),
    late: None,
    read: read::<File>,
    schema: schema::<File>,
};

pub(super) const LACKS: Kind = Kind {
    name: "image.lacks",
    phase: Phase::Image,
    need: Need::Image,
    about: "Files are in no layer of the image, programs are not in it.",
    codes: &[Code {
        name: "IMAGE_JUNK",
        hint: "What is copied into a layer stays in the image, also when a later step removes it; how does it get in?",
    }],
    timeout: Duration::from_mins(2),
    late: None,
    read: read::<Lacks>,
    schema: schema::<Lacks>,
};

pub(super) const SETUID: Kind = Kind {
    name: "image.setuid",
    phase: Phase::Image,
    need: Need::Image,
    about: "No program in the image gives its user another one's rights.",
    codes: &[Code {
        name: "IMAGE_SETUID",
        hint: "Programs with the set-user-id bit are ways to more rights; chmod a-s takes it away.",
    }],
    timeout: Duration::from_mins(2),
    late: None,
    read: read::<Setuid>,
    schema: schema::<Setuid>,
};

/// `image.file`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// Its whole path.
    path: String,
    /// Its permission bits, in octal digits: `"0755"`.
    #[serde(default)]
    mode: Option<String>,
    /// The number of the user that it belongs to.
    #[serde(default)]
    uid: Option<u64>,
    /// Whether it can be run.
    #[serde(default)]
    executable: Option<bool>,
    /// A regular expression for its content.
    #[serde(default)]
    contains: Option<Pattern>,
}

/// What an image has at a path.
struct Held {
    kind: tar::EntryType,
    mode: u32,
    uid: u64,
    content: Vec<u8>,
    link: Option<String>,
}

impl Check for File {
    fn title(&self) -> String {
        format!("The image has {}", self.path)
    }

    fn wrong(&self) -> Option<Wrong> {
        if !self.path.starts_with('/') {
            let message = format!("found `{}`, expected a whole path, which begins with /", self.path);
            return Some(Wrong::new("path", message));
        }
        let mode = self.mode.as_ref().filter(|mode| u32::from_str_radix(mode, 8).is_err())?;
        Some(Wrong::new("mode", format!("found `{mode}`, expected octal digits, such as \"0755\"")))
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let image = match image(case).await? {
                Ok(image) => image,
                Err(seen) => return Ok(seen),
            };
            let Some(held) = with_container(case, &image, async |case, id| held(case, id, &self.path).await).await?
            else {
                let found = Found::new("IMAGE_FILE", format!("the image has no {}", self.path));
                return Ok(Seen::of("not there", vec![found]));
            };
            let found = self.wrong_with(&held);
            Ok(Seen::of(format!("mode {:04o}, user {}", held.mode, held.uid), found.into_iter().collect()))
        }
        .boxed()
    }
}

impl File {
    fn wrong_with(&self, held: &Held) -> Option<Found> {
        let found = |message: String, expected: String, is: String| {
            Some(Found::new("IMAGE_FILE", message).expected(expected).found(is))
        };
        let path = &self.path;
        let (mode, uid) = (format!("{:04o}", held.mode), held.uid);
        if let Some(want) =
            self.mode.as_ref().and_then(|want| u32::from_str_radix(want, 8).ok()).filter(|want| *want != held.mode)
        {
            return found(format!("{path} has the mode {mode}"), format!("{want:04o}"), mode);
        }
        if let Some(want) = self.uid.filter(|want| *want != uid) {
            return found(format!("{path} belongs to user {uid}"), format!("user {want}"), format!("user {uid}"));
        }
        let runs = held.mode & 0o111 != 0 && held.kind.is_file();
        if let Some(want) = self.executable.filter(|want| *want != runs) {
            let words = |runs: bool| if runs { "executable" } else { "not executable" }.to_owned();
            return found(format!("{path} is {}", words(runs)), words(want), mode);
        }
        let text = String::from_utf8_lossy(&held.content);
        let pattern = self.contains.as_ref().filter(|pattern| !pattern.is_in(&text))?;
        Some(Found::new("IMAGE_FILE", format!("{path} does not have `{pattern}`")).expected(format!("`{pattern}`")))
    }
}

/// Makes a container of the image, which is never started, and removes it afterwards.
async fn with_container<T>(
    case: &mut Case<'_>,
    image: &Image,
    then: impl AsyncFnOnce(&mut Case<'_>, &str) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let bench = case.bench()?;
    // An image without a command has no containers unless one is named; it is not run.
    let body = json!({ "Image": image.id, "Cmd": ["none"], "Labels": bench.labels(), "HostConfig": { "NetworkMode": "none" } });
    let id = match bench.engine().create_container(&bench.name("files"), body).await {
        Ok(id) => id,
        Err(error) => return Err(bench.trouble(error).await),
    };
    let result = then(case, &id).await;
    // What cannot be removed now goes with all that bears the judge's mark.
    let _ = case.bench()?.engine().remove(&id, true, true).await;
    result
}

/// What a container has at a path, links followed.
async fn held(case: &mut Case<'_>, container: &str, path: &str) -> Result<Option<Held>, Trouble> {
    let bench = case.bench()?;
    let mut path = path.to_owned();
    for _ in 0..HOPS {
        let read = async {
            let mut pieces = bench.engine().get_archive(container, &path).await?;
            let mut bytes = Vec::new();
            while let Some(piece) = pieces.next().await {
                bytes.extend_from_slice(&piece?);
                if bytes.len() > MOST + (64 << 10) {
                    break;
                }
            }
            Ok::<_, EngineError>(bytes)
        };
        let bytes = match read.await {
            Ok(bytes) => bytes,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(bench.trouble(error).await),
        };
        let Ok(Some(held)) = first(&bytes) else { return Ok(None) };
        match &held.link {
            Some(to) => path = beside(&path, to),
            None => return Ok(Some(held)),
        }
    }
    Ok(None)
}

/// What an archive begins with.
fn first(bytes: &[u8]) -> std::io::Result<Option<Held>> {
    let mut archive = tar::Archive::new(bytes);
    let Some(entry) = archive.entries()?.next() else { return Ok(None) };
    let entry = entry?;
    let header = entry.header();
    let (kind, mode, uid) = (header.entry_type(), header.mode()? & 0o7777, header.uid()?);
    let link = kind.is_symlink().then(|| entry.link_name_bytes()).flatten();
    let link = link.map(|link| String::from_utf8_lossy(&link).into_owned());
    let mut content = Vec::new();
    // One that was cut is read as far as it goes.
    let _ = entry.take(MOST as u64).read_to_end(&mut content);
    Ok(Some(Held { kind, mode, uid, content, link }))
}

/// Where a link at a path leads.
fn beside(path: &str, to: &str) -> String {
    let mut whole: Vec<&str> =
        if to.starts_with('/') { Vec::new() } else { path.split('/').filter(|p| !p.is_empty()).collect() };
    if !to.starts_with('/') {
        whole.pop();
    }
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(whole.pop()),
            part => whole.push(part),
        }
    }
    format!("/{}", whole.join("/"))
}

/// `image.lacks`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Lacks {
    /// What must be in no layer of the image: patterns of paths, `**/` for any folder.
    #[serde(default)]
    globs: Vec<String>,
    /// Programs that must not be in the image: names, looked for where programs are.
    #[serde(default)]
    binaries: Vec<String>,
}

/// Folders in which programs are looked for.
const PROGRAMS: [&str; 8] =
    ["bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin", "usr/local/go/bin", "opt/bin"];

fn set(globs: &[String]) -> Result<GlobSet, Wrong> {
    let mut set = GlobSetBuilder::new();
    for (at, glob) in globs.iter().enumerate() {
        let plain = glob.trim_start_matches('/');
        let made = GlobBuilder::new(plain).literal_separator(true).build();
        set.add(made.map_err(|e| {
            Wrong::new(format!("globs[{at}]"), format!("found `{glob}`, expected a pattern of paths: {e}"))
        })?);
    }
    set.build().map_err(|e| Wrong::new("globs", e.to_string()))
}

impl Check for Lacks {
    fn title(&self) -> String {
        format!(
            "The image does not have {}",
            self.globs.iter().chain(&self.binaries).cloned().collect::<Vec<_>>().join(", ")
        )
    }

    fn wrong(&self) -> Option<Wrong> {
        if self.globs.is_empty() && self.binaries.is_empty() {
            return Some(Wrong::new("", "found nothing to look for, expected `globs:` or `binaries:`"));
        }
        set(&self.globs).err()
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let image = match image(case).await? {
                Ok(image) => image,
                Err(seen) => return Ok(seen),
            };
            let globs = set(&self.globs).unwrap_or_default();
            // What the lab's own images have in their layers is nobody's fault, but programs of theirs are there to use.
            let layers = case.bench()?.layers(&image.id, !self.binaries.is_empty()).await?;
            let mut found: Vec<Found> = Vec::new();
            let mut n = 0;
            for (at, layer) in layers.iter().enumerate().filter(|(_, layer)| !layer.base) {
                // Of a folder that matches, what is in it need not be told as well.
                let hits = layer.entries.iter().filter(|e| e.kind != EntryKind::Gone && globs.is_match(&e.path));
                let mut told: Vec<&str> = Vec::new();
                for entry in hits {
                    if told
                        .iter()
                        .any(|folder| entry.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
                    {
                        continue;
                    }
                    told.push(&entry.path);
                    n += 1;
                    if found.len() < TOLD {
                        let hidden = hides(&layers[at + 1..], &entry.path);
                        let how = if hidden {
                            "; a later layer hides it, and whoever has the image can still read it"
                        } else {
                            ""
                        };
                        let message = format!("a layer of the image has /{}{how}", entry.path);
                        found.push(place(
                            case,
                            &image,
                            step(&image, layer),
                            Found::new("IMAGE_JUNK", message).found(format!("/{}", entry.path)),
                        ));
                    }
                }
            }
            let programs: BTreeSet<&str> = self.binaries.iter().map(String::as_str).collect();
            for (path, entry) in merged(&layers) {
                let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                if programs.contains(name)
                    && PROGRAMS.contains(&folder)
                    && matches!(entry.kind, EntryKind::File | EntryKind::Link)
                {
                    n += 1;
                    if found.len() < TOLD {
                        found.push(
                            Found::new("IMAGE_JUNK", format!("the image has the program /{path}"))
                                .found(format!("/{path}")),
                        );
                    }
                }
            }
            if n > found.len()
                && let Some(last) = found.last_mut()
            {
                last.message = format!("{}, and {} more", last.message, n - TOLD);
            }
            Ok(Seen::of(if n == 0 { "nothing found".to_owned() } else { format!("{n} found") }, found))
        }
        .boxed()
    }
}

/// The step that made a layer.
fn step<'a>(image: &'a Image, layer: &Layer) -> Option<&'a str> {
    image.built.layers.iter().find(|known| known.digest.as_ref() == Some(&layer.digest))?.step.as_deref()
}

/// Whether layers take a path away.
fn hides(later: &[Layer], path: &str) -> bool {
    let parents: BTreeSet<&str> = path.match_indices('/').map(|(end, _)| &path[..end]).chain([path]).collect();
    later
        .iter()
        .flat_map(|layer| &layer.entries)
        .any(|e| e.kind == EntryKind::Gone && parents.contains(e.path.as_str()))
}

/// What layers are together.
fn merged(layers: &[Layer]) -> BTreeMap<&str, &Entry> {
    let mut all: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in layers.iter().flat_map(|layer| &layer.entries) {
        if entry.kind == EntryKind::Folder {
            all.insert(&entry.path, entry);
            continue;
        }
        // What stands in the place of a folder hides what was in that.
        let inside: Vec<&str> = all
            .range(entry.path.as_str()..)
            .skip_while(|(path, _)| **path == entry.path)
            .map(|(path, _)| *path)
            .take_while(|path| path.starts_with(entry.path.as_str()))
            .filter(|path| path[entry.path.len()..].starts_with('/'))
            .collect();
        for path in inside {
            all.remove(path);
        }
        if entry.kind == EntryKind::Gone {
            all.remove(entry.path.as_str());
        } else {
            all.insert(&entry.path, entry);
        }
    }
    all
}

/// `image.setuid`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Setuid {
    /// Whole paths of programs that may have it.
    #[serde(default)]
    allow: Vec<String>,
}

impl Check for Setuid {
    fn title(&self) -> String {
        "No program in the image gives another one's rights".to_owned()
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let image = match image(case).await? {
                Ok(image) => image,
                Err(seen) => return Ok(seen),
            };
            let layers = case.bench()?.layers(&image.id, true).await?;
            let allowed = |path: &str| self.allow.iter().any(|allow| allow.trim_start_matches('/') == path);
            let all: Vec<&str> = merged(&layers)
                .into_iter()
                .filter(|(path, entry)| entry.kind == EntryKind::File && entry.mode & 0o6000 != 0 && !allowed(path))
                .map(|(path, _)| path)
                .collect();
            let observed = crate::text::count(all.len(), "program");
            let found = (!all.is_empty()).then(|| {
                let named: Vec<String> = all.iter().take(5).map(|path| format!("/{path}")).collect();
                let more = if all.len() > 5 { format!(" and {} more", all.len() - 5) } else { String::new() };
                Found::new(
                    "IMAGE_SETUID",
                    format!("{}{more} have the set-user-id or set-group-id bit", named.join(", ")),
                )
            });
            Ok(Seen::of(observed, found.into_iter().collect()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(entries: &[(&str, EntryKind)]) -> Layer {
        let entry = |(path, kind): &(&str, EntryKind)| Entry {
            path: (*path).to_owned(),
            kind: *kind,
            mode: 0o644,
            uid: 0,
            size: 1,
            has: Vec::new(),
        };
        Layer { digest: String::new(), base: false, entries: entries.iter().map(entry).collect() }
    }

    #[test]
    fn layers_lie_over_each_other() {
        use EntryKind::{File, Folder, Gone, Link};
        let layers = [
            layer(&[
                ("a", Folder),
                ("a/b", Folder),
                ("a/b/c", File),
                ("a/bc", File),
                ("d", File),
                ("e", Folder),
                ("e/f", File),
            ]),
            layer(&[("a/b", Gone), ("d", Link), ("e", Folder), ("e/g", File)]),
        ];
        let all: Vec<_> = merged(&layers).keys().copied().collect();
        assert_eq!(all, ["a", "a/bc", "d", "e", "e/f", "e/g"]);
        assert!(hides(&layers[1..], "a/b/c") && !hides(&layers[1..], "a/bc"));
        assert_eq!(super::super::hidden(&layers), [("a/b/c", 1), ("d", 1)]);
    }

    #[test]
    fn links_lead_within_the_image() {
        assert_eq!(beside("/usr/bin/python", "../local/bin/python3"), "/usr/local/bin/python3");
        assert_eq!(beside("/bin/sh", "dash"), "/bin/dash");
        assert_eq!(beside("/x", "../../etc"), "/etc");
        assert_eq!(beside("/a/b", "/c/./d"), "/c/d");
    }
}
