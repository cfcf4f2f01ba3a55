//! Which environment variables hold a secret, by their name.

use regex::Regex;
use serde::de::{Deserialize, Deserializer};

use super::source::{hinted, quoted};

/// Words that mark a name as a secret; a word after `!` marks it as none, whatever else it holds.
pub(super) const WORDS: &[&str] = &[
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "passwd",
    "password",
    "pword",
    "secret",
    "token",
    "!file",
    "!public",
    "!version",
];

/// The rule for names.
#[derive(Debug, Clone)]
pub struct Secrets {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
enum Rule {
    /// A whole word of the name.
    Word(String),
    /// A whole word that makes the name harmless.
    Not(String),
    /// Anything in the name.
    Pattern(Regex),
}

impl PartialEq for Secrets {
    fn eq(&self, other: &Self) -> bool {
        self.written() == other.written()
    }
}

impl Default for Secrets {
    fn default() -> Self {
        Self { rules: WORDS.iter().filter_map(|word| Rule::read(word).ok()).collect() }
    }
}

impl Secrets {
    /// Whether a variable of this name holds a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        let words = words(name);
        let mut found = false;
        for rule in &self.rules {
            match rule {
                Rule::Not(word) if words.contains(word) => return false,
                Rule::Word(word) => found |= words.contains(word),
                Rule::Pattern(pattern) => found |= pattern.is_match(name),
                Rule::Not(_) => {}
            }
        }
        found
    }

    fn written(&self) -> Vec<String> {
        self.rules
            .iter()
            .map(|rule| match rule {
                Rule::Word(word) => word.clone(),
                Rule::Not(word) => format!("!{word}"),
                Rule::Pattern(pattern) => format!("/{pattern}/"),
            })
            .collect()
    }
}

/// The words of a name: `dbPassword`, `DB_PASSWORD` and `spring.db.password` all have `password`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for ch in name.chars() {
        let starts = ch.is_uppercase() && small;
        small = ch.is_lowercase() || ch.is_numeric();
        if starts || !ch.is_alphanumeric() {
            words.push(String::new());
        }
        if ch.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(ch.to_lowercase());
        }
    }
    words
}

impl Rule {
    /// Reads a word, `!word` or `/pattern/`; an error is a message and a hint.
    fn read(text: &str) -> Result<Self, (String, String)> {
        if let Some(pattern) = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            return regex::RegexBuilder::new(pattern)
                .case_insensitive(true)
                .size_limit(1 << 20)
                .build()
                .map(Self::Pattern)
                .map_err(|error| {
                    let message = error.to_string();
                    let reason = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    (
                        format!("found {}, expected a regular expression between slashes", quoted(text)),
                        reason.to_owned(),
                    )
                });
        }
        let (word, not) = match text.strip_prefix('!') {
            Some(word) => (word, true),
            None => (text, false),
        };
        if word.is_empty() || !word.chars().all(char::is_alphanumeric) {
            return Err((
                format!("found {}, expected one word, `!word` or `/regular expression/`", quoted(text)),
                "names are split into words at `_`, `-`, `.` and before capitals".to_owned(),
            ));
        }
        let word = word.to_lowercase();
        Ok(if not { Self::Not(word) } else { Self::Word(word) })
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).map_err(|(message, hint)| hinted(message, hint))
    }
}

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { rules: Vec::deserialize(deserializer)? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn secrets_by_default() {
        let secrets = Secrets::default();
        for name in [
            "PASSWORD",
            "DB_PASSWORD",
            "POSTGRES_PASSWORD",
            "api_key",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "TOKEN",
            "MYAPP_AUTH",
            "dbPassword",
            "spring.datasource.password",
            "SSH-KEY",
            "APIKEY",
        ] {
            assert!(secrets.is_secret(name), "{name}");
        }
        for name in [
            "PATH",
            "KEYBOARD",
            "MONKEY",
            "AUTHOR",
            "TOKENIZER",
            "POSTGRES_PASSWORD_FILE",
            "PUBLIC_KEY",
            "KEY_VERSION",
            "",
            "_",
            "HOME",
            "TOKENS_PER_SECOND",
        ] {
            assert!(!secrets.is_secret(name), "{name}");
        }
    }

    #[test]
    fn own_rules() {
        let rule = |text: &str| Rule::read(text).unwrap();
        let secrets = Secrets { rules: vec![rule("pin"), rule("/^vault_/"), rule("!test")] };
        assert!(secrets.is_secret("CARD_PIN"));
        assert!(secrets.is_secret("VAULT_ADDR"));
        assert!(!secrets.is_secret("VAULT_TEST"));
        assert!(!secrets.is_secret("SPINNING"));
    }

    #[test]
    fn bad_rules() {
        for text in ["", "!", "a b", "a_b", "/(/", "/(?P<n/"] {
            assert!(Rule::read(text).is_err(), "{text}");
        }
    }
}
