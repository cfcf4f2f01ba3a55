//! What a session serves, looked at without a port being published.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;

use crate::engine::{Engine, EngineError, ErrorKind, Result};

use super::Session;

/// The most of a body that is read.
const LARGEST: usize = 256 << 10;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A request to a session's service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// `GET`, `POST`...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The port.
    pub port: u16,
}

impl Ask {
    /// Reads `[METHOD] [:PORT]/PATH`, as people type it.
    pub fn parse(text: &str, port: u16) -> std::result::Result<Self, String> {
        let text = text.trim();
        let (method, rest) = match text.split_once(' ') {
            Some((method, rest)) => (method.to_uppercase(), rest.trim()),
            None => ("GET".to_owned(), text),
        };
        if method.parse::<Method>().is_err() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(format!("{method} is no method; expected GET, POST, HEAD..."));
        }
        let (port, path) = match rest.strip_prefix(':') {
            Some(rest) => {
                let (digits, path) = rest.find('/').map_or((rest, ""), |i| rest.split_at(i));
                (digits.parse().map_err(|_| format!("{digits} is no port"))?, path)
            }
            None => (port, rest),
        };
        let path = if path.is_empty() { "/" } else { path };
        if !path.starts_with('/') || path.contains(char::is_whitespace) {
            return Err(format!("{path} is no path; it begins with / and has no spaces"));
        }
        Ok(Self { method, path: path.to_owned(), port })
    }
}

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, such as `200 OK`.
    pub status: String,
    /// Its number.
    pub code: u16,
    /// Names and values, as they came.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body.
    pub body: Bytes,
    /// Whether there was more.
    pub cut: bool,
    /// From the connection to the last byte read.
    pub took: Duration,
}

/// Asks a session's service.
pub async fn look(engine: &Engine, session: &Session, ask: &Ask) -> Result<Answer> {
    let began = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, request(engine, session, ask, began)).await;
    answer.unwrap_or_else(|_| {
        Err(EngineError::new(
            ErrorKind::Timeout,
            format!("no answer from port {} within {} s", ask.port, PATIENCE.as_secs()),
        )
        .with_hint("it listens, but does not answer; its logs may say why"))
    })
}

async fn request(engine: &Engine, session: &Session, ask: &Ask, began: Instant) -> Result<Answer> {
    let broke = |e: &dyn std::error::Error| {
        let mut root = e;
        while let Some(inner) = root.source() {
            root = inner;
        }
        let why = root.to_string();
        if why.contains("refused") {
            return EngineError::new(
                ErrorKind::Unreachable,
                format!("nothing listens on port {} of the session", ask.port),
            )
            .with_hint(format!("docker run -d -p {0}:{0} IMAGE starts a service there", ask.port));
        }
        EngineError::new(ErrorKind::Unreachable, format!("port {} gave no HTTP answer: {why}", ask.port))
            .with_hint("does it speak HTTP, and does it listen on 0.0.0.0 in its container?")
    };
    let wire = engine.tunnel(&session.name, &Session::port_command(ask.port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(wire)).await.map_err(|e| broke(&e))?;
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(ask.method.as_str())
        .uri(&ask.path)
        .header("host", format!("localhost:{}", ask.port))
        .header("user-agent", "ondeck")
        .header("connection", "close")
        .body(Full::new(Bytes::new()))
        .map_err(|e| EngineError::new(ErrorKind::Config, e.to_string()))?;
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        // Why the connection broke is known to whoever drives it.
        Err(e) => {
            return Err(match connection.await {
                Ok(Err(cause)) => broke(&cause),
                _ => broke(&e),
            });
        }
    };
    let status = response.status();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = response.headers().iter().map(header).collect();
    let (mut body, mut cut) = (Vec::new(), false);
    let mut stream = response.into_body();
    while let Some(frame) = stream.frame().await {
        let Ok(data) = frame.map_err(|e| broke(&e))?.into_data() else { continue };
        let room = (LARGEST - body.len()).min(data.len());
        body.extend_from_slice(&data[..room]);
        if room < data.len() {
            cut = true;
            break;
        }
    }
    Ok(Answer {
        status: status.to_string(),
        code: status.as_u16(),
        headers,
        body: body.into(),
        cut,
        took: began.elapsed(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_as_people_type_them() {
        let ask = |text: &str| Ask::parse(text, 8080).map(|a| (a.method, a.path, a.port));
        assert_eq!(ask(""), Ok(("GET".into(), "/".into(), 8080)));
        assert_eq!(ask("/health?x=1"), Ok(("GET".into(), "/health?x=1".into(), 8080)));
        assert_eq!(ask("post :3000/new"), Ok(("POST".into(), "/new".into(), 3000)));
        assert_eq!(ask(":3000"), Ok(("GET".into(), "/".into(), 3000)));
        for wrong in ["health", "G3T /", "GET a b", ":x/", "GET /a b"] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }
}
