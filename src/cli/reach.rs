//! `ondeck reach`: whether one container can reach another

use std::process::ExitCode;

use clap::Args;

use crate::config::Config;
use crate::engine::Endpoint;

use super::Failure;

/// Whether one container can reach another
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// From this container
    from: String,
    /// To this one
    to: String,
}

/// Runs it; the endpoint is asked for when it is needed, since its settings may be wrong.
pub(super) fn run(
    _arguments: &Arguments,
    _config: &Config,
    _endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    Err(Failure::Told("not built yet".to_owned()))
}
