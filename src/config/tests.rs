#![allow(clippy::unwrap_used)]

use super::*;

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Source::new("config.yaml", text), None)
}

/// A configuration without the memory of its file, to compare.
fn settings(text: &str) -> Config {
    Config { source: None, start_view_place: None, ..read(text).unwrap() }
}

/// Checks where the error is, and words of its message and hint.
#[track_caller]
fn wrong(text: &str, at: &str, message: &str, hint: &str) {
    let error = read(text).unwrap_err();
    let shown = error.to_string();
    assert!(shown.starts_with(&format!("config.yaml:{at}: ")), "{shown}");
    assert!(error.message.contains(message), "{shown}");
    assert!(error.hint.contains(hint), "{shown}");
    assert!(!shown.contains(|ch: char| ch.is_control() && ch != '\n'), "{shown:?}");
}

#[test]
fn the_documented_file_changes_nothing() {
    assert_eq!(settings(Config::documented()), Config::default());
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let text: String = Config::documented()
        .lines()
        .filter(|line| !line.starts_with("##"))
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(settings(&text), Config::default());
    // Every setting is documented: each top-level name of the reader's own list stands there.
    let unknown = read("zzzzzzzz: 1\n").unwrap_err();
    for name in unknown.hint.trim_start_matches("known are ").split(", ") {
        assert!(text.contains(&format!("\n{name}:")) || text.starts_with(&format!("{name}:")), "{name}");
    }
}

#[test]
fn the_documented_examples_are_right() {
    let text: String = Config::documented()
        .lines()
        .filter_map(|line| line.strip_prefix("##   "))
        .skip_while(|line| !line.starts_with("keys:"))
        .filter(|line| line.starts_with("keys:") || line.starts_with("commands:") || line.starts_with("  "))
        .filter(|line| !line.starts_with("   ") || line.contains(':'))
        .collect::<Vec<_>>()
        .join("\n");
    let config = settings(&text);
    assert_eq!(config.keys.len(), 3);
    assert_eq!(config.commands.len(), 3);
    assert!(config.commands[0].terminal && !config.commands[1].terminal && config.commands[2].confirm);
}

#[test]
fn the_documented_fields_are_those_of_the_code() {
    for on in [On::Container, On::Service, On::Stack, On::Image, On::Network, On::Volume, On::Host] {
        let line = format!("##   {:<10} {}\n", on.name(), on.fields().join(" "));
        assert!(Config::documented().contains(&line), "{line}");
    }
}

#[test]
fn empty_files_are_defaults() {
    for text in ["", "\n", "# nothing yet\n", "---\n", "theme:\nlogs:\nkeys:\ncommands:\nsecrets:\nlayout:\nmouse:\n"] {
        assert_eq!(settings(text), Config::default(), "{text:?}");
    }
}

#[test]
fn everything_can_be_set() {
    let config = read(concat!(
        "theme: ember\nascii: true\nmouse: false\nkeymap: k9s\nstats: false\nconfirm: all\nhost: prod\n",
        "start_view: stacks\nlayout: {split: 30}\nsecrets: [pin]\n",
        "logs:\n  tail: 50\n  budget: 1.5g\n  timestamps: true\n  wrap: true\n  since: 1h30m\n",
        "keys:\n  quit: y\n  stop: [n, 1, ctrl-d]\n  start: []\n",
    ))
    .unwrap();
    assert_eq!(config.theme, "ember");
    assert_eq!((config.ascii, config.keymap, config.confirm), (Ascii::Always, Preset::K9s, Confirm::All));
    assert_eq!(config.symbols(), Symbols::ASCII);
    assert!(!config.mouse && !config.stats && config.logs.wrap && config.logs.timestamps);
    assert_eq!(config.logs.budget, Size(3 << 29));
    assert_eq!(config.logs.since.unwrap().0.as_secs(), 5400);
    assert_eq!(config.layout.split, 30);
    assert!(config.secrets.is_secret("PIN") && !config.secrets.is_secret("PASSWORD"));
    let keys: Vec<String> = config.keys.iter().flat_map(|binding| &binding.chords).map(Chord::to_string).collect();
    assert_eq!(keys, ["y", "n", "1", "ctrl-d"]);
    config.check(&["quit", "stop", "start"], &["stacks"]).unwrap();
}

#[test]
fn names_that_are_not_there() {
    wrong("thme: x\n", "1:1", "found `thme`, expected the name of a setting", "did you mean `theme`?");
    wrong("logs:\n  tial: 1\n", "2:3", "`tial`", "did you mean `tail`?");
    wrong("frobnicate: 1\n", "1:1", "`frobnicate`", "known are theme, ascii,");
    wrong("theme: habror\n", "1:8", "found `habror`, expected the name of a theme", "did you mean `harbor`?");
    wrong("theme: zzz\n", "1:8", "`zzz`", "known are harbor, daylight");
    wrong("theme: ../../etc/passwd\n", "1:8", "`../../etc/passwd`", "known are");
    wrong("keymap: lazydoker\n", "1:9", "expected ondeck, lazydocker or k9s", "did you mean `lazydocker`?");
    wrong("confirm: never\n", "1:10", "expected destructive or all", "");
}

#[test]
fn names_that_the_panel_checks() {
    let config = read("keys:\n  quit: q\n  restrat: r\nstart_view: dekc\n").unwrap();
    let error = config.check(&["quit", "restart"], &["deck"]).unwrap_err();
    assert!(error.to_string().starts_with("config.yaml:3:3: found `restrat`, expected an action"), "{error}");
    assert_eq!(error.hint, "did you mean `restart`?");
    let error = config.check(&["quit", "restrat"], &["deck"]).unwrap_err();
    assert!(error.to_string().starts_with("config.yaml:4:13: found `dekc`, expected a view"), "{error}");
    assert!(Config::default().check(&[], &["deck"]).is_ok());
}

#[test]
fn wrong_types() {
    wrong("theme: [harbor]\n", "1:8", "found a list, expected text", "");
    wrong("theme: {name: harbor}\n", "1:8", "found a group of settings, expected text", "");
    wrong("mouse: maybe\n", "1:8", "found `maybe`, expected true or false", "");
    wrong("mouse: yes # really\n", "1:8", "found `yes`, expected true or false", "");
    wrong("ascii: on\n", "1:8", "found `on`, expected true, false or auto", "");
    wrong("logs: 3\n", "1:7", "found `3`, expected settings", "");
    wrong("logs: [1]\n", "1:7", "found a list, expected settings", "");
    wrong("logs:\n  tail: many\n", "2:9", "found `many`, expected a whole number", "");
    wrong("logs: {tail: -1, wrap: true}\n", "1:14", "found `-1`, expected a whole number", "");
    wrong("keys: q\n", "1:7", "found `q`, expected settings", "");
    wrong("commands: docker ps\n", "1:11", "found `docker ps`, expected a list", "");
    wrong("secrets: password\n", "1:10", "expected a list", "");
    wrong("- a\n", "1:1", "found a list, expected settings", "");
    wrong("hello\n", "1:1", "found `hello`, expected settings", "missing");
    wrong("theme:ember\n", "1:1", "found `theme:ember`, expected settings", "space after a `:`");
    wrong("layout: {split: 99}\n", "1:17", "found `99`, expected a percentage from 15 to 85", "");
    wrong("layout: {split: 900}\n", "1:17", "found `900`, expected a whole number", "");
}

#[test]
fn quantities() {
    wrong("logs:\n  budget: 32x\n", "2:11", "found `32x`, expected a size", "`512m` or `1.5g`");
    wrong("logs:\n  budget: 5k\n", "2:11", "found `5k`, expected a size from 1m to 16g", "");
    wrong("logs:\n  since: 90\n", "2:10", "found `90`, expected a length of time", "`90s`");
    wrong("logs: {since: 1y}\n", "1:15", "found `1y`", "s, m, h, d or w");
}

#[test]
fn keys() {
    wrong("keys:\n  quit: [q, ctrl-fog]\n", "2:13", "found `ctrl-fog`, expected a key", "ctrl-, alt- and shift-");
    wrong("keys:\n  quit: foo\n", "2:9", "found `foo`, expected a key", "");
    wrong("keys: {quit: ctrl-i}\n", "1:14", "found `ctrl-i`", "the same for it as for `tab`");
    wrong("keys:\n  quit: #\n", "2:3", "found no key for `quit`", "need quotes");
    wrong("keys:\n  quit: [~]\n", "2:10", "expected text", "needs quotes");
    wrong("keys:\n  quit: {a: b}\n", "2:9", "found a group of settings, expected a key or a list of keys", "");
    wrong("keys:\n  quit: q\n  quit: x\n", "3:3", "found `quit` for the second time", "remove one");
    wrong("keys:\n  quit: true\n", "2:9", "found `true`, expected a key", "");
}

#[test]
fn commands() {
    let command = |rest: &str| format!("commands:\n  - name: x\n    {}\n", rest.replace('\n', "\n    "));
    wrong(&command("on: container"), "3:5", "`command` is missing", "add `command:`");
    wrong(&command("command: ls"), "3:5", "`on` is missing", "");
    wrong(&command("on: pod\ncommand: ls"), "3:9", "found `pod`, expected container, service,", "");
    wrong(
        &command("on: volume\ncommand: echo {{id}}"),
        "4:14",
        "found `{{id}}`, expected a field of `on: volume`",
        "known are name, host",
    );
    wrong(&command("on: image\ncommand: echo {{nmae}}"), "4:14", "`{{nmae}}`", "did you mean `name`?");
    wrong(&command("on: image\ncommand: echo '{{name}}'"), "4:14", "inside quotes", "quotes the value itself");
    wrong(&command("on: image\ncommand: echo {{name"), "4:14", "without its end", "");
    wrong(&command("on: image\ncommand: ''"), "4:14", "empty", "");
    wrong(&command("on: image\ncommand: ls\nkey: q q"), "5:10", "found `q q`, expected a key", "");
    wrong(&command("on: image\ncommand: ls\nshell: true"), "5:5", "`shell`", "known are name, key, command");
    let twice = "commands:\n- {name: a, key: x, on: image, command: ls}\n- {name: b, key: x, on: image, command: ls}\n";
    wrong(twice, "3:18", "`x` is the key of `a` already", "");
    let twice = "commands:\n- {name: a, on: image, command: ls}\n- {name: a, on: image, command: ls}\n";
    wrong(twice, "3:3", "second command `a` with `on: image`", "");
}

#[test]
fn secrets() {
    wrong("secrets: [pin, '/(/']\n", "1:16", "expected a regular expression", "unclosed group");
    wrong("secrets: [a b]\n", "1:11", "expected one word", "split into words");
}

#[test]
fn broken_yaml() {
    wrong("theme: a\ntheme: b\n", "2:1", "found `theme` for the second time", "remove one");
    wrong("theme: harbor\n  mouse: true\n", "2:8", "no valid YAML", "indentation");
    wrong("logs:\n  tail: 1\n wrap: true\n", "3:2", "no valid YAML", "same column");
    wrong("logs:\n\ttail: 1\n", "2:2", "no valid YAML: tabs", "spaces, not with tabs");
    wrong("theme: 'harbor", "1:8", "no valid YAML", "not closed");
    wrong("keys: {a: b\n", "1:7", "no valid YAML", "not closed");
    wrong("theme: *x\n", "1:8", "refers to something that is not there", "needs quotes");
    wrong("theme: @x\n", "1:8", "no valid YAML", "needs quotes");
    wrong("theme: harbor\n---\nmouse: true\n", "3:1", "second document", "---");
    wrong("<<: {theme: harbor}\n", "1:1", "`<<`", "");
}

#[test]
fn nothing_reaches_the_terminal() {
    wrong("theme: \"\\e[31m\\u202eevil\\n\"\n", "1:8", "expected the name of a theme", "known");
    wrong("\"\\e]0;x\\a\": 1\n", "1:1", "expected the name of a setting", "");
    wrong("theme: \u{1b}[31m\n", "1:8", "", "");
    let long = format!("theme: {}\n", "x".repeat(100_000));
    assert!(read(&long).unwrap_err().to_string().len() < 1000);
}

#[test]
fn references_cannot_grow_a_file() {
    let mut laughs =
        String::from("commands:\n- &a {name: a, on: image, command: ls}\nkeys:\n  a: &b [x,x,x,x,x,x,x,x,x,x]\n");
    for number in 0..2_000 {
        use std::fmt::Write as _;
        writeln!(laughs, "  k{number}: *b").unwrap();
    }
    wrong(&laughs, "838:9", "more than a configuration can hold", "repeat too much");
    let mut nested = String::from("keys:\n  a: &a0 [x, x]\n");
    for level in 1..30 {
        use std::fmt::Write as _;
        writeln!(nested, "  k{level}: &a{level} [*a{0}, *a{0}, *a{0}]", level - 1).unwrap();
    }
    assert!(read(&nested).is_err());
    assert!(read(&"[".repeat(100_000)).is_err());
    assert!(read(&format!("keys: {}", "{a: ".repeat(10_000))).is_err());
}

#[test]
fn the_place_is_shown() {
    assert_eq!(
        read("# colours\ntheme: habror # mine\n").unwrap_err().to_string(),
        "config.yaml:2:8: found `habror`, expected the name of a theme\n  \
         2 | theme: habror # mine\n    |        ^\n  \
         hint: did you mean `harbor`?"
    );
    // Wide characters take two cells: the caret stands below the key.
    let shown = read("{host: 甲板, theme: habror}\n").unwrap_err().to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(shown.starts_with("config.yaml:1:19"), "{shown}");
    let before = lines[1].split("habror").next().unwrap();
    assert_eq!(unicode_width::UnicodeWidthStr::width(before), lines[2].find('^').unwrap(), "{shown}");
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let missing = Config::load(Some(&path)).unwrap_err();
    assert!(missing.message.contains("cannot be read") && missing.hint.contains("--print-config"), "{missing}");
    std::fs::write(&path, b"mouse: true\ntheme: \xff\n").unwrap();
    let error = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(error.contains("config.yaml:2:8: found bytes that are not UTF-8"), "{error}");
    std::fs::write(&path, "\u{feff}mouse: false\r\ntheme: mine\r\n").unwrap();
    let error = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(error.contains(":2:8: found `mine`"), "{error}");

    let themes = folder.path().join("themes");
    std::fs::create_dir(&themes).unwrap();
    let ansi = include_str!("../../themes/ansi.yaml");
    std::fs::write(themes.join("mine.yaml"), ansi.replace("name: ansi", "name: mine")).unwrap();
    std::fs::write(themes.join("ember.yaml"), ansi.replace("default, dark or light", "own")).unwrap();
    std::fs::write(themes.join("broken.yaml"), "name: [").unwrap();
    let config = Config::load(Some(&path)).unwrap();
    assert_eq!((config.theme.as_str(), config.mouse), ("mine", false));
    assert_eq!(config.theme_named("mine", Depth::True).unwrap().name, "mine");
    let listed: Vec<(String, bool)> = config.themes().into_iter().map(|entry| (entry.name, entry.own)).collect();
    assert!(listed.contains(&("ember".into(), true)) && !listed.contains(&("ember".into(), false)), "{listed:?}");
    let broken = config.themes().into_iter().find(|entry| entry.name == "broken").unwrap();
    assert!(broken.kind.is_none() && broken.description.contains("broken.yaml:1:7"), "{broken:?}");
    assert!(config.theme_named("broken", Depth::True).is_err());

    std::fs::write(&path, "x".repeat(2 << 20)).unwrap();
    assert!(Config::load(Some(&path)).unwrap_err().message.contains("at most"));
    assert!(Config::load(Some(folder.path())).unwrap_err().message.contains("not a file"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z:{}\\[\\]*&!|>'\"#~%@, \n\t-]{0,60}") {
        if let Err(error) = read(&text) {
            proptest::prop_assert!(!error.to_string().contains(|ch: char| ch.is_control() && ch != '\n'));
        }
    }
}

#[test]
fn an_assistant_for_hints() {
    let hints = |text: &str| read(&format!("hints:\n  {}\n", text.replace('\n', "\n  "))).unwrap().hints;
    let usual = hints("provider: gemini");
    assert_eq!((usual.key_variable(), usual.timeout.0.as_secs(), usual.per_minute), (Some("GEMINI_API_KEY"), 20, 5));
    assert!(usual.address().starts_with("https://") && usual.model_name().starts_with("gemini"));
    let local = hints("provider: openai\nurl: http://localhost:11434/v1/\nmodel: llama3");
    assert_eq!((local.address(), local.model_name()), ("http://localhost:11434/v1", "llama3"));
    // A key is for the one it was given by: another address gets none by itself.
    assert_eq!(local.key_variable(), None);
    assert_eq!(hints("provider: openai\nurl: https://x/v1\nkey_env: X_KEY").key_variable(), Some("X_KEY"));
    assert_eq!(hints("provider: openai").key_variable(), Some("OPENAI_API_KEY"));
    assert_eq!(hints("timeout: 3s").key_variable(), None);

    wrong("hints:\n  provider: chatty\n", "2:13", "expected none, gemini or openai", "");
    wrong("hints:\n  url: localhost\n", "2:8", "found `localhost`, expected an address", "http://localhost:11434/v1");
    wrong("hints:\n  url: https://x/v1?key=1\n", "2:8", "expected an address", "without a query");
    wrong("hints:\n  timeout: 0s\n", "2:12", "expected a time from 1s to 10m", "");
    wrong("hints:\n  per_minute: 0\n", "2:15", "found `0`", "");
    wrong("hints:\n  key: abc\n", "2:3", "found `key`", "");
    for text in ["key_env: sk-abcdefgh", "url: https://me:sk-abcdefgh@x/v1", "key: sk-abcdefgh", "api_key: sk-abcdefgh"]
    {
        let error = read(&format!("hints:\n  {text}\n")).unwrap_err().to_string();
        assert!(error.starts_with("config.yaml:2:") && !error.contains("sk-abc"), "{error}");
    }
}

#[test]
fn health_is_checked_where_it_is_written() {
    let at = |line: &str| {
        let error = read(&format!("health:\n{line}\n")).unwrap_err();
        (error.place.unwrap().line, error.to_string())
    };
    for (line, words) in [
        ("  interval: 0s", "from 1s to 1d"),
        ("  interval: -5s", "found `-5s`"),
        ("  timeout: 0s", "expected a time from"),
        ("  timeout: 1h", "to 5m"),
        ("  heal: {limit: 0}", "from 1 to 100"),
        ("  heal: {backoff: 0s}", "from 1s to 1d"),
        ("  heal: {after: 2d}", "to 1d"),
        ("  probes: [{container: web}]", "asks nothing"),
        ("  probes: [{tcp: ':1'}]", "without `container`"),
        ("  probes: [{container: '', tcp: ':1'}]", "found nothing"),
        ("  probes: [{container: web, http: '8080'}]", "found `8080`"),
        ("  probes: [{container: web, tcp: ':0'}]", "from 1 to 65535"),
        ("  probes: [{container: web, tls: 'x'}]", ":443"),
        ("  probes: [{container: web, http: ':1', status: 99}]", "from 100 to 599"),
        ("  probes: [{container: web, http: ':1', body: '('}]", "regular expression"),
        ("  probes: [{container: web, http: ':1', slow: 0s}]", "expected a time"),
        ("  notify: {webhook: example.org/x}", "no address"),
        ("  notify: {ntfy: ''}", "no address"),
        ("  notify: {token_env: 'tk_secret'}", "environment variable"),
        ("  notify: {mail: x}", "mail"),
    ] {
        let (place, shown) = at(line);
        assert_eq!(place, 2, "{line}: {shown}");
        assert!(shown.contains(words), "{line}: {shown}");
    }
    for secret in ["webhook: 'https://me:hunter2@h/'", "ntfy: 'hunter2'"] {
        let (_, shown) = at(&format!("  notify: {{{secret}}}"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let config = settings(
        "health:\n  interval: 1s\n  probes:\n    - {container: shop/web, http: ':8080/health', body: '\"ok\"', slow: 1s}\n    \
         - {container: proxy, tls: 'shop.example.com:443', insecure: true, interval: 1h}\n  \
         heal: {enabled: true, after: 0s}\n  notify: {webhook: 'https://h/x', token_env: TOKEN}\n",
    );
    assert_eq!(config.health.probes.len(), 2);
    assert!(config.health.heal.enabled && config.health.probes[1].insecure);
}
