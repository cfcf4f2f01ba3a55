//! Checks on what containers serve, and on whom they reach.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json_path::JsonPath;

use super::super::Trouble;
use super::super::bench::{self, Running};
use super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, read, schema};
use super::super::fields::Pattern;
use super::run::{RUN_EXITED, RUN_FAILED, RUN_OOM, app, noted};
use crate::builds::run::Listener;
use crate::config::Period;
use crate::engine::model::Container;
use crate::engine::request::{Answer, Ask, Reach, Silence};
use crate::text::fit;

/// How long an answer that is wrong is asked for again: a service may say other things while it begins.
const SETTLING: Duration = Duration::from_secs(1);

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "run.http",
        phase: Phase::Run,
        need: Need::Image,
        about: "A container answers a request over HTTP.",
        codes: &[
            RUN_FAILED,
            RUN_EXITED,
            RUN_OOM,
            Code { name: "HTTP_REFUSED", hint: "Nothing listens on that port; which port does the program listen on?" },
            Code {
                name: "HTTP_LOOPBACK",
                hint: "The server answers inside its container only; which address does it listen on? 127.0.0.1 is not reached from outside.",
            },
            Code {
                name: "HTTP_TIMEOUT",
                hint: "The server takes the request, but does not answer it; what does it wait for?",
            },
            Code {
                name: "HTTP_BROKEN",
                hint: "What came back is no HTTP answer; does the server speak plain HTTP on this port?",
            },
            Code {
                name: "HTTP_STATUS",
                hint: "The server answers with another status; what does its log say of the request?",
            },
            Code { name: "HTTP_HEADER", hint: "A header of the answer is not as it should be." },
            Code {
                name: "HTTP_BODY",
                hint: "The answer's text is not as it should be; compare it with what is expected.",
            },
            Code {
                name: "HTTP_JSON",
                hint: "The answer's JSON is not as it should be; compare it with what is expected.",
            },
        ],
        timeout: Duration::from_mins(2),
        late: Some("HTTP_TIMEOUT"),
        read: read::<Http>,
        schema: schema::<Http>,
    },
    Kind {
        name: "run.tcp",
        phase: Phase::Run,
        need: Need::Image,
        about: "A container answers over a TCP connection.",
        codes: &[
            RUN_FAILED,
            RUN_EXITED,
            RUN_OOM,
            Code { name: "TCP_REFUSED", hint: "Nothing listens on that port, or only inside the container." },
            Code { name: "TCP_DATA", hint: "What the server says is not what is expected." },
        ],
        timeout: Duration::from_mins(1),
        late: Some("TCP_REFUSED"),
        read: read::<Tcp>,
        schema: schema::<Tcp>,
    },
    Kind {
        name: "run.net",
        phase: Phase::Run,
        need: Need::Image,
        about: "A container reaches another one, or does not.",
        codes: &[
            RUN_FAILED,
            RUN_EXITED,
            RUN_OOM,
            Code {
                name: "NET_BLOCKED",
                hint: "The container does not reach the other one; does that one listen on all addresses?",
            },
            Code {
                name: "NET_OPEN",
                hint: "The container reaches what it should not; what listens there, and for whom?",
            },
        ],
        timeout: Duration::from_mins(1),
        late: Some("NET_BLOCKED"),
        read: read::<Net>,
        schema: schema::<Net>,
    },
];

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

const fn fifteen_seconds() -> Period {
    Period(Duration::from_secs(15))
}

const fn five_seconds() -> Period {
    Period(Duration::from_secs(5))
}

const fn quarter() -> f64 {
    0.25
}

const fn once() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

/// A path in JSON, such as `$.status`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Query(pub(super) String);

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match JsonPath::parse(&text) {
            Ok(_) => Ok(Self(text)),
            Err(e) => Err(serde::de::Error::custom(format!(
                "found `{text}`, expected a path in JSON: {e}\n`$.status` is the member `status` of the whole"
            ))),
        }
    }
}

impl JsonSchema for Query {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Query".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "a path in JSON, such as $.status" })
    }
}

/// What an answer has to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// The status.
    #[serde(default)]
    status: Option<u16>,
    /// Regular expressions for headers.
    #[serde(default)]
    header: BTreeMap<String, Pattern>,
    /// A regular expression for the body.
    #[serde(default)]
    body: Option<Pattern>,
    /// Values in the body's JSON, by their paths: `$.status: ok`.
    #[serde(default)]
    json: BTreeMap<Query, Value>,
}

impl Default for Expect {
    fn default() -> Self {
        Self { status: Some(200), header: BTreeMap::new(), body: None, json: BTreeMap::new() }
    }
}

/// `run.http`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Http {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// The port that it listens on.
    port: u16,
    /// `GET`, `POST`...
    #[serde(default = "get")]
    method: String,
    /// Path and query.
    #[serde(default = "root")]
    path: String,
    /// Headers of the request.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// What is sent with it.
    #[serde(default)]
    body: String,
    /// How long it may take until it answers so, from the start on.
    #[serde(default = "fifteen_seconds")]
    within: Period,
    /// Seconds between two attempts.
    #[serde(default = "quarter")]
    interval: f64,
    /// How often it has to answer so, one time after another.
    #[serde(default = "once")]
    stable: u32,
    /// What the answer has to be: status 200 where nothing is said.
    #[serde(default)]
    expect: Expect,
}

impl Check for Http {
    fn title(&self) -> String {
        let status = self.expect.status.map_or(String::new(), |status| format!(" with {status}"));
        format!("{} {} on port {} is answered{status}", self.method, self.path, self.port)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let seen = self.seen(case).await;
            noted(case, &self.container, seen).await
        }
        .boxed()
    }
}

impl Http {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let running = match bench::run(case, &self.container).await? {
            Ok(running) => running,
            Err(seen) => return Ok(seen),
        };
        let ask = Ask {
            method: self.method.to_uppercase(),
            path: self.path.clone(),
            port: self.port,
            headers: self.headers.clone().into_iter().collect(),
            body: self.body.clone(),
        };
        let interval = Duration::try_from_secs_f64(self.interval).unwrap_or(SETTLING).min(self.within.0);
        // Who is asked late has had its time to begin, but must have some to answer.
        let end = (running.since + self.within.0).max(Instant::now() + SETTLING);
        let mut good = 0;
        let mut wrong: Option<(Instant, Seen)> = None;
        let mut loopback_since: Option<Instant> = None;
        loop {
            let (container, reach) = match reach(case, &running, self.port).await? {
                Ok(reached) => reached,
                Err(seen) => return Ok(seen),
            };
            let left = end.saturating_duration_since(Instant::now()).max(SETTLING);
            let bench = case.bench()?;
            let answer = bench.engine().request_within(&reach, &ask, left).await;
            let over = Instant::now() >= end;
            let silence = match answer {
                Ok(answer) => {
                    let found = self.wrong(&answer);
                    let observed = format!("{} in {} ms", answer.status, answer.took.as_millis());
                    if found.is_empty() {
                        good += 1;
                        if good >= self.stable {
                            let ready = running.since.elapsed().as_secs_f64();
                            case.metrics.ready_seconds.get_or_insert(ready);
                            return Ok(Seen::well(observed));
                        }
                    } else {
                        good = 0;
                        let since = wrong.as_ref().map_or_else(Instant::now, |(since, _)| *since);
                        let beginning = matches!(answer.code, 502..=504) || since.elapsed() < SETTLING;
                        let seen = Seen::of(observed, found);
                        // Whoever answers without end may be busy with that for good.
                        if over || !beginning || answer.cut {
                            return Ok(seen);
                        }
                        wrong = Some((since, seen));
                    }
                    None
                }
                Err(silence) => {
                    good = 0;
                    Some(silence)
                }
            };
            if let Some(silence) = silence {
                if let Some(seen) = ended_of_it(case, &running, &silence).await? {
                    return Ok(seen);
                }
                let listeners = listeners(case, &container).await?;
                let here = listeners.iter().filter(|l| l.port == self.port);
                let open = here.clone().any(|l| !l.loopback);
                let loopback = !open && here.count() > 0;
                loopback_since = loopback_since.filter(|_| loopback).or_else(|| loopback.then(Instant::now));
                // A server that listens there has made up its mind.
                let settled = loopback_since.is_some_and(|since| since.elapsed() >= SETTLING);
                if over && let Some((_, seen)) = wrong.take() {
                    return Ok(seen);
                }
                if over || settled {
                    // A connection for which there was no time left says nothing about who listens.
                    let silence = if matches!(silence, Silence::Slow) && !open { Silence::Refused } else { silence };
                    return self.silent(case, &silence, &listeners, loopback).await;
                }
            }
            tokio::time::sleep(interval.min(end.saturating_duration_since(Instant::now()))).await;
        }
    }

    /// What is wrong with an answer.
    fn wrong(&self, answer: &Answer) -> Vec<Found> {
        let asked = format!("{} {}", self.method, self.path);
        let text = String::from_utf8_lossy(&answer.body);
        let begins = || fit(text.trim(), 150).into_owned();
        let expect = &self.expect;
        if let Some(status) = expect.status.filter(|status| *status != answer.code) {
            let found = Found::new("HTTP_STATUS", format!("{asked} is answered with {}", answer.status));
            return vec![found.expected(format!("{status}")).found(format!("{}: {}", answer.status, begins()))];
        }
        for (name, pattern) in &expect.header {
            let mut values =
                answer.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            if !values.clone().any(|value| pattern.is_in(value)) {
                let found = Found::new(
                    "HTTP_HEADER",
                    format!("the answer to {asked} has not the header {name} that it should"),
                );
                let is = values.next().map_or_else(|| "no such header".to_owned(), Clone::clone);
                return vec![found.expected(format!("`{pattern}`")).found(is)];
            }
        }
        if answer.cut && (expect.body.is_some() || !expect.json.is_empty()) {
            return vec![Found::new("HTTP_BODY", format!("the answer to {asked} has no end")).found(begins())];
        }
        if let Some(pattern) = expect.body.as_ref().filter(|pattern| !pattern.is_in(&text)) {
            let found = Found::new("HTTP_BODY", format!("the answer to {asked} does not have `{pattern}`"));
            return vec![found.expected(format!("`{pattern}`")).found(begins())];
        }
        if expect.json.is_empty() {
            return Vec::new();
        }
        let Ok(json) = serde_json::from_slice::<Value>(&answer.body) else {
            return vec![Found::new("HTTP_JSON", format!("the answer to {asked} is no JSON")).found(begins())];
        };
        for (query, expected) in &expect.json {
            let nodes = JsonPath::parse(&query.0).map(|path| path.query(&json).all()).unwrap_or_default();
            if !nodes.iter().any(|node| same(node, expected)) {
                let message = format!("{} of the answer to {asked} is not what it should be", query.0);
                let is = nodes.first().map_or_else(|| "nothing there".to_owned(), ToString::to_string);
                return vec![Found::new("HTTP_JSON", message).expected(expected.to_string()).found(is)];
            }
        }
        Vec::new()
    }

    /// Why there is no answer.
    async fn silent(
        &self,
        case: &mut Case<'_>,
        silence: &Silence,
        listeners: &[Listener],
        loopback: bool,
    ) -> Result<Seen, Trouble> {
        let port = self.port;
        let others: Vec<String> = listeners.iter().filter(|l| l.port != port).map(|l| l.port.to_string()).collect();
        let found = match silence {
            _ if loopback => {
                let message =
                    format!("the server listens on 127.0.0.1:{port}, where only its own container reaches it");
                Found::new("HTTP_LOOPBACK", message)
                    .expected(format!("0.0.0.0:{port}"))
                    .found(format!("127.0.0.1:{port}"))
            }
            Silence::Refused => {
                let found = Found::new("HTTP_REFUSED", format!("nothing listens on port {port} after {}", self.within));
                if others.is_empty() { found } else { found.found(format!("it listens on {}", others.join(", "))) }
            }
            Silence::Slow => Found::new(
                "HTTP_TIMEOUT",
                format!("{} {} was not answered within {}", self.method, self.path, self.within),
            ),
            Silence::Broke(why) => {
                Found::new("HTTP_BROKEN", format!("what came from port {port} is no HTTP answer")).found(why.clone())
            }
            Silence::NoWay(error) => return Err(case.bench()?.trouble(error.clone()).await),
        };
        Ok(Seen::of("no answer", vec![found]))
    }
}

/// Whether a value is the expected one; numbers are by what they are worth.
pub(super) fn same(is: &Value, expected: &Value) -> bool {
    match (is.as_f64(), expected.as_f64()) {
        (Some(is), Some(expected)) => (is - expected).abs() < f64::EPSILON * is.abs().max(1.0),
        _ => is == expected,
    }
}

/// How a port of a container is reached, if it runs.
async fn reach(case: &mut Case<'_>, running: &Running, port: u16) -> Result<Result<(Container, Reach), Seen>, Trouble> {
    let bench = case.bench()?;
    let container = bench.inspect(&running.id).await?.container;
    if let Some(seen) = if container.state.is_up() { None } else { bench.ended(&running.id).await? } {
        return Ok(Err(seen));
    }
    match Reach::of(bench.engine().endpoint(), &container, port) {
        Ok(reach) => Ok(Ok((container, reach))),
        Err(error) => Err(bench.trouble(error).await),
    }
}

/// What a container saw that ended instead of answering, which its Docker learns a moment later than who asked.
async fn ended_of_it(case: &mut Case<'_>, running: &Running, silence: &Silence) -> Result<Option<Seen>, Trouble> {
    let bench = case.bench()?;
    if matches!(silence, Silence::Broke(_)) {
        // Whether it ends or not is then looked at.
        let _ = bench.engine().wait(&running.id, Duration::from_millis(500)).await;
    }
    bench.ended(&running.id).await
}

async fn listeners(case: &mut Case<'_>, container: &Container) -> Result<Vec<Listener>, Trouble> {
    Ok(match container.detail.as_ref().and_then(|detail| detail.pid) {
        Some(pid) => case.bench()?.listeners(pid).await,
        None => Vec::new(),
    })
}

/// `run.tcp`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tcp {
    /// Which of the lab's run plans.
    #[serde(default = "app")]
    container: String,
    /// The port that it listens on.
    port: u16,
    /// What is sent.
    #[serde(default)]
    send: String,
    /// A regular expression for what comes back; without it a connection is enough.
    #[serde(default)]
    expect: Option<Pattern>,
    /// How long it may take, from the start on.
    #[serde(default = "fifteen_seconds")]
    within: Period,
}

impl Check for Tcp {
    fn title(&self) -> String {
        format!("Port {} answers over TCP", self.port)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let seen = self.seen(case).await;
            noted(case, &self.container, seen).await
        }
        .boxed()
    }
}

impl Tcp {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let running = match bench::run(case, &self.container).await? {
            Ok(running) => running,
            Err(seen) => return Ok(seen),
        };
        let end = (running.since + self.within.0).max(Instant::now() + SETTLING);
        loop {
            let (container, reach) = match reach(case, &running, self.port).await? {
                Ok(reached) => reached,
                Err(seen) => return Ok(seen),
            };
            let left = end.saturating_duration_since(Instant::now()).max(SETTLING);
            let bench = case.bench()?;
            let Some(pattern) = &self.expect else {
                // Whether somebody listens is known to the kernel; nothing need be said for that.
                let pid = container.detail.as_ref().and_then(|detail| detail.pid).unwrap_or_default();
                let open = bench.listeners(pid).await.iter().any(|l| l.port == self.port && !l.loopback);
                if open {
                    return Ok(Seen::well(format!("port {} is open", self.port)));
                }
                if Instant::now() >= end {
                    return Ok(Seen::of("nothing listens", vec![self.refused()]));
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            let enough = |heard: &[u8]| pattern.is_in(&String::from_utf8_lossy(heard));
            let heard =
                bench.engine().converse(&reach, self.send.as_bytes(), &enough, left.min(Duration::from_secs(5))).await;
            let over = Instant::now() >= end;
            match heard {
                Ok(heard) if enough(&heard) => return Ok(Seen::well("it says what is expected")),
                Ok(heard) if over || !heard.is_empty() => {
                    let is = String::from_utf8_lossy(&heard);
                    let found = Found::new("TCP_DATA", format!("port {} does not say `{pattern}`", self.port));
                    let found = found.expected(format!("`{pattern}`")).found(fit(is.trim(), 150));
                    return Ok(Seen::of("it says something else", vec![found]));
                }
                Err(Silence::NoWay(error)) => return Err(bench.trouble(error).await),
                Err(silence) => {
                    if let Some(seen) = ended_of_it(case, &running, &silence).await? {
                        return Ok(seen);
                    }
                    if over {
                        return Ok(Seen::of("no connection", vec![self.refused()]));
                    }
                }
                Ok(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn refused(&self) -> Found {
        Found::new("TCP_REFUSED", format!("nothing listens on port {} after {}", self.port, self.within))
    }
}

/// `run.net`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Net {
    /// The run plan whose container connects.
    from: String,
    /// A run plan, or an address.
    to: String,
    /// The port there.
    port: u16,
    /// Whether it has to be reached.
    #[serde(default = "yes")]
    reachable: bool,
    /// How long it may take until it is.
    #[serde(default = "five_seconds")]
    within: Period,
}

impl Check for Net {
    fn title(&self) -> String {
        let how = if self.reachable { "reaches" } else { "does not reach" };
        format!("{} {how} {}:{}", self.from, self.to, self.port)
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        self.seen(case).boxed()
    }
}

impl Net {
    async fn seen(&self, case: &mut Case<'_>) -> Result<Seen, Trouble> {
        let address: Option<IpAddr> = self.to.parse().ok();
        let other = match address {
            Some(_) => None,
            None => match bench::run(case, &self.to).await? {
                Ok(other) => Some(other),
                Err(seen) => return Ok(seen),
            },
        };
        let from = match bench::run(case, &self.from).await? {
            Ok(from) => from,
            Err(seen) => return Ok(seen),
        };
        let end = Instant::now() + self.within.0;
        loop {
            let bench = case.bench()?;
            let source = bench.inspect(&from.id).await?.container;
            for running in std::iter::once(&from).chain(&other) {
                if let Some(seen) = bench.ended(&running.id).await? {
                    return Ok(seen);
                }
            }
            // Of several networks one may be enough.
            let to: Vec<IpAddr> = match &other {
                None => address.into_iter().collect(),
                Some(other) => {
                    let networks = bench.inspect(&other.id).await?.container.networks;
                    networks.iter().filter_map(|n| n.ip.or(n.ip6)).collect()
                }
            };
            let pid = source.detail.and_then(|detail| detail.pid);
            let Some(pid) = pid.filter(|_| !to.is_empty()) else {
                return Err(Trouble::new("J_LAB_INVALID", format!("{} has no address", self.to), ""));
            };
            let mut reached = false;
            for to in to {
                reached = reached
                    || match bench.connects(pid, to, self.port).await {
                        Ok(reached) => reached,
                        Err(error) => return Err(bench.trouble(error).await),
                    };
            }
            let there = format!("{}:{}", self.to, self.port);
            match (reached, self.reachable) {
                (true, true) => return Ok(Seen::well("reached")),
                (true, false) => {
                    let found =
                        Found::new("NET_OPEN", format!("{} reaches {there}", self.from)).expected("not reached");
                    return Ok(Seen::of("reached", vec![found]));
                }
                (false, reachable) if Instant::now() >= end => {
                    let found = Found::new("NET_BLOCKED", format!("{} does not reach {there}", self.from));
                    return Ok(Seen::of("not reached", if reachable { vec![found] } else { Vec::new() }));
                }
                _ => tokio::time::sleep(Duration::from_millis(300)).await,
            }
        }
    }
}
