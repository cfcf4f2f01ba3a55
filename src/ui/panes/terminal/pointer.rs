//! The mouse on a terminal: the program's where it asks for it, else it scrolls, selects and copies.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::terminal::{Grain, Reports, key, mouse};
use crate::ui::app::{App, Focus};

use super::{OpenTerminal, Press};

/// Rows that one turn of the wheel goes.
const WHEEL: i32 = 3;
/// Two clicks within so many milliseconds are one double click.
const DOUBLE: i64 = 400;

impl App {
    /// The mouse on the terminal; answers whether it was for it.
    pub(in crate::ui) fn terminal_mouse(&mut self, event: MouseEvent) -> bool {
        let Some(terminal) = self.terminals.shown().filter(|_| self.shows_pane()) else { return false };
        let (areas, place) = (self.areas(), Position::new(event.column, event.row));
        let inside = areas.inside;
        let dragging = self.terminals.press.is_some_and(|p| p.held);
        if !inside.contains(place) && !dragging {
            let tab = areas.detail.is_some_and(|d| d.contains(place) && place.y == d.y);
            if tab
                && event.kind == MouseEventKind::Down(MouseButton::Left)
                && let Some(n) = crate::ui::draw::terminal::tab_at(self, place.x)
            {
                self.show_terminal(n);
            }
            return tab;
        }
        let (x, y) = (
            place.x.clamp(inside.x, inside.right().saturating_sub(1)) - inside.x,
            place.y.clamp(inside.y, inside.bottom().saturating_sub(1)) - inside.y,
        );
        let (id, modes) = (terminal.id, terminal.screen.lock().modes());
        if self.types_in_terminal() && modes.mouse != Reports::None && !event.modifiers.contains(KeyModifiers::SHIFT) {
            let bytes = mouse(event.kind, event.modifiers, x, y, modes);
            self.send_to_terminal(id, bytes);
            return true;
        }
        match event.kind {
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown => {
                let up = event.kind == MouseEventKind::ScrollUp;
                if self.types_in_terminal() && modes.alternate_screen && modes.alternate_scroll {
                    let code = if up { KeyCode::Up } else { KeyCode::Down };
                    let bytes = key(KeyEvent::from(code), modes).repeat(WHEEL as usize);
                    self.send_to_terminal(id, bytes);
                } else if let Some(terminal) = self.terminals.shown() {
                    terminal.screen.lock().scroll(if up { WHEEL } else { -WHEEL });
                }
            }
            MouseEventKind::Down(MouseButton::Left) => self.press_in_terminal(Position::new(x, y)),
            MouseEventKind::Drag(MouseButton::Left) => self.drag_in_terminal(Position::new(x, y), place.y < inside.y),
            MouseEventKind::Up(MouseButton::Left) => self.release_in_terminal(),
            _ => {}
        }
        true
    }

    fn press_in_terminal(&mut self, at: Position) {
        let now = self.now;
        let again = self
            .terminals
            .press
            .filter(|p| p.at == at && now.as_millisecond() - p.time.as_millisecond() < DOUBLE && p.clicks < 3);
        let clicks = again.map_or(1, |p| p.clicks + 1);
        self.terminals.press = Some(Press { at, time: now, clicks, held: true });
        if !self.in_terminal() || !self.terminals.inside {
            self.focus = Focus::Detail;
            if self.terminals.shown().is_some_and(OpenTerminal::alive) {
                self.terminals.inside = true;
                self.terminal_focus(true);
            }
        }
        let Some(terminal) = self.terminals.shown() else { return };
        let mut emulator = terminal.screen.lock();
        emulator.deselect();
        match clicks {
            2 => emulator.select(at.x, at.y, Grain::Words),
            3 => emulator.select(at.x, at.y, Grain::Lines),
            _ => {}
        }
    }

    fn drag_in_terminal(&mut self, at: Position, above: bool) {
        let (Some(press), Some(terminal)) = (self.terminals.press.filter(|p| p.held), self.terminals.shown()) else {
            return;
        };
        let mut emulator = terminal.screen.lock();
        if press.clicks == 1 && emulator.selected().is_none() && at != press.at {
            emulator.select(press.at.x, press.at.y, Grain::Cells);
        }
        if above {
            emulator.scroll(1);
        }
        emulator.select_to(at.x, at.y);
    }

    fn release_in_terminal(&mut self) {
        if let Some(press) = &mut self.terminals.press {
            press.held = false;
        }
        let text = self.terminals.shown().and_then(|t| t.screen.lock().selected());
        if let Some(text) = text {
            self.copy_text(text);
        }
    }
}
