//! Paths within a workspace.

use crate::engine::{EngineError, ErrorKind, Result};

/// The longest name that Linux takes, in bytes.
const LONGEST: usize = 255;

/// Whether a path can be one of something in a workspace; else why not.
pub fn check(path: &str) -> Result<()> {
    let why = if path.is_empty() {
        "it is empty"
    } else if path.starts_with('/') {
        "it begins with /"
    } else if path.contains('\0') {
        "it holds a zero byte"
    } else if path.split('/').any(|name| name == "..") {
        "it leads out of its folder with .."
    } else if path.split('/').any(|name| name.is_empty() || name == ".") {
        "a name in it is empty or a dot"
    } else {
        return Ok(());
    };
    Err(invalid(path, why))
}

/// Whether something new may be called so. What exists may have a name with control characters, but none is made.
pub(super) fn check_new(path: &str) -> Result<()> {
    check(path)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    if path.chars().any(crate::text::is_unsafe) {
        return Err(invalid(path, "it holds control characters"));
    }
    if name.len() > LONGEST {
        return Err(invalid(path, &format!("it has {} bytes; {LONGEST} are the most", name.len())));
    }
    Ok(())
}

fn invalid(path: &str, why: &str) -> EngineError {
    EngineError::new(ErrorKind::Config, format!("{path:?} is no path of a workspace: {why}"))
        .with_hint("a path is relative to the workspace, such as src/app.py")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_its_folder() {
        for good in ["a", "a/b", "-rf", "..a", "a..", "...", "it's \"odd\"", "ü/漢", "two\nlines"] {
            check(good).unwrap();
        }
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\0b"] {
            assert_eq!(check(bad).unwrap_err().kind, ErrorKind::Config, "{bad:?}");
        }
    }

    #[test]
    fn a_new_name_shows_what_it_is() {
        check_new("src/ü app.py").unwrap();
        for bad in ["two\nlines", "a\x1b[2J", "\u{202e}txt.exe", &"x".repeat(256)] {
            let error = check_new(bad).unwrap_err().to_string();
            assert!(!error.contains(crate::text::is_unsafe), "{error}");
        }
    }
}
