//! What flows: events, statistics, logs.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use hyper::Method;
use jiff::Timestamp;

use super::http::{Http, SHORT, escape};
use super::model::{Event, Sample};
use super::raw::{Labels, clean, labels, raw, time};
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

raw! {
    "PascalCase":
    struct RawEvent {
        kind = "Type": String, action: String, actor: RawActor, time = "time": i64, time_nano = "timeNano": i64,
    }
    struct RawActor { id = "ID": String, attributes: Labels }
}

raw! {
    "snake_case":
    struct RawStats {
        read: String, cpu_stats: RawCpu, memory_stats: RawMemory, pids_stats: RawPids,
        networks: BTreeMap<String, RawNetwork>, blkio_stats: RawBlock,
    }
    struct RawCpu { cpu_usage: RawCpuUsage }
    struct RawCpuUsage { total_usage: u64 }
    struct RawMemory { usage: u64, limit: u64, stats: BTreeMap<String, serde_json::Value> }
    struct RawPids { current: u64 }
    struct RawNetwork { rx_bytes: u64, tx_bytes: u64 }
    struct RawBlock { io_service_bytes_recursive: Vec<RawBlockEntry> }
    struct RawBlockEntry { op: String, value: u64 }
}

impl Engine {
    /// Events as they happen, from `since` on. The stream ends or fails when the connection does.
    pub async fn events(&self, since: Option<Timestamp>) -> Result<BoxStream<'static, Result<Event>>> {
        let since = since.map_or(String::new(), |t| format!("?since={}", nanos(t)));
        let response = self.http.send(Method::GET, &format!("/events{since}"), SHORT).await?;
        Ok(lines(Http::pieces(response)).map(|line| event(&line?)).boxed())
    }

    /// What happened between two times, oldest first, as far as the engine remembers it (the newest few hundred events).
    /// Only container events with one of `actions`.
    pub async fn past_events(&self, since: Timestamp, until: Timestamp, actions: &[&str]) -> Result<Vec<Event>> {
        let filters = serde_json::json!({ "type": ["container"], "event": actions }).to_string();
        let path = format!("/events?since={}&until={}&filters={}", nanos(since), nanos(until), escape(&filters));
        let response = self.http.send(Method::GET, &path, SHORT).await?;
        let mut stream = lines(Http::pieces(response));
        let mut events = Vec::new();
        // What it remembers comes at once. One whose clock is behind ours then waits until its own time has come.
        while let Ok(Some(line)) = tokio::time::timeout(Duration::from_millis(500), stream.next()).await {
            events.push(event(&line?)?);
        }
        Ok(events)
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
        let response = self.http.send(Method::GET, &path, Duration::from_mins(1)).await?;
        Ok(Http::pieces(response))
    }
}

/// A time as the API takes it.
fn nanos(time: Timestamp) -> String {
    format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
}

/// The lines of a stream of JSON documents.
pub(super) fn lines(pieces: BoxStream<'static, Result<Bytes>>) -> BoxStream<'static, Result<Bytes>> {
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
    let attributes = labels(&raw.actor.attributes);
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
    let stat = |name: &str| raw.memory_stats.stats.get(name).and_then(serde_json::Value::as_u64);
    // As the docker CLI: cgroup v1 says total_inactive_file, v2 inactive_file.
    let cache = stat("total_inactive_file").or_else(|| stat("inactive_file")).unwrap_or(0);
    let memory = raw.memory_stats.usage;
    let networks = raw.networks;
    let block = raw.blkio_stats.io_service_bytes_recursive;
    let moved = |op: &str| block.iter().filter(|e| e.op.eq_ignore_ascii_case(op)).map(|e| e.value).sum();
    Ok(Sample {
        // An engine that does not say when has read it just now.
        time: time(&raw.read).unwrap_or_else(Timestamp::now),
        cpu_ns: raw.cpu_stats.cpu_usage.total_usage,
        memory: if cache < memory { memory - cache } else { memory },
        memory_limit: raw.memory_stats.limit,
        pids: raw.pids_stats.current,
        net_rx: networks.values().map(|n| n.rx_bytes).sum(),
        net_tx: networks.values().map(|n| n.tx_bytes).sum(),
        block_read: moved("read"),
        block_write: moved("write"),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_without_the_cache_that_could_go_as_docker_stats_does() {
        let read =
            |stats: &str| sample(format!(r#"{{"memory_stats":{{"usage":100,"stats":{stats}}}}}"#).as_bytes()).unwrap();
        assert_eq!(read(r#"{"total_inactive_file":30,"inactive_file":10}"#).memory, 70);
        assert_eq!(read(r#"{"inactive_file":10}"#).memory, 90);
        assert_eq!(read(r#"{"inactive_file":200}"#).memory, 100);
        assert_eq!(read("null").memory, 100);
    }

    #[test]
    fn statistics_of_which_most_is_missing_are_read() {
        let read = sample(
            br#"{"read":"2026-01-01T00:00:00.5Z","networks":{"eth0":{"rx_bytes":1},"eth1":{"rx_bytes":2,"tx_bytes":3}},
                "blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":4},{"op":"read","value":5},{"op":"write","value":6}]},
                "pids_stats":{},"cpu_stats":null}"#,
        )
        .unwrap();
        assert_eq!((read.net_rx, read.net_tx, read.block_read, read.block_write), (3, 3, 9, 6));
        assert_eq!(read.time.to_string(), "2026-01-01T00:00:00.5Z");
        assert!(sample(b"{}").is_ok() && sample(br#"{"blkio_stats":{"io_service_bytes_recursive":null}}"#).is_ok());
        assert_eq!(sample(b"<html>").unwrap_err().kind, ErrorKind::Other);
    }

    #[test]
    fn an_events_words_are_harmless() {
        let read = event(
            br#"{"Type":"container","Action":"die","Actor":{"ID":"ab","Attributes":{"name":"x\u001b[2J","exitCode":"3"}},
                "time":1700000000,"timeNano":1700000000000000005}"#,
        )
        .unwrap();
        assert_eq!((read.name.as_str(), read.attributes["exitCode"].as_str()), ("x·[2J", "3"));
        assert_eq!(read.time.subsec_nanosecond(), 5);
        assert_eq!(event(br#"{"Type":"volume","Actor":{"ID":"v","Attributes":null},"time":7}"#).unwrap().name, "v");
    }

    #[tokio::test]
    async fn documents_are_told_apart_wherever_the_stream_is_cut() {
        let whole = b"{\"a\":1}\n{\"b\":2}\r\n{\"c\":3}";
        for cut in 0..=whole.len() {
            let pieces = [&whole[..cut], &whole[cut..]].map(|p| Ok(Bytes::copy_from_slice(p)));
            let found: Vec<_> = lines(futures::stream::iter(pieces).boxed()).try_collect().await.unwrap();
            let found: Vec<_> = found.iter().map(|l| l.trim_ascii()).collect();
            assert_eq!(found, [&b"{\"a\":1}"[..], b"{\"b\":2}", b"{\"c\":3}"], "cut at {cut}");
        }
    }
}
