//! What editing a large file costs: from a key to a drawn frame, beside drawing an empty editor, and beside
//! the text field that the editor does without.

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;
use ondeck::config::{Symbols, Theme};
use ondeck::ui::editor::{Editor, FindOptions, Keys, Language, Look, Mark, Severity, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tui_textarea::{CursorMove, TextArea};

/// Some 1 MB of Dockerfile in 30,000 lines.
fn dockerfile() -> String {
    let mut text = String::new();
    for n in 0..3000 {
        let _ = write!(
            text,
            "# stage {n}\nFROM debian:12 AS stage{n}\nARG VERSION={n}\nENV PATH=\"/opt/$VERSION/bin:$PATH\"\n\
             RUN apt-get update && \\\n    apt-get install -y --no-install-recommends curl={n} \\\n      'ca-certificates' \\\n\
             \x20   && rm -rf /var/lib/apt/lists/*\nCOPY --from=stage0 /app/{n} /srv/app/{n}/with/a/long/enough/path/to/be/real\n\
             CMD [\"/srv/app\", \"--number\", \"{n}\", \"--verbose\"]\n"
        );
    }
    text
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

fn told(name: &str, mut times: Vec<Duration>, empty: Duration) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    println!(
        "{name:32} p50 {:7.0} us  p99 {:7.0} us  worst {:7.0} us  {:5.1} of an empty one",
        at(50).as_secs_f64() * 1e6,
        at(99).as_secs_f64() * 1e6,
        at(100).as_secs_f64() * 1e6,
        at(50).as_secs_f64() / empty.as_secs_f64(),
    );
}

struct Stage {
    terminal: Terminal<TestBackend>,
    theme: Theme,
    empty: Duration,
}

impl Stage {
    fn frame(&mut self, editor: &Editor) {
        let look = Look {
            theme: &self.theme,
            symbols: &Symbols::UNICODE,
            focused: true,
            line_numbers: true,
            keys: Keys::Standard,
        };
        let _ = self.terminal.draw(|frame| draw(frame, frame.area(), editor, &look));
    }

    /// Takes the time of something done and drawn, many times.
    fn measure(&mut self, name: &str, editor: &mut Editor, runs: usize, mut act: impl FnMut(&mut Editor, usize)) {
        let mut times = Vec::new();
        for n in 0..runs {
            let start = Instant::now();
            act(editor, n);
            self.frame(editor);
            times.push(start.elapsed());
        }
        told(name, times, self.empty);
    }

    fn keys(&mut self, name: &str, editor: &mut Editor, codes: &[KeyCode]) {
        self.measure(name, editor, 1000, |editor, n| {
            editor.key(key(codes[n % codes.len()]), Keys::Standard, Timestamp::UNIX_EPOCH);
        });
    }
}

fn main() {
    let Ok(terminal) = Terminal::new(TestBackend::new(160, 50));
    let mut stage = Stage { terminal, theme: Theme::default(), empty: Duration::from_nanos(1) };
    let blank = Editor::new("", Language::Plain);
    stage.frame(&blank);
    let start = Instant::now();
    for _ in 0..200 {
        stage.frame(&blank);
    }
    stage.empty = start.elapsed() / 200;
    println!("an empty editor                  {:7.0} us", stage.empty.as_secs_f64() * 1e6);

    let text = dockerfile();
    println!("{} bytes, {} lines", text.len(), text.lines().count());
    let start = Instant::now();
    let mut editor = Editor::new(&text, Language::Dockerfile);
    println!("opened in                        {:7.0} us", start.elapsed().as_secs_f64() * 1e6);
    let start = Instant::now();
    stage.frame(&editor);
    println!("first frame, with the grammars   {:7.0} us", start.elapsed().as_secs_f64() * 1e6);

    let typed: Vec<KeyCode> = "RUN echo 'hello $world'\u{1}"
        .chars()
        .map(|c| if c == '\u{1}' { KeyCode::Enter } else { KeyCode::Char(c) })
        .collect();
    stage.keys("typing at the start", &mut editor, &typed);
    editor.go_to(15_000, 3);
    stage.keys("typing in the middle", &mut editor, &typed);
    stage.keys("erasing", &mut editor, &[KeyCode::Backspace]);
    stage.keys("a quote that opens and closes", &mut editor, &[KeyCode::Char('"'), KeyCode::Backspace]);
    stage.keys("page by page", &mut editor, &[KeyCode::PageDown, KeyCode::PageDown, KeyCode::PageUp]);
    stage.measure("far jumps", &mut editor, 500, |editor, n| editor.go_to((n * 7919) % 30_000, 0));
    editor.go_to(15_000, 0);
    let undo = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
    stage.measure("undo", &mut editor, 100, |editor, _| drop(editor.key(undo, Keys::Standard, Timestamp::UNIX_EPOCH)));
    let marks: Vec<Mark> = (0..5000)
        .map(|n| Mark { line: n * 6, from_column: 0, to_column: 4, severity: Severity::Warning, text: "a mark".into() })
        .collect();
    editor.set_marks(marks);
    stage.keys("typing with 5,000 marks", &mut editor, &typed);
    let _ = editor.find("stage", FindOptions::default());
    stage.keys("typing with 9,000 matches", &mut editor, &typed);
    stage.measure("the next match", &mut editor, 500, |editor, _| drop(editor.find_next()));
    stage.measure("replacing all, and back", &mut editor, 20, |editor, n| {
        if n % 2 == 0 {
            black_box(editor.replace_all("step"));
        } else {
            editor.key(undo, Keys::Standard, Timestamp::UNIX_EPOCH);
        }
    });
    stage.measure("the whole text for a check", &mut editor, 50, |editor, _| drop(black_box(editor.text())));

    let mut long = Editor::new(&"abcdefghi ".repeat(100_000), Language::Json);
    long.go_to(0, 500_000);
    stage.keys("typing in a line of 1 MB", &mut long, &typed[..8]);
    let mut wide = Editor::new(&"漢字\tabc ".repeat(80_000), Language::Json);
    wide.go_to(0, 300_000);
    stage.keys("the same in wide letters", &mut wide, &typed[..8]);

    let mut area = TextArea::new(text.lines().map(str::to_owned).collect());
    area.move_cursor(CursorMove::Jump(15_000, 3));
    let mut times = Vec::new();
    for n in 0..300 {
        let start = Instant::now();
        area.insert_char(char::from(b'a' + (n % 26) as u8));
        times.push(start.elapsed());
    }
    told("TextArea: a letter, not drawn", times, stage.empty);
}
