//! The time that begins each line of a log.

use jiff::Timestamp;

/// Bytes of the form every Docker engine writes: `2026-11-21T02:02:08.395104094Z` and a space.
pub(super) const LEN: usize = 31;
/// No time is longer than this in any engine's form.
const MOST: usize = 40;

/// Reads times; remembers the last minute, because nearly every line is in the minute of the one before.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    minute: [u8; 16],
    base: i64,
}

impl Stamps {
    /// The time at the beginning of `line` in nanoseconds since 1970, and the bytes it and the space
    /// after it take.
    pub(super) fn read(&mut self, line: &[u8]) -> Option<(i64, usize)> {
        self.exact(line).map(|nanos| (nanos, LEN)).or_else(|| Self::any(line))
    }

    /// The time in the form Docker writes, and in no other.
    pub(super) fn exact(&mut self, line: &[u8]) -> Option<i64> {
        let stamp = line.first_chunk::<LEN>()?;
        if (stamp[10], stamp[16], stamp[19], stamp[29], stamp[30]) != (b'T', b':', b'.', b'Z', b' ') {
            return None;
        }
        let seconds = digits(&stamp[17..19])?;
        let fraction = digits(&stamp[20..29])?;
        if stamp[..16] != self.minute {
            let text = std::str::from_utf8(&stamp[..16]).ok()?;
            let minute: Timestamp = format!("{text}:00Z").parse().ok()?;
            self.base = i64::try_from(minute.as_nanosecond()).ok()?;
            self.minute.copy_from_slice(&stamp[..16]);
        }
        (seconds <= 60).then(|| self.base + seconds * 1_000_000_000 + fraction)
    }

    /// Any other form of RFC 3339, such as podman's with an offset.
    fn any(line: &[u8]) -> Option<(i64, usize)> {
        if !line.first()?.is_ascii_digit() {
            return None;
        }
        let end = memchr::memchr(b' ', line.get(..MOST.min(line.len()))?)?;
        let time: Timestamp = std::str::from_utf8(&line[..end]).ok()?.parse().ok()?;
        Some((i64::try_from(time.as_nanosecond()).ok()?, end + 1))
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_form_is_read() {
        let mut stamps = Stamps::default();
        let nanos =
            i64::try_from("2026-11-21T02:02:08.395104094Z".parse::<Timestamp>().unwrap().as_nanosecond()).unwrap();
        for _ in 0..2 {
            assert_eq!(stamps.read(b"2026-11-21T02:02:08.395104094Z text"), Some((nanos, 31)));
        }
        assert_eq!(stamps.read(b"2026-11-21T03:02:08.395104094+01:00 text"), Some((nanos, 36)));
        assert_eq!(stamps.read(b"2026-11-21T02:02:08Z "), Some((nanos - 395_104_094, 21)));
        for not in
            [&b"2026-11-21T02:02:08.395104094Z"[..], b"text", b"", b"2026-99-21T02:02:08.395104094Z x", b"2 apples"]
        {
            assert_eq!(stamps.read(not), None);
        }
    }
}
