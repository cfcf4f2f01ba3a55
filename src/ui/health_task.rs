//! Carries out what the panel wants to know of health: history, audit, doctor, routes.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::{Config, Depth};
use crate::doctor::{self, Terminal};
use crate::engine::{Engine, Surroundings};
use crate::health::{self, Monitor};
use crate::tasks::History;

use super::health::{HealthNews, HealthOrder};
use super::message::Msg;
use super::view::Tone;

/// How many restarts are shown.
const HEALS: u32 = 50;

/// What it takes.
#[derive(Debug)]
pub struct HealthTasks {
    config: Arc<Config>,
    history: History,
    msgs: mpsc::UnboundedSender<Msg>,
    terminal: Terminal,
}

impl HealthTasks {
    /// With that config and history; `size` and `depth` are the terminal's.
    pub fn new(
        config: Arc<Config>,
        history: History,
        msgs: mpsc::UnboundedSender<Msg>,
        size: (u16, u16),
        depth: Depth,
    ) -> Self {
        let colours = match depth {
            Depth::None => "none",
            Depth::Ansi16 => "16",
            Depth::Ansi256 => "256",
            Depth::True => "true",
        };
        let terminal = Terminal {
            size: Some(size),
            colours: colours.to_owned(),
            utf8: !crate::config::Symbols::detect().ascii,
            kind: std::env::var("TERM").unwrap_or_default(),
        };
        Self { config, history, msgs, terminal }
    }

    /// Keeps what a monitor sees in the history, as soon as that is open.
    pub fn keep(&self, monitor: &Monitor) {
        let (keep, history, msgs) = (monitor.keeper(), self.history.clone(), self.msgs.clone());
        tokio::spawn(async move {
            match history.with(async |store| Ok(store.clone())).await {
                Ok(store) => keep(store),
                Err(error) => {
                    // The panel may be gone.
                    let text = format!("how things fare is not kept: {error}");
                    let _ = msgs.send(Msg::Tell(Tone::Warn, text));
                }
            }
        });
    }

    /// Carries out an order about the host that `engine` is of; `host` is how the person named it.
    pub fn order(&self, order: HealthOrder, engine: &Engine, host: Option<String>) {
        let (engine, history, config, msgs) =
            (engine.clone(), self.history.clone(), self.config.clone(), self.msgs.clone());
        let terminal = self.terminal.clone();
        tokio::spawn(async move {
            let news = match order {
                HealthOrder::Course(turn, name) => {
                    let host = engine.endpoint().name.clone();
                    let course = history
                        .with(async move |store| health::course(store, &host, &name, jiff::Timestamp::now()).await)
                        .await;
                    HealthNews::Course(turn, course.map(Arc::new))
                }
                HealthOrder::Examine(era) => {
                    let around = Surroundings::of_process();
                    let config = (*config).clone();
                    // No container is made just because somebody looks.
                    let ask = doctor::Ask { host, around, config, terminal, containers: false };
                    let told = msgs.clone();
                    let checks = doctor::examine(&ask, move |check| {
                        // The panel may be gone.
                        let _ = told.send(Msg::Health(HealthNews::Check(era, check.clone())));
                    });
                    HealthNews::Examined(era, checks.await)
                }
                HealthOrder::Audit(era) => {
                    HealthNews::Audited(era, crate::audit::audit(&engine, &config).await.map(Arc::new))
                }
                HealthOrder::Heals => {
                    let host = engine.endpoint().name.clone();
                    let heals = history.with(async move |store| store.heals(&host, HEALS).await).await;
                    // What is wrong with the history is told where health is kept in it.
                    HealthNews::Heals(heals.unwrap_or_default())
                }
                HealthOrder::Routes(era) => {
                    HealthNews::Routes(era, crate::topology::routes(&engine).await.map(Arc::new))
                }
            };
            let _ = msgs.send(Msg::Health(news));
        });
    }
}
