//! Compose projects as a whole: in which order their services go, and which compose runs them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::process::Command;

use crate::engine::{EngineError, ErrorKind};
use crate::fleet::Stack;

/// The services of a stack in waves: each waits for those before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// Names of services; those of one wave are independent of each other.
    pub waves: Vec<Vec<String>>,
    /// Services that wait for each other in a circle; they stand in the last wave.
    pub circle: Vec<String>,
}

/// The order in which the services of `stack` start, from its labels or else from `files`: what each
/// service waits for.
pub fn order(stack: &Stack, files: &BTreeMap<String, Vec<String>>) -> Order {
    let names: BTreeSet<&str> = stack.services.iter().map(|s| s.name.as_str()).collect();
    let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for service in &stack.services {
        let told = if service.depends_on.is_empty() { files.get(&service.name) } else { Some(&service.depends_on) };
        let others = told.into_iter().flatten().map(String::as_str).filter(|n| names.contains(n) && *n != service.name);
        waits.insert(&service.name, others.collect());
    }
    let mut order = Order::default();
    while !waits.is_empty() {
        let ready: Vec<&str> = waits.iter().filter(|(_, on)| on.is_empty()).map(|(n, _)| *n).collect();
        if ready.is_empty() {
            order.circle = waits.keys().map(|n| (*n).to_owned()).collect();
            order.waves.push(order.circle.clone());
            break;
        }
        for name in &ready {
            waits.remove(name);
        }
        for on in waits.values_mut() {
            on.retain(|n| !ready.contains(n));
        }
        order.waves.push(ready.into_iter().map(str::to_owned).collect());
    }
    order
}

/// What each service waits for, as the compose files of a stack say it. Files that are not on this
/// machine say nothing.
pub fn depends_on(stack: &Stack) -> BTreeMap<String, Vec<String>> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct File {
        services: BTreeMap<String, Service>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Service {
        depends_on: Option<Waits>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Waits {
        List(Vec<String>),
        Map(BTreeMap<String, serde_json::Value>),
    }
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files(stack) {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        let Ok(file) = serde_yaml::from_str::<File>(&text) else { continue };
        for (name, service) in file.services {
            all.entry(name).or_default().extend(match service.depends_on {
                Some(Waits::List(names)) => names,
                Some(Waits::Map(names)) => names.into_keys().collect(),
                None => Vec::new(),
            });
        }
    }
    all
}

/// The compose files of a stack, with their whole paths.
pub fn files(stack: &Stack) -> Vec<PathBuf> {
    let dir = stack.working_dir.as_deref().unwrap_or(Path::new(""));
    let whole = |file: &PathBuf| {
        let path = dir.join(file);
        // Compose before version 2 noted files as they were typed, wherever that was.
        let beside = file.file_name().map(|name| dir.join(name));
        if path.exists() { path } else { beside.filter(|b| b.exists()).unwrap_or(path) }
    };
    stack.config_files.iter().map(whole).collect()
}

/// The arguments of compose that name a stack: project, files, directory.
pub fn arguments(stack: &Stack) -> Vec<String> {
    let mut arguments = vec!["--project-name".to_owned(), stack.name.clone()];
    for file in files(stack) {
        arguments.extend(["--file".to_owned(), file.display().to_string()]);
    }
    if let Some(dir) = &stack.working_dir {
        arguments.extend(["--project-directory".to_owned(), dir.display().to_string()]);
    }
    arguments
}

/// Checks that the compose files of a stack can be read here.
pub fn check_files(stack: &Stack) -> Result<(), EngineError> {
    let files = files(stack);
    if files.is_empty() {
        return Err(EngineError::new(
            ErrorKind::Config,
            format!("the containers of {} do not say which compose file made them", stack.name),
        )
        .with_hint("run compose once from its directory"));
    }
    for file in files {
        if let Err(e) = std::fs::File::open(&file) {
            return Err(EngineError::new(
                ErrorKind::Config,
                format!("the compose file {} cannot be read: {e}", file.display()),
            )
            .with_hint("only up and pull need it; restart, stop, start and down work without"));
        }
    }
    Ok(())
}

/// The compose of this machine: the plugin, or the older program of its own.
pub async fn compose() -> Result<Vec<String>, EngineError> {
    for words in [&["docker", "compose"][..], &["docker-compose"][..]] {
        let found =
            Command::new(words[0]).args(&words[1..]).arg("version").stdin(std::process::Stdio::null()).output().await;
        if found.is_ok_and(|o| o.status.success()) {
            return Ok(words.iter().map(|w| (*w).to_owned()).collect());
        }
    }
    Err(EngineError::new(ErrorKind::Config, "compose is not installed on this machine")
        .with_hint("install docker-compose-plugin (or docker-compose-v2, docker-compose)"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fleet::Service;

    fn stack(waits: &[(&str, &[&str])]) -> Stack {
        let service = |(name, on): &(&str, &[&str])| Service {
            name: (*name).into(),
            depends_on: on.iter().map(|n| (*n).to_owned()).collect(),
            ..Service::default()
        };
        Stack { name: "s".into(), services: waits.iter().map(service).collect(), ..Stack::default() }
    }

    #[test]
    fn what_is_waited_for_comes_first() {
        let stack = stack(&[("api", &["db", "cache"]), ("cache", &[]), ("db", &[]), ("web", &["api", "gone"])]);
        let order = order(&stack, &BTreeMap::new());
        assert_eq!(order.waves, [vec!["cache", "db"], vec!["api"], vec!["web"]]);
        assert_eq!(order.circle, Vec::<String>::new());
    }

    #[test]
    fn a_circle_is_told_and_ends() {
        let stack = stack(&[("a", &["b"]), ("b", &["a"]), ("c", &[])]);
        let order = order(&stack, &BTreeMap::new());
        assert_eq!(order.waves, [vec!["c"], vec!["a", "b"]]);
        assert_eq!(order.circle, ["a", "b"]);
    }

    #[test]
    fn the_example_stack_says_its_order_also_as_old_compose_notes_it() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/stacks/shop");
        for file in ["compose.yaml", "examples/stacks/shop/compose.yaml"] {
            let stack = Stack { working_dir: Some(dir.clone()), config_files: vec![file.into()], ..Stack::default() };
            assert_eq!(depends_on(&stack).get("api"), Some(&vec!["db".to_owned()]), "{file}");
        }
    }

    #[test]
    fn files_tell_where_labels_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let text = "services:\n  web:\n    image: x\n    depends_on:\n      api: {condition: service_healthy}\n  api:\n    depends_on: [db]\n  db: {}\n";
        std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
        let mut stack = stack(&[("api", &[]), ("db", &[]), ("web", &[])]);
        stack.working_dir = Some(dir.path().to_owned());
        stack.config_files = vec!["compose.yaml".into()];
        let order = order(&stack, &depends_on(&stack));
        assert_eq!(order.waves, [vec!["db"], vec!["api"], vec!["web"]]);
    }

    proptest! {
        #[test]
        fn every_edge_without_a_circle_is_respected(edges in proptest::collection::vec((0usize..12, 0usize..12), 0..30)) {
            // Edges from greater to smaller cannot make a circle.
            let names: Vec<String> = (0..12).map(|i| format!("s{i:02}")).collect();
            let services = (0..12).map(|i| Service {
                name: names[i].clone(),
                depends_on: edges.iter().filter(|(a, b)| *a == i && b < a).map(|(_, b)| names[*b].clone()).collect(),
                ..Service::default()
            });
            let stack = Stack { services: services.collect(), ..Stack::default() };
            let order = order(&stack, &BTreeMap::new());
            let wave = |name: &str| order.waves.iter().position(|w| w.iter().any(|n| n == name)).unwrap();
            for service in &stack.services {
                for on in &service.depends_on {
                    prop_assert!(wave(on) < wave(&service.name));
                }
            }
            prop_assert!(order.circle.is_empty());
        }
    }
}
