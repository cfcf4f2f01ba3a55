//! Hosts and the one live picture of each: the [`Snapshot`], and the watcher that keeps it true.

mod cgroup;
pub mod snapshot;
mod stacks;
mod strain;
mod usage;
mod watcher;

pub use snapshot::{Access, HostLoad, Link, Listing, Listings, Service, Snapshot, Stack, Usage};
pub use stacks::stacks_of;
pub use strain::{Strain, container_in, strains};
pub use watcher::{Host, Options};
