//! Images built on a real engine, by both builders: steps, cache, failures, what is sent, and how a build is ended.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use common::docker::{IMAGE, OwnEngine, unique};
use common::live::{Made, endpoint, endpoint_at, until};
use jiff::Timestamp;
use ondeck::builds::{
    Build, BuildAsk, BuildEvent, BuildState, Builder, Built, Context, Ended, Failure, Source, StepPlace, StepState,
    compare,
};
use ondeck::dockerfile::ignore::Rules;
use ondeck::engine::Engine;
use tokio::sync::Notify;

const BOTH: [Builder; 2] = [Builder::BuildKit, Builder::Classic];

/// A folder to build from, and the images that were built from it.
struct Yard {
    dir: tempfile::TempDir,
    made: Made,
    engine: Engine,
}

impl Yard {
    fn new(test: &str) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), made: Made::new(test), engine: Engine::connect(&endpoint()).unwrap() }
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        write(self.dir.path(), path, content.as_ref());
        self
    }

    fn ask(&self, builder: Builder) -> BuildAsk {
        BuildAsk {
            tag: self.made.tag.clone(),
            labels: BTreeMap::from([("dev.ondeck.test".into(), self.made.tag.clone())]),
            builder: Some(builder),
            ..BuildAsk::default()
        }
    }

    fn source(&self) -> Source {
        Source::Dir(self.dir.path().to_owned())
    }

    async fn run(&self, ask: &BuildAsk) -> (Build, Ended) {
        run(&self.engine, &self.source(), ask).await
    }

    async fn built(&self, ask: &BuildAsk) -> (Build, Built) {
        match self.run(ask).await {
            (build, Ended::Built(built)) => (build, *built),
            (build, other) => panic!("not built: {other:#?}\n{build:#?}"),
        }
    }

    async fn failed(&self, ask: &BuildAsk) -> (Build, Failure) {
        match self.run(ask).await {
            (build, Ended::Failed(failure)) => (build, *failure),
            (build, other) => panic!("not failed: {other:#?}\n{build:#?}"),
        }
    }

    /// What a command prints in a container of the image.
    fn in_image(&self, command: &[&str]) -> String {
        let tag = self.made.tag.clone();
        let label = self.made.label();
        self.made.docker(&[&["run", "--rm", "--network=none", "--label", &label, &tag], command].concat())
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let filter = format!("label={}", self.made.label());
        for _ in 0..3 {
            let ids = self.made.attempt(&["images", "-aq", "--filter", &filter]).unwrap_or_default();
            let ids: BTreeSet<&str> = ids.lines().collect();
            if ids.is_empty() {
                return;
            }
            let ids: Vec<&str> = ids.into_iter().collect();
            let _ = self.made.attempt(&[&["rmi", "-f"], &ids[..]].concat());
        }
    }
}

fn write(dir: &Path, path: &str, content: &[u8]) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

async fn run(engine: &Engine, source: &Source, ask: &BuildAsk) -> (Build, Ended) {
    let mut build = Build::new(Timestamp::now());
    let tell = |event| build.take(event, Timestamp::now());
    let whole = ondeck::builds::build(engine, source, ask, tell, std::future::pending());
    let ended = tokio::time::timeout(common::live::PATIENCE, whole).await.expect("the build ends");
    (build, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_builders_build_in_stages_and_again_out_of_their_cache() {
    for builder in BOTH {
        let yard = Yard::new("stages");
        let salt = unique("salt");
        yard.file(
            "Dockerfile",
            format!(
                "FROM {IMAGE} AS base\nRUN echo {salt}; echo to-err >&2; head -c 100000 /dev/zero > /filled\n\
                 FROM base\nCOPY app/ /app/\nENV A=1\nRUN cat /app/x && printf 'one\\rtwo\\n'\nCMD [\"cat\", \"/app/x\"]\n"
            ),
        );
        yard.file("app/x", "content\n");
        let (build, first) = yard.built(&yard.ask(builder)).await;
        assert_eq!(yard.in_image(&[]), "content");
        assert_eq!(build.state, BuildState::Done(Box::new(first.clone())));
        assert_eq!((build.context.as_ref().unwrap().files, build.builder), (2, Some(builder)));
        assert!(build.sent > 0);
        let runs: Vec<_> = build.instructions().filter(|s| s.name.starts_with("RUN")).collect();
        assert_eq!(runs.len(), 2, "{build:#?}");
        assert!(runs.iter().all(|s| s.state == StepState::Done && s.took(Timestamp::now()).is_some()), "{runs:#?}");
        let lines: BTreeSet<(String, bool)> = runs[0].output.lines().map(|l| (l.text, l.stderr)).collect();
        assert_eq!(lines, BTreeSet::from([(salt.clone(), false), ("to-err".into(), true)]));
        assert_eq!(runs[1].output.last(9), ["content", "two"]);
        match (builder, runs[0].at.clone().unwrap()) {
            (Builder::BuildKit, StepPlace::Stage { stage, number, of }) => {
                assert_eq!((stage.as_str(), number, of), ("base", 2, 2));
            }
            (Builder::Classic, StepPlace::Classic { number, of }) => assert_eq!((number, of), (2, 7)),
            other => panic!("{other:?}"),
        }
        let filled = first.layers.iter().find(|l| l.size >= 100_000 && l.created_by.contains(&salt)).unwrap();
        assert_eq!(filled.step.as_deref(), Some(runs[0].key.as_str()), "{first:#?}");
        assert!(filled.digest.is_some() && first.size > 100_000 && first.image.starts_with("sha256:"));

        let (build, again) = yard.built(&yard.ask(builder)).await;
        let states: Vec<_> = build.instructions().filter(|s| s.name.starts_with("RUN")).map(|s| s.state).collect();
        assert_eq!(states, [StepState::Cached, StepState::Cached], "{build:#?}");
        assert!(again.cached.0 >= 3 && again.image == first.image && again.replaced.is_none(), "{again:#?}");
        assert_eq!(compare(&first, &again).new, [0_usize; 0]);

        yard.file("app/x", "changed, and longer\n");
        let (_, third) = yard.built(&yard.ask(builder)).await;
        let difference = compare(&first, &third);
        assert_eq!(third.replaced.as_deref(), Some(first.image.as_str()));
        assert_eq!(difference.size, 12, "{third:#?}");
        assert!(
            !difference.new.is_empty() && difference.new.len() == difference.gone.len(),
            "{difference:?} {third:#?}"
        );
        assert!(difference.reused.iter().any(|n| third.layers[*n].created_by.contains(&salt)));
        yard.made.docker(&["rmi", "-f", &first.image]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_which_step_and_why() {
    for builder in BOTH {
        let yard = Yard::new("fails");
        let mut ask = yard.ask(builder);
        yard.file("Dockerfile", format!("FROM {IMAGE} AS base\nFROM base\nRUN true\nRUN echo almost; exit 3\n"));
        let (build, failure) = yard.failed(&ask).await;
        assert_eq!((failure.exit_code, failure.last.clone()), (Some(3), vec!["almost".to_owned()]), "{failure:#?}");
        assert_eq!(build.failed_step().map(|s| s.key.clone()), failure.step, "{build:#?}");
        match failure.at.unwrap() {
            StepPlace::Stage { stage, number, of } => assert_eq!((stage.as_str(), number, of), ("stage-1", 2, 2)),
            StepPlace::Classic { number, of } => assert_eq!((number, of), (4, 4)),
        }
        assert!(failure.message.contains("RUN echo almost; exit 3 ended with exit code 3"), "{}", failure.message);

        yard.file("Dockerfile", format!("FROM {IMAGE}\nRUN no-such-command\n"));
        let (_, failure) = yard.failed(&ask).await;
        assert!(failure.exit_code == Some(127) && failure.hint.contains("not found"), "{failure:#?}");

        yard.file("Dockerfile", format!("FROM {IMAGE}\n\nRUNN x\n"));
        let (_, failure) = yard.failed(&ask).await;
        assert_eq!(failure.line, Some(3), "{failure:#?}");
        assert!(failure.message.starts_with("line 3 of the Dockerfile: unknown instruction: RUNN"), "{failure:#?}");

        yard.file("Dockerfile", format!("FROM {IMAGE}\nCOPY data/secret.txt /x\n"));
        yard.file("data/secret.txt", "x").file(".dockerignore", "# not this\n**/*.txt\n");
        let (_, failure) = yard.failed(&ask).await;
        assert!(failure.message.contains("COPY does not find data/secret.txt"), "{failure:#?}");
        assert_eq!(failure.hint, "line 2 of .dockerignore leaves it out");
        yard.file("Dockerfile", format!("FROM {IMAGE}\nCOPY Data/Other /x\n")).file("data/other", "");
        let (_, failure) = yard.failed(&ask).await;
        assert!(failure.hint.contains("there is data/other"), "{failure:#?}");

        yard.file("Dockerfile", "FROM ondeck-test.invalid/nothing:1\nRUN x\n");
        let (_, failure) = yard.failed(&ask).await;
        assert!(
            failure.message.contains("the image ondeck-test.invalid/nothing:1 is not on this engine"),
            "{failure:#?}"
        );

        yard.file("Dockerfile", format!("FROM {IMAGE}\nRUN true\n"));
        ask.target = Some("nosuch".into());
        let (_, failure) = yard.failed(&ask).await;
        assert!(failure.message.contains("nosuch"), "{failure:#?}");
        ask.target = None;
        ask.dockerfile = "Elsewhere".into();
        let (_, failure) = yard.failed(&ask).await;
        assert!(failure.message.contains("there is no Elsewhere"), "{failure:#?}");
        yard.file("Dockerfile.empty", "# nothing\n");
        ask.dockerfile = "Dockerfile.empty".into();
        let (_, failure) = yard.failed(&ask).await;
        assert!(!failure.message.is_empty(), "{failure:#?}");
        eprintln!("{builder}: {failure}");
        yard.file(".dockerignore", "ok\n[a\n");
        let (_, failure) = yard.failed(&ask).await;
        assert!(failure.message.starts_with("line 2 of .dockerignore:"), "{failure:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_arrives() {
    for builder in BOTH {
        let yard = Yard::new("asked");
        yard.file(
            "docker/Dockerfile.dev",
            format!("FROM {IMAGE} AS first\nARG WORD=none\nRUN echo $WORD > /word\nFROM first\nRUN exit 9\n"),
        );
        let ask = BuildAsk {
            dockerfile: "docker/Dockerfile.dev".into(),
            target: Some("first".into()),
            args: BTreeMap::from([("WORD".into(), "a b&c=\"d\"".into())]),
            ..yard.ask(builder)
        };
        yard.built(&ask).await;
        assert_eq!(yard.in_image(&["cat", "/word"]), "a b&c=\"d\"");
        let (build, _) = yard.built(&BuildAsk { no_cache: true, ..ask }).await;
        let run = build.instructions().find(|s| s.name.starts_with("RUN")).unwrap();
        assert_eq!(run.state, StepState::Done, "{build:#?}");
    }
}

/// Processes of this machine whose command line has `mark`.
fn processes(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(mark) && !line.starts_with("docker") {
            found.push(line);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_build_leaves_nothing_running() {
    for builder in BOTH {
        for dropped in [false, true] {
            let yard = Yard::new("cancel");
            let mark = unique("sleeper").replace('-', "x");
            yard.file("Dockerfile", format!("FROM {IMAGE}\nRUN echo begun; : {mark}; while :; do sleep 1; done\n"));
            let begun = Notify::new();
            let build = Mutex::new(Build::new(Timestamp::now()));
            let tell = |event: BuildEvent| {
                if matches!(&event, BuildEvent::Output { bytes, .. } if bytes.starts_with(b"begun")) {
                    begun.notify_one();
                }
                build.lock().unwrap().take(event, Timestamp::now());
            };
            let (source, ask) = (yard.source(), yard.ask(builder));
            if dropped {
                let whole = ondeck::builds::build(&yard.engine, &source, &ask, tell, std::future::pending());
                tokio::select! {
                    ended = whole => panic!("{ended:?}"),
                    () = begun.notified() => assert!(!processes(&mark).is_empty()),
                }
            } else {
                let seen = async {
                    begun.notified().await;
                    assert!(!processes(&mark).is_empty());
                };
                let ended = ondeck::builds::build(&yard.engine, &source, &ask, tell, seen).await;
                assert_eq!(ended, Ended::Cancelled);
                let build = build.lock().unwrap();
                assert_eq!(build.state, BuildState::Cancelled);
                let run = build.instructions().last().unwrap();
                assert_eq!((run.state, run.ended.is_some()), (StepState::Cancelled, true), "{build:#?}");
            }
            until("the build's processes are gone", async || match processes(&mark) {
                left if left.is_empty() => Ok(()),
                left => Err(format!("{left:?}")),
            })
            .await;
            until("the build's containers are gone", async || {
                let left = yard.made.docker(&["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Command}}"]);
                if left.contains(&mark) { Err(left) } else { Ok(()) }
            })
            .await;
            assert_eq!(yard.made.docker(&["images", "-q", &yard.made.tag]), "", "no image came of it");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_output_is_bounded_and_can_be_ended() {
    for builder in BOTH {
        let yard = Yard::new("endless");
        let mark = unique("y").replace('-', "x");
        yard.file("Dockerfile", format!("FROM {IMAGE}\nRUN : {mark}; yes; true\n"));
        let enough = Notify::new();
        let build = Mutex::new((Build::new(Timestamp::now()), 0));
        let tell = |event: BuildEvent| {
            let mut build = build.lock().unwrap();
            if let BuildEvent::Output { bytes, .. } = &event {
                build.1 += bytes.len();
            }
            build.0.take(event, Timestamp::now());
            // BuildKit itself stops passing on what a step prints after a hundred kilobytes.
            if build.1 > 30_000 {
                enough.notify_one();
            }
        };
        let (source, ask) = (yard.source(), yard.ask(builder));
        let whole = ondeck::builds::build(&yard.engine, &source, &ask, tell, enough.notified());
        assert_eq!(tokio::time::timeout(common::live::PATIENCE, whole).await.unwrap(), Ended::Cancelled);
        let build = build.lock().unwrap();
        let run = build.0.instructions().last().unwrap();
        assert!(run.output.len() <= 4001 && run.output.dropped() > 0, "{} {}", run.output.len(), run.output.dropped());
        until("yes is gone", async || match processes(&mark) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_vanishes_ends_the_build_with_words() {
    for builder in BOTH {
        let own = OwnEngine::start();
        let engine = Engine::connect(&endpoint_at(&own.address)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "Dockerfile", format!("FROM {IMAGE}\nRUN echo begun; sleep 1000\n").as_bytes());
        let mut begun = false;
        let own = Mutex::new(Some(own));
        let mut build = Build::new(Timestamp::now());
        let tell = |event: BuildEvent| {
            if matches!(&event, BuildEvent::Output { bytes, .. } if bytes.starts_with(b"begun")) {
                begun = true;
                tokio::task::block_in_place(|| own.lock().unwrap().as_ref().unwrap().stop());
            }
            build.take(event, Timestamp::now());
        };
        let ask = BuildAsk { builder: Some(builder), network: Some("none".into()), ..BuildAsk::default() };
        let source = Source::Dir(dir.path().to_owned());
        let whole = ondeck::builds::build(&engine, &source, &ask, tell, std::future::pending());
        let ended = tokio::time::timeout(common::live::PATIENCE, whole).await.unwrap();
        let Ended::Failed(failure) = ended else { panic!("{ended:?}") };
        assert!(begun && !failure.message.is_empty(), "{failure:#?} {build:#?}");
        assert!(matches!(build.state, BuildState::Failed(_)));
        eprintln!("{builder}: {failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ignored_stays_and_what_is_large_is_named() {
    for builder in BOTH {
        let yard = Yard::new("large");
        yard.file("Dockerfile", format!("FROM {IMAGE}\nCOPY . /ctx/\n")).file("keep/a", "a").file("keep/b.log", "b");
        yard.file(".dockerignore", "**/*.log\n!keep/b.log\nbig/ignored\n").file("noise.log", "x");
        yard.file("big/ignored/much", vec![0; 30 << 20]).file("big/data/much.bin", vec![0; 60 << 20]);
        std::fs::set_permissions(yard.dir.path().join("keep/a"), PermissionsExt::from_mode(0o751)).unwrap();
        std::os::unix::fs::symlink("a", yard.dir.path().join("keep/link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(yard.dir.path().join("keep/socket")).unwrap();
        let (build, built) = yard.built(&yard.ask(builder)).await;
        let listed = "cd /ctx && find . -type f -o -type l | sort; stat -c '%a %u:%g' keep/a; readlink keep/link";
        assert_eq!(
            yard.in_image(&["sh", "-c", listed]),
            "./.dockerignore\n./Dockerfile\n./big/data/much.bin\n./keep/a\n./keep/b.log\n./keep/link\n751 0:0\na"
        );
        let seen = build.context.unwrap();
        assert_eq!((seen.files, seen.ignored), (6, 2), "{seen:#?}");
        assert_eq!(seen.largest[0], ("big/data".to_owned(), 60 << 20));
        assert!(build.sent > 60 << 20 && build.sent < 61 << 20, "{}", build.sent);
        let told = build.notes.join("\n");
        assert!(told.contains("has 60M in 6 files: big/data (60M)"), "{told}");
        assert!(told.contains("a line big/data in .dockerignore leaves it out"), "{told}");
        assert!(told.contains("keep/socket is a socket and cannot be sent"), "{told}");
        assert!(built.size > 60 << 20);
    }
}
