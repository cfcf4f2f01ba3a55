#![allow(clippy::unwrap_used)]

use super::super::testing::lab;
use super::*;

fn with<T>(text: &str, look: impl FnOnce(&Reading<'_>) -> T) -> T {
    let mut lab = lab("[]");
    lab.build.as_mut().unwrap().args.insert("GIVEN".into(), "g".into());
    look(&Reading::of(&Recipe::new("Dockerfile", text), &lab))
}

fn calls(text: &str) -> Vec<String> {
    with(&format!("FROM a\n{text}\n"), |reading| reading.calls.iter().map(Call::words).collect())
}

#[test]
fn variables_are_replaced_as_a_build_does() {
    let known = |name: &str| match name {
        "A" => Some("a".to_owned()),
        "E" => Some(String::new()),
        _ => None,
    };
    for (text, expected, complete) in [
        ("x$A-${A}y", "xa-ay", true),
        ("${B:-d} ${E:-e} ${E-f} ${A:+s} ${B:+n} ${B:-${A}b}", "d e  s  ab", true),
        ("'$A' \"$A\" \\$A $", "$A a $A $", true),
        ("$B", "$B", false),
        ("${B}/x", "${B}/x", false),
        ("${A%x}", "${A%x}", false),
        ("$1 $$ ${", "$1 $$ ${", false),
        ("é$A", "éa", true),
    ] {
        assert_eq!(expand(text, '\\', &known), (expected.to_owned(), complete), "{text}");
    }
}

#[test]
fn a_text_that_grows_by_its_variables_stops_growing() {
    let mut text = "FROM a\nENV A0=xxxxxxxxxx\n".to_owned();
    for n in 1..60 {
        text = format!("{text}ENV A{n}=$A{0}$A{0}\n", n - 1);
    }
    text.push_str("USER $A59\n");
    with(&text, |reading| assert_eq!(reading.words(61), [None]));
}

#[test]
fn stages_know_what_they_are_made_from() {
    let text = "ARG V=3.11\nARG GIVEN\nFROM python:${V}-$GIVEN AS Base\nENV A=1 B=$V\nARG V\nARG LATE=2\nENV C=$V\nUSER app\n\
        FROM base AS two\nENV A=2 D=$LATE\nFROM $UNKNOWN\nFROM two\nRUN x\n";
    with(text, |reading| {
        assert_eq!(reading.root(0).0, Some("python:3.11-g"));
        assert_eq!(reading.root(3).0, Some("python:3.11-g"));
        assert_eq!((reading.root(2).0, reading.target), (None, Some(3)));
        let end = reading.end(3);
        let value = |name: &str| reading.variable(name, end, true).map(|(value, _)| value.map(str::to_owned));
        assert_eq!(value("A"), Some(Some("2".into())));
        // The ARG before the first FROM is not seen in a stage that does not name it.
        assert_eq!((value("B"), value("C"), value("D")), (Some(None), Some(Some("3.11".into())), Some(None)));
        assert_eq!(reading.line(reading.last(Name::User, 3).unwrap()), 8);
        assert_eq!(reading.stage("BASE"), Some(0));
        assert_eq!(reading.stage("1"), Some(1));
        assert_eq!(reading.variable("LATE", end, false), None);
    });
}

#[test]
fn calls_are_found_wherever_they_are() {
    assert_eq!(
        calls("RUN set -e; pip3 install x && python3 -m pip install y"),
        ["set -e", "pip install x", "pip install y"]
    );
    assert_eq!(calls("RUN <<EOF\npip install a\nEOF"), ["pip install a"]);
    assert_eq!(
        calls("RUN [\"/bin/bash\", \"-lc\", \"pip install a && b\"]"),
        ["pip install a", "b", "bash -lc pip install a && b"]
    );
    assert_eq!(
        calls("RUN sh -ec 'pip install a' # pip install b\n# RUN pip install c"),
        ["pip install a", "sh -ec pip install a"]
    );
    assert_eq!(calls("ARG P=\"pip install\"\nRUN $P a"), ["pip install a"]);
    assert_eq!(calls("RUN echo pip install x"), ["echo pip install x"]);
    assert_eq!(calls("RUN eval \"pip install x\""), ["pip install x", "eval pip install x"]);
    with("FROM a\nRUN export B=2 && A=1 \\\n  env C=3 pip install x\n", |reading| {
        let call = reading.calls.last().unwrap();
        let names: Vec<_> = call.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!((names.join(" "), call.line), ("A=1 C=3 B=2".into(), 2));
    });
}
