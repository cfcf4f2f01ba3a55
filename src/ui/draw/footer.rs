//! The last line: what the keys do here, or what there is to tell.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::fleet::Link;
use crate::text::width;
use crate::ui::action::{ACTIONS, Action, Entry, Scope};
use crate::ui::app::{App, Focus, refusal};
use crate::ui::detail::Tab;
use crate::ui::view::View;

use super::style;

/// Draws the last line.
pub fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let theme = &app.settings.theme;
    if let Some(notice) = &app.notice {
        let line = Line::from(vec![Span::raw(" "), Span::styled(notice.text.clone(), style(theme, notice.tone))]);
        return frame.render_widget(Paragraph::new(line), area);
    }
    if let Link::Down { error, .. } = &app.snap.link
        && !app.snap.containers.is_empty()
    {
        let text = format!(" {}; what you see is the last that was known", error.message);
        return frame.render_widget(Paragraph::new(Line::styled(text, theme.failed)), area);
    }
    let mut spans = vec![Span::raw(" ")];
    for (_, key, entry) in hints(app, area.width) {
        let dim = refusal(app, &entry.action, entry.scope).is_some();
        spans.push(Span::styled(key, if dim { theme.faint } else { theme.key }));
        spans.push(Span::styled(format!(" {}", word(app, entry)), if dim { theme.faint } else { theme.hint }));
        spans.push(Span::raw("  "));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
    if let Some(reason) = app.snap.access.read_only.as_ref().filter(|_| app.focus == Focus::List) {
        let note = Line::styled(format!(" read-only: {reason} "), theme.warning);
        if width(reason) + 40 < usize::from(area.width) {
            frame.render_widget(Paragraph::new(note).alignment(Alignment::Right), area);
        }
    }
}

/// What a hint says: `stop` becomes `start` where nothing runs.
fn word(app: &App, entry: &Entry) -> &'static str {
    if entry.action == Action::StopStart {
        let up = app
            .chosen()
            .iter()
            .flat_map(|t| app.containers_of(t))
            .any(|c| c.state.is_up() || c.state == crate::engine::model::State::Restarting);
        return if up { "stop" } else { "start" };
    }
    let lab = match (&entry.action, entry.scope) {
        (Action::Workspace, Scope::Lab) => app.lab_here(),
        _ => None,
    };
    if lab.is_some_and(|lab| app.lab_session(&lab).is_none()) {
        return "start";
    }
    entry.short
}

/// Whether an action means something where one is. A scope's keys are the same in all views.
fn means(app: &App, entry: &Entry) -> bool {
    match &entry.action {
        Action::Prune | Action::Inspect | Action::ToggleStopped | Action::Mark => app.view != View::Labs,
        Action::Reveal | Action::FoldAll => app.detail.tab != Some(Tab::History),
        // Without a session there is nothing to be done but to start one.
        action => app.lab_refusal(action, entry.scope).is_none(),
    }
}

/// The hints that fit: first cell, key, entry; the weightiest are kept, in the order of the table.
fn hints(app: &App, room: u16) -> Vec<(u16, String, &'static Entry)> {
    let scopes = app.scopes();
    let mut all: Vec<(&'static Entry, String)> = Vec::new();
    for entry in ACTIONS.iter().filter(|e| e.hint > 0 && scopes.contains(&e.scope) && means(app, e)) {
        let Some(chord) = app.settings.keymap.chords(entry.scope, &entry.action).first() else { continue };
        // A more special scope may have taken the key.
        if app.settings.keymap.lookup(&scopes, *chord) == Some(&entry.action)
            && !all.iter().any(|(e, _)| e.action == entry.action)
        {
            all.push((entry, chord.label(app.settings.symbols.ascii)));
        }
    }
    let cells = |(entry, key): &(&'static Entry, String)| width(key) + 1 + width(word(app, entry)) + 2;
    let mut used: usize = all.iter().map(cells).sum::<usize>() + 1;
    while used > usize::from(room) + 2 {
        let Some(least) = (0..all.len()).rev().min_by_key(|i| all[*i].0.hint) else { break };
        used -= cells(&all.remove(least));
    }
    let mut x = 1;
    all.into_iter()
        .map(|(entry, key)| {
            let here = x;
            x += cells(&(entry, key.clone())) as u16;
            (here, key, entry)
        })
        .collect()
}

/// The action of the hint at a cell.
pub fn hint_at(app: &App, x: u16) -> Option<Action> {
    if app.notice.is_some() {
        return None;
    }
    hints(app, app.size.width).into_iter().rfind(|(start, _, _)| *start <= x).map(|(_, _, e)| e.action.clone())
}
