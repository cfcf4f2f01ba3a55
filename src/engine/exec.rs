//! Commands in running containers, with a terminal or with pipes.
//!
//! The connection is taken over and read here, not by the typed client: its decoder guesses by the first
//! byte whether a piece is framed, and a terminal that prints a zero byte would hang it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::Stream;
use hyper::Method;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::http::{Http, Payload, SHORT, escape};
use super::{Engine, EngineError, ErrorKind, Result};

/// How much of each channel [`Engine::exec_run`] keeps; the rest is read and dropped.
const KEPT: usize = 1 << 20;
/// How long a new command's terminal may take to get its size.
const RESIZE: Duration = Duration::from_secs(1);
/// The eight bytes before each piece: channel, three zeros, length.
const HEADER: usize = 8;

/// A command to run in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecAsk {
    /// Program and arguments.
    pub command: Vec<String>,
    /// `NAME=VALUE`, besides the container's own.
    pub env: Vec<String>,
    /// User, as `name`, `uid` or `uid:gid`; the container's own when `None`.
    pub user: Option<String>,
    /// Working directory; the container's own when `None`.
    pub dir: Option<String>,
    /// Columns and rows of the terminal it gets; `None` for pipes.
    pub tty: Option<(u16, u16)>,
    /// Whether it gets an input.
    pub stdin: bool,
}

impl ExecAsk {
    /// A command with pipes and no input.
    pub fn of<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Self { command: command.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

/// A command with a terminal: bytes as they are, both ways.
pub struct TtyExec {
    /// Its identifier, for [`Engine::exec_resize`] and [`Engine::exec_state`].
    pub id: String,
    /// What is typed. Dropping it does not end the command.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it prints.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
}

/// A command with pipes.
pub struct PipedExec {
    /// Its identifier, for [`Engine::exec_state`].
    pub id: String,
    /// Its standard input; shut down to end it.
    pub input: WriteHalf<TokioIo<Upgraded>>,
    /// What it prints; ends with the command.
    pub output: Pieces<ReadHalf<TokioIo<Upgraded>>>,
}

/// Where a command printed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How far a command is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecState {
    /// Whether it runs.
    pub running: bool,
    /// What it ended with.
    pub code: Option<i64>,
}

/// What a command ended with and printed (at most 1 MiB of each channel).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// Exit code; `None` when the engine does not know it.
    pub code: Option<i64>,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: Vec<u8>,
}

impl Ran {
    /// Its last words, in one harmless line: from standard error, else from standard output.
    pub fn last_words(&self) -> String {
        let text = if self.err.trim_ascii().is_empty() { &self.out } else { &self.err };
        let text = String::from_utf8_lossy(text);
        let line = text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
        crate::text::clean(line.trim()).into_owned()
    }
}

impl Engine {
    /// Runs a command with a terminal.
    pub async fn exec_tty(&self, container: &str, ask: &ExecAsk) -> Result<TtyExec> {
        let (columns, rows) = ask.tty.unwrap_or((80, 24));
        let (id, wire) = self.http.exec(container, ask, true).await?;
        // A new exec has no size. One that is over already cannot get one, and needs none; for one that could not
        // be started some engines wait ten seconds.
        let _ = tokio::time::timeout(RESIZE, self.exec_resize(&id, columns, rows)).await;
        let (output, input) = tokio::io::split(wire);
        Ok(TtyExec { id, input: Box::new(input), output: Box::new(output) })
    }

    /// Runs a command with pipes.
    pub async fn exec_piped(&self, container: &str, ask: &ExecAsk) -> Result<PipedExec> {
        let (id, wire) = self.http.exec(container, ask, false).await?;
        let (output, input) = tokio::io::split(wire);
        Ok(PipedExec { id, input, output: Pieces::of(output) })
    }

    /// Runs a command to its end.
    pub async fn exec_run(&self, container: &str, ask: &ExecAsk) -> Result<Ran> {
        self.exec_fed(container, ask, &[]).await
    }

    /// Runs a command to its end with `input` as its standard input.
    pub async fn exec_fed(&self, container: &str, ask: &ExecAsk, input: &[u8]) -> Result<Ran> {
        self.exec_kept(container, ask, input, KEPT).await
    }

    /// The same, of which at most `most` bytes of each channel are kept.
    pub async fn exec_kept(&self, container: &str, ask: &ExecAsk, input: &[u8], most: usize) -> Result<Ran> {
        use futures::TryStreamExt;
        let ask = ExecAsk { stdin: !input.is_empty(), ..ask.clone() };
        let PipedExec { id, input: mut pipe, mut output } = self.exec_piped(container, &ask).await?;
        let broke =
            |e: &io::Error| EngineError::new(ErrorKind::Unreachable, format!("a command's connection broke: {e}"));
        let feed = async {
            if !input.is_empty() {
                // A command that ends without reading everything is not wrong for that.
                let _ = pipe.write_all(input).await;
            }
            let _ = pipe.shutdown().await;
            Ok(())
        };
        let read = async {
            let mut ran = Ran::default();
            while let Some((channel, piece)) = output.try_next().await.map_err(|e| broke(&e))? {
                let kept = match channel {
                    Channel::Out => &mut ran.out,
                    Channel::Err => &mut ran.err,
                };
                let room = most.saturating_sub(kept.len()).min(piece.len());
                kept.extend_from_slice(&piece[..room]);
            }
            Ok::<_, EngineError>(ran)
        };
        let ((), mut ran) = tokio::try_join!(feed, read)?;
        ran.code = self.exec_state(&id).await?.code;
        Ok(ran)
    }

    /// Gives a command's terminal another size.
    pub async fn exec_resize(&self, exec: &str, columns: u16, rows: u16) -> Result<()> {
        let path = format!("/exec/{}/resize?h={rows}&w={columns}", escape(exec));
        self.http.send(Method::POST, &path, SHORT).await.map(drop)
    }

    /// How far a command is.
    pub async fn exec_state(&self, exec: &str) -> Result<ExecState> {
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "PascalCase")]
        struct Raw {
            running: bool,
            exit_code: Option<i64>,
        }
        let raw: Raw = self.http.get(&format!("/exec/{}/json", escape(exec)), SHORT).await?;
        Ok(ExecState { running: raw.running, code: raw.exit_code.filter(|_| !raw.running) })
    }
}

impl Http {
    /// Starts a command; answers with its identifier and the connection to it.
    pub(super) async fn exec(&self, container: &str, ask: &ExecAsk, tty: bool) -> Result<(String, TokioIo<Upgraded>)> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            id: String,
        }
        // Engines before API 1.42 take no size here, and get it once the command runs.
        let size = ask.tty.filter(|_| tty).map(|(columns, rows)| [rows, columns]);
        let body = json!({
            "ConsoleSize": size, "AttachStdin": ask.stdin, "AttachStdout": true, "AttachStderr": true, "Tty": tty, "Cmd": ask.command,
            "Env": ask.env, "User": ask.user.as_deref().unwrap_or(""), "WorkingDir": ask.dir.as_deref().unwrap_or(""),
        });
        let path = format!("/containers/{}/exec", escape(container));
        let Created { id } = self.ask(Method::POST, &path, Payload::Json(body), SHORT).await?;
        let start = format!("/exec/{}/start", escape(&id));
        let wire = self.upgrade(&start, json!({ "Detach": false, "Tty": tty, "ConsoleSize": size })).await?;
        Ok((id, wire))
    }
}

/// What a command with pipes prints, told apart by channel; pieces are as large as they come.
pub struct Pieces<R> {
    from: R,
    buffer: BytesMut,
    /// What is left of the piece being read.
    left: Option<(Channel, usize)>,
    over: bool,
}

impl<R: AsyncRead + Unpin> Pieces<R> {
    fn of(from: R) -> Self {
        Self { from, buffer: BytesMut::new(), left: None, over: false }
    }

    /// A piece out of what has been read already.
    fn cut(&mut self) -> io::Result<Option<(Channel, Bytes)>> {
        loop {
            if let Some((channel, left)) = self.left {
                let here = left.min(self.buffer.len());
                if here == 0 && left > 0 {
                    return Ok(None);
                }
                self.left = (left > here).then_some((channel, left - here));
                if here > 0 {
                    return Ok(Some((channel, self.buffer.split_to(here).freeze())));
                }
                continue;
            }
            let Some(header) = self.buffer.first_chunk::<HEADER>() else { return Ok(None) };
            let channel = match header {
                [0 | 1, 0, 0, 0, ..] => Channel::Out,
                [2 | 3, 0, 0, 0, ..] => Channel::Err,
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a piece without a header")),
            };
            let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            self.left = Some((channel, length as usize));
            self.buffer.advance(HEADER);
        }
    }
}

impl<R: AsyncRead + Unpin> Stream for Pieces<R> {
    type Item = io::Result<(Channel, Bytes)>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let failed = |this: &mut Self, error| {
            this.over = true;
            Poll::Ready(Some(Err(error)))
        };
        loop {
            match self.cut() {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                Ok(None) => {}
                Err(error) => return failed(&mut self, error),
            }
            let this = &mut *self;
            this.buffer.reserve(64 << 10);
            let read = {
                let read = std::pin::pin!(this.from.read_buf(&mut this.buffer));
                ready!(read.poll(cx))
            };
            match read {
                Ok(0) if self.buffer.is_empty() && self.left.is_none() => return Poll::Ready(None),
                Ok(0) => return failed(&mut self, io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(e) => return failed(&mut self, e),
            }
        }
    }
}

/// A command's pipes as one connection; what it says on standard error is kept for the words of a failure.
pub(super) struct Tunnel {
    input: WriteHalf<TokioIo<Upgraded>>,
    output: Pieces<ReadHalf<TokioIo<Upgraded>>>,
    piece: Bytes,
    complaint: Vec<u8>,
}

impl Engine {
    /// A command's input and output as one connection, such as to a port that only its container can reach.
    pub async fn tunnel(
        &self,
        container: &str,
        command: &[String],
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>> {
        Tunnel::through(&self.http, container, command).await.map_err(|e| super::failure::told(&e))
    }
}

impl Tunnel {
    pub(super) async fn through(http: &Http, container: &str, command: &[String]) -> io::Result<Self> {
        let ask = ExecAsk { command: command.to_vec(), stdin: true, ..ExecAsk::default() };
        let (_, wire) = http.exec(container, &ask, false).await.map_err(|e| {
            let kind = match e.kind {
                ErrorKind::NotFound | ErrorKind::Conflict => io::ErrorKind::ConnectionRefused,
                _ => io::ErrorKind::ConnectionAborted,
            };
            io::Error::new(kind, e)
        })?;
        let (output, input) = tokio::io::split(wire);
        Ok(Self { input, output: Pieces::of(output), piece: Bytes::new(), complaint: Vec::new() })
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.piece.is_empty() {
                let n = self.piece.len().min(buf.remaining());
                buf.put_slice(&self.piece.split_to(n));
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut self.output).poll_next(cx)) {
                Some(Ok((Channel::Out, piece))) => self.piece = piece,
                Some(Ok((Channel::Err, piece))) => {
                    let room = 4096_usize.saturating_sub(self.complaint.len()).min(piece.len());
                    self.complaint.extend_from_slice(&piece[..room]);
                }
                Some(Err(e)) => return Poll::Ready(Err(e)),
                None if self.complaint.is_empty() => return Poll::Ready(Ok(())),
                None => {
                    let words = String::from_utf8_lossy(&std::mem::take(&mut self.complaint)).trim().to_owned();
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionRefused, words)));
                }
            }
        }
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.input).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures::StreamExt;

    use super::*;

    async fn read(bytes: &[u8]) -> Vec<io::Result<(Channel, Bytes)>> {
        Pieces::of(bytes).collect().await
    }

    #[tokio::test]
    async fn channels_are_told_apart() {
        let bytes = b"\x01\0\0\0\0\0\0\x03abc\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x01!";
        let pieces: Vec<_> = read(bytes).await.into_iter().map(|p| p.unwrap()).collect();
        assert_eq!(pieces, [(Channel::Out, Bytes::from("abc")), (Channel::Err, Bytes::from("!"))]);
    }

    #[tokio::test]
    async fn a_piece_that_breaks_off_and_one_without_a_header_are_errors() {
        let cut = read(b"\x01\0\0\0\0\0\0\x03ab").await;
        assert!(cut[0].is_ok() && cut[1].as_ref().unwrap_err().kind() == io::ErrorKind::UnexpectedEof);
        assert_eq!(read(b"plain text").await[0].as_ref().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn last_words_are_one_harmless_line() {
        let ran = Ran { code: Some(1), out: b"out\n".to_vec(), err: b"first\nlast\x1b[2J\n\n".to_vec() };
        assert_eq!(ran.last_words(), "last·[2J");
        assert_eq!(Ran { err: Vec::new(), ..ran }.last_words(), "out");
    }
}
