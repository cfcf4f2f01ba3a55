//! Checks made of checks.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::super::Trouble;
use super::super::check::{Case, Check, Code, Fields, Found, Kind, Need, Phase, Seen, read, schema};

/// A check in another.
struct Inner {
    kind: &'static Kind,
    check: Box<dyn Check>,
}

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Fields::deserialize(deserializer)?;
        let wrong = |message: String, hint: String| serde::de::Error::custom(format!("{message}\n{hint}"));
        let Some(name) = fields.remove("kind") else {
            return Err(wrong("`kind` is missing in a check here".into(), "add `kind:` with the name of one".into()));
        };
        let kind = super::kind(name.as_str().unwrap_or_default()).map_err(|(message, hint)| wrong(message, hint))?;
        let check = (kind.read)(&fields).map_err(|e| {
            let field = if e.field.is_empty() { String::new() } else { format!(", `{}`", e.field) };
            wrong(format!("in {}{field}: {}", kind.name, e.message), e.hint)
        })?;
        Ok(Self { kind, check })
    }
}

impl JsonSchema for Inner {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Inner".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "required": ["kind"], "properties": { "kind": { "type": "string" } } })
    }
}

impl Inner {
    async fn look(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        self.check.look(case).await
    }
}

fn inner(checks: &[Inner]) -> Vec<(&'static Kind, &dyn Check)> {
    checks.iter().map(|inner| (inner.kind, inner.check.as_ref())).collect()
}

fn titles(checks: &[Inner], between: &str) -> String {
    checks.iter().map(|inner| inner.check.title()).collect::<Vec<_>>().join(between)
}

fn none(checks: &[Inner]) -> Option<super::super::check::Wrong> {
    checks.is_empty().then(|| super::super::check::Wrong::new("checks", "found no check, expected one or more"))
}

/// `all`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct All {
    /// Checks that must hold.
    checks: Vec<Inner>,
}

impl Check for All {
    fn title(&self) -> String {
        titles(&self.checks, ", and ")
    }

    fn wrong(&self) -> Option<super::super::check::Wrong> {
        none(&self.checks)
    }

    fn inner(&self) -> Vec<(&'static Kind, &dyn Check)> {
        inner(&self.checks)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let mut all = Seen::default();
            let mut observed = Vec::new();
            for check in &self.checks {
                let seen = check.look(case).await?;
                observed.extend(Some(seen.observed).filter(|text| !text.is_empty()));
                all.found.extend(seen.found);
                all.unbuilt |= seen.unbuilt;
                if all.unbuilt {
                    break;
                }
            }
            all.observed = observed.join("; ");
            Ok(all)
        }
        .boxed()
    }
}

/// `any`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Any {
    /// Checks of which one must hold.
    checks: Vec<Inner>,
}

impl Check for Any {
    fn title(&self) -> String {
        titles(&self.checks, ", or ")
    }

    fn wrong(&self) -> Option<super::super::check::Wrong> {
        none(&self.checks)
    }

    fn inner(&self) -> Vec<(&'static Kind, &dyn Check)> {
        inner(&self.checks)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let mut found = Vec::new();
            for check in &self.checks {
                let seen = check.look(case).await?;
                if seen.found.is_empty() || seen.unbuilt {
                    return Ok(seen);
                }
                found.extend(seen.found);
            }
            let why: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
            let first = found.first().cloned().unwrap_or_default();
            let message = format!("none of {} ways is taken: {}", self.checks.len(), why.join("; "));
            Ok(Seen::of("none holds", vec![Found { code: "NONE_HOLDS", message, ..first }]))
        }
        .boxed()
    }
}

/// `not`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Not {
    /// Checks that must not hold, none of them.
    checks: Vec<Inner>,
}

impl Check for Not {
    fn title(&self) -> String {
        format!("Not: {}", titles(&self.checks, ", nor "))
    }

    fn wrong(&self) -> Option<super::super::check::Wrong> {
        none(&self.checks)
    }

    fn inner(&self) -> Vec<(&'static Kind, &dyn Check)> {
        inner(&self.checks)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let mut held = Vec::new();
            for check in &self.checks {
                let seen = check.look(case).await?;
                if seen.unbuilt {
                    return Ok(seen);
                }
                if seen.found.is_empty() {
                    let what = check.check.title();
                    held.push(
                        Found::new("MUST_NOT_HOLD", format!("this must not be so: {what} ({})", seen.observed))
                            .found(seen.observed),
                    );
                }
            }
            let observed = if held.is_empty() { "none holds" } else { "holds" };
            Ok(Seen::of(observed, held))
        }
        .boxed()
    }
}

/// Longer than any of what is in it; each of those has no time of its own.
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "all",
        phase: Phase::Files,
        need: Need::Files,
        about: "Several checks as one: all of `checks` hold.",
        codes: &[Code { name: "TOO_SLOW", hint: "Something takes longer than it may; which of the steps is it?" }],
        timeout: PATIENCE,
        late: Some("TOO_SLOW"),
        read: read::<All>,
        schema: schema::<All>,
    },
    Kind {
        name: "any",
        phase: Phase::Files,
        need: Need::Files,
        about: "One of `checks` holds.",
        codes: &[
            Code {
                name: "NONE_HOLDS",
                hint: "There are several ways to solve this; which of them is yours closest to?",
            },
            Code { name: "TOO_SLOW", hint: "Something takes longer than it may; which of the steps is it?" },
        ],
        timeout: PATIENCE,
        late: Some("TOO_SLOW"),
        read: read::<Any>,
        schema: schema::<Any>,
    },
    Kind {
        name: "not",
        phase: Phase::Files,
        need: Need::Files,
        about: "None of `checks` holds.",
        codes: &[
            Code {
                name: "MUST_NOT_HOLD",
                hint: "Something is there that the task wants gone; read its steps once more.",
            },
            Code { name: "TOO_SLOW", hint: "Something takes longer than it may; which of the steps is it?" },
        ],
        timeout: PATIENCE,
        late: Some("TOO_SLOW"),
        read: read::<Not>,
        schema: schema::<Not>,
    },
];
