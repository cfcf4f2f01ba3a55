//! Dockerfiles and `.dockerignore` files as text: read with recovery, judged, mended, completed.
//!
//! Everything here is pure: text in, facts out. Nothing waits, nothing touches Docker or the disk.

pub mod ignore;
