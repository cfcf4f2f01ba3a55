//! The only code that speaks to Docker.
//!
//! Everything above gets the types of [`model`], which are free of any client library, and
//! [`EngineError`], which says what happened, why, and what to do next. Actions go through bollard;
//! what is listed or streamed is read by structures of our own, because engines from 20.10 to 29 and
//! podman leave different fields out and typed clients refuse such answers.
//!
//! Names, labels, messages and whatever else is one line of text has been cleaned of control characters
//! here, so nothing above can pass them to a terminal. Raw are only [`model::Inspection::raw`], its `env`,
//! the outputs of its probes, what `inspect_image`, `inspect_network` and `inspect_volume` answer, and
//! logs: whoever shows these cleans them.

mod access;
mod actions;
mod build;
mod containers;
mod create;
mod debug;
mod dial;
mod endpoint;
mod error;
mod exec;
mod failure;
mod http;
mod images;
mod listing;
pub mod model;
mod peek;
mod raw;
mod relay;
pub mod request;
mod ssh;
mod streams;

use std::sync::Arc;

pub use access::Refusal;
pub use actions::{Prune, Pruned};
pub use build::{BuildAsk, BuildSaid, Builder};
pub use debug::{DEBUG_LABEL, Helper};
pub use dial::AnyCertificate;
pub use endpoint::{Address, DEFAULT_SOCKET, Endpoint, Surroundings, TlsFiles};
pub use error::{EngineError, ErrorKind};
pub use exec::{Channel, ExecAsk, ExecState, PipedExec, Ran, TtyExec};
pub use relay::{ForChild, Relay};
pub use streams::LogAsk;

/// What every call answers with.
pub type Result<T> = std::result::Result<T, EngineError>;

/// A connection to one engine; clones share its pool.
#[derive(Clone)]
pub struct Engine {
    endpoint: Arc<Endpoint>,
    http: http::Http,
    /// For what is quick.
    docker: bollard::Docker,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.endpoint.address)
    }
}

impl Engine {
    /// A client of `endpoint`. Reads its certificates, but does not connect yet.
    pub fn connect(endpoint: &Endpoint) -> Result<Self> {
        let http = http::Http::new(endpoint)?;
        let docker = http.bollard()?;
        Ok(Self { endpoint: Arc::new(endpoint.clone()), http, docker })
    }

    /// Where it is connected to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}
