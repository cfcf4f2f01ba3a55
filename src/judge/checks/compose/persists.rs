//! Whether what a service of a project wrote outlives its container.

use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::exec::{NO_BINARY, exec};
use super::super::run::noted;
use super::{How, OFTEN, SERVICE, command, compose_yaml, how, of_project, project};
use crate::config::Period;
use crate::engine::ErrorKind;
use crate::judge::Trouble;
use crate::judge::bench;
use crate::judge::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, Wrong, read, schema};
use crate::judge::fields::Pattern;
use crate::text::fit;

pub(super) const KIND: Kind = Kind {
    name: "compose.persists",
    phase: Phase::Run,
    need: Need::Docker,
    about: "What a service that came up wrote is still there when its container was made anew.",
    codes: &[
        super::SYNTAX,
        NO_BINARY,
        Code { name: "EXEC_EXIT", hint: "The command that writes fails; what does it say?" },
        Code { name: "COMPOSE_UP", hint: "The service does not come up a second time; what does its log say?" },
        Code {
            name: "STATE_LOST",
            hint: "What a container writes goes with it, unless it writes into a volume with a name; where does it write?",
        },
    ],
    timeout: Duration::from_mins(2),
    late: Some("STATE_LOST"),
    read: read::<Persists>,
    schema: schema::<Persists>,
};

const fn half_a_minute() -> Period {
    Period(Duration::from_secs(30))
}

/// `compose.persists`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Persists {
    /// The file.
    #[serde(default = "compose_yaml")]
    file: String,
    /// The service, which `compose.up` has to have brought up.
    service: String,
    /// The command in it that writes.
    write: Vec<String>,
    /// The command in it that reads.
    read: Vec<String>,
    /// A regular expression for what it prints; without it, that it ends with 0 is enough.
    #[serde(default)]
    expect: Option<Pattern>,
    /// How long it may take until the new container is well.
    #[serde(default = "half_a_minute")]
    within: Period,
}

impl Check for Persists {
    fn title(&self) -> String {
        format!("What {} wrote outlives its container", self.service)
    }

    fn wrong(&self) -> Option<Wrong> {
        let empty = [("write", &self.write), ("read", &self.read)].into_iter().find(|(_, command)| command.is_empty());
        empty.map(|(name, _)| Wrong::new(name, "found no command, expected a program and its arguments"))
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let seen = self.seen(case).await;
            noted(case, &self.service, seen).await
        }
        .boxed()
    }
}

impl Persists {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let running = match bench::run(case, &self.service).await? {
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
        if let Some(seen) = self.anew(case).await? {
            return Ok(seen);
        }
        let again = match bench::run(case, &self.service).await? {
            Ok(again) => again,
            Err(seen) => return Ok(seen),
        };
        let ran = match exec(case, &again, &self.read, None).await? {
            Ok(ran) => ran,
            Err(seen) => return Ok(seen),
        };
        let text = String::from_utf8_lossy(&ran.out);
        if ran.code == Some(0) && self.expect.as_ref().is_none_or(|pattern| pattern.is_in(&text)) {
            return Ok(Seen::well("still there in a new container"));
        }
        let message = format!("what {} wrote was gone when its container was made anew", self.service);
        let mut found = Found::new("STATE_LOST", message).in_file(self.file.clone());
        found.expected = self.expect.as_ref().map(|pattern| format!("`{pattern}`"));
        Ok(Seen::of("gone", vec![found.found(fit(&ran.last_words(), 150))]))
    }

    /// Makes the service's container anew, with nothing of the old one but its volumes with names.
    async fn anew(&self, case: &mut Case<'_>) -> Result<Option<Seen>, Trouble> {
        let project = match project(case, &self.file).await? {
            Ok(project) => project,
            Err(seen) => return Ok(Some(seen)),
        };
        let bench = case.bench()?;
        let name = bench.name("compose");
        let mut words = command(&name, &project.dir, &self.file);
        let up = ["up", "--detach", "--no-deps", "--force-recreate", "--renew-anon-volumes", "--timeout", "5"];
        words.extend(up.into_iter().map(str::to_owned).chain([self.service.clone()]));
        let broken = |why: String| {
            let message = format!("{} does not come up a second time: {why}", self.service);
            Some(Seen::of("not up", vec![Found::new("COMPOSE_UP", message).in_file(self.file.clone())]))
        };
        let began = Instant::now();
        match bench.inside_within(words, self.within.0).await {
            Ok(ran) if ran.code == Some(0) => {}
            Ok(ran) => return Ok(broken(ran.last_words().replace(&format!("{}/", project.dir), ""))),
            Err(error) if error.kind == ErrorKind::Timeout => {
                return Ok(broken(format!("it was not done after {}", self.within)));
            }
            Err(error) => return Err(bench.trouble(error).await),
        }
        loop {
            let containers = of_project(bench, &name).await?;
            match how(bench, &containers, &self.service, false).await? {
                How::Well => {
                    if let Some(new) = containers.iter().find(|c| c.labels.get(SERVICE) == Some(&self.service)) {
                        bench.adopt(&self.service, &new.id);
                    }
                    return Ok(None);
                }
                How::Broken(why, _) => return Ok(broken(why)),
                How::Waiting(why) if began.elapsed() >= self.within.0 => return Ok(broken(why)),
                How::Waiting(_) => tokio::time::sleep(OFTEN).await,
            }
        }
    }
}
