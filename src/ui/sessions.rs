//! Sessions in the panel: when they end, what is asked about them, and looking at the Docker within.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tui_input::Input;

use crate::builds::Site;
use crate::engine::model::Id;
use crate::engine::{EngineError, ErrorKind};
use crate::fleet::{Link, Snapshot};
use crate::sessions::{self, Answer, Left, Session, Spec};
use crate::tasks::Job;
use crate::text::duration;

use super::app::{App, Focus};
use super::detail::{Loaded, Tab};
use super::message::{Effect, Msg};
use super::overlay::{Ask, Overlay, Prompt};
use super::panes::text::TextLine;
use super::view::{Target, Tone, View};

/// How much `+` adds.
const MORE: i64 = 15 * 60;
/// People are warned when so many seconds are left.
const WARNINGS: [i64; 2] = [300, 60];
/// From here on the seconds are shown.
const SOON: i64 = 300;

/// When sessions end, as they said themselves.
#[derive(Debug, Default)]
pub struct Times {
    deadlines: BTreeMap<Id, Timestamp>,
    /// Which were asked, and when.
    asked: BTreeMap<Id, Timestamp>,
    /// The least of [`WARNINGS`] that was told.
    warned: BTreeMap<Id, i64>,
    /// The newest event that was looked at.
    seen: Option<Timestamp>,
    ticking: bool,
}

impl Times {
    /// When a session ends.
    pub fn deadline(&self, session: &Session) -> Option<Timestamp> {
        self.deadlines.get(&session.container).copied().or(session.deadline)
    }

    /// Seconds that a session has left.
    pub fn left(&self, session: &Session, now: Timestamp) -> Option<i64> {
        // Rounded, so that a countdown does not stand still for one second and skip another.
        self.deadline(session).map(|t| ((t.as_millisecond() - now.as_millisecond() + 500) / 1000).max(0))
    }
}

/// `24m`, and below five minutes `4:59`.
pub fn countdown(seconds: i64) -> String {
    if seconds > SOON { duration(seconds.unsigned_abs()) } else { format!("{}:{:02}", seconds / 60, seconds % 60) }
}

/// How a countdown is meant.
pub fn urgency(seconds: i64) -> Tone {
    match seconds {
        ..=60 => Tone::Bad,
        61..=SOON => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// The sessions of a snapshot that people have, the oldest first.
pub fn all(snap: &Snapshot) -> Vec<Session> {
    sessions_where(snap, |s| s.judge.is_none())
}

/// Sessions that judges have for a minute or two.
pub fn of_judges(snap: &Snapshot) -> Vec<Session> {
    sessions_where(snap, |s| s.judge.is_some())
}

fn sessions_where(snap: &Snapshot, wanted: impl Fn(&Session) -> bool) -> Vec<Session> {
    let labelled = snap.containers.values().filter(|c| c.labels.contains_key(sessions::LABEL));
    let mut all: Vec<Session> = labelled.filter_map(|c| Session::of(c)).filter(wanted).collect();
    all.sort_by(|a, b| (a.started, &a.id).cmp(&(b.started, &b.id)));
    all
}

/// The host that a session is looked into from.
#[derive(Debug, Clone)]
pub struct Inside {
    /// The session.
    pub session: Session,
    /// How the host is called that carries it.
    pub host: String,
}

impl App {
    /// The session that the keys are about: the one whose workspace is open, the selected one, or the one that is
    /// looked into.
    pub fn session_here(&self) -> Option<Session> {
        if let Some(desk) = self.desk() {
            return match &desk.site {
                Site::Session { session, .. } => Some((**session).clone()),
                Site::Folder { .. } => None,
            };
        }
        let selected = match self.here() {
            Some(Target::Session(id)) => self.snap.containers.get(&id).and_then(|c| Session::of(c)),
            _ => None,
        };
        selected.or_else(|| self.inside.as_ref().map(|i| i.session.clone()))
    }

    /// What is new of sessions since the snapshot before.
    pub(super) fn follow_sessions(&mut self, before: &Snapshot) {
        if self.inside.is_some() {
            return self.follow_inside();
        }
        let now = self.now;
        let here = all(&self.snap);
        for session in here.iter().filter(|s| s.state.is_up()) {
            let known = self.times.deadlines.contains_key(&session.container);
            let asked = self.times.asked.get(&session.container);
            // One that is only just beginning cannot answer yet.
            if !known && asked.is_none_or(|t| now.duration_since(*t) > SignedDuration::from_secs(5)) {
                self.ask_left(session.container.clone());
            }
        }
        if self.snap.address == before.address && matches!(self.snap.link, Link::Up | Link::Polling { .. }) {
            for gone in all(before).iter().filter(|s| s.state.is_up() && !here.iter().any(|h| h.id == s.id)) {
                self.tell(
                    Tone::Warn,
                    format!("session {} has ended; its workspace {} is kept", gone.id, gone.workspace),
                );
            }
        }
        // Whoever started one, or comes back from one, wants to go on with it.
        let starts = self.tasks.iter().any(|t| t.title.starts_with("start a session"));
        let new = here
            .iter()
            .find(|s| s.owner == self.settings.owner && !all(before).iter().any(|b| b.id == s.id))
            .filter(|_| starts && self.view == View::Sessions);
        let to =
            self.come_to.take_if(|_| !here.is_empty()).or_else(|| new.map(|s| Target::Session(s.container.clone())));
        if let Some(to) = to {
            self.list_mut().go_to(to);
            self.refresh();
        }
        let running = |id: &Id| here.iter().any(|s| s.container == *id);
        self.times.deadlines.retain(|id, _| running(id));
        self.times.asked.retain(|id, _| running(id));
        self.times.warned.retain(|id, _| running(id));
        self.session_events(&here);
        self.start_ticking();
    }

    fn session_events(&mut self, here: &[Session]) {
        let newest = self.snap.events.back().map_or(Timestamp::MIN, |e| e.time);
        let since = self.times.seen;
        self.times.seen = Some(newest.max(since.unwrap_or(newest)));
        // What happened before the panel was there is not news.
        let Some(since) = since else { return };
        let snap = self.snap.clone();
        for event in snap.events.iter().filter(|e| e.time > since && e.kind == "container") {
            let Some(session) = here.iter().find(|s| s.container == event.id) else { continue };
            if event.action == "oom" {
                self.tell(
                    Tone::Bad,
                    format!(
                        "session {}: its {} of memory were used up, and a process in it was killed",
                        session.id,
                        crate::text::size(session.memory)
                    ),
                );
            } else if event.action.starts_with("exec_create: /usr/local/bin/session extend") {
                // Once that command has done its work.
                let msg = Msg::AskLeft(session.container.clone());
                self.out.push(Effect::After(Duration::from_millis(500), msg));
            }
        }
    }

    /// The Docker within is gone for good once its session is.
    fn follow_inside(&mut self) {
        if let Link::Down { error, .. } = &self.snap.link
            && matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict)
            && let Some(inside) = self.inside.clone()
        {
            self.leave_session();
            let session = inside.session;
            self.tell(
                Tone::Warn,
                format!("session {} has ended; its workspace {} is kept", session.id, session.workspace),
            );
        }
    }

    pub(super) fn ask_left(&mut self, container: Id) {
        self.times.asked.insert(container.clone(), self.now);
        self.out.push(Effect::AskLeft(container));
    }

    /// A session said how long it lives.
    pub(super) fn told_left(&mut self, container: Id, left: &Result<Left, EngineError>) {
        // Without an answer the labels say it, which hold unless it was extended; it is asked again.
        let Ok(left) = left else { return };
        let Ok(deadline) = self.now.checked_add(SignedDuration::from_secs(left.seconds)) else { return };
        // Extended: a warning may come again.
        self.times.warned.retain(|id, at| *id != container || *at > left.seconds);
        self.times.deadlines.insert(container, deadline);
        self.refresh();
        self.start_ticking();
    }

    /// Seconds that the session of a container has left, if it is one.
    pub fn left_of(&self, container: &str) -> Option<i64> {
        let session = self.timed().into_iter().find(|s| *s.container == *container)?;
        self.times.left(&session, self.now)
    }

    fn timed(&self) -> Vec<Session> {
        self.inside.as_ref().map_or_else(|| all(&self.snap), |i| vec![i.session.clone()])
    }

    fn start_ticking(&mut self) {
        if !self.times.ticking && !self.timed().is_empty() {
            self.times.ticking = true;
            self.next_tick();
        }
    }

    /// The next moment at which a countdown says something else.
    fn next_tick(&mut self) {
        let least = self.timed().iter().filter_map(|s| self.times.left(s, self.now)).min();
        let Some(least) = least else {
            self.times.ticking = false;
            return;
        };
        let wait = if least <= SOON + 60 { 1 } else { 30.min(least - SOON) };
        self.out.push(Effect::After(Duration::from_secs(wait.unsigned_abs()), Msg::Countdown));
    }

    /// Time went on for sessions.
    pub(super) fn count_down(&mut self) {
        for session in self.timed() {
            let Some(left) = self.times.left(&session, self.now).filter(|_| session.state.is_up()) else { continue };
            let due = WARNINGS.into_iter().filter(|at| left <= *at).min();
            let told = self.times.warned.get(&session.container).copied().unwrap_or(i64::MAX);
            if let Some(due) = due.filter(|at| *at < told && left > 0) {
                self.times.warned.insert(session.container.clone(), due);
                let here = self.inside.is_some()
                    || self.desk().is_some_and(|d| d.site.container() == Some(&session.container));
                let key = if here { "+ extends it" } else { "4 shows it, + extends it" };
                self.tell(urgency(left), format!("session {} ends in {}: {key}", session.id, countdown(left)));
            }
        }
        self.next_tick();
        self.refresh();
    }

    /// Asks what the new session shall be.
    pub(super) fn ask_session(&mut self) {
        let name = match self.here() {
            Some(Target::Volume(volume)) => self.workspace(&volume).unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        // What is typed after it says what the session shall have.
        let name = if name.is_empty() { name } else { name + " " };
        let config = &self.settings.config.sessions;
        let advice =
            format!("name {} {} egress IMAGE…, each only if wanted", duration(config.ttl.0.as_secs()), config.memory);
        self.overlay = Some(Overlay::Prompt(Prompt {
            title: "New session".into(),
            advice,
            input: Input::new(name),
            ask: Ask::Session,
            error: None,
        }));
    }

    /// The name of the workspace that a volume is.
    pub fn workspace(&self, volume: &str) -> Option<&str> {
        self.snap.volumes.get(volume).and_then(|v| v.labels.get(sessions::WORKSPACE)).map(String::as_str)
    }

    pub(super) fn new_session(&mut self, text: &str) -> Result<(), String> {
        let config = self.settings.config.sessions.clone();
        let spec = typed(text, Spec::new(&config, self.settings.owner.clone()))?;
        self.out.push(Effect::Run(Job::StartSession { spec, config }));
        if self.view != View::Sessions {
            self.show(View::Sessions);
        }
        Ok(())
    }

    pub(super) fn extend_session(&mut self) {
        if let Some(session) = self.session_here() {
            self.out.push(Effect::Run(Job::ExtendSession { session, seconds: MORE }));
        }
    }

    pub(super) fn end_sessions(&mut self) {
        let on: Vec<Session> = self.chosen_containers().iter().filter_map(|c| Session::of(c)).collect();
        if !on.is_empty() {
            self.start(Job::EndSessions { on });
        }
    }

    /// Shows the Docker within a session in all views.
    pub(super) fn go_inside(&mut self) {
        let Some(session) = self.session_here() else { return };
        if !session.state.is_up() {
            return self.tell(Tone::Warn, format!("session {} does not run", session.id));
        }
        let host = self.host_name();
        self.tell(Tone::Muted, format!("the Docker in session {}; esc on the Deck leads back", session.id));
        self.out.push(Effect::Inside(Box::new(session.clone())));
        self.inside = Some(Inside { session, host });
        self.came_from = None;
        self.show(View::Containers);
    }

    /// Back to the host.
    pub(super) fn leave_session(&mut self) {
        if let Some(inside) = self.inside.take() {
            self.out.push(Effect::Outside);
            self.came_from = None;
            self.show(View::Sessions);
            self.come_to = Some(Target::Session(inside.session.container));
        }
    }

    /// How the host is called.
    pub fn host_name(&self) -> String {
        self.snap.name().to_owned()
    }

    pub(super) fn ask_request(&mut self) {
        let Some(session) = self.session_here() else { return };
        self.overlay = Some(Overlay::Prompt(Prompt {
            title: format!("Ask the service in session {}", session.id),
            advice: format!("/path, POST /path, :PORT/path; port {} unless another is given", session.port),
            input: Input::new(self.detail.request.clone()),
            ask: Ask::Request,
            error: None,
        }));
    }

    pub(super) fn request(&mut self, text: &str) -> Result<(), String> {
        let Some(session) = self.session_here() else { return Ok(()) };
        sessions::Ask::parse(text, session.port)?;
        text.trim().clone_into(&mut self.detail.request);
        self.focus_detail();
        self.detail.open_tab(Tab::Service);
        self.detail.served = Loaded::Nothing;
        self.load_detail();
        Ok(())
    }

    /// Asks a session's service what was typed last, or for `/`.
    pub(super) fn load_service(&mut self, container: &Id) {
        let Some(session) = self.snap.containers.get(container).and_then(|c| Session::of(c)) else { return };
        if !matches!(self.detail.served, Loaded::Nothing) {
            return;
        }
        match sessions::Ask::parse(&self.detail.request, session.port) {
            Ok(ask) => {
                self.detail.served = Loaded::Waiting;
                self.out.push(Effect::Look(self.detail.turn, Box::new((session, ask))));
            }
            Err(e) => self.tell(Tone::Warn, e),
        }
    }

    pub(super) fn served(&mut self, answer: Result<Answer, EngineError>) {
        self.detail.served = match answer {
            Ok(answer) => Loaded::Here(Arc::new(answer)),
            Err(error) => Loaded::Failed(error),
        };
    }

    pub(super) fn ask_forward(&mut self) {
        let Some(session) = self.session_here() else { return };
        self.overlay = Some(Overlay::Prompt(Prompt {
            title: format!("Forward to session {}", session.id),
            advice: "its port, or LOCAL:PORT; ends when the task is cancelled in Activity".into(),
            input: Input::new(session.port.to_string()),
            ask: Ask::Forward,
            error: None,
        }));
    }

    pub(super) fn forward(&mut self, text: &str) -> Result<(), String> {
        let Some(session) = self.session_here() else { return Ok(()) };
        let (local, port) = sessions::ports(text, session.port)?;
        self.out.push(Effect::Run(Job::Forward { session, port, local }));
        self.tell(Tone::Muted, format!("http://127.0.0.1:{local} leads to port {port} of the session; 0 lists it"));
        Ok(())
    }

    /// Whether the keys are in the list of sessions or about one.
    pub(super) fn on_sessions(&self) -> bool {
        self.view == View::Sessions && (self.focus == Focus::List || matches!(self.here(), Some(Target::Session(_))))
    }
}

/// What a service answered, as lines.
pub(super) fn answer_lines(request: &str, answer: &Answer) -> Vec<TextLine> {
    let tone = match answer.code {
        ..=399 => Tone::Good,
        400..=499 => Tone::Warn,
        _ => Tone::Bad,
    };
    let mut status = TextLine::new(Tone::Muted, format!("{request}  "));
    status.push(tone, &answer.status);
    status.push(Tone::Muted, format!("  {} ms", answer.took.as_millis()));
    let mut lines = vec![status];
    let wide = answer.headers.iter().map(|(n, _)| n.len()).max().unwrap_or(0).min(24);
    for (name, value) in &answer.headers {
        lines.push(TextLine::field(&crate::text::clean(name), wide, Tone::Plain, crate::text::clean(value)));
    }
    lines.push(TextLine::blank());
    let json: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    let text = json.filter(|v| v.is_object() || v.is_array()).and_then(|v| serde_json::to_string_pretty(&v).ok());
    match text.map_or_else(|| std::str::from_utf8(&answer.body).map(str::to_owned), Ok) {
        Ok(text) if text.is_empty() => lines.push(TextLine::new(Tone::Muted, "No body.")),
        Ok(text) => {
            lines.extend(crate::logs::harmless(&text).lines().map(|l| TextLine::new(Tone::Plain, l)));
        }
        Err(_) => lines.push(TextLine::new(
            Tone::Muted,
            format!("{} that are no text.", crate::text::size(answer.body.len() as u64)),
        )),
    }
    if answer.cut {
        lines.push(TextLine::new(Tone::Warn, "The rest of the body was not read."));
    }
    lines
}

/// Reads what a new session shall be: a name, then in any order a time, a size, `egress`, images.
fn typed(text: &str, mut spec: Spec) -> Result<Spec, String> {
    let quantity = |word: &str| word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains([':', '/']);
    let mut words = text.split_whitespace().peekable();
    if let Some(first) = words.peek().filter(|w| !quantity(w) && **w != "egress" && !w.contains([':', '/'])) {
        spec.workspace = Some((*first).to_owned());
        words.next();
    }
    for word in words {
        if word == "egress" {
            spec.egress = true;
        } else if !quantity(word) {
            spec.images.push(word.to_owned());
        } else if let Some(minutes) = word.strip_suffix("min").or_else(|| word.strip_suffix('m'))
            && minutes.parse::<u64>().is_ok_and(|m| m < 256)
        {
            // 45m is a time and 512m a size: no session lives with less than 256m of memory.
            spec.ttl = minutes.parse::<u64>().unwrap_or_default() * 60;
        } else if let Ok(period) = word.parse::<crate::config::Period>().map(|p| p.0.as_secs())
            && !word.ends_with('m')
        {
            spec.ttl = period;
        } else {
            spec.memory = word.parse::<crate::config::Size>().map_err(|e| e.message)?.0;
        }
    }
    spec.check()?;
    Ok(spec)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_as_people_type_it() {
        let spec = || Spec::new(&crate::config::Sessions::default(), "ann");
        let read = |text: &str| typed(text, spec()).unwrap();
        assert_eq!(read(""), spec());
        assert_eq!(read("lab1"), Spec { workspace: Some("lab1".into()), ..spec() });
        assert_eq!(
            read("lab1 45m 2g egress debian:12"),
            Spec {
                workspace: Some("lab1".into()),
                ttl: 2700,
                memory: 2 << 30,
                egress: true,
                images: vec!["debian:12".into()],
                ..spec()
            }
        );
        assert_eq!(read("90s 512m"), Spec { ttl: 90, memory: 512 << 20, ..spec() });
        assert!(typed("lab1 9h", spec()).unwrap_err().contains("from 10s to 4h"));
        assert!(typed("lab1 5x", spec()).is_err());
    }

    #[test]
    fn seconds_are_shown_when_they_matter() {
        assert_eq!([countdown(1799), countdown(299), countdown(61), countdown(0)], ["29m", "4:59", "1:01", "0:00"]);
    }
}
