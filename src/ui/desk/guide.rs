//! Instructions: the workspace's own README, or what to do when it has none.

use crate::ui::panes::text::TextLine;
use crate::ui::view::Tone;

/// What the guide says where a workspace has no README.
const OWN: &str = "\
# A workspace

Everything for one image is on this screen: its files, an editor, a terminal, and what builds and runs say.

1. **Files**: enter opens a file, n makes one. An empty workspace offers a starter.
2. **Editor**: enter goes in, ctrl-] comes out. ctrl-s saves. Problems are marked as you type; f8 goes to the next \
one, f4 mends it where that is sure.
3. **Build**: b, or f5 while typing.
4. **Run**: R, or f6 while typing; w sends a request to it, s stops it.
5. **Terminal**: t opens a shell in the session, with a docker of its own.

A README.md in the workspace stands here instead.
";

/// The instructions of a workspace. Their lines are made when they or the pane change, not when they are drawn.
#[derive(Debug, Default)]
pub struct Guide {
    text: String,
    width: usize,
    /// The lines, as wide as the pane.
    pub lines: Vec<TextLine>,
    /// The first line shown.
    pub top: usize,
}

impl Guide {
    /// What it says, as it was written.
    pub fn text(&self) -> &str {
        if self.text.is_empty() { OWN } else { &self.text }
    }

    pub(super) fn take(&mut self, text: String) {
        if self.text != text {
            self.text = text;
            self.lines = markdown(self.text(), self.width);
        }
    }

    pub(super) fn fit(&mut self, width: usize) {
        if self.width != width {
            self.width = width;
            self.lines = markdown(self.text(), width);
        }
    }

    pub(super) fn step(&mut self, by: isize, height: usize) {
        self.top = self.top.saturating_add_signed(by).min(self.lines.len().saturating_sub(height));
    }
}

/// Markdown as lines: headings, lists, code; links and emphasis lose their signs.
fn markdown(text: &str, width: usize) -> Vec<TextLine> {
    let mut lines = Vec::new();
    let mut code = false;
    for line in text.lines() {
        let line = crate::text::clean(line.trim_end()).into_owned();
        if line.trim_start().starts_with("```") {
            code = !code;
            continue;
        }
        if code {
            lines.push(TextLine::new(Tone::Text, format!("  {line}")));
            continue;
        }
        let level = line.bytes().take_while(|b| *b == b'#').count();
        if (1..=6).contains(&level) && line[level..].starts_with(' ') {
            lines.extend(wrap(&[(Tone::Strong, line[level..].trim().to_owned())], width, 0));
            continue;
        }
        let blanks = line.len() - line.trim_start().len();
        let rest = line.trim_start();
        let sign = rest.split_once(' ').map(|(sign, _)| sign).filter(|sign| {
            matches!(*sign, "-" | "*" | "+")
                || sign.strip_suffix('.').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        });
        let (lead, body) = match sign {
            Some(sign) => {
                let shown = if sign.ends_with('.') { sign } else { "•" };
                (format!("{}{shown} ", " ".repeat(blanks)), rest[sign.len()..].trim_start())
            }
            None => (" ".repeat(blanks), rest),
        };
        let indent = crate::text::width(&lead);
        let mut pieces = vec![(Tone::Muted, lead)];
        pieces.extend(inline(body));
        lines.extend(wrap(&pieces, width, indent));
    }
    lines
}

/// The pieces of a paragraph: `code`, **strong**, [links](to).
fn inline(text: &str) -> Vec<(Tone, String)> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*', '[']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let pair = |open: &str, close: &str| {
            let inner = rest.strip_prefix(open)?;
            let end = inner.find(close).filter(|end| *end > 0)?;
            Some((inner[..end].to_owned(), &inner[end + close.len()..]))
        };
        let link = || {
            let (name, after) = pair("[", "](")?;
            let (to, after) = after.split_once(')')?;
            Some((name, to.to_owned(), after))
        };
        if let Some((code, after)) = pair("`", "`") {
            pieces.push((Tone::Plain, std::mem::take(&mut plain)));
            pieces.push((Tone::Text, code));
            rest = after;
        } else if let Some((strong, after)) = pair("**", "**") {
            pieces.push((Tone::Plain, std::mem::take(&mut plain)));
            pieces.push((Tone::Strong, strong));
            rest = after;
        } else if let Some((name, to, after)) = link() {
            plain.push_str(&name);
            pieces.push((Tone::Plain, std::mem::take(&mut plain)));
            pieces.push((Tone::Muted, format!(" <{to}>")));
            rest = after;
        } else {
            let sign = rest.chars().next().map_or(0, char::len_utf8);
            plain.push_str(&rest[..sign]);
            rest = &rest[sign..];
        }
    }
    plain.push_str(rest);
    pieces.push((Tone::Plain, plain));
    pieces.retain(|(_, text)| !text.is_empty());
    pieces
}

/// Pieces over as many lines as they need; all but the first are indented.
pub fn wrap(pieces: &[(Tone, String)], width: usize, indent: usize) -> Vec<TextLine> {
    let width = width.max(indent + 8);
    let mut lines = Vec::new();
    let (mut line, mut used) = (TextLine::default(), 0);
    for (tone, text) in pieces {
        for word in text.split_inclusive(' ') {
            let wide = crate::text::width(word.trim_end());
            if used > indent && used + wide > width {
                lines.push(ended(std::mem::take(&mut line)));
                line.push(Tone::Plain, " ".repeat(indent));
                used = indent;
            }
            // A word that is wider than the whole pane is cut into pieces.
            let mut word = word;
            while crate::text::width(word) > width - indent {
                let head: String = crate::text::fit(word, width - indent).trim_end_matches('…').to_owned();
                if head.is_empty() || !word.starts_with(&head) {
                    break;
                }
                word = &word[head.len()..];
                line.push(*tone, head);
                lines.push(std::mem::take(&mut line));
                line.push(Tone::Plain, " ".repeat(indent));
                used = indent;
            }
            line.push(*tone, word);
            used += crate::text::width(word);
        }
    }
    lines.push(ended(line));
    lines
}

/// Without blanks at its end, which would need room.
fn ended(mut line: TextLine) -> TextLine {
    while let Some((_, last)) = line.pieces.last_mut() {
        last.truncate(last.trim_end().len());
        if !last.is_empty() {
            break;
        }
        line.pieces.pop();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_reads_like_text() {
        let text =
            "# Head\n\nSome `code` and **more** of [it](http://x) that is long enough\n- one\n- two\n```\nRUN x\n```";
        let lines: Vec<String> = markdown(text, 24).iter().map(|l| l.text().trim_end().to_owned()).collect();
        assert_eq!(
            lines,
            ["Head", "", "Some code and more of it", "<http://x> that is long", "enough", "• one", "• two", "  RUN x"]
        );
    }

    #[test]
    fn any_text_is_wrapped_within_the_width() {
        for text in ["", "**", "[a](", "`", "日本語日本語日本語日本語日本語日本語", &"x".repeat(300), "a\u{1b}[31mb"]
        {
            for line in markdown(text, 20) {
                assert!(crate::text::width(line.text().trim_end()) <= 20, "{text}: {}", line.text());
            }
        }
    }
}
