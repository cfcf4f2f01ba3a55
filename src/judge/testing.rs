//! What tests of the judge share: labs of a few lines, submissions of a few files, and kinds that do as they are told.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, read, schema};
use super::{Metrics, Submission, Trouble};
use crate::config::{Place, Source};
use crate::labs::{self, BuildPlan, Lab, Limits, Needs, Origin, Rules, Task, Tests, Tree};

/// Files from their paths and texts.
pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// A lab with checks as a manifest has them, in one task.
pub(super) fn lab(checks: &str) -> Lab {
    let read: Vec<serde_json::Map<String, Value>> = Source::new("lab.yaml", checks).parse().unwrap();
    let checks_of = |mut fields: serde_json::Map<String, Value>| {
        let mut take = |name: &str| fields.shift_remove(name);
        let text = |value: Option<Value>| value.and_then(|v| v.as_str().map(str::to_owned));
        let flag = |value: Option<Value>| value.and_then(|v| v.as_bool()).unwrap_or_default();
        labs::Check {
            id: text(take("id")).unwrap_or_default(),
            kind: text(take("kind")).unwrap_or_default(),
            title: text(take("title")),
            points: take("points").and_then(|v| v.as_u64()).unwrap_or_default() as u32,
            required: flag(take("required")),
            warn: text(take("severity")).as_deref() == Some("warn"),
            needs: take("needs").map(|v| serde_json::from_value(v).unwrap()).unwrap_or_default(),
            timeout: take("timeout").and_then(|v| v.as_u64()).map(Duration::from_millis),
            code: text(take("code")),
            message: text(take("message")),
            fields,
            place: Place { line: 1, column: 1 },
            places: BTreeMap::new(),
        }
    };
    Lab {
        id: "sample".into(),
        title: String::new(),
        summary: String::new(),
        minutes: 1,
        difficulty: labs::Difficulty::default(),
        tags: Vec::new(),
        readme: String::new(),
        origin: Origin::BuiltIn,
        digest: "d".into(),
        images: Vec::new(),
        session: Needs::default(),
        workspace: Limits { max_bytes: 1 << 20, max_files: 100 },
        judge: Rules { timeout: Duration::from_mins(1), min_score: 0 },
        build: Some(BuildPlan { dockerfile: "Dockerfile".into(), ..BuildPlan::default() }),
        run: BTreeMap::new(),
        tasks: vec![Task {
            id: "task".into(),
            title: String::new(),
            hints: Vec::new(),
            checks: read.into_iter().map(checks_of).collect(),
        }],
        hints: BTreeMap::new(),
        tests: Tests::default(),
        starter: Tree::new(),
        source: Arc::new(Source::new("lab.yaml", checks)),
    }
}

/// What one check sees of some files, which are `FILES: TEXT` and so on.
pub(super) fn look(check: &str, files: &[(&str, &str)]) -> Seen {
    look_with(&lab(&format!("- {{id: it, {check}}}")), &Submission::of(&tree(files)).unwrap())
}

/// What a lab's only check sees of a submission.
pub(super) fn look_with(lab: &Lab, submission: &Submission) -> Seen {
    let planned = super::compile(lab).unwrap_or_else(|e| panic!("{}", e[0]));
    let mut case = Case {
        lab,
        submission,
        dockerfile: super::runner::recipe(lab, submission).unwrap(),
        bench: None,
        metrics: Metrics::default(),
        printed: super::printed::Printed::default(),
        tell: &|_| {},
    };
    let seen = planned[0].look.look(&mut case).now_or_never().expect("a static check waits for nothing").unwrap();
    let known = planned[0].kind.codes;
    for found in &seen.found {
        assert!(planned[0].codes().iter().any(|(_, hint)| !hint.is_empty()), "{}", found.code);
        let inner = !planned[0].look.inner().is_empty();
        assert!(inner || known.iter().any(|code| code.name == found.code), "{} is not in the table", found.code);
        assert!(!found.message.is_empty());
    }
    seen
}

/// The codes that one check gives for some files.
pub(super) fn codes(check: &str, files: &[(&str, &str)]) -> Vec<&'static str> {
    look(check, files).found.into_iter().map(|found| found.code).collect()
}

/// A kind that does as it is told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Told {
    #[serde(default)]
    fail: bool,
    #[serde(default)]
    wait: bool,
    #[serde(default)]
    trouble: bool,
    #[serde(default)]
    unbuilt: bool,
    #[serde(default)]
    says: Option<String>,
}

impl Check for Told {
    fn title(&self) -> String {
        "does as it is told".into()
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            if self.wait {
                std::future::pending::<()>().await;
            }
            if self.trouble {
                return Err(Trouble::new("J_DAEMON", "it is gone", "look for it"));
            }
            case.printed.runtime.line(self.says.as_deref().unwrap_or_default());
            let found = Found::new("TOLD", self.says.as_deref().unwrap_or("as told")).at("Dockerfile", 3);
            if self.unbuilt {
                return Ok(Seen::unbuilt("no image", vec![Found::new("BUILD_FAILED", "a step failed")]));
            }
            Ok(Seen::of("looked", Some(found).into_iter().filter(|_| self.fail).collect()))
        }
        .boxed()
    }
}

const CODES: &[Code] =
    &[Code { name: "TOLD", hint: "What was told?" }, Code { name: "TOLD_LATE", hint: "Is it slow?" }];

const fn kind(name: &'static str, phase: Phase, need: Need, late: Option<&'static str>) -> Kind {
    Kind {
        name,
        phase,
        need,
        about: "Does as it is told.",
        codes: CODES,
        timeout: Duration::from_mins(5),
        late,
        read: read::<Told>,
        schema: schema::<Told>,
    }
}

pub(super) const KINDS: &[Kind] = &[
    kind("test.file", Phase::Files, Need::Files, Some("TOLD_LATE")),
    kind("test.build", Phase::Build, Need::Docker, Some("TOLD_LATE")),
    kind("test.image", Phase::Image, Need::Image, Some("TOLD_LATE")),
    kind("test.run", Phase::Run, Need::Image, None),
];
