//! What is to be done.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::builds::run::{Options, docker_command};
use crate::builds::{BuildAsk, Site};
use crate::config::{Config, Period, Sessions, Size};
use crate::engine::model::Id;
use crate::engine::{Address, DEFAULT_SOCKET, Endpoint, Prune};
use crate::fleet::Stack;
use crate::labs::{self, Lab};
use crate::logs::Source;
use crate::sessions::{Session, Spec};
use crate::stacks;

use super::judging::JudgeWatch;
use super::lab::LabWatch;
use super::workspace::{BuildWatch, StartWatch};
pub use crate::text::shell::quote as shell_quote;

/// Something with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What the engine calls it.
    pub id: Id,
    /// What people call it.
    pub name: String,
}

/// What is done to containers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // Docker's own words.
pub enum Verb {
    Start,
    Stop,
    Restart,
    Pause,
    Unpause,
    Kill {
        signal: String,
    },
    Remove {
        /// Also while it runs.
        force: bool,
        /// With its anonymous volumes.
        volumes: bool,
    },
}

impl Verb {
    /// The docker command for it.
    fn command(&self) -> String {
        match self {
            Self::Start => "start".into(),
            Self::Stop => "stop".into(),
            Self::Restart => "restart".into(),
            Self::Pause => "pause".into(),
            Self::Unpause => "unpause".into(),
            Self::Kill { signal } => format!("kill --signal {}", shell_quote(signal)),
            Self::Remove { force, volumes } => {
                format!("rm{}{}", if *force { " --force" } else { "" }, if *volumes { " --volumes" } else { "" })
            }
        }
    }

    /// What it is called, and what it is called when done.
    pub const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Start => ("start", "started"),
            Self::Stop => ("stop", "stopped"),
            Self::Restart => ("restart", "restarted"),
            Self::Pause => ("pause", "paused"),
            Self::Unpause => ("unpause", "unpaused"),
            Self::Kill { .. } => ("signal", "signalled"),
            Self::Remove { .. } => ("remove", "removed"),
        }
    }
}

/// What is done to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // Compose's own words.
pub enum StackVerb {
    Up,
    Down,
    Start,
    Stop,
    Restart,
    Pull,
}

impl StackVerb {
    /// Compose's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Pull => "pull",
        }
    }
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // Docker's own words.
pub enum Job {
    Containers {
        verb: Verb,
        on: Vec<Named>,
    },
    Rename {
        container: Named,
        to: String,
    },
    RemoveImages {
        on: Vec<Named>,
        force: bool,
    },
    RemoveNetworks {
        on: Vec<Named>,
    },
    RemoveVolumes {
        on: Vec<Named>,
    },
    /// With what it will remove and free, as far as that is known.
    Prune {
        what: Prune,
        finds: Vec<String>,
    },
    Stack {
        verb: StackVerb,
        stack: Stack,
    },
    /// Writes whole logs to a file that must not exist yet.
    SaveLogs {
        on: Vec<Source>,
        path: PathBuf,
    },
    StartSession {
        spec: Spec,
        config: Sessions,
    },
    ExtendSession {
        session: Session,
        seconds: i64,
    },
    EndSessions {
        on: Vec<Session>,
    },
    /// Starts a session for a lab, with the files that a learner begins with.
    StartLab {
        lab: Arc<Lab>,
        owner: String,
        config: Sessions,
        watch: LabWatch,
    },
    /// Puts a session's workspace back to what its lab begins with.
    ResetLab {
        lab: Arc<Lab>,
        session: Session,
    },
    /// Fetches the labs that come from git repositories.
    UpdateLabs {
        config: Arc<Config>,
    },
    /// Judges what is in a workspace: on the session's own Docker, or `clean` in a fresh session.
    Judge {
        lab: Arc<Lab>,
        site: Box<Site>,
        owner: String,
        config: Sessions,
        clean: bool,
        watch: JudgeWatch,
    },
    /// Lets a port of this machine lead to one of a session, until it is cancelled.
    Forward {
        session: Session,
        port: u16,
        local: u16,
    },
    /// Builds an image of a workspace.
    Build {
        site: Box<Site>,
        ask: Box<BuildAsk>,
        watch: BuildWatch,
    },
    /// Runs an image as the one container of a workspace; as the image asks for without options.
    RunImage {
        site: Box<Site>,
        image: String,
        name: String,
        options: Option<Box<Options>>,
        watch: StartWatch,
    },
    /// Stops what a workspace runs.
    StopRun {
        site: Box<Site>,
        container: Id,
        name: String,
    },
    /// Brings a file or folder of this machine into a workspace.
    Upload {
        site: Box<Site>,
        from: PathBuf,
        to: String,
    },
    /// Puts a file or folder of a workspace on this machine.
    Download {
        site: Box<Site>,
        path: String,
        to: PathBuf,
    },
    /// A command of the user's own, for the shell.
    Custom {
        name: String,
        command: String,
    },
}

impl Job {
    /// What it is, in a few words: `restart shop`.
    pub fn title(&self) -> String {
        match self {
            Self::Containers { verb: Verb::Kill { signal }, on } => {
                format!("send {signal} to {}", several(on, "container"))
            }
            Self::Containers { verb, on } => format!("{} {}", verb.words().0, several(on, "container")),
            Self::Rename { container, to } => format!("rename {} to {to}", container.name),
            Self::RemoveImages { on, .. } => format!("remove {}", several(on, "image")),
            Self::RemoveNetworks { on } => format!("remove {}", several(on, "network")),
            Self::RemoveVolumes { on } => format!("remove {}", several(on, "volume")),
            Self::Prune { what, .. } => format!("prune {}", prune_words(*what)),
            Self::Stack { verb, stack } => format!("{} {}", verb.word(), stack.name),
            Self::SaveLogs { on, .. } => {
                let names: Vec<Named> =
                    on.iter().map(|s| Named { id: s.id.clone(), name: s.name.to_string() }).collect();
                format!("save logs of {}", several(&names, "container"))
            }
            Self::StartSession { spec, .. } => match spec.workspace.as_ref().or(spec.lab.as_ref()) {
                Some(name) => format!("start a session for {name}"),
                None => "start a session".to_owned(),
            },
            Self::StartLab { lab, .. } => format!("start a session for {}", lab.id),
            Self::ResetLab { lab, session } => format!("reset {} in session {}", lab.id, session.id),
            Self::UpdateLabs { .. } => "fetch labs".to_owned(),
            Self::Judge { lab, clean: false, .. } => format!("judge {}", lab.id),
            Self::Judge { lab, .. } => format!("judge {} in a fresh session", lab.id),
            Self::ExtendSession { session, seconds } => {
                format!("extend session {} by {}", session.id, crate::text::duration(seconds.unsigned_abs()))
            }
            Self::EndSessions { on } => match &on[..] {
                [one] => format!("end session {}", one.id),
                _ => format!("end {}", crate::text::count(on.len(), "session")),
            },
            Self::Forward { session, port, local } => {
                format!("forward 127.0.0.1:{local} to port {port} of session {}", session.id)
            }
            Self::Build { ask, .. } => format!("build {}", ask.tag),
            Self::RunImage { image, .. } => format!("run {image}"),
            Self::StopRun { name, .. } => format!("stop {name}"),
            Self::Upload { from, .. } => format!("bring {}", from.display()),
            Self::Download { path, .. } => format!("take {path}"),
            Self::Custom { name, .. } => name.clone(),
        }
    }

    /// Whether it is about sessions, and so for the engine that carries them, whatever is looked at.
    pub const fn is_of_sessions(&self) -> bool {
        matches!(
            self,
            Self::StartSession { .. }
                | Self::StartLab { .. }
                | Self::ResetLab { .. }
                | Self::ExtendSession { .. }
                | Self::EndSessions { .. }
                | Self::Forward { .. }
        )
    }

    /// The docker command that does the same, ready for a shell that has this engine as its own.
    pub fn command(&self) -> String {
        self.said_with("docker")
    }

    /// The docker command that does the same on an engine, ready for a shell.
    pub fn command_on(&self, endpoint: &Endpoint) -> String {
        self.said_with(&docker_for(endpoint))
    }

    fn said_with(&self, docker: &str) -> String {
        let names = |on: &[Named]| on.iter().map(|n| shell_quote(&n.name)).collect::<Vec<_>>().join(" ");
        match self {
            Self::Containers { verb, on } => format!("{docker} {} {}", verb.command(), names(on)),
            Self::Rename { container, to } => {
                format!("{docker} rename {} {}", shell_quote(&container.name), shell_quote(to))
            }
            Self::RemoveImages { on, force } => {
                format!("{docker} image rm {}{}", if *force { "--force " } else { "" }, names(on))
            }
            Self::RemoveNetworks { on } => format!("{docker} network rm {}", names(on)),
            Self::RemoveVolumes { on } => format!("{docker} volume rm {}", names(on)),
            Self::Prune { what, .. } => {
                let what = match what {
                    Prune::Containers => "container prune",
                    Prune::Images { all: false } => "image prune",
                    Prune::Images { all: true } => "image prune --all",
                    Prune::Networks => "network prune",
                    Prune::Volumes => "volume prune --all",
                    Prune::BuildCache => "builder prune --all",
                };
                format!("{docker} {what} --force")
            }
            Self::Stack { verb, stack } => {
                let arguments: Vec<String> = stacks::arguments(stack).iter().map(|a| shell_quote(a)).collect();
                let more = if *verb == StackVerb::Up { " --detach" } else { "" };
                format!("{docker} compose {} {}{more}", arguments.join(" "), verb.word())
            }
            Self::SaveLogs { on, path } => {
                if let [one] = &on[..] {
                    format!(
                        "{docker} logs --timestamps {} > {}",
                        shell_quote(&one.name),
                        shell_quote(&path.display().to_string())
                    )
                } else {
                    let names: Vec<String> = on.iter().map(|s| shell_quote(&s.name)).collect();
                    let path = shell_quote(&path.display().to_string());
                    format!("for c in {}; do {docker} logs --timestamps $c; done > {path}", names.join(" "))
                }
            }
            Self::StartSession { spec, .. } => {
                let mut words = format!(
                    "ondeck session start --ttl {} --memory {}",
                    Period(Duration::from_secs(spec.ttl)),
                    Size(spec.memory)
                );
                let named = [("--lab", spec.lab.as_ref()), ("--workspace", spec.workspace.as_ref())];
                for (flag, value) in named.into_iter().filter_map(|(f, v)| Some((f, v?))) {
                    let _ = write!(words, " {flag} {}", shell_quote(value));
                }
                for image in &spec.images {
                    let _ = write!(words, " --image {}", shell_quote(image));
                }
                if spec.egress { words + " --egress" } else { words }
            }
            Self::StartLab { lab, .. } => format!("ondeck session start --lab {}", shell_quote(&lab.id)),
            Self::ResetLab { lab, session } => {
                format!("ondeck lab reset {} --session {}", shell_quote(&lab.id), session.id)
            }
            Self::UpdateLabs { .. } => "ondeck lab update".to_owned(),
            Self::Judge { lab, site, clean, .. } => {
                let at = match &**site {
                    Site::Session { session, .. } => format!("--session {}", session.id),
                    Site::Folder { dir, .. } => format!("--dir {}", shell_quote(&dir.display().to_string())),
                };
                let clean = if *clean { " --clean" } else { "" };
                format!("ondeck judge {} {at}{clean}", shell_quote(&lab.id))
            }
            Self::ExtendSession { session, seconds } => {
                format!("ondeck session extend {} {}", session.id, Period(Duration::from_secs(seconds.unsigned_abs())))
            }
            Self::EndSessions { on } => {
                let ids: Vec<&str> = on.iter().map(|s| s.id.as_str()).collect();
                format!("ondeck session end {}", ids.join(" "))
            }
            Self::Forward { session, port, local } => {
                format!("ondeck session forward {} {local}:{port}", session.id)
            }
            Self::Build { site, ask, .. } => {
                let mut words = format!("build --tag {}", shell_quote(&ask.tag));
                if ask.no_cache {
                    words += " --no-cache";
                }
                let (folder, file) = ask.dockerfile().rsplit_once('/').unwrap_or((".", ask.dockerfile()));
                if file != "Dockerfile" {
                    let _ = write!(words, " --file {}", shell_quote(ask.dockerfile()));
                }
                at_site(site, &format!("{words} {}", shell_quote(folder)))
            }
            Self::RunImage { site, image, name, options, .. } => {
                let words = docker_command(&options.as_deref().cloned().unwrap_or_default(), image, name);
                at_site(site, words.strip_prefix("docker ").unwrap_or(&words))
            }
            Self::StopRun { site, name, .. } => at_site(site, &format!("stop {}", shell_quote(name))),
            Self::Upload { site, from, to } => {
                let from = shell_quote(&from.display().to_string());
                match &**site {
                    Site::Session { session, .. } => {
                        format!("{docker} cp {from} {}", shell_quote(&format!("{}:/workspace/{to}", session.name)))
                    }
                    Site::Folder { dir, .. } => {
                        format!("cp -r {from} {}", shell_quote(&dir.join(to).display().to_string()))
                    }
                }
            }
            Self::Download { site, path, to } => {
                let to = shell_quote(&to.display().to_string());
                match &**site {
                    Site::Session { session, .. } => {
                        format!("{docker} cp {} {to}", shell_quote(&format!("{}:/workspace/{path}", session.name)))
                    }
                    Site::Folder { dir, .. } => {
                        format!("cp -r {} {to}", shell_quote(&dir.join(path).display().to_string()))
                    }
                }
            }
            Self::Custom { command, .. } => command.clone(),
        }
    }

    /// Whether something that works stops working for a while.
    pub const fn interrupts(&self) -> bool {
        match self {
            Self::Containers { verb, .. } => !matches!(verb, Verb::Start | Verb::Unpause),
            Self::Stack { verb, .. } => matches!(verb, StackVerb::Stop | StackVerb::Restart | StackVerb::Down),
            _ => false,
        }
    }

    /// What would be lost, a line each; `None` when nothing is and no question is needed.
    pub fn loss(&self) -> Option<String> {
        let list = |on: &[Named], what: &str| {
            let shown: Vec<&str> = on.iter().take(8).map(|n| n.name.as_str()).collect();
            let more = if on.len() > 8 { format!("\nand {} more", on.len() - 8) } else { String::new() };
            format!("{}{more}\n{what}", shown.join("\n"))
        };
        match self {
            Self::Containers { verb: Verb::Remove { force, .. }, on } => Some(list(
                on,
                if *force {
                    "What runs is killed. What was written outside of volumes is lost."
                } else {
                    "What was written outside of volumes is lost."
                },
            )),
            Self::Containers { verb: Verb::Kill { signal }, on } if signal == "SIGKILL" => {
                Some(list(on, "The programs end at once and cannot save anything."))
            }
            Self::RemoveImages { on, .. } => Some(list(on, "They have to be pulled or built again.")),
            Self::RemoveNetworks { on } => Some(list(on, "Nothing may be attached to them.")),
            Self::RemoveVolumes { on } => Some(list(on, "All data in them is lost for good.")),
            Self::Prune { what, finds } => {
                let on: Vec<Named> = finds.iter().map(|n| Named { id: n.as_str().into(), name: n.clone() }).collect();
                Some(list(
                    &on,
                    match what {
                        Prune::Containers => {
                            "All containers that do not run are removed, with what they wrote outside of volumes."
                        }
                        Prune::Images { .. } => "Images without a tag that nothing uses are removed.",
                        Prune::Networks => "Networks that nothing is attached to are removed.",
                        Prune::Volumes => "All data in volumes that no container uses is lost for good.",
                        Prune::BuildCache => "The next builds start from nothing.",
                    },
                ))
            }
            Self::EndSessions { on } => {
                let named: Vec<Named> = on
                    .iter()
                    .map(|s| Named { id: s.container.clone(), name: format!("session {} of {}", s.id, s.owner) })
                    .collect();
                Some(list(
                    &named,
                    "Its Docker is lost, with all images, containers and volumes in it. /workspace is kept.",
                ))
            }
            Self::ResetLab { lab, session } => {
                let kept = labs::kept_folder().map_or_else(String::new, |dir| format!(" in {}", dir.display()));
                Some(format!(
                    "What is in /workspace of session {} now is kept as an archive{kept}.\nAll of it is taken away \
                     from there, and the files that {} begins with are put in its place.",
                    session.id, lab.id
                ))
            }
            Self::Stack { verb: StackVerb::Down, stack } => {
                let on: Vec<Named> =
                    stack.containers().map(|c| Named { id: c.id.clone(), name: c.name.clone() }).collect();
                Some(list(&on, "These containers and the stack's networks are removed. Volumes stay."))
            }
            _ => None,
        }
    }
}

/// `docker` with what makes it speak to an engine, where it would not by itself.
fn docker_for(endpoint: &Endpoint) -> String {
    if let Address::Inside { via, container, .. } = &endpoint.address {
        return format!("{} exec {container} docker", docker_for(via));
    }
    if let Some(context) = endpoint.source.strip_prefix("context ") {
        return format!("docker --context {}", shell_quote(context));
    }
    let address = endpoint.address.to_string();
    let by_itself = endpoint.source == "DOCKER_HOST" || address == format!("unix://{DEFAULT_SOCKET}");
    if by_itself { "docker".to_owned() } else { format!("docker --host {}", shell_quote(&address)) }
}

/// A docker command where a workspace is.
fn at_site(site: &Site, words: &str) -> String {
    match site {
        Site::Session { session, carrier } => {
            let outer = docker_for(carrier);
            format!("{outer} exec --workdir /workspace {} docker {words}", shell_quote(&session.name))
        }
        Site::Folder { dir, endpoint, .. } => {
            let at = if words.starts_with("build ") {
                format!("cd {} && ", shell_quote(&dir.display().to_string()))
            } else {
                String::new()
            };
            format!("{at}{} {words}", docker_for(endpoint))
        }
    }
}

fn prune_words(what: Prune) -> &'static str {
    match what {
        Prune::Containers => "stopped containers",
        Prune::Images { all: false } => "dangling images",
        Prune::Images { all: true } => "unused images",
        Prune::Networks => "unused networks",
        Prune::Volumes => "unused volumes",
        Prune::BuildCache => "build cache",
    }
}

fn several(on: &[Named], what: &str) -> String {
    match on {
        [one] => one.name.clone(),
        _ => crate::text::count(on.len(), what),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn named(name: &str) -> Named {
        Named { id: name.into(), name: name.into() }
    }

    #[test]
    fn a_job_says_what_docker_command_it_is() {
        let job = Job::Containers { verb: Verb::Restart, on: vec![named("a"), named("b c")] };
        assert_eq!((job.title(), job.command()), ("restart 2 containers".into(), "docker restart a 'b c'".into()));
        let job = Job::Containers { verb: Verb::Remove { force: true, volumes: false }, on: vec![named("x")] };
        assert_eq!((job.title(), job.command()), ("remove x".into(), "docker rm --force x".into()));
        let stack = Stack {
            name: "shop".into(),
            working_dir: Some("/srv".into()),
            config_files: vec!["compose.yaml".into()],
            ..Stack::default()
        };
        let job = Job::Stack { verb: StackVerb::Up, stack };
        assert_eq!(
            job.command(),
            "docker compose --project-name shop --file /srv/compose.yaml --project-directory /srv up --detach"
        );
        assert_eq!(shell_quote("it's"), r"'it'\''s'");
    }

    #[test]
    fn the_command_goes_to_the_same_engine() {
        let job = Job::Containers { verb: Verb::Stop, on: vec![named("a")] };
        let on = |address: &str, source: &str| {
            let address = crate::engine::Address::parse(address).unwrap();
            job.command_on(&Endpoint { name: "x".into(), address, tls: None, source: source.into() })
        };
        assert_eq!(on("unix:///var/run/docker.sock", "the default"), "docker stop a");
        assert_eq!(on("tcp://h:1", "DOCKER_HOST"), "docker stop a");
        assert_eq!(on("ssh://ops@h", "--host"), "docker --host ssh://ops@h stop a");
        assert_eq!(
            on("unix:///run/podman/podman.sock", "the default"),
            "docker --host unix:///run/podman/podman.sock stop a"
        );
        assert_eq!(on("ssh://ops@h", "context web"), "docker --context web stop a");
        let on = vec![named("a")];
        assert_eq!(
            Job::RemoveImages { on, force: true }.said_with("docker --context web"),
            "docker --context web image rm --force a"
        );
    }

    #[test]
    fn only_what_loses_something_asks() {
        let on = vec![named("data")];
        assert!(Job::Containers { verb: Verb::Restart, on: on.clone() }.loss().is_none());
        assert!(Job::Containers { verb: Verb::Kill { signal: "SIGHUP".into() }, on: on.clone() }.loss().is_none());
        assert!(Job::RemoveVolumes { on }.loss().is_some_and(|l| l.contains("data\n") && l.contains("lost for good")));
        let many = (0..20).map(|i| named(&format!("c{i}"))).collect();
        let loss = Job::Containers { verb: Verb::Remove { force: false, volumes: false }, on: many }.loss();
        assert!(loss.is_some_and(|l| l.contains("and 12 more")));
    }
}
