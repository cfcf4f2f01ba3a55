#![allow(clippy::unwrap_used, clippy::items_after_statements)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::super::testing::tree;
use super::*;
use crate::judge::copy;

const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_files: 20 };

async fn taken(dir: &Path) -> Result<Submission, Trouble> {
    Submission::take(&Workspace::host(dir), &LIMITS, &|_| {}).await
}

/// What comes of an archive.
async fn sent(make: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Result<Submission, Trouble> {
    let mut archive = tar::Builder::new(Vec::new());
    make(&mut archive);
    let bytes = archive.into_inner().unwrap();
    let pieces: Vec<_> = bytes.chunks(1000).map(|c| Ok(bytes::Bytes::copy_from_slice(c))).collect();
    let pieces = futures::StreamExt::boxed(futures::stream::iter(pieces));
    copy::archive(pieces, &LIMITS).await.map(Submission::from)
}

fn header(kind: tar::EntryType, path: &str, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    // Written as it is, unlike what the library would let pass.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(size);
    header
}

fn put(archive: &mut tar::Builder<Vec<u8>>, kind: tar::EntryType, path: &str, to: &str, content: &[u8]) {
    let mut header = header(kind, path, content.len() as u64);
    header.as_old_mut().linkname[..to.len()].copy_from_slice(to.as_bytes());
    header.set_cksum();
    archive.append(&header, content).unwrap();
}

use tar::EntryType::{Directory, Fifo, Link, Regular, Symlink};

#[tokio::test]
async fn a_folder_is_copied_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    tree(&[("Dockerfile", "FROM a"), ("app/run.sh", "#!/bin/sh"), ("app/.env", "A=1")]).write_to(dir.path()).unwrap();
    symlink("../Dockerfile", dir.path().join("app/link")).unwrap();
    symlink("/workspace/app", dir.path().join("there")).unwrap();
    symlink("/etc/passwd", dir.path().join("out")).unwrap();
    symlink("../../../../../etc/passwd", dir.path().join("app/up")).unwrap();
    symlink("circle", dir.path().join("circle")).unwrap();
    let submission = taken(dir.path()).await.unwrap();
    fs::write(dir.path().join("Dockerfile"), "changed since").unwrap();
    assert_eq!(submission.text("Dockerfile").unwrap().as_deref(), Some("FROM a"));
    assert_eq!(submission.text("app/link").unwrap().as_deref(), Some("FROM a"));
    assert_eq!(submission.text("there/.env").unwrap().as_deref(), Some("A=1"));
    for none in ["out", "app/up", "circle", "app", "nothing", "../x", "Dockerfile/x", "app/link/x", ""] {
        assert_eq!(submission.text(none).unwrap(), None, "{none}");
    }
    let entry = &submission.files()["app/run.sh"];
    assert_eq!((entry.size, entry.mode & 0o777, entry.sha256.len()), (9, 0o755, 64));
    assert_eq!(submission.files()["out"].kind, FileKind::Link("/etc/passwd".into()));
    assert_eq!(fs::symlink_metadata(submission.dir()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(submission.tree().unwrap().len(), 3);
    let kept = submission.dir().to_owned();
    drop(submission);
    assert!(!kept.exists());
}

#[tokio::test]
async fn the_same_files_have_the_same_digest() {
    let files = tree(&[("a", "1"), ("b/c", "#!/bin/sh")]);
    let one = Submission::of(&files).unwrap();
    let dir = tempfile::tempdir().unwrap();
    files.write_to(dir.path()).unwrap();
    assert_eq!(taken(dir.path()).await.unwrap().digest(), one.digest());
    fs::set_permissions(dir.path().join("b/c"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_ne!(taken(dir.path()).await.unwrap().digest(), one.digest());
}

#[tokio::test]
async fn no_more_than_agreed_is_copied() {
    let dir = tempfile::tempdir().unwrap();
    // As large as it likes, without being there.
    fs::File::create(dir.path().join("huge")).unwrap().set_len(1 << 40).unwrap();
    let trouble = taken(dir.path()).await.unwrap_err();
    assert_eq!(trouble.code, "J_SUBMISSION");
    assert!(trouble.message.contains("1.0M") && trouble.message.contains("huge"), "{}", trouble.message);
    fs::remove_file(dir.path().join("huge")).unwrap();
    for n in 0..21 {
        fs::write(dir.path().join(n.to_string()), "").unwrap();
    }
    assert!(taken(dir.path()).await.unwrap_err().message.contains("20 files"));
    let none = taken(&dir.path().join("nothing")).await.unwrap_err();
    assert_eq!(none.code, "J_SUBMISSION");
}

#[tokio::test]
async fn what_is_no_file_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    fs::write(dir.path().join("a"), "").unwrap();
    let submission = taken(dir.path()).await.unwrap();
    assert_eq!((submission.files().len(), submission.skipped()), (1, &["socket".to_owned()][..]));
    let submission = sent(|archive| {
        put(archive, Directory, "workspace/", "", b"");
        put(archive, Fifo, "workspace/pipe", "", b"");
        put(archive, Regular, "workspace/deep/er/file", "", b"x");
        put(archive, Link, "workspace/other", "workspace/deep/er/file", b"");
    })
    .await
    .unwrap();
    assert_eq!(submission.files().keys().collect::<Vec<_>>(), ["deep", "deep/er", "deep/er/file", "other"]);
    assert_eq!(submission.text("other").unwrap().as_deref(), Some("x"));
    assert_eq!(submission.skipped(), ["pipe"]);
}

#[tokio::test]
async fn a_hostile_archive_writes_nowhere_else() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().display().to_string();
    type Make<'a> = Box<dyn FnOnce(&mut tar::Builder<Vec<u8>>) + 'a>;
    let attacks: Vec<(&str, Make<'_>)> = vec![
        ("up", Box::new(|a| put(a, Regular, "workspace/../../evil", "", b"x"))),
        ("absolute", Box::new(|a| put(a, Regular, "/evil", "", b"x"))),
        (
            "through a link",
            Box::new(|a| {
                put(a, Symlink, "workspace/a", &target, b"");
                put(a, Regular, "workspace/a/evil", "", b"x");
            }),
        ),
        (
            "over a link",
            Box::new(|a| {
                put(a, Symlink, "workspace/a", &format!("{target}/evil"), b"");
                put(a, Regular, "workspace/a", "", b"x");
            }),
        ),
        ("a name of a file of this machine", Box::new(|a| put(a, Link, "workspace/a", "/etc/passwd", b""))),
        (
            "a name of what a link names",
            Box::new(|a| {
                put(a, Symlink, "workspace/a", "/etc/passwd", b"");
                put(a, Link, "workspace/b", "workspace/a", b"");
            }),
        ),
        ("control characters", Box::new(|a| put(a, Regular, "workspace/../\x1b[2J", "", b"x"))),
    ];
    for (name, make) in attacks {
        let trouble = sent(make).await.expect_err(name);
        assert_eq!(trouble.code, "J_SUBMISSION", "{name}");
        assert!(!trouble.message.contains(crate::text::is_unsafe), "{name}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    // One that promises more than it may have is stopped by what comes, not by what it promises.
    let big = vec![0; (1 << 20) + 1];
    assert!(sent(|a| put(a, Regular, "workspace/big", "", &big)).await.unwrap_err().message.contains("1.0M"));
    let cut = sent(|archive| {
        // It promises more than comes.
        let mut header = header(Regular, "workspace/cut", 5000);
        header.set_cksum();
        archive.get_mut().extend_from_slice(header.as_bytes());
        archive.get_mut().extend_from_slice(&[b'x'; 1000]);
    });
    assert_eq!(cut.await.err().map(|t| t.code).as_deref(), Some("J_SUBMISSION"));
    let broken = copy::archive(
        futures::StreamExt::boxed(futures::stream::iter([Err(crate::engine::EngineError::new(
            ErrorKind::Unreachable,
            "cut",
        ))])),
        &LIMITS,
    );
    assert_eq!(broken.await.err().map(|t| t.code).as_deref(), Some("J_DAEMON"));
}
