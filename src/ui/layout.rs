//! Where everything stands on a screen of a given size. Drawing and the mouse both ask here.

use ratatui::layout::{Position, Rect};

use super::app::{App, Focus};
use super::desk::Pane;
use super::view::View;

/// Below this the panel says that the terminal is too small.
pub const LEAST: (u16, u16) = (60, 15);
/// From this width on, list and detail pane stand side by side.
const WIDE: u16 = 100;

/// Where the parts of the screen are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Areas {
    /// The first line.
    pub header: Rect,
    /// The tabs of the views.
    pub tabs: Rect,
    /// The list with its border; `None` while the detail pane has the screen.
    pub list: Option<Rect>,
    /// The rows of the list, below its headings.
    pub rows: Rect,
    /// The detail pane with its border.
    pub detail: Option<Rect>,
    /// The inside of the detail pane.
    pub inside: Rect,
    /// On the Deck: the host and the latest events.
    pub host: Option<Rect>,
    /// On the Deck: the latest events.
    pub events: Option<Rect>,
    /// The hints.
    pub footer: Rect,
}

/// Whether the terminal is too small for anything.
pub fn too_small(app: &App) -> bool {
    app.size.width < LEAST.0 || app.size.height < LEAST.1
}

/// Computes all areas.
pub fn areas(app: &App) -> Areas {
    let (w, h) = (app.size.width, app.size.height);
    let mut areas = Areas {
        header: Rect::new(0, 0, w, 1.min(h)),
        tabs: Rect::new(0, 1, w, u16::from(h > 1)),
        footer: Rect::new(0, h.saturating_sub(1), w, u16::from(h > 2)),
        ..Areas::default()
    };
    let terminal = app.terminals.shown().is_some();
    if app.desk().is_some() {
        // Its terminal stands where a detail pane would.
        areas.detail = app.desk_areas().into_iter().find(|(pane, _)| *pane == Pane::Terminal).map(|(_, area)| area);
        if let Some(pane) = areas.detail {
            let (width, height) = (pane.width.saturating_sub(2), pane.height.saturating_sub(2));
            areas.inside = Rect::new(pane.x + 1, pane.y + 1, width, height);
        }
        return areas;
    }
    if app.zoomed && app.in_terminal() {
        let frame = 1.min(h);
        return Areas {
            detail: Some(Rect::new(0, 0, w, h)),
            inside: Rect::new(0, frame, w, h - frame),
            ..Areas::default()
        };
    }
    let body = Rect::new(0, 2, w, h.saturating_sub(3));
    if app.view == View::Deck && app.focus == Focus::List {
        deck(app, body, &mut areas);
    } else if app.zoomed || w < WIDE {
        if app.focus == Focus::Detail {
            areas.detail = Some(body);
        } else {
            areas.list = Some(body);
        }
    } else {
        let left = (u32::from(w) * u32::from(app.split) / 100) as u16;
        areas.list = Some(Rect { width: left, ..body });
        areas.detail = Some(Rect { x: left, width: w - left, ..body });
    }
    if let Some(list) = areas.list {
        areas.rows = Rect::new(list.x + 1, list.y + 2, list.width.saturating_sub(2), list.height.saturating_sub(3));
    }
    if let Some(detail) = areas.detail {
        // A terminal has use for every cell.
        let pad = u16::from(!terminal);
        areas.inside = Rect::new(
            detail.x + 1 + pad,
            detail.y + 1,
            detail.width.saturating_sub(2 + pad),
            detail.height.saturating_sub(2),
        );
    }
    areas
}

/// The Deck: rows at the left or on top, the host and its events at the right or below.
fn deck(app: &App, body: Rect, areas: &mut Areas) {
    if body.width >= WIDE {
        let left = body.width * 62 / 100;
        areas.list = Some(Rect { width: left, ..body });
        let host = 10.min(body.height / 2);
        areas.host = Some(Rect { x: left, width: body.width - left, height: host, ..body });
        areas.events = Some(Rect { x: left, y: body.y + host, width: body.width - left, height: body.height - host });
    } else {
        // The rows need what they need, the latest events get the rest, but never less than five lines.
        let rows = (app.list().rows.len() as u16).saturating_add(3);
        let list = rows.clamp(6, body.height.saturating_sub(6).max(6));
        areas.list = Some(Rect { height: list, ..body });
        areas.events = Some(Rect { y: body.y + list, height: body.height - list, ..body });
    }
}

/// What part of the screen a place belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// The tab of a view.
    Tab(View),
    /// A row of the list, counted from the first on screen.
    Row(usize),
    /// A heading of the list: the column counts from the left edge.
    Heading(u16),
    /// The list otherwise.
    List,
    /// The border between list and detail pane.
    Split,
    /// The line of tabs of the detail pane: cells from its left edge.
    DetailTabs(u16),
    /// A line inside the detail pane.
    Inside(u16),
    /// A hint of the last line: cells from the left.
    Hint(u16),
    /// Nothing that answers.
    Nowhere,
}

/// What stands at a place.
pub fn at(app: &App, column: u16, row: u16) -> Spot {
    let areas = areas(app);
    let place = Position::new(column, row);
    if areas.tabs.contains(place) {
        return tab_at(areas.tabs.width, column).map_or(Spot::Nowhere, Spot::Tab);
    }
    if areas.footer.contains(place) {
        return Spot::Hint(column);
    }
    if let (Some(list), Some(_)) = (areas.list, areas.detail)
        && (column + 1 == list.right() || column == list.right())
        && row > list.y
        && row + 1 < list.bottom()
    {
        return Spot::Split;
    }
    if let Some(detail) = areas.detail.filter(|d| d.contains(place)) {
        return if row == detail.y {
            Spot::DetailTabs(column - detail.x)
        } else {
            Spot::Inside(row.saturating_sub(areas.inside.y))
        };
    }
    if areas.rows.contains(place) {
        return Spot::Row(usize::from(row - areas.rows.y));
    }
    match areas.list {
        Some(list) if list.contains(place) && row == list.y + 1 => Spot::Heading(column.saturating_sub(areas.rows.x)),
        Some(list) if list.contains(place) => Spot::List,
        _ => Spot::Nowhere,
    }
}

/// A tab in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewTab {
    /// Its first cell.
    pub x: u16,
    /// Its cells.
    pub width: u16,
    /// What it shows.
    pub view: View,
    /// What it is called here.
    pub title: &'static str,
}

/// The tabs as they stand in a line of that width.
pub fn tabs(width: u16) -> Vec<ViewTab> {
    let line = |title: fn(View) -> &'static str, gap: u16| {
        let mut x = 1;
        let tabs = View::ALL.into_iter().map(|view| {
            let title = title(view);
            let tab = ViewTab { x, width: title.len() as u16 + 2, view, title };
            x += tab.width + gap;
            tab
        });
        tabs.collect::<Vec<_>>()
    };
    let fits = |tabs: &Vec<ViewTab>| tabs.last().is_none_or(|t| t.x + t.width <= width);
    let full = |gap| Some(line(|v| v.tab().1, gap)).filter(fits);
    full(2).or_else(|| full(1)).unwrap_or_else(|| line(View::short, 1))
}

fn tab_at(width: u16, column: u16) -> Option<View> {
    tabs(width).into_iter().find(|t| (t.x..t.x + t.width).contains(&column)).map(|t| t.view)
}
