//! Passwords and keys where many can read them. Their values are never shown.

use std::sync::LazyLock;

use regex::Regex;

use super::super::report::{Rule, Severity};
use super::{Around, Broken, Check, Entry, Example, scalar};
use crate::config::Secrets;
use crate::text::clean;

/// What stands for a value.
pub(super) const MASKED: &str = "********";

/// Whether a variable holds a secret itself, not the way to one.
pub(super) fn is_secret(secrets: &Secrets, name: &str, value: &str) -> bool {
    /// A name that ends with one of these says something about a secret.
    const ABOUT: [&str; 28] = [
        "url",
        "uri",
        "host",
        "port",
        "path",
        "dir",
        "name",
        "id",
        "user",
        "username",
        "type",
        "mode",
        "method",
        "ttl",
        "timeout",
        "expiry",
        "expires",
        "expiration",
        "length",
        "size",
        "count",
        "algorithm",
        "issuer",
        "realm",
        "enabled",
        "required",
        "policy",
        "header",
    ];
    /// Fingerprints of public keys, in many images.
    const PUBLIC: [&str; 3] = ["gpg", "pgp", "fingerprint"];
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let about = words.last().is_some_and(|last| ABOUT.contains(last)) || words.iter().any(|word| PUBLIC.contains(word));
    let plain = value.trim();
    let switch = matches!(
        plain.to_lowercase().as_str(),
        "" | "true" | "false" | "yes" | "no" | "on" | "off" | "0" | "1" | "none" | "null"
    );
    // A place of it, or an address.
    let place = plain.starts_with(['/', '$']) || plain.starts_with("http://") || plain.starts_with("https://");
    !about && !switch && !place && secrets.is_secret(name)
}

/// `scheme://user:password@`, with a password that stands there.
pub(super) fn has_credentials(text: &str) -> Option<String> {
    static URL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/\s:@'\x22]*):([^@\s/'\x22]+)@([^/\s'\x22,?]*)").ok()
    });
    URL.as_ref()?.captures_iter(text).find_map(|found| {
        let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
        // A variable in its place, and what stands for one in examples.
        let is = !part(3).starts_with(['$', '<', '{']) && part(3) != MASKED;
        is.then(|| clean(&format!("{}://{}:{MASKED}@{}", part(1), part(2), part(4))).into_owned())
    })
}

/// An option of a command that is a secret: its name.
pub(super) fn told(secrets: &Secrets, words: &[String]) -> Option<String> {
    let is = |name: &str| name == "requirepass" || secrets.is_secret(name);
    let whole: Vec<&str> = words.iter().flat_map(|word| word.split_whitespace()).collect();
    whole.iter().enumerate().find_map(|(at, word)| {
        let option = word.strip_prefix("--")?;
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, value),
            None => (option, whole.get(at + 1).copied().unwrap_or_default()),
        };
        let written = !value.starts_with('-') && (name == "requirepass" || is_secret(secrets, name, value));
        (is(name) && written && !value.is_empty() && !value.starts_with('$')).then(|| clean(name).into_owned())
    })
}

/// The name of a secret's file.
fn file(name: &str) -> String {
    name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

fn mend(name: &str, broken: Broken) -> Broken {
    let file = file(name);
    broken
        .compose(format!(
            "environment:\n  {}: /run/secrets/{file}\nsecrets:\n  - {file}\n# and at the end of the file:\n# secrets:\n#   {file}:\n#     file: ./{file}.txt",
            scalar(&format!("{name}_FILE"))
        ))
        .run(format!("-v ./{file}.txt:/run/secrets/{file}:ro -e {name}_FILE=/run/secrets/{file}"))
}

pub(super) static RULES: &[Entry] = &[
    Entry {
        rule: Rule {
            code: "OD-C34",
            title: "has a secret in its environment",
            severity: Severity::High,
            refs: &["CIS 4.10", "docker-bench 4.10", "CIS-DI-0010", "CL-0020"],
            why: "`docker inspect`, every process in it and many error reports show it.",
            breaks: "The image has to read NAME_FILE; where it does not, its start script can.",
        },
        check: Check::Service(|facts, around, found| {
            for (name, value) in &facts.env {
                if is_secret(around.secrets, name, value) && has_credentials(value).is_none() {
                    // What its image has it is not told again for; that is a finding of the image.
                    let inherited = around
                        .image
                        .is_some_and(|image| image.env.iter().any(|pair| pair.0 == *name && pair.1 == *value));
                    if !inherited {
                        let broken = Broken::by(format!("{name}={MASKED}"));
                        found.push(mend(name, broken).entry("environment", name.clone()).key("env_file"));
                    }
                }
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Config":{"Env":["DB_PASSWORD=hunter2"]}}"#,
            written: r#"{"environment":{"API_KEY":"abc"}}"#,
        },
        good: Example {
            told: r#"{"Config":{"Env":["DB_PASSWORD_FILE=/run/secrets/x","KEYBOARD=de","API_KEY=","GPG_KEY=E3FF","TOKEN_TTL=30","AUTH=true"]}}"#,
            written: r#"{"environment":["API_KEY=${API_KEY}","SECRET","AUTH_URL=https://id.example","MONKEY=1"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C35",
            title: "has a password in an address or a command",
            severity: Severity::High,
            refs: &["CL-0021"],
            why: "Commands are seen in every list of processes, addresses in logs and error reports.",
            breaks: "The program has to read it from a file or put it together itself.",
        },
        check: Check::Service(|facts, around, found| {
            for (name, value) in &facts.env {
                if let Some(shown) = has_credentials(value) {
                    found.push(
                        mend(name, Broken::by(format!("{name}={shown}")))
                            .entry("environment", name.clone())
                            .key("env_file"),
                    );
                }
            }
            let command = facts.words.iter().find_map(|word| has_credentials(word));
            let option = || told(around.secrets, &facts.words).map(|name| format!("--{name} {MASKED}"));
            if let Some(shown) = command.or_else(option) {
                found.push(
                    Broken::by(format!("its command has {shown}"))
                        .elsewhere("a file or a variable that the program reads by itself, in place of the option")
                        .key("command")
                        .key("entrypoint"),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Config":{"Env":["DATABASE_URL=postgres://app:hunter2@db:5432/app"]}}"#,
            written: r#"{"command":["redis-server","--requirepass","hunter2"]}"#,
        },
        good: Example {
            told: r#"{"Config":{"Env":["DATABASE_URL=postgres://app@db/app"],"Cmd":["curl","http://host:80/a@b"]}}"#,
            written: r#"{"command":"app --password-file /run/x --token=$TOKEN","environment":{"URL":"amqp://u:${PASS}@mq"}}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-I03",
            title: "has a secret in it",
            severity: Severity::High,
            refs: &["CIS 4.10", "docker-bench 4.10", "CIS-DI-0010", "DS-0031"],
            why: "Whoever gets the image has the secret, in all containers and registries that it is in.",
            breaks: "The secret has to be given when a container is started; change it, since it is known.",
        },
        check: Check::Image(|image, around, found| {
            for (name, value) in &image.env {
                let shown = match has_credentials(value) {
                    Some(shown) => shown,
                    None if is_secret(around.secrets, name, value) => MASKED.to_owned(),
                    None => continue,
                };
                let name = clean(name);
                found.push(Broken::by(format!("ENV {name}={shown}")).elsewhere(format!(
                    "in its Dockerfile: without ENV {name}; --env-file or a secret when it is started"
                )));
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Config":{"Env":["NPM_TOKEN=abc"]}}"#, written: "" },
        good: Example { told: r#"{"Config":{"Env":["PATH=/bin","GPG_KEY=A035C8C1","NPM_TOKEN="]}}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-I04",
            title: "was built with a secret that its history shows",
            severity: Severity::High,
            refs: &["CIS 4.10", "CIS-DI-0010", "DS-0031"],
            why: "`docker history` prints the values of build arguments and of commands, for whoever gets the image.",
            breaks: "Change the secret, since it is known; RUN --mount=type=secret needs BuildKit.",
        },
        check: Check::Image(|image, around, found| {
            let mut all: Vec<_> = image.steps.iter().filter_map(|step| in_step(around, step)).collect();
            // Every step after an argument has it.
            all.sort();
            all.dedup();
            for (name, shown) in all {
                found.push(Broken::by(format!("its history has {name}{shown}")).elsewhere(
                    "in its Dockerfile: RUN --mount=type=secret,id=NAME, and docker build --secret id=NAME",
                ));
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"History":["|1 API_TOKEN=abc /bin/sh -c make"]}"#, written: "" },
        good: Example {
            told: r#"{"History":["|1 VERSION=abc /bin/sh -c make","/bin/sh -c #(nop) ENV PATH=/bin"]}"#,
            written: "",
        },
    },
];

/// The secret that a step of an image's history shows, and how it may be shown.
fn in_step(around: &Around<'_>, step: &str) -> Option<(String, String)> {
    // `|2 NAME=value NAME=value /bin/sh -c ...`: what the classic builder notes; BuildKit writes `RUN |2 ...`.
    let noted = step.strip_prefix("RUN ").unwrap_or(step).strip_prefix('|');
    if let Some((count, rest)) = noted.and_then(|rest| rest.split_once(' '))
        && let Ok(count) = count.parse::<usize>()
    {
        let argument = rest.split(' ').take(count).filter_map(|pair| pair.split_once('='));
        for (name, value) in argument {
            if is_secret(around.secrets, name, value) {
                return Some((clean(name).into_owned(), format!("={MASKED}")));
            }
        }
    }
    // What ENV sets is known from the image itself.
    let command = step.contains("/bin/sh -c ") && !step.contains("#(nop)");
    has_credentials(step).filter(|_| command || step.starts_with("RUN ")).map(|shown| (String::new(), shown))
}
