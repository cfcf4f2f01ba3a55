//! Themes: what each thing on the screen looks like, by role.
//!
//! A view never names a colour. It asks for a role (`theme.muted`, `theme.failed`), and a YAML file says
//! what the role looks like. A role that a file leaves out takes the look of a related one, so a theme is
//! complete with about a dozen lines.

use ratatui::style::{Color, Modifier, Style};

use super::theme_file;
pub use super::theme_file::{DEFAULT, ThemeEntry};

/// Whether a theme is made for a dark or a light terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Light text on a dark background.
    Dark,
    /// Dark text on a light background.
    Light,
}

macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $role:ident $(<- $parent:ident)?;)+) => {
        /// The look of every role. A style may set only a foreground: it is then drawn over what is below.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Theme {
            /// The name it is chosen by.
            pub name: String,
            /// One line about it.
            pub description: String,
            /// Dark or light.
            pub kind: Kind,
            $($(#[doc = $doc])+ pub $role: Style,)+
            /// Colours that can be told apart, for the names of sources in merged logs. Never empty.
            pub sources: Vec<Style>,
        }

        /// Every role with the role whose look it takes when a theme file leaves it out. A parent stands
        /// before its children.
        pub(super) const ROLES: &[(&str, Option<&str>)] =
            &[$((stringify!($role), roles!(@parent $($parent)?)),)+];

        impl Theme {
            /// A theme in which every role has the style that `look` gives it by name.
            pub(super) fn build(
                name: String,
                description: String,
                kind: Kind,
                sources: Vec<Style>,
                look: impl Fn(&str) -> Style,
            ) -> Self {
                Self { name, description, kind, $($role: look(stringify!($role)),)+ sources }
            }

            /// Every role by name with its style.
            pub fn roles(&self) -> Vec<(&'static str, Style)> {
                vec![$((stringify!($role), self.$role),)+]
            }
        }
    };
    (@parent) => { None };
    (@parent $parent:ident) => { Some(stringify!($parent)) };
}

roles! {
    /// The whole screen, below everything: the background, and the colour of text that has no other.
    background;
    /// Ordinary text.
    text;
    /// Secondary text: ages, sizes, ids, hints.
    muted;
    /// What is hardly there: separators, empty gauge cells, scroll bar tracks.
    faint <- muted;
    /// The frame of a pane.
    border <- faint;
    /// The one accent colour of the theme.
    accent;
    /// The frame of the pane that has the keys.
    border_focused <- accent;
    /// The title of a pane.
    title <- text;
    /// The selected row in the pane that has the keys.
    selection;
    /// The selected row in another pane.
    selection_unfocused <- selection;
    /// The sign before a marked row, and the count of marked rows.
    mark <- accent;
    /// Something to know.
    info <- accent;
    /// It went well.
    success;
    /// Something to look at.
    warning;
    /// Something is wrong.
    error;
    /// A container, service or stack that runs and is healthy.
    running <- success;
    /// Starting, restarting, or partly up.
    starting <- warning;
    /// Runs, but its health check fails.
    unhealthy <- warning;
    /// Exited with an error, dead, or killed for memory.
    failed <- error;
    /// Stopped on purpose, or created and never started.
    stopped <- muted;
    /// Paused.
    paused <- info;
    /// A key in a hint.
    key <- accent;
    /// What a key in a hint does.
    hint <- muted;
    /// The line at the top of the screen.
    header <- text;
    /// The tab that is open.
    tab_active <- accent;
    /// Another tab.
    tab_inactive <- muted;
    /// A place where a search or filter matches.
    search <- warning;
    /// The match that the search stands on.
    search_current <- search;
    /// A dialog or the palette that lies over the rest: background and text.
    popup <- background;
    /// A line to type in.
    input <- text;
    /// Processor use in charts.
    cpu <- accent;
    /// Memory use in charts.
    memory <- info;
    /// Bytes received in charts.
    rx <- success;
    /// Bytes sent in charts.
    tx <- warning;
    /// Bytes read from disk in charts.
    disk_read <- rx;
    /// Bytes written to disk in charts.
    disk_write <- tx;
    /// A key in YAML or JSON, the name of what is defined or called.
    syntax_key <- accent;
    /// A word of the language itself: `FROM`, `if`, `def`.
    syntax_keyword <- accent;
    /// A string in YAML or JSON.
    syntax_string <- success;
    /// A number in YAML or JSON.
    syntax_number <- warning;
    /// `true` or `false`.
    syntax_bool <- syntax_number;
    /// `null`, and empty values.
    syntax_null <- muted;
    /// A variable, and what is passed by name.
    syntax_variable <- syntax_number;
    /// A comment.
    syntax_comment <- muted;
    /// The time before a log line.
    log_time <- muted;
    /// What a program wrote to standard error.
    log_stderr <- error;
}

impl Default for Theme {
    fn default() -> Self {
        theme_file::builtin(DEFAULT).unwrap_or_else(Self::plain)
    }
}

impl Theme {
    /// The style for the `n`th source of a merged log; starts again when there are more sources than colours.
    pub fn source(&self, n: usize) -> Style {
        self.sources.get(n % self.sources.len().max(1)).copied().unwrap_or(self.text)
    }

    /// No colour at all, for `NO_COLOR`: only bold, dim, underlined and reversed.
    pub fn plain() -> Self {
        let styles = [Modifier::empty(), Modifier::BOLD, Modifier::UNDERLINED]
            .map(|modifier| Style::new().add_modifier(modifier));
        Self::build("plain".into(), "No colours".into(), Kind::Dark, styles.to_vec(), |role| {
            Style::new().add_modifier(match role {
                "selection" => Modifier::REVERSED,
                "selection_unfocused" => Modifier::UNDERLINED,
                "search" => Modifier::UNDERLINED | Modifier::BOLD,
                "search_current" => Modifier::REVERSED | Modifier::BOLD,
                "tab_active" => Modifier::BOLD | Modifier::UNDERLINED,
                "border_focused" | "title" | "mark" | "accent" | "key" | "warning" | "error" | "unhealthy"
                | "failed" | "starting" | "syntax_key" | "syntax_keyword" | "log_stderr" => Modifier::BOLD,
                "muted" | "faint" | "border" | "stopped" | "hint" | "tab_inactive" | "log_time" | "syntax_null"
                | "syntax_comment" => Modifier::DIM,
                _ => Modifier::empty(),
            })
        })
    }

    /// The same theme in colours that a terminal of this depth can show.
    #[must_use]
    pub fn downgrade(&self, depth: Depth) -> Self {
        if depth == Depth::None {
            return Self { name: self.name.clone(), ..Self::plain() };
        }
        let shown = |style: Style| Style {
            fg: style.fg.map(|color| depth.nearest(color)),
            bg: style.bg.map(|color| depth.nearest(color)),
            ..style
        };
        let roles = self.roles();
        let mut less = Self::build(
            self.name.clone(),
            self.description.clone(),
            self.kind,
            self.sources.iter().map(|style| shown(*style)).collect(),
            |role| roles.iter().find(|(name, _)| *name == role).map_or(Style::new(), |(_, style)| shown(*style)),
        );
        // Sixteen colours have no dark shade between the background and the next one: a selected row takes
        // the accent as its background, and one colour of text that can be read on it.
        if depth == Depth::Ansi16 && matches!(self.background.bg, Some(Color::Rgb(..) | Color::Indexed(16..))) {
            let (ink, strong, grey) = match self.kind {
                Kind::Dark => (Color::Black, Color::White, Color::DarkGray),
                Kind::Light => (Color::White, Color::Black, Color::Gray),
            };
            let accent = less.accent.fg.filter(|color| *color != ink).unwrap_or(Color::Cyan);
            less.selection = less.selection.fg(ink).bg(accent);
            less.selection_unfocused = less.selection_unfocused.fg(strong).bg(grey);
        }
        less
    }
}

/// How many colours a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None wanted (`NO_COLOR`) or none there (`TERM=dumb`, `vt100`).
    None,
    /// The sixteen of the terminal's own palette.
    Ansi16,
    /// The 256 of xterm.
    Ansi256,
    /// Any.
    True,
}
