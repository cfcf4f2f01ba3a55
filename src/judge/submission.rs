//! A copy of a workspace, held where the learner cannot change it.

/// A copy of a workspace.
#[derive(Debug)]
pub struct Submission {}
