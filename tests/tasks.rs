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
        let service = |waits: &str| {
            format!(
                "    image: debian:bookworm-slim\n    init: true\n    network_mode: none\n    command: [\"sleep\", \"infinity\"]\n{waits}"
            )
        };
        let text = format!(
            "services:\n  web:\n{}  api:\n{}  db:\n{}    volumes: [\"data:/data\"]\nvolumes:\n  data: {{}}\n",
            service("    depends_on: [api]\n"),
            service("    depends_on: [db]\n"),
            service("")
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
    let task = bench.run(Job::Stack { verb: StackVerb::Restart, stack: stack.clone() }).await;
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
