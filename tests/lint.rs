//! Dockerfiles as files: what is read of them, beside another reader, and `ondeck lint` as a script uses it.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ondeck::dockerfile::{Form, Instruction, Name, parse};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

fn problems(text: &str) -> Vec<(usize, String)> {
    let file = parse(text);
    file.problems.iter().map(|p| (file.line_of(p.span.start), p.message.clone())).collect()
}

fn words(i: &Instruction) -> Vec<&str> {
    i.words().iter().map(|w| w.text.as_str()).collect()
}

#[test]
fn what_docker_takes_is_read_without_a_problem() {
    for text in [
        "FROM a\nADD [\"a b\", \"/c d/\"]\nCOPY [ \"x\" , \"y\" ]\n",
        "FROM a\nRUN echo \\\n  a \\\n\n\n  b \\\n# c\n  # d\n  e\n",
        "FROM a\nRUN a \\",
        "FROM a\nRUN a \\\n",
        "FROM a\nENV a b c\nENV a=b c=\"d e\" f=g\\ h i='j k' l=\"m\\\"n\" o=\nLABEL a=b \"c d\"=e\n",
        "FROM a\nENV a=b \\\n  c=d \\\n# x\n  e=f\n",
        "# escape=`\nFROM a\nCOPY a `\n  c:\\x\\\nENV p=c:\\\n",
        "#  EsCaPe  =  `  \n# syntax = a/b:1\n# check=skip=A,B;error=true\nFROM a\n",
        "# comment\n# escape=nothing here\nFROM a\n",
        "FROM a\nRUN <<EOF\nFROM nothing\nEOF\nRUN cat <<-A <<'B' > /x && <<\"C D\" y\n\ta\n\tA\nb\nB\nc\nC D\n",
        "FROM a\nCOPY <<a <<b /x/\n1\na\n2\nb\nADD <<x /y\nx\n",
        "FROM a\nONBUILD RUN <<EOF\na\nEOF\nONBUILD COPY [\"a\", \"b\"]\nonbuild cmd a\n",
        "FROM a\nRUN cat <<<a\nRUN echo $((1<<3)) '<<EOF' \"<<EOF\"\nRUN [\"<<EOF\"]\nCMD <<EOF\n",
        "FROM --platform=$BUILDPLATFORM a AS b\nCOPY --link --chown=1:2 --chmod=644 --exclude=x --exclude=y --parents a b\n",
        "FROM a\nRUN --mount=type=cache,target=/x --mount=type=secret,id=y --network=none --security=insecure z\n",
        "FROM a\nHEALTHCHECK NONE\nHEALTHCHECK --interval=1m30s --timeout=1.5h --retries=2 CMD [\"a\"]\nHEALTHCHECK  CMD   b\n",
        "FROM a\nSHELL [\"a\", \"-c\"]\nVOLUME /a /b\nVOLUME [\"/c\"]\nEXPOSE 1 2/udp\nSTOPSIGNAL 9\nUSER a b\nWORKDIR a b\nMAINTAINER a <b>\n",
        "ARG A\nARG B=1 C=\"2 3\"\nFROM a:$A AS x-1_2.3\nFROM x-1_2.3\n",
        "\u{feff}FROM a\r\nRUN b \\\r\n  c\r\nRUN <<E\r\nd\r\nE\r\n",
        "from a as B\ncopy --from=b c d\nCmd [ ]\nentrypoint []\n",
        "FROM a\nRUN echo it's\nCMD echo \"a\nRUN [ \"$a\" = b ] && c\nCMD ['a']\nCMD [\"a\",]\n",
        "   FROM a\n\t RUN b\n\u{a0}RUN c\n",
        "FROM a\nLABEL a=1 \\\n # in the middle\n\n b=2\n",
        "FROM a\nRUN \\\n# c\n a\nENTRYPOINT /x --y=z \\\n -- w\n",
    ] {
        assert_eq!(problems(text), Vec::new(), "{text}");
    }
}

#[test]
fn what_docker_refuses_is_told_and_the_rest_is_read() {
    for (bad, line) in [
        ("RUNN a", 2),
        ("ENV PATH", 2),
        ("ENV a=b c", 2),
        ("ENV =b", 2),
        ("LABEL a", 2),
        ("ENV a=\"b", 2),
        ("ARG", 2),
        ("ARG =x", 2),
        ("CMD [ \"echo\", [ \"nested\" ] ]", 2),
        ("RUN [1]", 2),
        ("COPY a", 2),
        ("COPY a <<EOF", 2),
        ("COPY --x=y a b", 2),
        ("COPY --from a b", 2),
        ("COPY --link=maybe a b", 2),
        ("RUN --mount=type=nothing a", 2),
        ("RUN <<EOF\na", 2),
        ("FROM", 2),
        ("FROM a b", 2),
        ("FROM a AS", 2),
        ("FROM a AS 1b", 2),
        ("FROM a AS b c", 2),
        ("ONBUILD", 2),
        ("ONBUILD ONBUILD RUN a", 2),
        ("ONBUILD FROM a", 2),
        ("ONBUILD MAINTAINER a", 2),
        ("ONBUILD RUNN a", 2),
        ("HEALTHCHECK", 2),
        ("HEALTHCHECK a", 2),
        ("HEALTHCHECK CMD", 2),
        ("HEALTHCHECK NONE a", 2),
        ("HEALTHCHECK --interval=5 CMD a", 2),
        ("HEALTHCHECK --retries=x CMD a", 2),
        ("EXPOSE", 2),
        ("VOLUME", 2),
        ("VOLUME [\"\"]", 2),
        ("SHELL a", 2),
        ("SHELL []", 2),
        ("USER", 2),
        ("WORKDIR", 2),
        ("STOPSIGNAL", 2),
        ("MAINTAINER", 2),
        ("<html>", 2),
        ("// a", 2),
    ] {
        let text = format!("FROM a\n{bad}\nRUN last\n");
        let found = problems(&text);
        assert!(found.first().is_some_and(|(l, _)| *l == line), "{text}: {found:?}");
        let last = parse(&text).instructions.pop().unwrap();
        assert_eq!(last.name, Name::Run, "{text}");
    }
    for alone in [
        "",
        "\n\n",
        "# only a comment\n",
        "# escape=x\nFROM a\n",
        "# escape=`\n# escape=`\nFROM a\n",
        "\u{feff}",
        "FROM a\n\\\n\n",
    ] {
        assert_eq!(problems(alone).len(), 1, "{alone:?}");
    }
    assert_eq!(parse("RUN a\nFROM b\n").problems[0].code, "DL3061");
}

#[test]
fn parts_are_read_as_docker_reads_them() {
    let text = "FROM a AS B\nENV a=1 \\\n # c\n b=\"2 3\"\nENV old the  rest \nCOPY --from=b x \\\n  y /z/\nCMD [\"a\\n\", \"\\u00e9\"]\n";
    let file = parse(text);
    assert_eq!(file.stages[0].name.as_deref(), Some("b"));
    let pairs = |i: usize| {
        let pairs = file.instructions[i].pairs().iter();
        pairs.map(|p| (p.name.text.clone(), p.value.as_ref().unwrap().text.clone())).collect::<Vec<_>>()
    };
    assert_eq!(pairs(1), [("a", "1"), ("b", "\"2 3\"")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(pairs(2), [("old".to_owned(), "the  rest".to_owned())]);
    assert_eq!(words(&file.instructions[3]), ["x", "y", "/z/"]);
    assert_eq!(&text[file.instructions[3].words()[1].span.clone()], "y");
    assert_eq!(words(&file.instructions[4]), ["a\n", "é"]);
    assert_eq!(file.comments.len(), 1);
    let lines: Vec<_> =
        file.instructions.iter().map(|i| (file.line_of(i.span.start), file.line_of(i.span.end))).collect();
    assert_eq!(lines, [(1, 1), (2, 4), (5, 5), (6, 7), (8, 8)]);
    assert!(matches!(file.instructions[4].form, Form::Json(_)));
}

type Seen = Vec<(String, std::ops::Range<usize>, Option<usize>)>;

/// What another reader says of a file: each instruction's keyword, and the line on which it ends where that reader
/// keeps it (not behind a text written in place).
fn other(text: &str) -> Option<Seen> {
    use parse_dockerfile::{Command, Instruction as Other, JsonOrStringArray};
    let of_command = |command: &Command<'_>| match command {
        Command::Exec(all) => all.span.end,
        Command::Shell(line) => line.span.end,
        _ => 0,
    };
    let file = parse_dockerfile::parse(text).ok()?;
    let mut all = Vec::new();
    for instruction in &file.instructions {
        let (keyword, end) = match instruction {
            Other::Add(i) => (&i.add, Some(i.dest.span.end)),
            Other::Arg(i) => (&i.arg, Some(i.arguments.span.end)),
            Other::Cmd(i) => (&i.cmd, Some(of_command(&i.arguments))),
            Other::Copy(i) => (&i.copy, (!text[i.copy.span.start..].starts_with("COPY <<")).then_some(i.dest.span.end)),
            Other::Entrypoint(i) => (&i.entrypoint, Some(of_command(&i.arguments))),
            Other::Env(i) => (&i.env, Some(i.arguments.span.end)),
            Other::Expose(i) => (&i.expose, i.arguments.last().map(|a| a.span.end)),
            Other::From(i) => (&i.from, Some(i.as_.as_ref().map_or(i.image.span.end, |(_, name)| name.span.end))),
            Other::Healthcheck(i) => (&i.healthcheck, None),
            Other::Label(i) => (&i.label, Some(i.arguments.span.end)),
            Other::Maintainer(i) => (&i.maintainer, Some(i.name.span.end)),
            Other::Onbuild(i) => (&i.onbuild, None),
            Other::Run(i) => (&i.run, i.here_docs.is_empty().then(|| of_command(&i.arguments))),
            Other::Shell(i) => (&i.shell, None),
            Other::Stopsignal(i) => (&i.stopsignal, Some(i.arguments.span.end)),
            Other::User(i) => (&i.user, Some(i.arguments.span.end)),
            Other::Volume(i) => {
                let end = match &i.arguments {
                    JsonOrStringArray::Json(all) => Some(all.span.end),
                    JsonOrStringArray::String(all) => all.last().map(|a| a.span.end),
                };
                (&i.volume, end)
            }
            Other::Workdir(i) => (&i.workdir, Some(i.arguments.span.end)),
            _ => return None,
        };
        let line = |at: usize| text[..at.min(text.len())].trim_end().matches('\n').count() + 1;
        all.push((text[keyword.span.clone()].to_ascii_uppercase(), keyword.span.clone(), end.map(line)));
    }
    Some(all)
}

fn ours(text: &str) -> Seen {
    let file = parse(text);
    let seen = |i: &Instruction| (i.name.as_str().to_owned(), i.keyword.clone(), Some(file.line_of(i.span.end)));
    file.instructions.iter().map(seen).collect()
}

const WHOLE: &[&str] = &[
    "FROM debian:12",
    "from a",
    "RUN make && ./x 'a b'",
    "RUN a \\\n  b",
    "RUN a \\\n# c\n  b",
    "RUN [\"a\", \"b\"]",
    "RUN <<EOF\na\n\nFROM x\nEOF",
    "COPY <<-A /x\n\ta\n\tA",
    "COPY --from=b a c /d/",
    "ADD [\"a b\", \"/c\"]",
    "ENV a=b c=\"d e\"",
    "ENV a \\\n b",
    "ARG x=1",
    "LABEL a=b \\\n\n  c=d",
    "CMD a",
    "ENTRYPOINT [\"a\"]",
    "EXPOSE 80 443/tcp",
    "HEALTHCHECK --interval=5s CMD a b",
    "HEALTHCHECK NONE",
    "ONBUILD RUN a \\\n b",
    "SHELL [\"a\", \"-c\"]",
    "STOPSIGNAL SIGTERM",
    "USER 1000:1000",
    "VOLUME /a /b",
    "WORKDIR /app",
    "MAINTAINER a",
    "# a comment",
    "",
    "  RUN x",
];

fn lines() -> impl Strategy<Value = String> {
    let whole = prop::sample::select(WHOLE);
    let ending = prop::sample::select(&["\n", "\n", "\n\n", "\r\n"][..]);
    prop::collection::vec((whole, ending), 0..14)
        .prop_map(|all| format!("FROM a\n{}", all.into_iter().flat_map(|(a, b)| [a, b]).collect::<String>()))
}

#[test]
fn another_reader_takes_what_it_is_compared_with() {
    let refused: Vec<_> = WHOLE.iter().filter(|w| other(&format!("FROM a\n{w}\n")).is_none()).collect();
    assert_eq!(refused, Vec::<&&str>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn another_reader_sees_the_same_instructions(text in lines()) {
        if let Some(theirs) = other(&text) {
            let mut ours = ours(&text);
            for (our, their) in ours.iter_mut().zip(&theirs).filter(|(_, t)| t.2.is_none()) {
                our.2.clone_from(&their.2);
            }
            prop_assert_eq!(ours, theirs);
        }
    }
}

fn lint(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ondeck"))
        .arg("lint")
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn dir(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn exit_codes_and_the_text_for_people() {
    let dir = dir(&[
        ("Dockerfile", "FROM debian\nRUN cd /app && make\n"),
        ("clean", "FROM debian:12\nRUN cd /app && make\n"),
        ("bad\u{1b}name", "FROM debian:12\nRUNN \u{1b}[31mx\n"),
    ]);
    let output = lint(dir.path(), &["."]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    assert!(text.contains("./Dockerfile:1:6 warning DL3006 the base image debian has no tag\n"), "{text}");
    assert!(text.contains("\n  1 | FROM debian\n    |      ^^^^^^\n    = Write the tag"), "{text}");
    // An info alone is no finding that fails anything.
    let output = lint(dir.path(), &["clean"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).contains("clean:2:5 info DL3003"));
    assert_eq!(lint(dir.path(), &["clean", "nowhere"]).status.code(), Some(2));
    assert_eq!(lint(dir.path(), &["Dockerfile", "--ignore", "DL3006,SC2086"]).status.code(), Some(0));
    assert_eq!(lint(dir.path(), &["Dockerfile", "--only", "NONE"]).status.code(), Some(2));
    let output = lint(dir.path(), &["bad\u{1b}name"]);
    assert!(output.status.code() == Some(1) && !out(&output).contains('\u{1b}'), "{}", out(&output));
}

#[test]
fn json_and_sarif_have_their_documented_shape() {
    let dir = dir(&[("Dockerfile", "FROM debian:12\nADD a\u{e9} /x\n")]);
    let all: Vec<Value> = serde_json::from_slice(&lint(dir.path(), &["Dockerfile", "--json"]).stdout).unwrap();
    let one = &all[0];
    assert_eq!((one["code"].as_str(), one["severity"].as_str()), (Some("DL3020"), Some("warning")));
    assert_eq!(
        (&one["start"]["line"], &one["start"]["column"], &one["start"]["byte"]),
        (&2.into(), &1.into(), &15.into())
    );
    assert_eq!(one["fix"]["edits"][0]["text"], "COPY");
    assert!(["file", "message", "why", "mend"].iter().all(|key| one[key].is_string()));
    let sarif: Value = serde_json::from_slice(&lint(dir.path(), &["Dockerfile", "--sarif"]).stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    let index = result["ruleIndex"].as_u64().unwrap() as usize;
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!((&region["startLine"], &region["endColumn"]), (&2.into(), &4.into()));
    assert_eq!(result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"], "COPY");
    let rules: Vec<Value> = serde_json::from_slice(&lint(dir.path(), &["--rules", "--json"]).stdout).unwrap();
    assert!(rules.len() >= 40 && out(&lint(dir.path(), &["--rules"])).lines().count() == rules.len() + 1);
}

#[test]
fn fixes_are_written_back_as_a_whole() {
    use std::os::unix::fs::PermissionsExt;
    let dir = dir(&[("Dockerfile", "FROM debian:12 as a\r\nMAINTAINER Ada\r\nRUN apt install curl\r\nRUNN x\r\n")]);
    let path = dir.path().join("Dockerfile");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("Dockerfile", dir.path().join("link")).unwrap();
    let output = lint(dir.path(), &["--fix", "link"]);
    // What is a guess stays, and is told.
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("DL1000"));
    let text = std::fs::read_to_string(&path).unwrap();
    let label = "LABEL org.opencontainers.image.authors=\"Ada\"";
    assert_eq!(
        text,
        format!("FROM debian:12 AS a\r\n{label}\r\nRUN apt-get install --no-install-recommends -y curl\r\nRUNN x\r\n")
    );
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(dir.path().join("link").is_symlink());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn what_is_ignored_or_missing_is_known_from_the_context() {
    let dir = dir(&[
        ("Dockerfile", "FROM debian:12\nCOPY secret.env a.txt /x/\n"),
        ("other", "FROM debian:12\nCOPY secret.env b.txt /x/\n"),
        (".dockerignore", "*.env\n"),
        ("other.dockerignore", "b.*\n"),
        ("secret.env", ""),
    ]);
    let codes = |args: &[&str]| {
        let all: Vec<Value> = serde_json::from_slice(&lint(dir.path(), args).stdout).unwrap();
        all.iter()
            .map(|d| (d["code"].as_str().unwrap().to_owned(), d["start"]["column"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    let found = |all: &[(&str, u64)]| all.iter().map(|(c, n)| ((*c).to_owned(), *n)).collect::<Vec<_>>();
    assert_eq!(codes(&["Dockerfile", "--json"]), found(&[("OD0003", 6)]));
    assert_eq!(codes(&["other", "--json"]), found(&[("OD0003", 17)]));
    assert_eq!(codes(&[".", "--json"]), found(&[("OD0003", 6), ("OD0004", 17)]));
}

#[test]
fn standard_input_is_read() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ondeck"))
        .args(["lint", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"FROM debian:12\nRUN \xff\n COPY a\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&all[0]["code"], &all[0]["start"]["line"]), (&"DL1000".into(), &3.into()));
}
