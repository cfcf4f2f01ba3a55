//! Hosts and the one live picture of each: the [`Snapshot`], and the watcher that keeps it true.

pub mod snapshot;

pub use snapshot::{Access, HostLoad, Link, Listing, Listings, Service, Snapshot, Stack, Usage};
