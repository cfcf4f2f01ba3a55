//! The person's terminal: taken over, and always given back, also after a panic or a signal.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::SetCursorStyle;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use crate::terminal::Shape;

/// Whether the terminal of this process is taken over. It is the process's own: there is only one.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The taken-over terminal; dropping it gives it back.
#[derive(Debug)]
pub struct Terminal {
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal over.
    pub fn take(mouse: bool) -> io::Result<Self> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let terminal = Self { mouse };
        let mut out = io::stdout();
        execute!(
            out,
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableFocusChange,
            DisableLineWrap,
            SetTitle("ondeck"),
            cursor::Hide
        )?;
        if mouse {
            execute!(out, EnableMouseCapture)?;
        }
        Ok(terminal)
    }

    /// Gives the terminal back for a while, for another program or the shell, and takes it again.
    pub fn lend<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        give_back();
        let result = work();
        let again = Self::take(self.mouse)?;
        // The one that lent it is still the one that gives it back.
        std::mem::forget(again);
        Ok(result)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, whoever asks: a drop, a panic, a signal. Twice is harmless.
pub fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    // A terminal that is gone cannot be put right; nothing can be done about it here.
    let _ = execute!(
        out,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        DisableFocusChange,
        SetCursorStyle::DefaultUserShape,
        EnableLineWrap,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = disable_raw_mode();
}

/// A backend that writes nothing when nothing changed, and each frame as one.
///
/// ratatui hides or shows the cursor with every frame; a panel at rest must not write a byte.
#[derive(Debug)]
pub struct Quiet<W: Write> {
    inner: CrosstermBackend<W>,
    cursor: Option<bool>,
    place: Option<Position>,
    open: bool,
    shape: Shape,
}

impl<W: Write> Quiet<W> {
    /// A backend on `writer`.
    pub const fn new(writer: W) -> Self {
        Self { inner: CrosstermBackend::new(writer), cursor: None, place: None, open: false, shape: Shape::Default }
    }

    /// Gives the cursor a shape.
    pub fn set_shape(&mut self, shape: Shape) -> io::Result<()> {
        if self.shape == shape {
            return Ok(());
        }
        self.shape = shape;
        let style = match shape {
            Shape::Default => SetCursorStyle::DefaultUserShape,
            Shape::Block(true) => SetCursorStyle::BlinkingBlock,
            Shape::Block(false) => SetCursorStyle::SteadyBlock,
            Shape::Underline(true) => SetCursorStyle::BlinkingUnderScore,
            Shape::Underline(false) => SetCursorStyle::SteadyUnderScore,
            Shape::Bar(true) => SetCursorStyle::BlinkingBar,
            Shape::Bar(false) => SetCursorStyle::SteadyBar,
        };
        queue!(self.inner, style)?;
        Write::flush(&mut self.inner)
    }

    fn begin(&mut self) -> io::Result<()> {
        if !self.open {
            self.open = true;
            queue!(self.inner, BeginSynchronizedUpdate)?;
        }
        Ok(())
    }
}

impl<W: Write> Backend for Quiet<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.begin()?;
        self.place = None;
        self.inner.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor == Some(false) {
            return Ok(());
        }
        self.cursor = Some(false);
        self.begin()?;
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor == Some(true) {
            return Ok(());
        }
        self.cursor = Some(true);
        self.begin()?;
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // Asking the terminal would wait for its answer among the keys; nobody needs it.
        Ok(self.place.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.place == Some(position) {
            return Ok(());
        }
        self.place = Some(position);
        self.begin()?;
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        // Whoever had the terminal in between may have left the cursor in any shape.
        self.set_shape(Shape::Default)?;
        self.begin()?;
        self.inner.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.begin()?;
        self.inner.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.open {
            return Ok(());
        }
        self.open = false;
        queue!(self.inner, EndSynchronizedUpdate)?;
        Backend::flush(&mut self.inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ratatui::widgets::Paragraph;
    use ratatui::{TerminalOptions, Viewport};

    use super::*;

    #[test]
    fn a_frame_like_the_one_before_writes_nothing() {
        let mut bytes = Vec::new();
        let backend = Quiet::new(&mut bytes);
        let area = ratatui::layout::Rect::new(0, 0, 10, 2);
        let mut terminal =
            ratatui::Terminal::with_options(backend, TerminalOptions { viewport: Viewport::Fixed(area) }).unwrap();
        for _ in 0..3 {
            terminal.draw(|f| f.render_widget(Paragraph::new("hello"), f.area())).unwrap();
        }
        drop(terminal);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("hello").count(), 1, "{text:?}");
        assert_eq!(text.matches("\u{1b}[?25l").count(), 1, "{text:?}");
        // One frame; and the cursor that ratatui shows again when it is dropped.
        assert_eq!(text.matches("\u{1b}[?2026h").count(), 2, "{text:?}");
    }
}
