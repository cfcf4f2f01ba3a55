#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use ratatui::style::{Color, Modifier};

use super::*;

fn emulator(columns: u16, rows: u16) -> Emulator {
    Emulator::new(Size::new(columns, rows), 100)
}

fn shows(columns: u16, rows: u16, bytes: &str) -> String {
    let mut e = emulator(columns, rows);
    e.feed(bytes.as_bytes());
    e.text()
}

#[test]
fn line_drawing_wide_and_combining_characters_are_drawn() {
    assert_eq!(shows(10, 3, "\x1b(0lqk\x1b(B\r\n\x0e"), "┌─┐");
    assert_eq!(shows(10, 3, "\x1b)0a\x0ex\x0fx"), "a│x");
    assert_eq!(shows(10, 3, "漢字e\u{301}!"), "漢字e\u{301}!");
    // What would be wider than its cells loses what makes it so; what would be an order is not there.
    assert_eq!(shows(10, 3, "a\u{fe0f}\u{202e}b❤\u{fe0f}c"), "a\u{fe0f}b❤c");
    assert_eq!(shows(20, 3, &format!("e{}x", "\u{301}".repeat(1000))), format!("e{}x", "\u{301}".repeat(5)));
}

#[test]
fn questions_are_answered() {
    for (question, answer) in [
        ("\x1b[5n", "\x1b[0n"),
        ("ab\r\ncd\x1b[6n", "\x1b[2;3R"),
        ("\x1b[c", "\x1b[?6c"),
        ("\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"),
        ("\x1b[18t", "\x1b[8;3;10t"),
        // The clipboard is never read, and a colour only told where it is known.
        ("\x1b]52;c;?\x07", ""),
        ("\x1b]11;?\x07", ""),
    ] {
        let mut e = emulator(10, 3);
        e.feed(question.as_bytes());
        assert_eq!(String::from_utf8(e.take_answers()).unwrap(), answer, "{question:?}");
    }
    let mut e = emulator(10, 3);
    e.set_ground([255, 255, 255], [16, 21, 28]);
    e.feed(b"\x1b]11;?\x1b\\\x1b[>c");
    let answers = String::from_utf8(e.take_answers()).unwrap();
    assert!(answers.starts_with("\x1b]11;rgb:1010/1515/1c1c\x1b\\\x1b[>0;"), "{answers:?}");
}

#[test]
fn answers_to_a_flood_of_questions_are_bounded() {
    let mut e = emulator(10, 3);
    for _ in 0..1000 {
        e.feed("\x1b[6n".repeat(100).as_bytes());
    }
    assert!(e.take_answers().len() <= 64 << 10);
}

#[test]
fn title_bell_and_clipboard_are_wishes_only() {
    let mut e = emulator(10, 3);
    e.feed(b"\x1b]0;vim \xe2\x80\xae \x07\x07\x1b]52;c;aGVsbG8=\x07");
    assert_eq!(e.title(), "vim ·");
    assert!(e.take_bell() && !e.take_bell());
    assert_eq!(e.take_copied().as_deref(), Some("hello"));
    assert_eq!(e.text(), "");
    e.feed(format!("\x1b]2;{}\x07", "t".repeat(5000)).as_bytes());
    assert_eq!(e.title().len(), 256);
}

#[test]
fn modes_and_cursor_are_known() {
    let mut e = emulator(20, 5);
    assert_eq!(e.cursor(), Some((0, 0, Shape::Default)));
    e.feed(b"\x1b[?1h\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1004h\x1b[?1049h\x1b[5 q\x1b[3;4H");
    let modes = e.modes();
    assert!(modes.application_cursor && modes.bracketed_paste && modes.focus && modes.sgr && modes.alternate_screen);
    assert_eq!(modes.mouse, Reports::Drags);
    assert_eq!(e.cursor(), Some((3, 2, Shape::Bar(true))));
    e.feed(b"\x1b[?25l");
    assert_eq!(e.cursor(), None);
    e.feed(b"\x1b[?25h\x1b[2 q");
    assert_eq!(e.cursor().unwrap().2, Shape::Block(false));
    e.feed(b"\x1bc");
    assert_eq!(e.modes(), Modes { alternate_scroll: true, ..Modes::default() });
}

#[test]
fn looks_are_kept() {
    let mut e = emulator(20, 2);
    e.feed(b"\x1b[1;2;3;4;7;9;31;48;5;200mA\x1b[0;38;2;1;2;3mB\x1b[0;8mC\x1b[0mD");
    let mut seen = Vec::new();
    e.cells(|x, y, text, style, _, _| {
        if y == 0 && x < 4 {
            seen.push((text.to_owned(), style));
        }
    });
    let (text, style) = &seen[0];
    assert_eq!((text.as_str(), style.fg, style.bg), ("A", Some(Color::Indexed(1)), Some(Color::Indexed(200))));
    let all = Modifier::BOLD
        | Modifier::DIM
        | Modifier::ITALIC
        | Modifier::UNDERLINED
        | Modifier::REVERSED
        | Modifier::CROSSED_OUT;
    assert_eq!(style.add_modifier, all);
    assert_eq!(seen[1].1.fg, Some(Color::Rgb(1, 2, 3)));
    assert_eq!(seen[2].0, " ");
    assert_eq!((seen[3].1.fg, seen[3].1.bg), (None, None));
}

#[test]
fn what_left_the_screen_is_kept_and_laid_out_anew() {
    let mut e = emulator(20, 3);
    for n in 0..500 {
        e.feed(format!("line {n}\r\n").as_bytes());
    }
    assert_eq!(e.history(), 100);
    e.scroll(2);
    assert_eq!(e.text(), "line 496\nline 497\nline 498");
    // Where one stands stays while output arrives.
    e.feed(b"line 500\r\n");
    assert_eq!(e.text(), "line 496\nline 497\nline 498");
    assert_eq!(e.cursor(), None);
    e.scroll_to_bottom();
    assert_eq!(e.text(), "line 499\nline 500");
    // Narrower and wider again loses nothing.
    e.feed(b"a long line of words");
    e.resize(Size::new(10, 6));
    assert!(e.text().contains("a long lin\ne of words"), "{}", e.text());
    e.resize(Size::new(30, 6));
    assert!(e.text().contains("a long line of words"), "{}", e.text());
}

#[test]
fn an_update_that_is_held_back_is_shown_when_it_is_over() {
    let mut e = emulator(20, 3);
    e.feed(b"before\x1b[?2026h\r\nafter");
    assert!(e.held_until().is_some());
    assert_eq!(e.text(), "before");
    e.feed(b"!\x1b[?2026l");
    assert!(e.held_until().is_none());
    assert_eq!(e.text(), "before\nafter!");
    e.feed(b"\x1b[?2026hnever ended");
    e.release();
    assert!(e.text().contains("never ended"));
}

#[test]
fn searching_goes_up_from_what_is_shown_and_wraps_round() {
    let mut e = emulator(20, 3);
    for n in 0..50 {
        e.feed(format!("Line {n}\r\n").as_bytes());
    }
    assert!(e.search("line 4"));
    assert_eq!(e.text(), "Line 48\nLine 49");
    let mut marks = Vec::new();
    e.cells(|x, y, _, _, mark, _| {
        if x == 0 {
            marks.push((y, mark));
        }
    });
    assert_eq!(marks, [(0, Mark::Match), (1, Mark::Current), (2, Mark::None)]);
    assert!(e.next_match(false) && e.next_match(false));
    assert_eq!(e.text(), "Line 47\nLine 48\nLine 49");
    assert!(e.search("Line 12"));
    assert!(e.text().contains("Line 12"));
    assert!(e.search("[") || e.searches(), "no pattern: taken literally");
    assert!(!e.search("nowhere"));
    assert!(!e.search(""));
}

#[test]
fn selections_by_mouse_and_keys_give_the_text_of_whole_lines() {
    let mut e = emulator(10, 4);
    e.feed("a wrapped line of words\r\n漢字 end".as_bytes());
    e.select(2, 0, Grain::Cells);
    e.select_to(4, 2);
    assert_eq!(e.selected().as_deref(), Some("wrapped line of words"));
    e.select(3, 0, Grain::Words);
    assert_eq!(e.selected().as_deref(), Some("wrapped"));
    e.select(0, 3, Grain::Lines);
    assert_eq!(e.selected().as_deref(), Some("漢字 end"));
    assert!(e.deselect() && !e.deselect());
    e.feed("\x1b[2J\x1b[Ha\tb\r\nc".as_bytes());
    e.select(0, 0, Grain::Cells);
    e.select_to(5, 1);
    assert_eq!(e.selected().as_deref(), Some("a\tb\nc"));
    e.feed("\x1b[2J\x1b[Ha wrapped line of words\r\n漢字 end".as_bytes());
    e.select_by_keys(Grain::Cells);
    e.move_selection(Motion::Left);
    e.move_selection(Motion::Left);
    e.move_selection(Motion::Left);
    assert_eq!(e.selected().as_deref(), Some("end"));
    e.select_by_keys(Grain::Lines);
    e.move_selection(Motion::Rows(1));
    assert_eq!(e.selected().as_deref(), Some("a wrapped line of words\n漢字 end"));
    e.move_selection(Motion::First);
    e.move_selection(Motion::Last);
    assert!(e.selects_by_keys());
}

#[derive(Debug, Clone)]
enum Step {
    Bytes(Vec<u8>),
    Size(u16, u16),
    Scroll(i32),
    Search(&'static str),
    Select((u16, u16), (u16, u16)),
    Keys(i32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sequence = prop_oneof![
        "[ -~]{1,20}".prop_map(String::into_bytes),
        "\\PC{1,8}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..40),
        ("[?>=! ]{0,1}", prop::collection::vec(any::<u16>(), 0..4), "[@-~]").prop_map(|(lead, args, end)| {
            let args: Vec<String> = args.iter().map(|a| (a % 300).to_string()).collect();
            format!("\x1b[{lead}{}{end}", args.join(";")).into_bytes()
        }),
        "[?]{0,1}(1|3|4|6|7|20|25|47|1000|1002|1003|1004|1005|1006|1047|1048|1049|2004|2026)[hl]"
            .prop_map(|s| format!("\x1b[{s}").into_bytes()),
        "[ -~]{0,2}".prop_map(|s| format!("\x1b{s}").into_bytes()),
        "(0|2|4|8|10|11|52|104|133);[ -~]{0,12}".prop_map(|s| format!("\x1b]{s}\x07").into_bytes()),
        Just("漢字🧑‍🚀e\u{301}\u{202e}❤\u{fe0f}\t".as_bytes().to_vec()),
        Just(b"\r\n\n\n\x08\x0b\x0c\x0e\x0f".to_vec()),
    ];
    let step = prop_oneof![
        12 => sequence.prop_map(Step::Bytes),
        2 => (0..60_u16, 0..30_u16).prop_map(|(c, r)| Step::Size(c, r)),
        1 => (-50..50_i32).prop_map(Step::Scroll),
        1 => prop::sample::select(vec!["a", ".*", "漢", "[a-z]+$", "(", ""]).prop_map(Step::Search),
        1 => ((0..60_u16, 0..30_u16), (0..60_u16, 0..30_u16)).prop_map(|(from, to)| Step::Select(from, to)),
        1 => (-40..40_i32).prop_map(Step::Keys),
    ];
    prop::collection::vec(step, 1..120)
}

/// Does whatever a program and a person may do, and checks that only text of the right width comes out.
fn play(steps: &[Step]) {
    let mut e = emulator(20, 6);
    for step in steps {
        match step {
            Step::Bytes(bytes) => e.feed(bytes),
            Step::Size(columns, rows) => e.resize(Size::new(*columns, *rows)),
            Step::Scroll(rows) => e.scroll(*rows),
            Step::Search(pattern) => {
                e.search(pattern);
                e.next_match(true);
                e.next_match(false);
            }
            Step::Select(from, to) => {
                e.select(from.0, from.1, [Grain::Cells, Grain::Words, Grain::Lines][usize::from(from.0 % 3)]);
                e.select_to(to.0, to.1);
                e.selected();
            }
            Step::Keys(n) => {
                e.select_by_keys(if n % 2 == 0 { Grain::Cells } else { Grain::Lines });
                for motion in [Motion::Rows(*n), Motion::Left, Motion::Right, Motion::First, Motion::Last] {
                    e.move_selection(motion);
                }
                e.selected();
            }
        }
        let size = e.size();
        let mut cells = 0;
        e.cells(|x, y, text, _, _, wide| {
            assert!(x < size.columns && y < size.rows);
            assert!(!text.chars().any(crate::text::is_unsafe), "{text:?}");
            assert_eq!(crate::text::width(text), 1 + usize::from(wide), "{text:?}");
            cells += 1;
        });
        assert!(cells <= usize::from(size.columns) * usize::from(size.rows));
        assert!(e.history() <= 100);
        if let Some((x, y, _)) = e.cursor() {
            assert!(x < size.columns && y < size.rows, "{x} {y} {size:?}");
        }
        assert!(!e.title().chars().any(crate::text::is_unsafe));
        assert!(e.take_answers().is_ascii());
    }
    e.release();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_but_text_comes_out_whatever_goes_in(steps in steps()) {
        play(&steps);
    }
}
