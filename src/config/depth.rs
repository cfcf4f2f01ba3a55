//! Fitting colours to what a terminal can show.

use ratatui::style::Color;

use super::theme::Depth;

impl Depth {
    /// What the environment says: `NO_COLOR`, `COLORTERM` and `TERM`.
    pub fn detect() -> Self {
        let variable = |name| std::env::var(name).unwrap_or_default();
        Self::from_environment(&variable("NO_COLOR"), &variable("COLORTERM"), &variable("TERM"))
    }

    /// The same for given values; empty stands for not set.
    pub fn from_environment(no_color: &str, colorterm: &str, term: &str) -> Self {
        const TRUE_TERMS: [&str; 6] = ["-direct", "kitty", "alacritty", "ghostty", "foot", "wezterm"];
        if !no_color.is_empty() || matches!(term, "dumb" | "vt100" | "vt102" | "vt220") || term.ends_with("-mono") {
            Self::None
        } else if matches!(colorterm, "truecolor" | "24bit") || TRUE_TERMS.iter().any(|name| term.contains(name)) {
            Self::True
        } else if term.contains("256") || !colorterm.is_empty() {
            Self::Ansi256
        } else {
            Self::Ansi16
        }
    }

    /// The colour of this depth that looks most like `color`.
    pub fn nearest(self, color: Color) -> Color {
        match (self, color) {
            (Self::None, _) => Color::Reset,
            (Self::Ansi256, Color::Rgb(red, green, blue)) => Color::Indexed(nearest_256([red, green, blue])),
            (Self::Ansi16, Color::Rgb(red, green, blue)) => nearest_16([red, green, blue]),
            (Self::Ansi16, Color::Indexed(index)) => match index {
                0..16 => SIXTEEN[usize::from(index)].1,
                _ => nearest_16(xterm(index)),
            },
            _ => color,
        }
    }
}

/// The levels of a channel in xterm's cube of 6 x 6 x 6 colours.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The sixteen with the values xterm gives them; a terminal's own palette differs, but not in hue.
const SIXTEEN: [([u8; 3], Color); 16] = [
    ([0, 0, 0], Color::Black),
    ([205, 0, 0], Color::Red),
    ([0, 205, 0], Color::Green),
    ([205, 205, 0], Color::Yellow),
    ([0, 0, 238], Color::Blue),
    ([205, 0, 205], Color::Magenta),
    ([0, 205, 205], Color::Cyan),
    ([229, 229, 229], Color::Gray),
    ([127, 127, 127], Color::DarkGray),
    ([255, 0, 0], Color::LightRed),
    ([0, 255, 0], Color::LightGreen),
    ([255, 255, 0], Color::LightYellow),
    ([92, 92, 255], Color::LightBlue),
    ([255, 0, 255], Color::LightMagenta),
    ([0, 255, 255], Color::LightCyan),
    ([255, 255, 255], Color::White),
];

/// What xterm shows for an index from 16 on.
fn xterm(index: u8) -> [u8; 3] {
    match index {
        0..16 => SIXTEEN[usize::from(index)].0,
        16..232 => {
            let cell = usize::from(index) - 16;
            [CUBE[cell / 36], CUBE[cell / 6 % 6], CUBE[cell % 6]]
        }
        232.. => [8 + (index - 232) * 10; 3],
    }
}

/// How different two colours look; green weighs most, as in the eye.
fn difference(a: [u8; 3], b: [u8; 3]) -> u32 {
    let square = |i: usize| u32::from(a[i].abs_diff(b[i])).pow(2);
    // A difference of saturation shows more than one of brightness: grey must not become a colour.
    let chroma = |c: [u8; 3]| c.into_iter().max().unwrap_or(0) - c.into_iter().min().unwrap_or(0);
    3 * square(0) + 6 * square(1) + square(2) + 4 * u32::from(chroma(a).abs_diff(chroma(b))).pow(2)
}

fn nearest_256(color: [u8; 3]) -> u8 {
    (16..=255).min_by_key(|index| difference(color, xterm(*index))).unwrap_or(16)
}

fn nearest_16(color: [u8; 3]) -> Color {
    SIXTEEN.iter().min_by_key(|(known, _)| difference(color, *known)).map_or(Color::Reset, |(_, named)| *named)
}
