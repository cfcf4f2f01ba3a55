//! Whether the services of a project began in order.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ORDER, SERVICE, compose_yaml, of_project};
use crate::engine::model::Container;
use crate::judge::Trouble;
use crate::judge::bench::Bench;
use crate::judge::check::{Case, Check, Found, Kind, Need, Phase, Seen, read, schema};

pub(super) const KIND: Kind = Kind {
    name: "compose.order",
    phase: Phase::Run,
    need: Need::Docker,
    about: "The services that came up began in order, and none had to begin twice.",
    codes: &[ORDER],
    timeout: Duration::from_mins(1),
    late: None,
    read: read::<InOrder>,
    schema: schema::<InOrder>,
};

/// `compose.order`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InOrder {
    /// The file.
    #[serde(default = "compose_yaml")]
    file: String,
    /// Services of which each begins only when the one before is well; without any, that none began twice is enough.
    #[serde(default)]
    order: Vec<String>,
}

impl Check for InOrder {
    fn title(&self) -> String {
        "No service has to begin twice".to_owned()
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let bench = case.bench()?;
            let containers = of_project(bench, &bench.name("compose")).await?;
            let found = out_of_order(bench, &containers, &self.order, &self.file).await?;
            Ok(Seen::of(if found.is_empty() { "in order" } else { "out of order" }, found))
        }
        .boxed()
    }
}

/// Services that had to be begun again, or began before the one that stands before them was well.
pub(super) async fn out_of_order(
    bench: &Bench,
    containers: &[Container],
    order: &[String],
    file: &str,
) -> Result<Vec<Found>, Trouble> {
    let mut found = Vec::new();
    let mut add = |message: String| found.push(Found::new("COMPOSE_ORDER", message).in_file(file.to_owned()));
    for container in containers {
        let again = bench.inspect(&container.id).await?.raw["RestartCount"].as_i64().unwrap_or_default();
        if let Some(service) = container.labels.get(SERVICE).filter(|_| again > 0) {
            add(format!("{service} ended and was started again, {again} times"));
        }
    }
    for pair in order.windows(2) {
        let of = |service: &String| containers.iter().find(|c| c.labels.get(SERVICE) == Some(service));
        let (Some(first), Some(second)) = (of(&pair[0]), of(&pair[1])) else { continue };
        let (first, second) = (bench.inspect(&first.id).await?, bench.inspect(&second.id).await?);
        let well = first.probes.iter().find(|probe| probe.exit_code == 0).and_then(|probe| probe.end);
        // Of many probes only the last are kept; then the beginning is all that can be said.
        let ready = well.filter(|_| first.probes.len() < 5).or(first.container.started);
        let began = second.container.started;
        if ready.zip(began).is_none_or(|(ready, began)| ready > began) {
            add(format!("{} began before {} was well", pair[1], pair[0]));
        }
    }
    Ok(found)
}
