//! `ondeck health`: what works, what does not, since when and why

mod page;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use futures::future::join_all;
use jiff::Timestamp;

use crate::config::Config;
use crate::engine::{Endpoint, Engine, EngineError, Surroundings};
use crate::health::{self, Level, Report};

use super::{Failure, lab};
use page::Page;

/// What works, what does not, since when and why
///
/// Each trouble is told once, at its cause, worst first; what suffers from it stands under it. Ends with 0 when all is
/// healthy, 1 when something is degraded, 2 when something fails, 3 when nobody can tell.
#[derive(Debug, Args)]
#[command(after_long_help = SHAPE)]
pub(super) struct Arguments {
    /// Only these: containers, stacks, STACK/SERVICE; the exit code is theirs
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    // The same as the one of all commands, but this one may be given several times.
    /// Engine to look at: an address (unix://, tcp://, ssh://) or the name of a docker context; repeat it for several
    #[arg(id = "host", long = "host", short = 'H', value_name = "URL|CONTEXT")]
    hosts: Vec<String>,
    /// Look at the engines of all docker contexts
    #[arg(long, conflicts_with = "host")]
    all_hosts: bool,
    /// As JSON: an object, or an array of them when several hosts are asked for
    #[arg(long)]
    json: bool,
}

const SHAPE: &str = "\
JSON, one object for a host:
  host, taken         how it is called; when it was looked at
  level               off, healthy, degraded or failing: the worst of all
  unknown             why nothing, or not everything, can be told; else null
  containers          worst first: id, name, stack, service, level, since,
                      findings (the cause first), passed (layers that are well),
                      blamed_on (id and name of the container whose trouble
                      explains this one's, or null), latency_seconds,
                      unprobed (why it cannot be probed from here, or null)
  stacks              name, level, since, up, all
  findings            what is wrong with the host itself
A finding: code, level, layer (container, healthcheck, probe, dependency), what,
why, todo, evidence (lines that show it), since. Times are RFC 3339.";

/// Runs it; the endpoint is asked for when it is needed, since its settings may be wrong.
pub(super) fn run(
    arguments: &Arguments,
    config: &Config,
    endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    let hosts = hosts(arguments, endpoint)?;
    let looks = hosts.into_iter().map(|(name, endpoint)| async move {
        let engine = match endpoint.and_then(|endpoint| Engine::connect(&endpoint)) {
            Ok(engine) => engine,
            Err(error) => return untold(name, error),
        };
        health::look(&engine, &name, &config.health).await
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut reports = runtime.block_on(join_all(looks));
    // A request that still waits for an engine must not hold the person up.
    runtime.shutdown_background();
    if !arguments.names.is_empty() {
        reports = narrowed(&reports, &arguments.names)?;
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        match &reports[..] {
            [one] if !arguments.all_hosts => lab::json(one)?,
            several => lab::json(&several)?,
        }
    } else {
        let page = Page {
            width: columns(),
            colours: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
            symbols: config.symbols(),
            now: Timestamp::now(),
        };
        for (n, report) in reports.iter().enumerate() {
            if n > 0 {
                writeln!(out)?;
            }
            page.print(&mut out, report)?;
        }
    }
    out.flush()?;
    Ok(ExitCode::from(code(&reports)))
}

/// How a host is called, and how to reach it.
type Host = (String, Result<Endpoint, EngineError>);

/// The hosts to look at, by the names they are called.
fn hosts(arguments: &Arguments, endpoint: impl FnOnce() -> Result<Endpoint, Failure>) -> Result<Vec<Host>, Failure> {
    let around = Surroundings::of_process();
    if arguments.all_hosts {
        return Ok(Endpoint::contexts(&around));
    }
    if arguments.hosts.is_empty() {
        let endpoint = endpoint()?;
        return Ok(vec![(endpoint.name.clone(), Ok(endpoint))]);
    }
    let resolved = |host: &String| match Endpoint::resolve(Some(host), &around) {
        Ok(endpoint) => (endpoint.name.clone(), Ok(endpoint)),
        Err(error) => (crate::text::clean(host).into_owned(), Err(error)),
    };
    Ok(arguments.hosts.iter().map(resolved).collect())
}

fn untold(host: String, error: EngineError) -> Report {
    Report { host, taken: Timestamp::now(), unknown: Some(error), ..Report::default() }
}

/// Only what is asked for, of each host; everything that is asked for has to be on one of them.
fn narrowed(reports: &[Report], names: &[String]) -> Result<Vec<Report>, Failure> {
    let seen = |report: &Report| report.unknown.is_none() || !report.containers.is_empty();
    // Where a host says nothing it may well have what is asked for.
    if reports.iter().all(seen)
        && let Some(missing) = names.iter().find(|name| !reports.iter().any(|r| r.knows(name)))
    {
        let hosts: Vec<&str> = reports.iter().map(|r| r.host.as_str()).collect();
        return Err(Failure::Told(format!(
            "there is no container, service or stack `{}` on {}\n  `ondeck ps` and `ondeck stacks` list what there is",
            crate::text::clean(missing),
            hosts.join(", ")
        )));
    }
    Ok(reports.iter().map(|r| r.only(names)).collect())
}

/// What the exit code says: what fails counts more than what nobody can tell, and that more than what is degraded.
fn code(reports: &[Report]) -> u8 {
    let worst = reports.iter().map(|r| r.level).max().unwrap_or_default();
    match worst {
        Level::Failing => 2,
        _ if reports.iter().any(|r| r.unknown.is_some()) => 3,
        Level::Degraded => 1,
        Level::Healthy | Level::Off => 0,
    }
}

/// How wide lines may be: as the terminal is, or as `COLUMNS` says, within what can be read.
fn columns() -> usize {
    let terminal = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal().filter(|columns| *columns > 0).or_else(said).unwrap_or(80).clamp(60, 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ErrorKind;

    #[test]
    fn the_exit_code_says_the_worst_that_is_known() {
        let of = |level| Report { level, ..Report::default() };
        let gone = || untold("x".into(), EngineError::new(ErrorKind::Unreachable, "no engine"));
        assert_eq!(code(&[of(Level::Off)]), 0);
        assert_eq!(code(&[of(Level::Healthy), of(Level::Degraded)]), 1);
        assert_eq!(code(&[of(Level::Degraded), gone()]), 3);
        assert_eq!(code(&[of(Level::Failing), gone()]), 2);
    }

    #[test]
    fn a_name_that_nothing_has_is_told_unless_a_host_cannot_be_seen() {
        let gone = untold("b".into(), EngineError::new(ErrorKind::Unreachable, "no engine"));
        let here = Report { host: "a".into(), ..Report::default() };
        let names = ["we\x1bb".to_owned()];
        match narrowed(std::slice::from_ref(&here), &names) {
            Err(Failure::Told(words)) => assert!(words.contains("`we·b` on a"), "{words}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(narrowed(&[here, gone], &names).map_or(0, |r| r.len()), 2);
    }
}
