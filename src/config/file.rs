//! `config.yaml` as it is written, and its way into a `Config`.

use std::path::PathBuf;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use serde_yaml::Spanned;

use super::source::{ConfigError, Entries, Source, hinted, quoted, suggestion};
use super::{
    Ascii, Audit, Binding, Chord, Config, Confirm, CustomCommand, Editor, Health, Hints, Labs, Layout, Lint, Logs, On,
    Preset, Secrets, Sessions, Size, Terminal, Theme,
};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    theme: Option<Spanned<String>>,
    ascii: Option<Ascii>,
    mouse: Option<bool>,
    keymap: Option<Preset>,
    keys: Option<Entries<Spanned<Keys>>>,
    commands: Option<Vec<Spanned<CommandEntry>>>,
    stats: Option<bool>,
    logs: Option<Logs>,
    terminal: Option<Terminal>,
    sessions: Option<Sessions>,
    labs: Option<Labs>,
    editor: Option<Editor>,
    lint: Option<Lint>,
    hints: Option<Hints>,
    health: Option<Health>,
    audit: Option<Audit>,
    secrets: Option<Secrets>,
    confirm: Option<Confirm>,
    host: Option<String>,
    layout: Option<Layout>,
    start_view: Option<Spanned<String>>,
}

/// A command as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandEntry {
    name: String,
    key: Option<Spanned<Chord>>,
    command: Spanned<String>,
    on: On,
    #[serde(default)]
    confirm: bool,
    #[serde(default = "yes")]
    terminal: bool,
}

fn yes() -> bool {
    true
}

/// The keys of an action: one, or a list.
enum Keys {
    One(String),
    List(Vec<Chord>),
    Nothing,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;

        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = Keys;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a key or a list of keys")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Keys, E> {
                Ok(Keys::One(value.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Keys, E> {
                Ok(Keys::One(value.to_string()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Keys, E> {
                Ok(Keys::One(value.to_string()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Keys, E> {
                Ok(Keys::Nothing)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Keys, A::Error> {
                let mut chords = Vec::new();
                while let Some(chord) = seq.next_element()? {
                    chords.push(chord);
                }
                Ok(Keys::List(chords))
            }
        }

        deserializer.deserialize_any(KeysVisitor)
    }
}

impl<'de> Deserialize<'de> for Ascii {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "auto" => Ok(Self::Auto),
            "true" => Ok(Self::Always),
            "false" => Ok(Self::Never),
            other => Err(hinted(
                format_args!("found {}, expected true, false or auto", quoted(other)),
                "`auto` looks at the locale",
            )),
        }
    }
}

/// A budget for logs that leaves room for at least one long line.
pub(super) fn budget<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
    let size = Size::deserialize(deserializer)?;
    if (1 << 20..=16 << 30).contains(&size.0) {
        return Ok(size);
    }
    Err(hinted(format_args!("found `{size}`, expected a size from 1m to 16g"), "32m holds about 200,000 lines"))
}

/// A scrollback that is of use and fits in memory.
pub(super) fn scrollback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let rows = u32::deserialize(deserializer)?;
    if rows <= 100_000 {
        return Ok(rows);
    }
    Err(hinted(format_args!("found `{rows}`, expected a number of rows up to 100000"), "a row of 160 cells takes 4 KB"))
}

/// A split that leaves both sides usable.
pub(super) fn split<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let percent = u8::deserialize(deserializer)?;
    if (15..=85).contains(&percent) {
        return Ok(percent);
    }
    Err(hinted(format_args!("found `{percent}`, expected a percentage from 15 to 85"), ""))
}

impl Config {
    /// Reads a configuration; the user's own themes are beside it in `folder`.
    pub(super) fn parse(source: Source, folder: Option<PathBuf>) -> Result<Self, ConfigError> {
        let file: ConfigFile = source.parse()?;
        let mut config = Self { folder, ..Self::default() };
        if let Some(theme) = file.theme {
            let folder = config.themes_folder();
            let known = Theme::list(folder.as_deref());
            if !known.iter().any(|entry| entry.name == theme.value) {
                let message = format!("found {}, expected the name of a theme", quoted(&theme.value));
                let hint = suggestion(&theme.value, known.iter().map(|entry| entry.name.as_str()));
                return Err(source.error(theme.referenced.into(), message, hint));
            }
            Theme::load(&theme.value, folder.as_deref())?;
            config.theme = theme.value;
        }
        for (action, keys) in file.keys.unwrap_or_default().0 {
            let chords = match keys.value {
                Keys::List(chords) => chords,
                Keys::One(text) => match text.parse() {
                    Ok(chord) => vec![chord],
                    Err(super::NotAChord { message, hint }) => {
                        return Err(source.error(keys.referenced.into(), message, hint));
                    }
                },
                Keys::Nothing => {
                    let message = format!("found no key for `{}`, expected a key or a list of keys", action.value);
                    let hint =
                        "signs that YAML uses need quotes, such as '#' or '~'; [] takes the action off the keyboard";
                    return Err(source.error(action.referenced.into(), message, hint));
                }
            };
            config.keys.push(Binding { action: action.value, chords, place: action.referenced.into() });
        }
        for entry in file.commands.unwrap_or_default() {
            config.add_command(&source, entry)?;
        }
        if let Some(view) = file.start_view {
            config.start_view = view.value;
            config.start_view_place = Some(view.referenced.into());
        }
        config.ascii = file.ascii.unwrap_or(config.ascii);
        config.mouse = file.mouse.unwrap_or(config.mouse);
        config.keymap = file.keymap.unwrap_or(config.keymap);
        config.stats = file.stats.unwrap_or(config.stats);
        config.logs = file.logs.unwrap_or(config.logs);
        config.terminal = file.terminal.unwrap_or(config.terminal);
        config.sessions = file.sessions.unwrap_or(config.sessions);
        config.labs = file.labs.unwrap_or_default().from(config.folder.as_deref());
        config.editor = file.editor.unwrap_or(config.editor);
        config.lint = file.lint.unwrap_or(config.lint);
        config.hints = file.hints.unwrap_or(config.hints);
        config.health = file.health.unwrap_or(config.health);
        config.audit = file.audit.unwrap_or(config.audit);
        config.secrets = file.secrets.unwrap_or(config.secrets);
        config.confirm = file.confirm.unwrap_or(config.confirm);
        config.host = file.host.filter(|host| !host.trim().is_empty()).or(config.host);
        config.layout = file.layout.unwrap_or(config.layout);
        config.source = Some(source);
        Ok(config)
    }

    fn add_command(&mut self, source: &Source, entry: Spanned<CommandEntry>) -> Result<(), ConfigError> {
        let place = entry.referenced.into();
        let CommandEntry { name, key, command, on, confirm, terminal } = entry.value;
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(source.error(place, format!("found {} as a name, expected a line of text", quoted(&name)), ""));
        }
        if self.commands.iter().any(|other| other.name == name && other.on == on) {
            let message = format!("there is a second command {} with `on: {}`", quoted(&name), on.name());
            return Err(source.error(place, message, "give one of them another name"));
        }
        if let Some(key) = &key
            && let Some(other) = self.commands.iter().find(|other| other.key == Some(key.value) && other.on == on)
        {
            let message = format!("`{}` is the key of {} already", key.value, quoted(&other.name));
            return Err(source.error(key.referenced.into(), message, "give one of them another key"));
        }
        let mut made = CustomCommand::new(name, key.map(|key| key.value), on, &command.value, place)
            .map_err(|(message, hint)| source.error(command.referenced.into(), message, hint))?;
        (made.confirm, made.terminal) = (confirm, terminal);
        self.commands.push(made);
        Ok(())
    }
}
