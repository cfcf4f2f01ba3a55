//! A file that changed underneath: both texts, and what to do.

use similar::{ChangeTag, TextDiff};

use crate::ui::overlay::{Conflict, Overlay};
use crate::ui::panes::text::TextLine;
use crate::ui::view::Tone;

/// Lines around a difference that are shown.
const AROUND: usize = 3;
/// More lines than this nobody reads; and comparing would take its time.
const MOST: usize = 2000;

/// Shows both texts, and asks.
pub fn ask(path: &str, mine: &str, theirs: &str) -> Overlay {
    Overlay::Conflict(Conflict { path: path.to_owned(), lines: difference(mine, theirs), top: 0 })
}

/// What differs: `-` stands only in theirs, `+` only in mine.
fn difference(mine: &str, theirs: &str) -> Vec<TextLine> {
    let within = std::time::Duration::from_millis(200);
    let diff = TextDiff::configure().timeout(within).diff_lines(theirs, mine);
    let mut lines = Vec::new();
    for (n, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if n > 0 {
            lines.push(TextLine::new(Tone::Muted, "⋯"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, tone) = match change.tag() {
                ChangeTag::Delete => ("-", Tone::Bad),
                ChangeTag::Insert => ("+", Tone::Good),
                ChangeTag::Equal => (" ", Tone::Muted),
            };
            let place = change.new_index().or(change.old_index()).map_or(0, |i| i + 1);
            let mut line = TextLine::new(Tone::Muted, format!("{place:>4} "));
            line.push(tone, format!("{sign} {}", change.value().trim_end_matches(['\n', '\r'])));
            lines.push(line);
            if lines.len() >= MOST {
                lines.push(TextLine::new(Tone::Muted, "… and more"));
                return lines;
            }
        }
    }
    if lines.is_empty() {
        lines.push(TextLine::new(Tone::Muted, "Only ends of lines differ."));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_are_shown_where_they_differ() {
        let lines = difference("FROM a\nRUN mine\n", "FROM a\nRUN theirs\n");
        let text: Vec<String> = lines.iter().map(TextLine::text).collect();
        assert_eq!(text, ["   1   FROM a", "   2 - RUN theirs", "   2 + RUN mine"]);
        let far = |n: usize| format!("{n}\n");
        let mine: String = (0..100).map(far).collect();
        let lines = difference(&mine.replace("90\n", "x\n"), &mine.replace("5\n", "y\n"));
        assert!(lines.len() < 120 && lines.iter().any(|l| l.text() == "⋯"));
    }
}
