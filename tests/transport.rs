//! The ways to an engine, and what is said when one does not work.
#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::live::{Filter, Made, PATIENCE, endpoint, endpoint_at, until};
use futures::{StreamExt, TryStreamExt};
use ondeck::engine::{Address, Endpoint, Engine, EngineError, ErrorKind, ExecAsk, LogAsk, Surroundings, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

fn is(error: &EngineError, kind: ErrorKind, words: &[&str]) {
    let shown = error.to_string();
    assert_eq!(error.kind, kind, "{shown}");
    for word in words {
        assert!(shown.contains(word), "`{word}` is not in: {shown}");
    }
    assert!(!shown.contains(['\n', '\u{1b}']), "{shown:?}");
}

async fn failure(endpoint: &Endpoint) -> EngineError {
    let engine = match Engine::connect(endpoint) {
        Ok(engine) => engine,
        Err(error) => return error,
    };
    timeout(PATIENCE, engine.containers()).await.unwrap().unwrap_err()
}

/// Everything that a connection must carry: short answers, a long one, a stream that waits, an action.
async fn works(endpoint: &Endpoint, test: &str) {
    let (engine, made) = (Engine::connect(endpoint).unwrap(), Made::new(test));
    assert!(!engine.info().await.unwrap().version.is_empty());
    let mut events = engine.events(None).await.unwrap();
    let id = made.run("one", &[], &["sh", "-c", "seq 20000; exec sleep 600"]);
    let seen = async {
        while let Some(event) = events.next().await {
            let event = event.unwrap();
            if *event.id == *id && event.action == "start" {
                return;
            }
        }
        panic!("the events ended");
    };
    timeout(PATIENCE, seen).await.expect("no event came");
    until("the whole log", async || {
        let log = engine.logs(&id, &LogAsk::default()).await.unwrap();
        let log: Vec<_> = log.try_collect().await.unwrap();
        if log.concat().ends_with(b" 20000\n") { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    // A command's input ends here, and there.
    let cat = ExecAsk::of(["sh", "-c", "cat; exit 5"]);
    let fed = engine.exec_fed(&id, &cat, b"both ways");
    let ran = timeout(PATIENCE, fed).await.expect("the command never saw the end of its input").unwrap();
    assert_eq!((ran.code, &ran.out[..]), (Some(5), &b"both ways"[..]));
    engine.kill(&id, "SIGKILL").await.unwrap();
    assert!(engine.containers().await.unwrap().iter().any(|c| *c.id == *id));
}

#[tokio::test]
async fn a_socket_that_is_not_there_or_not_listened_at_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &Path| endpoint_at(&format!("unix://{}", path.display()));
    let missing = dir.path().join("missing.sock");
    is(
        &failure(&at(&missing)).await,
        ErrorKind::Unreachable,
        &["there is no engine at", "missing.sock", "DOCKER_HOST"],
    );
    let silent = dir.path().join("silent.sock");
    drop(UnixListener::bind(&silent).unwrap());
    is(&failure(&at(&silent)).await, ErrorKind::Unreachable, &["nobody listens", "systemctl start docker"]);
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    is(&failure(&endpoint_at(&format!("tcp://{port}"))).await, ErrorKind::Unreachable, &["nobody listens at tcp://"]);
}

/// A server that answers every connection alike.
async fn server(answer: &'static str) -> (Endpoint, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint_at(&format!("tcp://{}", listener.local_addr().unwrap()));
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            // What is asked does not matter; one read is enough for a request as short as these.
            let _ = client.read(&mut [0; 4096]).await;
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    (endpoint, task)
}

#[tokio::test]
async fn what_is_no_engine_is_told_apart_from_an_engine_that_is_away() {
    for (answer, kind, words) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", ErrorKind::Config, "is no engine"),
        (
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
            ErrorKind::Config,
            "DOCKER_TLS_VERIFY",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>", ErrorKind::Other, "is not understood"),
        ("HTTP/1.1 503 x\r\nContent-Length: 13\r\n\r\n<html></html>", ErrorKind::Unreachable, "proxy"),
        ("HTTP/1.1 500 x\r\nContent-Length: 24\r\n\r\n{\"message\":\"a\\u001b[2J\"}", ErrorKind::Other, "a·[2J"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[", ErrorKind::Unreachable, "broke off"),
        ("", ErrorKind::Unreachable, "tcp://127.0.0.1"),
    ] {
        let (endpoint, task) = server(answer).await;
        is(&failure(&endpoint).await, kind, &[words]);
        task.abort();
    }
}

#[tokio::test]
async fn what_a_proxy_refuses_is_named() {
    let proxy = Filter::new(|method, path| method != "GET" || path == "/info").await;
    let engine = Engine::connect(&endpoint_at(&proxy.url)).unwrap();
    let refused = engine.can_write().await.unwrap_err();
    is(&refused, ErrorKind::Forbidden, &["the API refuses POST /containers/", "/start (403)", "socket proxy"]);
    is(&engine.kill("x", "TERM").await.unwrap_err(), ErrorKind::Forbidden, &["refuses POST /containers/x/kill (403)"]);
    is(&engine.remove_network("x").await.unwrap_err(), ErrorKind::Forbidden, &["refuses DELETE /networks/x (403)"]);
    let pulled = engine.pull("x:1").try_collect::<Vec<_>>().await;
    is(&pulled.unwrap_err(), ErrorKind::Forbidden, &["refuses POST /images/create (403)"]);
    engine.containers().await.unwrap();
    // What the version alone tells is still worth having.
    let info = engine.info().await.unwrap();
    assert!(!info.version.is_empty() && info.cpus == 0, "{info:?}");
}

/// Who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes `ca.pem`, `cert.pem` and `key.pem` for a server of that name or for a client.
    fn sign(&self, dir: &Path, name: &str) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        std::fs::create_dir_all(dir).unwrap();
        std::fs::write(dir.join("ca.pem"), self.0.pem()).unwrap();
        std::fs::write(dir.join("cert.pem"), cert.pem()).unwrap();
        std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
    }
}

/// TLS before the engine's socket, as dockerd offers it, with the files of `dir`.
async fn tls_proxy(dir: &Path, wants_client: bool) -> (u16, JoinHandle<()>) {
    let Address::Unix(engine) = endpoint().address else { panic!("the test engine has no unix socket") };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = if wants_client {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let cert = CertificateDer::from_pem_file(dir.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![cert], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, engine) = (acceptor.clone(), engine.clone());
            open.spawn(async move {
                // One that fails is what some of these tests are about; the client says why.
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let Ok(mut engine) = UnixStream::connect(engine).await else { return };
                let _ = copy_bidirectional(&mut client, &mut engine).await;
            });
        }
    });
    (port, task)
}

/// What the variables of the docker CLI lead to.
fn resolved(variables: &[(&str, &str)]) -> Endpoint {
    let env = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Endpoint::resolve(None, &Surroundings { env, home: "/nonexistent".into(), root: "/".into() }).unwrap()
}

#[tokio::test]
async fn tls_checks_the_engine_and_shows_who_asks() {
    let dir = tempfile::tempdir().unwrap();
    let [engines, mine, others] = ["engine", "mine", "others"].map(|name| dir.path().join(name));
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.sign(&engines, "localhost");
    authority.sign(&mine, "client");
    stranger.sign(&others, "client");
    let (port, proxy) = tls_proxy(&engines, true).await;
    let host = format!("tcp://localhost:{port}");
    let with = |certs: &Path| {
        resolved(&[("DOCKER_HOST", &host), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", &certs.to_string_lossy())])
    };
    works(&with(&mine), "tls").await;

    is(&failure(&with(&others)).await, ErrorKind::Config, &["TLS with tcp://localhost", "not signed by ca.pem"]);
    // Trusted, but not known there.
    let unknown = dir.path().join("unknown");
    stranger.sign(&unknown, "client");
    std::fs::copy(mine.join("ca.pem"), unknown.join("ca.pem")).unwrap();
    is(&failure(&with(&unknown)).await, ErrorKind::Config, &["does not accept our certificate", "cert.pem"]);
    let nameless = dir.path().join("nameless");
    std::fs::create_dir(&nameless).unwrap();
    std::fs::copy(mine.join("ca.pem"), nameless.join("ca.pem")).unwrap();
    is(&failure(&with(&nameless)).await, ErrorKind::Config, &["asks for a client certificate", "key.pem"]);
    std::fs::copy(mine.join("cert.pem"), nameless.join("cert.pem")).unwrap();
    is(&failure(&with(&nameless)).await, ErrorKind::Config, &["cert.pem: stands alone"]);
    is(&failure(&with(&dir.path().join("empty"))).await, ErrorKind::Config, &["empty/ca.pem", "DOCKER_CERT_PATH"]);
    let mut elsewhere = with(&mine);
    elsewhere.address = Address::Tcp { host: "127.0.0.1".to_owned(), port };
    is(&failure(&elsewhere).await, ErrorKind::Config, &["is for another name"]);
    is(&failure(&endpoint_at(&host)).await, ErrorKind::Config, &["is no engine", "DOCKER_TLS_VERIFY"]);
    proxy.abort();
}

#[tokio::test]
async fn tls_without_verification_takes_any_certificate_as_docker_does() {
    let dir = tempfile::tempdir().unwrap();
    Authority::new().sign(dir.path(), "some.other.name");
    let (port, proxy) = tls_proxy(dir.path(), false).await;
    let host = format!("tcp://127.0.0.1:{port}");
    let endpoint = resolved(&[("DOCKER_HOST", &host), ("DOCKER_TLS", "1"), ("DOCKER_CERT_PATH", "/nonexistent")]);
    assert_eq!(endpoint.tls, Some(TlsFiles { ca: None, cert: None, key: None, verify: false }));
    works(&endpoint, "tlsskip").await;
    proxy.abort();
    let (plain, task) = server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    let misled = Endpoint { tls: endpoint.tls, ..plain };
    is(&failure(&misled).await, ErrorKind::Config, &["does not speak TLS", "2376"]);
    task.abort();
}

/// An ssh that reaches this machine only: it notes its arguments and its process, and behaves as the
/// host's name says.
const FAKE_SSH: &str = r#"#!/bin/sh
echo $$ >>"$FAKE_SSH/processes"
echo "$*" >>"$FAKE_SSH/calls"
while [ "$1" != -- ]; do shift; done
host=$2
shift 2
case $host in
good) exec sh -c "exec $*" ;;
denied) echo "Only for staff." >&2; echo "me@denied: Permission denied (publickey)." >&2; exit 255 ;;
changed) echo "Host key verification failed." >&2; exit 255 ;;
bare) exec sh -c "exec no-such-$*" ;;
silent) exit 3 ;;
leaves)
  exec 3<&0
  "$@" <&3 &
  while [ ! -e "$FAKE_SSH/leave" ]; do sleep 0.05; done
  kill -KILL $!
  echo "Connection to leaves closed by remote host." >&2
  exit 255 ;;
esac
"#;

/// Runs the rest of a test in a process of its own whose `ssh` is the fake one; the folder of its notes there.
fn with_fake_ssh(test: &str) -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("FAKE_SSH") {
        return Some(dir.into());
    }
    let dir = tempfile::tempdir().unwrap();
    let ssh = dir.path().join("ssh");
    std::fs::write(&ssh, FAKE_SSH).unwrap();
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("PATH", path)
        .env("FAKE_SSH", dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("1 passed"), "{}", text(&output.stdout));
    None
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

fn ssh(address: &str) -> Endpoint {
    resolved(&[("DOCKER_HOST", address)])
}

#[tokio::test]
async fn ssh_carries_an_engine_and_its_processes_end_with_the_client() {
    let Some(notes) = with_fake_ssh("ssh_carries_an_engine_and_its_processes_end_with_the_client") else { return };
    works(&ssh("ssh://me@good:2222"), "ssh").await;
    let socket = endpoint().address.to_string().replace("unix://", "");
    Engine::connect(&ssh(&format!("ssh://good{socket}"))).unwrap().ping().await.unwrap();
    let calls = std::fs::read_to_string(notes.join("calls")).unwrap();
    for call in calls.lines() {
        assert!(call.contains("-o BatchMode=yes") && call.contains("-o ConnectTimeout="), "{call}");
    }
    assert!(calls.contains("-l me -p 2222 -- good docker system dial-stdio\n"), "{calls}");
    assert!(calls.contains(&format!(" -- good docker --host unix://{socket} system dial-stdio\n")), "{calls}");
    until("the end of every ssh", async || {
        let processes = std::fs::read_to_string(notes.join("processes")).unwrap();
        let alive =
            |pid: &&str| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        let left: Vec<_> = processes.lines().filter(alive).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("alive: {left:?}")) }
    })
    .await;
}

#[tokio::test]
async fn ssh_that_fails_says_why_in_its_own_words() {
    if with_fake_ssh("ssh_that_fails_says_why_in_its_own_words").is_none() {
        return;
    }
    for (host, kind, words) in [
        ("me@denied", ErrorKind::Config, &["me@denied: Permission denied (publickey).", "ssh-add"][..]),
        ("changed", ErrorKind::Config, &["Host key verification failed", "ssh changed docker version"]),
        ("bare", ErrorKind::Config, &["not found", "installed on bare"]),
        ("silent", ErrorKind::Unreachable, &["exit status: 3", "ssh silent docker version"]),
    ] {
        is(&failure(&ssh(&format!("ssh://{host}"))).await, kind, words);
        // The typed client has connections of its own.
        let engine = Engine::connect(&ssh(&format!("ssh://{host}"))).unwrap();
        is(&engine.start("x").await.unwrap_err(), kind, words);
    }
}

#[tokio::test]
async fn a_stream_over_ssh_that_breaks_says_why() {
    let Some(notes) = with_fake_ssh("a_stream_over_ssh_that_breaks_says_why") else { return };
    let engine = Engine::connect(&ssh("ssh://leaves")).unwrap();
    let mut events = engine.events(None).await.unwrap();
    std::fs::write(notes.join("leave"), "").unwrap();
    let broken = async {
        loop {
            // Events of other tests may come before.
            match events.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => panic!("it ended as if in order"),
            }
        }
    };
    let error = timeout(PATIENCE, broken).await.unwrap();
    is(&error, ErrorKind::Unreachable, &["broke off", "closed by remote host"]);
}
