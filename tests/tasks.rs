//! Jobs on a real engine, with a real compose.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::live::{Made, endpoint, seen, watch};
use ondeck::engine::ErrorKind;
use ondeck::fleet::{Host, Stack};
use ondeck::tasks::{Job, Named, Outcome, Runner, StackVerb, Task, TaskEvent, TaskId, Tasks, Verb};
use tokio::sync::mpsc;

struct Bench {
    runner: Runner,
    events: mpsc::UnboundedReceiver<TaskEvent>,
    tasks: Tasks,
    host: Host,
}

impl Bench {
    fn new() -> Self {
        let host = watch(&endpoint());
        let (tx, events) = mpsc::unbounded_channel();
        Self { runner: Runner::new(host.engine().clone(), tx), events, tasks: Tasks::default(), host }
    }

    async fn ended(&mut self, id: TaskId) -> Task {
        while self.tasks.get(id).is_none_or(|t| t.outcome.is_none()) {
            let event = self.events.recv().await.unwrap();
            self.tasks.apply(event);
        }
        self.tasks.get(id).unwrap().clone()
    }

    async fn run(&mut self, job: Job) -> Task {
        let id = self.runner.run(job);
        self.ended(id).await
    }
}

fn named(id: &str, name: &str) -> Named {
    Named { id: id.into(), name: name.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_containers_at_once_one_of_them_gone() {
    let made = Made::new("jobs");
    let mut bench = Bench::new();
    let ids: Vec<String> =
        (0..3).map(|n| made.run(&n.to_string(), &["--network", "none", "--init"], &["sleep", "infinity"])).collect();
    let mut on: Vec<Named> = ids.iter().map(|id| named(id, id)).collect();
    let task = bench.run(Job::Containers { verb: Verb::Pause, on: on.clone() }).await;
    assert!(matches!(&task.outcome, Some(Outcome::Done(s)) if s.starts_with("paused 3 containers")), "{task:?}");
    bench.run(Job::Containers { verb: Verb::Unpause, on: on.clone() }).await;
    on.push(named("ondeck-never-was", "ghost"));
    let task = bench.run(Job::Containers { verb: Verb::Kill { signal: "SIGTERM".into() }, on: on.clone() }).await;
    let Some(Outcome::Partly { done: 3, failed }) = &task.outcome else { panic!("{task:?}") };
    assert_eq!((failed[0].0.as_str(), failed[0].1.kind), ("ghost", ErrorKind::NotFound));
    assert!(task.lines.iter().any(|l| l == "ghost: it is not there any more"), "{:?}", task.lines);
    // What is gone already counts as removed.
    let task = bench.run(Job::Containers { verb: Verb::Remove { force: true, volumes: false }, on }).await;
    assert!(matches!(&task.outcome, Some(Outcome::Done(s)) if s.starts_with("removed 4 containers")), "{task:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_refused_in_words_and_a_free_one_taken() {
    let made = Made::new("rename");
    let mut bench = Bench::new();
    let id = made.run("a", &["--network", "none"], &["true"]);
    made.run("b", &["--network", "none"], &["true"]);
    let rename = |to: String| Job::Rename { container: named(&id, "a"), to };
    let task = bench.run(rename(made.name("b"))).await;
    let Some(Outcome::Failed(error)) = &task.outcome else { panic!("{task:?}") };
    assert!(error.kind == ErrorKind::Conflict && error.message.contains("already in use"), "{error}");
    bench.run(rename(made.name("c"))).await;
    assert_eq!(made.docker(&["inspect", "-f", "{{.Name}}", &id]), format!("/{}", made.name("c")));
}

/// A project of three services that wait for each other, gone when the test ends.
struct Project {
    name: String,
    dir: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let service =
            |more: &str| format!("    image: debian:bookworm-slim\n    init: true\n    network_mode: none\n{more}");
        let sleep = "    command: [sleep, infinity]\n";
        // Healthy a while after each start.
        let db = "    command: [sh, -c, 'rm -f /up; sleep 2; touch /up; sleep infinity']\n    healthcheck: {test: [CMD, test, -e, /up], interval: 500ms, retries: 60}\n";
        let text = format!(
            "services:\n  web:\n{}  api:\n{}  db:\n{}    volumes: [\"data:/data\"]\nvolumes:\n  data: {{}}\n",
            service(&format!("{sleep}    depends_on: [api]\n")),
            service(&format!("{sleep}    depends_on: {{db: {{condition: service_healthy}}}}\n")),
            service(db)
        );
        std::fs::write(dir.path().join("compose.yaml"), text).unwrap();
        Self { name: common::docker::unique("project"), dir }
    }

    fn stack(&self) -> Stack {
        let dir: &Path = self.dir.path();
        Stack {
            name: self.name.clone(),
            working_dir: Some(dir.to_owned()),
            config_files: vec!["compose.yaml".into()],
            ..Stack::default()
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let label = format!("label=com.docker.compose.project={}", self.name);
        for (list, remove) in [("ps -aq", "rm -f"), ("network ls -q", "network rm"), ("volume ls -q", "volume rm")] {
            let script = format!("docker {list} --filter {label} | xargs -r docker {remove}");
            let _ = std::process::Command::new("sh").arg("-c").arg(script).output();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_goes_up_restarts_in_order_and_goes_down_without_its_file() {
    let project = Project::new();
    let mut bench = Bench::new();
    let task = bench.run(Job::Stack { verb: StackVerb::Up, stack: project.stack() }).await;
    assert!(matches!(task.outcome, Some(Outcome::Done(_))), "{task:?}");
    let whole = |s: &ondeck::fleet::Snapshot| {
        s.stack(&project.name).filter(|s| s.containers().filter(|c| c.state.is_up()).count() == 3).cloned()
    };
    let stack = seen(&bench.host, "the stack", whole).await;
    let db = stack.services.iter().find(|s| s.name == "db").unwrap().containers[0].clone();
    let id = bench.runner.run(Job::Stack { verb: StackVerb::Restart, stack: stack.clone() });
    let waiting = format!("waiting for {} to be healthy", db.name);
    while bench.tasks.get(id).is_none_or(|t| t.progress.2 != waiting) {
        let event = bench.events.recv().await.unwrap();
        bench.tasks.apply(event);
        assert!(bench.tasks.get(id).is_none_or(|t| t.outcome.is_none()), "it did not wait: {:?}", bench.tasks.get(id));
    }
    let task = bench.ended(id).await;
    assert!(matches!(&task.outcome, Some(Outcome::Done(s)) if s.starts_with("restarted 3 containers")), "{task:?}");
    let mut started = Vec::new();
    for name in ["db", "api", "web"] {
        let id = &stack.services.iter().find(|s| s.name == name).unwrap().containers[0].id;
        started.push(bench.host.engine().inspect(id).await.unwrap().container.started.unwrap());
    }
    assert!(started.is_sorted(), "{started:?}");
    // Its file is gone: up says so, down works all the same.
    std::fs::remove_file(project.dir.path().join("compose.yaml")).unwrap();
    let task = bench.run(Job::Stack { verb: StackVerb::Up, stack: stack.clone() }).await;
    assert!(
        matches!(&task.outcome, Some(Outcome::Failed(e)) if e.message.contains("compose.yaml") && e.hint.contains("down")),
        "{task:?}"
    );
    let task = bench.run(Job::Stack { verb: StackVerb::Down, stack }).await;
    assert!(matches!(task.outcome, Some(Outcome::Done(_))), "{task:?}");
    let gone = |s: &ondeck::fleet::Snapshot| s.stack(&project.name).is_none().then_some(());
    seen(&bench.host, "the stack gone", gone).await;
    // Data stays.
    let volumes = bench.host.engine().volumes().await.unwrap();
    assert!(volumes.iter().any(|v| v.labels.get("com.docker.compose.project") == Some(&project.name)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_command_ends_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("pid");
    let mut bench = Bench::new();
    let command =
        format!("sleep 1000 & echo $! > {0}.tmp; mv {0}.tmp {0}; echo \"\x1b[2Jready\"; wait", mark.display());
    let id = bench.runner.run(Job::Custom { name: "wait".into(), command });
    while !bench.tasks.get(id).is_some_and(|t| t.lines.iter().any(|l| l == "ready")) {
        let event = bench.events.recv().await.unwrap();
        bench.tasks.apply(event);
    }
    let pid = std::fs::read_to_string(&mark).unwrap();
    bench.runner.cancel(id);
    assert_eq!(bench.ended(id).await.outcome, Some(Outcome::Cancelled));
    let alive = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    common::live::until("the child's end", async || if alive() { Err("it lives".to_owned()) } else { Ok(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_also_when_it_is_not_the_container() {
    let made = Made::new("netless");
    let mut bench = Bench::new();
    let network = made.name("net");
    made.docker(&["network", "create", "--label", &made.label(), &network]);
    let id = made.run("a", &["--network", &network], &["true"]);
    made.docker(&["wait", &id]);
    made.docker(&["network", "rm", &network]);
    let task = bench.run(Job::Containers { verb: Verb::Start, on: vec![named(&id, "a")] }).await;
    let Some(Outcome::Failed(error)) = &task.outcome else { panic!("{task:?}") };
    assert!(error.message.contains("network"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_off_container_is_not_run_again_with_its_stack() {
    let made = Made::new("oneoff");
    let mut bench = Bench::new();
    let labels = |oneoff: &str| {
        [
            format!("com.docker.compose.project={}", made.tag),
            "com.docker.compose.service=web".to_owned(),
            format!("com.docker.compose.oneoff={oneoff}"),
        ]
    };
    let run = |name: &str, oneoff: &str, command: &[&str]| {
        let [a, b, c] = labels(oneoff);
        made.run(name, &["--network", "none", "--init", "--label", &a, "--label", &b, "--label", &c], command)
    };
    let web = run("web", "False", &["sleep", "infinity"]);
    let migrate = run("migrate", "True", &["true"]);
    made.docker(&["wait", &migrate]);
    let started = |id: &str| made.docker(&["inspect", "-f", "{{.State.StartedAt}}", id]);
    let (first, ran) = (started(&web), started(&migrate));
    let stack =
        seen(&bench.host, "both containers", |s| s.stack(&made.tag).filter(|s| s.containers().count() == 2).cloned())
            .await;
    for verb in [StackVerb::Restart, StackVerb::Start] {
        let task = bench.run(Job::Stack { verb, stack: stack.clone() }).await;
        assert!(matches!(&task.outcome, Some(Outcome::Done(s)) if s.contains("1 container ")), "{task:?}");
    }
    assert_ne!(started(&web), first);
    assert_eq!(started(&migrate), ran);
    // Down takes all with it, also what somebody else removed meanwhile.
    made.docker(&["rm", "-f", &web]);
    let task = bench.run(Job::Stack { verb: StackVerb::Down, stack }).await;
    assert!(matches!(task.outcome, Some(Outcome::Done(_))), "{task:?}");
    assert!(made.attempt(&["inspect", &migrate]).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_will_not_end_is_made_to() {
    let mut bench = Bench::new();
    let command = "trap '' TERM; sleep 1000 & echo pid $!; wait; wait";
    let id = bench.runner.run(Job::Custom { name: "stubborn".into(), command: command.into() });
    let pid = loop {
        let event = bench.events.recv().await.unwrap();
        bench.tasks.apply(event);
        let said =
            bench.tasks.get(id).and_then(|t| t.lines.iter().find_map(|l| l.strip_prefix("pid ").map(str::to_owned)));
        if let Some(pid) = said {
            break pid;
        }
    };
    bench.runner.cancel(id);
    assert_eq!(bench.ended(id).await.outcome, Some(Outcome::Cancelled));
    let alive = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    common::live::until("the child's end", async || if alive() { Err("it lives".to_owned()) } else { Ok(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_an_end_is_cut() {
    let mut bench = Bench::new();
    let command = "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo 10%; printf '20%%\\r30%%\\n'";
    let task = bench.run(Job::Custom { name: "long".into(), command: command.into() }).await;
    assert!(matches!(task.outcome, Some(Outcome::Done(_))), "{:?}", task.outcome);
    assert!(
        task.lines.iter().all(|l| l.len() <= 20_000),
        "{:?}",
        task.lines.iter().map(String::len).collect::<Vec<_>>()
    );
    assert_eq!(task.lines.back().map(String::as_str), Some("30%"));
    assert!(task.lines.len() < 10, "{}", task.lines.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_that_nobody_reads_waits_in_its_bounds() {
    let mut bench = Bench::new();
    let command = "seq 3000000; echo last".to_owned();
    let id = bench.runner.run(Job::Custom { name: "flood".into(), command });
    // Nothing is taken in while it runs: only its own end can add to what waits.
    common::live::until("its end", async || match bench.events.len() {
        3 => Ok(()),
        n => Err(format!("{n} events")),
    })
    .await;
    let task = bench.ended(id).await;
    assert_eq!(task.lines.back().map(String::as_str), Some("last"));
    assert_eq!((task.lines.len(), task.lines.len() + task.dropped), (2000, 3_000_001));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_left_something_behind_has_ended_all_the_same() {
    let mut bench = Bench::new();
    // It holds the output open for longer than the test would wait.
    let command = "sleep 100000 & echo $!; exit 3".to_owned();
    let task = bench.run(Job::Custom { name: "leaves".into(), command }).await;
    std::process::Command::new("kill").arg(&task.lines[0]).status().unwrap();
    assert!(matches!(&task.outcome, Some(Outcome::Failed(e)) if e.message.contains("ended with 3")), "{task:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn down_keeps_volumes_without_a_name_and_tells_of_networks_in_use() {
    let made = Made::new("down");
    let mut bench = Bench::new();
    let project = format!("com.docker.compose.project={}", made.tag);
    let network = made.name("net");
    made.docker(&["network", "create", "--label", &made.label(), "--label", &project, &network]);
    let labels = ["--label", &project, "--label", "com.docker.compose.service=db", "--init"];
    let id =
        made.run("db", &[&labels[..], &["--network", &network, "--volume", "/data"]].concat(), &["sleep", "infinity"]);
    made.run("guest", &["--network", &network, "--init"], &["sleep", "infinity"]);
    let volume = made.docker(&["inspect", "-f", "{{(index .Mounts 0).Name}}", &id]);
    let stack = seen(&bench.host, "the stack", |s| s.stack(&made.tag).cloned()).await;
    let task = bench.run(Job::Stack { verb: StackVerb::Down, stack }).await;
    // Before anything may fail here: it has no label by which the test's own things are found.
    let kept = made.attempt(&["volume", "rm", &volume]);
    assert_eq!(kept, Ok(volume));
    let Some(Outcome::Partly { done: 1, failed }) = &task.outcome else { panic!("{task:?}") };
    assert_eq!((failed[0].0.as_str(), failed[0].1.kind), (format!("network {network}").as_str(), ErrorKind::Conflict));
    assert!(failed[0].1.message.contains("has active endpoints"), "{task:?}");
    assert!(made.attempt(&["inspect", &id]).is_err());
}
