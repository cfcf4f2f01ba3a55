//! What the checks of one examination share: the engine, and what was read of it once.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::config::ConfigError;
use crate::engine::model::{Container, EngineInfo};
use crate::engine::{Address, Endpoint, Engine, EngineError, ErrorKind};
use crate::text::duration;

use super::Ask;
use super::machine::Machine;
use super::scan::Scan;

/// How long an engine may take for its first answer.
const FIRST: Duration = Duration::from_secs(5);
/// How long it may take through ssh, which logs in before.
const FIRST_SSH: Duration = Duration::from_secs(15);

/// What has to be there before a check can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// That it is known whether the engine answers.
    Tried,
    /// An engine that answers.
    Engine,
    /// An engine that says its version.
    Version,
    /// An engine that says what it is.
    Info,
}

/// What is looked at, with all that was read once for several checks.
pub(super) struct Scene {
    pub(super) ask: Ask,
    /// What is wrong with the config file.
    pub(super) config: Option<ConfigError>,
    pub(super) machine: Machine,
    pub(super) endpoint: Result<Endpoint, EngineError>,
    engine: Option<Result<Engine, EngineError>>,
    reached: OnceCell<Result<Duration, EngineError>>,
    info: OnceCell<Result<Known, EngineError>>,
    containers: OnceCell<Result<Vec<Container>, EngineError>>,
    scan: OnceCell<Scan>,
}

/// What an engine says of itself.
pub(super) struct Known {
    pub(super) engine: EngineInfo,
    /// `GET /info` as it came; null where a proxy refuses it.
    pub(super) raw: Value,
    /// What the clock here said when the answer was half-way.
    pub(super) at: jiff::Timestamp,
}

impl Known {
    /// A limit that the engine can set or not; `None` where it does not say.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.raw[name].as_bool()
    }

    /// Whether it is Docker, and not another program that speaks its API.
    pub(super) fn is_docker(&self) -> bool {
        self.engine.product == "docker"
    }

    /// A security option such as `rootless`.
    pub(super) fn has_option(&self, name: &str) -> bool {
        let all = self.raw["SecurityOptions"].as_array();
        let is = |option: &str| option == name || option.split(',').any(|part| part == format!("name={name}"));
        all.is_some_and(|all| all.iter().filter_map(Value::as_str).any(is))
    }

    /// A line of the storage driver's description.
    pub(super) fn driver_status(&self, name: &str) -> Option<&str> {
        let lines = self.raw["DriverStatus"].as_array()?;
        lines.iter().find(|line| line[0].as_str() == Some(name))?[1].as_str()
    }
}

impl Scene {
    pub(super) fn new(ask: &Ask, config: Option<&ConfigError>) -> Self {
        let endpoint = resolve(ask);
        let engine = endpoint.as_ref().ok().map(Engine::connect);
        Self {
            machine: Machine::new(&ask.around),
            ask: ask.clone(),
            config: config.cloned(),
            endpoint,
            engine,
            reached: OnceCell::new(),
            info: OnceCell::new(),
            containers: OnceCell::new(),
            scan: OnceCell::new(),
        }
    }

    /// Whether what a check needs is there; else why not.
    pub(super) async fn ready(&self, needs: Needs) -> Result<(), String> {
        let engine = || async {
            self.reached().await.as_ref().map(drop).map_err(|_| "the engine does not answer (see above)".to_owned())
        };
        match needs {
            Needs::Nothing => Ok(()),
            Needs::Tried => {
                // Whatever came of it: then nobody waits for it any more.
                if self.reached().await.is_ok() {
                    self.info().await.map(drop).ok();
                }
                Ok(())
            }
            Needs::Engine => engine().await,
            Needs::Version | Needs::Info => {
                engine().await?;
                let known =
                    self.info().await.map_err(|e| format!("the engine does not say what it is: {}", e.message))?;
                if needs == Needs::Info && known.raw.is_null() {
                    return Err("the API refuses GET /info, which would tell".to_owned());
                }
                Ok(())
            }
        }
    }

    /// The engine, where there is an address and its certificates are right.
    pub(super) fn engine(&self) -> Result<&Engine, EngineError> {
        match (&self.engine, &self.endpoint) {
            (Some(Ok(engine)), _) => Ok(engine),
            (Some(Err(e)), _) | (None, Err(e)) => Err(e.clone()),
            (None, Ok(_)) => Err(EngineError::new(ErrorKind::Config, "there is no engine")),
        }
    }

    /// How long the engine took to answer, or why it did not.
    pub(super) async fn reached(&self) -> &Result<Duration, EngineError> {
        self.reached
            .get_or_init(|| async {
                let engine = self.engine()?;
                let ssh = matches!(engine.endpoint().address, Address::Ssh { .. });
                let patience = if ssh { FIRST_SSH } else { FIRST };
                let since = std::time::Instant::now();
                match tokio::time::timeout(patience, engine.ping()).await {
                    Ok(answer) => answer.map(|()| since.elapsed()),
                    Err(_) => Err(EngineError::new(
                        ErrorKind::Timeout,
                        format!(
                            "{} took the connection, but gave no answer within {}",
                            engine.endpoint().address,
                            duration(patience.as_secs())
                        ),
                    )),
                }
            })
            .await
    }

    /// What the engine says of itself.
    pub(super) async fn info(&self) -> Result<&Known, EngineError> {
        let read = async {
            let engine = self.engine()?;
            let known = engine.info().await?;
            let before = jiff::Timestamp::now();
            let (_, raw) = engine.whole_info().await?;
            let half = before.duration_until(jiff::Timestamp::now()) / 2;
            Ok(Known { engine: known, raw, at: before.checked_add(half).unwrap_or(before) })
        };
        self.info.get_or_init(|| within(read)).await.as_ref().map_err(Clone::clone)
    }

    /// All containers.
    pub(super) async fn containers(&self) -> Result<&[Container], EngineError> {
        let read = async { self.engine()?.containers().await };
        self.containers.get_or_init(|| within(read)).await.as_deref().map_err(Clone::clone)
    }

    /// Processes of this machine: who listens where, who watches files.
    pub(super) async fn scan(&self) -> &Scan {
        self.scan
            .get_or_init(|| async {
                let root = self.machine.root.clone();
                tokio::task::spawn_blocking(move || Scan::of(&root)).await.unwrap_or_default()
            })
            .await
    }

    /// Why the engine's files and processes cannot be seen from here; `None` when they can.
    pub(super) fn elsewhere(&self, known: &Known) -> Option<String> {
        let address = match &self.endpoint {
            Ok(endpoint) if endpoint.is_local() => None,
            Ok(endpoint) => Some(endpoint.address.to_string()),
            Err(e) => return Some(e.message.clone()),
        };
        if known.raw.is_null() {
            return Some("the API refuses GET /info, which would tell where the engine is".to_owned());
        }
        if let Some(address) = address {
            return Some(format!("the engine is at {address}; run ondeck doctor there"));
        }
        self.machine.apart(known)
    }

    /// Why what is looked at here would not be the engine's machine; for checks that can do without an engine.
    pub(super) async fn here(&self) -> Result<(), String> {
        if self.reached().await.is_ok()
            && let Ok(known) = self.info().await
        {
            return self.elsewhere(known).map_or(Ok(()), Err);
        }
        match &self.endpoint {
            Ok(endpoint) if !endpoint.is_local() => Err(format!("the engine is at {}", endpoint.address)),
            _ if self.machine.in_container() => Err("ondeck runs in a container".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether this process may do all on the engine's machine, which is this one.
    pub(super) fn is_root(&self) -> bool {
        self.endpoint.as_ref().is_ok_and(Endpoint::is_local) && self.machine.person().uid == 0
    }

    /// Runs a program of this machine in the person's own surroundings; it ends with the future.
    pub(super) async fn run(&self, program: &str, arguments: &[&str]) -> io::Result<std::process::Output> {
        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(&self.ask.around.env)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
    }

    /// Where a program is, by the person's PATH.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.ask.around.env.get("PATH").map_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", |p| p);
        path.split(':').map(|dir| Path::new(dir).join(name)).find(|file| file.is_file())
    }
}

/// The engine that is meant, as the command line finds it.
pub(super) fn resolve(ask: &Ask) -> Result<Endpoint, EngineError> {
    if ask.host.is_some() {
        return Endpoint::resolve(ask.host.as_deref(), &ask.around);
    }
    // What the person set for this shell counts more than a file.
    let set = ["DOCKER_HOST", "DOCKER_CONTEXT"].iter().any(|v| ask.around.env.get(*v).is_some_and(|v| !v.is_empty()));
    Endpoint::resolve(ask.config.host.as_deref().filter(|_| !set), &ask.around)
}

/// The same, but not for ever.
async fn within<T>(work: impl Future<Output = Result<T, EngineError>>) -> Result<T, EngineError> {
    let late = || EngineError::new(ErrorKind::Timeout, format!("no answer within {} s", FIRST.as_secs()));
    tokio::time::timeout(FIRST, work).await.unwrap_or_else(|_| Err(late()))
}
