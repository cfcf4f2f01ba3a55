//! What BuildKit tells of a build: protobuf messages, of which what is used here is read.

use jiff::Timestamp;
use prost::Message;

use super::steps::{BuildEvent, StepSeen};

/// `moby.buildkit.v1.StatusResponse`. Texts are read as bytes: a Dockerfile need not be UTF-8, and one bad name must
/// not lose a whole message.
#[derive(Message)]
struct Status {
    #[prost(message, repeated, tag = "1")]
    vertexes: Vec<Vertex>,
    #[prost(message, repeated, tag = "2")]
    statuses: Vec<VertexStatus>,
    #[prost(message, repeated, tag = "3")]
    logs: Vec<VertexLog>,
    #[prost(message, repeated, tag = "4")]
    warnings: Vec<VertexWarning>,
}

#[derive(Message)]
struct Vertex {
    #[prost(bytes = "vec", tag = "1")]
    digest: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    inputs: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "3")]
    name: Vec<u8>,
    #[prost(bool, tag = "4")]
    cached: bool,
    #[prost(message, optional, tag = "5")]
    started: Option<Moment>,
    #[prost(message, optional, tag = "6")]
    completed: Option<Moment>,
    #[prost(bytes = "vec", tag = "7")]
    error: Vec<u8>,
}

#[derive(Message)]
struct VertexStatus {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    vertex: Vec<u8>,
    #[prost(int64, tag = "4")]
    current: i64,
    #[prost(int64, tag = "5")]
    total: i64,
}

#[derive(Message)]
struct VertexLog {
    #[prost(bytes = "vec", tag = "1")]
    vertex: Vec<u8>,
    #[prost(int64, tag = "3")]
    stream: i64,
    #[prost(bytes = "vec", tag = "4")]
    message: Vec<u8>,
}

#[derive(Message)]
struct VertexWarning {
    #[prost(bytes = "vec", tag = "3")]
    short: Vec<u8>,
}

#[derive(Message)]
struct Moment {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// The events in one message; why it cannot be read.
pub(super) fn events(message: &[u8]) -> Result<Vec<BuildEvent>, String> {
    let status = Status::decode(message).map_err(|e| format!("what BuildKit tells is not understood: {e}"))?;
    let steps = status.vertexes.into_iter().map(|v| {
        BuildEvent::Step(StepSeen {
            key: text(&v.digest),
            name: text(&v.name),
            place: None,
            inputs: v.inputs.iter().map(|i| text(i)).collect(),
            cached: v.cached,
            started: v.started.as_ref().and_then(time),
            ended: v.completed.as_ref().and_then(time),
            error: text(&v.error),
        })
    });
    let progress = status.statuses.into_iter().map(|s| BuildEvent::Progress {
        step: text(&s.vertex),
        work: text(&s.id),
        current: s.current.max(0).unsigned_abs(),
        total: s.total.max(0).unsigned_abs(),
    });
    let output = status.logs.into_iter().map(|l| BuildEvent::Output {
        step: text(&l.vertex),
        bytes: l.message,
        stderr: l.stream == 2,
    });
    let warnings = status.warnings.into_iter().map(|w| BuildEvent::Note(text(&w.short)));
    Ok(steps.chain(progress).chain(output).chain(warnings).collect())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn time(moment: &Moment) -> Option<Timestamp> {
    Timestamp::new(moment.seconds, moment.nanos).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::steps::{Build, StepState};
    use super::*;

    #[test]
    fn a_message_becomes_events() {
        let vertex = |cached, completed: bool, error: &str| Vertex {
            digest: b"d".to_vec(),
            inputs: vec![b"i".to_vec()],
            name: b"[base 2/3] RUN \xff\x1b[2J".to_vec(),
            cached,
            started: Some(Moment { seconds: 1, nanos: 5 }),
            completed: completed.then_some(Moment { seconds: 3, nanos: 0 }),
            error: error.into(),
        };
        let message = |vertex| {
            let log = VertexLog { vertex: b"d".to_vec(), stream: 2, message: b"hi\n".to_vec() };
            let status = VertexStatus { id: b"x".to_vec(), vertex: b"d".to_vec(), current: 3, total: 9 };
            let warning = VertexWarning { short: b"careful".to_vec() };
            Status { vertexes: vec![vertex], statuses: vec![status], logs: vec![log], warnings: vec![warning] }
                .encode_to_vec()
        };
        for (vertex, state) in [
            (vertex(false, false, ""), StepState::Running),
            (vertex(true, true, ""), StepState::Cached),
            (vertex(false, true, ""), StepState::Done),
            (vertex(false, true, "bad"), StepState::Failed),
            (vertex(false, true, "context canceled"), StepState::Cancelled),
        ] {
            let mut build = Build::new(Timestamp::UNIX_EPOCH);
            for event in events(&message(vertex)).unwrap() {
                build.take(event, Timestamp::UNIX_EPOCH);
            }
            let step = &build.steps[0];
            assert_eq!((step.state, step.progress, step.name.as_str()), (state, Some((3, 9)), "RUN \u{fffd}·[2J"));
            assert!(step.output.lines().eq([super::super::output::OutputLine { text: "hi".into(), stderr: true }]));
            assert_eq!(build.notes, ["careful"]);
        }
        assert!(events(b"\xff\xff\xff").is_err() && events(b"").unwrap().is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut build = Build::new(Timestamp::UNIX_EPOCH);
            for event in events(&bytes).unwrap_or_default() {
                build.take(event, Timestamp::UNIX_EPOCH);
            }
        }
    }
}
