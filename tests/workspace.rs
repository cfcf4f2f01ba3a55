//! Files of a session and of a directory of the host: the same tests on both.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use common::bench::{Bench, both, idle, image};
use common::live::{Made, endpoint, until};
use ondeck::engine::{Engine, ErrorKind};
use ondeck::workspace::{Ending, Form, Inside, Kind, LARGEST, Opened, Saved, Workspace};

#[tokio::test(flavor = "multi_thread")]
async fn files_are_listed_read_saved_renamed_and_removed() {
    both(async |bench| {
        let w = &bench.workspace;
        assert_eq!(bench.paths().await, Vec::<String>::new());
        w.create_folder("src").await.unwrap();
        w.create_file("src/empty").await.unwrap();
        let stamp = bench.saved("src/app.py", "print('ü')\n", None).await;
        assert_eq!(stamp.size, 12);
        bench.sh("mkdir -p .git/objects node_modules/x; touch .git/HEAD; ln -s src/app.py link; ln -s src folder; mkfifo pipe");
        let listing = w.list().await.unwrap();
        let entries = listing.entries.into_iter().filter(|e| e.path != "small");
        let shown: Vec<_> = entries.map(|e| (e.path.clone(), e.kind.clone(), e.exact)).collect();
        let of = |path: &str, kind| (path.to_owned(), kind, true);
        assert_eq!(
            shown,
            [
                of(".git", Kind::Folder(Inside::Left)),
                of("node_modules", Kind::Folder(Inside::Left)),
                of("src", Kind::Folder(Inside::Listed)),
                of("src/app.py", Kind::File),
                of("src/empty", Kind::File),
                of("folder", Kind::Link { to: "src".into(), folder: true }),
                of("link", Kind::Link { to: "src/app.py".into(), folder: false }),
                of("pipe", Kind::Other),
            ]
        );
        let file = bench.text("link").await;
        assert_eq!((file.text.as_str(), &file.stamp, file.writable), ("print('ü')\n", &stamp, true));
        assert_eq!(bench.text("folder/app.py").await, file);
        assert_eq!(bench.text("src/empty").await.text, "");

        // Through a link the file is saved, and the link stays.
        let again = bench.saved("link", "print(2)\n", Some(&stamp)).await;
        assert_eq!(bench.sh("readlink link; cat src/app.py"), "src/app.py\nprint(2)");
        assert_eq!(bench.text("src/app.py").await.stamp, again);

        let weight = w.weigh("src").await.unwrap();
        assert_eq!((weight.files, weight.folders, weight.bytes), (2, 1, 9));
        w.rename("src", "lib").await.unwrap();
        w.rename("lib/app.py", "main.py").await.unwrap();
        let error = w.rename("main.py", "lib/empty").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
        assert_eq!(w.rename("lib", "node_modules").await.unwrap_err().kind, ErrorKind::Conflict);
        w.rename("link", "dangling").await.unwrap();
        w.remove("dangling").await.unwrap();
        w.remove("folder").await.unwrap();
        w.remove("lib").await.unwrap();
        assert_eq!(bench.paths().await, [".git", "node_modules", "main.py", "pipe"]);
        assert_eq!(bench.text("main.py").await.text, "print(2)\n");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said() {
    both(async |bench| {
        let w = &bench.workspace;
        bench.sh("mkdir folder; mkfifo pipe; echo x > file; ln -s loop loop; ln -s nowhere/x dangling");
        let said = async |path: &str| w.read(path).await.unwrap_err().to_string();
        assert!(said("nothing").await.starts_with("nothing cannot be opened: it, or its folder, is not there"));
        assert!(said("folder").await.contains("it is a folder"));
        assert!(said("pipe").await.contains("no file"));
        assert!(said("loop").await.contains("circle"));
        assert!(said("file/x").await.contains("is a file, no folder"), "{}", said("file/x").await);
        assert!(said("dangling").await.contains("not there"));
        assert_eq!(w.read("../x").await.unwrap_err().kind, ErrorKind::Config);
        let save = async |path: &str| w.save(path, "x", Form::default(), None, false).await.unwrap_err().to_string();
        assert!(save("folder").await.contains("it is a folder"));
        assert!(save("missing/x").await.starts_with("missing/x cannot be saved: it, or its folder, is not there"));
        assert!(save(&"x".repeat(256)).await.contains("255 are the most"));
        assert_eq!(w.create_file("file").await.unwrap_err().kind, ErrorKind::Conflict);
        assert_eq!(w.create_folder("folder").await.unwrap_err().kind, ErrorKind::Conflict);
        assert_eq!(w.create_folder("a\nb").await.unwrap_err().kind, ErrorKind::Config);
        assert_eq!(w.remove("nothing").await.unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(w.rename("nothing", "x").await.unwrap_err().kind, ErrorKind::NotFound);
        assert!(w.rename("folder", "folder/in").await.is_err());
        assert_eq!(bench.paths().await, ["folder", "dangling", "file", "loop", "pipe"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_work() {
    both(async |bench| {
        let names =
            ["-rf", "it's \"odd\" $(touch no) `x` ;&|", "ü 漢字", "*", "two\nlines", " space ", "\\", "%s%n", "--help"];
        for name in names {
            if name.contains('\n') {
                bench.sh("printf old > 'two\nlines'");
                let stamp = bench.text(name).await.stamp;
                bench.saved(name, name, Some(&stamp)).await;
            } else {
                bench.saved(name, name, None).await;
            }
        }
        let listed: BTreeSet<_> = bench.paths().await.into_iter().collect();
        assert_eq!(listed, names.iter().map(|n| (*n).to_owned()).collect());
        for name in names {
            assert_eq!(bench.text(name).await.text, name);
            bench.workspace.rename(name, "other").await.unwrap();
            assert_eq!(bench.workspace.weigh("other").await.unwrap().bytes, name.len() as u64);
            bench.workspace.remove("other").await.unwrap();
        }
        bench.sh("touch \"$(printf 'not-\\351')\"");
        let listing = bench.workspace.list().await.unwrap();
        let odd = listing.entries.iter().find(|e| e.path.starts_with("not-")).unwrap();
        assert_eq!((odd.path.as_str(), odd.exact), ("not-\u{fffd}", false));
        assert_eq!(bench.workspace.read(&odd.path).await.unwrap_err().kind, ErrorKind::NotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_underneath_is_not_overwritten() {
    both(async |bench| {
        let first = bench.saved("a", "one\n", None).await;
        // Of the same length, and within the same moment.
        bench.sh("printf 'two\\n' > a");
        let Saved::Changed { theirs: Some(Opened::Text(theirs)), stamp: Some(stamp) } =
            bench.save("a", "mine\n", Some(&first)).await
        else {
            panic!("it was not noticed")
        };
        assert_eq!((theirs.text.as_str(), &theirs.stamp), ("two\n", &stamp));
        assert_eq!(bench.sh("cat a"), "two");
        let mine = bench.saved("a", "mine\n", Some(&stamp)).await;

        // Touched, or replaced by the same, is no other.
        bench.sh("touch -d '2001-01-01' a; cp a b; mv b a");
        let mine = bench.saved("a", "mine 2\n", Some(&mine)).await;

        bench.sh("rm a");
        assert_eq!(bench.save("a", "mine 3\n", Some(&mine)).await, Saved::Changed { theirs: None, stamp: None });
        bench.sh("echo new > a");
        let Saved::Changed { theirs: Some(Opened::Text(theirs)), .. } = bench.save("a", "mine 3\n", None).await else {
            panic!("a file that should not be there was not noticed")
        };
        assert_eq!(theirs.text, "new\n");
        let forced = bench.workspace.save("a", "mine 3\n", Form::default(), None, true).await.unwrap();
        assert!(matches!(forced, Saved::Done(_)));
        assert_eq!(bench.sh("cat a; ls -A | grep -v small"), "mine 3\na");

        bench.sh("head -c 3000000 /dev/zero > a");
        let Saved::Done(old) = forced else { unreachable!() };
        let changed = bench.save("a", "x", Some(&old)).await;
        let large = Opened::TooLarge { size: 3_000_000, limit: LARGEST };
        assert_eq!(changed, Saved::Changed { theirs: Some(large), stamp: None });
        bench.sh("printf '\\177ELF' > a");
        let changed = bench.save("a", "x", Some(&old)).await;
        assert!(matches!(changed, Saved::Changed { theirs: Some(Opened::Binary { size: 4, .. }), stamp: Some(_) }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_text_of_bounded_size_is_opened_and_stays_as_it_was_written() {
    both(async |bench| {
        let w = &bench.workspace;
        bench.sh("printf '\\177ELF\\002' > elf; printf 'caf\\351' > latin; printf 'a\\000b' > zero");
        let what = async |path: &str| match w.read(path).await.unwrap() {
            Opened::Binary { what, .. } => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(what("elf").await, "an ELF program");
        assert_eq!(what("latin").await, "text that is not UTF-8");
        assert_eq!(what("zero").await, "binary data");
        bench.sh(&format!(
            "head -c {LARGEST} /dev/zero | tr '\\0' x > most; (cat most; echo) > more; truncate -s 20G huge"
        ));
        assert_eq!(bench.text("most").await.text.len() as u64, LARGEST);
        for (path, size) in [("more", LARGEST + 1), ("huge", 20 << 30)] {
            assert_eq!(w.read(path).await.unwrap(), Opened::TooLarge { size, limit: LARGEST });
        }
        // What is saved may be larger than what would be opened.
        let large = "é\n".repeat(1 << 20);
        bench.saved("large", &large, None).await;
        assert_eq!(bench.sh("wc -c < large"), (3 << 20).to_string());

        bench.sh("printf '\\357\\273\\277a\\r\\nb\\r\\n' > dos; printf 'a\\r\\nb\\n' > mixed");
        let file = bench.text("dos").await;
        assert_eq!((file.text.as_str(), file.form), ("a\nb\n", Form { ending: Ending::CrLf, bom: true }));
        w.save("dos", "a\nc\n", file.form, Some(&file.stamp), false).await.unwrap();
        assert_eq!(bench.sh("od -An -c dos | tr -d ' '"), "357273277a\\r\\nc\\r\\n");
        let file = bench.text("mixed").await;
        assert_eq!(file.form.ending, Ending::Mixed);
        w.save("mixed", &file.text, file.form, Some(&file.stamp), false).await.unwrap();
        assert_eq!(bench.sh("od -An -c mixed | tr -d ' '"), "a\\r\\nb\\n");
        bench.saved("empty", "", None).await;
        assert_eq!(bench.text("empty").await.stamp.size, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_and_mode_stay() {
    if !rustix::process::geteuid().is_root() {
        // Only root may give files away.
        return;
    }
    both(async |bench| {
        bench.sh("echo one > a; chown 1234:5678 a; chmod 4750 a; mkdir theirs; chown 12:34 theirs");
        let stamp = bench.text("a").await.stamp;
        bench.saved("a", "two\n", Some(&stamp)).await;
        assert_eq!(bench.sh("stat -c '%u:%g %a' a; cat a"), "1234:5678 4750\ntwo");
        bench.saved("theirs/new", "x", None).await;
        bench.workspace.create_file("theirs/empty").await.unwrap();
        bench.workspace.create_folder("theirs/folder").await.unwrap();
        assert_eq!(
            bench.sh("cd theirs; stat -c '%n %u:%g %a' new empty folder"),
            "new 12:34 644\nempty 12:34 644\nfolder 12:34 755"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_out_of_the_workspace_are_refused() {
    both(async |bench| {
        let w = &bench.workspace;
        bench.sh("mkdir in; echo ok > in/a; ln -s /etc out; ln -s /etc/passwd passwd; ln -s ../../../etc/hostname in/up; \
                  ln -s ../in/a in/fine; ln -s \"$PWD/in\" absolute; ln -s / root; ln -s .. parent; ln -s \"$PWD-other/x\" near");
        assert_eq!(bench.text("in/fine").await.text, "ok\n");
        assert_eq!(bench.text("absolute/a").await.text, "ok\n");
        let bad = ["passwd", "out/passwd", "in/up", "root/etc/passwd", "parent/x", "absolute/../../x", "root", "parent", "near"];
        for path in bad {
            let error = w.read(path).await.unwrap_err();
            assert!(matches!(error.kind, ErrorKind::Permission | ErrorKind::Config | ErrorKind::NotFound), "{path}: {error}");
            let error = w.save(path, "x", Form::default(), None, true).await.unwrap_err();
            assert!(matches!(error.kind, ErrorKind::Permission | ErrorKind::Config | ErrorKind::NotFound), "{path}: {error}");
        }
        let error = w.read("passwd").await.unwrap_err().to_string();
        assert!(error.starts_with("passwd cannot be opened: a link in its path leads out of the workspace ("), "{error}");
        for path in ["out/new", "root/new", "parent/new"] {
            assert!(w.create_file(path).await.is_err() && w.create_folder(path).await.is_err(), "{path}");
            assert!(w.rename("in/a", path).await.is_err() && w.remove(path).await.is_err(), "{path}");
        }
        // The link itself is of the workspace.
        w.rename("passwd", "in/passwd").await.unwrap();
        w.remove("in/passwd").await.unwrap();
        assert_ne!(bench.sh("cat /etc/passwd | wc -l"), "0");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_while_it_is_saved_sees_the_old_or_the_new() {
    both(async |bench| {
        let text = |n: usize| format!("{n:07}\n").repeat(60_000);
        let mut stamp = bench.saved("a", &text(0), None).await;
        let stop = if bench.is_session() { "/tmp/stop" } else { "stop" };
        // Every hash but those of whole texts is a torn read.
        let reader = format!("while [ ! -e {stop} ]; do sha256sum < a; done | sort -u | cut -c1-64");
        let (seen, mut whole) = std::thread::scope(|scope| {
            let reading = scope.spawn(|| bench.sh(&reader));
            let whole = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    let mut whole = BTreeSet::from([stamp.hash.clone()]);
                    for n in 1..=20 {
                        stamp = bench.saved("a", &text(n), Some(&stamp)).await;
                        whole.insert(stamp.hash.clone());
                    }
                    whole
                })
            });
            bench.sh(&format!("touch {stop}"));
            (reading.join().unwrap(), whole)
        });
        let seen: BTreeSet<_> = seen.lines().map(str::to_owned).collect();
        assert!(seen.len() > 1, "nothing was read meanwhile");
        whole.retain(|hash| seen.contains(hash));
        assert_eq!(whole, seen);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_the_old_text_and_nothing_else() {
    let bench = Bench::session().await;
    let stamp = bench.saved("small/a", "old\n", None).await;
    let error = bench.workspace.save("small/a", &"x".repeat(1 << 20), Form::default(), Some(&stamp), false).await;
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("small/a cannot be saved: the disk is full ("), "{error}");
    assert_eq!(bench.sh("ls -A small; cat small/a"), "a\nold");
    assert_eq!(bench.text("small/a").await.stamp, stamp);

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("big"), vec![7; 1 << 20]).unwrap();
    let error = bench.workspace.upload(folder.path(), "small/up", false, &|_| {}).await.unwrap_err().to_string();
    assert!(error.contains("the disk is full"), "{error}");
    assert_eq!(bench.sh("ls -A small"), "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_written_is_said() {
    let engine = Engine::connect(&endpoint()).unwrap();
    let image = image(&engine).await;
    let made = Made::new("read-only");
    let (label, volume) = (made.label(), made.name("volume"));
    made.docker(&["volume", "create", "--label", &label, &volume]);
    let run = |name: &str, args: &[&str], mount: &str| {
        let name = made.name(name);
        let all = ["run", "-d", "--init", "--name", &name, "--label", &label, "--network", "none", "--volume"];
        made.docker(&[&all[..], &[mount], args, &["--entrypoint", "sleep", &image, "infinity"]].concat())
    };
    let root = run("root", &[], &format!("{volume}:/workspace"));
    let script = "cd /workspace; chmod 777 .; echo old > a; echo old > b; echo old > c; mkdir d; echo old > d/e
        chown 1001:1001 b; chmod 666 b d/e; chmod 600 c";
    made.docker(&["exec", &root, "sh", "-c", script]);
    let try_save = async |container: &str, path: &str| {
        let w = Workspace::session(&engine, container);
        let Opened::Text(file) = w.read(path).await.unwrap() else { panic!("{path} is no text") };
        let error = w.save(path, "new", file.form, Some(&file.stamp), false).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permission);
        (file.writable, error.message)
    };
    let still = run("still", &[], &format!("{volume}:/workspace:ro"));
    let said = try_save(&still, "a").await;
    assert_eq!(said, (false, "a cannot be saved: the file system is read-only".into()));

    let guest = run("guest", &["--user", "1000:1000"], &format!("{volume}:/workspace"));
    assert_eq!(try_save(&guest, "a").await, (false, "a cannot be saved: permission denied".into()));
    assert_eq!(try_save(&guest, "d/e").await, (true, "d/e cannot be saved: permission denied".into()));
    let (writable, message) = try_save(&guest, "b").await;
    assert!(writable && message.contains("it belongs to someone else"), "{message}");
    let error = Workspace::session(&engine, &guest).read("c").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permission, "{error}");
    assert_eq!(
        made.docker(&["exec", &root, "sh", "-c", "cd /workspace; cat a b c d/e; ls -A . d"]).lines().count(),
        4 + 8
    );
}

/// What an upload or download tells.
#[derive(Default)]
struct Told(Mutex<Vec<(u64, u64)>>);

impl Told {
    fn check(&self, bytes: u64) {
        let told = self.0.lock().unwrap();
        assert!(told.is_sorted() && told.iter().all(|t| *t <= (bytes, bytes)), "{told:?}");
        assert_eq!(told.last(), Some(&(bytes, bytes)));
    }
}

fn shape(root: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    fn walk(root: &Path, at: &Path, into: &mut Vec<(PathBuf, u32, Vec<u8>)>) {
        let about = fs::symlink_metadata(at).unwrap();
        let content = match () {
            () if about.is_symlink() => fs::read_link(at).unwrap().into_os_string().into_encoded_bytes(),
            () if about.is_file() => fs::read(at).unwrap(),
            () => Vec::new(),
        };
        into.push((at.strip_prefix(root).unwrap().to_owned(), about.mode() & 0o777, content));
        if about.is_dir() {
            for name in fs::read_dir(at).unwrap() {
                walk(root, &name.unwrap().path(), into);
            }
        }
    }
    let mut all = Vec::new();
    walk(root, root, &mut all);
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_and_files_are_uploaded_and_downloaded() {
    both(async |bench| {
        let w = &bench.workspace;
        let here = tempfile::tempdir().unwrap();
        let from = here.path().join("from");
        fs::create_dir_all(from.join("deep/er")).unwrap();
        fs::create_dir(from.join("empty")).unwrap();
        fs::write(from.join("deep/er/-x'y\"\n"), "odd").unwrap();
        fs::write(from.join("deep/run"), "#!/bin/sh\n").unwrap();
        fs::write(from.join("big"), (0..5_000_000_u32).map(|n| (n >> 7) as u8).collect::<Vec<_>>()).unwrap();
        fs::write(from.join("n".repeat(200)), "long").unwrap();
        std::os::unix::fs::symlink("deep/run", from.join("link")).unwrap();
        fs::hard_link(from.join("deep/run"), from.join("hard")).unwrap();
        for (path, mode) in [("deep/run", 0o755), ("deep/er", 0o555), ("big", 0o640)] {
            fs::set_permissions(from.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        let bytes = 5_000_000 + 3 + 10 + 10 + 4;

        bench.sh("mkdir their; chown 12:34 their");
        let told = Told::default();
        let tell = |m: ondeck::workspace::Moved| told.0.lock().unwrap().push((m.bytes, m.total));
        let moved = w.upload(&from, "their/up", false, &tell).await.unwrap();
        assert_eq!((moved.bytes, moved.files, moved.skipped), (bytes, 6, 0));
        told.check(bytes);
        let owners = bench.sh("find their -exec stat -c %u:%g {} + | sort -u");
        assert_eq!(owners, if bench.is_session() { "12:34" } else { "0:0\n12:34" });

        let (told, to) = (Told::default(), here.path().join("to"));
        let tell = |m: ondeck::workspace::Moved| told.0.lock().unwrap().push((m.bytes, m.total));
        let moved = w.download("their/up", &to, false, &tell).await.unwrap();
        assert_eq!((moved.files, moved.skipped), (6, 0));
        assert_eq!(shape(&from), shape(&to));

        // Nothing is replaced unless that is said, and a folder never.
        assert_eq!(w.upload(&from, "their/up", true, &|_| {}).await.unwrap_err().kind, ErrorKind::Conflict);
        assert_eq!(w.download("their/up", &to, true, &|_| {}).await.unwrap_err().kind, ErrorKind::Conflict);
        let one = from.join("deep/run");
        w.upload(&one, "one", false, &|_| {}).await.unwrap();
        let error = w.upload(&one, "one", false, &|_| {}).await.unwrap_err();
        assert!(error.to_string().contains("something of that name already"), "{error}");
        fs::write(&one, "echo 2\n").unwrap();
        w.upload(&one, "one", true, &|_| {}).await.unwrap();
        assert_eq!(bench.sh("cat one; stat -c %a one"), "echo 2\n755");
        let back = here.path().join("back");
        assert_eq!(w.download("one", &back, false, &|_| {}).await.unwrap().bytes, 7);
        assert_eq!(w.download("one", &back, false, &|_| {}).await.unwrap_err().kind, ErrorKind::Conflict);
        bench.saved("-odd 'name\"", "3\n", None).await;
        w.download("-odd 'name\"", &back, true, &|_| {}).await.unwrap();
        assert_eq!(fs::read_to_string(&back).unwrap(), "3\n");
        for (path, to) in [("nothing", "x"), ("one", "missing/x")] {
            let error = w.download(path, &here.path().join(to), false, &|_| {}).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
        }
        let error = w.upload(&here.path().join("nothing"), "x", false, &|_| {}).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
        assert_eq!(w.upload(&one, "missing/x", false, &|_| {}).await.unwrap_err().kind, ErrorKind::NotFound);
        let left = |folder: &Path| {
            fs::read_dir(folder).unwrap().any(|n| n.unwrap().file_name().to_string_lossy().starts_with(".ondeck"))
        };
        assert!(!left(here.path()) && bench.sh("find . -name '.ondeck*'").is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_what_was_cancelled() {
    both(async |bench| {
        let here = tempfile::tempdir().unwrap();
        let from = here.path().join("from");
        fs::File::create(&from).unwrap().set_len(1 << 30).unwrap();
        let begun = AtomicBool::new(false);
        let tell = |m: ondeck::workspace::Moved| begun.store(m.bytes > 1 << 20, Ordering::Relaxed);
        let under_way = async || {
            until("it is under way", async || begun.load(Ordering::Relaxed).then_some(()).ok_or(String::new())).await;
        };
        tokio::select! {
            done = bench.workspace.upload(&from, "up", false, &tell) => panic!("too quick: {done:?}"),
            () = under_way() => {}
        }
        until("the upload is undone", async || match bench.sh("ls -A | grep -v small || true") {
            nothing if nothing.is_empty() => Ok(()),
            some => Err(some),
        })
        .await;

        bench.sh("truncate -s 1G down");
        begun.store(false, Ordering::Relaxed);
        let to = here.path().join("to");
        tokio::select! {
            done = bench.workspace.download("down", &to, false, &tell) => panic!("too quick: {done:?}"),
            () = under_way() => {}
        }
        until("the download is undone", async || match fs::read_dir(here.path()).unwrap().count() {
            1 => Ok(()),
            n => Err(n.to_string()),
        })
        .await;
        if bench.is_session() {
            idle(bench).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_is_too_long_is_cut_from_below() {
    both(async |bench| {
        bench.sh("mkdir -p a/b; cd a/b; seq 6000 | xargs touch; cd ../..; mkdir z; touch z/last top");
        let listing = bench.workspace.list().await.unwrap();
        assert!(listing.cut && listing.entries.len() == 5000);
        let of = |path: &str| listing.entries.iter().find(|e| e.path == path).map(|e| e.kind.clone());
        assert_eq!(of("top"), Some(Kind::File));
        assert_eq!(of("z/last"), Some(Kind::File));
        assert_eq!(of("a/b"), Some(Kind::Folder(Inside::Cut)));
        let mut order = listing.entries.iter().map(|e| &e.path);
        assert!(order.any(|p| p.starts_with("a/b/")) && order.any(|p| p == "z") && order.any(|p| p == "top"));
    })
    .await;
}
