//! Vim's keys.

use super::super::{Answer, Keys, Language, VimCommand};
use super::{check, open, shown, type_in};

fn vim(table: &[(&str, &str, &str)]) {
    check(Keys::Vim, Language::Plain, table);
}

#[test]
fn moves() {
    vim(&[
        ("a|bc", "l", "ab|c"),
        ("ab|c", "lll", "ab|c"),
        ("abc|d", "2h", "a|bcd"),
        ("|abc\nd\nefg", "$j", "abc\n|d\nefg"),
        ("|abc\nd\nefg", "$jj", "abc\nd\nef|g"),
        ("ab|c\nd\nefg", "jj", "abc\nd\nef|g"),
        ("|foo.bar  baz\n\nx", "w", "foo|.bar  baz\n\nx"),
        ("|foo.bar  baz\n\nx", "3w", "foo.bar  |baz\n\nx"),
        ("|foo.bar  baz\n\nx", "4w", "foo.bar  baz\n|\nx"),
        ("|foo.bar  baz\n\nx", "5w", "foo.bar  baz\n\n|x"),
        ("|foo.bar  baz", "W", "foo.bar  |baz"),
        ("|foo.bar  baz", "e", "fo|o.bar  baz"),
        ("|foo.bar  baz", "E", "foo.ba|r  baz"),
        ("|foo.bar  baz", "eee", "foo.ba|r  baz"),
        ("foo.bar  ba|z", "b", "foo.bar  |baz"),
        ("foo.bar  |baz", "bb", "foo|.bar  baz"),
        ("foo.bar  |baz", "B", "|foo.bar  baz"),
        ("a\n\n|b", "b", "a\n|\nb"),
        ("  ab|c", "0", "|  abc"),
        ("  ab|c", "^", "  |abc"),
        ("|  abc", "$", "  ab|c"),
        ("a\nb\n  |c", "gg", "|a\nb\n  c"),
        ("|a\nb\n  c", "G", "a\nb\n  |c"),
        ("|a\nb\n  c", "2G", "a\n|b\n  c"),
        ("|a\nb\n  c", "10G", "a\nb\n  |c"),
        ("|a,b,c", "f,", "a|,b,c"),
        ("|a,b,c", "2f,", "a,b|,c"),
        ("|a,b,c", "f,;", "a,b|,c"),
        ("|a,b,c", "f,;,", "a|,b,c"),
        ("|a,b,c", "t,", "|a,b,c"),
        ("|ab,b,c", "t,;", "ab,|b,c"),
        ("a,b,|c", "F,", "a,b|,c"),
        ("a,b,|c", "2T,", "a,|b,c"),
        ("|a,b,c", "fx", "|a,b,c"),
        ("|f(a[1], {b})", "%", "f(a[1], {b}|)"),
        ("f(a[1], {b}|)", "%", "f|(a[1], {b})"),
        ("|a\nb\n\nc\nd", "}", "a\nb\n|\nc\nd"),
        ("a\nb\n\nc\n|d", "{", "a\nb\n|\nc\nd"),
        ("a\nb\n\nc\n|d", "{{", "|a\nb\n\nc\nd"),
        ("|a\nb\nc", "L", "a\nb\n|c"),
        ("a\nb\n|c", "H", "|a\nb\nc"),
        ("|a b a\na", "*", "a b |a\na"),
        ("|a b a\na", "**", "a b a\n|a"),
        ("|a b a\na", "#", "a b a\n|a"),
        ("|a b a\na", "*N", "|a b a\na"),
        ("|one two one", "/two<enter>", "one |two one"),
        ("|one two one", "/one<enter>n", "|one two one"),
        ("one two |one", "?t<enter>", "one |two one"),
        ("one two |one", "?o<enter>n", "|one two one"),
        ("|a(b", "/(<enter>", "a|(b"),
        ("|a\n  b\nc", "<enter>", "a\n  |b\nc"),
    ]);
}

#[test]
fn operators() {
    vim(&[
        ("a|bc", "x", "a|c"),
        ("a|bcd", "2x", "a|d"),
        ("ab|c", "x", "a|b"),
        ("ab|c", "X", "a|c"),
        ("foo |bar baz", "dw", "foo |baz"),
        ("foo |bar baz", "d2w", "foo| "),
        ("foo |bar\n  baz", "dw", "foo| \n  baz"),
        ("|foo bar baz", "2dw", "|baz"),
        ("foo |bar baz", "db", "|bar baz"),
        ("foo |bar baz", "de", "foo | baz"),
        ("foo |bar baz", "d$", "foo| "),
        ("foo |bar baz", "D", "foo| "),
        ("foo b|ar", "d0", "|ar"),
        ("a|,b,c", "dt,", "a|,c"),
        ("|a,b,c", "df,", "|b,c"),
        ("a,b,|c", "dF,", "a,b|c"),
        ("f|(a, b) c", "d%", "f| c"),
        ("a\n|b\nc", "dd", "a\n|c"),
        ("a\nb\n|c", "dd", "a\n|b"),
        ("|a\nb\nc", "2dd", "|c"),
        ("|a\nb\nc", "dj", "|c"),
        ("a\nb\n|c", "dk", "|a"),
        ("a\n|b\nc", "dG", "|a"),
        ("a\n|b\nc", "dgg", "|c"),
        ("|a", "dd", "|"),
        ("|a\nb\n\nc", "d}", "|\nc"),
        ("foo |bar baz", "cwxy<esc>", "foo x|y baz"),
        ("foo ba|r baz", "cwx<esc>", "foo ba|x baz"),
        ("foo |bar baz", "c$x<esc>", "foo |x"),
        ("foo |bar baz", "Cx<esc>", "foo |x"),
        ("  foo |bar", "ccx<esc>", "  |x"),
        ("  foo |bar\nb", "Sx<esc>", "  |x\nb"),
        ("a|bc", "sxy<esc>", "ax|yc"),
        ("|foo\nbar", "yyjp", "foo\nbar\n|foo"),
        ("|foo\nbar", "yyP", "|foo\nfoo\nbar"),
        ("|foo\nbar", "yyp", "foo\n|foo\nbar"),
        ("|foo bar", "ywP", "foo| foo bar"),
        ("|foo bar", "yw$p", "foo barfoo| "),
        ("|a\nb", "ddp", "b\n|a"),
        ("|ab", "xp", "b|a"),
        ("|ab", "x3p", "baa|a"),
        ("|foo\nbar\nbaz", "J", "foo| bar\nbaz"),
        ("|foo\nbar\nbaz", "3J", "foo bar| baz"),
        ("|aBc", "~", "A|Bc"),
        ("|aBc", "3~", "Ab|C"),
        ("|abc", "rx", "|xbc"),
        ("|abc", "2rx", "x|xc"),
        ("|abc", "5rx", "|abc"),
        ("|a\nb", ">>", "    |a\nb"),
        ("|a\nb", ">j", "    |a\n    b"),
        ("    |a\nb", "<<", "|a\nb"),
        ("|foo bar", "gUw", "|FOO bar"),
        ("|foo\nbar", "gUU", "|FOO\nbar"),
        ("foo ba|r", "g~iw", "foo |BAR"),
    ]);
    check(
        Keys::Vim,
        Language::Dockerfile,
        &[
            ("|RUN a\nRUN b", "gcc", "# |RUN a\nRUN b"),
            ("|RUN a\nRUN b", "gcj", "# |RUN a\n# RUN b"),
            ("|RUN a\nRUN b", "Vjgc", "|# RUN a\n# RUN b"),
            ("RUN a \\|", "ob<esc>", "RUN a \\\n    |b"),
        ],
    );
}

#[test]
fn objects() {
    vim(&[
        ("foo b|ar baz", "diw", "foo | baz"),
        ("foo b|ar baz", "daw", "foo |baz"),
        ("foo b|ar", "daw", "fo|o"),
        ("foo b|.ar x", "diW", "foo | x"),
        ("a \"b |c\" d", "di\"", "a \"|\" d"),
        ("|a \"b c\" d", "ci\"x<esc>", "a \"|x\" d"),
        ("a \"b |c\" d", "da\"", "a |d"),
        ("f(a, (b|), c)", "di(", "f(a, (|), c)"),
        ("f(a, |(b), c)", "da(", "f(a, |, c)"),
        ("f(a|, (b), c)", "dib", "f(|)"),
        ("x [1|, 2]", "ci[y<esc>", "x [|y]"),
        ("{\n  a|\n  b\n}", "diB", "{\n|}"),
        ("a\nb|\n\nc", "dip", "|\nc"),
        ("a\nb|\n\nc", "dap", "|c"),
        ("a\n\nb|\nc", "yipP", "a\n\n|b\nc\nb\nc"),
        ("a|b", "di(", "a|b"),
    ]);
}

#[test]
fn inserting_again_and_back() {
    vim(&[
        ("a|b", "ix<esc>", "a|xb"),
        ("a|b", "ax<esc>", "ab|x"),
        ("  a|b", "Ix<esc>", "  |xab"),
        ("|ab", "Ax<esc>", "ab|x"),
        ("  |a\nb", "ox<esc>", "  a\n  |x\nb"),
        ("  |a\nb", "Ox<esc>", "  |x\n  a\nb"),
        ("  |a\nb", "o<esc>", "  a\n|\nb"),
        ("|a", "3ix<esc>", "xx|xa"),
        ("|a", "2ob<esc>", "a\nb\n|b"),
        ("|a", "ione two<esc>u", "|a"),
        ("|a", "ione two<esc>u<ctrl-r>", "|one twoa"),
        ("|foo bar baz", "cwx<esc>w.w.", "x x |x"),
        ("|foo bar baz", "cwx<esc>uw.", "foo |x baz"),
        ("|foo bar baz", "dw.", "|baz"),
        ("|a\nb\nc\nd", "dd..", "|d"),
        ("|a\nb", "Ax<esc>j.", "ax\nb|x"),
        ("|a b c d", "dw2.", "|d"),
        ("|a b c d", "xu", "|a b c d"),
        ("|abcd", "xxx2u", "|bcd"),
        ("|abcd", "xxx3u<ctrl-r><ctrl-r>", "|cd"),
        ("|a", "i1 2<ctrl-w>3<esc>", "1 |3a"),
        ("|a", "ib<ctrl-u>c<esc>", "|ca"),
    ]);
}

#[test]
fn selecting() {
    vim(&[
        ("a|bcd", "vlx", "a|d"),
        ("a|bcd", "vd", "a|cd"),
        ("ab|cd", "vhd", "a|d"),
        ("a|bcd", "v$d", "|a"),
        ("a|b\ncd\ne", "Vd", "|cd\ne"),
        ("a|b\ncd\ne", "Vjd", "|e"),
        ("foo b|ar baz", "viwcx<esc>", "foo |x baz"),
        ("foo b|ar baz", "viwU", "foo |BAR baz"),
        ("foo b|ar baz", "viwy$p", "foo bar bazba|r"),
        ("f(a, |b)", "vi(d", "f(|)"),
        ("a|bcd", "vlohd", "|d"),
        ("a|bcd", "vlrx", "a|xxd"),
        ("|a\nb\nc", "VjJ", "a| b\nc"),
        ("|a\nb", "Vj>", "    |a\n    b"),
        ("|a\nb\nc", "Vyjp", "a\nb\n|a\nc"),
        ("|a\nb\nc", "Vj:s/$/;/<enter>", "a;\n|b;\nc"),
        ("|abc", "vv", "|abc"),
        ("|abc", "v<esc>x", "|bc"),
        ("|one two", "yiwwviwp", "one on|e"),
        ("|one two x", "yiwwviwpu", "one |two x"),
        ("|a\nb\nc", "yyjVp", "a\n|a\nc"),
        ("|a\nb", "yyjVp", "a\n|a"),
    ]);
}

#[test]
fn lines_after_a_colon() {
    vim(&[
        ("|a\nb\nc", ":2<enter>", "a\n|b\nc"),
        ("|a\nb\nc", ":$<enter>", "a\nb\n|c"),
        ("|a a\na", ":s/a/b/<enter>", "|b a\na"),
        ("|a a\na", ":s/a/b/g<enter>", "|b b\na"),
        ("|a a\na", ":%s/a/b/g<enter>", "b b\n|b"),
        ("|a a\na", ":%s/a/b/g<enter>u", "|a a\na"),
        ("|a\na\na", ":2,3s/a/b<enter>", "a\nb\n|b"),
        ("|a\na\na", ":.,+1s/a/b<enter>", "b\n|b\na"),
        ("|k=v", ":s/(\\w)=(\\w)/\\2=\\1/<enter>", "|v=k"),
        ("|a/b", ":s/\\//-/<enter>", "|a-b"),
        ("|a/b", ":s#/#&&#<enter>", "|a//b"),
        ("|A a", ":s/a/x/gi<enter>", "|x x"),
        ("|a\nb\nc", ":2d<enter>", "a\n|c"),
        ("|a\nb", "2:s/./x<enter>", "x\n|x"),
        ("|a", ":s/b/c<bs><bs><bs><bs><bs><bs><bs>x", "|"),
    ]);
    let mut editor = open("|a", Language::Plain);
    for (line, command) in [
        (":w<enter>", VimCommand::Save),
        (":q<enter>", VimCommand::Quit),
        (":q!<enter>", VimCommand::QuitUnsaved),
        (":wq<enter>", VimCommand::SaveQuit),
        (":x<enter>", VimCommand::Quit),
        (":e!<enter>", VimCommand::Reload),
        ("ZZ", VimCommand::SaveQuit),
        ("ZQ", VimCommand::QuitUnsaved),
    ] {
        assert_eq!(type_in(&mut editor, line, Keys::Vim), Answer::Command(command), "{line}");
    }
    let said = |words: &str| Answer::Say(words.to_owned());
    assert_eq!(type_in(&mut editor, ":nonsense<enter>", Keys::Vim), said("not a command: nonsense"));
    assert_eq!(editor.status(Keys::Vim).as_deref(), Some("not a command: nonsense"));
    assert_eq!(type_in(&mut editor, ":s/x/y<enter>", Keys::Vim), said("not found: x"));
    assert_eq!(type_in(&mut editor, "/nowhere<enter>", Keys::Vim), said("not found: nowhere"));
    assert_eq!(type_in(&mut editor, ":1,s/a/b<enter>", Keys::Vim), said("not a range: 1,s/a/b"));
    assert_eq!(shown(&editor), "|a");
}

#[test]
fn what_is_told() {
    let mut editor = open("|a b", Language::Plain);
    let status = |editor: &super::Editor| editor.status(Keys::Vim).unwrap_or_default();
    assert_eq!((status(&editor).as_str(), editor.typing(Keys::Vim)), ("", false));
    assert_eq!(type_in(&mut editor, "2d", Keys::Vim), Answer::Moved);
    assert_eq!(status(&editor), "2d");
    assert_eq!(type_in(&mut editor, "<esc>", Keys::Vim), Answer::Moved);
    assert_eq!(type_in(&mut editor, "<esc>", Keys::Vim), Answer::Ignored);
    assert_eq!(type_in(&mut editor, "<ctrl-p>", Keys::Vim), Answer::Ignored);
    assert_eq!(type_in(&mut editor, "yiw", Keys::Vim), Answer::Copy("a".into()));
    type_in(&mut editor, "V", Keys::Vim);
    assert_eq!(status(&editor), "-- VISUAL LINE -- ");
    type_in(&mut editor, "<esc>i", Keys::Vim);
    assert_eq!((status(&editor).as_str(), editor.typing(Keys::Vim)), ("-- INSERT --", true));
    assert_eq!(editor.status(Keys::Standard), None);
    assert_eq!(type_in(&mut editor, "x", Keys::Vim), Answer::Changed);
}
