//! What tests of the live picture share: things on a real engine, and a proxy that
//! refuses. Everything bears a label of its own and goes away with the value that made it.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ondeck::engine::{Address, Endpoint, Surroundings};
use ondeck::fleet::{Host, Options, Snapshot};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::docker::IMAGE;

/// The label that says which test made something.
pub const LABEL: &str = "dev.ondeck.test";
/// How long a condition may take: a busy machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The engine that the docker command would use.
pub fn endpoint() -> Endpoint {
    Endpoint::resolve(None, &Surroundings::of_process()).unwrap()
}

/// The engine at a URL.
pub fn endpoint_at(url: &str) -> Endpoint {
    Endpoint { name: url.to_owned(), address: Address::parse(url).unwrap(), tls: None, source: "test".to_owned() }
}

/// A watcher as the panel has it.
pub fn watch(endpoint: &Endpoint) -> Host {
    Host::open(endpoint, Options { read_only: false, stats: true }).unwrap()
}

/// What one test made on one engine: containers, networks, volumes with its label. Removed on drop.
pub struct Made {
    /// Unique; the label's value and the beginning of every name.
    pub tag: String,
    url: String,
}

impl Made {
    /// Nothing yet, on the engine the docker command would use.
    pub fn new(test: &str) -> Self {
        Self::on(test, &endpoint().address.to_string())
    }

    /// Nothing yet, on the engine at `url`.
    pub fn on(test: &str, url: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { tag: format!("ondeck-test-{test}-{}-{n}", std::process::id()), url: url.to_owned() }
    }

    /// `dev.ondeck.test=TAG`.
    pub fn label(&self) -> String {
        format!("{LABEL}={}", self.tag)
    }

    /// A unique name.
    pub fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.tag)
    }

    /// Whether something bears this test's label.
    pub fn owns(&self, labels: &std::collections::BTreeMap<String, String>) -> bool {
        labels.get(LABEL) == Some(&self.tag)
    }

    /// Runs the docker command on this engine: what it printed, or what it complained of.
    pub fn attempt(&self, args: &[&str]) -> Result<String, String> {
        let output = Command::new("docker")
            .args(args)
            .env("DOCKER_HOST", &self.url)
            .env_remove("DOCKER_CONTEXT")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Runs the docker command, which must succeed.
    pub fn docker(&self, args: &[&str]) -> String {
        self.attempt(args).unwrap_or_else(|e| panic!("docker {}: {e}", args.join(" ")))
    }

    /// Starts a container: its identifier. `args` are options, the image is [`IMAGE`], `command` may be empty.
    pub fn run(&self, name: &str, args: &[&str], command: &[&str]) -> String {
        let (name, label) = (self.name(name), self.label());
        let all = [&["run", "-d", "--name", &name, "--label", &label], args, &[IMAGE], command].concat();
        self.docker(&all)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let filter = format!("label={}", self.label());
        for (list, remove) in [
            (&["ps", "-aq"][..], &["rm", "-fv"][..]),
            (&["network", "ls", "-q"], &["network", "rm"]),
            (&["volume", "ls", "-q"], &["volume", "rm", "-f"]),
        ] {
            let ids = self.attempt(&[list, &["--filter", &filter]].concat()).unwrap_or_default();
            let ids: Vec<&str> = ids.lines().collect();
            // A few at a time: engine 20.10 may lock itself up when very many containers leave networks at once.
            for some in ids.chunks(4) {
                if let Err(e) = self.attempt(&[remove, some].concat()) {
                    eprintln!("{} left something behind: {e}", self.tag);
                }
            }
        }
    }
}

/// Waits until a snapshot shows what is looked for.
pub async fn seen<T>(host: &Host, what: &str, mut look: impl FnMut(&Snapshot) -> Option<T>) -> T {
    let mut snapshots = host.snapshots();
    let wait = async {
        loop {
            let snap = snapshots.borrow_and_update().clone();
            if let Some(found) = look(&snap) {
                return found;
            }
            snapshots.changed().await.unwrap();
        }
    };
    if let Ok(found) = tokio::time::timeout(PATIENCE, wait).await {
        return found;
    }
    let snap = host.snapshots().borrow().clone();
    panic!("not seen: {what}; link {:?}, listings {:?}, events {:#?}", snap.link, snap.listings, snap.events);
}

/// Asks again and again until an answer comes.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(last) if tokio::time::Instant::now() > end => panic!("never: {what}; last: {last}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// A proxy before an engine that answers some requests with 403, as socket proxies do.
pub struct Filter {
    /// Its address, over TCP.
    pub url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Filter {
    /// Refuses the requests that `refuse` (method, path) says, passes on all others.
    pub async fn new(refuse: fn(&str, &str) -> bool) -> Self {
        let Address::Unix(engine) = endpoint().address else { panic!("the test engine has no unix socket") };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("tcp://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                open.spawn(filtered(client, engine.clone(), refuse));
            }
        });
        Self { url, task }
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request of one connection; the answer says that the connection ends with it.
async fn filtered(mut client: tokio::net::TcpStream, engine: PathBuf, refuse: fn(&str, &str) -> bool) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let text = String::from_utf8(head).unwrap();
    let mut words = text.split_whitespace();
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    if refuse(method, path) {
        let body = "<html><body><h1>403 Forbidden</h1></body></html>";
        let answer = format!(
            "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = client.write_all(answer.as_bytes()).await;
        return;
    }
    let Ok(mut upstream) = tokio::net::UnixStream::connect(engine).await else { return };
    let head = text.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    if upstream.write_all(head.as_bytes()).await.is_ok() {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
    }
}
