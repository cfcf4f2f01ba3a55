//! The editor of workspaces, and which rules it and `ondeck lint` judge Dockerfiles by.

use serde::Deserialize;

use crate::dockerfile::{RuleChoice, rules};

use super::source::hinted;

/// Which keys one edits with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EditorKeys {
    /// Those of most editors: arrows, shift selects, ctrl-c, ctrl-v, ctrl-z.
    #[default]
    Standard,
    /// Those of Vim.
    Vim,
}

/// The editor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Editor {
    /// Which keys.
    pub keys: EditorKeys,
    /// Whether lines are numbered.
    pub line_numbers: bool,
}

impl Default for Editor {
    fn default() -> Self {
        Self { keys: EditorKeys::default(), line_numbers: true }
    }
}

/// Which rules Dockerfiles are judged by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lint {
    /// Rules that are left out.
    #[serde(deserialize_with = "codes")]
    pub off: Vec<String>,
    /// Rules that are off by default, and count all the same.
    #[serde(deserialize_with = "codes")]
    pub on: Vec<String>,
}

impl Lint {
    /// The same, as the rules take it.
    pub fn choice(&self) -> RuleChoice {
        let off = self.off.iter().fold(RuleChoice::usual(), RuleChoice::without);
        self.on.iter().fold(off, RuleChoice::with)
    }
}

/// Codes of rules that there are.
fn codes<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let codes = Vec::<String>::deserialize(from)?;
    match codes.iter().find(|code| !rules().iter().any(|r| r.code.eq_ignore_ascii_case(code))) {
        Some(code) => Err(hinted(format_args!("found {code}, expected a rule"), "ondeck lint --rules lists them")),
        None => Ok(codes),
    }
}
