//! Checks on what a learner made in a session by hand: containers, images, networks, volumes.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::super::Trouble;
use super::super::bench::Bench;
use super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, Wrong, read, schema};
use super::super::fields::Pattern;
use super::reach::{Query, same};
use crate::engine::EngineError;
use crate::sessions::JUDGE;

/// What kind of thing is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Container,
    Image,
    Network,
    Volume,
}

impl What {
    const fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
        }
    }
}

const fn kind<T: Check + serde::de::DeserializeOwned + JsonSchema + 'static>(
    name: &'static str,
    about: &'static str,
) -> Kind {
    Kind {
        name,
        phase: Phase::Run,
        need: Need::Docker,
        about,
        codes: &[
            Code {
                name: "STATE_MISSING",
                hint: "What is asked for is not there; docker ps -a, images, network ls and volume ls show what is.",
            },
            Code { name: "STATE_UNWANTED", hint: "Something is there that should be gone." },
            Code { name: "STATE_FIELD", hint: "It is there, but not as it should be; docker inspect shows how it is." },
        ],
        timeout: Duration::from_mins(1),
        late: None,
        read: read::<T>,
        schema: schema::<T>,
    }
}

pub(super) const KINDS: &[Kind] = &[
    kind::<OfContainer>("state.container", "A container in the session is as it should be."),
    kind::<OfImage>("state.image", "An image in the session is as it should be."),
    kind::<OfNetwork>("state.network", "A network in the session is as it should be."),
    kind::<OfVolume>("state.volume", "A volume in the session is as it should be."),
];

const fn yes() -> bool {
    true
}

macro_rules! states {
    ($($type:ident $what:ident $name:literal),*) => {$(
        #[doc = $name]
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $type {
            /// A regular expression for its name.
            #[serde(default)]
            name: Option<Pattern>,
            /// A label that it has: `name` or `name=value`.
            #[serde(default)]
            label: Option<String>,
            /// Whether it has to be there, or must not be.
            #[serde(default = "yes")]
            exists: bool,
            /// Values of what the Docker says of it, by their paths: `$.State.Status: running`.
            #[serde(default)]
            fields: BTreeMap<Query, Value>,
        }

        impl $type {
            fn state(&self) -> State<'_> {
                State { what: What::$what, name: self.name.as_ref(), label: self.label.as_deref(), exists: self.exists, fields: &self.fields }
            }
        }

        impl Check for $type {
            fn title(&self) -> String {
                self.state().title()
            }

            fn wrong(&self) -> Option<Wrong> {
                let message = "found nothing to look for, expected `name:` or `label:`";
                (self.name.is_none() && self.label.is_none()).then(|| Wrong::new("", message))
            }

            fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
                async move { self.state().seen(case).await }.boxed()
            }
        }
    )*};
}

states! {
    OfContainer Container "`state.container`",
    OfImage Image "`state.image`",
    OfNetwork Network "`state.network`",
    OfVolume Volume "`state.volume`"
}

/// What is looked for.
struct State<'a> {
    what: What,
    name: Option<&'a Pattern>,
    label: Option<&'a str>,
    exists: bool,
    fields: &'a BTreeMap<Query, Value>,
}

impl State<'_> {
    fn words(&self) -> String {
        let what = self.what.word();
        match (self.name, self.label) {
            (Some(name), _) => format!("{what} `{name}`"),
            (None, Some(label)) => format!("{what} with the label {label}"),
            (None, None) => what.to_owned(),
        }
    }

    fn title(&self) -> String {
        let how = if self.exists { "there" } else { "gone" };
        format!("The {} is {how}", self.words())
    }

    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let bench = case.bench()?;
        if bench.is_fresh() {
            return Err(Trouble::new(
                "J_LAB_INVALID",
                "this lab looks at what was made in the session itself, of which a fresh one has nothing",
                "judge it in the session (quick)",
            ));
        }
        let all = match self.all(bench).await {
            Ok(all) => all,
            Err(error) => return Err(bench.trouble(error).await),
        };
        if !self.exists {
            let found = all
                .first()
                .map(|(name, _)| Found::new("STATE_UNWANTED", format!("the {} {name} is there", self.what.word())));
            return Ok(Seen::of(if all.is_empty() { "not there" } else { "there" }, found.into_iter().collect()));
        }
        if all.is_empty() {
            return Ok(Seen::of(
                "not there",
                vec![Found::new("STATE_MISSING", format!("there is no {}", self.words()))],
            ));
        }
        let mut first = None;
        for (name, id) in &all {
            let is = match self.inspect(bench, id).await {
                Ok(is) => is,
                Err(error) => return Err(bench.trouble(error).await),
            };
            match self.wrong_in(name, &is) {
                None => return Ok(Seen::well(name.clone())),
                Some(found) => drop(first.get_or_insert(found)),
            }
        }
        Ok(Seen::of("not as it should be", first.into_iter().collect()))
    }

    /// Those that are meant: their names, and what they are asked for by. What judges made does not count.
    async fn all(&self, bench: &Bench) -> Result<Vec<(String, String)>, EngineError> {
        let engine = bench.engine();
        let all: Vec<(Vec<String>, String, BTreeMap<String, String>)> = match self.what {
            What::Container => {
                let all = engine.containers().await?;
                all.into_iter().map(|c| (vec![c.name], c.id.to_string(), c.labels)).collect()
            }
            What::Image => engine.images().await?.into_iter().map(|i| (i.tags, i.id.to_string(), i.labels)).collect(),
            What::Network => {
                let all = engine.networks().await?;
                all.into_iter().map(|n| (vec![n.name], n.id.to_string(), n.labels)).collect()
            }
            What::Volume => {
                let all = engine.volumes().await?;
                all.into_iter().map(|v| (vec![v.name.to_string()], v.name.to_string(), v.labels)).collect()
            }
        };
        let labelled =
            |labels: &BTreeMap<String, String>| match self.label.map(|l| l.split_once('=').unwrap_or((l, ""))) {
                None => true,
                Some((name, "")) => labels.contains_key(name),
                Some((name, value)) => labels.get(name).is_some_and(|is| is == value),
            };
        Ok(all
            .into_iter()
            .filter(|(_, _, labels)| !labels.contains_key(JUDGE) && labelled(labels))
            .filter_map(|(names, id, _)| match self.name {
                None => Some((names.into_iter().next().unwrap_or_else(|| id.clone()), id)),
                Some(pattern) => names.into_iter().find(|name| pattern.is_in(name)).map(|name| (name, id)),
            })
            .collect())
    }

    async fn inspect(&self, bench: &Bench, id: &str) -> Result<Value, EngineError> {
        if self.fields.is_empty() {
            return Ok(Value::Null);
        }
        let engine = bench.engine();
        match self.what {
            What::Container => engine.inspect(id).await.map(|inspection| inspection.raw),
            What::Image => engine.inspect_image(id).await,
            What::Network => engine.inspect_network(id).await,
            What::Volume => engine.inspect_volume(id).await,
        }
    }

    fn wrong_in(&self, name: &str, is: &Value) -> Option<Found> {
        self.fields.iter().find_map(|(query, expected)| {
            let nodes = JsonPath::parse(&query.0).map(|path| path.query(is).all()).unwrap_or_default();
            if nodes.iter().any(|node| same(node, expected)) {
                return None;
            }
            let found = nodes.first().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            let message = format!("{} of the {} {name} is not what it should be", query.0, self.what.word());
            Some(Found::new("STATE_FIELD", message).expected(expected.to_string()).found(found))
        })
    }
}
