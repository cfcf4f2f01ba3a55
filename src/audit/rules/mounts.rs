//! What of the host is in a container: sockets, folders, devices.

use super::super::facts::{Facts, Mount, Port};
use super::super::report::{Rule, Severity};
use super::{Broken, Check, Entry, Example, RULE, scalar};

/// Sockets of engines.
const SOCKETS: [&str; 5] = ["docker.sock", "containerd.sock", "podman.sock", "crio.sock", "buildkitd.sock"];
/// Folders that have such a socket in them.
const SOCKET_FOLDERS: [&str; 6] =
    ["/run", "/var/run", "/run/docker", "/run/containerd", "/run/podman", "/var/run/podman"];
/// Who writes there is root on the host, or soon is.
const ROOT: [&str; 12] = [
    "/",
    "/etc",
    "/root",
    "/boot",
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/var/lib/docker",
    "/var/spool/cron",
    "/var/lib/containerd",
];
/// Who reads there learns secrets, or sees into other processes.
const SENSITIVE: [&str; 5] = ["/proc", "/sys", "/dev", "/home", "/var"];
/// What may be read by everyone, and is mounted for good reasons.
const HARMLESS: [&str; 14] = [
    "/etc/localtime",
    "/etc/timezone",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/etc/machine-id",
    "/etc/os-release",
    "/etc/ssl/certs",
    "/etc/ca-certificates",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/dev/shm",
    "/dev/null",
    "/var/log",
];

/// Whether a path of the host is the socket of an engine, or a folder with one.
fn is_socket(path: &str) -> bool {
    SOCKETS.iter().any(|socket| path.rsplit('/').next() == Some(*socket))
}

/// Whether a path is one of these or below it.
pub(super) fn is_system(path: &str, folders: &[&str]) -> bool {
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    folders.iter().any(|folder| {
        path == *folder || (*folder != "/" && path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    })
}

fn binds(facts: &Facts) -> impl Iterator<Item = &Mount> {
    // What the engine itself keeps (volumes below /var/lib/docker) goes by the volume's name.
    facts.mounts.iter().filter(|mount| mount.kind == "bind")
}

fn has_socket(mount: &Mount) -> bool {
    is_socket(&mount.source) || SOCKET_FOLDERS.contains(&mount.source.trim_end_matches('/')) || is_socket(&mount.target)
}

/// What a socket proxy is told to let pass; `None` when it is none.
fn granted(facts: &Facts) -> Option<Vec<String>> {
    /// Sections of the API, as socket proxies name them.
    const SECTIONS: [&str; 26] = [
        "AUTH",
        "BUILD",
        "COMMIT",
        "CONFIGS",
        "CONTAINERS",
        "DISTRIBUTION",
        "EVENTS",
        "EXEC",
        "GRPC",
        "IMAGES",
        "INFO",
        "NETWORKS",
        "NODES",
        "PING",
        "PLUGINS",
        "POST",
        "SECRETS",
        "SERVICES",
        "SESSION",
        "SWARM",
        "SYSTEM",
        "TASKS",
        "VERSION",
        "VOLUMES",
        "ALLOW_START",
        "ALLOW_RESTARTS",
    ];
    let name = facts.image.rsplit('/').next().unwrap_or_default();
    let named = facts.image.contains("socket-proxy") || name.contains("socketproxy") || name.contains("dockerproxy");
    let set: Vec<(&str, bool)> = facts
        .env
        .iter()
        .filter(|(key, _)| SECTIONS.contains(&key.as_str()) || key == "ALLOW_STOP")
        .map(|(key, value)| (key.as_str(), matches!(value.as_str(), "1" | "true")))
        .collect();
    let switched = set.iter().any(|(key, _)| *key == "CONTAINERS" || *key == "POST") && set.len() > 1;
    (named || switched).then(|| set.iter().filter(|(_, on)| *on).map(|(key, _)| (*key).to_owned()).collect())
}

/// The lines that take a mount away, and what is left out of `docker run`.
fn without(mount: &Mount, broken: Broken) -> Broken {
    let mode = if mount.writable { "" } else { ":ro" };
    let written = format!("{}:{}{mode}", mount.source, mount.target);
    broken
        .compose(format!("# remove this line of volumes:\n#   - {written}"))
        .run(format!("without -v {}", crate::text::shell::quote(&written)))
        .entry("volumes", mount.source.clone())
        .entry("volumes", mount.target.clone())
}

fn said(mount: &Mount) -> String {
    let mode = if mount.writable { "writable" } else { "read-only" };
    format!("{} is mounted at {}, {mode}", mount.source, mount.target)
}

pub(super) static RULES: &[Entry] = &[
    Entry {
        rule: Rule {
            code: "OD-C02",
            title: "has an engine's socket",
            severity: Severity::Critical,
            refs: &["CIS 5.32", "docker-bench 5.32", "CL-0001"],
            why: "Who speaks to the engine starts a privileged container and is root on the host; `:ro` does not help, it only keeps the socket from being deleted.",
            breaks: "What needs the engine (Traefik, Portainer) is pointed at a socket proxy that lets through what it needs.",
        },
        check: Check::Service(|facts, _, found| {
            if granted(facts).is_some() {
                return;
            }
            for mount in binds(facts).filter(|mount| has_socket(mount)) {
                let observed = if is_socket(&mount.source) || is_socket(&mount.target) {
                    said(mount)
                } else {
                    format!("{}; the engine's socket is in it", said(mount))
                };
                let proxy = "instead: a socket proxy with CONTAINERS=1 and POST=0 on a network of its own, and DOCKER_HOST=tcp://socket-proxy:2375 here";
                found.push(without(mount, Broken::by(observed)).elsewhere(proxy));
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Mounts":[{"Type":"bind","Source":"/run/user/1000/docker.sock","Destination":"/x","RW":false}]}"#,
            written: r#"{"volumes":["/var/run/docker.sock:/var/run/docker.sock:ro"]}"#,
        },
        good: Example {
            told: r#"{"Mounts":[{"Type":"bind","Source":"/srv/app.sock","Destination":"/x","RW":true}]}"#,
            written: r#"{"volumes":["/srv/docker.sock.d:/x"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C03",
            title: "passes an engine's socket on",
            severity: Severity::Low,
            refs: &["CIS 5.32", "docker-bench 5.32"],
            why: "A socket proxy is what keeps others from the engine; what it lets through, everyone on its network may do.",
            breaks: "Whoever uses it for what is taken away gets 403.",
        },
        check: Check::Service(|facts, _, found| {
            let Some(granted) = granted(facts) else { return };
            let Some(mount) = binds(facts).find(|mount| has_socket(mount)) else { return };
            let may = |section: &str| granted.iter().any(|g| g == section);
            // Making a container is as good as root; so is a command in one.
            let makes =
                may("POST") && ["CONTAINERS", "EXEC", "SERVICES", "TASKS", "BUILD", "PLUGINS"].iter().any(|s| may(s));
            let reads = may("SECRETS") || may("CONFIGS") || may("AUTH");
            let severity = if makes {
                Severity::Critical
            } else if may("POST") || reads {
                Severity::High
            } else {
                Severity::Low
            };
            let what = if granted.is_empty() { "what it always does".to_owned() } else { granted.join(", ") };
            let published = facts.ports.iter().any(Port::open);
            let severity = if published { Severity::Critical } else { severity };
            let open = if published { "; its port is open to everyone" } else { "" };
            let broken = Broken::by(format!("it has {} and lets through {what}{open}", mount.source)).severe(severity);
            let mend = if severity > Severity::Low {
                broken.compose("environment:\n  POST: \"0\"").run("-e POST=0")
            } else {
                broken.elsewhere("only those that need it on its network, which is internal")
            };
            found.push(mend.entry("environment", "POST").entry("environment", "CONTAINERS").key("environment"));
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Config":{"Image":"tecnativa/docker-socket-proxy:0.3@sha256:1","Env":["CONTAINERS=1","POST=0"]},
                "Mounts":[{"Type":"bind","Source":"/var/run/docker.sock","Destination":"/var/run/docker.sock","RW":false}]}"#,
            written: r#"{"environment":{"CONTAINERS":"1","POST":"1"},"volumes":["/var/run/docker.sock:/var/run/docker.sock"]}"#,
        },
        good: Example {
            told: r#"{"Config":{"Env":["CONTAINERS=1","POST=0"]}}"#,
            written: r#"{"environment":{"POST":"1"}}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C04",
            title: "can change the host's system",
            severity: Severity::Critical,
            refs: &["CIS 5.6", "docker-bench 5.6", "CL-0025"],
            why: "A line in /etc, a program in /usr or a key in /root makes it root on the host.",
            breaks: "What it configures on the host it can no more; mount the one file or folder that it needs.",
        },
        check: Check::Service(|facts, _, found| {
            for mount in binds(facts).filter(|mount| mount.writable && !has_socket(mount)) {
                if is_system(&mount.source, &ROOT) && !is_system(&mount.source, &HARMLESS) {
                    let broken = without(mount, Broken::by(said(mount)));
                    found.push(Broken {
                        compose: format!("volumes:\n  - {}", scalar(&format!("{}:{}:ro", mount.source, mount.target))),
                        run: format!("-v {}:{}:ro", mount.source, mount.target),
                        ..broken
                    });
                }
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Mounts":[{"Type":"bind","Source":"/etc/cron.d","Destination":"/x","RW":true}]}"#,
            written: r#"{"volumes":[{"type":"bind","source":"/","target":"/host"}]}"#,
        },
        good: Example {
            told: r#"{"Mounts":[{"Type":"bind","Source":"/etcetera","Destination":"/x","RW":true},{"Type":"bind","Source":"/etc/localtime","Destination":"/etc/localtime","RW":true}]}"#,
            written: r#"{"volumes":["/srv/etc:/etc","etc:/usr"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C05",
            title: "sees into the host",
            severity: Severity::High,
            refs: &["CIS 5.6", "docker-bench 5.6", "CL-0013"],
            why: "Keys, passwords and other containers' data can be read there, or the kernel and devices reached.",
            breaks: "Monitors and backups need some of it: mount those folders only, read-only.",
        },
        check: Check::Service(|facts, _, found| {
            for mount in binds(facts).filter(|mount| !has_socket(mount)) {
                let root = is_system(&mount.source, &ROOT);
                // That is another finding, and a worse one.
                if (root && mount.writable) || is_system(&mount.source, &HARMLESS) {
                    continue;
                }
                let whole = SENSITIVE.iter().any(|folder| mount.source.trim_end_matches('/') == *folder);
                let below = is_system(&mount.source, &["/proc", "/sys", "/dev"]);
                let keys = [".ssh", ".gnupg", ".aws", ".kube", ".docker"]
                    .iter()
                    .any(|name| mount.source.split('/').any(|p| p == *name));
                // Programs and libraries can be read by everyone.
                let open = is_system(&mount.source, &["/usr", "/lib", "/lib64", "/bin", "/sbin"]);
                if (root && !open) || whole || below || keys {
                    found.push(without(mount, Broken::by(said(mount))));
                }
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Mounts":[{"Type":"bind","Source":"/proc","Destination":"/host/proc","RW":false}]}"#,
            written: r#"{"volumes":["/home/me/.ssh:/ssh:ro"]}"#,
        },
        good: Example {
            told: r#"{"Mounts":[{"Type":"bind","Source":"/usr/share/fonts","Destination":"/x","RW":false}]}"#,
            written: r#"{"volumes":["/etc/timezone:/etc/timezone:ro","/var/log/app:/logs"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C06",
            title: "mounts that it makes appear on the host",
            severity: Severity::Low,
            refs: &["CIS 5.20", "docker-bench 5.20", "CL-0017"],
            why: "With shared propagation what is mounted inside is mounted over folders of the host.",
            breaks: "Programs that mount for others (FUSE, network disks) need it.",
        },
        check: Check::Service(|facts, _, found| {
            for mount in binds(facts).filter(|mount| matches!(mount.propagation.as_str(), "shared" | "rshared")) {
                let observed =
                    format!("{} at {} has the propagation {}", mount.source, mount.target, mount.propagation);
                let lines = format!(
                    "volumes:\n  - type: bind\n    source: {}\n    target: {}\n    bind:\n      propagation: rprivate",
                    scalar(&mount.source),
                    scalar(&mount.target)
                );
                found.push(
                    Broken::by(observed)
                        .compose(lines)
                        .run(format!("-v {}:{}:rprivate", mount.source, mount.target))
                        .entry("volumes", mount.source.clone()),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"Mounts":[{"Type":"bind","Source":"/mnt","Destination":"/mnt","RW":true,"Propagation":"rshared"}]}"#,
            written: r#"{"volumes":[{"type":"bind","source":"/mnt","target":"/mnt","bind":{"propagation":"shared"}}]}"#,
        },
        good: Example {
            told: r#"{"Mounts":[{"Type":"bind","Source":"/mnt","Destination":"/mnt","RW":true,"Propagation":"rprivate"}]}"#,
            written: r#"{"volumes":["/mnt:/mnt:rslave"]}"#,
        },
    },
    Entry {
        rule: Rule {
            code: "OD-C07",
            title: "has a device of the host",
            refs: &["CIS 5.18", "docker-bench 5.18", "CL-0016"],
            why: "Programs in it speak to the driver directly; a disk or the memory can be read and written past all permissions.",
            breaks: "What needs the device cannot do without it; give it that one, and not its whole bus.",
            ..RULE
        },
        check: Check::Service(|facts, _, found| {
            /// A disk, or the memory itself.
            const RAW: [&str; 12] =
                ["sd", "hd", "vd", "xvd", "nvme", "mmcblk", "dm-", "md", "loop", "mapper", "mem", "kmem"];
            /// What gives nothing away.
            const HARMLESS: [&str; 6] =
                ["/dev/fuse", "/dev/net/tun", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];
            for device in &facts.devices {
                let name = device.host.trim_start_matches("/dev/");
                let raw = device.host == "/dev" || name == "port" || RAW.iter().any(|kind| name.starts_with(kind));
                let severity = match () {
                    () if raw => Severity::Critical,
                    () if HARMLESS.contains(&device.host.as_str()) => Severity::Info,
                    () => Severity::Medium,
                };
                found.push(
                    Broken::by(format!("the device {} is there as {}", device.host, device.container))
                        .severe(severity)
                        .compose(format!("# remove this line of devices:\n#   - {}:{}", device.host, device.container))
                        .run(format!("without --device {}", device.host))
                        .entry("devices", device.host.clone()),
                );
            }
            for request in &facts.device_requests {
                found.push(
                    Broken::by(format!("it has the devices {request}"))
                        .severe(Severity::Info)
                        .compose("# remove devices from deploy.resources.reservations")
                        .run("without --gpus")
                        .key("deploy"),
                );
            }
        }),
        with_privileged: true,
        bad: Example {
            told: r#"{"HostConfig":{"Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda"}]}}"#,
            written: r#"{"devices":["/dev/ttyUSB0:/dev/ttyUSB0"]}"#,
        },
        good: Example { told: r#"{"HostConfig":{"Devices":[]}}"#, written: r#"{"devices":[]}"# },
    },
    Entry {
        rule: Rule {
            code: "OD-C40",
            title: "can run what is written to its tmpfs",
            severity: Severity::Info,
            refs: &["CL-0022"],
            why: "Docker mounts a tmpfs noexec; with exec a download can be started from it where nothing else can be written.",
            breaks: "Programs that unpack code there (some Java and Node modules) need it.",
        },
        check: Check::Service(|facts, _, found| {
            for (path, options) in facts.tmpfs.iter().filter(|(_, options)| options.split(',').any(|o| o == "exec")) {
                let kept: Vec<&str> = options.split(',').filter(|o| *o != "exec").collect();
                let entry = if kept.is_empty() { path.clone() } else { format!("{path}:{}", kept.join(",")) };
                found.push(
                    Broken::by(format!("the tmpfs at {path} has the options {options}"))
                        .compose(format!("tmpfs:\n  - {}", scalar(&entry)))
                        .run(format!("--tmpfs {}", crate::text::shell::quote(&entry)))
                        .entry("tmpfs", path.clone()),
                );
            }
        }),
        with_privileged: false,
        bad: Example {
            told: r#"{"HostConfig":{"Tmpfs":{"/tmp":"exec,size=1m"}}}"#,
            written: r#"{"tmpfs":["/tmp:exec"]}"#,
        },
        good: Example { told: r#"{"HostConfig":{"Tmpfs":{"/tmp":"noexec"}}}"#, written: r#"{"tmpfs":"/tmp"}"# },
    },
];
