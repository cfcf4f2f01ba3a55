//! From nothing to a session whose Docker answers.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use crate::config::Sessions;
use crate::engine::model::Id;
use crate::engine::{Engine, EngineError, ErrorKind, ExecAsk, LogAsk, Result};
use crate::text::size;

use super::{
    CPUS, DATA, EGRESS, JUDGE, LAB, LABEL, MEANT, MEMORY, OWNER, PORT, PROGRAM, Session, Spec, TTL, WORKSPACE,
    container_name, image, labels, life, seed, volume_name,
};

/// How long the inner Docker may take until it answers.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step begins.
    Step(String),
    /// A line of what a step prints.
    Line(String),
    /// So many bytes of so many are there.
    Bytes(u64, u64),
}

/// Whoever wants to know what is being done.
pub type Tell<'a> = dyn Fn(Progress) + Send + Sync + 'a;

/// How the inner Docker gets its rights; see the module's protection chapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rights {
    Few,
    Privileged,
    Runtime(String),
}

impl Rights {
    pub(super) fn of(config: &Sessions) -> Self {
        match &config.runtime {
            Some(runtime) => Self::Runtime(runtime.clone()),
            None if config.privileged => Self::Privileged,
            None => Self::Few,
        }
    }
}

/// What every container of the session image has in common.
pub(super) fn container(config: &Sessions, image: &str, rights: Rights) -> Value {
    let mut host = json!({
        "Memory": config.memory.0, "MemorySwap": config.memory.0, "PidsLimit": config.pids,
        "NetworkMode": "none", "CgroupnsMode": "private",
        "LogConfig": { "Type": "json-file", "Config": { "max-size": "4m", "max-file": "1" } },
    });
    match rights {
        Rights::Few => {
            // Without SYS_PTRACE root may not open the namespaces of another user's process: in a container that runs
            // as someone else than root, no command could be run and no health check would ever succeed.
            host["CapAdd"] = json!(["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"]);
            // Its own profile of AppArmor forbids the mounts that an inner Docker makes.
            let seccomp = format!("seccomp={}", include_str!("../../assets/session/seccomp.json"));
            host["SecurityOpt"] = json!([seccomp, "apparmor=unconfined"]);
            // As containers have it, but for /proc/sys/net, which is the session's own and which its networks need.
            host["ReadonlyPaths"] = json!(
                [
                    "bus",
                    "fs",
                    "irq",
                    "sysrq-trigger",
                    "sys/abi",
                    "sys/debug",
                    "sys/dev",
                    "sys/fs",
                    "sys/kernel",
                    "sys/user",
                    "sys/vm"
                ]
                .map(|path| format!("/proc/{path}"))
            );
        }
        Rights::Privileged => host["Privileged"] = json!(true),
        Rights::Runtime(name) => host["Runtime"] = json!(name),
    }
    json!({ "Image": image, "HostConfig": host, "Labels": { MEANT.0: MEANT.1 } })
}

/// Adds labels to those that a container has.
pub(super) fn label(body: &mut Value, labels: BTreeMap<String, String>) {
    for (name, value) in labels {
        body["Labels"][name] = json!(value);
    }
}

/// Starts a session and waits until its Docker answers. Whatever was begun is taken back when that fails, or when
/// this is dropped before its end; `None` when `cancel` came first.
///
/// # Errors
/// When the host may not carry another one, with the figures; when the workspace is in use; what the engine refuses.
pub async fn start(
    engine: &Engine,
    config: &Sessions,
    spec: &Spec,
    tell: &Tell<'_>,
    cancel: impl Future<Output = ()>,
) -> Result<Option<Session>> {
    let mut cancel = pin!(cancel);
    let ground = tokio::select! {
        ground = prepare(engine, config, spec, tell) => ground?,
        () = cancel.as_mut() => return Ok(None),
    };
    let mut made = Cleanup::new(engine);
    // Not given up half-way: what an engine is only about to make, nobody could take back.
    let result = match make(engine, config, spec, ground, tell, &mut made).await {
        Ok(container) => tokio::select! {
            result = settle(engine, spec, &container, tell) => result.map(Some),
            () = cancel => Ok(None),
        },
        Err(e) => Err(e),
    };
    if matches!(result, Ok(Some(_))) {
        made.keep();
    } else {
        made.take_back().await;
    }
    result
}

/// What a session stands on.
struct Ground {
    id: String,
    workspace: String,
    image: String,
    seed: Option<String>,
}

async fn prepare(engine: &Engine, config: &Sessions, spec: &Spec, tell: &Tell<'_>) -> Result<Ground> {
    life::sweep(engine).await?;
    let others = life::list(engine).await?;
    room(engine, config, spec, &others).await?;
    let workspace = workspace(spec, &others)?;
    let image = image::ensure(engine, config, tell).await?;
    let seed = seed::ensure(engine, config, &image, &spec.images, tell).await?;
    let mut id = identifier();
    while others.iter().any(|s| s.id == id) {
        id = identifier();
    }
    Ok(Ground { id, workspace, image, seed })
}

/// Makes the container and what it needs, and starts it.
async fn make(
    engine: &Engine,
    config: &Sessions,
    spec: &Spec,
    Ground { id, workspace, image, seed }: Ground,
    tell: &Tell<'_>,
    made_so_far: &mut Cleanup,
) -> Result<Id> {
    tell(Progress::Step(format!("starting session {id}")));
    let volume = volume_name(&spec.owner, &workspace);
    let mut known = vec![(OWNER, spec.owner.clone()), (WORKSPACE, workspace)];
    known.extend(spec.lab.clone().map(|lab| (LAB, lab)));
    known.extend(spec.judge.clone().map(|judge| (JUDGE, judge)));
    engine.create_volume(&volume, &labels(known.clone())).await?;
    let session = vec![
        (LABEL, id.clone()),
        (TTL, spec.ttl.to_string()),
        (MEMORY, spec.memory.to_string()),
        (CPUS, spec.cpus.to_string()),
        (PORT, spec.port.to_string()),
    ];
    let egress = spec.egress.then(|| (EGRESS, "true".to_owned()));
    let mut body = container(config, &image, Rights::of(config));
    body["Hostname"] = json!(format!("{}-{id}", spec.lab.as_deref().map_or("session".into(), host_word)));
    label(&mut body, labels(known.into_iter().chain(session).chain(egress)));
    body["Env"] = json!([format!("ONDECK_TTL={}", spec.ttl), format!("ONDECK_LONGEST={}", spec.longest)]);
    let host = &mut body["HostConfig"];
    host["AutoRemove"] = json!(true);
    host["Memory"] = json!(spec.memory);
    host["MemorySwap"] = json!(spec.memory);
    host["NanoCpus"] = json!((spec.cpus * 1e9) as u64);
    host["PidsLimit"] = json!(spec.pids);
    // Without a name it goes with its container; where the engine had no time for that, its label tells.
    let data = json!({ "Type": "volume", "Target": "/var/lib/docker", "VolumeOptions": { "Labels": { DATA: id } } });
    let mut mounts = vec![data, json!({ "Type": "volume", "Source": volume, "Target": "/workspace" })];
    mounts.extend(seed.map(|seed| json!({ "Type": "volume", "Source": seed, "Target": "/seed", "ReadOnly": true })));
    host["Mounts"] = json!(mounts);
    if spec.egress {
        let name = container_name(&id);
        let own = engine
            .create_network(json!({ "Name": name, "Driver": "bridge", "CheckDuplicate": true,
                "Labels": labels([(LABEL, id.clone())]) }))
            .await?;
        made_so_far.network = Some(own.to_string());
        body["HostConfig"]["NetworkMode"] = json!(name);
    }
    let made = engine.create_container(&container_name(&id), body).await?;
    made_so_far.container = Some(made.to_string());
    engine.start(&made).await?;
    Ok(made)
}

/// Waits until its Docker answers and has the images.
async fn settle(engine: &Engine, spec: &Spec, container: &str, tell: &Tell<'_>) -> Result<Session> {
    ready(engine, container).await?;
    let found = engine.inspect(container).await?.container;
    let session = Session::of(&found)
        .ok_or_else(|| EngineError::new(ErrorKind::Other, format!("session {} has lost its labels", found.name)))?;
    seed::seeded(engine, &session, &spec.images, tell).await?;
    Ok(session)
}

/// Whether the host may carry one more.
async fn room(engine: &Engine, config: &Sessions, spec: &Spec, others: &[Session]) -> Result<()> {
    let refuse = |why: String| {
        Err(EngineError::new(ErrorKind::Conflict, why)
            .with_hint("end one (ondeck session ls; ondeck session end ID), or raise `sessions` in the config"))
    };
    // A judge's session lives for a minute or two: whoever has the last place must not be kept from it.
    let people = others.iter().filter(|s| s.judge.is_none()).count();
    if spec.judge.is_none() && people >= config.max as usize {
        let n = crate::text::count(people, "session");
        return refuse(format!("{n} of at most {} run on this host already", config.max));
    }
    let whole = engine.info().await?.memory;
    let budget = budget(config, whole);
    let promised: u64 = others.iter().map(|s| s.memory).sum();
    if promised + spec.memory > budget {
        return refuse(format!(
            "another {} of memory would go over the {} that sessions may have on this host: {} are promised to {}, and it has {} in all",
            size(spec.memory),
            size(budget),
            size(promised),
            crate::text::count(others.len(), "session"),
            size(whole),
        ));
    }
    Ok(())
}

/// Bytes of memory that all sessions together may be promised on a host that has so much.
fn budget(config: &Sessions, whole: u64) -> u64 {
    config.budget.map_or(whole / 4 * 3, |b| b.0)
}

/// How many more sessions a host that has so much memory would carry, beside those that it has.
pub fn places(config: &Sessions, whole: u64, others: &[Session]) -> u64 {
    let people = others.iter().filter(|s| s.judge.is_none()).count() as u64;
    let promised: u64 = others.iter().map(|s| s.memory).sum();
    let room = budget(config, whole).saturating_sub(promised) / config.memory.0.max(1);
    room.min(u64::from(config.max).saturating_sub(people))
}

/// The name of the workspace: the asked one or the lab's must be free; else the first that is.
fn workspace(spec: &Spec, others: &[Session]) -> Result<String> {
    let user = |name: &str| others.iter().find(|s| s.owner == spec.owner && s.workspace == name);
    if let Some(name) = spec.workspace.as_ref().or(spec.lab.as_ref()) {
        return match user(name) {
            None => Ok(name.clone()),
            Some(other) => Err(EngineError::new(
                ErrorKind::Conflict,
                format!("session {} of {} works on {name} already", other.id, other.owner),
            )
            .with_hint(format!(
                "go there (ondeck session attach {}), end it, or take a workspace of another name (--workspace NAME)",
                other.id
            ))),
        };
    }
    let names = std::iter::once("scratch".to_owned()).chain((2..).map(|n| format!("scratch-{n}")));
    Ok(names.into_iter().find(|n| user(n).is_none()).unwrap_or_default())
}

/// Four signs that cannot be taken for one another.
fn identifier() -> String {
    const SIGNS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let seed = RandomState::new().hash_one(std::time::SystemTime::now());
    // A letter first: Docker's own short identifiers mostly begin with digits.
    let first = SIGNS[seed as usize % 24];
    let rest = (1..4).map(|i| SIGNS[(seed >> (i * 8)) as usize % SIGNS.len()]);
    std::iter::once(first).chain(rest).map(char::from).collect()
}

/// A text as part of a host's name.
fn host_word(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// Waits until the Docker in a container of the session image answers.
pub(super) async fn ready(engine: &Engine, container: &str) -> Result<()> {
    let ask = ExecAsk::of([PROGRAM, "ready"]);
    let why = match tokio::time::timeout(PATIENCE, engine.exec_run(container, &ask)).await {
        Ok(Ok(ran)) if ran.code == Some(0) => return Ok(()),
        Ok(Ok(_)) => "it ended".to_owned(),
        Ok(Err(e)) => e.message,
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    let words = last_words(engine, container).await;
    Err(EngineError::new(ErrorKind::Other, format!("the Docker of the session did not start: {why}{words}")).with_hint(
        "does this host let containers run a Docker of their own? `sessions.runtime` or `sessions.privileged` in the config are other ways",
    ))
}

/// The end of a container's log, as far as it can be had.
async fn last_words(engine: &Engine, container: &str) -> String {
    let ask = LogAsk { tail: Some(5), ..LogAsk::default() };
    let Ok(mut log) = engine.logs(container, &ask).await else { return String::new() };
    let mut bytes = Vec::new();
    while let Some(Ok(piece)) = log.next().await {
        bytes.extend_from_slice(&piece);
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(|l| crate::text::clean(l).trim_start_matches('·').to_owned()).collect();
    if lines.is_empty() { String::new() } else { format!("; its last words: {}", lines.join(" / ")) }
}

/// Takes back what was made, unless it is kept.
pub(super) struct Cleanup {
    engine: Engine,
    pub(super) container: Option<String>,
    pub(super) volume: Option<String>,
    pub(super) network: Option<String>,
}

impl Cleanup {
    pub(super) fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), container: None, volume: None, network: None }
    }

    pub(super) fn keep(mut self) {
        (self.container, self.volume, self.network) = (None, None, None);
    }
}

impl Cleanup {
    async fn take_back(&mut self) {
        // Whatever cannot be removed now is swept later: it bears the session's labels, and a container ends itself.
        if let Some(id) = &self.container {
            let _ = self.engine.remove(id, true, true).await;
        }
        self.container = None;
        if let Some(name) = self.volume.take() {
            let _ = self.engine.remove_volume(&name, true).await;
        }
        if let Some(id) = self.network.take() {
            let _ = self.engine.remove_network(&id).await;
        }
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        if self.container.is_none() && self.network.is_none() {
            return;
        }
        let mut rest = Self::new(&self.engine);
        (rest.container, rest.volume, rest.network) = (self.container.take(), self.volume.take(), self.network.take());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { rest.take_back().await });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn running(owner: &str, workspace: &str) -> Session {
        let container = crate::engine::model::Container {
            labels: labels([(LABEL, "aaaa".into()), (OWNER, owner.into()), (WORKSPACE, workspace.into())]),
            ..Default::default()
        };
        Session::of(&container).unwrap()
    }

    #[test]
    fn a_workspace_has_one_session_at_a_time() {
        let mut spec = Spec::new(&Sessions::default(), "ann");
        let others = [running("ann", "scratch"), running("ann", "lab1"), running("bob", "scratch-2")];
        assert_eq!(workspace(&spec, &others).unwrap(), "scratch-2");
        spec.lab = Some("lab1".into());
        let error = workspace(&spec, &others).unwrap_err();
        assert!(error.to_string().contains("session aaaa of ann works on lab1 already"), "{error}");
        spec.workspace = Some("again".into());
        assert_eq!(workspace(&spec, &others).unwrap(), "again");
    }

    #[test]
    fn places_are_those_that_a_start_would_grant() {
        let config = Sessions::default();
        assert_eq!(places(&config, 4 << 30, &[]), 2);
        let mut other = running("ann", "scratch");
        other.memory = 1536 << 20;
        assert_eq!(places(&config, 4 << 30, std::slice::from_ref(&other)), 1);
        assert_eq!(places(&config, 1 << 30, &[]), 0);
        assert_eq!(places(&config, 1 << 40, &[other]), 7, "of the eight that the config allows");
    }

    #[test]
    fn identifiers_are_short_and_differ() {
        let some: std::collections::BTreeSet<_> = (0..50).map(|_| identifier()).collect();
        assert!(some.len() > 40 && some.iter().all(|id| id.len() == 4 && id.as_bytes()[0].is_ascii_lowercase()));
    }

    #[test]
    fn the_seccomp_profile_is_json_that_denies() {
        let mut body = container(&Sessions::default(), "x", Rights::Few);
        label(&mut body, labels([(LABEL, "k3f9".into())]));
        assert_eq!((&body["Labels"][LABEL], &body["Labels"][MEANT.0]), (&json!("k3f9"), &json!(MEANT.1)));
        let option = body["HostConfig"]["SecurityOpt"][0].as_str().unwrap();
        let profile: Value = serde_json::from_str(option.strip_prefix("seccomp=").unwrap()).unwrap();
        assert_eq!(profile["defaultAction"], "SCMP_ACT_ALLOW");
        assert!(profile["syscalls"].as_array().unwrap().iter().all(|s| s["action"] == "SCMP_ACT_ERRNO"));
        assert_eq!(container(&Sessions::default(), "x", Rights::Privileged)["HostConfig"]["Privileged"], true);
    }
}
