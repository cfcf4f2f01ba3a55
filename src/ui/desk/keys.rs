//! Keys, pasted text and actions at the open workspace: what is the text's, what is a pane's, what is the panel's.

use crossterm::event::{KeyCode, KeyEvent};

use crate::builds::Site;
use crate::config::Chord;
use crate::tasks::{Job, StackVerb};
use crate::ui::action::{Action, Scope};
use crate::ui::app::App;
use crate::ui::editor::{Answer, Keys, Prompt as Wanted, VimCommand};
use crate::ui::message::Effect;
use crate::ui::overlay::Ask;
use crate::ui::view::Tone;

use super::{Desk, DeskOrder, Pane, Wish, layout};

impl App {
    /// The scopes of keys in the open workspace.
    pub(in crate::ui) fn desk_scopes(&self) -> Option<Vec<Scope>> {
        let desk = self.desk()?;
        let lab = desk.lab.is_some();
        if desk.focus == Pane::Editor && desk.typing {
            return Some(if lab { vec![Scope::EditingLab, Scope::Editing] } else { vec![Scope::Editing] });
        }
        let own = match desk.focus {
            Pane::Editor => Some(Scope::Editor),
            Pane::Files => Some(Scope::Files),
            Pane::Output => Some(Scope::Output),
            Pane::Terminal | Pane::Guide => None,
        };
        Some(own.into_iter().chain(lab.then_some(Scope::AtLab)).chain([Scope::Desk, Scope::Anywhere]).collect())
    }

    /// A key for the text, unless it is a command; answers whether it was taken.
    pub(in crate::ui) fn desk_key(&mut self, event: KeyEvent) -> bool {
        if !self.desk().is_some_and(|d| d.typing && d.focus == Pane::Editor) {
            return false;
        }
        let keys = self.settings.config.editor.keys;
        let chord = Chord::of(event);
        let scopes = self.desk_scopes().unwrap_or_default();
        let own = self.settings.keymap.lookup(&scopes, chord).cloned();
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
                self.prompt("New file", "its path; with a / at the end, a folder", folder, Ask::NewFile);
            }
            Action::RenameFile => {
                if let Some(path) = desk.tree.here().map(|r| r.path.clone()) {
                    let title = format!("Rename {path} to");
                    self.prompt(&title, "a path in this workspace", path.clone(), Ask::RenameFile(path));
                }
            }
            Action::Upload => {
                let folder = desk.tree.folder_here();
                let title = format!("Bring into /{folder}");
                self.prompt(&title, "a file or folder of this machine", String::new(), Ask::Upload(folder));
            }
            Action::Download => {
                if let Some(path) = desk.tree.here().map(|r| r.path.clone()) {
                    let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
                    let title = format!("Put {path} on this machine as");
                    self.prompt(&title, "a path that is not there yet", name, Ask::Download(path));
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
                self.prompt("Request to what runs", "/path, POST /path {\"a\": 1}, :PORT/path", text, Ask::RunRequest);
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
            | Action::Submit
            | Action::SubmitClean
            | Action::Hint
            | Action::Explain
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
        self.fit_output();
        self.out.push(Effect::Remember(Box::new(self.remembered.clone())));
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
