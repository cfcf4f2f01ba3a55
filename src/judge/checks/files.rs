//! Checks on the files.

use super::super::check::Kind;

pub(super) const KINDS: &[Kind] = &[];
