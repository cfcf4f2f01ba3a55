//! All kinds of checks: one table a subject, one entry a kind.

/// An entry of a table of checks that look at the files only.
macro_rules! kind {
    ($phase:expr, $name:literal, $type:ty, $about:literal, [$($code:literal: $hint:literal),+ $(,)?]) => {
        $crate::judge::check::Kind {
            name: $name,
            phase: $phase,
            need: $crate::judge::check::Need::Files,
            about: $about,
            codes: &[$($crate::judge::check::Code { name: $code, hint: $hint }),+],
            timeout: $crate::judge::checks::QUICK,
            late: None,
            read: $crate::judge::check::read::<$type>,
            schema: $crate::judge::check::schema::<$type>,
        }
    };
}

/// How checks look that wait for nothing.
macro_rules! at_once {
    () => {
        fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
            ready(self.see(case)).boxed()
        }
    };
}

mod answer;
mod build;
mod cache;
mod combine;
mod compose;
mod context;
mod dockerfile;
mod exec;
mod files;
mod ignored;
mod image;
mod reach;
mod run;
mod settings;
mod state;
mod steps;
mod stop;
mod value;

use std::sync::LazyLock;
use std::time::Duration;

pub(super) use self::context::Context;
use super::check::Kind;
use crate::config::suggestion;

/// How long a check may take that looks at the files only.
const QUICK: Duration = Duration::from_secs(20);

/// The tables.
const TABLES: &[&[Kind]] = &[
    files::KINDS,
    ignored::KINDS,
    dockerfile::KINDS,
    steps::KINDS,
    settings::KINDS,
    build::KINDS,
    cache::KINDS,
    image::KINDS,
    run::KINDS,
    reach::KINDS,
    exec::KINDS,
    stop::KINDS,
    compose::KINDS,
    state::KINDS,
    answer::KINDS,
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
