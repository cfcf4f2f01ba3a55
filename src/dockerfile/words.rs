//! How BuildKit splits a line: by white space, by quotes, as JSON, and where it sees heredocs.

use std::ops::Range;

use super::instruction::Word;
use super::source::Joined;

/// What separates words for BuildKit; not all that Unicode calls white space.
pub(super) const fn blank(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x0b | 0x0c | b'\r' | b' ')
}

/// Words with white space between them, quotes are nothing special.
pub(super) fn plain(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut start = None;
    for (i, &byte) in bytes.iter().enumerate() {
        match (blank(byte), start) {
            (true, Some(s)) => {
                words.push(s..i);
                start = None;
            }
            (false, None) => start = Some(i),
            _ => {}
        }
    }
    words.extend(start.map(|s| s..bytes.len()));
    words
}

/// Words in which quotes and escapes protect white space; both stay in the words.
pub(super) fn quoted(text: &str, escape: char) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let (mut start, mut quote) = (None, None);
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match quote {
            None if c.is_whitespace() => words.extend(start.take().map(|s| s..i)),
            None => {
                start.get_or_insert(i);
                if c == '\'' || c == '"' {
                    quote = Some(c);
                } else if c == escape {
                    chars.next();
                }
            }
            Some(q) if c == q => quote = None,
            Some('"') if c == escape => {
                chars.next();
            }
            Some(_) => {}
        }
    }
    words.extend(start.map(|s| s..text.len()));
    words
}

/// Where a quote begins that never ends.
pub(super) fn open_quote(text: &str, escape: char) -> Option<usize> {
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match quote {
            None if c == '\'' || c == '"' => quote = Some((i, c)),
            Some((_, q)) if c == q => quote = None,
            None | Some((_, '"')) if c == escape => {
                chars.next();
            }
            _ => {}
        }
    }
    quote.map(|(i, _)| i)
}

/// Without quotes and escapes.
pub(super) fn unquoted(text: &str, escape: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match quote {
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == escape => out.extend(chars.next()),
            Some(q) if c == q => quote = None,
            Some('"') if c == escape => match chars.peek() {
                Some(&n) if n == '"' || n == '$' || n == escape => out.extend(chars.next()),
                _ => out.push(c),
            },
            _ => out.push(c),
        }
    }
    out
}

/// What an argument that begins with `[` is.
pub(super) enum Json {
    /// An array of strings, each where it stands.
    Strings(Vec<(String, Range<usize>)>),
    /// An array, but with other things than strings in it: refused.
    Others,
    /// None: read as a line for the shell, or as words.
    Not,
}

/// Reads the exec form.
pub(super) fn json(text: &str) -> Json {
    let bytes = text.as_bytes();
    let mut at = text.len() - text.trim_start().len();
    if bytes.get(at) != Some(&b'[') {
        return Json::Not;
    }
    at += 1;
    let space = |at: &mut usize| {
        while bytes.get(*at).is_some_and(u8::is_ascii_whitespace) {
            *at += 1;
        }
    };
    let mut strings = Vec::new();
    space(&mut at);
    let mut closed = bytes.get(at) == Some(&b']');
    while !closed {
        space(&mut at);
        let Some(end) = string_end(bytes, at) else { break };
        let Ok(string) = serde_json::from_str::<String>(&text[at..end]) else { break };
        strings.push((string, at..end));
        at = end;
        space(&mut at);
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b']') => closed = true,
            _ => break,
        }
    }
    if closed && text[at + 1..].trim_ascii().is_empty() {
        return Json::Strings(strings);
    }
    // A list of anything else is refused; what is no JSON at all is not.
    if !text.trim_end().ends_with(']') {
        return Json::Not;
    }
    match serde_json::from_str::<Vec<serde::de::IgnoredAny>>(text) {
        Ok(_) => Json::Others,
        Err(_) => Json::Not,
    }
}

/// The end of a JSON string that begins here.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut i = at + 1;
    loop {
        match bytes.get(i)? {
            b'"' => return Some(i + 1),
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
}

/// A heredoc that a line announces.
pub(super) struct Announced {
    pub(super) name: String,
    pub(super) expand: bool,
    pub(super) chomp: bool,
    pub(super) span: Range<usize>,
}

/// The heredocs that a line announces, in their order. As BuildKit, a line whose quotes or substitutions do not
/// end announces none.
pub(super) fn heredocs(text: &str) -> Vec<Announced> {
    if memchr::memmem::find(text.as_bytes(), b"<<").is_none() {
        return Vec::new();
    }
    let Some(words) = shell_words(text) else { return Vec::new() };
    words.into_iter().filter_map(|range| announced(text, range)).collect()
}

/// Whether a word is `<<NAME`, as a source of `COPY` may be.
pub(super) fn is_heredoc(word: &str) -> bool {
    word.contains("<<") && announced(word, 0..word.len()).is_some()
}

fn announced(text: &str, range: Range<usize>) -> Option<Announced> {
    let word = &text[range.clone()];
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (chomp, rest) = rest.strip_prefix('-').map_or((false, rest), |r| (true, r));
    let rest = rest.trim_start();
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let words = shell_words(rest)?;
    if words.len() != 1 {
        return None;
    }
    let name = unquoted(rest, '\\');
    // Escaped quotes stay in the name, so it is not enough to see whether there are any.
    let quotes = |s: &str| s.bytes().filter(|b| matches!(b, b'\'' | b'"')).count();
    let expand = quotes(&name) == quotes(rest);
    (!name.is_empty()).then_some(Announced { name, expand, chomp, span: range })
}

/// Words as BuildKit's shell lexer sees them, raw; none when it fails.
fn shell_words(text: &str) -> Option<Vec<Range<usize>>> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut start = None;
    let mut at = 0;
    while at < bytes.len() {
        let c = text[at..].chars().next()?;
        if c.is_whitespace() {
            words.extend(start.take().map(|s| s..at));
            at += c.len_utf8();
            continue;
        }
        let begun = *start.get_or_insert(at);
        match c {
            '\\' => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            '\'' => at += 2 + memchr::memchr(b'\'', &bytes[at + 1..])?,
            '"' => at = double_quoted(text, at)?,
            '$' if bytes[at..].starts_with(b"$((") => {
                // Arithmetic may shift: `$((1 << 3))` announces nothing.
                at = memchr::memmem::find(&bytes[at..], b"))").map_or(bytes.len(), |i| at + i + 2);
            }
            '$' => at = dollar(text, at, 0)?,
            '<' if bytes.get(at + 1) == Some(&b'<') => {
                at += 2;
                let fresh = text[begun..at - 2].bytes().all(|b| b.is_ascii_digit());
                if fresh {
                    at += usize::from(bytes.get(at) == Some(&b'-'));
                    // White space may come before its word.
                    let rest = &text[at..];
                    let word = rest.trim_start();
                    if !word.is_empty() && !word.starts_with(['<', '>', '|', '&', ';']) {
                        at += rest.len() - word.len();
                    }
                }
            }
            c => at += c.len_utf8(),
        }
    }
    words.extend(start.map(|s| s..text.len()));
    Some(words)
}

fn double_quoted(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut i = at + 1;
    loop {
        match bytes.get(i)? {
            b'"' => return Some(i + 1),
            b'\\' => i += 1 + usize::from(matches!(bytes.get(i + 1), Some(b'"' | b'$' | b'\\'))),
            b'$' => i = dollar(text, i, 0)?,
            _ => i += 1,
        }
    }
}

/// Past `$name`, `${name...}`; none for what BuildKit calls a bad substitution.
fn dollar(text: &str, at: usize, depth: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let special = |b: u8| matches!(b, b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!');
    let name = |i: usize| match bytes.get(i) {
        Some(b) if b.is_ascii_digit() => i + bytes[i..].iter().take_while(|b| b.is_ascii_digit()).count(),
        Some(&b) if special(b) => i + 1,
        _ => i + bytes[i..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count(),
    };
    if bytes.get(at + 1) != Some(&b'{') {
        return Some(name(at + 1));
    }
    let end = name(at + 2);
    match bytes.get(end)? {
        b'}' => return (end > at + 2).then_some(end + 1),
        b':' | b'+' | b'-' | b'?' | b'#' | b'%' | b'/' if end > at + 2 && depth < 32 => {}
        _ => return None,
    }
    let mut i = end + 1;
    loop {
        match bytes.get(i)? {
            b'}' => return Some(i + 1),
            b'\\' => i += 1 + text.get(i + 1..)?.chars().next()?.len_utf8(),
            b'\'' => i += 2 + memchr::memchr(b'\'', &bytes[i + 1..])?,
            b'"' => i = double_quoted_within(text, i, depth)?,
            b'$' => i = dollar(text, i, depth + 1)?,
            _ => i += 1,
        }
    }
}

fn double_quoted_within(text: &str, at: usize, depth: usize) -> Option<usize> {
    // Quotes within substitutions within quotes: bounded by the depth.
    let bytes = text.as_bytes();
    let mut i = at + 1;
    loop {
        match bytes.get(i)? {
            b'"' => return Some(i + 1),
            b'\\' => i += 1 + usize::from(matches!(bytes.get(i + 1), Some(b'"' | b'$' | b'\\'))),
            b'$' => i = dollar(text, i, depth + 1)?,
            _ => i += 1,
        }
    }
}

/// Ranges of joined text as words.
pub(super) fn placed(line: &Joined, ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Word> {
    ranges.into_iter().map(|r| Word { text: line.text()[r.clone()].to_owned(), span: line.span(r) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        quoted(text, '\\').into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn quotes_and_escapes_keep_words_together() {
        assert_eq!(split(r#"a="b c" d\ e='f " g' "#), [r#"a="b c""#, r#"d\ e='f " g'"#]);
        assert_eq!(split("é  ü"), ["é", "ü"]);
        assert_eq!(unquoted(r#"a"b\"c"'d\'e\'"#, '\\'), r#"ab"cd\e'"#);
        assert_eq!(open_quote(r#"a "b\" c"#, '\\'), Some(2));
        assert_eq!(open_quote("it\\'s", '\\'), None);
    }

    #[test]
    fn heredocs_are_seen_where_buildkit_sees_them() {
        let names = |text: &str| heredocs(text).into_iter().map(|h| h.name).collect::<Vec<_>>();
        assert_eq!(names("RUN <<EOF"), ["EOF"]);
        assert_eq!(names("RUN cat <<EOF > /x && cat 3<<-'TWO' | wc"), ["EOF", "TWO"]);
        assert_eq!(names("RUN cat << EOF"), ["EOF"]);
        assert_eq!(names(r#"COPY <<"a b" <<c\ d /x/"#), ["a b", "c d"]);
        for none in [
            "RUN cat <<<EOF",
            "RUN cat <<< EOF",
            "RUN echo $((1<<3)) $((1 << 3))",
            "RUN echo '<<EOF'",
            "RUN echo it's <<EOF",
            "RUN cat<<EOF",
            "RUN cat <<",
            "RUN echo ${a[0]} <<EOF",
        ] {
            assert!(names(none).is_empty(), "{none}");
        }
        let all = heredocs("RUN <<A <<-\"B\"");
        assert_eq!(all.iter().map(|h| (h.expand, h.chomp)).collect::<Vec<_>>(), [(true, false), (false, true)]);
    }

    #[test]
    fn json_is_strings_only() {
        assert!(matches!(json(r#" [ "a" , "\u00e9" ] "#), Json::Strings(s) if s.len() == 2 && s[1].0 == "é"));
        assert!(matches!(json("[]"), Json::Strings(s) if s.is_empty()));
        assert!(matches!(json(r#"["a", ["b"]]"#), Json::Others));
        assert!(matches!(json(r#"["a", 1]"#), Json::Others));
        for not in ["['a']", r#"["a""#, r#"["a",]"#, "[ -f x ] && y", r#"["a"] x"#, "", "x"] {
            assert!(matches!(json(not), Json::Not), "{not}");
        }
    }
}
