//! Images built on a real engine, by both builders: steps, cache, failures, what is sent, and how a build is ended.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use common::docker::{IMAGE, OwnEngine, unique};
use common::live::{Made, endpoint, endpoint_at, until};
use jiff::Timestamp;
use ondeck::builds::{
    Build, BuildAsk, BuildEvent, BuildState, Builder, Built, Context, Ended, Failure, Source, StepPlace, StepState,
    Whether, compare,
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

/// What builders number: an image, a stage before, `scratch`, instructions that change nothing.
const FAILING: &[(&str, usize)] = &[
    ("FROM {} AS base\nWORKDIR /\nRUN echo a\nFROM base AS two\nENV A=b\nWORKDIR /x\nRUN exit 3\n", 7),
    ("FROM scratch AS empty\nCOPY Dockerfile /a\nFROM {}\nCOPY --from=empty /a /b\nRUN exit 3\n", 5),
    ("ARG V=1\nFROM {}\nARG Q\nRUN echo $Q\n\n# why\nRUN echo on && \\\n    exit 3\n", 7),
    ("FROM scratch\nCOPY nope /\n", 2),
    ("FROM {}\nRUN true\nFROM {}\nUSER 0\nRUN exit 3\n", 5),
    ("FROM {} AS Base\nRUN true\nfrom base\nworkdir /\nrun true\nCOPY nope /\n", 6),
    ("FROM {}\nWORKDIR /a\nWORKDIR /a\nWORKDIR b\nADD nope /\n", 5),
    (
        "FROM scratch AS none\nFROM none AS still\nCOPY Dockerfile /\nFROM {} AS last\nCOPY --from=still / /x\nRUN exit 3\n",
        6,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_line_that_failed_is_found_in_any_stage_by_both_builders() {
    let engine = Engine::connect(&endpoint()).unwrap();
    for builder in BOTH {
        for (text, line) in FAILING {
            let dir = tempfile::tempdir().unwrap();
            let text = text.replace("{}", IMAGE);
            write(dir.path(), "Dockerfile", text.as_bytes());
            let ask = BuildAsk { builder: Some(builder), no_cache: true, ..BuildAsk::default() };
            let (build, ended) = run(&engine, &Source::Dir(dir.path().to_owned()), &ask).await;
            let Ended::Failed(failure) = ended else { panic!("{builder:?}\n{text}{ended:?}") };
            let names: Vec<_> = build.steps.iter().map(|s| (&s.at, &s.name)).collect();
            let file = ondeck::dockerfile::parse(&text);
            let found = match failure.at.clone() {
                Some(StepPlace::Stage { stage, number, .. }) => file.buildkit_step(&stage, number),
                Some(StepPlace::Classic { number, .. }) => file.classic_step(number),
                None => failure.line,
            };
            assert_eq!(found, Some(*line), "{builder:?}\n{text}{failure:?}\n{names:#?}");
        }
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

/// Waits until a process with that mark is seen: one look at all processes may miss one.
async fn runs(mark: &str) {
    let end = tokio::time::Instant::now() + common::live::PATIENCE;
    while processes(mark).is_empty() {
        assert!(tokio::time::Instant::now() < end, "the step's process is never seen");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
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
                    () = async { begun.notified().await; runs(&mark).await } => {}
                }
            } else {
                let seen = async {
                    begun.notified().await;
                    runs(&mark).await;
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
        let (build, _) = build.into_inner().unwrap();
        let run = build.instructions().last().unwrap();
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

/// Odd paths: what patterns could take for something else.
const TREE: [&str; 60] = [
    "a",
    "b.txt",
    "README.md",
    "readme.md",
    "docs/README.md",
    "docs/a.md",
    "docs/deep/x.md",
    "docs/deep/er/y.txt",
    "src/main.rs",
    "src/lib.rs",
    "src/sub/mod.rs",
    "src/sub/keep.log",
    "keep.log",
    "log",
    ".log",
    "x.log",
    "logs/x.log",
    "logs/keep.log",
    "node_modules/m/index.js",
    "node_modules/m/keep",
    "app/node_modules/n/index.js",
    "app/node_modules2/x",
    "app/x y.txt",
    "app/[odd]",
    "app/st*r",
    "app/qu?stion",
    "app/back\\slash",
    "#hash",
    "!bang",
    "dir#/x",
    "a.b+c(d){e}$",
    "^caret",
    "temp",
    "tempa",
    "tempab",
    "x/temp",
    "x/tempor/y",
    "x/y/temp",
    "x/y/z/temp/w",
    ".git/config",
    ".git/objects/ab",
    ".gitignore",
    ".env",
    "sub/.env",
    "sub/deeper/.env.local",
    "sub/Dockerfile",
    "ä/ö.txt",
    "日本/語",
    "☺",
    "CAPS/File.TXT",
    "1",
    "2/3",
    "x1y",
    "b/c/d/e/f/g",
    "b/c/x",
    "build/out/a.o",
    "build/keep/a.o",
    "target/debug/x",
    "target/keep",
    "-dash",
];

const IGNORES: [&str; 31] = [
    "",
    "# nothing\n#hash\n",
    "*",
    "**",
    "*\n!src\n!docs/*.md",
    "**\n!src/sub",
    "*.md\n!README.md",
    "docs\n!docs/deep/er/y.txt\n",
    "docs/*\n!docs/README.md\n",
    "**/*.log\n!keep.log\n!**/keep.log",
    "logs\n!**/keep.log",
    "node_modules",
    "**/node_modules\n!node_modules/m/keep",
    "*/temp*\n*/*/temp*\ntemp?",
    "/a\n/x/\n//b//c\n./docs/./deep/../a.md",
    ".*\n!.gitignore",
    "**/.env*\n",
    "app/\\[odd\\]\napp/st\\*r\napp/qu\\?stion\napp/back\\\\slash",
    "\\#hash\n\\!bang\ndir#",
    "a.b+c(d){e}$\n^caret",
    "[a-c]*\n!b/c",
    "[^a-z]*",
    "x[0-9]y\n[12]",
    "ä\n日本/*\n?",
    "\u{feff}a\r\nsrc\r\n  docs  \r\n",
    "build/**\n!build/keep/**\ntarget/**\n!target/keep",
    "b/**/g\nb/**/x",
    "**/*.txt\n!app",
    "^*\n!app",
    "Dockerfile\n.dockerignore\n**/Dockerfile\n-dash",
    "*\n!b/c/d\nb/c/d/e\n!b/c/d/e/f",
];

fn plant(dir: &Path) {
    for path in TREE {
        write(dir, path, path.as_bytes());
    }
    std::fs::create_dir_all(dir.join("empty/er")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.join("src/dangling")).unwrap();
}

/// Names in an archive below a folder, without that of folders that have something in them.
fn listed(tar: &str) -> BTreeSet<String> {
    let names: BTreeSet<&str> = tar.lines().filter_map(|l| l.strip_prefix("ctx/")).filter(|n| !n.is_empty()).collect();
    let inner = |n: &str| n.ends_with('/') && names.iter().any(|other| other.len() > n.len() && other.starts_with(n));
    names.iter().filter(|n| !inner(n)).map(|n| (*n).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_files_arrive_as_by_dockers_own_command() {
    let yard = Yard::new("ignored");
    plant(yard.dir.path());
    yard.file("Dockerfile", "FROM scratch\nCOPY . /ctx/\nCMD [\"x\"]\n");
    let label = yard.made.label();
    let ask = yard.ask(Builder::Classic);
    let contents = |tag: &str| {
        let id = yard.made.docker(&["create", "--label", &label, tag]);
        let script = format!("docker -H {} export {id} | tar t --quoting-style=literal", endpoint().address);
        let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        yard.made.docker(&["rm", &id]);
        listed(&String::from_utf8(out.stdout).unwrap())
    };
    let dir = yard.dir.path().to_str().unwrap();
    let theirs = yard.made.name("theirs");
    for ignore in IGNORES {
        yard.file(".dockerignore", ignore);
        let built = std::process::Command::new("docker")
            .args(["-H", &endpoint().address.to_string(), "build", "--label", &label, "-t", &theirs, dir])
            .env("DOCKER_BUILDKIT", "0")
            .output()
            .unwrap();
        assert!(built.status.success(), "{ignore:?}: {}", String::from_utf8_lossy(&built.stderr));
        let (build, _) = yard.built(&ask).await;
        assert_eq!(contents(&yard.made.tag), contents(&theirs), "{ignore:?} {:?}", build.context);
    }
}

/// A session with a folder in its workspace.
struct Guest {
    engine: Engine,
    owner: String,
    session: ondeck::sessions::Session,
}

impl Guest {
    async fn start(dir: &Path) -> Self {
        use ondeck::config::{Sessions, Size};
        let config = Sessions { max: 100, budget: Some(Size(1 << 50)), memory: Size(600 << 20), ..Sessions::default() };
        let (engine, owner) = (Engine::connect(&endpoint()).unwrap(), unique("test-owner"));
        let spec = ondeck::sessions::Spec {
            images: vec![IMAGE.to_owned()],
            ..ondeck::sessions::Spec::new(&config, owner.clone())
        };
        let started = ondeck::sessions::start(&engine, &config, &spec, &|_| {}, std::future::pending()).await;
        let guest = Self { engine, owner, session: started.unwrap().unwrap() };
        let mut tar = tar::Builder::new(Vec::new());
        tar.follow_symlinks(false);
        tar.append_dir_all(".", dir).unwrap();
        let tar = tar.into_inner().unwrap();
        guest.engine.put_archive(&guest.session.container, "/workspace", tar).await.unwrap();
        guest
    }

    async fn told(&self, script: &str) -> String {
        use ondeck::engine::ExecAsk;
        let ask = ExecAsk { dir: Some("/workspace".into()), ..ExecAsk::of(["sh", "-c", script]) };
        let ran = tokio::time::timeout(common::live::PATIENCE, self.engine.exec_run(&self.session.container, &ask));
        let ran = ran.await.unwrap().unwrap();
        assert_eq!(ran.code, Some(0), "{script}: {}", String::from_utf8_lossy(&ran.err));
        String::from_utf8_lossy(&ran.out).into_owned()
    }

    fn inner(&self) -> Engine {
        Engine::connect(&self.session.endpoint(&endpoint())).unwrap()
    }

    fn source(&self) -> Source {
        Source::Container {
            engine: Box::new(self.engine.clone()),
            container: self.session.container.to_string(),
            dir: "/workspace".into(),
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let docker = |args: &[&str]| {
            let out = std::process::Command::new("docker").args(args).output().unwrap();
            String::from_utf8_lossy(&out.stdout).trim().to_owned()
        };
        let filter = format!("label=dev.ondeck.owner={}", self.owner);
        for _ in 0..100 {
            let (containers, volumes) =
                (docker(&["ps", "-aq", "--filter", &filter]), docker(&["volume", "ls", "-q", "--filter", &filter]));
            if containers.is_empty() && volumes.is_empty() {
                return;
            }
            for id in containers.lines() {
                docker(&["rm", "-fv", id]);
            }
            for name in volumes.lines() {
                docker(&["volume", "rm", name]);
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        eprintln!("{} left something behind", self.owner);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_session_the_same_files_arrive_as_by_buildkits_own_client() {
    let dir = tempfile::tempdir().unwrap();
    plant(dir.path());
    write(dir.path(), "Dockerfile", b"FROM scratch\nCOPY . /ctx/\nCMD [\"x\"]\n");
    let guest = Guest::start(dir.path()).await;
    let ask = BuildAsk { tag: "ours".into(), builder: Some(Builder::BuildKit), ..BuildAsk::default() };
    for (n, ignore) in IGNORES.into_iter().enumerate() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(ignore.len() as u64);
        header.set_mode(0o644);
        // BuildKit's client does not send again what has the same size and time.
        header.set_mtime(1_700_000_000 + n as u64);
        tar.append_data(&mut header, ".dockerignore", ignore.as_bytes()).unwrap();
        let tar = tar.into_inner().unwrap();
        guest.engine.put_archive(&guest.session.container, "/workspace", tar).await.unwrap();
        let theirs = guest
            .told(
                "rm -rf /tmp/out && docker buildx build --quiet --output type=tar,dest=/tmp/out . >&2 && \
                 tar tf /tmp/out --quoting-style=literal",
            )
            .await;
        let (_, ended) = run(&guest.inner(), &guest.source(), &ask).await;
        assert!(matches!(ended, Ended::Built(_)), "{ignore:?}: {ended:?}");
        let ours = guest
            .told("id=$(docker create ours) && docker export $id | tar t --quoting-style=literal; docker rm $id >&2")
            .await;
        // These two are there for the engine; see the module's documentation.
        let without = |names: BTreeSet<String>| -> BTreeSet<String> {
            names.into_iter().filter(|n| n != "Dockerfile" && n != ".dockerignore").collect()
        };
        assert_eq!(without(listed(&ours)), without(listed(&theirs)), "{ignore:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_built_by_the_docker_of_its_session() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "Dockerfile", format!("FROM {IMAGE}\nCOPY . /ctx/\nRUN ls /ctx && echo done\n").as_bytes());
    write(dir.path(), ".dockerignore", b"node_modules\n");
    write(dir.path(), "app/main.py", b"print(1)\n");
    let guest = Guest::start(dir.path()).await;
    guest.told("mkdir -p node_modules/deep && head -c 300000000 /dev/zero > node_modules/deep/much").await;
    for builder in BOTH {
        let ask = BuildAsk { tag: "app".into(), builder: Some(builder), ..BuildAsk::default() };
        let (build, ended) = run(&guest.inner(), &guest.source(), &ask).await;
        let Ended::Built(built) = ended else { panic!("{ended:#?}") };
        assert!(build.sent < 100_000, "the ignored folder does not travel: {}", build.sent);
        assert_eq!(build.context.unwrap().ignored, 1);
        let run = build.steps.iter().find(|s| s.name.starts_with("RUN")).unwrap();
        assert_eq!(run.output.last(9), ["Dockerfile", "app", "done"], "{builder}");
        assert!(built.size > 0);
        let (build, _) = self::run(&guest.inner(), &guest.source(), &ask).await;
        assert_eq!(build.steps.iter().find(|s| s.name.starts_with("RUN")).unwrap().state, StepState::Cached);

        // Ended in the middle, through the tunnel into the session.
        let mark = unique("inner").replace('-', "x");
        let script =
            format!("printf 'FROM {IMAGE}\\nRUN echo begun; : {mark}; while :; do sleep 1; done' > Dockerfile.long");
        guest.told(&script).await;
        let begun = Notify::new();
        let tell = |event: BuildEvent| {
            if matches!(&event, BuildEvent::Output { bytes, .. } if bytes.starts_with(b"begun")) {
                begun.notify_one();
            }
        };
        let long = BuildAsk { dockerfile: "Dockerfile.long".into(), ..ask };
        let (inner, source) = (guest.inner(), guest.source());
        let whole = ondeck::builds::build(&inner, &source, &long, tell, begun.notified());
        assert_eq!(tokio::time::timeout(common::live::PATIENCE, whole).await.unwrap(), Ended::Cancelled);
        until("the build's processes are gone", async || match processes(&mark) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        })
        .await;
        guest.told("rm Dockerfile.long").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_known_before() {
    let yard = Yard::new("look");
    yard.file("Dockerfile", "FROM scratch\n")
        .file("a/b", "x")
        .file("a/c.log", "yy")
        .file(".dockerignore", "# x\n**/*.log\n");
    let context = Context::look(&yard.source(), "Dockerfile", Rules::BuildKit).await.unwrap();
    assert_eq!(context.paths().collect::<Vec<_>>(), [".dockerignore", "Dockerfile", "a", "a/b"]);
    let hidden = Whether::Ignored { line: Some(2), file: ".dockerignore".into() };
    for (path, whether) in [
        ("a/b", Whether::Sent),
        ("./a/", Whether::Sent),
        (".", Whether::Sent),
        ("a/*", Whether::Sent),
        ("a/c.log", hidden.clone()),
        ("a/d", Whether::Absent),
        ("*.txt", Whether::Absent),
    ] {
        assert_eq!(context.whether(path), whether, "{path}");
    }
    assert!(matches!(context.whether("a/*.log"), Whether::Ignored { .. }));
    assert_eq!(context.similar("A/B"), Some("a/b"));
    let missing = Context::look(&yard.source(), "docker/x", Rules::Classic).await.unwrap_err();
    assert!(missing.message.starts_with("there is no docker/x in "), "{missing}");
    let outside = Context::look(&yard.source(), "../Dockerfile", Rules::Classic).await.unwrap_err();
    assert!(outside.message.contains("outside"), "{outside}");
    let nowhere = Source::Dir(yard.dir.path().join("nowhere"));
    assert!(Context::look(&nowhere, "Dockerfile", Rules::Classic).await.is_err());
}

/// Answers one request as an engine without BuildKit does.
async fn answer(mut c: tokio::net::TcpStream) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    // Small requests: the head, and for a build the end of the chunks.
    while !(request.ends_with(b"\r\n\r\n") && (!request.starts_with(b"POST") || request.ends_with(b"0\r\n\r\n"))) {
        match c.read(&mut piece).await {
            Ok(n) if n > 0 => request.extend_from_slice(&piece[..n]),
            _ => break,
        }
    }
    let line = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
    let (status, body) = match () {
        () if line.contains("/_ping") => ("200 OK", "OK"),
        () if line.contains("version=2") => ("500 x", r#"{"message":"buildkit not supported by daemon"}"#),
        () if line.contains("/build?") => (
            "200 OK",
            "{\"stream\":\"STEP 1/2: FROM x\\n\"}\n{\"stream\":\"STEP 2/2: RUN y\\n\"}\n{\"stream\":\"hello\\n\"}\n\
             {\"stream\":\"--> 0123456789ab\\n\"}\n{\"stream\":\"Successfully built 0123456789ab\\n\"}\n",
        ),
        () if line.contains("/history") => ("200 OK", "[]"),
        () if line.contains("/images/0123456789ab/json") => ("200 OK", r#"{"Id":"sha256:0123456789ab","Size":7}"#),
        () => ("404 x", r#"{"message":"no such image"}"#),
    };
    let head = format!("HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nContent-Length: {}\r\nConnection: close", body.len());
    let _ = c.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await;
}

/// An engine that has no BuildKit although its version should, and answers as podman does otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn without_buildkit_the_classic_builder_is_used_and_that_is_said() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((c, _)) = listener.accept().await {
            tokio::spawn(answer(c));
        }
    });
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "Dockerfile", b"FROM x\nRUN y\n");
    let engine = Engine::connect(&endpoint_at(&url)).unwrap();
    let ask = BuildAsk { tag: "t".into(), ..BuildAsk::default() };
    let (build, ended) = run(&engine, &Source::Dir(dir.path().to_owned()), &ask).await;
    let Ended::Built(built) = ended else { panic!("{ended:#?}") };
    assert_eq!((built.size, built.builder, build.builder), (7, Builder::Classic, Some(Builder::Classic)));
    assert!(build.notes[0].contains("buildkit not supported by daemon"), "{:?}", build.notes);
    assert_eq!(build.steps[1].output.last(1), ["hello"], "{build:#?}");
    assert_eq!(build.steps[1].at, Some(StepPlace::Classic { number: 2, of: 2 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_builds_the_same() {
    /// A podman of this test's own.
    struct Podman(tempfile::TempDir);
    impl Podman {
        fn script(&self, verb: &str) -> String {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/podman.sh");
            let out = std::process::Command::new(script).arg(verb).env("ONDECK_HOSTS", self.0.path()).output().unwrap();
            String::from_utf8(out.stdout).unwrap().trim().to_owned()
        }
    }
    impl Drop for Podman {
        fn drop(&mut self) {
            self.script("down");
        }
    }
    let podman = Podman(tempfile::tempdir().unwrap());
    let engine = Engine::connect(&endpoint_at(&podman.script("up"))).unwrap();
    assert_eq!(engine.builder().await.unwrap(), Builder::Classic);
    let yard = tempfile::tempdir().unwrap();
    let file = format!("FROM {IMAGE} AS base\nCOPY a /a\nFROM base\nRUN echo said; cat /a\nRUN exit 5\n");
    write(yard.path(), "Dockerfile", file.as_bytes());
    write(yard.path(), "a", b"content\n");
    let source = Source::Dir(yard.path().to_owned());
    let ask = BuildAsk { tag: "t".into(), network: Some("none".into()), ..BuildAsk::default() };
    let (build, ended) = run(&engine, &source, &ask).await;
    let Ended::Failed(failure) = ended else { panic!("{ended:#?}") };
    assert_eq!((failure.exit_code, failure.at), (Some(5), Some(StepPlace::Classic { number: 5, of: 5 })), "{build:#?}");
    assert_eq!(build.steps[3].output.last(9), ["said", "content"], "{build:#?}");

    write(yard.path(), "Dockerfile", file.replace("RUN exit 5\n", "").as_bytes());
    let (build, ended) = run(&engine, &source, &ask).await;
    let Ended::Built(built) = ended else { panic!("{ended:#?}") };
    assert!(built.image.starts_with("sha256:") && built.size > 0, "{built:#?}");
    assert_eq!(build.steps.last().unwrap().state, StepState::Cached, "{build:#?}");
}
