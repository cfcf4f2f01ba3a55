//! Programs of this machine that are used beside the engine: compose, and what builds images for the docker command.

use futures::FutureExt;

use super::super::machine::Machine;
use super::super::scene::{Needs, Scene};
use super::{Entry, Found, SOON};

pub(super) const CHECKS: &[Entry] = &[
    Entry {
        code: "COMPOSE",
        title: "docker compose",
        needs: Needs::Nothing,
        patience: SOON,
        look: |scene| {
            async {
                let plugin = version(scene, "docker", &["compose", "version", "--short"]).await;
                let old = if plugin.is_none() {
                    version(scene, "docker-compose", &["version", "--short"]).await
                } else {
                    None
                };
                compose(&ToolFacts {
                    docker: scene.program("docker").is_some(),
                    plugin,
                    old,
                    install: install(&scene.machine, true),
                })
            }
            .boxed()
        },
    },
    Entry {
        code: "BUILDX",
        title: "docker buildx",
        needs: Needs::Nothing,
        patience: SOON,
        look: |scene| {
            async {
                let plugin = version(scene, "docker", &["buildx", "version"]).await;
                buildx(&ToolFacts {
                    docker: scene.program("docker").is_some(),
                    plugin,
                    old: None,
                    install: install(&scene.machine, false),
                })
            }
            .boxed()
        },
    },
];

#[derive(Default)]
struct ToolFacts {
    docker: bool,
    /// The version of the docker command's plugin.
    plugin: Option<String>,
    /// The version of the program that came before it.
    old: Option<String>,
    /// What installs it here.
    install: Option<String>,
}

/// The version that a program prints; `None` when it is not there.
async fn version(scene: &Scene, program: &str, arguments: &[&str]) -> Option<String> {
    let out = scene.run(program, arguments).await.ok().filter(|out| out.status.success())?;
    number(&String::from_utf8_lossy(&out.stdout))
}

/// The first word of a text that is a version.
fn number(text: &str) -> Option<String> {
    let words = text.split_whitespace().map(|word| word.trim_start_matches('v').trim_end_matches(','));
    let is = |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
    words.into_iter().find(is).map(str::to_owned)
}

/// The command that installs compose or buildx on this distribution.
fn install(machine: &Machine, compose: bool) -> Option<String> {
    let (id, version) = machine.distribution();
    // Docker's own packages and those of distributions exclude each other.
    let own = ["list", "md5sums"].iter().any(|end| machine.is_there(&format!("/var/lib/dpkg/info/docker-ce.{end}")));
    packages(&id, &version, own, compose)
}

fn packages(id: &str, version: &str, own: bool, compose: bool) -> Option<String> {
    let pick = |a: &'static str, b: &'static str| if compose { a } else { b };
    let major: u32 = version.split('.').next().and_then(|v| v.parse().ok()).unwrap_or_default();
    let plugins = pick("docker-compose-plugin", "docker-buildx-plugin");
    let (command, package) = match id {
        "debian" | "ubuntu" | "raspbian" | "linuxmint" if own => ("apt-get install", plugins),
        "ubuntu" | "linuxmint" => ("apt-get install", pick("docker-compose-v2", "docker-buildx")),
        "debian" if major >= 13 => ("apt-get install", pick("docker-compose", "docker-buildx")),
        "fedora" | "rhel" | "centos" | "rocky" | "almalinux" => ("dnf install", plugins),
        "alpine" => ("apk add", pick("docker-cli-compose", "docker-cli-buildx")),
        "arch" | "manjaro" => ("pacman -S", pick("docker-compose", "docker-buildx")),
        "opensuse-leap" | "opensuse-tumbleweed" => ("zypper install", pick("docker-compose", "docker-buildx")),
        _ => return None,
    };
    Some(format!("sudo {command} {package}"))
}

/// Advice to install something, with the command where it is known.
fn advised(found: Found, words: &str, facts: &ToolFacts) -> Found {
    match &facts.install {
        Some(command) => found.mend(words).by(command),
        None => {
            found.mend(format!("{words} (docker-compose-plugin and docker-buildx-plugin of Docker's own packages)"))
        }
    }
}

fn compose(facts: &ToolFacts) -> Found {
    match (&facts.plugin, &facts.old) {
        (Some(version), _) => Found::ok(version),
        (None, Some(version)) => {
            let said = format!("docker-compose {version}");
            if version.starts_with('1') {
                advised(
                    Found::warn(format!("{said} is the old one: it gets no fixes, and newer files fail")),
                    "install version 2 beside it",
                    facts,
                )
            } else {
                Found::ok(format!("{said}, as a program of its own"))
            }
        }
        (None, None) => advised(
            Found::warn("it is not installed here: stacks can be seen, started and stopped, but not deployed"),
            "install it",
            facts,
        ),
    }
}

fn buildx(facts: &ToolFacts) -> Found {
    match (&facts.plugin, facts.docker) {
        (Some(version), _) => Found::ok(version),
        (None, true) => advised(
            Found::warn("it is not installed: docker build takes the old builder (ondeck's own builds do not need it)"),
            "install it",
            facts,
        ),
        (None, false) => Found::skipped("there is no docker command here; ondeck's own builds need none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn versions_are_read_as_each_program_prints_them() {
        for (text, expected) in [
            ("2.24.7\n", Some("2.24.7")),
            ("v2.24.7", Some("2.24.7")),
            ("1.29.2", Some("1.29.2")),
            ("github.com/docker/buildx v0.12.1 30feaa1", Some("0.12.1")),
            ("docker: unknown command", None),
        ] {
            assert_eq!(number(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_missing_or_old_comes_with_the_command_of_this_system() {
        let mut facts = ToolFacts { docker: true, install: Some("sudo apk add x".into()), ..ToolFacts::default() };
        assert_eq!(compose(&facts).fix.and_then(|f| f.command).as_deref(), Some("sudo apk add x"));
        facts.old = Some("1.29.2".into());
        assert!(compose(&facts).evidence.starts_with("docker-compose 1.29.2 is the old one"));
        facts.old = Some("2.1.0".into());
        assert_eq!(compose(&facts).outcome, Outcome::Ok);
        facts.plugin = Some("2.24.7".into());
        assert_eq!(compose(&facts), Found::ok("2.24.7"));
        assert_eq!(buildx(&ToolFacts::default()).outcome, Outcome::Skipped);
        let none = buildx(&ToolFacts { docker: true, ..ToolFacts::default() });
        assert!(none.outcome == Outcome::Warn && none.fix.is_some_and(|f| f.words.contains("docker-buildx-plugin")));
    }

    #[test]
    fn packages_are_called_as_each_distribution_does() {
        let of = |id: &str, version: &str, own| packages(id, version, own, true).unwrap_or_default();
        assert_eq!(of("debian", "12", true), "sudo apt-get install docker-compose-plugin");
        assert_eq!(of("debian", "12", false), "", "it has only the old one");
        assert_eq!(of("debian", "13", false), "sudo apt-get install docker-compose");
        assert_eq!(of("ubuntu", "24.04", false), "sudo apt-get install docker-compose-v2");
        assert_eq!(of("alpine", "3.20", false), "sudo apk add docker-cli-compose");
        assert_eq!(of("plan9", "4", false), "");
    }
}
