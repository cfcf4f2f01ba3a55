//! All kinds of checks: one table a subject, one entry a kind.

mod build;
mod combine;
mod dockerfile;
mod exec;
mod files;
mod image;
mod pattern;
mod reach;
mod run;
mod stop;

use std::sync::LazyLock;

use super::check::Kind;
use crate::config::suggestion;

/// The tables.
const TABLES: &[&[Kind]] = &[
    files::KINDS,
    dockerfile::KINDS,
    build::KINDS,
    image::KINDS,
    run::KINDS,
    reach::KINDS,
    exec::KINDS,
    stop::KINDS,
    combine::KINDS,
    #[cfg(test)]
    super::testing::KINDS,
];

/// All kinds, in the order in which their checks are made.
pub fn kinds() -> &'static [&'static Kind] {
    static ALL: LazyLock<Vec<&Kind>> = LazyLock::new(|| {
        let mut all: Vec<&Kind> = TABLES.iter().copied().flatten().collect();
        all.sort_by_key(|kind| kind.phase);
        all
    });
    &ALL
}

/// The kind of a name; else what was found and expected, and what to do.
pub fn kind(name: &str) -> Result<&'static Kind, (String, String)> {
    let found = kinds().iter().find(|kind| kind.name == name).copied();
    found.ok_or_else(|| {
        let message = format!("found `{}`, expected a kind of check", super::printed::one_line(name, 60));
        (message, suggestion(name, kinds().iter().map(|kind| kind.name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_said_in_full_once() {
        let mut names: Vec<_> = kinds().iter().map(|kind| kind.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        for kind in kinds() {
            assert!(kind.about.ends_with('.') && !kind.codes.is_empty(), "{}", kind.name);
            assert!(kind.codes.iter().all(|code| code.hint.ends_with(['.', '?'])), "{}", kind.name);
            assert!(kind.late.is_none_or(|late| kind.codes.iter().any(|code| code.name == late)), "{}", kind.name);
            let schema = (kind.schema)(&mut schemars::SchemaGenerator::default());
            assert!(schema.get("properties").is_some() || kind.name.starts_with("df."), "{}", kind.name);
        }
    }

    #[test]
    fn an_unknown_kind_is_likely_a_known_one() {
        let (message, hint) = kind("file.exist").err().unwrap_or_default();
        assert_eq!(message, "found `file.exist`, expected a kind of check");
        assert_eq!(hint, "did you mean `file.exists`?");
    }
}
