//! Logs of real containers: terminals, long lines, garbage, floods.
//!
//! Each test makes its own containers, labelled as its own, and removes them even when it fails.
#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ondeck::engine::{Endpoint, Engine, Surroundings};
use ondeck::logs::{self, FollowAsk, LogBuffer, LogEvent, Source};

const IMAGE: &str = "debian:bookworm-slim";

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A container that is gone when the test is over.
struct Container {
    id: String,
    tty: bool,
}

impl Container {
    fn run(script: &str, tty: bool) -> Self {
        let label = format!("dev.ondeck.test=logs-{}", std::process::id());
        let terminal = if tty { "--tty=true" } else { "--tty=false" };
        let run = ["run", "-d", "--network", "none", "--label", &label, terminal, IMAGE, "sh", "-c", script];
        Self { id: docker(&run), tty }
    }

    fn source(&self) -> Source {
        Source { id: self.id.as_str().into(), name: "test".into(), tty: self.tty }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // A failing test must not fail again here.
        let _ = Command::new("docker").args(["rm", "-f", "-v", &self.id]).output();
    }
}

fn engine() -> Arc<Engine> {
    let endpoint = Endpoint::resolve(None, &Surroundings::of_process()).unwrap();
    Arc::new(Engine::connect(&endpoint).unwrap())
}

const ALL: FollowAsk = FollowAsk { tail: None, since: None, until: None };

/// Follows until the sources have ended.
async fn whole(containers: &[&Container], ask: FollowAsk) -> LogBuffer {
    let sources = containers.iter().map(|container| container.source()).collect();
    let mut tail = logs::follow(engine(), sources, ask, &[]);
    let mut buffer = LogBuffer::new(256 << 20);
    let mut open = containers.len();
    let read = async {
        while open > 0 {
            match tail.next().await.unwrap() {
                LogEvent::Chunk(chunk) => assert!(buffer.append(chunk)),
                LogEvent::BacklogDone => {}
                LogEvent::Ended { .. } => open -= 1,
                LogEvent::Failed { error, .. } => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(2), read).await.unwrap();
    buffer
}

fn texts(buffer: &LogBuffer) -> Vec<&str> {
    buffer.lines_from(buffer.first()).map(|(_, line)| line.text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_ten_megabytes_keeps_its_beginning_and_the_next_line_whole() {
    let script = "echo before; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo after";
    for tty in [false, true] {
        let container = Container::run(script, tty);
        let buffer = whole(&[&container], ALL).await;
        let lines: Vec<_> = buffer.lines_from(buffer.first()).map(|(_, line)| line).collect();
        assert_eq!(texts(&buffer).iter().map(|text| text.len()).collect::<Vec<_>>(), [6, 64 << 10, 5], "tty {tty}");
        assert!(lines[1].text.bytes().all(|b| b == b'x'));
        let all = lines[1].text.len() + lines[1].dropped as usize;
        assert!(all.abs_diff(10_000_000) < 100, "tty {tty}: {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_harmless() {
    for tty in [false, true] {
        let container = Container::run("head -c 300000 /dev/urandom; echo; echo the end", tty);
        let buffer = whole(&[&container], ALL).await;
        let mut binary = 0;
        for (_, line) in buffer.lines_from(buffer.first()) {
            assert!(!logs::plain(&line).chars().any(ondeck::text::is_unsafe));
            binary += usize::from(line.flags.binary);
        }
        assert!(binary > buffer.len() / 2, "{binary} of {}", buffer.len());
        assert!(texts(&buffer).last().unwrap().ends_with("the end"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_thousand_lines_at_once_arrive_in_order() {
    for tty in [false, true] {
        let pad = "p".repeat(90);
        let container = Container::run(&format!("seq -f '%07.0f {pad}' 1 200000"), tty);
        let buffer = whole(&[&container], ALL).await;
        assert_eq!(buffer.len(), 200_000, "tty {tty}");
        for (n, (_, line)) in buffer.lines_from(buffer.first()).enumerate() {
            assert_eq!(line.text.split(' ').next().unwrap().parse(), Ok(n + 1));
        }
        let mut tail = logs::follow(engine(), vec![container.source()], FollowAsk::default(), &[]);
        let mut small = LogBuffer::default();
        while let LogEvent::Chunk(chunk) = tail.next().await.unwrap() {
            small.append(chunk);
        }
        assert_eq!(small.len(), 1000);
        while !small.at_head() {
            let page = logs::older(&*engine(), &[container.source()], &[small.held(0)], 8 << 20).await.unwrap();
            assert!(!page.is_empty());
            small.prepend_page(page);
        }
        let first = small.line(small.first()).unwrap();
        assert!(first.text.starts_with("0000001 "), "{}", first.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_streams_colours_and_progress_bars_are_as_a_terminal_shows_them() {
    let script = r"printf '\033[31mred\033[0m\tx\n'; echo wrong >&2; printf ' 10%%\r 50%%\r100%%\n'; printf '\033]0;title\007\033[2Jdone\n'; printf 'no end'";
    let container = Container::run(script, false);
    let mut buffer = whole(&[&container], ALL).await;
    // The engine keeps a line without an end only some time after the container has ended.
    for _ in 0..100 {
        if buffer.len() == 5 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        buffer = whole(&[&container], ALL).await;
    }
    let mut lines: Vec<_> = buffer.lines_from(buffer.first()).map(|(_, line)| (line.text, line.flags.stderr)).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [("\x1b[31mred\x1b[0m     x", false), ("100%", false), ("done", false), ("no end", false), ("wrong", true)]
    );
    let container = Container::run(script, true);
    assert_eq!(
        texts(&whole(&[&container], ALL).await),
        ["\x1b[31mred\x1b[0m     x", "wrong", "100%", "done", "no end"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_two_containers_are_one_by_time_and_go_on_after_a_restart() {
    let script = "for n in 1 2 3 4 5; do echo $n; sleep 0.1; done";
    let (one, two) = (Container::run(script, false), Container::run(script, true));
    let buffer = whole(&[&one, &two], FollowAsk::default()).await;
    assert_eq!(buffer.len(), 10);
    let last = buffer.held(0).newest;
    docker(&["start", &one.id]);
    let mut tail = logs::follow(engine(), vec![one.source()], FollowAsk::default(), &[last]);
    let mut again = LogBuffer::default();
    while let Some(LogEvent::Chunk(_) | LogEvent::BacklogDone) = {
        let event = tail.next().await;
        if let Some(LogEvent::Chunk(chunk)) = &event {
            again.append(Arc::clone(chunk));
        }
        event
    } {}
    assert_eq!(texts(&again), ["1", "2", "3", "4", "5"]);

    docker(&["wait", &one.id, &two.id]);
    let mut by_time = LogBuffer::default();
    let sources = [one.source(), two.source()];
    by_time.start_at_head(logs::first_page(&*engine(), &sources, None, 1 << 20).await.unwrap());
    assert_eq!(by_time.len(), 15);
    assert!(by_time.at_tail());
    assert!(by_time.lines_from(by_time.first()).map(|(_, line)| line.nanos).is_sorted());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    assert_eq!(logs::save(&*engine(), &sources, &path, false, |_| {}).await.unwrap().lines, 15);
}
