//! The Docker that a submission is judged on.

use crate::sessions::Session;

/// Where to judge.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// In a session that is there.
    Quick(Box<Session>),
    /// In one that is started for it.
    Clean,
}

/// The Docker that a submission is judged on.
pub struct Bench {}
