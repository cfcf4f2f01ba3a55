//! What changes something: start, stop, remove, prune, pull.

use std::collections::HashMap;

use bollard::query_parameters::{
    CreateImageOptionsBuilder, KillContainerOptionsBuilder, PruneBuildOptionsBuilder, PruneImagesOptionsBuilder,
    PruneVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptionsBuilder,
    RenameContainerOptionsBuilder, RestartContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use hyper::Method;

use super::http::{SHORT, escape};
use super::raw::{clean, count};
use super::{Engine, ErrorKind, Result};

/// What to prune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// Containers that do not run.
    Containers,
    /// Images without a tag; with `all` every image that no container uses.
    Images {
        /// Also those with a tag.
        all: bool,
    },
    /// Networks that nothing is attached to.
    Networks,
    /// Volumes that no container uses, named ones included.
    Volumes,
    /// Build cache that is not in use.
    BuildCache,
}

/// What a prune removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Identifiers or names.
    pub removed: Vec<String>,
    /// Bytes that came free.
    pub freed: u64,
}

macro_rules! call {
    ($self:ident, $what:expr, $future:expr) => {
        $future.await.map_err(|e| $self.http.failed(&$what, &e))
    };
}

impl Engine {
    /// Whether anything may be changed: asks for the start of a container that cannot exist. An engine
    /// answers that with 404; a read-only proxy with 403.
    pub async fn can_write(&self) -> Result<()> {
        match self.http.send(Method::POST, "/containers/ondeck-no-such-container/start", SHORT).await {
            Err(e) if e.kind == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
            Ok(_) => Ok(()),
        }
    }

    /// Starts a container; one that runs already is fine.
    pub async fn start(&self, id: &str) -> Result<()> {
        call!(self, format!("POST /containers/{id}/start"), self.docker.start_container(id, None))
    }

    /// Stops a container: SIGTERM, then SIGKILL after `grace` seconds (the container's own when `None`).
    pub async fn stop(&self, id: &str, grace: Option<i32>) -> Result<()> {
        let options = grace.map(|t| StopContainerOptionsBuilder::default().t(t).build());
        call!(self, format!("POST /containers/{id}/stop"), self.docker.stop_container(id, options))
    }

    /// Stops and starts a container.
    pub async fn restart(&self, id: &str, grace: Option<i32>) -> Result<()> {
        let options = grace.map(|t| RestartContainerOptionsBuilder::default().t(t).build());
        call!(self, format!("POST /containers/{id}/restart"), self.docker.restart_container(id, options))
    }

    /// Freezes a container's processes.
    pub async fn pause(&self, id: &str) -> Result<()> {
        call!(self, format!("POST /containers/{id}/pause"), self.docker.pause_container(id))
    }

    /// Lets a frozen container's processes go on.
    pub async fn unpause(&self, id: &str) -> Result<()> {
        call!(self, format!("POST /containers/{id}/unpause"), self.docker.unpause_container(id))
    }

    /// Sends a signal to a container's main process.
    pub async fn kill(&self, id: &str, signal: &str) -> Result<()> {
        let options = KillContainerOptionsBuilder::default().signal(signal).build();
        call!(self, format!("POST /containers/{id}/kill"), self.docker.kill_container(id, Some(options)))
    }

    /// Removes a container; `force` also one that runs, `volumes` with its anonymous volumes.
    pub async fn remove(&self, id: &str, force: bool, volumes: bool) -> Result<()> {
        let options = RemoveContainerOptionsBuilder::default().force(force).v(volumes).build();
        call!(self, format!("DELETE /containers/{id}"), self.docker.remove_container(id, Some(options)))
    }

    /// Gives a container another name.
    pub async fn rename(&self, id: &str, to: &str) -> Result<()> {
        let options = RenameContainerOptionsBuilder::default().name(to).build();
        call!(self, format!("POST /containers/{id}/rename"), self.docker.rename_container(id, options))
    }

    /// Removes an image or one of its tags; answers with what was untagged and deleted.
    pub async fn remove_image(&self, name: &str, force: bool) -> Result<Vec<String>> {
        let options = RemoveImageOptionsBuilder::default().force(force).build();
        let gone = call!(self, format!("DELETE /images/{name}"), self.docker.remove_image(name, Some(options), None))?;
        Ok(gone
            .into_iter()
            .filter_map(|i| i.deleted.map(|d| format!("deleted {d}")).or(i.untagged.map(|u| format!("untagged {u}"))))
            .map(|line| clean(&line))
            .collect())
    }

    /// Removes a network.
    pub async fn remove_network(&self, id: &str) -> Result<()> {
        call!(self, format!("DELETE /networks/{id}"), self.docker.remove_network(id))
    }

    /// Removes a volume and what it holds.
    pub async fn remove_volume(&self, name: &str, force: bool) -> Result<()> {
        let options = RemoveVolumeOptionsBuilder::default().force(force).build();
        call!(self, format!("DELETE /volumes/{name}"), self.docker.remove_volume(name, Some(options)))
    }

    /// Removes what is unused.
    pub async fn prune(&self, what: Prune) -> Result<Pruned> {
        let pruned = |removed: Vec<String>, freed: Option<i64>| Pruned {
            removed: removed.iter().map(|name| clean(name)).collect(),
            freed: count(freed.unwrap_or(0)),
        };
        match what {
            Prune::Containers => {
                let r = call!(self, "POST /containers/prune", self.docker.prune_containers(None))?;
                Ok(pruned(r.containers_deleted.unwrap_or_default(), r.space_reclaimed))
            }
            Prune::Images { all } => {
                let filters = HashMap::from([("dangling", vec![if all { "false" } else { "true" }])]);
                let options = PruneImagesOptionsBuilder::default().filters(&filters).build();
                let r = call!(self, "POST /images/prune", self.docker.prune_images(Some(options)))?;
                let gone = r.images_deleted.unwrap_or_default().into_iter().filter_map(|i| i.deleted.or(i.untagged));
                Ok(pruned(gone.collect(), r.space_reclaimed))
            }
            Prune::Networks => {
                let r = call!(self, "POST /networks/prune", self.docker.prune_networks(None))?;
                Ok(pruned(r.networks_deleted.unwrap_or_default(), None))
            }
            Prune::Volumes => {
                // Engines from 23 on spare named volumes unless all are asked for; older ones do not know the word.
                let newer =
                    self.info().await?.api_version.split_once('.').is_some_and(|(_, m)| m.parse().unwrap_or(0) >= 42);
                let filters = HashMap::from([("all", vec!["true"])]);
                let options = newer.then(|| PruneVolumesOptionsBuilder::default().filters(&filters).build());
                let r = call!(self, "POST /volumes/prune", self.docker.prune_volumes(options))?;
                Ok(pruned(r.volumes_deleted.unwrap_or_default(), r.space_reclaimed))
            }
            Prune::BuildCache => {
                let options = PruneBuildOptionsBuilder::default().all(true).build();
                let r = call!(self, "POST /build/prune", self.docker.prune_build(Some(options)))?;
                Ok(pruned(r.caches_deleted.unwrap_or_default(), r.space_reclaimed))
            }
        }
    }

    /// Removes build cache that nothing used for so long, such as `24h`.
    pub async fn prune_cache(&self, unused: &str) -> Result<Pruned> {
        let filters = HashMap::from([("until", vec![unused])]);
        let options = PruneBuildOptionsBuilder::default().all(true).filters(&filters).build();
        let r = call!(self, "POST /build/prune", self.docker.prune_build(Some(options)))?;
        Ok(Pruned {
            removed: r.caches_deleted.unwrap_or_default().iter().map(|name| clean(name)).collect(),
            freed: count(r.space_reclaimed.unwrap_or(0)),
        })
    }

    /// Pulls an image; each item is a line of progress.
    pub fn pull(&self, image: &str) -> BoxStream<'static, Result<String>> {
        let (name, tag) = reference(image);
        let options = CreateImageOptionsBuilder::default().from_image(name).tag(tag).build();
        let http = self.http.clone();
        let what = format!("POST /images/create?fromImage={}", escape(image));
        let docker = self.docker.clone();
        docker
            .create_image(Some(options), None, None)
            .map(move |item| {
                let item = item.map_err(|e| http.failed(&what, &e))?;
                let layer = item.id.map_or(String::new(), |id| format!("{id}: "));
                Ok(clean(&format!("{layer}{}", item.status.unwrap_or_default())))
            })
            .boxed()
    }
}

/// An image's name, and its tag or digest: a pull without either would fetch every tag there is.
fn reference(image: &str) -> (&str, &str) {
    if let Some(parts) = image.split_once('@') {
        return parts;
    }
    match image.rsplit_once(':') {
        // A colon before a slash is that of a registry's port.
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::reference;

    #[test]
    fn references_come_apart_at_the_tag_or_digest() {
        for (image, parts) in [
            ("redis", ("redis", "latest")),
            ("redis:7", ("redis", "7")),
            ("host:5000/team/app", ("host:5000/team/app", "latest")),
            ("host:5000/team/app:1", ("host:5000/team/app", "1")),
            ("redis@sha256:ab", ("redis", "sha256:ab")),
        ] {
            assert_eq!(reference(image), parts, "{image}");
        }
    }
}
