//! How fast logs are read, beside one pass over the same bytes that only copies them and finds the ends of
//! lines. Figures are ratios within one run; the speeds beside them depend on the machine.

use std::hint::black_box;
use std::time::Instant;

use ondeck::logs::{Direction, LogBuffer, Pos, Query, Reader, Shape};

fn frame(body: &str, framed: bool, out: &mut Vec<u8>) {
    let all = format!("2026-11-21T02:02:08.395104094Z {body}\n");
    if framed {
        out.extend([1, 0, 0, 0]);
        out.extend((all.len() as u32).to_be_bytes());
    }
    out.extend(all.bytes());
}

fn stream(line: impl Fn(usize) -> String, framed: bool) -> Vec<u8> {
    let mut all = Vec::new();
    let mut n = 0;
    while all.len() < 64 << 20 {
        frame(&line(n), framed, &mut all);
        n += 1;
    }
    all
}

/// Seconds of the quickest of five runs.
fn seconds(mut run: impl FnMut()) -> f64 {
    (0..5)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::MAX, f64::min)
}

fn read(bytes: &[u8], shape: Shape, mut each: impl FnMut(std::sync::Arc<ondeck::logs::Chunk>)) {
    let mut reader = Reader::new(shape, 0);
    for piece in bytes.chunks(16 << 10) {
        reader.feed(piece);
        while let Some(chunk) = reader.next_chunk() {
            each(chunk);
        }
    }
    reader.end();
    while let Some(chunk) = reader.next_chunk() {
        each(chunk);
    }
}

fn main() {
    let ascii = |n: usize| format!("{n:08} {}", "GET /index.html 200 12ms client=10.0.0.1 ".repeat(2));
    let colour = |n: usize| {
        format!("\x1b[32mINFO\x1b[0m {n:08} \x1b[1mrequest\x1b[0m served, 200, 12 ms, client 10.0.0.1, agent test")
    };
    let wide = |n: usize| format!("{n:08} 漢字とかな交じりの行です。もう少し長くします。é");
    let cases: [(&str, Vec<u8>, Shape); 4] = [
        ("plain ASCII, framed", stream(ascii, true), Shape::Framed),
        ("plain ASCII, terminal", stream(ascii, false), Shape::Plain),
        ("colours", stream(colour, true), Shape::Framed),
        ("wide characters", stream(wide, true), Shape::Framed),
    ];
    println!("{:<24} {:>8} {:>9} {:>12}", "read", "MB/s", "of a copy", "lines/s");
    for (name, bytes, shape) in &cases {
        let raw = seconds(|| {
            for piece in bytes.chunks(16 << 10) {
                let copy = piece.to_vec();
                black_box(memchr::memchr_iter(b'\n', &copy).count());
            }
        });
        let mut lines = 0;
        let took = seconds(|| {
            lines = 0;
            read(bytes, *shape, |chunk| lines += black_box(chunk).len());
        });
        let rate = bytes.len() as f64 / took / 1e6;
        println!("{name:<24} {rate:>8.0} {:>8.0}% {:>12.0}", raw / took * 100.0, lines as f64 / took);
    }
    let mut buffer = LogBuffer::default();
    read(&cases[0].1, Shape::Framed, |chunk| {
        buffer.append(chunk);
    });
    let all = buffer.snapshot();
    println!("\n{} lines, {} MB held", buffer.len(), buffer.size() / 1_000_000);
    println!("{:<24} {:>8}", "search all of it", "MB/s");
    for (name, text) in [
        ("a word not there", "nowhere"),
        ("a pattern not there", r"client=\d+\.\d+ nowhere"),
        ("a word in each line", "index"),
    ] {
        let query = Query::new(text);
        let took = seconds(|| {
            black_box(query.find(&all, Pos(i64::MIN / 2), Direction::Forward));
            black_box(query.count(&all, usize::MAX));
        });
        println!("{name:<24} {:>8.0}", buffer.size() as f64 / took / 1e6);
    }
}
