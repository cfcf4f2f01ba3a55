//! What the compose files of a stack say there should be.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::fleet::Stack;

/// A service as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Its name.
    pub name: String,
    /// Its image, as written; variables are not filled in.
    pub image: Option<String>,
    /// Whether it says how to build one.
    pub builds: bool,
    /// Whether a plain `up` would make a container of it: it has no profile, and is not scaled to none.
    pub wanted: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    services: BTreeMap<String, Option<Raw>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Raw {
    image: Option<Value>,
    build: Option<Value>,
    profiles: Option<Vec<Value>>,
    scale: Option<Value>,
    deploy: Option<Value>,
}

/// The services that the compose files of a stack name, and which files could not be read. Later files win, as in compose.
pub fn written(stack: &Stack) -> (Vec<Written>, Vec<String>) {
    let (mut all, mut unread) = (BTreeMap::<String, Written>::new(), Vec::new());
    for path in super::files(stack) {
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => serde_yaml::from_str::<File>(&text).map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        match file {
            Ok(file) => {
                for (name, raw) in file.services {
                    let service =
                        all.entry(name.clone()).or_insert_with(|| Written { name, wanted: true, ..Written::default() });
                    add(service, raw.unwrap_or_default());
                }
            }
            Err(e) => {
                let why = e.lines().next().unwrap_or_default();
                unread.push(format!("the compose file {} cannot be read: {why}", path.display()));
            }
        }
    }
    (all.into_values().collect(), unread)
}

fn add(service: &mut Written, raw: Raw) {
    if let Some(image) = raw.image.as_ref().and_then(Value::as_str) {
        service.image = Some(crate::text::clean(image).into_owned());
    }
    service.builds |= raw.build.is_some_and(|b| !b.is_null());
    let none = |count: &Value| count.as_u64() == Some(0) || count.as_str() == Some("0");
    let replicas = raw.deploy.as_ref().map(|d| &d["replicas"]);
    if raw.profiles.is_some_and(|p| !p.is_empty()) || raw.scale.iter().chain(replicas).any(none) {
        service.wanted = false;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_with_what_makes_them_unwanted() {
        let dir = tempfile::tempdir().unwrap();
        let first = "
services:
  web: {image: 'shop/web:${TAG}', build: .}
  db: {image: postgres:16}
  debug: {image: tools, profiles: [debug]}
  none: {image: a, scale: 0}
  later: {image: b, deploy: {replicas: 0}}
  bare:
";
        std::fs::write(dir.path().join("a.yaml"), first).unwrap();
        std::fs::write(dir.path().join("b.yaml"), "services: {db: {image: 'postgres:17'}}").unwrap();
        let stack = Stack {
            working_dir: Some(dir.path().to_owned()),
            config_files: vec!["a.yaml".into(), "b.yaml".into(), "gone.yaml".into()],
            ..Stack::default()
        };
        let (services, unread) = written(&stack);
        let told: Vec<String> = services
            .iter()
            .map(|s| format!("{} {} {} {}", s.name, s.image.as_deref().unwrap_or("-"), s.builds, s.wanted))
            .collect();
        assert_eq!(
            told,
            [
                "bare - false true",
                "db postgres:17 false true",
                "debug tools false false",
                "later b false false",
                "none a false false",
                "web shop/web:${TAG} true true",
            ]
        );
        assert!(unread.len() == 1 && unread[0].contains("gone.yaml cannot be read"), "{unread:?}");
    }
}
