//! Hosts and the one live picture of each: the [`Snapshot`], and the watcher that keeps it true.

mod cgroup;
pub mod snapshot;
mod stacks;
mod usage;
mod watcher;

pub use snapshot::{Access, HostLoad, Link, Listing, Listings, Service, Snapshot, Stack, Usage};
pub use stacks::stacks_of;
pub use watcher::{Host, Options};
