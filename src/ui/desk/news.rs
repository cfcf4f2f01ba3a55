//! What comes back to a desk.

use crate::tasks::TaskId;
use crate::ui::view::Tone;
use crate::workspace::Change;

use super::text::Shown;
use super::{Desk, DeskNews, DeskOrder, Next, Pane, Reach};

/// The file that one begins with where nothing else is asked for.
const STARTED: &str = "Dockerfile";

impl Desk {
    /// Takes in what happened.
    pub(super) fn news(&mut self, news: DeskNews) {
        match news {
            DeskNews::Listed(Ok(listing)) => {
                let first = self.reach != Reach::Here;
                self.reach = Reach::Here;
                let empty = self.tree.rows.is_empty();
                self.tree.take(listing);
                if first || empty && !self.tree.rows.is_empty() {
                    self.first_listed();
                }
                self.judge_again();
            }
            DeskNews::Listed(Err(e)) => {
                if self.reach == Reach::Here {
                    self.tree.note = Some(e.to_string());
                } else {
                    self.reach = Reach::Lost(e.to_string());
                }
            }
            // A lab's instructions are the lab's own.
            DeskNews::Read(path, _)
                if self.lab.is_some() && path == super::GUIDE && !self.buffers.open.iter().any(|b| b.path == path) => {}
            DeskNews::Read(path, result)
                if path == super::GUIDE && !self.buffers.open.iter().any(|b| b.path == path) =>
            {
                if let Ok(crate::workspace::Opened::Text(file)) = *result {
                    self.guide.take(file.text);
                }
            }
            DeskNews::Read(path, result) => {
                if path == super::GUIDE
                    && self.lab.is_none()
                    && let Ok(crate::workspace::Opened::Text(file)) = result.as_ref()
                {
                    self.guide.take(file.text.clone());
                }
                self.text_read(&path, *result);
            }
            DeskNews::Drafts(drafts, troubles) => self.take_drafts(drafts, troubles),
            DeskNews::Saved(path, revision, result) => self.text_saved(&path, revision, *result),
            DeskNews::Started(Ok(())) => {
                self.tell(Tone::Good, "put a small service there");
                // The files may have been listed before this one was among them.
                if self.buffers.open.iter().all(|b| b.path == STARTED) {
                    self.open_file(STARTED, None);
                    self.tree.go_to(STARTED);
                }
                self.order(DeskOrder::List);
            }
            DeskNews::Started(Err(e)) => self.tell(Tone::Bad, format!("not put a small service there: {e}")),
            DeskNews::Done(what, go_to, result) => match result {
                Ok(()) => {
                    self.tell(Tone::Good, what);
                    if let Some(path) = go_to {
                        self.tree.go_to(&path);
                    }
                    self.order(DeskOrder::List);
                }
                Err(e) => self.tell(Tone::Bad, format!("not {what}: {e}")),
            },
            DeskNews::Renamed(from, to) => {
                if let Some(buffer) = self.buffers.of(&from) {
                    buffer.path.clone_from(&to);
                }
                self.tree.go_to(&to);
            }
            DeskNews::Weighed(path, Ok((files, bytes))) => self.ask_remove(path, files, bytes),
            DeskNews::Weighed(path, Err(e)) => self.tell(Tone::Bad, format!("{path}: {e}")),
            DeskNews::Changed(change) => self.changed(change),
            DeskNews::Rests(path, revision) => self.judge(&path, revision),
            DeskNews::Keep(path) => self.keep(&path),
            DeskNews::NotKept(path, why) => {
                self.tell(Tone::Bad, format!("{path}: what is not saved could not be kept aside either: {why}"));
            }
            DeskNews::Linted(path, revision, problems) => {
                self.judged(&path, revision, problems);
                self.make_problems();
            }
            DeskNews::Ran => self.make_run(),
            DeskNews::Found(container) => self.found_run(*container),
            DeskNews::Answered(result) => self.answered(result),
            DeskNews::Edited(path, result) => self.edited_outside(&path, result),
            DeskNews::Second => self.second(),
            DeskNews::Hinted => self.hinted(),
            DeskNews::Explained => self.explaining(),
            DeskNews::LookedBack(result) => match *result {
                Ok(known) => self.looked_back(known),
                Err(e) => self.tell(Tone::Warn, format!("earlier attempts are not known: {e}")),
            },
        }
    }

    /// The files are known for the first time: opens what one came for, the guide, what was never saved.
    fn first_listed(&mut self) {
        if self.tree.has(super::GUIDE) {
            self.order(DeskOrder::Read(super::GUIDE.to_owned()));
        }
        self.order(DeskOrder::FindRun);
        // Files that were open before the connection was lost are read again.
        let open: Vec<String> = self.buffers.open.iter().map(|b| b.path.clone()).collect();
        for path in open {
            self.order(DeskOrder::Read(path));
        }
        let first = self.open_first.take();
        let first = first.or_else(|| self.tree.has(STARTED).then(|| STARTED.to_owned()));
        if let Some(first) = first.filter(|_| self.buffers.open.is_empty()) {
            self.open_file(&first, None);
            self.tree.go_to(&first);
        }
        self.open_drafts();
        // Where only one pane is seen, one begins with what is to be done.
        if self.narrow && self.lab.is_some() {
            self.focus_on(Pane::Guide);
        }
    }

    fn take_drafts(&mut self, drafts: Vec<(String, crate::workspace::Draft)>, troubles: Vec<String>) {
        // What is open here is newer than what was kept of it.
        self.drafts = drafts;
        self.drafts.retain(|(path, _)| !self.buffers.open.iter().any(|b| b.path == *path && b.is_dirty()));
        for trouble in troubles {
            self.tell(Tone::Warn, trouble);
        }
        if self.reach == Reach::Here {
            self.open_drafts();
        }
    }

    /// What was typed and never saved is opened, so that nobody has to remember it.
    fn open_drafts(&mut self) {
        let paths: Vec<String> = self.drafts.iter().map(|(path, _)| path.clone()).collect();
        for path in paths {
            let focus = self.focus;
            let at = self.buffers.open.iter().position(|b| b.path == path);
            match at {
                // It was read before the drafts were known.
                Some(at) if self.buffers.open[at].shown != Shown::Reading => {
                    self.buffers.open[at].shown = Shown::Reading;
                    self.order(DeskOrder::Read(path));
                }
                Some(_) => {}
                None => self.open_file(&path, None),
            }
            self.focus = focus;
        }
        if !self.buffers.open.is_empty() {
            self.focus_on(Pane::Editor);
        }
    }

    fn changed(&mut self, change: Change) {
        match change {
            Change::Tree => self.order(DeskOrder::List),
            Change::File(path) => {
                if path == ".dockerignore" {
                    self.judge_again();
                }
                if path == super::GUIDE || self.buffers.open.iter().any(|b| b.path == path && !b.saving) {
                    self.order(DeskOrder::Read(path));
                }
                // Its size is another.
                self.order(DeskOrder::List);
            }
            Change::Many => {
                self.order(DeskOrder::List);
                let open: Vec<String> = self.buffers.open.iter().map(|b| b.path.clone()).collect();
                for path in open {
                    self.order(DeskOrder::Read(path));
                }
            }
            Change::Polling(why) => self.tree.note = Some(format!("looked at every few seconds only: {why}")),
            Change::Over(why) => {
                if self.reach == Reach::Here {
                    self.tree.note = Some(why);
                }
            }
        }
    }

    /// Other files came or went: what is said of Dockerfiles may change with them.
    fn judge_again(&mut self) {
        let all: Vec<(String, u64)> = self
            .buffers
            .open
            .iter()
            .filter(|b| b.shown == Shown::Text && b.editor.language() == crate::ui::editor::Language::Dockerfile)
            .map(|b| (b.path.clone(), b.editor.revision()))
            .collect();
        for (path, revision) in all {
            self.judge(&path, revision);
        }
    }

    fn edited_outside(&mut self, path: &str, result: Result<String, String>) {
        match result {
            Ok(text) => {
                let Some(buffer) = self.buffers.of(path) else { return };
                if buffer.editor.text() == text {
                    return self.tell(Tone::Muted, format!("{path} is as it was"));
                }
                buffer.editor.replace_all_text(&text);
                self.follow_text();
                self.save(path, false);
            }
            Err(why) => self.tell(Tone::Bad, why),
        }
    }

    /// Saves what is not saved, then goes on.
    pub(super) fn save_then(&mut self, next: Next) {
        let unsaved = self.unsaved();
        if unsaved.is_empty() {
            return self.go_on(&next);
        }
        self.next = Some(next);
        for path in unsaved {
            self.save(&path, false);
        }
    }

    /// A file was saved, or not: what waited for it goes on once all are.
    pub(super) fn go_on_after_save(&mut self, well: bool) {
        if !well {
            self.next = None;
        } else if self.unsaved().is_empty()
            && let Some(next) = self.next.take()
        {
            self.go_on(&next);
        }
    }

    fn go_on(&mut self, next: &Next) {
        match next {
            Next::Build { clean } => self.build(*clean),
            Next::Submit { clean } => self.judge_saved(*clean),
        }
    }

    /// A task said something or ended.
    pub(super) fn task(&mut self, task: TaskId, ended: bool) {
        if self.output.build.as_ref().is_some_and(|b| b.task() == Some(task)) {
            if ended { self.build_ended() } else { self.make_build() }
        }
        if self.lab.as_ref().is_some_and(|w| w.judging.as_ref().is_some_and(|j| j.task() == Some(task))) {
            self.judging_goes_on();
        }
        if self.output.start.as_ref().is_some_and(|r| r.task() == Some(task)) && ended {
            self.run_started();
        }
        if ended {
            // An upload, or whatever else a task may have brought.
            self.order(DeskOrder::List);
        }
    }
}
