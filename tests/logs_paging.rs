//! Following, paging and saving logs of an engine that is told exactly what it holds, and that takes the
//! last lines before it filters by time, as real ones do.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use ondeck::engine::{EngineError, ErrorKind, LogAsk, Result};
use ondeck::logs::{self, FollowAsk, Held, LogBuffer, LogEvent, LogSource, SaveError, Source};
use tokio::sync::Notify;

#[derive(Default)]
struct Log {
    /// Time and text of each line.
    lines: Vec<(i64, String)>,
    stopped: bool,
}

/// An engine of which the containers are named by their number.
struct Fake {
    logs: Arc<Mutex<Vec<Log>>>,
    more: Arc<Notify>,
    /// What is followed ends after so many lines, as old engines do when a container ends while it is read.
    hasty: Option<usize>,
}

impl Fake {
    fn new(logs: Vec<Vec<(i64, String)>>) -> Arc<Self> {
        let logs = logs.into_iter().map(|lines| Log { lines, stopped: false }).collect();
        Arc::new(Self { logs: Arc::new(Mutex::new(logs)), more: Arc::default(), hasty: None })
    }

    fn write(&self, n: usize, time: i64, text: &str) {
        self.logs.lock().unwrap()[n].lines.push((time, text.to_owned()));
        self.more.notify_waiters();
    }

    fn stop(&self, n: usize, stopped: bool) {
        self.logs.lock().unwrap()[n].stopped = stopped;
        self.more.notify_waiters();
    }
}

impl LogSource for Fake {
    fn logs<'a>(&'a self, id: &'a str, ask: &'a LogAsk) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes>>>> {
        let (logs, more, ask) = (Arc::clone(&self.logs), Arc::clone(&self.more), ask.clone());
        async move {
            let n: usize = id.parse().map_err(|_| EngineError::new(ErrorKind::NotFound, "no such container"))?;
            let since = ask.since.map_or(i64::MIN, |since| since.as_nanosecond() as i64);
            let held = logs.lock().unwrap()[n].lines.len();
            let start = ask.tail.map_or(0, |tail| held.saturating_sub(tail as usize));
            let hasty = self.hasty.filter(|_| ask.follow);
            let stream = futures::stream::unfold(start, move |at| {
                let (logs, more) = (Arc::clone(&logs), Arc::clone(&more));
                async move {
                    loop {
                        let woken = more.notified();
                        tokio::pin!(woken);
                        woken.as_mut().enable();
                        {
                            let logs = logs.lock().unwrap();
                            let log = &logs[n];
                            if hasty.is_some_and(|most| at >= most) {
                                return None;
                            }
                            if at < log.lines.len() {
                                let end = log.lines.len().min(at + 300);
                                let wanted = log.lines[at..end].iter().filter(|line| line.0 >= since);
                                let bytes: Vec<u8> = wanted.flat_map(|(time, text)| framed(*time, text)).collect();
                                return Some((Ok(Bytes::from(bytes)), end));
                            }
                            if log.stopped || !ask.follow {
                                return None;
                            }
                        }
                        woken.await;
                    }
                }
            });
            Ok(stream.boxed())
        }
        .boxed()
    }
}

fn framed(time: i64, text: &str) -> Vec<u8> {
    let body = format!("{:.9} {text}\n", Timestamp::from_nanosecond(time.into()).unwrap());
    [&[1, 0, 0, 0][..], &(body.len() as u32).to_be_bytes(), body.as_bytes()].concat()
}

fn sources(n: usize) -> Vec<Source> {
    (0..n).map(|n| Source { id: n.to_string().into(), name: format!("c{n}").into(), tty: false }).collect()
}

fn held(buffer: &LogBuffer, n: u16) -> Vec<Held> {
    (0..n).map(|n| buffer.held(n)).collect()
}

fn texts(buffer: &LogBuffer) -> Vec<String> {
    buffer.lines_from(buffer.first()).map(|(_, line)| line.text.to_owned()).collect()
}

fn names(n: i64) -> Vec<String> {
    (0..n).map(|n| format!("line {n}")).collect()
}

/// Lines of which every third has the time of the one before.
fn numbered(count: i64, step: i64) -> Vec<(i64, String)> {
    (0..count).map(|n| (1_000_000 + (n - n % 3 / 2) * step, format!("line {n}"))).collect()
}

async fn backlog(tail: &mut logs::Tail, buffer: &mut LogBuffer) {
    loop {
        match tail.next().await.unwrap() {
            LogEvent::Chunk(chunk) => assert!(buffer.append(chunk)),
            LogEvent::BacklogDone => return,
            LogEvent::Ended { .. } => {}
            LogEvent::Failed { error, .. } => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn older_pages_reach_the_first_line_without_gap_or_repeat() {
    let fake = Fake::new(vec![numbered(30_000, 10)]);
    let sources = sources(1);
    let mut buffer = LogBuffer::default();
    let mut tail = logs::follow(fake.clone(), sources.clone(), FollowAsk::default(), &[]);
    backlog(&mut tail, &mut buffer).await;
    assert_eq!(buffer.len(), 1000);
    drop(tail);
    // Far more is written than was held before the older page is asked for.
    for n in 30_000..36_000 {
        fake.write(0, 1_000_000 + n * 10, &format!("line {n}"));
    }
    let mut pages = 0;
    while !buffer.at_head() {
        let page = logs::older(&*fake, &sources, &held(&buffer, 1), 200 << 10).await.unwrap();
        assert!(!page.is_empty() || page.complete);
        buffer.prepend_page(page);
        pages += 1;
    }
    assert!(pages > 2, "{pages}");
    assert!(texts(&buffer) == names(30_000));
    let page = logs::older(&*fake, &sources, &held(&buffer, 1), 200 << 10).await.unwrap();
    assert!(page.complete && page.is_empty());
}

#[tokio::test]
async fn from_the_first_line_on_newer_pages_reach_the_live_end() {
    let fake = Fake::new(vec![numbered(20_000, 10)]);
    let sources = sources(1);
    let mut buffer = LogBuffer::default();
    buffer.start_at_head(logs::first_page(&*fake, &sources, None, 100 << 10).await.unwrap());
    assert!(buffer.at_head() && !buffer.at_tail());
    while !buffer.at_tail() {
        let page = logs::newer(&*fake, &sources, &held(&buffer, 1), 100 << 10).await.unwrap();
        buffer.append_page(page);
    }
    fake.write(0, 1_000_000 + 20_000 * 10, "line 20000");
    let mut tail = logs::follow(fake.clone(), sources, FollowAsk::default(), &[buffer.held(0).newest]);
    while buffer.len() < 20_001 {
        if let LogEvent::Chunk(chunk) = tail.next().await.unwrap() {
            buffer.append(chunk);
        }
    }
    assert!(texts(&buffer) == names(20_001));
}

#[tokio::test]
async fn merged_logs_go_back_together() {
    // One chatty, one quiet over the same time, one silent.
    let chatty = numbered(20_000, 10);
    let quiet: Vec<_> = (0..50).map(|n| (1_000_005 + n * 4_000, format!("quiet {n}"))).collect();
    let fake = Fake::new(vec![chatty, quiet, Vec::new()]);
    let sources = sources(3);
    let mut buffer = LogBuffer::default();
    let mut tail = logs::follow(fake.clone(), sources.clone(), FollowAsk::default(), &[]);
    backlog(&mut tail, &mut buffer).await;
    let shown = buffer.lines_from(buffer.first()).filter(|(_, line)| line.source == 1).count();
    assert!(shown < 5, "lines from before the chatty log is known must not show: {shown}");
    let mut pages = 0;
    while !buffer.at_head() {
        buffer.prepend_page(logs::older(&*fake, &sources, &held(&buffer, 3), 300 << 10).await.unwrap());
        pages += 1;
        assert!(buffer.lines_from(buffer.first()).map(|(_, line)| line.nanos).is_sorted());
    }
    assert!(pages > 2, "{pages}");
    assert_eq!(buffer.len(), 20_050);
    let mut forward = LogBuffer::default();
    forward.start_at_head(logs::first_page(&*fake, &sources, None, 300 << 10).await.unwrap());
    while !forward.at_tail() {
        forward.append_page(logs::newer(&*fake, &sources, &held(&forward, 3), 300 << 10).await.unwrap());
    }
    assert!(texts(&forward) == texts(&buffer));
    for (source, count) in [(0, 20_000), (1, 50), (2, 0)] {
        assert_eq!(buffer.held(source).lines, count);
    }
}

#[tokio::test]
async fn a_container_that_stops_and_starts_goes_on_without_repeat() {
    let fake = Fake::new(vec![numbered(10, 10), numbered(3, 10)]);
    let mut buffer = LogBuffer::default();
    let mut tail = logs::follow(fake.clone(), sources(2), FollowAsk::default(), &[]);
    backlog(&mut tail, &mut buffer).await;
    assert_eq!(buffer.len(), 13);
    fake.write(0, 5_000_000, "last words");
    fake.stop(0, true);
    let mut ended = false;
    while !ended {
        match tail.next().await.unwrap() {
            LogEvent::Chunk(chunk) => assert!(buffer.append(chunk)),
            LogEvent::Ended { source } => ended = source == 0,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(buffer.len(), 14, "the last lines come before the word that it ended");
    fake.stop(0, false);
    fake.write(0, 5_000_000, "at the same moment");
    tail.resume(0);
    tail.add(Source { id: "nothing".into(), name: "x".into(), tty: false });
    let mut failed = false;
    while buffer.len() < 15 || !failed {
        match tail.next().await.unwrap() {
            LogEvent::Chunk(chunk) => assert!(buffer.append(chunk)),
            LogEvent::Failed { source: 2, error } => failed = error.kind == ErrorKind::NotFound,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts(&buffer)[13..], ["last words", "at the same moment"]);
}

#[tokio::test]
async fn a_log_is_saved_whole_or_not_at_all() {
    let fake = Fake::new(vec![numbered(5_000, 10), vec![(1_000_001, "\x1b[31mred\x1b[0m".into())]]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.log");
    let mut told = 0;
    let saved = logs::save(&*fake, &sources(2), &path, false, |now| told = now.lines).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!((saved.lines, told, saved.bytes as usize), (5_001, 5_001, text.len()));
    assert!(text.starts_with("1970-01-01T00:00:00.001000000Z c0 line 0\n1970-01-01T00:00:00.001000001Z c1 red\n"));
    assert!(text.ends_with(" c0 line 4999\n"));

    let again = logs::save(&*fake, &sources(1), &path, false, |_| {}).await.unwrap_err();
    assert!(matches!(again, SaveError::Exists(_)), "{again}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    logs::save(&*fake, &sources(1), &path, true, |_| {}).await.unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("1970-01-01T00:00:00.001000000Z line 0\n"));

    let nowhere = logs::save(&*fake, &sources(1), &folder.path().join("none/x"), false, |_| {}).await.unwrap_err();
    assert!(nowhere.to_string().contains("is not there"), "{nowhere}");
    let missing = [Source { id: "nothing".into(), name: "x".into(), tty: false }];
    assert!(logs::save(&*fake, &missing, &folder.path().join("other"), false, |_| {}).await.is_err());
    assert!(logs::save(&*fake, &sources(1), Path::new("/dev/null/x"), false, |_| {}).await.is_err());
    // Cancelled when it has begun to write.
    let fake = Fake::new(vec![numbered(200_000, 10)]);
    let cancelled = folder.path().join("cancelled");
    let one = sources(1);
    {
        let begun = Arc::new(Notify::new());
        let teller = Arc::clone(&begun);
        let saving = logs::save(&*fake, &one, &cancelled, false, |_| {
            assert!(cancelled.exists());
            teller.notify_one();
        });
        tokio::select! {
            biased;
            () = begun.notified() => {}
            done = saving => panic!("it should have been cancelled: {done:?}"),
        }
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["all.log"]);
}

#[tokio::test]
async fn an_engine_that_ends_a_log_too_early_loses_no_line() {
    let fake = Fake::new(vec![numbered(2000, 7)]);
    fake.stop(0, true);
    let hasty = Arc::new(Fake { logs: Arc::clone(&fake.logs), more: Arc::default(), hasty: Some(600) });
    let mut tail = logs::follow(hasty, sources(1), FollowAsk { tail: None, ..FollowAsk::default() }, &[]);
    let mut buffer = LogBuffer::default();
    loop {
        match tail.next().await.unwrap() {
            LogEvent::Chunk(chunk) => {
                buffer.append(chunk);
            }
            LogEvent::Ended { .. } => break,
            LogEvent::BacklogDone => {}
            LogEvent::Failed { error, .. } => panic!("{error}"),
        }
    }
    assert_eq!(texts(&buffer), names(2000));
}
