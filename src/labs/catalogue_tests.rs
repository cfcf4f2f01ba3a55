use std::process::Command;

use super::*;
use crate::config::{GitLabs, Labs};

/// Writes a small lab.
fn write(dir: &Path, title: &str, difficulty: &str) {
    let id = dir.file_name().unwrap().to_str().unwrap();
    let manifest = format!(
        "schema: lab/v1\nid: {id}\ntitle: {title}\nminutes: 5\ndifficulty: {difficulty}\ntasks:\n  - id: one\n    title: One\n    checks:\n      - {{id: there, kind: file.exists, path: a, points: 1}}\ntests:\n  starter: {{codes: [FILE_MISSING]}}\n"
    );
    std::fs::create_dir_all(dir.join("starter")).unwrap();
    std::fs::write(dir.join("lab.yaml"), manifest).unwrap();
    std::fs::write(dir.join("README.md"), "# One\n").unwrap();
    std::fs::write(dir.join("starter/b"), "b").unwrap();
}

fn config(folders: &[&Path], git: &[GitLabs]) -> Config {
    let folders = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let mut config = Config::default();
    config.labs = Labs { folders, git: git.to_vec() };
    config
}

fn told(catalogue: &Catalogue) -> String {
    catalogue.problems.iter().map(|error| format!("{error}\n")).collect::<Vec<_>>().concat()
}

#[test]
fn folders_are_labs_or_full_of_labs() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("many/hard"), "Hard", "advanced");
    write(&dir.path().join("many/easy"), "Easy", "beginner");
    write(&dir.path().join("many/b-easy"), "Easy, too", "beginner");
    write(&dir.path().join("many/broken"), "''", "beginner");
    write(&dir.path().join("hard"), "Another", "advanced");
    std::fs::create_dir(dir.path().join("many/no-lab")).unwrap();
    let paths = ["many", "hard", "missing", "many/no-lab"].map(|name| dir.path().join(name));
    let all = read(&config(&paths.each_ref().map(PathBuf::as_path), &[]), None);
    let mine = |catalogue: &Catalogue| -> Vec<String> {
        let own = catalogue.labs.iter().filter(|lab| lab.origin != Origin::BuiltIn);
        own.map(|lab| lab.title.clone()).collect()
    };
    assert_eq!(mine(&all), ["Easy, too", "Easy", "Another"]);
    let problems = told(&all);
    assert!(problems.contains("many/broken/lab.yaml:3:8: found nothing, expected a title"), "{problems}");
    assert!(problems.contains("missing: cannot be read"), "{problems}");
    assert!(problems.contains("no-lab: holds no labs"), "{problems}");
    assert_eq!(all.problems.len(), 3, "{problems}");
    assert_eq!(all.notes.len(), 1);
    assert!(all.notes[0].starts_with("hard from ") && all.notes[0].contains("takes the place"), "{:?}", all.notes);
}

#[test]
fn what_is_built_in_can_be_read() {
    let all = read(&Config::default(), None);
    assert!(all.problems.is_empty(), "{}", told(&all));
    let order: Vec<_> = all.labs.iter().map(|lab| (lab.difficulty, lab.id.clone())).collect();
    assert!(order.is_sorted());
}

fn git(dir: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .args(["-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"])
        .args(args);
    let output = command.env_remove("GIT_DIR").output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn repositories_are_fetched_and_a_failure_leaves_the_last_copy() {
    let dir = tempfile::tempdir().unwrap();
    let (origin, copies) = (dir.path().join("origin"), dir.path().join("copies"));
    write(&origin.join("labs/from-git"), "First", "beginner");
    git(&origin, &["init", "--quiet", "-b", "main"]);
    // A hook that a copy must not run, and a module that it must not fetch.
    std::fs::write(origin.join(".gitmodules"), "[submodule \"x\"]\n\tpath = x\n\turl = ext::false\n").unwrap();
    git(&origin, &["add", "."]);
    git(&origin, &["commit", "--quiet", "-m", "first"]);
    let source = GitLabs {
        url: format!("file://{}", origin.display()),
        branch: Some("main".into()),
        folder: Some("labs".into()),
    };
    let config = config(&[], std::slice::from_ref(&source));
    let title = |all: &Catalogue| all.get("from-git").map(|lab| lab.title.clone());

    let before = read(&config, Some(&copies));
    assert!(told(&before).contains("was not fetched yet") && told(&before).contains("ondeck lab update"));
    let done = git::update_in(Some(&copies), &config, &|_| {}).await.done;
    assert!(done[0].contains("was fetched at"), "{done:?}");
    let all = read(&config, Some(&copies));
    assert_eq!(title(&all).unwrap(), "First", "{}", told(&all));
    assert!(
        matches!(&all.get("from-git").unwrap().origin, Origin::Git(url, path) if *url == source.url && path.is_dir())
    );
    assert!(git::update_in(Some(&copies), &config, &|_| {}).await.done[0].contains("already"));

    write(&origin.join("labs/from-git"), "Second", "beginner");
    git(&origin, &["commit", "--quiet", "--all", "-m", "second"]);
    let done = git::update_in(Some(&copies), &config, &|_| {}).await.done;
    assert!(done[0].contains("now"), "{done:?}");
    assert_eq!(title(&read(&config, Some(&copies))).unwrap(), "Second");

    std::fs::rename(&origin, dir.path().join("gone")).unwrap();
    let errors = git::update_in(Some(&copies), &config, &|_| {}).await.errors;
    assert!(errors[0].to_string().contains("git: ") && !errors[0].hint.is_empty(), "{}", errors[0]);
    assert_eq!(title(&read(&config, Some(&copies))).unwrap(), "Second");
    // One copy, the name of its commit, and nothing that was begun.
    let kept = copies.read_dir().unwrap().next().unwrap().unwrap().path();
    assert_eq!(kept.read_dir().unwrap().count(), 2, "{kept:?}");
}

#[tokio::test]
async fn a_branch_that_is_not_there_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let origin = dir.path().join("origin");
    std::fs::create_dir(&origin).unwrap();
    git(&origin, &["init", "--quiet", "-b", "main"]);
    git(&origin, &["commit", "--quiet", "--allow-empty", "-m", "empty"]);
    let source = GitLabs { url: origin.display().to_string(), branch: Some("other".into()), folder: None };
    let errors = git::update_in(Some(dir.path()), &config(&[], &[source]), &|_| {}).await.errors;
    assert!(errors[0].message.contains("other") && errors[0].hint.contains("`branch`"), "{}", errors[0]);
}
