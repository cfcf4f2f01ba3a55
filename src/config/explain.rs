//! What the YAML reader says, in words for someone who edits a configuration.

use serde_yaml::Error;

use super::Secrets;
use super::source::{ConfigError, Place, Source, UNSHOWN, printable, quoted, suggestion};

/// An error of the YAML reader as one about a place in a file.
pub(super) fn explain(source: &Source, error: &Error) -> ConfigError {
    let error = error.without_snippet();
    let Some(place) = error.location().map(Place::from).filter(|place| place.line > 0) else {
        return source.error(Place { line: 0, column: 0 }, printable(&error.to_string()), "");
    };
    let (message, hint) = words(source, place, error);
    let secret = matches!(error, Error::SerdeUnknownField { field, .. } if Secrets::default().is_secret(field));
    if secret || message.starts_with(UNSHOWN) {
        let message = printable(message.trim_start_matches(UNSHOWN));
        return source.error(place, message, printable(&hint)).without_line();
    }
    source.error(place, printable(&message), printable(&hint))
}

/// The message and the hint.
fn words(source: &Source, place: Place, error: &Error) -> (String, String) {
    let found = |expected: &str| format!("found {}, expected {expected}", source.found(place));
    match error {
        Error::AliasError { error, .. } => words(source, place, error),
        Error::Message { msg, .. } => {
            let (message, hint) = msg.split_once('\n').unwrap_or((msg, ""));
            (message.to_owned(), hint.to_owned())
        }
        Error::SerdeUnknownField { field, expected, .. } => (
            format!("found {}, expected the name of a setting", quoted(field)),
            suggestion(field, expected.iter().copied()),
        ),
        Error::SerdeUnknownVariant { variant, expected, .. } => (
            format!("found {}, expected {}", quoted(variant), one_of(expected)),
            match suggestion(variant, expected.iter().copied()) {
                near if near.starts_with("did") => near,
                _ => String::new(),
            },
        ),
        Error::SerdeMissingField { field, .. } => {
            (format!("`{field}` is missing here"), format!("add `{field}:` with its value"))
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map_or_else(|| "a name".to_owned(), quoted);
            (format!("found {key} for the second time, expected each name once"), "remove one of the two".to_owned())
        }
        Error::InvalidScalar { ty, .. } => (found(kind_of(ty)), String::new()),
        Error::InvalidBooleanStrict { .. } => (found("true or false"), String::new()),
        Error::Unexpected { expected, .. } => {
            let hint = match (*expected, source.found(place).as_str()) {
                ("mapping start", text) if text.starts_with('`') => "is the space after a `:` missing?",
                (_, "nothing") => "write a value after the `:`, or remove the line",
                _ => "",
            };
            (found(kind_of(expected)), hint.to_owned())
        }
        Error::NullIntoString { .. } => {
            (found("text"), "text that begins with a sign such as `#`, `~` or `*` needs quotes".to_owned())
        }
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            (found(expected), String::new())
        }
        Error::MultipleDocuments { .. } => {
            ("found a second document, expected one".to_owned(), "remove the line `---` or `...` before it".to_owned())
        }
        Error::UnknownAnchor { .. } => (
            format!("found {}, which refers to something that is not there", source.found(place)),
            "text that begins with `*` needs quotes".to_owned(),
        ),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            "found more than a configuration can hold, expected a few hundred settings".to_owned(),
            "settings nest too deeply, or references (`*name`) repeat too much".to_owned(),
        ),
        Error::MergeKeyNotAllowed { .. } => ("found `<<`, which is not used here".to_owned(), String::new()),
        Error::ExternalMessage { msg, .. } => (broken(msg), advice(msg).to_owned()),
        other => {
            let text = other.to_string();
            (text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned(), String::new())
        }
    }
}

/// What is wrong with the YAML itself.
fn broken(reason: &str) -> String {
    format!("this is no valid YAML: {reason}")
}

/// What to do about YAML that cannot be read.
fn advice(reason: &str) -> &'static str {
    if reason.contains("tab") {
        "indent with spaces, not with tabs"
    } else if reason.contains("unclosed") || reason.contains("quoted scalar") {
        "a quote or bracket is opened here and not closed"
    } else if reason.contains("mapping values") || reason.contains("mapping keys") {
        "look at the indentation of this line and the one before; text with `: ` in it needs quotes"
    } else if reason.contains("expected key") || reason.contains("indentation") {
        "lines that belong together must begin in the same column"
    } else if reason.contains("unexpected character") || reason.contains("block sequence") {
        "text that begins with a sign needs quotes"
    } else {
        ""
    }
}

/// What a type of Rust or an event of YAML is called by people.
pub(super) fn kind_of(name: &str) -> &str {
    match name {
        "string scalar" | "scalar" | "string" | "a string" => "text",
        "mapping start" | "a map" => "settings, each `name: value`",
        name if name.starts_with("struct ") => "settings, each `name: value`",
        "sequence start" | "a sequence" => "a list",
        "bool" | "boolean" | "a boolean" => "true or false",
        "u8" => "a whole number from 0 to 255",
        "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "f32" | "f64" => "a number",
        other => other,
    }
}

/// Names as a choice.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
