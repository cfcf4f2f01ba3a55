#![allow(clippy::unwrap_used)]

use super::super::super::Submission;
use super::super::super::testing::{codes, lab, look, look_with, tree};

fn message(check: &str, files: &[(&str, &str)]) -> String {
    look(check, files).found.into_iter().map(|found| found.message).collect::<Vec<_>>().join("\n")
}

#[test]
fn files_are_there_or_not() {
    let files = [("Dockerfile", "FROM a"), ("app/main.py", ""), ("app/run.sh", "#!/bin/sh\n")];
    let none: [&str; 0] = [];
    assert_eq!(codes("kind: file.exists, path: Dockerfile", &files), none);
    assert_eq!(codes("kind: file.exists, path: app/*.py", &files), none);
    assert_eq!(codes("kind: file.exists, path: '**/*.sh', executable: true, mode: '755'", &files), none);
    assert_eq!(codes("kind: file.exists, path: app, type: folder", &files), none);
    assert_eq!(codes("kind: file.exists, paths: [Dockerfile, dockerfile]", &files), ["FILE_MISSING"]);
    assert_eq!(codes("kind: file.exists, path: '*.py'", &files), ["FILE_MISSING"]);
    assert_eq!(codes("kind: file.exists, path: app", &files), ["FILE_MISSING"]);
    assert_eq!(codes("kind: file.exists, path: app/main.py, min_bytes: 1", &files), ["FILE_EMPTY"]);
    assert_eq!(codes("kind: file.exists, path: Dockerfile, max_bytes: 5", &files), ["FILE_TOO_BIG"]);
    assert_eq!(codes("kind: file.exists, path: Dockerfile, executable: true", &files), ["FILE_MODE"]);
    assert_eq!(
        message("kind: file.exists, path: app/run.sh, mode: '644'", &files),
        "app/run.sh has the mode 755, expected 644"
    );
    assert_eq!(codes("kind: file.absent, paths: [.env, '**/*.pyc']", &files), none);
    assert_eq!(codes("kind: file.absent, path: '**/*.sh'", &files), ["FILE_FORBIDDEN"]);
    assert_eq!(
        message("kind: file.absent, path: 'app/**'", &files),
        "app/main.py and app/run.sh are there, expected nothing of that name"
    );
}

#[test]
fn texts_say_what_they_should() {
    let files =
        [("a.py", "# import os\nx = 1 # not: secret\ny = '# secret'\n"), ("b.js", "let a = 'http://x' // TODO\n")];
    let none: [&str; 0] = [];
    assert_eq!(codes("kind: file.contains, path: a.py, all: ['import os', '^x']", &files), none);
    assert_eq!(
        codes("kind: file.contains, path: a.py, all: ['import os', '^x'], strip_comments: true", &files),
        ["FILE_CONTENT"]
    );
    assert_eq!(codes("kind: file.contains, path: a.py, any: [nothing, '^y']", &files), none);
    assert_eq!(codes("kind: file.contains, path: a.py, any: nothing", &files), ["FILE_CONTENT"]);
    assert_eq!(codes("kind: file.contains, path: a.py, any: secret, count: 2", &files), none);
    assert_eq!(codes("kind: file.contains, path: a.py, any: secret, count: 3", &files), ["FILE_CONTENT"]);
    assert_eq!(codes("kind: file.contains, path: c.py, any: secret", &files), ["FILE_MISSING"]);
    assert_eq!(codes("kind: file.excludes, path: c.py, any: secret", &files), none);
    assert_eq!(
        message("kind: file.excludes, path: '*.py', any: secret, strip_comments: true", &files),
        "a.py:3: found `secret`, expected nothing that matches /secret/"
    );
    assert_eq!(codes("kind: file.excludes, path: b.js, any: [TODO], strip_comments: true", &files), none);
    assert_eq!(codes("kind: file.contains, path: b.js, any: ['http://x'], strip_comments: true", &files), none);
}

#[test]
fn values_are_read_from_what_machines_read() {
    let files = [
        ("a.json", "{\"a\": {\"b\": [1, 2.0]}, \"ok\": true}"),
        ("compose.yaml", "x: &x {restart: always}\nservices:\n  web:\n    ports: ['80:80']\n    mem_limit: 256m\n"),
        ("Cargo.toml", "[package]\nname = \"x\"\n"),
        (".env", "export A=1\n# no\nB='two words'\nC=3 # three\n"),
        ("bad.json", "{\n\"a\": \n}"),
        ("bad.yaml", "a: [1\nb: 2\n"),
        ("bad.env", "A=1\nwhat\n"),
    ];
    let none: [&str; 0] = [];
    for good in [
        "path: a.json, query: a.b.1, eq: 2",
        "path: a.json, query: '$.a.b[*]', matches: '^[12]'",
        "path: a.json, query: ok, eq: true",
        "path: a.json, query: nope, absent: true",
        "path: compose.yaml, query: services.web.mem_limit, eq: 256m",
        "path: compose.yaml, query: '$.services.*.ports[0]', matches: '^80:'",
        "path: Cargo.toml, query: package.name, eq: x",
        "path: .env, query: A, eq: 1",
        "path: .env, query: B, eq: two words",
        "path: .env, query: C, matches: '^3$'",
    ] {
        assert_eq!(codes(&format!("kind: file.value, {good}"), &files), none, "{good}");
    }
    assert_eq!(message("kind: file.value, path: .env, query: A, eq: 2", &files), ".env: `A` is 1, expected 2");
    assert_eq!(message("kind: file.value, path: .env, query: Z", &files), ".env: `Z` is nothing, expected a value");
    assert_eq!(codes("kind: file.value, path: a.json, query: '$.a.b[*]', eq: 1", &files), ["FILE_VALUE"]);
    assert_eq!(codes("kind: file.value, path: nope.json, query: a", &files), ["FILE_MISSING"]);
    for bad in ["bad.json", "bad.yaml", "bad.env"] {
        let seen = look(&format!("kind: file.value, path: {bad}, query: a"), &files);
        assert_eq!(seen.found[0].code, "FILE_PARSE");
        assert!(seen.found[0].line.is_some() && !seen.found[0].message.contains('\n'), "{:?}", seen.found);
    }
}

#[test]
fn what_is_given_stays_as_it_was() {
    let check = |files: &[(&str, &str)]| {
        let mut lab = lab("- {id: it, kind: file.unchanged, paths: [app/**, run.sh]}");
        lab.starter = tree(&[("app/main.py", "a\nb\n"), ("app/x/y", ""), ("run.sh", "#!/bin/sh"), ("Dockerfile", "")]);
        look_with(&lab, &Submission::of(&tree(files)).unwrap())
    };
    let good =
        [("app/main.py", "a\nb\n"), ("app/x/y", ""), ("run.sh", "#!/bin/sh"), ("Dockerfile", "x"), ("app/new", "")];
    assert_eq!(check(&good).observed, "3 files as given");
    assert!(check(&good).found.is_empty());
    let seen = check(&[("app/main.py", "a\nB\n"), ("app/x", "")]);
    let messages: Vec<_> = seen.found.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "app/main.py:2: this was changed, expected the file as it was given",
            "app/x/y is gone, expected it as it was given",
            "run.sh is gone, expected it as it was given"
        ]
    );
    assert_eq!(seen.found[0].line, Some(2));
}

#[test]
fn dockerignore_is_judged_by_what_it_does() {
    let check = "kind: dockerignore.covers, ignored: [.env, .git/config, 'a/**/*.pyc'], kept: [app/main.py]";
    let with = |text: &str| {
        let files = [(".dockerignore", text), ("app/main.py", ""), ("a/b/x.pyc", ""), (".env", "A=1")];
        look(check, &files)
    };
    let none: [&str; 0] = [];
    let codes = |text: &str| with(text).found.iter().map(|f| f.code).collect::<Vec<_>>();
    assert_eq!(codes(".env\n.git\n**/*.pyc\n"), none);
    assert_eq!(codes("*\n!app\n"), none);
    assert_eq!(codes("# .env\n.git\n**/*.pyc\n"), ["DOCKERIGNORE_GAP"]);
    assert_eq!(codes(".env\n.git\n*.pyc\n"), ["DOCKERIGNORE_GAP"]);
    assert_eq!(codes(".env\n.git\n**/*.pyc\napp\n"), ["DOCKERIGNORE_OVERREACH"]);
    assert_eq!(codes("*\n"), ["DOCKERIGNORE_OVERREACH"]);
    assert_eq!(codes("*\n!app\n[\n"), ["DOCKERIGNORE_SYNTAX"]);
    let seen = with(".env\n.git\n**/*.pyc\n!.git/config\n**/*.py\n!.env\n");
    assert_eq!(
        seen.found.iter().map(|f| (f.message.as_str(), f.line)).collect::<Vec<_>>(),
        [
            (
                ".dockerignore:6: this takes in again .env and .git/config, expected to be left out of the build",
                Some(6)
            ),
            (".dockerignore:5: this leaves out app/main.py, which the build needs", Some(5)),
        ]
    );
    assert_eq!(super::super::super::testing::codes(check, &[("app/main.py", "")]), ["DOCKERIGNORE_MISSING"]);
    // A Dockerfile's own file counts before the common one.
    let own = [("Dockerfile.dockerignore", "*\n!app\n"), (".dockerignore", "")];
    assert_eq!(super::super::super::testing::codes(check, &own), none);
}

#[test]
fn a_context_is_weighed_without_what_is_left_out() {
    let large = "x".repeat(30_000);
    let files = [("data/big", large.as_str()), ("app", "1"), (".dockerignore", "data\n")];
    let none: [&str; 0] = [];
    assert_eq!(codes("kind: context.size, max_mb: 0.01", &files), none);
    let seen = look("kind: context.size, max_mb: 0.01", &files[..2]);
    assert_eq!(
        seen.found[0].message,
        "the build is sent 0.03 MB in 2 files, expected at most 0.01 MB; the largest are data/big (0.03 MB) and app (0.00 MB)"
    );
    assert_eq!(codes("kind: context.size, max_mb: 1, max_files: 1", &files), ["CONTEXT_TOO_BIG"]);
}

#[test]
fn fields_that_cannot_be_are_refused() {
    for (check, expected) in [
        ("kind: file.exists", "`path` is missing here, a path, or `paths`, a list of them"),
        ("kind: file.exists, path: '[a'", "found `[a`, expected a path or glob"),
        ("kind: file.exists, path: a, mode: 9", "expected text"),
        ("kind: file.exists, path: a, mode: '9'", "expected a mode in octal"),
        ("kind: file.contains, path: a, any: '('", "found `(`, expected a regular expression: unclosed group"),
        ("kind: file.contains, path: a", "`any` or `all` is missing here"),
        ("kind: file.value, path: a, query: '$['", "expected a JSONPath"),
        ("kind: file.value, path: a, query: b, eq: 1, absent: true", "several of"),
        ("kind: context.size, max_mb: 0", "expected a number above 0"),
        ("kind: dockerignore.covers, ignore: [a]", "found `ignore`, expected the name of a field"),
        ("kind: file.exists, path: a, type: dir", "expected one of file, folder, link, any"),
    ] {
        let lab = lab(&format!("- {{id: it, {check}}}"));
        let errors = super::super::super::compile(&lab).err().unwrap();
        assert!(errors[0].message.contains(expected), "{check}: {}", errors[0].message);
    }
}
