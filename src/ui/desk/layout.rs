//! Where the panes of a workspace stand: one at a time, two, or all, as the screen has room.

use ratatui::layout::Rect;

use super::{Desk, Pane, Shares};

/// From this width on two panes stand side by side.
const TWO: u16 = 100;
/// From this size on all of them do.
const ALL: (u16, u16) = (170, 36);

/// How many panes the screen has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// One; the pane bar tells which.
    One,
    /// The editor and another.
    Two,
    /// All.
    All,
}

/// How much room `body` is.
pub fn room(body: Rect) -> Room {
    if body.width >= ALL.0 && body.height >= ALL.1 {
        Room::All
    } else if body.width >= TWO {
        Room::Two
    } else {
        Room::One
    }
}

/// The panes on screen, from left to right and from top to bottom.
pub fn areas(desk: &Desk, shares: &Shares, body: Rect) -> Vec<(Pane, Rect)> {
    let room = room(body);
    if desk.zoomed || room == Room::One {
        return vec![(desk.focus, body)];
    }
    let part = |length: u16, percent: u16| (u32::from(length) * u32::from(percent) / 100) as u16;
    if room == Room::Two {
        let other = if desk.focus == Pane::Editor { desk.beside } else { desk.focus };
        let wide = part(body.width, if other.is_left() { shares.left_of_two } else { shares.right_of_two });
        return if other.is_left() {
            let rest = Rect { x: body.x + wide, width: body.width - wide, ..body };
            vec![(other, Rect { width: wide, ..body }), (Pane::Editor, rest)]
        } else {
            let editor = body.width - wide;
            vec![
                (Pane::Editor, Rect { width: editor, ..body }),
                (other, Rect { x: body.x + editor, width: wide, ..body }),
            ]
        };
    }
    let (left, right) = (part(body.width, shares.left), part(body.width, shares.right));
    let middle = body.width.saturating_sub(left + right);
    let mut panes = Vec::new();
    let mut column = |x: u16, width: u16, upper: Option<Pane>, lower: Pane| {
        let top = upper.map_or(0, |_| part(body.height, shares.upper));
        if let Some(upper) = upper {
            panes.push((upper, Rect { x, width, height: top, ..body }));
        }
        panes.push((lower, Rect { x, width, y: body.y + top, height: body.height - top }));
    };
    column(body.x, left, Some(Pane::Guide), Pane::Files);
    column(body.x + left, middle, None, Pane::Editor);
    column(body.x + left + middle, right, desk.has_terminal().then_some(Pane::Terminal), Pane::Output);
    panes
}

/// How many cells a line of a pane has, or would have if it were on screen.
pub fn inner_width(desk: &Desk, shares: &Shares, body: Rect, which: Pane) -> usize {
    let part = |percent: u16| u32::from(body.width) * u32::from(percent) / 100;
    let shown = areas(desk, shares, body).into_iter().find(|(pane, _)| *pane == which);
    let width = match (shown, room(body)) {
        (Some((_, area)), _) => area.width,
        (None, Room::One) => body.width,
        (None, _) => part(if which.is_left() { shares.left_of_two } else { shares.right_of_two }) as u16,
    };
    usize::from(width.saturating_sub(4)).max(20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::desk::tests::desk;

    fn shown(width: u16, height: u16, focus: Pane) -> Vec<Pane> {
        let mut desk = desk();
        desk.focus = focus;
        let body = Rect::new(0, 2, width, height - 3);
        let areas = areas(&desk, &Shares::default(), body);
        for (_, area) in &areas {
            assert_eq!(body.intersection(*area), *area, "{areas:?}");
        }
        let cells: u32 = areas.iter().map(|(_, a)| a.area()).sum();
        assert_eq!(cells, body.area(), "no cell is lost or given twice: {areas:?}");
        areas.into_iter().map(|(pane, _)| pane).collect()
    }

    #[test]
    fn as_many_panes_as_there_is_room_for() {
        assert_eq!(shown(80, 24, Pane::Output), [Pane::Output]);
        assert_eq!(shown(120, 36, Pane::Files), [Pane::Files, Pane::Editor]);
        assert_eq!(shown(120, 36, Pane::Terminal), [Pane::Editor, Pane::Terminal]);
        let all = [Pane::Guide, Pane::Files, Pane::Editor, Pane::Terminal, Pane::Output];
        assert_eq!(shown(200, 50, Pane::Editor), all);
    }
}
