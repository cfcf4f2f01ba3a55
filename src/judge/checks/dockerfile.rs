//! Checks on the text of the Dockerfile.

use super::super::check::Kind;

pub(super) const KINDS: &[Kind] = &[];
