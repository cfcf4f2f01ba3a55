//! The engine itself, and who may use it.

use super::super::report::{Rule, Severity};
use super::{Broken, Check, Entry, Example, RULE};

const JSON: &str = "/etc/docker/daemon.json";

pub(super) static RULES: &[Entry] = &[
    Entry {
        rule: Rule {
            code: "OD-D01",
            title: "answers on the network without TLS",
            severity: Severity::Critical,
            refs: &["CIS 2.7", "docker-bench 2.7"],
            why: "Whoever reaches the port starts a privileged container and is root on the host.",
            breaks: "Clients have to come by ssh (DOCKER_HOST=ssh://user@host) or with certificates.",
        },
        check: Check::Daemon(|daemon, _, found| {
            let warned = daemon
                .warnings
                .iter()
                .find(|warning| warning.contains("without encryption") || warning.contains("is accessible on http"));
            let fact =
                warned.cloned().or_else(|| daemon.plain.as_ref().map(|address| format!("it is reached at {address}")));
            if let Some(fact) = fact {
                // On this machine only, every program of it still does as it likes.
                let local =
                    warned.is_none() && ["127.0.0.1", "[::1]", "localhost"].iter().any(|name| fact.contains(name));
                let broken = Broken::by(fact)
                    .elsewhere("take -H tcp:// out of dockerd's options; from elsewhere DOCKER_HOST=ssh://user@host");
                found.push(if local { broken.severe(Severity::High) } else { broken });
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Warnings":["WARNING: API is accessible on http://0.0.0.0:2375 without encryption. Access to the remote API is equivalent to root access on the host."]}"#,
            written: "",
        },
        good: Example { told: r#"{"Warnings":["WARNING: No swap limit support"]}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D02",
            title: "trusts registries without knowing them",
            refs: &["CIS 2.5", "docker-bench 2.5"],
            why: "Whoever is on the way to the registry gives it any image.",
            breaks: "A registry with a certificate of its own needs its CA in /etc/docker/certs.d/NAME/ca.crt.",
            ..RULE
        },
        check: Check::Daemon(|daemon, _, found| {
            if !daemon.insecure.is_empty() {
                found.push(
                    Broken::by(format!("insecure registries are {}", daemon.insecure.join(", ")))
                        .elsewhere(format!("{JSON}: \"insecure-registries\": []")),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"RegistryConfig":{"InsecureRegistryCIDRs":["127.0.0.0/8","10.0.0.0/8"]}}"#,
            written: "",
        },
        good: Example {
            told: r#"{"RegistryConfig":{"InsecureRegistryCIDRs":["127.0.0.0/8","::1/128"],"IndexConfigs":{"docker.io":{"Secure":true}}}}"#,
            written: "",
        },
    },
    Entry {
        rule: Rule {
            code: "OD-D03",
            title: "takes containers down with it",
            severity: Severity::Info,
            refs: &["CIS 2.15", "docker-bench 2.15"],
            why: "Without live-restore an update of the engine stops all containers, so it is put off.",
            breaks: "Swarm does not work with it.",
        },
        check: Check::Daemon(|daemon, _, found| {
            if daemon.known && !daemon.live_restore && !daemon.swarm {
                found.push(
                    Broken::by("LiveRestoreEnabled is false").elsewhere(format!("{JSON}: \"live-restore\": true")),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"LiveRestoreEnabled":false}"#, written: "" },
        good: Example { told: r#"{"LiveRestoreEnabled":false,"Swarm":{"LocalNodeState":"active"}}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D04",
            title: "root in containers is root on the host",
            severity: Severity::Low,
            refs: &["CIS 2.1", "CIS 2.9", "docker-bench 2.1", "docker-bench 2.9"],
            why: "Neither users are remapped nor does the engine run without root: who breaks out is root.",
            breaks: "Existing volumes and images are not seen any more; host networks and devices partly fail.",
        },
        check: Check::Daemon(|daemon, _, found| {
            if daemon.known && !daemon.remaps() {
                found.push(
                    Broken::by("SecurityOptions has neither userns nor rootless")
                        .elsewhere(format!("{JSON}: \"userns-remap\": \"default\"; or rootless Docker")),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"SecurityOptions":["name=seccomp,profile=default"]}"#, written: "" },
        good: Example { told: r#"{"SecurityOptions":["name=seccomp,profile=default","name=rootless"]}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D05",
            title: "lets containers get new rights unless they say otherwise",
            severity: Severity::Info,
            refs: &["CIS 2.14", "docker-bench 2.14"],
            why: "One line for the engine does what each container would need otherwise.",
            breaks: "Containers that need sudo or su have to say no-new-privileges:false.",
        },
        check: Check::Daemon(|daemon, _, found| {
            if daemon.known && !daemon.has("no-new-privileges") {
                found.push(
                    Broken::by("SecurityOptions has no no-new-privileges")
                        .elsewhere(format!("{JSON}: \"no-new-privileges\": true")),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"SecurityOptions":["name=seccomp,profile=default"]}"#, written: "" },
        good: Example { told: r#"{"SecurityOptions":["name=no-new-privileges"]}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D06",
            title: "filters no system calls",
            severity: Severity::High,
            refs: &["CIS 2.17", "docker-bench 2.17", "docker-bench 5.22"],
            why: "Seccomp keeps programs from calls that only break-outs use; here no container has it.",
            breaks: "What needs a call that is filtered gets an error; a profile of its own can allow that one.",
        },
        check: Check::Daemon(|daemon, _, found| {
            let option = daemon.security.iter().find(|option| option.contains("seccomp"));
            let off = option.is_none_or(|option| option.contains("unconfined"));
            if daemon.known && off {
                let observed = option.map_or("SecurityOptions has no seccomp".to_owned(), |option| {
                    format!("SecurityOptions has {option}")
                });
                found.push(Broken::by(observed).elsewhere(format!(
                    "{JSON}: without \"seccomp-profile\": \"unconfined\"; or a kernel with seccomp"
                )));
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"SecurityOptions":["name=seccomp,profile=unconfined"]}"#, written: "" },
        good: Example { told: r#"{"SecurityOptions":["name=seccomp,profile=builtin"]}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D07",
            title: "keeps logs that have no end",
            severity: Severity::Info,
            refs: &["CIS 2.13", "docker-bench 2.13"],
            why: "json-file writes on until the disk is full, unless each container says otherwise.",
            breaks: "Holds for containers that are made afterwards.",
        },
        check: Check::Daemon(|daemon, around, found| {
            let (endless, all) = around.endless_logs;
            if daemon.log_driver == "none" {
                found.push(
                    Broken::by("LoggingDriver is none: no container has logs")
                        .severe(Severity::Low)
                        .elsewhere(format!("{JSON}: \"log-driver\": \"local\"")),
                );
            } else if daemon.log_driver == "json-file" && endless > 0 {
                found.push(
                    Broken::by(format!(
                        "LoggingDriver is json-file, and {endless} of {} have no max-size",
                        crate::text::count(all, "container")
                    ))
                    .elsewhere(format!(
                        "{JSON}: \"log-driver\": \"local\", or \"log-opts\": {{\"max-size\": \"10m\"}}"
                    )),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"LoggingDriver":"none"}"#, written: "" },
        good: Example { told: r#"{"LoggingDriver":"local"}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D08",
            title: "has features that are not ready",
            severity: Severity::Info,
            refs: &["CIS 2.18", "docker-bench 2.18"],
            why: "What is experimental is neither kept nor mended as the rest.",
            breaks: "Those features are gone.",
        },
        check: Check::Daemon(|daemon, _, found| {
            if daemon.experimental {
                found.push(
                    Broken::by("ExperimentalBuild is true").elsewhere(format!("{JSON}: \"experimental\": false")),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"ExperimentalBuild":true}"#, written: "" },
        good: Example { told: r#"{"ExperimentalBuild":false}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D09",
            title: "people who are as good as root",
            refs: &["CIS 1.1.2", "docker-bench 1.1.2"],
            why: "Who may use the socket starts a privileged container and is root on the host, without a password and without a trace.",
            breaks: "They need sudo, or rootless Docker of their own.",
            ..RULE
        },
        check: Check::Daemon(|daemon, _, found| {
            let Some(socket) = &daemon.socket else { return };
            let group = socket.mode & 0o060 != 0 && socket.group != "root" && !socket.members.is_empty();
            if !group {
                return;
            }
            let shown = |(name, known): &(String, bool)| {
                // Who makes a user of that name gets its rights.
                if *known { name.clone() } else { format!("{name} (no such user any more)") }
            };
            let names: Vec<String> = socket.members.iter().map(shown).collect();
            let remove: Vec<String> =
                socket.members.iter().map(|(name, _)| format!("gpasswd -d {name} {}", socket.group)).collect();
            found.push(
                Broken::by(format!("in the group {}, which has {}: {}", socket.group, socket.path, names.join(", ")))
                    .elsewhere(remove.join("; ")),
            );
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Socket":{"mode":432,"group":"docker","members":["alice"]}}"#, written: "" },
        good: Example { told: r#"{"Socket":{"mode":432,"group":"docker","members":[]}}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D10",
            title: "its socket is open to everyone on the host",
            severity: Severity::Critical,
            refs: &["CIS 3.16", "docker-bench 3.16"],
            why: "Every user and every program of the host is root by it.",
            breaks: "Who used it so has to be in its group, which is as good as root as well.",
        },
        check: Check::Daemon(|daemon, _, found| {
            let Some(socket) = &daemon.socket else { return };
            if socket.mode & 0o002 != 0 {
                found.push(
                    Broken::by(format!("{} has the mode {:04o}", socket.path, socket.mode))
                        .elsewhere(format!("chmod 660 {}", crate::text::shell::quote(&socket.path))),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Socket":{"mode":438,"group":"docker","members":[]}}"#, written: "" },
        good: Example { told: r#"{"Socket":{"mode":432,"group":"docker","members":[]}}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D11",
            title: "cannot hold limits",
            refs: &["CIS 5.11"],
            why: "Containers that have such a limit are not held by it; the kernel lacks what it needs.",
            breaks: "The host has to start again with other options.",
            ..RULE
        },
        check: Check::Daemon(|daemon, _, found| {
            let lacking: Vec<&str> = daemon.lacking.iter().copied().filter(|what| *what != "swap").collect();
            if !lacking.is_empty() {
                found.push(Broken::by(format!("no limits of {}", lacking.join(", "))).elsewhere(
                    "boot with cgroup_enable=memory, or with cgroup v2; rootless: delegate the controllers",
                ));
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"MemoryLimit":false}"#, written: "" },
        good: Example { told: r#"{"MemoryLimit":true,"SwapLimit":false}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D12",
            title: "is old",
            severity: Severity::Low,
            refs: &["CIS 1.2.2", "docker-bench 1.2.2"],
            why: "Ways out of containers that were found since are not closed in it.",
            breaks: "An update stops all containers for a moment, unless live-restore is on.",
        },
        check: Check::Daemon(|daemon, around, found| {
            let Some(built) = daemon.built else { return };
            let age = around.now.as_second() - built.as_second();
            if age > 365 * 86_400 {
                found.push(
                    Broken::by(format!(
                        "version {} was built {} ago",
                        daemon.version,
                        crate::text::age(around.now, built)
                    ))
                    .elsewhere("update Docker with the package manager of the host"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"BuildTime":"2023-05-07T21:09:36.000000000+00:00"}"#, written: "" },
        good: Example { told: r#"{"BuildTime":"2026-05-07T21:09:36.000000000+00:00"}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D13",
            title: "keeps images in a way that is given up",
            severity: Severity::Low,
            refs: &["CIS 2.6", "docker-bench 2.6"],
            why: "These storage drivers are not mended any more, are slow, or lose data.",
            breaks: "Images and containers are not seen by the new driver: save and load them.",
        },
        check: Check::Daemon(|daemon, _, found| {
            if matches!(daemon.storage_driver.as_str(), "aufs" | "devicemapper" | "overlay" | "vfs") {
                found.push(
                    Broken::by(format!("the storage driver is {}", daemon.storage_driver))
                        .elsewhere(format!("{JSON}: \"storage-driver\": \"overlay2\"")),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Driver":"aufs"}"#, written: "" },
        good: Example { told: r#"{"Driver":"overlayfs"}"#, written: "" },
    },
    Entry {
        rule: Rule {
            code: "OD-D14",
            title: "writes down what it is asked",
            severity: Severity::Info,
            why: "With debug on the engine's log has requests with their environment, secrets too.",
            breaks: "",
            ..RULE
        },
        check: Check::Daemon(|daemon, _, found| {
            if daemon.debug {
                found.push(Broken::by("Debug is true").elsewhere(format!("{JSON}: \"debug\": false")));
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Debug":true}"#, written: "" },
        good: Example { told: r#"{"Debug":false}"#, written: "" },
    },
];
