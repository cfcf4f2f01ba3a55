//! The command line: opens the panel, or answers without a screen.
//!
//! Results go to standard output, everything else to standard error; `--json` is an array of objects.

mod attempts;
mod audit;
mod doctor;
mod health;
mod judge;
mod lab;
mod lint;
mod ps;
mod reach;
mod routes;
mod sarif;
mod session;
mod stacks;
mod watch;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::Config;
use crate::engine::{Endpoint, Engine, EngineError, Surroundings};
use crate::ui::{self, PanelOptions};

/// Everything Docker on one screen: stacks, containers, logs, health
#[derive(Debug, Parser)]
#[command(name = "ondeck", version, about, max_term_width = 100)]
struct Arguments {
    /// Engine to talk to: an address (unix://, tcp://, ssh://) or the name of a docker context
    #[arg(long, short = 'H', global = true, value_name = "URL|CONTEXT")]
    host: Option<String>,
    /// Change nothing, whatever is pressed
    #[arg(long)]
    read_only: bool,
    /// Colours of the panel; the command `theme` in the panel lists them
    #[arg(long, value_name = "NAME")]
    theme: Option<String>,
    /// Config file instead of the usual one
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the default config file with all it can say, and end
    #[arg(long)]
    print_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List containers, running or not
    Ps {
        /// As JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// List compose stacks with their services
    Stacks {
        /// As JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Start and use sessions: machines with a Docker of their own, that end by themselves
    #[command(subcommand)]
    Session(session::Command),
    /// Labs: list, read, make, prove, begin again
    #[command(subcommand)]
    Lab(lab::Command),
    Judge(judge::Arguments),
    Lint(lint::Arguments),
    Health(health::Arguments),
    Watch(watch::Arguments),
    Audit(audit::Arguments),
    Doctor(doctor::Arguments),
    Routes(routes::Arguments),
    Reach(reach::Arguments),
    Attempts(attempts::Arguments),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// What a subcommand ends with when it does not go well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Told to the person; the exit code is 1.
    Told(String),
    /// Nobody reads what we write (`ondeck ps | head -1`): no error.
    Closed,
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let hint = if error.hint.is_empty() { String::new() } else { format!("\n  {}", error.hint) };
        Self::Told(format!("{}{hint}", error.message))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Told(error.to_string()) }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let (panic_hook, error_hook) = color_eyre::config::HookBuilder::default()
        .display_env_section(false)
        .panic_section("This is a defect of ondeck. Please report it with the lines above.")
        .into_hooks();
    if let Err(error) = error_hook.install() {
        tell(&format!("ondeck: {error}"));
    }
    let report = panic_hook.into_panic_hook();
    std::panic::set_hook(Box::new(move |info| {
        // First the terminal, else nobody can read what went wrong.
        ui::terminal::give_back();
        report(info);
    }));
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(Failure::Closed) => ExitCode::SUCCESS,
        Err(Failure::Told(text)) => {
            tell(&format!("ondeck: {text}"));
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Arguments) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    if arguments.print_config {
        out.write_all(Config::documented().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(command) = arguments.command.take() else {
        drop(out);
        return panel(arguments);
    };
    let config = || Config::load(arguments.config.as_deref()).map_err(|e| Failure::Told(e.to_string()));
    let at = |config: &Config| endpoint(arguments.host.as_deref(), || Ok(config.clone()));
    // These say something with their exit codes: what goes wrong before must not pass for it.
    let apart = |code: u8, act: &dyn Fn(&Config) -> Result<ExitCode, Failure>| match config().and_then(|c| act(&c)) {
        Err(Failure::Told(text)) => {
            tell(&format!("ondeck: {text}"));
            Ok(ExitCode::from(code))
        }
        other => other,
    };
    let (list, json) = match command {
        Command::Session(command) => {
            drop(out);
            let config = config()?;
            return session::run(command, &at(&config)?, &config);
        }
        Command::Lab(command) => {
            drop(out);
            let config = config()?;
            return lab::run(command, &config, || at(&config));
        }
        Command::Judge(ask) => {
            drop(out);
            return apart(2, &|config| judge::run(&ask, config, || at(config)));
        }
        Command::Lint(ask) => {
            drop(out);
            return apart(2, &|config| lint::run(&mut io::stdout().lock(), &ask, config.lint.choice()));
        }
        Command::Health(ask) => {
            drop(out);
            return apart(3, &|config| health::run(&ask, config, || at(config)));
        }
        Command::Watch(ask) => {
            drop(out);
            return apart(1, &|config| watch::run(&ask, config, || at(config)));
        }
        Command::Audit(ask) => {
            drop(out);
            return apart(2, &|config| audit::run(&ask, config, || at(config)));
        }
        Command::Doctor(ask) => {
            drop(out);
            let config = Config::load(arguments.config.as_deref());
            return match doctor::run(&ask, config, arguments.host.as_deref()) {
                Err(Failure::Told(text)) => {
                    tell(&format!("ondeck: {text}"));
                    Ok(ExitCode::from(2))
                }
                other => other,
            };
        }
        Command::Routes(ask) => {
            drop(out);
            return apart(2, &|config| routes::run(&ask, config, || at(config)));
        }
        Command::Reach(ask) => {
            drop(out);
            return apart(2, &|config| reach::run(&ask, config, || at(config)));
        }
        Command::Attempts(attempts) => return attempts::run(&mut out, &attempts),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "ondeck", &mut script);
            out.write_all(&script)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Arguments::command()).render(&mut page)?;
            out.write_all(&page)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Ps { json } => (true, json),
        Command::Stacks { json } => (false, json),
    };
    let endpoint = endpoint(arguments.host.as_deref(), || Config::load(arguments.config.as_deref()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let containers = runtime.block_on(async { Engine::connect(&endpoint)?.containers().await })?;
    if list {
        ps::print(&mut out, containers, json)?;
    } else {
        stacks::print(&mut out, containers, json)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The engine to talk to: as the flag says, else as the config says, else as the docker CLI decides.
fn endpoint(
    flag: Option<&str>,
    config: impl FnOnce() -> Result<Config, crate::config::ConfigError>,
) -> Result<Endpoint, Failure> {
    let around = Surroundings::of_process();
    if flag.is_some() {
        return Ok(Endpoint::resolve(flag, &around)?);
    }
    let config = config().map_err(|e| Failure::Told(e.to_string()))?;
    // What the person set for this shell counts more than a file.
    let set = ["DOCKER_HOST", "DOCKER_CONTEXT"].iter().any(|v| std::env::var_os(v).is_some_and(|v| !v.is_empty()));
    let host = config.host.as_deref().filter(|_| !set);
    Ok(Endpoint::resolve(host, &around)?)
}

fn panel(arguments: Arguments) -> Result<ExitCode, Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        tell(
            "ondeck: the panel needs a terminal, and this is none.\n  Without a screen: `ondeck ps`, `ondeck stacks`, each also with --json.",
        );
        return Ok(ExitCode::from(2));
    }
    let config = Config::load(arguments.config.as_deref()).map_err(|e| Failure::Told(e.to_string()))?;
    let endpoint = endpoint(arguments.host.as_deref(), || Ok(config.clone()))?;
    let options = PanelOptions { endpoint, config, read_only: arguments.read_only, theme: arguments.theme };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(ui::run(options));
    // Requests that still wait for an engine must not hold the person up.
    runtime.shutdown_background();
    result.map_err(|e| Failure::Told(format!("{e:#}")))
}

/// A line for the person. Nobody may be left to read it: then there is nobody to tell that, either.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// As wide as a terminal is at least.
const WIDTH: usize = 80;

/// Words in lines of a width, the first behind `first`, the others behind as much room.
pub(crate) fn wrapped(out: &mut impl Write, first: &str, text: &str) -> io::Result<()> {
    let indent = crate::text::width(first);
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && crate::text::width(&line) + 1 + crate::text::width(word) > WIDTH {
            writeln!(out, "{}", line.trim_end())?;
            line = " ".repeat(indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(out, "{}", line.trim_end())
}

/// Rows of columns that stand below each other; the last one is as long as it is.
pub(crate) fn columns(out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|i| rows.iter().filter_map(|r| r.get(i)).map(|c| crate::text::width(c)).max().unwrap_or(0))
        .collect();
    for row in rows {
        let mut line = String::new();
        for (i, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if i + 1 < row.len() {
                line.push_str(&" ".repeat(widths[i] - crate::text::width(cell) + 2));
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
