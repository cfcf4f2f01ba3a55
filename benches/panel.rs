//! What a key and a change of the host cost the panel, without terminal and engine: `cargo bench --bench panel`.
//!
//! The host with 5,000 containers exists only here: no machine for tests runs as many.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::fixture;
use common::stage::{Stage, settings};
use ondeck::fleet::stacks_of;
use ondeck::ui::message::Msg;

fn host(n: u64) -> ondeck::fleet::Snapshot {
    let mut snapshot = fixture::snapshot();
    for i in 0..n {
        let mut container = fixture::container(10_000 + i, &format!("stack-{}", i / 8), &format!("service-{}", i % 8));
        container.networks.clear();
        snapshot.containers.insert(container.id.clone(), Arc::new(container));
    }
    snapshot.stacks = Arc::new(stacks_of(snapshot.containers.values()));
    snapshot
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!("{what:40} p50 {:7.3} ms  p99 {:7.3} ms  max {:7.3} ms", at(0.5), at(0.99), at(1.0));
}

fn main() {
    for n in [300, 5000] {
        let snapshot = host(n);
        for (view, key) in [("containers", "3"), ("stacks", "2")] {
            let mut stage = Stage::with(200, 50, snapshot.clone(), settings());
            stage.press(&[key]);
            let mut keys = Vec::new();
            for i in 0..500 {
                let began = Instant::now();
                stage.press(&[if i % 10 == 9 { "ctrl-d" } else { "down" }]);
                stage.buffer();
                keys.push(began.elapsed());
            }
            report(&format!("{n} {view}: key to frame"), keys);
            let mut changes = Vec::new();
            for _ in 0..50 {
                let next = Arc::new(snapshot.clone());
                let began = Instant::now();
                stage.send(Msg::Snapshot(next));
                stage.buffer();
                changes.push(began.elapsed());
            }
            report(&format!("{n} {view}: snapshot to frame"), changes);
        }
    }
}
