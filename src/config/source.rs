//! A YAML file that people write, and errors that say where in it something is wrong.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_yaml::Spanned;

/// No configuration or theme is larger; a file that is, is a mistake (or an attack).
const MAX_BYTES: u64 = 1 << 20;

/// How much of a source line an error shows.
const SHOWN_COLUMNS: usize = 96;

/// A line and a column in a file, both counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl From<serde_yaml::Location> for Place {
    fn from(location: serde_yaml::Location) -> Self {
        Self { line: location.line() as usize, column: location.column() as usize }
    }
}

/// What is wrong in a configuration or theme file, where, and what would be right. Its texts hold no
/// control characters other than line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as the person named it.
    pub file: String,
    /// Where in the file, if it is about one place.
    pub place: Option<Place>,
    /// What was found and what was expected, one sentence.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// The line of the file that it is about.
    line: Option<String>,
}

impl ConfigError {
    /// An error about a file as a whole.
    pub fn whole(file: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { file: printable(&file.into()), place: None, message: message.into(), hint: hint.into(), line: None }
    }

    /// The same without the line of the file, which may hold a secret.
    pub(super) fn without_line(self) -> Self {
        Self { line: None, ..self }
    }

    /// The first line of the message: file, line, column and what is wrong.
    pub fn headline(&self) -> String {
        match self.place {
            Some(Place { line, column }) => format!("{}:{line}:{column}: {}", self.file, self.message),
            None => format!("{}: {}", self.file, self.message),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if let (Some(place), Some(line)) = (self.place, &self.line) {
            let number = place.line.to_string();
            let (shown, caret) = excerpt(line, place.column);
            write!(f, "\n  {number} | {shown}\n  {:1$} | {2:3$}^", "", number.len(), "", caret)?;
        }
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The part of a line around a column, and how many cells stand before the column in it.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    let before = column.saturating_sub(1);
    let skipped = before.saturating_sub(SHOWN_COLUMNS * 3 / 4);
    let mut shown = String::from(if skipped > 0 { "... " } else { "" });
    let mut caret = None;
    for (index, ch) in line.chars().enumerate().skip(skipped).take(SHOWN_COLUMNS) {
        if index == before {
            caret = Some(unicode_width::UnicodeWidthStr::width(shown.as_str()));
        }
        shown.push(if is_unprintable(ch) { ' ' } else { ch });
    }
    let width = unicode_width::UnicodeWidthStr::width(shown.as_str());
    if line.chars().nth(skipped + SHOWN_COLUMNS).is_some() {
        shown.push_str(" ...");
    }
    (shown, caret.unwrap_or(width))
}

/// Control characters, and those that reorder or hide text.
fn is_unprintable(ch: char) -> bool {
    ch.is_control()
        || matches!(ch, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Text without anything that a terminal would act on.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|ch| if is_unprintable(ch) { '\u{fffd}' } else { ch }).collect()
}

/// A value from a file as a message shows it: quoted, printable and not too long.
pub(crate) fn quoted(value: &str) -> String {
    let mut shown: String = value.chars().take(60).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    format!("`{}`", printable(&shown))
}

/// An error for serde that carries a hint; `Source::parse` takes the two apart again.
pub(crate) fn hinted<E: serde::de::Error>(message: impl fmt::Display, hint: impl fmt::Display) -> E {
    E::custom(format_args!("{message}\n{hint}"))
}

/// Begins a message about something that may be a secret: the line it stands in is not shown.
pub(super) const UNSHOWN: char = '\u{1}';

/// As `hinted`, for what was written where a secret may have been written.
pub(super) fn unshown<E: serde::de::Error>(message: &str, hint: &str) -> E {
    hinted(format_args!("{UNSHOWN}{message}"), hint)
}

/// The hint for an unknown name: the nearest known one, or all of them.
pub(crate) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// The known name that was probably meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let typed = name.to_lowercase();
    let allowed = (typed.chars().count() / 3).max(1);
    known
        .iter()
        .map(|candidate| (distance(&typed, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one word to another.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(40).collect(), to.chars().take(40).collect());
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i.max(j)
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[from.len()][to.len()]
}

/// The text of a file and the name it goes by in errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    file: String,
    text: String,
}

impl Source {
    /// A text that was read already.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into() }
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let refused = |error: std::io::Error| {
            ConfigError::whole(
                &file,
                format!("cannot be read: {error}"),
                match error.kind() {
                    std::io::ErrorKind::NotFound => "`ondeck --print-config` prints one to start from",
                    std::io::ErrorKind::PermissionDenied => "look at its owner and permissions",
                    _ => "",
                },
            )
        };
        let metadata = std::fs::metadata(path).map_err(refused)?;
        if !metadata.is_file() {
            return Err(ConfigError::whole(&file, "is not a file", ""));
        }
        if metadata.len() > MAX_BYTES {
            let message = format!("has {} bytes, expected at most {MAX_BYTES}", metadata.len());
            return Err(ConfigError::whole(&file, message, "is it the right file?"));
        }
        let bytes = std::fs::read(path).map_err(refused)?;
        String::from_utf8(bytes).map(|text| Self::new(&file, text)).map_err(|error| {
            let valid_up_to = error.utf8_error().valid_up_to();
            let source = Self::new(&file, String::from_utf8_lossy(error.as_bytes()));
            let before = String::from_utf8_lossy(&error.as_bytes()[..valid_up_to]);
            let place = Place {
                line: before.matches('\n').count() + 1,
                column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            };
            source.error(place, "found bytes that are not UTF-8, expected text in UTF-8", "save the file as UTF-8")
        })
    }

    /// The name it goes by.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// An error about one place in this file.
    pub fn error(&self, place: Place, message: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        ConfigError {
            place: (place.line > 0).then_some(place),
            line: self.text.lines().nth(place.line.saturating_sub(1)).map(str::to_owned),
            ..ConfigError::whole(&self.file, message, hint)
        }
    }

    /// Reads the text as a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let options = serde_yaml::options! {
            with_snippet: false,
            // `y` and `on` are words and keys here, not truth.
            strict_booleans: true,
            merge_keys: serde_yaml::MergeKeyPolicy::Error,
            // A configuration of a thousand lines stays far below; a file that grows on reading does not.
            budget: serde_yaml::budget! { max_events: 100_000, max_nodes: 50_000, max_depth: 32 },
            alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 10_000 },
        };
        serde_yaml::from_str_with_options(&self.text, options).map_err(|error| super::explain::explain(self, &error))
    }

    /// The text itself.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with any YAML, whatever it is for.
    pub fn yaml(&self) -> Option<ConfigError> {
        let options = serde_yaml::options! { with_snippet: false };
        let read = serde_yaml::from_multiple_with_options::<serde::de::IgnoredAny>(&self.text, options);
        read.err().map(|error| super::explain::explain(self, &error))
    }

    /// What stands at a place, so many characters of it.
    pub(super) fn written(&self, place: Place, chars: usize) -> String {
        let line = self.text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        line.chars().skip(place.column.saturating_sub(1)).take(chars).collect()
    }

    /// What stands at a place, as a message says it.
    pub(super) fn found(&self, place: Place) -> String {
        let line = self.text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        let (before, rest) =
            line.split_at(line.char_indices().nth(place.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at));
        let rest = rest.split(" #").next().unwrap_or_default().trim();
        match rest.chars().next() {
            None | Some(':' | '#') => "nothing".to_owned(),
            Some('[') => "a list".to_owned(),
            Some('-') if rest == "-" || rest.starts_with("- ") => "a list".to_owned(),
            Some('{') => "a group of settings".to_owned(),
            Some(quote @ ('"' | '\'')) => quoted(rest[1..].split(quote).next().unwrap_or_default()),
            Some('|' | '>') => "a block of text".to_owned(),
            Some(_) if before.contains(['[', '{']) => {
                quoted(rest.split([',', ']', '}']).next().unwrap_or_default().trim())
            }
            Some(_) if rest.ends_with(':') || rest.contains(": ") => "a group of settings".to_owned(),
            Some(_) => quoted(rest),
        }
    }
}

/// The entries of a mapping in the order of the file, each key with its place.
#[derive(Debug)]
pub(super) struct Entries<V>(pub(super) Vec<(Spanned<String>, V)>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<V>(std::marker::PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for EntriesVisitor<V> {
            type Value = Entries<V>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a mapping, `name: value`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor(std::marker::PhantomData))
    }
}
