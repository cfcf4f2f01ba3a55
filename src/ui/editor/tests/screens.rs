//! What an editor looks like.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Modifier;

use super::super::{Editor, FindOptions, Item, Keys, Language, Look, Mark, Popup, Severity, draw};
use super::{open, type_in};
use crate::config::{Symbols, Theme};

fn screen(editor: &Editor, (width, height): (u16, u16), symbols: &Symbols, keys: Keys) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let theme = Theme::default();
    let look = Look { theme: &theme, symbols, focused: true, line_numbers: true, keys };
    terminal.draw(|frame| draw(frame, frame.area(), editor, &look)).unwrap();
    let at = terminal.get_cursor_position().unwrap();
    let mut buffer = terminal.backend().buffer().clone();
    if buffer.area.contains(at) {
        buffer[at].set_style(Modifier::REVERSED);
    }
    buffer
}

/// The text of a screen, and below it which cells have what: the cursor, an underline, a background.
fn told(buffer: &Buffer) -> String {
    let mut lines = Vec::new();
    let plain = buffer[(0, buffer.area.height - 1)].bg;
    for y in 0..buffer.area.height {
        let (mut text, mut under) = (String::new(), String::new());
        let mut skip = 0;
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            under.push(match cell {
                c if c.modifier.contains(Modifier::REVERSED) => '▒',
                c if c.modifier.contains(Modifier::UNDERLINED) => '~',
                c if c.bg != plain && c.bg == Theme::default().selection.bg.unwrap_or_default() => '=',
                c if c.bg != plain && Theme::default().search.bg == Some(c.bg) => '?',
                c if c.bg != plain && Theme::default().search_current.bg == Some(c.bg) => '!',
                _ => ' ',
            });
            if skip == 0 {
                text.push_str(cell.symbol());
                skip = crate::text::width(cell.symbol()).max(1);
            }
            skip -= 1;
        }
        lines.push(text.trim_end().to_owned());
        if !under.trim().is_empty() {
            lines.push(under.trim_end().to_owned());
        }
    }
    lines.join("\n")
}

const DOCKERFILE: &str = "# syntax=docker/dockerfile:1
FROM debian:bookworm-slim AS base
ARG VERSION=1.2
RUN apt-get update && \\
    apt-get install -y curl \\
      \"lib$VERSION\"
COPY . /app
EXPOSE 8080
CMD [\"run\", \"it\"]
";

fn marked() -> Editor {
    let mut editor = open(&DOCKERFILE.replace("curl", "cur|l"), Language::Dockerfile);
    let mark = |line, from_column, to_column, severity, text: &str| Mark {
        line,
        from_column,
        to_column,
        severity,
        text: text.into(),
    };
    editor.set_marks(vec![
        mark(4, 23, 27, Severity::Warning, "DL3008 pin the version of curl"),
        mark(7, 7, 11, Severity::Info, "8080 is documented only"),
        mark(6, 0, 4, Severity::Error, "COPY of everything"),
    ]);
    editor
}

#[test]
fn marks_stand_in_the_gutter_and_on_the_line() {
    let mut editor = marked();
    insta::assert_snapshot!("marks_80", told(&screen(&editor, (80, 24), &Symbols::UNICODE, Keys::Standard)));
    insta::assert_snapshot!("marks_40", told(&screen(&editor, (40, 8), &Symbols::ASCII, Keys::Standard)));
    editor.set_flag_line(Some(3), "exit code 100");
    insta::assert_snapshot!("flag", told(&screen(&editor, (80, 12), &Symbols::UNICODE, Keys::Standard)));
}

#[test]
fn selection_and_matches_are_seen() {
    let mut editor = open("one  two  |\n\tthree two\nfour", Language::Plain);
    type_in(&mut editor, "<home><right><right><shift-down><shift-end>", Keys::Standard);
    insta::assert_snapshot!("selection", told(&screen(&editor, (40, 5), &Symbols::UNICODE, Keys::Standard)));
    editor.go_to(0, 0);
    editor.find("two", FindOptions::default()).unwrap();
    insta::assert_snapshot!("matches", told(&screen(&editor, (40, 5), &Symbols::UNICODE, Keys::Standard)));
}

#[test]
fn every_letter_has_its_cells() {
    let text = "漢字かな a\u{301}e\u{308} 👩‍👩‍👧 |x\n\ttab\tb\n\u{1b}[31m \u{202e}evil \u{200b}\nplain";
    let editor = open(text, Language::Plain);
    insta::assert_snapshot!("wide", told(&screen(&editor, (80, 6), &Symbols::UNICODE, Keys::Standard)));
    let long = open(&format!("{}漢|字{}", "ab".repeat(500), "cd".repeat(500)), Language::Plain);
    insta::assert_snapshot!("long", told(&screen(&long, (40, 3), &Symbols::UNICODE, Keys::Standard)));
}

#[test]
fn a_list_lies_below_the_cursor_or_above() {
    let item = |(label, about): &(&str, &str)| Item {
        insert: (*label).into(),
        label: (*label).into(),
        about: (*about).into(),
    };
    let words = [("COPY", "files from the context"), ("CMD", "what runs by default"), ("CACHE", "")];
    let list = Popup { from_column: 0, items: words.iter().map(item).collect(), selected: 1 };
    let mut editor = open("FROM a\nC|\nRUN x\nRUN y", Language::Dockerfile);
    editor.set_completion(Some(list.clone()));
    insta::assert_snapshot!("list_below", told(&screen(&editor, (60, 8), &Symbols::UNICODE, Keys::Standard)));
    let mut editor = open("FROM a\nRUN x\nRUN y\nC|", Language::Dockerfile);
    editor.set_completion(Some(list));
    insta::assert_snapshot!("list_above", told(&screen(&editor, (20, 4), &Symbols::UNICODE, Keys::Standard)));
}

#[test]
fn far_lines_come_into_sight_and_come_back() {
    let text = (1..=3000).map(|n| format!("RUN echo {n}\n")).collect::<Vec<_>>().concat();
    let mut editor = open(&text, Language::Dockerfile);
    screen(&editor, (40, 8), &Symbols::UNICODE, Keys::Standard);
    editor.go_to(2500, 4);
    insta::assert_snapshot!("far", told(&screen(&editor, (40, 8), &Symbols::UNICODE, Keys::Standard)));
    type_in(&mut editor, "<ctrl-home><pgdn><pgdn>", Keys::Standard);
    insta::assert_snapshot!("pages", told(&screen(&editor, (40, 8), &Symbols::UNICODE, Keys::Standard)));
    type_in(&mut editor, "<ctrl-end>", Keys::Standard);
    insta::assert_snapshot!("end", told(&screen(&editor, (40, 8), &Symbols::UNICODE, Keys::Standard)));
}

#[test]
fn vim_tells_its_mode() {
    let mut editor = open("one |two\nthree", Language::Plain);
    type_in(&mut editor, "ve", Keys::Vim);
    insta::assert_snapshot!("vim_visual", told(&screen(&editor, (40, 5), &Symbols::UNICODE, Keys::Vim)));
    type_in(&mut editor, "<esc>:%s/t", Keys::Vim);
    insta::assert_snapshot!("vim_command", told(&screen(&editor, (40, 5), &Symbols::UNICODE, Keys::Vim)));
}

#[test]
fn colours_follow_changes() {
    let theme = Theme::default();
    let mut editor = open("a: 1\nb: |\"x\"\nc: true\n", Language::Yaml);
    let look = |editor: &Editor, x: u16, y: u16| {
        let buffer = screen(editor, (40, 8), &Symbols::UNICODE, Keys::Standard);
        let gutter = 4;
        buffer[(gutter + x, y)].fg
    };
    let color = |style: ratatui::style::Style| style.fg.unwrap_or_default();
    assert_eq!(look(&editor, 0, 0), color(theme.syntax_key));
    assert_eq!(look(&editor, 3, 0), color(theme.syntax_number));
    assert_eq!(look(&editor, 4, 1), color(theme.syntax_string));
    assert_eq!(look(&editor, 0, 2), color(theme.syntax_key));
    assert_eq!(look(&editor, 3, 2), color(theme.syntax_bool));
    // An open quote goes on over the lines below; without it all is as it was.
    type_in(&mut editor, "\"", Keys::Standard);
    assert_eq!(look(&editor, 0, 0), color(theme.syntax_key));
    editor.go_to(0, 3);
    type_in(&mut editor, "'", Keys::Standard);
    assert_eq!(look(&editor, 0, 2), color(theme.syntax_string));
    type_in(&mut editor, "<bs>", Keys::Standard);
    editor.go_to(1, 3);
    type_in(&mut editor, "<del>", Keys::Standard);
    assert_eq!(look(&editor, 0, 2), color(theme.syntax_key));
    type_in(&mut editor, "<enter><enter># x", Keys::Standard);
    assert_eq!(look(&editor, 2, 3), color(theme.syntax_comment));
    assert_eq!(look(&editor, 0, 4), color(theme.syntax_key));
}
