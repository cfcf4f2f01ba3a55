//! Containers and engines of a test's own, gone when it ends, however it ends.

#![allow(clippy::unwrap_used, dead_code)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The image that tests run; `tests/run.sh` makes it.
pub const IMAGE: &str = "debian:bookworm-slim";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A name that nothing else has.
pub fn unique(what: &str) -> String {
    format!("ondeck-{what}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// An engine whose own everything is; it ends with this value.
pub struct OwnEngine {
    name: String,
    /// Its address.
    pub address: String,
}

impl OwnEngine {
    /// Starts one that has the base image.
    pub fn start() -> Self {
        let name = unique("engine");
        let address = host("own-engine.sh", &["up", &name, "--with-image"]);
        Self { name, address }
    }

    /// Stops its daemon; what it has stays.
    pub fn stop(&self) {
        host("own-engine.sh", &["stop", &self.name]);
    }

    /// Starts its daemon again.
    pub fn start_again(&self) {
        host("own-engine.sh", &["start", &self.name]);
    }

    /// Runs the docker CLI on it.
    pub fn docker(&self, args: &[&str]) -> String {
        docker(&self.address, args)
    }

    /// Starts a container of the base image without a network (this engine has none).
    pub fn run(&self, name: &str, more: &[&str], script: &str) -> String {
        let mut args = vec!["run", "--detach", "--network", "none", "--name", name, "--stop-timeout", "1"];
        args.extend(more);
        args.extend([IMAGE, "sh", "-c", script]);
        self.docker(&args)
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/own-engine.sh");
        let _ = Command::new(script).args(["down", &self.name]).stdin(Stdio::null()).output();
    }
}

/// Runs a script of `tests/hosts`; answers with the address it prints.
pub fn host(script: &str, args: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts").join(script);
    let output = Command::new(&path).args(args).stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {args:?}: {told}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs the docker CLI on an engine; panics with its words when it fails.
pub fn docker(address: &str, args: &[&str]) -> String {
    let output = Command::new("docker").arg("--host").arg(address).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
