//! Names that are not found, and others that do not answer.

use std::sync::LazyLock;

use regex::Regex;

use crate::health::facts::{Facts, has, short};

use super::Said;

const UNRESOLVED: [&str; 20] = [
    "name or service not known",
    "temporary failure in name resolution",
    "could not resolve",
    "couldn't resolve",
    "cannot resolve",
    "can't resolve",
    "no such host",
    "nxdomain",
    "enotfound",
    "eai_again",
    "bad address",
    "unable to resolve",
    "failed to resolve",
    "host not found",
    "could not translate host name",
    "unknown host",
    "unknownhostexception",
    "nodename nor servname",
    "name does not resolve",
    "unknown mysql server host",
];
const UNREACHED: [&str; 18] = [
    "connection refused",
    "econnrefused",
    "refused",
    "timed out",
    "timeout",
    "etimedout",
    "no route to host",
    "unreachable",
    "could not connect",
    "couldn't connect",
    "can't connect",
    "cannot connect",
    "failed to connect",
    "unable to connect",
    "connection reset",
    "connection failed",
    "not reachable",
    "is unavailable",
];

/// The name that it says is not found, with the line that says it; empty where the line has no name.
pub(in crate::health) fn unresolved(facts: &Facts) -> Option<(String, String)> {
    if !facts.is_ill() {
        return None;
    }
    let lines: Vec<&str> = facts.said().filter(|l| has(l, &UNRESOLVED)).collect();
    let named = lines.iter().find_map(|line| Some((name_in(line)?, short(line))));
    named.or_else(|| lines.first().map(|line| (String::new(), short(line))))
}

fn name_in(line: &str) -> Option<String> {
    static NAMES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
        const NAME: &str = r"([A-Za-z0-9_][A-Za-z0-9_.-]*)";
        [
            r#"(?i)translate host name ["']?NAME"#,
            r"(?i)\blookup NAME",
            r"(?:ENOTFOUND|EAI_AGAIN) NAME",
            r#"(?i)bad address ["']?NAME"#,
            r#"(?i)resolve host(?:name)?:? ["']?NAME"#,
            r#"(?i)not found in upstream ["']?NAME"#,
            r"(?i)UnknownHostException: NAME",
            r#"(?i)unknown (?:mysql server )?host ["']?NAME"#,
            r#"(?i)resolve (?:address |name )?["']?NAME["']?"#,
            r#"(?i)["'(]?NAME["')]?(?::\d+)?["']?: (?:temporary failure in name|name or service|no such host|nodename nor|name does not)"#,
            r#"(?i)(?:host|connect to|reach|ping:?|getent:?) ["']?NAME"#,
        ]
        .iter()
        .filter_map(|pattern| Regex::new(&pattern.replace("NAME", NAME)).ok())
        .collect()
    });
    const WORDS: [&str; 8] = ["host", "address", "name", "the", "to", "server", "on", "not"];
    NAMES
        .iter()
        .filter_map(|r| r.captures(line)?.get(1))
        .map(|m| m.as_str().trim_end_matches(['.', '-']).to_owned())
        .find(|name| !WORDS.contains(&name.to_lowercase().as_str()) && !name.is_empty())
}

/// What a container says of others that it cannot reach, newest first. Found once, and then asked for many names.
pub(in crate::health) struct Complaints<'a>(Vec<(&'a str, String)>);

impl<'a> Complaints<'a> {
    pub(in crate::health) fn of(facts: &'a Facts) -> Self {
        let lines = facts.said().filter(|line| has(line, &UNREACHED) || has(line, &UNRESOLVED));
        Self(lines.map(|line| (line, line.to_lowercase())).collect())
    }

    pub(in crate::health) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The newest line that says that `name` cannot be reached.
    pub(in crate::health) fn about(&self, name: &str) -> Option<String> {
        if name.len() < 2 {
            return None;
        }
        let name = name.to_lowercase();
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let named = |line: &str| {
            line.match_indices(&name).any(|(at, found)| {
                let before = line[..at]
                    .chars()
                    .next_back()
                    .is_none_or(|c| !inner(c) && c != '.' && c != '/' || line[..at].ends_with("//"));
                let after = line[at + found.len()..].chars().next().is_none_or(|c| !inner(c));
                before && after
            })
        };
        self.0.iter().find(|(_, lower)| named(lower)).map(|(line, _)| short(line))
    }
}

pub(super) fn dns_failed(facts: &Facts) -> Option<Said> {
    let (name, line) = unresolved(facts)?;
    let what = if name.is_empty() {
        "a name that it asks for is not found".to_owned()
    } else {
        format!("the name {name} is not found")
    };
    let todo = if name.contains('.') || name.is_empty() {
        "does the host find it (getent hosts NAME)? else see dns: in compose or daemon.json, and whether its network is internal"
    } else {
        "is it spelled so, does a container of that name run, and does it share a network of its own (not the default bridge) with it?"
    };
    Some(Said::failing(what).why("its resolver knows no such name, or cannot be reached").todo(todo).shown_by([line]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn names_are_found_in_what_programs_say_of_them() {
        for (line, name) in [
            (
                "psycopg2.OperationalError: could not translate host name \"db\" to address: Name or service not known",
                "db",
            ),
            ("dial tcp: lookup redis on 127.0.0.11:53: no such host", "redis"),
            ("Error: getaddrinfo ENOTFOUND mongo.local", "mongo.local"),
            ("Error: getaddrinfo EAI_AGAIN db", "db"),
            ("wget: bad address 'api:8080'", "api"),
            ("curl: (6) Could not resolve host: api.example.com", "api.example.com"),
            ("nginx: [emerg] host not found in upstream \"backend\" in /etc/nginx/conf.d/a.conf:3", "backend"),
            ("java.net.UnknownHostException: kafka", "kafka"),
            ("ping: nosuch: Name or service not known", "nosuch"),
            ("ping: db: Temporary failure in name resolution", "db"),
            ("(2005, \"Unknown MySQL server host 'mariadb' (-2)\")", "mariadb"),
        ] {
            assert_eq!(name_in(line).as_deref(), Some(name), "{line}");
        }
    }

    #[test]
    fn a_name_that_is_not_found_comes_before_the_end_it_causes() {
        let mut facts = ended(1);
        say(&mut facts, &["ping: nosuch.example: Name or service not known", "giving up"]);
        assert_eq!(codes(&facts), ["DNS_FAILED", "EXITED"]);
        assert_eq!(cause(&facts).what, "the name nosuch.example is not found");
    }

    #[test]
    fn only_a_whole_name_in_a_failure_says_that_it_cannot_be_reached() {
        let mut facts = ended(1);
        say(&mut facts, &["db: connection refused"]);
        assert_eq!(Complaints::of(&facts).about("db").as_deref(), Some("db: connection refused"));
        assert_eq!(Complaints::of(&facts).about("d"), None);
        say(
            &mut facts,
            &["adb: connection refused", "mydb-2: timeout", "connected to db", "/var/db: connection refused"],
        );
        assert_eq!(Complaints::of(&facts).about("db"), None);
        say(&mut facts, &["connection to postgres://db:5432 failed: Connection refused"]);
        assert!(Complaints::of(&facts).about("db").is_some());
    }
}
