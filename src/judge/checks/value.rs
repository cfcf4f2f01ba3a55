//! Values in files that machines read.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_json_path::JsonPath;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Json,
    Yaml,
    Toml,
    Env,
}

impl Format {
    /// By a file's name; YAML, which JSON is, too, where it does not tell.
    pub(super) fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name.rsplit_once('.').map_or("", |(_, end)| end) {
            "json" => Self::Json,
            "toml" => Self::Toml,
            "env" => Self::Env,
            _ if name.starts_with(".env") => Self::Env,
            _ => Self::Yaml,
        }
    }

    /// As a message says it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
            Self::Env => "file of variables",
        }
    }

    /// Reads a text; else the line that is wrong, and why.
    pub(super) fn read(self, path: &str, text: &str) -> Result<Value, (Option<usize>, String)> {
        match self {
            Self::Json => serde_json::from_str(text).map_err(|e| {
                let why = e.to_string();
                let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
                (Some(e.line()).filter(|line| *line > 0), why.to_owned())
            }),
            Self::Yaml => {
                // Text that grows on reading is refused.
                let options = serde_yaml::options! {
                    with_snippet: false,
                    budget: serde_yaml::budget! { max_events: 200_000, max_nodes: 100_000, max_depth: 64 },
                    alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 20_000 },
                };
                serde_yaml::from_str_with_options(text, options).map_err(|error| {
                    let place = crate::config::Source::new(path, text)
                        .yaml()
                        .and_then(|e| e.place.map(|p| (p.line, e.message)));
                    match place {
                        Some((line, message)) => (Some(line), message),
                        None => (None, error.to_string()),
                    }
                })
            }
            Self::Toml => {
                let read = toml::from_str::<toml::Value>(text).map_err(|e| {
                    let line =
                        e.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
                    (line, e.message().to_owned())
                })?;
                serde_json::to_value(read).map_err(|e| (None, e.to_string()))
            }
            Self::Env => variables(text),
        }
    }
}

/// `NAME=value` lines.
fn variables(text: &str) -> Result<Value, (Option<usize>, String)> {
    let mut all = Map::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err((Some(n + 1), "expected NAME=value".to_owned()));
        };
        let value = value.trim();
        let quoted = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.split_once(*q).map(|(inner, _)| inner));
        let value = quoted.unwrap_or_else(|| value.split(" #").next().unwrap_or_default().trim());
        all.insert(name.trim().to_owned(), Value::String(value.to_owned()));
    }
    Ok(Value::Object(all))
}

/// What is at `a.b.0`, or what a `JSONPath` finds.
pub(super) fn query<'a>(document: &'a Value, query: &str) -> Result<Vec<&'a Value>, String> {
    if query.starts_with('$') {
        let path = JsonPath::parse(query).map_err(|e| format!("found `{query}`, expected a JSONPath: {e}"))?;
        return Ok(path.query(document).all());
    }
    let mut at = Some(document);
    for name in query.split('.') {
        let name: Cow<'_, str> = name.into();
        at = at.and_then(|value| match value {
            Value::Object(fields) => fields.get(name.as_ref()),
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        });
    }
    Ok(at.into_iter().collect())
}
