use std::process::{Command, Stdio};

use super::*;
use crate::workspace::Ending;

fn draft(text: &str) -> Draft {
    Draft { text: text.to_owned(), form: Form::default(), base: None, cursor: (3, 4), at: Timestamp::now() }
}

fn key() -> Key {
    Key::session("ondeck-ann-lab", "unix:///var/run/docker.sock")
}

fn texts(shelf: &Shelf) -> Vec<(&str, Owner)> {
    assert_eq!(shelf.unreadable, []);
    shelf.found.iter().map(|f| (f.draft.text.as_str(), f.owner)).collect()
}

#[test]
fn what_was_typed_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let drafts = Drafts::new(dir.path().join("a/drafts")).unwrap();
    let stamp = Stamp { size: 3, modified: Timestamp::now(), inode: 7, hash: "ab".into() };
    let form = Form { ending: Ending::CrLf, bom: true };
    for text in ["", "one", "one\n", "{\"ondeck_draft\":9}\n\n\r\n\0ü漢"] {
        let draft = Draft { form, base: Some(stamp.clone()), ..draft(text) };
        drafts.put(&key(), "src/it's\nodd", &draft).unwrap();
        let shelf = drafts.read(&key(), "src/it's\nodd").unwrap();
        assert_eq!(shelf.found.len(), 1);
        assert_eq!((&shelf.found[0].draft, shelf.found[0].owner), (&draft, Owner::Own));
        assert_eq!((shelf.found[0].path.as_str(), &shelf.found[0].key), ("src/it's\nodd", &key()));
    }
    assert_eq!(drafts.read(&key(), "other").unwrap(), Shelf::default());
    assert_eq!(drafts.read(&Key::host(dir.path()), "src/it's\nodd").unwrap(), Shelf::default());
    drafts.forget(&key(), "other").unwrap();
    drafts.forget(&key(), "src/it's\nodd").unwrap();
    assert_eq!(drafts.list_all().unwrap(), Shelf::default());
}

#[test]
fn only_the_owner_may_look() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("drafts");
    fs::create_dir(&open).unwrap();
    let drafts = Drafts::new(&open).unwrap();
    drafts.put(&key(), "a", &draft("secret")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let kept = &drafts.list(&key()).unwrap().found[0].kept;
    assert_eq!((mode(kept), mode(kept.parent().unwrap()), mode(&open)), (0o600, 0o700, 0o700));
}

#[test]
fn two_panels_keep_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (Drafts::new(dir.path()).unwrap(), Drafts::new(dir.path()).unwrap());
    one.put(&key(), "a", &draft("one")).unwrap();
    two.put(&key(), "a", &draft("two")).unwrap();
    one.put(&key(), "a", &draft("one again")).unwrap();
    assert_eq!(texts(&one.read(&key(), "a").unwrap()), [("one again", Owner::Own), ("two", Owner::Other)]);
    // What another one works on is not taken away.
    let others = two.list(&key()).unwrap().found.remove(0);
    two.discard(&others).unwrap();
    two.forget(&key(), "a").unwrap();
    assert_eq!(two.sweep(Duration::ZERO).unwrap(), 0);
    assert_eq!(texts(&two.list_all().unwrap()), [("one again", Owner::Other)]);

    let clone = one.clone();
    drop(one);
    assert_eq!(texts(&two.list(&key()).unwrap()), [("one again", Owner::Other)]);
    drop(clone);
    let left = two.list(&key()).unwrap();
    assert_eq!(texts(&left), [("one again", Owner::Left)]);
    // Found again and taken over, then dropped: only if it is still the same.
    two.put(&key(), "a", &left.found[0].draft).unwrap();
    let older = Found { draft: draft("something else"), ..left.found[0].clone() };
    two.discard(&older).unwrap();
    assert_eq!(two.list(&key()).unwrap().found.len(), 2);
    two.discard(&left.found[0]).unwrap();
    assert_eq!(texts(&two.list(&key()).unwrap()), [("one again", Owner::Own)]);
}

#[test]
fn what_a_killed_panel_left_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let drafts = Drafts::new(dir.path()).unwrap();
    if let Some(dir) = std::env::var_os("ONDECK_TEST_DRAFTS") {
        // The panel that is killed.
        let drafts = Drafts::new(dir).unwrap();
        drafts.put(&key(), "a", &draft("typed")).unwrap();
        drop(Command::new("kill").args(["-9", &std::process::id().to_string()]).status());
        unreachable!("it was killed");
    }
    let name = "workspace::drafts::tests::what_a_killed_panel_left_is_found";
    let killed = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env("ONDECK_TEST_DRAFTS", dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!killed.status.success());
    assert_eq!(texts(&drafts.list_all().unwrap()), [("typed", Owner::Left)]);
    assert_eq!(names(dir.path()).unwrap().len(), 3, "two locks and a folder");
    assert_eq!(drafts.sweep(Duration::from_hours(1)).unwrap(), 0);
    assert_eq!(drafts.sweep(Duration::ZERO).unwrap(), 1);
    assert_eq!(names(dir.path()).unwrap(), [lock_of(dir.path(), &drafts.token)]);
}

#[test]
fn what_cannot_be_read_is_said_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let drafts = Drafts::new(dir.path()).unwrap();
    drafts.put(&key(), "a", &draft("some text\n")).unwrap();
    let good = drafts.list(&key()).unwrap().found.remove(0).kept;
    let bytes = fs::read(&good).unwrap();
    let line = bytes.iter().position(|b| *b == b'\n').unwrap();
    let newer = String::from_utf8(bytes.clone()).unwrap().replace("\"ondeck_draft\":1", "\"ondeck_draft\":2");
    let mut other = bytes.clone();
    *other.last_mut().unwrap() = b'!';
    let noise = vec![0xff; 100_000];
    let bad: [(&str, &[u8], &str); 8] = [
        ("empty", b"", "it is empty"),
        ("half a line", &bytes[..line / 2], "its first line is not that of a draft"),
        ("no text", &bytes[..=line], "10 bytes of text were written, 0 are there"),
        ("short", &bytes[..bytes.len() - 1], "10 bytes of text were written, 9 are there"),
        ("long", &[&bytes[..], b"x"].concat(), "10 bytes of text were written, 11 are there"),
        ("newer", newer.as_bytes(), "a newer ondeck wrote it"),
        ("other", &other, "its text is not what was written"),
        ("noise", &noise, "its first line is not that of a draft"),
    ];
    let start = good.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
    for (n, (what, content, why)) in bad.iter().enumerate() {
        let kept = good.with_file_name(format!("{start}.{n:016x}.draft"));
        fs::write(&kept, content).unwrap();
        for shelf in [drafts.read(&key(), "a"), drafts.list(&key()), drafts.list_all()] {
            let shelf = shelf.unwrap();
            assert_eq!(shelf.found.len(), 1, "{what}");
            assert_eq!(shelf.unreadable, [(kept.clone(), (*why).to_owned())], "{what}");
        }
        drafts.sweep(Duration::ZERO).unwrap();
        let found = Found { kept: kept.clone(), owner: Owner::Left, ..drafts.list(&key()).unwrap().found[0].clone() };
        drafts.discard(&found).unwrap();
        drafts.put(&key(), "a", &draft("some text\n")).unwrap();
        assert_eq!(&fs::read(&kept).unwrap(), content, "{what}");
        fs::remove_file(kept).unwrap();
    }
}

#[test]
fn a_draft_that_cannot_be_written_leaves_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let drafts = Drafts::new(dir.path()).unwrap();
    drafts.put(&key(), "a", &draft("before")).unwrap();
    // Whatever the reason is that the new file cannot be made: here there is a folder of its name.
    let temporary = drafts.file(&key(), "a").with_extension("tmp");
    fs::create_dir(&temporary).unwrap();
    assert!(drafts.put(&key(), "a", &draft("after")).is_err());
    assert_eq!(texts(&drafts.list(&key()).unwrap()), [("before", Owner::Own)]);
    fs::remove_dir(&temporary).unwrap();
    drafts.put(&key(), "a", &draft("after")).unwrap();
    assert_eq!(texts(&drafts.list(&key()).unwrap()), [("after", Owner::Own)]);
    assert_eq!(names(&drafts.folder(&key())).unwrap().len(), 1);
}

#[test]
fn a_full_disk_leaves_the_draft_before() {
    // A file system of its own needs root, as tests of continuous integration have it; others test the rest.
    let dir = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(dir.path())
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        return;
    }
    let drafts = Drafts::new(dir.path()).unwrap();
    drafts.put(&key(), "a", &draft("before")).unwrap();
    let full = drafts.put(&key(), "a", &draft(&"x".repeat(1 << 20)));
    let left = drafts.list(&key());
    let files = names(&drafts.folder(&key()));
    drop(drafts);
    let unmounted = Command::new("umount").arg(dir.path()).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(texts(&left.unwrap()), [("before", Owner::Own)]);
    assert_eq!(files.unwrap().len(), 1);
}
