//! Containers for a moment: to try what a host allows, and to look at things as containers see them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::Sessions;
use crate::engine::model::Id;
use crate::engine::{Engine, EngineError, ErrorKind, ExecAsk, Ran, Result};

use super::image;
use super::start::{Rights, container, ready};

/// The label of a container that is there for a moment; its value says what for.
pub const TRIAL: &str = "dev.ondeck.trial";
/// Seconds after which one ends by itself, whatever became of who made it.
const LIFE: u32 = 30;
/// How long one waits for those that are being removed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Two layers on the volume that a session's Docker would have its data on.
const OVERLAY: &str =
    "cd /var/lib/docker && mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m && umount m";

/// Trials of this process that are there. A container belongs to its engine, not to a person, so this is one number.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Counts while it is there.
struct Open;

impl Open {
    fn new() -> Self {
        OPEN.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until what trials of this process made is gone, but not for ever.
pub async fn settled() {
    let gone = async {
        while OPEN.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // What is left then ends by itself.
    let _ = tokio::time::timeout(PATIENCE, gone).await;
}

/// A container that is there for a moment. It is removed with this value, and ends by itself where that fails.
pub struct Trial {
    engine: Engine,
    id: Id,
    open: Option<Open>,
}

impl Trial {
    /// Starts one of `image`, which has a shell, with a body as `POST /containers/create` takes it.
    pub async fn start(engine: &Engine, image: &str, what_for: &str, mut body: Value) -> Result<Self> {
        body["Image"] = json!(image);
        body["Entrypoint"] = json!(["sh", "-c", format!("sleep {LIFE}")]);
        body["Cmd"] = json!([]);
        body["User"] = json!("0");
        Self::begin(engine, what_for, body).await
    }

    /// Not given up half-way: what an engine is only about to make, nobody could take back.
    async fn begin(engine: &Engine, what_for: &str, mut body: Value) -> Result<Self> {
        body["Labels"][TRIAL] = json!(what_for);
        body["HostConfig"]["AutoRemove"] = json!(true);
        let engine = engine.clone();
        let made = tokio::spawn(async move {
            let open = Open::new();
            let now = jiff::Timestamp::now().as_nanosecond().unsigned_abs();
            let id = engine.create_container(&format!("ondeck-trial-{:x}", now & 0xff_ffff_ffff), body).await?;
            let trial = Self { engine, id, open: Some(open) };
            match trial.engine.start(&trial.id).await {
                Ok(()) => Ok(trial),
                Err(e) => {
                    trial.end().await;
                    Err(e)
                }
            }
        });
        made.await.map_err(|e| EngineError::new(ErrorKind::Other, e.to_string()))?
    }

    /// Runs a line of a shell in it.
    pub async fn run(&self, line: &str) -> Result<Ran> {
        self.engine.exec_run(&self.id, &ExecAsk::of(["sh", "-c", line])).await
    }

    /// Removes it, with its volumes.
    pub async fn end(mut self) {
        // It ends by itself, and is swept where the engine does not remove it then.
        let _ = self.engine.remove(&self.id, true, true).await;
        self.open = None;
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        let (engine, id) = (self.engine.clone(), self.id.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = engine.remove(&id, true, true).await;
                drop(open);
            });
        }
    }
}

/// Whether containers of a host may run a Docker of their own, as sessions do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nested {
    /// The Docker in one answered.
    Runs,
    /// The rights are given and layers can be mounted; the session image is not there yet to try more.
    Allowed,
    /// It may not, and why.
    Refused(String),
}

/// Tries whether containers of a host may run a Docker of their own: with the session image where it is there, else
/// with another that is. Makes a container for a moment.
///
/// # Errors
/// When it cannot be tried: no image is there, or the engine does not answer.
pub async fn nested(engine: &Engine, config: &Sessions) -> Result<Nested> {
    let tag = image::tag(config);
    let there = match engine.inspect_image(&tag).await {
        Ok(_) => true,
        Err(e) if e.kind == ErrorKind::NotFound => false,
        Err(e) => return Err(e),
    };
    let mut body = container(config, &tag, Rights::of(config));
    body["HostConfig"]["Mounts"] = json!([{ "Type": "volume", "Target": "/var/lib/docker" }]);
    body["Env"] = json!([format!("ONDECK_TTL={LIFE}"), format!("ONDECK_LONGEST={LIFE}")]);
    let begun = if there {
        Trial::begin(engine, "nested", body).await
    } else {
        Trial::start(engine, &engine.helper_image().await?, "nested", body).await
    };
    let trial = match begun {
        Ok(trial) => trial,
        Err(e) if e.kind == ErrorKind::Unreachable || e.kind == ErrorKind::Timeout => return Err(e),
        Err(e) => return Ok(Nested::Refused(e.message)),
    };
    let tried = if there {
        ready(engine, &trial.id).await.map(|()| Nested::Runs).or_else(|e| Ok(Nested::Refused(e.message)))
    } else {
        trial.run(OVERLAY).await.map(|ran| match ran.code {
            Some(0) => Nested::Allowed,
            _ => Nested::Refused(ran.last_words()),
        })
    };
    trial.end().await;
    tried
}
