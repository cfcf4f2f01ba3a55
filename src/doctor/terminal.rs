//! What the terminal of a process can do, as far as its environment tells.

use std::io;

use crate::config::{Depth, Symbols};

use super::Terminal;

impl Terminal {
    /// That of this process: of its standard output, or of where it reports to.
    pub fn of_process() -> Self {
        let sizes = [
            rustix::termios::tcgetwinsize(io::stdout()),
            rustix::termios::tcgetwinsize(io::stderr()),
            rustix::termios::tcgetwinsize(io::stdin()),
        ];
        let size = sizes.into_iter().flatten().map(|s| (s.ws_col, s.ws_row)).find(|s| s.0 > 0 && s.1 > 0);
        let colours = match Depth::detect() {
            Depth::None => "none",
            Depth::Ansi16 => "16",
            Depth::Ansi256 => "256",
            Depth::True => "true",
        };
        Self {
            size,
            colours: colours.to_owned(),
            utf8: !Symbols::detect().ascii,
            kind: std::env::var("TERM").unwrap_or_default(),
        }
    }
}
