use super::super::Difficulty;
use super::*;

const GOOD: &str = "\
schema: lab/v1
id: demo
title: A demonstration
minutes: 20
difficulty: intermediate
workspace: {max_bytes: 1m}
session: {memory: 1g, ttl: 40m, port: 8000}
images:
  - {name: 'lab/base:1', build: images/base}
  - {name: 'debian:bookworm-slim'}
judge: {timeout: 3m, min_score: 20}
build: {args: {VERSION: 1.10, FAST: true}}
run: {app: {env: {PORT: 8000}, memory: 64m, tmpfs: [/tmp]}}
tasks:
  - id: first
    title: Begin
    hints: [a nudge, the answer]
    checks:
      - {id: ignore, kind: dockerignore.covers, points: 20, required: true, ignored: [.git/config], kept: [app.py]}
      - id: health
        kind: run.http
        container: app
        points: 10
        needs: [ignore]
        timeout: 20s
        expect:
          status: 200
hints: {DOCKERIGNORE_GAP: [look, there]}
tests:
  starter: {codes: [DOCKERIGNORE_MISSING]}
  bad:
    gap: {codes: [DOCKERIGNORE_GAP], may: [HTTP_STATUS]}
    gone: {codes: [DOCKERIGNORE_MISSING], remove: [.dockerignore]}
  good: {other: {}}
";

fn files(manifest: &str) -> Tree {
    [
        ("lab.yaml", manifest),
        ("README.md", "# Begin\n"),
        ("starter/Dockerfile", "FROM lab/base:1\n"),
        ("starter/app.py", "pass\n"),
        ("solution/.dockerignore", ".git\n"),
        ("bad/gap/.dockerignore", "*.md\n"),
        ("good/other/.dockerignore", ".git/\n"),
        ("images/base/Dockerfile", "FROM debian:bookworm-slim\n"),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .collect()
}

fn read(manifest: &str) -> Result<Lab, Vec<ConfigError>> {
    Lab::from_tree(&files(manifest), Origin::Folder("labs/demo".into()), "labs/demo/lab.yaml")
}

/// Checks the errors that a change of the good manifest gives: each its place, words of its message and hint.
#[track_caller]
fn wrong(from: &str, to: &str, expected: &[(&str, &str, &str)]) {
    assert_eq!(GOOD.matches(from).count(), 1, "{from}");
    told(&read(&GOOD.replace(from, to)).unwrap_err(), expected);
}

#[track_caller]
fn told(errors: &[ConfigError], expected: &[(&str, &str, &str)]) {
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), expected.len(), "{}", shown.join("\n"));
    for ((error, shown), (at, message, hint)) in errors.iter().zip(&shown).zip(expected) {
        let place = error.place.map_or(String::new(), |place| format!("{}:{}", place.line, place.column));
        assert_eq!(place, *at, "{shown}");
        assert!(error.message.contains(message), "{shown}");
        assert!(error.hint.contains(hint), "{shown}");
        assert!(shown.starts_with("labs/demo/lab.yaml:"), "{shown}");
    }
}

#[test]
fn a_lab_is_read() {
    let lab = read(GOOD).unwrap();
    assert_eq!((lab.id.as_str(), lab.minutes, lab.difficulty), ("demo", 20, Difficulty::Intermediate));
    assert_eq!(lab.max_score(), 30);
    assert_eq!(lab.judge, Rules { timeout: Duration::from_mins(3), min_score: 20 });
    assert_eq!(lab.workspace, Limits { max_bytes: 1 << 20, max_files: 500 });
    let build = lab.build.as_ref().unwrap();
    assert_eq!((build.context.as_str(), build.dockerfile.as_str()), ("", "Dockerfile"));
    // A version is text, whatever it looks like.
    assert_eq!(build.args["VERSION"], "1.10");
    assert_eq!(build.args["FAST"], "true");
    assert_eq!(lab.run["app"].env["PORT"], "8000");
    assert_eq!(lab.images[0].build.as_ref().unwrap().len(), 1);
    assert_eq!(lab.images[1].build, None);
    assert_eq!(lab.starter.len(), 2);
    assert_eq!(lab.tests.solution.len(), 3);
    assert_eq!(lab.tests.bad["gone"].files, lab.starter);
    assert_eq!(lab.tests.bad["gap"].files.text(".dockerignore"), Some("*.md\n"));
    assert_eq!(lab.tests.good["other"].text(".dockerignore"), Some(".git/\n"));
    let checks: Vec<&Check> = lab.checks().map(|(_, check)| check).collect();
    assert!(checks[0].required && !checks[1].required && !checks[0].warn);
    assert_eq!(
        serde_json::Value::from(checks[1].fields.clone()),
        serde_json::json!({
            "container": "app", "expect": { "status": 200 }
        })
    );
    assert_eq!(checks[1].places["container"], Place { line: 22, column: 20 });
    assert_eq!(checks[1].places["expect.status"], Place { line: 27, column: 19 });
    assert_eq!(checks[0].places["ignored.0"].line, 19);
    let error = lab.error(checks[1].places["expect.status"], "no", "");
    assert!(error.to_string().contains("27 |           status: 200"), "{error}");
}

#[test]
fn names_are_looked_at() {
    wrong("lab/v1", "lab/v2", &[("1:9", "found `lab/v2`, expected `lab/v1`", "newer")]);
    wrong(
        "id: demo",
        "id: Demo",
        &[
            ("2:5", "found `Demo`, expected the name of a lab", "lower-case"),
            ("2:5", "expected the name of the lab's folder, `demo`", ""),
        ],
    );
    wrong(
        "title: A d",
        "titel: A d",
        &[
            ("1:1", "`title` is missing", "add"),
            ("3:1", "found `titel`, expected the name of a setting", "did you mean `title`"),
        ],
    );
    wrong("intermediate", "medium", &[("5:13", "found `medium`, expected beginner, intermediate or advanced", "")]);
    wrong("minutes: 20", "minutes: soon", &[("4:10", "found `soon`, expected a whole number", "")]);
    wrong("minutes: 20", "minutes: 0", &[("4:10", "found `0`, expected minutes from 1", "")]);
    wrong("memory: 1g", "memory: 1x", &[("7:19", "found `1x`, expected a size", "512m")]);
    wrong("memory: 1g", "memory: 1m", &[("7:19", "found `1m`, expected 256m to 1t", "")]);
    wrong("DOCKERIGNORE_GAP: [look", "ignore-gap: [look", &[("28:9", "expected a failure code", "")]);
    wrong("[look, there]", "[]", &[("28:9", "found no hints for `DOCKERIGNORE_GAP`", "")]);
}

#[test]
fn what_is_referred_to_is_there() {
    wrong("images/base}", "images/bsae}", &[("9:33", "found `images/bsae`", "did you mean `images/base`")]);
    wrong(
        "images/base}",
        "../base}",
        &[
            ("9:33", "expected a path in the folder", "without `..`"),
            ("9:33", "expected a folder of the lab with a Dockerfile", ""),
        ],
    );
    wrong("debian:bookworm-slim'", "debian'", &[("10:12", "with its tag", "debian:1.0")]);
    wrong("debian:bookworm-slim'", "lab/base:1'", &[("10:12", "for the second time", "")]);
    wrong("needs: [ignore]", "needs: [ignroe]", &[("24:17", "found `ignroe`", "did you mean `ignore`")]);
    wrong("needs: [ignore]", "needs: [health]", &[("20:9", "`health` needs itself", "")]);
    wrong("container: app", "container: web", &[("22:20", "found `web`, expected a name from `run`", "app")]);
    wrong(
        "id: health",
        "id: ignore",
        &[("20:9", "found the check `ignore` for the second time", "line 19"), ("20:9", "needs itself", "")],
    );
    wrong("memory: 64m", "image: 'debian:12'", &[("13:39", "found `debian:12`, expected one of the lab's images", "")]);
    wrong(
        "remove: [.dockerignore]",
        "remove: [dockerignore]",
        &[
            ("33:5", "`gone` is the same as the solution", ""),
            ("33:52", "found `dockerignore`, expected a file", "did you mean `.dockerignore`"),
        ],
    );
    wrong(
        "good: {other: {}}",
        "good: {others: {}}",
        &[
            ("34:9", "the folder `good/other` has no entry", "add `other: {}`"),
            ("34:10", "found `others`, and no folder `good/others`", "did you mean `other`"),
            ("34:10", "is the same as the solution", ""),
        ],
    );
    wrong(
        "    gap: {codes: [DOCKERIGNORE_GAP], may: [HTTP_STATUS]}\n",
        "",
        &[("32:5", "the folder `bad/gap` has no entry", "codes")],
    );
}

#[test]
fn points_and_codes_make_sense() {
    wrong("min_score: 20", "min_score: 31", &[("11:33", "found `31`, expected at most the 30 points", "")]);
    wrong(
        "required: true",
        "required: true, severity: warn",
        &[("19:9", "is required, and its failure is a warning", "")],
    );
    wrong(
        "codes: [DOCKERIGNORE_GAP], may: [HTTP_STATUS]",
        "codes: []",
        &[("32:10", "found no codes for `gap`", "good")],
    );
    wrong("may: [HTTP_STATUS]", "may: [DOCKERIGNORE_GAP]", &[("32:44", "must be given already", "")]);
    wrong("codes: [DOCKERIGNORE_MISSING]}\n  bad", "codes: []}\n  bad", &[("30:12", "found no codes", "must fail")]);
    let none = GOOD.replace("points: 20, ", "").replace("        points: 10\n", "").replace(", min_score: 20", "");
    told(&read(&none).unwrap_err(), &[("", "no check has points", "")]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = GOOD
        .replace("minutes: 20", "minutes: [20]")
        .replace("ttl: 40m", "ttl: 40")
        .replace("timeout: 20s", "timeuot: 20s\n        title: {}")
        .replace("kind: dockerignore.covers, ", "")
        .replace("port: 8000}", "prot: 8000}");
    told(
        &read(&text).unwrap_err(),
        &[
            ("4:10", "found a list, expected a whole number", ""),
            ("7:28", "found `40`, expected a length of time", ""),
            ("7:32", "found `prot`", "did you mean `port`"),
            ("19:9", "`kind` is missing here", ""),
            ("26:16", "found a group of settings, expected text", ""),
        ],
    );
}

#[test]
fn what_is_no_yaml_or_no_group_is_told() {
    told(&read("id: [\n").unwrap_err(), &[("1:5", "no valid YAML", "")]);
    assert!(read("").unwrap_err()[0].message.contains("expected"));
    told(&read("- a\n- b\n").unwrap_err(), &[("1:1", "found a list, expected settings", "")]);
    assert_eq!(read("id: demo\nid: demo\n").unwrap_err().len(), 1);
    let mut tree = files(GOOD);
    tree.put("lab.yaml", &b"\xff\xfe"[..]);
    assert!(Lab::from_tree(&tree, Origin::BuiltIn, "x/lab.yaml").unwrap_err()[0].message.contains("UTF-8"));
    tree.remove("lab.yaml");
    assert!(Lab::from_tree(&tree, Origin::BuiltIn, "x/lab.yaml").unwrap_err()[0].message.contains("not there"));
    tree.put("lab.yaml", GOOD.as_bytes());
    tree.remove("README.md");
    let errors = Lab::from_tree(&tree, Origin::BuiltIn, "demo/lab.yaml").unwrap_err();
    assert!(errors[0].message.contains("README.md is missing"), "{errors:?}");
}

#[test]
fn a_number_is_an_exit_code_and_no_failure_code() {
    let lab = read(&GOOD.replace("points: 10", "points: 10\n        code: 3")).unwrap();
    let (_, check) = lab.checks().nth(1).unwrap();
    assert_eq!((check.code.as_deref(), check.fields["code"].as_i64()), (None, Some(3)));
    let lab = read(&GOOD.replace("points: 10", "points: 10\n        code: MY_CODE")).unwrap();
    let (_, check) = lab.checks().nth(1).unwrap();
    assert_eq!((check.code.as_deref(), check.fields.get("code")), (Some("MY_CODE"), None));
}

#[test]
fn needs_go_in_no_circle() {
    let text = GOOD.replace("ignored: [.git/config]", "needs: [health], ignored: [.git/config]");
    told(&read(&text).unwrap_err(), &[("19:9", "`ignore`, `health` need each other", "")]);
}

proptest::proptest! {
    #[test]
    fn nothing_panics(at in 0usize..GOOD.len(), cut in 0usize..40, insert in "[\\[\\]{}:, \\n&*!-]{0,6}") {
        let end = (at + cut).min(GOOD.len());
        let text = format!("{}{insert}{}", &GOOD[..at], &GOOD[end..]);
        if let Err(errors) = read(&text) {
            proptest::prop_assert!(!errors.is_empty());
            for error in errors {
                let shown = error.to_string();
                proptest::prop_assert!(!shown.contains(|ch: char| ch.is_control() && ch != '\n'), "{shown:?}");
            }
        }
    }
}

#[test]
fn a_folder_is_read_within_limits() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("demo");
    files(GOOD).write_to(&lab).unwrap();
    let read = load(&lab).unwrap();
    assert_eq!(read.digest, files(GOOD).digest());
    assert_eq!(read.origin, Origin::Folder(lab.canonicalize().unwrap()));
    std::os::unix::fs::symlink("/etc/passwd", lab.join("starter/link")).unwrap();
    let errors = load(&lab).unwrap_err();
    assert!(errors[0].to_string().contains("starter/link: is a symbolic link"), "{errors:?}");
    std::fs::remove_file(lab.join("starter/link")).unwrap();
    std::fs::File::create(lab.join("starter/large")).unwrap().set_len(65 << 20).unwrap();
    let errors = load(&lab).unwrap_err();
    assert!(errors[0].message.contains("more than a lab may"), "{errors:?}");
    assert!(load(dir.path()).unwrap_err()[0].message.contains("holds no lab.yaml"));
    assert!(load(&dir.path().join("none")).unwrap_err()[0].message.contains("cannot be read"));
}
