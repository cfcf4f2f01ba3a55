//! The open files: their editors, whether they are saved, what is wrong with them.

use crate::ui::editor::{Editor, Language};
use crate::workspace::{Draft, Form, Opened, Saved, Stamp};

use super::judge::{Problem, severity_order};
use super::{Desk, DeskNews, DeskOrder, LintOrder, SaveOrder};
use crate::ui::view::Tone;

/// How long typing has to rest before the text is judged.
const REST: u64 = 90;
/// Problems of one file that are marked and listed.
const SHOWN: usize = 500;
/// Text that is not saved is kept aside so long after a change.
const KEEP: u64 = 200;

/// How far a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// It is being read.
    Reading,
    /// Its text is there.
    Text,
    /// It is no text, or too much of it: what it is.
    Other(String),
    /// It could not be read, and why.
    Failed(String),
}

/// An open file.
#[derive(Debug)]
pub struct Buffer {
    /// Its path in the workspace.
    pub path: String,
    /// How far it is.
    pub shown: Shown,
    /// Its text.
    pub editor: Editor,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub unshown: usize,
    /// What is on the disk, as far as is known; `None` for a file that is not there yet.
    pub stamp: Option<Stamp>,
    /// Whether it is being saved.
    pub saving: bool,
    /// What someone else wrote there meanwhile.
    pub theirs: Option<(String, Option<Stamp>)>,
    /// How its text is written to the disk.
    form: Form,
    /// Whether it was removed underneath.
    gone: bool,
    /// The revision that was seen last.
    seen: u64,
    /// Whether keeping it aside is due.
    keep_due: bool,
    /// Whether a draft of it lies in the person's own directory.
    kept: bool,
    /// Whether the text is judged at once instead of after a rest.
    fresh: bool,
    /// The place to go to once the text is there.
    go_to: Option<usize>,
    /// The revision that was handed in last.
    pub(super) handed_in: Option<u64>,
}

impl Buffer {
    fn new(path: String) -> Self {
        let language = Language::of(&path, "");
        Self {
            path,
            shown: Shown::Reading,
            editor: Editor::new("", language),
            problems: Vec::new(),
            unshown: 0,
            stamp: None,
            saving: false,
            theirs: None,
            form: Form::default(),
            gone: false,
            // None was looked at yet.
            seen: u64::MAX,
            keep_due: false,
            kept: false,
            fresh: true,
            go_to: None,
            handed_in: None,
        }
    }

    /// The revision of the text that was looked at last.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether it has text that is not saved.
    pub fn is_dirty(&self) -> bool {
        self.shown == Shown::Text && (self.editor.dirty() || self.gone)
    }

    /// Its last part.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The problem on the line of the cursor, the worst first.
    pub fn problem_here(&self) -> Option<&Problem> {
        let line = self.editor.cursor().0;
        self.problems.iter().filter(|p| p.line == line).min_by_key(|p| severity_order(p.severity))
    }
}

/// The open files.
#[derive(Debug, Default)]
pub struct Buffers {
    /// All of them, in the order of their tabs.
    pub open: Vec<Buffer>,
    /// The one that is shown.
    pub current: usize,
}

impl Buffers {
    /// The one that is shown.
    pub fn here(&self) -> Option<&Buffer> {
        self.open.get(self.current)
    }

    /// The one that is shown, to be changed.
    pub fn here_mut(&mut self) -> Option<&mut Buffer> {
        self.open.get_mut(self.current)
    }

    /// The one of a path.
    pub fn of(&mut self, path: &str) -> Option<&mut Buffer> {
        self.open.iter_mut().find(|b| b.path == path)
    }

    /// Shows the next one, or the one before.
    pub fn turn(&mut self, by: isize) {
        let n = self.open.len() as isize;
        if n > 0 {
            self.current = (self.current as isize + by).rem_euclid(n) as usize;
        }
    }
}

impl Desk {
    /// Opens a file, or goes to it; at a line, when one is given (from 0).
    pub fn open_file(&mut self, path: &str, line: Option<usize>) {
        self.focus = super::Pane::Editor;
        if let Some(at) = self.buffers.open.iter().position(|b| b.path == path) {
            self.buffers.current = at;
            let buffer = &mut self.buffers.open[at];
            match (line, &buffer.shown) {
                (Some(line), Shown::Text) => buffer.editor.go_to(line, 0),
                (Some(line), _) => buffer.go_to = Some(line),
                (None, _) => {}
            }
            if matches!(buffer.shown, Shown::Failed(_)) {
                buffer.shown = Shown::Reading;
                self.order(DeskOrder::Read(path.to_owned()));
            }
            return;
        }
        let mut buffer = Buffer::new(path.to_owned());
        buffer.go_to = line;
        self.buffers.open.push(buffer);
        self.buffers.current = self.buffers.open.len() - 1;
        self.order(DeskOrder::Read(path.to_owned()));
    }

    /// Begins a file that is not there: nothing is on the disk before it is saved.
    pub(super) fn begin_file(&mut self, path: &str) {
        if self.tree.has(path) || self.buffers.of(path).is_some() || crate::workspace::check_path(path).is_err() {
            self.open_file(path, None);
        } else {
            let buffer = Buffer { shown: Shown::Text, gone: true, ..Buffer::new(path.to_owned()) };
            self.buffers.open.push(buffer);
            self.buffers.current = self.buffers.open.len() - 1;
            self.tell(Tone::Muted, format!("{path} is new; ctrl-s saves it"));
        }
        self.focus_on(super::Pane::Editor);
        self.typing = true;
        self.follow_text();
    }

    /// A file was read.
    pub(super) fn text_read(&mut self, path: &str, result: Result<Opened, crate::engine::EngineError>) {
        let draft = self.drafts.iter().position(|(p, _)| p == path).map(|at| self.drafts.remove(at).1);
        let age = draft.as_ref().map(|d| crate::text::age(self.now, d.at));
        let Some(buffer) = self.buffers.of(path) else { return };
        let mut says = None;
        match result {
            Ok(Opened::Text(file)) => {
                let (text, stamp) = (file.text, file.stamp);
                (buffer.form, buffer.gone) = (file.form, false);
                if buffer.shown == Shown::Text {
                    // It was read again because it changed underneath.
                    if buffer.stamp.as_ref().is_some_and(|s| s.hash == stamp.hash) || buffer.editor.text() == text {
                        if buffer.editor.text() == text {
                            buffer.editor.saved();
                        }
                        buffer.stamp = Some(stamp);
                    } else if buffer.editor.dirty() {
                        buffer.theirs = Some((text, Some(stamp)));
                        says = Some((Tone::Warn, format!("{path} was changed by someone else; ctrl-s shows both")));
                    } else {
                        buffer.editor.replace_all_text(&text);
                        buffer.editor.saved();
                        buffer.stamp = Some(stamp);
                        says = Some((Tone::Muted, format!("{path} was changed outside, and read again")));
                    }
                } else {
                    let language = Language::of(path, text.lines().next().unwrap_or_default());
                    buffer.editor = Editor::new(&text, language);
                    (buffer.stamp, buffer.seen, buffer.fresh) = (Some(stamp), u64::MAX, true);
                    buffer.shown = Shown::Text;
                    recover(buffer, draft, &age.unwrap_or_default(), &mut says);
                }
            }
            Ok(Opened::Binary { size, what }) => {
                buffer.shown = Shown::Other(format!("{what}, {}: not opened as text", crate::text::size(size)));
            }
            Ok(Opened::TooLarge { size, limit }) => {
                let (size, limit) = (crate::text::size(size), crate::text::size(limit));
                buffer.shown = Shown::Other(format!("{size} of text: more than the {limit} that are opened here"));
            }
            Err(e) if e.kind == crate::engine::ErrorKind::NotFound && buffer.shown == Shown::Text => {
                // Removed underneath: the text is all there is of it.
                (buffer.stamp, buffer.gone) = (None, true);
                says = Some((Tone::Warn, format!("{path} was removed outside; ctrl-s writes it again")));
            }
            Err(e) if draft.is_some() => {
                // The file may be gone, but not what was typed.
                buffer.editor = Editor::new("", Language::of(path, ""));
                buffer.shown = Shown::Text;
                recover(buffer, draft, &age.unwrap_or_default(), &mut says);
                if e.kind != crate::engine::ErrorKind::NotFound {
                    says = Some((Tone::Bad, e.to_string()));
                }
            }
            Err(e) => buffer.shown = Shown::Failed(e.to_string()),
        }
        if let Some(line) = buffer.go_to.take().filter(|_| buffer.shown == Shown::Text) {
            buffer.editor.go_to(line, 0);
        }
        if let Some((tone, text)) = says {
            self.tell(tone, text);
        }
        self.follow_text();
    }

    /// After anything that may have changed a text: judges it, keeps it aside.
    pub(super) fn follow_text(&mut self) {
        let mut later = Vec::new();
        for buffer in &mut self.buffers.open {
            if buffer.shown != Shown::Text || buffer.seen == buffer.editor.revision() {
                continue;
            }
            buffer.seen = buffer.editor.revision();
            let rest = if std::mem::take(&mut buffer.fresh) { 0 } else { REST };
            later.push((rest, DeskNews::Rests(buffer.path.clone(), buffer.seen)));
            if !std::mem::replace(&mut buffer.keep_due, true) {
                later.push((KEEP, DeskNews::Keep(buffer.path.clone())));
            }
        }
        for (millis, news) in later {
            self.later(millis, news);
        }
    }

    /// The typing rests: the text is judged.
    pub(super) fn judge(&mut self, path: &str, revision: u64) {
        let files: Vec<String> = self.tree.listing().iter().map(|e| e.path.clone()).collect();
        let ignore = self.buffers.open.iter().find(|b| b.path == ".dockerignore" && b.shown == Shown::Text);
        let ignore = ignore.map(|b| b.editor.text());
        let ignore_changed = self.tree.listing().iter().find(|e| e.path == ".dockerignore").map(|e| e.modified);
        let rules = self.rules.clone();
        let Some(buffer) = self.buffers.of(path).filter(|b| b.editor.revision() == revision) else { return };
        let text = buffer.editor.text();
        let path = path.to_owned();
        let order = LintOrder { path, text, revision, files, ignore, ignore_changed, rules };
        self.order(DeskOrder::Lint(Box::new(order)));
    }

    /// What is wrong with a text is known.
    pub(super) fn judged(&mut self, path: &str, revision: u64, mut problems: Vec<Problem>) {
        problems.extend(self.failures_in(path, revision));
        let Some(buffer) = self.buffers.of(path) else { return };
        // Marks of an older text have moved with the edits since; these would stand in the wrong places.
        if buffer.editor.revision() != revision {
            return;
        }
        buffer.unshown = problems.len().saturating_sub(SHOWN);
        buffer.problems = problems;
        // The worst are kept, where there are more than anyone reads.
        if buffer.unshown > 0 {
            buffer.problems.sort_by_key(|p| severity_order(p.severity));
            buffer.problems.truncate(SHOWN);
            buffer.problems.sort_by_key(|p| (p.line, p.from));
        }
        buffer.editor.set_marks(buffer.problems.iter().map(Problem::mark).collect());
    }

    /// Keeps aside what is not saved; of what is saved nothing is kept.
    pub(super) fn keep(&mut self, path: &str) {
        let now = self.now;
        let Some(buffer) = self.buffers.of(path) else { return };
        buffer.keep_due = false;
        if buffer.is_dirty() {
            buffer.kept = true;
            let (line, column) = buffer.editor.cursor();
            let draft = Draft {
                text: buffer.editor.text(),
                form: buffer.form,
                base: buffer.stamp.clone(),
                cursor: (line, column),
                at: now,
            };
            self.order(DeskOrder::Keep(path.to_owned(), Box::new(draft)));
        } else if std::mem::take(&mut buffer.kept) {
            self.order(DeskOrder::Drop(path.to_owned()));
        }
    }

    /// Saves a file; over what is there now, if `force`.
    pub fn save(&mut self, path: &str, force: bool) {
        if matches!(self.reach, super::Reach::Lost(_)) && self.site.container().is_some() {
            self.keep(path);
            let text = format!(
                "{path} cannot be saved: the session has ended. The text is kept, and comes back with the workspace"
            );
            return self.tell(Tone::Warn, text);
        }
        let Some(buffer) = self.buffers.of(path).filter(|b| b.shown == Shown::Text) else { return };
        if buffer.saving {
            return;
        }
        if let Some((theirs, _)) = buffer.theirs.as_ref().filter(|_| !force) {
            let overlay = super::conflict::ask(path, &buffer.editor.text(), theirs);
            return self.ask(overlay);
        }
        if !buffer.is_dirty() && !force {
            return self.tell(Tone::Muted, format!("{path} is saved already"));
        }
        buffer.saving = true;
        let order = SaveOrder {
            path: path.to_owned(),
            text: buffer.editor.text(),
            form: buffer.form,
            expected: buffer.stamp.clone(),
            force,
            revision: buffer.editor.revision(),
        };
        self.order(DeskOrder::Save(Box::new(order)));
    }

    /// A file was saved, or not.
    pub(super) fn text_saved(&mut self, path: &str, revision: u64, result: Result<Saved, crate::engine::EngineError>) {
        let Some(buffer) = self.buffers.of(path) else { return };
        buffer.saving = false;
        match result {
            Ok(Saved::Done(stamp)) => {
                (buffer.stamp, buffer.theirs, buffer.gone) = (Some(stamp), None, false);
                // What was typed while it was being saved is not saved yet.
                if buffer.editor.revision() == revision {
                    buffer.editor.saved();
                }
                self.tell(Tone::Good, format!("{path} is saved"));
                self.keep(path);
                self.order(DeskOrder::List);
                self.go_on_after_save(true);
            }
            Ok(Saved::Changed { theirs, stamp }) => {
                let text = match theirs {
                    Some(Opened::Text(file)) => file.text,
                    Some(Opened::Binary { what, .. }) => format!("({what})\n"),
                    Some(Opened::TooLarge { size, .. }) => format!("({} of text)\n", crate::text::size(size)),
                    None => {
                        // Nobody's text would be lost by writing it again.
                        (buffer.stamp, buffer.gone) = (None, true);
                        let text = format!("{path} was removed by someone else; ctrl-s writes it again");
                        self.tell(Tone::Warn, text);
                        return self.go_on_after_save(false);
                    }
                };
                let overlay = super::conflict::ask(path, &buffer.editor.text(), &text);
                buffer.theirs = Some((text, stamp));
                self.ask(overlay);
                self.go_on_after_save(false);
            }
            Err(e) => {
                self.tell(Tone::Bad, format!("{path} is not saved: {e}. The text is kept here"));
                self.go_on_after_save(false);
            }
        }
    }

    /// Takes what someone else wrote; one's own text is one undo away.
    pub fn take_theirs(&mut self, path: &str) {
        let Some(buffer) = self.buffers.of(path) else { return };
        if let Some((text, stamp)) = buffer.theirs.take() {
            buffer.editor.replace_all_text(&text);
            buffer.editor.saved();
            buffer.stamp = stamp;
            self.tell(Tone::Muted, "theirs is taken; undo brings yours back");
            self.follow_text();
        }
    }

    /// Closes a file; what is not saved of it is lost.
    pub fn close_file(&mut self, path: &str) {
        let Some(at) = self.buffers.open.iter().position(|b| b.path == path) else { return };
        let buffer = self.buffers.open.remove(at);
        if buffer.kept {
            self.order(DeskOrder::Drop(buffer.path));
        }
        if at < self.buffers.current || self.buffers.current >= self.buffers.open.len() {
            self.buffers.current = self.buffers.current.saturating_sub(1);
        }
        if self.buffers.open.is_empty() {
            self.typing = false;
            self.focus_on(super::Pane::Files);
        }
    }

    /// Applies the quick fix of the problem on the line of the cursor, or of the next that has one.
    pub fn quick_fix(&mut self) {
        let Some(buffer) = self.buffers.here_mut() else { return };
        let line = buffer.editor.cursor().0;
        let fixable = || buffer.problems.iter().filter(|p| p.fix.is_some());
        let found = fixable().find(|p| p.line == line).or_else(|| {
            let here = buffer.problems.iter().any(|p| p.line == line);
            fixable().find(|p| p.line > line).or_else(|| fixable().next()).filter(|_| !here)
        });
        let Some(fix) = found.and_then(|p| p.fix.clone()) else {
            let words = match buffer.problem_here() {
                Some(problem) => format!("no sure fix: {}", problem.mend),
                None => "nothing here has a sure fix".to_owned(),
            };
            return self.tell(Tone::Muted, words);
        };
        buffer.editor.apply(&fix.edits);
        // The marks stand for the old text; the new ones come at once.
        buffer.fresh = true;
        if fix.sure {
            self.tell(Tone::Good, fix.title);
        } else {
            self.tell(Tone::Warn, format!("{}; a guess, which ctrl-z takes back", fix.title));
        }
        self.follow_text();
    }

    /// Goes to the next problem, or the one before.
    pub fn next_problem(&mut self, forward: bool) {
        let Some(buffer) = self.buffers.here_mut() else { return };
        let here = buffer.editor.cursor();
        let mut places: Vec<(usize, usize)> = buffer.problems.iter().map(|p| (p.line, p.from)).collect();
        places.sort_unstable();
        let next = if forward {
            places.iter().find(|p| **p > here).or(places.first())
        } else {
            places.iter().rev().find(|p| **p < here).or(places.last())
        };
        match next.copied() {
            Some((line, column)) => {
                buffer.editor.go_to(line, column);
                self.focus = super::Pane::Editor;
            }
            None => self.tell(Tone::Good, "nothing is wrong in this file"),
        }
    }
}

/// Puts text that was never saved into a file that was just read.
fn recover(buffer: &mut Buffer, draft: Option<Draft>, age: &str, says: &mut Option<(Tone, String)>) {
    let Some(draft) = draft else { return };
    buffer.kept = true;
    if draft.text == buffer.editor.text() {
        return;
    }
    buffer.editor.replace_all_text(&draft.text);
    buffer.editor.go_to(draft.cursor.0, draft.cursor.1);
    // What is on the disk now may be another than it was typed over: saving finds that out.
    if draft.base.is_some() && draft.base != buffer.stamp {
        buffer.stamp = draft.base;
    }
    *says = Some((
        Tone::Warn,
        format!("{}: what was typed {age} ago and never saved is back; ctrl-z shows what is on the disk", buffer.path),
    ));
}
