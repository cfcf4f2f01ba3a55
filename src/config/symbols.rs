//! The signs that the screen is drawn with, in Unicode and in plain ASCII.

use ratatui::symbols::border;

/// One set of signs. Every sign is one cell wide, except `ellipsis` in ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbols {
    /// Whether this is the ASCII set.
    pub ascii: bool,
    /// Running and healthy.
    pub running: &'static str,
    /// Starting, unhealthy, or partly up.
    pub partial: &'static str,
    /// Stopped.
    pub stopped: &'static str,
    /// Failed.
    pub failed: &'static str,
    /// Paused.
    pub paused: &'static str,
    /// State not known.
    pub unknown: &'static str,
    /// A folded branch of a tree.
    pub collapsed: &'static str,
    /// An open branch of a tree.
    pub expanded: &'static str,
    /// Before a marked row.
    pub mark: &'static str,
    /// Before the selected row where colour cannot show it.
    pub cursor: &'static str,
    /// Where text was cut.
    pub ellipsis: &'static str,
    /// Upwards.
    pub up: &'static str,
    /// Downwards.
    pub down: &'static str,
    /// To the left.
    pub left: &'static str,
    /// To the right.
    pub right: &'static str,
    /// Sorted from small to large.
    pub ascending: &'static str,
    /// Sorted from large to small.
    pub descending: &'static str,
    /// Done, yes.
    pub check: &'static str,
    /// No, missing.
    pub cross: &'static str,
    /// Look here.
    pub warning: &'static str,
    /// Between two things on one line.
    pub dot: &'static str,
    /// Between the parts of a path on the screen.
    pub crumb: &'static str,
    /// A vertical separator.
    pub bar: &'static str,
    /// A horizontal separator.
    pub rule: &'static str,
    /// A branch with more to follow.
    pub branch: &'static str,
    /// The last branch.
    pub last_branch: &'static str,
    /// The stem beside a branch with more to follow.
    pub stem: &'static str,
    /// Levels of a sparkline, lowest first.
    pub spark: [&'static str; 8],
    /// Filled part of a gauge.
    pub gauge_full: &'static str,
    /// Empty part of a gauge.
    pub gauge_empty: &'static str,
    /// The part of a scroll bar that is shown.
    pub scroll_thumb: &'static str,
    /// The rest of a scroll bar.
    pub scroll_track: &'static str,
    /// Frames of a progress sign.
    pub spinner: &'static [&'static str],
    /// What a masked secret is shown as.
    pub masked: &'static str,
    /// The frame of a pane.
    pub border: border::Set<'static>,
    /// The frame of the pane that has the keys.
    pub border_focused: border::Set<'static>,
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Corners that differ, because without colour the frame is all that shows the focus.
const ASCII_BORDER_FOCUSED: border::Set<'static> = border::Set {
    top_left: "#",
    top_right: "#",
    bottom_left: "#",
    bottom_right: "#",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "=",
    horizontal_bottom: "=",
};

impl Symbols {
    /// The Unicode set.
    pub const UNICODE: Self = Self {
        ascii: false,
        running: "●",
        partial: "◐",
        stopped: "○",
        failed: "✖",
        // Not U+23F8: many fonts lack it, and some terminals draw it as an emoji two cells wide.
        paused: "‖",
        unknown: "?",
        collapsed: "▸",
        expanded: "▾",
        mark: "▌",
        cursor: "›",
        ellipsis: "…",
        up: "↑",
        down: "↓",
        left: "←",
        right: "→",
        ascending: "▲",
        descending: "▼",
        check: "✔",
        cross: "✘",
        warning: "▲",
        dot: "·",
        crumb: "›",
        bar: "│",
        rule: "─",
        branch: "├",
        last_branch: "└",
        stem: "│",
        spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        gauge_full: "━",
        gauge_empty: "─",
        scroll_thumb: "┃",
        scroll_track: "│",
        spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
        masked: "••••••••",
        border: border::ROUNDED,
        border_focused: border::ROUNDED,
    };

    /// The ASCII set.
    pub const ASCII: Self = Self {
        ascii: true,
        running: "*",
        partial: "~",
        stopped: "o",
        failed: "x",
        paused: "=",
        unknown: "?",
        collapsed: ">",
        expanded: "v",
        mark: "+",
        cursor: ">",
        ellipsis: "..",
        up: "^",
        down: "v",
        left: "<",
        right: ">",
        ascending: "^",
        descending: "v",
        check: "y",
        cross: "x",
        warning: "!",
        dot: "-",
        crumb: ">",
        bar: "|",
        rule: "-",
        branch: "|",
        last_branch: "`",
        stem: "|",
        spark: ["_", ".", ",", "-", "=", "+", "*", "#"],
        gauge_full: "#",
        gauge_empty: "-",
        scroll_thumb: "#",
        scroll_track: "|",
        spinner: &["|", "/", "-", "\\"],
        masked: "********",
        border: ASCII_BORDER,
        border_focused: ASCII_BORDER_FOCUSED,
    };

    /// The set for a locale: what `LC_ALL`, `LC_CTYPE` and `LANG` say, the first that is set and not empty.
    pub fn detect() -> Self {
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
        Self::for_locale(locale.as_deref().and_then(std::ffi::OsStr::to_str))
    }

    /// The set for one locale name such as `de_DE.UTF-8`; none means `C`.
    pub fn for_locale(locale: Option<&str>) -> Self {
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        let charset = locale.split_once('.').map_or("", |(_, rest)| rest).split('@').next().unwrap_or_default();
        if matches!(charset, "utf-8" | "utf8") { Self::UNICODE } else { Self::ASCII }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    fn signs(set: &Symbols) -> Vec<&'static str> {
        let mut all = vec![
            set.running,
            set.partial,
            set.stopped,
            set.failed,
            set.paused,
            set.unknown,
            set.collapsed,
            set.expanded,
            set.mark,
            set.cursor,
            set.up,
            set.down,
            set.left,
            set.right,
            set.ascending,
            set.descending,
            set.check,
            set.cross,
            set.warning,
            set.dot,
            set.crumb,
            set.bar,
            set.rule,
            set.branch,
            set.last_branch,
            set.stem,
            set.gauge_full,
            set.gauge_empty,
            set.scroll_thumb,
            set.scroll_track,
        ];
        all.extend(set.spark);
        all.extend(set.spinner);
        for border in [set.border, set.border_focused] {
            all.extend([border.top_left, border.top_right, border.bottom_left, border.bottom_right]);
            all.extend([border.vertical_left, border.vertical_right]);
            all.extend([border.horizontal_top, border.horizontal_bottom]);
        }
        all
    }

    #[test]
    fn every_sign_takes_one_cell() {
        for set in [Symbols::UNICODE, Symbols::ASCII] {
            for sign in signs(&set) {
                assert_eq!(sign.width(), 1, "{sign}");
            }
        }
    }

    #[test]
    fn the_ascii_set_is_ascii() {
        let set = Symbols::ASCII;
        assert!(signs(&set).iter().all(|sign| sign.is_ascii()));
        assert!(set.ellipsis.is_ascii() && set.masked.is_ascii());
    }

    #[test]
    fn only_a_utf8_locale_gets_unicode() {
        for locale in ["de_DE.UTF-8", "C.UTF-8", "en_US.utf8", "de_DE.UTF-8@euro"] {
            assert!(!Symbols::for_locale(Some(locale)).ascii, "{locale}");
        }
        for locale in [None, Some(""), Some("C"), Some("POSIX"), Some("de_DE.ISO-8859-15@euro"), Some("en_US")] {
            assert!(Symbols::for_locale(locale).ascii, "{locale:?}");
        }
    }

    #[test]
    fn states_differ_by_shape() {
        for set in [Symbols::UNICODE, Symbols::ASCII] {
            let states = [set.running, set.partial, set.stopped, set.failed, set.paused, set.unknown];
            let distinct: std::collections::HashSet<_> = states.iter().collect();
            assert_eq!(distinct.len(), states.len());
        }
    }
}
