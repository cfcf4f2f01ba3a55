//! Words for what file systems refuse, the same for sessions and the host.

use std::io;

use crate::engine::{EngineError, ErrorKind};

/// What was tried with which path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried<'a> {
    /// `opened`, `saved`.
    pub what: &'a str,
    pub path: &'a str,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// The number of the system's error, and its words.
    System(i32, String),
    /// A link on the way leads out of the workspace.
    Outside,
    /// It is a socket, pipe or device.
    Special,
    /// Its owner or group cannot be given to the file that would take its place.
    Owner,
}

impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        if let Some(Self::Outside) = error.get_ref().and_then(|e| e.downcast_ref::<Self>()) {
            return Self::Outside;
        }
        Self::System(error.raw_os_error().unwrap_or_default(), error.to_string())
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words().1)
    }
}

impl std::error::Error for Why {}

impl Why {
    /// The kind of trouble, why, and what to do.
    fn words(&self) -> (ErrorKind, String, &'static str) {
        let (kind, why, hint) = match self {
            Self::Outside => (
                ErrorKind::Permission,
                "a link in its path leads out of the workspace",
                "open what it leads to where that is, or copy it into the workspace",
            ),
            Self::Special => (ErrorKind::Conflict, "it is a socket, pipe or device, no file", ""),
            Self::Owner => (
                ErrorKind::Permission,
                "it belongs to someone else, and only root could keep that so",
                "save it under another name, or take it over first (chown)",
            ),
            // Linux's numbers: those that a session's program tells, and the host's own.
            Self::System(number, words) => match number {
                1 | 13 => (ErrorKind::Permission, "permission denied", "its owner or root may do that; see its mode"),
                2 => (
                    ErrorKind::NotFound,
                    "it, or its folder, is not there",
                    "make the folder first, or look at the listing again",
                ),
                17 => (
                    ErrorKind::Conflict,
                    "there is something of that name already",
                    "choose another name, or rename or remove what is there",
                ),
                18 => (ErrorKind::Conflict, "it would go to another file system", "copy it, then remove it here"),
                20 => (ErrorKind::Conflict, "part of its path is a file, no folder", ""),
                21 => (ErrorKind::Conflict, "it is a folder", ""),
                22 => (
                    ErrorKind::Config,
                    "the file system does not take this name or place",
                    "a folder cannot go into itself",
                ),
                26 => (ErrorKind::Conflict, "it is a program that runs", "stop the program first"),
                28 => (
                    ErrorKind::Other,
                    "the disk is full",
                    "remove something (docker system df shows what images and containers take), then try again; the text is not lost",
                ),
                122 => (ErrorKind::Other, "the quota of the disk is used up", "remove something, then try again"),
                30 => {
                    (ErrorKind::Permission, "the file system is read-only", "save it under a path that can be written")
                }
                36 => (ErrorKind::Config, "the name is too long", "choose a shorter one"),
                39 => (
                    ErrorKind::Conflict,
                    "there is a folder of that name, which is not empty",
                    "choose another name, or remove the folder",
                ),
                40 => (ErrorKind::Conflict, "links in its path lead in a circle", "remove one of the links"),
                _ => return (ErrorKind::Other, crate::text::clean(words.trim()).into_owned(), ""),
            },
        };
        (kind, why.to_owned(), hint)
    }

    /// The whole error.
    pub(super) fn of(&self, tried: Tried<'_>) -> EngineError {
        let (kind, why, hint) = self.words();
        EngineError::new(kind, format!("{} cannot be {}: {why}", tried.path, tried.what)).with_hint(hint)
    }
}

/// The error of a file of this machine.
pub(super) fn io(tried: Tried<'_>) -> impl FnOnce(io::Error) -> EngineError {
    move |error| Why::from(error).of(tried)
}
