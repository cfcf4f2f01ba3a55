//! Reading themes: the ones that are built in, and YAML files of the same shape.

use std::collections::HashMap;
use std::path::Path;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_yaml::Spanned;

use super::source::{ConfigError, Entries, Source, quoted, suggestion};
use super::theme::{Kind, ROLES, Theme};

/// The theme that is used when none is chosen.
pub const DEFAULT: &str = "harbor";

/// The themes that are part of the program.
const BUILTIN: &[(&str, &str)] = &[
    ("harbor", include_str!("../../themes/harbor.yaml")),
    ("daylight", include_str!("../../themes/daylight.yaml")),
    ("contrast", include_str!("../../themes/contrast.yaml")),
    ("ansi", include_str!("../../themes/ansi.yaml")),
    ("fjord", include_str!("../../themes/fjord.yaml")),
    ("ember", include_str!("../../themes/ember.yaml")),
    ("clear", include_str!("../../themes/clear.yaml")),
];

/// A theme that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThemeEntry {
    /// The name it is chosen by.
    pub name: String,
    /// One line about it, or what is wrong with its file.
    pub description: String,
    /// Dark or light; none when its file cannot be used.
    pub kind: Option<Kind>,
    /// Whether it comes from the user's own folder.
    pub own: bool,
}

/// A built-in theme by name.
pub(super) fn builtin(name: &str) -> Option<Theme> {
    let (_, text) = BUILTIN.iter().find(|(known, _)| *known == name)?;
    Theme::parse(&Source::new(format!("themes/{name}.yaml"), *text)).ok()
}

/// The names of the built-in themes.
pub(super) fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTIN.iter().map(|(name, _)| *name)
}

/// A theme file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThemeFile {
    name: Spanned<String>,
    #[serde(default)]
    description: String,
    kind: Kind,
    #[serde(default)]
    colors: Entries<Spanned<Option<String>>>,
    roles: Spanned<Entries<Spanned<Look>>>,
    #[serde(default)]
    sources: Vec<Spanned<String>>,
}

/// What is written for a role: a colour alone, or its parts.
enum Look {
    Foreground(String),
    Parts(Parts),
    Nothing,
    List,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "a terminal's attributes are just that")]
struct Parts {
    fg: Option<Spanned<String>>,
    bg: Option<Spanned<String>>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

impl<'de> Deserialize<'de> for Look {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LookVisitor;

        impl<'de> Visitor<'de> for LookVisitor {
            type Value = Look;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a colour, or {fg, bg, bold, dim, italic, underline, reverse}")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Look, E> {
                Ok(Look::Foreground(value.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Look, E> {
                Ok(Look::Foreground(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Look, E> {
                Ok(Look::Foreground(value.to_string()))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Look, E> {
                Ok(Look::Nothing)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Look, A::Error> {
                while seq.next_element::<de::IgnoredAny>()?.is_some() {}
                Ok(Look::List)
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Look, A::Error> {
                Parts::deserialize(de::value::MapAccessDeserializer::new(map)).map(Look::Parts)
            }
        }

        deserializer.deserialize_any(LookVisitor)
    }
}

impl Theme {
    /// The theme that is chosen by `name`: one of the user's own in `folder`, or a built-in one.
    pub fn load(name: &str, folder: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(path) = folder.map(|folder| folder.join(format!("{name}.yaml")))
            && is_plain_name(name)
            && path.is_file()
        {
            return Self::parse(&Source::read(&path)?);
        }
        builtin(name).ok_or_else(|| {
            let entries = Self::list(folder);
            ConfigError::whole(
                "theme",
                format!("{} is not a theme", quoted(name)),
                suggestion(name, entries.iter().map(|entry| entry.name.as_str())),
            )
        })
    }

    /// Every theme that can be chosen: the built-in ones, then the user's own from `folder` by name. An own
    /// theme takes the place of a built-in one of the same name.
    pub fn list(folder: Option<&Path>) -> Vec<ThemeEntry> {
        let mut own = Vec::new();
        for file in folder.and_then(|folder| folder.read_dir().ok()).into_iter().flatten().flatten() {
            let path = file.path();
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(|name| is_plain_name(name)) else {
                continue;
            };
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            own.push(match Source::read(&path).and_then(|source| Self::parse(&source)) {
                Ok(theme) => ThemeEntry {
                    name: name.to_owned(),
                    description: theme.description,
                    kind: Some(theme.kind),
                    own: true,
                },
                Err(error) => {
                    ThemeEntry { name: name.to_owned(), description: error.headline(), kind: None, own: true }
                }
            });
        }
        own.sort_by(|a, b| a.name.cmp(&b.name));
        builtin_names()
            .filter(|name| own.iter().all(|entry| entry.name != *name))
            .filter_map(builtin)
            .map(|theme| ThemeEntry {
                name: theme.name,
                description: theme.description,
                kind: Some(theme.kind),
                own: false,
            })
            .collect::<Vec<_>>()
            .into_iter()
            .chain(own)
            .collect()
    }

    /// Reads a theme file.
    pub fn parse(source: &Source) -> Result<Self, ConfigError> {
        let file: ThemeFile = source.parse()?;
        let palette = Palette::new(source, &file.colors)?;
        let mut looks = HashMap::new();
        for (role, look) in &file.roles.value.0 {
            if !ROLES.iter().any(|(known, _)| *known == role.value) {
                let message = format!("found {}, expected the name of a role", quoted(&role.value));
                let hint = suggestion(&role.value, ROLES.iter().map(|(known, _)| *known));
                return Err(source.error(role.referenced.into(), message, hint));
            }
            let style = match &look.value {
                Look::Foreground(text) => Style::new().fg(palette.named(text, look.referenced)?),
                Look::Parts(parts) => palette.style(parts)?,
                Look::Nothing => return Err(no_color(source, role)),
                Look::List => {
                    let hint = "such as `teal`, or `{fg: teal, bold: true}`";
                    return Err(source.error(look.referenced.into(), "found a list, expected a colour", hint));
                }
            };
            looks.insert(role.value.as_str(), style);
        }
        for (role, parent) in ROLES {
            if looks.contains_key(role) {
                continue;
            }
            let Some(style) = parent.and_then(|parent| looks.get(parent).copied()) else {
                let message = format!("the role `{role}` is missing, and no other can stand in for it");
                return Err(source.error(file.roles.referenced.into(), message, format!("add `{role}: COLOUR`")));
            };
            looks.insert(role, style);
        }
        let mut sources = Vec::new();
        for color in &file.sources {
            sources.push(Style::new().fg(palette.color(color)?));
        }
        if sources.is_empty() {
            sources =
                ["accent", "info", "success", "warning"].iter().filter_map(|role| looks.get(role)).copied().collect();
        }
        Ok(Self::build(file.name.value, file.description, file.kind, sources, |role| {
            looks.get(role).copied().unwrap_or_default()
        }))
    }
}

/// Names that can be a file's: no path, nothing a shell or terminal would act on.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|ch| ch.is_ascii_alphanumeric() || matches!(ch, '-' | '_'))
}

/// What stands behind a `#` without quotes is a comment to YAML: the commonest mistake in a theme.
fn no_color(source: &Source, name: &Spanned<String>) -> ConfigError {
    let message = format!("found no colour for {}, expected one", quoted(&name.value));
    source.error(name.referenced.into(), message, "a colour that begins with # needs quotes: '#rrggbb'")
}

/// The colours that a theme file names.
struct Palette<'a> {
    source: &'a Source,
    colors: HashMap<&'a str, Color>,
}

impl<'a> Palette<'a> {
    fn new(source: &'a Source, entries: &'a Entries<Spanned<Option<String>>>) -> Result<Self, ConfigError> {
        let mut palette = Self { source, colors: HashMap::new() };
        for (name, color) in &entries.0 {
            let text = color.value.as_deref().ok_or_else(|| no_color(source, name))?;
            let color = palette.named(text, color.referenced)?;
            palette.colors.insert(&name.value, color);
        }
        Ok(palette)
    }

    fn color(&self, written: &Spanned<String>) -> Result<Color, ConfigError> {
        self.named(&written.value, written.referenced)
    }

    fn named(&self, text: &str, location: serde_yaml::Location) -> Result<Color, ConfigError> {
        self.colors.get(text).copied().or_else(|| color(text)).ok_or_else(|| {
            let message = format!("found {}, expected a colour", quoted(text));
            let own = self.colors.keys().copied().chain(ANSI.iter().map(|(name, _)| *name));
            let hint = match suggestion(text, own) {
                near if near.starts_with("did") => near,
                _ => "a colour is '#rrggbb' in quotes, 0 to 255, `default`, one of the 16 names such as `bright-blue`, or a name from `colors`".into(),
            };
            self.source.error(location.into(), message, hint)
        })
    }

    fn style(&self, parts: &Parts) -> Result<Style, ConfigError> {
        let mut style = Style::new();
        if let Some(fg) = &parts.fg {
            style = style.fg(self.color(fg)?);
        }
        if let Some(bg) = &parts.bg {
            style = style.bg(self.color(bg)?);
        }
        for (wanted, modifier) in [
            (parts.bold, Modifier::BOLD),
            (parts.dim, Modifier::DIM),
            (parts.italic, Modifier::ITALIC),
            (parts.underline, Modifier::UNDERLINED),
            (parts.reverse, Modifier::REVERSED),
        ] {
            if wanted {
                style = style.add_modifier(modifier);
            }
        }
        Ok(style)
    }
}

/// The sixteen colours of a terminal's palette under the names that terminals' settings use.
const ANSI: &[(&str, Color)] = &[
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("white", Color::Gray),
    ("bright-black", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("bright-white", Color::White),
];

/// A colour that needs no palette.
fn color(text: &str) -> Option<Color> {
    if let Some(digits) = text.strip_prefix('#') {
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(digits, 16).ok()?;
        return Some(Color::from_u32(value));
    }
    if let Some((_, color)) = ANSI.iter().find(|(name, _)| *name == text) {
        return Some(*color);
    }
    text.parse().ok().map(Color::Indexed)
}
