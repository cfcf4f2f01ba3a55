//! `ondeck session`: sessions without the panel.

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::config::{Config, Period, Size};
use crate::engine::{Channel, Endpoint, Engine, EngineError, ErrorKind, ExecAsk, LogAsk, PipedExec, TtyExec};
use crate::labs;
use crate::logs::{Reader, Shape, plain};
use crate::sessions::{self, Progress, Session, Spec};
use crate::text::duration;

use super::{Failure, columns, tell};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Start one and wait until its Docker answers; prints its identifier
    Start(Start),
    /// List those that run
    Ls {
        /// As JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Open a shell in one
    Attach {
        /// Which
        id: String,
    },
    /// Run a command in one; its exit code becomes this one's
    Exec {
        /// Which
        id: String,
        /// The user it runs as
        #[arg(long, short)]
        user: Option<String>,
        /// Where it runs
        #[arg(long, short, default_value = "/workspace")]
        workdir: String,
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Let a port of this machine lead to one of a session, until Ctrl-C
    Forward {
        /// Which
        id: String,
        /// The session's port (its service's when left out), with the one here before a colon where they differ
        #[arg(value_name = "[LOCAL:]PORT")]
        ports: Option<String>,
    },
    /// Let one live longer
    Extend {
        /// Which
        id: String,
        /// How much longer, such as 15m
        #[arg(default_value = "15m")]
        by: Period,
    },
    /// End one now; its workspace is kept
    End {
        /// Which
        #[arg(required = true)]
        ids: Vec<String>,
        /// Remove its workspace, too
        #[arg(long)]
        forget: bool,
    },
    /// Print what one's Docker and clock have said
    Logs {
        /// Which
        id: String,
        /// Go on as long as it runs
        #[arg(long, short)]
        follow: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Start {
    /// The lab it is for
    #[arg(long)]
    lab: Option<String>,
    /// The workspace it gets, when not that of the lab
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// How long it lives, such as 30m
    #[arg(long)]
    ttl: Option<Period>,
    /// How much memory, such as 1.5g
    #[arg(long)]
    memory: Option<Size>,
    /// How many processors' time
    #[arg(long)]
    cpus: Option<f64>,
    /// How many processes
    #[arg(long)]
    pids: Option<u32>,
    /// An image of the host that its Docker shall have; may be given several times
    #[arg(long = "image", value_name = "IMAGE")]
    images: Vec<String>,
    /// The port that a service in it listens on; the lab's, or 8080, when left out
    #[arg(long)]
    port: Option<u16>,
    /// Let it reach networks outside
    #[arg(long)]
    egress: bool,
    /// Whose it is, when not this user's
    #[arg(long)]
    owner: Option<String>,
    /// As JSON: an object
    #[arg(long)]
    json: bool,
}

/// One session as `--json` prints it. Names of fields stay.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: &'a str,
    container: &'a str,
    owner: &'a str,
    lab: Option<&'a str>,
    workspace: &'a str,
    state: &'static str,
    /// RFC 3339.
    started: Option<String>,
    /// RFC 3339; `null` while it is not known.
    deadline: Option<String>,
    seconds_left: Option<i64>,
    /// Bytes.
    memory: u64,
    cpus: f64,
    port: u16,
    egress: bool,
}

pub(super) fn run(command: Command, endpoint: &Endpoint, config: &Config) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(async {
        let engine = Engine::connect(endpoint)?;
        match command {
            Command::Start(ask) => start(&engine, config, ask).await,
            Command::Ls { json } => list(&engine, json).await,
            Command::Attach { id } => attach(&engine, &find(&engine, &id).await?).await,
            Command::Exec { id, user, workdir, command } => {
                let session = find(&engine, &id).await?;
                let ask = ExecAsk { command, user, dir: Some(workdir), ..ExecAsk::default() };
                exec(&engine, &session, ask).await
            }
            Command::Forward { id, ports } => forward(&engine, &find(&engine, &id).await?, ports.as_deref()).await,
            Command::Extend { id, by } => extend(&engine, &find(&engine, &id).await?, by).await,
            Command::End { ids, forget } => end(&engine, &ids, forget).await,
            Command::Logs { id, follow } => logs(&engine, &find(&engine, &id).await?, follow).await,
        }
    });
    // What still waits, such as for a key, must not hold the person up.
    runtime.shutdown_background();
    result
}

/// The session that is meant: its identifier, or what it begins with.
pub(super) async fn find(engine: &Engine, id: &str) -> Result<Session, Failure> {
    let all = sessions::list(engine).await?;
    let fits: Vec<&Session> = all.iter().filter(|s| s.id == id || s.name == id).collect();
    let fits = if fits.is_empty() { all.iter().filter(|s| s.id.starts_with(id)).collect() } else { fits };
    match fits[..] {
        [one] => Ok(one.clone()),
        [] if all.is_empty() => {
            Err(Failure::Told(format!("there is no session {id}; none runs\n  start one: ondeck session start")))
        }
        [] => {
            let known: Vec<_> = all.iter().map(|s| s.id.as_str()).collect();
            Err(Failure::Told(format!("there is no session {id}; there are: {}", known.join(", "))))
        }
        _ => Err(Failure::Told(format!("several sessions begin with {id}; give one more letter"))),
    }
}

fn shown(session: &Session, left: Option<i64>) -> Shown<'_> {
    let deadline = left.and_then(|l| Timestamp::now().checked_add(SignedDuration::from_secs(l)).ok());
    // Sub-second figures would say more than is known.
    let deadline = deadline.and_then(|t| Timestamp::from_second(t.as_second()).ok());
    Shown {
        id: &session.id,
        container: &session.name,
        owner: &session.owner,
        lab: session.lab.as_deref(),
        workspace: &session.workspace,
        state: session.state.word(),
        started: session.started.map(|t| t.to_string()),
        deadline: deadline.map(|t| t.to_string()),
        seconds_left: left,
        memory: session.memory,
        cpus: session.cpus,
        port: session.port,
        egress: session.egress,
    }
}

fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::Told(e.to_string()))?;
    Ok(writeln!(io::stdout(), "{text}")?)
}

async fn start(engine: &Engine, config: &Config, ask: Start) -> Result<ExitCode, Failure> {
    let owner = ask.owner.unwrap_or_else(sessions::owner);
    // One that is not in the catalogue is only a name.
    let lab = ask.lab.as_ref().and_then(|name| labs::catalogue(config).get(name).cloned());
    let config = &config.sessions;
    let mut spec = lab.as_ref().map_or_else(|| Spec::new(config, &owner), |lab| lab.spec(config, &owner));
    (spec.lab, spec.workspace) = (ask.lab, ask.workspace);
    spec.images.extend(ask.images);
    spec.port = ask.port.unwrap_or(spec.port);
    spec.egress |= ask.egress;
    spec.memory = ask.memory.map_or(spec.memory, |m| m.0);
    spec.cpus = ask.cpus.unwrap_or(spec.cpus);
    spec.pids = ask.pids.unwrap_or(spec.pids);
    if let Some(ttl) = ask.ttl {
        spec.ttl = ttl.0.as_secs();
    }
    spec.check().map_err(Failure::Told)?;
    let bar = io::stderr().is_terminal();
    let say = |progress: Progress| match progress {
        Progress::Step(text) => tell(&text),
        // The build's own words only where someone watches.
        Progress::Line(text) if bar => tell(&format!("  {text}")),
        Progress::Bytes(done, total) if bar => {
            let _ = write!(io::stderr(), "\r  {} of {}  ", crate::text::size(done), crate::text::size(total));
            if done >= total {
                tell("");
            }
        }
        Progress::Line(_) | Progress::Bytes(..) => {}
    };
    let cancel = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let started = match &lab {
        Some(lab) => labs::start_as(engine, config, lab, &spec, &say, cancel).await?,
        None => sessions::start(engine, config, &spec, &say, cancel).await?,
    };
    let Some(session) = started else {
        return Err(Failure::Told("cancelled; nothing was left behind".into()));
    };
    tell(&format!(
        "ready: {} left, workspace {}; ondeck session attach {}",
        duration(spec.ttl),
        session.workspace,
        session.id
    ));
    if ask.json {
        let left = sessions::left(engine, &session.container).await?;
        json(&shown(&session, Some(left.seconds)))?;
    } else {
        writeln!(io::stdout(), "{}", session.id)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(engine: &Engine, as_json: bool) -> Result<ExitCode, Failure> {
    sessions::sweep(engine).await?;
    let all = sessions::list(engine).await?;
    let left = futures::future::join_all(all.iter().map(|s| async {
        if !s.state.is_up() {
            return Ok(None);
        }
        match sessions::left(engine, &s.container).await {
            Ok(left) => Ok(Some(left.seconds)),
            // It ended just now, or is only just beginning.
            Err(e) if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Other) => Ok(None),
            Err(e) => Err(e),
        }
    }))
    .await
    .into_iter()
    .collect::<Result<Vec<_>, EngineError>>()?;
    let rows: Vec<_> = all.iter().zip(left).collect();
    if as_json {
        json(&rows.iter().map(|(s, left)| shown(s, *left)).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    if rows.is_empty() {
        tell("No sessions. Start one: ondeck session start");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = vec![["ID", "LEFT", "WORKSPACE", "OWNER", "MEMORY", "CPUS", "STATE"].map(str::to_owned).to_vec()];
    table.extend(rows.iter().map(|(s, left)| {
        vec![
            s.id.clone(),
            left.map_or("?".into(), |l| duration(l.max(0).unsigned_abs())),
            s.workspace.clone(),
            s.owner.clone(),
            crate::text::size(s.memory),
            s.cpus.to_string(),
            s.state.word().to_owned(),
        ]
    }));
    columns(&mut io::stdout().lock(), &table)?;
    Ok(ExitCode::SUCCESS)
}

async fn forward(engine: &Engine, session: &Session, ports: Option<&str>) -> Result<ExitCode, Failure> {
    let (local, port) = sessions::ports(ports.unwrap_or_default(), session.port).map_err(Failure::Told)?;
    let at = (std::net::Ipv4Addr::LOCALHOST, local).into();
    let relay = engine.forward(&session.name, Session::port_command(port), at).await?;
    tell(&format!("port {port} of session {} is at http://{}; Ctrl-C ends that", session.id, relay.address));
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
        over = engine.wait(&session.container, Duration::from_hours(7 * 24)) => match over {
            Err(e) if e.kind != ErrorKind::NotFound => Err(e.into()),
            _ => Err(Failure::Told(format!("session {} has ended", session.id))),
        },
    }
}

async fn extend(engine: &Engine, session: &Session, by: Period) -> Result<ExitCode, Failure> {
    let before = sessions::left(engine, &session.container).await?;
    let left = sessions::extend(engine, &session.container, by.0.as_secs() as i64).await?;
    if left.seconds + 1 < before.seconds + by.0.as_secs() as i64 {
        tell(&format!("session {} may not live longer than that", session.id));
    }
    writeln!(io::stdout(), "{} left", duration(left.seconds.max(0).unsigned_abs()))?;
    Ok(ExitCode::SUCCESS)
}

async fn end(engine: &Engine, ids: &[String], forget: bool) -> Result<ExitCode, Failure> {
    for id in ids {
        let session = find(engine, id).await?;
        sessions::end(engine, &session).await?;
        if forget {
            sessions::forget(engine, &session.owner, &session.workspace).await?;
        }
        let kept = if forget { "is gone, too".to_owned() } else { "is kept".to_owned() };
        tell(&format!("session {} has ended; its workspace {} {kept}", session.id, session.workspace));
    }
    Ok(ExitCode::SUCCESS)
}

async fn logs(engine: &Engine, session: &Session, follow: bool) -> Result<ExitCode, Failure> {
    let mut pieces = engine.logs(&session.container, &LogAsk { follow, ..LogAsk::default() }).await?;
    let mut reader = Reader::new(Shape::Framed, 0);
    let mut out = io::stdout();
    loop {
        let piece = pieces.next().await.transpose()?;
        match &piece {
            Some(piece) => reader.feed(piece),
            None => reader.end(),
        }
        while let Some(chunk) = reader.next_chunk() {
            for line in chunk.lines() {
                writeln!(out, "{}", plain(&line))?;
            }
        }
        if reader.has_lines() {
            reader.flush();
            while let Some(chunk) = reader.next_chunk() {
                for line in chunk.lines() {
                    writeln!(out, "{}", plain(&line))?;
                }
            }
        }
        if piece.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
        out.flush()?;
    }
}

async fn attach(engine: &Engine, session: &Session) -> Result<ExitCode, Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::Told(format!(
            "attach needs a terminal\n  without one: ondeck session exec {} -- COMMAND",
            session.id
        )));
    }
    let ask = ExecAsk { command: vec!["bash".into()], dir: Some("/workspace".into()), ..ExecAsk::default() };
    exec(engine, session, ask).await
}

async fn exec(engine: &Engine, session: &Session, ask: ExecAsk) -> Result<ExitCode, Failure> {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return with_terminal(engine, session, ask).await;
    }
    let ask = ExecAsk { stdin: !io::stdin().is_terminal(), ..ask };
    let PipedExec { id, mut input, mut output } = engine.exec_piped(&session.container, &ask).await?;
    let mut typed = stdin();
    let feed = async {
        while let Some(bytes) = typed.recv().await {
            if input.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _ = input.shutdown().await;
        std::future::pending::<()>().await;
    };
    let print = async {
        while let Some(piece) = output.next().await {
            match piece? {
                (Channel::Out, bytes) => io::stdout().write_all(&bytes).and_then(|()| io::stdout().flush())?,
                (Channel::Err, bytes) => io::stderr().write_all(&bytes)?,
            }
        }
        Ok::<(), io::Error>(())
    };
    tokio::select! {
        () = feed => {}
        result = print => result?,
    }
    ended(engine, session, &id).await
}

/// The exit code that a command ended with, or the words for a session that ended meanwhile.
async fn ended(engine: &Engine, session: &Session, exec: &str) -> Result<ExitCode, Failure> {
    let gone =
        || Failure::Told(format!("session {} has ended; its workspace {} is kept", session.id, session.workspace));
    match engine.exec_state(exec).await {
        Ok(state) => {
            let code = state.code.unwrap_or_default();
            // Killed with the whole container: its own end comes within a moment.
            if code == 137 && engine.inspect(&session.container).await.is_err() {
                return Err(gone());
            }
            Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
        }
        Err(e) if e.kind == ErrorKind::NotFound => Err(gone()),
        Err(e) => Err(e.into()),
    }
}

/// What is typed, from a thread: reading a terminal cannot be taken back.
fn stdin() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 32 << 10];
        while let Ok(n @ 1..) = io::stdin().read(&mut buffer) {
            if sender.blocking_send(buffer[..n].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The person's terminal, raw; given back whatever happens.
struct Raw;

impl Raw {
    fn new() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

async fn with_terminal(engine: &Engine, session: &Session, ask: ExecAsk) -> Result<ExitCode, Failure> {
    let mut env = vec![format!("TERM={}", std::env::var("TERM").unwrap_or_else(|_| "xterm-256color".into()))];
    env.extend(std::env::var("COLORTERM").ok().map(|v| format!("COLORTERM={v}")));
    let ask = ExecAsk { stdin: true, tty: Some(crossterm::terminal::size()?), env, ..ask };
    let mut resized = signal(SignalKind::window_change())?;
    let (mut hang_up, mut terminate) = (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?);
    let left = sessions::left(engine, &session.container).await?;
    let TtyExec { id, mut input, mut output } = engine.exec_tty(&session.container, &ask).await?;
    let raw = Raw::new()?;
    let mut typed = stdin();
    let warnings = warnings(left.seconds);
    let mut warnings = std::pin::pin!(warnings);
    let mut buffer = vec![0; 64 << 10];
    loop {
        tokio::select! {
            read = output.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    let mut out = io::stdout();
                    out.write_all(&buffer[..n]).and_then(|()| out.flush())?;
                }
            },
            Some(bytes) = typed.recv() => {
                if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
                    break;
                }
            }
            _ = resized.recv() => {
                let (columns, rows) = crossterm::terminal::size()?;
                // It may have ended in this moment.
                let _ = engine.exec_resize(&id, columns, rows).await;
            }
            Some(minutes) = warnings.next() => {
                tell(&format!("\r\n[session {} ends in {minutes}: ondeck session extend {} 15m]\r", session.id, session.id));
            }
            // Nobody is left to read it; a shell ends when its input does.
            _ = hang_up.recv() => break,
            _ = terminate.recv() => break,
        }
    }
    let _ = input.write_all(b"\x04").await;
    let _ = input.shutdown().await;
    drop(raw);
    ended(engine, session, &id).await
}

/// A stream that says when 5 minutes and 1 minute are left.
fn warnings(left: i64) -> impl futures::Stream<Item = &'static str> {
    let left = left.max(0).unsigned_abs();
    let now = tokio::time::Instant::now();
    let due = [(300, "5 minutes"), (60, "1 minute")].into_iter().filter(move |(at, _)| left > *at);
    futures::stream::iter(due).then(move |(at, words)| async move {
        tokio::time::sleep_until(now + Duration::from_secs(left - at)).await;
        words
    })
}
