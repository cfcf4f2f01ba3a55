//! What a container may use up.

use super::super::report::{Rule, Severity};
use super::{Broken, Check, Entry, Example, RULE};

pub(super) static RULES: &[Entry] = &[
    Entry {
        rule: Rule {
            code: "OD-C27",
            title: "may use all memory",
            refs: &["CIS 5.11", "docker-bench 5.11", "CL-0026"],
            why: "When it grows the kernel ends any process of the host to find room, the engine's or a database's.",
            breaks: "It is killed (137, OOM) where it needs more; look at `docker stats` for what it uses first.",
            ..RULE
        },
        check: Check::Service(|facts, _, found| {
            if facts.memory == 0 {
                let field = if facts.written { "mem_limit" } else { "HostConfig.Memory" };
                let broken = Broken::by(format!("{field} is not set"))
                    .compose("mem_limit: 512m")
                    .run("--memory 512m")
                    .key("mem_limit");
                found.push(if facts.oom_kill_disabled {
                    let observed = format!("{field} is not set, and the OOM killer is off: the host may stand still");
                    Broken { observed, severity: Some(Severity::High), ..broken }
                } else {
                    broken
                });
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"Memory":0}}"#, written: r#"{"mem_limit":null}"# },
        good: Example {
            told: r#"{"HostConfig":{"Memory":1048576}}"#,
            written: r#"{"mem_limit":null,"deploy":{"resources":{"limits":{"memory":"64M","cpus":"1","pids":5}}}}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C28",
            title: "may use all processors",
            severity: Severity::Low,
            refs: &["CIS 5.12", "docker-bench 5.12", "CL-0026"],
            why: "A loop in it slows down everything else on the host.",
            breaks: "It is slower where it used more; look at `docker stats` first.",
        },
        check: Check::Service(|facts, _, found| {
            if !facts.cpu {
                let observed = if facts.written { "cpus is not set" } else { "NanoCpus, CpuQuota and CpuShares are 0" };
                found.push(Broken::by(observed).compose("cpus: 1").run("--cpus 1").key("cpus"));
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"NanoCpus":0}}"#, written: r#"{"cpus":null}"# },
        good: Example { told: r#"{"HostConfig":{"NanoCpus":0,"CpuShares":512}}"#, written: r#"{"cpus":"0.5"}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C29",
            title: "may start processes without end",
            refs: &["CIS 5.29", "docker-bench 5.29", "CL-0026"],
            why: "A fork bomb in it fills the host's table of processes, and nobody can log in any more.",
            breaks: "Programs with many threads (Java, databases) need some hundred.",
            ..RULE
        },
        check: Check::Service(|facts, _, found| {
            if facts.pids.is_none_or(|most| most <= 0) {
                let observed = match facts.pids {
                    None => "no limit of processes is set".to_owned(),
                    Some(most) => format!("the limit of processes is {most}, which is none"),
                };
                found.push(Broken::by(observed).compose("pids_limit: 200").run("--pids-limit 200").key("pids_limit"));
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"PidsLimit":-1}}"#, written: r#"{"pids_limit":-1}"# },
        good: Example { told: r#"{"HostConfig":{"PidsLimit":10}}"#, written: r#"{"pids_limit":10}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C37",
            title: "its logs are lost or have no end",
            severity: Severity::Low,
            refs: &["CIS 2.13", "docker-bench 2.13", "CL-0014"],
            why: "Without logs nobody sees an attack; without an end they fill the disk, and everything stops.",
            breaks: "Older lines are gone when the files are full.",
        },
        check: Check::Service(|facts, around, found| {
            let lines = "logging:\n  driver: local\n  options:\n    max-size: 10m\n    max-file: \"3\"";
            let run = "--log-driver local --log-opt max-size=10m --log-opt max-file=3";
            let mend = |broken: Broken| broken.compose(lines).run(run).key("logging");
            match facts.log_driver.as_str() {
                "none" => found.push(mend(Broken::by("its log driver is none"))),
                "json-file" if !facts.log_options.contains_key("max-size") => {
                    let all = "for new containers, /etc/docker/daemon.json: \"log-driver\": \"local\"";
                    found.push(mend(Broken::by("its log driver is json-file without max-size")).elsewhere(all));
                }
                // What the engine does by itself a file does not say.
                "" if around.daemon.is_some_and(|daemon| daemon.log_driver == "none") => {
                    found.push(mend(Broken::by("its log driver is the engine's, none")));
                }
                _ => {}
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"HostConfig":{"LogConfig":{"Type":"json-file","Config":{}}}}"#,
            written: r#"{"logging":{"driver":"none"}}"#,
        },
        good: Example {
            told: r#"{"HostConfig":{"LogConfig":{"Type":"journald","Config":{}}}}"#,
            written: r#"{"logging":{"driver":"json-file","options":{"max-size":"1m"}}}"#,
        },
    },
];
