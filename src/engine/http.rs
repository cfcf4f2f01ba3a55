//! Raw requests to the API, and the words for their failures.
//!
//! Paths carry no version: each engine then answers in its own newest format, which is the one
//! negotiation that works from 20.10 to 29 (where 1.44 is the oldest that is accepted) and podman.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http_body_util::{BodyExt, BodyStream, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;

use super::dial::Dialer;
use super::endpoint::{Address, Endpoint};
use super::{EngineError, ErrorKind, Result};

/// For what an engine answers from memory.
pub(super) const SHORT: Duration = Duration::from_secs(20);
/// For what it has to work for.
pub(super) const LONG: Duration = Duration::from_secs(1200);
/// The largest answer that is read whole.
const LARGEST: usize = 256 << 20;

/// Requests over one pool of connections.
#[derive(Clone)]
pub(super) struct Http {
    raw: Client<Dialer, Full<Bytes>>,
    dialer: Dialer,
    endpoint: Endpoint,
}

impl Http {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self> {
        let dialer = Dialer::new(endpoint)?;
        let raw =
            Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build(dialer.clone());
        Ok(Self { raw, dialer, endpoint: endpoint.clone() })
    }

    /// The typed client over the same kind of connections.
    pub(super) fn bollard(&self) -> Result<bollard::Docker> {
        let client: Client<Dialer, _> =
            Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build(self.dialer.clone());
        let send = move |request: bollard::BollardRequest| {
            let client = client.clone();
            Box::pin(async move { client.request(request).await.map_err(bollard::errors::Error::from) })
                as std::pin::Pin<Box<dyn Future<Output = _> + Send>>
        };
        bollard::Docker::connect_with_custom_transport(
            send,
            Some("http://docker"),
            LONG.as_secs(),
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|e| EngineError::new(ErrorKind::Config, e.to_string()))
    }

    /// Sends a request without a body; answers once the headers are there and good.
    pub(super) async fn send(&self, method: Method, path: &str, patience: Duration) -> Result<Response<Incoming>> {
        let what = format!("{method} {path}");
        let request = Request::builder()
            .method(method)
            .uri(format!("http://docker{path}"))
            .header("host", "docker")
            .body(Full::default())
            .map_err(|e| EngineError::new(ErrorKind::Other, format!("{what}: {e}")))?;
        let response = match tokio::time::timeout(patience, self.raw.request(request)).await {
            Err(_) => return Err(self.timeout(&what, patience)),
            Ok(Err(error)) => return Err(self.broken(&error)),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        if status.is_success() || status.as_u16() == 304 {
            return Ok(response);
        }
        let body = Limited::new(response.into_body(), 64 << 10)
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let message = serde_json::from_slice::<serde_json::Value>(&body)
            .ok()
            .and_then(|v| v["message"].as_str().map(str::to_owned))
            .unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
        Err(answered(&what, status.as_u16(), &message))
    }

    /// Reads a JSON answer whole.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, patience: Duration) -> Result<T> {
        let response = self.send(Method::GET, path, patience).await?;
        let body = tokio::time::timeout(patience, Limited::new(response.into_body(), LARGEST).collect()).await;
        let body = match body {
            Err(_) => return Err(self.timeout(&format!("GET {path}"), patience)),
            Ok(Err(e)) => return Err(EngineError::new(ErrorKind::Unreachable, format!("GET {path} broke off: {e}"))),
            Ok(Ok(body)) => body.to_bytes(),
        };
        serde_json::from_slice(&body)
            .map_err(|e| EngineError::new(ErrorKind::Other, format!("the answer to GET {path} is not understood: {e}")))
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

    /// The words for a connection that could not be made or broke.
    pub(super) fn broken(&self, error: &(dyn std::error::Error + 'static)) -> EngineError {
        let address = &self.endpoint.address;
        let io = chain(error).find_map(|e| e.downcast_ref::<std::io::Error>());
        if matches!(address, Address::Ssh { .. }) {
            let said = self.dialer.said().unwrap_or_else(|| root(error));
            return EngineError::new(ErrorKind::Unreachable, format!("{address}: {said}"))
                .with_hint("try it by hand: ssh must log in without a question, and docker must be there");
        }
        let Some(io) = io else {
            return EngineError::new(ErrorKind::Unreachable, format!("{address}: {}", root(error)));
        };
        match (io.kind(), address) {
            (std::io::ErrorKind::NotFound, Address::Unix(path)) => {
                EngineError::new(ErrorKind::Unreachable, format!("there is no engine at {}", path.display()))
                    .with_hint(if path.as_path() == std::path::Path::new(DEFAULT) {
                        "is Docker installed and running? sudo systemctl start docker"
                    } else {
                        "is it running? check DOCKER_HOST or --host"
                    })
            }
            (std::io::ErrorKind::PermissionDenied, Address::Unix(path)) => {
                EngineError::new(ErrorKind::Permission, format!("{} may not be opened by this user", path.display()))
                    .with_hint("sudo usermod -aG docker $USER, then log in again; the docker group equals root")
            }
            (std::io::ErrorKind::ConnectionRefused, _) => {
                EngineError::new(ErrorKind::Unreachable, format!("nobody listens at {address}"))
                    .with_hint("the engine is not running: sudo systemctl start docker; journalctl -u docker tells why it stopped")
            }
            _ if chain(error).any(<dyn std::error::Error + 'static>::is::<rustls::Error>) || io.to_string().contains("certificate") => {
                EngineError::new(ErrorKind::Config, format!("TLS with {address} failed: {}", root(error)))
                    .with_hint("check DOCKER_CERT_PATH: ca.pem must have signed the engine's certificate, cert.pem and key.pem must be yours")
            }
            _ => EngineError::new(ErrorKind::Unreachable, format!("{address}: {}", root(error))),
        }
    }

    /// The words for a failure of the typed client.
    pub(super) fn failed(&self, what: &str, error: &bollard::errors::Error) -> EngineError {
        match error {
            bollard::errors::Error::DockerResponseServerError { status_code, message } => {
                answered(what, *status_code, message)
            }
            bollard::errors::Error::RequestTimeoutError => self.timeout(what, LONG),
            other => self.broken(other),
        }
    }
}

const DEFAULT: &str = super::DEFAULT_SOCKET;

/// The words for an answer that says no.
fn answered(what: &str, status: u16, message: &str) -> EngineError {
    let message = message.trim();
    let what = what.split('?').next().unwrap_or(what);
    let kind = match status {
        401 | 403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        _ => ErrorKind::Other,
    };
    if kind == ErrorKind::Forbidden {
        return EngineError::new(kind, format!("the API refuses {what} ({status})"))
            .with_hint("a socket proxy or an authorisation plugin does not let this pass");
    }
    let message = message.strip_prefix("Error response from daemon: ").unwrap_or(message);
    if message.is_empty() || message.starts_with('<') {
        EngineError::new(kind, format!("{what} was answered with {status}"))
    } else {
        EngineError::new(kind, message)
    }
}

fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |e| cause(*e))
}

/// What an error wraps; an I/O error hides that from `source`.
fn cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a (dyn std::error::Error + 'static)> {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    inner.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source())
}

/// The innermost cause: the outer ones only say that something failed.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
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
