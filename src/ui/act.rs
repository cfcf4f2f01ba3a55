//! What each action does: the one place where [`Action`]s become changes of [`App`] and effects.

use std::sync::Arc;

use tui_input::Input;

use crate::config::Confirm as ConfirmWhen;
use crate::engine::Prune;
use crate::engine::model::{Container, State};
use crate::fleet::snapshot::Status;
use crate::tasks::{Job, Named, StackVerb, Verb};

use super::action::{ACTIONS, Action};
use super::app::{App, Focus, Typing, refusal};
use super::detail::Tab;
use super::health::HealthOrder;
use super::message::Effect;
use super::overlay::{Ask, Confirm, Overlay, Prompt, Then};
use super::view::{Target, Tone, View};

impl App {
    /// Carries out an action, or says why it cannot be.
    pub fn act(&mut self, action: &Action) {
        let scope = ACTIONS.iter().find(|e| e.action == *action && self.scopes().contains(&e.scope)).map(|e| e.scope);
        if let Some(reason) = scope.and_then(|s| refusal(self, action, s)) {
            return self.tell(Tone::Warn, format!("Not possible now: {reason}"));
        }
        if self.in_terminal() && self.terminal_action(action) || self.desk_action(action) {
            return;
        }
        match action {
            Action::Show(view) => self.show(*view),
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.page(-1),
            Action::PageDown => self.page(1),
            Action::First => self.ends(true),
            Action::Last => self.ends(false),
            Action::Left => {
                if !self.list_mut().fold(true) {
                    self.list_mut().to_parent();
                }
                self.refresh();
            }
            Action::Right => {
                if self.list_mut().fold(false) {
                    self.refresh();
                } else {
                    self.open();
                }
            }
            Action::Open => self.open(),
            Action::Back => self.back(),
            Action::Quit => self.quit(),
            Action::NextPane | Action::PreviousPane => self.other_pane(),
            Action::Zoom => {
                self.zoomed = !self.zoomed;
                self.settle();
            }
            Action::Grow => self.resize_split(4),
            Action::Shrink => self.resize_split(-4),
            Action::NextTab => self.turn_tab(1),
            Action::PreviousTab => self.turn_tab(-1),
            Action::Filter => self.start_typing(),
            Action::NextMatch => self.find(true),
            Action::PreviousMatch => self.find(false),
            Action::SortNext => self.sort_next(),
            Action::SortReverse => {
                let list = self.list_mut();
                list.sort = Some(list.sort.map_or((0, true), |(c, r)| (c, !r)));
                self.refresh();
            }
            Action::Mark => {
                self.list_mut().toggle_mark();
                self.settle();
            }
            Action::MarkAll => self.list_mut().toggle_all(),
            Action::Palette => self.open_palette(),
            Action::Help => self.overlay = Some(Overlay::Help(0)),
            Action::Redraw => self.out.push(Effect::Redraw),
            Action::Suspend => self.out.push(Effect::Suspend),
            Action::Logs => self.open_logs_of_selection(),
            Action::Stats => self.open_in_detail(Tab::Stats),
            Action::Inspect => self.open_in_detail(Tab::Inspect),
            Action::Copy => self.copy(),
            Action::CopyCommand => {
                if let Some(Target::Task(id)) = self.here()
                    && let Some(command) = self.tasks.get(id).map(|t| t.command.clone())
                {
                    self.out.push(Effect::Copy(command.clone()));
                    self.tell(Tone::Good, format!("copied: {command}"));
                }
            }
            Action::ToggleStats => {
                self.stats = !self.stats;
                self.out.push(Effect::Stats(self.stats));
                let words = if self.stats { "statistics are read again" } else { "statistics are not read any more" };
                self.tell(Tone::Muted, words);
            }
            Action::ToggleStopped => {
                self.hide_stopped = !self.hide_stopped;
                self.refresh();
                let words = if self.hide_stopped { "stopped ones are hidden" } else { "stopped ones are shown" };
                self.tell(Tone::Muted, words);
            }
            Action::Restart => self.restart(),
            Action::StopStart => self.stop_start(),
            Action::Pause => self.pause(),
            Action::Kill => self.choose_signal(),
            Action::Remove => self.remove(),
            Action::Rename => self.ask_name(),
            Action::Prune => self.prune(),
            Action::StackUp => self.stack_job(StackVerb::Up),
            Action::StackDown => self.stack_job(StackVerb::Down),
            Action::Pull => self.stack_job(StackVerb::Pull),
            Action::Follow | Action::Wrap | Action::Timestamps | Action::OnlyMatches | Action::Pretty => {
                self.log_action(action);
            }
            Action::Since => self.prompt(
                "Show the log since",
                "10m, 2h, 3d; a span as 2h..1h; empty for all",
                String::new(),
                Ask::Since,
            ),
            Action::Save => {
                let name =
                    self.detail.logs.title().replace(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.', "-");
                self.prompt(
                    "Save the whole log to",
                    "a file that does not exist yet",
                    format!("{name}.log"),
                    Ask::SaveLogs,
                );
            }
            Action::Reveal => {
                self.detail.reveal = !self.detail.reveal;
                self.make_text();
            }
            Action::FoldAll => self.fold_all(),
            Action::Cancel => {
                if let Some(Target::Task(id)) = self.here() {
                    self.out.push(Effect::Cancel(id));
                }
            }
            Action::Terminal => self.terminal_here(),
            Action::TerminalAs => self.ask_terminal(),
            Action::Terminals => self.choose_terminal(),
            // These mean something in a terminal only.
            Action::LeaveTerminal
            | Action::CloseTerminal
            | Action::DebugShell
            | Action::SelectCells
            | Action::SelectLines
            | Action::Pane(_)
            | Action::EnterText
            | Action::LeaveText
            | Action::SaveFile
            | Action::CloseFile
            | Action::EditOutside
            | Action::Find
            | Action::Replace
            | Action::Line
            | Action::NextProblem
            | Action::PreviousProblem
            | Action::QuickFix
            | Action::Build
            | Action::BuildClean
            | Action::CancelBuild
            | Action::Run
            | Action::RunWith
            | Action::StopRun
            | Action::AskRun
            | Action::NewFile
            | Action::RenameFile
            | Action::RemoveFile
            | Action::Upload
            | Action::Download
            | Action::CloseDesk
            | Action::Hint
            | Action::Explain => {}
            Action::Workspace if matches!(self.here(), Some(Target::Lab(_))) && self.desk().is_none() => {
                self.work_on_lab();
            }
            Action::Workspace => self.open_workspace(),
            Action::Submit => self.submit_lab(false),
            Action::SubmitClean => self.submit_lab(true),
            Action::ResetLab => self.reset_lab(),
            Action::ReadLabs => self.read_labs(),
            Action::UpdateLabs => self.update_labs(),
            Action::Edit => self.edit_here(),
            Action::Theme => self.choose_theme(),
            Action::Host => self.choose_host(),
            Action::Reconnect => {
                self.out.push(Effect::Reconnect);
                self.tell(Tone::Muted, "reading everything again");
            }
            Action::DiskUse => {
                self.out.push(Effect::DiskUse);
                self.tell(Tone::Muted, "measuring disk use; this takes the engine some seconds");
            }
            Action::NewSession => self.ask_session(),
            Action::Inside => self.go_inside(),
            Action::Outside => self.leave_session(),
            Action::ExtendSession => self.extend_session(),
            Action::EndSession => self.end_sessions(),
            Action::Request => self.ask_request(),
            Action::Forward => self.ask_forward(),
            Action::Doctor => self.open_of_host(Tab::Doctor),
            Action::Audit => self.open_of_host(Tab::Audit),
            Action::Routes => self.open_of_host(Tab::Routes),
            Action::LookAgain => self.examine_again(),
            Action::Custom(index) => self.custom_command(*index),
        }
    }

    /// What the keys are about: the detail pane's thing while that has the keys, else the selected row.
    pub fn here(&self) -> Option<Target> {
        if self.focus == Focus::Detail {
            self.detail.target.clone()
        } else {
            self.list().selected().map(|r| r.target.thing())
        }
    }

    /// The marked things, or else the one the keys are about.
    pub fn chosen(&self) -> Vec<Target> {
        let marked = &self.list().marked;
        if self.focus == Focus::List && !marked.is_empty() {
            // In the order of the list.
            return self
                .list()
                .rows
                .iter()
                .map(|r| &r.target)
                .filter(|t| marked.contains(t))
                .map(Target::thing)
                .collect();
        }
        self.here().into_iter().collect()
    }

    pub(super) fn chosen_containers(&self) -> Vec<Arc<Container>> {
        let mut all: Vec<Arc<Container>> = Vec::new();
        for container in self.chosen().iter().flat_map(|t| self.containers_of(t)) {
            if !all.iter().any(|c| c.id == container.id) {
                all.push(container);
            }
        }
        all
    }

    /// Shows a view.
    pub fn show(&mut self, view: View) {
        if view != self.view {
            self.came_from = None;
            self.view = view;
        }
        self.focus = Focus::List;
        self.zoomed = false;
        self.terminals.put_away();
        self.refresh();
        if view == View::Labs {
            self.want_labs();
        }
        if view == View::Activity {
            self.out.push(Effect::Health(HealthOrder::Heals));
        }
        if view == View::Volumes && self.snap.disk.is_none() {
            self.out.push(Effect::DiskUse);
        }
    }

    /// Goes to a thing in the view where it is at home.
    pub fn go_to(&mut self, target: Target) {
        let home = match &target {
            Target::Stack(_) | Target::Service(..) => View::Stacks,
            Target::Container(id) => {
                let in_stack = self.snap.containers.get(id).is_some_and(|c| c.stack().is_some());
                if in_stack { View::Stacks } else { View::Containers }
            }
            Target::Session(_) => View::Sessions,
            Target::Lab(_) | Target::BrokenLab(_) => View::Labs,
            Target::Image(_) => View::Images,
            Target::Network(_) | Target::Member(..) => View::Networks,
            Target::Volume(_) => View::Volumes,
            Target::Task(_) | Target::Event(..) | Target::Heal(_) => View::Activity,
            Target::Host => View::Health,
        };
        let from = self.view;
        self.view = home;
        if from != home {
            self.came_from = Some(from);
        }
        self.focus = Focus::List;
        if let Target::Container(id) = &target
            && let Some(stack) = self.snap.containers.get(id).and_then(|c| c.stack())
        {
            let stack: Arc<str> = stack.into();
            let list = self.list_mut();
            list.filter.clear();
            list.folded.retain(|t| !matches!(t, Target::Stack(s) | Target::Service(s, _) if *s == stack));
        }
        self.list_mut().go_to(target);
        self.refresh();
    }

    fn step(&mut self, by: isize) {
        if self.focus == Focus::Detail {
            return self.scroll_detail(by);
        }
        self.list_mut().step(by);
        self.settle();
    }

    fn page(&mut self, sign: isize) {
        let areas = self.areas();
        let height = if self.focus == Focus::Detail { areas.inside.height } else { areas.rows.height };
        self.step(sign * (isize::from(height as i16) / 2).max(1));
    }

    fn ends(&mut self, first: bool) {
        if self.focus == Focus::Detail {
            return self.detail_end(first);
        }
        let list = self.list_mut();
        let index = if first { 0 } else { list.rows.len().saturating_sub(1) };
        list.select(index);
        self.settle();
    }

    fn open(&mut self) {
        if self.focus == Focus::Detail {
            if self.detail.text.toggle() {
                self.make_text();
            } else if matches!(self.detail.target, Some(Target::Lab(_))) {
                if self.detail.tab != Some(Tab::History) {
                    self.work_on_lab();
                }
            } else if self.detail.tab == Some(Tab::UsedBy)
                || matches!(self.detail.tab, Some(Tab::Attached | Tab::Services | Tab::Ports))
                || self.detail.tab.is_some_and(Tab::is_of_health)
            {
                self.open_line();
            }
            return;
        }
        let Some(target) = self.here() else { return };
        if self.view == View::Deck {
            self.go_to(target);
        }
        self.focus_detail();
    }

    /// In a pane that lists other things: goes to the one under the cursor.
    fn open_line(&mut self) {
        let name = self.detail.text.lines.get(self.detail.text.cursor).and_then(|l| l.branch.clone()).map(|(id, _)| id);
        let Some(id) = name else { return };
        let container = self.snap.containers.keys().find(|k| ***k == *id).cloned().map(Target::Container);
        let network = || self.snap.networks.keys().find(|k| ***k == *id).cloned().map(Target::Network);
        if let Some(target) = container.or_else(network) {
            self.go_to(target);
            self.focus_detail();
        }
    }

    /// Gives the detail pane the keys.
    pub fn focus_detail(&mut self) {
        if self.list().selected().is_none() && self.detail.target.is_none() {
            return;
        }
        self.terminals.put_away();
        self.focus = Focus::Detail;
        self.list_mut().touched = true;
        if self.detail.target.is_none()
            || self.view != View::Deck && self.list().selected().map(|r| r.target.thing()) != self.detail.target
        {
            let target = self.list().selected().map(|r| r.target.thing());
            self.turn_detail(target);
        }
        self.settle();
        self.load_detail();
    }

    fn other_pane(&mut self) {
        if self.focus == Focus::List {
            if self.terminals.shown().is_some() {
                self.focus = Focus::Detail;
                self.settle();
            } else if self.view == View::Deck {
                self.open();
            } else {
                self.focus_detail();
            }
        } else {
            self.focus = Focus::List;
            self.settle();
        }
    }

    fn back(&mut self) {
        if self.focus == Focus::Detail {
            if self.clear_search() {
                return;
            }
            return self.leave_detail();
        }
        if self.zoomed {
            self.zoomed = false;
            return self.settle();
        }
        let came_from = self.came_from;
        let list = self.list_mut();
        if !list.filter.is_empty() {
            list.filter.clear();
        } else if !list.marked.is_empty() {
            list.marked.clear();
        } else if let Some(view) = came_from {
            self.came_from = None;
            self.view = view;
        } else if self.view == View::Deck {
            return self.leave_session();
        } else {
            self.view = View::Deck;
        }
        self.refresh();
    }

    /// From the pane beside the list back to the list, or to the Deck where one came from there.
    pub(super) fn leave_detail(&mut self) {
        self.focus = Focus::List;
        self.zoomed = false;
        if let Some(from) = self.came_from.filter(|v| *v == View::Deck) {
            self.came_from = None;
            self.view = from;
            self.refresh();
        }
        self.settle();
    }

    fn quit(&mut self) {
        let running: Vec<String> = self.tasks.iter().filter(|t| t.outcome.is_none()).map(|t| t.title.clone()).collect();
        let terminals = self.live_terminals();
        let unsaved = self.unsaved_files();
        if running.is_empty() && terminals.is_empty() && unsaved.is_empty() {
            return self.leave();
        }
        let what = match (running.len(), terminals.len()) {
            (0, 0) => "",
            (0, 1) => "a terminal is",
            (0, _) => "terminals are",
            (1, 0) => "a task is",
            (_, 0) => "tasks are",
            _ => "tasks and terminals are",
        };
        let title = match what {
            "" => "Leave without saving?".to_owned(),
            what => format!("Leave while {what} running?"),
        };
        let tasks = running.into_iter().map(|t| format!("{t} is cancelled; what it did so far stays"));
        self.overlay = Some(Overlay::Confirm(Confirm {
            title,
            lines: tasks.chain(terminals).chain(unsaved).collect(),
            then: Then::Quit,
            yes: false,
        }));
    }

    fn resize_split(&mut self, by: i16) {
        self.split = self.split.saturating_add_signed(by).clamp(20, 80);
        self.settle();
    }

    fn sort_next(&mut self) {
        let columns = self.view.rows().columns();
        let widths = self.list().widths.clone();
        let list = self.list_mut();
        let next = list.sort.map_or(0, |(c, _)| c + 1);
        // Columns without any content cannot be told apart on screen, so they are passed over.
        list.sort = (next..columns.len()).find(|c| widths.get(*c).is_some_and(|w| *w > 0)).map(|c| (c, false));
        let words =
            list.sort.map_or("own order".to_owned(), |(c, _)| format!("sorted by {}", columns[c].title.to_lowercase()));
        self.refresh();
        self.tell(Tone::Muted, words);
    }

    fn start_typing(&mut self) {
        let terminal = self.in_terminal();
        if self.focus == Focus::Detail && self.detail.tab == Some(Tab::Stats) && !terminal {
            return;
        }
        let before = match self.focus {
            Focus::Detail if terminal => self.terminals.search().0.to_owned(),
            Focus::List => self.list().filter.clone(),
            Focus::Detail if self.detail.tab == Some(Tab::Logs) => self.detail.logs.query().to_owned(),
            Focus::Detail => self.detail.text.query.clone(),
        };
        self.typing = Some(Typing { input: Input::new(before.clone()), before, focus: self.focus });
    }

    fn open_in_detail(&mut self, tab: Tab) {
        let Some(target) = self.here() else { return };
        if self.view == View::Deck {
            self.go_to(target);
        }
        self.focus_detail();
        if self.detail.open_tab(tab) {
            self.load_detail();
        }
        self.make_text();
    }

    fn open_logs_of_selection(&mut self) {
        let several = self.focus == Focus::List && self.list().marked.len() > 1;
        if several {
            let containers = self.chosen_containers();
            let target = containers.first().map(|c| Target::Container(c.id.clone()));
            self.focus = Focus::Detail;
            if self.view == View::Deck {
                self.view = View::Containers;
                self.came_from = Some(View::Deck);
            }
            self.detail.turn_to(target);
            self.detail.open_tab(Tab::Logs);
            self.open_logs(&containers);
        } else {
            self.open_in_detail(Tab::Logs);
        }
    }

    /// Turns the detail pane's tabs.
    pub fn turn_tab(&mut self, by: isize) {
        if let Some(tab) = self.detail.neighbour(by) {
            self.detail.open_tab(tab);
            self.make_text();
            self.load_detail();
        }
    }

    fn copy(&mut self) {
        let text = if self.focus == Focus::Detail {
            match self.detail.tab {
                Some(Tab::Logs) => self.log_copy(),
                Some(Tab::Stats) | None => None,
                Some(_) => {
                    let pane = &self.detail.text;
                    let place = if pane.has_cursor { pane.cursor } else { pane.offset };
                    let all = pane.lines.iter().map(super::panes::text::TextLine::text).collect::<Vec<_>>();
                    if pane.has_cursor { all.get(place).map(|l| l.trim().to_owned()) } else { Some(all.join("\n")) }
                }
            }
        } else {
            let names: Vec<String> = self.chosen().iter().map(|t| self.name_of(t)).collect();
            (!names.is_empty()).then(|| names.join("\n"))
        };
        if let Some(text) = text {
            let lines = text.lines().count();
            let what = if lines == 1 { text.clone() } else { crate::text::count(lines, "line") };
            self.out.push(Effect::Copy(text));
            self.tell(Tone::Good, format!("copied {what}"));
        }
    }

    fn named(containers: &[Arc<Container>]) -> Vec<Named> {
        containers.iter().map(|c| Named { id: c.id.clone(), name: c.name.clone() }).collect()
    }

    pub(super) fn on_containers(&mut self, verb: Verb, containers: &[Arc<Container>]) {
        if !containers.is_empty() {
            self.start(Job::Containers { verb, on: Self::named(containers) });
        }
    }

    /// Runs a job; asks first when something would be lost.
    pub fn start(&mut self, job: Job) {
        self.labs.follow(&job);
        self.desks_follow(&job);
        let asks = self.settings.config.confirm == ConfirmWhen::All && job.interrupts();
        match job.loss().or_else(|| asks.then(|| job.command())) {
            None => self.out.push(Effect::Run(job)),
            Some(loss) => {
                let mut title = job.title();
                if let Some(first) = title.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                self.overlay = Some(Overlay::Confirm(Confirm {
                    title: format!("{title}?"),
                    lines: loss.lines().map(str::to_owned).collect(),
                    then: Then::Run(Arc::new(job)),
                    yes: false,
                }));
            }
        }
        self.list_mut().marked.clear();
    }

    /// The stack in question when all that is chosen is one stack.
    fn one_stack(&self) -> Option<crate::fleet::Stack> {
        match &self.chosen()[..] {
            [Target::Stack(name)] => self.snap.stack(name).cloned(),
            _ => None,
        }
    }

    fn stack_job(&mut self, verb: StackVerb) {
        let stack = self.one_stack().or_else(|| match self.here()? {
            Target::Service(stack, _) => self.snap.stack(&stack).cloned(),
            _ => None,
        });
        match stack {
            Some(stack) => self.start(Job::Stack { verb, stack }),
            None => self.tell(Tone::Warn, "choose one stack for this"),
        }
    }

    fn restart(&mut self) {
        if let Some(stack) = self.one_stack() {
            return self.start(Job::Stack { verb: StackVerb::Restart, stack });
        }
        let containers = self.chosen_containers();
        self.on_containers(Verb::Restart, &containers);
    }

    fn stop_start(&mut self) {
        if let Some(stack) = self.one_stack() {
            let verb = if stack.containers().any(|c| c.state.is_up() || c.state == State::Restarting) {
                StackVerb::Stop
            } else {
                StackVerb::Start
            };
            return self.start(Job::Stack { verb, stack });
        }
        let containers = self.chosen_containers();
        let runs = |c: &Arc<Container>| c.state.is_up() || c.state == State::Restarting;
        let (up, down): (Vec<_>, Vec<_>) = containers.into_iter().partition(runs);
        if up.is_empty() { self.on_containers(Verb::Start, &down) } else { self.on_containers(Verb::Stop, &up) }
    }

    fn pause(&mut self) {
        let containers = self.chosen_containers();
        let (paused, running): (Vec<_>, Vec<_>) =
            containers.into_iter().filter(|c| c.state.is_up()).partition(|c| c.state == State::Paused);
        if running.is_empty() && paused.is_empty() {
            self.tell(Tone::Warn, "only what runs can be paused");
        } else if running.is_empty() {
            self.on_containers(Verb::Unpause, &paused);
        } else {
            self.on_containers(Verb::Pause, &running);
        }
    }

    fn remove(&mut self) {
        let chosen = self.chosen();
        let named = |pick: &dyn Fn(&Target) -> Option<Named>| chosen.iter().filter_map(pick).collect::<Vec<_>>();
        let containers = self.chosen_containers();
        let images = named(&|t| match t {
            Target::Image(id) => Some(Named { id: id.clone(), name: self.name_of(t) }),
            _ => None,
        });
        let networks = named(&|t| match t {
            Target::Network(id) => Some(Named { id: id.clone(), name: self.name_of(t) }),
            _ => None,
        });
        let volumes = named(&|t| match t {
            Target::Volume(id) => Some(Named { id: id.clone(), name: self.name_of(t) }),
            _ => None,
        });
        if !images.is_empty() {
            self.start(Job::RemoveImages { on: images, force: false });
        } else if !networks.is_empty() {
            self.start(Job::RemoveNetworks { on: networks });
        } else if !volumes.is_empty() {
            self.start(Job::RemoveVolumes { on: volumes });
        } else if !containers.is_empty() {
            let force = containers.iter().any(|c| c.status() != Status::Stopped);
            self.on_containers(Verb::Remove { force, volumes: false }, &containers);
        }
    }

    fn ask_name(&mut self) {
        if let Some(target @ Target::Container(_)) = self.here() {
            let name = self.name_of(&target);
            self.prompt(&format!("Rename {name} to"), "letters, digits, _ . and -", name.clone(), Ask::Rename);
        }
    }

    fn prune(&mut self) {
        let what = match self.view {
            View::Images => Prune::Images { all: false },
            View::Networks => Prune::Networks,
            View::Volumes => Prune::Volumes,
            View::Containers | View::Stacks => Prune::Containers,
            View::Deck | View::Activity | View::Sessions | View::Health => Prune::BuildCache,
            View::Labs => return self.tell(Tone::Muted, "labs are folders: nothing here is unused"),
        };
        self.ask_prune(what);
    }

    /// Asks for a line of text.
    pub(super) fn prompt(&mut self, title: &str, advice: &str, text: String, ask: Ask) {
        self.overlay = Some(Overlay::Prompt(Prompt {
            title: title.to_owned(),
            advice: advice.to_owned(),
            input: Input::new(text),
            ask,
            error: None,
        }));
    }
}
