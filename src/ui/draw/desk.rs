//! A workspace: the bar of its panes, and each pane.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::builds::Site;
use crate::dockerfile::Severity;
use crate::text::{fit, width};
use crate::ui::action::{Action, Scope};
use crate::ui::app::App;
use crate::ui::desk::{Buffer, Desk, OutputTab, Pane, Reach, Shown};
use crate::ui::editor::{self, Look};
use crate::ui::sessions::{countdown, urgency};
use crate::ui::view::{Empty, Tone};
use crate::workspace::{Inside, Kind};

use super::{cut, nothing, pane, style};

/// The widest name of a file in the frame.
const NAME: usize = 28;

/// Draws all that is on screen of it.
pub fn draw(app: &App, desk: &Desk, frame: &mut Frame<'_>) {
    for (which, area) in app.desk_areas() {
        match which {
            Pane::Guide => guide(app, desk, frame, area),
            Pane::Files => files(app, desk, frame, area),
            Pane::Editor => text(app, desk, frame, area),
            Pane::Terminal => terminal(app, desk, frame, area),
            Pane::Output => output(app, desk, frame, area),
        }
    }
}

/// What stands in the bar for each pane: first cell, pane, text.
fn bar_items(app: &App, desk: &Desk) -> (String, Vec<(u16, Pane, String)>) {
    let wide = app.size.width >= 100;
    let title = crate::text::clean(&desk.site.title()).into_owned();
    let name = match &desk.site {
        Site::Session { session, .. } if wide => format!("{title} · {}", crate::text::clean(&session.workspace)),
        _ => title,
    };
    let lead = format!(" {}  ", fit(&name, if wide { 40 } else { 18 }));
    let mut x = width(&lead) as u16;
    let mut items = Vec::new();
    for (n, pane) in Pane::ALL.into_iter().enumerate() {
        if pane == Pane::Terminal && !desk.has_terminal() {
            continue;
        }
        let text = format!("{} {}", n + 1, pane.title());
        let cells = width(&text) as u16 + if wide { 3 } else { 2 };
        items.push((x, pane, text));
        x += cells;
    }
    (lead, items)
}

/// The pane whose name stands at a column of the bar.
pub fn bar_at(app: &App, column: u16) -> Option<Pane> {
    let (_, items) = bar_items(app, app.desk()?);
    items.into_iter().find(|(x, _, text)| (*x..*x + width(text) as u16).contains(&column)).map(|(_, pane, _)| pane)
}

/// The second line of the screen: where one is, which panes there are, how long it lasts.
pub fn bar(app: &App, desk: &Desk, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    let shown: Vec<Pane> = app.desk_areas().into_iter().map(|(pane, _)| pane).collect();
    let (lead, items) = bar_items(app, desk);
    frame.render_widget(Paragraph::new(Line::styled(lead, theme.accent.patch(Modifier::BOLD))), area);
    for (x, pane, text) in items {
        let look = match (pane == desk.focus, shown.contains(&pane)) {
            (true, _) => theme.tab_active,
            (false, true) => theme.text,
            (false, false) => theme.tab_inactive,
        };
        let (digit, name) = text.split_at(1);
        let line = Line::from(vec![
            Span::styled(digit.to_owned(), if pane == desk.focus { look } else { theme.key }),
            Span::styled(name.to_owned(), look),
        ]);
        if x + width(&text) as u16 <= area.width {
            frame.render_widget(Paragraph::new(line), Rect { x: area.x + x, width: width(&text) as u16, ..area });
        }
    }
    let mut right = Vec::new();
    if let Reach::Lost(_) = desk.reach {
        right.push(Span::styled("ended ", theme.error));
    } else if let Some(seconds) = desk.site.container().and_then(|c| app.left_of(c)) {
        right.push(Span::styled(format!("{} left ", countdown(seconds)), style(theme, urgency(seconds))));
    }
    let used: usize = right.iter().map(|s| width(&s.content)).sum();
    let place = Rect { x: area.right().saturating_sub(used as u16), width: used as u16, ..area };
    frame.render_widget(Paragraph::new(Line::from(right)), place.intersection(area));
}

fn focused(app: &App, desk: &Desk, which: Pane) -> bool {
    desk.focus == which && app.overlay.is_none()
}

fn inside(area: Rect) -> Rect {
    Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(2), height: area.height.saturating_sub(2) }
}

/// The same with one cell of air at the sides, for prose and lists.
fn airy(area: Rect) -> Rect {
    let area = inside(area);
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

fn key(app: &App, scope: Scope, action: &Action) -> String {
    let chord = app.settings.keymap.chords(scope, action).first();
    chord.map_or(String::new(), |c| c.label(app.settings.symbols.ascii))
}

fn guide(app: &App, desk: &Desk, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    let title = Line::styled(" Guide ", theme.title);
    let body = airy(area);
    let lines = &desk.guide.lines;
    let most = lines.len().saturating_sub(usize::from(body.height));
    let top = desk.guide.top.min(most);
    let mut block = pane(app, title, focused(app, desk, Pane::Guide));
    if most > 0 {
        let words = format!(" {}–{} of {} ", top + 1, (top + usize::from(body.height)).min(lines.len()), lines.len());
        block = block.title_bottom(Line::styled(words, theme.muted).alignment(Alignment::Right));
    }
    frame.render_widget(block, area);
    for (n, line) in lines.iter().skip(top).take(usize::from(body.height)).enumerate() {
        let spans = line.pieces.iter().map(|(tone, text)| Span::styled(text.as_str(), style(theme, *tone))).collect();
        let row = Rect { y: body.y + n as u16, height: 1, ..body };
        frame.render_widget(Paragraph::new(Line::from(cut(spans, usize::from(row.width)))), row);
    }
}

fn files(app: &App, desk: &Desk, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    let on = focused(app, desk, Pane::Files);
    let mut block = pane(app, Line::styled(" Files ", theme.title), on);
    let count = desk.tree.listing().iter().filter(|e| !e.is_folder()).count();
    if count > 0 {
        let words = Line::styled(format!(" {count} "), theme.muted);
        block = block.title(words.alignment(Alignment::Right));
    }
    if let Some(note) = &desk.tree.note {
        let text = fit(note, usize::from(area.width.saturating_sub(4))).into_owned();
        block = block.title_bottom(Line::styled(format!(" {text} "), theme.warning));
    }
    frame.render_widget(block, area);
    let body = inside(area);
    match &desk.reach {
        Reach::Opening => return nothing(app, frame, body, &Empty::new("Reading the files…", "")),
        Reach::Lost(why) if desk.tree.rows.is_empty() => {
            return nothing(app, frame, body, &Empty::new("It cannot be reached", why));
        }
        _ => {}
    }
    if desk.tree.rows.is_empty() {
        let keys = |action: &Action| key(app, Scope::Files, action);
        let advice = format!(
            "{} puts a small service here to begin with. {} makes a file, {} brings some of this machine.",
            keys(&Action::Open),
            keys(&Action::NewFile),
            keys(&Action::Upload)
        );
        return nothing(app, frame, body, &Empty::new("Nothing is here yet", advice));
    }
    let symbols = &app.settings.symbols;
    for (n, row) in desk.tree.rows.iter().skip(desk.tree.offset).take(usize::from(body.height)).enumerate() {
        let line = Rect { y: body.y + n as u16, height: 1, ..body };
        let buffer = desk.buffers.open.iter().find(|b| b.path == row.path);
        let (sign, note, look) = match &row.kind {
            Kind::Folder(Inside::Listed | Inside::Cut) => {
                (if row.open { symbols.expanded } else { symbols.collapsed }, String::new(), theme.text)
            }
            Kind::Folder(Inside::Left) => (" ", "not looked into".to_owned(), theme.muted),
            Kind::Folder(Inside::Unreadable(_)) => (" ", "cannot be read".to_owned(), theme.warning),
            Kind::Link { .. } => (" ", "link".to_owned(), theme.text),
            Kind::Other => (" ", "no file".to_owned(), theme.muted),
            Kind::File => (" ", crate::text::size(row.size), theme.text),
        };
        let worst = buffer.and_then(|b| b.problems.iter().map(|p| p.severity).min_by_key(|s| order(*s)));
        let look = match worst {
            Some(Severity::Error) => theme.error,
            Some(Severity::Warning) => theme.warning,
            _ => look,
        };
        let name = crate::text::clean(row.name());
        let slash = if row.is_folder() { "/" } else { "" };
        let dirty = if buffer.is_some_and(Buffer::is_dirty) { " ●" } else { "" };
        let room = usize::from(line.width).saturating_sub(width(&note) + 2);
        let left = vec![
            Span::raw(format!(" {}{sign} ", "  ".repeat(row.depth))),
            Span::styled(format!("{name}{slash}"), look),
            Span::styled(dirty, theme.accent),
        ];
        frame.render_widget(Paragraph::new(Line::from(cut(left, room))), line);
        let right = Line::styled(format!("{note} "), theme.muted).alignment(Alignment::Right);
        frame.render_widget(Paragraph::new(right), line);
        if desk.tree.offset + n == desk.tree.cursor {
            frame.buffer_mut().set_style(line, if on { theme.selection } else { theme.selection_unfocused });
        }
    }
}

fn order(severity: Severity) -> u8 {
    crate::ui::desk::severity_order(severity)
}

/// The names of the open files as they stand in the frame: first cell, text.
fn file_tabs(desk: &Desk, area: Rect) -> Vec<(u16, String)> {
    let mut x = area.x + 1;
    let all = &desk.buffers.open;
    let mut tabs = Vec::new();
    for buffer in all {
        // Where two have one name, the folder tells them apart.
        let twice = all.iter().filter(|b| b.name() == buffer.name()).count() > 1;
        let name = crate::text::clean(if twice { &buffer.path } else { buffer.name() }).into_owned();
        let dirty = if buffer.is_dirty() { " ●" } else { "" };
        let text = format!(" {}{dirty} ", fit(&name, NAME));
        let cells = width(&text) as u16;
        tabs.push((x, text));
        x += cells;
    }
    // The one that is shown has to be seen.
    let end = tabs.get(desk.buffers.current).map_or(0, |(x, text)| x + width(text) as u16);
    let over = end.saturating_sub(area.right().saturating_sub(1));
    if over > 0 {
        let first = tabs.iter().position(|(x, _)| *x >= area.x + 1 + over).unwrap_or(0).min(desk.buffers.current);
        let shift = tabs[first].0 - (area.x + 1);
        for (x, _) in &mut tabs {
            *x = x.checked_sub(shift).filter(|x| *x > area.x).unwrap_or(u16::MAX);
        }
    }
    tabs
}

/// The open file whose name stands at a column of the frame.
pub fn file_tab_at(app: &App, area: Rect, column: u16) -> Option<usize> {
    let tabs = file_tabs(app.desk()?, area);
    tabs.iter().position(|(x, text)| (*x..x.saturating_add(width(text) as u16)).contains(&column))
}

fn text(app: &App, desk: &Desk, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    let on = focused(app, desk, Pane::Editor);
    let room = usize::from(area.width.saturating_sub(2));
    let Some(buffer) = desk.buffers.here() else {
        frame.render_widget(pane(app, Line::styled(" Editor ", theme.title), on), area);
        let advice = match desk.reach {
            Reach::Lost(_) => String::new(),
            _ => format!("{} shows the files; enter opens one.", key(app, Scope::Desk, &Action::Pane(Pane::Files))),
        };
        return nothing(app, frame, inside(area), &Empty::new("No file is open", advice));
    };
    let mut tabs: Vec<Span<'_>> = Vec::new();
    for (n, (x, text)) in file_tabs(desk, area).into_iter().enumerate() {
        if x != u16::MAX {
            let here = n == desk.buffers.current;
            tabs.push(Span::styled(text, if here { theme.tab_active } else { theme.tab_inactive }));
        }
    }
    let mut block = pane(app, Line::from(cut(tabs, room)), on);
    let (line, column) = buffer.editor.cursor();
    let mut right = vec![Span::styled(format!(" {}:{} ", line + 1, column + 1), theme.muted)];
    if on && buffer.shown == Shown::Text {
        let (scope, action, words) = if desk.typing {
            (Scope::Editing, Action::LeaveText, "leaves")
        } else {
            (Scope::Editor, Action::EnterText, "writes")
        };
        right.push(Span::styled(key(app, scope, &action), theme.key));
        right.push(Span::styled(format!(" {words} "), theme.hint));
    }
    let used: usize = right.iter().map(|s| width(&s.content)).sum();
    if let Some(problem) = buffer.problem_here() {
        let tone = match problem.severity {
            Severity::Error => Tone::Bad,
            Severity::Warning => Tone::Warn,
            Severity::Info => Tone::Muted,
        };
        let words = if problem.mend.is_empty() { problem.headline() } else { problem.mend.clone() };
        let mut spans = Vec::new();
        if problem.fix.is_some() {
            spans.push(Span::styled(format!(" {}", key(app, Scope::Editing, &Action::QuickFix)), theme.key));
        }
        spans.push(Span::styled(format!(" {words} "), style(theme, tone)));
        block = block.title_bottom(Line::from(cut(spans, room.saturating_sub(used + 1))));
    } else if buffer.saving {
        block = block.title_bottom(Line::styled(" saving… ", theme.starting));
    }
    block = block.title_bottom(Line::from(right).alignment(Alignment::Right));
    frame.render_widget(block, area);
    let body = inside(area);
    match &buffer.shown {
        Shown::Reading => nothing(app, frame, body, &Empty::new("Reading…", "")),
        Shown::Other(what) => nothing(app, frame, body, &Empty::new("This is not shown as text", what)),
        Shown::Failed(why) => nothing(app, frame, body, &Empty::new("It cannot be read", why)),
        Shown::Text => {
            let look = Look {
                theme,
                symbols: &app.settings.symbols,
                focused: on && desk.typing,
                line_numbers: app.settings.config.editor.line_numbers,
                keys: app.settings.config.editor.keys,
            };
            editor::draw(frame, body, &buffer.editor, &look);
        }
    }
}

fn terminal(app: &App, desk: &Desk, frame: &mut Frame<'_>, area: Rect) {
    if let Some(shown) = app.terminals.shown() {
        return super::terminal::draw(app, shown, frame, area, inside(area));
    }
    let theme = &app.settings.theme;
    frame.render_widget(pane(app, Line::styled(" Terminal ", theme.title), focused(app, desk, Pane::Terminal)), area);
    let advice = format!(
        "{} opens a shell in the session, which has a docker of its own.",
        key(app, Scope::Desk, &Action::Terminal)
    );
    nothing(app, frame, inside(area), &Empty::new("No terminal is open here", advice));
}

/// A few signs beside a name, and how they are meant.
type Note = (String, Tone);

/// The tabs of the output: first cell from the pane's left edge, tab, what it has to tell.
fn output_tabs(desk: &Desk) -> Vec<(u16, OutputTab, Option<Note>)> {
    let mut x = 2;
    let mut tabs = Vec::new();
    for tab in desk.output_tabs().iter().copied() {
        let note = desk.output_note(tab);
        let cells = width(tab.title()) + note.as_ref().map_or(0, |(text, _)| width(text) + 1);
        tabs.push((x, tab, note));
        x += cells as u16 + 2;
    }
    tabs
}

/// The tab at a cell of the output's first line, counted from its left edge.
pub fn output_tab_at(app: &App, x: u16) -> Option<OutputTab> {
    output_tabs(app.desk()?).into_iter().rfind(|(start, ..)| *start <= x).map(|(_, tab, _)| tab)
}

fn output(app: &App, desk: &Desk, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    let on = focused(app, desk, Pane::Output);
    let mut title = vec![Span::raw(" ")];
    for (_, tab, note) in output_tabs(desk) {
        let here = tab == desk.output.tab;
        title.push(Span::styled(tab.title(), if here { theme.tab_active } else { theme.tab_inactive }));
        if let Some((text, tone)) = note {
            title.push(Span::styled(format!(" {text}"), style(theme, tone)));
        }
        title.push(Span::raw("  "));
    }
    let mut block = pane(app, Line::from(cut(title, usize::from(area.width.saturating_sub(2)))), on);
    let body = airy(area);
    let height = usize::from(body.height);
    let (pane, offset) = (desk.output.pane(), desk.output.offset(height));
    if pane.lines.len() > height {
        let words = format!(" {}–{} of {} ", offset + 1, (offset + height).min(pane.lines.len()), pane.lines.len());
        block = block.title_bottom(Line::styled(words, theme.muted).alignment(Alignment::Right));
    }
    if desk.output.follow && desk.output.is_moving() {
        block = block.title_bottom(Line::styled(" following ", theme.muted));
    }
    frame.render_widget(block, area);
    for (n, line) in pane.lines.iter().skip(offset).take(height).enumerate() {
        let row = Rect { y: body.y + n as u16, height: 1, ..body };
        let spans = line.pieces.iter().map(|(tone, text)| Span::styled(text.as_str(), style(theme, *tone))).collect();
        frame.render_widget(Paragraph::new(Line::from(cut(spans, usize::from(row.width)))), row);
        if on && offset + n == pane.cursor {
            frame.buffer_mut().set_style(row, theme.selection);
        }
    }
}
