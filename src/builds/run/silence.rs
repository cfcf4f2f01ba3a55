//! Why a run does not answer.

use super::explain::{Facts, Place, Trouble};
use super::listen::Listener;
use super::options::{ImageFacts, Options};
use crate::engine::request::Silence;

/// Why a run does not answer at one of its ports. `found` is where it listens, when that can be seen.
pub fn explain_silence(
    silence: &Silence,
    port: u16,
    found: Option<&[Listener]>,
    image: &ImageFacts,
    options: &Options,
) -> Trouble {
    if let Silence::NoWay(error) = silence {
        return Trouble { what: format!("port {port} cannot be reached"), ..Trouble::of_engine(error) };
    }
    let facts = Facts { image, options, ..Facts::default() };
    let what = format!("port {port} does not answer");
    let seen = found.is_some();
    let found = found.unwrap_or_default();
    let here = found.iter().filter(|l| l.port == port);
    let open: Vec<String> = found.iter().filter(|l| !l.loopback).map(|l| l.port.to_string()).collect();
    if here.clone().any(|l| !l.loopback) {
        return match silence {
            Silence::Slow => Trouble::new(
                what,
                "it listens there, but said nothing within the time it was given",
                Place::Program,
                "its log may say what it is doing",
            ),
            Silence::Broke(why) => Trouble::new(
                what,
                format!("it listens there, but what came was no HTTP: {why}"),
                Place::Program,
                "does it speak HTTP without TLS on this port?",
            ),
            _ => Trouble::new(what, "it listens there now; it may only just have begun", Place::Program, "ask again"),
        };
    }
    if here.count() > 0 {
        return Trouble::new(
            what,
            format!(
                "the program listens on 127.0.0.1:{port} in its container, where only the container itself reaches it"
            ),
            facts.command_place(),
            "let it listen on 0.0.0.0 (an option or variable such as --host 0.0.0.0, HOST=0.0.0.0)",
        );
    }
    if !open.is_empty() {
        let publish = options.ports.iter().find(|p| p.container == port && !p.udp).map_or_else(
            || format!("ask for :{}/", open[0]),
            |p| format!("publish {}:{}", p.host.unwrap_or(p.container), open[0]),
        );
        let exposed = options.ports.is_empty() && image.exposed.contains(&(port, false));
        return Trouble::new(
            what,
            format!("nothing listens there; the program listens on {}", open.join(", ")),
            if exposed { Place::Instruction("EXPOSE") } else { Place::Option("ports") },
            format!("{publish}, or let it listen on {port}"),
        );
    }
    if let Some(only) = found.first() {
        return Trouble::new(
            what,
            format!(
                "the program listens on 127.0.0.1:{} only, which is neither this port nor reached from outside",
                only.port
            ),
            facts.command_place(),
            format!("let it listen on 0.0.0.0:{port}"),
        );
    }
    match silence {
        // Whoever forwards a published port takes connections for it, and ends them.
        Silence::Slow if !seen => {
            Trouble::new(what, "it said nothing within the time it was given", Place::Program, "its log may say why")
        }
        Silence::Broke(why) if !seen => Trouble::new(
            what,
            format!("the connection broke: {why}"),
            Place::Program,
            "does it listen on 0.0.0.0 in its container, and speak HTTP? its log may say more",
        ),
        _ => Trouble::new(
            what,
            "nothing listens in the container yet",
            facts.command_place(),
            "it may still be starting, or serves nothing; its log may say more",
        ),
    }
}
