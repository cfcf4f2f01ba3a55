//! Which labs there are.

use std::sync::Arc;

use crate::config::{Config, ConfigError};

use super::Lab;

/// The labs there are, and what is wrong with those that cannot be read.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// The labs, in the order in which they are shown.
    pub labs: Vec<Arc<Lab>>,
    /// What is wrong with others.
    pub problems: Vec<ConfigError>,
}

impl Catalogue {
    /// A lab by its name.
    pub fn get(&self, id: &str) -> Option<&Arc<Lab>> {
        self.labs.iter().find(|lab| lab.id == id)
    }
}

/// Reads the labs that are built in and those of the config. Reads files: not for where one may not wait.
pub fn catalogue(_config: &Config) -> Catalogue {
    Catalogue::default()
}
