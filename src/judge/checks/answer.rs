//! Checks on answers that a learner writes into a file.

use std::future::ready;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::Trouble;
use super::super::check::{Case, Check, Found, Kind, Phase, Seen, Wrong};
use super::super::copy::hex;
use super::super::fields::{OneOrMore, Pattern};

pub(super) const KINDS: &[Kind] = &[kind!(
    Phase::Files,
    "answer",
    Answer,
    "A file of the workspace has the right answer.",
    ["ANSWER_WRONG": "That is not the answer; read the question once more."]
)];

/// What does not matter in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Normalise {
    /// White space before and after it.
    Trim,
    /// How much white space is within it.
    Spaces,
    /// Upper and lower case.
    Lower,
}

fn trim() -> Vec<Normalise> {
    vec![Normalise::Trim]
}

/// `answer`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// The file, by its path in the workspace.
    path: String,
    /// SHA-256 of right answers, in hexadecimal, so that the lab does not tell them.
    #[serde(default)]
    sha256: OneOrMore<String>,
    /// A regular expression for right answers.
    #[serde(default)]
    matches: Option<Pattern>,
    /// What does not matter: `trim`, `spaces`, `lower`.
    #[serde(default = "trim")]
    normalise: Vec<Normalise>,
}

impl Check for Answer {
    fn title(&self) -> String {
        format!("{} has the right answer", self.path)
    }

    fn wrong(&self) -> Option<Wrong> {
        if self.sha256.0.is_empty() == self.matches.is_none() {
            return Some(Wrong::new("", "expected one of `sha256:` and `matches:`"));
        }
        let is_digest = |text: &&String| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let odd = self.sha256.0.iter().find(|text| !is_digest(text))?;
        Some(Wrong::new("sha256", format!("found `{odd}`, expected 64 hexadecimal digits")))
    }

    at_once!();
}

impl Answer {
    fn see(&self, case: &Case<'_>) -> Result<Seen, Trouble> {
        let wrong = |message: String| Found::new("ANSWER_WRONG", message).in_file(self.path.clone());
        let Some(text) = case.submission.text(&self.path)? else {
            return Ok(Seen::of("not there", vec![wrong(format!("there is no {}", self.path))]));
        };
        let answer = self.plain(text);
        if answer.is_empty() {
            return Ok(Seen::of("empty", vec![wrong(format!("{} is empty", self.path))]));
        }
        let digest = hex(&Sha256::digest(&answer));
        let right = self.sha256.0.iter().any(|known| known.eq_ignore_ascii_case(&digest))
            || self.matches.as_ref().is_some_and(|pattern| pattern.is_in(&answer));
        Ok(if right {
            Seen::well("right")
        } else {
            Seen::of("wrong", vec![wrong(format!("the answer in {} is not right", self.path))])
        })
    }

    fn plain(&self, mut text: String) -> String {
        for how in &self.normalise {
            text = match how {
                Normalise::Trim => text.trim().to_owned(),
                Normalise::Spaces => text.split_whitespace().collect::<Vec<_>>().join(" "),
                Normalise::Lower => text.to_lowercase(),
            };
        }
        text
    }
}
