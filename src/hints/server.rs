#![allow(clippy::unwrap_used, clippy::format_push_string)]

//! A server of this machine speaks both APIs, as well and as badly as they come.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Assistant;
use crate::config::{Hints, Period, Provider, Secrets};

pub(super) const KEY: &str = "the-key-of-the-test";

/// What the server does with a connection.
#[derive(Debug, Clone)]
pub(super) enum Does {
    /// Answers 200 with a stream of these bytes, in chunks of so many.
    Streams(Vec<u8>, usize),
    /// The same, and then breaks the connection off.
    BreaksOff(Vec<u8>),
    /// Answers so, with a body in JSON or not.
    Fails(u16, &'static str),
    /// Sends somebody elsewhere.
    Redirects,
    /// Sends this, and then no more, without an end.
    Hangs(Vec<u8>),
    /// Sends this for ever.
    Repeats(Vec<u8>),
    /// Sends this in place of HTTP.
    Raw(&'static [u8]),
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) head: String,
    pub(super) body: String,
}

pub(super) struct Server {
    pub(super) address: String,
    pub(super) came: Arc<Mutex<Vec<Came>>>,
    /// Connections that the other side ended while they were being answered.
    pub(super) left: Arc<tokio::sync::Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Does one thing after the other, the last one again and again.
    pub(super) async fn start(does: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/base", listener.local_addr().unwrap());
        let came = Arc::new(Mutex::new(Vec::new()));
        let left = Arc::new(tokio::sync::Notify::new());
        let (into, gone) = (came.clone(), left.clone());
        let task = tokio::spawn(async move {
            for turn in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let does = does[turn.min(does.len() - 1)].clone();
                let (into, gone) = (into.clone(), gone.clone());
                tokio::spawn(async move {
                    if serve(stream, does, &into).await.is_err() {
                        gone.notify_one();
                    }
                });
            }
        });
        Self { address, came, left, task }
    }

    pub(super) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    pub(super) fn assistant(&self, provider: Provider) -> Assistant {
        self.assistant_with(provider, |_| {})
    }

    pub(super) fn assistant_with(&self, provider: Provider, more: impl FnOnce(&mut Hints)) -> Assistant {
        let mut config = Hints {
            provider,
            url: Some(self.address.clone()),
            model: Some("model-1".to_owned()),
            key_env: Some("TEST_KEY".to_owned()),
            timeout: Period(Duration::from_mins(5)),
            per_minute: 100,
        };
        more(&mut config);
        let variable = |name: &str| (name == "TEST_KEY").then(|| KEY.to_owned());
        Assistant::new(&config, &Secrets::default(), variable).unwrap()
    }
}

async fn serve(mut stream: TcpStream, does: Does, into: &Mutex<Vec<Came>>) -> std::io::Result<()> {
    let mut read = Vec::new();
    let (head, length) = loop {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        read.extend_from_slice(&piece[..n]);
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(read.drain(..end + 4).collect()).unwrap();
            let length =
                head.to_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ").map(str::to_owned));
            break (head, length.unwrap().parse::<usize>().unwrap());
        }
    };
    while read.len() < length {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await?;
        read.extend_from_slice(&piece[..n]);
    }
    into.lock().unwrap().push(Came { head, body: String::from_utf8(read).unwrap() });
    let start = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    match does {
        Does::Streams(bytes, size) => {
            stream.write_all(start.as_bytes()).await?;
            for chunk in bytes.chunks(size) {
                send(&mut stream, chunk).await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
        Does::BreaksOff(bytes) => {
            stream.write_all(start.as_bytes()).await?;
            send(&mut stream, &bytes).await?;
        }
        Does::Fails(status, body) => {
            let head = format!("HTTP/1.1 {status} Such\r\ncontent-type: application/json\r\nconnection: close\r\n");
            stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
        }
        Does::Redirects => {
            stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n").await?;
        }
        Does::Hangs(bytes) => {
            stream.write_all(start.as_bytes()).await?;
            send(&mut stream, &bytes).await?;
            // Until the other side has enough.
            while stream.read(&mut [0; 64]).await? > 0 {}
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        Does::Repeats(bytes) => {
            stream.write_all(start.as_bytes()).await?;
            loop {
                send(&mut stream, &bytes).await?;
            }
        }
        Does::Raw(bytes) => stream.write_all(bytes).await?,
    }
    stream.shutdown().await
}

async fn send(stream: &mut TcpStream, chunk: &[u8]) -> std::io::Result<()> {
    // An empty chunk would be the last one.
    if chunk.is_empty() {
        return stream.flush().await;
    }
    stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
    stream.write_all(chunk).await?;
    stream.write_all(b"\r\n").await?;
    stream.flush().await
}

/// An answer in the wire format of an API, one event for each piece.
pub(super) fn wire(provider: Provider, pieces: &[&str]) -> Vec<u8> {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let mut out = String::new();
    for piece in pieces {
        let piece = quoted(piece);
        out += &match provider {
            Provider::Gemini => format!(
                "data: {{\"candidates\": [{{\"content\": {{\"parts\": [{{\"text\": {piece}}}],\"role\": \"model\"}},\
                 \"index\": 0}}],\"modelVersion\": \"model-1\"}}\r\n\r\n"
            ),
            _ => format!(
                "data: {{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{piece}}},\
                 \"finish_reason\":null}}]}}\n\n"
            ),
        };
    }
    out += match provider {
        Provider::Gemini => {
            "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"\"}]},\"finishReason\": \"STOP\"}]}\r\n\r\n"
        }
        _ => "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    };
    out.into_bytes()
}
