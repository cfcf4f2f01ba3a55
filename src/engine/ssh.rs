//! A connection through `ssh HOST docker system dial-stdio`, as the docker CLI makes them, or with a port that
//! only that host reaches: one child a connection, which ends with it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Most that is kept of what ssh says on its standard error.
const MOST: usize = 8192;
/// How long a child may take to end, and its last words to come, once its output has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Connects with an engine by ssh.
pub(super) fn ssh(user: Option<&str>, host: &str, port: Option<u16>, socket: Option<&str>) -> io::Result<Tunnel> {
    let mut command = login(user, port);
    command.args(["--", host, "docker"]);
    if let Some(socket) = socket {
        // A shell on the other side reads this.
        command.args(["--host", &quoted(&format!("unix://{socket}"))]);
    }
    command.args(["system", "dial-stdio"]);
    begin(command)
}

/// Connects by ssh with an address and port as that host sees them.
pub(super) fn ssh_port(user: Option<&str>, host: &str, port: Option<u16>, to: &str) -> io::Result<Tunnel> {
    let mut command = login(user, port);
    command.args(["-W", to, "--", host]);
    begin(command)
}

/// How one logs in. ssh may never ask anything: the terminal belongs to the panel.
fn login(user: Option<&str>, port: Option<u16>) -> Command {
    let mut command = Command::new("ssh");
    command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15", "-T"]);
    if let Some(user) = user {
        command.args(["-l", user]);
    }
    if let Some(port) = port {
        command.args(["-p", &port.to_string()]);
    }
    command
}

fn begin(mut command: Command) -> io::Result<Tunnel> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // Not in the panel's process group: a Ctrl-C or a hang-up there is not ssh's.
    command.process_group(0);
    let mut child = command.spawn().map_err(|e| io::Error::new(e.kind(), format!("ssh cannot be run: {e}")))?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::Error::other("ssh has no pipes"));
    };
    let said = Arc::<Mutex<String>>::default();
    let listening = tokio::spawn(listen(stderr, said.clone()));
    Ok(Tunnel { stdin: Some(stdin), stdout, state: State::Open(child, listening, said) })
}

/// Text that a POSIX shell reads as one word, whatever is in it.
fn quoted(text: &str) -> String {
    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b":/._-".contains(&b)) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

async fn listen(mut stderr: ChildStderr, said: Arc<Mutex<String>>) {
    let mut piece = [0; 1024];
    // A pipe that cannot be read any more has no more words.
    while let Ok(n @ 1..) = stderr.read(&mut piece).await {
        if let Ok(mut said) = said.lock() {
            if said.len() > MOST {
                said.clear();
            }
            said.push_str(&String::from_utf8_lossy(&piece[..n]));
        }
    }
}

/// A child's standard input and output as one connection. Where an ordinary connection would only end,
/// this one says why, in ssh's own words.
pub(super) struct Tunnel {
    /// Gone once nothing more is to be sent.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    state: State,
}

enum State {
    Open(Child, JoinHandle<()>, Arc<Mutex<String>>),
    Ending(Pin<Box<dyn Future<Output = Option<String>> + Send>>),
    /// With the reason, when it was no orderly end.
    Ended(Option<String>),
}

impl Tunnel {
    /// Why it ended; nothing when in order.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Error>> {
        loop {
            match &mut self.state {
                State::Open(..) => {
                    let State::Open(child, listening, said) = std::mem::replace(&mut self.state, State::Ended(None))
                    else {
                        continue;
                    };
                    self.state = State::Ending(Box::pin(end(child, listening, said)));
                }
                State::Ending(end) => self.state = State::Ended(ready!(end.as_mut().poll(cx))),
                State::Ended(reason) => {
                    return Poll::Ready(reason.clone().map(|r| io::Error::new(io::ErrorKind::ConnectionAborted, r)));
                }
            }
        }
    }
}

async fn end(mut child: Child, listening: JoinHandle<()>, said: Arc<Mutex<String>>) -> Option<String> {
    let status = timeout(LAST_WORDS, child.wait()).await;
    if let Ok(Ok(status)) = &status
        && status.success()
    {
        return None;
    }
    // Not for ever: a master connection that ssh left behind holds the pipe open.
    let _ = timeout(LAST_WORDS, listening).await;
    let words = said.lock().map(|said| last_words(&said)).unwrap_or_default();
    Some(match status {
        _ if !words.is_empty() => words,
        Ok(Ok(status)) => format!("ssh ended ({status})"),
        Ok(Err(e)) => format!("ssh is lost: {e}"),
        Err(_) => "ssh closed the connection".to_owned(),
    })
}

/// The last two lines that say something. What stands before them is banners and warnings.
fn last_words(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("Warning: Permanently added"));
    let mut last: Vec<&str> = lines.rev().take(2).collect();
    last.reverse();
    last.join("; ")
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if matches!(self.state, State::Open(..)) {
            ready!(Pin::new(&mut self.stdout).poll_read(cx, buf))?;
            if buf.filled().len() > before || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(ready!(self.poll_end(cx)).map_or(Ok(()), Err))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(stdin) = &mut self.stdin else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        match ready!(Pin::new(stdin).poll_write(cx, buf)) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Poll::Ready(Err(ready!(self.poll_end(cx)).unwrap_or(e))),
            done => Poll::Ready(done),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Only its end tells the other side that there is no more; shutting a pipe down does nothing.
        if let Some(stdin) = &mut self.stdin {
            ready!(Pin::new(stdin).poll_flush(cx))?;
        }
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_become_a_command_on_the_other_side() {
        assert_eq!(quoted("unix:///run/user/1000/podman/podman.sock"), "unix:///run/user/1000/podman/podman.sock");
        assert_eq!(quoted("unix:///a b;'$(c)"), r"'unix:///a b;'\''$(c)'");
    }

    #[test]
    fn the_reason_stands_at_the_end_of_what_ssh_says() {
        let said = "Warning: Permanently added 'h' (ED25519) to the list of known hosts.\r\n\
                    Only for staff\r\n\r\nops@h: Permission denied (publickey).\r\n";
        assert_eq!(last_words(said), "Only for staff; ops@h: Permission denied (publickey).");
        assert_eq!(last_words("\n"), "");
    }
}
