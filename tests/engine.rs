//! Engines of every kind, over every kind of connection.

#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use common::docker::host;
use common::live::{Made, endpoint, endpoint_at, seen, watch};
use ondeck::engine::model::{Container, State};
use ondeck::engine::{Address, Endpoint, Engine, ErrorKind, LogAsk, TlsFiles};
use ondeck::fleet::Link;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, UnixStream};

/// What a listing and an inspection both say.
fn common_part(c: &Container) -> impl PartialEq + std::fmt::Debug + use<> {
    let networks: Vec<_> = c.networks.iter().map(|n| (n.network.clone(), n.network_id.clone(), n.ip)).collect();
    (
        (c.id.clone(), c.name.clone(), c.image.clone(), c.image_id.clone(), c.state, c.health, c.exit_code),
        (c.ports.clone(), c.labels.clone(), c.mounts.clone(), networks, c.created),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_and_an_inspection_say_the_same() {
    let made = Made::new("same");
    made.run("plain", &["--network", "none"], &["sleep", "infinity"]);
    made.run("ended", &["--network", "none"], &["sh", "-c", "exit 3"]);
    made.run("port", &["-p", "127.0.0.1::80", "--expose", "9/udp", "-v", "/tmp:/host:ro"], &["sleep", "infinity"]);
    let paused = made.run("paused", &["--network", "none"], &["sleep", "infinity"]);
    made.docker(&["pause", &paused]);
    made.docker(&["create", "--label", &made.label(), "--name", &made.name("created"), common::docker::IMAGE, "true"]);
    made.docker(&["wait", &made.name("ended")]);
    let engine = Engine::connect(&endpoint()).unwrap();
    let ours: Vec<Container> =
        engine.containers().await.unwrap().into_iter().filter(|c| made.owns(&c.labels)).collect();
    assert_eq!(ours.len(), 5);
    for listed in ours {
        let inspected = engine.inspect(&listed.id).await.unwrap().container;
        assert_eq!(common_part(&listed), common_part(&inspected), "{}", listed.name);
    }
    made.docker(&["unpause", &paused]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_by_kind() {
    let made = Made::new("kinds");
    let engine = Engine::connect(&endpoint()).unwrap();
    let id = made.run("a", &["--network", "none"], &["sleep", "infinity"]);
    assert_eq!(engine.inspect("ondeck-never-was").await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(engine.remove(&id, false, false).await.unwrap_err().kind, ErrorKind::Conflict);
    assert!(engine.can_write().await.is_ok());
    let gone = Engine::connect(&endpoint_at("unix:///nowhere.sock")).unwrap();
    let error = gone.ping().await.unwrap_err();
    assert!(error.kind == ErrorKind::Unreachable && error.message.contains("/nowhere.sock"), "{error}");
    let refused = Engine::connect(&endpoint_at("tcp://127.0.0.1:1")).unwrap();
    assert!(refused.ping().await.unwrap_err().message.contains("nobody listens"));
}

/// Carries connections to the real engine.
async fn carry<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(mut from: S) {
    let Address::Unix(path) = endpoint().address else { panic!("these tests need a local engine") };
    let mut to = UnixStream::connect(path).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_takes_the_right_certificates_only() {
    let dir = tempfile::tempdir().unwrap();
    let authority = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).unwrap();
        (cert, rcgen::Issuer::new(params, key))
    };
    let (ca, issuer) = authority("right");
    let (other, _) = authority("wrong");
    let signed = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (cert, key)
    };
    let (server, server_key) = signed("localhost");
    let (client, client_key) = signed("client");
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let ca_file = file("ca.pem", ca.pem());
    let wrong_ca = file("wrong.pem", other.pem());
    let cert = file("cert.pem", client.pem());
    let key = file("key.pem", client_key.serialize_pem());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.der().clone()], PrivateKeyDer::try_from(server_key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(tls) = acceptor.accept(tcp).await {
                    carry(tls).await;
                }
            });
        }
    });
    let at = |tls: TlsFiles| Endpoint {
        name: "tls".into(),
        address: Address::Tcp { host: "localhost".into(), port },
        tls: Some(tls),
        source: "test".into(),
    };
    let right = TlsFiles { ca: Some(ca_file), cert: Some(cert), key: Some(key), verify: true };
    assert!(Engine::connect(&at(right.clone())).unwrap().info().await.is_ok());
    let unverified = TlsFiles { ca: None, verify: false, ..right.clone() };
    assert!(Engine::connect(&at(unverified)).unwrap().ping().await.is_ok());
    let wrong = TlsFiles { ca: Some(wrong_ca), ..right.clone() };
    let error = Engine::connect(&at(wrong)).unwrap().ping().await.unwrap_err();
    assert!(error.message.contains("TLS") && error.hint.contains("ca.pem"), "{error}");
    let anonymous = TlsFiles { cert: None, key: None, ..right.clone() };
    assert!(Engine::connect(&at(anonymous)).unwrap().ping().await.is_err());
    let missing = TlsFiles { ca: Some(dir.path().join("none.pem")), ..right };
    let error = Engine::connect(&at(missing)).unwrap_err();
    assert!(error.kind == ErrorKind::Config && error.message.contains("none.pem"), "{error}");
}

#[test]
fn ssh_runs_the_dial_of_the_other_side_and_its_words_are_passed_on() {
    // A stand-in for ssh, because there is no other host here: it does what sshd would have done.
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, script: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let ps = |host: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ondeck"));
        command.args(["ps", "--json", "--host", host]).env("PATH", &path).env_remove("DOCKER_HOST").output().unwrap()
    };
    put(
        "ssh",
        "#!/bin/sh\necho \"$@\" > \"$(dirname \"$0\")/args\"\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\nexec \"$@\"\n",
    );
    let output = ps("ssh://ops@web-01:2222");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.starts_with(b"["));
    let args = std::fs::read_to_string(dir.path().join("args")).unwrap();
    assert!(
        args.contains("BatchMode=yes") && args.ends_with("-l ops -p 2222 -- web-01 docker system dial-stdio\n"),
        "{args}"
    );
    put("ssh", "#!/bin/sh\necho 'ops@web-01: Permission denied (publickey).' >&2\nexit 255\n");
    let output = ps("ssh://ops@web-01");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("Permission denied (publickey)") && told.contains("log in without a question"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_is_read_as_docker_is() {
    struct Down;
    impl Drop for Down {
        fn drop(&mut self) {
            host("podman.sh", &["down"]);
        }
    }
    let address = host("podman.sh", &["up"]);
    let _down = Down;
    let watched = watch(&endpoint_at(&address));
    let ticker = |s: &ondeck::fleet::Snapshot| {
        s.containers.values().find(|c| c.name == "ticker" && c.state == State::Running).cloned()
    };
    let container = seen(&watched, "podman's container", ticker).await;
    let engine = watched.engine();
    let info = engine.info().await.unwrap();
    assert_eq!(info.product, "podman");
    assert!(!engine.images().await.unwrap().is_empty() && !engine.networks().await.unwrap().is_empty());
    let listed = engine.containers().await.unwrap().into_iter().find(|c| c.id == container.id).unwrap();
    let inspected = engine.inspect(&container.id).await.unwrap().container;
    assert_eq!((listed.name, listed.state), (inspected.name, inspected.state));
    let logs = engine.logs(&container.id, &LogAsk { tail: Some(1), ..LogAsk::default() }).await.unwrap();
    let pieces: Vec<_> = futures::StreamExt::collect(logs).await;
    assert!(pieces.iter().all(Result::is_ok) && !pieces.is_empty());
    engine.kill(&container.id, "SIGKILL").await.unwrap();
    let ended =
        |s: &ondeck::fleet::Snapshot| s.containers.get(&container.id).filter(|c| c.state == State::Exited).cloned();
    seen(&watched, "its end", ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_engine_is_read_as_the_older_one_is() {
    struct Down;
    impl Drop for Down {
        fn drop(&mut self) {
            host("modern-engine.sh", &["down"]);
        }
    }
    let address = host("modern-engine.sh", &["up"]);
    let _down = Down;
    let made = Made::on("modern", &address);
    let give = format!("docker save {0} | docker --host {address} load", common::docker::IMAGE);
    assert!(std::process::Command::new("sh").arg("-c").arg(give).output().unwrap().status.success());
    let watched = watch(&endpoint_at(&address));
    seen(&watched, "the engine", |s| (s.link == Link::Up).then_some(())).await;
    let info = watched.engine().info().await.unwrap();
    let minor: u32 = info.api_version.split_once('.').unwrap().1.parse().unwrap();
    assert!(minor >= 44, "{}", info.api_version);
    let id = made.run("a", &["--network", "none", "--init"], &["sh", "-c", "echo hello; sleep infinity"]);
    let up = |s: &ondeck::fleet::Snapshot| s.containers.get(&*id).filter(|c| c.state == State::Running).cloned();
    let container = seen(&watched, "the container", up).await;
    let listed = watched.engine().containers().await.unwrap().into_iter().find(|c| *c.id == *id).unwrap();
    assert_eq!(common_part(&listed), common_part(&container));
    assert!(watched.engine().disk_use().await.unwrap().layers > 0);
    watched.engine().restart(&id, Some(1)).await.unwrap();
    drop(made);
    seen(&watched, "it is gone", |s| (!s.containers.contains_key(&*id)).then_some(())).await;
}
