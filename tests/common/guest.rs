//! Sessions of one test on a real engine.

#![allow(clippy::unwrap_used, dead_code)]

use std::process::{Command, Stdio};
use std::time::Duration;

use ondeck::config::{Sessions, Size};
use ondeck::engine::{Engine, ExecAsk, Ran};
use ondeck::sessions::{self, Session, Spec};

use super::docker::{IMAGE, unique};
use super::live::endpoint;

/// Sessions of one test; all that they left is removed with it.
pub struct Guest {
    /// The engine that carries them.
    pub engine: Engine,
    /// Whose they are.
    pub owner: String,
    /// What they get.
    pub config: Sessions,
}

impl Guest {
    pub fn new() -> Self {
        // Tests run beside one another, and each may have several.
        let config = Sessions { max: 100, budget: Some(Size(1 << 50)), memory: Size(400 << 20), ..Sessions::default() };
        Self { engine: Engine::connect(&endpoint()).unwrap(), owner: unique("test-owner"), config }
    }

    pub fn spec(&self) -> Spec {
        Spec { images: vec![IMAGE.to_owned()], ..Spec::new(&self.config, self.owner.clone()) }
    }

    pub async fn start(&self, spec: &Spec) -> Session {
        let started = sessions::start(&self.engine, &self.config, spec, &|_| {}, std::future::pending()).await;
        started.unwrap().unwrap()
    }

    pub async fn run(&self, session: &Session, script: &str) -> Ran {
        let ask = ExecAsk { dir: Some("/workspace".into()), ..ExecAsk::of(["sh", "-c", script]) };
        let ran = tokio::time::timeout(super::live::PATIENCE, self.engine.exec_run(&session.container, &ask)).await;
        ran.unwrap_or_else(|_| panic!("{script} did not end")).unwrap()
    }

    /// What a script printed, which must go well.
    pub async fn told(&self, session: &Session, script: &str) -> String {
        let ran = self.run(session, script).await;
        let out = String::from_utf8_lossy(&ran.out).trim().to_owned();
        assert_eq!(ran.code, Some(0), "{script}: {out} {}", String::from_utf8_lossy(&ran.err));
        out
    }

    /// Runs a script that must not do what it tries.
    pub async fn refused(&self, session: &Session, script: &str) {
        let ran = self.run(session, script).await;
        assert_ne!(ran.code, Some(0), "{script} was let through: {}", String::from_utf8_lossy(&ran.out));
    }

    pub fn docker(args: &[&str]) -> String {
        let output = Command::new("docker").args(args).stdin(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn mine(&self, list: &[&str]) -> Vec<String> {
        let filter = format!("label=dev.ondeck.owner={}", self.owner);
        Self::docker(&[list, &["--quiet", "--filter", &filter]].concat()).lines().map(str::to_owned).collect()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Removing takes the engine a moment, also where it does so by itself.
        for _ in 0..100 {
            for id in self.mine(&["ps", "--all"]) {
                Self::docker(&["rm", "--force", "--volumes", &id]);
            }
            for name in self.mine(&["volume", "ls"]) {
                Self::docker(&["volume", "rm", &name]);
            }
            if self.mine(&["ps", "--all"]).is_empty() && self.mine(&["volume", "ls"]).is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        eprintln!("{} left something behind", self.owner);
    }
}
