//! Probes of real sockets: servers in this process, in a "container" that has the host's network.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::engine::Address;
use crate::engine::Endpoint;
use crate::engine::model::Attachment;

/// An engine that nobody is asked for: a container in the host's network needs none.
fn engine() -> Engine {
    let address = Address::Unix("/nowhere/docker.sock".into());
    Engine::connect(&Endpoint { name: "test".into(), address, tls: None, source: "test".into() }).unwrap()
}

fn container(labels: &[(&str, String)]) -> Container {
    Container {
        id: "c".into(),
        name: "web".into(),
        state: State::Running,
        networks: vec![Attachment { network: "host".into(), ..Attachment::default() }],
        labels: labels.iter().map(|(k, v)| (format!("dev.ondeck.health.{k}"), v.clone())).collect(),
        ..Container::default()
    }
}

async fn ask(labels: &[(&str, String)]) -> Probed {
    let config = config::Health::default();
    let mut all = probe(&engine(), &[&container(labels)], &config).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn code(probed: &Probed) -> &str {
    probed.finding.as_ref().map_or("", |f| f.code)
}

/// A server that says the same to everyone, once they have asked; with `hold` it then keeps the connection open.
async fn server(says: &'static str, hold: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(says.as_bytes()).await;
                if hold {
                    let _ = stream.read(&mut asked).await;
                }
            });
        }
    });
    port
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}";

#[tokio::test]
async fn a_service_that_answers_is_well() {
    let port = server(OK, false).await;
    let probed = ask(&[("http", format!(":{port}/health")), ("body", "\"ok\"".into()), ("status", "200".into())]).await;
    assert_eq!(code(&probed), "", "{probed:?}");
    assert!(probed.latency_seconds.is_some() && probed.asked == format!(":{port}/health"));
    assert_eq!(code(&ask(&[("tcp", format!(":{port}"))]).await), "");
    assert_eq!(code(&ask(&[("http", format!("http://web:{port}/"))]).await), "", "its own name means its own port");
}

#[tokio::test]
async fn what_does_not_run_is_not_asked() {
    let mut stopped = container(&[("tcp", ":1".into())]);
    stopped.state = State::Exited;
    assert_eq!(probe(&engine(), &[&stopped, &container(&[])], &config::Health::default()).await, []);
}

#[tokio::test]
async fn wrong_answers_are_told_with_what_was_answered() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 24\r\n\r\n\n\x1b[31mno database\nsorry\n\n\n";
    let port = server(busy, false).await;
    let probed = ask(&[("http", format!(":{port}/"))]).await;
    let finding = probed.finding.unwrap();
    assert_eq!((finding.code, finding.level), ("HTTP_STATUS", Level::Failing));
    assert!(finding.what.contains("503 (Service Unavailable)") && finding.what.contains("200 to 399"), "{finding:?}");
    assert_eq!(finding.evidence, ["·[31mno database", "sorry"]);
    assert_eq!(code(&ask(&[("http", format!(":{port}/")), ("status", "503".into())]).await), "");
    let port = server(OK, false).await;
    let probed = ask(&[("http", format!(":{port}/")), ("body", "degraded".into())]).await;
    assert_eq!(code(&probed), "HTTP_BODY");
    assert_eq!(probed.finding.unwrap().evidence, ["{\"status\":\"ok\"}"]);
}

#[tokio::test]
async fn nothing_and_something_else_are_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for kind in ["http", "tcp", "tls"] {
        let probed = ask(&[(kind, format!(":{free}"))]).await;
        assert_eq!(code(&probed), "PROBE_REFUSED", "{probed:?}");
        assert!(probed.finding.unwrap().what.contains(&free.to_string()));
    }
    let smtp = server("220 mail ESMTP\r\n", false).await;
    let probed = ask(&[("http", format!(":{smtp}"))]).await;
    assert!(probed.finding.unwrap().what.contains("does not speak HTTP"));
    let probed = ask(&[("tls", format!(":{smtp}"))]).await;
    assert_eq!(probed.finding.unwrap().why, "it answers without TLS");
    let mute = server("", false).await;
    let probed = ask(&[("http", format!(":{mute}"))]).await;
    assert_eq!(probed.finding.unwrap().why, "it closed the connection without an answer");
    let probed = ask(&[("http", "http://no-such-host.invalid/".into())]).await;
    assert_eq!(code(&probed), "PROBE_FAILED");
}

#[tokio::test]
async fn no_answer_keeps_nobody_waiting() {
    for (says, words) in [
        ("", "gave no answer"),
        ("HTTP/1.1 200 OK\r\nx: ", "gave no answer"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nstart", "did not end"),
    ] {
        let port = server(says, true).await;
        let labels = [("http", format!(":{port}")), ("body", "end".into()), ("timeout", "0.3s".into())];
        let finding = ask(&labels).await.finding.unwrap();
        assert_eq!(finding.code, "PROBE_TIMEOUT");
        assert!(finding.why.contains(words), "{says:?}: {finding:?}");
    }
    let port = server("", true).await;
    assert_eq!(code(&ask(&[("tls", format!(":{port}")), ("timeout", "0.3s".into())]).await), "PROBE_TIMEOUT");
}

#[tokio::test]
async fn heads_and_bodies_have_an_end() {
    let long: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(300 << 10)).into_boxed_str());
    let port = server(long, true).await;
    let finding = ask(&[("http", format!(":{port}"))]).await.finding.unwrap();
    assert!(finding.why.contains("no end"), "{finding:?}");
    let body: &'static str = Box::leak(format!("HTTP/1.1 200 OK\r\n\r\n{}end", "y".repeat(1 << 20)).into_boxed_str());
    let port = server(body, true).await;
    let finding = ask(&[("http", format!(":{port}")), ("body", "end$".into())]).await.finding.unwrap();
    assert_eq!(finding.code, "HTTP_BODY");
    assert!(finding.why.contains("256K"), "{finding:?}");
    assert!(finding.evidence[0].chars().count() <= 160);
}

#[tokio::test]
async fn redirects_stay_on_the_host_and_come_to_an_end() {
    let circle = server("HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n", false).await;
    let probed = ask(&[("http", format!(":{circle}/"))]).await;
    assert!(probed.finding.unwrap().what.contains("without an end"));
    assert_eq!(code(&ask(&[("http", format!(":{circle}/")), ("status", "302".into())]).await), "");
    let away =
        server("HTTP/1.1 302 Found\r\nlocation: http://other.invalid/\r\ncontent-length: 0\r\n\r\n", false).await;
    assert_eq!(code(&ask(&[("http", format!(":{away}/"))]).await), "", "an answer, and nobody goes there");
    let probed = ask(&[("http", format!(":{away}/")), ("status", "200".into())]).await;
    assert!(probed.finding.unwrap().why.contains("another host"));
}

#[tokio::test]
async fn a_late_answer_is_slow_and_a_wrong_clock_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            tokio::time::sleep(Duration::from_millis(150)).await;
            let _ = stream.write_all(OK.as_bytes()).await;
        }
    });
    let probed = ask(&[("http", format!(":{port}")), ("slow", "0.1s".into())]).await;
    assert_eq!((code(&probed), probed.finding.as_ref().unwrap().level), ("PROBE_SLOW", Level::Degraded));
    let old = "HTTP/1.1 200 OK\r\ndate: Tue, 01 Dec 2020 12:00:00 GMT\r\ncontent-length: 0\r\n\r\n";
    let probed = ask(&[("http", format!(":{}", server(old, false).await))]).await;
    let finding = probed.finding.unwrap();
    assert_eq!((finding.code, finding.level), ("CLOCK_SKEW", Level::Degraded));
    assert!(finding.what.contains("behind"), "{finding:?}");
}

/// A TLS server with a certificate of its own making, valid from one year to another.
async fn tls_server(from: i32, until: i32, asked: Arc<Mutex<Vec<Option<String>>>>) -> u16 {
    let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate: CertificateDer<'static> = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            asked.lock().unwrap().push(stream.get_ref().1.server_name().map(ToOwned::to_owned));
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(OK.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn certificates_of_real_servers_are_judged() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let gone = tls_server(2019, 2020, asked.clone()).await;
    let probed = ask(&[("tls", format!(":{gone}"))]).await;
    assert_eq!(code(&probed), "TLS_EXPIRED", "{probed:?}");
    assert_eq!(code(&ask(&[("tls", format!(":{gone}")), ("insecure", "true".into())]).await), "TLS_EXPIRED");
    let good = tls_server(2020, 2100, asked.clone()).await;
    assert_eq!(code(&ask(&[("tls", format!("web:{good}"))]).await), "TLS_INVALID");
    assert_eq!(code(&ask(&[("tls", format!(":{good}")), ("insecure", "true".into())]).await), "");
    // The last by HTTPS: the certificate counts there, too, and an answer comes all the same.
    assert_eq!(code(&ask(&[("http", format!("https://web:{good}/"))]).await), "TLS_INVALID");
    let labels = [("http", format!("https://web:{good}/")), ("insecure", "true".into()), ("body", "ok".into())];
    assert_eq!(code(&ask(&labels).await), "");
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked[..3], [None, None, Some("web".to_owned())]);
}

#[tokio::test]
async fn labels_that_cannot_be_read_are_findings() {
    let probed = ask(&[("http", "8080".into())]).await;
    let finding = probed.finding.unwrap();
    assert_eq!((finding.code, finding.level), ("PROBE_INVALID", Level::Degraded));
    assert!(finding.what.contains("dev.ondeck.health.http") && finding.why.contains("`8080`"), "{finding:?}");
}

#[tokio::test]
async fn what_cannot_be_asked_from_here_is_no_trouble() {
    let mut far = container(&[("tcp", ":80".into())]);
    far.networks.clear();
    let address = Address::parse("tcp://web-01:2375").unwrap();
    let engine =
        Engine::connect(&Endpoint { name: "web-01".into(), address, tls: None, source: "test".into() }).unwrap();
    let all = probe(&engine, &[&far], &config::Health::default()).await;
    assert_eq!((code(&all[0]), all[0].latency_seconds), ("", None));
    assert!(all[0].unasked.as_ref().unwrap().contains("not published"), "{all:?}");
}

#[tokio::test]
async fn a_prober_asks_when_it_is_time_and_remembers_in_between() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mut one, mut two) = (container(&[("tcp", format!(":{port}")), ("interval", "1h".into())]), container(&[]));
    (one.id, two.id) = ("one".into(), "two".into());
    let (engine, config) = (engine(), config::Health::default());
    let mut prober = Prober::default();
    assert_eq!(prober.due(), None);
    let first = prober.probe(&engine, &[&one, &two], &config).await;
    assert_eq!((first.len(), code(&first[0])), (1, ""));
    assert!(prober.due().is_some());
    drop(listener);
    assert_eq!(prober.probe(&engine, &[&one, &two], &config).await, first, "not yet time: nothing was asked");
    one.state = State::Exited;
    assert_eq!(prober.probe(&engine, &[&one, &two], &config).await, []);
    one.state = State::Running;
    let again = prober.probe(&engine, &[&one, &two], &config).await;
    assert_eq!(code(&again[0]), "PROBE_REFUSED", "it began anew, and is asked at once");
}
