//! What is told of a workspace, until its session ends.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::bench::{Bench, Way, both, config, idle};
use common::docker::unique;
use common::live::{PATIENCE, endpoint, until};
use futures::StreamExt;
use futures::stream::BoxStream;
use ondeck::engine::{Engine, ErrorKind};
use ondeck::sessions::{self, Spec};
use ondeck::workspace::{Change, Form, Opened, Saved, Workspace};

/// Waits until all of these were told.
async fn told(changes: &mut BoxStream<'static, Change>, wanted: &[Change]) {
    let mut missing: BTreeSet<_> = wanted.iter().cloned().collect();
    let mut all = Vec::new();
    let wait = async {
        while !missing.is_empty() {
            let change = changes.next().await.unwrap();
            missing.remove(&change);
            all.push(change);
        }
    };
    let ended = tokio::time::timeout(PATIENCE, wait).await;
    assert!(ended.is_ok(), "not told: {missing:?}; told: {all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told() {
    both(async |bench| {
        let file = |path: &str| Change::File(path.to_owned());
        bench.sh("mkdir -p old/deep .git; echo x > old/deep/a");
        let mut changes = bench.workspace.watch().await.unwrap();
        bench.sh("echo y >> old/deep/a");
        told(&mut changes, &[file("old/deep/a")]).await;
        bench.sh("touch b");
        told(&mut changes, &[Change::Tree, file("b")]).await;
        bench.sh("mkdir -p new/er");
        told(&mut changes, &[Change::Tree, file("new")]).await;
        // In folders that came meanwhile, too, once they are watched.
        until("a new folder is watched", async || {
            bench.sh("echo z >> new/er/c");
            let next = tokio::time::timeout(std::time::Duration::from_secs(1), changes.next()).await;
            if let Ok(Some(Change::File(path))) = next
                && path == "new/er/c"
            {
                Ok(())
            } else {
                Err(String::new())
            }
        })
        .await;
        bench.sh("mv new renamed; rm b");
        told(&mut changes, &[Change::Tree, file("new"), file("renamed"), file("b")]).await;
        bench.sh("echo w >> renamed/er/c");
        told(&mut changes, &[file("renamed/er/c")]).await;
        // Many at once, one in the other: however quickly they come, none is left unwatched in the end.
        bench.sh(if bench.is_session() {
            // The second folder comes just while the first begins to be watched.
            "perl -MTime::HiRes=time,usleep -e 'mkdir q(many); for (1..200) { mkdir qq(many/$_); my $t = time + rand(150)/1e6;
                1 while time < $t; mkdir qq(many/$_/er); usleep(1500) }'"
        } else {
            "for n in $(seq 200); do mkdir -p many/$n/er; done"
        });
        let mut seen = BTreeSet::new();
        until("all folders are watched", async || {
            bench.sh("for n in $(seq 200); do echo x > many/$n/er/x; done");
            let end = tokio::time::Instant::now() + std::time::Duration::from_secs(1);
            while let Ok(Some(change)) = tokio::time::timeout_at(end, changes.next()).await {
                match change {
                    Change::File(path) if path.ends_with("/er/x") => drop(seen.insert(path)),
                    _ => {}
                }
            }
            if seen.len() == 200 { Ok(()) } else { Err(format!("{} are", seen.len())) }
        })
        .await;
        // A file that takes another's place, as saving does it.
        let stamp = bench.text("old/deep/a").await.stamp;
        bench.saved("old/deep/a", "saved\n", Some(&stamp)).await;
        told(&mut changes, &[Change::Tree, file("old/deep/a")]).await;
        // What programs do in their own folders is not told, nor who reads.
        bench.workspace.list().await.unwrap();
        bench.text("old/deep/a").await;
        bench.sh("cat old/deep/a; touch .git/index; echo odd > 'two\nlines -x'");
        let mut all = Vec::new();
        while !all.contains(&file("two\nlines -x")) {
            all.push(tokio::time::timeout(PATIENCE, changes.next()).await.unwrap().unwrap());
        }
        assert!(
            !all.iter().any(|c| matches!(c, Change::File(path) if path.contains("index") || path == "old/deep/a" || path.contains(".ondeck"))),
            "{all:?}"
        );
        drop(changes);
        if bench.is_session() {
            idle(bench).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_watcher_it_is_looked_at() {
    let bench = Bench::session().await;
    // The limit of the whole host cannot be lowered for a test.
    let limit = "Failed to watch /workspace; upper limit on inotify watches reached!";
    bench.sh(&format!(
        "cd /usr/bin; printf '#!/bin/sh\\necho \"{limit}\" >&2; echo Please increase it >&2; exit 1\\n' > inotifywait"
    ));
    let mut changes = bench.workspace.watch().await.unwrap();
    let Some(Change::Polling(why)) = changes.next().await else { panic!("it does not say so") };
    assert!(why.contains("max_user_watches"), "{why}");

    bench.sh("rm /usr/bin/inotifywait; echo x > a");
    let mut changes = bench.workspace.watch().await.unwrap();
    let Some(Change::Polling(why)) = changes.next().await else { panic!("it does not say so") };
    assert!(why.contains("inotifywait"), "{why}");
    bench.sh("echo y >> a; touch b");
    told(&mut changes, &[Change::Tree, Change::File("a".into()), Change::File("b".into())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_is_killed_is_begun_anew() {
    let bench = Bench::session().await;
    let mut changes = bench.workspace.watch().await.unwrap();
    bench.sh("kill -9 $(cat /proc/[0-9]*/stat | awk '$2 == \"(inotifywait)\" { print $1 }')");
    told(&mut changes, &[Change::Many]).await;
    bench.sh("touch b");
    told(&mut changes, &[Change::Tree]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_is_said() {
    let bench = Bench::session().await;
    let stamp = bench.saved("a", "old\n", None).await;
    let mut changes = bench.workspace.watch().await.unwrap();
    // A program that never gets all of its input: the session ends in the middle of saving.
    bench.sh("mv /usr/bin/perl /usr/bin/perl-real; printf '#!/bin/sh\\nsleep infinity\\n' > /usr/bin/perl; chmod +x /usr/bin/perl");
    let Way::Container(made, id) = &bench.way else { unreachable!() };
    let save = bench.workspace.save("a", "new\n", Form::default(), Some(&stamp), false);
    let end = async {
        until("it is saving", async || {
            let running = bench.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '");
            if running.contains("/usr/bin/perl") { Ok(()) } else { Err(running) }
        })
        .await;
        made.docker(&["rm", "-fv", id]);
    };
    let (saved, ()) = tokio::join!(save, end);
    let error = saved.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Unreachable | ErrorKind::NotFound), "{error:?}");
    let mut last = None;
    while let Some(change) = tokio::time::timeout(PATIENCE, changes.next()).await.unwrap() {
        last = Some(change);
    }
    assert!(matches!(&last, Some(Change::Over(why)) if !why.is_empty()), "{last:?}");
    assert_eq!(bench.workspace.list().await.unwrap_err().kind, ErrorKind::NotFound);
    assert!(bench.workspace.watch().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_session_is_worked_in() {
    let engine = Engine::connect(&endpoint()).unwrap();
    let (config, owner) = (config(), unique("test-owner"));
    let spec = Spec::new(&config, owner.clone());
    let session = sessions::start(&engine, &config, &spec, &|_| {}, std::future::pending()).await.unwrap().unwrap();
    let w = Workspace::session(&engine, session.container.to_string());
    let work = async {
        let mut changes = w.watch().await?;
        w.create_folder("app").await?;
        let Saved::Done(stamp) = w.save("app/Dockerfile", "FROM x\n", Form::default(), None, false).await? else {
            panic!("a new file was there")
        };
        told(&mut changes, &[Change::Tree]).await;
        let moving = w.clone();
        let save = async move {
            moving.save("app/Dockerfile", "FROM y\n", Form::default(), Some(&stamp), false).await?;
            moving.upload(Path::new("/etc/hostname"), "app/up", false, &|_| {}).await?;
            let here = tempfile::tempdir().unwrap();
            moving.download("app/up", &here.path().join("down"), false, &|_| {}).await
        };
        // As the panel does it.
        tokio::spawn(save).await.unwrap()?;
        let read = w.read("app/Dockerfile").await?;
        Ok::<_, ondeck::engine::EngineError>((changes, read))
    };
    let worked = work.await;
    sessions::end(&engine, &session).await.unwrap();
    sessions::forget(&engine, &owner, &session.workspace).await.unwrap();
    let (mut changes, read) = worked.unwrap();
    assert!(matches!(read, Opened::Text(file) if file.text == "FROM y\n"));
    let rest: Vec<_> = tokio::time::timeout(PATIENCE, changes.by_ref().collect()).await.unwrap();
    assert!(matches!(rest.last(), Some(Change::Over(_))), "{rest:?}");
}
