//! What happens in a workspace.

use futures::StreamExt;
use futures::stream::BoxStream;

use super::Workspace;
use super::model::Change;
use crate::engine::Result;

pub(super) async fn watch(_: &Workspace) -> Result<BoxStream<'static, Change>> {
    Ok(futures::stream::pending().boxed())
}
