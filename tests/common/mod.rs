//! What several test files share.

pub mod at_lab;
pub mod bench;
pub mod court;
pub mod desk;
pub mod docker;
pub mod fixture;
pub mod guest;
pub mod labs;
pub mod live;
pub mod pty;
pub mod stage;
pub mod ward;
pub mod wrecks;
