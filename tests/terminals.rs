//! Terminals in real containers: by themselves, and in the real panel in a real terminal.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use common::docker::host;
use common::live::{Filter, Made, PATIENCE, endpoint, endpoint_at, until};
use common::pty;
use ondeck::engine::{DEBUG_LABEL, Engine, ErrorKind};
use ondeck::terminal::{Happened, Opening, Running, Screen, Size, key};
use tokio::sync::mpsc;

/// The image with programs, and the one without a shell.
static IMAGES: LazyLock<(String, String)> = LazyLock::new(|| {
    let both = host("programs.sh", &["up"]);
    let (programs, bare) = both.split_once(' ').unwrap();
    (programs.to_owned(), bare.to_owned())
});

fn container(made: &Made, name: &str) -> String {
    let (name, label) = (made.name(name), made.label());
    made.docker(&["run", "-d", "--init", "--name", &name, "--label", &label, &IMAGES.0, "sleep", "infinity"])
}

/// A terminal without a panel.
struct Pane {
    session: Option<Running>,
    screen: Screen,
    news: mpsc::UnboundedReceiver<Happened>,
}

impl Pane {
    fn open(engine: &Engine, opening: Opening, columns: u16, rows: u16) -> Self {
        let screen = Screen::new(Size::new(columns, rows), 1000);
        let (tell, news) = mpsc::unbounded_channel();
        let opening = Opening { env: vec!["TERM=xterm-256color".into()], ..opening };
        let tell = move |what| {
            let _ = tell.send(what);
        };
        let session = Running::open(engine.clone(), opening, screen.clone(), tell);
        Self { session: Some(session), screen, news }
    }

    fn shell(container: &str) -> Self {
        let opening = Opening { container: container.into(), ..Opening::default() };
        Self::open(&Engine::connect(&endpoint()).unwrap(), opening, 80, 24)
    }

    fn types(&self, text: &str) {
        assert!(self.session.as_ref().unwrap().input(text.as_bytes().to_vec()));
    }

    /// The next thing that happens but a change on screen.
    async fn happens(&mut self) -> Happened {
        let wait = async {
            loop {
                match self.news.recv().await.unwrap() {
                    Happened::Changed => self.screen.seen(),
                    other => return other,
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("nothing happens")
    }

    async fn sees(&self, what: &str) -> String {
        self.waits(what, |text| text.contains(what)).await
    }

    async fn waits(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        until(what, async || {
            let text = self.screen.lock().text();
            self.screen.seen();
            if wanted(&text) { Ok(text) } else { Err(text) }
        })
        .await
    }

    async fn end(&mut self) {
        self.session.take().unwrap().end().await;
    }
}

/// The programs that run in a container, besides the one it was made for.
fn processes(made: &Made, container: &str) -> Vec<String> {
    let all = made.docker(&["top", container, "-eo", "pid,args"]);
    let own = |l: &&str| !l.contains("sleep infinity") && !l.contains("PID");
    all.lines().filter(own).map(str::to_owned).collect()
}

async fn only_its_own(made: &Made, container: &str) {
    until("the container to have only its own processes", async || {
        let left = processes(made, container);
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_shell_opens_talks_and_says_how_it_ended() {
    let made = Made::new("shell");
    let id = container(&made, "a");
    let mut pane = Pane::shell(&id);
    assert_eq!(pane.happens().await, Happened::Started("bash".into()));
    pane.types("echo ä-$((6*7)); stty size; echo $TERM\n");
    let text = pane.sees("xterm-256color").await;
    assert!(text.contains("ä-42") && text.contains("24 80"), "{text}");
    // Nothing of how it was started is to be seen.
    assert!(!text.contains("7770"), "{text}");
    pane.session.as_ref().unwrap().resize(Size::new(50, 10));
    until("a smaller screen", async || {
        let size = pane.screen.lock().size();
        if size == Size::new(50, 10) { Ok(()) } else { Err(format!("{size:?}")) }
    })
    .await;
    until("the program to know", async || {
        pane.types("stty size\n");
        let text = pane.screen.lock().text();
        if text.contains("10 50") { Ok(()) } else { Err(text) }
    })
    .await;
    pane.types("exit 7\n");
    assert_eq!(pane.happens().await, Happened::Ended(Some(7)));
    only_its_own(&made, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_a_user_and_a_directory_may_be_asked_for() {
    let made = Made::new("asked");
    let id = container(&made, "a");
    let engine = Engine::connect(&endpoint()).unwrap();
    let opening = Opening {
        container: id.as_str().into(),
        command: Some("id -un; pwd; exec sleep 0.1".into()),
        user: Some("nobody".into()),
        dir: Some("/usr/share".into()),
        ..Opening::default()
    };
    let mut pane = Pane::open(&engine, opening.clone(), 80, 24);
    assert!(matches!(pane.happens().await, Happened::Started(_)));
    assert_eq!(pane.happens().await, Happened::Ended(Some(0)));
    assert_eq!(pane.screen.lock().text(), "nobody\n/usr/share");
    for (wrong, words) in [
        (Opening { user: Some("nobody-knows".into()), ..opening.clone() }, "nobody-knows"),
        (Opening { dir: Some("/not/there".into()), ..opening.clone() }, "/not/there"),
        (Opening { container: "ondeck-no-such-container".into(), ..opening.clone() }, "No such container"),
    ] {
        let mut pane = Pane::open(&engine, wrong, 80, 24);
        match pane.happens().await {
            Happened::Failed(error) => assert!(error.message.contains(words), "{error}"),
            other => panic!("{words}: {other:?}\n{}", pane.screen.lock().text()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_a_terminal_ends_all_that_runs_in_it() {
    let made = Made::new("end");
    let id = container(&made, "a");
    for command in [
        "vim /tmp/x",
        "bash -c 'trap \"\" HUP TERM; echo ready; while :; do sleep 1; done'",
        "sleep 1000 & sleep 1000 | cat",
        "su nobody -s /bin/sh -c 'echo ready; sleep 1000'",
        "",
    ] {
        let mut pane = Pane::shell(&id);
        assert!(matches!(pane.happens().await, Happened::Started(_)));
        pane.types(&format!("{command}\necho\n"));
        until("it to run", async || if processes(&made, &id).is_empty() { Err(String::new()) } else { Ok(()) }).await;
        if command.contains("ready") {
            pane.waits("ready", |t| t.contains("\nready")).await;
        }
        pane.end().await;
        only_its_own(&made, &id).await;
    }
    // As a user who is not root, too.
    let engine = Engine::connect(&endpoint()).unwrap();
    let opening = Opening { container: id.as_str().into(), user: Some("nobody".into()), ..Opening::default() };
    let mut pane = Pane::open(&engine, opening, 80, 24);
    pane.sees("$").await;
    pane.end().await;
    only_its_own(&made, &id).await;
    // What was put aside with nohup goes on, as it does elsewhere.
    let mut pane = Pane::shell(&id);
    pane.types("nohup sleep 4242 >/dev/null 2>&1 &\n");
    until("it to run", async || {
        let all = processes(&made, &id).join("\n");
        if all.contains("4242") { Ok(()) } else { Err(all) }
    })
    .await;
    pane.end().await;
    assert!(processes(&made, &id).join("\n").contains("sleep 4242"));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_neither_hangs_nor_harms() {
    let made = Made::new("garbage");
    let id = container(&made, "a");
    let mut pane = Pane::shell(&id);
    assert!(matches!(pane.happens().await, Happened::Started(_)));
    pane.types("printf '\\001\\377\\000\\002abc'; echo; head -c 3000000 /dev/urandom; printf '\\033c'; echo do''ne\n");
    pane.sees("done").await;
    // The garbage held questions, whose answers were typed into the shell: another one for the rest.
    pane.end().await;
    let mut pane = Pane::shell(&id);
    pane.sees("#").await;
    // A title without an end, and questions without number: nothing grows, nothing hangs.
    pane.types("(printf '\\033]0;'; head -c 20000000 /dev/zero | tr '\\0' x; printf '\\a'); echo en''ded\n");
    pane.sees("ended").await;
    pane.end().await;
    // Nor does it hang where nobody reads the answers.
    let engine = Engine::connect(&endpoint()).unwrap();
    let command = "for i in $(seq 30000); do printf '\\033[6n'; done; touch /tmp/asked; exec sleep 1000";
    let opening = Opening { container: id.as_str().into(), command: Some(command.into()), ..Opening::default() };
    let mut pane = Pane::open(&engine, opening, 80, 24);
    until("all questions to be asked", async || made.attempt(&["exec", &id, "ls", "/tmp/asked"])).await;
    pane.end().await;
    only_its_own(&made, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_stops_takes_its_terminals_with_it() {
    let made = Made::new("stops");
    let id = container(&made, "a");
    let mut pane = Pane::shell(&id);
    assert!(matches!(pane.happens().await, Happened::Started(_)));
    pane.sees("#").await;
    made.docker(&["kill", &id]);
    assert_eq!(pane.happens().await, Happened::Ended(Some(137)));
    let gone = container(&made, "b");
    let mut pane = Pane::shell(&gone);
    assert!(matches!(pane.happens().await, Happened::Started(_)));
    made.docker(&["rm", "-f", &gone]);
    assert!(matches!(pane.happens().await, Happened::Ended(None | Some(137))));
    let mut again = Pane::shell(&id);
    match again.happens().await {
        Happened::Failed(error) => assert!(error.message.contains("not running"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_shell_one_is_had_beside() {
    let made = Made::new("bare");
    let (name, label) = (made.name("a"), made.label());
    let id = made.docker(&["run", "-d", "--name", &name, "--label", &label, "--hostname", "barehost", &IMAGES.1]);
    let mut pane = Pane::shell(&id);
    assert_eq!(pane.happens().await, Happened::NoShell);
    let engine = Engine::connect(&endpoint()).unwrap();
    let opening = |image: Option<&str>| Opening {
        container: id.as_str().into(),
        name: "bare".into(),
        helper: Some(image.map(str::to_owned)),
        ..Opening::default()
    };
    let mut pane = Pane::open(&engine, opening(Some("debian:bookworm-slim")), 80, 24);
    assert_eq!(pane.happens().await, Happened::Started("bash".into()));
    pane.sees("/proc/1/root").await;
    pane.types("cat /proc/1/comm; ls /proc/1/root\n");
    pane.waits("the target's process and files", |t| t.matches("wait").count() >= 2).await;
    let helpers = || made.docker(&["ps", "-aq", "--filter", &format!("label={DEBUG_LABEL}={id}")]);
    assert!(!helpers().is_empty());
    pane.end().await;
    assert_eq!(helpers(), "");
    // It is gone too when its shell is left.
    let mut pane = Pane::open(&engine, opening(Some("debian:bookworm-slim")), 80, 24);
    assert!(matches!(pane.happens().await, Happened::Started(_)));
    pane.types("exit\n");
    assert_eq!(pane.happens().await, Happened::Ended(Some(0)));
    until("no helper", async || if helpers().is_empty() { Ok(()) } else { Err(helpers()) }).await;
    let mut pane = Pane::open(&engine, opening(Some("ondeck-no-such-image")), 80, 24);
    assert!(matches!(pane.happens().await, Happened::Failed(e) if e.kind == ErrorKind::NotFound));
    assert_eq!(helpers(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_forbids_it_is_told_of_in_words() {
    let made = Made::new("forbidden");
    let id = container(&made, "a");
    let proxy = Filter::new(|method, path| method == "POST" && path.contains("/exec")).await;
    let engine = Engine::connect(&endpoint_at(&proxy.url)).unwrap();
    let opening = Opening { container: id.as_str().into(), ..Opening::default() };
    let mut pane = Pane::open(&engine, opening, 80, 24);
    match pane.happens().await {
        Happened::Failed(error) => assert_eq!(error.kind, ErrorKind::Forbidden, "{error}"),
        other => panic!("{other:?}"),
    }
}

/// Keys as a person presses them, by way of the encoder.
fn press(pane: &Pane, code: crossterm::event::KeyCode) {
    let bytes = key(crossterm::event::KeyEvent::from(code), pane.screen.lock().modes());
    assert!(pane.session.as_ref().unwrap().input(bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_look_as_in_a_bare_terminal() {
    use crossterm::event::KeyCode;
    let made = Made::new("programs");
    let id = container(&made, "a");
    let text = "for i in $(seq 1 200); do echo \"line $i of a text with änderung and 漢字\"; done >/tmp/text; infocmp -1 xterm-256color >/tmp/terminal";
    made.docker(&["exec", &id, "sh", "-c", text]);
    let tmux = "tmux -L own$$ -f /dev/null new-session 'printf \"left\\n\"; sleep 1000' \\; split-window -h 'seq 5; sleep 1000' \\; set -g status-right ''";
    // Program, keys for it, what is seen once they are dealt with.
    let cases: [(&str, &[KeyCode], &str); 5] = [
        ("vim -u NONE -N -n /tmp/text", &[KeyCode::PageDown, KeyCode::Down, KeyCode::End], "line 24 "),
        ("less /tmp/text", &[KeyCode::PageDown, KeyCode::Char('j')], "line 25 "),
        (tmux, &[], "[0]"),
        ("less /tmp/terminal", &[KeyCode::Char('G')], "(END)"),
        (
            "LC_ALL=C htop --version; tput acsc; tput smacs; printf 'lqqqk\\nx   x\\nmqqqj'; tput rmacs; sleep 1000",
            &[],
            "┘",
        ),
    ];
    for (command, keys, sign) in cases {
        let utf8 = format!("export LANG=C.UTF-8; {command}");
        let env = ["exec", "-it", "-e", "TERM=xterm-256color", &id, "sh", "-c", &utf8];
        let mut bare = pty::Terminal::of("docker", 80, 24, &env, &[]);
        let engine = Engine::connect(&endpoint()).unwrap();
        let opening =
            Opening { container: id.as_str().into(), command: Some(command.to_owned()), ..Opening::default() };
        let mut pane = Pane::open(&engine, opening, 80, 24);
        until("both to begin", async || {
            let here = !pane.screen.lock().text().is_empty();
            if here && !bare.screen().trim().is_empty() { Ok(()) } else { Err(bare.screen()) }
        })
        .await;
        let modes = pane.screen.lock().modes();
        for code in keys {
            press(&pane, *code);
            bare.keys(&String::from_utf8(key(crossterm::event::KeyEvent::from(*code), modes)).unwrap());
        }
        // vt100 knows no line drawing, so that case is compared with what it must be.
        if sign == "┘" {
            let text = pane.sees(sign).await;
            assert!(text.contains("┌───┐\n│   │\n└───┘"), "{text}");
        } else {
            until(command, async || {
                let here: Vec<String> = pane.screen.lock().text().lines().map(|l| l.trim_end().to_owned()).collect();
                let mut there = bare.rows();
                while there.last().is_some_and(String::is_empty) {
                    there.pop();
                }
                let ready = here.iter().any(|l| l.contains(sign));
                let same = here == there;
                if ready && same {
                    Ok(())
                } else {
                    Err(format!("{}\n--- bare:\n{}", here.join("\n"), there.join("\n")))
                }
            })
            .await;
        }
        pane.end().await;
    }
    made.docker(&["exec", &id, "sh", "-c", "pkill tmux; true"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn top_and_htop_follow_the_size() {
    let made = Made::new("size");
    let id = container(&made, "a");
    for program in ["top -d 1", "htop -d 10"] {
        let engine = Engine::connect(&endpoint()).unwrap();
        let opening = Opening { container: id.as_str().into(), command: Some(program.into()), ..Opening::default() };
        let mut pane = Pane::open(&engine, opening, 80, 24);
        pane.sees("sleep").await;
        for (columns, rows) in [(120, 40), (90, 14), (100, 30)] {
            pane.session.as_ref().unwrap().resize(Size::new(columns, rows));
            // Both fill their width with the line of headings, which is inverse.
            let wide = async || {
                let mut widest = 0;
                pane.screen.lock().cells(|x, _, _, style, _, _| {
                    if style.bg.is_some() || style.add_modifier.contains(ratatui::style::Modifier::REVERSED) {
                        widest = widest.max(x + 1);
                    }
                });
                if widest == columns { Ok(()) } else { Err(format!("{widest} of {columns}")) }
            };
            until(program, wide).await;
        }
        pane.types("q");
        loop {
            if let Happened::Ended(code) = pane.happens().await {
                assert_eq!(code, Some(0));
                break;
            }
        }
    }
}

/// The panel with its list on one container.
fn panel(made: &Made, columns: u16, rows: u16) -> pty::Terminal {
    let address = endpoint().address.to_string();
    let mut panel = pty::Terminal::start(columns, rows, &["--host", &address], &[("COLORTERM", "truecolor")]);
    panel.see("Containers");
    panel.keys("3");
    panel.see("NAME");
    panel.keys(&format!("/{}\r", made.tag));
    panel.see(&format!("/ {}", made.tag));
    panel
}

const OUT: &str = "\x1d";

#[test]
fn from_the_list_into_a_terminal_and_back() {
    let made = Made::new("panel");
    let id = container(&made, "a");
    let mut panel = panel(&made, 120, 36);
    panel.keys("t");
    panel.see("# ");
    panel.keys("echo $((40+2))-here $COLORTERM; for i in $(seq 1 200); do echo row $i; done\r");
    panel.see("row 200");
    // Keys that are commands of the panel go to the program.
    panel.keys("q?:");
    panel.see("q?:");
    panel.keys("\x15");
    panel.keys(OUT);
    panel.see("⏎ goes in");
    panel.keys("g");
    panel.see("42-here truecolor");
    panel.keys("/row 17\r");
    panel.see("/ row 17 ");
    panel.wait("the hints", |s| s.contains("⏎ go in"));
    panel.keys("\x1b");
    panel.wait("no search", |s| !s.contains("/ row 17"));
    panel.keys("G");
    panel.see("row 200");
    // The same key again is for the program: telnet's own, and ours.
    panel.keys("\r");
    panel.see("ctrl-] leaves");
    panel.keys("cat -v\r");
    panel.keys(OUT);
    panel.see("⏎ goes in");
    panel.keys(OUT);
    panel.see("^]");
    panel.keys("\x03");
    // A second terminal, as a tab; both live on while other things are shown.
    panel.keys(OUT);
    panel.see("⏎ goes in");
    panel.keys("t");
    panel.see(" 2 ondeck-test");
    panel.keys("echo second\r");
    panel.see("│second");
    panel.keys(OUT);
    panel.keys("2");
    panel.see("2 terminals");
    panel.keys("\x14");
    panel.wait("the list of terminals", |s| s.contains("Terminals ─"));
    panel.keys("\r");
    panel.see("second");
    // Zoomed it has the whole screen.
    panel.keys(OUT);
    panel.see("⏎ goes in");
    panel.keys("z");
    panel.wait("one line of frame", |s| !s.contains("Containers") && s.contains("⏎ goes in"));
    panel.keys("\rstty size\r");
    panel.see("35 120");
    // Its end is told, and it starts again.
    panel.keys("exit 3\r");
    panel.see("bash ended with 3");
    panel.keys("q");
    panel.keys("\r");
    panel.wait("another shell", |s| s.contains("ctrl-] leaves") && !s.contains("ended with 3  ctrl"));
    panel.keys("echo ag''ain\r");
    panel.see("again");
    // Leaving asks, and ends them.
    panel.keys(OUT);
    panel.see("⏎ goes in");
    panel.keys("q");
    panel.see("Leave while terminals are running?");
    panel.keys("y");
    assert!(panel.ended().success());
    panel.is_sane();
    assert_eq!(processes(&made, &id), Vec::<String>::new());
}

#[test]
fn vim_writes_a_file_and_top_is_resized_in_the_panel() {
    let made = Made::new("vim");
    let id = container(&made, "a");
    let mut panel = panel(&made, 120, 36);
    panel.keys("t");
    panel.see("# ");
    panel.keys("vim -u NONE -N /tmp/note\r");
    panel.see("[New]");
    panel.keys("iheard on deck \u{e4}\x1b");
    panel.see("heard on deck ä");
    panel.keys(":wq\r");
    panel.see("written");
    assert_eq!(made.docker(&["exec", &id, "cat", "/tmp/note"]), "heard on deck ä");
    // It is not over before the screen is as it was; what is typed until then is lost in any terminal.
    panel.wait("the shell again", |s| !s.contains("heard on deck"));
    panel.keys("top -d 1\r");
    panel.see("Tasks:");
    panel.resize(160, 45);
    panel.wait("top at the new size", |s| {
        s.lines().nth(2).is_some_and(|l| l.chars().count() == 160) && s.contains("load average") && s.contains("Tasks:")
    });
    panel.resize(90, 28);
    panel.wait("top in a smaller one", |s| s.contains("Tasks:") && s.contains("ctrl-] leaves"));
    panel.keys("q");
    panel.wait("the shell again", |s| s.contains(":/#"));
    // Pasted text is marked as such where a program asked, and no line of it runs by itself.
    panel.keys("\x1b[200~echo pasted\necho twice\n\x1b[201~");
    panel.see("echo twice");
    let screen = panel.screen();
    assert!(!screen.contains("│pasted"), "{screen}");
    panel.keys("\r");
    panel.see("│pasted");
    panel.keys(OUT);
    panel.see("⏎ goes in");
    panel.keys("x");
    panel.see("End the terminal");
    panel.keys("y");
    panel.wait("no terminal", |s| !s.contains("1 terminal"));
    let until = Instant::now() + PATIENCE;
    while !processes(&made, &id).is_empty() {
        assert!(Instant::now() < until, "{:?}", processes(&made, &id));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_flood_makes_no_key_wait_and_takes_no_memory() {
    let made = Made::new("flood");
    let id = container(&made, "a");
    made.docker(&["exec", &id, "sh", "-c", "yes 0123456789abcdefghijklmnopqrstuvwxyz | head -c 50000000 >/tmp/big"]);
    let mut panel = panel(&made, 120, 36);
    panel.keys("t");
    panel.see("# ");
    panel.keys("while :; do cat /tmp/big; done\r");
    panel.see("0123456789");
    // In the middle of it: out, help, back, in, and stop it.
    for _ in 0..3 {
        panel.keys(OUT);
        panel.see("⏎ goes in");
        panel.keys("?");
        panel.see("Terminals, outside their program");
        panel.keys("\x1b");
        panel.wait("the help to be gone", |s| !s.contains("outside their program"));
        panel.keys("\r");
        panel.see("ctrl-] leaves");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", panel.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kilobytes < 120_000, "{line}");
    panel.keys("\x03");
    panel.keys("\x15echo st''opped\r");
    panel.see("stopped");
    panel.keys("cat /tmp/big; echo do''ne\r");
    panel.see("done");
}

#[test]
fn read_only_refuses_terminals_with_the_reason() {
    let made = Made::new("readonly");
    container(&made, "a");
    let address = endpoint().address.to_string();
    let mut panel = pty::Terminal::start(120, 36, &["--host", &address, "--read-only"], &[]);
    panel.see("Containers");
    panel.keys("3");
    panel.keys(&format!("/{}\r", made.tag));
    panel.see(&format!("/ {}", made.tag));
    panel.keys("t");
    panel.see("Not possible now");
}

#[test]
fn a_panel_that_is_hung_up_on_ends_its_terminals() {
    let made = Made::new("hangup");
    let id = container(&made, "a");
    for signal in [rustix::process::Signal::HUP, rustix::process::Signal::TERM] {
        let mut panel = panel(&made, 100, 30);
        panel.keys("t");
        panel.see("# ");
        panel.keys("sleep 4321\r");
        panel.see("sleep 4321");
        panel.signal(signal);
        panel.ended();
        panel.is_sane();
        assert_eq!(processes(&made, &id), Vec::<String>::new());
    }
}

#[test]
fn a_program_gives_the_outer_terminal_no_orders() {
    let made = Made::new("orders");
    container(&made, "a");
    let mut panel = panel(&made, 100, 30);
    panel.keys("t");
    panel.see("# ");
    let before = panel.bytes().len();
    panel.keys("printf '\\033]0;own''ed\\007\\033]52;c;b3duZWQ=\\007\\033[?1003h\\033[3;3;3t\\033P+q00\\033\\\\\\033c'; echo do''ne\r");
    panel.see("done");
    panel.keys(OUT);
    panel.see("⏎ goes in");
    let bytes = panel.bytes();
    let text = String::from_utf8_lossy(&bytes[before..]);
    for order in ["\x1b]", "\x1bP", "\x1bc", "\x1b[?1003", "\x1b[2J", "\x1b[3;3"] {
        assert!(!text.contains(order), "{order:?} in {text:?}");
    }
}
