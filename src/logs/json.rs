//! A line of JSON in readable form.

use serde_json::Value;

use super::chunk::Line;
use super::line::plain;
use crate::text::clean;

/// No more rows than this are made of one line.
const MOST: usize = 500;

/// The rows of the JSON object or array that `line` is, or ends with after some other words; `None` when
/// it has none, or one that was cut.
pub fn pretty(line: &Line<'_>) -> Option<Vec<String>> {
    let text = plain(line);
    let text = text.trim();
    let (before, value) = split(text)?;
    let mut rows = Vec::new();
    if !before.is_empty() {
        rows.push(before.to_owned());
    }
    let readable = serde_json::to_string_pretty(&value).ok()?;
    // Escapes such as \u202e are characters again once they are parsed.
    rows.extend(readable.lines().take(MOST).map(|row| clean(row).into_owned()));
    let rest = readable.lines().skip(MOST).count();
    if rest > 0 {
        rows.push(format!("… {rest} more"));
    }
    Some(rows)
}

/// What stands before the JSON, and the JSON.
fn split(text: &str) -> Option<(&str, Value)> {
    if !text.ends_with(['}', ']']) {
        return None;
    }
    // Brackets before it, such as `[warn]`, can look like its beginning: a few are tried.
    text.match_indices(['{', '[']).take(8).find_map(|(at, _)| {
        let value: Value = serde_json::from_str(&text[at..]).ok()?;
        let filled = match &value {
            Value::Object(map) => !map.is_empty(),
            Value::Array(list) => list.len() > 1 || list.iter().any(|item| item.is_object() || item.is_array()),
            _ => false,
        };
        filled.then_some((text[..at].trim_end(), value))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::chunk::Flags;
    use super::*;

    fn rows(text: &str) -> Option<Vec<String>> {
        pretty(&Line { text, nanos: 1, source: 0, dropped: 0, flags: Flags::default() })
    }

    #[test]
    fn objects_are_laid_out_and_keep_their_order() {
        assert_eq!(rows(r#"{"b":1,"a":[true]}"#).unwrap(), ["{", "  \"b\": 1,", "  \"a\": [", "    true", "  ]", "}"]);
        assert_eq!(
            rows(r#"10:00 [warn] got {"a":"\u202e\u001b[2J"}"#).unwrap(),
            ["10:00 [warn] got", "{", "  \"a\": \"·\\u001b[2J\"", "}"]
        );
        for not in ["plain", "{broken}", "[warn]", "{}", "", "[1]", "{\"a\":1} and more"] {
            assert_eq!(rows(not), None, "{not}");
        }
        let many = format!("[{}1]", "1,".repeat(2000));
        assert_eq!(rows(&many).unwrap().len(), MOST + 1);
        assert_eq!(rows(&"[".repeat(60_000)), None);
        assert_eq!(rows(&format!("{}{}", "[".repeat(5_000), "]".repeat(5_000))), None);
    }
}
