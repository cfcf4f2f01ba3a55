//! Checks on how what runs is stopped.

use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::Trouble;
use super::super::bench;
use super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, read, schema};
use super::run::{RUN_EXITED, RUN_FAILED, RUN_OOM, app, ends, noted};
use crate::config::Period;

pub(super) const KINDS: &[Kind] = &[Kind {
    name: "run.stops",
    phase: Phase::Stop,
    need: Need::Image,
    about: "A container ends when it is asked to, and need not be killed.",
    codes: &[
        RUN_FAILED,
        RUN_EXITED,
        RUN_OOM,
        Code {
            name: "STOP_SLOW",
            hint: "The signal does not reach the program, or it does nothing about it; who is process 1 in the container?",
        },
        Code { name: "STOP_EXIT", hint: "The program ends when it is asked to, but with another exit code." },
    ],
    timeout: Duration::from_secs(90),
    late: Some("STOP_SLOW"),
    read: read::<Stops>,
    schema: schema::<Stops>,
}];

const fn ten_seconds() -> Period {
    Period(Duration::from_secs(10))
}

const fn a_second() -> Period {
    Period(Duration::from_secs(1))
}

/// `run.stops`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Stops {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// The signal; the image's own when none is named, which mostly is SIGTERM.
    #[serde(default)]
    signal: Option<String>,
    /// How long it may take to end.
    #[serde(default = "ten_seconds")]
    within: Period,
    /// The exit code, where it matters.
    #[serde(default)]
    exit: Option<i64>,
    /// How long it has to have been up before it is asked.
    #[serde(default = "a_second")]
    after: Period,
}

impl Check for Stops {
    fn title(&self) -> String {
        format!("The container ends within {} when it is asked to", self.within)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let seen = self.seen(case).await;
            let seen = noted(case, &self.container, seen).await?;
            // Whoever asks for it next gets another one.
            case.bench()?.drop_run(&self.container).await?;
            Ok(seen)
        }
        .boxed()
    }
}

impl Stops {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let running = match bench::run(case, &self.container).await? {
            Ok(running) => running,
            Err(seen) => return Ok(seen),
        };
        let early = self.after.0.saturating_sub(running.since.elapsed());
        if early > Duration::ZERO {
            ends(case, &running, early).await?;
        }
        let bench = case.bench()?;
        if let Some(seen) = bench.ended(&running.id).await? {
            return Ok(seen);
        }
        let signal = if let Some(signal) = &self.signal {
            signal.clone()
        } else {
            let raw = bench.inspect(&running.id).await?.raw;
            raw["Config"]["StopSignal"].as_str().filter(|s| !s.is_empty()).unwrap_or("SIGTERM").to_owned()
        };
        let asked = Instant::now();
        if let Err(error) = bench.engine().kill(&running.id, &signal).await {
            return match bench.ended(&running.id).await? {
                Some(seen) => Ok(seen),
                None => Err(bench.trouble(error).await),
            };
        }
        if !ends(case, &running, self.within.0).await? {
            let message = format!("the container did not end within {} after {signal}", self.within);
            let found = Found::new("STOP_SLOW", message).expected(format!("ended within {}", self.within));
            return Ok(Seen::of("had to be killed", vec![found.found("still running")]));
        }
        let code = case.bench()?.inspect(&running.id).await?.raw["State"]["ExitCode"].as_i64().unwrap_or_default();
        let observed = format!("ended after {:.1} s with exit code {code}", asked.elapsed().as_secs_f64());
        let found = self.exit.filter(|exit| *exit != code).map(|exit| {
            Found::new("STOP_EXIT", format!("after {signal} the container ended with exit code {code}"))
                .expected(format!("exit code {exit}"))
                .found(format!("exit code {code}"))
        });
        Ok(Seen::of(observed, found.into_iter().collect()))
    }
}
