//! What lies over the rest: palette, questions, a line to type, help.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};
use tui_input::Input;

use crate::text::{fit, width};
use crate::ui::action::{ACTIONS, Scope};
use crate::ui::app::App;
use crate::ui::overlay::{Choose, Confirm, Conflict, Form, Overlay, Prompt};

use super::{cut, pane, style};

/// Draws an overlay.
pub fn draw(app: &App, overlay: &Overlay, frame: &mut Frame<'_>) {
    match overlay {
        Overlay::Choose(choose) => self::choose(app, choose, frame),
        Overlay::Confirm(confirm) => self::confirm(app, confirm, frame),
        Overlay::Prompt(prompt) => self::prompt(app, prompt, frame),
        Overlay::Form(form) => self::form(app, form, frame),
        Overlay::Conflict(conflict) => self::conflict(app, conflict, frame),
        Overlay::Help(top) => help(app, *top, frame),
    }
}

/// A box in the middle of the screen; answers with its inside.
fn window(app: &App, frame: &mut Frame<'_>, title: &str, w: u16, h: u16) -> Rect {
    let screen = frame.area();
    let (w, h) = (w.min(screen.width.saturating_sub(2)), h.min(screen.height.saturating_sub(2)));
    let area = Rect { x: (screen.width - w) / 2, y: (screen.height - h) / 3, width: w, height: h };
    let theme = &app.settings.theme;
    frame.render_widget(Clear, area);
    frame.buffer_mut().set_style(area, theme.popup);
    let title = Line::styled(format!(" {} ", fit(title, usize::from(w).saturating_sub(4))), theme.title);
    let block = pane(app, title, true);
    let mut inner = block.inner(area);
    frame.render_widget(block, area);
    inner.x += 1;
    inner.width = inner.width.saturating_sub(2);
    inner
}

/// A line being typed, with the terminal's own cursor in it.
fn input(app: &App, frame: &mut Frame<'_>, area: Rect, input: &Input, lead: &str) {
    let theme = &app.settings.theme;
    let room = usize::from(area.width).saturating_sub(width(lead) + 1);
    let scroll = input.visual_scroll(room);
    let text: String = input.value().chars().skip(scroll).collect();
    let line = Line::from(vec![
        Span::styled(lead.to_owned(), theme.key),
        Span::styled(fit(&text, room).into_owned(), theme.input),
    ]);
    frame.render_widget(Paragraph::new(line), Rect { height: 1, ..area });
    let x = area.x + width(lead) as u16 + (input.visual_cursor().max(scroll) - scroll) as u16;
    frame.set_cursor_position((x.min(area.right().saturating_sub(1)), area.y));
}

fn choose(app: &App, choose: &Choose, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let rows = choose.all.len().clamp(3, 18) as u16;
    let widest = choose.all.iter().map(|c| width(&c.name)).max().unwrap_or(8).clamp(8, 28);
    let inner = window(app, frame, choose.title, 84, rows + 4);
    input(app, frame, inner, &choose.input, &format!("{} ", app.settings.symbols.cursor));
    let list = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
    if choose.shown.is_empty() {
        let text = format!("Nothing matches `{}`.", crate::text::clean(choose.input.value()));
        return frame.render_widget(Paragraph::new(text).style(theme.muted), list);
    }
    let height = usize::from(list.height);
    let first = (choose.cursor + 1).saturating_sub(height);
    for (n, index) in choose.shown.iter().skip(first).take(height).enumerate() {
        let choice = &choose.all[*index];
        let row = Rect { y: list.y + n as u16, height: 1, ..list };
        let dim = choice.dimmed.is_some();
        let about = choice.dimmed.as_deref().unwrap_or(&choice.about);
        let note = width(&choice.note);
        let room = usize::from(row.width).saturating_sub(widest + 3 + note);
        let about = fit(about, room);
        let spans = vec![
            Span::styled(
                format!("{:widest$}  ", fit(&choice.name, widest)),
                if dim { theme.muted } else { theme.text },
            ),
            Span::styled(format!("{about}{}", " ".repeat(room.saturating_sub(width(&about)) + 1)), theme.muted),
            Span::styled(choice.note.clone(), theme.key),
        ];
        frame.render_widget(Paragraph::new(Line::from(spans)), row);
        if first + n == choose.cursor {
            frame.buffer_mut().set_style(row, theme.selection);
        }
    }
}

fn confirm(app: &App, confirm: &Confirm, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let widest = confirm.lines.iter().map(|l| width(l)).chain([width(&confirm.title) + 4, 30]).max().unwrap_or(30);
    let w = (widest as u16 + 4).min(76);
    let room = usize::from(w.saturating_sub(4)).max(1);
    let height: usize = confirm.lines.iter().map(|l| width(l).div_ceil(room).max(1)).sum();
    let inner = window(app, frame, &confirm.title, w, height as u16 + 4);
    let mut lines: Vec<Line<'_>> =
        confirm.lines.iter().map(|l| Line::styled(crate::text::clean(l).into_owned(), theme.text)).collect();
    if let Some(last) = lines.last_mut() {
        last.style = theme.warning;
    }
    let text = Rect { height: inner.height.saturating_sub(2), ..inner };
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), text);
    let button = |words: &'static str, on: bool, look| {
        Span::styled(words, if on { theme.selection.patch(look) } else { theme.muted })
    };
    let line = Line::from(vec![
        button("  no (n)  ", !confirm.yes, theme.text),
        Span::raw("   "),
        button("  yes (y)  ", confirm.yes, theme.error),
    ]);
    let row = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner };
    frame.render_widget(Paragraph::new(line).alignment(Alignment::Center), row);
}

fn prompt(app: &App, prompt: &Prompt, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let inner = window(app, frame, &prompt.title, 64, 5);
    input(app, frame, inner, &prompt.input, &format!("{} ", app.settings.symbols.cursor));
    let (text, look) = match &prompt.error {
        Some(error) => (error.as_str(), theme.error),
        None => (prompt.advice.as_str(), theme.muted),
    };
    let row = Rect { y: inner.y + 2, height: 1, ..inner };
    frame.render_widget(Paragraph::new(Line::styled(fit(text, usize::from(row.width)).into_owned(), look)), row);
}

fn form(app: &App, form: &Form, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let inner = window(app, frame, &form.title, 68, form.fields.len() as u16 + 5);
    let widest = form.fields.iter().map(|f| width(f.label)).max().unwrap_or(0);
    for (n, field) in form.fields.iter().enumerate() {
        let row = Rect { y: inner.y + n as u16, height: 1, ..inner };
        let lead = format!("{:widest$}  ", field.label);
        if n == form.at {
            continue;
        }
        let text = fit(field.input.value(), usize::from(row.width).saturating_sub(width(&lead))).into_owned();
        let line = Line::from(vec![Span::styled(lead, theme.muted), Span::styled(text, theme.input)]);
        frame.render_widget(Paragraph::new(line), row);
    }
    if let Some(field) = form.fields.get(form.at) {
        let row = Rect { y: inner.y + form.at as u16, height: 1, ..inner };
        input(app, frame, row, &field.input, &format!("{:widest$}  ", field.label));
    }
    let advice = form.fields.get(form.at).map_or("", |f| f.advice);
    let first = match &form.error {
        Some(error) => (error.clone(), theme.error),
        None => (advice.to_owned(), theme.muted),
    };
    let keys = format!("enter {}, tab goes to the next line", form.verb);
    for (n, (text, look)) in [first, (keys, theme.muted)].into_iter().enumerate() {
        let row = Rect { y: inner.y + form.fields.len() as u16 + 1 + n as u16, height: 1, ..inner };
        frame.render_widget(Paragraph::new(Line::styled(fit(&text, usize::from(row.width)).into_owned(), look)), row);
    }
}

/// Both texts of a file, and what can be done.
fn conflict(app: &App, conflict: &Conflict, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let title = format!("{} was changed by someone else", conflict.path);
    let inner = window(app, frame, &title, 100, (conflict.lines.len() as u16).saturating_add(6).min(40));
    let head = Line::from(vec![
        Span::styled("- theirs, as it is on the disk", theme.error),
        Span::styled("   + yours", theme.success),
    ]);
    frame.render_widget(Paragraph::new(head), Rect { height: 1, ..inner });
    let body = Rect { y: inner.y + 1, height: inner.height.saturating_sub(3), ..inner };
    let top = conflict.top.min(conflict.lines.len().saturating_sub(usize::from(body.height)));
    for (n, line) in conflict.lines.iter().skip(top).take(usize::from(body.height)).enumerate() {
        let spans = line.pieces.iter().map(|(tone, text)| Span::styled(text.as_str(), style(theme, *tone))).collect();
        let row = Rect { y: body.y + n as u16, height: 1, ..body };
        frame.render_widget(Paragraph::new(Line::from(cut(spans, usize::from(row.width)))), row);
    }
    let mut keys = Vec::new();
    for (key, words) in [("m", "save mine over theirs"), ("t", "take theirs"), ("esc", "go on editing, save nothing")] {
        keys.push(Span::styled(key, theme.key));
        keys.push(Span::styled(format!(" {words}   "), theme.hint));
    }
    let row = Rect { y: inner.bottom().saturating_sub(1), height: 1, ..inner };
    frame.render_widget(Paragraph::new(Line::from(cut(keys, usize::from(row.width)))), row);
}

/// The keys of where one is, then those of everywhere.
fn help(app: &App, top: usize, frame: &mut Frame<'_>) {
    let theme = &app.settings.theme;
    let scopes = app.scopes();
    let mut lines: Vec<Line<'_>> = Vec::new();
    for scope in &scopes {
        let rows: Vec<_> = ACTIONS.iter().filter(|e| e.scope == *scope).collect();
        if rows.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(if *scope == Scope::List { "This list" } else { scope.title() }, theme.title));
        for entry in rows {
            let ascii = app.settings.symbols.ascii;
            let keys: Vec<String> =
                app.settings.keymap.chords(entry.scope, &entry.action).iter().map(|c| c.label(ascii)).collect();
            if keys.is_empty() {
                continue;
            }
            let keys = keys.join(" ");
            let space = " ".repeat(18_usize.saturating_sub(width(&keys)));
            lines.push(Line::from(vec![
                Span::styled(format!("  {keys}{space} "), theme.key),
                Span::styled(entry.about, theme.text),
            ]));
        }
    }
    for (index, command) in app.settings.config.commands.iter().enumerate() {
        if index == 0 {
            lines.push(Line::default());
            lines.push(Line::styled("Your own commands", theme.title));
        }
        let key = command.key.map_or_else(|| ":".to_owned(), |k| k.to_string());
        lines.push(Line::from(vec![
            Span::styled(format!("  {key:18} "), theme.key),
            Span::styled(command.name.clone(), theme.text),
        ]));
    }
    lines.push(Line::default());
    lines.push(Line::styled(
        "The mouse selects, opens, scrolls and drags the split; Shift leaves it to the terminal.",
        theme.muted,
    ));
    let inner = window(app, frame, "Help", 84, lines.len() as u16 + 2);
    let most = lines.len().saturating_sub(usize::from(inner.height));
    let top = top.min(most);
    frame.render_widget(Paragraph::new(lines).scroll((top as u16, 0)), inner);
    if most > 0 {
        let words =
            format!(" {} {} ", if top < most { "↓ more" } else { "end" }, if top < most { "below" } else { "" });
        let area = Rect { x: inner.x, y: inner.bottom(), width: inner.width, height: 1 };
        frame.render_widget(Paragraph::new(Line::styled(words, theme.muted)).alignment(Alignment::Right), area);
    }
}
