//! Keys, mouse and pasted text where they do not simply name an action: in overlays and typed lines.

use std::path::PathBuf;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use tui_input::{Input, InputRequest};

use crate::tasks::{Job, Named};

use super::action::Action;
use super::app::{App, Focus, Typing};
use super::detail::Tab;
use super::layout::{self, Spot};
use super::message::{Effect, Msg};
use super::overlay::{Ask, Choose, Conflict, Form, FormAsk, Overlay, Pick, Then};
use super::view::{Target, Tone};

/// The change a key makes to a typed line.
fn edit(input: &mut Input, key: KeyEvent) -> bool {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let request = match key.code {
        KeyCode::Char('a') if ctrl => InputRequest::GoToStart,
        KeyCode::Char('e') if ctrl => InputRequest::GoToEnd,
        KeyCode::Char('u') if ctrl => InputRequest::DeleteLine,
        KeyCode::Char('k') if ctrl => InputRequest::DeleteTillEnd,
        KeyCode::Char('w') if ctrl => InputRequest::DeletePrevWord,
        KeyCode::Char('h') if ctrl => InputRequest::DeletePrevChar,
        KeyCode::Char('b') if alt => InputRequest::GoToPrevWord,
        KeyCode::Char('f') if alt => InputRequest::GoToNextWord,
        KeyCode::Char(c) if !ctrl && !alt => InputRequest::InsertChar(c),
        KeyCode::Backspace if alt || ctrl => InputRequest::DeletePrevWord,
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Left if ctrl => InputRequest::GoToPrevWord,
        KeyCode::Right if ctrl => InputRequest::GoToNextWord,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        _ => return false,
    };
    input.handle(request).is_some_and(|change| change.value)
}

fn is_ctrl_c(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL)
}

impl App {
    /// A key while something is typed into the filter or the search.
    pub(super) fn typing_key(&mut self, key: KeyEvent) {
        let Some(mut typing) = self.typing.take() else { return };
        match key.code {
            KeyCode::Esc => self.typed(&typing, typing.before.clone()),
            _ if is_ctrl_c(key) => self.typed(&typing, typing.before.clone()),
            KeyCode::Enter => {
                if typing.focus == Focus::List && typing.input.value().is_empty() {
                    self.refresh();
                }
            }
            // One may walk the list while its filter is being typed.
            KeyCode::Up | KeyCode::Down if typing.focus == Focus::List => {
                self.typing = Some(typing);
                self.act(if key.code == KeyCode::Up { &Action::Up } else { &Action::Down });
            }
            KeyCode::Backspace if typing.input.value().is_empty() => {}
            _ => {
                if edit(&mut typing.input, key) {
                    let text = typing.input.value().to_owned();
                    self.typed(&typing, text);
                }
                self.typing = Some(typing);
            }
        }
    }

    /// What is typed takes effect at once.
    fn typed(&mut self, typing: &Typing, text: String) {
        match typing.focus {
            Focus::List => {
                self.list_mut().filter = text;
                self.refresh();
            }
            Focus::Detail if self.in_terminal() => self.search_terminal(&text),
            Focus::Detail if self.detail.tab == Some(Tab::Logs) => self.search_logs(&text),
            Focus::Detail => {
                let height = usize::from(self.areas().inside.height);
                self.detail.text.query = text;
                // What is folded away cannot be found.
                if self.detail.tab == Some(Tab::Inspect) && !self.detail.text.folded.is_empty() {
                    self.detail.text.folded.clear();
                    self.make_text();
                }
                self.detail.text.find(true, true, height);
            }
        }
    }

    /// A key while something lies over the rest.
    pub(super) fn overlay_key(&mut self, key: KeyEvent) {
        let Some(overlay) = self.overlay.take() else { return };
        match overlay {
            Overlay::Help(top) => match key.code {
                KeyCode::Down | KeyCode::Char('j') => self.overlay = Some(Overlay::Help(top + 1)),
                KeyCode::Up | KeyCode::Char('k') => self.overlay = Some(Overlay::Help(top.saturating_sub(1))),
                KeyCode::PageDown | KeyCode::Char(' ') => self.overlay = Some(Overlay::Help(top + 10)),
                KeyCode::PageUp => self.overlay = Some(Overlay::Help(top.saturating_sub(10))),
                _ => {}
            },
            Overlay::Confirm(mut confirm) => match key.code {
                KeyCode::Char('y' | 'Y') => self.confirmed(confirm.then),
                KeyCode::Char('n' | 'N') | KeyCode::Esc => {}
                _ if is_ctrl_c(key) => {}
                KeyCode::Enter => {
                    if confirm.yes {
                        self.confirmed(confirm.then);
                    }
                }
                KeyCode::Left | KeyCode::Right | KeyCode::Tab | KeyCode::BackTab | KeyCode::Char('h' | 'l') => {
                    confirm.yes = !confirm.yes;
                    self.overlay = Some(Overlay::Confirm(confirm));
                }
                _ => self.overlay = Some(Overlay::Confirm(confirm)),
            },
            Overlay::Choose(choose) => self.choose_key(choose, key),
            Overlay::Form(form) => self.form_key(form, key),
            Overlay::Conflict(conflict) => self.conflict_key(conflict, key),
            Overlay::Prompt(mut prompt) => match key.code {
                KeyCode::Esc => {}
                _ if is_ctrl_c(key) => {}
                KeyCode::Enter => {
                    let text = prompt.input.value().trim().to_owned();
                    if let Err(why) = self.answered(&prompt.ask, &text) {
                        prompt.error = Some(why);
                        self.overlay = Some(Overlay::Prompt(prompt));
                    }
                }
                _ => {
                    edit(&mut prompt.input, key);
                    prompt.error = None;
                    self.overlay = Some(Overlay::Prompt(prompt));
                }
            },
        }
    }

    fn form_key(&mut self, mut form: Form, key: KeyEvent) {
        let n = form.fields.len().max(1);
        match key.code {
            KeyCode::Esc => return,
            _ if is_ctrl_c(key) => return,
            KeyCode::Enter => {
                let taken = match form.ask.clone() {
                    FormAsk::Terminal(container) => {
                        self.terminal_asked(&container, &form);
                        Ok(())
                    }
                    FormAsk::Run => self.run_asked(&form),
                    FormAsk::Replace => self.replace_asked(&form),
                };
                match taken {
                    Ok(()) => return,
                    Err((field, why)) => (form.at, form.error) = (field, Some(why)),
                }
            }
            KeyCode::Tab if key.modifiers.contains(KeyModifiers::SHIFT) => form.at = (form.at + n - 1) % n,
            KeyCode::Tab | KeyCode::Down => form.at = (form.at + 1) % n,
            KeyCode::BackTab | KeyCode::Up => form.at = (form.at + n - 1) % n,
            _ => {
                form.error = None;
                if let Some(field) = form.fields.get_mut(form.at) {
                    edit(&mut field.input, key);
                }
            }
        }
        self.overlay = Some(Overlay::Form(form));
    }

    fn conflict_key(&mut self, mut conflict: Conflict, key: KeyEvent) {
        let last = conflict.lines.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => return self.tell(Tone::Muted, "not saved; ctrl-s asks again"),
            _ if is_ctrl_c(key) => return,
            KeyCode::Char('m' | 'M') => return self.at_desk(|desk| desk.save(&conflict.path, true)),
            KeyCode::Char('t' | 'T') => return self.at_desk(|desk| desk.take_theirs(&conflict.path)),
            KeyCode::Down | KeyCode::Char('j') => conflict.top = (conflict.top + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => conflict.top = conflict.top.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => conflict.top = (conflict.top + 10).min(last),
            KeyCode::PageUp => conflict.top = conflict.top.saturating_sub(10),
            _ => {}
        }
        self.overlay = Some(Overlay::Conflict(conflict));
    }

    fn choose_key(&mut self, mut choose: Choose, key: KeyEvent) {
        let last = choose.shown.len().saturating_sub(1);
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return self.choice_left(&choose),
            _ if is_ctrl_c(key) => return self.choice_left(&choose),
            KeyCode::Enter => {
                return match choose.selected() {
                    Some(choice) if choice.dimmed.is_none() => {
                        let pick = choice.pick.clone();
                        self.picked(pick);
                    }
                    Some(choice) => {
                        let why = choice.dimmed.clone().unwrap_or_default();
                        self.tell(Tone::Warn, format!("Not possible now: {why}"));
                    }
                    None => self.overlay = Some(Overlay::Choose(choose)),
                };
            }
            KeyCode::Up => choose.cursor = choose.cursor.checked_sub(1).unwrap_or(last),
            KeyCode::Char('p' | 'k') if ctrl => choose.cursor = choose.cursor.checked_sub(1).unwrap_or(last),
            KeyCode::Down | KeyCode::Tab => choose.cursor = if choose.cursor >= last { 0 } else { choose.cursor + 1 },
            KeyCode::Char('n' | 'j') if ctrl => {
                choose.cursor = if choose.cursor >= last { 0 } else { choose.cursor + 1 }
            }
            KeyCode::PageDown => choose.cursor = (choose.cursor + 8).min(last),
            KeyCode::PageUp => choose.cursor = choose.cursor.saturating_sub(8),
            _ => {
                if edit(&mut choose.input, key) {
                    choose.narrow(&mut self.matcher);
                }
            }
        }
        if choose.live
            && let Some(Pick::Theme(name)) = choose.selected().map(|c| c.pick.clone())
        {
            self.take_theme(&name);
        }
        self.overlay = Some(Overlay::Choose(choose));
    }

    /// A choice was left without choosing: what it already applied is taken back.
    fn choice_left(&mut self, choose: &Choose) {
        if choose.live
            && let Some(Pick::Theme(name)) = choose.all.iter().find(|c| !c.note.is_empty()).map(|c| c.pick.clone())
        {
            self.take_theme(&name);
        }
    }

    fn take_theme(&mut self, name: &str) {
        if let Some(theme) = self.settings.themes.iter().find(|t| t.name == name) {
            self.settings.theme = theme.clone();
        }
    }

    fn picked(&mut self, pick: Pick) {
        match pick {
            Pick::Act(action) => self.act(&action),
            Pick::Theme(name) => {
                self.take_theme(&name);
                self.tell(Tone::Muted, format!("`theme: {name}` in the config file keeps it"));
            }
            Pick::Host(name) => {
                self.tell(Tone::Muted, format!("connecting to {name}…"));
                self.out.push(Effect::Host(name));
            }
            Pick::Signal(signal) => self.send_signal(signal),
            Pick::Terminal(id) => self.go_to_terminal(id),
        }
    }

    fn confirmed(&mut self, then: Then) {
        match then {
            Then::Run(job) => self.out.push(Effect::Run((*job).clone())),
            Then::Quit => self.leave(),
            Then::Custom(index) => self.run_custom(index),
            Then::CloseTerminal(id) => self.drop_terminal(id),
            Then::RemoveFile(path) => self.at_desk(|desk| desk.remove_file(&path)),
            Then::CloseFile(path) => self.at_desk(|desk| desk.close_file(&path)),
            Then::CloseDesk => self.close_desk(),
        }
    }

    /// Takes a typed answer, or says why not.
    fn answered(&mut self, ask: &Ask, text: &str) -> Result<(), String> {
        match ask {
            Ask::Rename => {
                let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
                if text.len() < 2 || !text.chars().all(fits) || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                    return Err("two or more letters, digits, _ . or -, beginning with a letter or digit".to_owned());
                }
                let Some(Target::Container(id)) = self.here() else { return Ok(()) };
                let name = self.name_of(&Target::Container(id.clone()));
                self.out.push(Effect::Run(Job::Rename { container: Named { id, name }, to: text.to_owned() }));
                Ok(())
            }
            Ask::SaveLogs => {
                if text.is_empty() {
                    return Err("a file name is needed".to_owned());
                }
                let on = self.detail.logs.sources().to_vec();
                self.out.push(Effect::Run(Job::SaveLogs { on, path: PathBuf::from(text) }));
                Ok(())
            }
            Ask::Since => self.logs_since(text),
            Ask::Session => self.new_session(text),
            Ask::Request => self.request(text),
            Ask::Forward => self.forward(text),
            Ask::NewFile
            | Ask::RenameFile(_)
            | Ask::Upload(_)
            | Ask::Download(_)
            | Ask::RunRequest
            | Ask::Find
            | Ask::Line => self.desk_answered(ask, text),
        }
    }

    /// Pasted text goes where typed letters would.
    pub(super) fn paste(&mut self, text: &str) {
        if self.typing.is_none() && (self.terminal_paste(text) || self.desk_paste(text)) {
            return;
        }
        let line: String =
            text.lines().next().unwrap_or_default().chars().filter(|c| !crate::text::is_unsafe(*c)).collect();
        for c in line.chars() {
            let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
            match (&self.overlay, &self.typing) {
                (Some(Overlay::Choose(_) | Overlay::Prompt(_) | Overlay::Form(_)), _) => self.overlay_key(key),
                (None, Some(_)) => self.typing_key(key),
                // Elsewhere letters are commands, and nobody means to paste commands.
                _ => return,
            }
        }
    }

    /// The mouse: clicks select and open, the wheel scrolls what it is over, the split can be dragged.
    pub(super) fn mouse(&mut self, mouse: MouseEvent) {
        let spot = layout::at(self, mouse.column, mouse.row);
        if self.overlay.is_some() {
            match mouse.kind {
                MouseEventKind::ScrollDown => self.overlay_key(KeyEvent::from(KeyCode::Down)),
                MouseEventKind::ScrollUp => self.overlay_key(KeyEvent::from(KeyCode::Up)),
                _ => {}
            }
            return;
        }
        if !self.dragging && (self.terminal_mouse(mouse) || self.desk_mouse(mouse)) {
            return;
        }
        match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(spot),
            MouseEventKind::Drag(MouseButton::Left) if self.dragging => {
                self.split = (u32::from(mouse.column) * 100 / u32::from(self.size.width.max(1))).clamp(20, 80) as u16;
                self.settle();
            }
            MouseEventKind::Up(_) => self.dragging = false,
            MouseEventKind::ScrollDown => self.wheel(spot, 3),
            MouseEventKind::ScrollUp => self.wheel(spot, -3),
            _ => {}
        }
    }

    fn wheel(&mut self, spot: Spot, by: isize) {
        match spot {
            Spot::Inside(_) | Spot::DetailTabs(_) => self.scroll_detail(by),
            Spot::Row(_) | Spot::List | Spot::Heading(_) => {
                self.list_mut().step(by);
                self.settle();
            }
            _ => {}
        }
    }

    fn click(&mut self, spot: Spot) {
        match spot {
            Spot::Tab(view) => self.show(view),
            Spot::Row(row) => {
                let index = self.list().offset + row;
                if index >= self.list().rows.len() {
                    return;
                }
                let again = self.focus == Focus::List && self.list().cursor == index;
                self.focus = Focus::List;
                self.list_mut().select(index);
                self.settle();
                if again {
                    // A click on what is selected opens it, as Enter does; on a branch it folds.
                    let branch = self.list().selected().and_then(|r| r.branch);
                    match branch {
                        Some(open) => {
                            self.list_mut().fold(open);
                            self.refresh();
                        }
                        None => self.act(&Action::Open),
                    }
                }
            }
            Spot::Heading(x) => {
                let columns = super::list::fit_columns(
                    self.view.rows().columns(),
                    &self.list().widths,
                    self.areas().rows.width.saturating_sub(2),
                );
                let mut left = 2;
                for (column, width) in columns {
                    if (left..left + width + 2).contains(&x) {
                        let list = self.list_mut();
                        list.sort = match list.sort {
                            Some((c, false)) if c == column => Some((column, true)),
                            Some((c, true)) if c == column => None,
                            _ => Some((column, false)),
                        };
                        return self.refresh();
                    }
                    left += width + 2;
                }
            }
            Spot::List => {
                self.focus = Focus::List;
                self.settle();
            }
            Spot::Split => self.dragging = true,
            Spot::DetailTabs(x) => {
                self.focus_detail();
                if let Some(tab) = super::draw::detail::tab_at(self, x)
                    && self.detail.open_tab(tab)
                {
                    self.make_text();
                    self.load_detail();
                }
            }
            Spot::Inside(row) => {
                self.focus_detail();
                let place = self.detail.text.offset + usize::from(row);
                if self.detail.text.has_cursor && place < self.detail.text.lines.len() {
                    let again = self.detail.text.cursor == place;
                    self.detail.text.cursor = place;
                    if again {
                        self.act(&Action::Open);
                    }
                }
            }
            Spot::Hint(x) => {
                if let Some(action) = super::draw::footer::hint_at(self, x) {
                    self.act(&action);
                }
            }
            Spot::Nowhere => {}
        }
    }
}

/// Messages of the terminal, as the panel takes them.
pub fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) => Some(Msg::Key(key)),
        Event::Mouse(mouse) => Some(Msg::Mouse(mouse)),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(width, height) => Some(Msg::Resize(ratatui::layout::Size { width, height })),
        Event::FocusGained => Some(Msg::Focus(true)),
        Event::FocusLost => Some(Msg::Focus(false)),
    }
}
