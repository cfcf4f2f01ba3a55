//! `ondeck lint`: what is wrong with Dockerfiles.

use std::collections::HashMap;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::{
    self, Diagnostic, Place, RuleChoice, Severity, Surroundings, floor, lint, mend_all, places, rules,
};
use crate::text;

use super::sarif::{self, Level};
use super::{Failure, columns, tell};

/// Judge Dockerfiles: each finding with its place, why it is bad and how to mend it
///
/// Exit code: 0 when there is no error and no warning (infos alone do not count), 1 when there is one, 2 when a file
/// cannot be read.
///
/// Comments silence rules: `# hadolint ignore=CODE`, `# hadolint stage ignore=CODE`, `# hadolint global ignore=CODE`,
/// `# check=skip=NAME`.
///
/// --json prints an array of objects: file, code, severity (error, warning, info), message, why, mend, start and end
/// (line and column from 1, column in characters, byte from 0; the end is the place behind), fix (null, or title, sure
/// and edits with start, end and text).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Dockerfiles, directories with one in them, or - for standard input
    #[arg(required_unless_present = "rules", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// As JSON: an array of objects
    #[arg(long)]
    json: bool,
    /// As SARIF 2.1.0, which code hosts read
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
    /// Leave a rule out
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Use these rules only
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    only: Vec<String>,
    /// Use a rule that is off by default
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    enable: Vec<String>,
    /// The directory that is built: what is copied must be in it. Without it, only .dockerignore is looked at, beside
    /// the Dockerfile
    #[arg(long, value_name = "DIR")]
    context: Option<PathBuf>,
    /// Mend what can be mended without doubt, and write the files back
    #[arg(long)]
    fix: bool,
    /// List all rules
    #[arg(long, conflicts_with_all = ["sarif", "fix"])]
    rules: bool,
}

/// One finding as `--json` prints it. Names of fields stay.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    file: &'a str,
    code: &'a str,
    severity: &'static str,
    message: &'a str,
    why: &'a str,
    mend: &'a str,
    start: ShownPlace,
    end: ShownPlace,
    fix: Option<ShownFix<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownPlace {
    line: usize,
    column: usize,
    byte: usize,
}

#[derive(Debug, Serialize)]
struct ShownFix<'a> {
    title: &'a str,
    sure: bool,
    edits: Vec<ShownEdit<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownEdit<'a> {
    start: ShownPlace,
    end: ShownPlace,
    text: &'a str,
}

/// One rule as `--rules --json` prints it.
#[derive(Debug, Serialize)]
struct ShownRule {
    code: &'static str,
    severity: &'static str,
    title: &'static str,
    why: &'static str,
    mend: &'static str,
    enabled: bool,
    buildkit: &'static [&'static str],
    bad: &'static str,
    good: &'static str,
}

/// A file and what was found in it.
struct Judged {
    name: String,
    text: String,
    found: Vec<Diagnostic>,
}

/// `usual` are the rules that the config wants.
pub(super) fn run(out: &mut impl Write, arguments: &Arguments, usual: RuleChoice) -> Result<ExitCode, Failure> {
    if arguments.rules {
        list(out, arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let choice = match choice(arguments, usual) {
        Ok(choice) => choice,
        Err(unknown) => {
            tell(&format!("ondeck: there is no rule {}; `ondeck lint --rules` lists them", text::clean(unknown)));
            return Ok(ExitCode::from(2));
        }
    };
    let mut judged = Vec::new();
    let mut unread = false;
    for path in &arguments.files {
        match judge(path, arguments, &choice) {
            Ok(one) => judged.push(one),
            Err(trouble) => {
                tell(&format!("ondeck: {}", text::clean(&trouble)));
                unread = true;
            }
        }
    }
    if arguments.json {
        let all: Vec<Shown<'_>> = judged.iter().flat_map(shown).collect();
        let text = serde_json::to_string_pretty(&all).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
    } else if arguments.sarif {
        let text = serde_json::to_string_pretty(&sarif(&judged)).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        print(out, &judged, colours)?;
    }
    out.flush()?;
    let counts = judged.iter().flat_map(|j| &j.found).any(|d| d.severity != Severity::Info);
    Ok(if unread { ExitCode::from(2) } else { ExitCode::from(u8::from(counts)) })
}

fn choice(arguments: &Arguments, usual: RuleChoice) -> Result<RuleChoice, &str> {
    let known = |code: &str| rules().iter().any(|r| r.code.eq_ignore_ascii_case(code));
    let mut choice = usual;
    for code in &arguments.only {
        choice = choice.only(if known(code) { code } else { return Err(code) });
    }
    for code in &arguments.enable {
        choice = choice.with(if known(code) { code } else { return Err(code) });
    }
    // Others' codes may be left out without harm: then one command line serves several linters.
    Ok(arguments.ignore.iter().fold(choice, RuleChoice::without))
}

fn judge(path: &Path, arguments: &Arguments, choice: &RuleChoice) -> Result<Judged, String> {
    let told = |path: &Path, error: &io::Error| format!("{}: {error}", path.display());
    let stdin = path == Path::new("-");
    if stdin && arguments.fix {
        return Err("standard input cannot be written back; leave --fix out".to_owned());
    }
    let folder = path.is_dir();
    let path = if folder {
        ["Dockerfile", "Containerfile"]
            .map(|name| path.join(name))
            .into_iter()
            .find(|p| p.exists())
            .ok_or_else(|| format!("{}: there is no Dockerfile in this directory", path.display()))?
    } else {
        path.to_owned()
    };
    let mut bytes = Vec::new();
    if stdin {
        io::stdin().lock().read_to_end(&mut bytes).map_err(|e| told(&path, &e))?;
    } else {
        bytes = fs::read(&path).map_err(|e| told(&path, &e))?;
    }
    let mut source = String::from_utf8(bytes).or_else(|e| {
        // Docker takes any bytes; what is no text cannot be written back as it was.
        if arguments.fix {
            Err(format!("{}: not UTF-8, so it is not written", path.display()))
        } else {
            Ok(String::from_utf8_lossy(e.as_bytes()).into_owned())
        }
    })?;
    let beside = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let context = arguments.context.as_deref().unwrap_or(beside);
    let ignore = if stdin && arguments.context.is_none() { None } else { ignore_of(&path, context)? };
    let ignored = |p: &str| ignore.as_ref().is_some_and(|i| i.excludes(p) && !i.may_hold_included(p));
    let files = |p: &str| context.join(p).symlink_metadata().is_ok();
    let around = Surroundings {
        // A Dockerfile may be built from any directory: only when that is known can a file be missing.
        files: (folder || arguments.context.is_some()).then_some(&files),
        ignored: ignore.is_some().then_some(&ignored),
        rules: choice,
    };
    if arguments.fix {
        let (mended, count) = mend_all(&source, &around);
        if count > 0 && mended != source {
            write_back(&path, &mended).map_err(|e| told(&path, &e))?;
            tell(&format!("{}: mended {}", text::clean(&path.display().to_string()), text::count(count, "finding")));
            source = mended;
        }
    }
    let found = lint(&source, &around);
    Ok(Judged { name: path.display().to_string(), text: source, found })
}

/// What `.dockerignore` says: the Dockerfile's own before that of the context.
fn ignore_of(dockerfile: &Path, context: &Path) -> Result<Option<Ignore>, String> {
    let name = dockerfile.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let own = dockerfile.with_file_name(format!("{name}.dockerignore"));
    for path in [own, context.join(".dockerignore")] {
        match fs::read(&path) {
            Ok(bytes) => return Ok(Some(Ignore::parse(&String::from_utf8_lossy(&bytes)))),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(e) => return Err(format!("{}: {e}", path.display())),
        }
    }
    Ok(None)
}

/// Writes a file as a whole or not at all; its mode stays, and a link leads to the same file as before.
fn write_back(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let mode = fs::metadata(&path)?.permissions();
    let name = path.file_name().map_or_else(|| "Dockerfile".into(), |n| n.to_string_lossy().into_owned());
    let beside = path.with_file_name(format!(".{name}.ondeck-{}", std::process::id()));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
        file.set_permissions(mode)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)
    })();
    if written.is_err() {
        // The first trouble is the one to tell; what is left over is at least named for what it is.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn list(out: &mut impl Write, json: bool) -> Result<(), Failure> {
    if json {
        let all: Vec<_> = rules()
            .iter()
            .map(|r| ShownRule {
                code: r.code,
                severity: r.severity.word(),
                title: r.title,
                why: r.why,
                mend: r.mend,
                enabled: r.on,
                buildkit: r.buildkit,
                bad: r.bad,
                good: r.good,
            })
            .collect();
        let text = serde_json::to_string_pretty(&all).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
        return Ok(());
    }
    let mut rows = vec![["CODE", "SEVERITY", "DEFAULT", "WHAT"].map(str::to_owned).to_vec()];
    for rule in rules() {
        let on = if rule.on { "on" } else { "off" };
        rows.push(vec![rule.code.into(), rule.severity.word().into(), on.into(), rule.title.into()]);
    }
    Ok(columns(out, &rows)?)
}

fn shown(judged: &Judged) -> Vec<Shown<'_>> {
    let places = edit_places(judged);
    let place = |at: usize| {
        let place = places.get(&at).copied().unwrap_or(Place { line: 1, column: 1 });
        ShownPlace { line: place.line, column: place.column, byte: at }
    };
    judged
        .found
        .iter()
        .map(|d| Shown {
            file: &judged.name,
            code: d.code,
            severity: d.severity.word(),
            message: &d.message,
            why: d.why,
            mend: &d.mend,
            start: place(d.span.start),
            end: place(d.span.end),
            fix: d.fix.as_ref().map(|fix| ShownFix {
                title: &fix.title,
                sure: fix.sure,
                edits: fix
                    .edits
                    .iter()
                    .map(|e| ShownEdit { start: place(e.span.start), end: place(e.span.end), text: &e.text })
                    .collect(),
            }),
        })
        .collect()
}

/// All places that are told of a file.
fn edit_places(judged: &Judged) -> HashMap<usize, Place> {
    let edits = judged.found.iter().filter_map(|d| d.fix.as_ref()).flat_map(|f| &f.edits).map(|e| &e.span);
    places(&judged.text, judged.found.iter().map(|d| &d.span).chain(edits).flat_map(|s| [s.start, s.end]))
}

fn sarif(all: &[Judged]) -> Value {
    let level = |severity: Severity| match severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
        Severity::Info => Level::Note,
    };
    let described = |r: &dockerfile::Rule| sarif::Described {
        code: r.code,
        title: r.title,
        why: r.why,
        mend: r.mend.to_owned(),
        on: r.on,
        level: level(r.severity),
    };
    let described: Vec<_> = rules().iter().map(described).collect();
    let mut results = Vec::new();
    for judged in all {
        let places = edit_places(judged);
        let place = |at: usize| places.get(&at).copied().unwrap_or(Place { line: 1, column: 1 });
        let region = |span: &std::ops::Range<usize>| {
            let (start, end) = (place(span.start), place(span.end));
            json!({
                "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column,
                "byteOffset": span.start, "byteLength": span.len(),
            })
        };
        let artifact = json!({ "uri": sarif::uri(&judged.name) });
        for d in &judged.found {
            let mut result = json!({
                "ruleId": d.code,
                "ruleIndex": rules().iter().position(|r| r.code == d.code),
                "level": level(d.severity).word(),
                "message": { "text": format!("{}. {}", d.message, d.mend) },
                "locations": [{ "physicalLocation": { "artifactLocation": artifact, "region": region(&d.span) } }],
            });
            if let Some(fix) = &d.fix {
                let replacements: Vec<Value> = fix
                    .edits
                    .iter()
                    .map(|e| json!({ "deletedRegion": region(&e.span), "insertedContent": { "text": e.text } }))
                    .collect();
                result["fixes"] = json!([{
                    "description": { "text": fix.title },
                    "artifactChanges": [{ "artifactLocation": artifact, "replacements": replacements }],
                }]);
            }
            results.push(result);
        }
    }
    sarif::document(&described, &results)
}

fn print(out: &mut impl Write, all: &[Judged], colours: bool) -> io::Result<()> {
    let paint = |code: &str, text: &str| {
        if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let mut counts = [0usize; 3];
    let mut fixes = 0;
    for judged in all {
        let name = text::clean(&judged.name);
        for d in &judged.found {
            let colour = match d.severity {
                Severity::Error => "1;31",
                Severity::Warning => "1;33",
                Severity::Info => "1;36",
            };
            counts[d.severity as usize] += 1;
            fixes += usize::from(d.fix.as_ref().is_some_and(|f| f.sure));
            let head = paint(colour, &format!("{} {}", d.severity.word(), d.code));
            writeln!(out, "{name}:{}:{} {head} {}", d.start.line, d.start.column, d.message)?;
            let (source, indent, length) = excerpt(&judged.text, d);
            let number = d.start.line.to_string();
            let bar = paint("2", "|");
            writeln!(out, "  {} {bar} {source}", paint("2", &number))?;
            let mark = paint(colour, &"^".repeat(length.max(1)));
            writeln!(out, "  {} {bar} {}{mark}", " ".repeat(number.len()), " ".repeat(indent))?;
            writeln!(out, "  {} {} {}", " ".repeat(number.len()), paint("2", "="), d.mend)?;
        }
    }
    let [errors, warnings, infos] = counts;
    let sum = errors + warnings + infos;
    if sum == 0 {
        tell("Nothing found.");
    } else {
        let parts: Vec<String> = [(errors, "error"), (warnings, "warning"), (infos, "info")]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| text::count(n, what))
            .collect();
        let more = if fixes > 0 { format!("; --fix mends {fixes}") } else { String::new() };
        tell(&format!("{}: {}{more}", text::count(sum, "finding"), parts.join(", ")));
    }
    Ok(())
}

/// The line of a finding, harmless and not too long, with the cells before it and the cells of it.
fn excerpt(source: &str, d: &Diagnostic) -> (String, usize, usize) {
    const BEFORE: usize = 60;
    const CELLS: usize = 150;
    let start = source[..d.span.start].rfind('\n').map_or(0, |i| i + 1);
    let end = source[d.span.start..].find('\n').map_or(source.len(), |i| d.span.start + i);
    let line = &source[start..end].trim_end_matches('\r');
    let at = (d.span.start - start).min(line.len());
    // A line may be as long as a file: only what is near is shown.
    let cut = at.checked_sub(BEFORE * 2).map(|from| floor(source, start + from) - start);
    let from = cut.unwrap_or(0);
    let tame = |text: &str| text::clean(&text.trim_start_matches('\u{feff}').replace('\t', "    ")).into_owned();
    let before = tame(&line[from..at]);
    let mark = if cut.is_some() { "…" } else { "" };
    let near = floor(line, at + CELLS * 4);
    let rest = tame(&line[at..near]);
    let indent = text::width(mark) + text::width(&before);
    let span_end = d.span.end.min(start + near).max(d.span.start) - start;
    let length = text::width(&tame(&line[at..span_end.clamp(at, line.len())]));
    let shown = text::fit(&rest, CELLS.saturating_sub(indent.min(CELLS / 2))).into_owned();
    let length = length.min(text::width(&shown));
    (format!("{mark}{before}{shown}"), indent, length)
}
