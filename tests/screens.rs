//! Every view at every size, as text (compared) and as pictures for the documentation.
//!
//! `INSTA_UPDATE=always cargo test --test screens` takes the screens as they are now.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;
use std::path::Path;

use common::desk::{begin, build, built, end, seen, step};
use common::stage::Stage;
use ondeck::builds::run::{Outcome as Start, Run};
use ondeck::builds::{BuildEvent, ContextSeen, Failure, StepPlace, StepSeen};
use ondeck::engine::model::{Container, Port};
use ondeck::engine::request::Answer;
use ondeck::engine::{Builder, EngineError, ErrorKind};
use ondeck::tasks::{Job, Outcome};
use ondeck::terminal::Happened;
use ondeck::ui::desk::DeskNews;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

/// The same on a host with sessions.
const SESSIONS: &[(&str, &[&str])] =
    &[("sessions", &["4"]), ("deck-with-sessions", &[]), ("new-session", &["4", "n"]), ("end-session", &["4", "d"])];

/// The same for someone with labs.
const LABS: &[(&str, &[&str])] = &[
    ("labs", &["5"]),
    ("labs-instructions", &["5", "tab"]),
    ("labs-tasks", &["5", "tab", "]"]),
    ("labs-history", &["5", "tab", "]", "]", "enter"]),
    ("labs-about", &["5", "tab", "]", "]", "]"]),
    ("labs-broken", &["5", "G", "tab"]),
    ("sessions-of-labs", &["4"]),
];

/// The same on a host whose health was looked at.
const HEALTH: &[(&str, &[&str])] = &[
    ("deck-with-health", &[]),
    ("health-of-all", &["9"]),
    ("health-of-one", &["9", "down", "down", "down", "tab"]),
    ("health-of-host", &["9", "tab"]),
    ("health-of-a-stack", &["2", "down", "down", "tab", "]", "]", "]"]),
    (
        "audit-of-host",
        &[":", "audit", "enter", "down", "down", "down", "down", "down", "down", "down", "down", "enter"],
    ),
    ("audit-of-one", &["9", "down", "down", "down", "tab", "]", "]", "]", "down", "down", "enter"]),
    ("routes", &[":", "routes", "enter"]),
    ("reach", &["9", "down", "down", "down", "tab", "]", "]"]),
    ("doctor", &[":", "doctor", "enter"]),
];

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 50)];

/// Name, and the keys that lead there.
const SCREENS: &[(&str, &[&str])] = &[
    ("deck", &[]),
    ("stacks", &["2", "down", "down"]),
    ("containers", &["3"]),
    ("images", &["6"]),
    ("networks", &["7", "down", "down"]),
    ("volumes", &["8"]),
    ("activity", &["0"]),
    ("logs-of-a-stack", &["2", "G", "up", "up", "up", "up", "up", "l", "/", "refused", "enter"]),
    ("stats", &["2", "down", "down", "down", "c"]),
    ("inspect", &["2", "down", "down", "down", "i"]),
    ("env", &["2", "down", "down", "down", "i", "]"]),
    ("ports", &["2", "down", "down", "down", "i", "]", "]"]),
    ("mounts", &["2", "down", "down", "down", "i", "]", "]", "]"]),
    ("health", &["2", "down", "down", "down", "i", "]", "]", "]", "]"]),
    ("top", &["2", "down", "down", "down", "i", "]", "]", "]", "]", "]"]),
    ("layers", &["6", "enter"]),
    ("palette", &["2", ":", "res"]),
    ("help", &["2", "?"]),
    ("confirm", &["8", "d"]),
    ("themes", &[":", "theme", "enter"]),
    ("marked", &["3", "space", "space", "/", "shop"]),
];

#[test]
fn every_view_at_every_size() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/screens");
    let mut insta = insta::Settings::clone_current();
    insta.set_snapshot_path(&folder);
    insta.set_prepend_module_to_snapshot(false);
    insta.set_omit_expression(true);
    insta.bind(|| {
        let plain = SCREENS.iter().map(|s| (s, common::fixture::snapshot()));
        let sessions = SESSIONS.iter().map(|s| (s, common::fixture::sessions()));
        let labs = LABS.iter().map(|s| (s, common::labs::snapshot()));
        let health = HEALTH.iter().map(|s| (s, common::fixture::snapshot()));
        for ((name, keys), snapshot) in plain.chain(sessions).chain(labs).chain(health) {
            for (width, height) in SIZES {
                let looked_at = HEALTH.iter().any(|(n, _)| n == name);
                let stage = if looked_at { Stage::looked_at } else { Stage::with };
                let mut stage = stage(width, height, snapshot.clone(), common::labs::ann());
                stage.press(keys);
                let text = stage.text();
                assert!(text.lines().all(|l| ondeck::text::width(l) <= usize::from(width)), "{name}");
                insta::assert_snapshot!(format!("{name}-{width}x{height}"), text);
            }
        }
    });
}

/// A screen with a terminal: name, keys that lead there, what is printed, keys then, what happens.
type Scene = (&'static str, &'static [&'static str], &'static str, &'static [&'static str], Option<Happened>);

const OUTPUT: &str = "\x1b]0;root@web: /srv\x07\x1b[1;32mroot@web\x1b[0m:\x1b[1;34m/srv\x1b[0m# ls --color\r\n\
    \x1b[1;34mbin\x1b[0m  \x1b[32mrun.sh\x1b[0m  notes.txt  \x1b[7m 漢字 \x1b[0m  \x1b[4mcafe\u{301}\x1b[0m\r\n\
    \x1b[38;2;255;128;0mtrue colour\x1b[0m \x1b[38;5;99m256 colours\x1b[0m \x1b[2mdim\x1b[0m \x1b[3mitalic\x1b[0m\r\n\
    \x1b(0lqqqwqqqk\r\nx\x1b(B  1\x1b(0x\x1b(B  2\x1b(0x\r\nmqqqvqqqj\x1b(B\r\nroot@web:/srv# ";

const TERMINALS: &[Scene] = &[
    ("terminal", &["3", "j", "t"], OUTPUT, &[], None),
    ("terminal-outside", &["3", "j", "t"], OUTPUT, &["ctrl-]", "/", "colour", "enter"], None),
    ("terminal-selection", &["3", "j", "t"], OUTPUT, &["ctrl-]", "V", "up", "up"], None),
    ("terminal-whole", &["3", "j", "t", "ctrl-]", "z", "t"], OUTPUT, &[], None),
    ("terminal-ended", &["3", "j", "t"], OUTPUT, &[], Some(Happened::Ended(Some(137)))),
    ("terminal-no-shell", &["3", "j", "t"], "", &[], Some(Happened::NoShell)),
    ("terminal-form", &["3", "j", "T", "vi /etc/hosts", "tab", "nobody"], "", &[], None),
    ("terminal-list", &["3", "j", "t", "ctrl-]", "t", "ctrl-]", "esc", "ctrl-t"], OUTPUT, &[], None),
    ("terminal-close", &["3", "j", "t", "ctrl-]", "x"], OUTPUT, &[], None),
];

fn scene(width: u16, height: u16, scene: &Scene) -> Stage {
    played(Stage::new(width, height), scene)
}

fn played(mut stage: Stage, (_, keys, output, then, what): &Scene) -> Stage {
    stage.press(keys);
    if !stage.screens.is_empty() {
        stage.print(output);
    }
    stage.press(then);
    if let Some(what) = what {
        stage.happens(what.clone());
    }
    stage
}

#[test]
fn terminals_at_every_size() {
    let mut insta = insta::Settings::clone_current();
    insta.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/screens"));
    insta.set_prepend_module_to_snapshot(false);
    insta.set_omit_expression(true);
    insta.bind(|| {
        for each in TERMINALS {
            for (width, height) in SIZES {
                let text = scene(width, height, each).text();
                assert!(text.lines().all(|l| ondeck::text::width(l) <= usize::from(width)), "{}", each.0);
                insta::assert_snapshot!(format!("{}-{width}x{height}", each.0), text);
            }
        }
    });
}

const FILES: &[(&str, &str)] = &[
    (".dockerignore", ".git\n*.md\n"),
    (
        "Dockerfile",
        "# syntax=docker/dockerfile:1\nFROM python:3.13-slim AS base\nWORKDIR /app\nCOPY requirements.txt ./\n\
         RUN pip install -r requirements.txt\nCOPY app ./app\nRUN sudo chmod -R 777 /app && \\\n    cd app\n\
         HEALTHCHECK CMD curl -f http://localhost:8000/health\nEXPOSE 8000\nCMD python -m app\n",
    ),
    (
        "README.md",
        "# A small web service\n\nWrite a `Dockerfile` for it. The image shall\n\n1. be **small**,\n2. not run as root,\n3. say that it is well.\n",
    ),
    ("app/__init__.py", ""),
    ("app/__main__.py", "import http.server\n\nhttp.server.test(port=8000)\n"),
    ("requirements.txt", "flask==3.1\n"),
];

/// Scenes at a workspace.
const WORKSPACES: &[&str] = &[
    "lab-guide",
    "lab-judging",
    "lab-failed",
    "lab-hint",
    "lab-passed",
    "lab-not-judged",
    "workspace",
    "workspace-outside",
    "workspace-files",
    "workspace-guide",
    "workspace-problems",
    "workspace-building",
    "workspace-failed",
    "workspace-built",
    "workspace-run",
    "workspace-answer",
    "workspace-conflict",
    "workspace-run-form",
    "workspace-empty",
    "workspace-terminal",
];

fn workspace(width: u16, height: u16, name: &str, settings: ondeck::ui::settings::Settings) -> Stage {
    if name.starts_with("lab-") {
        return common::at_lab::scene(width, height, name, settings);
    }
    let mut stage = Stage::with(width, height, common::fixture::sessions(), settings);
    let files = if name == "workspace-empty" { &[] } else { FILES };
    stage.files = files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
    stage.press(&["4", "enter"]);
    let building = |stage: &mut Stage| {
        stage.press(&["b"]);
        begin(stage, 1);
        let watch = build(stage);
        let mut seen = watch.lock();
        seen.read(FILES[1].1);
        for event in [
            BuildEvent::Context(ContextSeen { files: 4, bytes: 61_440, ignored: 2, ..ContextSeen::default() }),
            BuildEvent::Begins(Builder::BuildKit),
            step("a", "[base 1/6] FROM python:3.13-slim", true),
            step("b", "[base 2/6] WORKDIR /app", true),
            step("c", "[base 3/6] COPY requirements.txt ./", true),
            step("d", "[base 4/6] RUN pip install -r requirements.txt", false),
            BuildEvent::Output {
                step: "d".into(),
                bytes: b"Collecting flask==3.1\n  Downloading flask-3.1.0-py3-none-any.whl (102 kB)\n".to_vec(),
                stderr: false,
            },
        ] {
            seen.build.take(event, common::fixture::now());
        }
        drop(seen);
        stage.news(DeskNews::Second);
        watch
    };
    match name {
        "workspace" => {
            stage.press(&["enter"]);
            stage.press(&["down"; 6]).press(&["end"]);
        }
        "workspace-files" => {
            stage.press(&["2"]);
        }
        "workspace-guide" => {
            stage.press(&["1"]);
        }
        "workspace-problems" => {
            stage.press(&["5", "down", "down", "down"]);
        }
        "workspace-building" => {
            building(&mut stage);
        }
        "workspace-failed" => {
            let watch = building(&mut stage);
            let error = StepSeen {
                error: "exit code: 1".into(),
                ..seen("d", "[base 4/6] RUN pip install -r requirements.txt", true)
            };
            watch.lock().build.take(BuildEvent::Step(error), common::fixture::now());
            let failure = Failure {
                message: "RUN pip install -r requirements.txt ended with exit code 1".into(),
                hint: "the lines above say why".into(),
                exit_code: Some(1),
                at: Some(StepPlace::Stage { stage: "base".into(), number: 4, of: 6 }),
                ..Failure::default()
            };
            watch.lock().build.take(BuildEvent::Failed(Box::new(failure)), common::fixture::now());
            end(&mut stage, 1, Outcome::Failed(EngineError::new(ErrorKind::Other, "it failed")));
        }
        "workspace-built" => {
            let watch = building(&mut stage);
            let layers = [
                ("", 74 << 20),
                ("WORKDIR /app", 0),
                ("RUN pip install -r requirements.txt", 12 << 20),
                ("COPY app ./app", 4096),
            ];
            let image = built((86 << 20) + 4096, &layers);
            watch.lock().build.take(BuildEvent::Built(Box::new(image)), common::fixture::now());
            end(&mut stage, 1, Outcome::Done("86M in 4.0 s".into()));
        }
        "workspace-run" | "workspace-answer" => {
            stage.press(&["R"]);
            begin(&mut stage, 2);
            let Some(Job::RunImage { watch, name, .. }) = stage.jobs.last().cloned() else { panic!() };
            let ports = vec![Port { host: Some(8000), host_ip: None, container: 8000, protocol: "tcp".into() }];
            let container = Container { id: "abc".into(), name, ports, ..Container::default() };
            *watch.lock() = Some(Start::Running(Run { container, warning: None }));
            end(&mut stage, 2, Outcome::Done("ondeck-run-scratch runs".into()));
            let run = stage.app.desk().unwrap().output.run.clone().unwrap();
            for line in ["Serving HTTP on 0.0.0.0 port 8000", "172.17.0.1 - \"GET /health HTTP/1.1\" 200 -"] {
                run.lock().push(false, line.into());
            }
            stage.news(DeskNews::Ran);
        }
        "workspace-conflict" => {
            stage.press(&["enter", "# mine", "enter"]);
            stage.files.insert("Dockerfile".into(), FILES[1].1.replace("3.13", "3.14"));
            stage.press(&["ctrl-s"]);
        }
        "workspace-run-form" => {
            stage.press(&["f9", "8080:8000"]);
        }
        "workspace-terminal" => {
            stage.press(&["t"]);
            stage.print(
                "session-qv7e:/workspace# docker images\r\nREPOSITORY   TAG    SIZE\r\nsession-qv7e:/workspace# ",
            );
        }
        _ => {}
    }
    if name == "workspace-answer" {
        stage.press(&["w", "ctrl-u", "/health", "enter"]);
        stage.news(DeskNews::Answered(Ok(Answer {
            status: "200 OK".into(),
            code: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            body: "{\"status\": \"ok\"}".into(),
            cut: false,
            took: std::time::Duration::from_millis(4),
        })));
    }
    // What one asked for is told in the last line; the keys shall be seen there.
    stage.app.notice = None;
    stage
}

#[test]
fn workspaces_at_every_size() {
    let mut insta = insta::Settings::clone_current();
    insta.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/screens"));
    insta.set_prepend_module_to_snapshot(false);
    insta.set_omit_expression(true);
    insta.bind(|| {
        for name in WORKSPACES {
            for (width, height) in SIZES {
                let text = workspace(width, height, name, common::stage::settings()).text();
                assert!(text.lines().all(|l| ondeck::text::width(l) <= usize::from(width)), "{name}");
                insta::assert_snapshot!(format!("{name}-{width}x{height}"), text);
            }
        }
    });
}

#[test]
fn workspaces_too_are_drawn_without_utf_8_and_colours() {
    for name in WORKSPACES {
        let mut plain = common::stage::settings();
        plain.symbols = ondeck::config::Symbols::ASCII;
        plain.theme = ondeck::config::Theme::plain();
        (plain.depth, plain.true_color) = (ondeck::config::Depth::None, false);
        for cell in &workspace(120, 36, name, plain).buffer().content {
            assert!(cell.symbol().is_ascii(), "{name}: {:?}", cell.symbol());
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}: {:?}", cell.symbol());
        }
    }
}

#[test]
fn a_terminal_without_utf_8_or_colours_gets_neither() {
    for (name, keys) in SCREENS {
        let mut plain = common::stage::settings();
        plain.symbols = ondeck::config::Symbols::ASCII;
        plain.theme = ondeck::config::Theme::plain();
        let mut stage = Stage::with(120, 36, common::fixture::snapshot(), plain);
        // The letters of a log are its own colours, not the panel's.
        stage.lines.retain(|(_, _, text)| !text.contains('\x1b'));
        stage.press(keys);
        for cell in &stage.buffer().content {
            assert!(cell.symbol().is_ascii(), "{name}: {:?}", cell.symbol());
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}: {:?}", cell.symbol());
        }
    }
}

#[test]
fn terminals_too_are_drawn_without_utf_8_and_colours() {
    for scene in TERMINALS {
        let mut plain = common::stage::settings();
        plain.symbols = ondeck::config::Symbols::ASCII;
        plain.theme = ondeck::config::Theme::plain();
        (plain.depth, plain.true_color) = (ondeck::config::Depth::None, false);
        let mut stage = Stage::with(120, 36, common::fixture::snapshot(), plain);
        stage.lines.retain(|(_, _, text)| !text.contains('\x1b'));
        let mut stage = played(stage, scene);
        for cell in &stage.buffer().content {
            assert!(cell.symbol().is_ascii(), "{}: {:?}", scene.0, cell.symbol());
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{}: {:?}", scene.0, cell.symbol());
        }
    }
}

#[test]
fn pictures_show_todays_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/screens");
    let update = std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always");
    let all =
        ["deck", "logs-of-a-stack", "stats", "sessions", "terminal", "workspace-failed", "lab-failed", "health-of-all"];
    for name in all {
        let pressed = |snapshot, keys: &[&str]| {
            let mut stage = Stage::with(120, 36, snapshot, common::stage::settings());
            stage.press(keys);
            stage
        };
        let of = |screens: &'static [(&str, &[&str])]| screens.iter().find(|(n, _)| *n == name).map(|(_, keys)| *keys);
        let mut stage = match (of(SCREENS), of(SESSIONS)) {
            (Some(keys), _) => pressed(common::fixture::snapshot(), keys),
            (_, Some(keys)) => pressed(common::fixture::sessions(), keys),
            _ if of(HEALTH).is_some() => {
                let mut stage = Stage::looked_at(120, 36, common::fixture::snapshot(), common::stage::settings());
                stage.press(of(HEALTH).unwrap());
                stage
            }
            _ if WORKSPACES.contains(&name) => workspace(160, 40, name, common::stage::settings()),
            _ => scene(120, 36, TERMINALS.iter().find(|s| s.0 == name).unwrap()),
        };
        let picture = svg(&stage.buffer());
        let path = folder.join(format!("{name}.svg"));
        if update {
            std::fs::write(&path, &picture).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == picture,
            "{} is not what the panel looks like; INSTA_UPDATE=always takes it anew",
            path.display()
        );
    }
}

/// A screen as a picture.
fn svg(buffer: &Buffer) -> String {
    const W: f32 = 8.4;
    const H: f32 = 18.0;
    let (ground, ink) = ("#10151c", "#d5dce4");
    let hex = |c: Color, other: &str| match c {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Indexed(1) => "#e06c75".to_owned(),
        _ => other.to_owned(),
    };
    let area = buffer.area;
    let (width, height) = (f32::from(area.width) * W + 16.0, f32::from(area.height) * H + 16.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>\n",
        hex(buffer[(0, 0)].bg, ground)
    );
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let cell = &buffer[(x, y)];
            let (fg, bg) =
                if cell.modifier.contains(Modifier::REVERSED) { (cell.bg, cell.fg) } else { (cell.fg, cell.bg) };
            let start = x;
            let mut text = String::new();
            while x < area.width
                && (buffer[(x, y)].fg, buffer[(x, y)].bg, buffer[(x, y)].modifier) == (cell.fg, cell.bg, cell.modifier)
            {
                text.push_str(buffer[(x, y)].symbol());
                x += (ondeck::text::width(buffer[(x, y)].symbol()) as u16).max(1);
            }
            let (px, py) = (8.0 + f32::from(start) * W, 8.0 + f32::from(y) * H);
            let run = f32::from(x - start) * W;
            if bg != buffer[(0, 0)].bg {
                let fill = hex(bg, ground);
                writeln!(out, "<rect x=\"{px:.1}\" y=\"{py:.1}\" width=\"{run:.1}\" height=\"{H}\" fill=\"{fill}\"/>")
                    .unwrap();
            }
            if text.trim().is_empty() {
                continue;
            }
            let bold = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let (fill, base) = (hex(fg, ink), py + 13.5);
            writeln!(
                out,
                "<text x=\"{px:.1}\" y=\"{base:.1}\" fill=\"{fill}\"{bold} textLength=\"{run:.1}\" xml:space=\"preserve\">{text}</text>"
            )
            .unwrap();
        }
    }
    out.push_str("</svg>\n");
    out
}
