//! Blanks at the start of lines: what Tab, Enter and Backspace make of them; and comment signs.

use super::document::{Edit, Kind, Place};
use super::{Answer, Editor, Language};

/// What one indent of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indent {
    Tab,
    Blanks(usize),
}

/// So many lines tell a file's habit.
const SAMPLE: usize = 2000;

impl Indent {
    /// The habit of a file: tabs or blanks, and how many; that of its language where it has none.
    pub fn of(lines: &[String], language: Language) -> Self {
        let (mut tabs, mut steps, mut last) = (0_usize, [0_usize; 9], 0);
        for line in lines.iter().take(SAMPLE).filter(|line| !line.trim().is_empty()) {
            if line.starts_with('\t') {
                tabs += 1;
                continue;
            }
            let blanks = line.len() - line.trim_start_matches(' ').len();
            if let Some(count) = steps.get_mut(blanks.saturating_sub(last)) {
                *count += 1;
            }
            last = blanks;
        }
        let (most, count) = (2..9).map(|n| (n, steps[n])).max_by_key(|(n, count)| (*count, 9 - n)).unwrap_or((0, 0));
        if tabs > steps[1..].iter().sum::<usize>() {
            Self::Tab
        } else if count > 0 {
            Self::Blanks(most)
        } else {
            Self::Blanks(language.indent())
        }
    }

    fn width(self) -> usize {
        match self {
            Self::Tab => super::layout::TAB,
            Self::Blanks(n) => n.max(1),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Tab => "\t".to_owned(),
            Self::Blanks(n) => " ".repeat(n.max(1)),
        }
    }
}

/// How many bytes of blanks a line loses with one indent less.
fn excess(line: &str, indent: Indent) -> usize {
    if line.starts_with('\t') {
        return 1;
    }
    let blanks = line.len() - line.trim_start_matches(' ').len();
    let width = indent.width();
    if blanks == 0 { 0 } else { (blanks - 1) % width + 1 }
}

impl Editor {
    /// Changes the start of lines; the cursor and the selection stay at what they were at.
    fn edit_lines(&mut self, edits: Vec<Edit>) -> Answer {
        let before = (self.cursor, self.anchor);
        let shifts = self.document.change(edits, Kind::Other, before);
        if shifts.is_empty() {
            return Answer::Nothing;
        }
        self.cursor = shifts.iter().fold(self.cursor, |place, shift| shift.of(place));
        self.anchor = self.anchor.map(|anchor| shifts.iter().fold(anchor, |place, shift| shift.of(place)));
        self.changed(&shifts);
        self.document.stands((self.cursor, self.anchor));
        Answer::Changed
    }

    /// Tab: blanks to the next stop, or all selected lines one indent further.
    pub(super) fn tab(&mut self) -> Answer {
        let (first, last) = self.touched();
        if self.selection().is_some_and(|(from, to)| from.line != to.line) {
            return self.indent_lines(first, last, 1);
        }
        let text = match self.indent {
            Indent::Tab => "\t".to_owned(),
            Indent::Blanks(_) => {
                let at = self.selection().map_or(self.cursor, |(from, _)| from);
                let column = super::layout::column(self.document.line(at.line), at.byte);
                " ".repeat(self.indent.width() - column % self.indent.width())
            }
        };
        self.insert(&text, Kind::Type)
    }

    /// Lines some indents further in.
    pub(super) fn indent_lines(&mut self, first: usize, last: usize, times: usize) -> Answer {
        let text = self.indent.text().repeat(times);
        let lines = (first..=last).filter(|line| !self.document.line(*line).is_empty());
        let edits = lines.map(|line| Edit::insert(Place::new(line, 0), text.clone())).collect();
        self.edit_lines(edits)
    }

    /// Lines some indents further out.
    pub(super) fn unindent_lines(&mut self, first: usize, last: usize, times: usize) -> Answer {
        let mut edits = Vec::new();
        for line in first..=last {
            let text = self.document.line(line);
            let mut gone = 0;
            for _ in 0..times {
                gone += excess(&text[gone..], self.indent);
            }
            edits.push(Edit::delete(Place::new(line, 0), Place::new(line, gone)));
        }
        self.edit_lines(edits)
    }

    /// Enter: the new line begins where its text belongs.
    pub(super) fn enter(&mut self) -> Answer {
        let (from, to) = self.selection().unwrap_or((self.cursor, self.cursor));
        let start = self.lead(from);
        // Blanks around the break would stay at the end of one line or pile up at the start of the other.
        let line = self.document.line(to.line);
        let skipped = line[to.byte..].len() - line[to.byte..].trim_start_matches([' ', '\t']).len();
        let head = &self.document.line(from.line)[..from.byte];
        let from = if head.trim().is_empty() { Place::new(from.line, 0) } else { from };
        let edit = Edit { from, to: Place::new(to.line, to.byte + skipped), text: format!("\n{start}") };
        self.document.close();
        self.edit_to_end(edit, Kind::Other)
    }

    /// The blanks with which a line begins that follows `place`.
    pub(super) fn lead(&self, place: Place) -> String {
        let head = &self.document.line(place.line)[..place.byte];
        let body = head.trim_start_matches([' ', '\t']);
        let mut lead = head[..head.len() - body.len()].to_owned();
        let code = body.split(" #").next().unwrap_or(body).trim_end();
        match self.language {
            Language::Yaml => {
                // Under `- name: x` goes on what belongs to the same entry; under `- x`, the next entry.
                let mut rest = code;
                while let Some(entry) = rest.strip_prefix("- ").filter(|e| e.contains(": ") || e.ends_with(':')) {
                    lead.push_str("  ");
                    rest = entry.trim_start();
                }
                let deeper = code.ends_with(':') || code.ends_with(": |") || code.ends_with(": >") || code == "-";
                if deeper && !code.starts_with('#') {
                    lead.push_str(&self.indent.text());
                }
            }
            Language::Python if code.ends_with([':', '(', '[', '{']) && !code.starts_with('#') => {
                lead.push_str(&self.indent.text());
            }
            Language::Json | Language::Toml if code.ends_with(['{', '[']) => lead.push_str(&self.indent.text()),
            Language::Shell => {
                let last = code.rsplit([' ', ';']).next().unwrap_or_default();
                if matches!(last, "then" | "do" | "else" | "in" | "{" | "(") || code.ends_with('{') {
                    lead.push_str(&self.indent.text());
                }
            }
            Language::Dockerfile => {
                let goes_on = |line: usize| self.document.line(line).trim_end().ends_with('\\');
                let before = place.line.checked_sub(1).is_some_and(goes_on);
                if body.trim_end().ends_with('\\') && !body.starts_with('#') {
                    if !before && lead.is_empty() {
                        lead.push_str(&self.indent.text());
                    }
                } else if before {
                    // The last line of an instruction: the next one begins at the left.
                    lead.clear();
                }
            }
            _ => {}
        }
        lead
    }

    /// Backspace: one character, or one indent where only blanks are before the cursor.
    pub(super) fn backspace(&mut self) -> Answer {
        let head = &self.document.line(self.cursor.line)[..self.cursor.byte];
        let by = if !head.is_empty() && head.bytes().all(|b| b == b' ') { excess(head, self.indent) } else { 0 };
        let place =
            if by > 0 { Some(Place::new(self.cursor.line, self.cursor.byte - by)) } else { self.left_of(self.cursor) };
        self.erase_to(place)
    }

    /// Puts the language's comment sign before lines, or takes it away where all have it.
    pub(super) fn comment_lines(&mut self, first: usize, last: usize) -> Answer {
        let Some(sign) = self.language.comment() else {
            return Answer::Say(format!("{} has no comments of one line", self.language.name()));
        };
        let lines: Vec<usize> = (first..=last).filter(|line| !self.document.line(*line).trim().is_empty()).collect();
        let start = |line: &usize| self.first_of(*line);
        let all = lines.iter().all(|line| self.document.line(*line).trim_start().starts_with(sign));
        let edits = if all {
            lines
                .iter()
                .map(start)
                .map(|from| {
                    let rest = &self.document.line(from.line)[from.byte + sign.len()..];
                    let blank = usize::from(rest.starts_with(' '));
                    Edit::delete(from, Place::new(from.line, from.byte + sign.len() + blank))
                })
                .collect()
        } else {
            let column = lines.iter().map(|line| start(line).byte).min().unwrap_or(0);
            let at = |line: &usize| self.document.clamp(Place::new(*line, column));
            lines.iter().map(at).map(|from| Edit::insert(from, format!("{sign} "))).collect()
        };
        self.edit_lines(edits)
    }
}
