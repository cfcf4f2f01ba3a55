//! What the kernel gives only so much of: watches of files, open files.

use futures::FutureExt;

use super::super::machine::Machine;
use super::super::scan::Watches;
use super::super::scene::{Needs, Scene};
use super::{Entry, Found, SOON};

pub(super) const CHECKS: &[Entry] = &[
    Entry {
        code: "INOTIFY",
        title: "watches of files",
        needs: Needs::Tried,
        patience: SOON,
        look: |scene| inotify_of(scene).boxed(),
    },
    Entry {
        code: "FILES",
        title: "open files",
        needs: Needs::Tried,
        patience: SOON,
        look: |scene| files_of(scene).boxed(),
    },
];

#[derive(Default)]
struct InotifyFacts {
    watches: u64,
    instances: u64,
    /// The user who uses most of them: number, what is used.
    most: Option<(u32, Watches)>,
    /// Whether all processes could be looked into.
    whole: bool,
}

async fn inotify_of(scene: &Scene) -> Found {
    if let Err(why) = scene.here().await {
        return Found::skipped(why);
    }
    let scan = scene.scan().await;
    let limit = |name: &str| scene.machine.number(&format!("/proc/sys/fs/inotify/{name}"));
    let Some((watches, instances)) = limit("max_user_watches").zip(limit("max_user_instances")) else {
        return Found::skipped("the kernel does not say");
    };
    let share = |used: &Watches| (used.instances * 1000 / instances.max(1)).max(used.watches * 1000 / watches.max(1));
    let most = scan.inotify.iter().max_by_key(|(_, used)| share(used)).map(|(uid, used)| (*uid, *used));
    inotify(&InotifyFacts { watches, instances, most, whole: scan.whole })
}

fn inotify(facts: &InotifyFacts) -> Found {
    let (uid, used) = facts.most.unwrap_or_default();
    let partly = if facts.whole { "" } else { " (of the processes that may be seen)" };
    let said = format!(
        "user {uid} has {} of {} instances and {} of {} watches{partly}",
        used.instances, facts.instances, used.watches, facts.watches
    );
    let near = |used: u64, limit: u64| used * 10 >= limit * 8;
    let mut more = Vec::new();
    if near(used.instances, facts.instances) {
        more.push(format!("fs.inotify.max_user_instances={}", (facts.instances * 4).max(1024)));
    }
    if near(used.watches, facts.watches) {
        more.push(format!("fs.inotify.max_user_watches={}", (facts.watches * 4).max(524_288)));
    }
    if more.is_empty() {
        return Found::ok(said);
    }
    let lines = more.join(r"\n");
    Found::warn(format!(
        "{said}: programs that watch files will soon fail with \"too many open files\" or \"no space left on device\""
    ))
    .mend("raise the limits; containers of one user share them")
    .by(format!(r"printf '{lines}\n' | sudo tee /etc/sysctl.d/60-inotify.conf && sudo sysctl --system"))
}

#[derive(Default)]
struct FilesFacts {
    /// What the kernel has open, and may have.
    all: Option<(u64, u64)>,
    /// What this process may have open.
    own: Option<u64>,
    /// What the engine may have open.
    engine: Option<u64>,
    /// What the engine has open.
    used: Option<u64>,
}

async fn files_of(scene: &Scene) -> Found {
    if let Err(why) = scene.here().await {
        return Found::skipped(why);
    }
    let machine = &scene.machine;
    let daemons = &scene.scan().await.daemons;
    let daemon = match &daemons[..] {
        // With several it is not known which is which.
        [(process, _)] if process.name == "dockerd" => Some(process.pid.to_string()),
        _ => None,
    };
    let used = scene.info().await.ok().and_then(|known| known.raw["NFd"].as_u64()).filter(|n| *n > 0);
    let numbers = machine.read("/proc/sys/fs/file-nr").unwrap_or_default();
    let mut numbers = numbers.split_whitespace().filter_map(|n| n.parse().ok());
    files(&FilesFacts {
        all: numbers.next().zip(numbers.nth(1)),
        own: limit(machine, "self"),
        engine: daemon.and_then(|pid| limit(machine, &pid)),
        used,
    })
}

/// How many files a process may have open.
fn limit(machine: &Machine, pid: &str) -> Option<u64> {
    open_files(&machine.read(&format!("/proc/{pid}/limits"))?)
}

fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

fn files(facts: &FilesFacts) -> Found {
    let number = |n: u64| if n > 1 << 40 { "no limit".to_owned() } else { n.to_string() };
    let mut parts = Vec::new();
    if let Some((open, most)) = facts.all {
        parts.push(format!("{open} of {} open on this machine", number(most)));
    }
    match (facts.used, facts.engine) {
        (Some(used), Some(most)) => parts.push(format!("the engine has {used} of {}", number(most))),
        (None, Some(most)) => parts.push(format!("the engine may open {}", number(most))),
        _ => {}
    }
    if let Some(own) = facts.own {
        parts.push(format!("ondeck may open {}", number(own)));
    }
    if parts.is_empty() {
        return Found::skipped("the kernel does not say");
    }
    let said = parts.join("; ");
    let near = |used: u64, most: u64| used.saturating_mul(10) >= most.saturating_mul(8);
    if facts.all.is_some_and(|(open, most)| near(open, most)) {
        return Found::fail(said)
            .mend("nothing can open files soon: find who holds so many, and raise the limit")
            .by("sudo sysctl -w fs.file-max=2097152");
    }
    if facts.used.zip(facts.engine).is_some_and(|(used, most)| near(used, most)) {
        return Found::fail(said)
            .mend("the engine will soon start nothing: raise LimitNOFILE in its unit, then restart it")
            .by("sudo systemctl edit docker");
    }
    if facts.engine.is_some_and(|most| most < 4096) {
        return Found::warn(said)
            .mend("that is little for an engine with many containers: raise LimitNOFILE in its unit")
            .by("sudo systemctl edit docker");
    }
    if facts.own.is_some_and(|own| own < 512) {
        return Found::warn(said).mend("that is little for a panel with many logs open").by("ulimit -n 4096");
    }
    Found::ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    #[test]
    fn limits_of_watches_are_told_before_they_are_reached() {
        let mut facts = InotifyFacts { watches: 8192, instances: 128, whole: true, ..InotifyFacts::default() };
        facts.most = Some((0, Watches { instances: 20, watches: 100 }));
        assert_eq!(inotify(&facts), Found::ok("user 0 has 20 of 128 instances and 100 of 8192 watches"));
        facts.most = Some((0, Watches { instances: 120, watches: 100 }));
        let found = inotify(&facts);
        assert_eq!(found.outcome, Outcome::Warn);
        let command = found.fix.and_then(|f| f.command).unwrap_or_default();
        assert!(command.starts_with(r"printf 'fs.inotify.max_user_instances=1024\n' | sudo tee"), "{command}");
        facts.most = Some((0, Watches { instances: 128, watches: 8000 }));
        assert!(inotify(&facts).fix.and_then(|f| f.command).is_some_and(|c| c.contains("max_user_watches=524288")));
        (facts.most, facts.whole) = (None, false);
        assert!(inotify(&facts).evidence.ends_with("(of the processes that may be seen)"));
    }

    #[test]
    fn limits_of_files_are_told_before_they_are_reached() {
        let limits = "Limit    Soft Limit   Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(open_files("Max open files            unlimited            unlimited  files"), Some(u64::MAX));
        let fine =
            || FilesFacts { all: Some((500, 2_000_000)), own: Some(1024), engine: Some(u64::MAX), used: Some(27) };
        assert_eq!(
            files(&fine()),
            Found::ok("500 of 2000000 open on this machine; the engine has 27 of no limit; ondeck may open 1024")
        );
        assert_eq!(files(&FilesFacts { all: Some((900, 1000)), ..fine() }).outcome, Outcome::Fail);
        assert_eq!(files(&FilesFacts { engine: Some(30), ..fine() }).outcome, Outcome::Fail);
        assert_eq!(files(&FilesFacts { engine: Some(1024), ..fine() }).outcome, Outcome::Warn);
        assert_eq!(files(&FilesFacts { own: Some(256), ..fine() }).outcome, Outcome::Warn);
        assert_eq!(files(&FilesFacts::default()).outcome, Outcome::Skipped);
    }
}
