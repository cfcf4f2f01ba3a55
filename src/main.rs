//! The `ondeck` command: opens the panel, or runs one subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    ondeck::cli::main()
}
