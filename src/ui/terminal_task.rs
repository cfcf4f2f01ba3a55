//! Carries out what the terminals need from outside. Each keeps the engine it was opened on.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::terminal::Running;

use super::message::Msg;
use super::panes::terminal::{TerminalId, TerminalOrder};

/// How long leaving the panel waits for programs to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// The programs of all terminals.
#[derive(Debug, Default)]
pub struct TerminalTasks {
    running: HashMap<TerminalId, Running>,
    ending: JoinSet<()>,
}

impl TerminalTasks {
    /// Carries out an order.
    pub fn order(&mut self, order: TerminalOrder, engine: &Engine, msgs: &mpsc::UnboundedSender<Msg>) {
        match order {
            TerminalOrder::Open(id, opening, screen) => {
                let msgs = msgs.clone();
                let tell = move |what| {
                    // The panel may be gone.
                    let _ = msgs.send(Msg::Terminal(id, what));
                };
                let engine = self.engine_of(id, engine);
                let one = Running::open(engine, opening, screen, tell);
                self.running.insert(id, one);
            }
            TerminalOrder::Input(id, bytes) => {
                if let Some(one) = self.running.get(&id)
                    && !one.input(bytes)
                {
                    let text = "the program does not read what is typed; the last was dropped".to_owned();
                    let _ = msgs.send(Msg::Tell(super::view::Tone::Warn, text));
                }
            }
            TerminalOrder::Resize(id, size) => {
                if let Some(one) = self.running.get(&id) {
                    one.resize(size);
                }
            }
            TerminalOrder::Close(id) => {
                if let Some(one) = self.running.remove(&id) {
                    self.ending.spawn(one.end());
                }
            }
        }
        while self.ending.try_join_next().is_some() {}
    }

    /// A terminal that is started again stays on its host, whatever the panel shows by now.
    fn engine_of(&self, id: TerminalId, engine: &Engine) -> Engine {
        self.running.get(&id).map_or_else(|| engine.clone(), |s| s.engine().clone())
    }

    /// Ends all programs.
    pub async fn end_all(&mut self) {
        for (_, one) in self.running.drain() {
            self.ending.spawn(one.end());
        }
        let all = async { while self.ending.join_next().await.is_some() {} };
        // A host that does not answer must not keep the panel.
        let _ = tokio::time::timeout(FAREWELL, all).await;
    }
}
