//! `ondeck lab`: labs without the panel.

mod check;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use crate::config::{Config, ConfigError, suggestion};
use crate::engine::{Endpoint, Engine};
use crate::judge;
use crate::labs::{self, Catalogue, Difficulty, Lab, Origin};
use crate::sessions::{self, Session};
use crate::text::clean;

use super::{Failure, columns, tell};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List labs
    Ls {
        /// As JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Tell of a lab: what is to be done, and its instructions
    Show {
        /// Its name, or the folder it is in
        #[arg(value_name = "LAB|DIR")]
        lab: String,
        /// As JSON: an object
        #[arg(long)]
        json: bool,
    },
    /// Make a small lab to begin with, which `ondeck lab check` finds nothing wrong with
    New {
        /// The folder it shall be, named as the lab; nothing may be in it
        dir: PathBuf,
    },
    Check(check::Arguments),
    /// Put the workspace of your session for a lab back to its beginning; what was there is kept as an archive
    Reset {
        /// The lab
        lab: String,
        /// Which session, where you have several for it
        #[arg(long, value_name = "ID")]
        session: Option<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Fetch the labs of the config's git repositories
    Update,
    /// List the kinds of checks, or tell of one
    Kinds {
        /// Which
        kind: Option<String>,
        /// As JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of lab.yaml, by which editors know what can stand there
    Schema,
}

/// A lab as `--json` prints it. Names of fields stay.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: &'a str,
    title: &'a str,
    summary: &'a str,
    minutes: u32,
    difficulty: Difficulty,
    tags: &'a [String],
    /// `built-in`, `folder` or `git`.
    origin: &'static str,
    /// Where it lies, when it is not built in.
    path: Option<String>,
    /// The repository's address.
    url: Option<&'a str>,
    digest: &'a str,
    max_score: u32,
    min_score: u32,
    images: Vec<&'a str>,
    tasks: Vec<ShownTask<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readme: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ShownTask<'a> {
    id: &'a str,
    title: &'a str,
    checks: Vec<ShownCheck<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownCheck<'a> {
    id: &'a str,
    kind: &'a str,
    title: String,
    points: u32,
    required: bool,
}

pub(super) fn run(
    command: Command,
    config: &Config,
    endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    match command {
        Command::Ls { json } => list(config, json),
        Command::Show { lab, json } => show(find(config, &lab)?.as_ref(), json),
        Command::New { dir } => new(&dir),
        Command::Check(arguments) => check::run(&arguments, config, endpoint),
        Command::Reset { lab, session, yes } => {
            let lab = find(config, &lab)?;
            wait(reset(&Engine::connect(&endpoint()?)?, lab.as_ref(), session.as_deref(), yes))
        }
        Command::Update => wait(update(config)),
        Command::Kinds { kind, json } => kinds(kind.as_deref(), json),
        Command::Schema => {
            io::stdout().write_all(judge::lab_schema().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Waits for what takes a while, and no longer for what it left behind.
pub(super) fn wait<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

/// The lab that is meant: a folder, or a name from the catalogue.
pub(super) fn find(config: &Config, name: &str) -> Result<Arc<Lab>, Failure> {
    if is_folder(name) {
        return labs::load(Path::new(name)).map(Arc::new).map_err(|errors| Failure::Told(all(&errors)));
    }
    let catalogue = labs::catalogue(config);
    catalogue.get(name).cloned().ok_or_else(|| unknown(&catalogue, name))
}

/// Whether a folder is meant: what has a slash, or one that is a lab.
fn is_folder(name: &str) -> bool {
    name.contains('/') || name == "." || Path::new(name).join("lab.yaml").is_file()
}

fn unknown(catalogue: &Catalogue, name: &str) -> Failure {
    let known = catalogue.labs.iter().map(|lab| lab.id.as_str());
    let mut text = format!("there is no lab {}\n  {}", crate::config::quoted(name), suggestion(name, known));
    if !catalogue.problems.is_empty() {
        text = format!("{text}\n{}", all(&catalogue.problems));
    }
    Failure::Told(text)
}

/// Errors below each other.
pub(super) fn all(errors: &[ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn shown(lab: &Lab, whole: bool) -> Shown<'_> {
    let titles: std::collections::BTreeMap<String, String> = judge::compile(lab)
        .map(|planned| planned.into_iter().map(|plan| (plan.check.id.clone(), plan.title)).collect())
        .unwrap_or_default();
    let title = |check: &labs::Check| {
        let made = titles.get(&check.id).or(check.title.as_ref()).unwrap_or(&check.kind);
        clean(made).into_owned()
    };
    let (origin, path, url) = match &lab.origin {
        Origin::BuiltIn => ("built-in", None, None),
        Origin::Folder(path) => ("folder", Some(path), None),
        Origin::Git(url, path) => ("git", Some(path), Some(url.as_str())),
    };
    Shown {
        id: &lab.id,
        title: &lab.title,
        summary: &lab.summary,
        minutes: lab.minutes,
        difficulty: lab.difficulty,
        tags: &lab.tags,
        origin,
        path: path.map(|path| path.display().to_string()),
        url,
        digest: &lab.digest,
        max_score: lab.max_score(),
        min_score: lab.judge.min_score,
        images: lab.images.iter().map(|image| image.name.as_str()).collect(),
        tasks: lab
            .tasks
            .iter()
            .map(|task| ShownTask {
                id: &task.id,
                title: &task.title,
                checks: task
                    .checks
                    .iter()
                    .map(|check| ShownCheck {
                        id: &check.id,
                        kind: &check.kind,
                        title: title(check),
                        points: check.points,
                        required: check.required,
                    })
                    .collect(),
            })
            .collect(),
        readme: whole.then_some(lab.readme.as_str()),
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Told(error.to_string()))?;
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

const fn word(difficulty: Difficulty) -> &'static str {
    match difficulty {
        Difficulty::Beginner => "beginner",
        Difficulty::Intermediate => "intermediate",
        Difficulty::Advanced => "advanced",
    }
}

fn list(config: &Config, as_json: bool) -> Result<ExitCode, Failure> {
    let catalogue = labs::catalogue(config);
    if as_json {
        let all: Vec<_> = catalogue.labs.iter().map(|lab| shown(lab, false)).collect();
        json(&all)?;
    } else {
        let mut rows = vec![["LAB", "TITLE", "DIFFICULTY", "TIME", "POINTS", "FROM"].map(str::to_owned).to_vec()];
        rows.extend(catalogue.labs.iter().map(|lab| {
            vec![
                lab.id.clone(),
                clean(&lab.title).into_owned(),
                word(lab.difficulty).to_owned(),
                format!("{} min", lab.minutes),
                lab.max_score().to_string(),
                match &lab.origin {
                    Origin::BuiltIn => "built in".to_owned(),
                    other => other.to_string().trim_start_matches("from ").to_owned(),
                },
            ]
        }));
        columns(&mut io::stdout().lock(), &rows)?;
    }
    for note in &catalogue.notes {
        tell(&format!("note: {note}"));
    }
    for problem in &catalogue.problems {
        tell(&format!("ondeck: {problem}"));
    }
    Ok(if catalogue.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(lab: &Lab, as_json: bool) -> Result<ExitCode, Failure> {
    let shown = shown(lab, true);
    if as_json {
        json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{}: {}", lab.id, clean(&lab.title))?;
    if !lab.summary.is_empty() {
        writeln!(out, "{}", clean(&lab.summary))?;
    }
    writeln!(
        out,
        "{}, {} min, {} points of which {} are needed, {}",
        word(lab.difficulty),
        lab.minutes,
        shown.max_score,
        shown.min_score,
        lab.origin
    )?;
    for task in &shown.tasks {
        writeln!(out, "\n{}", clean(task.title))?;
        let rows: Vec<Vec<String>> = task
            .checks
            .iter()
            .map(|check| {
                let points = if check.points == 0 { String::new() } else { format!("{}", check.points) };
                let required = if check.required { "required" } else { "" };
                vec!["  -".to_owned(), check.id.to_owned(), points, required.to_owned(), check.title.clone()]
            })
            .collect();
        columns(&mut out, &rows)?;
    }
    writeln!(out)?;
    for line in lab.readme.lines() {
        writeln!(out, "{}", clean(line))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The files of a new lab; `LAB` in them is its name.
static SKELETON: include_dir::Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/assets/lab");

fn new(dir: &Path) -> Result<ExitCode, Failure> {
    let wrong = |text: String| Err(Failure::Told(text));
    let full = std::path::absolute(dir)?;
    let name = full.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let plain = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-';
    if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
        return wrong(format!(
            "{} cannot be the name of a lab\n  lower-case letters, digits and `-`, such as `leave-out`",
            crate::config::quoted(&name)
        ));
    }
    match full.read_dir().map(Iterator::count) {
        Ok(1..) => {
            return wrong(format!("{} is not empty\n  name a folder that is not there yet", dir.display()));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return wrong(format!("{} cannot be used: {error}", dir.display()));
        }
        _ => {}
    }
    let mut files = labs::Tree::new();
    let mut folders = vec![&SKELETON];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            let text = file.contents_utf8().unwrap_or_default().replace("LAB_NAME", &name);
            // A file of this name would hide others from whoever packs the program.
            let path = file.path().to_string_lossy().replace("dot-dockerignore", ".dockerignore");
            files.put(path, text.into_bytes());
        }
    }
    // For the editor; its name stands in the manifest's first line.
    files.put("lab.schema.json", judge::lab_schema().into_bytes());
    files.write_to(&full)?;
    tell(&format!("{} is made; read its README.md and lab.yaml, then: ondeck lab check {}", name, dir.display()));
    Ok(ExitCode::SUCCESS)
}

async fn update(config: &Config) -> Result<ExitCode, Failure> {
    if config.labs.git.is_empty() {
        tell("there are no git repositories under `labs.git` in the config");
        return Ok(ExitCode::SUCCESS);
    }
    let updated = tokio::select! {
        updated = labs::update(config, &|line| tell(&line)) => updated,
        _ = tokio::signal::ctrl_c() => return Err(Failure::Told("cancelled; what was fetched before is as it was".into())),
    };
    for line in updated.done {
        writeln!(io::stdout(), "{line}")?;
    }
    if updated.errors.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(Failure::Told(all(&updated.errors))) }
}

async fn reset(engine: &Engine, lab: &Lab, id: Option<&str>, yes: bool) -> Result<ExitCode, Failure> {
    let owner = sessions::owner();
    let sessions = sessions::list(engine).await?;
    let fits: Vec<&Session> = sessions
        .iter()
        .filter(|session| session.owner == owner && session.lab.as_deref() == Some(&lab.id))
        .filter(|session| id.is_none_or(|id| session.id == id))
        .collect();
    let session = match fits[..] {
        [one] => one,
        [] => {
            let which = id.map_or_else(String::new, |id| format!(" {id}"));
            return Err(Failure::Told(format!(
                "you have no session{which} for {}\n  start one: ondeck session start --lab {}",
                lab.id, lab.id
            )));
        }
        _ => {
            let known: Vec<&str> = fits.iter().map(|session| session.id.as_str()).collect();
            return Err(Failure::Told(format!(
                "several sessions are for {}: {}\n  name one: --session ID",
                lab.id,
                known.join(", ")
            )));
        }
    };
    if !yes {
        if !io::stdin().is_terminal() {
            return Err(Failure::Told(
                "nobody can be asked here whether to do that\n  --yes does it without asking".into(),
            ));
        }
        let _ = write!(
            io::stderr(),
            "Put the workspace {} of session {} back to the beginning of {}? What is there is kept as an archive. [y/N] ",
            clean(&session.workspace),
            session.id,
            lab.id
        );
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|_| line)
        });
        let answer = tokio::select! {
            answer = answer => answer.map_err(|error| Failure::Told(error.to_string()))??,
            _ = tokio::signal::ctrl_c() => String::new(),
        };
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            tell("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
    }
    match labs::reset(engine, session, lab).await? {
        Some(path) => tell(&format!("done; what was there is kept in {}", path.display())),
        None => tell("done; nothing was there"),
    }
    Ok(ExitCode::SUCCESS)
}

/// A kind of check as `--json` prints it.
#[derive(Debug, Serialize)]
struct ShownKind {
    kind: &'static str,
    phase: String,
    about: &'static str,
    codes: Vec<ShownCode>,
    fields: serde_json::Value,
}

#[derive(Debug, Serialize)]
struct ShownCode {
    code: &'static str,
    hint: &'static str,
}

fn kinds(name: Option<&str>, as_json: bool) -> Result<ExitCode, Failure> {
    let kinds: Vec<&judge::Kind> = match name {
        Some(name) => {
            vec![judge::kind(name).map_err(|(message, hint)| Failure::Told(format!("{message}\n  {hint}")))?]
        }
        None => judge::kinds().to_vec(),
    };
    let phase = |kind: &judge::Kind| format!("{:?}", kind.phase).to_lowercase();
    if as_json {
        let all: Vec<ShownKind> = kinds
            .iter()
            .map(|kind| ShownKind {
                kind: kind.name,
                phase: phase(kind),
                about: kind.about,
                codes: kind.codes.iter().map(|code| ShownCode { code: code.name, hint: code.hint }).collect(),
                fields: (kind.schema)(&mut schemars::SchemaGenerator::default()).to_value(),
            })
            .collect();
        json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = io::stdout().lock();
    let (Some(_), [kind]) = (name, kinds.as_slice()) else {
        let mut rows = vec![["KIND", "PHASE", "LOOKS AT"].map(str::to_owned).to_vec()];
        rows.extend(kinds.iter().map(|kind| vec![kind.name.to_owned(), phase(kind), kind.about.to_owned()]));
        columns(&mut out, &rows)?;
        return Ok(ExitCode::SUCCESS);
    };
    writeln!(out, "{} ({})\n{}\n\nFields", kind.name, phase(kind), kind.about)?;
    let schema = (kind.schema)(&mut schemars::SchemaGenerator::default());
    let empty = serde_json::Map::new();
    let fields = schema.get("properties").and_then(|fields| fields.as_object()).unwrap_or(&empty);
    let required: Vec<&str> = schema
        .get("required")
        .and_then(|names| names.as_array())
        .map(|names| names.iter().filter_map(|name| name.as_str()).collect())
        .unwrap_or_default();
    let row = |(name, field): (&String, &serde_json::Value)| {
        let about = field["description"].as_str().unwrap_or_default().replace('\n', " ");
        let needed = if required.contains(&name.as_str()) { "required" } else { "" };
        vec![format!("  {name}"), form(field), needed.to_owned(), about]
    };
    let rows: Vec<Vec<String>> = fields.iter().map(row).collect();
    if rows.is_empty() {
        writeln!(out, "  none of its own")?;
    }
    columns(&mut out, &rows)?;
    writeln!(out, "\nCodes")?;
    let rows: Vec<Vec<String>> =
        kind.codes.iter().map(|code| vec![format!("  {}", code.name), code.hint.to_owned()]).collect();
    columns(&mut out, &rows)?;
    Ok(ExitCode::SUCCESS)
}

/// What a field holds, in a word.
fn form(field: &serde_json::Value) -> String {
    let name = |value: &serde_json::Value| match value["type"].as_str() {
        Some("array") => Some(format!("list of {}s", form(&value["items"]))),
        Some("string") if value["enum"].is_array() => {
            let names: Vec<&str> = value["enum"].as_array().into_iter().flatten().filter_map(|v| v.as_str()).collect();
            Some(names.join("|"))
        }
        Some("string") => Some("text".to_owned()),
        Some("integer" | "number") => Some("number".to_owned()),
        Some("boolean") => Some("true|false".to_owned()),
        Some("object") => Some("group".to_owned()),
        _ => None,
    };
    if let Some(name) = name(field) {
        return name;
    }
    if let Some(types) = field["type"].as_array() {
        let first = types.iter().find(|kind| kind.as_str() != Some("null")).cloned().unwrap_or_default();
        let mut one = field.clone();
        one["type"] = first;
        return name(&one).unwrap_or_default();
    }
    let of = |list: &serde_json::Value| {
        let forms: Vec<String> =
            list.as_array()?.iter().filter(|one| one["type"] != "null").map(form).filter(|f| !f.is_empty()).collect();
        Some(forms.join("|"))
    };
    if let Some(forms) = of(&field["anyOf"]).or_else(|| of(&field["oneOf"])) {
        return forms;
    }
    let named = field["$ref"].as_str().and_then(|name| name.rsplit('/').next());
    named.map_or_else(|| field["const"].as_str().unwrap_or_default().to_owned(), str::to_lowercase)
}
