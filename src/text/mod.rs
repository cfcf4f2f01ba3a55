//! Text for people: untrusted text made harmless, sizes and ages in human units, widths in cells.

pub mod shell;
mod wrap;

use std::borrow::Cow;

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;

pub use wrap::wrap;

/// Whether a terminal could take `c` as an order, or hide or reorder text with it.
pub const fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'      // C0, DEL, C1
        | '\u{200e}' | '\u{200f}' | '\u{061c}' // direction marks
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // direction overrides and isolates
        | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// `text` with every character that a terminal could obey replaced by `·`.
/// Names, labels and messages of an engine pass through here before they are shown.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) {
        Cow::Owned(text.chars().map(|c| if is_unsafe(c) { '·' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Width of `text` on a terminal, in cells.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut to at most `cells` cells, with `…` where something was cut.
pub fn fit(text: &str, cells: usize) -> Cow<'_, str> {
    use unicode_segmentation::UnicodeSegmentation;
    if width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let w = width(grapheme);
        if used + w + 1 > cells {
            break;
        }
        out.push_str(grapheme);
        used += w;
    }
    if cells > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// Bytes in at most four digits with a binary unit: `512B`, `1.4K`, `23M`, `3.1G`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "K", "M", "G", "T", "P"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes}B")
    } else if value < 9.95 {
        format!("{value:.1}{}", UNITS[unit])
    } else {
        format!("{value:.0}{}", UNITS[unit])
    }
}

/// How long ago `then` was, in its largest unit: `8s`, `12m`, `3h`, `5d`, `2y`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    duration(now.as_second().saturating_sub(then.as_second()).max(0).unsigned_abs())
}

/// Seconds in their largest unit.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400..31_536_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

/// The first twelve digits of an identifier, without its `sha256:`.
pub fn short_id(id: &str) -> &str {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.get(..12).unwrap_or(id)
}

/// `1 container`, `2 containers`.
pub fn count(n: usize, what: &str) -> String {
    let plural = match what {
        w if w.ends_with('y') => format!("{}ies", &w[..w.len() - 1]),
        w if w.ends_with('s') || w.ends_with('h') => format!("{w}es"),
        w => format!("{w}s"),
    };
    if n == 1 { format!("1 {what}") } else { format!("{n} {plural}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_terminal_obeys_passes() {
        assert_eq!(clean("a\x1b[31mb\x07\u{9b}2J\u{202e}c\r\n"), "a·[31mb··2J·c··");
        assert!(matches!(clean("plain ✔ 漢字"), Cow::Borrowed(_)));
    }

    #[test]
    fn wide_text_is_cut_at_whole_graphemes() {
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 4), "漢…");
        assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abc", 0), "");
    }

    #[test]
    fn sizes_and_ages_stay_short() {
        let shown: Vec<_> = [0, 999, 1000, 1024, 10_000, 1 << 20, 3_328_599_654, u64::MAX].map(size).into();
        assert_eq!(shown, ["0B", "999B", "1.0K", "1.0K", "9.8K", "1.0M", "3.1G", "16384P"]);
        assert_eq!(
            [0, 59, 60, 3599, 3600, 86_400, 400 * 86_400].map(duration),
            ["0s", "59s", "1m", "59m", "1h", "1d", "1y"]
        );
        assert_eq!(
            [count(1, "image"), count(2, "container"), count(3, "entry")],
            ["1 image", "2 containers", "3 entries"]
        );
    }
}
