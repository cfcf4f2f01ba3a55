//! An image, as the engine tells it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{Check, list, pairs, text, words};

/// What rules look at, of an image. Values of variables and what its steps say may be secrets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageFacts {
    /// Its tags.
    pub(crate) tags: Vec<String>,
    /// When it was built.
    pub(crate) created: Option<Timestamp>,
    pub(crate) user: String,
    pub(crate) health: Check,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) words: Vec<String>,
    /// Ports it says it listens on, such as `22/tcp`.
    pub(crate) exposed: Vec<String>,
    pub(crate) volumes: Vec<String>,
    /// Its labels, which containers made from it have, too.
    pub(crate) labels: BTreeMap<String, String>,
    /// What made its layers, the first one first, as the engine has it.
    pub(crate) steps: Vec<String>,
}

impl ImageFacts {
    /// From what the engine says of an image, and the instructions of its history.
    pub fn new(raw: &Value, steps: Vec<String>) -> Self {
        let config = &raw["Config"];
        let keys = |value: &Value| -> Vec<String> {
            value.as_object().into_iter().flatten().map(|(key, _)| crate::text::clean(key).into_owned()).collect()
        };
        Self {
            tags: list(&raw["RepoTags"]).map(text).filter(|tag| tag != "<none>:<none>").collect(),
            // Builds that shall come out the same say year 1 or 1970.
            created: text(&raw["Created"]).parse::<Timestamp>().ok().filter(|t| t.as_second() > 400_000_000),
            user: text(&config["User"]),
            health: match list(&config["Healthcheck"]["Test"]).next().and_then(Value::as_str) {
                None | Some("") => Check::None,
                Some("NONE") => Check::Off,
                Some(_) => Check::On,
            },
            env: pairs(&config["Env"]),
            words: [words(&config["Entrypoint"]), words(&config["Cmd"])].concat(),
            exposed: keys(&config["ExposedPorts"]),
            volumes: keys(&config["Volumes"]),
            labels: pairs(&config["Labels"])
                .into_iter()
                .map(|(name, value)| (name, crate::text::clean(&value).into_owned()))
                .collect(),
            steps,
        }
    }
}
