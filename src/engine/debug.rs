//! A helper beside a container that has no shell: another container, which shares its processes and network.

use serde_json::json;

use super::model::Id;
use super::{Engine, EngineError, ErrorKind, Result};

/// The label of a helper; its value is the container it helps with.
pub const DEBUG_LABEL: &str = "dev.ondeck.debug";

/// Images that have a shell and tools, the smallest first.
const KNOWN: [&str; 6] = ["busybox", "alpine", "debian", "ubuntu", "fedora", "nicolaka/netshoot"];

/// What the helper itself does: nothing, and not for ever, should whoever made it be gone.
const WAIT: &str = "trap 'exit 0' TERM HUP INT; sleep 86400 & wait";

/// A helper that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helper {
    /// Its identifier.
    pub id: Id,
    /// The image it was made from.
    pub image: String,
}

impl Engine {
    /// Starts a helper beside `target`, from `image` or else from one that the engine has and that surely has
    /// a shell. It is gone a day later at the latest; remove it when it is done with.
    pub async fn start_helper(&self, target: &str, image: Option<&str>) -> Result<Helper> {
        let image = match image {
            Some(image) => image.to_owned(),
            None => self.helper_image().await?,
        };
        // The way to the target's files leads through /proc/1/root, which asks for this. An engine that is itself
        // in a container may not have it to give.
        match self.helper_of(target, &image, &["SYS_PTRACE"]).await {
            Err(error) if error.kind == ErrorKind::Other => self.helper_of(target, &image, &[]).await,
            other => other,
        }
    }

    async fn helper_of(&self, target: &str, image: &str, capabilities: &[&str]) -> Result<Helper> {
        let body = json!({
            "Image": image, "Entrypoint": ["sh", "-c", WAIT], "Cmd": [], "User": "0",
            "Labels": { DEBUG_LABEL: target },
            "HostConfig": {
                "PidMode": format!("container:{target}"), "NetworkMode": format!("container:{target}"),
                "AutoRemove": true, "CapAdd": capabilities,
            },
        });
        let now = jiff::Timestamp::now().as_nanosecond().unsigned_abs();
        let short = target.get(..12).unwrap_or(target);
        let id = self.create_container(&format!("ondeck-debug-{short}-{:x}", now & 0xff_ffff), body).await?;
        if let Err(error) = self.start(&id).await {
            // It never ran, so it does not remove itself.
            let _ = self.remove(&id, true, true).await;
            return Err(error);
        }
        Ok(Helper { id, image: image.to_owned() })
    }

    /// An image that the engine has and that surely has a shell.
    pub async fn helper_image(&self) -> Result<String> {
        let images = self.images().await?;
        let tags: Vec<&String> = images.iter().flat_map(|i| &i.tags).collect();
        let is = |tag: &str, name: &str| {
            let repository = tag.rsplit_once(':').map_or(tag, |(r, _)| r);
            repository == name || repository.ends_with(&format!("/{name}"))
        };
        KNOWN.iter().find_map(|name| tags.iter().find(|t| is(t, name))).map(ToString::to_string).ok_or_else(|| {
            EngineError::new(ErrorKind::NotFound, "this host has no image that surely has a shell")
                .with_hint("pull busybox, alpine or debian, or name one as terminal.debug_image in the config file")
        })
    }
}
