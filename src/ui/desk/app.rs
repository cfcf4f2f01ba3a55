//! The desks of one person: opened, shown, left; keys, typed answers and news brought to them, and what they want
//! carried on.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use tui_input::Input;

use crate::builds::Site;
use crate::builds::run::{Options, Texts};
use crate::config::Chord;
use crate::engine::Address;
use crate::tasks::{Job, StackVerb, TaskId};
use crate::ui::action::{Action, Scope};
use crate::ui::app::{App, Focus};
use crate::ui::editor::{Answer, FindOptions, Keys, Prompt as Wanted, VimCommand};
use crate::ui::layout::LEAST;
use crate::ui::message::{Effect, Msg};
use crate::ui::overlay::{Ask, Confirm, Field, Form, FormAsk, Overlay, Prompt, Then};
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

    /// What is long in the output goes over as many lines as the pane is wide.
    pub(in crate::ui) fn fit_output(&mut self) {
        let (shares, body) = (self.remembered.shares.clone(), self.desk_body());
        if let Some(desk) = self.desks.shown.and_then(|id| self.desks.of(id)) {
            let width = layout::output_width(desk, &shares, body);
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
                Wish::Remember => self.out.push(Effect::Remember(Box::new(self.remembered.clone()))),
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
        self.terminals.put_away();
        self.find_terminal();
        self.fit_output();
        self.grant_wishes();
        self.settle();
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
    fn ask_close_desk(&mut self) {
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
    fn pane_height(&self, pane: Pane) -> usize {
        let area = self.desk_areas().into_iter().find(|(p, _)| *p == pane);
        area.map_or(1, |(_, a)| usize::from(a.height.saturating_sub(2)).max(1))
    }

    /// The scopes of keys in the open workspace.
    pub(in crate::ui) fn desk_scopes(&self) -> Option<Vec<Scope>> {
        let desk = self.desk()?;
        Some(match desk.focus {
            Pane::Editor if desk.typing => vec![Scope::Editing],
            Pane::Editor => vec![Scope::Editor, Scope::Desk, Scope::Anywhere],
            Pane::Files => vec![Scope::Files, Scope::Desk, Scope::Anywhere],
            Pane::Output => vec![Scope::Output, Scope::Desk, Scope::Anywhere],
            Pane::Terminal | Pane::Guide => vec![Scope::Desk, Scope::Anywhere],
        })
    }

    /// A key for the text, unless it is a command; answers whether it was taken.
    pub(in crate::ui) fn desk_key(&mut self, event: KeyEvent) -> bool {
        if !self.desk().is_some_and(|d| d.typing && d.focus == Pane::Editor) {
            return false;
        }
        let keys = self.settings.config.editor.keys;
        let chord = Chord::of(event);
        let own = self.settings.keymap.lookup(&[Scope::Editing], chord).cloned();
        // Where Vim's keys are wanted, those that both have are Vim's.
        let vims = keys == Keys::Vim && matches!(own, Some(Action::Find | Action::Replace | Action::Line));
        if let Some(action) = own.filter(|_| !vims) {
            self.act(&action);
            return true;
        }
        let now = self.now;
        let mut asks = None;
        self.at_desk(|desk| {
            let Some(buffer) = desk.buffers.here_mut().filter(|b| b.shown == super::text::Shown::Text) else { return };
            let answer = buffer.editor.key(event, keys, now);
            asks = desk.edited(answer, event);
        });
        if let Some(wanted) = asks {
            self.ask_of_text(wanted);
        }
        true
    }

    fn ask_of_text(&mut self, wanted: Wanted) {
        let (title, advice, ask) = match wanted {
            Wanted::Find => ("Search in the file", "letters of either case; /…/ for a regular expression", Ask::Find),
            Wanted::Replace => ("Replace in the file", "what/with/ ; all of them, one step of undo", Ask::Replace),
            Wanted::GoToLine => ("Go to line", "its number", Ask::Line),
        };
        self.ask_line(title, advice, String::new(), ask);
    }

    /// Asks for a line of text.
    fn ask_line(&mut self, title: &str, advice: &str, text: String, ask: Ask) {
        self.overlay = Some(Overlay::Prompt(Prompt {
            title: title.to_owned(),
            advice: advice.to_owned(),
            input: Input::new(text),
            ask,
            error: None,
        }));
    }

    /// Pasted text goes into the file; answers whether it was taken.
    pub(in crate::ui) fn desk_paste(&mut self, text: &str) -> bool {
        let takes = self.overlay.is_none() && self.desk().is_some_and(|d| d.typing && d.focus == Pane::Editor);
        if takes {
            self.at_desk(|desk| {
                if let Some(buffer) = desk.buffers.here_mut() {
                    buffer.editor.paste(text);
                }
                desk.follow_text();
            });
        }
        takes
    }

    /// Carries out an action at the open workspace; answers whether it was one for it.
    pub(in crate::ui) fn desk_action(&mut self, action: &Action) -> bool {
        let Some(desk) = self.desk() else { return false };
        let focus = desk.focus;
        let height = self.pane_height(focus);
        let page = (height / 2).max(1) as isize;
        match action {
            Action::Show(_) => {
                self.leave_desk();
                return false;
            }
            Action::Back => self.back_at_desk(),
            Action::CloseDesk => self.ask_close_desk(),
            Action::Pane(Pane::Terminal) | Action::Terminal => self.terminal_at_desk(),
            Action::Pane(pane) => self.at_desk(|desk| desk.focus_on(*pane)),
            Action::NextPane => self.turn_pane(1),
            Action::PreviousPane => self.turn_pane(-1),
            Action::Zoom => self.at_desk(|desk| desk.zoomed = !desk.zoomed),
            Action::Grow => self.share(2),
            Action::Shrink => self.share(-2),
            Action::Up => self.at_desk(|desk| desk.step(-1, height)),
            Action::Down => self.at_desk(|desk| desk.step(1, height)),
            Action::PageUp => self.at_desk(|desk| desk.step(-page, height)),
            Action::PageDown => self.at_desk(|desk| desk.step(page, height)),
            Action::First => self.at_desk(|desk| desk.step(isize::MIN / 2, height)),
            Action::Last => self.at_desk(|desk| desk.step(isize::MAX / 2, height)),
            Action::NewFile => {
                let folder = desk.tree.folder_here();
                self.ask_line("New file", "its path; with a / at the end, a folder", folder, Ask::NewFile);
            }
            Action::RenameFile => {
                if let Some(path) = desk.tree.here().map(|r| r.path.clone()) {
                    let title = format!("Rename {path} to");
                    self.ask_line(&title, "a path in this workspace", path.clone(), Ask::RenameFile(path));
                }
            }
            Action::Upload => {
                let folder = desk.tree.folder_here();
                let title = format!("Bring into /{folder}");
                self.ask_line(&title, "a file or folder of this machine", String::new(), Ask::Upload(folder));
            }
            Action::Download => {
                if let Some(path) = desk.tree.here().map(|r| r.path.clone()) {
                    let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
                    let title = format!("Put {path} on this machine as");
                    self.ask_line(&title, "a path that is not there yet", name, Ask::Download(path));
                }
            }
            Action::StackUp => self.stack_up_at_desk(),
            Action::Find => self.ask_of_text(Wanted::Find),
            Action::Replace => self.ask_of_text(Wanted::Replace),
            Action::Line => self.ask_of_text(Wanted::GoToLine),
            Action::RunWith => self.ask_run(),
            Action::AskRun => {
                let request = desk.output.request.clone();
                let text = if request.is_empty() { "/".to_owned() } else { request };
                self.ask_line(
                    "Request to what runs",
                    "/path, POST /path {\"a\": 1}, :PORT/path",
                    text,
                    Ask::RunRequest,
                );
            }
            Action::Copy => self.at_desk(Desk::copy),
            Action::Open
            | Action::Left
            | Action::Right
            | Action::RemoveFile
            | Action::EnterText
            | Action::LeaveText
            | Action::SaveFile
            | Action::CloseFile
            | Action::EditOutside
            | Action::NextProblem
            | Action::PreviousProblem
            | Action::QuickFix
            | Action::NextTab
            | Action::PreviousTab
            | Action::Follow
            | Action::Build
            | Action::BuildClean
            | Action::CancelBuild
            | Action::Run
            | Action::StopRun => self.at_desk(|desk| desk.action(action, height)),
            _ => return false,
        }
        true
    }

    /// Brings the stack up whose directory is open. What is not saved would not count.
    fn stack_up_at_desk(&mut self) {
        let Some(desk) = self.desk() else { return };
        let stack = match &desk.site {
            Site::Folder { name, dir, .. } => {
                self.snap.stack(name).filter(|s| s.working_dir.as_ref() == Some(dir)).cloned()
            }
            Site::Session { .. } => None,
        };
        match (stack, desk.unsaved()) {
            (None, _) => self.tell(Tone::Warn, "no stack was made from here"),
            (Some(_), unsaved) if !unsaved.is_empty() => {
                self.tell(Tone::Warn, format!("{} is not saved; ctrl-s saves it", unsaved.join(", ")));
            }
            (Some(stack), _) => self.start(Job::Stack { verb: StackVerb::Up, stack }),
        }
    }

    /// One step back: out of the text, out of a whole-screen pane, back to the lists.
    fn back_at_desk(&mut self) {
        if self.desk().is_some_and(|d| d.zoomed) {
            return self.at_desk(|desk| desk.zoomed = false);
        }
        self.leave_desk();
    }

    /// Goes to the next pane, or the one before.
    fn turn_pane(&mut self, by: isize) {
        let Some(desk) = self.desk() else { return };
        let panes: Vec<Pane> = Pane::ALL.into_iter().filter(|p| *p != Pane::Terminal || desk.has_terminal()).collect();
        let at = panes.iter().position(|p| *p == desk.focus).unwrap_or(0) as isize;
        let next = panes[(at + by).rem_euclid(panes.len() as isize) as usize];
        self.at_desk(|desk| desk.focus_on(next));
    }

    /// Goes to the terminal of the session, and into it.
    fn terminal_at_desk(&mut self) {
        self.at_desk(|desk| desk.focus_on(Pane::Terminal));
        let Some(desk) = self.desk().filter(|d| d.focus == Pane::Terminal) else { return };
        let Some(container) = desk.site.container().cloned() else { return };
        self.terminal_in(&container);
    }

    /// Makes the focused pane wider or narrower.
    fn share(&mut self, by: i16) {
        let Some(desk) = self.desk() else { return };
        let room = layout::room(self.desk_body());
        let left = if desk.focus == Pane::Editor { desk.beside.is_left() } else { desk.focus.is_left() };
        let by = if desk.focus == Pane::Editor { -by } else { by };
        let shares = &mut self.remembered.shares;
        let share = match (room, left) {
            (layout::Room::One, _) => return,
            (layout::Room::Two, true) => &mut shares.left_of_two,
            (layout::Room::Two, false) => &mut shares.right_of_two,
            (layout::Room::All, true) => &mut shares.left,
            (layout::Room::All, false) => &mut shares.right,
        };
        *share = share.saturating_add_signed(by).clamp(14, 60);
        self.out.push(Effect::Remember(Box::new(self.remembered.clone())));
    }

    /// Asks how what was built is run.
    fn ask_run(&mut self) {
        let Some(desk) = self.desk() else { return };
        let texts = desk.output.options.clone().unwrap_or_default().texts();
        let field = |label, advice, text: &str| Field { label, advice, input: Input::new(text.to_owned()) };
        self.overlay = Some(Overlay::Form(Form {
            title: format!("Run {}", desk.tag()),
            fields: vec![
                field("ports", "8080:80, 9000/udp; empty: what the image exposes", &texts.ports),
                field("env", "NAME=value OTHER=\"two words\"", &texts.env),
                field("command", "empty: the image's own", &texts.command),
                field("memory", "512m, 1.5g; empty: no limit of its own", &texts.memory),
                field("cpus", "0.5, 2; empty: no limit of its own", &texts.cpus),
                field("user", "empty: the image's own", &texts.user),
                field("directory", "empty: the image's own", &texts.dir),
                field("read-only", "yes: nothing can be written to its file system", yes(texts.read_only)),
            ],
            at: 0,
            verb: "runs",
            ask: FormAsk::Run,
            error: None,
        }));
    }

    /// Runs what was built as it was asked for; else says which line is wrong, and why.
    pub(in crate::ui) fn run_asked(&mut self, form: &Form) -> Result<(), (usize, String)> {
        let text = |n: usize| form.fields.get(n).map_or(String::new(), |f| f.input.value().trim().to_owned());
        let texts = Texts {
            ports: text(0),
            env: text(1),
            command: text(2),
            memory: text(3),
            cpus: text(4),
            user: text(5),
            dir: text(6),
            read_only: matches!(text(7).to_lowercase().as_str(), "yes" | "y" | "true" | "1"),
        };
        let options = Options::parse(&texts).map_err(|wrong| {
            let names = ["ports", "env", "command", "memory", "cpus", "user", "dir", "read_only"];
            (names.iter().position(|n| *n == wrong.field).unwrap_or(0), wrong.message)
        })?;
        if let Some(key) = self.desk().map(|d| d.site.key()) {
            self.remembered.runs.insert(key, options.clone());
            self.out.push(Effect::Remember(Box::new(self.remembered.clone())));
        }
        self.at_desk(|desk| {
            desk.output.options = Some(options);
            desk.run();
        });
        Ok(())
    }

    /// Takes a typed answer at the open workspace, or says why not.
    pub(in crate::ui) fn desk_answered(&mut self, ask: &Ask, text: &str) -> Result<(), String> {
        let Some(desk) = self.desk() else { return Ok(()) };
        match ask {
            Ask::NewFile => {
                let (folder, path) = (text.ends_with('/'), text.trim_end_matches('/'));
                crate::workspace::check_path(path).map_err(|e| e.to_string())?;
                if desk.tree.has(path) {
                    return Err(format!("{path} is there already"));
                }
                let order =
                    if folder { DeskOrder::CreateFolder(path.into()) } else { DeskOrder::CreateFile(path.into()) };
                self.at_desk(|desk| desk.order(order));
            }
            Ask::RenameFile(from) => {
                crate::workspace::check_path(text).map_err(|e| e.to_string())?;
                if from != text {
                    if desk.tree.has(text) {
                        return Err(format!("{text} is there already"));
                    }
                    let order = DeskOrder::Rename(from.clone(), text.to_owned());
                    self.at_desk(|desk| desk.order(order));
                }
            }
            Ask::Upload(folder) => {
                let from = home(text);
                let Some(name) = from.file_name().map(|n| n.to_string_lossy().into_owned()) else {
                    return Err("a file or folder is needed".to_owned());
                };
                let job = Job::Upload {
                    site: Box::new(desk.site.clone()),
                    from: from.clone(),
                    to: format!("{folder}{name}"),
                };
                self.start(job);
            }
            Ask::Download(path) => {
                if text.is_empty() {
                    return Err("a path is needed".to_owned());
                }
                let job = Job::Download { site: Box::new(desk.site.clone()), path: path.clone(), to: home(text) };
                self.start(job);
            }
            Ask::RunRequest => {
                let (key, request) = (desk.site.key(), text.to_owned());
                let mut wrong = None;
                self.at_desk(|desk| wrong = desk.request(&request).err());
                if let Some(why) = wrong {
                    return Err(why);
                }
                self.remembered.requests.insert(key, request);
                self.out.push(Effect::Remember(Box::new(self.remembered.clone())));
            }
            Ask::Find => {
                let (query, options) = match text.strip_prefix('/').map(|t| t.strip_suffix('/').unwrap_or(t)) {
                    Some(pattern) if !pattern.is_empty() => {
                        (pattern, FindOptions { regex: true, ..FindOptions::default() })
                    }
                    _ => (text, FindOptions::default()),
                };
                let mut result = Ok(());
                self.at_desk(|desk| {
                    if let Some(buffer) = desk.buffers.here_mut() {
                        result = desk_find(buffer, query, options);
                    }
                });
                result?;
            }
            Ask::Replace => {
                let mut parts = text.splitn(3, '/');
                let (Some(query), Some(with)) = (parts.next().filter(|q| !q.is_empty()), parts.next()) else {
                    return Err("expected what/with".to_owned());
                };
                let mut told = Ok(0);
                self.at_desk(|desk| {
                    if let Some(buffer) = desk.buffers.here_mut() {
                        told =
                            desk_find(buffer, query, FindOptions::default()).map(|()| buffer.editor.replace_all(with));
                    }
                    desk.follow_text();
                });
                self.tell(Tone::Good, format!("replaced {}", crate::text::count(told?, "match")));
            }
            Ask::Line => {
                let line: usize = text.parse().map_err(|_| format!("{text} is no line number"))?;
                self.at_desk(|desk| {
                    if let Some(buffer) = desk.buffers.here_mut() {
                        buffer.editor.go_to(line.saturating_sub(1), 0);
                    }
                });
            }
            _ => {}
        }
        Ok(())
    }
}

fn desk_find(buffer: &mut super::Buffer, query: &str, options: FindOptions) -> Result<(), String> {
    match buffer.editor.find(query, options) {
        Ok(1..) => Ok(()),
        Ok(0) => Err(format!("{query} is not in this file")),
        Err(why) => Err(why),
    }
}

const fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "" }
}

/// A path as people type it: `~/` is their home.
fn home(text: &str) -> std::path::PathBuf {
    match text.strip_prefix("~/").zip(directories::BaseDirs::new()) {
        Some((rest, dirs)) => dirs.home_dir().join(rest),
        None => text.into(),
    }
}

impl Desk {
    /// What became of a key in the text; answers with what is to be asked.
    fn edited(&mut self, answer: Answer, event: KeyEvent) -> Option<Wanted> {
        let path = self.buffers.here().map(|b| b.path.clone()).unwrap_or_default();
        match answer {
            Answer::Changed | Answer::Moved | Answer::Nothing => {}
            Answer::Ignored => {
                if event.code == KeyCode::Esc {
                    self.typing = false;
                }
            }
            Answer::Copy(text) => {
                let lines = text.lines().count();
                self.wishes.push(Wish::Copy(text));
                self.tell(Tone::Good, format!("copied {}", crate::text::count(lines, "line")));
            }
            Answer::Say(text) => self.tell(Tone::Muted, text),
            Answer::Ask(wanted) => return Some(wanted),
            Answer::Command(command) => match command {
                VimCommand::Save => self.save(&path, false),
                VimCommand::Quit => self.ask_close_file(),
                VimCommand::SaveQuit => {
                    self.typing = false;
                    self.save(&path, false);
                }
                VimCommand::QuitUnsaved => self.close_file(&path),
                VimCommand::Reload => {
                    if let Some(buffer) = self.buffers.here_mut() {
                        buffer.shown = super::text::Shown::Reading;
                    }
                    self.order(DeskOrder::Read(path));
                }
            },
        }
        self.complete();
        self.follow_text();
        None
    }
}
