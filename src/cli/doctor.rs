//! `ondeck doctor`: the host's own troubles

use std::process::ExitCode;

use clap::Args;

use crate::config::Config;

use super::Failure;

/// The host's own troubles
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs it; `host` is what the person gave with `--host`.
pub(super) fn run(_arguments: &Arguments, _config: &Config, _host: Option<&str>) -> Result<ExitCode, Failure> {
    Err(Failure::Told("not built yet".to_owned()))
}
