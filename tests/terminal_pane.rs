//! The terminal pane without Docker: keys, mouse and what happens, in; what is typed, copied and told, out.

#![allow(clippy::unwrap_used)]

mod common;

use common::stage::{Stage, settings};
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ondeck::config::Config;
use ondeck::engine::{EngineError, ErrorKind};
use ondeck::terminal::Happened;
use ondeck::ui::message::Msg;
use ondeck::ui::panes::terminal::TerminalOrder;

fn mouse(stage: &mut Stage, kind: MouseEventKind, column: u16, row: u16) {
    stage.send(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
}

fn typed(stage: &mut Stage) -> String {
    String::from_utf8(std::mem::take(&mut stage.typed)).unwrap()
}

/// A panel with a terminal in the api of the shop.
fn open() -> Stage {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "j", "t"]);
    stage
}

#[test]
fn inside_every_key_but_one_is_the_programs() {
    let mut stage = open();
    assert!(matches!(&stage.orders[..], [TerminalOrder::Open(1, opening, _)]
        if opening.name == "shop-api-1" && opening.env.iter().any(|e| e == "TERM=xterm-256color")));
    stage.press(&["q", "?", ":", "esc", "tab", "ctrl-c", "f5", "up", "alt-x", "ctrl-t"]);
    assert_eq!(typed(&mut stage), "q?:\x1b\t\x03\x1b[15~\x1b[A\x1bx\x14");
    stage.print("\x1b[?1h");
    stage.press(&["up"]);
    assert_eq!(typed(&mut stage), "\x1bOA");
    stage.press(&["ctrl-]"]);
    assert_eq!(typed(&mut stage), "");
    assert!(stage.text().contains("⏎ goes in"));
    // Right after leaving the same key is meant for the program; a key later it is not.
    stage.press(&["ctrl-]"]);
    assert_eq!(typed(&mut stage), "\x1d");
    stage.press(&["ctrl-]", "k", "ctrl-]"]);
    assert_eq!(typed(&mut stage), "");
    assert!(stage.text().contains("ctrl-] leaves"));
}

#[test]
fn the_way_out_can_be_another_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, "keys:\n  leave-terminal: f12\n").unwrap();
    let mut other = ondeck::ui::settings(Config::load(Some(&file)).unwrap(), None).unwrap();
    let plain = settings();
    (other.theme, other.symbols) = (plain.theme, plain.symbols);
    let mut stage = Stage::with(120, 36, common::fixture::snapshot(), other);
    stage.press(&["3", "j", "t", "ctrl-]"]);
    assert_eq!(typed(&mut stage), "\x1d");
    assert!(stage.text().contains("f12 leaves"));
    stage.press(&["f12"]);
    assert!(stage.text().contains("⏎ goes in"));
    stage.press(&["f12"]);
    assert_eq!(typed(&mut stage), "\x1b[24~");
}

#[test]
fn it_lives_on_while_other_things_are_shown() {
    let mut stage = open();
    stage.print("alive");
    stage.press(&["ctrl-]", "esc"]);
    assert!(!stage.text().contains("alive"), "the detail pane is back");
    assert!(stage.text().contains("1 terminal"));
    stage.press(&["6"]);
    stage.print(" and well");
    // From anywhere, and from its row.
    stage.press(&["ctrl-t", "enter"]);
    assert!(stage.text().contains("alive and well") && stage.text().contains("ctrl-] leaves"));
    stage.press(&["ctrl-]", "3", "t"]);
    assert!(stage.text().contains("alive and well"));
    assert_eq!(stage.screens.len(), 1, "no second one was opened");
    // Beside the list it stays while one goes to the list by tab.
    stage.press(&["ctrl-]", "tab", "j"]);
    assert!(stage.text().contains("alive and well"));
    stage.press(&["l"]);
    assert!(!stage.text().contains("alive and well"), "logs were asked for");
}

#[test]
fn several_are_tabs_and_closing_one_shows_the_next() {
    let mut stage = open();
    stage.print("first");
    stage.press(&["ctrl-]", "t"]);
    stage.print("second");
    assert!(stage.text().contains("╭ 1 shop-api-1 bash  2 shop-api-1 bash "));
    stage.press(&["ctrl-]", "["]);
    assert!(stage.text().contains("first"));
    // A click on a name shows it.
    mouse(&mut stage, MouseEventKind::Down(MouseButton::Left), 74, 2);
    assert!(stage.text().contains("second"));
    stage.press(&["x"]);
    assert!(stage.text().contains("End the terminal in shop-api-1?"));
    stage.press(&["y"]);
    assert!(stage.text().contains("first"));
    assert!(matches!(stage.orders.last(), Some(TerminalOrder::Close(2))));
    stage.press(&["x", "n"]);
    assert!(stage.text().contains("first"));
    stage.press(&["q"]);
    let text = stage.text();
    assert!(text.contains("Leave while a terminal is running?") && text.contains("bash in shop-api-1 is ended"));
    stage.press(&["y"]);
    assert!(stage.left);
}

#[test]
fn a_program_that_ended_is_told_of_and_starts_again() {
    let mut stage = open();
    stage.print("\x1b[?1049h\x1b[?1000hin vim\x1b[31m");
    stage.happens(Happened::Ended(Some(1)));
    assert!(stage.text().contains("bash ended with 1. ⏎ starts it again."));
    // Keys typed ahead are no commands of the panel.
    stage.press(&["q", "d", ":"]);
    assert!(!stage.left && stage.app.overlay.is_none());
    stage.press(&["enter"]);
    assert!(matches!(stage.orders.last(), Some(TerminalOrder::Open(1, ..))));
    stage.print("anew");
    assert!(stage.text().contains("anew"));
    let modes = stage.screens[0].1.lock().modes();
    assert!(!modes.alternate_screen && modes.mouse == ondeck::terminal::Reports::None);
    stage.happens(Happened::Failed(EngineError::new(ErrorKind::Forbidden, "a proxy does not let this pass")));
    assert!(stage.text().contains("a proxy does not let this pass. ⏎ starts it again."));
    stage.press(&["x"]);
    assert!(!stage.text().contains("1 terminal"), "closed without a question");
}

#[test]
fn without_a_shell_one_beside_is_offered() {
    let mut stage = open();
    stage.happens(Happened::NoShell);
    assert!(stage.text().contains("has no shell"));
    stage.press(&["d"]);
    assert!(matches!(stage.orders.last(), Some(TerminalOrder::Open(1, opening, _)) if opening.helper == Some(None)));
}

#[test]
fn command_user_and_directory_are_asked_for() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "j", "T", "htop -d 5", "tab", "nobody", "down", "/srv", "shift-tab", "!", "enter"]);
    let Some(TerminalOrder::Open(_, opening, _)) = stage.orders.last() else { panic!("{:?}", stage.orders) };
    assert_eq!(opening.command.as_deref(), Some("htop -d 5"));
    assert_eq!((opening.user.as_deref(), opening.dir.as_deref()), (Some("nobody!"), Some("/srv")));
}

#[test]
fn where_none_can_be_opened_the_reason_is_said() {
    let mut stage = Stage::new(120, 36);
    stage.press(&["3", "g", "t"]);
    assert!(stage.text().contains("only in what runs can a terminal be opened"));
    assert!(stage.orders.is_empty());
    // A stack: its first container that runs.
    stage.press(&["2", "/", "shop", "enter", "g", "t"]);
    assert!(
        matches!(stage.orders.last(), Some(TerminalOrder::Open(_, opening, _)) if opening.name.starts_with("shop-"))
    );
}

#[test]
fn the_program_is_told_the_size_of_its_pane() {
    let size = |stage: &Stage| {
        let size = stage.screens[0].1.lock().size();
        (size.columns, size.rows)
    };
    let mut stage = open();
    let beside = size(&stage);
    stage.press(&["ctrl-]", "z"]);
    assert_eq!(size(&stage), (120, 35));
    stage.press(&["z"]);
    assert_eq!(size(&stage), beside);
    stage.press(&["+"]);
    assert!(size(&stage).0 < beside.0);
    stage.send(Msg::Resize(ratatui::layout::Size { width: 80, height: 24 }));
    assert_eq!(size(&stage), (78, 19));
}

#[test]
fn the_mouse_selects_scrolls_or_is_the_programs() {
    let mut stage = open();
    stage.print("one two three\r\nfour five six\r\n");
    let inside = stage.app.areas().inside;
    let (x, y) = (inside.x, inside.y);
    mouse(&mut stage, MouseEventKind::Down(MouseButton::Left), x + 4, y);
    mouse(&mut stage, MouseEventKind::Drag(MouseButton::Left), x + 6, y);
    mouse(&mut stage, MouseEventKind::Drag(MouseButton::Left), x + 8, y + 1);
    mouse(&mut stage, MouseEventKind::Up(MouseButton::Left), x + 8, y + 1);
    assert_eq!(stage.copied.last().unwrap(), "two three\nfour five");
    for _ in 0..2 {
        mouse(&mut stage, MouseEventKind::Down(MouseButton::Left), x + 10, y + 1);
        mouse(&mut stage, MouseEventKind::Up(MouseButton::Left), x + 10, y + 1);
    }
    assert_eq!(stage.copied.last().unwrap(), "six");
    // A click takes nothing along.
    let n = stage.copied.len();
    mouse(&mut stage, MouseEventKind::Down(MouseButton::Left), x, y);
    mouse(&mut stage, MouseEventKind::Up(MouseButton::Left), x, y);
    assert_eq!(stage.copied.len(), n);
    stage.print(&"row\r\n".repeat(100));
    mouse(&mut stage, MouseEventKind::ScrollUp, x, y);
    assert!(stage.text().contains("3 of "));
    assert_eq!(typed(&mut stage), "");
    // On the alternate screen the wheel is cursor keys, and with reports it is a report.
    stage.print("\x1b[?1049h");
    mouse(&mut stage, MouseEventKind::ScrollDown, x, y);
    assert_eq!(typed(&mut stage), "\x1b[B\x1b[B\x1b[B");
    stage.print("\x1b[?1002h\x1b[?1006h");
    mouse(&mut stage, MouseEventKind::ScrollDown, x + 2, y + 1);
    mouse(&mut stage, MouseEventKind::Down(MouseButton::Left), x, y);
    mouse(&mut stage, MouseEventKind::Drag(MouseButton::Left), x + 1, y);
    mouse(&mut stage, MouseEventKind::Up(MouseButton::Left), x + 1, y);
    assert_eq!(typed(&mut stage), "\x1b[<65;3;2M\x1b[<0;1;1M\x1b[<32;2;1M\x1b[<0;2;1m");
    // Elsewhere the mouse is the panel's as ever.
    mouse(&mut stage, MouseEventKind::Down(MouseButton::Left), 5, 6);
    assert!(!stage.app.in_terminal());
    assert_eq!(typed(&mut stage), "");
}

#[test]
fn scrolling_searching_and_selecting_by_keys() {
    let mut stage = open();
    for n in 0..200 {
        stage.print(&format!("row {n}\r\n"));
    }
    stage.press(&["ctrl-]", "g"]);
    assert!(stage.text().contains("row 0"));
    stage.press(&["G", "/", "row 5", "enter"]);
    assert!(stage.text().contains("row 59"), "{}", stage.text());
    stage.press(&["N", "N", "n"]);
    stage.press(&["/", "x"]);
    assert!(stage.text().contains("no match"));
    stage.press(&["esc", "esc", "G", "v", "up", "V", "up", "y"]);
    assert_eq!(stage.copied.last().unwrap(), "row 198\nrow 199");
    stage.press(&["v", "esc"]);
    assert!(stage.app.in_terminal(), "esc gave up the selection only");
    stage.press(&["y"]);
    assert!(stage.copied.last().unwrap().contains("row 199"), "without a selection: the screen");
    stage.press(&["esc"]);
    assert!(!stage.app.in_terminal());
}

#[test]
fn pasted_text_focus_and_clipboard_are_passed_on_as_asked() {
    let mut stage = open();
    stage.send(Msg::Paste("a\nb".into()));
    assert_eq!(typed(&mut stage), "a\rb");
    stage.send(Msg::Focus(false));
    assert_eq!(typed(&mut stage), "");
    stage.print("\x1b[?2004h\x1b[?1004h");
    stage.send(Msg::Paste("a\n\x1b[201~b".into()));
    assert_eq!(typed(&mut stage), "\x1b[200~a\r[201~b\x1b[201~");
    stage.send(Msg::Focus(false));
    stage.send(Msg::Focus(true));
    stage.press(&["ctrl-]"]);
    assert_eq!(typed(&mut stage), "\x1b[O\x1b[I\x1b[O");
    stage.happens(Happened::Copied("secret".into()));
    assert!(stage.copied.is_empty());
    assert!(stage.text().contains("terminal.clipboard"));
    let mut config = (*stage.app.settings.config).clone();
    config.terminal.clipboard = true;
    stage.app.settings.config = config.into();
    stage.happens(Happened::Copied("wanted".into()));
    assert_eq!(stage.copied, ["wanted"]);
}

#[test]
fn what_a_program_prints_stays_in_its_pane() {
    let mut stage = open();
    let before = stage.buffer();
    stage.print(&"\x1b[999;999H\x1b[41mX\x1b[0m漢".repeat(50));
    stage.print("\x1b[1;1H\u{202e}\x1b]0;title\x07\x1b]52;c;aGk=\x07");
    let (after, inside) = (stage.buffer(), stage.app.areas().inside);
    for y in 0..after.area.height {
        for x in 0..after.area.width {
            // Its title stands in the frame below it.
            if !inside.contains((x, y).into()) && y != inside.bottom() && y + 1 != after.area.height {
                assert_eq!(before[(x, y)], after[(x, y)], "{x} {y}");
            }
        }
    }
    for cell in &stage.buffer().content {
        assert!(!cell.symbol().chars().any(ondeck::text::is_unsafe), "{:?}", cell.symbol());
    }
}
