#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use jiff::Timestamp;
use proptest::prelude::*;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn file(path: &str, text: &str) -> AttemptFile {
    AttemptFile {
        path: path.to_owned(),
        sha256: format!("digest of {text}"),
        size: text.len() as u64,
        text: Some(text.to_owned()),
    }
}

fn attempt(lab: &str, owner: &str, verdict: Verdict, score: u32) -> NewAttempt {
    NewAttempt {
        lab: lab.to_owned(),
        lab_digest: "l".to_owned(),
        owner: owner.to_owned(),
        host: "local".to_owned(),
        session: Some("s1".to_owned()),
        mode: Mode::Quick,
        verdict,
        score,
        max_score: 100,
        started: at(1_700_000_000),
        elapsed_seconds: 2.5,
        workspace_digest: "w".to_owned(),
        report: "{}".to_owned(),
        codes: vec!["B_CODE".to_owned(), "A_CODE".to_owned()],
        files: vec![file("Dockerfile", "FROM a\n")],
    }
}

async fn fresh() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("deep/er/history.db")).await.unwrap();
    (dir, store)
}

/// A statement from outside of the store.
async fn outside(path: &Path, statement: &'static str) {
    let mut db = SqliteConnection::connect_with(&open::options(path)).await.unwrap();
    sqlx::query(statement).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

/// Opening must fail so, and leave the file as it is.
async fn refused(path: &Path, trouble: StoreTrouble, words: &str) {
    let before = std::fs::read(path).unwrap();
    let error = Store::open(path).await.unwrap_err();
    assert_eq!(error.trouble, trouble, "{error}");
    assert!(error.message.contains(words), "{error}");
    assert!(error.message.contains(&path.display().to_string()), "{error}");
    assert!(!error.hint.is_empty());
    assert_eq!(std::fs::read(path).unwrap(), before);
}

#[tokio::test]
async fn what_is_kept_comes_back() {
    let (_dir, store) = fresh().await;
    let mut new = attempt("lab1", "ann", Verdict::Failed, 40);
    new.report = r#"{"z": 1, "a": [true]}"#.to_owned();
    new.files = vec![
        file("b/app.py", "print('ä\0')\n"),
        file("Dockerfile", "FROM a\n"),
        AttemptFile { path: "logo.png".to_owned(), sha256: "x".to_owned(), size: 9, text: None },
    ];
    let id = store.add_attempt(&new).await.unwrap();
    let path = store.path().to_owned();
    store.close().await;

    let store = Store::open(&path).await.unwrap();
    let kept = store.attempt(id).await.unwrap().unwrap();
    assert_eq!(store.attempts(&Wanted::default()).await.unwrap(), std::slice::from_ref(&kept));
    assert_eq!((kept.lab.as_str(), kept.owner.as_str(), kept.host.as_str()), ("lab1", "ann", "local"));
    assert_eq!((kept.session.as_deref(), kept.mode, kept.verdict), (Some("s1"), Mode::Quick, Verdict::Failed));
    assert_eq!((kept.score, kept.max_score, kept.elapsed_seconds), (40, 100, 2.5));
    assert_eq!((kept.started, kept.codes), (new.started, new.codes));
    assert_eq!(store.report(id).await.unwrap().unwrap(), new.report);
    let mut files = new.files;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(store.files(id).await.unwrap(), files);
    assert_eq!(store.attempt(AttemptId(99)).await.unwrap(), None);
    assert_eq!(store.report(AttemptId(99)).await.unwrap(), None);
    assert_eq!(store.files(AttemptId(99)).await.unwrap(), []);
}

#[tokio::test]
async fn only_its_owner_may_read_it() {
    let (_dir, store) = fresh().await;
    store.add_attempt(&attempt("lab1", "ann", Verdict::Passed, 100)).await.unwrap();
    let path = store.path().to_owned();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
    store.close().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    Store::open(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn lists_are_the_newest_first_and_as_wanted() {
    let (_dir, store) = fresh().await;
    for (lab, owner) in [("lab1", "ann"), ("lab2", "ann"), ("lab1", "bob"), ("lab1", "ann")] {
        let mut new = attempt(lab, owner, Verdict::Failed, 0);
        new.codes = vec![format!("{lab}_{owner}")];
        store.add_attempt(&new).await.unwrap();
    }
    let of = async |wanted: Wanted| {
        let found = store.attempts(&wanted).await.unwrap();
        assert!(found.iter().all(|a| a.codes == [format!("{}_{}", a.lab, a.owner)]));
        found.into_iter().map(|a| a.id.0).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(of(Wanted::default()).await, [4, 3, 2, 1]);
    assert_eq!(of(Wanted { lab: some("lab1"), ..Wanted::default() }).await, [4, 3, 1]);
    assert_eq!(of(Wanted { lab: some("lab1"), owner: some("ann"), ..Wanted::default() }).await, [4, 1]);
    assert_eq!(of(Wanted { limit: Some(2), ..Wanted::default() }).await, [4, 3]);
    assert_eq!(of(Wanted { limit: Some(2), before: Some(AttemptId(3)), ..Wanted::default() }).await, [2, 1]);
    assert_eq!(of(Wanted { host: some("else"), ..Wanted::default() }).await, [0_i64; 0]);
    assert_eq!(of(Wanted { owner: some("' OR 1=1 --"), ..Wanted::default() }).await, [0_i64; 0]);
}

#[tokio::test]
async fn progress_counts_what_could_be_judged() {
    let (_dir, store) = fresh().await;
    let begun = |lab: &str| SessionOf {
        session: format!("s-{lab}"),
        host: "local".to_owned(),
        owner: "ann".to_owned(),
        lab: Some(lab.to_owned()),
    };
    store.session_began(&begun("lab3"), at(1_700_000_500)).await.unwrap();
    store.session_began(&SessionOf { lab: None, ..begun("none") }, at(5)).await.unwrap();
    store.add_attempt(&attempt("lab2", "ann", Verdict::Error, 0)).await.unwrap();
    for (score, max, verdict, second) in [
        (30, 100, Verdict::Failed, 1_700_000_010),
        (20, 20, Verdict::Passed, 1_700_000_020),
        (60, 100, Verdict::Failed, 1_700_000_030),
        (99, 100, Verdict::Error, 1_700_000_040),
    ] {
        let new = NewAttempt { max_score: max, started: at(second), ..attempt("lab1", "ann", verdict, score) };
        store.add_attempt(&new).await.unwrap();
    }
    store.add_attempt(&attempt("lab1", "bob", Verdict::Failed, 1)).await.unwrap();
    let progress = store.progress("ann").await.unwrap();
    assert_eq!(progress.keys().collect::<Vec<_>>(), ["lab1", "lab2", "lab3"]);
    let last = at(1_700_000_040);
    let whole = Progress { attempts: 3, passed: true, best_score: 20, max_score: 20, last, started: true };
    assert_eq!(progress["lab1"], whole);
    let none =
        Progress { attempts: 0, passed: false, best_score: 0, max_score: 0, last: at(1_700_000_000), started: true };
    assert_eq!(progress["lab2"], none);
    assert_eq!(progress["lab3"], Progress { last: at(1_700_000_500), ..none });
    let bob = &store.progress("bob").await.unwrap()["lab1"];
    assert_eq!((bob.attempts, bob.passed, bob.best_score, bob.max_score), (1, false, 1, 100));
    assert_eq!(store.progress("nobody").await.unwrap().len(), 0);
}

#[tokio::test]
async fn sessions_and_hints() {
    let (_dir, store) = fresh().await;
    let of = SessionOf {
        session: "s1".to_owned(),
        host: "local".to_owned(),
        owner: "ann".to_owned(),
        lab: Some("lab1".to_owned()),
    };
    store.session_began(&of, at(10)).await.unwrap();
    store.session_began(&of, at(20)).await.unwrap();
    store.session_began(&SessionOf { host: "far".to_owned(), ..of.clone() }, at(30)).await.unwrap();
    store.session_ended("local", "s1", at(40)).await.unwrap();
    store.session_ended("local", "s1", at(50)).await.unwrap();
    store.session_ended("local", "unknown", at(50)).await.unwrap();
    let sessions = store.sessions(&Wanted { owner: Some("ann".to_owned()), ..Wanted::default() }).await.unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!((sessions[0].began, sessions[0].ended), (at(30), None));
    assert_eq!((&sessions[1].of, sessions[1].began, sessions[1].ended), (&of, at(10), Some(at(40))));

    for (key, rung) in [("CODE", 1), ("CODE", 2), ("task", 1), ("CODE", 2)] {
        let hint = TakenHint {
            owner: "ann".to_owned(),
            lab: "lab1".to_owned(),
            key: key.to_owned(),
            rung,
            source: "ladder".to_owned(),
            taken: at(60),
        };
        store.hint_taken(&hint).await.unwrap();
    }
    let taken = store.hints_taken("ann", "lab1").await.unwrap();
    assert_eq!(taken.into_iter().collect::<Vec<_>>(), [("CODE".to_owned(), 2), ("task".to_owned(), 1)]);
    assert_eq!(store.hints_taken("bob", "lab1").await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_forgotten_is_gone_and_nothing_else() {
    let (_dir, store) = fresh().await;
    let mut new = attempt("lab1", "ann", Verdict::Failed, 1);
    new.files.push(file("only-here", "of one\n"));
    let gone = store.add_attempt(&new).await.unwrap();
    let kept = store.add_attempt(&attempt("lab1", "bob", Verdict::Failed, 1)).await.unwrap();
    assert_eq!(store.forget("lab1", "ann").await.unwrap(), 1);
    assert_eq!(store.forget("lab1", "ann").await.unwrap(), 0);
    assert_eq!(store.attempt(gone).await.unwrap(), None);
    assert_eq!(store.files(kept).await.unwrap(), [file("Dockerfile", "FROM a\n")]);
    let contents: i64 = sqlx::query_scalar("SELECT count(*) FROM contents").fetch_one(&store.pool).await.unwrap();
    assert_eq!(contents, 1);
    // A number is never given twice: whoever remembers it would be shown something else.
    store.forget("lab1", "bob").await.unwrap();
    let next = store.add_attempt(&attempt("lab1", "ann", Verdict::Failed, 1)).await.unwrap();
    assert!(next > kept);
}

#[tokio::test]
async fn texts_are_kept_once_and_not_when_long() {
    let (_dir, store) = fresh().await;
    let long = "x".repeat(TEXT_LIMIT + 1);
    for _ in 0..3 {
        let mut new = attempt("lab1", "ann", Verdict::Failed, 1);
        // A digest that is wrong gives nobody another's text.
        new.files = vec![
            file("a", "same"),
            file("b", "same"),
            AttemptFile { sha256: "digest of same".to_owned(), ..file("c", "other") },
        ];
        new.files.push(file("long", &long));
        new.files.push(file("just", &long[1..]));
        let id = store.add_attempt(&new).await.unwrap();
        let texts: Vec<_> = store.files(id).await.unwrap().into_iter().map(|f| f.text).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(texts, [some("same"), some("same"), some("other"), some(&long[1..]), None]);
    }
    let contents: i64 = sqlx::query_scalar("SELECT count(*) FROM contents").fetch_one(&store.pool).await.unwrap();
    assert_eq!(contents, 3);
}

#[tokio::test]
async fn a_report_that_is_no_json_is_not_kept() {
    let (_dir, store) = fresh().await;
    let new = NewAttempt { report: "{".to_owned(), ..attempt("lab1", "ann", Verdict::Failed, 1) };
    assert_eq!(store.add_attempt(&new).await.unwrap_err().trouble, StoreTrouble::Invalid);
    assert_eq!(store.attempts(&Wanted::default()).await.unwrap(), []);
}

#[tokio::test]
async fn what_changed_from_one_attempt_to_the_next() {
    let (_dir, store) = fresh().await;
    let mut first = attempt("lab1", "ann", Verdict::Failed, 1);
    first.codes = ["GONE", "STAYS"].map(str::to_owned).into();
    first.report = r#"{"checks": [{"id": "a", "title": "A", "status": "failed"}, {"id": "b", "status": "passed"},
        {"id": "old", "title": "Old", "status": "passed"}]}"#
        .to_owned();
    first.files = vec![file("Dockerfile", "FROM a\nRUN x\n"), file("gone", "bye\n"), file("same", "same\n")];
    first.files.push(AttemptFile { text: None, ..file("image.png", "1") });
    let mut second = attempt("lab1", "ann", Verdict::Passed, 100);
    second.codes = ["NEW", "STAYS", "NEW"].map(str::to_owned).into();
    second.report = r#"{"checks": [{"id": "a", "title": "A", "status": "passed"}, {"id": "b", "status": "passed"},
        {"id": "new", "title": "New", "status": "not_reached"}]}"#
        .to_owned();
    second.files = vec![file("Dockerfile", "FROM a\nRUN y\n"), file("same", "same\n"), file("new", "hello\n")];
    second.files.push(AttemptFile { text: None, ..file("image.png", "2") });
    let before = store.add_attempt(&first).await.unwrap();
    store.add_attempt(&attempt("lab1", "bob", Verdict::Failed, 1)).await.unwrap();
    store.add_attempt(&attempt("lab1", "ann", Verdict::Error, 1)).await.unwrap();
    let after = store.add_attempt(&second).await.unwrap();
    assert_eq!(store.attempt_before(after).await.unwrap(), Some(before));
    assert_eq!(store.attempt_before(before).await.unwrap(), None);

    let changes = store.changes(before, after).await.unwrap();
    assert_eq!((changes.codes_new, changes.codes_gone), (vec!["NEW".to_owned()], vec!["GONE".to_owned()]));
    let checks: Vec<_> =
        changes.checks.iter().map(|c| (c.id.as_str(), c.before.as_deref(), c.after.as_deref())).collect();
    assert_eq!(
        checks,
        [("a", Some("failed"), Some("passed")), ("new", None, Some("not_reached")), ("old", Some("passed"), None)]
    );
    let files: Vec<_> = changes.files.iter().map(|f| (f.path.as_str(), f.kind, f.diff.as_deref())).collect();
    assert_eq!(
        files,
        [
            (
                "Dockerfile",
                ChangeKind::Changed,
                Some("--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,2 +1,2 @@\n FROM a\n-RUN x\n+RUN y\n")
            ),
            ("gone", ChangeKind::Removed, Some("--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-bye\n")),
            ("image.png", ChangeKind::Changed, None),
            ("new", ChangeKind::Added, Some("--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+hello\n")),
        ]
    );
    assert_eq!(store.changes(after, after).await.unwrap(), Changes::default());
    // Reports of any form are borne.
    let mut odd = attempt("lab1", "ann", Verdict::Failed, 1);
    odd.report = r#"{"checks": {"a": [1, null]}}"#.to_owned();
    let odd = store.add_attempt(&odd).await.unwrap();
    store.changes(odd, after).await.unwrap();
}

#[tokio::test]
async fn files_that_are_something_else_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    for bytes in [&b"x"[..], b"my shopping list: eggs, milk\n", &[0; 100], &[b'a'; 9000], b"SQLite format 3\0"] {
        std::fs::write(&path, bytes).unwrap();
        let error = Store::open(&path).await.unwrap_err();
        assert!(matches!(error.trouble, StoreTrouble::Foreign | StoreTrouble::Damaged), "{bytes:?}: {error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
    std::fs::write(&path, "").unwrap();
    outside(&path, "CREATE TABLE bookmarks (url TEXT)").await;
    refused(&path, StoreTrouble::Foreign, "another program").await;

    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(Store::open(&folder).await.unwrap_err().trouble, StoreTrouble::Foreign);
    let below_a_file = path.join("history.db");
    assert_eq!(Store::open(&below_a_file).await.unwrap_err().trouble, StoreTrouble::Denied);
    let nowhere = PathBuf::from("/proc/none/history.db");
    assert_eq!(Store::open(&nowhere).await.unwrap_err().trouble, StoreTrouble::Denied);
}

#[tokio::test]
async fn a_newer_history_is_left_alone() {
    let (_dir, store) = fresh().await;
    store.add_attempt(&attempt("lab1", "ann", Verdict::Failed, 1)).await.unwrap();
    let path = store.path().to_owned();
    store.close().await;
    outside(&path, "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9000, 'later', 1, x'00', 0)").await;
    refused(&path, StoreTrouble::Newer, "its form is 9000").await;
    outside(&path, "DELETE FROM _sqlx_migrations WHERE version = 9000").await;
    Store::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_damaged_history_is_left_alone() {
    let (_dir, store) = fresh().await;
    for _ in 0..20 {
        let mut new = attempt("lab1", "ann", Verdict::Failed, 1);
        new.report = format!("\"{}\"", "long ".repeat(2000));
        store.add_attempt(&new).await.unwrap();
    }
    let path = store.path().to_owned();
    store.close().await;
    let whole = std::fs::read(&path).unwrap();
    // Any page, and a file that ends too early; what is not seen at once is an error later, never a panic.
    for page in 0..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].iter_mut().for_each(|b| *b ^= 0x5a);
        std::fs::write(&path, &bytes).unwrap();
        match Store::open(&path).await {
            Err(error) => {
                assert!(matches!(error.trouble, StoreTrouble::Damaged | StoreTrouble::Foreign), "{page}: {error}");
                assert_eq!(std::fs::read(&path).unwrap(), bytes);
            }
            Ok(store) => {
                store.attempts(&Wanted::default()).await.unwrap();
                store.close().await;
            }
        }
    }
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused(&path, StoreTrouble::Damaged, "damaged").await;
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(Store::open(&path).await.unwrap().attempts(&Wanted::default()).await.unwrap().len(), 20);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_kept() {
    let (_dir, store) = fresh().await;
    let path = store.path().to_owned();
    store.close().await;
    // To SQLite this is the same: there is no room for another page.
    let store = Store::connected(&path, open::options(&path).pragma("max_page_count", "60"));
    let mut new = attempt("lab1", "ann", Verdict::Failed, 1);
    new.report = format!("\"{}\"", "long ".repeat(2000));
    let mut kept = Vec::new();
    let error = loop {
        match store.add_attempt(&new).await {
            Ok(id) => kept.push(id),
            Err(error) => break error,
        }
        assert!(kept.len() < 100);
    };
    assert_eq!(error.trouble, StoreTrouble::Full, "{error}");
    assert!(!kept.is_empty());
    kept.reverse();
    let found: Vec<_> = store.attempts(&Wanted::default()).await.unwrap().into_iter().map(|a| a.id).collect();
    assert_eq!(found, kept);
    assert_eq!(store.files(AttemptId(kept[0].0 + 1)).await.unwrap(), []);
    store.close().await;
    let store = Store::open(&path).await.unwrap();
    store.add_attempt(&new).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_open_and_write_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let writers: Vec<_> = (0..8)
        .map(|i| {
            let path = path.clone();
            tokio::spawn(async move {
                let store = Store::open(&path).await.unwrap();
                for _ in 0..5 {
                    store.add_attempt(&attempt("lab1", &format!("p{i}"), Verdict::Failed, 1)).await.unwrap();
                    store.progress("p0").await.unwrap();
                }
                store.close().await;
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let store = Store::open(&path).await.unwrap();
    let all = store.attempts(&Wanted::default()).await.unwrap();
    assert_eq!(all.len(), 40);
    for attempt in all {
        assert_eq!(attempt.codes.len(), 2);
        assert_eq!(store.files(attempt.id).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_is_dropped_leaves_nothing() {
    let (_dir, store) = fresh().await;
    let mut new = attempt("lab1", "ann", Verdict::Failed, 1);
    new.files = (0..200).map(|i| file(&format!("f{i}"), &format!("text {i}"))).collect();
    for polls in [1, 3, 10, 50, 100] {
        let mut write = Box::pin(store.add_attempt(&new));
        for _ in 0..polls {
            assert!(futures::poll!(write.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
        drop(write);
    }
    let all = store.attempts(&Wanted::default()).await.unwrap();
    let orphans: i64 = sqlx::query_scalar("SELECT count(*) FROM attempt_files").fetch_one(&store.pool).await.unwrap();
    assert_eq!((all.len(), orphans), (0, 0));
    store.add_attempt(&new).await.unwrap();
}

fn seen(name: &str, level: Condition, code: &str) -> HealthSeen {
    HealthSeen { name: name.into(), level, code: code.into(), what: code.to_lowercase(), since: None }
}

#[tokio::test]
async fn changes_of_health_are_written_once_however_many_look() {
    let (_dir, store) = fresh().await;
    let other = Store::open(store.path()).await.unwrap();
    let well = [seen("web", Condition::Healthy, ""), seen("db", Condition::Healthy, "")];
    let ill = [seen("web", Condition::Failing, "UNHEALTHY"), seen("db", Condition::Healthy, "")];
    for (at_second, all) in [(100, &well), (110, &well), (120, &ill), (130, &ill), (140, &well)] {
        store.health_seen("h", all, at(at_second)).await.unwrap();
        let since = other.health_seen("h", all, at(at_second + 1)).await.unwrap();
        assert_eq!(since["db"], at(100));
    }
    // One that looked earlier and comes late tells nothing new.
    other.health_seen("h", &ill, at(139)).await.unwrap();
    let past = store.health_past("h", "web", at(0)).await.unwrap();
    let levels: Vec<_> = past.changes.iter().map(|c| (c.at, c.level, c.code.as_str())).collect();
    assert_eq!(
        levels,
        [
            (at(100), Condition::Healthy, ""),
            (at(120), Condition::Failing, "UNHEALTHY"),
            (at(140), Condition::Healthy, "")
        ]
    );
    assert_eq!(store.health_past("h", "db", at(0)).await.unwrap().changes.len(), 1);
    assert_eq!(store.health_past("elsewhere", "web", at(0)).await.unwrap(), HealthPast::default());
    // From the middle on: with how it was then.
    assert_eq!(store.health_past("h", "web", at(125)).await.unwrap().changes.len(), 2);
}

#[tokio::test]
async fn what_is_removed_is_off_and_another_cause_keeps_the_time_of_the_level() {
    let (_dir, store) = fresh().await;
    let began = HealthSeen { since: Some(at(50)), ..seen("web", Condition::Failing, "EXITED") };
    store.health_seen("h", &[began], at(100)).await.unwrap();
    let since = store.health_seen("h", &[seen("web", Condition::Failing, "OOM_KILLED")], at(110)).await.unwrap();
    assert_eq!(since["web"], at(50), "what the engine knew of before");
    store.health_seen("h", &[], at(120)).await.unwrap();
    store.health_seen("h", &[], at(130)).await.unwrap();
    let past = store.health_past("h", "web", at(0)).await.unwrap();
    let last = past.changes.last().unwrap();
    assert_eq!((past.changes.len(), last.at, last.level, last.what.as_str()), (3, at(120), Condition::Off, "removed"));
}

#[tokio::test]
async fn watching_is_one_span_as_long_as_somebody_goes_on() {
    let (_dir, store) = fresh().await;
    for second in [0, 60, 30, 120, 600, 660] {
        store.health_watched("h", at(second)).await.unwrap();
    }
    let past = store.health_past("h", "web", at(0)).await.unwrap();
    assert_eq!(past.watched, [(at(0), at(120)), (at(600), at(660))]);
    assert_eq!(store.health_past("h", "web", at(121)).await.unwrap().watched, [(at(600), at(660))]);
}

#[tokio::test]
async fn old_health_is_forgotten_but_for_how_things_were() {
    let (_dir, store) = fresh().await;
    let day = 86_400;
    for (n, second) in [0, day, 2 * day].into_iter().enumerate() {
        let level = if n == 1 { Condition::Failing } else { Condition::Healthy };
        store.health_seen("h", &[seen("web", level, "")], at(second)).await.unwrap();
    }
    store
        .health_seen("h", &[seen("web", Condition::Healthy, ""), seen("job", Condition::Healthy, "")], at(2 * day + 1))
        .await
        .unwrap();
    store.health_seen("h", &[seen("web", Condition::Healthy, "")], at(2 * day + 2)).await.unwrap();
    store.health_watched("h", at(0)).await.unwrap();
    store.heal_begins("h", "web", "UNHEALTHY", at(0), None).await.unwrap().unwrap();
    store.health_watched("h", at(20 * day)).await.unwrap();
    let past = store.health_past("h", "web", at(0)).await.unwrap();
    assert_eq!(past.changes.iter().map(|c| c.at).collect::<Vec<_>>(), [at(2 * day)], "how it was eight days ago");
    assert_eq!(past.watched, [(at(20 * day), at(20 * day))]);
    assert_eq!(store.health_past("h", "job", at(0)).await.unwrap().changes, []);
    assert_eq!(store.heals("h", 10).await.unwrap(), []);
    // One that is never at rest does not fill the disk.
    for n in 0..health::CHANGES + 20 {
        let level = if n % 2 == 0 { Condition::Failing } else { Condition::Healthy };
        store.health_seen("h", &[seen("web", level, "")], at(20 * day + n + 1)).await.unwrap();
    }
    store.health_watched("h", at(20 * day + 2000)).await.unwrap();
    let past = store.health_past("h", "web", at(0)).await.unwrap();
    assert_eq!(past.changes.len() as i64, health::CHANGES);
}

#[tokio::test]
async fn a_change_is_dated_by_the_engine_where_it_knows_better() {
    let (_dir, store) = fresh().await;
    let of = |level, since| HealthSeen { since: Some(at(since)), ..seen("web", level, "") };
    store.health_seen("h", &[of(Condition::Healthy, 10)], at(100)).await.unwrap();
    // It failed while nobody looked.
    let since = store.health_seen("h", &[of(Condition::Failing, 150)], at(200)).await.unwrap();
    assert_eq!(since["web"], at(150));
    // The container runs since 10; that it works again was seen at 300.
    let since = store.health_seen("h", &[of(Condition::Healthy, 10)], at(300)).await.unwrap();
    assert_eq!(since["web"], at(300));
}

#[tokio::test]
async fn nobody_is_told_twice() {
    let (_dir, store) = fresh().await;
    let other = Store::open(store.path()).await.unwrap();
    assert!(store.health_told("h", "web", Some(Condition::Failing), at(1)).await.unwrap());
    assert!(!other.health_told("h", "web", Some(Condition::Failing), at(2)).await.unwrap());
    assert_eq!(other.health_known("h").await.unwrap()["web"], Condition::Failing);
    assert!(other.health_told("h", "web", Some(Condition::Degraded), at(3)).await.unwrap());
    assert!(other.health_told("h", "web", None, at(4)).await.unwrap());
    assert!(!store.health_told("h", "web", None, at(5)).await.unwrap());
    assert!(store.health_known("h").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_restart_is_begun_by_one_only() {
    let (_dir, store) = fresh().await;
    let first = store.heal_begins("h", "web", "UNHEALTHY", at(10), None).await.unwrap().unwrap();
    assert_eq!(store.heal_begins("h", "web", "UNHEALTHY", at(11), None).await.unwrap(), None);
    store.heal_begins("h", "db", "UNHEALTHY", at(11), None).await.unwrap().unwrap();
    store.heal_ended(first, "restarted").await.unwrap();
    let second = store.heal_begins("h", "web", "PROBE_REFUSED", at(99), Some(first)).await.unwrap().unwrap();
    assert_eq!(store.heal_begins("h", "web", "UNHEALTHY", at(99), Some(first)).await.unwrap(), None);
    let acts = store.heals("h", 10).await.unwrap();
    let shown: Vec<_> = acts.iter().map(|a| (a.name.as_str(), a.code.as_str(), a.outcome.as_deref())).collect();
    assert_eq!(
        shown,
        [("web", "PROBE_REFUSED", None), ("db", "UNHEALTHY", None), ("web", "UNHEALTHY", Some("restarted"))]
    );
    assert_eq!(acts[0].id, second);
    assert_eq!(store.heals("h", 1).await.unwrap().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever texts come in come out again, and a difference applied to the old text gives the new one.
    #[test]
    fn any_text_is_kept_as_it_is(
        names in proptest::collection::vec(".{0,20}", 4),
        old in "([a-c\u{0}\u{1b}ä]{0,3}\n){0,12}",
        new in "([a-c\u{0}\u{1b}ä]{0,3}\n){0,12}",
        code in ".{0,12}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, store) = fresh().await;
            let mut first = attempt(&names[0], &names[1], Verdict::Failed, 1);
            first.codes = vec![code.clone()];
            first.host.clone_from(&names[2]);
            first.files = vec![file(&names[3], &old)];
            let before = store.add_attempt(&first).await.unwrap();
            let second = NewAttempt { files: vec![file(&names[3], &new)], ..first.clone() };
            let after = store.add_attempt(&second).await.unwrap();
            let wanted = Wanted { lab: Some(names[0].clone()), owner: Some(names[1].clone()), ..Wanted::default() };
            let found = store.attempts(&wanted).await.unwrap();
            assert_eq!(found.len(), 2);
            assert_eq!((&found[1].host, &found[1].codes), (&first.host, &first.codes));
            assert_eq!(store.files(before).await.unwrap(), first.files);
            assert_eq!(store.progress(&names[1]).await.unwrap()[&names[0]].attempts, 2);
            let changes = store.changes(before, after).await.unwrap();
            if old == new {
                assert_eq!(changes.files, []);
            } else {
                assert_eq!(applied(&old, changes.files[0].diff.as_deref().unwrap()), new);
            }
        });
    }
}

/// `old` with a unified difference applied to it.
fn applied(old: &str, diff: &str) -> String {
    let mut rest = old.split_inclusive('\n');
    let mut out = String::new();
    let mut line = 1;
    for entry in diff.split_inclusive('\n').skip_while(|l| !l.starts_with("@@")) {
        if let Some(range) = entry.strip_prefix("@@ -") {
            let start = range.split([',', ' ']).next().unwrap().parse::<usize>().unwrap();
            let empty = range.split(' ').next().unwrap().ends_with(",0");
            while line < start + usize::from(empty) {
                out.push_str(rest.next().unwrap());
                line += 1;
            }
        } else if let Some(text) = entry.strip_prefix('+') {
            out.push_str(text);
        } else {
            let kept = rest.next().unwrap();
            line += 1;
            assert_eq!(kept, &entry[1..]);
            if entry.starts_with(' ') {
                out.push_str(kept);
            }
        }
    }
    out.extend(rest);
    out
}
