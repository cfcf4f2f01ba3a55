#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use ratatui::style::{Color, Modifier, Style};

use super::source::{ConfigError, Source};
use super::theme::{Depth, Kind, ROLES, Theme};
use super::theme_file::{builtin, builtin_names};

fn themes() -> Vec<Theme> {
    builtin_names().map(|name| builtin(name).unwrap()).collect()
}

fn parse(text: &str) -> Result<Theme, ConfigError> {
    Theme::parse(&Source::new("mine.yaml", text))
}

const SMALL: &str = "name: mine\nkind: dark\ncolors:\n  night: '#101418'\nroles:\n  background: {fg: white, bg: night}\n  \
    text: white\n  muted: 8\n  accent: cyan\n  selection: {reverse: true}\n  success: green\n  warning: yellow\n  error: red\n";

/// Linear light of a channel.
fn linear(channel: u8) -> f64 {
    let value = f64::from(channel) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

fn rgb(color: Color) -> Option<[u8; 3]> {
    match color {
        Color::Rgb(red, green, blue) => Some([red, green, blue]),
        _ => None,
    }
}

fn luminance(color: [u8; 3]) -> f64 {
    0.2126 * linear(color[0]) + 0.7152 * linear(color[1]) + 0.0722 * linear(color[2])
}

/// Contrast as the Web Content Accessibility Guidelines count it.
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    if a > b { a / b } else { b / a }
}

#[test]
fn every_builtin_theme_reads() {
    for name in builtin_names() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("themes/{name}.yaml"));
        let theme = Theme::parse(&Source::read(&path).unwrap()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(theme.name, name);
        assert!(!theme.description.is_empty() && theme.sources.len() >= 8, "{name}");
        assert_eq!(theme.roles().len(), ROLES.len());
    }
    assert_eq!(Theme::default().name, "harbor");
    assert!(themes().iter().any(|theme| theme.kind == Kind::Light));
}

#[test]
fn text_can_be_read() {
    let mut bad = Vec::new();
    for theme in themes().iter().filter(|theme| theme.background.bg.and_then(rgb).is_some()) {
        let screen = theme.background.bg.and_then(rgb).unwrap();
        let popup = theme.popup.bg.and_then(rgb).unwrap_or(screen);
        let mut check = |what: String, ratio: f64, least: f64| {
            if ratio < least {
                bad.push(format!("{}: {what} {ratio:.2} < {least}", theme.name));
            }
        };
        for (role, style) in theme.roles() {
            let Some(fg) = style.fg.and_then(rgb) else { continue };
            let least = if matches!(role, "faint" | "border") { 1.5 } else { 4.5 };
            let bg = style.bg.and_then(rgb);
            check(role.to_owned(), contrast(fg, bg.unwrap_or(screen)), least);
            if bg.is_none() {
                check(format!("{role} in a popup"), contrast(fg, popup), if least > 2.0 { 4.5 } else { 1.3 });
            }
            // A selection without a colour for text leaves every colour of the row in place.
            for (name, selection) in
                [("selection", theme.selection), ("selection_unfocused", theme.selection_unfocused)]
            {
                if let (None, None, Some(below), true) = (selection.fg, bg, selection.bg.and_then(rgb), least > 2.0) {
                    check(format!("{role} in {name}"), contrast(fg, below), 4.5);
                }
            }
        }
        for (index, style) in theme.sources.iter().enumerate() {
            check(format!("source {index}"), contrast(style.fg.and_then(rgb).unwrap(), screen), 4.5);
        }
        for (name, selection, least) in
            [("selection", theme.selection, 1.25), ("selection_unfocused", theme.selection_unfocused, 1.08)]
        {
            let below = selection.bg.and_then(rgb).unwrap();
            check(format!("{name} against the screen"), contrast(below, screen), least);
            let text = selection.fg.or(theme.text.fg).and_then(rgb).unwrap();
            check(format!("text in {name}"), contrast(text, below), 4.5);
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// How far two colours are apart to the eye (CIE Lab).
fn apart(a: [f64; 3], b: [f64; 3]) -> f64 {
    let lab = |[red, green, blue]: [f64; 3]| {
        let curve = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let long = curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
        let middle = curve(0.2126 * red + 0.7152 * green + 0.0722 * blue);
        let short = curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
        [116.0 * middle - 16.0, 500.0 * (long - middle), 200.0 * (middle - short)]
    };
    let (a, b) = (lab(a), lab(b));
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

/// A colour in linear light as someone without red or green cones sees it.
fn seen(color: [u8; 3], matrix: [[f64; 3]; 3]) -> [f64; 3] {
    let light = color.map(linear);
    matrix.map(|row| (0..3).map(|i| row[i] * light[i]).sum::<f64>().clamp(0.0, 1.0))
}

#[test]
fn the_clear_theme_is_clear_to_colour_blind_eyes() {
    const PROTAN: [[f64; 3]; 3] =
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]];
    const DEUTAN: [[f64; 3]; 3] =
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]];
    const TRITAN: [[f64; 3]; 3] =
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]];
    let theme = builtin("clear").unwrap();
    let states = [
        ("running", theme.running),
        ("starting", theme.starting),
        ("failed", theme.failed),
        ("stopped", theme.stopped),
    ]
    .map(|(name, style)| (name, style.fg.and_then(rgb).unwrap()));
    for matrix in [PROTAN, DEUTAN, TRITAN] {
        for (index, (name, color)) in states.iter().enumerate() {
            for (other, other_color) in &states[index + 1..] {
                let distance = apart(seen(*color, matrix), seen(*other_color, matrix));
                assert!(distance > 20.0, "{name} and {other}: {distance:.1}");
            }
        }
    }
}

#[test]
fn states_can_be_told_apart() {
    for theme in themes().into_iter().chain([Theme::plain()]) {
        let states = [theme.running, theme.failed, theme.stopped];
        assert_eq!(states.iter().collect::<HashSet<_>>().len(), 3, "{}", theme.name);
        assert_ne!(theme.selection, theme.selection_unfocused, "{}", theme.name);
        assert_ne!(theme.border, theme.border_focused, "{}", theme.name);
        assert_ne!(theme.search, theme.search_current, "{}", theme.name);
        assert_eq!(theme.sources.iter().collect::<HashSet<_>>().len(), theme.sources.len(), "{}", theme.name);
    }
}

#[test]
fn roles_that_are_left_out_take_another_look() {
    let theme = parse(SMALL).unwrap();
    assert_eq!(theme.running, theme.success);
    assert_eq!(theme.border, Style::new().fg(Color::Indexed(8)));
    assert_eq!(theme.syntax_bool, theme.warning);
    assert_eq!(theme.background.bg, Some(Color::Rgb(0x10, 0x14, 0x18)));
    assert!(!theme.sources.is_empty());
    assert_eq!(theme.source(0), theme.source(theme.sources.len()));
}

#[test]
fn every_parent_stands_before_its_children() {
    for (index, (role, parent)) in ROLES.iter().enumerate() {
        if let Some(parent) = parent {
            assert!(ROLES[..index].iter().any(|(name, _)| name == parent), "{role}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let wrong = |from: &str, to: &str, at: &str, message: &str, hint: &str| {
        assert!(SMALL.contains(from));
        let error = parse(&SMALL.replace(from, to)).unwrap_err();
        let shown = error.to_string();
        assert!(shown.starts_with(&format!("mine.yaml:{at}: ")), "{shown}");
        assert!(error.message.contains(message) && error.hint.contains(hint), "{shown}");
    };
    wrong("  accent:", "  acent:", "9:3", "found `acent`, expected the name of a role", "did you mean `accent`?");
    wrong("cyan", "cyna", "9:11", "found `cyna`, expected a colour", "did you mean `cyan`?");
    wrong("cyan", "ngiht", "9:11", "`ngiht`", "did you mean `night`?");
    wrong("cyan", "'#12345'", "9:11", "found `#12345`, expected a colour", "'#rrggbb'");
    wrong("cyan", "'#gggggg'", "9:11", "expected a colour", "");
    wrong("cyan", "'#+12345'", "9:11", "expected a colour", "");
    wrong("cyan", "#123456", "9:3", "found no colour for `accent`", "quotes");
    wrong("cyan", "300", "9:11", "found `300`, expected a colour", "0 to 255");
    wrong("'#101418'", "#101418", "4:3", "found no colour for `night`", "quotes");
    wrong("bg: night", "bg: nigt", "6:31", "found `nigt`", "did you mean `night`?");
    wrong("reverse: true", "revers: true", "10:15", "found `revers`", "did you mean `reverse`?");
    wrong("reverse: true", "reverse: 1", "10:24", "expected true or false", "");
    wrong("  error: red\n", "", "6:3", "the role `error` is missing", "add `error: COLOUR`");
    wrong("kind: dark", "kind: dim", "2:7", "found `dim`, expected dark or light", "");
    wrong("name: mine\n", "", "4:1", "`name` is missing", "");
    wrong("cyan", "[cyan]", "9:11", "found a list, expected a colour", "");
    wrong("  accent:", "  text: white\n  accent:", "9:3", "`text` for the second time", "");
}

#[test]
fn plain_has_no_colour() {
    let plain = Theme::plain();
    assert!(plain.roles().iter().all(|(_, style)| style.fg.is_none() && style.bg.is_none()));
    assert!(plain.sources.iter().all(|style| style.fg.is_none()));
    assert!(plain.selection.add_modifier.contains(Modifier::REVERSED));
}

#[test]
fn fewer_colours() {
    let theme = Theme::default();
    assert_eq!(theme.downgrade(Depth::True), theme);
    for depth in [Depth::Ansi256, Depth::Ansi16, Depth::None] {
        let less = theme.downgrade(depth);
        assert_eq!(less.name, theme.name);
        for (role, style) in less.roles() {
            for color in [style.fg, style.bg].into_iter().flatten() {
                assert!(rgb(color).is_none(), "{role}");
                assert!(depth > Depth::Ansi16 || !matches!(color, Color::Indexed(_)), "{role}");
            }
        }
        if depth != Depth::None {
            assert_eq!(less.title.add_modifier, theme.title.add_modifier);
        }
    }
    let ansi = builtin("ansi").unwrap();
    assert_eq!(ansi.downgrade(Depth::Ansi16), ansi);
}

#[test]
fn sixteen_colours_stay_readable() {
    for theme in themes() {
        let less = theme.downgrade(Depth::Ansi16);
        for (role, style) in less.roles() {
            if matches!(role, "faint" | "border" | "selection" | "selection_unfocused") {
                continue;
            }
            if let (Some(fg), Some(bg)) = (style.fg, style.bg.or(less.background.bg)) {
                assert!(fg != bg || fg == Color::Reset, "{}: {role} is {fg:?} on itself", theme.name);
            }
        }
        assert_ne!(less.running.fg, less.failed.fg, "{}", theme.name);
        if let (Some(bg), Some(below)) = (less.selection.bg, less.background.bg) {
            assert!(bg != below || bg == Color::Reset, "{}: selection is {bg:?} on itself", theme.name);
            assert!(less.selection.fg != less.selection.bg || bg == Color::Reset, "{}", theme.name);
            assert_ne!(less.selection_unfocused.bg, less.selection.bg, "{}", theme.name);
        }
    }
}

#[test]
fn nearest_colours() {
    for (color, near_256, near_16) in [
        (Color::Rgb(0, 0, 0), Color::Indexed(16), Color::Black),
        (Color::Rgb(255, 255, 255), Color::Indexed(231), Color::White),
        (Color::Rgb(128, 128, 128), Color::Indexed(244), Color::DarkGray),
        (Color::Rgb(140, 197, 143), Color::Indexed(108), Color::LightGreen),
        (Color::Rgb(42, 112, 56), Color::Indexed(65), Color::Green),
        (Color::Rgb(90, 174, 255), Color::Indexed(75), Color::LightBlue),
        (Color::Rgb(215, 10, 10), Color::Indexed(160), Color::LightRed),
    ] {
        assert_eq!(Depth::Ansi256.nearest(color), near_256, "{color}");
        assert_eq!(Depth::Ansi16.nearest(color), near_16, "{color}");
    }
    assert_eq!(Depth::Ansi16.nearest(Color::Indexed(9)), Color::LightRed);
    assert_eq!(Depth::Ansi16.nearest(Color::Reset), Color::Reset);
    assert_eq!(Depth::Ansi256.nearest(Color::Cyan), Color::Cyan);
    assert_eq!(Depth::None.nearest(Color::Cyan), Color::Reset);
}

#[test]
fn depth_of_a_terminal() {
    for (no_color, colorterm, term, depth) in [
        ("", "truecolor", "xterm-256color", Depth::True),
        ("", "24bit", "screen", Depth::True),
        ("", "", "xterm-kitty", Depth::True),
        ("", "", "xterm-direct", Depth::True),
        ("", "", "xterm-256color", Depth::Ansi256),
        ("", "", "xterm", Depth::Ansi16),
        ("", "", "linux", Depth::Ansi16),
        ("", "", "vt100", Depth::None),
        ("", "", "dumb", Depth::None),
        ("1", "truecolor", "xterm-256color", Depth::None),
    ] {
        assert_eq!(Depth::from_environment(no_color, colorterm, term), depth, "{term}");
    }
}

#[test]
fn the_guide_lists_every_role() {
    let guide = include_str!("../../themes/README.md");
    for (role, parent) in ROLES {
        let parent = parent.map_or("needed".to_owned(), |parent| format!("`{parent}`"));
        let line =
            guide.lines().find(|line| line.starts_with(&format!("| `{role}` |"))).unwrap_or_else(|| panic!("{role}"));
        assert!(line.ends_with(&format!("| {parent} |")), "{line}");
    }
    assert_eq!(guide.matches("\n| `").count(), ROLES.len());
    let example = guide.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    parse(example).unwrap();
}
