#![allow(clippy::unwrap_used)]

use super::*;

/// An ignore file, paths it leaves out, and paths it does not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

fn hold(rows: &[Row], rules: &[Rules]) {
    for (text, out, sent) in rows {
        for rules in rules {
            let ignore = Ignore::parse(text).with_rules(*rules);
            assert_eq!(ignore.problems, [], "{text:?}");
            for path in *out {
                assert!(ignore.excludes(path), "{text:?} leaves out {path} ({rules:?})");
            }
            for path in *sent {
                assert!(!ignore.excludes(path), "{text:?} does not leave out {path} ({rules:?})");
            }
        }
    }
}

const BOTH: [Rules; 2] = [Rules::BuildKit, Rules::Classic];

#[test]
fn lines_match_as_docker_matches_them() {
    hold(
        &[
            ("", &[], &["a", ".", "a/b"]),
            ("# a\n  # b\n\n \t \n", &["# b"], &["a", "# a", "b"]),
            ("\u{feff}a\n\u{feff}b", &["a", "\u{feff}b"], &["b"]),
            ("a\r\nb \r\n\tc", &["a", "b", "c"], &["a\r", "b "]),
            (
                "node_modules",
                &["node_modules", "node_modules/x", "node_modules/x/y"],
                &["app/node_modules", "node_modules2"],
            ),
            ("/a/b/\n//c", &["a/b", "a/b/c", "c"], &["a", "d/a/b"]),
            ("./a\na/../b\n../c\n..\n.", &["a", "b"], &["c", ".", "d"]),
            ("a//b/./c/", &["a/b/c", "a/b/c/d"], &["a/b"]),
            ("*", &["a", "a/b", ".hidden"], &["."]),
            ("*.log", &["a.log", ".log", "a.log/b"], &["a/b.log", "a.logs", "log"]),
            ("*/temp*", &["a/temp", "a/temporary", "a/temp/b"], &["temp", "a/b/temp"]),
            ("*/*/x", &["a/b/x"], &["a/x", "a/b/c/x"]),
            ("temp?", &["tempa", "temp☺"], &["temp", "tempab", "temp/"]),
            ("**", &["a", "a/b/c"], &[]),
            ("**/", &["a", "a/b"], &[]),
            ("**/**", &["a", "a/b"], &[]),
            ("**/x", &["x", "a/x", "a/b/x", "a/x/y"], &["ax", "a/bx"]),
            ("**x", &["x", "ax", "a/b/x", "a/bx"], &["xa"]),
            ("**/*.pyc", &["a.pyc", "a/b.pyc", "a/.pyc"], &["a.pyc2", "a.py"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "ab"]),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["a", "z", "a/bz"]),
            ("a**", &["a", "ab", "abc/d"], &["b/a"]),
            ("a**/*.c", &["a/x.c", "ab/c/x.c", "a.c"], &["b/a.c", "x/c"]),
            ("**/a/**/b", &["a/b", "x/a/y/b"], &["a", "b", "x/b"]),
            ("**/a/*", &["a/b", "x/a/b", "a/b/c"], &["a"]),
            ("a[b-d]e", &["abe", "ade"], &["ae", "aae", "aee"]),
            ("a[^b-d]e", &["aae", "a☺e"], &["abe", "ade"]),
            ("[a-cx-z]", &["a", "y"], &["d", "-"]),
            ("[.]x\n[$]", &[".x", "$"], &["ax"]),
            ("[\\]x]\n[\\-a]", &["]", "x", "-", "a"], &["\\", "b"]),
            (
                "a.b\na+\n(x)\n{y}\n$z\nq|r\n^v",
                &["a.b", "a+", "(x)", "{y}", "$z", "q|r", "^v"],
                &["aXb", "aa", "x", "q"],
            ),
            ("*.b+c(d)", &["x.b+c(d)"], &["x.bbc(d)", "xab+c(d)"]),
            ("^*", &["^", "^a", "a"], &[]),
            ("a\\*b\n\\!c\n\\#d\na\\\\", &["a*b", "!c", "#d", "a\\"], &["axb", "c", "d"]),
            ("x\\dy*", &["x1yz"], &["xdy"]),
            ("ä*\n日本?", &["äb", "日本語"], &["a", "日本"]),
            ("[α-ω]*", &["β", "βx"], &["a"]),
            ("a b\n\"c\"", &["a b", "\"c\""], &["a", "b", "c"]),
            ("[a&&b]x\n[a~~b]", &["&x", "ax", "bx", "~"], &["cx"]),
            ("x[[]y", &["x[y"], &["xy"]),
            ("[[:alpha:]]1", &["a1", "Z1"], &[":1", "11"]),
        ],
        &BOTH,
    );
}

#[test]
fn the_last_line_that_matches_decides() {
    hold(
        &[
            ("*.md\n!README.md", &["a.md"], &["README.md"]),
            ("!README.md\n*.md", &["README.md"], &[]),
            ("*.md\n!R*.md\nREADME-secret.md", &["README-secret.md", "a.md"], &["README.md"]),
            ("docs\n!docs/README.md", &["docs", "docs/a"], &["docs/README.md"]),
            ("docs/*\n!docs/README.md", &["docs/a"], &["docs", "docs/README.md"]),
            ("**\n!src", &["a", "b/src"], &["src", "src/a", "src/a/b"]),
            ("**\n!src\nsrc/x", &["src/x", "src/x/y"], &["src/a"]),
            ("*\n!a/b/c", &["a", "a/b", "a/b/d", "a/x"], &["a/b/c", "a/b/c/d"]),
            ("a\n! b\n!/a/x", &["a/y"], &["a/x", "b"]),
            ("**/*.txt\n!**/keep.txt", &["a/b.txt"], &["keep.txt", "a/keep.txt"]),
            ("/!a\n./!b", &[], &["a", "b", "!a", "!b"]),
            ("*\n!!a", &["a"], &["!a"]),
        ],
        &BOTH,
    );
}

#[test]
fn a_folder_taken_in_before_it_was_left_out_takes_in_nothing() {
    hold(&[("**/*.x\n!d", &["d/f.x", "d/e/f.x"], &["d", "d/e"])], &BOTH);
    hold(&[("d\n**/*.x\n!d", &[], &["d", "d/f.x"])], &BOTH);
}

#[test]
fn the_two_clients_enter_other_folders() {
    let wild = Ignore::parse("a\n!**/keep");
    assert!(wild.may_hold_included("a") && wild.reaches("a/keep"));
    let classic = wild.with_rules(Rules::Classic);
    assert!(!classic.excludes("a/keep") && !classic.may_hold_included("a") && !classic.reaches("a/keep"));
}

#[test]
fn folders_are_entered_where_something_in_them_may_be_sent() {
    for rules in BOTH {
        let enters = |text: &str, folder: &str| Ignore::parse(text).with_rules(rules).may_hold_included(folder);
        assert!(!enters("a", "a") && !enters("", "a"));
        assert!(enters("a\n!a/b/c", "a") && enters("a\n!a/b/c", "a/b") && enters("a\n!a/b/c", "a/b/c"));
        assert!(!enters("a\n!a/b/c", "a/x") && !enters("a\n!ab", "a"));
        assert!(enters("a\n!a/**", "a"));
    }
    assert!(Ignore::parse("a\n!b/**").with_rules(Rules::BuildKit).reaches("b/x"));
    assert!(!Ignore::parse("a\n!b/**").may_hold_included("a"));
}

#[test]
fn folders_that_are_surely_not_entered_are_known() {
    for (text, closed) in [
        ("node_modules\n/a/b/\n*.x\nc/*\n../d\n**/z\n**y", &["node_modules", "a/b", "**/z"][..]),
        ("a\n.git\n!a/x\n**/z", &[".git"]),
        ("a\n!a", &[]),
        ("a\n!**/keep", &[]),
    ] {
        assert_eq!(Ignore::parse(text).never_entered(), closed, "{text:?}");
    }
}

#[test]
fn which_line_decided_is_known() {
    let ignore = Ignore::parse("# first\n*.md\n\n!README.md\ndocs\n");
    let decided = |path| ignore.decided_by(path);
    assert_eq!(["a.md", "README.md", "docs/x", "src"].map(decided), [Some(2), Some(4), Some(5), None]);
}

#[test]
fn the_dockerfile_is_sent_whatever_is_ignored() {
    let ignore = Ignore::parse("*\n!src").keeping(["docker/Dockerfile", "src/x"]);
    assert!(ignore.reaches("docker/Dockerfile") && !ignore.reaches("docker/other") && ignore.excludes("docker"));
    assert_eq!(ignore.decided_by("docker/Dockerfile"), None);
}

#[test]
fn what_docker_refuses_is_told_by_line() {
    for bad in [
        "!", "! ", "!/", "[", "a[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[a--b]", "[^", "[^bc", "\\", "a\\",
        "[z-a]",
    ] {
        let ignore = Ignore::parse(&format!("ok\n{bad}\nfine\n"));
        assert_eq!(ignore.problems.iter().map(|p| p.line).collect::<Vec<_>>(), [2], "{bad}");
        assert!(!ignore.problems[0].message.is_empty());
        assert!(ignore.excludes("ok") && ignore.excludes("fine") && !ignore.excludes("x"));
    }
    assert_eq!(Ignore::parse(&"x".repeat(70_000)).problems.len(), 1);
}

#[test]
fn the_files_asked_are_those_of_the_builder() {
    assert_eq!(ignore_files("./docker/Dev", Rules::BuildKit), ["docker/Dev.dockerignore", ".dockerignore"]);
    assert_eq!(ignore_files("Dockerfile", Rules::Classic), [".dockerignore"]);
}

#[test]
fn paths_are_cleaned_as_go_cleans_them() {
    for (path, short) in [
        ("", "."),
        (".", "."),
        ("./", "."),
        ("/", "/"),
        ("//", "/"),
        ("/..", "/"),
        ("/../a", "/a"),
        ("a/..", "."),
        ("a/../..", ".."),
        ("../../a", "../../a"),
        ("a/./b//c/../d/", "a/b/d"),
        ("...", "..."),
    ] {
        assert_eq!(clean(path), short, "{path}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_and_no_path_breaks_it(text in "[ab/*?.!\\[\\]^\\\\#\n&~:-]{0,40}", path in "[ab/.*!-]{0,12}", any in ".{0,60}") {
        for rules in BOTH {
            for text in [&text, &any] {
                let ignore = Ignore::parse(text).with_rules(rules).keeping(["Dockerfile"]);
                let _ = (ignore.excludes(&path), ignore.may_hold_included(&path), ignore.decided_by(&any));
                proptest::prop_assert!(ignore.reaches("Dockerfile"), "{text:?}");
            }
        }
    }
}
