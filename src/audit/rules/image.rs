//! Images themselves, whatever is made from them.

use super::super::facts::{Check as Healthcheck, is_root};
use super::super::report::{Rule, Severity};
use super::mounts::is_system;
use super::{Broken, Check, Entry, Example};

/// Seconds of a year.
const YEAR: i64 = 365 * 86_400;

pub(super) static RULES: &[Entry] = &[
    Entry {
        rule: Rule {
            code: "OD-I01",
            title: "starts as root unless it is told otherwise",
            severity: Severity::Low,
            refs: &["CIS 4.1", "docker-bench 4.1", "CIS-DI-0001", "DS-0002"],
            why: "What is made from it without --user runs as root of the host's kernel.",
            breaks: "Ports below 1024 and files of root need rights that the user then does not have.",
        },
        check: Check::Image(|image, _, found| {
            if is_root(&image.user) {
                let observed =
                    if image.user.is_empty() { "it has no USER".to_owned() } else { format!("USER is {}", image.user) };
                found.push(Broken::by(observed).elsewhere("in its Dockerfile, after what needs root: USER 1000"));
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Config":{"User":"0"}}"#, written: "" },
        good: Example { told: r#"{"Config":{"User":"1000:0"}}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-I02",
            title: "has no healthcheck",
            severity: Severity::Info,
            refs: &["CIS 4.6", "docker-bench 4.6", "CIS-DI-0006"],
            why: "Services made from it have none unless they bring their own; tools and jobs need none.",
            breaks: "",
        },
        check: Check::Image(|image, _, found| {
            if image.health != Healthcheck::On {
                found.push(
                    Broken::by("it has no HEALTHCHECK")
                        .elsewhere("in its Dockerfile: HEALTHCHECK CMD COMMAND || exit 1"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Config":{"Healthcheck":null}}"#, written: "" },
        good: Example { told: r#"{"Config":{"Healthcheck":{"Test":["CMD","true"]}}}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-I05",
            title: "is old",
            severity: Severity::Low,
            refs: &["CIS 4.4", "docker-bench 4.4"],
            why: "What was found in its packages since was not mended in it.",
            breaks: "A newer base may behave otherwise; try it before.",
        },
        check: Check::Image(|image, around, found| {
            let Some(created) = image.created else { return };
            let age = around.now.as_second() - created.as_second();
            if age > YEAR {
                let severity = if age > 3 * YEAR { Severity::Medium } else { Severity::Low };
                let name = image.tags.first().map_or("IMAGE", String::as_str);
                found.push(
                    Broken::by(format!(
                        "it was built {} ago, {}",
                        crate::text::age(around.now, created),
                        created.strftime("%Y-%m-%d")
                    ))
                    .severe(severity)
                    .elsewhere(format!("docker pull {name}; or docker build --pull --no-cache")),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Created":"2024-01-01T00:00:00Z"}"#, written: "" },
        good: Example { told: r#"{"Created":"1970-01-01T00:00:00Z"}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-I06",
            title: "expects to be logged in to",
            severity: Severity::Info,
            refs: &["CIS 5.7"],
            why: "A second way in, with keys and passwords of its own; `docker exec` gives a shell without.",
            breaks: "",
        },
        check: Check::Image(|image, _, found| {
            if let Some(port) =
                image.exposed.iter().find(|port| matches!(port.as_str(), "22/tcp" | "23/tcp" | "2222/tcp"))
            {
                found.push(
                    Broken::by(format!("it exposes {port}"))
                        .elsewhere("in its Dockerfile: without EXPOSE and the server"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Config":{"ExposedPorts":{"22/tcp":{}}}}"#, written: "" },
        good: Example { told: r#"{"Config":{"ExposedPorts":{"80/tcp":{}}}}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-I07",
            title: "keeps folders of the system in a volume",
            severity: Severity::Low,
            refs: &["DKL-DI-0002"],
            why: "What is in the volume stays when the image is renewed: old programs and settings go on.",
            breaks: "What is in such volumes is lost with them.",
        },
        check: Check::Image(|image, _, found| {
            const SYSTEM: [&str; 9] = ["/", "/etc", "/usr", "/lib", "/bin", "/boot", "/dev", "/proc", "/sys"];
            for volume in image.volumes.iter().filter(|volume| is_system(volume, &SYSTEM)) {
                found.push(
                    Broken::by(format!("VOLUME {volume}"))
                        .elsewhere(format!("in its Dockerfile: without VOLUME {volume}")),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Config":{"Volumes":{"/usr":{}}}}"#, written: "" },
        good: Example { told: r#"{"Config":{"Volumes":{"/var/lib/data":{}}}}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-I08",
            title: "was built with ADD",
            severity: Severity::Info,
            refs: &["CIS 4.9", "docker-bench 4.9", "CIS-DI-0009"],
            why: "ADD fetches from addresses and unpacks without being asked; nobody knows later what came.",
            breaks: "",
        },
        check: Check::Image(|image, _, found| {
            // The first layer is the root file system, which every base image adds.
            let said = image.steps.iter().skip(1).find_map(|step| {
                let words = step.strip_prefix("/bin/sh -c #(nop) ").unwrap_or(step).trim_start();
                let words = words.strip_prefix("ADD ")?;
                // An archive that was added as such has no address.
                words.contains("://").then_some(words)
            });
            if let Some(words) = said {
                let shown =
                    super::secrets::has_credentials(words).unwrap_or_else(|| crate::text::clean(words).into_owned());
                found.push(
                    Broken::by(format!("its history has ADD {}", crate::text::fit(&shown, 80)))
                        .elsewhere("in its Dockerfile: ADD --checksum=sha256:..., or COPY"),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"History":["/bin/sh -c #(nop) ADD file:1 in / ","ADD https://example.com/a.tgz /a # buildkit"]}"#,
            written: "",
        },
        good: Example {
            told: r#"{"History":["/bin/sh -c #(nop) ADD file:1 in / ","COPY a /a # buildkit"]}"#,
            written: "",
        },
    },
    Entry {
        rule: Rule {
            code: "OD-I09",
            title: "has sudo",
            severity: Severity::Info,
            refs: &["DKL-DI-0001"],
            why: "sudo in an image is a way to root for whoever gets into its user.",
            breaks: "Steps that used it run as USER root, and USER changes back after them.",
        },
        check: Check::Image(|image, _, found| {
            // Called, as the first word of a command, or installed.
            let uses = |step: &String| {
                let commands = step.rsplit("/bin/sh -c ").next().unwrap_or_default();
                commands.split(|c: char| ";&|\n".contains(c)).any(|command| {
                    let mut words = command.split_whitespace().skip_while(|word| *word == "RUN");
                    let first = words.next().unwrap_or_default();
                    let installs = first.starts_with("apt") || first == "apk" || first == "yum" || first == "dnf";
                    first == "sudo" || (installs && words.any(|word| word == "sudo"))
                })
            };
            if image.steps.iter().any(uses) {
                found.push(
                    Broken::by("its history calls or installs sudo")
                        .elsewhere("in its Dockerfile: USER root and USER 1000 around what needs root"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"History":["/bin/sh -c apt-get install -y sudo"]}"#, written: "" },
        good: Example {
            told: r#"{"History":["/bin/sh -c echo sudo","/bin/sh -c apt-get install -y pseudo"]}"#,
            written: "",
        },
    },
];
