//! `$NAME` and `${NAME...}` in words.

use super::source::Joined;
use super::source::Span;

/// A variable that a text asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) name: String,
    /// The name only, in the whole text.
    pub(super) span: Span,
    /// `${NAME:-x}` and `${NAME-x}`: it need not be set; `${NAME:+x}` and `${NAME?}` as well.
    pub(super) optional: bool,
}

/// What a text asks for, as BuildKit replaces it: not in single quotes, not after the escape character.
pub(super) fn uses(text: &str, escape: char) -> Vec<(std::ops::Range<usize>, bool)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut single, mut double) = (0, false, false);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\'' if !double => single = !single,
            b'"' if !single => double = !double,
            _ if single => {}
            b'$' => {
                let brace = bytes.get(at) == Some(&b'{');
                let start = at + usize::from(brace);
                let first = bytes.get(start).copied().unwrap_or(0);
                if !(first.is_ascii_alphabetic() || first == b'_') {
                    continue;
                }
                let length = bytes[start..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                let after = bytes.get(start + length).copied().unwrap_or(0);
                let optional = brace && matches!(after, b':' | b'-' | b'+' | b'?');
                found.push((start..start + length, optional));
                at = start + length;
            }
            _ if byte as char == escape => at += 1,
            _ => {}
        }
    }
    found
}

/// The same with places in the whole text.
pub(super) fn uses_of(line: &Joined, escape: char) -> Vec<Use> {
    if !line.text().contains('$') {
        return Vec::new();
    }
    uses(line.text(), escape)
        .into_iter()
        .map(|(range, optional)| Use { name: line.text()[range.clone()].to_owned(), span: line.span(range), optional })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_found_as_buildkit_replaces_them() {
        let text = r#"$A ${B} ${C:-$D} '$E' "$F" \$G $1 ${} $$H"#;
        let names: Vec<_> = uses(text, '\\').into_iter().map(|(r, o)| (&text[r], o)).collect();
        assert_eq!(names, [("A", false), ("B", false), ("C", true), ("D", false), ("F", false), ("H", false)]);
    }
}
