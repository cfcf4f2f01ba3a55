//! The real program in a real terminal: keys in, screen read by a terminal parser.

#![allow(clippy::unwrap_used, dead_code)]

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// How long a test waits for something that will surely come.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Default)]
struct Seen {
    parser: Option<vt100::Parser>,
    raw: Vec<u8>,
}

/// A terminal with the panel in it.
pub struct Terminal {
    master: File,
    child: Child,
    seen: Arc<Mutex<Seen>>,
    /// A place of its own for config files.
    pub home: tempfile::TempDir,
}

impl Terminal {
    /// Starts `ondeck ARGS` in a terminal of that size, with variables over an otherwise plain environment.
    pub fn start(columns: u16, rows: u16, args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::of(env!("CARGO_BIN_EXE_ondeck"), columns, rows, args, env)
    }

    /// Starts any program so.
    pub fn of(program: &str, columns: u16, rows: u16, args: &[&str], env: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        // setsid makes it the process's own terminal, so that hang-ups and the like arrive as they do in life.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program).args(args);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home.path()).env("TERM", "xterm-256color").env("LANG", "C.UTF-8").env("TZ", "UTC");
        command.envs(env.iter().map(|(k, v)| (OsStr::new(k), OsStr::new(v))));
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let child = command.spawn().unwrap();
        let master = File::from(master);
        let seen = Arc::new(Mutex::new(Seen { parser: Some(parser(columns, rows)), raw: Vec::new() }));
        let (mut reader, into) = (master.try_clone().unwrap(), seen.clone());
        std::thread::spawn(move || {
            let mut piece = [0; 16 << 10];
            // The read fails when the last process of the terminal ended.
            while let Ok(n @ 1..) = reader.read(&mut piece) {
                let mut seen = into.lock().unwrap();
                seen.raw.extend_from_slice(&piece[..n]);
                seen.parser.as_mut().unwrap().process(&piece[..n]);
            }
        });
        Self { master, child, seen, home }
    }

    /// What is on screen.
    pub fn screen(&self) -> String {
        self.seen.lock().unwrap().parser.as_ref().unwrap().screen().contents()
    }

    /// What is on screen, row by row, without what is left of spaces at their ends.
    pub fn rows(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let screen = seen.parser.as_ref().unwrap().screen();
        let (_, columns) = screen.size();
        screen.rows(0, columns.get()).map(|r| r.trim_end().to_owned()).collect()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All bytes that were written so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().raw.clone()
    }

    /// Types; `\x1b` and the like are the keys they stand for.
    pub fn keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen is as wanted; panics with the screen when it never is.
    pub fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            assert!(Instant::now() < until, "never: {what}\n{screen}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until `text` is on screen.
    pub fn see(&self, text: &str) -> String {
        self.wait(&format!("`{text}` on screen"), |s| s.contains(text))
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.seen.lock().unwrap().parser = Some(parser(columns, rows));
        tcsetwinsize(&self.master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    }

    /// Sends a signal to the panel.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until the panel has ended.
    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not end\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Checks that the terminal was given back as it was.
    pub fn is_sane(&self) {
        let modes = tcgetattr(&self.master).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "still raw: {modes:?}");
        let restored = |s: &Seen| {
            let screen = s.parser.as_ref().unwrap().screen();
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        };
        let until = Instant::now() + PATIENCE;
        while !restored(&self.seen.lock().unwrap()) {
            assert!(Instant::now() < until, "the screen was not given back");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parser(columns: u16, rows: u16) -> vt100::Parser {
    vt100::Parser::new(NonZeroU16::new(rows).unwrap(), NonZeroU16::new(columns).unwrap(), 0)
}
