//! The panel at work: brings messages to [`App`], carries its effects out, draws when something changed.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Result, WrapErr, eyre};
use crossterm::event::EventStream;
use futures::StreamExt;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::{Config, Depth};
use crate::engine::{Address, Endpoint, Engine, Surroundings};
use crate::fleet::{Host, Link, Options};
use crate::health::Monitor;
use crate::hints::Assistant;
use crate::sessions::{self, Swept};
use crate::tasks::{History, Runner};

use super::action::{ACTIONS, Scope};
use super::app::App;
use super::desk::{DeskNews, DeskOrder, OutsideOrder, Remembered};
use super::desk_lab::Advice;
use super::desk_task::DeskTasks;
use super::draw;
use super::health::HealthNews;
use super::health_task::HealthTasks;
use super::input::message;
use super::keymap::Keymap;
use super::labs_task::LabsTasks;
use super::log_task::LogTask;
use super::message::{Effect, Msg};
use super::settings::Settings;
use super::terminal::{Quiet, Terminal};
use super::terminal_task::TerminalTasks;
use super::view::{Target, Tone, View};

/// The least time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(16);
/// A program's output within so long after a key is drawn without waiting for a frame's time.
const ECHO: Duration = Duration::from_millis(60);
/// How long the first frame waits for the engine's first answer.
const PATIENCE: Duration = Duration::from_millis(80);
/// Ages on screen are put right so often when nothing else draws. Seldom, so that a panel at rest rests.
const AGES: Duration = Duration::from_mins(5);

/// How the panel is opened.
#[derive(Debug)]
pub struct PanelOptions {
    /// The engine to begin with.
    pub endpoint: Endpoint,
    /// How the person named it, if so.
    pub named: Option<String>,
    /// The config file.
    pub config: Config,
    /// Nothing may be changed.
    pub read_only: bool,
    /// A theme instead of the config's.
    pub theme: Option<String>,
}

/// What the config's commands are bound to.
fn command_scope(on: crate::config::On) -> Scope {
    use crate::config::On;
    match on {
        On::Container | On::Service => Scope::Container,
        On::Stack => Scope::Stack,
        On::Image => Scope::Image,
        On::Network => Scope::Network,
        On::Volume => Scope::Volume,
        On::Host => Scope::Anywhere,
    }
}

/// Makes settings of a config file: key map, colours, hosts.
///
/// # Errors
/// What the config file names and is not there: an action, a view, a theme.
pub fn settings(config: Config, theme: Option<&str>) -> Result<Settings> {
    let mut actions: Vec<&str> = ACTIONS.iter().map(|e| e.name).collect();
    actions.dedup();
    let views: Vec<String> = View::ALL.iter().map(|v| v.tab().1.to_lowercase()).collect();
    let views: Vec<&str> = views.iter().map(String::as_str).collect();
    config.check(&actions, &views).map_err(|e| eyre!("{e}"))?;
    let depth = Depth::detect();
    let name = theme.unwrap_or(&config.theme);
    let theme = config.theme_named(name, depth).map_err(|e| eyre!("{e}"))?;
    let themes = config.themes().into_iter().filter_map(|t| config.theme_named(&t.name, depth).ok()).collect();
    let commands: Vec<_> = config.commands.iter().map(|c| (command_scope(c.on), c.key)).collect();
    let keymap = Keymap::new(config.keymap, &config.keys, &commands);
    let hosts = Endpoint::contexts(&Surroundings::of_process());
    let hosts = hosts.into_iter().map(|(name, e)| (name, e.map_or_else(|e| e.to_string(), |e| e.address.to_string())));
    let symbols = config.symbols();
    Ok(Settings {
        keymap,
        theme,
        themes,
        symbols,
        depth,
        true_color: depth == Depth::True,
        zone: TimeZone::system(),
        owner: crate::sessions::owner(),
        hosts: hosts.collect(),
        remembered: Remembered::default(),
        config: Arc::new(config),
    })
}

/// Opens the panel and stays until the person leaves.
pub async fn run(options: PanelOptions) -> Result<ExitCode> {
    // Before the screen is taken over: whatever cannot be right is told in the terminal itself.
    // The engine is asked first, so that it answers while the rest is read.
    let watch = Options { read_only: options.read_only, stats: options.config.stats };
    let host = Host::open(&options.endpoint, watch).map_err(|e| eyre!("{e}"))?;
    let mut settings = settings(options.config, options.theme.as_deref())?;
    let mut trouble = None;
    if let Some(file) = remembered_file() {
        (settings.remembered, trouble) = Remembered::read(&file);
    }
    let mut signals = Signals::listen()?;
    let mut resized = signal(SignalKind::window_change())?;
    let terminal = Terminal::take(settings.config.mouse).wrap_err("the terminal cannot be taken over")?;
    let backend = Quiet::new(std::io::BufWriter::with_capacity(64 << 10, std::io::stdout()));
    let mut screen = ratatui::Terminal::new(backend).wrap_err("the terminal's size is not known")?;
    let size = screen.size()?;
    let (msgs, mut inbox) = mpsc::unbounded_channel();
    let (task_events, mut task_inbox) = mpsc::unbounded_channel();
    let history = History::usual();
    let advice = Advice::new(Assistant::of(&settings.config), history.clone(), msgs.clone());
    let desks = DeskTasks::new(msgs.clone(), dirs().map(|d| d.data_dir().to_path_buf()), advice, history.clone());
    let runner = Runner::new(host.engine().clone(), task_events).with_history(history.clone());
    let labs = LabsTasks::new(settings.config.clone(), history.clone(), msgs.clone());
    let health =
        HealthTasks::new(settings.config.clone(), history, msgs.clone(), (size.width, size.height), settings.depth);
    let monitor = Monitor::open(&host, settings.config.health.clone());
    health.keep(&monitor);
    let app = App::new(settings, size, Timestamp::now());
    let mut panel = Panel {
        app,
        watch,
        snapshots: host.snapshots(),
        host,
        carrier: None,
        runner,
        msgs,
        logs: LogTask::default(),
        terminals: TerminalTasks::default(),
        desks,
        labs,
        health,
        reports: monitor.reports(),
        named: options.named,
        monitor,
        leave: false,
    };
    if let Some(text) = trouble {
        panel.ask(async move { Msg::Tell(Tone::Warn, text) });
    }
    let mut events = EventStream::new();
    let (mut dirty, mut drawn) = (true, Instant::now().checked_sub(FRAME).unwrap_or_else(Instant::now));
    let mut eager = false;
    // Until when a terminal's output is taken for the answer to a key.
    let mut echo = None;
    // Most engines answer before an empty screen could be read: the first frame waits for them a moment.
    let first = Instant::now() + PATIENCE;
    while !panel.leave {
        let waits = matches!(panel.app.snap.link, Link::Connecting) && Instant::now() < first;
        if dirty && !waits && (eager || drawn.elapsed() >= FRAME) {
            panel.app.now = Timestamp::now();
            // The terminal itself knows best: messages about its size come late, and some not at all.
            let size = screen.size()?;
            if size != panel.app.size {
                panel.take(Msg::Resize(size), &terminal, &mut screen)?;
            }
            screen.draw(|frame| draw::draw(&panel.app, frame))?;
            screen.backend_mut().set_shape(panel.app.cursor_shape())?;
            (dirty, eager, drawn) = (false, false, Instant::now());
        }
        tokio::select! {
            biased;
            event = events.next() => match event {
                Some(Ok(event)) => {
                    // Ctrl-F12: a defect on purpose, to try that the terminal is given back.
                    #[cfg(debug_assertions)]
                    fail_on_purpose(&event);
                    if let Some(msg) = message(event) {
                        let typed = panel.app.types_in_terminal() && matches!(msg, Msg::Key(_) | Msg::Paste(_));
                        panel.take(msg, &terminal, &mut screen)?;
                        dirty = true;
                        // What goes to a program changes little yet; its echo is what one waits for.
                        if typed && panel.app.types_in_terminal() {
                            echo = Some(Instant::now() + ECHO);
                        } else {
                            eager = true;
                        }
                    }
                }
                // The terminal is gone.
                Some(Err(_)) | None => break,
            },
            () = signals.any() => break,
            _ = resized.recv() => (dirty, eager) = (true, true),
            () = tokio::time::sleep_until(if waits { first } else { drawn + FRAME }), if dirty => {}
            Some(event) = task_inbox.recv() => {
                panel.take(Msg::Task(event), &terminal, &mut screen)?;
                // A chatty child must not cost a frame a line.
                for _ in 0..500 {
                    let Ok(event) = task_inbox.try_recv() else { break };
                    panel.take(Msg::Task(event), &terminal, &mut screen)?;
                }
                dirty = true;
            }
            Some(msg) = inbox.recv() => {
                eager |= matches!(msg, Msg::Terminal(..)) && echo.is_some_and(|until| Instant::now() < until);
                panel.take(msg, &terminal, &mut screen)?;
                dirty = true;
            }
            Some(answer) = panel.logs.next() => {
                panel.take(Msg::Logs(answer), &terminal, &mut screen)?;
                dirty = true;
            }
            changed = panel.snapshots.changed() => match changed {
                Ok(()) => {
                    let snap = panel.snapshots.borrow_and_update().clone();
                    panel.take(Msg::Snapshot(snap), &terminal, &mut screen)?;
                    dirty = true;
                }
                Err(_) => return Err(eyre!("the watcher of the host ended")),
            },
            // It ends only with the panel, or when the host is changed, and then there is another.
            Ok(()) = panel.reports.changed() => {
                let report = panel.reports.borrow_and_update().clone();
                panel.take(Msg::Health(HealthNews::Report(report)), &terminal, &mut screen)?;
                dirty = true;
            }
            () = tokio::time::sleep_until(drawn + AGES) => {
                panel.take(Msg::Tick, &terminal, &mut screen)?;
                dirty = true;
            }
        }
    }
    for effect in panel.app.farewell() {
        panel.carry_out(effect, &terminal, &mut screen)?;
    }
    panel.runner.cancel_all();
    drop(terminal);
    panel.desks.end().await;
    panel.terminals.end_all().await;
    panel.runner.settle(Duration::from_secs(5)).await;
    Ok(ExitCode::SUCCESS)
}

/// Panics at Ctrl-F12 where the environment asks for it.
#[cfg(debug_assertions)]
fn fail_on_purpose(event: &crossterm::event::Event) {
    use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
    let key = Event::Key(KeyEvent::new(KeyCode::F(12), KeyModifiers::CONTROL));
    assert!(*event != key || std::env::var_os("ONDECK_TEST_PANIC").is_none(), "a defect on purpose");
}

/// Whoever asks the process to end.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
            _ = self.quit.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

struct Panel {
    app: App,
    watch: Options,
    host: Host,
    /// The host that carries the session whose Docker is looked at.
    carrier: Option<Host>,
    snapshots: tokio::sync::watch::Receiver<Arc<crate::fleet::Snapshot>>,
    runner: Runner,
    msgs: mpsc::UnboundedSender<Msg>,
    logs: LogTask,
    terminals: TerminalTasks,
    desks: DeskTasks,
    labs: LabsTasks,
    health: HealthTasks,
    /// Looks at the host; it ends with this value.
    monitor: Monitor,
    /// How the person named the host, if so.
    named: Option<String>,
    reports: tokio::sync::watch::Receiver<Arc<crate::health::Report>>,
    leave: bool,
}

type Screen = ratatui::Terminal<Quiet<std::io::BufWriter<std::io::Stdout>>>;

impl Panel {
    fn take(&mut self, msg: Msg, terminal: &Terminal, screen: &mut Screen) -> Result<()> {
        for effect in self.app.update(msg, Timestamp::now()) {
            self.carry_out(effect, terminal, screen)?;
        }
        Ok(())
    }

    /// Asks the engine for something in the background.
    fn ask<F>(&self, answer: F)
    where
        F: Future<Output = Msg> + Send + 'static,
    {
        let msgs = self.msgs.clone();
        tokio::spawn(async move {
            // The panel may be gone by the time the answer comes.
            let _ = msgs.send(answer.await);
        });
    }

    fn carry_out(&mut self, effect: Effect, terminal: &Terminal, screen: &mut Screen) -> Result<()> {
        let engine = self.host.engine().clone();
        match effect {
            Effect::Quit => self.leave = true,
            Effect::Run(job) if job.is_of_sessions() => {
                self.runner.on(self.carrier().clone()).run(job);
            }
            Effect::Run(job) => {
                self.runner.run(job);
            }
            Effect::AskLeft(id) => {
                let engine = self.carrier().clone();
                self.ask(async move {
                    let left = sessions::left(&engine, &id).await;
                    Msg::Left(id, left)
                });
            }
            Effect::Sweep => self.ask(async move {
                match sessions::sweep(&engine).await {
                    Ok(swept) if swept != Swept::default() => {
                        let count = swept.containers.len() + swept.networks.len() + swept.volumes.len();
                        let count = crate::text::count(count, "thing");
                        Msg::Tell(Tone::Muted, format!("removed {count} that ended sessions had left behind"))
                    }
                    // What cannot be swept now is swept when the next session is started, and told of there.
                    _ => Msg::Tick,
                }
            }),
            Effect::Look(turn, what) => {
                let engine = self.carrier().clone();
                self.ask(async move { Msg::Served(turn, sessions::look(&engine, &what.0, &what.1).await) });
            }
            Effect::Inside(session) => {
                let opened = Host::open(&session.endpoint(self.carrier().endpoint()), self.watch);
                match opened {
                    Ok(host) => {
                        let outer = self.change(host);
                        self.carrier.get_or_insert(outer);
                    }
                    Err(error) => self.ask(async move { Msg::HostFailed(error) }),
                }
            }
            Effect::Outside => {
                if let Some(outer) = self.carrier.take() {
                    self.change(outer);
                }
            }
            Effect::Cancel(id) => self.runner.cancel(id),
            Effect::After(wait, msg) => self.ask(async move {
                tokio::time::sleep(wait).await;
                msg
            }),
            Effect::Logs(order) => self.logs.order(order, &engine),
            Effect::Desk(id, DeskOrder::Outside(order)) => {
                let (path, result) = edit_outside(*order, terminal);
                screen.clear()?;
                self.ask(async move { Msg::Desk(id, DeskNews::Edited(path, result)) });
            }
            Effect::Desk(id, order) => self.desks.order(id, order),
            Effect::Remember(what) => {
                if let Some(file) = remembered_file()
                    && let Err(e) = what.write(&file)
                {
                    let text = format!("what the screen looks like is not remembered: {}: {e}", file.display());
                    self.ask(async move { Msg::Tell(Tone::Warn, text) });
                }
            }
            Effect::Labs(order) => self.labs.order(order),
            Effect::Health(order) => self.health.order(order, &engine, self.named.clone()),
            Effect::Terminals(order) => self.terminals.order(order, &engine, &self.msgs),
            Effect::Inspect(turn, id) => {
                self.ask(async move { Msg::Inspected(turn, engine.inspect(&id).await.map(Arc::new)) });
            }
            Effect::InspectOther(turn, target) => self.ask(async move {
                let raw = match &target {
                    Target::Image(id) => engine.inspect_image(id).await,
                    Target::Network(id) => engine.inspect_network(id).await,
                    Target::Volume(name) => engine.inspect_volume(name).await,
                    _ => Ok(serde_json::Value::Null),
                };
                Msg::Raw(turn, raw.map(Arc::new))
            }),
            Effect::Layers(turn, id) => {
                self.ask(async move { Msg::Layers(turn, engine.history(&id).await.map(Arc::new)) });
            }
            Effect::Processes(turn, id) => {
                self.ask(async move { Msg::Processes(turn, engine.top(&id).await.map(Arc::new)) });
            }
            Effect::Copy(text) => copy(&text)?,
            Effect::WantUsage(ids) => self.host.want_usage(ids),
            Effect::Stats(on) => {
                self.watch.stats = on;
                self.host.set_stats(on);
            }
            Effect::DiskUse => self.host.refresh_disk(),
            Effect::Reconnect => self.host.retry_now(),
            Effect::Host(name) => self.switch(&name),
            Effect::Redraw => screen.clear()?,
            Effect::Suspend => {
                terminal.lend(|| {
                    let own = rustix::process::getpid();
                    let _ = rustix::process::kill_process(own, rustix::process::Signal::STOP);
                })?;
                screen.clear()?;
            }
            Effect::Terminal(line) => {
                let to_engine = match engine.for_child() {
                    Ok(to_engine) => to_engine,
                    Err(error) => {
                        self.ask(async move { Msg::HostFailed(error) });
                        return Ok(());
                    }
                };
                let status = terminal.lend(|| {
                    std::process::Command::new("sh").arg("-c").arg(&line).envs(to_engine.env.clone()).status()
                })?;
                screen.clear()?;
                let (tone, text) = match status {
                    Ok(status) if status.success() => (Tone::Muted, format!("{line}: done")),
                    Ok(status) => (Tone::Warn, format!("{line}: {status}")),
                    Err(e) => (Tone::Bad, format!("{line}: {e}")),
                };
                self.ask(async move { Msg::Tell(tone, text) });
            }
        }
        Ok(())
    }

    /// The engine that carries sessions: the host's, also while one of them is looked into.
    fn carrier(&self) -> &Engine {
        self.carrier.as_ref().unwrap_or(&self.host).engine()
    }

    /// Shows another host; answers with the one before.
    fn change(&mut self, host: Host) -> Host {
        self.logs = LogTask::default();
        self.snapshots = host.snapshots();
        self.snapshots.mark_changed();
        self.runner = self.runner.on(host.engine().clone());
        self.monitor = Monitor::open(&host, self.app.settings.config.health.clone());
        // What happens within a session is gone with it.
        if !matches!(host.engine().endpoint().address, Address::Inside { .. }) {
            self.health.keep(&self.monitor);
        }
        self.reports = self.monitor.reports();
        std::mem::replace(&mut self.host, host)
    }

    /// Goes to another host; the one before stays when that cannot be.
    fn switch(&mut self, name: &str) {
        let opened =
            Endpoint::resolve(Some(name), &Surroundings::of_process()).and_then(|e| Host::open(&e, self.watch));
        match opened {
            Ok(host) => {
                self.named = Some(name.to_owned());
                self.carrier = None;
                self.change(host);
            }
            Err(error) => self.ask(async move { Msg::HostFailed(error) }),
        }
    }
}

/// The person's own directories.
fn dirs() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "ondeck")
}

/// Where it is kept what is remembered of workspaces.
fn remembered_file() -> Option<std::path::PathBuf> {
    dirs().map(|d| d.state_dir().unwrap_or(d.data_dir()).join("workspaces.json"))
}

/// Gives the terminal to the person's own editor; answers with the file and its text when that is left.
fn edit_outside(order: OutsideOrder, terminal: &Terminal) -> (String, Result<String, String>) {
    let OutsideOrder { path, text, line } = order;
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|v| std::env::var(v).ok().filter(|e| !e.trim().is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let edited = || -> std::io::Result<Result<String, String>> {
        // Under its own name, so that the editor knows what it is.
        let dir = std::env::temp_dir().join(format!("ondeck-edit-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let file = dir.join(path.rsplit('/').next().unwrap_or("file"));
        std::fs::write(&file, &text)?;
        let status = terminal.lend(|| {
            std::process::Command::new("sh").arg("-c").arg(format!("{editor} +{line} \"$0\"")).arg(&file).status()
        })?;
        let after = std::fs::read_to_string(&file);
        std::fs::remove_dir_all(&dir)?;
        Ok(match status {
            Ok(status) if status.success() => after.map_err(|e| format!("{editor}: {e}")),
            Ok(status) => Err(format!("{editor}: {status}; the text is as it was")),
            Err(e) => Err(format!("{editor}: {e}; $EDITOR names another")),
        })
    };
    let result = edited().unwrap_or_else(|e| Err(format!("{editor}: {e}")));
    (path, result)
}

/// Puts text on the clipboard of the person's own machine, also over SSH (OSC 52).
fn copy(text: &str) -> Result<()> {
    crossterm::execute!(std::io::stdout(), crossterm::clipboard::CopyToClipboard::to_clipboard_from(text))?;
    Ok(())
}
