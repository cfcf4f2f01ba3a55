//! Probes of ours: what labels or the config ask for, asked from this machine.
//!
//! A probe asks as a visitor would, knows no password, sends nothing but its question, and reads no more of an answer
//! than it needs. `:PORT` is the container's own port: on an engine of this machine it is asked at the container's
//! address, elsewhere at the published port. Where neither can be reached from here that is said and is no trouble of
//! the container.

mod ask;
mod http;
mod listening;
mod place;
mod tls;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::{self, Period};
use crate::engine::Engine;
use crate::engine::model::{Container, Id, State};
use crate::text::clean;

use self::ask::{Ask, Asks, What};
use self::place::{Spot, Ways};
use super::{Finding, Layer, Level};

pub(super) use self::tls::roots;

/// Probes under way at once.
const AT_ONCE: usize = 16;
/// How long one waits for the engine's proxy to notice that nothing is behind a published port.
const DROPPED: Duration = Duration::from_millis(300);
/// A container that began to run within this time is asked again soon when it does not answer.
const YOUNG: i64 = 30;
/// So soon.
const SOON: Duration = Duration::from_secs(2);

/// What a probe of a container gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Probed {
    /// Of which container.
    pub container: Id,
    /// What was asked, as its label has it: `:8080/health`.
    pub asked: String,
    /// How long the answer took, in seconds; `None` without one.
    pub latency_seconds: Option<f64>,
    /// What is wrong; `None` when all is as it should be.
    pub finding: Option<Finding>,
    /// Why it cannot be asked from here; then nothing is known, good or bad.
    pub unasked: Option<String>,
}

/// What an answer was like.
#[derive(Debug, Default)]
struct Seen {
    latency: Option<Duration>,
    finding: Option<Finding>,
}

impl Seen {
    fn bad(finding: Finding) -> Self {
        Self { latency: None, finding: Some(finding) }
    }
}

/// Makes all probes that labels or the config ask for, of those of `containers` that run.
pub async fn probe(engine: &Engine, containers: &[&Container], config: &config::Health) -> Vec<Probed> {
    let wanted = containers.iter().filter(|c| c.state == State::Running).map(|c| (*c, ask::asks(c, config)));
    make(engine, wanted.collect()).await
}

async fn make(engine: &Engine, wanted: Vec<(&Container, Asks)>) -> Vec<Probed> {
    let mut probed = Vec::new();
    let mut questions: Vec<(&Container, Ask)> = Vec::new();
    for (container, asks) in wanted {
        probed.extend(asks.wrong.iter().map(|(label, error)| unreadable(container, label, error)));
        questions.extend(asks.all.into_iter().map(|ask| (container, ask)));
    }
    if questions.is_empty() {
        return probed;
    }
    let ways = Arc::new(Ways::of(engine).await);
    // Each owns what it needs: futures that borrow from a list are hard on the compiler.
    let questions: Vec<_> = questions
        .into_iter()
        .map(|(container, ask)| one(engine.clone(), ways.clone(), container.clone(), ask))
        .collect();
    // In the order of the questions, so that two reports of the same are alike.
    probed.extend(futures::stream::iter(questions).buffered(AT_ONCE).collect::<Vec<_>>().await);
    probed
}

/// A label that is none of ours as it stands.
fn unreadable(container: &Container, label: &str, error: &config::NotAProbe) -> Probed {
    let what = format!("nobody can probe it: the label {label} cannot be read");
    let finding = found("PROBE_INVALID", Level::Degraded, what, clean(&error.message).into_owned(), error.hint);
    Probed { container: container.id.clone(), asked: label.to_owned(), finding: Some(finding), ..Probed::default() }
}

/// One question to one container.
async fn one(engine: Engine, ways: Arc<Ways>, container: Container, ask: Ask) -> Probed {
    let mut probed = Probed {
        container: container.id.clone(),
        asked: clean(&ask.what.to_string()).into_owned(),
        ..Probed::default()
    };
    let spot = match spot(&ways, &container, &ask.what) {
        Ok(spot) => spot,
        Err(why) => {
            probed.unasked = Some(clean(&why).into_owned());
            return probed;
        }
    };
    let deadline = Instant::now() + ask.timeout;
    let mut seen = match &ask.what {
        What::Http(target) => http::http(target, &spot, &ask, deadline).await,
        What::Tcp(target) => tcp(target.port, &spot, &ask, deadline).await,
        What::Tls(target) => secured(target, &spot, &ask, deadline).await,
    };
    if let Some(finding) = &mut seen.finding
        && finding.code == "PROBE_REFUSED"
        && spot.own
    {
        look_inside(&engine, &container, port_of(&ask.what), finding).await;
    }
    probed.latency_seconds = seen.latency.map(|l| l.as_secs_f64());
    probed.finding = seen.finding;
    probed
}

/// Where a question goes. Names that the container itself has mean its own port; so does the name of a certificate at
/// a port that the container has.
fn spot(ways: &Ways, container: &Container, what: &What) -> Result<Spot, String> {
    let itself = |host: &str| {
        host == container.name
            || container.service() == Some(host)
            || container.networks.iter().any(|n| n.aliases.iter().any(|alias| alias == host))
    };
    let port = port_of(what);
    let host = match what {
        What::Http(target) => &target.host,
        What::Tcp(target) | What::Tls(target) => &target.host,
    };
    let own_tls = matches!(what, What::Tls(_)) && container.ports.iter().any(|p| p.container == port);
    match host {
        Some(host) if !itself(host) && !own_tls => Ok(Spot::elsewhere(host, port)),
        _ => ways.to(container, port),
    }
}

/// The port that is asked, as it was written.
fn port_of(what: &What) -> u16 {
    match what {
        What::Http(target) => target.port,
        What::Tcp(target) | What::Tls(target) => target.port,
    }
}

/// Whether it takes connections at all.
async fn tcp(port: u16, spot: &Spot, ask: &Ask, deadline: Instant) -> Seen {
    let began = Instant::now();
    let mut stream = match connect(spot, ask, deadline).await {
        Ok(stream) => stream,
        Err(finding) => return Seen::bad(finding),
    };
    let latency = began.elapsed();
    if spot.published && dropped(&mut stream).await {
        return Seen::bad(refused(port, "the published port is taken, and nothing listens behind it"));
    }
    let finding = ask.slow.filter(|most| latency > *most).map(|most| http::slow(&ask.what.to_string(), latency, most));
    Seen { latency: Some(latency), finding }
}

/// Whether the engine's proxy ends a connection at once: it takes each, and drops it when nothing is behind.
async fn dropped(stream: &mut TcpStream) -> bool {
    matches!(timeout(DROPPED, stream.read(&mut [0; 1])).await, Ok(Ok(0) | Err(_)))
}

/// What its certificate is like.
async fn secured(target: &config::PortTarget, spot: &Spot, ask: &Ask, deadline: Instant) -> Seen {
    let began = Instant::now();
    let stream = match connect(spot, ask, deadline).await {
        Ok(stream) => stream,
        Err(finding) => return Seen::bad(finding),
    };
    match secure(stream, target.host.as_deref(), false, ask, deadline).await {
        Err(mut finding) => {
            if spot.published && finding.code == "PROBE_FAILED" && finding.why.contains("closed") {
                finding = refused(target.port, "the published port is taken, and nothing answers behind it");
            }
            Seen::bad(finding)
        }
        Ok((_, finding)) => {
            let latency = began.elapsed();
            let slow = || {
                let most = ask.slow.filter(|most| latency > *most)?;
                Some(http::slow(&ask.what.to_string(), latency, most))
            };
            Seen { latency: Some(latency), finding: finding.or_else(slow) }
        }
    }
}

/// Shakes hands, and judges the certificate.
async fn secure(
    stream: TcpStream,
    name: Option<&str>,
    http: bool,
    ask: &Ask,
    deadline: Instant,
) -> Result<(tokio_rustls::client::TlsStream<TcpStream>, Option<Finding>), Finding> {
    let shown = clean(&ask.what.to_string()).into_owned();
    match timeout_at(deadline, tls::shake(stream, name, http)).await {
        Err(_) => Err(late(ask, "it took the connection, and did not shake hands (TLS)")),
        Ok(Err(error)) => {
            let (why, todo) = match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidMessage(_)) => {
                    ("it answers without TLS".to_owned(), "ask by http:// or tcp, or turn TLS on in the service")
                }
                Some(error) => (clean(&error.to_string()).into_owned(), "its log tells more"),
                None if error.kind() == io::ErrorKind::UnexpectedEof
                    || error.kind() == io::ErrorKind::ConnectionReset =>
                {
                    ("it closed the connection".to_owned(), "its log tells more")
                }
                None => (clean(&error.to_string()).into_owned(), "its log tells more"),
            };
            let what = format!("there is no speaking TLS with {shown}");
            Err(found("PROBE_FAILED", Level::Failing, what, why, todo))
        }
        Ok(Ok(stream)) => {
            let roots = tls::roots().await;
            let wrong = tls::judge(&tls::shown(&stream), name, ask.insecure, &roots, Timestamp::now());
            Ok((stream, wrong))
        }
    }
}

/// Connects, or says why not.
async fn connect(spot: &Spot, ask: &Ask, deadline: Instant) -> Result<TcpStream, Finding> {
    let error = match timeout_at(deadline, TcpStream::connect((spot.host.as_str(), spot.port))).await {
        Err(_) => return Err(late(ask, "not even a connection comes about: something drops the packets")),
        Ok(Ok(stream)) => {
            // It is one small question; where that cannot be set it is asked all the same.
            let _ = stream.set_nodelay(true);
            return Ok(stream);
        }
        Ok(Err(error)) => error,
    };
    if error.kind() == io::ErrorKind::ConnectionRefused {
        return Err(refused(port_of(&ask.what), "the connection is refused"));
    }
    let shown = clean(&ask.what.to_string()).into_owned();
    let host = clean(&spot.host).into_owned();
    // Errors of names are not of a kind of their own.
    let (what, todo) = if error.to_string().contains("lookup") {
        (format!("the name {host} is not found from here"), "mend the address of the probe, or the DNS of this machine")
    } else {
        (format!("{shown} cannot be reached"), "look at the network and the firewall between")
    };
    Err(found("PROBE_FAILED", Level::Failing, what, clean(&error.to_string()).into_owned(), todo))
}

/// Something that a probe found.
fn found(code: &'static str, level: Level, what: String, why: String, todo: impl Into<String>) -> Finding {
    Finding { code, level, layer: Layer::Probe, what, why, todo: todo.into(), evidence: Vec::new(), since: None }
}

/// Nothing listens there.
fn refused(port: u16, why: &str) -> Finding {
    let what = format!("nothing listens on port {port}");
    let todo = "look in its log whether its service began, and on which port it listens";
    found("PROBE_REFUSED", Level::Failing, what, why.to_owned(), todo)
}

/// No answer in time.
fn late(ask: &Ask, why: &str) -> Finding {
    let what = format!("no answer at {} within {}", clean(&ask.what.to_string()), Period(ask.timeout));
    let todo = "look at its load and what it waits for; a restart helps a service that hangs";
    found("PROBE_TIMEOUT", Level::Failing, what, why.to_owned(), todo)
}

/// Looks at what the container listens on, where this machine may see that: then it is known why a port is closed.
async fn look_inside(engine: &Engine, container: &Container, port: u16, finding: &mut Finding) {
    let known = container.detail.as_ref().and_then(|d| d.pid);
    // What cannot be looked at leaves the finding as it is.
    let pid = match known {
        Some(pid) => Some(pid),
        None => engine.inspect(&container.id).await.ok().and_then(|i| i.container.detail).and_then(|d| d.pid),
    };
    let Some(sockets) = pid.filter(|p| *p > 0).and_then(|pid| listening::of(pid, &container.id)) else { return };
    let here: Vec<_> = sockets.iter().filter(|(_, p)| *p == port).map(|(ip, _)| *ip).collect();
    if !here.is_empty() && here.iter().all(std::net::IpAddr::is_loopback) {
        finding.code = "LOOPBACK_ONLY";
        finding.what = format!("it listens on port {port} of its own loopback address only");
        finding.why = format!("its service is bound to {}, which nothing outside the container reaches", here[0]);
        finding.todo = String::from("bind it to 0.0.0.0 (in its settings or command: often HOST, --host or --bind)");
        return;
    }
    let mut others: Vec<u16> = sockets.iter().filter(|(ip, _)| !ip.is_loopback()).map(|(_, p)| *p).collect();
    others.sort_unstable();
    others.dedup();
    others.truncate(5);
    if here.is_empty() {
        finding.why = if others.is_empty() {
            "it listens on no port at all".to_owned()
        } else {
            let others: Vec<String> = others.iter().map(ToString::to_string).collect();
            format!("it listens on {}", others.join(", "))
        };
    }
}

/// Probes that go on: each container at its own interval, with what its last probe gave in between.
#[derive(Debug, Default)]
pub struct Prober {
    kept: HashMap<Id, Kept>,
}

#[derive(Debug)]
struct Kept {
    due: Instant,
    probed: Vec<Probed>,
}

impl Prober {
    /// Makes the probes that are due; answers with the last results of all.
    pub async fn probe(&mut self, engine: &Engine, containers: &[&Container], config: &config::Health) -> Vec<Probed> {
        let running: Vec<&Container> = containers.iter().copied().filter(|c| c.state == State::Running).collect();
        let now = Instant::now();
        let (mut wanted, mut waits) = (Vec::new(), HashMap::new());
        let mut kept = HashMap::new();
        for container in &running {
            if let Some(last) = self.kept.remove(&container.id).filter(|last| last.due > now) {
                kept.insert(container.id.clone(), last);
                continue;
            }
            let asks = ask::asks(container, config);
            if !asks.all.is_empty() || !asks.wrong.is_empty() {
                let young = container.started.is_some_and(|t| Timestamp::now().duration_since(t).as_secs() < YOUNG);
                waits.insert(container.id.clone(), (asks.interval, young));
                wanted.push((*container, asks));
            }
        }
        for (id, (interval, _)) in &waits {
            kept.insert(id.clone(), Kept { due: now + *interval, probed: Vec::new() });
        }
        for probed in make(engine, wanted).await {
            let young = waits.get(&probed.container).is_some_and(|(_, young)| *young);
            if let Some(of) = kept.get_mut(&probed.container) {
                if young && probed.finding.is_some() {
                    of.due = of.due.min(now + SOON);
                }
                of.probed.push(probed);
            }
        }
        // What does not run any more is forgotten: it is asked at once when it runs again.
        self.kept = kept;
        running.iter().filter_map(|c| self.kept.get(&c.id)).flat_map(|k| k.probed.iter().cloned()).collect()
    }

    /// When the next probe is due; `None` when nothing is asked for.
    pub fn due(&self) -> Option<std::time::Instant> {
        self.kept.values().map(|k| k.due.into_std()).min()
    }
}

#[cfg(test)]
mod tests;
