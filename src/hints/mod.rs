//! Hints: a lab's own ladder, and an assistant that can be asked in its place.
//!
//! ```text
//! Ladders ─► Rung ─┬─► no assistant, or it does not answer ─► Hint, as the lab says it
//! Question ────────┴─► Assistant ─► sentences that pass ─► Hint, in the assistant's words
//! ```
//!
//! The assistant never decides whether there is a hint: whatever goes wrong with it ends with the lab's own step and a
//! note that says why. Dropping the future ends the question.

mod assistant;
mod filter;
mod ladder;
mod limit;
mod question;
mod redact;
mod wire;

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;

use crate::config::Secrets;
use crate::text;

pub use assistant::Assistant;
pub use ladder::{Ladders, Rung, Stuck};
pub use question::{Failing, Problem, Question};

/// Something of a hint that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Behind what was told before. Harmless, with line ends.
    Text(String),
    /// What was told before does not count: the hint comes from elsewhere.
    Withdrawn,
}

/// Where a hint is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The lab's ladder: which step of how many.
    Ladder {
        /// Which step, from 1.
        rung: u32,
        /// Of how many.
        of: u32,
    },
    /// An assistant.
    Assistant {
        /// Its model.
        model: String,
    },
    /// ondeck itself.
    Own,
}

impl Source {
    /// In a word or two: `2 of 4`, `gemini-flash-latest`, `ondeck`.
    pub fn label(&self) -> String {
        match self {
            Self::Ladder { rung, of } => format!("{rung} of {of}"),
            Self::Assistant { model } => text::clean(model).into_owned(),
            Self::Own => "ondeck".to_owned(),
        }
    }

    /// Its name in the store: `ladder`, the model, `ondeck`.
    pub fn name(&self) -> &str {
        match self {
            Self::Ladder { .. } => "ladder",
            Self::Assistant { model } => model,
            Self::Own => "ondeck",
        }
    }
}

/// A hint, or an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// What it says. Of an assistant: harmless, with line ends. Of a lab: Markdown as its author wrote it.
    pub text: String,
    /// Where it is from.
    pub source: Source,
    /// Why the assistant did not say it, when there is one; one short sentence.
    pub note: Option<String>,
}

/// A text without what looks like a secret, for whoever sends it elsewhere.
pub fn redacted(text: &str, secrets: &Secrets) -> String {
    redact::Redactor::new(secrets, &[]).text(text)
}

/// The hint for a step of a ladder, in an assistant's words where there is one that answers.
///
/// The last step of a ladder is the lab's own answer; it is given as it stands. Asked once more, the assistant may say
/// it in other words. Without a step, the hint is the question's own.
pub async fn hint(
    assistant: Option<&Assistant>,
    question: &Question,
    rung: Option<&Rung>,
    tell: impl Fn(Piece) + Send + Sync,
) -> Hint {
    let own = || match rung {
        Some(rung) => (rung.text.clone(), Source::Ladder { rung: rung.number, of: rung.of }),
        None if question.own.trim().is_empty() => ("There is no hint for this.".to_owned(), Source::Own),
        None => (question.own.clone(), Source::Own),
    };
    let answer = rung.is_some_and(|rung| rung.is_last() && rung.of > 1 && !rung.again);
    if let Some(assistant) = assistant.filter(|_| !answer) {
        let (asked, rung) = (question.clone(), rung.cloned());
        let asked = move |secrets: &Secrets| asked.prompt(secrets, rung.as_ref());
        return said(assistant, &question.session, asked, own, tell).await;
    }
    let (text, source) = own();
    Hint { text, source, note: None }
}

/// What an error means, in an assistant's words where there is one that answers, else in ondeck's own.
pub async fn explain(assistant: Option<&Assistant>, problem: &Problem, tell: impl Fn(Piece) + Send + Sync) -> Hint {
    let own = || match problem.own.trim() {
        "" => ("Nothing more is known of this.".to_owned(), Source::Own),
        own => (own.to_owned(), Source::Own),
    };
    if let Some(assistant) = assistant {
        let asked = problem.clone();
        return said(assistant, &problem.session, move |secrets: &Secrets| asked.prompt(secrets), own, tell).await;
    }
    let (text, source) = own();
    Hint { text, source, note: None }
}

/// What the assistant says, or else the own words with a note why.
async fn said(
    assistant: &Assistant,
    session: &str,
    asked: impl FnOnce(&Secrets) -> (wire::Prompt, filter::Guard) + Send + 'static,
    own: impl FnOnce() -> (String, Source),
    tell: impl Fn(Piece) + Send + Sync,
) -> Hint {
    let told = std::sync::atomic::AtomicBool::new(false);
    let show = |text: String| {
        told.store(true, std::sync::atomic::Ordering::Relaxed);
        tell(Piece::Text(text));
    };
    match assistant.ask(session, asked, show).await {
        Ok(text) => Hint { text, source: Source::Assistant { model: assistant.model().to_owned() }, note: None },
        Err(why) => {
            if told.into_inner() {
                tell(Piece::Withdrawn);
            }
            let (text, source) = own();
            Hint { text, source, note: Some(text::clean(&why).into_owned()) }
        }
    }
}
