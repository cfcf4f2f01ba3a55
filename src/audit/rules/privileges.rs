//! What a container may do to the kernel: all rights, capabilities, filters.

use super::super::daemon::DaemonFacts;
use super::super::facts::{Facts, is_root};
use super::super::report::{Rule, Severity};
use super::{Broken, Check, Entry, Example, RULE, scalar};

/// Capabilities that run code on the host.
const HOST: [&str; 5] = ["ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_BOOT"];
/// Capabilities that reach far beyond the container.
const STRONG: [&str; 11] = [
    "NET_ADMIN",
    "BPF",
    "PERFMON",
    "SYS_PTRACE",
    "DAC_READ_SEARCH",
    "SYS_TIME",
    "SYSLOG",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "CHECKPOINT_RESTORE",
    "SYS_RESOURCE",
];

/// Whether a capability, as it is written, is as good as all rights or reaches far.
fn is_strong(capability: &str, strong: &[&str]) -> bool {
    strong.contains(&capability.to_uppercase().trim_start_matches("CAP_"))
}

pub(super) static RULES: &[Entry] = &[
    Entry {
        rule: Rule {
            code: "OD-C01",
            title: "has all rights there are",
            severity: Severity::Critical,
            refs: &["CIS 5.5", "docker-bench 5.5", "CL-0002"],
            why: "Whoever gets into it is root on the host: all capabilities, all devices, no filter of system calls.",
            breaks: "What really needs a right gets it by cap_add or devices; the log says which one is missing.",
        },
        check: Check::Service(|facts, _, found| {
            if facts.privileged {
                let observed = if facts.written { "privileged is true" } else { "HostConfig.Privileged is true" };
                found.push(
                    Broken::by(observed)
                        .compose("privileged: false")
                        .run("without --privileged; --cap-add and --device for what it needs")
                        .key("privileged"),
                );
            }
        }),
        with_privileged: false,
        bad: Example { told: r#"{"HostConfig":{"Privileged":true}}"#, written: r#"{"privileged":true}"# },
        good: Example { told: r#"{"HostConfig":{"Privileged":false}}"#, written: r#"{"privileged":false}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C15",
            title: "has a capability that is as good as root on the host",
            severity: Severity::Critical,
            refs: &["CIS 5.4", "docker-bench 5.4", "CL-0024"],
            why: "With it code can be run outside of the container: by mounting, loading modules, or writing to devices.",
            breaks: "What mounts or loads modules by itself stops working; the host can do that for it.",
        },
        check: Check::Service(|facts, _, found| added(facts, &HOST, found)),
        with_privileged: true,
        bad: Example {
            told: r#"{"HostConfig":{"CapAdd":["CAP_SYS_ADMIN"]}}"#,
            written: r#"{"cap_add":["SYS_ADMIN"]}"#,
        },
        good: Example {
            told: r#"{"HostConfig":{"CapAdd":["CAP_NET_BIND_SERVICE"]}}"#,
            written: r#"{"cap_add":["NET_BIND_SERVICE"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C16",
            title: "has a capability that reaches beyond it",
            severity: Severity::High,
            refs: &["CIS 5.4", "docker-bench 5.4", "CL-0011"],
            why: "It can change the network, look into other processes, or read what permissions forbid.",
            breaks: "VPNs and firewalls need NET_ADMIN, debuggers SYS_PTRACE, time servers SYS_TIME.",
        },
        check: Check::Service(|facts, _, found| {
            // Who has all has these.
            if !facts.cap_add.iter().any(|cap| cap == "ALL") {
                added(facts, &STRONG, found);
            }
        }),
        with_privileged: true,
        bad: Example {
            told: r#"{"HostConfig":{"CapAdd":["NET_ADMIN"]}}"#,
            written: r#"{"cap_add":["cap_net_admin"]}"#,
        },
        good: Example { told: r#"{"HostConfig":{"CapAdd":["CHOWN"]}}"#, written: r#"{"cap_add":["CHOWN"]}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C17",
            title: "keeps the capabilities that Docker gives by default",
            refs: &["CIS 5.4", "CL-0006"],
            why: "Most services need none of the 14: forging packets (NET_RAW) or ignoring permissions (DAC_OVERRIDE) helps an attacker only.",
            breaks: "Images that start as root and change user need SETUID and SETGID back, databases also CHOWN and FOWNER.",
            ..RULE
        },
        check: Check::Service(|facts, _, found| {
            if facts.cap_drop.iter().any(|cap| cap == "ALL") {
                return;
            }
            let observed = match facts.cap_drop.as_slice() {
                [] => "no capability is dropped".to_owned(),
                dropped => format!("only {} is dropped, not ALL", dropped.join(", ")),
            };
            // What reaches beyond the container is another finding, and not to be kept.
            let keeps = |cap: &&String| !is_strong(cap, &HOST) && !is_strong(cap, &STRONG);
            let mut keep: Vec<String> = facts.cap_add.iter().filter(keeps).cloned().collect();
            if facts.ports.iter().any(|port| port.container < 1024) && !keep.iter().any(|cap| cap == "NET_BIND_SERVICE")
            {
                keep.push("NET_BIND_SERVICE".into());
            }
            let mut lines = "cap_drop: [ALL]".to_owned();
            let mut run = "--cap-drop ALL".to_owned();
            if !keep.is_empty() {
                lines.extend(["\ncap_add: [", &keep.join(", "), "]"]);
                run.extend(keep.iter().map(|cap| format!(" --cap-add {cap}")));
            }
            found.push(Broken::by(observed).compose(lines).run(run).key("cap_drop"));
        }),
        with_privileged: true,
        bad: Example { told: r#"{"HostConfig":{"CapDrop":["NET_RAW"]}}"#, written: r#"{"cap_drop":["NET_RAW"]}"# },
        good: Example { told: r#"{"HostConfig":{"CapDrop":["all"]}}"#, written: r#"{"cap_drop":["ALL"]}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C18",
            title: "may get new rights",
            refs: &["CIS 5.26", "docker-bench 5.26", "CL-0003"],
            why: "A program in it that is set to run as its owner (sudo, su, mount) makes root of any user.",
            breaks: "Programs in it that become root by sudo or su stop working.",
            ..RULE
        },
        check: Check::Service(|facts, around, found| {
            let daemon = around.daemon.is_some_and(|daemon| daemon.has("no-new-privileges"));
            let own = facts.security("no-new-privileges");
            if own == Some("true") || (daemon && own.is_none()) {
                return;
            }
            let observed = match own {
                Some(own) => format!("no-new-privileges is {own}"),
                None => "no-new-privileges is set neither for it nor for the engine".to_owned(),
            };
            found.push(
                Broken::by(observed)
                    .compose("security_opt:\n  - no-new-privileges:true")
                    .run("--security-opt no-new-privileges:true")
                    .elsewhere("for all containers, /etc/docker/daemon.json: \"no-new-privileges\": true")
                    .entry("security_opt", "no-new-privileges")
                    .key("security_opt"),
            );
        }),
        with_privileged: true,
        bad: Example {
            told: r#"{"HostConfig":{"SecurityOpt":[]}}"#,
            written: r#"{"security_opt":["no-new-privileges:false"]}"#,
        },
        good: Example {
            told: r#"{"HostConfig":{"SecurityOpt":["no-new-privileges"]}}"#,
            written: r#"{"security_opt":["no-new-privileges=true"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C19",
            title: "has no filter of system calls",
            severity: Severity::High,
            refs: &["CIS 5.22", "docker-bench 5.22", "CL-0009"],
            why: "Seccomp keeps a program from calls that only break-outs use; without it the whole kernel can be attacked.",
            breaks: "What needs a call that is filtered gets an error; a profile of its own can allow that one.",
        },
        check: Check::Service(|facts, _, found| {
            if facts.security("seccomp") == Some("unconfined") {
                found.push(
                    Broken::by("seccomp is unconfined")
                        .compose("# remove this line of security_opt:\n#   - seccomp:unconfined")
                        .run("without --security-opt seccomp=unconfined")
                        .entry("security_opt", "seccomp"),
                );
            }
        }),
        with_privileged: true,
        bad: Example {
            told: r#"{"HostConfig":{"SecurityOpt":["no-new-privileges","seccomp=unconfined"]}}"#,
            written: r#"{"security_opt":["no-new-privileges","seccomp:unconfined"]}"#,
        },
        good: Example {
            told: r#"{"HostConfig":{"SecurityOpt":["no-new-privileges","seccomp={\"defaultAction\":\"SCMP_ACT_ERRNO\"}"]}}"#,
            written: r#"{"security_opt":["no-new-privileges","seccomp:./profile.json"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C20",
            title: "is not confined by AppArmor or SELinux",
            severity: Severity::High,
            refs: &["CIS 5.2", "CIS 5.3", "docker-bench 5.2", "docker-bench 5.3", "CL-0009"],
            why: "The host has a wall that holds when all others fall, and this container is outside of it.",
            breaks: "What mounts in a container needs a profile of its own that allows it.",
        },
        check: Check::Service(|facts, around, found| {
            // Where the host has no such wall there is nothing to be outside of.
            let has = |name: &str| around.daemon.is_none_or(|daemon| daemon.has(name));
            let said = facts.security("apparmor") == Some("unconfined");
            let loaded = match facts.apparmor.as_deref() {
                Some("unconfined") => true,
                // One that never ran has none yet.
                Some("") => facts.running,
                _ => false,
            };
            if has("apparmor") && (said || (loaded && around.daemon.is_some())) {
                let observed = if said { "apparmor is unconfined" } else { "AppArmorProfile is empty" };
                found.push(
                    Broken::by(observed)
                        .compose("# remove this line of security_opt:\n#   - apparmor:unconfined")
                        .run("without --security-opt apparmor=unconfined")
                        .entry("security_opt", "apparmor"),
                );
            }
            if has("selinux") && facts.security("label") == Some("disable") {
                found.push(
                    Broken::by("label is disable")
                        .compose("# remove this line of security_opt:\n#   - label:disable")
                        .run("without --security-opt label=disable")
                        .entry("security_opt", "label"),
                );
            }
        }),
        with_privileged: true,
        bad: Example {
            told: r#"{"HostConfig":{"SecurityOpt":["no-new-privileges","apparmor=unconfined"]},"AppArmorProfile":"unconfined"}"#,
            written: r#"{"security_opt":["no-new-privileges","label:disable"]}"#,
        },
        good: Example {
            told: r#"{"AppArmorProfile":"docker-default"}"#,
            written: r#"{"security_opt":["no-new-privileges","apparmor:own-profile"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C21",
            title: "sees the kernel's files that Docker hides",
            severity: Severity::High,
            why: "Through /proc/sys, /proc/sysrq-trigger and others the host's kernel can be set and stopped.",
            breaks: "What sets the kernel from inside (a nested Docker, some VPNs) needs it; --sysctl often does instead.",
            ..RULE
        },
        check: Check::Service(|facts, _, found| {
            if facts.unmasked {
                let observed =
                    if facts.written { "systempaths is unconfined" } else { "MaskedPaths and ReadonlyPaths are empty" };
                found.push(
                    Broken::by(observed)
                        .compose("# remove this line of security_opt:\n#   - systempaths=unconfined")
                        .run("without --security-opt systempaths=unconfined")
                        .entry("security_opt", "systempaths"),
                );
            }
        }),
        with_privileged: true,
        bad: Example {
            told: r#"{"HostConfig":{"MaskedPaths":[],"ReadonlyPaths":[]}}"#,
            written: r#"{"security_opt":["no-new-privileges","systempaths=unconfined"]}"#,
        },
        good: Example { told: r#"{"HostConfig":{"MaskedPaths":["/proc/kcore"],"ReadonlyPaths":[]}}"#, written: "{}" },
    },
    Entry {
        rule: Rule {
            code: "OD-C22",
            title: "runs as root",
            refs: &["CIS 4.1", "docker-bench 4.1", "CIS-DI-0001", "CL-0018", "DS-0002"],
            why: "Root in a container is root of the host's kernel, held only by what the other rules ask for.",
            breaks: "Files and volumes that belong to root cannot be written any more: chown them to that user first.",
            ..RULE
        },
        check: Check::Service(|facts, around, found| {
            let user = match (&facts.user, around.image) {
                (Some(user), _) => user,
                (None, Some(image)) => &image.user,
                // Nobody knows what the image says.
                (None, None) => return,
            };
            let remapped = around.daemon.is_some_and(DaemonFacts::remaps) && facts.userns != "host";
            let (start, process) = (is_root(user), facts.uid);
            let name = if user.is_empty() {
                "no user is set, which is root".to_owned()
            } else {
                format!("the user is {user}")
            };
            let broken = match (start, process) {
                (false, Some(0)) => Broken::by(format!("{name}, but its main process runs as uid 0")),
                (false, _) => return,
                // It drops root by itself; what is run in it (docker exec) is root still.
                (true, Some(uid)) if uid != 0 => {
                    Broken::by(format!("{name}; its main process changed to uid {uid}")).severe(Severity::Info)
                }
                (true, Some(_)) => Broken::by(format!("{name}; its main process runs as uid 0")),
                (true, None) => Broken::by(name),
            };
            let broken = if remapped { Broken { severity: Some(Severity::Info), ..broken } } else { broken };
            // Where its own group is known to be meant, it stays.
            let group = user.split_once(':').map_or("1000", |(_, group)| group);
            let id = format!("1000:{}", if is_root(group) { "1000" } else { group });
            found.push(
                broken
                    .compose(format!("user: {}", scalar(&id)))
                    .run(format!("--user {id}"))
                    .elsewhere("in its Dockerfile, after what needs root: USER 1000")
                    .key("user"),
            );
        }),
        with_privileged: false,
        bad: Example { told: r#"{"Config":{"User":"0:1000"}}"#, written: r#"{"user":"root"}"# },
        good: Example { told: r#"{"Config":{"User":"app"}}"#, written: r#"{"user":"1000"}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C23",
            title: "can write to its own root file system",
            severity: Severity::Low,
            refs: &["CIS 5.13", "docker-bench 5.13", "CL-0007"],
            why: "An attacker can leave programs there and change those that it runs.",
            breaks: "What writes outside of volumes fails; give those folders a tmpfs or a volume.",
        },
        check: Check::Service(|facts, around, found| {
            if facts.read_only {
                return;
            }
            let mut folders: Vec<&str> = match around.writes {
                Some(writes) => writes.iter().map(String::as_str).collect(),
                None => vec!["/tmp"],
            };
            folders.retain(|folder| {
                !facts.tmpfs.contains_key(*folder) && !facts.mounts.iter().any(|mount| mount.target == **folder)
            });
            let mut lines = "read_only: true".to_owned();
            let mut run = "--read-only".to_owned();
            let kept: Vec<&str> = facts.tmpfs.keys().map(String::as_str).collect();
            let all: Vec<&str> = if facts.written { [kept, folders.clone()].concat() } else { folders.clone() };
            if !all.is_empty() {
                lines.push_str("\ntmpfs:");
                lines.extend(all.iter().map(|folder| format!("\n  - {}", scalar(folder))));
            }
            run.extend(folders.iter().map(|folder| format!(" --tmpfs {}", crate::text::shell::quote(folder))));
            let wrote = match around.writes {
                Some(writes) if !writes.is_empty() => {
                    let all: Vec<&str> = writes.iter().map(String::as_str).collect();
                    format!("; it wrote in {}", all.join(", "))
                }
                Some(_) => "; it wrote nothing so far".to_owned(),
                None => String::new(),
            };
            let field = if facts.written { "read_only" } else { "HostConfig.ReadonlyRootfs" };
            found.push(Broken::by(format!("{field} is not set{wrote}")).compose(lines).run(run).key("read_only"));
        }),
        with_privileged: true,
        bad: Example { told: r#"{"HostConfig":{"ReadonlyRootfs":false}}"#, written: r#"{"read_only":false}"# },
        good: Example { told: r#"{"HostConfig":{"ReadonlyRootfs":true}}"#, written: r#"{"read_only":true}"# },
    },
];

/// One finding for all capabilities of a kind that are added.
fn added(facts: &Facts, which: &[&str], found: &mut Vec<Broken>) {
    let these: Vec<&str> = facts.cap_add.iter().map(String::as_str).filter(|cap| is_strong(cap, which)).collect();
    let Some(first) = these.first() else { return };
    // What else reaches beyond the container is another finding, and not to be kept.
    let harmless = |cap: &&str| !is_strong(cap, &HOST) && !is_strong(cap, &STRONG);
    let rest: Vec<&str> = facts.cap_add.iter().map(String::as_str).filter(harmless).collect();
    let lines = if rest.is_empty() {
        format!("# remove from cap_add: {}", these.join(", "))
    } else {
        format!("cap_add: [{}]", rest.join(", "))
    };
    let without: Vec<String> = these.iter().map(|cap| format!("--cap-add {cap}")).collect();
    found.push(
        Broken::by(format!("{} {} added", these.join(", "), if these.len() == 1 { "is" } else { "are" }))
            .compose(lines)
            .run(format!("without {}", without.join(" ")))
            .entry("cap_add", *first)
            .key("cap_add"),
    );
}
