//! Builds: what is asked for, and what the engine tells meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use hyper::Method;
use serde_json::Value;

use super::http::{Http, LONG, Payload, SHORT, escape};
use super::images::told;
use super::streams::lines;
use super::{Engine, EngineError, ErrorKind, Result};

/// What in an engine makes images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builder {
    /// BuildKit, which does steps beside one another.
    BuildKit,
    /// The builder from before it, and those that speak like it, such as podman's.
    Classic,
}

impl std::fmt::Display for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BuildKit => "BuildKit",
            Self::Classic => "the classic builder",
        })
    }
}

/// An image to build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildAsk {
    /// What it is tagged with; not at all when empty.
    pub tag: String,
    /// The Dockerfile's path within the context; `Dockerfile` when empty.
    pub dockerfile: String,
    /// The stage to build; the last when `None`.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Whether every step is done anew.
    pub no_cache: bool,
    /// Whether base images are asked for at their registry, even when they are there.
    pub pull: bool,
    /// The platform, such as `linux/arm64`; the engine's own when `None`.
    pub platform: Option<String>,
    /// The network that commands of steps have, such as `none`; the builder's own when `None`.
    pub network: Option<String>,
    /// The builder to use; the best that the engine has when `None`.
    pub builder: Option<Builder>,
}

impl BuildAsk {
    /// The Dockerfile's path within the context.
    pub fn dockerfile(&self) -> &str {
        if self.dockerfile.is_empty() { "Dockerfile" } else { &self.dockerfile }
    }

    /// The request for it; `id` is what [`Engine::cancel_build`] ends.
    fn path(&self, builder: Builder, id: &str) -> String {
        let json = |map: &BTreeMap<String, String>| escape(&serde_json::to_string(map).unwrap_or_default());
        let mut path = format!(
            "/build?version={}&rm=1&forcerm=1&dockerfile={}&buildargs={}&labels={}",
            if builder == Builder::BuildKit { 2 } else { 1 },
            escape(self.dockerfile()),
            json(&self.args),
            json(&self.labels)
        );
        let mut more = |name: &str, value: &str| {
            if !value.is_empty() {
                path = format!("{path}&{name}={}", escape(value));
            }
        };
        more("t", &self.tag);
        more("target", self.target.as_deref().unwrap_or_default());
        more("platform", self.platform.as_deref().unwrap_or_default());
        more("networkmode", self.network.as_deref().unwrap_or_default());
        more("nocache", if self.no_cache { "1" } else { "" });
        more("pull", if self.pull { "1" } else { "" });
        more("buildid", id);
        path
    }
}

/// What an engine tells of a build. Nothing in it is cleaned yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildSaid {
    /// What BuildKit does, as the protobuf message of its status.
    Trace(Vec<u8>),
    /// The identifier of an image that was made.
    Image(String),
    /// A piece of what the classic builder prints.
    Text(String),
    /// What is done with something that is fetched.
    Fetch {
        /// What it is.
        id: String,
        /// What is done.
        status: String,
        /// Bytes so far.
        current: u64,
        /// Bytes in all; 0 when not known.
        total: u64,
    },
    /// The build failed.
    Failed {
        /// Why.
        message: String,
        /// The exit code of a step's program, where that is why.
        code: Option<i64>,
    },
}

impl Engine {
    /// The builder that an engine prefers.
    pub async fn builder(&self) -> Result<Builder> {
        let response = self.http.send(Method::GET, "/_ping", SHORT).await?;
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let api = header("api-version").unwrap_or_default();
        let minor = api.split_once('.').and_then(|(major, minor)| (major == "1").then(|| minor.parse::<u32>().ok())?);
        Ok(match header("builder-version").as_deref() {
            // Podman takes the same request, but has no BuildKit.
            _ if header("libpod-api-version").is_some() => Builder::Classic,
            Some("2") => Builder::BuildKit,
            Some("1") => Builder::Classic,
            // Engines that say nothing have both since BuildKit left its experiment, 18.09.
            _ if minor.is_some_and(|minor| minor >= 39) => Builder::BuildKit,
            _ => Builder::Classic,
        })
    }

    /// Builds an image from a tar archive. Dropping the answer ends the build, as far as the engine notices; see
    /// [`Engine::cancel_build`].
    pub async fn build(
        &self,
        ask: &BuildAsk,
        builder: Builder,
        id: &str,
        context: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<BoxStream<'static, Result<BuildSaid>>> {
        // Nothing is answered before all of the context is there, which is slow on a slow line.
        let patience = Duration::from_hours(4);
        let path = ask.path(builder, id);
        let response = self.http.deliver(Method::POST, &path, Payload::Tar(context), patience).await?;
        Ok(lines(Http::pieces(response)).filter_map(|line| async { line.and_then(|l| said(&l)).transpose() }).boxed())
    }

    /// Ends a build of BuildKit's; one that is over or unknown is no error.
    pub async fn cancel_build(&self, id: &str) -> Result<()> {
        self.http.send(Method::POST, &format!("/build/cancel?id={}", escape(id)), SHORT).await.map(drop)
    }

    /// Builds an image by the classic builder from a tar archive with a Dockerfile at its top; gives the lines
    /// that it prints, and fails as the build does.
    pub async fn build_image(&self, ask: &BuildAsk, context: Vec<u8>) -> Result<BoxStream<'static, Result<String>>> {
        let context = Payload::Tar(futures::stream::iter([Ok(Bytes::from(context))]).boxed());
        let response = self.http.deliver(Method::POST, &ask.path(Builder::Classic, ""), context, LONG).await?;
        Ok(told("POST /build", Http::pieces(response)))
    }
}

/// What one line of the answer says; `None` when it says nothing that is of use.
fn said(line: &[u8]) -> Result<Option<BuildSaid>> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let wrong =
        |why: String| EngineError::new(ErrorKind::Other, format!("the answer to POST /build is not understood: {why}"));
    let said: Value = serde_json::from_slice(line).map_err(|e| wrong(e.to_string()))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(message) = text(&said["errorDetail"]["message"]).or_else(|| text(&said["error"])) {
        return Ok(Some(BuildSaid::Failed { message, code: said["errorDetail"]["code"].as_i64() }));
    }
    if said["id"] == "moby.buildkit.trace" {
        let bytes = STANDARD.decode(said["aux"].as_str().unwrap_or_default()).map_err(|e| wrong(e.to_string()))?;
        return Ok(Some(BuildSaid::Trace(bytes)));
    }
    if let Some(id) = text(&said["aux"]["ID"]) {
        return Ok(Some(BuildSaid::Image(id)));
    }
    if let Some(stream) = text(&said["stream"]) {
        return Ok(Some(BuildSaid::Text(stream)));
    }
    Ok(text(&said["status"]).map(|status| BuildSaid::Fetch {
        id: text(&said["id"]).unwrap_or_default(),
        status,
        current: said["progressDetail"]["current"].as_u64().unwrap_or_default(),
        total: said["progressDetail"]["total"].as_u64().unwrap_or_default(),
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_told_apart() {
        let of = |line: &str| said(line.as_bytes()).unwrap();
        assert_eq!(of(r#"{"stream":"Step 1/2 : FROM x"}"#), Some(BuildSaid::Text("Step 1/2 : FROM x".into())));
        assert_eq!(of(r#"{"id":"moby.buildkit.trace","aux":"AAEC"}"#), Some(BuildSaid::Trace(vec![0, 1, 2])));
        assert_eq!(of(r#"{"id":"moby.image.id","aux":{"ID":"sha256:a"}}"#), Some(BuildSaid::Image("sha256:a".into())));
        assert_eq!(
            of(r#"{"errorDetail":{"code":3,"message":"no"},"error":"no"}"#),
            Some(BuildSaid::Failed { message: "no".into(), code: Some(3) })
        );
        assert_eq!(
            of(r#"{"status":"Downloading","progressDetail":{"current":3,"total":9},"id":"ab"}"#),
            Some(BuildSaid::Fetch { id: "ab".into(), status: "Downloading".into(), current: 3, total: 9 })
        );
        assert_eq!((of("{}"), of("\r\n"), of("[]"), of("3")), (None, None, None, None));
        assert!(said(b"<html>").is_err() && said(br#"{"id":"moby.buildkit.trace","aux":"!"}"#).is_err());
    }

    #[test]
    fn the_request_says_what_is_asked_for() {
        let ask = BuildAsk {
            tag: "a/b:1".into(),
            dockerfile: "sub dir/Dockerfile".into(),
            target: Some("base".into()),
            no_cache: true,
            ..BuildAsk::default()
        };
        assert_eq!(
            ask.path(Builder::BuildKit, "id1"),
            "/build?version=2&rm=1&forcerm=1&dockerfile=sub%20dir%2FDockerfile&buildargs=%7B%7D&labels=%7B%7D\
             &t=a%2Fb%3A1&target=base&nocache=1&buildid=id1"
        );
        assert!(
            BuildAsk::default()
                .path(Builder::Classic, "")
                .ends_with("dockerfile=Dockerfile&buildargs=%7B%7D&labels=%7B%7D")
        );
    }
}
