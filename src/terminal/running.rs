//! One program in one terminal, from its start to its exit code.
//!
//! Three tasks: one reads and feeds the emulator in slices, so that whoever draws never waits long; one
//! writes, since a program need not read; one gives it the size of its pane, the newest only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alacritty_terminal::sync::FairMutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::engine::model::Id;
use crate::engine::{Engine, EngineError, ErrorKind, ExecAsk, Helper, TtyExec};

use super::emulator::{Emulator, Size};
use super::shell::{self, First};

/// Bytes read at once.
const READ: usize = 64 << 10;
/// A slice for the emulator never keeps its lock for longer than about this.
const SLICE: Duration = Duration::from_millis(2);
/// Bytes of input that wait for a program which does not read; further ones are dropped.
const INPUT: usize = 4 << 20;
/// How long a shell that printed something may be silent before it is asked after.
const QUIET: Duration = Duration::from_millis(200);
/// The least time between two texts for the clipboard.
const COPIES: Duration = Duration::from_millis(200);
/// How long a shell may take to tell of itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// An emulator that is fed by one task and shown by another.
#[derive(Clone)]
pub struct Screen(Arc<Shared>);

struct Shared {
    emulator: FairMutex<Emulator>,
    /// Whether it was told that something changed, and nobody has looked since.
    told: AtomicBool,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}

impl Screen {
    /// An empty one.
    pub fn new(size: Size, scrollback: usize) -> Self {
        let emulator = FairMutex::new(Emulator::new(size, scrollback));
        Self(Arc::new(Shared { emulator, told: AtomicBool::new(false) }))
    }

    /// The emulator; nobody keeps it for long.
    pub fn lock(&self) -> impl std::ops::DerefMut<Target = Emulator> + '_ {
        self.0.emulator.lock()
    }

    /// Whoever was told of a change will look now: the next one is told again.
    pub fn seen(&self) {
        self.0.told.store(false, Ordering::Release);
    }
}

/// What to open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// The container.
    pub container: Id,
    /// What it is called, for people.
    pub name: String,
    /// A command instead of the best shell.
    pub command: Option<String>,
    /// A user instead of the container's own.
    pub user: Option<String>,
    /// A working directory instead of the container's own.
    pub dir: Option<String>,
    /// `NAME=VALUE`, besides the container's own.
    pub env: Vec<String>,
    /// Not in the container but in a helper beside it, made of this image or one that is there.
    pub helper: Option<Option<String>>,
}

/// Something that happened to a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It shows something else. Told once until [`Screen::seen`].
    Changed,
    /// Its program runs; this is its name.
    Started(String),
    /// Its program ended, with this code where the engine knows it.
    Ended(Option<i64>),
    /// It could not be started, or the connection broke.
    Failed(EngineError),
    /// The container has no shell.
    NoShell,
    /// The program wants this on the clipboard.
    Copied(String),
}

/// A terminal's program; dropping it ends the program too, when the runtime lives on.
#[derive(Debug)]
pub struct Running {
    engine: Engine,
    input: Input,
    size: watch::Sender<Size>,
    end: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone)]
struct Input {
    send: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

impl Input {
    fn send(&self, bytes: Vec<u8>) -> bool {
        let n = bytes.len();
        if n == 0 {
            return true;
        }
        if self.waiting.fetch_add(n, Ordering::Relaxed) + n > INPUT || self.send.send(bytes).is_err() {
            self.waiting.fetch_sub(n, Ordering::Relaxed);
            return false;
        }
        true
    }
}

impl Running {
    /// Opens a terminal; everything else is told.
    pub fn open(
        engine: Engine,
        opening: Opening,
        screen: Screen,
        tell: impl Fn(Happened) + Send + Sync + 'static,
    ) -> Self {
        let (send, waits) = mpsc::unbounded_channel();
        let input = Input { send, waiting: Arc::default() };
        let (size, sizes) = watch::channel(screen.lock().size());
        let (end, ends) = oneshot::channel();
        let copied = Arc::new(AtomicBool::new(true));
        let program =
            Program { copied, engine: engine.clone(), opening, screen, tell: Arc::new(tell), input: input.clone() };
        let task = tokio::spawn(program.run(waits, sizes, ends));
        Self { engine, input, size, end: Some(end), task: Some(task) }
    }

    /// Sends bytes to the program, in order; answers whether they were taken.
    pub fn input(&self, bytes: Vec<u8>) -> bool {
        self.input.send(bytes)
    }

    /// Gives the terminal another size.
    pub fn resize(&self, size: Size) {
        self.size.send_replace(size);
    }

    /// The engine it is on.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Ends the program and waits until that is done.
    pub async fn end(mut self) {
        drop(self.end.take());
        if let Some(task) = self.task.take() {
            // It fails only where the runtime ends.
            let _ = task.await;
        }
    }
}

type Tell = Arc<dyn Fn(Happened) + Send + Sync>;

/// A program that was started.
struct Started {
    exec: TtyExec,
    /// Its number in the container, and the shell that told it and can end it.
    pid: Option<(u32, String)>,
    program: String,
    /// What it printed already.
    printed: Vec<u8>,
    over: bool,
}

enum Trouble {
    NoShell,
    Engine(EngineError),
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

struct Program {
    /// Whether it may put something on the clipboard now.
    copied: Arc<AtomicBool>,
    engine: Engine,
    opening: Opening,
    screen: Screen,
    tell: Tell,
    input: Input,
}

impl Program {
    async fn run(
        self,
        waits: mpsc::UnboundedReceiver<Vec<u8>>,
        sizes: watch::Receiver<Size>,
        mut ends: oneshot::Receiver<()>,
    ) {
        let helper = match self.helper().await {
            Ok(helper) => helper,
            Err(error) => return (self.tell)(Happened::Failed(error)),
        };
        let container = helper.as_ref().map_or_else(|| self.opening.container.clone(), |h| h.id.clone());
        let first = *sizes.borrow();
        match self.start(&container, first).await {
            Err(Trouble::NoShell) => (self.tell)(Happened::NoShell),
            Err(Trouble::Engine(error)) => (self.tell)(Happened::Failed(error)),
            Ok(started) => self.live(&container, started, waits, sizes, &mut ends).await,
        }
        if let Some(helper) = helper
            && let Err(error) = self.engine.remove(&helper.id, true, true).await
            && error.kind != ErrorKind::NotFound
            && error.kind != ErrorKind::Conflict
        {
            (self.tell)(Happened::Failed(error));
        }
    }

    async fn helper(&self) -> Result<Option<Helper>, EngineError> {
        let Some(image) = &self.opening.helper else { return Ok(None) };
        let helper = self.engine.start_helper(&self.opening.container, image.as_deref()).await?;
        let text = format!(
            "A shell from {} beside {}: its processes and its network are here,\r\nits files are under /proc/1/root.\r\n\n",
            crate::text::clean(&helper.image),
            crate::text::clean(&self.opening.name)
        );
        self.feed(text.as_bytes());
        Ok(Some(helper))
    }

    fn ask(&self, command: Vec<String>, size: Size) -> ExecAsk {
        ExecAsk {
            command,
            env: self.opening.env.clone(),
            user: self.opening.user.clone(),
            dir: self.opening.dir.clone(),
            tty: Some((size.columns, size.rows)),
            stdin: true,
        }
    }

    /// Starts the program through the first shell that the container has.
    async fn start(&self, container: &str, size: Size) -> Result<Started, Trouble> {
        let command = self.opening.command.as_deref();
        for shell in shell::SHELLS {
            let ask = self.ask(shell::start(shell, command), size);
            if let Some(started) = self.attempt(container, &ask, Some(shell)).await? {
                return Ok(started);
            }
        }
        let Some(command) = command else { return Err(Trouble::NoShell) };
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        let program = words.first().cloned().unwrap_or_default();
        match self.attempt(container, &self.ask(words, size), None).await? {
            Some(started) => Ok(started),
            None => {
                Err(EngineError::new(ErrorKind::NotFound, format!("there is neither a shell nor {program}")).into())
            }
        }
    }

    /// Starts one command; `None` when the container does not have it.
    async fn attempt(&self, container: &str, ask: &ExecAsk, shell: Option<&str>) -> Result<Option<Started>, Trouble> {
        let exec = match self.engine.exec_tty(container, ask).await {
            Ok(exec) => exec,
            Err(error) if shell::says_missing(&error.message) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let name = ask.command.first().cloned().unwrap_or_default();
        let mut started = Started { program: name, printed: Vec::new(), pid: None, over: false, exec };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match shell::first(&started.printed) {
                First::Told { pid, program, length } => {
                    started.printed.drain(..length);
                    started.pid = shell.map(|s| (pid, s.to_owned()));
                    started.program = program;
                    return Ok(Some(started));
                }
                // An engine's complaint comes as output, and ends it.
                First::More | First::Nothing if started.over => {
                    let words = String::from_utf8_lossy(&started.printed).trim().to_owned();
                    let code = self.engine.exec_state(&started.exec.id).await?.code;
                    if matches!(code, Some(126 | 127)) && shell::says_missing(&words) {
                        return Ok(None);
                    }
                    // A shell that began would have told.
                    if code != Some(0) && (shell.is_some() || words.starts_with("OCI")) && !words.is_empty() {
                        return Err(EngineError::new(ErrorKind::Other, words).into());
                    }
                    return Ok(Some(started));
                }
                First::Nothing if shell.is_none() && !started.printed.starts_with(b"OCI") => return Ok(Some(started)),
                First::Nothing if started.printed.len() > 4096 => return Ok(Some(started)),
                First::More | First::Nothing => {}
            }
            let mut piece = [0; 4096];
            match tokio::time::timeout(QUIET, started.exec.output.read(&mut piece)).await {
                Err(_) if tokio::time::Instant::now() > deadline => return Ok(Some(started)),
                // Some engines complain and then leave the connection open.
                Err(_) if !started.printed.is_empty() => {
                    started.over = !self.engine.exec_state(&started.exec.id).await?.running;
                }
                Err(_) => {}
                Ok(Ok(0) | Err(_)) => started.over = true,
                Ok(Ok(n)) => started.printed.extend_from_slice(&piece[..n]),
            }
        }
    }

    /// The life of a program that was started.
    async fn live(
        &self,
        container: &str,
        started: Started,
        waits: mpsc::UnboundedReceiver<Vec<u8>>,
        sizes: watch::Receiver<Size>,
        ends: &mut oneshot::Receiver<()>,
    ) {
        let Started { exec, pid, program, printed, over } = started;
        (self.tell)(Happened::Started(program));
        let TtyExec { id, input, mut output } = exec;
        let writer = tokio::spawn(write(input, waits, self.input.waiting.clone()));
        let sizer = tokio::spawn(size(self.engine.clone(), id.clone(), sizes, self.screen.clone(), self.tell.clone()));
        self.feed(&printed);
        let closed = if over { false } else { self.read(&mut output, ends).await };
        if closed {
            self.end(container, pid).await;
        }
        writer.abort();
        sizer.abort();
        if !closed {
            (self.tell)(match self.outcome(&id).await {
                Ok(code) => Happened::Ended(code),
                Err(error) => Happened::Failed(error),
            });
        }
    }

    /// Reads until the program ends; answers whether it is to be ended instead.
    async fn read(&self, output: &mut (dyn AsyncRead + Send + Unpin), ends: &mut oneshot::Receiver<()>) -> bool {
        let mut buffer = vec![0; READ];
        let mut slice = 4096;
        loop {
            let held = self.screen.lock().held_until();
            let release = async {
                match held {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = &mut *ends => return true,
                read = output.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return false,
                    Ok(n) => {
                        let mut rest = &buffer[..n];
                        while !rest.is_empty() {
                            let (piece, after) = rest.split_at(slice.min(rest.len()));
                            let began = Instant::now();
                            self.feed(piece);
                            slice = if began.elapsed() > SLICE { (slice / 2).max(64) } else { (slice * 2).min(8192) };
                            rest = after;
                        }
                    }
                },
                () = release => {
                    self.screen.lock().release();
                    self.changed();
                }
            }
        }
    }

    /// Gives output to the emulator, and what the emulator has to say to whom it is for.
    fn feed(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let (answers, copied, held) = {
            let mut emulator = self.screen.lock();
            emulator.feed(bytes);
            (emulator.take_answers(), emulator.take_copied(), emulator.held_until().is_some())
        };
        self.input.send(answers);
        if let Some(text) = copied
            && self.copied.swap(false, Ordering::Relaxed)
        {
            // One that copies all the time is heard now and then.
            let copied = self.copied.clone();
            tokio::spawn(async move {
                tokio::time::sleep(COPIES).await;
                copied.store(true, Ordering::Relaxed);
            });
            (self.tell)(Happened::Copied(text));
        }
        if !held {
            self.changed();
        }
    }

    fn changed(&self) {
        if !self.screen.0.told.swap(true, Ordering::AcqRel) {
            (self.tell)(Happened::Changed);
        }
    }

    /// The exit code, once the engine knows it.
    async fn outcome(&self, exec: &str) -> Result<Option<i64>, EngineError> {
        for _ in 0..20 {
            let state = match self.engine.exec_state(exec).await {
                // Gone together with its container.
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
                other => other?,
            };
            if !state.running {
                return Ok(state.code);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let message = "the connection to the program broke; it may still be running";
        Err(EngineError::new(ErrorKind::Unreachable, message))
    }

    /// Ends the program: as root, who may end whatever it became, else as its own user.
    async fn end(&self, container: &str, pid: Option<(u32, String)>) {
        if self.opening.helper.is_some() {
            return;
        }
        let Some((pid, shell)) = pid else {
            // Nothing is known of it but that it has a terminal.
            self.input.send(b"\x03\x04".to_vec());
            return tokio::time::sleep(Duration::from_millis(100)).await;
        };
        for user in [Some("0".to_owned()), self.opening.user.clone()] {
            let ask = ExecAsk { user, ..ExecAsk::of(shell::end(&shell, pid)) };
            match tokio::time::timeout(PATIENCE, self.engine.exec_run(container, &ask)).await {
                Ok(Ok(ran)) if ran.code == Some(0) => return,
                // The container does not run any more.
                Ok(Err(error)) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict) => return,
                _ => {}
            }
        }
    }
}

async fn write(
    mut input: Box<dyn tokio::io::AsyncWrite + Send + Unpin>,
    mut waits: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
) {
    while let Some(bytes) = waits.recv().await {
        let written = input.write_all(&bytes).await;
        waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
        if written.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}

async fn size(engine: Engine, exec: String, mut sizes: watch::Receiver<Size>, screen: Screen, tell: Tell) {
    // It may have changed while the program was being started.
    sizes.mark_changed();
    while sizes.changed().await.is_ok() {
        let size = *sizes.borrow_and_update();
        let changes = screen.lock().size() != size;
        if changes {
            screen.lock().resize(size);
            tell(Happened::Changed);
        }
        // A program that is over cannot get one, and needs none.
        let _ = engine.exec_resize(&exec, size.columns, size.rows).await;
    }
}
