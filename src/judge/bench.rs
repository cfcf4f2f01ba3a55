//! The Docker that a submission is judged on.
//!
//! A bench is the Docker of a session: one that is there ([`Way::Quick`]), or one that is started for it and ended
//! afterwards ([`Way::Clean`]). All that it makes there bears its [`Mark`], by which it is taken away again, by this
//! bench or, where its program was killed, by the next. What it tells of images and containers is what that Docker's
//! API says; programs of a session serve only to reach ports and kernel tables, by their whole paths.

mod build;
mod edit;
mod inside;
mod layers;
mod mark;
mod run;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};

use futures::future::join_all;

use super::{Event, Tell, Trouble};
use crate::config::Sessions;
use crate::engine::{Engine, EngineError, ErrorKind};
use crate::labs::{self, Lab};
use crate::sessions::{self, Progress, Session};
use mark::Mark;

pub(crate) use build::{Image, Made, Wish, build, build_in};
pub(crate) use edit::{Edit, Edited};
pub(crate) use layers::{Entry, EntryKind, Layer};
pub(crate) use run::{Running, Variant, note_log, run, start};

/// Seconds that a session for judging lives longer than judging may take.
const MORE: u64 = 60;

/// Where to judge.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// In a session that is there.
    Quick(Box<Session>),
    /// In one that is started for it.
    Clean,
}

/// A project as compose understood it, and where its files are in the session.
#[derive(Debug, Clone)]
pub struct Composed {
    /// All of it, with nothing left out that is only meant.
    pub model: serde_json::Value,
    /// The folder of the submission's files in the session.
    pub dir: String,
}

/// The Docker that a submission is judged on.
pub struct Bench {
    /// The Docker itself.
    engine: Engine,
    /// The engine that carries the session.
    outer: Engine,
    session: Session,
    /// Whether the session was started for this.
    fresh: bool,
    mark: Mark,
    /// The lab's own images.
    images: Vec<String>,
    builds: Vec<(Wish, Made)>,
    runs: BTreeMap<String, Running>,
    network: Option<String>,
    /// Compose projects that were read, by their files.
    pub(super) composed: BTreeMap<String, Composed>,
    /// Layers of the lab's own images, by their digests; known once asked for.
    base: Option<BTreeSet<String>>,
    scans: BTreeMap<String, std::sync::Arc<Vec<Layer>>>,
    closed: bool,
}

impl Bench {
    /// Makes it ready. When `cancel` comes first, what was begun is taken back before this ends.
    ///
    /// # Errors
    /// What prevents that.
    pub async fn open(
        engine: &Engine,
        config: &Sessions,
        lab: &Lab,
        way: Way,
        owner: &str,
        tell: &Tell<'_>,
        cancel: impl Future<Output = ()>,
    ) -> Result<Self, Trouble> {
        let mut cancel = pin!(cancel);
        let mark = Mark::new();
        let (session, fresh) = match way {
            Way::Quick(session) => (*session, false),
            Way::Clean => (session_for(engine, config, lab, owner, &mark, tell, cancel.as_mut()).await?, true),
        };
        let inner = Engine::connect(&session.endpoint(engine.endpoint()))?;
        let bench = Self {
            engine: inner,
            outer: engine.clone(),
            session,
            fresh,
            mark,
            images: lab.images.iter().map(|image| image.name.clone()).collect(),
            builds: Vec::new(),
            runs: BTreeMap::new(),
            network: None,
            composed: BTreeMap::new(),
            base: None,
            scans: BTreeMap::new(),
            closed: false,
        };
        let ready = tokio::select! {
            ready = bench.make_ready(lab, tell) => ready,
            () = cancel => Err(Trouble::cancelled()),
        };
        if let Err(trouble) = ready {
            bench.close().await;
            return Err(trouble);
        }
        Ok(bench)
    }

    async fn make_ready(&self, lab: &Lab, tell: &Tell<'_>) -> Result<(), Trouble> {
        if self.fresh {
            return self.reserve().await;
        }
        tell(Event::Step(format!("Looking at session {}", self.session.id)));
        let answers = async { self.engine.ping().await };
        if let Err(error) = answers.await {
            return Err(self.trouble(error).await);
        }
        let (left, reserved, lacking) = futures::join!(self.leftovers(lab), self.reserve(), self.lacking());
        left?;
        reserved?;
        match lacking? {
            None => Ok(()),
            Some(name) => Err(Trouble::new(
                "J_IMAGE",
                format!("the session has lost the lab's image {name}"),
                "start the lab anew, or submit: then it is judged in a fresh session",
            )),
        }
    }

    /// The Docker.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether its session was started for it, and nobody else was in it.
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Its labels for something that it makes.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.mark.labels()
    }

    /// A name that nothing else has.
    pub fn name(&self, what: &str) -> String {
        format!("ondeck-judge-{}-{what}", self.mark.token())
    }

    /// Whether one of the lab's images is not there, and which.
    async fn lacking(&self) -> Result<Option<String>, Trouble> {
        for name in &self.images {
            match self.engine.inspect_image(name).await {
                Ok(_) => {}
                Err(e) if e.kind == ErrorKind::NotFound => return Ok(Some(name.clone())),
                Err(e) => return Err(self.trouble(e).await),
            }
        }
        Ok(None)
    }

    /// Takes away what judges left whose programs are gone.
    async fn leftovers(&self, lab: &Lab) -> Result<(), Trouble> {
        let longest = lab.judge.timeout.as_secs() + MORE;
        match self.take_away(&|labels| Mark::is_left(labels, longest)).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.trouble(error).await),
        }
    }

    /// Takes away all that was made in it. What cannot be taken away now goes with the session, or with the next judge's
    /// beginning.
    pub async fn close(mut self) {
        self.closed = true;
        // The report is made already. What its mark is on is found by the next judge, and a session ends by itself.
        let _ = self.clear().await;
    }

    async fn clear(&self) -> Result<(), EngineError> {
        if self.fresh {
            sessions::end(&self.outer, &self.session).await?;
            return match sessions::forget(&self.outer, &self.session.owner, &self.session.workspace).await {
                Err(e) if e.kind == ErrorKind::NotFound => Ok(()),
                other => other,
            };
        }
        self.sweep_files().await?;
        self.take_away(&|labels| self.mark.is_on(labels)).await
    }

    /// Removes what bears such labels: containers first, then what they used.
    async fn take_away(
        &self,
        which: &(dyn Fn(&BTreeMap<String, String>) -> bool + Send + Sync),
    ) -> Result<(), EngineError> {
        let engine = &self.engine;
        let containers = engine.containers().await?;
        let ids = containers.iter().filter(|c| which(&c.labels)).map(|c| c.id.clone());
        all(join_all(ids.map(|id| async move { engine.remove(&id, true, true).await })).await)?;
        let (networks, volumes, images) = futures::try_join!(engine.networks(), engine.volumes(), engine.images())?;
        let networks = networks.into_iter().filter(|n| which(&n.labels)).map(|n| n.id);
        let volumes = volumes.into_iter().filter(|v| which(&v.labels)).map(|v| v.name);
        let images = images.into_iter().filter(|i| which(&i.labels)).map(|i| i.id);
        let (a, b, c) = futures::join!(
            join_all(networks.map(|id| async move { engine.remove_network(&id).await })),
            join_all(volumes.map(|name| async move { engine.remove_volume(&name, false).await })),
            join_all(images.map(|id| async move { engine.remove_image(&id, true).await.map(drop) })),
        );
        all(a.into_iter().chain(b).chain(c))
    }
}

/// The first failure; what is gone already is none.
fn all(results: impl IntoIterator<Item = Result<(), EngineError>>) -> Result<(), EngineError> {
    let bad = |e: &EngineError| !matches!(e.kind, ErrorKind::NotFound | ErrorKind::Conflict);
    results.into_iter().filter_map(Result::err).find(bad).map_or(Ok(()), Err)
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        self.closed = true;
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let left = Self {
            engine: self.engine.clone(),
            outer: self.outer.clone(),
            session: self.session.clone(),
            fresh: self.fresh,
            mark: self.mark.clone(),
            images: Vec::new(),
            builds: Vec::new(),
            runs: BTreeMap::new(),
            network: None,
            composed: BTreeMap::new(),
            base: None,
            scans: BTreeMap::new(),
            closed: true,
        };
        runtime.spawn(left.close());
    }
}

/// A session for judging: the lab's, but for its name, its owner and how long it lives.
async fn session_for(
    engine: &Engine,
    config: &Sessions,
    lab: &Lab,
    owner: &str,
    mark: &Mark,
    tell: &Tell<'_>,
    mut cancel: Pin<&mut impl Future<Output = ()>>,
) -> Result<Session, Trouble> {
    let told = |progress: Progress| match progress {
        Progress::Step(step) => tell(Event::Step(step)),
        Progress::Line(line) => tell(Event::Line(line)),
        Progress::Bytes(..) => {}
    };
    tokio::select! {
        images = labs::ensure_images(engine, lab, &told) => images.map_err(|e| trouble::lacking(&e))?,
        () = cancel.as_mut() => return Err(Trouble::cancelled()),
    }
    let ttl = lab.judge.timeout.as_secs() + MORE;
    let mut spec = lab.spec(config, format!("judge of {owner}"));
    (spec.ttl, spec.longest) = (ttl, ttl);
    spec.workspace = Some(mark.token().to_owned());
    spec.judge = Some(mark.token().to_owned());
    let started = match sessions::start(engine, config, &spec, &told, cancel).await {
        Ok(Some(session)) => return Ok(session),
        Ok(None) => Trouble::cancelled(),
        Err(e) => trouble::starting(&e),
    };
    // A workspace outlives a session that was not to be. Where this fails, a sweep finds it by its label.
    let _ = sessions::forget(engine, &spec.owner, mark.token()).await;
    Err(started)
}
