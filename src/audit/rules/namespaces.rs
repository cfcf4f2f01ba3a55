//! What a container shares with the host.

use super::super::report::{Rule, Severity};
use super::{Broken, Check, Entry, Example, RULE};

pub(super) static RULES: &[Entry] = &[
    Entry {
        rule: Rule {
            code: "OD-C08",
            title: "is in the host's network",
            severity: Severity::High,
            refs: &["CIS 5.10", "docker-bench 5.10", "CL-0008"],
            why: "Every port that it opens is open on the host, and it reaches what listens on 127.0.0.1 only.",
            breaks: "Discovery by broadcast (mDNS, DHCP, Home Assistant) works in no other network; ports have to be published.",
        },
        check: Check::Service(|facts, _, found| {
            if facts.network == "host" {
                found.push(
                    Broken::by("its network is host")
                        .compose("# remove network_mode: host, and publish what is used:\nports:\n  - \"127.0.0.1:8080:8080\"")
                        .run("without --network host; -p 127.0.0.1:8080:8080 for what is used")
                        .key("network_mode"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"NetworkMode":"host"}}"#, written: r#"{"network_mode":"host"}"# },
        good: Example { told: r#"{"HostConfig":{"NetworkMode":"none"}}"#, written: r#"{"network_mode":"none"}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C09",
            title: "sees the host's processes",
            severity: Severity::High,
            refs: &["CIS 5.16", "docker-bench 5.16", "CL-0010"],
            why: "It reads their command lines and environment, and as root may end them or look into their files.",
            breaks: "Monitors of the host's processes need it.",
        },
        check: Check::Service(|facts, _, found| {
            if facts.pid == "host" {
                found.push(
                    Broken::by("its pid namespace is host")
                        .compose("# remove pid: host")
                        .run("without --pid host")
                        .key("pid"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"PidMode":"host"}}"#, written: r#"{"pid":"host"}"# },
        good: Example { told: r#"{"HostConfig":{"PidMode":"container:abc"}}"#, written: r#"{"pid":"service:web"}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C10",
            title: "shares memory with the host's processes",
            severity: Severity::High,
            refs: &["CIS 5.17", "docker-bench 5.17", "CL-0010"],
            why: "It reads and changes the shared memory of databases and other programs of the host.",
            breaks: "What speaks with a program of the host by shared memory needs it.",
        },
        check: Check::Service(|facts, _, found| {
            if facts.ipc == "host" {
                found.push(
                    Broken::by("its ipc namespace is host")
                        .compose("# remove ipc: host; for more shared memory of its own:\nshm_size: 256m")
                        .run("without --ipc host; --shm-size 256m for more of its own")
                        .key("ipc"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"IpcMode":"host"}}"#, written: r#"{"ipc":"host"}"# },
        good: Example { told: r#"{"HostConfig":{"IpcMode":"private"}}"#, written: r#"{"ipc":"shareable"}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C11",
            title: "shares the host's name",
            severity: Severity::Low,
            refs: &["CIS 5.21", "docker-bench 5.21"],
            why: "With the right to it, it changes the name of the host itself.",
            breaks: "Nothing but what has to know the host's name; --hostname gives it one.",
        },
        check: Check::Service(|facts, _, found| {
            if facts.uts == "host" {
                found.push(
                    Broken::by("its uts namespace is host")
                        .compose("# remove uts: host")
                        .run("without --uts host")
                        .key("uts"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"UTSMode":"host"}}"#, written: r#"{"uts":"host"}"# },
        good: Example { told: r#"{"HostConfig":{"UTSMode":""}}"#, written: r#"{"hostname":"web"}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C12",
            title: "is left out when users are remapped",
            severity: Severity::High,
            refs: &["CIS 5.31", "docker-bench 5.31"],
            why: "The engine makes root in containers a user without rights on the host, but not in this one.",
            breaks: "It may not write to what root of the host owns any more.",
        },
        check: Check::Service(|facts, around, found| {
            // Where nothing is remapped it says what is so anyway.
            if facts.userns == "host" && around.daemon.is_none_or(|daemon| daemon.has("userns")) {
                found.push(
                    Broken::by("its user namespace is host")
                        .compose("# remove userns_mode: host")
                        .run("without --userns host")
                        .key("userns_mode"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"UsernsMode":"host"}}"#, written: r#"{"userns_mode":"host"}"# },
        good: Example { told: r#"{"HostConfig":{"UsernsMode":""}}"#, written: r#"{"userns_mode":""}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C13",
            title: "sees the host's control groups",
            refs: &["CIS 5.25"],
            why: "What makes groups there (a Docker in it) puts its processes beside its own limits, and is not held by them.",
            breaks: "Monitors of all containers need it.",
            ..RULE
        },
        check: Check::Service(|facts, around, found| {
            // With cgroup v1 this is what engines do for everyone: then it only matters to those who may mount.
            let usual = around.daemon.is_some_and(|daemon| daemon.cgroup_version == "1");
            let mounts = facts.cap_add.iter().any(|cap| cap == "SYS_ADMIN" || cap == "ALL");
            if facts.cgroupns == "host" && (!usual || mounts) {
                found.push(
                    Broken::by("its cgroup namespace is host")
                        .compose("cgroup: private")
                        .run("--cgroupns private")
                        .key("cgroup"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"CgroupnsMode":"host"}}"#, written: r#"{"cgroup":"host"}"# },
        good: Example { told: r#"{"HostConfig":{"CgroupnsMode":"private"}}"#, written: r#"{"cgroup":"private"}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C38",
            title: "counts to a control group of its own choice",
            severity: Severity::Info,
            refs: &["CIS 5.25", "docker-bench 5.25"],
            why: "Limits that hold for Docker's containers together do not hold for it.",
            breaks: "Limits of that group do not hold any more.",
        },
        check: Check::Service(|facts, _, found| {
            if !facts.cgroup_parent.is_empty() {
                found.push(
                    Broken::by(format!("its cgroup parent is {}", facts.cgroup_parent))
                        .compose("# remove cgroup_parent")
                        .run("without --cgroup-parent")
                        .key("cgroup_parent"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"CgroupParent":"/mine"}}"#, written: r#"{"cgroup_parent":"/mine"}"# },
        good: Example { told: r#"{"HostConfig":{"CgroupParent":""}}"#, written: "{}" },
    },
];
