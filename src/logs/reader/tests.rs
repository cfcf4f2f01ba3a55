#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::logs::Line;
use crate::text::is_unsafe;

const TIME: &str = "2026-11-21T02:02:08.395104094Z ";

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut all = vec![kind, 0, 0, 0];
    all.extend((body.len() as u32).to_be_bytes());
    all.extend(body);
    all
}

fn said(kind: u8, text: &str) -> Vec<u8> {
    frame(kind, format!("{TIME}{text}").as_bytes())
}

/// Everything a line is, in a form that can be compared after its chunk is gone.
type Seen = (String, i64, u32, bool, bool);

fn seen(line: &Line<'_>) -> Seen {
    (line.text.to_owned(), line.nanos, line.dropped, line.flags.stderr, line.flags.binary)
}

fn read<'a>(mut reader: Reader, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
    pieces.into_iter().for_each(|piece| reader.feed(piece));
    reader.end();
    std::iter::from_fn(move || reader.next_chunk())
        .flat_map(|chunk| chunk.lines().map(|line| seen(&line)).collect::<Vec<_>>())
        .collect()
}

fn texts(shape: Shape, bytes: &[u8]) -> Vec<String> {
    read(Reader::new(shape, 0), [bytes]).into_iter().map(|seen| seen.0).collect()
}

#[test]
fn frames_of_both_streams_keep_apart() {
    let bytes = [said(1, "out-"), said(2, "err\n"), said(1, "put\n"), said(1, "\n"), said(2, "last")].concat();
    let lines = read(Reader::new(Shape::Framed, 0), [&bytes[..]]);
    let short: Vec<_> = lines.iter().map(|line| (line.0.as_str(), line.3)).collect();
    assert_eq!(short, [("err", true), ("out-put", false), ("", false), ("last", true)]);
    assert!(lines.iter().all(|line| line.1 == 1_795_226_528_395_104_094));
}

#[test]
fn several_lines_in_a_frame_and_times_a_program_prints() {
    let bytes = frame(1, format!("{TIME}a\n{TIME}b\n2026-11-21 c\n").as_bytes());
    assert_eq!(texts(Shape::Framed, &bytes), ["a", "b", "2026-11-21 c"]);
    assert_eq!(texts(Shape::Plain, format!("{TIME}{TIME}x\r\n").as_bytes()), [format!("{TIME}x")]);
}

#[test]
fn a_long_line_is_joined_from_its_parts_and_cut_at_the_cap() {
    let part = "x".repeat(PART);
    let (mut framed, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        framed.extend(said(1, &part));
        plain.extend(format!("{TIME}{part}").as_bytes());
    }
    framed.extend(said(1, "end\n"));
    plain.extend(format!("{TIME}end\r\n{TIME}next\r\n").as_bytes());
    for (shape, bytes) in [(Shape::Framed, &framed), (Shape::Plain, &plain)] {
        let lines = read(Reader::new(shape, 0), bytes.chunks(1000));
        assert_eq!(lines[0].0, "x".repeat(64 << 10));
        assert!((16 * PART as u32 + 3).abs_diff(lines[0].2) <= 64, "{}", lines[0].2);
    }
    assert_eq!(texts(Shape::Plain, &plain)[1], "next");
    let short = [said(1, &part), said(1, "end\n")].concat();
    assert_eq!(texts(Shape::Framed, &short), [part + "end"]);
}

#[test]
fn a_progress_bar_of_hours_leaves_its_last_state() {
    let mut plain = TIME.as_bytes().to_vec();
    let mut framed = Vec::new();
    for n in 0..20_000 {
        let step = format!("\rstep {n:06}");
        framed.extend(said(1, &step));
        plain.extend(step.as_bytes());
    }
    framed.extend(said(1, "\n"));
    plain.extend(b"\r\n");
    assert_eq!(texts(Shape::Framed, &framed), ["step 019999"]);
    assert_eq!(read(Reader::new(Shape::Plain, 0), plain.chunks(777))[0].0, "step 019999");
}

#[test]
fn a_prompt_shows_after_a_quiet_moment_but_a_long_line_waits() {
    let mut reader = Reader::new(Shape::Plain, 0);
    reader.feed(format!("{TIME}$ ").as_bytes());
    assert!(reader.has_part() && !reader.has_lines());
    reader.quiet();
    reader.feed(b"ls\r\n");
    reader.flush();
    let chunk = reader.next_chunk().unwrap();
    assert_eq!(
        chunk.lines().map(|line| (line.text, line.flags.partial)).collect::<Vec<_>>(),
        [("$ ", true), ("ls", false)]
    );
    reader.feed(&[b'x'; PART]);
    assert!(!reader.has_part());
}

#[test]
fn what_is_known_already_is_left_out() {
    let mark = Mark { nanos: 1_795_226_528_395_104_094, lines: 2 };
    let bytes =
        [said(1, "a\n"), said(1, "b\n"), said(1, "c\n"), frame(1, b"2026-11-21T02:02:09.000000000Z d\n")].concat();
    let lines = read(Reader::new(Shape::Framed, 0).after(Some(mark)), [&bytes[..]]);
    assert_eq!(lines.iter().map(|line| line.0.as_str()).collect::<Vec<_>>(), ["c", "d"]);
}

#[test]
fn what_has_no_frames_is_shown_all_the_same() {
    assert_eq!(texts(Shape::Framed, b"plain text\nmore\n"), ["plain text", "more"]);
    assert_eq!(texts(Shape::Framed, &frame(1, &[])), Vec::<String>::new());
    assert_eq!(texts(Shape::Framed, b"\x01\x00\x00"), Vec::<String>::new());
}

#[test]
fn a_frame_too_large_to_be_read_as_one_is_read_in_pieces() {
    let body = format!("{TIME}{}\nnext\n", "y".repeat(2 << 20));
    let bytes = frame(2, body.as_bytes());
    for size in [100, 5000, bytes.len()] {
        let lines = read(Reader::new(Shape::Framed, 0), bytes.chunks(size));
        assert_eq!(
            (lines.len(), lines[0].0.len(), lines[0].2, lines[1].0.as_str()),
            (2, 64 << 10, (2 << 20) - (64 << 10), "next")
        );
    }
}

/// Only text, and escapes that begin SGR sequences.
fn harmless(text: &str) -> bool {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default();
    let ends = |part: &str| {
        let body = part.strip_prefix('[')?;
        let end = body.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
        body[end..].strip_prefix('m').map(|rest| !rest.chars().any(is_unsafe))
    };
    !first.chars().any(is_unsafe) && parts.all(|part| ends(part) == Some(true))
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        any::<Vec<u8>>(),
        prop::sample::select(vec![
            "\x1b[31m",
            "\x1b[",
            "\x1b]0;",
            "\x07",
            "\x1b\\",
            "\r",
            "\r\n",
            "\n",
            "\t",
            "\x08",
            "漢",
            "e\u{301}",
            "\u{9b}31m",
            "\u{202e}",
            "\x1b[2K",
            "\x1b[9C",
            "\x1b[0m",
            "text",
            TIME,
            "\x1b(0",
            "\x1bP",
            "m",
            "5;",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        (40_usize..400).prop_map(|n| vec![b'z'; n]),
    ];
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_the_same_harmless_lines(
        bodies in prop::collection::vec((0_u8..3, any::<bool>(), bytes()), 0..8),
        sizes in prop::collection::vec(1_usize..200, 1..10),
        framed: bool,
    ) {
        let mut all = Vec::new();
        for (kind, timed, body) in bodies {
            let body = if timed { [TIME.as_bytes(), &body].concat() } else { body };
            all.extend(if framed { frame(kind, &body) } else { body });
        }
        let small = Limits { line: 300, chunk: 500 };
        for (shape, limits) in [(Shape::Framed, small), (Shape::Plain, small), (Shape::Plain, Limits::default())] {
            let reader = || Reader::new(shape, 0).with_limits(limits);
            let whole = read(reader(), [&all[..]]);
            let mut rest = &all[..];
            let mut pieces = Vec::new();
            for size in sizes.iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at((*size).min(rest.len()));
                pieces.push(now);
                rest = later;
            }
            let split = read(reader(), pieces);
            prop_assert_eq!(&whole, &split);
            for line in &whole {
                prop_assert!(harmless(&line.0), "{:?}", line.0);
            }
        }
    }
}
