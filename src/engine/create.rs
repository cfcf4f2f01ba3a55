//! What makes something: containers, networks, volumes, and files in containers.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Http, LONG, Payload, SHORT, escape};
use super::model::Id;
use super::raw::clean;
use super::{Engine, EngineError, Result};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
}

impl Engine {
    /// Makes a container from a body as `POST /containers/create` takes it; does not start it.
    pub async fn create_container(&self, name: &str, body: Value) -> Result<Id> {
        let path = format!("/containers/create?name={}", escape(name));
        let made: Created = self.http.ask(Method::POST, &path, Payload::Json(body), LONG).await?;
        Ok(clean(&made.id).into())
    }

    /// Waits until a container's main process ends; answers with its exit code.
    pub async fn wait(&self, id: &str, patience: Duration) -> Result<i64> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Waited {
            status_code: i64,
        }
        let path = format!("/containers/{}/wait", escape(id));
        Ok(self.http.ask::<Waited>(Method::POST, &path, Payload::Nothing, patience).await?.status_code)
    }

    /// Makes a network from a body as `POST /networks/create` takes it.
    pub async fn create_network(&self, body: Value) -> Result<Id> {
        let made: Created = self.http.ask(Method::POST, "/networks/create", Payload::Json(body), LONG).await?;
        Ok(clean(&made.id).into())
    }

    /// Makes a volume with labels; one of that name that is there already stays as it is.
    pub async fn create_volume(&self, name: &str, labels: &BTreeMap<String, String>) -> Result<()> {
        let body = json!({ "Name": name, "Labels": labels });
        self.http.deliver(Method::POST, "/volumes/create", Payload::Json(body), LONG).await.map(drop)
    }

    /// Unpacks a tar archive in a directory of a container, which need not run. A directory is never replaced
    /// by a file of its name.
    pub async fn put_archive(&self, container: &str, dir: &str, tar: Vec<u8>) -> Result<()> {
        let path = format!("/containers/{}/archive?noOverwriteDirNonDir=true&path={}", escape(container), escape(dir));
        let body = Payload::Tar(futures::stream::iter([Ok(Bytes::from(tar))]).boxed());
        self.http.deliver(Method::PUT, &path, body, LONG).await.map(drop)
    }

    /// A file or folder of a container, which need not run, as a tar archive. Paths in it begin with the last name of
    /// `path`. The engine makes it, so no program in the container has a say in it.
    pub async fn get_archive(&self, container: &str, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let path = format!("/containers/{}/archive?path={}", escape(container), escape(path));
        let response = self.http.deliver(Method::GET, &path, Payload::Nothing, LONG).await?;
        Ok(Http::pieces(response))
    }

    /// What the engine's host says the time is, less what this machine says, in seconds.
    pub async fn clock_skew(&self) -> Result<f64> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Info {
            system_time: String,
        }
        let info: Info = self.http.get("/info", SHORT).await?;
        let there: jiff::Timestamp = info.system_time.parse().map_err(|e| {
            EngineError::new(super::ErrorKind::Other, format!("the engine's time is not understood: {e}"))
        })?;
        Ok((there - jiff::Timestamp::now()).total(jiff::Unit::Second).unwrap_or_default())
    }
}
