//! Files of a session, through a program that is run in it.

use std::time::Duration;

use jiff::Timestamp;

use super::model::{self, Entry, Inside, Kind, Listing, Opened, Saved, Stamp, Weight};
use super::trouble::{Tried, Why};
use super::{Expect, LARGEST, LEFT, MOST, form};
use crate::engine::{Engine, EngineError, ErrorKind, ExecAsk, Ran, Result};

/// What is run in sessions.
const PROGRAM: &str = include_str!("session.pl");
/// The most bytes that a listing has.
const LISTING: usize = 3 << 20;
/// How long one file may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// What an answer is besides a file's bytes or a listing.
const ROOM: usize = 1 << 20;

/// Where a session's files are.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub engine: &'a Engine,
    pub container: &'a str,
    pub root: &'a str,
}

/// The program with what it shall do.
pub(super) fn ask(root: &str, operation: &str, args: &[&str]) -> ExecAsk {
    let command = ["perl", "-e", PROGRAM, "--", operation, root].iter().chain(args).map(|a| (*a).to_owned()).collect();
    ExecAsk { command, env: vec!["LC_ALL=C".into()], dir: Some("/".into()), ..ExecAsk::default() }
}

/// The fields of an answer.
pub(super) struct Answer<'a> {
    rest: &'a [u8],
}

impl<'a> Answer<'a> {
    /// An answer's fields after `ok` or `changed` and whether it was the latter; else what went wrong.
    pub(super) fn of(out: &'a [u8], err: &[u8], tried: Tried<'_>) -> Result<(Self, bool)> {
        let mut answer = Self { rest: out };
        match answer.field() {
            Some(b"ok") => Ok((answer, false)),
            Some(b"changed") => Ok((answer, true)),
            Some(b"fail") => {
                let code = String::from_utf8_lossy(answer.field().unwrap_or_default()).into_owned();
                let words = String::from_utf8_lossy(answer.field().unwrap_or_default()).into_owned();
                Err(refused(&code, words, err).of(tried))
            }
            _ => Err(unfinished(tried, err)),
        }
    }

    /// The next field; `None` when the answer broke off.
    pub(super) fn field(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(0, self.rest)?;
        let (field, rest) = (&self.rest[..end], &self.rest[end + 1..]);
        self.rest = rest;
        Some(field)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        self.field().and_then(|f| std::str::from_utf8(f).ok())
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    fn time(&mut self) -> Option<Timestamp> {
        moment(self.text()?)
    }
}

/// Seconds since 1970 with a fraction.
fn moment(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let nanos: i32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let whole: i64 = seconds.parse().ok()?;
    Timestamp::new(whole, if seconds.starts_with('-') { -nanos } else { nanos }).ok()
}

fn refused(code: &str, words: String, err: &[u8]) -> Why {
    let err = String::from_utf8_lossy(err);
    match code {
        "outside" => Why::Outside,
        "special" => Why::Special,
        "owner" => Why::Owner,
        // A disk that takes the beginning of a piece is as full as one that takes nothing.
        "tar" if err.contains("No space left") || err.contains(": Wrote only ") => Why::System(28, String::new()),
        "tar" if err.contains("quota exceeded") => Why::System(122, String::new()),
        "tar" => Why::System(0, err.lines().next().unwrap_or("tar failed").to_owned()),
        "short" => Why::System(0, "not all of it arrived; nothing was changed".into()),
        number => Why::System(number.parse().unwrap_or_default(), words),
    }
}

/// The program ended without an answer.
fn unfinished(tried: Tried<'_>, err: &[u8]) -> EngineError {
    let words = Ran { err: err.to_vec(), ..Ran::default() }.last_words();
    let words = if words.is_empty() { String::new() } else { format!(": {words}") };
    EngineError::new(
        ErrorKind::Unreachable,
        format!("the session ended, or was cut off, before {} was {}{words}", tried.path, tried.what),
    )
    .with_hint("does the session still run? (ondeck session ls) What was typed is kept")
}

/// What a command that could not even begin says.
fn begun(ran: &Ran, tried: Tried<'_>) -> Result<()> {
    let words = ran.last_words();
    if matches!(ran.code, Some(126 | 127)) {
        return Err(EngineError::new(ErrorKind::Other, format!("{} cannot be {}: {words}", tried.path, tried.what))
            .with_hint("files are worked on with perl, which every session has and this container has not"));
    }
    Ok(())
}

impl At<'_> {
    async fn run(&self, tried: Tried<'_>, operation: &str, args: &[&str], input: &[u8], most: usize) -> Result<Ran> {
        let ask = ask(self.root, operation, args);
        let running = self.engine.exec_kept(self.container, &ask, input, most);
        // What goes through a whole folder takes as long as that has files.
        let patience = if matches!(operation, "remove" | "weigh") { 20 * PATIENCE } else { PATIENCE };
        let ran = tokio::time::timeout(patience, running).await.map_err(|_| {
            let message = format!(
                "{} cannot be {}: the session gave no answer within {} s",
                tried.path,
                tried.what,
                patience.as_secs()
            );
            EngineError::new(ErrorKind::Timeout, message)
                .with_hint("is its host, or its disk, busy? Look, then try again")
        })??;
        begun(&ran, tried)?;
        Ok(ran)
    }

    /// Does something of which only the success matters.
    async fn act(&self, tried: Tried<'_>, operation: &str, args: &[&str]) -> Result<()> {
        let ran = self.run(tried, operation, args, &[], ROOM).await?;
        Answer::of(&ran.out, &ran.err, tried).map(drop)
    }

    pub(super) async fn list(&self) -> Result<Listing> {
        let tried = Tried { what: "listed", path: self.root };
        let (most, room) = (MOST.to_string(), LISTING.to_string());
        let args: Vec<&str> = [most.as_str(), &room].into_iter().chain(LEFT).collect();
        let ran = self.run(tried, "list", &args, &[], LISTING + 2 * ROOM).await?;
        let (answer, _) = Answer::of(&ran.out, &ran.err, tried)?;
        listed(answer).ok_or_else(|| unfinished(tried, &ran.err))
    }

    pub(super) async fn read(&self, path: &str) -> Result<Opened> {
        let tried = Tried { what: "opened", path };
        let ran = self.run(tried, "read", &[path, &LARGEST.to_string()], &[], LARGEST as usize + ROOM).await?;
        let (answer, _) = Answer::of(&ran.out, &ran.err, tried)?;
        let found = opened(answer).ok_or_else(|| unfinished(tried, &ran.err))?;
        found.map(|(opened, _)| opened).ok_or_else(|| Why::System(2, String::new()).of(tried))
    }

    pub(super) async fn save(&self, path: &str, bytes: &[u8], expect: &Expect) -> Result<Saved> {
        let tried = Tried { what: "saved", path };
        let expect = match expect {
            Expect::Anything => "*",
            Expect::Nothing => "",
            Expect::Hash(hash) => hash,
        };
        let (length, limit) = (bytes.len().to_string(), LARGEST.to_string());
        let args = [path, expect, &length, &limit];
        let ran = self.run(tried, "save", &args, bytes, LARGEST as usize + ROOM).await?;
        let (mut answer, changed) = Answer::of(&ran.out, &ran.err, tried)?;
        if changed {
            let found = opened(answer).ok_or_else(|| unfinished(tried, &ran.err))?;
            let (theirs, stamp) = found.map_or((None, None), |(opened, stamp)| (Some(opened), stamp));
            return Ok(Saved::Changed { theirs, stamp });
        }
        answer.field();
        stamp(&mut answer, form::hash(bytes)).map(Saved::Done).ok_or_else(|| unfinished(tried, &ran.err))
    }

    pub(super) async fn create(&self, path: &str, folder: bool) -> Result<()> {
        let kind = if folder { "folder" } else { "file" };
        self.act(Tried { what: "made", path }, "create", &[path, kind]).await
    }

    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.act(Tried { what: &format!("renamed to {to}"), path: from }, "rename", &[from, to]).await
    }

    pub(super) async fn remove(&self, path: &str) -> Result<()> {
        self.act(Tried { what: "removed", path }, "remove", &[path]).await
    }

    pub(super) async fn weigh(&self, path: &str) -> Result<Weight> {
        let tried = Tried { what: "weighed", path };
        let ran = self.run(tried, "weigh", &[path], &[], ROOM).await?;
        let (mut answer, _) = Answer::of(&ran.out, &ran.err, tried)?;
        let mut next = || answer.number().ok_or_else(|| unfinished(tried, &ran.err));
        Ok(Weight { files: next()?, folders: next()?, bytes: next()? })
    }
}

fn stamp(answer: &mut Answer<'_>, hash: String) -> Option<Stamp> {
    Some(Stamp { size: answer.number()?, modified: answer.time()?, inode: answer.number()?, hash })
}

/// A file, and what to expect of it; inside `None` when it is gone, outside when the answer is not whole.
#[allow(clippy::option_option)]
fn opened(mut answer: Answer<'_>) -> Option<Option<(Opened, Option<Stamp>)>> {
    let kind = answer.field()?;
    let mut stamp = stamp(&mut answer, String::new())?;
    let writable = answer.field()? == b"1";
    Some(match kind {
        b"gone" => None,
        b"large" => Some((Opened::TooLarge { size: stamp.size, limit: LARGEST }, None)),
        b"file" if answer.rest.len() as u64 == stamp.size => {
            stamp.hash = form::hash(answer.rest);
            Some((form::opened(answer.rest.to_vec(), stamp.clone(), writable), Some(stamp)))
        }
        _ => return None,
    })
}

/// The entries of a listing; `None` when it is not whole.
fn listed(mut answer: Answer<'_>) -> Option<Listing> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut less = std::collections::HashMap::new();
    let mut cut = false;
    loop {
        let kind = answer.field()?;
        let (size, mode, modified) = (answer.number()?, answer.number()? as u32, answer.time()?);
        let (path, extra) = (answer.field()?, String::from_utf8_lossy(answer.field()?));
        let exact = std::str::from_utf8(path).is_ok();
        let path = String::from_utf8_lossy(path).into_owned();
        let kind = match kind {
            b"f" => Kind::File,
            b"d" => Kind::Folder(if extra == "left" { Inside::Left } else { Inside::Listed }),
            b"l" | b"L" => Kind::Link { to: extra.into_owned(), folder: kind == b"L" },
            b"u" => {
                let why = if extra == "cut" {
                    cut = true;
                    Inside::Cut
                } else {
                    Inside::Unreadable(crate::text::clean(&extra).into_owned())
                };
                less.insert(path, why);
                continue;
            }
            b"end" => break,
            _ => Kind::Other,
        };
        entries.push(Entry { path, kind, size, mode, modified, exact });
    }
    for entry in &mut entries {
        if let (Kind::Folder(inside), Some(why)) = (&mut entry.kind, less.remove(&entry.path)) {
            *inside = why;
        }
    }
    model::in_order(&mut entries);
    Some(Listing { entries, cut })
}
