//! What is the person's own: terminal, settings, history.

use std::path::{Path, PathBuf};

use futures::FutureExt;
use rustix::fs::Access;

use crate::config::{Config, ConfigError, Provider};
use crate::store::{Store, StoreError};
use crate::text::shell::quote;

use super::super::machine::may;
use super::super::scene::{Needs, Scene};
use super::{Entry, Found, SOON};

/// Below this the panel says that it has too little room.
const LEAST: (u16, u16) = (60, 15);

pub(super) const CHECKS: &[Entry] = &[
    Entry {
        code: "TERMINAL",
        title: "the terminal",
        needs: Needs::Nothing,
        patience: SOON,
        look: |scene| async { terminal(&scene.ask.terminal, &Screen::of(scene)) }.boxed(),
    },
    Entry {
        code: "CLIPBOARD",
        title: "copying from the panel",
        needs: Needs::Nothing,
        patience: SOON,
        look: |scene| clipboard_of(scene).boxed(),
    },
    Entry {
        code: "CONFIG",
        title: "the config file",
        needs: Needs::Nothing,
        patience: SOON,
        look: |scene| {
            async {
                let env = &scene.ask.around.env;
                let set = |name: &str| env.get(name).is_some_and(|v| !v.is_empty());
                config(&scene.ask.config, scene.config.as_ref(), set)
            }
            .boxed()
        },
    },
    Entry {
        code: "HISTORY",
        title: "the history",
        needs: Needs::Nothing,
        patience: SOON,
        look: |scene| history_of(scene).boxed(),
    },
];

/// What stands between the panel and the terminal.
#[derive(Default)]
struct Screen {
    no_color: bool,
    colorterm: String,
}

impl Screen {
    fn of(scene: &Scene) -> Self {
        let env = |name: &str| scene.ask.around.env.get(name).cloned().unwrap_or_default();
        Self { no_color: !env("NO_COLOR").is_empty(), colorterm: env("COLORTERM") }
    }
}

fn terminal(facts: &super::super::Terminal, screen: &Screen) -> Found {
    let Some((columns, rows)) = facts.size else { return Found::skipped("this is no terminal") };
    let colours = match facts.colours.as_str() {
        "none" if screen.no_color => "no colours (NO_COLOR)".to_owned(),
        "none" => "no colours".to_owned(),
        "true" => "all colours".to_owned(),
        some => format!("{some} colours"),
    };
    let utf8 = if facts.utf8 { "UTF-8" } else { "no UTF-8" };
    let said = format!("{columns}x{rows}, {colours}, {utf8}, TERM={}", facts.kind);
    if (columns, rows) != (columns.max(LEAST.0), rows.max(LEAST.1)) {
        return Found::warn(format!("{said}: too small for the panel"))
            .mend(format!("make it at least {}x{}; ondeck health and ondeck ps need less", LEAST.0, LEAST.1));
    }
    if matches!(facts.kind.as_str(), "" | "dumb" | "unknown") {
        return Found::warn(format!("{said}: it says nothing of what it can"))
            .mend("name what it is")
            .by("export TERM=xterm-256color");
    }
    if !facts.utf8 {
        return Found::warn(format!("{said}: signs and lines are drawn in plain ASCII"))
            .mend("where the terminal itself can do UTF-8, say so by the locale (or `ascii: false` in the config)")
            .by("export LC_ALL=C.UTF-8");
    }
    if facts.colours == "none" && !screen.no_color {
        return Found::warn(format!("{said}: states are told by signs only"))
            .mend("name a terminal with colours")
            .by("export TERM=xterm-256color");
    }
    if facts.colours == "16" && screen.colorterm.is_empty() && facts.kind != "linux" {
        return Found::ok(format!("{said} (more with COLORTERM=truecolor, where it can)"));
    }
    Found::ok(said)
}

/// Who is between the panel and the terminal that has the clipboard.
#[derive(Default)]
struct ClipboardFacts {
    terminal: bool,
    kind: String,
    /// tmux's option; `None` outside of tmux.
    tmux: Option<String>,
    screen: bool,
}

async fn clipboard_of(scene: &Scene) -> Found {
    let env = |name: &str| scene.ask.around.env.get(name).is_some_and(|v| !v.is_empty());
    let tmux = if env("TMUX") {
        let out = scene.run("tmux", &["show-options", "-sv", "set-clipboard"]).await;
        Some(out.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default())
    } else {
        None
    };
    clipboard(&ClipboardFacts {
        terminal: scene.ask.terminal.size.is_some(),
        kind: scene.ask.terminal.kind.clone(),
        tmux,
        screen: env("STY"),
    })
}

fn clipboard(facts: &ClipboardFacts) -> Found {
    if !facts.terminal {
        return Found::skipped("this is no terminal");
    }
    match facts.tmux.as_deref() {
        Some("on") => return Found::ok("tmux passes it on, where the terminal around it takes OSC 52"),
        Some(other) => {
            let other = if other.is_empty() { "not known" } else { other };
            return Found::warn(format!("tmux keeps copied text to itself (set-clipboard is {other})"))
                .mend("let programs in tmux copy; in ~/.tmux.conf it stays (allow-passthrough is not needed)")
                .by("tmux set-option -s set-clipboard on");
        }
        None => {}
    }
    if facts.screen {
        return Found::warn("GNU screen does not pass copied text on")
            .mend("use tmux, or copy with the mouse and Shift");
    }
    if matches!(facts.kind.as_str(), "linux" | "dumb" | "vt100" | "vt220") {
        return Found::warn(format!("a terminal of the kind {} has no clipboard", facts.kind))
            .mend("come in from a terminal that has one, such as by ssh");
    }
    Found::ok("by OSC 52; in some terminals it has to be switched on")
}

/// `set` says whether a variable of the environment has a value.
fn config(config: &Config, trouble: Option<&ConfigError>, set: impl Fn(&str) -> bool) -> Found {
    if let Some(trouble) = trouble {
        return Found::fail(trouble.headline()).mend(if trouble.hint.is_empty() {
            "mend that line; ondeck --print-config shows all that can be said".to_owned()
        } else {
            trouble.hint.clone()
        });
    }
    let hints = &config.hints;
    let file = config.file().map_or_else(|| "none: everything is as it comes".to_owned(), ToString::to_string);
    match (hints.provider, hints.key_variable()) {
        (Provider::None, _) => Found::ok(format!("{file}; hints are the labs' own, which is fine")),
        (_, Some(name)) if !set(name) => {
            Found::warn(format!("{file}; the assistant's key is not in {name}: hints are the labs' own"))
                .mend("put the key into that variable, or set hints.provider to none")
                .by(format!("export {name}=..."))
        }
        (_, Some(name)) => Found::ok(format!("{file}; hints come from {}, with the key in {name}", hints.model_name())),
        (_, None) => Found::ok(format!("{file}; hints come from {} without a key", hints.address())),
    }
}

async fn history_of(scene: &Scene) -> Found {
    let named = scene.ask.around.env.get(crate::store::PATH_VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
    let Some(path) = named.or_else(Store::usual_path) else {
        return Found::warn("there is no home directory to keep it in")
            .mend("name a file for it")
            .by(format!("export {}=/path/history.db", crate::store::PATH_VARIABLE));
    };
    if path.exists() {
        return history(&path, Store::look(&path).await);
    }
    let there = path.ancestors().skip(1).find(|dir| dir.exists());
    no_history(&path, there, there.is_some_and(|dir| dir.is_dir() && may(dir, Access::WRITE_OK | Access::EXEC_OK)))
}

fn history(path: &Path, looked: Result<(), StoreError>) -> Found {
    match looked {
        Ok(()) => Found::ok(path.display().to_string()),
        Err(e) => Found::fail(&e.message).mend(if e.hint.is_empty() {
            "attempts are not kept until it can be opened"
        } else {
            &e.hint
        }),
    }
}

/// Before the first thing is kept.
fn no_history(path: &Path, there: Option<&Path>, writable: bool) -> Found {
    let shown = path.display();
    match there {
        Some(_) if writable => Found::ok(format!("none yet; it will be {shown}")),
        _ => {
            let dir = there.unwrap_or(path).display().to_string();
            Found::fail(format!("{shown} cannot be made: {dir} may not be written"))
                .mend("let that directory be yours, or name another file")
                .by(format!("export {}={}", crate::store::PATH_VARIABLE, quote("/path/history.db")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Outcome, Terminal};

    fn of(size: (u16, u16), colours: &str, utf8: bool, kind: &str) -> Found {
        let facts = Terminal { size: Some(size), colours: colours.into(), utf8, kind: kind.into() };
        terminal(&facts, &Screen::default())
    }

    #[test]
    fn a_terminal_is_told_what_it_lacks() {
        assert_eq!(of((120, 36), "true", true, "xterm"), Found::ok("120x36, all colours, UTF-8, TERM=xterm"));
        assert!(of((59, 36), "true", true, "xterm").evidence.ends_with("too small for the panel"));
        assert_eq!(of((60, 15), "256", true, "xterm").outcome, Outcome::Ok);
        assert_eq!(
            of((80, 24), "256", false, "xterm").fix.and_then(|f| f.command).as_deref(),
            Some("export LC_ALL=C.UTF-8")
        );
        assert_eq!(of((80, 24), "none", true, "vt100").outcome, Outcome::Warn);
        assert_eq!(of((80, 24), "16", true, "dumb").outcome, Outcome::Warn);
        let none = Terminal { size: Some((80, 24)), colours: "none".into(), utf8: true, kind: "xterm".into() };
        assert_eq!(terminal(&none, &Screen { no_color: true, ..Screen::default() }).outcome, Outcome::Ok, "asked for");
        assert_eq!(terminal(&Terminal::default(), &Screen::default()).outcome, Outcome::Skipped);
    }

    #[test]
    fn who_swallows_copied_text_is_named() {
        let facts = || ClipboardFacts { terminal: true, kind: "tmux-256color".into(), ..ClipboardFacts::default() };
        assert_eq!(clipboard(&facts()).outcome, Outcome::Ok);
        let tmux = |value: &str| clipboard(&ClipboardFacts { tmux: Some(value.into()), ..facts() });
        assert_eq!(tmux("on").outcome, Outcome::Ok);
        assert_eq!(
            tmux("external").fix.and_then(|f| f.command).as_deref(),
            Some("tmux set-option -s set-clipboard on")
        );
        assert!(tmux("").evidence.contains("not known"));
        assert_eq!(clipboard(&ClipboardFacts { screen: true, ..facts() }).outcome, Outcome::Warn);
        assert_eq!(clipboard(&ClipboardFacts { kind: "linux".into(), ..facts() }).outcome, Outcome::Warn);
        assert_eq!(clipboard(&ClipboardFacts::default()).outcome, Outcome::Skipped);
    }

    #[test]
    fn a_config_that_is_wrong_and_a_key_that_is_missing_are_told() {
        let mut own = Config::default();
        assert_eq!(config(&own, None, |_| false).outcome, Outcome::Ok);
        own.hints.provider = Provider::Gemini;
        let found = config(&own, None, |_| false);
        assert_eq!(found.fix.and_then(|f| f.command).as_deref(), Some("export GEMINI_API_KEY=..."));
        assert_eq!(config(&own, None, |_| true).outcome, Outcome::Ok);
        let trouble = ConfigError::whole("config.yaml", "found a tab", "use spaces");
        let found = config(&own, Some(&trouble), |_| true);
        assert!(found.outcome == Outcome::Fail && found.evidence.contains("found a tab"), "{found:?}");
        assert_eq!(found.fix.map(|f| f.words).as_deref(), Some("use spaces"));
    }

    #[test]
    fn a_history_that_cannot_be_kept_says_why() {
        let path = Path::new("/data/ondeck/history.db");
        assert_eq!(
            no_history(path, Some(Path::new("/data")), true),
            Found::ok("none yet; it will be /data/ondeck/history.db")
        );
        let found = no_history(path, Some(Path::new("/data")), false);
        assert!(found.outcome == Outcome::Fail && found.evidence.ends_with("/data may not be written"));
        assert_eq!(history(path, Ok(())).outcome, Outcome::Ok);
    }
}
