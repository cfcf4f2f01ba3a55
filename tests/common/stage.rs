//! The panel without a terminal and without Docker: keys in, screen out.

#![allow(clippy::unwrap_used, dead_code)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use ondeck::config::{Chord, Config, Depth, Symbols};
use ondeck::engine::model::{Inspection, Layer, Probe};
use ondeck::engine::{EngineError, ErrorKind};
use ondeck::fleet::Snapshot;
use ondeck::hints::{self, Hint};
use ondeck::logs::{Builder, Flags, Line, LogEvent, Source};
use ondeck::tasks::Job;
use ondeck::terminal::{Happened, Screen};
use ondeck::ui::app::App;
use ondeck::ui::desk::{DeskNews, DeskOrder, HintOrder, judge};
use ondeck::ui::draw;
use ondeck::ui::health::{HealthNews, HealthOrder};
use ondeck::ui::labs::{LabsNews, LabsOrder, Past};
use ondeck::ui::message::{Effect, Msg};
use ondeck::ui::panes::logs::{LogAnswer, LogOrder};
use ondeck::ui::panes::terminal::{TerminalId, TerminalOrder};
use ondeck::ui::settings::Settings;
use ondeck::ui::view::Target;
use ondeck::workspace::{Draft, Entry, Form, Inside, Kind, Listing, Opened, Saved, Stamp, TextFile};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;

use super::fixture;

/// The panel on a stage: everything it asks for is answered at once, always the same.
pub struct Stage {
    pub app: App,
    /// Jobs it wanted to run.
    pub jobs: Vec<Job>,
    /// What it copied.
    pub copied: Vec<String>,
    /// Whether it wanted to leave.
    pub left: bool,
    /// What it did with terminals, but for what it typed.
    pub orders: Vec<TerminalOrder>,
    /// What was typed into terminals.
    pub typed: Vec<u8>,
    /// The terminals' screens, in the order they were opened.
    pub screens: Vec<(TerminalId, Screen)>,
    /// What the logs say: source, seconds ago, text.
    pub lines: Vec<(u16, i64, String)>,
    /// The files of every workspace.
    pub files: BTreeMap<String, String>,
    /// Text kept aside that was never saved.
    pub drafts: BTreeMap<String, Draft>,
    /// What was done at workspaces, in words.
    pub done: Vec<String>,
    /// Why nothing can be saved, if so.
    pub full: Option<EngineError>,
    /// What an assistant says in place of the ladder.
    pub assistant: Option<String>,
    /// Why it says nothing.
    pub note: Option<String>,
    screen: Terminal<TestBackend>,
}

/// Settings that do not depend on the machine.
pub fn settings() -> Settings {
    let config = Config::default();
    let mut settings = ondeck::ui::settings(config.clone(), None).unwrap();
    settings.theme = config.theme_named("harbor", Depth::True).unwrap();
    settings.themes = config.themes().iter().map(|t| config.theme_named(&t.name, Depth::True).unwrap()).collect();
    settings.symbols = Symbols::UNICODE;
    settings.zone = TimeZone::UTC;
    (settings.depth, settings.true_color) = (Depth::True, true);
    settings.hosts =
        vec![("default".into(), "unix:///var/run/docker.sock".into()), ("web-01".into(), "ssh://ops@web-01".into())];
    settings
}

/// A file as it is read.
fn file(text: &str) -> TextFile {
    let stamp = Stamp { size: text.len() as u64, modified: fixture::now(), inode: 1, hash: text.to_owned() };
    TextFile { text: text.to_owned(), form: Form::default(), stamp, writable: true }
}

impl Stage {
    /// A panel of that size on the host that stands still.
    pub fn new(width: u16, height: u16) -> Self {
        Self::with(width, height, fixture::snapshot(), settings())
    }

    pub fn with(width: u16, height: u16, snapshot: Snapshot, settings: Settings) -> Self {
        let app = App::new(settings, Size { width, height }, fixture::now());
        let screen = Terminal::new(TestBackend::new(width, height)).unwrap();
        let lines = [
            (2, 62, "listening on :8000"),
            (0, 59, "GET / 200 3ms"),
            (2, 57, "\x1b[31mERROR\x1b[0m db: connection refused"),
            (2, 52, "\x1b[31mERROR\x1b[0m db: connection refused"),
            (0, 48, "GET /cart 502 1004ms"),
            (1, 44, "checkpoint complete: 18 orders"),
            (2, 41, "{\"level\":\"warn\",\"msg\":\"giving up after 3 attempts\",\"order\":17}"),
            (0, 30, "GET / 200 2ms"),
        ];
        let lines = lines.map(|(s, t, l)| (s, t, l.to_owned())).to_vec();
        let mut stage = Self {
            app,
            jobs: vec![],
            copied: vec![],
            left: false,
            orders: vec![],
            typed: vec![],
            screens: vec![],
            lines,
            files: BTreeMap::new(),
            drafts: BTreeMap::new(),
            done: vec![],
            full: None,
            assistant: None,
            note: None,
            screen,
        };
        stage.send(Msg::Snapshot(Arc::new(snapshot)));
        stage
    }

    /// The same, once the host's health was looked at.
    pub fn looked_at(width: u16, height: u16, snapshot: Snapshot, settings: Settings) -> Self {
        let report = super::ward::report(&snapshot);
        let mut stage = Self::with(width, height, snapshot, settings);
        stage.send(Msg::Health(HealthNews::Report(Arc::new(report))));
        stage
    }

    /// Sends a message and answers what comes of it.
    pub fn send(&mut self, msg: Msg) {
        let mut queue = VecDeque::from([msg]);
        while let Some(msg) = queue.pop_front() {
            for effect in self.app.update(msg, fixture::now()) {
                queue.extend(self.answer(effect));
            }
        }
    }

    /// Presses keys, as the config writes them; what has more than one letter and is no chord is typed.
    pub fn press(&mut self, keys: &[&str]) -> &mut Self {
        for key in keys {
            let letter = key.chars().count() == 1;
            match key.parse::<Chord>() {
                Ok(chord) if !letter => self.send(Msg::Key(KeyEvent::new(chord.code(), chord.modifiers()))),
                _ => {
                    for c in key.chars() {
                        self.send(Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
                    }
                }
            }
        }
        self
    }

    fn answer(&mut self, effect: Effect) -> Vec<Msg> {
        match effect {
            // A cursor rests at once; other things for later do not come on a stage that stands still.
            Effect::After(_, msg @ (Msg::Rest(_) | Msg::Desk(_, DeskNews::Rests(..) | DeskNews::Keep(_)))) => {
                vec![msg]
            }
            Effect::Desk(id, order) => self.desk(order).into_iter().map(|news| Msg::Desk(id, news)).collect(),
            Effect::Logs(LogOrder::Open(turn, wanted, ..)) => {
                let sources: Vec<Source> =
                    wanted.iter().map(|w| Source { id: w.id.clone(), name: w.name.clone(), tty: false }).collect();
                let mut chunk = Builder::default();
                for (source, ago, text) in &self.lines {
                    if usize::from(*source) < sources.len() || sources.len() == 1 {
                        let nanos = (fixture::now().as_second() - ago) * 1_000_000_000;
                        let source = if sources.len() == 1 { 0 } else { *source };
                        let flags = Flags { styled: text.contains('\x1b'), ..Flags::default() };
                        chunk.push(&Line { text, nanos, source, dropped: 0, flags });
                    }
                }
                vec![
                    Msg::Logs(LogAnswer::Opened(turn, sources)),
                    Msg::Logs(LogAnswer::Event(turn, LogEvent::Chunk(chunk.take().unwrap()))),
                    Msg::Logs(LogAnswer::Event(turn, LogEvent::BacklogDone)),
                ]
            }
            Effect::Logs(LogOrder::Find(turn, within, query, from, direction)) => {
                vec![Msg::Logs(LogAnswer::Found(turn, query.find(&within, from, direction), direction))]
            }
            Effect::Logs(LogOrder::Filter(turn, within, query, from, end)) => {
                vec![Msg::Logs(LogAnswer::Filtered(turn, query.filter(&within, from), end))]
            }
            Effect::Terminals(order) => self.terminal(order),
            Effect::Inspect(turn, id) => vec![Msg::Inspected(turn, Ok(Arc::new(self.inspection(&id))))],
            Effect::InspectOther(turn, target) => {
                let name = match target {
                    Target::Image(id) | Target::Network(id) | Target::Volume(id) => id,
                    _ => "".into(),
                };
                vec![Msg::Raw(
                    turn,
                    Ok(Arc::new(serde_json::json!({"Id": &*name, "Options": {}, "Labels": {"a": "b"}}))),
                )]
            }
            Effect::Layers(turn, _) => {
                let layer = |size, created_by: &str| Layer {
                    id: "<missing>".into(),
                    created: None,
                    created_by: created_by.into(),
                    size,
                    tags: vec![],
                    comment: String::new(),
                };
                let layers = vec![
                    layer(0, "/bin/sh -c #(nop)  CMD [\"api\"]"),
                    layer(3 << 20, "/bin/sh -c #(nop) COPY dir:1f2e in /app"),
                    layer(88 << 20, "RUN /bin/sh -c pip install -r requirements.txt # buildkit"),
                    layer(70 << 20, "/bin/sh -c #(nop) ADD file:9a8b in /"),
                ];
                vec![Msg::Layers(turn, Ok(Arc::new(layers)))]
            }
            Effect::Processes(turn, _) => {
                let titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"].map(str::to_owned).to_vec();
                let row = ["root", "4121", "4099", "0", "12:02", "?", "00:00:04", "/usr/bin/api --serve"]
                    .map(str::to_owned)
                    .to_vec();
                vec![Msg::Processes(turn, Ok(Arc::new((titles, vec![row]))))]
            }
            Effect::Labs(order) => vec![Msg::Labs(match order {
                LabsOrder::Catalogue => LabsNews::Catalogue(Arc::new(super::labs::catalogue())),
                LabsOrder::Progress(_) => LabsNews::Progress(Ok(super::labs::progress())),
                LabsOrder::History(_, lab) => {
                    let past = if lab == "lab1" { super::labs::past() } else { Past::default() };
                    LabsNews::History(lab, Ok(Arc::new(past)))
                }
            })],
            Effect::Health(order) => vec![Msg::Health(match order {
                // Nothing was restarted here, unless a test says so.
                HealthOrder::Heals => return vec![],
                HealthOrder::Course(turn, _) => HealthNews::Course(turn, Ok(Arc::new(super::ward::course()))),
                HealthOrder::Examine(era) => HealthNews::Examined(era, super::ward::checks()),
                HealthOrder::Audit(era) => HealthNews::Audited(era, Ok(Arc::new(super::ward::audit(&self.app.snap)))),
                HealthOrder::Routes(era) => HealthNews::Routes(era, Ok(Arc::new(super::ward::routes(&self.app.snap)))),
            })],
            Effect::Run(job) => {
                self.jobs.push(job);
                vec![]
            }
            Effect::Copy(text) => {
                self.copied.push(text);
                vec![]
            }
            Effect::Quit => {
                self.left = true;
                vec![]
            }
            _ => vec![],
        }
    }

    fn terminal(&mut self, order: TerminalOrder) -> Vec<Msg> {
        let answer = match &order {
            TerminalOrder::Open(id, _, screen) => {
                self.screens.retain(|(n, _)| n != id);
                self.screens.push((*id, screen.clone()));
                vec![Msg::Terminal(*id, Happened::Started("bash".into()))]
            }
            TerminalOrder::Input(_, bytes) => {
                self.typed.extend(bytes);
                return vec![];
            }
            TerminalOrder::Resize(id, size) => {
                if let Some((_, screen)) = self.screens.iter().find(|(n, _)| n == id) {
                    screen.lock().resize(*size);
                }
                vec![Msg::Terminal(*id, Happened::Changed)]
            }
            TerminalOrder::Close(_) => vec![],
        };
        self.orders.push(order);
        answer
    }

    /// A workspace whose files are [`Stage::files`].
    fn desk(&mut self, order: DeskOrder) -> Vec<DeskNews> {
        match order {
            DeskOrder::Open(_) => {
                let drafts = self.drafts.iter().map(|(path, draft)| (path.clone(), draft.clone())).collect();
                vec![DeskNews::Drafts(drafts, vec![]), self.listed()]
            }
            DeskOrder::List => vec![self.listed()],
            DeskOrder::Read(path) => {
                let result = match self.files.get(&path) {
                    Some(text) => Ok(Opened::Text(file(text))),
                    None => Err(EngineError::new(ErrorKind::NotFound, format!("there is no {path}"))),
                };
                vec![DeskNews::Read(path, Box::new(result))]
            }
            DeskOrder::Save(save) => {
                let there = self.files.get(&save.path).map(|text| file(text));
                let expected = save.expected.map(|s| s.hash);
                let result = match (&self.full, there) {
                    (Some(error), _) => Err(error.clone()),
                    (None, there) if !save.force && there.as_ref().map(|f| f.stamp.hash.clone()) != expected => {
                        let stamp = there.as_ref().map(|f| f.stamp.clone());
                        Ok(Saved::Changed { theirs: there.map(Opened::Text), stamp })
                    }
                    _ => {
                        self.files.insert(save.path.clone(), save.text.clone());
                        Ok(Saved::Done(file(&save.text).stamp))
                    }
                };
                vec![DeskNews::Saved(save.path, save.revision, Box::new(result))]
            }
            DeskOrder::Lint(order) => {
                let ignore = order.ignore.clone().or_else(|| self.files.get(".dockerignore").cloned());
                let problems = judge(&order, ignore.as_deref());
                vec![DeskNews::Linted(order.path.clone(), order.revision, problems)]
            }
            DeskOrder::Keep(path, draft) => {
                self.drafts.insert(path, *draft);
                vec![]
            }
            DeskOrder::Drop(path) => {
                self.drafts.remove(&path);
                vec![]
            }
            DeskOrder::CreateFile(path) => {
                self.files.insert(path.clone(), String::new());
                vec![DeskNews::Done(format!("made {path}"), Some(path), Ok(()))]
            }
            DeskOrder::Rename(from, to) => {
                let text = self.files.remove(&from).unwrap();
                self.files.insert(to.clone(), text);
                vec![
                    DeskNews::Renamed(from.clone(), to.clone()),
                    DeskNews::Done(format!("renamed {from}"), Some(to), Ok(())),
                ]
            }
            DeskOrder::Hint(order) => {
                let HintOrder { question, rung, watch, .. } = *order;
                let source =
                    rung.as_ref().map_or(hints::Source::Own, |r| hints::Source::Ladder { rung: r.number, of: r.of });
                let (source, text) = match &self.assistant {
                    Some(text) => (hints::Source::Assistant { model: "gemini-flash".into() }, text.clone()),
                    None => (source, rung.map_or(question.own, |r| r.text)),
                };
                let note = self.note.clone();
                watch.lock().whole = Some(Hint { text, source, note });
                vec![DeskNews::Hinted]
            }
            DeskOrder::Explain(order) => {
                let text = order.puzzle.own.clone();
                order.watch.lock().whole = Some(Hint { text, source: hints::Source::Own, note: self.note.clone() });
                vec![DeskNews::Explained]
            }
            DeskOrder::Weigh(path) => vec![DeskNews::Weighed(path, Ok((1, 40)))],
            DeskOrder::Remove(path) => {
                self.files.remove(&path);
                vec![DeskNews::Done(format!("removed {path}"), None, Ok(()))]
            }
            other => {
                self.done.push(format!("{other:?}"));
                vec![]
            }
        }
    }

    fn listed(&self) -> DeskNews {
        let mut entries: Vec<Entry> = Vec::new();
        for (path, text) in &self.files {
            let entry = |path: &str, kind, size| Entry {
                path: path.to_owned(),
                kind,
                size,
                mode: 0o644,
                modified: fixture::now(),
                exact: true,
            };
            if let Some((folder, _)) = path.split_once('/')
                && !entries.iter().any(|e| e.path == folder)
            {
                entries.push(entry(folder, Kind::Folder(Inside::Listed), 0));
            }
            entries.push(entry(path, Kind::File, text.len() as u64));
        }
        DeskNews::Listed(Ok(Listing { entries, cut: false }))
    }

    /// Something happens to the workspace that was opened last.
    pub fn news(&mut self, news: DeskNews) -> &mut Self {
        let id = self.app.desks.open().last().unwrap().id;
        self.send(Msg::Desk(id, news));
        self
    }

    /// A program prints in the terminal that was opened last.
    pub fn print(&mut self, text: &str) -> &mut Self {
        let (id, screen) = self.screens.last().unwrap().clone();
        screen.lock().feed(text.as_bytes());
        self.send(Msg::Terminal(id, Happened::Changed));
        self
    }

    /// Something happens to the terminal that was opened last.
    pub fn happens(&mut self, what: Happened) -> &mut Self {
        let id = self.screens.last().unwrap().0;
        self.send(Msg::Terminal(id, what));
        self
    }

    fn inspection(&self, id: &str) -> Inspection {
        let Some(container) = self.app.snap.containers.get(id) else { return Inspection::default() };
        let probe = |ago: i64, code, output: &str| {
            let start = fixture::now() - jiff::SignedDuration::from_secs(ago);
            Probe {
                start: Some(start),
                end: Some(start + jiff::SignedDuration::from_millis(31)),
                exit_code: code,
                output: output.into(),
            }
        };
        Inspection {
            container: (**container).clone(),
            env: vec!["PATH=/usr/bin:/bin".into(), "DB_PASSWORD=hunter2".into(), "LOG_LEVEL=info".into()],
            health_test: "curl --fail http://localhost:8000/healthz".into(),
            health_interval: Some(10),
            probes: vec![
                probe(30, 0, "ok"),
                probe(20, 1, "503\ndb: connection refused\x1b[2J"),
                probe(10, 1, "db: connection refused"),
            ],
            raw: serde_json::json!({
                "Id": id,
                "Name": format!("/{}", container.name),
                "State": {"Status": container.state.word(), "Running": true, "ExitCode": 0},
                "Config": {"Env": ["PATH=/usr/bin:/bin", "DB_PASSWORD=hunter2"], "Tty": false, "Labels": container.labels},
                "HostConfig": {"Memory": 536_870_912, "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}},
            }),
        }
    }

    /// What is on screen now.
    pub fn buffer(&mut self) -> Buffer {
        let app = &self.app;
        self.screen.draw(|frame| draw::draw(app, frame)).unwrap();
        self.screen.backend().buffer().clone()
    }

    /// The same as text.
    pub fn text(&mut self) -> String {
        let buffer = self.buffer();
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..buffer.area.width {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let symbol = buffer[(x, y)].symbol();
                skip = ondeck::text::width(symbol).saturating_sub(1);
                line.push_str(symbol);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}
