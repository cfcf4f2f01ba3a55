//! Compose projects as a whole: in which order their services go, and which compose runs them.

mod order;
mod services;

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::engine::model::Container;
use crate::engine::{EngineError, ErrorKind};
use crate::fleet::Stack;

pub use order::{Condition, Order, Waits, order, waits, wanted_of};
pub use services::{Written, written};

/// Whether `compose run` made a container, for one time only.
pub fn is_one_off(container: &Container) -> bool {
    container.labels.get("com.docker.compose.oneoff").is_some_and(|l| l.eq_ignore_ascii_case("true"))
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

/// The arguments of compose that name a stack: project, files, variables, directory.
pub fn arguments(stack: &Stack) -> Vec<String> {
    let mut arguments = vec!["--project-name".to_owned(), stack.name.clone()];
    for file in files(stack) {
        arguments.extend(["--file".to_owned(), file.display().to_string()]);
    }
    // Without the same variables compose would make other containers than it did.
    let label = stack.containers().find_map(|c| c.labels.get("com.docker.compose.project.environment_file"));
    for file in label.into_iter().flat_map(|l| l.split(',')).filter(|f| !f.is_empty()) {
        let path = stack.working_dir.as_deref().unwrap_or(Path::new("")).join(file);
        arguments.extend(["--env-file".to_owned(), path.display().to_string()]);
    }
    if let Some(dir) = &stack.working_dir {
        arguments.extend(["--project-directory".to_owned(), dir.display().to_string()]);
    }
    arguments
}

/// Checks that the compose files of a stack can be read here; `local` when its engine is on this machine.
pub fn check_files(stack: &Stack, local: bool) -> Result<(), EngineError> {
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
            .with_hint(if local {
                "only up and pull need it; restart, stop, start and down work without"
            } else {
                "the engine is elsewhere, but compose reads its file on this machine; restart, stop, start and down work without"
            }));
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
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fleet::Service;

    #[test]
    fn compose_is_told_what_it_was_told_the_first_time() {
        let labels = [("com.docker.compose.project.environment_file".to_owned(), "prod.env,/etc/x.env".to_owned())];
        let containers = vec![Arc::new(Container { labels: labels.into(), ..Container::default() })];
        let stack = Stack {
            name: "shop".into(),
            working_dir: Some("/srv".into()),
            config_files: vec!["a.yaml".into(), "/else/b.yaml".into()],
            services: vec![Service { name: "web".into(), containers, depends_on: vec![] }],
        };
        assert_eq!(
            arguments(&stack).join(" "),
            "--project-name shop --file /srv/a.yaml --file /else/b.yaml \
             --env-file /srv/prod.env --env-file /etc/x.env --project-directory /srv"
        );
    }

    #[test]
    fn a_file_that_is_not_here_is_named_with_what_goes_without() {
        let stack = Stack { config_files: vec!["/nowhere/c.yaml".into()], ..Stack::default() };
        let told = |local| check_files(&stack, local).map_or_else(|e| e.to_string(), |()| String::new());
        assert!(told(true).contains("/nowhere/c.yaml") && told(true).contains("only up and pull need it"));
        assert!(told(false).contains("on this machine"));
    }
}
