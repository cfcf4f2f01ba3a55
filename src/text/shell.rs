//! Words as a POSIX shell has them, both ways.

/// One word for a shell, quoted where it has to be.
pub fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The words of a line: quotes and backslashes are taken as a shell takes them, and nothing else is; an error
/// says what has no end.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut all, mut word) = (Vec::new(), None::<String>);
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match signs.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err(format!("a ' has no end in {line}")),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match signs.next() {
                        Some('"') => break,
                        Some('\\') => match signs.next() {
                            Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                            Some('\n') => {}
                            Some(c) => word.extend(['\\', c]),
                            None => return Err(format!("a \" has no end in {line}")),
                        },
                        Some(c) => word.push(c),
                        None => return Err(format!("a \" has no end in {line}")),
                    }
                }
            }
            '\\' => match signs.next() {
                Some('\n') => {}
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err(format!("nothing follows the last \\ in {line}")),
            },
            c if c.is_whitespace() => all.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    Ok(all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_a_shell_does() {
        for (line, expected) in [
            ("", &[][..]),
            ("  a  b ", &["a", "b"]),
            (r#"sh -c 'echo "$1"' "" x"#, &["sh", "-c", r#"echo "$1""#, "", "x"]),
            (r#"a\ b "c \" \\ \n" d'e'f"#, &["a b", r#"c " \ \n"#, "def"]),
            ("ä\tö", &["ä", "ö"]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
        for line in ["'a", "\"a", "a\\", "\"a\\"] {
            assert!(words(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_quoted_is_the_same_word_again() {
        for word in ["", "a", "a b", "it's", "$(x)", "\\", "\"", "a\nb"] {
            assert_eq!(words(&quote(word)).unwrap(), [word], "{word}");
        }
    }
}
