//! What the engine's machine can do for containers: control groups, limits, storage, the clock.

use futures::FutureExt;

use super::super::scene::{Known, Needs, Scene};
use super::{Entry, Found, SOON, some};

/// What has to be there for all limits to hold.
const CONTROLLERS: [&str; 5] = ["cpu", "memory", "pids", "io", "cpuset"];

macro_rules! entry {
    ($code:literal, $title:literal, $judge:expr) => {
        Entry {
            code: $code,
            title: $title,
            needs: Needs::Info,
            patience: SOON,
            look: |scene| {
                async {
                    match scene.info().await {
                        Ok(known) => $judge(scene, known),
                        Err(e) => Found::skipped(e.message),
                    }
                }
                .boxed()
            },
        }
    };
}

pub(super) const CHECKS: &[Entry] = &[
    entry!("STORAGE", "how images are stored", |_: &Scene, known: &Known| storage(&StorageFacts::of(known))),
    entry!("CGROUP", "control groups", |scene: &Scene, known: &Known| cgroup(&CgroupFacts::of(scene, known))),
    entry!("MEMORY_LIMIT", "limits of memory", |_: &Scene, known: &Known| memory(known.flag("MemoryLimit"))),
    entry!("SWAP_LIMIT", "limits of swap", |scene: &Scene, known: &Known| {
        let swap = if scene.elsewhere(known).is_none() { swap_of(scene) } else { None };
        swap_limit(known.flag("SwapLimit"), swap)
    }),
    entry!("PIDS_LIMIT", "limits of processes", |_: &Scene, known: &Known| {
        limit(known.flag("PidsLimit"), "processes", "one container can fill the machine with processes", "pids")
    }),
    entry!("CPU_LIMIT", "limits of processor time", |_: &Scene, known: &Known| {
        let both = known.flag("CpuCfsQuota").map(|quota| quota && known.flag("CpuCfsPeriod").unwrap_or(true));
        limit(both, "processor time", "--cpus has no effect", "cpu (CONFIG_CFS_BANDWIDTH)")
    }),
    entry!("CLOCK", "the engine's clock", |_: &Scene, known: &Known| clock(skew(known))),
    entry!("WARNINGS", "what the engine itself says", |_: &Scene, known: &Known| warnings(&known.engine.warnings)),
];

#[derive(Default)]
struct StorageFacts {
    driver: String,
    /// Of the file system below.
    backing: String,
    d_type: Option<bool>,
    containerd: bool,
}

impl StorageFacts {
    fn of(known: &Known) -> Self {
        Self {
            driver: known.engine.storage_driver.clone(),
            backing: known.driver_status("Backing Filesystem").unwrap_or_default().to_owned(),
            d_type: known.driver_status("Supports d_type").map(|v| v == "true"),
            containerd: known.driver_status("driver-type").is_some_and(|v| v.starts_with("io.containerd.snapshotter")),
        }
    }
}

fn storage(facts: &StorageFacts) -> Found {
    let on = if facts.backing.is_empty() { String::new() } else { format!(" on {}", facts.backing) };
    let said = format!("{}{on}", facts.driver);
    match facts.driver.as_str() {
        "vfs" => Found::warn(format!("{said}: every layer is a whole copy, which is slow and takes a multiple of the room"))
            .mend("let the engine's data be on ext4 or xfs, then overlay2 is chosen; in a container: a volume at /var/lib/docker"),
        "aufs" | "devicemapper" | "overlay" => Found::warn(format!("{said}: newer engines do not have it any more"))
            .mend("before the engine is updated: push or save the images, and change to overlay2"),
        _ if facts.d_type == Some(false) => {
            Found::fail(format!("{said} without d_type: files that images remove come back"))
                .mend("make the file system anew with d_type (xfs: mkfs.xfs -n ftype=1), or move the engine's data")
        }
        _ if facts.containerd => Found::ok(format!("{said}, in containerd's store: sizes are those of unpacked images")),
        "" => Found::skipped("the engine does not say"),
        _ => Found::ok(said),
    }
}

#[derive(Default)]
struct CgroupFacts {
    version: String,
    driver: String,
    rootless: bool,
    systemd: bool,
    /// The controllers that are missing; nothing where they cannot be seen.
    missing: Option<Vec<&'static str>>,
}

impl CgroupFacts {
    fn of(scene: &Scene, known: &Known) -> Self {
        let machine = &scene.machine;
        let here = scene.elsewhere(known).is_none();
        let second = known.engine.cgroup_version == "2";
        let missing = if !here {
            None
        } else if second {
            machine.read("/sys/fs/cgroup/cgroup.controllers").map(|text| second_missing(&text))
        } else {
            machine.read("/proc/cgroups").map(|text| first_missing(&text))
        };
        Self {
            version: known.engine.cgroup_version.clone(),
            driver: known.engine.cgroup_driver.clone(),
            rootless: known.has_option("rootless"),
            systemd: here && machine.has_systemd(),
            missing,
        }
    }
}

/// Of the second version all that are there stand in a row.
fn second_missing(controllers: &str) -> Vec<&'static str> {
    let there: Vec<&str> = controllers.split_whitespace().collect();
    CONTROLLERS.into_iter().filter(|c| !there.contains(c)).collect()
}

/// Of the first version each has a line that ends with whether it is on; what is `io` now was `blkio`.
fn first_missing(table: &str) -> Vec<&'static str> {
    let on = |name: &str| {
        let name = if name == "io" { "blkio" } else { name };
        table.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.first() == Some(&name) && fields.last() == Some(&"1")
        })
    };
    CONTROLLERS.into_iter().filter(|c| !on(c)).collect()
}

fn cgroup(facts: &CgroupFacts) -> Found {
    if facts.driver == "none" || (facts.rootless && facts.version == "1") {
        return Found::warn("the engine has no control groups to use: limits of containers do not hold")
            .mend("rootless Docker needs version 2 and systemd: boot with systemd.unified_cgroup_hierarchy=1");
    }
    let version = match facts.version.as_str() {
        "" => return Found::skipped("the engine does not say"),
        "1" => "version 1, the older one".to_owned(),
        version => format!("version {version}"),
    };
    let said = format!("{version}, made by {}", facts.driver);
    let missing = facts.missing.as_deref().unwrap_or_default();
    if !missing.is_empty() {
        let list = missing.join(", ");
        let found = Found::warn(format!("{said}; missing: {list}"));
        return if facts.rootless {
            found
                .mend("let systemd hand them to users")
                .by("sudo systemctl edit user@.service   # [Service] Delegate=cpu cpuset io memory pids")
        } else {
            found.mend(format!(
                "the kernel has them switched off; memory: boot with cgroup_enable=memory. Limits of {list} do not hold"
            ))
        };
    }
    if facts.version == "2" && facts.driver == "cgroupfs" && facts.systemd {
        return Found::warn(format!("{said}, while systemd makes all others: two write to one tree")).mend(
            "set \"exec-opts\": [\"native.cgroupdriver=systemd\"] in /etc/docker/daemon.json and restart the engine",
        );
    }
    Found::ok(said)
}

fn limit(able: Option<bool>, of: &str, otherwise: &str, controller: &str) -> Found {
    match able {
        Some(true) => Found::ok(format!("the engine can limit {of}")),
        Some(false) => Found::warn(format!("the engine cannot limit {of}: {otherwise}"))
            .mend(format!("the kernel's controller for it is missing: {controller}")),
        None => Found::skipped("the engine does not say"),
    }
}

fn memory(able: Option<bool>) -> Found {
    let found = limit(able, "memory", "--memory has no effect, and one container can take all", "memory");
    if able == Some(false) {
        return found
            .mend("boot with cgroup_enable=memory swapaccount=1 (GRUB_CMDLINE_LINUX, or cmdline.txt on a Raspberry Pi)")
            .by("sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&cgroup_enable=memory swapaccount=1 /' /etc/default/grub && sudo update-grub   # then restart the machine");
    }
    found
}

/// Bytes of swap of this machine.
fn swap_of(scene: &Scene) -> Option<u64> {
    let text = scene.machine.read("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("SwapTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|k| k * 1024)
}

fn swap_limit(able: Option<bool>, swap: Option<u64>) -> Found {
    match (able, swap) {
        (Some(true), _) => Found::ok("the engine can limit swap"),
        (Some(false), Some(0)) => Found::ok("the engine cannot limit swap, but this machine has none"),
        (Some(false), _) => {
            Found::warn("the engine cannot limit swap: a container with a memory limit goes on in swap and makes all slow")
                .mend("boot with swapaccount=1 (GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub and a restart)")
                .by("sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&swapaccount=1 /' /etc/default/grub && sudo update-grub   # then restart the machine")
        }
        (None, _) => Found::skipped("the engine does not say"),
    }
}

/// Seconds that the engine's clock is before ours.
fn skew(known: &Known) -> Option<f64> {
    let there: jiff::Timestamp = known.raw["SystemTime"].as_str()?.parse().ok()?;
    (there.as_second() > 0).then(|| there.duration_since(known.at).as_secs_f64())
}

fn clock(skew: Option<f64>) -> Found {
    let Some(skew) = skew else { return Found::skipped("the engine does not tell its time") };
    let off = skew.abs();
    if off < 2.0 {
        return Found::ok("as here");
    }
    let side = if skew > 0.0 { "ahead of" } else { "behind" };
    let by = if off < 120.0 { format!("{off:.0} s") } else { crate::text::duration(off as u64) };
    let said = format!("it is {by} {side} ours");
    // What certificates and signed requests still take.
    let found = if off < 60.0 {
        Found::warn(format!("{said}: times of logs and events do not fit"))
    } else {
        Found::fail(format!("{said}: certificates and logins will be refused, and times do not fit"))
    };
    found.mend("one of the two machines is wrong: let it ask the time").by("sudo timedatectl set-ntp true")
}

/// Beginnings of what other checks tell with more words.
const TOLD: [&str; 9] = [
    "no memory limit",
    "no swap limit",
    "no pids limit",
    "no cpu cfs",
    "no kernel memory",
    "no oom kill",
    "no cpu shares",
    "ipv4 forwarding",
    "bridge-nf-call-ip",
];

fn warnings(all: &[String]) -> Found {
    let lines =
        all.iter().flat_map(|text| text.lines()).map(|line| line.trim().trim_start_matches("WARNING: ").to_owned());
    let rest: Vec<String> = lines
        .filter(|line| !line.is_empty() && !TOLD.iter().any(|told| line.to_lowercase().starts_with(told)))
        .collect();
    if rest.is_empty() {
        return Found::ok("nothing else to warn of");
    }
    let open = rest.iter().any(|line| line.contains("without encryption") || line.contains("without TLS"));
    let found = Found::warn(some(rest, 3));
    if open {
        return found.mend("whoever reaches that port is root there: take tcp:// out of `hosts` in /etc/docker/daemon.json, and use ssh://user@host");
    }
    found.mend("the engine's own words; docker info shows them, too")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn drivers_that_cost_or_are_gone_are_told() {
        let of =
            |driver: &str| StorageFacts { driver: driver.into(), backing: "extfs".into(), ..StorageFacts::default() };
        assert_eq!(storage(&of("overlay2")), Found::ok("overlay2 on extfs"));
        assert_eq!(storage(&of("vfs")).outcome, Outcome::Warn);
        assert_eq!(storage(&of("devicemapper")).outcome, Outcome::Warn);
        assert_eq!(storage(&StorageFacts { d_type: Some(false), ..of("overlay2") }).outcome, Outcome::Fail);
        assert!(storage(&StorageFacts { containerd: true, ..of("overlayfs") }).evidence.contains("containerd's store"));
        assert_eq!(storage(&StorageFacts::default()).outcome, Outcome::Skipped);
    }

    #[test]
    fn missing_controllers_are_named() {
        assert_eq!(second_missing("cpuset cpu io memory pids rdma"), Vec::<&str>::new());
        assert_eq!(second_missing("cpu pids"), ["memory", "io", "cpuset"]);
        let table = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t1\t1\t1\ncpu\t2\t1\t1\nmemory\t3\t1\t0\npids\t4\t1\t1\nblkio\t4\t1\t1\n";
        assert_eq!(first_missing(table), ["memory"]);
        let facts = |version: &str, driver: &str| CgroupFacts {
            version: version.into(),
            driver: driver.into(),
            missing: Some(Vec::new()),
            ..CgroupFacts::default()
        };
        assert_eq!(cgroup(&facts("2", "systemd")), Found::ok("version 2, made by systemd"));
        assert_eq!(cgroup(&facts("1", "cgroupfs")).outcome, Outcome::Ok);
        let two = CgroupFacts { systemd: true, ..facts("2", "cgroupfs") };
        assert!(cgroup(&two).evidence.ends_with("two write to one tree"));
        let some = CgroupFacts { missing: Some(vec!["memory", "cpuset"]), ..facts("2", "systemd") };
        assert!(cgroup(&some).evidence.ends_with("missing: memory, cpuset"));
        let own = CgroupFacts { rootless: true, ..some };
        assert!(cgroup(&own).fix.and_then(|f| f.command).is_some_and(|c| c.contains("user@.service")));
        assert_eq!(cgroup(&facts("2", "none")).outcome, Outcome::Warn);
        assert_eq!(cgroup(&facts("", "")).outcome, Outcome::Skipped);
    }

    #[test]
    fn limits_that_cannot_be_set_are_told_with_what_follows() {
        assert_eq!(memory(Some(true)), Found::ok("the engine can limit memory"));
        assert!(memory(Some(false)).fix.and_then(|f| f.command).is_some_and(|c| c.contains("cgroup_enable=memory")));
        assert_eq!(memory(None).outcome, Outcome::Skipped);
        assert_eq!(swap_limit(Some(false), Some(0)).outcome, Outcome::Ok);
        assert_eq!(swap_limit(Some(false), Some(1)).outcome, Outcome::Warn);
        assert_eq!(swap_limit(Some(false), None).outcome, Outcome::Warn);
        assert_eq!(swap_limit(Some(true), None).outcome, Outcome::Ok);
        assert!(limit(Some(false), "processes", "x", "pids").evidence.ends_with("cannot limit processes: x"));
    }

    #[test]
    fn clocks_that_differ_are_told_by_how_much() {
        assert_eq!(clock(Some(0.4)), Found::ok("as here"));
        assert!(clock(Some(-9.0)).evidence.starts_with("it is 9 s behind ours"));
        let found = clock(Some(425.0));
        assert!(found.outcome == Outcome::Fail && found.evidence.starts_with("it is 7m ahead of ours"), "{found:?}");
        assert_eq!(clock(None).outcome, Outcome::Skipped);
    }

    #[test]
    fn only_what_no_other_check_tells_is_left_of_warnings() {
        let all = ["WARNING: No swap limit support", "WARNING: bridge-nf-call-iptables is disabled"].map(str::to_owned);
        assert_eq!(warnings(&all).outcome, Outcome::Ok);
        let open =
            ["WARNING: API is accessible on http://0.0.0.0:2375 without encryption.\n         Access is root"
                .to_owned()];
        let found = warnings(&open);
        assert!(
            found.evidence.starts_with("API is accessible") && found.fix.is_some_and(|f| f.words.contains("ssh://"))
        );
    }
}
