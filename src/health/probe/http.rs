//! One question by HTTP, and what is thought of the answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::header::{AGE, DATE, HOST, HeaderMap, LOCATION, USER_AGENT};
use hyper::{Request, Response, Uri, body::Incoming};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::ask::Ask;
use super::place::Spot;
use super::{Seen, connect, found, late};
use crate::config::{HttpTarget, Period};
use crate::health::{Finding, Level};
use crate::text::{clean, fit};

/// The most that is read of a body.
const BODY: usize = 256 << 10;
/// The most that the head of an answer may have.
const HEAD: usize = 64 << 10;
/// How often an answer may send one to another path.
const HOPS: usize = 4;
/// How far two clocks may be apart.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// Asks, and judges the answer.
pub(super) async fn http(target: &HttpTarget, spot: &Spot, ask: &Ask, deadline: Instant) -> Seen {
    let began = Instant::now();
    let mut path = target.path.clone();
    let mut certificate = None;
    for hop in 0..=HOPS {
        let io = match connect(spot, ask, deadline).await {
            Ok(tcp) => tcp,
            Err(finding) => return Seen::bad(finding),
        };
        let answer = if target.tls {
            match super::secure(io, target.host.as_deref(), true, ask, deadline).await {
                Ok((stream, wrong)) => {
                    if wrong.as_ref().is_some_and(|f| f.level == Level::Failing) {
                        return Seen { latency: Some(began.elapsed()), finding: wrong };
                    }
                    certificate = wrong;
                    request(stream, target, &path, ask, spot, deadline).await
                }
                Err(finding) => return Seen::bad(finding),
            }
        } else {
            request(io, target, &path, ask, spot, deadline).await
        };
        // The connection ends with this.
        let (_connection, response) = match answer {
            Ok(answer) => answer,
            Err(finding) => return Seen::bad(finding),
        };
        let status = response.status().as_u16();
        let further = response.status().is_redirection() && ask.status != Some(status);
        if let Some(to) = further.then(|| own_path(target, response.headers())).flatten() {
            if hop < HOPS {
                path = to;
                continue;
            }
            let what = format!("{} leads from one path to the next without an end", clean(&target.to_string()));
            let why = format!("after {HOPS} redirects it still answers {status}");
            let finding = found("PROBE_FAILED", Level::Failing, what, why, "ask for a path that answers by itself");
            return Seen { latency: Some(began.elapsed()), finding: Some(finding) };
        }
        let mut seen = judge(target, response, ask, began, deadline).await;
        seen.finding = seen.finding.or(certificate);
        return seen;
    }
    Seen::default()
}

/// Sends the question; the answer's head comes with what keeps its connection going.
async fn request(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    target: &HttpTarget,
    path: &str,
    ask: &Ask,
    spot: &Spot,
    deadline: Instant,
) -> Result<(JoinSet<()>, Response<Incoming>), Finding> {
    let usual = if target.tls { 443 } else { 80 };
    // Programs that look at the name mostly take this one; `:PORT` has none of its own.
    let host = target.host.as_deref().unwrap_or("localhost");
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let host = if target.port == usual { host } else { format!("{host}:{}", target.port) };
    let request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("ondeck/", env!("CARGO_PKG_VERSION")))
        .header("accept", "*/*")
        .header("connection", "close")
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|e| failed(target, &e.to_string()))?;
    let mut connection = JoinSet::new();
    let exchange = async {
        let (mut sender, driver) = http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(io)).await?;
        connection.spawn(async move {
            // What goes wrong comes out at the request.
            let _ = driver.await;
        });
        sender.send_request(request).await
    };
    match timeout_at(deadline, exchange).await {
        Err(_) => Err(late(ask, "it took the connection, and gave no answer")),
        Ok(Err(error)) => Err(broken(target, spot, &error)),
        Ok(Ok(response)) => Ok((connection, response)),
    }
}

/// What a failed exchange means.
fn broken(target: &HttpTarget, spot: &Spot, error: &hyper::Error) -> Finding {
    let shown = clean(&target.to_string()).into_owned();
    if error.is_parse() {
        if error.to_string().contains("too large") {
            return failed(target, "its answer's head has no end");
        }
        let todo = if target.tls { "ask for another port" } else { "ask for https:// if that is what it speaks" };
        let what = format!("what answers at {shown} does not speak HTTP");
        return found("PROBE_FAILED", Level::Failing, what, String::new(), todo);
    }
    if spot.published {
        // The engine's proxy takes every connection, and drops it when nothing is behind.
        return super::refused(target.port, "the published port is taken, and nothing answers behind it");
    }
    failed(target, "it closed the connection without an answer")
}

fn failed(target: &HttpTarget, why: &str) -> Finding {
    let what = format!("{} gives no right answer", clean(&target.to_string()));
    found("PROBE_FAILED", Level::Failing, what, clean(why).into_owned(), "its log tells more")
}

/// Where a redirect leads, when that is on the same host and port.
fn own_path(target: &HttpTarget, headers: &HeaderMap) -> Option<String> {
    let to: Uri = headers.get(LOCATION)?.to_str().ok()?.parse().ok()?;
    if let Some(authority) = to.authority() {
        let tls = to.scheme_str().is_some_and(|s| s.eq_ignore_ascii_case("https"));
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let host = target.host.as_deref().unwrap_or("localhost");
        let named = authority.host().trim_matches(['[', ']']);
        if tls != target.tls || port != target.port || !named.eq_ignore_ascii_case(host) {
            return None;
        }
    }
    let path = to.path_and_query().map_or("/", |p| p.as_str());
    // A path that is none of a root would have to be put together with the one before; `//HOST` is another host.
    (path.starts_with('/') && !path.starts_with("//")).then(|| path.to_owned())
}

async fn judge(
    target: &HttpTarget,
    mut response: Response<Incoming>,
    ask: &Ask,
    began: Instant,
    deadline: Instant,
) -> Seen {
    let shown = clean(&target.to_string()).into_owned();
    let status = response.status().as_u16();
    let right = ask.status.map_or((200..400).contains(&status), |wanted| wanted == status);
    let heard = Timestamp::now();
    let skew = skew(response.headers(), heard);
    let mut latency = began.elapsed();
    let mut body = Vec::new();
    let (mut cut, mut complete) = (false, true);
    if !right || ask.body.is_some() {
        (cut, complete) = read(&mut response, &mut body, deadline).await;
        if right {
            latency = began.elapsed();
        }
    }
    let text = String::from_utf8_lossy(&body);
    let finding = if !right {
        let wanted = ask.status.map_or("200 to 399".to_owned(), |s| s.to_string());
        let reason = response.status().canonical_reason().map_or(String::new(), |r| format!(" ({r})"));
        let what = format!("it answers {status}{reason} at {shown}, expected {wanted}");
        let (why, todo) = status_words(status);
        Some(Finding { evidence: lines(&text), ..found("HTTP_STATUS", Level::Failing, what, why.into(), todo) })
    } else if let Some(pattern) = ask.body.as_ref().filter(|p| !p.is_match(&text)) {
        if complete {
            let what = format!("its answer at {shown} does not match {}", fit(&clean(pattern.as_str()), 60));
            let why = if cut { "only its first 256K were looked at" } else { "" };
            let todo = "look at what it answers, or mend the label dev.ondeck.health.body";
            Some(Finding { evidence: lines(&text), ..found("HTTP_BODY", Level::Failing, what, why.into(), todo) })
        } else {
            Some(late(ask, &format!("it began to answer {status}, and did not end")))
        }
    } else if let Some(most) = ask.slow.filter(|most| latency > *most) {
        Some(slow(&shown, latency, most))
    } else {
        skew.map(|skew| {
            let (by, way) =
                (skew.abs().as_secs().unsigned_abs(), if skew.is_negative() { "behind" } else { "ahead of" });
            let what = format!("its clock is {} {way} this machine's", crate::text::duration(by));
            let todo = "set both clocks by NTP; certificates and tokens fail with wrong ones";
            found("CLOCK_SKEW", Level::Degraded, what, format!("by the date of its answer at {shown}"), todo)
        })
    };
    Seen { latency: Some(latency), finding }
}

/// Reads a body: whether it was cut, and whether it came to its end (or to where it was cut).
async fn read(response: &mut Response<Incoming>, body: &mut Vec<u8>, deadline: Instant) -> (bool, bool) {
    while body.len() < BODY {
        match timeout_at(deadline, response.body_mut().frame()).await {
            Err(_) => return (false, false),
            Ok(None | Some(Err(_))) => return (false, true),
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    body.extend_from_slice(&data[..data.len().min(BODY - body.len())]);
                }
            }
        }
    }
    (true, true)
}

/// What took longer than it should.
pub(super) fn slow(shown: &str, latency: Duration, most: Duration) -> Finding {
    let what = format!("{shown} took {} ms, expected at most {}", latency.as_millis(), Period(most));
    found("PROBE_SLOW", Level::Degraded, what, String::new(), "look at its load, its limits and what it waits for")
}

/// How far the clock of whoever answered is ahead of ours, if that is too far.
fn skew(headers: &HeaderMap, heard: Timestamp) -> Option<SignedDuration> {
    // What a cache kept has the date of its making.
    if headers.contains_key(AGE) {
        return None;
    }
    let date = headers.get(DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(date.duration_since(heard)).filter(|skew| skew.abs() > SKEW)
}

/// The first lines of a body that say anything.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty()).take(3);
    lines.map(|line| clean(&fit(line, 160)).into_owned()).collect()
}

fn status_words(status: u16) -> (&'static str, &'static str) {
    match status {
        301 | 302 | 303 | 307 | 308 => ("it sends one to another host", "ask where it leads, or set the status"),
        401 | 403 => ("it wants to know who asks", "probe a path that is open, or set the label .status"),
        404 => ("there is no such path", "mend the path of the probe, or look whether the right version runs"),
        429 => ("it is asked too often", "probe less often (label .interval), or look who else asks"),
        500 => ("it failed within itself", "its log tells why"),
        502 | 504 => ("a proxy in it reaches nothing behind", "look at the service that it stands before"),
        503 => ("it says itself that it cannot serve now", "its log, and what it depends on, tell why"),
        _ => ("", "its log tells more"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn redirects_are_followed_on_the_same_host_only() {
        let to = |target: &str, location: &str| {
            own_path(&HttpTarget::parse(target).unwrap(), &headers(&[("location", location)]))
        };
        assert_eq!(to(":8080/a", "/b?c=d").as_deref(), Some("/b?c=d"));
        assert_eq!(to(":8080/a", "http://localhost:8080/b").as_deref(), Some("/b"));
        assert_eq!(to("http://a.example/", "http://A.example").as_deref(), Some("/"));
        for (target, location) in [
            (":8080/a", "http://localhost/b"),
            (":8080/a", "//evil.example/"),
            ("http://a.example/", "https://a.example/"),
            ("http://a.example/", "http://169.254.169.254/"),
            ("http://a.example/", "b"),
        ] {
            assert_eq!(to(target, location), None, "{target} {location}");
        }
    }

    #[test]
    fn clocks_are_compared_by_the_date_of_a_fresh_answer() {
        let now: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        let by = |pairs: &[_]| skew(&headers(pairs), now).map(|s| s.as_secs());
        assert_eq!(by(&[("date", "Tue, 01 Dec 2026 12:00:20 GMT")]), None);
        assert_eq!(by(&[("date", "Tue, 01 Dec 2026 12:05:00 GMT")]), Some(300));
        assert_eq!(by(&[("date", "Tue, 01 Dec 2026 11:00:00 GMT")]), Some(-3600));
        assert_eq!(by(&[("date", "Tue, 01 Dec 2026 11:00:00 GMT"), ("age", "3600")]), None);
        assert_eq!(by(&[("date", "yesterday")]), None);
        assert_eq!(by(&[]), None);
    }

    #[test]
    fn evidence_is_short_and_harmless() {
        let text = "\n\x1b[31mred\x07\n\n  two\nthree\nfour\n";
        assert_eq!(lines(text), ["·[31mred·", "two", "three"]);
        assert!(lines(&"x".repeat(100_000))[0].chars().count() <= 160);
    }
}
