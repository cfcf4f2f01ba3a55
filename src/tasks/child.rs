//! Child processes of a task: what they say, and their end.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use futures::future::{Either, select};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::engine::{EngineError, ErrorKind};

use super::run::Teller;

/// How long a cancelled child may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);
/// How long it is listened on after a child ended: what it left behind may hold its output open for ever.
const ECHO: Duration = Duration::from_secs(1);
/// What is taken of one line, in bytes; the rest of it is left out.
const LINE: usize = 4 << 10;
/// How often what a child said is passed on.
const BEAT: Duration = Duration::from_millis(50);

/// A child with the processes it made. Dropped while they run, it ends them.
struct Group(Option<Child>);

impl Group {
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let Some(child) = &mut self.0 else { return Err(io::Error::other("it has ended")) };
        let status = child.wait().await;
        self.0 = None;
        status
    }
}

fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|p| i32::try_from(p).ok()).and_then(Pid::from_raw) {
        // They may all have ended by themselves in this moment.
        let _ = kill_process_group(pid, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(child) = self.0.take() else { return };
        signal(&child, Signal::TERM);
        // Nobody waits for the child before that, so that its number stays its own until then.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(GRACE).await;
                signal(&child, Signal::KILL);
            });
        }
    }
}

/// Runs a child to its end; every line it says becomes a line of the task.
pub(super) async fn run_child(mut command: Command, teller: &Teller) -> Result<(), EngineError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child =
        command.spawn().map_err(|e| EngineError::new(ErrorKind::Config, format!("{program} cannot be run: {e}")))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut group = Group(Some(child));
    let last = Mutex::new(String::new());
    let reading = async { futures::join!(read_lines(stdout, teller, &last), read_lines(stderr, teller, &last)) };
    let run = async {
        tokio::pin!(reading);
        let ended = tokio::select! {
            _ = &mut reading => None,
            status = group.wait() => Some(status),
        };
        let Some(status) = ended else { return group.wait().await };
        // Whoever still holds the output after that was left behind on purpose.
        let _ = tokio::time::timeout(ECHO, reading).await;
        status
    };
    let status = match select(pin!(run), pin!(pass_on(teller))).await {
        Either::Left((status, _)) => status,
        Either::Right((never, _)) => match never {},
    };
    teller.pass_on();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let said = last.into_inner().unwrap_or_default();
            let words = status.code().map_or_else(|| "was killed".to_owned(), |c| format!("ended with {c}"));
            let colon = if said.is_empty() { "" } else { ": " };
            Err(EngineError::new(ErrorKind::Other, format!("{program} {words}{colon}{said}")))
        }
        Err(e) => Err(EngineError::new(ErrorKind::Other, format!("{program}: {e}"))),
    }
}

/// Passes on what a child said, not oftener than somebody can read it.
async fn pass_on(teller: &Teller) -> Infallible {
    loop {
        tokio::time::sleep(BEAT).await;
        teller.pass_on();
    }
}

/// Every line of a pipe becomes a line of the task.
async fn read_lines(pipe: Option<impl AsyncRead + Unpin>, teller: &Teller, last: &Mutex<String>) {
    let Some(pipe) = pipe else { return };
    let mut reader = BufReader::with_capacity(16 << 10, pipe);
    let mut lines = Lines::default();
    let mut told = |text: String, whole: bool| {
        teller.at(0, None, text.clone());
        if whole {
            teller.hold(&text);
            if let Ok(mut last) = last.lock() {
                *last = text;
            }
        }
    };
    loop {
        let piece = match reader.fill_buf().await {
            Ok([]) => break,
            Ok(piece) => piece,
            Err(e) => {
                teller.hold(format!("its output broke off: {e}"));
                break;
            }
        };
        let read = piece.len();
        lines.take(piece, &mut told);
        reader.consume(read);
    }
    lines.take(b"\n", &mut told);
}

/// Puts lines together. A progress bar goes back to the beginning of its line: its last state counts.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    /// More came than is kept.
    cut: bool,
    /// The next byte begins the line anew.
    back: bool,
}

impl Lines {
    /// Tells each line, and with `false` each state of one that was not the last.
    fn take(&mut self, piece: &[u8], told: &mut impl FnMut(String, bool)) {
        for part in piece.split_inclusive(|b| matches!(b, b'\n' | b'\r')) {
            let text = part.strip_suffix(b"\n").or_else(|| part.strip_suffix(b"\r")).unwrap_or(part);
            if !text.is_empty() {
                if std::mem::take(&mut self.back) {
                    self.clear();
                }
                let room = LINE - self.line.len();
                self.line.extend_from_slice(&text[..text.len().min(room)]);
                self.cut |= text.len() > room;
            }
            match part.last() {
                Some(b'\n') => {
                    self.tell(true, told);
                    self.clear();
                }
                Some(b'\r') => {
                    self.tell(false, told);
                    self.back = true;
                }
                _ => {}
            }
        }
    }

    fn tell(&self, whole: bool, told: &mut impl FnMut(String, bool)) {
        let text = crate::logs::harmless(String::from_utf8_lossy(&self.line).trim_end());
        if !text.trim().is_empty() {
            told(if self.cut { format!("{text}…") } else { text }, whole);
        }
    }

    fn clear(&mut self) {
        self.line.clear();
        (self.cut, self.back) = (false, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_come_and_bars_keep_their_last_state() {
        let said = b"one\r\n\x1b[31mtwo\x1b[0m\n\n10%\r20%\r\nlast";
        for size in 1..said.len() {
            let (mut lines, mut whole, mut states) = (Lines::default(), Vec::new(), Vec::new());
            let mut told = |text: String, done: bool| if done { whole.push(text) } else { states.push(text) };
            for piece in said.chunks(size) {
                lines.take(piece, &mut told);
            }
            lines.take(b"\n", &mut told);
            assert_eq!(whole, ["one", "two", "20%", "last"], "{size}");
            assert_eq!(states, ["one", "10%", "20%"], "{size}");
        }
    }

    #[test]
    fn of_a_line_without_an_end_the_beginning_is_kept() {
        let (mut lines, mut whole) = (Lines::default(), Vec::new());
        for _ in 0..1000 {
            lines.take(&[b'x'; 1000], &mut |text, _| whole.push(text));
        }
        assert!(whole.is_empty() && lines.line.len() == LINE);
        lines.take(b"\nshort\n", &mut |text, _| whole.push(text));
        assert_eq!((whole[0].chars().count(), whole[1].as_str()), (LINE + 1, "short"));
        assert!(whole[0].ends_with('…'));
    }
}
