//! What a probe asks for, as labels and `config.yaml` write it: `:8080/health`, `https://HOST/`, `db:5432`.

use std::fmt;
use std::time::Duration;

use regex::Regex;

use super::source::quoted;
use super::units::Period;

/// A probe's address by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// Whether it is HTTPS.
    pub tls: bool,
    /// The host; `None` for the container itself.
    pub host: Option<String>,
    /// The port.
    pub port: u16,
    /// The path with its query.
    pub path: String,
}

/// A host, or the container itself, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortTarget {
    /// The host; `None` for the container itself.
    pub host: Option<String>,
    /// The port.
    pub port: u16,
}

/// Why something is no probe: what was found and expected, and how to write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAProbe {
    /// What was found and what was expected.
    pub message: String,
    /// What to write.
    pub hint: &'static str,
    /// Whether what was found may hold a password, so that nobody shows it.
    pub secret: bool,
}

impl NotAProbe {
    fn new(message: String, hint: &'static str) -> Self {
        Self { message, hint, secret: false }
    }
}

impl fmt::Display for NotAProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

const HTTP: &str = "such as `:8080/health` for the container's port, or a whole address `http://HOST:PORT/path`";
const TCP: &str = "such as `:5432` for the container's port, or `HOST:PORT`";
const TLS: &str = "such as `:443` for the container's port, or `NAME:PORT` with the name its certificate is for";

impl HttpTarget {
    /// Reads `:PORT`, `:PORT/PATH`, or a whole URL.
    pub fn parse(text: &str) -> Result<Self, NotAProbe> {
        let text = text.trim();
        let wrong = |what: &str| NotAProbe::new(format!("found {}, expected {what}", quoted(text)), HTTP);
        let (tls, rest) = match text.split_once("://") {
            None => (false, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some(_) => return Err(wrong("http:// or https://")),
        };
        let (place, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
        let path = path.split('#').next().unwrap_or_default();
        if place.contains('@') {
            let message = "found an address with a name or password in it, expected one without".to_owned();
            return Err(NotAProbe { message, hint: "everyone who may read labels could read it", secret: true });
        }
        if path.contains(|ch: char| !ch.is_ascii_graphic()) {
            return Err(wrong("a path of plain characters, others as %XX"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let whole = text.contains("://");
        let PortTarget { host, port } = match split(place) {
            Some((host, Some(port))) => PortTarget { host, port },
            Some((host @ Some(_), None)) if whole => PortTarget { host, port: if tls { 443 } else { 80 } },
            _ => return Err(wrong("a port from 1 to 65535")),
        };
        if host.is_some() != whole {
            return Err(wrong(if whole { "a host" } else { "`:PORT/path` or a whole address" }));
        }
        Ok(Self { tls, host, port, path })
    }
}

impl fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            None => write!(f, ":{}{}", self.port, self.path),
            Some(host) => {
                let (scheme, usual) = if self.tls { ("https", 443) } else { ("http", 80) };
                write!(f, "{scheme}://{}", bracketed(host))?;
                if self.port != usual {
                    write!(f, ":{}", self.port)?;
                }
                f.write_str(&self.path)
            }
        }
    }
}

impl PortTarget {
    /// Reads `:PORT` or `HOST:PORT`, as for TCP.
    pub fn tcp(text: &str) -> Result<Self, NotAProbe> {
        Self::parse(text, TCP)
    }

    /// Reads `:PORT` or `NAME:PORT`, as for TLS.
    pub fn tls(text: &str) -> Result<Self, NotAProbe> {
        Self::parse(text, TLS)
    }

    fn parse(text: &str, hint: &'static str) -> Result<Self, NotAProbe> {
        match split(text.trim()) {
            Some((host, Some(port))) => Ok(Self { host, port }),
            _ => Err(NotAProbe::new(format!("found {}, expected a port from 1 to 65535", quoted(text)), hint)),
        }
    }
}

impl fmt::Display for PortTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host.as_deref().map(bracketed).unwrap_or_default(), self.port)
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// `HOST:PORT`, `:PORT`, `HOST`, `[V6]:PORT`; `None` for anything else.
fn split(text: &str) -> Option<(Option<String>, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some(""))?)
        }
        None => match text.split_once(':') {
            Some((_, "")) => return None,
            Some((host, port)) => (host, port),
            None => (text, ""),
        },
    };
    let named = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '.' | '-' | '_');
    if !text.starts_with('[') && !host.chars().all(named) {
        return None;
    }
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let port = if port.is_empty() { None } else { Some(port.parse().ok().filter(|p| digits && *p > 0)?) };
    Some(((!host.is_empty()).then(|| host.to_owned()), port))
}

/// Reads a regular expression for a body.
pub fn body_pattern(text: &str) -> Result<Regex, NotAProbe> {
    regex::RegexBuilder::new(text).size_limit(1 << 20).build().map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        NotAProbe::new(
            format!("found {}, expected a regular expression: {reason}", quoted(text)),
            "a `\\` before . ? * + ( ) [ ] { } | takes a character as it is",
        )
    })
}

/// Reads a status that is expected.
pub fn status(text: &str) -> Result<u16, NotAProbe> {
    let found = text.trim().parse().ok().filter(|status| (100..=599).contains(status));
    found.ok_or_else(|| {
        NotAProbe::new(format!("found {}, expected a status from 100 to 599", quoted(text)), "such as `200`")
    })
}

/// Whether a period is one that probes may have, from `least` to `most` seconds.
pub fn within(period: Period, least: Duration, most: Duration) -> Result<Period, NotAProbe> {
    if (least..=most).contains(&period.0) {
        return Ok(period);
    }
    let (least, most) = (Period(least), Period(most));
    Err(NotAProbe::new(format!("found `{period}`, expected a time from {least} to {most}"), "such as `5s`"))
}

/// The shortest and the longest time between two probes.
pub const INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(24));
/// The shortest and the longest time that a probe may take.
pub const TIMEOUT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_mins(5));

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_probes_are_read_and_shown_alike() {
        for text in [":8080/health", ":80/", ":80/a?b=c", "http://web/", "https://a.example:8443/x", "http://[::1]:81/"]
        {
            assert_eq!(HttpTarget::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(HttpTarget::parse(":8080").unwrap().path, "/");
        assert_eq!(HttpTarget::parse("https://a").unwrap().port, 443);
        for text in [":5432", "db:5432", "10.0.0.1:1", "[fd00::1]:65535"] {
            assert_eq!(PortTarget::tcp(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_what_would_be_one() {
        for text in [
            "",
            "8080",
            "/health",
            ":0",
            ":65536",
            ":x/",
            "ftp://a/",
            "http://",
            "http://:80/",
            "web:80/x",
            ":80/a b",
            "http://a b/",
            ":+80/",
            "http://[zz]:1/",
        ] {
            let error = HttpTarget::parse(text).unwrap_err();
            assert!(error.message.contains(&quoted(text)), "{text}: {error}");
            assert!(error.hint.contains(":8080/health"), "{error}");
        }
        for text in ["", "5432", ":", "db:", ":0", ":99999", "a/b:1", "a:b:1", ":-1"] {
            assert!(PortTarget::tcp(text).unwrap_err().hint.contains(":5432"), "{text}");
        }
        let error = HttpTarget::parse("http://me:hunter2@h/").unwrap_err();
        assert!(error.secret && !error.to_string().contains("hunter2"), "{error}");
        assert!(body_pattern("(").unwrap_err().message.contains("unclosed"), "{}", body_pattern("(").unwrap_err());
        assert!(status("99").is_err() && status("x").is_err() && status("204").is_ok());
    }
}
