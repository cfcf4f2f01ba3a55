//! Whatever one types, nothing breaks and nothing is lost.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use jiff::Timestamp;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

use super::super::{Editor, FindOptions, Keys, Language, Look, Mark, Severity, draw};
use crate::config::{Symbols, Theme};

#[derive(Debug, Clone)]
enum Act {
    Key(KeyCode, u8),
    Paste(String),
    Apply(usize, usize, String),
    Find(String, bool),
    ReplaceAll(String),
    Click(u16, u16, bool),
    Marks(usize, usize),
    Draw(u16, u16),
}

fn pieces() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z :#\\\\{}()\"'-]{0,8}",
        "[a\n\t é漢👩\u{200d}👧\u{301}\u{7}]{0,6}",
        Just("RUN a && \\\n    b\n".to_owned()),
        Just("key:\n  - x: |\n".to_owned()),
        Just("\r\nx\r".to_owned()),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let code = prop_oneof![
        6 => any::<char>().prop_map(KeyCode::Char),
        30 => prop::sample::select("hjklwbeWBE0^$gGfFtT;,%{}HMLiIaAoOxXDCSsrJ~dcyppPu.vV><nN*#:/? 123s%a\"'([qw".chars().collect::<Vec<_>>())
            .prop_map(KeyCode::Char),
        10 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Backspace, KeyCode::Delete,
            KeyCode::Left, KeyCode::Right, KeyCode::Up, KeyCode::Down, KeyCode::Home, KeyCode::End,
            KeyCode::PageUp, KeyCode::PageDown, KeyCode::F(3),
        ]),
    ];
    prop_oneof![
        20 => (code, prop_oneof![6 => Just(0_u8), 2 => Just(1_u8), 2 => Just(2_u8), 1 => 0_u8..8]).prop_map(|(c, m)| Act::Key(c, m)),
        2 => pieces().prop_map(Act::Paste),
        1 => (0_usize..60, 0_usize..60, pieces()).prop_map(|(a, b, t)| Act::Apply(a, b, t)),
        1 => (pieces(), any::<bool>()).prop_map(|(q, r)| Act::Find(q, r)),
        1 => pieces().prop_map(Act::ReplaceAll),
        1 => (0_u16..30, 0_u16..8, any::<bool>()).prop_map(|(x, y, d)| Act::Click(x, y, d)),
        1 => (0_usize..9, 0_usize..9).prop_map(|(l, c)| Act::Marks(l, c)),
        2 => (1_u16..50, 1_u16..12).prop_map(|(w, h)| Act::Draw(w, h)),
    ]
}

fn carry_out(editor: &mut Editor, act: &Act, set: Keys) {
    let now = Timestamp::UNIX_EPOCH;
    match act {
        Act::Key(code, held) => {
            editor.key(KeyEvent::new(*code, KeyModifiers::from_bits_truncate(*held)), set, now);
        }
        Act::Paste(text) => drop(editor.paste(text)),
        Act::Apply(a, b, text) => editor.apply(&[(*a..*b, text.clone()), (b + 3..b + 5, String::new())]),
        Act::Find(query, regex) => {
            let _ = editor.find(query, FindOptions { regex: *regex, ..FindOptions::default() });
            editor.find_previous();
        }
        Act::ReplaceAll(with) => {
            // A text that doubles with each key is no test of keys.
            if editor.text().len() < 2000 {
                editor.replace(with);
                editor.replace_all(with);
            }
        }
        Act::Click(column, row, drag) => {
            let button = MouseButton::Left;
            let kind = if *drag { MouseEventKind::Drag(button) } else { MouseEventKind::Down(button) };
            let event = MouseEvent { kind, column: *column, row: *row, modifiers: KeyModifiers::NONE };
            editor.mouse(event, Rect::new(0, 0, 30, 8), now);
        }
        Act::Marks(line, column) => {
            let mark = |n: usize| Mark {
                line: line + n,
                from_column: *column,
                to_column: column + n,
                severity: Severity::Warning,
                text: "w\u{1b}".into(),
            };
            editor.set_marks((0..3).map(mark).collect());
            editor.set_flag_line(Some(*line), "x");
        }
        Act::Draw(width, height) => {
            let mut terminal = Terminal::new(TestBackend::new(*width, *height)).unwrap();
            let (theme, symbols) = (Theme::default(), Symbols::UNICODE);
            let look = Look { theme: &theme, symbols: &symbols, focused: true, line_numbers: true, keys: set };
            terminal.draw(|frame| draw(frame, frame.area(), editor, &look)).unwrap();
            for cell in &terminal.backend().buffer().content {
                assert!(!cell.symbol().chars().any(crate::text::is_unsafe), "{:?}", cell.symbol());
            }
        }
    }
    let (line, column) = editor.cursor();
    assert!(line < editor.lines() && column <= editor.line(line).chars().count());
    assert!(editor.text().is_char_boundary(editor.byte_offset()));
    assert_eq!(editor.byte_of(line, column), editor.byte_offset());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn undo_leads_back_to_the_first_text_and_redo_to_the_last(
        text in pieces(), acts in prop::collection::vec(act(), 0..60), vim in any::<bool>(), which in 0_usize..5,
    ) {
        let language = [Language::Dockerfile, Language::Yaml, Language::Shell, Language::Python, Language::Plain][which];
        let set = if vim { Keys::Vim } else { Keys::Standard };
        let mut editor = Editor::new(&text, language);
        let first = editor.text();
        for act in &acts {
            carry_out(&mut editor, act, set);
        }
        let last = editor.text();
        while editor.redo() != super::super::Answer::Nothing {}
        let furthest = editor.text();
        if acts.iter().all(|act| !matches!(act, Act::Key(..))) {
            prop_assert_eq!(&last, &furthest);
        }
        while editor.undo() != super::super::Answer::Nothing {}
        prop_assert_eq!(editor.text(), first);
        prop_assert!(!editor.dirty());
        while editor.redo() != super::super::Answer::Nothing {}
        prop_assert_eq!(editor.text(), furthest);
    }
}
