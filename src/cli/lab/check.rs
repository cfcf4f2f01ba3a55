//! `ondeck lab check`: proving a lab.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::config::Config;
use crate::engine::{Endpoint, Engine};
use crate::judge::{self, Proof, Proven, ProvenCase, Proving, Standing};
use crate::labs::{self, Lab};
use crate::sessions;
use crate::text::count;

use super::super::{Failure, columns, tell};
use super::{all, is_folder, json};

/// Prove a lab: that its manifest is right, and that its judge says of every submission in it what it must
///
/// The solution must have all points, twice; the starter and each submission in `bad` must give exactly their codes;
/// each one in `good` must pass; every check must fail somewhere, and every code must have hints. Each submission is
/// judged in a fresh session. Ends with 0 when all is right, 1 when something is wrong, 2 when it could not be found
/// out.
#[derive(Debug, clap::Args)]
pub(in super::super) struct Arguments {
    /// Its name, or the folder it is in
    #[arg(value_name = "LAB|DIR")]
    lab: String,
    /// As JSON: an object
    #[arg(long)]
    json: bool,
    /// How many submissions are judged at once
    #[arg(long, short, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=32))]
    jobs: u8,
    /// Only submissions with this in their names, such as `solution` or `bad/typo`
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

/// What could not be checked, for the exit code that says so.
fn unchecked(words: &str) -> ExitCode {
    tell(&format!("ondeck: {words}"));
    ExitCode::from(2)
}

pub(super) fn run(
    arguments: &Arguments,
    config: &Config,
    endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    let lab = match find(config, &arguments.lab) {
        Ok(lab) => lab,
        Err(code) => return Ok(code),
    };
    let engine = endpoint().and_then(|endpoint| Engine::connect(&endpoint).map_err(Failure::from));
    let engine = match engine {
        Ok(engine) => engine,
        Err(Failure::Told(text)) => return Ok(unchecked(&text)),
        Err(closed) => return Err(closed),
    };
    let proving = Proving { jobs: usize::from(arguments.jobs), owner: sessions::owner(), only: arguments.only.clone() };
    let watched = io::stderr().is_terminal();
    let say = |event: Proven<'_>| match event {
        Proven::Step(text) => tell(&text),
        Proven::Line(text) if watched => tell(&format!("  {text}")),
        Proven::Ended(case, done, all) => {
            tell(&format!("{done}/{all} {} {} ({:.1} s)", word(case.standing), case.name, case.elapsed_seconds));
        }
        Proven::Begins(_) | Proven::Line(_) => {}
    };
    let cancel = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let proof = super::wait(async { Ok(judge::prove(&engine, &config.sessions, &lab, &proving, &say, cancel).await) })?;
    if arguments.json {
        json(&proof)?;
    } else {
        print(&mut io::stdout().lock(), &proof, arguments.only.is_some())?;
    }
    Ok(match proof.standing {
        Standing::Right => ExitCode::SUCCESS,
        Standing::Wrong => ExitCode::FAILURE,
        Standing::Unknown => ExitCode::from(2),
    })
}

/// The lab, or the exit code when there is none to check: 1 for one that cannot be right.
fn find(config: &Config, name: &str) -> Result<std::sync::Arc<Lab>, ExitCode> {
    if !is_folder(name) {
        return super::find(config, name).map_err(|failure| match failure {
            Failure::Told(text) => unchecked(&text),
            Failure::Closed => ExitCode::SUCCESS,
        });
    }
    let dir = Path::new(name);
    labs::load(dir).map(std::sync::Arc::new).map_err(|errors| {
        if !dir.join("lab.yaml").is_file() {
            return unchecked(&all(&errors));
        }
        tell(&all(&errors));
        tell(&format!("{}: {} in the manifest", name, count(errors.len(), "error")));
        ExitCode::FAILURE
    })
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Right => "ok",
        Standing::Wrong => "WRONG",
        Standing::Unknown => "ERROR",
    }
}

fn print(out: &mut impl Write, proof: &Proof, some: bool) -> io::Result<()> {
    let mut rows = vec![["SUBMISSION", "", "POINTS", "TIME", "CODES"].map(str::to_owned).to_vec()];
    rows.extend(proof.submissions.iter().map(|case| {
        vec![
            case.name.clone(),
            word(case.standing).to_owned(),
            format!("{}/{}", case.score, case.max_score),
            format!("{:.1} s", case.elapsed_seconds),
            case.codes.join(" "),
        ]
    }));
    if rows.len() > 1 {
        columns(out, &rows)?;
    }
    for case in proof.submissions.iter().filter(|case| case.standing != Standing::Right) {
        explain(out, case)?;
    }
    for problem in &proof.problems {
        writeln!(out, "\n{problem}")?;
    }
    if let Some(error) = &proof.error {
        writeln!(out, "\n{}: {}", error.code, error.message)?;
        if !error.hint.is_empty() {
            writeln!(out, "  {}", error.hint)?;
        }
    }
    if !proof.notes.is_empty() {
        writeln!(out)?;
    }
    for note in &proof.notes {
        writeln!(out, "note: {note}")?;
    }
    let judged = count(proof.submissions.len(), "submission");
    let wrong = |standing| proof.submissions.iter().filter(|case| case.standing == standing).count();
    let words = match proof.standing {
        Standing::Right if some => "as the manifest says".to_owned(),
        Standing::Right => "all is as the manifest says".to_owned(),
        Standing::Wrong => {
            let all = wrong(Standing::Wrong) + proof.problems.len();
            format!("{} found", count(all, "problem"))
        }
        Standing::Unknown => "it could not be found out whether all is right".to_owned(),
    };
    writeln!(out, "\n{}: {judged} judged in {:.0} s; {words}", proof.lab, proof.elapsed_seconds)
}

/// What is wrong with a submission, and what was said of it.
fn explain(out: &mut impl Write, case: &ProvenCase) -> io::Result<()> {
    writeln!(out, "\n{}", case.name)?;
    for wrong in &case.wrong {
        writeln!(out, "  {wrong}")?;
    }
    if let Some(error) = &case.error {
        writeln!(out, "  {}: {}", error.code, error.message)?;
    }
    for failure in &case.failures {
        let place = match (&failure.file, failure.line) {
            (Some(file), Some(line)) => format!(" {file}:{line}"),
            (Some(file), None) => format!(" {file}"),
            _ => String::new(),
        };
        let warning = if failure.warning { " (warning)" } else { "" };
        writeln!(out, "  {} by {}{warning}:{place} {}", failure.code, failure.check, failure.message)?;
        if let (Some(expected), Some(found)) = (&failure.expected, &failure.found) {
            writeln!(out, "    expected {expected}, found {found}")?;
        }
    }
    Ok(())
}
