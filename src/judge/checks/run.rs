//! Checks on what runs: that it does, as whom, how it ends, what it prints.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Trouble;
use super::super::bench::{self, Running, Variant};
use super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, read, schema};
use super::super::fields::Pattern;
use crate::config::Period;
use crate::engine::ErrorKind;
use crate::engine::model::Health;
use crate::text::fit;

/// How often a container is looked at that is waited for.
const OFTEN: Duration = Duration::from_millis(150);

pub(super) const RUN_FAILED: Code = Code {
    name: "RUN_FAILED",
    hint: "Docker could not start the image's command: does that program exist in the image, at that path, and may it be executed?",
};
pub(super) const RUN_EXITED: Code = Code {
    name: "RUN_EXITED",
    hint: "The program ended by itself; what did it print last, and does it stay in the foreground?",
};
pub(super) const RUN_OOM: Code =
    Code { name: "RUN_OOM", hint: "The program used more memory than its container has; what takes so much?" };

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "run.starts",
        phase: Phase::Run,
        need: Need::Image,
        about: "A container of the image starts and stays up.",
        codes: &[RUN_FAILED, RUN_EXITED, RUN_OOM],
        timeout: Duration::from_mins(1),
        late: Some("RUN_FAILED"),
        read: read::<Starts>,
        schema: schema::<Starts>,
    },
    Kind {
        name: "run.exit",
        phase: Phase::Run,
        need: Need::Image,
        about: "The program of a container ends with an exit code.",
        codes: &[
            RUN_FAILED,
            RUN_OOM,
            Code { name: "RUN_EXIT_CODE", hint: "The program ended, but not as it should; what did it print last?" },
            Code { name: "RUN_TIMEOUT", hint: "The program did not end; does it wait for something?" },
        ],
        timeout: Duration::from_mins(1),
        late: Some("RUN_TIMEOUT"),
        read: read::<Exits>,
        schema: schema::<Exits>,
    },
    Kind {
        name: "run.logs",
        phase: Phase::Run,
        need: Need::Image,
        about: "A container prints something, or does not.",
        codes: &[
            RUN_FAILED,
            RUN_OOM,
            Code { name: "LOG_MISSING", hint: "Does the program print to standard output, and not into a file?" },
            Code {
                name: "LOG_FORBIDDEN",
                hint: "What a container prints is kept and read by many; what should not be in it?",
            },
        ],
        timeout: Duration::from_mins(1),
        late: Some("LOG_MISSING"),
        read: read::<Logs>,
        schema: schema::<Logs>,
    },
    Kind {
        name: "run.nonroot",
        phase: Phase::Run,
        need: Need::Image,
        about: "The first process of a container does not run as root.",
        codes: &[
            RUN_FAILED,
            RUN_EXITED,
            RUN_OOM,
            Code { name: "RUN_AS_ROOT", hint: "Which instruction says as whom the image's program runs?" },
        ],
        timeout: Duration::from_mins(1),
        late: None,
        read: read::<NonRoot>,
        schema: schema::<NonRoot>,
    },
    Kind {
        name: "run.healthy",
        phase: Phase::Run,
        need: Need::Image,
        about: "A container's own healthcheck says that it is well.",
        codes: &[
            RUN_FAILED,
            RUN_EXITED,
            RUN_OOM,
            Code {
                name: "HEALTH_NONE",
                hint: "An image can say itself how to see that its program is well: HEALTHCHECK.",
            },
            Code {
                name: "HEALTH_UNHEALTHY",
                hint: "The healthcheck's command fails in the container; is its program in the image, and does it ask the right port?",
            },
            Code { name: "HEALTH_TIMEOUT", hint: "The healthcheck has not passed yet; how long is its interval?" },
        ],
        timeout: Duration::from_mins(3),
        late: Some("HEALTH_TIMEOUT"),
        read: read::<Healthy>,
        schema: schema::<Healthy>,
    },
    Kind {
        name: "run.readonly",
        phase: Phase::Run,
        need: Need::Image,
        about: "A container works on a file system that cannot be written to.",
        codes: &[
            RUN_FAILED,
            Code {
                name: "RUN_READONLY",
                hint: "What does the program write where? Only what has to last belongs on a disk, and that in a volume.",
            },
        ],
        timeout: Duration::from_mins(2),
        late: Some("RUN_READONLY"),
        read: read::<ReadOnly>,
        schema: schema::<ReadOnly>,
    },
    Kind {
        name: "run.hardened",
        phase: Phase::Run,
        need: Need::Image,
        about: "A container works with fewer rights than Docker gives.",
        codes: &[
            RUN_FAILED,
            Code { name: "RUN_HARDENED", hint: "Which right does the program still need, and could it do without?" },
        ],
        timeout: Duration::from_mins(2),
        late: Some("RUN_HARDENED"),
        read: read::<Hardened>,
        schema: schema::<Hardened>,
    },
];

/// The run plan that is meant where none is named.
pub(super) fn app() -> String {
    "app".to_owned()
}

fn seconds(n: u64) -> Period {
    Period(Duration::from_secs(n))
}

fn two_seconds() -> Period {
    seconds(2)
}

fn five_seconds() -> Period {
    seconds(5)
}

fn ten_seconds() -> Period {
    seconds(10)
}

fn thirty_seconds() -> Period {
    seconds(30)
}

/// What a container printed goes into the notes, whatever a check saw.
pub(super) async fn noted(case: &mut Case<'_>, key: &str, seen: Result<Seen, Trouble>) -> Result<Seen, Trouble> {
    let seen = seen?;
    bench::note_log(case, key).await?;
    Ok(seen)
}

/// Waits until a container ends, or so long; whether it has ended.
pub(super) async fn ends(case: &mut Case<'_>, running: &Running, within: Duration) -> Result<bool, Trouble> {
    let bench = case.bench()?;
    match bench.engine().wait(&running.id, within.max(Duration::from_millis(50))).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::Timeout => Ok(false),
        // It may have been in the middle of ending, or the Docker with it.
        Err(_) => Ok(!bench.inspect(&running.id).await?.container.state.is_up()),
    }
}

/// `run.starts`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Starts {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// How long it has to stay up.
    #[serde(default = "two_seconds")]
    stays_up: Period,
}

impl Check for Starts {
    fn title(&self) -> String {
        format!("A container ({}) starts and stays up", self.container)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let seen = stays_up(case, &self.container, self.stays_up.0).await;
            noted(case, &self.container, seen).await
        }
        .boxed()
    }
}

async fn stays_up(case: &mut Case<'_>, container: &str, time: Duration) -> Result<Seen, Trouble> {
    let running = match bench::run(case, container).await? {
        Ok(running) => running,
        Err(seen) => return Ok(seen),
    };
    // What runs for other checks already has been up since then.
    let left = time.saturating_sub(running.since.elapsed());
    if left > Duration::ZERO {
        ends(case, &running, left).await?;
    }
    match case.bench()?.ended(&running.id).await? {
        Some(seen) => Ok(seen),
        None => Ok(Seen::well(format!("up for {} s", running.since.elapsed().as_secs().max(time.as_secs())))),
    }
}

/// `run.exit`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Exits {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// The exit code.
    #[serde(default)]
    exit: i64,
    /// How long it may take.
    #[serde(default = "ten_seconds")]
    within: Period,
}

impl Check for Exits {
    fn title(&self) -> String {
        format!("A container ({}) ends with exit code {}", self.container, self.exit)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let seen = self.seen(case).await;
            noted(case, &self.container, seen).await
        }
        .boxed()
    }
}

impl Exits {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let running = match bench::run(case, &self.container).await? {
            Ok(running) => running,
            Err(seen) => return Ok(seen),
        };
        if !ends(case, &running, self.within.0.saturating_sub(running.since.elapsed())).await? {
            let message = format!("the container still ran after {}", self.within);
            let found =
                Found::new("RUN_TIMEOUT", message).expected(format!("exit code {} within {}", self.exit, self.within));
            return Ok(Seen::of("still running", vec![found]));
        }
        let Some(mut seen) = case.bench()?.ended(&running.id).await? else { return Ok(Seen::well("running")) };
        let inspection = case.bench()?.inspect(&running.id).await?;
        let code = inspection.raw["State"]["ExitCode"].as_i64().unwrap_or_default();
        let oom = seen.found.iter().any(|found| found.code == "RUN_OOM");
        if code == self.exit {
            seen.found.clear();
        }
        for found in seen.found.iter_mut().filter(|_| !oom) {
            found.code = "RUN_EXIT_CODE";
            found.message = format!("the container ended with exit code {code}");
            found.expected = Some(format!("exit code {}", self.exit));
        }
        Ok(seen)
    }
}

/// Where something is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Stream {
    /// Anywhere.
    #[default]
    Any,
    /// To standard output.
    Stdout,
    /// To standard error.
    Stderr,
}

/// `run.logs`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Logs {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// Where it is printed.
    #[serde(default)]
    stream: Stream,
    /// What a line has to have.
    #[serde(default)]
    contains: Option<Pattern>,
    /// What no line may have.
    #[serde(default)]
    excludes: Option<Pattern>,
    /// How long it may take until it is printed; what must not be printed is looked for as long.
    #[serde(default = "five_seconds")]
    within: Period,
}

impl Check for Logs {
    fn title(&self) -> String {
        match (&self.contains, &self.excludes) {
            (Some(pattern), _) => format!("The log has `{pattern}`"),
            (None, Some(pattern)) => format!("The log does not have `{pattern}`"),
            (None, None) => "The log can be read".to_owned(),
        }
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let seen = self.seen(case).await;
            noted(case, &self.container, seen).await
        }
        .boxed()
    }
}

impl Logs {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let running = match bench::run(case, &self.container).await? {
            Ok(running) => running,
            Err(seen) => return Ok(seen),
        };
        let bench = case.bench()?;
        loop {
            let late = running.since.elapsed() >= self.within.0;
            let container = bench.inspect(&running.id).await?.container;
            let lines = bench.log(&container, None).await?;
            let mut lines = lines.iter().filter(|line| match self.stream {
                Stream::Any => true,
                Stream::Stdout => !line.stderr,
                Stream::Stderr => line.stderr,
            });
            if let Some(pattern) = &self.excludes
                && let Some(line) = lines.clone().find(|line| pattern.is_in(&line.text))
            {
                let found = Found::new("LOG_FORBIDDEN", format!("the log has `{pattern}`")).found(fit(&line.text, 150));
                return Ok(Seen::of("it is printed", vec![found]));
            }
            let hit = self.contains.as_ref().map(|pattern| lines.any(|line| pattern.is_in(&line.text)));
            // What is not there yet may come, unless nothing comes any more.
            let over = late || !container.state.is_up();
            match (&self.contains, hit) {
                (Some(_), Some(true)) if self.excludes.is_none() || over => return Ok(Seen::well("it is printed")),
                (Some(pattern), Some(false)) if over => {
                    let message = format!("the log does not have `{pattern}` after {}", self.within);
                    return Ok(Seen::of("it is not printed", vec![Found::new("LOG_MISSING", message)]));
                }
                (None, _) if over => return Ok(Seen::well("it is not printed")),
                _ => tokio::time::sleep(OFTEN).await,
            }
        }
    }
}

/// `run.nonroot`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NonRoot {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
}

impl Check for NonRoot {
    fn title(&self) -> String {
        "The container's program does not run as root".to_owned()
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let running = match bench::run(case, &self.container).await? {
                Ok(running) => running,
                Err(seen) => return Ok(seen),
            };
            let bench = case.bench()?;
            let pid = bench.inspect(&running.id).await?.container.detail.and_then(|detail| detail.pid);
            if let Some(seen) = bench.ended(&running.id).await? {
                return Ok(seen);
            }
            // The user as the session's kernel has it: where a Docker maps users, root of a container is another one
            // outside, and is none that could do harm.
            let (titles, rows) = match bench.engine().top_of(&running.id, "-eo pid,uid").await {
                Ok(top) => top,
                Err(error) => {
                    return match bench.ended(&running.id).await? {
                        Some(seen) => Ok(seen),
                        None => Err(bench.trouble(error).await),
                    };
                }
            };
            let column = |name: &str| titles.iter().position(|title| title == name);
            let (Some(at_pid), Some(at_uid)) = (column("PID"), column("UID")) else {
                return Err(Trouble::new("J_DAEMON", "the Docker does not say as whom programs run", ""));
            };
            let cell = |row: &Vec<String>, at: usize| row.get(at).and_then(|cell| cell.trim().parse::<u32>().ok());
            let own = rows.iter().find(|row| cell(row, at_pid) == pid);
            let Some(uid) = own.and_then(|row| cell(row, at_uid)) else {
                return Err(Trouble::new("J_DAEMON", "the Docker does not list the container's first process", ""));
            };
            let found = (uid == 0).then(|| {
                Found::new("RUN_AS_ROOT", "the container's first process runs as root")
                    .expected("another user than 0")
                    .found("user 0")
            });
            Ok(Seen::of(format!("runs as user {uid}"), found.into_iter().collect()))
        }
        .boxed()
    }
}

/// `run.healthy`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Healthy {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// How long it may take from the start on.
    #[serde(default = "thirty_seconds")]
    within: Period,
}

impl Check for Healthy {
    fn title(&self) -> String {
        "The healthcheck passes".to_owned()
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let seen = self.seen(case).await;
            noted(case, &self.container, seen).await
        }
        .boxed()
    }
}

impl Healthy {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let running = match bench::run(case, &self.container).await? {
            Ok(running) => running,
            Err(seen) => return Ok(seen),
        };
        let bench = case.bench()?;
        loop {
            let inspection = bench.inspect(&running.id).await?;
            let test = &inspection.raw["Config"]["Healthcheck"]["Test"];
            let none = test.as_array().is_none_or(|test| test.is_empty() || test[0] == "NONE");
            if none {
                let found = Found::new("HEALTH_NONE", "the image has no healthcheck");
                return Ok(Seen::of("no healthcheck", vec![found]));
            }
            if let Some(seen) = bench.ended(&running.id).await? {
                return Ok(seen);
            }
            let last = inspection.probes.last();
            let probe = || {
                last.map(|probe| {
                    let words = probe.output.lines().next().unwrap_or_default().trim().to_owned();
                    format!("exit code {}{}{words}", probe.exit_code, if words.is_empty() { "" } else { ": " })
                })
            };
            match inspection.container.health {
                Health::Healthy => {
                    return Ok(Seen::well(format!("healthy after {:.1} s", running.since.elapsed().as_secs_f64())));
                }
                Health::Unhealthy => {
                    let mut found = Found::new("HEALTH_UNHEALTHY", "the healthcheck fails");
                    found.found = probe();
                    return Ok(Seen::of("unhealthy", vec![found]));
                }
                Health::Starting | Health::None => {}
            }
            if running.since.elapsed() >= self.within.0 {
                let mut found =
                    Found::new("HEALTH_TIMEOUT", format!("the container was not healthy after {}", self.within))
                        .expected(format!("healthy within {}", self.within));
                found.found = probe();
                return Ok(Seen::of("still starting", vec![found]));
            }
            tokio::time::sleep(OFTEN).await;
        }
    }
}

/// `run.readonly`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadOnly {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// Folders that can be written to all the same, and are empty at the start.
    #[serde(default)]
    tmpfs: Vec<String>,
    /// Checks of the lab that have to hold then, too.
    #[serde(default)]
    then: Vec<String>,
    /// How long it has to stay up.
    #[serde(default = "two_seconds")]
    stays_up: Period,
}

impl Check for ReadOnly {
    fn title(&self) -> String {
        "The container works on a read-only file system".to_owned()
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        let variant = Variant { read_only: true, tmpfs: self.tmpfs.clone(), ..Variant::default() };
        let try_it = Again {
            container: &self.container,
            key: "readonly",
            variant,
            then: &self.then,
            stays_up: self.stays_up.0,
            code: "RUN_READONLY",
            how: "on a read-only file system",
        };
        try_it.look(case).boxed()
    }
}

/// `run.hardened`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Hardened {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// Capabilities that are taken away.
    #[serde(default = "every")]
    cap_drop: Vec<String>,
    /// Whether programs can gain no rights.
    #[serde(default = "yes")]
    no_new_privileges: bool,
    /// Checks of the lab that have to hold then, too.
    #[serde(default)]
    then: Vec<String>,
    /// How long it has to stay up.
    #[serde(default = "two_seconds")]
    stays_up: Period,
}

fn every() -> Vec<String> {
    vec!["ALL".to_owned()]
}

const fn yes() -> bool {
    true
}

impl Check for Hardened {
    fn title(&self) -> String {
        format!("The container works without {}", self.cap_drop.join(", "))
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        let variant = Variant {
            cap_drop: self.cap_drop.clone(),
            no_new_privileges: self.no_new_privileges,
            ..Variant::default()
        };
        let try_it = Again {
            container: &self.container,
            key: "hardened",
            variant,
            then: &self.then,
            stays_up: self.stays_up.0,
            code: "RUN_HARDENED",
            how: "with fewer rights",
        };
        try_it.look(case).boxed()
    }
}

/// A container once more, in a stricter form, with checks that have to hold again.
struct Again<'a> {
    container: &'a str,
    key: &'a str,
    variant: Variant,
    then: &'a [String],
    stays_up: Duration,
    code: &'static str,
    how: &'a str,
}

impl Again<'_> {
    async fn look(self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let key = format!("{}-{}", self.container, self.key);
        let running = match bench::start(case, &key, self.container, &self.variant).await? {
            Ok(running) => running,
            Err(seen) if seen.unbuilt => return Ok(seen),
            Err(seen) => return Ok(self.failed(seen, "start")),
        };
        let up = stays_up(case, &key, self.stays_up).await;
        let up = noted(case, &key, up).await?;
        if !up.found.is_empty() {
            return Ok(self.failed(up, "stay up"));
        }
        let before = case.bench()?.stand_in(self.container, Some(running));
        let seen = self.hold(case).await;
        // The one that was there comes back, whatever was seen of the other.
        case.bench()?.stand_in(self.container, before);
        case.bench()?.drop_run(&key).await?;
        seen
    }

    async fn hold(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        for id in self.then {
            let lab = case.lab;
            let Some((_, check)) = lab.checks().find(|(_, check)| check.id == *id) else {
                let message = format!("a check repeats `{id}`, which the lab does not have");
                return Err(Trouble::new("J_LAB_INVALID", message, "name checks of the lab under `then:`"));
            };
            let made = super::kind(&check.kind).ok().and_then(|kind| (kind.read)(&check.fields).ok());
            let Some(made) = made else {
                return Err(Trouble::new("J_LAB_INVALID", format!("the check `{id}` cannot be read"), ""));
            };
            let seen = made.look(case).await?;
            if !seen.found.is_empty() {
                return Ok(self.failed(seen, &format!("pass `{id}`")));
            }
        }
        Ok(Seen::well(format!("works {}", self.how)))
    }

    fn failed(&self, seen: Seen, what: &str) -> Seen {
        let why = seen.found.first().map(|found| found.message.clone()).unwrap_or_default();
        let mut found = Found::new(self.code, format!("{} the container does not {what}: {why}", self.how));
        found.found = seen.found.into_iter().find_map(|found| found.found);
        Seen::of(seen.observed, vec![found])
    }
}
