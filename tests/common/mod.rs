//! What several test files share.

pub mod bench;
pub mod docker;
pub mod fixture;
pub mod live;
pub mod pty;
pub mod stage;
