//! Labs in the panel: which there are, how far one is, sessions started for them, what is judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::builds::Site;
use crate::config::ConfigError;
use crate::engine::EngineError;
use crate::fleet::Link;
use crate::judge::Report;
use crate::labs::{Catalogue, Lab};
use crate::sessions::Session;
use crate::store::{Attempt, Changes, Progress};
use crate::tasks::{Job, JudgeWatch, LabWatch, TaskId};

use super::action::{Action, Scope};
use super::app::{App, Focus};
use super::detail::{Loaded, Tab};
use super::message::Effect;
use super::sessions::all;
use super::view::{Target, Tone, View};

/// The command of the task that fetches labs.
const FETCH: &str = "ondeck lab update";

/// Something to do outside for labs.
#[derive(Debug)]
pub enum LabsOrder {
    /// Read which labs there are.
    Catalogue,
    /// Read how far someone is with each.
    Progress(String),
    /// Read someone's attempts at a lab.
    History(String, String),
}

/// What comes back.
#[derive(Debug)]
pub enum LabsNews {
    /// The labs there are.
    Catalogue(Arc<Catalogue>),
    /// How far one is with each.
    Progress(Result<BTreeMap<String, Progress>, EngineError>),
    /// The attempts at a lab.
    History(String, Result<Arc<Past>, EngineError>),
}

/// Attempts at a lab, the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// Those that are shown.
    pub attempts: Vec<PastAttempt>,
    /// Whether there are older ones.
    pub more: bool,
}

/// An attempt, and what it was like.
#[derive(Debug, Clone, PartialEq)]
pub struct PastAttempt {
    /// The attempt.
    pub attempt: Attempt,
    /// What was said of it; `None` when it was written in a form that is not known any more.
    pub report: Option<Arc<Report>>,
    /// What is different from the one before, if there was one.
    pub changes: Option<Changes>,
}

/// What one person's panel knows of labs.
#[derive(Debug, Default)]
pub struct Labs {
    catalogue: Option<Arc<Catalogue>>,
    /// Whether it was asked for.
    asked: bool,
    progress: BTreeMap<String, Progress>,
    /// The attempts at one lab.
    past: Option<(String, Loaded<Arc<Past>>)>,
    /// Sessions that are being started, by lab.
    starts: BTreeMap<String, LabWatch>,
    /// What was judged last, or is being judged, by lab.
    judged: BTreeMap<String, JudgeWatch>,
    /// The lab whose workspace is to be opened once its session is ready.
    opening: Option<String>,
}

impl Labs {
    /// A lab by its name; `None` also while the labs were not read yet.
    pub fn get(&self, id: &str) -> Option<&Arc<Lab>> {
        self.catalogue.as_ref()?.get(id)
    }

    /// What the lab after one is called, in the order in which labs are shown.
    pub fn after(&self, id: &str) -> Option<String> {
        let labs = &self.catalogue.as_ref()?.labs;
        let at = labs.iter().position(|lab| lab.id == id)?;
        labs.get(at + 1).map(|lab| lab.title.clone())
    }

    /// What a lab is called: its title, or its name where it is not known.
    pub fn title<'a>(&'a self, id: &'a str) -> &'a str {
        self.get(id).map_or(id, |lab| &lab.title)
    }

    /// The labs and what is wrong with others; `None` while they were not read yet.
    pub fn catalogue(&self) -> Option<&Catalogue> {
        self.catalogue.as_deref()
    }

    /// How far one is with a lab, if it was begun.
    pub fn progress(&self, id: &str) -> Option<&Progress> {
        self.progress.get(id)
    }

    /// The attempts at a lab.
    pub fn past(&self, id: &str) -> &Loaded<Arc<Past>> {
        self.past.as_ref().filter(|(lab, _)| lab == id).map_or(&Loaded::Nothing, |(_, past)| past)
    }

    /// All that is wrong with a lab that cannot be read, by its file.
    pub fn problems(&self, file: &str) -> Vec<&ConfigError> {
        let all = self.catalogue.as_ref().map_or(&[][..], |c| &c.problems);
        all.iter().filter(|p| p.file == file).collect()
    }

    /// The session that is being started for a lab.
    pub fn start_of(&self, id: &str) -> Option<&LabWatch> {
        self.starts.get(id)
    }

    /// What was judged last of a lab in this panel, or is being judged.
    pub fn judged(&self, id: &str) -> Option<&JudgeWatch> {
        self.judged.get(id)
    }

    /// Whether a lab is being judged.
    pub fn is_judged(&self, id: &str) -> bool {
        self.judged.get(id).is_some_and(|w| !w.lock().ended)
    }

    /// A job begins: what it does to labs is followed.
    pub(super) fn follow(&mut self, job: &Job) {
        match job {
            Job::StartLab { lab, watch, .. } => drop(self.starts.insert(lab.id.clone(), watch.clone())),
            Job::Judge { lab, watch, .. } => drop(self.judged.insert(lab.id.clone(), watch.clone())),
            _ => {}
        }
    }
}

/// The folder of a lab that cannot be read.
pub fn folder_of(file: &str) -> &str {
    let file = file.trim_end_matches('/');
    let folder = file.strip_suffix("/lab.yaml").unwrap_or(file);
    folder.rsplit('/').next().unwrap_or(folder)
}

/// The session of someone for a lab: the one of the lab's own workspace, else the one begun last.
pub fn session_of(sessions: &[Session], owner: &str, lab: &str) -> Option<Session> {
    let mine = sessions.iter().filter(|s| s.owner == owner && s.judge.is_none() && s.lab.as_deref() == Some(lab));
    mine.max_by_key(|s| (s.workspace == lab, s.started)).cloned()
}

impl App {
    /// The person's own session for a lab.
    pub fn lab_session(&self, lab: &str) -> Option<Session> {
        match &self.inside {
            Some(inside) => session_of(std::slice::from_ref(&inside.session), &self.settings.owner, lab),
            None => session_of(&all(&self.snap), &self.settings.owner, lab),
        }
    }

    /// What an action on a lab is refused for: most need a session.
    pub(super) fn lab_refusal(&self, action: &Action, scope: Scope) -> Option<String> {
        if scope != Scope::Lab || *action == Action::Workspace || self.snap.cannot_write().is_some() {
            return None;
        }
        let lab = self.lab_here()?;
        let missing = self.lab_session(&lab).is_none();
        missing.then(|| format!("no session of yours runs for {lab}; enter starts one"))
    }

    /// The lab that the keys are about.
    pub fn lab_here(&self) -> Option<String> {
        match self.here() {
            Some(Target::Lab(id)) => Some(id.to_string()),
            _ => None,
        }
    }

    /// Reads the labs unless that was done.
    pub(super) fn want_labs(&mut self) {
        if !std::mem::replace(&mut self.labs.asked, true) {
            self.out.push(Effect::Labs(LabsOrder::Catalogue));
            self.want_progress();
        }
    }

    fn want_progress(&mut self) {
        self.out.push(Effect::Labs(LabsOrder::Progress(self.settings.owner.clone())));
    }

    /// Reads everything about labs again.
    pub(super) fn read_labs(&mut self) {
        self.labs.asked = false;
        self.labs.past = None;
        self.want_labs();
        self.load_detail();
        if matches!(self.snap.link, Link::Down { .. }) {
            // The key means this everywhere else.
            self.out.push(Effect::Reconnect);
        }
        self.tell(Tone::Muted, "reading the labs again");
    }

    /// Fetches the labs that come from git.
    pub(super) fn update_labs(&mut self) {
        let config = self.settings.config.clone();
        if config.labs.git.is_empty() {
            return self.tell(Tone::Warn, "no labs come from git; `labs.git` in the config names repositories");
        }
        self.start(Job::UpdateLabs { config });
    }

    /// Asks for the attempts at a lab, unless they are here.
    pub(super) fn load_history(&mut self, lab: &str) {
        if matches!(self.labs.past(lab), Loaded::Nothing) {
            self.labs.past = Some((lab.to_owned(), Loaded::Waiting));
            self.out.push(Effect::Labs(LabsOrder::History(self.settings.owner.clone(), lab.to_owned())));
        }
    }

    /// Something came.
    pub(super) fn labs_news(&mut self, news: LabsNews) {
        match news {
            LabsNews::Catalogue(catalogue) => {
                if let Some(note) = catalogue.notes.first() {
                    self.tell(Tone::Muted, note);
                }
                self.labs.catalogue = Some(catalogue);
                self.give_labs();
            }
            LabsNews::Progress(Ok(progress)) => self.labs.progress = progress,
            LabsNews::Progress(Err(why)) => self.tell(Tone::Bad, format!("how far you are is not known: {why}")),
            LabsNews::History(lab, result) => {
                if let Some((_, past)) = self.labs.past.as_mut().filter(|(of, _)| *of == lab) {
                    *past = match result {
                        Ok(here) => Loaded::Here(here),
                        Err(error) => Loaded::Failed(error),
                    };
                }
            }
        }
        self.refresh();
        self.make_text();
    }

    /// Sessions of labs are called by the labs' titles.
    pub(super) fn follow_labs(&mut self) {
        let wanted = || self.view == View::Labs || all(&self.snap).iter().any(|s| s.lab.is_some());
        if !self.labs.asked && wanted() {
            self.want_labs();
        }
    }

    /// A task said something or ended.
    pub(super) fn labs_task(&mut self, task: TaskId, ended: bool) {
        if !ended {
            return;
        }
        if self.tasks.get(task).is_some_and(|t| t.command == FETCH) {
            self.out.push(Effect::Labs(LabsOrder::Catalogue));
        }
        let started = self.labs.starts.iter().find(|(_, w)| w.task() == Some(task)).map(|(lab, _)| lab.clone());
        if let Some(watch) = started.as_ref().and_then(|lab| self.labs.starts.remove(lab)) {
            let session = watch.lock().take();
            let wanted = self.labs.opening.take_if(|lab| Some(&*lab) == started.as_ref());
            if let (Some(session), Some(lab)) = (session, wanted)
                && self.stands_on(&lab)
            {
                self.open_session(session);
            }
            self.want_progress();
        }
        let judged = self.labs.judged.iter().find(|(_, w)| w.task() == Some(task)).map(|(lab, _)| lab.clone());
        if let Some(lab) = judged {
            self.want_progress();
            if self.labs.past.as_ref().is_some_and(|(of, _)| *of == lab) {
                self.labs.past = None;
            }
            if matches!(&self.detail.target, Some(Target::Lab(id)) if **id == *lab) {
                self.load_detail();
            }
        }
    }

    /// Whether one looks at a lab in its view, and at nothing else.
    fn stands_on(&self, lab: &str) -> bool {
        let free = self.overlay.is_none() && self.typing.is_none() && self.desk().is_none() && !self.in_terminal();
        free && self.view == View::Labs && self.lab_here().is_some_and(|here| here == lab)
    }

    fn open_session(&mut self, session: Session) {
        if let Some(carrier) = self.snap.endpoint.as_deref().cloned() {
            self.open_desk(Site::Session { session: Box::new(session), carrier }, None);
        }
    }

    /// Goes to the workspace of the lab; starts a session for it where there is none.
    pub(super) fn work_on_lab(&mut self) {
        let Some(id) = self.lab_here() else { return };
        if self.inside.is_some() {
            return self.tell(Tone::Warn, "this is the Docker in a session; esc on the Deck leads back to the host");
        }
        if self.labs.starts.contains_key(&id) {
            self.tell(
                Tone::Muted,
                format!("a session for {id} is being started; its workspace opens when it is ready"),
            );
            self.labs.opening = Some(id);
            return;
        }
        if let Some(session) = self.lab_session(&id) {
            if !session.state.is_up() {
                return self.tell(Tone::Warn, format!("session {} does not run yet", session.id));
            }
            return self.open_session(session);
        }
        if let Some(reason) = self.snap.cannot_write().map(str::to_owned) {
            return self.tell(Tone::Warn, format!("Not possible now: {reason}"));
        }
        let Some(lab) = self.labs.get(&id).cloned() else { return };
        let (owner, config) = (self.settings.owner.clone(), self.settings.config.sessions.clone());
        self.tell(Tone::Muted, format!("starting a session for {id}; its workspace opens when it is ready"));
        self.labs.opening = Some(id);
        self.start(Job::StartLab { lab, owner, config, watch: LabWatch::new(None) });
    }

    /// The lab that the keys are about with the session that runs for it; else tells what is missing.
    fn lab_at_work(&mut self) -> Option<(Arc<Lab>, Session)> {
        let id = self.lab_here()?;
        if self.inside.is_some() {
            self.tell(Tone::Warn, "this is the Docker in a session; esc on the Deck leads back to the host");
            return None;
        }
        let Some(session) = self.lab_session(&id).filter(|s| s.state.is_up()) else {
            self.tell(Tone::Warn, format!("no session of yours runs for {id}; enter starts one"));
            return None;
        };
        Some((self.labs.get(&id).cloned()?, session))
    }

    /// Judges what is in the workspace of the lab.
    pub(super) fn submit_lab(&mut self, clean: bool) {
        let Some((lab, session)) = self.lab_at_work() else { return };
        if self.labs.is_judged(&lab.id) {
            return self.tell(Tone::Warn, format!("{} is being judged already", lab.id));
        }
        let Some(carrier) = self.snap.endpoint.as_deref().cloned() else { return };
        let site = Site::Session { session: Box::new(session), carrier };
        let unsaved = self.desks.open().iter().find(|d| d.site.key() == site.key()).map_or(0, |d| d.unsaved().len());
        let (owner, config) = (self.settings.owner.clone(), self.settings.config.sessions.clone());
        self.start(Job::Judge { lab, site: Box::new(site), owner, config, clean, watch: JudgeWatch::default() });
        if unsaved > 0 {
            let files = crate::text::count(unsaved, "file");
            self.tell(Tone::Warn, format!("{files} of its workspace not saved; what is saved is judged"));
        }
        // What is said of it is worth looking at.
        if self.shows_detail() && self.detail.tab != Some(Tab::Tasks) && self.focus == Focus::List {
            self.detail.open_tab(Tab::Tasks);
            self.load_detail();
        }
        self.refresh();
    }

    /// Puts the workspace of the lab back, after asking.
    pub(super) fn reset_lab(&mut self) {
        if let Some((lab, session)) = self.lab_at_work() {
            self.start(Job::ResetLab { lab, session });
        }
    }
}
