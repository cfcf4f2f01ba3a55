//! The assistant that may be asked for hints.

use serde::{Deserialize, Deserializer};

use super::Period;
use super::source::{hinted, quoted, unshown};

/// Who is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Nobody: hints are those of the labs.
    #[default]
    None,
    /// Gemini's API.
    Gemini,
    /// An API like `OpenAI`'s, such as Ollama's.
    OpenAi,
}

/// The assistant that may be asked for hints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hints {
    /// Who is asked.
    pub provider: Provider,
    /// Where, without the part that names the request; the provider's own address when not set.
    #[serde(deserialize_with = "url")]
    pub url: Option<String>,
    /// Which model; one of the provider's when not set.
    pub model: Option<String>,
    /// The environment variable that the key is in.
    #[serde(deserialize_with = "variable")]
    pub key_env: Option<String>,
    /// How long one waits for a whole answer.
    #[serde(deserialize_with = "timeout")]
    pub timeout: Period,
    /// How many questions a minute a session may ask.
    #[serde(deserialize_with = "per_minute")]
    pub per_minute: u32,
}

impl Default for Hints {
    fn default() -> Self {
        Self {
            provider: Provider::None,
            url: None,
            model: None,
            key_env: None,
            timeout: Period(std::time::Duration::from_secs(20)),
            per_minute: 5,
        }
    }
}

impl Hints {
    /// Where is asked.
    pub fn address(&self) -> &str {
        self.url.as_deref().unwrap_or(match self.provider {
            Provider::None => "",
            Provider::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            Provider::OpenAi => "https://api.openai.com/v1",
        })
    }

    /// Which model is asked.
    pub fn model_name(&self) -> &str {
        self.model.as_deref().unwrap_or(match self.provider {
            Provider::None => "",
            Provider::Gemini => "gemini-flash-latest",
            Provider::OpenAi => "gpt-5-mini",
        })
    }

    /// The variable that the key is in. An address of one's own gets no key but one that is meant for it.
    pub fn key_variable(&self) -> Option<&str> {
        match (&self.key_env, &self.url, self.provider) {
            (Some(name), ..) => Some(name),
            (None, Some(_), _) | (.., Provider::None) => None,
            (None, None, Provider::Gemini) => Some("GEMINI_API_KEY"),
            (None, None, Provider::OpenAi) => Some("OPENAI_API_KEY"),
        }
    }
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let Some(url) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|r| r.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.contains('@') {
        return Err(unshown(
            "found an address with a name or password in it, expected one without",
            "put the key into an environment variable, and name that in `key_env`",
        ));
    }
    let odd = |ch: char| ch.is_control() || ch.is_whitespace() || matches!(ch, '?' | '#');
    if host.is_empty() || url.contains(odd) {
        return Err(hinted(
            format_args!("found {}, expected an address", quoted(&url)),
            "such as http://localhost:11434/v1 or https://HOST/v1, without a query",
        ));
    }
    Ok(Some(url.trim_end_matches('/').to_owned()))
}

pub(super) fn variable<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let Some(name) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let right = |ch: char| ch.is_ascii_uppercase() || ch.is_ascii_digit() || ch == '_';
    if !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(|ch: char| ch.is_ascii_digit())
        && name.chars().all(right)
    {
        return Ok(Some(name));
    }
    // Somebody may have written the key itself here.
    Err(unshown(
        "found something else, expected the name of an environment variable",
        "such as GEMINI_API_KEY, in capitals; the key itself never stands in this file",
    ))
}

fn timeout<'de, D: Deserializer<'de>>(from: D) -> Result<Period, D::Error> {
    let period = Period::deserialize(from)?;
    if (1..=600).contains(&period.0.as_secs()) {
        return Ok(period);
    }
    Err(hinted(format_args!("found `{period}`, expected a time from 1s to 10m"), "20s is usual"))
}

fn per_minute<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let count = u32::deserialize(from)?;
    if (1..=600).contains(&count) {
        return Ok(count);
    }
    Err(hinted(format_args!("found `{count}`, expected questions a minute, from 1 to 600"), ""))
}
