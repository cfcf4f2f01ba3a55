//! Building an image from a workspace, and running it: the context as docker would send it, the steps as they
//! go, what came out, and why something did not start.
//!
//! ```text
//! Source ─► Context (listed, ignored files left out) ─► tar ─► engine ─► trace / classic ─► BuildEvent ─► Build
//! ```
//!
//! BuildKit is asked without a session of its own protocol: the context goes as one archive, and the engine tells
//! of the steps in the answer. That needs no second connection and works wherever the API does. What it cannot do are
//! `RUN --mount=type=secret` and `ssh`, base images that want a login, and one thing more: the Dockerfile has to
//! be in the context, so `COPY . .` sees it even where `.dockerignore` hides it ([`BuildEvent::Note`] says so).

mod classic;
mod context;
mod failure;
mod layers;
mod output;
mod pack;
mod place;
pub mod run;
mod send;
mod site;
mod steps;
mod trace;

pub use crate::engine::{BuildAsk, Builder};
pub use context::{Context, ContextSeen, LARGE, Skipped, Source, Whether};
pub use failure::Failure;
pub use layers::{Built, Difference, LayerOf, compare};
pub use output::{Output, OutputLine};
pub use place::StepPlace;
pub use send::{Ended, build};
pub use site::Site;
pub use steps::{Build, BuildEvent, BuildState, Step, StepSeen, StepState};
