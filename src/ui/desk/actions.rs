//! What each action does at one desk.

use crate::fleet::snapshot::Listing;
use crate::sessions::Session;
use crate::ui::action::Action;
use crate::ui::editor::{self, Language, Popup};
use crate::ui::overlay::{Confirm, Overlay, Then};
use crate::ui::view::Tone;

use super::text::Shown;
use super::{Desk, DeskOrder, OutsideOrder, Pane, Reach, Site, Wish};

/// Completion looks at the whole text with every key: beyond this it would be felt.
const COMPLETED: usize = 128 << 10;

impl Desk {
    /// Carries out an action; `height` is that of the pane which has the keys.
    pub(super) fn action(&mut self, action: &Action, height: usize) {
        match action {
            Action::Open => match self.focus {
                Pane::Files => self.open_row(),
                Pane::Output => self.open_line(),
                Pane::Guide | Pane::Editor | Pane::Terminal => {}
            },
            Action::Left | Action::Right if self.focus == Pane::Output => self.sideways(*action == Action::Right),
            Action::Left => {
                if !self.tree.fold(Some(false)) {
                    self.tree.to_folder();
                }
                self.tree.scroll_into(height);
            }
            Action::Right => {
                self.tree.fold(Some(true));
            }
            Action::RemoveFile => {
                if let Some(row) = self.tree.here() {
                    let path = row.path.clone();
                    self.order(DeskOrder::Weigh(path));
                }
            }
            Action::EnterText => self.enter_text(),
            Action::LeaveText => self.typing = false,
            Action::SaveFile => {
                if let Some(path) = self.buffers.here().map(|b| b.path.clone()) {
                    self.save(&path, false);
                }
            }
            Action::CloseFile => self.ask_close_file(),
            Action::EditOutside => self.edit_outside(),
            Action::NextProblem => self.next_problem(true),
            Action::PreviousProblem => self.next_problem(false),
            Action::QuickFix => self.quick_fix(),
            Action::NextTab | Action::PreviousTab => {
                let by = if *action == Action::NextTab { 1 } else { -1 };
                if self.focus == Pane::Output { self.turn_output(by) } else { self.buffers.turn(by) }
            }
            Action::Follow => self.output.follow = !self.output.follow,
            Action::Build => self.save_then(super::Next::Build { clean: false }),
            Action::BuildClean => self.save_then(super::Next::Build { clean: true }),
            Action::CancelBuild => {
                let building = self.output.build.as_ref().is_some_and(|b| b.lock().build.is_running());
                if self.cancel_saying() {
                    return;
                }
                if building && self.output.tab != super::OutputTab::Results || !self.cancel_judging() {
                    self.cancel_build();
                }
            }
            Action::Submit => self.submit(false),
            Action::SubmitClean => self.submit(true),
            Action::Hint => self.hint(),
            Action::Explain => self.explain(),
            Action::Run => self.run(),
            Action::StopRun => self.stop(),
            _ => {}
        }
    }

    /// Moves in the pane that has the keys.
    pub(super) fn step(&mut self, by: isize, height: usize) {
        match self.focus {
            Pane::Files => {
                self.tree.step(by);
                self.tree.scroll_into(height);
            }
            Pane::Guide => self.guide.step(by, height),
            Pane::Editor => {
                if let Some(buffer) = self.buffers.here_mut() {
                    let (line, column) = buffer.editor.cursor();
                    let last = buffer.editor.lines().saturating_sub(1);
                    buffer.editor.go_to(line.saturating_add_signed(by).min(last), column);
                }
            }
            Pane::Output => {
                self.output.step(by, height);
            }
            Pane::Terminal => {}
        }
    }

    /// Opens the file under the cursor, or folds the folder. An empty workspace gets the starter.
    pub(super) fn open_row(&mut self) {
        let Some(row) = self.tree.here() else {
            if self.tree.known && self.tree.listing().is_empty() && self.reach == Reach::Here {
                self.order(DeskOrder::Starter);
            }
            return;
        };
        if row.is_folder() {
            self.tree.fold(None);
            return;
        }
        let path = row.path.clone();
        self.open_file(&path, None);
        self.focus_on(Pane::Editor);
    }

    /// Lets letters go into the text.
    pub(super) fn enter_text(&mut self) {
        match self.buffers.here().map(|b| &b.shown) {
            Some(Shown::Text) => {
                self.focus_on(Pane::Editor);
                self.typing = true;
            }
            Some(Shown::Reading) => {}
            Some(Shown::Other(what) | Shown::Failed(what)) => {
                let what = what.clone();
                self.tell(Tone::Warn, what);
            }
            None => self.focus_on(Pane::Files),
        }
    }

    /// Closes the file shown; asks when it is not saved.
    pub(super) fn ask_close_file(&mut self) {
        let Some(buffer) = self.buffers.here() else { return };
        let path = buffer.path.clone();
        if !buffer.is_dirty() {
            return self.close_file(&path);
        }
        self.ask(Overlay::Confirm(Confirm {
            title: format!("Close {path} without saving it?"),
            lines: vec!["What was typed since it was saved is lost.".to_owned()],
            then: Then::CloseFile(path),
            yes: false,
        }));
    }

    /// How much would be lost is known: asks.
    pub(super) fn ask_remove(&mut self, path: String, files: u64, bytes: u64) {
        let what = if files == 1 {
            format!("{} of it are lost for good.", crate::text::size(bytes))
        } else {
            let files = crate::text::count(files as usize, "file");
            format!("{files}, {}, are lost for good.", crate::text::size(bytes))
        };
        self.ask(Overlay::Confirm(Confirm {
            title: format!("Remove {path}?"),
            lines: vec![what],
            then: Then::RemoveFile(path),
            yes: false,
        }));
    }

    /// Removes a file or folder; what is open of it is closed.
    pub(in crate::ui) fn remove_file(&mut self, path: &str) {
        let below = format!("{path}/");
        let open: Vec<String> = self.buffers.open.iter().map(|b| b.path.clone()).collect();
        for open in open.iter().filter(|p| *p == path || p.starts_with(&below)) {
            self.close_file(open);
        }
        self.order(DeskOrder::Remove(path.to_owned()));
        self.focus_on(Pane::Files);
    }

    fn edit_outside(&mut self) {
        let Some(buffer) = self.buffers.here().filter(|b| b.shown == Shown::Text) else { return };
        let (path, text) = (buffer.path.clone(), buffer.editor.text());
        let line = buffer.editor.cursor().0 + 1;
        self.order(DeskOrder::Outside(Box::new(OutsideOrder { path, text, line })));
    }

    /// Copies the selection, the file's name, or the line of the output.
    pub(super) fn copy(&mut self) {
        let text = match self.focus {
            Pane::Files => self.tree.here().map(|r| r.path.clone()),
            Pane::Editor => self.buffers.here().map(|b| {
                let line = b.editor.cursor().0;
                b.editor.selected().unwrap_or_else(|| b.editor.line(line).to_owned())
            }),
            Pane::Guide => Some(self.guide.text().to_owned()),
            Pane::Output => self.output.line_here(),
            Pane::Terminal => None,
        };
        if let Some(text) = text.filter(|t| !t.is_empty()) {
            let lines = text.lines().count();
            let what = if lines == 1 { text.clone() } else { crate::text::count(lines, "line") };
            self.wishes.push(Wish::Copy(text));
            self.tell(Tone::Good, format!("copied {what}"));
        }
    }

    /// Offers what could stand at the cursor.
    pub(super) fn complete(&mut self) {
        let Some(buffer) = self.buffers.here_mut() else { return };
        if buffer.editor.language() != Language::Dockerfile {
            return;
        }
        let text = buffer.editor.text();
        if text.len() > COMPLETED || buffer.seen() == buffer.editor.revision() {
            return;
        }
        let at = buffer.editor.byte_offset();
        let found = crate::dockerfile::complete(&text, at).filter(|c| {
            // Nothing is offered before a letter is typed, nor what stands there already.
            let typed = text.get(c.replace.start..at).unwrap_or_default();
            !typed.is_empty() && !c.items.iter().any(|i| i.insert.trim_end() == typed)
        });
        let popup = found.map(|c| Popup {
            from_column: buffer.editor.place_of(c.replace.start).1,
            items: c
                .items
                .into_iter()
                .map(|i| editor::Item { insert: i.insert, label: i.label, about: i.about })
                .collect(),
            selected: 0,
        });
        buffer.editor.set_completion(popup.filter(|p| !p.items.is_empty()));
    }

    /// One comes back to it, perhaps with another session of the same workspace.
    pub(super) fn come_back(&mut self, site: Site, first: Option<String>) {
        let same = self.site == site;
        self.site = site;
        if !same || self.reach != Reach::Here {
            self.reach = Reach::Opening;
            self.order(DeskOrder::Open(Box::new(self.site.clone())));
        }
        if let Some(first) = first {
            self.open_file(&first, None);
        }
    }

    /// The session may be gone.
    pub(super) fn follow(&mut self, snap: &crate::fleet::Snapshot) {
        let Site::Session { session, carrier } = &self.site else { return };
        if snap.address != carrier.address.to_string() || !matches!(snap.listings.containers, Listing::Ready) {
            return;
        }
        let there = snap.containers.get(&session.container).and_then(|c| Session::of(c));
        match there {
            Some(there) if there.state.is_up() => {}
            _ if matches!(self.reach, Reach::Lost(_)) => {}
            _ => {
                let words = format!("session {} has ended", session.id);
                let unsaved = self.unsaved();
                if !unsaved.is_empty() {
                    let text = format!("{words}; what is not saved in {} is kept", unsaved.join(", "));
                    self.tell(Tone::Warn, text);
                }
                for path in unsaved {
                    self.keep(&path);
                }
                self.reach = Reach::Lost(words);
                self.output.lost();
            }
        }
    }
}
