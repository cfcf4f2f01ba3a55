//! Uploads and downloads.

use std::path::Path;

use super::model::Moved;
use super::{Place, Tell};
use crate::engine::Result;

pub(super) async fn upload(_: &Place, _: &Path, _: &str, _: bool, _: &Tell<'_>) -> Result<Moved> {
    Ok(Moved::default())
}

pub(super) async fn download(_: &Place, _: &str, _: &Path, _: bool, _: &Tell<'_>) -> Result<Moved> {
    Ok(Moved::default())
}
