//! Reading the fields of a check, and saying which of them is wrong.

use std::borrow::Cow;

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::{Fields, Wrong};
use crate::config::suggestion;

/// A regular expression; `^` and `$` are the ends of lines.
#[derive(Debug, Clone)]
pub(super) struct Pattern(pub Regex);

impl Pattern {
    /// Whether it matches anywhere in a text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        RegexBuilder::new(&text).multi_line(true).size_limit(1 << 20).build().map(Self).map_err(|error| {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Error::custom(format!(
                "found `{text}`, expected a regular expression: {why}\nin the syntax of Rust's regex"
            ))
        })
    }
}

impl JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "regex" })
    }
}

/// A path of which parts may be left open: `*` and `?` within a name, `**` over folders.
#[derive(Debug, Clone)]
pub(super) struct Glob {
    text: String,
    matcher: GlobMatcher,
}

impl Glob {
    /// Reads one.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let plain = text.trim_start_matches("./");
        let plain = plain.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(plain);
        let glob = GlobBuilder::new(plain).literal_separator(true).backslash_escape(true).build();
        let matcher = glob.map_err(|e| format!("found `{text}`, expected a path or glob: {}", e.kind()))?;
        Ok(Self { text: plain.to_owned(), matcher: matcher.compile_matcher() })
    }

    /// Whether it means a path.
    pub(super) fn is_match(&self, path: &str) -> bool {
        self.matcher.is_match(path)
    }

    /// Whether it means one path only.
    pub(super) fn is_plain(&self) -> bool {
        !self.text.contains(['*', '?', '[', '{'])
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(Error::custom)
    }
}

impl JsonSchema for Glob {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Glob".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// One, or a list of them.
#[derive(Debug, Clone, Serialize)]
pub(super) struct OneOrMore<T>(pub Vec<T>);

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |value| serde_json::from_value::<T>(value).map_err(Error::custom);
        match Value::deserialize(deserializer)? {
            Value::Array(all) => all.into_iter().map(read).collect::<Result<_, _>>().map(Self),
            one => read(one).map(|one| Self(vec![one])),
        }
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// Reads fields as a struct.
pub(super) fn read<T: DeserializeOwned + JsonSchema>(fields: &Fields) -> Result<T, Wrong> {
    let known = names::<T>();
    if let Some(name) = fields.keys().find(|name| !known.contains(name)) {
        let hint = if known.is_empty() {
            "this kind has no fields of its own".to_owned()
        } else {
            suggestion(name, known.iter().map(String::as_str))
        };
        return Err(Wrong { hint, ..Wrong::new(name, format!("found `{name}`, expected the name of a field")) });
    }
    let read = |fields: &Fields| serde_json::from_value::<T>(Value::Object(fields.clone()));
    let error = match read(fields) {
        Ok(read) => return Ok(read),
        Err(error) => error.to_string(),
    };
    // The one without which another error, or none, comes is the one.
    let guilty = fields.keys().find(|name| {
        let mut others = (*fields).clone();
        others.remove(*name);
        read(&others).err().is_none_or(|e| e.to_string() != error)
    });
    let (message, hint) = words(&error);
    Err(Wrong { field: guilty.cloned().unwrap_or_default(), message, hint })
}

/// The names of a struct's fields.
fn names<T: JsonSchema>() -> Vec<String> {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|p| p.keys().cloned().collect()).unwrap_or_default()
}

/// What the reader says, in words for people who write manifests.
fn words(error: &str) -> (String, String) {
    if let Some((message, hint)) = error.split_once('\n') {
        return (message.to_owned(), hint.to_owned());
    }
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    if error.starts_with("missing field") {
        let field = quoted(error);
        return (format!("`{field}` is missing here"), format!("add `{field}:` with its value"));
    }
    if let Some(rest) = error.strip_prefix("unknown variant ").or_else(|| error.strip_prefix("unknown field ")) {
        let mut names = rest.split('`').skip(1).step_by(2);
        let found = names.next().unwrap_or_default();
        let known: Vec<&str> = names.collect();
        return (format!("found `{found}`, expected one of {}", known.join(", ")), suggestion(found, known));
    }
    let types = [
        ("a sequence", "a list"),
        ("a map", "a group of fields"),
        ("map", "a group of fields"),
        ("sequence", "a list"),
        ("string ", "text "),
        ("a string", "text"),
        ("boolean", "true or false:"),
        ("a boolean", "true or false"),
        ("integer", "the number"),
        ("floating point", "the number"),
        ("null", "nothing"),
        ("u8", "a whole number from 0 to 255"),
        ("u16", "a whole number, 0 or more"),
        ("u32", "a whole number, 0 or more"),
        ("u64", "a whole number, 0 or more"),
        ("usize", "a whole number, 0 or more"),
        ("i64", "a whole number"),
        ("f64", "a number"),
    ];
    let plain = |text: &str| {
        let mut text = text.to_owned();
        for (from, to) in types {
            if let Some(rest) = text.strip_prefix(from) {
                text = format!("{to}{rest}");
                break;
            }
        }
        text
    };
    let rest = error.strip_prefix("invalid type: ").or_else(|| error.strip_prefix("invalid value: "));
    if let Some((found, expected)) = rest.and_then(|rest| rest.rsplit_once(", expected ")) {
        return (format!("found {}, expected {}", plain(found), plain(expected)), String::new());
    }
    (error.to_owned(), String::new())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, schemars::JsonSchema, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Sample {
        path: String,
        #[serde(default)]
        count: Option<u32>,
        #[serde(default)]
        words: Vec<String>,
    }

    #[allow(clippy::needless_pass_by_value)] // Made on the spot.
    fn wrong(value: Value) -> (String, String, String) {
        let wrong = read::<Sample>(value.as_object().unwrap()).unwrap_err();
        (wrong.field, wrong.message, wrong.hint)
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let said = |value| {
            let (field, message, hint) = wrong(value);
            format!("{field}|{message}|{hint}")
        };
        assert_eq!(
            said(serde_json::json!({"pth": "a"})),
            "pth|found `pth`, expected the name of a field|did you mean `path`?"
        );
        assert_eq!(said(serde_json::json!({})), "|`path` is missing here|add `path:` with its value");
        assert_eq!(
            said(serde_json::json!({"path": "a", "count": "b"})),
            "count|found text \"b\", expected a whole number, 0 or more|"
        );
        assert_eq!(
            said(serde_json::json!({"path": "a", "words": "b", "count": 3})),
            "words|found text \"b\", expected a list|"
        );
        assert_eq!(said(serde_json::json!({"path": true})), "path|found true or false: `true`, expected text|");
        read::<Sample>(serde_json::json!({"path": "a"}).as_object().unwrap()).unwrap();
    }
}
