//! Images as streams: out of an engine and into one.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use hyper::Method;
use serde_json::Value;

use super::failure::answered;
use super::http::{Http, LONG, Payload, escape};
use super::streams::lines;
use super::{Engine, EngineError, ErrorKind, Result};

impl Engine {
    /// Images with all their layers and tags, as one tar archive.
    pub async fn save_images(&self, names: &[String]) -> Result<BoxStream<'static, Result<Bytes>>> {
        let names: Vec<String> = names.iter().map(|n| format!("names={}", escape(n))).collect();
        let response = self.http.send(Method::GET, &format!("/images/get?{}", names.join("&")), LONG).await?;
        Ok(Http::pieces(response))
    }

    /// Takes in what [`Engine::save_images`] gave out; ends once all of it is there.
    pub async fn load_images(&self, tar: BoxStream<'static, std::io::Result<Bytes>>) -> Result<()> {
        let patience = Duration::from_hours(1);
        let response = self.http.deliver(Method::POST, "/images/load?quiet=1", Payload::Tar(tar), patience).await?;
        told("POST /images/load", Http::pieces(response)).try_for_each(|_| async { Ok(()) }).await
    }
}

/// The lines of an answer that tells what is done while it is done. Pieces of lines are put together.
pub(super) fn told(
    what: &'static str,
    pieces: BoxStream<'static, Result<Bytes>>,
) -> BoxStream<'static, Result<String>> {
    let mut rest = String::new();
    lines(pieces)
        .map(move |line| {
            let line = line?;
            let said: Value = serde_json::from_slice(&line).map_err(|e| {
                EngineError::new(ErrorKind::Other, format!("the answer to {what} is not understood: {e}"))
            })?;
            if let Some(error) = said["error"].as_str() {
                return Err(answered(what, 500, error));
            }
            rest.push_str(said["stream"].as_str().or_else(|| said["status"].as_str()).unwrap_or_default());
            if said["status"].is_string() {
                rest.push('\n');
            }
            let end = rest.rfind('\n').map_or(0, |i| i + 1);
            let whole: Vec<String> = rest[..end].lines().map(|l| crate::text::clean(l).into_owned()).collect();
            rest.drain(..end);
            Ok(whole)
        })
        .map_ok(|lines| futures::stream::iter(lines.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
}
