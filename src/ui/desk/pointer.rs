//! The mouse at a workspace.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use crate::ui::app::App;
use crate::ui::editor::Answer;
use crate::ui::view::Tone;

use super::text::Shown;
use super::{Desk, Pane, Wish};

/// Lines that one turn of the wheel goes.
const WHEEL: isize = 3;

impl App {
    /// The mouse at the open workspace; answers whether it was for it.
    pub(in crate::ui) fn desk_mouse(&mut self, event: MouseEvent) -> bool {
        if self.desk().is_none() {
            return false;
        }
        let place = Position::new(event.column, event.row);
        let areas = self.desk_areas();
        // A selection that is being made goes on outside of its pane.
        let held = matches!(event.kind, MouseEventKind::Drag(_) | MouseEventKind::Up(_));
        let dragged = areas.iter().find(|(pane, _)| *pane == Pane::Editor).filter(|_| held && self.desk_drags());
        let found = dragged.or_else(|| areas.iter().find(|(_, area)| area.contains(place)));
        let Some((pane, area)) = found.copied() else {
            if place.y == 1 && event.kind == MouseEventKind::Down(MouseButton::Left) {
                if let Some(pane) = crate::ui::draw::desk::bar_at(self, place.x) {
                    if pane == Pane::Terminal {
                        self.act(&crate::ui::action::Action::Terminal);
                    } else {
                        self.at_desk(|desk| desk.focus_on(pane));
                    }
                }
                return true;
            }
            // The hints of the last line are the panel's.
            return place.y + 1 < self.size.height;
        };
        let inside = Rect::new(area.x + 1, area.y + 1, area.width.saturating_sub(2), area.height.saturating_sub(2));
        let height = usize::from(inside.height);
        let row = usize::from(place.y.saturating_sub(inside.y));
        match event.kind {
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown if pane != Pane::Editor => {
                let by = if event.kind == MouseEventKind::ScrollUp { -WHEEL } else { WHEEL };
                self.at_desk(|desk| {
                    let focus = std::mem::replace(&mut desk.focus, pane);
                    desk.step(by, height);
                    desk.focus = focus;
                });
            }
            MouseEventKind::Down(MouseButton::Left) if pane == Pane::Files => self.at_desk(|desk| {
                let again = desk.focus == Pane::Files && desk.tree.cursor == desk.tree.offset + row;
                desk.focus_on(Pane::Files);
                if desk.tree.offset + row < desk.tree.rows.len() {
                    desk.tree.cursor = desk.tree.offset + row;
                    if again {
                        desk.open_row();
                    }
                }
            }),
            MouseEventKind::Down(MouseButton::Left) if pane == Pane::Output && place.y == area.y => {
                let tab = crate::ui::draw::desk::output_tab_at(self, place.x - area.x);
                self.at_desk(|desk| {
                    desk.focus_on(Pane::Output);
                    if let Some(tab) = tab {
                        desk.output.tab = tab;
                        desk.output.follow = tab.follows();
                    }
                });
            }
            MouseEventKind::Down(MouseButton::Left) if pane == Pane::Output => self.at_desk(|desk| {
                let line = desk.output.offset(height) + row;
                let again = desk.focus == Pane::Output && desk.output.pane().cursor == line;
                desk.focus_on(Pane::Output);
                desk.output.select(line);
                if again {
                    desk.open_line();
                }
            }),
            MouseEventKind::Down(MouseButton::Left) if pane == Pane::Editor && place.y == area.y => {
                let tab = crate::ui::draw::desk::file_tab_at(self, area, place.x);
                self.at_desk(|desk| {
                    desk.focus_on(Pane::Editor);
                    desk.buffers.current = tab.unwrap_or(desk.buffers.current);
                });
            }
            _ if pane == Pane::Editor => self.at_desk(|desk| desk.editor_mouse(event, inside)),
            MouseEventKind::Down(MouseButton::Left) => self.at_desk(|desk| desk.focus_on(pane)),
            _ => {}
        }
        true
    }

    fn desk_drags(&self) -> bool {
        self.desk().is_some_and(|d| d.focus == Pane::Editor)
    }
}

impl Desk {
    fn editor_mouse(&mut self, event: MouseEvent, inside: Rect) {
        let now = self.now;
        if matches!(event.kind, MouseEventKind::Down(_)) {
            self.focus_on(Pane::Editor);
            self.typing = true;
        }
        let Some(buffer) = self.buffers.here_mut().filter(|b| b.shown == Shown::Text) else {
            self.typing = false;
            return;
        };
        if let Answer::Copy(text) = buffer.editor.mouse(event, inside, now) {
            let lines = crate::text::count(text.lines().count(), "line");
            self.wishes.push(Wish::Copy(text));
            self.tell(Tone::Good, format!("copied {lines}"));
        }
        self.follow_text();
    }
}
