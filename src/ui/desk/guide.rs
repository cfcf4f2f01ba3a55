//! Instructions: the workspace's own README, or what to do when it has none.

use crate::ui::markdown::markdown;
use crate::ui::panes::text::TextLine;

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
    /// What stands above them.
    head: Vec<TextLine>,
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
            self.lay();
        }
    }

    /// Puts something above the text.
    pub(super) fn head(&mut self, lines: Vec<TextLine>) {
        let was = std::mem::replace(&mut self.head, lines).len();
        self.lines.splice(..was.min(self.lines.len()), self.head.iter().cloned());
    }

    /// How wide its lines are.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    fn lay(&mut self) {
        self.lines = self.head.clone();
        self.lines.extend(markdown(self.text(), self.width));
    }

    pub(super) fn fit(&mut self, width: usize) {
        if self.width != width {
            self.width = width;
            self.lay();
        }
    }

    pub(super) fn step(&mut self, by: isize, height: usize) {
        self.top = self.top.saturating_add_signed(by).min(self.lines.len().saturating_sub(height));
    }
}
