//! What an API lets pass: a socket proxy or a plugin may stand before it.

use hyper::Method;

use super::http::SHORT;
use super::{Engine, ErrorKind, Result};

/// A thing that cannot be there, so that asking for something to be done to it does nothing.
const NOBODY: &str = "ondeck-no-such-container";

/// What is asked for, and whether it would change something.
const REQUESTS: &[(&str, Method, &str, bool)] = &[
    ("what the engine is", Method::GET, "/info", false),
    ("containers", Method::GET, "/containers/json?limit=1", false),
    ("logs", Method::GET, "/containers/{}/logs?stdout=1", false),
    ("files of containers", Method::GET, "/containers/{}/archive?path=/", false),
    ("images", Method::GET, "/images/json?filters=%7B%22reference%22%3A%5B%22ondeck%2Fnone%22%5D%7D", false),
    ("networks", Method::GET, "/networks", false),
    ("volumes", Method::GET, "/volumes", false),
    ("start, stop, remove", Method::POST, "/containers/{}/start", true),
    ("terminals and commands", Method::POST, "/containers/{}/exec", true),
    ("networks' changes", Method::DELETE, "/networks/{}", true),
    ("images' removal", Method::DELETE, "/images/{}", true),
];

/// Something that the API does not let pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What does not work for it, in a few words.
    pub what: &'static str,
    /// The request that was refused.
    pub request: String,
    /// Whether it would change something.
    pub changes: bool,
}

impl Engine {
    /// What the API refuses (401 or 403). Nothing is changed: what would change something asks for what is not there.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    pub async fn refusals(&self) -> Result<Vec<Refusal>> {
        let asked = REQUESTS.iter().map(|(what, method, path, changes)| async move {
            let path = path.replace("{}", NOBODY);
            match self.http.send(method.clone(), &path, SHORT).await {
                Err(e) if e.kind == ErrorKind::Forbidden => {
                    let path = path.split('?').next().unwrap_or(&path).replace(NOBODY, "ID");
                    Ok(Some(Refusal { what, request: format!("{method} {path}"), changes: *changes }))
                }
                Err(e) if e.kind == ErrorKind::Unreachable || e.kind == ErrorKind::Timeout => Err(e),
                _ => Ok(None),
            }
        });
        let all = futures::future::try_join_all(asked).await?;
        Ok(all.into_iter().flatten().collect())
    }
}
