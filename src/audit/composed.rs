//! Compose files: what stands in them after merging and filling in, and where it stands.
//!
//! The compose program of this machine says what a project is, as it does when it brings it up. Where there is none, or
//! it cannot read the files, they are read here, which is less exact; a note says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;
use tokio::process::Command;

use super::facts::{Facts, of_service};
use super::report::{Kind, Report, Subject};
use super::{Bench, Meant, sort};
use crate::config::{Config, Rest, Source};
use crate::fleet::Stack;
use crate::text::clean;

/// How long the compose program may take for one project.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many projects are read at once; each is a process.
const AT_ONCE: usize = 2;
/// What compose looks for in a folder, and what it puts over it.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
const OVER: [&str; 4] =
    ["compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml"];

/// A project, as its files say it.
pub(super) struct Composed {
    stack: String,
    pub(super) services: Vec<(String, Facts)>,
    files: Vec<(PathBuf, Rest)>,
}

/// Looks at compose files, each a project of its own, and at folders with one; no engine is asked.
///
/// # Errors
/// The first file that cannot be read, in words.
pub async fn of_files(paths: &[PathBuf], config: &Config) -> Result<Report, String> {
    let meant = Meant::read(config);
    let bench = Bench { config, meant: &meant, now: Timestamp::now() };
    let mut report = Report { notes: meant.notes().to_vec(), ..Report::default() };
    let program = crate::stacks::compose().await.ok();
    let tags = BTreeMap::new();
    for path in paths {
        let files = files_of(path)?;
        let folder = files.first().and_then(|file| file.parent()).map_or_else(PathBuf::new, Path::to_owned);
        let arguments: Vec<String> =
            files.iter().flat_map(|f| ["--file".to_owned(), f.display().to_string()]).collect();
        let named =
            std::path::absolute(&folder).ok().and_then(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
        let project = Project { name: named.unwrap_or_else(|| "project".into()), arguments, files };
        let composed = read(&project, program.as_deref(), &mut report.notes).await?;
        for (name, facts) in &composed.services {
            report.subjects += 1;
            let subject = composed.subject(name);
            let found = bench.judge(facts, &bench.around(None, None, &tags), &subject, &mut report.notes);
            for (mut finding, at) in found {
                finding.place = composed.place(name, &at);
                report.findings.push(finding);
            }
        }
    }
    sort(&mut report.findings);
    Ok(report)
}

/// A file, or what compose would take in a folder.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let first = |names: &[&str]| names.iter().map(|name| path.join(name)).find(|file| file.is_file());
    let shown = clean(&path.display().to_string()).into_owned();
    let main = first(&NAMES).ok_or_else(|| format!("{shown} has no compose.yaml"))?;
    Ok(std::iter::once(main).chain(first(&OVER)).collect())
}

/// What compose is told of a project.
struct Project {
    name: String,
    arguments: Vec<String>,
    files: Vec<PathBuf>,
}

/// The projects of stacks whose files can be read here.
pub(super) async fn of_stacks(stacks: &[Stack], notes: &mut Vec<String>) -> Vec<Composed> {
    let mut projects = Vec::new();
    let mut unread = Vec::new();
    for stack in stacks {
        if crate::stacks::check_files(stack, true).is_ok() {
            let files = crate::stacks::files(stack);
            projects.push(Project { name: stack.name.clone(), arguments: crate::stacks::arguments(stack), files });
        } else {
            unread.push(stack.name.as_str());
        }
    }
    if !unread.is_empty() {
        let names = unread.join(", ");
        notes.push(format!(
            "the compose files of {names} cannot be read on this machine; their containers were looked at"
        ));
    }
    if projects.is_empty() {
        return Vec::new();
    }
    let program = crate::stacks::compose().await.ok();
    let program = program.as_deref();
    let read = |project: Project| async move {
        let mut notes = Vec::new();
        let answer = read(&project, program, &mut notes).await;
        (project.name, answer, notes)
    };
    let asked: Vec<_> = projects.into_iter().map(read).collect();
    let mut all = Vec::new();
    for (name, answer, said) in futures::stream::iter(asked).buffered(AT_ONCE).collect::<Vec<_>>().await {
        notes.extend(said);
        match answer {
            Ok(composed) => all.push(composed),
            Err(why) => notes.push(format!("the compose files of {name} could not be looked at: {why}")),
        }
    }
    all
}

async fn read(project: &Project, program: Option<&[String]>, notes: &mut Vec<String>) -> Result<Composed, String> {
    let mut files = Vec::new();
    for path in &project.files {
        let source = Source::read(path).map_err(|error| error.to_string())?;
        if let Some(error) = source.yaml() {
            return Err(error.to_string());
        }
        files.push((path.clone(), source.anything()));
    }
    let shown: Vec<String> = project.files.iter().map(|file| clean(&file.display().to_string()).into_owned()).collect();
    let shown = shown.join(" and ");
    let model = if let Some(program) = program {
        match compose_config(program, project).await {
            Ok(model) => model,
            Err(why) => {
                notes.push(format!("{shown}: compose cannot read this, so it was read without: {why}"));
                own_reading(&files)
            }
        }
    } else {
        notes.push(format!(
            "{shown} was read without compose, which is not on this machine: variables have their defaults"
        ));
        own_reading(&files)
    };
    if !model["services"].is_object() {
        return Err(format!("{shown} has no services"));
    }
    let stack = match model["name"].as_str() {
        Some(name) if !name.is_empty() => clean(name).into_owned(),
        _ => project.name.clone(),
    };
    let services = model["services"].as_object().into_iter().flatten();
    let services =
        services.map(|(name, service)| (clean(name).into_owned(), of_service(name, service, &model))).collect();
    Ok(Composed { stack, services, files })
}

/// What the compose program makes of a project.
async fn compose_config(program: &[String], project: &Project) -> Result<Value, String> {
    let (first, rest) = program.split_first().ok_or("no compose")?;
    let mut command = Command::new(first);
    command.args(rest).args(&project.arguments).arg("config").stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(output) => output.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("compose takes longer than {} s", PATIENCE.as_secs())),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it says nothing");
        return Err(crate::text::fit(&clean(last), 200).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    serde_yaml::from_str(&text).map_err(|error| {
        let said = error.to_string();
        format!("what compose says is not understood: {}", clean(said.lines().next().unwrap_or_default()))
    })
}

/// The files one over another, variables filled in as far as they have defaults.
fn own_reading(files: &[(PathBuf, Rest)]) -> Value {
    let mut model = Value::Null;
    for (_, rest) in files {
        over(&mut model, Value::Object(rest.fields.clone()));
    }
    fill(&mut model);
    model
}

/// Puts one value over another: maps are joined, lists follow each other, all else is replaced.
fn over(under: &mut Value, value: Value) {
    match (under, value) {
        (Value::Object(under), Value::Object(map)) => {
            for (key, value) in map {
                over(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(under), Value::Array(list)) => under.extend(list),
        (under, value) => *under = value,
    }
}

/// Fills in `${NAME:-default}`; what has none stays as it is written.
fn fill(value: &mut Value) {
    static VARIABLE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\$\{[A-Za-z_][A-Za-z0-9_]*:?-([^${}]*)\}").ok());
    match value {
        Value::String(text) => {
            if let Some(variable) = VARIABLE.as_ref()
                && text.contains("${")
            {
                *text = variable.replace_all(text, "$1").into_owned();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(fill),
        Value::Object(map) => map.values_mut().for_each(fill),
        _ => {}
    }
}

impl Composed {
    pub(super) fn subject(&self, service: &str) -> Subject {
        Subject {
            kind: Kind::Compose,
            id: String::new(),
            name: format!("{}/{service}", self.stack),
            stack: Some(self.stack.clone()),
            service: Some(service.to_owned()),
        }
    }

    /// Where something of a service stands: the last file that has it, as that is what counts.
    pub(super) fn place(&self, service: &str, at: &[(&'static str, String)]) -> Option<(PathBuf, u32)> {
        let service = format!("services.{service}");
        for (key, word) in at {
            for (path, rest) in self.files.iter().rev() {
                if let Some(line) = line_of(rest, &format!("{service}.{key}"), word) {
                    return Some((path.clone(), line));
                }
            }
        }
        self.files.iter().find_map(|(path, rest)| Some((path.clone(), line_of(rest, &service, "")?)))
    }
}

/// The line of a key, or of the entry below it that has a word.
fn line_of(rest: &Rest, path: &str, word: &str) -> Option<u32> {
    let line = |path: &str| rest.places.get(path).and_then(|place| u32::try_from(place.line).ok());
    if word.is_empty() {
        return line(path);
    }
    let value = path.split('.').try_fold(None, |value: Option<&Value>, part| match value {
        None => rest.fields.get(part).map(Some),
        Some(value) => value.get(part).map(Some),
    });
    match value.flatten()? {
        Value::Array(list) => {
            let at = list.iter().position(|entry| has_word(&entry.to_string(), word))?;
            line(&format!("{path}.{at}"))
        }
        Value::Object(map) => {
            let key = map.keys().find(|key| *key == word)?;
            line(&format!("{path}.{key}"))
        }
        text => has_word(&text.to_string(), word).then(|| line(path)).flatten(),
    }
}

/// Whether a word stands in a text, and not within another word.
fn has_word(text: &str, word: &str) -> bool {
    let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word)
        .any(|(at, _)| !joined(text[..at].chars().next_back()) && !joined(text[at + word.len()..].chars().next()))
}
