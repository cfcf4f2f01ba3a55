//! The only code that speaks to Docker.
//!
//! Everything above gets the types of [`model`], which are free of any client library, and
//! [`EngineError`], which says what happened, why, and what to do next.

mod error;
pub mod model;

pub use error::{EngineError, ErrorKind};
