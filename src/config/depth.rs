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

/// How different two colours look. Green weighs most, as in the eye, and a shift between the channels counts
/// once more: a change of hue shows more than one of brightness.
fn difference(a: [u8; 3], b: [u8; 3]) -> i32 {
    let shift: [i32; 3] = std::array::from_fn(|i| i32::from(a[i]) - i32::from(b[i]));
    let [red, green, blue] = shift;
    2 * red.pow(2) + 4 * green.pow(2) + 3 * blue.pow(2) + 2 * ((red - green).pow(2) + (green - blue).pow(2))
}

fn nearest_256(color: [u8; 3]) -> u8 {
    (16..=255).min_by_key(|index| difference(color, xterm(*index))).unwrap_or(16)
}

/// By hue rather than by distance: the sixteen are loud, so a soft green lies nearer to grey than to green,
/// and the states of a container would all look the same.
fn nearest_16([red, green, blue]: [u8; 3]) -> Color {
    let (high, low) = (red.max(green).max(blue), red.min(green).min(blue));
    let chroma = f64::from(high - low);
    if chroma < 48.0 {
        return match high {
            0..64 => Color::Black,
            64..160 => Color::DarkGray,
            160..210 => Color::Gray,
            210.. => Color::White,
        };
    }
    let (red, green, blue) = (f64::from(red), f64::from(green), f64::from(blue));
    let top = f64::from(high);
    let hue = if red >= top {
        60.0 * (green - blue) / chroma
    } else if green >= top {
        60.0 * (blue - red) / chroma + 120.0
    } else {
        60.0 * (red - green) / chroma + 240.0
    };
    let (dark, light) = match hue.rem_euclid(360.0) {
        25.0..75.0 => (Color::Yellow, Color::LightYellow),
        75.0..155.0 => (Color::Green, Color::LightGreen),
        155.0..200.0 => (Color::Cyan, Color::LightCyan),
        200.0..255.0 => (Color::Blue, Color::LightBlue),
        255.0..335.0 => (Color::Magenta, Color::LightMagenta),
        _ => (Color::Red, Color::LightRed),
    };
    if high < 190 { dark } else { light }
}
