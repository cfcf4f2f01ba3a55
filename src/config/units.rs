//! Sizes and periods as people write them: `32m`, `1.5g`, `90s`, `2h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer};

use super::source::{hinted, quoted};

/// A number of bytes, written `512`, `64k`, `32m`, `1.5g` or `2t`. As in Docker, `k` is 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

/// A length of time, written `90s`, `30m`, `2h`, `1d`, or in several steps: `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

/// Why a text is no size or no period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAQuantity {
    /// What was found and what was expected.
    pub message: String,
    /// What to write.
    pub hint: &'static str,
}

impl fmt::Display for NotAQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

impl std::error::Error for NotAQuantity {}

const SIZES: [(&str, u64); 5] = [("t", 1 << 40), ("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10), ("b", 1)];
const PERIODS: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

impl FromStr for Size {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        let wrong = || NotAQuantity {
            message: format!("found {}, expected a size", quoted(text)),
            hint: "a size is a number with k, m, g or t, such as `512m` or `1.5g`",
        };
        let lower = text.trim().to_ascii_lowercase();
        // `32mb` and `32mib` are what other tools write for the same.
        let short = ["ib", "b"]
            .iter()
            .find_map(|suffix| lower.strip_suffix(suffix).filter(|rest| rest.ends_with(['k', 'm', 'g', 't'])));
        let short = short.unwrap_or(&lower);
        let (number, unit) = SIZES
            .iter()
            .find_map(|(unit, bytes)| short.strip_suffix(unit).map(|number| (number, *bytes)))
            .unwrap_or((short, 1));
        let bytes = decimal(number).ok_or_else(wrong)? * unit as f64;
        // Half a byte is a typing mistake; 2^63 bytes are one too.
        if bytes > 9.0e18 || (unit == 1 && bytes.fract() != 0.0) {
            return Err(wrong());
        }
        Ok(Self(bytes.round() as u64))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, bytes) in SIZES {
            if bytes > 1 && self.0 >= bytes && self.0.is_multiple_of(bytes / 1024 * 256) {
                let hundredths = u128::from(self.0) * 100 / u128::from(bytes);
                let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
                return write!(f, "{}{unit}", text.trim_end_matches('0').trim_end_matches('.'));
            }
        }
        write!(f, "{}", self.0)
    }
}

impl FromStr for Period {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        let wrong = || NotAQuantity {
            message: format!("found {}, expected a length of time", quoted(text)),
            hint: "a length of time is a number with s, m, h, d or w, such as `90s`, `30m` or `1h30m`",
        };
        let lower = text.trim().to_ascii_lowercase();
        let (mut rest, mut seconds, mut last) = (lower.as_str(), 0.0_f64, u64::MAX);
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let end = rest.find(|ch: char| ch.is_ascii_alphabetic()).ok_or_else(wrong)?;
            let (number, tail) = rest.split_at(end);
            let (unit, length) = PERIODS.iter().find(|(unit, _)| tail.starts_with(unit)).ok_or_else(wrong)?;
            if *length >= last {
                return Err(wrong());
            }
            last = *length;
            seconds += decimal(number).ok_or_else(wrong)? * *length as f64;
            rest = &tail[unit.len()..];
        }
        // A thousand years: beyond that it is a typing mistake, and arithmetic with dates ends.
        if seconds > 3.2e10 {
            return Err(wrong());
        }
        Ok(Self(Duration::from_millis((seconds * 1000.0).round() as u64)))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_secs();
        if rest == 0 {
            return write!(f, "{}s", self.0.as_secs_f64());
        }
        for (unit, length) in PERIODS {
            if rest >= length && unit != "w" {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

/// A number as people write it: digits, perhaps a point; no sign, no exponent, no `inf`.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let bounded = text.starts_with(|ch: char| ch.is_ascii_digit()) && text.ends_with(|ch: char| ch.is_ascii_digit());
    if plain && bounded { text.parse().ok() } else { None }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: NotAQuantity| hinted(error.message, error.hint))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: NotAQuantity| hinted(error.message, error.hint))
    }
}

impl schemars::JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A number of bytes: 512, 64k, 32m, 1.5g.",
            "anyOf": [
                { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?([bB]|[kKmMgGtT]([iI]?[bB])?)?$" },
                { "type": "integer", "minimum": 0 },
            ],
        })
    }
}

impl schemars::JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A length of time: 90s, 30m, 1h30m.",
            "type": "string",
            "pattern": "^([0-9]+(\\.[0-9]+)?[wdhms])+$",
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512b", 512),
            ("64k", 65_536),
            ("32m", 32 << 20),
            ("32M", 32 << 20),
            ("32mb", 32 << 20),
            ("32MiB", 32 << 20),
            ("1.5g", 3 << 29),
            ("2t", 2 << 40),
            (" 1k ", 1024),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in [
            "",
            "m",
            "-1m",
            "+1m",
            "1e3",
            "1.m",
            ".5m",
            "1.2.3m",
            "1.5",
            "12 m",
            "12x",
            "nan",
            "inf",
            "9999999999t",
            "1mm",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn periods() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            ("2h", 7200),
            ("1h30m", 5400),
            ("1d", 86_400),
            ("1.5h", 5400),
            ("0s", 0),
            ("1w", 604_800),
        ] {
            assert_eq!(text.parse(), Ok(Period(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "90", "s", "1h1h", "30m1h", "1y", "-1s", "1h 30m", "1e3s", "99999999999h", "1hh"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn they_are_shown_as_they_are_written() {
        for text in ["512", "64k", "32m", "1.5g", "1.25m", "2t", "1000", "0"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        for text in ["90s", "30m", "2h", "1h30m", "1d", "0s"] {
            let shown = text.parse::<Period>().unwrap().to_string();
            assert_eq!(shown.parse::<Period>(), text.parse::<Period>(), "{text}");
        }
        assert_eq!("90s".parse::<Period>().unwrap().to_string(), "1m30s");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes in 0u64..1 << 50, seconds in 0u64..1 << 32) {
            prop_assert_eq!(Size(bytes).to_string().parse::<Size>(), Ok(Size(bytes)));
            let period = Period(Duration::from_secs(seconds));
            prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
        }

        #[test]
        fn nothing_panics(text in "\\PC*") {
            let _ = text.parse::<Size>();
            let _ = text.parse::<Period>();
        }
    }
}
