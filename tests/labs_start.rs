//! Sessions for labs on a real engine: their images, their files, and back to the beginning.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Mutex;

use common::docker::{IMAGE, unique};
use common::guest::Guest;
use ondeck::engine::ErrorKind;
use ondeck::labs::{self, Lab, Origin, Tree};
use ondeck::sessions::{Progress, Session};

/// A lab of a test's own, with an image of its own.
struct Own {
    guest: Guest,
    image: String,
}

impl Own {
    fn new() -> Self {
        Self { guest: Guest::new(), image: format!("{}:1", unique("lab")) }
    }

    fn lab(&self, says: &str) -> Lab {
        let manifest = format!(
            "schema: lab/v1\nid: own\ntitle: Own\nminutes: 5\nsession: {{memory: 400m, ttl: 5m}}\nimages:\n  - {{name: '{}', build: images/own}}\ntasks:\n  - id: one\n    title: One\n    checks: [{{id: there, kind: file.exists, path: a, points: 1}}]\ntests:\n  starter: {{codes: [FILE_MISSING]}}\n",
            self.image
        );
        let dockerfile = format!("FROM {IMAGE}\nRUN echo '{says}' > /says\n");
        let files: Tree = [
            ("lab.yaml", manifest.as_str()),
            ("README.md", "# Own\n"),
            ("images/own/Dockerfile", &dockerfile),
            ("starter/run.sh", "#!/bin/sh\necho hello\n"),
            ("starter/app/main.py", "pass\n"),
        ]
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
        .collect();
        Lab::from_tree(&files, Origin::BuiltIn, "own/lab.yaml").unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    async fn start(&self, lab: &Lab) -> Session {
        let started = labs::start(
            &self.guest.engine,
            &self.guest.config,
            lab,
            &self.guest.owner,
            &|_| {},
            std::future::pending(),
        );
        started.await.unwrap().unwrap()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // The seed that was made of the image goes first: its container and volume, known by the image's name.
        for id in Guest::docker(&["ps", "--all", "--quiet", "--filter", "label=dev.ondeck.seed"]).lines() {
            let images = "{{index .Config.Labels \"dev.ondeck.seed.images\"}} {{.Name}}";
            let told = Guest::docker(&["inspect", "--format", images, id]);
            if let Some(name) = told.strip_prefix(&format!("{} /", self.image)) {
                Guest::docker(&["rm", "--force", id]);
                Guest::docker(&["volume", "rm", name]);
            }
        }
        Guest::docker(&["rmi", "--force", &self.image]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_brings_its_image_and_files_and_can_be_begun_again() {
    let own = Own::new();
    let lab = own.lab("first");
    let session = own.start(&lab).await;
    let guest = &own.guest;
    assert_eq!((session.lab.as_deref(), session.workspace.as_str()), (Some("own"), "own"));
    assert_eq!(guest.told(&session, &format!("docker run --rm {} cat /says", own.image)).await, "first");
    assert_eq!(guest.told(&session, "./run.sh; find . -type f | sort | xargs").await, "hello\n./app/main.py ./run.sh");

    // Whoever worked and comes back finds the work, not the starter.
    guest.told(&session, "rm run.sh; echo mine > app/main.py; mkdir -p '.hidden/x y'; ln -s /etc out").await;
    ondeck::sessions::end(&guest.engine, &session).await.unwrap();
    let session = own.start(&lab).await;
    assert_eq!(guest.told(&session, "cat app/main.py; ls").await, "mine\napp\nout");

    // Back to the beginning: exactly the starter, and what was there is kept.
    let dir = tempfile::tempdir().unwrap();
    let kept = labs::reset_keeping(&guest.engine, &session, &lab, dir.path()).await.unwrap().unwrap();
    assert_eq!(
        guest.told(&session, "find . -mindepth 1 | sort | xargs; ls -d /etc").await,
        "./app ./app/main.py ./run.sh\n/etc"
    );
    assert_eq!(guest.told(&session, "cat app/main.py; ./run.sh").await, "pass\nhello");
    let listed = std::process::Command::new("tar").arg("-xzOf").arg(&kept).arg("./app/main.py").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "mine\n", "{}", String::from_utf8_lossy(&listed.stderr));
    // Nothing that was begun lies beside it; an empty workspace leaves nothing to keep.
    assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    guest.told(&session, "find . -mindepth 1 -delete").await;
    assert_eq!(labs::reset_keeping(&guest.engine, &session, &lab, dir.path()).await.unwrap(), None);
    assert_eq!(guest.told(&session, "./run.sh").await, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_built_once_and_again_when_they_changed() {
    let own = Own::new();
    let engine = &own.guest.engine;
    let steps = Mutex::new(Vec::new());
    let tell = |progress: Progress| {
        if let Progress::Step(step) = progress {
            steps.lock().unwrap().push(step);
        }
    };
    let lab = own.lab("first");
    let (one, two) = tokio::join!(labs::ensure_images(engine, &lab, &tell), labs::ensure_images(engine, &lab, &tell));
    one.unwrap();
    two.unwrap();
    assert_eq!(steps.lock().unwrap().len(), 1, "{steps:?}");
    labs::ensure_images(engine, &lab, &tell).await.unwrap();
    assert_eq!(steps.lock().unwrap().len(), 1, "{steps:?}");
    labs::ensure_images(engine, &own.lab("second"), &tell).await.unwrap();
    assert_eq!(steps.lock().unwrap().len(), 2, "{steps:?}");
    let label = Guest::docker(&[
        "inspect",
        "--format",
        &format!("{{{{index .Config.Labels \"{}\"}}}}", labs::IMAGE_LABEL),
        &own.image,
    ]);
    assert_eq!(label.len(), 64, "{label}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_somebody_else_is_left_alone_and_what_fails_says_why() {
    let own = Own::new();
    let engine = &own.guest.engine;
    Guest::docker(&["tag", IMAGE, &own.image]);
    let error = labs::ensure_images(engine, &own.lab("mine"), &|_| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("somebody else made it") && error.hint.contains("docker rmi"), "{error}");
    Guest::docker(&["rmi", &own.image]);

    let error = labs::ensure_images(engine, &own.lab("'; exit 3; '"), &|_| {}).await.unwrap_err();
    assert!(error.message.contains("which own needs, cannot be built"), "{error}");
    assert!(error.message.contains("exit code 3"), "{error}");

    let mut lab = own.lab("mine");
    lab.images[0].build = None;
    let error = labs::ensure_images(engine, &lab, &|_| {}).await.unwrap_err();
    assert!(error.message.contains("which own needs, is not on this host and cannot be pulled"), "{error}");
    assert!(error.hint.contains("docker pull"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_cancelled_leaves_nothing() {
    let own = Own::new();
    let lab = own.lab("slow'; sleep 600; echo '");
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let sender = Mutex::new(Some(sender));
    // As soon as the image's step runs.
    let tell = |progress: Progress| {
        if matches!(&progress, Progress::Line(line) if line.contains("sleep 600"))
            && let Some(sender) = sender.lock().unwrap().take()
        {
            sender.send(()).unwrap();
        }
    };
    let cancel = async {
        let _ = receiver.await;
    };
    let guest = &own.guest;
    let started = labs::start(&guest.engine, &guest.config, &lab, &guest.owner, &tell, cancel).await.unwrap();
    assert_eq!(started, None);
    assert!(guest.mine(&["ps", "--all"]).is_empty());
    // Nothing waits for the build that was ended: another one begins at once.
    labs::ensure_images(&guest.engine, &own.lab("quick"), &|_| {}).await.unwrap();
}
