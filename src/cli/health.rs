//! `ondeck health`: what works, what does not, since when and why

use std::process::ExitCode;

use clap::Args;

use crate::config::Config;
use crate::engine::Endpoint;

use super::Failure;

/// What works, what does not, since when and why
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs it; the endpoint is asked for when it is needed, since its settings may be wrong.
pub(super) fn run(
    _arguments: &Arguments,
    _config: &Config,
    _endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    Err(Failure::Told("not built yet".to_owned()))
}
