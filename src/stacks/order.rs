//! In which order the services of a stack go: what waits for what, and until when.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::fleet::{Service, Stack};

/// Compose notes here what a service waits for: `db:service_healthy:true,cache:service_started:false`.
const LABEL: &str = "com.docker.compose.depends_on";

/// What a service waits for in another one before it starts; the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Condition {
    /// That it runs.
    #[default]
    Started,
    /// That it is healthy, where it can tell.
    Healthy,
    /// That it ran to its end.
    Completed,
}

impl Condition {
    fn read(word: &str) -> Self {
        match word {
            "service_healthy" => Self::Healthy,
            "service_completed_successfully" => Self::Completed,
            _ => Self::Started,
        }
    }
}

/// What each service waits for.
pub type Waits = BTreeMap<String, BTreeMap<String, Condition>>;

/// The services of a stack in waves: each waits for those before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// Names of services; those of one wave are independent of each other.
    pub waves: Vec<Vec<String>>,
    /// Services that wait for each other in a circle; they stand in the last wave.
    pub circle: Vec<String>,
}

/// The order in which the services of `stack` start.
pub fn order(stack: &Stack, waits: &Waits) -> Order {
    let mut left: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for service in &stack.services {
        let others = waits.get(&service.name).into_iter().flatten().map(|(name, _)| name.as_str());
        left.insert(&service.name, others.filter(|n| *n != service.name).collect());
    }
    let names: BTreeSet<&str> = left.keys().copied().collect();
    for on in left.values_mut() {
        on.retain(|n| names.contains(n));
    }
    let mut order = Order::default();
    while !left.is_empty() {
        let ready: Vec<&str> = left.iter().filter(|(_, on)| on.is_empty()).map(|(n, _)| *n).collect();
        if ready.is_empty() {
            order.circle = left.keys().map(|n| (*n).to_owned()).collect();
            order.waves.push(order.circle.clone());
            break;
        }
        for name in &ready {
            left.remove(name);
        }
        for on in left.values_mut() {
            on.retain(|n| !ready.contains(n));
        }
        order.waves.push(ready.into_iter().map(str::to_owned).collect());
    }
    order
}

/// The most that any other service wants of `service` before it starts.
pub fn wanted_of(waits: &Waits, service: &str) -> Condition {
    waits.values().filter_map(|on| on.get(service)).max().copied().unwrap_or_default()
}

/// What each service waits for: as its containers' labels say, else as the compose files do. With it
/// come lines about what could not be found out.
pub fn waits(stack: &Stack) -> (Waits, Vec<String>) {
    let mut all = Waits::new();
    let mut untold = Vec::new();
    for service in &stack.services {
        match labelled(service) {
            Some(on) => drop(all.insert(service.name.clone(), on)),
            None => untold.push(&service.name),
        }
    }
    let mut troubles = Vec::new();
    // One alone needs no order.
    if untold.is_empty() || stack.services.len() < 2 {
        return (all, troubles);
    }
    let (mut written, unread) = read_files(stack);
    for name in untold {
        if let Some(on) = written.remove(name) {
            all.insert(name.clone(), on);
        }
    }
    if !unread.is_empty() && all.values().all(BTreeMap::is_empty) {
        troubles.extend(unread);
        troubles.push("what waits for what is not known; the order is by name".to_owned());
    }
    (all, troubles)
}

/// What the containers of a service say it waits for; `None` when they come from a compose that does not note it.
fn labelled(service: &Service) -> Option<BTreeMap<String, Condition>> {
    let labels = service.containers.iter().filter_map(|c| c.labels.get(LABEL));
    let mut on: Option<BTreeMap<String, Condition>> = None;
    for label in labels {
        let on = on.get_or_insert_default();
        for entry in label.split(',').filter(|e| !e.is_empty()) {
            let mut parts = entry.split(':');
            let name = parts.next().unwrap_or_default();
            on.insert(name.to_owned(), Condition::read(parts.next().unwrap_or_default()));
        }
    }
    on.or_else(|| {
        let named = service.depends_on.iter().map(|n| (n.clone(), Condition::default()));
        (!service.depends_on.is_empty()).then(|| named.collect())
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    services: BTreeMap<String, Option<Written>>,
}

/// What of a service in a compose file makes it wait for others.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Written {
    depends_on: Option<DependsOn>,
    links: Option<Vec<String>>,
    volumes_from: Option<Vec<String>>,
    network_mode: Option<String>,
    ipc: Option<String>,
    pid: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DependsOn {
    List(Vec<String>),
    Map(BTreeMap<String, Option<Wanted>>),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wanted {
    condition: String,
}

impl Written {
    fn on(self) -> BTreeMap<String, Condition> {
        let shared = [self.network_mode, self.ipc, self.pid].into_iter().flatten();
        let shared = shared.filter_map(|mode| mode.strip_prefix("service:").map(str::to_owned));
        // `db:alias`, `db:ro`.
        let linked = [self.links, self.volumes_from].into_iter().flatten().flatten();
        let linked = linked.map(|l| l.split(':').next().unwrap_or_default().to_owned());
        let mut on: BTreeMap<String, Condition> = shared.chain(linked).map(|n| (n, Condition::default())).collect();
        match self.depends_on {
            Some(DependsOn::List(names)) => on.extend(names.into_iter().map(|n| (n, Condition::default()))),
            Some(DependsOn::Map(names)) => {
                on.extend(names.into_iter().map(|(n, w)| (n, Condition::read(&w.unwrap_or_default().condition))));
            }
            None => {}
        }
        on
    }
}

/// What the compose files say, and which of them say nothing.
fn read_files(stack: &Stack) -> (Waits, Vec<String>) {
    let (mut all, mut unread) = (Waits::new(), Vec::new());
    for path in super::files(stack) {
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => serde_yaml::from_str::<File>(&text).map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        match file {
            Ok(file) => {
                for (name, service) in file.services {
                    all.entry(name).or_default().extend(service.unwrap_or_default().on());
                }
            }
            Err(e) => {
                let why = e.lines().next().unwrap_or_default();
                unread.push(format!("the compose file {} cannot be read: {why}", path.display()));
            }
        }
    }
    (all, unread)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::model::Container;

    fn stack(waits: &[(&str, &[&str])]) -> Stack {
        let service = |(name, on): &(&str, &[&str])| Service {
            name: (*name).into(),
            depends_on: on.iter().map(|n| (*n).to_owned()).collect(),
            ..Service::default()
        };
        Stack { name: "s".into(), services: waits.iter().map(service).collect(), ..Stack::default() }
    }

    fn ordered(stack: &Stack) -> Order {
        order(stack, &waits(stack).0)
    }

    #[test]
    fn what_is_waited_for_comes_first() {
        let stack = stack(&[("api", &["db", "cache"]), ("cache", &[]), ("db", &[]), ("web", &["api", "gone"])]);
        let order = ordered(&stack);
        assert_eq!(order.waves, [vec!["cache", "db"], vec!["api"], vec!["web"]]);
        assert_eq!(order.circle, Vec::<String>::new());
    }

    #[test]
    fn a_circle_is_told_and_ends() {
        let order = ordered(&stack(&[("a", &["b"]), ("b", &["a"]), ("c", &["c"])]));
        assert_eq!(order.waves, [vec!["c"], vec!["a", "b"]]);
        assert_eq!(order.circle, ["a", "b"]);
    }

    #[test]
    fn labels_say_until_when_and_need_no_file() {
        let mut stack = stack(&[("db", &[]), ("job", &[]), ("web", &["db", "job"])]);
        for (service, label) in
            stack.services.iter_mut().zip(["", "", "db:service_healthy:true,job:service_completed_successfully:false"])
        {
            let labels = [(LABEL.to_owned(), label.to_owned())].into();
            service.containers.push(Arc::new(Container { labels, ..Container::default() }));
        }
        stack.config_files = vec!["/nowhere/compose.yaml".into()];
        let (waits, troubles) = waits(&stack);
        assert_eq!(wanted_of(&waits, "db"), Condition::Healthy);
        assert_eq!(wanted_of(&waits, "job"), Condition::Completed);
        assert_eq!(wanted_of(&waits, "web"), Condition::Started);
        assert_eq!((ordered(&stack).waves.len(), troubles), (2, vec![]));
    }

    #[test]
    fn the_example_stack_says_its_order_also_as_old_compose_notes_it() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/stacks/shop");
        for file in ["compose.yaml", "examples/stacks/shop/compose.yaml"] {
            let mut stack = stack(&[("api", &[]), ("db", &[])]);
            stack.working_dir = Some(dir.clone());
            stack.config_files = vec![file.into()];
            assert_eq!(wanted_of(&waits(&stack).0, "db"), Condition::Healthy, "{file}");
        }
    }

    #[test]
    fn files_tell_where_labels_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let text = "
x-base: &base
  restart: always
  depends_on: [vpn]
services:
  web:
    <<: *base
    depends_on:
      api: {condition: service_healthy}
      seed:
  api:
    <<: *base
    links: ['db:database']
  db:
  seed: {network_mode: 'service:db'}
  vpn: {}
";
        std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
        let mut stack = stack(&[("api", &[]), ("db", &[]), ("seed", &[]), ("vpn", &[]), ("web", &[])]);
        stack.working_dir = Some(dir.path().to_owned());
        stack.config_files = vec!["compose.yaml".into()];
        let (found, troubles) = waits(&stack);
        assert_eq!(troubles, Vec::<String>::new());
        assert_eq!(order(&stack, &found).waves, [vec!["db", "vpn"], vec!["api", "seed"], vec!["web"]]);
        assert_eq!(wanted_of(&found, "api"), Condition::Healthy);
    }

    #[test]
    fn an_order_that_is_not_known_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut stack = stack(&[("a", &[]), ("b", &[])]);
        stack.working_dir = Some(dir.path().to_owned());
        stack.config_files = vec!["compose.yaml".into()];
        for text in [None, Some("services: [")] {
            if let Some(text) = text {
                std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
            }
            let troubles = waits(&stack).1;
            assert!(troubles.len() == 2 && troubles[0].contains("compose.yaml cannot be read"), "{troubles:?}");
        }
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
            let order = ordered(&stack);
            let wave = |name: &str| order.waves.iter().position(|w| w.iter().any(|n| n == name)).unwrap();
            for service in &stack.services {
                for on in &service.depends_on {
                    prop_assert!(wave(on) < wave(&service.name));
                }
            }
            prop_assert!(order.circle.is_empty());
        }

        #[test]
        fn every_service_stands_in_one_wave_whatever_waits_for_whatever(edges in proptest::collection::vec((0usize..9, 0usize..9), 0..40)) {
            let services = (0..9).map(|i| Service {
                name: format!("s{i}"),
                depends_on: edges.iter().filter(|(a, _)| *a == i).map(|(_, b)| format!("s{b}")).collect(),
                ..Service::default()
            });
            let stack = Stack { services: services.collect(), ..Stack::default() };
            let mut all = ordered(&stack).waves.concat();
            all.sort();
            prop_assert_eq!(all, (0..9).map(|i| format!("s{i}")).collect::<Vec<_>>());
        }
    }
}
