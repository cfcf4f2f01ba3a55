//! The line of a program that its last words name.

use std::sync::LazyLock;

use regex::Regex;

/// What programs call themselves as files; else an address with a port would be one.
const ENDINGS: &str = "py|js|mjs|cjs|ts|mts|tsx|jsx|rb|pl|pm|php|go|java|kt|rs|c|cc|cpp|cs|sh|bash|lua|ex|exs|conf|cfg|ini|yaml|yml|json|toml|xml";
/// Where what is not one's own lies.
const FOREIGN: [&str; 10] = [
    "/usr/lib/",
    "/usr/lib64/",
    "/usr/local/lib/",
    "/usr/local/go/",
    "/usr/share/",
    "/lib/",
    "/proc/",
    "site-packages/",
    "dist-packages/",
    "node_modules/",
];

/// A file and a line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileLine {
    pub(super) path: String,
    pub(super) line: u32,
}

/// The line of a program's own file that its last lines blame, if they do. `dir` is its working directory; a path
/// below it is given as seen from there.
pub(super) fn blamed(log: &[String], dir: &str) -> Option<FileLine> {
    static PYTHON: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"^\s*File "([^"]+)", line (\d+)"#).ok());
    static COLON: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(&format!(r"(?:^|[\s(\x22'\[=])(?:file://)?((?:[\w.@+-]*/)*[\w.@+-]+\.(?:{ENDINGS})):(\d+)")).ok()
    });
    static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(&format!(r"((?:[\w.@+-]*/)*[\w.@+-]+\.(?:{ENDINGS})):? (?:on )?line:? (\d+)")).ok()
    });
    static SHELL: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^((?:[\w.@+-]*/)+[\w.@+-]+|[\w.@+-]+\.sh): (?:line )?(\d+): ").ok());
    let read = |regex: &Option<Regex>, line: &str| {
        let found = regex.as_ref()?.captures(line)?;
        own(found.get(1)?.as_str(), found.get(2)?.as_str(), dir)
    };
    // Python tells the innermost place last, which is the one; whoever tells it first begins anew with each failure.
    let python = log.iter().rev().find_map(|line| read(&PYTHON, line));
    let others = || {
        let place = |line: &String| [&SHELL, &COLON, &WORDS].iter().find_map(|regex| read(regex, line));
        let last = log.iter().rposition(|line| place(line).is_some())?;
        // The frames of one trace stand one below the other.
        let first = (0..=last).rev().take_while(|n| place(&log[*n]).is_some() || foreign(&log[*n])).last()?;
        log[first..=last].iter().find_map(place)
    };
    python.or_else(others)
}

/// Whether a line is one of a trace, but names nothing of one's own.
fn foreign(line: &str) -> bool {
    line.trim_start().starts_with("at ") || FOREIGN.iter().any(|part| line.contains(part))
}

fn own(path: &str, line: &str, dir: &str) -> Option<FileLine> {
    let line = line.parse().ok().filter(|n| *n > 0)?;
    let absolute = path.starts_with('/');
    let alien = |part: &str| if part.starts_with('/') { path.starts_with(part) } else { path.contains(part) };
    if FOREIGN.iter().any(|part| alien(part)) || path.contains('<') || path.contains("//") {
        return None;
    }
    let dir = dir.trim_end_matches('/');
    let below = path.strip_prefix(dir).and_then(|rest| rest.strip_prefix('/')).filter(|_| absolute && !dir.is_empty());
    let path = below.or_else(|| path.strip_prefix("./")).unwrap_or(path);
    Some(FileLine { path: path.to_owned(), line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(log: &str, dir: &str) -> Option<(String, u32)> {
        let log: Vec<String> = log.lines().map(str::to_owned).collect();
        blamed(&log, dir).map(|f| (f.path, f.line))
    }

    #[test]
    fn last_words_of_many_languages_name_a_line() {
        let python = "Traceback (most recent call last):\n  File \"/app/app.py\", line 3, in <module>\n    go()\n  \
            File \"/app/lib/x.py\", line 7, in go\n    import flask\n  \
            File \"/usr/local/lib/python3.11/site-packages/x.py\", line 9, in y\nModuleNotFoundError: No module named 'flask'";
        let node = "node:internal/modules/cjs/loader:1080\n  throw err;\n  ^\n\nError: Cannot find module 'express'\n    \
            at Module._resolveFilename (node:internal/modules/cjs/loader:1077:15)\n    \
            at Object.<anonymous> (/app/server.js:12:17)\n    at Object.<anonymous> (/app/index.js:1:1)\n\nNode.js v18.1.0";
        for (log, dir, expected) in [
            (python, "/app", Some(("lib/x.py", 7))),
            (node, "/app/", Some(("server.js", 12))),
            ("Can't locate Foo.pm in @INC at /srv/x.pl line 4.", "/srv", Some(("x.pl", 4))),
            ("/run.sh: 3: nosuch: not found", "", Some(("/run.sh", 3))),
            ("./run.sh: line 12: foo: command not found", "/app", Some(("run.sh", 12))),
            (
                "panic: oops\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:9 +0x1d",
                "/src",
                Some(("main.go", 9)),
            ),
            ("PHP Fatal error:  Uncaught x in /app/i.php on line 8", "/app", Some(("i.php", 8))),
            (
                "nginx: [emerg] unknown directive \"x\" in /etc/nginx/nginx.conf:5",
                "",
                Some(("/etc/nginx/nginx.conf", 5)),
            ),
            ("app.rb:3:in `<main>': undefined method (NoMethodError)", "/app", Some(("app.rb", 3))),
            ("listening on http://example.com:8080 and 0.0.0.0:80 at 12:30:45", "/app", None),
            ("  File \"<frozen runpy>\", line 198, in _run", "/app", None),
            ("", "", None),
        ] {
            assert_eq!(place(log, dir), expected.map(|(p, l)| (p.to_owned(), l)), "{log}");
        }
    }
}
