//! `ondeck reach`: whether one container can reach another

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::config::Config;
use crate::engine::model::{Container, Id};
use crate::engine::{Endpoint, Engine, EngineError};
use crate::text;
use crate::topology::{self, Found, HOST, Map, Obstacle, Reach, Through, Way};

use super::Failure;

/// Whether one container can reach another: by which name and port, and if not, why
///
/// Containers are named by name, identifier, stack/service, or a service's name where there is one of it; `host` is the
/// host itself. Where the engine runs on this machine, it is looked whether anything listens.
///
/// Exit code: 0 when it can, 1 when it cannot, 2 when it cannot be told.
///
/// --json prints an object: from, to, reachable, ways (through: shared, network, address or published; network, names,
/// ip, ports, note), obstacles (code, what, todo).
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// A port as it is inside the container, such as 8000 or 53/udp
    #[arg(long, value_name = "PORT", value_parser = port)]
    port: Option<(u16, &'static str)>,
    /// From this container
    from: String,
    /// To this one
    to: String,
}

fn port(text: &str) -> Result<(u16, &'static str), String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number: u16 = number.parse().ok().filter(|n| *n > 0).ok_or("expected 1 to 65535, or such as 53/udp")?;
    match protocol {
        "tcp" => Ok((number, "tcp")),
        "udp" => Ok((number, "udp")),
        other => Err(format!("{other} is no protocol that is looked at; expected tcp or udp")),
    }
}

/// What `--json` prints. Names of fields stay.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    from: &'a str,
    to: &'a str,
    reachable: bool,
    ways: &'a [Way],
    obstacles: &'a [Obstacle],
}

/// Runs it; the endpoint is asked for when it is needed, since its settings may be wrong.
pub(super) fn run(
    arguments: &Arguments,
    _config: &Config,
    endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    let endpoint = endpoint()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(look(arguments, &endpoint))?;
    let mut out = io::stdout().lock();
    if arguments.json {
        let shown = Shown {
            from: &found.from,
            to: &found.to,
            reachable: !found.ways.is_empty(),
            ways: &found.ways,
            obstacles: &found.obstacles,
        };
        let text = serde_json::to_string_pretty(&shown).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        print(&mut out, &found)?;
    }
    out.flush()?;
    Ok(ExitCode::from(u8::from(found.ways.is_empty())))
}

async fn look(arguments: &Arguments, endpoint: &Endpoint) -> Result<Reach, Failure> {
    let engine = Engine::connect(endpoint)?;
    let (containers, networks) = tokio::try_join!(engine.containers(), engine.networks())?;
    let containers: Vec<&Container> = containers.iter().collect();
    let (from, to) = (named(&containers, &arguments.from)?, named(&containers, &arguments.to)?);
    let map = Map { containers, networks: networks.iter().collect() };
    let found = topology::examine(&engine, &map, &from, &to, arguments.port).await?;
    found.ok_or_else(|| Failure::Told("one of both has just been removed".to_owned()))
}

/// The container that a person means.
fn named(containers: &[&Container], text: &str) -> Result<Id, Failure> {
    if text == HOST && !containers.iter().any(|c| c.name == HOST) {
        return Ok(HOST.into());
    }
    match topology::find(containers, text) {
        Found::One(id) => Ok(id),
        Found::Several(names) => Err(Failure::Told(format!(
            "{} is the name of several containers\n  say which: {}",
            text::clean(text),
            names.join(", ")
        ))),
        Found::None(like) => {
            let hint = if like.is_empty() {
                "`ondeck ps` lists them".to_owned()
            } else {
                format!("did you mean {}?", like.join(", "))
            };
            Err(Failure::from(
                EngineError::new(crate::engine::ErrorKind::NotFound, format!("no container is called {text}"))
                    .with_hint(hint),
            ))
        }
    }
}

fn print(out: &mut impl Write, found: &Reach) -> io::Result<()> {
    let verb = if found.ways.is_empty() { "cannot reach" } else { "reaches" };
    writeln!(out, "{} {verb} {}", found.from, found.to)?;
    for way in &found.ways {
        let through = match way.through {
            Through::Shared => "as itself",
            Through::Network => "on the network",
            Through::Address => "by address on",
            Through::Published => "by a published port of the",
        };
        writeln!(out)?;
        let network = if way.through == Through::Shared { String::new() } else { format!(" {}", way.network) };
        writeln!(out, "  {through}{network}")?;
        // An address is worth its line only where there are names.
        let mut names = way.names.clone();
        if let Some(ip) = way.ip.filter(|ip| !names.contains(&ip.to_string())) {
            names.push(ip.to_string());
        }
        hanging(out, "    as    ", &names.join(", "))?;
        if !way.ports.is_empty() {
            writeln!(out, "    port  {}", way.ports.join(", "))?;
        }
        if !way.note.is_empty() {
            hanging(out, "    note  ", &way.note)?;
        }
    }
    for obstacle in &found.obstacles {
        writeln!(out)?;
        told(out, "  ", obstacle)?;
    }
    Ok(())
}

/// An obstacle and what mends it, in lines that begin with `margin`.
pub(super) fn told(out: &mut impl Write, margin: &str, obstacle: &Obstacle) -> io::Result<()> {
    writeln!(out, "{margin}{}", obstacle.code)?;
    hanging(out, &format!("{margin}  "), &obstacle.what)?;
    for (i, line) in obstacle.todo.lines().enumerate() {
        writeln!(out, "{margin}  {} {line}", if i == 0 { "→" } else { " " })?;
    }
    Ok(())
}

/// Words after a beginning, in lines of at most 80 columns that stand below each other. What is to be copied is not
/// broken so.
pub(super) fn hanging(out: &mut impl Write, begin: &str, words: &str) -> io::Result<()> {
    let margin = text::width(begin);
    let (mut line, mut used) = (begin.to_owned(), margin);
    for word in words.split(' ') {
        let wide = text::width(word);
        if used > margin && used + 1 + wide > 80 {
            writeln!(out, "{line}")?;
            (line, used) = (" ".repeat(margin), margin);
        }
        if used > margin {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += wide;
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        let mut out = Vec::new();
        hanging(&mut out, "  ! ", &["word"; 20].join(" ")).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0].len()), (2, 78));
        assert_eq!((&lines[0][..8], &lines[1][..8]), ("  ! word", "    word"));
    }

    #[test]
    fn ports_are_read_with_their_protocol() {
        assert_eq!([port("80"), port("53/udp"), port("1/tcp")], [Ok((80, "tcp")), Ok((53, "udp")), Ok((1, "tcp"))]);
        for wrong in ["0", "65536", "x", "80/sctp", ""] {
            assert!(port(wrong).is_err(), "{wrong}");
        }
    }
}
