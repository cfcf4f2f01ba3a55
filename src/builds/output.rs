//! What a step printed, made harmless and bounded.

use std::collections::VecDeque;

/// Lines that are kept of one step.
const LINES: usize = 4000;
/// Bytes that are kept of one step.
const BYTES: usize = 1 << 20;
/// Bytes that are kept of one line.
const LONGEST: usize = 16 << 10;

/// A line that a step printed: no control characters, no colours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputLine {
    /// Its text.
    pub text: String,
    /// Whether it came from standard error.
    pub stderr: bool,
}

/// The last lines that a step printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    lines: VecDeque<OutputLine>,
    bytes: usize,
    dropped: u64,
    most: usize,
    /// What has no end of line yet, from standard output and standard error.
    open: [Open; 2],
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Open {
    raw: Vec<u8>,
    /// Bytes that came after `raw` was full.
    over: usize,
}

impl Default for Output {
    fn default() -> Self {
        Self::keeping(LINES)
    }
}

impl Output {
    pub(super) fn keeping(most: usize) -> Self {
        Self { lines: VecDeque::new(), bytes: 0, dropped: 0, most, open: [Open::default(), Open::default()] }
    }

    /// Takes bytes as they come, split anywhere.
    pub(super) fn take(&mut self, mut bytes: &[u8], stderr: bool) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.open[usize::from(stderr)].take(&bytes[..end]);
            self.end_line(stderr);
            bytes = &bytes[end + 1..];
        }
        self.open[usize::from(stderr)].take(bytes);
    }

    /// Makes what has no end of line yet lines of their own.
    pub(super) fn close(&mut self) {
        for stderr in [false, true] {
            if !self.open[usize::from(stderr)].raw.is_empty() {
                self.end_line(stderr);
            }
        }
    }

    /// The lines that are kept, oldest first; the last may be one that has no end yet, such as a progress bar.
    pub fn lines(&self) -> impl Iterator<Item = OutputLine> + '_ {
        self.after(0)
    }

    /// The lines from number `from` on, counted from the first that is kept. Those before cost nothing.
    pub fn after(&self, from: usize) -> impl Iterator<Item = OutputLine> + '_ {
        let open = [false, true].into_iter().filter_map(|stderr| {
            let open = &self.open[usize::from(stderr)];
            (!open.raw.is_empty()).then(|| OutputLine { text: open.text(), stderr })
        });
        self.lines.iter().skip(from).cloned().chain(open.skip(from.saturating_sub(self.lines.len())))
    }

    /// How many lines are kept.
    pub fn len(&self) -> usize {
        self.lines.len() + self.open.iter().filter(|o| !o.raw.is_empty()).count()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many lines at the beginning went, because there were too many.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The last `n` lines that are not empty.
    pub fn last(&self, n: usize) -> Vec<String> {
        let lines: Vec<String> = self.lines().map(|l| l.text).filter(|t| !t.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(n)..].to_vec()
    }

    fn end_line(&mut self, stderr: bool) {
        let open = &mut self.open[usize::from(stderr)];
        let text = open.text();
        *open = Open::default();
        self.bytes += text.len();
        self.lines.push_back(OutputLine { text, stderr });
        while self.lines.len() > self.most || (self.bytes > BYTES && self.lines.len() > 1) {
            if let Some(gone) = self.lines.pop_front() {
                self.bytes -= gone.text.len();
                self.dropped += 1;
            }
        }
    }
}

impl Open {
    fn take(&mut self, bytes: &[u8]) {
        let kept = LONGEST.saturating_sub(self.raw.len()).min(bytes.len());
        self.raw.extend_from_slice(&bytes[..kept]);
        self.over += bytes.len() - kept;
        // A progress bar writes over itself: what it wrote before is seen by nobody.
        if let Some(at) = memchr::memrchr(b'\r', bytes).filter(|at| self.over > 0 && at + 1 < bytes.len()) {
            let rest = &bytes[at + 1..];
            self.raw.clear();
            self.raw.extend_from_slice(&rest[..rest.len().min(LONGEST)]);
            self.over = rest.len().saturating_sub(LONGEST);
        }
    }

    fn text(&self) -> String {
        let text = crate::logs::harmless(&String::from_utf8_lossy(&self.raw));
        match self.over {
            0 => text,
            over => format!("{text}… (and {} more)", crate::text::size(over as u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(output: &Output) -> Vec<String> {
        output.lines().map(|l| l.text).collect()
    }

    #[test]
    fn lines_are_whole_wherever_the_bytes_are_split() {
        let whole = "a\nb\x1b[31mc\x1b[0m\r\nd\x07\n".as_bytes();
        for cut in 0..=whole.len() {
            let mut output = Output::default();
            output.take(&whole[..cut], false);
            output.take(&whole[cut..], false);
            assert_eq!(texts(&output), ["a", "bc", "d·"], "cut at {cut}");
        }
    }

    #[test]
    fn a_progress_bar_is_one_line_and_stays_small() {
        let mut output = Output::default();
        for n in 0..100_000 {
            output.take(format!("\r{n} of 100000").as_bytes(), false);
        }
        assert_eq!(texts(&output), ["99999 of 100000"]);
        assert!(output.open[0].raw.len() <= LONGEST);
        output.take(b"\n", false);
        assert_eq!((output.len(), output.dropped()), (1, 0));
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_says_so() {
        let mut output = Output::default();
        for _ in 0..1000 {
            output.take(&[b'x'; 10_000], true);
        }
        output.take(b"\nnext", true);
        let lines: Vec<_> = output.lines().collect();
        assert!(lines[0].text.ends_with("… (and 9.5M more)") && lines[0].text.len() < LONGEST + 40);
        assert_eq!((lines[1].text.as_str(), lines[1].stderr), ("next", true));
    }

    #[test]
    fn of_endless_output_the_oldest_lines_go() {
        let mut output = Output::default();
        for n in 0..10_000 {
            output.take(format!("{n}\n").as_bytes(), false);
        }
        assert_eq!((output.len(), output.dropped()), (LINES, 6000));
        assert_eq!(output.last(2), ["9998", "9999"]);
        for _ in 0..1000 {
            output.take(&[&[b'y'; 9999][..], b"\n"].concat(), false);
        }
        assert!(output.bytes <= BYTES && output.len() > 50);
        output.take(b"  \nopen", false);
        output.close();
        assert_eq!(output.last(1), ["open"]);
    }
}
