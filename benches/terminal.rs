//! What a terminal costs: the emulator alone, one screen drawn, and a whole terminal on a real engine beside
//! the raw stream of the same command. Ratios hold everywhere; the speeds depend on the machine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ondeck::engine::{Endpoint, Engine, ExecAsk, Surroundings};
use ondeck::terminal::{Emulator, Happened, Opening, Running, Screen, Size};
use tokio::io::AsyncReadExt;

const IMAGE: &str = "debian:bookworm-slim";
const MEGABYTES: usize = 50;

fn quickest(runs: usize, mut run: impl FnMut()) -> f64 {
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::MAX, f64::min)
}

fn parser() {
    let lines = |text: &str| text.repeat((16 << 20) / text.len());
    let cases = [
        ("plain", lines("0123456789 the quick brown fox jumps over the lazy dog and on\r\n")),
        ("colour", lines("\x1b[32mok\x1b[0m \x1b[1;34mdir\x1b[0m \x1b[38;5;200mx\x1b[0m plain text after it\r\n")),
        ("wide", lines("漢字とかな交じりの行です e\u{301} もう少し\r\n")),
        ("redraw", lines("\x1b[H\x1b[2K one line \x1b[7m inverse \x1b[0m\x1b[5;10Hmiddle\x1b[K\x1b[24;1Hlast\x1b[K")),
    ];
    for (name, text) in cases {
        let took = quickest(3, || {
            let mut emulator = Emulator::new(Size::new(160, 50), 5000);
            for piece in text.as_bytes().chunks(8192) {
                emulator.feed(piece);
            }
            black_box(emulator.history());
        });
        println!("emulator {name:7} {:6.0} MB/s", text.len() as f64 / took / 1e6);
    }
    let mut emulator = Emulator::new(Size::new(160, 50), 5000);
    for n in 0..200 {
        emulator.feed(format!("\x1b[{}m{n:04}\x1b[0m {}\r\n", 31 + n % 7, "some words of a log ".repeat(7)).as_bytes());
    }
    let took = quickest(50, || {
        let mut cells = 0;
        emulator.cells(|_, _, text, style, _, _| {
            cells += usize::from(!text.is_empty() && black_box(style).fg.is_none());
        });
        black_box(cells);
    });
    println!("one screen of 160x50 cells    {:6.0} us", took * 1e6);
}

async fn raw(engine: &Engine, container: &str, command: &str) -> f64 {
    let ask = ExecAsk { tty: Some((160, 50)), ..ExecAsk::of(["sh", "-c", command]) };
    let began = Instant::now();
    let Ok(mut exec) = engine.exec_tty(container, &ask).await else { return f64::NAN };
    let mut buffer = vec![0; 64 << 10];
    while let Ok(1..) = exec.output.read(&mut buffer).await {}
    began.elapsed().as_secs_f64()
}

async fn terminal(engine: &Engine, container: &str, command: &str) -> f64 {
    let screen = Screen::new(Size::new(160, 50), 5000);
    let (tell, mut news) = tokio::sync::mpsc::unbounded_channel();
    let opening = Opening { container: container.into(), command: Some(command.into()), ..Opening::default() };
    let began = Instant::now();
    let session = Running::open(engine.clone(), opening, screen.clone(), move |what| {
        let _ = tell.send(what);
    });
    let mut frames = tokio::time::interval(Duration::from_millis(16));
    let took = loop {
        tokio::select! {
            what = news.recv() => match what {
                Some(Happened::Ended(_)) => break began.elapsed().as_secs_f64(),
                Some(Happened::Failed(error)) => { println!("{error}"); break f64::NAN; }
                Some(_) => screen.seen(),
                None => break f64::NAN,
            },
            // As the panel does: a frame sixty times a second.
            _ = frames.tick() => { black_box(screen.lock().text().len()); }
        }
    };
    session.end().await;
    took
}

fn main() {
    parser();
    let docker = |args: &[&str]| std::process::Command::new("docker").args(args).output().ok();
    let script = format!(
        "yes 'a line of some length, as programs print them by the million' | head -c {MEGABYTES}000000 >/big; exec sleep 600"
    );
    let run = ["run", "-d", "--rm", "--label", "dev.ondeck.perf=1", IMAGE, "sh", "-c", &script];
    let Some(id) = docker(&run).filter(|o| o.status.success()) else {
        return println!("no engine, or no {IMAGE}: the stream of a real terminal is not measured");
    };
    let id = String::from_utf8_lossy(&id.stdout).trim().to_owned();
    let engine = Endpoint::resolve(None, &Surroundings::of_process()).and_then(|e| Engine::connect(&e));
    if let (Ok(engine), Ok(runtime)) = (engine, tokio::runtime::Runtime::new()) {
        runtime.block_on(async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let (mut raws, mut terminals) = (f64::MAX, f64::MAX);
            for _ in 0..5 {
                raws = raws.min(raw(&engine, &id, "cat /big").await);
                terminals = terminals.min(terminal(&engine, &id, "cat /big").await);
            }
            // Each line feed becomes two bytes on the way.
            println!("raw stream of a terminal      {:6.0} MB/s", MEGABYTES as f64 / raws);
            println!("the same, emulated and drawn  {:6.0} MB/s", MEGABYTES as f64 / terminals);
            println!("ratio (goal: at least 60 %)   {:6.0} %", raws / terminals * 100.0);
        });
    }
    docker(&["rm", "-f", &id]);
}
