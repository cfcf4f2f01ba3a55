//! The keys of most editors, and what is not a key.

use std::time::Duration;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use jiff::Timestamp;
use ratatui::layout::Rect;

use super::super::{Answer, Case, Editor, FindOptions, Item, Keys, Language, Mark, Popup, Prompt, Severity};
use super::{check, keys, open, shown, type_in};

const PLAIN: FindOptions = FindOptions { regex: false, whole_words: false, case: Case::Smart };
const REGEX: FindOptions = FindOptions { regex: true, ..PLAIN };

fn standard(editor: &mut Editor, written: &str) -> Answer {
    type_in(editor, written, Keys::Standard)
}

#[test]
fn moves() {
    check(
        Keys::Standard,
        Language::Plain,
        &[
            ("ab|c", "<right>", "abc|"),
            ("abc|\nd", "<right>", "abc\n|d"),
            ("abc\n|d", "<left>", "abc|\nd"),
            ("a👩‍👩‍👧|b", "<left>", "a|👩‍👩‍👧b"),
            ("|e\u{301}x", "<right>", "e\u{301}|x"),
            ("  foo.bar|", "<ctrl-left>", "  foo.|bar"),
            ("  foo.|bar", "<ctrl-left>", "  foo|.bar"),
            ("|  foo.bar", "<ctrl-right>", "  foo|.bar"),
            ("foo|\n  bar", "<ctrl-right>", "foo\n  |bar"),
            ("  fo|o", "<home>", "  |foo"),
            ("  |foo", "<home>", "|  foo"),
            ("|  foo", "<home>", "  |foo"),
            ("  f|oo", "<end>", "  foo|"),
            ("long line|\nx\nanother line", "<down><down>", "long line\nx\nanother l|ine"),
            ("漢字|a\nabcde", "<down>", "漢字a\nabcd|e"),
            ("a\nb|c", "<down>", "a\nbc|"),
            ("a|b\nc", "<up>", "|ab\nc"),
            ("a\nb|\nc", "<ctrl-home>", "|a\nb\nc"),
            ("a\nb|\nc", "<ctrl-end>", "a\nb\nc|"),
            ("a|bc", "<shift-right><left>", "a|bc"),
            ("a|bc", "<shift-right><shift-right><left>", "a|bc"),
        ],
    );
}

#[test]
fn typing_and_erasing() {
    check(
        Keys::Standard,
        Language::Plain,
        &[
            ("a|b", "xyz", "axyz|b"),
            ("ab|", "<bs>", "a|"),
            ("a\n|b", "<bs>", "a|b"),
            ("a👩‍👩‍👧|b", "<bs>", "a|b"),
            ("a|\nb", "<del>", "a|b"),
            ("foo bar|", "<ctrl-bs>", "foo |"),
            ("foo bar|", "<ctrl-w>", "foo |"),
            ("|foo bar", "<ctrl-del>", "| bar"),
            ("a|bcd", "<shift-right><shift-right>x", "ax|d"),
            ("a|bcd", "<shift-right><shift-right><bs>", "a|d"),
            ("on|e\ntwo", "<ctrl-k>", "tw|o"),
            ("one\ntw|o", "<ctrl-k>", "on|e"),
            ("on|e", "<ctrl-k>", "|"),
            ("on|e\ntwo", "<ctrl-d>", "one\non|e\ntwo"),
            ("one\ntw|o", "<ctrl-d>", "one\ntwo\ntw|o"),
            ("o|ne\ntwo\nthree", "<alt-down>", "two\no|ne\nthree"),
            ("one\ntwo\nth|ree", "<alt-up>", "one\nth|ree\ntwo"),
            ("o|ne\ntwo\nthree", "<shift-down><alt-down>", "three\none\nt|wo"),
            ("on|e\ntwo", "<ctrl-c><down><ctrl-v>", "one\none\ntw|o"),
            ("|one two", "<shift-end><ctrl-x><ctrl-v><ctrl-v>", "one twoone two|"),
            ("on|e\ntwo", "<ctrl-x><ctrl-v>", "one\ntw|o"),
            ("one|", "<ctrl-a><ctrl-c><right><ctrl-v>", "oneone|"),
        ],
    );
}

#[test]
fn undo_takes_back_words_and_whole_steps() {
    check(
        Keys::Standard,
        Language::Plain,
        &[
            ("|", "one two<ctrl-z>", "one |"),
            ("|", "one two<ctrl-z><ctrl-z>", "|"),
            ("|", "one two<ctrl-z><ctrl-z><ctrl-y>", "one |"),
            ("|", "one two<ctrl-z><ctrl-z><ctrl-y><ctrl-y><ctrl-y>", "one two|"),
            ("abcdef|", "<bs><bs><bs><ctrl-z>", "abcdef|"),
            ("|abc", "<del><del><ctrl-z>", "|abc"),
            ("|", "ab<left>c<ctrl-z>", "a|b"),
            ("a|\nb", "<alt-down><ctrl-z>", "a|\nb"),
            ("|", "ab<ctrl-z>c<ctrl-y>", "c|"),
        ],
    );
    // A pause ends what is one step.
    let mut editor = Editor::new("", Language::Plain);
    for (n, key) in keys("abc").into_iter().enumerate() {
        editor.key(key, Keys::Standard, Timestamp::UNIX_EPOCH + Duration::from_secs(10 * (n as u64 / 2)));
    }
    standard(&mut editor, "<ctrl-z>");
    assert_eq!(editor.text(), "ab");
}

#[test]
fn lines_begin_where_they_belong() {
    check(
        Keys::Standard,
        Language::Yaml,
        &[
            ("services:|", "<enter>", "services:\n  |"),
            ("services:\n  web:|", "<enter>x", "services:\n  web:\n    x|"),
            ("a:\n  - name: x|", "<enter>", "a:\n  - name: x\n    |"),
            ("a:\n  - x|", "<enter>", "a:\n  - x\n  |"),
            ("a:  # why|", "<enter>", "a:  # why\n  |"),
            ("a: |1", "<enter>", "a: \n  |1"),
            ("a:\n    |", "<bs>", "a:\n  |"),
            ("a:\n   |", "<bs>", "a:\n  |"),
            ("a|", "<home><tab>", "  |a"),
            ("  |a", "<backtab>", "|a"),
            ("  a|\n\n  b", "<shift-down><shift-down><tab>", "    a\n\n    b|"),
            ("  a:\n    |", "<enter>", "  a:\n\n    |"),
        ],
    );
    check(
        Keys::Standard,
        Language::Dockerfile,
        &[
            ("RUN a && \\|", "<enter>", "RUN a && \\\n    |"),
            ("RUN a && \\\n    b && \\|", "<enter>", "RUN a && \\\n    b && \\\n    |"),
            ("RUN a && \\\n    b|", "<enter>", "RUN a && \\\n    b\n|"),
            ("FROM x|", "<enter>", "FROM x\n|"),
            ("RUN a|", "<ctrl-7>", "# RUN a|"),
            ("# RUN a|", "<ctrl-_>", "RUN a|"),
            ("  a|\n\n    b", "<ctrl-a><ctrl-/>", "  # a\n\n  #   b|"),
        ],
    );
    check(
        Keys::Standard,
        Language::Python,
        &[
            ("def f():|", "<enter>", "def f():\n    |"),
            ("def f():\n    if x:  # so|", "<enter>", "def f():\n    if x:  # so\n        |"),
            ("def f():\n\treturn|", "<enter><tab>x", "def f():\n\treturn\n\t\tx|"),
        ],
    );
    check(
        Keys::Standard,
        Language::Shell,
        &[
            ("if true; then|", "<enter>", "if true; then\n  |"),
            ("x() {|", "<enter>", "x() {\n  |"),
            ("case $x in|", "<enter>", "case $x in\n  |"),
        ],
    );
}

#[test]
fn what_is_not_its_own_is_ignored_and_what_it_cannot_do_is_asked() {
    let mut editor = open("a|", Language::Json);
    for key in ["<ctrl-s>", "<ctrl-q>", "<ctrl-p>", "<ctrl-]>", "<alt-1>", "<ctrl-o>", "<esc>"] {
        assert_eq!(standard(&mut editor, key), Answer::Ignored, "{key}");
    }
    assert_eq!(standard(&mut editor, "<ctrl-f>"), Answer::Ask(Prompt::Find));
    assert_eq!(standard(&mut editor, "<f3>"), Answer::Ask(Prompt::Find));
    assert_eq!(standard(&mut editor, "<ctrl-r>"), Answer::Ask(Prompt::Replace));
    assert_eq!(standard(&mut editor, "<ctrl-l>"), Answer::Ask(Prompt::GoToLine));
    assert_eq!(standard(&mut editor, "<ctrl-/>"), Answer::Say("JSON has no comments of one line".into()));
    assert_eq!(standard(&mut editor, "<ctrl-c>"), Answer::Copy("a\n".into()));
    assert_eq!(standard(&mut editor, "<right>"), Answer::Nothing);
    assert_eq!(standard(&mut editor, "b"), Answer::Changed);
}

#[test]
fn saved_text_is_clean_and_undo_comes_back_to_it() {
    let mut editor = open("a|", Language::Plain);
    assert!(!editor.dirty());
    standard(&mut editor, "bc");
    assert!(editor.dirty());
    editor.saved();
    standard(&mut editor, "d");
    assert!(editor.dirty());
    let revision = editor.revision();
    standard(&mut editor, "<ctrl-z>");
    assert!(!editor.dirty() && editor.revision() != revision);
    standard(&mut editor, "<ctrl-z>");
    assert!(editor.dirty());
    assert_eq!(editor.text(), "a");
    standard(&mut editor, "<ctrl-y>");
    assert!(!editor.dirty());
}

#[test]
fn changes_of_many_places_are_one_step() {
    let mut editor = open("FROM a\nRUN b|\nRUN c", Language::Dockerfile);
    editor.apply(&[(0..4, "from".into()), (7..10, "run\nrun".into()), (13..16, "x".into()), (14..15, "no".into())]);
    assert_eq!(shown(&editor), "from a\nrun\nrun b|\nx c");
    standard(&mut editor, "<ctrl-z>");
    assert_eq!(shown(&editor), "FROM a\nRUN b|\nRUN c");
    standard(&mut editor, "<ctrl-y>");
    assert_eq!(shown(&editor), "from a\nrun\nrun b|\nx c");
    assert_eq!(standard(&mut editor, "<ctrl-y>"), Answer::Nothing);

    editor.replace_all_text("from a\nwhole\nnew\nrun b\nx c");
    assert_eq!(shown(&editor), "from a\nwhole\nnew\nrun b|\nx c");
    standard(&mut editor, "<ctrl-z>");
    assert_eq!(editor.text(), "from a\nrun\nrun b\nx c");

    let mut editor = Editor::new(&"a b a\n".repeat(1000), Language::Plain);
    editor.go_to(500, 3);
    assert_eq!(editor.find("a", PLAIN), Ok(2000));
    assert_eq!(editor.replace_all("xyz"), 2000);
    assert_eq!(editor.text(), "xyz b xyz\n".repeat(1000));
    assert_eq!(editor.cursor().0, 500);
    standard(&mut editor, "<ctrl-z>");
    assert_eq!(editor.text(), "a b a\n".repeat(1000));
}

#[test]
fn search_goes_round_and_replaces() {
    let mut editor = open("one two\nOne |two\nthree", Language::Plain);
    assert_eq!(editor.find("o", PLAIN), Ok(4));
    assert_eq!((shown(&editor), editor.selected()), ("one two\nOne two|\nthree".into(), Some("o".into())));
    assert_eq!(editor.find("one", PLAIN), Ok(2), "more letters search from where the search began");
    assert_eq!(shown(&editor), "one| two\nOne two\nthree");
    assert_eq!(editor.match_count(), Some((1, 2)));
    assert_eq!(editor.find_next(), Answer::Moved);
    assert_eq!(shown(&editor), "one two\nOne| two\nthree");
    editor.find_next();
    assert_eq!(editor.match_count(), Some((1, 2)));
    editor.find_previous();
    assert_eq!(editor.match_count(), Some((2, 2)));
    assert_eq!(editor.find("One", PLAIN), Ok(1));
    assert_eq!(editor.find("t", FindOptions { whole_words: true, ..PLAIN }), Ok(0));
    assert_eq!(editor.find("nowhere", PLAIN), Ok(0));
    assert_eq!(editor.find_next(), Answer::Say("not found".into()));
    assert!(editor.find("(", REGEX).unwrap_err().contains("unclosed group"));
    assert_eq!(editor.find("(", PLAIN), Ok(0));

    let mut editor = open("|a=1, b=2", Language::Plain);
    assert_eq!(editor.find(r"(\w)=(\d)", REGEX), Ok(2));
    assert!(editor.replace("$2=$1"));
    assert_eq!((editor.text(), editor.selected()), ("1=a, b=2".into(), Some("b=2".into())));
    assert!(editor.replace("$2=$1"));
    assert!(!editor.replace("$2=$1"));
    assert_eq!(editor.text(), "1=a, 2=b");
    editor.find("a", PLAIN).unwrap();
    assert!(editor.replace("$1"), "what is no expression is put as it is");
    assert_eq!(editor.text(), "1=$1, 2=b");
    assert_eq!(standard(&mut editor, "<esc>"), Answer::Moved);
    assert_eq!(editor.match_count(), None);
}

fn mark(line: usize, from_column: usize, to_column: usize, severity: Severity) -> Mark {
    Mark { line, from_column, to_column, severity, text: format!("{severity:?}") }
}

#[test]
fn marks_move_along() {
    let spots = |editor: &Editor| -> Vec<(usize, usize, usize)> {
        editor.marks().iter().map(|m| (m.line, m.from_column, m.to_column)).collect()
    };
    let mut editor = open("|FROM é\nRUN apt\nCMD x", Language::Dockerfile);
    editor.set_marks(vec![
        mark(2, 0, 3, Severity::Info),
        mark(0, 5, 6, Severity::Warning),
        mark(1, 4, 7, Severity::Error),
        mark(1, 0, 3, Severity::Info),
    ]);
    assert_eq!(spots(&editor), [(0, 5, 6), (1, 0, 3), (1, 4, 7), (2, 0, 3)]);
    standard(&mut editor, "<enter>é");
    assert_eq!(spots(&editor), [(1, 6, 7), (2, 0, 3), (2, 4, 7), (3, 0, 3)]);
    standard(&mut editor, "<ctrl-z><ctrl-z>");
    assert_eq!(spots(&editor), [(0, 5, 6), (1, 0, 3), (1, 4, 7), (2, 0, 3)]);
    assert_eq!(editor.next_mark(), Answer::Moved);
    assert_eq!((editor.cursor(), editor.mark_here().unwrap().severity), ((0, 5), Severity::Warning));
    editor.next_mark();
    editor.next_mark();
    assert_eq!((editor.cursor(), editor.mark_here().unwrap().severity), ((1, 4), Severity::Error));
    editor.go_to(1, 3);
    assert_eq!(editor.mark_here().unwrap().severity, Severity::Error, "the worst of the line");
    editor.previous_mark();
    editor.previous_mark();
    editor.previous_mark();
    assert_eq!(editor.cursor(), (2, 0));
    // What a mark stood on goes, and the mark with it.
    editor.go_to(1, 0);
    standard(&mut editor, "<ctrl-k>");
    assert_eq!(spots(&editor), [(0, 5, 6), (1, 0, 3)]);
    editor.set_flag_line(Some(1), "exit code 1");
    editor.go_to(0, 0);
    standard(&mut editor, "<enter><enter>");
    assert_eq!(editor.flag_line(), Some(3));
}

#[test]
fn a_list_is_chosen_from_and_follows_what_is_typed() {
    let list = |words: &[&str]| {
        let item = |word: &&str| Item { insert: format!("{word} "), label: (*word).into(), about: String::new() };
        Some(Popup { from_column: 0, items: words.iter().map(item).collect(), selected: 0 })
    };
    let mut editor = open("R|", Language::Dockerfile);
    editor.set_completion(list(&["RUN", "RUX", "COPY"]));
    standard(&mut editor, "u");
    assert_eq!(editor.completion().unwrap().items.len(), 2);
    assert_eq!(standard(&mut editor, "<down>"), Answer::Moved);
    assert_eq!(standard(&mut editor, "<enter>"), Answer::Changed);
    assert_eq!((shown(&editor), editor.completion()), ("RUX |".into(), None));
    standard(&mut editor, "<ctrl-z>");
    assert_eq!(shown(&editor), "Ru|");
    for key in ["<esc>", "x", "<left>", "<home>", "<ctrl-k>"] {
        let mut editor = open("RU|", Language::Dockerfile);
        editor.set_completion(list(&["RUN", "RUX"]));
        standard(&mut editor, "<up>");
        assert_eq!(editor.completion().unwrap().selected, 1);
        standard(&mut editor, key);
        assert_eq!(editor.completion().map_or(0, |c| c.items.len()), usize::from(key == "x"), "{key}");
    }
    editor.set_completion(list(&[]));
    assert_eq!(editor.completion(), None);
}

#[test]
fn the_mouse_selects() {
    let area = Rect::new(10, 5, 40, 6);
    let mut editor = open("|one two\nthree four\nfive", Language::Plain);
    let mut at = Timestamp::UNIX_EPOCH;
    let mut send = |editor: &mut Editor, kind, column, row, later| {
        at += Duration::from_millis(later);
        editor.mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }, area, at)
    };
    let (down, drag) = (MouseEventKind::Down(MouseButton::Left), MouseEventKind::Drag(MouseButton::Left));
    // It was not drawn yet: no signs and numbers before the text.
    assert_eq!(send(&mut editor, down, 11, 6, 0), Answer::Moved);
    assert_eq!(editor.cursor(), (1, 1));
    send(&mut editor, down, 11, 6, 100);
    assert_eq!(editor.selected().as_deref(), Some("three"));
    send(&mut editor, drag, 17, 6, 10);
    assert_eq!(editor.selected().as_deref(), Some("three four"));
    send(&mut editor, down, 11, 6, 5000);
    assert_eq!(editor.selected(), None);
    send(&mut editor, drag, 12, 5, 10);
    assert_eq!((editor.cursor(), editor.selected().as_deref()), ((0, 2), Some("e two\nt")));
    for _ in 0..3 {
        send(&mut editor, down, 10, 6, 50);
    }
    assert_eq!(editor.selected().as_deref(), Some("three four\n"));
    assert_eq!(send(&mut editor, MouseEventKind::ScrollDown, 11, 6, 0), Answer::Moved);
    assert_eq!(send(&mut editor, MouseEventKind::Moved, 11, 6, 0), Answer::Ignored);
    assert_eq!(send(&mut editor, down, 1, 1, 0), Answer::Ignored);
}

#[test]
fn places_and_bytes_answer_each_other() {
    let editor = Editor::new("aé\n漢\n\nz", Language::Plain);
    for (byte, place) in [(0, (0, 0)), (1, (0, 1)), (3, (0, 2)), (4, (1, 0)), (7, (1, 1)), (8, (2, 0)), (9, (3, 0))] {
        assert_eq!(editor.place_of(byte), place);
        assert_eq!(editor.byte_of(place.0, place.1), byte);
    }
    assert_eq!((editor.place_of(2), editor.place_of(99)), ((0, 1), (3, 1)));
    assert_eq!((editor.byte_of(0, 99), editor.byte_of(99, 0)), (3, 9));
}

#[test]
fn languages_are_told_by_name_or_first_line() {
    use Language as L;
    for (name, first, language) in [
        ("Dockerfile", "", L::Dockerfile),
        ("app/Dockerfile.dev", "", L::Dockerfile),
        ("dev.dockerfile", "", L::Dockerfile),
        ("Containerfile", "", L::Dockerfile),
        ("Dockerfile.dockerignore", "", L::Dockerignore),
        (".dockerignore", "", L::Dockerignore),
        ("compose.yaml", "", L::Yaml),
        ("x.YML", "", L::Yaml),
        (".env", "", L::Shell),
        (".env.local", "", L::Shell),
        ("entrypoint", "#!/bin/sh", L::Shell),
        ("entrypoint", "#!/usr/bin/env -S bash", L::Shell),
        ("tool", "#!/usr/bin/python3.11 -u", L::Python),
        ("build", "# syntax=docker/dockerfile:1", L::Dockerfile),
        ("pyproject.toml", "", L::Toml),
        ("README.md", "", L::Markdown),
        ("a.json", "", L::Json),
        ("notes", "hello", L::Plain),
    ] {
        assert_eq!(L::of(name, first), language, "{name}");
    }
}
