//! A workspace in a session or in a directory of this machine, for tests that are the same for both.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::process::{Command, Stdio};

use ondeck::config::{Sessions, Size};
use ondeck::engine::Engine;
use ondeck::sessions::{self, Spec};
use ondeck::workspace::{Form, Opened, Saved, Stamp, TextFile, Workspace};

use super::docker::unique;
use super::live::{Made, endpoint, until};

/// A workspace, and another way into it.
pub struct Bench {
    /// What is tried.
    pub workspace: Workspace,
    /// The other way.
    pub way: Way,
}

/// Where a workspace is.
pub enum Way {
    /// A container, and its identifier.
    Container(Made, String),
    /// A directory here.
    Folder(tempfile::TempDir),
}

impl Bench {
    /// A directory of this machine.
    pub fn host() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { workspace: Workspace::host(folder.path()), way: Way::Folder(folder) }
    }

    /// A container of the session image, without its Docker; `/workspace/small` has 256 KiB.
    pub async fn session() -> Self {
        let engine = Engine::connect(&endpoint()).unwrap();
        let image = image(&engine).await;
        let made = Made::new("files");
        let (name, label) = (made.name("session"), made.label());
        let id = made.docker(&[
            "run",
            "-d",
            "--init",
            "--name",
            &name,
            "--label",
            &label,
            "--network",
            "none",
            "--volume",
            "/workspace",
            "--tmpfs",
            "/workspace/small:size=256k",
            "--entrypoint",
            "sleep",
            &image,
            "infinity",
        ]);
        Self { workspace: Workspace::session(&engine, id.clone()), way: Way::Container(made, id) }
    }

    /// Whether it is that of a session.
    pub fn is_session(&self) -> bool {
        matches!(self.way, Way::Container(..))
    }

    /// What a script there prints, which must go well.
    pub fn sh(&self, script: &str) -> String {
        match &self.way {
            Way::Container(made, id) => {
                made.docker(&["exec", "--workdir", "/workspace", id, "sh", "-c", &format!("set -e; {script}")])
            }
            Way::Folder(folder) => {
                let script = format!("set -e; {script}");
                let output = Command::new("sh")
                    .args(["-c", &script])
                    .current_dir(folder.path())
                    .stdin(Stdio::null())
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
                String::from_utf8(output.stdout).unwrap().trim().to_owned()
            }
        }
    }

    /// A file's text, which it must be.
    pub async fn text(&self, path: &str) -> TextFile {
        match self.workspace.read(path).await.unwrap() {
            Opened::Text(file) => file,
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Saves, unless it changed.
    pub async fn save(&self, path: &str, text: &str, expected: Option<&Stamp>) -> Saved {
        self.workspace.save(path, text, Form::default(), expected, false).await.unwrap()
    }

    /// Saves, which must go well.
    pub async fn saved(&self, path: &str, text: &str, expected: Option<&Stamp>) -> Stamp {
        match self.save(path, text, expected).await {
            Saved::Done(stamp) => stamp,
            other @ Saved::Changed { .. } => panic!("{path}: {other:?}"),
        }
    }

    /// All that is in it.
    pub async fn paths(&self) -> Vec<String> {
        let listing = self.workspace.list().await.unwrap();
        assert!(!listing.cut);
        listing.entries.into_iter().map(|e| e.path).filter(|p| p != "small").collect()
    }
}

/// The session image, which the first session builds.
pub async fn image(engine: &Engine) -> String {
    let (config, owner) = (config(), unique("test-owner"));
    let image = sessions::image_name(&config);
    if engine.inspect_image(&image).await.is_err() {
        let spec = Spec::new(&config, owner.clone());
        let session = sessions::start(engine, &config, &spec, &|_| {}, std::future::pending()).await.unwrap().unwrap();
        sessions::end(engine, &session).await.unwrap();
        sessions::forget(engine, &owner, &session.workspace).await.unwrap();
    }
    image
}

/// Sessions beside those of other tests.
pub fn config() -> Sessions {
    Sessions { max: 100, budget: Some(Size(1 << 50)), memory: Size(400 << 20), ..Sessions::default() }
}

/// The same in both.
pub async fn both(test: impl AsyncFn(&Bench)) {
    test(&Bench::host()).await;
    test(&Bench::session().await).await;
}

/// Waits until nothing runs in a container but what it was started with.
pub async fn idle(bench: &Bench) {
    until("no program is left", async || {
        let running = bench.sh("cat /proc/[0-9]*/comm 2>/dev/null | sort | tr '\\n' ' '");
        let rest: Vec<_> = running
            .split(' ')
            .filter(|n| !["cat", "docker-init", "sh", "sleep", "sort", "tr", ""].contains(n))
            .collect();
        if rest.is_empty() { Ok(()) } else { Err(format!("{rest:?}")) }
    })
    .await;
}
