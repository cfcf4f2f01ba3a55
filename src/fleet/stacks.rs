//! Compose projects, read from the labels of their containers: also of stopped ones, also where the
//! compose file is gone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::model::Container;

use super::snapshot::{Service, Stack};

/// The stacks that `containers` belong to, by name.
pub fn stacks_of<'a>(containers: impl Iterator<Item = &'a Arc<Container>>) -> Vec<Stack> {
    let mut projects: BTreeMap<&str, Vec<&Arc<Container>>> = BTreeMap::new();
    for container in containers {
        if let Some(project) = container.stack() {
            projects.entry(project).or_default().push(container);
        }
    }
    projects.into_iter().map(|(name, members)| stack(name, members)).collect()
}

fn stack(name: &str, mut members: Vec<&Arc<Container>>) -> Stack {
    members.sort_by_key(|c| (label(c, "oneoff") == "True", number(c), c.name.clone()));
    let mut services: BTreeMap<&str, Vec<&Arc<Container>>> = BTreeMap::new();
    for container in &members {
        services.entry(container.service().unwrap_or(&container.name)).or_default().push(container);
    }
    let path = |key: &str| members.iter().map(|c| label(c, key)).find(|v| !v.is_empty()).map(PathBuf::from);
    let files = members.iter().map(|c| label(c, "project.config_files")).find(|v| !v.is_empty()).unwrap_or("");
    Stack {
        name: name.to_owned(),
        working_dir: path("project.working_dir"),
        config_files: files.split(',').filter(|f| !f.is_empty()).map(PathBuf::from).collect(),
        services: services
            .into_iter()
            .map(|(name, containers)| Service {
                name: name.to_owned(),
                depends_on: depends_on(&containers),
                containers: containers.into_iter().cloned().collect(),
            })
            .collect(),
    }
}

fn label<'a>(container: &'a Container, key: &str) -> &'a str {
    container.labels.get(&format!("com.docker.compose.{key}")).map_or("", String::as_str)
}

fn number(container: &Container) -> u32 {
    label(container, "container-number").parse().unwrap_or(0)
}

/// The label reads `db:service_healthy:true,cache:service_started:false`.
fn depends_on(containers: &[&Arc<Container>]) -> Vec<String> {
    let mut names: Vec<String> = containers
        .iter()
        .flat_map(|c| label(c, "depends_on").split(','))
        .filter_map(|entry| entry.split(':').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, labels: &[(&str, &str)]) -> Arc<Container> {
        let labels = labels.iter().map(|(k, v)| (format!("com.docker.compose.{k}"), (*v).to_owned())).collect();
        Arc::new(Container { id: name.into(), name: name.into(), labels, ..Container::default() })
    }

    #[test]
    fn stacks_come_from_labels_alone() {
        let all = [
            container(
                "b-web-2",
                &[
                    ("project", "b"),
                    ("service", "web"),
                    ("container-number", "2"),
                    ("project.config_files", "c.yaml,d.yaml"),
                ],
            ),
            container("b-web-run", &[("project", "b"), ("service", "web"), ("oneoff", "True")]),
            container(
                "b-web-1",
                &[
                    ("project", "b"),
                    ("service", "web"),
                    ("container-number", "1"),
                    ("depends_on", "db:service_healthy:true,q:service_started:false"),
                ],
            ),
            container("a-x-1", &[("project", "a"), ("service", "x"), ("project.working_dir", "/srv/a")]),
            container("loner", &[]),
        ];
        let stacks = stacks_of(all.iter());
        assert_eq!(stacks.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(stacks[0].working_dir, Some("/srv/a".into()));
        assert_eq!(stacks[1].config_files.len(), 2);
        let web = &stacks[1].services[0];
        assert_eq!(
            web.containers.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
            ["b-web-1", "b-web-2", "b-web-run"]
        );
        assert_eq!(web.depends_on, ["db", "q"]);
    }
}
