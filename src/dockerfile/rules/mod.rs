//! The rules: one entry in one table each, with what it checks and an example beside it.

mod copy;
mod from;
mod packages;
mod process;
mod run;
mod stages;
mod style;
mod syntax;
#[cfg(test)]
mod tests;
mod variables;

use std::sync::LazyLock;

use super::lint::{Finding, Severity, Subject};

/// One rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// hadolint's code where it has one, else one of our own.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub title: &'static str,
    /// Why that is bad.
    pub why: &'static str,
    /// What to do.
    pub mend: &'static str,
    /// Whether it counts when nothing is said.
    pub on: bool,
    /// What BuildKit calls it, for `# check=skip=`.
    pub buildkit: &'static [&'static str],
    /// A file in which it finds one thing.
    pub bad: &'static str,
    /// One in which it finds nothing.
    pub good: &'static str,
    /// What its fix makes of the bad one.
    pub fixed: Option<&'static str>,
    /// It can find something only where one of these is called; empty when that does not matter.
    pub(super) programs: &'static [&'static str],
    pub(super) check: fn(&Subject<'_>, &mut Vec<Finding>),
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("code", &self.code).field("severity", &self.severity).finish_non_exhaustive()
    }
}

/// What most rules have in common.
const RULE: Rule = Rule {
    code: "",
    severity: Severity::Warning,
    title: "",
    why: "",
    mend: "",
    on: true,
    buildkit: &[],
    bad: "",
    good: "",
    fixed: None,
    programs: &[],
    check: |_, _| {},
};

static TABLES: &[&[Rule]] = &[
    syntax::RULES,
    from::RULES,
    copy::RULES,
    run::RULES,
    packages::RULES,
    process::RULES,
    variables::RULES,
    style::RULES,
];

/// All rules, by subject.
pub fn rules() -> &'static [Rule] {
    static ALL: LazyLock<Vec<Rule>> = LazyLock::new(|| TABLES.iter().copied().flatten().copied().collect());
    &ALL
}
