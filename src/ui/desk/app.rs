//! The desks of one person: opened, shown, left; keys, typed answers and news brought to them, and what they want
//! carried on.

use ratatui::layout::Rect;

use crate::builds::Site;
use crate::engine::Address;
use crate::tasks::{Job, TaskId};
use crate::ui::app::{App, Focus};
use crate::ui::layout::LEAST;
use crate::ui::message::{Effect, Msg};
use crate::ui::overlay::{Confirm, Overlay, Then};
use crate::ui::view::{Target, Tone};

use super::{Desk, DeskId, DeskNews, DeskOrder, Pane, Wish, layout};

/// All desks of one person.
#[derive(Debug, Default)]
pub struct Desks {
    open: Vec<Desk>,
    shown: Option<DeskId>,
    count: DeskId,
}

impl Desks {
    /// All of them, the oldest first.
    pub fn open(&self) -> &[Desk] {
        &self.open
    }

    /// The one on the screen.
    pub fn shown(&self) -> Option<&Desk> {
        self.open.iter().find(|d| Some(d.id) == self.shown)
    }

    fn of(&mut self, id: DeskId) -> Option<&mut Desk> {
        self.open.iter_mut().find(|d| d.id == id)
    }
}

impl App {
    /// The workspace on the screen.
    pub fn desk(&self) -> Option<&Desk> {
        self.desks.shown()
    }

    /// Does something at the open workspace, and carries on what it wants.
    pub(in crate::ui) fn at_desk(&mut self, act: impl FnOnce(&mut Desk)) {
        let now = self.now;
        let narrow = layout::room(self.desk_body()) == layout::Room::One;
        if let Some(desk) = self.desks.shown.and_then(|id| self.desks.of(id)) {
            (desk.now, desk.narrow) = (now, narrow);
            act(desk);
        }
        self.fit_output();
        self.grant_wishes();
    }

    /// What is long in the instructions and the output goes over as many lines as the pane is wide.
    pub(in crate::ui) fn fit_output(&mut self) {
        let (shares, body) = (self.remembered.shares.clone(), self.desk_body());
        if let Some(desk) = self.desks.shown.and_then(|id| self.desks.of(id)) {
            let width = layout::inner_width(desk, &shares, body, Pane::Guide);
            if desk.guide.width() != width {
                desk.guide.fit(width);
                desk.make_tasks();
            }
            let width = layout::inner_width(desk, &shares, body, Pane::Output);
            if desk.width != width {
                desk.width = width;
                desk.make_output();
            }
        }
    }

    /// What the desks want done becomes effects.
    fn grant_wishes(&mut self) {
        let mut all = Vec::new();
        for desk in &mut self.desks.open {
            all.extend(desk.wishes().into_iter().map(|w| (desk.id, w)));
        }
        for (id, wish) in all {
            match wish {
                Wish::Order(order) => self.out.push(Effect::Desk(id, order)),
                Wish::Later(wait, news) => self.out.push(Effect::After(wait, Msg::Desk(id, news))),
                Wish::Tell(tone, text) => self.tell(tone, text),
                Wish::Ask(overlay) if self.desks.shown == Some(id) => self.overlay = Some(overlay),
                Wish::Ask(_) => self.tell(Tone::Warn, "a workspace that is not shown asks something; open it again"),
                Wish::Run(job) => self.start(job),
                Wish::Cancel(task) => self.out.push(Effect::Cancel(task)),
                Wish::Copy(text) => self.out.push(Effect::Copy(text)),
            }
        }
    }

    /// Opens the workspace of the selected session.
    pub(in crate::ui) fn open_workspace(&mut self) {
        let Some(session) = self.session_here() else { return };
        if !session.state.is_up() {
            return self.tell(Tone::Warn, format!("session {} does not run yet", session.id));
        }
        let Some(carrier) = self.snap.endpoint.as_deref().cloned() else { return };
        self.open_desk(Site::Session { session: Box::new(session), carrier }, None);
    }

    /// Opens the directory of the selected stack, at its compose file.
    pub(in crate::ui) fn edit_here(&mut self) {
        let Some(target) = self.here() else { return };
        let name = match &target {
            Target::Stack(name) | Target::Service(name, _) => Some(name.to_string()),
            Target::Container(_) => self.container(&target).and_then(|c| c.stack().map(str::to_owned)),
            _ => None,
        };
        let Some(stack) = name.as_deref().and_then(|n| self.snap.stack(n)).cloned() else {
            return self.tell(Tone::Warn, "it belongs to no stack, so nothing says where its files are");
        };
        let Some(endpoint) = self.snap.endpoint.as_deref().cloned() else { return };
        if !matches!(endpoint.address, Address::Unix(_)) {
            let host = self.host_name();
            return self.tell(Tone::Warn, format!("its files are on {host}; run ondeck there to edit them"));
        }
        let Some(dir) = stack.working_dir.clone() else {
            return self.tell(Tone::Warn, format!("{} does not say in which directory it was made", stack.name));
        };
        // Compose files are named by their whole paths, or as they were given.
        let first = stack.config_files.first().map(|f| f.strip_prefix(&dir).unwrap_or(f).display().to_string());
        let first = first.filter(|f| crate::workspace::check_path(f).is_ok());
        self.open_desk(Site::Folder { name: stack.name.clone(), dir, endpoint }, first);
    }

    /// Shows the desk of a site; opens one where there is none.
    pub fn open_desk(&mut self, site: Site, first: Option<String>) {
        self.overlay = None;
        let there = self.desks.open.iter().find(|d| d.site.key() == site.key()).map(|d| d.id);
        let id = if let Some(id) = there {
            let now = self.now;
            if let Some(desk) = self.desks.of(id) {
                desk.now = now;
                desk.come_back(site, first);
            }
            id
        } else {
            self.desks.count += 1;
            let id = self.desks.count;
            let mut desk = Desk::new(id, site, first, self.now);
            let key = desk.site.key();
            if let Some(request) = self.remembered.requests.get(&key) {
                desk.output.request.clone_from(request);
            }
            desk.output.options = self.remembered.runs.get(&key).cloned();
            desk.rules = self.settings.config.lint.choice();
            desk.beside = self.remembered.beside.unwrap_or(Pane::Files);
            self.desks.open.push(desk);
            id
        };
        self.desks.shown = Some(id);
        let narrow = layout::room(self.desk_body()) == layout::Room::One;
        if let Some(desk) = self.desks.of(id) {
            desk.narrow = narrow;
        }
        self.give_labs();
        self.terminals.put_away();
        self.find_terminal();
        self.fit_output();
        self.grant_wishes();
        self.settle();
    }

    /// Desks of sessions for labs get their labs, as far as those are known.
    pub(in crate::ui) fn give_labs(&mut self) {
        let is_for = |desk: &Desk| match &desk.site {
            Site::Session { session, .. } => session.lab.clone(),
            Site::Folder { .. } => None,
        };
        let wanted: Vec<(DeskId, String)> =
            self.desks.open.iter().filter_map(|desk| Some((desk.id, is_for(desk)?))).collect();
        if wanted.is_empty() {
            return;
        }
        self.want_labs();
        let now = self.now;
        for (id, name) in wanted {
            let Some(lab) = self.labs.get(&name).cloned() else { continue };
            let next = self.labs.after(&name);
            let judged = self.labs.judged(&name).cloned();
            let Some(desk) = self.desks.of(id) else { continue };
            desk.now = now;
            desk.set_lab(&lab, &self.settings.owner, &self.settings.config.sessions, next);
            // It may have been handed in where labs are listed.
            if let Some(watch) = judged.filter(|w| !w.lock().ended) {
                desk.follow_judging(watch);
            }
        }
        self.grant_wishes();
    }

    /// A job begins: desks follow what is judged of their workspaces.
    pub(in crate::ui) fn desks_follow(&mut self, job: &Job) {
        let Job::Judge { site, watch, .. } = job else { return };
        let now = self.now;
        for desk in self.desks.open.iter_mut().filter(|d| d.site.key() == site.key()) {
            desk.now = now;
            desk.follow_judging(watch.clone());
        }
    }

    /// The terminal of the session stands in the workspace's pane.
    fn find_terminal(&mut self) {
        let container = self.desk().and_then(|d| d.site.container().cloned());
        if let Some(container) = container
            && self.terminals.shown().is_none_or(|t| t.opening.container != container)
        {
            self.terminals.show_of(&container);
        }
    }

    /// Back to the lists. The workspace stays as it is, with what is not saved.
    pub(in crate::ui) fn leave_desk(&mut self) {
        let Some(desk) = self.desks.shown() else { return };
        if self.remembered.beside != Some(desk.beside) {
            self.remembered.beside = Some(desk.beside);
            self.out.push(Effect::Remember(Box::new(self.remembered.clone())));
        }
        let unsaved = desk.unsaved().len();
        if unsaved > 0 {
            let files = crate::text::count(unsaved, "file");
            self.tell(Tone::Warn, format!("{files} not saved; the text is kept, enter leads back to it"));
        }
        self.desks.shown = None;
        self.terminals.put_away();
        self.focus = Focus::List;
        self.zoomed = false;
        self.refresh();
    }

    /// Asks before a workspace is closed with what is not saved.
    pub(super) fn ask_close_desk(&mut self) {
        let Some(desk) = self.desk() else { return };
        let unsaved = desk.unsaved();
        if unsaved.is_empty() {
            return self.close_desk();
        }
        let mut lines = unsaved;
        lines.push("What was typed there since it was saved is lost.".to_owned());
        self.overlay = Some(Overlay::Confirm(Confirm {
            title: format!("Close the workspace of {}?", desk.site.title()),
            lines,
            then: Then::CloseDesk,
            yes: false,
        }));
    }

    /// Closes the workspace on the screen.
    pub(in crate::ui) fn close_desk(&mut self) {
        let Some(id) = self.desks.shown else { return };
        self.at_desk(|desk| {
            let open: Vec<String> = desk.buffers.open.iter().map(|b| b.path.clone()).collect();
            for path in &open {
                desk.close_file(path);
            }
            desk.order(DeskOrder::Close);
        });
        self.leave_desk();
        self.desks.open.retain(|d| d.id != id);
    }

    /// Files of all workspaces that are not saved: what is told before the panel is left. Their text is kept aside.
    pub(in crate::ui) fn unsaved_files(&self) -> Vec<String> {
        let of = |desk: &Desk| {
            let title = desk.site.title();
            desk.unsaved().into_iter().map(move |path| format!("{path} in {title} is not saved; its text is kept"))
        };
        self.desks.open.iter().flat_map(of).collect()
    }

    /// Leaves the panel. What is not saved is kept aside first.
    pub(in crate::ui) fn leave(&mut self) {
        self.keep_all();
        self.out.push(Effect::Quit);
    }

    /// Keeps aside all that is not saved.
    fn keep_all(&mut self) {
        let now = self.now;
        for desk in &mut self.desks.open {
            desk.now = now;
            for path in desk.unsaved() {
                desk.keep(&path);
            }
        }
        self.grant_wishes();
    }

    /// What has still to be done when the panel ends by a signal or with its terminal.
    pub fn farewell(&mut self) -> Vec<Effect> {
        self.keep_all();
        std::mem::take(&mut self.out)
    }

    /// Something happened to a desk.
    pub(in crate::ui) fn desk_news(&mut self, id: DeskId, news: DeskNews) {
        let now = self.now;
        if let Some(desk) = self.desks.of(id) {
            desk.now = now;
            desk.news(news);
        }
        self.grant_wishes();
    }

    /// A task said something or ended.
    pub(in crate::ui) fn desk_task(&mut self, task: TaskId, ended: bool) {
        let now = self.now;
        for desk in &mut self.desks.open {
            desk.now = now;
            desk.task(task, ended);
        }
        self.grant_wishes();
    }

    /// A session that a desk is about may have ended, or a new one may have taken up its workspace.
    pub(in crate::ui) fn follow_desks(&mut self) {
        let (snap, now) = (self.snap.clone(), self.now);
        for desk in &mut self.desks.open {
            desk.now = now;
            desk.follow(&snap);
        }
        self.grant_wishes();
    }

    /// The engine was away: what watched the workspaces has ended, and they may have changed meanwhile.
    pub(in crate::ui) fn reach_desks_again(&mut self) {
        for desk in self.desks.open.iter_mut().filter(|d| d.reach == super::Reach::Here) {
            desk.reach = super::Reach::Opening;
            desk.tree.note = None;
            desk.order(DeskOrder::Open(Box::new(desk.site.clone())));
        }
        self.grant_wishes();
    }

    /// The body of the screen, which the panes of a workspace share.
    pub(in crate::ui) fn desk_body(&self) -> Rect {
        Rect::new(0, 2, self.size.width, self.size.height.saturating_sub(3))
    }

    /// Where the panes of the open workspace are.
    pub fn desk_areas(&self) -> Vec<(Pane, Rect)> {
        match self.desk() {
            Some(desk) if self.size.width >= LEAST.0 => layout::areas(desk, &self.remembered.shares, self.desk_body()),
            _ => Vec::new(),
        }
    }

    /// How many lines a pane shows.
    pub(super) fn pane_height(&self, pane: Pane) -> usize {
        let area = self.desk_areas().into_iter().find(|(p, _)| *p == pane);
        area.map_or(1, |(_, a)| usize::from(a.height.saturating_sub(2)).max(1))
    }
}
