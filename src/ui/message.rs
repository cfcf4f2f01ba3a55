//! What comes in to [`super::app::App`], and what it asks for: the whole traffic between the panel and the world.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::layout::Size;
use serde_json::Value;

use crate::engine::EngineError;
use crate::engine::model::{Id, Inspection, Layer};
use crate::fleet::Snapshot;
use crate::sessions::{Answer, Ask, Left, Session};
use crate::tasks::{Job, TaskEvent, TaskId};
use crate::terminal::Happened;

use super::desk::{DeskId, DeskNews, DeskOrder, Remembered};
use super::detail::Processes;
use super::health::{HealthNews, HealthOrder};
use super::labs::{LabsNews, LabsOrder};
use super::panes::logs::{LogAnswer, LogOrder};
use super::panes::terminal::{TerminalId, TerminalOrder};
use super::view::{Target, Tone};

/// Something that happened.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(Size),
    /// Docker changed.
    Snapshot(Arc<Snapshot>),
    /// A task went on.
    Task(TaskEvent),
    /// Something happened to a terminal.
    Terminal(TerminalId, Happened),
    /// The panel's own terminal got the focus, or lost it.
    Focus(bool),
    /// The log pane's reader has something.
    Logs(LogAnswer),
    /// The cursor rests: now what it is on may be loaded. The figure is the turn it was set for.
    Rest(u64),
    /// A container's inspection, for the turn it was asked in.
    Inspected(u64, Result<Arc<Inspection>, EngineError>),
    /// The inspection of something else.
    Raw(u64, Result<Arc<Value>, EngineError>),
    /// An image's layers.
    Layers(u64, Result<Arc<Vec<Layer>>, EngineError>),
    /// A container's processes.
    Processes(u64, Result<Arc<Processes>, EngineError>),
    /// A session shall be asked how long it lives.
    AskLeft(Id),
    /// How long a session lives.
    Left(Id, Result<Left, EngineError>),
    /// A countdown says something else now.
    Countdown,
    /// What a session's service answered.
    Served(u64, Result<Answer, EngineError>),
    /// A notice has stood long enough.
    NoticeOver(u64),
    /// The processes shown are old.
    ProcessesOld(u64),
    /// Another host could not be switched to.
    HostFailed(EngineError),
    /// Something to tell in the last line.
    Tell(Tone, String),
    /// Something happened to a workspace on the screen.
    Desk(DeskId, DeskNews),
    /// Something about labs.
    Labs(LabsNews),
    /// Something about health.
    Health(HealthNews),
    /// Someone outside wants the panel to end.
    Terminate,
    /// Time passed, so ages on screen may be wrong.
    Tick,
}

/// Something to do outside.
#[derive(Debug)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Run a job as a task.
    Run(Job),
    /// Cancel a task.
    Cancel(TaskId),
    /// Bring a message back later.
    After(Duration, Msg),
    /// Do something for the log pane.
    Logs(LogOrder),
    /// Do something for the terminals.
    Terminals(TerminalOrder),
    /// Inspect a container; the figure comes back with the answer.
    Inspect(u64, Id),
    /// Inspect an image, network or volume.
    InspectOther(u64, Target),
    /// Read an image's layers.
    Layers(u64, Id),
    /// Read a container's processes.
    Processes(u64, Id),
    /// Put text on the clipboard of the person's own machine.
    Copy(String),
    /// These rows are on screen: read their statistics.
    WantUsage(Vec<Id>),
    /// Read statistics, or stop.
    Stats(bool),
    /// Measure disk use.
    DiskUse,
    /// Try to reach the engine now.
    Reconnect,
    /// Go to another host.
    Host(String),
    /// Ask a session's container how long it lives.
    AskLeft(Id),
    /// Remove what sessions left that are gone.
    Sweep,
    /// Go to the Docker within a session.
    Inside(Box<Session>),
    /// Back to the host that carries the session.
    Outside,
    /// Send a request to a session's service; the figure comes back with the answer.
    Look(u64, Box<(Session, Ask)>),
    /// Do something for a workspace on the screen.
    Desk(DeskId, DeskOrder),
    /// Do something for labs.
    Labs(LabsOrder),
    /// Do something for health.
    Health(HealthOrder),
    /// Remember this for the next panel.
    Remember(Box<Remembered>),
    /// Draw everything again.
    Redraw,
    /// Stop, until the shell brings us back.
    Suspend,
    /// Run a command of the user's in the terminal itself, and come back.
    Terminal(String),
}
