//! Checks on compose projects: whether the file can be read, what stands in it, and what comes up.
//!
//! The compose that runs is the session image's own, by its whole path; what it made is then asked of the session's
//! Docker. The project that comes up is what compose itself understood of the file, with the judge's labels, limits,
//! and without published ports and names of its own, so that nothing of a learner's is in its way.

mod audit;
mod order;
mod persists;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Trouble;
use super::super::bench::Bench;
use super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, read, schema};
use crate::config::Period;
use crate::engine::ErrorKind;
use crate::engine::model::{Container, Health, State};
use crate::text::fit;

/// The compose of the session image.
const COMPOSE: &str = "/usr/libexec/docker/cli-plugins/docker-compose";
/// The label with a container's service.
const SERVICE: &str = "com.docker.compose.service";
/// Processes that a service may have where its file does not say.
const PIDS: u32 = 100;
/// How often what comes up is looked at.
const OFTEN: Duration = Duration::from_millis(250);

const SYNTAX: Code = Code {
    name: "COMPOSE_SYNTAX",
    hint: "Compose cannot read the file; its message says where, and docker compose config says more.",
};

const ORDER: Code =
    Code { name: "COMPOSE_ORDER", hint: "A service began before what it needs was ready; depends_on has conditions." };

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "compose.valid",
        phase: Phase::Build,
        need: Need::Docker,
        about: "Compose can read the project's file, and finds in it what it has to have.",
        codes: &[
            SYNTAX,
            Code { name: "COMPOSE_PORT", hint: "Which port of the host shall lead to which port of that service?" },
        ],
        timeout: Duration::from_mins(1),
        late: None,
        read: read::<Valid>,
        schema: schema::<Valid>,
    },
    Kind {
        name: "compose.audit",
        phase: Phase::Build,
        need: Need::Docker,
        about: "The project asks for nothing that is dangerous.",
        codes: &[
            SYNTAX,
            Code { name: "COMPOSE_AUDIT", hint: "What does this setting give the service, and does it need that?" },
        ],
        timeout: Duration::from_mins(1),
        late: None,
        read: read::<Audit>,
        schema: schema::<Audit>,
    },
    Kind {
        name: "compose.up",
        phase: Phase::Run,
        need: Need::Docker,
        about: "The project's services come up and are well.",
        codes: &[
            SYNTAX,
            Code {
                name: "COMPOSE_UP",
                hint: "Not all services came up; what does the log of the first that did not say?",
            },
            ORDER,
        ],
        timeout: Duration::from_mins(5),
        late: Some("COMPOSE_UP"),
        read: read::<Up>,
        schema: schema::<Up>,
    },
    order::KIND,
    persists::KIND,
];

fn compose_yaml() -> String {
    "compose.yaml".to_owned()
}

const fn a_minute() -> Period {
    Period(Duration::from_mins(1))
}

/// A project as compose understood it, and where its files are in the session.
type Project = crate::judge::bench::Composed;

/// Has compose read a file of the submission, once.
async fn project(case: &mut Case<'_>, file: &str) -> Result<Result<Project, Seen>, Trouble> {
    if let Some(known) = case.bench()?.composed.get(file) {
        return Ok(Ok(known.clone()));
    }
    let broken = |why: String| {
        let found = Found::new("COMPOSE_SYNTAX", why).in_file(file.to_owned());
        Ok(Err(Seen::of("cannot be read", vec![found])))
    };
    if case.submission.text(file)?.is_none() {
        return broken(format!("there is no {file}"));
    }
    let source = case.submission.dir().to_owned();
    let bench = case.bench()?;
    if bench.is_changed(COMPOSE).await? {
        return Err(Trouble::new(
            "J_DAEMON",
            "the session's docker compose was changed, so nothing can be said by it",
            "submit: then a fresh session is used",
        ));
    }
    let dir = bench.put_files(&source).await?;
    let name = bench.name("compose");
    let path = format!("{dir}/{file}");
    let words = [
        COMPOSE,
        "--project-name",
        &name,
        "--project-directory",
        &folder(&path),
        "--file",
        &path,
        "config",
        "--format",
        "json",
    ];
    let ran = match bench.inside(words).await {
        Ok(ran) => ran,
        Err(error) => return Err(bench.trouble(error).await),
    };
    if ran.code != Some(0) {
        let why = ran.last_words().replace(&format!("{dir}/"), "");
        return broken(format!("compose cannot read {file}: {}", fit(&why, 300)));
    }
    match serde_json::from_slice::<Value>(&ran.out) {
        Ok(model) => {
            let project = Project { model, dir };
            bench.composed.insert(file.to_owned(), project.clone());
            Ok(Ok(project))
        }
        Err(error) => {
            Err(Trouble::new("J_DAEMON", format!("what compose says of {file} is not understood: {error}"), ""))
        }
    }
}

fn folder(path: &str) -> String {
    path.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned())
}

/// `compose.valid`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Valid {
    /// The file.
    #[serde(default = "compose_yaml")]
    file: String,
    /// Services that it has to have.
    #[serde(default)]
    services: Vec<String>,
    /// Ports that services have to publish, as the host's and the service's: `web: ["8080:80"]`.
    #[serde(default)]
    published: BTreeMap<String, Vec<String>>,
}

impl Valid {
    /// What should be published and is not.
    fn unpublished(&self, model: &Value) -> Vec<Found> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let all = self.published.iter().flat_map(|(name, ports)| ports.iter().map(move |port| (name, port)));
        let lacking = all.filter_map(|(name, port)| {
            let ports = model["services"][name]["ports"].as_array().into_iter().flatten();
            let is: Vec<String> = ports
                .filter(|port| !port["published"].is_null())
                .map(|port| format!("{}:{}", text(&port["published"]), text(&port["target"])))
                .collect();
            (!is.contains(port)).then(|| {
                let found = if is.is_empty() { "no published port".to_owned() } else { is.join(", ") };
                let message = format!("{name} does not publish {port}");
                Found::new("COMPOSE_PORT", message).in_file(self.file.clone()).expected(port.clone()).found(found)
            })
        });
        lacking.collect()
    }
}

impl Check for Valid {
    fn title(&self) -> String {
        format!("Compose can read {}", self.file)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let project = match project(case, &self.file).await? {
                Ok(project) => project,
                Err(seen) => return Ok(seen),
            };
            let known: Vec<&String> =
                project.model["services"].as_object().into_iter().flat_map(|all| all.keys()).collect();
            let observed = known.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            let lacking = self.services.iter().filter(|name| !known.contains(name));
            let found = lacking.map(|name| {
                Found::new("COMPOSE_SYNTAX", format!("{} has no service {name}", self.file))
                    .in_file(self.file.clone())
                    .found(observed.clone())
            });
            let found = found.chain(self.unpublished(&project.model)).collect();
            Ok(Seen::of(observed.clone(), found))
        }
        .boxed()
    }
}

/// `compose.audit`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Audit {
    /// The file.
    #[serde(default = "compose_yaml")]
    file: String,
    /// What it must not ask for.
    #[serde(default = "audit::usual")]
    deny: Vec<audit::Rule>,
    /// Services that are looked at: all, where none is named.
    #[serde(default)]
    services: Vec<String>,
}

impl Check for Audit {
    fn title(&self) -> String {
        format!("{} asks for nothing that is dangerous", self.file)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let project = match project(case, &self.file).await? {
                Ok(project) => project,
                Err(seen) => return Ok(seen),
            };
            let words = audit::audit(&project.model, &self.deny, &self.services);
            let found: Vec<Found> =
                words.into_iter().map(|words| Found::new("COMPOSE_AUDIT", words).in_file(self.file.clone())).collect();
            Ok(Seen::of(
                if found.is_empty() { "nothing found".to_owned() } else { format!("{} found", found.len()) },
                found,
            ))
        }
        .boxed()
    }
}

/// `compose.up`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Up {
    /// The file.
    #[serde(default = "compose_yaml")]
    file: String,
    /// Services that have to come up: all, where none is named.
    #[serde(default)]
    services: Vec<String>,
    /// How long it may take until they are well.
    #[serde(default = "a_minute")]
    within: Period,
    /// Services of which each begins only when the one before is well.
    #[serde(default)]
    order: Vec<String>,
}

impl Check for Up {
    fn title(&self) -> String {
        format!("The services of {} come up", self.file)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        self.seen(case).boxed()
    }
}

impl Up {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let Project { mut model, dir } = match project(case, &self.file).await? {
            Ok(project) => project,
            Err(seen) => return Ok(seen),
        };
        let ends = ending(&model);
        let bench = case.bench()?;
        mark(&mut model, bench);
        let wanted: Vec<String> = if self.services.is_empty() {
            model["services"].as_object().into_iter().flat_map(|all| all.keys().cloned()).collect()
        } else {
            self.services.clone()
        };
        let began = Instant::now();
        let name = bench.name("compose");
        if let Err(error) = put(bench, &dir, &format!("{name}.json"), &model).await {
            return Err(bench.trouble(error).await);
        }
        let mut words = command(&name, &dir, &self.file);
        words.extend(["up", "--detach", "--build"].map(str::to_owned));
        words.extend(self.services.iter().cloned());
        let ran = bench.inside_within(words, self.within.0).await;
        let said = match ran {
            Ok(ran) if ran.code == Some(0) => None,
            Ok(ran) => Some(ran.last_words().replace(&format!("{dir}/"), "")),
            Err(error) if error.kind == ErrorKind::Timeout => Some(format!("it was not done after {}", self.within)),
            Err(error) => return Err(bench.trouble(error).await),
        };
        loop {
            let over = said.is_some() || began.elapsed() >= self.within.0;
            let containers = of_project(bench, &name).await?;
            let mut open = Vec::new();
            for service in &wanted {
                match how(bench, &containers, service, ends.contains(service)).await? {
                    How::Well => {}
                    How::Waiting(why) => open.push((why, None)),
                    How::Broken(why, last) => open.insert(0, (why, Some(last))),
                }
            }
            if open.is_empty() && said.is_none() {
                for container in &containers {
                    if let Some(service) = container.labels.get(SERVICE) {
                        bench.adopt(service, &container.id);
                    }
                }
                let found = match self.order.as_slice() {
                    [] => Vec::new(),
                    order => order::out_of_order(bench, &containers, order, &self.file).await?,
                };
                return Ok(Seen::of(
                    format!("{} up after {:.1} s", wanted.len(), began.elapsed().as_secs_f64()),
                    found,
                ));
            }
            let broken = open.first().filter(|(_, last)| last.is_some()).cloned();
            if over || broken.is_some() {
                let first = broken.or_else(|| open.into_iter().next());
                let (why, last) = first.unwrap_or_else(|| (said.clone().unwrap_or_default(), None));
                let mut found =
                    Found::new("COMPOSE_UP", format!("the services of {} do not come up: {why}", self.file));
                found.file = Some(self.file.clone());
                found.found = last.filter(|last| !last.is_empty()).or(said.map(|said| fit(&said, 200).into_owned()));
                return Ok(Seen::of("not up", vec![found]));
            }
            tokio::time::sleep(OFTEN).await;
        }
    }
}

/// What compose is told to do something with the project that the judge made of a file.
fn command(name: &str, dir: &str, file: &str) -> Vec<String> {
    let ours = format!("{dir}/{name}.json");
    let folder = folder(&format!("{dir}/{file}"));
    [COMPOSE, "--project-name", name, "--project-directory", &folder, "--file", &ours, "--ansi", "never"]
        .map(str::to_owned)
        .to_vec()
}

/// Services that others wait for to end.
fn ending(model: &Value) -> Vec<String> {
    let services = model["services"].as_object().into_iter().flat_map(|all| all.values());
    let waits = services.filter_map(|service| service["depends_on"].as_object()).flatten();
    waits
        .filter(|(_, how)| how["condition"] == "service_completed_successfully")
        .map(|(name, _)| name.clone())
        .collect()
}

/// How far a service is.
enum How {
    Well,
    Waiting(String),
    Broken(String, String),
}

async fn how(bench: &Bench, containers: &[Container], service: &str, ends: bool) -> Result<How, Trouble> {
    let Some(container) = containers.iter().find(|c| c.labels.get(SERVICE).is_some_and(|name| name == service)) else {
        return Ok(How::Waiting(format!("{service} was not begun")));
    };
    let inspection = bench.inspect(&container.id).await?;
    let container = &inspection.container;
    if container.state == State::Restarting {
        return Ok(How::Waiting(format!("{service} ends and is started again")));
    }
    if let Some(seen) = bench.ended(&container.id).await? {
        let code = container.exit_code.unwrap_or(-1);
        if ends && code == 0 {
            return Ok(How::Well);
        }
        if container.state == State::Created {
            return Ok(How::Waiting(format!("{service} was not started")));
        }
        let last = seen.found.into_iter().find_map(|found| found.found).unwrap_or_default();
        return Ok(How::Broken(format!("{service} ended with exit code {code}"), last));
    }
    let test = &inspection.raw["Config"]["Healthcheck"]["Test"];
    let checked = test.as_array().is_some_and(|test| !test.is_empty() && test[0] != "NONE");
    Ok(match container.health {
        _ if ends => How::Waiting(format!("{service} has not ended")),
        Health::Healthy => How::Well,
        Health::Unhealthy => {
            let last = inspection.probes.last().map(|probe| probe.output.trim().to_owned()).unwrap_or_default();
            How::Broken(format!("the healthcheck of {service} fails"), last)
        }
        _ if checked => How::Waiting(format!("{service} is not healthy yet")),
        _ => How::Well,
    })
}

async fn of_project(bench: &Bench, name: &str) -> Result<Vec<Container>, Trouble> {
    match bench.engine().containers().await {
        Ok(all) => Ok(all
            .into_iter()
            .filter(|c| c.labels.get("com.docker.compose.project").is_some_and(|p| p == name))
            .collect()),
        Err(error) => Err(bench.trouble(error).await),
    }
}

/// Puts the project that comes up beside its files.
async fn put(bench: &Bench, dir: &str, name: &str, model: &Value) -> Result<(), crate::engine::EngineError> {
    let text = model.to_string();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    let packed = tar.append_data(&mut header, name, text.as_bytes()).and_then(|()| tar.into_inner());
    let packed = packed.map_err(|e| crate::engine::EngineError::new(ErrorKind::Other, e.to_string()))?;
    bench.put_archive(dir, packed).await
}

/// Puts the judge's labels on everything, and takes away what would be in a learner's way.
fn mark(model: &mut Value, bench: &Bench) {
    let labels = bench.labels();
    let label = |thing: &mut Value| {
        if thing["external"] == true {
            return;
        }
        if thing.is_null() {
            *thing = json!({});
        }
        if !thing["labels"].is_object() {
            thing["labels"] = json!({});
        }
        for (name, value) in &labels {
            thing["labels"][name] = json!(value);
        }
    };
    for part in ["networks", "volumes"] {
        // A part that is not there must not be put in: compose takes no null for it.
        let things = model.get_mut(part).and_then(Value::as_object_mut);
        for (_, thing) in things.into_iter().flatten() {
            label(thing);
        }
    }
    for (_, service) in model["services"].as_object_mut().into_iter().flatten() {
        label(service);
        if service["build"].is_object() {
            label(&mut service["build"]);
        }
        if let Some(service) = service.as_object_mut() {
            service.remove("ports");
            service.remove("container_name");
            // Compose takes the limit at one place only.
            if service.get("deploy").is_none_or(|deploy| deploy["resources"]["limits"]["pids"].is_null()) {
                service.entry("pids_limit").or_insert(json!(PIDS));
            }
        }
    }
}
