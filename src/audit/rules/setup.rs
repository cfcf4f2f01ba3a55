//! How a container is set up: healthcheck, restarts, image, what runs in it.

use super::super::facts::Check as Healthcheck;
use super::super::report::{Rule, Severity};
use super::{Broken, Check, Entry, Example, RULE, scalar};

/// An image's name without tag and digest, and these two.
fn parts(image: &str) -> (&str, Option<&str>, Option<&str>) {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    match name[slash..].split_once(':') {
        Some((last, tag)) => (&name[..slash + last.len()], Some(tag), digest),
        None => (name, None, digest),
    }
}

/// Whether it is an identifier, not a name.
fn is_id(image: &str) -> bool {
    let plain = image.strip_prefix("sha256:").unwrap_or(image);
    plain.len() >= 12 && plain.chars().all(|c| c.is_ascii_hexdigit())
}

pub(super) static RULES: &[Entry] = &[
    Entry {
        rule: Rule {
            code: "OD-C30",
            title: "nobody looks whether it works",
            severity: Severity::Low,
            refs: &["CIS 4.6", "CIS 5.27", "docker-bench 5.27", "CIS-DI-0006"],
            why: "A program that hangs counts as running: nothing restarts it, and what waits for it begins too early.",
            breaks: "A check that asks too much makes a working service unhealthy.",
        },
        check: Check::Service(|facts, around, found| {
            let by_image = around.image.is_some_and(|image| image.health == Healthcheck::On);
            let has =
                facts.health == Healthcheck::On || (facts.health == Healthcheck::None && facts.written && by_image);
            // Of an image that is built, or is not here, only the Dockerfile knows.
            let unknown = facts.written && facts.health == Healthcheck::None && around.image.is_none();
            if has || facts.one_shot || unknown {
                return;
            }
            let observed = if facts.health == Healthcheck::Off {
                "its healthcheck is switched off"
            } else {
                "it has no healthcheck"
            };
            let port = facts.ports.first().map(|port| port.container);
            let test = match port {
                Some(port) => format!("curl -fsS http://127.0.0.1:{port}/ || exit 1"),
                None => "COMMAND || exit 1".to_owned(),
            };
            found.push(
                Broken::by(observed)
                    .compose(format!("healthcheck:\n  test: [\"CMD-SHELL\", \"{test}\"]\n  interval: 30s\n  timeout: 5s\n  retries: 3"))
                    .run(format!("--health-cmd '{test}' --health-interval 30s --health-timeout 5s"))
                    .elsewhere("or HEALTHCHECK in its Dockerfile")
                    .key("healthcheck"),
            );
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Config":{"Healthcheck":{"Test":["NONE"]}}}"#,
            written: r#"{"healthcheck":{"disable":true}}"#,
        },
        good: Example {
            told: r#"{"Config":{"Healthcheck":null},"State":{"Status":"exited","ExitCode":0},"HostConfig":{"RestartPolicy":{"Name":"no"}}}"#,
            written: r#"{"healthcheck":{"test":["CMD","true"]}}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C31",
            title: "is restarted without end",
            severity: Severity::Info,
            refs: &["CIS 5.15", "docker-bench 5.15"],
            why: "What fails at once is started for ever: an attacker may try again and again, and nobody notices that it is broken.",
            breaks: "on-failure does not start it again after the host's restart once it had ended well; unless-stopped does.",
        },
        check: Check::Service(|facts, _, found| {
            let endless = matches!(facts.restart.as_str(), "always" | "unless-stopped")
                || (facts.restart == "on-failure" && facts.restart_most == 0);
            if !endless {
                return;
            }
            // A handful of restarts is a day's bad luck.
            let often = facts.restarted >= 10;
            let times = if facts.restarted > 0 {
                format!(", and it was restarted {} times", facts.restarted)
            } else {
                String::new()
            };
            let broken = Broken::by(format!("its restart policy is {}{times}", facts.restart))
                .compose("restart: on-failure:5")
                .run("--restart on-failure:5")
                .key("restart");
            found.push(if often { broken.severe(Severity::Low) } else { broken });
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"HostConfig":{"RestartPolicy":{"Name":"always"}}}"#,
            written: r#"{"restart":"unless-stopped"}"#,
        },
        good: Example {
            told: r#"{"HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":5}}}"#,
            written: r#"{"restart":"on-failure:5"}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C32",
            title: "its image is another one tomorrow",
            refs: &["CIS 5.28", "docker-bench 5.28", "DKL-DI-0006", "CL-0004"],
            why: "`latest` is whatever was pushed last: nobody knows what runs, and a pull may bring anything.",
            breaks: "Updates no more come by themselves.",
            ..RULE
        },
        check: Check::Service(|facts, _, found| {
            let (name, tag, digest) = parts(&facts.image);
            let open =
                !name.is_empty() && digest.is_none() && !is_id(&facts.image) && tag.is_none_or(|tag| tag == "latest");
            if open && !facts.built {
                let said = if tag.is_some() { "has the tag latest" } else { "has no tag, which is latest" };
                found.push(
                    Broken::by(format!("the image {} {said}", facts.image))
                        .compose(format!("image: {}:1.2.3  # the version that runs well", scalar(name)))
                        .run(format!("{name}:1.2.3, the version that runs well"))
                        .key("image"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Config":{"Image":"host:5000/web"}}"#, written: r#"{"image":"web:latest"}"# },
        good: Example {
            told: r#"{"Config":{"Image":"host:5000/web:1.2@sha256:12"}}"#,
            written: r#"{"image":"web@sha256:12"}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C33",
            title: "its image's name does not say for sure what runs",
            severity: Severity::Info,
            refs: &["CIS 5.28", "CL-0019"],
            why: "A tag can be moved to another image; a digest cannot.",
            breaks: "Updates come by changing the digest; bots (Renovate) do that.",
        },
        check: Check::Service(|facts, around, found| {
            let (name, tag, digest) = parts(&facts.image);
            if name.is_empty() || is_id(&facts.image) || facts.built {
                return;
            }
            let full = if tag.is_some() { facts.image.clone() } else { format!("{name}:latest") };
            let now = around.tags.get(&full);
            if let Some(now) =
                now.filter(|now| !facts.image_id.is_empty() && **now != facts.image_id && digest.is_none())
            {
                found.push(
                    Broken::by(format!(
                        "{full} is the image {} now, but it runs {}",
                        crate::text::short_id(now),
                        crate::text::short_id(&facts.image_id)
                    ))
                    .severe(Severity::Low)
                    .elsewhere("make the container again: docker compose up -d")
                    .key("image"),
                );
            } else if digest.is_none() && tag.is_some_and(|tag| tag != "latest") {
                found.push(
                    Broken::by(format!("the image {} has no digest", facts.image))
                        .compose(format!("image: {full}@sha256:...  # from docker image inspect {full}"))
                        .run(format!("{full}@sha256:..."))
                        .key("image"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Config":{"Image":"web:1.2"}}"#, written: r#"{"image":"web:1"}"# },
        good: Example {
            told: r#"{"Config":{"Image":"web:1.2@sha256:12"}}"#,
            written: r#"{"image":"web:1","build":"."}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C39",
            title: "someone can log in to it",
            severity: Severity::Low,
            refs: &["CIS 5.7", "docker-bench 5.7"],
            why: "A second way in, with keys and passwords of its own; `docker exec` gives a shell without.",
            breaks: "Who logged in by ssh uses docker exec, on another machine through ssh to the host.",
        },
        check: Check::Service(|facts, _, found| {
            let program = |word: &String| {
                let name = word.rsplit('/').next().unwrap_or_default();
                ["sshd", "dropbear", "telnetd"].iter().find(|known| name == **known).copied()
            };
            let running = facts.processes.iter().find_map(program);
            let told =
                facts.words.iter().flat_map(|word| word.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
            let told = told.take(20).find_map(|word| program(&word));
            if let Some(name) = running.or(told) {
                let how = if running.is_some() { "runs in it" } else { "stands in its command" };
                found.push(
                    Broken::by(format!("{name} {how}"))
                        .elsewhere("docker exec -it NAME sh in its place; take the server out of the image")
                        .key("command"),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Config":{"Cmd":["/usr/sbin/sshd","-D"]}}"#,
            written: r#"{"command":"/usr/sbin/sshd -D"}"#,
        },
        good: Example { told: r#"{"Config":{"Cmd":["ssh","host"]}}"#, written: r#"{"command":"sshd-exporter"}"# },
    },
];
