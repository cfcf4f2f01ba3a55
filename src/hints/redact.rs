//! What looks like a secret is taken out of what is sent to an assistant.
//!
//! By name (`PASSWORD=…`, the config's words), by form (keys of well-known services, private keys, long tokens), and by
//! value: what was a secret in one place is none of anybody's business in another.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::config::Secrets;

/// Stands where something was taken out.
pub(super) const REMOVED: &str = "<removed>";

/// Secrets by their form. What stands before the name group `secret` stays.
const FORMS: &[&str] = &[
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{16,}",
    r"\bgithub_pat_[A-Za-z0-9_]{16,}",
    r"\bgl[a-z]{2,5}-[A-Za-z0-9_-]{16,}",
    r"\b[sr]k[-_][A-Za-z0-9_-]{16,}",
    r"\bxox[a-z]-[A-Za-z0-9-]{10,}",
    r"\bAIza[0-9A-Za-z_-]{20,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
    r"\b(?:npm|hf)_[A-Za-z0-9]{20,}",
    r"\bpypi-[A-Za-z0-9_-]{20,}",
    r"\bdckr_pat_[A-Za-z0-9_-]{16,}",
    r"(?i)\b(?:bearer|basic)\s+(?P<secret>[A-Za-z0-9._~+/=-]{8,})",
    r"://(?P<secret>[^/\s:@]*:[^/\s@]+)@",
    r"(?:\s-u|--user)[ =](?P<secret>[^\s:]+:\S+)",
];

static FORM: LazyLock<Vec<Regex>> = LazyLock::new(|| FORMS.iter().filter_map(|form| Regex::new(form).ok()).collect());
/// A name and what gives it a value: `NAME=`, `NAME:`, `["NAME"] =`, `NAME `, and in lists `"NAME", `.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)(?:["']?\]?(?P<by>\s*(?:=>|:=|==?|:)\s*|\s+)|["'](?P<list>\s*,\s*))"#,
    )
    .ok()
});
/// A run of letters, digits and what keys have besides.
static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?:sha256:)?[A-Za-z0-9+/_=-]{32,}").ok());

/// Takes secrets out of texts.
#[derive(Debug)]
pub(super) struct Redactor<'a> {
    names: &'a Secrets,
    /// Values that were a secret somewhere, the longest first.
    values: Vec<String>,
}

impl<'a> Redactor<'a> {
    /// Learns from all files, by path and text, which values are secret.
    pub(super) fn new(names: &'a Secrets, files: &[(String, String)]) -> Self {
        let mut values = BTreeSet::new();
        for (path, text) in files {
            let env = is_env(path);
            for line in text.lines() {
                let found = if env { after_first(line) } else { assigned(names, line) };
                values.extend(found.into_iter().map(|(from, to)| unquoted(&line[from..to])).filter(|v| is_telling(v)));
            }
        }
        let mut values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { names, values }
    }

    /// The text of a file without secrets, line by line: lines keep their numbers.
    pub(super) fn file(&self, path: &str, text: &str) -> String {
        if is_secret_file(self.names, path) {
            return REMOVED.to_owned();
        }
        let env = is_env(path);
        let text = forms(text);
        let mut lines = Vec::new();
        // Within a block of text that belongs to a secret name, lines further in than this are part of it.
        let mut block: Option<usize> = None;
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            if block.is_some_and(|outer| line.trim().is_empty() || indent > outer) {
                lines.push(REMOVED.to_owned());
                continue;
            }
            block = None;
            let found = if env { after_first(line) } else { assigned(self.names, line) };
            if found.iter().any(|(from, _)| line[*from..].starts_with(['|', '>'])) {
                block = Some(indent);
            }
            let inside = env && found.is_empty() && !line.trim().is_empty() && !line.trim_start().starts_with('#');
            lines.push(if inside && !line.trim_end().ends_with('=') {
                REMOVED.to_owned()
            } else {
                without(line, &found)
            });
        }
        self.known(&lines.join("\n"))
    }

    /// Any other text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        let text = forms(text);
        let lines: Vec<String> = text.lines().map(|line| without(line, &assigned(self.names, line))).collect();
        self.known(&lines.join("\n"))
    }

    /// Without values that are known, and without long tokens.
    fn known(&self, text: &str) -> String {
        let text = self.values.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), REMOVED));
        let Some(run) = RUN.as_ref() else { return text };
        let token = |found: &Captures<'_>| if is_token(&found[0]) { REMOVED.to_owned() } else { found[0].to_owned() };
        run.replace_all(&text, token).into_owned()
    }
}

/// Without what has the form of a secret; as many lines as before.
fn forms(text: &str) -> String {
    FORM.iter().fold(text.to_owned(), |text, form| {
        form.replace_all(&text, |found: &Captures<'_>| {
            let whole = &found[0];
            match (found.name("secret"), found.get(0)) {
                (Some(secret), Some(all)) => {
                    let (from, to) = (secret.start() - all.start(), secret.end() - all.start());
                    format!("{}{REMOVED}{}", &whole[..from], &whole[to..])
                }
                _ => format!("{REMOVED}{}", "\n".repeat(whole.matches('\n').count())),
            }
        })
        .into_owned()
    })
}

/// The line with these parts of it taken out.
fn without(line: &str, parts: &[(usize, usize)]) -> String {
    let mut out = String::new();
    let mut at = 0;
    for (from, to) in parts {
        out.push_str(&line[at..*from]);
        out.push_str(REMOVED);
        at = *to;
    }
    out + &line[at..]
}

/// Where values of secret names stand in a line.
fn assigned(names: &Secrets, line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let Some(pattern) = NAME.as_ref() else { return found };
    let mut at = 0;
    while let Some(next) = pattern.captures_at(line, at) {
        let listed = next.name("list");
        let (Some(whole), Some(name), Some(by)) = (next.get(0), next.name("name"), next.name("by").or(listed)) else {
            break;
        };
        at = by.start().max(name.end());
        if listed.is_some() && !line[whole.end()..].starts_with(['"', '\'']) {
            continue;
        }
        let spaced = by.as_str().trim().is_empty();
        // `ENV NAME value`, `--password value`: nothing but a space stands between the two.
        let before = line[..name.start()].trim_end().to_ascii_uppercase();
        let option = line[..name.start()].ends_with("--");
        if (spaced && !option && before != "ENV" && before != "ARG") || !names.is_secret(name.as_str()) {
            continue;
        }
        let rest = &line[whole.end()..];
        let length = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..].find(quote).map_or(rest.len(), |end| end + 2),
            Some(_) if by.as_str().contains(':') || (spaced && !option) => {
                rest.find(" #").unwrap_or(rest.len()).min(rest.trim_end_matches(['\\', ',', ' ']).len())
            }
            Some(_) => rest.find(char::is_whitespace).unwrap_or(rest.len()),
            None => 0,
        };
        let value = unquoted(&rest[..length]);
        // A variable in its place is no secret, and worth seeing.
        let variable = value.starts_with('$') && !value.contains(":-");
        if length > 0 && !value.is_empty() && !variable {
            found.push((whole.end(), whole.end() + length));
        }
        at = whole.end() + length;
    }
    found
}

/// Where the value of a line of an `.env` file stands.
fn after_first(line: &str) -> Vec<(usize, usize)> {
    let comment = line.trim_start().starts_with('#');
    match line.split_once('=') {
        Some((name, value)) if !comment && !value.trim().is_empty() => vec![(name.len() + 1, line.len())],
        _ => Vec::new(),
    }
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['"', '\''])
}

/// Whether a value says so much that it must not stand anywhere else.
fn is_telling(value: &str) -> bool {
    let plain = ["true", "false", "none", "null"].contains(&value.to_ascii_lowercase().as_str());
    let number = value.len() < 8 && value.chars().all(|c| c.is_ascii_digit() || c == '.');
    value.len() >= 4 && !plain && !number && !value.starts_with('$')
}

fn is_env(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name.starts_with(".env.") || name.rsplit_once('.').is_some_and(|(_, kind)| kind == "env")
}

/// Whether nothing of a file is to be seen.
fn is_secret_file(names: &Secrets, path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    let known = [".npmrc", ".pypirc", ".netrc", ".git-credentials", ".htpasswd", ".pgpass", "id_rsa", "id_ed25519"];
    known.contains(&name)
        || ["pem", "key", "p12", "pfx", "jks", "keystore"].contains(&kind)
        || folders.split('/').any(|folder| [".ssh", ".aws", ".gnupg", ".docker", "secrets"].contains(&folder))
        || (["", "txt", "secret"].contains(&kind) && names.is_secret(if stem.is_empty() { name } else { stem }))
}

/// Whether a run of letters and digits looks like a key and not like a path or a name.
fn is_token(run: &str) -> bool {
    // The digest of an image is public.
    if run.starts_with("sha256:") {
        return false;
    }
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let mixed = |text: &str| {
        let has = |of: fn(&u8) -> bool| text.bytes().any(|b| of(&b));
        digits(text) > 0 && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
    };
    let part = |part: &str| part.len() >= 32 && digits(part) >= 3 && part.bytes().any(|b| b.is_ascii_alphabetic());
    mixed(run) || run.split('/').any(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(path: &str, text: &str) -> String {
        let names = Secrets::default();
        Redactor::new(&names, &[(path.to_owned(), text.to_owned())]).file(path, text)
    }

    #[test]
    fn all_forms_are_read() {
        assert_eq!(FORM.len(), FORMS.len());
        assert!(NAME.is_some() && RUN.is_some());
    }

    #[test]
    fn by_name() {
        for (text, shown) in [
            ("ENV DB_PASSWORD=hunter2 PORT=80", "ENV DB_PASSWORD=<removed> PORT=80"),
            ("ENV PORT=80 TOKEN=\"a b\" X=1", "ENV PORT=80 TOKEN=<removed> X=1"),
            ("ENV API_KEY hunter2 more", "ENV API_KEY <removed>"),
            ("ARG apiToken=hunter2", "ARG apiToken=<removed>"),
            ("      POSTGRES_PASSWORD: hunter2 # ours", "      POSTGRES_PASSWORD: <removed> # ours"),
            ("  - DB_PASSWORD=hunter2", "  - DB_PASSWORD=<removed>"),
            ("{\"password\": \"hunter2\", \"user\": \"me\"}", "{\"password\": <removed>, \"user\": \"me\"}"),
            ("password = 'hunter2'", "password = <removed>"),
            ("os.environ['DB_PASSWORD'] = 'hunter2'", "os.environ['DB_PASSWORD'] = <removed>"),
            ("os.getenv(\"DB_PASSWORD\", \"hunter2\")", "os.getenv(\"DB_PASSWORD\", <removed>)"),
            ("CMD [\"tool\", \"--token\", \"hunter2\", \"-v\"]", "CMD [\"tool\", \"--token\", <removed>, \"-v\"]"),
            ("RUN tool --password hunter2 --port 80", "RUN tool --password <removed> --port 80"),
            ("RUN tool --password=hunter2 x", "RUN tool --password=<removed> x"),
            ("url: http://x?token=hunter2", "url: http://x?token=<removed>"),
            ("RUN curl -H 'Authorization: Bearer hunter2hunter2' x", "RUN curl -H 'Authorization: Bearer <removed>' x"),
            ("DATABASE=postgres://me:hunter2@db/x", "DATABASE=postgres://<removed>@db/x"),
            ("RUN curl -u me:hunter2 x", "RUN curl -u <removed> x"),
        ] {
            assert_eq!(redacted("Dockerfile", text), shown, "{text}");
        }
        for text in [
            "ENV PASSWORD_FILE=/run/secrets/db PORT=8000",
            "ENV TOKEN=$TOKEN",
            "RUN --mount=type=secret,id=npm cat /run/x",
            "# the key to all this is patience",
            "FROM python:3.11 AS build",
            "FROM x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "COPY --from=build /usr/local/lib/python3.11/site-packages /usr/local/lib/python3.11/site-packages",
            "",
        ] {
            assert_eq!(redacted("Dockerfile", text), text);
        }
    }

    #[test]
    fn by_form() {
        let pem = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb";
        assert_eq!(redacted("x", pem), "a\n<removed>\n\n\n\nb");
        for secret in [
            "AKIAIOSFODNN7EXAMPLE",
            "ghp_0123456789abcdefghij",
            "github_pat_0123456789abcdefghij",
            "glpat-0123456789abcdefghij",
            "sk-proj-0123456789abcdefghij",
            "sk_live_0123456789abcdefghij",
            "xoxb-0123456789-abcdef",
            "AIzaSyA0123456789abcdefghijklmnopqrstuv",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_def",
            "npm_0123456789abcdefghijABCD",
            "dckr_pat_0123456789abcdefg",
            "0123456789abcdef0123456789abcdef",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY0",
        ] {
            assert_eq!(redacted("app.py", &format!("x({secret})")), "x(<removed>)", "{secret}");
        }
    }

    #[test]
    fn by_file() {
        let env = "# PORT is ours\nPORT=8000\nNAME=\"two\nlines\"\nEMPTY=\n\nexport A=b=c";
        let shown = "# PORT is ours\nPORT=<removed>\nNAME=<removed>\n<removed>\nEMPTY=\n\nexport A=<removed>";
        for path in [".env", "app/.env.local", "prod.env"] {
            assert_eq!(redacted(path, env), shown);
        }
        for path in ["secrets/db.yaml", "tls.key", "a/server.pem", ".npmrc", "db_password.txt", "token", ".aws/config"]
        {
            assert_eq!(redacted(path, "hello\nthere"), REMOVED, "{path}");
        }
        for path in ["auth.py", "tokenizer", "keyboard.txt", "Dockerfile", "src/key.rs"] {
            assert_eq!(redacted(path, "hello\nthere"), "hello\nthere", "{path}");
        }
        let block = "a:\n  password: |\n    one\n\n    two\n  user: me";
        assert_eq!(redacted("x.yaml", block), "a:\n  password: <removed>\n<removed>\n<removed>\n<removed>\n  user: me");
    }

    #[test]
    fn by_value_everywhere() {
        let names = Secrets::default();
        let files = [
            (".env".to_owned(), "GREETING=open-sesame\nDEBUG=true\nPORT=8000".to_owned()),
            ("compose.yaml".to_owned(), "DB_PASSWORD: 'hunter2'".to_owned()),
        ];
        let redactor = Redactor::new(&names, &files);
        assert_eq!(
            redactor.text("found open-sesame and hunter2 on port 8000, true"),
            "found <removed> and <removed> on port 8000, true"
        );
        assert_eq!(redactor.file("app.py", "connect('hunter2')"), "connect('<removed>')");
    }

    proptest::proptest! {
        /// Whatever the text, the number of lines stays and nothing breaks.
        #[test]
        fn any_text(text in "([A-Z_]{0,9}(PASSWORD|TOKEN)?[=: ]{0,2}['\"|$]?[a-zé0-9]{0,9}['\"]?\\\\?\n){0,9}") {
            let shown = redacted("x.yaml", &text);
            // A line that is empty now may be the last one.
            proptest::prop_assert_eq!(shown.split('\n').count(), text.lines().count().max(1));
        }
    }
}
