//! `ondeck stacks`: compose projects with their services.

use std::io::Write;
use std::sync::Arc;

use serde::Serialize;

use crate::engine::model::Container;
use crate::fleet::stacks_of;

use super::ps::{Shown, word};
use super::{Failure, columns, tell};

/// One stack as `--json` prints it. Names of fields stay.
#[derive(Debug, Serialize)]
struct ShownStack<'a> {
    name: &'a str,
    status: &'static str,
    running: usize,
    containers: usize,
    working_dir: Option<String>,
    config_files: Vec<String>,
    services: Vec<ShownService<'a>>,
}

#[derive(Debug, Serialize)]
struct ShownService<'a> {
    name: &'a str,
    status: &'static str,
    depends_on: &'a [String],
    containers: Vec<Shown<'a>>,
}

pub(super) fn print(out: &mut impl Write, containers: Vec<Container>, json: bool) -> Result<(), Failure> {
    let containers: Vec<Arc<Container>> = containers.into_iter().map(Arc::new).collect();
    let stacks = stacks_of(containers.iter());
    if json {
        let shown: Vec<_> = stacks
            .iter()
            .map(|s| ShownStack {
                name: &s.name,
                status: word(s.status()),
                running: s.containers().filter(|c| c.state.is_up()).count(),
                containers: s.containers().count(),
                working_dir: s.working_dir.as_ref().map(|d| d.display().to_string()),
                config_files: crate::stacks::files(s).iter().map(|f| f.display().to_string()).collect(),
                services: s
                    .services
                    .iter()
                    .map(|x| ShownService {
                        name: &x.name,
                        status: word(x.status()),
                        depends_on: &x.depends_on,
                        containers: x.containers.iter().map(|c| Shown::of(c)).collect(),
                    })
                    .collect(),
            })
            .collect();
        let text = serde_json::to_string_pretty(&shown).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
        return Ok(());
    }
    if stacks.is_empty() {
        tell("No compose stacks. `docker compose up -d` beside a compose file makes one.");
        return Ok(());
    }
    let mut rows = vec![["STACK", "UP", "STATUS", "SERVICES"].map(str::to_owned).to_vec()];
    for stack in &stacks {
        let up = stack.containers().filter(|c| c.state.is_up()).count();
        let names: Vec<&str> = stack.services.iter().map(|s| s.name.as_str()).collect();
        rows.push(vec![
            stack.name.clone(),
            format!("{up}/{}", stack.containers().count()),
            word(stack.status()).to_owned(),
            names.join(" "),
        ]);
    }
    Ok(columns(out, &rows)?)
}
