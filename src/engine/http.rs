//! Raw requests to the API, and the words for their failures.
//!
//! Paths carry no version: each engine then answers in its own newest format, which is the one
//! negotiation that works from 20.10 to 29 (where 1.44 is the oldest that is accepted) and podman.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Empty, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::de::DeserializeOwned;

use super::dial::Dialer;
use super::endpoint::{Address, Endpoint};
use super::failure::{answered, broken, root};
use super::{EngineError, ErrorKind, Result};

/// For what an engine answers from memory.
pub(super) const SHORT: Duration = Duration::from_secs(20);
/// For what it has to work for.
pub(super) const LONG: Duration = Duration::from_mins(20);
/// The largest answer that is read whole.
const LARGEST: usize = 256 << 20;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// What a request carries.
pub(super) enum Payload {
    Nothing,
    Json(serde_json::Value),
    /// A tar archive that is made, or read, while it is sent.
    Tar(BoxStream<'static, std::io::Result<Bytes>>),
}

impl Payload {
    /// The same once more, where it can be had.
    fn again(&self) -> Option<Self> {
        match self {
            Self::Nothing => Some(Self::Nothing),
            Self::Json(value) => Some(Self::Json(value.clone())),
            Self::Tar(_) => None,
        }
    }
}

/// Whether a request could not even be written.
fn is_stale(error: &hyper_util::client::legacy::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Requests over one pool of connections.
#[derive(Clone)]
pub(super) struct Http {
    raw: Client<Dialer, Body>,
    dialer: Dialer,
    endpoint: Endpoint,
    /// What stands before each path. The connector ignores it, but it makes the Host header, by which a
    /// proxy before an engine may tell its hosts apart.
    base: String,
}

impl Http {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self> {
        let dialer = Dialer::new(endpoint)?;
        let base = match &endpoint.address {
            tcp @ Address::Tcp { .. } => tcp.to_string().replacen("tcp://", "http://", 1),
            _ => "http://docker".to_owned(),
        };
        Ok(Self { raw: pool(&dialer, endpoint), dialer, endpoint: endpoint.clone(), base })
    }

    /// The typed client over the same kind of connections.
    pub(super) fn bollard(&self) -> Result<bollard::Docker> {
        let client: Client<Dialer, _> = pool(&self.dialer, &self.endpoint);
        let send = move |request: bollard::BollardRequest| {
            let client = client.clone();
            Box::pin(async move { client.request(request).await.map_err(bollard::errors::Error::from) })
                as std::pin::Pin<Box<dyn Future<Output = _> + Send>>
        };
        // The version is asked for but never sent: this client drops it from the path, which is just what
        // is wanted (see above).
        bollard::Docker::connect_with_custom_transport(
            send,
            Some(&self.base),
            LONG.as_secs(),
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|e| EngineError::new(ErrorKind::Config, e.to_string()))
    }

    /// The engine around this one, for one within a container.
    pub(super) fn around(&self) -> Result<&Self> {
        self.dialer
            .outer()
            .ok_or_else(|| EngineError::new(ErrorKind::Config, format!("{} is in no container", self.endpoint.address)))
    }

    /// Sends a request without a body; answers once the headers are there and good.
    pub(super) async fn send(&self, method: Method, path: &str, patience: Duration) -> Result<Response<Incoming>> {
        self.deliver(method, path, Payload::Nothing, patience).await
    }

    /// Sends a request; answers once the headers are there and good.
    pub(super) async fn deliver(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
        patience: Duration,
    ) -> Result<Response<Incoming>> {
        let what = format!("{method} {path}");
        let request = self.request(method, path).body(()).map_err(|e| malformed(&what, &e))?;
        self.answer(&what, request, payload, patience).await
    }

    /// Sends a request after which the connection carries plain bytes both ways.
    pub(super) async fn upgrade(&self, path: &str, body: serde_json::Value) -> Result<TokioIo<Upgraded>> {
        let what = format!("POST {path}");
        let request = self
            .request(Method::POST, path)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "tcp")
            .body(())
            .map_err(|e| malformed(&what, &e))?;
        let response = self.answer(&what, request, Payload::Json(body), SHORT).await?;
        if response.status().as_u16() != 101 {
            return Err(EngineError::new(ErrorKind::Forbidden, format!("{what} was answered without a connection"))
                .with_hint("a proxy before the engine does not pass terminals and commands through"));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|e| broken(&self.endpoint.address, &e))?;
        Ok(TokioIo::new(upgraded))
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(format!("{}{path}", self.base))
    }

    async fn answer(
        &self,
        what: &str,
        request: Request<()>,
        payload: Payload,
        patience: Duration,
    ) -> Result<Response<Incoming>> {
        let again = payload.again().map(|payload| fill(request.clone(), payload));
        let mut sent = tokio::time::timeout(patience, self.raw.request(fill(request, payload))).await;
        // A connection kept from before the engine restarted: nothing of the request has arrived anywhere.
        if let (Ok(Err(error)), Some(request)) = (&sent, again)
            && is_stale(error)
        {
            sent = tokio::time::timeout(patience, self.raw.request(request)).await;
        }
        let response = match sent {
            Err(_) => return Err(self.timeout(what, patience)),
            Ok(Err(error)) => return Err(broken(&self.endpoint.address, &error)),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        if status.is_success() || matches!(status.as_u16(), 101 | 304) {
            return Ok(response);
        }
        let body = Limited::new(response.into_body(), 64 << 10)
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        Err(answered(what, status.as_u16(), &String::from_utf8_lossy(&body)))
    }

    /// Reads a JSON answer whole.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, patience: Duration) -> Result<T> {
        self.ask(Method::GET, path, Payload::Nothing, patience).await
    }

    /// Sends a request, and reads its JSON answer whole.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        payload: Payload,
        patience: Duration,
    ) -> Result<T> {
        let what = format!("{method} {path}");
        let response = self.deliver(method, path, payload, patience).await?;
        let body = tokio::time::timeout(patience, Limited::new(response.into_body(), LARGEST).collect()).await;
        let body = match body {
            Err(_) => return Err(self.timeout(&what, patience)),
            Ok(Err(e)) => {
                return Err(EngineError::new(ErrorKind::Unreachable, format!("{what} broke off: {}", root(&*e))));
            }
            Ok(Ok(body)) => body.to_bytes(),
        };
        serde_json::from_slice(&body)
            .map_err(|e| EngineError::new(ErrorKind::Other, format!("the answer to {what} is not understood: {e}")))
    }

    /// A body as it comes.
    pub(super) fn pieces(response: Response<Incoming>) -> BoxStream<'static, Result<Bytes>> {
        BodyStream::new(response.into_body())
            .filter_map(|frame| async move {
                match frame {
                    Ok(frame) => frame.into_data().ok().map(Ok),
                    Err(e) => Some(Err(EngineError::new(
                        ErrorKind::Unreachable,
                        format!("the engine's stream broke off: {}", root(&e)),
                    ))),
                }
            })
            .boxed()
    }

    fn timeout(&self, what: &str, patience: Duration) -> EngineError {
        let message = format!("{} gave no answer to {what} within {} s", self.endpoint.address, patience.as_secs());
        EngineError::new(ErrorKind::Timeout, message)
    }

    /// The words for a failure of the typed client.
    pub(super) fn failed(&self, what: &str, error: &bollard::errors::Error) -> EngineError {
        use bollard::errors::Error;
        let address = &self.endpoint.address;
        match error {
            Error::DockerResponseServerError { status_code, message } => answered(what, *status_code, message),
            // What fails after the answer began, such as a pull.
            Error::DockerStreamError { error } => answered(what, 500, error),
            Error::RequestTimeoutError => self.timeout(what, LONG),
            Error::HyperLegacyError { err } => broken(address, err),
            Error::HyperResponseError { err } => broken(address, err),
            Error::IOError { err } => broken(address, err),
            other => EngineError::new(ErrorKind::Other, format!("the answer to {what} is not understood: {other}")),
        }
    }
}

fn fill(request: Request<()>, payload: Payload) -> Request<Body> {
    let (mut head, ()) = request.into_parts();
    let mut kind =
        |kind: &'static str| head.headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    let body = match payload {
        Payload::Nothing => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        Payload::Json(value) => {
            kind("application/json");
            Full::from(value.to_string()).map_err(|never| match never {}).boxed_unsync()
        }
        Payload::Tar(pieces) => {
            kind("application/x-tar");
            BodyExt::boxed_unsync(StreamBody::new(pieces.map(|piece| piece.map(Frame::data))))
        }
    };
    Request::from_parts(head, body)
}

fn malformed(what: &str, error: &hyper::http::Error) -> EngineError {
    EngineError::new(ErrorKind::Other, format!("{what}: {error}"))
}

/// Connections that are kept for the next request: to log in by ssh again takes far longer than to
/// connect to a socket.
fn pool<B>(dialer: &Dialer, endpoint: &Endpoint) -> Client<Dialer, B>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
{
    let idle = if matches!(endpoint.address, Address::Ssh { .. }) { 600 } else { 30 };
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(idle))
        .pool_max_idle_per_host(4)
        .build(dialer.clone())
}

/// `text` as part of a path or query.
pub(super) fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}
