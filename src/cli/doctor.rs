//! `ondeck doctor`: the host's own troubles, without the panel.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;

use crate::config::{Config, ConfigError};
use crate::doctor::{self, Ask, Check, Outcome, Terminal};
use crate::engine::Surroundings;
use crate::text::{count, fit, width};

use super::{Failure, tell};

/// The widest that lines get, however wide the terminal is.
const WIDEST: usize = 100;
/// What lines are as wide as where there is no terminal.
const USUAL: usize = 80;

/// The host's own troubles: whether an engine can be reached and used, what will run out, and what to do
///
/// Ends with 0 when all is well, 1 when something should be looked at or does not work, 2 when it cannot be told.
/// For a moment a container is made, to look things up as containers do (not with --no-containers).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// As JSON: an array of objects
    #[arg(long)]
    json: bool,
    /// Do what is harmless of the advice, after saying which
    #[arg(long)]
    fix: bool,
    /// Do not ask before that
    #[arg(long, requires = "fix")]
    yes: bool,
    /// Make no container, also not for a moment
    #[arg(long)]
    no_containers: bool,
}

/// Runs it; `host` is what the person gave with `--host`. A config file that is wrong is one of the findings.
pub(super) fn run(
    arguments: &Arguments,
    config: Result<Config, ConfigError>,
    host: Option<&str>,
) -> Result<ExitCode, Failure> {
    let (config, trouble) = match config {
        Ok(config) => (config, None),
        Err(trouble) => (Config::default(), Some(trouble)),
    };
    let ask = Ask {
        host: host.map(str::to_owned),
        around: Surroundings::of_process(),
        terminal: Terminal::of_process(),
        containers: !arguments.no_containers,
        config,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = examined(arguments, &ask, trouble.as_ref()) => Some(ended),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    let Some(ended) = ended else {
        // The momentary container is being removed, which takes as long as it takes.
        runtime.block_on(doctor::settled());
        runtime.shutdown_background();
        return Err(Failure::Told("cancelled".to_owned()));
    };
    runtime.shutdown_background();
    let checks = ended?;
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &checks).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        print(&mut out, &checks, &Signs::of(&ask.config), columns())?;
    }
    out.flush()?;
    Ok(ExitCode::from(verdict(&checks)))
}

/// 0 when all is well, 1 when something is not, 2 when nothing could be told.
fn verdict(checks: &[Check]) -> u8 {
    match checks.iter().map(|c| c.outcome).max() {
        None | Some(Outcome::Skipped) => 2,
        Some(Outcome::Ok) => 0,
        Some(Outcome::Warn | Outcome::Fail) => 1,
    }
}

async fn examined(arguments: &Arguments, ask: &Ask, trouble: Option<&ConfigError>) -> Result<Vec<Check>, Failure> {
    let checks = looked(ask, trouble).await;
    if !arguments.fix {
        return Ok(checks);
    }
    let mends = doctor::mends(&checks);
    if mends.is_empty() {
        tell("there is nothing to mend that is harmless; the rest is for you to decide");
        return Ok(checks);
    }
    tell("harmless, and can be done now:");
    for mend in &mends {
        tell(&format!("  {}: {}\n    {}", mend.code, mend.words, mend.command));
    }
    // Apart, so that Ctrl-C ends it also here.
    if !arguments.yes && !tokio::task::spawn_blocking(agreed).await.map_err(io::Error::other)?? {
        tell("nothing was done");
        return Ok(checks);
    }
    for mend in &mends {
        match doctor::apply(ask, mend).await {
            Ok(done) => tell(&format!("{}: {done}", mend.code)),
            Err(error) => tell(&format!("{}: not done: {error}", mend.code)),
        }
    }
    tell("looking again");
    let after = looked(ask, trouble).await;
    for line in changes(&checks, &after) {
        tell(&line);
    }
    Ok(after)
}

/// Whether the person says yes; without a terminal nobody is there to say it.
fn agreed() -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        tell("without a terminal to ask at, --yes does it");
        return Ok(false);
    }
    write!(io::stderr(), "do it? [y/N] ")?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// What is otherwise than before.
fn changes(before: &[Check], after: &[Check]) -> Vec<String> {
    let changed = after.iter().filter_map(|new| {
        let old = before.iter().find(|old| old.code == new.code)?;
        let line = format!("{}: was {}, is {}: {}", new.code, word(old.outcome), word(new.outcome), new.evidence);
        (old.outcome != new.outcome).then_some(line)
    });
    let all: Vec<String> = changed.collect();
    if all.is_empty() { vec!["nothing is otherwise than before".to_owned()] } else { all }
}

/// Looks at everything, and shows what is done meanwhile.
async fn looked(ask: &Ask, trouble: Option<&ConfigError>) -> Vec<Check> {
    let terminal = io::stderr().is_terminal();
    let mut ended = 0;
    let checks = doctor::examine_despite(ask, trouble, |check| {
        ended += 1;
        if terminal {
            let line = format!("{ended} looked at: {}", check.title);
            // Nobody may be left to read it.
            let _ = write!(io::stderr(), "\r\x1b[K{}", fit(&line, columns() - 1));
        }
    })
    .await;
    if terminal {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    checks
}

/// How wide lines may be.
fn columns() -> usize {
    let size = [rustix::termios::tcgetwinsize(io::stdout()), rustix::termios::tcgetwinsize(io::stderr())];
    let columns = size.into_iter().flatten().map(|s| usize::from(s.ws_col)).find(|c| *c > 0);
    columns.unwrap_or(USUAL).clamp(40, WIDEST)
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Skipped => "skipped",
        Outcome::Ok => "ok",
        Outcome::Warn => "warning",
        Outcome::Fail => "failing",
    }
}

/// How outcomes are shown.
struct Signs {
    ascii: bool,
    colours: bool,
}

impl Signs {
    fn of(config: &Config) -> Self {
        let asked = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { ascii: config.symbols().ascii, colours: asked && io::stdout().is_terminal() }
    }

    fn sign(&self, outcome: Outcome) -> String {
        let (sign, plain, colour) = match outcome {
            Outcome::Fail => ("✖", "X", "31"),
            Outcome::Warn => ("!", "!", "33"),
            Outcome::Ok => ("✔", "+", "32"),
            Outcome::Skipped => ("-", "-", "2"),
        };
        let sign = if self.ascii { plain } else { sign };
        if self.colours { format!("\x1b[{colour}m{sign}\x1b[0m") } else { sign.to_owned() }
    }
}

/// Troubles in full, the worst first; then what is well, and what could not be told, in a line each.
fn print(out: &mut impl Write, checks: &[Check], signs: &Signs, columns: usize) -> io::Result<()> {
    let of = |outcome| checks.iter().filter(move |c| c.outcome == outcome);
    for check in of(Outcome::Fail).chain(of(Outcome::Warn)) {
        writeln!(out, "{} {} {}", signs.sign(check.outcome), check.code, check.title)?;
        paragraph(out, "  ", &check.evidence, columns)?;
        if let Some(fix) = &check.fix {
            paragraph(out, if signs.ascii { "  > " } else { "  → " }, &fix.words, columns)?;
            // Whole, however long it is: it is there to be copied.
            if let Some(command) = &fix.command {
                writeln!(out, "      {command}")?;
            }
        }
        writeln!(out)?;
    }
    let widest = checks.iter().map(|c| c.code.len()).max().unwrap_or_default();
    for check in of(Outcome::Ok).chain(of(Outcome::Skipped)) {
        let room = columns.saturating_sub(widest + 4);
        let sign = signs.sign(check.outcome);
        writeln!(out, "{sign} {:widest$}  {}", check.code, fit(&check.evidence, room))?;
    }
    let n = |outcome| of(outcome).count();
    let mut parts = Vec::new();
    for (outcome, what) in [(Outcome::Fail, "failing"), (Outcome::Warn, "to look at")] {
        if n(outcome) > 0 {
            parts.push(format!("{} {what}", n(outcome)));
        }
    }
    parts.push(format!("{} fine", n(Outcome::Ok)));
    if n(Outcome::Skipped) > 0 {
        parts.push(format!("{} not looked at", n(Outcome::Skipped)));
    }
    writeln!(out, "\n{}: {}", count(checks.len(), "check"), parts.join(", "))
}

/// Text in lines of at most so many cells, the first after `lead`, the others below it.
fn paragraph(out: &mut impl Write, lead: &str, text: &str, columns: usize) -> io::Result<()> {
    let indent = " ".repeat(width(lead));
    let mut line = lead.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && width(&line) + 1 + width(word) > columns {
            writeln!(out, "{line}")?;
            line.clone_from(&indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(out, "{line}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::doctor::Fix;

    fn check(code: &'static str, outcome: Outcome, evidence: &str, fix: Option<&str>) -> Check {
        let fix = fix.map(|command| Fix {
            words: "join it, then log in again; members of this group can do what root can".into(),
            command: Some(command.into()),
            harmless: false,
        });
        Check { code, title: "the way to the engine", outcome, evidence: evidence.into(), fix }
    }

    fn page(checks: &[Check], columns: usize) -> String {
        let mut out = Vec::new();
        print(&mut out, checks, &Signs { ascii: true, colours: false }, columns).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn troubles_come_first_and_fit_sixty_columns() {
        let long = "/var/run/docker.sock belongs to the group docker (gid 998), and ann is not in it";
        let checks = [
            check("ENDPOINT", Outcome::Ok, &"a very long line ".repeat(9), None),
            check("COMPOSE", Outcome::Warn, "old", None),
            check("SOCKET", Outcome::Fail, long, Some("sudo usermod -aG docker ann")),
            check("DAEMON", Outcome::Skipped, "no way", None),
        ];
        let page = page(&checks, 60);
        assert!(page.lines().all(|line| width(line) <= 60), "{page}");
        assert_eq!(
            page.lines().take(9).collect::<Vec<_>>(),
            [
                "X SOCKET the way to the engine",
                "  /var/run/docker.sock belongs to the group docker (gid",
                "  998), and ann is not in it",
                "  > join it, then log in again; members of this group can do",
                "    what root can",
                "      sudo usermod -aG docker ann",
                "",
                "! COMPOSE the way to the engine",
                "  old",
            ]
        );
        assert!(page.ends_with("4 checks: 1 failing, 1 to look at, 1 fine, 1 not looked at\n"), "{page}");
    }

    #[test]
    fn the_exit_code_says_how_it_is() {
        let of = |outcomes: &[Outcome]| verdict(&outcomes.iter().map(|o| check("X", *o, "", None)).collect::<Vec<_>>());
        assert_eq!(of(&[Outcome::Ok, Outcome::Skipped]), 0);
        assert_eq!(of(&[Outcome::Ok, Outcome::Warn]), 1);
        assert_eq!(of(&[Outcome::Fail, Outcome::Ok]), 1);
        assert_eq!((of(&[Outcome::Skipped]), of(&[])), (2, 2));
    }

    #[test]
    fn what_changed_is_told() {
        let before = [check("SOCKET", Outcome::Fail, "gone", None), check("DISK", Outcome::Warn, "full", None)];
        let after = [check("SOCKET", Outcome::Ok, "there", None), check("DISK", Outcome::Warn, "full", None)];
        assert_eq!(changes(&before, &after), ["SOCKET: was failing, is ok: there"]);
        assert_eq!(changes(&before, &before), ["nothing is otherwise than before"]);
    }
}
