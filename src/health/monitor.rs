//! Health that goes on: looks again when Docker changes and every so often, keeps the history.

use std::sync::Arc;

use tokio::sync::watch;

use crate::config;
use crate::fleet::Host;

use super::Report;

/// Looks at a host again and again. Dropping it ends that.
#[derive(Debug)]
pub struct Monitor {
    reports: watch::Receiver<Arc<Report>>,
}

impl Monitor {
    /// Begins to look at `host`. A report that says the same as the one before is not published.
    pub fn open(_host: &Host, _config: config::Health) -> Self {
        let (_, reports) = watch::channel(Arc::new(Report::default()));
        Self { reports }
    }

    /// The reports as they change.
    pub fn reports(&self) -> watch::Receiver<Arc<Report>> {
        self.reports.clone()
    }
}
