//! What can go wrong between the panel and an engine.

use std::fmt;

/// What kind of trouble it is; decides what the panel does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection, or it broke: worth trying again.
    Unreachable,
    /// The socket's permissions forbid it.
    Permission,
    /// The API answered 401 or 403: a proxy or plugin that does not let this request pass.
    Forbidden,
    /// The thing is not there (404), perhaps not any more.
    NotFound,
    /// The thing is in a state or use that forbids it (409), such as a name that is taken.
    Conflict,
    /// The engine took too long.
    Timeout,
    /// The address, context, certificate or another setting is wrong.
    Config,
    /// Anything else the engine said.
    Other,
}

/// A failed request: what happened, why, and what to do next. Its texts hold no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    /// What kind of trouble it is.
    pub kind: ErrorKind,
    /// What was tried and why it failed, one sentence.
    pub message: String,
    /// What to do next; empty when there is nothing better than trying again.
    pub hint: String,
}

impl EngineError {
    /// An error of `kind` with a message that is cleaned of control characters.
    pub fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: crate::text::clean(message.as_ref()).into_owned(), hint: String::new() }
    }

    /// The same error with advice on what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl AsRef<str>) -> Self {
        // It may name contexts and files, which are not ours.
        self.hint = crate::text::clean(hint.as_ref()).into_owned();
        self
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for EngineError {}
