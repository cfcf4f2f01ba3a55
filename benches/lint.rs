//! How fast Dockerfiles of a megabyte are judged and coloured, beside one pass over the same text that only finds its
//! lines. Figures are ratios within one run; the times beside them depend on the machine.

use std::hint::black_box;
use std::time::Instant;

use ondeck::dockerfile::{Surroundings, complete, highlight, lint, parse};

const SIZE: usize = 1 << 20;

fn filled(head: &str, line: impl Fn(usize) -> String) -> String {
    let mut text = head.to_owned();
    let mut n = 0;
    while text.len() < SIZE {
        text.push_str(&line(n));
        n += 1;
    }
    text
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

fn main() {
    let cases: Vec<(&str, String)> = vec![
        (
            "many instructions",
            filled("FROM debian:12\n", |n| format!("RUN make step-{n} && ./check --all \"$A\"\nENV A{n}=\"b c\"\n")),
        ),
        ("many findings", filled("FROM debian\n", |_| "RUN sudo apt install curl | cat\nadd a b c\n".into())),
        ("one long line", filled("FROM debian:12\nRUN true", |n| format!(" && pip install p{n} \"$X\""))),
        ("one long word", filled("FROM debian:12\nENV A=", |_| "aé$B".into())),
        (
            "one long heredoc",
            filled("FROM debian:12\nRUN <<EOF\n", |n| format!("apt-get install p{n} $(x)\n")) + "EOF\n",
        ),
        ("heredocs without end", filled("FROM debian:12\n", |n| format!("RUN cat <<E{n}\nx\n"))),
        ("many heredocs on one line", filled("FROM debian:12\nRUN", |n| format!(" <<E{n}"))),
        ("100,000 continuations", filled("FROM debian:12\nRUN true", |_| " \\\n && a b".into())),
        ("empty lines within", filled("FROM debian:12\nRUN true \\\n", |_| "\n".into())),
        ("ONBUILD in ONBUILD", filled("FROM debian:12\n", |_| "ONBUILD ".into())),
        ("many ONBUILD", filled("FROM debian:12\n", |_| "ONBUILD RUN make\n".into())),
        ("many stages", filled("", |n| format!("FROM s{} AS s{n}\nCOPY --from=s{} /a /b\n", n / 2, n + 1))),
        ("stages upon stages", filled("FROM a:1 AS s0\n", |n| format!("FROM s{n} AS s{}\nENV A{n}=1\n", n + 1))),
        ("many variables", filled("FROM a:1\n", |n| format!("ENV V{n}=$V{}\nWORKDIR $W{n}\n", n / 2))),
        ("many comments", filled("", |_| "# hadolint ignore=DL3006\n# c\nFROM debian\n".into())),
        ("open brackets", filled("FROM a:1\nRUN ", |_| "$(a ${b \"".into())),
        ("JSON", filled("FROM a:1\nCMD [\"a\"", |_| ", \"bé\\n\"".into()) + "]\n"),
        ("JSON without end", filled("FROM a:1\nCMD [\"a\"", |_| ", \"b\\n\"".into())),
        ("unknown words", filled("FROM a:1\n", |n| format!("word{n} x\n"))),
    ];
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>10} {:>10}  (times the pass over its lines; ms)",
        "1 MiB", "parse", "lint", "colours", "complete", "lint+col."
    );
    let mut worst = 0.0f64;
    for (name, text) in &cases {
        let lines = seconds(|| {
            black_box(memchr::memchr_iter(b'\n', black_box(text.as_bytes())).map(|i| i + 1).collect::<Vec<_>>());
        });
        let parsed = seconds(|| drop(black_box(parse(black_box(text)))));
        let linted = seconds(|| drop(black_box(lint(black_box(text), &Surroundings::default()))));
        let coloured = seconds(|| drop(black_box(highlight(black_box(text)))));
        let completed = seconds(|| drop(black_box(complete(black_box(text), text.len()))));
        worst = worst.max(linted + coloured);
        println!(
            "{name:<28} {:>8.0} {:>8.0} {:>8.0} {:>10.0} {:>7.1} ms",
            parsed / lines,
            linted / lines,
            coloured / lines,
            completed / lines,
            (linted + coloured) * 1e3
        );
    }
    println!("worst: {:.1} ms", worst * 1e3);
}
