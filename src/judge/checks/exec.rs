//! Checks that run commands in containers: what they say, and what outlives a container.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Trouble;
use super::super::bench::{self, Running, Variant};
use super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, Wrong, read, schema};
use super::super::fields::Pattern;
use super::run::{RUN_EXITED, RUN_FAILED, RUN_OOM, app, noted};
use crate::engine::{ErrorKind, ExecAsk, Ran};
use crate::text::fit;

/// The most of a command's output that is read.
const MOST: usize = 256 << 10;

pub(super) const NO_BINARY: Code =
    Code { name: "EXEC_NO_BINARY", hint: "That program is not in the image, or not at that path." };

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "run.exec",
        phase: Phase::Run,
        need: Need::Image,
        about: "A command in a running container ends and prints as it should.",
        codes: &[
            RUN_FAILED,
            RUN_EXITED,
            RUN_OOM,
            NO_BINARY,
            Code { name: "EXEC_EXIT", hint: "The command ended with another exit code; what does it say?" },
            Code { name: "EXEC_OUTPUT", hint: "The command prints something else; compare it with what is expected." },
            Code { name: "EXEC_TIMEOUT", hint: "The command does not end; does it wait for something?" },
        ],
        timeout: Duration::from_secs(30),
        late: Some("EXEC_TIMEOUT"),
        read: read::<Exec>,
        schema: schema::<Exec>,
    },
    Kind {
        name: "run.persists",
        phase: Phase::Run,
        need: Need::Image,
        about: "What a container wrote is still there after it was started again, or made anew.",
        codes: &[
            RUN_FAILED,
            RUN_EXITED,
            RUN_OOM,
            NO_BINARY,
            Code { name: "EXEC_EXIT", hint: "The command that writes fails; what does it say?" },
            Code {
                name: "STATE_LOST",
                hint: "What a container writes goes with it, unless it writes into a volume; where does it write?",
            },
        ],
        timeout: Duration::from_mins(1),
        late: Some("STATE_LOST"),
        read: read::<Persists>,
        schema: schema::<Persists>,
    },
];

/// `run.exec`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Exec {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// The program and its arguments.
    cmd: Vec<String>,
    /// As whom, in place of the container's own.
    #[serde(default)]
    user: Option<String>,
    /// The exit code.
    #[serde(default)]
    exit: i64,
    /// A regular expression for its standard output.
    #[serde(default)]
    stdout: Option<Pattern>,
    /// A regular expression for its standard error.
    #[serde(default)]
    stderr: Option<Pattern>,
}

impl Check for Exec {
    fn title(&self) -> String {
        format!("`{}` works in the container", self.cmd.join(" "))
    }

    fn wrong(&self) -> Option<Wrong> {
        self.cmd.is_empty().then(|| Wrong::new("cmd", "found no command, expected a program and its arguments"))
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let seen = self.seen(case).await;
            noted(case, &self.container, seen).await
        }
        .boxed()
    }
}

impl Exec {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let running = match bench::run(case, &self.container).await? {
            Ok(running) => running,
            Err(seen) => return Ok(seen),
        };
        let ran = match exec(case, &running, &self.cmd, self.user.as_deref()).await? {
            Ok(ran) => ran,
            Err(seen) => return Ok(seen),
        };
        let code = ran.code.unwrap_or(-1);
        let observed = format!("exit code {code}");
        if code != self.exit {
            let message = format!("`{}` ended with exit code {code}", self.cmd.join(" "));
            let found =
                Found::new("EXEC_EXIT", message).expected(format!("exit code {}", self.exit)).found(ran.last_words());
            return Ok(Seen::of(observed, vec![found]));
        }
        for (pattern, bytes, name) in [(&self.stdout, &ran.out, "output"), (&self.stderr, &ran.err, "standard error")] {
            let text = String::from_utf8_lossy(bytes);
            if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.is_in(&text)) {
                let message = format!("the {name} of `{}` does not have `{pattern}`", self.cmd.join(" "));
                let found =
                    Found::new("EXEC_OUTPUT", message).expected(format!("`{pattern}`")).found(fit(text.trim(), 150));
                return Ok(Seen::of(observed, vec![found]));
            }
        }
        Ok(Seen::well(observed))
    }
}

/// Runs a command in a container; what the check saw instead where it could not be run.
pub(super) async fn exec(
    case: &mut Case<'_>,
    running: &Running,
    command: &[String],
    user: Option<&str>,
) -> Result<Result<Ran, Seen>, Trouble> {
    let bench = case.bench()?;
    if let Some(seen) = bench.ended(&running.id).await? {
        return Ok(Err(seen));
    }
    let ask = ExecAsk { user: user.map(str::to_owned), ..ExecAsk::of(command.iter().cloned()) };
    let missing = |why: &str| {
        let found = Found::new("EXEC_NO_BINARY", format!("`{}` cannot be run in the container", command[0]));
        Seen::of("not run", vec![found.found(fit(why, 150))])
    };
    match bench.engine().exec_kept(&running.id, &ask, &[], MOST).await {
        // A shell answers so as well, of a program that it does not find; the Docker says it in these words.
        Ok(ran) if matches!(ran.code, Some(126 | 127)) && is_refusal(&ran) => Ok(Err(missing(&ran.last_words()))),
        Ok(ran) => Ok(Ok(ran)),
        Err(error) => {
            if let Some(seen) = bench.ended(&running.id).await? {
                return Ok(Err(seen));
            }
            if matches!(error.kind, ErrorKind::Other | ErrorKind::NotFound) && bench.lost().await.is_none() {
                return Ok(Err(missing(&error.message)));
            }
            Err(bench.trouble(error).await)
        }
    }
}

fn is_refusal(ran: &Ran) -> bool {
    [&ran.out, &ran.err].iter().any(|text| String::from_utf8_lossy(text).contains("exec failed"))
}

/// What is done with a container between writing and reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum How {
    /// It is stopped and started.
    Restart,
    /// It is removed, and another one is made with the same volume.
    #[default]
    Recreate,
}

/// `run.persists`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Persists {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// Where a volume is mounted in it, that both containers have.
    #[serde(default)]
    volume: Option<String>,
    /// The command that writes.
    write: Vec<String>,
    /// What is done then.
    #[serde(default)]
    how: How,
    /// The command that reads.
    read: Vec<String>,
    /// A regular expression for what it prints; without it, that it ends with 0 is enough.
    #[serde(default)]
    expect: Option<Pattern>,
}

impl Check for Persists {
    fn title(&self) -> String {
        "What was written is kept".to_owned()
    }

    fn wrong(&self) -> Option<Wrong> {
        let empty = [("write", &self.write), ("read", &self.read)].into_iter().find(|(_, command)| command.is_empty());
        empty.map(|(name, _)| Wrong::new(name, "found no command, expected a program and its arguments"))
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let key = format!("{}-persists", self.container);
            let seen = self.seen(case, &key).await;
            let seen = noted(case, &key, seen).await;
            case.bench()?.drop_run(&key).await?;
            seen
        }
        .boxed()
    }
}

impl Persists {
    async fn seen(&self, case: &mut Case<'_>, key: &str) -> Result<Seen, Trouble> {
        let mut variant = Variant::default();
        if let Some(at) = &self.volume {
            let bench = case.bench()?;
            let name = bench.name(&format!("{}-data", self.container));
            if let Err(error) = bench.engine().create_volume(&name, &bench.labels()).await {
                return Err(bench.trouble(error).await);
            }
            variant.volumes.push((name, at.clone()));
        }
        let running = match bench::start(case, key, &self.container, &variant).await? {
            Ok(running) => running,
            Err(seen) => return Ok(seen),
        };
        let wrote = match exec(case, &running, &self.write, None).await? {
            Ok(ran) => ran,
            Err(seen) => return Ok(seen),
        };
        if wrote.code != Some(0) {
            let message = format!("`{}` ended with exit code {}", self.write.join(" "), wrote.code.unwrap_or(-1));
            return Ok(Seen::of("not written", vec![Found::new("EXEC_EXIT", message).found(wrote.last_words())]));
        }
        let again = match self.how {
            How::Restart => {
                let bench = case.bench()?;
                if let Err(error) = bench.engine().restart(&running.id, Some(5)).await {
                    return Err(bench.trouble(error).await);
                }
                Ok(running)
            }
            How::Recreate => {
                case.bench()?.drop_run(key).await?;
                bench::start(case, key, &self.container, &variant).await?
            }
        };
        let again = match again {
            Ok(again) => again,
            Err(seen) => return Ok(seen),
        };
        let done = if self.how == How::Restart { "a restart" } else { "the container was made anew" };
        let ran = match exec(case, &again, &self.read, None).await? {
            Ok(ran) => ran,
            Err(seen) => return Ok(seen),
        };
        let text = String::from_utf8_lossy(&ran.out);
        if ran.code == Some(0) && self.expect.as_ref().is_none_or(|pattern| pattern.is_in(&text)) {
            return Ok(Seen::well(format!("still there after {done}")));
        }
        let mut found = Found::new("STATE_LOST", format!("what was written is gone after {done}"));
        found.expected = self.expect.as_ref().map(|pattern| format!("`{pattern}`"));
        Ok(Seen::of("gone", vec![found.found(fit(&ran.last_words(), 150))]))
    }
}
