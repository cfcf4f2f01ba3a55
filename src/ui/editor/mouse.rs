//! The mouse: a click puts the cursor, a second takes the word, a third the line; dragging selects.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use jiff::Timestamp;
use ratatui::layout::Rect;

use super::document::Place;
use super::{Answer, Editor, layout};

/// Two clicks within so many milliseconds are one double click.
const DOUBLE: i64 = 400;

/// So many lines the wheel moves.
const WHEEL: usize = 3;

/// The button as it was last pressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Press {
    at: (u16, u16),
    time: Timestamp,
    clicks: u8,
    /// What the first click took: dragging adds to it.
    first: (Place, Place),
}

impl Editor {
    /// Takes what the mouse did; `area` is where the editor is drawn.
    pub fn mouse(&mut self, event: MouseEvent, area: Rect, now: Timestamp) -> Answer {
        let at = (event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollDown => return self.scroll(WHEEL as isize),
            MouseEventKind::ScrollUp => return self.scroll(-(WHEEL as isize)),
            MouseEventKind::ScrollLeft => return self.scroll_across(-(WHEEL as isize) * 2),
            MouseEventKind::ScrollRight => return self.scroll_across(WHEEL as isize * 2),
            MouseEventKind::Down(MouseButton::Left) if area.contains(at.into()) => {}
            MouseEventKind::Drag(MouseButton::Left) if self.press.is_some() => return self.drag(at, area),
            _ => return Answer::Ignored,
        }
        self.popup = None;
        let place = self.under(at, area);
        let again = self
            .press
            .filter(|p| p.at == at && now.as_millisecond() - p.time.as_millisecond() < DOUBLE && p.clicks < 3);
        let clicks = again.map_or(1, |p| p.clicks + 1);
        let first = match clicks {
            1 => (place, place),
            2 => self.word_at(place, false),
            _ if place.line < self.document.last() => (Place::new(place.line, 0), Place::new(place.line + 1, 0)),
            _ => (Place::new(place.line, 0), self.end_of(place.line)),
        };
        self.press = Some(Press { at, time: now, clicks, first });
        if clicks == 1 {
            self.move_to(place, event.modifiers.contains(KeyModifiers::SHIFT));
        } else {
            self.move_to(first.0, false);
            self.move_to(first.1, true);
        }
        self.vim_selected();
        Answer::Moved
    }

    fn drag(&mut self, at: (u16, u16), area: Rect) -> Answer {
        let Some(press) = self.press else { return Answer::Ignored };
        if at.1 < area.y {
            self.scroll(-1);
        } else if at.1 >= area.bottom() {
            self.scroll(1);
        }
        let place = self.under(at, area);
        let (from, to) = match press.clicks {
            1 => (place, place),
            2 => self.word_at(place, false),
            _ => (Place::new(place.line, 0), self.end_of(place.line)),
        };
        let (anchor, cursor) = if from < press.first.0 { (press.first.1, from) } else { (press.first.0, to) };
        self.move_to(anchor, false);
        self.move_to(cursor, true);
        self.vim_selected();
        Answer::Moved
    }

    /// Moves the text under the screen; the cursor stays where it is.
    pub(super) fn scroll(&mut self, by: isize) -> Answer {
        let last = self.document.last();
        let screen = self.screen_mut();
        let top = screen.top.saturating_add_signed(by).min(last);
        let moved = top != screen.top;
        (screen.top, screen.follow) = (top, false);
        if moved { Answer::Moved } else { Answer::Nothing }
    }

    /// The same to the side, not past the longest line in sight.
    fn scroll_across(&mut self, by: isize) -> Answer {
        let screen = self.screen_mut();
        let (top, left, rows, columns) =
            (screen.top, screen.left, usize::from(screen.rows), usize::from(screen.columns));
        let seen = self.document.lines().iter().skip(top).take(rows);
        let longest = seen.map(|line| layout::column(line, line.len())).max().unwrap_or(0);
        let most = (longest + 1).saturating_sub(columns).max(left.min(longest));
        let screen = self.screen_mut();
        (screen.left, screen.follow) = (left.saturating_add_signed(by).min(most), false);
        if screen.left == left { Answer::Nothing } else { Answer::Moved }
    }

    /// The place under a cell; outside, the nearest.
    fn under(&mut self, at: (u16, u16), area: Rect) -> Place {
        let screen = self.screen_mut();
        let (top, left, gutter) = (screen.top, screen.left, screen.gutter);
        let row = at.1.clamp(area.y, area.bottom().saturating_sub(1).max(area.y)) - area.y;
        let line = (top + usize::from(row)).min(self.document.last());
        let column = left + usize::from(at.0.saturating_sub(area.x + gutter));
        Place::new(line, layout::byte(self.document.line(line), column))
    }
}
