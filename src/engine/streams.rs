//! What flows: events, statistics, logs.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use hyper::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::http::{Http, SHORT, escape};
use super::model::{Event, Sample};
use super::{Engine, EngineError, ErrorKind, Result};

/// Which part of a log is wanted. Every line comes with its time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogAsk {
    /// Whether to wait for new lines after the last.
    pub follow: bool,
    /// Only so many lines from the end; `None` is all.
    pub tail: Option<u64>,
    /// Only lines from this time on.
    pub since: Option<Timestamp>,
    /// Only lines up to this time.
    pub until: Option<Timestamp>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawEvent {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Actor")]
    actor: RawActor,
    time: i64,
    #[serde(rename = "timeNano")]
    time_nano: i64,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct RawActor {
    #[serde(rename = "ID")]
    id: String,
    attributes: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawStats {
    read: Option<Timestamp>,
    cpu_stats: RawCpu,
    memory_stats: RawMemory,
    pids_stats: RawPids,
    networks: Option<BTreeMap<String, RawNetwork>>,
    blkio_stats: RawBlock,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawCpu {
    cpu_usage: RawCpuUsage,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawCpuUsage {
    total_usage: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawMemory {
    usage: u64,
    limit: u64,
    stats: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawPids {
    current: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawNetwork {
    rx_bytes: u64,
    tx_bytes: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawBlock {
    io_service_bytes_recursive: Option<Vec<RawBlockEntry>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawBlockEntry {
    op: String,
    value: u64,
}

impl Engine {
    /// Events as they happen, from `since` on. The stream ends or fails when the connection does.
    pub async fn events(&self, since: Option<Timestamp>) -> Result<BoxStream<'static, Result<Event>>> {
        let since = since.map_or(String::new(), |t| format!("?since={}", nanos(t)));
        let response = self.http.send(Method::GET, &format!("/events{since}"), SHORT).await?;
        Ok(lines(Http::pieces(response)).map(|line| event(&line?)).boxed())
    }

    /// What a container uses, once a second, as the engine counts it.
    pub async fn stats(&self, id: &str) -> Result<BoxStream<'static, Result<Sample>>> {
        let path = format!("/containers/{}/stats?stream=true", escape(id));
        let response = self.http.send(Method::GET, &path, SHORT).await?;
        Ok(lines(Http::pieces(response)).map(|line| sample(&line?)).boxed())
    }

    /// A container's log as the engine sends it: framed by eight bytes a piece, unless the container
    /// has a terminal. Each line begins with its time.
    pub async fn logs(&self, id: &str, ask: &LogAsk) -> Result<BoxStream<'static, Result<Bytes>>> {
        let mut path = format!("/containers/{}/logs?stdout=1&stderr=1&timestamps=1", escape(id));
        if ask.follow {
            path.push_str("&follow=1");
        }
        path.push_str(&ask.tail.map_or("&tail=all".to_owned(), |n| format!("&tail={n}")));
        if let Some(since) = ask.since {
            path = format!("{path}&since={}", nanos(since));
        }
        if let Some(until) = ask.until {
            path = format!("{path}&until={}", nanos(until));
        }
        let response = self.http.send(Method::GET, &path, Duration::from_secs(60)).await?;
        Ok(Http::pieces(response))
    }
}

/// A time as the API takes it.
fn nanos(time: Timestamp) -> String {
    format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
}

/// The lines of a stream of JSON documents.
fn lines(pieces: BoxStream<'static, Result<Bytes>>) -> BoxStream<'static, Result<Bytes>> {
    futures::stream::try_unfold((pieces, BytesMut::new()), |(mut pieces, mut rest)| async move {
        loop {
            if let Some(end) = rest.iter().position(|b| *b == b'\n') {
                let line = rest.split_to(end + 1).freeze();
                return Ok(Some((line, (pieces, rest))));
            }
            match pieces.try_next().await? {
                Some(piece) if rest.len() + piece.len() > 16 << 20 => {
                    return Err(EngineError::new(ErrorKind::Other, "the engine sent a line without an end"));
                }
                Some(piece) => rest.extend_from_slice(&piece),
                // The last document may come without an end of line.
                None if rest.iter().all(u8::is_ascii_whitespace) => return Ok(None),
                None => return Ok(Some((rest.split().freeze(), (pieces, rest)))),
            }
        }
    })
    .boxed()
}

fn event(line: &[u8]) -> Result<Event> {
    let raw: RawEvent = serde_json::from_slice(line)
        .map_err(|e| EngineError::new(ErrorKind::Other, format!("an event is not understood: {e}")))?;
    let clean = |text: &str| crate::text::clean(text).into_owned();
    let attributes: BTreeMap<String, String> =
        raw.actor.attributes.unwrap_or_default().iter().map(|(k, v)| (clean(k), clean(v))).collect();
    let time = if raw.time_nano > 0 {
        Timestamp::from_nanosecond(raw.time_nano.into())
    } else {
        Timestamp::from_second(raw.time)
    };
    let (id, name) = match raw.kind.as_str() {
        "volume" => (clean(&raw.actor.id), clean(&raw.actor.id)),
        _ => (clean(&raw.actor.id), attributes.get("name").cloned().unwrap_or_default()),
    };
    Ok(Event {
        time: time.unwrap_or_default(),
        kind: clean(&raw.kind),
        action: clean(&raw.action),
        id: id.into(),
        name,
        attributes,
    })
}

fn sample(line: &[u8]) -> Result<Sample> {
    let raw: RawStats = serde_json::from_slice(line)
        .map_err(|e| EngineError::new(ErrorKind::Other, format!("statistics are not understood: {e}")))?;
    let stat =
        |name: &str| raw.memory_stats.stats.as_ref().and_then(|s| s.get(name)).and_then(serde_json::Value::as_u64);
    // As the docker CLI: cgroup v1 says total_inactive_file, v2 inactive_file.
    let cache = stat("total_inactive_file").or_else(|| stat("inactive_file")).unwrap_or(0);
    let memory = raw.memory_stats.usage;
    let networks = raw.networks.unwrap_or_default();
    let block = raw.blkio_stats.io_service_bytes_recursive.unwrap_or_default();
    let moved = |op: &str| block.iter().filter(|e| e.op.eq_ignore_ascii_case(op)).map(|e| e.value).sum();
    Ok(Sample {
        time: raw.read.unwrap_or_default(),
        cpu_ns: raw.cpu_stats.cpu_usage.total_usage,
        memory: if cache < memory { memory - cache } else { memory },
        memory_limit: raw.memory_stats.limit,
        pids: raw.pids_stats.current.unwrap_or(0),
        net_rx: networks.values().map(|n| n.rx_bytes).sum(),
        net_tx: networks.values().map(|n| n.tx_bytes).sum(),
        block_read: moved("read"),
        block_write: moved("write"),
    })
}
