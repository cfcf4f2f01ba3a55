//! What is said of a submission. The JSON form of [`Report`] is stable: `ondeck judge --json` prints it, the store
//! keeps it. Fields are only added; [`SCHEMA`] changes when one changes its meaning.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::EngineError;

/// The version of a report's form.
pub const SCHEMA: u32 = 1;

/// What came of judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All that is required holds.
    Passed,
    /// Something that is required does not.
    Failed,
    /// It could not be judged; this says nothing about the submission.
    Error,
}

/// Where it was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In the learner's session, which the learner may have prepared.
    Quick,
    /// In a fresh session, from a copy of the files.
    Clean,
}

/// What was said of a submission. Its texts are harmless.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// See [`SCHEMA`].
    pub schema: u32,
    /// The lab.
    pub lab: String,
    /// The digest of the lab's files.
    pub lab_digest: String,
    /// Where it was judged.
    pub mode: Mode,
    /// What came of it.
    pub verdict: Verdict,
    /// Whether the verdict is [`Verdict::Passed`].
    pub passed: bool,
    /// Points.
    pub score: u32,
    /// Points that could be had.
    pub max_score: u32,
    /// When it began, as RFC 3339 has it.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: Timestamp,
    /// How long it took.
    pub elapsed_seconds: f64,
    /// A digest of the submission's files.
    pub workspace_digest: String,
    /// What was looked at, in the order of the manifest.
    pub checks: Vec<CheckResult>,
    /// What is wrong, in the order of the checks.
    pub failures: Vec<Failure>,
    /// What prevented judging.
    pub error: Option<Trouble>,
    /// What was measured.
    pub metrics: Metrics,
    /// What was printed.
    pub notes: Notes,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It does not, which costs its points and prevents nothing.
    Warned,
    /// It was not reached: something that it needs failed.
    NotReached,
    /// It could not be made.
    Error,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// Its name.
    pub id: String,
    /// The task it belongs to.
    pub task: String,
    /// What it is called.
    pub title: String,
    /// Its kind.
    pub kind: String,
    /// How it ended.
    pub status: CheckStatus,
    /// Points that it gave.
    pub points: u32,
    /// Points that it could give.
    pub max_points: u32,
    /// Whether the lab is not passed without it.
    pub required: bool,
    /// How long it took.
    pub elapsed_seconds: f64,
    /// What was seen, in a few words.
    pub observed: String,
    /// Why it was not reached.
    pub because: Option<String>,
}

/// Something wrong with a submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// What it is, for hints and for machines: `DF_USER_ROOT`.
    pub code: String,
    /// The check that found it.
    pub check: String,
    /// What is wrong, with file and line where there are such.
    pub message: String,
    /// What to think about next.
    pub hint: String,
    /// The file.
    pub file: Option<String>,
    /// Its line, from 1.
    pub line: Option<usize>,
    /// What should be.
    pub expected: Option<String>,
    /// What is.
    pub found: Option<String>,
    /// Whether it only costs points.
    pub warning: bool,
}

/// What prevented judging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trouble {
    /// `J_DAEMON`, `J_SESSION_LOST`, `J_IMAGE`, `J_TIMEOUT`, `J_DISK`, `J_LAB_INVALID`, `J_CANCELLED`, `J_SUBMISSION`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Trouble {
    /// What prevented judging, and what to do about it.
    pub fn new(code: &str, message: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        let clean = |text: &str| super::printed::one_line(text, 1000);
        Self { code: code.to_owned(), message: clean(message.as_ref()), hint: clean(hint.as_ref()) }
    }

    /// Whoever asked wants it no more.
    pub fn cancelled() -> Self {
        Self::new("J_CANCELLED", "judging was cancelled", "nothing was decided; submit again when you like")
    }

    /// Something of this machine's disk.
    pub fn disk(what: &str, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "make room on this machine's disk",
            _ => "look at the folder for temporary files (TMPDIR)",
        };
        Self::new("J_DISK", format!("{what}: {error}"), hint)
    }
}

impl From<EngineError> for Trouble {
    /// An engine that does not do what every engine does.
    fn from(error: EngineError) -> Self {
        let hint = if error.hint.is_empty() { "is the engine up? (docker info) Then judge again" } else { &error.hint };
        Self::new("J_DAEMON", &error.message, hint)
    }
}

/// What was measured; `None` where it did not come so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// The build.
    pub build: Option<BuildMetrics>,
    /// The image's size in units of 1,000,000 bytes, unpacked.
    pub image_size_mb: Option<f64>,
    /// Layers of the image that are not empty.
    pub layers: Option<u32>,
    /// Bytes of the build context.
    pub context_bytes: Option<u64>,
    /// From the start of the first container until it answered a request.
    pub ready_seconds: Option<f64>,
}

/// What was measured of a build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BuildMetrics {
    /// How long it took.
    pub elapsed_seconds: f64,
    /// Its steps.
    pub steps: u32,
    /// Those for which nothing had to be done.
    pub cached_steps: u32,
}

/// What was printed, cut to its first and last kilobytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notes {
    /// By the build.
    pub build_logs: String,
    /// By the containers.
    pub runtime_logs: String,
}

/// The form of a report's JSON: `assets/report.schema.json`.
pub fn report_schema() -> String {
    let schema = schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<Report>();
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    format!("{text}\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_of_reports_is_that_of_the_types() {
        const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/report.schema.json");
        let made = report_schema();
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(FILE, &made).unwrap();
        }
        let published = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            made == published,
            "UPDATE_SCHEMA=1 cargo test --lib published_schema writes assets/report.schema.json"
        );
    }

    #[test]
    fn what_is_kept_can_be_read_again() {
        let text = r#"{"schema":1,"lab":"lab1","lab_digest":"a","mode":"clean","verdict":"failed","passed":false,
            "score":5,"max_score":10,"started":"2026-01-02T03:04:05Z","elapsed_seconds":1.5,"workspace_digest":"b",
            "checks":[{"id":"c","task":"t","title":"C","kind":"df.user","status":"not_reached","points":0,
            "max_points":5,"required":true,"elapsed_seconds":0.0,"observed":"","because":"it needs `b`, which failed"}],
            "failures":[{"code":"X","check":"b","message":"m","hint":"h","file":"Dockerfile","line":3,
            "expected":null,"found":null,"warning":false}],"error":null,
            "metrics":{"build":{"elapsed_seconds":1.0,"steps":3,"cached_steps":1},"image_size_mb":75.5,"layers":2,
            "context_bytes":10,"ready_seconds":null},"notes":{"build_logs":"","runtime_logs":""}}"#;
        let report: Report = serde_json::from_str(text).unwrap();
        let again: serde_json::Value = serde_json::to_value(&report).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }
}
