//! Where one works: whose files, and which Docker builds and runs them.

use std::path::PathBuf;

use crate::engine::model::Id;
use crate::engine::{Endpoint, Engine, Result};
use crate::sessions::Session;
use crate::workspace::Workspace;

use super::context::Source;

/// A workspace with the Docker that builds and runs what is in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Site {
    /// A session's `/workspace`, and the Docker within.
    Session {
        /// The session.
        session: Box<Session>,
        /// The engine that carries it.
        carrier: Endpoint,
    },
    /// A directory of the machine that ondeck runs on, and an engine.
    Folder {
        /// What it is called: the stack's name, or the directory's.
        name: String,
        /// Where it is.
        dir: PathBuf,
        /// The engine.
        endpoint: Endpoint,
    },
}

impl Site {
    /// What people call it.
    pub fn title(&self) -> String {
        match self {
            Self::Session { session, .. } => format!("session {}", session.id),
            Self::Folder { name, .. } => name.clone(),
        }
    }

    /// What it is remembered by: the same for two sessions with one workspace, of one engine.
    pub fn key(&self) -> String {
        match self {
            Self::Session { session, carrier } => {
                format!("session {} {} on {}", session.owner, session.workspace, carrier.address)
            }
            Self::Folder { dir, .. } => format!("folder {}", dir.display()),
        }
    }

    /// Its name in names of images and containers: lower-case letters, digits and `-`.
    pub fn plain_name(&self) -> String {
        let name = match self {
            Self::Session { session, .. } => &session.workspace,
            Self::Folder { name, .. } => name,
        };
        let plain: String =
            name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let plain = plain.trim_matches('-');
        if plain.is_empty() { "workspace".to_owned() } else { plain.to_owned() }
    }

    /// The container of a session.
    pub fn container(&self) -> Option<&Id> {
        match self {
            Self::Session { session, .. } => Some(&session.container),
            Self::Folder { .. } => None,
        }
    }

    /// The Docker that builds and runs.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::Session { session, carrier } => session.endpoint(carrier),
            Self::Folder { endpoint, .. } => endpoint.clone(),
        }
    }

    /// A connection with the Docker that builds and runs.
    pub fn engine(&self) -> Result<Engine> {
        Engine::connect(&self.endpoint())
    }

    /// Its files.
    pub fn workspace(&self) -> Result<Workspace> {
        Ok(match self {
            Self::Session { session, carrier } => {
                Workspace::session(&Engine::connect(carrier)?, session.container.as_ref())
            }
            Self::Folder { dir, .. } => Workspace::host(dir.clone()),
        })
    }

    /// What is built: the workspace, or a folder in it.
    pub fn source(&self, folder: &str) -> Result<Source> {
        Ok(match self {
            Self::Session { session, carrier } => Source::Container {
                engine: Box::new(Engine::connect(carrier)?),
                container: session.container.to_string(),
                dir: format!("/workspace/{folder}").trim_end_matches('/').to_owned(),
            },
            Self::Folder { dir, .. } => Source::Dir(dir.join(folder)),
        })
    }
}
