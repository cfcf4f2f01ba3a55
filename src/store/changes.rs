//! What is different from one attempt to the next: files, checks, codes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use similar::TextDiff;

use super::{AttemptFile, AttemptId, ChangeKind, Changes, CheckChange, FileChange, Store, StoreError};

/// How long one difference may take to find; after that it is a coarser one.
const PATIENCE: Duration = Duration::from_millis(200);

impl Store {
    /// What is different from one attempt to another. An attempt that is not there has nothing in it.
    pub async fn changes(&self, before: AttemptId, after: AttemptId) -> Result<Changes, StoreError> {
        let (old, new) = (self.files(before).await?, self.files(after).await?);
        let (old_report, new_report) = (self.report(before).await?, self.report(after).await?);
        let codes = |found: Option<super::Attempt>| found.map(|a| a.codes).unwrap_or_default();
        let (old_codes, new_codes) = (codes(self.attempt(before).await?), codes(self.attempt(after).await?));
        // Comparing is work: not where others wait for their turn.
        let compared = tokio::task::spawn_blocking(move || Changes {
            files: files(&old, &new),
            checks: checks(old_report.as_deref(), new_report.as_deref()),
            codes_new: missing_in(&old_codes, &new_codes),
            codes_gone: missing_in(&new_codes, &old_codes),
        });
        compared.await.map_err(|e| {
            StoreError::new(
                super::StoreTrouble::Other,
                &self.path,
                format_args!("the attempts cannot be compared: {e}"),
            )
        })
    }
}

/// Those of `there` that are not in `from`, each once, in their order.
fn missing_in(from: &[String], there: &[String]) -> Vec<String> {
    let mut seen: BTreeSet<&String> = from.iter().collect();
    there.iter().filter(|code| seen.insert(code)).cloned().collect()
}

fn files(old: &[AttemptFile], new: &[AttemptFile]) -> Vec<FileChange> {
    let by_path = |files: &'_ [AttemptFile]| -> BTreeMap<String, usize> {
        files.iter().enumerate().map(|(i, f)| (f.path.clone(), i)).collect()
    };
    let (before, after) = (by_path(old), by_path(new));
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes = Vec::new();
    for path in paths {
        let was = before.get(path).map(|i| &old[*i]);
        let is = after.get(path).map(|i| &new[*i]);
        let kind = match (was, is) {
            (Some(was), Some(is)) if was.sha256 == is.sha256 && was.size == is.size => continue,
            (Some(_), Some(_)) => ChangeKind::Changed,
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
        };
        // A file that is not there is as good as an empty one; one whose text was not kept is not.
        let text = |file: Option<&AttemptFile>| file.map_or(Some(String::new()), |f| f.text.clone());
        let diff = text(was).zip(text(is)).map(|(was, is)| unified(path, &was, &is, kind));
        changes.push(FileChange { path: path.clone(), kind, diff });
    }
    changes
}

fn unified(path: &str, was: &str, is: &str, kind: ChangeKind) -> String {
    let (old, new) = (format!("a/{path}"), format!("b/{path}"));
    let nothing = "/dev/null".to_owned();
    let (old, new) = match kind {
        ChangeKind::Added => (nothing, new),
        ChangeKind::Removed => (old, nothing),
        ChangeKind::Changed => (old, new),
    };
    TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(was, is)
        .unified_diff()
        .context_radius(3)
        .header(&old, &new)
        .to_string()
}

/// Checks of a report: name, title, outcome. A report of a form that is not known has none.
fn outcomes(report: Option<&str>) -> Vec<(String, String, String)> {
    let report: Value = report.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let checks = report.get("checks").and_then(Value::as_array);
    checks.into_iter().flatten().map(|c| (text(c, "id"), text(c, "title"), text(c, "status"))).collect()
}

fn checks(old: Option<&str>, new: Option<&str>) -> Vec<CheckChange> {
    let (before, after) = (outcomes(old), outcomes(new));
    let status = |of: &[(String, String, String)], id: &str| of.iter().find(|c| c.0 == id).map(|c| c.2.clone());
    let mut changes = Vec::new();
    for (id, title, now) in &after {
        let was = status(&before, id);
        if was.as_ref() != Some(now) {
            changes.push(CheckChange { id: id.clone(), title: title.clone(), before: was, after: Some(now.clone()) });
        }
    }
    for (id, title, was) in before {
        if status(&after, &id).is_none() {
            changes.push(CheckChange { id, title, before: Some(was), after: None });
        }
    }
    changes
}
